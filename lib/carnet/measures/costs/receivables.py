"""How long customers take to pay: days sales outstanding, payment delay, aged balance."""

import datetime as dt

import ibis
import ibis.expr.types as ir

from carnet.engagement.periods import Period
from carnet.measures.register import Figure, measure
from carnet.wording import N_

# days since the due date (the invoice date when none is given) at which a class of age starts
AGES = (0, 30, 60, 90)


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

    Formula     age = the largest of 0, 30, 60, 90 (AGES) that `as_of` − due date reaches, −1 where
                not yet due; due counts from due_date, from the invoice date where none is given
    Unit        days, counts, currency
    Population  one row a class of age with an open invoice; what is due on `as_of` itself is in
                class 0 (due, and overdue from the next day on: see `customer_payment`)
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

    Columns     customer_id, invoice_date, due, amount; oldest due first
    """
    t = _dated(receivables, as_of)
    t = t.filter(t.is_open).select("customer_id", "invoice_date", "due", "amount")
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
