"""Findings of what customers' orders to come are worth."""

from collections.abc import Mapping
from typing import Any

from carnet.wording import Wording, unknown


def not_valued(w: Wording, count: int, least: int) -> str:
    """Why the orders to come have no value."""
    return w._(
        "The value of orders to come is not modelled: {count} customers without a contract have "
        "ordered twice, at least {least} are needed, and their spend must identify the model.",
        count=w.number(count),
        least=w.number(least),
    )


def independence(w: Wording, rho: float, low: float, high: float) -> str:
    """Whether who orders more often spends more an order, which the model takes for unrelated."""
    if unknown(low):
        return ""
    told = dict(
        rho=w.number(rho, 2),
        interval=w.between(w.number(low, 2), w.number(high, 2)),
    )
    if low <= 0 <= high:
        return w._(
            "Spend and number of orders are not told to be related (rank correlation {rho} "
            "{interval}), as the model takes them to be.",
            **told,
        )
    return w._(
        "Spend and number of orders are related (rank correlation {rho} {interval}), which the "
        "model does not know: read its values as a ranking.",
        **told,
    )


def held_out(w: Wording, t: Mapping[str, Any], weeks: int) -> str:
    """How well the values did on the weeks held out, beside the same time just before."""
    told = dict(
        weeks=w.number(weeks),
        predicted=w.money(t["predicted"], 0),
        actual=w.money(t["actual"], 0),
        naive=w.money(t["naive"], 0),
        miss=w.money(t["predicted_error"], 0),
        naive_miss=w.money(t["naive_error"], 0),
    )
    if unknown(t["naive"]):
        return w._(
            "Tried on the {weeks} weeks held out: {predicted} predicted, {actual} came; a customer "
            "is missed by {miss} on average. The weeks just before are not all in the book: "
            "whether carrying them on does better is not known.",
            **told,
        )
    if t["predicted_error"] < t["naive_error"]:
        return w._(
            "Tried on the {weeks} weeks held out: {predicted} predicted, {actual} came, as many "
            "weeks just before brought {naive}. A customer is missed by {miss} on average, by "
            "{naive_miss} where the weeks before are simply carried on.",
            **told,
        )
    return w._(
        "Tried on the {weeks} weeks held out: {predicted} predicted, {actual} came, as many weeks "
        "just before brought {naive}. The model is no better, customer by customer: it misses by "
        "{miss} on average, the weeks before carried on by {naive_miss}.",
        **told,
    )
