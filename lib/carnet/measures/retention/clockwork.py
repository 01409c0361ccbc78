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
from functools import partial

import numpy as np
import pandas as pd
import scipy

from carnet.measures.register import measure
from carnet.measures.retention.purchases import MIN_CUSTOMERS
from carnet.measures.statistics._likelihood import most_likely
from carnet.wording import N_

CLOCKWORK = 1.5  # regularity from which intervals are no chance
LEAST_TERM = 1e-12  # of a sum of expected orders, where it ends
MOST_ORDERS = 100_000  # of a customer to come, looked at
MANY_CUSTOMERS = 10_000  # that a fit takes of more, at least
MOST_REGULAR = 12  # largest k tried
TOLD = ["repeat_count", "recency_weeks", "age_weeks"]  # x, t_x and T of a customer


@dataclass(frozen=True)
class ClockworkModel:
    """Fitted parameters: stages Gamma(r, α) a week, k of them an order, dropout Beta(a, b)."""

    k: int
    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float


@dataclass(frozen=True)
class _Seen:
    """What is known of customers, for intervals of `k` stages: x, t_x, T, and how many are
    alike in all three (`times`); the logs of the weeks waited since the last order by stages passed
    (a row a stage), less ln j!; what depends on the number of orders alone is computed once a
    number (`counts`, and `of`: whose is which).
    """

    k: int
    x: np.ndarray
    recency: np.ndarray
    age: np.ndarray
    times: np.ndarray
    waited: np.ndarray
    counts: np.ndarray
    of: np.ndarray

    @classmethod
    def told(cls, k: int, alike: np.ndarray, times: np.ndarray) -> "_Seen":
        """Of the customers alike in x, t_x and T, a row of `alike` each."""
        x, recency, age = alike.T
        j, rest = np.arange(k)[:, None], age - recency
        passed = np.where(j == 0, 0.0, j * np.log(np.where(rest > 0, rest, 1.0)))
        never = (j > 0) & (rest <= 0)
        waited = np.where(never, -np.inf, passed) - scipy.special.gammaln(j + 1)
        return cls(k, x, recency, age, times, waited, *np.unique(x, return_inverse=True))


def _alive(parameters: Sequence[float] | np.ndarray, seen: _Seen) -> tuple[np.ndarray, np.ndarray]:
    """Log likelihood of each customer that is still one, by stages since the last order (a row a
    stage), and of one that is not; without the factor of the intervals. Parameters r, α, a, b.
    """
    r, alpha, a, b = parameters
    gammaln, betaln = scipy.special.gammaln, scipy.special.betaln
    j, n, of = np.arange(seen.k)[:, None], seen.counts, seen.of
    shape = r + seen.k * n
    common = r * np.log(alpha) - gammaln(r) - betaln(a, b)
    stages = (gammaln(shape + j) + betaln(a, b + n + 1) + common)[:, of] + seen.waited
    here = stages - (r + seen.k * seen.x + j) * np.log(alpha + seen.age)
    gone = (gammaln(shape) + betaln(a + 1, b + n) + common)[of] - shape[of] * np.log(
        alpha + seen.recency
    )
    return here, gone


def _log_likelihood(parameters: np.ndarray, seen: _Seen) -> tuple[float, np.ndarray]:
    """Sum over the customers without the factor of the intervals, and its gradient over
    r, α, a, b.
    """
    r, alpha, a, b = parameters
    psi = scipy.special.digamma
    here, gone = _alive(parameters, seen)
    either = np.logaddexp(np.logaddexp.reduce(here), gone)
    stages, left = np.exp(here - either), np.exp(gone - either)
    still = 1 - left  # chance that the customer is still one
    j, n, of = np.arange(seen.k)[:, None], seen.counts, seen.of
    shape = r + seen.k * n
    passed = (stages * psi(shape + j)[:, of]).sum(axis=0)
    reached = (stages * (r + seen.k * seen.x + j)).sum(axis=0)
    past, since = alpha + seen.recency, alpha + seen.age
    both, more = psi(a + b), psi(a + b + n + 1)
    gradient = [
        passed + left * (psi(shape)[of] - np.log(past)) - still * np.log(since)
        + np.log(alpha) - psi(r),
        r / alpha - reached / since - left * shape[of] / past,
        left / a + (both - more)[of],
        still * psi(b + n + 1)[of] + left * psi(b + n)[of] - psi(b) + (both - more)[of],
    ]  # fmt: skip
    return float(seen.times @ either), np.array([seen.times @ each for each in gradient])


@measure(N_("MBG/CNBD-k parameters by maximum likelihood"))
def fit_clockwork(history: pd.DataFrame) -> ClockworkModel | None:
    """MBG/CNBD-k parameters of a book, by maximum likelihood.

    Formula     for each k from 1 on, as long as the likelihood rises and up to 12: maximum over r,
                α, a, b of Σ ln L(x, t_x, T, Σ ln intervals); the best of two starts of L-BFGS-B
    Unit        k whole; r, a and b without unit, α in weeks; log likelihood
    Population  customers of `purchases.purchase_history`; of 20,000 or more every so manieth, at
                least 10,000 of them (MANY_CUSTOMERS)
    Undefined   None under 200 customers (MIN_CUSTOMERS), or when r, α or the mean chance to leave,
                a ÷ (a + b), runs away (10⁻⁴ and beyond); where all leave alike a and b grow
                together, and only that chance is found
    Source      T. Reutterer et al., International Journal of Research in Marketing, 2021
    """
    if len(history) < MIN_CUSTOMERS:
        return None
    step = max(len(history) // MANY_CUSTOMERS, 1)
    taken = history.iloc[::step]
    x, logs = (taken[name].to_numpy(dtype=float) for name in ("repeat_count", "log_interval_sum"))
    alike, times = np.unique(taken[TOLD].to_numpy(dtype=float), axis=0, return_counts=True)
    best: ClockworkModel | None = None
    for k in range(1, MOST_REGULAR + 1):
        intervals = float(((k - 1) * logs - x * math.lgamma(k)).sum())

        starts = ([0.0, 1.0 + math.log(k), 0.0, 0.5], [-0.5, 2.0, -0.5, 1.0])
        seen = _Seen.told(k, alike, times)
        found = most_likely(partial(_log_likelihood, seen=seen), starts, len(x))
        total = -found.fun * len(x) + intervals
        if best is not None and total <= best.log_likelihood:
            break
        r, alpha, a, b = (float(value) for value in np.exp(found.x))
        best = ClockworkModel(k, r, alpha, a, b, total)
    assert best is not None
    leave = best.a / (best.a + best.b)  # what a and b tell where everybody leaves alike
    known = all(1e-4 < value < 1e4 for value in (best.r, best.alpha)) and 1e-4 < leave < 1 - 1e-4
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
    alike, of = np.unique(history[TOLD].to_numpy(dtype=float), axis=0, return_inverse=True)
    x, _, age = alike.T
    k, r, alpha, a, b = model.k, model.r, model.alpha, model.a, model.b
    here, gone = _alive((r, alpha, a, b), _Seen.told(k, alike, np.ones(len(alike))))
    whole = np.logaddexp.reduce(here)
    still, weights = 1 / (1 + np.exp(gone - whole)), np.exp(here - whole)
    chance = weeks / (alpha + age + weeks)
    buys, orders = np.zeros_like(x), np.zeros_like(x)
    for j in range(k):
        shape, more = r + k * x + j, np.arange(len(x))
        for i in range(1, MOST_ORDERS + 1):  # of those whose next term counts: each by itself
            n = b + x[more]
            # P(M ≥ m) of the negative binomial M
            reached = weights[j][more] * scipy.special.betainc(i * k - j, shape[more], chance[more])
            term = reached * np.exp(scipy.special.betaln(a, n + i) - scipy.special.betaln(a, n + 1))
            orders[more] += term
            buys += reached if i == 1 else 0.0
            more = more[term >= LEAST_TERM]
            if not len(more):
                break
    return history[["customer_id"]].assign(
        order_probability=(still * buys)[of],
        expected_order_count=(still * orders)[of],
        naive_order_count=history.recent_count.to_numpy(dtype=float),
    )
