"""Signs that a customer is on the way out: silence against its own rhythm,
families it stopped buying, its best year behind it.
"""

import datetime as dt
from collections.abc import Sequence

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import scipy

from carnet.engagement.periods import Periods
from carnet.measures.portfolio.movement import DUE_MONTHS, LEAST_RHYTHMS
from carnet.measures.register import Figure, measure
from carnet.wording import N_

PRIOR_INTERVALS = 1  # intervals of the portfolio that a customer's own rhythm is shrunk with
DAYS_A_MONTH = 365.25 / 12
OVERDUE = 1.5  # days since the last order ÷ own rhythm


@measure(N_("Band of the silence ratio"))
def silence_band(silence_ratio: pd.Series, edges: Sequence[float]) -> pd.Series:
    """The lower end of the band that each silence ratio falls into.

    Formula     the largest of `edges` that the ratio reaches
    Unit        as the ratio: own rhythms of silence
    Population  one value a silence ratio
    Undefined   NaN where the ratio is not known, or below the lowest edge
    Source      definition of the workbook
    """
    known = pd.to_numeric(silence_ratio).astype(float)
    falling = list(reversed(edges))
    return pd.Series(np.select([known >= edge for edge in falling], falling, np.nan), known.index)


@measure(N_("How often the median customer orders"))
def usual_interval_days(orders: ir.Table) -> ir.FloatingScalar:
    """The median customer's mean number of days between two days with an order.

    Formula     median over customers of (last − first day with an order) ÷ (days with an order − 1)
    Unit        days
    Population  customers with two days of orders or more
    Undefined   NULL where nobody has two
    Source      definition of the workbook (method §6, own rhythm)
    """
    return _own_intervals(orders).own_days.quantile(0.5)


def _own_intervals(orders: ir.Table) -> ir.Table:
    """customer_id, first_date, last_order_date, span (days between them), interval_count,
    own_days (mean interval; NULL without one).
    """
    days = orders.select("customer_id", "date").distinct()
    t = days.group_by("customer_id").agg(
        first_date=days.date.min(), last_order_date=days.date.max(), day_count=days.count()
    )
    t = t.mutate(
        span=t.last_order_date.delta(t.first_date, unit="day"), interval_count=t.day_count - 1
    )
    return t.mutate(
        own_days=(t.interval_count > 0).ifelse(
            t.span / t.interval_count.nullif(0), ibis.null("float64")
        )
    )


@measure(N_("Silence of each customer in its own rhythm of orders"))
def order_rhythm(orders: ir.Table, as_of: dt.date) -> ir.Table:
    """How long each customer has been silent, in its own rhythm of orders.

    Formula     rhythm_days = (days from first to last order + r) ÷ (order days − 1 + 1): the
                customer's mean interval, shrunk with one interval r (PRIOR_INTERVALS), the median
                customer's; silence_ratio = days since the last order ÷ rhythm_days
    Unit        months of 30.44 days; silence in own rhythms
    Population  one row a customer with an order up to `as_of`
    Undefined   rhythm_months and silence_ratio are NULL when no customer of the book has two days
                of orders; rarely is then False
    Source      definition of the workbook (method §4, inactivity threshold, and §6, own rhythm)

    Columns     customer_id, last_order_date, months_since_last_order, rhythm_months (months of
                30.44 days), silence_ratio, rarely (usually waits longer than 6 months: not due
                every year; of a customer that ordered once only the median tells, of 5 others or
                more); NULL rhythm when no customer of the book has two days of orders
    """
    t = _own_intervals(orders.filter(orders.date <= ibis.date(as_of)))
    t = t.cross_join(t.agg(usual_days=t.own_days.quantile(0.5), rhythm_count=t.own_days.count()))
    rhythm = (t.span + PRIOR_INTERVALS * t.usual_days) / (t.interval_count + PRIOR_INTERVALS)
    silence = ibis.date(as_of).delta(t.last_order_date, unit="day")
    return t.select(
        "customer_id",
        "last_order_date",
        months_since_last_order=silence / DAYS_A_MONTH,
        rhythm_months=rhythm / DAYS_A_MONTH,
        silence_ratio=silence / rhythm.nullif(0.0),
        rarely=(
            (rhythm / DAYS_A_MONTH > DUE_MONTHS)
            & ((t.interval_count > 0) | (t.rhythm_count >= LEAST_RHYTHMS))
        ).fill_null(False),
    )


@measure(N_("Customers that order rarely and are late by their own rhythm"))
def overdue(rhythm: ir.Table) -> ir.Table:
    """Customers that order rarely and are late by their own rhythm, longest silence first.

    Formula     rarely, and silence_ratio ≥ 1.5 (OVERDUE)
    Unit        as `order_rhythm`
    Population  one row a customer of `order_rhythm` for which both hold
    Undefined   never: a customer without a known rhythm has no row
    Source      definition of the workbook (method §6, own rhythm)

    Rule        orders rarely, silent for one and a half of it or longer
    Columns     those of `order_rhythm`
    """
    t = rhythm.filter(rhythm.rarely & (rhythm.silence_ratio >= OVERDUE))
    return t.order_by(ibis.desc("silence_ratio"), "customer_id")


@measure(N_("The best 12 months of each customer against the last 12"))
def peak_years(cube: ir.Table) -> ir.Table:
    """The best 12 months each customer ever had, against the last 12.

    Formula     peak_revenue = largest Σ of 12 audit months that end in one with a sale line, to the
                cent; rolling_year_revenue = Σ of audit months 0 to 11
    Unit        currency, audit months
    Population  one row a customer of the cube
    Undefined   never: rolling_year_revenue is 0 without a line in the last 12 months; the peak may
                be negative
    Source      source E of the method (peak rolling year against now)

    Columns     customer_id, rolling_year_revenue (audit months 0 to 11), peak_revenue (largest Σ of
                12 audit months that end in one with a sale line), peak_audit_month (the last month
                of it, the latest one of equals)
    """
    months = cube.group_by("customer_id", "audit_month").agg(revenue=cube.revenue.sum())
    year = ibis.range_window(
        group_by="customer_id", order_by="audit_month", preceding=0, following=11
    )
    t = months.mutate(rolling=months.revenue.sum().over(year).round(2))
    best = t.group_by("customer_id").agg(
        peak_revenue=t.rolling.max(), rolling_year_revenue=t.revenue.sum(where=t.audit_month < 12)
    )
    found = t.join(best, "customer_id")
    found = found.filter(found.rolling == found.peak_revenue)
    # no line in the last 12 months: nothing was invoiced, which is zero and not an unknown
    return found.group_by("customer_id").agg(
        rolling_year_revenue=found.rolling_year_revenue.max().fill_null(0.0),
        peak_revenue=found.peak_revenue.max(),
        peak_audit_month=found.audit_month.min(),
    )


@measure(N_("Orders of each product family by active customers, in both periods"))
def family_orders(sales: ir.Table, periods: Periods, months: Sequence[int]) -> ir.Table:
    """Orders of each product family by customers still active, in both periods.

    Formula     order_count and order_count_previous = distinct orders with a positive line of the
                family; family_revenue_previous = Σ amount of its positive lines of the previous
                period
    Unit        counts, currency
    Population  one row a customer and family with an order in either period, over the audit months
                in `months`; customers with an order of any family in the audit period
    Undefined   never: revenue and counts are 0 without a line; lines without a family are left out
    Source      definition of the workbook

    Needs       sales.offer, else sales.product
    Columns     customer_id, family, order_count, order_count_previous (orders with a positive line
                of the family), family_revenue_previous
    """
    family = sales.offer if "offer" in sales.columns else sales.product
    day = sales.date.cast("string")
    lines = sales.mutate(
        family=family,
        order=ibis.coalesce(sales.order_id, day) if "order_id" in sales.columns else day,
        audit_month=periods.audit_month(sales.date),
        month=sales.date.truncate("M"),
    )
    compared = (periods.in_current(lines) | periods.in_previous(lines)) & (
        lines.audit_month % 12
    ).isin(list(months))
    lines = lines.filter((lines.amount > 0) & lines.family.notnull() & compared)
    current, previous = periods.in_current(lines), periods.in_previous(lines)
    t = lines.group_by("customer_id", "family").agg(
        order_count=lines.order.nunique(where=current),
        order_count_previous=lines.order.nunique(where=previous),
        # no line of the family in the previous period: nothing bought of it
        family_revenue_previous=lines.amount.sum(where=previous).cast("float64").fill_null(0.0),
    )
    return t.filter(
        (t.order_count.sum().over(ibis.window(group_by="customer_id")) > 0)
        & (t.order_count + t.order_count_previous > 0)
    )


@measure(
    N_("Families that a customer stopped buying"),
)
def stopped_families(families: ir.Table, least_orders: int) -> ir.Table:
    """Families that a customer bought on several orders of the previous period and no longer.

    Formula     order_count = 0 and order_count_previous ≥ `least_orders`
    Unit        counts, currency
    Population  one row a customer and family of `family_orders` for which both hold
    Undefined   never: without such a pair the table is empty
    Source      definition of the workbook

    Columns     customer_id, family, order_count_previous, family_revenue_previous; by customer,
                largest revenue first
    """
    t = families.filter(
        (families.order_count == 0) & (families.order_count_previous >= least_orders)
    )
    return t.drop("order_count").order_by(
        "customer_id", ibis.desc("family_revenue_previous"), "family"
    )


@measure(
    N_("Families that would look stopped if nothing had changed"),
    {
        "chance_stopped_count": Figure(
            N_("Families no longer bought, if nothing had changed"),
            "index",
            N_(
                "Σ over the pairs of the chance that none of their orders is among the customer's "
                "orders of this period, had families not changed"
            ),
            decimals=1,
            source="B",
            compares=True,
        ),
    },
)
def chance_stopped_count(families: ir.Table, customers: ir.Table, least_orders: int) -> float:
    """Families that would look stopped by luck, with customers ordering as often as they did.

    Formula     Σ over pairs with n ≥ `least_orders` orders in both periods of P(none of the n among
                the customer's orders of this period): hypergeometric, given the customer's own
                orders of both periods; a customer that collapsed loses families by that alone
    Unit        expected number of pairs (not whole)
    Population  pairs of a customer and a family, as if families did not matter to an order
    Undefined   never: 0 without such pairs
    Source      definition of the workbook; hypergeometric law as in R. A. Fisher, The Design of
                Experiments, 1935

    Parameters  families: `family_orders`; customers: customer_id, order_count, order_count_previous
    """
    pairs = families.order_count + families.order_count_previous
    often = families.select("customer_id", pair_count=pairs)
    often = often.filter(often.pair_count >= least_orders)
    t = often.join(customers, "customer_id")
    both = t.order_count + t.order_count_previous
    # how many pairs are alike
    alike = t.group_by(now=t.order_count, both=both, pair_count=t.pair_count).agg(count=t.count())
    t = alike.execute()
    # a family's orders may carry a line in both periods: never more than the customer's own orders
    least = np.minimum(t.pair_count, t.both)
    return float((t["count"] * scipy.stats.hypergeom.pmf(0, t.both, least, t.now)).sum())
