"""Findings of the gap list: who is behind, luck or not, whose accounts, what was done,
what became of the last list.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from carnet.engagement.periods import Periods
from carnet.findings.base import (
    Finding,
    amounts,
    counts,
    days,
    first_told,
    known_range,
    list_names,
    where,
)
from carnet.measures.retention.actions import CALLED
from carnet.measures.retention.rebound import told_share
from carnet.wording import Wording, unknown

REGULAR = 1.5  # Erlang-k intervals between orders: from here on orders are clearly not at random


def late_customers(w: Wording, t: Mapping[str, Any], names: Sequence[str]) -> Finding | None:
    """What late customers lack, beside what the others brought more, of those that were due:
    no loss without its winners.
    """
    if not t["late_count"]:
        return (
            Finding(
                "late_customers",
                w._("No customer is behind the same months of the year before."),
                0.0,
            )
            if t["due_count"]
            else None
        )
    sentence = w.ngettext(
        "{count} customer bought {gap} less than in the same months of the year before "
        "({names}); {ahead} bought {gain} more: {net} net.",
        "{count} customers bought {gap} less than in the same months of the year before, "
        "first of all {names}; {ahead} bought {gain} more: {net} net.",
        int(t["late_count"]),
        gap=w.money(-t["late_gap"]),
        names=list_names(w, names),
        ahead=w.number(t["ahead_count"]),
        gain=w.money(t["ahead_gap"]),
        net=w.signed_money(t["due_gap"]),
    )
    return Finding("late_customers", sentence, t["late_gap"])


def beyond_luck(
    w: Wording, t: Mapping[str, Any], chance: float, level: float, names: Sequence[str]
) -> Finding | None:
    """Late customers whose order counts luck hardly explains,
    beside how many luck would show anyway.
    """
    told = dict(level=w.percent(level, 0), chance=w.number(chance, 1))
    if not t["unlikely_count"]:
        sentence = w._(
            "No customer's orders, among those who buy less, fell further than luck explains "
            "at the {level} level (luck alone would show about {chance}): by the number of "
            "orders no gap is told from luck; baskets are not in it.",
            **told,
        )
        return Finding("beyond_luck", sentence, 0.0)
    sentence = w.ngettext(
        "{count} customer buying less ordered less often than luck explains at the {level} "
        "level ({names}), lacking {gap}; with nothing changed, luck would show about "
        "{chance}.",
        "{count} customers buying less ordered less often than luck explains at the {level} "
        "level, first of all {names}, lacking {gap} in all; with nothing changed, luck would "
        "show about {chance}.",
        int(t["unlikely_count"]),
        gap=w.money(-t["unlikely_gap"]),
        names=list_names(w, names),
        **told,
    )
    return Finding("beyond_luck", sentence, t["unlikely_gap"])


def usual_rule(w: Wording, fallen: int, compared: int, chance: float, fall: float) -> str:
    """How many the usual rule flags, and how many it would with nothing changed."""
    return w._(
        "The usual rule, down by {fall} or more, flags {fallen} of {compared} customers; on orders "
        "alone it would flag about {chance} with nothing changed.",
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
        "Orders are more regular here than chance (k = {k}; 1 is chance): these chances are too "
        "high, and a silence says more than they do.",
        k=w.number(regularity, 1),
    )


def most_late(
    w: Wording, group: Mapping[str, Any], rebound: Mapping[str, Any], share: float
) -> Finding | None:
    """What the tracked group lacks, and what of it comes back with no action."""
    if not group["customer_count"]:
        return None
    sentence = w.ngettext(
        "The {count} customer with the largest loss ({share}) lacks {gap}.",
        "The {count} customers with the largest losses ({share}) lack {gap}.",
        int(group["customer_count"]),
        share=w.percent(share, 0),
        gap=w.money(-group["sales_gap"]),
    )
    return Finding("most_late", f"{sentence} {expected_rebound(w, rebound)}", group["sales_gap"])


def expected_rebound(w: Wording, rebound: Mapping[str, Any]) -> str:
    """What a flagged group regains without action, and how that is known."""
    share, low, high = told_share(
        rebound["rebound_share"], rebound["rebound_low"], rebound["rebound_high"]
    )
    if unknown(rebound["rebound_share"]):
        return w._(
            "What such a group regains is not measured: the same rule flagged nobody "
            "in earlier years."
        )
    if unknown(share) and rebound["rebound_share"] < 0:
        return w._(
            "In earlier years such a group fell further in the year after: nothing came "
            "back by itself."
        )
    if unknown(share):
        return w._(
            "In earlier years such a group came back with more than its gap, by a few large "
            "customers: no share is told."
        )
    told = dict(share=w.percent(share, 0))
    if rebound["method"] == "luck":
        return w._(
            "The luck of orders alone gives back at most about {share} of such a gap in a year; "
            "three years of sales would tell what really came back.",
            **told,
        )
    if unknown(low):
        return w._(
            "In earlier years {share} of such a group's gap came back within a year, whatever was "
            "done; its customers moved too unevenly, or too few of them, for an interval.",
            **told,
        )
    return w._(
        "In earlier years {share} of such a group's gap came back within a year, whatever was "
        "done; a group of this size lands within {interval}.",
        interval=w.between(w.percent(low, 0), w.percent(high, 0)),
        **told,
    )


def salespeople(w: Wording, people: pd.DataFrame) -> Finding | None:
    """Whether any salesperson's late share is beyond chance, the mix of accounts allowed for."""
    tested = people[people.salesperson.notna()]
    if len(tested) < 2:
        return None
    told = dict(
        people=w.number(len(tested)),
        low=w.percent(tested.late_share.min(), 0),
        high=w.percent(tested.late_share.max(), 0),
    )
    out = tested[tested.signal == "99.8"]
    watched = tested[tested.signal == "95"]
    if not len(out) and not len(watched):
        sentence = w._(
            "Shares of accounts that buy less run from {low} to {high} over {people} "
            "salespeople, all within what chance gives their accounts: nobody is singled out.",
            **told,
        )
        return Finding("salespeople", sentence, 0.0)
    if not len(out):
        sentence = w._(
            "Shares of accounts that buy less run from {low} to {high} over {people} "
            "salespeople; outside the 95 % limits: {count}, where chance puts up to {chance}."
            " Nobody is outside the 99.8 % limits: nobody is singled out.",
            count=w.number(len(watched)),
            chance=w.number(0.05 * len(tested), 1),
            **told,
        )
        return Finding("salespeople", sentence, 0.0)
    more, fewer = (
        out[out.late_share > out.expected_share],
        out[out.late_share <= out.expected_share],
    )
    names = dict(
        more=list_names(w, list(more.salesperson)), fewer=list_names(w, list(fewer.salesperson))
    )
    if not len(more):
        sentence = w._(
            "Shares of accounts that buy less run from {low} to {high} over {people} "
            "salespeople; fewer accounts that buy less than chance gives (99.8 % limits): "
            "{fewer}. Nobody has more.",
            **told,
            **names,
        )
        return Finding("salespeople", sentence, 0.0)
    sentence = w._(
        "Shares of accounts that buy less run from {low} to {high} over {people} salespeople;"
        " more accounts that buy less than chance gives (99.8 % limits): {more}; fewer: "
        "{fewer}. Look at the accounts first, then at the person.",
        **told,
        **names,
    )
    return Finding("salespeople", sentence, more.sales_gap.sum())


def to_call(customers: pd.DataFrame) -> list[str]:
    """The first names of a list that may be called: their decision says so."""
    return list(customers.name[customers.action.isin(CALLED)].head(3))


def neglected(w: Wording, tracked: pd.DataFrame) -> Finding | None:
    """Tracked customers that fell deep with fewer contacts than planned,
    beside those that fell in spite of them.
    """
    known = tracked[tracked.quadrant.notna()]
    if not len(known):
        return None
    alone, served = known[known.quadrant == "few_contacts"], known[known.quadrant == "competition"]
    if not len(alone):
        sentence = w._(
            "None of the {count} tracked customers fell deep with fewer contacts than planned.",
            count=w.number(len(known)),
        )
        return Finding("neglected", sentence, 0.0)
    sentence = w.ngettext(
        "{count} of the {tracked} tracked customers fell deep with fewer contacts than planned "
        "(lacking {gap}, {names}); {served} fell as deep in spite of them (lacking {served_gap}).",
        "{count} of the {tracked} tracked customers fell deep with fewer contacts than planned "
        "(lacking {gap}, first of all {names}); {served} fell as deep in spite of them "
        "(lacking {served_gap}).",
        len(alone),
        tracked=w.number(len(known)),
        gap=w.money(-alone.sales_gap.sum()),
        names=list_names(w, to_call(alone)),
        served=w.number(len(served)),
        served_gap=w.money(-served.sales_gap.sum()),
    )
    return Finding("neglected", sentence, alone.sales_gap.sum())


def stopped_families(w: Wording, t: Mapping[str, Any], chance: float) -> Finding | None:
    """Families that active customers stopped buying, beside what luck would show."""
    if not t["stopped_count"]:
        return None
    sentence = w.ngettext(
        "{count} customer still buys, but no longer in {families} families worth {revenue} a year "
        "earlier; luck alone would show about {chance} families.",
        "{count} customers still buy, but no longer in {families} families worth {revenue} a year "
        "earlier; luck alone would show about {chance} families.",
        int(t["stopped_count"]),
        families=w.number(t["stopped_families"]),
        revenue=w.money(t["stopped_revenue"]),
        chance=w.number(chance),
    )
    return Finding("stopped_families", sentence, -t["stopped_revenue"])


def worst_month(w: Wording, months: pd.DataFrame, count: int, periods: Periods) -> str:
    """The month in which a group lacks most: by its name where it is a calendar month,
    else by the day on which it ends.
    """
    if not len(months):
        return ""
    gaps = (
        months.assign(gap=months.revenue - months.revenue_previous).groupby("audit_month").gap.sum()
    )
    end = periods.month_end(gaps.idxmin())
    told = dict(count=w.number(count), gap=w.signed_money(gaps.min(), 0))
    if periods.ends_a_month:
        return w._(
            "The {count} largest losses: largest gap in {month}, {gap}",
            month=w.date(end, "MMMM y"),
            **told,
        )
    return w._(
        "The {count} largest losses: largest gap in the month to {date}, {gap}",
        date=w.date(end),
        **told,
    )


def behind_and_ahead(w: Wording, t: Mapping[str, Any]) -> str:
    """How many are behind and ahead, and what is left of both."""
    return w._(
        "{late} customers bought less, {ahead} bought more: {net} net",
        late=w.number(t["late_count"]),
        ahead=w.number(t["gaining_count"]),
        net=w.signed_money(t["gap"], 0),
    )


def outside_limits(w: Wording, people: pd.DataFrame) -> str:
    """How many salespeople have more or fewer late accounts than chance gives them."""
    out = int((people.signal == "99.8").sum())
    if not out:
        return w._(
            "None of {people} salespeople is outside the 99.8 % limits",
            people=w.number(len(people)),
        )
    return w.ngettext(
        "{count} of {people} salespeople is outside the 99.8 % limits",
        "{count} of {people} salespeople are outside the 99.8 % limits",
        out,
        people=w.number(len(people)),
    )


def fell_deep(w: Wording, served: pd.DataFrame) -> str:
    """How many of the tracked customers fell deep with few contacts."""
    return w._(
        "{alone} of {count} tracked customers fell deep with few contacts",
        alone=w.number((served.quadrant == "few_contacts").sum()),
        count=w.number(len(served)),
    )


def contacts_counted(w: Wording, counted: Sequence[str], noted: Sequence[str]) -> str:
    """Which kinds of activity count as contacts, and which do not."""
    others = sorted(set(noted) - set(counted))
    return w._(
        "Contacts counted: {activities}. Not counted: {others}.",
        activities=", ".join(counted),
        others=", ".join(others) if others else w._("none"),
    )


def assumed_rate(w: Wording, rates: pd.DataFrame, assumed: float) -> str:
    """The rate that stands where no earlier year tells one; nothing where one does."""
    if len(rates):
        return ""
    return w._(
        "No earlier year tells how often customers come back: {rate} is assumed, a parameter.",
        rate=w.percent(assumed, 0),
    )


def not_planned(w: Wording, count: int, weeks: int, weekly_tasks: int) -> str:
    """How many customers to call do not fit into the weeks planned; nothing where all do."""
    if not count:
        return ""
    return w._(
        "Not planned, for want of time in {weeks} weeks of {tasks} tasks: {count} customers; "
        "they are in the lists.",
        weeks=w.number(weeks),
        tasks=w.number(weekly_tasks),
        count=w.number(count),
    )


def overdue(w: Wording, late: int, slow: int) -> str:
    """How many of those that order rarely are late by their own rhythm."""
    if not slow:
        return w._(
            "Every customer usually orders at least twice a year: who is late shows in the "
            "gaps of a year."
        )
    if not late:
        return w.ngettext(
            "{count} customer usually orders less often than twice a year, and is within "
            "its own rhythm.",
            "{count} customers usually order less often than twice a year, and all are within "
            "their own rhythm.",
            slow,
        )
    return w.ngettext(
        "{count} customer usually orders less often than twice a year; overdue by its own "
        "rhythm: {late}.",
        "{count} customers usually order less often than twice a year; overdue by their own "
        "rhythm: {late}.",
        slow,
        late=w.number(late),
    )


def last_chance(w: Wording, chosen: pd.DataFrame, detectable: float) -> Finding | None:
    """The margin in play of the proposals, and who is left out to measure what they add."""
    called = chosen[chosen.arm != "hold-out"]
    if not len(called):
        return None
    low, high = known_range(
        called.value_low.sum(min_count=len(called)), called.value_high.sum(min_count=len(called))
    )
    told = dict(value=w.money(called.expected_value.sum(), 0))
    if low is None or high is None:
        sentence = w.ngettext(
            "{count} last-chance proposal is worth trying if the assumed share of such customers "
            "comes back: {value} of margin, cost deducted.",
            "{count} last-chance proposals are worth trying if the assumed share of such customers "
            "comes back: {value} of margin, cost deducted.",
            len(called),
            **told,
        )
    else:
        sentence = w.ngettext(
            "{count} last-chance proposal is worth trying if such customers come back as in "
            "earlier years: {value} of margin {interval}, cost deducted.",
            "{count} last-chance proposals are worth trying if such customers come back as in "
            "earlier years: {value} of margin {interval}, cost deducted.",
            len(called),
            interval=w.between(w.signed_money(low, 0), w.signed_money(high, 0)),
            **told,
        )
    return Finding(
        "last_chance",
        f"{sentence} {hold_out(w, chosen, detectable)}",
        called.expected_value.sum(),
        low,
        high,
    )


def hold_out(w: Wording, chosen: pd.DataFrame, detectable: float) -> str:
    """Who is left alone, so that what the proposals add can be looked for at the next audit,
    and how large it must be to be seen.
    """
    held = int((chosen.arm == "hold-out").sum())
    if not held:
        return w._("Too few of them to leave some alone: what the proposals add will not be known.")
    told = w.ngettext(
        "{count} customer drawn at random is left alone: only against it will the next audit tell "
        "what the proposals add.",
        "{count} customers drawn at random are left alone: only against them will the next audit "
        "tell what the proposals add.",
        held,
    )
    if unknown(detectable):
        return told
    return (
        told
        + " "
        + w._(
            "With so few, only an effect of about {effect} a customer or more will show.",
            effect=w.money(detectable, 0),
        )
    )


def followed(
    w: Wording,
    outcomes: pd.DataFrame,
    regained: tuple[float, float, float],
    expected: tuple[float, float, float],
    verdict: str,
    since: str,
    years: float,
) -> Finding:
    """What became of the customers flagged last time, against what such groups regained before,
    or what luck gives back.
    """
    counts = outcomes.set_index("outcome").customer_count
    everyone = outcomes.set_index("outcome").loc["all"]
    raw, (value, low, high) = regained[0], told_share(*regained)
    start = w._(
        "Of the {count} customers flagged on {since}, {back} are back, {late} still late, {lost} "
        "lost; they moved by {progress}.",
        count=w.number(counts["all"]),
        since=since,
        back=w.number(counts["back"]),
        late=w.number(counts["still_late"]),
        lost=w.number(counts["lost"]),
        progress=w.signed_money(everyone.revenue_progress, 0),
    )
    if unknown(value) and not unknown(raw):
        end = (
            w._("They fell further: nothing of the gap came back.")
            if raw < 0
            else w._("That is more than the whole gap.")
        )
        return Finding("followed", f"{start} {end}", everyone.revenue_progress)
    told = dict(
        regained=w.percent(value, 0),
        interval=""
        if unknown(low) or unknown(high)
        else w.between(w.percent(low, 0), w.percent(high, 0)),
        expected=w.percent(expected[0] * min(1.0, years), 0),
    )
    measured = {
        "more": w._(
            "That is {regained} of the gap {interval}, more than the {expected} that such groups "
            "regained in earlier years.",
            **told,
        ),
        "less": w._(
            "That is {regained} of the gap {interval}, less than the {expected} that such groups "
            "regained in earlier years.",
            **told,
        ),
        "same": w._(
            "That is {regained} of the gap {interval}, not told apart from the {expected} that "
            "such groups regained in earlier years.",
            **told,
        ),
    }
    ceiling = {
        "more": w._(
            "That is {regained} of the gap {interval}, more than the {expected} that the luck of "
            "orders gives back at most.",
            **told,
        ),
        "same": w._(
            "That is {regained} of the gap {interval}, no more than luck may give back "
            "(at most {expected}).",
            **told,
        ),
    }
    by_verdict = ceiling if unknown(expected[1]) else measured
    end = by_verdict.get(verdict) or w._(
        "That is {regained} of the gap {interval}; what such groups regain anyway is not known.",
        **told,
    )
    return Finding(
        "followed",
        f"{start} {end}".replace("  ", " ").replace(" ,", ",").replace(" ;", ";"),
        everyone.revenue_progress,
    )


def arm_effect(w: Wording, effect: Mapping[str, float]) -> str:
    """What the contacts did, measured against the hold-out;
    contacts that were really made tell whether the arms differed at all.
    """
    if not effect["hold_out_count"]:
        return w._(
            "No hold-out was drawn last time: what the contacts did cannot be told from what "
            "comes back anyway."
        )
    told = dict(
        contact=w.number(effect["contact_count"]),
        held=w.number(effect["hold_out_count"]),
        effect=w.signed_money(effect["effect"], 0),
        interval=""
        if unknown(effect["low"])
        else w.between(w.signed_money(effect["low"], 0), w.signed_money(effect["high"], 0)),
        made=w.number(effect["contact_contacts"], 1),
        spared=w.number(effect["hold_out_contacts"], 1),
    )
    if unknown(effect["low"]):
        return w._(
            "Too few customers in the hold-out ({held}) to measure what the contacts did.", **told
        )
    if effect["low"] <= 0 <= effect["high"]:
        sentence = w._(
            "Customers assigned to contact ({contact}) moved by {effect} each against those "
            "assigned to be left alone ({held}) {interval}: no effect is told from chance.",
            **told,
        )
    else:
        sentence = w._(
            "Customers assigned to contact ({contact}) moved by {effect} each against those "
            "assigned to be left alone ({held}) {interval}: an effect beyond chance.",
            **told,
        )
    if unknown(effect["contact_contacts"]) or unknown(effect["hold_out_contacts"]):
        unnoted = w._("Whether they were contacted is not noted.")
        return f"{sentence} {unnoted}"
    kept = w._("They had {made} contacts each, those left alone {spared}.", **told)
    broken = w._(
        "But they had {made} contacts each, those left alone {spared}: the assignment was not "
        "kept, this measures nothing.",
        **told,
    )
    return (
        f"{sentence} {kept if effect['contact_contacts'] > effect['hold_out_contacts'] else broken}"
    )


TASK_FIELDS = (
    "action", "sales_gap", "at_most", "quadrant", "noted_contact_count", "planned_contact_count",
    "stop_date", "won", "won_amount", "opportunity_amount", "renewal_amount", "renewal_date",
)  # fmt: skip  # what a task is told from


def task(w: Wording, t: pd.DataFrame, stop_contacts: int) -> pd.Series:
    """What to do with each customer, and when to stop: one sentence for its salesperson; before it
    what the CRM knows of an offer that was won, or is open.
    """
    t = t.reindex(columns=TASK_FIELDS)
    last = w.sentences(
        "Make a last-chance proposal ({gap} missing); stop after {contacts} contacts without an "
        "order, or on {date}.",
        gap=_missing(w, t),
        contacts=pd.Series(w.number(stop_contacts), t.index),
        date=days(w, t.stop_date),
    )
    told = first_told(
        (t.action == "renew", _speak(w, t)),
        (t.action == "last_chance", last),
        otherwise=_call(w, t),
    )
    return _offer_first(w, t) + told + _limit(w, t)


def _missing(w: Wording, t: pd.DataFrame) -> pd.Series:
    return amounts(w, -t.sales_gap.astype(float))


def _offer_first(w: Wording, t: pd.DataFrame) -> pd.Series:
    """An offer to ask about before anything else is proposed, a space behind; empty without one."""
    won, amount, pending = t.won.eq(True), t.won_amount, t.opportunity_amount.astype(float)
    asked = w.sentences(
        "An offer of {amount} was won and nothing ordered since: ask about it first.",
        amount=amounts(w, amount),
    )
    close = w.sentences("An offer of {amount} is open: close it first.", amount=amounts(w, pending))
    untold = w._("An offer was won and nothing ordered since: ask about it first.")
    return first_told(
        (won & amount.isna(), f"{untold} "),
        (won, asked + " "),
        ((t.action == "last_chance") & (pending > 0), close + " "),
        otherwise="",
    )


def _call(w: Wording, t: pd.DataFrame) -> pd.Series:
    """Whom to call about what, by how contacts and sales went (`quadrant`)."""
    told = dict(
        gap=_missing(w, t),
        made=counts(w, t.noted_contact_count),
        planned=counts(w, t.planned_contact_count),
    )
    few = w.sentences(
        "Renew the contact: {made} of {planned} planned contacts noted in a year, {gap} missing.",
        **told,
    )
    competition = w.sentences(
        "Ask what a competitor offers: contacted as planned, and {gap} missing.", **told
    )
    demand = w.sentences(
        "Ask why the customer orders less: contacted as planned, {gap} missing.", **told
    )
    watch = w.sentences(
        "Call: {made} of {planned} planned contacts noted in a year, {gap} missing.", **told
    )
    return first_told(
        (t.quadrant == "few_contacts", few),
        (t.quadrant == "competition", competition),
        (t.quadrant == "demand", demand),
        (t.quadrant == "watch", watch),
        (t.sales_gap < 0, w.sentences("Call and ask why: {gap} missing.", **told)),
        otherwise=w._("Call: it was once bigger, and bought no less than a year ago."),
    )


def _limit(w: Wording, t: pd.DataFrame) -> pd.Series:
    """What may be spent on it, with a space before; nothing where nothing may, or nobody knows."""
    at_most = t.at_most.astype(float)
    told = w.sentences("Spend at most {amount} on it.", amount=amounts(w, at_most))
    return where(at_most > 0, " " + told)


def _speak(w: Wording, t: pd.DataFrame) -> pd.Series:
    return w.sentences(
        "Speak about the contract of {amount} a year before {date}.",
        amount=amounts(w, t.renewal_amount),
        date=days(w, t.renewal_date),
    )


def renewal_task(w: Wording, t: pd.DataFrame) -> pd.Series:
    """The task of each account with a contract that ends soon."""
    return _speak(w, t) + _limit(w, t)


def gap_recommendations(
    w: Wording,
    tracked: pd.DataFrame,
    chosen: pd.DataFrame,
    people: pd.DataFrame,
    reaches_back: bool,
) -> list[str]:
    """What to do next: each sentence is triggered by names on a list."""
    made = []
    alone = tracked[(tracked.quadrant == "few_contacts") & tracked.action.isin(CALLED)]
    served = tracked[(tracked.quadrant == "competition") & tracked.action.isin(CALLED)]
    if len(alone):
        made.append(
            w._(
                "Visit those that fell deep with few contacts, starting with {names}.",
                names=list_names(w, to_call(alone)),
            )
        )
    if len(served):
        made.append(
            w._(
                "Ask those that fell in spite of contacts what a competitor offers, "
                "starting with {names}.",
                names=list_names(w, to_call(served)),
            )
        )
    if (chosen.arm == "hold-out").any():
        made.append(
            w._(
                "Make the last-chance proposals listed, stop where the list says "
                "stop, and leave the others of it alone until the next audit."
            )
        )
    elif len(chosen):
        made.append(
            w._("Make the last-chance proposals listed, and stop where the list says stop.")
        )
    if ((people.signal == "99.8") & (people.late_share > people.expected_share)).any():
        made.append(
            w._(
                "Go through the accounts of those outside the 99.8 % limits with them: the mix by "
                "class is allowed for, the market is not."
            )
        )
    if not reaches_back:
        made.append(
            w._(
                "Give three years of sales: what comes back anyway can then be measured "
                "instead of bounded."
            )
        )
    return made or [w._("No customer calls for action on these thresholds.")]
