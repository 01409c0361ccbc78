"""What accounts bought between two days, by the measure of an experiment."""

import datetime as dt

import ibis
import pandas as pd

from carnet.book.book import Book


def units_of(
    book: Book, accounts: pd.DataFrame, measure: str, start: dt.date, end: dt.date
) -> pd.Series:
    """What each account bought between two days (both included), as one of `experiments.MEASURES`,
    in the order of `accounts`.

    Nothing bought is 0, since the sales given cover the days; a margin is unknown where a line
    tells no cost.
    """
    sales = book.table("sales")
    t = sales.filter(sales.date.between(ibis.date(start), ibis.date(end)))
    if measure in ("orders", "retention"):
        bought = book.orders.filter(book.orders.date.between(ibis.date(start), ibis.date(end)))
        counts = (
            bought.group_by("customer_id")
            .agg(value=bought.count())
            .execute()
            .set_index("customer_id")
            .value
        )
        count = accounts.customer_id.map(counts).fillna(0.0).astype(float)  # no order in the window
        return count if measure == "orders" else (count > 0).astype(float)
    amount = t.amount.cast("float64") - (t.cost.cast("float64") if measure == "margin" else 0.0)
    sums = (
        t.group_by("customer_id")
        .agg(value=amount.sum(), blank=amount.isnull().any())
        .execute()
        .set_index("customer_id")
    )
    value = accounts.customer_id.map(sums.value).fillna(0.0).astype(float)  # no line in the window
    # a line without cost: not known
    return value.mask(accounts.customer_id.map(sums.blank).fillna(False).astype(bool))
