"""The gap list: each customer's revenue against the same months a year earlier,
and what order counts alone would produce.

Source: method of the workbook §2 B ("not a ratio: a list of names"). The p-value is the conditional
test of two Poisson counts (J. Przyborowski & H. Wilenski, Biometrika 31 (1940) 313-323); several
at once: Y. Benjamini & Y. Hochberg, JRSS B 57 (1995) 289-300.
"""

import math
from collections.abc import Mapping, Sequence

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy

from carnet.engagement.periods import Periods
from carnet.errors import CarnetError, nearest
from carnet.measures.portfolio.movement import customer_movement
from carnet.measures.register import Figure, measure
from carnet.wording import N_

ORDERS = {"amount": ["sales_gap", "customer_id"], "rate": ["gap_rate", "sales_gap", "customer_id"]}


@measure(N_("Revenue of each customer against the same months a year earlier"))
def sales_gaps(
    cube: ir.Table, periods: Periods, months: Sequence[int], rhythm: ir.Table | None = None
) -> ir.Table:
    """Revenue of each customer against the same months a year earlier, largest loss first.

    Formula     sales_gap = revenue − revenue_previous, rounded to the cent, over the audit months
                in `months` (0 = the one that ends on as_of) on both sides; gap_rate = gap ÷
                revenue_previous
    Unit        currency, counts; gap_rate as a ratio
    Population  one row a customer with a revenue other than 0, to the cent, in either period,
                credit notes included
    Undefined   gap_rate is NULL where revenue_previous is not positive
    Source      source B of the method; definition of the workbook (method §1)

    Parameters  rhythm: `defection.order_rhythm` at the audit date, to tell who is not due
    Columns     customer_id, status (as `customer_movement`, over the same months), revenue,
                revenue_previous, sales_gap, gap_rate (÷ revenue_previous; NULL where that is not
                positive), order_count, order_count_previous
    """
    if len(months) < periods.month_count:
        compared = periods.in_current(cube) | periods.in_previous(cube)
        cube = cube.filter(~compared | (cube.audit_month % 12).isin(list(months)))
    t = customer_movement(cube, periods, rhythm)
    t = t.filter((t.revenue.round(2) != 0) | (t.revenue_previous.round(2) != 0))
    return t.select(
        "customer_id",
        "status",
        "revenue",
        "revenue_previous",
        sales_gap=t.sales_gap.round(2),
        gap_rate=(t.revenue_previous > 0).ifelse(
            t.sales_gap / t.revenue_previous.nullif(0.0), ibis.null("float64")
        ),
        order_count=t.order_count,
        order_count_previous=t.order_count_previous,
    ).order_by("sales_gap", "customer_id")


@measure(N_("Exact order-count p-value of each customer"))
def order_p_values(
    order_count: npt.ArrayLike, order_count_previous: npt.ArrayLike, day_share: npt.ArrayLike = 0.5
) -> np.ndarray:
    """Chance of order counts at least as far apart if the customer's rhythm had not changed.

    Formula     given n orders in both periods, those of the audit period are Binomial(n,
                day_share); p = min(1, 2 × the smaller tail). `day_share`: days of the audit period
                ÷ days of both
    Unit        probability, 0 to 1
    Population  one value a customer
    Undefined   NaN without any order in either period
    Source      J. Przyborowski & H. Wilenski, Biometrika 31 (1940) 313-323

    Assumes     orders that fall at random: clockwork makes the p-value too large, one delivery on
                several invoices too small; baskets are not in it

    >>> order_p_values([2], [9]).round(4)  # 2 × (1 + 11 + 55) ÷ 2¹¹
    array([0.0654])
    """
    now, before = np.asarray(order_count, dtype=int), np.asarray(order_count_previous, dtype=int)
    both = now + before
    tail = np.minimum(
        scipy.stats.binom.cdf(now, both, day_share), scipy.stats.binom.sf(now - 1, both, day_share)
    )
    return np.where(both > 0, np.minimum(1.0, 2 * tail), np.nan)


@measure(N_("Share of luck among customers with p-values this small (Benjamini-Hochberg)"))
def false_discovery_shares(customers: ir.Table) -> ir.Table:
    """The share of luck among the customers with a p-value this small or smaller.

    Formula     p-values adjusted by Benjamini-Hochberg: the least, over ranks j ≥ i of the sorted
                p, of p_j × n ÷ j, at most 1
    Unit        share, 0 to 1
    Population  one row a customer; n counts those with a known p-value
    Undefined   NULL where the p-value is NULL
    Source      Y. Benjamini & Y. Hochberg, JRSS B 57 (1995) 289-300

    Parameters  customers: customer_id, order_p_value
    Columns     those of `customers`, false_discovery_share
    """
    p_value = customers.order_p_value
    smallest_first = [p_value.isnull(), p_value, customers.customer_id]
    t = customers.mutate(
        rank=ibis.row_number().over(ibis.window(order_by=smallest_first)) + 1,
        known_count=p_value.count().over(),
    )
    t = t.mutate(adjusted=t.order_p_value * t.known_count / t["rank"])
    from_here_on = ibis.window(order_by=ibis.desc(t["rank"]), preceding=None, following=0)
    least = ibis.least(t.adjusted.min().over(from_here_on), 1.0)
    share = t.order_p_value.notnull().ifelse(least, ibis.null("float64"))
    # named, not dropped: the order of what is dropped is that of a set, and shows in the SQL
    return t.select(*customers.columns, false_discovery_share=share)


@measure(
    N_("Customers that rules flag when nothing has changed"),
    {
        "chance_gap_count": Figure(
            N_("Buying less, beyond chance, if nothing had changed"),
            "index",
            N_(
                "Σ over customers of the chance that their orders, falling into either period at "
                "random, give such a p-value"
            ),
            decimals=1,
            source="B",
            compares=True,
        ),
        "fall_rule_chance_share": Figure(
            N_("The usual rule, if nothing had changed"),
            "ratio",
            N_(
                "The same on orders that fall into either period at random; what baskets "
                "swing comes on top"
            ),
            decimals=1,
            source="B",
            compares=True,
        ),
    },
)
def chance_counts(
    orders: npt.ArrayLike,
    fall: float,
    alpha: float,
    day_share: float = 0.5,
    customers: npt.ArrayLike = 1,
) -> tuple[float, float]:
    """Customers that two rules flag when nothing has changed.

    Formula     Σ over customers of P(flagged | n), n orders in both periods falling into either at
                random: Binomial(n, day_share). First rule: p-value ≤ alpha with fewer orders than
                the days foretell; second: orders of the audit period ≤ (1 − fall) × those of the
                previous one
    Unit        expected number of customers (not whole)
    Population  customers with an order in either period
    Undefined   never: (0, 0) without such customers
    Source      J. Przyborowski & H. Wilenski, Biometrika 31 (1940) 313-323, for the p-value; the
                sums are a definition of the workbook

    Note        the second counts orders only: what baskets swing comes on top
    Parameters  orders: of both periods, a customer or, `customers` counting them, a number each
    Returns     expected number of customers: (p-value rule on the losing side, fall rule)
    """
    every = np.asarray(orders, dtype=int)
    counts = np.bincount(every, np.broadcast_to(customers, every.shape))
    unlikely = fallen = 0.0
    for size, count in enumerate(counts):
        if not size or not count:
            continue
        now = np.arange(size + 1)
        chance = scipy.stats.binom.pmf(now, size, day_share)
        before = size - now
        behind = now / day_share < before / (1 - day_share)
        unlikely += count * chance[behind & (order_p_values(now, before, day_share) <= alpha)].sum()
        fallen += count * chance[now <= (1 - fall) * before + 1e-9].sum()
    return float(unlikely), float(fallen)


@measure(N_("The customers with the largest losses, by amount or by rate"))
def most_late(
    gaps: pd.DataFrame, share: float, by: str = "amount", behind: pd.Series | None = None
) -> pd.Series:
    """True for the given share of the compared customers that are most behind.

    Formula     the first ⌈share × customers⌉ of the late ones, by sales_gap (`by` amount: largest
                loss) or by gap_rate (rate: largest fall); ties by size of the gap, then customer_id
    Unit        True or False
    Population  one value a customer of the gap list; late: gap under zero to the cent, or those
                `behind`
    Undefined   never: fewer are True where fewer are late
    Source      source B of the method (the 10 % most late)

    Note        by rate, new falls of small customers come first: that is the price of a rate
    Raises      CarnetError where `by` is neither amount nor rate.
    """
    if by not in ORDERS:
        raise CarnetError(
            "tracked_by: {by} is not accepted; {nearest}", by=f"{by!r}", nearest=nearest(by, ORDERS)
        )
    late = gaps[(gaps.sales_gap < 0) if behind is None else behind].sort_values(ORDERS[by])
    return gaps.index.to_series().isin(late.index[: int(np.ceil(share * len(gaps)))])


@measure(N_("The customers with the largest losses, by amount or by rate"))
def most_late_first(gaps: ir.Table, share: float, by: str = "amount") -> ir.Table:
    """`most_late` of a table of the engine: its rows.

    Formula     the first ⌈share × customers⌉ of the late ones, in the order of `most_late`
    Unit        as in the gap list
    Population  customers of the gap list that are late
    Undefined   never: fewer rows where fewer are late
    Source      source B of the method (the 10 % most late)

    Parameters  gaps: sales_gap, gap_rate, customer_id, late
    """
    most = math.ceil(share * int(gaps.count().execute()))
    keys = [key for name in ORDERS[by] for key in (gaps[name].isnull(), gaps[name])]
    return gaps.filter(gaps.late).order_by(keys).limit(most)


@measure(
    N_("Customers and money of each flagged group"),
)
def gap_groups(gaps: ir.Table, groups: Mapping[str, str]) -> pd.DataFrame:
    """Customers and money of each flagged group.

    Formula     customers counted, Σ revenue_previous, Σ sales_gap and Σ margin_at_stake of the rows
                of each group
    Unit        counts, currency
    Population  one row a group, over the customers of the gap list
    Undefined   margin_at_stake is NaN where it is known of no customer of the group
    Source      source B of the method

    Parameters  groups: the name of each, and the column that is True for its customers
    Columns     group, customer_count, revenue_previous, sales_gap, margin_at_stake (when known)
    """
    money = ("revenue_previous", "sales_gap", "margin_at_stake")
    sums = {
        f"{group}_{name}": gaps[name].sum(where=gaps[flag])
        for group, flag in groups.items()
        for name in money
    }
    counts = {f"{group}_customer_count": gaps[flag].sum() for group, flag in groups.items()}
    row = gaps.agg(**counts, **sums).execute().iloc[0].astype(float)
    t = pd.DataFrame(
        {name: [row[f"{group}_{name}"] for group in groups] for name in ("customer_count", *money)}
    )
    nothing = {"customer_count": 0, "revenue_previous": 0.0, "sales_gap": 0.0}  # of nobody
    t = t.fillna(nothing).astype({"customer_count": int})
    return t.assign(group=list(groups))[["group", *t.columns]]
