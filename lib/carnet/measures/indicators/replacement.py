"""What it takes to replace a good customer that left, and what keeping more of them does to profit
(sources A, D).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeVar

import numpy as np
import pandas as pd

from carnet.measures.indicators.lifetime_value import survival_years
from carnet.measures.register import Figure, measure
from carnet.measures.statistics._resampling import drawn_sums
from carnet.wording import N_

Numbers = TypeVar("Numbers", float, pd.Series)
RESAMPLES = 2000
LEAST = 8  # customers on each side, below which a mean has no interval


@measure(
    N_("New customers that replace a good one"),
    {
        "replacement_ratio": Figure(
            N_("New customers that replace a good one"),
            "index",
            N_(
                "Yearly margin (12 months up to the last order) of lost good customers "
                "× discounted years that good ones stay ÷ discounted margin of new customers "
                "over the horizon, year of life by year of life (cohorts; the last yearly "
                "survival carried on)"
            ),
            decimals=1,
            source="A",
        ),
        "good_margin_lost": Figure(
            N_("Margin of good customers lost"),
            "currency",
            N_(
                "Σ margin of the 12 months up to their last order of lost customers of class "
                "A or B with a margin above zero; newcomers of the previous year, where they can "
                "be told, left out"
            ),
            good="down",
            source="A",
        ),
    },
)
def replacement_ratio(
    lost: np.ndarray,
    good: pd.DataFrame,
    fresh: pd.DataFrame,
    horizon_years: int,
    discount_rate: float,
    seed: int = 1,
) -> dict[str, float]:
    """How many average new customers bring what one lost good customer would have brought.

    Formula     mean yearly margin of a lost good customer × survival_years(retention of good
                customers) ÷ `newcomer_value`; retention of the good = exp(−leavings ÷
                customer-years observed), so that customers seen for half a year count half;
                percentile bootstrap over customers (of more than 20,000 as in `drawn_portfolios`)
    Unit        new customers for one good one; margins and values in currency, years
    Population  lost good customers, good customers and newcomers of the book
    Undefined   NaN where a side is empty, or new customers bring nothing; no interval under 8 a
                side (LEAST), or where 2.5 % of the samples or more give no ratio
    Source      source A of the method (replacement ratio); definition of the workbook (method §6);
                bootstrap: B. Efron, 1979

    Parameters  lost: margins, one a good customer lost; good: left (True where the customer left),
                years (observed, until it left); fresh: the years of life of newcomers that were
                observed whole, see `newcomer_value`
    Returns     ratio, low, high, lost_margin, new_margin (means, the latter of the first 12
                months), lost_years, new_years (discounted years still buying), lost_value,
                new_value (discounted)
    """
    lost = np.sort(np.asarray(lost, dtype=float))[:, None]
    names = (
        "ratio",
        "low",
        "high",
        "lost_margin",
        "new_margin",
        "lost_years",
        "new_years",
        "lost_value",
        "new_value",
    )
    empty = dict.fromkeys(names, math.nan)
    bought, margin = _by_year(fresh)
    if not (len(lost) and len(bought) and good.years.sum() > 0):
        return empty

    def stays(left: float, years: float) -> float:
        return (
            survival_years(math.exp(-left / years), horizon_years, discount_rate)
            if years > 0
            else math.nan
        )

    lost_years = stays(good.left.sum(), good.years.sum())
    new_value, new_years = newcomer_value(bought, margin, horizon_years, discount_rate)
    lost_value = float(lost.mean()) * lost_years
    found = empty | dict(
        ratio=lost_value / new_value if new_value > 0 else math.nan,
        lost_margin=float(lost.mean()),
        new_margin=float(np.nanmean(margin[:, 0])),
        lost_years=lost_years,
        new_years=new_years,
        lost_value=lost_value,
        new_value=new_value,
    )
    if min(map(len, (lost, good, bought))) >= LEAST and not math.isnan(found["ratio"]):
        rng = np.random.default_rng(seed)
        margins = drawn_sums(lost[:, :0], lost, rng, RESAMPLES)[:, 0] / len(lost)
        seen = good.sort_values(["years", "left"])
        seen = drawn_sums(seen[["left"]], seen[["years"]], rng, RESAMPLES)
        others = drawn_sums(*_lives(bought, margin, horizon_years), rng, RESAMPLES)
        others = _life_value(others, horizon_years, discount_rate)[0]
        worth = margins * [stays(*drawn) for drawn in seen]
        values = worth / np.where(others > 0, others, np.nan)
        if np.isnan(values).mean() < 0.025:  # else new customers may bring nothing: no upper end
            found["low"], found["high"] = (
                float(end) for end in np.nanquantile(values, [0.025, 0.975])
            )
    return found


@measure(N_("What a new customer brings, year of life by year of life"))
def newcomer_value(
    bought: np.ndarray, margin: np.ndarray, horizon_years: int, discount_rate: float
) -> tuple[float, float]:
    """What a customer brings from its first order on, and for how many years it buys, discounted.

    Formula     Σ S(k) × m(k) ÷ (1 + discount)^k over k = 0 … horizon − 1; S(k) = Π of the shares
                that, having bought in year k − 1 of their life, bought in year k (discrete yearly
                survival from cohorts: those who buy once leave after year 0); m(k) = mean margin of
                those who bought in year k; the last share and the last margin are carried on from
                where fewer than 8 were followed
    Unit        currency a customer; years
    Population  newcomers, over the years of their life that were observed whole
    Undefined   (NaN, NaN) without year 0 or a horizon, or where fewer than 8 (LEAST) were followed
                into year 1 and the horizon goes beyond year 0
    Source      definition of the workbook (method §6, replacement ratio)

    Parameters  bought, margin: a row a customer, a column a year of its life; NaN where that year
                was not observed whole
    Returns     (value, years)
    """
    if horizon_years < 1:
        return math.nan, math.nan
    sums = np.column_stack(_lives(bought, margin, horizon_years)).sum(axis=0)
    value, years = _life_value(sums[None], horizon_years, discount_rate)
    return float(value[0]), float(years[0])


def _lives(
    bought: np.ndarray, margin: np.ndarray, horizon_years: int
) -> tuple[np.ndarray, np.ndarray]:
    """What `_life_value` wants to know of each customer: year by year of its life whether it was at
    risk, whether it bought, and what it brought.
    """
    followed = min(bought.shape[1], horizon_years)
    now, before = bought[:, 1:followed], bought[:, : followed - 1]
    at_risk = (before == 1) & ~np.isnan(now)
    first = ~np.isnan(margin[:, :1])
    still = np.column_stack([first, at_risk & (now == 1)])
    brought = np.where(still, margin[:, :followed], 0.0)
    return np.column_stack([first, at_risk, still]).astype(float), brought


def _life_value(
    sums: np.ndarray, horizon_years: int, discount_rate: float
) -> tuple[np.ndarray, np.ndarray]:
    """`newcomer_value` of each row of sums of what `_lives` tells."""
    at_risk, still, brought = np.split(sums, 3, axis=1)
    followed = at_risk.shape[1]
    known = still[:, 0] > 0
    if followed < min(horizon_years, 2):  # nobody was followed beyond the first year
        known = np.zeros(len(sums), dtype=bool)
    level = brought[:, 0] / np.where(known, still[:, 0], np.nan)
    value, stay, share = level.copy(), np.ones(len(sums)), np.ones(len(sums))
    years = np.where(known, 1.0, np.nan)
    for year in range(1, horizon_years):
        if year < followed:
            enough = at_risk[:, year] >= LEAST
            if year == 1:  # too few were followed to tell who stays
                level = np.where(enough, level, np.nan)
                years = np.where(enough, years, np.nan)
            share = np.where(enough, still[:, year] / at_risk[:, year].clip(1), share)
            own = brought[:, year] / still[:, year].clip(1)
            level = np.where(enough, own, level)
        stay = stay * share
        value = value + stay * level / (1 + discount_rate) ** year
        years = years + stay / (1 + discount_rate) ** year
    return value, years


def _by_year(fresh: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Rows of customer_id, year, bought, margin as two arrays,
    a row a customer and a column a year of its life.
    """
    if not len(fresh):
        return np.empty((0, 1)), np.empty((0, 1))
    wide = (
        fresh.pivot(index="customer_id", columns="year", values=["bought", "margin"])
        .sort_index()
        .astype(float)
    )
    return wide["bought"].to_numpy(), wide["margin"].to_numpy()


@measure(N_("Customers more at another retention"))
def extra_stock(
    retention_rate: Numbers, other_rate: Numbers, customers: Numbers, inflow: Numbers, years: int
) -> Numbers:
    """Customers more, or fewer, after so many years at another retention with the same inflow.

    Formula     A(t + 1) = rate × A(t) + inflow, from the customers of today; A at `other_rate` − A
                at `retention_rate`, after `years`
    Unit        customers (not whole)
    Population  the customers of today and those who come in every year
    Undefined   NaN where a rate, the customers or the inflow are not known
    Source      definition of the workbook (method §2 A)

    >>> round(extra_stock(0.8, 0.9, 100, 20, 1), 6), round(extra_stock(0.8, 0.9, 100, 20, 2), 6)
    (10.0, 19.0)
    """
    stock = other = customers
    for _ in range(years):
        stock, other = retention_rate * stock + inflow, other_rate * other + inflow
    return other - stock


@measure(
    N_("Profit at another retention"),
    {
        "halving_profit_effect": Figure(
            N_("Profit effect of half the attrition"),
            "currency",
            N_(
                "(retention with half the attrition − retention) × customers × margin of those "
                "lost in the 12 months up to their last order: first year, all else as it is"
            ),
            source="A",
        ),
        "points_profit_effect": Figure(
            N_("Profit effect of 5 points of retention"),
            "currency",
            N_("The same with 5 points more retention, at most all customers kept"),
            source="D",
        ),
        "relative_profit_effect": Figure(
            N_("Profit effect of 5 % more retention"),
            "currency",
            N_("The same with the retention rate × 1.05, at most all customers kept"),
            source="D",
        ),
    },
)
def profit_effect(
    retention_rate: float,
    other_rates: Sequence[float],
    customers: float,
    inflow: float,
    leaver_margin: float,
    profit: float,
    years: int,
) -> pd.DataFrame:
    """What another retention does to the yearly profit, all else as it is.

    Formula     extra profit of year `years` = `extra_stock` × margin a year of those who left
                (they, not the average customer, are the ones kept); profit_share = extra profit ÷
                profit of today
    Unit        currency, customers, ratio
    Population  one row a rate in `other_rates`
    Undefined   NaN where a rate is outside 0…1: no more than all customers can be kept;
                profit_share is NaN where the profit of today is not above zero
    Source      sources A and D of the method, on the client's own margins

    Columns     retention_rate, extra_customers, extra_profit, profit_share
    """
    rows = []
    for rate in other_rates:
        extra = (
            extra_stock(retention_rate, rate, customers, inflow, years)
            if 0 <= rate <= 1
            else math.nan
        )
        gained = extra * leaver_margin
        rows.append(
            dict(
                retention_rate=rate,
                extra_customers=extra,
                extra_profit=gained,
                profit_share=gained / profit if profit > 0 else math.nan,
            )
        )
    return pd.DataFrame(
        rows, columns=["retention_rate", "extra_customers", "extra_profit", "profit_share"]
    )


@measure(N_("Samples of the customers, drawn anew"))
def drawn_portfolios(
    before: np.ndarray, active: np.ndarray, margins_before: np.ndarray, seed: int = 1
) -> pd.DataFrame:
    """Bootstrap samples of the customers: what `profit_effect` reads of each.

    Formula     over 2,000 samples (RESAMPLES) in which customers are drawn anew: kept ÷ active in
                the previous period; active in this one; those of them who were not before; mean
                margin of those lost. Of more than 20,000 customers the 300 largest margins are
                drawn each by itself, the others by the laws of their counts and sums
    Unit        rate, customers, currency
    Population  one row a sample of the customers active in either period
    Undefined   no row under 8 lost customers with a known margin (LEAST); samples without a
                customer of the previous period, or without one that left, are left out
    Source      B. Efron, 1979 (bootstrap)

    Parameters  one entry a customer: active in the previous period, active in this one, yearly
                margin of those lost (NaN: unknown, left out of the mean)
    Columns     retention_rate, customers, inflow, leaver_margin
    """
    before, active, margins = (
        np.asarray(before, dtype=bool),
        np.asarray(active, dtype=bool),
        np.asarray(margins_before, dtype=float),
    )
    lost = before & ~active & ~np.isnan(margins)
    if lost.sum() < LEAST:
        return pd.DataFrame(columns=["retention_rate", "customers", "inflow", "leaver_margin"])
    flags = np.column_stack([before, active, before & active, lost])
    amounts = np.where(lost, margins, 0.0)[:, None]
    was, now, kept, gone, sums = drawn_sums(
        flags, amounts, np.random.default_rng(seed), RESAMPLES
    ).T
    known = (was > 0) & (gone > 0)
    t = pd.DataFrame(
        dict(
            retention_rate=kept / was.clip(1),
            customers=now,
            inflow=now - kept,
            leaver_margin=sums / gone.clip(1),
        )
    )
    return t[known]


@measure(N_("Bootstrap interval of the profit effect"))
def profit_effect_interval(
    drawn: pd.DataFrame, change: str, size: float, years: int
) -> tuple[float, float]:
    """Percentile bootstrap interval of the extra profit at another retention.

    Formula     2.5 and 97.5 % quantiles of `extra_stock` × leavers' mean margin over the samples
    Unit        currency
    Population  samples of the customers active in either period
    Undefined   (NaN, NaN) without a sample
    Source      B. Efron, 1979 (bootstrap)

    Parameters  drawn: `drawn_portfolios`; change: 'points' (retention + size), 'relative'
                (retention × (1 + size)) or 'attrition' (attrition × (1 − size))
    """
    if not len(drawn):
        return math.nan, math.nan
    rates = drawn.retention_rate
    others = rates.map(lambda rate: changed_rate(rate, change, size))
    extra = extra_stock(rates, others, drawn.customers, drawn.inflow, years)
    low, high = np.quantile(extra * drawn.leaver_margin, [0.025, 0.975])
    return float(low), float(high)


@measure(N_("Another retention"))
def changed_rate(retention_rate: float, change: str, size: float) -> float:
    """Another retention: points added, relative to itself, or with attrition cut by a share.

    Formula     'points': retention + size; 'relative': retention × (1 + size); 'attrition': 1 − (1
                − retention) × (1 − size); at most 1
    Unit        rate, at most 1
    Population  one retention rate
    Undefined   raises KeyError for another word
    Source      definition of the workbook

    >>> changed_rate(0.8, "points", 0.05), round(changed_rate(0.8, "relative", 0.05), 6)
    (0.8500000000000001, 0.84)
    >>> changed_rate(0.8, "attrition", 0.5)
    0.9
    """
    rates = {
        "points": retention_rate + size,
        "relative": retention_rate * (1 + size),
        "attrition": 1 - (1 - retention_rate) * (1 - size),
    }
    return min(1.0, rates[change])


@measure(N_("Value of a customer at another retention"))
def value_effect(
    retention_rate: float, other_rate: float, horizon_years: int, discount_rate: float
) -> float:
    """How much more a customer is worth at another retention, within the horizon, discounted.

    Formula     survival_years(other_rate) ÷ survival_years(retention_rate) − 1
    Unit        ratio (0.1 = 10 % more)
    Population  one customer at a constant yearly margin
    Undefined   NaN where either `survival_years` is
    Source      definition of the workbook (method §2 A)
    """
    own = survival_years(retention_rate, horizon_years, discount_rate)
    return survival_years(other_rate, horizon_years, discount_rate) / own - 1


@dataclass(frozen=True)
class Situation:
    """A year of the company, as the what-if starts from it."""

    retention_rate: float
    customers: float
    inflow: float
    new_customers: float
    leaver_margin: float
    gross_margin: float
    revenue: float
    fixed_cost: float
    acquisition_cost: float


@dataclass(frozen=True)
class Steps:
    """The steps of a what-if: of the retention in points, of the cost per new customer as a share,
    of the margin in points of revenue.
    """

    retention: Sequence[float]
    cost: Sequence[float]
    margin: Sequence[float]


@measure(N_("Profit over retention, acquisition cost and margin"))
def what_if(now: Situation, steps: Steps, years: int) -> pd.DataFrame:
    """Profit over retention × acquisition cost × margin, from the figures of the book.

    Formula     profit = (gross margin + extra_stock × leavers' margin) × margin factor − fixed cost
                − cost per new customer × new customers, after `years` at that retention; margin
                factor = (margin rate + step) ÷ margin rate; the cost per new customer × (1 + step).
                With every step zero it is the profit of today
    Unit        currency, ratios
    Population  one row a triple of steps
    Undefined   profit is NaN where the retention with its step is below 0 (above 1 it counts as 1);
                revenue, gross_margin and new_customers must not be 0
    Source      definition of the workbook (method §2 A)

    Columns     retention_step, cost_step, margin_step, retention_rate (at most 1), cac,
                margin_rate, profit, profit_change
    """
    rows = []
    rate, cac = now.gross_margin / now.revenue, now.acquisition_cost / now.new_customers
    today = now.gross_margin - now.fixed_cost - now.acquisition_cost
    for kept, dearer, better in product(steps.retention, steps.cost, steps.margin):
        other = min(1.0, now.retention_rate + kept)
        extra = math.nan
        if other >= 0:
            extra = extra_stock(now.retention_rate, other, now.customers, now.inflow, years)
        margin = (now.gross_margin + extra * now.leaver_margin) * (rate + better) / rate
        profit = margin - now.fixed_cost - cac * (1 + dearer) * now.new_customers
        rows.append(
            dict(
                retention_step=kept,
                cost_step=dearer,
                margin_step=better,
                retention_rate=other,
                cac=cac * (1 + dearer),
                margin_rate=rate + better,
                profit=profit,
                profit_change=profit - today,
            )
        )
    return pd.DataFrame(rows)
