"""The lists for people who live in Excel: a sheet a list, then one per salesperson, filters,
frozen headings, formats of the reader's language.

Every text is written as a text: a cell that begins like a formula is shown with Excel's own quote
prefix and never runs.
"""

import datetime as dt
import math
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import xlsxwriter
from babel.numbers import get_currency_symbol
from xlsxwriter.exceptions import FileCreateError
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from carnet.engagement.records import FORMULA_START, read_batches, read_header
from carnet.exhibits.headings import HEADINGS, WORDS
from carnet.exhibits.lists import LISTS, RENAMED
from carnet.wording import Wording

ROWS = ".rows-"  # of a workbook that is being written
SHEET_ROWS = 5000  # a sheet is for reading; the whole list is in lists/
SALESPEOPLE_SHEETS, PERSONAL_ROWS = 200, 1000  # sheets of one salesperson, and rows of each
# of a column of long texts, and the letters that a line of it holds
LONG_WIDTH, LONG_LETTERS = 60, 58
# points; not every program makes room for wrapped texts by itself
LINE_HEIGHT, HEADING_LINES = 15, 3
HOUSE_COLOUR = "#12436D"
MOST_KINDS, LIST_LETTERS = 40, 255  # of a drop-down list
LONG_TEXTS = {"task", "strategy_reason", "verbatim", "reason"}
FORBIDDEN = r"[\[\]:*?/\\\x00-\x1f]"
NUMBERS = {"money", "gap", "cents", "signed_cents", "count", "number", "percent", "chance"}
PERSONAL = (
    "customer_id name abc_class_previous abc_class essential flagged arm revenue_previous revenue "
    "sales_gap gap_rate margin_at_stake order_p_value last_order_date months_since_last_order "
    "rhythm_months stopped_families stopped_revenue rolling_year_revenue peak_revenue peak_end "
    "noted_contact_count planned_contact_count noted_contact_quality quadrant proposal_count "
    "opportunity_count opportunity_amount"
)


def write_annex(
    w: Wording, lists: Path, target: Path, client: str, as_of: dt.date, colour: str | None = None
) -> bool:
    """Write the workbook of the lists that are there, then a sheet a salesperson with the customers
    behind; False when there is no list.
    """
    there = {
        name: known.columns
        for name, known in LISTS.items()
        if known.columns and (lists / f"{name}.csv").is_file()
    }
    gaps = lists / "sales_gaps.csv"
    if not there and not gaps.is_file():
        return False
    with _workbook(target) as book:
        book.set_properties(
            {"title": client, "author": "carnet", "created": dt.datetime.combine(as_of, dt.time())}
        )
        writer = _Writer(book, w, colour or HOUSE_COLOUR)
        heads = [
            (w._(LISTS[name].label), _head(name, lists / f"{name}.csv", columns))
            for name, columns in there.items()
        ]
        owners = _owners(gaps) if gaps.is_file() else []
        own = _personal(gaps, owners[:SALESPEOPLE_SHEETS]) if owners else {}
        heads += [(owner or w._("No salesperson"), head) for owner, head in own.items()]
        sheets = [head.sheet(heading) for heading, head in heads if head.count]
        contents = book.add_worksheet(writer.name(w._("Contents")))
        named = [(writer.name(sheet.heading), sheet) for sheet in sheets]
        writer.contents(
            contents,
            client,
            as_of,
            [(name, sheet.heading, sheet.count) for name, sheet in named],
        )
        if len(owners) > SALESPEOPLE_SHEETS:
            left = w._(
                "{count} salespeople more have no sheet here; all their customers are in the list "
                "of the report.",
                count=w.number(len(owners) - SALESPEOPLE_SHEETS),
            )
            contents.write_string(len(named) + 4, 0, left)
        for name, sheet in named:
            writer.table(book.add_worksheet(name), sheet, f"{client} – {sheet.heading}")
    return True


@dataclass(frozen=True)
class Sheet:
    """One sheet: its heading, its first rows, how many rows the list has."""

    heading: str
    rows: pd.DataFrame
    count: int


class _Head:
    """What a sheet shows of a list that is read in parts: its first rows, and of the columns asked
    for those that any row tells.
    """

    def __init__(self, columns: str, most: int) -> None:
        self.columns, self.most = columns.split(), most
        self.told: set[str] = set()
        self.rows: list[pd.DataFrame] = []
        self.count = 0

    def add(self, t: pd.DataFrame) -> None:
        """The next rows of the list."""
        if self.count < self.most:
            self.rows.append(t.head(self.most - self.count))
        self.count += len(t)
        untold = set(self.columns).intersection(t.columns) - self.told
        self.told |= {column for column in untold if (t[column] != "").any()}

    def sheet(self, heading: str) -> Sheet:
        shown = [column for column in self.columns if column in self.told]
        return Sheet(heading, pd.concat(self.rows, ignore_index=True)[shown], self.count)


def _head(name: str, path: Path, columns: str) -> _Head:
    """What the sheet of a list shows."""
    head = _Head(columns, SHEET_ROWS)
    read = [*columns.split(), *RENAMED.get(name, {}).values()]
    for t in read_batches(path, [column for column in read_header(path) if column in read]):
        head.add(_as_sheet(name, t))
    return head


def _late(gaps: Path, columns: Sequence[str] = ()) -> Iterator[pd.DataFrame]:
    """The customers behind, in parts."""
    for t in read_batches(gaps, columns):
        yield t[pd.to_numeric(t.sales_gap, errors="coerce") < 0]


def _owners(gaps: Path) -> list[str]:
    """Who has a customer behind; '' for customers without a salesperson."""
    return sorted(
        {owner for t in _late(gaps, ["salesperson", "sales_gap"]) for owner in t.salesperson}
    )


def _personal(gaps: Path, owners: Sequence[str]) -> dict[str, _Head]:
    """What the sheet of each of these salespeople shows: the customers behind."""
    heads = {owner: _Head(PERSONAL, PERSONAL_ROWS) for owner in owners}
    for t in _late(gaps):
        for owner, own in t[t.salesperson.isin(owners)].groupby("salesperson"):
            heads[owner].add(own)
    return heads


@dataclass(frozen=True)
class ServiceSheet:
    """How the client's table `service` is read: its headers of customer_id, date, activity and
    salesperson, the row they stand in, the activities to choose from, and what every row must hold
    to be kept (`where:`), by header.
    """

    headers: Mapping[str, str]
    first: int
    kinds: Sequence[str]
    fixed: Mapping[str, str]


def write_tasks(
    w: Wording, target: Path, tasks: pd.DataFrame, service: ServiceSheet, as_of: dt.date
) -> None:
    """One salesperson's tasks as a workbook that the next audit reads: under the client's own
    headers of the table `service`, with what was done and when left empty.
    """
    headers, first, kinds, fixed = service.headers, service.first, service.kinds, service.fixed
    with _workbook(target) as book:
        book.set_properties({"author": "carnet", "created": dt.datetime.combine(as_of, dt.time())})
        writer = _Writer(book, w, HOUSE_COLOUR)
        sheet = book.add_worksheet(writer.name(w._("Tasks")))
        taken = {header.casefold() for header in (*headers.values(), *fixed)}
        own = [
            heading if heading.casefold() not in taken else f"{heading} ({w._('for reading')})"
            for heading in (w._("Customer"), w._("What to do"), w._("Due"))
        ]
        columns = [
            (headers["customer_id"], 14), (own[0], 28), (own[1], LONG_WIDTH), (own[2], 12),
            (headers["date"], 14), (headers["activity"], 24), (headers["salesperson"], 20),
            *((header, 14) for header in fixed),
        ]  # fmt: skip
        for position, (heading, width) in enumerate(columns):
            sheet.set_column(position, position, width)
            sheet.write_string(first - 1, position, heading, writer.heading)
        rows = tasks.to_dict("records")
        for number, row in enumerate(rows, first):
            writer.write_text(sheet, number, 0, row["customer_id"], writer.text)
            writer.write_text(sheet, number, 1, row["name"], writer.text)
            writer.write_text(sheet, number, 2, row["task"], writer.wrapped)
            due = dt.datetime.fromisoformat(row["due_date"])
            sheet.write_datetime(number, 3, due, writer.formats["date"])
            sheet.write_blank(number, 4, None, writer.formats["date"])
            writer.write_text(sheet, number, 6, row["salesperson"], writer.text)
            for position, value in enumerate(fixed.values(), 7):
                writer.write_text(sheet, number, position, value, writer.text)
            lines = math.ceil(len(row["task"]) / LONG_LETTERS)
            sheet.set_row(number, LINE_HEIGHT * max(1, lines))
        listed = list(kinds)[:MOST_KINDS]
        if listed and rows and len(",".join(listed)) <= LIST_LETTERS:
            choice = {"validate": "list", "source": listed, "error_type": "information"}
            sheet.data_validation(first, 5, first + len(rows) - 1, 5, choice)
        sheet.freeze_panes(first, 2)
        sheet.set_landscape()
        sheet.set_paper(9)  # A4
        sheet.fit_to_pages(1, 0)


@contextmanager
def _workbook(target: Path) -> Iterator[xlsxwriter.Workbook]:
    """A workbook written at the end, from rows that stand beside it until then; a disk that refuses
    it is told as such.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=ROWS, dir=target.parent) as rows:
            with xlsxwriter.Workbook(target, {"constant_memory": True, "tmpdir": rows}) as book:
                yield book
    except FileCreateError as error:
        raise OSError(str(error)) from error


def _as_sheet(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(
        **{
            column: frame[source]
            for column, source in RENAMED.get(name, {}).items()
            if source in frame.columns
        }
    )


def _cut(text: str, units: int) -> str:
    """The start of a text that fits into so many UTF-16 units, which is how Excel counts."""
    return text.encode("utf-16-le")[: 2 * units].decode("utf-16-le", "ignore")


class _Writer:
    """The workbook's formats and sheet names."""

    def __init__(self, book: xlsxwriter.Workbook, w: Wording, colour: str) -> None:
        self.w, self.taken = w, {"history"}
        symbol = get_currency_symbol(w.currency, w.locale)
        after = w.locale.currency_formats["standard"].pattern.strip().endswith("¤")
        money, cents = (
            f'{digits}\u00a0"{symbol}"' if after else f'"{symbol}"{digits}'
            for digits in ("#,##0", "#,##0.00")
        )
        patterns = {
            "money": money,
            "gap": money,
            "cents": cents,
            "signed_cents": cents,
            "count": "#,##0",
            "number": "#,##0.0",
            "percent": "0.0%",
            "chance": "0.0%",
            "date": "dd/mm/yyyy",
        }
        top = {"valign": "top"}
        self.formats: dict[str, Format] = {
            kind: book.add_format(top | {"num_format": pattern})
            for kind, pattern in patterns.items()
        }
        apart = top | {"align": "left", "indent": 1}  # from the number before
        self.text, self.wrapped = (
            book.add_format(apart),
            book.add_format(apart | {"text_wrap": True}),
        )
        self.quoted = book.add_format(apart | {"quote_prefix": True})
        look: dict[str, object] = {
            "bold": True,
            "text_wrap": True,
            "valign": "top",
            "bottom": 2,
            "bottom_color": colour,
            "font_color": colour,
        }
        self.heading = book.add_format(look | {"align": "left", "indent": 1})
        self.figure_heading = book.add_format(look | {"align": "right"})
        self.title = book.add_format({"bold": True, "font_size": 14, "font_color": colour})

    def name(self, text: str) -> str:
        """A sheet's name: at most 31 characters, none that Excel forbids,
        each name once whatever its case.
        """
        plain = _cut(re.sub(FORBIDDEN, " ", text).strip(" '"), 31).strip(" '") or "-"
        name, number = plain, 1
        while name.casefold() in self.taken:
            number += 1
            name = f"{_cut(plain, 30 - len(str(number)))}~{number}"
        self.taken.add(name.casefold())
        return name

    def contents(
        self, sheet: Worksheet, client: str, as_of: dt.date, sheets: Iterable[tuple[str, str, int]]
    ) -> None:
        """First sheet: whose report, of which day, and a link to every other sheet."""
        sheet.set_column(0, 0, 44)
        sheet.set_column(1, 1, 12)
        self.write_text(sheet, 0, 0, client, self.title)
        sheet.write_string(1, 0, self.w._("As of {date}", date=self.w.date(as_of)))
        for row, (name, heading, count) in enumerate(sheets, 3):
            quoted = name.replace("'", "''")
            sheet.write_url(row, 0, f"internal:'{quoted}'!A1", string=heading[:255])
            sheet.write_number(row, 1, count, self.formats["count"])

    def table(self, sheet: Worksheet, listed: Sheet, title: str) -> None:
        """The first rows of a list: heading in the first row, frozen and filtered;
        numbers, dates and words in the reader's formats.
        """
        shown, columns = listed.rows, list(listed.rows)
        sheet.freeze_panes(1, columns.index("name") + 1 if "name" in columns[:4] else 0)
        sheet.set_landscape()
        sheet.set_paper(9)  # A4
        sheet.set_margins(left=0.4, right=0.4, top=0.7, bottom=0.6)
        sheet.set_header("&L" + _cut(title.replace("&", "&&"), 200))
        sheet.set_footer("&R&P / &N")
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(0)
        for position, column in enumerate(columns):
            kind = HEADINGS[column][1]
            sheet.set_column(
                position,
                position,
                LONG_WIDTH
                if column in LONG_TEXTS
                else 26
                if kind == "text" and column != "customer_id"
                else 19
                if kind == "word"
                else 13,
            )
        sheet.set_row(0, HEADING_LINES * LINE_HEIGHT)
        for position, column in enumerate(columns):
            over_figures = HEADINGS[column][1] in NUMBERS | {"date"}
            sheet.write_string(
                0,
                position,
                self.w._(HEADINGS[column][0]),
                self.figure_heading if over_figures else self.heading,
            )
        for row, texts in enumerate(
            zip(*(shown[column].tolist() for column in columns), strict=True), 1
        ):
            letters = max(
                (
                    len(text)
                    for text, column in zip(texts, columns, strict=True)
                    if column in LONG_TEXTS
                ),
                default=0,
            )
            if letters > LONG_LETTERS:
                sheet.set_row(row, LINE_HEIGHT * math.ceil(letters / LONG_LETTERS))
            for position, column in enumerate(columns):
                if texts[position]:  # what was not measured stays empty
                    self.cell(sheet, row, position, texts[position], column)
        if len(shown):
            sheet.autofilter(0, 0, len(shown), len(columns) - 1)
        if listed.count > len(shown):
            note = self.w._(
                "{count} rows more are in the list of the report.",
                count=self.w.number(listed.count - len(shown)),
            )
            sheet.write_string(len(shown) + 1, 0, note)
        sheet.ignore_errors({"number_stored_as_text": f"A1:Z{SHEET_ROWS}"})

    def cell(self, sheet: Worksheet, row: int, position: int, text: str, column: str) -> None:
        """One cell by the kind of its column; no sheet can hold an infinite number."""
        kind = HEADINGS[column][1]
        if kind in NUMBERS:
            if math.isfinite(float(text)):
                sheet.write_number(row, position, float(text), self.formats[kind])
        elif kind == "date":
            sheet.write_datetime(
                row, position, dt.datetime.fromisoformat(text), self.formats["date"]
            )
        elif kind == "flag":
            sheet.write_string(
                row, position, self.w._("yes") if text.lower() == "true" else "–", self.text
            )
        else:
            self.write_text(
                sheet,
                row,
                position,
                self.w._(WORDS.get(text, text)) if kind == "word" else text,
                self.wrapped if column in LONG_TEXTS else self.text,
            )

    def write_text(
        self, sheet: Worksheet, row: int, position: int, text: str, plain: Format
    ) -> None:
        """A text as a text; Excel's quote prefix where it would look like a formula.

        A cell holds 32,767 characters.
        """
        sheet.write_string(
            row,
            position,
            text[:32_767],
            self.quoted if re.match(FORMULA_START.replace("'*", ""), text) else plain,
        )
