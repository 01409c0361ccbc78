"""The page of accounts, the briefs of salespeople, and the way back of a sheet."""

import csv
import datetime as dt
import re
import shutil

import pandas as pd
import pytest
import xlsxwriter
from carnet.book.book import open_book
from carnet.customers.accounts.dossier import dossiers
from carnet.engagement.file import load_engagement
from carnet.report.accounts import Accounts, _figures, _years, account_parts
from python_calamine import CalamineWorkbook

from tests.conftest import DEMO, page_text, run_carnet

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


def test_names_are_linked_in_cells_and_by_two_words_and_never_for_another():
    names = {
        "A": "R & D <Co>", "B": "Twin Bros", "C": "Twin Bros", "D": "L'Ami Jean", "E": "345",
        "F": "Orange Bleue", "G": "Revenue", "H": "Anne Roy",
    }  # fmt: skip
    anchors = {key: f"account-{key.lower()}" for key in names}
    known = Accounts(list(names), anchors, names, {"Orange Bleue Marine", "Anne Roy"})
    page = (
        "<p>R &amp; D &lt;Co&gt;</p><main><p>R &amp; D &lt;Co&gt;, Twin Bros, L&#39;Ami Jean, "
        "−€345,855, Revenue, Orange Bleue Marine, Orange Bleue, Anne Roy</p>"
        "<pre>Orange Bleue</pre><a href='#x'>Orange Bleue</a><h2>Orange Bleue</h2>"
        "<svg><text>Orange Bleue</text></svg><td class='text'>345</td><td>Revenue</td></main>"
    )
    linked = known.linked(page)
    found = re.findall(r'<a class="account" href="accounts.html#account-(.)">(.*?)</a>', linked)
    assert found == [
        ("a", "R &amp; D &lt;Co&gt;"), ("d", "L&#39;Ami Jean"), ("f", "Orange Bleue"),
        ("e", "345"), ("g", "Revenue"),
    ]  # fmt: skip
    assert re.sub(r'</?a( class="account"[^>]*)?>', "", linked) == re.sub(r"</?a>", "", page)


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
    rows = sheet_of(path)
    day, kind = rows[0].index("Date"), rows[0].index("Activité")
    for number in (1, 3):
        rows[number][day], rows[number][kind] = dt.datetime(2025, 12, number), "Visite"
    ids = [rows[number][0] for number in (1, 3)]
    (folder / "returned").mkdir()
    write_sheet(folder / "returned" / "claire.xlsx", rows)
    (folder / "returned" / "~$claire.xlsx").write_bytes(b"the lock of a spreadsheet")
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


def test_a_sheet_comes_back_whatever_the_client_s_headers_are(make_engagement, tmp_path):
    """Headers as ordinary as carnet's own, a condition on rows, a sheet of another name."""
    months = [f"{year}-{month:02d}-10" for year in (2023, 2024) for month in range(1, 13)]
    sales = [["customer_id", "date", "amount"]]
    sales += [[f"C{n}", day, str(100 if day < "2024" else 20)] for n in range(8) for day in months]
    owners = [[f"C{n}", "Ann Lee"] for n in range(8)]
    calls = "Customer,Due,What,Who,State\nC1,2024-03-01,call,Ann Lee,done\n"
    folder = make_engagement(
        tables={
            "sales": sales,
            "customers": [["customer_id", "salesperson"], *owners],
            "service": {
                "files": "calls.csv",
                "columns": {
                    "customer_id": "Customer", "date": "Due", "activity": "What",
                    "salesperson": "Who",
                },
                "where": {"State": "done"},
            },
        },
        as_of="2024-12-31",
    )  # fmt: skip
    (folder / "calls.csv").write_text(calls, encoding="utf-8")
    done = run_carnet("run", folder, "--out", tmp_path / "out", "-n", "sales_gaps", kernels=False)
    assert done.returncode == 0, done.stderr
    (brief,) = (tmp_path / "out").glob("*/*/people/*.xlsx")
    rows = sheet_of(brief)
    rows[1][rows[0].index("Due")], rows[1][rows[0].index("What")] = dt.datetime(2024, 12, 1), "call"
    (folder / "returned").mkdir()
    write_sheet(folder / "returned" / "ann.xlsx", rows)
    check = open_book(folder, "2024-12-31").checks["service"]
    assert (check.rows, check.accepted_rows) == (2, 2)


def test_a_database_of_service_keeps_its_rows_when_a_sheet_comes_back(make_engagement):
    folder = make_engagement(
        source="sqlite:///erp.db",
        tables={
            "sales": [["customer_id", "date", "amount"], ["A", "2024-06-30", "9"]],
            "service": {"query": "SELECT * FROM visits"},
        },
    )
    (folder / "returned").mkdir()
    write_sheet(folder / "returned" / "z.xlsx", [["customer_id", "date", "activity"]])
    files = load_engagement(folder).tables["service"].files
    assert files == ["sqlite:///erp.db", "returned/[!~]*.xlsx"]


def test_a_gap_that_is_not_flagged_is_not_told_as_one(demo_book):
    """The list holds texts: "False" is no."""
    none = pd.DataFrame()
    gap = {"sales_gap": "-1200.0", "flagged": "False"}
    told = dict(_figures(demo_book.wording, {}, gap, none))
    flagged = dict(_figures(demo_book.wording, {}, gap | {"flagged": "True"}, none))
    assert len(told) == 0 and len(flagged) == 1


def test_a_year_before_the_first_sale_is_left_out(make_engagement):
    """Sales of 12 months: one sum, and no 0 for the years nobody knows."""
    rows = [["customer_id", "date", "amount"]]
    rows += [["A", f"2024-{month:02}-02", "10"] for month in range(1, 13)]
    book = open_book(make_engagement(tables={"sales": rows}))
    assert [total for _, total, _ in _years(book, {0: 20.0, 11: 10.0})] == [
        book.wording.money(30, 0)
    ]


def test_an_account_in_collection_has_the_file_of_its_dispute(make_engagement):
    """Two invoices of A are stuck, 90 days at most, and one visit came since; B owes and disputes
    nothing.
    """
    sales = [["customer_id", "date", "amount"]]
    sales += [[name, f"2024-{month:02}-02", "10"] for name in "AB" for month in range(1, 13)]
    owed = [
        ["customer_id", "invoice_date", "due_date", "amount", "status"],
        ["A", "2024-09-01", "2024-10-02", "100", "litige"],
        ["A", "2024-10-01", "2024-11-01", "50", "contentieux"],
        ["A", "2024-12-01", "2025-01-01", "30", "open"],
        ["B", "2024-09-01", "2024-10-02", "70", "open"],
    ]
    visits = [["customer_id", "date", "activity"]]
    visits += [["A", day, "Visite"] for day in ("2024-10-02", "2024-11-05")]
    tables = {"sales": sales, "receivables": owed, "service": visits}
    book = open_book(make_engagement(tables=tables), as_of="2024-12-31")
    found = Accounts(["A", "B"], {"A": "a", "B": "b"}, {"A": "A", "B": "B"}, set())
    a, b = account_parts(book, found, dossiers(book, found.ids), {})
    assert "2 invoices in dispute or in collection" in a["case"] and "150" in a["case"]
    assert "due on 2 Oct 2024" in a["case"] and "1 activity is noted since" in a["case"]
    assert b["case"] == "" and [text for _, text in b["invoices"]] == ["€70"]
    assert [text.split(" · ")[1] for _, text in a["invoices"][:2]] == ["disputed", "in collection"]
