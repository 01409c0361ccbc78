"""Families whose own rhythm has passed: due to be ordered again."""

import datetime as dt

import ibis
import ibis.expr.types as ir

from carnet.measures.register import measure
from carnet.wording import N_

LEAST_INTERVALS = 4  # between days with an order of the family, for a rhythm to be one


@measure(N_("Rhythm of each family of an account"))
def family_rhythms(sales: ir.Table, family: str, as_of: dt.date) -> ir.Table:
    """Days between the orders of a family by a customer, and since the last one.

    Formula     intervals between consecutive days with a positive line of the family; median_days
                and longest_days of them; silent_days = audit date − last day
    Unit        days; counts
    Population  one row a customer and family with LEAST_INTERVALS intervals or more
    Undefined   never in the population
    Source      definition of the workbook (method §6: each customer's own rhythm)

    Columns     customer_id, family, interval_count, median_days, longest_days, last_date,
                silent_days
    """
    sold = sales.filter((sales.amount > 0) & sales[family].notnull())
    sold = sold.filter(sold.date <= ibis.date(as_of))
    days = sold.group_by("customer_id", family=sold[family], day=sold.date.cast("date")).agg(
        lines=sold.count()
    )
    in_time = ibis.window(group_by=[days.customer_id, days.family], order_by=days.day)
    waited = days.select(
        "customer_id",
        "family",
        "day",
        days=days.day.delta(days.day.lag().over(in_time), unit="day"),
    )
    t = waited.group_by("customer_id", "family").agg(
        interval_count=waited.days.count(),
        median_days=waited.days.quantile(0.5),
        longest_days=waited.days.max(),
        last_date=waited.day.max(),
    )
    t = t.filter(t.interval_count >= LEAST_INTERVALS)
    silent = ibis.date(as_of).delta(t.last_date, unit="day")
    return t.mutate(silent_days=silent).order_by("customer_id", "family")


@measure(N_("Families due to be ordered again"))
def reorders_due(rhythms: ir.Table) -> ir.Table:
    """Families that a customer has not ordered for longer than it ever waited.

    Formula     due where silent_days > longest_days; chance = 1 ÷ (interval_count + 1): of equally
                likely orders, the last of k + 1 intervals is the longest that often
    Unit        days; a probability
    Population  one row a customer and family of `family_rhythms`
    Undefined   never
    Source      exchangeable intervals: closed form. The interval that runs is not over, which makes
                the chance smaller, never larger

    Columns     those of `family_rhythms`, chance, due
    """
    return rhythms.mutate(
        chance=1 / (rhythms.interval_count + 1),
        due=rhythms.silent_days > rhythms.longest_days,
    )
