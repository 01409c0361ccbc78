"""The form that makes an engagement, in JupyterLab in a browser: from two exports to a report."""

import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest
import yaml

from tests.conftest import run_carnet

pytest.importorskip("ipywidgets", reason="the form is in the extra `lab`")
pytest.importorskip("jupyterlab", reason="JupyterLab is in the extra `lab`")
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
WAIT = 60_000  # milliseconds
AUDIT_WAIT = 3 * WAIT  # until an audit has ended, beside other tests on a slow machine

# the header of the amount is one that nothing knows
ROWS = [("A", 2023, 100), ("B", 2023, 50), ("A", 2024, 80), ("B", 2024, 60), ("C", 2024, 30)]
SALES = "Client;Date facture;Montant HT;Commission\n" + "".join(
    f"{who};15/0{1 + i % 9}/{year};{amount},00;{amount // 10},00\n"
    for i, (who, year, amount) in enumerate(ROWS * 4)
)


@contextmanager
def lab(folder, language):
    """The address of a JupyterLab on a folder, opened on its form."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [
        "--no-browser",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        "--ServerApp.allow_root=True",
        "--IdentityProvider.token=secret",
    ]
    command = [sys.executable, "-m", "carnet", "lab", folder, "--language", language, *options]
    quiet = {"stderr": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    with subprocess.Popen(command, **quiet) as server:
        try:
            deadline = time.monotonic() + 60
            while True:
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/api?token=secret", timeout=30)
                    break
                except urllib.error.URLError:
                    assert server.poll() is None and time.monotonic() < deadline, "no answer"
                    time.sleep(0.3)
            yield f"http://127.0.0.1:{port}/lab/tree/notebooks/engagement.ipynb?token=secret"
        finally:
            server.terminate()
            server.wait(30)


def run_all(page, address):
    """Open a notebook and run its cells; what is asked before the kernel answers is lost."""
    page.goto(address)
    page.get_by_text("(ipykernel) | Idle").wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()


def wait_for(found, seconds=60):
    deadline = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.mark.long
@pytest.mark.skipif(not BROWSER, reason="Chromium is not installed")
def test_from_exports_to_a_report(tmp_path):
    """Propose, see the rows, change a role, read the check, change a parameter, run, open."""
    from playwright.sync_api import sync_playwright

    folder = tmp_path / "client"
    folder.mkdir()
    (folder / "ventes.csv").write_text(SALES, encoding="utf-8")
    written = folder / "engagement.yml"

    def kept():
        return yaml.safe_load(written.read_text(encoding="utf-8"))

    with lab(folder, "fr") as address, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 1400})
        page.set_default_timeout(WAIT)

        def field(label):
            """The row of a label."""
            named = page.locator("label", has_text=re.compile(rf"^{label}( \*)?$"))
            return page.locator(".widget-inline-hbox", has=named)

        run_all(page, address)
        proposing, running = (
            page.locator(".widget-button", has_text=text) for text in ("Proposer", "Lancer")
        )
        proposing.click()
        page.get_by_text("ventes ← ventes.csv").click()
        assert page.locator("td", has_text="15/01/2023").first.is_visible()
        amount = field("amount").locator("select")
        verdict = page.locator(".jp-OutputArea pre").last
        page.get_by_text("20 lignes lues, 20 acceptées, 0 écartées").wait_for()
        assert "1 280,00" in verdict.inner_text().replace("\u202f", " ")

        amount.select_option("Commission")
        page.get_by_text("128,00 lus").wait_for()
        assert kept()["tables"]["sales"]["columns"]["amount"] == "Commission"
        amount.select_option("Date facture")
        wait_for(running.is_disabled)
        amount.select_option("Montant HT")
        page.get_by_text("280,00 lus").wait_for()

        page.get_by_text("Paramètres").click()
        field("Carnet").locator("select").select_option("sales_gaps")
        share = field("tracked_share").locator("input")
        share.fill("7")  # beyond its bounds
        share.press("Tab")
        wait_for(lambda: kept().get("parameters") == {"sales_gaps": {"tracked_share": 1.0}})
        share.fill("0.2")
        share.press("Tab")
        wait_for(lambda: kept().get("parameters") == {"sales_gaps": {"tracked_share": 0.2}})

        running.click()
        page.locator(".widget-output a").click(timeout=AUDIT_WAIT)
        report = next(folder.glob("reports/*/*/index.html"))
        front = page.frame_locator("iframe").locator("h1", has_text="Synthèse")
        front.wait_for()
        browser.close()
    assert (report.parent / "manifest.json").is_file()
    assert not report.stat().st_mode & 0o077  # its user's alone
    assert run_carnet("check", folder).returncode == 0


def test_the_form_is_no_page_of_the_report(make_engagement):
    """`lab` lays it beside the notebooks of an engagement; an own notebook of that name is none."""
    from carnet.report.notebooks import own_names

    rows = [["customer_id", "date", "amount"], ["A", "2024-06-30", "9"]]
    folder = make_engagement(tables={"sales": rows}, language="fr")
    assert run_carnet("lab", folder, "-n", "kpi_tracking", "--no-launch").returncode == 0
    form = (folder / "notebooks" / "engagement.ipynb").read_text(encoding="utf-8")
    assert "# Mission" in form and "language = 'fr'" in form
    assert own_names(folder) == ["kpi_tracking"]


ROLES = "client: x\nlanguage: en\nas_of: 2024-12-31\ntables: {sales: {files: sales.csv}}\n"


@pytest.fixture
def form(tmp_path, monkeypatch):
    """The form of a small engagement, checked where the test asks for it."""
    from carnet.report.form import Form

    monkeypatch.setattr(Form, "changed", lambda _: None)
    rows = "customer_id,date,amount\nA,2023-06-30,100\nA,2024-06-30,90\n"
    (tmp_path / "sales.csv").write_text(rows, encoding="utf-8")

    def opened(text=ROLES):
        (tmp_path / "engagement.yml").write_text(text, encoding="utf-8")
        return Form(tmp_path)

    return opened


def widget_of(form, name, kind="description"):
    """The field of that name, wherever it stands in the form now."""

    def below(widget):
        yield widget
        for child in getattr(widget, "children", ()):
            yield from below(child)

    return next(w for w in below(form.box) if getattr(w, kind, "").removesuffix(" *") == name)


def said(form):
    return re.sub(r"<[^>]+>", "", form.verdict.value)


def test_a_change_by_hand_is_shown_and_not_overwritten(form):
    made = form()
    by_hand = ROLES.replace("client: x", "client: HAND")
    made.draft.path.write_text(by_hand, encoding="utf-8")
    widget_of(made, "Currency").value = "USD"
    assert made.draft.path.read_text(encoding="utf-8") == by_hand
    assert "was changed outside the form" in said(made)
    assert widget_of(made, "Client").value == "HAND" and widget_of(made, "Currency").value == ""


def test_a_save_that_fails_is_told_and_the_field_shows_the_file(form, monkeypatch):
    made = form()
    monkeypatch.setattr("os.access", lambda *_: False)
    widget_of(made, "Client").value = "y"
    assert "not allowed to write" in said(made)
    made.draft.reload()
    assert made.draft.plain["client"] == "x"


def test_a_role_read_by_its_own_name_cannot_be_taken_out(form):
    made = form()
    amount = widget_of(made, "amount")
    assert amount.value == "amount" and ("—", "") not in amount.options
    assert ("—", "") in widget_of(made, "cost").options


@pytest.mark.parametrize(
    ("kept", "said_of_it"),
    [
        ("{kpi_tracking: {top_count: 5000}}", "5000 is outside 1 to 1000"),
        (
            "{churn_reasons: {abc_cut_a: 0.5}, growth_plan: {abc_cut_a: 0.7}}",
            "has two values",
        ),
        ("{nosuch: {x: 1}}", "nosuch"),
    ],
)
def test_what_a_run_would_refuse_the_check_refuses(form, kept, said_of_it):
    made = form(f"{ROLES}parameters: {kept}\n")
    assert not made.check() and made.running.disabled
    assert said_of_it in said(made)
    done = run_carnet("check", made.folder)
    assert done.returncode == 2 and said_of_it in done.stderr


def test_a_rule_that_notebooks_share_is_shown_and_kept_once(form):
    made = form(f"{ROLES}parameters: {{churn_reasons: {{abc_cut_a: 0.5}}}}\n")
    widget_of(made, "Notebook").value = "growth_plan"
    shared = widget_of(made, "abc_cut_a")
    assert shared.value == 0.5
    shared.value = 0.7
    assert made.draft.plain["parameters"] == {"growth_plan": {"abc_cut_a": 0.7}}
    widget_of(made, "abc_cut_a").value = 0.8
    assert "parameters" not in made.draft.plain
    assert made.check()


def test_the_default_of_an_own_notebook_counts(form, tmp_path):
    from carnet.report.notebooks import find_notebooks

    (packaged,) = find_notebooks(["kpi_tracking"])
    text = packaged.read_text(encoding="utf-8")
    changed = re.sub(r"top_count = \d+", "top_count = 30", text)
    assert changed != text
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "kpi_tracking.ipynb").write_text(changed, encoding="utf-8")
    made = form()
    widget_of(made, "Notebook").value = "kpi_tracking"
    assert widget_of(made, "top_count").value == 30


def test_one_audit_at_a_time_and_a_fault_is_told(form, monkeypatch):
    made, started, go_on = form(), [], threading.Event()

    def audit(*_, **__):
        started.append(1)
        go_on.wait(20)
        raise RuntimeError("odd")

    monkeypatch.setattr("carnet.report.form.run_audit", audit)
    made.run()
    wait_for(lambda: started)
    made.draw()
    assert made.running.disabled
    made.run()
    go_on.set()
    wait_for(lambda: not made.auditing)
    assert started == [1] and "This is a fault of carnet (RuntimeError: odd)" in said(made)


def test_lab_refuses_options_that_need_an_engagement(tmp_path):
    (tmp_path / "sales.csv").write_text("a;b\n1;2\n", encoding="utf-8")
    for option in (("-n", "kpi_tracking"), ("-p", "top_count=1"), ("--as-of", "2024-12-31")):
        assert run_carnet("lab", tmp_path, *option, "--no-launch").returncode == 2
