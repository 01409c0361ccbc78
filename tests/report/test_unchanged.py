"""Notebooks that are taken from an earlier run: only where nothing that they read has changed."""

import datetime as dt
import json
import sys
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
import yaml
from carnet.book.book import open_book
from carnet.book.frames import write_whole
from carnet.book.once import WRITTEN_BY, told_of
from carnet.customers.experiments.drawing import Question, plan_experiment
from carnet.engagement.file import Engagement
from carnet.engagement.parameters import Parameters, Policy
from carnet.engagement.running import Run
from carnet.intake.sources import find_files
from carnet.report import unchanged
from carnet.report.execution import Executed, Job, notebook_parameters
from carnet.report.publishing import ORDER
from carnet.shipped import NOTEBOOKS, PACKAGE

from tests.conftest import run_carnet, write_engagement
from tests.here import run_here

ALONE = Run()
DAYS = ["2021-03-05", "2021-09-10", "2022-02-01", "2022-08-20", "2023-04-11", "2023-11-30"]
SALES = [
    ["customer_id", "date", "amount"],
    *([f"C{n:02d}", day, str(100 + 7 * n)] for n in range(40) for day in DAYS[n % 3 :]),
]
DEPARTURES = [
    ["customer_id", "date", "reason_customer"],
    ["C01", "2023-06-30", "Z42"],
    ["C02", "2023-07-31", "price"],
]
OWN_FILES = {
    "words.yml": "price: {codes: [Z42]}\n",
    "own.yml": "based_on: general\nlabels: {en: own, fr: notre}\n",
    "firm/firm.yml": "name: Cabinet Exemple\ncolours: {focus: '#5B2333'}\n",
    "firm/style.css": "h2 { letter-spacing: .01em; }",
    "comments.md": "",
}
NAMED = {"codebook": "words.yml", "sector": "own.yml", "firm": "firm"}
TABLES = {"sales": SALES, "departures": DEPARTURES}


@pytest.fixture
def folder(tmp_path):
    """An engagement with every file that it may name."""
    (tmp_path / "client" / "firm").mkdir(parents=True)
    for name, text in OWN_FILES.items():
        (tmp_path / "client" / name).write_text(text, encoding="utf-8")
    return write_engagement(tmp_path, tables=TABLES, as_of="2023-12-31", **NAMED)


@pytest.fixture
def plan(folder):
    """The plan of an experiment in it."""
    question = Question("serve", "revenue", 90)
    return plan_experiment(open_book(folder), question, dt.date(2024, 1, 1))[1]


@pytest.fixture
def earlier(tmp_path, folder):
    """The report of a year before."""
    done = run_carnet(
        *("run", folder, "--out", tmp_path / "then", "-n", "sales_gaps", "--as-of", "2022-12-31"),
        kernels=False,
    )
    assert done.returncode == 1, "rows of the year after are set aside"
    return Path(done.stdout.strip())


def job_of(book, scratch, stem="sales_gaps", run=ALONE, **parameters):
    """A notebook that has not run."""
    lists = scratch / f"{stem}-lists"
    lists.mkdir(exist_ok=True, parents=True)
    told = scratch / f"{stem}.json"
    opened = scratch / f"{stem}.opened"
    replace(run, lists=str(lists), shared=str(scratch), opened=str(opened)).write(told)
    common = {
        "engagement": str(book.engagement.folder),
        "as_of": str(book.as_of),
        "language": book.engagement.language,
    }
    path = NOTEBOOKS / f"{stem}.ipynb"
    return Job(path, common | parameters, book.wording, 60, told, lists, scratch, scratch)


def outcome(job, book):
    """As if it had run on this book."""
    Path(Run.read(job.run).opened).write_text(told_of(book, WRITTEN_BY) + "\n", encoding="utf-8")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# x")])
    return Executed(job.path.stem, notebook, 1.5)


def kept(book, job):
    """As if it had run, and was kept."""
    question = unchanged.asked(book, job)
    unchanged.keep(book, job, question, outcome(job, book))


def taken(book, job):
    return unchanged.take(book, job, unchanged.asked(book, job))


# --- what a run does


@pytest.mark.long
def test_a_second_run_takes_what_did_not_change(folder, tmp_path):
    """The same again runs nothing and publishes the same bytes; a parameter of one notebook runs
    this one alone, and what decides on accounts runs both.
    """
    asked = ("run", folder, "-n", "cost_structure", "-n", "kpi_tracking", "--out", tmp_path / "out")

    def run(*options):
        done = run_carnet(*asked, *options, pictures=True)
        assert done.returncode == 0, done.stderr
        report = Path(done.stdout.strip())
        manifest = json.loads((report / "manifest.json").read_text(encoding="utf-8"))
        return report, manifest

    def files_of(report):
        found = (path for path in report.rglob("*") if path.is_file())
        return {str(p.relative_to(report)): p.read_bytes() for p in found if p.suffix != ".json"}

    first, told = run()
    assert told["unchanged"] == []
    second, again = run()
    assert again["unchanged"] == ["cost_structure", "kpi_tracking"]
    assert files_of(first) == files_of(second) and len(files_of(first)) > 10
    assert (first / "figures.json").read_bytes() == (second / "figures.json").read_bytes()
    assert [again["seconds"][name] for name in again["unchanged"]] == [
        told["seconds"][name] for name in again["unchanged"]
    ]
    third, told = run("-p", "cohort_grain=year")
    assert told["unchanged"] == ["cost_structure"]
    assert (third / "kpi_tracking.html").read_bytes() != (first / "kpi_tracking.html").read_bytes()
    assert run("-p", "horizon_years=4")[1]["unchanged"] == []
    yml = folder / "engagement.yml"
    hidden = {"sections": {"hide": ["kpi_tracking.cohorts"]}}
    yml.write_text(yml.read_text(encoding="utf-8") + yaml.safe_dump(hidden), encoding="utf-8")
    page, told = run()
    assert told["unchanged"] == ["cost_structure", "kpi_tracking"]
    assert (page / "kpi_tracking.html").read_bytes() != (first / "kpi_tracking.html").read_bytes()


# --- what an outcome is named after


def test_what_comes_back_is_what_was_kept(folder, tmp_path):
    book = open_book(folder)
    job = job_of(book, tmp_path / "scratch")
    assert taken(book, job) is None
    text = 'name;"2"\r\n\u00e9\u2028,\n'.encode()
    (job.lists / "tasks.csv").write_bytes(text)
    question, run = unchanged.asked(book, job), outcome(job, book)
    unchanged.keep(book, job, question, run)
    (job.lists / "tasks.csv").unlink()
    assert taken(book, job) == replace(run, unchanged=True)
    assert (job.lists / "tasks.csv").read_bytes() == text
    (found,) = (book.folder / unchanged.KEPT).iterdir()
    found.write_bytes(found.read_bytes()[:-1])
    assert taken(book, job) is None, "a damaged one runs again"


NOTEBOOK = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
WHOLE = {"notebook": NOTEBOOK, "seconds": 1, "lists": {}}


FORGED = [
    WHOLE | {"lists": {"../../../evil.csv": "x"}},
    WHOLE | {"lists": {"/tmp/evil.csv": "x"}},
    WHOLE | {"lists": {"evil.txt": "x"}},
    WHOLE | {"lists": {"tasks.csv": 3}},
    WHOLE | {"lists": 3},
    WHOLE | {"seconds": None},
    WHOLE | {"notebook": {"cells": 3}},
    WHOLE | {"notebook": NOTEBOOK | {"cells": [{"cell_type": "code", "id": "a"}]}},
    WHOLE | {"notebook": NOTEBOOK},
    {},
    [],
    "x",
]


def test_what_carnet_did_not_keep_is_not_taken(folder, tmp_path):
    """Whole by its digest, which is no secret: a folder may come from somebody else."""
    book = open_book(folder)
    job = job_of(book, tmp_path / "scratch")
    place = book.folder / unchanged.KEPT / unchanged.asked(book, job).name
    for content in (b"{", b"\xff", *(json.dumps(told).encode() for told in FORGED)):
        write_whole(place, content)
        assert taken(book, job) is None, content
    assert not list(tmp_path.rglob("*evil*")) and not Path("/tmp/evil.csv").exists()


def test_lists_that_are_too_large_are_not_kept(folder, tmp_path, monkeypatch):
    book = open_book(folder)
    job = job_of(book, tmp_path / "scratch")
    (job.lists / "tasks.csv").write_bytes(b"12345")
    monkeypatch.setattr(unchanged, "MOST_BYTES", 4)
    kept(book, job)
    assert taken(book, job) is None


def test_an_own_notebook_always_runs(folder, tmp_path):
    book = open_book(folder)
    own = folder / "notebooks" / "sales_gaps.ipynb"
    own.parent.mkdir()
    own.write_bytes((NOTEBOOKS / "sales_gaps.ipynb").read_bytes())
    job = replace(job_of(book, tmp_path / "scratch"), path=own)
    kept(book, job)
    assert taken(book, job) is None and not (book.folder / unchanged.KEPT).exists()


def test_what_changes_while_a_notebook_runs_is_not_kept(folder, tmp_path, monkeypatch):
    """A file that is edited, even if it is taken back before the end; another engagement or input
    than the one that was asked; a day that ends.
    """
    book = open_book(folder)
    job = job_of(book, tmp_path / "scratch")

    def while_it_runs(happens):
        question, run = unchanged.asked(book, job), outcome(job, book)
        happens()
        unchanged.keep(book, job, question, run)
        return taken(open_book(folder), job)

    def replaced(path, there):
        content = path.read_bytes()
        path.write_bytes(content + b"\n")
        if not there:
            path.write_bytes(content)

    def other_book():
        sales = (folder / "sales.csv").read_bytes()
        (folder / "sales.csv").write_bytes(sales + b"C00,2023-12-30,1000\r\n")
        outcome(job, open_book(folder))  # what the notebook opened
        (folder / "sales.csv").write_bytes(sales)

    def other_currency():
        yml = folder / "engagement.yml"
        text = yml.read_text(encoding="utf-8")
        yml.write_text(text.replace("EUR", "USD"), encoding="utf-8")
        outcome(job, open_book(folder))
        yml.write_text(text, encoding="utf-8")

    def nothing_opened():
        Path(Run.read(job.run).opened).unlink()

    assert while_it_runs(partial(replaced, folder / "words.yml", there=False)) is None
    assert while_it_runs(partial(replaced, folder / "words.yml", there=True)) is None
    assert while_it_runs(other_book) is None
    assert while_it_runs(other_currency) is None
    assert while_it_runs(nothing_opened) is None
    with monkeypatch.context() as patch:
        assert while_it_runs(partial(tomorrow, patch)) is None
        assert taken(book, job) is None, "nor is it known tomorrow"
    assert while_it_runs(lambda: None) is not None


def tomorrow(patch):
    day = SimpleNamespace(today=lambda: dt.date.today() + dt.timedelta(days=1))
    patch.setattr(unchanged, "dt", SimpleNamespace(date=day))


def test_a_plan_that_is_moved_away_is_no_plan(folder, plan, tmp_path):
    """As one that is no file is refused, and told: both change what a page says."""
    book = open_book(folder)
    job = job_of(book, tmp_path / "scratch", "retention_plan")
    kept(book, job)
    assert taken(book, job) is not None
    (folder / "experiments" / "a.yml").mkdir()
    assert taken(book, job) is None
    (folder / "experiments" / "a.yml").rmdir()
    assert taken(book, job) is not None
    (folder / "experiments" / ".#a.yml").symlink_to("nowhere")
    assert taken(book, job) is None
    (folder / "experiments" / ".#a.yml").unlink()
    (plan.parent / "archive").mkdir()
    plan.rename(plan.parent / "archive" / plan.name)
    assert taken(book, job) is None


def test_whatever_a_notebook_depends_on_makes_it_run_again(
    folder, plan, earlier, tmp_path, monkeypatch
):
    """Each change alone, then taken back."""
    scratch, memory = tmp_path / "scratch", {"earlier_report": str(earlier)}
    book = open_book(folder)
    kept(book, job_of(book, scratch, **memory))

    def known(run=ALONE, **parameters):
        book = open_book(folder)
        return taken(book, job_of(book, scratch, run=run, **memory | parameters))

    assert known() is not None
    assert known(top_count=9) is None
    assert known(run=Run(given={"save_rate": 0.3})) is None
    assert known(run=Run(pictures=False)) is None
    assert known(earlier_report="") is None
    files = [
        *(folder / name for name in OWN_FILES if name != "comments.md"),
        *(folder / f"{table}.csv" for table in TABLES),
        *(plan, earlier / "figures.json", earlier / "manifest.json"),
        *(earlier / "lists").glob("**/*.csv"),
    ]
    assert len(files) > 10
    for path in files:
        content = path.read_bytes()
        path.write_bytes(content + b"\n")
        assert known() is None, path
        path.write_bytes(content)
        assert known() is not None, path
    whole = (folder / "engagement.yml").read_text(encoding="utf-8")
    for key, value in {
        "client": "Other SA",
        "language": "fr",
        "currency": "USD",
        "comparison": "year_to_date",
        "as_of": "2023-12-30",
        "maturity": {"customer_capital": {"answer": "yes"}},
        "targets": [{"measure": "retention_rate", "target": 0.9, "due": "2026-01-01"}],
    }.items():
        changed = yaml.safe_load(whole) | {key: value}
        (folder / "engagement.yml").write_text(yaml.safe_dump(changed), encoding="utf-8")
        assert known() is None, key
    (folder / "engagement.yml").write_text(whole, encoding="utf-8")
    assert known() is not None
    with monkeypatch.context() as patch:
        patch.setattr(unchanged, "CODE", "another release")
        assert known() is None
    with monkeypatch.context() as patch:
        patch.setattr(unchanged, "_installed", lambda: ["pandas-9.dist-info"])
        assert known() is None

    tomorrow(monkeypatch)
    assert known() is None, "an experiment that ends today is read tomorrow"


MEMORY = ("cost_structure", "growth_plan", "sales_gaps")  # read the earlier report
listening = []  # the files that this process opens go into each of these sets


def listen(event, arguments):
    if event == "open" and listening and isinstance(arguments[0], (str, Path)):
        for opened in listening:
            opened.add(Path(arguments[0]).resolve())


def spied(monkeypatch, kind):
    """The attributes of objects of a kind that carnet's own code reads."""
    read, plain = set(), kind.__getattribute__

    def spy(self, name):
        if sys._getframe(1).f_code.co_filename.startswith(str(PACKAGE)):  # no `repr`, no `==`
            read.add(name)
        return plain(self, name)

    monkeypatch.setattr(kind, "__getattribute__", spy)
    return read


@pytest.mark.long
def test_notebooks_read_nothing_else(folder, plan, earlier, tmp_path, monkeypatch):
    """Every file that Python opens in the folders of the engagement and of its reports while a
    notebook runs is an input of the book, its cache, or in the name of what is kept; of the
    parameters that decide nothing it reads those that it states (`Run.given` has no other), and
    of the engagement no key that is left out of the name.
    """
    sys.addaudithook(listen)
    asked, keys = spied(monkeypatch, Parameters), spied(monkeypatch, Engagement)
    drawing = {rule.name for rule in fields(Parameters) if rule.metadata} - {
        rule.name for rule in fields(Policy)
    }
    book = open_book(folder)
    inputs = {
        file.path.resolve()
        for name, spec in book.engagement.tables.items()
        for file in find_files(name, spec, folder, tmp_path)
    }
    own, seen, known = {folder / "engagement.yml"}, set(), set()
    for stem in ORDER:
        memory = {"earlier_report": str(earlier)} if stem in MEMORY else {}
        job = job_of(book, tmp_path / "scratch", stem, **memory)
        named = {path.resolve() for _, path in unchanged.depends_on(book, job)}
        asked.clear()
        keys.clear()
        listening.append(read := set())
        try:
            run_here(job)
        finally:
            listening.clear()
        clients = {path for path in read if path.is_relative_to(tmp_path.resolve())}
        ours = (folder / ".carnet", job.scratch)
        strange = {p for p in clients if not any(p.is_relative_to(each) for each in ours)}
        assert strange <= named | inputs | own, (stem, strange - named - inputs - own)
        stated = notebook_parameters(NOTEBOOKS / f"{stem}.ipynb")
        assert asked & drawing <= set(stated), (stem, asked & drawing - set(stated))
        assert not keys & WRITTEN_BY and {"as_of", "currency"} <= keys
        seen, known = seen | strange, known | (asked & drawing)
    for name in ("words.yml", "own.yml", "firm/firm.yml"):
        assert folder / name in seen, "else this test would see nothing"
    assert plan in seen
    assert any(path.is_relative_to(earlier) for path in seen)
    assert len(known) > 20
