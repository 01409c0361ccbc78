"""How long customers stay under contract, period by period: the shifted-beta-geometric model.

Source: P. S. Fader & B. G. S. Hardie, "How to project customer retention", Journal of Interactive
Marketing 21 (2007) 76-90; equations numbered as there.
"""

import datetime as dt
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy

from carnet.measures.indicators.recurring import RENEWED_DAYS
from carnet.measures.register import measure
from carnet.wording import N_

LEAST_SPELLS, LEAST_ENDINGS = 50, 10  # below which the model is not fitted
LARGEST = 1e4  # of a parameter, beyond which customers do not differ
DAYS_OF = {"month": 365.25 / 12, "quarter": 365.25 / 4, "year": 365.25}


@dataclass(frozen=True)
class SurvivalModel:
    """Chance θ to leave at each renewal, Beta(α, β) over the customers."""

    alpha: float
    beta: float
    log_likelihood: float

    def survival(self, periods: np.ndarray) -> np.ndarray:
        """Share that stays longer than so many periods (eq. 6), B(α, β + t) ÷ B(α, β)."""
        t = np.asarray(periods, dtype=float)
        logs = scipy.special.betaln(self.alpha, self.beta + t)
        return np.exp(logs - scipy.special.betaln(self.alpha, self.beta))

    def renewal(self, period: np.ndarray) -> np.ndarray:
        """Chance to renew for the t-th time (eq. 8), (β + t − 1) ÷ (α + β + t − 1)."""
        t = np.asarray(period, dtype=float)
        return (self.beta + t - 1) / (self.alpha + self.beta + t - 1)


@measure(N_("Stays of customers under contract"))
def contract_stays(contracts: pd.DataFrame, as_of: dt.date, period: str) -> pd.DataFrame:
    """Each stay of a customer: contracts that follow each other within RENEWED_DAYS are one.

    Formula     told on the last day of which it is known who renewed, RENEWED_DAYS before `as_of`;
                ended where the last contract was over on it; period_count = days from the start to
                the end, or to that day, ÷ days of a period: rounded where it ended, at least 1,
                down where it runs
    Unit        dates; periods (month, quarter, year)
    Population  one row a stay that started up to that day
    Undefined   never
    Source      definition of the workbook

    Parameters  contracts: customer_id, start, end (`recurring.contract_terms`)
    Columns     customer_id, start, end, ended, period_count
    """
    day = pd.Timestamp(as_of)
    t = contracts.assign(
        start=pd.to_datetime(contracts.start),
        end=pd.to_datetime(contracts.end).fillna(pd.Timestamp.max.normalize()),
    )
    known = day - pd.Timedelta(days=RENEWED_DAYS)
    t = t[t.start <= day].sort_values(["customer_id", "start"])
    latest = t.groupby("customer_id").end.cummax()
    before = latest.groupby(t.customer_id).shift()
    # the last day of time has no day after it
    open_until = before.clip(upper=pd.Timestamp("2200-01-01")) + pd.Timedelta(days=RENEWED_DAYS)
    t["stay"] = (before.isna() | (t.start > open_until)).groupby(t.customer_id).cumsum()
    stays = t.groupby(["customer_id", "stay"], as_index=False).agg(
        start=("start", "min"), end=("end", "max")
    )
    stays = stays[stays.start <= known].reset_index(drop=True)
    ended = stays.end < known
    lasted = (stays.end.clip(upper=known) - stays.start).dt.days + 1
    periods = lasted / DAYS_OF[period]
    counted = np.where(ended, np.maximum(periods.round(), 1), np.floor(periods))
    return stays.assign(ended=ended, period_count=counted.astype(int)).drop(columns="stay")


@measure(N_("Shifted-beta-geometric parameters by maximum likelihood"))
def fit_survival(stays: pd.DataFrame) -> SurvivalModel | None:
    """How the chance to leave spreads over customers.

    Formula     maximum likelihood: Σ ln P(T = t) over stays that ended after t periods + Σ ln S(t)
                over those that did not (eq. 5, 6, with right censoring)
    Unit        α, β without unit; log likelihood
    Population  stays of `contract_stays`
    Undefined   None under LEAST_SPELLS stays or LEAST_ENDINGS endings, or when a parameter runs
                away
    Source      P. S. Fader & B. G. S. Hardie, Journal of Interactive Marketing 21 (2007) 76-90
    """
    if len(stays) < LEAST_SPELLS or stays.ended.sum() < LEAST_ENDINGS:
        return None
    ended = stays.ended.to_numpy(dtype=bool)
    t = stays.period_count.to_numpy(dtype=float)
    betaln = scipy.special.betaln

    def negative(logs: np.ndarray) -> float:
        a, b = np.exp(logs)
        left = betaln(a + 1, b + t[ended] - 1).sum()
        return -(left + betaln(a, b + t[~ended]).sum() - len(t) * betaln(a, b))

    starts = ([0.0, 0.0], [-1.0, 1.0], [1.0, 2.0])
    bounds = [(-9.5, 9.5)] * 2
    fits = [
        scipy.optimize.minimize(negative, start, method="L-BFGS-B", bounds=bounds)
        for start in starts
    ]
    best = min(fits, key=lambda fit: fit.fun)
    alpha, beta = (float(value) for value in np.exp(best.x))
    known = math.isfinite(best.fun) and max(alpha, beta) < LARGEST and min(alpha, beta) > 1e-4
    return SurvivalModel(alpha, beta, -float(best.fun)) if known else None


@measure(N_("Contracts kept in the last year, against what the years before foretold"))
def survival_hold_out(
    contracts: pd.DataFrame, as_of: dt.date, period: str, days: int = 365
) -> pd.Series:
    """Of the stays that ran a year before, how many were expected to run still, and how many did.

    Formula     fitted on the contracts that had started `days` before `as_of`; expected = Σ S(t +
                n) ÷ S(t) over the stays that ran then, t periods old, n periods in `days`; naive:
                with one chance to leave for everybody, endings ÷ periods lived; who runs is told as
                in `contract_stays`, RENEWED_DAYS before either day
    Unit        counts
    Population  stays that ran `days` before `as_of`
    Undefined   expected_count is NaN where the model is not fitted on what was known then
    Source      hold-out: method §6; model: P. S. Fader & B. G. S. Hardie, 2007

    Parameters  contracts: as of `contract_stays`
    Returns     running_count, expected_count, naive_count, actual_count
    """
    names = ["running_count", "expected_count", "naive_count", "actual_count"]
    then = as_of - dt.timedelta(days=days)
    known = contracts[pd.to_datetime(contracts.start) <= pd.Timestamp(then)]
    stays = contract_stays(known, then, period)
    model, running = fit_survival(stays), stays[~stays.ended]
    n, t = days / DAYS_OF[period], running.period_count.to_numpy(dtype=float)
    expected = np.nan if model is None else (model.survival(t + n) / model.survival(t)).sum()
    rate = stays.ended.sum() / max(stays.period_count.sum(), 1)
    now = contract_stays(contracts, as_of, period)
    still = set(now.customer_id[~now.ended & (now.start <= pd.Timestamp(then))])
    actual = running.customer_id.isin(still).sum()
    return pd.Series([len(running), expected, len(running) * (1 - rate) ** n, actual], names)
