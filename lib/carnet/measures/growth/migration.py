"""How customers move between ordered classes from one year to the next:
bands of baskets, frequencies, ABC classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import scipy

from carnet.measures.register import measure
from carnet.wording import N_

NOT_THERE = "not_there"  # in no class: bought nothing
FREQUENCIES = (2, 4, 7, 13)  # orders a year at which a band of frequency starts


@measure(N_("Customers by basket and frequency, in both years"))
def basket_frequency(movement: ir.Table, bounds: Sequence[float]) -> ir.Table:
    """The band of mean basket and the band of frequency of each customer, in both years.

    Formula     mean basket = revenue ÷ orders of the year; basket_band = number of `bounds` that it
                reaches; frequency_band = number of FREQUENCIES that the orders reach
    Unit        positions, from 0
    Population  one row a customer with an order in either year
    Undefined   −1 where it has no order, or no revenue above 0, in the year
    Source      source D of the method (baskets and frequency)

    Parameters  movement: customer_id, revenue, revenue_previous, order_count, order_count_previous;
                bounds: ascending
    Columns     customer_id, revenue, revenue_previous, basket_band, basket_band_previous,
                frequency_band, frequency_band_previous
    """
    t, bands = movement, dict[str, ir.Value]()
    for suffix in ("", "_previous"):
        orders, revenue = t[f"order_count{suffix}"], t[f"revenue{suffix}"]
        bought = ((orders > 0) & (revenue > 0)).fill_null(False)
        reached = {
            "basket_band": _reached(revenue / orders.nullif(0), bounds),
            "frequency_band": _reached(orders, FREQUENCIES),
        }
        bands |= {f"{name}{suffix}": bought.ifelse(band, -1) for name, band in reached.items()}
    t = t.select("customer_id", "revenue", "revenue_previous", **bands)
    return t.filter((t.basket_band >= 0) | (t.basket_band_previous >= 0))


def _reached(value: ir.NumericValue, bounds: Sequence[float]) -> ir.IntegerValue:
    """How many of the bounds a value reaches."""
    counted = [(value >= bound).ifelse(1, 0) for bound in bounds]
    return sum(counted, start=ibis.literal(0))


@dataclass(frozen=True)
class Moves:
    """Customers of both years: those that stayed in their class, moved up, moved down; of as many
    movers, how many go up by luck alone (95 % of the time), and the p-value of so uneven a split.
    """

    stayed_count: int
    up_count: int
    down_count: int
    low: float
    high: float
    p_value: float


@measure(N_("Customers by class, in both years"))
def migration(classes: ir.Table) -> pd.DataFrame:
    """How many customers, and what revenue, went from which class to which.

    Formula     counts and sums over the customers of each pair of classes
    Unit        counts; currency
    Population  one row a pair of classes that holds a customer; −1: none in that year
    Undefined   never
    Source      definition of the workbook (transition matrix)

    Parameters  classes: customer_id, before, after (positions, −1: none), revenue,
                revenue_previous
    Columns     before, after, customer_count, revenue, revenue_previous, sales_gap
    """
    t = classes.group_by("before", "after").agg(
        customer_count=classes.count(),
        revenue=classes.revenue.sum().fill_null(0.0),
        revenue_previous=classes.revenue_previous.sum().fill_null(0.0),
    )
    t = t.mutate(sales_gap=t.revenue - t.revenue_previous)
    return t.order_by("before", "after").execute()


@measure(N_("Customers that changed class between two days"))
def class_changes(before: ir.Table, after: ir.Table) -> ir.Table:
    """The class of each customer on two days.

    Formula     both tables joined by customer; not_there: in no class on that day (not active)
    Unit        classes
    Population  one row a customer with a class on either day
    Undefined   never: without a class on either day the table is empty
    Source      definition of the workbook

    Parameters  before, after: customer_id, class
    Columns     customer_id, class_before, class_after
    """
    both = before.select("customer_id", class_before=before["class"]).outer_join(
        after.select("customer_id", class_after=after["class"]), "customer_id"
    )
    return both.select(
        customer_id=ibis.coalesce(both.customer_id, both.customer_id_right),
        class_before=both.class_before.fill_null(NOT_THERE),
        class_after=both.class_after.fill_null(NOT_THERE),
    )


@measure(N_("Customers that moved up and down, beside luck"))
def moves(table: pd.DataFrame) -> Moves:
    """How many moved up and how many down, beside what luck would do with as many movers.

    Formula     up: after > before, both years known; low and high: 2.5 and 97.5 % points of a
                binomial of up + down at one half; p_value: two-sided sign test
    Unit        counts; a probability
    Population  customers with a class in both years
    Undefined   low, high and p_value are NaN where nobody moved
    Source      sign test: W. J. Dixon and A. M. Mood, JASA, 1946; equal years swap places with
                equal chance

    Parameters  table: `migration`
    """
    both = table[(table.before >= 0) & (table.after >= 0)]
    count = both.groupby(np.sign(both.after - both.before)).customer_count.sum()
    stayed, up, down = (int(count.get(sign, 0)) for sign in (0, 1, -1))
    if not up + down:
        return Moves(stayed, up, down, np.nan, np.nan, np.nan)
    low, high = scipy.stats.binom.ppf([0.025, 0.975], up + down, 0.5)
    p_value = scipy.stats.binomtest(up, up + down).pvalue
    return Moves(stayed, up, down, float(low), float(high), float(p_value))
