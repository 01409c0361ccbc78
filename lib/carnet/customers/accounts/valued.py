"""The account list with one strategy an account, and what each leaves in a year."""

from collections.abc import Mapping
from functools import partial

import ibis
import ibis.expr.types as ir
import pandas as pd

from carnet.book.book import Book
from carnet.book.mapped import Mapped
from carnet.book.tables import tabled
from carnet.customers.accounts.account_list import (
    account_list,
    chosen_rules,
    with_potential_classes,
    with_strategies,
)
from carnet.customers.accounts.profits import Rates
from carnet.customers.columns import joined
from carnet.customers.series import own_costs, with_margin_rates
from carnet.engagement.periods import year_earlier_in
from carnet.measures.register import Column, composed

VALUED = {
    "relationship": "boolean", "sign_count": "int64", "measured_sign_count": "int64",
    "signs": "string", "strategy": "string", "serve_on": "string", "regain_margin": "float64",
}  # fmt: skip


@composed(
    {
        "yearly_margin": Column(
            "currency",
            "Margin of 12 months as the retention measures read it: with_yearly_margins",
        ),
        "regain_margin": Column(
            "currency",
            "Margin of a year that winning it back regains: regain_margins",
        ),
    },
)
@tabled
def valued_accounts(
    book: Book, cut_a: float, cut_b: float, strategy_rules: str, rates: Rates
) -> Mapped:
    """The account list with strategies and yearly margins."""
    book = book.rolling
    rules = chosen_rules(book.engagement.sector_profile.strategy, strategy_rules)
    t = with_potential_classes(account_list(book, cut_a, cut_b, rates), cut_a, cut_b)
    t = with_yearly_margins(book, t)
    return Mapped(t, partial(_valued, rules), VALUED, ("margin_rate",))


def _valued(rules: Mapping[str, float], t: pd.DataFrame) -> pd.DataFrame:
    """Rows of the account list with their strategy and what winning them back regains: VALUED."""
    t = with_strategies(t, rules)
    return t.assign(regain_margin=regain_margins(t))


def with_yearly_margins(book: Book, t: ir.Table) -> ir.Table:
    """The account list with margin_rate and yearly_margin, what each leaves in a year while it
    buys: revenue of the 12 months up to its last order × margin rate − cost lines that name it and
    cost to serve of the last 12 months where known (of those gone it is mostly not: theirs is the
    margin on goods). Unknown without any margin rate.
    """
    sales = book.table("sales")
    ordered = t.filter(t.last_order_date.notnull())
    start = year_earlier_in(ordered.last_order_date) + ibis.interval(days=1)
    windows = ordered.select("customer_id", window_start=start, window_end="last_order_date")
    lines = sales.join(windows, "customer_id")
    inside = lines.filter(lines.date.between(lines.window_start, lines.window_end))
    sums = inside.group_by("customer_id").agg(sold=inside.amount.sum().cast("float64"))
    t = joined(with_margin_rates(book, t), sums, {"sold": "float64"})
    # no line in its window: nothing bought; no order at all: not known
    sold = t.last_order_date.notnull().ifelse(t.sold.fill_null(0.0), ibis.null("float64"))
    t = joined(t.mutate(sold=sold), own_costs(book), {"own_cost": "float64"})
    # no cost line names it; cost to serve not known: the margin on goods
    mine = t.cost_to_serve.fill_null(0.0) + t.own_cost.fill_null(0.0)
    return t.mutate(yearly_margin=t.sold * t.margin_rate - mine).drop("sold", "own_cost")


def regain_margins(accounts: pd.DataFrame) -> pd.Series:
    """Margin a year that the active accounts to rekindle no longer bring:
    (best 12 months − last 12 months) × margin rate; 0 for every other account.
    """
    lost = (accounts.peak_revenue - accounts.rolling_year_revenue).clip(lower=0)
    fallen = (accounts.strategy == "rekindle") & accounts.active.astype(bool)
    return (lost * accounts.margin_rate).where(fallen, 0.0)
