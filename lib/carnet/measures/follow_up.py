"""What became of the customers that an earlier audit flagged: progress, outcome, against luck and against the hold-out."""

import datetime as dt

import numpy as np
import pandas as pd
from scipy import stats

from carnet.measures.rebound import ratio_interval

OUTCOMES = ("back", "still_late", "lost")


def follow_up(flagged: pd.DataFrame, now: pd.DataFrame, since: dt.date, back_share: float) -> pd.DataFrame:
    """Each flagged customer a while later.

    Formula     revenue_progress = revenue of the last 12 months − that at the flagging; regained_share = revenue_progress ÷ gap at the flagging;
                outcome: lost without an order since; back when regained_share ≥ back_share; else still late
    Parameters  flagged: customer_id, rolling_year_revenue, sales_gap (under zero) of then; now: customer_id, rolling_year_revenue,
                last_order_date of today, customers missing there bought nothing; since: the earlier audit date
    Returns     flagged with revenue_now (last 12 months), last_order_date, revenue_progress, regained_share, outcome
    """
    today = now.set_index("customer_id")
    revenue = today.rolling_year_revenue.reindex(flagged.customer_id).fillna(0.0).to_numpy()  # not in today's list: nothing invoiced
    last = pd.to_datetime(today.last_order_date).reindex(flagged.customer_id).to_numpy()
    t = flagged.assign(revenue_now=revenue, last_order_date=last, revenue_progress=revenue - flagged.rolling_year_revenue.to_numpy())
    t["regained_share"] = t.revenue_progress / -t.sales_gap
    silent = t.last_order_date.isna() | (t.last_order_date <= pd.Timestamp(since))
    t["outcome"] = np.select([silent, t.regained_share >= back_share], ["lost", "back"], "still_late")
    return t


def outcome_table(followed: pd.DataFrame) -> pd.DataFrame:
    """Customers and money by outcome: outcome, customer_count, flagged_gap, revenue_progress, regained_share; the last row is all of them."""
    parts = [(name, followed[followed.outcome == name]) for name in OUTCOMES] + [("all", followed)]
    rows = [
        dict(outcome=name, customer_count=len(part), flagged_gap=part.sales_gap.sum(), revenue_progress=part.revenue_progress.sum(),
             regained_share=part.revenue_progress.sum() / -part.sales_gap.sum() if len(part) else np.nan)
        for name, part in parts
    ]  # fmt: skip
    return pd.DataFrame(rows)


def regained_interval(followed: pd.DataFrame) -> tuple[float, float, float]:
    """Share of the flagged gap that was regained, with its jackknife interval over customers."""
    return ratio_interval(followed.revenue_progress, -followed.sales_gap)


def against_expected(regained: tuple[float, float, float], expected: tuple[float, float, float], year_share: float = 1.0) -> str:
    """'more', 'less', 'same' (not to be told apart) or 'unknown': regained share against the rebound expected without action.

    `expected` with an interval is where a group of this size lands without action: outside it is more or less. A bare value is compared
    with the interval of what was regained. `year_share`: the part of a year gone by, since the rebound is that of 12 months.
    """
    value, *own = regained
    norm, *landing = (end * year_share for end in expected)
    if np.isnan(value) or np.isnan(norm):
        return "unknown"
    if not np.isnan(landing).any():
        return "more" if value > landing[1] else "less" if value < landing[0] else "same"
    if np.isnan(own).any():
        return "unknown"
    return "more" if own[0] > norm else "less" if own[1] < norm else "same"


def arm_effect(followed: pd.DataFrame) -> dict[str, float]:
    """Mean progress of customers contacted against that of the hold-out: what the action did, luck included in both arms.

    Formula     difference of means with Welch's interval (B. L. Welch, Biometrika 34 (1947) 28-35); p_value of a permutation test (9,999 draws)
    Returns     contact_count, hold_out_count, contact_progress, hold_out_progress, effect, low, high, p_value; NaN under 2 customers an arm
    """
    contact, held = (followed.revenue_progress[followed.arm == arm].to_numpy(dtype=float) for arm in ("contact", "hold-out"))
    found = dict(contact_count=len(contact), hold_out_count=len(held), contact_progress=np.nan, hold_out_progress=np.nan,
                 effect=np.nan, low=np.nan, high=np.nan, p_value=np.nan)  # fmt: skip
    if min(len(contact), len(held)) < 2:
        return found
    found |= dict(contact_progress=contact.mean(), hold_out_progress=held.mean(), effect=contact.mean() - held.mean())
    if np.ptp(contact) == 0 and np.ptp(held) == 0:
        return found
    interval = stats.ttest_ind(contact, held, equal_var=False).confidence_interval(0.95)
    permuted = stats.permutation_test(
        (contact, held), lambda a, b, axis: a.mean(axis=axis) - b.mean(axis=axis), vectorized=True, n_resamples=9999, rng=1
    )
    return found | dict(low=float(interval.low), high=float(interval.high), p_value=float(permuted.pvalue))
