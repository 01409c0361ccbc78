"""Executed notebooks → one dated, self-contained report folder, complete or not there at all."""

import contextlib
import hashlib
import os
import platform
import shutil
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import metadata
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

from carnet.book.book import Book, open_book
from carnet.book.earlier import find_earlier
from carnet.book.engines import answers_one
from carnet.customers.objectives import check_objectives
from carnet.engagement.parameters import Policy
from carnet.engagement.running import PICTURES_VARIABLE, Run
from carnet.engagement.unfinished import building
from carnet.errors import CarnetError
from carnet.report import unchanged
from carnet.report.apart import Apart
from carnet.report.comments import read_comments_of
from carnet.report.execution import (
    CELL_TIMEOUT_SECONDS,
    Executed,
    Job,
    NotebookFailed,
    check_parameters,
    execute_notebook,
    last_seconds,
    notebook_parameters,
    with_kept_parameters,
)
from carnet.report.folder import (
    Written,
    figures_then,
    write_report,
    write_text,
)
from carnet.report.kernels import process_context
from carnet.report.layout import Choice
from carnet.report.pages import Page, notebook_page, reports_page
from carnet.report.progress import SILENT, Watch, expected_seconds
from carnet.shipped import NOTEBOOKS
from carnet.wording import Wording

SHARED_NAME = "shared"  # beside the lists while notebooks run: what one of them computes for all
ORDER = [  # of pages, and in which they begin: most wait for the decisions of the first
    "portfolio_audit", "kpi_tracking", "sales_gaps", "cost_structure", "churn_reasons",
    "growth_plan", "retention_plan",
]  # fmt: skip
VERSIONED = (
    "carnet",
    "duckdb",
    "ibis-framework",
    "pandas",
    "numpy",
    "scipy",
    "statsmodels",
    "matplotlib",
    "papermill",
    "nbconvert",
)


@dataclass(frozen=True)
class Settings:
    """How an audit is run: its date and language (default: those of the engagement), the browser
    that prints its pages to PDF, seconds that a cell may take, whether people are hidden behind
    pseudonyms, whether slides are written.
    """

    as_of: str | None = None
    language: str | None = None
    browser: str | None = None
    timeout: int = CELL_TIMEOUT_SECONDS
    anonymise: bool = False
    deck: bool = False


def run_audit(
    folder: Path,
    out: Path,
    notebooks: list[Path],
    parameters: dict[str, str],
    settings: Settings = Settings(),
    watch: Watch = SILENT,
) -> tuple[Path, Book]:
    """Execute the notebooks on one engagement and publish its dated folder;
    returns the folder and the book.

    `watch` is told of the steps, and of earlier reports that cannot be read. Raises CarnetError
    before anything runs; NotebookFailed when a cell stops, after keeping the executed notebook in
    `<out>/<client>/logs/`. Nothing else is left of a run that fails.
    """
    accepted = {path.stem: notebook_parameters(path) for path in notebooks}
    chosen = check_parameters(parameters, accepted)
    started, clock, context = datetime.now(UTC), time.monotonic(), process_context()
    book = open_book(folder, settings.as_of, settings.language, settings.anonymise)
    watch.opened(book)
    with _released(book):
        check_objectives(book)
    chosen = with_kept_parameters(chosen, book.engagement.parameters, accepted)
    if settings.deck:  # a broken template is told before an hour's audit
        from carnet.report.deck import open_template

        open_template(book)
    comments = read_comments_of(book)
    if book.pseudonyms and comments:
        watch.warn(book.wording._("The comments are withheld: they may name people."))
        comments = {}
    choice = Choice.of(book.engagement, comments)
    common = {
        "engagement": str(folder.resolve()),
        "as_of": str(book.as_of),
        "language": book.engagement.language,
    }
    home = out.resolve() / book.engagement.slug
    home.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError):
        home.chmod(0o700)
    try:
        with (
            building(home) as unfinished,
            tempfile.TemporaryDirectory(prefix="carnet-") as sockets,
            _released(book),
        ):
            (unfinished / "lists").mkdir()
            earlier, damaged = find_earlier(home, book.engagement, book.as_of, book.pseudonyms)
            before, _ = find_earlier(
                home, book.engagement, book.as_of, book.pseudonyms, listed=False
            )
            for reason in damaged:
                watch.warn(reason)
            memory = {
                name: {"earlier_report": str(earlier)}
                if earlier and "earlier_report" in accepted[name]
                else {}
                for name in accepted
            }
            in_order = sorted(notebooks, key=lambda path: [*ORDER, path.stem].index(path.stem))
            count = 1 if answers_one(book.engagement.engine) else len(notebooks)
            run, side_by_side = _prepared(unfinished, chosen, settings.anonymise, count)
            jobs = [
                _job(
                    path,
                    common | chosen[path.stem] | memory[path.stem],
                    book.wording,
                    settings.timeout,
                    run,
                    Path(sockets) / f"{number}.json",  # sockets need a short path
                )
                for number, path in enumerate(in_order)
            ]
            expected = expected_seconds(notebooks, last_seconds(home))
            with watch.running(expected, side_by_side):
                executed, pages = _execute_all(book, jobs, choice, (context, side_by_side), watch)
            book.refuse_changed()
            lists = unfinished / "lists"
            for job in jobs:  # of two lists of one name the last one stays
                shutil.copytree(job.lists, lists, copy_function=shutil.move, dirs_exist_ok=True)
            shutil.rmtree(run.shared)
            durations = {run.name: round(run.seconds, 2) for run in executed} | {
                "total": round(time.monotonic() - clock, 2)
            }
            manifest = _manifest(
                book, common | parameters, started, durations, earlier.name if earlier else None
            ) | {
                "notebooks": _origins(notebooks),
                "unchanged": [run.name for run in executed if run.unchanged],
            }
            trouble = write_report(
                unfinished,
                Written(
                    book,
                    executed,
                    pages,
                    manifest,
                    comments,
                    choice,
                    settings.deck,
                    figures_then(home, comments),
                ),
                before,
                settings.browser,
            )
            published = out / book.engagement.slug / _rename(unfinished, home, str(book.as_of)).name
    except NotebookFailed as failure:
        failure.log = _keep_log(
            home / "logs" / f"{book.as_of}-{started:%Y%m%dT%H%M%S}-{failure.notebook}", failure
        )
        raise
    _replace(
        out.resolve() / "index.html",
        reports_page(out.resolve(), book.wording, book.engagement.firm_profile),
    )
    if trouble:
        raise CarnetError(
            "{published} is published, without PDF. {trouble}", published=published, trouble=trouble
        )
    return published, book


@contextlib.contextmanager
def _released(book: Book) -> Iterator[None]:
    """What the book holds of its engine is given back at the end, whatever happens."""
    try:
        yield
    finally:
        book.release()


def _prepared(
    unfinished: Path, chosen: dict[str, dict[str, Any]], anonymise: bool, count: int
) -> tuple[Run, int]:
    """How the notebooks run, and how many of them side by side."""
    shared = unfinished / SHARED_NAME
    shared.mkdir()
    side_by_side = min(count, os.cpu_count() or 1)
    run = Run(
        shared=str(shared),
        anonymise=anonymise,
        memory=f"{50 / side_by_side:g}%",
        given={
            name: value
            for values in chosen.values()
            for name, value in values.items()
            if hasattr(Policy, name)
        },
        pictures=os.environ.get(PICTURES_VARIABLE) != "off",
    )
    return run, side_by_side


def _job(
    path: Path,
    parameters: dict[str, Any],
    wording: Wording,
    timeout: int,
    run: Run,
    connection: Path,
) -> Job:
    """A notebook with its `Run`, which names a folder for its lists alone."""
    shared = Path(run.shared)
    lists, told = shared / f"{path.stem}-lists", shared / f"{path.stem}.json"
    lists.mkdir()
    replace(run, lists=str(lists), opened=f"{told}.opened").write(told)
    return Job(path, parameters, wording, timeout, told, lists, shared, connection)


def _keep_log(log: Path, failure: NotebookFailed) -> Path | None:
    """The executed notebook and what stopped it, beside the reports;
    None where nothing can be written.
    """
    try:
        log.mkdir(parents=True, exist_ok=True)
        (log / f"{failure.notebook}.ipynb").write_text(failure.executed, encoding="utf-8")
        (log / "error.txt").write_text(
            f"{failure.notebook}: cell {failure.cell}: {failure.error}\n{failure.trace}",
            encoding="utf-8",
        )
    except OSError:
        return None
    return log


def _execute_all(
    book: Book, jobs: list[Job], choice: Choice, how: tuple[BaseContext, int], watch: Watch
) -> tuple[list[Executed], dict[str, Page]]:
    """Run the notebooks side by side, one process each: papermill changes the working folder of its
    whole process. Beside them their pages by name.
    """
    started: list[Apart] = []
    context, side_by_side = how

    def execute(job: Job) -> tuple[Executed, Page]:
        watch.began(job.path.stem)
        started.append(notebook := Apart(context, _execute, book, job, choice))
        try:
            run, page = notebook.result()
        except EOFError:
            told = "its process ended before its time"
            raise NotebookFailed(job.path.stem, -1, told, "") from None
        watch.ended(job.path.stem, run.unchanged)
        return run, page

    with ThreadPoolExecutor(side_by_side) as threads:
        try:
            done = list(threads.map(execute, jobs))
            executed = sorted((run for run, _ in done), key=lambda run: run.name)
            return executed, {run.name: page for run, page in done}
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            for notebook in started:
                notebook.kill()  # its kernel sees that it is gone, and ends
            raise


def _execute(book: Book, job: Job, choice: Choice) -> tuple[Executed, Page]:
    """In the process of a notebook: what came of it, and its page."""
    try:
        asked = unchanged.asked(book, job)
        run = unchanged.take(book, job, asked)
        if run is None:
            run = execute_notebook(job)
            unchanged.keep(book, job, asked, run)
        return run, notebook_page(book, run, choice)
    except (NotebookFailed, CarnetError, OSError):
        raise
    except Exception as error:  # a fault of carnet: told with its kind, not as a dead process
        told = NotebookFailed(job.path.stem, -1, f"{type(error).__name__}: {error}", "")
        told.trace = traceback.format_exc()
        raise told from None


def _manifest(
    book: Book, parameters: dict, started: datetime, durations: dict, earlier: str | None
) -> dict:
    """What the report was made from and with; names no path of this machine."""
    inputs = [
        {"table": name, **file} for name, check in book.checks.items() for file in check.files
    ]
    own = [("codebook", book.engagement.codebook_file), ("sector", book.engagement.sector_file)]
    for key, path in [*own, *(("firm", path) for path in book.engagement.firm_files)]:
        if path:
            inputs.append(
                {
                    "table": key,
                    "name": path.name,
                    "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                }
            )
    ledger = {
        name: {
            k: str(v) if "amount" in k else v
            for k, v in check.as_json().items()
            if k.endswith(("rows", "amount"))
        }
        for name, check in book.checks.items()
    }
    return {
        "schema": 1,
        "client": book.engagement.client,
        "as_of": str(book.as_of),
        "comparison": book.engagement.comparison,
        "pseudonyms": book.pseudonyms,
        "earlier_report": earlier,
        "parameters": parameters | {"engagement": Path(parameters["engagement"]).name},
        "inputs": inputs,
        "rows": ledger,
        "versions": {"python": platform.python_version()}
        | {name: metadata.version(name) for name in VERSIONED},
        "started": started.isoformat(timespec="seconds"),
        "seconds": durations,
    }


def _origins(notebooks: Sequence[Path]) -> dict[str, dict[str, str]]:
    """Whose each notebook is, carnet's or the engagement's, with the hash of its bytes."""
    return {
        path.stem: {
            "from": "carnet" if path.parent == NOTEBOOKS else "engagement",
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in sorted(notebooks, key=lambda path: path.stem)
    }


def _replace(path: Path, text: str) -> None:
    """Write beside, then take the place of what is there: a reader meets the old page
    or the new one.
    """
    beside = path.with_name(f".{path.name}-{os.getpid()}")
    write_text(beside, text)
    beside.replace(path)


def _rename(folder: Path, home: Path, as_of: str) -> Path:
    """Give the finished folder its name: `<as_of>`, or `<as_of>.2`,
    … when that one is there already.
    """
    number = 1
    while True:
        target = home / (as_of if number == 1 else f"{as_of}.{number}")
        if not target.exists():
            try:
                folder.rename(target)
                return target
            except OSError:
                if not target.exists():
                    raise
        number += 1
