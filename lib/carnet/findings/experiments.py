"""Experiments told: what the arms can show before they are drawn,
what came of them once they have ended.
"""

from collections.abc import Mapping
from typing import Any

from carnet.findings.strategy import STRATEGY_LABELS
from carnet.wording import N_, Wording, unknown

LEVEL = 0.05  # p-value of the draws made anew, above which no direction is told
MEASURE_LABELS = {
    "revenue": N_("revenue"),
    "margin": N_("margin on goods"),
    "orders": N_("number of orders"),
    "retention": N_("share that orders"),
}


def amount(w: Wording, measure: str, value: float | None, signed: bool = False) -> str:
    """A value of the measure: money, orders, or a share (a difference in points)."""
    if value is None or unknown(value):
        return w._("not measured")
    if measure == "retention":
        return (
            w._("{points} points", points=("+" if value > 0 else "") + w.number(100 * value, 1))
            if signed
            else w.percent(value, 0)
        )
    if measure == "orders":
        return ("+" if signed and value > 0 else "") + w.number(value, 2)
    return w.signed_money(value, 0) if signed else w.money(value, 0)


def feasibility(w: Wording, strategies: Any) -> Any:
    """What a test could show, in words: strategy_name, usual, detectable,
    needed beside the numbers.
    """
    return strategies.assign(
        strategy_name=[w._(STRATEGY_LABELS[name]) for name in strategies.strategy],
        usual=[w.money(value, 0) for value in strategies.usual_mean],
        detectable=[amount(w, "revenue", value, True) for value in strategies.detectable_effect],
        needed=strategies.needed_per_arm,
    )


def feasibility_note(w: Wording, days: int, rate: float, count: float) -> str:
    """What the feasibility rests on, and how many customers a rise of the retention takes."""
    if unknown(count):
        return ""
    return w._(
        "From the revenue of the last {days} days, less what the 12 months before "
        "foretell (CUPED). To show a retention of {rate} rise by 5 points takes {count} "
        "customers in each arm.",
        days=w.number(days),
        rate=w.percent(rate, 0),
        count=w.number(count),
    )


def plan_row(w: Wording, plan: Any, found: Mapping[str, Any] | None) -> dict[str, Any]:
    """An experiment of the engagement in a row: experiment, dates, treated, control,
    detectable, outcome_told.
    """
    return {
        "experiment": plan.name,
        "dates": f"{w.date(plan.start, 'short')} – {w.date(plan.end, 'short')}",
        "treated": plan.count("treated"),
        "control": plan.count("control"),
        "detectable": amount(w, plan.measure, plan.detectable_effect, True),
        "outcome_told": " ".join(result(w, plan, found)) if found else w._("not ended yet"),
    }


def size(w: Wording, plan: Any) -> list[str]:
    """What is tested on how many, and what it can show (an `plan.Plan`)."""
    told = dict(
        strategy=w._(STRATEGY_LABELS[plan.strategy]),
        measure=w._(MEASURE_LABELS[plan.measure]),
        start=w.date(plan.start),
        end=w.date(plan.end),
        treated=w.number(plan.count("treated")),
        control=w.number(plan.count("control")),
    )
    design = (
        w._("matched in pairs")
        if plan.design == "pairs"
        else w._("drawn within classes and halves of size")
    )
    made = [
        w._(
            "Strategy “{strategy}”, {measure} from {start} to {end}: {treated} treated, {control} "
            "left alone, {design}.",
            design=design,
            **told,
        )
    ]
    if plan.count("left out"):
        made.append(
            w.ngettext(
                "{count} account without a partner is left out.",
                "{count} accounts without a partner are left out.",
                plan.count("left out"),
            )
        )
    made.append(detectable(w, plan.measure, plan.usual_mean, plan.detectable_effect))
    if not unknown(plan.usual_mean):
        made.append(
            w._(
                "The accounts are chosen by what they are today: a year earlier they may have been "
                "better, or worse, than they will be."
            )
        )
    if not unknown(plan.wished_effect) and not unknown(plan.needed_per_arm):
        wish = amount(w, plan.measure, plan.wished_effect, signed=True)
        enough = not unknown(plan.detectable_effect) and plan.detectable_effect <= abs(
            plan.wished_effect
        )
        made.append(
            w._(
                "An effect of {wish} takes {needed} customers in each arm: there are enough.",
                wish=wish,
                needed=w.number(plan.needed_per_arm),
            )
            if enough
            else w._(
                "An effect of {wish} takes {needed} customers in each arm: there are too few, "
                "and a result of nothing would prove nothing.",
                wish=wish,
                needed=w.number(plan.needed_per_arm),
            )
        )
    return made


def detectable(w: Wording, measure: str, mean: float | None, effect: float | None) -> str:
    """The smallest effect that the arms show, beside the usual value."""
    if unknown(effect) and not unknown(mean):
        return w._(
            "The same dates a year earlier: {mean}. So few accounts, or so high a share, "
            "cannot show a rise.",
            mean=amount(w, measure, mean),
        )
    if unknown(effect):
        return w._(
            "What these arms can show is not known: the sales given do not cover the same dates "
            "a year earlier and the year before them, or the arms are too small."
        )
    return w._(
        "The smallest effect these arms show in 8 cases of 10 is {effect} a customer; the same "
        "dates a year earlier: {mean}.",
        effect=amount(w, measure, effect, signed=True),
        mean=amount(w, measure, mean),
    )


def result(w: Wording, plan: Any, found: Mapping[str, Any]) -> list[str]:
    """What came of an experiment, no direction where the interval holds zero."""
    measure, gone, made = plan.measure, found["treated_missing"] + found["control_missing"], []
    if gone:
        made.append(
            w.ngettext(
                "{count} customer drawn is no longer in the book, or its outcome not known "
                "(treated {treated}, left alone {control}).",
                "{count} customers drawn are no longer in the book, or their outcome not known "
                "(treated {treated}, left alone {control}).",
                gone,
                treated=w.number(found["treated_missing"]),
                control=w.number(found["control_missing"]),
            )
        )
    if unknown(found["effect"]):
        ratio = found["sample_ratio_p_value"]
        if not unknown(ratio) and ratio < 0.001:
            return [
                *made,
                w._(
                    "The arms found are not those drawn (p = {p}): something chose who is found, "
                    "and no effect is told.",
                    p=w.percent(ratio, 2),
                ),
            ]
        return [*made, w._("Too few customers are left in an arm to tell an effect.")]
    told = dict(
        effect=amount(w, measure, found["effect"], signed=True),
        p=w.percent(found["p_value"], 1),
        interval=""
        if unknown(found["low"])
        else " "
        + w.between(
            amount(w, measure, found["low"], signed=True),
            amount(w, measure, found["high"], signed=True),
        ),
        treated=amount(w, measure, found["treated_mean"]),
        control=amount(w, measure, found["control_mean"]),
    )
    # both must tell it: with few buyers an interval alone cries too often
    ranged = not unknown(found["low"]) and found["p_value"] <= LEVEL
    if ranged and found["low"] > 0:
        sentence = w._(
            "The treated did better: {effect} a customer{interval}, p = {p}; plainly {treated} "
            "against {control}.",
            **told,
        )
    elif ranged and found["high"] < 0:
        sentence = w._(
            "The treated did worse: {effect} a customer{interval}, p = {p}; plainly {treated} "
            "against {control}.",
            **told,
        )
    else:
        sentence = w._(
            "No effect is told: {effect} a customer{interval}, p = {p}; plainly {treated} "
            "against {control}.",
            **told,
        )
    made.append(sentence)
    contacted = found.get("treated_contacted"), found.get("control_contacted")
    if not unknown(contacted[0]):
        made.append(
            w._(
                "Contacted, as noted: {treated} of the treated, {control} of those left alone. "
                "Everybody counts in the arm drawn.",
                treated=w.percent(contacted[0], 0),
                control=w.percent(contacted[1], 0),
            )
        )
    return made
