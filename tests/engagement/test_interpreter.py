"""A call takes as long wherever a loop makes it."""

import resource

import pytest
from carnet.engagement.interpreter import with_room

CALLS = 300


def nothing(*_, a=0, b=0, c=0, d=0, e=0, f=0, g=0, h=0):
    """More variables than the function below has: one of its depths ends a part of the memory for
    variables just where this one begins.
    """


def faults_of_calls(depth):
    """How often the system gave memory, a page at a time, while `nothing` was called below so many
    calls.
    """
    if depth:
        return faults_of_calls(depth - 1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(CALLS):
        nothing()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def test_no_call_asks_the_system_for_memory_again_and_again():
    """Without room, one depth in some 150 asks for it at each call (Python 3.11 and 3.12)."""
    assert max(with_room(faults_of_calls, depth) for depth in range(600)) < CALLS / 10


def test_what_is_returned_and_raised_passes_through():
    assert with_room(divmod, 7, 2) == (3, 1) and with_room(sorted, "ab", reverse=True) == ["b", "a"]
    with pytest.raises(ZeroDivisionError):
        with_room(divmod, 1, 0)
