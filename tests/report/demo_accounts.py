"""The account strategies and the retention plan of the demonstration company,
written out with pandas from its raw files: no line of carnet is used.
"""

import math

import numpy as np
import pandas as pd
from scipy.stats import binom

from tests.conftest import DEMO
from tests.report.demo_relations import agreements, given_up, renewable, running

AS_OF, YEAR = pd.Timestamp("2025-12-31"), pd.DateOffset(years=1)


def crm(sheet):
    return pd.read_excel(DEMO / "crm.xlsx", sheet_name=sheet, engine="calamine").rename(
        columns={"Code client": "customer"}
    )


def french(text):
    return pd.to_numeric(text.str.replace("\u00a0", "").str.replace(",", "."))


def over():
    """Customers whose agreements have all ended."""
    return set(agreements().customer) - set(running(AS_OF).index)


def orders_of(sales):
    """One row an order: customer, order, date of its first positive line, revenue."""
    positive = sales[sales.amount > 0].groupby(["customer", "order"]).date.min()
    return positive.to_frame("date").reset_index()


def silence(sales, as_of):
    """Days since the last order ÷ the mean interval, shrunk with one median interval."""
    days = sales[(sales.amount > 0) & (sales.date <= as_of)].groupby("customer").date
    first, last, count = days.min(), days.max(), days.nunique()
    span = (last - first).dt.days
    usual = (span / (count - 1))[count > 1].median()
    return (pd.Timestamp(as_of) - last).dt.days / ((span + usual) / count)


def faded(sales, year):
    """Bought in the second half of a year at most half of what it bought in the first."""
    positive = sales[(sales.amount > 0) & (sales.date.dt.year == year)]
    revenue = sales.groupby(["customer", "order"]).amount.sum()
    orders = (
        positive.groupby(["customer", "order"])
        .date.min()
        .to_frame("date")
        .join(revenue.rename("revenue"))
        .reset_index()
    )
    middle = (
        pd.Timestamp(year, 1, 1) + (pd.Timestamp(year, 12, 31) - pd.Timestamp(year, 1, 1)) / 2
    ).normalize()
    late = orders[orders.date > middle].groupby("customer").revenue.sum()
    whole = orders.groupby("customer").revenue.sum()
    share = late.reindex(whole.index).fillna(0) / whole
    return (2 * share - 1).clip(-1, 1)[whole > 0] <= -1 / 3


def margins(sales):
    """Margin rate of each customer over the last two years, and of the company."""
    recent = sales[sales.date > "2023-12-31"]
    cost = french(recent["Coût de revient"])
    own = 1 - cost.groupby(recent.customer).sum() / recent.groupby("customer").amount.sum()
    charges = pd.read_csv(DEMO / "charges.csv", sep=";", encoding="cp1252", dtype=str)
    year = charges[pd.to_datetime(charges["Début"], format="%d/%m/%Y") > "2024-12-31"]
    sums = french(year.Montant).groupby(year.Comportement).sum()
    revenue = sales[sales.date > "2024-12-31"].amount.sum()
    return own, revenue, sums


def accounts(sales):
    """One row a customer of the last two years, with its strategy and its capital."""
    now, then = (
        sales[sales.date > "2024-12-31"],
        sales[(sales.date > "2023-12-31") & (sales.date <= "2024-12-31")],
    )
    active, before = (set(part[part.amount > 0].customer) for part in (now, then))
    t = pd.DataFrame(index=sorted(active | before))
    t["active"] = t.index.isin(active)
    t["revenue"], t["previous"] = (
        part.groupby("customer").amount.sum().reindex(t.index).fillna(0) for part in (now, then)
    )
    large = t.revenue[t.revenue > 0].sort_values(ascending=False)
    larger = (large.cumsum() - large) / large.sum()
    t["classed"] = pd.Series(
        np.select([larger < 0.80, larger < 0.95], ["A", "B"], "C"), large.index
    ).reindex(t.index)
    orders = orders_of(sales)
    first, last = orders.groupby("customer").date.min(), orders.groupby("customer").date.max()
    customers = crm("Clients").set_index("customer")
    since = pd.to_datetime(customers["Client depuis"]).reindex(t.index)
    began = first.reindex(t.index)
    t["tenure"] = (AS_OF - since.where(since < began, began)).dt.days / 365.25
    month = sales.date.dt.year * 12 + sales.date.dt.month
    table = (
        sales.assign(month=month)
        .pivot_table(index="customer", columns="month", values="amount", aggfunc="sum")
        .reindex(t.index)
    )
    rolling = table.fillna(0).T.rolling(12, min_periods=1).sum().T.round(2)
    t["peak"], t["rolling"] = rolling.where(table.notna()).max(axis=1), t.revenue
    ordered = orders.assign(month=orders.date.dt.year * 12 + orders.date.dt.month)
    months = 2025 * 12 + 12 - ordered.groupby("customer").month.min().reindex(t.index) + 1
    every = ordered.groupby("customer").size().reindex(t.index)
    recent = (
        ordered[ordered.date > "2024-12-31"].groupby("customer").size().reindex(t.index).fillna(0)
    )
    luck = pd.Series(binom.cdf(recent, every, 12 / months), t.index).where(months >= 24)
    profit(t, now)
    signs(t, sales, orders, customers, last)
    fallen = (
        (t["rolling"] <= 0.5 * t["peak"])
        & (luck <= 0.05)
        & (t["peak"] >= t.revenue[t.classed.isin(["A", "B"])].min())
        & (t.active | ~t.index.isin(over()))
    )
    dear = t.active & (t.tenure >= 3) & (t.high < 0)
    t["strategy"] = np.select(
        [dear, fallen, ~t.active, t.relationship],
        ["renegotiate", "rekindle", "gone", "protect"],
        "serve",
    )
    capital(t, sales, orders, months, recent)
    t["potential"] = customers["Potentiel annuel"].reindex(t.index)
    return t


def profit(t, now):
    """Margin, cost to serve, profit and its upper end over the rates of activities."""
    _, revenue, sums = margins(now)
    activities = crm("Activités")
    activities = activities[pd.to_datetime(activities["Date"]).between("2025-01-01", AS_OF)]
    bills = receivables()
    bills = bills[bills.invoiced > "2024-12-31"]
    days = (bills.paid.fillna(AS_OF).clip(lower=bills.invoiced) - bills.invoiced).dt.days
    bought = now.groupby("customer").amount.sum()
    bought = bought[bought != 0]
    kinds = (
        activities.pivot_table(index="customer", columns="Activité", values="Coût", aggfunc="sum")
        .reindex(bought.index)
        .fillna(0)
    )
    kinds["waiting"] = (
        (bills.amount * days / 365 * 0.06)
        .groupby(bills.customer)
        .sum()
        .reindex(bought.index)
        .fillna(0)
    )
    cost = french(now["Coût de revient"]).groupby(now.customer).sum().reindex(bought.index)
    margin = bought - cost - (sums["variable"] - cost.sum()) * bought / revenue
    rates = np.random.default_rng(99).uniform(35 / 51, 67 / 51, (20_000, kinds.shape[1]))
    t["served"], t["profit"] = (
        kinds.sum(axis=1).reindex(t.index),
        (margin - kinds.sum(axis=1)).reindex(t.index),
    )
    t["high"] = pd.Series(
        np.quantile(margin.to_numpy() - rates @ kinds.to_numpy().T, 0.975, axis=0), bought.index
    ).reindex(t.index)


def receivables():
    bills = pd.read_csv(DEMO / "creances.csv", sep=";", encoding="cp1252", dtype=str)
    days = {
        new: pd.to_datetime(bills[old], format="%d/%m/%Y")
        for new, old in (("invoiced", "Date facture"), ("due", "Échéance"), ("paid", "Réglée le"))
    }
    return bills.assign(customer=bills["Code client"], amount=french(bills["Montant TTC"]), **days)


def signs(t, sales, orders, customers, last):
    """The eight signs, None where not measured, and who is a relationship."""
    now = sales[(sales.date > "2024-12-31") & (sales.amount > 0)]
    given = sales[sales.date > "2024-12-31"].groupby("customer").size().reindex(t.index).notna()
    families = now.groupby("customer").Famille.nunique().reindex(t.index) / now.Famille.nunique()
    persons = now.groupby("customer").Contact.nunique().reindex(t.index)
    t["persons"] = persons.where(given, customers["Nb contacts"].reindex(t.index)).replace(
        0, np.nan
    )
    quarters = (
        orders[orders.date > "2024-12-31"]
        .assign(q=lambda o: o.date.dt.quarter)
        .groupby("customer")
        .q.nunique()
        .reindex(t.index)
        .fillna(0)
    )
    activities = crm("Activités").assign(date=lambda a: pd.to_datetime(a["Date"]))
    calls = activities[activities["Activité"].isin(["Visite", "Appel"])]
    t["calls"] = [
        ((calls.customer == c) & (calls.date > last[c] - YEAR) & (calls.date <= last[c])).sum()
        for c in t.index
    ]
    chances = crm("Opportunités").assign(opened=lambda o: pd.to_datetime(o["Ouverte le"]))
    chances = chances[(chances.opened > "2023-12-31") & (chances.opened <= AS_OF)]
    stage = chances["Statut"].str.lower()
    won, lost = (
        chances[stage.isin(words)].groupby("customer").size().reindex(t.index).fillna(0)
        for words in (WON, LOST)
    )
    count = chances.groupby("customer").size().reindex(t.index).fillna(0)
    discount = chances.groupby("customer")["Remise"].mean().reindex(t.index)
    rate = (won / (won + lost)).where(won + lost >= 2)
    contract = running(AS_OF).reindex(t.index).notna()  # the agreements tell, not the CRM
    flow = [
        None if o >= 4 and r != r else bool(o >= 4 and r >= 0.5)
        for o, r in zip(count, rate, strict=True)
    ]
    each = [
        contract.tolist(),
        (t.tenure >= 5).tolist(),
        [None if f != f else f >= 0.75 for f in families],
        [None if p != p else p >= 3 for p in t.persons],
        (quarters >= 4).tolist(),
        (t.calls >= 12).tolist(),
        [None if d != d else d <= 0.03 for d in discount],
        flow,
    ]
    measured = np.array([[sign[k] is not None for sign in each] for k in range(len(t))]).sum(axis=1)
    shown = np.array(
        [[sign[k] is True or sign[k] is np.True_ for sign in each] for k in range(len(t))]
    ).sum(axis=1)
    t["relationship"] = (
        (shown >= 0.6 * measured - 1e-9) & t.classed.isin(["A", "B"]) & (measured >= 3)
    )


WON, LOST = ("gagnée", "gagné", "won"), ("perdue", "perdu", "lost")


def scaled(value, worst, best):
    return ((value - worst) / (best - worst)).clip(0, 1)


def axis(*parts):
    """Weighted mean of the criteria known, where they make half of the weight."""
    total, weight, whole = 0, 0, sum(part[0] for part in parts)
    for w, score in parts:
        total, weight = total + w * score.fillna(0), weight + w * score.notna()
    return (total / weight).where(weight >= whole / 2)


def capital(t, sales, orders, months, recent):
    """The four axes of b2b_distribution and their mean."""
    years = orders.assign(y=orders.date.dt.year).groupby("customer").y.nunique().reindex(t.index)
    length = np.floor((months - 1) / 12) + 1
    kept = (np.minimum(t.revenue.clip(lower=0), t.previous) / t.previous).where(t.previous > 0)
    bills = receivables()
    bills["late"] = (bills.paid.fillna(AS_OF) - bills.due).dt.days.clip(lower=0)
    year = bills[(bills.invoiced > "2024-12-31") & (bills.amount > 0)]
    owed = bills[
        (bills.amount > 0)
        & (bills.due <= AS_OF)
        & ((bills.invoiced > "2024-12-31") | bills.paid.isna())
    ]
    late = (
        (owed.amount * owed.late).groupby(owed.customer).sum()
        / owed.groupby("customer").amount.sum()
    ).reindex(t.index)
    overdue = (
        bills[bills.paid.isna() & (bills.due < AS_OF)]
        .groupby("customer")
        .amount.sum()
        .reindex(t.index)
        .fillna(0)
        .clip(lower=0)
    )
    billed = year.groupby("customer").amount.sum().reindex(t.index)
    overdue = (overdue / billed).where(billed > 0, (overdue > 0).where(overdue > 0).astype(float))
    survey = pd.read_csv(DEMO / "satisfaction.csv", dtype={"customer_id": str}).assign(
        date=lambda s: pd.to_datetime(s.date)
    )
    survey = survey[(survey.date > "2023-12-31") & (survey.kind == "csat")]
    mark = (survey.score / survey.scale).groupby(survey.customer_id).mean().reindex(t.index)
    activities = crm("Activités").assign(date=lambda a: pd.to_datetime(a["Date"]))
    complaints = activities[
        (activities["Activité"] == "Réclamation")
        & (activities.date > "2024-12-31")
        & (activities.date <= AS_OF)
    ]
    complaints = complaints.groupby("customer").size().reindex(t.index).fillna(0) / recent.where(
        recent > 0
    )
    bought = sales[(sales.date > "2024-12-31") & (sales.amount > 0)]
    families = bought.groupby("customer").Famille.nunique() / bought.Famille.nunique()
    families = families.reindex(t.index)
    axes = {
        0.30: axis(
            (0.35, scaled((years / length).where(length > 1), 0.3, 1)),
            (0.35, scaled(silence(sales, AS_OF).reindex(t.index), 6, 1.5)),
            (0.30, scaled(kept, 0.4, 1)),
            (0.20, scaled(families, 0.2, 1)),
        ),
        0.25: axis((0.6, scaled(late, 45, 0)), (0.4, scaled(overdue, 0.25, 0))),
        0.3000001: axis(
            (0.5, scaled((t.profit / t.revenue).where(t.revenue > 0), 0, 0.30)),
            (0.5, scaled(t.profit.rank(pct=True), 0, 1)),
        ),
        0.15: axis((0.7, scaled(mark, 0.4, 0.9)), (0.3, scaled(complaints, 0.10, 0))),
    }
    weights = {key: round(key, 2) for key in axes}
    total = sum(weights[key] * score.fillna(0) for key, score in axes.items())
    t["capital"] = total / sum(weights[key] * score.notna() for key, score in axes.items())


def strategies(t):
    """The figures of portfolio_audit on accounts."""
    judged = t[t.capital.notna() & (t.revenue > 0)]
    possible = t[t.potential > 0]
    return {
        **{
            f"{name}_customer_count": int((t.strategy == name).sum())
            for name in ("protect", "serve", "rekindle", "renegotiate")
        },
        "relationship_customer_count": int(t.relationship.sum()),
        "relationship_unpaid_count": int((t.relationship & (t.high < 0)).sum()),
        "single_thread_revenue": t.revenue[(t.persons == 1) & (t.revenue > 0)].sum(),
        "potential_share": possible.revenue.sum() / possible.potential.sum(),
        "customer_capital_index": (judged.capital * judged.revenue).sum() / judged.revenue.sum(),
    }


def discounted(retention):
    return sum((retention / 1.10) ** t for t in range(5))


def keeping(sales, t, spendable, held, proposed, tracked):
    """The figures of retention_plan.

    `proposed`: customers with a last-chance proposal; `held`: those drawn to be left alone;
    `tracked`: the most late.
    """
    own, revenue, sums = margins(sales)
    rate = own.reindex(t.index).fillna((revenue - sums["variable"]) / revenue)
    was = t.index.isin(set(sales[(sales.date.dt.year == 2024) & (sales.amount > 0)].customer))
    kept = (t.active & was).sum() / was.sum()
    first, last = (
        getattr(orders_of(sales).groupby("customer").date, end)().reindex(t.index)
        for end in ("min", "max")
    )
    left = was & ~t.active
    a_year = pd.Series(
        {
            c: sales[
                (sales.customer == c) & (sales.date > last[c] - YEAR) & (sales.date <= last[c])
            ].amount.sum()
            for c in t.index[left]
        }
    )
    bought = t.previous.where(~left, a_year.reindex(t.index))
    margin = bought * rate
    fresh = was & (first >= "2024-01-01")
    largest = bought[was & (bought > 0)].sort_values(ascending=False)
    good = (
        t.index.isin(largest.index[(largest.cumsum() - largest) / largest.sum() < 0.95])
        & (margin > 0)
        & ~fresh
    )
    seen = (
        last.where(left, pd.Timestamp("2024-12-31")) - first.clip(lower=pd.Timestamp("2024-01-01"))
    ).dt.days / 365.25
    lost = margin[good & left]
    ratio = (
        lost.mean()
        * discounted(math.exp(-left[good].sum() / seen[good].sum()))
        / newcomers(sales, own, (revenue - sums["variable"]) / revenue)
    )
    leaver = margin[left].mean()
    more = {"halving": (1 - kept) / 2, "points": 0.05, "relative": 0.05 * kept}
    budget, chased, dropped = decided(spendable, held, proposed, tracked)
    chances = crm("Opportunités").assign(
        opened=lambda o: pd.to_datetime(o["Ouverte le"]), stage=lambda o: o["Statut"].str.lower()
    )
    chances = chances[
        (chances.opened > "2023-12-31") & (chances.opened <= AS_OF) & chances.stage.isin(WON + LOST)
    ]
    since = pd.to_datetime(crm("Clients").set_index("customer")["Client depuis"])
    began = (
        pd.concat([orders_of(sales).groupby("customer").date.min(), since]).groupby(level=0).min()
    )
    bought = chances.customer.map(began) < chances.opened
    won = chances.stage.isin(WON)
    return {
        "replacement_ratio": ratio,
        "good_margin_lost": lost.sum(),
        **{
            f"{name}_profit_effect": extra * t.active.sum() * leaver for name, extra in more.items()
        },
        "retention_budget": budget,
        "chase_customer_count": chased,
        "do_not_chase_customer_count": dropped,
        "existing_win_rate": won[bought].mean(),
        "prospect_win_rate": won[~bought].mean(),
    }


def newcomers(sales, own, usual):
    """What a customer brings over 5 years from its first order,
    by the shares of each cohort that bought in the next year of their life.

    Newcomers have their first order after the first 106 days of the book (three usual intervals
    of 35.26 days); only whole years of life count.
    """
    orders = orders_of(sales)
    first = orders.groupby("customer").date.min()
    fresh = first[
        first > sales[sales.amount > 0].date.min() + pd.Timedelta(days=3 * usual_interval(sales))
    ]
    years = {}
    for c, begin in fresh.items():
        mine, placed = sales[sales.customer == c], orders[orders.customer == c].date
        for k in range(5):
            start, after = begin + pd.DateOffset(years=k), begin + pd.DateOffset(years=k + 1)
            if after - pd.Timedelta(days=1) <= AS_OF:
                bought = ((placed >= start) & (placed < after)).any()
                years[c, k] = (
                    bought,
                    mine.amount[(mine.date >= start) & (mine.date < after)].sum()
                    * own.get(c, usual),
                )
    stay, worth, share, level = 1.0, 0.0, 1.0, 0.0
    for k in range(5):
        at_risk = [c for c in fresh.index if (c, k) in years and (k == 0 or years[c, k - 1][0])]
        if k == 0 or len(at_risk) >= 8:
            stayed = [years[c, k] for c in at_risk if k == 0 or years[c, k][0]]
            share, level = (
                (1.0 if k == 0 else len(stayed) / len(at_risk)),
                np.mean([margin for _, margin in stayed]),
            )
        stay *= share
        worth += stay * level / 1.10**k
    return worth


def usual_interval(sales):
    """The median customer's mean number of days between two days with an order."""
    days = sales[sales.amount > 0].groupby("customer").date
    count = days.nunique()
    return ((days.max() - days.min()).dt.days / (count - 1))[count > 1].median()


def leave_rates(sales):
    """Share of customers gone a year later, by band of silence and fading,
    drawn towards the band and the whole.
    """
    rows = []
    for year in (2023, 2024):
        bought = set(sales[(sales.amount > 0) & (sales.date.dt.year == year)].customer)
        after = set(sales[(sales.amount > 0) & (sales.date.dt.year == year + 1)].customer)
        quiet, fading = silence(sales, f"{year}-12-31"), faded(sales, year)
        rows += [(band(quiet[c]), bool(fading.get(c, False)), c not in after) for c in bought]
    t = pd.DataFrame(rows, columns=["band", "fading", "left"])
    found = {}
    for edge in range(5):
        inside = t[t.band == edge]
        usual = (inside.left.sum() + 4 * t.left.mean()) / (len(inside) + 4)
        for kind in (False, True):
            part = inside[inside.fading == kind]
            found[edge, kind] = (part.left.sum() + 4 * usual) / (len(part) + 4)
    return found


def band(ratio):
    return int(np.searchsorted([1, 2, 4, 8], ratio, side="right"))


def allowed(sales, t):
    """What may be spent on each account before anything is decided:
    margin a year, most, and whether it is worth an action (chase) or not (drop).
    """
    own, revenue, sums = margins(sales)
    rate = own.reindex(t.index).fillna((revenue - sums["variable"]) / revenue)
    was = t.index.isin(set(sales[(sales.date.dt.year == 2024) & (sales.amount > 0)].customer))
    kept = (t.active & was).sum() / was.sum()
    rates, quiet, fading = leave_rates(sales), silence(sales, AS_OF), faded(sales, 2025)
    last = orders_of(sales).groupby("customer").date.max()
    rows = []
    for c, row in t.iterrows():
        bought = sales[
            (sales.customer == c) & (sales.date > last[c] - YEAR) & (sales.date <= last[c])
        ].amount.sum()
        margin = bought * rate[c] - (0 if math.isnan(row.served) else row.served)
        gone = (AS_OF - last[c]).days > 365
        regain = (
            (row["peak"] - row["rolling"]) * rate[c]
            if row.strategy == "rekindle" and row.active
            else 0.0
        )
        kind = bool(fading.get(c, False))
        save = 0.05 if gone else 0.20 * rates[band(quiet[c]), kind]
        most = min(
            save * max(margin, 0) * discounted(kept) + 0.05 * regain * discounted(kept),
            0.25 * max(margin, 0),
        )
        safe = band(quiet[c]) == 0 and not kind and not gone and not regain > 0
        chase = margin > 0 and most >= 60 and not safe
        rows.append(
            (c, margin, most, chase, not chase and (margin <= 0 or gone or not safe), row.strategy)
        )
    made = pd.DataFrame(
        rows, columns=["customer", "margin", "most", "chase", "drop", "strategy"]
    ).set_index("customer")
    noted = (
        pd.read_csv(DEMO / "departs.csv")
        .query('reason == "cessation d\'activité"')
        .groupby("customer_id")
        .date.max()
    )
    made["closed"] = [c in noted.index and last[c] <= pd.Timestamp(noted[c]) for c in made.index]
    made["closed"] |= made.index.isin(given_up())
    made["closed"] |= (made.strategy == "gone") & made.index.isin(over())
    made["renewable"] = made.index.isin(renewable())
    return made


def decided(spendable, held, proposed, tracked):
    """Budget, customers to chase and customers not to, one decision an account:
    left alone, closed, unprofitable, proposal, renegotiate, called, spent on.
    """
    total, chased, dropped = 0.0, 0, 0
    for c, row in spendable.iterrows():
        if c in held:
            continue
        if row.closed or (row.margin <= 0 and row.strategy != "renegotiate"):
            dropped += 1
        elif c in proposed:
            total, chased = total + 60, chased + 1
        elif row.strategy == "renegotiate":
            continue
        elif row["drop"]:
            dropped += 1
        elif row.chase or row.renewable or row.strategy == "rekindle" or c in tracked:
            total, chased = total + (row.most if row.chase else 0.0), chased + 1
    return total, chased, dropped
