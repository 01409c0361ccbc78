"""Findings of disputes: what is stuck, and what comes back of unpaid amounts."""

from collections.abc import Sequence

import pandas as pd

from carnet.findings.base import Finding, list_names
from carnet.wording import N_, Wording

CLAIM_LABELS = {
    "411": N_("411 Customers, balance at the end"),
    "416": N_("416 Doubtful customers, balance at the end"),
    "491": N_("491 Impairment of claims, balance at the end"),
    "654": N_("654 Losses on claims of the year"),
    "7714": N_("7714 Claims written off that came back in the year"),
}
STATE_WORDS = {
    "past_due": N_("past due"),
    "disputed": N_("disputed"),
    "collection": N_("in collection"),
    "written_off": N_("written off"),
    "came_back": N_("recovered in 12 months"),
}
FEW = 10  # invoices, below which no share of them is told


def stuck(w: Wording, states: pd.DataFrame) -> Finding | None:
    """What is disputed or in collection, beside what is merely late and what is lost."""
    t = states.set_index("state")
    if not len(t):
        return None
    parts = [
        w.ngettext(
            "{state}: {count} invoice, {amount}",
            "{state}: {count} invoices, {amount}",
            int(row.invoice_count),
            state=w._(STATE_WORDS[str(name)]),
            amount=w.money(row.amount, 0),
        )
        for name, row in t.iterrows()
    ]
    at_stake = float(t.amount.drop(["came_back", "written_off"], errors="ignore").sum())
    sentence = w.semicolons(parts)
    return Finding("stuck_invoices", f"{sentence[0].upper()}{sentence[1:]}.", -at_stake)


def complaints(w: Wording, states: pd.DataFrame, oldest: Sequence[str]) -> str:
    """How many complaints are closed and how fast; how many wait, and for whom longest."""
    t, parts = states.set_index("state"), []
    if "closed" in t.index:
        row = t.loc["closed"]
        parts.append(
            w.ngettext(
                "{count} complaint of the last 12 months is closed",
                "{count} complaints of the last 12 months are closed",
                int(row.complaint_count),
            )
        )
        if row.timed_count == row.complaint_count > 1:
            parts[-1] += w._(", half of them within {days} days", days=w.number(row.median_days))
    if "open" in t.index:
        row = t.loc["open"]
        waiting = w.ngettext(
            "{count} complaint is open, for {days} days",
            "{count} complaints are open, the oldest for {days} days",
            int(row.complaint_count),
            days=w.number(row.longest_days),
        )
        named = w._("{told}: {names}", told=waiting, names=list_names(w, oldest))
        parts.append(named if oldest else waiting)
    return w.semicolons(parts) + "." if parts else ""


def recovered(w: Wording, t: pd.DataFrame) -> str:
    """What comes back of amounts unpaid three months after they were due."""
    row = t.set_index("age").loc[90]
    if row.invoice_count < FEW:
        return ""
    return w._(
        "Of {count} invoices unpaid 90 days after they were due, {rate} {interval} were paid in "
        "the 90 days that followed: {share} of their amount.",
        count=w.number(row.invoice_count),
        rate=w.percent(row.recovery_rate, 0),
        interval=w.between(w.percent(row.recovery_low, 0), w.percent(row.recovery_high, 0)),
        share=w.percent(row.recovered_share, 0),
    )


def claim_labels(w: Wording, accounts: pd.Series) -> list[str]:
    """What the groups of accounts of claims hold."""
    return [w._(CLAIM_LABELS[account]) for account in accounts]
