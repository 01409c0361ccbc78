"""What a customer brings and what serving it costs."""

from collections.abc import Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from carnet.book.book import Book
from carnet.customers.columns import Part, joined
from carnet.customers.series import audit_series, own_costs
from carnet.customers.series import moved as moved_of
from carnet.measures.costs import cost_to_serve
from carnet.measures.register import Column, composed


@dataclass(frozen=True)
class Rates:
    """What an hour with a customer may cost, at least and at most,
    and what waiting money costs a year (parameters of cost_structure).
    """

    hourly_low: float = 35.0
    hourly_high: float = 67.0
    capital: float = 0.06
    draws: int = 1000

    @property
    def hourly(self) -> float:
        """The middle rate."""
        return (self.hourly_low + self.hourly_high) / 2


def served_tables(book: Book, rates: Rates) -> tuple[list[ir.Table], int]:
    """What serving cost in the audit period, by customer and activity: noted or timed activities,
    and waiting for payment; activities with neither price.

    No table where the book has neither priced activities nor payments.
    """
    tables, unpriced = [], 0
    if book.has("service"):
        visits = cost_to_serve.activity_costs(
            book.table("service"), book.periods.current, rates.hourly
        )
        tables.append(visits)
        unpriced = int(visits.unpriced_count.sum().fill_null(0).execute())
    if book.has("receivables", "paid_date"):
        tables.append(
            cost_to_serve.waiting_costs(
                book.table("receivables"),
                book.periods.current,
                ibis.date(book.as_of),
                rates.capital,
            )
        )
    return tables, unpriced


def margins_of(book: Book, moved: ir.Table, now: pd.Series) -> ir.Table:
    """`cost_to_serve.customer_margins` of the audit period; `now`:
    its row of `series.audit_series`.
    """
    return cost_to_serve.customer_margins(
        moved,
        book.cube,
        book.periods.in_current(book.cube),
        round(now.variable_cost, 2),
        round(now.accounted_revenue, 2),
        own_costs(book),
    )


def yearly_customers(book: Book) -> pd.DataFrame:
    """Customers of the last 12 months and of the 12 before, those due:
    customer_id, margin (of the last 12 months), active, active_previous.
    """
    book = book.rolling
    moved = moved_of(book)
    margins = margins_of(book, moved, audit_series(book).iloc[1]).select("customer_id", "margin")
    t = (
        moved.filter(moved.status.isin(["kept", "lost", "new", "recovered"]))
        .left_join(margins, "customer_id")
        .execute()
    )
    t["margin"] = t.margin.mask(t.revenue == 0, 0.0)  # no revenue, no margin; unknown stays unknown
    return t[["customer_id", "margin", "active", "active_previous"]].sort_values(
        "customer_id", ignore_index=True
    )


@composed(
    {
        "cost_to_serve": Column(
            "currency", "Σ of its activities at the middle rate, and of waiting for payment"
        ),
        "profit": Column("currency", "margin less cost_to_serve"),
        "profit_low": Column(
            "currency", "Lower bound of profit over the drawn rates, else the margin"
        ),
        "profit_high": Column(
            "currency", "Upper bound of profit over the drawn rates, else the margin"
        ),
        "margin_revenue": Column("currency", "Revenue that the margin is of"),
        "profit_or_margin": Column(
            "currency", "Margin less cost to serve, else the margin where no cost to serve is known"
        ),
    },
)
def profits(book: Book, rates: Rates) -> tuple[Part, list[str]]:
    """Margins of the audit period and what is left of them: margin_revenue, margin, cost_to_serve,
    profit, and the columns that `profit_bounds` reads: what serving cost by kind
    of activity, in the order of their names (none where no cost to serve is known).
    """
    kinds = dict.fromkeys(("margin_revenue", "margin", "cost_to_serve", "profit"), "float64")
    now = audit_series(book).iloc[1]
    if not (now.variable_cost == now.variable_cost and now.accounted_revenue > 0):
        return Part(None, kinds), []
    margins = margins_of(book, moved_of(book), now)
    margins = margins.select("customer_id", "margin", margin_revenue="revenue")
    tables, _ = served_tables(book, rates)
    served: list[str] = []
    if book.has("service") and any(t.cost.notnull().any().execute() for t in tables[:1]):
        costs = ibis.union(*(t.select("customer_id", "activity", "cost") for t in tables))
        names = costs.activity.as_table().distinct().execute().activity.dropna()
        told = {f"served_{n}": name for n, name in enumerate(sorted(names))}
        costs = costs.group_by("customer_id").agg(
            **{n: costs.cost.sum(where=costs.activity == name) for n, name in told.items()}
        )
        served = list(told)
        margins = joined(margins, Part(costs, dict.fromkeys(served, "float64")))
        # no such activity noted: no cost of it
        margins = margins.mutate(**{name: margins[name].fill_null(0.0) for name in served})
        margins = margins.mutate(cost_to_serve=sum(margins[name] for name in served))
        margins = margins.mutate(profit=margins.margin - margins.cost_to_serve)
    return Part(margins, kinds | dict.fromkeys(served, "float64")), served


def bounded(t: pd.DataFrame, rates: Rates, served: Sequence[str]) -> pd.DataFrame:
    """Rows with profit_low and profit_high: `cost_to_serve.profit_bounds`, the margin where no cost
    to serve is known.
    """
    if not served:
        return t.assign(profit_low=t.margin, profit_high=t.margin)
    known, t = t.margin.notna(), t.assign(profit_low=np.nan, profit_high=np.nan)
    margin, costs = t.margin[known].to_numpy(), t.loc[known, list(served)].to_numpy(dtype=float)
    span = rates.hourly_low / rates.hourly, rates.hourly_high / rates.hourly
    bounds = cost_to_serve.profit_bounds(margin, costs, *span, rates.draws)
    t.loc[known, ["profit_low", "profit_high"]] = bounds.T
    return t
