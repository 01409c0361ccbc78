"""Findings of the time after the first order."""

from collections.abc import Mapping
from typing import Any

from carnet.findings.base import Finding
from carnet.measures.portfolio.after_sale import HORIZONS, LANDMARK
from carnet.wording import Wording, unknown


def told_apart(row: Mapping[str, Any]) -> bool:
    """True where those with the event order again more often, or less, than those without."""
    return bool(row["difference_low"] > 0 or row["difference_high"] < 0)


def sure(w: Wording, row: Mapping[str, Any]) -> Finding | None:
    """The same as a finding, where the newcomers tell the two apart."""
    return Finding("second_order", second(w, row), 0.0) if told_apart(row) else None


def second(w: Wording, row: Mapping[str, Any]) -> str:
    """Who orders again after the first month, with and without a contact or a complaint in it."""
    if unknown(row["difference_low"]):
        return ""
    told = dict(
        landmark=w.number(LANDMARK),
        days=w.number(HORIZONS[-1]),
        rate=w.percent(row["with_rate"], 0),
        other=w.percent(row["without_rate"], 0),
        count=w.number(row["with_count"]),
        rest=w.number(row["without_count"]),
        interval=w.between(
            w.signed_number(100 * row["difference_low"]),
            w.signed_number(100 * row["difference_high"]),
        ),
    )
    if row["event"] == "contact":
        sentence = w._(
            "Of newcomers not back within {landmark} days, {rate} of {count} contacted in them "
            "ordered again within {days}, {other} of {rest} others (difference in points "
            "{interval}).",
            **told,
        )
    else:
        sentence = w._(
            "Of newcomers not back within {landmark} days, {rate} of {count} that complained in "
            "them ordered again within {days}, {other} of {rest} others (difference in points "
            "{interval}).",
            **told,
        )
    if told_apart(row):
        return sentence
    return sentence + " " + w._("These newcomers do not tell the two apart.")
