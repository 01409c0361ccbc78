"""Satisfaction is not loyalty: who leaves among the satisfied and the others,
and the core that is profitable, satisfied and retained (sources A, C).
"""

import numpy as np
import pandas as pd
import scipy

from carnet.measures.register import Figure, measure
from carnet.measures.statistics.intervals import newcombe_difference, wilson_interval
from carnet.wording import N_


@measure(
    N_("Leaving by satisfaction"),
    {
        "satisfied_leaving_rate": Figure(
            N_("Satisfied customers that left"),
            "ratio",
            N_(
                "Not active in the last 12 months ÷ customers of the 12 months before that "
                "answered in them with a mean mark at or above the stated one"
            ),
            good="down",
            decimals=1,
            source="A",
        ),
        "unsatisfied_leaving_rate": Figure(
            N_("Unsatisfied customers that left"),
            "ratio",
            N_(
                "Not active in the last 12 months ÷ customers of the 12 months before that "
                "answered in them with a mean mark under the stated one"
            ),
            good="down",
            decimals=1,
            source="A",
        ),
    },
)
def satisfied_leaving(customers: pd.DataFrame) -> pd.DataFrame:
    """Leaving by satisfaction, among customers of the previous period.

    Formula     leaving_rate = lost ÷ customers, Wilson interval
    Unit        counts, rates 0 to 1, currency
    Population  three rows: 'satisfied' and 'unsatisfied' by their answers in that period, 'no
                answer'
    Undefined   rate and interval are NaN of an answer that nobody gave
    Source      source A of the method (satisfied but leaving); interval: E. B. Wilson, JASA, 1927

    Parameters  customers: satisfied (True, False, NULL: no answer), lost (bool), revenue_previous
    Columns     answer, customer_count, lost_count, leaving_rate, leaving_low, leaving_high,
                revenue_lost
    """
    satisfied = customers.satisfied.astype("boolean")
    groups = {
        "satisfied": satisfied.fillna(False),
        "unsatisfied": (~satisfied).fillna(False),
        "no answer": satisfied.isna(),
    }
    rows = []
    for answer, chosen in groups.items():
        part = customers[chosen.to_numpy(dtype=bool)]
        lost = int(part.lost.sum())
        low, high = wilson_interval(lost, len(part))
        rows.append(
            dict(
                answer=answer,
                customer_count=len(part),
                lost_count=lost,
                leaving_rate=lost / len(part) if len(part) else np.nan,
                leaving_low=low,
                leaving_high=high,
                revenue_lost=float(part.revenue_previous[part.lost.astype(bool)].sum()),
            )
        )
    return pd.DataFrame(rows)


@measure(N_("Difference of leaving between unsatisfied and satisfied"))
def satisfaction_effect(leaving: pd.DataFrame) -> tuple[float, float, float, float]:
    """How much more often unsatisfied customers leave than satisfied ones.

    Formula     lost ÷ customers of the unsatisfied − lost ÷ customers of the satisfied, Newcombe's
                interval; p-value of Fisher's exact test
    Unit        difference of rates, −1 to 1; p-value 0 to 1
    Population  customers that answered
    Undefined   NaN, all four, when a side is empty
    Source      R. G. Newcombe, Statistics in Medicine 17 (1998) 873-890; exact test: R. A. Fisher

    Parameters  leaving: of `satisfied_leaving`; the interval is Newcombe's
    Returns     (difference, low, high, p-value of Fisher's exact test)
    """
    t = leaving.set_index("answer")
    (a, n), (b, m) = (
        (int(t.lost_count[k]), int(t.customer_count[k])) for k in ("unsatisfied", "satisfied")
    )
    if not (n and m):
        return np.nan, np.nan, np.nan, np.nan
    return (
        a / n - b / m,
        *newcombe_difference(a, n, b, m),
        float(scipy.stats.fisher_exact([[a, n - a], [b, m - b]]).pvalue),
    )


@measure(
    N_("The core: profitable, satisfied, retained"),
    {
        "core_customer_share": Figure(
            N_("Core customers"),
            "ratio",
            N_(
                "Profitable, satisfied and retained ÷ customers of the 12 months before the last "
                "whose margin and satisfaction are known"
            ),
            good="up",
            decimals=1,
            source="A",
        ),
        "core_margin_share": Figure(
            N_("Core customers, share of the margin"),
            "ratio",
            N_("Their margin of those 12 months ÷ that of all those known"),
            good="up",
            decimals=1,
            source="A",
        ),
    },
)
def core(customers: pd.DataFrame) -> pd.DataFrame:
    """The customers of the previous period that are retained, profitable, satisfied, and all three.

    Formula     among the customers for whom the condition is known: count, share with Wilson
                interval, margin_share = their margin ÷ the margin of all those known. bound_low and
                bound_high: shares of all customers if none, or every one, of those not known met
                the condition
    Unit        counts, shares 0 to 1, currency
    Population  four rows, the conditions 'retained', 'profitable', 'satisfied' and 'core' (all
                three); of the core those whose margin and satisfaction are known, leavers too
    Undefined   share and interval are NaN where the condition is known of nobody, margin where it
                is not known of all those counted, margin_share also where their margin is not above
                0, bounds without a customer
    Source      source A of the method (the core); interval: E. B. Wilson, JASA, 1927; bounds: C. F.
                Manski, Identification Problems in the Social Sciences, 1995, ch. 2

    Parameters  customers: profitable, satisfied (True, False, NULL where not known), lost (bool),
                margin (of the previous period; NaN where unknown)
    Columns     condition, known_count, count, share, share_low, share_high, margin, margin_share,
                bound_low, bound_high
    Note        margin_share may pass 1, since some customers cost more than they bring
    """
    retained = pd.Series(~customers.lost.to_numpy(dtype=bool), index=customers.index).astype(
        "boolean"
    )
    profitable, satisfied = (
        customers.profitable.astype("boolean"),
        customers.satisfied.astype("boolean"),
    )
    conditions = {
        "retained": retained,
        "profitable": profitable,
        "satisfied": satisfied,
        "core": retained & profitable & satisfied,
    }
    rows = []
    for name, met in conditions.items():
        # of the core only those who answered count, leavers too: else every leaver would,
        # and of the stayers only some
        known = met.notna() if name != "core" else profitable.notna() & satisfied.notna()
        yes = (met & known).fillna(False).to_numpy(dtype=bool)
        count, n = int(yes.sum()), int(known.sum())
        low, high = wilson_interval(count, n)
        margins = customers.margin[known]
        margin = float(customers.margin[yes].sum()) if margins.notna().all() and n else np.nan
        whole = float(margins.sum())
        sure_no = (~met).fillna(False)  # one of whom it is not known may meet it
        rows.append(
            dict(
                condition=name,
                known_count=n,
                count=count,
                share=count / n if n else np.nan,
                share_low=low,
                share_high=high,
                margin=margin,
                margin_share=margin / whole if whole > 0 else np.nan,
                bound_low=float(met.fillna(False).mean()) if len(met) else np.nan,
                bound_high=1 - float(sure_no.mean()) if len(met) else np.nan,
            )
        )
    return pd.DataFrame(rows)
