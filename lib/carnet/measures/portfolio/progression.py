"""How each kept customer's purchases moved, and whether by ordering more often
or by larger baskets.
"""

import ibis
import ibis.expr.types as ir

from carnet.measures.register import Figure, measure
from carnet.wording import N_


@measure(N_("Kept customers: change of revenue, by order frequency and by basket size"))
def purchase_progression(movement: ir.Table) -> ir.Table:
    """Kept customers with their change of revenue split into two effects that add up to it.

    Formula     frequency_effect = Δorders × mean of both baskets; basket_effect = Δbasket × mean of
                both order counts (the symmetric, midpoint split: swapping the periods flips both
                signs); basket = revenue ÷ orders
    Unit        currency, counts; growth_rate as a ratio
    Population  one row a kept customer (status of the last 12 months), smallest gap first
    Undefined   growth_rate is NULL where revenue_previous ≤ 0; both effects are NULL where a period
                counts no order
    Source      definition of the workbook; the progression per customer is asked for by source C

    Columns     customer_id, revenue, revenue_previous, sales_gap, order_count,
                order_count_previous, growth_rate, frequency_effect, basket_effect
    """
    t = movement.filter(movement.status == "kept")
    orders, before = t.order_count.nullif(0), t.order_count_previous.nullif(0)
    basket, basket_before = t.revenue / orders, t.revenue_previous / before
    return t.select(
        "customer_id",
        "revenue",
        "revenue_previous",
        "sales_gap",
        "order_count",
        "order_count_previous",
        growth_rate=(t.revenue_previous > 0).ifelse(
            t.sales_gap / t.revenue_previous.nullif(0.0), ibis.null("float64")
        ),
        frequency_effect=(orders - before) * (basket + basket_before) / 2,
        basket_effect=(basket - basket_before) * (orders + before) / 2,
    ).order_by("sales_gap", "customer_id")


@measure(
    N_("Share of kept customers that grow, and the two effects summed"),
    {
        "growing_customer_rate": Figure(
            N_("Kept customers that buy more"),
            "ratio",
            N_("Kept customers whose revenue grew ÷ kept customers"),
            good="up",
            decimals=1,
            source="C",
            compares=True,
            moves=True,
        ),
        "median_growth_rate": Figure(
            N_("Median growth of kept customers"),
            "ratio",
            N_("Median of sales gap ÷ previous revenue, over kept customers"),
            good="up",
            decimals=1,
            source="C",
            compares=True,
            moves=True,
        ),
        "frequency_effect": Figure(
            N_("Effect of order frequency"),
            "currency",
            N_("Kept customers: Δ orders × mean of both baskets"),
            good="up",
            compares=True,
            moves=True,
        ),
        "basket_effect": Figure(
            N_("Effect of basket size"),
            "currency",
            N_("Kept customers: Δ basket × mean of both order counts"),
            good="up",
            compares=True,
            moves=True,
        ),
    },
)
def progression_summary(progression: ir.Table) -> ir.Table:
    """Share of kept customers that buy more, their median growth and both effects summed.

    Formula     growing_customer_rate = customers with sales_gap > 0 to the cent ÷ customers;
                median_growth_rate = median of sales_gap ÷ revenue_previous; effects: Σ of those of
                `purchase_progression`
    Unit        rate 0 to 1, ratio, currency
    Population  kept customers, the rows of `purchase_progression`; the median over those with
                revenue_previous > 0
    Undefined   NULL without a kept customer, or where the column is unknown of all of them
    Source      source C of the method (purchase progression per customer)

    Columns     growing_customer_rate, median_growth_rate, frequency_effect, basket_effect
    """
    t = progression
    return t.agg(
        growing_customer_rate=(t.sales_gap.round(2) > 0).mean(),
        median_growth_rate=t.growth_rate.quantile(0.5),
        frequency_effect=t.frequency_effect.sum(),
        basket_effect=t.basket_effect.sum(),
    )


@measure(N_("How many kept customers buy less and more, and by how much"))
def progress_totals(progress: ir.Table) -> ir.Table:
    """How many kept customers buy less and more, and by how much.

    Formula     counts of sales_gap under and over zero, rounded to the cent, and Σ of it
    Unit        counts, currency
    Population  one row: the kept customers of `purchase_progression`
    Undefined   the sums are NULL where no customer buys less, or more
    Source      source C of the method

    Columns     shrinking_count, shrinking_gap (under zero), growing_count, growing_gap
    """
    cents = progress.sales_gap.round(2)
    return progress.agg(
        shrinking_count=(cents < 0).sum().fill_null(0),
        shrinking_gap=progress.sales_gap.sum(where=cents < 0),
        growing_count=(cents > 0).sum().fill_null(0),
        growing_gap=progress.sales_gap.sum(where=cents > 0),
    )
