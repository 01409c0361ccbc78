"""Cells written from several columns of a row: a share with its interval,
what was made of what was planned.

A table that shows such a field holds the numbers; the cell is written here, once for all tables.
"""

from collections.abc import Callable, Mapping
from typing import Any

from carnet.findings import satisfaction
from carnet.wording import Wording, unknown

Cell = Callable[[Wording, Mapping[str, Any]], str]
DASH = "–"


def share_range(name: str, decimals: int = 1) -> Cell:
    """A share and its interval (NAME_low, NAME_high); a dash where no interval is known."""

    def written(w: Wording, row: Mapping[str, Any]) -> str:
        if unknown(row[f"{name}_low"]):
            return DASH
        return f"{w.percent(row[name], decimals)} {share_ends(w, row, name)}"

    return written


def share_maybe_range(name: str, ends: str = "") -> Cell:
    """A share and its interval if there is one (ENDS_low, ENDS_high);
    a dash where the share is unknown.
    """

    def written(w: Wording, row: Mapping[str, Any]) -> str:
        if unknown(row[name]):
            return DASH
        known = not unknown(row[f"{ends or name}_low"])
        return w.percent(row[name], 0) + (f" {share_ends(w, row, ends or name)}" if known else "")

    return written


def _kind_range(w: Wording, row: Mapping[str, Any]) -> str:
    """The value of a kind of question with its interval, in the unit of the kind."""
    value, low, high = (
        satisfaction.written(w, row["kind"], row[name])
        for name in ("value", "value_low", "value_high")
    )
    return value if unknown(row["value_low"]) else f"{value} {w.between(low, high)}"


def _kind_change(w: Wording, row: Mapping[str, Any]) -> str:
    """Its change in points, with its interval."""
    if unknown(row["change_low"]):
        return DASH
    value, low, high = (
        w.signed_number(100 * row[name]) for name in ("change", "change_low", "change_high")
    )
    return f"{value} {w.between(low, high)}"


def share_ends(w: Wording, row: Mapping[str, Any], name: str) -> str:
    """The ends of an interval of shares."""
    return w.between(w.percent(row[f"{name}_low"], 0), w.percent(row[f"{name}_high"], 0))


def money_ends(name: str) -> Cell:
    """The ends of an interval of money; a dash where it is unknown."""

    def written(w: Wording, row: Mapping[str, Any]) -> str:
        low, high = row[f"{name}_low"], row[f"{name}_high"]
        if unknown(low):
            return DASH
        return w.between(w.signed_money(low, 0), w.signed_money(high, 0))

    return written


def _rebound(w: Wording, row: Mapping[str, Any]) -> str:
    told = w.percent(row["rebound_share"], 0)
    return told if unknown(row["rebound_low"]) else f"{told} {share_ends(w, row, 'rebound')}"


def _expected_rebound(w: Wording, row: Mapping[str, Any]) -> str:
    share = row["rebound_share"]
    return DASH if unknown(share) else w.money(-row["sales_gap"] * share, 0)


def _lift_range(w: Wording, row: Mapping[str, Any]) -> str:
    low, lift, high = (w.number(row[name], 1) for name in ("lift_low", "lift", "lift_high"))
    return lift if unknown(row["lift_low"]) else f"{lift} {w.between(low, high)}"


def _expected_range(w: Wording, row: Mapping[str, Any]) -> str:
    if unknown(row["expected_margin"]):
        return DASH
    low, told, high = (w.money(row[f"expected_{name}"], 0) for name in ("low", "margin", "high"))
    return f"{told} {w.between(low, high)}"


def _classes(w: Wording, row: Mapping[str, Any]) -> str:
    then, now = (DASH if unknown(c) else c for c in (row["abc_class_previous"], row["abc_class"]))
    return f"{then} → {now}"


def _silence(w: Wording, row: Mapping[str, Any]) -> str:
    now, usual = (w.number(row[c], 1) for c in ("months_since_last_order", "rhythm_months"))
    return f"{now} ({usual})"


def _contacts_made(w: Wording, row: Mapping[str, Any]) -> str:
    return f"{w.number(row['noted_contact_count'])} / {w.number(row['planned_contact_count'])}"


def _band(w: Wording, row: Mapping[str, Any]) -> str:
    """A band of silence from its lower end to the next one's; the last one is open."""
    if unknown(row["band_end"]):
        return w._("{low} and more", low=w.number(row["band"], 0))
    return w._("{low} to {high}", low=w.number(row["band"]), high=w.number(row["band_end"]))


def bounds(name: str) -> Cell:
    """The bounds of a share."""
    return lambda w, row: share_ends(w, row, name)


def _core_bounds(w: Wording, row: Mapping[str, Any]) -> str:
    return DASH if row["bound_low"] == row["bound_high"] else share_ends(w, row, "bound")


def _gap_range(w: Wording, row: Mapping[str, Any]) -> str:
    gap, low, high = (w.number(100 * row[name], 0) for name in ("gap", "gap_low", "gap_high"))
    return f"{gap} {w.between(low, high)}"


def _share_of_count(name: str) -> Cell:
    return lambda w, row: f"{w.percent(row[f'{name}_share'], 0)} ({w.number(row[f'{name}_count'])})"


def _auc_range(w: Wording, row: Mapping[str, Any]) -> str:
    auc, low, high = (w.number(row[name], 2) for name in ("auc", "auc_low", "auc_high"))
    return f"{auc} {w.between(low, high)}"


WRITTEN: dict[str, Cell] = {
    "classes": _classes,
    "silence": _silence,
    "contacts_made": _contacts_made,
    "late_range": share_range("late_share"),
    "shrunk_range": share_range("shrunk_share"),
    "rebound_range": _rebound,
    "expected_rebound": _expected_rebound,
    "win_range": share_maybe_range("win_rate", "win"),
    "share_range": share_maybe_range("share"),
    "revenue_range": share_maybe_range("revenue_share"),
    "quoted_range": share_maybe_range("share_of_quoted"),
    "ours_range": share_maybe_range("ours_share", "ours"),
    "response_range": share_maybe_range("response_rate", "response"),
    "reweighted_range": share_maybe_range("reweighted_share", "reweighted"),
    "importance_range": share_maybe_range("importance"),
    "performance_range": share_maybe_range("performance"),
    "leaving_range": share_maybe_range("leaving_rate", "leaving"),
    "core_range": share_maybe_range("share"),
    "seen_range": share_maybe_range("seen"),
    "leave_range": share_maybe_range("seen", "leave"),
    "fading_told": lambda w, row: w._("yes") if row["fading"] else w._("no"),
    "incidence_range": share_maybe_range("incidence"),
    "bounds": bounds("bound"),
    "core_bounds": _core_bounds,
    "customer_range": _share_of_count("customer"),
    "salesperson_range": _share_of_count("salesperson"),
    "gap_range": _gap_range,
    "auc_range": _auc_range,
    "brier_pair": lambda w, row: f"{w.number(row['brier'], 3)} / {w.number(row['brier_base'], 3)}",
    "slope": lambda w, row: w.number(row["calibration_slope"], 2),
    "band_range": _band,
    "back_range": lambda w, row: share_ends(w, row, "back_rate"),
    "profit_range": lambda w, row: w.between(
        w.money(row["profit_low"], 0), w.money(row["profit_high"], 0)
    ),
    "value_range": money_ends("value"),
    "outcome_range": share_maybe_range("share"),
    "lift_range": _lift_range,
    "expected_range": _expected_range,
    "retention_range": share_maybe_range("retention_rate", "retention"),
    "kind_range": _kind_range,
    "kind_change_range": _kind_change,
    "kind_value": lambda w, row: (
        DASH if unknown(row["value"]) else satisfaction.written(w, row["kind"], row["value"])
    ),
    "heard_range": share_maybe_range("response_rate", "response"),
    "recovery_range": share_maybe_range("recovery_rate", "recovery"),
    "event_range": share_maybe_range("share"),
    "attachment_range": share_maybe_range("attachment_rate", "attachment"),
    "again_range": share_maybe_range("again_rate", "again"),
}
