"""Notebooks that need not run again: what one of carnet's own gave is kept beside the book, and
taken as it is by the next run of the day that asks the same of the same inputs, files and code.

An analyst's own notebook always runs: what its cells read is not known. Pages are written anew.
"""

import datetime as dt
import hashlib
import json
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

import nbformat

from carnet.book.book import Book
from carnet.book.frames import CODE, forget_beyond, read_whole, write_whole
from carnet.customers.experiments.files import FOLDER as EXPERIMENTS
from carnet.engagement.running import Run
from carnet.intake.sources import sha256_of
from carnet.report.execution import Executed, Job
from carnet.shipped import NOTEBOOKS

KEPT = "notebooks"  # the folder of a book where they are
MOST_BYTES = 64_000_000  # of the lists of a notebook
MOST_IN_ALL = 256_000_000
PLACES = ("engagement", "earlier_report")  # parameters that name a folder
# keys of an engagement that no notebook reads: by them pages and files are written
WRITTEN_BY = {"account_page_count", "audience", "lists", "parameters", "sections", "signed"}


def take(book: Book, job: Job) -> Executed | None:
    """What the notebook gave when it ran before, its lists written again; None where it is not
    known, or damaged.
    """
    kept = read_whole(_place(book, job))
    if kept is None:
        return None
    told = json.loads(kept.to_pybytes())
    for name, text in told["lists"].items():
        (job.lists / name).write_bytes(text.encode())
    notebook = nbformat.from_dict(told["notebook"])
    return Executed(job.path.stem, notebook, told["seconds"], unchanged=True)


def keep(book: Book, job: Job, run: Executed) -> None:
    """Keep what a notebook gave, with its lists; nothing where these are too large."""
    place, lists = _place(book, job), sorted(job.lists.glob("*.csv"))
    if place is None or sum(path.stat().st_size for path in lists) > MOST_BYTES:
        return
    texts = {path.name: path.read_bytes().decode() for path in lists}
    told = {"notebook": run.notebook, "seconds": run.seconds, "lists": texts}
    if write_whole(place, json.dumps(told, ensure_ascii=False).encode()):
        forget_beyond(place.parent, MOST_IN_ALL)


def _place(book: Book, job: Job) -> Path | None:
    """The file of what a notebook gives, named after all that this depends on; None for an
    analyst's own.
    """
    if job.path.parent != NOTEBOOKS:
        return None
    run = replace(Run.read(job.run), lists="", shared="", memory="")
    places = {name: Path(str(job.parameters.get(name, ""))).name for name in PLACES}
    told = (
        (CODE, sys.version, _installed()),
        (book.folder.name, book.as_of, book.pseudonyms, dt.date.today()),
        book.engagement.model_dump(mode="json", exclude=WRITTEN_BY),
        (asdict(run), job.parameters | places),
        [(path.name, sha256_of(path)) for path in depends_on(book, job)],
    )
    digest = hashlib.sha256(repr(told).encode()).hexdigest()
    return book.folder / KEPT / f"{job.path.stem}-{digest[:20]}.json"


def depends_on(book: Book, job: Job) -> Iterator[Path]:
    """What a notebook reads beside the book: its cells, files of the engagement, earlier lists."""
    engagement = book.engagement
    yield job.path
    yield from filter(None, (engagement.codebook_file, engagement.sector_file))
    yield from engagement.firm_files
    yield from _within(engagement.folder / EXPERIMENTS)
    if earlier := job.parameters.get("earlier_report"):
        yield from sorted(Path(earlier).glob("*.json"))
        yield from _within(Path(earlier) / "lists")


def _within(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


@cache
def _installed() -> list[str]:
    """Every package of this Python with its version."""
    return sorted(path.name for path in Path(sysconfig.get_path("purelib")).glob("*.dist-info"))
