"""Recurring revenue: contracts brought to a month, their bridge, and what ends next."""

import datetime as dt
from collections.abc import Collection, Sequence
from itertools import pairwise

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from carnet.engagement.periods import years_earlier
from carnet.measures.register import Figure, measure
from carnet.wording import N_

MONTHS_OF = {"month": 1, "quarter": 3, "year": 12}  # of the amounts of a contract
FIGURE_NAMES = (
    "recurring_revenue",
    "recurring_revenue_yearly",
    "recurring_gross_churn_rate",
    "recurring_net_churn_rate",
    "recurring_customer_churn_rate",
)
HALF_CENT = 0.005  # what recurs less than this a month does not recur
RENEWED_DAYS = 60  # after its end, in which the next contract renews one
FOR_EVER = dt.date(2999, 12, 31)  # of a contract without an end
STEPS = ("new", "reactivation", "expansion", "contraction", "churned")


def _monthly_amount(contracts: ir.Table) -> ir.Value:
    """The amount of each contract brought to a month; a month where no period is told."""
    amount = contracts.amount.cast("float64")
    if "period" not in contracts.columns:
        return amount
    known = ((contracts.period == name, count) for name, count in MONTHS_OF.items())
    return amount / ibis.cases(*known, else_=1)


def _is_running(contracts: ir.Table) -> ir.BooleanValue:
    if "status" not in contracts.columns:
        return ibis.literal(True)
    return contracts.status.fill_null("running") == "running"


def _running_on(contracts: ir.Table, ends: Sequence[dt.date], *kept: str) -> ir.Table:
    """The contracts that run on each day of `ends` (position), with monthly and columns `kept`."""
    t = contracts
    end = t.end if "end" in t.columns else ibis.null("date")
    # ended, and nobody says when, or paused, and nobody says since when: it does not run
    paused = t.status.fill_null("") == "paused" if "status" in t.columns else ibis.literal(False)
    running = (end.notnull() | _is_running(t)) & ~paused
    t = t.select(
        "customer_id", "start", *kept, end=end, running=running, monthly=_monthly_amount(t)
    ).filter(lambda d: d.running)
    days = ibis.memtable(
        pd.DataFrame({"position": range(len(ends)), "day": pd.to_datetime(list(ends)).date}),
        schema={"position": "int64", "day": "date"},
    )
    on = days.cross_join(t)
    return on.filter((on.start <= on.day) & (on.end.isnull() | (on.end >= on.day)))


@measure(N_("Recurring revenue of each customer, month by month"))
def monthly_recurring(contracts: ir.Table, ends: Sequence[dt.date]) -> ir.Table:
    """What the contracts of a customer bring a month, on some days.

    Formula     Σ amount ÷ months of its period (month 1, quarter 3, year 12; none told: month) over
                the contracts that run on the day: start ≤ day, and end NULL or ≥ day; a contract
                whose status is ended runs on no day without an end, and a paused one on none
    Unit        currency a month
    Population  one row a day of `ends` (its position, in their order) and customer with a contract
                that runs on it
    Undefined   never: a customer without a running contract has no row
    Source      ChartMogul's published definition of monthly recurring revenue: amounts of a longer
                period are spread over its months

    Columns     position, customer_id, recurring
    """
    on = _running_on(contracts, ends)
    return (
        on.group_by("position", "customer_id")
        .agg(recurring=on.monthly.sum())
        .order_by("position", "customer_id")
    )


@measure(N_("Recurring revenue of each customer and product on some days"))
def recurring_products(contracts: ir.Table, ends: Sequence[dt.date]) -> ir.Table:
    """What the contracts of a customer for a product bring a month, and for how many units.

    Formula     as of `monthly_recurring`, by product; quantity = Σ
    Unit        currency a month; units
    Population  one row a day of `ends`, customer and product with a contract that runs on it
    Undefined   product is NULL where none is told, quantity where one of them tells none
    Source      ChartMogul's published definition of monthly recurring revenue

    Columns     position, customer_id, product, recurring, quantity
    """
    t = contracts
    product = t["product"] if "product" in t.columns else ibis.null("string")
    quantity = t.quantity.cast("float64") if "quantity" in t.columns else ibis.null("float64")
    on = _running_on(t.mutate(product=product, quantity=quantity), ends, "product", "quantity")
    return (
        on.group_by("position", "customer_id", "product")
        .agg(
            recurring=on.monthly.sum(),
            quantity=on.quantity.isnull().any().ifelse(ibis.null("float64"), on.quantity.sum()),
        )
        .order_by("position", "customer_id", "product")
    )


@measure(N_("What changed the recurring revenue of customers of both days"))
def recurring_effects(products: pd.DataFrame, first: int, last: int) -> pd.DataFrame:
    """Products added and given up, prices and quantities: what expansion and contraction are made
    of.

    Formula     of a product on both days, with p = recurring ÷ quantity: price = (p₁ − p₀) × (q₀ +
                q₁) ÷ 2, quantity = (q₁ − q₀) × (p₀ + p₁) ÷ 2; amount where a quantity is not
                known, or 0; added, dropped: recurring of a product on one of both days, replaced
                where a customer did both
    Unit        currency a month
    Population  customers with some recurring revenue (HALF_CENT or more) on both days; one row an
                effect
    Undefined   never: an effect that nobody had is 0
    Source      midpoint decomposition: definition of the workbook (price, volume)

    Parameters  products: `recurring_products`; first, last: its positions
    Columns     effect (replaced, added, dropped, price, quantity, amount), amount, customer_count
    """
    keys = ["customer_id", "product"]
    t = products.assign(product=products["product"].astype(object).fillna(""))
    on = {
        at: t[t.position == at].set_index(keys)[["recurring", "quantity"]] for at in (first, last)
    }
    both = on[first].join(on[last], how="outer", lsuffix="_0", rsuffix="_1").reset_index()
    sums = both.groupby("customer_id")[["recurring_0", "recurring_1"]].sum().abs()
    kept = sums.index[(sums >= HALF_CENT).all(axis=1)]
    both = both[both.customer_id.isin(kept)]
    r0, r1, q0, q1 = (
        both[name] for name in ("recurring_0", "recurring_1", "quantity_0", "quantity_1")
    )
    there, told = r0.notna() & r1.notna(), (q0 > 0) & (q1 > 0)
    p0, p1 = r0 / q0, r1 / q1
    swapped = (
        r0.isna().groupby(both.customer_id).transform("any")
        & r1.isna().groupby(both.customer_id).transform("any")
        & ~there
    )
    # a product that is not there on a day recurs for nothing on it
    effects = {
        "replaced": (r1.fillna(0.0) - r0.fillna(0.0)).where(swapped),
        "added": r1.where(r0.isna() & ~swapped),
        "dropped": -r0.where(r1.isna() & ~swapped),
        "price": ((p1 - p0) * (q0 + q1) / 2).where(there & told),
        "quantity": ((q1 - q0) * (p0 + p1) / 2).where(there & told),
        "amount": (r1 - r0).where(there & ~told),
    }
    rows = []
    for effect, amounts in effects.items():
        moved = amounts.abs() >= HALF_CENT
        rows.append((effect, float(amounts.sum()), both.customer_id[moved].nunique()))
    return pd.DataFrame(rows, columns=["effect", "amount", "customer_count"])


@measure(N_("Recurring revenue of each cohort of customers"))
def recurring_cohorts(
    monthly: pd.DataFrame, starts: pd.DataFrame, ends: Sequence[dt.date]
) -> pd.DataFrame:
    """What customers that began in one quarter bring later, against the end of that quarter.

    Formula     cohort: the quarter (three of `ends`, counted back from the last one) in which the
                first contract started; revenue_rate = recurring revenue of the cohort at the end of
                a later quarter ÷ that at the end of its own; active_rate: the same of customers
    Unit        rates, above 1 where the cohort grew
    Population  one row a cohort of a quarter within `ends`, and age in quarters; customers with
                recurring revenue at the end of their quarter
    Undefined   never: a cohort without recurring revenue at the end of its quarter has no row
    Source      net revenue retention by cohort, as ChartMogul and ProfitWell publish it

    Parameters  monthly: `monthly_recurring`; starts: customer_id, start (of the first contract)
    Columns     cohort, label (last day of the quarter), age, customer_count, recurring,
                revenue_rate, active_rate
    """
    last, rows = len(ends) - 1, []
    quarters = list(range(last % 3, last + 1, 3))
    begun = pd.to_datetime(starts.set_index("customer_id").start)
    recurs = monthly[monthly.recurring.abs() >= HALF_CENT]
    for at, (before, end) in enumerate(pairwise(quarters)):
        days = pd.Timestamp(ends[before]), pd.Timestamp(ends[end])
        own = set(begun.index[(begun > days[0]) & (begun <= days[1])])
        mine = recurs[recurs.customer_id.isin(own)]
        opening = mine[mine.position == end]
        if not len(opening):
            continue
        whole, members = opening.recurring.sum(), set(opening.customer_id)
        for age, later in enumerate(quarters[at + 1 :]):
            now = mine[(mine.position == later) & mine.customer_id.isin(members)]
            rows.append(
                {
                    "cohort": at,
                    "label": ends[end],
                    "age": age,
                    "customer_count": len(members),
                    "recurring": now.recurring.sum(),
                    "revenue_rate": now.recurring.sum() / whole,
                    "active_rate": len(now) / len(members),
                }
            )
    columns = "cohort label age customer_count recurring revenue_rate active_rate"
    return pd.DataFrame(rows, columns=columns.split())


@measure(N_("Contracts by what they are at the audit date"))
def contract_states(contracts: ir.Table, as_of: dt.date) -> ir.Table:
    """How many contracts run, are paused, ended or have yet to start, and what they bring a month.

    Formula     to_come: starts after `as_of`; ended: its end is past, or its status says so and
                it has none; paused: its status says so; else running
    Unit        counts; currency a month
    Population  one row a state that holds a contract
    Undefined   monthly_amount is NULL of ended contracts: what followed them is in the sum already
    Source      definition of the workbook

    Columns     state, contract_count, customer_count, monthly_amount
    """
    t = contracts
    status = t.status.fill_null("running") if "status" in t.columns else ibis.literal("running")
    over = (t.end < ibis.date(as_of)) if "end" in t.columns else ibis.literal(False)
    open_end = t.end.isnull() if "end" in t.columns else ibis.literal(True)
    state = ibis.cases(
        (t.start > ibis.date(as_of), "to_come"),
        (over.fill_null(False) | ((status == "ended") & open_end), "ended"),
        (status == "paused", "paused"),
        else_="running",
    )
    t = t.select("customer_id", state=state, monthly=_monthly_amount(t))
    return (
        t.group_by("state")
        .agg(
            contract_count=t.count(),
            customer_count=t.customer_id.nunique(),
            monthly_amount=t.monthly.sum(where=t.state != "ended"),
        )
        .order_by(ibis.desc("contract_count"), "state")
    )


@measure(N_("How the recurring revenue of each customer moved between two days"))
def recurring_changes(
    monthly: pd.DataFrame, first: int, last: int, earlier: Collection[str] = ()
) -> pd.DataFrame:
    """The recurring revenue of each customer on two days, and what became of it.

    Formula     step of a customer: new: some on the last day, none on the first one nor before;
                reactivation: none on the first day, and some earlier; churned: none on the last
                day; expansion, contraction: more or less on the last day than on the first one
                (same: as much)
    Unit        currency a month
    Population  one row a customer with some (HALF_CENT or more) on either day
    Undefined   never: without a contract that runs on a day, nothing recurs on it
    Source      ChartMogul's published definitions

    Parameters  monthly: `monthly_recurring`; first, last: its positions; earlier: customers whose
                first contract started before position 0: they come back, they are not new
    Columns     customer_id, recurring_previous, recurring, recurring_change, step
    """
    wide, known = _on_days(monthly, (first, last), earlier)
    previous, current = wide.to_numpy().T
    t = wide.fillna(0.0).set_axis(["recurring_previous", "recurring"], axis=1)
    change = t.recurring - t.recurring_previous
    t = t.assign(recurring_change=change, step=_steps(previous, current, known[:, 0]))
    return t[wide.notna().any(axis=1)].rename_axis("customer_id").reset_index()


def _on_days(
    monthly: pd.DataFrame, positions: Sequence[int], earlier: Collection[str]
) -> tuple[pd.DataFrame, np.ndarray]:
    """The recurring revenue of each customer on some days, NaN where nothing recurs; and whether
    something recurred before each of these days.
    """
    recurs = monthly[monthly.recurring.abs() >= HALF_CENT]
    wide = recurs.pivot(index="customer_id", columns="position", values="recurring")
    since = recurs.groupby("customer_id").position.min().to_numpy()  # in the order of the pivot
    before = since[:, None] < np.asarray(positions)
    known = before | np.asarray(wide.index.isin(list(earlier)))[:, None]
    return wide.reindex(columns=list(positions)), known


def _steps(previous: np.ndarray, current: np.ndarray, known: np.ndarray) -> np.ndarray:
    """What became of amounts of one day on another; NaN is none, `known` recurred earlier."""
    had, has = ~np.isnan(previous), ~np.isnan(current)
    rules = [has & ~had & known, has & ~had, had & ~has, current > previous, current < previous]
    return np.select(rules, ["reactivation", "new", "churned", "expansion", "contraction"], "same")


@measure(N_("Bridge of the recurring revenue between days"))
def recurring_bridge(
    monthly: pd.DataFrame, positions: Sequence[int], earlier: Collection[str] = ()
) -> pd.DataFrame:
    """What made the recurring revenue of each day out of that of the day before it.

    Formula     sums of recurring_change of `recurring_changes` by step: opening + new +
                reactivation + expansion + contraction + churned = closing
    Unit        currency a month (losses below zero); counts of customers
    Population  one row a position of `positions` from the second on
    Undefined   rates and quick_ratio are NaN where opening is 0, or nothing was lost
    Source      ChartMogul's published definitions; gross churn = (churned + contraction) ÷ opening,
                net churn = (churned + contraction − expansion − reactivation) ÷ opening, quick
                ratio = (new + expansion + reactivation) ÷ (churned + contraction)

    Parameters  monthly: `monthly_recurring`; earlier: as of `recurring_changes`
    Columns     position, opening, new, reactivation, expansion, contraction, churned, closing,
                opening_count, churned_count, new_count, customer_churn, gross_churn, net_churn,
                quick_ratio
    """
    wide, known = _on_days(monthly, positions, earlier)
    previous, current = wide.to_numpy()[:, :-1], wide.to_numpy()[:, 1:]
    steps = _steps(previous, current, known[:, :-1])
    change = np.nan_to_num(current) - np.nan_to_num(previous)
    sums = {name: np.where(steps == name, change, 0.0).sum(axis=0) for name in STEPS}
    t = pd.DataFrame(
        {
            "position": list(positions)[1:],
            "opening": np.nansum(previous, axis=0),
            **sums,
            "closing": np.nansum(current, axis=0),
            "opening_count": (~np.isnan(previous)).sum(axis=0),
            "churned_count": (steps == "churned").sum(axis=0),
            "new_count": (steps == "new").sum(axis=0),
        }
    )
    opening, lost = t.opening.where(t.opening > 0), t.churned + t.contraction
    won = t.expansion + t.reactivation
    return t.assign(
        customer_churn=t.churned_count / t.opening_count.where(t.opening_count > 0),
        gross_churn=-lost / opening,
        net_churn=-(lost + won) / opening,
        quick_ratio=(t.new + won) / (-lost).where(lost < 0),
    )


@measure(
    N_("Recurring revenue at the audit date, and what a year made of it"),
    {
        "recurring_revenue": Figure(
            N_("Recurring revenue a month (MRR)"),
            "currency",
            N_("Σ of the running contracts' amounts, brought to a month"),
            good="up",
            source="workbook",
        ),
        "recurring_revenue_yearly": Figure(
            N_("Recurring revenue a year (ARR)"),
            "currency",
            N_("12 × recurring revenue a month"),
            good="up",
            source="workbook",
        ),
        "recurring_gross_churn_rate": Figure(
            N_("Gross churn of recurring revenue"),
            "ratio",
            N_(
                "Recurring revenue of a year ago that its customers ended or reduced since ÷ "
                "recurring revenue of a year ago"
            ),
            good="down",
            decimals=1,
            source="workbook",
        ),
        "recurring_net_churn_rate": Figure(
            N_("Net churn of recurring revenue"),
            "ratio",
            N_(
                "The same less what the customers of a year ago added ÷ recurring revenue of a "
                "year ago; below zero the base grows by itself"
            ),
            good="down",
            decimals=1,
            source="workbook",
        ),
        "recurring_customer_churn_rate": Figure(
            N_("Customers under contract that left"),
            "ratio",
            N_("Customers with a contract a year ago and none now ÷ customers with one a year ago"),
            good="down",
            decimals=1,
            source="workbook",
        ),
    },
)
def recurring_figures(year: pd.Series) -> dict[str, float]:
    """The recurring revenue at the end of a year, and what became of that of its start.

    Formula     the definitions of the figures; the year compares two days only, so that a customer
                that left and came back between them did neither
    Unit        currency; rates
    Population  contracts that run on one of both days
    Undefined   rates are NaN where nothing recurred on the first one
    Source      ChartMogul's published definitions, over a year

    Parameters  year: the row of `recurring_bridge` between both days
    """
    lost, opening = year.churned + year.contraction, year.opening if year.opening > 0 else np.nan
    return {
        "recurring_revenue": year.closing,
        "recurring_revenue_yearly": 12 * year.closing,
        "recurring_gross_churn_rate": -lost / opening,
        "recurring_net_churn_rate": -(lost + year.expansion) / opening,
        "recurring_customer_churn_rate": year.customer_churn,
    }


@measure(N_("Contracts that end in the coming months"))
def renewals(contracts: ir.Table, as_of: dt.date) -> ir.Table:
    """The contracts that run at the audit date and end in the coming year, earliest first.

    Formula     as_of < end ≤ a year after it; notice_date = end − notice (days), the last day on
                which one side may end it; yearly_amount = 12 × amount ÷ months of its period
    Unit        dates; currency a year
    Population  one row a contract with an end that runs after the audit date and brings something,
                and that no other one of the customer and product follows within RENEWED_DAYS
    Undefined   notice_date is NULL where no notice is told
    Source      definition of the workbook

    Columns     customer_id, product, start, end, notice_date, yearly_amount
    """
    product = contracts["product"] if "product" in contracts.columns else ibis.null("string")
    t = contracts.mutate(
        named=product.fill_null(""), lasts=contracts.end.fill_null(ibis.date(FOR_EVER))
    )
    later = t.select("customer_id", "named", next_start="start", next_end="lasts")
    both = t.inner_join(later, ["customer_id", "named"])
    in_time = both.next_start <= both.lasts + ibis.interval(days=RENEWED_DAYS)
    followed = (both.next_start > both.start) & (both.next_end > both.lasts) & in_time
    keys = ["customer_id", "named", "start", "lasts"]
    t = t.anti_join(both.filter(followed).select(*keys).distinct(), keys)
    running = (t.start <= ibis.date(as_of)) & (t.end > ibis.date(as_of)) & (t.amount != 0)
    running &= t.end <= ibis.date(years_earlier(as_of, -1))
    if "status" in t.columns:
        running &= t.status.fill_null("running") != "paused"
    notice = t.notice.cast("int64") if "notice" in t.columns else ibis.null("int64")
    made = t.filter(running).select(
        "customer_id",
        "start",
        "end",
        product=t.product if "product" in t.columns else ibis.null("string"),
        notice_date=t.end - notice.as_interval("D"),
        yearly_amount=12 * _monthly_amount(t),
    )
    return made.order_by("end", ibis.desc("yearly_amount"), "customer_id")


@measure(N_("Contracts brought to a year"))
def contract_terms(contracts: ir.Table) -> ir.Table:
    """The contracts with what they bring a year.

    Formula     yearly_amount = 12 × amount ÷ months of its period
    Unit        dates; currency a year
    Population  one row a contract, but those paused, and those ended of which nobody says when
    Undefined   end is NULL where it has none, product where none is told
    Source      definition of the workbook

    Columns     customer_id, start, end, product, yearly_amount
    """
    t = contracts
    status = t.status.fill_null("running") if "status" in t.columns else ibis.literal("running")
    t = t.filter((status != "paused") & ~((status == "ended") & t.end.isnull()))
    return t.select(
        "customer_id",
        "start",
        "end",
        product=t.product if "product" in t.columns else ibis.null("string"),
        yearly_amount=12 * _monthly_amount(t),
    ).order_by("customer_id", "start", "end")


@measure(N_("What became of the contracts that ended in the last 12 months"))
def renewal_outcomes(contracts: pd.DataFrame, as_of: dt.date) -> pd.DataFrame:
    """Contracts that ended in the last 12 months: renewed in time, late, or not.

    Formula     renewed: another contract of the customer (and product, where told) starts by the
                end + 1 day or runs over it; renewed_late: by the end + RENEWED_DAYS; open:
                fewer days have passed; else lost
    Unit        text; currency a year
    Population  one row a contract with as_of − 365 < end ≤ as_of
    Undefined   never
    Source      definition of the workbook

    Parameters  contracts: customer_id, start, end, yearly_amount, product (NULL: none told)
    Columns     customer_id, product, end, yearly_amount, outcome
    """
    t = contracts.assign(start=pd.to_datetime(contracts.start), end=pd.to_datetime(contracts.end))
    day = pd.Timestamp(as_of)
    ended = t[t.end.between(day - pd.Timedelta(days=365), day, inclusive="right")]
    outcomes = []
    for row in ended.itertuples():
        same = t[(t.customer_id == row.customer_id) & (t.index != row.Index)]
        if not pd.isna(row.product):
            same = same[same["product"].eq(row.product) | same["product"].isna()]
        later = same[(same.start > row.start) & (same.end.isna() | (same.end > row.end))].start
        first = later.min() if len(later) else pd.NaT
        waited = (first - row.end).days if len(later) else None
        passed = (day - row.end).days
        outcomes.append(
            "renewed"
            if waited is not None and waited <= 1
            else "renewed_late"
            if waited is not None and waited <= RENEWED_DAYS
            else "open"
            if passed < RENEWED_DAYS
            else "lost"
        )
    columns = ["customer_id", "product", "end", "yearly_amount"]
    return ended[columns].assign(outcome=pd.Series(outcomes, ended.index, dtype=object))
