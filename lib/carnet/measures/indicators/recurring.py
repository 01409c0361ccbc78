"""Recurring revenue: contracts brought to a month, their bridge, and what ends next."""

import datetime as dt
from collections.abc import Collection, Sequence
from itertools import pairwise

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

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


@measure(N_("Recurring revenue of each customer, month by month"))
def monthly_recurring(contracts: ir.Table, ends: Sequence[dt.date]) -> ir.Table:
    """What the contracts of a customer bring a month, on some days.

    Formula     Σ amount ÷ months of its period (month 1, quarter 3, year 12; none told: month) over
                the contracts that run on the day: start ≤ day, and end NULL or ≥ day; a contract
                whose status is paused or ended runs on no day from its end on, nor without an end
    Unit        currency a month
    Population  one row a day of `ends` (its position, in their order) and customer with a contract
                that runs on it
    Undefined   never: a customer without a running contract has no row
    Source      ChartMogul's published definition of monthly recurring revenue: amounts of a longer
                period are spread over its months

    Columns     position, customer_id, recurring
    """
    t = contracts
    end = t.end if "end" in t.columns else ibis.null("date")
    # paused or ended, and nobody says when: it does not run
    running = end.notnull() | _is_running(t)
    t = t.select(
        "customer_id",
        "start",
        end=end,
        running=running,
        monthly=_monthly_amount(t),
    ).filter(lambda d: d.running)
    days = ibis.memtable(
        pd.DataFrame({"position": range(len(ends)), "day": pd.to_datetime(list(ends)).date}),
        schema={"position": "int64", "day": "date"},
    )
    on = days.cross_join(t)
    on = on.filter((on.start <= on.day) & (on.end.isnull() | (on.end >= on.day)))
    return (
        on.group_by("position", "customer_id")
        .agg(recurring=on.monthly.sum())
        .order_by("position", "customer_id")
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
    recurs = monthly[monthly.recurring.abs() >= HALF_CENT]
    on = {
        at: recurs[recurs.position == at].set_index("customer_id").recurring for at in (first, last)
    }
    t = pd.DataFrame({"recurring_previous": on[first], "recurring": on[last]})
    had, has = t.recurring_previous.notna(), t.recurring.notna()
    t = t.fillna(0.0)  # no contract runs on that day: nothing recurs
    change = t.recurring - t.recurring_previous
    known = t.index.isin(set(recurs.customer_id[recurs.position < first]) | set(earlier))
    rules = [has & ~had & known, has & ~had, had & ~has, change > 0, change < 0]
    steps = ["reactivation", "new", "churned", "expansion", "contraction"]
    t = t.assign(recurring_change=change, step=np.select(rules, steps, "same"))
    return t.rename_axis("customer_id").reset_index()


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
    rows = []
    for first, last in pairwise(positions):
        t = recurring_changes(monthly, first, last, earlier)
        sums, counts = t.groupby("step").recurring_change.sum(), t.step.value_counts()
        rows.append(
            {
                "position": last,
                "opening": t.recurring_previous.sum(),
                **{name: float(sums.get(name, 0.0)) for name in STEPS},
                "closing": t.recurring.sum(),
                "opening_count": int((~t.step.isin(["new", "reactivation"])).sum()),
                "churned_count": int(counts.get("churned", 0)),
                "new_count": int(counts.get("new", 0)),
            }
        )
    columns = "position opening new reactivation expansion contraction churned closing"
    counted = "opening_count churned_count new_count"
    t = pd.DataFrame(rows, columns=f"{columns} {counted}".split())
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
def renewals(contracts: ir.Table, as_of: dt.date, days: int = 365) -> ir.Table:
    """The contracts that run at the audit date and end in the coming days, earliest first.

    Formula     as_of < end ≤ as_of + `days`; notice_date = end − notice (days), the last day on
                which one side may end it; yearly_amount = 12 × amount ÷ months of its period
    Unit        dates; currency a year
    Population  one row a contract with an end that runs after the audit date and brings something
    Undefined   notice_date is NULL where no notice is told
    Source      definition of the workbook

    Columns     customer_id, product, start, end, notice_date, yearly_amount
    """
    t = contracts
    last = as_of + dt.timedelta(days=days)
    running = (t.start <= ibis.date(as_of)) & (t.end > ibis.date(as_of))
    running &= (t.end <= ibis.date(last)) & (t.amount != 0)
    running &= _is_running(t)
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
    Population  one row a contract
    Undefined   end is NULL where it has none, product where none is told
    Source      definition of the workbook

    Columns     customer_id, start, end, product, yearly_amount
    """
    t = contracts
    return t.select(
        "customer_id",
        "start",
        "end",
        product=t.product if "product" in t.columns else ibis.null("string"),
        yearly_amount=12 * _monthly_amount(t),
    ).order_by("customer_id", "start", "end")


@measure(N_("What became of the contracts that ended in the last 12 months"))
def renewal_outcomes(contracts: pd.DataFrame, as_of: dt.date, grace: int = 60) -> pd.DataFrame:
    """Contracts that ended in the last 12 months: renewed in time, late, or not.

    Formula     renewed: another contract of the customer (and product, where told) starts by the
                end + 1 day or runs over it; renewed_late: by the end + `grace` days; open: less
                than `grace` days have passed; else lost
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
            if waited is not None and waited <= grace
            else "open"
            if passed < grace
            else "lost"
        )
    columns = ["customer_id", "product", "end", "yearly_amount"]
    return ended[columns].assign(outcome=pd.Series(outcomes, ended.index, dtype=object))
