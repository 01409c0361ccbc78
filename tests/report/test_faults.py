"""Pulled plugs: a run that is killed, a full disk, a folder that cannot be written,
two runs at once, a kernel that dies or hangs, a cut cache.

In every case: no partial report, no earlier report lost, a message that says what to do,
and the next run succeeds.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import nbformat
import psutil
import pytest
from carnet.book.book import open_book

from tests.conftest import ROOT, run_carnet

SALES = [
    ["customer_id", "date", "amount"],
    *([f"C{i}", f"{year}-0{i + 1}-15", str(100 + i)] for i in range(9) for year in (2023, 2024)),
]
KILLS = int(os.environ.get("CARNET_KILLS", "8"))  # 50 by hand: a minute more


def small_notebook(folder, *cells, parameters=""):
    """A notebook that opens the book, records a figure and a list, and whatever else."""
    folder.mkdir()
    code = [
        f'engagement = ""\nas_of = ""\nlanguage = "en"\n{parameters}',
        (
            "from carnet.measures.portfolio import movement\nfrom carnet.customers.figures import "
            "figures_of\nfrom carnet.report.notebook import open_book, record, record_list\n"
            "book = open_book(engagement, as_of, language)\nw = book.wording"
        ),
        (
            "moved = movement.customer_movement(book.cube, book.periods)\n"
            'record(figures_of(movement.movement_summary(moved).select("revenue")))\n'
            'record_list("movement", moved.order_by("customer_id"))'
        ),
        *cells,
    ]
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell("# Small\n\nWhat is it?"),
            *map(nbformat.v4.new_code_cell, code),
        ]
    )
    notebook.cells[1].metadata["tags"] = ["parameters"]
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    nbformat.write(notebook, folder / "small.ipynb")
    return folder


@pytest.fixture
def with_cells(tmp_path, monkeypatch):
    """Audits of this process run a small notebook with these cells instead of the workbook's."""
    return lambda *cells: run_those_of(small_notebook(tmp_path / "notebooks", *cells), monkeypatch)


def run_those_of(folder, monkeypatch):
    from carnet.report import notebooks

    find = notebooks.find_notebooks
    monkeypatch.setattr(notebooks, "find_notebooks", lambda names=(): find(names, folder))


def kept_log(out):
    """The one notebook that a failed run kept, as text."""
    (log,) = (out / "test-sa" / "logs").glob("*/small.ipynb")
    return log.read_text(encoding="utf-8")


def reports(out):
    return sorted(path.name for path in (out / "test-sa").glob("*") if path.name != "logs")


@pytest.mark.long
def test_killed_at_random_moments(make_engagement, tmp_path):
    folder = make_engagement(tables={"sales": SALES})
    notebooks = small_notebook(tmp_path / "notebooks")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.report.killed_runs",
            notebooks,
            folder,
            tmp_path / "out",
            str(KILLS),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["first"] == told["last"] == 0 and told["published_by_the_last"] == 1, told
    assert told["killed"] == KILLS, told
    assert told["partial"] == [] and told["left"] == [] and told["earlier"], told


@pytest.mark.long
def test_a_kernel_that_dies(make_engagement, tmp_path, with_cells):
    with_cells("print(40 + 2)", "import os\nos.kill(os.getpid(), 9)")
    done = run_carnet("run", make_engagement(tables={"sales": SALES}), "--out", tmp_path / "out")
    assert (
        done.returncode == 3
        and "small failed at its kernel: it ended before its time" in done.stderr
        and "memory" in done.stderr
    )
    assert reports(tmp_path / "out") == [] and "Traceback" not in done.stderr
    assert '"42\\n"' in kept_log(tmp_path / "out"), "what it had done until then"


@pytest.mark.long
def test_a_cell_that_hangs_is_stopped(make_engagement, tmp_path, with_cells):
    with_cells("print(40 + 2)", "import time\ntime.sleep(600)")
    done = run_carnet(
        "run", make_engagement(tables={"sales": SALES}), "--out", tmp_path / "out", "--timeout", "2"
    )
    assert (
        done.returncode == 3
        and "a cell ran longer than 2 s" in done.stderr
        and "--timeout" in done.stderr
    )
    assert reports(tmp_path / "out") == [] and '"42\\n"' in kept_log(tmp_path / "out")


@pytest.mark.long
def test_two_runs_at_once_publish_two_reports(small_run):
    folder, out, command = small_run
    with ThreadPoolExecutor(2) as both:
        done = list(
            both.map(
                lambda _: subprocess.run(
                    command, cwd=ROOT, capture_output=True, text=True, check=False
                ),
                range(2),
            )
        )
    assert [run.returncode for run in done] == [0, 0], [run.stderr for run in done]
    assert reports(out) == ["2024-09-15", "2024-09-15.2"]
    assert sorted(run.stdout.splitlines()[-1].rpartition("/")[2] for run in done) == reports(out)
    assert (
        len({(out / "test-sa" / name / "figures.json").read_bytes() for name in reports(out)}) == 1
    )
    assert len(list((folder / ".carnet").glob("*/book.json"))) == 1 and not list(
        (folder / ".carnet").glob(".building-*")
    )


@pytest.mark.parametrize(
    "name", ["cube.parquet", "sales.parquet", "orders.parquet", "quarantine.parquet", "book.json"]
)
@pytest.mark.parametrize("how", ["half", "empty", "gone"])
@pytest.mark.long
def test_a_cut_cache_is_built_again(make_engagement, name, how):
    folder = make_engagement(tables={"sales": SALES})
    book = open_book(folder)
    cube = book.cube.execute().sort_values(["customer_id", "month"], ignore_index=True)
    path = book.folder / name
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 if how == "half" else 0])
    again = open_book(folder)
    assert again.folder == book.folder and again.checks["sales"].accepted_rows == 18
    assert (
        again.cube.execute().sort_values(["customer_id", "month"], ignore_index=True).equals(cube)
    )


# --- a file system of our own: a user namespace may mount one without any right


def mounts():
    """Why no file system can be mounted here; empty when one can."""
    if not shutil.which("unshare"):
        return "unshare (util-linux) is not installed"
    done = subprocess.run(
        ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
        capture_output=True,
        text=True,
        check=False,
    )
    return (
        "" if done.returncode == 0 else f"no user namespace may mount here ({done.stderr.strip()})"
    )


def mounted(script, *arguments):
    """A shell script with a mount table of its own."""
    command = ["unshare", "-rm", "sh", "-ec", script, "sh", *map(str, arguments)]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture
def small_run(tmp_path, make_engagement):
    """An engagement, an out folder, and the command that audits the one into the other with a small
    notebook, in a process of its own.
    """
    notebooks, folder, out = (
        small_notebook(tmp_path / "notebooks"),
        make_engagement(tables={"sales": SALES}),
        tmp_path / "out",
    )
    out.mkdir()
    code = f"""
import sys
from pathlib import Path
from carnet import cli
from carnet.report import notebooks
find = notebooks.find_notebooks
notebooks.find_notebooks = lambda names=(): find(names, Path({str(notebooks)!r}))
sys.argv = ["carnet", "run", {str(folder)!r}, "--out", {str(out)!r}]
cli.main()
"""
    return folder, out, [sys.executable, "-c", code]


@pytest.mark.parametrize(("size", "where"), [("24k", "out"), ("64k", "out"), ("16k", "cache")])
@pytest.mark.long
def test_a_full_disk(small_run, size, where, tmp_path, monkeypatch):
    """The folder is a disk of its own, too small for the cache, for the notebook's scratch,
    or for the pages.
    """
    if reason := mounts():
        pytest.skip(reason)
    folder, out, command = small_run
    full = out if where == "out" else folder / ".carnet"
    full.mkdir(exist_ok=True)
    done = mounted(
        f'mount -t tmpfs -o size={size} tmpfs "$1"; full=$1; shift; "$@" || code=$?; find "$full" '
        f'-name "20*"; exit $code',
        full,
        *command,
    )
    assert done.returncode in (2, 3) and "Traceback" not in done.stderr, done.stderr
    assert "disk is full" in done.stderr or "No space left" in done.stderr, done.stderr
    assert "Nothing was published" in done.stderr and done.stdout == "", done.stderr + done.stdout
    run_those_of(tmp_path / "notebooks", monkeypatch)
    again = run_carnet("run", folder, "--out", out)
    assert again.returncode == 0 and reports(out) == ["2024-09-15"], again.stderr


@pytest.mark.long
def test_told_to_end(small_run, tmp_path):
    """While a notebook runs: it leaves no file in the system's temporary folder and no process."""
    _, out, command = small_run
    notebook = tmp_path / "notebooks" / "small.ipynb"
    text = notebook.read_text(encoding="utf-8")
    slow = "import time, pathlib\\npathlib.Path('../runs').touch()\\ntime.sleep(60)\\nrecord_list("
    notebook.write_text(text.replace("record_list(", slow, 1), encoding="utf-8")
    (tmp_path / "t").mkdir()  # sockets need a short path
    run = subprocess.Popen(command, env=os.environ | {"TMPDIR": str(tmp_path / "t")})
    try:
        for _ in range(600):
            if (tmp_path / "runs").exists() or run.poll() is not None:
                break
            time.sleep(0.1)
        below = psutil.Process(run.pid).children(recursive=True)
        run.terminate()
        assert run.wait(30) == 128 + signal.SIGTERM
    finally:
        run.kill()
    _, alive = psutil.wait_procs(below, timeout=30)
    assert len(below) >= 3 and not alive
    assert not list((tmp_path / "t").iterdir()) and reports(out) == []
    assert not list(out.rglob(".building-*"))


@pytest.mark.parametrize("where", ["out", "engagement"])
@pytest.mark.long
def test_a_folder_that_cannot_be_written(small_run, where):
    if reason := mounts():
        pytest.skip(reason)
    folder, out, command = small_run
    done = mounted(
        'mount --bind "$1" "$1"; mount -o remount,ro,bind "$1"; shift; "$@"',
        out if where == "out" else folder,
        *command,
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    assert (
        "not allowed to write" in done.stderr
        and "--out" in done.stderr
        and ".carnet" in done.stderr
    )
    assert reports(out) == []


def test_what_an_engine_refuses_is_told_in_one_line(make_engagement, monkeypatch):
    import psycopg
    from carnet.book import book

    def refuse(*_):
        raise psycopg.OperationalError("the server closed the connection\nDETAIL: much more")

    monkeypatch.setattr(book, "open_book", refuse)
    done = run_carnet("check", make_engagement(tables={"sales": SALES}))
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr == (
        "carnet: engine: it refused (OperationalError: the server closed the connection). "
        "Nothing was published.\n"
    )


def test_a_fault_of_carnet_is_not_hidden(make_engagement, monkeypatch):
    from carnet.book import book

    monkeypatch.setattr(book, "open_book", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run_carnet("check", make_engagement(tables={"sales": SALES}))


@pytest.mark.skipif(os.name == "nt", reason="sessions of POSIX")
def test_nothing_of_a_browser_outlives_its_time(monkeypatch):
    """Not what lost its parent either, which no tree of processes shows."""
    from carnet.report import printing

    monkeypatch.setattr(printing, "TIMEOUT_SECONDS", 1)
    seconds = f"8{os.getpid() % 1000:03}.25"
    started = time.monotonic()
    told = printing._run(["sh", "-c", f"(sleep {seconds} &) ; sleep 60"])
    assert told == "nothing after 1 seconds" and time.monotonic() - started < 8
    left = [p for p in psutil.process_iter(["cmdline"]) if seconds in (p.info["cmdline"] or [])]
    assert left == []


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_browser_ends_with_the_person_who_interrupts():
    seconds = f"9{os.getpid() % 1000:03}.25"
    code = (
        "import signal; from carnet.report import printing\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"printing._run(['sh', '-c', 'sleep {seconds}'])"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)

    def sleeping():
        listed = psutil.process_iter(["cmdline"])
        return [p for p in listed if seconds in (p.info["cmdline"] or [])]

    until = time.monotonic() + 30
    while not sleeping() and time.monotonic() < until:
        time.sleep(0.2)
    assert sleeping()
    process.send_signal(signal.SIGINT)
    process.wait(20)
    assert sleeping() == []
