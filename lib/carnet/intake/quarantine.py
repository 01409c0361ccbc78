"""Rows set aside: one table of a book, whatever tables they came from."""

import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import pyarrow as pa
from duckdb import DuckDBPyConnection


class Aside(NamedTuple):
    """A row set aside: where it stands, why, and its values there by header."""

    table: str
    file: str
    row: int
    reason: str
    original_values: Mapping[str, str | None]


COLUMNS = pa.schema(
    [(name, pa.int64() if name == "row" else pa.string()) for name in Aside._fields]
)


def begin_quarantine(con: DuckDBPyConnection) -> None:
    """Make the table `quarantine`, without a row."""
    con.from_arrow(COLUMNS.empty_table()).create("quarantine")


def quarantine(con: DuckDBPyConnection, rows: Iterable[Aside]) -> None:
    """Add rows to it, their values as the JSON that DuckDB writes, all at once: given to DuckDB one
    by one, a thousand take 0.3 s.
    """
    if columns := [list(column) for column in zip(*map(_written, rows), strict=True)]:
        con.from_arrow(pa.table(columns, schema=COLUMNS)).insert_into("quarantine")


def _written(row: Aside) -> tuple[str | int, ...]:
    values = json.dumps(row.original_values, ensure_ascii=False, separators=(",", ":"))
    return (*row[:-1], values)
