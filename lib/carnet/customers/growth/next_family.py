"""The next family for each account, computed once: what decisions and the page of growth read."""

import ibis
import ibis.expr.types as ir
import pandas as pd

from carnet.book.book import Book
from carnet.book.mapped import Mapped, as_it_is
from carnet.book.tables import tabled
from carnet.customers.columns import given
from carnet.measures.growth import associations, families

MOST_FAMILIES = 200


def family_of(book: Book) -> str:
    """The column that names a family: the offer, else the product; empty without either."""
    return next((name for name in ("offer", "product") if book.has("sales", name)), "")


def can_foretell(book: Book) -> bool:
    """True where families are named and the sales tell what was owned a year ago."""
    return bool(family_of(book)) and book.previous_is_complete and not book.orders_too_rarely


@tabled
def family_pairs(book: Book) -> Mapped:
    """`families.family_years` of the book, of the MOST_FAMILIES families with most customers.

    Beyond them a family is too rare to go with another, and pairs of families are its square.
    """
    t = families.family_years(book.table("sales"), family_of(book), book.periods)
    counts = t.group_by("family").agg(customers=t.count())
    kept = counts.order_by(ibis.desc("customers"), "family").limit(MOST_FAMILIES)
    return as_it_is(t.semi_join(kept, "family").order_by("customer_id", "family"))


@tabled
def next_families_of(book: Book) -> Mapped:
    """`associations.next_families` of the book; no row where nothing can be foretold."""
    if not can_foretell(book):
        # of the book's engine, whichever it is
        return as_it_is(book.orders.limit(0).select(**given(None, associations.NEXT)))
    pairs = family_pairs(book)
    trial = associations.next_family_trial(pairs)
    return as_it_is(associations.next_families(pairs, trial, margin_rates(pairs)))


def margin_rates(pairs: ir.Table) -> pd.Series:
    """Margin ÷ revenue of the last 12 months by family; NaN where no line tells a cost."""
    if "margin" not in pairs.columns:
        return pd.Series(dtype=float)
    told = pairs.filter(pairs.margin.notnull()).group_by("family")
    t = told.agg(margin=lambda t: t.margin.sum(), revenue=lambda t: t.revenue.sum())
    t = t.execute().set_index("family")
    return t.margin / t.revenue.where(t.revenue > 0)
