"""Executed notebooks → one dated, self-contained report folder, complete or not there at all."""

import contextlib
import gc
import hashlib
import json
import math
import os
import platform
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import ibis

from carnet.book.book import Book, open_book
from carnet.book.earlier import Published, find_earlier, open_published
from carnet.engagement.records import FIGURES_TYPE, neutralised
from carnet.engagement.running import PICTURES_VARIABLE, Run
from carnet.engagement.unfinished import PRIVATE, building
from carnet.errors import CarnetError, nearest
from carnet.measures.catalogue import FIGURES, check_targets
from carnet.report.annex import write_annex
from carnet.report.calendars import write_calendars
from carnet.report.comparison import changes_since
from carnet.report.execution import (
    CELL_TIMEOUT_SECONDS,
    Executed,
    Job,
    NotebookFailed,
    check_parameters,
    execute_notebook,
    notebook_parameters,
)
from carnet.report.kernels import process_context
from carnet.report.pages import notebook_page, recorded, reports_page, summary_page
from carnet.report.printing import print_pages
from carnet.wording import Wording

SHARED_NAME = "shared"  # beside the lists while notebooks run: what one of them computes for all
NOTEBOOKS = Path(__file__).resolve().parents[3] / "notebooks"
GARBAGE_THRESHOLD = 20_000  # new objects between two collections
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


def find_notebooks(names: Sequence[str] = (), folder: Path = NOTEBOOKS) -> list[Path]:
    """The notebooks to run, by name or all; raises CarnetError with the nearest name."""
    there = {path.stem: path for path in sorted(folder.glob("*.ipynb"))}
    if not there:
        raise CarnetError(f"no notebook in {folder}.")
    for name in names:
        if name not in there:
            raise CarnetError(f"unknown notebook '{name}'; {nearest(name, there)}")
    return [there[name] for name in names] if names else list(there.values())


@dataclass(frozen=True)
class Settings:
    """How an audit is run: its date and language (default: those of the engagement), the browser
    that prints its pages to PDF, seconds that a cell may take, whether people are hidden behind
    pseudonyms.
    """

    as_of: str | None = None
    language: str | None = None
    browser: str | None = None
    timeout: int = CELL_TIMEOUT_SECONDS
    anonymise: bool = False


def run_audit(
    folder: Path,
    out: Path,
    notebooks: list[Path],
    parameters: dict[str, str],
    settings: Settings = Settings(),
    warn: Callable[[str], object] = print,
) -> tuple[Path, Book]:
    """Execute the notebooks on one engagement and publish its dated folder;
    returns the folder and the book.

    `warn` is told of earlier reports that cannot be read. Raises CarnetError before anything runs;
    NotebookFailed when a cell stops, after keeping the executed notebook in
    `<out>/<client>/logs/`. Nothing else is left of a run that fails.
    """
    accepted = {path.stem: notebook_parameters(path) for path in notebooks}
    chosen = check_parameters(parameters, accepted)
    started, clock, context = datetime.now(UTC), time.monotonic(), process_context()
    book = open_book(folder, settings.as_of, settings.language, settings.anonymise)
    check_targets(target.measure for target in book.engagement.targets)
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
        with building(home) as unfinished:
            (unfinished / "lists").mkdir()
            earlier, damaged = find_earlier(home, book.engagement, book.as_of, book.pseudonyms)
            before, _ = find_earlier(
                home, book.engagement, book.as_of, book.pseudonyms, listed=False
            )
            for reason in damaged:
                warn(reason)
            memory = {
                name: {"earlier_report": str(earlier)}
                if earlier and "earlier_report" in accepted[name]
                else {}
                for name in accepted
            }
            longest_first = sorted(notebooks, key=lambda path: -path.stat().st_size)
            run, side_by_side = _prepared(unfinished, chosen, settings.anonymise, len(notebooks))
            jobs = [
                Job(
                    path,
                    common | chosen[path.stem] | memory[path.stem],
                    book.wording,
                    settings.timeout,
                    run,
                    unfinished,
                )
                for path in longest_first
            ]
            executed, pages = _execute_all(book, jobs, context, side_by_side)
            shutil.rmtree(run.parent)
            durations = {run.name: round(run.seconds, 2) for run in executed} | {
                "total": round(time.monotonic() - clock, 2)
            }
            manifest = _manifest(
                book, common | parameters, started, durations, earlier.name if earlier else None
            )
            trouble = _write_report(
                unfinished, book, executed, pages, manifest, before, settings.browser
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
        raise CarnetError(f"{published} is published, without PDF. {trouble}")
    return published, book


def _prepared(
    unfinished: Path, chosen: dict[str, dict[str, Any]], anonymise: bool, count: int
) -> tuple[Path, int]:
    """The file that tells the notebooks how they run (`Run`),
    and how many of them run side by side.
    """
    shared = unfinished / SHARED_NAME
    shared.mkdir()
    side_by_side = min(count, os.cpu_count() or 1)
    run = Run(
        lists=str(unfinished / "lists"),
        shared=str(shared),
        anonymise=anonymise,
        memory=f"{50 / side_by_side:g}%",
        given={name: value for values in chosen.values() for name, value in values.items()},
        pictures=os.environ.get(PICTURES_VARIABLE) != "off",
    )
    run.write(shared / "run.json")
    return shared / "run.json", side_by_side


def _keep_log(log: Path, failure: NotebookFailed) -> Path | None:
    """The executed notebook and what stopped it, beside the reports;
    None where nothing can be written.
    """
    try:
        log.mkdir(parents=True, exist_ok=True)
        (log / f"{failure.notebook}.ipynb").write_text(failure.executed, encoding="utf-8")
        (log / "error.txt").write_text(
            f"{failure.notebook}: cell {failure.cell}: {failure.error}\n", encoding="utf-8"
        )
    except OSError:
        return None
    return log


def _execute_all(
    book: Book, jobs: list[Job], context: BaseContext, side_by_side: int
) -> tuple[list[Executed], dict[str, str]]:
    """Run the notebooks side by side, one process each: papermill changes the working folder of its
    whole process. Beside them their pages by name.
    """
    started: list[BaseProcess] = []

    def execute(job: Job) -> tuple[Executed, str]:
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_execute_and_send, args=(sender, book, job))  # type: ignore[attr-defined]
        started.append(process)
        process.start()
        sender.close()
        try:
            outcome = receiver.recv()
        except EOFError:  # killed, by the system when memory ran out for instance
            outcome = NotebookFailed(job.path.stem, -1, "its process ended before its time", "")
        process.join()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    with ThreadPoolExecutor(side_by_side) as threads:
        try:
            done = list(threads.map(execute, jobs))
            executed = sorted((run for run, _ in done), key=lambda run: run.name)
            return executed, {run.name: page for run, page in done}
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            for process in started:
                if process.is_alive():
                    process.kill()  # its kernel sees that it is gone, and ends
            raise


def _execute_and_send(sender: Connection, book: Book, job: Job) -> None:
    """In the process of a notebook: what came of it, the notebook and its page or what stopped it,
    to the process that publishes.
    """
    # what the fork server imported is never garbage: neither this process nor its kernel
    # looks through it
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)
    os.umask(PRIVATE)
    try:
        run = execute_notebook(job)
        sender.send((run, notebook_page(book, run)))
    except (NotebookFailed, CarnetError, OSError) as error:
        sender.send(error)


def _write_report(
    folder: Path,
    book: Book,
    executed: list[Executed],
    pages: dict[str, str],
    manifest: dict,
    earlier: Path | None,
    browser: str | None,
) -> str:
    """Fill the report folder: pages, figures, quarantine, lists for Excel, notebooks, manifest;
    why the pages were not printed, if so.
    """
    w, engagement = book.wording, book.engagement
    document = {
        "schema": 1,
        "client": engagement.client,
        "as_of": str(book.as_of),
        "currency": engagement.currency,
        "figures": _collect_figures(w, executed),
    }
    (folder / "notebooks").mkdir()
    for run in executed:
        _write(folder / f"{run.name}.html", pages[run.name])
        _write(
            folder / "notebooks" / f"{run.name}.ipynb",
            json.dumps(run.notebook, ensure_ascii=False, indent=1) + "\n",
        )
    _write(folder / "figures.json", json.dumps(document, ensure_ascii=False, indent=1) + "\n")
    write_quarantine(book, folder / "quarantine.csv")
    write_annex(
        w,
        folder / "lists",
        folder / "annex.xlsx",
        engagement.client,
        book.as_of,
        engagement.firm_profile.colours.get("focus"),
    )
    write_calendars(
        w, folder / "lists" / "tasks.csv", folder / "calendars", engagement.client, book.as_of
    )
    files = ["annex.xlsx", "lists/*.csv", "calendars/*.ics", "quarantine.csv", "figures.json"]
    there = [path.relative_to(folder) for pattern in files for path in sorted(folder.glob(pattern))]
    since = changes_since(
        w, open_published(earlier) if earlier else None, Published(folder, document, manifest)
    )
    trouble = ""
    if browser:
        named = [Path(f"{name}.pdf") for name in ("index", *pages)]
        _write(
            folder / "index.html",
            summary_page(book, pages, executed, [*named, *there], since, manifest),
        )
        try:
            print_pages(browser, [folder / path.with_suffix(".html") for path in named])
        except CarnetError as error:  # an hour's audit is not thrown away for its paper
            trouble = str(error)
            for path in folder.glob("*.pdf"):
                path.unlink()
    if trouble or not browser:
        _write(folder / "index.html", summary_page(book, pages, executed, there, since, manifest))
    _write(folder / "manifest.json", json.dumps(manifest, ensure_ascii=False, indent=1) + "\n")
    return trouble


def write_quarantine(book: Book, path: Path) -> None:
    """Every rejected row: table, file, row, reason in the reader's language,
    original values as JSON.
    """
    rejected = book.table("quarantine")
    w = book.wording
    told = [
        ((rejected.table == c.table) & (rejected.reason == r), c.tell_reason(w, r))
        for c in book.checks.values()
        for r in c.reasons
    ]
    reason = ibis.cases(*told) if told else rejected.reason
    ordered = rejected.mutate(reason=reason).order_by("table", "file", "row")
    if book.pseudonyms:
        ordered = ordered.mutate(original_values=ibis.literal(w._("withheld")))
    neutralised(ordered.select("table", "file", "row", "reason", "original_values")).to_csv(path)


def _collect_figures(w: Wording, executed: list[Executed]) -> dict[str, dict]:
    """Every figure of the register: measured by a notebook, or null.

    Raises CarnetError where two notebooks differ.
    """
    figures: dict[str, dict[str, Any]] = {
        name: {
            "value": None,
            "unit": m.unit,
            "low": None,
            "high": None,
            "notebook": None,
            "definition": w._(m.definition),
        }
        for name, m in FIGURES.items()
    }
    for run in executed:
        for kept in recorded(run, FIGURES_TYPE):
            for name, figure in kept.items():
                # one notebook may measure what another one lacks the table for
                if figure["value"] is None:
                    continue
                known = figures[name]
                if known["value"] is not None and not math.isclose(
                    known["value"], figure["value"], rel_tol=1e-9, abs_tol=1e-9
                ):
                    raise CarnetError(
                        f"{name}: {known['notebook']} says {known['value']:.12g}, {run.name} "
                        f"{figure['value']:.12g}. One figure has one formula: this is a fault of "
                        f"carnet; nothing was published."
                    )
                figures[name] |= figure | {"notebook": known["notebook"] or run.name}
    return figures


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


def _write(path: Path, text: str) -> None:
    """Write and flush to the disk, so that the rename that follows publishes whole files."""
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def _replace(path: Path, text: str) -> None:
    """Write beside, then take the place of what is there: a reader meets the old page
    or the new one.
    """
    beside = path.with_name(f".{path.name}-{os.getpid()}")
    _write(beside, text)
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
