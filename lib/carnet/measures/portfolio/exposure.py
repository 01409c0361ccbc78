"""Revenue that hangs on few: what is left without the largest customers, and what one salesperson or one contact holds."""

import ibis
import ibis.expr.types as ir

from carnet.engagement.periods import Periods
from carnet.measures.register import measure
from carnet.wording import N_


@measure(N_("Revenue left without the largest customers"))
def revenue_without_top(movement: ir.Table, counts: tuple[int, ...] = (1, 3, 5)) -> ir.Table:
    """Revenue left if the n largest customers went: top_count, customer_count, revenue_at_risk, revenue_left, share.

    Formula     share = revenue of the n largest ÷ Σ positive customer revenue (as `top_n_share`); revenue_left = Σ revenue − at risk
    """
    t = movement.filter(movement.revenue > 0)
    ranked = t.mutate(rank=ibis.row_number().over(order_by=[ibis.desc(t.revenue), t.customer_id]) + 1)
    total = movement.agg(revenue=movement.revenue.sum(), positive=movement.revenue.sum(where=movement.revenue > 0))
    rows = []
    for count in counts:
        top = ranked.filter(ranked["rank"] <= count)
        at_risk = top.agg(top_count=ibis.literal(count), customer_count=top.count(), revenue_at_risk=top.revenue.sum())
        both = at_risk.cross_join(total)
        rows.append(
            both.select(
                "top_count",
                "customer_count",
                "revenue_at_risk",
                revenue_left=both.revenue - both.revenue_at_risk,
                share=both.revenue_at_risk / both.positive,
            )
        )
    return ibis.union(*rows).order_by("top_count")


@measure(N_("Revenue of each salesperson's accounts"))
def revenue_by_salesperson(movement: ir.Table, customers: ir.Table) -> ir.Table:
    """Revenue of each salesperson's accounts: salesperson, customer_count (active), revenue, revenue_share, revenue_previous.

    The salesperson is the one in charge of the customer today; customers without one are a row with NULL.
    """
    owned = movement.left_join(customers.select("customer_id", "salesperson"), "customer_id")
    t = owned.group_by("salesperson").agg(
        customer_count=owned.active.sum(), revenue=owned.revenue.sum(), revenue_previous=owned.revenue_previous.sum()
    )
    t = t.filter((t.revenue != 0) | (t.revenue_previous != 0))
    return t.mutate(revenue_share=t.revenue / t.revenue.sum().over().nullif(0.0)).order_by(ibis.desc("revenue"), "salesperson")


@measure(N_("Revenue by the number of distinct contacts behind a customer's orders"))
def contact_exposure(sales: ir.Table, periods: Periods) -> ir.Table:
    """Customers of the audit period by the number of distinct contacts behind their orders.

    Needs       sales.contact; customers none of whose lines names a contact are the row with contact_count 0
    Columns     contact_count, customer_count, revenue, revenue_share
    """
    current = sales.filter(sales.date.between(ibis.date(periods.current.start), ibis.date(periods.current.end)))
    per_customer = current.group_by("customer_id").agg(
        contact_count=current.contact.nunique(), revenue=current.amount.sum().cast("float64")
    )
    t = per_customer.group_by("contact_count").agg(customer_count=per_customer.count(), revenue=per_customer.revenue.sum())
    return t.mutate(revenue_share=t.revenue / t.revenue.sum().over().nullif(0.0)).order_by("contact_count")
