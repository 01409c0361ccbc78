"""Frames that a book gives for some arguments, computed once: in a process, and by all notebooks of one report."""

import hashlib
import os
import pickle
from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from typing import Any, Concatenate, NamedTuple, ParamSpec

import pandas as pd
from filelock import FileLock

from carnet.book.book import Book
from carnet.engagement.records import RUN_VARIABLE
from carnet.measures.register import note, recording

P = ParamSpec("P")


class Computed(NamedTuple):
    """A frame, the measures that ran for it, and the kept tables that it was computed from (label, SQL)."""

    frame: pd.DataFrame
    ran: tuple[str, ...]
    queries: dict[str, tuple[str, str]]


def once(function: Callable[Concatenate[Book, P], pd.DataFrame]) -> Callable[Concatenate[Book, P], pd.DataFrame]:
    """A frame that a book gives for some arguments, computed the first time: whoever asks gets a copy.

    While a report is made, the first notebook that asks computes it and the others wait for it and read it (RUN_VARIABLE).
    The measures that ran for it are noted again whenever it is asked.
    """

    @wraps(function)
    def kept(book: Book, *arguments: P.args, **named: P.kwargs) -> pd.DataFrame:
        key = (function.__qualname__, arguments, *sorted(named.items()))
        if key not in book.computed:
            compute = partial(_compute, book, partial(function, book, *arguments, **named))
            run = os.environ.get(RUN_VARIABLE)
            book.computed[key] = _shared(Path(run), (book, key), compute) if run else compute()
        computed = book.computed[key]
        book.kept_queries.update(computed.queries)
        for name in computed.ran:
            note(name)
        return computed.frame.copy()

    return kept


def _compute(book: Book, function: Callable[[], pd.DataFrame]) -> Computed:
    """The frame, and the queries kept on the way to it, whether they were kept before or not."""
    before = dict(book.kept_queries)
    book.kept_queries.clear()
    try:
        with recording() as made:
            frame = function()
        return Computed(frame, tuple(made.ran), dict(book.kept_queries))
    finally:
        queries = before | book.kept_queries
        book.kept_queries.clear()
        book.kept_queries.update(queries)


def _shared(run: Path, asked: tuple[Book, Any], compute: Callable[[], Computed]) -> Computed:
    """What another notebook of this run computed, else computed and stored for the others."""
    book, key = asked
    told = repr((book.folder.name, book.as_of, book.engagement.model_dump(mode="json"), book.pseudonyms, key))
    path = run / f"{hashlib.sha256(told.encode()).hexdigest()[:20]}.pickle"
    with FileLock(path.with_suffix(".lock")):
        if path.is_file():
            return pickle.loads(path.read_bytes())
        computed = compute()
        written = path.with_suffix(".part")
        written.write_bytes(pickle.dumps(computed))
        written.replace(path)
        return computed
