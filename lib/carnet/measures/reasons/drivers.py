"""What goes with leaving: regularised logistic regression with standardised effects,
and how well it foretells customers it has not seen.

An effect is an association, not a cause. Sources: A. E. Hoerl & R. W. Kennard, Technometrics 12
(1970) 55-67 for ridge; A. Gelman & al., "A weakly informative default prior distribution
for logistic and other regression models", Annals of Applied Statistics 2 (2008) 1360-1383
for its reading as a prior; E. W. Steyerberg, Clinical Prediction Models, 2nd ed. (2019) ch. 15 for
calibration and discrimination.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import scipy

from carnet.measures.register import measure
from carnet.wording import N_

PRIOR_SD = 1.0  # log-odds for one standard deviation: an odds ratio of 7 or more is held for rare
FOLDS, REPEATS, MANY_ROWS = 10, 5, 50_000
PART_ROWS = 100_000  # held at once while a law is fitted
RISK_GROUPS = 4
# the leaving itself, as it begins: they foretell and explain nothing
SYMPTOMS = ("silence_days", "trend")


@measure(N_("Regularised logistic regression"))
def ridge_logistic(
    x: np.ndarray, y: np.ndarray, prior_sd: float = PRIOR_SD
) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients of a regularised logistic regression, the constant first, and their covariance.

    Formula     maximise Σ log p(y | x) − Σ b² ÷ 2 sd², the constant unpenalised, by Newton's method
                (100 steps at most); covariance = inverse Hessian there: the mode of the posterior
                under a normal prior of standard deviation sd, and its curvature
    Unit        log-odds for one unit of the column
    Population  the rows of x
    Undefined   never: the prior keeps the coefficients finite where the outcomes are separated;
                where they are all alike the constant is that of the last step
    Source      A. E. Hoerl & R. W. Kennard, Technometrics 12 (1970) 55-67 (ridge); A. Gelman & al.,
                Annals of Applied Statistics 2 (2008) 1360-1383 (prior)

    Parameters  x: standardised columns; y: 0 or 1
    Returns     (coefficients, covariance)
    """
    if len(x) != len(y):
        raise ValueError("one outcome a row")
    penalty = np.diag([0.0] + [1 / prior_sd**2] * x.shape[1])
    b = np.zeros(1 + x.shape[1])
    b[0] = scipy.special.logit((y.sum() + 0.5) / (len(y) + 1))
    for _ in range(100):
        gradient, curvature = _likelihood_slopes(x, y, b)
        hessian = curvature + penalty + 1e-9 * np.eye(len(b))
        step = np.linalg.solve(hessian, gradient - penalty @ b)
        b = b + step * min(1.0, 5.0 / max(np.abs(step).max(), 1e-12))
        if np.abs(step).max() < 1e-9:
            break
    return b, np.linalg.inv(hessian)


def _likelihood_slopes(
    x: np.ndarray, y: np.ndarray, b: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Gradient of the log-likelihood at b, and its curvature: added up in parts, so that the
    memory does not grow with the rows.
    """
    gradient, curvature = np.zeros(len(b)), np.zeros((len(b), len(b)))
    for start in range(0, len(x), PART_ROWS):
        part = slice(start, start + PART_ROWS)
        design = np.column_stack([np.ones(len(x[part])), x[part]])
        p = scipy.special.expit(design @ b)
        gradient += design.T @ (y[part] - p)
        curvature += (design * (p * (1 - p))[:, None]).T @ design
    return gradient, curvature


@measure(N_("Standardised attributes"))
def standardised(attributes: pd.DataFrame) -> pd.DataFrame:
    """Columns less their mean, divided by their standard deviation.

    Formula     (value − mean) ÷ standard deviation, the latter over all rows (÷ n)
    Unit        standard deviations
    Population  the rows given, one column an attribute that varies
    Undefined   a constant column is left out
    Source      definition of the workbook
    """
    spread = attributes.std(ddof=0)
    kept = attributes.loc[:, spread > 1e-12]
    return (kept - kept.mean()) / kept.std(ddof=0)


@measure(N_("Attributes that go with leaving"))
def driver_effects(
    attributes: pd.DataFrame, left: pd.Series, prior_sd: float = PRIOR_SD
) -> pd.DataFrame:
    """Odds ratio of leaving for one standard deviation more of each attribute.

    Formula     exp(b) of `ridge_logistic` on standardised attributes, interval exp(b ± z se), z so
                that all attributes hold at once (Bonferroni, 95 %); raw: the attribute alone,
                adjusted: with the others held fixed
    Unit        odds ratio, 1 = no association
    Population  one row an attribute that varies, over the rows given; strongest adjusted effect
                first
    Undefined   a constant attribute has no row; without any the table is empty
    Source      A. E. Hoerl & R. W. Kennard, Technometrics 12 (1970) 55-67; A. Gelman & al., Annals
                of Applied Statistics 2 (2008) 1360-1383

    Parameters  attributes: one column each, without gaps; left: bool
    Columns     attribute, raw_odds_ratio, raw_low, raw_high, odds_ratio, odds_low, odds_high,
                told_apart ('more', 'less' or '' where the adjusted interval holds 1); strongest
                adjusted effect first
    """
    x, y = standardised(attributes), left.to_numpy(dtype=float)
    b, covariance = ridge_logistic(x.to_numpy(), y, prior_sd)
    errors = np.sqrt(np.diag(covariance))
    z = scipy.stats.norm.ppf(1 - 0.025 / max(x.shape[1], 1))
    rows = []
    for position, name in enumerate(x.columns, start=1):
        alone, alone_covariance = ridge_logistic(x[[name]].to_numpy(), y, prior_sd)
        ends = [
            (v, v - z * e, v + z * e)
            for v, e in (
                (alone[1], np.sqrt(alone_covariance[1, 1])),
                (b[position], errors[position]),
            )
        ]
        raw, adjusted = (np.exp(end) for end in ends)
        told = "more" if adjusted[1] > 1 else "less" if adjusted[2] < 1 else ""
        rows.append(
            dict(
                attribute=name,
                raw_odds_ratio=raw[0],
                raw_low=raw[1],
                raw_high=raw[2],
                odds_ratio=adjusted[0],
                odds_low=adjusted[1],
                odds_high=adjusted[2],
                told_apart=told,
                size=abs(b[position]),
            )
        )
    columns = (
        "attribute raw_odds_ratio raw_low raw_high odds_ratio odds_low odds_high told_apart size"
    )
    t = pd.DataFrame(rows, columns=columns.split()).sort_values(
        ["size", "attribute"], ascending=[False, True], ignore_index=True
    )
    return t.drop(columns="size")


@measure(N_("Risk of leaving, foretold without the customer"))
def out_of_sample(
    attributes: pd.DataFrame,
    left: pd.Series,
    groups: pd.Series,
    prior_sd: float = PRIOR_SD,
    seed: int = 1,
) -> np.ndarray:
    """Risk of leaving of each row, from fits that have not seen its customer.

    Formula     mean over 5 repeats (REPEATS) of 10-fold (FOLDS) cross-validation of
                `ridge_logistic`, attributes standardised by the rows that are fitted; once over
                50,000 rows (MANY_ROWS) or more, where five repeats tell the same to three digits
    Unit        probability, 0 to 1
    Population  the rows given; all rows of a customer fall into the same fold
    Undefined   raises ValueError without a row
    Source      E. W. Steyerberg, Clinical Prediction Models, 2nd ed. 2019

    Parameters  groups: customer of each row; all rows of a customer fall into the same fold
    """
    y = left.to_numpy(dtype=float)
    x, codes = attributes.to_numpy(dtype=float), pd.factorize(groups)[0]
    rng = np.random.default_rng(seed)
    risks = np.zeros(len(y))
    repeats = REPEATS if len(y) < MANY_ROWS else 1
    for _ in range(repeats):
        fold = rng.permutation(np.arange(codes.max() + 1) % FOLDS)[codes]
        for number in range(FOLDS):
            train, test = fold != number, fold == number
            if not test.any():
                continue
            known = x[train]
            centre = known.mean(axis=0)
            known -= centre
            spread = np.sqrt(np.einsum("ij,ij->j", known, known) / len(known))
            spread = np.where(spread > 1e-12, spread, np.inf)
            known /= spread
            b, _ = ridge_logistic(known, y[train], prior_sd)
            risks[test] += (
                scipy.special.expit(b[0] + ((x[test] - centre) / spread) @ b[1:]) / repeats
            )
    return risks


@measure(N_("How well the risk tells leavers from stayers"))
def discrimination(risks: np.ndarray, left: pd.Series) -> dict[str, float]:
    """How well risks tell leavers from stayers, beside the base rate that knows nobody.

    Formula     auc = chance that a leaver's risk lies above a stayer's (ties half), interval of
                DeLong's variance on the logit; brier = mean (risk − left)², brier_base = the same
                with the base rate for everybody; calibration_slope: logistic slope of leaving on
                logit(risk), 1 when right, below 1 when risks are too extreme; event_count,
                base_rate
    Unit        shares 0 to 1, a slope, a count
    Population  the rows given
    Undefined   auc is NaN without a leaver or a stayer, its interval under 2 of either;
                calibration_slope is NaN where all risks are equal
    Source      E. R. DeLong, D. M. DeLong & D. L. Clarke-Pearson, Biometrics 44 (1988) 837-845; G.
                W. Brier, 1950; calibration: E. W. Steyerberg, Clinical Prediction Models, 2nd ed.
                2019, ch. 15

    Returns     auc, auc_low, auc_high, brier, brier_base, calibration_slope, event_count, base_rate
    """
    y = left.to_numpy(dtype=bool)
    up, down = risks[y], risks[~y]
    ranks = scipy.stats.rankdata(risks)
    auc = (ranks[y].sum() - len(up) * (len(up) + 1) / 2) / (len(up) * len(down))
    v_up = (ranks[y] - scipy.stats.rankdata(up)) / len(down)
    v_down = 1 - (ranks[~y] - scipy.stats.rankdata(down)) / len(up)
    error = np.sqrt(v_up.var(ddof=1) / len(up) + v_down.var(ddof=1) / len(down))
    inside = min(max(auc, 1e-6), 1 - 1e-6)
    spread = 1.959964 * error / (inside * (1 - inside))
    logit = scipy.special.logit(np.clip(risks, 1e-6, 1 - 1e-6))
    slope = (
        ridge_logistic(logit[:, None] - logit.mean(), y.astype(float), prior_sd=100.0)[0][1]
        if logit.std() > 0
        else np.nan
    )
    rate = y.mean()
    return {
        "auc": float(auc),
        "auc_low": float(scipy.special.expit(scipy.special.logit(inside) - spread)),
        "auc_high": float(scipy.special.expit(scipy.special.logit(inside) + spread)),
        "brier": float(((risks - y) ** 2).mean()),
        "brier_base": float(rate * (1 - rate)),
        "calibration_slope": float(slope),
        "event_count": int(y.sum()),
        "base_rate": float(rate),
    }


@measure(N_("Foretold against seen"))
def calibration(risks: np.ndarray, left: pd.Series, group_count: int = RISK_GROUPS) -> pd.DataFrame:
    """Foretold risk against the share seen to leave, in groups of rising risk.

    Formula     foretold = mean risk of the group; seen = left ÷ rows, Wilson interval
    Unit        probabilities 0 to 1, counts
    Population  one row a group: the rows by rising risk, cut into `group_count` groups of equal
                size
    Undefined   never: a group without rows is left out
    Source      E. W. Steyerberg, Clinical Prediction Models, 2nd ed. 2019, ch. 15; interval: E. B.
                Wilson, JASA, 1927

    Columns     risk_group, row_count, foretold, left_count, seen, seen_low, seen_high (Wilson)
    """
    from carnet.measures.statistics.intervals import wilson_interval

    order = np.argsort(risks, kind="stable")
    y = left.to_numpy(dtype=bool)
    rows = []
    for number, part in enumerate(np.array_split(order, group_count), start=1):
        if len(part):
            low, high = wilson_interval(y[part].sum(), len(part))
            rows.append(
                dict(
                    risk_group=number,
                    row_count=len(part),
                    foretold=risks[part].mean(),
                    left_count=int(y[part].sum()),
                    seen=y[part].mean(),
                    seen_low=low,
                    seen_high=high,
                )
            )
    return pd.DataFrame(rows)


@measure(N_("Attributes known for enough customers"))
def usable_attributes(
    panel: pd.DataFrame, names: Sequence[str], least_known: float = 0.8
) -> list[str]:
    """Names of the attributes known for enough rows and not the same for all.

    Formula     share of the rows with a value ≥ `least_known`, and at least two different values
    Unit        names
    Population  the attributes in `names`, over the rows of the panel
    Undefined   never: an empty list without rows
    Source      definition of the workbook
    """
    return [
        name
        for name in names
        if panel[name].notna().mean() >= least_known and panel[name].nunique() > 1
    ]
