"""The opened engagement: typed Ibis tables, the orders and the customer × month cube,
cached as Parquet by content.

The cache stands in the engagement's `.carnet/`, one folder per hash of inputs, mapping and reading
code; it is built in a sibling and renamed when complete, so that a killed run leaves nothing
to trust by mistake.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache as once_made
from functools import cached_property, partial
from pathlib import Path
from typing import Any, overload

import ibis
import ibis.expr.types as ir
import pandas as pd

from carnet.book.building import build
from carnet.book.cache import (
    content_hash,
    date_file,
    forget_oldest,
    is_whole,
    put_in_place,
    with_known_date,
)
from carnet.book.cube import Span, last_text
from carnet.book.engines import Engine, answers_one, connect, release
from carnet.book.held import held_address, held_files, refuse_changed
from carnet.engagement.file import Engagement, load_engagement
from carnet.engagement.interpreter import hold_texts
from carnet.engagement.periods import Periods
from carnet.engagement.running import this_run
from carnet.engagement.unfinished import CACHE_NAME, building
from carnet.errors import CarnetError
from carnet.intake.checks import TableCheck
from carnet.intake.goods import Goods
from carnet.intake.pseudonyms import fingerprint, hidden_engagement, load_key
from carnet.intake.sources import find_files
from carnet.measures.register import MEASURES, Ran, note
from carnet.wording import N_, Notice, Wording

YEAR_DAYS = 366
COVER_DAYS = 31  # a table that starts or ends this far inside a window still covers it
# what a book holds of its engine
QUERIES = "queries"  # the folder of a book where `queries` keeps them
CONNECTED = ("engine", "rolling", "cube", "orders", "_named_customers")
# of a month that has begun: lines that are usual, and a share of them that is few
LEAST_LINES, FEW_LINES = 30, 0.1
LEAST_RHYTHMS = 5  # customers that ordered twice, for "half of the customers" to say something


@dataclass(frozen=True)
class Book:
    """One engagement at one audit date.

    Tables are Ibis expressions on Parquet; nothing heavy is in memory.

    `tables` holds the accepted rows by table name; `checks` the row ledger of each;
    `orders` one row per order (customer_id, order_id, date, revenue, line_count); `cube` one row
    per customer × month (see `cube_of`); `span` what time they cover; `goods` tells where the cost
    of goods comes from.
    `pseudonyms` tells the key under which people are hidden; empty where they bear their names.
    `computed` holds what `once` keeps, `stored` what `tables.tabled` does.
    """

    engagement: Engagement
    as_of: dt.date
    folder: Path
    checks: dict[str, TableCheck]
    span: Span
    goods: Goods
    pseudonyms: str = ""
    # never of a book with other periods
    computed: dict[tuple, Any] = field(default_factory=dict, init=False, compare=False)
    kept_tables: dict[str, list[tuple[ir.Table, ir.Table, str]]] = field(
        default_factory=dict, init=False, compare=False
    )
    stored: dict[tuple, Any] = field(default_factory=dict, init=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        """What another process needs to open the same book: no connection, nothing computed."""
        kept = {
            name: getattr(self, name)
            for name in ("engagement", "as_of", "folder", "checks", "span", "goods", "pseudonyms")
        }
        return kept | {"computed": {}, "kept_tables": {}, "stored": {}}

    @cached_property
    def engine(self) -> Engine:
        """Where its queries run, connected when the first one is asked."""
        rows = sum(check.accepted_rows for check in self.checks.values())
        engine = connect(self.engagement.engine, self.folder, rows)
        engine.backend.keep_in(self.folder / QUERIES)
        return engine

    def refuse_changed(self) -> None:
        """Raises CarnetError where rows that stay in a server changed since the book was opened."""
        refuse_changed(self.engagement, self.checks, self.folder, lambda: self.engine)

    def release(self) -> None:
        """Leave the engine to other processes where it answers one (`engines.answers_one`);
        the next question connects anew.
        """
        if answers_one(self.engagement.engine):
            release(self.engagement.engine)
            for name in CONNECTED:
                self.__dict__.pop(name, None)
            self.kept_tables.clear()
            self.stored.clear()

    @cached_property
    def rolling(self) -> Book:
        """This book over the last 12 months and the 12 before, whatever the engagement compares;
        with a connection of its own.
        """
        if self.engagement.comparison == "rolling_year":
            return self
        return replace(
            self, engagement=self.engagement.model_copy(update={"comparison": "rolling_year"})
        )

    @property
    def periods(self) -> Periods:
        """The audit period and the previous one."""
        return Periods(self.as_of, self.engagement.comparison, self.engagement.fiscal_year_start)

    @property
    def wording(self) -> Wording:
        """Sentences and formats of the report's reader."""
        language = self.engagement.language
        return Wording(
            language,
            self.engagement.currency,
            self.engagement.firm_profile.wording.get(language, {}),
        )

    def has(self, table: str, *columns: str) -> bool:
        """True when the table was given, with these columns."""
        return table in self.checks and set(columns) <= set(self.checks[table].columns)

    def table(self, name: str) -> ir.Table:
        """Accepted rows of a table, or `orders`, `cube`, `quarantine`."""
        return self.engine.read(name, self.folder / f"{name}.parquet")

    def kept(self, name: str, table: ir.Table, label: str = "") -> ir.Table:
        """The table computed once, for the queries that follow: they read it by its name.

        It is noted as run (`register.note`) with the SQL that made it; `label` says what it
        is where no measure bears its name.
        """
        made = self.kept_tables.setdefault(name, [])
        known = next((each for each in made if each[0].equals(table)), None)
        if known is None:  # beside those of other parameters, which may still be read
            place = f"{name}_{len(made) + 1}" if made else name
            known = (table, *self.engine.keep(place, table))
            made.append(known)
        _, kept, query = known
        note(name, Ran(label or MEASURES[name].label, query=query))
        return kept

    @cached_property
    def cube(self) -> ir.Table:
        """Customer × month, see `cube_of`."""
        return self.table("cube")

    @cached_property
    def orders(self) -> ir.Table:
        """One row per order, see `orders_of`."""
        return self.table("orders")

    @property
    def customers(self) -> ir.Table:
        """customer_id, name, salesperson of every customer that sales or the customer list name.

        Without a customer list the id stands for the name; the salesperson is the list's, else the
        one of the last sale.
        """
        label = N_(
            "Name and salesperson of every customer: of the customer list, else of the last sale"
        )
        return self.kept("named_customers", self._named_customers, label)

    def names(self, customers: Iterable[str] | None = None) -> pd.DataFrame:
        """`customers` as a frame, or these of them: name and salesperson by customer_id."""
        t = self.customers
        if customers is not None:
            wanted = {"customer_id": sorted(set(customers))}
            named = ibis.memtable(wanted, schema={"customer_id": "string"})
            t = t.semi_join(named, "customer_id")
        return t.execute().drop_duplicates("customer_id").set_index("customer_id")

    @cached_property
    def _named_customers(self) -> ir.Table:
        last = self.cube.group_by("customer_id").agg(
            seller=last_text(self.cube.salesperson, self.cube.last_date)
        )
        if not self.has("customers"):
            return last.select("customer_id", name="customer_id", salesperson="seller")
        listed = self.table("customers")
        name = listed.name if "name" in listed.columns else listed.customer_id
        owner = listed.salesperson if "salesperson" in listed.columns else ibis.null("string")
        listed = listed.select("customer_id", listed_name=name, owner=owner)
        joined = last.outer_join(listed, "customer_id")
        customer = ibis.coalesce(joined.customer_id, joined.customer_id_right)
        return joined.select(
            customer_id=customer,
            name=ibis.coalesce(joined.listed_name, customer),
            salesperson=ibis.coalesce(joined.owner, joined.seller),
        )

    @cached_property
    def activity_kinds(self) -> list[str]:
        """The kinds of activity that the service table holds, in alphabetical order;
        none without it.
        """
        if not self.has("service"):
            return []
        kinds = self.table("service").activity.as_table().distinct().execute()
        return kinds.activity.dropna().sort_values().tolist()

    @property
    def sales_row_count(self) -> int:
        """Accepted sale lines."""
        return self.checks["sales"].accepted_rows if "sales" in self.checks else 0

    @property
    def first_sale(self) -> dt.date | None:
        """Date of the first positive sale line."""
        return self.span.first_sale

    @property
    def last_sale(self) -> dt.date | None:
        """Date of the last positive sale line."""
        return self.span.last_sale

    @property
    def longest_pause_days(self) -> int:
        """Most days between two consecutive days with an order."""
        return self.span.longest_pause_days

    @property
    def orders_too_rarely(self) -> bool:
        """True when the median customer orders less than once a year:
        a year without an order is no departure, and no movement is told.
        """
        return (
            self.span.usual_interval_days or 0
        ) > YEAR_DAYS and self.span.rhythm_count >= LEAST_RHYTHMS

    @cached_property
    def previous_order_count(self) -> int:
        """Orders of the previous period."""
        return int(
            self.cube.filter(self.periods.in_previous(self.cube)).order_count.sum().execute() or 0
        )

    @property
    def previous_is_complete(self) -> bool:
        """False when the sales given start later in the previous period than a pause usual for this
        book explains, or skip it.
        """
        return self.covers("sales", self.periods.previous.start) and self.previous_order_count > 0

    @property
    def comparable_months(self) -> list[int]:
        """Audit months of the audit period that the sales given cover whole,
        this year and a year earlier.

        A month is left out on both sides when it ends a week or more after the last sale, or
        started a week or more before the first one a year earlier; pauses that are usual for this
        book are forgiven.
        """
        if self.first_sale is None or self.last_sale is None or not self.previous_order_count:
            return []
        months = range(self.periods.month_count)
        starts = {
            m: max(
                self.periods.month_end(m + 13), self.periods.previous.start - dt.timedelta(days=1)
            )
            for m in months
        }
        pause = max(7, self.longest_pause_days)
        given = [
            m
            for m in months
            if self.previous_is_complete or (self.first_sale - starts[m]).days <= 8
        ]
        return [m for m in given if (self.periods.month_end(m) - self.last_sale).days <= pause]

    def reaches_back(self, years: int) -> bool:
        """True when an audit `years` earlier would have had its two periods, too."""
        return self.covers("sales", self.periods.earlier(years).previous.start)

    def given(self, table: str) -> tuple[pd.Timestamp, pd.Timestamp]:
        """Days of the first and the last row of a table: of positive lines for sales;
        NaT without any.
        """
        if table == "sales":
            return pd.Timestamp(self.first_sale), pd.Timestamp(self.last_sale)
        if ("given", table) not in self.computed:
            rows = self.table(table)
            day = rows.opened if table == "opportunities" else rows.date
            first, last = rows.agg(first=day.min(), last=day.max()).execute().iloc[0]
            self.computed["given", table] = pd.Timestamp(first), pd.Timestamp(last)
        return self.computed["given", table]

    @overload
    def covers(self, table: str, start: dt.date, end: dt.date | None = None) -> bool: ...

    @overload
    def covers(
        self, table: str, start: pd.Series, end: pd.Series | None = None
    ) -> pd.Series[bool]: ...

    def covers(self, table: str, start: Any, end: Any = None) -> Any:
        """True where the rows given tell what happened from `start` on, and up to `end`.

        The first row may be `COVER_DAYS` later than `start` and the last one as much earlier than
        `end`, or as much as the longest pause between orders where these are the sales; but of a
        time without a row on both sides nothing is known. `start` and `end` are days, or one for
        each customer.
        """
        tolerated, (first, last) = self._tolerated(table), self.given(table)
        start = pd.to_datetime(start)
        begun = start + tolerated >= first
        if end is None:
            return begun
        end = pd.to_datetime(end)
        return begun & (end - tolerated <= last) & (start <= last) & (end >= first)

    def covers_days(self, table: str, start: ir.DateValue, end: ir.DateValue) -> ir.BooleanValue:
        """`covers` of the days of a table."""
        tolerated, (first, last) = self._tolerated(table), self.given(table)
        if pd.isna(first):
            return ibis.literal(False)
        begun = start >= ibis.date((first - tolerated).date())
        told = end <= ibis.date((last + tolerated).date())
        beside = (start > ibis.date(last.date())) | (end < ibis.date(first.date()))
        return begun & told & ~beside

    def _tolerated(self, table: str) -> pd.Timedelta:
        pause = max(COVER_DAYS, self.longest_pause_days) if table == "sales" else COVER_DAYS
        return pd.Timedelta(days=pause)

    @property
    def notices(self) -> list[Notice]:
        """What the reader must know of the data before reading a figure,
        what touches most of the money first.
        """
        notices = [
            *(notice for check in self.checks.values() for notice in check.notices),
            *self.goods.notices,
        ]
        if (
            self.first_sale
            and not self.previous_order_count
            and self.first_sale <= self.periods.previous.start
        ):
            notices.append(
                Notice(
                    N_(
                        "No sale of the previous period was given, although earlier ones were: "
                        "nothing is compared with it."
                    ),
                    {},
                    1.0,
                )
            )
        elif self.first_sale and not self.previous_is_complete:
            message = N_(
                "Sales start on {first}, after the start of the previous period ({start}): "
                "comparisons with it are incomplete."
            )
            dates = {
                "first": self.wording.date(self.first_sale),
                "start": self.wording.date(self.periods.previous.start),
            }
            notices.append(Notice(message, dates, 1.0))
        notices += self._told_end()
        if self.first_sale and self.periods != self.periods.yearly:
            message = N_(
                "Money, orders and active customers are compared over the fiscal year so far; "
                "retention, movements of customers, lifetimes and whatever else is said per year "
                "are of the 12 months from {start} to {end}."
            )
            year = self.periods.yearly.current
            notices.append(
                Notice(
                    message,
                    {"start": self.wording.date(year.start), "end": self.wording.date(year.end)},
                )
            )
        if self.orders_too_rarely:
            message = N_(
                "Half of the customers order less than once in {months} months: a year without "
                "an order is no departure. Movements of customers, retention and lifetimes are not "
                "measured; overdue customers are listed by their own rhythm (sales_gaps)."
            )
            notices.append(
                Notice(message, {"months": int((self.span.usual_interval_days or 0) / 30.44)}, 1.0)
            )
        return sorted(notices, key=lambda notice: -notice.weight)

    def _told_end(self) -> list[Notice]:
        """Told where the audit date lies behind the sales given, or where some stray lines alone
        reach it.
        """
        as_of, last, end = self.as_of, self.last_sale, self.as_of.replace(day=1)
        if last is None:
            return []
        told = {"as_of": self.wording.date(as_of)}
        silent = (as_of - last).days
        if silent > max(COVER_DAYS, self.longest_pause_days):
            message = N_(
                "The last sale given is of {last}, {days} days before the audit date ({as_of}): "
                "the days since count as days without a sale. If the sales given end there, write "
                "as_of: {day}."
            )
            last_told = {"last": self.wording.date(last), "days": silent, "day": str(last)}
            return [Notice(message, told | last_told, 1.0)]
        expected = self.span.year_lines * as_of.day / YEAR_DAYS
        usual = not self.span.month_lines and silent <= self.longest_pause_days  # closed, as before
        if usual or expected < LEAST_LINES or self.span.month_lines > FEW_LINES * expected:
            return []
        message = N_(
            "The month of the audit date ({as_of}) holds few sale lines up to it: {count}, where "
            "about {expected} are usual. If the sales given end before, write as_of: {day}."
        )
        counts = {"count": self.span.month_lines, "expected": round(expected)}
        day = str(end - dt.timedelta(days=1))
        return [Notice(message, told | counts | {"day": day}, 1.0)]


def open_book(
    folder: str | Path,
    as_of: str | dt.date | None = None,
    language: str | None = None,
    anonymise: bool | None = None,
) -> Book:
    """Open FOLDER/engagement.yml: from its cache when inputs and mapping have not changed,
    else by reading the inputs.

    `anonymise` hides people behind pseudonyms (default: as the audit does that this process belongs
    to). Raises CarnetError with every fault found.
    """
    engagement = load_engagement(folder, as_of=_parse_as_of(as_of), language=language)
    return _opened(engagement, anonymise)


def _opened(engagement: Engagement, anonymise: bool | None) -> Book:
    hidden_people = this_run().anonymise if anonymise is None else anonymise
    key = load_key(engagement.folder) if hidden_people else ""
    cache = engagement.folder / CACHE_NAME
    cache.mkdir(exist_ok=True)
    # a folder of another user, or one that cannot be written: what follows tells
    with contextlib.suppress(OSError):
        cache.chmod(0o700)
    with building(cache) as scratch:
        connected = once_made(partial(connect, engagement.engine, cache))
        files = {
            name: held_files(name, address, cache, connected)
            if (address := held_address(name, spec, engagement))
            else find_files(name, spec, engagement.folder, scratch)
            for name, spec in engagement.tables.items()
        }
        dated = with_known_date(engagement, files, cache, key)
        home = cache / content_hash(dated, files, key)
        if not is_whole(home):
            made = scratch / "book"
            made.mkdir()
            dated = dated.model_copy(update={"as_of": build(dated, files, made, key, connected)})
            home = cache / content_hash(dated, files, key)
            put_in_place(made, home)
            forget_oldest(cache)
        if engagement.as_of is None:
            date_file(engagement, files, cache, key).write_text(str(dated.as_of), encoding="utf-8")
    (home / "book.json").touch()
    record = json.loads((home / "book.json").read_text(encoding="utf-8"))
    checks = {name: TableCheck.from_json(check) for name, check in record["checks"].items()}
    days = {
        name: day and dt.date.fromisoformat(day)
        for name, day in record["span"].items()
        if name.endswith("_sale")
    }
    goods = Goods(
        record["goods"]["source"],
        [Notice.from_json(notice) for notice in record["goods"]["notices"]],
    )
    opened = Book(
        engagement,
        dt.date.fromisoformat(record["as_of"]),
        home,
        checks,
        Span(**record["span"] | days),
        goods,
    )
    hold_texts(opened.span.customer_count)
    if not key:
        return opened
    hidden = hidden_engagement(
        engagement, key, Wording(engagement.language, engagement.currency)._("withheld")
    )
    return replace(opened, engagement=hidden, pseudonyms=fingerprint(key))


def _parse_as_of(as_of: str | dt.date | None) -> dt.date | None:
    if not as_of or isinstance(as_of, dt.date):
        return as_of or None
    try:
        return dt.date.fromisoformat(as_of)
    except ValueError:
        raise CarnetError(
            "as_of: {as_of} is not a date. Write YYYY-MM-DD.", as_of=f"{as_of!r}"
        ) from None
