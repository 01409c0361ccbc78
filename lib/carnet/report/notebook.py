"""The few verbs that notebooks use: open_book, show, say, record.

What a notebook shows also goes, machine-readable, to whoever publishes it: see `records`.
"""

import base64
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
from IPython.core.getipython import get_ipython
from IPython.core.pylabtools import print_figure
from IPython.display import display
from markupsafe import escape

from carnet.book import book as books
from carnet.book.book import Book
from carnet.book.engines import engine_of, memory
from carnet.book.frames import remove
from carnet.book.mapped import Mapped
from carnet.book.once import WRITTEN_BY, told_of
from carnet.book.queries import DuckDB
from carnet.engagement.file import spoken_in
from carnet.engagement.parameters import Parameters, read_parameters
from carnet.engagement.records import (
    EXHIBIT_TYPE,
    FIGURES_TYPE,
    FINDINGS_TYPE,
    NAMES_TYPE,
    NARROW_TYPE,
    POINTS_TYPE,
    neutralised,
)
from carnet.engagement.running import this_run
from carnet.errors import CarnetError, nearest
from carnet.exhibits.charts import Chart, house_style, use_colours
from carnet.exhibits.charts.base import as_svg, narrow
from carnet.exhibits.exhibit import Answered, Exhibit, Ranked, Said, Section, Shown
from carnet.exhibits.published import published
from carnet.exhibits.tables import (
    HtmlTable,
    definitions_table,
    ledger_table,
    parameters_table,
    reasons_table,
)
from carnet.findings import Finding
from carnet.measures.catalogue import FIGURES
from carnet.measures.register import Recording, start
from carnet.sections.missing import MissingTable
from carnet.wording import Wording, unknown

__all__ = ["appendix", "open_book", "read_parameters", "record", "record_list", "say", "show"]

WHITE_DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTj2FAAAAABJRU5ErkJggg=="
)  # stands for a picture not asked for


@dataclass
class _Process:
    """What this notebook has done so far: what ran, and the figures that it recorded."""

    ran: Recording = field(default_factory=Recording)
    figures: dict[str, Any] = field(default_factory=dict)


_process = _Process()


def open_book(engagement: str | Path, as_of: str = "", language: str = "") -> Book:
    """The engagement's book, see `carnet.book.book.open_book`;
    charts take the colours of the firm that signs.
    """
    _process.ran, _process.figures = start(), {}
    _tell_errors_in(language or spoken_in(engagement) or "en")
    opened = books.open_book(engagement, as_of, language)
    use_colours(opened.engagement.firm_profile.colours)
    if place := this_run().opened:
        with Path(place).open("a", encoding="utf-8") as file:
            file.write(f"{told_of(opened, WRITTEN_BY)}\n")
    return opened


def _tell_errors_in(language: str) -> None:
    """What a cell of this notebook refuses is told in the reader's language."""
    translate = Wording(language, "EUR")._

    def tell(shell: Any, kind: type, error: CarnetError, trace: Any, **_: Any) -> None:
        error.args = error.told(translate).args
        shell.showtraceback((kind, error, trace), running_compiled_code=True)

    if shell := get_ipython():
        shell.set_custom_exc((CarnetError,), tell)


def show(item: Section | Chart | HtmlTable | Sequence[Finding] | str) -> None:
    """Show a section: its exhibits and sentences in their order; its lists are written,
    its checks must hold.

    Raises AssertionError with the message of a check that does not hold. A chart, a table, ranked
    findings or the line that stands for what is missing are shown alone.
    """
    if isinstance(item, Section):
        for part in item.shown:
            _show_part(item, part)
    elif isinstance(item, str):
        say(item, "missing")
    elif isinstance(item, (Chart, HtmlTable)):
        _show_drawn(item, {"annex": True})
    else:
        _show_ranked(item, {})


def _show_part(section: Section, part: Shown) -> None:
    place: dict[str, Any] = {"section": section.name}
    if section.annex:
        place["annex"] = True
    if isinstance(part, Said):
        _say(part.finding or part.sentence, part.kind, place)
    elif isinstance(part, Ranked):
        _show_ranked(part.findings, place)
    elif isinstance(part, Answered):
        kept = [vars(point) | {"amount": _plain(point.amount)} for point in part.points]
        display({POINTS_TYPE: kept}, raw=True)
    else:
        for name, table in part.lists.items():
            record_list(name, table)
        for holds, message in part.checks:
            assert holds, message
        if isinstance(part, Exhibit):
            _show_exhibit(section.wording, part, place)
        elif part.names:
            _record_names(part.names, f"lists/{next(iter(part.lists))}.csv")


def _show_exhibit(w: Wording, exhibit: Exhibit, place: dict[str, Any]) -> None:
    if exhibit.annex:
        place = place | {"annex": True}
    if exhibit.missing:
        _say(exhibit.missing, "missing", place)
        return
    drawn = exhibit.rendered(w)
    place = place | {"key": exhibit.key, "made_by": list(exhibit.made_by)}
    beside: dict[str, Any] = {EXHIBIT_TYPE: published(exhibit, drawn)}
    if isinstance(drawn, Chart) and this_run().lists and this_run().pictures:
        with narrow():
            small = exhibit.rendered(w)
        if isinstance(small, Chart):
            beside[NARROW_TYPE] = as_svg(small, f"{exhibit.key}-narrow", "narrow")
        beside["image/svg+xml"] = as_svg(drawn, exhibit.key, "wide")
    _show_drawn(drawn, place, beside)
    if exhibit.names:
        _record_names(exhibit.names, f"#{exhibit.key}")


def _record_names(findings: str, place: str) -> None:
    """Where the names behind some findings (their keys, space-separated) stand."""
    display({NAMES_TYPE: dict.fromkeys(findings.split(), place)}, raw=True)


def _show_drawn(
    drawn: Chart | HtmlTable, place: dict[str, Any], beside: Mapping[str, Any] = {}
) -> None:
    """A chart or table; where it belongs and what ran for it goes to whoever publishes."""
    metadata: dict[str, Any] = {"carnet": place}
    if isinstance(drawn, HtmlTable):
        shown = {"text/html": drawn.html, "text/plain": drawn.text}
        display({**shown, **beside}, metadata=metadata, raw=True)
        return
    if "image/svg+xml" in beside:
        display({"text/plain": drawn.alt, **beside}, metadata=metadata, raw=True)
        return
    png = WHITE_DOT
    if this_run().pictures:
        with house_style():
            png = print_figure(drawn.figure, "png", bbox_inches=None, metadata={"Software": None})
    metadata |= {"image/png": {"alt": drawn.alt}}
    display({"image/png": png, "text/plain": drawn.alt, **beside}, metadata=metadata, raw=True)


def _show_ranked(findings: Sequence[Finding], place: dict[str, Any]) -> None:
    html = "".join(f"<li>{_html(finding.sentence)}</li>" for finding in findings)
    kept = [_plain_finding(finding) for finding in findings]
    text = "\n".join(f"{i}. {finding.sentence}" for i, finding in enumerate(findings, 1))
    display(
        {"text/html": f'<ol class="findings">{html}</ol>', FINDINGS_TYPE: kept, "text/plain": text},
        metadata={"carnet": place},
        raw=True,
    )


def say(what: str | Finding, kind: str = "so-what") -> None:
    """Show one sentence, if any, as text: nothing in it is taken for markup.

    A finding also goes to the executive summary.
    """
    _say(what, kind, {})


def _say(what: str | Finding, kind: str, place: dict[str, Any]) -> None:
    sentence = what.sentence if isinstance(what, Finding) else what
    if not sentence:
        return
    shown = {"text/html": f'<p class="{kind}">{_html(sentence)}</p>', "text/plain": sentence}
    place = place | {"kind": kind}
    if isinstance(sentence, MissingTable):
        place["needs"] = list(sentence.needs)
    display(
        shown | ({FINDINGS_TYPE: [_plain_finding(what)]} if isinstance(what, Finding) else {}),
        metadata={"carnet": place},
        raw=True,
    )


def record(values: Mapping[str, Any], intervals: Mapping[str, tuple[float, float]] = {}) -> None:
    """Record figures of the register, with their intervals, for figures.json;
    unknown values are recorded as null.
    """
    strangers = [name for name in {**values, **intervals} if name not in FIGURES]
    if strangers:
        raise CarnetError(
            "figure '{strangers}' is not in the register; {nearest}",
            strangers=strangers[0],
            nearest=nearest(strangers[0], FIGURES),
        )
    kept = {}
    for name, value in values.items():
        low, high = (None, None) if unknown(value) else intervals.get(name, (None, None))
        counted = FIGURES[name].unit == "count" and not unknown(value)
        kept[name] = {
            "value": int(value) if counted else _plain(value),
            "low": _plain(low),
            "high": _plain(high),
        }
    _process.figures |= values
    display({FIGURES_TYPE: kept}, raw=True)


def record_list(name: str, table: ir.Table | pd.DataFrame | Mapped) -> None:
    """Write a named list as CSV when the notebook is being published;
    elsewhere the list is only on screen. A table is written by its engine, which hands the rows of
    a mapped one to its function batch by batch.

    A text cell that a spreadsheet would run as a formula gets an apostrophe in front; numbers
    keep 6 decimals, and zero has no sign.
    """
    folder = this_run().lists
    if not folder:
        return
    if not re.fullmatch(r"[a-z_]+", name):
        raise CarnetError(
            "list name {name}: lower-case letters and underscores are accepted.", name=f"{name!r}"
        )
    target = Path(folder) / f"{name}.csv"
    # two notebooks may write the same list: each whole, the last one stays
    beside = target.with_name(f".{name}-{os.getpid()}")
    if isinstance(table, pd.DataFrame):
        table = table.assign(
            **{name: table[name].dt.date for name in table.select_dtypes("datetime").columns}
        )
        table = ibis.memtable(pa.Table.from_pandas(table, preserve_index=False))
        backend = _frames()
    else:
        table = _through_parquet(table, beside.with_suffix(".parquet"))
        backend = table.get_backend()
    rounded = {
        column: table[column].round(6) + 0.0
        for column, kind in table.schema().items()
        if kind.is_floating()
    }
    backend.to_csv(neutralised(table, **rounded), beside)
    beside.replace(target)
    remove(beside.with_suffix(".parquet"))


def _through_parquet(table: ir.Table | Mapped, place: Path) -> ir.Table:
    """What only Parquet brings here without all its rows at once: what a function adds to, and what
    a cluster holds.
    """
    if isinstance(table, Mapped):
        engine_of(table.table).mapped(table, place)
    elif table.get_backend().name == "pyspark":
        table.to_parquet(place)
    else:
        return table
    files = place / "*.parquet" if place.is_dir() else place
    return _frames().read_parquet(files, hive_partitioning=False)


@cache
def _frames() -> Any:
    """Where frames and Parquet are written as lists: Ibis' default database would draw a progress
    bar on stdout over a long one. One thread: in the order of rows, two hold four times as much.
    """
    con = memory()
    con.execute("SET threads = 1")
    return DuckDB.from_connection(con)


def appendix(book: Book, parameters: Parameters) -> None:
    """How to read and check a notebook: rows in, definitions of its figures, its parameters,
    the SQL of what ran.
    """
    w = book.wording
    show(ledger_table(w, w._("Row ledger: what came in, what was accepted"), book.checks))
    if any(check.reasons for check in book.checks.values()):
        show(reasons_table(w, w._("Why rows were set aside"), book.checks))
    else:
        _say(w._("No row was set aside."), "note", {"annex": True})
    known = [name for name in FIGURES if not unknown(_process.figures.get(name))]
    show(definitions_table(w, w._("Definitions"), known))
    given = parameters.named_values
    _show_drawn(parameters_table(w, w._("Parameters"), given), {"annex": True, "parameters": given})
    _show_queries(book)


def _show_queries(book: Book) -> None:
    """The SQL of everything that ran, by name and folded away."""
    for name, ran in sorted(_process.ran.ran.items()):
        query = ran.query
        if not query and ran.table is not None:
            query = book.engine.sql(ran.table)
        if query:
            _show_query(book, name, ran.label, query)


def _show_query(book: Book, name: str, label: str, query: str) -> None:
    # the engine draws its own name for them at random
    sql = re.sub(r"ibis_\w*memtable_\w+", "rows_in_memory", query)
    told = f"{name}: {book.wording._(label)}"
    html = (
        f'<details class="sql"><summary>{escape(told)}</summary><pre '
        f'id="sql-{name}" tabindex="0">{escape(sql)}</pre></details>'
    )
    display(
        {"text/html": html, "text/plain": f"{told}\n{sql}"},
        metadata={"carnet": {"annex": True, "query": name}},
        raw=True,
    )


def _html(sentence: str) -> str:
    """A sentence as HTML text; a sign stays beside the currency that follows it."""
    return re.sub(r"([-+\u2212])(?=[^\w\s\[<&(])", "\\1\u2060", str(escape(sentence)))


def _plain(value: Any) -> float | None:
    """A JSON number of 12 significant digits; unknown is null.

    Beyond them a sum of floats depends on the order in which threads add: the same input must give
    the same bytes.
    """
    return (
        None
        if unknown(value) or abs(float(value)) == float("inf")
        else float(f"{float(value):.12g}")
    )


def _plain_finding(finding: Finding) -> dict[str, Any]:
    return vars(finding) | {
        name: _plain(getattr(finding, name)) for name in ("amount", "low", "high")
    }
