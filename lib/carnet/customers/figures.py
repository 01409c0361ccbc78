"""Figures of a book: read from a one-row table, and unknown where the book cannot tell them."""

from collections.abc import Mapping
from typing import Any

import ibis.expr.types as ir

from carnet.book.book import Book
from carnet.measures.catalogue import FIGURES
from carnet.wording import unknown

NAN = float("nan")


def figures_of(summary: ir.Table) -> dict[str, float]:
    """The figures of a one-row table; unknown is NaN."""
    row = summary.execute().iloc[0]
    return {name: NAN if unknown(value) else value for name, value in row.items()}


def measured(book: Book, figures: Mapping[str, Any]) -> dict[str, Any]:
    """The figures, those that the book cannot tell unknown.

    Unknown are figures that compare with the previous period where the sales given do not cover it
    (without sales, a summary or a ledger tells it or does not), and movements of customers where
    most of them order too rarely.
    """
    known = book.previous_is_complete or not book.has("sales")
    hidden = {
        name
        for name, figure in FIGURES.items()
        if (figure.compares and not known) or (figure.moves and book.orders_too_rarely)
    }
    return {name: NAN if name in hidden else value for name, value in figures.items()}


def with_names(table: ir.Table, book: Book) -> ir.Table:
    """Add name and salesperson to a table that has customer_id;
    the order of rows is for the caller to set.
    """
    joined = table.left_join(book.customers, "customer_id")
    return joined.select(
        joined.customer_id,
        joined.name,
        joined.salesperson,
        *(c for c in table.columns if c != "customer_id"),
    )
