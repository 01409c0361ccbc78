"""A page of accounts: one part an account on a list, what it bought, what was done, and the one
decision with its why. Every name on a page, list or slide links there.
"""

import html
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import escape

from carnet.book.book import Book
from carnet.customers.accounts.dossier import EACH, MONTHS, Dossiers
from carnet.engagement.records import read_header, read_texts, slug
from carnet.exhibits.headings import WORDS
from carnet.report.pages import page_of, template
from carnet.wording import N_, Wording, unknown

ACCOUNTS = "accounts.html"
# the lists whose accounts get a page, in this order
BY_WEIGHT = ("tasks", "last_chance", "sales_gaps", "retention_budget", "good_customers_lost", "abc")
BARS = (720, 90)  # width and height of the months' bars
GAP = 4  # between two bars
FAMILIES = 8
TEXT_LETTERS = 400
STAGES = {"won": N_("won, of an offer"), "lost": N_("lost, of an offer"), "open": N_("still open")}
# what a page must not touch when it links names
CODE = re.compile(
    r"(<(?:script|style|svg|pre|a|nav|option|title|h1|h2|h3|button)\b.*?</(?:script|style|svg|pre|a|nav|option|title|h1|h2|h3|button)>|<[^>]+>)",
    re.S,
)


@dataclass(frozen=True)
class Accounts:
    """The accounts that have a page: their ids in order, anchors by id, names by id; `others` are
    all other names of the book, customers and salespeople, which are never taken for one of these.
    """

    ids: list[str]
    anchors: Mapping[str, str]
    names: Mapping[str, str]
    others: Collection[str] = ()

    def only(self, ids: Collection[str]) -> "Accounts":
        """Those among some ids."""
        return replace(self, ids=[key for key in self.ids if key in ids])

    @cached_property
    def _links(self) -> dict[str, str]:
        """Name, as pages hold it, → the link to its account: names that nobody else bears."""
        names, others = list(self.names.values()), set(self.others)
        return {
            written: f"{ACCOUNTS}#{self.anchors[key]}"
            for key, name in self.names.items()
            if names.count(name) == 1 and name not in others and name.strip()
            for written in {html.escape(name, quote=False), str(escape(name))}
        }

    @cached_property
    def _told(self) -> re.Pattern[str] | None:
        """What is looked for in sentences: names of two words or more, the longest first; those of
        others too, so that one is not found inside another.
        """
        of_words = {name for name in self._links if re.search(r"[^\W\d_]\S*\s\S", name)}
        if not of_words:
            return None
        beside = {str(escape(name)) for name in self.others if " " in name}
        longer = {name for name in beside if any(short in name for short in of_words)}
        words = sorted(of_words | longer, key=lambda name: (-len(name), name))
        return re.compile(rf"(?<![\w&;])({'|'.join(map(re.escape, words))})(?![\w])")

    def linked(self, page: str) -> str:
        """A page in which names of accounts with a page lead there: cells that hold a name alone,
        and names of two words or more in sentences; never inside code, a link or a heading.
        """
        if not self._links:
            return page
        head, mark, body = page.partition("<main")
        parts = CODE.split(mark + body)
        for position in range(0, len(parts), 2):
            before = parts[position - 1] if position else ""
            text = parts[position]
            if before.startswith("<td") and text in self._links:
                parts[position] = self._link(text)
            elif self._told and text.strip():
                parts[position] = self._told.sub(lambda m: self._link(m[1]), text)
        return head + "".join(parts)

    def _link(self, name: str) -> str:
        """The link to an account; another's name as it stands."""
        link = self._links.get(name)
        return f'<a class="account" href="{link}">{name}</a>' if link else name


def read_lists(folder: Path, customers: Collection[str]) -> dict[str, pd.DataFrame]:
    """The lists of the report that speak of customers, as texts: their rows of some of them."""
    return {
        path.stem: read_texts(path, customers=customers)
        for path in sorted(folder.glob("*.csv"))
        if "customer_id" in read_header(path)
    }


def chosen_accounts(book: Book, folder: Path) -> Accounts:
    """The accounts that get a page: those on any list, those with a task first."""
    ids = listed_first(folder, book.engagement.account_page_count)
    anchors: dict[str, str] = {}
    for key in ids:
        plain, number = f"account-{slug(key)}", 1
        while plain in anchors.values():
            number += 1
            plain = f"account-{slug(key)}-{number}"
        anchors[key] = plain
    if not ids:
        return Accounts([], {}, {})
    t = book.names()
    names = {key: str(t.name.get(key, key)) for key in ids}
    others = {str(name) for name in t.name[~t.index.isin(ids)].dropna()}
    others |= {str(name) for name in t.salesperson.dropna()}
    return Accounts(ids, anchors, names, others)


def listed_first(folder: Path, count: int) -> list[str]:
    """The accounts on any list, those with a task first: at most `count` ids, each once."""
    found: dict[str, None] = {}
    for path in (folder / f"{name}.csv" for name in BY_WEIGHT):
        if len(found) >= count or not path.is_file():
            continue
        flagged = [name for name in read_header(path) if name == "flagged"]
        t = read_texts(path, ["customer_id", *flagged])
        t = t[t.flagged.str.lower() == "true"] if flagged else t
        found |= dict.fromkeys(t.customer_id)
    return list(found)[:count]


def accounts_page(
    book: Book, accounts: Accounts, found: Dossiers, lists: Mapping[str, pd.DataFrame]
) -> str:
    """The page; empty when no account is on a list."""
    if not accounts.ids:
        return ""
    w = book.wording
    body = template("accounts.html.j2").render(
        accounts=account_parts(book, accounts, found, lists), labels=accounts_labels(w)
    )
    return page_of(book, w._("Accounts"), body, w._("Executive summary"))


def account_parts(
    book: Book,
    accounts: Accounts,
    found: Dossiers,
    lists: Mapping[str, pd.DataFrame],
    owner: str | None = None,
) -> list[dict[str, Any]]:
    """The accounts as they are written, in their order; for one salesperson without the names of
    others. `found`: what the book holds of them, or of more.
    """
    rows = {
        name: t.drop_duplicates("customer_id").set_index("customer_id") for name, t in lists.items()
    }
    return [
        _account(book, accounts, _seen_by(owner, found.of(key)), rows, key) for key in accounts.ids
    ]


def _seen_by(owner: str | None, found: Dossiers) -> Dossiers:
    """What is known of an account without the names of other salespeople than the one who reads."""
    if owner is None or "salesperson" not in found.contacts:
        return found
    contacts = found.contacts
    own = contacts.salesperson.where(contacts.salesperson == owner)
    return replace(found, contacts=contacts.assign(salesperson=own))


def accounts_labels(w: Wording) -> dict[str, str]:
    """The words around an account."""
    return {
        "months": w._("Revenue, month by month: the last 12 months dark, the 24 before light"),
        "families": w._("What it buys (the year before in brackets)"),
        "stopped": w._("no longer bought"),
        "contacts": w._("Latest activities"),
        "opportunities": w._("Opportunities"),
        "invoices": w._("Open invoices, by due date"),
        "marks": w._("What it says"),
        "figures": w._("In figures"),
        "colon": "\u00a0:" if w.language == "fr" else ":",
    }


def _account(
    book: Book,
    accounts: Accounts,
    found: Dossiers,
    rows: Mapping[str, pd.DataFrame],
    key: str,
) -> dict[str, Any]:
    """One account as it is written; `found`: what is known of it."""
    w = book.wording
    row = {name: t.loc[key].to_dict() for name, t in rows.items() if key in t.index}
    decided, standing = row.get("actions", {}), row.get("strategy", {})
    months = found.months
    revenue = dict(zip(months.audit_month, months.revenue, strict=True)) if len(months) else {}
    return {
        "id": key,
        "anchor": accounts.anchors[key],
        "name": accounts.names[key],
        "owner": decided.get("salesperson") or standing.get("salesperson", ""),
        "decision": decided.get("decision", ""),
        "why": decided.get("why", ""),
        "task": row.get("tasks", {}).get("task", ""),
        "due": _date(w, row.get("tasks", {}).get("due_date", "")),
        "outcome": _outcome(w, row.get("follow_up", {})),
        "bars": _bars(w, revenue),
        "years": _years(book, revenue),
        "figures": _figures(w, standing, row.get("sales_gaps", {}), found.listed),
        "families": _families(w, found.families),
        "contacts": _lines(w, found.contacts, "date", "activity salesperson"),
        "opportunities": _lines(
            w, found.opportunities, "opened", "stage product amount competitor"
        ),
        "case": _case(book, found.invoices, found.contacts),
        "invoices": _lines(w, found.invoices, "due", "amount status"),
        "marks": [
            *_lines(w, found.marks, "date", "score scale comment"),
            *_lines(w, found.departures, "date", "reason competitor verbatim"),
        ],
    }


def _date(w: Wording, text: str) -> str:
    return w.date(pd.Timestamp(text).date(), "medium") if text else ""


def _outcome(w: Wording, followed: Mapping[str, str]) -> str:
    """What became of it since the last audit."""
    word = followed.get("outcome", "")
    if not word:
        return ""
    return w._("Since the last audit: {outcome}.", outcome=w._(WORDS.get(word, word)))


def _bars(w: Wording, revenue: Mapping[int, float]) -> list[dict[str, Any]]:
    """One bar a month, oldest first: place, size, whether it is of the last 12 months, and what it
    says.
    """
    if not revenue:
        return []
    oldest = max(revenue)  # before its first sale nothing is told
    (width, height), top = BARS, max([*(abs(v) for v in revenue.values()), 1e-9])
    step = width / MONTHS
    bars = []
    for position, month in enumerate(range(MONTHS - 1, -1, -1)):
        value = revenue.get(month, 0.0)
        tall = abs(value) / top * height
        bars.append(
            {
                "x": f"{position * step + GAP / 2:.1f}",
                "width": f"{step - GAP:.1f}",
                "y": f"{height - tall:.1f}",
                "height": f"{tall:.1f}",
                "kind": "late" if value < 0 else "now" if month < 12 else "then",
                "told": w.money(value, 0) if month <= oldest else "",
            }
        )
    return bars


def _years(book: Book, revenue: Mapping[int, float]) -> list[tuple[str, str, str]]:
    """The sums of the last three times 12 months, latest first, each with its change; none for
    a year that the sales do not hold in full.
    """
    w, before = book.wording, book.periods.previous.start
    held = 1 + book.covers("sales", before) * (1 + book.reaches_back(1))
    sums = [
        sum(revenue.get(month, 0.0) for month in range(12 * y, 12 * y + 12)) for y in range(held)
    ]
    labels = (w._("last 12 months"), w._("12 months before"), w._("12 months before that"))
    changes = [
        w.signed_percent(now / then - 1, 0) if then > 0 else "" for now, then in pairwise(sums)
    ]
    return [
        (label, w.money(total, 0), change)
        for label, total, change in zip(labels[:held], sums, [*changes, ""], strict=True)
    ]


def _figures(
    w: Wording, standing: Mapping[str, str], gap: Mapping[str, str], listed: pd.DataFrame
) -> list[tuple[str, str]]:
    """What is known of the account in figures: label and value, those that are known."""

    def money(text: str | None) -> str:
        return w.money(float(text), 0) if text else ""

    own = listed.iloc[0].to_dict() if len(listed) else {}
    since, until, ended = (own.get(name) for name in ("since", "until", "contract_end"))
    running = not unknown(own.get("contract")) and bool(own["contract"])
    flagged = gap.get("flagged", "").lower() == "true"  # a list holds texts
    word = standing.get("strategy", "")
    told = [
        (w._("Strategy"), w._(WORDS[word]) if word in WORDS else word),
        (w._("Class"), standing.get("abc_class", "")),
        (w._("Margin"), money(standing.get("margin"))),
        (w._("Cost to serve"), money(standing.get("cost_to_serve"))),
        (w._("Profit"), money(standing.get("profit"))),
        (w._("Behind the year before"), money(gap.get("sales_gap")) if flagged else ""),
        (w._("Last order"), _date(w, standing.get("last_order_date", ""))),
        (w._("Potential"), money(standing.get("potential"))),
        (w._("Under contract"), w._("yes") if running else ""),
        (w._("Contract ended on"), "" if unknown(ended) else w.date(pd.Timestamp(ended).date())),
        (w._("Customer since"), "" if unknown(since) else w.date(pd.Timestamp(since).date())),
        (w._("Contract until"), "" if unknown(until) else w.date(pd.Timestamp(until).date())),
    ]
    return [(label, value) for label, value in told if value]


def _case(book: Book, invoices: pd.DataFrame, contacts: pd.DataFrame) -> str:
    """What whoever collects must know of invoices in dispute or collection; empty without one."""
    w = book.wording
    if "status" not in invoices or not invoices.status.notna().any():
        return ""
    stuck = invoices[invoices.status.notna()]
    oldest = pd.Timestamp(stuck.due.min()).date()
    told = w.ngettext(
        "File of the dispute: {count} invoice in dispute or in collection, {amount}, due on {day}.",
        "File of the dispute: {count} invoices in dispute or in collection, {amount}, the oldest "
        "due on {day}.",
        len(stuck),
        amount=w.money(float(stuck.amount.sum())),
        day=w.date(oldest, "medium"),
    )
    if not book.has("service") or not book.covers("service", oldest):
        return told
    since = contacts[pd.to_datetime(contacts.date) > pd.Timestamp(oldest)] if len(contacts) else []
    return f"{told} " + w.ngettext(
        "{count} activity is noted since.",
        "{count} activities are noted since.",
        len(since),
    )


def _families(w: Wording, t: pd.DataFrame) -> list[tuple[str, str, str, bool]]:
    """The families with revenue in either period: name, now, before, no longer bought."""
    return [
        (
            row["family"],
            w.money(row["revenue"], 0),
            w.money(row["revenue_previous"], 0),
            row["revenue"] <= 0 < row["revenue_previous"],
        )
        for row in t.head(FAMILIES).to_dict("records")
    ]


def _lines(w: Wording, t: pd.DataFrame, day: str, columns: str) -> list[tuple[str, str]]:
    """The first rows as day and text."""
    return [
        (
            "" if unknown(row[day]) else w.date(pd.Timestamp(row[day]).date(), "medium"),
            " · ".join(
                _cell(w, name, row[name])
                for name in columns.split()
                if name in row and not unknown(row[name]) and row[name] != ""
            ),
        )
        for row in t.head(EACH).to_dict("records")
    ]


def _cell(w: Wording, name: str, value: Any) -> str:
    if name == "amount":
        return w.money(float(value), 0)
    if name == "status":
        return w._(WORDS[value])
    if name == "stage" and value in STAGES:
        return w._(STAGES[value])
    if name in ("score", "scale"):
        number = w.number(float(value), 0 if float(value).is_integer() else 1)
        return number if name == "score" else w._("of {scale}", scale=number)
    text = str(value)
    return text if len(text) <= TEXT_LETTERS else text[: TEXT_LETTERS - 1] + "…"
