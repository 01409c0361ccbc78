"""Processes beside the command line's: the fork server that begins as its copy, work apart."""

import os
import signal
import subprocess
import sys
import time
from multiprocessing import Pipe

import pytest
from carnet.report.apart import Apart
from carnet.report.kernels import CAN_FORK, process_context

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


@pytest.mark.long
def test_work_apart_returns_raises_or_ends():
    context = process_context()
    assert Apart(context, divmod, 7, 2).result() == (3, 1)
    with pytest.raises(ZeroDivisionError):
        Apart(context, divmod, 7, 0).result()
    with pytest.raises(EOFError):
        Apart(context, os._exit, 3).result()
    assert Apart(context, signal.raise_signal, signal.SIGINT).result() is None
    waited = time.monotonic()
    slow = Apart(context, time.sleep, 60)
    slow.kill()
    with pytest.raises(EOFError):
        slow.result()
    assert time.monotonic() - waited < 30


@pytest.mark.long
def test_work_that_ends_while_it_tells_ends_before_its_time():
    """What `Connection.recv` raises of half a message."""
    half = Apart(process_context(), int)
    half.result()
    receiver, sender = Pipe(duplex=False)
    os.write(sender.fileno(), (100).to_bytes(4, "big") + b"half")
    sender.close()
    half._receiver = receiver
    with pytest.raises(EOFError):
        half.result()
