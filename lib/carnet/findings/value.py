"""What keeping customers is worth, told: replacement, profit effects, budgets, whom not to chase, the famous figures."""

from collections.abc import Mapping, Sequence

from carnet.findings.base import Finding, known_range, list_names
from carnet.wording import Wording, unknown


def ranged(w: Wording, value: float, low: float, high: float, decimals: int = 1) -> str:
    """A number with its interval."""
    if unknown(value):
        return w._("not measured")
    ends = "" if unknown(low) or unknown(high) else " " + w.between(w.number(low, decimals), w.number(high, decimals))
    return w.number(value, decimals) + ends


def effect(w: Wording, amount: float, low: float | None, high: float | None, base: float, of_profit: bool) -> str:
    """An effect in money with its interval, and as a share of the profit, or of the gross margin where no profit above zero is known."""
    written = w.signed_money(amount, 0)
    if low is not None and not unknown(low):
        written += " " + w.between(w.signed_money(low, 0), w.signed_money(high, 0))
    if unknown(base):
        return written
    share = w.percent(amount / base, 0)
    told = share if of_profit else w._("{share} of gross margin", share=share)
    return f"{written} · {told}"


def replacement(w: Wording, found: Mapping[str, float], count: int, amount: float, names: Sequence[str], quoted: float) -> Finding | None:
    """What the good customers lost brought, and how many new ones each takes, beside the quoted 3."""
    if not count:
        return None
    told = dict(amount=w.money(amount, 0), names=list_names(w, names))
    sentence = w.ngettext(
        "{count} good customer was lost with {amount} of margin a year ({names}).", "{count} good customers were lost with {amount} of margin a year, first of all {names}.",
        count, **told,
    )  # fmt: skip
    if unknown(found["ratio"]):
        return Finding("replacement", sentence, -amount)
    ratio = dict(ratio=ranged(w, found["ratio"], found["low"], found["high"]), quoted=w.number(quoted))
    if unknown(found["low"]):
        second = w._(
            "Replacing one takes {ratio} average new customers, lifetimes included; too few customers for an interval. Quoted everywhere: {quoted}.",
            **ratio,
        )
    elif found["low"] > quoted:
        second = w._(
            "Replacing one takes {ratio} average new customers, lifetimes included: more than the {quoted} quoted everywhere.", **ratio
        )
    elif found["high"] < quoted:
        second = w._(
            "Replacing one takes {ratio} average new customers, lifetimes included: fewer than the {quoted} quoted everywhere.", **ratio
        )
    else:
        second = w._(
            "Replacing one takes {ratio} average new customers, lifetimes included; the {quoted} quoted everywhere are possible.", **ratio
        )
    return Finding("replacement", f"{sentence} {second}", -amount)


def halving(w: Wording, effect: Mapping[str, float], attrition_rate: float) -> Finding | None:
    """What half the attrition would bring, in money and as a share of today's profit, beside the quoted range."""
    if unknown(effect["extra_profit"]):
        return None
    told = dict(
        rate=w.percent(attrition_rate), half=w.percent(attrition_rate / 2), amount=w.signed_money(effect["extra_profit"], 0),
        interval="" if unknown(effect["low"]) else " " + w.between(w.signed_money(effect["low"], 0), w.signed_money(effect["high"], 0)),
        quoted=w.between(w.percent(0.25, 0), w.percent(0.50, 0)),
    )  # fmt: skip
    if not unknown(effect["high"]) and effect["high"] < 0:
        sentence = w._(
            "Half the attrition, {half} a year instead of {rate}, would lose money, {amount} in the first year{interval}: those who left were sold to at a loss.",
            **told,
        )
    elif unknown(effect["profit_share"]):
        sentence = w._(
            "Half the attrition, {half} a year instead of {rate}, would bring {amount} of margin in the first year{interval}; no profit above zero is known to set it against.",
            **told,
        )
    else:
        sentence = w._(
            "Half the attrition, {half} a year instead of {rate}, would bring {amount} in the first year{interval}: {share} of today’s profit, where {quoted} is quoted.",
            share=w.percent(effect["profit_share"], 0), **told,
        )  # fmt: skip
    return Finding("halving", sentence, effect["extra_profit"], *known_range(effect["low"], effect["high"]))


def plan_recommendations(
    w: Wording, chased: Sequence[str], feasible: Sequence[str], not_feasible: bool, ratio: Mapping[str, float]
) -> list[str]:
    """What to do next, each triggered by a list or a figure above."""
    made = []
    if chased:
        made.append(
            w._(
                "Spend the budget of lists/retention_budget.csv on {names} first, and on nobody of lists/do_not_chase.csv.",
                names=list_names(w, chased),
            )
        )
    if feasible:
        made.append(
            w._(
                "Test one strategy first: {names} have accounts enough to show an effect of a quarter (carnet experiment plan).",
                names=list_names(w, feasible),
            )
        )
    elif not_feasible:
        made.append(
            w._(
                "No strategy has accounts enough to show an effect of a quarter: compare longer, or read a test as a direction, not as a proof."
            )
        )
    if not unknown(ratio["low"]) and ratio["low"] > 1:
        made.append(
            w._(
                "Count a lost good customer as {ratio} new ones when budgets for keeping and for winning are set.",
                ratio=w.number(ratio["ratio"], 1),
            )
        )
    return made or [w._("No alert threshold among the parameters is crossed.")]
