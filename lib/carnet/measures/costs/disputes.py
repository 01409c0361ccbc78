"""The states of a dispute: what is stuck, for how long, and how it moves between two audits
(source C).
"""

import datetime as dt
from collections.abc import Collection

import ibis
import ibis.expr.types as ir
import pandas as pd

from carnet.engagement.periods import Period
from carnet.measures.register import measure
from carnet.wording import N_

STATES = ("past_due", "disputed", "collection", "written_off", "came_back")  # in this order
# what a status of an activity says, in small letters; any other word tells neither
OPEN_WORDS = ("open", "new", "pending", "in progress", "ouverte", "ouvert", "nouvelle", "en cours",
              "à traiter", "en attente")  # fmt: skip
CLOSED_WORDS = ("closed", "done", "resolved", "completed", "solved", "close", "clos", "clôturée",
                "cloturee", "clôturé", "cloture", "fermée", "fermee", "fermé", "ferme", "résolue",
                "resolue", "résolu", "resolu", "traitée", "traitee", "traité", "traite", "terminée",
                "terminee", "terminé", "termine")  # fmt: skip
KEY = ["customer_id", "invoice_date", "due", "amount", "copy"]


@measure(N_("Complaints, open or closed"))
def complaint_files(service: ir.Table, kinds: Collection[str], as_of: dt.date) -> ir.Table:
    """Each complaint with its state on a day, and the days that it has been open.

    Formula     state = closed where it was closed up to `as_of`, or its status says so
                (CLOSED_WORDS) and no later day is told; else open; open_days = day closed − day
                noted, of an open one `as_of` − day noted
    Unit        days
    Population  one row a complaint noted up to `as_of` (activities of `kinds`) whose status is one
                of OPEN_WORDS and CLOSED_WORDS or whose day closed is told, or that is still open
                where days closed and no statuses are given
    Undefined   open_days is NULL of a closed complaint whose day is not told, or lies before it
    Source      source C of the method (complaint → dispute → collection → loss)

    Needs       service.status or service.closed
    Columns     customer_id, date, activity, state, open_days
    """
    day = ibis.date(as_of)
    t = service.filter(service.activity.isin(list(kinds)) & (service.date <= day))
    told = t.status if "status" in t.columns else ibis.literal("")
    told = told.fill_null("").strip().lower()
    ended = t.closed if "closed" in t.columns else ibis.null("date")
    later = (ended > day).fill_null(False)
    says_closed, says_open = told.isin(CLOSED_WORDS), told.isin(OPEN_WORDS)
    over = (ended <= day).fill_null(False) | (says_closed & ~later)
    silent = "closed" in t.columns and "status" not in t.columns
    known = says_closed | says_open | ended.notnull() | ibis.literal(silent)
    until = ibis.ifelse(over, ended, day)
    days = until.delta(t.date, unit="day")
    t = t.filter(known).select(
        "customer_id",
        "date",
        "activity",
        state=ibis.ifelse(over, "closed", "open"),
        open_days=ibis.ifelse(days >= 0, days, ibis.null("int64")),
    )
    return t.order_by("date", "customer_id", "activity")


@measure(N_("Complaints by state"))
def complaint_states(files: pd.DataFrame, period: Period) -> pd.DataFrame:
    """How many complaints are open and closed, and for how long.

    Formula     counts; median and largest open_days
    Unit        counts; days
    Population  complaints noted in the period, and those still open whenever they were noted; one
                row a state with one, closed first
    Undefined   the days are NaN where none is told
    Source      source C of the method

    Parameters  files: `complaint_files`
    Columns     state, complaint_count, customer_count, timed_count (with days), median_days,
                longest_days
    """
    noted = pd.to_datetime(files.date)
    inside = noted.between(pd.Timestamp(period.start), pd.Timestamp(period.end))
    t = files[inside | (files.state == "open")]
    found = (
        t.assign(days=t.open_days.astype(float))
        .groupby("state")
        .agg(
            complaint_count=("state", "size"),
            customer_count=("customer_id", "nunique"),
            timed_count=("days", "count"),
            median_days=("days", "median"),
            longest_days=("days", "max"),
        )
    )
    return found.reset_index()


@measure(N_("Disputes by state"))
def dispute_states(stuck: pd.DataFrame) -> pd.DataFrame:
    """How many invoices and customers are in each state, and what they amount to.

    Formula     counts, Σ amount, median and largest days past due
    Unit        counts; currency; days
    Population  one row a state with an invoice, in the order of STATES
    Undefined   never: without an invoice the table is empty
    Source      source C of the method

    Parameters  stuck: `stuck_invoices`
    Columns     state, customer_count, invoice_count, amount, median_past_due, oldest_past_due
    """
    t = stuck.groupby("state").agg(
        customer_count=("customer_id", "nunique"),
        invoice_count=("amount", "size"),
        amount=("amount", "sum"),
        median_past_due=("days_past_due", "median"),
        oldest_past_due=("days_past_due", "max"),
    )
    return t.reindex([name for name in STATES if name in t.index]).reset_index()


@measure(N_("Disputes from one audit to the next"))
def dispute_flow(before: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    """What became of the invoices that were stuck at the earlier audit, and which ones came.

    Formula     counts and Σ amount by state then and state now; no longer stuck (paid, credited or
                taken off the export): settled; not stuck then: not_stuck
    Unit        counts; currency
    Population  one row a pair of states that holds an invoice; invoices are the same where
                customer, dates and amount are
    Undefined   never: without an invoice at either audit the table is empty
    Source      definition of the workbook

    Parameters  before, now: `stuck_invoices` of both audits
    Columns     state_before, state, invoice_count, amount
    """
    both = before[[*KEY, "state"]].merge(
        now[[*KEY, "state"]], on=KEY, how="outer", suffixes=("_before", "")
    )
    both["state_before"] = both.state_before.fillna("not_stuck")
    both["state"] = both.state.fillna("settled")
    t = both.groupby(["state_before", "state"], as_index=False)
    return t.agg(invoice_count=("amount", "size"), amount=("amount", "sum"))
