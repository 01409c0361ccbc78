"""Customer capital: each customer on four axes (loyalty, solvency, profitability, satisfaction),
by the criteria and weights of its sector (source C).

A score is a judgement, not a measurement: what the data say of a customer, placed between the worst
and the best that the sector's profile names. How far the ranking hangs on the weights is therefore
part of the result.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import add

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from carnet.engagement.profiles import Axis
from carnet.measures.register import Figure, measure
from carnet.wording import N_

DRAWS, LEAST_DRAWS, RANKS = 500, 100, 10_000_000
FIRST, OTHERS = 10_000, 90_000  # customers against whom all are ranked, where there are more
RANKED_AT_ONCE = 10_000  # customers, with a rank a draw each
DIGITS = 12  # of a score: what is equal to them is a tie
PLACES = 2**22  # customers, by place, of whom ties are told apart


@measure(N_("Customers on the axes of customer capital"))
def axis_scores(customers: ir.Table, axes: Mapping[str, Axis]) -> ir.Table:
    """The score of each customer on each axis of customer capital, 0 (worst) to 1 (best).

    Formula     criterion = (value − worst) ÷ (best − worst), cut to 0…1; axis = Σ weight ×
                criterion ÷ Σ weight over the criteria known of the customer
    Unit        index, 0 to 1
    Population  one row a row of `customers`
    Undefined   NULL where the known criteria make less than half of the axis's weight: that no
                complaint is noted does not make a customer satisfied
    Source      source C of the method; criteria, ends and weights of the sector's profile

    Parameters  customers: customer_id, revenue, and a column for each criterion, NULL where not
                known; a criterion without a column is known of nobody
    Columns     customer_id, revenue, and a column an axis
    """
    placed = {
        f"{axis}_{name}": (customers[name].cast("float64") - scale.worst)
        / (scale.best - scale.worst)
        for axis, judged in axes.items()
        for name, scale in judged.criteria.items()
        if name in customers.columns
    }
    t = customers.select("customer_id", "revenue", **placed)
    scores = {axis: _axis(t, axis, judged) for axis, judged in axes.items()}
    return t.select("customer_id", "revenue", **scores)


def _axis(placed: ir.Table, name: str, axis: Axis) -> ir.Value:
    """The weighted mean of the criteria known; NULL where they make less than half."""
    least = sum(scale.weight for scale in axis.criteria.values()) / 2
    columns = {f"{name}_{criterion}": scale.weight for criterion, scale in axis.criteria.items()}
    told = [(_cut(placed[c]), weight) for c, weight in columns.items() if c in placed.columns]
    mean, weight = _mean_known(told)
    return (weight >= least).ifelse(mean, ibis.null("float64"))


def _cut(score: ir.Value) -> ir.Value:
    """A score cut to 0…1; NULL stays NULL, which `greatest` would pass over."""
    return ibis.cases((score < 0, 0.0), (score > 1, 1.0), else_=score)


def _mean_known(scores: Sequence[tuple[ir.Value, float]]) -> tuple[ir.Value, ir.Value]:
    """Weighted mean of scores over those that are known, NULL where none is; and their weight."""
    zero = ibis.literal(0.0)
    total = reduce(add, (score.fill_null(0.0) * weight for score, weight in scores), zero)
    known = reduce(add, (score.notnull().ifelse(weight, 0.0) for score, weight in scores), zero)
    return total / known.nullif(0.0), known


@measure(N_("Customer capital of each customer"))
def capital_index(customers: ir.Table, weights: Mapping[str, float]) -> ir.Table:
    """Capital of each customer, 0 to 1, with its range and rank.

    Formula     capital = Σ weight × axis ÷ Σ weight over the axes known of the customer;
                capital_low and capital_high: had each axis of `weights` that is not known of
                the customer been 0, or 1
    Unit        index, 0 to 1; rank, 1 = highest (equal to 12 digits: by place)
    Population  one row a row of `customers`
    Undefined   NULL where no axis is known of the customer
    Source      source C of the method; weights of the sector's profile

    Parameters  customers: a column an axis, and place (a rank that tells ties apart); weights: of
                the axes that are known of somebody and weigh more than 0
    Columns     those of `customers`, capital, capital_low, capital_high, capital_rank
    """
    axes = [(customers[name], weight) for name, weight in weights.items()]
    capital, _ = _mean_known(axes)
    ends = [
        _mean_known([(axis.fill_null(end), weight) for axis, weight in axes])[0]
        for end in (0.0, 1.0)
    ]
    low, high = (capital.notnull().ifelse(end, ibis.null("float64")) for end in ends)
    t = customers.mutate(capital=capital, capital_low=low, capital_high=high)
    highest_first = [t.capital.isnull(), ibis.desc(t.capital.round(DIGITS)), t.place]
    rank = ibis.row_number().over(ibis.window(order_by=highest_first)) + 1
    return t.mutate(capital_rank=t.capital.notnull().ifelse(rank, ibis.null("int64")))


@dataclass(frozen=True)
class Draws:
    """Weights drawn, and the customers that all customers are ranked against.

    Fields      weights (a row a draw, a column an axis), scores (a row a customer, a column an
                axis; NaN where not known), places, stands_for (customers for whom each stands)
    """

    weights: np.ndarray
    scores: np.ndarray
    places: np.ndarray
    stands_for: np.ndarray

    @cached_property
    def ordered(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Draw by draw the keys, lowest first, and the customers from each key on."""
        found = []
        for weights in self.weights:
            keys = _keys(self.scores, weights, self.places)
            order = np.argsort(keys)
            from_here = np.cumsum(self.stands_for[order][::-1], dtype=np.int32)[::-1]
            found.append((keys[order], np.append(from_here, np.int32(0))))
        return found

    @classmethod
    def around(
        cls,
        weights: Mapping[str, float],
        spread: float,
        reference: pd.DataFrame,
        count: int,
        seed: int = 1,
    ) -> "Draws":
        """Weights drawn evenly from each one's own × (1 − spread) to × (1 + spread).

        Parameters  reference: a column an axis, place, stands_for; count: customers in all
        """
        w = np.array(list(weights.values()), dtype=float)
        draws = int(np.clip(RANKS // max(count, 1), LEAST_DRAWS, DRAWS))
        drawn = w * np.random.default_rng(seed).uniform(1 - spread, 1 + spread, (draws, len(w)))
        return cls(drawn, *_arrays(reference, weights))


@measure(N_("How far the rank of each customer hangs on the weights"))
def rank_ranges(
    customers: pd.DataFrame, axes: Sequence[str], top: int, draws: Draws
) -> pd.DataFrame:
    """How far the rank of each customer hangs on the weights.

    Formula     each weight is drawn evenly from its own × (1 − spread) to × (1 + spread); a
                customer's rank is 1 + the customers with a higher weighted mean of their known axes
                (equal to 12 digits: by place)
    Unit        ranks; top_share 0 to 1
    Population  one row a row of `customers`
    Undefined   NaN for a customer without any axis
    Source      the draw of the weights is a definition of the workbook; systematic sample of a
                sorted list: W. Cochran, Sampling Techniques, 1977, ch. 8

    Method      500 draws (DRAWS), of more than 20,000 customers as many as make 10 million ranks
                (RANKS), at least 100. Of more than 100,000 customers (FIRST + OTHERS) all are
                ranked against the FIRST by capital_rank, and every k-th of the others, which stands
                for k
    Parameters  customers: a column an axis, and place; draws: `Draws.around`
    Columns     rank_low, rank_high (middle 95 % of the draws), top_share (draws in which
                the customer is among the `top` first)
    """
    found = pd.DataFrame(np.nan, customers.index, ["rank_low", "rank_high", "top_share"])
    scores, places = customers[list(axes)].to_numpy(dtype=float), customers.place.to_numpy()
    known = ~np.isnan(scores).all(axis=1)
    rows = np.flatnonzero(known)
    for some in (rows[n : n + RANKED_AT_ONCE] for n in range(0, len(rows), RANKED_AT_ONCE)):
        ranks = np.empty((len(draws.weights), len(some)), dtype=np.float32)
        for row, weights, (keys, ahead) in zip(ranks, draws.weights, draws.ordered, strict=True):
            own = _keys(scores[some], weights, places[some])
            row[:] = 1 + ahead[np.searchsorted(keys, own, side="right")]
        low, high = np.quantile(ranks, [0.025, 0.975], axis=0)
        found.iloc[some] = np.column_stack([low, high, (ranks <= top).mean(axis=0)])
    return found


@measure(N_("How far the ranking hangs on each axis"))
def axis_dependence(
    reference: pd.DataFrame, weights: Mapping[str, float], top: int
) -> pd.DataFrame:
    """How far the ranking hangs on each axis: the ranking without it, against the one with it.

    Formula     customers ranked by the weighted mean of their known axes, with and without an axis
    Unit        weights and shares 0 to 1, a rank correlation −1 to 1, counts
    Population  one row an axis that is known of somebody and weighs more than 0
    Undefined   correlation and top_kept are NaN with a single axis or fewer than 3 customers to
                compare
    Source      rank correlation: C. Spearman, 1904

    Parameters  reference: a column an axis, place and stands_for, of all customers, or of those
                against whom all are ranked (see `rank_ranges`)
    Columns     axis, weight (of those measured, sums to 1), correlation (Spearman, of the ranking
                without the axis with the one with it), top_kept (customers of the `top` first that
                stay among them without it)
    """
    scores, places, stands_for = _arrays(reference, weights)
    w = np.array(list(weights.values()), dtype=float)
    first, rows = _keys(scores, w, places), []
    for position, name in enumerate(weights):
        others = np.delete(np.arange(len(w)), position)
        rest = _keys(scores[:, others], w[others], places)
        both = rest >= 0
        told = both.sum() > 2 and len(others)
        ranks = _ranked(first[both], stands_for[both]), _ranked(rest[both], stands_for[both])
        kept = (_ranked(first, stands_for) <= top)[both] & (ranks[1] <= top)
        rows.append(
            dict(
                axis=name,
                weight=w[position] / w.sum(),
                correlation=_correlation(*ranks, stands_for[both]) if told else np.nan,
                top_kept=float(stands_for[both][kept].sum()) if told else np.nan,
            )
        )
    return pd.DataFrame(rows, columns=["axis", "weight", "correlation", "top_kept"])


def _correlation(one: np.ndarray, other: np.ndarray, stands_for: np.ndarray) -> float:
    covariance = np.cov(one, other, fweights=stands_for)
    return float(covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]))


def _arrays(
    reference: pd.DataFrame, weights: Mapping[str, float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores on the axes, places, and for how many each stands."""
    scores = reference[list(weights)].to_numpy(dtype=float)
    return scores, reference.place.to_numpy(dtype=int), reference.stands_for.to_numpy(dtype=int)


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
def portfolio_capital(customers: ir.Table) -> ir.Table:
    """The customers' capital, weighted by their revenue.

    Formula     Σ capital × revenue ÷ Σ revenue
    Unit        index, 0 to 1
    Population  customers with a capital and a revenue above zero
    Undefined   NULL without one
    Source      source C of the method
    """
    t = customers.filter(customers.capital.notnull() & (customers.revenue > 0))
    return t.agg(customer_capital_index=(t.capital * t.revenue).sum() / t.revenue.sum())


def _weighted(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted mean of each row over what is known of it; NaN where nothing is. Axis by axis: the
    last digit of a product of matrices hangs on the rows beside.
    """
    total, known = np.zeros(len(values)), np.zeros(len(values))
    for column, weight in zip(values.T, weights, strict=True):
        there = ~np.isnan(column)
        total += np.where(there, column, 0.0) * weight
        known += there * weight
    return np.where(known > 0, total / np.where(known > 0, known, 1), np.nan)


def _keys(scores: np.ndarray, weights: np.ndarray, places: np.ndarray) -> np.ndarray:
    """A whole number for each row that sorts them by weighted mean, ties by place; −1 where no
    axis is known.
    """
    mean = _weighted(scores, weights)
    whole = np.rint(np.nan_to_num(mean) * 10**DIGITS).astype(np.int64)
    tie = PLACES - 1 - np.minimum(places, PLACES - 1).astype(np.int64)
    return np.where(np.isnan(mean), -1, whole * PLACES + tie)


def _ranked(keys: np.ndarray, stands_for: np.ndarray) -> np.ndarray:
    """1 for the highest key: 1 + those ahead of each."""
    order = np.argsort(-keys, kind="stable")
    ranks = np.empty(len(keys))
    ranks[order] = 1 + np.cumsum(stands_for[order]) - stands_for[order]
    return ranks
