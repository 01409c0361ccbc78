"""Typed sources: Parquet files, and queries on any database that Ibis reaches (SQLite, PostgreSQL, …)."""

import os
import re
from pathlib import Path

import duckdb
import ibis
import pyarrow as pa
import pyarrow.parquet as pq

from carnet.engagement import Table
from carnet.errors import CarnetError, examples
from carnet.sources.base import quoted
from carnet.wording import Notice


def read(con: duckdb.DuckDBPyConnection, relation: str, path: Path, spec: Table, notes: list[Notice]) -> tuple[list[str], list]:
    """Create `relation` (_row, then the columns with their own types) as a view on one Parquet file; row 1 is the first."""
    source = f"read_parquet({quoted(str(path))}, file_row_number=true)"
    try:
        con.execute(f"CREATE OR REPLACE VIEW {relation} AS SELECT file_row_number + 1 AS _row, * EXCLUDE (file_row_number) FROM {source}")
    except duckdb.Error as error:
        raise CarnetError(f"{path.name}: not readable as Parquet: {str(error).splitlines()[0]}") from None
    return [row[0] for row in con.execute(f"DESCRIBE {relation}").fetchall()[1:]], []


def is_database_url(pattern: str) -> bool:
    """True for scheme://… patterns."""
    return re.match(r"[a-z][a-z0-9+]*://", pattern) is not None


def without_secret(url: str) -> str:
    """The URL without its password.

    >>> without_secret("postgresql://me:secret@db/sales")
    'postgresql://me@db/sales'
    """
    return re.sub(r"(//[^:/@]*):[^@]*@", r"\1@", url)


def fetch_query(name: str, url: str, query: str | None, folder: Path, scratch: Path) -> Path:
    """Run `query` through Ibis and store its rows as Parquet in `scratch`.

    `${NAME}` in the URL is read from the environment, so that no password stands in the engagement file;
    a SQLite path is relative to the engagement folder.
    """
    if not query:
        raise CarnetError(f"{name}: a database URL needs a query: (SQL) beside files:.")
    unset = [variable for variable in re.findall(r"\$\{(\w+)\}", url) if variable not in os.environ]
    if unset:
        raise CarnetError(f"{name}: {without_secret(url)} names environment variables that are not set: {examples(unset)}.")
    target = re.sub(r"\$\{(\w+)\}", lambda match: os.environ[match[1]], url)
    if target.startswith("sqlite://"):
        file = (folder / target.removeprefix("sqlite://").removeprefix("/")).resolve()
        if not file.is_file():
            raise CarnetError(f"{name}: {url}: no such SQLite file in {folder}.")
        connect = lambda: ibis.sqlite.connect(file)  # noqa: E731
    else:
        connect = lambda: ibis.connect(target)  # noqa: E731
    try:
        rows = connect().sql(query).to_pyarrow()
    except ImportError as error:
        raise CarnetError(f"{name}: {without_secret(url)} needs a driver: {error}. Install carnet[postgres].") from None
    except Exception as error:  # a driver's own errors share no base class
        told = str(error).replace(target, without_secret(url)).splitlines() or [type(error).__name__]
        raise CarnetError(f"{name}: {without_secret(url)}: the query failed: {told[0]}") from None
    path = scratch / f"query_{name}.parquet"
    pq.write_table(rows if isinstance(rows, pa.Table) else pa.table(rows), path)
    return path
