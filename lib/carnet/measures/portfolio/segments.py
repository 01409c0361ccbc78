"""RFM: recency, frequency and monetary quintiles with their cut points in sight,
and the segments they make.

Source: A. M. Hughes, Strategic Database Marketing (1994), quintile scoring; the cut points
are quantiles of the active customers, so that equal customers always get equal scores (rank-based
quintiles split ties at random).
"""

import datetime as dt

import ibis
import ibis.expr.types as ir

from carnet.measures.register import measure
from carnet.wording import N_

LEVELS = (0.2, 0.4, 0.6, 0.8)
SEGMENTS = ("champions", "loyal", "promising", "fading", "at_risk", "dormant")


@measure(N_("Recency, frequency and revenue of active customers"))
def customer_activity(movement: ir.Table, as_of: dt.date) -> ir.Table:
    """Recency, frequency and revenue of the customers active in the audit period.

    Formula     days_since_last_order = as_of − last_date; order_count and revenue of the audit
                period
    Unit        days, counts, currency
    Population  one row a customer with a positive line in the audit period
    Undefined   never: without an active customer the table is empty
    Source      A. M. Hughes, Strategic Database Marketing, 1994

    Columns     customer_id, order_count, revenue, days_since_last_order
    """
    t = movement.filter(movement.active)
    return t.select(
        "customer_id",
        "order_count",
        "revenue",
        days_since_last_order=ibis.date(as_of).delta(t.last_date, unit="day"),
    )


@measure(N_("Quantiles of recency, frequency and revenue that separate the scores"))
def rfm_cut_points(activity: ir.Table) -> ir.Table:
    """The cut points of the RFM scores: 20, 40, 60 and 80 % quantiles of each axis.

    Formula     quantile of the column at the level, interpolated between customers
    Unit        days, counts, currency
    Population  active customers; one row a level of LEVELS (0.2, 0.4, 0.6, 0.8)
    Undefined   NULL without an active customer
    Source      A. M. Hughes, Strategic Database Marketing, 1994; quantiles in place of ranks, so
                that equal customers get equal scores

    Columns     level, days_since_last_order, order_count, revenue
    """
    rows = [
        activity.agg(
            level=ibis.literal(level),
            days_since_last_order=activity.days_since_last_order.quantile(level).cast("float64"),
            order_count=activity.order_count.quantile(level).cast("float64"),
            revenue=activity.revenue.quantile(level),
        )
        for level in LEVELS
    ]
    return ibis.union(*rows).order_by("level")


@measure(N_("Scores from 1 to 5 by recency, frequency and revenue"))
def rfm_scores(activity: ir.Table) -> ir.Table:
    """Each active customer with three scores from 1 to 5 (5 best) and the segment they make.

    Formula     score = 1 + number of cut points below the value, 3 where all cut points are that
                value; recency counts the cut points not below it, since few days are good
    Unit        scores 1 to 5; other columns as in `activity`
    Population  one row an active customer
    Undefined   never: without an active customer the table is empty
    Source      A. M. Hughes, Strategic Database Marketing, 1994, quintile scoring; the segments are
                a definition of the workbook

    Segments    read recency and frequency: champions (both ≥ 4), loyal (both ≥ 3), promising
                (recency ≥ 3, frequency ≤ 2), at_risk (recency ≤ 2, frequency ≥ 4), fading (recency
                ≤ 2, frequency 3), dormant (both ≤ 2)
    Columns     those of `activity`, recency_score, frequency_score, monetary_score, segment
    """
    cuts = activity.agg(
        **{
            f"{axis}_{i}": activity[axis].quantile(level).cast("float64")
            for axis in ("days_since_last_order", "order_count", "revenue")
            for i, level in enumerate(LEVELS)
        }
    )
    t = activity.cross_join(cuts)

    def above(axis: str) -> ir.IntegerValue:
        cuts = [t[f"{axis}_{i}"] for i in range(len(LEVELS))]
        counted = sum(((t[axis] > cut).ifelse(1, 0) for cut in cuts), ibis.literal(0))
        # customers that do not differ are neither first nor last: the middle score
        alike = (cuts[0] == cuts[-1]) & (t[axis] == cuts[0])
        return alike.ifelse(len(LEVELS) // 2, counted)

    scored = t.select(
        *activity.columns,
        recency_score=5 - above("days_since_last_order"),
        frequency_score=1 + above("order_count"),
        monetary_score=1 + above("revenue"),
    )
    r, f = scored.recency_score, scored.frequency_score
    segment = ibis.cases(
        ((r >= 4) & (f >= 4), "champions"),
        ((r >= 3) & (f >= 3), "loyal"),
        (r >= 3, "promising"),
        (f >= 4, "at_risk"),
        (f == 3, "fading"),
        else_="dormant",
    )
    return scored.mutate(segment=segment)


@measure(N_("Customers and revenue by segment"))
def rfm_segments(scores: ir.Table) -> ir.Table:
    """Customers and revenue by RFM segment, largest revenue first.

    Formula     customer_share = customers ÷ Σ customers; revenue_share = revenue ÷ Σ revenue;
                median_days = median of days_since_last_order
    Unit        counts, currency, shares, days
    Population  one row a segment that holds an active customer
    Undefined   never of a segment that is there; without an active customer the table is empty
    Source      A. M. Hughes, Strategic Database Marketing, 1994; the segments are a definition of
                the workbook

    Columns     segment, customer_count, revenue, median_days, customer_share, revenue_share
    """
    t = scores.group_by("segment").agg(
        customer_count=scores.count(),
        revenue=scores.revenue.sum(),
        median_days=scores.days_since_last_order.quantile(0.5).cast("float64"),
    )
    return t.mutate(
        customer_share=t.customer_count / t.customer_count.sum().over(),
        revenue_share=t.revenue / t.revenue.sum().over(),
    ).order_by(ibis.desc("revenue"))


@measure(N_("Customers and revenue by recency and frequency score"))
def rfm_matrix(scores: ir.Table) -> ir.Table:
    """Customers and revenue by recency score and frequency score.

    Formula     customers counted and Σ revenue of each pair of scores
    Unit        scores 1 to 5, counts, currency
    Population  one row a pair of scores that an active customer has
    Undefined   never: a pair that nobody has is no row
    Source      A. M. Hughes, Strategic Database Marketing, 1994

    Columns     recency_score, frequency_score, customer_count, revenue
    """
    t = scores.group_by("recency_score", "frequency_score").agg(
        customer_count=scores.count(), revenue=scores.revenue.sum()
    )
    return t.order_by("recency_score", "frequency_score")
