"""Orders and the customer × month cube of a book, and the time that its sales cover."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from carnet.engagement.periods import Periods


@dataclass(frozen=True)
class Span:
    """The time that the sales given cover: days of the first and the last positive line,
    most days between two days with an order; how often the median customer orders, in days
    (None where nobody ordered twice), and of how many that is the median; lines of the calendar
    month of the audit date up to it, and of the 12 months before; how many customers bought.
    """

    first_sale: dt.date | None
    last_sale: dt.date | None
    longest_pause_days: int
    usual_interval_days: float | None
    rhythm_count: int
    month_lines: int
    year_lines: int
    customer_count: int


def orders_of(sales: ir.Table, periods: Periods) -> ir.Table:
    """One row per order: customer_id, order_id, date (of its first positive line),
    revenue (Σ amount), line_count.

    An order is a customer's `order_id` with a positive line; a line without one belongs to the
    customer's order of that day. An order whose lines lie in two audit periods is an order of each:
    a period counts the orders that have a line in it.
    """
    day = sales.date.cast("string")
    order_id = ibis.coalesce(sales.order_id, day) if "order_id" in sales.columns else day
    lines = sales.mutate(order_id=order_id, period=periods.year_index(sales.date))
    positive = lines.amount > 0
    orders = lines.group_by("customer_id", "order_id", "period").agg(
        date=lines.date.min(where=positive),
        revenue=lines.amount.sum().cast("float64"),
        line_count=positive.sum(),
    )
    # stored in one order: floats added in another differ in their last digits
    kept = orders.filter(orders.date.notnull()).order_by("customer_id", "order_id", "period")
    return kept.drop("period")


def cube_of(sales: ir.Table, orders: ir.Table, periods: Periods) -> ir.Table:
    """Customer × month: every portfolio measure starts here.

    One row per customer_id, month (first day of the calendar month) and audit_month (months back
    from as_of, cut at its day). Columns: revenue, quantity, cost (Σ; estimated where a line has
    none, NULL where not given at all), positive_revenue and costed_revenue (Σ of the positive
    lines, and of those whose own cost is known), order_count, line_count, positive_line_count,
    first_date and last_date (of positive lines), salesperson (of the last line). An order is
    counted where its first positive line falls.
    """
    given = set(sales.columns)
    lines = sales.mutate(
        month=sales.date.truncate("M"),
        audit_month=periods.audit_month(sales.date),
        salesperson=sales.salesperson if "salesperson" in given else ibis.null("string"),
        quantity=sales.quantity if "quantity" in given else ibis.null("float64"),
        cost=sales.estimated_cost if "estimated_cost" in given else ibis.null("float64"),
        costed=sales.cost.notnull() if "cost" in given else ibis.literal(False),
    )
    positive = lines.amount > 0
    cells = lines.group_by("customer_id", "month", "audit_month").agg(
        revenue=lines.amount.sum().cast("float64"),
        quantity=lines.quantity.sum().cast("float64"),
        cost=lines.cost.sum().cast("float64"),
        # no positive line, or none with a cost: no revenue of the kind
        positive_revenue=lines.amount.sum(where=positive).cast("float64").fill_null(0.0),
        costed_revenue=lines.amount.sum(where=positive & lines.costed)
        .cast("float64")
        .fill_null(0.0),
        line_count=lines.count(),
        positive_line_count=positive.sum(),
        first_date=lines.date.min(where=positive),
        last_date=lines.date.max(where=positive),
        salesperson=last_text(lines.salesperson, lines.date),
    )
    dated = orders.mutate(
        month=orders.date.truncate("M"), audit_month=periods.audit_month(orders.date)
    )
    counted = dated.group_by("customer_id", "month", "audit_month").agg(order_count=dated.count())
    joined = cells.left_join(counted, ["customer_id", "month", "audit_month"])
    # no row in `counted` means that no order starts in this cell: a count of zero, not an unknown
    made = joined.select(*cells.columns, order_count=joined.order_count.fill_null(0))
    return made.order_by("customer_id", "month", "audit_month")


def span_table(cube: ir.Table, orders: ir.Table, periods: Periods) -> ir.Table:
    """One row that `span_of` reads: first, last, longest, usual, count, month, year, customers."""
    begun = periods.as_of.replace(day=1)
    year = cube.month.between(ibis.date(begun.replace(year=begun.year - 1)), ibis.date(begun))
    month = cube.month == ibis.date(begun)
    ends = cube.agg(
        first=cube.first_date.min(),
        last=cube.last_date.max(),
        month=cube.line_count.sum(where=month).fill_null(0),
        year=cube.line_count.sum(where=year & ~month).fill_null(0),
        customers=cube.customer_id.nunique(),
    )
    days = orders.select("date").distinct()
    own = orders.group_by("customer_id").agg(
        days=orders.date.nunique(), span=orders.date.max().delta(orders.date.min(), unit="day")
    )
    twice = own.filter(own.days > 1).mutate(interval=lambda t: t.span / (t.days - 1))
    rhythm = twice.agg(usual=twice.interval.quantile(0.5), count=twice.count())
    pauses = days.mutate(
        pause=days.date.delta(days.date.lag().over(ibis.window(order_by=days.date)), unit="day")
    )
    # NULL with fewer than two days
    return ends.cross_join(rhythm).cross_join(pauses.agg(longest=pauses.pause.max()))


def span_of(row: Mapping[str, Any]) -> Span:
    """See `Span`: without a sale no day is known."""
    longest, usual = row["longest"], row["usual"]
    return Span(
        as_date(row["first"]),
        as_date(row["last"]),
        0 if pd.isna(longest) else int(longest),
        None if pd.isna(usual) else float(usual),
        int(row["count"]),
        int(row["month"]),
        int(row["year"]),
        int(row["customers"]),
    )


def last_text(text: ir.StringColumn, date: ir.DateColumn) -> ir.StringScalar:
    """The text of the last day that has one, the last in order among several:
    not every engine orders what it aggregates.
    """
    return (date.cast("string") + text).max().substr(len("2025-12-31"))


def as_date(value: Any) -> dt.date | None:
    """A date from a scalar that pandas may have turned into a Timestamp or NaT."""
    return None if pd.isna(value) else pd.Timestamp(value).date()
