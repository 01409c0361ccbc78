"""Signal or noise: natural process limits of a series (XmR chart) and the points that break its run.

Source: D. J. Wheeler, Understanding Variation, 2nd ed. 2000, ch. 3 and appendix: limits = mean ± 2.66 × mean moving range.
"""

import math
from collections.abc import Sequence

import pandas as pd
from scipy import stats

LIMIT_FACTOR = 2.66  # 3 ÷ d2, d2 = 1.128 for ranges of two
RANGE_FACTOR = 3.268  # D4 for ranges of two: upper limit of the moving range
RUN_LENGTH = 8  # points in a row on one side of the mean
FIRM_POINTS = 12  # below, limits are provisional


def control_limits(values: pd.Series) -> pd.DataFrame:
    """Limits and signals of a series in time order: value, moving_range, mean, low, high, signal.

    Formula     moving range = |value − value before|; low, high = mean ± 2.66 × mean moving range
    Signal      'above' or 'below' for a point outside the limits, 'run' for each point of a run of 8 or more on one side of the mean,
                '' otherwise. Unknown values are left out. With fewer than 2 values the limits are NaN.
    """
    t = pd.DataFrame({"value": values.dropna().astype(float)})
    t["moving_range"] = t.value.diff().abs()
    centre, spread = t.value.mean(), LIMIT_FACTOR * t.moving_range.mean()
    t["mean"], t["low"], t["high"] = centre, centre - spread, centre + spread
    side = (t.value - centre).apply(lambda gap: (gap > 0) - (gap < 0))
    run = side.groupby((side != side.shift()).cumsum()).transform("size")
    t["signal"] = ""
    t.loc[(run >= RUN_LENGTH) & (side != 0), "signal"] = "run"
    slack = 1e-9 * t.value.abs().max()  # equal values must not signal through rounding
    t.loc[t.value > t.high + slack, "signal"] = "above"
    t.loc[t.value < t.low - slack, "signal"] = "below"
    return t


def without_season(values: pd.Series, months: Sequence[int]) -> tuple[pd.Series, bool]:
    """A monthly series less its yearly pattern, and whether it has one.

    Formula     value − mean of its calendar month + mean of all, the residuals widened by √(n ÷ (n − 12)) for the twelve means taken out
    Pattern     one-way analysis of variance by calendar month, p < 0.01, from two whole years on; else the series is returned as it is
    """
    known = values.dropna().astype(float)
    month = pd.Series(list(months), index=values.index).reindex(known.index)
    if len(known) < 24 or month.nunique() < 12:
        return values, False
    groups = [known[month == number] for number in range(1, 13)]
    rest = known - known.groupby(month).transform("mean")
    if rest.abs().max() > 1e-9 * known.abs().max() and not stats.f_oneway(*groups).pvalue < 0.01:
        return values, False
    return known.mean() + rest * math.sqrt(len(known) / (len(known) - 12)), True


def yearly_noise(values: pd.Series) -> float:
    """Standard error of a sum over as many months as `values` has, from their moving range: √n × mean moving range ÷ 1.128.

    NaN under 12 months.
    """
    known = values.dropna().astype(float)
    if len(known) < FIRM_POINTS:
        return math.nan
    return float(math.sqrt(len(known)) * known.diff().abs().mean() / 1.128)
