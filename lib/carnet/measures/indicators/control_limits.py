"""Signal or noise: natural process limits of a series (XmR chart) and the points that
break its run.

Source: D. J. Wheeler, Understanding Variation, 2nd ed. 2000, ch. 3 and appendix: limits = mean ±
2.66 × mean moving range.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy

from carnet.measures.register import measure
from carnet.wording import N_

LIMIT_FACTOR = 2.66  # 3 ÷ d2, d2 = 1.128 for ranges of two
RUN_LENGTH = 8  # points in a row on one side of the mean
FIRM_POINTS = 12  # below, limits are provisional
TREND_LEVEL = 0.01  # p-value under which a trend is taken out


@measure(N_("Natural process limits and signals of a series"))
def control_limits(values: pd.Series) -> pd.DataFrame:
    """Natural process limits of a series and the points that break its run (XmR chart).

    Formula     moving range = |value − value before|; low, high = mean ± 2.66 × mean moving range
    Unit        that of the series
    Population  the known values, in time order, one row each
    Undefined   limits are NaN with fewer than 2 values; unknown values are left out
    Source      D. J. Wheeler, Understanding Variation, 2nd ed. 2000, ch. 3 and appendix

    Signal      'above' or 'below' for a point outside the limits, 'run' for each point of a run of
                8 or more on one side of the mean, '' otherwise
    Columns     value, moving_range, mean, low, high, signal
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


@measure(N_("A monthly series less its yearly pattern"))
def without_season(values: pd.Series, months: Sequence[int]) -> tuple[pd.Series, bool]:
    """A monthly series less its yearly pattern, and whether it has one.

    Formula     value − mean of its calendar month + mean of all, the residuals widened by √(n ÷ (n
                − 12)) for the twelve means taken out
    Unit        that of the series
    Population  the known values, one each
    Undefined   never: with fewer than 24 values, a calendar month without any, or no pattern, the
                series is returned as it is, and False
    Source      one-way analysis of variance: R. A. Fisher, 1925; its use is a definition of the
                workbook

    Pattern     one-way analysis of variance by calendar month, p < 0.01, from two whole years on;
                else the series is returned as it is
    Returns     (series, True where a pattern was taken out)
    """
    known = values.dropna().astype(float)
    month = pd.Series(list(months), index=values.index).reindex(known.index)
    if len(known) < 24 or month.nunique() < 12:
        return values, False
    groups = [known[month == number] for number in range(1, 13)]
    rest = known - known.groupby(month).transform("mean")
    if (
        rest.abs().max() > 1e-9 * known.abs().max()
        and not scipy.stats.f_oneway(*groups).pvalue < 0.01
    ):
        return values, False
    return known.mean() + rest * math.sqrt(len(known) / (len(known) - 12)), True


@dataclass(frozen=True)
class Pattern:
    """What was taken out of a series before its limits: a trend (change a year, as a share where
    the series is always positive, else in its unit; NaN without one) and a yearly season.
    """

    trend: float
    relative: bool
    season: bool


@measure(N_("Natural limits of a series around its trend and season"))
def limits_around(
    values: pd.Series, months: Sequence[int], per_year: int = 12
) -> tuple[pd.DataFrame, Pattern]:
    """Natural limits around the trend and the season of a series, and what was taken out of it.

    Formula     a series that is always positive is taken in logarithms, since growth and noise are
                then even; a trend that a Kendall test tells from chance (p < 0.01; by calendar
                month from two years on) is taken out along the median of the slopes of all pairs,
                the season by `without_season`; limits and signals are those of what is left
                (`control_limits`), drawn around trend and season
    Unit        that of the series; the trend a year, as a ratio where the series is always positive
    Population  the known values, in time order, one row each
    Undefined   limits are NaN with fewer than 2 values; the trend is NaN where none is told from
                chance
    Source      seasonal Kendall test: R. M. Hirsch, J. R. Slack & R. A. Smith, Water Resources
                Research 18 (1982) 107-121; slope: H. Theil, 1950, P. K. Sen, 1968; limits: D. J.
                Wheeler, Understanding Variation, 2nd ed. 2000

    Parameters  values in time order, months: the calendar month with which each begins; per_year:
                points a year
    Returns     the columns of `control_limits`, with mean, low and high of each point; `Pattern`:
                trend, relative, season
    """
    known = values.dropna().astype(float)
    relative = bool(len(known)) and bool((known > 0).all())
    y = np.log(known) if relative else known
    month = pd.Series(list(months), index=values.index).reindex(known.index)
    time = pd.Series(np.flatnonzero(values.notna().to_numpy()), index=known.index, dtype=float)
    slope = _trend(
        y, time, month if per_year == 12 and len(known) >= 24 else pd.Series(0, known.index)
    )
    line = slope * (time - time.mean()) if slope else pd.Series(0.0, known.index)
    rest, season = without_season(y - line, list(month))
    t = control_limits(rest)
    if season:
        line = line + (y - line).groupby(month).transform("mean") - (y - line).mean()
    back = np.exp if relative else (lambda level: level)
    t = t.assign(value=known, **{name: back(t[name] + line) for name in ("mean", "low", "high")})
    yearly = math.expm1(slope * per_year) if relative else slope * per_year
    return t, Pattern(yearly if slope else math.nan, relative, season)


def _trend(y: pd.Series, time: pd.Series, group: pd.Series) -> float:
    """Median slope of the pairs within each group, where Kendall's sum over the groups is told from
    chance (two-sided p < 0.01); else 0.
    """
    slopes: list[float] = []
    score = variance = 0.0
    for number in group.unique():
        inside = (group == number).to_numpy()
        v, t = y.to_numpy()[inside], time.to_numpy()[inside]
        later, earlier = np.tril_indices(len(v), -1)
        rises = v[later] - v[earlier]
        slopes += list(rises / (t[later] - t[earlier]))
        score += np.sign(np.round(rises, 12)).sum()
        variance += len(v) * (len(v) - 1) * (2 * len(v) + 5) / 18
    if not variance or abs(score) < 2:
        return 0.0
    z = (abs(score) - 1) / math.sqrt(variance)
    return float(np.median(slopes)) if 2 * scipy.stats.norm.sf(z) < TREND_LEVEL else 0.0


@measure(N_("Standard error of a sum of months"))
def yearly_noise(values: pd.Series) -> float:
    """Standard error of a sum over as many months as `values` has, from their moving range.

    Formula     √n × mean |value − value before| ÷ 1.128
    Unit        that of the series
    Population  the known values, in time order
    Undefined   NaN under 12 known values (FIRM_POINTS)
    Source      D. J. Wheeler, Understanding Variation, 2nd ed. 2000 (1.128 is d2 for ranges of two)
    """
    known = values.dropna().astype(float)
    if len(known) < FIRM_POINTS:
        return math.nan
    return float(math.sqrt(len(known)) * known.diff().abs().mean() / 1.128)
