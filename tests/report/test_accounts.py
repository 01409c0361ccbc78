"""The page of accounts, the briefs of salespeople, and the way back of a sheet."""

import csv
import datetime as dt
import re
import shutil

import pytest
import xlsxwriter
from carnet.book.book import open_book
from carnet.report.accounts import Accounts
from python_calamine import CalamineWorkbook

from tests.conftest import DEMO, page_text

MOST_BYTES = 3_000_000


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def sheet_of(path):
    """The first sheet of a workbook as rows."""
    return CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python()


def write_sheet(path, rows, name="Sheet1"):
    """A workbook as a spreadsheet saves it: texts as texts, days as days."""
    with xlsxwriter.Workbook(path) as book:
        sheet, days = book.add_worksheet(name), book.add_format({"num_format": "dd/mm/yyyy"})
        for number, row in enumerate(rows):
            for position, value in enumerate(row):
                if isinstance(value, dt.date):
                    sheet.write_datetime(number, position, value, days)
                else:
                    sheet.write(number, position, value)


def test_every_account_of_a_task_has_its_page_and_its_decision(demo_reports):
    folder = demo_reports["en"]
    html = (folder / "accounts.html").read_text(encoding="utf-8")
    anchors = re.findall(r'<h2 id="(account-[^"]+)">', html)
    assert len(anchors) == len(set(anchors)) == 60 and len(html.encode()) < MOST_BYTES
    decided = {row["customer_id"]: row for row in rows_of(folder / "lists" / "actions.csv")}
    for task in rows_of(folder / "lists" / "tasks.csv"):
        part = html[html.index(f'id="account-{task["customer_id"].lower()}"') :]
        part = part[: part.index("</section>")]
        assert decided[task["customer_id"]]["decision"] in part
        assert part.count("<rect") == 36
    names = [row["name"] for row in rows_of(folder / "lists" / "tasks.csv")][:3]
    index = (folder / "index.html").read_text(encoding="utf-8")
    for name in names:
        assert re.search(rf'<a class="account" href="accounts.html#[^"]+">{name}</a>', index)


def test_bars_are_the_client_s_own_sales(demo_reports):
    """The largest month of the first account, summed by hand from the CSV files."""
    task = rows_of(demo_reports["en"] / "lists" / "tasks.csv")[0]["customer_id"]
    months: dict[str, float] = {}
    for path in sorted(DEMO.glob("ventes_*.csv")):
        with path.open(encoding="cp1252", newline="") as stream:
            for row in csv.DictReader(stream, delimiter=";"):
                if row["Code client"] == task:
                    _, month, year = row["Date facture"].split("/")
                    amount = float(re.sub(r"\s", "", row["Montant HT"]).replace(",", "."))
                    key = f"{year}-{month}"
                    months[key] = months.get(key, 0.0) + amount
    html = (demo_reports["en"] / "accounts.html").read_text(encoding="utf-8")
    part = html[html.index(f'id="account-{task.lower()}"') :]
    told = re.findall(r"<title>(−?)€([\d,]+)</title>", part[: part.index("</svg>")])
    drawn = sorted(float((sign and "-") + digits.replace(",", "")) for sign, digits in told)
    by_hand = sorted(
        float(round(months.get(f"{2023 + n // 12}-{1 + n % 12:02d}", 0))) for n in range(36)
    )
    assert drawn == pytest.approx(by_hand, abs=1)


def test_names_are_linked_outside_of_code_and_links_and_only_where_they_are_unique():
    known = Accounts(
        ["A", "B", "C"],
        {"A": "account-a", "B": "account-b", "C": "account-c"},
        {"A": "R & D <Co>", "B": "Twin", "C": "Twin"},
    )
    page = (
        "<p>R &amp; D</p><main><p>R &amp; D &lt;Co&gt;, Twin</p><pre>R &amp; D &lt;Co&gt;</pre>"
        '<a href="#x">R &amp; D &lt;Co&gt;</a><svg><text>R &amp; D &lt;Co&gt;</text></svg></main>'
    )
    linked = known.linked(page)
    assert linked.count('<a class="account"') == 1
    assert (
        '<a class="account" href="accounts.html#account-a">R &amp; D &lt;Co&gt;</a>, Twin' in linked
    )


def test_a_brief_holds_own_accounts_only(demo_reports):
    folder = demo_reports["en"]
    tasks = rows_of(folder / "lists" / "tasks.csv")
    people = {row["salesperson"] for row in tasks}
    briefs = {path.stem: page_text(path) for path in (folder / "people").glob("*.html")}
    assert len(briefs) == len(people) == 6
    for stem, html in briefs.items():
        (owner,) = [name for name in people if name.split()[-1].lower() in stem]
        others = [row for row in tasks if row["salesperson"] != owner]
        assert all(row["name"] not in html for row in others if row["name"] != "")
        assert not any(name in html for name in people - {owner})
        assert 'href="../' not in html and "accounts.html" not in html
        rows = sheet_of(folder / "people" / f"{stem}.xlsx")[1:]
        assert {row[6] for row in rows} == {owner}


def test_a_sheet_sent_back_is_read_as_rows_of_service(demo_reports, tmp_path):
    """What a salesperson filled in: rows with a day are contacts of the next audit, others not."""
    folder = shutil.copytree(DEMO, tmp_path / "demo", ignore=lambda *_: [".carnet"])
    before = open_book(folder, "2025-12-31")
    path = demo_reports["fr"] / "people" / "claire-besson.xlsx"
    (name,) = CalamineWorkbook.from_path(path).sheet_names
    rows = sheet_of(path)
    day, kind = rows[0].index("Date"), rows[0].index("Activité")
    for number in (1, 3):
        rows[number][day], rows[number][kind] = dt.datetime(2025, 12, number), "Visite"
    ids = [rows[number][0] for number in (1, 3)]
    (folder / "returned").mkdir()
    write_sheet(folder / "returned" / "claire.xlsx", rows, name)
    after = open_book(folder, "2025-12-31")
    old, new = before.checks["service"], after.checks["service"]
    assert (new.rows - old.rows, new.accepted_rows - old.accepted_rows) == (2, 2)
    t = after.table("service")
    came = t.filter(t._file == t._file.max()).execute()
    assert sorted(came.customer_id) == sorted(ids) and set(came.activity) == {"Visite"}
    assert sorted(came._row) == [2, 4], "rows as the sheet numbers them"
    assert set(came.salesperson) == {"Claire Besson"}


def test_without_a_table_of_service_the_sheets_that_came_back_are_one(make_engagement):
    folder = make_engagement(
        tables={"sales": [["customer_id", "date", "amount"], ["A", "2024-06-30", "9"]]}
    )
    (folder / "returned").mkdir()
    heads = ["customer_id", "date", "activity", "salesperson"]
    write_sheet(folder / "returned" / "z.xlsx", [heads, ["A", "2024-05-02", "call", "Z"]])
    assert open_book(folder).checks["service"].accepted_rows == 1
