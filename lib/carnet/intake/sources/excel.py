"""Excel workbooks (.xlsx, .xlsm, .xls) through calamine: one sheet, rows numbered as on screen.

A column whose cells are all numbers, or all dates, keeps its type: nothing is left to guess.
A mixed column is text, its fractional numbers in machine notation (12.345e0), so that no decimal
mark of the typed-in texts can change them. An error cell (#DIV/0!) is an empty one: calamine does
not tell them apart.
"""

import csv
import datetime as dt
import re
import tempfile
import zipfile
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import duckdb
import pyarrow as pa
from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from carnet.engagement.file import Table
from carnet.errors import CarnetError, examples, nearest
from carnet.intake.sources import text
from carnet.intake.sources.base import TITLE_ROWS, Reject, check_header, header_row_of
from carnet.wording import N_, Notice

HIDDEN_ROW = re.compile(rb'<row (?=[^>]*\bhidden="(?:1|true)")[^>]*\br="(\d+)"')
UNCALCULATED = re.compile(
    rb'<c (?![^>]*\bt="str")[^>]*\br="([A-Z]+\d+)"[^>]*><f\b[^>]*(?:/>|>[^<]*</f>)(?:<v\s*/>|<v>'
    rb"</v>)?</c>"
)
FORMULA = re.compile(
    rb'<c [^>]*\br="([A-Z]+\d+)"[^>]*><f\b[^>]*(?:/>|>[^<]*</f>)<v>([^<]*)</v></c>'
)
MANY_ZEROS = 3  # formulas that all give 0: written by a library that does not calculate
LONGEST_ROW = 1 << 24  # bytes of XML
UNCALCULATED_WEIGHT = 0.1  # of a doubt whose money is not known


def read(
    con: duckdb.DuckDBPyConnection, relation: str, path: Path, spec: Table, notes: list[Notice]
) -> tuple[list[str], list[Reject]]:
    """Create `relation` (_row, then the header's columns) from one sheet;
    rows that are blank are not rows.
    """
    with tempfile.TemporaryDirectory() as scratch:
        if page := _page(path, Path(scratch)):
            return text.read(con, relation, page, spec, notes)
    try:
        book = CalamineWorkbook.from_path(path)
        sheet = spec.sheet if isinstance(spec.sheet, str) else next(iter(_visible(book)), "")
        if sheet not in book.sheet_names:
            raise CarnetError(
                "{name}: no sheet {sheet}; {nearest}",
                name=path.name,
                sheet=f"{sheet!r}",
                nearest=nearest(sheet, book.sheet_names),
            )
        found = book.get_sheet_by_name(sheet)
        cells = found.to_python(skip_empty_area=False)
        merged = _fill_merged(cells, found.merged_cell_ranges or [])
    except CalamineError as error:
        raise CarnetError(
            "{name}: not readable as an Excel workbook: {error}", name=path.name, error=error
        ) from None
    if merged:
        message = N_("{file}: {count} cells merged over several rows were filled down.")
        notes.append(Notice(message, {"file": path.name, "count": merged}))
    position = header_row_of(
        path, ([_written(cell) or "" for cell in row] for row in cells), spec, notes
    )
    header = check_header(
        path,
        [_written(cell) or "" for cell in cells[position - 1]] if len(cells) >= position else [],
        position,
    )
    rows = [
        (number, row[: len(header)])
        for number, row in enumerate(cells[position:], position + 1)
        if any(map(_filled, row[: len(header)]))
    ]
    columns = [_column([row[index] for _, row in rows]) for index in range(len(header))]
    con.register(
        "sheet_part",
        pa.table(
            [pa.array([number for number, _ in rows], pa.int64()), *columns],
            names=["_row", *header],
        ),
    )
    con.execute(f"CREATE OR REPLACE TABLE {relation} AS SELECT * FROM sheet_part")
    con.unregister("sheet_part")
    _tell_uncalculated(path, sheet, notes)
    return header, []


def _tell_uncalculated(path: Path, sheet: str, notes: list[Notice]) -> None:
    """Name the cells whose formula no spreadsheet has calculated: they read as empty."""
    cells, values = [], []
    for part in _xml_of(path, sheet):
        cells += UNCALCULATED.findall(part)
        values += FORMULA.findall(part)
    if len(values) >= MANY_ZEROS and {value for _, value in values} == {b"0"}:
        cells += [cell for cell, _ in values]
    if cells:
        message = N_(
            "{file}: {count} cells hold a formula that was never calculated ({cell} first) and "
            "read as empty or as 0: open the workbook in a spreadsheet and save it."
        )
        notes.append(
            Notice(
                message,
                {"file": path.name, "count": len(cells), "cell": cells[0].decode()},
                UNCALCULATED_WEIGHT,
            )
        )


def hidden_rows(path: Path, sheet: str | None) -> list[int]:
    """Numbers of the rows of a sheet that are hidden or filtered out;
    of .xlsx and .xlsm, other kinds tell none.
    """
    return [int(row) for part in _xml_of(path, sheet) for row in HIDDEN_ROW.findall(part)]


def _xml_of(path: Path, sheet: str | None) -> Iterator[bytes]:
    """The XML of a sheet of an .xlsx workbook (the first where none is named),
    in parts that end between two rows.
    """
    if path.suffix.lower() not in (".xlsx", ".xlsm") or not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as packed:
        try:
            places = {
                link.get("Id"): link.get("Target", "")
                for link in ElementTree.fromstring(packed.read("xl/_rels/workbook.xml.rels"))
            }
            book = ElementTree.fromstring(packed.read("xl/workbook.xml"))
            links = {
                found.get("name"): next(
                    (value for key, value in found.attrib.items() if key.endswith("}id")), ""
                )
                for found in book.iter()
                if found.tag.endswith("}sheet")
            }
            target = places[links[sheet or next(iter(links))]].removeprefix("/").removeprefix("xl/")
            stream = packed.open(f"xl/{target}")
        except (KeyError, StopIteration, ElementTree.ParseError):
            # not as the standard has it: calamine reads it, or tells
            return
        with stream:
            rest = b""
            while chunk := stream.read(1 << 22):
                if len(rest) > LONGEST_ROW:  # no sheet of a person
                    return
                whole, cut, rest = (rest + chunk).rpartition(b"<row ")
                rest = cut + rest
                yield whole
            yield rest


def sheets_of(path: Path, spec: Table, notes: list[Notice]) -> list[str]:
    """The sheets of a workbook that one table is read from: those that `sheet:` names or matches,
    else the first visible one and those with its header.

    Sheets left out are told, hidden ones as such. Raises CarnetError where `sheet:` finds none.
    """
    try:
        book = CalamineWorkbook.from_path(path)
    except CalamineError:
        return [""]  # told by `read`
    visible, names = _visible(book), book.sheet_names
    if spec.sheet is not None:
        wanted = [spec.sheet] if isinstance(spec.sheet, str) else spec.sheet
        chosen = [
            name for name in names if any(name == one or fnmatchcase(name, one) for one in wanted)
        ]
        unknown = [
            one
            for one in wanted
            if not any(name == one or fnmatchcase(name, one) for name in names)
        ]
        if unknown:
            raise CarnetError(
                "{name}: no sheet {unknown}; {nearest}",
                name=path.name,
                unknown=f"{unknown[0]!r}",
                nearest=nearest(unknown[0], names),
            )
        return chosen
    if len(names) == 1:  # nothing to compare
        return names
    first = next(iter(visible), "")
    tops = {name: _top(book, name, spec) for name in visible}
    row = header_row_of(Path(), tops.get(first, []), spec, [])
    heads = {name: _head(top, row) for name, top in tops.items()}
    alike = [name for name in visible if heads[name] and heads[name] == heads[first]] or [first]
    chosen = alike if len(alike) == 1 else _without_copies(book, alike, row)
    others, hidden = (
        [name for name in visible if name not in chosen],
        [name for name in names if name not in visible],
    )
    if len(chosen) > 1:
        message = N_(
            "{file}: the sheets {sheets} have one header and were read one after the other."
        )
        notes.append(Notice(message, {"file": path.name, "sheets": examples(chosen)}))
    if others:
        message = N_("{file}: only the sheet {sheet} was read; the others are {others}.")
        notes.append(
            Notice(
                message, {"file": path.name, "sheet": examples(chosen), "others": examples(others)}
            )
        )
    for name in hidden:
        rows = sum(
            1 for row in book.get_sheet_by_name(name).to_python()[row:] if any(map(_filled, row))
        )
        message = N_(
            "{file}: the sheet {sheet} is hidden and was not read: {count} rows. Name it under "
            "sheet: to read it."
        )
        notes.append(Notice(message, {"file": path.name, "sheet": name, "count": rows}))
    return chosen


def _without_copies(book: CalamineWorkbook, names: list[str], header_row: int) -> list[str]:
    """The sheets that are no copies: less than half of their rows stand in those before."""
    seen: set[tuple] = set()
    chosen: list[str] = []
    for name in names:
        rows = {
            tuple(row)
            for row in book.get_sheet_by_name(name).to_python(skip_empty_area=False)[header_row:]
            if any(map(_filled, row))
        }
        if not chosen or (rows and 2 * len(rows & seen) < len(rows)):
            chosen.append(name)
            seen |= rows
    return chosen


def _visible(book: CalamineWorkbook) -> list[str]:
    """Worksheets that are shown, all where none is."""
    shown = [
        sheet.name
        for sheet in book.sheets_metadata
        if sheet.typ == SheetTypeEnum.WorkSheet and sheet.visible == SheetVisibleEnum.Visible
    ]
    return shown or book.sheet_names


def _top(book: CalamineWorkbook, name: str, spec: Table) -> list[list[str]]:
    """The first rows of a sheet as text, among them the header: the sheet is read whole for it."""
    rows = book.get_sheet_by_name(name).to_python(
        skip_empty_area=False, nrows=max(TITLE_ROWS, spec.format.header_row)
    )
    return [[_written(cell) or "" for cell in row] for row in rows]


def _head(top: list[list[str]], header_row: int) -> list[str]:
    """The header cells of a sheet as they are compared."""
    cells = top[header_row - 1] if len(top) >= header_row else []
    return [compared for cell in cells if (compared := " ".join(cell.split()).casefold())]


def _fill_merged(
    cells: list[list[Any]], ranges: list[tuple[tuple[int, int], tuple[int, int]]]
) -> int:
    """Repeat the first cell of ranges merged over several rows in each of them;
    how many such ranges there are.
    """
    tall = [(start, end) for start, end in ranges if end[0] > start[0] and end[0] < len(cells)]
    for (top, left), (bottom, _) in tall:
        for row in range(top + 1, bottom + 1):
            if left < len(cells[row]):
                cells[row][left] = cells[top][left]
    return len(tall)


def _page(path: Path, scratch: Path) -> Path | None:
    """A file named .xls that is a page or a text, as a text file (a page's largest table with tabs,
    in `scratch`); None for a workbook.

    Raises CarnetError for XML, which says what to do.
    """
    with path.open("rb") as stream:
        head = stream.read(512).lstrip(b"\xef\xbb\xbf \r\n\t")
    if (
        path.suffix.lower() != ".xls"
        or head.startswith((b"\xd0\xcf\x11\xe0", b"PK", b"\x09"))
        or not head
    ):
        return None
    if head.startswith(b"<?xml"):
        raise CarnetError(
            "{name}: an XML spreadsheet of 2003, not a workbook. Open it in a spreadsheet and "
            "save it as .xlsx or .csv.",
            name=path.name,
        )
    if not head.startswith(b"<"):
        return path if b"\0" not in head else None
    from bs4 import BeautifulSoup  # slow to import, and few files are pages

    tables = BeautifulSoup(path.read_bytes(), "html.parser").find_all("table")
    rows = max(
        (
            _cells_of([row.find_all(["th", "td"]) for row in table.find_all("tr")])
            for table in tables
        ),
        key=len,
        default=[],
    )
    if not rows:
        raise CarnetError(
            "{name}: a web page without a table, not a workbook. Export it again as .xlsx or .csv.",
            name=path.name,
        )
    written = scratch / path.name
    with written.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, delimiter="\t").writerows(rows)
    return written


def _cells_of(rows: list[list[Any]]) -> list[list[str]]:
    """The texts of a web page's table, a cell that spans rows or columns repeated
    in each of them.
    """
    texts: list[dict[int, str]] = [{} for _ in rows]
    for number, cells in enumerate(rows):
        place = 0
        for cell in cells:
            while place in texts[number]:
                place += 1
            wide, tall = (
                int(span) if (span := cell.get(name, "1")).isdigit() else 1
                for name in ("colspan", "rowspan")
            )
            for below in texts[number : number + tall]:
                below.update({place + step: cell.get_text(" ", strip=True) for step in range(wide)})
    return [[row.get(place, "") for place in range(max(row, default=-1) + 1)] for row in texts]


def _filled(cell: Any) -> bool:
    return bool(cell.strip()) if isinstance(cell, str) else cell is not None


def _column(cells: list[Any]) -> pa.Array:
    """One column, typed when its filled cells are all of a kind, else text."""
    kept = [cell if _filled(cell) else None for cell in cells]
    kinds = {type(cell) for cell in kept if cell is not None}
    if kinds and kinds <= {int, float}:
        return pa.array([None if cell is None else float(cell) for cell in kept], pa.float64())
    if kinds and kinds <= {dt.date, dt.datetime}:
        return pa.array(
            [
                cell if cell is None else dt.datetime.fromisoformat(cell.isoformat())
                for cell in kept
            ],
            pa.timestamp("us"),
        )
    return pa.array([None if cell is None else _written(cell) for cell in kept], pa.string())


def _written(cell: Any) -> str:
    """A cell as text: whole numbers without a point, fractions in machine
    notation, dates as ISO.
    """
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float):
        return (
            str(int(cell))
            if cell.is_integer()
            else repr(cell) + ("" if "e" in repr(cell) else "e0")
        )
    if isinstance(cell, dt.date):
        return dt.datetime.fromisoformat(cell.isoformat()).isoformat(" ", "seconds")
    return str(cell)
