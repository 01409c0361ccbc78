"""Parquet files: typed as they are, instants by the day of their own zone."""

import re
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from carnet.engagement.file import Table
from carnet.errors import CarnetError
from carnet.intake.sources.base import OWN_COLUMNS, Reject, identifier, quoted
from carnet.wording import N_, Notice


def read(
    con: duckdb.DuckDBPyConnection, relation: str, path: Path, spec: Table, notes: list[Notice]
) -> tuple[list[str], list[Reject]]:
    """Create `relation` (_row, then the columns with their own types) as a view on one Parquet
    file; row 1 is the first.
    """
    # statistics of a file tell of no NaN: believed, DuckDB takes one for a number
    options = f"file_row_number=true, can_have_nan=true, {OWN_COLUMNS}"
    source = f"read_parquet({quoted(str(path))}, {options})"
    try:
        if "file_row_number" in pq.read_schema(path).names:
            raise CarnetError(
                "{name}: rename the column file_row_number, which DuckDB uses for the "
                "number of a row.",
                name=path.name,
            )
        days = _in_own_zone(con, path, source, spec, notes)
        con.execute(
            f"CREATE OR REPLACE VIEW {relation} AS SELECT file_row_number + 1 AS _row, * EXCLUDE "
            f"(file_row_number) {days} FROM {source}"
        )
    except (duckdb.Error, pa.ArrowException) as error:
        raise CarnetError(
            "{name}: not readable as Parquet: {cause}",
            name=path.name,
            cause=str(error).splitlines()[0],
        ) from None
    return [row[0] for row in con.execute(f"DESCRIBE {relation}").fetchall()[1:]], []


def _in_own_zone(
    con: duckdb.DuckDBPyConnection, path: Path, source: str, spec: Table, notes: list[Notice]
) -> str:
    """SQL: REPLACE (…) of instants by the day and time they were in their own zone,
    else in the one that `format: {timezone: …}` declares.

    Raises CarnetError where neither is known and the day depends on it: read by the machine's zone,
    one file would give other figures elsewhere.
    """
    instants = [
        row[0]
        for row in con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
        if row[1] == "TIMESTAMP WITH TIME ZONE"
    ]
    own = (
        pq.read_schema(path) if b"ARROW:schema" in (pq.read_metadata(path).metadata or {}) else None
    )
    read = []
    for name in instants:
        column = identifier(name)
        zone = spec.format.timezone or (own.field(name).type.tz if own is not None else None)
        if zone is None:
            hours = con.execute(
                f"SELECT count(*) FROM {source} WHERE CAST(timezone('UTC', {column}) AS TIME) "
                f"<> TIME '00:00:00'"
            ).fetchall()[0][0]
            if hours:
                raise CarnetError(
                    "{name}: the instants of {column} name no time zone, and their day depends "
                    "on it. Set format: {{timezone: Europe/Paris}}.",
                    name=path.name,
                    column=f"{name!r}",
                )
            zone = "UTC"
        message = N_("{file}: the days of {column} are those of the zone {zone}.")
        notes.append(Notice(message, {"file": path.name, "column": name, "zone": zone}))
        offset = re.fullmatch(r"([+-])(\d\d):?(\d\d)", zone)
        if offset:
            hours = f"INTERVAL ({offset[1]}{60 * int(offset[2]) + int(offset[3])}) MINUTE"
            read.append(f"timezone('UTC', {column}) + {hours} AS {column}")
        else:
            read.append(f"timezone({quoted(zone)}, {column}) AS {column}")
    return f"REPLACE ({', '.join(read)})" if read else ""
