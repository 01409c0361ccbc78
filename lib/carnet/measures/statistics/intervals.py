"""Intervals: Wilson for rates, bootstrap over customers for money,
and what they do to a half-life.
"""

import math

import numpy as np
import scipy

from carnet.measures.register import Figure, measure
from carnet.wording import N_

CONFIDENCE = 0.95
RESAMPLES = 2000
MANY_VALUES, GROUPS = 20_000, 1_000  # of a bootstrap: drawn one by one, or in groups


@measure(N_("Wilson score interval of a rate"))
def wilson_interval(
    successes: float, trials: float, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Wilson score interval of a rate.

    Formula     (p + z² ÷ 2n ± z √(p (1 − p) ÷ n + z² ÷ 4n²)) ÷ (1 + z² ÷ n), p = successes ÷
                trials, z the normal quantile of `confidence`
    Unit        rate, 0 to 1
    Population  the trials
    Undefined   (NaN, NaN) over an empty population, or of an unknown number; raises ValueError with
                more successes than trials
    Source      E. B. Wilson, Probable inference, JASA, 1927

    >>> [round(end, 4) for end in wilson_interval(81, 263)]
    [0.2553, 0.3662]
    """
    if trials is None or successes is None or not trials > 0 or math.isnan(successes):
        return math.nan, math.nan
    interval = scipy.stats.binomtest(int(successes), int(trials)).proportion_ci(
        confidence, method="wilson"
    )
    return float(interval.low), float(interval.high)


@measure(N_("Interval of the difference of two shares"))
def newcombe_difference(
    hits: float,
    trials: float,
    other_hits: float,
    other_trials: float,
    confidence: float = CONFIDENCE,
) -> tuple[float, float]:
    """Interval of the difference of two independent shares, from their Wilson intervals.

    Formula     p − q − √((p − low)² + (other_high − q)²) to p − q + √((high − p)² + (q −
                other_low)²), p the first share, q the other
    Unit        difference of shares, −1 to 1
    Population  two independent groups
    Undefined   (NaN, NaN) when one is empty
    Source      R. G. Newcombe, Statistics in Medicine 17 (1998) 873-890, method 10

    Its first published example, 56/70 − 48/80:

    >>> [round(end, 4) for end in newcombe_difference(56, 70, 48, 80)]
    [0.0524, 0.3339]
    """
    (low, high), (other_low, other_high) = (
        wilson_interval(hits, trials, confidence),
        wilson_interval(other_hits, other_trials, confidence),
    )
    if math.isnan(low) or math.isnan(other_low):
        return math.nan, math.nan
    p, q = hits / trials, other_hits / other_trials
    return p - q - math.hypot(p - low, other_high - q), p - q + math.hypot(high - p, q - other_low)


@measure(N_("Interval of the difference of two paired shares"))
def newcombe_paired_difference(
    both: int, first: int, second: int, neither: int, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Interval of the difference of two paired shares, from their Wilson intervals.

    Formula     (both + first) ÷ n − (both + second) ÷ n = p − q; ends p − q ∓ √(a² − 2 φ a b + b²),
                a and b the distances of p and q to the ends of their Wilson intervals, φ the
                correlation corrected for continuity
    Unit        difference of shares, −1 to 1
    Population  n = both + first + second + neither pairs
    Undefined   (NaN, NaN) without pairs
    Source      R. G. Newcombe, Statistics in Medicine 17 (1998) 2635-2650, method 10 (scores, the
                correlation corrected for continuity)

    >>> [round(end, 4) for end in newcombe_paired_difference(36, 12, 2, 0)]
    [0.0569, 0.3404]
    """
    n = both + first + second + neither
    if not n:
        return math.nan, math.nan
    p, q = (both + first) / n, (both + second) / n
    (low, high), (other_low, other_high) = (
        wilson_interval(both + first, n, confidence),
        wilson_interval(both + second, n, confidence),
    )
    margins = (both + first) * (second + neither) * (both + second) * (first + neither)
    cross = both * neither - first * second
    phi = (max(cross - n / 2, 0.0) if cross > 0 else cross) / math.sqrt(margins) if margins else 0.0

    def spread(a: float, b: float) -> float:
        return math.sqrt(max(a * a - 2 * phi * a * b + b * b, 0.0))

    return p - q - spread(p - low, other_high - q), p - q + spread(high - p, q - other_low)


@measure(N_("Percentile bootstrap interval of a sum over customers"))
def bootstrap_total(
    values: np.ndarray, confidence: float = CONFIDENCE, resamples: int = RESAMPLES, seed: int = 1
) -> tuple[float, float]:
    """Percentile bootstrap interval of a sum over customers, which are drawn anew.

    Formula     quantiles, at both ends of `confidence`, of the sum over `resamples` samples of the
                customers drawn with replacement; of more than 20,000 values (MANY_VALUES) the 1,000
                largest in size are drawn each by itself and the others in 1,000 groups of
                neighbours, whose sum is drawn from the normal law of its count, mean and variance
    Unit        that of the values
    Population  one value a customer; values equal to zero change nothing and are left out of the
                drawing
    Undefined   (NaN, NaN) under 8 customers with a value other than zero, or where a value is NaN
    Source      B. Efron, Bootstrap methods, 1979
    """
    # the order of rows must not change what the seed draws
    values = np.sort(np.asarray(values, dtype=float))
    count, values = len(values), values[values != 0]
    if len(values) < 8:
        return math.nan, math.nan
    rng = np.random.default_rng(seed)
    drawn = rng.binomial(count, len(values) / count, size=resamples)
    totals = (
        np.array([rng.choice(values, size=size).sum() for size in drawn])
        if len(values) <= MANY_VALUES
        else _totals_of_groups(values, drawn, rng)
    )
    low, high = np.quantile(totals, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _totals_of_groups(
    values: np.ndarray, drawn: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Sums of as many values as `drawn` says, drawn with replacement: see `bootstrap_total`."""
    by_size = values[np.argsort(np.abs(values), kind="stable")]
    groups = [*np.array_split(np.sort(by_size[:-GROUPS]), GROUPS), *by_size[-GROUPS:, None]]
    sizes = np.array([len(group) for group in groups])
    means = np.array([group.mean() for group in groups])
    spreads = np.array([group.std() for group in groups])
    counts = rng.multinomial(drawn, sizes / sizes.sum())
    noise = np.sqrt(counts @ spreads**2) * rng.standard_normal(len(drawn))
    return counts @ means + noise


@measure(N_("Interval of the difference of two yearly sums"))
def noise_interval(change: float, noise: float) -> tuple[float, float]:
    """95 % interval of the difference of two yearly sums that are equally noisy.

    Formula     change ± 1.96 × √2 × noise, `noise` the standard error of each sum
    Unit        that of the change
    Population  two yearly sums
    Undefined   (NaN, NaN) where the change or the noise is NaN
    Source      definition of the workbook (normal interval of a difference)
    """
    spread = 1.959964 * math.sqrt(2) * noise
    return change - spread, change + spread


@measure(
    N_("ln ½ ÷ ln retention rate: years until half of the customers are left"),
    {
        "half_life_years": Figure(
            N_("Half-life of the portfolio, years"),
            "index",
            N_("ln ½ ÷ ln retention rate: years until half of the customers are left"),
            good="up",
            decimals=1,
            source="A",
            compares=True,
            moves=True,
        ),
    },
)
def half_life_years(retention_rate: float) -> float:
    """Years after which half of the customers are left if the yearly retention stays.

    Formula     ln ½ ÷ ln retention_rate
    Unit        years
    Population  the customers of today
    Undefined   NaN at 0 and 1, outside them, and where the retention is not known
    Source      source A of the method (half-life of the portfolio)

    Losing 12.94 % a year halves a portfolio in 5 years.

    >>> round(half_life_years(1 - 0.1294), 2)
    5.0
    """
    if retention_rate is None or not 0 < retention_rate < 1:
        return math.nan
    return math.log(0.5) / math.log(retention_rate)
