"""Findings of the gap list: who is behind, luck or not, whose accounts, what was done, what became of the last list."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from carnet.findings.base import Finding, known_range, list_names
from carnet.wording import N_, Wording, unknown

REGULAR = 1.5  # Erlang-k intervals between orders: from here on orders are clearly not at random


def late_customers(w: Wording, gaps: pd.DataFrame, names: Sequence[str]) -> Finding | None:
    """What late customers lack, beside what the others brought more: no loss without its winners."""
    late, ahead = gaps[gaps.sales_gap < 0], gaps[gaps.sales_gap > 0]
    if not len(late):
        return Finding("late_customers", w._("No customer is behind the same months of the year before."), 0.0) if len(gaps) else None
    sentence = w.ngettext(
        "{count} customer is behind the same months of the year before, by {gap} ({names}); {ahead} are ahead, by {gain}: {net} net.",
        "{count} customers are behind the same months of the year before, by {gap}, first of all {names}; {ahead} are ahead, by {gain}: {net} net.",
        len(late),
        gap=w.money(-late.sales_gap.sum()),
        names=list_names(w, names),
        ahead=w.number(len(ahead)),
        gain=w.money(ahead.sales_gap.sum()),
        net=w.signed_money(gaps.sales_gap.sum()),
    )
    return Finding("late_customers", sentence, late.sales_gap.sum())


def beyond_luck(w: Wording, unlikely: pd.DataFrame, chance: float, level: float, names: Sequence[str]) -> Finding | None:
    """Late customers whose order counts luck hardly explains, beside how many luck would show anyway."""
    told = dict(level=w.percent(level, 0), chance=w.number(chance, 1))
    if not len(unlikely):
        sentence = w._(
            "No late customer's orders fell further than luck explains at the {level} level (luck alone would show about {chance}): "
            "the gaps are not told from ordinary swings of orders.",
            **told,
        )
        return Finding("beyond_luck", sentence, 0.0)
    sentence = w.ngettext(
        "{count} late customer ordered less often than luck explains at the {level} level ({names}), lacking {gap}; with nothing changed, luck would show about {chance}.",
        "{count} late customers ordered less often than luck explains at the {level} level, first of all {names}, lacking {gap} in all; with nothing changed, luck would show about {chance}.",
        len(unlikely),
        gap=w.money(-unlikely.sales_gap.sum()),
        names=list_names(w, names),
        **told,
    )
    return Finding("beyond_luck", sentence, unlikely.sales_gap.sum())


def usual_rule(w: Wording, fallen: int, compared: int, chance: float, fall: float) -> str:
    """How many the usual rule flags, and how many it would with nothing changed."""
    return w._(
        "The usual rule, down by more than {fall}, flags {fallen} of {compared} customers; on orders alone it would flag about {chance} with nothing changed.",
        fall=w.percent(fall, 0),
        fallen=w.number(fallen),
        compared=w.number(compared),
        chance=w.number(chance),
    )


def rhythm(w: Wording, regularity: float) -> str:
    """How far the p-values can be trusted: orders more regular than chance make them too large."""
    if unknown(regularity) or regularity <= REGULAR:
        return ""
    return w._(
        "Orders are more regular here than chance (k = {k}; 1 is chance): these chances are too high, and a silence says more than they do.",
        k=w.number(regularity, 1),
    )


def most_late(w: Wording, group: Mapping[str, Any], rebound: Mapping[str, Any], share: float) -> Finding | None:
    """What the tracked group lacks, and what of it comes back with no action."""
    if not group["customer_count"]:
        return None
    sentence = w.ngettext(
        "The {share} most late, {count} customer, lacks {gap}.",
        "The {share} most late, {count} customers, lack {gap}.",
        int(group["customer_count"]),
        share=w.percent(share, 0),
        gap=w.money(-group["sales_gap"]),
    )
    return Finding("most_late", f"{sentence} {expected_rebound(w, rebound)}", group["sales_gap"])


def expected_rebound(w: Wording, rebound: Mapping[str, Any]) -> str:
    """What a flagged group regains without action, and how that is known."""
    if unknown(rebound["rebound_share"]):
        return w._("What comes back without action is not measured: the same rule flagged nobody in earlier years.")
    told = dict(share=w.percent(rebound["rebound_share"], 0))
    if rebound["method"] == "luck":
        return w._(
            "The luck of orders alone gives back about {share} of such a gap a year later, a ceiling: three years of sales would tell what really came back.",
            **told,
        )
    if unknown(rebound["rebound_low"]):
        return w._(
            "In earlier years {share} of such a group's gap came back by itself within a year; too few customers for an interval.", **told
        )
    return w._(
        "In earlier years {share} of such a group's gap came back by itself within a year; a group of this size lands within {interval}.",
        interval=w.between(*(w.percent(rebound[end], 0) for end in ("rebound_low", "rebound_high"))),
        **told,
    )


def salespeople(w: Wording, people: pd.DataFrame) -> Finding | None:
    """Whether any salesperson's late share is beyond chance, the mix of accounts allowed for."""
    tested = people[people.salesperson.notna()]
    if len(tested) < 2:
        return None
    told = dict(people=w.number(len(tested)), low=w.percent(tested.late_share.min(), 0), high=w.percent(tested.late_share.max(), 0))
    out = tested[tested.signal == "99.8"]
    watched = tested[tested.signal == "95"]
    if not len(out) and not len(watched):
        sentence = w._(
            "Late shares run from {low} to {high} over {people} salespeople, all within what chance gives their accounts: nobody is singled out.",
            **told,
        )
        return Finding("salespeople", sentence, 0.0)
    if not len(out):
        sentence = w._(
            "Late shares run from {low} to {high} over {people} salespeople; outside the 95 % limits: {names}, which chance does to one in twenty. "
            "Nobody is outside the 99.8 % limits: nobody is singled out.",
            names=list_names(w, list(watched.salesperson)), **told,
        )  # fmt: skip
        return Finding("salespeople", sentence, 0.0)
    sentence = w._(
        "Late shares run from {low} to {high} over {people} salespeople; outside the 99.8 % limits, beyond what chance gives their accounts: {names}. "
        "Look at the accounts first, then at the person.",
        names=list_names(w, list(out.salesperson)), **told,
    )  # fmt: skip
    return Finding("salespeople", sentence, out.sales_gap.sum())


def neglected(w: Wording, tracked: pd.DataFrame) -> Finding | None:
    """Tracked customers that fell deep with fewer contacts than planned, beside those that fell in spite of them."""
    known = tracked[tracked.quadrant.notna()]
    if not len(known):
        return None
    alone, served = known[known.quadrant == "neglect"], known[known.quadrant == "competition"]
    if not len(alone):
        sentence = w._("None of the {count} tracked customers fell deep with fewer contacts than planned.", count=w.number(len(known)))
        return Finding("neglected", sentence, 0.0)
    sentence = w.ngettext(
        "{count} of the {tracked} tracked customers fell deep with fewer contacts than planned (lacking {gap}, {names}); {served} fell as deep in spite of them (lacking {served_gap}).",
        "{count} of the {tracked} tracked customers fell deep with fewer contacts than planned (lacking {gap}, first of all {names}); {served} fell as deep in spite of them (lacking {served_gap}).",
        len(alone),
        tracked=w.number(len(known)),
        gap=w.money(-alone.sales_gap.sum()),
        names=list_names(w, list(alone.name.head(3))),
        served=w.number(len(served)),
        served_gap=w.money(-served.sales_gap.sum()),
    )
    return Finding("neglected", sentence, alone.sales_gap.sum())


def stopped_families(w: Wording, gaps: pd.DataFrame, chance: float) -> Finding | None:
    """Families that active customers stopped buying, beside what luck would show."""
    stopped = gaps[gaps.stopped_family_count > 0]
    if not len(stopped):
        return None
    sentence = w.ngettext(
        "{count} customer still buys, but no longer in {families} families worth {revenue} a year earlier; luck alone would show about {chance} families.",
        "{count} customers still buy, but no longer in {families} families worth {revenue} a year earlier; luck alone would show about {chance} families.",
        len(stopped),
        families=w.number(stopped.stopped_family_count.sum()),
        revenue=w.money(stopped.stopped_revenue.sum()),
        chance=w.number(chance),
    )
    return Finding("stopped_families", sentence, -stopped.stopped_revenue.sum())


def last_chance(w: Wording, chosen: pd.DataFrame) -> Finding | None:
    """What the proposals are expected to bring, and who is left out to measure it."""
    if not len(chosen):
        return None
    sentence = w.ngettext(
        "{count} last-chance proposal is worth more than it costs: {value} of margin expected, cost deducted.",
        "{count} last-chance proposals are worth more than they cost: {value} of margin expected, cost deducted.",
        len(chosen),
        value=w.money(chosen.expected_value.sum()),
    )
    return Finding("last_chance", f"{sentence} {hold_out(w, chosen)}", chosen.expected_value.sum())


def hold_out(w: Wording, chosen: pd.DataFrame) -> str:
    """Who is left alone, so that the next audit can measure the effect."""
    held = int((chosen.arm == "hold-out").sum())
    if not held:
        return w._("Too few of them to leave some alone: the effect will not be measured.")
    return w.ngettext(
        "{count} customer drawn at random is left alone, so that the next audit can measure the effect.",
        "{count} customers drawn at random are left alone, so that the next audit can measure the effect.",
        held,
    )


def followed(
    w: Wording, outcomes: pd.DataFrame, regained: tuple[float, float, float], expected: float, verdict: str, since: str
) -> Finding:
    """What became of the customers flagged last time, against what would have come back by itself."""
    counts = outcomes.set_index("outcome").customer_count
    everyone = outcomes.set_index("outcome").loc["all"]
    value, low, high = regained
    start = w._(
        "Of the {count} customers flagged on {since}, {back} are back, {late} still late, {lost} lost; they moved by {progress}.",
        count=w.number(counts["all"]), since=since, back=w.number(counts["back"]), late=w.number(counts["still_late"]), lost=w.number(counts["lost"]),
        progress=w.signed_money(everyone.revenue_progress),
    )  # fmt: skip
    told = dict(
        regained=w.percent(value, 0),
        interval="" if unknown(low) else w.between(w.percent(low, 0), w.percent(high, 0)),
        expected=w.percent(expected, 0),
    )
    ends = {
        "more": w._("That is {regained} of the gap {interval}, more than the {expected} expected without action.", **told),
        "less": w._("That is {regained} of the gap {interval}, less than the {expected} expected without action.", **told),
        "same": w._("That is {regained} of the gap {interval}, not told apart from the {expected} expected without action.", **told),
        "unknown": w._("That is {regained} of the gap {interval}; what would have come back without action is not known.", **told),
    }
    return Finding("followed", f"{start} {ends[verdict]}".replace("  ", " "), everyone.revenue_progress)


def arm_effect(w: Wording, effect: Mapping[str, float]) -> str:
    """What the contacts did, measured against the hold-out."""
    if not effect["hold_out_count"]:
        return w._("No hold-out was drawn last time: what the contacts did cannot be told from what comes back by itself.")
    told = dict(
        contact=w.number(effect["contact_count"]), held=w.number(effect["hold_out_count"]), effect=w.signed_money(effect["effect"]),
        interval="" if unknown(effect["low"]) else w.between(w.signed_money(effect["low"]), w.signed_money(effect["high"])),
    )  # fmt: skip
    if unknown(effect["low"]):
        return w._("Too few customers in the hold-out ({held}) to measure what the contacts did.", **told)
    low, high = known_range(effect["low"], effect["high"])
    if low is not None and high is not None and low <= 0 <= high:
        return w._(
            "Customers contacted ({contact}) moved by {effect} each against those left alone ({held}) {interval}: no effect is told from chance.",
            **told,
        )
    return w._(
        "Customers contacted ({contact}) moved by {effect} each against those left alone ({held}) {interval}: an effect beyond chance.",
        **told,
    )


def task(w: Wording, row: Mapping[str, Any], stop_contacts: int) -> str:
    """What to do with a customer, and when to stop: one sentence for its salesperson."""
    told = dict(gap=w.money(-row["sales_gap"], 0))
    if row["action"] == "last_chance":
        return w._(
            "Make a last-chance proposal ({gap} missing); stop after {contacts} contacts without an order, or on {date}.",
            contacts=w.number(stop_contacts), date=w.date(row["stop_date"]), **told,
        )  # fmt: skip
    noted = dict(made=w.number(row["noted_contact_count"]), planned=w.number(row["planned_contact_count"])) if row["quadrant"] else {}
    sentences = {
        "neglect": N_("Renew the contact: {made} of {planned} planned contacts noted in a year, {gap} missing."),
        "competition": N_("Ask what a competitor offers: contacted as planned, and {gap} missing."),
        "demand": N_("Ask what the customer needs less of: contacted as planned, {gap} missing."),
        "watch": N_("Call: {made} of {planned} planned contacts noted in a year, {gap} missing."),
    }
    reading = row["quadrant"]
    if not reading:
        return w._("Call and ask why: {gap} missing.", **told)
    return w._(sentences[reading], **told, **noted)


def gap_recommendations(w: Wording, tracked: pd.DataFrame, chosen: pd.DataFrame, people: pd.DataFrame, reaches_back: bool) -> list[str]:
    """What to do next: each sentence is triggered by names on a list."""
    made = []
    alone = tracked[tracked.quadrant == "neglect"]
    served = tracked[tracked.quadrant == "competition"]
    if len(alone):
        made.append(
            w._("Visit those that fell deep with few contacts, starting with {names}.", names=list_names(w, list(alone.name.head(3))))
        )
    if len(served):
        made.append(
            w._(
                "Ask those that fell in spite of contacts what a competitor offers, starting with {names}.",
                names=list_names(w, list(served.name.head(3))),
            )
        )
    if len(chosen):
        made.append(
            w._(
                "Make the last-chance proposals of lists/last_chance.csv, stop where the list says stop, and leave the hold-out alone until the next audit."
            )
        )
    if len(people) and (people.signal == "99.8").any():
        made.append(
            w._("Go through the accounts of those outside the 99.8 % limits with them: the mix by class is allowed for, the market is not.")
        )
    if not reaches_back:
        made.append(w._("Give three years of sales: what comes back by itself can then be measured instead of bounded."))
    return made or [w._("No customer calls for action on these thresholds.")]
