"""Engagements made on the fly for tests, the demonstration book, and what nbval lacks:
pictures and numbers compared.
"""

import base64
import contextlib
import csv
import gc
import io
import json
import os
import pkgutil
import re
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import yaml
from carnet.engagement.interpreter import hold_texts, keep_imported, with_room
from carnet.engagement.running import PICTURES_VARIABLE
from filelock import FileLock, Timeout
from hypothesis import settings
from nbval import plugin as nbval_plugin

keep_imported()  # looking for garbage takes a tenth of a run
# how long an example takes on a busy machine says nothing about the law it tries
settings.register_profile("carnet", deadline=None)
settings.load_profile("carnet")
collect_ignore = ["other_system"]  # changes imports where it is read
ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "data" / "demo"
SPARK = ("tests/book/test_engines.py", "tests/book/test_held.py")
PICTURE_TOLERANCE = 2.0  # root mean square of 0-255 pixel differences


def write_engagement(home, name="client", **content):
    """Write an engagement folder: each table is CSV text, a list of rows,
    or a mapping of engagement keys.
    """
    folder = home / name
    folder.mkdir(exist_ok=True)
    tables = {}
    for table, value in content.pop("tables", {}).items():
        if isinstance(value, dict):
            tables[table] = value
            continue
        text = value
        if not isinstance(value, (str, bytes)):
            buffer = io.StringIO()
            csv.writer(buffer).writerows(value)
            text = buffer.getvalue()
        (folder / f"{table}.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
        tables[table] = {"files": f"{table}.csv"}
    document = {
        "client": "Test SA",
        "language": "en",
        "currency": "EUR",
        **content,
        "tables": tables,
    }
    (folder / "engagement.yml").write_text(
        yaml.safe_dump(document, allow_unicode=True), encoding="utf-8"
    )
    return folder


@pytest.fixture
def make_engagement(tmp_path):
    """`write_engagement` in the test's own folder."""
    return partial(write_engagement, tmp_path)


def of_all_workers(tmp_path_factory):
    """The folder of a test run, whatever the number of its workers."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session", autouse=True)
def asked_like_a_book(tmp_path_factory):
    """Tables that belong to no book are asked as a book's own are: the SQL of an expression is
    compiled once, whatever its rows, and texts are held as of few customers.
    """
    hold_texts(0)
    if "ibis" in sys.modules:
        import ibis
        from carnet.book import queries
        from carnet.book.engines import memory

        from tests.compiled import Compiled

        ibis.set_backend(queries.DuckDB.from_connection(memory(small=True)))
        queries._compiled = Compiled(of_all_workers(tmp_path_factory) / "compiled")


@pytest.fixture(scope="session")
def demo_book():
    from carnet.book.book import open_book

    return open_book(DEMO)


def measure_modules():
    """Names of the modules of measures, whatever their folder."""
    from carnet import measures

    return [
        module.name
        for module in pkgutil.walk_packages(measures.__path__, "carnet.measures.")
        if not module.ispkg
    ]


def spawn_carnet(*arguments, cwd=ROOT):
    """The command line in a process of its own; returns the finished process with its texts."""
    command = [sys.executable, "-m", "carnet", *map(str, arguments)]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=600, check=False
    )


def run_carnet(*arguments, pictures=False, kernels=True):
    """The command line in this process, so that the imports and the notebooks' fork server are paid
    once; returned like `spawn_carnet`.

    Without `pictures` every chart is made and none printed, which saves a fifth of an audit;
    without `kernels` its notebooks run in this process, too (`tests.here`).
    """
    from carnet.cli import main
    from carnet.report.kernels import process_context

    process_context()  # a worker of a test run has threads: the server is not a copy of it
    out, err, code, handler = io.StringIO(), io.StringIO(), 0, signal.getsignal(signal.SIGTERM)
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        patch.setenv(PICTURES_VARIABLE, "" if pictures else "off")
        patch.setattr(sys, "argv", ["carnet", *map(str, arguments)])
        if not kernels:
            from carnet.report import publishing

            from tests import here

            patch.setattr(publishing, "_execute_all", here.execute_all)
        patch.chdir(ROOT)
        try:
            main()
        except SystemExit as stopped:
            code = stopped.code or 0
        finally:
            signal.signal(signal.SIGTERM, handler)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


def page_text(path):
    """A page without its pictures, scripts and the code folded behind its results:
    what is computed, as HTML.
    """
    text = re.sub(
        r'<(script|style)>.*?</\1>|<details class="method">.*?</details>',
        "",
        path.read_text(encoding="utf-8"),
        flags=re.S,
    )
    return re.sub(r'data:image/png;base64,[^"]+', "", text)


def said_by(report, name):
    """What a notebook of a report says, wherever it is published: its page, where it has one, and
    all that it showed when it ran.
    """
    page = report / f"{name}.html"
    notebook = json.loads((report / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))
    shown = [
        "".join(output.get("data", {}).get("text/html", ""))
        for cell in notebook["cells"]
        for output in cell.get("outputs", [])
    ]
    return (page_text(page) if page.is_file() else "") + "\n".join(shown)


@pytest.fixture(scope="session")
def demo_reports(tmp_path_factory):
    """The demonstration company audited once in each language: language → report folder.

    The workers of one test run share them, one makes each.
    """
    shared = of_all_workers(tmp_path_factory) / "demo_reports"
    shared.mkdir(exist_ok=True)
    reports = {}
    for waits in (False, True):  # first what nobody is making, then what another worker makes
        for language in ("fr", "en"):
            with (
                contextlib.suppress(Timeout),
                FileLock(shared / f"{language}.lock", timeout=-1 if waits else 0),
            ):
                made = shared / f"{language}.txt"
                if not made.is_file():
                    done = run_carnet(
                        "run",
                        DEMO,
                        "--out",
                        shared / language,
                        "--language",
                        language,
                        "--deck",
                        pictures=True,
                        kernels=False,
                    )
                    assert done.returncode == 1, done.stderr
                    made.write_text(done.stdout.strip().splitlines()[-1], encoding="utf-8")
                reports[language] = Path(made.read_text(encoding="utf-8"))
    return reports


@pytest.fixture(scope="session")
def real_books():
    """The folder of real books, when CARNET_BOOKS names one."""
    folder = os.environ.get("CARNET_BOOKS")
    if not folder:
        pytest.skip("CARNET_BOOKS does not name a folder of real books")
    return Path(folder)


# --- nbval: refuse cells it would not compare, compare pictures by pixels and recorded
# figures by value

compare_texts = nbval_plugin.IPyNbCell.compare_outputs


def _by_type(outputs, mime):
    return [output["data"][mime] for output in outputs if mime in output.get("data", {})]


def _close(left, right):
    if isinstance(left, dict):
        return (
            isinstance(right, dict)
            and left.keys() == right.keys()
            and all(_close(left[key], right[key]) for key in left)
        )
    if isinstance(left, list):
        return len(left) == len(right) and all(map(_close, left, right))
    if isinstance(left, float) and isinstance(right, (int, float)):
        return left == pytest.approx(right, rel=1e-9, abs=1e-6)
    return left == right


def picture_distance(left: str, right: str) -> float:
    """Root mean square difference of two base64 PNG pictures; infinite when their sizes differ."""
    one, other = (
        matplotlib.image.imread(io.BytesIO(base64.b64decode(text)), format="png")
        for text in (left, right)
    )
    return (
        float(np.sqrt(np.mean((one - other) ** 2)) * 255)
        if one.shape == other.shape
        else float("inf")
    )


def compare_outputs(self, test, ref, skip_compare=None):
    from carnet.engagement.records import EXHIBIT_TYPE, FIGURES_TYPE, FINDINGS_TYPE, POINTS_TYPE

    records = (FIGURES_TYPE, FINDINGS_TYPE, EXHIBIT_TYPE, POINTS_TYPE)
    skipped = (*(skip_compare or self.parent.skip_compare), *records)
    if not compare_texts(self, test, ref, skipped):
        return False
    for mime in records:
        if not _close(_by_type(ref, mime), _by_type(test, mime)):
            self.comparison_traceback.append(
                f"recorded {mime} differ: {_by_type(ref, mime)} != {_by_type(test, mime)}"
            )
            return False
    pictures = list(zip(_by_type(ref, "image/png"), _by_type(test, "image/png"), strict=True))
    distances = [picture_distance(left, right) for left, right in pictures]
    if any(distance > PICTURE_TOLERANCE for distance in distances):
        self.comparison_traceback.append(
            f"pictures differ by {distances} (root mean square, at most {PICTURE_TOLERANCE})"
        )
        return False
    return True


nbval_plugin.IPyNbCell.compare_outputs = compare_outputs


# whoever calls one of them audits a book, or waits for a process
AUDITS = {"run_carnet", "spawn_carnet", "run_audit", "Popen"}


def needs_an_audit(item):
    """True for cells of notebooks, and for tests that run the command line,
    themselves or through a fixture.
    """
    if not hasattr(item, "function"):
        return hasattr(item, "cell")
    fixtures = [
        definition.func
        for found in item._fixtureinfo.name2fixturedefs.values()
        for definition in found
    ]
    called = {
        name
        for function in (item.function, *fixtures)
        if hasattr(function, "__code__")
        for name in function.__code__.co_names
    }
    return bool(AUDITS & called) or item.path.name in (
        "test_faults.py",
        "test_hostile.py",
        "test_lab.py",
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """The tests of a file run in one worker; of the files that ask Spark all in one: it takes its
    Java some thirty seconds to get quick.
    """
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid):
            file = super()._split_scope(nodeid)
            return SPARK[0] if file in SPARK else file

    return ByFile(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    """Each test as pytest runs it, with the room that a command of carnet has."""
    runner = item.config.pluginmanager.get_plugin("runner")
    return with_room(runner.pytest_runtest_protocol, item, nextitem)


def pytest_unconfigure():
    gc.unfreeze()  # else libraries take at the end for leaks what was never looked at


def pytest_collection_modifyitems(items):
    slow = {
        item.path
        for item in items
        if hasattr(item, "function")
        and (needs_an_audit(item) or item.path.name == "test_engines.py")
    }
    # files that take longest first: the two workers end together
    items.sort(key=lambda item: item.path not in slow)
    gc.freeze()  # and what was collected
    for item in items:
        if needs_an_audit(item):
            item.add_marker("report")
        cell = getattr(item, "cell", None)
        if cell is not None and cell.source.strip() and cell.execution_count is None:
            raise pytest.UsageError(
                f"{item.nodeid}: stored without outputs, nbval would compare nothing. "
                f"Run `make notebooks`."
            )
