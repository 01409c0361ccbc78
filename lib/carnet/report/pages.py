"""The pages of a report: one per notebook, its executive summary, and the list of all reports.

Self-contained; nothing of a client's can run.
"""

import base64
import copy
import hashlib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import nh3
import pandas as pd
from jinja2 import Environment, FileSystemLoader
from nbconvert.exporters import HTMLExporter, TemplateExporter

from carnet import __version__
from carnet.book.book import Book
from carnet.book.earlier import find_reports
from carnet.customers.catalogue import COMPOSED
from carnet.customers.series import ledger_lines
from carnet.engagement.firm import Firm
from carnet.engagement.records import FIGURES_TYPE, FINDINGS_TYPE, NAMES_TYPE
from carnet.engagement.schema import TABLE_LABELS
from carnet.exhibits.lists import FILE_LABELS, LISTS
from carnet.exhibits.tables import draw_table, ledger_table
from carnet.findings.costs import LEDGER_STEPS, steps_table
from carnet.measures.catalogue import MEASURES
from carnet.report.comparison import Since
from carnet.report.execution import Executed
from carnet.wording import Wording, markdown_blocks

TEMPLATES = Path(str(resources.files("carnet"))) / "report" / "template"
SCRIPTS = ("vendor/sortable.min.js", "page.js")
ALLOWED_TAGS = {
    "a", "b", "blockquote", "br", "caption", "code", "details", "div", "em", "h1", "h2", "h3", "h4",
    "hr", "i", "li", "ol", "p", "pre", "span", "strong", "summary", "sub", "sup", "table", "tbody",
    "td", "tfoot", "th", "thead", "tr", "ul",
}  # fmt: skip
ALLOWED_ATTRIBUTES = {
    "*": {"class", "id"}, "th": {"scope", "colspan", "data-filter", "data-falling"},
    "td": {"colspan", "data-sort"}, "a": {"href"}, "table": {"data-first"},
    "div": {"tabindex", "role", "aria-label"}, "pre": {"tabindex"},
}  # fmt: skip
# others after them
ORDER = (
    "portfolio_audit",
    "sales_gaps",
    "cost_structure",
    "kpi_tracking",
    "churn_reasons",
    "retention_plan",
)
# in a client's name they turn the text behind it round
DIRECTION_MARKS = "[\u202a-\u202e\u2066-\u2069]"
FIRST_FINDINGS = 8  # the others are folded away
HASH_LETTERS = 16


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )


@cache
def _scripts() -> tuple[tuple[str, ...], str]:
    """The scripts of every page, and their hashes for its content-security policy:
    no other script runs.
    """
    texts = tuple((TEMPLATES / name).read_text(encoding="utf-8").strip() for name in SCRIPTS)
    return texts, " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
        for text in texts
    )


@dataclass(frozen=True)
class Cover:
    """The cover of a page: client, title, audit date, and its lines as_of, scope and quality."""

    client: str
    title: str
    as_of: str = ""
    lines: Mapping[str, str] = field(default_factory=dict)


def _whole_page(w: Wording, firm: Firm, cover: Cover, body: str, home: str = "") -> str:
    """Cover, contents and body."""
    client, title = cover.client, cover.title
    scripts, hashes = _scripts()
    footer = w._(
        "carnet {version} · definitions, queries and row ledger are in the appendix of each report",
        version=__version__,
    )
    folds = w._("Show or hide all methods") if 'class="method"' in body else ""
    page = (
        _templates()
        .get_template("report.html.j2")
        .render(
            language=w.language,
            client=client,
            title=title,
            as_of=cover.as_of,
            body=body,
            home=home,
            scripts=scripts,
            script_hashes=hashes,
            style=(TEMPLATES / "style.css").read_text(encoding="utf-8") + firm.style,
            firm=firm.name,
            logo=firm.logo,
            running_header=_css_text(f"{client} – {title}"),
            running_footer=_css_text(footer),
            contents=re.findall(r'<h2 id="([^"]+)">(.*?)</h2>', body),
            words={
                "search": w._("Search"),
                "every": w._("all values"),
                "all": w._("All rows"),
                "shown": w._("Rows shown: {shown} of {total}"),
                "locale": w.language,
                "elsewhere": w._("the others are in the lists of the report"),
            },
            labels={
                "contents": w._("Contents"),
                "skip": w._("Go to the text"),
                "folds": folds,
                **cover.lines,
                "footer": footer,
            },
        )
    )
    return re.sub(DIRECTION_MARKS, "", page)


def _page(book: Book, title: str, body: str, home: str = "") -> str:
    w, period = book.wording, book.periods.current
    rows, kept = (
        sum(getattr(check, field) for check in book.checks.values() if not check.source)
        for field in ("rows", "accepted_rows")
    )
    lines = {
        "as_of": w._("As of {date}", date=w.date(book.as_of)),
        "scope": w._(
            "Audit period {start} to {end}", start=w.date(period.start), end=w.date(period.end)
        ),
        "quality": w._(
            "{rows} rows read, {kept} accepted, {aside} set aside",
            rows=w.number(rows),
            kept=w.number(kept),
            aside=w.number(rows - kept),
        ),
    }
    cover = Cover(book.engagement.client, title, str(book.as_of), lines)
    return _whole_page(w, book.engagement.firm_profile, cover, body, home)


def _css_text(text: str) -> str:
    """A text inside a CSS string: everything but plain letters and digits by its code point."""
    return "".join(
        character if character.isalnum() and character.isascii() else f"\\{ord(character):x} "
        for character in text
    )


def _clean(text: str) -> str:
    """Keep the tags and attributes of text and tables, links within the page;
    drop everything that could run.
    """
    text = re.sub(r'<a class="anchor-link".*?</a>', "", text)
    return nh3.clean(
        text,
        tags=ALLOWED_TAGS,
        attributes=ALLOWED_ATTRIBUTES,
        url_schemes=set(),
        link_rel=None,
        strip_comments=True,
        attribute_filter=lambda tag, name, value: (
            None if name == "href" and not value.startswith("#") else value
        ),
    ).replace("&nbsp;", "\u00a0")


def title_of(w: Wording, run: Executed) -> str:
    """The notebook's title, in the reader's language."""
    return w._(markdown_blocks(run.notebook.cells[0].source)[0][1])


def notebook_page(book: Book, run: Executed) -> str:
    """One notebook: its text and outputs, and folded behind each table and figure
    how it was made.
    """
    exporter = HTMLExporter(template_name="body", extra_template_basedirs=[str(TEMPLATES)])
    exporter.optimistic_validation = True  # the notebook was validated when it was written
    exporter.register_filter("clean_html", _clean)
    page = copy.deepcopy(run.notebook)
    page.cells[0].source = page.cells[0].source.partition("\n\n")[2]  # the title is on the cover
    code = [cell for cell in page.cells if cell.cell_type == "code"]
    shown = "".join(
        output.get("data", {}).get("text/html", "") for cell in code for output in cell.outputs
    )
    queries = set(re.findall(r'<pre id="sql-(\w+)"', shown))
    for cell in code:
        for output in cell.outputs:
            for mime in (FIGURES_TYPE, FINDINGS_TYPE, NAMES_TYPE):
                output.get("data", {}).pop(mime, None)
        cell.outputs = [output for output in cell.outputs if output.get("data", True)]
        for output in cell.outputs:
            record = output.get("metadata", {}).get("carnet")
            if record:
                output.metadata["method"] = _method(book, cell.source, record["made_by"], queries)
    w = book.wording
    # HTMLExporter's own would parse the whole page again to add what the template writes:
    # alternative texts, tab stops
    body, _ = TemplateExporter.from_notebook_node(exporter, page)
    return _page(book, title_of(w, run), body, w._("Executive summary"))


def _method(book: Book, code: str, made_by: Sequence[str], queries: Collection[str]) -> str:
    """Folded behind an exhibit: the rows that the report stands on, the measures that ran for it,
    and the code that asked.
    """
    w = book.wording
    labels = {name: made.label for name, made in MEASURES.items()} | COMPOSED
    rows = "; ".join(
        w._(
            "{table} {kept} of {rows}",
            table=w.tell(TABLE_LABELS[c.table]),
            kept=w.number(c.accepted_rows),
            rows=w.number(c.rows),
        )
        for c in book.checks.values()
    )
    return (
        _templates()
        .get_template("method.html.j2")
        .render(
            labels={
                "method": w._("How this was made"),
                "ran": w._("Measures that ran for it:"),
                "code": w._("Code that asked for it:"),
                "ledger": w._("Rows in: the row ledger"),
            },
            rows_in=w._("Rows accepted of rows read: {tables}.", tables=rows),
            ran=[(name, w._(labels[name])) for name in made_by if name in labels],
            queries=queries,
            code=code,
        )
    )


def summary_page(
    book: Book,
    pages: Mapping[str, str],
    executed: Sequence[Executed],
    files: Sequence[Path],
    since: Since,
    manifest: dict,
) -> str:
    """The executive summary of all notebooks.

    `pages` are the notebooks' finished pages by name, `files` the other files of the
    report (relative).
    """
    w = book.wording
    names = {run.name: _names_behind(run) for run in executed}
    findings = [
        _linked(w, finding, names[finding["notebook"]]) for finding in collect_findings(executed)
    ]
    ordered = sorted(
        executed, key=lambda run: ORDER.index(run.name) if run.name in ORDER else len(ORDER)
    )
    titles = {
        run.name: (title_of(w, run), w._(markdown_blocks(run.notebook.cells[0].source)[1][1]))
        for run in ordered
    }
    lists = [(str(path), _file_label(w, path, titles)) for path in files]
    tables = [
        ledger_table(w, w._("Row ledger: what came in, what was accepted"), book.checks),
        draw_table(
            w,
            "inputs",
            w._("Files read"),
            _inputs(w, manifest),
            "table file rows sha256",
            w._("The whole SHA-256 of every file is in manifest.json."),
        ),
        draw_table(w, "run", w._("Parameters and versions"), _run(w, manifest), "parameter value"),
    ]
    body = (
        _templates()
        .get_template("summary.html.j2")
        .render(
            first=findings[:FIRST_FINDINGS],
            others=findings[FIRST_FINDINGS:],
            titles=titles,
            lists=lists,
            since=since.sentences,
            changed=draw_table(
                w,
                "changed",
                w._("Figures that moved beyond noise since then"),
                since.figures,
                "label then now tested",
            ).html
            if len(since.figures)
            else "",
            notices=[w.tell(notice) for notice in book.notices],
            tables=[_clean(table.html) for table in tables],
            reconciled=_result_lines(book),
            labels={
                "result": w._("From the revenue of the customers to the result of the ledger"),
                "findings": w._("Main points"),
                "none": w._("No finding: the tables they need are missing."),
                "reports": w._("Reports"),
                "lists": w._("Lists and data"),
                "quality": w._("Scope and data quality"),
                "since": w._("Since the last audit"),
                "names": w._("the names"),
                "others": w.ngettext(
                    "{count} finding more",
                    "{count} findings more",
                    max(0, len(findings) - FIRST_FINDINGS),
                ),
            },
        )
    )
    return _page(book, w._("Executive summary"), body)


def _result_lines(book: Book) -> str:
    """The ledger's result and how it follows from the sale lines and the costs, as a table;
    nothing where no ledger tells it.
    """
    w, rows = book.wording, ledger_lines(book)
    if not len(rows):
        return ""
    caption = w._("Line by line, audit period: the result of the ledger is the result")
    return _clean(
        draw_table(
            w, "ledger-result", caption, steps_table(w, rows, LEDGER_STEPS), "label value"
        ).html
    )


def collect_findings(executed: Iterable[Executed]) -> list[dict[str, Any]]:
    """Findings of all notebooks, largest money first, each once: two notebooks may say the same."""
    found = [
        finding | {"notebook": run.name}
        for run in executed
        for shown in recorded(run, FINDINGS_TYPE)
        for finding in shown
    ]
    once = {(finding["key"], finding["sentence"]): finding for finding in reversed(found)}
    return sorted(once.values(), key=lambda finding: (-abs(finding["amount"]), finding["key"]))


def recorded(run: Executed, mime: str) -> list[Any]:
    """What the notebook recorded under a type: figures or findings."""
    return [
        o["data"][mime]
        for cell in run.notebook.cells
        for o in cell.get("outputs", [])
        if mime in o.get("data", {})
    ]


def _names_behind(run: Executed) -> dict[str, str]:
    """Finding → the link to the names behind it; of several places in a page the last one,
    which is the narrowest.
    """
    found: dict[str, str] = {}
    for shown in recorded(run, NAMES_TYPE):
        found |= {
            key: f"{run.name}.html{place}" if place.startswith("#") else place
            for key, place in shown.items()
        }
    return found


def _linked(w: Wording, finding: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """A finding with its size in money, and the link to the names behind it."""
    low, high = finding["low"], finding["high"]
    size = w.signed_money(finding["amount"], 0) if finding["amount"] else ""
    return {
        "sentence": finding["sentence"],
        "notebook": finding["notebook"],
        "size": size,
        "range": w.between(w.signed_money(low, 0), w.signed_money(high, 0))
        if size and low is not None and high is not None
        else "",
        "names": names.get(finding["key"], ""),
    }


def _file_label(w: Wording, path: Path, titles: Mapping[str, tuple[str, str]]) -> str:
    """A file's name for a reader; the calendars go by the salesperson's."""
    if path.suffix == ".pdf":
        return w._(
            "{page}, to print",
            page=titles[path.stem][0] if path.stem in titles else w._("Executive summary"),
        )
    if path.parent.name == "lists":
        return w._(LISTS[path.stem].label) if path.stem in LISTS else path.stem
    return (
        w._(FILE_LABELS[path.name])
        if path.name in FILE_LABELS
        else w._("Calendar: {name}", name=path.stem)
    )


def _inputs(w: Wording, manifest: dict) -> pd.DataFrame:
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


def _run(w: Wording, manifest: dict) -> pd.DataFrame:
    """Parameters given and the versions of what computed."""
    pairs = [*manifest["parameters"].items(), *manifest["versions"].items()]
    return pd.DataFrame([{"parameter": name, "value": str(value)} for name, value in pairs])


def reports_page(out: Path, w: Wording, firm: Firm) -> str:
    """All reports of a folder, by client and date: for the firm, not for a client."""
    found = find_reports(out)
    reports = [
        (
            client,
            [
                (
                    f"{folder.relative_to(out)}/index.html",
                    w.date(as_of) + (f" ({run})" if run > 1 else ""),
                )
                for folder, as_of, run in dated
            ],
        )
        for client, dated in found.items()
    ]
    body = _templates().get_template("reports.html.j2").render(reports=reports)
    cover = Cover(
        w.ngettext("{count} client", "{count} clients", len(reports)),
        w._("Reports"),
    )
    return _whole_page(w, firm, cover, body)
