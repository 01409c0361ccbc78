"""Findings of the portfolio: revenue, movements, dependence, retention; what to do next."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from carnet.findings.base import Finding, direction, known_range, list_names
from carnet.wording import MOST_PERCENT, NOBODY, Wording, unknown


def revenue_change(
    w: Wording, f: Mapping[str, Any], interval: tuple[float, float], complete: bool
) -> Finding:
    """How revenue moved, and whether customers' own swings could explain it."""
    change, (low, high) = f["revenue"] - f["revenue_previous"], interval
    if not complete or not f["revenue_previous"] > 0:
        sentence = w._(
            "Revenue of the audit period is {revenue}; no complete previous period with revenue is "
            "there to compare it with.",
            revenue=w.money(f["revenue"]),
        )
        return Finding("revenue_change", sentence, f["revenue"])
    told = dict(
        revenue=w.money(f["revenue"]),
        change=w.money(abs(change)),
        rate=w.percent(abs(change) / f["revenue_previous"])
        if abs(change) < MOST_PERCENT * f["revenue_previous"]
        else NOBODY,
        interval=w.between(w.signed_money(low), w.signed_money(high)),
    )
    known = told["rate"] != NOBODY
    signed = told | {
        "change": w.signed_money(change),
        "rate": w.signed_percent(change / f["revenue_previous"]) if known else NOBODY,
    }
    sentences = {
        "rise": w._(
            "Revenue rose by {change} ({rate}) to {revenue}; range from customer to "
            "customer {interval}.",
            **told,
        ),
        "fall": w._(
            "Revenue fell by {change} ({rate}) to {revenue}; range from customer to "
            "customer {interval}.",
            **told,
        ),
        "flat": w._(
            "Revenue is {revenue}, {change} ({rate}) against the previous period; a change of "
            "this size can come from a few customers {interval}.",
            **signed,
        ),
        "too few": w._(
            "Revenue is {revenue}, {change} ({rate}) against the previous period; too few of "
            "them moved to tell a direction from chance.",
            **signed,
        ),
    }
    return Finding(
        "revenue_change", sentences[direction(low, high)], change, *known_range(low, high)
    )


def lost_customers(
    w: Wording, f: Mapping[str, Any], names: Sequence[str], interval: tuple[float, float]
) -> Finding | None:
    """What left with the lost customers, and the first names."""
    if not f["opening_customer_count"]:
        return None
    count = int(f["lost_customer_count"])
    if not count:
        return Finding(
            "lost_customers",
            w._("Every customer of the year before that was due bought again."),
            0.0,
        )
    sentence = w.ngettext(
        "{count} customer of the year before bought nothing in the last 12 months: {amount} of "
        "revenue gone ({names}).",
        "{count} customers of the year before bought nothing in the last 12 months: {amount} of "
        "revenue gone, first of all {names}.",
        count,
        amount=w.money(f["revenue_lost"]),
        names=list_names(w, names),
    )
    rate = w._(
        "Attrition {rate} {interval} of {n} customers.",
        rate=w.percent(f["attrition_rate"]),
        interval=w.between(*(w.percent(end) for end in interval)),
        n=w.number(f["opening_customer_count"]),
    )
    return Finding("lost_customers", f"{sentence} {rate}", -f["revenue_lost"])


def shrinking_customers(
    w: Wording, amount: float, count: int, names: Sequence[str]
) -> Finding | None:
    """What kept customers bought less, and the first names."""
    if not count:
        return None
    sentence = w.ngettext(
        "{count} kept customer bought less than in the previous period: {amount} of revenue "
        "missing ({names}).",
        "{count} kept customers bought less than in the previous period: {amount} of revenue "
        "missing, first of all {names}.",
        count,
        amount=w.money(amount),
        names=list_names(w, names),
    )
    return Finding("shrinking_customers", sentence, -amount)


def growing_customers(
    w: Wording, amount: float, count: int, names: Sequence[str]
) -> Finding | None:
    """What kept customers bought more, and the first names."""
    if not count:
        return None
    sentence = w.ngettext(
        "{count} kept customer bought more than in the previous period: {amount} of additional "
        "revenue ({names}).",
        "{count} kept customers bought more than in the previous period: {amount} of additional "
        "revenue, first of all {names}.",
        count,
        amount=w.money(amount),
        names=list_names(w, names),
    )
    return Finding("growing_customers", sentence, amount)


def arrivals(w: Wording, f: Mapping[str, Any]) -> Finding | None:
    """Revenue of new and recovered customers against the revenue of those lost."""
    gained, lost = f["revenue_new"] + f["revenue_recovered"], f["revenue_lost"]
    if not (f["new_customer_count"] or f["recovered_customer_count"]):
        return None
    told = dict(
        new=w.number(f["new_customer_count"]),
        recovered=w.number(f["recovered_customer_count"]),
        gained=w.money(gained),
        lost=w.money(lost),
    )
    if not f["opening_customer_count"]:
        sentence = w._(
            "New customers: {new}, recovered: {recovered}; they brought {gained}.", **told
        )
    elif gained >= lost:
        sentence = w._(
            "New ({new}) and recovered ({recovered}) customers brought {gained}, as much as or "
            "more than the {lost} that lost customers took away.",
            **told,
        )
    else:
        sentence = w._(
            "New ({new}) and recovered ({recovered}) customers brought {gained}, less than the "
            "{lost} that lost customers took away.",
            **told,
        )
    return Finding("arrivals", sentence, gained)


def dependence(
    w: Wording, without_top: Sequence[Mapping[str, Any]], names: Sequence[str]
) -> Finding | None:
    """Revenue that the largest customers carry: the most of them that the portfolio has,
    out of the rows of the table.
    """
    held = [row for row in without_top if row["customer_count"] >= row["top_count"]]
    if not held:
        return None
    top = held[-1]
    sentence = w.ngettext(
        "The largest customer ({names}) carries {amount}, {share} of revenue.",
        "The {count} largest customers carry {amount}, {share} of revenue: {names}.",
        int(top["top_count"]),
        amount=w.money(top["revenue_at_risk"]),
        share=w.percent(top["share"]),
        names=list_names(w, names[: int(top["top_count"])]),
    )
    return Finding(f"dependence_{top['top_count']}", sentence, top["revenue_at_risk"])


def salesperson_exposure(
    w: Wording, largest: Mapping[str, Any] | None, salespeople: int
) -> Finding | None:
    """Revenue that hangs on the salesperson with the largest accounts."""
    if largest is None or salespeople < 2:
        return None
    sentence = w._(
        "One salesperson of {salespeople}, {name}, looks after accounts worth {amount}: {share} of "
        "revenue goes through one person.",
        salespeople=w.number(salespeople),
        name=largest["salesperson"],
        amount=w.money(largest["revenue"]),
        share=w.percent(largest["revenue_share"]),
    )
    return Finding("salesperson_exposure", sentence, largest["revenue"])


def contact_exposure(w: Wording, single: Mapping[str, Any] | None) -> Finding | None:
    """Revenue of customers known through one contact only."""
    if single is None:
        return None
    sentence = w.ngettext(
        "{count} customer is known through a single contact: {amount}, {share} of revenue.",
        "{count} customers are known through a single contact each: {amount}, {share} of revenue.",
        int(single["customer_count"]),
        amount=w.money(single["revenue"]),
        share=w.percent(single["revenue_share"]),
    )
    return Finding("contact_exposure", sentence, single["revenue"])


def retention(
    w: Wording, f: Mapping[str, Any], interval: tuple[float, float], half_life: float
) -> str:
    """The retention rate with its interval, beside the two figures that are quoted everywhere."""
    if not f["opening_customer_count"]:
        return w._("Retention is not measured: nobody who was due was active in the year before.")
    sentence = w._(
        "{kept} of {n} customers of the year before bought again in the last 12 months: retention "
        "{rate} {interval}.",
        kept=w.number(f["kept_customer_count"]),
        n=w.number(f["opening_customer_count"]),
        rate=w.percent(f["retention_rate"]),
        interval=w.between(*(w.percent(end) for end in interval)),
    )
    if unknown(half_life):
        return sentence
    quoted = w._(
        "At this pace half of the portfolio is gone in {years} years; the figure quoted "
        "everywhere, half in 5 years, would be a retention of {quoted}.",
        years=w.number(half_life, 1),
        quoted=w.percent(0.5 ** (1 / 5)),
    )
    return f"{sentence} {quoted}"


def not_due(w: Wording, f: Mapping[str, Any]) -> str:
    """Who is counted apart from those that stayed or left, and over whom attrition is then told."""
    if unknown(f["not_due_customer_count"]) or not f["not_due_customer_count"]:
        return ""
    return w.ngettext(
        "{count} customer of the year before usually orders less often than twice a year and was "
        "not due: it is counted apart, and retention and attrition are over the {due} others.",
        "{count} customers of the year before usually order less often than twice a year and were "
        "not due: they are counted apart, and retention and attrition are over the {due} others.",
        int(f["not_due_customer_count"]),
        due=w.number(f["opening_customer_count"]),
    )


def months_title(w: Wording, months: pd.DataFrame) -> str:
    """Title: how many months are above the same one a year earlier, or the strongest month."""
    known = int(months.revenue_previous.notna().sum())
    if not known:
        return w._("The strongest month makes {amount}", amount=w.money(months.revenue.max(), 0))
    above = w.number((months.revenue > months.revenue_previous).sum())
    return w._(
        "{above} months of {n} are above the same month a year earlier",
        above=above,
        n=w.number(known),
    )


def bridge_title(w: Wording, bridge: pd.DataFrame) -> str:
    """Title: what was gained and given up."""
    amounts = bridge.set_index("step").amount
    gained, gone = (
        amounts[["new", "recovered", "expansion"]].sum(),
        amounts[["contraction", "lost"]].sum(),
    )
    return w._(
        "{gained} gained, {gone} given up", gained=w.money(gained, 0), gone=w.money(-gone, 0)
    )


def bridge_steps(w: Wording, bridge: pd.DataFrame) -> pd.DataFrame:
    """The revenue bridge in words: label, amount, total."""
    names = {
        "previous": w._("Previous period"),
        "new": w._("New"),
        "recovered": w._("Recovered"),
        "expansion": w._("Expansion"),
        "contraction": w._("Contraction"),
        "lost": w._("Lost"),
        "current": w._("Audit period"),
    }
    return bridge.assign(
        label=bridge.step.map(names), total=bridge.step.isin(["previous", "current"])
    )


def half_of_revenue(w: Wording, curve: pd.DataFrame) -> str:
    """Title: the share of customers that half of the revenue comes from."""
    half = curve[curve.revenue_share >= 0.5].customer_share.min() if len(curve) else float("nan")
    return w._("Half of the revenue comes from {share} of customers", share=w.percent(half))


def concentration_drawn(w: Wording, f: Mapping[str, Any]) -> str:
    """Subtitle: what is drawn, the Gini index and the equivalent number of customers."""
    return w._(
        "Cumulative share of revenue, largest customers first; Gini {gini}, as concentrated as "
        "{equivalent} equal customers",
        gini=w.number(f["gini_index"], 2),
        equivalent=w.number(f["equivalent_customer_count"], 1),
    )


def largest_portfolio(w: Wording, sellers: pd.DataFrame) -> str:
    """Title: what the largest of the salespeople's portfolios holds."""
    return w._(
        "The largest of {count} portfolios holds {share} of revenue",
        count=w.number(len(sellers)),
        share=w.percent(sellers.revenue_share.max()),
    )


def largest_baskets(w: Wording, bands: pd.DataFrame) -> str:
    """Title: the orders and the revenue of the largest baskets."""
    if not len(bands):
        return ""
    last = bands.iloc[-1]
    return w._(
        "The largest baskets: {orders} of orders, {revenue} of their revenue",
        orders=w.percent(last.order_share, 0),
        revenue=w.percent(last.revenue_share, 0),
    )


def frequent_least_recent(w: Wording, matrix: pd.DataFrame) -> str:
    """Title: frequent customers that are among the least recent."""
    slow = matrix[(matrix.recency_score <= 2) & (matrix.frequency_score >= 4)]
    return w.ngettext(
        "{count} frequent customer is among the least recent: {amount} of revenue",
        "{count} frequent customers are among the least recent: {amount} of revenue",
        int(slow.customer_count.sum()),
        amount=w.money(slow.revenue.sum(), 0),
    )


def ordering_again(w: Wording, steps: pd.DataFrame, days: int) -> str:
    """Title: the share of newcomers that order again in time."""
    if not len(steps):
        return ""
    rate = w.percent(steps.continued_rate.iloc[0], 0)
    return w._(
        "After a first order, {rate} of newcomers order again within {days} days",
        rate=rate,
        days=w.number(days),
    )


def fewer_and_more(w: Wording, totals: Mapping[str, Any]) -> str:
    """Title: how many kept customers buy less and more."""
    down, up = (w.number(totals[f"{name}_count"]) for name in ("shrinking", "growing"))
    return w._("{down} kept customers buy less, {up} buy more", down=down, up=up)


def recommendations(
    w: Wording,
    f: Mapping[str, Any],
    first: Mapping[str, Sequence[str]],
    largest: Sequence[str],
    exposure_alert: float,
    attrition_alert: float,
    attrition: tuple[float | None, float | None],
) -> list[str]:
    """What to do next: each sentence is triggered by a stated threshold or by names on a list."""
    made = []
    low, high = (-1.0 if end is None or unknown(end) else end for end in attrition)
    if low > attrition_alert:
        made.append(
            w._(
                "Attrition is above the {alert} alert even at the low end of its interval: "
                "keep customers before looking for new ones.",
                alert=w.percent(attrition_alert),
            )
        )
    elif high > attrition_alert:
        made.append(
            w._(
                "Attrition is {rate}; its interval, up to {high}, does not rule out the alert at "
                "{alert}: measure again at the next audit.",
                rate=w.percent(f["attrition_rate"]),
                high=w.percent(high),
                alert=w.percent(attrition_alert),
            )
        )
    if first["lost"]:
        made.append(
            w._(
                "Ask the lost customers of whom nobody noted why they left, starting with {names}.",
                names=list_names(w, first["lost"]),
            )
        )
    if first["shrinking"]:
        made.append(
            w._(
                "Call the kept customers that buy less, starting with {names}; whom else to call, "
                "and whom not, is in the list of decisions.",
                names=list_names(w, first["shrinking"]),
            )
        )
    if not unknown(f["top_1_share"]) and f["top_1_share"] > exposure_alert:
        made.append(
            w._(
                "{name} alone carries {share} of revenue, above the {alert} alert: secure this "
                "account and know several people there.",
                name=largest[0],
                share=w.percent(f["top_1_share"]),
                alert=w.percent(exposure_alert),
            )
        )
    return made or [w._("No alert threshold among the parameters is crossed.")]
