"""Why revenue moved: price, volume and mix of kept customers,
with new and lost ones and new and dropped products kept out.
"""

import ibis
import ibis.expr.types as ir

from carnet.engagement.periods import Periods
from carnet.measures.register import Figure, measure
from carnet.wording import N_


@measure(N_("Quantity and price of each product in both periods, kept customers"))
def product_sales(sales: ir.Table, movement: ir.Table, periods: Periods) -> ir.Table:
    """Quantity, revenue and price of each product in both periods, kept customers only.

    Formula     Σ quantity and Σ amount by product; price = revenue ÷ quantity
    Unit        units sold, currency, currency a unit
    Population  one row a product on a line of a kept customer (status of the last 12 months) in
                either period; lines without product or quantity are the row with product NULL
    Undefined   price is NULL where the quantity is 0; quantity and revenue are 0 in a period
                without a line
    Source      definition of the workbook

    Needs       sales.product, sales.quantity
    Columns     product, quantity, quantity_previous, revenue, revenue_previous, price,
                price_previous, status: continuing (sold at a positive quantity in both periods),
                new, dropped, or other (lines without product or quantity, net returns)
    """
    lines = _kept_lines(sales, movement, periods)
    named = lines.product.notnull() & lines.quantity.notnull()
    lines = lines.mutate(product=named.ifelse(lines.product, ibis.null("string")))
    t = lines.group_by("product").agg(
        # no line in a period: nothing sold in it
        quantity=lines.quantity.sum(where=lines.now).fill_null(0.0),
        quantity_previous=lines.quantity.sum(where=~lines.now).fill_null(0.0),
        revenue=lines.amount.cast("float64").sum(where=lines.now).fill_null(0.0),
        revenue_previous=lines.amount.cast("float64").sum(where=~lines.now).fill_null(0.0),
    )
    sold, sold_before = (
        (t.quantity > 0) & (t.revenue > 0),
        (t.quantity_previous > 0) & (t.revenue_previous > 0),
    )
    empty, empty_before = (
        (t.quantity == 0) & (t.revenue == 0),
        (t.quantity_previous == 0) & (t.revenue_previous == 0),
    )
    status = ibis.cases(
        (t.product.isnull(), "other"),
        (sold & sold_before, "continuing"),
        (sold & empty_before, "new"),
        (empty & sold_before, "dropped"),
        else_="other",
    )
    t = t.mutate(
        price=t.revenue / t.quantity.nullif(0.0),
        price_previous=t.revenue_previous / t.quantity_previous.nullif(0.0),
        status=status,
    )
    return t.order_by(ibis.desc("revenue"), "product")


@measure(
    N_("Change of revenue by price, volume and mix"),
    {
        "price_effect": Figure(
            N_("Price effect"),
            "currency",
            N_("Kept customers, products sold in both periods: Σ Δ price × mean quantity"),
            good="up",
            source="D",
            compares=True,
            moves=True,
        ),
        "volume_effect": Figure(
            N_("Volume effect"),
            "currency",
            N_("The same: Δ total quantity × mean price at the mean mix"),
            good="up",
            source="D",
            compares=True,
            moves=True,
        ),
        "mix_effect": Figure(
            N_("Mix effect"),
            "currency",
            N_("The same: mean total quantity × Σ Δ share × mean price"),
            good="up",
            source="D",
            compares=True,
            moves=True,
        ),
    },
)
def price_volume_mix(products: ir.Table, movement: ir.Table) -> ir.Table:
    """The change of revenue in steps that add up to it: price, volume, mix and what lies outside.

    Formula     over continuing products, with p̄, s̄ the means of both periods' prices and quantity
                shares and Q the total quantity: price = Σ Δp·(q + q')/2; volume = ΔQ·Σ s̄·p̄; mix =
                (Q + Q')/2·Σ Δs·p̄ (the midpoint, or Shapley, form: no residual, no order, and
                swapping the periods flips every sign)
    Unit        currency
    Population  ten rows, the steps in order; effects over products of kept customers sold in both
                periods
    Undefined   never: a step that nothing enters is 0
    Source      L. S. Shapley, 1953 (midpoint form); price and volume are asked for by source D

    Steps       previous, lost (customers), arrived (new and recovered), dropped and launched
                (products of kept customers), price, volume, mix, other, current
    Columns     position, step, amount
    """
    c = products.filter(products.status == "continuing")
    c = c.mutate(total=c.quantity.sum().over(), total_previous=c.quantity_previous.sum().over())
    middle = (c.price + c.price_previous) / 2
    share, share_previous = c.quantity / c.total, c.quantity_previous / c.total_previous
    effects = c.agg(
        price=((c.price - c.price_previous) * (c.quantity + c.quantity_previous) / 2)
        .sum()
        .fill_null(0.0),
        volume=((c.total - c.total_previous) * (share + share_previous) / 2 * middle)
        .sum()
        .fill_null(0.0),
        mix=((c.total + c.total_previous) / 2 * (share - share_previous) * middle)
        .sum()
        .fill_null(0.0),
    )
    change = products.revenue - products.revenue_previous
    outside = products.agg(
        dropped=change.sum(where=products.status == "dropped").fill_null(0.0),
        launched=change.sum(where=products.status == "new").fill_null(0.0),
    )
    m = movement
    moved = m.agg(
        previous=m.revenue_previous.sum().fill_null(0.0),
        current=m.revenue.sum().fill_null(0.0),
        lost=-m.revenue_previous.sum(where=m.status == "lost").fill_null(0.0),
        arrived=m.revenue.sum(where=m.status.isin(["new", "recovered"])).fill_null(0.0),
    )
    t = moved.cross_join(outside).cross_join(effects)
    known = t.lost + t.arrived + t.dropped + t.launched + t.price + t.volume + t.mix
    t = t.mutate(other=t.current - t.previous - known)
    steps = (
        "previous",
        "lost",
        "arrived",
        "dropped",
        "launched",
        "price",
        "volume",
        "mix",
        "other",
        "current",
    )
    positions = ibis.memtable({"position": range(len(steps))}, schema={"position": "int8"})
    t = t.cross_join(positions)  # a row a step, the query written once
    named = [(t.position == place, step) for place, step in enumerate(steps)]
    amounts = [(t.position == place, t[step]) for place, step in enumerate(steps)]
    return t.select(
        position=t.position, step=ibis.cases(*named), amount=ibis.cases(*amounts)
    ).order_by("position")


def _kept_lines(sales: ir.Table, movement: ir.Table, periods: Periods) -> ir.Table:
    """Lines of kept customers in both periods; `now` tells the audit period's from
    the previous one's.
    """
    kept = sales.semi_join(movement.filter(movement.status == "kept"), "customer_id")
    now = kept.date.between(ibis.date(periods.current.start), ibis.date(periods.current.end))
    before = kept.date.between(ibis.date(periods.previous.start), ibis.date(periods.previous.end))
    return kept.filter(now | before).mutate(now=now)
