"""Revenue, customers, margin and retention cut by what an export says of a customer or a line:
channel, region, sector, segment.
"""

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from carnet.engagement.periods import Periods
from carnet.measures.register import measure
from carnet.measures.statistics.intervals import wilson_interval
from carnet.wording import N_

# customers of the year before, below which a group has no retention rate of its own
LEAST_OPENING = 5
MONEY = ("revenue", "revenue_previous", "margin")
COLUMNS = [  # of a cut
    "group", "customer_count", "revenue", "revenue_share", "revenue_previous", "margin",
    "margin_rate", "opening_count", "kept_count", "retention_rate", "retention_low",
    "retention_high", "sales_gap",
]  # fmt: skip


@measure(N_("Customers with the group that the list puts them in"))
def customer_pairs(movement: ir.Table, margins: ir.Table | None, groups: ir.Table) -> ir.Table:
    """One row a customer with the group it is in: the rows that `cut` wants.

    Formula     the movement joined with the group of each customer and, where known, its margin
    Unit        currency
    Population  one row a customer of the movement
    Undefined   group is NULL where none is given; margin is NULL where no margin is known
    Source      definition of the workbook

    Parameters  movement: `movement.customer_movement`; margins: customer_id, margin (None where no
                margin is known); groups: customer_id, group
    Columns     group (NULL: none given), customer_id, active, status, revenue, revenue_previous,
                margin
    """
    t = movement.left_join(groups, "customer_id")
    if margins is not None:
        t = t.left_join(margins.select("customer_id", "margin"), "customer_id")
    return t.select(
        "group",
        "customer_id",
        "active",
        "status",
        "revenue",
        "revenue_previous",
        margin=ibis.null("float64") if margins is None else t.margin,
    )


@measure(N_("Customers with the groups that their sale lines name"))
def line_pairs(sales: ir.Table, movement: ir.Table, periods: Periods, column: str) -> ir.Table:
    """One row a customer and value of a column of the sale lines, such as a channel.

    Formula     revenue = Σ amount of the lines of that value in the audit period, revenue_previous
                the same in the previous one; margin = Σ (amount − estimated cost) of the lines of
                the audit period
    Unit        currency
    Population  one row a customer and value (a NULL value included) of its sale lines of any time
    Undefined   margin is NULL where no line of the audit period tells a cost, own or estimated;
                revenue is 0 where there is no line
    Source      definition of the workbook

    Margin      amount − cost of the lines, estimated where one has none; NULL where no line tells a
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
    cost = month.estimated_cost.cast("float64") if "estimated_cost" in month.columns else None
    sums = month.group_by("customer_id", "group").agg(
        revenue=amount.sum(where=now).fill_null(0.0),  # no line in a period: nothing invoiced
        revenue_previous=amount.sum(where=before).fill_null(0.0),
        active=(bought & now).any(),
        there=(bought & year.in_current(month)).any(),
        opening=(bought & year.in_previous(month)).any(),
        margin=ibis.null("float64") if cost is None else (amount - cost).sum(where=now),
    )
    t = sums.left_join(movement.select("customer_id", "status"), "customer_id")
    arrived = t.status.isin(["new", "recovered"]) & t.there
    opened = t.status.isin(["kept", "lost", "not_due"]) & t.opening
    return t.select(
        *sums.columns, status=ibis.ifelse(arrived | opened, t.status, ibis.null("string"))
    )


@measure(N_("Margin of each customer, spread over the groups that its lines name"))
def spread_margins(pairs: ir.Table, margins: ir.Table | None) -> ir.Table:
    """The contribution margin of each customer over the groups of its lines: what the margin of the
    lines does not bear is spread by revenue, so that every cut adds up to the same margin.

    Formula     margin of the lines − (Σ margin of the customer's lines − its contribution margin) ×
                revenue of the group ÷ Σ revenue, over the groups of the customer whose revenue is
                above 0 (over all by its size where none is)
    Unit        currency
    Population  one row a row of `pairs`
    Undefined   NULL where no margin is known (margins is None), where the lines of the customer
                tell no cost, and where the customer has no contribution margin or no revenue
    Source      definition of the workbook (method §6, one figure, one formula)

    Parameters  pairs: `line_pairs`; margins: customer_id, margin (`cost_to_serve.customer_margins`)
    Columns     those of pairs, margin the customer's own
    """
    if margins is None:
        return pairs.mutate(margin=ibis.null("float64"))
    sold = ibis.greatest(pairs.revenue, 0.0)
    t = pairs.mutate(sold=sold, size=pairs.revenue.abs())
    each = t.group_by("customer_id").agg(
        whole=t.margin.sum().fill_null(0.0), all_sold=t.sold.sum(), all_sizes=t["size"].sum()
    )
    own = margins.select("customer_id", own="margin")
    t = t.left_join(each, "customer_id").left_join(own, "customer_id")
    # spread by what was bought, by size where nothing was
    share = ibis.ifelse(
        t.all_sold > 0, t.sold / t.all_sold.nullif(0.0), t["size"] / t.all_sizes.nullif(0.0)
    )
    lines = ibis.ifelse(t.margin.isnull() & (t.revenue == 0), 0.0, t.margin)  # nothing sold
    return t.select(
        *(t[name] for name in pairs.columns if name != "margin"),
        margin=lines - (t.whole - t.own) * share,
    )


@measure(N_("Revenue, customers, margin and retention by group"))
def cut(pairs: ir.Table) -> pd.DataFrame:
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

    def count(which: ir.BooleanValue) -> ir.IntegerScalar:
        return which.ifelse(1, 0).sum().fill_null(0)

    t = pairs.group_by("group").agg(
        customer_count=count(pairs.active),
        revenue=pairs.revenue.sum(),
        revenue_previous=pairs.revenue_previous.sum(),
        margin=pairs.margin.sum(),
        opening_count=count(pairs.status.isin(["kept", "lost"])),
        kept_count=count(pairs.status == "kept"),
    )
    t = t.execute().astype(dict.fromkeys(MONEY, "float64"))
    told = t.opening_count >= LEAST_OPENING
    total = t.revenue.sum()
    bounds = [
        wilson_interval(kept, opening) if opening >= LEAST_OPENING else (np.nan, np.nan)
        for kept, opening in zip(t.kept_count, t.opening_count, strict=True)
    ]
    low, high = zip(*bounds, strict=True) if bounds else ((), ())
    t = t.assign(
        revenue_share=t.revenue / total if total else np.nan,
        margin_rate=t.margin / t.revenue.where(t.revenue > 0),
        retention_rate=(t.kept_count / t.opening_count).where(told),
        retention_low=low,
        retention_high=high,
        sales_gap=t.revenue - t.revenue_previous,
    )
    known = (t.customer_count > 0) | (t.revenue_previous != 0) | (t.revenue != 0)
    return t.loc[known, COLUMNS].sort_values(
        ["revenue", "group"], ascending=[False, True], ignore_index=True
    )
