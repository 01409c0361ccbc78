"""Executed notebooks → one dated, self-contained report folder, complete or not there at all."""

import copy
import hashlib
import json
import os
import platform
import re
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cache
from importlib import metadata, resources
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import ibis
import nh3
from jinja2 import Environment, FileSystemLoader
from nbconvert.exporters import HTMLExporter

from carnet import __version__
from carnet.annex import write_annex
from carnet.book import Book, open_book
from carnet.calendars import write_calendars
from carnet.errors import CarnetError, nearest
from carnet.execution import Executed, NotebookFailed, check_parameters, execute_notebook, notebook_parameters
from carnet.kernels import process_context
from carnet.measures.register import FIGURES, check_targets
from carnet.published import find_earlier
from carnet.records import FIGURES_TYPE, FINDINGS_TYPE, neutralised
from carnet.tables import ledger_table
from carnet.wording import Wording, markdown_blocks

TEMPLATES = Path(str(resources.files("carnet"))) / "template"
NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
VERSIONED = ("carnet", "duckdb", "ibis-framework", "pandas", "numpy", "scipy", "statsmodels", "matplotlib", "papermill", "nbconvert")
ALLOWED_TAGS = {"a", "b", "blockquote", "br", "caption", "code", "details", "div", "em", "h1", "h2", "h3", "h4", "hr", "i", "li", "ol", "p",
                "pre", "span", "strong", "summary", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul"}  # fmt: skip
ALLOWED_ATTRIBUTES = {"*": {"class", "id"}, "th": {"scope", "colspan"}, "td": {"colspan"}, "a": {"href"}}


def find_notebooks(names: Sequence[str] = (), folder: Path = NOTEBOOKS) -> list[Path]:
    """The notebooks to run, by name or all; raises CarnetError with the nearest name."""
    there = {path.stem: path for path in sorted(folder.glob("*.ipynb"))}
    if not there:
        raise CarnetError(f"no notebook in {folder}.")
    for name in names:
        if name not in there:
            raise CarnetError(f"unknown notebook '{name}'; {nearest(name, there)}")
    return [there[name] for name in names] if names else list(there.values())


def run_audit(
    folder: Path,
    out: Path,
    notebooks: list[Path],
    parameters: dict[str, str],
    as_of: str | None = None,
    language: str | None = None,
    warn: Callable[[str], object] = print,
) -> tuple[Path, Book]:
    """Execute the notebooks on one engagement and publish its dated folder; returns the folder and the book.

    `warn` is told of earlier reports that cannot be read. Raises CarnetError before anything runs; NotebookFailed when a cell stops, after keeping the executed notebook in
    `<out>/<client>/logs/`. Nothing else is left of a run that fails.
    """
    accepted = {path.stem: notebook_parameters(path) for path in notebooks}
    chosen = check_parameters(parameters, accepted)
    started, clock, context = datetime.now(UTC), time.monotonic(), process_context()
    book = open_book(folder, as_of, language)
    check_targets(book.engagement)
    common = {"engagement": str(folder.resolve()), "as_of": str(book.as_of), "language": book.engagement.language}
    home = out.resolve() / book.engagement.slug
    home.mkdir(parents=True, exist_ok=True)
    _sweep(home)
    building = home / f".building-{os.getpid()}-{time.monotonic_ns()}"
    (building / "lists").mkdir(parents=True)
    try:
        earlier, damaged = find_earlier(home, book.engagement, book.as_of)
        for reason in damaged:
            warn(reason)
        memory = {name: {"earlier_report": str(earlier)} if earlier and "earlier_report" in accepted[name] else {} for name in accepted}
        jobs = [(path, common | chosen[path.stem] | memory[path.stem], building / "lists", book.wording) for path in notebooks]
        executed = _execute_all(jobs, context)
        durations = {run.name: round(run.seconds, 2) for run in executed} | {"total": round(time.monotonic() - clock, 2)}
        manifest = _manifest(book, common | parameters, started, durations, earlier.name if earlier else None)
        _write_report(building, book, executed, manifest)
        return out / book.engagement.slug / _rename(building, home, str(book.as_of)).name, book
    except NotebookFailed as failure:
        log = home / "logs" / f"{book.as_of}-{started:%Y%m%dT%H%M%S}-{failure.notebook}"
        log.mkdir(parents=True, exist_ok=True)
        (log / f"{failure.notebook}.ipynb").write_text(failure.executed, encoding="utf-8")
        (log / "error.txt").write_text(f"{failure.notebook}: cell {failure.cell}: {failure.error}\n", encoding="utf-8")
        failure.log = log
        raise
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _sweep(home: Path) -> None:
    """Remove what runs that were killed left behind: unfinished folders of processes that are no more."""
    for left in home.glob(".building-*"):
        try:
            os.kill(int(left.name.split("-")[1]), 0)
        except ProcessLookupError:
            shutil.rmtree(left, ignore_errors=True)
        except PermissionError:
            continue


def _execute_all(jobs: list[tuple], context: BaseContext) -> list[Executed]:
    """Run the notebooks side by side, one process each: papermill changes the working folder of its whole process."""
    started: list[BaseProcess] = []

    def execute(job: tuple) -> Executed:
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_execute_and_send, args=(sender, *job))  # type: ignore[attr-defined]
        started.append(process)
        process.start()
        sender.close()
        try:
            outcome = receiver.recv()
        except EOFError:  # killed, by the system when memory ran out for instance
            outcome = NotebookFailed(job[0].stem, -1, "its process ended before its time", "")
        process.join()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    with ThreadPoolExecutor(min(len(jobs), os.cpu_count() or 1)) as side_by_side:
        try:
            return list(side_by_side.map(execute, jobs))
        except BaseException:
            side_by_side.shutdown(wait=False, cancel_futures=True)
            for process in started:
                if process.is_alive():
                    process.kill()  # its kernel sees that it is gone, and ends
            raise


def _execute_and_send(sender: Connection, *job: Any) -> None:
    """In the process of a notebook: what came of it, the notebook or what stopped it, to the process that publishes."""
    try:
        sender.send(execute_notebook(*job))
    except (NotebookFailed, CarnetError) as error:
        sender.send(error)


def _write_report(folder: Path, book: Book, executed: list[Executed], manifest: dict) -> None:
    """Fill the report folder: pages, figures, quarantine, notebooks, manifest."""
    w = book.wording
    figures, findings, titles = _collect_figures(w, executed), _collect_findings(executed), {}
    (folder / "notebooks").mkdir()
    for run in executed:
        titles[run.name] = w._(markdown_blocks(run.notebook.cells[0].source)[0][1])
        _write(folder / f"{run.name}.html", _page(book, titles[run.name], _body(run), w._("Executive summary")))
        _write(folder / "notebooks" / f"{run.name}.ipynb", json.dumps(run.notebook, ensure_ascii=False, indent=1) + "\n")
    document = {
        "schema": 1,
        "client": book.engagement.client,
        "as_of": str(book.as_of),
        "currency": book.engagement.currency,
        "figures": figures,
    }
    _write(folder / "figures.json", json.dumps(document, ensure_ascii=False, indent=1) + "\n")
    write_quarantine(book, folder / "quarantine.csv")
    files = sorted(f"lists/{path.name}" for path in (folder / "lists").iterdir())
    files += ["annex.xlsx"] if write_annex(w, folder / "lists", folder / "annex.xlsx", book.engagement.client, book.as_of) else []
    calendars = write_calendars(w, folder / "lists" / "tasks.csv", folder / "calendars", book.engagement.client, book.as_of)
    files += [*(f"calendars/{name}" for name in calendars), "quarantine.csv", "figures.json"]
    _write(folder / "index.html", _page(book, w._("Executive summary"), _index_body(book, findings, titles, files), ""))
    _write(folder / "manifest.json", json.dumps(manifest, ensure_ascii=False, indent=1) + "\n")


def write_quarantine(book: Book, path: Path) -> None:
    """Every rejected row: table, file, row, reason in the reader's language, original values as JSON."""
    rejected = book.table("quarantine")
    w = book.wording
    told = [((rejected.table == c.table) & (rejected.reason == r), c.tell_reason(w, r)) for c in book.checks.values() for r in c.reasons]
    reason = ibis.cases(*told) if told else rejected.reason
    ordered = rejected.mutate(reason=reason).order_by("table", "file", "row")
    neutralised(ordered.select("table", "file", "row", "reason", "original_values")).to_csv(path)


def _body(run: Executed) -> str:
    """One notebook's text and outputs as filtered HTML."""
    exporter = HTMLExporter(template_name="body", extra_template_basedirs=[str(TEMPLATES)])
    exporter.register_filter("clean_html", _clean)
    page = copy.deepcopy(run.notebook)
    for cell in page.cells:
        for output in cell.get("outputs", []):
            for mime in (FIGURES_TYPE, FINDINGS_TYPE):
                output.get("data", {}).pop(mime, None)
        if "outputs" in cell:
            cell.outputs = [output for output in cell.outputs if output.get("data", True)]
    return exporter.from_notebook_node(page)[0]


def _clean(html: str) -> str:
    """Keep the tags and attributes of text and tables, links within the report; drop everything that could run."""
    html = re.sub(r'<a class="anchor-link".*?</a>', "", html)
    return nh3.clean(html, tags=ALLOWED_TAGS, attributes=ALLOWED_ATTRIBUTES, url_schemes=set(), link_rel=None, strip_comments=True)


@cache
def _templates() -> Environment:
    return Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True)


def _page(book: Book, title: str, body: str, home: str) -> str:
    """A whole self-contained page: cover, contents, body."""
    w, period = book.wording, book.periods.current
    rows, kept = (sum(getattr(check, field) for check in book.checks.values() if not check.source) for field in ("rows", "accepted_rows"))
    return _templates().get_template("report.html.j2").render(
        language=w.language,
        client=book.engagement.client,
        title=title,
        as_of=str(book.as_of),
        style=(TEMPLATES / "style.css").read_text(encoding="utf-8"),
        as_of_line=w._("As of {date}", date=w.date(book.as_of)),
        scope_line=w._("Audit period {start} to {end}", start=w.date(period.start), end=w.date(period.end)),
        quality_line=w._("{rows} rows read, {kept} accepted, {aside} set aside", rows=w.number(rows), kept=w.number(kept), aside=w.number(rows - kept)),
        contents_label=w._("Contents"),
        contents=re.findall(r'<h2 id="([^"]+)">(.*?)</h2>', body),
        home=home,
        body=body,
        footer_line=w._("carnet {version} · definitions, queries and row ledger are in the appendix of each report", version=__version__),
    )  # fmt: skip


def _index_body(book: Book, findings: list[dict], titles: dict[str, str], files: list[str]) -> str:
    w = book.wording
    labels = {"findings": w._("Main points"), "none": w._("No finding: the tables they need are missing."), "reports": w._("Reports"),
              "lists": w._("Lists and data"), "quality": w._("Data quality")}  # fmt: skip
    ledger = ledger_table(w, w._("Row ledger: what came in, what was accepted"), book.checks).html
    notices = [w.tell(notice) for notice in book.notices]
    return (
        _templates()
        .get_template("index_body.html.j2")
        .render(findings=findings, titles=titles, files=files, labels=labels, notices=notices, ledger=ledger)
    )


def _outputs(run: Executed, mime: str) -> list[Any]:
    return [o["data"][mime] for cell in run.notebook.cells for o in cell.get("outputs", []) if mime in o.get("data", {})]


def _collect_figures(w: Wording, executed: list[Executed]) -> dict[str, dict]:
    """Every figure of the register: measured by a notebook, or null."""
    figures = {
        name: {"value": None, "unit": m.unit, "low": None, "high": None, "notebook": None, "definition": w._(m.definition)}
        for name, m in FIGURES.items()
    }
    for run in executed:
        for recorded in _outputs(run, FIGURES_TYPE):
            for name, figure in recorded.items():
                if figure["value"] is not None:  # one notebook may measure what another one lacks the table for
                    figures[name] |= figure | {"notebook": run.name}
    return figures


def _collect_findings(executed: list[Executed]) -> list[dict]:
    """Findings of all notebooks, largest money first."""
    found = [finding | {"notebook": run.name} for run in executed for shown in _outputs(run, FINDINGS_TYPE) for finding in shown]
    return sorted(found, key=lambda finding: (-abs(finding["amount"]), finding["key"]))


def _manifest(book: Book, parameters: dict, started: datetime, durations: dict, earlier: str | None) -> dict:
    """What the report was made from and with; names no path of this machine."""
    inputs = [{"table": name, **file} for name, check in book.checks.items() for file in check.files]
    for key, path in (("codebook", book.engagement.codebook_file), ("sector", book.engagement.sector_file)):
        if path:
            inputs.append({"table": key, "name": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()})
    ledger = {
        name: {k: str(v) if "amount" in k else v for k, v in check.as_json().items() if k.endswith(("rows", "amount"))}
        for name, check in book.checks.items()
    }
    return {
        "schema": 1,
        "client": book.engagement.client,
        "as_of": str(book.as_of),
        "comparison": book.engagement.comparison,
        "earlier_report": earlier,
        "parameters": parameters | {"engagement": Path(parameters["engagement"]).name},
        "inputs": inputs,
        "rows": ledger,
        "versions": {"python": platform.python_version()} | {name: metadata.version(name) for name in VERSIONED},
        "started": started.isoformat(timespec="seconds"),
        "seconds": durations,
    }


def _write(path: Path, text: str) -> None:
    """Write and flush to the disk, so that the rename that follows publishes whole files."""
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def _rename(building: Path, home: Path, as_of: str) -> Path:
    """Give the finished folder its name: `<as_of>`, or `<as_of>.2`, … when that one is there already."""
    number = 1
    while True:
        target = home / (as_of if number == 1 else f"{as_of}.{number}")
        if not target.exists():
            try:
                building.rename(target)
                return target
            except OSError:
                if not target.exists():
                    raise
        number += 1
