"""Findings of the indicators: signals, growth, objectives, lifetimes, orders to come."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from carnet.findings.base import Finding, write_figure, write_pace
from carnet.measures.catalogue import FIGURES
from carnet.measures.indicators.control_limits import FIRM_POINTS, Pattern
from carnet.wording import Wording, unknown

NAMED_SIGNALS = 5  # periods named in a sentence


def audited_signals(limits: pd.DataFrame, audited: Sequence[str]) -> list[str]:
    """Periods of the audited year outside the limits, furthest first, at most five: labels of the index of `limits_around`."""
    t = limits[limits.index.isin(audited) & limits.signal.isin(["above", "below"])]
    beyond = (t.value - t["mean"]).abs() / (t.high - t["mean"])
    return list(beyond.sort_values(ascending=False, kind="stable").index[:NAMED_SIGNALS])


def signals(w: Wording, measure: str, years: Sequence[float], limits: pd.DataFrame, pattern: Pattern, audited: Sequence[str]) -> str:
    """How a series moved from year to year, first; then which periods of the audited year leave the limits around its trend and season."""
    label, figure = w._(FIGURES[measure].label), FIGURES[measure]
    known = [value for value in years if not unknown(value)]
    parts = []
    if len(known) > 1:
        course = " → ".join(write_figure(w, value, figure) for value in known)
        parts.append(w._("{label}, year by year: {course}.", label=label, course=course))
    if len(limits) < FIRM_POINTS:
        parts.append(w._("{label}: {points} periods are too few for firm limits.", label=label, points=w.number(len(limits))))
        return " ".join(parts)
    if not unknown(pattern.trend):
        rate = w.signed_percent(pattern.trend) if pattern.relative else write_pace(w, pattern.trend, figure)
        parts.append(w._("Period by period it follows a trend of {rate} a year, taken out before the limits.", rate=rate))
    named = audited_signals(limits, audited)
    inside = limits.index.isin(audited)
    outside = int(limits.signal[inside].isin(["above", "below"]).sum())
    told = dict(periods=", ".join(map(w.period, named)), points=w.number(int(inside.sum())))
    if outside:
        parts.append(w.ngettext(
            "{count} period of the {points} of the audited year leaves the limits around its course: {periods}.",
            "{count} periods of the {points} of the audited year leave the limits around its course, first of all {periods}.", outside, **told))  # fmt: skip
    else:
        parts.append(
            w._(
                "No single period of the {points} of the audited year leaves the limits around this course: none of them calls for a cause of its own.",
                **told,
            )
        )
    return " ".join(parts) if len(known) > 1 or not unknown(pattern.trend) else f"{label}. {' '.join(parts)}"


def growth(w: Wording, change: float, effects: Mapping[str, float]) -> Finding | None:
    """How much of the change of revenue came through customers, orders and baskets."""
    if unknown(change) or any(unknown(effect) for effect in effects.values()):
        return None
    sentence = w._(
        "Revenue changed by {change}: {customers} through the number of customers, {frequency} through orders per customer, {basket} through the basket.",
        change=w.signed_money(change), customers=w.signed_money(effects["active_customer_count"]),
        frequency=w.signed_money(effects["purchase_frequency"]), basket=w.signed_money(effects["average_basket"]),
    )  # fmt: skip
    return Finding("growth", sentence, change)


def profit_growth(w: Wording, now: Mapping[str, Any], before: Mapping[str, Any]) -> Finding | None:
    """When revenue and net margin move apart: the one up, the other down. Both are totals; the sentence claims no trend."""
    revenue, profit = now["revenue"] - before["revenue"], now["net_margin"] - before["net_margin"]
    if unknown(revenue) or unknown(profit) or not (revenue > 0 > profit):
        return None
    sentence = w._(
        "Revenue changed by +{rate} and the net margin went from {before} to {now}: the additional sales did not pay.",
        rate=w.percent(revenue / before["revenue"]), before=w.money(before["net_margin"]), now=w.money(now["net_margin"]),
    )  # fmt: skip
    return Finding("profit_growth", sentence, profit)


def objective(w: Wording, row: Mapping[str, Any]) -> str:
    """One objective: where it stands, where it should stand today, what pace is left to make."""
    measure = FIGURES[row["measure"]]
    told = {name: write_figure(w, row[name], measure) for name in ("value", "target", "required")}
    told |= dict(label=w._(measure.label), due=w.date(row["due"]), pace=write_pace(w, row["pace_needed"], measure))
    told["interval"] = (
        "" if unknown(row["low"]) else " " + w.between(write_figure(w, row["low"], measure), write_figure(w, row["high"], measure))
    )
    if row["status"] == "not measured":
        return w._("{label}, objective {target} by {due}: not measured on this book.", **told)
    if row["status"] == "not judged":
        return w._(
            "{label}, objective {target} by {due}: at {value}{interval}; the pace is not judged, since the objective has no baseline with its day (baseline and from in engagement.yml). Pace needed: {pace} a year.",
            **told,
        )
    if row["years_left"] == 0:
        sentences = {
            "on track": w._("{label}, objective {target} by {due}: reached, at {value}{interval}.", **told),
            "off track": w._("{label}, objective {target} by {due}: missed, at {value}{interval}.", **told),
            "too noisy": w._(
                "{label}, objective {target} by {due}: at {value}{interval}, too noisy to say whether it was reached.", **told
            ),
        }
    elif unknown(row["pace_needed"]):
        sentences = {
            "on track": w._("{label}, objective {target} by {due}: reached already, at {value}{interval}; to be held.", **told),
            "too noisy": w._(
                "{label}, objective {target} by {due}: reached already, at {value}{interval}, but too noisy to be sure.", **told
            ),
        }
    else:
        sentences = {
            "on track": w._(
                "{label}, objective {target} by {due}: on track, at {value}{interval} where {required} was due today; pace needed {pace} a year.",
                **told,
            ),
            "off track": w._(
                "{label}, objective {target} by {due}: off track, at {value}{interval} where {required} was due today; pace needed {pace} a year.",
                **told,
            ),
            "too noisy": w._(
                "{label}, objective {target} by {due}: too noisy to say, at {value}{interval} where {required} was due today; pace needed {pace} a year.",
                **told,
            ),
        }
    return sentences[row["status"]]


def contract_lifetime(
    w: Wording, contracts: int, endings: int, years: float, interval: tuple[float, float], horizon: float, still: float, deck: float
) -> str:
    """Of the years of the horizon, how many a contract runs; the share that runs on, and the deck's 1 ÷ attrition beside it."""
    told = dict(
        contracts=w.number(contracts), endings=w.number(endings), horizon=w.number(horizon), years=w.number(years, 1), deck=w.number(deck, 1),
        interval="" if unknown(interval[0]) else " " + w.between(*(w.number(end, 1) for end in interval)), still=w.percent(still, 0),
    )  # fmt: skip
    if unknown(years):
        return w._(
            "{endings} endings among {contracts} contracts: too few, or not followed for {horizon} years, to say how many of them a contract runs.",
            **told,
        )
    sentence = w._(
        "A contract runs {years} of the next {horizon} years on average{interval}; {still} still run after them ({endings} endings among {contracts} contracts, late entry allowed for).",
        **told,
    )
    if unknown(deck):
        return sentence
    return f"{sentence} " + w._("1 ÷ attrition would say {deck} years, for all customers and without end.", **told)


def purchases(
    w: Wording, customers: int, probability: float, expected: float, weeks: int, held: Mapping[str, Any], regularity: float
) -> str:
    """Orders to come, and how well the model did on the hold-out beside the naive baseline."""
    first = w._(
        "Of {customers} customers, {probability} are expected to order in the next {weeks} weeks: {expected} order days.",
        customers=w.number(customers), probability=w.percent(probability, 0), weeks=w.number(weeks), expected=w.number(expected),
    )  # fmt: skip
    second = w._(
        "Tested on the last period held out: {predicted} order days predicted, {actual} happened; as many weeks just before held {naive}.",
        predicted=w.number(held["predicted_count"]), actual=w.number(held["actual_count"]), naive=w.number(held["naive_count"]),
    )  # fmt: skip
    third = "" if unknown(regularity) or regularity < 1.5 else w._(
        "Orders come at a rhythm (k = {k}, chance would be 1), which the model does not know: read its probabilities as a ranking.", k=w.number(regularity, 1)
    )  # fmt: skip
    return " ".join(filter(None, (first, second, third)))


def lifetime_order_of_magnitude(w: Wording, deck: float, half_life: float) -> str:
    """1 ÷ attrition, labelled as what it is, and the half-life."""
    if unknown(deck):
        return w._("1 ÷ attrition is not measured: it needs two complete periods with customers lost in between.")
    if unknown(half_life):
        sentence = w._(
            "1 ÷ attrition gives {deck} years: an order of magnitude, biased because it lets every customer leave at one rate forever.",
            deck=w.number(deck, 1),
        )
        return sentence
    return w._(
        "1 ÷ attrition gives {deck} years: an order of magnitude, biased because it lets every customer leave at one rate forever; half of the portfolio would be gone in {half} years.",
        deck=w.number(deck, 1), half=w.number(half_life, 1),
    )  # fmt: skip


def look_into(w: Wording, measure: str, periods: list[str]) -> str:
    """Ask for the cause of the periods outside the limits."""
    return w._(
        "{label}: find out what happened in {periods}.", label=w._(FIGURES[measure].label), periods=", ".join(map(w.period, periods))
    )


def act_on(w: Wording, row: Mapping[str, Any]) -> str:
    """Ask the owner of an objective off track for a decision."""
    measure = FIGURES[row["measure"]]
    label = w._(measure.label)
    if row["owner"]:
        return w._("{label}: ask {owner} to change the plan or the objective, it is off track.", label=label, owner=row["owner"])
    return w._("{label}: name an owner, then change the plan or the objective, it is off track.", label=label)
