"""The annex page: once for all notebooks, how the report is to be read and checked. Methods and
cut points, definitions, parameters, the row ledger, files read, versions, the query behind every
table, and the files of the report.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd

from carnet.book.book import Book
from carnet.customers.catalogue import COMPOSED
from carnet.engagement.databases import address_of
from carnet.engagement.schema import TABLE_LABELS
from carnet.exhibits.headings import HEADINGS, TIPS
from carnet.exhibits.lists import FILE_LABELS, LISTS
from carnet.exhibits.tables import (
    definitions_table,
    draw_table,
    ledger_table,
    parameters_table,
    reasons_table,
)
from carnet.measures.catalogue import FIGURES, MEASURES
from carnet.report.execution import Executed
from carnet.report.pages import Page, cleaned, page_of, rendered, template
from carnet.report.results import outputs_of, place_of
from carnet.wording import Wording

HASH_LETTERS = 16
ALL_BENCHMARKS = "retention_plan"  # it holds every published figure beside the book's own


def _told_states(book: Book) -> str:
    """What stands for the bytes of inputs."""
    w = book.wording
    told = w._("The whole SHA-256 of every file is in manifest.json.")
    if any(address_of(table.files[0]) for table in book.engagement.tables.values()):
        told += " " + w._(
            "Of rows that an engine holds it is that of their state when they were read."
        )
    return told


def annex_page(
    book: Book,
    executed: Sequence[Executed],
    pages: Mapping[str, Page],
    figures: Mapping[str, dict[str, Any]],
    words: Mapping[str, str],
    files: Sequence[Path],
    manifest: Mapping[str, Any],
) -> str:
    """The annex page; `words` are the places of comments on sections that stand on no page,
    `files` the other files of the report (relative).
    """
    w = book.wording
    known = [name for name in FIGURES if figures.get(name, {}).get("value") is not None]
    tables = [
        ledger_table(w, w._("Row ledger: what came in, what was accepted"), book.checks),
        reasons_table(w, w._("Why rows were set aside"), book.checks),
        draw_table(
            w,
            "inputs",
            w._("Files read"),
            _inputs(w, manifest),
            "table file rows sha256",
            _told_states(book),
        ),
    ]
    told = [definitions_table(w, w._("Definitions"), known)] if known else []
    told.append(parameters_table(w, w._("Parameters"), _parameters(executed)))
    told.append(draw_table(w, "run", w._("Versions"), _run(manifest), "parameter value"))
    body = template("annex.html.j2").render(
        methods=[(page.title, _methods(book, name, pages)) for name, page in pages.items()],
        notices=[w.tell(notice) for notice in book.notices],
        data=[cleaned(table.html) for table in tables if "<td" in table.html],
        told=[cleaned(table.html) for table in told],
        words=list(words.values()),
        glossary=[(w._(HEADINGS[name][0]), w._(tip)) for name, tip in TIPS.items()],
        measures=_measures(w, executed),
        files=[(path.as_posix(), _file_label(w, path, pages)) for path in files],
        labels={
            "methods": w._("Methods and cut points"),
            "data": w._("Scope and data quality"),
            "told": w._("Definitions, parameters, versions"),
            "words": w._("In our words"),
            "glossary": w._("In plain words"),
            "measures": w._("Measures that ran, with their queries"),
            "files": w._("Lists and data"),
        },
    )
    return page_of(book, w._("Methods and annex"), body, w._("Executive summary"))


def _methods(book: Book, name: str, pages: Mapping[str, Page]) -> str:
    """The exhibits that a notebook's page leaves to the annex; the published figures once, where
    one notebook has them all.
    """
    others = name != ALL_BENCHMARKS and ALL_BENCHMARKS in pages
    shown = [
        output
        for output in pages[name].annexed
        if "section" in place_of(output)
        and not (others and place_of(output).get("key") == "benchmarks")
    ]
    cell = nbformat.v4.new_code_cell(outputs=shown)
    return rendered(book, [cell]) if shown else ""


def _parameters(executed: Sequence[Executed]) -> dict[str, Any]:
    """The parameters of all notebooks with their values, each once where all agree."""
    found: dict[str, dict[str, Any]] = {}
    for run in executed:
        for output in outputs_of(run):
            for name, value in place_of(output).get("parameters", {}).items():
                found.setdefault(name, {})[run.name] = value
    merged = {}
    for name, values in sorted(found.items()):
        if len({repr(value) for value in values.values()}) == 1:
            merged[name] = next(iter(values.values()))
        else:
            merged |= {f"{notebook}.{name}": value for notebook, value in values.items()}
    return merged


def _measures(w: Wording, executed: Sequence[Executed]) -> list[dict[str, Any]]:
    """Every measure that ran, by name, with its label and the queries that it sent."""
    labels = {name: made.label for name, made in MEASURES.items()} | COMPOSED
    queries: dict[str, list[str]] = {}
    names: set[str] = set()
    for run in executed:
        for output in outputs_of(run):
            place = place_of(output)
            names |= {name for name in place.get("made_by", []) if name in labels}
            if "query" in place:
                sql = output["data"]["text/plain"].partition("\n")[2]
                kept = queries.setdefault(place["query"], [])
                kept += [sql] * (sql not in kept)
    return [
        {
            "name": name,
            "label": w._(labels[name]) if name in labels else "",
            "queries": queries.get(name, []),
        }
        for name in sorted(names | set(queries))
    ]


def _inputs(w: Wording, manifest: Mapping[str, Any]) -> pd.DataFrame:
    """The files read, in the order of the manifest."""
    rows = [
        {
            "table": w.tell(TABLE_LABELS[file["table"]])
            if file["table"] in TABLE_LABELS
            else file["table"],
            "file": file["name"],
            "rows": file.get("rows"),
            "sha256": file.get("sha256", "–")[:HASH_LETTERS],
        }
        for file in manifest["inputs"]
    ]
    return pd.DataFrame(rows, columns=["table", "file", "rows", "sha256"])


def _run(manifest: Mapping[str, Any]) -> pd.DataFrame:
    """What was given to the run and the versions of what computed."""
    pairs = [*manifest["parameters"].items(), *manifest["versions"].items()]
    return pd.DataFrame([{"parameter": name, "value": str(value)} for name, value in pairs])


def _file_label(w: Wording, path: Path, pages: Mapping[str, Page]) -> str:
    """A file's name for a reader; the calendars go by the salesperson's."""
    if path.suffix == ".pdf":
        own = {"index": w._("Executive summary"), "annex": w._("Methods and annex")}
        own |= {name: page.title for name, page in pages.items()}
        return w._("{page}, to print", page=own.get(path.stem, path.stem))
    if path.parent.name == "lists":
        return w._(LISTS[path.stem].label) if path.stem in LISTS else path.stem
    if path.name in FILE_LABELS:
        return w._(FILE_LABELS[path.name])
    return w._("Calendar: {name}", name=path.stem)
