"""The next family for each account, computed once: what decisions and the page of growth read."""

import ibis
import pandas as pd

from carnet.book.book import Book
from carnet.book.once import once
from carnet.measures.growth import associations, families

MOST_FAMILIES = 200


def family_of(book: Book) -> str:
    """The column that names a family: the offer, else the product; empty without either."""
    return next((name for name in ("offer", "product") if book.has("sales", name)), "")


def can_foretell(book: Book) -> bool:
    """True where families are named and the sales tell what was owned a year ago."""
    return bool(family_of(book)) and book.previous_is_complete and not book.orders_too_rarely


@once
def family_pairs(book: Book) -> pd.DataFrame:
    """`families.family_years` of the book, of the MOST_FAMILIES families with most customers.

    Beyond them a family is too rare to go with another, and pairs of families are its square.
    """
    t = families.family_years(book.table("sales"), family_of(book), book.periods)
    counts = t.group_by("family").agg(customers=t.count())
    kept = counts.order_by(ibis.desc("customers"), "family").limit(MOST_FAMILIES)
    return t.semi_join(kept, "family").order_by("customer_id", "family").execute()


@once
def next_families_of(book: Book) -> pd.DataFrame:
    """`associations.next_families` of the book; no row where nothing can be foretold."""
    if not can_foretell(book):
        return pd.DataFrame(columns=associations.NEXT_COLUMNS)
    pairs = family_pairs(book)
    trial = associations.next_family_trial(pairs)
    return associations.next_families(pairs, trial, margin_rates(pairs))


def margin_rates(pairs: pd.DataFrame) -> pd.Series:
    """Margin ÷ revenue of the last 12 months by family; NaN where no line tells a cost."""
    if "margin" not in pairs:
        return pd.Series(dtype=float)
    told = pairs[pairs.margin.notna()].groupby("family")[["margin", "revenue"]].sum()
    return told.margin / told.revenue.where(told.revenue > 0)
