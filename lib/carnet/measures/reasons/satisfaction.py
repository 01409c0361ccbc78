"""Satisfaction by kind of question: recommendation (NPS), satisfaction (CSAT), effort (CES), and
who answered at all.

Sources: F. F. Reichheld, "The One Number You Need to Grow", Harvard Business Review, December 2003
(promoters 9 and 10, detractors 0 to 6); share of satisfied answers: usual of CSAT; M. Dixon, K.
Freeman & N. Toman, "Stop Trying to Delight Your Customers", Harvard Business Review, July 2010
(effort), in its second form: a high mark is ease.
"""

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import scipy

from carnet.measures.register import measure
from carnet.measures.statistics.intervals import CONFIDENCE, wilson_interval
from carnet.wording import N_

KINDS = ("nps", "csat", "ces")
PROMOTER, DETRACTOR = 0.9, 0.6  # shares of the scale
LEAST_GROUP = 5  # answers, below which a mean of a group is not told


@measure(N_("Last answer of each customer, by kind of question"))
def last_answers(satisfaction: ir.Table, satisfied_from: float) -> ir.Table:
    """What the last answer of each customer says, by kind of question.

    Formula     nps: 1 from 9 of 10 on (promoter), −1 up to 6 (detractor), else 0; csat: 1 from
                `satisfied_from` of the scale on, else 0; ces: mark ÷ scale; the mean of the
                customer's answers of its last day
    Unit        value of the kind
    Population  one row a kind and customer with a mark on a known scale; answers of no kind count
                as csat
    Undefined   without such an answer the table is empty
    Source      F. F. Reichheld, Harvard Business Review, December 2003; M. Dixon et al., Harvard
                Business Review, July 2010

    Parameters  satisfaction: customer_id, date, score, scale, kind (where given)
    Columns     kind, customer_id, date, value
    """
    t = satisfaction
    kind = t.kind.fill_null("csat") if "kind" in t.columns else ibis.literal("csat")
    share = t.score.cast("float64") / t.scale.cast("float64")
    t = t.select("customer_id", "date", kind=kind, share=share).filter(lambda r: r.share.notnull())
    tiny = 1e-9  # marks are shares of their scale: 9 ÷ 10 is 0.9
    value = ibis.cases(
        (t.kind == "ces", t.share),
        (t.kind == "csat", (t.share >= satisfied_from - tiny).ifelse(1.0, 0.0)),
        (t.share >= PROMOTER - tiny, 1.0),
        (t.share <= DETRACTOR + tiny, -1.0),
        else_=0.0,
    )
    t = t.mutate(value=value, last=t.date.max().over(ibis.window(group_by=[t.kind, t.customer_id])))
    t = t.filter(t.date == t["last"])
    return (
        t.group_by("kind", "customer_id")
        .agg(date=t.date.max(), value=t.value.mean())
        .order_by("kind", "customer_id")
    )


@measure(N_("Satisfaction by kind of question, beside the year before"))
def by_kind(now: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    """Recommendation, satisfaction and effort in both years, with their change.

    Formula     value = mean of the customers' values: of nps promoters − detractors, of csat the
                share satisfied, of ces the mean mark; interval: of csat Wilson, else mean ± t × s ÷
                √n, cut to the bounds of the kind; change: difference of both means ± Welch's t ×
                √(s² ÷ n + s² ÷ n)
    Unit        −1 to 1 (nps), 0 to 1
    Population  one row a kind with an answer in the later year; customers that answered, once each
    Undefined   intervals are NaN with a single answer, or where all are alike; that of the change
                under LEAST_GROUP answers of either year; change is NaN without answers of the year
                before
    Source      as of `last_answers`; intervals: E. B. Wilson, 1927; Student, 1908; B. L. Welch,
                Biometrika, 1947 (who answered twice makes the change surer than it tells)

    Parameters  now, before: `last_answers` of each year
    Columns     kind, answer_count, value, value_low, value_high, answer_count_previous,
                value_previous, change, change_low, change_high, upper_share, lower_share (of nps:
                promoters, detractors)
    """
    rows = []
    for kind in KINDS:
        a = now.value[now.kind == kind].to_numpy(dtype=float)
        b = before.value[before.kind == kind].to_numpy(dtype=float)
        if not len(a):
            continue
        low, high = _interval(kind, a)
        change = a.mean() - b.mean() if len(b) else np.nan
        half = _welch_half(a, b)
        rows.append(
            {
                "kind": kind,
                "answer_count": len(a),
                "value": a.mean(),
                "value_low": low,
                "value_high": high,
                "answer_count_previous": len(b),
                "value_previous": b.mean() if len(b) else np.nan,
                "change": change,
                "change_low": change - half,
                "change_high": change + half,
                "upper_share": (a > 0.5).mean() if kind == "nps" else np.nan,
                "lower_share": (a < -0.5).mean() if kind == "nps" else np.nan,
            }
        )
    columns = (
        "kind answer_count value value_low value_high answer_count_previous value_previous change "
        "change_low change_high upper_share lower_share"
    )
    return pd.DataFrame(rows, columns=columns.split())


def _interval(kind: str, values: np.ndarray) -> tuple[float, float]:
    n = len(values)
    if kind == "csat" and set(np.unique(values)) <= {0.0, 1.0}:
        return wilson_interval(int(values.sum()), n)
    if n < 2 or not values.std():
        return np.nan, np.nan
    half = scipy.stats.t.ppf((1 + CONFIDENCE) / 2, n - 1) * values.std(ddof=1) / np.sqrt(n)
    least = -1.0 if kind == "nps" else 0.0
    return max(values.mean() - half, least), min(values.mean() + half, 1.0)


def _welch_half(a: np.ndarray, b: np.ndarray) -> float:
    """Half of Welch's interval of a difference of means."""
    if min(len(a), len(b)) < LEAST_GROUP:
        return np.nan
    parts = np.array([values.var(ddof=1) / len(values) for values in (a, b)])
    if not parts.all():  # all alike on one side: a spread of 0 is no certainty
        return np.nan
    degrees = parts.sum() ** 2 / (parts**2 / [len(a) - 1, len(b) - 1]).sum()
    return float(scipy.stats.t.ppf((1 + CONFIDENCE) / 2, degrees) * np.sqrt(parts.sum()))


@measure(N_("Who answered, by class of customers"))
def response_by_group(customers: pd.DataFrame) -> pd.DataFrame:
    """Who answered of each group, what part of its revenue they are, and what they said.

    Formula     response_rate = response_count ÷ customer_count, Wilson interval; revenue_heard =
                revenue of those who answered ÷ revenue; value = mean of their values
    Unit        counts; shares 0 to 1; value of the kind
    Population  one row a group of customers
    Undefined   revenue_heard is NaN where the revenue is not above 0, value under 5 answers
                (LEAST_GROUP)
    Source      definition of the workbook; interval: E. B. Wilson, JASA, 1927

    Parameters  customers: group, revenue, value (NaN: no answer)
    Columns     group, customer_count, response_count, response_rate, response_low, response_high,
                revenue_heard, value
    """
    rows = []
    for group, part in customers.groupby("group", sort=True):
        heard = part.value.notna()
        count, whole = int(heard.sum()), float(part.revenue.sum())
        low, high = wilson_interval(count, len(part))
        rows.append(
            {
                "group": group,
                "customer_count": len(part),
                "response_count": count,
                "response_rate": count / len(part),
                "response_low": low,
                "response_high": high,
                "revenue_heard": part.revenue[heard].sum() / whole if whole > 0 else np.nan,
                "value": part.value.mean() if count >= LEAST_GROUP else np.nan,
            }
        )
    columns = (
        "group customer_count response_count response_rate response_low response_high "
        "revenue_heard value"
    )
    return pd.DataFrame(rows, columns=columns.split())


@measure(N_("What all customers would say, were each class heard alike"))
def reweighted_value(groups: pd.DataFrame) -> tuple[float, float]:
    """The mean of the answers, and that of all customers if those who did not answer think as those
    of their class that did.

    Formula     Σ response_count × value ÷ Σ response_count; Σ customer_count × value ÷ Σ
                customer_count
    Unit        value of the kind
    Population  the groups of `response_by_group`
    Undefined   both NaN where a group has no value: it is not known what it thinks
    Source      post-stratification: D. Holt & T. M. F. Smith, Journal of the Royal Statistical
                Society A, 1979
    """
    if not len(groups) or groups.value.isna().any():
        return np.nan, np.nan
    heard = (groups.response_count * groups.value).sum() / groups.response_count.sum()
    return heard, (groups.customer_count * groups.value).sum() / groups.customer_count.sum()
