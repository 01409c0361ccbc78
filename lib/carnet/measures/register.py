"""What a measure declares about itself, and the recording of the measures that ran.

A public function of `carnet.measures` bears `@measure`: its label, and the published figures that it gives. The register is
what was declared; `carnet.measures.catalogue` reads every module of measures, so that it is whole.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Literal, ParamSpec, TypeVar

import ibis.expr.types as ir

P = ParamSpec("P")
R = TypeVar("R")
Unit = Literal["currency", "ratio", "count", "days", "index"]


@dataclass(frozen=True)
class Figure:
    """One published figure. `good` is the direction that is good news (None when it depends).

    `compares`: it means nothing where the sales given do not cover the previous period. `moves`: it says what became of
    customers in a year, and nothing where most of them order less than once a year.
    """

    label: str
    unit: Unit
    definition: str
    good: Literal["up", "down"] | None = None
    decimals: int = 0
    source: str = "C, D"
    compares: bool = False
    moves: bool = False


@dataclass(frozen=True)
class Measure:
    """A declared function: its name, what its result is, where its definition stands (the docstring), its figures."""

    name: str
    label: str
    module: str
    definition: str
    figures: tuple[str, ...]


@dataclass
class Recording:
    """Measures in the order in which they first ran, each with its first result where that is a table of the engine."""

    ran: dict[str, ir.Table | None] = field(default_factory=dict)

    def note(self, name: str, result: Any = None) -> None:
        """Keep the name, and the result if it is a table."""
        self.ran.setdefault(name, result if isinstance(result, ir.Table) else None)


MEASURES: dict[str, Measure] = {}
FIGURES: dict[str, Figure] = {}
_open: ContextVar[tuple[Recording, ...]] = ContextVar("open_recordings", default=())


def measure(label: str, figures: Mapping[str, Figure] = {}) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Declare a function as a measure; every call notes its name in the recordings that are open.

    Raises ValueError when another module declared the name, or one of its figures: one name, one formula.
    """

    def declared(function: Callable[P, R]) -> Callable[P, R]:
        name = function.__name__
        known = MEASURES.get(name)
        twice = [figure for figure in figures if figure in FIGURES]
        if (known and known.module != function.__module__) or (twice and not known):
            raise ValueError(f"{function.__module__}.{name} declares {[name, *twice]} again.")
        MEASURES[name] = Measure(name, label, function.__module__, function.__doc__ or "", tuple(figures))
        FIGURES.update(figures)

        @wraps(function)
        def recorded(*args: P.args, **kwargs: P.kwargs) -> R:
            result = function(*args, **kwargs)
            note(name, result)
            return result

        return recorded

    return declared


@contextmanager
def recording() -> Iterator[Recording]:
    """Note every measure that runs inside, in this recording and in those around it."""
    kept = Recording()
    token = _open.set((*_open.get(), kept))
    try:
        yield kept
    finally:
        _open.reset(token)


def note(name: str, result: Any = None) -> None:
    """Note in all open recordings that a measure ran, now or when what is read again was computed."""
    for kept in _open.get():
        kept.note(name, result)
