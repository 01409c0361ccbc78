"""The states of a dispute: what is stuck, for how long, and how it moves between two audits
(source C).
"""

import pandas as pd

from carnet.measures.register import measure
from carnet.wording import N_

STATES = ("past_due", "disputed", "collection", "written_off", "came_back")  # in this order
KEY = ["customer_id", "invoice_date", "due", "amount", "copy"]


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
