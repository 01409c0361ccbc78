"""Intervals: Wilson for rates, bootstrap over customers for money, and what they do to a half-life."""

import math

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
RESAMPLES = 2000


def wilson_interval(successes: float, trials: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Wilson score interval of a rate (E. B. Wilson, JASA 1927); (NaN, NaN) over an empty population.

    >>> [round(end, 4) for end in wilson_interval(81, 263)]
    [0.2553, 0.3662]
    """
    if trials is None or successes is None or not trials > 0:
        return math.nan, math.nan
    interval = stats.binomtest(int(successes), int(trials)).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)


def bootstrap_total(values: np.ndarray, confidence: float = CONFIDENCE, resamples: int = RESAMPLES, seed: int = 1) -> tuple[float, float]:
    """Percentile bootstrap interval of a sum over customers (B. Efron, 1979): how the total moves from customer to customer.

    Values equal to zero change nothing and are left out of the drawing. (NaN, NaN) under 8 customers with a value.
    """
    values = np.sort(np.asarray(values, dtype=float))  # the order of rows must not change what the seed draws
    count, values = len(values), values[values != 0]
    if len(values) < 8:
        return math.nan, math.nan
    rng = np.random.default_rng(seed)
    drawn = rng.binomial(count, len(values) / count, size=resamples)
    totals = np.array([rng.choice(values, size=size).sum() for size in drawn])
    low, high = np.quantile(totals, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def noise_interval(change: float, noise: float) -> tuple[float, float]:
    """95 % interval of the difference of two yearly sums whose standard error is `noise` each: change ± 1.96 · √2 · noise."""
    spread = 1.959964 * math.sqrt(2) * noise
    return change - spread, change + spread


def half_life_years(retention_rate: float) -> float:
    """Years after which half of the customers are left if the yearly retention stays: ln ½ / ln r.

    Undefined (NaN) at 0 and 1. Losing 12.94 % a year halves a portfolio in 5 years.

    >>> round(half_life_years(1 - 0.1294), 2)
    5.0
    """
    if retention_rate is None or not 0 < retention_rate < 1:
        return math.nan
    return math.log(0.5) / math.log(retention_rate)
