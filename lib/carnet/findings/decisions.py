"""The one decision an account, in words: what to do, why, and at most for how much."""

from collections.abc import Mapping, Sequence

import pandas as pd

from carnet.findings.base import (
    Finding,
    amounts,
    days,
    first_told,
    joined,
    list_names,
    shares,
    where,
)
from carnet.wording import N_, Wording

ACTION_LABELS = {
    "leave_alone": N_("leave alone (drawn at random)"), "do_not_chase": N_("do not chase"),
    "last_chance": N_("last-chance proposal"), "renegotiate": N_("renegotiate or let go"),
    "renew": N_("speak about the contract"), "rekindle": N_("rekindle"), "call": N_("call"),
    "retain": N_("act to keep"),
    "protect": N_("protect"), "wait": N_("wait: not due"),
    "develop": N_("offer a family it does not buy"), "serve": N_("serve as ever"),
}  # fmt: skip
REASON_LABELS = {
    "insolvent": N_("claims doubtful, in collection or written off"),
    "closed": N_("noted as closed, sold or in liquidation"),
    "contract_over": N_("its contract is over"),
    "unprofitable": N_("costs more than it brings, or as much"),
    "gone": N_("left already: winning it back is not worth an action"),
    "small": N_("too little to gain"),
}


def decision(w: Wording, t: pd.DataFrame) -> pd.Series:
    """The decision on each account as one short sentence."""
    label = w.each(lambda name: w._(ACTION_LABELS[name]), t.action)
    label = where((t.action == "retain") & (t.strategy == "gone"), w._("win back"), label)
    reason, at_most = _reason(w, t), t.at_most.astype(float)
    return first_told(
        (t.action == "develop", w.sentences("offer {family}", family=t.next_family)),
        (reason != "", w.sentences("{action}: {reason}", action=label, reason=reason)),
        (
            at_most > 0,
            w.sentences("{action}, at most {amount}", action=label, amount=amounts(w, at_most)),
        ),
        otherwise=label,
    )


def _reason(w: Wording, t: pd.DataFrame) -> pd.Series:
    """Why an account is not to be chased; empty for every other one."""
    return w.each(lambda name: w._(REASON_LABELS.get(name, "")), t.action_reason)


def why(w: Wording, t: pd.DataFrame) -> pd.Series:
    """What the decision on each account rests on: its gap, its chance to leave or to come
    back, its margin.
    """
    gap = t.sales_gap.astype(float)
    behind = w.sentences("{gap} behind the year before", gap=amounts(w, -gap))
    margin = w.sentences("{margin} of margin a year", margin=amounts(w, t.yearly_margin))
    parts = [
        _reason(w, t),
        where(t.action == "renew", _contract(w, t)),
        where(t.action == "develop", _to_expect(w, t)),
        where(gap < 0, behind),
        _chance(w, t),
        where(t.yearly_margin.notna(), margin),
    ]
    return joined(parts, " · ")


def _contract(w: Wording, t: pd.DataFrame) -> pd.Series:
    amount, end, notice = (
        amounts(w, t.renewal_amount),
        days(w, t.renewal_end),
        days(w, t.renewal_date),
    )
    return where(
        notice != end,
        w.sentences(
            "a contract of {amount} a year ends on {end}, notice by {notice}",
            amount=amount,
            end=end,
            notice=notice,
        ),
        w.sentences("a contract of {amount} a year ends on {end}", amount=amount, end=end),
    )


def _to_expect(w: Wording, t: pd.DataFrame) -> pd.Series:
    return w.sentences(
        "{margin} of margin to expect of it in a first year", margin=amounts(w, t.next_margin)
    )


def _chance(w: Wording, t: pd.DataFrame) -> pd.Series:
    """The chance that an account comes back, of those silent too long; of others that it leaves."""
    back, leave = shares(w, t.recoverability), shares(w, t.leave_probability)
    silent = t.action.isin(["last_chance", "leave_alone"]) & t.recoverability.notna()
    assumed = w.sentences("{share} of such customers are assumed to come back", share=back)
    seen = w.sentences("{share} of such customers came back in earlier years", share=back)
    left = w.sentences("{share} of customers this silent left within a year", share=leave)
    return first_told(
        (silent & t.value_low.isna(), assumed),  # nobody that silent was seen in earlier years
        (silent, seen),
        (t.leave_probability.notna(), left),
        otherwise="",
    )


WORDS = {"decision": "string", "why": "string"}


def worded(w: Wording, decided: pd.DataFrame) -> pd.DataFrame:
    """The decisions with their sentences: WORDS."""
    return decided.assign(decision=decision(w, decided), why=why(w, decided))


def reasons_told(w: Wording, dropped: pd.DataFrame) -> list[str]:
    """Why each account is not to be chased, in words."""
    return [w._(REASON_LABELS[name]) for name in dropped.action_reason]


def with_reasons(w: Wording, dropped: pd.DataFrame) -> pd.DataFrame:
    """The accounts not to be chased with the reason in words."""
    return dropped.assign(reason=reasons_told(w, dropped))


def not_chased(w: Wording, counts: Mapping[str, int], names: Sequence[str]) -> str:
    """Who is not to be chased, and why: accounts by reason, and the largest of them."""
    if not counts:
        return w._("Nobody is on the do-not-chase list.")
    told = [
        w._("{reason}: {count}", reason=w._(REASON_LABELS[name]), count=w.number(counts[name]))
        for name in REASON_LABELS
        if name in counts
    ]
    reasons = " · ".join(told)
    sentence = w.ngettext(
        "{count} customer is not to be chased ({reasons}).",
        "{count} customers are not to be chased ({reasons}).",
        sum(counts.values()),
        reasons=reasons,
    )
    return f"{sentence} " + w._(
        "Largest by revenue of a year: {names}.", names=list_names(w, names)
    )


def spending(w: Wording, totals: pd.Series, names: Sequence[str]) -> Finding | None:
    """What may be spent in all, on how many accounts, and what it may bring: told (accounts of
    which it is known), worth, spent, action_value; the names of the first.
    """
    if not totals.told:  # nothing tells what an action would bring
        return None
    if not totals.worth:
        return Finding(
            "budget",
            w._(
                "No account is worth more than its usual service: what an action may bring stays "
                "under its cost."
            ),
            0.0,
        )
    sentence = w.ngettext(
        "{count} account is worth an action: at most {total} ({names}), for {value} that it may "
        "bring by the assumptions stated; an experiment would tell.",
        "{count} accounts are worth an action: at most {total} in all, first of all {names}, "
        "for {value} that it may bring by the assumptions stated; an experiment would tell.",
        int(totals.worth),
        total=w.money(float(totals.spent), 0),
        names=list_names(w, names),
        value=w.money(float(totals.action_value), 0),
    )
    return Finding("budget", sentence, float(totals.spent))
