"""How long contracts last: Kaplan-Meier with late entry,
and the years of a stated horizon (restricted mean).
"""

import datetime as dt
import math

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from carnet.measures.register import Figure, measure
from carnet.wording import N_

RESAMPLES = 300
MIN_ENDINGS = 5  # fewer observed endings draw no curve
FOLLOWED_SLACK = 2 / 365.25  # years are days ÷ 365.25: 5 years of them may be a day short


@measure(N_("Contracts under observation"))
def contract_lifetimes(
    customers: ir.Table, departures: ir.Table | None, observed_from: dt.date, as_of: dt.date
) -> ir.Table:
    """Contracts under observation, in years since their start.

    Formula     duration = (end of the contract, else `as_of`) − since; entry = max(observed_from −
                since, 0); a contract ends on `until`, else on the departure noted; both ÷ 365.25
    Unit        years; ended True or False
    Population  one row a contract that started up to `as_of` and was seen under observation after
                `observed_from`
    Undefined   a customer without `since`, or whose contract ended before `observed_from`, has no
                row
    Source      definition of the workbook (method §1: lifetime with left truncation)

    A contract that started before `observed_from` is only seen because it lasted until then: it
    enters late (entry > 0), or is left out when it ended before. Without an end it still runs on
    `as_of`.
    Columns     customer_id, entry, duration, ended
    Needs       customers.since; customers.contract, where given, selects contracts.
    """
    given = set(customers.columns)
    t = customers.filter(customers.contract.fill_null(False)) if "contract" in given else customers
    t = t.filter(t.since.notnull() & (t.since <= ibis.date(as_of)))
    until = t.until if "until" in given else ibis.null("date")
    t = t.select("customer_id", "since", until=until)
    if departures is not None:
        gone = departures.group_by("customer_id").agg(gone=departures.date.min())
        t = t.left_join(gone, "customer_id").drop("customer_id_right")
        t = t.mutate(until=ibis.coalesce(t.until, t.gone)).drop("gone")
    ended = (t.until <= ibis.date(as_of)).fill_null(False)
    t = t.mutate(ended=ended, stop=ended.ifelse(t.until, ibis.date(as_of)))
    years = 365.25
    t = t.mutate(
        entry=ibis.greatest(ibis.literal(observed_from).delta(t.since, unit="day"), 0) / years,
        duration=t.stop.delta(t.since, unit="day") / years,
    )
    return (
        t.filter((t.duration > 0) & (t.duration > t.entry))
        .select("customer_id", "entry", "duration", "ended")
        .order_by("customer_id")
    )


@measure(N_("Kaplan-Meier curve of contracts, late entry allowed for"))
def survival_curve(lifetimes: pd.DataFrame) -> pd.DataFrame:
    """Kaplan-Meier estimate of how long contracts run, late entry allowed for.

    Formula     S(t) = Π (1 − endings ÷ at risk) over the times of endings up to t; only those
                already under observation count as at risk; 95 % interval on the log-log scale
    Unit        years, counts, shares 0 to 1
    Population  one row a time at which contracts ended
    Undefined   empty with fewer than 5 endings (MIN_ENDINGS); the interval is NaN where survival is
                0 or 1
    Source      E. L. Kaplan & P. Meier, JASA, 1958

    Columns     years, at_risk, survival, low, high (95 %, log-log), endings
    """
    columns = ["years", "at_risk", "survival", "low", "high", "endings"]
    if lifetimes.ended.sum() < MIN_ENDINGS:
        return pd.DataFrame(columns=columns)
    # slow to import, and few books have contracts
    from statsmodels.duration.survfunc import SurvfuncRight

    late = lifetimes.entry.to_numpy() if (lifetimes.entry > 0).any() else None
    fit = SurvfuncRight(
        lifetimes.duration.to_numpy(), lifetimes.ended.astype(int).to_numpy(), entry=late
    )
    survival, error = fit.surv_prob, fit.surv_prob_se
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = 1.959964 * error / (survival * np.abs(np.log(survival)))
        low, high = survival ** np.exp(spread), survival ** np.exp(-spread)
    inside = (survival > 0) & (survival < 1)
    return pd.DataFrame(
        dict(
            years=fit.surv_times,
            at_risk=fit.n_risk,
            survival=survival,
            low=np.where(inside, low, np.nan),
            high=np.where(inside, high, np.nan),
            endings=fit.n_events,
        ),
        columns=columns,
    )


@measure(
    N_("Years of a contract within the horizon"),
    {
        "contract_years": Figure(
            N_("Years that a contract runs within the horizon"),
            "index",
            N_(
                "Area under the survival curve of contracts up to the stated horizon (restricted "
                "mean), late entry allowed for"
            ),
            good="up",
            decimals=1,
            source="D",
        ),
    },
)
def restricted_mean(curve: pd.DataFrame, horizon_years: float, followed_years: float) -> float:
    """Mean years of a contract within the horizon: the area under the survival curve up to it.

    Formula     ∫ S(t) dt from 0 to horizon_years, S the steps of `survival_curve`
    Unit        years, at most the horizon
    Population  contracts under observation
    Undefined   NaN without a curve; NaN too when nobody was followed (`followed_years`: the longest
                duration observed, ended or not) as far as the horizon before the curve reached zero
    Source      definition of the workbook (method §1: RMST), on the estimate of E. L. Kaplan & P.
                Meier, JASA, 1958
    """
    if not len(curve):
        return math.nan
    if followed_years < horizon_years - FOLLOWED_SLACK and curve.survival.iloc[-1] > 0:
        return math.nan
    times = np.clip(
        np.concatenate([[0.0], curve.years.to_numpy(), [horizon_years]]), 0, horizon_years
    )
    levels = np.concatenate([[1.0], curve.survival.to_numpy()])
    return float((np.diff(times) * levels).sum())


@measure(N_("Mean years of contracts within a horizon"))
def restricted_mean_of(lifetimes: pd.DataFrame, horizon_years: float) -> float:
    """Mean years of a contract within the horizon, from the contracts themselves.

    Formula     `restricted_mean` of `survival_curve`, followed as far as the longest duration
    Unit        years, at most the horizon
    Population  contracts under observation (columns of `contract_lifetimes`)
    Undefined   NaN without contracts, or where `restricted_mean` is
    Source      definition of the workbook (method §1: RMST), on the estimate of E. L. Kaplan & P.
                Meier, JASA, 1958
    """
    return restricted_mean(
        survival_curve(lifetimes),
        horizon_years,
        float(lifetimes.duration.max()) if len(lifetimes) else math.nan,
    )


@measure(N_("Share of contracts that still run"))
def survival_at(curve: pd.DataFrame, years: float) -> float:
    """Share of contracts that still run after so many years.

    Formula     S at the last time of the curve up to `years`; 1 before its first
    Unit        share, 0 to 1
    Population  contracts of the curve
    Undefined   NaN without a curve; after the last ending observed its last value stays
    Source      E. L. Kaplan & P. Meier, JASA, 1958
    """
    if not len(curve):
        return math.nan
    past = curve.survival[curve.years <= years]
    return float(past.iloc[-1]) if len(past) else 1.0


@measure(N_("Bootstrap interval of the years of a contract"))
def restricted_mean_interval(
    lifetimes: pd.DataFrame, horizon_years: float, seed: int = 1
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean years of a contract within the horizon.

    Formula     2.5 and 97.5 % quantiles of `restricted_mean_of` over 300 samples (RESAMPLES),
                contracts drawn anew
    Unit        years
    Population  contracts under observation (columns of `contract_lifetimes`)
    Undefined   (NaN, NaN) where the mean itself is unknown; draws in which nothing was observed up
                to the horizon are left out
    Source      B. Efron, 1979 (bootstrap)
    """
    if math.isnan(restricted_mean_of(lifetimes, horizon_years)):
        return math.nan, math.nan
    rng = np.random.default_rng(seed)
    drawn = (
        lifetimes.iloc[rng.integers(0, len(lifetimes), len(lifetimes))] for _ in range(RESAMPLES)
    )
    means = [restricted_mean_of(sample, horizon_years) for sample in drawn]
    low, high = np.nanquantile(means, [0.025, 0.975])
    return float(low), float(high)
