"""Families of products account by account: what was bought when, for how much, at which price."""

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import scipy

from carnet.engagement.periods import Periods
from carnet.measures.indicators.control_limits import yearly_noise
from carnet.measures.register import measure
from carnet.measures.statistics.intervals import wilson_interval
from carnet.wording import N_

LEAST_CUSTOMERS = 5  # of a cell, below which it is left blank
MOST_FAMILIES = 4  # customers with more families are counted with those
MONTHS = 12
EVEN = 0.005  # of a price, by which it moves at least
PRICES = {"customer_id": "string", "family": "string"} | dict.fromkeys(
    ("revenue", "price", "price_previous", "price_change", "price_effect"), "float64"
)
Z = 1.959964


@measure(N_("Families of each account, in the last 12 months and before"))
def family_years(sales: ir.Table, family: str, periods: Periods) -> ir.Table:
    """What each customer bought of each family, in the last 12 months and in the 12 before.

    Formula     revenue = Σ amount of the lines of the 12 months, credit notes deducted; bought =
                a positive line in them; owned_before = a positive line up to their start
    Unit        currency; quantities in the client's own units
    Population  one row a customer and family with a line up to the audit date; lines that name no
                family are left out
    Undefined   quantity and margin are NULL where no line of the 12 months tells one; revenue is 0
                without a line
    Source      definition of the workbook

    Columns     customer_id, family, revenue, revenue_previous, bought, bought_previous,
                owned_before, quantity, quantity_previous, margin
    """
    year = periods.yearly
    t = sales.mutate(family=sales[family], audit_month=year.audit_month(sales.date))
    t = t.mutate(month=t.date.truncate("M"))
    t = t.filter(t.family.notnull() & (t.audit_month >= 0))
    now, before = year.in_current(t), year.in_previous(t)
    amount, sold = t.amount.cast("float64"), t.amount > 0
    told: dict[str, ir.Value] = {}
    if "quantity" in sales.columns:
        units = t.quantity.cast("float64")
        told |= {
            "quantity": units.sum(where=now),
            "quantity_previous": units.sum(where=before),
        }
    if "estimated_cost" in sales.columns:
        told["margin"] = (amount - t.estimated_cost.cast("float64")).sum(where=now)
    sums = t.group_by("customer_id", "family").agg(
        revenue=amount.sum(where=now).fill_null(0.0),  # no line in a year: nothing was bought
        revenue_previous=amount.sum(where=before).fill_null(0.0),
        bought=(sold & now).any(),
        bought_previous=(sold & before).any(),
        owned_before=(sold & ~now).any(),
        **told,
    )
    return sums.order_by("customer_id", "family")


@measure(N_("Revenue of each family, month by month"))
def family_months(sales: ir.Table, family: str, periods: Periods) -> ir.Table:
    """Revenue of each family in each of the last 12 audit months.

    Formula     revenue = Σ amount of the lines of the month, credit notes deducted
    Unit        currency
    Population  one row a family and audit month with a line; lines that name no family are left out
    Undefined   never: a month without a line has no row
    Source      definition of the workbook

    Columns     family, audit_month, revenue
    """
    year = periods.yearly
    t = sales.mutate(family=sales[family], audit_month=year.audit_month(sales.date))
    t = t.mutate(month=t.date.truncate("M"))
    t = t.filter(t.family.notnull() & year.in_current(t))
    sums = t.group_by("family", "audit_month").agg(revenue=t.amount.cast("float64").sum())
    return sums.order_by("family", "audit_month")


@measure(N_("Revenue of each family, with the interval of its months"))
def family_ranges(months: pd.DataFrame) -> pd.DataFrame:
    """95 % interval of the yearly revenue of each family, from the swings of its months.

    Formula     Σ revenue ± 1.96 × `control_limits.yearly_noise` of the 12 months, a month without a
                row counted as 0
    Unit        currency
    Population  one row a family of `months`; to be asked where the sales cover the 12 months
    Undefined   never: a family without a line in a month that is covered brought nothing in it
    Source      D. J. Wheeler, Understanding Variation, 2nd ed. 2000 (noise from the moving range)

    Parameters  months: `family_months`
    Columns     family, revenue, low, high
    """
    wide = months.pivot(index="family", columns="audit_month", values="revenue")
    wide = wide.reindex(columns=range(MONTHS)).astype(float).fillna(0.0)
    t = wide.sum(axis=1).rename("revenue").reset_index()
    noise = np.array([yearly_noise(row) for _, row in wide.iterrows()], dtype=float)
    return t.assign(low=t.revenue - Z * noise, high=t.revenue + Z * noise)


@measure(N_("Retention by number of families bought"))
def loyalty_by_families(pairs: ir.Table, movement: ir.Table) -> pd.DataFrame:
    """Share of last year's customers that bought again, by how many families they bought.

    Formula     kept_count ÷ opening_count of the customers with so many families in the 12 months
                before the last 12, Wilson interval
    Unit        counts; rates 0 to 1
    Population  customers kept or lost (method §1); those of MOST_FAMILIES families or more together
    Undefined   rates are NaN under LEAST_CUSTOMERS customers
    Source      source D of the method (loyalty by number of families); interval: E. B. Wilson,
                JASA, 1927. Who buys more families buys more in all, too: no cause is shown

    Parameters  pairs: `family_years`; movement: customer_id, status
    Columns     family_count, opening_count, kept_count, retention_rate, retention_low,
                retention_high
    """
    bought = pairs.filter(pairs.bought_previous)
    counts = bought.group_by("customer_id").agg(families=bought.count())
    t = movement.filter(movement.status.isin(["kept", "lost"])).select("customer_id", "status")
    t = t.join(counts, "customer_id")
    t = t.mutate(family_count=ibis.least(t.families, MOST_FAMILIES), kept=t.status == "kept")
    t = t.group_by("family_count").agg(opening_count=t.count(), kept_count=t.kept.sum())
    return _with_rates(t.order_by("family_count").execute(), "kept_count", "opening_count",
                       "retention")  # fmt: skip


def _with_rates(t: pd.DataFrame, hits: str, count: str, name: str) -> pd.DataFrame:
    """Rows with the rate of hits and its Wilson interval: name_rate, name_low, name_high; NaN under
    LEAST_CUSTOMERS.
    """
    known = t[count] >= LEAST_CUSTOMERS
    ends = [
        wilson_interval(int(hit), int(of)) if told else (np.nan, np.nan)
        for hit, of, told in zip(t[hits], t[count], known, strict=True)
    ]
    low, high = np.array(ends, dtype=float).reshape(-1, 2).T
    rate = (t[hits] / t[count]).where(known)
    return t.assign(**{f"{name}_rate": rate, f"{name}_low": low, f"{name}_high": high})


@measure(N_("Contracts attached to what was sold, by family"))
def contract_attachment(pairs: ir.Table, holders: ir.Table) -> pd.DataFrame:
    """Of the customers that bought each family in 24 months, how many are under contract.

    Formula     attached_count ÷ customer_count, Wilson interval
    Unit        counts; rates 0 to 1; currency
    Population  one row a family; customers with a positive line of it in the last 24 months;
                open_revenue: what those without a contract bought of it in the last 12
    Undefined   rate and interval are NaN under LEAST_CUSTOMERS customers
    Source      source D of the method (maintenance and contracts attached to what was sold);
                interval: E. B. Wilson, JASA, 1927

    Parameters  pairs: `family_years`; holders: customer_id of customers with a running contract
    Columns     family, customer_count, attached_count, attachment_rate, attachment_low,
                attachment_high, open_revenue; largest open_revenue first
    """
    t = pairs.filter(pairs.bought | pairs.bought_previous)
    t = t.mutate(held=t.customer_id.isin(holders.customer_id))
    t = t.group_by("family").agg(
        customer_count=t.count(),
        attached_count=t.held.sum(),
        open_revenue=t.revenue.sum(where=~t.held).fill_null(0.0),
    )
    found = t.order_by(ibis.desc("open_revenue"), "family").execute()
    columns = (
        "family customer_count attached_count attachment_rate attachment_low attachment_high "
        "open_revenue"
    )
    return _with_rates(found, "attached_count", "customer_count", "attachment")[columns.split()]


@measure(N_("Share of customers that buy each family, by group"))
def penetration(pairs: ir.Table, groups: ir.Table) -> pd.DataFrame:
    """Share of the customers of each group that bought each family in the last 12 months.

    Formula     buyer_count ÷ customer_count
    Unit        counts; shares 0 to 1
    Population  one row a group and family; customer_count counts customers of the group that bought
                any family in the last 12 months
    Undefined   penetration_rate is NaN in groups under LEAST_CUSTOMERS customers
    Source      source D of the method (penetration of the offers)

    Parameters  pairs: `family_years`; groups: customer_id, group
    Columns     group, family, customer_count, buyer_count, penetration_rate
    """
    bought = pairs.filter(pairs.bought).join(groups, "customer_id")
    sizes = bought.group_by("group").agg(count=bought.customer_id.nunique())
    buyers = bought.group_by("group", "family").agg(count=bought.customer_id.nunique())
    sizes = sizes.execute().set_index("group")["count"].sort_index()
    counts = buyers.execute().set_index(["group", "family"])["count"]
    families = sorted(counts.index.unique("family"))
    cells = pd.MultiIndex.from_product([sizes.index, families], names=["group", "family"])
    t = counts.reindex(cells, fill_value=0).rename("buyer_count").reset_index()
    t["customer_count"] = t.group.map(sizes).astype(int)
    rate = t.buyer_count / t.customer_count
    t["penetration_rate"] = rate.where(t.customer_count >= LEAST_CUSTOMERS)
    return t[["group", "family", "customer_count", "buyer_count", "penetration_rate"]]


@measure(N_("Mean price of each family, account by account, beside the year before"))
def price_moves(pairs: ir.Table) -> ir.Table:
    """How the mean price that an account pays for a family moved: trading up or down.

    Formula     price = revenue ÷ quantity; price_change = price ÷ price_previous − 1; price_effect
                = quantity × (price − price_previous)
    Unit        currency; a rate
    Population  one row a customer and family with revenue and quantity above 0 in both years
    Undefined   never in the population: without quantities the table is empty
    Source      source D of the method (montée en gamme). A dearer mean price is another
                mix, another list price or a smaller discount: which one, the lines tell

    Columns     customer_id, family, revenue, price, price_previous, price_change, price_effect
    """
    if "quantity" not in pairs.columns:
        return pairs.limit(0).select(**{name: ibis.null(kind) for name, kind in PRICES.items()})
    years = ("revenue", "revenue_previous", "quantity", "quantity_previous")
    t = pairs.filter(*(pairs[name] > 0 for name in years))
    price, before = t.revenue / t.quantity, t.revenue_previous / t.quantity_previous
    moves = t.select(
        "customer_id",
        "family",
        "revenue",
        price=price,
        price_previous=before,
        price_change=price / before - 1,
        price_effect=t.quantity * (price - before),
    )
    return moves.order_by("customer_id", "family")


@measure(N_("Families bought dearer or cheaper than the year before"))
def price_by_family(moves: ir.Table) -> pd.DataFrame:
    """How many accounts pay more and how many less for each family, and what it makes.

    Formula     dearer_count, cheaper_count = accounts whose price moved by more than half of a per
                cent; median_change = median price_change; price_effect = Σ price_effect; p_value
                of the two-sided sign test of dearer against cheaper
    Unit        counts; rates; currency; a probability
    Population  one row a family of `price_moves`
    Undefined   median_change and p_value are NaN under LEAST_CUSTOMERS accounts
    Source      sign test: W. J. Dixon and A. M. Mood, JASA, 1946

    Columns     family, customer_count, dearer_count, cheaper_count, median_change, price_effect,
                p_value
    """
    t = moves.group_by("family").agg(
        customer_count=moves.count(),
        dearer_count=(moves.price_change > EVEN).sum(),
        cheaper_count=(moves.price_change < -EVEN).sum(),
        median_change=moves.price_change.quantile(0.5),
        price_effect=moves.price_effect.sum(),
    )
    t = t.order_by(t.price_effect.abs().desc(), "family").execute()
    known = t.customer_count >= LEAST_CUSTOMERS
    signs = [
        scipy.stats.binomtest(int(up), int(up + down)).pvalue if told and up + down else np.nan
        for up, down, told in zip(t.dearer_count, t.cheaper_count, known, strict=True)
    ]
    p_value = np.array(signs, dtype=float)
    return t.assign(median_change=t.median_change.where(known), p_value=p_value)
