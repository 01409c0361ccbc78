"""Findings of the cost structure: margins, break-even, prices, who pays for whom,
what a customer costs and brings.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from carnet.findings.base import Finding, direction, known_range, list_names
from carnet.wording import N_, Wording, unknown

LEAST_AMOUNT = 0.005  # of a step that is shown


def net_margin(
    w: Wording, now: Mapping[str, Any], before: Mapping[str, Any], interval: tuple[float, float]
) -> Finding | None:
    """The net margin and how it moved; without a previous one, only where it stands."""
    if unknown(now["net_margin"]):
        return None
    told = dict(net=w.money(now["net_margin"], 0), revenue=w.money(now["accounted_revenue"], 0))
    if unknown(before["net_margin"]):
        return Finding(
            "net_margin",
            w._("Net margin is {net} on {revenue} of revenue.", **told),
            now["net_margin"],
        )
    change = now["net_margin"] - before["net_margin"]
    told |= dict(
        change=w.money(abs(change), 0),
        before=w.money(before["net_margin"], 0),
        interval=w.between(*(w.signed_money(end, 0) for end in interval)),
    )
    sentences = {
        "rise": w._(
            "Net margin rose by {change}, from {before} to {net}; range from month to "
            "month {interval}.",
            **told,
        ),
        "fall": w._(
            "Net margin fell by {change}, from {before} to {net}; range from month to "
            "month {interval}.",
            **told,
        ),
        "flat": w._(
            "Net margin is {net} after {before}: the difference of {change} is within what "
            "ordinary months produce {interval}.",
            **told,
        ),
        "too few": w._(
            "Net margin is {net} after {before}: a difference of {change}, with too few months to "
            "tell a trend from chance.",
            **told,
        ),
    }
    return Finding("net_margin", sentences[direction(*interval)], change, *known_range(*interval))


def growth_cost(w: Wording, now: Mapping[str, Any], before: Mapping[str, Any]) -> Finding | None:
    """When revenue grew and costs grew by more: what the additional revenue cost."""
    revenue, cost = (
        now["accounted_revenue"] - before["accounted_revenue"],
        now["total_cost"] - before["total_cost"],
    )
    if unknown(revenue) or unknown(cost) or not (revenue > 0 and cost > revenue):
        return None
    sentence = w._(
        "The additional {revenue} of revenue cost {cost}: more than it brought.",
        revenue=w.money(revenue),
        cost=w.money(cost),
    )
    return Finding("growth_cost", sentence, revenue - cost)


def break_even(
    w: Wording, now: Mapping[str, Any], reached: dt.date | None, monthly: bool
) -> Finding | None:
    """How far revenue is from the break-even revenue, and the day it was passed,
    by months or as if revenue came in evenly.
    """
    if unknown(now["break_even_revenue"]):
        if unknown(now["fixed_cost_deck"]) or not (
            now["accounted_revenue"] > 0 > now["gross_margin"]
        ):
            return None
        sentence = w._(
            "Every sale loses money: variable costs exceed revenue by {amount}, "
            "no revenue breaks even.",
            amount=w.money(-now["gross_margin"]),
        )
        return Finding("break_even", sentence, now["gross_margin"])
    gap = now["accounted_revenue"] - now["break_even_revenue"]
    told = dict(
        revenue=w.money(now["accounted_revenue"]),
        be=w.money(now["break_even_revenue"]),
        gap=w.money(abs(gap)),
        rate=w.percent(abs(now["safety_margin_rate"])),
    )
    if gap < 0:
        sentence = w._(
            "Revenue of {revenue} does not cover the costs: break-even is at {be}, {gap} "
            "({rate}) higher.",
            **told,
        )
    elif reached is None:
        sentence = w._(
            "Break-even is at {be}: the safety margin is {gap}, {rate} of revenue.", **told
        )
    elif not monthly:
        sentence = w._(
            "Break-even is at {be}, reached on {date} if revenue came in evenly: the safety margin "
            "is {gap}, {rate} of revenue.",
            date=w.date(reached),
            **told,
        )
    else:
        sentence = w._(
            "Break-even ({be}) was reached on {date}: the safety margin is {gap}, "
            "{rate} of revenue.",
            date=w.date(reached),
            **told,
        )
    return Finding("break_even", sentence, gap)


def cost_movement(w: Wording, changes: Sequence[Mapping[str, Any]], count: int) -> Finding | None:
    """The cost categories that moved most, in money: a ledger amount, not an estimate."""
    moved = [row for row in changes if round(abs(row["cost_change"]), 2) > 0][:count]
    if not moved:
        return None
    named = [f"{row['category']} {w.signed_money(row['cost_change'])}" for row in moved]
    total = sum(row["cost_change"] for row in changes)
    sentence = w._(
        "Costs changed by {total}, most of all: {names}.",
        total=w.signed_money(total),
        names=list_names(w, named),
    )
    return Finding("cost_movement", sentence, -total)


def price_volume(w: Wording, effects: Mapping[str, float]) -> Finding | None:
    """What prices, volumes and mix did to the revenue of kept customers."""
    if all(round(effects[name], 2) == 0 for name in ("price", "volume", "mix")):
        return None
    sentence = w._(
        "With kept customers, prices changed revenue by {price}, volumes by {volume}, the mix of "
        "products by {mix}.",
        **{name: w.signed_money(effects[name]) for name in ("price", "volume", "mix")},
    )
    return Finding(
        "price_volume",
        sentence,
        max((effects[name] for name in ("price", "volume", "mix")), key=abs),
    )


def cost_to_serve(
    w: Wording, profits: pd.DataFrame, losing: pd.DataFrame, count: int
) -> Finding | None:
    """Customers that cost more than they bring, and for how many of them that is certain."""
    if not len(losing):
        return (
            Finding(
                "cost_to_serve",
                w._("At the middle of the rates, every customer pays for what it costs to serve."),
                0.0,
            )
            if len(profits)
            else None
        )
    sentence = w.ngettext(
        "{count} customer of {customers} costs more, service included, than it brings ({names}): "
        "{amount} in all, certain over the range of rates for {certain}.",
        "{count} customers of {customers} cost more, service included, than they bring: {amount} "
        "in all, first of all {names}; certain over the range of rates for {certain} of them.",
        len(losing),
        customers=w.number(len(profits)),
        names=list_names(w, list(losing.name[:count])),
        amount=w.money(-losing.profit.sum()),
        certain=w.number(int(losing.certain.sum())),
    )
    below_cost = int((losing.margin < 0).sum())
    if below_cost:
        goods = w.ngettext(
            "{count} of them loses money on the goods alone.",
            "{count} of them lose money on the goods alone.",
            below_cost,
        )
        sentence = f"{sentence} {goods}"
    return Finding("cost_to_serve", sentence, losing.profit.sum())


def lifetime_value(
    w: Wording,
    now: Mapping[str, Any],
    ltv: float,
    interval: tuple[float, float],
    horizon_years: int,
) -> Finding | None:
    """The deck's flattering ratio beside the standard one,
    and the discounted value over the horizon.
    """
    if unknown(now["ltv_to_cac"]):
        return None
    sentence = w._(
        "The usual slide would show a lifetime value of {deck} times the acquisition cost; counted "
        "on margin and on new customers only it is {standard} times.",
        deck=w.number(now["ltv_to_cac_deck"], 1),
        standard=w.number(now["ltv_to_cac"], 1),
    )
    ranged = "" if unknown(interval[0]) else " " + w.between(*(w.money(end) for end in interval))
    second = w._(
        "Over {years} years, discounted, a customer brings {ltv}{interval} and a new "
        "one costs {cac}.",
        years=w.number(horizon_years),
        ltv=w.money(ltv),
        interval=ranged,
        cac=w.money(now["cac_standard"]),
    )
    return Finding(
        "lifetime_value",
        f"{sentence} {second}",
        (ltv - now["cac_standard"]) * now["new_customer_count"],
    )


def receivables(w: Wording, f: Mapping[str, Any], late_amount: float | None) -> Finding | None:
    """What customers owe, in days of sales, and how much of it is past due (unknown
    without due dates).
    """
    if unknown(f["dso_days"]):
        return None
    if late_amount is None or unknown(late_amount):
        sentence = w._(
            "Customers owe {amount}, taxes included, {days} days of sales; invoices paid in the "
            "period took {delay} days; no due date is given.",
            amount=w.money(f["open_amount"]),
            days=w.number(f["dso_days"]),
            delay=w.number(f["payment_delay_days"]),
        )
        return Finding("receivables", sentence, -f["open_amount"])
    sentence = w._(
        "Customers owe {amount}, taxes included, {days} days of sales, of which {late} is past "
        "due; invoices paid in the period took {delay} days.",
        amount=w.money(f["open_amount"]),
        days=w.number(f["dso_days"]),
        late=w.money(late_amount),
        delay=w.number(f["payment_delay_days"]),
    )
    return Finding("receivables", sentence, -late_amount)


def stress(w: Wording, rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Finding | None:
    """The smallest number of largest customers whose loss takes the safety margin away."""
    if not rows or unknown(rows[0]["safety_margin_rate"]) or rows[0]["safety_margin_rate"] < 0:
        return None
    for row in rows[1:]:
        count = int(row["top_count"])
        if not (row["net_margin"] >= 0):
            sentence = w.ngettext(
                "The loss of the largest customer ({names}) would turn the net margin into {net}.",
                "The loss of the {count} largest customers ({names}) would turn the net "
                "margin into {net}.",
                count,
                names=list_names(w, names[:count]),
                net=w.money(row["net_margin"]),
            )
            return Finding("stress", sentence, row["net_margin"] - rows[0]["net_margin"])
    last = rows[-1]
    sentence = w.ngettext(
        "Even without the largest customer the net margin would be {net}.",
        "Even without the {count} largest customers the net margin would be {net}.",
        int(last["top_count"]),
        net=w.money(last["net_margin"]),
    )
    return Finding("stress", sentence, last["net_margin"] - rows[0]["net_margin"])


def costs_in_all(w: Wording, now: Mapping[str, Any]) -> str:
    """Title: the costs, and the part of them that is variable."""
    share = w.percent(now["variable_cost_share"], 0)
    return w._(
        "Costs are {total}, {share} of them variable",
        total=w.money(now["total_cost"], 0),
        share=share,
    )


def left_of_revenue(w: Wording, now: Mapping[str, Any]) -> str:
    """Title: the revenue, and what is left of it."""
    revenue, net = (w.money(now[name], 0) for name in ("accounted_revenue", "net_margin"))
    if now["net_margin"] < 0:
        missing = w.money(-now["net_margin"], 0)
        return w._(
            "Of {revenue} of revenue nothing is left: {missing} is missing",
            revenue=revenue,
            missing=missing,
        )
    return w._("Of {revenue} of revenue, {net} is left", revenue=revenue, net=net)


def margin_steps(w: Wording, now: Mapping[str, Any]) -> pd.DataFrame:
    """From revenue to the net margin, a kind of cost a step: label, amount, total;
    other income only where there is any.
    """
    steps = [
        (w._("Revenue"), now["accounted_revenue"], True),
        (w._("Variable costs"), -now["variable_cost"], False),
        (w._("Margin on variable costs"), now["gross_margin"], True),
        (w._("Fixed costs"), -now["fixed_cost"], False),
        (w._("Acquisition"), -now["acquisition_cost"], False),
        (w._("Other income and charges of the ledger"), now["other_income"], False),
        (w._("Net margin"), now["net_margin"], True),
    ]
    if not abs(now["other_income"]) >= LEAST_AMOUNT:
        steps.pop(-2)
    return pd.DataFrame(steps, columns=["label", "amount", "total"])


def passed_on(w: Wording, passed: dt.date | None) -> str:
    """Title: the day on which revenue passes the costs, if it does."""
    if passed is None:
        return w._("Revenue does not pass the costs in this period")
    return w._("Revenue passes the costs on {date}", date=w.date(passed))


def passing(w: Wording, by_days: bool) -> str:
    """Subtitle: what revenue is held against, by its days or as if it came in evenly."""
    if by_days:
        return w._(
            "Cumulated revenue against the costs it has to cover: all fixed costs of the period, "
            "and variable costs of what is sold"
        )
    return w._(
        "As if revenue came in evenly, since no table tells months: cumulated revenue against the "
        "costs it has to cover"
    )


def price_volume_title(w: Wording, effects: Mapping[str, float]) -> str:
    """Title: what prices, volumes and the mix changed."""
    amounts = {name: w.signed_money(effects[name], 0) for name in ("price", "volume", "mix")}
    return w._("Prices {price}, volumes {volume}, mix {mix}", **amounts)


def price_volume_steps(w: Wording, mix: pd.DataFrame) -> pd.DataFrame:
    """The change of revenue by its steps, those without an amount left out, and their sum:
    label, amount, total.
    """
    words = {
        "lost": w._("Lost customers"),
        "arrived": w._("New and recovered customers"),
        "dropped": w._("Dropped products"),
        "launched": w._("New products"),
        "price": w._("Price"),
        "volume": w._("Volume"),
        "mix": w._("Mix"),
        "other": w._("Other"),
    }
    moves = mix[mix.step.isin(words) & (mix.amount.abs() >= LEAST_AMOUNT)]
    steps = moves.assign(label=moves.step.map(words), total=False)[["label", "amount", "total"]]
    steps.loc[len(mix)] = [w._("Change of revenue"), moves.amount.sum(), True]
    return steps


def losing_title(w: Wording, losing: pd.DataFrame, profits: pd.DataFrame) -> str:
    """Title: how many customers cost more than they bring."""
    return w._(
        "{count} customers of {n} cost more than they bring",
        count=w.number(len(losing)),
        n=w.number(len(profits)),
    )


def ages(w: Wording, balance: pd.DataFrame) -> pd.DataFrame:
    """The aged balance with its ages in words: age, invoice_count, customer_count, open_amount."""
    limits = {1: "1–29", 30: "30–59", 60: "60–89", 90: w._("90 and more")}
    named = [w._("not yet due") if age < 0 else limits[age] for age in balance.age]
    return balance.rename(columns={"amount": "open_amount"}).assign(age=named)


def aged_title(w: Wording, dated: bool) -> str:
    """Caption: open amounts by days past due, or since the invoice where no due date is given."""
    if dated:
        return w._("Open amounts by days past due")
    return w._("Open amounts by days since the invoice (no due date is given)")


def conceded_title(w: Wording, sums: pd.Series) -> str:
    """What the table holds: sums with how many of its customers a discount is told, or none."""
    if sums.unnamed and not sums.named:
        return w._("Returns, largest sum first")
    return w._("Discounts and returns, largest sum first")


def conceded(w: Wording, sums: pd.Series, names: Sequence[str]) -> str:
    """What discounts and returns took off the whole, apart; empty where nothing was given back."""
    if not names:
        return ""
    told = dict(returns=w.money(float(sums.returns), 0), names=list_names(w, names))
    if unknown(sums.discounts):
        return w._("Returns took off {returns}; no line tells a discount. Most: {names}.", **told)
    return w._(
        "Discounts took off {discounts}, as told by the lines of {known} of the sales, returns "
        "{returns}; most of all {names}.",
        discounts=w.money(float(sums.discounts), 0),
        known=w.percent(sums.discounted / sums.sold, 0),
        **told,
    )


OLD_DAYS = 90  # past due, from which an invoice is looked at with the accountant
LEDGER_STEPS = {
    "customers": N_("Revenue of the customers, by the sale lines"),
    "unlinked": N_("Accounts 70 beside it: without a customer, or not in the sale lines"),
    "own_costs": N_("Costs, as the margins of this report count them"),
    "costs": N_("Accounts of class 6 beside those"),
    "other_income": N_("Other income (class 7 without accounts 70)"),
    "result": N_("Result of the ledger"),
}
MARGIN_STEPS = {
    "contribution": N_("Margin on variable costs (contribution)"),
    "services": N_("Revenue outside the trading margin (services, carriage)"),
    "goods": N_("Purchases and stocks that the ledger counts otherwise"),
    "trading_margin": N_("Trading margin of the ledger"),
}


def steps_table(w: Wording, rows: pd.DataFrame, labels: Mapping[str, str]) -> pd.DataFrame:
    """Lines of a reconciliation in words, those without an amount left out:
    label, amount as signed money.
    """
    ends = {0, len(rows) - 1}
    told = [
        dict(
            label=w._(labels[row.step])
            if row.step in labels
            else w._("Variable cost that is no purchase: {name}", name=row.label),
            value=w.signed_money(row.amount, 2),
        )
        for place, row in enumerate(rows.itertuples())
        if place in ends or abs(row.amount) >= 0.005
    ]
    return pd.DataFrame(told, columns=["label", "value"])


def goods_source(w: Wording, source: str) -> str:
    """Which table gives the cost of goods."""
    told = {
        "sales": w._("The cost of goods is that of the sale lines."),
        "costs": w._("The cost of goods is that of the table of costs."),
        "ledger": w._("The cost of goods is that of the legal ledger."),
    }
    return told.get(source, "")


def stuck_unprovided(
    w: Wording, ages: pd.DataFrame, recovery: pd.DataFrame, doubtful: pd.DataFrame
) -> str:
    """What is long overdue, hardly ever paid later, and impaired by nothing in the ledger."""
    old = ages[ages.age >= OLD_DAYS]
    row = recovery[recovery.age == OLD_DAYS]
    if not len(old) or not len(row) or len(doubtful) or row.invoice_count.iloc[0] < 10:
        return ""
    if not row.recovery_high.iloc[0] < 0.5:
        return ""
    return w._(
        "{amount}, taxes included, has been overdue for 90 days or more; of {count} invoices "
        "followed from there, {paid} were paid within 90 days, and the ledger impairs nothing: "
        "look at it with the accountant, what does not come back lowers the result.",
        amount=w.money(float(old.amount.sum()), 0),
        count=w.number(row.invoice_count.iloc[0]),
        paid=w.number(row.recovered_count.iloc[0]),
    )


def recommendations(
    w: Wording,
    now: Mapping[str, Any],
    losing: Sequence[str],
    safety_alert: float,
    dso_days: float,
    dso_alert: float,
    unprovided: str = "",
) -> list[str]:
    """What to do next, each triggered by a stated threshold or by names on a list."""
    made = []
    rate = now["safety_margin_rate"]
    if not unknown(rate) and rate < safety_alert:
        sentence = w._(
            "The safety margin of {rate} is under the {alert} alert: decide on fixed costs and "
            "prices before spending on new customers.",
            rate=w.percent(rate),
            alert=w.percent(safety_alert),
        )
        made.append(sentence)
    if losing:
        made.append(
            w._(
                "Renegotiate price, order size or service with {names}; all are in the list of "
                "margin and cost to serve.",
                names=list_names(w, losing),
            )
        )
    if not unknown(dso_days) and dso_days > dso_alert:
        sentence = w._(
            "Customers owe {days} days of sales, above the {alert} days alert: call for payment, "
            "oldest invoices first.",
            days=w.number(dso_days),
            alert=w.number(dso_alert),
        )
        made.append(sentence)
    if unprovided:
        made.append(unprovided)
    return made or [w._("No alert threshold among the parameters is crossed.")]
