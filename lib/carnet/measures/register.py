"""What a measure declares about itself, and the recording of the measures that ran.

A public function of `carnet.measures` bears `@measure`: its label, and the published figures
that it gives. The register is what was declared; `carnet.measures.catalogue` reads every module
of measures, so that it is whole.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Generic, Literal, ParamSpec, TypeVar, cast

import ibis.expr.types as ir

P = ParamSpec("P")
R = TypeVar("R")
Unit = Literal["currency", "ratio", "count", "days", "index"]


@dataclass(frozen=True)
class Figure:
    """One published figure. `good` is the direction that is good news (None when it depends).

    `compares`: it means nothing where the sales given do not cover the previous period. `moves`:
    it says what became of customers in a year, and nothing where most of them order less
    than once a year.
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
    """A declared function: its name, what its result is, where its definition stands
    (the docstring), its figures.
    """

    name: str
    label: str
    module: str
    definition: str
    figures: tuple[str, ...]


@dataclass(frozen=True)
class Ran:
    """What ran: what its result is, and the table of the engine that it gave, or the SQL of one."""

    label: str
    table: ir.Table | None = None
    query: str = ""


@dataclass(eq=False)
class Recording:
    """What ran, by name, in the order in which it ran first."""

    ran: dict[str, Ran] = field(default_factory=dict)


@dataclass(frozen=True)
class Column:
    """One column of a composed table: its unit, and what it is for one customer."""

    unit: Unit | Literal["months", "years", "date", "text", "truth"]
    definition: str
    source: str = "workbook"


MEASURES: dict[str, Measure] = {}
FIGURES: dict[str, Figure] = {}
COLUMNS: dict[str, Column] = {}
COMPOSED: dict[str, str] = {}
_open: list[Recording] = [Recording()]  # the first one is that of the process, see `start`


def measure(
    label: str, figures: Mapping[str, Figure] = {}
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Declare a function as a measure; every call notes its name in the recordings that are open.

    Raises ValueError when another module declared the name, or one of its figures:
    one name, one formula.
    """

    def declared(function: Callable[P, R]) -> Callable[P, R]:
        name = function.__name__
        known = MEASURES.get(name)
        twice = [figure for figure in figures if figure in FIGURES]
        if (known and known.module != function.__module__) or (twice and not known):
            raise ValueError(f"{function.__module__}.{name} declares {[name, *twice]} again.")
        MEASURES[name] = Measure(
            name, label, function.__module__, function.__doc__ or "", tuple(figures)
        )
        FIGURES.update(figures)

        @wraps(function)
        def recorded(*args: P.args, **kwargs: P.kwargs) -> R:
            result = function(*args, **kwargs)
            note(name, Ran(label, result if isinstance(result, ir.Table) else None))
            return result

        return recorded

    return declared


def composed(
    columns: Mapping[str, Column], label: str = ""
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Declare a function that composes a table of customers: the columns that it adds to those of
    the measures and tables it joins. With a label, every call is noted as that of a measure is.

    Raises ValueError when a column is declared twice: one name, one formula.
    """

    def declared(function: Callable[P, R]) -> Callable[P, R]:
        name, twice = function.__name__, [column for column in columns if column in COLUMNS]
        if twice:
            raise ValueError(f"{function.__module__}.{name} declares {twice} again.")
        COLUMNS.update(columns)
        if label:
            COMPOSED[name] = label

        @wraps(function)
        def recorded(*args: P.args, **kwargs: P.kwargs) -> R:
            result = function(*args, **kwargs)
            if label:
                note(name, Ran(label))
            return result

        return recorded

    return declared


def start() -> Recording:
    """A new recording in the place of the process's own: it holds all that runs from here on."""
    _open[0] = Recording()
    return _open[0]


@contextmanager
def recording() -> Iterator[Recording]:
    """Note all that runs inside, in this recording and in those around it."""
    kept = Recording()
    _open.append(kept)
    try:
        yield kept
    finally:
        _open.remove(kept)


def note(name: str, ran: Ran) -> None:
    """Note in all open recordings that something ran, now or when what is read
    again was computed.
    """
    for kept in _open:
        kept.ran.setdefault(name, ran)


class computed(property, Generic[R]):  # noqa: N801  # a decorator, like `property`
    """A property computed when it is first read; what ran for it is noted whenever it is read."""

    def __init__(self, function: Callable[[Any], R]) -> None:
        super().__init__(function)
        self.function, self.place = function, f"_computed_{function.__name__}"

    def __get__(self, instance: Any, owner: type | None = None) -> R:  # type: ignore[override]
        """The value, and note what ran for it; of the class, the property itself."""
        if instance is None:
            return cast(R, self)
        if self.place not in vars(instance):
            with recording() as made:
                value = self.function(instance)
            vars(instance)[self.place] = value, made.ran
        value, ran = vars(instance)[self.place]
        for name, what in ran.items():
            note(name, what)
        return value
