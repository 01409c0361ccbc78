"""SMART objectives: where each one should stand today, where it stands,
and the pace that is left to make.
"""

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import pandas as pd

from carnet.measures.indicators.control_limits import yearly_noise
from carnet.measures.register import FIGURES, measure
from carnet.wording import N_

YEAR = 365.25


class Objective(Protocol):
    """What an objective says: measure, value on the day it starts from, value to reach, until when,
    and whose it is.
    """

    measure: str
    baseline: float | None
    start: dt.date | None
    target: float
    due: dt.date
    owner: str | None


SUMS = (
    "revenue",
    "quantity",
    "order_count",
    "gross_margin",
    "net_margin",
    "fixed_cost",
    "variable_cost",
    "acquisition_cost",
    "total_cost",
)
NOISY = SUMS[:5]  # costs are ledger amounts: their months differ by design, not by chance


@measure(N_("Figures of the last 12 months where the audit period is shorter"))
def yearly_values(now: pd.Series, months: pd.DataFrame, whole_year: bool) -> pd.Series:
    """The figures of the audit period, with sums of the last 12 months where it is shorter.

    Formula     figures as they are where the period is a year; else the figures of SUMS = Σ of the
                last 12 complete months
    Unit        that of each figure
    Population  the company, one value a figure
    Undefined   the sums are NaN without 12 complete months, or where one of them is unknown
    Source      definition of the workbook (method §1, periods)
    """
    if whole_year:
        return now
    recent = months[months.complete].tail(12)
    sums = (
        recent[list(SUMS)].sum(skipna=False)
        if len(recent) == 12
        else pd.Series(math.nan, list(SUMS))
    )
    return pd.concat([now.drop(list(SUMS)), sums])


@measure(N_("Intervals of yearly sums from the swings of their months"))
def noise_ranges(now: Mapping[str, float], months: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """95 % intervals of yearly sums, from the swings of their months.

    Formula     value ± 1.96 × `yearly_noise` of the last 12 complete months
    Unit        that of each figure
    Population  the figures of NOISY: revenue, quantity, order_count, gross_margin, net_margin
    Undefined   a figure without 12 complete known months, or without a value, is left out
    Source      D. J. Wheeler, Understanding Variation, 2nd ed. 2000 (noise from the moving range)

    Returns     figure → (low, high)
    """
    recent = months[months.complete].tail(12)
    ranges = {}
    for name in NOISY:
        noise = yearly_noise(recent[name]) if len(recent) else math.nan
        if noise == noise and now[name] == now[name]:
            ranges[name] = (now[name] - 1.959964 * noise, now[name] + 1.959964 * noise)
    return ranges


def _path(target: Objective, as_of: dt.date) -> float:
    """Where the straight line from the baseline to the target stands on a day;
    NaN without a baseline or its day, or before that day.
    """
    if target.baseline is None or target.start is None or as_of < target.start:
        return math.nan
    share = (as_of - target.start).days / (target.due - target.start).days
    return target.baseline + (target.target - target.baseline) * share


@measure(N_("Objectives against where they should stand today"))
def target_progress(
    targets: Sequence[Objective],
    values: Mapping[str, float],
    intervals: Mapping[str, tuple[float, float]],
    years: pd.DataFrame,
    as_of: dt.date,
) -> pd.DataFrame:
    """Each objective: where it should stand today, where it stands, and the pace left to make.

    Formula     required = baseline + (target − baseline) × days since `from` ÷ days from `from` to
                `due`; pace_needed = (target − value) ÷ years left; years_left = (due − as_of) ÷
                365.25
    Unit        that of the measure; pace in the same unit a year; years
    Population  one row an objective, in the order given
    Undefined   value is NaN where it is not measured, required without a baseline or its day unless
                the objective is due or reached, pace_needed once due or reached, low and high
                without an interval and of objectives due earlier
    Source      source D of the method (SMART targets); definition of the workbook (method §6,
                objectives)

    value       the figure of the audit period; of an objective due earlier, the one of the fiscal
                year that ended on its due date
    required    where the straight line from the baseline (on the day `from`) to the target (on
                `due`) stands on `as_of`; the target itself once due, or where the line is unknown
                and the target is reached; else unknown without a baseline or its day
    pace_needed (target − value) ÷ years left; NaN once due or once the target is reached
    status      'on track' when value and interval are on the good side of `required`, 'off track'
                when they are on the other, 'too noisy' when the interval holds it, 'not judged'
                where `required` is unknown, 'not measured' without a value; the good side is the
                one from baseline to target, without a baseline the one the register calls good
    Columns     measure, owner, due, baseline, target, value, low, high, required, pace_needed,
                years_left, status
    """
    rows = []
    for target in targets:
        past = (
            years.reindex(columns=[target.measure])[years.end == target.due]
            if target.due < as_of
            else None
        )
        value = (
            float(values.get(target.measure, math.nan))
            if past is None
            else float(past[target.measure].iloc[0])
            if len(past)
            else math.nan
        )
        low, high = (
            intervals.get(target.measure, (math.nan, math.nan))
            if past is None
            else (math.nan, math.nan)
        )
        left = (target.due - as_of).days / YEAR
        upwards = (
            FIGURES[target.measure].good != "down"
            if target.baseline is None
            else target.target >= target.baseline
        )
        done = value >= target.target if upwards else value <= target.target
        path = _path(target, as_of)
        required = target.target if left <= 0 or (done and path != path) else path
        worst, best = ((low, high) if upwards else (high, low)) if low == low else (value, value)
        reached = [end >= required if upwards else end <= required for end in (worst, best)]
        judged = "on track" if all(reached) else "too noisy" if any(reached) else "off track"
        status = (
            "not measured" if value != value else "not judged" if required != required else judged
        )
        rows.append(
            dict(
                measure=target.measure,
                owner=target.owner,
                due=target.due,
                baseline=target.baseline,
                target=target.target,
                value=value,
                low=low,
                high=high,
                required=required,
                pace_needed=(target.target - value) / left if left > 0 and not done else math.nan,
                years_left=max(left, 0.0),
                status=status,
            )
        )
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
