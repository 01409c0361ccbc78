"""Late accounts of each salesperson, compared fairly: with the mix of the accounts, with chance,
and shrunk to what the data carry.

Sources: D. J. Spiegelhalter, "Funnel plots for comparing institutional performance", Statistics
in Medicine 24 (2005) 1185-1202; R. A. Fisher, The Design of Experiments (1935) for exact tests
given the totals;
M. J. Daniels, "A prior for the variance in hierarchical models", Canadian Journal of Statistics 27
(1999) 567-578 for the shrinkage.
"""

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import scipy

from carnet.engagement.periods import Periods
from carnet.measures.register import measure
from carnet.measures.statistics.intervals import wilson_interval
from carnet.wording import N_

LEVELS = (0.95, 0.998)  # the limits of a funnel plot
SHRINKAGE_STEPS, SHARE_STEPS = 30, 401  # points of the posterior


@measure(N_("Whose account each customer was in the previous period"))
def sellers(sales: ir.Table, periods: Periods) -> ir.Table:
    """Whose account each customer was in the previous period, by its sale lines.

    Formula     the salesperson that the customer's sale lines of the previous period name; of
                several the one with the most revenue, then by name
    Unit        identifiers
    Population  one row a customer with a line of the previous period that names a salesperson
    Undefined   a customer none of whose lines then names one has no row
    Source      definition of the workbook (method §6, whose account)

    Columns     customer_id, gap_salesperson
    """
    before = sales.filter(
        sales.date.between(ibis.date(periods.previous.start), ibis.date(periods.previous.end))
        & sales.salesperson.notnull()
    )
    t = before.group_by("customer_id", "salesperson").agg(
        revenue=before.amount.sum().cast("float64")
    )
    first = ibis.window(group_by=t.customer_id, order_by=[ibis.desc(t.revenue), t.salesperson])
    ranked = t.mutate(place=ibis.row_number().over(first))
    return ranked.filter(ranked.place == 0).select("customer_id", gap_salesperson="salesperson")


@measure(N_("Accounts of each salesperson that buy less against their expected share"))
def late_by_salesperson(gaps: ir.Table, strata: Sequence[str]) -> pd.DataFrame:
    """Late share of each salesperson's accounts beside the share that their mix would give anybody.

    Formula     late_share = customers with a gap under zero ÷ customers, Wilson interval;
                expected_share = mean over the accounts of the late share of their stratum in the
                whole portfolio (indirect standardisation); p_value = min(1, 2 × smaller tail) of
                the late count when each stratum's late accounts are dealt at random
                (`dealt_p_value`); signal 'none', '95' or '99.8' by it; shrunk_share: posterior mean
                of a beta-binomial law around the expected share, with its 95 % credible interval
    Unit        counts, shares and p-value 0 to 1, currency
    Population  one row a salesperson, by name, never ranked; accounts without a salesperson are the
                last row, untested
    Undefined   shrunk shares are NaN with fewer than 3 salespeople; p_value is NaN, and signal
                'none', for the accounts without one
    Source      funnel plots: D. J. Spiegelhalter, Statistics in Medicine 24 (2005) 1185-1202; exact
                test: R. A. Fisher, The Design of Experiments, 1935; shrinkage: M. J. Daniels,
                Canadian Journal of Statistics 27 (1999) 567-578; interval: E. B. Wilson, JASA, 1927

    Parameters  gaps: salesperson (whose account it was when the gap arose, see `sellers`),
                sales_gap and the columns of `strata`, one row a customer
    Columns     salesperson, customer_count, late_customer_count, late_share, late_share_low,
                late_share_high, expected_share, p_value, signal, sales_gap, shrunk_share,
                shrunk_share_low, shrunk_share_high
    """
    counted = gaps.group_by("salesperson", *strata).agg(
        customer_count=gaps.count(),
        late_customer_count=(gaps.sales_gap < 0).sum(),
        sales_gap=gaps.sales_gap.sum(),
    )
    t = counted.order_by("salesperson", *strata).execute()
    t["stratum"] = t.groupby(list(strata), dropna=False, sort=True).ngroup()
    sizes = t.groupby("stratum")[["customer_count", "late_customer_count"]].sum()
    rows = []
    for name, part in t.groupby("salesperson", sort=True, dropna=False):
        late, n = int(part.late_customer_count.sum()), int(part.customer_count.sum())
        low, high = wilson_interval(late, n)
        whole = sizes.loc[part.stratum]
        chance = (whole.late_customer_count / whole.customer_count).to_numpy()
        drawn = zip(
            whole.customer_count, whole.late_customer_count, part.customer_count, strict=True
        )
        p_value = float("nan") if pd.isna(name) else dealt_p_value(late, list(drawn))
        rows.append(
            dict(
                salesperson=None if pd.isna(name) else name,
                customer_count=n,
                late_customer_count=late,
                late_share=late / n,
                late_share_low=low,
                late_share_high=high,
                expected_share=(part.customer_count.to_numpy() * chance).sum() / n,
                p_value=p_value,
                signal=_signal(p_value),
                sales_gap=part.sales_gap.sum(),
            )
        )
    columns = (
        "salesperson customer_count late_customer_count late_share late_share_low late_share_high "
        "expected_share p_value signal sales_gap"
    )
    return _shrunk(pd.DataFrame(rows, columns=columns.split()))


@measure(
    N_("Exact p-value of a late count if accounts had been dealt at random within their class")
)
def dealt_p_value(late: int, strata: Sequence[tuple[int, int, int]]) -> float:
    """Two-sided exact p-value of a late count if accounts had been dealt at random in their strata.

    Formula     min(1, 2 × the smaller tail) of a sum of independent hypergeometric draws, one a
                stratum; with one stratum and two people this is Fisher's exact test (one tail
                doubled)
    Unit        probability, 0 to 1
    Population  the accounts of one person, stratum by stratum
    Undefined   never: 1 for a person without accounts
    Source      R. A. Fisher, The Design of Experiments, 1935 (exact tests given the totals)

    Parameters  strata: (accounts of the stratum, late ones among them, accounts of this person)

    >>> round(dealt_p_value(26, [(80, 40, 40)]), 3)  # 26 of 40 against 14 of 40
    0.013
    """
    law = np.ones(1)
    for size, late_size, own in strata:
        # by logs: `pmf` takes a thousand times longer where a person has ten thousand accounts
        logs = scipy.stats.hypergeom.logpmf(np.arange(own + 1), size, late_size, own)
        law = np.convolve(law, np.exp(logs))
    return float(min(1.0, 2 * min(law[: late + 1].sum(), law[late:].sum())))


def _signal(p_value: float) -> str:
    return next((f"{100 * level:g}" for level in reversed(LEVELS) if p_value < 1 - level), "none")


def _shrunk(t: pd.DataFrame) -> pd.DataFrame:
    """Add the shrunk shares; with fewer than three salespeople there is nothing to learn the weight
    from, and they stay unknown.

    The weight w of the expected share is not known but learnt: shrinkage n ÷ (n + w) is uniform
    before the data are seen, and the posterior is the mixture over it, so that the interval does
    not pretend to know it.
    """
    known = t.salesperson.notna().to_numpy()
    if known.sum() < 3:
        return t.assign(shrunk_share=np.nan, shrunk_share_low=np.nan, shrunk_share_high=np.nan)
    late, n = t.late_customer_count.to_numpy()[:, None], t.customer_count.to_numpy()[:, None]
    mean = np.clip(t.expected_share.to_numpy(dtype=float), 1e-6, 1 - 1e-6)[:, None]
    kept = (np.arange(SHRINKAGE_STEPS) + 0.5) / SHRINKAGE_STEPS
    weight = n[known].mean() * kept / (1 - kept)
    likelihood = scipy.stats.betabinom.logpmf(
        late[known], n[known], weight * mean[known], weight * (1 - mean[known])
    ).sum(axis=0)
    chance = np.exp(likelihood - likelihood.max())
    chance /= chance.sum()
    a, b = late + weight * mean, n - late + weight * (1 - mean)
    low, high = _quantiles(a, b, chance, [0.025, 0.975])
    return t.assign(
        shrunk_share=(a / (a + b)) @ chance, shrunk_share_low=low, shrunk_share_high=high
    )


def _quantiles(
    a: np.ndarray, b: np.ndarray, chance: np.ndarray, levels: Sequence[float]
) -> np.ndarray:
    """Quantiles of mixtures of betas, a mixture a row of `a` and `b`; a row a level. Interpolated
    between the two of SHARE_STEPS even shares that lie around, which are found by halving.
    """
    shares, level = np.linspace(0, 1, SHARE_STEPS), np.array(levels)
    below = np.zeros((len(a), len(level)), dtype=int)
    above = np.full_like(below, SHARE_STEPS - 1)

    def law(step: np.ndarray) -> np.ndarray:
        return scipy.special.betainc(a[:, None], b[:, None], shares[step][..., None]) @ chance

    while (above - below > 1).any():
        middle = (below + above) // 2
        reached = law(middle) > level
        below, above = np.where(reached, below, middle), np.where(reached, middle, above)
    first, last = law(below), law(above)
    part = (level - first) / (last - first)
    return (shares[below] + part * (shares[above] - shares[below])).T


@measure(N_("Limits of the funnel plot"))
def funnel_limits(largest: int, share: float) -> pd.DataFrame:
    """Limits of a funnel plot around a common share.

    Formula     exact binomial quantiles, as shares: the smallest and largest counts whose smaller
                tail is at least half of 1 − level, levels 95 % and 99.8 % (LEVELS)
    Unit        counts, shares 0 to 1
    Population  one row a number of customers from 1 to `largest` (2 at least), at most 200 of them
    Undefined   limits are NaN where `share` is NaN
    Source      D. J. Spiegelhalter, Statistics in Medicine 24 (2005) 1185-1202

    Columns     customer_count, low_95, high_95, low_998, high_998
    """
    n = np.unique(np.linspace(1, max(largest, 2), 200).astype(int))
    t = pd.DataFrame({"customer_count": n})
    for level in LEVELS:
        law, tail = scipy.stats.binom(n, share), (1 - level) / 2
        name = f"{level:g}".removeprefix("0.")
        t[f"low_{name}"], t[f"high_{name}"] = law.ppf(tail) / n, law.isf(tail) / n
    return t
