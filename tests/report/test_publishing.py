"""The command line and the dated folder, end to end."""

import csv
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys

import nbformat
import pandas as pd
import pytest
from carnet.cli import main
from carnet.engagement import interpreter
from carnet.engagement.unfinished import building
from carnet.errors import CarnetError
from carnet.measures.catalogue import FIGURES
from carnet.report.execution import check_parameters, notebook_parameters, read_notebook
from carnet.report.kernels import FORK_VARIABLE
from carnet.report.notebooks import find_notebooks
from carnet.report.publishing import ORDER
from carnet.shipped import copy_demo

from tests.conftest import DEMO, ROOT, run_carnet, spawn_carnet, write_engagement

NOTEBOOK = ROOT / "notebooks" / "portfolio_audit.ipynb"
CONTRACT = """revenue, revenue_previous, active_customer_count, active_customer_count_previous, kept_customer_count, lost_customer_count,
new_customer_count, recovered_customer_count, retention_rate, attrition_rate, gross_revenue_retention, net_revenue_retention, revenue_new,
revenue_recovered, revenue_expansion, revenue_contraction, revenue_lost, order_count, average_basket, purchase_frequency, repeat_customer_rate,
top_1_share, top_5_share, top_10_share, herfindahl_index, gini_index, abc_a_customer_count, late_customer_count, late_revenue_gap, gross_margin,
net_margin, fixed_cost, variable_cost, acquisition_cost, unit_cost, break_even_revenue, safety_margin_rate, cac_standard, cac_deck,
lifetime_deck, ltv_margin, ltv_to_cac, dso_days"""  # noqa: E501
ONE = ("-n", "portfolio_audit")  # where the notebook does not matter
SALES = [
    ["customer_id", "date", "amount"],
    ["A", "2023-06-30", "100"],
    ["A", "2024-06-30", "90"],
    ["B", "2022-01-15", "50"],
    ["B", "2024-05-31", "60"],
]


def test_report_folder_has_what_the_contract_names(demo_reports):
    folder = demo_reports["fr"]
    assert folder.name == "2025-12-31" and folder.parent.name == "fournitures-vauban-sas-fictive"
    for name in (
        "index.html",
        "portfolio_audit.html",
        "figures.json",
        "quarantine.csv",
        "manifest.json",
        "notebooks/portfolio_audit.ipynb",
        "lists/bridge.csv",
        "lists/segments.csv",
        "sales_gaps.html",
        "lists/sales_gaps.csv",
        "lists/salespeople.csv",
        "lists/tasks.csv",
        "churn_reasons.html",
        "retention_plan.html",
        "lists/strategy.csv",
        "lists/retention_budget.csv",
        "lists/do_not_chase.csv",
        "lists/reasons.csv",
        "lists/silent_leavers.csv",
        "annex.xlsx",
        "calendars/claire-besson.ics",
    ):
        assert (folder / name).is_file(), name
    assert [path.name for path in folder.parent.iterdir()] == ["2025-12-31"]


def test_figures_follow_the_contract(demo_reports):
    document = json.loads((demo_reports["en"] / "figures.json").read_text(encoding="utf-8"))
    assert (document["schema"], document["as_of"], document["currency"]) == (1, "2025-12-31", "EUR")
    assert set(re.split(r",\s+", CONTRACT)) <= set(document["figures"]) == set(FIGURES)
    for figure in document["figures"].values():
        assert set(figure) == {"value", "unit", "low", "high", "notebook", "definition"}
    assert document["figures"]["operating_leverage"]["value"] is None, (
        "the demonstration company loses money: no leverage"
    )


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize(
    "page",
    [
        "index.html",
        "portfolio_audit.html",
        "cost_structure.html",
        "kpi_tracking.html",
        "sales_gaps.html",
        "churn_reasons.html",
        "retention_plan.html",
    ],
)
def test_page_is_self_contained_with_its_code_folded(demo_reports, language, page):
    html = (demo_reports[language] / page).read_text(encoding="utf-8")
    assert f'<html lang="{language}">' in html
    shown = re.sub(
        r"<(script|details class=\"(?:method|sql)\").*?</(script|details)>", "", html, flags=re.S
    )
    assert re.findall(r"<script|https?://|@import|url\((?!#)", shown) == []
    assert set(re.findall(r'(?:src|href)="([^"#:]*?)[./#:"]', html)) <= {
        "data",
        "index",
        *(path.stem for path in (ROOT / "notebooks").glob("*.ipynb")),
        "annex",
        "accounts",
        "people",
        "deck",
        "calendars",
        "lists",
        "quarantine",
        "figures",
        "",
    } | {
        f"{folder}/{path.stem}"
        for folder in ("lists", "calendars")
        for path in (demo_reports[language] / folder).iterdir()
    }
    assert "open_book(" not in shown and "In [" not in html
    assert html.count("<img") == html.count('alt="') and 'alt=""' not in html
    assert len(html.encode()) < 2_000_000
    anchors = re.findall(r'href="#([^"]+)"', html)
    assert len(anchors) >= 3 and all(f'id="{anchor}"' in html for anchor in anchors)


def test_quarantine_keeps_the_original_values(demo_reports):
    with (demo_reports["fr"] / "quarantine.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 7
    assert list(rows[0]) == ["table", "file", "row", "reason", "original_values"]
    dirty = {row["reason"]: row for row in rows}
    assert "Montant HT\u00a0: ce n’est pas un nombre" in dirty
    assert (
        json.loads(dirty["Montant HT\u00a0: ce n’est pas un nombre"]["original_values"])[
            "Montant HT"
        ]
        == "à facturer"
    )
    lines = (DEMO / "ventes_2025.csv").read_text(encoding="cp1252").splitlines()
    for row in rows:
        assert json.loads(row["original_values"])["N° facture"] in lines[int(row["row"]) - 1]


def test_manifest_traces_inputs_and_names_no_path(demo_reports):
    text = (demo_reports["en"] / "manifest.json").read_text(encoding="utf-8")
    manifest = json.loads(text)
    ventes = next(file for file in manifest["inputs"] if file["name"] == "ventes_2024.csv")
    assert ventes["sha256"] == hashlib.sha256((DEMO / "ventes_2024.csv").read_bytes()).hexdigest()
    assert manifest["rows"]["sales"]["rows"] == manifest["rows"]["sales"]["accepted_rows"] + 7
    published = text + (demo_reports["en"] / "notebooks/portfolio_audit.ipynb").read_text(
        encoding="utf-8"
    )
    assert str(ROOT) not in published and "/tmp/" not in published


@pytest.mark.long
def test_two_runs_give_the_same_bytes(demo_reports, tmp_path):
    """Every file but the manifest, which holds the run stamp; this run is a process of its own with
    kernels, the other ran its notebooks in a test's (`tests.here`), and it takes nothing that
    another one computed: its folder is new.
    """
    copy_demo(tmp_path / "demo")
    done = spawn_carnet("run", tmp_path / "demo", "--out", tmp_path, "--language", "en", "--deck")
    again = tmp_path / "fournitures-vauban-sas-fictive" / "2025-12-31"
    assert done.returncode == 1
    names = sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    assert (
        names
        == sorted(
            path.relative_to(demo_reports["en"])
            for path in demo_reports["en"].rglob("*")
            if path.is_file()
        )
        and len(names) > 50
    )
    differing = [
        str(name)
        for name in names
        if (again / name).read_bytes() != (demo_reports["en"] / name).read_bytes()
    ]
    assert differing == ["manifest.json"]
    stamps = [
        json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        for folder in (again, demo_reports["en"])
    ]
    assert (
        len(
            {
                json.dumps({k: v for k, v in stamp.items() if k not in ("started", "seconds")})
                for stamp in stamps
            }
        )
        == 1
    )


def test_check_prints_the_ledger_and_exits_1(make_engagement):
    done = run_carnet("check", DEMO, "--language", "en")
    assert done.returncode == 1
    assert "sales: 42,732 rows read, 42,725 accepted, 7 set aside" in done.stderr
    assert "2 × Code client is missing" in done.stderr


def test_check_of_a_clean_book_exits_0_and_of_a_refused_one_2(make_engagement):
    folder = make_engagement(tables={"sales": SALES})
    assert run_carnet("check", folder).returncode == 0
    (folder / "engagement.yml").write_text("client: x\n")
    refused = run_carnet("check", folder)
    assert refused.returncode == 2
    assert (
        "line 1: tables: the key 'tables' is required" in refused.stderr
        and "Traceback" not in refused.stderr
    )


def test_unknown_target_is_refused(make_engagement):
    targets = [{"measure": "retenton_rate", "target": 0.9, "due": "2026-01-01"}]
    done = run_carnet("check", make_engagement(tables={"sales": SALES}, targets=targets))
    assert done.returncode == 2 and "did you mean 'retention_rate'" in done.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_closed_stream_is_no_fault(closed):
    """A job of the night may have neither."""
    command = f"{sys.executable} -m carnet --version {closed}"
    assert subprocess.run(command, shell=True, check=False, cwd=ROOT).returncode == 0


@pytest.mark.long
def test_what_a_killed_run_left_is_swept(make_engagement, tmp_path):
    home = tmp_path / "out" / "test-sa"
    home.parent.mkdir()
    with building(home.parent) as other:
        prefix = other.name.rpartition("-")[0].rpartition("-")[0]
    (home / f"{prefix}-999999999-x" / "lists").mkdir(parents=True)
    done = run_carnet(
        "run",
        make_engagement(tables={"sales": SALES}),
        "-n",
        "cost_structure",
        "--out",
        tmp_path / "out",
        "--as-of",
        "2024-06-30",
        kernels=False,
    )
    assert done.returncode == 0 and [path.name for path in home.iterdir()] == ["2024-06-30"]


@pytest.mark.long
def test_a_rerun_never_overwrites(make_engagement, tmp_path):
    folder = make_engagement(tables={"sales": SALES})
    printed = [
        run_carnet(
            "run",
            folder,
            "-n",
            "cost_structure",
            "--out",
            tmp_path / "out",
            "--as-of",
            "2024-06-30",
            kernels=False,
        ).stdout.strip()
        for _ in range(2)
    ]
    assert [path.rsplit("/", 1)[1] for path in printed] == ["2024-06-30", "2024-06-30.2"]


@pytest.mark.long
def test_a_failing_cell_publishes_nothing_and_says_which(make_engagement, tmp_path, monkeypatch):
    from carnet.report import notebooks, publishing

    broken = tmp_path / "notebooks"
    broken.mkdir()
    notebook = nbformat.read(NOTEBOOK, 4)
    notebook.cells[-1].source = "1 / 0"
    nbformat.write(notebook, broken / "portfolio_audit.ipynb")
    folder = make_engagement(tables={"sales": SALES})
    with pytest.raises(publishing.NotebookFailed) as failure:
        publishing.run_audit(folder, tmp_path / "out", notebooks.find_notebooks(folder=broken), {})
    assert (
        failure.value.notebook == "portfolio_audit" and "ZeroDivisionError" in failure.value.error
    )
    home = tmp_path / "out" / "test-sa"
    assert [path.name for path in home.iterdir()] == ["logs"]
    log = next((home / "logs").iterdir())
    assert "1 / 0" in (log / "portfolio_audit.ipynb").read_text(encoding="utf-8")
    assert f"cell {failure.value.cell}" in (log / "error.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["-p", "abc_cuta=0.7"], ["unknown parameter 'abc_cuta'", "did you mean 'abc_cut_a'"]),
        (["-p", "abc_cut_a=high"], ["'high' is not accepted", "0.8 (float)"]),
        (["-p", "top_count=1.5"], ["'1.5' is not accepted", "12 (int)"]),
        (["-p", "abc_cut_a=5"], ["5 is outside 0 to 1"]),
        (["-p", "basket_band_count=0"], ["0 is outside 2 to 12"]),
        (["-p", "language=en"], ["set it with"]),
        (["-p", "top_count"], ["write NAME=VALUE"]),
        (["-n", "portfolio"], ["unknown notebook 'portfolio'", "did you mean 'portfolio_audit'"]),
        (["--as-of", "31/12/2025"], ["YYYY-MM-DD"]),
        (["--language", "de"], ["'de' is not one of 'en', 'fr'"]),
    ],
)
def test_parameters_are_strict(arguments, parts, tmp_path, monkeypatch, capsys):
    """In this process: nothing of these runs gets as far as a notebook."""
    where = [str(DEMO), "--out", str(tmp_path / "out"), "--language", "en"]
    monkeypatch.setattr(sys, "argv", ["carnet", "run", *where, *arguments])
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as stopped:
        main()
    signal.signal(signal.SIGTERM, handler)
    assert stopped.value.code == 2
    told = capsys.readouterr().err
    for part in parts:
        assert part in told
    assert not (tmp_path / "out").exists()


def test_parameters_keep_the_type_of_their_default():
    notebooks = {"portfolio_audit": notebook_parameters(NOTEBOOK)}
    assert notebooks["portfolio_audit"]["abc_cut_a"].accepted.high == 1
    assert check_parameters({"abc_cut_a": "1", "top_count": "7"}, notebooks) == {
        "portfolio_audit": {"abc_cut_a": 1.0, "top_count": 7}
    }


def test_a_notebook_begins_without_what_it_showed(tmp_path):
    """Whatever its format: what an older one showed may be of another client."""
    shown = {"output_type": "stream", "stream": "stdout", "text": ["SECRET"]}
    cell = {"cell_type": "code", "input": ["x = 1"], "prompt_number": 3, "outputs": [shown]}
    cell |= {"metadata": {}, "language": "python", "collapsed": False}
    old = {"nbformat": 3, "nbformat_minor": 0, "metadata": {}}
    path = tmp_path / "n.ipynb"
    path.write_text(json.dumps(old | {"worksheets": [{"metadata": {}, "cells": [cell]}]}))
    (begins,) = read_notebook(path).cells
    assert begins.source == "x = 1" and begins.outputs == [] and begins.execution_count is None
    nbformat.write(nbformat.read(path, 4), path)
    assert "SECRET" in path.read_text() and read_notebook(path).cells[0].outputs == []


def test_parameters_cell_holds_literals_only(tmp_path):
    notebook = nbformat.read(NOTEBOOK, 4)
    cell = next(cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
    cell.source += "\nfolder = open('x')"
    nbformat.write(notebook, tmp_path / "n.ipynb")
    with pytest.raises(CarnetError, match="not NAME = literal"):
        notebook_parameters(tmp_path / "n.ipynb")


@pytest.mark.long
def test_parameter_reaches_the_report(make_engagement, tmp_path):
    folder = make_engagement(tables={"sales": SALES})
    done = run_carnet(
        "run", folder, *ONE, "--out", tmp_path, "-p", "abc_cut_a=0.5", "--as-of", "2024-06-30"
    )
    report = tmp_path / "test-sa" / "2024-06-30"
    assert done.returncode == 0, done.stderr
    assert json.loads((report / "manifest.json").read_text())["parameters"]["abc_cut_a"] == "0.5"
    with (report / "lists" / "abc.csv").open() as stream:
        assert [row["abc_class"] for row in csv.DictReader(stream)] == ["A", "B"]


@pytest.mark.long
def test_plain_papermill_runs_the_notebook(tmp_path):
    """The design's promise: papermill notebooks/….ipynb out.ipynb -p engagement ../data/demo,
    started in notebooks/.
    """
    import subprocess
    import sys

    command = [
        sys.executable,
        "-m",
        "papermill",
        NOTEBOOK.name,
        tmp_path / "out.ipynb",
        "-p",
        "engagement",
        "../data/demo",
        "-p",
        "top_count",
        "3",
        "--no-progress-bar",
    ]
    done = subprocess.run(command, cwd=NOTEBOOK.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    executed = nbformat.read(tmp_path / "out.ipynb", 4)
    assert all(cell.execution_count for cell in executed.cells if cell.cell_type == "code")


ANOTHER_MACHINE = {  # what a user's machine may set
    "LC_ALL": "C",
    "LANG": "C",
    "PYTHONUTF8": "0",
    "PYTHONCOERCECLOCALE": "0",
    "PYTHONIOENCODING": "cp1252",
    "TZ": "Pacific/Auckland",
    "COLUMNS": "40",
}


def users_own(home):
    """A home whose owner has startup files, a profile, a kernel called like ours,
    and a dark matplotlib that calls LaTeX.
    """
    stop = "import sys\nprint('of the user')\nsys.exit(9)\n"
    profile = home / ".ipython" / "profile_default"
    (profile / "startup").mkdir(parents=True)
    (profile / "startup" / "00-mine.py").write_text(stop)
    (profile / "ipython_config.py").write_text(
        "c.InteractiveShellApp.exec_lines = ['print(1)', 'del open_book']\n"
    )
    for place in (home / ".local" / "share" / "jupyter", home / "more"):
        kernel = place / "kernels" / "python3"
        kernel.mkdir(parents=True)
        (kernel / "kernel.json").write_text(
            json.dumps({"argv": ["false"], "display_name": "mine", "language": "python"})
        )
    (home / "matplotlibrc").write_text(
        "text.usetex: True\nfigure.facecolor: black\nsavefig.facecolor: black\nlines.linewidth: 9\n"
        "no.such.key: 1\n"
    )
    (home / "start.py").write_text(stop)
    return {
        "HOME": str(home),
        "IPYTHONDIR": str(home / ".ipython"),
        "JUPYTER_PATH": str(home / "more"),
        "MATPLOTLIBRC": str(home / "matplotlibrc"),
        "PYTHONSTARTUP": str(home / "start.py"),
    }


@pytest.fixture(scope="module")
def audited_here(tmp_path_factory):
    """A folder, and what an audit of it publishes on this machine."""
    rows = [
        ["customer_id", "date", "amount"],
        *(
            [
                f"Café {i % 7} Œ",
                f"20{23 + i % 2}-{i % 12 + 1:02d}-{i % 28 + 1:02d}T23:30:00+02:00",
                str(10 + i),
            ]
            for i in range(60)
        ),
    ]
    home = tmp_path_factory.mktemp("here")
    folder = write_engagement(
        home, tables={"sales": rows}, language="fr", client="Œuvre – Café", as_of="2024-12-31"
    )
    done = run_carnet(
        "run", folder, "-n", "sales_gaps", "--out", home / "out", pictures=True, kernels=False
    )
    assert done.returncode == 0, done.stderr
    return folder, published(home / "out")


def published(out):
    """The bytes of every file of the one report but the manifest, which holds the run stamp."""
    report = next(out.glob("*/2024-12-31"))
    files = sorted(path for path in report.rglob("*") if path.is_file())
    return {p.relative_to(report): p.read_bytes() for p in files if p.name != "manifest.json"}


@pytest.mark.long
@pytest.mark.parametrize("fork", ["on", "off"])
def test_the_machine_does_not_matter(audited_here, tmp_path, fork):
    """One audit under another locale, console, time zone, width and a user's own settings,
    kernels forked or started anew, there without what Windows lacks, here none: the same bytes,
    pictures too, and a console that cannot write a sign ends nothing.
    """
    folder, first = audited_here
    shutil.rmtree(folder / ".carnet", ignore_errors=True)  # nothing is read that was computed here
    there = subprocess.run(
        [
            sys.executable,
            "-c",
            "from carnet.cli import main; main()",
            "run",
            folder,
            "-n",
            "sales_gaps",
            "--out",
            tmp_path,
        ],
        env=os.environ
        | ANOTHER_MACHINE
        | users_own(tmp_path / "home")
        | {FORK_VARIABLE: fork}
        | ({"PYTHONPATH": str(ROOT / "tests" / "other_system")} if fork == "off" else {}),
        capture_output=True,
        check=False,
    )
    assert there.returncode == 0, there.stderr
    second = published(tmp_path)
    assert list(first) == list(second) and len(first) > 10
    assert [name for name in first if first[name] != second[name]] == []


@pytest.mark.long
def test_how_texts_are_held_does_not_matter(audited_here, tmp_path, monkeypatch):
    """As of many customers, there as of few: the same bytes."""
    folder, first = audited_here
    shutil.rmtree(folder / ".carnet", ignore_errors=True)
    monkeypatch.setattr(interpreter, "FEW_CUSTOMERS", 0)
    with pd.option_context("mode.string_storage", "python"):
        done = run_carnet(
            "run", folder, "-n", "sales_gaps", "--out", tmp_path, pictures=True, kernels=False
        )
        assert pd.Series(["a"]).dtype.storage == "pyarrow"
    assert done.returncode == 0 and published(tmp_path) == first


def test_every_notebook_has_its_place_among_pages():
    assert sorted(ORDER) == sorted(path.stem for path in find_notebooks())
