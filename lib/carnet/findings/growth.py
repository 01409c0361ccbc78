"""Findings of growth: what changed by offer, families bought together, the next family,
prices, reorders, baskets.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import pandas as pd

from carnet.findings.base import Finding, list_names
from carnet.measures.growth.associations import LEAST_LIFT, Trial
from carnet.measures.growth.migration import Moves
from carnet.wording import N_, Wording, unknown

SURE = 0.05  # p-value at or under which an uneven split is no luck
MOVED = {  # between classes or bands of what customers moved
    "abc": N_("Class by revenue"),
    "basket": N_("Mean basket"),
    "frequency": N_("Orders a year"),
}


def changes(w: Wording, by: str, groups: pd.DataFrame) -> str:
    """The chart's title: which group of a cut lost most and which won most."""
    t = groups.dropna(subset="group").sort_values("sales_gap")
    if not len(t):
        return w._("No group is named")
    low, high = t.iloc[0], t.iloc[-1]
    told = dict(
        by=by,
        lost=low["group"],
        least=w.signed_money(low.sales_gap, 0),
        won=high["group"],
        most=w.signed_money(high.sales_gap, 0),
    )
    if low.sales_gap < 0 < high.sales_gap:
        return w._("{by}: {lost} {least}, {won} {most}", **told)
    if high.sales_gap <= 0:
        return w._("{by}: nothing grew, {lost} lost most, {least}", **told)
    return w._("{by}: nothing shrank, {won} won most, {most}", **told)


def widest(w: Wording, by: str, groups: pd.DataFrame) -> Finding | None:
    """Where the revenue moved: the cut whose groups moved apart most."""
    t = groups.dropna(subset="group")
    if not len(t):
        return None
    largest = t.sales_gap.abs().max()
    return Finding("cuts", changes(w, by, groups) + ".", -float(largest))


def cuts_title(w: Wording, by: Sequence[str], groups: pd.DataFrame) -> str:
    """What the table of all cuts holds."""
    cuts = ", ".join(by)
    if groups.margin.isna().all():
        return w._("By {cuts}: largest revenue first", cuts=cuts)
    return w._("By {cuts}: largest revenue first, contribution margin", cuts=cuts)


def together(w: Wording, pairs: pd.DataFrame, tried: int) -> Finding | None:
    """How many pairs of families are bought together beyond chance."""
    if not tried:
        return None
    if not len(pairs):
        sentence = w._(
            "No pair of families is told to be bought by the same customers at least {least} times "
            "as often as chance makes; {tried} pairs were looked at.",
            least=w.number(LEAST_LIFT, 1),
            tried=w.number(tried),
        )
        return Finding("families_together", sentence, 0.0)
    first = pairs.iloc[0]
    sentence = w.ngettext(
        "{count} pair of families is bought by the same customers clearly more often than chance "
        "makes: {a} and {b}, {lift} times as often {interval}.",
        "{count} pairs of families are bought by the same customers clearly more often than chance "
        "makes (at most 5\u00a0% of them by chance): first of all {a} and {b}, {lift} times as "
        "often {interval}.",
        len(pairs),
        a=first.family_a,
        b=first.family_b,
        lift=w.number(first.lift, 1),
        interval=_lift_range(w, first),
    )
    return Finding("families_together", sentence, 0.0)


def _lift_range(w: Wording, row: Any) -> str:
    return "" if unknown(row.lift_low) else w.between(*(w.number(row[e], 1) for e in LIFT_ENDS))


LIFT_ENDS = ("lift_low", "lift_high")


def trial(w: Wording, tried: Trial) -> str:
    """Whether families bought together foretell the next one better than the most bought one."""
    if not tried.customer_count:
        return w._("No account bought anything this year that did not buy every family before.")
    told = dict(
        count=w.number(tried.customer_count),
        associated=w.percent(tried.associated_count / tried.customer_count),
        popular=w.percent(tried.popular_count / tried.customer_count),
    )
    if tried.method == "associated":
        return w._(
            "Tried on the last 12 months: with what was known a year ago, the families bought "
            "together named one that the account then bought in {associated} of {count} cases, "
            "the most bought family in {popular}; the list goes by the families bought together.",
            **told,
        )
    return w._(
        "Tried on the last 12 months: with what was known a year ago, the families bought together "
        "named one that the account then bought in {associated} of {count} cases, the most bought "
        "family in {popular}: no better by more than luck, so the list names the most bought "
        "family that an account does not buy.",
        **told,
    )


def opportunities(w: Wording, t: Mapping[str, Any], first: pd.DataFrame) -> Finding | None:
    """How many accounts are worth an offer, and what it may bring."""
    if not t["count"]:
        return None
    sentence = w.ngettext(
        "{count} account has nothing else to be done and may buy another family: {margin} of "
        "margin to expect in a first year ({names}).",
        "{count} accounts have nothing else to be done and may buy another family: {margin} of "
        "margin to expect in a first year, first of all {names}.",
        int(t["count"]),
        margin=w.money(float(t["margin"]), 0),
        names=list_names(w, list(first.name.head(3))),
    )
    return Finding("opportunities", sentence, float(t["margin"]))


def prices(w: Wording, t: pd.DataFrame) -> str:
    """Which families are bought dearer or cheaper, beyond luck."""
    sure = t[t.p_value <= SURE / max(len(t), 1)]
    if not len(sure):
        return w._(
            "None of the {count} families looked at is told to be paid more, or less, by more "
            "accounts than luck makes in as many tries.",
            count=w.number(len(t)),
        )
    first = sure.iloc[0]
    told = dict(
        family=first.family,
        count=w.number(first.customer_count),
        dearer=w.number(first.dearer_count),
        cheaper=w.number(first.cheaper_count),
        effect=w.signed_money(first.price_effect, 0),
    )
    return w._(
        "{family}: of {count} accounts {dearer} pay a higher mean price than the year before and "
        "{cheaper} a lower one, which made {effect}.",
        **told,
    )


def due(w: Wording, t: Mapping[str, Any], first: pd.DataFrame) -> str:
    """How many families are due to be ordered again, beside what luck makes."""
    if not t["due"]:
        return w._("No family has gone without an order by an account for longer than ever before.")
    sentence = w._(
        "Of {pairs} families that accounts order at a rhythm, {found} have not been ordered for "
        "longer than ever before; equal rhythms would make up to about {luck} by chance: something "
        "to mention. Accounts that are silent altogether, or not to be called, left out: {listed}.",
        pairs=w.number(t["rhythms"]),
        found=w.number(t["due"]),
        luck=w.number(t["luck"]),
        listed=w.number(t["listed"]),
    )
    if not t["listed"]:
        return sentence
    return (
        sentence
        + " "
        + w._("Largest of them: {names}.", names=list_names(w, list(first.name.unique()[:3])))
    )


def moved(w: Wording, kind: str, m: Moves) -> str:
    """How many customers moved up and down a band of baskets or of frequency, beside luck."""
    if unknown(m.low):
        return w._("No customer of both years moved between the bands.")
    told = dict(
        up=w.number(m.up_count),
        down=w.number(m.down_count),
        stayed=w.number(m.stayed_count),
        low=w.number(m.low),
        high=w.number(m.high),
    )
    told["label"] = w._(MOVED[kind])
    if m.p_value <= SURE:
        return w._(
            "{label}: {up} customers moved up, {down} down, {stayed} stayed; luck alone would send "
            "{low} to {high} up.",
            **told,
        )
    return w._(
        "{label}: {up} customers moved up, {down} down, {stayed} stayed; that is what luck alone "
        "makes ({low} to {high} up).",
        **told,
    )


def moved_far(w: Wording, kind: str, m: Moves) -> Finding | None:
    """The same as a finding, where luck alone does not make it."""
    if unknown(m.low) or m.p_value > SURE:
        return None
    return Finding(f"{kind}_moves", moved(w, kind, m), 0.0)


def changed(w: Wording, changed_count: int, both_count: int) -> str:
    """How many customers of both audits have another strategy; empty without an earlier one."""
    if not both_count:
        return ""
    told = dict(changed=w.number(changed_count), both=w.number(both_count))
    return w._("Of {both} customers of both audits, {changed} have another strategy.", **told)


def basket_labels(w: Wording, bounds: list[float]) -> list[str]:
    """The bands of mean baskets in words; one more than their limits."""
    if not bounds:
        return [w._("any")]
    ends = [w.money(bound, 0 if bound >= 100 else None) for bound in bounds]
    first, last = w._("under {high}", high=ends[0]), w._("{low} and more", low=ends[-1])
    between = [w._("{low} to {high}", low=a, high=b) for a, b in pairwise(ends)]
    return [first, *between, last]


def frequency_labels(w: Wording, starts: tuple[int, ...]) -> list[str]:
    """The bands of orders a year in words."""
    ends = [w.number(start - 1) for start in starts]
    lows = [w.number(start) for start in (1, *starts)]
    inner = [
        low if low == end else f"{low}–{end}" for low, end in zip(lows[:-1], ends, strict=True)
    ]
    return [*inner, w._("{low} and more", low=lows[-1])]


def migration_rows(w: Wording, table: pd.DataFrame, bounds: list[float]) -> pd.DataFrame:
    """The moves between bands of baskets, the bands in words."""
    labels = [*basket_labels(w, bounds), w._("no order")]  # −1: the last one
    return table.assign(
        from_band=[labels[band] for band in table.before],
        to_band=[labels[band] for band in table.after],
    )


def recommendations(w: Wording, offers: pd.DataFrame, due_again: pd.DataFrame) -> list[str]:
    """What to do with the two lists."""
    made = []
    if len(offers):
        made.append(
            w._(
                "Open the opportunities of the list, and note won or lost: next year's trial tells "
                "whether the list found them. First of all {names}.",
                names=list_names(w, list(offers.name.head(3))),
            )
        )
    if len(due_again):
        made.append(
            w._(
                "Ask for the family that is due when you next speak to {names}.",
                names=list_names(w, list(due_again.name.unique()[:3])),
            )
        )
    return made
