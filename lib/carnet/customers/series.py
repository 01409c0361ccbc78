"""The book as a series of periods: the base that the indicators start from,
out of whatever tables the book has.

Sales tell revenue, orders and customers; where a ledger filled the sales, or stands alone,
its accounts 70 tell the revenue, linked to a customer or not. Cost lines tell the costs. A period
summary tells what nothing else does.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from carnet.book.book import Book
from carnet.book.once import once
from carnet.customers.rhythms import order_rhythm
from carnet.engagement.periods import (
    GRAINS,
    LATE_START_DAYS,
    Bucket,
    Periods,
    buckets,
    position_in,
    years_earlier,
)
from carnet.engagement.profiles import chart_of_accounts
from carnet.intake.goods import GOODS_ACCOUNTS
from carnet.measures.costs import accounts, costs
from carnet.measures.indicators import kpi
from carnet.measures.portfolio import movement

# flows that a year adds up
SUMMED = [*kpi.BASE, "cost", "total_cost", "customer_revenue", "ledger_revenue", "ledger_result"]
PERIOD_COLUMNS = ["label", "start", "end", "complete"]


def moved(book: Book, periods: Periods | None = None) -> ir.Table:
    """`movement.customer_movement` of the book's periods, or of others that end on the same day;
    whoever is not due told apart.
    """
    rhythm = order_rhythm(book, book.as_of)
    return movement.customer_movement(book.cube, periods or book.periods, rhythm)


@once
def audit_series(book: Book) -> pd.DataFrame:
    """`kpi.indicators` of the previous period and of the audit period, in this order;
    what is said per year is of the last 12 months and those before.
    """
    base = _base(book, audit_buckets(book), book.periods.audit_index(book.cube), first_index=-1)
    if book.periods == book.periods.yearly:
        # 0: the audit year, 1: the one before …
        covered = [
            book.covers("sales", book.periods.earlier(years).current.start) for years in range(4)
        ]
        of_calendar, known = book.periods.ends_a_month, covered[2:0:-1]
        periods, year_known = audit_buckets(book), [covered[1], True]
        base = _with_movement(book, base, periods, known, year_known, of_calendar)
    if not base.complete[0]:  # a period that was not given whole is compared with nothing
        base.loc[0, base.columns.difference(PERIOD_COLUMNS)] = float("nan")
    t = kpi.indicators(base)
    if book.periods != book.periods.yearly:
        t[list(kpi.YEARLY)] = audit_series(book.rolling)[list(kpi.YEARLY)]
        t["active_customer_count_previous"] = t.active_customer_count.shift()
    return t


def _with_movement(
    book: Book,
    base: pd.DataFrame,
    periods: Sequence[Bucket],
    known: Sequence[bool],
    year_known: Sequence[bool],
    of_calendar: bool = True,
) -> pd.DataFrame:
    """`kpi.with_movement` of the years up to the end of each period, see `_years_moved`.

    Unknown throughout where customers order too rarely.
    """
    if not book.has("sales") or book.orders_too_rarely:
        return base
    counted, ends = _years_moved(book, of_calendar), [_month_of(b.end) for b in periods]
    return kpi.with_movement(base, counted, ends, known, year_known)


@once
def _years_moved(book: Book, of_calendar: bool) -> pd.DataFrame:
    """`kpi.yearly_movement` of the 12 months up to the end of each calendar month and fiscal year
    of the book; or of audit months, which end on the day of `as_of`, up to it and a year earlier.
    `position` is `_month_of` the end.
    """
    now, first = _month_of(book.as_of), _first_day(book)
    ends, orders = {now, now - 12}, now - book.periods.audit_month(book.orders.date)
    cube = now - book.cube.audit_month
    if of_calendar:
        orders, cube = _month_number(book.orders.date), _month_number(book.cube.month)
        for grain, start in ("month", 1), ("year", book.engagement.fiscal_year_start):
            listed = buckets(first, book.as_of, grain, start) if first else []
            ends |= {_month_of(b.end) for b in listed}
    counted = kpi.yearly_movement(
        book.cube.mutate(position=cube),
        book.orders.mutate(position=orders),
        sorted(ends),
        book.span.usual_interval_days,
        book.span.rhythm_count,
    )
    return counted.execute()


def audit_buckets(book: Book) -> list[Bucket]:
    """The previous period and the audit period."""
    before, now = book.periods.previous, book.periods.current
    known = book.previous_is_complete or not book.has("sales")
    return [
        Bucket("previous", before.start, before.end, known),
        Bucket("current", now.start, now.end),
    ]


def audit_months(book: Book, revenue: float) -> tuple[pd.DataFrame, bool]:
    """Months of the audit period in time order (end, revenue), and whether they were measured.

    Where no table tells months, the period's `revenue` is spread evenly over them.
    """
    ends = [book.periods.month_end(month) for month in reversed(range(book.periods.month_count))]
    if book.has("sales"):
        months = movement.monthly_revenue(book.cube, book.periods, book.first_sale).execute()
        return pd.DataFrame({"end": ends, "revenue": months.revenue}), True
    months = period_series(book, "month")
    inside = months[
        (months.start >= book.periods.current.start)
        & (months.end <= book.as_of)
        & months.revenue.notna()
    ]
    if len(inside) == len(ends):
        return inside[["end", "revenue"]].reset_index(drop=True), True
    return pd.DataFrame({"end": ends, "revenue": [revenue / len(ends)] * len(ends)}), False


@once
def period_series(book: Book, grain: str) -> pd.DataFrame:
    """`kpi.indicators` of every fiscal year, quarter or month from the first with a known revenue;
    no row when there is none.

    A period is complete when the sales given cover it, or when the summary or the ledger
    gives it whole.
    """
    first = _first_day(book)
    periods = buckets(first, book.as_of, grain, book.engagement.fiscal_year_start) if first else []
    if not periods:
        return kpi.indicators(kpi.empty_base([]))
    start, tolerated = book.first_sale, LATE_START_DAYS[grain]
    if start:
        periods = [
            replace(b, complete=b.end <= book.as_of and (start - b.start).days <= tolerated)
            for b in periods
        ]
    size, first_month = GRAINS[grain], _month_of(periods[0].start)
    months = _month_number(book.cube.month) - first_month
    base = _base(book, periods, (months / size).floor().cast("int32"), first_index=0)
    if grain == "year":
        before = [
            book.covers("sales", years_earlier(periods[0].start, 1)),
            *(b.complete for b in periods),
        ]
        covered = [b.complete and known for b, known in zip(periods, before, strict=False)]
        base = _with_movement(book, base, periods, covered, base.complete.tolist())
    known = base.revenue.notna()
    kept = base[known.cummax() if known.any() else known]
    t = kpi.indicators(kept.reset_index(drop=True))
    if grain != "year":
        t[[*kpi.YEARLY, "purchase_frequency"]] = (
            _trailing_years(book).reindex(t.end)[[*kpi.YEARLY, "purchase_frequency"]].to_numpy()
        )
    return t


def _month_of(day: dt.date) -> int:
    return day.year * 12 + day.month


def _month_number(date: ir.DateValue) -> ir.IntegerValue:
    return date.year() * 12 + date.month()


@once
def _trailing_years(book: Book) -> pd.DataFrame:
    """`kpi.indicators` of the 12 months up to the end of every complete month, by that day:
    what a quarter or a month says per year.
    """
    first = _first_day(book)
    months = buckets(first, book.as_of, "month", 1) if first else []
    if not months:
        return kpi.indicators(kpi.empty_base([])).set_index("end")
    of_cube = _month_number(book.cube.month) - _month_of(months[0].start)
    single = _base(book, months, of_cube.cast("int32"), first_index=0)
    base = single.copy()
    base[SUMMED] = single[SUMMED].rolling(12).sum().to_numpy()
    base[list(kpi.NOT_ADDED)] = float("nan")  # prices and counts do not add up over months
    starts = [years_earlier(b.end, 1) + dt.timedelta(days=1) for b in months]
    year_known = [
        book.covers("sales", start) and b.end <= book.as_of
        for start, b in zip(starts, months, strict=True)
    ]
    known = [
        ok and book.covers("sales", years_earlier(start, 1))
        for start, ok in zip(starts, year_known, strict=True)
    ]
    base["complete"] = year_known
    base = _with_movement(book, base, months, known, year_known)
    base["active_customer_count"] = base.year_active_customer_count
    t = kpi.indicators(base)
    t["cac_marginal"] = float("nan")  # neighbouring rows share eleven months
    return t.set_index("end")


def buckets_of(rows: pd.DataFrame) -> list[Bucket]:
    """The periods of a series."""
    return [Bucket(row.label, row.start, row.end, bool(row.complete)) for row in rows.itertuples()]


def margin_rates_of(book: Book) -> ir.Table:
    """The margin rate of every customer that ever bought (customer_id, margin_rate): its own over
    both periods where lines tell costs, else the company's on the variable costs that name no
    customer; NULL without either.
    """
    now, named = audit_series(book).iloc[-1], own_costs(book)
    # borne by whom they name, not by all
    apart = (
        float(named.own_variable_cost.sum().fill_null(0.0).execute()) if named is not None else 0.0
    )
    company = now.margin_rate
    if now.accounted_revenue > 0:
        company += apart / now.accounted_revenue
    cube, usual = book.cube, ibis.null("float64") if pd.isna(company) else float(company)
    compared = book.periods.in_current(cube) | book.periods.in_previous(cube)
    t = cube.group_by("customer_id").agg(
        cost=cube.cost.sum(where=compared),
        revenue=cube.revenue.sum(where=compared),
        costed=cube.costed_revenue.sum(where=compared).fill_null(0.0),
        positive=cube.positive_revenue.sum(where=compared).fill_null(0.0),
    )
    own = ibis.null("float64")
    if book.has("sales", "cost"):
        sums = t.agg(costed=t.costed.sum(), positive=t.positive.sum()).execute().iloc[0]
        if sums.costed >= kpi.LEAST_COSTED * sums.positive:
            own = (t.revenue > 0).ifelse(1 - t.cost / t.revenue, own)
    return t.select("customer_id", margin_rate=ibis.coalesce(own, usual))


def cost_lines(book: Book, periods: Sequence[Bucket]) -> pd.DataFrame:
    """`costs.costs_by_bucket` of the book, the cost of goods by the one table that gives it
    (`Book.goods`); no row without a costs table.
    """
    if not book.has("costs"):
        return pd.DataFrame(columns=["bucket", "behaviour", "category", "amount"])
    lines = costs.costs_by_bucket(book.table("costs"), periods).execute()
    filled = book.checks["costs"].source == "ledger"
    if book.goods.source in ("", "costs") or (book.goods.source == "ledger" and filled):
        return (
            lines.drop(columns="goods")
            .groupby(["bucket", "behaviour", "category"], dropna=False, sort=False, as_index=False)
            .amount.sum()
        )
    if book.goods.source == "sales":
        label, told = book.wording._("Cost of goods, by the sale lines"), _line_costs(book, periods)
    else:
        label, told = book.wording._("Cost of goods, by the ledger"), _ledger_goods(book, periods)
    goods = pd.DataFrame(
        {"bucket": range(len(periods)), "behaviour": "variable", "category": label, "amount": told}
    )
    return pd.concat(
        [lines[~lines.goods].drop(columns="goods"), goods[goods.amount.notna()]], ignore_index=True
    )


def _line_costs(book: Book, periods: Sequence[Bucket]) -> np.ndarray:
    """Cost of the sale lines of each period; NaN where less than half of the revenue has one."""
    sales = book.table("sales")
    lines = sales.mutate(
        bucket=position_in(sales.date, periods), amount=sales.amount.cast("float64")
    )
    sold, costed = lines.amount > 0, lines.cost.notnull()
    sums = lines.group_by("bucket").agg(
        cost=lines.estimated_cost.sum().cast("float64"),
        sold=lines.amount.sum(where=sold),
        costed=lines.amount.sum(where=sold & costed),
    )
    t = sums.execute().dropna(subset=["bucket"]).set_index("bucket").reindex(range(len(periods)))
    return t.cost.where(t.costed >= kpi.LEAST_COSTED * t.sold).to_numpy(dtype=float)


def _ledger_goods(book: Book, periods: Sequence[Bucket]) -> np.ndarray:
    """Purchases and stocks of what is sold, by the ledger, in each period;
    NaN where it does not cover it.
    """
    results = accounts.account_results(book.table("ledger"), periods).execute()
    sums = -results[results.account.str.match(f"({GOODS_ACCOUNTS})")].groupby("bucket").result.sum()
    return (
        sums.reindex(range(len(periods)), fill_value=0.0)
        .where(_ledger_covers(book, periods))
        .to_numpy(dtype=float)
    )


def _results_beside(book: Book, table: str, measure: str) -> pd.Series | None:
    """Credit − debit of the audit period by account of classes 6 and 7,
    beside another table's measure; None where either is unknown.
    """
    if not (book.has("ledger") and book.has(table)):
        return None
    now = audit_series(book).iloc[1]
    if pd.isna(now.ledger_result) or pd.isna(now[measure]):
        return None
    results = accounts.account_results(book.table("ledger"), audit_buckets(book)).execute()
    return results[results.bucket == 1].set_index("account").result


def ledger_lines(book: Book) -> pd.DataFrame:
    """From the revenue of the customers to the ledger's result of the audit period, line by line:
    step, amount; no row where no ledger covers it.

    Steps       customers (revenue of the sale lines), unlinked (accounts 70 beside it), own_costs
                (all costs as the margins count them), costs (what the ledger's accounts of class 6
                have beside those), other_income (class 7 without 70), result; the last one is the
                sum of the others
    """
    columns = ["step", "amount"]
    of_year = _results_beside(book, "sales", "total_cost")
    if of_year is None:
        return pd.DataFrame(columns=columns)
    now = audit_series(book).iloc[1]
    charges = float(of_year[of_year.index.str.startswith("6")].sum())
    income = float(
        of_year[of_year.index.str.startswith("7") & ~of_year.index.str.startswith("70")].sum()
    )
    rows = [
        ("customers", now.revenue),
        ("unlinked", now.ledger_revenue - now.revenue),
        ("own_costs", -now.total_cost),
        ("costs", charges + now.total_cost),
        ("other_income", income),
        ("result", now.ledger_result),
    ]
    return pd.DataFrame(rows, columns=columns)


def margin_lines(book: Book) -> pd.DataFrame:
    """From the margin on variable costs to the ledger's trading margin of the audit period:
    step, label, amount; no row where either is unknown.

    Steps       contribution; not_goods (a variable cost, by category, that is no purchase
                of what is sold: the trading margin leaves it out); services (accounts 70 outside
                the trading margin); goods (what the ledger counts otherwise); trading_margin,
                the sum of the others
    """
    columns = ["step", "label", "amount"]
    of_year = _results_beside(book, "costs", "gross_margin")
    if of_year is None:
        return pd.DataFrame(columns=columns)
    now = audit_series(book).iloc[1]
    trading = next(b for b in chart_of_accounts()["balances"] if b.name == "trading_margin")
    inside = of_year.index.str.startswith(tuple(trading.accounts))
    margin = float(of_year[inside].sum())
    services = float(of_year[~inside & of_year.index.str.startswith("70")].sum())
    lines = costs.costs_by_bucket(book.table("costs"), audit_buckets(book)).execute()
    lines = (
        lines[(lines.bucket == 1) & (lines.behaviour == "variable") & ~lines.goods]
        .groupby("category")
        .amount.sum()
        .sort_values(ascending=False)
    )
    rows = [
        ("contribution", "", now.gross_margin),
        *(("not_goods", name, amount) for name, amount in lines.items()),
        ("services", "", -services),
    ]
    rows.append(("goods", "", margin - sum(amount for _, _, amount in rows)))
    return pd.DataFrame([*rows, ("trading_margin", "", margin)], columns=columns)


def own_costs(book: Book) -> ir.Table | None:
    """`costs.own_costs` of the audit period, without goods where the sale lines have their costs;
    None where no cost line names a customer.
    """
    if not book.has("costs", "customer_id"):
        return None
    lines = book.table("costs")
    return costs.own_costs(
        lines.filter(~lines.goods) if book.has("sales", "cost") else lines, book.periods.current
    )


def _base(
    book: Book, periods: Sequence[Bucket], index: ir.IntegerValue, first_index: int
) -> pd.DataFrame:
    """The base of consecutive periods, the first of which has the number
    `first_index` in `index`.
    """
    base = kpi.empty_base(periods)
    if book.has("sales"):
        base = kpi.base_from_sales(
            kpi.sales_by_bucket(book.cube, index).execute(), periods, first_index
        )
    if book.has("ledger"):
        base = _with_ledger(book, base, periods)
    if book.has("costs"):
        base = kpi.with_costs(base, cost_lines(book, periods), _costs_cover(book, periods))
        apart = book.goods.source if book.goods.source != book.checks["costs"].source else ""
        # unknown where less than half of the revenue has a cost, or no exercise covers the period
        if apart in ("sales", "ledger"):
            known = (
                base.cost.notna()
                if apart == "sales"
                else pd.Series(_ledger_covers(book, periods), base.index)
            )
            base[["variable_cost", "total_cost"]] = base[["variable_cost", "total_cost"]].where(
                known
            )
    elif base.cost.notna().any():
        base["variable_cost"] = base.cost
    if book.has("summary"):
        given = kpi.base_from_summary(book.table("summary").execute(), periods)
        whole = (
            ~base.complete & given.revenue.notna() & (base.end <= book.as_of)
        )  # sales start inside a period that the summary gives whole
        base.loc[whole, base.columns.difference(PERIOD_COLUMNS)] = float("nan")
        base["complete"] |= whole
        base = kpi.combined(base, given)
    return base


def _with_ledger(book: Book, base: pd.DataFrame, periods: Sequence[Bucket]) -> pd.DataFrame:
    """The base with the revenue and the result of the ledger in the periods that it covers;
    without sales its revenue is the revenue.
    """
    ledger, covered, places = (
        book.table("ledger"),
        _ledger_covers(book, periods),
        range(len(periods)),
    )
    revenue = (
        accounts.ledger_revenue_by_bucket(ledger, periods).execute().set_index("bucket").revenue
    )
    results = accounts.account_results(ledger, periods).execute().groupby("bucket").result.sum()
    # no line on accounts 70, or of classes 6 and 7, in an exercise: nothing sold, no result
    base["ledger_revenue"] = (
        revenue.reindex(places, fill_value=0.0).where(covered).to_numpy(dtype=float)
    )
    base["ledger_result"] = (
        results.reindex(places, fill_value=0.0).where(covered).to_numpy(dtype=float)
    )
    if not book.has("sales"):
        base["revenue"] = base.ledger_revenue
    if not book.has("sales") or book.checks["sales"].source:
        base["complete"] &= covered
        # of a missing exercise nothing is known
        base["revenue"] = base.revenue.mask(revenue.reindex(places).isna().to_numpy() & ~covered)
    return base


def _first_day(book: Book) -> dt.date | None:
    """The first day that any table of the book tells something of."""
    firsts = [book.first_sale] if book.first_sale else []
    for table, column in (("ledger", "date"), ("summary", "period_start")):
        if book.has(table):
            first = book.table(table)[column].min().execute()
            firsts += [pd.Timestamp(first).date()] if pd.notna(first) else []
    return min(firsts, default=None)


def _costs_cover(book: Book, periods: Sequence[Bucket]) -> np.ndarray:
    """Which periods the cost lines tell whole: from the first line to the last;
    those of a ledger, what its exercises cover.
    """
    if book.checks["costs"].source == "ledger":
        return _ledger_covers(book, periods)
    lines = book.table("costs")
    first, last = (
        lines.agg(first=lines.period_start.min(), last=lines.period_end.max()).execute().iloc[0]
    )
    return np.array(
        [
            pd.Timestamp(first) <= pd.Timestamp(b.start)
            and pd.Timestamp(b.end) <= pd.Timestamp(last)
            for b in periods
        ],
        dtype=bool,
    )


def _ledger_covers(book: Book, periods: Sequence[Bucket]) -> np.ndarray:
    """Which periods lie inside the exercises of the ledger:
    each holds its dates, and the 12 months up to its closing date.
    """
    lines = book.table("ledger")
    exercises = (
        lines.group_by("exercise").agg(first=lines.date.min(), last=lines.date.max()).execute()
    )
    days: set[dt.date] = set()
    for row in exercises.itertuples():
        closing = pd.to_datetime(row.exercise, errors="coerce")
        first, last = (
            pd.Timestamp(row.first).replace(day=1),
            pd.Timestamp(row.last) + pd.offsets.MonthEnd(0),
        )
        if pd.notna(closing):
            first, last = (
                min(first, pd.Timestamp(years_earlier(closing.date(), 1)) + pd.Timedelta(days=1)),
                max(pd.Timestamp(row.last), closing),
            )
        days |= {day.date() for day in pd.date_range(first, last)}
    return np.array(
        [all(day.date() in days for day in pd.date_range(b.start, b.end)) for b in periods],
        dtype=bool,
    )
