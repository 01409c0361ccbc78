"""The points of page one: nested, never overlapping, profit before detail; losses, exposures and
gains told apart.

A point stands by itself or inside another (`inside`): what it says is then a part of what that one
says, and no euro is counted twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from carnet.findings.base import list_names
from carnet.wording import Wording, unknown

PointKind = Literal[
    "result", "change", "recurring", "loss", "gain", "part", "exposure", "why", "action"
]  # fmt: skip
HALF_CENT = 0.005


@dataclass(frozen=True)
class Point:
    """One point: its key, kind and sentence, the amount that it speaks of (sign kept; None where
    it is no movement of money), the key of the point that it is a part of, and the key of the
    finding whose names are behind it.
    """

    key: str
    kind: PointKind
    sentence: str
    amount: float | None = None
    inside: str = ""
    names: str = ""


def earned(
    w: Wording, now: float, before: float, by_ledger: bool, break_even: str = ""
) -> list[Point]:
    """Whether the company earns money, after how much the year before; where break-even is."""
    if unknown(now):
        return []
    told = dict(now=w.money(abs(now), 0), before="" if unknown(before) else w.money(abs(before), 0))
    if unknown(before):
        sentence = (
            w._("The company lost {now}.", **told)
            if now < 0
            else w._("The company earned {now}.", **told)
        )
    elif now < 0:
        sentence = (
            w._("The company lost {now}, after a loss of {before} the year before.", **told)
            if before < 0
            else w._("The company lost {now}, after a profit of {before} the year before.", **told)
        )
    else:
        sentence = (
            w._("The company earned {now}, after a loss of {before} the year before.", **told)
            if before < 0
            else w._("The company earned {now}, after {before} the year before.", **told)
        )
    if by_ledger:
        sentence += " " + w._("This is the result of the legal ledger.")
    points = [Point("result", "result", sentence, now)]
    if break_even:
        points.append(Point("break_even", "part", break_even, None, "result"))
    return points


def change(w: Wording, f: Mapping[str, Any], totals: Mapping[str, Any]) -> list[Point]:
    """How revenue moved from the year before, and what was lost against what was won: the sums of
    the parts that `movements` tells.
    """
    gap = f["revenue"] - f["revenue_previous"]
    if unknown(gap) or not f["revenue_previous"] > 0:
        return []
    amounts = _amounts(f, totals).values()
    told = dict(
        gap=w.money(abs(gap), 0),
        share=w.signed_percent(gap / f["revenue_previous"]),
        revenue=w.money(f["revenue"], 0),
        lost=w.money(-sum(amount for amount in amounts if amount < 0), 0),
        won=w.money(sum(amount for amount in amounts if amount > 0), 0),
    )
    if abs(gap) < HALF_CENT:
        sentence = w._(
            "Revenue is what it was, {revenue}: customers who left or buy less took away {lost}, "
            "those who came or buy more brought {won}.",
            **told,
        )
    elif gap < 0:
        sentence = w._(
            "Revenue is down by {gap} ({share}), at {revenue}: customers who left or buy less took "
            "away {lost}, those who came or buy more brought {won}.",
            **told,
        )
    else:
        sentence = w._(
            "Revenue is up by {gap} ({share}), at {revenue}: customers who came or buy more "
            "brought {won}, those who left or buy less took away {lost}.",
            **told,
        )
    return [Point("change", "change", sentence, gap)]


def _amounts(f: Mapping[str, Any], totals: Mapping[str, Any]) -> dict[str, float]:
    """What each part of the change is in money; their sum is the change."""
    parts = {
        "lost": -f["revenue_lost"],
        "less": totals["shrinking_gap"],
        "came": f["revenue_new"] + f["revenue_recovered"],
        "more": totals["growing_gap"],
    }
    whole = f["revenue_expansion"] - f["revenue_contraction"]
    return parts | {"rest": whole - parts["less"] - parts["more"]}


def movements(
    w: Wording,
    f: Mapping[str, Any],
    totals: Mapping[str, Any],
    names: Mapping[str, Sequence[str]],
) -> list[Point]:
    """The parts of the change, each customer in one of them: left, buy less, came, buy more, and
    what is left over; together they are the change to the cent.
    """
    arrived = f["new_customer_count"] + f["recovered_customer_count"]
    lost, less, brought, more, rest = _amounts(f, totals).values()
    told = {
        "lost": w.ngettext(
            "{count} customer left: {amount} ({names}).",
            "{count} customers left: {amount}, first of all {names}.",
            _whole(f["lost_customer_count"]),
            **_named(w, lost, names["lost"]),
        ),
        "less": w.ngettext(
            "{count} customer buys less: {amount} ({names}).",
            "{count} customers buy less: {amount}, first of all {names}.",
            _whole(totals["shrinking_count"]),
            **_named(w, less, names["less"]),
        ),
        "came": w.ngettext(
            "{count} customer came or came back: {amount} ({names}).",
            "{count} customers came or came back: {amount}, first of all {names}.",
            _whole(arrived),
            **_named(w, brought, names["came"]),
        ),
        "more": w.ngettext(
            "{count} customer buys more: {amount} ({names}).",
            "{count} customers buy more: {amount}, first of all {names}.",
            _whole(totals["growing_count"]),
            **_named(w, more, names["more"]),
        ),
        "rest": w._(
            "Customers not due this year, and credit notes of customers who bought nothing: "
            "{amount}.",
            amount=w.signed_money(rest, 0),
        ),
    }
    parts: list[tuple[str, PointKind, float, float, str]] = [
        ("lost", "loss", lost, f["lost_customer_count"], "lost_customers"),
        ("less", "loss", less, totals["shrinking_count"], "shrinking_customers"),
        ("came", "gain", brought, arrived, "arrivals"),
        ("more", "gain", more, totals["growing_count"], "growing_customers"),
        ("rest", "part", rest, abs(rest) >= HALF_CENT, ""),
    ]
    return [
        Point(f"change-{key}", kind, told[key], amount, "change", finding)
        for key, kind, amount, count, finding in parts
        if count
    ]


def _whole(count: float) -> int:
    """A count that may be unknown, as a number of things."""
    return 0 if unknown(count) else int(count)


def _named(w: Wording, amount: float, names: Sequence[str]) -> dict[str, str]:
    """What a part of the change says: the amount, and the first names."""
    return {"amount": w.signed_money(amount, 0), "names": list_names(w, names)}


def behind(w: Wording, t: Mapping[str, Any], tracked: pd.DataFrame, chance: float) -> list[Point]:
    """Of the customers behind, how few make how much of it; of these, how many luck hardly
    explains: each a part of the one before.
    """
    tracked = tracked[tracked.sales_gap < 0]
    if not len(tracked) or len(tracked) == t["late_count"]:
        return []
    beyond, total = tracked[tracked.unlikely], t["late_gap"]
    most, sure = tracked.sales_gap.sum(), beyond.sales_gap.sum()
    sentence = w.ngettext(
        "Of the {behind} customers behind the same months of the year before ({total}), {count} "
        "makes {most}, {share} of it.",
        "Of the {behind} customers behind the same months of the year before ({total}), {count} "
        "make {most}, {share} of it.",
        len(tracked),
        behind=w.number(t["late_count"]),
        total=w.signed_money(total, 0),
        most=w.signed_money(most, 0),
        share=w.percent(most / total, 0),
    )
    told = dict(
        sure=w.signed_money(sure, 0), chance=w.number(chance, 0), among=w.number(len(beyond))
    )
    luck = (
        w.ngettext(
            "Of all who are behind, {count} ordered so much less that it is hardly chance (about "
            "{chance} false alarms); {among} of them are among these: {sure}.",
            "Of all who are behind, {count} ordered so much less that it is hardly chance (about "
            "{chance} false alarms); {among} of them are among these: {sure}.",
            int(t["unlikely_count"]),
            **told,
        )
        if len(beyond)
        else w._("By their number of orders, none of these is told from chance.")
    )
    return [
        Point("behind", "part", sentence, most, "change", "most_late"),
        Point("behind-sure", "part", luck, sure if len(beyond) else None, "behind", "beyond_luck"),
    ]


def leaving(
    w: Wording, share: Mapping[str, float], money: float, known: int, since: str
) -> list[Point]:
    """Why they leave, as far as it is known: how many departures lay in the company's own hands,
    and what share of their revenue that is (`money`).
    """
    if not known:
        return []
    told = dict(
        known=w.number(known),
        since=since,
        share=w.percent(share["value"], 0),
        range=w.between(*(w.percent(share[end], 0) for end in ("low", "high"))),
    )
    sentence = w.ngettext(
        "Of {known} departures since {since} whose reason is known, {count} lay in the company's "
        "own hands, by too little contact or poor attention: {share} {range}.",
        "Of {known} departures since {since} whose reason is known, {count} lay in the company's "
        "own hands, by too little contact or poor attention: {share} {range}.",
        int(share["count"]),
        **told,
    )
    if not unknown(money):
        sentence += " " + w._("By revenue it is {money}.", money=w.percent(money, 0))
    return [Point("why", "why", sentence, None, "", "in_our_hands")]


def exposed(w: Wording, parts: Sequence[Any]) -> list[Point]:
    """What hangs on few, which is not lost: findings, as parts of one point."""
    found = [finding for finding in parts if finding is not None]
    if not found:
        return []
    sentence = w._("Exposed, and not lost; the same revenue may stand in several lines:")
    return [
        Point("exposed", "exposure", sentence),
        *(
            Point(f"exposed-{f.key}", "exposure", f.sentence, f.amount, "exposed", f.key)
            for f in found
        ),
    ]
