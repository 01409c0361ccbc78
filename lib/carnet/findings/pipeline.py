"""Findings of what is offered, what competitors took, and the share of wallet."""

from collections.abc import Sequence

import pandas as pd

from carnet.findings.base import Finding, list_names
from carnet.wording import Wording, unknown

OPEN_LONG = 180  # days


def open_long(t: pd.DataFrame) -> pd.DataFrame:
    """The accounts with an opportunity that has been open for more than OPEN_LONG days."""
    return t[(t.open_count > 0) & (t.oldest_days > OPEN_LONG)]


def flow(w: Wording, t: pd.DataFrame, names: Sequence[str]) -> str:
    """What is open, and what of it has been open for longer than half a year."""
    opened = t[t.open_count > 0]
    if not len(opened):
        return w._("No opportunity is open.")
    old = open_long(t)
    told = w._(
        "{count} opportunities are open with {accounts} accounts: {amount}.",
        count=w.number(opened.open_count.sum()),
        accounts=w.number(len(opened)),
        amount=w.money(opened.pipe_amount.sum(min_count=1), 0),
    )
    if not len(old):
        return told
    return f"{told} " + w.ngettext(
        "With {count} account one has been open for more than half a year ({names}).",
        "With {count} accounts one has been open for more than half a year, first of all {names}.",
        len(old),
        names=list_names(w, names),
    )


def unsold(w: Wording, t: pd.DataFrame, names: Sequence[str]) -> str:
    """Won, and nothing ordered since: a fault of the CRM, or an order to chase."""
    if not len(t):
        return ""
    return w.ngettext(
        "{count} account won {amount} by the CRM, and has ordered nothing since: to be checked "
        "({names}).",
        "{count} accounts won {amount} by the CRM, and have ordered nothing since: to be checked, "
        "first of all {names}.",
        len(t),
        amount=w.money(t.won_amount.sum(min_count=1), 0),
        names=list_names(w, names),
    )


def competitors(
    w: Wording, t: pd.DataFrame, taken: pd.DataFrame, departures: int
) -> Finding | None:
    """Who took most, as far as it is told."""
    if not len(t):
        return None
    first, accounts = t.iloc[0], taken.drop_duplicates("customer_id")  # two notes, one departure
    worth, parts = accounts.revenue.astype(float).sum(min_count=1), []
    told = dict(named=w.number(len(accounts)), all=w.number(departures))
    if len(accounts) and unknown(worth):
        parts.append(w._("{named} of {all} departures of two years name a competitor.", **told))
    elif len(accounts):
        parts.append(
            w._(
                "{named} of {all} departures of two years name a competitor: {amount}.",
                **told,
                amount=w.money(worth, 0),
            )
        )
    most = w._("Most is told of {competitor}", competitor=first.competitor)
    counts = [
        w.ngettext("{count} account", "{count} accounts", int(first.left_account_count))
        if first.left_account_count
        else "",
        w.ngettext("{count} lost offer", "{count} lost offers", int(first.lost_offer_count))
        if first.lost_offer_count
        else "",
    ]
    parts.append(f"{most} ({', '.join(filter(None, counts))}).")
    sentence = " ".join(parts)
    return Finding("competitors", sentence, 0.0 if unknown(worth) else -float(worth))


def wallet(w: Wording, t: pd.DataFrame) -> str:
    """Share of wallet then and now, and what market and share made of the change."""
    if not len(t) or not t.customer_count.iloc[0]:
        return ""
    row = t.iloc[0]
    return w._(
        "Of the potential noted with {count} accounts of both audits, {share} is bought, {then} at "
        "the last one. Of the change of {change}, the market made {market} and the share {own}.",
        count=w.number(row.customer_count),
        share=w.percent(row.share),
        then=w.percent(row.share_then),
        change=w.signed_money(row.revenue - row.revenue_then, 0),
        market=w.signed_money(row.market_effect, 0),
        own=w.signed_money(row.share_effect, 0),
    )
