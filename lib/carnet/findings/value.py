"""What keeping customers is worth, told: replacement, profit effects, budgets, whom not to chase,
the famous figures.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from carnet.findings.base import Finding, known_range, list_names
from carnet.wording import Wording, unknown


def ranged(w: Wording, value: float, low: float, high: float, decimals: int = 1) -> str:
    """A number with its interval."""
    if unknown(value):
        return w._("not measured")
    ends = (
        ""
        if unknown(low) or unknown(high)
        else " " + w.between(w.number(low, decimals), w.number(high, decimals))
    )
    return w.number(value, decimals) + ends


def effect(
    w: Wording, amount: float, low: float | None, high: float | None, base: float, of_profit: bool
) -> str:
    """An effect in money with its interval, and as a share of the profit,
    or of the gross margin where no profit above zero is known.
    """
    written = w.signed_money(amount, 0)
    if low is not None and not unknown(low):
        written += " " + w.between(w.signed_money(low, 0), w.signed_money(high, 0))
    if unknown(base):
        return written
    share = w.percent(amount / base, 0)
    told = share if of_profit else w._("{share} of gross margin", share=share)
    return f"{written} · {told}"


def replacement(
    w: Wording,
    found: Mapping[str, float],
    count: int,
    amount: float,
    names: Sequence[str],
    quoted: float,
) -> Finding | None:
    """What the good customers lost brought, and how many new ones each takes,
    beside the quoted 3.
    """
    if not count:
        return None
    told = dict(amount=w.money(amount, 0), names=list_names(w, names))
    sentence = w.ngettext(
        "{count} good customer was lost with {amount} of margin a year ({names}).",
        "{count} good customers were lost with {amount} of margin a year, first of all {names}.",
        count,
        **told,
    )
    if unknown(found["ratio"]):
        return Finding("replacement", sentence, -amount)
    ratio = dict(
        ratio=ranged(w, found["ratio"], found["low"], found["high"]), quoted=w.number(quoted)
    )
    if unknown(found["low"]):
        second = w._(
            "Replacing one takes {ratio} average new customers, lifetimes included; too few "
            "customers for an interval. Quoted everywhere: {quoted}.",
            **ratio,
        )
    elif found["low"] > quoted:
        second = w._(
            "Replacing one takes {ratio} average new customers, lifetimes included: more than the "
            "{quoted} quoted everywhere.",
            **ratio,
        )
    elif found["high"] < quoted:
        second = w._(
            "Replacing one takes {ratio} average new customers, lifetimes included: fewer than the "
            "{quoted} quoted everywhere.",
            **ratio,
        )
    else:
        second = w._(
            "Replacing one takes {ratio} average new customers, lifetimes included; the {quoted} "
            "quoted everywhere are possible.",
            **ratio,
        )
    return Finding("replacement", f"{sentence} {second}", -amount)


def halving(w: Wording, effect: Mapping[str, float], attrition_rate: float) -> Finding | None:
    """What half the attrition would bring, in money and as a share of today's profit,
    beside the quoted range.
    """
    if unknown(effect["extra_profit"]):
        return None
    told = dict(
        rate=w.percent(attrition_rate),
        half=w.percent(attrition_rate / 2),
        amount=w.signed_money(effect["extra_profit"], 0),
        interval=""
        if unknown(effect["low"])
        else " " + w.between(w.signed_money(effect["low"], 0), w.signed_money(effect["high"], 0)),
        quoted=w.between(w.percent(0.25, 0), w.percent(0.50, 0)),
    )
    if not unknown(effect["high"]) and effect["high"] < 0:
        sentence = w._(
            "Half the attrition, {half} a year instead of {rate}, would lose money, {amount} in "
            "the first year{interval}: those who left were sold to at a loss.",
            **told,
        )
    elif unknown(effect["profit_share"]):
        sentence = w._(
            "Half the attrition, {half} a year instead of {rate}, would bring {amount} of "
            "margin in the first year{interval}; the company makes a loss, so no share of "
            "profit is told.",
            **told,
        )
    else:
        sentence = w._(
            "Half the attrition, {half} a year instead of {rate}, would bring {amount} in the "
            "first year{interval}: {share} of today’s profit, where {quoted} is quoted.",
            share=w.percent(effect["profit_share"], 0),
            **told,
        )
    return Finding(
        "halving", sentence, effect["extra_profit"], *known_range(effect["low"], effect["high"])
    )


def replacement_steps(w: Wording, found: Mapping[str, float], horizon: int) -> pd.DataFrame:
    """From a lost good customer to new ones, in words: label, value."""
    years = w.number(horizon)
    rows = [
        (w._("Margin a year of a good customer lost"), w.money(found["lost_margin"], 0)),
        (
            w._("Discounted years that a good customer stays, of {years}", years=years),
            w.number(found["lost_years"], 1),
        ),
        (w._("What it would have brought, discounted"), w.money(found["lost_value"], 0)),
        (w._("Margin of a new customer in its first 12 months"), w.money(found["new_margin"], 0)),
        (
            w._("Discounted years that a new customer buys, of {years}", years=years),
            w.number(found["new_years"], 1),
        ),
        (w._("What it brings, discounted"), w.money(found["new_value"], 0)),
        (
            w._("New customers that replace a good one"),
            ranged(w, found["ratio"], found["low"], found["high"]),
        ),
    ]
    return pd.DataFrame(rows, columns=["label", "value"])


def no_ratio(w: Wording) -> str:
    """Why the ratio is not measured."""
    return w._(
        "The ratio is not measured: nobody good was lost, or the sales given do not cover three "
        "years, so that newcomers cannot be told."
    )


def share_base(w: Wording, in_profit: bool) -> str:
    """What effects are a share of."""
    return (
        w._("today’s profit")
        if in_profit
        else w._("today’s gross margin (the company makes a loss)")
    )


def curves_labelled(w: Wording, curves: pd.DataFrame) -> pd.DataFrame:
    """The curves with the years after which they hold, in words: label."""
    return curves.assign(
        label=[
            w.ngettext("after {count} year", "after {count} years", int(years))
            for years in curves.years
        ]
    )


def quoted_marks(w: Wording, attrition: float, base: float) -> pd.DataFrame:
    """Where the quoted ranges lie over attrition: label, attrition_rate, low, high;
    none where effects are in money only.
    """
    marks = [
        (w._("quoted, of profit, for half the attrition: 25–50 %"), attrition / 2, 0.25, 0.50),
        (
            w._("quoted, of profit, for 5 % more loyalty, as points: 25–55 %"),
            attrition - 0.05,
            0.25,
            0.55,
        ),
        (w._("the same, as a ratio: 25–55 %"), 1 - 1.05 * (1 - attrition), 0.25, 0.55),
    ]
    shown = [mark for mark in marks if mark[1] >= 0 and not unknown(base)]
    return pd.DataFrame(shown, columns=["label", "attrition_rate", "low", "high"])


def halving_title(w: Wording, first: float, later: float, base: float, years: int) -> str:
    """Title: what half the attrition brings after a year and after the horizon."""
    if unknown(base):
        return ""
    return w._(
        "Half the attrition: {share} after a year, {later} after {years}",
        share=w.percent(first / base, 0),
        later=w.percent(later / base, 0),
        years=w.number(years),
    )


def readings(w: Wording, attrition: float) -> dict[str, str]:
    """The changes of the retention, in words."""
    return {
        "halving": w._(
            "half the attrition, {a} → {b}", a=w.percent(attrition), b=w.percent(attrition / 2)
        ),
        "points": w._("5 points more retention"),
        "relative": w._("retention 5 % higher"),
    }


def quoted_range(w: Wording, benchmark: Any) -> str:
    """A published range of shares."""
    return f"{w.percent(benchmark.low, 0)} – {w.percent(benchmark.high, 0)}"


def readings_title(w: Wording, base: float, in_profit: bool) -> str:
    """Caption: what another retention brings, in money and as a share where there is one."""
    if unknown(base):
        return w._("What another retention brings a year, in money")
    return w._(
        "What another retention brings a year, in money and as a share of {base}",
        base=share_base(w, in_profit),
    )


def what_if_title(w: Wording, today: float, best: float) -> str:
    """Title: the profit today, and with all three a step better."""
    return w._(
        "Profit is {today} today; all three a step better: {best}",
        today=w.money(today, 0),
        best=w.money(best, 0),
    )


def plan_recommendations(
    w: Wording,
    chased: Sequence[str],
    feasible: Sequence[str],
    not_feasible: bool,
    ratio: Mapping[str, float],
) -> list[str]:
    """What to do next, each triggered by a list or a figure above."""
    made = []
    if chased:
        made.append(
            w._(
                "Spend the retention budgets on {names} first, and nothing on those not to be "
                "chased.",
                names=list_names(w, chased),
            )
        )
    if feasible:
        made.append(
            w._(
                "Test one strategy first: {names} have accounts enough to show an effect of a "
                "quarter (carnet experiment plan).",
                names=list_names(w, feasible),
            )
        )
    elif not_feasible:
        made.append(
            w._(
                "No strategy has accounts enough to show an effect of a quarter: compare longer, "
                "or read a test as a direction, not as a proof."
            )
        )
    if not unknown(ratio["low"]) and ratio["low"] > 1:
        made.append(
            w._(
                "Count a lost good customer as {ratio} new ones when budgets for keeping and for "
                "winning are set.",
                ratio=w.number(ratio["ratio"], 1),
            )
        )
    return made or [w._("No alert threshold among the parameters is crossed.")]
