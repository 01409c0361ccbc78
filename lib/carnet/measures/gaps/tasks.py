"""Whom to call when: the list of the coming weeks, a few calls a week for each salesperson."""

import datetime as dt

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from carnet.measures.register import measure
from carnet.measures.retention.actions import CALLED
from carnet.wording import N_

FIRST = ("last_chance", "renew")  # planned before all others
NOTICE_DAYS = 14  # before a contract may be ended, on which its customer is spoken to at the latest


@measure(N_("Customers to call for whom there may be time"))
def first_in_line(called: ir.Table, capacity: int) -> ir.Table:
    """The customers to call for whom there may be time, of each salesperson.

    Formula     of each salesperson the first `capacity`: last-chance proposals and contracts that
                end before others, then by largest gap
    Unit        as in the gap list
    Population  rows of the gap list whose action is one of `actions.CALLED`
    Undefined   never: those without a salesperson are one group more
    Source      source B of the method (follow-up tasks per salesperson)
    """
    later = ~called.action.isin(FIRST)
    order = [later, called.sales_gap, called.customer_id]
    turn = ibis.row_number().over(ibis.window(group_by="salesperson", order_by=order))
    t = called.mutate(turn=turn)
    return t.filter(t.turn < capacity).select(*called.columns)


@measure(N_("One task a customer"))
def task_list(gaps: pd.DataFrame, decided: pd.DataFrame) -> pd.DataFrame:
    """One task an account whose decision is a call or a visit, largest gap first.

    Formula     the rows of the gap list whose action is one of `actions.CALLED` (last_chance,
                renew, rekindle, call)
    Unit        as in the gap list; at_most in currency
    Population  one row a customer of the gap list with such a decision; nobody else has one
    Undefined   at_most is NaN where it is not known
    Source      source B of the method (follow-up tasks); one action an account: definition of the
                workbook (method §6)

    Returns     the columns of the gap list with action, at_most, renewal_date, renewal_amount
    """
    own = ["customer_id", "action", "at_most", "renewal_date", "renewal_amount"]
    called = decided[decided.action.isin(CALLED)][own]
    return (
        gaps.drop(columns=own[1:], errors="ignore")
        .merge(called, on="customer_id")
        .sort_values(["sales_gap", "customer_id"], ignore_index=True)
    )


@measure(N_("One task a contract that ends soon, of a book without sales"))
def called_alone(decided: pd.DataFrame, capacity: int) -> pd.DataFrame:
    """One task an account whose decision is a call or a visit, where no sale tells a gap.

    Formula     the decisions whose action is one of `actions.CALLED`: of each salesperson the
                `capacity` with the earliest renewal_date, the largest renewal_amount first
    Unit        as in the decisions
    Population  one row an account with such a decision
    Undefined   sales_gap and margin_at_stake are NaN: no sale was given
    Source      source B of the method (follow-up tasks)

    Columns     customer_id, name, salesperson, action, at_most, sales_gap, margin_at_stake,
                renewal_date, renewal_amount
    """
    columns = (
        "customer_id name salesperson action at_most sales_gap margin_at_stake renewal_date "
        "renewal_amount"
    )
    t = decided[decided.action.isin(CALLED)][columns.split()]
    t = t.sort_values(["renewal_date", "renewal_amount"], ascending=[True, False])
    t = t.groupby("salesperson", dropna=False).head(capacity)
    order = ["renewal_amount", "renewal_date", "customer_id"]
    return t.sort_values(order, ascending=[False, True, True], ignore_index=True)


@measure(N_("Due dates of the tasks"))
def schedule(
    tasks: pd.DataFrame, as_of: dt.date, weekly_count: int, week_count: int
) -> pd.DataFrame:
    """The tasks with their due dates, a few a week for each salesperson.

    Formula     due_date = Monday after `as_of` + 7 days × week + working day; the first
                `weekly_count` tasks of each salesperson in the first week, and so on for
                `week_count` weeks; of a contract that ends (renew) never later than NOTICE_DAYS
                before its renewal_date, nor before that Monday
    Unit        dates
    Population  tasks that fit: at most weekly_count × week_count a salesperson (tasks without one
                count as one more)
    Undefined   never: without a task the table is empty
    Source      source B of the method (follow-up tasks per salesperson)

    Weeks start on the Monday after `as_of`; the tasks of a week are spread over its five working
    days, in the order given. What does not fit is left out: calls before contracts that end and
    last-chance proposals, the last ones first.
    """
    monday = as_of + dt.timedelta(days=7 - as_of.weekday())
    proposals_first = tasks.assign(place=~tasks.action.isin(FIRST)).sort_values(
        "place", kind="stable"
    )
    fits = (
        proposals_first.groupby("salesperson", dropna=False).cumcount() < weekly_count * week_count
    )
    kept = tasks[fits.reindex(tasks.index)]
    rank = kept.groupby("salesperson", dropna=False).cumcount().to_numpy()
    week, place = rank // weekly_count, rank % weekly_count
    days = week * 7 + np.minimum(place * 5 // weekly_count, 4)
    planned = pd.Series([monday + dt.timedelta(days=int(day)) for day in days], kept.index)
    latest = pd.to_datetime(kept.renewal_date) - pd.Timedelta(days=NOTICE_DAYS)
    latest = latest.where(kept.action == "renew").clip(lower=pd.Timestamp(monday))
    latest = latest.map(pd.offsets.BDay().rollback, na_action="ignore")  # the Friday before
    due = pd.to_datetime(planned).where(latest.isna(), np.minimum(pd.to_datetime(planned), latest))
    return kept.assign(due_date=due.dt.date)
