"""A call takes as long wherever a loop makes it."""

import gc
import subprocess
import sys

import pytest
from carnet.engagement.interpreter import NEW_OBJECTS, with_room

CALLS = 300


def nothing(*_, a=0, b=0, c=0, d=0, e=0, f=0, g=0, h=0):
    """More variables than the function below has: at one of that function's depths, a part of the
    memory for variables ends just where these begin.
    """


def faults_of_calls(depth):
    """How often the system gave memory, a page at a time, while `nothing` was called below so many
    calls.
    """
    if depth:
        return faults_of_calls(depth - 1)
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(CALLS):
        nothing()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def test_no_call_asks_the_system_for_memory_again_and_again():
    """Without room, one depth in some 150 asks for it at each call (Python 3.11 to 3.13.0)."""
    pytest.importorskip("resource")
    assert max(with_room(faults_of_calls, depth) for depth in range(600)) < CALLS / 10


def test_what_is_returned_and_raised_passes_through():
    assert with_room(divmod, 7, 2) == (3, 1) and with_room(sorted, "ab", reverse=True) == ["b", "a"]
    with pytest.raises(ZeroDivisionError):
        with_room(divmod, 1, 0)


LOADED = """
import atexit, gc
atexit.register(lambda: print(*gc.get_threshold()[:2], gc.get_freeze_count() > 100_000))
{}
"""


@pytest.mark.parametrize(
    ("loaded", "told"),
    [
        ("import carnet.report.notebook", "20000 50 False"),
        ("from carnet import cli; cli.console()", f"{NEW_OBJECTS} 10 True"),
    ],
)
def test_garbage_is_looked_for_but_not_in_what_a_command_loaded(loaded, told):
    """Nor do these tests, see `conftest`. What other programs load is theirs."""
    command = [sys.executable, "-c", LOADED.format(loaded)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == told
    assert gc.isenabled() and gc.get_threshold()[:2] == (NEW_OBJECTS, 10)


@pytest.mark.parametrize("module", ["carnet", "carnet.cli"])
def test_the_command_is_a_module_too(module):
    command = [sys.executable, "-m", module, "run", "/nowhere"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "/nowhere" in done.stderr
