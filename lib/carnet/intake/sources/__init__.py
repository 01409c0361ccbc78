"""Files, sheets and queries → raw tables in DuckDB, where every value is still traceable
to file and row.

`load_table` is the only door: it finds the files of one table, reads each as the client wrote it
and appends it to `raw_<table>` with the columns `_file` (index into the file list) and `_row`
(as a spreadsheet numbers rows).
Nothing is dropped or repaired here: lines that do not fit their header come back in `rejects`.
"""

import contextlib
import gzip
import hashlib
import importlib.util
import re
import shutil
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb

from carnet.engagement.databases import is_database_url, without_secret
from carnet.engagement.file import RETURNED, Join, Table
from carnet.engagement.names import check_names
from carnet.engagement.schema import TABLE_LABELS, TABLES
from carnet.errors import CarnetError, Message, examples, nearest
from carnet.intake.sources import columnar, excel, fec, servers, text, unpivot
from carnet.intake.sources.base import Reject, SourceFile, identifier, plain_header
from carnet.wording import N_, Notice

Reader = Callable[
    [duckdb.DuckDBPyConnection, str, Path, Table, list[Notice]], tuple[list[str], list[Reject]]
]

PACKAGE = "package:"
READERS: dict[str, Reader] = {
    ".csv": text.read,
    ".txt": text.read,
    ".tsv": text.read,
    ".xlsx": excel.read,
    ".xlsm": excel.read,
    ".xls": excel.read,
    ".ods": excel.read,
    ".parquet": columnar.read,
}


def find_files(name: str, spec: Table, folder: Path, scratch: Path) -> list[SourceFile]:
    """List the inputs of one table, queries fetched into `scratch`;
    raises CarnetError when a pattern finds nothing.
    """
    found = _found(name, spec, folder, scratch)
    joined = [
        replace(file, join=number)
        for number, join in enumerate(spec.join)
        for file in _found(name, _source_of(join), folder, scratch)
    ]
    return found + joined


def _mixed_kinds(con: duckdb.DuckDBPyConnection, table: str, count: int) -> set[str]:
    """Columns, in small letters, that are texts in one file and numbers in another."""
    kinds: dict[str, set[str]] = {}
    for index in range(count if count > 1 else 0):
        for name, kind, *_ in con.execute(f"DESCRIBE part_{table}_{index}").fetchall():
            kinds.setdefault(name.casefold(), set()).add(kind)
    return {
        name for name, found in kinds.items() if "VARCHAR" in found and found & {"DOUBLE", "FLOAT"}
    }


def _whole(column: str) -> str:
    """SQL: a number as the text that a person writes, 17 and not 17.0; a text as it is."""
    return rf"regexp_replace(CAST({column} AS VARCHAR), '^(-?\d+)\.0$', '\1')"


def _source_of(join: Join) -> Table:
    """Where the columns that are joined stand, as a table."""
    return Table.model_validate({"files": join.files, "sheet": join.sheet, "format": join.format})


def _found(name: str, spec: Table, folder: Path, scratch: Path) -> list[SourceFile]:
    found: list[SourceFile] = []
    for pattern in spec.files:
        if is_database_url(pattern):
            path = servers.fetch_query(name, pattern, spec.query, folder, scratch)
            found.append(
                SourceFile(f"{without_secret(pattern)} ({spec.query})", path, sha256_of(path))
            )
            continue
        paths = files_of(name, pattern, folder)
        label = pattern if pattern.startswith(PACKAGE) else None
        found += [
            SourceFile(
                label or path.relative_to(folder.resolve()).as_posix(), path, sha256_of(path)
            )
            for path in paths
        ]
    twice = sorted({f.name for f in found if [g.path for g in found].count(f.path) > 1})
    if twice:
        raise CarnetError(
            "{name}: {examples} is listed by two patterns of `files`; its rows would count twice.",
            name=name,
            examples=examples(twice),
        )
    return found


def files_of(name: str, pattern: str, folder: Path) -> list[Path]:
    """The files that a pattern of `files` names; raises CarnetError where there is none, or it
    leaves the engagement's folder.
    """
    if pattern.startswith(PACKAGE):
        return [_package_file(name, pattern)]
    return _glob(name, pattern, folder)


def load_table(
    con: duckdb.DuckDBPyConnection, table: str, spec: Table, files: list[SourceFile]
) -> list[Reject]:
    """Create `raw_<table>` from `files`; returns the lines that could not be split into
    the header's columns.
    """
    joined = [file for file in files if file.join is not None]
    files[:] = [part for file in files if file.join is None for part in _sheets(file, spec)]
    rejects: list[Reject] = []
    parts = []
    headers: dict[str, list[str]] = {}
    for index, file in enumerate(files):
        reader = fec.read if table == "ledger" else READERS.get(file.path.suffix.lower())
        if reader is None:
            raise CarnetError(
                "{table}: {name}: unknown kind of file. Accepted: {listed}, a database URL.",
                table=table,
                name=file.name,
                listed=", ".join(READERS),
            )
        part = f"part_{table}_{index}"
        own = spec.model_copy(update={"sheet": file.sheet}) if file.sheet else spec
        headers[file.name], refused = reader(con, part, file.path, own, file.notes)
        if table == "service" and file.name.startswith(f"{RETURNED}/"):
            headers[file.name] = _done_only(con, part, headers[file.name], spec)
        rejects += [replace(reject, file=file.name) for reject in refused]
        file.rows = _count(con, part) + len(refused)
    if spec.unpivot:
        headers, made = _one_row_a_month(con, table, spec, files, headers)
        files[:] = made
    spelling = {name.casefold(): name for names in reversed(headers.values()) for name in names}
    mixed = _mixed_kinds(con, table, len(headers))
    for index, names in enumerate(headers.values()):
        written = {
            name: _whole(identifier(name)) if name.casefold() in mixed else identifier(name)
            for name in names
        }
        columns = ", ".join(
            f"{written[name]} AS {identifier(spelling[name.casefold()])}" for name in names
        )
        parts.append(f"SELECT {index}::INTEGER AS _file, _row, {columns} FROM part_{table}_{index}")
    folded = [{name.casefold() for name in names} for names in headers.values()]
    partial = sorted(
        spelling[name] for name in set[str]().union(*folded) - set[str].intersection(*folded)
    )
    if partial:
        message = N_("{table}: columns that not every file has, taken as missing there: {columns}.")
        label = TABLE_LABELS[table] if table in TABLES else table
        files[0].notes.append(Notice(message, {"table": label, "columns": examples(partial)}))
    query = " UNION ALL BY NAME ".join(parts)
    for number, join in enumerate(spec.join):
        query = _joined(
            con,
            f"{table}_join_{number}",
            join,
            [file for file in joined if file.join == number],
            query,
        )
    con.execute(f"CREATE OR REPLACE VIEW raw_{table} AS {query}")
    files += joined
    return rejects


def _joined(
    con: duckdb.DuckDBPyConnection, name: str, join: Join, files: list[SourceFile], query: str
) -> str:
    """SQL: the rows of `query` with the columns of other files, by what both share;
    rows without a partner are told.

    Raises CarnetError where a header is missing, or where one number has several rows there:
    which is meant nobody can tell.
    """
    inputs = [replace(file, join=None) for file in files]
    load_table(con, name, _source_of(join), inputs)
    for file in files:
        file.rows = sum(part.rows for part in inputs if part.path == file.path)
    con.execute(f"CREATE OR REPLACE VIEW left_{name} AS {query}")
    here, there = (
        {plain_header(row[0]): row[0] for row in con.execute(f"DESCRIBE {view}_{name}").fetchall()}
        for view in ("left", "raw")
    )
    pairs = []
    for wanted, other in join.shared.items():
        for header, headers in ((wanted, here), (other, there)):
            if plain_header(header) not in headers:
                raise CarnetError(
                    "join: on: no header {header} in {examples}; {nearest}",
                    header=f"{header!r}",
                    examples=examples(join.files),
                    nearest=nearest(header, headers.values()),
                )
        pairs.append((here[plain_header(wanted)], there[plain_header(other)]))
    added = [
        header
        for plain, header in there.items()
        if plain not in here and not header.startswith("_")
    ]
    keys = ", ".join(f"{_as_key(other)} AS _key_{n}" for n, (_, other) in enumerate(pairs))
    con.execute(
        f"CREATE OR REPLACE TABLE part_{name}_rows AS "
        f"SELECT DISTINCT {', '.join([keys, *map(identifier, added)])} FROM raw_{name}"
    )
    names = ", ".join(f"_key_{n}" for n in range(len(pairs)))
    twice = con.execute(
        f"SELECT {names} FROM part_{name}_rows GROUP BY ALL HAVING count(*) > 1 "
        f"ORDER BY ALL LIMIT 6"
    ).fetchall()
    if twice:
        raise CarnetError(
            "join: {examples}: several rows for one {listed}: {examples_2}. Name more columns "
            "under on:, or leave the repeated rows out.",
            examples=examples(join.files),
            listed=" + ".join((other for _, other in pairs)),
            examples_2=examples(" + ".join(map(str, row)) for row in twice),
        )
    on = " AND ".join(
        f"{_as_key(f'l.{identifier(header)}', False)} = j._key_{n}"
        for n, (header, _) in enumerate(pairs)
    )
    rows, alone = con.execute(
        f"SELECT count(*), count(*) FILTER (j._key_0 IS NULL) FROM left_{name} l LEFT "
        f"JOIN part_{name}_rows j ON {on}"
    ).fetchall()[0]
    if rows == alone > 0:
        raise CarnetError(
            "join: none of the {count} numbers of {column} stands in {examples}.",
            count=f"{rows:,}",
            column=examples(header for header, _ in pairs),
            examples=examples(join.files),
        )
    message = N_("{file}: joined by {column}: {columns}. {count} rows find no partner there.")
    told = {
        "file": examples(file.name for file in files),
        "column": examples(header for header, _ in pairs),
        "columns": examples(added),
        "count": alone,
    }
    files[0].notes.append(Notice(message, told))
    columns = "".join(f", j.{identifier(header)}" for header in added)
    return f"SELECT l.*{columns} FROM ({query}) l LEFT JOIN part_{name}_rows j ON {on}"


def _as_key(header: str, quote: bool = True) -> str:
    """SQL: a number that two files share, as it is compared:
    without outer spaces, 17850.0 as 17850.
    """
    return _whole(f"upper(trim(CAST({identifier(header) if quote else header} AS VARCHAR)))")


def _one_row_a_month(
    con: duckdb.DuckDBPyConnection,
    table: str,
    spec: Table,
    files: list[SourceFile],
    headers: dict[str, list[str]],
) -> tuple[dict[str, list[str]], list[SourceFile]]:
    """Files whose months stand in columns as one input a file and month:
    `part_<table>_<n>` of each, its header, the inputs.
    """
    months = {
        file.name: unpivot.months_of(
            con, spec, headers[file.name], f"{file.name} {file.sheet or ''}".strip()
        )
        for file in files
    }
    for index in range(len(files)):
        con.execute(f"ALTER TABLE part_{table}_{index} RENAME TO part_{table}_{index}_wide")
    found: dict[str, list[str]] = {}
    made: list[SourceFile] = []
    for index, file in enumerate(files):
        taken = {header for roles in months[file.name].values() for header in roles.values()}
        kept = [header for header in headers[file.name] if header not in taken]
        for month, roles in months[file.name].items():
            one = replace(
                file,
                name=f"{file.name} [{month}]",
                notes=[] if made and made[-1].path == file.path else file.notes,
            )
            con.execute(
                f"CREATE OR REPLACE VIEW part_{table}_{len(made)} "
                f"AS {unpivot.rows_of_month(f'part_{table}_{index}_wide', month, roles, kept)}"
            )
            one.rows = _count(con, f"part_{table}_{len(made)}")
            found[one.name] = [*kept, unpivot.PERIOD, *roles]
            made.append(one)
        message = N_(
            "{file}: {count} months in columns were read as one row a month, from "
            "{first} to {last}."
        )
        told = {
            "file": file.name,
            "count": len(months[file.name]),
            "first": next(iter(months[file.name])),
            "last": list(months[file.name])[-1],
        }
        file.notes.append(Notice(message, told))
    return found, made


def _unpacked(
    con: duckdb.DuckDBPyConnection, relation: str, path: Path, spec: Table, notes: list[Notice]
) -> tuple[list[str], list[Reject]]:
    """A text file packed with gzip, read as the file inside.

    Raises CarnetError for anything else that is packed.
    """
    inner = Path(path.stem)
    if READERS.get(inner.suffix.lower()) is not text.read:
        raise CarnetError(
            "{name}: unknown kind of file inside. Accepted: .csv.gz, .txt.gz, .tsv.gz.",
            name=path.name,
        )
    with tempfile.TemporaryDirectory() as scratch:
        unpacked = Path(scratch) / inner.name
        try:
            with gzip.open(path) as packed, unpacked.open("wb") as target:
                shutil.copyfileobj(packed, target)
        except (OSError, EOFError, zlib.error) as error:
            raise CarnetError(
                "{name}: not readable as gzip: {error}.", name=path.name, error=error
            ) from None
        return text.read(con, relation, unpacked, spec, notes)


def _done_only(
    con: duckdb.DuckDBPyConnection, part: str, names: list[str], spec: Table
) -> list[str]:
    """Of a sheet that a salesperson sent back, the rows with a day on which something was done, and
    the columns that the table reads.
    """
    read = {spec.columns.get(role, role).casefold() for role in TABLES["service"].columns}
    read |= {header.casefold() for header in spec.headers}
    kept = [name for name in names if name.casefold() in read]
    day = spec.columns.get("date", "date").casefold()
    for name in kept:
        if name.casefold() == day:
            con.execute(f"DELETE FROM {part} WHERE {identifier(name)} IS NULL")
    return kept


READERS[".gz"] = _unpacked


def _sheets(file: SourceFile, spec: Table) -> list[SourceFile]:
    """A workbook as one input a sheet."""
    if READERS.get(file.path.suffix.lower()) is not excel.read:
        return [file]
    if file.name.startswith(f"{RETURNED}/"):  # one sheet, whatever it is called
        spec = spec.model_copy(update={"sheet": None})
    sheets = excel.sheets_of(file.path, spec, file.notes)
    found = [
        replace(file, sheet=sheet, hidden=excel.hidden_rows(file.path, sheet)) for sheet in sheets
    ]
    if len(sheets) < 2:
        return found
    return [
        replace(one, name=f"{file.name} [{one.sheet}]", notes=[] if n else file.notes)
        for n, one in enumerate(found)
    ]


def forget_raw(con: duckdb.DuckDBPyConnection, table: str) -> None:
    """Drop `raw_<table>` and the tables it is made of: after its contract nobody asks
    for what was written. Views of them hold no rows; they stay until the connection closes.
    """
    con.execute(f"DROP VIEW raw_{table}")
    parts = "SELECT table_name FROM duckdb_tables() WHERE regexp_full_match(table_name, ?)"
    for (part,) in con.execute(parts, [rf"(part|left|raw)_{table}_(\d|join).*"]).fetchall():
        con.execute(f"DROP TABLE {identifier(part)}")


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _count(con: duckdb.DuckDBPyConnection, relation: str) -> int:
    return con.execute(f"SELECT count(*) FROM {relation}").fetchall()[0][0]


def _glob(name: str, pattern: str, folder: Path) -> list[Path]:
    """Files of a glob, all inside the engagement folder, in name order."""
    if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
        raise CarnetError(
            "{name}: files: {pattern} leaves the engagement folder. Copy the files into it.",
            name=name,
            pattern=f"{pattern!r}",
        )
    there: list[Path] = []
    with contextlib.suppress(ValueError, IndexError):  # as of `a**/b` or `.`: no pattern
        there = sorted(folder.glob(pattern))
    paths = [p.resolve() for p in there if p.is_file()]
    check_names(paths)
    outside = [p.name for p in paths if not p.is_relative_to(folder.resolve())]
    if outside:
        raise CarnetError(
            "{name}: {examples} is a link out of the engagement folder. Copy the file into it.",
            name=name,
            examples=examples(outside),
        )
    if not paths:
        data = (p.name for p in sorted(folder.iterdir()) if p.is_file() and p.suffix in READERS)
        raise CarnetError(
            "{name}: files: {pattern} finds no file in {folder}. Data files there: {there}.",
            name=name,
            pattern=f"{pattern!r}",
            folder=folder,
            there=examples(data, 12) or Message("none"),
        )
    return paths


def _package_file(name: str, pattern: str) -> Path:
    """`package:NAME/path` → the file inside the installed package NAME."""
    package, _, inner = pattern.removeprefix(PACKAGE).partition("/")
    spec = importlib.util.find_spec(package) if re.fullmatch(r"\w+", package) else None
    if spec is None or not spec.submodule_search_locations:
        raise CarnetError(
            "{name}: the package {package} of {pattern} is not installed (pip "
            "install {package_2}).",
            name=name,
            package=f"{package!r}",
            pattern=f"{pattern!r}",
            package_2=package,
        )
    root = Path(next(iter(spec.submodule_search_locations))).resolve()
    path = (root / inner).resolve()
    if not path.is_file() or not path.is_relative_to(root):
        raise CarnetError(
            "{name}: the package {package} ships no file {inner}.",
            name=name,
            package=f"{package!r}",
            inner=f"{inner!r}",
        )
    return path
