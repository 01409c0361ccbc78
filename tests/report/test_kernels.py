"""The fork server that begins as a copy of the command line."""

import subprocess
import sys

import pytest
from carnet.report.kernels import CAN_FORK

from tests.conftest import ROOT

NESTED = """
import multiprocessing
from carnet.report.kernels import process_context
def last():
    print("started", flush=True)
def first():
    process = multiprocessing.get_context("forkserver").Process(target=last)
    process.start()
    process.join()
if __name__ == "__main__":
    process = process_context(alone=True).Process(target=first)
    process.start()
    process.join()
    print("ended", process.exitcode)
"""


@pytest.mark.long
@pytest.mark.skipif(not CAN_FORK, reason="kernels are not forked on this system")
def test_what_the_copied_server_starts_may_start_processes_too(tmp_path):
    """The copy is made while a lock is held, for which every process below would wait for ever."""
    script = tmp_path / "nested.py"
    script.write_text(NESTED, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.split() == ["started", "ended", "0"], done.stderr
