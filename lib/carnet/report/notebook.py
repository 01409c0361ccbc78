"""The few verbs that notebooks use: open_book, show, say, record.

What a notebook shows also goes, machine-readable, to whoever publishes it: see `records`.
"""

import base64
import datetime as dt
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
from IPython.core.pylabtools import print_figure
from IPython.display import display
from markupsafe import escape

from carnet.book import book as books
from carnet.book.book import Book
from carnet.book.engines import memory
from carnet.engagement.records import FIGURES_TYPE, FINDINGS_TYPE, LISTS_VARIABLE, PICTURES_VARIABLE, neutralised
from carnet.engagement.schema import TABLE_LABELS, TABLES
from carnet.errors import CarnetError, nearest
from carnet.exhibits.charts import Chart, use_colours
from carnet.exhibits.tables import HtmlTable
from carnet.findings import Finding
from carnet.intake.goods import LEAST_COSTED
from carnet.intake.ledger import FILLED
from carnet.measures.catalogue import FIGURES, MEASURES
from carnet.wording import unknown

__all__ = [
    "figures_of",
    "incomplete",
    "measured",
    "month_labels",
    "needs",
    "not_comparable",
    "open_book",
    "partly_comparable",
    "record",
    "record_list",
    "say",
    "show",
    "show_sql",
    "source_line",
    "too_few",
    "unmeasured",
    "with_names",
]

WHITE_DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTj2FAAAAABJRU5ErkJggg=="
)  # stands for a picture not asked for


def open_book(engagement: str | Path, as_of: str = "", language: str = "") -> Book:
    """The engagement's book, see `carnet.book.book.open_book`; charts take the colours of the firm that signs."""
    opened = books.open_book(engagement, as_of, language)
    use_colours(opened.engagement.firm_profile.colours)
    return opened


def show(item: Chart | HtmlTable | Sequence[Finding] | str) -> None:
    """Show a chart, a table, ranked findings, or the sentence (if any) that stands for what could not be drawn."""
    if isinstance(item, str):
        say(item, "missing")
    elif isinstance(item, Chart):
        drawn = os.environ.get(PICTURES_VARIABLE) != "off"
        png = print_figure(item.figure, "png", bbox_inches=None, metadata={"Software": None}) if drawn else WHITE_DOT
        display({"image/png": png, "text/plain": item.alt}, metadata={"image/png": {"alt": item.alt}}, raw=True)
    elif isinstance(item, HtmlTable):
        display({"text/html": item.html, "text/plain": item.text}, raw=True)
    else:
        html = "".join(f"<li>{_html(finding.sentence)}</li>" for finding in item)
        kept = [_plain_finding(finding) for finding in item]
        text = "\n".join(f"{i}. {finding.sentence}" for i, finding in enumerate(item, 1))
        display({"text/html": f'<ol class="findings">{html}</ol>', FINDINGS_TYPE: kept, "text/plain": text}, raw=True)


def say(what: str | Finding, kind: str = "so-what") -> None:
    """Show one sentence, if any, as text: nothing in it is taken for markup. A finding also goes to the executive summary."""
    sentence = what.sentence if isinstance(what, Finding) else what
    if not sentence:
        return
    shown = {"text/html": f'<p class="{kind}">{_html(sentence)}</p>', "text/plain": sentence}
    display(shown | ({FINDINGS_TYPE: [_plain_finding(what)]} if isinstance(what, Finding) else {}), raw=True)


def record(values: Mapping[str, Any], intervals: Mapping[str, tuple[float, float]] = {}) -> None:
    """Record figures of the register, with their intervals, for figures.json; unknown values are recorded as null."""
    strangers = [name for name in {**values, **intervals} if name not in FIGURES]
    if strangers:
        raise CarnetError(f"figure '{strangers[0]}' is not in the register; {nearest(strangers[0], FIGURES)}")
    kept = {}
    for name, value in values.items():
        low, high = (None, None) if unknown(value) else intervals.get(name, (None, None))
        counted = FIGURES[name].unit == "count" and not unknown(value)
        kept[name] = {"value": int(value) if counted else _plain(value), "low": _plain(low), "high": _plain(high)}
    display({FIGURES_TYPE: kept}, raw=True)


def record_list(name: str, table: ir.Table | pd.DataFrame) -> None:
    """Write a named list as CSV when the notebook is being published; elsewhere the list is only on screen.

    A text cell that a spreadsheet would run as a formula gets an apostrophe in front; numbers keep 6 decimals, and zero has no sign.
    """
    folder = os.environ.get(LISTS_VARIABLE)
    if not folder:
        return
    if not re.fullmatch(r"[a-z_]+", name):
        raise CarnetError(f"list name {name!r}: lower-case letters and underscores are accepted.")
    backend = _frames() if isinstance(table, pd.DataFrame) else table.get_backend()
    if isinstance(table, pd.DataFrame):
        table = table.assign(**{name: table[name].dt.date for name in table.select_dtypes("datetime").columns})
        table = ibis.memtable(pa.Table.from_pandas(table, preserve_index=False))
    rounded = {column: table[column].round(6) + 0.0 for column, kind in table.schema().items() if kind.is_floating()}
    target = Path(folder) / f"{name}.csv"
    beside = target.with_name(f".{name}-{os.getpid()}")  # two notebooks may write the same list: each whole, the last one stays
    backend.to_csv(neutralised(table.mutate(**rounded) if rounded else table), beside)
    beside.replace(target)


@cache
def _frames() -> Any:
    """Where frames are written as lists: Ibis' default database would draw a progress bar on stdout over a long one."""
    return ibis.duckdb.from_connection(memory())


def figures_of(summary: ir.Table) -> dict[str, float]:
    """The figures of a one-row table; unknown is NaN."""
    row = summary.execute().iloc[0]
    return {name: float("nan") if unknown(value) else value for name, value in row.items()}


def measured(book: Book, figures: Mapping[str, float]) -> dict[str, float]:
    """The figures, those that compare with the previous period unknown when the sales given do not cover it, movements where customers order too rarely.

    Without sales, a summary or a ledger tells the previous period or does not.
    """  # fmt: skip
    known = book.previous_is_complete or not book.has("sales")
    hidden = {name for name, figure in FIGURES.items() if (figure.compares and not known) or (figure.moves and book.orders_too_rarely)}
    return {name: float("nan") if name in hidden else value for name, value in figures.items()}


def with_names(table: ir.Table, book: Book) -> ir.Table:
    """Add name and salesperson to a table that has customer_id; the order of rows is for the caller to set."""
    joined = table.left_join(book.customers, "customer_id")
    return joined.select(joined.customer_id, joined.name, joined.salesperson, *(c for c in table.columns if c != "customer_id"))


def needs(book: Book, table: str, *columns: str) -> str:
    """Empty when the book has the table and columns, else the line that says what would fill the section, or why it is refused."""
    if book.has(table, *columns):
        return ""
    share = book.checks["ledger"].linked_share if "ledger" in book.checks else None
    if table in FILLED and table != "costs" and table not in book.checks and share is not None:
        return book.wording._(
            "Refused: {linked} of the ledger's revenue names a customer, at least {minimum} is needed to speak of customers.",
            linked=book.wording.percent(share),
            minimum=book.wording.percent(book.engagement.linked_share_minimum),
        )
    return book.wording._(
        "Not measured: this section needs the table {table} with {columns}.",
        table=book.wording.tell(TABLE_LABELS[table]),
        columns=", ".join(columns or TABLES[table].required),
    )


def unmeasured(book: Book, value: float | None, table: str, *columns: str) -> str:
    """Empty when the value is known, else the line that says why it is not: the table is missing, or does not tell it."""
    if not unknown(value):
        return ""
    uncosted = [notice for notice in book.goods.notices if notice.values.get("missing_share", 0) > 1 - LEAST_COSTED]
    if uncosted and table == "costs":
        return book.wording.tell(uncosted[0])
    return needs(book, table, *columns) or book.wording._(
        "Not measured: the table {table} does not cover this period, or leaves a part of it unclassified.",
        table=book.wording.tell(TABLE_LABELS[table]),
    )


def source_line(book: Book, *tables: str, start: dt.date | None = None) -> str:
    """The footer of a chart: those of the tables that the book has, and the audit period, or the time from another `start` on."""
    w, period = book.wording, book.periods.current
    used = [w.tell(TABLE_LABELS[name]) for name in tables if name in book.checks] or [w.tell(TABLE_LABELS[name]) for name in book.checks]
    return w._(
        "Source: {tables}; period {start} to {end}", tables=", ".join(used[:4]), start=w.date(start or period.start), end=w.date(period.end)
    )


def month_labels(book: Book, audit_months: Iterable[int]) -> list[str]:
    """Two-line labels of audit months for an axis: calendar months by name, others by the day on which they end."""
    pattern = "MMM\ny" if book.periods.ends_a_month else "d MMM\ny"
    return [book.wording.date(book.periods.month_end(month), pattern) for month in audit_months]


def incomplete(book: Book) -> str:
    """Empty when the previous period is covered by the sales given and a year tells movements, else the line that stands for a comparison with it."""
    if book.orders_too_rarely:
        return _too_rarely(book)
    if book.previous_is_complete:
        return ""
    return book.wording._("Not compared: the sales given do not cover the previous period.")


def _too_rarely(book: Book) -> str:
    return book.wording._("Not measured: half of the customers order less than once a year, and a year without an order is no departure.")


def not_comparable(book: Book) -> str:
    """Empty when some months of both years are covered by the sales given and a year tells gaps, else the line that stands for the gap list."""
    if book.orders_too_rarely:
        return _too_rarely(book)
    if book.comparable_months:
        return ""
    return needs(book, "sales") or book.wording._("Not compared: the sales given cover no month of both years.")


def partly_comparable(book: Book) -> str:
    """Empty when all months of the audit period are compared, else the line that says which ones are."""
    compared, all_months = len(book.comparable_months), book.periods.month_count
    if compared in (0, all_months):
        return ""
    return book.wording._(
        "Compared on both sides: {compared} months of {count}, the others are not covered whole by the sales given.",
        compared=book.wording.number(compared),
        count=book.wording.number(all_months),
    )


def too_few(book: Book, frame: pd.DataFrame | Sequence, least: int = 1) -> str:
    """Empty when the frame or list has at least `least` rows, else the line that stands for the chart or table."""
    return "" if len(frame) >= least else book.wording._("Nothing to show: no such row in these periods.")


def show_sql(book: Book, tables: Mapping[str, ir.Table]) -> None:
    """How tables of the register were computed, folded away: first those that were kept, by the names under which the others read them."""
    asked = {name: (MEASURES[name].label, book.engine.sql(table)) for name, table in tables.items()}
    for name, (label, query) in (dict(sorted(book.kept_queries.items())) | asked).items():
        sql = re.sub(r"ibis_\w*memtable_\w+", "rows_in_memory", query)  # the engine's own name for them is drawn at random
        told = f"{name}: {book.wording._(label)}"
        html = f'<details class="sql"><summary>{escape(told)}</summary><pre id="sql-{name}" tabindex="0">{escape(sql)}</pre></details>'
        display({"text/html": html, "text/plain": f"{told}\n{sql}"}, raw=True)


def _html(sentence: str) -> str:
    """A sentence as HTML text; a sign stays beside the currency that follows it."""
    return re.sub(r"([-+])(?=[^\w\s\[<&(])", "\\1\u2060", str(escape(sentence)))


def _plain(value: Any) -> float | None:
    """A JSON number of 12 significant digits; unknown is null.

    Beyond them a sum of floats depends on the order in which threads add: the same input must give the same bytes.
    """
    return None if unknown(value) or abs(float(value)) == float("inf") else float(f"{float(value):.12g}")


def _plain_finding(finding: Finding) -> dict[str, Any]:
    return vars(finding) | {name: _plain(getattr(finding, name)) for name in ("amount", "low", "high")}
