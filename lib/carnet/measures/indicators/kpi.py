"""The indicators of the method, source D, over any series of periods:
from sales and costs, or from yearly totals alone.

A *base* has one row per period and one column per quantity that is counted or given (`BASE`);
`indicators` derives the rest, the standard definition and the one of the deck side by side.
Unknown stays NaN.
"""

import datetime as dt
import math
from collections.abc import Sequence
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from carnet.engagement.periods import Bucket
from carnet.engagement.schema import SUMMARY_MEASURES
from carnet.measures.portfolio.movement import DUE_MONTHS, LEAST_RHYTHMS, MONEY_DIGITS
from carnet.measures.register import Figure, measure
from carnet.measures.retention.defection import DAYS_A_MONTH
from carnet.measures.statistics.intervals import wilson_interval
from carnet.wording import N_

BASE = tuple(SUMMARY_MEASURES)
MOVEMENTS = (
    "new_customer_count",
    "recovered_customer_count",
    "kept_customer_count",
    "lost_customer_count",
)
COMPONENTS = {  # cost totals that a summary may give by their parts
    "acquisition_cost": ("marketing_salaries", "sales_salaries", "marketing_expenses"),
    "fixed_cost": ("other_salaries", "other_expenses"),
}
INDICATORS = (
    "revenue", "revenue_growth_rate", "quantity", "unit_price", "order_count", "average_basket",
    "purchase_frequency", "active_customer_count", "repeat_customer_count", "repeat_customer_rate",
    "new_customer_count", "recovered_customer_count", "kept_customer_count", "lost_customer_count",
    "retention_rate", "retention_rate_deck", "attrition_rate", "attrition_rate_deck",
    "marketing_salaries", "sales_salaries", "other_salaries", "marketing_expenses",
    "other_expenses", "fixed_cost", "fixed_cost_deck", "variable_cost", "unit_variable_cost",
    "acquisition_cost", "total_cost", "gross_margin", "net_margin", "unit_cost",
    "break_even_revenue", "break_even_quantity", "safety_margin_rate", "operating_leverage",
    "cac_standard", "cac_deck", "cac_marginal", "lifetime_deck", "ltv_gross_margin", "ltv_deck",
    "ltv_to_cac", "ltv_to_cac_deck",
)  # fmt: skip
RATES = {  # rate → the count that it is a share of another one
    "repeat_customer_rate": ("repeat_customer_count", "year_active_customer_count"),
    "retention_rate": ("kept_customer_count", "opening_customer_count"),
    "attrition_rate": ("lost_customer_count", "opening_customer_count"),
}
LEAST_COSTED = 0.5  # share of the revenue with a known cost, below which no margin is told
BESIDE = (  # what a base holds beside what a summary may give
    "cost",
    "total_cost",
    "customer_revenue",
    "active_customer_count_previous",
    "opening_customer_count",
    "year_active_customer_count",
    "not_due_customer_count",
    "costed_revenue_share",
    "ledger_revenue",
    "ledger_result",
)
YEARLY = (  # what is said per year: of the 12 months up to the end of a bucket, however short it is
    *MOVEMENTS,
    "not_due_customer_count",
    "opening_customer_count",
    "year_active_customer_count",
    "repeat_customer_count",
    "repeat_customer_rate",
    "retention_rate",
    "retention_rate_deck",
    "attrition_rate",
    "attrition_rate_deck",
    "margin_per_customer",
    "cac_standard",
    "cac_deck",
    "cac_marginal",
    "lifetime_deck",
    "ltv_gross_margin",
    "ltv_deck",
    "ltv_to_cac",
    "ltv_to_cac_deck",
)
YEAR = 12  # months
NOT_ADDED = [name for name, kind in SUMMARY_MEASURES.items() if kind == "level"]
COUNTED_YEARLY = (
    *MOVEMENTS,
    "not_due_customer_count",
    "year_active_customer_count",
    "repeat_customer_count",
)


@measure(
    N_("Revenue, orders and active customers of each period"),
    {
        "quantity": Figure(
            N_("Units sold"),
            "count",
            N_("Σ quantity"),
            good="up",
            source="D",
        ),
        "costed_revenue_share": Figure(
            N_("Revenue whose cost is known"),
            "ratio",
            N_(
                "Revenue of the positive lines that carry a cost ÷ that of all; the margin of a "
                "line without one is estimated"
            ),
            good="up",
            decimals=1,
        ),
    },
)
def sales_by_bucket(cube: ir.Table, index: ir.IntegerValue) -> ir.Table:
    """Revenue, units, orders and active customers of each period.

    Formula     Σ over the cube's rows of the period, money rounded to four decimals;
                costed_revenue_share = revenue of the positive lines whose own cost is known ÷
                revenue of the positive lines
    Unit        currency, units sold, counts, share 0 to 1
    Population  one row a period with a row of the cube; active customers have a positive line in it
    Undefined   cost is NULL where less than half of the revenue has one (LEAST_COSTED),
                costed_revenue_share without a positive line, quantity where none was given
    Source      definition of the workbook (method §1); unknown cost: method §6

    Parameters  cube, and for each of its rows the number of its period: consecutive periods have
                consecutive numbers
    Columns     bucket, revenue, quantity, cost (NULL where less than half of the revenue has one),
                costed_revenue_share, order_count, active_customer_count
    """
    per_customer = cube.group_by("customer_id", bucket=index).agg(
        revenue=cube.revenue.sum(),
        quantity=cube.quantity.sum(),
        cost=cube.cost.sum(),
        positive_revenue=cube.positive_revenue.sum(),
        costed_revenue=cube.costed_revenue.sum(),
        order_count=cube.order_count.sum(),
        active=(cube.positive_line_count > 0).any(),
    )
    return (
        per_customer.group_by("bucket")
        .agg(
            revenue=per_customer.revenue.sum().round(MONEY_DIGITS),
            quantity=per_customer.quantity.sum().round(MONEY_DIGITS),
            cost=per_customer.cost.sum().round(MONEY_DIGITS),
            order_count=per_customer.order_count.sum(),
            active_customer_count=per_customer.active.sum(),
            costed_revenue_share=per_customer.costed_revenue.sum()
            / per_customer.positive_revenue.sum().nullif(0.0),
        )
        .mutate(
            cost=lambda t: (t.costed_revenue_share >= LEAST_COSTED).ifelse(
                t.cost, ibis.null("float64")
            )
        )
        .order_by("bucket")
    )


@measure(N_("Customers of the 12 months up to several months, by what became of them"))
def yearly_movement(
    cube: ir.Table,
    orders: ir.Table,
    ends: Sequence[int],
    usual_days: float | None,
    rhythm_count: int,
) -> ir.Table:
    """Customers of the 12 months up to each of several months, by what became of them.

    Formula     kept, recovered, new, lost and not due as `movement.customer_movement`, of the 12
                months up to the month against the 12 before; not due: usual interval (days from
                first to last order + usual_days) ÷ order days longer than 6 months
    Unit        counts
    Population  one row a month of `ends`; customers of the cube up to it
    Undefined   a month without anybody who bought in the 24 up to it has no row; without usual_days
                nobody is not due
    Source      definition of the workbook (method §1); not due: method §6

    Method      a month in which a customer bought makes it one of the years that end in the 12
                months from it on, a new one where it is the first, a recovered one where the one
                before lies 24 months or more behind the end; in the 12 months that follow, until it
                buys again, it is lost. Months alike are counted once for all
    Parameters  cube, orders: with the number of their month in `position`, consecutive months
                having consecutive numbers; ends: numbers of the months with which a year ends;
                usual_days, rhythm_count: `defection.usual_interval_days` of the book (None or NaN
                where nobody ordered twice), and of how many customers it is the median
    Columns     position, year_active_customer_count, repeat_customer_count (≥ 2 orders), kept,
                recovered, new, lost and not_due _customer_count
    """
    months = cube.group_by("customer_id", "position").agg(
        bought=(cube.positive_line_count > 0).any(), order_count=cube.order_count.sum()
    )
    bought, ordered = (
        _spaced(months.filter(which)) for which in (months.bought, months.order_count > 0)
    )
    stays = bought.until <= YEAR
    alike = (
        _alike(bought.filter(stays), of_all=True, told=False)
        .union(
            _alike(
                _with_pace(bought.filter(~stays), orders),
                of_all=True,
                told=lambda t: _is_slow(t, usual_days, rhythm_count),
            )
        )
        .union(_alike(ordered, of_all=False, told=ordered.order_count > 1))
    )
    points = ibis.memtable({"end": list(ends)}, schema={"end": "int64"})
    c = alike.join(points, [alike.position <= points.end, alike.position > points.end - 2 * YEAR])
    c = c.mutate(passed=c.end - c.position)
    c = c.mutate(
        in_year=c.passed < YEAR,
        held=c.passed < c.until,
        # NULL where none came before
        since_before=c.since + c.passed,
    )
    here, gone = c.of_all & c.in_year, c.of_all & ~c.in_year & c.held
    # two orders of the month, or one of it and of the last one with an order before
    again = c.told | (c.since_before < YEAR)
    counted = {
        "year_active": here & c.held,
        "repeat": ~c.of_all & c.in_year & c.held & again,
        "recovered": here & (c.since_before >= 2 * YEAR),
        "new": here & c.since.isnull(),
        "lost": gone & ~c.told,
        "not_due": gone & c.told,
    }
    t = c.group_by(position=c.end).agg(
        **{
            f"{name}_customer_count": c.month_count.sum(where=where).fill_null(0)
            for name, where in counted.items()
        }
    )
    kept = t.year_active_customer_count - t.new_customer_count - t.recovered_customer_count
    return t.mutate(kept_customer_count=kept).order_by("position")


def _spaced(months: ir.Table) -> ir.Table:
    """Months of customers with how many lie between each and the one before (`since`, NULL where it
    is the first) and the next (`until`): two years at most.
    """
    own, most = ibis.window(group_by="customer_id", order_by="position"), 2 * YEAR
    here = months.position
    t = months.mutate(since=here - here.lag().over(own), until=here.lead().over(own) - here)
    return t.mutate(
        since=(t.since > most).ifelse(most, t.since), until=(t.until < most).ifelse(t.until, most)
    )


def _alike(months: ir.Table, of_all: bool, told: Any) -> ir.Table:
    """`_spaced` months counted by what tells them apart: a few thousand rows, however many
    customers there are.

    Columns     of_all, told (as given), position, since, until, month_count
    """
    t = months.mutate(of_all=ibis.literal(of_all), told=told)
    return t.group_by("of_all", "told", "position", "since", "until").agg(month_count=t.count())


def _with_pace(months: ir.Table, orders: ir.Table) -> ir.Table:
    """`_spaced` months with the customer's orders up to each: first, last, day_count."""
    days = orders.select("customer_id", "date", of="position").distinct()
    t = months.left_join(days, ["customer_id", months.position >= days.of])
    return t.group_by("customer_id", "position", "since", "until").agg(
        first=t.date.min(), last=t.date.max(), day_count=t.date.count()
    )


def _is_slow(customers: ir.Table, usual_days: float | None, rhythm_count: int) -> ir.BooleanValue:
    """True of those that order less than twice a year, of `_with_pace`: their silence tells nothing
    yet.
    """
    if usual_days is None or math.isnan(usual_days):
        return ibis.literal(False)
    t = customers
    rhythm = (t["last"].delta(t["first"], unit="day") + usual_days) / t.day_count.nullif(0)
    told = ibis.literal(rhythm_count >= LEAST_RHYTHMS) | (t.day_count > 1)
    return ((rhythm > DUE_MONTHS * DAYS_A_MONTH) & told).fill_null(False)


@measure(N_("Quantities of each period, from sales"))
def base_from_sales(
    counted: pd.DataFrame, periods: Sequence[Bucket], first_index: int = 0
) -> pd.DataFrame:
    """The base of quantities of `periods`, out of `sales_by_bucket`.

    Formula     the columns of `sales_by_bucket` as they are; customer_revenue = revenue
    Unit        currency, units sold, counts, share 0 to 1
    Population  one row a period, buckets numbered from `first_index`
    Undefined   NaN in the periods before the first sale, and of what was never given; in a later
                period without a sale quantity, cost and costed_revenue_share are NaN, the rest is 0
    Source      definition of the workbook (method §1)

    Nothing sold in a period is zero from the first sale on, unknown before it; what was never given
    (quantity) stays unknown.
    """
    base = empty_base(periods)
    rows = counted.set_index("bucket").reindex(range(first_index, first_index + len(periods)))
    earliest = counted.bucket.min() if len(counted) else None
    for name in counted.columns.drop("bucket"):
        values = rows[name].astype(float)
        # before the first sale nothing is known
        since = pd.Series(earliest is not None and rows.index >= earliest, rows.index)
        base[name] = (
            values
            if name in ("quantity", "cost", "costed_revenue_share")
            else values.mask(values.isna() & since, 0.0)
        ).to_numpy()  # no row: no sale
    base["customer_revenue"] = base.revenue
    return base


@measure(N_("Quantities of each period with the customers of its year"))
def with_movement(
    base: pd.DataFrame,
    counted: pd.DataFrame,
    positions: Sequence[int],
    known: Sequence[bool],
    year_known: Sequence[bool],
) -> pd.DataFrame:
    """The base with the yearly counts of `yearly_movement`.

    Formula     opening_customer_count = kept + lost; active_customer_count_previous =
                opening_customer_count + not due
    Unit        counts
    Population  one row a period: the 12 months up to its end
    Undefined   NaN where the sales given do not cover what a count needs; a covered year without a
                row is 0
    Source      definition of the workbook (method §1)

    Parameters  positions: number of the month with which each period ends; year_known: the 12
                months up to it are covered, for who is active and orders again; known: the 12
                months before them too, for who is new, was kept or lost
    """
    # a year that is covered and has no row had no customer, neither in it nor before it
    found = counted.set_index("position").reindex(positions).astype(float).fillna(0.0)
    for name in COUNTED_YEARLY:
        of_year = name in ("year_active_customer_count", "repeat_customer_count")
        base[name] = np.where(year_known if of_year else known, found[name], math.nan)
    base["opening_customer_count"] = base.kept_customer_count + base.lost_customer_count
    base["active_customer_count_previous"] = (
        base.opening_customer_count + base.not_due_customer_count
    )
    return base


@measure(
    N_("Quantities of each period, from yearly totals"),
    {
        "marketing_salaries": Figure(
            N_("Salaries: marketing"),
            "currency",
            N_("As given in the period summary"),
            source="D",
        ),
        "sales_salaries": Figure(
            N_("Salaries: selling"),
            "currency",
            N_("As given in the period summary"),
            source="D",
        ),
        "other_salaries": Figure(
            N_("Salaries: other"),
            "currency",
            N_("As given in the period summary"),
            source="D",
        ),
        "marketing_expenses": Figure(
            N_("Expenses: marketing budget"),
            "currency",
            N_("As given in the period summary"),
            source="D",
        ),
        "other_expenses": Figure(
            N_("Expenses: other"),
            "currency",
            N_("As given in the period summary"),
            source="D",
        ),
    },
)
def base_from_summary(summary: pd.DataFrame, periods: Sequence[Bucket]) -> pd.DataFrame:
    """The base of `periods` out of a summary of totals that the company gives.

    Formula     a value of exactly the period, else of a flow Σ of months or quarters that fill it
                without gap; acquisition_cost and fixed_cost = Σ of their parts, variable_cost and
                revenue = unit value × quantity where not given; kept = opening − lost, else active
                − new − recovered; lost = opening − kept; total_cost = fixed + variable +
                acquisition
    Unit        currency, units sold, counts
    Population  one row a period; opening customers are the active ones of the period before, else
                kept + lost
    Undefined   NaN where neither a value nor its parts are given; recovered customers not given
                count as none; without opening customers kept is NaN
    Source      source D of the method (period summary, KPI tables)

    A value of exactly the period is taken; a flow may also be the sum of months or quarters that
    fill it without gap. Costs given by their parts are added up, revenue and variable costs given
    per unit are multiplied by the quantity.
    Parameters  summary: period_start, period_end, measure, value
    """
    base = empty_base(periods)
    rows = summary.assign(
        start=pd.to_datetime(summary.period_start).dt.date,
        end=pd.to_datetime(summary.period_end).dt.date,
        value=summary.value.astype(float),
    )
    for position, bucket in enumerate(periods):
        inside = rows[(rows.start >= bucket.start) & (rows.end <= bucket.end)]
        for name, given in inside.groupby("measure"):
            adds_up = SUMMARY_MEASURES[name] == "flow"
            base.loc[position, name] = _value_of(given, bucket, adds_up)
    for total, parts in COMPONENTS.items():
        named = [part for part in parts if base[part].notna().any()]
        if named:
            base[total] = base[total].fillna(base[named].sum(axis=1, skipna=False))
    base["variable_cost"] = base.variable_cost.fillna(base.unit_variable_cost * base.quantity)
    base["revenue"] = base.revenue.fillna(base.unit_price * base.quantity)
    base["active_customer_count_previous"] = base.active_customer_count.shift().fillna(
        base.kept_customer_count + base.lost_customer_count
    )
    # a summary that does not tell the recovered apart counts them as new
    recovered = base.recovered_customer_count.fillna(0.0)
    opening = base.active_customer_count_previous
    base["kept_customer_count"] = base.kept_customer_count.fillna(
        opening - base.lost_customer_count
    )
    base["kept_customer_count"] = base.kept_customer_count.fillna(
        base.active_customer_count - base.new_customer_count - recovered
    )
    base.loc[opening.isna(), "kept_customer_count"] = math.nan
    base["lost_customer_count"] = base.lost_customer_count.fillna(
        opening - base.kept_customer_count
    )
    base["opening_customer_count"], base["year_active_customer_count"] = (
        opening,
        base.active_customer_count,
    )
    base["total_cost"] = base.fixed_cost + base.variable_cost + base.acquisition_cost
    return base


def _value_of(given: pd.DataFrame, bucket: Bucket, adds_up: bool) -> float:
    """The value of exactly this period; else, of a flow, the sum of equal parts (quarters, months
    …) that follow each other from its first to its last day.
    """
    exact = given[(given.start == bucket.start) & (given.end == bucket.end)]
    if len(exact):
        return float(exact.value.iloc[0])
    lengths = [
        round((end - start).days / 30.4) for start, end in zip(given.start, given.end, strict=True)
    ]
    for _, parts in (
        given.assign(length=lengths).sort_values("start").groupby("length") if adds_up else ()
    ):
        follows = all(
            after == before + dt.timedelta(days=1)
            for before, after in zip(parts.end[:-1], parts.start[1:], strict=True)
        )
        if follows and parts.start.iloc[0] == bucket.start and parts.end.iloc[-1] == bucket.end:
            return float(parts.value.sum())
    return math.nan


@measure(N_("Periods of which nothing is known yet"))
def empty_base(periods: Sequence[Bucket]) -> pd.DataFrame:
    """A base in which nothing is known yet.

    Formula     label, start, end and complete of each period; every other column NaN
    Unit        none: no quantity is known
    Population  one row a period
    Undefined   NaN in every column of BASE and BESIDE
    Source      definition of the workbook

    Columns     label, start, end, complete, then BASE and BESIDE as NaN
    """
    frame = pd.DataFrame(
        [vars(bucket) for bucket in periods], columns=["label", "start", "end", "complete"]
    ).astype({"complete": bool})
    return frame.assign(**dict.fromkeys((*BASE, *BESIDE), math.nan))


@measure(
    N_("Quantities of each period with their costs"),
    {
        "fixed_cost": Figure(
            N_("Fixed costs"),
            "currency",
            N_("Σ costs with fixed behaviour, acquisition apart"),
            good="down",
            source="D",
        ),
        "variable_cost": Figure(
            N_("Variable costs"),
            "currency",
            N_("Σ costs with variable behaviour"),
            good="down",
            source="D",
        ),
        "acquisition_cost": Figure(
            N_("Acquisition costs"),
            "currency",
            N_("Σ marketing and selling costs"),
            good="down",
            source="D",
        ),
        "total_cost": Figure(
            N_("All costs"),
            "currency",
            N_("Σ fixed, variable and acquisition costs, and what is not classified"),
            good="down",
            source="D",
        ),
    },
)
def with_costs(
    base: pd.DataFrame, costs: pd.DataFrame, covered: Sequence[bool] | np.ndarray
) -> pd.DataFrame:
    """The base with its costs from `costs.costs_by_bucket`, where the cost lines cover the period.

    Formula     fixed_cost, variable_cost, acquisition_cost = Σ amount of the behaviour; total_cost
                = Σ amount, classified or not
    Unit        currency
    Population  one row a period
    Undefined   NaN in a period that is not covered; a behaviour is NaN where a cost line of the
                period is not classified; no line in a covered period is 0
    Source      definition of the workbook (method §1: behaviour of costs)

    Σ of a behaviour is known only when every cost line of the period is classified.
    """
    behaviours = ("fixed", "variable", "acquisition")
    by = costs.pivot_table(
        index="bucket", columns="behaviour", values="amount", aggfunc="sum", dropna=False
    )
    # no line of a behaviour in a covered period: none spent
    by = by.reindex(index=range(len(base)), columns=behaviours).fillna(0.0)
    known = np.array(covered, dtype=bool)
    # no row of a period: nothing left unclassified, nothing spent
    open_amount = (
        costs[costs.behaviour.isna()]
        .groupby("bucket")
        .amount.apply(lambda amounts: amounts.abs().sum())
    )
    classified = known & ~(open_amount.reindex(range(len(base))).fillna(0.0).to_numpy() > 0)
    total = costs.groupby("bucket").amount.sum().reindex(range(len(base))).fillna(0.0).to_numpy()
    made = base.assign(
        fixed_cost=np.where(classified, by.fixed, math.nan),
        variable_cost=np.where(classified, by.variable, math.nan),
        acquisition_cost=np.where(classified, by.acquisition, math.nan),
        total_cost=np.where(known, total, math.nan),
    )
    return made


@measure(N_("Quantities of each period, from the first source that knows them"))
def combined(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """The first base, what it does not know taken from the second.

    Formula     first, else second, column by column; label, start, end and complete are those of
                the first
    Unit        that of each column
    Population  one row a period of the first base
    Undefined   NaN where neither knows the quantity
    Source      definition of the workbook
    """
    return first.assign(
        **{
            name: first[name].fillna(second[name])
            for name in second.columns
            if name not in ("label", "start", "end", "complete")
        }
    )


@measure(
    N_("Every indicator of each period"),
    {
        "revenue_growth_rate": Figure(
            N_("Growth of revenue"),
            "ratio",
            N_("Revenue ÷ revenue of the period before − 1"),
            good="up",
            decimals=1,
            source="D",
        ),
        "unit_price": Figure(
            N_("Price per unit"),
            "currency",
            N_("Revenue ÷ units sold; the deck calls it unit cost by mistake"),
            good="up",
            decimals=2,
            source="D",
        ),
        "retention_rate_deck": Figure(
            N_("Retention rate, as the usual slides count"),
            "ratio",
            N_(
                "(Active − new) ÷ customers of the year before due to order again: recovered "
                "customers count as kept"
            ),
            good="up",
            decimals=1,
            source="D",
        ),
        "attrition_rate_deck": Figure(
            N_("Attrition rate, deck's text"),
            "ratio",
            N_("Lost customers ÷ all customers of the period, not those at its start"),
            good="down",
            decimals=1,
            source="D",
        ),
        "gross_margin": Figure(
            N_("Margin on variable costs"),
            "currency",
            N_("Revenue (that of the ledger where one covers the period) − variable costs"),
            good="up",
            source="D",
        ),
        "net_margin": Figure(
            N_("Net margin"),
            "currency",
            N_("Revenue − all costs; the result of the ledger where one covers the period"),
            good="up",
            source="D",
        ),
        "fixed_cost_deck": Figure(
            N_("Fixed costs, as the usual slides count"),
            "currency",
            N_("Σ fixed and acquisition costs"),
            good="down",
            source="D",
        ),
        "unit_variable_cost": Figure(
            N_("Variable cost per unit"),
            "currency",
            N_("Variable costs ÷ units sold"),
            good="down",
            decimals=2,
            source="D",
        ),
        "unit_cost": Figure(
            N_("Unit cost"),
            "currency",
            N_("All costs ÷ units produced; units sold stand for units produced"),
            good="down",
            decimals=2,
            source="D",
        ),
        "break_even_revenue": Figure(
            N_("Break-even revenue"),
            "currency",
            N_("Fixed costs (acquisition included) ÷ margin rate on variable costs"),
            good="down",
            source="D",
        ),
        "break_even_quantity": Figure(
            N_("Break-even units"),
            "index",
            N_("Fixed costs (acquisition included) ÷ margin per unit"),
            good="down",
            source="D",
        ),
        "safety_margin_rate": Figure(
            N_("Safety margin"),
            "ratio",
            N_("(Revenue − break-even revenue) ÷ revenue"),
            good="up",
            decimals=1,
            source="D",
        ),
        "operating_leverage": Figure(
            N_("Operating leverage"),
            "index",
            N_(
                "Gross margin ÷ net margin: per cent that the net margin moves when "
                "revenue moves by one"
            ),
            good="down",
            decimals=1,
            source="D",
        ),
        "cac_standard": Figure(
            N_("Acquisition cost per new customer"),
            "currency",
            N_("Marketing and selling costs ÷ new customers"),
            good="down",
            decimals=2,
            source="D",
        ),
        "cac_deck": Figure(
            N_("Acquisition cost, as the usual slides count"),
            "currency",
            N_("Marketing and selling costs ÷ all active customers"),
            good="down",
            decimals=2,
            source="D",
        ),
        "cac_marginal": Figure(
            N_("Marginal acquisition cost"),
            "currency",
            N_("Δ marketing and selling costs ÷ Δ new customers; where new customers increase"),
            good="down",
            decimals=2,
            source="D",
        ),
        "lifetime_deck": Figure(
            N_("Lifetime in years, as the usual slides count"),
            "index",
            N_("1 ÷ attrition rate: an order of magnitude, biased"),
            good="up",
            decimals=2,
            source="D",
        ),
        "ltv_gross_margin": Figure(
            N_("Lifetime value, gross margin × lifetime"),
            "currency",
            N_("Gross margin per customer ÷ attrition rate, undiscounted, no horizon"),
            good="up",
            decimals=2,
            source="D",
        ),
        "ltv_deck": Figure(
            N_("Lifetime value, as the usual slides count"),
            "currency",
            N_("Revenue per customer ÷ attrition rate: undiscounted revenue"),
            good="up",
            decimals=2,
            source="D",
        ),
        "ltv_to_cac": Figure(
            N_("Lifetime value to acquisition cost"),
            "index",
            N_("Gross margin per customer ÷ attrition rate ÷ acquisition cost per new customer"),
            good="up",
            decimals=2,
            source="D",
        ),
        "ltv_to_cac_deck": Figure(
            N_("Lifetime value to acquisition cost, as the usual slides count"),
            "index",
            N_("Revenue per customer ÷ attrition rate ÷ acquisition cost per active customer"),
            good="up",
            decimals=2,
            source="D",
        ),
    },
)
def indicators(base: pd.DataFrame) -> pd.DataFrame:
    """Every indicator of each period of a base, standard definition and deck's side by side.

    Formula     revenue_growth_rate = revenue ÷ that of the period before − 1; average_basket =
                customer_revenue ÷ orders; purchase_frequency = orders ÷ active customers;
                repeat_customer_rate = repeat ÷ active customers of the year; retention_rate = kept
                ÷ opening, attrition_rate = lost ÷ opening; retention_rate_deck = (active − new) ÷
                opening, attrition_rate_deck = lost ÷ active, all of the year;
                accounted_revenue = that of the ledger where one covers the period, else revenue;
                gross_margin = accounted_revenue − variable_cost; net_margin = the ledger's result
                where one covers the period, else accounted_revenue − total_cost; other_income =
                what the ledger has beside both;
                fixed_cost_deck = fixed + acquisition; unit_price = revenue ÷ quantity,
                unit_variable_cost = variable_cost ÷ quantity, where not given; unit_cost =
                total_cost ÷ quantity; margin_rate = gross_margin ÷ accounted_revenue,
                margin_per_customer = gross_margin ÷ active customers, variable_cost_share =
                variable ÷ all costs;
                break_even_revenue = (fixed + acquisition) ÷ (1 − variable_cost ÷
                accounted_revenue), also in units; safety_margin_rate = (accounted_revenue −
                break-even) ÷ accounted_revenue; operating_leverage = gross_margin ÷ net_margin (how
                many per cent the profit moves when revenue moves by one);
                cac_standard = acquisition ÷ new customers, cac_deck = acquisition ÷ all active
                customers, cac_marginal = Δ acquisition ÷ Δ new; lifetime_deck = 1 ÷ attrition;
                ltv_gross_margin and ltv_deck = gross margin, and revenue, per customer × that
                lifetime; ltv_to_cac = ltv_gross_margin ÷ cac_standard, ltv_to_cac_deck = ltv_deck ÷
                cac_deck
    Unit        currency, units sold, counts, rates as ratios, lifetime in years
    Population  one row a period, in time order; the figures of YEARLY hold where the period is a
                year: of shorter ones the callers put those of the 12 months up to its end in their
                place
    Undefined   NaN where a part is unknown or the denominator is not above 0 (so a leverage without
                profit, a break-even without margin, a cost of acquisition where nothing was spent);
                growth and marginal figures unless this period and the one before are complete;
                retention, attrition and the kept, lost, recovered and not due customers unless the
                period and the one before (if any) are complete and the opening customers known
    Source      source D (KPI tables, method §3); standard definitions: method §1

    Columns     those of the base, INDICATORS, and accounted_revenue, other_income,
                variable_cost_share, margin_rate, margin_per_customer
    """
    t = base.copy()
    both = t.complete & t.complete.shift(fill_value=False)
    previous = t.shift().where(both)

    def ratio(top: pd.Series, bottom: pd.Series) -> pd.Series:
        return top / bottom.where(bottom > 0)

    t["revenue_growth_rate"] = ratio(
        t.revenue - previous.revenue, previous.revenue.astype(float)
    ).where(both)
    t["unit_price"] = t.unit_price.fillna(ratio(t.revenue, t.quantity))
    t["unit_variable_cost"] = t.unit_variable_cost.fillna(ratio(t.variable_cost, t.quantity))
    t["customer_revenue"] = t.customer_revenue.fillna(t.revenue)
    t["average_basket"] = ratio(t.customer_revenue, t.order_count)
    t["purchase_frequency"] = ratio(t.order_count, t.active_customer_count)
    opening, active = (
        t.opening_customer_count,
        t.year_active_customer_count.fillna(t.active_customer_count),
    )
    t["year_active_customer_count"] = active
    for rate, (part, whole) in RATES.items():
        t[rate] = ratio(t[part], t[whole])
    comparable = t.complete & (both | (t.index == 0)) & opening.notna()
    t.loc[
        ~comparable, [*MOVEMENTS[1:], "not_due_customer_count", "retention_rate", "attrition_rate"]
    ] = math.nan
    t["retention_rate_deck"] = ratio(active - t.new_customer_count, opening).where(
        t.retention_rate.notna()
    )
    t["attrition_rate_deck"] = ratio(t.lost_customer_count, active).where(t.attrition_rate.notna())
    t["fixed_cost_deck"] = t.fixed_cost + t.acquisition_cost
    sold = t["accounted_revenue"] = t.ledger_revenue.fillna(t.revenue)
    t["gross_margin"] = sold - t.variable_cost
    t["net_margin"] = t.ledger_result.fillna(sold - t.total_cost)
    # without a ledger there is nothing beside
    t["other_income"] = (t.net_margin - (sold - t.total_cost)).fillna(0.0)
    t["unit_cost"] = ratio(t.total_cost, t.quantity)
    t["break_even_revenue"] = ratio(t.fixed_cost_deck, ratio(t.gross_margin, sold))
    t["break_even_quantity"] = ratio(t.fixed_cost_deck, ratio(t.gross_margin, t.quantity))
    t["safety_margin_rate"] = ratio(sold - t.break_even_revenue, sold)
    t["variable_cost_share"] = ratio(t.variable_cost, t.total_cost)
    t["margin_rate"] = ratio(t.gross_margin, sold)
    t["margin_per_customer"] = ratio(t.gross_margin, active)
    t["operating_leverage"] = ratio(t.gross_margin, t.net_margin)
    spent = t.acquisition_cost.where(t.acquisition_cost > 0)
    t["cac_standard"] = ratio(spent, t.new_customer_count)
    t["cac_deck"] = ratio(spent, active)
    t["cac_marginal"] = ratio(
        spent - previous.acquisition_cost.astype(float),
        t.new_customer_count - previous.new_customer_count.astype(float),
    )
    t["lifetime_deck"] = ratio(pd.Series(1.0, t.index), t.attrition_rate)
    t["ltv_gross_margin"] = ratio(t.gross_margin, active) * t.lifetime_deck
    t["ltv_deck"] = ratio(t.revenue, active) * t.lifetime_deck
    t["ltv_to_cac"] = ratio(t.ltv_gross_margin, t.cac_standard)
    t["ltv_to_cac_deck"] = ratio(t.ltv_deck, t.cac_deck)
    return t


@measure(N_("Every indicator as a list, with its definition and interval"))
def kpi_list(series: pd.DataFrame) -> pd.DataFrame:
    """Every known indicator of every period as a list, with its definition and interval.

    Formula     the values of `indicators`; low, high: Wilson interval of part ÷ whole, for the
                rates of RATES only
    Unit        that of the indicator
    Population  one row an indicator and period of which it is known
    Undefined   unknown values are left out; low and high are NaN of all but rates
    Source      source D (method §3); interval: E. B. Wilson, JASA, 1927

    Every indicator of a period that is not complete carries complete = False.
    Columns     measure, definition (standard or deck), period, value, low, high (Wilson, rates
                only), complete
    """
    rows = []
    for period in series.to_dict("records"):
        for name in INDICATORS:
            if period[name] != period[name]:
                continue
            low, high = (
                wilson_interval(*(period[part] for part in RATES[name]))
                if name in RATES
                else (math.nan, math.nan)
            )
            deck = "deck" if name.endswith("_deck") else "standard"
            rows.append(
                (
                    name,
                    deck,
                    period["label"],
                    float(period[name]),
                    low,
                    high,
                    bool(period["complete"]),
                )
            )
    return pd.DataFrame(
        rows, columns=["measure", "definition", "period", "value", "low", "high", "complete"]
    )


@measure(N_("Indicators of several series as one list"))
def joined(lists: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Several `kpi_list` tables as one.

    Formula     the rows of each, one list after the other
    Unit        that of the indicator
    Population  one row a row of the lists
    Undefined   raises ValueError without any list
    Source      definition of the workbook
    """
    return pd.concat(lists, ignore_index=True)
