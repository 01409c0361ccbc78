"""Revenue, customers, margin and retention by what groups lines or customers."""

import pandas as pd

from carnet.book.book import Book
from carnet.customers.accounts.profits import margins_of
from carnet.customers.series import audit_series
from carnet.customers.series import moved as moved_of
from carnet.measures.portfolio import cuts

CUTS = (
    ("sales", "offer"),
    ("sales", "channel"),
    ("customers", "region"),
    ("customers", "sector"),
    ("customers", "segment"),
    ("sales", "salesperson"),
    ("customers", "salesperson"),  # where the sale lines name none
)


def cuts_of(book: Book) -> pd.DataFrame:
    """`cuts.cut` by every column given that groups lines or customers:
    dimension (CUTS), then its columns; no row without one.
    """
    now, found = audit_series(book).iloc[1], [pd.DataFrame({"dimension": [], "group": []})]
    moved, margins = book.kept("customer_movement", moved_of(book)), None
    if now.variable_cost == now.variable_cost:
        margins = book.kept("customer_margins", margins_of(book, moved, now))
    for table, column in CUTS:
        done = any((t.get("dimension") == column).any() for t in found)
        if done or not (book.has("sales") and book.has(table, column)):
            continue
        if table == "sales":
            pairs = cuts.line_pairs(book.table("sales"), moved, book.periods, column)
            pairs = cuts.spread_margins(pairs, margins)
        else:
            listed = book.table("customers")
            groups = listed.group_by("customer_id").agg(group=listed[column].max())
            pairs = cuts.customer_pairs(moved, margins, groups)
        found.append(cuts.cut(pairs).assign(dimension=column))
    return pd.concat(found[1:] or found, ignore_index=True)
