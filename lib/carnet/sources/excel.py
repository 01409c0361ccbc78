"""Excel workbooks (.xlsx, .xlsm, .xls) through calamine: one sheet, rows numbered as on screen.

A column whose cells are all numbers, or all dates, keeps its type: nothing is left to guess. A mixed column is text, its
numeric cells in machine notation (12.345e0), so that no decimal mark of the typed-in texts can change them.
"""

from pathlib import Path
from typing import Any

import duckdb
import fastexcel
import pyarrow as pa
import pyarrow.compute as pc

from carnet.engagement import Table
from carnet.errors import CarnetError, examples, nearest
from carnet.sources.base import Reject, check_header
from carnet.wording import N_, Notice


def read(con: duckdb.DuckDBPyConnection, relation: str, path: Path, spec: Table, notes: list[Notice]) -> tuple[list[str], list[Reject]]:
    """Create `relation` (_row, then the header's columns) from one sheet; rows that are blank are not rows."""
    try:
        book = fastexcel.read_excel(path)
        sheet = spec.sheet or (book.sheet_names[0] if book.sheet_names else "")
        if sheet not in book.sheet_names:
            raise CarnetError(f"{path.name}: no sheet {sheet!r}; {nearest(sheet, book.sheet_names)}")
        if len(book.sheet_names) > 1 and not spec.sheet:
            message = N_("{file}: only the first sheet, {sheet}, was read; the others are {others}.")
            notes.append(Notice(message, {"file": path.name, "sheet": sheet, "others": examples(book.sheet_names[1:])}))
        texts = _load(book, sheet, dtypes="string")
        position = spec.format.header_row - 1
        first = texts.slice(position, 1).to_pylist()
        header = check_header(path, [value or "" for value in first[0].values()] if first else [], position + 1)
        body = texts.slice(position + 1)
        typed = _load(book, sheet, skip_rows=position + 1, dtype_coercion="coerce", schema_sample_rows=None) if body.num_rows else body
        numbers = _load(book, sheet, skip_rows=position + 1, dtypes="float", dtype_coercion="coerce") if body.num_rows else body
    except fastexcel.FastExcelError as error:
        raise CarnetError(f"{path.name}: not readable as an Excel workbook: {str(error).splitlines()[0]}") from None
    columns = [_column(body.column(i), typed.column(i), numbers.column(i)) for i in range(len(header))]
    rows = pa.array(range(position + 2, position + 2 + body.num_rows), pa.int64())
    filled = pa.array([False] * body.num_rows)
    for column in columns:
        filled = pc.or_(filled, pc.is_valid(column))
    con.register("sheet_part", pa.table([rows, *columns], names=["_row", *header]).filter(filled))
    con.execute(f"CREATE OR REPLACE TABLE {relation} AS SELECT * FROM sheet_part")
    con.unregister("sheet_part")
    return header, []


def _load(book: fastexcel.ExcelReader, sheet: str, skip_rows: int = 0, **options: Any) -> pa.Table:
    """All cells of a sheet below `skip_rows`, without a header."""
    cells = book.load_sheet(sheet, header_row=None, skip_rows=skip_rows, **options).to_arrow()
    return cells if isinstance(cells, pa.Table) else pa.Table.from_batches([cells])


def _column(text: pa.ChunkedArray, typed: pa.ChunkedArray, number: pa.ChunkedArray) -> pa.Array:
    """One column: typed when its cells are all of a kind, else text with its numeric cells in machine notation."""
    text, typed, number = (array.combine_chunks() for array in (text, typed, number))
    if len(typed) != len(text) or len(number) != len(text):
        return text
    if not pa.types.is_string(typed.type) and typed.null_count == text.null_count:
        return typed
    fraction = pc.and_(pc.is_valid(number), pc.fill_null(pc.match_substring_regex(text, r"^-?\d+\.\d+$"), False))
    return pc.if_else(fraction, pc.binary_join_element_wise(text, "e0", ""), text)
