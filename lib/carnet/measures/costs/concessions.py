"""What is given back on what is sold: discounts and returns, apart."""

import ibis
import ibis.expr.types as ir

from carnet.engagement.periods import Period
from carnet.measures.register import measure
from carnet.wording import N_


@measure(N_("Discounts and returns of each customer"))
def concessions(sales: ir.Table, period: Period) -> ir.Table:
    """What each customer would have paid at list prices, what discounts and returns took off it.

    Formula     of positive lines: listed = Σ amount ÷ (1 − discount), where a discount under 1 is
                told (else Σ amount × list price ÷ unit price, where both are), amount elsewhere;
                discounts = listed − Σ amount; returns = −Σ amount of the negative lines;
                discount_share = discounts ÷ listed, return_share = returns ÷ sold; sold = Σ
                positive amount; discounted: that of the lines whose discount is known
    Unit        currency; shares
    Population  one row a customer with a line in the period
    Undefined   shares are NULL where nothing was sold; listed and discounts are NULL
                where no line tells a discount
    Source      source E of the method (returns and discounts as costs to serve)

    Columns     customer_id, sold, discounted, listed, discounts, returns, discount_share,
                return_share
    """
    t = sales.filter(sales.date.between(ibis.date(period.start), ibis.date(period.end)))
    amount, given = t.amount.cast("float64"), set(t.columns)
    listed = ibis.null("float64")
    if "discount" in given:
        rate = t.discount.cast("float64")
        listed = (rate < 1).ifelse(amount / (1 - rate), ibis.null("float64"))
    elif {"list_price", "unit_price"} <= given:
        paid = t.unit_price.cast("float64")
        listed = amount * t.list_price.cast("float64") / (paid > 0).ifelse(paid, None)
    sold = amount > 0
    told = sold & listed.notnull()
    t = t.select(
        "customer_id",
        sold=sold.ifelse(amount, 0.0),
        back=(amount < 0).ifelse(-amount, 0.0),
        listed=sold.ifelse(ibis.coalesce(listed, amount), 0.0),
        told=told.ifelse(amount, 0.0),
    )
    sums = t.group_by("customer_id").agg(
        sold=t.sold.sum(), returns=t.back.sum(), listed=t.listed.sum(), told=t.told.sum()
    )
    known = sums.told > 0
    taken = known.ifelse(sums.listed - sums.sold, ibis.null("float64"))
    return sums.select(
        "customer_id",
        "sold",
        "returns",
        discounted="told",
        listed=known.ifelse(sums.listed, ibis.null("float64")),
        discounts=taken,
        discount_share=taken / sums.listed.nullif(0.0),
        return_share=sums.returns / sums.sold.nullif(0.0),
    ).order_by("customer_id")
