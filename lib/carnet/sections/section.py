"""How a section is made: the decorator that asks what it needs once,
and records what ran for each exhibit.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from carnet.book.book import Book
from carnet.engagement.schema import TABLE_LABELS
from carnet.exhibits.exhibit import Exhibit, Kept, Ranked, Said, Section, Shown, said
from carnet.findings import Finding, ranked
from carnet.measures.register import recording
from carnet.sections.missing import Need, Study, first_missing
from carnet.wording import Wording

P = ParamSpec("P")


S = TypeVar("S", bound=Study)
SECTIONS: set[str] = set()  # the ids of all sections: notebook.section
Shows = Iterator[Shown]


def section(
    *needed: Need, annex: bool = False
) -> Callable[[Callable[Concatenate[S, P], Shows]], Callable[Concatenate[S, P], Section]]:
    """A section out of a function that yields what is shown, in order.

    Where the book lacks what it needs, the first line that says so stands for all that it shows;
    its lists are written and its checks hold all the same. `made_by` of an exhibit are the measures
    that ran since the item before it was yielded: what two exhibits show is asked of the study
    twice (it is computed once), never kept in a local variable. `annex` puts it among the methods.
    """

    def made(function: Callable[Concatenate[S, P], Shows]) -> Callable[Concatenate[S, P], Section]:
        SECTIONS.add(f"{function.__module__.rpartition('.')[2]}.{function.__name__}")

        @wraps(function)
        def whole(study: S, *args: P.args, **kwargs: P.kwargs) -> Section:
            missing = first_missing(*(need(study) for need in needed))
            name = function.__name__
            shown = list(_signed(name, function(study, *args, **kwargs)))
            return Section(name, study.book.wording, tuple(_refused(shown, missing)), annex)

        return whole

    return made


def _signed(question: str, items: Shows) -> Shows:
    """The items, each exhibit with the question that it answers and the names of what ran while it
    was made.
    """
    while True:
        with recording() as made:
            item = next(items, None)
        if item is None:
            return
        if isinstance(item, Exhibit):
            item = replace(item, question=question, made_by=tuple(made.ran))
        yield item


def _refused(shown: Iterable[Shown], missing: str) -> Iterator[Shown]:
    """What is shown; where something is missing, the line that says so, once,
    and of exhibits their lists and checks.
    """
    if not missing:
        yield from shown
        return
    yield Said(missing, "missing")
    yield from (Kept(item.lists, item.checks) for item in shown if isinstance(item, Exhibit | Kept))


def points(w: Wording, findings: Sequence[Finding | None]) -> Shows:
    """The main points of a notebook, largest money first; without any, the line that says so."""
    made = ranked(findings)
    if made:
        yield Ranked(made)
    else:
        yield from said(w._("No finding: the tables they need are missing."), "missing")


def source_line(book: Book, *tables: str, start: dt.date | None = None) -> str:
    """The footer of a chart: those of the tables that the book has, and the audit period,
    or the time from another `start` on.
    """
    w, period = book.wording, book.periods.current
    named = [name for name in tables if name in book.checks] or list(book.checks)
    return w._(
        "Source: {tables}; period {start} to {end}",
        tables=", ".join(w.tell(TABLE_LABELS[name]) for name in named[:4]),
        start=w.date(start or period.start),
        end=w.date(period.end),
    )


def month_labels(book: Book, audit_months: Iterable[Any]) -> list[str]:
    """Two-line labels of audit months for an axis: calendar months by name,
    others by the day on which they end.
    """
    pattern = "MMM\ny" if book.periods.ends_a_month else "d MMM\ny"
    return [book.wording.date(book.periods.month_end(month), pattern) for month in audit_months]
