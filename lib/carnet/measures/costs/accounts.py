"""The legal ledger read as accounts: totals, classes of accounts,
and the French intermediate balances (soldes intermédiaires de gestion).
"""

import datetime as dt
from collections.abc import Sequence

import ibis
import ibis.expr.types as ir
import pandas as pd

from carnet.engagement.periods import Bucket, position_in
from carnet.engagement.profiles import Balance
from carnet.measures.register import Figure, measure
from carnet.wording import N_

# groups of accounts of claims: True where their balance is carried from year to year
CLAIM_ACCOUNTS = {"411": True, "416": True, "491": True, "654": False, "7714": False}


@measure(
    N_("Totals of the legal ledger"),
    {
        "ledger_debit": Figure(
            N_("Debit of the ledger"),
            "currency",
            N_("Σ debit over the whole ledger"),
            source="FEC",
        ),
        "ledger_credit": Figure(
            N_("Credit of the ledger"),
            "currency",
            N_("Σ credit over the whole ledger"),
            source="FEC",
        ),
        "ledger_linked_share": Figure(
            N_("Revenue linked to a customer"),
            "ratio",
            N_("Revenue of accounts 70 whose entry names a customer ÷ revenue in the ledger"),
            good="up",
            decimals=1,
            source="FEC",
        ),
    },
)
def ledger_totals(ledger: ir.Table) -> ir.Table:
    """Totals of the whole ledger: revenue, debit, credit, share linked to a customer.

    Formula     whole_revenue = Σ (credit − debit) of accounts 70, opening and closing entries left
                out; ledger_debit = Σ debit and ledger_credit = Σ credit of all lines;
                ledger_linked_share = that revenue on lines whose entry names a customer ÷
                whole_revenue
    Unit        currency; share 0 to 1
    Population  one row over all lines of the ledger given, whatever their date
    Undefined   whole_revenue is NULL without a line on accounts 70, ledger_linked_share also where
                it is 0; the other sums without a line
    Source      French ledger (FEC): LPF art. A.47 A-1 (method §5)

    Columns     whole_revenue, ledger_debit, ledger_credit, ledger_linked_share
    """
    t = _amounts(ledger)
    sales = t.account.startswith("70") & ~t.opening & ~t.closing
    sums = t.agg(
        whole_revenue=(-t.balance).sum(where=sales),
        ledger_debit=t.debit.sum(),
        ledger_credit=t.credit.sum(),
        linked=(-t.balance).sum(where=sales & t.customer_id.notnull()).fill_null(0.0),
    )
    return sums.mutate(ledger_linked_share=sums.linked / sums.whole_revenue.nullif(0.0)).drop(
        "linked"
    )


def _once(ledger: ir.Table) -> ir.Table:
    """Lines without the opening entries of later exercises,
    and without those that empty all balances on an exercise's last day.

    What they carry forward stands in the entries of the exercises before.
    """
    first = ledger.group_by("exercise").agg(first=ledger.date.min())
    t = ledger.left_join(first, "exercise").drop("exercise_right")
    # on the closing day: the balances leave, and come back with the next opening
    emptied = t.date.cast("string") == t.exercise
    return t.filter(
        ~t.opening | ((t["first"] == first["first"].min().as_scalar()) & ~emptied)
    ).drop("first")


@measure(N_("Debit and credit by class of accounts"))
def account_classes(ledger: ir.Table) -> ir.Table:
    """Debit, credit and balance by the first two digits of the account.

    Formula     Σ debit, Σ credit, balance = debit − credit; what is carried forward is counted
                once: opening entries of later exercises, and opening entries dated on the closing
                day, are left out
    Unit        currency
    Population  one row a class of two digits that has a line
    Undefined   never: a ledger without lines gives an empty table
    Source      French chart of accounts (PCG), from the ledger (method §5)

    Columns     account_class, debit, credit, balance (debit − credit)
    """
    t = _amounts(_once(ledger))
    classes = t.group_by(account_class=t.account.substr(0, 2)).agg(
        debit=t.debit.sum(), credit=t.credit.sum(), balance=t.balance.sum()
    )
    return classes.order_by("account_class")


@measure(N_("Doubtful customers in the ledger"))
def doubtful_accounts(ledger: ir.Table) -> ir.Table:
    """Accounts of doubtful customers (416), their impairment (491) and losses on them (654).

    Formula     Σ debit, Σ credit, balance = debit − credit by account; what is carried forward is
                counted once
    Unit        currency
    Population  one row an account that begins with 416, 491 or 654 and has a line
    Undefined   never: without such a line the table is empty
    Source      French chart of accounts (PCG), from the ledger (method §5)

    Columns     account, account_label, debit, credit, balance
    """
    t = _amounts(_once(ledger))
    t = t.filter(
        t.account.startswith("416") | t.account.startswith("491") | t.account.startswith("654")
    )
    sums = t.group_by("account").agg(
        account_label=t.account_label.max(),
        debit=t.debit.sum(),
        credit=t.credit.sum(),
        balance=t.balance.sum(),
    )
    return sums.order_by("account")


@measure(N_("Claims on customers in the ledger, year by year"))
def ledger_claims(
    ledger: ir.Table, periods: Sequence[Bucket], as_of: dt.date | None = None
) -> pd.DataFrame:
    """What the ledger holds on claims at the end of each period, what was lost and what came back.

    Formula     411, 416 and 491: debit − credit of all lines up to the end of the period, what is
                carried forward counted once; 654 and 7714: debit − credit of its own lines, those
                that open or close an exercise left out
    Unit        currency; 491 and 7714 stand on the credit side, below zero
    Population  one row an account group of CLAIM_ACCOUNTS with a line; one column a period (its
                position)
    Undefined   NaN in a period in which the ledger has no line at all; without a line of these
                accounts the table is empty
    Source      French chart of accounts (PCG): customers, doubtful customers, impairment, losses on
                claims, recoveries of claims written off

    Parameters  as_of: the last day that counts (None: the last one of the ledger)
    Columns     account, then one a period
    """
    known = ledger if as_of is None else ledger.filter(ledger.date <= ibis.date(as_of))
    t, rows = _amounts(_once(known)), []
    lines = known.agg(
        **{
            str(at): known.date.between(ibis.date(bucket.start), ibis.date(bucket.end)).sum()
            for at, bucket in enumerate(periods)
        }
    )
    told = lines.execute().iloc[0] > 0
    for account, carried in CLAIM_ACCOUNTS.items():
        own = t.filter(t.account.startswith(account))
        within = own.filter(~own.opening & ~own.closing)
        values = {
            str(at): own.balance.sum(where=own.date <= ibis.date(bucket.end))
            if carried
            else within.balance.sum(
                where=within.date.between(ibis.date(bucket.start), ibis.date(bucket.end))
            )
            for at, bucket in enumerate(periods)
        }
        source = own if carried else within
        sums = source.agg(lines=source.count(), **values).execute().iloc[0]
        if sums.lines:
            # no line of the account in a year of the ledger: nothing stands on it
            held = sums.drop("lines").astype(float).fillna(0.0).where(told)
            rows.append({"account": account, **held.to_dict()})
    return pd.DataFrame(rows, columns=["account", *(str(at) for at in range(len(periods)))])


@measure(N_("Customers that the ledger has given up or doubts"))
def doubtful_customers(ledger: ir.Table, as_of: dt.date) -> ir.Table:
    """Customers that the ledger has given up or doubts up to a day.

    Formula     the customers for which the rule below holds over the lines up to `as_of`, what is
                carried forward counted once
    Unit        identifiers
    Population  one row a customer
    Undefined   never: without such a customer the table is empty
    Source      French chart of accounts (PCG), from the ledger (method §5: doubtful customers)

    Rule        a loss on accounts 654 in an entry that names the customer or takes it off accounts
                416, or a debit balance of its lines on accounts 416, of a cent or more
    Columns     customer_id
    """
    t = _amounts(_once(ledger.filter(ledger.date <= ibis.date(as_of))))
    named = ibis.coalesce(
        t.customer_id, t.account.startswith("416").ifelse(t.auxiliary, ibis.null("string"))
    )
    t = t.mutate(
        customer=named, loss=t.account.startswith("654"), doubt=t.account.startswith("416")
    )
    losses = t.filter(t.loss).select("entry").distinct()
    off = t.filter(t.doubt & (t.balance < 0) & t.customer.notnull()).select("entry", "customer")
    by_entry = (
        off.join(losses, "entry")
        .group_by(customer_id="customer")
        .agg(lost=lambda entry: entry.count() > 0, doubted=lambda entry: entry.count() * 0.0)
    )
    own = t.filter(t.customer.notnull())
    sums = own.group_by(customer_id=own.customer).agg(
        lost=own.loss.any(),
        doubted=own.balance.sum(where=own.doubt).fill_null(0.0),  # no line on 416: not doubted
    )
    both = ibis.union(sums, by_entry)
    return (
        both.filter(both.lost | (both.doubted >= 0.01))
        .group_by("customer_id")
        .agg()
        .order_by("customer_id")
    )


@measure(
    N_("Revenue on accounts 70 of each period"),
    {
        "ledger_revenue": Figure(
            N_("Revenue of the ledger"),
            "currency",
            N_("Credit − debit of accounts 70 in the audit period, linked to a customer or not"),
            good="up",
        ),
    },
)
def ledger_revenue_by_bucket(ledger: ir.Table, periods: Sequence[Bucket]) -> ir.Table:
    """Revenue of each period on accounts 70, linked to a customer or not.

    Formula     Σ (credit − debit) of accounts 70; entries that open or close an exercise left out
    Unit        currency
    Population  one row a period that has a line on accounts 70
    Undefined   a period without such a line has no row
    Source      French chart of accounts (PCG), from the ledger (method §5)

    Columns     bucket (position in `periods`), revenue
    """
    t = _in_buckets(ledger.filter(ledger.account.startswith("70")), periods)
    return t.group_by("bucket").agg(revenue=(-t.balance).sum()).order_by("bucket")


@measure(N_("Result of every account of classes 6 and 7"))
def account_results(ledger: ir.Table, periods: Sequence[Bucket]) -> ir.Table:
    """Result of every account of classes 6 and 7 in each period.

    Formula     Σ (credit − debit); entries that open or close an exercise left out
    Unit        currency
    Population  one row a period and account with a line
    Undefined   an account without a line in a period has no row
    Source      French chart of accounts (PCG), from the ledger (method §5)

    Columns     bucket (position in `periods`), account, result
    """
    t = _in_buckets(ledger.filter(ledger.account.substr(0, 1).isin(["6", "7"])), periods)
    return (
        t.group_by("bucket", "account").agg(result=(-t.balance).sum()).order_by("bucket", "account")
    )


@measure(N_("Intermediate balances (soldes intermédiaires de gestion)"))
def intermediate_balances(
    results: pd.DataFrame, balances: Sequence[Balance], period_count: int
) -> pd.DataFrame:
    """The French intermediate balances (soldes intermédiaires de gestion) of each period.

    Formula     a balance = Σ balances it starts from + Σ (credit − debit) of its accounts, where an
                account belongs to the balance with the longest prefix of it; the last one is the
                sum of all results
    Unit        currency
    Population  one row a balance, in the order given; one column a period (its position)
    Undefined   never: a balance without an account in a period has 0 from its accounts
    Source      French chart of accounts (PCG), soldes intermédiaires de gestion (method §5)

    Parameters  results: bucket, account, result (of `account_results`); balances in order, each
                from the ones before it
    Columns     name, then one a period
    """
    prefixes = sorted(
        ((prefix, b.name) for b in balances for prefix in b.accounts),
        key=lambda item: -len(item[0]),
    )

    def owner(account: str) -> str:
        return next(
            (name for prefix, name in prefixes if account.startswith(prefix)), balances[-1].name
        )

    own = results.assign(name=results.account.map(owner)).groupby(["name", "bucket"]).result.sum()
    rows: dict[str, list[float]] = {}
    for balance in balances:
        inherited = [
            sum(parts) for parts in zip(*(rows[name] for name in balance.starts_from), strict=True)
        ] or [0.0] * period_count
        # no account of this balance in a period: nothing to add
        rows[balance.name] = [
            inherited[position] + float(own.get((balance.name, position), 0.0))
            for position in range(period_count)
        ]
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("name").reset_index()


def _amounts(ledger: ir.Table) -> ir.Table:
    """Debit, credit and balance as floating numbers."""
    t = ledger.mutate(debit=ledger.debit.cast("float64"), credit=ledger.credit.cast("float64"))
    return t.mutate(balance=t.debit - t.credit)


def _in_buckets(ledger: ir.Table, periods: Sequence[Bucket]) -> ir.Table:
    """Lines with the position of their period; entries that open or close an exercise left out."""
    t = _amounts(ledger.filter(~ledger.closing & ~ledger.opening))
    t = t.mutate(bucket=position_in(t.date, periods))
    return t.filter(t.bucket.notnull())
