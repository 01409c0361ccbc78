"""What keeping customers is worth in this book: the inputs of the retention plan, out of sales,
costs and the account list.

Years are the last 12 months and those before, whatever the engagement compares.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from carnet.book.book import Book
from carnet.book.once import once
from carnet.customers.accounts.sources import OPPORTUNITY_YEARS
from carnet.customers.customer_years import rolling_periods, years_covered
from carnet.customers.series import audit_series, margin_rates, moved
from carnet.engagement.periods import years_earlier, years_earlier_each
from carnet.measures.gaps import contacts
from carnet.measures.indicators import replacement
from carnet.measures.reasons import silence

# without an order before a first order that make a newcomer
QUIET_INTERVALS, LEAST_QUIET_DAYS, MOST_QUIET_DAYS = 3, 90, 365
MOST_YEARS = 10  # of a newcomer's life, looked at
# years that must be covered, for a newcomer of the previous 12 months to be told from a customer
HISTORY_YEARS = 2


@dataclass(frozen=True)
class Portfolio:
    """The customers of the last 24 months as the profit effects see them.

    customers   one row a customer: customer_id, name, active, active_previous, status,
                yearly_revenue (of the previous 12 months; of those lost the 12 months up to their
                last order, since they left within the year), yearly_margin (NaN where not known),
                good (class A or B by yearly_revenue, a margin above zero, no newcomer), newcomer
                (first order in the previous year; NULL where the sales given do not reach back),
                left, years (observed from the start of the previous year, or the first order,
                to its end, or the last order of those lost)
    net_margin, gross_margin, revenue, fixed_cost, acquisition_cost: of the last 12 months;
                NaN without costs
    """

    customers: pd.DataFrame
    net_margin: float
    gross_margin: float
    revenue: float
    fixed_cost: float
    acquisition_cost: float

    @property
    def retention_rate(self) -> float:
        """Kept ÷ active in the previous 12 months; NaN without any."""
        before = self.customers.active_previous
        return float(self.customers.active[before].mean()) if before.any() else math.nan

    @property
    def inflow(self) -> int:
        """New and recovered customers of the last 12 months."""
        return int((self.customers.active & ~self.customers.active_previous).sum())

    @cached_property
    def drawn(self) -> pd.DataFrame:
        """Samples of the customers: `replacement.drawn_portfolios`."""
        t = self.customers
        return replacement.drawn_portfolios(t.active_previous, t.active, t.yearly_margin)

    @property
    def lost(self) -> pd.DataFrame:
        """Customers of the previous 12 months without an order in the last 12,
        whose margin is known.
        """
        return self.customers[self.customers.left & self.customers.yearly_margin.notna()]

    @property
    def leaver_margin(self) -> float:
        """Mean yearly margin of those lost; NaN where nobody left."""
        return float(self.lost.yearly_margin.mean()) if len(self.lost) else math.nan


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


@once
def _customers(book: Book, cut_b: float) -> pd.DataFrame:
    """The customers of a `Portfolio`."""
    movements = movement_of(book)
    # those due
    t = (
        movements.filter(movements.status.notnull() & (movements.status != "not_due"))
        .order_by("customer_id")
        .execute()
    )
    if not years_covered(book):
        t = t.head(0)
    t = t.astype({"active": bool, "active_previous": bool})
    t["left"] = t.active_previous & ~t.active
    before, last = book.periods.previous, pd.to_datetime(t.last_date).astype("datetime64[ns]")
    stopped = t.left.to_numpy()
    t["yearly_revenue"] = t.revenue_previous.where(
        ~t.left,
        revenue_within(book, _year_up_to(t.customer_id[stopped], last[stopped]), t.customer_id),
    )
    t["yearly_margin"] = t.yearly_revenue * margin_rates(book, t.customer_id)
    began = pd.to_datetime(t.first_date).astype("datetime64[ns]")
    start, end = pd.Timestamp(before.start), pd.Timestamp(before.end)
    t["years"] = (
        (last.where(t.left, end) - began.where(began > start, start)).dt.days / 365.25
    ).where(t.active_previous)
    fresh = (began >= start) & t.active_previous
    t["newcomer"] = (
        fresh.astype("boolean")
        if years_covered(book) >= HISTORY_YEARS
        else pd.Series(pd.NA, t.index, dtype="boolean")
    )
    opening = (
        t[t.active_previous & (t.yearly_revenue > 0)]
        .sort_values(["yearly_revenue", "customer_id"], ascending=[False, True])
        .yearly_revenue
    )
    larger = (opening.cumsum() - opening) / opening.sum()
    large = t.index.isin(larger.index[larger < cut_b - 1e-12])
    t["good"] = (
        large & (t.yearly_margin > 0).to_numpy() & ~t.newcomer.fillna(False).to_numpy(dtype=bool)
    )
    named = book.names(t.customer_id).name
    t["name"] = t.customer_id.map(named).fillna(t.customer_id)  # nameless: its number
    columns = [
        "customer_id",
        "name",
        "active",
        "active_previous",
        "status",
        "yearly_revenue",
        "yearly_margin",
        "good",
        "newcomer",
        "left",
        "years",
    ]
    return t[columns]


def _year_up_to(customers: pd.Series, last: pd.Series) -> pd.DataFrame:
    """The 12 months up to a day of each customer, as `revenue_within` wants them."""
    start = years_earlier_each(last, 1) + pd.Timedelta(days=1)
    return pd.DataFrame({"customer_id": customers, "window_start": start, "window_end": last})


def replacement_of(
    book: Book, portfolio: Portfolio, horizon_years: int, discount_rate: float
) -> dict[str, float]:
    """`replacement.replacement_ratio` of the book; NaN where newcomers cannot be told or nobody
    good was lost.
    """
    t, book = portfolio.customers, book.rolling
    good = t[t.good]
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
    first = orders.group_by("customer_id").agg(first=orders.date.min()).execute()
    first["first"] = pd.to_datetime(first["first"]).astype("datetime64[ns]")
    fresh = first[first["first"] > pd.Timestamp(book.first_sale) + pd.Timedelta(days=quiet)]
    spans = []
    for year in range(MOST_YEARS):
        start, after = (
            years_earlier_each(fresh["first"], -year),
            years_earlier_each(fresh["first"], -year - 1),
        )
        part = pd.DataFrame(
            {
                "customer_id": fresh.customer_id,
                "year": year,
                "window_start": start,
                "window_end": after - pd.Timedelta(days=1),
            }
        )
        spans.append(part[part.window_end <= pd.Timestamp(book.as_of)])
    t = pd.concat(spans, ignore_index=True)
    if not len(t):
        return pd.DataFrame(columns=columns)
    days = t.assign(window_start=t.window_start.dt.date, window_end=t.window_end.dt.date)
    windows = ibis.memtable(
        days,
        schema={
            "customer_id": "string",
            "year": "int64",
            "window_start": "date",
            "window_end": "date",
        },
    )
    lines = book.table("sales").join(windows, "customer_id")
    inside = lines.filter(lines.date.between(lines.window_start, lines.window_end))
    sums = (
        inside.group_by("customer_id", "year")
        .agg(revenue=inside.amount.sum().cast("float64"), bought=(inside.amount > 0).any())
        .execute()
    )
    t = t.merge(sums, on=["customer_id", "year"], how="left")
    # no line in a year that was observed whole: nothing bought
    t["bought"] = t.bought.eq(True).astype(float)
    t["margin"] = t.revenue.fillna(0.0) * margin_rates(book, t.customer_id)
    return t[columns].dropna(subset=["margin"])


def revenue_within(book: Book, spans: pd.DataFrame, customers: pd.Series) -> np.ndarray:
    """Revenue of `customers` between their window_start and window_end (both included),
    credit notes deducted; NaN without a window.
    """
    if not len(spans):
        return np.full(len(customers), np.nan)
    lines = book.table("sales").join(silence.windows_of(spans), "customer_id")
    inside = lines.filter(lines.date.between(lines.window_start, lines.window_end))
    sums = (
        inside.group_by("customer_id")
        .agg(revenue=inside.amount.sum().cast("float64"))
        .execute()
        .set_index("customer_id")
        .revenue
    )
    known = sums.reindex(spans.customer_id).fillna(0.0)  # no line in its window: nothing bought
    return known.reindex(customers).to_numpy(dtype=float)


def effects_of(
    portfolio: Portfolio, changes: Mapping[str, tuple[str, float]], years: int
) -> pd.DataFrame:
    """`replacement.profit_effect` of each change (name → kind and size, see `changed_rate`) with
    its interval: change, retention_rate, extra_customers, extra_profit, profit_share, low, high
    (of extra_profit).
    """
    t, rows = portfolio.customers, []
    for name, (kind, size) in changes.items():
        rate = portfolio.retention_rate
        other = replacement.changed_rate(rate, kind, size) if rate == rate else math.nan
        found = replacement.profit_effect(
            rate,
            [other],
            t.active.sum(),
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
