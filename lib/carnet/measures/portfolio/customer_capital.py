"""Customer capital: each customer on four axes (loyalty, solvency, profitability, satisfaction),
by the criteria and weights of its sector (source C).

A score is a judgement, not a measurement: what the data say of a customer, placed between the worst
and the best that the sector's profile names. How far the ranking hangs on the weights is therefore
part of the result.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from carnet.engagement.profiles import Axis
from carnet.measures.register import Figure, measure
from carnet.wording import N_

DRAWS, LEAST_DRAWS, RANKS = 500, 100, 10_000_000


@measure(N_("Customers on the axes of customer capital"))
def axis_scores(customers: pd.DataFrame, axes: Mapping[str, Axis]) -> pd.DataFrame:
    """The score of each customer on each axis of customer capital, 0 (worst) to 1 (best).

    Formula     criterion = (value − worst) ÷ (best − worst), cut to 0…1; axis = Σ weight ×
                criterion ÷ Σ weight over the criteria known of the customer
    Unit        index, 0 to 1
    Population  one row a row of `customers`, one column an axis
    Undefined   NaN where the known criteria make less than half of the axis's weight: that no
                complaint is noted does not make a customer satisfied
    Source      source C of the method; criteria, ends and weights of the sector's profile

    Parameters  customers: a column for each criterion, NaN where not known; a criterion without a
                column is known of nobody
    """
    scores = {}
    for name, axis in axes.items():
        total, weight = np.zeros(len(customers)), np.zeros(len(customers))
        for criterion, scale in axis.criteria.items():
            value = (
                customers[criterion].to_numpy(dtype=float)
                if criterion in customers
                else np.full(len(customers), np.nan)
            )
            score = np.clip((value - scale.worst) / (scale.best - scale.worst), 0, 1)
            known = ~np.isnan(score)
            total[known] += scale.weight * score[known]
            weight[known] += scale.weight
        enough = weight >= sum(scale.weight for scale in axis.criteria.values()) / 2
        scores[name] = np.where(
            enough & (weight > 0), total / np.where(weight > 0, weight, 1), np.nan
        )
    return pd.DataFrame(scores, index=customers.index)


@measure(
    N_("Customer capital of each customer"),
)
def capital_index(scores: pd.DataFrame, weights: Mapping[str, float]) -> pd.DataFrame:
    """Capital of each customer, 0 to 1, with its range and rank.

    Formula     capital = Σ weight × axis ÷ Σ weight over the axes known of the customer;
                capital_low and capital_high: had each axis that is measured in this book but not
                known of the customer been 0, or 1; an axis known of nobody, or of weight 0, counts
                for nobody
    Unit        index, 0 to 1; rank, 1 = highest (ties by order of rows)
    Population  one row a row of `scores`
    Undefined   NaN where no axis is known of the customer
    Source      source C of the method; weights of the sector's profile

    Columns     capital, capital_low, capital_high, capital_rank
    """
    measured = [name for name in scores if scores[name].notna().any() and weights[name] > 0]
    values, w = (
        scores[measured].to_numpy(dtype=float),
        np.array([weights[name] for name in measured], dtype=float),
    )
    capital = _weighted(values, w)
    low, high = (
        np.where(np.isnan(capital), np.nan, _weighted(np.where(np.isnan(values), end, values), w))
        for end in (0.0, 1.0)
    )
    return pd.DataFrame(
        {
            "capital": capital,
            "capital_low": low,
            "capital_high": high,
            "capital_rank": _ranks(capital),
        },
        index=scores.index,
    )


@measure(N_("How far the ranking hangs on the weights"))
def weight_sensitivity(
    scores: pd.DataFrame, weights: Mapping[str, float], top: int, spread: float, seed: int = 1
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """How far the ranking hangs on the weights: drawn weights, and each axis left out.

    Formula     each weight is drawn evenly from its own × (1 − spread) to × (1 + spread), and the
                customers are ranked anew by the weighted mean of their known axes; the ranking
                without an axis is held against the one with it
    Unit        ranks, shares 0 to 1, a rank correlation −1 to 1, counts
    Population  customers: one row a row of `scores`; axes: one row an axis that is known of
                somebody and weighs more than 0
    Undefined   NaN for a customer without any axis; correlation and top_kept are NaN with a single
                axis or fewer than 3 customers to compare
    Source      rank correlation: C. Spearman, 1904; the draw of the weights is a definition of the
                workbook

    Method      each weight is drawn from its own × (1 − spread) to × (1 + spread), evenly, and all
                are brought back to a sum of 1 by the weighted mean; 500 draws (DRAWS), of more than
                20,000 customers as many as make 10 million ranks (RANKS), at least 100
    Returns     customers: rank_low, rank_high (middle 95 % of the draws), top_share (draws in which
                the customer is among the `top` first); axes: axis, weight (of those measured, sums
                to 1), customer_count (known on the axis), correlation (Spearman, of the ranking
                without the axis with the one with it), top_kept (customers of the `top` first that
                stay among them without it)
    """
    measured = [name for name in scores if scores[name].notna().any() and weights[name] > 0]
    values, w = (
        scores[measured].to_numpy(dtype=float),
        np.array([weights[name] for name in measured], dtype=float),
    )
    known = ~np.isnan(_weighted(values, w)) if measured else np.zeros(len(scores), dtype=bool)
    first = _ranks(_weighted(values, w)) if measured else np.full(len(scores), np.nan)
    rng = np.random.default_rng(seed)
    draws = int(np.clip(RANKS // max(len(scores), 1), LEAST_DRAWS, DRAWS))
    drawn = w * rng.uniform(1 - spread, 1 + spread, (draws, len(w)))
    ranks = np.full((draws, len(scores)), np.nan, dtype=np.float32)
    for draw in range(draws if known.any() else 0):
        ranks[draw] = _ranks(_weighted(values, drawn[draw]))
    if known.any():
        low, high = np.full((2, len(scores)), np.nan)
        low[known], high[known] = np.quantile(ranks[:, known], [0.025, 0.975], axis=0)
        share = np.where(known, (ranks <= top).mean(axis=0), np.nan)
    else:
        low = high = share = np.full(len(scores), np.nan)
    customers = pd.DataFrame(
        {"rank_low": low, "rank_high": high, "top_share": share}, index=scores.index
    )
    rows = []
    for position, name in enumerate(measured):
        others = np.delete(np.arange(len(measured)), position)
        rest = (
            _weighted(values[:, others], w[others]) if len(others) else np.full(len(scores), np.nan)
        )
        both = known & ~np.isnan(rest)
        without = _ranks(rest)
        told = both.sum() > 2 and len(others)
        rows.append(
            dict(
                axis=name,
                weight=w[position] / w.sum(),
                customer_count=int(scores[name].notna().sum()),
                correlation=pd.Series(first[both]).corr(pd.Series(without[both]), method="spearman")
                if told
                else np.nan,
                top_kept=float(((first <= top) & (without <= top)).sum()) if told else np.nan,
            )
        )
    return customers, pd.DataFrame(
        rows, columns=["axis", "weight", "customer_count", "correlation", "top_kept"]
    )


@measure(
    N_("Customer capital of the portfolio"),
    {
        "customer_capital_index": Figure(
            N_("Customer capital"),
            "index",
            N_(
                "Mean of the customers’ capital, 0 to 1, weighted by their revenue: four axes by "
                "the sector’s criteria and weights"
            ),
            good="up",
            decimals=2,
            source="C",
        ),
    },
)
def portfolio_capital(judged: pd.DataFrame) -> float | None:
    """The customers' capital, weighted by their revenue.

    Formula     Σ capital × revenue ÷ Σ revenue
    Unit        index, 0 to 1
    Population  customers with a capital and a revenue above zero
    Undefined   None without one
    Source      source C of the method
    """
    if not len(judged):
        return None
    return float((judged.capital * judged.revenue).sum() / judged.revenue.sum())


def _weighted(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted mean of each row over what is known of it; NaN where nothing is."""
    there = ~np.isnan(values)
    total = there @ weights
    return np.where(
        total > 0, np.where(there, values, 0.0) @ weights / np.where(total > 0, total, 1), np.nan
    )


def _ranks(capital: np.ndarray) -> np.ndarray:
    """1 for the highest; ties by position; NaN where not known."""
    order = np.argsort(np.where(np.isnan(capital), np.inf, -np.round(capital, 12)), kind="stable")
    ranks = np.empty(len(capital))
    ranks[order] = np.arange(1, len(capital) + 1)
    return np.where(np.isnan(capital), np.nan, ranks)
