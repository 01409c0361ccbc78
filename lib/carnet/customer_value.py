"""What keeping customers is worth in this book: the inputs of the retention plan, out of sales, costs and the account list.

Years are the last 12 months and those before, whatever the engagement compares.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import ibis.expr.types as ir
import numpy as np
import pandas as pd

from carnet.account_list import OPPORTUNITY_YEARS
from carnet.book import Book
from carnet.customer_years import rolling_periods, window_start, years_covered
from carnet.measures import concentration, contacts, movement, replacement, silence
from carnet.series import audit_series, margin_rates

HISTORY_YEARS = 2  # years that must be covered, for a newcomer of the previous 12 months to be told from a customer


@dataclass(frozen=True)
class Portfolio:
    """The customers of the last 24 months as the profit effects see them.

    customers   one row a customer: customer_id, name, active, active_previous, status, good (class A or B of the previous year, with a margin
                above zero), margin_previous (NaN where not known), newcomer (first order in the previous year; NULL where the sales given do not reach back)
    profit      net margin of the last 12 months; NaN without costs, or where the audit period is another one
    """

    customers: pd.DataFrame
    profit: float
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

    @property
    def lost(self) -> pd.DataFrame:
        """Customers of the previous 12 months without an order in the last 12, whose margin is known."""
        return self.customers[self.customers.active_previous & ~self.customers.active & self.customers.margin_previous.notna()]

    @property
    def leaver_margin(self) -> float:
        """Mean margin of the previous 12 months of those lost; NaN where nobody left."""
        return float(self.lost.margin_previous.mean()) if len(self.lost) else math.nan


def movement_of(book: Book) -> ir.Table:
    """`movement.customer_movement` of the last 12 months against the 12 before."""
    return movement.customer_movement(book.cube, rolling_periods(book))


def portfolio_of(book: Book, cut_a: float, cut_b: float) -> Portfolio:
    """The customers of the last 24 months with their margins, and the company's profit. Nobody, where the sales given do not cover 24 months."""
    moved = movement_of(book)
    t = moved.filter(moved.status.notnull()).order_by("customer_id").execute()
    if not years_covered(book):
        t = t.head(0)
    before = moved.mutate(revenue=moved.revenue_previous)
    classes = (
        concentration.abc_classes(before, cut_a, cut_b).select("customer_id", "abc_class").execute().set_index("customer_id").abc_class
    )
    t["margin_previous"] = t.revenue_previous * margin_rates(book, t.customer_id)
    t["good"] = t.customer_id.map(classes).isin(["A", "B"]) & (t.margin_previous > 0)
    start = pd.Timestamp(rolling_periods(book).previous.start)
    fresh = (pd.to_datetime(t.first_date) >= start) & t.active_previous
    t["newcomer"] = fresh.astype("boolean") if years_covered(book) >= HISTORY_YEARS else pd.Series(pd.NA, t.index, dtype="boolean")
    named = book.customers.execute().drop_duplicates("customer_id").set_index("customer_id").name
    t["name"] = t.customer_id.map(named).fillna(t.customer_id)  # nameless: its number
    now = audit_series(book).iloc[1]
    whole_year = book.engagement.comparison == "rolling_year"
    columns = ["customer_id", "name", "active", "active_previous", "status", "good", "margin_previous", "newcomer", "revenue_previous"]
    sums = (
        float(now[name]) if whole_year else math.nan for name in ("net_margin", "gross_margin", "revenue", "fixed_cost", "acquisition_cost")
    )
    return Portfolio(t[columns].astype({"active": bool, "active_previous": bool}), *sums)


def replacement_of(book: Book, portfolio: Portfolio, horizon_years: int, discount_rate: float) -> dict[str, float]:
    """`replacement.replacement_ratio` of the book; NaN where newcomers cannot be told or nobody good was lost."""
    t = portfolio.customers
    fresh = t[t.newcomer.fillna(False).astype(bool)]
    good = t[t.good & ~t.newcomer.fillna(False).astype(bool)]
    return replacement.replacement_ratio(
        good.margin_previous[~good.active],
        first_year_margins(book, fresh.customer_id),
        good.active,
        fresh.active,
        horizon_years,
        discount_rate,
    )


def first_year_margins(book: Book, customers: pd.Series) -> np.ndarray:
    """Margin of each customer in the 12 months from its first order on (revenue of those months × its margin rate)."""
    names = customers.reset_index(drop=True)
    if not len(names):
        return np.array([], dtype=float)
    first = book.orders.group_by("customer_id").agg(first=book.orders.date.min()).execute().set_index("customer_id")["first"]
    began = pd.to_datetime(names.map(first)).astype("datetime64[ns]")
    spans = pd.DataFrame({"customer_id": names, "window_start": began, "window_end": began + pd.DateOffset(years=1) - pd.Timedelta(days=1)})
    return revenue_within(book, spans) * margin_rates(book, names)


def revenue_within(book: Book, spans: pd.DataFrame) -> np.ndarray:
    """Revenue of each row's customer between its window_start and window_end (both included), credit notes deducted."""
    if not len(spans):
        return np.array([], dtype=float)
    lines = book.table("sales").join(silence.windows_of(spans), "customer_id")
    inside = lines.filter(lines.date.between(lines.window_start, lines.window_end))
    sums = inside.group_by("customer_id").agg(revenue=inside.amount.sum().cast("float64")).execute().set_index("customer_id").revenue
    return spans.customer_id.map(sums).fillna(0.0).to_numpy(dtype=float)  # no line in its window: nothing bought


def yearly_margins(book: Book, accounts: pd.DataFrame) -> pd.Series:
    """What each account leaves in a year while it buys: revenue of the 12 months up to its last order × margin rate − cost to serve a year where known.

    The cost to serve is that of the audit period, brought to 12 months; unknown without any margin rate.
    """
    last = pd.to_datetime(accounts.last_order_date).astype("datetime64[ns]")
    spans = pd.DataFrame(
        {"customer_id": accounts.customer_id, "window_start": last - pd.DateOffset(years=1) + pd.Timedelta(days=1), "window_end": last}
    )
    margin = revenue_within(book, spans.dropna().reset_index(drop=True)) if last.notna().all() else np.full(len(accounts), np.nan)
    served = accounts.cost_to_serve.astype(float).fillna(0.0) * 12 / book.periods.month_count  # no cost to serve known: the margin on goods
    return pd.Series(margin * margin_rates(book, accounts.customer_id) - served.to_numpy(), accounts.index)


def regain_margins(book: Book, accounts: pd.DataFrame) -> pd.Series:
    """Margin a year that the active accounts to rekindle no longer bring: (best 12 months − last 12 months) × margin rate; 0 for every other account."""
    lost = (accounts.peak_revenue - accounts.rolling_year_revenue).clip(lower=0) * margin_rates(book, accounts.customer_id)
    return lost.where((accounts.strategy == "rekindle") & accounts.active.astype(bool), 0.0)


def effects_of(portfolio: Portfolio, changes: Mapping[str, tuple[str, float]], years: int) -> pd.DataFrame:
    """`replacement.profit_effect` of each change (name → kind and size, see `changed_rate`) with its interval: change, retention_rate, extra_customers,
    extra_profit, profit_share, low, high (of extra_profit).
    """  # fmt: skip
    t, rows = portfolio.customers, []
    for name, (kind, size) in changes.items():
        rate = portfolio.retention_rate
        other = replacement.changed_rate(rate, kind, size) if rate == rate else math.nan
        found = replacement.profit_effect(
            rate, [other], t.active.sum(), portfolio.inflow, portfolio.leaver_margin, portfolio.profit, years
        ).iloc[0]
        low, high = replacement.profit_effect_interval(
            t.active_previous, t.active, t.margin_previous.where(t.active_previous), kind, size, years
        )
        rows.append({"change": name, **found.to_dict(), "low": low, "high": high})
    return pd.DataFrame(rows)


def win_rates_of(book: Book) -> pd.DataFrame | None:
    """`contacts.win_rates` of the last 24 months; None without opportunities whose outcome is noted, or where the sales do not reach back before them."""
    if not book.has("opportunities", "stage") or book.first_sale is None or book.first_sale > window_start(book.as_of, OPPORTUNITY_YEARS):
        return None
    return contacts.win_rates(book.table("opportunities"), book.orders, window_start(book.as_of, OPPORTUNITY_YEARS), book.as_of)
