"""What became of the customers that an earlier audit flagged:
progress, outcome, against luck and against the hold-out.
"""

import datetime as dt

import numpy as np
import pandas as pd
import scipy

from carnet.measures.register import measure
from carnet.measures.retention.rebound import ratio_interval
from carnet.wording import N_

OUTCOMES = ("back", "still_late", "lost")
SILENT_RHYTHMS = 2.0  # a customer that still orders as it always did is not lost


@measure(N_("What became of each flagged customer"))
def follow_up(
    flagged: pd.DataFrame,
    today: pd.DataFrame,
    since: dt.date,
    back_share: float,
    years: float = 1.0,
) -> pd.DataFrame:
    """What became of each flagged customer a while later.

    Formula     revenue_progress = revenue today − that at the flagging, of periods of equal length;
                regained_share = revenue_progress ÷ −sales_gap, the gap at the flagging; outcome:
                lost without an order since and silent for twice its own rhythm (SILENT_RHYTHMS);
                back when regained_share ≥ back_share × the part of a year gone by; else still_late
    Unit        currency, a share of the gap (above 1 or below 0 where it passed the gap or fell
                on), dates
    Population  one row a flagged customer
    Undefined   never by absence: a customer missing in `today` has a revenue of 0, and an unknown
                rhythm counts as silent
    Source      source B of the method (report on the flagged list at the next audit)

    Parameters  flagged: customer_id, period_revenue, sales_gap (under zero) of then; today:
                customer_id, period_revenue, last_order_date, silence_ratio, customers missing there
                bought nothing in it; since: the earlier audit date; years gone by
    Returns     flagged with revenue_now, last_order_date, revenue_progress, regained_share, outcome
    """
    now = today.set_index("customer_id").reindex(flagged.customer_id)
    missing = ~flagged.customer_id.isin(today.customer_id).to_numpy()
    # not in today's table: nothing invoiced
    revenue = np.where(missing, 0.0, now.period_revenue.to_numpy(dtype=float))
    last = pd.to_datetime(now.last_order_date).to_numpy()
    t = flagged.assign(
        revenue_now=revenue,
        last_order_date=last,
        revenue_progress=revenue - flagged.period_revenue.to_numpy(dtype=float),
    )
    t["regained_share"] = t.revenue_progress / -t.sales_gap
    silent = (t.last_order_date.isna() | (t.last_order_date <= pd.Timestamp(since))) & ~(
        now.silence_ratio.to_numpy(dtype=float) < SILENT_RHYTHMS
    )
    t["outcome"] = np.select(
        [silent, t.regained_share >= back_share * min(1.0, years)], ["lost", "back"], "still_late"
    )
    return t


@measure(N_("Flagged customers by outcome"))
def outcome_table(followed: pd.DataFrame) -> pd.DataFrame:
    """Flagged customers and their money by outcome; the last row is all of them.

    Formula     regained_share = Σ revenue_progress ÷ −Σ sales_gap; flagged_gap = Σ sales_gap
    Unit        counts, currency, a share of the gap
    Population  four rows: back, still_late, lost, all
    Undefined   regained_share is NaN of an outcome that nobody has; its counts and sums are 0
    Source      source B of the method (report on the flagged list at the next audit)

    Columns     outcome, customer_count, flagged_gap, revenue_progress, regained_share
    """
    parts = [(name, followed[followed.outcome == name]) for name in OUTCOMES] + [("all", followed)]
    rows = [
        dict(
            outcome=name,
            customer_count=len(part),
            flagged_gap=part.sales_gap.sum(),
            revenue_progress=part.revenue_progress.sum(),
            regained_share=part.revenue_progress.sum() / -part.sales_gap.sum()
            if len(part)
            else np.nan,
        )
        for name, part in parts
    ]
    return pd.DataFrame(rows)


@measure(N_("Share of the flagged gap that was regained"))
def regained_interval(followed: pd.DataFrame) -> tuple[float, float, float]:
    """Share of the flagged gap that was regained, with its jackknife interval over customers.

    Formula     Σ revenue_progress ÷ −Σ sales_gap, interval as `rebound.ratio_interval`
    Unit        share of the gap
    Population  flagged customers
    Undefined   (NaN, NaN, NaN) without a gap; no interval where `ratio_interval` gives none
    Source      jackknife: M. Quenouille, 1949, and J. Tukey, 1958; the share is asked for by source
                B

    Returns     (share, low, high)
    """
    return ratio_interval(followed.revenue_progress, -followed.sales_gap)


@measure(N_("Regained share against the rebound expected without action"))
def against_expected(
    regained: tuple[float, float, float], expected: tuple[float, float, float], years: float = 1.0
) -> str:
    """Whether the regained share is more or less than the rebound expected without action.

    Formula     middle = expected share × min(1, years); half-width of the expected interval ×
                √years; 'more' above middle + half-width, 'less' below middle − half-width, else
                'same'; against a bare value 'more' where the low end of the regained share is above
                it
    Unit        text: 'more', 'less', 'same' (not to be told apart) or 'unknown'
    Population  one group of flagged customers
    Undefined   'unknown' where either share is NaN, or where neither has an interval
    Source      definition of the workbook (method §2 B, regression to the mean)

    `expected` with an interval is where a group of this size lands in a year: its middle grows with
    the part of a year gone by, its half-width with the root of the time. A bare value is the
    ceiling of what luck gives back: more, or not to be told apart.
    """
    (value, own_low, _), (norm, low, high) = regained, expected
    if np.isnan(value) or np.isnan(norm):
        return "unknown"
    middle = norm * min(1.0, years)
    if not np.isnan(low) and not np.isnan(high):
        half = (high - low) / 2 * np.sqrt(years)
        return "more" if value > middle + half else "less" if value < middle - half else "same"
    return "unknown" if np.isnan(own_low) else "more" if own_low > middle else "same"


@measure(N_("Progress of contacted customers against the hold-out"))
def arm_effect(followed: pd.DataFrame) -> dict[str, float]:
    """Mean progress of the customers assigned to contact against that of those left alone.

    Formula     effect = mean progress of the arm 'contact' − that of the arm 'hold-out', Welch's
                interval (95 %); p_value of a permutation test (9,999 draws); luck is in both arms
                alike
    Unit        currency a customer, counts, p-value 0 to 1
    Population  flagged customers by the arm they were assigned to, whatever was done
    Undefined   means, effect, interval and p_value are NaN under 2 customers an arm; interval and
                p_value where no arm has any spread; contacts where they are not known
    Source      B. L. Welch, Biometrika 34 (1947) 28-35

    Parameters  followed: arm, revenue_progress, recent_contact_count (what was really done, unknown
                without a service table)
    Returns     contact_count, hold_out_count (customers), contact_contacts, hold_out_contacts (mean
                contacts a customer), contact_progress, hold_out_progress, effect, low, high,
                p_value; NaN under 2 customers an arm
    """
    arms = [followed[followed.arm == arm] for arm in ("contact", "hold-out")]
    contact, held = (arm.revenue_progress.to_numpy(dtype=float) for arm in arms)
    made = [
        arm.recent_contact_count.astype(float).mean()
        if "recent_contact_count" in arm and len(arm)
        else np.nan
        for arm in arms
    ]
    found = dict(
        contact_count=len(contact),
        hold_out_count=len(held),
        contact_contacts=made[0],
        hold_out_contacts=made[1],
        contact_progress=np.nan,
        hold_out_progress=np.nan,
        effect=np.nan,
        low=np.nan,
        high=np.nan,
        p_value=np.nan,
    )
    if min(len(contact), len(held)) < 2:
        return found
    found |= dict(
        contact_progress=contact.mean(),
        hold_out_progress=held.mean(),
        effect=contact.mean() - held.mean(),
    )
    if np.ptp(contact) == 0 and np.ptp(held) == 0:
        return found
    interval = scipy.stats.ttest_ind(contact, held, equal_var=False).confidence_interval(0.95)
    permuted = scipy.stats.permutation_test(
        (contact, held),
        lambda a, b, axis: a.mean(axis=axis) - b.mean(axis=axis),
        vectorized=True,
        n_resamples=9999,
        rng=1,
    )
    return found | dict(
        low=float(interval.low), high=float(interval.high), p_value=float(permuted.pvalue)
    )
