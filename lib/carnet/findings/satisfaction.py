"""Findings of satisfaction: each kind of question beside the year before, and who is heard."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from carnet.findings.base import Finding, list_names
from carnet.measures.reasons.satisfaction import reweighted_value
from carnet.measures.statistics.intervals import newcombe_difference
from carnet.wording import N_, Wording, unknown

KIND_LABELS = {
    "nps": N_("Recommendation (NPS)"),
    "csat": N_("Satisfied customers (CSAT)"),
    "ces": N_("Ease (CES), mean mark"),
}


def written(w: Wording, kind: str, value: float) -> str:
    """A value in the unit of its kind: points of the NPS, per cent else."""
    return w.signed_number(100 * value) if kind == "nps" else w.percent(value, 0)


def kind(w: Wording, row: Mapping[str, Any]) -> str:
    """One kind of question: where it stands, and whether it moved."""
    name = row["kind"]
    told = dict(
        label=w._(KIND_LABELS[name]),
        value=written(w, name, row["value"]),
        interval=_ends(w, name, row["value_low"], row["value_high"]),
        count=w.number(row["answer_count"]),
    )
    if unknown(row["change_low"]):
        return w._("{label}: {value}{interval}, {count} customers.", **told)
    told["before"] = written(w, name, row["value_previous"])
    if row["change_low"] > 0:
        return w._(
            "{label}: {value}{interval}, {count} customers; better than the {before} of the year "
            "before.",
            **told,
        )
    if row["change_high"] < 0:
        return w._(
            "{label}: {value}{interval}, {count} customers; worse than the {before} of the year "
            "before.",
            **told,
        )
    return w._(
        "{label}: {value}{interval}, {count} customers; {before} the year before, which the "
        "answers do not tell apart.",
        **told,
    )


def _ends(w: Wording, name: str, low: float, high: float) -> str:
    if unknown(low):
        return ""
    return f" {w.between(written(w, name, low), written(w, name, high))}"


def heard(w: Wording, groups: pd.DataFrame, asked: str) -> str:
    """What all customers would say, were each class heard alike."""
    own, every = reweighted_value(groups)
    if unknown(every):
        return ""
    return _apart(w, groups, asked) + w._(
        "Of the customers of the last 12 months those heard say {own}; were each class of revenue "
        "heard as much as its customers count, {every}. Who did not answer may think otherwise.",
        own=written(w, asked, own),
        every=written(w, asked, every),
    )


def _apart(w: Wording, groups: pd.DataFrame, asked: str) -> str:
    """The largest and the smallest customers, where their answers are told apart."""
    t = groups.set_index("group")
    if asked != "csat" or not {"A", "C"} <= set(t.index):
        return ""
    counts = (t.response_count * t.value).round()
    low, high = newcombe_difference(
        counts["A"], t.response_count["A"], counts["C"], t.response_count["C"]
    )
    if low <= 0 <= high:
        return ""
    told = dict(
        large=written(w, asked, t.value["A"]),
        small=written(w, asked, t.value["C"]),
        interval=w.between(w.signed_number(100 * low), w.signed_number(100 * high)),
    )
    sentence = w._(
        "Class A says {large}, class C {small}: a difference of {interval} points.", **told
    )
    return f"{sentence} "


def promoters_left(w: Wording, left: pd.DataFrame, names: Sequence[str]) -> Finding:
    """Who would have recommended the company, and left."""
    worth = float(left.revenue_previous.sum())
    sentence = w.ngettext(
        "{count} promoter of the year before left all the same: {amount} ({names}).",
        "{count} promoters of the year before left all the same: {amount}, first of all {names}.",
        len(left),
        amount=w.money(worth, 0),
        names=list_names(w, names),
    )
    return Finding("promoters_left", sentence, -worth)
