"""The account list: what every table of the book knows of a customer's worth, payment,
satisfaction and ties, one row each.

A book of sales alone gives the list, too: what a missing table would tell is unknown,
and the column is there. The list looks at the last 12 months and the 12 before, whatever the
engagement compares.
"""

from collections.abc import Mapping

import ibis
import numpy as np
import pandas as pd

from carnet.book.book import Book
from carnet.book.once import once
from carnet.customers.accounts.profits import Rates, profits
from carnet.customers.accounts.sources import (
    activities,
    fading,
    listed,
    marks,
    opportunities,
    payment,
    rhythm,
    sale_lines,
    years,
)
from carnet.customers.series import moved as moved_of
from carnet.engagement.profiles import RULE_BOUNDS, checked_rule
from carnet.errors import CarnetError, nearest
from carnet.measures.portfolio import concentration, strategy
from carnet.measures.register import Column, composed
from carnet.wording import N_

MOVEMENTS = N_(
    "One row per customer over the last 12 months and those before: revenue, orders, what became "
    "of the customer"
)
STRATEGY_COLUMNS = [
    "customer_id", "name", "salesperson", "strategy", "action", "reason", "serve_on",
    "relationship", "sign_count", "measured_sign_count", "signs", "revenue", "revenue_previous",
    "abc_class", "margin", "cost_to_serve", "profit", "profit_low", "profit_high", "peak_revenue",
    "peak_end", "rolling_year_revenue", "last_order_date", "tenure_years", "contact_count",
    "contact_count_previous", "contact_person_count", "single_thread", "potential",
    "potential_class", "untapped", "opportunity_count", "opportunity_quarter_count", "win_rate",
    "mean_discount", "competitor", "capital", "capital_low", "capital_high", "capital_rank",
    "rank_low", "rank_high",
]  # fmt: skip


def chosen_rules(rules: Mapping[str, float], text: str) -> dict[str, float]:
    """The rules of a sector, those that `text` names replaced: 'long_standing_years=5,
    peak_fall_share=0.4'. Raises CarnetError for a name that is no rule.
    """
    chosen = dict(rules)
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, _, value = (word.strip() for word in part.partition("="))
        if name not in rules:
            raise CarnetError(
                "strategy rules: no rule is called {name}; {nearest}",
                name=f"{name!r}",
                nearest=nearest(name, rules),
            )
        try:
            chosen[name] = checked_rule(name, float(value))
        except ValueError as error:
            raise CarnetError(
                "strategy rule {name}: {value} is not accepted; {rule_bounds}. ({error})",
                name=name,
                value=f"{value!r}",
                rule_bounds=RULE_BOUNDS,
                error=error,
            ) from None
    return chosen


@composed(
    {
        "days_since_last_order": Column("days", "as_of less the day of the last order"),
        "tenure_years": Column(
            "years", "as_of less the earlier of customers.since and the first order given"
        ),
        "kept_share": Column(
            "ratio",
            "Revenue kept: at most the previous one, over the previous one where positive",
        ),
        "profit_rate": Column(
            "ratio",
            "profit_or_margin over the revenue whose margin is known, where that is positive",
        ),
        "profit_rank": Column("ratio", "Share of the accounts with no more profit_or_margin"),
        "fading": Column(
            "truth", "Bought at most half as much in the second half of the year as in the first"
        ),
        "class_b_revenue": Column(
            "currency", "Least revenue of an account of class A or B, the same in every row"
        ),
        "contact_person_count": Column(
            "count", "Persons behind the orders of 12 months, else those the customer list counts"
        ),
        "single_thread": Column(
            "truth", "contact_person_count is 1; unknown where nobody is counted"
        ),
    },
    N_("Accounts: one row per customer with a sale in the last 24 months"),
)
@once
def account_list(book: Book, cut_a: float, cut_b: float, rates: Rates) -> pd.DataFrame:
    """One row per customer with a sale in the last 24 months, largest revenue first.

    Columns     customer_id, name, salesperson, segment; revenue and revenue_previous, order_count,
                active (an order in the last 12 months), status, abc_class, class_b_revenue
                (least revenue of class B, the same in every row), first_date, last_order_date,
                days_since_last_order, silence_ratio, tenure_years, month_count, active_year_share,
                fall_p_value, kept_share, order_quarter_count, return_share, rolling_year_revenue,
                peak_revenue, peak_end; margin, cost_to_serve, profit, profit_low, profit_high
                (the margin where no cost to serve is known), profit_rate, profit_rank; days_late,
                overdue_share; score and the marks of service quality, complaint_rate; contact_count
                (12 months up to the last order), contact_count_previous (12 months before those),
                rush_count; contact_person_count, single_thread, family_share, mean_discount,
                fading, opportunity_count, opportunity_quarter_count, win_rate; contract,
                contract_end, potential, competitor. Unknown is NaN or NULL
    """
    book = book.rolling
    periods = book.periods
    moved = book.kept("account_movements", moved_of(book), MOVEMENTS)
    t = moved.filter(moved.status.notnull()).order_by(ibis.desc("revenue"), "customer_id").execute()
    t = t[
        [
            "customer_id",
            "revenue",
            "revenue_previous",
            "order_count",
            "active",
            "status",
            "first_date",
        ]
    ]
    classes = (
        concentration.abc_classes(moved, cut_a, cut_b)
        .select("customer_id", "abc_class")
        .execute()
        .set_index("customer_id")
        .abc_class
    )
    t["abc_class"] = t.customer_id.map(classes)
    large = t.revenue[t.abc_class.isin(["A", "B"])]
    t["class_b_revenue"] = large.min() if len(large) else np.nan
    named = book.names()
    t["name"], t["salesperson"] = (
        t.customer_id.map(named.name).fillna(t.customer_id),
        t.customer_id.map(named.salesperson),
    )  # nameless: its number
    for part in (
        listed(book),
        rhythm(book),
        years(book),
        sale_lines(book),
        profits(book, rates),
        payment(book),
        opportunities(book),
    ):
        t = _joined(t, part)
    if book.has("contracts"):  # whoever holds none is under none
        t["contract"] = t.contract.fillna(False).astype("boolean")
    last = pd.to_datetime(t.last_order_date)
    t["days_since_last_order"] = (pd.Timestamp(book.as_of) - last).dt.days.astype(float)
    began = pd.to_datetime(t.first_date).astype("datetime64[ns]")
    told = pd.to_datetime(t.since).astype("datetime64[ns]")
    t["tenure_years"] = (
        pd.Timestamp(book.as_of) - told.where(told < began, began)
    ).dt.days / 365.25
    before = t.revenue_previous.where(t.revenue_previous > 0)
    t["kept_share"] = np.minimum(t.revenue.clip(lower=0), before) / before
    t["profit_rate"] = t.profit_or_margin / t.margin_revenue.where(t.margin_revenue > 0)
    t["profit_rank"] = t.profit_or_margin.rank(pct=True)
    t = _joined(t, marks(book))
    t = activities(book, t)
    t["fading"] = fading(book, t.customer_id, periods.current)
    # persons behind orders where the sales name them, else those that the customer list counts
    t["contact_person_count"] = (
        t.order_contact_count.fillna(t.contacts.astype(float))
        if "order_contact_count" in t
        else t.contacts.astype(float)
    )
    persons = t.contact_person_count.where(t.contact_person_count > 0)
    t["contact_person_count"], t["single_thread"] = (
        persons,
        (persons == 1).astype("boolean").mask(persons.isna()),
    )
    return t.sort_values(["revenue", "customer_id"], ascending=[False, True], ignore_index=True)


def _joined(t: pd.DataFrame, part: pd.DataFrame) -> pd.DataFrame:
    return t.merge(
        part.astype({"customer_id": t.customer_id.dtype}),
        on="customer_id",
        how="left",
        validate="one_to_one",
    )


@composed(
    {
        "signs": Column(
            "text", "Names of the signs of a relationship that are there, separated by spaces"
        ),
        "serve_on": Column(
            "text", "What to serve it on, where the strategy is to serve: strategy.serve_levers"
        ),
        "potential_class": Column(
            "text", "Class A, B or C by potential: concentration.potential_classes"
        ),
        "untapped": Column("currency", "Potential less revenue, at least 0"),
    },
    N_("Accounts with the signs of a relationship and one strategy each"),
)
def with_strategies(
    t: pd.DataFrame, rules: Mapping[str, float], cut_a: float, cut_b: float
) -> pd.DataFrame:
    """The account list with its strategies: the switching signs, relationship, strategy, serve_on,
    signs (their names), potential_class, untapped.
    """
    signs = strategy.switching_signs(t, rules)
    t = t.assign(
        relationship=strategy.relationships(signs, t.abc_class, rules),
        sign_count=signs.sign_count,
        measured_sign_count=signs.measured_sign_count,
    )
    shown = signs[list(strategy.SIGNS)].fillna(False).astype(bool)
    t["signs"] = [
        " ".join(name for name, there in zip(strategy.SIGNS, row, strict=True) if there)
        for row in shown.to_numpy()
    ]
    t["strategy"] = strategy.choose_strategies(t, rules)
    t["serve_on"] = strategy.serve_levers(t, rules).where(t.strategy == "serve", "")
    t["potential_class"] = t.customer_id.map(concentration.potential_classes(t, cut_a, cut_b))
    t["untapped"] = (t.potential.astype(float) - t.revenue).clip(lower=0)
    return t


def chance_fallen(book: Book, t: pd.DataFrame, rules: Mapping[str, float]) -> float:
    """`strategy.chance_fallen` of the accounts: how many would look once bigger by luck alone."""
    orders = book.orders.select("customer_id", "revenue").execute()
    least = float(t.class_b_revenue.iloc[0]) if len(t) else float("nan")
    return strategy.chance_fallen(orders, t.set_index("customer_id").month_count, least, rules)
