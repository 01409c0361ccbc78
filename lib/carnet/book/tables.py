"""Tables that a book gives for some arguments: computed once by its engine, kept as Parquet beside
the frames of `once`, and read by whoever asks, in this run and in the next.
"""

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, wraps
from pathlib import Path
from typing import Concatenate, ParamSpec

import ibis.expr.types as ir

from carnet.book.book import Book
from carnet.book.cache import COMPUTED
from carnet.book.frames import forget_oldest, remove, touch
from carnet.book.mapped import Mapped
from carnet.book.once import asked, lock, question
from carnet.engagement.running import this_run
from carnet.intake.sources import sha256_of
from carnet.measures.register import Ran, note, recording

P = ParamSpec("P")
ROWS, NOTE = "rows.parquet", "note.json"  # of a table, in a folder of its own


@dataclass(frozen=True)
class Stored:
    """A table of a book's engine, what ran for it, and where it is kept."""

    table: ir.Table
    ran: dict[str, Ran]
    home: Path


def tabled(
    function: Callable[Concatenate[Book, P], Mapped],
) -> Callable[Concatenate[Book, P], ir.Table]:
    """A table that a book gives for some arguments, computed the first time, by one process for
    all (see `once`); the measures that ran for it are noted whenever it is asked.
    """

    @wraps(function)
    def kept(book: Book, *arguments: P.args, **named: P.kwargs) -> ir.Table:
        key = question(function, arguments, named)
        if key not in book.stored:
            book.stored[key] = _stored(
                book, key[1], asked(book, key), lambda: function(book, *arguments, **named)
            )
        touch(book.stored[key].home)
        for name, ran in book.stored[key].ran.items():
            note(name, ran)
        return book.stored[key].table

    return kept


def _stored(book: Book, name: str, key: str, make: Callable[[], Mapped]) -> Stored:
    """What another notebook or an earlier run of this book computed, else computed and kept."""
    with lock(book, key):
        for folder in _folders(book):
            try:
                ran = _told(home := folder / key) or _write(book, home, make)
                break
            except OSError as error:  # it may not be written, or its disk is full
                refused = error
        else:
            raise refused
    beside = sum(known[1] == name for known in book.stored)  # of other arguments
    own = f"{name}_{beside + 1}" if beside else name
    return Stored(book.engine.read(own, home / ROWS), ran, home)


def _write(book: Book, home: Path, make: Callable[[], Mapped]) -> dict[str, Ran]:
    """Compute the rows, and return what ran for them: in a folder that is there whole or not at
    all; of two runs that compute the same the first one's stays.
    """
    part = home.with_name(f".{home.name}-{os.getpid()}")
    remove(part)
    part.mkdir(mode=0o700)
    try:
        with recording() as made:
            book.engine.mapped(make(), part / ROWS)
        ran = {name: Ran(each.label, query=_query(each)) for name, each in made.ran.items()}
        told = {name: (each.label, each.query) for name, each in ran.items()}
        note = json.dumps([_digest(part / ROWS), told])
        (part / NOTE).write_text(note, encoding="utf-8")
        if _told(home) is None:
            remove(home)  # damaged
        with suppress(OSError):
            part.rename(home)
    finally:
        remove(part)
    forget_oldest(home.parent)
    return ran


def _query(ran: Ran) -> str:
    if ran.query or ran.table is None:
        return ran.query
    return str(ran.table.get_backend().compile(ran.table, pretty=True))


def _told(home: Path) -> dict[str, Ran] | None:
    """What ran for a table that was kept; None where it is not there, or damaged."""
    try:
        digest, told = json.loads((home / NOTE).read_text(encoding="utf-8"))
        ran = {name: Ran(label, query=query) for name, (label, query) in told.items()}
        whole = digest == _digest(home / ROWS)
    except (OSError, ValueError, TypeError, AttributeError):
        return None
    return ran if whole else None


def _digest(place: Path) -> str:
    """Of a file its bytes; of a folder that Spark wrote the names and sizes of its files."""
    if place.is_dir():
        return repr(sorted((path.name, path.stat().st_size) for path in place.iterdir()))
    return sha256_of(place)


def _folders(book: Book) -> Iterator[Path]:
    """Where tables may be kept: beside the book, else for this run, or this process, alone."""
    folder = book.folder / COMPUTED
    with suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        yield folder
    yield Path(this_run().shared or _own_folder().name)


@cache
def _own_folder() -> tempfile.TemporaryDirectory:
    """Of this process, gone with it."""
    return tempfile.TemporaryDirectory()
