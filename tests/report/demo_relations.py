"""What the agreements, disputes and recommendations of the demonstration company come to, with
pandas from its raw files: no line of carnet is used.
"""

import pandas as pd

from tests.conftest import DEMO

AS_OF = pd.Timestamp("2025-12-31")


def agreements():
    """contrats.csv with dates and the amount of a month."""
    t = pd.read_csv(DEMO / "contrats.csv", sep=";", encoding="cp1252", dtype=str)
    amount = t["Montant HT"].str.replace("\u00a0", "").str.replace(",", ".").astype(float)
    months = t["Périodicité"].map({"annuel": 12, "mensuel": 1})
    start, end = (pd.to_datetime(t[name], format="%d/%m/%Y") for name in ("Début", "Fin"))
    return t.assign(
        customer=t["Code client"], start=start, end=end, monthly=amount / months,
        notice=t["Préavis"].astype(int),
    )  # fmt: skip


def running(day):
    """What each customer's agreements bring a month, of those that run on a day."""
    t = agreements()
    there = (t.start <= day) & (t.end.isna() | (t.end >= day))
    return t[there].groupby("customer").monthly.sum()


def recurring():
    """The figures of recurring revenue, customer by customer between two year ends."""
    now, then = running(AS_OF), running(pd.Timestamp("2024-12-31"))
    after = now.reindex(then.index).fillna(0)
    return {
        "recurring_revenue": now.sum(),
        "recurring_revenue_yearly": 12 * now.sum(),
        "recurring_gross_churn_rate": (then - after).clip(lower=0).sum() / then.sum(),
        "recurring_net_churn_rate": 1 - after.sum() / then.sum(),
        "recurring_customer_churn_rate": (after == 0).mean(),
    }


def renewable():
    """Customers with an agreement that ends, or may still be ended, from the next Monday on and
    within 120 days: spoken to about it.
    """
    t = agreements()
    t = t[(t.start <= AS_OF) & (t.end > AS_OF)]
    day = t.end - pd.to_timedelta(t.notice, unit="D")
    day = day.where(day > AS_OF, t.end)
    return set(t.customer[(day >= "2026-01-05") & (day <= AS_OF + pd.Timedelta(days=120))])


def given_up():
    """Customers with an invoice in collection or written off."""
    t = pd.read_csv(DEMO / "creances.csv", sep=";", encoding="cp1252", dtype=str)
    return set(t["Code client"][t["Statut"].isin(["contentieux", "passée en perte"])])


def bridge(days):
    """Closing, expansion, contraction and churned of the month up to each of some days."""
    rows = []
    for day in pd.to_datetime(days):
        now, then = running(day), running(day - pd.offsets.MonthEnd(1))
        both = pd.DataFrame({"now": now, "then": then}).fillna(0)
        change = (both.now - both.then)[(both.now > 0) & (both.then > 0)]
        rows.append(
            {
                "closing": now.sum(),
                "expansion": change.clip(lower=0).sum(),
                "contraction": change.clip(upper=0).sum(),
                "churned": -both.then[both.now == 0].sum(),
            }
        )
    return pd.DataFrame(rows)
