"""Cohorts: of the customers who first bought in one period, how many buy again in each later one,
and what they have brought since.
"""

import datetime as dt
import math
from collections.abc import Sequence

import ibis
import ibis.expr.types as ir
import numpy as np
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


@measure(N_("Revenue and margin of each cohort, month by month"))
def cohort_months(cube: ir.Table, periods: Sequence[Bucket], costed: bool = True) -> ir.Table:
    """What the customers of each cohort bought in each month since their period began.

    Formula     cohort = position in `periods` of the customer's first order; age_months = calendar
                months since the first one of that period; own_months = those since the month of the
                customer's own first order; revenue = Σ; margin = Σ (revenue − cost of goods,
                estimated where a line has none)
    Unit        currency, months
    Population  one row a cohort, age_months and own_months with a line; customers with an order in
                one of `periods`
    Undefined   margin is NULL where no cost of goods is given, or `costed` is False
    Source      definition of the workbook

    Parameters  costed: whether enough of the revenue has a cost for a margin to be told
    Columns     cohort, age_months, own_months, revenue, margin
    """
    first = cube.group_by("customer_id").agg(first=cube.first_date.min())
    own = first.mutate(cohort=position_in(first["first"], periods))
    begun = ibis.cases(
        *((own.cohort == at, ibis.date(bucket.start)) for at, bucket in enumerate(periods)),
        else_=ibis.null("date"),
    )
    t = cube.inner_join(own.filter(own.cohort.notnull()).mutate(begun=begun), "customer_id")
    month = 12 * t.month.year() + t.month.month()
    t = t.mutate(
        age_months=month - 12 * t.begun.year() - t.begun.month(),
        own_months=month - 12 * t["first"].year() - t["first"].month(),
    )
    margin = (t.revenue - t.cost).sum().cast("float64")
    return (
        t.group_by("cohort", "age_months", "own_months")
        .agg(
            revenue=t.revenue.sum().cast("float64"),
            margin=margin if costed else ibis.null("float64"),
        )
        .order_by("cohort", "age_months", "own_months")
    )


@measure(N_("What each cohort brought, and when it had earned back what winning it cost"))
def cohort_values(
    months: pd.DataFrame,
    sizes: pd.Series,
    costs: pd.Series,
    periods: Sequence[Bucket],
    since: dt.date,
) -> pd.DataFrame:
    """Each cohort of newcomers: revenue a customer, year by year, margin, and months to pay back.

    Formula     first_year_revenue, second_year_revenue = revenue of the months 0 to 11, and 12 to
                23, since each customer's own first one ÷ customer_count; margin_so_far = Σ margin;
                acquisition_total = acquisition cost of the period; payback_months = months up to
                the end of the first one in which Σ margin reaches acquisition_total
    Unit        currency; months
    Population  one row a complete period that began on `since` or later, and has a newcomer
    Undefined   a year is NaN where its months are not over for whoever came last; payback_months is
                NaN where the acquisition cost is not known, not above 0, or not earned back
    Source      definition of the workbook; months to recover the acquisition cost: the usual
                payback of the field, on margin instead of revenue

    Parameters  months: `cohort_months`; sizes: customers of each position; costs: acquisition cost
                by label of `periods`
    Columns     label, customer_count, first_year_revenue, second_year_revenue, revenue,
                margin_so_far, acquisition_total, payback_months
    """
    last = max((bucket.end for bucket in periods if bucket.complete), default=since)
    rows = []
    for at, bucket in enumerate(periods):
        count, known = int(sizes.get(at, 0)), bucket.complete and bucket.start >= since
        if not (count and known):
            continue
        own = months[months.cohort == at]
        revenue = own.groupby("own_months").revenue.sum()
        over = 12 * (last.year - bucket.end.year) + last.month - bucket.end.month + 1
        cost = float(costs.get(bucket.label, np.nan))
        sums = own.groupby("age_months").margin.sum(min_count=1).cumsum()
        paid = sums.index[(sums >= cost) & (cost > 0)]
        rows.append(
            {
                "label": bucket.label,
                "customer_count": count,
                "first_year_revenue": revenue.loc[:11].sum() / count if over >= 12 else np.nan,
                "second_year_revenue": revenue.loc[12:23].sum() / count if over >= 24 else np.nan,
                "revenue": own.revenue.sum(),
                "margin_so_far": own.margin.sum(skipna=False),
                "acquisition_total": cost,
                "payback_months": paid[0] + 1 if len(paid) else np.nan,
            }
        )
    columns = (
        "label customer_count first_year_revenue second_year_revenue revenue margin_so_far "
        "acquisition_total payback_months"
    )
    return pd.DataFrame(rows, columns=columns.split())


@measure(N_("What newcomers began with, and what became of them in a year"))
def first_orders(
    sales: ir.Table, column: str, since: dt.date, as_of: dt.date, days: int = 365
) -> ir.Table:
    """Newcomers by the group that their first order names: who came again, what a year brought.

    Formula     group: that of the largest amount of the customer's first day with a positive line;
                again_count = those with a positive line on a later day, up to `days` after the
                first one; revenue = Σ amount from the first day to `days` after it
    Unit        counts; currency
    Population  one row a group (NULL: none named); customers whose first positive line is dated
                `since` or later, and at least `days` before `as_of`
    Undefined   without such a customer the table is empty
    Source      definition of the workbook

    Columns     group, customer_count, again_count, revenue
    """
    positive = sales.filter(sales.amount > 0)
    starts = positive.group_by("customer_id").agg(first=positive.date.min())
    newest = as_of - dt.timedelta(days=days)
    starts = starts.filter(starts["first"].between(ibis.date(since), ibis.date(newest)))
    t = sales.inner_join(starts, "customer_id").mutate(group=sales[column])
    t = t.mutate(waited=t.date.delta(t["first"], unit="day"))
    t = t.filter(t.waited.between(0, days))
    begun = t.filter((t.waited == 0) & (t.amount > 0))
    begun = begun.group_by("customer_id", "group").agg(amount=begun.amount.sum())
    order = ibis.window(group_by="customer_id", order_by=[ibis.desc("amount"), ibis.asc("group")])
    begun = begun.mutate(place=ibis.row_number().over(order))
    begun = begun.filter(begun.place == 0).select("customer_id", "group")
    year = t.group_by("customer_id").agg(
        again=((t.amount > 0) & (t.waited > 0)).any(), revenue=t.amount.sum().cast("float64")
    )
    both = begun.inner_join(year, "customer_id")
    return (
        both.group_by("group")
        .agg(customer_count=both.count(), again_count=both.again.sum(), revenue=both.revenue.sum())
        .order_by(ibis.desc("revenue"), "group")
    )


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
