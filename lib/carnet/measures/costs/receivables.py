"""How long customers take to pay: days sales outstanding, payment delay, aged balance."""

import datetime as dt

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from carnet.engagement.periods import Period
from carnet.measures.register import Figure, measure
from carnet.measures.statistics.intervals import wilson_interval
from carnet.wording import N_

# days since the due date (the invoice date when none is given) at which a class of age starts
AGES = (1, 30, 60, 90)
FOLLOWED_AGES = (0, 30, 60, 90, 180)  # days past due from which an unpaid amount is followed
FOLLOWED_DAYS = 90


@measure(
    N_("Open amounts, days sales outstanding, payment delay"),
    {
        "dso_days": Figure(
            N_("Days sales outstanding"),
            "days",
            N_("Receivables including tax ÷ revenue including tax × days"),
            good="down",
            source="C",
        ),
        "payment_delay_days": Figure(
            N_("Payment delay"),
            "days",
            N_(
                "Mean days from invoice to payment, weighted by amount, invoices paid in the period"
            ),
            good="down",
            source="C",
        ),
    },
)
def receivable_summary(receivables: ir.Table, period: Period, as_of: dt.date) -> ir.Table:
    """Open amounts, days sales outstanding and payment delay, in one row.

    Formula     dso_days = open amount ÷ invoiced amount of the period × days of the period;
                payment_delay_days = Σ amount × days from invoice to payment ÷ Σ amount, over
                invoices of a positive amount paid in the period
    Unit        currency, tax included; days
    Population  invoices up to `as_of`: open_amount those unpaid on it, invoiced_amount those of the
                period, credit notes included
    Undefined   dso_days is NULL where the invoiced amount is not above 0, payment_delay_days where
                nothing was paid in the period, invoiced_amount without an invoice; open_amount is 0
                where nothing is open
    Source      definition of the workbook (method §1: DSO)

    Columns     open_amount (invoiced up to `as_of`, unpaid on it), invoiced_amount (of the period,
                tax included), dso_days, payment_delay_days
    """
    t = _dated(receivables, as_of)
    invoiced = t.invoice_date.between(ibis.date(period.start), ibis.date(period.end))
    settled = t.paid.between(ibis.date(period.start), ibis.date(period.end)) & (t.amount > 0)
    days = t.paid.delta(t.invoice_date, unit="day")
    sums = t.agg(
        open_amount=t.amount.sum(where=t.is_open).fill_null(0.0),
        invoiced_amount=t.amount.sum(where=invoiced),
        weighted=(t.amount * days).sum(where=settled),
        settled_amount=t.amount.sum(where=settled),
    )
    length = (period.end - period.start).days + 1
    return sums.select(
        "open_amount",
        "invoiced_amount",
        dso_days=sums.open_amount
        / (sums.invoiced_amount > 0).ifelse(sums.invoiced_amount, ibis.null("float64"))
        * length,
        payment_delay_days=sums.weighted / sums.settled_amount,
    )


@measure(N_("Open amounts by age"))
def aged_balance(receivables: ir.Table, as_of: dt.date) -> ir.Table:
    """Open amounts by age since the day on which they were due.

    Formula     age = the largest of 1, 30, 60, 90 (AGES) that `as_of` − due date reaches, −1 where
                not past due; due counts from due_date, from the invoice date where none is given
    Unit        days, counts, currency
    Population  one row a class of age with an open invoice; what is due on `as_of` itself is not
                past due yet
    Undefined   never: without an open invoice the table is empty
    Source      definition of the workbook (method §5: aged balance)

    Columns     age (first day of the class past due, −1: not yet due), invoice_count,
                customer_count, amount
    """
    t = _dated(receivables, as_of)
    t = t.filter(t.is_open)
    late = ibis.literal(as_of).delta(t.due, unit="day")
    classes = [(late >= first, first) for first in reversed(AGES)]
    t = t.mutate(age=ibis.cases(*classes, else_=-1))
    return (
        t.group_by("age")
        .agg(invoice_count=t.count(), customer_count=t.customer_id.nunique(), amount=t.amount.sum())
        .order_by("age")
    )


@measure(N_("Open invoices"))
def open_invoices(receivables: ir.Table, as_of: dt.date) -> ir.Table:
    """Invoices that are unpaid on a day.

    Formula     invoiced up to `as_of` and not paid by then; due counts from due_date, from the
                invoice date where none is given
    Unit        currency
    Population  one row an open invoice
    Undefined   never: without an open invoice the table is empty
    Source      definition of the workbook (method §5: aged balance)

    Columns     customer_id, invoice_date, due, amount, status (disputed, collection; NULL: neither,
                or none told); oldest due first
    """
    t = _dated(receivables, as_of)
    told = t.status if "status" in t.columns else ibis.null("string")
    known = told.isin(["disputed", "collection"]).ifelse(told, ibis.null("string"))
    t = t.filter(t.is_open).select("customer_id", "invoice_date", "due", "amount", status=known)
    return t.order_by("customer_id", "due", "invoice_date", "amount")


@measure(N_("How each customer pays"))
def customer_payment(receivables: ir.Table, period: Period, as_of: dt.date) -> ir.Table:
    """How each customer pays: what was invoiced, what is overdue, how many days late.

    Formula     days_late = mean days from due date to payment (to `as_of` where open), never below
                zero, weighted by amount: invoices of the period due by `as_of`, and older ones that
                are still open; overdue_share = overdue amount ÷ invoiced amount of the period, 1
                where something is overdue and nothing was invoiced
    Unit        currency, days, share (above 1 where more is overdue than was invoiced in the
                period)
    Population  one row a customer with an invoice up to `as_of`; invoiced_amount and days_late over
                invoices of a positive amount
    Undefined   invoiced_amount is NULL where nothing was invoiced in the period, days_late where
                nothing was due, overdue_share where nothing was invoiced and nothing is overdue;
                overdue_amount is 0 where nothing is
    Source      source C of the method (solvency); definition of the workbook

    Columns     customer_id, invoiced_amount (of the period), overdue_amount (open and past due at
                `as_of`), days_late, overdue_share
    """
    t = _dated(receivables, as_of)
    inside = t.invoice_date.between(ibis.date(period.start), ibis.date(period.end)) & (t.amount > 0)
    due = (t.amount > 0) & (t.due <= ibis.date(as_of)) & (inside | t.is_open)
    due = due & t.timed if "timed" in t.columns else due
    late = ibis.greatest(ibis.coalesce(t.paid, ibis.date(as_of)).delta(t.due, unit="day"), 0)
    sums = t.group_by("customer_id").agg(
        invoiced_amount=t.amount.sum(where=inside),
        # no open invoice past due: nothing overdue
        overdue_amount=t.amount.sum(where=t.is_open & (t.due < ibis.date(as_of))).fill_null(0.0),
        weighted=(t.amount * late).sum(where=due),
        due_amount=t.amount.sum(where=due),
    )
    return sums.select(
        "customer_id",
        "invoiced_amount",
        "overdue_amount",
        days_late=sums.weighted / sums.due_amount.nullif(0.0),
        # nothing invoiced in the period
        overdue_share=(sums.invoiced_amount.fill_null(0.0) > 0).ifelse(
            ibis.greatest(sums.overdue_amount, 0.0) / sums.invoiced_amount.nullif(0.0),
            (sums.overdue_amount > 0).ifelse(1.0, ibis.null("float64")),
        ),
    )


@measure(N_("Customers with invoices in collection or written off"))
def given_up_customers(receivables: ir.Table, as_of: dt.date) -> ir.Table:
    """Customers with an invoice in collection or written off.

    Formula     status 'collection' or 'written_off' on an invoice dated up to `as_of`
    Unit        identifiers
    Population  one row a customer
    Undefined   never: without such an invoice the table is empty
    Source      source C of the method (collections and losses as states of a customer)

    Needs       receivables.status
    Columns     customer_id
    """
    t = receivables.filter(
        (receivables.invoice_date <= ibis.date(as_of))
        & receivables.status.isin(("collection", "written_off"))
    )
    return t.group_by("customer_id").agg().order_by("customer_id")


@measure(N_("Share of the amounts due that was paid in time"))
def paid_in_time(
    receivables: ir.Table, period: Period, as_of: dt.date, grace_days: int = 30
) -> ir.FloatingScalar:
    """Share of the amounts due that was paid within some days of the due date.

    Formula     Σ amount paid by due date + `grace_days` ÷ Σ amount due
    Unit        share, 0 to 1
    Population  invoices of a positive amount due from the start of the period to `as_of` −
                grace_days: those whose grace has not run out by `as_of` are left out, and those
                paid on a day that nobody noted
    Undefined   NULL where no such invoice was due; not paid by `as_of` is not in time
    Source      definition of the workbook
    """
    t = _dated(receivables, as_of)
    judged = t.due.between(
        ibis.date(period.start), ibis.date(as_of - dt.timedelta(days=grace_days))
    ) & (t.amount > 0)
    judged = judged & t.timed if "timed" in t.columns else judged
    # not paid by now: not in time
    in_time = (t.paid.delta(t.due, unit="day") <= grace_days).fill_null(False)
    return t.amount.sum(where=judged & in_time).fill_null(0.0) / t.amount.sum(where=judged)


@measure(N_("Invoices that are stuck, with their state"))
def stuck_invoices(receivables: ir.Table, as_of: dt.date, days: int = 365) -> ir.Table:
    """Invoices past due, disputed, in collection or written off, and those that came back.

    Formula     state: came_back where its status says collection or written off, and it was paid in
                the last `days`; else written_off, collection or disputed as its status says, where
                it is not paid; past_due where it is unpaid and past due; days_past_due = as_of −
                due date, at least 0 (of one that came back: its payment − due date)
    Unit        currency; days
    Population  one row an invoice of a positive amount, dated up to `as_of`, in such a state
    Undefined   never: without such an invoice the table is empty
    Source      source C of the method (complaint, dispute, collection, loss, recovery)

    Columns     customer_id, invoice_date, due, amount, state, days_past_due, copy (number among
                invoices that are alike)
    """
    t = _dated(receivables, as_of)
    status = t.status.fill_null("open") if "status" in t.columns else ibis.literal("open")
    back = t.paid.notnull() & status.isin(["collection", "written_off"])
    back &= t.paid > ibis.date(as_of - dt.timedelta(days=days))
    state = ibis.cases(
        (back, "came_back"),
        (t.paid.notnull(), ibis.null("string")),
        (status == "written_off", "written_off"),
        (t.is_open & (status == "collection"), "collection"),
        (t.is_open & (status == "disputed"), "disputed"),
        (t.is_open & (t.due < ibis.date(as_of)), "past_due"),
        else_=ibis.null("string"),
    )
    until = ibis.coalesce(t.paid, ibis.date(as_of))
    t = t.mutate(state=state, days_past_due=ibis.greatest(until.delta(t.due, unit="day"), 0))
    t = t.filter(t.state.notnull() & (t.amount > 0))
    alike = ibis.window(group_by=["customer_id", "invoice_date", "due", "amount"], order_by="state")
    return t.select(
        "customer_id",
        "invoice_date",
        "due",
        "amount",
        "state",
        "days_past_due",
        copy=ibis.row_number().over(alike),
    ).order_by(ibis.desc("amount"), "customer_id", "due", "invoice_date", "copy")


@measure(N_("What comes back of unpaid amounts, by age"))
def recovery_by_age(receivables: ir.Table, as_of: dt.date) -> pd.DataFrame:
    """Of the invoices that were still unpaid some days after they were due, what was paid in the 90
    days that followed.

    Formula     recovery_rate = recovered_count ÷ invoice_count, Wilson interval;
                recovered_share = Σ amount of those ÷ Σ amount
    Unit        days; counts; shares 0 to 1
    Population  one row an age of FOLLOWED_AGES: invoices of a positive amount, unpaid that many
                days after they were due, whose following FOLLOWED_DAYS are over on `as_of`; those
                paid on a day that nobody noted are left out
    Undefined   rates are NaN without such an invoice
    Source      definition of the workbook; interval: E. B. Wilson, JASA, 1927

    Columns     age, invoice_count, recovered_count, recovery_rate, recovery_low, recovery_high,
                amount, recovered_share
    """
    t = _dated(receivables, as_of)
    t = t.filter(t.timed) if "timed" in t.columns else t
    waited = t.paid.delta(t.due, unit="day")
    passed = ibis.literal(as_of).delta(t.due, unit="day")
    t = t.filter(t.amount > 0).select("amount", waited=waited, passed=passed)
    sums = {}
    for age in FOLLOWED_AGES:
        there = (t.passed >= age + FOLLOWED_DAYS) & (t.waited.isnull() | (t.waited > age))
        back = there & (t.waited <= age + FOLLOWED_DAYS).fill_null(False)
        sums[f"n{age}"], sums[f"k{age}"] = there.sum().fill_null(0), back.sum().fill_null(0)
        sums[f"a{age}"] = t.amount.sum(where=there).fill_null(0.0)
        sums[f"b{age}"] = t.amount.sum(where=back).fill_null(0.0)
    row, rows = t.agg(**sums).execute().iloc[0], []
    for age in FOLLOWED_AGES:
        n, k, amount = int(row[f"n{age}"]), int(row[f"k{age}"]), row[f"a{age}"]
        low, high = wilson_interval(k, n) if n else (np.nan, np.nan)
        rate, share = (k / n, row[f"b{age}"] / amount) if n else (np.nan, np.nan)
        rows.append((age, n, k, rate, low, high, amount, share))
    columns = (
        "age invoice_count recovered_count recovery_rate recovery_low recovery_high amount "
        "recovered_share"
    )
    return pd.DataFrame(rows, columns=columns.split())


def _dated(receivables: ir.Table, as_of: dt.date) -> ir.Table:
    """Invoices up to `as_of` with due and paid dates; paid later than `as_of` is open on it,
    what its status calls paid or written off is not.

    `timed`, beside a status: false where an invoice is paid and nobody knows when, which tells
    nothing of delays.
    """
    given = set(receivables.columns)
    day = ibis.date(as_of)
    t = receivables.filter(receivables.invoice_date <= day)
    paid = t.paid_date if "paid_date" in given else ibis.null("date")
    due = ibis.coalesce(t.due_date, t.invoice_date) if "due_date" in given else t.invoice_date
    t = t.mutate(
        amount=t.amount.cast("float64"), due=due, paid=(paid <= day).ifelse(paid, ibis.null("date"))
    )
    if "status" not in given:
        return t.mutate(is_open=t.paid.isnull())
    ended = t.status.isin(("paid", "written_off")).fill_null(False)  # no status: open
    undated = t.paid_date.isnull() if "paid_date" in given else ibis.literal(True)
    timed = ~((t.status == "paid").fill_null(False) & undated)
    return t.mutate(is_open=t.paid.isnull() & ~(ended & undated), timed=timed)
