"""What keeping customers is worth in this book: the inputs of the retention plan, out of sales,
costs and the account list.

Years are the last 12 months and those before, whatever the engagement compares.
"""

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import ibis
import ibis.expr.types as ir
import pandas as pd

from carnet.book.book import Book
from carnet.book.mapped import Mapped, as_it_is, frame
from carnet.book.tables import tabled
from carnet.customers.accounts.sources import OPPORTUNITY_YEARS
from carnet.customers.columns import Part, joined
from carnet.customers.customer_years import rolling_periods, years_covered
from carnet.customers.series import audit_series, margin_rates_of, moved
from carnet.engagement.periods import year_earlier_in, years_earlier
from carnet.measures.gaps import contacts
from carnet.measures.indicators import replacement

# without an order before a first order that make a newcomer
QUIET_INTERVALS, LEAST_QUIET_DAYS, MOST_QUIET_DAYS = 3, 90, 365
MOST_YEARS = 10  # of a newcomer's life, looked at
CUSTOMERS = [  # columns of a Portfolio
    "customer_id", "active", "active_previous", "status", "yearly_revenue", "yearly_margin", "good",
    "newcomer", "left", "years",
]  # fmt: skip
DAYS_PER_YEAR = 365.25
# years that must be covered, for a newcomer of the previous 12 months to be told from a customer
HISTORY_YEARS = 2


@dataclass(frozen=True)
class Portfolio:
    """The customers of the last 24 months as the profit effects see them.

    customers   one row a customer: customer_id, active, active_previous, status,
                yearly_revenue (of the previous 12 months; of those lost the 12 months up to their
                last order, since they left within the year), yearly_margin (NULL where not known),
                good (class A or B by yearly_revenue, a margin above zero, no newcomer), newcomer
                (first order in the previous year; NULL where the sales given do not reach back),
                left, years (observed from the start of the previous year, or the first order,
                to its end, or the last order of those lost)
    net_margin, gross_margin, revenue, fixed_cost, acquisition_cost: of the last 12 months;
                NaN without costs
    """

    customers: ir.Table
    net_margin: float
    gross_margin: float
    revenue: float
    fixed_cost: float
    acquisition_cost: float

    @cached_property
    def counts(self) -> pd.Series:
        """Customers of each kind: count, active, before (active in the previous 12 months), kept
        (both), new; known (those whose margin is), lost (those of the previous 12 months without an
        order in the last 12, whose margin is known).
        """
        t = self.customers
        kinds = {
            "active": t.active,
            "before": t.active_previous,
            "kept": t.active & t.active_previous,
            "new": t.status == "new",
            "known": t.yearly_margin.notnull(),
            "lost": self._lost,
        }
        counted = {name: kind.ifelse(1, 0).sum().fill_null(0) for name, kind in kinds.items()}
        return t.agg(count=t.count(), **counted).execute().iloc[0].astype(int)

    @property
    def _lost(self) -> ir.BooleanValue:
        return self.customers.left & self.customers.yearly_margin.notnull()

    @property
    def retention_rate(self) -> float:
        """Kept ÷ active in the previous 12 months; NaN without any."""
        return float(self.counts.kept / self.counts.before) if self.counts.before else math.nan

    @property
    def inflow(self) -> int:
        """New and recovered customers of the last 12 months."""
        return int(self.counts.active - self.counts.kept)

    @cached_property
    def leaver_margin(self) -> float:
        """Mean yearly margin of those lost; NaN where nobody left."""
        margin = self.customers.yearly_margin.mean(where=self._lost)
        return float(margin.execute()) if self.counts.lost else math.nan

    @cached_property
    def drawn(self) -> pd.DataFrame:
        """Samples of the customers: `replacement.drawn_portfolios`."""
        t = self.customers.order_by("customer_id")  # what is drawn hangs on the order
        t = frame(t.select("active_previous", "active", "yearly_margin"))
        return replacement.drawn_portfolios(t.active_previous, t.active, t.yearly_margin)


def movement_of(book: Book) -> ir.Table:
    """`movement.customer_movement` of the last 12 months against the 12 before."""
    return moved(book, rolling_periods(book))


def portfolio_of(book: Book, cut_a: float, cut_b: float) -> Portfolio:
    """The customers of the last 24 months with their margins, and the company's profit.

    Nobody, where the sales given do not cover 24 months.
    """
    book = book.rolling
    now = audit_series(book).iloc[1]
    sums = ("net_margin", "gross_margin", "revenue", "fixed_cost", "acquisition_cost")
    return Portfolio(_customers(book, cut_b), *(float(now[name]) for name in sums))


@tabled
def _customers(book: Book, cut_b: float) -> Mapped:
    """The customers of a `Portfolio`."""
    t = movement_of(book)
    t = t.filter(t.status.notnull() & (t.status != "not_due"))  # those due
    t = t.mutate(left=t.active_previous & ~t.active)
    if not years_covered(book):
        t = t.limit(0)
    t = joined(
        t,
        Part(_last_revenue(book, t.filter(t.left)), {"last_revenue": "float64"}),
        Part(margin_rates_of(book), {"margin_rate": "float64"}),
    )
    # no line in its last 12 months: nothing bought
    revenue = ibis.ifelse(t.left, t.last_revenue.fill_null(0.0), t.revenue_previous)
    before = book.periods.previous
    start, end = ibis.date(before.start), ibis.date(before.end)
    began, ended = ibis.greatest(t.first_date, start), ibis.ifelse(t.left, t.last_date, end)
    days = ended.delta(began, unit="day").cast("float64")
    fresh = (t.first_date >= start) & t.active_previous
    told = years_covered(book) >= HISTORY_YEARS
    t = t.mutate(
        yearly_revenue=revenue,
        yearly_margin=revenue * t.margin_rate,
        newcomer=fresh if told else ibis.null("boolean"),
        years=ibis.ifelse(t.active_previous, days / DAYS_PER_YEAR, None),
    )
    opening = ibis.ifelse(t.active_previous, ibis.greatest(t.yearly_revenue, 0.0), 0.0)
    t = t.mutate(opening=opening)
    largest_first = ibis.window(order_by=[ibis.desc("opening"), "customer_id"], following=0)
    larger = (t.opening.sum().over(largest_first) - t.opening) / t.opening.sum().over().nullif(0.0)
    large = (t.opening > 0) & (larger < cut_b - 1e-12)
    t = t.mutate(good=large & (t.yearly_margin > 0).fill_null(False) & ~t.newcomer.fill_null(False))
    return as_it_is(t.mutate(good=t.good.fill_null(False)).select(*CUSTOMERS))


def _last_revenue(book: Book, left: ir.Table) -> ir.Table:
    """Revenue of each customer in the 12 months up to its last order, credit notes deducted."""
    spans = left.select("customer_id", last="last_date", before=year_earlier_in(left.last_date))
    lines = book.table("sales").join(spans, "customer_id")
    lines = lines.filter((lines.date > lines.before) & (lines.date <= lines["last"]))
    return lines.group_by("customer_id").agg(last_revenue=lines.amount.sum().cast("float64"))


def replacement_of(
    book: Book, portfolio: Portfolio, horizon_years: int, discount_rate: float
) -> dict[str, float]:
    """`replacement.replacement_ratio` of the book; NaN where newcomers cannot be told or nobody
    good was lost.
    """
    t, book = portfolio.customers, book.rolling
    good = frame(t.filter(t.good).select("left", "years", "yearly_margin"))
    return replacement.replacement_ratio(
        good.yearly_margin[good.left].to_numpy(),
        good,
        newcomer_years(book),
        horizon_years,
        discount_rate,
    )


def newcomer_years(book: Book) -> pd.DataFrame:
    """The years of life of newcomers that were observed whole:
    customer_id, year (0: the 12 months from the first order on), bought, margin.

    Newcomers   customers whose first order comes longer after the first order of the book than
                three usual intervals (90 days at least, a year at most): an earlier "first order"
                may only be the first one that was exported
    Margin      revenue of those 12 months × margin rate of the customer
    """
    orders, columns = book.orders, ["customer_id", "year", "bought", "margin"]
    if book.first_sale is None:
        return pd.DataFrame(columns=columns)
    quiet = min(
        max(
            QUIET_INTERVALS * (book.span.usual_interval_days or LEAST_QUIET_DAYS), LEAST_QUIET_DAYS
        ),
        MOST_QUIET_DAYS,
    )
    newcomer_after = ibis.date(book.first_sale + dt.timedelta(days=math.floor(quiet)))
    first = orders.group_by("customer_id").agg(first=orders.date.min())
    first = first.filter(first["first"] > newcomer_after)
    windows = first.join(_life_years(book, first), "first")
    lines = book.table("sales").join(windows, "customer_id")
    inside = lines.filter(lines.date.between(lines.window_start, lines.window_end))
    sums = inside.group_by("customer_id", "year").agg(
        revenue=inside.amount.sum().cast("float64"), bought=(inside.amount > 0).any()
    )
    t = windows.left_join(sums, ["customer_id", "year"])
    t = t.left_join(margin_rates_of(book), "customer_id", rname="{name}_rate")
    # no line in a year that was observed whole: nothing bought
    bought = t.bought.fill_null(False).ifelse(1, 0).cast("float64")
    t = t.mutate(bought=bought, margin=t.revenue.fill_null(0.0) * t.margin_rate)
    return frame(t.filter(t.margin.notnull()).select(*columns))


def _life_years(book: Book, first: ir.Table) -> ir.Table:
    """The years of life from each day of first orders on (first, year, window_start, window_end)
    that ended by the audit date.
    """
    days = frame(first.select("first").distinct())["first"].dt.date
    windows = [
        (day, year, years_earlier(day, -year), years_earlier(day, -year - 1) - dt.timedelta(days=1))
        for day in days
        for year in range(MOST_YEARS)
    ]
    kinds = {"first": "date", "year": "int64", "window_start": "date", "window_end": "date"}
    ended = [window for window in windows if window[-1] <= book.as_of]
    return ibis.memtable(pd.DataFrame(ended, columns=list(kinds)), schema=kinds)


def effects_of(
    portfolio: Portfolio, changes: Mapping[str, tuple[str, float]], years: int
) -> pd.DataFrame:
    """`replacement.profit_effect` of each change (name → kind and size, see `changed_rate`) with
    its interval: change, retention_rate, extra_customers, extra_profit, profit_share, low, high
    (of extra_profit).
    """
    rows = []
    for name, (kind, size) in changes.items():
        rate = portfolio.retention_rate
        other = replacement.changed_rate(rate, kind, size) if rate == rate else math.nan
        found = replacement.profit_effect(
            rate,
            [other],
            portfolio.counts.active,
            portfolio.inflow,
            portfolio.leaver_margin,
            portfolio.net_margin,
            years,
        ).iloc[0]
        low, high = replacement.profit_effect_interval(portfolio.drawn, kind, size, years)
        rows.append({"change": name, **found.to_dict(), "low": low, "high": high})
    return pd.DataFrame(rows)


def win_rates_of(book: Book) -> pd.DataFrame | None:
    """`contacts.win_rates` of the last 24 months; None without opportunities whose outcome
    is noted, or where the sales do not reach back a year further.
    """
    since = years_earlier(book.as_of, OPPORTUNITY_YEARS)
    reaches = book.covers("sales", years_earlier(since, 1))
    if not book.has("opportunities", "stage") or not reaches:
        return None
    first = book.orders.group_by("customer_id").agg(first=book.orders.date.min())
    if book.has("customers", "since"):
        listed = (
            book.table("customers")
            .filter(lambda c: c.since.notnull())
            .select("customer_id", first="since")
        )
        first = (
            ibis.union(first, listed).group_by("customer_id").agg(first=lambda c: c["first"].min())
        )
    return contacts.win_rates(book.table("opportunities"), first, since, book.as_of)
