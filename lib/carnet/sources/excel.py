"""Excel workbooks (.xlsx, .xlsm, .xls) through calamine: one sheet, rows numbered as on screen.

A column whose cells are all numbers, or all dates, keeps its type: nothing is left to guess. A mixed column is text, its
fractional numbers in machine notation (12.345e0), so that no decimal mark of the typed-in texts can change them. An error
cell (#DIV/0!) is an empty one: calamine does not tell them apart.
"""

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from python_calamine import CalamineError, CalamineWorkbook

from carnet.engagement import Table
from carnet.errors import CarnetError, examples, nearest
from carnet.sources.base import Reject, check_header
from carnet.wording import N_, Notice


def read(con: duckdb.DuckDBPyConnection, relation: str, path: Path, spec: Table, notes: list[Notice]) -> tuple[list[str], list[Reject]]:
    """Create `relation` (_row, then the header's columns) from one sheet; rows that are blank are not rows."""
    try:
        book = CalamineWorkbook.from_path(path)
        sheet = spec.sheet or (book.sheet_names[0] if book.sheet_names else "")
        if sheet not in book.sheet_names:
            raise CarnetError(f"{path.name}: no sheet {sheet!r}; {nearest(sheet, book.sheet_names)}")
        cells = book.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
    except CalamineError as error:
        raise CarnetError(f"{path.name}: not readable as an Excel workbook: {error}") from None
    if len(book.sheet_names) > 1 and not spec.sheet:
        message = N_("{file}: only the first sheet, {sheet}, was read; the others are {others}.")
        notes.append(Notice(message, {"file": path.name, "sheet": sheet, "others": examples(book.sheet_names[1:])}))
    position = spec.format.header_row
    header = check_header(path, [_written(cell) or "" for cell in cells[position - 1]] if len(cells) >= position else [], position)
    rows = [
        (number, row[: len(header)]) for number, row in enumerate(cells[position:], position + 1) if any(map(_filled, row[: len(header)]))
    ]
    columns = [_column([row[index] for _, row in rows]) for index in range(len(header))]
    con.register("sheet_part", pa.table([pa.array([number for number, _ in rows], pa.int64()), *columns], names=["_row", *header]))
    con.execute(f"CREATE OR REPLACE TABLE {relation} AS SELECT * FROM sheet_part")
    con.unregister("sheet_part")
    return header, []


def _filled(cell: Any) -> bool:
    return bool(cell.strip()) if isinstance(cell, str) else cell is not None


def _column(cells: list[Any]) -> pa.Array:
    """One column, typed when its filled cells are all of a kind, else text."""
    kept = [cell if _filled(cell) else None for cell in cells]
    kinds = {type(cell) for cell in kept if cell is not None}
    if kinds and kinds <= {int, float}:
        return pa.array([None if cell is None else float(cell) for cell in kept], pa.float64())
    if kinds and kinds <= {dt.date, dt.datetime}:
        return pa.array([cell if cell is None else dt.datetime.fromisoformat(cell.isoformat()) for cell in kept], pa.timestamp("us"))
    return pa.array([None if cell is None else _written(cell) for cell in kept], pa.string())


def _written(cell: Any) -> str:
    """A cell as text: whole numbers without a point, fractions in machine notation, dates as ISO."""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell) + ("" if "e" in repr(cell) else "e0")
    if isinstance(cell, dt.date):
        return dt.datetime.fromisoformat(cell.isoformat()).isoformat(" ", "seconds")
    return str(cell)
