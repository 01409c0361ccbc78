"""Page one of the demonstration report: the answer first, nested and not overlapping."""

import json
import re
import subprocess
from shutil import which

import nbformat
import pytest
from carnet.engagement.records import POINTS_TYPE
from carnet.report.execution import Executed
from carnet.report.layout import AUDIENCES, Choice
from carnet.report.notebooks import find_notebooks
from carnet.report.pages import notebook_page
from carnet.report.printing import BROWSERS, find_browser, print_pages

from tests.conftest import page_text, run_carnet

LANGUAGES = ["fr", "en"]
NOTEBOOKS = {path.stem for path in find_notebooks()}
SIGN = {"fr": r"\+\d", "en": r"\+[€£$]"}


def points_of(folder):
    found = {}
    for path in sorted((folder / "notebooks").glob("*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            for output in cell.get("outputs", []):
                for point in output.get("data", {}).get(POINTS_TYPE, []):
                    found[point["key"]] = point
    return found


def test_no_euro_is_counted_in_two_points_without_saying_so(demo_reports):
    points = points_of(demo_reports["en"])
    figures = json.loads((demo_reports["en"] / "figures.json").read_text())["figures"]
    change = figures["revenue"]["value"] - figures["revenue_previous"]["value"]
    assert points["change"]["amount"] == pytest.approx(change, abs=0.01)
    parts = [p for p in points.values() if p["inside"] == "change" and p["key"] != "behind"]
    assert {p["kind"] for p in parts} == {"loss", "gain"}
    assert sum(p["amount"] for p in parts) == pytest.approx(change, abs=0.01)
    losses = sum(p["amount"] for p in parts if p["kind"] == "loss")
    assert losses <= points["behind"]["amount"] <= points["behind-sure"]["amount"] < 0
    assert points["behind-sure"]["inside"] == "behind"
    alone = {key for key, p in points.items() if not p["inside"]}
    assert alone == {"result", "change", "recurring", "exposed", "why", "action"}
    assert "not to be added" in points["recurring_counted"]["sentence"]
    assert "not lost" in points["exposed"]["sentence"]
    assert "several" in points["exposed"]["sentence"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_page_one_answers_first_and_plainly(demo_reports, language):
    html = page_text(demo_reports[language] / "index.html")
    main = html[html.index("<main") :]
    order = ["headline", "points", "bridge", "to-do", "result", "since", "quality", "reports"]
    places = [main.index(f'<h2 id="{anchor}">') for anchor in order]
    assert places == sorted(places)
    top = main[: main.index('<h2 id="bridge">')]
    sentences = re.findall(r"<li[^>]*>(.*?)(?=<li|</li|<ul)", top, re.S)
    assert len(sentences) > 10
    assert all(len(re.findall(r"\[[^\]]*\d[^\]]*\]", text)) <= 1 for text in sentences)
    exposed = top[top.index({"fr": "Exposé", "en": "Exposed"}[language]) :]
    exposed = exposed[: exposed.index("</ul>")]
    assert not re.search(SIGN[language], exposed), "a risk has no plus sign"
    assert len(re.findall("<polyline", top)) == 3
    assert "sha256" not in main.lower() and "duckdb" not in main.lower(), "versions: in the annex"


def test_every_method_link_of_a_page_leads_into_the_annex(demo_reports):
    folder = demo_reports["fr"]
    anchors = set(re.findall(r'id="([^"]+)"', (folder / "annex.html").read_text("utf-8")))
    wanted = {
        link
        for path in folder.glob("*.html")
        for link in re.findall(r'href="annex\.html#([^"]+)"', path.read_text("utf-8"))
    }
    assert len(wanted) > 60 and wanted <= anchors


def test_the_annex_is_told_once(demo_reports):
    pages = {p.stem: page_text(p) for p in demo_reports["en"].glob("*.html")}
    for table in ("definitions", "parameters", "row-ledger", "inputs", "run"):
        assert [name for name, html in pages.items() if f'<table id="{table}"' in html] == ["annex"]
    assert "Herfindahl" in pages["annex"] and "Herfindahl" not in pages["portfolio_audit"]


def test_what_is_missing_is_said_once_on_page_one(make_engagement, tmp_path):
    """Sales alone: no page of costs, one list of what each table would fill."""
    rows = [[f"C{n % 7}", f"{2023 + n % 2}-{1 + n % 12:02d}-15", str(10 + n)] for n in range(120)]
    folder = make_engagement(
        tables={"sales": [["customer_id", "date", "amount"], *rows]}, as_of="2024-12-31"
    )
    done = run_carnet("run", folder, "--out", tmp_path / "out", kernels=False)
    assert done.returncode == 0, done.stderr
    report = next((tmp_path / "out").glob("*/2024-12-31"))
    index = page_text(report / "index.html")
    missing = index[index.index('<h2 id="missing">') :]
    missing = missing[: missing.index("<h2", 10)]
    for table in ("costs", "service", "receivables", "satisfaction"):
        assert missing.count(f"<b>{table} (") == 1
    assert "Not measured: this section needs" not in "".join(
        page_text(path) for path in report.glob("*.html")
    )
    shown = {path.stem for path in report.glob("*.html")}
    assert {"index", "annex", "portfolio_audit", "accounts"} <= shown
    linked = set(re.findall(r'href="(\w+)\.html"', index))
    assert linked <= shown, "no link to a page that is not published"


def test_the_row_ledger_comes_first_then_each_notebook(make_engagement, tmp_path):
    sales = [["customer_id", "date", "amount"], ["A", "2023-06-30", "9"], ["A", "2024-06-30", "8"]]
    folder = make_engagement(tables={"sales": sales}, as_of="2024-12-31")
    done = run_carnet(
        "run",
        folder,
        "--out",
        tmp_path / "out",
        "-n",
        "kpi_tracking",
        "-n",
        "sales_gaps",
        kernels=False,
    )
    told = done.stderr.splitlines()
    assert "sales: 2 rows read, 2 accepted, 0 set aside" in told[1]
    steps = [line.strip() for line in told if re.match(r"\s+\d of 2: ", line)]
    assert [step[:6] for step in steps] == ["1 of 2", "2 of 2"]
    assert "s left" in steps[0] and "s left" not in steps[1]


def test_demo_in_full_and_for_the_management_on_paper(demo_reports, demo_book, tmp_path):
    """At most 45 and 12 pages of A4, annex included, counted in the PDF. The pages for the
    management are made of the same executed notebooks.
    """
    if not any(map(which, BROWSERS)):
        pytest.skip("no Chromium on the PATH")
    if not which("pdfinfo"):
        pytest.skip("no pdfinfo on the PATH (poppler-utils)")
    report = demo_reports["fr"]
    pages = {path.stem: path.read_text("utf-8") for path in report.glob("*.html")}
    del pages["accounts"]  # on screen, a click away
    printed = {"full": pages, "management": {"index": pages["index"]}}
    choice = Choice(only=AUDIENCES["management"])
    for path in sorted((report / "notebooks").glob("*.ipynb")):
        run = Executed(path.stem, nbformat.read(path, 4), 0.0)
        page = notebook_page(demo_book, run, choice)
        if page.answers:
            printed["management"][path.stem] = page.html
    assert set(printed["full"]) == {"index", "annex", *NOTEBOOKS}
    assert len(printed["management"]) >= 4
    counts = {}
    for audience, htmls in printed.items():
        files = [tmp_path / f"{audience}-{name}.html" for name in htmls]
        for file, html in zip(files, htmls.values(), strict=True):
            file.write_text(html, encoding="utf-8")
        print_pages(find_browser(), files)
        for file in files:
            told = subprocess.check_output(["pdfinfo", file.with_suffix(".pdf")], text=True)
            counts[file.stem] = int(re.search(r"Pages:\s+(\d+)", told)[1])
    full, management = (
        {name: n for name, n in counts.items() if name.startswith(f"{audience}-")}
        for audience in printed
    )
    assert full["full-growth_plan"] <= 4, counts
    assert sum(full.values()) <= 45 and sum(management.values()) <= 12, counts
