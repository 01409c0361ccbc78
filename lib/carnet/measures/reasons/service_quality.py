"""Service quality in five dimensions (RATER): how each performs, how much each weighs,
and where to act first.

Sources: V. A. Zeithaml, A. Parasuraman & L. L. Berry, Delivering Quality Service (1990) for
dimensions and published weights; J. A. Martilla & J. C. James, "Importance-performance analysis",
Journal of Marketing 41 (1977) 77-79 for the quadrants; U. Grömping, "Estimators of relative
importance in linear regression", The American Statistician 61 (2007) 139-147 for estimated
weights (LMG).
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import factorial

import ibis.expr.types as ir
import numpy as np
import pandas as pd
import scipy

from carnet.measures.register import measure
from carnet.measures.statistics.intervals import CONFIDENCE
from carnet.wording import N_

DIMENSIONS = ("reliability", "assurance", "tangibles", "empathy", "responsiveness")
# what surveys use; the smallest that holds the answers stands in for one that is not given
SCALES = (5, 7, 10, 20, 100)
LEAST_ANSWERS = 50  # customers, below which weights are not estimated
RESAMPLES = 500
POSITIONS = ("act", "keep", "watch", "enough")


@measure(N_("Survey answers, one row a customer"))
def customer_answers(satisfaction: ir.Table) -> ir.Table:
    """Survey answers as shares of their scale, one row a customer.

    Formula     mark ÷ scale, mean over the customer's answers
    Unit        shares of the scale, 0 to 1; counts, dates
    Population  one row a customer with an answer
    Undefined   a mark is NULL where the customer gave none on a known scale
    Source      definition of the workbook; dimensions: V. A. Zeithaml, A. Parasuraman & L. L.
                Berry, Delivering Quality Service, 1990

    Parameters  satisfaction: customer_id, date, score, scale (NULL: the marks count as unknown),
                the dimensions where given
    Columns     customer_id, answer_count, last_answer, score, the dimensions
    """
    top = satisfaction.scale.cast("float64")
    marks = [name for name in ("score", *DIMENSIONS) if name in satisfaction.columns]
    t = satisfaction.mutate(**{name: satisfaction[name].cast("float64") / top for name in marks})
    means = {name: t[name].mean() for name in marks}
    return (
        t.group_by("customer_id")
        .agg(answer_count=t.count(), last_answer=t.date.max(), **means)
        .order_by("customer_id")
    )


@measure(N_("Scale of answers that name none"))
def guessed_scale(largest: float) -> float | None:
    """The scale of answers that name none.

    Formula     the smallest of 5, 7, 10, 20, 100 (SCALES) that is at least the largest answer
    Unit        marks
    Population  the answers of one survey
    Undefined   None when no usual scale holds the answers
    Source      definition of the workbook

    >>> guessed_scale(4), guessed_scale(9), guessed_scale(250)
    (5, 10, None)
    """
    return next((scale for scale in SCALES if largest <= scale), None)


@measure(N_("Marks of each dimension of service quality"))
def dimension_scores(answers: pd.DataFrame) -> pd.DataFrame:
    """Mean mark of each dimension of service quality over customers.

    Formula     performance = mean of the customers' marks; interval: mean ± t × s ÷ √n (Student, 95
                %), cut to 0…1
    Unit        shares of the scale, 0 to 1
    Population  one row a dimension with a mark; customers with a mark of it
    Undefined   the interval is NaN with a single customer; a dimension without a mark has no row
    Source      dimensions: V. A. Zeithaml, A. Parasuraman & L. L. Berry, Delivering Quality
                Service, 1990; interval: Student, 1908

    Columns     dimension, customer_count, performance, performance_low, performance_high (Student,
                95 %)
    """
    rows = []
    for name in [name for name in DIMENSIONS if name in answers]:
        marks = answers[name].dropna().to_numpy(dtype=float)
        n = len(marks)
        if not n:
            continue
        half = (
            scipy.stats.t.ppf((1 + CONFIDENCE) / 2, n - 1) * marks.std(ddof=1) / np.sqrt(n)
            if n > 1
            else np.nan
        )
        mean = marks.mean()
        rows.append(
            dict(
                dimension=name,
                customer_count=n,
                performance=mean,
                performance_low=max(mean - half, 0),
                performance_high=min(mean + half, 1),
            )
        )
    return pd.DataFrame(
        rows,
        columns=[
            "dimension",
            "customer_count",
            "performance",
            "performance_low",
            "performance_high",
        ],
    )


@measure(N_("Published weights of the dimensions"))
def profile_weights(weights: Mapping[str, float], dimensions: Sequence[str]) -> pd.DataFrame:
    """A published profile of weights over the dimensions that were measured.

    Formula     importance = weight ÷ Σ weight of the dimensions measured
    Unit        weights that sum to 1
    Population  one row a dimension measured
    Undefined   importance_low and importance_high are NaN: a published weight has no interval;
                raises KeyError for a dimension that the profile does not weigh
    Source      weights of the named profile: V. A. Zeithaml, A. Parasuraman & L. L. Berry,
                Delivering Quality Service, 1990, or source A

    Columns     dimension, importance, importance_low, importance_high (NaN)
    """
    chosen = pd.Series({name: weights[name] for name in dimensions}, dtype=float)
    t = (chosen / chosen.sum()).rename("importance").rename_axis("dimension").reset_index()
    return t.assign(importance_low=np.nan, importance_high=np.nan)


@measure(N_("Estimated weights of the dimensions"))
def estimated_weights(
    answers: pd.DataFrame, resamples: int = RESAMPLES, seed: int = 1
) -> tuple[pd.DataFrame, tuple[float, float]]:
    """What each dimension explains of the overall score, as weights that sum to 1 (LMG).

    Formula     the share of R² of a dimension is its gain in R² averaged over all orders of entry
                (Shapley value); intervals: 2.5 and 97.5 % quantiles, customers drawn anew
    Unit        weights that sum to 1; R² and p-value 0 to 1
    Population  customers with a score and all marks
    Undefined   empty and NaN under 50 such customers (LEAST_ANSWERS), with a single dimension, or
                where a mark is the same for all
    Source      U. Grömping, The American Statistician 61 (2007) 139-147; L. S. Shapley, 1953;
                bootstrap: B. Efron, 1979

    Returns     dimension, importance, importance_low, importance_high; (R², p-value of the F test
                that no dimension tells anything: marks of pure chance explain k ÷ (n − 1)). Empty
                and NaN under 50 customers with all marks
    """
    names = [name for name in DIMENSIONS if name in answers]
    columns = ["dimension", "importance", "importance_low", "importance_high"]
    marks = answers[["score", *names]].dropna().to_numpy(dtype=float)
    if len(marks) < LEAST_ANSWERS or len(names) < 2 or not (marks.std(axis=0) > 0).all():
        return pd.DataFrame(columns=columns), (np.nan, np.nan)
    rng = np.random.default_rng(seed)
    own = _explained(np.corrcoef(marks, rowvar=False)[None])[0]
    samples = (marks[rng.integers(0, len(marks), len(marks))] for _ in range(resamples))
    told = [np.corrcoef(each, rowvar=False) for each in samples if (each.std(axis=0) > 0).all()]
    drawn = _explained(np.array(told))
    parts = drawn / drawn.sum(axis=1, keepdims=True)
    low, high = np.quantile(parts, [0.025, 0.975], axis=0)
    t = pd.DataFrame(
        {
            "dimension": names,
            "importance": own / own.sum(),
            "importance_low": low,
            "importance_high": high,
        }
    )
    k, n, r2 = len(names), len(marks), min(float(own.sum()), 1 - 1e-12)
    return t, (r2, float(scipy.stats.f.sf(r2 / k / ((1 - r2) / (n - k - 1)), k, n - k - 1)))


def _explained(correlations: np.ndarray) -> np.ndarray:
    """Shapley values of R² from correlation matrices whose first variable is explained by the
    others: a row a matrix, a column a variable.
    """
    count = correlations.shape[1] - 1

    def r_squared(chosen: tuple[int, ...]) -> np.ndarray:
        rows = [1 + i for i in chosen]
        with_score = correlations[:, 0, rows]
        among = correlations[:, rows][:, :, rows]
        least = len(rows) * np.finfo(float).eps  # marks that tell the same share what they explain
        inverse = np.linalg.pinv(among, rcond=least, hermitian=True)
        return np.einsum("mi,mij,mj->m", with_score, inverse, with_score)

    fits = {
        chosen: r_squared(chosen) if chosen else np.zeros(len(correlations))
        for size in range(count + 1)
        for chosen in combinations(range(count), size)
    }
    weight = [
        factorial(size) * factorial(count - size - 1) / factorial(count) for size in range(count)
    ]
    shares = [
        sum(weight[len(s)] * (fits[tuple(sorted((*s, i)))] - fits[s]) for s in fits if i not in s)
        for i in range(count)
    ]
    return np.array(shares).T


@measure(N_("Importance against performance"))
def importance_performance(
    weights: pd.DataFrame, scores: pd.DataFrame, satisfied_from: float
) -> pd.DataFrame:
    """Where each dimension stands: important or not, performing or not, and how surely.

    Formula     important: importance above 1 ÷ number of dimensions; performing: mean mark at or
                above `satisfied_from`. position: 'act' important and not performing, 'keep' both,
                'watch' neither, 'enough' performing and not important. sure: the intervals of both
                leave out their cuts; a published weight has none and is taken as it is
    Unit        text, True or False; other columns as given
    Population  one row a dimension with a weight and a mark
    Undefined   never: a mark without an interval is not sure
    Source      J. A. Martilla & J. C. James, Journal of Marketing 41 (1977) 77-79

    Columns     those of both tables, position, sure
    """
    t = weights.merge(scores, on="dimension")
    cut = 1 / max(len(t), 1)
    important, performing = t.importance > cut, t.performance >= satisfied_from
    t["position"] = np.select(
        [important & ~performing, important, ~performing], POSITIONS[:3], POSITIONS[3]
    )
    weighed = t.importance_low.isna() | (t.importance_low > cut) | (t.importance_high < cut)
    return t.assign(
        sure=weighed
        & ((t.performance_low >= satisfied_from) | (t.performance_high < satisfied_from))
    )
