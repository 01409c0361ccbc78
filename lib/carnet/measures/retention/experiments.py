"""One strategy tested at a time: how many customers it takes, who is drawn,
what came of it (source D, with the control group that it lacks).

Sources: J. Cohen, Statistical Power Analysis (1988) for the size of a difference of rates;
A. Deng, Y. Xu, R. Kohavi & T. Walker, "Improving the sensitivity of online controlled experiments
by utilizing pre-experiment data", WSDM 2013, for CUPED; R. A. Fisher, The Design of Experiments
(1935), for the test by drawing anew; B. L. Welch, Biometrika 34 (1947), for the interval.
"""

import math

import numpy as np
import pandas as pd
import scipy

from carnet.measures.register import measure
from carnet.measures.statistics.intervals import (
    CONFIDENCE,
    newcombe_difference,
    newcombe_paired_difference,
)
from carnet.wording import N_

POWER = 0.80
MEASURES = ("revenue", "margin", "orders", "retention")
DRAWS, CELLS = 5000, 2_000_000  # assignments drawn; customers × draws held at once
TREATED, CONTROL, LEFT_OUT = "treated", "control", "left out"
LEAST_ARM = 4  # customers an arm, below which nothing is read
MISMATCH = 0.001  # p-value of the sample ratio, under which no effect is told


@measure(N_("Customers an arm, for rates"))
def arm_size_for_rates(rate: float, other_rate: float, power: float = POWER) -> int:
    """Customers in each of two equal arms that show a difference between two rates, tested at 5 %.

    Formula     2 × ((1.96 + z at `power`) ÷ h)², rounded up, h = 2 arcsin √other_rate − 2 arcsin
                √rate (Cohen); z = 0.84 at 80 %
    Unit        customers an arm
    Population  two arms of equal size
    Undefined   raises ZeroDivisionError where both rates are equal
    Source      J. Cohen, Statistical Power Analysis, 1988

    >>> arm_size_for_rates(0.80, 0.85), arm_size_for_rates(0.30, 0.20)
    (903, 292)
    >>> arm_size_for_rates(0.10, 0.08)
    3205
    """
    size = 2 * math.asin(math.sqrt(other_rate)) - 2 * math.asin(math.sqrt(rate))
    return math.ceil(2 * ((_quantile() + float(scipy.stats.norm.ppf(power))) / size) ** 2)


@measure(N_("Smallest rise of a rate that arms show"))
def detectable_rate(rate: float, treated: int, control: int, power: float = POWER) -> float:
    """The smallest rise of a rate that arms of these sizes show in `power` of the cases.

    Formula     sin²(arcsin √rate + h ÷ 2) − rate, h = (1.96 + z at `power`) × √(1 ÷ treated + 1 ÷
                control)
    Unit        difference of rates, 0 to 1
    Population  two arms
    Undefined   NaN where even 100 % would not do, with an empty arm, or a rate outside 0 ≤ rate < 1
    Source      J. Cohen, Statistical Power Analysis, 1988
    """
    if not treated or not control or not 0 <= rate < 1:
        return math.nan
    size = (_quantile() + scipy.stats.norm.ppf(power)) * math.sqrt(1 / treated + 1 / control)
    angle = 2 * math.asin(math.sqrt(rate)) + size  # Cohen's h is a difference of angles
    return math.sin(angle / 2) ** 2 - rate if angle < math.pi else math.nan


@measure(N_("Smallest difference of means that arms show"))
def detectable_difference(
    spread: float, treated: int, control: int, pairs: bool = False, power: float = POWER
) -> float:
    """The smallest mean effect a customer that the arms show in `power` of the cases.

    Formula     (t at 97.5 % + t at `power`) × spread × √(1 ÷ treated + 1 ÷ control); Student's t
                with pairs − 1, or treated + control − 2, degrees of freedom: as the effect is read
    Unit        that of `spread`
    Population  two arms, or pairs
    Undefined   NaN with an empty arm or without degrees of freedom
    Source      J. Cohen, Statistical Power Analysis, 1988
    """
    freedom = (treated if pairs else treated + control - 1) - 1
    if not treated or not control or freedom < 1:
        return math.nan
    return (
        float(scipy.stats.t.ppf((1 + CONFIDENCE) / 2, freedom) + scipy.stats.t.ppf(power, freedom))
        * spread
        * math.sqrt(1 / treated + 1 / control)
    )


@measure(N_("Customers an arm, for means"))
def arm_size_for_difference(spread: float, effect: float, power: float = POWER) -> int:
    """Customers in each of two equal arms whose `detectable_difference` is at most `effect`.

    Formula     the smallest n ≥ 2 × ((1.96 + z at `power`) × spread ÷ effect)², 2 at least, with
                detectable_difference(spread, n, n) ≤ effect
    Unit        customers an arm
    Population  two arms of equal size
    Undefined   raises ZeroDivisionError where the effect is 0
    Source      J. Cohen, Statistical Power Analysis, 1988

    >>> arm_size_for_difference(100, 50)
    64
    """
    n = max(
        2,
        math.ceil(2 * ((_quantile() + float(scipy.stats.norm.ppf(power))) * spread / effect) ** 2),
    )
    while detectable_difference(spread, n, n, power=power) > effect:
        n += 1
    return n


def _quantile() -> float:
    return float(scipy.stats.norm.ppf((1 + CONFIDENCE) / 2))


@measure(N_("Outcomes less what the past foretells"))
def cuped(outcome: np.ndarray, baseline: np.ndarray) -> tuple[np.ndarray, float]:
    """Outcomes less what the baseline foretells, and the share of variance that this takes away.

    Formula     adjusted = outcome − θ (baseline − mean baseline), θ = cov(outcome, baseline) ÷
                var(baseline), over both arms together, so that the arms do not bear on it; share =
                squared correlation
    Unit        that of the outcome; share 0 to 1
    Population  one value a unit of the experiment
    Undefined   never: a baseline that is constant or not known of somebody, outcomes that are all
                equal, or fewer than 3 units take nothing away
    Source      A. Deng, Y. Xu, R. Kohavi & T. Walker, CUPED, WSDM 2013

    Returns     (adjusted outcomes, share)
    """
    y, x = np.asarray(outcome, dtype=float), np.asarray(baseline, dtype=float)
    if len(y) < 3 or np.isnan(x).any() or not x.var() > 0 or not y.var() > 0:
        return y, 0.0
    theta = np.cov(y, x)[0, 1] / x.var(ddof=1)
    return y - theta * (x - x.mean()), float(np.corrcoef(y, x)[0, 1] ** 2)


@measure(N_("Arms of an experiment"))
def assign(units: pd.DataFrame, share: float, pairs: bool, seed: int) -> pd.DataFrame:
    """Who is treated and who is left alone, drawn at random within strata or pairs.

    Formula     Strata and Pairs below; the draw depends on the units and on the seed, not on the
                order of rows
    Unit        text: 'treated', 'control', 'left out'
    Population  one row a unit
    Undefined   never: without a unit the table is empty
    Source      R. A. Fisher, The Design of Experiments, 1935; source D of the method, with the
                control group that it lacks

    Parameters  units: customer_id, stratum, baseline; the draw depends on them and on the seed, not
                on the order of rows
    Strata      customers are shuffled within their stratum (× half by baseline) and every
                1/share-th of the whole list, from a random start, is treated: each stratum is split
                like the whole, to one customer
    Pairs       customers of nearest baseline within a stratum make pairs, one of each is treated by
                the toss of a coin; who remains without a partner is 'left out'. share is then one
                half
    Columns     customer_id, stratum, baseline, block, arm
    """
    t = units[["customer_id", "stratum", "baseline"]].sort_values(
        ["stratum", "baseline", "customer_id"], ignore_index=True
    )
    rng = np.random.default_rng(seed)
    place = t.groupby("stratum").cumcount()
    size = t.groupby("stratum").baseline.transform("size")
    if pairs:
        t["block"] = t.stratum.astype(str) + ":" + (place // 2).astype(str)
        heads = rng.integers(0, 2, t.block.nunique())
        first = dict(zip(pd.unique(t.block), heads, strict=True))
        treated = (place % 2) == t.block.map(first)
        t["arm"] = np.where(treated, TREATED, CONTROL)
        t.loc[(size % 2 == 1) & (place == size - 1), "arm"] = LEFT_OUT
        return t
    t["block"] = t.stratum.astype(str) + ":" + (place * 2 // size).astype(str)
    shuffled = t.assign(key=rng.random(len(t))).sort_values(["block", "key"]).index
    steps = np.floor((np.arange(len(t) + 1) + rng.random() / share) * share + 1e-9)
    t["arm"] = CONTROL
    t.loc[shuffled[np.diff(steps) > 0], "arm"] = TREATED
    return t


@measure(N_("Arms found against arms drawn"))
def sample_ratio_p_value(
    treated_found: int, treated_missing: int, control_found: int, control_missing: int
) -> float:
    """p-value of who is missing from the data against the arm that was drawn.

    Formula     Fisher's exact test of found and missing against treated and control; under 0.001
                (MISMATCH) something chose who is found, and no effect may be told
    Unit        probability, 0 to 1
    Population  the customers of the plan
    Undefined   never: 1 where nobody is missing
    Source      A. Fabijan et al., KDD 2019 (sample ratio mismatch); exact test: R. A. Fisher, 1935

    The arms are those of the plan, so that only who is missing is left to chance.
    """
    return float(
        scipy.stats.fisher_exact(
            [[treated_found, treated_missing], [control_found, control_missing]]
        ).pvalue
    )


@measure(N_("Effect of an experiment"))
def read_effect(
    units: pd.DataFrame, share: float, pairs: bool, rate: bool, seed: int
) -> dict[str, float]:
    """What the treatment did to each customer on average, everybody counted in the arm drawn.

    Formula     raw = mean outcome of the treated − of the control; effect = the same on outcomes
                adjusted by `cuped`, for a rate the raw one; interval Welch, by pairs Student, for a
                rate Newcombe; p_value = (1 + draws whose |effect| is as large) ÷ (1 + 5,000 draws),
                made anew by the rule of the plan
    Unit        that of the outcome a customer; p_value and explained 0 to 1
    Population  units of `assign` with an outcome, but those left out; everybody in the arm drawn,
                whether treated or not
    Undefined   all but the counts are NaN under 4 customers an arm (LEAST_ARM); the interval is NaN
                where all outcomes are equal, unless it is that of a rate
    Source      A. Deng et al., CUPED, WSDM 2013; B. L. Welch, Biometrika 34 (1947); R. A. Fisher,
                The Design of Experiments, 1935; R. G. Newcombe, Statistics in Medicine 17 (1998)

    Parameters  units: of `assign` with outcome; seed: of the plan, those of the test are drawn from
                it
    Returns     treated_count, control_count, treated_mean, control_mean; raw, raw_low, raw_high
                (Welch; by pairs Student; for a rate Newcombe, paired where there are pairs);
                effect, low, high: the same on outcomes adjusted by `cuped`, for a rate the raw
                ones, whose interval knows that a rate ends at 0 and 1; explained (share of the
                variance taken away); p_value: share of 5,000 draws made anew by the same rule whose
                effect is as large; NaN under 4 customers an arm, the interval NaN where all
                outcomes are equal
    """
    t = units[units.arm != LEFT_OUT].reset_index(drop=True)
    outcome = t.outcome.to_numpy(dtype=float)
    adjusted = (outcome, 0.0) if rate else cuped(outcome, t.baseline.to_numpy())
    treated = (t.arm == TREATED).to_numpy()
    names = [
        "treated_mean",
        "control_mean",
        "raw",
        "raw_low",
        "raw_high",
        "effect",
        "low",
        "high",
        "explained",
        "p_value",
    ]
    found = dict(
        treated_count=int(treated.sum()), control_count=int((~treated).sum())
    ) | dict.fromkeys(names, math.nan)
    if min(treated.sum(), (~treated).sum()) < LEAST_ARM:
        return found
    found |= dict(
        treated_mean=outcome[treated].mean(),
        control_mean=outcome[~treated].mean(),
        explained=adjusted[1],
    )
    blocks = t.block.to_numpy() if pairs else None
    raw, effect = _difference(outcome, treated, blocks), _difference(adjusted[0], treated, blocks)
    if rate:
        raw = effect = (raw[0], *_rate_interval(t, pairs))
    found |= dict(
        zip(("raw", "raw_low", "raw_high", "effect", "low", "high"), (*raw, *effect), strict=True)
    )
    found["p_value"] = _drawn_anew(units, adjusted[0], effect[0], share, pairs, seed)
    return found


def _rate_interval(t: pd.DataFrame, pairs: bool) -> tuple[float, float]:
    """Newcombe's interval of the difference of two rates, paired where there are pairs."""
    hit = t.outcome.to_numpy() > 0
    treated = (t.arm == TREATED).to_numpy()
    if not pairs:
        return newcombe_difference(
            int(hit[treated].sum()),
            int(treated.sum()),
            int(hit[~treated].sum()),
            int((~treated).sum()),
        )
    one, other = (
        pd.Series(hit[arm], t.block.to_numpy()[arm]).sort_index().to_numpy()
        for arm in (treated, ~treated)
    )
    return newcombe_paired_difference(
        *(int(cell.sum()) for cell in (one & other, one & ~other, ~one & other, ~one & ~other))
    )


def _difference(
    values: np.ndarray, treated: np.ndarray, blocks: np.ndarray | None
) -> tuple[float, float, float]:
    """Difference of the means with its 95 % interval: Welch's,
    or Student's over the differences of pairs; no interval without any spread.
    """
    a, b = values[treated], values[~treated]
    difference = float(a.mean() - b.mean())
    if blocks is not None:
        sign = pd.Series(np.where(treated, values, -values)).groupby(blocks).sum().to_numpy()
        half = (
            scipy.stats.t.ppf((1 + CONFIDENCE) / 2, len(sign) - 1)
            * sign.std(ddof=1)
            / math.sqrt(len(sign))
        )
        return (
            (difference, difference - float(half), difference + float(half))
            if half > 0
            else (difference, math.nan, math.nan)
        )
    if not (a.std() > 0 or b.std() > 0):
        return difference, math.nan, math.nan
    told = scipy.stats.ttest_ind(a, b, equal_var=False).confidence_interval(CONFIDENCE)
    return difference, float(told.low), float(told.high)


def _drawn_anew(
    units: pd.DataFrame, values: np.ndarray, effect: float, share: float, pairs: bool, seed: int
) -> float:
    """Share of assignments, drawn by the rule of the plan,
    whose difference is at least as large as the one seen (the one seen counted, too).
    """
    t = units.sort_values(["stratum", "baseline", "customer_id"], ignore_index=True)
    inside = (t.arm != LEFT_OUT).to_numpy()
    value = np.zeros(len(t))
    place = dict(zip(units.customer_id[units.arm != LEFT_OUT], values, strict=True))
    value[inside] = t.customer_id[inside].map(place)
    rng = np.random.default_rng([seed, 1])
    block = pd.factorize(t.block)[0]
    at_once = max(CELLS // len(t), 1)
    parts = [min(at_once, DRAWS - done) for done in range(0, DRAWS, at_once)]
    drawn = (_treated(rng, draws, block, share, pairs)[:, inside] for draws in parts)
    differences = np.concatenate([_differences(value[inside], treated) for treated in drawn])
    noise = 1e-9 * max(1.0, float(np.abs(value).max()))  # sums of floats differ by their order
    return float((1 + (np.abs(differences) >= abs(effect) - noise).sum()) / (1 + DRAWS))


def _treated(
    rng: np.random.Generator, draws: int, block: np.ndarray, share: float, pairs: bool
) -> np.ndarray:
    """Who is treated, a row a draw: one of each pair, or every so manieth of a block's order."""
    if pairs:
        heads = rng.integers(0, 2, (draws, block.max() + 1))
        return (np.arange(len(block)) - _starts(block)) % 2 == heads[:, block]
    drawn = rng.random((draws, len(block) + 1))
    order = np.argsort(block + drawn[:, :-1], axis=1)
    steps = np.floor((np.arange(len(block) + 1) + drawn[:, -1:] / share) * share + 1e-9)
    treated = np.empty(order.shape, dtype=bool)
    np.put_along_axis(treated, order, np.diff(steps) > 0, axis=1)
    return treated


def _differences(value: np.ndarray, treated: np.ndarray) -> np.ndarray:
    """Mean of the treated less that of the others, one a draw that has both."""
    count, total = treated.sum(axis=1), treated @ value
    both = (count > 0) & (count < len(value))
    count, total = count[both], total[both]
    return total / count - (value.sum() - total) / (len(value) - count)


def _starts(block: np.ndarray) -> np.ndarray:
    """Position at which the block of each row starts (rows in order of blocks)."""
    first = np.concatenate([[True], block[1:] != block[:-1]])
    return np.flatnonzero(first)[np.cumsum(first) - 1]
