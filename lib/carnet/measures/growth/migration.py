"""How customers move between ordered classes from one year to the next:
bands of baskets, frequencies, ABC classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import binom, binomtest

from carnet.measures.register import measure
from carnet.wording import N_

NOT_THERE = "not_there"  # in no class: bought nothing
FREQUENCIES = (2, 4, 7, 13)  # orders a year at which a band of frequency starts


@measure(N_("Customers by basket and frequency, in both years"))
def basket_frequency(movement: pd.DataFrame, bounds: Sequence[float]) -> pd.DataFrame:
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
    t = movement[["customer_id", "revenue", "revenue_previous"]].copy()
    for suffix in ("", "_previous"):
        orders, revenue = movement[f"order_count{suffix}"], movement[f"revenue{suffix}"]
        bought = (orders > 0) & (revenue > 0)
        basket = (revenue / orders.where(bought)).to_numpy(dtype=float)
        bands = {
            "basket_band": np.searchsorted(bounds, basket, side="right"),
            "frequency_band": np.searchsorted(FREQUENCIES, orders.to_numpy(float), side="right"),
        }
        for name, band in bands.items():
            t[f"{name}{suffix}"] = np.where(bought, band, -1)
    there = (t.basket_band >= 0) | (t.basket_band_previous >= 0)
    return t[there].reset_index(drop=True)


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
def migration(classes: pd.DataFrame) -> pd.DataFrame:
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
    t = classes.groupby(["before", "after"], as_index=False).agg(
        customer_count=("customer_id", "size"),
        revenue=("revenue", "sum"),
        revenue_previous=("revenue_previous", "sum"),
    )
    return t.assign(sales_gap=t.revenue - t.revenue_previous)


@measure(N_("Customers that changed class between two days"))
def class_changes(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """The class of each customer on two days.

    Formula     both tables joined by customer; not_there: in no class on that day (not active)
    Unit        classes
    Population  one row a customer with a class on either day
    Undefined   never: without a class on either day the table is empty
    Source      definition of the workbook

    Parameters  before, after: customer_id, class
    Columns     customer_id, class_before, class_after
    """
    t = before[["customer_id", "class"]].merge(
        after[["customer_id", "class"]],
        on="customer_id",
        how="outer",
        suffixes=("_before", "_after"),
    )
    names = ["class_before", "class_after"]
    return t.assign(**{name: t[name].astype(object).fillna(NOT_THERE) for name in names})


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
    low, high = binom.ppf([0.025, 0.975], up + down, 0.5)
    p_value = binomtest(up, up + down).pvalue
    return Moves(stayed, up, down, float(low), float(high), float(p_value))
