"""Building a book: every table of the engagement read, checked and stored, then orders and cube."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path

import ibis.expr.types as ir
from duckdb import DuckDBPyConnection

from carnet.book.cache import sizes_of
from carnet.book.cube import cube_of, orders_of, span_of, span_table
from carnet.book.engines import Elsewhere, Engine, passing
from carnet.book.held import Connected, contracts_there, held_address, refuse_changed
from carnet.book.queries import DuckDB
from carnet.engagement.file import Engagement
from carnet.engagement.periods import Periods
from carnet.errors import CarnetError, Message, lines
from carnet.intake.checks import TableCheck
from carnet.intake.contracts import Contract
from carnet.intake.goods import (
    SoldCosts,
    account_mapping,
    choose_goods,
    estimate_costs,
    held_costs,
    mark_goods,
    sold_costs,
    with_estimated_costs,
)
from carnet.intake.held import Checked, HeldContract, tell_left_there
from carnet.intake.identities import (
    alike_customers,
    name_customers,
    name_held_customers,
    unknown_references,
)
from carnet.intake.ledger import classify_costs, fill_tables
from carnet.intake.pseudonyms import hide
from carnet.intake.quarantine import begin_quarantine, quarantine
from carnet.intake.sources import SourceFile, forget_raw, load_table
from carnet.intake.sources.base import Reject, identifier, quoted
from carnet.intake.sources.fec import closing_of
from carnet.intake.sources.rates import load_rates
from carnet.intake.sources.reading import ColumnReader
from carnet.wording import Wording

Asking = Callable[[str], AbstractContextManager[None]]
Keep = Callable[[str, ir.Table], ir.Table]
SMALL_BYTES = 1_000_000  # of a book's files: more threads than one cost more than they save
NO_SALES = (
    "SELECT ''::VARCHAR AS customer_id, DATE '2000-01-01' AS date, 0::DECIMAL(18, 4) "
    "AS amount LIMIT 0"
)


@dataclass(frozen=True)
class Inputs:
    """What the tables of an engagement are read by: on this machine, or where an engine holds
    their rows.
    """

    here: dict[str, ColumnReader]
    there: dict[str, HeldContract]
    files: dict[str, list[SourceFile]]
    rejects: dict[str, list[Reject]]

    def checked(
        self, con: DuckDBPyConnection, as_of: dt.date, keep: Keep, asking: Asking, small: bool
    ) -> tuple[dict[str, TableCheck], dict[str, Checked]]:
        """The row ledger of each table, and what the contracts of an engine found; `keep`
        stores a table of the engine. Rows as written of a `small` book stay until its database is
        gone.
        """
        shared, same = self._customers_of_sales()
        checks: dict[str, TableCheck] = {}
        held: dict[str, Checked] = {}
        # a list of customers may be read from the sales
        for name in sorted(self.files, key=lambda name: name != "sales"):
            derived = shared and name == "customers"
            if name in self.there:
                sold = held["sales"] if derived and same and "sales" in held else derived
                with asking(name):
                    held[name] = self.there[name].check(self.files[name], as_of, keep, sold)
                checks[name] = held[name].ledger
                continue
            way = "" if not derived else "sales" if same else "lines"
            contract = Contract(self.here[name])
            checks[name] = contract.check(self.files[name], self.rejects[name], as_of, way)
            if not small:
                forget_raw(con, name)
        return {name: checks[name] for name in self.files}, held

    def _customers_of_sales(self) -> tuple[bool, bool]:
        """Whether the list of customers is read from files of the sales, and from all of them."""
        customers, sales = (
            [file.sha256 for file in self.files.get(name, []) if file.join is None]
            for name in ("customers", "sales")
        )
        return bool(set(customers) & set(sales)), customers == sales


def build(
    engagement: Engagement,
    files: dict[str, list[SourceFile]],
    home: Path,
    key: str,
    connected: Connected,
) -> dt.date:
    """Read, check and store every table of the engagement, then orders and cube;
    returns the audit date. `connected` gives the engagement's engine, asked where it is needed.
    """
    small = _is_small(engagement, files)
    with passing(home.parent, small) as con:
        begin_quarantine(con)
        load_rates(con, engagement)
        if engagement.engine == "duckdb":
            connected = cache(partial(Engine, DuckDB.from_connection(con)))
        inputs = _inputs(con, engagement, files, connected, bool(key))
        as_of = engagement.as_of or _last_day(inputs)
        keep = partial(_kept, connected, home)
        checks, held = inputs.checked(
            con, as_of, keep, lambda name: connected().asking(name), small
        )
        checks |= _completed(con, checks, engagement, files, as_of, held)
        if key:
            hide(con, key, set(checks))
        _name_customers(con, checks, held, listed="customers" in engagement.tables)
        periods = Periods(as_of, engagement.comparison, engagement.fiscal_year_start)
        start, end = periods.current.start, periods.current.end
        sold = _sold_costs(con, checks, held, keep, start, end)
        goods = choose_goods(con, checks, engagement.goods_cost, start, end, sold)
        for found in held.values():
            if found.ledger.quarantined_rows:
                _set_aside(con, connected(), found)
        engine = _stored(con, {*checks, "sales"} - set(held), home, connected)
        sales, orders, cube = (home / f"{name}.parquet" for name in ("sales", "orders", "cube"))
        engine.write(orders_of, {"sales": sales}, orders, periods)
        engine.write(cube_of, {"sales": sales, "orders": orders}, cube, periods)
        refuse_changed(engagement, checks, home, connected)
        span = span_of(engine.row(span_table, {"cube": cube, "orders": orders}, periods))
        ledgers = {name: check.as_json() for name, check in checks.items()}
        record = {
            "as_of": str(as_of),
            "checks": ledgers,
            "span": asdict(span),
            "goods": asdict(goods),
            "sizes": sizes_of(home),
        }
        (home / "book.json").write_text(
            json.dumps(record, ensure_ascii=False, default=str, indent=1), encoding="utf-8"
        )
        return as_of


def _is_small(engagement: Engagement, files: dict[str, list[SourceFile]]) -> bool:
    """True for a book of few bytes, none of them held by an engine."""
    if any(held_address(name, spec, engagement) for name, spec in engagement.tables.items()):
        return False
    paths = (file.path for listed in files.values() for file in listed)
    return sum(path.stat().st_size for path in paths) < SMALL_BYTES


def _kept(connected: Connected, home: Path, name: str, table: ir.Table) -> ir.Table:
    """A table of the engine, stored there in the book's folder."""
    return connected().stored(name, table, home / f"{name}.parquet")


def _set_aside(con: DuckDBPyConnection, engine: Engine, found: Checked) -> None:
    """Add rows set aside to the quarantine: the first ones where another engine keeps them all."""
    if isinstance(engine, Elsewhere):
        rows = found.first_aside().to_pyarrow().to_pylist()
        quarantine(con, found.quarantined(rows))
        tell_left_there(found.ledger)
        return
    names = ", ".join(quoted(file["name"]) for file in found.ledger.files)
    written = ", ".join(
        f"{quoted(header)}: CAST({identifier(header)} AS VARCHAR)"
        for header in found.aside.columns[4:]
    )
    con.execute(
        f"INSERT INTO quarantine SELECT {quoted(found.ledger.table)}, list_extract([{names}], "
        f"_file + 1), _row, _reason, CAST(to_json({{{written}}}) AS VARCHAR) "
        f"FROM ({engine.sql(found.aside)}) ORDER BY _file, _row"
    )


def _name_customers(
    con: DuckDBPyConnection, checks: dict[str, TableCheck], held: dict[str, Checked], listed: bool
) -> None:
    """Tell of customers that look alike, and where there is a list of those that it lacks."""
    for name, check in checks.items():
        if "customer_id" in check.columns:
            if name in held:
                name_held_customers(con, check, held[name].accepted)
            else:
                name_customers(con, check)
    if alike := alike_customers(con, checks.values()):
        next(iter(checks.values())).notices += alike
    if listed and (unlisted := unknown_references(con, checks.values())):
        checks["customers"].notices.append(unlisted)


def _sold_costs(
    con: DuckDBPyConnection,
    checks: dict[str, TableCheck],
    held: dict[str, Checked],
    keep: Keep,
    start: dt.date,
    end: dt.date,
) -> SoldCosts | None:
    """What the sale lines of a period say of their cost, once it is estimated where they have
    none; None where they carry no costs.
    """
    if "sales" not in checks or "cost" not in checks["sales"].columns:
        return None
    if "sales" in held:
        return held_costs(keep("sales", with_estimated_costs(held["sales"].accepted)), start, end)
    estimate_costs(con)
    return sold_costs(con, start, end)


def _inputs(
    con: DuckDBPyConnection,
    engagement: Engagement,
    files: dict[str, list[SourceFile]],
    connected: Connected,
    hidden: bool,
) -> Inputs:
    """Every table loaded, with what reads its columns; raises CarnetError with the faults of all
    of them.
    """
    there = contracts_there(engagement, files, connected, hidden)
    here = [name for name in engagement.tables if name not in there]
    rejects = {name: load_table(con, name, engagement.tables[name], files[name]) for name in here}
    return Inputs(_readers(con, engagement, here), there, files, rejects)


def _readers(
    con: DuckDBPyConnection, engagement: Engagement, names: list[str]
) -> dict[str, ColumnReader]:
    """What reads the columns of each table; raises CarnetError with the faults of all of them."""
    readers, faults = {}, []
    for name in names:
        spec = engagement.tables[name]
        try:
            readers[name] = ColumnReader(con, name, spec, engagement.currency, engagement.rates)
        except CarnetError as error:
            faults.append(error.args[0])
    if faults:
        raise CarnetError(lines(faults))
    return readers


def _completed(
    con: DuckDBPyConnection,
    checks: dict[str, TableCheck],
    engagement: Engagement,
    files: dict[str, list[SourceFile]],
    as_of: dt.date,
    held: Collection[str],
) -> dict[str, TableCheck]:
    """The checks with the tables that the ledger fills; costs are classed, and sales are there."""
    checks = dict(checks)
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
    return checks


def _stored(con: DuckDBPyConnection, tables: set[str], home: Path, connected: Connected) -> Engine:
    """The accepted rows and the quarantine as Parquet, and the engine that reads them."""
    for name in tables:
        _keep(con, f"accepted_{name}", home / f"{name}.parquet")
    _keep(con, "quarantine", home / "quarantine.parquet")
    return connected()


def _keep(con: DuckDBPyConnection, table: str, path: Path) -> None:
    con.execute(f"COPY {table} TO {quoted(str(path))} (FORMAT parquet)")
    con.execute(f"DROP TABLE {table}")


def _none_accepted(check: TableCheck, engagement: Engagement, as_of: dt.date) -> str:
    """Why no sale was accepted: the reasons, then what reading the files told."""
    w = Wording(engagement.language, engagement.currency)
    told = ", ".join(
        f"{w.number(count)} × {check.tell_reason(w, reason)}"
        for reason, count in list(check.reasons.items())[:5]
    )
    refused = Message(
        "sales: none of {rows} rows was accepted ({told}). as_of {as_of}.",
        rows=w.number(check.rows),
        told=told or Message("the files hold no rows"),
        as_of=as_of,
    )
    return lines([refused, *(w.tell(notice) for notice in check.notices if notice.weight)])


def _last_day(inputs: Inputs) -> dt.date:
    """Default audit date: the last sale date, else the ledger's closing date,
    else the end of the last summary, the last departure or survey answer; never in the future.
    """
    today = dt.date.today()
    readers: dict[str, ColumnReader | HeldContract] = {**inputs.here, **inputs.there}
    for name, role in (
        ("sales", "date"),
        ("ledger", "date"),
        ("summary", "period_end"),
        ("departures", "date"),
        ("satisfaction", "date"),
    ):
        if name not in readers:
            continue
        last = readers[name].last_date(today, role)
        if last is None:
            raise CarnetError(
                "{name}: no readable date up to today. Check tables.{name}.columns.{role} and "
                "tables.{name}.format.date in engagement.yml.",
                name=name,
                role=role,
            )
        closings = [
            dt.date.fromisoformat(day)
            for file in inputs.files[name]
            if name == "ledger" and (day := closing_of(file.name))
        ]
        return max([last, *(day for day in closings if day <= today)])
    raise CarnetError(
        "as_of: without sales, ledger, summary, departures or satisfaction the audit date has "
        "no default. Write as_of: YYYY-MM-DD in engagement.yml."
    )
