"""The one decision an account, in words: what to do, why, and at most for how much."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from carnet.findings.base import Finding, list_names
from carnet.wording import N_, Wording, unknown

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


def reason_of(row: Mapping[str, Any]) -> str:
    """Why an account is not to be chased, as a message; empty for every other one."""
    return "" if unknown(row["action_reason"]) else REASON_LABELS.get(row["action_reason"], "")


def decision(w: Wording, row: Mapping[str, Any]) -> str:
    """The decision on an account as one short sentence."""
    action, reason = ACTION_LABELS[row["action"]], reason_of(row)
    if row["action"] == "retain" and row["strategy"] == "gone":
        action = N_("win back")
    if row["action"] == "develop":
        return w._("offer {family}", family=row["next_family"])
    label = w._(action)
    if reason:
        return w._("{action}: {reason}", action=label, reason=w._(reason))
    if not unknown(row["at_most"]) and row["at_most"] > 0:
        return w._("{action}, at most {amount}", action=label, amount=w.money(row["at_most"], 0))
    return label


def why(w: Wording, row: Mapping[str, Any]) -> str:
    """What the decision on an account rests on: its gap, its chance to leave or to come
    back, its margin.
    """
    parts = []
    reason = reason_of(row)
    if reason:
        parts.append(w._(reason))
    if row["action"] == "renew":
        told = dict(
            amount=w.money(row["renewal_amount"], 0),
            end=w.date(pd.Timestamp(row["renewal_end"]).date()),
            notice=w.date(pd.Timestamp(row["renewal_date"]).date()),
        )
        parts.append(
            w._("a contract of {amount} a year ends on {end}, notice by {notice}", **told)
            if told["notice"] != told["end"]
            else w._("a contract of {amount} a year ends on {end}", **told)
        )
    if row["action"] == "develop":
        margin = w.money(row["next_margin"], 0)
        parts.append(w._("{margin} of margin to expect of it in a first year", margin=margin))
    if not unknown(row["sales_gap"]) and row["sales_gap"] < 0:
        parts.append(w._("{gap} behind the year before", gap=w.money(-row["sales_gap"], 0)))
    if row["action"] in ("last_chance", "leave_alone") and not unknown(row["recoverability"]):
        assumed = unknown(row["value_low"])  # nobody that silent was seen in earlier years
        share = w.percent(row["recoverability"], 0)
        parts.append(
            w._("{share} of such customers are assumed to come back", share=share)
            if assumed
            else w._("{share} of such customers came back in earlier years", share=share)
        )
    elif not unknown(row["leave_probability"]):
        parts.append(
            w._(
                "{share} of customers this silent left within a year",
                share=w.percent(row["leave_probability"], 0),
            )
        )
    if not unknown(row["yearly_margin"]):
        parts.append(w._("{margin} of margin a year", margin=w.money(row["yearly_margin"], 0)))
    return " · ".join(parts)


def worded(w: Wording, decided: pd.DataFrame) -> pd.DataFrame:
    """The decisions with their sentences: decision, why."""
    rows = decided.to_dict("records")
    sentences = {
        "decision": [decision(w, row) for row in rows],
        "why": [why(w, row) for row in rows],
    }
    return decided.assign(**(sentences if rows else dict.fromkeys(sentences)))


def reasons_told(w: Wording, dropped: pd.DataFrame) -> list[str]:
    """Why each account is not to be chased, in words."""
    return [w._(REASON_LABELS[name]) for name in dropped.action_reason]


def not_chased(w: Wording, dropped: pd.DataFrame) -> str:
    """Who is not to be chased, and why."""
    if not len(dropped):
        return w._("Nobody is on the do-not-chase list.")
    counts = dropped.action_reason.value_counts()
    told = [
        w._("{reason}: {count}", reason=w._(REASON_LABELS[name]), count=w.number(counts[name]))
        for name in REASON_LABELS
        if name in counts
    ]
    reasons = " · ".join(told)
    sentence = w.ngettext(
        "{count} customer is not to be chased ({reasons}).",
        "{count} customers are not to be chased ({reasons}).",
        len(dropped),
        reasons=reasons,
    )
    largest = dropped.sort_values(["revenue", "customer_id"], ascending=[False, True])
    return f"{sentence} " + w._(
        "Largest by revenue of a year: {names}.", names=list_names(w, list(largest.name.head(3)))
    )


def spending(w: Wording, decided: pd.DataFrame) -> Finding | None:
    """What may be spent in all, on how many accounts, and what it may bring."""
    t = decided[decided.at_most > 0]
    told = decided.at_most.notna() & decided.yearly_margin.notna()
    if not told.any():  # nothing tells what an action would bring
        return None
    if not len(t):
        return Finding(
            "budget",
            w._(
                "No account is worth more than its usual service: what an action may bring stays "
                "under its cost."
            ),
            0.0,
        )
    first = t.sort_values(["at_most", "customer_id"], ascending=[False, True])
    sentence = w.ngettext(
        "{count} account is worth an action: at most {total} ({names}), for {value} that it may "
        "bring by the assumptions stated; an experiment would tell.",
        "{count} accounts are worth an action: at most {total} in all, first of all {names}, "
        "for {value} that it may bring by the assumptions stated; an experiment would tell.",
        len(t),
        total=w.money(float(t.at_most.sum()), 0),
        names=list_names(w, list(first.name.head(3))),
        value=w.money(float(t.action_value.sum()), 0),
    )
    return Finding("budget", sentence, float(t.at_most.sum()))
