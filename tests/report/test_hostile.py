"""Hostile text in every text field of every table and of the engagement:
nothing of it runs, nothing leaves the report folder.
"""

import csv
import datetime as dt
import random
import re
import zipfile
from pathlib import Path

import pytest
import yaml
from carnet.engagement.schema import TABLES

from tests.conftest import run_carnet, write_engagement
from tests.report.test_pages import chromium, needs_browser, opened  # noqa: F401  (the fixture)

EVIL = [
    "<script>window.pwned=1</script>",
    "</script><script>window.pwned=2</script>",
    "<img src=x onerror=window.pwned=3>",
    '"><svg onload=window.pwned=4>',
    "<a href=javascript:window.pwned=5>x</a>",
    "[x](javascript:window.pwned=6)",
    "![x](https://evil.example/p.png)",
    "{{7*7}}",
    "{% include '/etc/passwd' %}",
    "${7*7}",
    "$\\input{/etc/passwd}$",
    "\\write18{id}",
    "%(x)s {0} {revenue} %n",
    '=HYPERLINK("http://evil.example")',
    "+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1)",
    "'=1+1",
    "\tTab",
    "../../../etc/cron.d/x",
    "..\\..\\x",
    "/etc/passwd",
    "CON",
    "a/b",
    "nul\u2028line",
    "x\u202ecod.exe",
    "\u2066iso\u2069",
    "zero\u200bwidth\u200d",
    "\u200f\u200e",
    "<!-- -->",
    "]]><style>*{display:none}</style>",
    "`rm -rf /`",
    "**bold**",
    "&lt;b&gt;&amp;",
    "é" * 60,
    "名前",
    "';DROP TABLE sales;--",
    "<meta http-equiv=refresh content=0>",
    "<iframe srcdoc='<script>top.pwned=7</script>'>",
    "<form action=https://evil.example><button>",
]
AS_OF = dt.date(2024, 12, 31)
NUMBERS = {
    "date": "2024-03-15", "opened": "2024-03-15", "closed": "2024-05-02", "stage": "won",
    "told_by": "customer", "behaviour": "variable", "scale": "10", "score": "7", "contract": "yes",
}  # fmt: skip


def dated(name, number, day):
    """The day of a date column: months for periods, later for what ends, none for `until`."""
    month = dt.date(2022 + number // 12, number % 12 + 1, 1) if number < 36 else None
    if name == "period_start":
        return month
    if name == "period_end":
        return (month + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1)
    later = {"closed": 30, "due_date": 30, "paid_date": 45}.get(name, 0)
    return "" if name == "until" else min(day + dt.timedelta(days=later), AS_OF)


def hostile(table, name, column, number, draw):
    """A value of a column that reads, its texts hostile."""
    if name in NUMBERS:
        return NUMBERS[name] if name != "score" else draw.randrange(1, 11)
    if (table, name) == ("sales", "amount"):
        # they pay for what is charged to them, so that some are worth a task
        return draw.randrange(500, 9000)
    if column.kind in ("money", "number"):
        marks = ("quality", *TABLES["satisfaction"].columns)
        return draw.randrange(1, 6) if name in marks else draw.randrange(10, 400)
    own = {"line_id": number, "currency": "EUR" if number % 50 else EVIL[number // 50 % len(EVIL)]}
    if column.kind == "share" or name in own:
        return own.get(name, "0.1")
    return EVIL[draw.randrange(len(EVIL))]


def rows(table, draw):
    """Enough rows of a table for its sections to show, every text field hostile."""
    columns = TABLES[table].columns
    made = [list(columns)]
    customers = [f"{evil} {i}" for i, evil in enumerate(EVIL)]
    count = {"sales": 900, "customers": len(customers), "costs": 36}.get(table, 160)
    for number in range(count):
        customer = customers[number % len(customers)]
        day = AS_OF - dt.timedelta(days=draw.randrange(1, 1000))
        row = []
        for name, column in columns.items():
            if name == "customer_id":
                row.append(customer)
            elif column.kind == "date":
                row.append(dated(name, number, day))
            else:
                row.append(hostile(table, name, column, number, draw))
        made.append(row)
    return made


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """All notebooks on a book of hostile texts."""
    home, draw = tmp_path_factory.mktemp("hostile"), random.Random(7)
    tables = {
        name: rows(name, draw)
        for name in (
            "sales",
            "customers",
            "costs",
            "service",
            "opportunities",
            "receivables",
            "satisfaction",
            "departures",
        )
    }
    tables["sales"][0][0] = "=cmd|<b>x"
    tables["sales"].append(["", "2024-01-01", "=1+1", *EVIL[: len(TABLES["sales"].columns) - 3]])
    folder = write_engagement(
        home,
        client=EVIL[0] + "/../../x",
        as_of=str(AS_OF),
        tables=tables,
        targets=[
            {
                "measure": "retention_rate",
                "baseline": 0.5,
                "target": 0.9,
                "due": "2025-12-31",
                "owner": EVIL[3],
            }
        ],
        maturity={"crm_promises": {"answer": "yes", "evidence": EVIL[2]}},
    )
    document = yaml.safe_load((folder / "engagement.yml").read_text(encoding="utf-8"))
    document["tables"]["sales"]["columns"] = {"customer_id": tables["sales"][0][0]}
    (folder / "engagement.yml").write_text(
        yaml.safe_dump(document, allow_unicode=True), encoding="utf-8"
    )
    done = run_carnet("run", folder, "--out", home / "out", kernels=False)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    return Path(done.stdout.splitlines()[-1])


def test_every_file_is_inside_and_has_a_plain_name(report):
    for path in report.rglob("*"):
        assert path.resolve().is_relative_to(report.resolve()) and not path.is_symlink()
        assert re.fullmatch(r"[\w.-]+", path.name, flags=re.ASCII), path.name
    assert report.parent.parent.name == "out" and {
        path.name for path in report.parent.parent.iterdir()
    } == {
        "index.html",
        report.parent.name,
    }
    assert len(list((report / "calendars").iterdir())) > 2


@needs_browser
@pytest.mark.long
def test_no_text_runs_in_a_browser(report, chromium):  # noqa: F811
    pages = sorted(report.rglob("*.html"))
    assert len(pages) >= 9, "accounts, annex and people too"
    shown = ""
    for path in [*pages, report.parent.parent / "index.html"]:
        page, told = opened(chromium, path)
        page.evaluate(
            "document.querySelectorAll('details').forEach((part) => { part.open = true })"
        )
        assert page.evaluate("window.pwned") is None and told == [], (path.name, told)
        live = (
            "[...document.querySelectorAll('*')].filter(e => [...e.attributes].some(a => "
            "/^on/i.test(a.name) || /^\\s*(javascript|https?|data:text)/i.test(a.value) && "
            "/^(href|src|action|srcdoc)$/.test(a.name))).map(e => e.outerHTML.slice(0, 200))"
        )
        assert page.evaluate(live) == [], path.name
        assert (
            page.evaluate(
                "document.querySelectorAll('iframe,form,object,embed,"
                "base,meta[http-equiv=refresh]').length"
            )
            == 0
        ), path.name
        assert (
            page.evaluate("[...document.scripts].every(s => !s.textContent.includes('pwned'))")
            and page.locator("meta[http-equiv=Content-Security-Policy]").count() == 1
        )
        shown += page.locator("body").inner_text()
        page.context.close()
    for text in (
        "<script>window.pwned=1</script>",
        "{{7*7}}",
        "${7*7}",
        "[x](javascript:window.pwned=6)",
        "$\\input{/etc/passwd}$",
        "{% include '/etc/passwd' %}",
    ):
        assert text in shown, text
    assert not set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069") & set(shown)


def test_no_formula_in_any_sheet(report):
    lists = [report / "quarantine.csv", *(report / "lists").glob("*.csv")]
    assert len(lists) > 20
    for path in lists:
        with path.open(encoding="utf-8", newline="") as stream:
            for row in csv.reader(stream):
                for cell in row:
                    assert not re.match(r"[=+@\t\r]|-(?![\d.]+(e[+-]\d+)?$)", cell), (
                        path.name,
                        cell,
                    )
    with zipfile.ZipFile(report / "annex.xlsx") as annex:
        names = annex.namelist()
        sheets = [
            annex.read(name).decode() for name in names if name.startswith("xl/worksheets/sheet")
        ]
        assert not any("<f>" in sheet or "<f " in sheet for sheet in sheets) and len(sheets) > 15
        # links stay in the workbook
        assert not any(
            "External" in annex.read(name).decode() for name in names if name.endswith(".rels")
        )
        assert not any("externalLink" in name or "vba" in name.lower() for name in names)


def test_calendars_hold_one_event_a_task_and_no_line_of_their_own(report):
    for path in (report / "calendars").iterdir():
        lines = path.read_text(encoding="utf-8").splitlines()
        assert (
            lines.count("BEGIN:VCALENDAR") == 1
            and lines.count("BEGIN:VEVENT") == lines.count("END:VEVENT") > 0
        )
