"""Page one: the answer first. Figures beside the year before, the bridge between both years, the
points that matter, what to do and who, the consultant's words, and what is missing.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from carnet.book.book import Book
from carnet.customers.series import ledger_lines
from carnet.engagement.records import read_texts
from carnet.engagement.schema import TABLE_LABELS, TABLES
from carnet.exhibits.headings import WORDS
from carnet.exhibits.tables import Fields, draw_table, written_change, written_range
from carnet.findings.base import write_figure
from carnet.findings.costs import LEDGER_STEPS, steps_table
from carnet.measures.catalogue import FIGURES
from carnet.report import results
from carnet.report.comparison import Since
from carnet.report.execution import Executed
from carnet.report.layout import PAGE_ONE, Choice
from carnet.report.pages import Page, cleaned, page_of, template
from carnet.wording import Wording, unknown

# shown beside those of the exhibit `headline` where they are known
EXPOSED = ("single_thread_revenue", "retention_budget")
FIRST_ACTIONS = 12
WEIGHTY = 0.01  # share of the money from which a warning stands on page one
PLOT = (120, 28)  # width and height of a sparkline
ACTION_COLUMNS = (
    "due_date salesperson name task at_most sales_gap"  # and what became of it, where told
)


@dataclass(frozen=True)
class Parts:
    """What page one is made of: the finished pages by notebook, the published figures, what
    changed since the last audit, the lists as texts (of accounts with a page or a task), what may
    be spent on each of the others, what the engagement chose, links by label.
    """

    pages: Mapping[str, Page]
    figures: Mapping[str, dict[str, Any]]
    since: Since
    lists: Mapping[str, pd.DataFrame]
    undated: pd.Series
    choice: Choice
    links: Sequence[tuple[str, str]] = ()
    signed: str = ""

    @property
    def shown(self) -> dict[str, Page]:
        """The pages that are published."""
        return {name: page for name, page in self.pages.items() if page.answers}

    def leads(self, link: str) -> bool:
        """True for a link to something that is published."""
        file, _, anchor = link.partition("#")
        if not file.endswith(".html"):
            return True
        page = self.shown.get(file.removesuffix(".html"))
        return page is not None and (not anchor or f'id="{anchor}"' in page.html)


def front_page(book: Book, executed: Sequence[Executed], parts: Parts) -> str:
    """The first page of a report."""
    w = book.wording
    choice = parts.choice
    published = results.exhibits(executed, choice)
    bridge = published.get("portfolio_audit.bridge")
    shown = parts.shown
    weighty = [n for n in book.notices if n.weight >= WEIGHTY]
    body = template("front.html.j2").render(
        headline=headline(w, published, parts),
        bridge=bridge.output if bridge else None,
        points=points_of(w, executed, parts),
        actions=_actions(book, parts.lists, parts.undated),
        reconciled=_result_lines(book),
        words=choice.place_of_words(PAGE_ONE) if PAGE_ONE in choice.commented else "",
        signed=parts.signed,
        since=parts.since.sentences,
        changed=_changed(w, parts.since),
        missing=missing_tables(book, parts.pages),
        pages=[(f"{name}.html", page.title, page.question) for name, page in shown.items()],
        links=parts.links,
        warnings=[w.tell(notice) for notice in weighty],
        quality=_quality(book, len(book.notices) - len(weighty)),
        labels=_labels(w),
    )
    return page_of(book, w._("Executive summary"), body)


def _labels(w: Wording) -> dict[str, str]:
    return {
        "headline": w._("The year in figures"),
        "bridge": w._("From last year to this one"),
        "points": w._("What matters"),
        "none": w._("No finding: the tables they need are missing."),
        "actions": w._("What to do"),
        "words": w._("In our words"),
        "since": w._("Since the last audit"),
        "result": w._("From the revenue of the customers to the result of the ledger"),
        "missing": w._("What is missing, and what it would fill"),
        "quality": w._("Scope and data quality"),
        "reports": w._("More"),
        "before": w._("year before"),
        "names": w._("the names"),
        "more": w._("more"),
        "colon": "\u00a0:" if w.language == "fr" else ":",
    }


# --- the figures


def headline(
    w: Wording, published: Mapping[str, results.Published], parts: Parts
) -> list[dict[str, str]]:
    """The figures as they are written: label, value, change, interval, sparkline, link."""
    told, figures = [], parts.figures
    found = published.get("kpi_tracking.headline")
    for row in _rows(found.record) if found else []:
        if not unknown(row["value"]):
            told.append(
                _told(w, row["name"], row["value"])
                | {
                    "change": written_change(w, row),
                    "previous": ""
                    if unknown(row["previous"])
                    else _written(w, row["name"], row["previous"]),
                    "range": written_range(w, row),
                    "plot": sparkline(row["months"]),
                    "link": "kpi_tracking.html" if parts.leads("kpi_tracking.html") else "",
                }
            )
    for name in EXPOSED:
        value = figures.get(name, {}).get("value")
        if not unknown(value):
            link = f"{figures[name]['notebook']}.html"
            told.append(_told(w, name, value) | {"link": link if parts.leads(link) else ""})
    return told


def _told(w: Wording, name: str, value: Any) -> dict[str, str]:
    label, definition = w._(FIGURES[name].label), w._(FIGURES[name].definition)
    return {"label": label, "value": _written(w, name, value), "definition": definition}


def _written(w: Wording, name: str, value: Any) -> str:
    """A figure without cents."""
    figure = FIGURES[name]
    return w.money(value, 0) if figure.unit == "currency" else write_figure(w, value, figure)


def _rows(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of an exhibit's record."""
    return [dict(zip(record["header"], row, strict=True)) for row in record["rows"]]


def sparkline(values: Sequence[float]) -> str:
    """The points of an SVG polyline through the values; empty under three of them."""
    if len(values) < 3:
        return ""
    (width, height), low, high = PLOT, min(values), max(values)
    span = (high - low) or 1.0
    return " ".join(
        f"{position * width / (len(values) - 1):.1f},{height - (value - low) / span * height:.1f}"
        for position, value in enumerate(values)
    )


# --- the points


def points_of(w: Wording, executed: Sequence[Executed], parts: Parts) -> list[dict[str, Any]]:
    """The points as a tree: what stands inside another comes with it."""
    order = ("result", "change", "recurring", "exposure", "why", "action")
    names, pages = results.names_behind(executed), parts.shown
    told = []
    for point in results.points(executed):
        if f"{point['notebook']}.answer" in parts.choice.hidden:
            continue
        link = names.get(point["names"], "")
        page = pages[point["notebook"]].title if point["notebook"] in pages else ""
        told.append(point | {"link": link if parts.leads(link) else "", "page": page, "inner": []})
    by_key = {point["key"]: point for point in told}
    for point in told:
        if point["inside"] in by_key:
            by_key[point["inside"]]["inner"].append(point)
    top = [point for point in told if point["inside"] not in by_key]
    kinds = {
        "result": w._("Result"),
        "change": w._("Change"),
        "recurring": w._("Recurring"),
        "exposure": w._("Exposure"),
        "why": w._("Why"),
        "action": w._("To do"),
    }
    ranked = [point for point in top if point["kind"] in order]
    ranked.sort(key=lambda point: order.index(point["kind"]))
    return [point | {"tag": kinds[point["kind"]]} for point in ranked]


# --- what to do


def undated_budget(folder: Path, called: Collection[str]) -> pd.Series:
    """What may be spent on each account that is worth an action and has no task."""
    path = folder / "actions.csv"
    if not path.is_file():
        return pd.Series(dtype=float)
    t = read_texts(path, ["customer_id", "at_most"])
    at_most = pd.to_numeric(t.at_most)
    return at_most[(at_most > 0) & ~t.customer_id.isin(set(called))]


def _actions(book: Book, lists: Mapping[str, pd.DataFrame], undated: pd.Series) -> str:
    """The first tasks by date, and what became of the same customer since the last audit."""
    w, tasks = book.wording, lists.get("tasks")
    if tasks is None or not len(tasks):
        return ""
    t = tasks.assign(**{name: pd.to_numeric(tasks[name]) for name in ("at_most", "sales_gap")})
    columns = ACTION_COLUMNS
    if "follow_up" in lists:
        then = lists["follow_up"].drop_duplicates("customer_id")
        outcome = t.customer_id.map(then.set_index("customer_id").outcome)
        t["standing_then"] = [
            w._("new") if unknown(word) else w._(WORDS.get(word, word)) for word in outcome
        ]
        columns += " standing_then"
    t["due_date"] = pd.to_datetime(t.due_date).dt.date
    caption = w._(
        "The first {count} of {total} tasks; all are in the lists and in each salesperson's sheet",
        count=w.number(min(len(t), FIRST_ACTIONS)),
        total=w.number(len(t)),
    )
    shown, note = t.head(FIRST_ACTIONS), ""
    if len(undated):
        note = w.ngettext(
            "{count} account more is worth an action ({money}) and has no date yet: see the list "
            "of decisions.",
            "{count} accounts more are worth an action ({money}) and have no date yet: see the "
            "list of decisions.",
            len(undated),
            money=w.money(float(undated.sum()), 0),
        )
    return cleaned(draw_table(w, "actions", caption, shown, Fields(columns), note).html)


# --- what is missing, and how sound the data are


def missing_tables(book: Book, pages: Mapping[str, Page]) -> list[tuple[str, str]]:
    """Per table not given: what it takes, and the headings that it would fill."""
    filled: dict[str, list[str]] = {}
    asked: dict[str, list[str]] = {}
    for page in pages.values():
        for (table, *columns), headings in page.lacking.items():
            kept, wanted = filled.setdefault(table, []), asked.setdefault(table, [])
            kept += [heading for heading in headings if heading and heading not in kept]
            lacked = [column for column in columns if not book.has(table, column)]
            wanted += [column for column in lacked if column not in wanted]
    w = book.wording
    return [
        (
            w._(
                "{table} ({columns})",
                table=w.tell(TABLE_LABELS[table]),
                columns=", ".join(columns),
            ),
            " · ".join(headings),
        )
        for table, headings in sorted(filled.items())
        if headings
        for columns in [(table in book.checks and asked[table]) or TABLES[table].required]
    ]


def _quality(book: Book, others: int) -> str:
    """The data in one line."""
    w = book.wording
    own = [check for check in book.checks.values() if not check.source]
    read, kept = sum(check.rows for check in own), sum(check.accepted_rows for check in own)
    line = w._(
        "{kept} of {read} rows accepted, {aside} set aside with their reason.",
        kept=w.number(kept),
        read=w.number(read),
        aside=w.number(read - kept),
    )
    if not others:
        return line
    noted = w.ngettext(
        "{count} remark on the data touches under 1\u00a0% of the money.",
        "{count} remarks on the data touch under 1\u00a0% of the money each.",
        others,
    )
    return f"{line} {noted}"


def _changed(w: Wording, since: Since) -> str:
    """The figures that moved beyond noise since the last audit, as a table."""
    if not len(since.figures):
        return ""
    caption = w._("Figures that moved beyond noise since then")
    return draw_table(w, "changed", caption, since.figures, "label then now tested").html


def _result_lines(book: Book) -> str:
    """The ledger's result and how it follows from the sale lines and the costs, as a table;
    nothing where no ledger tells it.
    """
    w, rows = book.wording, ledger_lines(book)
    if not len(rows):
        return ""
    caption = w._("Line by line, audit period: the result of the ledger is the result")
    steps = steps_table(w, rows, LEDGER_STEPS)
    return cleaned(draw_table(w, "ledger-result", caption, steps, "label value").html)
