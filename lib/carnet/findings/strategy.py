"""One strategy an account, told: why each account is where it is, relationships, single threads,
what is untapped, what the capital is worth.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd

from carnet.findings.base import (
    Finding,
    amounts,
    counts,
    days,
    first_told,
    joined,
    list_names,
    told_by,
    where,
)
from carnet.measures.portfolio.strategy import LEVERS
from carnet.wording import N_, Wording, unknown

STRATEGY_LABELS = {
    "protect": N_("protect"), "serve": N_("serve"), "rekindle": N_("rekindle"),
    "renegotiate": N_("renegotiate"), "gone": N_("gone"),
}  # fmt: skip
SIGN_LABELS = {
    "contract": N_("under contract"), "long_standing": N_("long-standing"),
    "breadth": N_("buys most families"), "several_persons": N_("several persons order"),
    "steady": N_("orders every quarter"), "supported": N_("often visited or called"),
    "full_price": N_("hardly any discount"), "flow": N_("steady won opportunities"),
}  # fmt: skip
LEVER_LABELS = {
    "price": N_("price"),
    "conformity": N_("conformity"),
    "delivery": N_("delivery"),
    "availability": N_("availability"),
}
AXIS_LABELS = {
    "loyalty": N_("Loyalty"), "solvency": N_("Solvency"), "profitability": N_("Profitability"),
    "satisfaction": N_("Satisfaction"),
}  # fmt: skip
CRITERION_LABELS = {
    "active_year_share": N_("years with an order, of those since the first"),
    "silence_ratio": N_("days since the last order, in its own rhythm"),
    "kept_share": N_("revenue kept of the year before"),
    "tenure_years": N_("years as a customer"),
    "family_share": N_("families bought, of those sold"),
    "order_quarter_count": N_("quarters with an order, of the last four"),
    "contact_person_count": N_("persons that order"),
    "mean_discount": N_("mean discount of its opportunities"),
    "return_share": N_("credit notes, of its sales"), "days_late": N_("days paid late"),
    "overdue_share": N_("past due, of the year's invoices"), "profit_rate": N_("profit of revenue"),
    "profit_rank": N_("place by profit, 0 last to 1 first"),
    "score": N_("mark given, share of the scale"), "complaint_rate": N_("complaints an order"),
}  # fmt: skip
RULE_LABELS = {
    "long_standing_years": N_(
        "Renegotiate: years as a customer, from which one that costs more than it brings "
        "is on the list"
    ),
    "peak_fall_share": N_("Rekindle: share lost since the best 12 months"),
    "fall_p_value": N_("Rekindle: chance at most of so few orders, had the pace of before gone on"),
    "relationship_sign_share": N_("Relationship: share of the signs measured that it shows"),
    "relationship_sign_least": N_("Relationship: signs measured at least"),
    "tenure_years": N_("Sign long-standing: years as a customer"),
    "breadth_share": N_("Sign buys most families: share of the families sold"),
    "contact_person_count": N_("Sign several persons order: persons"),
    "steady_quarter_count": N_("Sign orders every quarter: of the last four"),
    "supported_contact_count": N_("Sign often visited or called: contacts in 12 months"),
    "full_price_discount": N_("Sign hardly any discount: mean discount at most"),
    "opportunity_count": N_(
        "Sign steady won opportunities: in 24 months, half of those decided won"
    ),
    "price_discount": N_("Serve on price: mean discount"),
    "return_share": N_("Serve on conformity: credit notes of sales"),
    "rush_count": N_("Serve on delivery: rush deliveries in 12 months"),
    "weak_mark": N_("Serve on conformity or availability: mark under this share of the scale"),
    "relationship_cap": N_("Relationships that one salesperson can look after"),
}
QUESTIONS = {
    "customer_capital": N_("Is the notion of customer capital dealt with in the company?"),
    "crm_promises": N_("Has customer relationship management kept its promises?"),
    "loyalty_measured": N_("Does the company measure the loyalty of its customers?"),
    "satisfaction_and_loyalty": N_("Does it tell satisfaction from loyalty?"),
    "statistics": N_("Has it the statistics to steer its customer capital?"),
}
ANSWERS = {"yes": N_("yes"), "partly": N_("partly"), "no": N_("no")}


def words(w: Wording, names: str, labels: Mapping[str, str]) -> str:
    """Names joined by spaces, as words of the reader; nothing of what is not known."""
    return "" if unknown(names) else ", ".join(w._(labels[name]) for name in names.split())


def reason(w: Wording, t: pd.DataFrame, rules: Mapping[str, float]) -> pd.Series:
    """Why each account has its strategy, in whole sentences (rows
    of `account_list.with_strategies`).
    """
    tellers = {
        "renegotiate": _renegotiate,
        "rekindle": _rekindle,
        "gone": _gone,
        "protect": _protect,
        "serve": _serve,
    }
    told = told_by(t.strategy, t, {name: partial(tell, w) for name, tell in tellers.items()})
    dear = (t.strategy == "serve") & (t.profit_high.astype(float) < 0) & t.active.eq(True)
    young = w._(
        "It costs more than it brings so far, and has been a customer for less than {years} years.",
        years=w.number(rules["long_standing_years"]),
    )
    over = w.sentences(
        "Its contract ended on {date}; it has bought since.", date=days(w, t.contract_end)
    )
    back = w._("It came back after a year without an order.")
    parts = [
        told,
        where(dear, young),
        where(t.contract_end.notna() & (t.strategy != "gone"), over),
        where(t.status == "recovered", back),
    ]
    return joined(parts, " ")


def _renegotiate(w: Wording, t: pd.DataFrame) -> pd.Series:
    told = dict(
        years=counts(w, t.tenure_years),
        margin=amounts(w, t.margin),
        cost=amounts(w, t.cost_to_serve),
        profit=amounts(w, t.profit),
    )
    goods = w.sentences(
        "Customer for {years} years; its goods cost more than it pays: a margin of {margin}.",
        **told,
    )
    served = w.sentences(
        "Customer for {years} years; a margin of {margin} against {cost} of service: {profit}, "
        "below zero over the whole range of rates.",
        **told,
    )
    relationship = w.sentences(
        "A relationship ({signs} signs of {measured}) that does not pay for itself.", **_signs(w, t)
    )
    parts = [
        where(t.cost_to_serve.isna(), goods, served),
        where(t.relationship.eq(True), relationship),
    ]
    return joined(parts, " ")


def _rekindle(w: Wording, t: pd.DataFrame) -> pd.Series:
    bought = w.sentences(
        "Bought {peak} in the 12 months up to {date}, {now} in the last 12.",
        peak=amounts(w, t.peak_revenue),
        date=days(w, t.peak_end),
        now=amounts(w, t.rolling_year_revenue),
    )
    now, before = t.contact_count.astype(float), t.contact_count_previous.astype(float)
    contacts = dict(now=counts(w, now), before=counts(w, before))
    noted = w.sentences("A departure to {competitor} was noted.", competitor=t.competitor)
    halved = w.sentences(
        "Contacts went from {before} to {now} a year up to its last order.", **contacts
    )
    kept = w.sentences(
        "Contacts, {before} and {now} a year up to its last order, did not halve: ask what "
        "changed, or who sells there now.",
        **contacts,
    )
    then = first_told(
        (t.competitor.notna(), noted),
        (now.isna() | before.isna(), ""),
        ((before > 0) & (now <= before / 2), halved),
        otherwise=kept,
    )
    return joined([bought, then], " ")


def _gone(w: Wording, t: pd.DataFrame) -> pd.Series:
    ended = w.sentences(
        "Its contract ended on {date}, and nothing was bought since.", date=days(w, t.contract_end)
    )
    last = w.sentences(
        "Last order on {date}; too small, or too few orders, to tell that it was once bigger.",
        date=days(w, t.last_order_date),
    )
    return where(t.contract_end.notna(), ended, last)


def _signs(w: Wording, t: pd.DataFrame) -> dict[str, pd.Series]:
    return dict(
        signs=counts(w, t.sign_count),
        measured=counts(w, t.measured_sign_count),
        names=w.each(lambda names: words(w, names, SIGN_LABELS) or w._("none"), t.signs),
    )


def _protect(w: Wording, t: pd.DataFrame) -> pd.Series:
    told = w.sentences("A relationship, {signs} signs of {measured}: {names}.", **_signs(w, t))
    low, high = t.profit_low.astype(float), t.profit_high.astype(float)
    paid = first_told(
        (high.isna(), ""),
        ((high >= 0) & (low < 0), w._("Whether it is profitable hangs on the rates of service.")),
        (low >= 0, w._("It is profitable.")),
        otherwise=w._("It does not pay for itself."),
    )
    return joined([told, paid], " ")


def _serve(w: Wording, t: pd.DataFrame) -> pd.Series:
    signs = _signs(w, t)
    waiting = w.sentences(
        "Orders about every {months} months: no order in a year is no departure.",
        months=counts(w, t.rhythm_months),
    )
    under = w.sentences(
        "Under contract: {signs} signs of a relationship of {measured}, or too small for one.",
        **signs,
    )
    unmeasured = w.sentences(
        "Buys order by order, as far as the book tells: {measured} signs of a relationship are "
        "measured, too few to say.",
        **signs,
    )
    shown = w.sentences(
        "Buys order by order: {signs} signs of a relationship of {measured}.", **signs
    )
    told = first_told(
        (t.contract.eq(True), under),
        (t.relationship.isna(), unmeasured),
        (t.abc_class.isin(["A", "B"]), shown),
        otherwise=w._("Buys order by order, too little for a relationship."),
    )
    asked = w._(
        "What counts for it is not in the book: ask whether it is {levers}.",
        levers=", ".join(w._(LEVER_LABELS[name]) for name in LEVERS),
    )
    levers = w.each(lambda names: words(w, names, LEVER_LABELS), t.serve_on)
    on = w.sentences("Serve it on {levers}.", levers=levers)
    return where(
        t.status == "not_due", waiting, joined([told, where(levers != "", on, asked)], " ")
    )


def rekindle(
    w: Wording, t: Mapping[str, Any], chance: float, names: Sequence[str]
) -> Finding | None:
    """What once bigger accounts bought and no longer buy, beside what luck alone
    would make look so.
    """
    if not t["rekindle_count"]:
        return None
    sentence = w.ngettext(
        "{count} account was once bigger: {lost} a year below its best 12 months ({names}).",
        "{count} accounts were once bigger: {lost} a year below their best 12 months, first "
        "of all {names}.",
        int(t["rekindle_count"]),
        lost=w.money(t["fallen"], 0),
        names=list_names(w, names),
    )
    if t["buying_count"] and not unknown(chance):
        sentence += " " + w.ngettext(
            "{count} of them still buys; about {chance} would look so by chance.",
            "{count} of them still buy; about {chance} would look so by chance.",
            int(t["buying_count"]),
            chance=w.number(chance, 1),
        )
    return Finding("rekindle", sentence, -t["fallen"])


def protect(w: Wording, t: Mapping[str, Any], unpaid: Sequence[str]) -> Finding | None:
    """The relationships and what hangs on them."""
    count, held = int(t["relationship_count"]), t["relationship_revenue"]
    if not count:
        return None
    sentence = w.ngettext(
        "{count} account is a close relationship: {amount} of revenue, {share} of all.",
        "{count} accounts are close relationships: {amount} of revenue, {share} of all.",
        count,
        amount=w.money(held, 0),
        share=w.percent(held / t["revenue"] if t["revenue"] else None, 0),
    )
    if t["unpaid_count"]:
        sentence += " " + w.ngettext(
            "{count} of them does not pay for itself ({names}).",
            "{count} of them do not pay for themselves ({names}).",
            int(t["unpaid_count"]),
            names=list_names(w, unpaid),
        )
    elif t["paid_count"] == count:
        sentence += " " + w._("All of them pay for themselves over the whole range of rates.")
    return Finding("protect", sentence, held)


def renegotiate(w: Wording, t: Mapping[str, Any], names: Sequence[str]) -> Finding | None:
    """Long-standing accounts that cost more than they bring for certain."""
    if not t["renegotiate_count"]:
        return None
    sentence = w.ngettext(
        "{count} long-standing account costs more than it brings, {amount} a period ({names}): "
        "renegotiate or let go, signed off by hand.",
        "{count} long-standing accounts cost more than they bring, {amount} a period, first of all "
        "{names}: renegotiate or let go, signed off by hand.",
        int(t["renegotiate_count"]),
        amount=w.money(-t["unprofitable"], 0),
        names=list_names(w, names),
    )
    return Finding("renegotiate", sentence, t["unprofitable"])


def single_thread(w: Wording, t: Mapping[str, Any], threads: pd.DataFrame) -> Finding | None:
    """Revenue of accounts known through one person each."""
    if not t["thread_count"]:
        return None
    amount = t["thread_revenue"]
    sentence = w.ngettext(
        "{count} account hangs on one person who orders: {amount}, {share} of revenue ({name}).",
        "{count} accounts hang on one person each who orders: {amount}, {share} of revenue; "
        "the largest is {name}.",
        int(t["thread_count"]),
        amount=w.money(amount, 0),
        share=w.percent(amount / t["revenue"] if t["revenue"] else None, 0),
        name=threads.name.iloc[0],
    )
    return Finding("single_thread", sentence, amount)


def untapped(w: Wording, first: pd.DataFrame, share: float) -> str:
    """What the customers' potential leaves, by the accounts that would bring most."""
    if not len(first) or unknown(share):
        return ""
    return w._(
        "Customers of the last two years buy {share} of the potential noted for them; of those "
        "active the most is left with {names}. A potential is an estimate of the sales force, "
        "not a measure.",
        share=w.percent(share, 0),
        names=list_names(w, list(first.name.head(3))),
    )


def sleeping(w: Wording, count: int, potential: float) -> str:
    """Customers of the list that bought nothing in two years and are in no table above."""
    if not count:
        return ""
    return w.ngettext(
        "{count} customer of the list with a potential bought nothing in two years, {amount} in "
        "all, and is in none of these tables.",
        "{count} customers of the list with a potential bought nothing in two years, {amount} in "
        "all, and are in none of these tables.",
        count,
        amount=w.money(potential, 0),
    )


def with_reasons(w: Wording, accounts: pd.DataFrame, rules: Mapping[str, float]) -> pd.DataFrame:
    """The accounts with the reason of their strategy as a sentence: reason."""
    return accounts.assign(reason=reason(w, accounts, rules))


def capital_title(w: Wording, index: Any, sector: str) -> str:
    """Title: the customer capital, by the profile of the sector."""
    if unknown(index):
        return ""
    return w._(
        "Customer capital: {index} of 100 ({sector})", index=w.number(100 * index), sector=sector
    )


def axis_labels(w: Wording) -> dict[str, str]:
    """The axes, and the capital, in words."""
    return {name: w._(label) for name, label in AXIS_LABELS.items()} | {"capital": w._("Capital")}


def scores_told(w: Wording, customers: pd.DataFrame) -> pd.DataFrame:
    """The best customers in words: their axes (a cross where not measured),
    capital_range, rank_range.
    """
    told = {
        name: [w.number(100 * v) if not unknown(v) else "×" for v in customers[name]]
        for name in AXIS_LABELS
        if name in customers
    }
    capital_ends = (100 * customers[["capital", "capital_low", "capital_high"]]).to_numpy()
    rank_ends = customers[["capital_rank", "rank_low", "rank_high"]].to_numpy()
    return customers.assign(
        capital_range=[with_ends(w, *row) for row in capital_ends],
        rank_range=[with_ends(w, *row) for row in rank_ends],
        **told,
    )


def axes_table(w: Wording, axes: pd.DataFrame) -> pd.DataFrame:
    """How far the ranking hangs on each axis, in words: axis, correlation."""
    correlation = [w.number(v, 2) if not unknown(v) else "–" for v in axes.correlation]
    return axes.assign(axis=axes.axis.map(axis_labels(w)), correlation=correlation)


def strategies_title(w: Wording, strategies: pd.DataFrame) -> str:
    """Title: the strategy whose accounts bring most of the revenue."""
    revenue = strategies.revenue.sum()
    if not len(strategies) or not revenue > 0:
        return w._("Accounts by strategy")
    top = strategies.sort_values("revenue", ascending=False).iloc[0]
    name = w._(STRATEGY_LABELS[top.strategy])
    return w._(
        "{share} of revenue comes from accounts to {strategy}",
        share=w.percent(top.revenue / revenue, 0),
        strategy=name,
    )


def strategies_told(w: Wording, strategies: pd.DataFrame) -> pd.DataFrame:
    """The strategies with their names, and what a bar says of each:
    strategy_name, name, amount, note.
    """
    names = [w._(STRATEGY_LABELS[name]) for name in strategies.strategy]
    notes = [
        w.ngettext("{count} account", "{count} accounts", int(row.customer_count))
        + " · "
        + w.money(row.revenue, 0)
        for row in strategies.itertuples()
    ]
    return strategies.assign(strategy_name=names, name=names, amount=strategies.revenue, note=notes)


def strategy_caption(w: Wording, name: str) -> str:
    """The caption of a strategy's list."""
    captions = {
        "renegotiate": w._("Renegotiate, or let go: to be signed off"),
        "rekindle": w._("Rekindle: once bigger, largest best year first"),
        "protect": w._("Protect: the largest relationships"),
        "serve": w._("Serve: the largest of the other accounts"),
    }
    return captions[name]


def relationships_told(w: Wording, relations: pd.DataFrame) -> pd.DataFrame:
    """Relationships in words: sign_names, pays, touch_count, person_count."""
    rows = list(relations.itertuples())
    signs = [
        w._(
            "{count} of {measured}: {names}",
            count=w.number(row.sign_count),
            measured=w.number(row.measured_sign_count),
            names=words(w, row.signs, SIGN_LABELS),
        )
        for row in rows
    ]
    pays = [_pays(w, row.profit_low, row.profit_high) for row in rows]
    named = {"contact_count": "touch_count", "contact_person_count": "person_count"}
    return relations.assign(sign_names=signs, pays=pays).rename(columns=named)


def _pays(w: Wording, low: float, high: float) -> str:
    """Whether an account pays for itself over the whole range of rates."""
    if unknown(high):
        return "–"
    if low >= 0:
        return w._("yes")
    return w._("no") if high < 0 else w._("uncertain")


def too_few_signs(w: Wording) -> str:
    """Why no relationship is told."""
    return w._(
        "Too few signs of a relationship are measured to tell one: the tables customers, service "
        "and opportunities and the columns contact and offer of the sales would."
    )


def capital(
    w: Wording, index: float, axes: pd.DataFrame, stable: int, top: int, missing: Sequence[str]
) -> str:
    """The capital index and how far its ranking hangs on the weights."""
    if unknown(index):
        return w._("Customer capital is not measured: no axis is known of enough customers.")
    sentence = w._(
        "Customer capital is {index} of 100, customers weighted by revenue.",
        index=w.number(100 * index),
    )
    if missing:
        sentence += " " + w._(
            "Not measured: {axes}; the index stands on the other axes.",
            axes=", ".join(w._(AXIS_LABELS[name]) for name in missing),
        )
    if len(axes) > 1:
        sentence += " " + w.ngettext(
            "Of the {top} first customers {count} stays among them in 95 % of the weights drawn.",
            "Of the {top} first customers {count} stay among them in 95 % of the weights drawn.",
            stable,
            top=w.number(top),
        )
    return sentence


def axes_told(w: Wording, axes: pd.DataFrame) -> str:
    """Which axis the ranking hangs on most."""
    known = axes.dropna(subset=["correlation"])
    if not len(known):
        return ""
    worst = known.sort_values(["top_kept", "correlation"]).iloc[0]
    axis = AXIS_LABELS[str(worst["axis"])]
    return w._(
        "The ranking hangs most on {axis}: without it, {kept} of the first customers stay first "
        "(rank correlation {correlation}).",
        axis=w._(axis).lower(),
        kept=w.number(worst["top_kept"]),
        correlation=w.number(worst["correlation"], 2),
    )


def with_ends(w: Wording, value: float, low: float, high: float) -> str:
    """A score or rank with its ends in brackets, none where they are the same or not known."""
    ends = "" if unknown(low) or low == high else " " + w.between(w.number(low), w.number(high))
    return w.number(value) + ends


def load(w: Wording, people: pd.DataFrame) -> str:
    """Whether somebody looks after more relationships than the cap."""
    if not len(people):
        return ""
    over = people[people.over_cap]
    cap = w.number(people.cap.iloc[0])
    if not len(over):
        return w._(
            "Nobody looks after more than {cap} relationships, the cap; the most are {count}.",
            cap=cap,
            count=w.number(people.relationship_count.max()),
        )
    return w.ngettext(
        "{count} salesperson looks after more than {cap} relationships: {names}.",
        "{count} salespeople look after more than {cap} relationships: {names}.",
        len(over),
        cap=cap,
        names=list_names(w, list(over.salesperson)),
    )


def maturity_table(
    w: Wording, answers: Mapping[str, Any], shown: Mapping[str, str]
) -> pd.DataFrame:
    """The five questions: question, answer, evidence, book (what this book shows of it)."""
    rows = []
    for name, question in QUESTIONS.items():
        given = answers.get(name)
        answer = w._("not answered") if given is None else w._(ANSWERS[given.answer])
        evidence = "–" if given is None else given.evidence or w._("no evidence given")
        rows.append(
            dict(question=w._(question), answer_given=answer, evidence=evidence, shown=shown[name])
        )
    return pd.DataFrame(rows)


def strategy_recommendations(
    w: Wording, people: pd.DataFrame, names: Mapping[str, Sequence[str]]
) -> list[str]:
    """What to do next with the accounts, each triggered by a list that is not empty."""
    made = []
    if names["rekindle"]:
        made.append(
            w._(
                "Call the accounts that were once bigger and still buy, starting with {names}; "
                "the reasons are in the list of strategies.",
                names=list_names(w, names["rekindle"]),
            )
        )
    if names["renegotiate"]:
        made.append(
            w._(
                "Decide with the management on {names}: price, order size, service or an end; "
                "nothing is automatic.",
                names=list_names(w, names["renegotiate"]),
            )
        )
    if names["threads"]:
        made.append(
            w._(
                "Meet a second person at {names}: relationships that hang on one person.",
                names=list_names(w, names["threads"]),
            )
        )
    if len(people) and people.over_cap.any():
        made.append(
            w._(
                "Share out the relationships of {names}: more than one person can look after.",
                names=list_names(w, list(people.salesperson[people.over_cap])),
            )
        )
    return made


def nine_indicators(
    w: Wording, figures: Mapping[str, Any], values: Mapping[str, Any]
) -> pd.DataFrame:
    """The nine indicators of source C: indicator, value, told_by (how, or what is missing).

    Parameters  figures: of the register; values: of `indicators.indicator_values`
    """

    def share(value: Any) -> str:
        return w._("not measured") if unknown(value) else w.percent(value, 0)

    rows = [
        (
            w._("Loyalty"),
            share(figures["retention_rate"]),
            w._("customers of the previous period that bought again"),
        ),
        (
            w._("Solvency"),
            share(values["paid_in_time"]),
            w._("invoices due in the last 12 months and paid within 30 days of it, by amount"),
        ),
        (
            w._("Profitability"),
            share(values["paying"]),
            w._("active customers that bring more than they cost, service included where known"),
        ),
        (
            w._("Average basket"),
            w._("not measured")
            if unknown(figures["average_basket"])
            else w.money(figures["average_basket"], 2),
            w._("revenue ÷ orders"),
        ),
        (
            w._("Weight of the first customers"),
            share(figures["top_5_share"]),
            w._("revenue of the 5 largest"),
        ),
        (
            w._("Progression of purchases"),
            share(figures["growing_customer_rate"]),
            w._("kept customers that buy more; all are in the list of progression"),
        ),
        (
            w._("Evolution of market shares"),
            _evolution(w, values),
            w._(
                "revenue ÷ potential noted today, this year and the year before; the market itself "
                "is in no table"
            ),
        ),
        (
            w._("Satisfaction"),
            share(values["mean_mark"]),
            w._("mean mark of the last 24 months, share of the scale"),
        ),
        (
            w._("Alternatives of competitors"),
            _competitors(w, values),
            w._(
                "departures noted in the last 24 months that name a competitor, and the "
                "one named most"
            ),
        ),
    ]
    return pd.DataFrame(rows, columns=["indicator", "value", "told_by"])


def _evolution(w: Wording, values: Mapping[str, Any]) -> str:
    if unknown(values["potential_share"]):
        return w._("not measured")
    before = values["potential_share_previous"]
    now = w.percent(values["potential_share"], 1)
    return (
        now
        if unknown(before)
        else w._("{now}, {before} the year before", now=now, before=w.percent(before, 1))
    )


def _competitors(w: Wording, values: Mapping[str, Any]) -> str:
    if unknown(values["departure_count"]):
        return w._("not measured")
    told = dict(
        named=w.number(values["competitor_count"]), count=w.number(values["departure_count"])
    )
    return (
        w._("{named} of {count} ({name})", name=values["competitor"], **told)
        if values["competitor_count"]
        else w._("none of {count}", **told)
    )


def maturity_shown(
    w: Wording,
    given: Mapping[str, Any],
    figures: Mapping[str, Any],
    axes: int,
    axis_count: int,
    indicators: int,
) -> dict[str, str]:
    """What this book shows of each of the five questions, by the tables given."""
    crm = [name for name in ("customers", "service", "opportunities") if name in given]
    both = "satisfaction" in given and "sales" in given
    return {
        "customer_capital": w._(
            "{count} of {all} axes can be measured", count=w.number(axes), all=w.number(axis_count)
        ),
        "crm_promises": w._(
            "{count} of 3 tables of a CRM were given (customers, service, opportunities)",
            count=w.number(len(crm)),
        ),
        "loyalty_measured": w._("not measured")
        if unknown(figures["retention_rate"])
        else w._("it can be: retention {rate}", rate=w.percent(figures["retention_rate"], 0)),
        "satisfaction_and_loyalty": w._("it can be: see churn_reasons, “Satisfied, and loyal?”")
        if both
        else w._("it cannot be: a survey with customer numbers is missing"),
        "statistics": w._("{count} of 9 indicators are measured", count=w.number(indicators)),
    }


def criteria_table(w: Wording, axes: Mapping[str, Any]) -> pd.DataFrame:
    """The criteria of a sector's profile: axis, criterion, weight (in the capital), worst, best."""
    total = sum(axis.weight for axis in axes.values()) or 1.0
    rows = [
        dict(
            axis=w._(AXIS_LABELS[name]),
            criterion=w._(CRITERION_LABELS[criterion]),
            weight=axis.weight
            / total
            * scale.weight
            / sum(c.weight for c in axis.criteria.values()),
            worst=w.number(scale.worst, 2),
            best=w.number(scale.best, 2),
        )
        for name, axis in axes.items()
        for criterion, scale in axis.criteria.items()
    ]
    return pd.DataFrame(rows)


def rules_table(w: Wording, rules: Mapping[str, float]) -> pd.DataFrame:
    """The rules of the strategies in words: rule, value."""
    return pd.DataFrame(
        [
            dict(rule=w._(label), value=w.number(rules[name], 2))
            for name, label in RULE_LABELS.items()
        ]
    )
