"""Files, sheets and queries → raw tables in DuckDB, where every value is still traceable to file and row.

`load_table` is the only door: it finds the files of one table, reads each as the client wrote it and appends it to
`raw_<table>` with the columns `_file` (index into the file list) and `_row` (as a spreadsheet numbers rows).
Nothing is dropped or repaired here: lines that do not fit their header come back in `rejects`.
"""

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

from carnet.databases import is_database_url, without_secret
from carnet.engagement import Table
from carnet.errors import CarnetError, examples
from carnet.schema import TABLE_LABELS
from carnet.sources import columnar, excel, fec, text, unpivot
from carnet.sources.base import Reject, SourceFile, identifier
from carnet.wording import N_, Notice

Reader = Callable[[duckdb.DuckDBPyConnection, str, Path, Table, list[Notice]], tuple[list[str], list[Reject]]]

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
    """List the inputs of one table, queries fetched into `scratch`; raises CarnetError when a pattern finds nothing."""
    found: list[SourceFile] = []
    for pattern in spec.files:
        if is_database_url(pattern):
            path = columnar.fetch_query(name, pattern, spec.query, folder, scratch)
            found.append(SourceFile(f"{without_secret(pattern)} ({spec.query})", path, sha256_of(path)))
            continue
        if pattern.startswith("package:"):
            paths, label = [_package_file(name, pattern)], pattern
        else:
            paths, label = _glob(name, pattern, folder), None
        found += [SourceFile(label or path.relative_to(folder.resolve()).as_posix(), path, sha256_of(path)) for path in paths]
    twice = sorted({f.name for f in found if [g.path for g in found].count(f.path) > 1})
    if twice:
        raise CarnetError(f"{name}: {examples(twice)} is listed by two patterns of `files`; its rows would count twice.")
    return found


def load_table(con: duckdb.DuckDBPyConnection, table: str, spec: Table, files: list[SourceFile]) -> list[Reject]:
    """Create `raw_<table>` from `files`; returns the lines that could not be split into the header's columns."""
    files[:] = [part for file in files for part in _sheets(file, spec)]
    rejects: list[Reject] = []
    parts = []
    headers: dict[str, list[str]] = {}
    for index, file in enumerate(files):
        reader = fec.read if table == "ledger" else READERS.get(file.path.suffix.lower())
        if reader is None:
            raise CarnetError(f"{table}: {file.name}: unknown kind of file. Accepted: {', '.join(READERS)}, a database URL.")
        part = f"part_{table}_{index}"
        own = spec.model_copy(update={"sheet": file.sheet}) if file.sheet else spec
        headers[file.name], refused = reader(con, part, file.path, own, file.notes)
        rejects += [replace(reject, file=file.name) for reject in refused]
        file.rows = _count(con, part) + len(refused)
    if spec.unpivot:
        headers, made = _one_row_a_month(con, table, spec, files, headers)
        files[:] = made
    spelling = {name.casefold(): name for names in reversed(headers.values()) for name in names}
    for index, names in enumerate(headers.values()):
        columns = ", ".join(f"{identifier(name)} AS {identifier(spelling[name.casefold()])}" for name in names)
        parts.append(f"SELECT {index}::INTEGER AS _file, _row, {columns} FROM part_{table}_{index}")
    folded = [{name.casefold() for name in names} for names in headers.values()]
    partial = sorted(spelling[name] for name in set[str]().union(*folded) - set[str].intersection(*folded))
    if partial:
        message = N_("{table}: columns that not every file has, taken as missing there: {columns}.")
        files[0].notes.append(Notice(message, {"table": TABLE_LABELS[table], "columns": examples(partial)}))
    con.execute(f"CREATE VIEW raw_{table} AS {' UNION ALL BY NAME '.join(parts)}")
    return rejects


def _one_row_a_month(
    con: duckdb.DuckDBPyConnection, table: str, spec: Table, files: list[SourceFile], headers: dict[str, list[str]]
) -> tuple[dict[str, list[str]], list[SourceFile]]:
    """Files whose months stand in columns as one input a file and month: `part_<table>_<n>` of each, its header, the inputs."""
    months = {file.name: unpivot.months_of(con, spec, headers[file.name], file.name) for file in files}
    for index in range(len(files)):
        con.execute(f"ALTER TABLE part_{table}_{index} RENAME TO part_{table}_{index}_wide")
    found: dict[str, list[str]] = {}
    made: list[SourceFile] = []
    for index, file in enumerate(files):
        taken = {header for roles in months[file.name].values() for header in roles.values()}
        kept = [header for header in headers[file.name] if header not in taken]
        for month, roles in months[file.name].items():
            one = replace(file, name=f"{file.name} [{month}]", notes=[] if made and made[-1].path == file.path else file.notes)
            con.execute(
                f"CREATE VIEW part_{table}_{len(made)} AS {unpivot.rows_of_month(f'part_{table}_{index}_wide', month, roles, kept)}"
            )
            one.rows = _count(con, f"part_{table}_{len(made)}")
            found[one.name] = [*kept, unpivot.PERIOD, *roles]
            made.append(one)
        message = N_("{file}: {count} months in columns were read as one row a month, from {first} to {last}.")
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
    """A text file packed with gzip, read as the file inside. Raises CarnetError for anything else that is packed."""
    inner = Path(path.stem)
    if READERS.get(inner.suffix.lower()) is not text.read:
        raise CarnetError(f"{path.name}: unknown kind of file inside. Accepted: .csv.gz, .txt.gz, .tsv.gz.")
    with tempfile.TemporaryDirectory() as scratch:
        unpacked = Path(scratch) / inner.name
        try:
            with gzip.open(path) as packed, unpacked.open("wb") as target:
                shutil.copyfileobj(packed, target)
        except (OSError, EOFError, zlib.error) as error:
            raise CarnetError(f"{path.name}: not readable as gzip: {error}.") from None
        return text.read(con, relation, unpacked, spec, notes)


READERS[".gz"] = _unpacked


def _sheets(file: SourceFile, spec: Table) -> list[SourceFile]:
    """A workbook as one input a sheet."""
    if READERS.get(file.path.suffix.lower()) is not excel.read:
        return [file]
    sheets = excel.sheets_of(file.path, spec, file.notes)
    if len(sheets) < 2:
        return [replace(file, sheet=sheet) for sheet in sheets]
    return [replace(file, name=f"{file.name} [{sheet}]", sheet=sheet, notes=[] if n else file.notes) for n, sheet in enumerate(sheets)]


def forget_raw(con: duckdb.DuckDBPyConnection, table: str) -> None:
    """Drop `raw_<table>` and the parts it is made of: after its contract nobody asks for what was written."""
    con.execute(f"DROP VIEW raw_{table}")
    parts = "SELECT table_name, table_type FROM information_schema.tables WHERE regexp_full_match(table_name, ?)"
    for part, kind in con.execute(parts, [rf"part_{table}_\d+.*"]).fetchall():
        con.execute(f"DROP {'VIEW' if kind == 'VIEW' else 'TABLE'} {identifier(part)}")


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _count(con: duckdb.DuckDBPyConnection, relation: str) -> int:
    return con.execute(f"SELECT count(*) FROM {relation}").fetchall()[0][0]


def _glob(name: str, pattern: str, folder: Path) -> list[Path]:
    """Files of a glob, all inside the engagement folder, in name order."""
    if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
        raise CarnetError(f"{name}: files: {pattern!r} leaves the engagement folder. Copy the files into it.")
    paths = [p.resolve() for p in sorted(folder.glob(pattern)) if p.is_file()]
    outside = [p.name for p in paths if not p.is_relative_to(folder.resolve())]
    if outside:
        raise CarnetError(f"{name}: {examples(outside)} is a link out of the engagement folder. Copy the file into it.")
    if not paths:
        there = examples((p.name for p in sorted(folder.iterdir()) if p.is_file() and p.suffix in READERS), 12)
        raise CarnetError(f"{name}: files: {pattern!r} finds no file in {folder}. Data files there: {there or 'none'}.")
    return paths


def _package_file(name: str, pattern: str) -> Path:
    """`package:NAME/path` → the file inside the installed package NAME."""
    package, _, inner = pattern.removeprefix("package:").partition("/")
    spec = importlib.util.find_spec(package) if re.fullmatch(r"\w+", package) else None
    if spec is None or not spec.submodule_search_locations:
        raise CarnetError(f"{name}: the package {package!r} of {pattern!r} is not installed (pip install {package}).")
    root = Path(next(iter(spec.submodule_search_locations))).resolve()
    path = (root / inner).resolve()
    if not path.is_file() or not path.is_relative_to(root):
        raise CarnetError(f"{name}: the package {package!r} ships no file {inner!r}.")
    return path
