"""Maximum likelihood of parameters that are positive, from their likelihood and its gradient."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy

LogLikelihood = Callable[[np.ndarray], tuple[float, np.ndarray]]
WIDEST = 9.5  # logs of parameters, from below: beyond what any model takes for found


def most_likely(
    log_likelihood: LogLikelihood, starts: Sequence[Sequence[float]], count: int
) -> Any:
    """The best of where L-BFGS-B ends that begins at `starts` (logs of the parameters): SciPy's
    result, `x` the logs of the parameters, `fun` less the log likelihood of the mean of `count`
    customers.

    `log_likelihood` takes the parameters and gives the sum and its gradient over them.
    """

    def negative(logs: np.ndarray) -> tuple[float, np.ndarray]:
        total, gradient = log_likelihood(np.exp(logs))
        return -total / count, -gradient * np.exp(logs) / count

    fits = [
        scipy.optimize.minimize(
            negative,
            start,
            jac=True,
            method="L-BFGS-B",
            bounds=[(-WIDEST, WIDEST)] * len(start),
            options=dict(ftol=1e-14, gtol=1e-9),
        )
        for start in starts
    ]
    return min(fits, key=lambda fit: fit.fun)
