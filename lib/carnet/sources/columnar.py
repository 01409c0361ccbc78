"""Typed sources: Parquet files, and queries on any database that Ibis reaches (SQLite, PostgreSQL, …)."""

import hashlib
import os
from pathlib import Path

import duckdb
import ibis
import pyarrow as pa
import pyarrow.parquet as pq

from carnet.databases import first_line, from_environment, without_secret
from carnet.engagement import Table
from carnet.errors import CarnetError
from carnet.records import RUN_VARIABLE
from carnet.sources.base import Reject, identifier, quoted
from carnet.wording import N_, Notice


def read(con: duckdb.DuckDBPyConnection, relation: str, path: Path, spec: Table, notes: list[Notice]) -> tuple[list[str], list[Reject]]:
    """Create `relation` (_row, then the columns with their own types) as a view on one Parquet file; row 1 is the first."""
    source = f"read_parquet({quoted(str(path))}, file_row_number=true)"
    try:
        if "file_row_number" in pq.read_schema(path).names:
            raise CarnetError(f"{path.name}: rename the column file_row_number, which DuckDB uses for the number of a row.")
        days = _in_own_zone(con, path, source, spec, notes)
        con.execute(
            f"CREATE OR REPLACE VIEW {relation} AS SELECT file_row_number + 1 AS _row, * EXCLUDE (file_row_number) {days} FROM {source}"
        )
    except (duckdb.Error, pa.ArrowException) as error:
        raise CarnetError(f"{path.name}: not readable as Parquet: {str(error).splitlines()[0]}") from None
    return [row[0] for row in con.execute(f"DESCRIBE {relation}").fetchall()[1:]], []


def _in_own_zone(con: duckdb.DuckDBPyConnection, path: Path, source: str, spec: Table, notes: list[Notice]) -> str:
    """SQL: REPLACE (…) of instants by the day and time they were in their own zone, else in the one that `format: {timezone: …}` declares.

    Raises CarnetError where neither is known and the day depends on it: read by the machine's zone, one file would give other figures elsewhere.
    """
    instants = [row[0] for row in con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall() if row[1] == "TIMESTAMP WITH TIME ZONE"]
    own = pq.read_schema(path) if b"ARROW:schema" in (pq.read_metadata(path).metadata or {}) else None
    read = []
    for name in instants:
        column = identifier(name)
        zone = spec.format.timezone or (own.field(name).type.tz if own is not None else None)
        if zone is None:
            hours = con.execute(
                f"SELECT count(*) FROM {source} WHERE CAST(timezone('UTC', {column}) AS TIME) <> TIME '00:00:00'"
            ).fetchall()[0][0]
            if hours:
                raise CarnetError(
                    f"{path.name}: the instants of {name!r} name no time zone, and their day depends on it. Set format: {{timezone: Europe/Paris}}."
                )
            zone = "UTC"
        message = N_("{file}: the days of {column} are those of the zone {zone}.")
        notes.append(Notice(message, {"file": path.name, "column": name, "zone": zone}))
        read.append(f"timezone({quoted(zone)}, {column}) AS {column}")
    return f"REPLACE ({', '.join(read)})" if read else ""


def fetch_query(name: str, url: str, query: str | None, folder: Path, scratch: Path) -> Path:
    """Run `query` through Ibis and store its rows as Parquet in the engagement's cache.

    `${NAME}` in the URL is read from the environment, so that no password stands in the engagement file;
    a SQLite path is relative to the engagement folder and stays in it. While a report is made (RUN_VARIABLE), rows fetched before
    are read again: all notebooks of one report see one state of the database.
    """
    if not query:
        raise CarnetError(f"{name}: a database URL needs a query: (SQL) beside files:.")
    path = scratch.parent / f"query-{hashlib.sha256(f'{url} {query}'.encode()).hexdigest()[:20]}.parquet"
    if os.environ.get(RUN_VARIABLE) and path.is_file():
        return path
    target = from_environment(name, url)
    file = folder
    if target.startswith("sqlite://"):
        inner = target.removeprefix("sqlite://").removeprefix("/")
        file = (folder / inner).resolve()
        if inner.startswith("/") or not file.is_relative_to(folder.resolve()):
            raise CarnetError(f"{name}: {inner!r} leaves the engagement folder. Copy the database into it: sqlite:///name.db.")
        if not file.is_file():
            raise CarnetError(f"{name}: {url}: no such SQLite file in {folder}.")
    try:
        backend = ibis.sqlite.connect(file) if target.startswith("sqlite://") else ibis.connect(target)
        rows = _without_session_zone(backend.sql(query).to_pyarrow())
    except ImportError as error:
        raise CarnetError(f"{name}: {without_secret(url)} needs a driver: {error}. Install carnet[postgres].") from None
    except Exception as error:  # a driver's own errors share no base class
        raise CarnetError(f"{name}: {without_secret(url)}: the query failed: {first_line(error, url, target)}") from None
    fetched = scratch / path.name
    pq.write_table(rows, fetched, store_schema=False)  # no zone of their own: the engagement declares it
    return fetched.replace(path)


def _without_session_zone(rows: pa.Table) -> pa.Table:
    """Instants in UTC: the zone that a driver gives them is that of its session, not theirs."""
    kinds = [
        pa.field(field.name, pa.timestamp(field.type.unit, "UTC")) if pa.types.is_timestamp(field.type) and field.type.tz else field
        for field in rows.schema
    ]
    return rows.cast(pa.schema(kinds))
