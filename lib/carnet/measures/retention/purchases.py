"""Will they buy again? Orders of the next period by the BG/NBD model,
beside the naive baseline and a hold-out.

Source: P. S. Fader, B. G. S. Hardie & K. L. Lee, "Counting your customers the easy way:
an alternative to the Pareto/NBD model", Marketing Science 24 (2005) 275-284; equations numbered
as there. P(alive) is never published: a customer with one order always gets 1.
"""

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import scipy

from carnet.measures.register import Figure, measure
from carnet.measures.statistics._likelihood import most_likely
from carnet.wording import N_

MIN_CUSTOMERS, FEW_CUSTOMERS = 200, 5_000
# of the parameters, in logs
STARTS = ([0.0, 1.0, 0.0, 0.5], [-1.0, 1.5, -0.5, 1.0], [0.5, 2.5, -1.5, 1.5])
WEEK = 7.0


@dataclass(frozen=True)
class PurchaseModel:
    """Fitted BG/NBD parameters: purchase rates Gamma(r, α), dropout Beta(a, b); time in weeks."""

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float

    @property
    def degenerate(self) -> bool:
        """True when a parameter ran away: the data do not identify the model."""
        return not all(1e-4 < value < 1e4 for value in (self.r, self.alpha, self.a, self.b))


@measure(N_("Repeat orders, recency and age of each customer"))
def purchase_history(orders: ir.Table, until: dt.date, weeks: float) -> ir.Table:
    """Repeat orders of each customer up to a day: count, recency, age and its own recent rate.

    Formula     repeat_count = days with an order − 1; recency_weeks = last − first order; age_weeks
                = `until` − first order; recent_count = days with an order in the last `weeks`;
                weeks of 7 days
    Unit        counts, weeks
    Population  one row a customer with an order up to `until`
    Undefined   never: without an order the table is empty
    Source      P. S. Fader, B. G. S. Hardie & K. L. Lee, Marketing Science 24 (2005) 275-284

    Columns     customer_id, repeat_count (days with an order after the first), recency_weeks (first
                to last order), age_weeks (first order to `until`), recent_count (days with an order
                in the last `weeks` of them: the naive baseline of as many to come),
                log_interval_sum (Σ ln weeks between two days with an order; 0 without one)
    """
    since = until - dt.timedelta(days=round(weeks * WEEK))
    days = orders.filter(orders.date <= ibis.date(until)).select("customer_id", "date").distinct()
    before = days.date.lag().over(ibis.window(group_by="customer_id", order_by="date"))
    days = days.mutate(interval=days.date.delta(before, unit="day").cast("float64") / WEEK)
    t = days.group_by("customer_id").agg(
        first=days.date.min(),
        last=days.date.max(),
        repeat_count=days.count() - 1,
        recent_count=(days.date > ibis.date(since)).sum(),
        log_interval_sum=days.interval.ln().sum().fill_null(0.0),
    )
    return t.select(
        "customer_id",
        "repeat_count",
        recency_weeks=t["last"].delta(t["first"], unit="day").cast("float64") / WEEK,
        age_weeks=ibis.literal(until).delta(t["first"], unit="day").cast("float64") / WEEK,
        recent_count="recent_count",
        log_interval_sum="log_interval_sum",
    ).order_by("customer_id")


@measure(N_("BG/NBD parameters by maximum likelihood"))
def fit_purchases(history: pd.DataFrame) -> PurchaseModel | None:
    """BG/NBD parameters of a book, by maximum likelihood.

    Formula     maximum likelihood (eq. 6) over repeat_count, recency_weeks, age_weeks; the best of
                three starts of L-BFGS-B, of many customers tried on some 5,000 of them
                (FEW_CUSTOMERS) and ended on all
    Unit        r, a and b without unit, α in weeks; log likelihood
    Population  customers of `purchase_history`
    Undefined   None under 200 customers (MIN_CUSTOMERS), or when a parameter runs away (outside
                10⁻⁴ … 10⁴): the data do not identify the model
    Source      P. S. Fader, B. G. S. Hardie & K. L. Lee, Marketing Science 24 (2005) 275-284, eq. 6
    """
    if len(history) < MIN_CUSTOMERS:
        return None
    x, tx, age = (
        history[name].to_numpy(dtype=float)
        for name in ("repeat_count", "recency_weeks", "age_weeks")
    )

    best: Any = None
    starts: Sequence[Sequence[float]] = STARTS
    step = max(len(x) // FEW_CUSTOMERS, 1)
    for every in sorted({step, 1}, reverse=True):  # of many customers first every so manieth
        part = x[::every], tx[::every], age[::every]
        counted = np.unique(part[0], return_inverse=True)
        likelihood = partial(_log_likelihood, seen=part, counted=counted)
        best = most_likely(likelihood, starts, len(part[0]))
        starts = [best.x]
    r, alpha, a, b = (float(value) for value in np.exp(best.x))
    model = PurchaseModel(r, alpha, a, b, -float(best.fun) * len(x))
    return None if model.degenerate or not math.isfinite(model.log_likelihood) else model


def _log_likelihood(
    parameters: np.ndarray,
    seen: tuple[np.ndarray, np.ndarray, np.ndarray],
    counted: tuple[np.ndarray, np.ndarray],
) -> tuple[float, np.ndarray]:
    """Sum over the customers of eq. 6, and its gradient over r, α, a, b;
    what depends on the count alone is computed once a count (`counted`: the different ones, and
    which of them each customer has).
    """
    (r, alpha, a, b), (x, tx, age) = parameters, seen
    n, place = counted
    before = np.maximum(n, 1) - 1
    rate = scipy.special.gammaln(r + n) - scipy.special.gammaln(r) + r * np.log(alpha)
    at_age, at_last = np.log(alpha + age), np.log(alpha + tx)
    stays = (scipy.special.betaln(a, b + n) - scipy.special.betaln(a, b))[place] - (r + x) * at_age
    leaves = (scipy.special.betaln(a + 1, b + before) - scipy.special.betaln(a, b))[place] - (
        r + x
    ) * at_last
    either = np.logaddexp(stays, np.where(x > 0, leaves, -np.inf))
    here = np.exp(stays - either)  # chance that the customer is still one
    gone = 1 - here
    both = scipy.special.digamma(a + b) - scipy.special.digamma(a + b + n)
    gradient = [
        (scipy.special.digamma(r + n) - scipy.special.digamma(r) + np.log(alpha))[place]
        - here * at_age
        - gone * at_last,
        r / alpha - (r + x) * (here / (alpha + age) + gone / (alpha + tx)),
        both[place] + gone / a,
        both[place]
        - scipy.special.digamma(b)
        + here * scipy.special.digamma(b + n)[place]
        + gone * scipy.special.digamma(b + before)[place],
    ]
    return float(np.sum(rate[place] + either)), np.array([part.sum() for part in gradient])


@measure(
    N_("Orders expected of each customer, and its own rate carried on"),
)
def expected_orders(model: PurchaseModel, history: pd.DataFrame, weeks: float) -> pd.DataFrame:
    """Orders expected of each customer over the next weeks, and its own rate carried on.

    Formula     order_probability = P(still a customer) × (1 − ((α + age) ÷ (α + age + weeks))^(r +
                x)), x repeat orders; expected_order_count by eq. 10; naive_order_count = the
                customer's orders of the same length of time just before
    Unit        probability 0 to 1; days with an order (not whole)
    Population  one row a customer of `history`
    Undefined   never for fitted parameters: eq. 10 has no value at a = 1 exactly
    Source      P. S. Fader, B. G. S. Hardie & K. L. Lee, Marketing Science 24 (2005) 275-284, eq.
                10

    Columns     customer_id, order_probability (≥ 1 order), expected_order_count, naive_order_count
    """
    x, tx, age = (
        history[name].to_numpy(dtype=float)
        for name in ("repeat_count", "recency_weeks", "age_weeks")
    )
    r, alpha, a, b = model.r, model.alpha, model.a, model.b
    gone = np.where(
        x > 0, a / (b + np.maximum(x, 1) - 1) * ((alpha + age) / (alpha + tx)) ** (r + x), 0.0
    )
    here = 1 / (1 + gone)
    buys = here * (1 - ((alpha + age) / (alpha + age + weeks)) ** (r + x))
    shape = scipy.special.hyp2f1(r + x, b + x, a + b + x - 1, weeks / (alpha + age + weeks))
    orders = (
        (a + b + x - 1)
        / (a - 1)
        * (1 - ((alpha + age) / (alpha + age + weeks)) ** (r + x) * shape)
        * here
    )
    naive = history.recent_count.to_numpy(dtype=float)
    return history[["customer_id"]].assign(
        order_probability=buys, expected_order_count=orders, naive_order_count=naive
    )


@measure(N_("Predicted against actual orders of the hold-out"))
def hold_out(
    orders: ir.Table, expected: ir.Table, cut: dt.date, until: dt.date, covered: bool = True
) -> pd.DataFrame:
    """What was expected from one day on against the orders that came until another.

    Formula     means and sums over the customers of `expected` and of their days with an order
                after `cut` up to `until`
    Unit        rates 0 to 1, days with an order
    Population  one row a fifth of the customers of `expected` by predicted probability, then one
                for all
    Undefined   naive_count is NaN where the time that it carries on is not covered; a customer
                without a later order counts with 0
    Source      P. S. Fader, B. G. S. Hardie & K. L. Lee, Marketing Science 24 (2005) 275-284; the
                naive baseline: method §6

    Parameters  expected: `expected_orders` (or `clockwork.clockwork_orders`) for that time;
                covered: whether the orders of as long a time before `cut` are all there
    Columns     fifth (1 least likely … 5; 0: all), customer_count, predicted_rate, actual_rate
                (customers with ≥ 1 order), predicted_count, actual_count, naive_count (orders)
    """
    later = orders.filter(
        orders.date.between(ibis.date(cut + dt.timedelta(days=1)), ibis.date(until))
    )
    days = later.group_by("customer_id").agg(actual=later.date.nunique())
    t = expected.left_join(days, "customer_id")
    naive = t.naive_order_count if covered else ibis.null("float64")
    t = t.select(
        "customer_id",
        "order_probability",
        "expected_order_count",
        naive_order_count=naive,
        actual=t.actual.fill_null(0),  # no row: no order in the hold-out
    )
    place = ibis.row_number().over(order_by=[t.order_probability, t.customer_id])
    t = t.mutate(fifth=(place * 5 + 4) // t.count().over() + 1)
    sums = dict(
        customer_count=t.count(),
        predicted_rate=t.order_probability.mean(),
        actual_rate=(t.actual > 0).ifelse(1, 0).mean(),
        predicted_count=t.expected_order_count.sum(),
        actual_count=t.actual.sum(),
        naive_count=t.naive_order_count.sum(),
    )
    fifths = t.group_by("fifth").agg(**sums).order_by("fifth").execute()
    whole = t.agg(**sums).execute().assign(fifth=0)
    rows = pd.concat([fifths, whole], ignore_index=True)
    return rows.astype({"naive_count": float})


@measure(
    N_("Regularity of the intervals between orders"),
    {
        "purchase_regularity": Figure(
            N_("Regularity of orders"),
            "index",
            N_("k of Erlang-k intervals between orders: 1 is chance, more is rhythm"),
            decimals=1,
            source="D",
        ),
    },
)
def regularity(orders: ir.Table) -> float:
    """How regular the intervals between orders are: the k of Erlang-k intervals.

    Formula     over customers, M = t1 ÷ (t1 + t2) of their first two intervals has variance V = 1 ÷
                (4 (2k + 1)) around ½, so k = (1 − 4 V) ÷ (8 V); 1 is pure chance (what BG/NBD
                assumes), more is rhythm
    Unit        index, 0 or more
    Population  customers with three days of orders or more, their first three
    Undefined   NaN under 30 such customers, or where all intervals are equal
    Source      R. D. Wheat & D. G. Morrison, Estimating purchase regularity with two interpurchase
                times, JMR 27 (1990) 87-93
    """
    days = orders.select("customer_id", "date").distinct()
    ordered = ibis.window(group_by="customer_id", order_by="date")
    t = days.mutate(
        rank=ibis.row_number().over(ordered),
        second=days.date.lead().over(ordered),
        third=days.date.lead(2).over(ordered),
    )
    t = t.filter((t["rank"] == 0) & t.third.notnull())
    one, two = t.second.delta(t.date, unit="day"), t.third.delta(t.second, unit="day")
    from_half = one / (one + two) - 0.5
    count, spread = t.agg(count=t.count(), spread=(from_half**2).mean()).execute().iloc[0]
    if count < 30:
        return math.nan
    return (1 - 4 * spread) / (8 * spread) if spread > 0 else math.nan


@measure(
    N_("Orders to come, of all customers"),
    {
        "repurchase_probability": Figure(
            N_("Customers expected to order again"),
            "ratio",
            N_("Mean probability of at least one order in the stated weeks (BG/NBD)"),
            good="up",
            decimals=1,
            source="D",
        ),
        "expected_order_count": Figure(
            N_("Expected order days"),
            "index",
            N_("Σ expected days with an order in the stated weeks (BG/NBD)"),
            good="up",
            source="D",
        ),
    },
)
def order_figures(expected: ir.Table) -> ir.Table:
    """How many customers are expected to order again, and on how many days.

    Formula     repurchase_probability = mean order_probability; expected_order_count = Σ
                expected_order_count
    Unit        ratio 0 to 1; days with an order
    Population  one row: the customers of `expected_orders`
    Undefined   NULL without a customer
    Source      P. Fader, B. Hardie and K. Lee, Marketing Science, 2005 (BG/NBD)
    """
    return expected.agg(
        repurchase_probability=expected.order_probability.mean(),
        expected_order_count=expected.expected_order_count.sum(),
    )
