"""Orders of customers that order by the clock: the MBG/CNBD-k model, whose intervals between orders
are Erlang-k in place of chance (k = 1: MBG/NBD).

Source: T. Reutterer, M. Platzer & N. Schröder, "Leveraging purchase regularity for predicting
customer behavior the easy way", International Journal of Research in Marketing 38 (2021) 194-215;
k = 1: E. P. Batislam, M. Denizel & A. Filiztekin, ibid. 24 (2007) 201-209. What is expected of each
customer follows from the stages of an Erlang interval, without the approximation of the paper.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy

from carnet.measures.register import measure
from carnet.measures.retention.purchases import MIN_CUSTOMERS
from carnet.wording import N_

CLOCKWORK = 1.5  # regularity from which intervals are no chance
MANY_CUSTOMERS = 10_000  # that a fit takes of more, at least
MOST_REGULAR = 12  # largest k tried


@dataclass(frozen=True)
class ClockworkModel:
    """Fitted parameters: stages Gamma(r, α) a week, k of them an order, dropout Beta(a, b)."""

    k: int
    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float


def _alive(
    k: int, parameters: Sequence[float], seen: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Log likelihood of each customer that is still one, by stages since the last order (a row a
    stage), and of one that is not; without the factor of the intervals. Parameters r, α, a, b;
    seen: x, t_x, T.
    """
    (r, alpha, a, b), (x, tx, age) = parameters, seen
    gammaln, betaln = scipy.special.gammaln, scipy.special.betaln
    j = np.arange(k)[:, None]
    rest = age - tx
    with np.errstate(divide="ignore"):
        waited = np.where(j == 0, 0.0, j * np.log(np.where(rest > 0, rest, 1.0)))
        waited = np.where((j > 0) & (rest <= 0), -np.inf, waited)
    shape = r + k * x
    stages = gammaln(shape + j) - gammaln(j + 1) + waited - (shape + j) * np.log(alpha + age)
    common = r * np.log(alpha) - gammaln(r) - betaln(a, b)
    here = common + betaln(a, b + x + 1) + stages
    gone = common + betaln(a + 1, b + x) + gammaln(shape) - shape * np.log(alpha + tx)
    return here, gone


@measure(N_("MBG/CNBD-k parameters by maximum likelihood"))
def fit_clockwork(history: pd.DataFrame) -> ClockworkModel | None:
    """MBG/CNBD-k parameters of a book, by maximum likelihood.

    Formula     for each k from 1 on, as long as the likelihood rises and up to 12: maximum over r,
                α, a, b of Σ ln L(x, t_x, T, Σ ln intervals); the best of two starts of L-BFGS-B
    Unit        k whole; r, a and b without unit, α in weeks; log likelihood
    Population  customers of `purchases.purchase_history`; of 20,000 or more every so manieth, at
                least 10,000 of them (MANY_CUSTOMERS)
    Undefined   None under 200 customers (MIN_CUSTOMERS), or when a parameter runs away
    Source      T. Reutterer et al., International Journal of Research in Marketing, 2021
    """
    if len(history) < MIN_CUSTOMERS:
        return None
    step = max(len(history) // MANY_CUSTOMERS, 1)
    x, tx, age, logs = (
        history[name].to_numpy(dtype=float)[::step]
        for name in ("repeat_count", "recency_weeks", "age_weeks", "log_interval_sum")
    )
    best: ClockworkModel | None = None
    for k in range(1, MOST_REGULAR + 1):
        intervals = float(((k - 1) * logs - x * math.lgamma(k)).sum())

        def negative(values: np.ndarray, k: int = k) -> float:
            here, gone = _alive(k, np.exp(values), (x, tx, age))
            return -float(np.logaddexp(np.logaddexp.reduce(here), gone).sum()) / len(x)

        starts = ([0.0, 1.0 + math.log(k), 0.0, 0.5], [-0.5, 2.0, -0.5, 1.0])
        bounds = [(-9.5, 9.5)] * 4
        fits = [
            scipy.optimize.minimize(negative, start, method="L-BFGS-B", bounds=bounds)
            for start in starts
        ]
        found = min(fits, key=lambda fit: fit.fun)
        total = -found.fun * len(x) + intervals
        if best is not None and total <= best.log_likelihood:
            break
        r, alpha, a, b = (float(value) for value in np.exp(found.x))
        best = ClockworkModel(k, r, alpha, a, b, total)
    assert best is not None
    known = all(1e-4 < value < 1e4 for value in (best.r, best.alpha, best.a, best.b))
    return best if known and math.isfinite(best.log_likelihood) else None


@measure(N_("Orders expected of each customer that orders by the clock"))
def clockwork_orders(model: ClockworkModel, history: pd.DataFrame, weeks: float) -> pd.DataFrame:
    """Orders expected of each customer over the next weeks, and its own rate carried on.

    Formula     over the stages j passed since the last order, with their weight w_j: the stages to
                come in `weeks` are negative binomial (r + k x + j, chance weeks ÷ (α + age +
                weeks)); expected_order_count = P(still a customer) × Σ_j w_j Σ_i P(stages ≥ i k −
                j) × B(a, b + x + i) ÷ B(a, b + x + 1), i the orders to come; order_probability: its
                first term
    Unit        probability 0 to 1; days with an order (not whole)
    Population  one row a customer of `history`
    Undefined   never for fitted parameters
    Source      the model of T. Reutterer et al., 2021; the sum is exact (stages of a Poisson
                process)

    Columns     customer_id, order_probability (≥ 1 order), expected_order_count, naive_order_count
    """
    x, tx, age = (
        history[name].to_numpy(dtype=float)
        for name in ("repeat_count", "recency_weeks", "age_weeks")
    )
    k, r, alpha, a, b = model.k, model.r, model.alpha, model.a, model.b
    here, gone = _alive(k, (r, alpha, a, b), (x, tx, age))
    whole = np.logaddexp.reduce(here)
    still, weights = 1 / (1 + np.exp(gone - whole)), np.exp(here - whole)
    chance = weeks / (alpha + age + weeks)
    buys, orders = np.zeros_like(x), np.zeros_like(x)
    for j in range(k):
        shape = r + k * x + j
        stages = shape * chance / (1 - chance)
        most = math.ceil((float((stages + 12 * np.sqrt(stages / (1 - chance))).max()) + j) / k) + 1
        for i in range(1, most + 1):
            # P(M ≥ m) of the negative binomial M
            reached = weights[j] * scipy.special.betainc(i * k - j, shape, chance)
            kept = np.exp(scipy.special.betaln(a, b + x + i) - scipy.special.betaln(a, b + x + 1))
            orders += reached * kept
            buys += reached if i == 1 else 0.0
            if float((reached * kept).max()) < 1e-9:
                break
    return history[["customer_id"]].assign(
        order_probability=still * buys,
        expected_order_count=still * orders,
        naive_order_count=history.recent_count.to_numpy(dtype=float),
    )
