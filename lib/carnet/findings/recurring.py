"""Findings of recurring revenue: what a year made of it, who ended it, what ends next."""

import pandas as pd

from carnet.findings.base import Finding, list_names
from carnet.wording import N_, Wording, unknown

STEP_LABELS = {
    "new": N_("New"),
    "reactivation": N_("Reactivated"),
    "expansion": N_("Expansion"),
    "contraction": N_("Contraction"),
    "churned": N_("Churned"),
}


def movement(w: Wording, year: pd.Series, f: dict) -> Finding:
    """What a year made of the recurring revenue."""
    change = year.closing - year.opening
    told = dict(
        now=w.money(year.closing, 0),
        yearly=w.money(12 * year.closing, 0),
        before=w.money(year.opening, 0),
        change=w.signed_money(change, 0),
    )
    sentence = w._(
        "Recurring revenue is {now} a month ({yearly} a year), {change} against the {before} of a "
        "year ago.",
        **told,
    )
    if not unknown(f["recurring_gross_churn_rate"]):
        sentence += " " + w._(
            "Of the recurring revenue of a year ago {gross} was ended or reduced; less what the "
            "same customers added, {net}.",
            gross=w.percent(f["recurring_gross_churn_rate"]),
            net=w.percent(f["recurring_net_churn_rate"]),
        )
    return Finding("recurring_revenue", sentence, change)


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


def renewed(w: Wording, t: pd.DataFrame) -> str:
    """What became of the contracts that ended in the last 12 months."""
    counts = t.set_index("outcome")
    closed = int(counts.outcome_count[["renewed", "renewed_late", "lost"]].sum())
    if not closed:
        return w._("No contract ended in the last 12 months of which it is known what followed.")
    row = counts.loc["renewed"]
    return w._(
        "Of {count} contracts that ended in the last 12 months, {share} were renewed in time "
        "{interval}.",
        count=w.number(closed),
        share=w.percent(row.share),
        interval=w.between(w.percent(row.share_low), w.percent(row.share_high)),
    )
