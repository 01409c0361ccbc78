"""What a section or an exhibit needs of the book, and the one line that stands for it where
it is not there.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import pandas as pd

from carnet.book.book import Book
from carnet.engagement.schema import TABLE_LABELS, TABLES
from carnet.intake.goods import LEAST_COSTED
from carnet.intake.ledger import FILLED
from carnet.wording import Wording, unknown


class MissingTable(str):
    """The line that names the table that would fill a section, with its columns."""

    needs: tuple[str, ...]

    @classmethod
    def of(cls, line: str, table: str, *columns: str) -> "MissingTable":
        """The line, and the table with the columns that it names."""
        made = cls(line)
        made.needs = (table, *columns)
        return made


class Study(Protocol):
    """What a section reads: computed frames, and the book that they come from."""

    @property
    def book(self) -> Book:
        """The opened engagement."""


Need = Callable[[Any], str]  # a study → the line that says what is missing, empty where it is there


def given(table: str, *columns: str) -> Need:
    """The need of a table, with these columns."""
    return lambda study: needs(study.book, table, *columns)


def comparable(study: Study) -> str:
    """The need of months that both years cover: what a gap rests on."""
    return not_comparable(study.book)


def complete(study: Study) -> str:
    """The need of a previous period that the sales given cover: what a movement rests on."""
    return incomplete(study.book)


def first_missing(*lines: str) -> str:
    """The first line that says something; empty when nothing is missing."""
    return next((line for line in lines if line), "")


def needs(book: Book, table: str, *columns: str) -> str:
    """Empty when the book has the table and columns, else the line that says what would fill the
    section, or why it is refused.
    """
    if book.has(table, *columns):
        return ""
    share = book.checks["ledger"].linked_share if "ledger" in book.checks else None
    if table in FILLED and table != "costs" and table not in book.checks and share is not None:
        return book.wording._(
            "Refused: {linked} of the ledger's revenue names a customer, at least {minimum} is "
            "needed to speak of customers.",
            linked=book.wording.percent(share),
            minimum=book.wording.percent(book.engagement.linked_share_minimum),
        )
    line = book.wording._(
        "Not measured: this section needs the table {table} with {columns}.",
        table=book.wording.tell(TABLE_LABELS[table]),
        columns=", ".join(columns or TABLES[table].required),
    )
    return MissingTable.of(line, table, *(columns or TABLES[table].required))


def told_briefly(w: Wording, own: Mapping[str, str]) -> dict[str, str]:
    """Written figures by name; in a cell a missing table is “not measured”: what would fill it is
    said once.
    """
    return {
        name: w._("not measured") if isinstance(text, MissingTable) else text
        for name, text in own.items()
    }


def unmeasured(book: Book, value: float | None, table: str, *columns: str) -> str:
    """Empty when the value is known, else the line that says why it is not:
    the table is missing, or does not tell it.
    """
    if not unknown(value):
        return ""
    uncosted = [
        notice
        for notice in book.goods.notices
        if notice.values.get("missing_share", 0) > 1 - LEAST_COSTED
    ]
    if uncosted and table == "costs":
        return book.wording.tell(uncosted[0])
    return needs(book, table, *columns) or book.wording._(
        "Not measured: the table {table} does not cover this period, or leaves a part "
        "of it unclassified.",
        table=book.wording.tell(TABLE_LABELS[table]),
    )


def incomplete(book: Book) -> str:
    """Empty when the previous period is covered by the sales given and a year tells movements,
    else the line that stands for a comparison with it.
    """
    if book.orders_too_rarely:
        return _too_rarely(book)
    if book.previous_is_complete:
        return ""
    return book.wording._("Not compared: the sales given do not cover the previous period.")


def _too_rarely(book: Book) -> str:
    return book.wording._(
        "Not measured: half of the customers order less than once a year, and a year without an "
        "order is no departure."
    )


def not_comparable(book: Book) -> str:
    """Empty when some months of both years are covered by the sales given and a year tells gaps,
    else the line that stands for the gap list.
    """
    if book.orders_too_rarely:
        return _too_rarely(book)
    if book.comparable_months:
        return ""
    return needs(book, "sales") or book.wording._(
        "Not compared: the sales given cover no month of both years."
    )


def partly_comparable(book: Book) -> str:
    """Empty when all months of the audit period are compared,
    else the line that says which ones are.
    """
    compared, all_months = len(book.comparable_months), book.periods.month_count
    if compared in (0, all_months):
        return ""
    return book.wording._(
        "Compared on both sides: {compared} months of {count}, the others are not covered whole "
        "by the sales given.",
        compared=book.wording.number(compared),
        count=book.wording.number(all_months),
    )


def too_few(book: Book, frame: pd.DataFrame | Sequence, least: int = 1) -> str:
    """Empty when the frame or list has at least `least` rows,
    else the line that stands for the chart or table.
    """
    return (
        ""
        if len(frame) >= least
        else book.wording._("Nothing to show: no such row in these periods.")
    )
