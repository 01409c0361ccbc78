"""The account list with what each is worth as a part of the customer capital, and its rank."""

from collections.abc import Mapping
from functools import partial

import ibis
import ibis.expr.types as ir
import pandas as pd

from carnet.book.book import Book
from carnet.book.mapped import Mapped, frame
from carnet.book.once import once
from carnet.book.tables import tabled
from carnet.customers.accounts.account_list import LARGEST_FIRST
from carnet.customers.accounts.valued import accounts_of
from carnet.customers.columns import Part, joined
from carnet.customers.decisions import decisions
from carnet.engagement.parameters import Policy
from carnet.engagement.profiles import Axis
from carnet.measures.portfolio import customer_capital
from carnet.measures.register import Column, composed

PLACED = {"place": "int64", "capital_rank": "int64"} | dict.fromkeys(
    ("capital", "capital_low", "capital_high"), "float64"
)
RANGED = dict.fromkeys(("rank_low", "rank_high", "top_share"), "float64")


@composed(
    {
        "action": Column("text", "The one decision on the account: decisions.decisions"),
        "place": Column("count", "Rank by revenue of the last 12 months, ties by customer_id"),
    },
)
@tabled
def account_capital(book: Book, policy: Policy, top: int, spread: float) -> Mapped:
    """The account list with strategies, the action decided, its axes and its capital, and how far
    its rank hangs on the weights of the axes.

    Columns     those of `valued.valued_accounts`, action, place, a column an axis, capital,
                capital_low, capital_high, capital_rank, rank_low, rank_high, top_share
    """
    t = accounts_of(book, policy)
    decided = decisions(book, policy).select("customer_id", "action")
    axes = axes_of(book)
    scores = customer_capital.axis_scores(t, axes)
    largest_first = ibis.window(order_by=LARGEST_FIRST)
    scores = scores.mutate(place=ibis.row_number().over(largest_first) + 1)
    counts = known_counts(scores, axes)
    weights = measured_weights(axes, counts)
    scores = customer_capital.capital_index(scores, weights)
    reference = _reference(scores, weights, counts["all"])
    draws = customer_capital.Draws.around(weights, spread, reference, counts["all"])
    ranged = partial(_ranged, list(weights), top, draws)
    t = joined(
        t,
        Part(decided, {"action": "string"}),
        Part(scores, PLACED | dict.fromkeys(axes, "float64")),
    )
    return Mapped(t, ranged, RANGED)


def _ranged(
    axes: list[str], top: int, draws: customer_capital.Draws, t: pd.DataFrame
) -> pd.DataFrame:
    """Rows of the account list with the ranges of their ranks: RANGED."""
    return t.join(customer_capital.rank_ranges(t, axes, top, draws))


def axes_of(book: Book) -> dict[str, Axis]:
    """The axes of the sector's profile."""
    return book.engagement.sector_profile.axes


def known_counts(t: ir.Table, axes: Mapping[str, Axis]) -> dict[str, int]:
    """Accounts of which each axis is known; and all of them."""
    counted = t.agg(all=t.count(), **{name: t[name].count() for name in axes})
    return {name: int(count) for name, count in counted.execute().iloc[0].items()}


def measured_weights(axes: Mapping[str, Axis], counts: Mapping[str, int]) -> dict[str, float]:
    """The weights of the axes that are known of somebody and weigh more than 0."""
    return {name: axis.weight for name, axis in axes.items() if counts[name] and axis.weight > 0}


def _reference(t: ir.Table, weights: Mapping[str, float], count: int) -> pd.DataFrame:
    """The accounts against which all are ranked: of many the FIRST by capital_rank, and every k-th
    of the others, which stands for k (stands_for).
    """
    step = max(1, -(-(count - customer_capital.FIRST) // customer_capital.OTHERS))
    known = t.filter(t.capital_rank.notnull())
    beyond = known.capital_rank - customer_capital.FIRST
    chosen = known.filter((beyond <= 0) | (beyond % step == 0))
    stands_for = (chosen.capital_rank > customer_capital.FIRST).ifelse(step, 1)
    return frame(chosen.select(*weights, "place", stands_for=stands_for).order_by("place"))


@once
def axis_dependence(book: Book, policy: Policy, top: int, spread: float) -> pd.DataFrame:
    """How far the ranking hangs on each axis: `customer_capital.axis_dependence`, and
    customer_count, the accounts of which the axis is known.
    """
    t, axes = account_capital(book, policy, top, spread), axes_of(book)
    counts = known_counts(t, axes)
    weights = measured_weights(axes, counts)
    reference = _reference(t, weights, counts["all"])
    found = customer_capital.axis_dependence(reference, weights, top)
    return found.assign(customer_count=found.axis.map(counts).astype(int))
