"""The report as slides: the same exhibits, one message each as its title, with native charts and
tables that a consultant edits, and method, n and interval in the notes.

The firm's own template.pptx gives layouts, colours and fonts; without one carnet's plain slides do.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from zipfile import BadZipFile

from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.dml.color import RGBColor
from pptx.enum.chart import (
    XL_CHART_TYPE,
    XL_LABEL_POSITION,
    XL_LEGEND_POSITION,
    XL_TICK_LABEL_POSITION,
)
from pptx.enum.text import MSO_ANCHOR
from pptx.exc import PythonPptxError
from pptx.util import Emu, Pt

from carnet.book.book import Book
from carnet.errors import CarnetError
from carnet.exhibits.charts.base import COLOURS
from carnet.report.packages import set_clock
from carnet.report.results import Published
from carnet.wording import unknown

Slide: TypeAlias = Any  # python-pptx has no public types for what it makes
WIDE, HIGH = Emu(12_192_000), Emu(6_858_000)  # 16 : 9
MARGIN = Emu(460_000)
TITLE_LETTERS, CELL_LETTERS, BULLET_LETTERS = 130, 46, 220
TABLE_ROWS, TABLE_COLUMNS, BARS, MOST_SLIDES = 10, 7, 12, 14
TITLES = {1, 3}  # kinds of placeholders: title, centred title
LEGIBLE = 0.06  # of the tallest bar: from there a label fits into a bar
LINE_LETTERS = 150  # of a table over the whole slide
# the slides between the answer and what to do: the exhibit, or the next one where it is not there
SLIDES = (
    ("portfolio_audit.bridge",),
    ("portfolio_audit.months",),
    ("cost_structure.margin-steps",),
    ("sales_gaps.gap-ranking", "portfolio_audit.progression"),
    ("portfolio_audit.sellers", "portfolio_audit.without-top"),
    ("portfolio_audit.strategies-chart",),
    ("growth_plan.contributions-offer", "growth_plan.contributions-region"),
    ("churn_reasons.reasons-chart", "churn_reasons.silent"),
    ("sales_gaps.salespeople",),
    ("retention_plan.budgets", "portfolio_audit.shrinking-customers"),
)


@dataclass(frozen=True)
class Content:
    """What the slides say beside the exhibits: figures as label, value, change, interval; points
    as level and sentence; tasks as header and rows; the consultant's words by section.
    """

    figures: Sequence[tuple[str, str, str, str]]
    points: Sequence[tuple[int, str]]
    tasks: tuple[Sequence[str], Sequence[Sequence[str]]]
    words: Mapping[str, str]
    missing: Sequence[str] = ()


def open_template(book: Book) -> tuple[Any, bool]:
    """A presentation in the layouts of the firm's template.pptx, else in carnet's own; whether it
    is the firm's. Raises CarnetError where the file is none.
    """
    own = book.engagement.firm_profile.folder / "template.pptx"
    if not (book.engagement.firm and own.is_file()):
        return Presentation(), False
    try:
        made = Presentation(str(own))
    except (PythonPptxError, BadZipFile, KeyError, ValueError, OSError) as error:
        raise CarnetError(
            "{own}: not readable as a presentation ({error}).", own=own, error=error
        ) from None
    kinds = [
        int(p.placeholder_format.type)
        for layout in made.slide_layouts
        for p in list(layout.placeholders)
    ]
    if not TITLES & set(kinds):
        raise CarnetError("{own}: no layout with a title; slides need one.", own=own)
    return made, True


def write_deck(
    book: Book, exhibits: Mapping[str, Published], content: Content, target: Path
) -> int:
    """Write the slides; returns their number."""
    deck = _Deck(book)
    w = book.wording
    deck.cover()
    if content.figures:
        header = [w._("Figure"), w._("Value"), w._("Change"), w._("95 % interval")]
        slide = deck.slide(w._("The year in figures"))
        deck.table(
            slide, header, [list(row) for row in content.figures], w._("The year in figures")
        )
    if content.points:
        deck.bullets(deck.slide(w._("What matters")), content.points)
    if content.words.get("index"):
        words = [(0, line) for line in content.words["index"].splitlines() if line.strip()]
        deck.bullets(deck.slide(w._("In our words")), words)
    ends = bool(content.tasks[1]) + bool(content.missing)
    for names in SLIDES:
        found = next((exhibits[name] for name in names if name in exhibits), None)
        if found is not None and len(deck.presentation.slides) + ends < MOST_SLIDES:
            section = f"{found.notebook}.{found.section}"
            deck.exhibit(found, content.words.get(section, ""))
    if content.tasks[1]:
        title = w._("What to do, and who")
        deck.table(deck.slide(title), *content.tasks, title)
    if content.missing:
        lines = [(0, line) for line in content.missing]
        deck.bullets(deck.slide(w._("What is missing, and what it would fill")), lines)
    deck.presentation.save(str(target))
    set_clock(target, book.as_of)
    return len(deck.presentation.slides)


class _Deck:
    """The presentation as it grows, in the firm's layouts."""

    def __init__(self, book: Book) -> None:
        self.book, self.w = book, book.wording
        firm = book.engagement.firm_profile
        self.presentation, self.templated = open_template(book)
        if not self.templated:
            self.presentation.slide_width, self.presentation.slide_height = WIDE, HIGH
        self.colours = {
            name: RGBColor.from_string(firm.colours.get(name, colour).lstrip("#"))  # type: ignore[call-overload]
            for name, colour in COLOURS.items()
        }
        self.wide = self.presentation.slide_width or WIDE
        self.high = self.presentation.slide_height or HIGH

    # --- slides

    def _layout(self, titled: bool) -> Any:
        """The first layout with a title alone, or of a cover with a title and a subtitle."""
        for layout in self.presentation.slide_layouts:
            types = [int(p.placeholder_format.type) for p in list(layout.placeholders)]
            body = [
                kind for kind in types if kind in (2, 4, 7, 18)
            ]  # body, subtitle, object, picture
            if TITLES & set(types) and (not body if titled else body == [4]):
                return layout
        return next(
            layout
            for layout in self.presentation.slide_layouts
            if TITLES & {int(p.placeholder_format.type) for p in list(layout.placeholders)}
        )

    def cover(self) -> None:
        """The first slide: client, title, date, who signs."""
        slide = self.presentation.slides.add_slide(self._layout(titled=False))
        w, engagement = self.w, self.book.engagement
        lines = [w._("As of {date}", date=w.date(self.book.as_of))]
        if engagement.signed:
            lines.append(engagement.signed.name)
        lines += [engagement.firm_profile.name] * bool(engagement.firm_profile.name)
        title, others = (
            slide.shapes.title,
            [p for p in slide.placeholders if p.placeholder_format.idx != 0],
        )
        title.text = _cut(engagement.client, TITLE_LETTERS)
        if not self.templated:
            self._place(title, MARGIN, Emu(self.high // 3), self.wide - 2 * MARGIN, Emu(1_200_000))
            self._write(title, 36, self.colours["focus"], bold=True)
        if others:
            others[0].text = "\n".join([w._("Customer-portfolio audit"), *lines])
            if not self.templated:
                top = Emu(self.high // 3 + 1_300_000)
                self._place(others[0], MARGIN, top, self.wide - 2 * MARGIN, Emu(1_500_000))
                self._write(others[0], 18, RGBColor(0x55, 0x55, 0x55))

    def slide(self, message: str, notes: str = "") -> Slide:
        """A slide with its message as title, and notes."""
        slide = self.presentation.slides.add_slide(self._layout(titled=True))
        title = slide.shapes.title
        title.text = _cut(message, TITLE_LETTERS)
        if not self.templated:
            self._place(title, MARGIN, Emu(250_000), self.wide - 2 * MARGIN, Emu(900_000))
        size = 26 if len(message) <= 60 else 22 if len(message) <= 95 else 18
        self._write(title, size, None if self.templated else self.colours["focus"], bold=True)
        if notes:
            slide.notes_slide.notes_text_frame.text = notes
        return slide

    def exhibit(self, found: Published, words: str) -> None:
        """The slide of one exhibit: its chart or table; method, n and interval in the notes."""
        record = found.record
        notes = [record["subtitle"], record["note"], record["source"]]
        notes.append(self.w._("n = {count}", count=self.w.number(record["n"])))
        slide = self.slide(record["title"], "\n".join(filter(None, [words, *notes])))
        draw = CHARTS.get(record["form"])
        rows = [dict(zip(record["header"], row, strict=True)) for row in record["rows"]]
        if draw and rows:
            draw(self, slide, rows, record)
        else:
            self.table(slide, record["header"], record["rows"], record["title"])
        self._footer(slide, record["source"])

    def _footer(self, slide: Slide, text: str) -> None:
        if text:
            box = slide.shapes.add_textbox(
                MARGIN, self.high - Emu(380_000), self.wide - 2 * MARGIN, Emu(300_000)
            )
            box.text_frame.text = _cut(text, 160)
            self._write(box, 10, RGBColor(0x6B, 0x6B, 0x6B))

    # --- what stands on them

    @property
    def area(self) -> tuple[int, int, int, int]:
        """Left, top, width and height between title and footer."""
        top = Emu(1_250_000)
        return MARGIN, top, self.wide - 2 * MARGIN, self.high - top - Emu(450_000)

    def bullets(self, slide: Slide, lines: Sequence[tuple[int, str]]) -> None:
        """Sentences by level, smaller where they are many."""
        box = slide.shapes.add_textbox(*self.area)
        frame = box.text_frame
        frame.word_wrap = True
        letters = sum(len(text[:BULLET_LETTERS]) + 60 for _, text in lines)
        size = 20 if letters < 900 else 16 if letters < 2600 else 14 if letters < 3400 else 12
        for position, (level, text) in enumerate(lines):
            paragraph = frame.paragraphs[0] if position == 0 else frame.add_paragraph()
            paragraph.text = ("– " if level else "") + _cut(text, BULLET_LETTERS)
            paragraph.level = min(level, 2)
            paragraph.space_after = Pt(size / 3)
            for run in paragraph.runs:
                run.font.size, run.font.bold = Pt(size - 2 * bool(level)), level == 0

    def table(
        self, slide: Slide, header: Sequence[str], rows: Sequence[Sequence[str]], alt: str
    ) -> None:
        """A native table of the first rows and columns; what is left out is told."""
        columns = min(len(header), TABLE_COLUMNS)
        shown = [row[:columns] for row in rows[:TABLE_ROWS]]
        left, top, width, height = self.area
        frame = slide.shapes.add_table(len(shown) + 1, columns, left, top, width, Emu(300_000))
        _describe(frame, alt)
        weights = [
            min(
                max([len(str(header[c])) / 2, *(len(str(row[c])) for row in shown)], default=1),
                2 * CELL_LETTERS,
            )
            + 4
            for c in range(columns)
        ]
        for position, weight in enumerate(weights):
            frame.table.columns[position].width = Emu(int(width * weight / sum(weights)))
        letters = [max(4, int(LINE_LETTERS * weight / sum(weights))) for weight in weights]
        for number, row in enumerate([header[:columns], *shown]):
            frame.table.rows[number].height = Emu(min(380_000, height // (len(shown) + 2)))
            for position, text in enumerate(row):
                cell = frame.table.cell(number, position)
                room = letters[position] * (2 if number == 0 else 1)  # headings take two lines
                self._cell(cell, _cut(str(text), room), heading=number == 0)
        if len(rows) > len(shown):
            more = self.w._(
                "The first {count} of {total}.",
                count=self.w.number(len(shown)),
                total=self.w.number(len(rows)),
            )
            self._footer(slide, more)

    def _cell(self, cell: Any, text: str, heading: bool) -> None:
        cell.text = text
        cell.margin_top = cell.margin_bottom = Emu(20_000)
        cell.vertical_anchor = MSO_ANCHOR.MIDDLE
        cell.fill.solid()
        cell.fill.fore_color.rgb = self.colours["focus"] if heading else RGBColor(255, 255, 255)
        for paragraph in cell.text_frame.paragraphs:
            for run in paragraph.runs:
                run.font.size, run.font.bold = Pt(10.5), heading
                run.font.color.rgb = (
                    RGBColor(255, 255, 255) if heading else RGBColor(0x22, 0x22, 0x22)
                )

    def chart(self, slide: Slide, kind: Any, data: CategoryChartData, alt: str) -> Any:
        """A native chart over the whole area."""
        frame = slide.shapes.add_chart(kind, *self.area, data)
        _describe(frame, alt)
        chart = frame.chart
        chart.has_legend, chart.font.size, chart.has_title = False, Pt(11), False
        return chart

    def legend(self, chart: Any) -> None:
        """The legend below the chart."""
        chart.has_legend = True
        chart.legend.position, chart.legend.include_in_layout = XL_LEGEND_POSITION.BOTTOM, False

    def paint(self, series: Any, colour: str, line: bool = False) -> None:
        """A series in one of the house's colours."""
        part = series.format.line.color if line else series.format.fill
        if line:
            part.rgb = self.colours[colour]
            series.smooth = False
        else:
            part.solid()
            part.fore_color.rgb = self.colours[colour]

    @property
    def money(self) -> str:
        """The number format of an amount."""
        before, after = self.w.money(0, 0).split("0")
        digits = [f'"{part.strip()}"' if part.strip() else "" for part in (before, after)]
        return " ".join(filter(None, (digits[0], "#,##0", digits[1])))

    # --- text

    @staticmethod
    def _place(shape: Any, left: int, top: int, width: int, height: int) -> None:
        shape.left, shape.top, shape.width, shape.height = map(Emu, (left, top, width, height))

    @staticmethod
    def _write(shape: Any, size: int, colour: RGBColor | None, bold: bool = False) -> None:
        shape.text_frame.word_wrap = True
        for paragraph in shape.text_frame.paragraphs:
            for run in paragraph.runs:
                run.font.size, run.font.bold = Pt(size), bold
                if colour is not None:
                    run.font.color.rgb = colour


def _describe(frame: Any, alt: str) -> None:
    """The alternative text of a chart or table."""
    frame._element.nvGraphicFramePr.cNvPr.set("descr", alt[:1000])


def _cut(text: str, letters: int) -> str:
    """A text cut to so many letters, the cut shown; no control characters."""
    plain = "".join(c if c.isprintable() or c == "\n" else " " for c in text)
    return plain if len(plain) <= letters else plain[: letters - 1].rstrip() + "…"


# --- charts


def _bridge(deck: _Deck, slide: Slide, rows: list[dict[str, Any]], record: dict[str, Any]) -> None:
    """Steps from one total to the next as stacked columns: an invisible one carries each step."""
    data = CategoryChartData(number_format=deck.money)
    data.categories = [_cut(str(row["label"]), 30) for row in rows]
    parts: dict[str, list[float]] = {
        name: [0.0] * len(rows)
        for name in ("base", "total", "up", "down", "total-below", "up-below", "down-below")
    }
    level = 0.0
    for position, row in enumerate(rows):
        amount = float(row["amount"] or 0.0)
        start = 0.0 if row["total"] else level
        level = start + amount
        low, high = min(start, level), max(start, level)
        kind = "total" if row["total"] else "up" if amount >= 0 else "down"
        parts["base"][position] = low if low > 0 else high if high < 0 else 0.0
        parts[kind][position] = high - max(low, 0.0) if high > 0 else 0.0
        parts[f"{kind}-below"][position] = low - min(high, 0.0) if low < 0 else 0.0
    shown = {name: values for name, values in parts.items() if any(values) or name == "base"}
    for name, values in shown.items():
        data.add_series(name, values)
    chart = deck.chart(slide, XL_CHART_TYPE.COLUMN_STACKED, data, record["alt"])
    chart.plots[0].gap_width, chart.plots[0].overlap = 45, 100
    colours = {"total": "focus", "up": "third", "down": "contrast"}
    tallest = max(abs(value) for values in shown.values() for value in values)
    for series in chart.plots[0].series:
        if series.name == "base":
            series.format.fill.background()
            continue
        deck.paint(series, colours[series.name.removesuffix("-below")])
        for position, row in enumerate(rows):
            whole = abs(row["amount"] or 0.0)
            if shown[series.name][position] and 2 * abs(shown[series.name][position]) >= whole:
                label = series.points[position].data_label
                label.has_text_frame = True
                told = deck.w.money if row["total"] else deck.w.signed_money
                label.text_frame.text = told(row["amount"], 0)
                font = label.text_frame.paragraphs[0].runs[0].font
                font.size, inside = Pt(10), abs(shown[series.name][position]) > tallest * LEGIBLE
                font.color.rgb = RGBColor(255, 255, 255) if inside else RGBColor(0x22, 0x22, 0x22)
    _axes(deck, chart)


def _ranking(deck: _Deck, slide: Slide, rows: list[dict[str, Any]], record: dict[str, Any]) -> None:
    """Amounts by name as bars, first on top."""
    known = [row for row in rows if not unknown(row["amount"])]
    if len(known) > BARS:
        known = [*known[: BARS // 2], *known[-BARS // 2 :]]
    data = CategoryChartData(number_format=deck.money)
    data.categories = [_cut(str(row["name"]), 40) for row in reversed(known)]
    data.add_series(record["title"][:30], [float(row["amount"]) for row in reversed(known)])
    chart = deck.chart(slide, XL_CHART_TYPE.BAR_CLUSTERED, data, record["alt"])
    plot = chart.plots[0]
    plot.gap_width, plot.has_data_labels = 40, True
    plot.data_labels.number_format, plot.data_labels.number_format_is_linked = deck.money, False
    plot.data_labels.font.size = Pt(10)
    plot.data_labels.position = XL_LABEL_POSITION.OUTSIDE_END
    series = plot.series[0]
    series.invert_if_negative = False
    deck.paint(series, "focus")
    for position, row in enumerate(reversed(known)):
        if row["amount"] < 0:
            point = series.points[position]
            point.format.fill.solid()
            point.format.fill.fore_color.rgb = deck.colours["contrast"]
    _axes(deck, chart)


def _months(deck: _Deck, slide: Slide, rows: list[dict[str, Any]], record: dict[str, Any]) -> None:
    """Both years as lines, month by month."""
    data = CategoryChartData(number_format=deck.money)
    data.categories = [str(row["label"]).replace("\n", " ") for row in rows]
    w = deck.w
    names = {"revenue": w._("Audit period"), "revenue_previous": w._("Previous period")}
    shown = {name: label for name, label in names.items() if rows and name in rows[0]}
    for name, label in shown.items():
        data.add_series(label, [row[name] for row in rows])
    chart = deck.chart(slide, XL_CHART_TYPE.LINE, data, record["alt"])
    for series, colour in zip(chart.plots[0].series, ("focus", "context"), strict=False):
        deck.paint(series, colour, line=True)
    deck.legend(chart)
    _axes(deck, chart)


def _reasons(deck: _Deck, slide: Slide, rows: list[dict[str, Any]], record: dict[str, Any]) -> None:
    """Shares as bars; their intervals stand in the alternative text and the notes."""
    data = CategoryChartData(number_format="0%")
    labels = record.get("labels") or {}
    known = [row for row in rows if not unknown(row["share"])][:BARS]
    data.categories = [
        _cut(str(labels.get(row["reason"], row["reason"])), 40) for row in reversed(known)
    ]
    data.add_series(record["title"][:30], [float(row["share"]) for row in reversed(known)])
    chart = deck.chart(slide, XL_CHART_TYPE.BAR_CLUSTERED, data, record["alt"])
    plot = chart.plots[0]
    plot.gap_width, plot.has_data_labels = 40, True
    plot.data_labels.number_format, plot.data_labels.number_format_is_linked = "0%", False
    plot.data_labels.font.size = Pt(10)
    deck.paint(plot.series[0], "focus")
    _axes(deck, chart, "0%")


def _axes(deck: _Deck, chart: Any, number_format: str = "") -> None:
    """Quiet axes: no grid, small labels below what is drawn."""
    values, categories = chart.value_axis, chart.category_axis
    values.has_major_gridlines = False
    values.tick_labels.font.size = categories.tick_labels.font.size = Pt(10)
    values.tick_labels.number_format = number_format or deck.money
    values.tick_labels.number_format_is_linked = False
    categories.tick_label_position = XL_TICK_LABEL_POSITION.LOW


CHARTS: dict[str, Callable[[_Deck, Slide, list[dict[str, Any]], dict[str, Any]], None]] = {
    "draw_waterfall": _bridge,
    "draw_ranking": _ranking,
    "draw_monthly_revenue": _months,
    "draw_reasons": _reasons,
}
