"""Bootstrap samples of many rows, as far as sums over them are asked (B. Efron, 1979)."""

import numpy as np

RESAMPLES = 2000
MANY_ROWS = 20_000  # above which samples are told by the laws of their parts
LARGEST = 300  # amounts of a column that are then drawn each by itself


def drawn_sums(
    flags: np.ndarray, amounts: np.ndarray, rng: np.random.Generator, resamples: int = RESAMPLES
) -> np.ndarray:
    """Sums over samples of rows, drawn anew with replacement: a row a sample, a column a flag, then
    a column an amount.

    Up to MANY_ROWS rows each is drawn. Of more, the LARGEST of each amount are counted by
    themselves and the others by what flags they have, from the multinomial law of a sample; what
    the amounts of so many alike add up to comes from the normal law of their means and covariance.

    Parameters  flags: 0 or 1, at most 50 columns; amounts: numbers, none NaN; both a row each of
                what is drawn
    """
    flags, amounts = np.asarray(flags, dtype=float), np.asarray(amounts, dtype=float)
    rows = np.column_stack([flags, amounts])
    count = len(rows)
    if count <= MANY_ROWS:
        drawn = (rng.integers(0, count, count) for _ in range(resamples))
        return np.array([np.bincount(each, minlength=count) @ rows for each in drawn])
    groups = _groups(flags, amounts)
    size = np.bincount(groups)
    means = np.array([np.bincount(groups, column) for column in rows.T]).T / size[:, None]
    counts = rng.multinomial(count, size / count, size=resamples)
    sums = counts @ means
    order = np.argsort(groups, kind="stable")
    for group, alike in enumerate(np.split(amounts[order], np.cumsum(size)[:-1])):
        if len(alike) > 1 and alike.shape[1]:
            noise = rng.standard_normal((resamples, alike.shape[1])) @ _root(alike)
            sums[:, flags.shape[1] :] += np.sqrt(counts[:, [group]]) * noise
    return sums


def _groups(flags: np.ndarray, amounts: np.ndarray) -> np.ndarray:
    """A number for each row: of its own where an amount is large, else that of its flags."""
    told = flags @ 2.0 ** np.arange(flags.shape[1])
    large = np.argpartition(np.abs(amounts), -LARGEST, axis=0)[-LARGEST:].ravel()
    told[large] = -1.0 - large
    return np.unique(told, return_inverse=True)[1]


def _root(amounts: np.ndarray) -> np.ndarray:
    """A matrix whose square is the covariance of the columns."""
    values, vectors = np.linalg.eigh(np.atleast_2d(np.cov(amounts, rowvar=False, ddof=0)))
    return np.sqrt(values.clip(0))[:, None] * vectors.T
