"""Frames that a book gives for some arguments, computed once: in a process, by all notebooks of
one report, and for the next run of the same book.
"""

import hashlib
import os
import pickle
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial, wraps
from pathlib import Path
from typing import Any, Concatenate, NamedTuple, ParamSpec

import pandas as pd
from filelock import FileLock

from carnet.book.book import Book
from carnet.book.cache import COMPUTED
from carnet.book.frames import CODE, read_frame, write_frame
from carnet.engagement.running import this_run
from carnet.measures.register import Ran, note, recording

P = ParamSpec("P")
# keys of an engagement by which pages and files are written: no notebook reads them
WRITTEN_BY = {"account_page_count", "audience", "lists", "parameters", "sections", "signed"}
# and those that say what a notebook shows: a frame that is kept reads none of them
SHOWN = WRITTEN_BY | {"maturity", "targets"}


class Computed(NamedTuple):
    """A frame, and what ran for it: measures and kept tables,
    with the SQL of those on the engine.
    """

    frame: pd.DataFrame
    ran: dict[str, Ran]


def once(
    function: Callable[Concatenate[Book, P], pd.DataFrame],
) -> Callable[Concatenate[Book, P], pd.DataFrame]:
    """A frame that a book gives for some arguments, computed the first time:
    whoever asks gets a copy.

    The first notebook that asks computes it, the others wait for it and read it, and so does a
    later run of the same book, question and code (`frames`). The measures that ran for it are noted
    again whenever it is asked.
    """

    @wraps(function)
    def kept(book: Book, *arguments: P.args, **named: P.kwargs) -> pd.DataFrame:
        key = question(function, arguments, named)
        if key not in book.computed:
            compute = partial(_compute, book, partial(function, book, *arguments, **named))
            book.computed[key] = _kept(book, key, compute)
        computed = book.computed[key]
        for name, ran in computed.ran.items():
            note(name, ran)
        return computed.frame.copy()

    return kept


def question(
    function: Callable[..., Any], arguments: tuple, named: dict[str, Any]
) -> tuple[str, str, tuple, tuple]:
    """What is asked of a book: where the function stands, its name, what it is given."""
    return function.__module__, function.__qualname__, arguments, tuple(sorted(named.items()))


def _one_unknown(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with None for what is unknown in its columns of texts, never NaN: what is kept
    comes back as it is.
    """
    texts = list(frame.select_dtypes("object"))
    return frame.assign(**{n: frame[n].where(frame[n].notna(), None) for n in texts})


def _compute(book: Book, function: Callable[[], pd.DataFrame]) -> Computed:
    """The frame, and what ran for it; a table is kept as its SQL,
    which another process can read.
    """
    with recording() as made:
        frame = _one_unknown(function())
    queried = {
        name: Ran(ran.label, query=ran.query or book.engine.sql(ran.table))
        if ran.table is not None
        else ran
        for name, ran in made.ran.items()
    }
    return Computed(frame, queried)


def asked(book: Book, key: Any) -> str:
    """Fingerprint of all that a frame depends on: the book, the engagement but SHOWN, with the
    files that it names, the question, the code.
    """
    own = (book.engagement.codebook_file, book.engagement.sector_file)
    files = [path.read_bytes() for path in own if path]
    told = repr((CODE, told_of(book, SHOWN), files, key))
    return hashlib.sha256(told.encode()).hexdigest()[:20]


def told_of(book: Book, but: set[str]) -> str:
    """Fingerprint of the inputs of a book and of its engagement but some keys, without the files
    that this names.
    """
    engagement = book.engagement.model_dump(mode="json", exclude=but | {"as_of"})
    told = repr((book.folder.name, book.as_of, book.pseudonyms, engagement))
    return hashlib.sha256(told.encode()).hexdigest()


def _kept(book: Book, key: Any, compute: Callable[[], Computed]) -> Computed:
    """What another notebook or an earlier run of this book computed, else computed and kept beside
    it; a frame that does not come back exactly is shared by the notebooks of this run alone.
    """
    name, shared = asked(book, key), this_run().shared
    place = book.folder / COMPUTED / f"{name}.arrow"
    with lock(book, name):
        found = read_frame(place)
        if found is not None:
            frame, ran = found
            return Computed(frame, {each: Ran(*told) for each, told in ran.items()})
        beside = Path(shared) / f"{name}.pickle" if shared else None
        if beside is not None and beside.is_file():
            return pickle.loads(beside.read_bytes())
        computed = compute()
        ran = {each: (made.label, None, made.query) for each, made in computed.ran.items()}
        if not write_frame(place, computed.frame, ran) and beside is not None:
            written = beside.with_suffix(".part")
            written.write_bytes(pickle.dumps(computed))
            written.replace(beside)
        return computed


def lock(book: Book, name: str) -> AbstractContextManager[Any]:
    """One process at a time computes the answer to a question: of this run, else of this book."""
    folder = Path(this_run().shared or book.folder / COMPUTED)
    with suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
    return FileLock(folder / f"{name}.lock") if os.access(folder, os.W_OK) else nullcontext()
