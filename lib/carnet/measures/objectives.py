"""SMART objectives: where each one should stand today, where it stands, and the pace that is left to make."""

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from carnet.engagement import Target
from carnet.measures.control_limits import yearly_noise

YEAR = 365.25


SUMS = ("revenue", "quantity", "order_count", "gross_margin", "net_margin", "fixed_cost", "variable_cost", "acquisition_cost", "total_cost")


def noise_ranges(now: Mapping[str, float], months: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """95 % intervals of the year's sums: value ± 1.96 × the noise of its last 12 complete months; none under 12 months."""
    recent = months[months.complete].tail(12)
    ranges = {}
    for name in SUMS:
        noise = yearly_noise(recent[name]) if len(recent) else math.nan
        if noise == noise and now[name] == now[name]:
            ranges[name] = (now[name] - 1.959964 * noise, now[name] + 1.959964 * noise)
    return ranges


def target_progress(
    targets: Sequence[Target], values: Mapping[str, float], intervals: Mapping[str, tuple[float, float]], as_of: dt.date
) -> pd.DataFrame:
    """One row per target: measure, owner, due, baseline, target, value, low, high, required, pace_needed, years_left, status.

    required    where the straight line from the baseline (one year before `as_of`) to the target (on `due`) stands on `as_of`; the
                target itself once due, or without a baseline
    pace_needed (target − value) ÷ years left; NaN once due
    status      'on track' when value and interval are on the good side of `required`, 'off track' when they are on the other,
                'too noisy' when the interval holds it, 'not measured' without a value; the good side is the one from baseline to
                target (without a baseline: at or above)
    """
    rows = []
    for target in targets:
        value = float(values.get(target.measure, math.nan))
        low, high = intervals.get(target.measure, (math.nan, math.nan))
        left = (target.due - as_of).days / YEAR
        if left <= 0 or target.baseline is None:
            required = target.target
        else:
            required = target.baseline + (target.target - target.baseline) / (1 + left)
        upwards = target.baseline is None or target.target >= target.baseline
        worst, best = ((low, high) if upwards else (high, low)) if low == low else (value, value)
        reached = [end >= required if upwards else end <= required for end in (worst, best)]
        status = "not measured" if value != value else "on track" if all(reached) else "too noisy" if any(reached) else "off track"
        rows.append(
            dict(measure=target.measure, owner=target.owner, due=target.due, baseline=target.baseline, target=target.target, value=value, low=low, high=high,
                 required=required, pace_needed=(target.target - value) / left if left > 0 else math.nan, years_left=max(left, 0.0), status=status)
        )  # fmt: skip
    columns: list[Any] = [
        "measure",
        "owner",
        "due",
        "baseline",
        "target",
        "value",
        "low",
        "high",
        "required",
        "pace_needed",
        "years_left",
        "status",
    ]
    return pd.DataFrame(rows, columns=columns)
