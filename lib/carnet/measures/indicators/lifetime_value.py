"""What a customer is worth, the deck's way and the standard way,
and every step between the two figures.
"""

import math

import numpy as np
import pandas as pd

from carnet.measures.register import Figure, measure
from carnet.measures.statistics._resampling import drawn_sums
from carnet.wording import N_

RESAMPLES = 2000


@measure(N_("Discounted years that a customer stays within the horizon"))
def survival_years(retention_rate: float, horizon_years: int, discount_rate: float = 0.0) -> float:
    """Discounted years that a customer stays within the horizon.

    Formula     Σ (retention_rate ÷ (1 + discount_rate))^t, t = 0 … horizon_years − 1
    Unit        years, discounted
    Population  one customer at a constant yearly retention
    Undefined   NaN where the retention is outside 0…1 or not known, or the horizon is under 1 year
    Source      definition of the workbook (method §1: lifetime, LTV)

    The first year is undiscounted. Without horizon and discount the sum is 1 ÷ attrition.

    >>> round(survival_years(0.25, 100), 5)
    1.33333
    """
    if not 0 <= retention_rate <= 1 or horizon_years < 1:
        return math.nan
    return float(
        sum((retention_rate / (1 + discount_rate)) ** year for year in range(horizon_years))
    )


@measure(
    N_("Contribution margin of a customer over the horizon"),
    {
        "ltv_margin": Figure(
            N_("Customer lifetime value"),
            "currency",
            N_(
                "Yearly contribution margin per customer × Σ (retention ÷ (1 + discount rate))^t "
                "over the stated horizon"
            ),
            good="up",
            decimals=2,
            source="D",
        ),
    },
)
def ltv_margin(
    margin_per_customer: float, retention_rate: float, horizon_years: int, discount_rate: float
) -> float:
    """Contribution margin of a customer over the horizon.

    Formula     yearly margin per customer × `survival_years`
    Unit        currency a customer
    Population  one customer at a constant yearly margin and retention
    Undefined   NaN where the margin is not known or `survival_years` is NaN
    Source      definition of the workbook (method §1: LTV)
    """
    return margin_per_customer * survival_years(retention_rate, horizon_years, discount_rate)


@measure(N_("Bootstrap interval of the lifetime value"))
def ltv_interval(
    margins: np.ndarray,
    active: np.ndarray,
    active_previous: np.ndarray,
    horizon_years: int,
    discount_rate: float,
    seed: int = 1,
) -> tuple[float, float]:
    """Percentile bootstrap interval of the lifetime value of a customer.

    Formula     2.5 and 97.5 % quantiles of `ltv_margin` over 2,000 samples (RESAMPLES): customers
                are drawn anew (see `replacement.drawn_portfolios`), and with them both Σ margin ÷
                active customers and kept ÷ opening customers
    Unit        currency a customer
    Population  customers, active in the period or in the previous one
    Undefined   (NaN, NaN) under 30 opening customers, without an active one, or where a margin is
                unknown
    Source      B. Efron, 1979 (bootstrap)

    Parameters  one entry a customer: its margin of the period, active in it, active in the previous
                one
    """
    margins, active, before = (
        np.asarray(margins, dtype=float),
        np.asarray(active, dtype=bool),
        np.asarray(active_previous, dtype=bool),
    )
    if before.sum() < 30 or not active.any() or np.isnan(margins).any():
        return math.nan, math.nan
    flags, rng = np.column_stack([active, before, before & active]), np.random.default_rng(seed)
    now, opening, kept, sums = drawn_sums(flags, margins[:, None], rng, RESAMPLES).T
    rates = np.where(opening > 0, kept / opening.clip(1), np.nan)
    means = np.where(now > 0, sums / now.clip(1), np.nan)
    values = [
        ltv_margin(*drawn, horizon_years, discount_rate) for drawn in zip(means, rates, strict=True)
    ]
    low, high = np.nanquantile(values, [0.025, 0.975])
    return float(low), float(high)


@measure(
    N_("From the deck's lifetime value and acquisition cost to the standard ones"),
    {
        "ltv_margin_to_cac": Figure(
            N_("Discounted lifetime value to acquisition cost"),
            "index",
            N_(
                "Customer lifetime value over the stated horizon ÷ acquisition cost "
                "per new customer"
            ),
            good="up",
            decimals=2,
            source="D",
        ),
    },
)
def reconciliation(period: pd.Series, horizon_years: int, discount_rate: float) -> pd.DataFrame:
    """From the deck's LTV and CAC to the standard ones, step by step, in money per customer.

    Formula     deck: revenue per customer ÷ attrition against CAC over all customers; margin:
                margin per customer ÷ attrition; new_only: CAC over new customers; horizon: margin ×
                `survival_years` undiscounted; discount: `ltv_margin`; ratio = ltv ÷ cac
    Unit        currency a customer, a ratio
    Population  five rows, the steps in order; one period of the company
    Undefined   NaN where the period does not know a part; the changes of the first row
    Source      source D (method §3: LTV ÷ CAC of the deck against the standard)

    Parameters  period: one row of `kpi.indicators` (margin_per_customer, retention_rate,
                lifetime_deck, ltv_deck, …)
    Columns     step, ltv (after the step), ltv_change, cac, cac_change, ratio (ltv ÷ cac)
    Steps       deck (undiscounted revenue ÷ attrition; CAC over all customers), margin (variable
                costs taken out), new_only (CAC over new customers), horizon (years beyond it taken
                out), discount (a euro of next year is worth less)
    """
    margin, retention = period["margin_per_customer"], period["retention_rate"]
    whole, within = period["lifetime_deck"], survival_years(retention, horizon_years)
    rows = [
        ("deck", period["ltv_deck"], period["cac_deck"]),
        ("margin", margin * whole, period["cac_deck"]),
        ("new_only", margin * whole, period["cac_standard"]),
        ("horizon", margin * within, period["cac_standard"]),
        (
            "discount",
            ltv_margin(margin, retention, horizon_years, discount_rate),
            period["cac_standard"],
        ),
    ]
    t = pd.DataFrame(rows, columns=["step", "ltv", "cac"])
    return t.assign(ltv_change=t.ltv.diff(), cac_change=t.cac.diff(), ratio=t.ltv / t.cac)
