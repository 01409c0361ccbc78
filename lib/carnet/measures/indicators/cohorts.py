"""Cohorts: of the customers who first bought in one period,
how many buy again in each later one.
"""

import math
from collections.abc import Sequence

import ibis
import ibis.expr.types as ir
import pandas as pd

from carnet.engagement.periods import Bucket, position_in
from carnet.measures.register import measure
from carnet.measures.statistics.intervals import wilson_interval
from carnet.wording import N_


@measure(N_("Customers of each cohort that order in later periods"))
def cohort_counts(orders: ir.Table, periods: Sequence[Bucket]) -> ir.Table:
    """Customers of each cohort that ordered in each later period.

    Formula     cohort = position in `periods` of the customer's first order in them; age = periods
                since; active_count = its customers with an order at that age
    Unit        counts, periods
    Population  one row a cohort and age with an order; customers with an order in one of `periods`
    Undefined   a cohort and age without an order has no row
    Source      definition of the workbook (method §4, cohorts)

    Columns     cohort, age (periods since the first order), active_count; age 0 holds the whole
                cohort
    """
    dated = orders.mutate(position=position_in(orders.date, periods))
    dated = dated.filter(dated.position.notnull()).select("customer_id", "position").distinct()
    t = dated.mutate(cohort=dated.position.min().over(ibis.window(group_by="customer_id")))
    t = t.mutate(age=t.position - t.cohort)
    return t.group_by("cohort", "age").agg(active_count=t.count()).order_by("cohort", "age")


@measure(N_("Cohorts with their intervals, immature cells blank"))
def cohort_table(counts: pd.DataFrame, periods: Sequence[Bucket]) -> pd.DataFrame:
    """Every cohort at every age it has reached: how many of its customers order again.

    Formula     active_rate = active_count ÷ customer_count, Wilson interval
    Unit        counts, rates 0 to 1
    Population  one row a cohort with a customer and an age up to the last of `periods`
    Undefined   active_count, rate and interval are NaN where the period, or the cohort's own first
                one, is not complete (immature, not zero); a mature cell of which nobody bought is 0
    Source      definition of the workbook (method §4, cohorts); interval: E. B. Wilson, JASA, 1927

    Columns     cohort, label, age, customer_count, active_count, active_rate, low, high (Wilson)
    """
    found = {(int(r.cohort), int(r.age)): int(r.active_count) for r in counts.itertuples()}
    rows = []
    for cohort, bucket in enumerate(periods):
        size = found.get((cohort, 0), 0)
        for age in range(len(periods) - cohort if size else 0):
            mature = bucket.complete and periods[cohort + age].complete
            active = found.get((cohort, age), 0) if mature else math.nan
            low, high = wilson_interval(active, size) if mature else (math.nan, math.nan)
            rows.append((cohort, bucket.label, age, size, active, active / size, low, high))
    columns = [
        "cohort",
        "label",
        "age",
        "customer_count",
        "active_count",
        "active_rate",
        "low",
        "high",
    ]
    return pd.DataFrame(rows, columns=columns)
