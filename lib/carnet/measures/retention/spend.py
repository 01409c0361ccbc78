"""What an order of each customer is worth, by the Gamma-Gamma model, and what its orders to come
bring.

Source: P. S. Fader & B. G. S. Hardie, "The Gamma-Gamma Model of Monetary Value" (2013), after
R. Colombo & W. Jiang, Journal of Interactive Marketing 13 (1999); equations numbered as in 2013.
"""

import datetime as dt
import math
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import scipy

from carnet.measures.register import measure
from carnet.measures.retention.purchases import MIN_CUSTOMERS
from carnet.wording import N_

LARGEST = 1e4  # of a parameter, beyond which the data do not identify the model


@dataclass(frozen=True)
class SpendModel:
    """Fitted Gamma-Gamma parameters: spend of a day Gamma(p, ν), ν over customers Gamma(q, γ)."""

    p: float
    q: float
    gamma: float
    log_likelihood: float

    @property
    def mean(self) -> float:
        """Mean spend of a day over the customers, p γ ÷ (q − 1); infinite for q at most 1."""
        return self.p * self.gamma / (self.q - 1) if self.q > 1 else math.inf


@measure(N_("Spend a repeat order day of each customer"))
def spend_history(orders: ir.Table, until: dt.date) -> ir.Table:
    """Repeat order days of each customer up to a day, and what they brought on average.

    Formula     repeat_count = days with an order after the first; mean_spend = Σ revenue of those
                days ÷ repeat_count
    Unit        counts; currency
    Population  one row a customer with an order up to `until`
    Undefined   mean_spend is NULL without a repeat order
    Source      P. S. Fader & B. G. S. Hardie, 2013

    Columns     customer_id, repeat_count, mean_spend
    """
    t = orders.filter(orders.date <= ibis.date(until))
    days = t.group_by("customer_id", "date").agg(revenue=t.revenue.sum())
    first = days.date.min().over(ibis.window(group_by=days.customer_id))
    later = days.mutate(later=days.date > first)
    sums = later.group_by("customer_id").agg(
        repeat_count=later.later.ifelse(1, 0).sum(),
        repeat_revenue=later.revenue.cast("float64").sum(where=later.later),
    )
    return sums.select(
        "customer_id",
        "repeat_count",
        mean_spend=sums.repeat_revenue / sums.repeat_count.cast("float64").nullif(0.0),
    ).order_by("customer_id")


@measure(N_("Gamma-Gamma parameters by maximum likelihood"))
def fit_spend(history: pd.DataFrame) -> SpendModel | None:
    """Gamma-Gamma parameters of a book, by maximum likelihood.

    Formula     maximum likelihood (eq. 1a) over repeat_count and mean_spend; the best of three
                starts of L-BFGS-B
    Unit        p and q without unit, γ in currency; log likelihood
    Population  customers with a repeat order and a mean spend above 0
    Undefined   None under 200 such customers (MIN_CUSTOMERS), or when a parameter runs away or q is
                at most 1: no mean is identified
    Source      P. S. Fader & B. G. S. Hardie, 2013, eq. 1a
    """
    t = history[(history.repeat_count > 0) & (history.mean_spend > 0)]
    if len(t) < MIN_CUSTOMERS:
        return None
    x, z = t.repeat_count.to_numpy(dtype=float), t.mean_spend.to_numpy(dtype=float)
    unit = float(np.median(z))  # so that γ is near one whatever the currency
    spent = _Spent.told(x, z / unit)

    def negative(logs: np.ndarray) -> float:
        return -spent.log_likelihood(*np.exp(logs)) / len(x)

    starts = ([1.0, 1.0, 0.0], [0.0, 1.5, 1.0], [2.0, 1.0, -1.0])
    fits = [
        scipy.optimize.minimize(
            negative,
            start,
            method="L-BFGS-B",
            bounds=[(-9.5, 9.5)] * 3,
            options=dict(ftol=1e-14, gtol=1e-9),
        )
        for start in starts
    ]
    best = min(fits, key=lambda fit: fit.fun)
    p, q, gamma = (float(value) for value in np.exp(best.x))
    if q <= 1 or max(p, q, gamma) > LARGEST:
        return None
    return SpendModel(p, q, gamma * unit, _Spent.told(x, z).log_likelihood(p, q, gamma * unit))


@dataclass(frozen=True)
class _Spent:
    """Repeat orders x and mean spends z of customers, with their logs; what depends on the number
    of orders alone is computed once a number (`counts`, and `of`: whose is which).
    """

    x: np.ndarray
    z: np.ndarray
    log_x: np.ndarray
    log_z: np.ndarray
    counts: np.ndarray
    of: np.ndarray

    @classmethod
    def told(cls, x: np.ndarray, z: np.ndarray) -> "_Spent":
        return cls(x, z, np.log(x), np.log(z), *np.unique(x, return_inverse=True))

    def log_likelihood(self, p: float, q: float, gamma: float) -> float:
        """Sum over the customers of eq. 1a."""
        gammaln, px = scipy.special.gammaln, p * self.x
        orders = gammaln(p * self.counts + q) - gammaln(p * self.counts) - gammaln(q)
        return float(
            np.sum(
                orders[self.of]
                + q * np.log(gamma)
                + (px - 1) * self.log_z
                + px * self.log_x
                - (px + q) * np.log(gamma + self.x * self.z)
            )
        )


@measure(N_("Spend expected of an order of each customer"))
def expected_spend(model: SpendModel, history: pd.DataFrame) -> pd.Series:
    """Mean spend of a day with an order that is expected of each customer.

    Formula     p (γ + x z) ÷ (p x + q − 1), x repeat_count, z mean_spend; without a repeat order
                the mean of all customers, p γ ÷ (q − 1)
    Unit        currency
    Population  one value a row of `history`
    Undefined   never for a fitted model; a mean spend at or below 0 counts as no repeat order
    Source      P. S. Fader & B. G. S. Hardie, 2013, eq. 5

    By hand, one order of 13.72 under p 6.25, q 3.74, γ 15.44: 6.25 × 29.16 ÷ 8.99:

    >>> t = pd.DataFrame({"repeat_count": [1], "mean_spend": [13.72]})
    >>> round(float(expected_spend(SpendModel(6.25, 3.74, 15.44, 0.0), t)[0]), 2)
    20.27
    """
    known = (history.repeat_count > 0) & (history.mean_spend > 0)
    x, z = history.repeat_count.where(known, 0), history.mean_spend.where(known, 0.0)
    return model.p * (model.gamma + x * z) / (model.p * x + model.q - 1)


@measure(N_("Whether spend and number of orders are independent"))
def spend_independence(history: pd.DataFrame) -> tuple[float, float, float]:
    """Correlation of the number of repeat orders with their mean spend, and its interval.

    Formula     Spearman's rank correlation; interval by Fisher's z, 1.96 × √(1.06 ÷ (n − 3))
    Unit        −1 to 1
    Population  customers with a repeat order and a mean spend above 0
    Undefined   NaN under 4 of them, or where one of both is the same for all
    Source      assumption of the Gamma-Gamma model; interval: E. C. Fieller, H. O. Hartley & E. S.
                Pearson, Biometrika 44 (1957)
    """
    t = history[(history.repeat_count > 0) & (history.mean_spend > 0)]
    if len(t) < 4 or t.repeat_count.nunique() < 2 or t.mean_spend.nunique() < 2:
        return math.nan, math.nan, math.nan
    rho = float(t.repeat_count.rank().corr(t.mean_spend.rank()))
    if abs(rho) >= 1:
        return rho, rho, rho
    half = 1.959963984540054 * math.sqrt(1.06 / (len(t) - 3))
    return rho, math.tanh(math.atanh(rho) - half), math.tanh(math.atanh(rho) + half)


@measure(N_("Revenue expected of each customer's orders to come"))
def expected_revenue(orders: pd.DataFrame, spend: SpendModel, spent: pd.DataFrame) -> pd.DataFrame:
    """What each customer is expected to buy over the next weeks.

    Formula     expected_revenue = expected_order_count × expected_spend (Gamma-Gamma)
    Unit        currency; orders
    Population  one row a customer of `orders`
    Undefined   never for fitted models
    Source      P. S. Fader, B. G. S. Hardie & K. L. Lee, Journal of Marketing Research 42 (2005),
                "RFM and CLV": transactions × spend, where both are independent

    Parameters  orders: `purchases.expected_orders` (or `clockwork.clockwork_orders`); spent:
                `spend_history` of the same day
    Columns     customer_id, expected_order_count, naive_order_count, expected_spend,
                expected_revenue
    """
    t = orders.merge(spent, on="customer_id", how="left", validate="one_to_one")
    t["expected_spend"] = expected_spend(spend, t)
    t["expected_revenue"] = t.expected_order_count * t.expected_spend
    columns = "customer_id expected_order_count naive_order_count expected_spend expected_revenue"
    return t[columns.split()]


@measure(N_("Revenue predicted against actual revenue of the hold-out"))
def revenue_hold_out(
    orders: ir.Table, expected: ir.Table, cut: dt.date, until: dt.date, covered: bool = True
) -> pd.DataFrame:
    """The revenue expected from one day on against what came until another, and against as long a
    time just before.

    Formula     sums over the customers of `expected`; actual: revenue of the orders after `cut` up
                to `until`; naive: of as many days up to `cut`; error = mean absolute difference a
                customer
    Unit        currency
    Population  one row: customers of `expected`
    Undefined   naive and its error are NaN where those days are not covered; a customer without a
                later order counts with 0
    Source      hold-out against the same time before: method §6

    Parameters  expected: `expected_revenue`; covered: whether the orders of as long a time before
                `cut` are all there
    Columns     predicted, actual, naive, predicted_error, naive_error, customer_count
    """
    first = cut - dt.timedelta(days=(until - cut).days - 1)
    t = orders.filter(orders.date.between(ibis.date(first), ibis.date(until)))
    amount = t.revenue.cast("float64")
    sums = t.group_by("customer_id").agg(
        actual=amount.sum(where=t.date > ibis.date(cut)),
        naive=amount.sum(where=t.date <= ibis.date(cut)),
    )
    t = expected.left_join(sums, "customer_id")
    t = t.select(
        predicted=t.expected_revenue,
        actual=t.actual.fill_null(0.0),  # no order: nothing came
        naive=t.naive.fill_null(0.0) if covered else ibis.null("float64"),
    )
    row = t.agg(
        predicted=t.predicted.sum(),
        actual=t.actual.sum(),
        naive=t.naive.sum(),
        predicted_error=(t.predicted - t.actual).abs().mean(),
        naive_error=(t.naive - t.actual).abs().mean(),
        customer_count=t.count(),
    )
    return row.execute().astype({"naive": float, "naive_error": float})
