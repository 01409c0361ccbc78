"""What one salesperson holds in hand: a page of their own accounts and tasks, and a workbook whose
empty columns (what was done, and when) the next audit reads back as rows of `service`. Nothing of a
colleague stands in it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from carnet.book.book import Book
from carnet.customers.accounts.dossier import Dossiers
from carnet.engagement.records import slug
from carnet.report.accounts import Accounts, account_parts, accounts_labels
from carnet.report.pages import page_of, template
from carnet.report.workbook import ServiceSheet, write_tasks

PEOPLE = "people"
TASKS = 20  # rows of one sheet of paper
SERVICE = ("customer_id", "date", "activity", "salesperson")


def write_people(
    book: Book,
    folder: Path,
    accounts: Accounts,
    found: Dossiers,
    lists: Mapping[str, pd.DataFrame],
) -> dict[str, str]:
    """Write people/<name>.html and .xlsx for everybody who has a task; returns the person of each
    file (its name without suffix).
    """
    tasks = lists.get("tasks")
    if tasks is None or not len(tasks):
        return {}
    (folder / PEOPLE).mkdir(exist_ok=True)
    mapping = book.checks["service"].mapping if "service" in book.checks else {}
    headers = {role: mapping.get(role, role) for role in SERVICE}
    table = book.engagement.tables.get("service")
    row = table.format.header_row if table else 1
    fixed = {
        header: condition.among[0]
        for header, condition in (table.where if table else {}).items()
        if condition.among
    }
    service = ServiceSheet(headers, row, book.activity_kinds, fixed)
    stems: dict[str, str] = {}
    for owner, own in tasks.groupby("salesperson", sort=True):
        stem = slug(str(owner)) or ("salesperson" if owner else "unassigned")
        number = sum(known == stem or known.startswith(f"{stem}--") for known in stems)
        stem = f"{stem}--{number + 1}" if number else stem
        stems[stem] = str(owner)
        mine = {name: _mine(t, str(owner), own.customer_id) for name, t in lists.items()}
        parts = account_parts(book, accounts.only(set(own.customer_id)), found, mine, str(owner))
        html = _page(book, str(owner), own, accounts, parts, mine)
        (folder / PEOPLE / f"{stem}.html").write_text(html, encoding="utf-8", newline="\n")
        target = folder / PEOPLE / f"{stem}.xlsx"
        write_tasks(book.wording, target, own, service, book.as_of)
    return stems


def _mine(t: pd.DataFrame, owner: str, ids: pd.Series) -> pd.DataFrame:
    """The rows of a list about this person's accounts."""
    t = t[t.salesperson == owner] if "salesperson" in t else t
    return t[t.customer_id.isin(ids)]


def _page(
    book: Book,
    owner: str,
    tasks: pd.DataFrame,
    accounts: Accounts,
    parts: Sequence[Mapping[str, Any]],
    lists: Mapping[str, pd.DataFrame],
) -> str:
    """The page of one salesperson: tasks, then own accounts."""
    w = book.wording
    gaps = lists.get("sales_gaps", pd.DataFrame({"customer_id": [], "sales_gap": []}))
    behind = dict(zip(gaps.customer_id, gaps.sales_gap, strict=True))
    rows = [
        {
            "due": w.date(pd.Timestamp(row["due_date"]).date(), "short"),
            "name": row["name"],
            "anchor": accounts.anchors.get(row["customer_id"], ""),
            "task": row["task"],
            "gap": w.signed_money(float(behind[row["customer_id"]]), 0)
            if behind.get(row["customer_id"])
            else "",
        }
        for row in tasks.head(TASKS).to_dict("records")
    ]
    body = template("people.html.j2").render(
        rows=rows,
        more=w.ngettext(
            "{count} task more in the workbook.",
            "{count} tasks more in the workbook.",
            len(tasks) - TASKS,
        )
        if len(tasks) > TASKS
        else "",
        accounts=parts,
        labels={
            "tasks": w._("Tasks"),
            "due": w._("Due"),
            "customer": w._("Customer"),
            "task": w._("What to do"),
            "gap": w._("Behind the year before"),
            "done": w._("Done on"),
            "result": w._("What was done"),
            "back": w._(
                "Write what was done and when into the workbook and send it back: put into the "
                "folder “returned” of the engagement, it is read by the next audit."
            ),
        }
        | accounts_labels(w),
    )
    return page_of(book, owner or w._("Tasks without a salesperson"), body)
