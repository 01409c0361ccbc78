"""Frames that a book gives for some arguments, computed once:
in a process, and by all notebooks of one report.
"""

import hashlib
import pickle
from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from typing import Any, Concatenate, NamedTuple, ParamSpec

import pandas as pd
from filelock import FileLock

from carnet.book.book import Book
from carnet.engagement.running import this_run
from carnet.measures.register import Ran, note, recording

P = ParamSpec("P")


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

    While a report is made, the first notebook that asks computes it and the others wait
    for it and read it (`running.Run.shared`). The measures that ran for it are noted again
    whenever it is asked.
    """

    @wraps(function)
    def kept(book: Book, *arguments: P.args, **named: P.kwargs) -> pd.DataFrame:
        key = (function.__qualname__, arguments, *sorted(named.items()))
        if key not in book.computed:
            compute = partial(_compute, book, partial(function, book, *arguments, **named))
            run = this_run().shared
            book.computed[key] = _shared(Path(run), (book, key), compute) if run else compute()
        computed = book.computed[key]
        for name, ran in computed.ran.items():
            note(name, ran)
        return computed.frame.copy()

    return kept


def _compute(book: Book, function: Callable[[], pd.DataFrame]) -> Computed:
    """The frame, and what ran for it; a table is kept as its SQL,
    which another process can read.
    """
    with recording() as made:
        frame = function()
    queried = {
        name: Ran(ran.label, query=ran.query or book.engine.sql(ran.table))
        if ran.table is not None
        else ran
        for name, ran in made.ran.items()
    }
    return Computed(frame, queried)


def _shared(run: Path, asked: tuple[Book, Any], compute: Callable[[], Computed]) -> Computed:
    """What another notebook of this run computed, else computed and stored for the others."""
    book, key = asked
    told = repr(
        (
            book.folder.name,
            book.as_of,
            book.engagement.model_dump(mode="json"),
            book.pseudonyms,
            key,
        )
    )
    path = run / f"{hashlib.sha256(told.encode()).hexdigest()[:20]}.pickle"
    with FileLock(path.with_suffix(".lock")):
        if path.is_file():
            return pickle.loads(path.read_bytes())
        computed = compute()
        written = path.with_suffix(".part")
        written.write_bytes(pickle.dumps(computed))
        written.replace(path)
        return computed
