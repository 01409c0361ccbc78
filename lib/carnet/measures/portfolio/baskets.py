"""How customers buy: orders, baskets and their bands, purchase frequency, one-timers,
where the journey drops off.
"""

import datetime as dt
from collections.abc import Sequence

import ibis
import ibis.expr.types as ir

from carnet.engagement.periods import Periods
from carnet.measures.register import Figure, measure
from carnet.wording import N_


@measure(N_("Orders of the audit period"))
def orders_in_current(orders: ir.Table, periods: Periods) -> ir.Table:
    """The orders of the audit period: rows of `book.orders` dated in it.

    Formula     start of the audit period ≤ date ≤ end of the audit period
    Unit        as in `book.orders`: dates, currency, counts
    Population  one row an order whose first positive line is dated in the audit period
    Undefined   never: a period without an order gives an empty table
    Source      definition of the workbook (method §1)
    """
    return orders.filter(
        orders.date.between(ibis.date(periods.current.start), ibis.date(periods.current.end))
    )


@measure(
    N_("Orders, baskets and purchase frequency"),
    {
        "order_count": Figure(
            N_("Orders"),
            "count",
            N_(
                "Distinct orders of a customer with a positive line; without order numbers, "
                "distinct customer × day"
            ),
            good="up",
        ),
        "average_basket": Figure(
            N_("Average basket"),
            "currency",
            N_("Revenue ÷ orders"),
            good="up",
            decimals=2,
        ),
        "purchase_frequency": Figure(
            N_("Purchase frequency"),
            "index",
            N_("Orders ÷ active customers"),
            good="up",
            decimals=2,
            source="D",
        ),
        "purchase_frequency_median": Figure(
            N_("Median purchase frequency"),
            "index",
            N_("Median number of orders of an active customer"),
            good="up",
            decimals=1,
        ),
        "one_timer_rate": Figure(
            N_("One-time customers"),
            "ratio",
            N_("Customers with a single order in the last 12 months ÷ customers active in them"),
            good="down",
            decimals=1,
            moves=True,
        ),
        "repeat_customer_count": Figure(
            N_("Repeat customers, number"),
            "count",
            N_("Customers with at least 2 orders in the last 12 months"),
            good="up",
            moves=True,
        ),
        "repeat_customer_rate": Figure(
            N_("Repeat customers"),
            "ratio",
            N_("Customers with at least 2 orders in the last 12 months ÷ customers active in them"),
            good="up",
            decimals=1,
            source="D",
            moves=True,
        ),
    },
)
def purchase_summary(movement: ir.Table) -> ir.Table:
    """Orders, average basket, purchase frequency, one-timers and repeat customers, in one row.

    Formula     average_basket = Σ revenue ÷ Σ order_count; purchase_frequency = Σ order_count ÷
                active customers, purchase_frequency_median the median order_count of an active
                customer; over the last 12 months repeat_customer_count = active customers with ≥ 2
                orders, repeat_customer_rate = those ÷ active customers, one_timer_rate = active
                customers with a single order ÷ active customers
    Unit        counts; average_basket in currency; frequencies in orders a customer; rates 0 to 1
    Population  customers of the movement; frequencies over those active in the audit period, rates
                over those active in the last 12 months
    Undefined   NULL where the denominator is 0 (no order, no active customer); every figure is NULL
                when there is no customer at all
    Source      definition of the workbook (method §1); purchase frequency and repeat customers as
                in source D

    Columns     order_count, average_basket, purchase_frequency, purchase_frequency_median,
                one_timer_rate, repeat_customer_count, repeat_customer_rate
    """
    t = movement
    per_active = t.agg(
        order_count=t.order_count.sum(),
        revenue=t.revenue.sum(),
        active=t.active.sum(),
        year_active=t.year_active.sum(),
        repeat=(t.year_active & (t.year_order_count >= 2)).sum(),
        once=(t.year_active & (t.year_order_count == 1)).sum(),
        purchase_frequency_median=t.order_count.quantile(0.5, where=t.active),
    )
    year_active = per_active.year_active.nullif(0)
    return per_active.select(
        "order_count",
        "purchase_frequency_median",
        average_basket=per_active.revenue / per_active.order_count.nullif(0),
        purchase_frequency=per_active.order_count / per_active.active.nullif(0),
        one_timer_rate=per_active.once / year_active,
        repeat_customer_count=per_active.repeat,
        repeat_customer_rate=per_active.repeat / year_active,
    )


@measure(N_("Orders by size of basket"))
def basket_bands(orders: ir.Table, bounds: Sequence[float]) -> ir.Table:
    """Orders and their revenue by size of basket.

    Formula     band = number of `bounds` that the revenue of the order reaches: band i holds
                baskets from bounds[i − 1] (included) to bounds[i] (excluded); order_share = orders
                ÷ Σ orders; revenue_share = revenue ÷ Σ revenue
    Unit        currency, counts, shares 0 to 1 (a share of revenue may be negative where credit
                notes exceed sales)
    Population  one row a band with at least one order; customer_count counts each customer once a
                band
    Undefined   low of the lowest band and high of the highest are NULL; without orders the table is
                empty
    Source      definition of the workbook

    Parameters  bounds: the inner limits, ascending
    Columns     band (0 = below the first bound), low, high (NULL at the open ends), order_count,
                order_share, revenue, revenue_share, customer_count; bands without an order are left
                out
    """
    band = sum(((orders.revenue >= bound).ifelse(1, 0) for bound in bounds), ibis.literal(0))
    banded = orders.mutate(band=band)
    t = banded.group_by("band").agg(
        order_count=banded.count(),
        revenue=banded.revenue.sum(),
        customer_count=banded.customer_id.nunique(),
    )
    # no such band: gives the columns their type when there is no bound
    open_end = (t.band < 0, float("nan"))
    low = ibis.cases(*((t.band == i + 1, float(bound)) for i, bound in enumerate(bounds)), open_end)
    high = ibis.cases(*((t.band == i, float(bound)) for i, bound in enumerate(bounds)), open_end)
    return t.mutate(
        low=low,
        high=high,
        order_share=t.order_count / t.order_count.sum().over(),
        revenue_share=t.revenue / t.revenue.sum().over(),
    ).order_by("band")


@measure(N_("Limits of the basket bands: rounded quantiles of the baskets"))
def basket_bounds(orders: ir.Table, band_count: int = 5) -> list[float]:
    """Round inner limits for `basket_bands`, from the quantiles of the baskets.

    Formula     quantiles of revenue an order at i ÷ band_count, i = 1 … band_count − 1; rounded to
                one significant digit under 100, to two from 100 on; duplicates are dropped
    Unit        currency
    Population  orders given; quantiles that are zero or negative are dropped
    Undefined   never: an empty list without orders or without a positive quantile
    Source      definition of the workbook
    """
    levels = [i / band_count for i in range(1, band_count)]
    quantiles = (
        orders.agg(**{f"q{i}": orders.revenue.quantile(level) for i, level in enumerate(levels)})
        .execute()
        .iloc[0]
    )
    rounded = {
        float(f"{value:.1g}") if value < 100 else float(f"{value:.2g}")
        for value in quantiles
        if value and value > 0
    }
    return sorted(rounded)


@measure(N_("Newcomers who placed the next order in time, first to fourth order"))
def order_drop_off(
    orders: ir.Table, as_of: dt.date, horizon_days: int = 180, quiet_days: int = 180, steps: int = 3
) -> ir.Table:
    """Of the newcomers who placed their k-th order, how many placed the next one in time.

    Formula     continued_rate = continued_count ÷ customer_count; continued where the next order
                comes within `horizon_days`; median_days over those who continued
    Unit        counts, rates 0 to 1, days
    Population  newcomers whose k-th order is at least `horizon_days` old on `as_of`: each had the
                time to go on; one row a step k ≤ `steps` that somebody reached
    Undefined   median_days is NULL where nobody continued; without such newcomers the table is
                empty
    Source      source D of the method (drop-off points of the journey)

    Newcomers   customers whose first order comes more than `quiet_days` after the first order of
                the book: an earlier "first order" may only be the first one that was exported
    Columns     step (k), customer_count (population), continued_count, continued_rate, median_days
                (to the next order)
    """
    in_time = ibis.window(group_by=orders.customer_id, order_by=[orders.date, orders.order_id])
    ranked = orders.select(
        "customer_id",
        "date",
        step=ibis.row_number().over(in_time) + 1,
        next_date=orders.date.lead().over(in_time),
        first_date=orders.date.min().over(ibis.window(group_by=orders.customer_id)),
    )
    # a subquery: a window over all orders would have one worker sort all of them
    book_start = orders.date.min().as_scalar()
    newcomers = ranked.filter(ranked.first_date.delta(book_start, unit="day") > quiet_days)
    mature = newcomers.filter(
        (newcomers.step <= steps)
        & (newcomers.date <= ibis.date(as_of - dt.timedelta(days=horizon_days)))
    )
    days = mature.next_date.delta(mature.date, unit="day")
    # no next order means that the customer did not go on
    waited = mature.mutate(days_to_next=days, continued=(days <= horizon_days).fill_null(False))
    t = waited.group_by("step").agg(
        customer_count=waited.count(),
        continued_count=waited.continued.sum(),
        median_days=waited.days_to_next.quantile(0.5, where=waited.continued),
    )
    return t.mutate(continued_rate=t.continued_count / t.customer_count).order_by("step")
