"""Frames kept beside a book, for the next process that asks the same: Arrow data behind its digest,
never code.
"""

import contextlib
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.ipc

DAY = 86_400.0  # seconds
KEPT = 60  # frames and tables of a book; those used longest ago go
LIBRARIES = ("duckdb", "ibis-framework", "numpy", "pandas", "pyarrow", "scipy", "statsmodels")
CODE_SUFFIXES = (".py", ".yml", ".po", ".mplstyle")
NOTE = b"carnet"
DIGEST_BYTES = 32  # SHA-256 of what follows: a careless hand or a full disk changes it


def _code() -> str:
    """Fingerprint of the code that computes frames: another release computes them again."""
    package = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256(repr([(name, version(name)) for name in LIBRARIES]).encode())
    for path in sorted(path for path in package.rglob("*") if path.suffix in CODE_SUFFIXES):
        if path.is_file():  # an editor's lock is none
            digest.update(path.read_bytes())
    return digest.hexdigest()


CODE = _code()


def write_frame(path: Path, frame: pd.DataFrame, note: Any) -> bool:
    """Keep a frame, and a note that JSON can hold, in a file that is there whole or not at all.

    False, and nothing is kept, where the frame would not come back exactly as it is, or where
    nothing can be written.
    """
    try:
        table = pa.Table.from_pandas(frame)
        objects = [name for name in frame if frame[name].dtype == object]
        if not _same(frame, _as_written(table, objects)):
            return False
        told = {**(table.schema.metadata or {}), NOTE: json.dumps([note, objects]).encode()}
        table = table.replace_schema_metadata(told)
        made = pa.BufferOutputStream()
        with pa.ipc.new_file(made, table.schema) as written:
            written.write_table(table)
    except (ValueError, OverflowError, pa.ArrowException):
        return False
    if not write_whole(path, made.getvalue()):
        return False
    with contextlib.suppress(OSError):
        forget_oldest(path.parent)
    return True


def write_whole(path: Path | None, content: bytes | pa.Buffer) -> bool:
    """Keep bytes behind their digest, in a file that is there whole or not at all; False, and
    nothing is kept, where nothing can be written.
    """
    if path is None:
        return False
    part = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with part.open("wb") as file:
            file.write(hashlib.sha256(content).digest())
            file.write(content)
        part.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        return False
    return True


def read_whole(path: Path | None) -> pa.Buffer | None:
    """Bytes that were kept; None where they are not there, or damaged."""
    if path is None:
        return None
    try:
        kept = memoryview(path.read_bytes())
    except OSError:
        return None
    digest, content = kept[:DIGEST_BYTES], kept[DIGEST_BYTES:]
    if hashlib.sha256(content).digest() != digest:
        return None
    touch(path)
    return pa.py_buffer(content)


def read_frame(path: Path) -> tuple[pd.DataFrame, Any] | None:
    """A frame that was kept, and its note; None where it is not there, or damaged."""
    content = read_whole(path)
    if content is None:
        return None
    table = pa.ipc.open_file(content).read_all()
    note, objects = json.loads(table.schema.metadata[NOTE])
    return _as_written(table, objects), note


def _as_written(table: pa.Table, objects: list[str]) -> pd.DataFrame:
    """The frame: columns of objects are such again, with None for what is unknown."""
    frame = table.to_pandas()
    as_objects = {name: frame[name].astype(object) for name in objects}
    return frame.assign(**{n: c.where(c.notna(), None) for n, c in as_objects.items()})


def _same(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """True where values, types and index are the same; None is not NaN."""
    kinds = [
        [
            (pd.api.types.infer_dtype(t[name], skipna=False), (values != values).sum())  # NaN
            for name, values in ((name, t[name].to_numpy()) for name in t)
            if values.dtype == object and t[name].dtype == object
        ]
        for t in (one, other)
    ]
    same_types = list(one.dtypes) == list(other.dtypes) and kinds[0] == kinds[1]
    return same_types and one.index.equals(other.index) and one.equals(other)


def touch(path: Path) -> None:
    """Note that it was used, where the folder is not one that may only be read."""
    now = time.time_ns()  # finer than the clock of the file system
    with contextlib.suppress(OSError):
        os.utime(path, ns=(now, now))


def forget_oldest(folder: Path) -> None:
    """Remove the frames and tables of a book that were used longest ago."""
    frames = [path for _, path in _by_use(folder.glob("*.arrow"))]
    tables = _by_use(note.parent for note in folder.glob("[!.]*/note.json"))
    unfinished = _by_use(folder.glob(".*"))
    # a table is read as long as somebody has it; a frame was read whole
    lately = time.time() - DAY
    unused = [path for used, path in [*tables[KEPT:], *unfinished] if used < lately]
    for path in (*frames[KEPT:], *unused):
        remove(path)


def forget_beyond(folder: Path, most_bytes: int) -> None:
    """Remove the files of a folder that were used longest ago, until so many bytes are left."""
    size = 0
    for _, path in _by_use(folder.glob("*")):
        with contextlib.suppress(OSError):
            size += path.stat().st_size
        if size > most_bytes:
            remove(path)


def _by_use(paths: Iterable[Path]) -> list[tuple[float, Path]]:
    """When they were used last, the latest first; those that another run removed meanwhile are
    left out.
    """
    found = []
    for path in paths:
        with contextlib.suppress(OSError):
            found.append((path.stat().st_mtime, path))
    return sorted(found, reverse=True)


def remove(path: Path) -> None:
    """Remove a file, or a folder of files that an engine wrote; nothing where it is not there."""
    shutil.rmtree(path, ignore_errors=True)
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
