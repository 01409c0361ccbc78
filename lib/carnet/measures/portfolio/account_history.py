"""How single accounts bought: month by month, and family by family in both periods."""

import ibis
import ibis.expr.types as ir

from carnet.engagement.periods import Periods
from carnet.measures.register import measure
from carnet.wording import N_


@measure(N_("Revenue of an account, month by month"))
def account_months(cube: ir.Table, months: int) -> ir.Table:
    """Revenue of each customer in each of the last audit months.

    Formula     Σ revenue over the cube's rows of the customer and audit month
    Unit        currency
    Population  one row a customer and audit month with a row of the cube, the last `months` of them
    Undefined   a month without a line has no row
    Source      definition of the workbook (method §1: audit months)

    Columns     customer_id, audit_month (0: the month that ends on the audit date), revenue
    """
    t = cube.filter(cube.audit_month.between(0, months - 1))
    return (
        t.group_by("customer_id", "audit_month")
        .agg(revenue=t.revenue.sum())
        .order_by("customer_id", "audit_month")
    )


@measure(N_("Revenue of an account, family by family"))
def family_revenue(sales: ir.Table, family: str, periods: Periods) -> ir.Table:
    """Revenue of each customer and product family in both periods.

    Formula     Σ amount of the lines of the period, credit notes deducted
    Unit        currency
    Population  one row a customer and family with a line in either period
    Undefined   never: revenue is 0 in a period without a line
    Source      definition of the workbook

    Columns     customer_id, family, revenue, revenue_previous; by customer, largest sum of both
                first
    """
    t = sales.mutate(
        family=sales[family],
        audit_month=periods.audit_month(sales.date),
        month=sales.date.truncate("M"),
    )
    t = t.filter((periods.in_current(t) | periods.in_previous(t)) & t.family.notnull())
    current, previous = periods.in_current(t), periods.in_previous(t)
    sums = t.group_by("customer_id", "family").agg(
        # no line in a period: nothing was bought
        revenue=t.amount.sum(where=current).cast("float64").fill_null(0.0),
        revenue_previous=t.amount.sum(where=previous).cast("float64").fill_null(0.0),
    )
    return sums.order_by("customer_id", ibis.desc(sums.revenue + sums.revenue_previous), "family")
