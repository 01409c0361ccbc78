"""Findings of recurring revenue: what a year made of it, who ended it, what ends next."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pandas as pd

from carnet.findings.answer import Point
from carnet.findings.base import Finding, list_names
from carnet.measures.indicators.discrete_survival import LEAST_ENDINGS, LEAST_SPELLS
from carnet.wording import N_, Wording, unknown

STEP_LABELS = {
    "new": N_("New"),
    "reactivation": N_("Reactivated"),
    "expansion": N_("Expansion"),
    "contraction": N_("Contraction"),
    "churned": N_("Churned"),
}


def movement(w: Wording, year: pd.Series, f: Mapping[str, Any]) -> Finding:
    """What recurs, and what a year made of what recurred."""
    told = dict(now=w.money(year.closing, 0), yearly=w.money(12 * year.closing, 0))
    if unknown(f["recurring_gross_churn_rate"]):
        sentence = w._("Recurring revenue is {now} a month ({yearly} a year).", **told)
        return Finding("recurring_revenue", sentence, year.closing)
    sentence = w._(
        "Recurring revenue is {now} a month ({yearly} a year), {change} against the {before} of a "
        "year ago. Of those {before}, {gross} was ended or reduced; with what they added, the "
        "customers of a year ago bring {kept} of what they brought then.",
        **told,
        change=w.signed_money(year.closing - year.opening, 0),
        before=w.money(year.opening, 0),
        gross=w.percent(f["recurring_gross_churn_rate"]),
        kept=w.percent(1 - f["recurring_net_churn_rate"]),
    )
    return Finding("recurring_revenue", sentence, year.closing - year.opening)


def answer(
    w: Wording, found: Finding, ending: Finding | None, renewals: str, sold: bool
) -> list[Point]:
    """What page one says of it: what recurs, and inside it what ends and what was renewed. Beside a
    revenue (`sold`) it says that it is a part of that.
    """
    points = [Point("recurring", "recurring", found.sentence, found.amount, "", found.key)]
    if sold:
        told = w._("Counted by the contracts: part of the revenue, not to be added to it.")
        points.append(Point("recurring_counted", "part", told, None, "recurring"))
    if renewals:
        points.append(Point("recurring_renewed", "part", renewals, None, "recurring"))
    if ending:
        point = Point("recurring_ends", "part", ending.sentence, None, "recurring", ending.key)
        points.append(point)
    return points


def steps(w: Wording, year: pd.Series) -> pd.DataFrame:
    """The bridge of the year in words: label, amount, total."""
    rows = [(w._("A year ago"), year.opening, True)]
    rows += [(w._(label), year[name], False) for name, label in STEP_LABELS.items()]
    return pd.DataFrame(
        [*rows, (w._("Today"), year.closing, True)], columns=["label", "amount", "total"]
    )


def bridge_title(w: Wording, year: pd.Series) -> str:
    """What was won and what was given up, a month."""
    won = year["new"] + year.reactivation + year.expansion
    lost = -(year.contraction + year.churned)
    return w._("{won} a month won, {lost} given up", won=w.money(won, 0), lost=w.money(lost, 0))


def left(w: Wording, t: pd.DataFrame) -> str:
    """Who ended all contracts since a year ago."""
    if not len(t):
        return w._("No customer of a year ago has ended all its contracts.")
    return w.ngettext(
        "{count} customer of a year ago has no running contract any more: {amount} a month "
        "({names}).",
        "{count} customers of a year ago have no running contract any more: {amount} a month, "
        "first of all {names}.",
        len(t),
        amount=w.money(-float(t.recurring_change.sum()), 0),
        names=list_names(w, list(t.name.head(3))),
    )


def past_notice(w: Wording, t: pd.DataFrame, as_of: dt.date) -> str:
    """How much of what ends may no longer be ended by notice, and whose notice comes next."""
    notice = pd.to_datetime(t.notice_date)
    if not notice.notna().any():
        return ""
    day = pd.Timestamp(as_of)
    over, still = t[notice <= day], t[notice > day]
    told = dict(
        over=w.number(len(over)),
        amount=w.money(float(over.yearly_amount.sum()), 0),
        open=w.number(len(still)),
        rest=w.money(float(still.yearly_amount.sum()), 0),
    )
    if not len(still):
        return w._(
            "The day of notice is past for all {over} of them ({amount} a year): to be confirmed.",
            **told,
        )
    first = still.assign(notice=notice[still.index]).sort_values("notice").iloc[0]
    return w._(
        "The day of notice is past for {over} of them ({amount} a year), to be confirmed; still "
        "open for {open} ({rest} a year), next on {date}: {name}.",
        **told,
        date=w.date(first.notice.date()),
        name=first["name"],
    )


def expiring(w: Wording, t: pd.DataFrame) -> Finding | None:
    """What ends in the coming year."""
    if not len(t):
        return None
    sentence = w.ngettext(
        "{count} contract ends in the coming 12 months: {amount} a year ({names}).",
        "{count} contracts end in the coming 12 months: {amount} a year; the first ones are those "
        "of {names}.",
        len(t),
        amount=w.money(float(t.yearly_amount.sum()), 0),
        names=list_names(w, list(t.name.drop_duplicates().head(3))),
    )
    return Finding("contracts_ending", sentence, float(t.yearly_amount.sum()))


SIGN_LABELS = {
    "buys_less": N_("orders late"),
    "shrank": N_("contract shrank"),
    "unhappy": N_("unhappy mark"),
    "complained": N_("complaint"),
    "unpaid": N_("unpaid invoice"),
}


def signs(w: Wording, t: pd.DataFrame) -> list[str]:
    """What each account shows before its renewal, in words."""
    return [", ".join(w._(SIGN_LABELS[sign]) for sign in own) for own in t.signs]


def at_risk(w: Wording, t: pd.DataFrame) -> str:
    """How much of what ends belongs to customers that show a sign."""
    shown = t[t.signs.map(len) > 0]
    if not len(shown):
        return ""
    return w.ngettext(
        "{count} of them is of a customer that shows a sign of its own: {amount} a year ({names}).",
        "{count} of them are of customers that show a sign of their own: {amount} a year, first of "
        "all {names}.",
        len(shown),
        amount=w.money(float(shown.yearly_amount.sum()), 0),
        names=list_names(w, list(shown.name.drop_duplicates().head(3))),
    )


def recommendations(w: Wording, t: pd.DataFrame, as_of: dt.date) -> list[str]:
    """What to do about contracts that end: confirm those whose notice has passed, speak first to
    whom shows a sign.
    """
    passed, made = t[pd.to_datetime(t.notice_date) <= pd.Timestamp(as_of)], []
    shown = t[(t.signs.map(len) > 0) & ~t.index.isin(passed.index)]
    if len(passed):
        made.append(
            w.ngettext(
                "Have {count} contract confirmed whose notice has passed: {amount} a year "
                "({names}).",
                "Have {count} contracts confirmed whose notice has passed: {amount} a year, "
                "starting with {names}.",
                len(passed),
                **_largest(w, passed),
            )
        )
    if len(shown):
        made.append(
            w.ngettext(
                "Speak first to the account whose contract ends and that shows a sign: {amount} a "
                "year ({names}).",
                "Speak first to the accounts whose contracts end and that show a sign: {amount} a "
                "year, starting with {names}.",
                len(shown),
                **_largest(w, shown),
            )
        )
    return made


def _largest(w: Wording, t: pd.DataFrame) -> dict[str, str]:
    """The sum a year, and the names of the largest."""
    names = t.sort_values("yearly_amount", ascending=False, kind="stable").name.drop_duplicates()
    total = float(t.yearly_amount.sum())
    return {"amount": w.money(total, 0), "names": list_names(w, list(names.head(3)))}


def not_fitted(w: Wording, stays: pd.DataFrame) -> str:
    """Why nothing is said of how long contracts run."""
    if len(stays) >= LEAST_SPELLS and stays.ended.sum() >= LEAST_ENDINGS:
        return w._("Not modelled: the chances to leave of these customers hardly differ.")
    return w._(
        "Not modelled: {needed} stays are needed, {least} of them ended; there are {stays}, "
        "{endings} of them ended.",
        endings=w.number(stays.ended.sum()),
        stays=w.number(len(stays)),
        least=w.number(LEAST_ENDINGS),
        needed=w.number(LEAST_SPELLS),
    )


def stays_title(w: Wording, period: str) -> str:
    """What the curve counts."""
    titles = {
        "month": N_("Who is still under contract after so many months, and who renews then"),
        "quarter": N_("Who is still under contract after so many quarters, and who renews then"),
        "year": N_("Who is still under contract after so many years, and who renews then"),
    }
    return w._(titles[period])


def held_out(w: Wording, t: pd.Series) -> str:
    """How well the model did on the last year, beside one chance for everybody."""
    if unknown(t.expected_count):
        return ""
    better = abs(t.expected_count - t.actual_count) < abs(t.naive_count - t.actual_count) - 0.5
    sentence = N_(
        "Of {running} customers under contract a year ago, the model of the years before foretold "
        "that {expected} would stay, one chance for all {naive}; {actual} did."
    )
    alike = N_(
        "Of {running} customers under contract a year ago, the model of the years before foretold "
        "that {expected} would stay, one chance for all {naive}; {actual} did: customers hardly "
        "differ, and the model is no better."
    )
    return w._(
        sentence if better else alike,
        running=w.number(t.running_count),
        expected=w.number(t.expected_count),
        naive=w.number(t.naive_count),
        actual=w.number(t.actual_count),
    )


def renewed(w: Wording, t: pd.DataFrame) -> str:
    """What became of the contracts that ended in the last 12 months."""
    counts = t.set_index("outcome")
    closed = int(counts.outcome_count[["renewed", "renewed_late", "lost"]].sum())
    if not closed:
        return w._("No contract ended in the last 12 months of which it is known what followed.")
    row = counts.loc["renewed"]
    money = counts.yearly_amount[["renewed", "renewed_late", "lost"]].sum()
    return w._(
        "Of {count} contracts that ended in the last 12 months, {share} were renewed in time "
        "{interval}, {worth} of their money.",
        worth=w.percent(row.yearly_amount / money if money else None, 0),
        count=w.number(closed),
        share=w.percent(row.share),
        interval=w.between(w.percent(row.share_low), w.percent(row.share_high)),
    )
