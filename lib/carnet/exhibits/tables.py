"""HTML tables from finished measures: escaped, aligned, in the reader's formats,
with a fixed id and a caption.

The heading and the format of a field are those of its record in `headings`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from jinja2 import Environment
from markupsafe import Markup, escape

from carnet.engagement.profiles import benchmarks
from carnet.engagement.records import LIST_LIMIT, LIST_ROWS
from carnet.engagement.schema import TABLE_LABELS
from carnet.exhibits.headings import HEADINGS, TEXTS, TIPS, WORDS, Kind
from carnet.exhibits.written import WRITTEN
from carnet.findings.base import write_figure
from carnet.intake.checks import TableCheck
from carnet.measures.catalogue import FIGURES
from carnet.wording import Wording, unknown

LONG_TEXT = 60  # letters from which a text gets a wider column
FILTERS = {
    "salesperson", "abc_class", "client_segment", "status", "outcome", "sign", "behaviour",
    "strategy_name", "arm", "quadrant", "chase_told", "proposed", "standing",
}  # fmt: skip
TEMPLATE = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
    """<div class="scroll" tabindex="0" role="region" aria-label="{{ caption }}"><table id="{{ id }}" class="data{% if first %} list" data-first="{{ first }}" data-total="{{ total }}{% endif %}">
<caption>{{ caption }}</caption>
<thead><tr>{% for label, kind, marks in header %}<th scope="col" class="{{ kind }}"{{ marks }}>{{ label }}</th>{% endfor %}</tr></thead>
<tbody>
{% for row in rows %}
<tr>{% for text, kind, key in row %}<td class="{{ kind }}"{% if key is not none %} data-sort="{{ key }}"{% endif %}>{{ text }}</td>{% endfor %}</tr>
{% endfor %}
</tbody>
</table></div>
{% if note %}<p class="note">{{ note }}</p>{% endif %}
"""  # noqa: E501
)


@dataclass(frozen=True)
class HtmlTable:
    """A rendered table; `text` is what a plain-text reader sees, `header` and `rows` its cells."""

    html: str
    text: str
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    alt: str = ""  # its caption: the cells are text already


def write_value(w: Wording, value: Any, kind: Kind, decimals: int | None = None) -> str:
    """One cell in the reader's format; a dash where there is nothing to write.

    `decimals` is for money.
    """
    if unknown(value) or value is pd.NaT:
        return "–"
    if kind == "word":
        return w._(WORDS[value])
    if kind == "flag":
        return w._("yes") if value else "–"
    writers = {
        "money": lambda v: w.money(v, decimals),
        "gap": lambda v: w.signed_money(v, decimals),
        "cents": lambda v: w.money(v, 2),
        "signed_cents": lambda v: w.signed_money(v, 2),
        "count": w.number,
        "number": lambda v: w.number(v, 1),
        "percent": w.percent,
        "chance": lambda v: f"<\u00a0{w.percent(0.001)}" if v < 0.0005 else w.percent(v),
        "date": lambda v: w.date(v, "short"),
    }
    return writers.get(kind, str)(value)


def _money_decimals(frame: pd.DataFrame, field: str) -> int:
    """Whole units once a column holds thousands, cents below: one column never mixes the two."""
    largest = pd.to_numeric(frame[field], errors="coerce").abs().max()
    return 0 if largest >= 1000 else 2


@dataclass(frozen=True)
class Fields:
    """The fields of a table (space-separated, headings and formats of HEADINGS).

    `cents` shows money to the cent in every column, where sums must be seen to reconcile. `first`
    makes it a list: sorted and filtered on screen, with so many rows shown at first and at most
    LIST_ROWS in the page.
    """

    names: str
    first: int | None = None
    cents: bool = False


def draw_table(
    w: Wording,
    table_id: str,
    caption: str,
    frame: pd.DataFrame,
    columns: Fields | str,
    note: str = "",
) -> HtmlTable:
    """Render `frame`, one row a row, with the fields named in `headings`; a field that no row
    tells is left out.
    """
    shape = Fields(columns) if isinstance(columns, str) else columns
    first, cents = shape.first, shape.cents
    shown = with_written(w, frame if first is None else frame.head(LIST_ROWS), shape.names.split())
    fields = [f for f in shape.names.split() if _told(frame if f in frame else shown, f)]
    kinds = {field: HEADINGS[field][1] for field in fields}
    marks = {
        f: (
            " data-filter" * (f in FILTERS)
            + " data-person" * (f == "salesperson")
            + " data-falling" * (kind not in TEXTS and not _losses(frame, f, kind))
        )
        if first
        else ""
        for f, kind in kinds.items()
    }
    marks = {
        f: mark + (f' title="{escape(w._(TIPS[f]))}"' if f in TIPS else "")
        for f, mark in marks.items()
    }
    unsorted = " no-sort" if first else ""  # a written value has no order of its own
    header = [
        (w._(HEADINGS[f][0]), kind + unsorted * (kind == "written"), Markup(marks[f]))
        for f, kind in kinds.items()
    ]
    decimals = {
        field: 2 if cents else _money_decimals(frame, field)
        for field, kind in kinds.items()
        if kind in ("money", "gap")
    }
    rows = [
        [
            _cell(
                write_value(w, row[f], kind, decimals.get(f)),
                row[f],
                kind,
                sortable=first is not None,
            )
            for f, kind in kinds.items()
        ]
        for row in shown.to_dict("records")
    ]
    if len(shown) < len(frame):
        cut = w._(
            "The page holds the first {count} rows; all of them are in the lists of the report.",
            count=w.number(len(shown)),
        )
        note = f"{note} {cut}".strip()
    # a head tells that there are more, not how many
    count = len(shown) if len(frame) == LIST_LIMIT else len(frame)
    return _rendered(table_id, caption, header, rows, note, (first, count))


def _told(frame: pd.DataFrame, field: str) -> bool:
    """False for a field that no row tells; what is written of other columns always is."""
    if HEADINGS[field][1] in ("written", "flag") or not len(frame):
        return True
    return bool((frame[field].notna() & (frame[field].astype(str) != "")).any())


def _losses(frame: pd.DataFrame, field: str, kind: Kind) -> bool:
    """True for gaps of which most are losses: their first click shows the largest loss."""
    return kind in ("gap", "signed_cents") and frame[field].sum() < 0


def with_written(w: Wording, frame: pd.DataFrame, fields: Sequence[str]) -> pd.DataFrame:
    """The frame with the fields that are written from several of its columns (`written.WRITTEN`),
    those it has left as they are.
    """
    missing = [field for field in fields if field in WRITTEN and field not in frame]
    rows = frame.to_dict("records") if missing else []
    return frame.assign(**{field: [WRITTEN[field](w, row) for row in rows] for field in missing})


def _cell(text: str, value: Any, kind: Kind, sortable: bool) -> tuple[str, str, str | None]:
    """A cell's text, its classes and what it is sorted by."""
    return (
        text,
        kind + " long" * (kind == "text" and len(text) > LONG_TEXT),
        _sort_key(value, kind) if sortable else None,
    )


def _sort_key(value: Any, kind: Kind) -> str | None:
    """What a cell is sorted by on screen: the number or ISO date behind it,
    nothing where it is unknown; a text by itself.

    Ten digits: beyond them a sum hangs on the order in which threads add.
    """
    if unknown(value) or value is pd.NaT:
        return ""
    return (
        None
        if kind in TEXTS or kind == "flag"
        else value.isoformat()
        if kind == "date"
        else f"{float(value):.12g}"
    )


def _heading(w: Wording, field: str) -> str:
    heading, _ = HEADINGS[field]
    return w._(heading)


def _period_headings(w: Wording, periods: pd.DataFrame) -> list[tuple[str, str]]:
    """A heading a period; one that the data do not cover whole is starred."""
    return [
        (w.period(label) + ("" if complete else " *"), "written")
        for label, complete in zip(periods.label, periods.complete, strict=True)
    ]


def _rendered(
    table_id: str,
    caption: str,
    header: Sequence[tuple],
    rows: Sequence[Sequence[tuple]],
    note: str,
    length: tuple[int | None, int] = (None, 0),
) -> HtmlTable:
    """Header as (text, kind, marks) and cells as (text, kind, sort key),
    the third of both optional → HTML, and plain text of what is shown first;
    `length` of a list: the rows shown at first, and how many there are.
    """
    html = TEMPLATE.render(
        id=table_id,
        caption=caption,
        note=note,
        first=length[0],
        total=length[1],
        header=[(*cell, "")[:3] for cell in header],
        rows=[[(*cell, None)[:3] for cell in row] for row in rows],
    )
    lines = [" | ".join(cell[0] for cell in row) for row in (header, *rows[: length[0]])]
    cells = tuple(tuple(str(cell[0]) for cell in row) for row in rows)
    text = "\n".join([caption, *lines])
    return HtmlTable(html, text, tuple(str(cell[0]) for cell in header), cells, caption)


def figures_table(
    w: Wording,
    table_id: str,
    caption: str,
    values: Mapping[str, Any],
    names: str,
    ranges: Mapping[str, tuple] = {},
) -> HtmlTable:
    """Figures of the register (`names`, space-separated) as label, value, interval."""

    def between(name: str) -> str:
        low, high = ranges.get(name, (None, None))
        return (
            ""
            if unknown(low) or unknown(high)
            else w.between(*(write_figure(w, end, FIGURES[name]) for end in (low, high)))
        )

    rows = [
        {
            "label": w._(FIGURES[n].label),
            "value": write_figure(w, values[n], FIGURES[n]),
            "range": between(n),
        }
        for n in names.split()
    ]
    return draw_table(
        w, table_id, caption, pd.DataFrame(rows), "label value range" if ranges else "label value"
    )


def series_table(
    w: Wording, table_id: str, caption: str, series: pd.DataFrame, names: str
) -> HtmlTable:
    """Figures of the register (`names`, space-separated) as rows, one column a period;
    rows of which nothing is known are left out.
    """
    header = [(_heading(w, "label"), "text"), *_period_headings(w, series)]
    known = [name for name in names.split() if series[name].notna().any()]
    rows = []
    for name in known:
        measure, decimals = FIGURES[name], _money_decimals(series, name)
        money = measure.unit == "currency"
        cells = (
            "–" if unknown(v) else w.money(v, decimals) if money else write_figure(w, v, measure)
            for v in series[name]
        )
        rows.append([(w._(measure.label), "text"), *((cell, "written") for cell in cells)])
    note = (
        ""
        if series.complete.all()
        else w._("* period that the data do not cover whole: compared with nothing")
    )
    return _rendered(table_id, caption, header, rows, note)


def headline_table(w: Wording, table_id: str, caption: str, t: pd.DataFrame) -> HtmlTable:
    """Figures of the register with their interval, the year before and the change."""
    rows = [
        {
            "label": w._(FIGURES[row["name"]].label),
            "value": write_figure(w, row["value"], FIGURES[row["name"]]),
            "range": written_range(w, row),
            "previous": write_figure(w, row["previous"], FIGURES[row["name"]]),
            "change": written_change(w, row),
        }
        for row in t.to_dict("records")
    ]
    return draw_table(w, table_id, caption, pd.DataFrame(rows), "label value range previous change")


def written_range(w: Wording, row: Mapping[str, Any]) -> str:
    """The interval of a figure; empty where it has none."""
    if unknown(row["low"]) or unknown(row["high"]):
        return ""
    figure = FIGURES[row["name"]]
    return w.between(*(write_figure(w, row[end], figure) for end in ("low", "high")))


def written_change(w: Wording, row: Mapping[str, Any]) -> str:
    """What a figure changed by since the year before: in its unit, of a rate in points, of an
    amount of money also in per cent where it was above zero.
    """
    value, before = row["value"], row["previous"]
    if unknown(value) or unknown(before):
        return ""
    unit, change = FIGURES[row["name"]].unit, value - before
    if unit == "ratio":
        shown = round(100 * value, 1) - round(100 * before, 1)  # what both figures show
        return w._("{change} points", change=w.signed_number(shown, 1))
    if unit != "currency":
        return w.signed_number(change, 0)
    share = f" ({w.signed_percent(change / before)})" if before > 0 < value else ""
    return w.signed_money(change, 0) + share


def matrix_table(
    w: Wording,
    table_id: str,
    caption: str,
    labels: Iterable[str],
    amounts: pd.DataFrame,
    periods: pd.DataFrame,
) -> HtmlTable:
    """Amounts of money with a label a row and a period a column (columns label, complete
    of `periods`).
    """
    header = [(_heading(w, "account_label"), "text"), *_period_headings(w, periods)]
    rows = [
        [(label, "text"), *((w.money(v, 0), "written") for v in row)]
        for label, row in zip(labels, amounts.to_numpy(), strict=True)
    ]
    note = (
        ""
        if periods.complete.all()
        else w._("* period that the data do not cover whole: compared with nothing")
    )
    return _rendered(table_id, caption, header, rows, note)


def crossed_table(
    w: Wording,
    table_id: str,
    caption: str,
    counts: pd.DataFrame,
    labels: Mapping[str, str],
    corner: str,
    note: str = "",
) -> HtmlTable:
    """Counts of two codings against each other: the first a row, the second a column, by `labels`;
    an empty cell is drawn as a dash.
    """
    header: list[tuple[str, str]] = [
        (corner, "text"),
        *((labels[name], "count") for name in counts.columns),
    ]
    rows = [
        [(labels[name], "text"), *((w.number(v) if v else "–", "count") for v in row)]
        for name, row in zip(counts.index, counts.to_numpy(), strict=True)
    ]
    return _rendered(table_id, caption, header, rows, note)


def benchmark_table(w: Wording, caption: str, values: Mapping[str, str]) -> HtmlTable:
    """Published figures (`values`: name in benchmarks.yml → this book's figure, written) with
    source, year and grade.
    """
    found = benchmarks()
    rows = [
        {
            "statement": found[name].statement[w.language],
            "own_value": own,
            "published": ", ".join(
                map(str, filter(None, (found[name].source[w.language], found[name].year)))
            ),
            "confidence": found[name].confidence,
        }
        for name, own in values.items()
    ]
    note = w._("Grades: A measured and replicated, B measured once, C expert opinion, D slogan.")
    return draw_table(
        w,
        "benchmarks",
        caption,
        pd.DataFrame(rows),
        "statement own_value published confidence",
        note,
    )


def definitions_table(w: Wording, caption: str, names: Iterable[str]) -> HtmlTable:
    """The definitions of the figures that a notebook recorded."""
    rows = [
        {"label": w._(FIGURES[name].label), "definition": w._(FIGURES[name].definition)}
        for name in names
    ]
    return draw_table(w, "definitions", caption, pd.DataFrame(rows), "label definition")


def ledger_table(w: Wording, caption: str, checks: Mapping[str, TableCheck]) -> HtmlTable:
    """The row ledger: rows and sums read = accepted + set aside, table by table."""
    fields = "table rows accepted_rows quarantined_rows amount accepted_amount quarantined_amount"
    frame = pd.DataFrame(
        [{f: getattr(check, f) for f in fields.split()} for check in checks.values()]
    )
    for name, check in checks.items():
        if check.total is None:
            frame.loc[frame.table == name, ["amount", "accepted_amount", "quarantined_amount"]] = (
                None
            )
    note = w._(
        "Rows read = accepted + set aside, and so for the sums; every row set aside is in "
        "quarantine.csv with its reason."
    )
    left = sum(check.left_rows for check in checks.values())
    if left:
        note = w._(
            "Rows read = accepted + set aside, and so for the sums; rows set aside are in "
            "quarantine.csv with their reason, but for {count} that stay with the engine that "
            "holds their table.",
            count=w.number(left),
        )
    unreadable = sum(check.unreadable_amounts for check in checks.values())
    if unreadable:
        note += " " + w.ngettext(
            "Of the rows set aside, {count} has no readable amount and is in no sum.",
            "Of the rows set aside, {count} have no readable amount and are in no sum.",
            unreadable,
        )
    labels = {name: w.tell(TABLE_LABELS[name]) for name in checks}
    frame["table"] = [
        w._("{table}, from the ledger", table=labels[n]) if check.source else labels[n]
        for n, check in checks.items()
    ]
    return draw_table(w, "row-ledger", caption, frame, Fields(fields, cents=True), note)


def reasons_table(w: Wording, caption: str, checks: Mapping[str, TableCheck]) -> HtmlTable:
    """Why rows were set aside, table by table."""
    rows = [
        {
            "table": w.tell(TABLE_LABELS[name]),
            "reason": check.tell_reason(w, reason),
            "quarantined_rows": count,
        }
        for name, check in checks.items()
        for reason, count in check.reasons.items()
    ]
    return draw_table(
        w,
        "quarantine-reasons",
        caption,
        pd.DataFrame(rows, columns=["table", "reason", "quarantined_rows"]),
        "table reason quarantined_rows",
    )


def parameters_table(w: Wording, caption: str, parameters: Mapping[str, Any]) -> HtmlTable:
    """The parameters a notebook ran with."""
    frame = pd.DataFrame(
        [
            {
                "parameter": key,
                "value": value
                if isinstance(value, str)
                else w.number(value, 2 * isinstance(value, float)),
            }
            for key, value in parameters.items()
        ]
    )
    return draw_table(w, "parameters", caption, frame, "parameter value")
