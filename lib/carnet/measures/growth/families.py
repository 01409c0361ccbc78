"""Families of products account by account: what was bought when, for how much, at which price."""

from collections.abc import Collection

import ibis.expr.types as ir
import numpy as np
import pandas as pd

from carnet.engagement.periods import Periods
from carnet.measures.indicators.control_limits import yearly_noise
from carnet.measures.register import measure
from carnet.measures.statistics.intervals import wilson_interval
from carnet.wording import N_

LEAST_CUSTOMERS = 5  # of a cell, below which it is left blank
MOST_FAMILIES = 4  # customers with more families are counted with those
MONTHS = 12
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
def loyalty_by_families(pairs: pd.DataFrame, movement: pd.DataFrame) -> pd.DataFrame:
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
    counts = pairs[pairs.bought_previous.astype(bool)].groupby("customer_id").size()
    t = movement[movement.status.isin(["kept", "lost"])]
    t = t.assign(family_count=t.customer_id.map(counts)).dropna(subset="family_count")
    t["family_count"] = t.family_count.clip(upper=MOST_FAMILIES).astype(int)
    rows = []
    for count, part in t.groupby("family_count"):
        kept, opening = int((part.status == "kept").sum()), len(part)
        told = opening >= LEAST_CUSTOMERS
        low, high = wilson_interval(kept, opening) if told else (np.nan, np.nan)
        rate = kept / opening if told else np.nan
        rows.append((count, opening, kept, rate, low, high))
    columns = "family_count opening_count kept_count retention_rate retention_low retention_high"
    return pd.DataFrame(rows, columns=columns.split())


@measure(N_("Contracts attached to what was sold, by family"))
def contract_attachment(pairs: pd.DataFrame, holders: Collection[str]) -> pd.DataFrame:
    """Of the customers that bought each family in 24 months, how many are under contract.

    Formula     attached_count ÷ customer_count, Wilson interval
    Unit        counts; rates 0 to 1; currency
    Population  one row a family; customers with a positive line of it in the last 24 months;
                open_revenue: what those without a contract bought of it in the last 12
    Undefined   rate and interval are NaN under LEAST_CUSTOMERS customers
    Source      source D of the method (maintenance and contracts attached to what was sold);
                interval: E. B. Wilson, JASA, 1927

    Parameters  pairs: `family_years`; holders: customers with a running contract
    Columns     family, customer_count, attached_count, attachment_rate, attachment_low,
                attachment_high, open_revenue; largest open_revenue first
    """
    t = pairs[(pairs.bought | pairs.bought_previous).astype(bool)]
    t, rows = t.assign(held=t.customer_id.isin(set(holders))), []
    for family, part in t.groupby("family"):
        held, count = int(part.held.sum()), len(part)
        told = count >= LEAST_CUSTOMERS
        low, high = wilson_interval(held, count) if told else (np.nan, np.nan)
        rate = held / count if told else np.nan
        rows.append((family, count, held, rate, low, high, part.revenue[~part.held].sum()))
    columns = (
        "family customer_count attached_count attachment_rate attachment_low attachment_high "
        "open_revenue"
    )
    found = pd.DataFrame(rows, columns=columns.split())
    order = ["open_revenue", "family"]
    return found.sort_values(order, ascending=[False, True], ignore_index=True)


@measure(N_("Share of customers that buy each family, by group"))
def penetration(pairs: pd.DataFrame, groups: pd.DataFrame) -> pd.DataFrame:
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
    bought = pairs[pairs.bought.astype(bool)].merge(groups, on="customer_id")
    sizes = bought.groupby("group").customer_id.nunique()
    counts = bought.groupby(["group", "family"]).customer_id.nunique()
    cells = pd.MultiIndex.from_product(
        [sizes.index, sorted(bought.family.unique())], names=["group", "family"]
    )
    t = counts.reindex(cells, fill_value=0).rename("buyer_count").reset_index()
    t["customer_count"] = t.group.map(sizes).astype(int)
    rate = t.buyer_count / t.customer_count
    t["penetration_rate"] = rate.where(t.customer_count >= LEAST_CUSTOMERS)
    return t[["group", "family", "customer_count", "buyer_count", "penetration_rate"]]


@measure(N_("Mean price of each family, account by account, beside the year before"))
def price_moves(pairs: pd.DataFrame) -> pd.DataFrame:
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
    columns = ["customer_id", "family", "revenue"]
    made = ["price", "price_previous", "price_change", "price_effect"]
    if "quantity" not in pairs:
        return pd.DataFrame(columns=[*columns, *made])
    sold = (pairs[["revenue", "revenue_previous", "quantity", "quantity_previous"]] > 0).all(axis=1)
    t = pairs[sold]
    price, before = t.revenue / t.quantity, t.revenue_previous / t.quantity_previous
    return t[columns].assign(
        price=price,
        price_previous=before,
        price_change=price / before - 1,
        price_effect=t.quantity * (price - before),
    )


@measure(N_("Families bought dearer or cheaper than the year before"))
def price_by_family(moves: pd.DataFrame) -> pd.DataFrame:
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
    from scipy.stats import binomtest

    rows = []
    for family, part in moves.groupby("family"):
        up, down = int((part.price_change > 0.005).sum()), int((part.price_change < -0.005).sum())
        told = len(part) >= LEAST_CUSTOMERS
        p_value = binomtest(up, up + down).pvalue if told and up + down else np.nan
        median = part.price_change.median() if told else np.nan
        effect = float(part.price_effect.sum())
        rows.append((family, len(part), up, down, median, effect, p_value))
    columns = "family customer_count dearer_count cheaper_count median_change price_effect p_value"
    t = pd.DataFrame(rows, columns=columns.split())
    return t.sort_values("price_effect", ascending=False, key=abs, ignore_index=True)
