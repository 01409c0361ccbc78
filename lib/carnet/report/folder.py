"""What executed notebooks say → the files of a report's folder: pages, figures, lists for Excel,
calendars, quarantine, notebooks, manifest.
"""

import json
import math
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import ibis
from markupsafe import escape
from nbconvert.filters.markdown_mistune import markdown2html_mistune

from carnet.book.book import Book
from carnet.book.earlier import Published, open_published
from carnet.book.engines import connect
from carnet.customers.accounts.dossier import dossiers
from carnet.engagement.comments import Comment
from carnet.engagement.records import FIGURES_TYPE, neutralised, read_texts
from carnet.errors import CarnetError
from carnet.findings.base import write_figure
from carnet.measures.catalogue import FIGURES
from carnet.report.accounts import ACCOUNTS, accounts_page, chosen_accounts, read_lists
from carnet.report.annex import annex_page
from carnet.report.apart import Apart
from carnet.report.calendars import write_calendars
from carnet.report.comparison import changes_since
from carnet.report.execution import Executed
from carnet.report.front import (
    Parts,
    front_page,
    headline,
    missing_tables,
    points_of,
    undated_budget,
)
from carnet.report.kernels import end_with_parent, process_context
from carnet.report.layout import PAGE_ONE, Choice
from carnet.report.own_lists import write_own_lists
from carnet.report.pages import Page, cleaned
from carnet.report.people import PEOPLE, write_people
from carnet.report.printing import print_pages
from carnet.report.results import exhibits, recorded
from carnet.report.workbook import ROWS, write_annex
from carnet.wording import Wording

DECK = "deck.pptx"
LONG_LISTS = 2_000_000  # bytes, from which their workbook takes longer than to begin a process
BESIDE = [
    "deck.pptx",
    "annex.xlsx",
    "lists/*.csv",
    "calendars/*.ics",
    "quarantine.csv",
    "figures.json",
]


@dataclass(frozen=True)
class Written:
    """What a report is written from: the book, the notebooks as they ran and their pages, the
    manifest, the consultant's words by section, what the engagement chose, whether slides are
    written, and the figures that the words quote as they were when they were written.
    """

    book: Book
    executed: list[Executed]
    pages: dict[str, Page]
    manifest: dict[str, Any]
    comments: Mapping[str, Comment]
    choice: Choice
    deck: bool = False
    then: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def write_report(folder: Path, report: Written, earlier: Path | None, browser: str | None) -> str:
    """Fill the report folder; why the pages were not printed, if so."""
    book, executed, manifest = report.book, report.executed, report.manifest
    w, engagement = book.wording, book.engagement
    figures = _collect_figures(w, executed)
    document = {
        "schema": 1,
        "client": engagement.client,
        "as_of": str(book.as_of),
        "currency": engagement.currency,
        "figures": figures,
    }
    with _annexed(book, folder):
        (folder / "notebooks").mkdir()
        for run in executed:
            text = json.dumps(run.notebook, ensure_ascii=False, indent=1) + "\n"
            write_text(folder / "notebooks" / f"{run.name}.ipynb", text)
        write_text(
            folder / "figures.json", json.dumps(document, ensure_ascii=False, indent=1) + "\n"
        )
        write_quarantine(book, folder / "quarantine.csv")
        tasks = folder / "lists" / "tasks.csv"
        write_calendars(w, tasks, folder / "calendars", engagement.client, book.as_of)
        since = changes_since(
            w, open_published(earlier) if earlier else None, Published(folder, document, manifest)
        )
        accounts = chosen_accounts(book, folder / "lists")
        called = read_texts(tasks, ["customer_id"]).customer_id if tasks.is_file() else ()
        lists = read_lists(folder / "lists", {*accounts.ids, *called})
        found = dossiers(book, accounts.ids)
        own = accounts_page(book, accounts, found, lists)
        people = write_people(book, folder, accounts, found, lists)
        parts = Parts(
            report.pages,
            figures,
            since,
            lists,
            undated_budget(folder / "lists", called),
            report.choice,
            links=[
                *([(DECK, w._("The slides"))] if report.deck else []),
                *([(ACCOUNTS, w._("Accounts"))] if own else []),
                ("annex.html", w._("Methods and annex")),
                *((f"{PEOPLE}/{stem}.html", _for(w, owner)) for stem, owner in people.items()),
            ],
            signed=_signed(book),
        )
        if report.deck:
            _write_deck(folder, report, parts)
    there = [p.relative_to(folder) for pattern in BESIDE for p in sorted(folder.glob(pattern))]
    pages = {name: page.html for name, page in parts.shown.items()}
    pages[PAGE_ONE] = front_page(book, executed, parts)
    words = {
        section: report.choice.place_of_words(section)
        for section in report.comments
        if not any(report.choice.place_of_words(section) in html for html in pages.values())
    }
    annex = partial(annex_page, book, executed, parts.shown, figures, words)
    named = [Path(f"{name}.pdf") for name in (*pages, "annex")] if browser else []
    pages["annex"] = annex([*named, *there], manifest)
    for name, html in pages.items():
        write_text(folder / f"{name}.html", accounts.linked(_commented(html, report, figures)))
    if own:
        write_text(folder / ACCOUNTS, own)
    # a shorter report is printed without its methods
    printed = [name for name in pages if name != "annex" or engagement.audience == "full"]
    printed += [f"{PEOPLE}/{stem}" for stem in people]
    trouble = _print(folder, browser, printed) if browser else ""
    if trouble:
        write_text(folder / "annex.html", accounts.linked(annex(there, manifest)))
    write_own_lists(w, folder / "lists", engagement.lists)
    if report.comments:
        manifest["comments"] = comments_record(report.comments, figures)
    write_text(folder / "manifest.json", json.dumps(manifest, ensure_ascii=False, indent=1) + "\n")
    return trouble


def _for(w: Wording, owner: str) -> str:
    """The name of the page of a salesperson's tasks."""
    return w._("For {name}", name=owner) if owner else w._("Tasks without a salesperson")


def _alone(write: Callable[[], object]) -> None:
    """Write as long as somebody waits for it."""
    end_with_parent()
    write()


@contextmanager
def _annexed(book: Book, folder: Path) -> Iterator[None]:
    """The workbook of the lists, written while the rest goes on where the lists are long."""
    engagement, lists = book.engagement, folder / "lists"
    colour = engagement.firm_profile.colours.get("focus")
    target, client = folder / "annex.xlsx", engagement.client
    write = partial(write_annex, book.wording, lists, target, client, book.as_of, colour)
    if sum(path.stat().st_size for path in lists.glob("*.csv")) < LONG_LISTS:
        write()
        yield
        return
    beside = Apart(process_context(), _alone, write)
    try:
        yield
        try:
            beside.result()
        except EOFError:  # killed, when memory ran out for instance
            write()
    finally:
        beside.kill()
        for rows in folder.glob(f"{ROWS}*"):
            shutil.rmtree(rows, ignore_errors=True)


def _print(folder: Path, browser: str, names: list[str]) -> str:
    """The pages as PDF; why they are not there, if so: an hour's audit is not thrown away for
    its paper.
    """
    try:
        print_pages(browser, [folder / f"{name}.html" for name in names])
    except CarnetError as error:
        for path in folder.rglob("*.pdf"):
            path.unlink()
        return error.args[0]
    return ""


def _write_deck(folder: Path, report: Written, parts: Parts) -> None:
    """deck.pptx: the exhibits as slides."""
    from carnet.report.deck import Content, write_deck  # a second of imports

    book, published = report.book, exhibits(report.executed, report.choice)
    w, figures = book.wording, parts.figures
    shown = [
        (told["label"], told["value"], told.get("change", ""), told.get("range", ""))
        for told in headline(w, published, parts)
    ]
    points = [
        line
        for point in points_of(w, report.executed, parts)
        for line in [(0, point["sentence"]), *((1, inner["sentence"]) for inner in point["inner"])]
    ]
    written = partial(_written, w, figures)
    words = {
        name: "\n".join(filter(None, (_plain(comment.filled(written)), _by(w, comment))))
        for name, comment in report.comments.items()
    }
    tasks = published.get("sales_gaps.tasks")
    content = Content(
        shown,
        points,
        (tasks.record["header"], tasks.record["rows"]) if tasks else ([], []),
        words,
        [f"{table}: {filled}" for table, filled in missing_tables(book, report.pages)],
    )
    write_deck(book, published, content, folder / DECK)


def _plain(markdown: str) -> str:
    """The words of a comment without its marks."""
    return re.sub(r"<[^>]+>", "", markdown2html_mistune(markdown)).replace("&amp;", "&").strip()


def _by(w: Wording, comment: Comment) -> str:
    """Who said it, and when."""
    day = w.date(comment.date) if comment.date else ""
    return ", ".join(filter(None, (comment.name, day)))


def _written(w: Wording, figures: Mapping[str, Mapping[str, Any]], name: str) -> str:
    """A figure as the report writes it."""
    return write_figure(w, figures[name]["value"], FIGURES[name])


def _signed(book: Book) -> str:
    """Who signs, and when."""
    signed = book.engagement.signed
    if signed is None:
        return ""
    w = book.wording
    if signed.date is None:
        return w._("Signed: {name}", name=signed.name)
    return w._("Signed: {name}, {date}", name=signed.name, date=w.date(signed.date))


# --- the consultant's words


def _commented(html: str, report: Written, figures: Mapping[str, Mapping[str, Any]]) -> str:
    """A page with the consultant's words where they belong, their figures filled in."""
    pattern = f"{report.choice.token}:([a-z_.]+):"
    known = report.comments
    return re.sub(
        pattern, lambda m: _words(report, known[m[1]], figures) if m[1] in known else "", html
    )


def _words(report: Written, comment: Comment, figures: Mapping[str, Mapping[str, Any]]) -> str:
    """One comment as HTML: the text, who said it and when, and the figures that moved since."""
    w = report.book.wording

    written = partial(_written, w, figures)
    text = cleaned(markdown2html_mistune(comment.filled(written)))
    moved = _moved(w, report.then.get(comment.section, {}), comment, figures)
    by = _by(w, comment)
    html = f'<div class="comment">{text}'
    if by:
        html += f'<p class="by">{escape(by)}</p>'
    if moved:
        html += f'<p class="warning">{escape(moved)}</p>'
    return html + "</div>"


def _moved(
    w: Wording,
    then: Mapping[str, Any],
    comment: Comment,
    figures: Mapping[str, Mapping[str, Any]],
) -> str:
    """The figures quoted that are no longer what they were when the words were written."""
    told = [
        w._(
            "{figure}: {then} then, {now} now",
            figure=w._(FIGURES[name].label),
            then=write_figure(w, value, FIGURES[name]),
            now=write_figure(w, figures[name]["value"], FIGURES[name]),
        )
        for name, value in then.items()
        if name in comment.figures and not _same(value, figures[name]["value"])
    ]
    if not told:
        return ""
    return w._("Moved since these words were written: {figures}.", figures=w.semicolons(told))


def _same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)


def figures_then(home: Path, comments: Mapping[str, Comment]) -> dict[str, dict[str, Any]]:
    """Per section commented on, the figures that its words quote as the first report with the same
    words published them.
    """
    found: dict[str, dict[str, Any]] = {}
    manifests = []
    for path in sorted(home.glob("*/manifest.json")):
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            manifests.append((str(told.get("started", "")), told.get("comments", {})))
        except (OSError, ValueError, AttributeError):
            continue
    for _, kept in sorted(manifests, key=lambda made: made[0]):
        for section, record in kept.items():
            comment = comments.get(section)
            if comment and record.get("text") == comment.fingerprint:
                found.setdefault(section, record.get("figures", {}))
    return found


def comments_record(
    comments: Mapping[str, Comment], figures: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """What the manifest keeps of the comments: which words, and the figures that they quote."""
    return {
        section: {
            "text": comment.fingerprint,
            "figures": {name: figures[name]["value"] for name in comment.figures},
        }
        for section, comment in sorted(comments.items())
    }


def write_text(path: Path, text: str) -> None:
    """Write and flush to the disk, so that the rename that follows publishes whole files."""
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def write_quarantine(book: Book, path: Path) -> None:
    """Every rejected row: table, file, row, reason in the reader's language,
    original values as JSON.
    """
    # read by DuckDB wherever the book is: rows set aside never left this machine
    count = sum(check.quarantined_rows for check in book.checks.values())
    engine = connect("duckdb", book.folder, count)
    rejected = engine.read("quarantine", book.folder / "quarantine.parquet")
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
                        "{name}: {notebook} says {value}, {other} {own}. One figure "
                        "has one formula: this is a fault of carnet; nothing was "
                        "published.",
                        name=name,
                        notebook=known["notebook"],
                        value=f"{known['value']:.12g}",
                        other=run.name,
                        own=f"{figure['value']:.12g}",
                    )
                figures[name] |= figure | {"notebook": known["notebook"] or run.name}
    return figures
