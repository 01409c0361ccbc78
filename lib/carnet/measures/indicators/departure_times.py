"""When customers leave, and for what: cumulative incidence of competing reasons,
customers entering as they come (Aalen-Johansen).

Source: O. O. Aalen & S. Johansen, Scandinavian Journal of Statistics 5 (1978) 141-150;
J. D. Kalbfleisch & R. L. Prentice, The Statistical Analysis of Failure Time Data, 2nd ed. (2002)
ch. 8. A reason competes with the others: who left for one can no longer leave for another,
so that 1 − Kaplan-Meier of a single reason says too much.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from carnet.measures.register import measure
from carnet.wording import N_

RESAMPLES = 300
LEAST_DEPARTURES = 5  # for a cause, below which its curve has no interval
LEAP = 2 / 365.25  # two years of days are 1.9986 years without a leap day
LEAST_AT_RISK = 10  # customers under observation, below which nothing is counted


@measure(N_("Share that has left, by reason and time"))
def cumulative_incidence(spells: pd.DataFrame, causes: Sequence[str]) -> pd.DataFrame:
    """Share of customers that has left for each cause by each time, and the share that stays.

    Formula     I(t) = Σ S(t−) × departures for the cause ÷ at risk, S the Kaplan-Meier estimate of
                staying; staying = 1 − Σ I
    Unit        years, counts, shares 0 to 1
    Population  one row a time of departure with 10 customers or more at risk (LEAST_AT_RISK); at
                risk: entered before and still observed
    Undefined   never: without a departure the table is empty; times with fewer than 10 at risk are
                left out
    Source      O. O. Aalen & S. Johansen, Scandinavian Journal of Statistics 5 (1978) 141-150; J.
                D. Kalbfleisch & R. L. Prentice, 2nd ed. 2002, ch. 8

    Parameters  spells: entry, duration (years; under observation after the one, up to the other),
                cause (NULL: still there at the end)
    Columns     years, at_risk, one column a cause, staying (the rest)
    """
    seen = _Observed.of(spells, causes)
    at_risk, incidence = seen.incidence(np.ones(len(spells)))
    kept = at_risk >= LEAST_AT_RISK
    curves = seen.times[kept], at_risk[kept].astype(int), incidence[kept]
    t = pd.DataFrame({"years": curves[0], "at_risk": curves[1]})
    return t.assign(
        **{cause: curves[2][:, i] for i, cause in enumerate(causes)},
        staying=1 - curves[2].sum(axis=1),
    )


@dataclass(frozen=True)
class _Observed:
    """Spells as places among the times of departures, for samples that count them anew."""

    times: np.ndarray
    entry: np.ndarray  # place of the first time after it, one entry a spell
    stop: np.ndarray
    code: np.ndarray  # number of its cause; negative: none
    cause_count: int

    @classmethod
    def of(cls, spells: pd.DataFrame, causes: Sequence[str]) -> Self:
        code = pd.Categorical(spells.cause, categories=list(causes)).codes.astype(int)
        entry, stop = spells.entry.to_numpy(dtype=float), spells.duration.to_numpy(dtype=float)
        times = np.unique(stop[code >= 0])
        after_entry, after_stop = (np.searchsorted(times, e, side="right") for e in (entry, stop))
        return cls(times, after_entry, after_stop, code, len(causes))

    def incidence(self, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """At risk, and incidence of each cause, at the times of departures, each spell counted so
        often; a time with too few at risk tells nothing.
        """
        size, left = len(self.times) + 1, self.code >= 0
        entered, stopped = (np.bincount(n, counts, size) for n in (self.entry, self.stop))
        at_risk = np.cumsum(entered - stopped)[:-1]
        place = (self.stop[left] - 1) * self.cause_count + self.code[left]
        gone = np.bincount(place, counts[left], len(self.times) * self.cause_count)
        known = np.where(at_risk >= LEAST_AT_RISK, at_risk, np.inf)
        hazards = gone.reshape(len(self.times), self.cause_count) / known[:, None]
        staying = np.cumprod(1 - hazards.sum(axis=1))
        before = np.concatenate([[1.0], staying])[: len(self.times)]
        return at_risk, np.cumsum(before[:, None] * hazards, axis=0)


@measure(N_("Share that has left, with intervals"))
def incidence_intervals(
    spells: pd.DataFrame,
    causes: Sequence[str],
    horizons: Sequence[float],
    resamples: int = RESAMPLES,
    seed: int = 1,
) -> pd.DataFrame:
    """Incidence of each cause by each horizon, with its percentile bootstrap interval.

    Formula     I(horizon) of `cumulative_incidence`; 2.5 and 97.5 % quantiles over `resamples`
                samples of customers drawn anew
    Unit        years, counts, shares 0 to 1
    Population  one row a horizon and cause, horizons up to the longest duration observed
    Undefined   a horizon after the end of observation has no row; intervals are NaN with fewer than
                5 departures for the cause (LEAST_DEPARTURES)
    Source      O. O. Aalen & S. Johansen, Scandinavian Journal of Statistics 5 (1978) 141-150;
                bootstrap: B. Efron, 1979

    Columns     years, cause, departure_count (by then), incidence, incidence_low, incidence_high
    """
    stop, count = spells.duration.to_numpy(dtype=float), len(spells)
    horizons = [years for years in horizons if count and years <= stop.max() + LEAP]
    seen = _Observed.of(spells, causes)
    places = np.searchsorted(seen.times, horizons, side="right")

    def at_horizons(counts: np.ndarray) -> np.ndarray:
        _, values = seen.incidence(counts)
        return np.vstack([np.zeros(len(causes)), values])[places]

    rng = np.random.default_rng(seed)
    own = at_horizons(np.ones(count))
    drawn = np.array(
        [
            at_horizons(np.bincount(rng.integers(0, count, count), minlength=count))
            for _ in range(resamples if horizons else 0)
        ]
    )
    rows = []
    for h, years in enumerate(horizons):
        for c, cause in enumerate(causes):
            count = int(((seen.code == c) & (stop <= years + LEAP)).sum())
            low, high = (
                np.quantile(drawn[:, h, c], [0.025, 0.975])
                if count >= LEAST_DEPARTURES
                else (np.nan, np.nan)
            )
            rows.append(
                dict(
                    years=years,
                    cause=cause,
                    departure_count=count,
                    incidence=own[h, c],
                    incidence_low=low,
                    incidence_high=high,
                )
            )
    return pd.DataFrame(
        rows,
        columns=[
            "years",
            "cause",
            "departure_count",
            "incidence",
            "incidence_low",
            "incidence_high",
        ],
    )
