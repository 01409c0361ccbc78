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
    with_strategies,
)
from carnet.customers.accounts.profits import Rates
from carnet.customers.columns import Part, joined
from carnet.customers.series import margin_rates_of, own_costs
from carnet.engagement.parameters import Policy
from carnet.engagement.periods import year_earlier_in
from carnet.measures.portfolio import concentration
from carnet.measures.register import Column, composed

VALUED = {
    "relationship": "boolean", "sign_count": "int64", "measured_sign_count": "int64",
    "signs": "string", "strategy": "string", "serve_on": "string", "untapped": "float64",
    "yearly_margin": "float64", "regain_margin": "float64",
}  # fmt: skip


@composed(
    {
        "yearly_margin": Column(
            "currency",
            "What it leaves in a year while it buys: revenue of the 12 months up to its last order "
            "× margin rate − cost lines that name it and cost to serve of the last 12 months where "
            "known (of those gone it is mostly not: theirs is the margin on goods)",
        ),
        "regain_margin": Column(
            "currency",
            "Margin a year that an active account to rekindle no longer brings: (best 12 months − "
            "last 12 months) × margin rate; 0 for every other account",
        ),
        "potential_class": Column(
            "text", "Class A, B or C by potential: concentration.potential_classes"
        ),
        "untapped": Column("currency", "Potential less revenue, at least 0"),
    },
)
@tabled
def valued_accounts(
    book: Book,
    cut_a: float,
    cut_b: float,
    strategy_rules: str,
    rates: Rates,
    complaints: str = "",
) -> Mapped:
    """`account_list` with classes by potential, strategies and yearly margins."""
    book = book.rolling
    rules = chosen_rules(book.engagement.sector_profile.strategy, strategy_rules)
    t = account_list(book, cut_a, cut_b, rates, complaints)
    classes = concentration.potential_classes(t, cut_a, cut_b)
    t = joined(
        t,
        Part(classes, {"potential_class": "string"}),
        Part(margin_rates_of(book), {"margin_rate": "float64"}),
        Part(_sold(book, t), {"sold": "float64"}),
        Part(own_costs(book), {"own_cost": "float64"}),
    )
    return Mapped(t, partial(_valued, rules), VALUED, ("margin_rate", "sold", "own_cost"))


def accounts_of(book: Book, policy: Policy) -> ir.Table:
    """`valued_accounts` as the parameters of an audit have them."""
    rates = Rates(policy.hourly_rate_low, policy.hourly_rate_high, policy.capital_rate)
    cuts, rules = (policy.abc_cut_a, policy.abc_cut_b), policy.strategy_rules
    return valued_accounts(book, *cuts, rules, rates, policy.complaint_activities)


def _sold(book: Book, t: ir.Table) -> ir.Table:
    """Revenue of the 12 months up to the last order of each account: customer_id, sold."""
    ordered = t.filter(t.last_order_date.notnull())
    start = year_earlier_in(ordered.last_order_date) + ibis.interval(days=1)
    windows = ordered.select("customer_id", window_start=start, window_end="last_order_date")
    lines = book.table("sales").join(windows, "customer_id")
    inside = lines.filter(lines.date.between(lines.window_start, lines.window_end))
    return inside.group_by("customer_id").agg(sold=inside.amount.sum().cast("float64"))


def _valued(rules: Mapping[str, float], t: pd.DataFrame) -> pd.DataFrame:
    """Rows of the account list with their strategy and what they leave in a year: VALUED. Unknown
    without any margin rate.
    """
    t = with_strategies(t, rules)
    # no line in its window: nothing bought; no order at all: not known
    sold = t.sold.fillna(0.0).where(t.last_order_date.notna())
    # no cost line names it; cost to serve not known: the margin on goods
    mine = t.cost_to_serve.fillna(0.0) + t.own_cost.fillna(0.0)
    lost = (t.peak_revenue - t.rolling_year_revenue).clip(lower=0)
    fallen = (t.strategy == "rekindle") & t.active
    return t.assign(
        untapped=(t.potential - t.revenue).clip(lower=0),
        yearly_margin=sold * t.margin_rate - mine,
        regain_margin=(lost * t.margin_rate).where(fallen, 0.0),
    )
