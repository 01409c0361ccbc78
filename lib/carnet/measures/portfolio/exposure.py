"""Revenue that hangs on few: what is left without the largest customers,
and what one salesperson or one contact holds.
"""

import ibis
import ibis.expr.types as ir

from carnet.engagement.periods import Periods
from carnet.measures.register import measure
from carnet.wording import N_


@measure(N_("Revenue left without the largest customers"))
def revenue_without_top(movement: ir.Table, counts: tuple[int, ...] = (1, 3, 5)) -> ir.Table:
    """Revenue left if the n largest customers went.

    Formula     share = revenue of the n largest ÷ Σ positive customer revenue (as `top_n_share`);
                revenue_left = Σ revenue − revenue_at_risk
    Unit        counts, currency, a share 0 to 1
    Population  one row a number in `counts`; the n largest among customers with revenue > 0
    Undefined   revenue and share are NULL without a customer of positive revenue
    Source      definition of the workbook (method §1)

    Columns     top_count, customer_count (n, or all where there are fewer), revenue_at_risk,
                revenue_left, share
    """
    t = movement.filter(movement.revenue > 0)
    ranked = t.mutate(
        rank=ibis.row_number().over(order_by=[ibis.desc(t.revenue), t.customer_id]) + 1
    )
    total = movement.agg(
        revenue=movement.revenue.sum(), positive=movement.revenue.sum(where=movement.revenue > 0)
    )
    rows = []
    for count in counts:
        top = ranked.filter(ranked["rank"] <= count)
        at_risk = top.agg(
            top_count=ibis.literal(count),
            customer_count=top.count(),
            revenue_at_risk=top.revenue.sum(),
        )
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
    """Revenue of the accounts that each salesperson has in charge today.

    Formula     Σ revenue and Σ revenue_previous of the accounts; revenue_share = revenue ÷ Σ
                revenue
    Unit        counts (of active customers), currency, a share of revenue
    Population  one row a salesperson with revenue in either period; customers without one are a row
                with NULL
    Undefined   revenue_share is NULL where Σ revenue is 0
    Source      source E of the method (what hangs on one salesperson)

    Columns     salesperson, customer_count (active), revenue, revenue_previous, revenue_share
    """
    owned = movement.left_join(customers.select("customer_id", "salesperson"), "customer_id")
    t = owned.group_by("salesperson").agg(
        customer_count=owned.active.sum(),
        revenue=owned.revenue.sum(),
        revenue_previous=owned.revenue_previous.sum(),
    )
    t = t.filter((t.revenue != 0) | (t.revenue_previous != 0))
    return t.mutate(revenue_share=t.revenue / t.revenue.sum().over().nullif(0.0)).order_by(
        ibis.desc("revenue"), "salesperson"
    )


@measure(N_("Revenue by the number of distinct contacts behind a customer's orders"))
def contact_exposure(sales: ir.Table, periods: Periods) -> ir.Table:
    """Customers of the audit period by the number of distinct contacts behind their orders.

    Formula     contact_count = distinct contacts on the sale lines of the customer; revenue_share =
                revenue ÷ Σ revenue
    Unit        counts, currency, a share of revenue
    Population  one row a number of contacts; customers with a sale line in the audit period, credit
                notes included
    Undefined   revenue_share is NULL where Σ revenue is 0
    Source      source E of the method (single-thread risk)

    Needs       sales.contact; customers none of whose lines names a contact are the row with
                contact_count 0
    Columns     contact_count, customer_count, revenue, revenue_share
    """
    current = sales.filter(
        sales.date.between(ibis.date(periods.current.start), ibis.date(periods.current.end))
    )
    per_customer = current.group_by("customer_id").agg(
        contact_count=current.contact.nunique(), revenue=current.amount.sum().cast("float64")
    )
    t = per_customer.group_by("contact_count").agg(
        customer_count=per_customer.count(), revenue=per_customer.revenue.sum()
    )
    return t.mutate(revenue_share=t.revenue / t.revenue.sum().over().nullif(0.0)).order_by(
        "contact_count"
    )
