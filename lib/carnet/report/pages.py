"""The pages of a report: one per notebook, its executive summary, and the list of all reports.

Self-contained; nothing of a client's can run.
"""

import base64
import copy
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path

import nbformat
import nh3
from jinja2 import Environment, FileSystemLoader, Template
from markupsafe import Markup, escape
from nbconvert.exporters import HTMLExporter, TemplateExporter
from nbformat import NotebookNode

from carnet import __version__
from carnet.book.book import Book
from carnet.book.earlier import find_reports
from carnet.customers.catalogue import COMPOSED
from carnet.engagement.firm import Firm
from carnet.engagement.records import NARROW_TYPE
from carnet.engagement.schema import TABLE_LABELS
from carnet.measures.catalogue import MEASURES
from carnet.report.execution import Executed
from carnet.report.layout import RECORDS, Choice, arranged
from carnet.report.results import place_of
from carnet.wording import Wording, markdown_blocks

TEMPLATES = Path(str(resources.files("carnet"))) / "report" / "template"
SCRIPTS = ("vendor/sortable.min.js", "page.js")
ALLOWED_TAGS = {
    "a", "b", "blockquote", "br", "caption", "code", "details", "div", "em", "h1", "h2", "h3", "h4",
    "hr", "i", "li", "ol", "p", "pre", "span", "strong", "summary", "sub", "sup", "table", "tbody",
    "td", "tfoot", "th", "thead", "tr", "ul",
}  # fmt: skip
ALLOWED_ATTRIBUTES = {
    "*": {"class", "id"},
    "th": {"scope", "colspan", "data-filter", "data-falling", "data-person", "title"},
    "td": {"colspan", "data-sort"}, "a": {"href"}, "table": {"data-first", "data-total"},
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
    "growth_plan",
)
# in a client's name they turn the text behind it round
DIRECTION_MARKS = "[\u202a-\u202e\u2066-\u2069]"
ANNEX = "annex.html"


@cache
def _templates() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    made.globals["picture"] = picture
    return made


def picture(output: Mapping) -> Markup:
    """The picture of a chart's output, as a page shows it."""
    data = output["data"]
    if "image/svg+xml" in data:
        both = data["image/svg+xml"] + data.get(NARROW_TYPE, "")
        return Markup(f'<figure tabindex="0">{both}</figure>')
    source = data["image/png"].replace("\n", "")
    alt = escape(output["metadata"].get("image/png", {}).get("alt", ""))
    return Markup(
        f'<figure tabindex="0"><img src="data:image/png;base64,{source}" alt="{alt}"></figure>'
    )


def template(name: str) -> Template:
    """A template of the report's own."""
    return _templates().get_template(name)


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
        "carnet {version} · definitions, queries and row ledger are in the annex",
        version=__version__,
    )
    folds = w._("Show or hide all methods") if 'class="method"' in body else ""
    page = template("report.html.j2").render(
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
            "reset": w._("Reset"),
            "person": w._("Salesperson, all lists"),
            "shown": w._("Rows shown: {shown} of {total}"),
            "locale": w.language,
            "elsewhere": w._("the others are in the lists of the report"),
            "first": w._("The first rows"),
        },
        labels={
            "contents": w._("Contents"),
            "skip": w._("Go to the text"),
            "folds": folds,
            **cover.lines,
            "footer": footer,
        },
    )
    return re.sub(DIRECTION_MARKS, "", page)


def page_of(book: Book, title: str, body: str, home: str = "") -> str:
    """A page of a report: cover, contents, body."""
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


def cleaned(text: str) -> str:
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


@dataclass(frozen=True)
class Page:
    """The page of a notebook, and what of it stands elsewhere: on the annex page, and on page one
    (per table missing the headings that it would fill); `answers`: it shows a chart or a table.
    """

    title: str
    question: str
    html: str
    annexed: list[NotebookNode]
    lacking: Mapping[tuple[str, ...], list[str]]
    answers: bool


def notebook_page(book: Book, run: Executed, choice: Choice) -> Page:
    """One notebook: its text and outputs, and folded behind each table and figure
    how it was made.
    """
    there = arranged(run, choice)
    title, question = _title_of(run)
    cells = [cell for group in there.groups for cell in (group.heading, *group.cells) if cell]
    first = run.notebook.cells[0]
    if first.cell_type == "markdown":  # the title is on the cover
        first = NotebookNode(first)
        first.source = first.source.partition("\n\n")[2]
        cells = [first, *cells]
    body = rendered(book, cells)
    w = book.wording
    html = page_of(book, w._(title), body, w._("Executive summary"))
    return Page(w._(title), w._(question), html, there.annexed, there.lacking, there.answers)


def _title_of(run: Executed) -> tuple[str, str]:
    """The title of a notebook and its question; an analyst's own may have neither."""
    first = run.notebook.cells[0]
    texts = [text for _, text in markdown_blocks(first.source)]
    if first.cell_type != "markdown" or not texts[0]:
        return run.name.replace("_", " "), ""
    return texts[0].partition("\n")[0], texts[1] if len(texts) > 1 else ""


@cache
def body_exporter() -> HTMLExporter:
    """What writes cells as the body of a page; its templates are compiled once a process."""
    exporter = HTMLExporter(template_name="body", extra_template_basedirs=[str(TEMPLATES)])
    exporter.optimistic_validation = True  # the notebook was validated when it was written
    exporter.register_filter("clean_html", cleaned)
    return exporter


def rendered(book: Book, cells: Sequence[NotebookNode]) -> str:
    """Cells as the body of a page: text cleaned, records taken out, methods folded."""
    page = nbformat.v4.new_notebook(cells=copy.deepcopy(list(cells)))
    for cell in page.cells:
        for output in cell.get("outputs", []):
            output.setdefault("metadata", NotebookNode())
            output.metadata["narrow"] = output.get("data", {}).get(NARROW_TYPE, "")
            for mime in RECORDS:
                output.get("data", {}).pop(mime, None)
            place = place_of(output)
            if "made_by" in place:
                output.metadata["method"] = _method(book, cell.source, place["made_by"])
    # HTMLExporter's own would parse the whole page again to add what the template writes:
    # alternative texts, tab stops
    body, _ = TemplateExporter.from_notebook_node(body_exporter(), page)
    return body


def _method(book: Book, code: str, made_by: Sequence[str]) -> str:
    """Folded behind an exhibit: the rows that the report stands on, the measures that ran for it,
    and the code that asked.
    """
    w = book.wording
    labels = {name: made.label for name, made in MEASURES.items()} | COMPOSED
    rows = w.semicolons(
        w._(
            "{table} {kept} of {rows}",
            table=w.tell(TABLE_LABELS[c.table]),
            kept=w.number(c.accepted_rows),
            rows=w.number(c.rows),
        )
        for c in book.checks.values()
    )
    return template("method.html.j2").render(
        labels={
            "method": w._("How this was made"),
            "ran": w._("Measures that ran for it:"),
            "code": w._("Code that asked for it:"),
            "ledger": w._("Rows in: the row ledger"),
        },
        rows_in=w._("Rows accepted of rows read: {tables}.", tables=rows),
        ran=[(name, w._(labels[name])) for name in made_by if name in labels],
        annex=ANNEX,
        code=code,
    )


def reports_page(out: Path, w: Wording, firm: Firm) -> str:
    """All reports of a folder, by client and date: for the firm, not for a client."""
    found = find_reports(out)
    reports = [
        (
            client,
            [
                (
                    f"{folder.relative_to(out).as_posix()}/index.html",
                    w.date(as_of) + (f" ({run})" if run > 1 else ""),
                )
                for folder, as_of, run in dated
            ],
        )
        for client, dated in found.items()
    ]
    body = template("reports.html.j2").render(reports=reports)
    cover = Cover(
        w.ngettext("{count} client", "{count} clients", len(reports)),
        w._("Reports"),
    )
    return _whole_page(w, firm, cover, body)
