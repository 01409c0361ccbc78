"""The opened engagement: typed Ibis tables, the orders and the customer × month cube, cached as Parquet by content.

The cache stands in the engagement's `.carnet/`, one folder per hash of inputs, mapping and reading code; it is built in a
sibling and renamed when complete, so that a killed run leaves nothing to trust by mistake.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
import shutil
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd
from duckdb import DuckDBPyConnection

from carnet.book.engines import Engine, connect, memory
from carnet.engagement.file import Engagement, load_engagement
from carnet.engagement.periods import Periods
from carnet.engagement.running import this_run
from carnet.engagement.unfinished import CACHE_NAME, building
from carnet.errors import CarnetError, Message, lines
from carnet.intake.contracts import Contract, TableCheck, alike_customers, unknown_references
from carnet.intake.goods import Goods, account_mapping, choose_goods, estimate_costs, mark_goods
from carnet.intake.ledger import classify_costs, fill_tables
from carnet.intake.pseudonyms import fingerprint, hidden_engagement, hide, load_key
from carnet.intake.sources import SourceFile, find_files, forget_raw, load_table, sha256_of
from carnet.intake.sources.fec import closing_of
from carnet.intake.sources.rates import load_rates
from carnet.intake.sources.reading import ColumnReader
from carnet.measures.register import MEASURES, Ran, note
from carnet.wording import N_, Notice, Wording

KEPT_BOOKS = 6
YEAR_DAYS = 366
LEAST_RHYTHMS = 5  # customers that ordered twice, for "half of the customers" to say something
BUILT_FROM = {
    "tables", "as_of", "comparison", "fiscal_year_start", "currency", "cost_behaviour", "linked_share_minimum", "engine", "goods_cost", "rates",
}  # fmt: skip
NO_SALES = "SELECT ''::VARCHAR AS customer_id, DATE '2000-01-01' AS date, 0::DECIMAL(18, 4) AS amount LIMIT 0"


@dataclass(frozen=True)
class Span:
    """The time that the sales given cover: days of the first and the last positive line, most days between two days with an order; how often the
    median customer orders, in days (None where nobody ordered twice), and of how many that is the median.
    """  # fmt: skip

    first_sale: dt.date | None
    last_sale: dt.date | None
    longest_pause_days: int
    usual_interval_days: float | None
    rhythm_count: int


@dataclass(frozen=True)
class Book:
    """One engagement at one audit date. Tables are Ibis expressions on Parquet; nothing heavy is in memory.

    `tables` holds the accepted rows by table name; `checks` the row ledger of each; `orders` one row per order
    (customer_id, order_id, date, revenue, line_count); `cube` one row per customer × month (see `cube_of`); `span` what time they cover;
    `goods` tells where the cost of goods comes from.
    `pseudonyms` tells the key under which people are hidden; empty where they bear their names. `computed` holds what `once` keeps.
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
    kept_tables: dict[str, tuple[ir.Table, ir.Table, str]] = field(default_factory=dict, init=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        """What another process needs to open the same book: no connection, nothing computed."""
        kept = {name: getattr(self, name) for name in ("engagement", "as_of", "folder", "checks", "span", "goods", "pseudonyms")}
        return kept | {"computed": {}, "kept_tables": {}}

    @cached_property
    def engine(self) -> Engine:
        """Where its queries run, connected when the first one is asked."""
        return connect(self.engagement.engine, self.folder.parent)

    @cached_property
    def rolling(self) -> Book:
        """This book over the last 12 months and the 12 before, whatever the engagement compares; with a connection of its own."""
        if self.engagement.comparison == "rolling_year":
            return self
        return replace(self, engagement=self.engagement.model_copy(update={"comparison": "rolling_year"}))

    @property
    def periods(self) -> Periods:
        """The audit period and the previous one."""
        return Periods(self.as_of, self.engagement.comparison, self.engagement.fiscal_year_start)

    @property
    def wording(self) -> Wording:
        """Sentences and formats of the report's reader."""
        language = self.engagement.language
        return Wording(language, self.engagement.currency, self.engagement.firm_profile.wording.get(language, {}))

    def has(self, table: str, *columns: str) -> bool:
        """True when the table was given, with these columns."""
        return table in self.checks and set(columns) <= set(self.checks[table].columns)

    def table(self, name: str) -> ir.Table:
        """Accepted rows of a table, or `orders`, `cube`, `quarantine`."""
        return self.engine.read(name, self.folder / f"{name}.parquet")

    def kept(self, name: str, table: ir.Table, label: str = "") -> ir.Table:
        """The table computed once, for the queries that follow: they read it by its name.

        It is noted as run (`register.note`) with the SQL that made it; `label` says what it is where
        no measure bears its name.
        """
        asked, *_ = self.kept_tables.get(name, (None,))
        if asked is None or not asked.equals(table):
            self.kept_tables[name] = (table, *self.engine.keep(name, table))
        _, kept, query = self.kept_tables[name]
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

        Without a customer list the id stands for the name; the salesperson is the list's, else the one of the last sale.
        """
        label = N_("Name and salesperson of every customer: of the customer list, else of the last sale")
        return self.kept("named_customers", self._named_customers, label)

    def names(self) -> pd.DataFrame:
        """`customers` as a frame: name and salesperson by customer_id."""
        return self.customers.execute().drop_duplicates("customer_id").set_index("customer_id")

    @cached_property
    def _named_customers(self) -> ir.Table:
        last = self.cube.group_by("customer_id").agg(seller=_last_text(self.cube.salesperson, self.cube.last_date))
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
        """The kinds of activity that the service table holds, in alphabetical order; none without it."""
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
        """True when the median customer orders less than once a year: a year without an order is no departure, and no movement is told."""
        return (self.span.usual_interval_days or 0) > YEAR_DAYS and self.span.rhythm_count >= LEAST_RHYTHMS

    @cached_property
    def previous_order_count(self) -> int:
        """Orders of the previous period."""
        return int(self.cube.filter(self.periods.in_previous(self.cube)).order_count.sum().execute() or 0)

    @property
    def previous_is_complete(self) -> bool:
        """False when the sales given start later in the previous period than a pause usual for this book explains, or skip it."""
        tolerated = max(31, self.longest_pause_days)
        starts_in_time = self.first_sale is not None and (self.first_sale - self.periods.previous.start).days <= tolerated
        return starts_in_time and self.previous_order_count > 0

    @property
    def comparable_months(self) -> list[int]:
        """Audit months of the audit period that the sales given cover whole, this year and a year earlier.

        A month is left out on both sides when it ends a week or more after the last sale, or started a week or more before the
        first one a year earlier; pauses that are usual for this book are forgiven.
        """
        if self.first_sale is None or self.last_sale is None or not self.previous_order_count:
            return []
        months = range(self.periods.month_count)
        starts = {m: max(self.periods.month_end(m + 13), self.periods.previous.start - dt.timedelta(days=1)) for m in months}
        pause = max(7, self.longest_pause_days)
        given = [m for m in months if self.previous_is_complete or (self.first_sale - starts[m]).days <= 8]
        return [m for m in given if (self.periods.month_end(m) - self.last_sale).days <= pause]

    def reaches_back(self, years: int) -> bool:
        """True when an audit `years` earlier would have had its two periods, too."""
        start = self.periods.earlier(years).previous.start
        return self.first_sale is not None and (self.first_sale - start).days <= max(31, self.longest_pause_days)

    @property
    def notices(self) -> list[Notice]:
        """What the reader must know of the data before reading a figure, what touches most of the money first."""
        notices = [*(notice for check in self.checks.values() for notice in check.notices), *self.goods.notices]
        if self.first_sale and not self.previous_order_count and self.first_sale <= self.periods.previous.start:
            notices.append(
                Notice(N_("No sale of the previous period was given, although earlier ones were: nothing is compared with it."), {}, 1.0)
            )
        elif self.first_sale and not self.previous_is_complete:
            message = N_("Sales start on {first}, after the start of the previous period ({start}): comparisons with it are incomplete.")
            dates = {"first": self.wording.date(self.first_sale), "start": self.wording.date(self.periods.previous.start)}
            notices.append(Notice(message, dates, 1.0))
        if self.first_sale and self.periods != self.periods.yearly:
            message = N_(
                "Money, orders and active customers are compared over the fiscal year so far; retention, movements of customers, lifetimes and whatever "
                "else is said per year are of the 12 months from {start} to {end}."
            )
            year = self.periods.yearly.current
            notices.append(Notice(message, {"start": self.wording.date(year.start), "end": self.wording.date(year.end)}))
        if self.orders_too_rarely:
            message = N_(
                "Half of the customers order less than once in {months} months: a year without an order is no departure. Movements of customers, "
                "retention and lifetimes are not measured; overdue customers are listed by their own rhythm (sales_gaps)."
            )
            notices.append(Notice(message, {"months": int((self.span.usual_interval_days or 0) / 30.44)}, 1.0))
        return sorted(notices, key=lambda notice: -notice.weight)


def open_book(folder: str | Path, as_of: str | dt.date | None = None, language: str | None = None, anonymise: bool | None = None) -> Book:
    """Open FOLDER/engagement.yml: from its cache when inputs and mapping have not changed, else by reading the inputs.

    `anonymise` hides people behind pseudonyms (default: as the audit does that this process belongs to). Raises CarnetError with every fault found.
    """
    engagement = load_engagement(folder, as_of=_parse_as_of(as_of), language=language)
    try:
        return _opened(engagement, anonymise)
    except CarnetError as error:
        raise error.told(Wording(engagement.language, engagement.currency)._) from None


def _opened(engagement: Engagement, anonymise: bool | None) -> Book:
    hidden_people = this_run().anonymise if anonymise is None else anonymise
    key = load_key(engagement.folder) if hidden_people else ""
    cache = engagement.folder / CACHE_NAME
    cache.mkdir(exist_ok=True)
    with contextlib.suppress(OSError):  # a folder of another user, or one that cannot be written: what follows tells
        cache.chmod(0o700)
    with building(cache) as scratch:
        files = {name: find_files(name, spec, engagement.folder, scratch) for name, spec in engagement.tables.items()}
        dated = _with_known_date(engagement, files, cache, key)
        home = cache / _content_hash(dated, files, key)
        if not _is_whole(home):
            made = scratch / "book"
            made.mkdir()
            dated = dated.model_copy(update={"as_of": _build(dated, files, made, key)})
            home = cache / _content_hash(dated, files, key)
            _rename(made, home)
            _forget_oldest(cache)
        if engagement.as_of is None:
            _date_file(engagement, files, cache, key).write_text(str(dated.as_of), encoding="utf-8")
    (home / "book.json").touch()
    record = json.loads((home / "book.json").read_text(encoding="utf-8"))
    checks = {name: TableCheck.from_json(check) for name, check in record["checks"].items()}
    days = {name: day and dt.date.fromisoformat(day) for name, day in record["span"].items() if name.endswith("_sale")}
    goods = Goods(record["goods"]["source"], [Notice.from_json(notice) for notice in record["goods"]["notices"]])
    opened = Book(engagement, dt.date.fromisoformat(record["as_of"]), home, checks, Span(**record["span"] | days), goods)
    if not key:
        return opened
    hidden = hidden_engagement(engagement, key, Wording(engagement.language, engagement.currency)._("withheld"))
    return replace(opened, engagement=hidden, pseudonyms=fingerprint(key))


def orders_of(sales: ir.Table, periods: Periods) -> ir.Table:
    """One row per order: customer_id, order_id, date (of its first positive line), revenue (Σ amount), line_count.

    An order is a customer's `order_id` with a positive line; a line without one belongs to the customer's order of that day.
    An order whose lines lie in two audit periods is an order of each: a period counts the orders that have a line in it.
    """
    day = sales.date.cast("string")
    order_id = ibis.coalesce(sales.order_id, day) if "order_id" in sales.columns else day
    lines = sales.mutate(order_id=order_id, period=periods.year_index(sales.date))
    positive = lines.amount > 0
    orders = lines.group_by("customer_id", "order_id", "period").agg(
        date=lines.date.min(where=positive), revenue=lines.amount.sum().cast("float64"), line_count=positive.sum()
    )
    return orders.filter(orders.date.notnull()).drop("period")


def cube_of(sales: ir.Table, orders: ir.Table, periods: Periods) -> ir.Table:
    """Customer × month: every portfolio measure starts here.

    One row per customer_id, month (first day of the calendar month) and audit_month (months back from as_of, cut at its
    day). Columns: revenue, quantity, cost (Σ; estimated where a line has none, NULL where not given at all), positive_revenue and costed_revenue (Σ of
    the positive lines, and of those whose own cost is known),
    order_count, line_count, positive_line_count, first_date and last_date (of positive lines), salesperson (of the last line).
    An order is counted where its first positive line falls.
    """
    given = set(sales.columns)
    lines = sales.mutate(
        month=sales.date.truncate("M"),
        audit_month=periods.audit_month(sales.date),
        salesperson=sales.salesperson if "salesperson" in given else ibis.null("string"),
        quantity=sales.quantity if "quantity" in given else ibis.null("float64"),
        cost=sales.estimated_cost if "estimated_cost" in given else ibis.null("float64"),
        costed=sales.cost.notnull() if "cost" in given else ibis.literal(False),
    )
    positive = lines.amount > 0
    cells = lines.group_by("customer_id", "month", "audit_month").agg(
        revenue=lines.amount.sum().cast("float64"),
        quantity=lines.quantity.sum().cast("float64"),
        cost=lines.cost.sum().cast("float64"),
        # no positive line, or none with a cost: no revenue of the kind
        positive_revenue=lines.amount.sum(where=positive).cast("float64").fill_null(0.0),
        costed_revenue=lines.amount.sum(where=positive & lines.costed).cast("float64").fill_null(0.0),
        line_count=lines.count(),
        positive_line_count=positive.sum(),
        first_date=lines.date.min(where=positive),
        last_date=lines.date.max(where=positive),
        salesperson=_last_text(lines.salesperson, lines.date),
    )
    dated = orders.mutate(month=orders.date.truncate("M"), audit_month=periods.audit_month(orders.date))
    counted = dated.group_by("customer_id", "month", "audit_month").agg(order_count=dated.count())
    joined = cells.left_join(counted, ["customer_id", "month", "audit_month"])
    # no row in `counted` means that no order starts in this cell: a count of zero, not an unknown
    return joined.select(*cells.columns, order_count=joined.order_count.fill_null(0))


def span_of(cube: ir.Table, orders: ir.Table) -> Span:
    """See `Span`: without a sale no day is known."""
    ends = cube.agg(first=cube.first_date.min(), last=cube.last_date.max()).execute().iloc[0]
    days = orders.select("date").distinct()
    own = orders.group_by("customer_id").agg(days=orders.date.nunique(), span=orders.date.max().delta(orders.date.min(), unit="day"))
    twice = own.filter(own.days > 1).mutate(interval=lambda t: t.span / (t.days - 1))
    usual, count = twice.agg(usual=twice.interval.quantile(0.5), count=twice.count()).execute().iloc[0]
    pauses = days.mutate(pause=days.date.delta(days.date.lag().over(ibis.window(order_by=days.date)), unit="day"))
    longest = pauses.pause.max().execute()  # NULL with fewer than two days
    pause, interval = 0 if pd.isna(longest) else int(longest), None if pd.isna(usual) else float(usual)
    return Span(_as_date(ends["first"]), _as_date(ends["last"]), pause, interval, int(count))


def _last_text(text: ir.StringColumn, date: ir.DateColumn) -> ir.StringScalar:
    """The text of the last day that has one, the last in order among several: not every engine orders what it aggregates."""
    return (date.cast("string") + text).max().substr(len("2025-12-31"))


def _checked(
    con: DuckDBPyConnection,
    readers: dict[str, ColumnReader],
    files: dict[str, list[SourceFile]],
    rejects: dict[str, list],
    as_of: dt.date,
) -> dict[str, TableCheck]:
    """Each table against its contract, sales first: a list of customers may be read from them."""
    checks = {}
    hashes = {name: [file.sha256 for file in given if file.join is None] for name, given in files.items()}
    for name in sorted(readers, key=lambda name: name != "sales"):  # a list of customers may be read from the sales
        shared = name == "customers" and set(hashes[name]) & set(hashes.get("sales", []))
        derived = "" if not shared else "sales" if hashes[name] == hashes["sales"] else "lines"
        checks[name] = Contract(readers[name]).check(files[name], rejects[name], as_of, derived)
        forget_raw(con, name)
    return {name: checks[name] for name in readers}


def _build(engagement: Engagement, files: dict[str, list[SourceFile]], home: Path, key: str) -> dt.date:
    """Read, check and store every table of the engagement, then orders and cube; returns the audit date."""
    con = memory(home.parent)
    con.execute('CREATE TABLE quarantine ("table" VARCHAR, file VARCHAR, row BIGINT, reason VARCHAR, original_values VARCHAR)')
    load_rates(con, engagement)
    rejects = {name: load_table(con, name, spec, files[name]) for name, spec in engagement.tables.items()}
    readers = {}
    faults = []
    for name, spec in engagement.tables.items():
        try:
            readers[name] = ColumnReader(con, name, spec, engagement.currency, engagement.rates)
        except CarnetError as error:
            faults.append(error.args[0])
    if faults:
        raise CarnetError(lines(faults))
    as_of = engagement.as_of or _last_day(readers, files)
    checks = _checked(con, readers, files, rejects, as_of)
    if "costs" in checks:
        classify_costs(con, engagement.cost_behaviour, *account_mapping(con))
        checks["costs"].columns += [] if "behaviour" in checks["costs"].columns else ["behaviour"]
    if "ledger" in checks:
        checks |= fill_tables(con, checks["ledger"], files["ledger"], engagement, as_of)
    if "costs" in checks:
        mark_goods(con)
    if "sales" not in checks:
        con.execute(f"CREATE TABLE accepted_sales AS {NO_SALES}")
    elif not checks["sales"].accepted_rows:
        raise CarnetError(_none_accepted(checks["sales"], engagement, as_of))
    if key:
        hide(con, key, set(checks))
    if alike := alike_customers(con, checks.values()):
        next(iter(checks.values())).notices += alike
    if "customers" in engagement.tables:
        unlisted = unknown_references(con, checks.values())
        checks["customers"].notices += [unlisted] if unlisted else []
    estimate_costs(con)
    periods = Periods(as_of, engagement.comparison, engagement.fiscal_year_start)
    goods = choose_goods(con, checks, engagement.goods_cost, periods.current.start, periods.current.end)
    backend = ibis.duckdb.from_connection(con)
    for name in {*checks, "sales"}:
        backend.table(f"accepted_{name}").to_parquet(home / f"{name}.parquet")
        con.execute(f"DROP TABLE accepted_{name}")
    backend.table("quarantine").to_parquet(home / "quarantine.parquet")
    engine = Engine(backend) if engagement.engine == "duckdb" else connect(engagement.engine, home.parent)
    sales = engine.read("sales", home / "sales.parquet")
    orders_of(sales, periods).to_parquet(home / "orders.parquet")
    cube_of(sales, engine.read("orders", home / "orders.parquet"), periods).to_parquet(home / "cube.parquet")
    span = span_of(engine.read("cube", home / "cube.parquet"), engine.read("orders", home / "orders.parquet"))
    ledgers = {name: check.as_json() for name, check in checks.items()}
    record = {"as_of": str(as_of), "checks": ledgers, "span": asdict(span), "goods": asdict(goods), "sizes": _sizes(home)}
    (home / "book.json").write_text(json.dumps(record, ensure_ascii=False, default=str, indent=1), encoding="utf-8")
    con.close()
    return as_of


def _none_accepted(check: TableCheck, engagement: Engagement, as_of: dt.date) -> str:
    """Why no sale was accepted: the reasons, then what reading the files told."""
    told = ", ".join(f"{count:,} × {reason}" for reason, count in list(check.reasons.items())[:5]) or "the files hold no rows"
    refused = Message("sales: none of {rows} rows was accepted ({told}). as_of {as_of}.", rows=f"{check.rows:,}", told=told, as_of=as_of)
    w = Wording(engagement.language, engagement.currency)
    return lines([refused, *(w.tell(notice) for notice in check.notices if notice.weight)])


def _last_day(readers: dict[str, ColumnReader], files: dict[str, list[SourceFile]]) -> dt.date:
    """Default audit date: the last sale date, else the ledger's closing date, else the end of the last summary, the last departure or survey answer; never in the future."""
    today = dt.date.today()
    for name, role in (("sales", "date"), ("ledger", "date"), ("summary", "period_end"), ("departures", "date"), ("satisfaction", "date")):
        if name not in readers:
            continue
        last = readers[name].last_date(today, role)
        if last is None:
            raise CarnetError(
                Message(
                    "{name}: no readable date up to today. Check tables.{name}.columns.{role} and tables.{name}.format.date in engagement.yml.",
                    name=name,
                    role=role,
                )
            )
        closings = [dt.date.fromisoformat(day) for file in files[name] if name == "ledger" and (day := closing_of(file.name))]
        return max([last, *(day for day in closings if day <= today)])
    raise CarnetError(
        Message(
            "as_of: without sales, ledger, summary, departures or satisfaction the audit date has no default. Write as_of: YYYY-MM-DD in engagement.yml."
        )
    )


def _content_hash(engagement: Engagement, files: dict[str, list[SourceFile]], key: str) -> str:
    """Hash of what the stored tables depend on: bytes of the inputs, mapping, audit date and the code that reads them."""
    digest = hashlib.sha256()
    kept = engagement.model_dump(mode="json", include=BUILT_FROM)
    names = [(table, file.name, file.sha256) for table, listed in files.items() for file in listed]
    if engagement.rates_file:
        names.append(("rates", engagement.rates_file.name, sha256_of(engagement.rates_file)))
    digest.update(json.dumps([kept, names, fingerprint(key) if key else ""], sort_keys=True).encode())
    package = Path(__file__).parents[1]
    for module in [
        *(package / "engagement" / name for name in ("schema.py", "periods.py", "profiles/pcg.yml")),
        *sorted((package / "intake").glob("*.py")),
        *sorted((package / "intake" / "sources").glob("*.py")),
        *(package / "book" / name for name in ("book.py", "engines.py")),
    ]:
        digest.update(module.read_bytes())
    return digest.hexdigest()[:20]


def _date_file(engagement: Engagement, files: dict[str, list[SourceFile]], cache: Path, key: str) -> Path:
    """Keeps the audit date that these inputs gave where none was named: the book is stored once, under its date."""
    return cache / f"{_content_hash(engagement, files, key)}.as_of"


def _with_known_date(engagement: Engagement, files: dict[str, list[SourceFile]], cache: Path, key: str) -> Engagement:
    """The engagement with the audit date that these inputs gave before; unchanged where that is not known."""
    try:
        known = dt.date.fromisoformat(_date_file(engagement, files, cache, key).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return engagement
    return engagement.model_copy(update={"as_of": engagement.as_of or known})


def _forget_oldest(cache: Path) -> None:
    """Remove all but the KEPT_BOOKS most recently opened books of the cache."""
    with contextlib.suppress(FileNotFoundError):  # another run forgets them at the same time
        opened = sorted(cache.glob("*/book.json"), key=lambda record: record.stat().st_mtime, reverse=True)
        for record in opened[KEPT_BOOKS:]:
            shutil.rmtree(record.parent, ignore_errors=True)
        for stale in sorted(cache.glob("*.as_of"), key=lambda file: file.stat().st_mtime, reverse=True)[KEPT_BOOKS:]:
            stale.unlink(missing_ok=True)


def _rename(made: Path, home: Path) -> None:
    """Publish a finished cache; one that another run finished meanwhile is kept, a damaged one replaced."""
    try:
        made.rename(home)
    except OSError:
        if _is_whole(home):
            return
        home.rename(made.parent / "damaged")
        made.rename(home)


def _is_whole(home: Path) -> bool:
    """True when a stored book is there with every file as long as it was written: a full disk or a careless hand cuts them."""
    try:
        return json.loads((home / "book.json").read_text(encoding="utf-8"))["sizes"] == _sizes(home)
    except (OSError, ValueError, KeyError):
        return False


def _sizes(home: Path) -> dict[str, int]:
    """Bytes of each stored file; hidden ones are an engine's own marks."""
    files = (path for path in sorted(home.rglob("*.parquet")) if path.is_file())
    return {path.relative_to(home).as_posix(): path.stat().st_size for path in files}


def _parse_as_of(as_of: str | dt.date | None) -> dt.date | None:
    if not as_of or isinstance(as_of, dt.date):
        return as_of or None
    try:
        return dt.date.fromisoformat(as_of)
    except ValueError:
        raise CarnetError(Message("as_of: {as_of} is not a date. Write YYYY-MM-DD.", as_of=f"{as_of!r}")) from None


def _as_date(value: object) -> dt.date | None:
    """A date from a scalar that pandas may have turned into a Timestamp or NaT."""
    if value is None or value != value:
        return None
    return value.date() if hasattr(value, "date") else value  # type: ignore[return-value]
