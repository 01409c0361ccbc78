"""The account list: what every table of the book knows of a customer's worth, payment,
satisfaction and ties, one row each.

A book of sales alone gives the list, too: what a missing table would tell is unknown,
and the column is there. The list looks at the last 12 months and the 12 before, whatever the
engagement compares.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from carnet.book.book import Book
from carnet.book.mapped import Mapped, frame
from carnet.book.tables import tabled
from carnet.customers.accounts import sources
from carnet.customers.accounts.profits import Rates, bounded, profits
from carnet.customers.columns import Part, joined
from carnet.customers.customer_years import peak_ends, trends
from carnet.customers.series import moved as moved_of
from carnet.engagement.periods import Periods, years_earlier
from carnet.engagement.profiles import RULE_BOUNDS, checked_rule
from carnet.errors import CarnetError, nearest
from carnet.measures.portfolio import concentration, strategy
from carnet.measures.register import Column, composed
from carnet.wording import N_

MOVEMENTS = N_(
    "One row per customer over the last 12 months and those before: revenue, orders, what became "
    "of the customer"
)
LARGEST_FIRST = (ibis.desc("revenue"), "customer_id")
MOST_ORDERS = 1_000_000  # of which months are drawn
MOVED = [
    "customer_id", "revenue", "revenue_previous", "order_count", "active", "status", "first_date"
]  # fmt: skip
JUDGED = {
    "peak_end": "date", "fading": "boolean", "single_thread": "boolean",
} | dict.fromkeys(
    (
        "fall_p_value", "profit_low", "profit_high", "days_since_last_order", "tenure_years",
        "kept_share", "profit_rate", "complaint_rate", "mean_discount", "contact_person_count",
    ),
    "float64",
)  # fmt: skip
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
        "mean_discount": Column("ratio", "line_discount, else opportunity_discount"),
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
@tabled
def account_list(
    book: Book, cut_a: float, cut_b: float, rates: Rates, complaints: str = ""
) -> Mapped:
    """One row per customer with a sale in the last 24 months. `complaints`: kinds of activity that
    are, where their words do not tell.

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
                contract_end, potential, competitor. Unknown is NULL
    """
    book = book.rolling
    moved = book.kept("account_movements", moved_of(book), MOVEMENTS)
    t = moved.filter(moved.status.notnull())[MOVED]
    t, _ = book.engine.keep("accounts_in_their_rhythm", joined(t, *sources.rhythm(book)))
    classes = concentration.abc_classes(moved, cut_a, cut_b)
    large = classes.filter(classes.abc_class.isin(["A", "B"]))
    money, served = profits(book, rates)
    year = book.periods.current
    t = joined(
        t.cross_join(large.agg(class_b_revenue=large.revenue.min())),
        Part(classes, {"abc_class": "string"}),
        Part(book.customers, {"name": "string", "salesperson": "string"}),
        sources.listed_part(book),
        sources.years(book),
        sources.sale_lines(book),
        money,
        sources.payment(book),
        sources.opportunities(book),
        sources.marks(book),
        *sources.activities(book, t, complaints),
        Part(trends(book, year.start, year.end), {"trend": "float64"}),
    )
    worth = ibis.coalesce(t.profit, t.margin)  # the margin where no cost to serve is known
    ties = t.count().over(ibis.window(group_by=worth))
    rank = ibis.rank().over(ibis.window(order_by=[worth.isnull(), worth])) + (ties + 1) / 2
    share = worth.notnull().ifelse(rank / worth.count().over(), ibis.null("float64"))
    since = years_earlier(book.as_of, sources.OPPORTUNITY_YEARS)
    told = Told(
        book.periods,
        rates,
        tuple(served),
        book.has("contracts"),
        book.has("opportunities") and book.covers("opportunities", since),
    )
    read = ("peak_audit_month", "orders_ever", "orders_lately", "trend", "complaint_count")
    t = t.mutate(profit_or_margin=worth, profit_rank=share)
    return Mapped(t, partial(_judged, told), JUDGED, (*served, *read))


@dataclass(frozen=True)
class Told:
    """What the rows of the account list are judged by: the periods, the rates, the columns of what
    serving cost, whether contracts were given, whether the opportunities cover their time.
    """

    periods: Periods
    rates: Rates
    served: Sequence[str]
    contracts: bool
    opportunities: bool


def _judged(told: Told, t: pd.DataFrame) -> pd.DataFrame:
    """Rows of the account list with what follows from their columns: JUDGED."""
    today, known = pd.Timestamp(told.periods.as_of), t.month_count.notna()
    counts = t.loc[known, ["orders_lately", "orders_ever", "month_count"]].to_numpy(dtype=int)
    chances = pd.Series(np.nan, t.index)
    chances[known] = strategy.fall_p_values(*counts.T)
    t = bounded(t, told.rates, told.served)
    if told.contracts:  # whoever holds none is under none
        t["contract"] = t.contract.fillna(False).astype(bool)
    if told.opportunities:
        # the table covers the time and holds no opportunity of the customer: there was none,
        # or none was noted
        t[list(sources.OFFERED)] = t[list(sources.OFFERED)].fillna(0.0)
    began = t.since.where(t.since < t.first_date, t.first_date)
    before = t.revenue_previous.where(t.revenue_previous > 0)
    # persons behind orders where the sales name them, else those that the customer list counts
    persons = t.contacts
    if "order_contact_count" in t:
        persons = t.order_contact_count.fillna(persons)
    persons = persons.where(persons > 0)
    return t.assign(
        name=t.name.fillna(t.customer_id),  # nameless: its number
        fall_p_value=chances,
        peak_end=peak_ends(told.periods, t.peak_audit_month),
        days_since_last_order=(today - t.last_order_date).dt.days.astype(float),
        tenure_years=(today - began).dt.days / 365.25,
        kept_share=np.minimum(t.revenue.clip(lower=0), before) / before,
        profit_rate=t.profit_or_margin / t.margin_revenue.where(t.margin_revenue > 0),
        complaint_rate=t.complaint_count / t.order_count.where(t.order_count > 0),
        # that of opportunities where lines tell none
        mean_discount=t.line_discount.fillna(t.opportunity_discount),
        fading=t.trend <= sources.FADING,
        contact_person_count=persons,
        single_thread=(persons == 1).astype("boolean").mask(persons.isna()),
    )


@composed(
    {
        "signs": Column(
            "text", "Names of the signs of a relationship that are there, separated by spaces"
        ),
        "serve_on": Column(
            "text", "What to serve it on, where the strategy is to serve: strategy.serve_levers"
        ),
    },
    N_("Accounts with the signs of a relationship and one strategy each"),
)
def with_strategies(t: pd.DataFrame, rules: Mapping[str, float]) -> pd.DataFrame:
    """Rows of the account list, with potential_class, and their strategies: the switching signs,
    relationship, strategy, serve_on, signs (their names).
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
    return t


def chance_fallen(book: Book, accounts: ir.Table, rules: Mapping[str, float]) -> float:
    """`strategy.chance_fallen` of the accounts: how many would look once bigger by luck alone.

    Of more than a million orders it is told by every k-th account, by place, each standing for k.
    """
    step = max(1, -(-int(book.orders.count().execute()) // MOST_ORDERS))
    t = accounts.filter(accounts.month_count.notnull() & (accounts.place % step == 0))
    t = frame(t.select("customer_id", "month_count", "class_b_revenue"))
    bought = book.orders.semi_join(accounts.filter(accounts.place % step == 0), "customer_id")
    orders = frame(bought.select("customer_id", "revenue"))
    least = float(t.class_b_revenue.iloc[0]) if len(t) else float("nan")
    months = t.set_index("customer_id").month_count
    return step * strategy.chance_fallen(orders, months, least, rules)
