"""Revenue, customers, margin and retention cut by what an export says of a customer or a line:
channel, region, sector, segment.
"""

import ibis.expr.types as ir
import numpy as np
import pandas as pd

from carnet.engagement.periods import Periods
from carnet.measures.register import measure
from carnet.measures.statistics.intervals import wilson_interval
from carnet.wording import N_

# customers of the year before, below which a group has no retention rate of its own
LEAST_OPENING = 5


@measure(N_("Customers with the group that the list puts them in"))
def customer_pairs(movement: ir.Table, margins: ir.Table | None, groups: ir.Table) -> pd.DataFrame:
    """One row a customer with the group it is in: the rows that `cut` wants.

    Formula     the movement joined with the group of each customer and, where known, its margin
    Unit        currency
    Population  one row a customer of the movement
    Undefined   group is NULL where none is given; margin is NaN where no margin is known
    Source      definition of the workbook

    Parameters  movement: `movement.customer_movement`; margins: customer_id, margin (None where no
                margin is known); groups: customer_id, group
    Columns     group (NULL: none given), customer_id, active, status, revenue, revenue_previous,
                margin
    """
    t = movement.left_join(groups, "customer_id").drop("customer_id_right")
    t = t.select("group", "customer_id", "active", "status", "revenue", "revenue_previous")
    if margins is not None:
        known = margins.select("customer_id", "margin")
        t = t.left_join(known, "customer_id").drop("customer_id_right")
    found = t.order_by("customer_id").execute()  # sums of floats hang on the order of their rows
    return found if margins is not None else found.assign(margin=np.nan)


@measure(N_("Customers with the groups that their sale lines name"))
def line_pairs(sales: ir.Table, movement: ir.Table, periods: Periods, column: str) -> pd.DataFrame:
    """One row a customer and value of a column of the sale lines, such as a channel.

    Formula     revenue = Σ amount of the lines of that value in the audit period, revenue_previous
                the same in the previous one; margin = Σ (amount − estimated cost) of the lines of
                the audit period
    Unit        currency
    Population  one row a customer and value (a NULL value included) of its sale lines of any time
    Undefined   margin is NaN where no line of the audit period tells a cost, own or estimated;
                revenue is 0 where there is no line
    Source      definition of the workbook

    Margin      amount − cost of the lines, estimated where one has none; NaN where no line tells a
                cost
    Status      that of the customer, where it bought by that value in the 12 months in question;
                NULL where it did not
    Columns     group, customer_id, active, status, revenue, revenue_previous, margin, as
                `customer_pairs`, and there, opening: bought by that value in the last 12 months, in
                the 12 before
    """
    month = sales.mutate(
        month=sales.date.truncate("M"),
        audit_month=periods.audit_month(sales.date),
        group=sales[column],
    )
    now, before, year = periods.in_current(month), periods.in_previous(month), periods.yearly
    bought, amount = month.amount > 0, month.amount.cast("float64")
    costed = "estimated_cost" in sales.columns
    sums = month.group_by("customer_id", "group").agg(
        revenue=amount.sum(where=now).fill_null(0.0),  # no line in a period: nothing invoiced
        revenue_previous=amount.sum(where=before).fill_null(0.0),
        active=(bought & now).any(),
        there=(bought & year.in_current(month)).any(),
        opening=(bought & year.in_previous(month)).any(),
        **(
            {"margin": (amount - month.estimated_cost.cast("float64")).sum(where=now)}
            if costed
            else {}
        ),
    )
    t = (
        sums.left_join(movement.select("customer_id", "status"), "customer_id")
        .drop("customer_id_right")
        .order_by("customer_id", "group")  # sums of floats hang on the order of their rows
        .execute()
    )
    arrived, opened = (
        t.status.isin(["new", "recovered"]),
        t.status.isin(["kept", "lost", "not_due"]),
    )
    t["status"] = t.status.where(
        (arrived & t.there.astype(bool)) | (opened & t.opening.astype(bool)), None
    )
    return t if costed else t.assign(margin=np.nan)


@measure(N_("Margin of each customer, spread over the groups that its lines name"))
def spread_margins(pairs: pd.DataFrame, margins: pd.DataFrame | None) -> pd.Series:
    """The contribution margin of each customer over the groups of its lines: what the margin of the
    lines does not bear is spread by revenue, so that every cut adds up to the same margin.

    Formula     margin of the lines − (Σ margin of the customer's lines − its contribution margin) ×
                revenue of the group ÷ Σ revenue, over the groups of the customer whose revenue is
                above 0 (over all by its size where none is)
    Unit        currency
    Population  one value a row of `pairs`
    Undefined   NaN where no margin is known (margins is None), where the lines of the customer tell
                no cost, and where the customer has no contribution margin or no revenue
    Source      definition of the workbook (method §6, one figure, one formula)

    Parameters  pairs: `line_pairs`; margins: customer_id, margin (`cost_to_serve.customer_margins`)
    """
    if margins is None:
        return pd.Series(np.nan, pairs.index)
    by_customer = pairs.groupby("customer_id")
    whole, sold = by_customer.margin.transform("sum"), pairs.revenue.clip(lower=0)
    bought = sold.groupby(pairs.customer_id).transform("sum") > 0
    size = sold.where(bought, pairs.revenue.abs())
    revenue = size.groupby(pairs.customer_id).transform("sum")
    own = pairs.customer_id.map(margins.set_index("customer_id").margin)
    lines = pairs.margin.mask(pairs.margin.isna() & (pairs.revenue == 0), 0.0)  # nothing sold
    return lines - (whole - own) * size / revenue.where(revenue != 0)


@measure(N_("Revenue, customers, margin and retention by group"))
def cut(pairs: pd.DataFrame) -> pd.DataFrame:
    """Revenue, customers, margin and retention of each group, largest revenue first.

    Formula     retention_rate = kept ÷ (kept + lost) of the customers that were in the group the
                year before, Wilson interval; revenue_share = revenue ÷ Σ revenue; sales_gap =
                revenue − revenue_previous; margin_rate = margin ÷ revenue. A customer that buys by
                several channels is in each of them: counts do not add up over channels, money does
    Unit        currency, counts, rates and shares 0 to 1 (a margin rate may be negative)
    Population  one row a group with an active customer or money in either period; customer_count
                counts active customers, opening_count is kept + lost
    Undefined   retention is NaN under 5 customers kept or lost (LEAST_OPENING), margin where none
                is known, margin_rate where revenue is not above 0, revenue_share where Σ revenue is
                0
    Source      definition of the workbook (method §1); interval: E. B. Wilson, JASA, 1927

    Parameters  pairs: `customer_pairs` or `line_pairs`
    Columns     group, customer_count, revenue, revenue_share, revenue_previous, margin,
                margin_rate, opening_count, kept_count, retention_rate, retention_low,
                retention_high, sales_gap
    """
    rows = []
    total = pairs.revenue.sum()
    for name, part in pairs.groupby("group", dropna=False, sort=True):
        kept, lost = int((part.status == "kept").sum()), int((part.status == "lost").sum())
        told = kept + lost >= LEAST_OPENING
        low, high = wilson_interval(kept, kept + lost) if told else (np.nan, np.nan)
        revenue, margin = float(part.revenue.sum()), float(part.margin.sum(min_count=1))
        rows.append(
            dict(
                group=None if pd.isna(name) else name,
                customer_count=int(part.active.sum()),
                revenue=revenue,
                revenue_share=revenue / total if total else np.nan,
                revenue_previous=float(part.revenue_previous.sum()),
                margin=margin,
                margin_rate=margin / revenue if revenue > 0 else np.nan,
                opening_count=kept + lost,
                kept_count=kept,
                retention_rate=kept / (kept + lost) if told else np.nan,
                retention_low=low,
                retention_high=high,
            )
        )
    columns = (
        "group customer_count revenue revenue_share revenue_previous margin margin_rate "
        "opening_count kept_count retention_rate retention_low retention_high"
    )
    t = pd.DataFrame(rows, columns=columns.split())
    t = t[(t.customer_count > 0) | (t.revenue_previous != 0) | (t.revenue != 0)]
    return t.assign(sales_gap=t.revenue - t.revenue_previous).sort_values(
        ["revenue", "group"], ascending=[False, True], ignore_index=True
    )
