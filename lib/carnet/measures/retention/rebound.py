"""Regression to the mean: how much of its gap a flagged group regains when nothing special is done.

Whoever is picked for a bad year was partly unlucky, and luck does not last (F. Galton, 1886).
Printed beside every gap, since without it any action on the worst decile looks like a success.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy

from carnet.measures.register import Figure, measure
from carnet.wording import N_

WIDEST = 0.8  # of a share's whole range: a wider interval says nothing
SELECTING_SHARE = 0.9  # orders that select the group; the others tell its true level


@measure(N_("Jackknife interval of a ratio of two sums"))
def ratio_interval(
    gained: npt.ArrayLike, gap: npt.ArrayLike, confidence: float = 0.95, predicting: int = 0
) -> tuple[float, float, float]:
    """Ratio of two sums with its jackknife interval.

    Formula     Σ gained ÷ Σ gap; jackknife over rows, Student's t with m − 1 degrees of freedom, m
                = (Σ gap)² ÷ Σ gap² the equivalent number of equal gaps. `predicting` k widens by
                √(1 + k): where one more group will land when these rows are k groups of its size
                and spread
    Unit        ratio
    Population  the rows given
    Undefined   NaN, all three, without a gap; no interval under 8 rows, when fewer than 4 carry the
                money (m < 4), when fewer than 5, or a third, moved at all (customers gone for good
                show no spread, which is not certainty), or where one row is the whole gap
    Source      M. Quenouille, 1949, and J. Tukey, 1958 (jackknife); L. Kish, Survey Sampling, 1965
                (equivalent number)

    Returns     (ratio, low, high)
    """
    gained, gap = np.asarray(gained, dtype=float), np.asarray(gap, dtype=float)
    n, total = len(gap), gap.sum()
    if n == 0 or total == 0:
        return np.nan, np.nan, np.nan
    ratio = gained.sum() / total
    left = total - gap
    equal, moved = total**2 / (gap**2).sum(), (gained != 0).sum()
    if n < 8 or equal < 4 or moved < max(5, n / 3) or (left == 0).any():
        return float(ratio), np.nan, np.nan
    without = (gained.sum() - gained) / left
    error = np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum())
    half = scipy.stats.t.ppf((1 + confidence) / 2, equal - 1) * error * np.sqrt(1 + predicting)
    return float(ratio), float(ratio - half), float(ratio + half)


@measure(
    N_("Share of its gap that a flagged group regained in earlier years"),
    {
        "expected_rebound_share": Figure(
            N_("Expected rebound"),
            "ratio",
            N_(
                "Share of its gap that the group flagged by the same rule regained a year later, "
                "in earlier years, whatever was done; without a third year (then without interval) "
                "what the luck of orders gives back at most"
            ),
            decimals=1,
            source="B",
            compares=True,
        ),
    },
)
def historic_rebound(group: pd.DataFrame) -> tuple[float, float, float]:
    """Share of its gap that the group flagged in earlier years regained in the next one.

    Formula     Σ (revenue_next − revenue) ÷ Σ (revenue_previous − revenue) over the group; the
                interval is where a group of the same size lands next (predictive,
                `ratio_interval`)
    Unit        share of the gap
    Population  flagged rows of the lists of earlier years
    Undefined   NaN, all three, without a flagged gap; no interval where `ratio_interval` gives none
    Source      F. Galton, 1886 (regression to the mean); jackknife: M. Quenouille, 1949, J. Tukey,
                1958

    Whatever was done with them then is in it: an untreated norm only where nobody was treated.

    Parameters  group: audit_years_ago, revenue_previous, revenue, revenue_next of the rows that a
                rule flags in the lists of earlier years
    Coverage    simulated portfolios of 100 and 300 customers, still or moving, with and without
                departures: see tests
    Returns     (share, low, high)
    """
    return ratio_interval(
        group.revenue_next - group.revenue,
        group.revenue_previous - group.revenue,
        predicting=max(group.audit_years_ago.nunique(), 1),
    )


@measure(N_("Share of a gap that the luck of orders gives back"))
def luck_rebound(
    orders: pd.DataFrame, rule: Callable[[pd.DataFrame], pd.Series], draws: int = 40, seed: int = 1
) -> float:
    """Share of its gap that a group regains because the luck of its orders ends.

    Formula     each order selects the group with probability 0.9 (SELECTING_SHARE) or else tells
                its true level, both scaled to the year; share = Σ (level − selecting revenue) ÷ Σ
                gap, pooled over the draws
    Unit        share of the gap
    Population  customers that the rule flags in a draw, for books without a third year
    Undefined   NaN when no draw flags anybody
    Source      J. Neufeld, A. Dharamshi, L. Gao & D. Witten, Data thinning, JMLR 25 (2024)
                (independent parts of a Poisson process); F. Galton, 1886

    Assumes     orders that fall at random. Customers that go on leaving are not in it: more than
                this is not to be expected
    Parameters  orders: customer_id, current (True: audit period, False: previous), revenue; rule: a
                gap list → True for its group
    """
    codes, ids = pd.factorize(orders.customer_id, sort=True)
    current, revenue = orders.current.to_numpy(dtype=bool), orders.revenue.to_numpy(dtype=float)
    rng = np.random.default_rng(seed)
    regained = gap = 0.0

    def summed(weights: np.ndarray) -> np.ndarray:
        return np.bincount(codes, weights=weights, minlength=len(ids))

    for _ in range(draws):
        selecting = rng.random(len(codes)) < SELECTING_SHARE
        now = summed(revenue * (selecting & current)) / SELECTING_SHARE
        before = summed(revenue * (selecting & ~current)) / SELECTING_SHARE
        level = summed(revenue * (~selecting & current)) / (1 - SELECTING_SHARE)
        drawn = pd.DataFrame(
            {
                "customer_id": ids,
                "revenue": now,
                "revenue_previous": before,
                "sales_gap": now - before,
                "gap_rate": np.divide(
                    now - before, before, out=np.full(len(ids), np.nan), where=before > 0
                ),
                "order_count": summed(selecting & current).astype(int),
                "order_count_previous": summed(selecting & ~current).astype(int),
            }
        )
        flagged = rule(drawn).to_numpy()
        regained += (level - now)[flagged].sum()
        gap += (before - now)[flagged].sum()
    return regained / gap if gap > 0 else float("nan")


@measure(N_("Share of a gap that came back, as it may be told"))
def told_share(share: float, low: float, high: float) -> tuple[float, float, float]:
    """A share of a gap that came back as it may be told, with its interval.

    Formula     the share where it lies within 0 to 1, its interval cut to them
    Unit        ratio, 0 to 1
    Population  a flagged group
    Undefined   NaN outside 0 to 1: the group fell further, or a few large customers brought more
                than the gap; an interval as wide as WIDEST or wider says nothing and is NaN
    Source      definition of the workbook (method §6)
    """
    if not 0 <= share <= 1:
        return float("nan"), float("nan"), float("nan")
    low, high = max(low, 0.0), min(high, 1.0)
    if not high - low < WIDEST:
        return share, float("nan"), float("nan")
    return share, low, high
