"""Notebooks that need not run again: what one of carnet's own gave is kept beside the book, and
taken as it is by the next run of the day that asks the same of the same inputs, files and code.

An analyst's own notebook always runs: what its cells read is not known. Pages are written anew.
"""

import datetime as dt
import hashlib
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

from carnet.book.book import Book
from carnet.book.frames import CODE, forget_beyond, read_whole, write_whole
from carnet.book.once import WRITTEN_BY, told_of
from carnet.customers.experiments.files import FOLDER as EXPERIMENTS
from carnet.engagement.running import Run
from carnet.intake.sources import sha256_of
from carnet.report.execution import Executed, Job, read_as_notebook
from carnet.shipped import NOTEBOOKS

KEPT = "notebooks"  # the folder of a book where they are
MOST_BYTES = 64_000_000  # of the lists of a notebook
MOST_IN_ALL = 256_000_000
PLACES = ("engagement", "earlier_report")  # parameters that name a folder
LIST = r"[a-z_]+\.csv"


@dataclass(frozen=True)
class Asked:
    """What a notebook is about to be asked: the name of what it will give, after all that this
    depends on, and the files among that as they stand on the disk.
    """

    name: str
    files: tuple


def asked(book: Book, job: Job) -> Asked | None:
    """What `book` and `job` ask; None of an analyst's own notebook, or where a file that it
    depends on cannot be read.
    """
    if job.path.parent != NOTEBOOKS:
        return None
    run = replace(Run.read(job.run), lists="", shared="", memory="", opened="")
    places = {name: Path(str(job.parameters.get(name, ""))).name for name in PLACES}
    try:
        read = [
            (str(path.relative_to(home)), path.is_file() and sha256_of(path))
            for home, path in depends_on(book, job)
        ]
        files = tuple(_state(path) for _, path in depends_on(book, job))
    except OSError:
        return None
    told = (
        (CODE, sys.version, _installed(), dt.date.today()),
        (told_of(book, WRITTEN_BY), asdict(run), job.parameters | places),
        read,
    )
    digest = hashlib.sha256(repr(told).encode()).hexdigest()
    return Asked(f"{job.path.stem}-{digest[:20]}.json", files)


def take(book: Book, job: Job, question: Asked | None) -> Executed | None:
    """What the notebook gave when it ran before, its lists written again; None where it is not
    known, or not what carnet keeps.
    """
    kept = read_whole(book.folder / KEPT / question.name) if question else None
    if kept is None:
        return None
    try:
        told = json.loads(kept.to_pybytes())
        seconds, lists = float(told["seconds"]), dict(told["lists"])
        notebook = read_as_notebook(told["notebook"])
        if not notebook.cells or not all(re.fullmatch(LIST, name) for name in lists):
            return None
        for name, text in lists.items():
            (job.lists / name).write_bytes(text.encode())
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return Executed(job.path.stem, notebook, seconds, unchanged=True)


def keep(book: Book, job: Job, question: Asked | None, run: Executed) -> None:
    """Keep what a notebook gave, with its lists; nothing where these are too large, or where
    anything that it read was changed since it was asked.
    """
    lists = sorted(job.lists.glob("*.csv"))
    if question is None or sum(path.stat().st_size for path in lists) > MOST_BYTES:
        return
    opened = Path(Run.read(job.run).opened)
    seen = set(opened.read_text(encoding="utf-8").splitlines()) if opened.is_file() else None
    if asked(book, job) != question or seen != {told_of(book, WRITTEN_BY)}:
        return
    texts = {path.name: path.read_bytes().decode() for path in lists}
    told = {"notebook": run.notebook, "seconds": run.seconds, "lists": texts}
    folder = book.folder / KEPT
    if write_whole(folder / question.name, json.dumps(told, ensure_ascii=False).encode()):
        forget_beyond(folder, MOST_IN_ALL)


def depends_on(book: Book, job: Job) -> Iterator[tuple[Path, Path]]:
    """What a notebook reads beside the book, each with the folder that it is named from: its
    cells, files of the engagement, plans of experiments, the earlier report.
    """
    engagement, home = book.engagement, book.engagement.folder
    yield job.path.parent, job.path
    own = (engagement.codebook_file, engagement.sector_file, *engagement.firm_files)
    yield from ((path.parent, path) for path in own if path)
    # whatever it is: what is no plan is told
    yield from ((home, path) for path in sorted((home / EXPERIMENTS).glob("*.yml")))
    if earlier := job.parameters.get("earlier_report"):
        report = Path(earlier)
        found = (*report.glob("*.json"), *report.glob("lists/**/*.csv"))
        yield from ((report, path) for path in sorted(found))


def _state(path: Path) -> tuple:
    """Of a file: another one, or another content, has another."""
    told = path.lstat()
    return told.st_ino, told.st_size, told.st_mtime_ns, told.st_ctime_ns


@cache
def _installed() -> list[str]:
    """Every package that this Python finds, with its version."""
    found = (path.name for home in sys.path for path in Path(home or ".").glob("*.dist-info"))
    return sorted(found)
