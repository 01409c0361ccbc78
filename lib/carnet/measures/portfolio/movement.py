"""Who came, stayed, left, came back; the revenue bridge; retention by customers and by revenue.

Source of the definitions: method of the workbook §1 (one term, one definition); retention as (F
− N − recovered) ÷ D. Coming, staying and leaving are said per year: of the last 12 months against
the 12 before, whatever money is compared over.
"""

import datetime as dt

import ibis
import ibis.expr.types as ir

from carnet.engagement.periods import Periods
from carnet.measures.register import Figure, measure
from carnet.wording import N_

# customers that ordered twice, below which their median says nothing of those that ordered once
LEAST_RHYTHMS = 5
# lines have at most four decimals: rounding sums to them takes away only the order in which threads
# and engines add, by which customers of equal revenue would stand in another order
MONEY_DIGITS = 4
DUE_MONTHS = 6  # half of a year: who usually waits longer between two orders is not due every year


@measure(
    N_("One row per customer: revenue and orders of both periods and what became of the customer")
)
def customer_movement(cube: ir.Table, periods: Periods, rhythm: ir.Table | None = None) -> ir.Table:
    """Revenue and orders of both periods of each customer, and what became of it in a year.

    Formula     sales_gap = revenue − revenue_previous, money rounded to four decimals; status by
                activity of the last 12 months against the 12 before, see Status
    Unit        currency, counts, dates
    Population  one row a customer of the cube
    Undefined   status is NULL where the customer is active in neither year; first_date and
                last_date without a positive line; money and orders of a period without a row are 0
    Source      definition of the workbook (method §1); not due: method §6

    Parameters  rhythm: `defection.order_rhythm` at the audit date, to tell who is not due; without
                it everybody is due every year
    Columns     customer_id; of the periods: revenue, revenue_previous, sales_gap (revenue −
                revenue_previous), order_count, order_count_previous, active, active_previous; of
                the last 12 months: year_active, year_order_count; first_date, last_date (of
                positive lines), status
    Status      of the last 12 months against the 12 before; kept: active in both; new: active now,
                no positive line ever before; recovered: active now, not in the 12 months before,
                but earlier; lost: active in the 12 months before only; not_due: the same, of a
                customer whose usual interval between orders is longer than 6 months; NULL: active
                in neither
    """
    year = periods.yearly
    current, previous = periods.in_current(cube), periods.in_previous(cube)
    this_year, year_before = year.in_current(cube), year.in_previous(cube)
    positive = cube.positive_line_count > 0
    per_customer = cube.group_by("customer_id").agg(
        # no row of the cube in a period means nothing was invoiced in it: an amount of zero,
        # not an unknown
        revenue=cube.revenue.sum(where=current).fill_null(0.0).round(MONEY_DIGITS),
        revenue_previous=cube.revenue.sum(where=previous).fill_null(0.0).round(MONEY_DIGITS),
        order_count=cube.order_count.sum(where=current).fill_null(0),
        order_count_previous=cube.order_count.sum(where=previous).fill_null(0),
        active=(current & positive).any(),
        active_previous=(previous & positive).any(),
        year_active=(this_year & positive).any(),
        year_order_count=cube.order_count.sum(where=this_year).fill_null(0),
        year_active_previous=(year_before & positive).any(),
        active_before=(year.before_current(cube) & positive).any(),
        first_date=cube.first_date.min(),
        last_date=cube.last_date.max(),
    )
    t = per_customer
    slow = ibis.literal(False)
    if rhythm is not None:
        t = t.left_join(rhythm.select("customer_id", "rarely"), "customer_id").drop(
            "customer_id_right"
        )
        slow = t.rarely.fill_null(False)  # no rhythm known: due like everybody else
    status = ibis.cases(
        (t.year_active & t.year_active_previous, "kept"),
        (t.year_active & t.active_before, "recovered"),
        (t.year_active, "new"),
        (t.year_active_previous & slow, "not_due"),
        (t.year_active_previous, "lost"),
    )
    given = [
        name
        for name in per_customer.columns
        if name not in ("year_active_previous", "active_before")
    ]
    gap = (t.revenue - t.revenue_previous).round(MONEY_DIGITS)
    return t.select(*given, sales_gap=gap, status=status)


@measure(
    N_("Counts, revenue bridge and retention over all customers"),
    {
        "revenue": Figure(
            N_("Revenue"),
            "currency",
            N_("Σ amount net of tax of the audit period, credit notes included"),
            good="up",
        ),
        "revenue_previous": Figure(
            N_("Revenue, previous period"),
            "currency",
            N_("Σ amount of the same dates one year earlier"),
            compares=True,
        ),
        "active_customer_count": Figure(
            N_("Active customers"),
            "count",
            N_("Customers with at least one positive line in the audit period"),
            good="up",
        ),
        "active_customer_count_previous": Figure(
            N_("Active customers, previous period"),
            "count",
            N_("Customers with at least one positive line in the previous period"),
            compares=True,
        ),
        "kept_customer_count": Figure(
            N_("Kept customers"),
            "count",
            N_("Active in the last 12 months and in the 12 before"),
            good="up",
            compares=True,
            moves=True,
        ),
        "lost_customer_count": Figure(
            N_("Lost customers"),
            "count",
            N_(
                "Active in the 12 months before the last 12 and not since, whose usual interval "
                "between orders is at most 6 months"
            ),
            good="down",
            compares=True,
            moves=True,
        ),
        "not_due_customer_count": Figure(
            N_("Customers not due"),
            "count",
            N_(
                "The same, whose usual interval is longer than 6 months: no order in a year "
                "is no departure"
            ),
            compares=True,
            moves=True,
        ),
        "opening_customer_count": Figure(
            N_("Customers of the year before, those due"),
            "count",
            N_("Active in the 12 months before the last 12, those not due left out: kept + lost"),
            compares=True,
            moves=True,
        ),
        "new_customer_count": Figure(
            N_("New customers"),
            "count",
            N_("Active in the last 12 months, without any positive line before them"),
            good="up",
            compares=True,
            moves=True,
        ),
        "recovered_customer_count": Figure(
            N_("Recovered customers"),
            "count",
            N_("Active in the last 12 months and earlier, but not in the 12 before"),
            good="up",
            compares=True,
            moves=True,
        ),
        "retention_rate": Figure(
            N_("Retention rate"),
            "ratio",
            N_("Kept customers ÷ customers of the year before, those due"),
            good="up",
            decimals=1,
            source="D",
            compares=True,
            moves=True,
        ),
        "attrition_rate": Figure(
            N_("Attrition rate"),
            "ratio",
            N_("Lost customers ÷ customers of the year before, those due"),
            good="down",
            decimals=1,
            source="D",
            compares=True,
            moves=True,
        ),
        "gross_revenue_retention": Figure(
            N_("Gross revenue retention"),
            "ratio",
            N_(
                "Σ min(max(revenue, 0), previous revenue) ÷ Σ previous revenue, over customers "
                "with previous revenue > 0"
            ),
            good="up",
            decimals=1,
            compares=True,
            moves=True,
        ),
        "net_revenue_retention": Figure(
            N_("Net revenue retention"),
            "ratio",
            N_("Σ revenue ÷ Σ previous revenue, over customers with previous revenue > 0"),
            good="up",
            decimals=1,
            compares=True,
            moves=True,
        ),
        "revenue_new": Figure(
            N_("Revenue of new customers"),
            "currency",
            N_("Σ revenue of new customers"),
            good="up",
            compares=True,
            moves=True,
        ),
        "revenue_recovered": Figure(
            N_("Revenue of recovered customers"),
            "currency",
            N_("Σ revenue of recovered customers"),
            good="up",
            compares=True,
            moves=True,
        ),
        "revenue_expansion": Figure(
            N_("Expansion"),
            "currency",
            N_(
                "Σ of what customers bought more than in the previous period, new and recovered "
                "customers left out"
            ),
            good="up",
            compares=True,
            moves=True,
        ),
        "revenue_contraction": Figure(
            N_("Contraction"),
            "currency",
            N_(
                "Σ of what customers bought less than in the previous period, lost "
                "customers left out"
            ),
            good="down",
            compares=True,
            moves=True,
        ),
        "revenue_lost": Figure(
            N_("Revenue of lost customers"),
            "currency",
            N_("Σ previous revenue of lost customers"),
            good="down",
            compares=True,
            moves=True,
        ),
        "quick_ratio": Figure(
            N_("Quick ratio"),
            "index",
            N_("(new + recovered + expansion) ÷ (lost + contraction)"),
            good="up",
            decimals=2,
            compares=True,
            moves=True,
        ),
    },
)
def movement_summary(movement: ir.Table) -> ir.Table:
    """Counts of customers, revenue bridge and retention over all customers, in one row.

    Formula     retention_rate = kept ÷ (kept + lost); attrition_rate = lost ÷ (kept + lost);
                gross_revenue_retention = Σ min(max(revenue, 0), revenue_previous) ÷ Σ
                revenue_previous; net_revenue_retention = Σ revenue ÷ Σ revenue_previous;
                quick_ratio = (new + recovered + expansion) ÷ (lost + contraction)
    Unit        counts, currency, rates 0 to 1 (net revenue retention may pass 1 or fall below 0),
                quick_ratio without unit
    Population  customers of `customer_movement`; retention by customers over those due, revenue
                retention over those with revenue_previous > 0
    Undefined   rates over an empty population are NULL, quick_ratio where nothing was lost; every
                figure is NULL when there is no customer at all
    Source      definition of the workbook (method §1); retention as (F − N − recovered) ÷ D of
                source D

    Bridge      previous revenue + new + recovered + expansion − contraction − lost = revenue, to
                the cent. New and recovered are those customers' revenue, lost the lost ones'
                previous revenue; whatever else changed (credit notes of absent customers, those not
                due) is expansion or contraction.
    Retention   kept ÷ those due of the opening customers (kept + lost); lost ÷ the same is
                attrition
    """
    t = movement
    is_new, is_recovered, is_lost = t.status == "new", t.status == "recovered", t.status == "lost"
    arrived = (is_new | is_recovered).fill_null(False)
    rest = (
        t.sales_gap
        - arrived.ifelse(t.revenue, 0.0)
        + is_lost.fill_null(False).ifelse(t.revenue_previous, 0.0)
    )
    opening = t.revenue_previous > 0
    still_there = ibis.least(ibis.greatest(t.revenue, 0.0), t.revenue_previous)
    opening_revenue = t.revenue_previous.sum(where=opening)
    sums = t.agg(
        revenue=t.revenue.sum(),
        revenue_previous=t.revenue_previous.sum(),
        active_customer_count=t.active.sum(),
        active_customer_count_previous=t.active_previous.sum(),
        kept_customer_count=_count(t.status == "kept"),
        new_customer_count=_count(is_new),
        recovered_customer_count=_count(is_recovered),
        lost_customer_count=_count(is_lost),
        not_due_customer_count=_count(t.status == "not_due"),
        revenue_new=_sum(t.revenue, is_new),
        revenue_recovered=_sum(t.revenue, is_recovered),
        revenue_expansion=_sum(rest, rest > 0),
        revenue_contraction=_sum(-rest, rest < 0),
        revenue_lost=_sum(t.revenue_previous, is_lost),
        gross_revenue_retention=still_there.sum(where=opening) / opening_revenue,
        net_revenue_retention=t.revenue.sum(where=opening) / opening_revenue,
    )
    due = sums.kept_customer_count + sums.lost_customer_count
    gained = sums.revenue_new + sums.revenue_recovered + sums.revenue_expansion
    return sums.mutate(
        opening_customer_count=due,
        retention_rate=sums.kept_customer_count / due.nullif(0),
        attrition_rate=sums.lost_customer_count / due.nullif(0),
        quick_ratio=gained / (sums.revenue_lost + sums.revenue_contraction).nullif(0.0),
    )


def _sum(value: ir.FloatingValue, where: ir.BooleanValue) -> ir.FloatingScalar:
    """Σ value where it applies: 0 when it applies to nobody, NULL only over no customer at all."""
    return where.fill_null(False).ifelse(value, 0.0).sum()


def _count(where: ir.BooleanValue) -> ir.IntegerScalar:
    return where.fill_null(False).sum()


@measure(N_("Previous revenue + new + recovered + expansion − contraction − lost = revenue"))
def revenue_bridge(movement: ir.Table) -> ir.Table:
    """The revenue bridge as rows, in order from the previous revenue to the revenue of today.

    Formula     previous + new + recovered + expansion − contraction − lost = current; amounts carry
                their sign, figures as `movement_summary`
    Unit        currency, counts
    Population  seven rows: previous, new, recovered, expansion, contraction, lost, current; the
                last amount is the sum of the others
    Undefined   customer_count is NULL of expansion and contraction; amounts are NULL when there is
                no customer at all
    Source      definition of the workbook (method §1)

    Columns     position, step, amount (signed), customer_count (previous and current: the active
                customers of the period)
    """
    s = movement_summary(movement)
    steps = (
        ("previous", s.revenue_previous, s.active_customer_count_previous),
        ("new", s.revenue_new, s.new_customer_count),
        ("recovered", s.revenue_recovered, s.recovered_customer_count),
        ("expansion", s.revenue_expansion, ibis.null("int64")),
        ("contraction", -s.revenue_contraction, ibis.null("int64")),
        ("lost", -s.revenue_lost, s.lost_customer_count),
        ("current", s.revenue, s.active_customer_count),
    )
    rows = [
        s.select(
            position=ibis.literal(i),
            step=ibis.literal(step),
            amount=amount,
            customer_count=count.cast("int64"),
        )
        for i, (step, amount, count) in enumerate(steps)
    ]
    return ibis.union(*rows).order_by("position")


@measure(N_("Revenue by month of the audit period and of the previous one"))
def monthly_revenue(cube: ir.Table, periods: Periods, first_sale: dt.date | None) -> ir.Table:
    """Revenue of each month of the audit period and of the same month a year earlier.

    Formula     Σ revenue of the cube by audit month; revenue_previous is that of the month 12 audit
                months earlier
    Unit        currency
    Population  one row a month of the audit period, in time order, sold in or not
    Undefined   revenue_previous is NULL of a month that was not given whole, and of every month
                without a `first_sale`; a month without a sale is 0
    Source      definition of the workbook (method §1)

    Columns     audit_month (0 = the month ending on as_of), revenue, revenue_previous; every month
                of the period, in time order. A month that starts more than 7 days before
                `first_sale` was not given whole: revenue_previous is NULL
    """
    both = cube.filter(periods.in_current(cube) | periods.in_previous(cube))
    by_month = both.group_by(position=both.audit_month % 12).agg(
        now=both.revenue.sum(where=periods.in_current(both)),
        before=both.revenue.sum(where=periods.in_previous(both)),
    )
    count = periods.month_count
    before_period = periods.previous.start - dt.timedelta(days=1)
    starts = {month: max(periods.month_end(month + 13), before_period) for month in range(count)}
    given = [
        month
        for month, start in starts.items()
        if first_sale and start >= first_sale - dt.timedelta(days=8)
    ]
    months = ibis.memtable({"audit_month": list(range(count))}, schema={"audit_month": "int32"})
    joined = months.left_join(by_month, months.audit_month == by_month.position)
    # a month given whole without a row of the cube sold nothing
    before = (
        joined.audit_month.isin(given).ifelse(joined.before.fill_null(0.0), ibis.null("float64"))
        if given
        else ibis.null("float64")
    )
    return joined.select(
        "audit_month", revenue=joined.now.fill_null(0.0), revenue_previous=before
    ).order_by(ibis.desc("audit_month"))
