"""Excel workbooks (.xlsx, .xlsm, .xls) through calamine: one sheet, every cell as text, rows numbered as on screen."""

from pathlib import Path

import duckdb
import fastexcel
import pyarrow as pa
import pyarrow.compute as pc

from carnet.engagement import Table
from carnet.errors import CarnetError, examples, nearest
from carnet.sources.base import check_header
from carnet.wording import N_, Notice


def read(con: duckdb.DuckDBPyConnection, relation: str, path: Path, spec: Table, notes: list[Notice]) -> tuple[list[str], list]:
    """Create `relation` (_row, then the header's columns as text) from one sheet; rows that are blank are not rows."""
    try:
        book = fastexcel.read_excel(path)
        sheet = spec.sheet or (book.sheet_names[0] if book.sheet_names else "")
        if sheet not in book.sheet_names:
            raise CarnetError(f"{path.name}: no sheet {sheet!r}; {nearest(sheet, book.sheet_names)}")
        if len(book.sheet_names) > 1 and not spec.sheet:
            message = N_("{file}: only the first sheet, {sheet}, was read; the others are {others}.")
            notes.append(Notice(message, {"file": path.name, "sheet": sheet, "others": examples(book.sheet_names[1:])}))
        cells = book.load_sheet(sheet, header_row=None, skip_rows=0, dtypes="string").to_arrow()
    except fastexcel.FastExcelError as error:
        raise CarnetError(f"{path.name}: not readable as an Excel workbook: {str(error).splitlines()[0]}") from None
    table = cells if isinstance(cells, pa.Table) else pa.Table.from_batches([cells])
    position = spec.format.header_row - 1
    first = table.slice(position, 1).to_pylist()
    header = check_header(path, [value or "" for value in first[0].values()] if first else [], position + 1)
    body = table.slice(position + 1).select(range(len(header))).rename_columns(header)
    rows = pa.array(range(position + 2, position + 2 + body.num_rows), pa.int64())
    filled = pa.array([False] * body.num_rows)
    for column in body.columns:
        filled = pc.or_(filled, pc.is_valid(column).combine_chunks())
    con.register("sheet_part", body.add_column(0, "_row", rows).filter(filled))
    con.execute(f"CREATE OR REPLACE TABLE {relation} AS SELECT * FROM sheet_part")
    con.unregister("sheet_part")
    return header, []
