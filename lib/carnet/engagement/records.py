"""What a notebook hands to whoever publishes it: figures and findings in its outputs,
lists as CSV files.
"""

import csv
import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

FIGURES_TYPE = "application/vnd.carnet.figures+json"
FINDINGS_TYPE = "application/vnd.carnet.findings+json"
# finding → where the names behind it stand: an id of the page, or a file
NAMES_TYPE = "application/vnd.carnet.names+json"
POINTS_TYPE = "application/vnd.carnet.points+json"  # of page one
NARROW_TYPE = "application/vnd.carnet.narrow+svg"  # a chart for a narrow screen
EXHIBIT_TYPE = "application/vnd.carnet.exhibit+json"
LIST_ROWS = 250  # of a list in a page; all rows are in lists/ and in the annex
LIST_LIMIT = LIST_ROWS + 1  # what is read of a list, so that a cut one is known as cut
BATCH_ROWS = 10_000  # of a list that are handed on at once while it is read
BLOCK_BYTES = 2**25  # of a list that are read at once: no row may be longer
FORMULA_START = r"^'*[=+\-@\t\r]"  # a cell that a spreadsheet would run, or one already made safe
DEVICE = re.compile(r"con|prn|aux|nul|(com|lpt)[0-9]")  # no file of Windows is called so


def neutralised(table: ir.Table, /, **others: ir.Value) -> ir.Table:
    """The table as it may be opened in a spreadsheet: a text that would run as a formula gets
    an apostrophe in front; other columns as they are given.
    """
    texts = [name for name, kind in table.schema().items() if kind.is_string()]
    safe = {
        name: table[name]
        .re_search(FORMULA_START)
        .ifelse(ibis.literal("'") + table[name], table[name])
        for name in texts
    }
    return table.mutate(**safe, **others)


def restored(texts: pa.Array) -> pa.Array:
    """Texts of a list as they were before `neutralised`: exactly one apostrophe was put in front
    of what looked like a formula.
    """
    return pc.replace_substring_regex(texts, f"^'({FORMULA_START[1:]})", r"\1")


def read_header(path: Path) -> list[str]:
    """The columns of a list of this report."""
    with path.open(encoding="utf-8", newline="") as file:
        return next(csv.reader(file), [])


def read_batches(
    path: Path, columns: Sequence[str] = (), customers: Collection[str] | None = None
) -> Iterator[pd.DataFrame]:
    """A list of this report as texts, as they were before `neutralised`, in parts of BATCH_ROWS
    rows: these columns of it, or all; the rows of these customers, or all. An empty list is one
    part without rows.
    """
    names = read_header(path)
    own = ["customer_id"] if columns and customers is not None else []
    kept = list(dict.fromkeys([*columns, *own])) or names
    if not names:
        return
    texts = pa_csv.ConvertOptions(
        include_columns=kept,
        column_types=dict.fromkeys(kept, pa.string()),
        strings_can_be_null=False,
    )
    written = pa_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False)
    block = pa_csv.ReadOptions(block_size=BLOCK_BYTES, use_threads=False)
    empty = True
    with pa_csv.open_csv(path, block, written, texts) as blocks:
        for rows in blocks:
            for start in range(0, rows.num_rows, BATCH_ROWS):
                yield _restored(rows.slice(start, BATCH_ROWS), customers)
                empty = False
    if empty:
        yield pd.DataFrame(columns=kept, dtype="str")


def _restored(rows: pa.RecordBatch, customers: Collection[str] | None) -> pd.DataFrame:
    if customers is not None:
        ids = restored(rows["customer_id"])
        rows = rows.filter(pc.is_in(ids, pa.array(list(customers), pa.string())))
    columns = [restored(column) for column in rows.columns]
    return pa.RecordBatch.from_arrays(columns, names=rows.schema.names).to_pandas()


def read_texts(
    path: Path, columns: Sequence[str] = (), customers: Collection[str] | None = None
) -> pd.DataFrame:
    """The parts of `read_batches` as one table."""
    batches = list(read_batches(path, columns, customers))
    return pd.concat(batches, ignore_index=True) if batches else pd.DataFrame()


def slug(text: str) -> str:
    """A text as the name of a file or folder: lower-case letters,
    digits and hyphens only; may be empty. Windows keeps some names for its devices.

    >>> slug("Fournitures Vauban SAS / Été"), slug("../.."), slug("Con")
    ('fournitures-vauban-sas-ete', '', 'con-')
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60]
    return f"{name}-" if DEVICE.fullmatch(name) else name
