"""Audits killed at random moments: python -m tests.report.killed_runs NOTEBOOKS ENGAGEMENT OUT
COUNT. Kills COUNT of them. Prints one JSON line: what was found after each.

Each audit is a fork of this process, which has the imports behind it, so that the moments fall into
the work and not into Python's start: opening and building the cache, the notebook's kernel, pages,
annex, renaming.
"""

import importlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

from carnet import cli
from carnet.report import kernels, publishing
from carnet.report import notebooks as own

SEED = 20261122


def start(folder: Path, out: Path) -> int:
    """The command line in a fork, in a session of its own; the process's number."""
    pid = os.fork()
    if pid:
        return pid
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    sys.argv = ["carnet", "run", str(folder), "--out", str(out)]
    try:
        cli.main()
    except SystemExit as stopped:
        os._exit(int(stopped.code or 0))
    os._exit(99)


def is_whole(report: Path) -> bool:
    """True for a report with everything that publishing writes."""
    try:
        manifest, figures = (
            json.loads((report / name).read_text(encoding="utf-8"))
            for name in ("manifest.json", "figures.json")
        )
    except (OSError, ValueError):
        return False
    pages = [path.read_text(encoding="utf-8").rstrip() for path in report.glob("*.html")]
    there = {path.name for path in report.iterdir()} >= {
        "index.html",
        "quarantine.csv",
        "lists",
        "notebooks",
    }
    whole = len(pages) == 1 + len(list((report / "notebooks").glob("*.ipynb"))) > 1 and all(
        page.endswith("</html>") for page in pages
    )
    return there and whole and bool(manifest["inputs"]) and bool(figures["figures"])


def main() -> None:
    """Run once to the end for the time it takes, then kill."""
    notebooks, folder, out, count = (
        Path(sys.argv[1]),
        Path(sys.argv[2]),
        Path(sys.argv[3]),
        int(sys.argv[4]),
    )
    find = own.find_notebooks
    own.find_notebooks = lambda names=(): find(names, notebooks)  # type: ignore[assignment]
    for module in kernels.PRELOADED:
        importlib.import_module(module)
    context = multiprocessing.get_context("fork")
    publishing.process_context = lambda: context  # type: ignore[assignment]
    clock = time.monotonic()
    _, status = os.waitpid(start(folder, out), 0)
    length = time.monotonic() - clock
    home, moments = next(path for path in out.iterdir() if path.is_dir()), random.Random(SEED)
    first = next(home.glob("2*"))
    bytes_of = {
        path.relative_to(first): path.read_bytes() for path in first.rglob("*") if path.is_file()
    }
    killed, finished, partial = 0, 0, []
    while killed < count and finished < 3 * count:
        if (killed + finished) % 2:  # every other one builds the cache first
            shutil.rmtree(folder / ".carnet", ignore_errors=True)
        pid = start(folder, out)
        time.sleep(moments.uniform(0, length))
        os.kill(pid, signal.SIGKILL)
        _, how = os.waitpid(pid, 0)
        if os.WIFSIGNALED(how):
            killed += 1
        else:  # the machine is less busy than it was: the moments lay behind the end
            finished, length = finished + 1, length * 0.8
        partial += [
            path.name
            for path in home.iterdir()
            if not path.name.startswith(".") and not is_whole(path)
        ]
    before = len(list(home.glob("2*")))
    _, last = os.waitpid(start(folder, out), 0)
    print(
        json.dumps(
            {
                "first": os.waitstatus_to_exitcode(status),
                "seconds": round(length, 1),
                "killed": killed,
                "finished": finished,
                "partial": partial,
                "last": os.waitstatus_to_exitcode(last),
                "published_by_the_last": len(list(home.glob("2*"))) - before,
                "reports": before,
                "left": sorted(
                    path.name
                    for parent in (home, folder / ".carnet")
                    for path in parent.glob(".building-*")
                ),
                "earlier": all(
                    (first / name).read_bytes() == content for name, content in bytes_of.items()
                ),
            }
        )
    )


if __name__ == "__main__":
    main()
