"""How Python runs what is computed here: many small objects, made by calls within calls."""

import gc
from collections.abc import Callable
from types import FunctionType
from typing import Any

NEW_OBJECTS = 20_000  # between two looks for garbage: expressions are many
ROOM = 2**16 + 1  # values: a little more than half of a megabyte
FEW_CUSTOMERS = 10_000


def keep_imported() -> None:
    """What was imported until now is never garbage; from now on it is looked for beside that, and
    more often than `carnet` asks for while modules are loaded.
    """
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, 10)


def hold_texts(customers: int) -> None:
    """From now on frames hold texts as Python's strings where a book has few customers, else as
    Arrow's; which of them changes no value.

    To ask Arrow takes longer than what is asked of a few texts: 100 rows are merged in 0.7 ms
    instead of 1.2. Of many it is quicker: 100,000 are sorted in 3 ms instead of 80.
    """
    import pandas as pd

    pd.set_option("mode.string_storage", "python" if customers < FEW_CUSTOMERS else "pyarrow")


def _call(work: Callable[..., Any], given: tuple, named: dict[str, Any]) -> Any:
    return work(*given, **named)


_call_with_room = FunctionType(_call.__code__.replace(co_stacksize=ROOM), globals())


def with_room(work: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """What `work(*given, **named)` returns, with half a megabyte for the variables of all
    functions that call one another in it.

    Python asks the system for 16 kB of them at a time and gives them back when they are empty:
    where a loop calls a function just at the end of such a part, every call asks and gives back,
    and takes 7 µs instead of 0.03 (python/cpython, issue 142183; mended in later versions). A
    function that says it needs more than half a megabyte is given a whole one, and uses little.
    """
    return _call_with_room(work, given, named)
