"""Findings of the indicators: signals, growth, objectives, lifetimes, orders to come."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from carnet.findings.base import Finding, write_figure, write_pace
from carnet.measures.catalogue import FIGURES
from carnet.measures.indicators.control_limits import FIRM_POINTS, Pattern
from carnet.measures.retention.clockwork import CLOCKWORK
from carnet.measures.retention.purchases import MIN_CUSTOMERS
from carnet.wording import Wording, unknown

SHORT_MONEY = 100_000  # from here on an axis writes thousands
NAMED_SIGNALS = 5  # periods named in a sentence


def audited_signals(limits: pd.DataFrame, audited: Sequence[str]) -> list[str]:
    """Periods of the audited year outside the limits, furthest first, at most five:
    labels of the index of `limits_around`.
    """
    t = limits[limits.index.isin(audited) & limits.signal.isin(["above", "below"])]
    beyond = (t.value - t["mean"]).abs() / (t.high - t["mean"])
    return list(beyond.sort_values(ascending=False, kind="stable").index[:NAMED_SIGNALS])


def signals(
    w: Wording,
    measure: str,
    years: Sequence[float],
    limits: pd.DataFrame,
    pattern: Pattern,
    audited: Sequence[str],
) -> str:
    """How a series moved from year to year, first; then which periods of the audited year leave the
    limits around its trend and season.
    """
    label, figure = w._(FIGURES[measure].label), FIGURES[measure]
    known = [value for value in years if not unknown(value)]
    parts = []
    if len(known) > 1:
        course = " → ".join(write_figure(w, value, figure) for value in known)
        parts.append(w._("{label}, year by year: {course}.", label=label, course=course))
    if len(limits) < FIRM_POINTS:
        parts.append(
            w._(
                "{label}: {points} periods are too few for firm limits.",
                label=label,
                points=w.number(len(limits)),
            )
        )
        return " ".join(parts)
    if not unknown(pattern.trend):
        rate = (
            w.signed_percent(pattern.trend)
            if pattern.relative
            else write_pace(w, pattern.trend, figure)
        )
        parts.append(
            w._(
                "Period by period it follows a trend of {rate} a year, taken out "
                "before the limits.",
                rate=rate,
            )
        )
    named = audited_signals(limits, audited)
    inside = limits.index.isin(audited)
    outside = int(limits.signal[inside].isin(["above", "below"]).sum())
    told = dict(periods=", ".join(map(w.period, named)), points=w.number(int(inside.sum())))
    if outside:
        parts.append(
            w.ngettext(
                "{count} period of the {points} of the audited year leaves the limits around its "
                "course: {periods}.",
                "{count} periods of the {points} of the audited year leave the limits around its "
                "course, first of all {periods}.",
                outside,
                **told,
            )
        )
    else:
        parts.append(
            w._(
                "No single period of the {points} of the audited year leaves the limits around "
                "this course: none of them calls for a cause of its own.",
                **told,
            )
        )
    return (
        " ".join(parts)
        if len(known) > 1 or not unknown(pattern.trend)
        else f"{label}. {' '.join(parts)}"
    )


def outside_limits(w: Wording, measure: str, limits: pd.DataFrame, audited: Sequence[str]) -> str:
    """Title: how many periods of the audited year leave their limits."""
    label = w._(FIGURES[measure].label)
    outside = int(limits.signal[limits.index.isin(audited)].isin(["above", "below"]).sum())
    if not outside:
        return w._("{label}: no period of the audited year leaves its limits", label=label)
    return w.ngettext(
        "{label}: {count} period of the audited year leaves its limits",
        "{label}: {count} periods of the audited year leave their limits",
        outside,
        label=label,
    )


def limits_drawn(w: Wording, limits: pd.DataFrame, pattern: Pattern) -> str:
    """Subtitle: around what the limits are drawn, and whether they are provisional."""
    if pattern.season:
        return w._("Limits at ± 2.66 mean moving ranges around trend and season")
    if len(limits) >= FIRM_POINTS:
        return w._("Expected course and limits at ± 2.66 mean moving ranges")
    return w._(
        "Expected course and provisional limits at ± 2.66 mean moving ranges: fewer than 12 points"
    )


def axis_writer(w: Wording, measure: str, limits: pd.DataFrame) -> Callable[[float], str]:
    """How values of a measure are written on an axis: numbers, whole money,
    short money where it is large.
    """
    if FIGURES[measure].unit != "currency":
        return w.number
    if limits.high.max() >= SHORT_MONEY:
        return w.short_money
    return lambda value: w.money(value, 0)


def growth_title(w: Wording, change: float) -> str:
    """Title: by how much revenue changed."""
    return w._("Revenue changed by {change}", change=w.signed_money(change, 0))


def growth_steps(w: Wording, split: pd.DataFrame, change: float) -> pd.DataFrame:
    """The factors and their sum: label, amount, total."""
    labels = [
        w._("Active customers"),
        w._("Orders per customer"),
        w._("Average basket"),
        w._("Change of revenue"),
    ]
    amounts = [*split.effect, change]
    return pd.DataFrame({"label": labels, "amount": amounts, "total": [False, False, False, True]})


def objectives(w: Wording, progress: pd.DataFrame) -> pd.DataFrame:
    """The objectives in words: label, owner, due, target, required, value, range, progress."""
    rows = []
    for row in progress.to_dict("records"):
        measure = FIGURES[row["measure"]]
        known = {
            name: row[name] for name in ("target", "required", "value") if not unknown(row[name])
        }
        told = {name: write_figure(w, value, measure) for name, value in known.items()}
        ends = [write_figure(w, row[end], measure) for end in ("low", "high")]
        rows.append(
            row
            | dict.fromkeys(("target", "required", "value"), "–")
            | told
            | {
                "label": w._(measure.label),
                "range": "" if unknown(row["low"]) else w.between(*ends),
                "progress": row["status"],
            }
        )
    return pd.DataFrame(rows)


def newcomers_again(w: Wording, mature: pd.DataFrame) -> str:
    """Title: the share of newcomers that order again in the period after their first."""
    first = mature[(mature.age == 1) & (mature.cohort > 0)]
    if not len(first):
        return w._("No newcomer since the first cohort")
    share = first.active_count.sum() / first.customer_count.sum()
    return w._(
        "{share} of newcomers order again in the period after their first",
        share=w.percent(share, 0),
    )


def contract_runs(w: Wording, years: float, horizon: int) -> str:
    """Title: how long a contract runs."""
    if unknown(years):
        return w._("How long contracts run")
    return w._(
        "A contract runs {years} of the next {horizon} years",
        years=w.number(years, 1),
        horizon=w.number(horizon),
    )


def not_modelled(w: Wording, count: int) -> str:
    """Why the orders to come are not modelled: too few customers,
    or orders that do not identify the model.
    """
    if count < MIN_CUSTOMERS:
        return w._(
            "Orders to come are not modelled. Customers without a contract who had ordered before "
            "the weeks held out: {count}; at least {least} are needed.",
            count=w.number(count),
            least=w.number(MIN_CUSTOMERS),
        )
    return w._(
        "Orders to come are not modelled: the orders of {count} customers do not "
        "identify the model.",
        count=w.number(count),
    )


def predicted(w: Wording, held: pd.DataFrame) -> str:
    """Title: order days predicted and those that happened."""
    told = {name: w.number(held[f"{name}_count"].iloc[-1]) for name in ("predicted", "actual")}
    return w._("{predicted} order days predicted, {actual} happened", **told)


def half_life(w: Wording, years: float) -> str:
    """The half-life in years, or that it is not measured."""
    return w._("not measured") if unknown(years) else w._("{years} years", years=w.number(years, 1))


def recommendations(
    w: Wording, limits: Mapping[str, pd.DataFrame], audited: Sequence[str], progress: pd.DataFrame
) -> list[str]:
    """What to do next, each triggered by a signal or by an objective off track; nothing where
    neither is there.
    """
    if not limits and not len(progress):
        return []
    outside = {
        name: audited_signals(t, audited) for name, t in limits.items() if len(t) >= FIRM_POINTS
    }
    made = [look_into(w, name, periods) for name, periods in outside.items() if periods]
    made += [act_on(w, row) for row in progress.to_dict("records") if row["status"] == "off track"]
    return made if made else [w._("No signal and no objective off track in these series.")]


def growth(w: Wording, change: float, effects: Mapping[str, float]) -> Finding | None:
    """How much of the change of revenue came through customers, orders and baskets."""
    if unknown(change) or any(unknown(effect) for effect in effects.values()):
        return None
    sentence = w._(
        "Revenue changed by {change}: {customers} through the number of customers, {frequency} "
        "through orders per customer, {basket} through the basket.",
        change=w.signed_money(change),
        customers=w.signed_money(effects["active_customer_count"]),
        frequency=w.signed_money(effects["purchase_frequency"]),
        basket=w.signed_money(effects["average_basket"]),
    )
    return Finding("growth", sentence, change)


def profit_growth(w: Wording, now: Mapping[str, Any], before: Mapping[str, Any]) -> Finding | None:
    """When revenue and net margin move apart: the one up, the other down.

    Both are totals; the sentence claims no trend.
    """
    revenue, profit = now["revenue"] - before["revenue"], now["net_margin"] - before["net_margin"]
    if unknown(revenue) or unknown(profit) or not (revenue > 0 > profit):
        return None
    sentence = w._(
        "Revenue changed by +{rate} and the net margin went from {before} to {now}: the additional "
        "sales did not pay.",
        rate=w.percent(revenue / before["revenue"]),
        before=w.money(before["net_margin"]),
        now=w.money(now["net_margin"]),
    )
    return Finding("profit_growth", sentence, profit)


def objective(w: Wording, row: Mapping[str, Any]) -> str:
    """One objective: where it stands, where it should stand today, what pace is left to make."""
    measure = FIGURES[row["measure"]]
    told = {name: write_figure(w, row[name], measure) for name in ("value", "target", "required")}
    told |= dict(
        label=w._(measure.label),
        due=w.date(row["due"]),
        pace=write_pace(w, row["pace_needed"], measure),
    )
    told["interval"] = (
        ""
        if unknown(row["low"])
        else " "
        + w.between(write_figure(w, row["low"], measure), write_figure(w, row["high"], measure))
    )
    if row["status"] == "not measured":
        return w._("{label}, objective {target} by {due}: not measured on this book.", **told)
    if row["status"] == "not judged":
        return w._(
            "{label}, objective {target} by {due}: at {value}{interval}; the pace is not judged, "
            "since the objective has no baseline with its day (baseline and from in "
            "engagement.yml). Pace needed: {pace} a year.",
            **told,
        )
    if row["years_left"] == 0:
        sentences = {
            "on track": w._(
                "{label}, objective {target} by {due}: reached, at {value}{interval}.", **told
            ),
            "off track": w._(
                "{label}, objective {target} by {due}: missed, at {value}{interval}.", **told
            ),
            "too noisy": w._(
                "{label}, objective {target} by {due}: at {value}{interval}, too noisy to say "
                "whether it was reached.",
                **told,
            ),
        }
    elif unknown(row["pace_needed"]):
        sentences = {
            "on track": w._(
                "{label}, objective {target} by {due}: reached already, at {value}{interval}; "
                "to be held.",
                **told,
            ),
            "too noisy": w._(
                "{label}, objective {target} by {due}: reached already, at {value}{interval}, "
                "but too noisy to be sure.",
                **told,
            ),
        }
    else:
        sentences = {
            "on track": w._(
                "{label}, objective {target} by {due}: on track, at {value}{interval} where "
                "{required} was due today; pace needed {pace} a year.",
                **told,
            ),
            "off track": w._(
                "{label}, objective {target} by {due}: off track, at {value}{interval} where "
                "{required} was due today; pace needed {pace} a year.",
                **told,
            ),
            "too noisy": w._(
                "{label}, objective {target} by {due}: too noisy to say, at {value}{interval} "
                "where {required} was due today; pace needed {pace} a year.",
                **told,
            ),
        }
    return sentences[row["status"]]


def contract_lifetime(
    w: Wording,
    contracts: pd.DataFrame,
    years: float,
    interval: tuple[Any, Any],
    horizon: float,
    still: float,
    deck: float,
) -> str:
    """Of the years of the horizon, how many a contract runs; the share that runs on,
    and the deck's 1 ÷ attrition beside it.
    """
    told = dict(
        contracts=w.number(len(contracts)),
        endings=w.number(int(contracts.ended.sum())),
        horizon=w.number(horizon),
        years=w.number(years, 1),
        deck=w.number(deck, 1),
        interval=""
        if unknown(interval[0])
        else " " + w.between(*(w.number(end, 1) for end in interval)),
        still=w.percent(still, 0),
    )
    if unknown(years):
        return w._(
            "{endings} endings among {contracts} contracts: too few, or not followed for {horizon} "
            "years, to say how many of them a contract runs.",
            **told,
        )
    sentence = w._(
        "A contract runs {years} of the next {horizon} years on average{interval}; {still} still "
        "run after them ({endings} endings among {contracts} contracts, late entry allowed for).",
        **told,
    )
    if unknown(deck):
        return sentence
    return f"{sentence} " + w._(
        "1 ÷ attrition would say {deck} years, for all customers and without end.", **told
    )


def purchases(
    w: Wording,
    customers: int,
    figures: Mapping[str, Any],
    weeks: int,
    held: Mapping[str, Any],
    regularity: float,
) -> str:
    """Orders to come, and how well the model did on the hold-out beside the naive baseline."""
    first = w._(
        "Of {customers} customers, {probability} are expected to order in the next {weeks} weeks: "
        "{expected} order days.",
        customers=w.number(customers),
        probability=w.percent(figures["repurchase_probability"], 0),
        weeks=w.number(weeks),
        expected=w.number(figures["expected_order_count"]),
    )
    tested = dict(
        predicted=w.number(held["predicted_count"]), actual=w.number(held["actual_count"])
    )
    if unknown(held["naive_count"]):
        second = w._(
            "Tested on the last period held out: {predicted} order days predicted, {actual} "
            "happened; as many weeks just before are not all in the book.",
            **tested,
        )
    else:
        second = w._(
            "Tested on the last period held out: {predicted} order days predicted, {actual} "
            "happened; as many weeks just before held {naive}.",
            **tested,
            naive=w.number(held["naive_count"]),
        )
    third = (
        ""
        if unknown(regularity) or regularity < CLOCKWORK
        else w._(
            "Orders come at a rhythm (k = {k}, chance would be 1), and the model knows it "
            "(MBG/CNBD-k).",
            k=w.number(regularity, 1),
        )
    )
    return " ".join(filter(None, (first, second, third)))


def payback(w: Wording, t: pd.DataFrame) -> str:
    """How many cohorts of newcomers have earned back what winning them cost, and how soon."""
    # a cohort of less than a year is too young to be judged
    known = t[(t.acquisition_total > 0) & (t.first_year_revenue.notna() | t.payback_months.notna())]
    if not len(known):
        return ""
    paid = known.payback_months.dropna()
    told = dict(known=w.number(len(known)), paid=w.number(len(paid)))
    if not len(paid):
        return w._(
            "None of {known} cohorts of newcomers, a year old or more, has earned back by its "
            "margin what winning them cost.",
            **told,
        )
    return w._(
        "Cohorts of newcomers, a year old or more, whose margin has earned back what winning them "
        "cost: {paid} of {known}, within {months} months in the middle.",
        **told,
        months=w.number(paid.median()),
    )


def lifetime_order_of_magnitude(w: Wording, deck: float, half_life: float) -> str:
    """1 ÷ attrition, labelled as what it is, and the half-life."""
    if unknown(deck):
        return w._(
            "1 ÷ attrition is not measured: it needs two complete periods with customers "
            "lost in between."
        )
    if unknown(half_life):
        sentence = w._(
            "1 ÷ attrition gives {deck} years: an order of magnitude, biased because it lets every "
            "customer leave at one rate forever.",
            deck=w.number(deck, 1),
        )
        return sentence
    return w._(
        "1 ÷ attrition gives {deck} years: an order of magnitude, biased because it lets every "
        "customer leave at one rate forever; half of the portfolio would be gone in {half} years.",
        deck=w.number(deck, 1),
        half=w.number(half_life, 1),
    )


def look_into(w: Wording, measure: str, periods: list[str]) -> str:
    """Ask for the cause of the periods outside the limits."""
    return w._(
        "{label}: find out what happened in {periods}.",
        label=w._(FIGURES[measure].label),
        periods=", ".join(map(w.period, periods)),
    )


def act_on(w: Wording, row: Mapping[str, Any]) -> str:
    """Ask the owner of an objective off track for a decision."""
    measure = FIGURES[row["measure"]]
    label = w._(measure.label)
    if row["owner"]:
        return w._(
            "{label}: ask {owner} to change the plan or the objective, it is off track.",
            label=label,
            owner=row["owner"],
        )
    return w._(
        "{label}: name an owner, then change the plan or the objective, it is off track.",
        label=label,
    )
