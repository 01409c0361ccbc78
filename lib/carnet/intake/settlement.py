"""Which invoice of the legal ledger is settled by what: what stays open of each customer is the
balance of its accounts 411 and 416.

    debts      debits of the customer's accounts: invoices, balances carried forward into the first
               exercise, refunds
    credits    payments, credit notes, losses (an entry with account 654)
    left out   balances carried forward into later exercises, and the transfer of a claim to
               doubtful customers: the same claim under another number

A letter (lettrage) whose debts equal its credits is settled on its last payment, unless a part
of it is lost. Debts of other letters are settled by the credits of the letter, then debts of a
customer by what is left of its credits: oldest first. A credit note without a letter stays open
beside the debts of a customer whose claims are lettered: nobody has set it against one of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import duckdb

from carnet.intake.sources.base import quoted

_ITEMS = """CREATE OR REPLACE TABLE item AS SELECT row_number() OVER (ORDER BY date, _file, _row) AS id, customer_id, date AS day,
        CASE WHEN role = 'invoice' AND piece_date <= date THEN piece_date ELSE date END AS document, abs(debit - credit) AS amount, debit > credit AS is_debt,
        CASE WHEN debit > credit THEN CASE WHEN role = 'payment' THEN 'refund' ELSE 'debt' END WHEN role = 'invoice' THEN 'note' WHEN role = 'loss' THEN 'loss' ELSE 'payment' END AS kind,
        CASE WHEN letter IS NOT NULL THEN concat_ws('|', customer_id, letter, coalesce(CAST(letter_date AS VARCHAR), exercise)) END AS mark,
        letter_date, _file, _row
    FROM accepted_ledger
    WHERE role IS NOT NULL AND role <> 'transfer' AND debit <> credit AND date <= {as_of}
        AND NOT (opening AND (CAST(date AS VARCHAR) = exercise OR exercise <> (SELECT exercise FROM exercise_span ORDER BY start LIMIT 1)))"""  # noqa: E501
_SETTLED = """CREATE OR REPLACE TABLE settled AS SELECT mark, coalesce(max(day) FILTER (kind IN ('payment', 'loss', 'refund')), max(coalesce(letter_date, day))) AS paid_date,
        bool_or(kind = 'loss') AS lost
    FROM item WHERE mark IS NOT NULL GROUP BY mark HAVING sum(CASE WHEN is_debt THEN amount ELSE -amount END) = 0
        AND NOT (bool_or(kind = 'loss') AND bool_or(kind IN ('payment', 'note')))"""  # noqa: E501
_LEFT = """SELECT i.*, i.amount - coalesce(p.matched, 0) AS rest FROM item i ANTI JOIN settled USING (mark) LEFT JOIN (SELECT id, sum(amount) AS matched
    FROM (SELECT debt AS id, amount FROM part UNION ALL SELECT credit, amount FROM part) GROUP BY id) p ON p.id = i.id"""  # noqa: E501
_MATCH = """INSERT INTO part WITH open_item AS ({left}),
        queued AS (SELECT id, {by} AS place, is_debt, rest, sum(rest) OVER (PARTITION BY {by}, is_debt ORDER BY day, _file, _row) AS upto
            FROM open_item WHERE {by} IS NOT NULL AND rest > 0 AND {those})
    SELECT d.id, c.id, least(d.upto, c.upto) - greatest(d.upto - d.rest, c.upto - c.rest)
    FROM queued d JOIN queued c ON d.place = c.place AND d.is_debt AND NOT c.is_debt AND c.upto - c.rest < d.upto AND d.upto - d.rest < c.upto"""  # noqa: E501
_NOT_KEPT_OPEN = (
    "(kind <> 'note' OR customer_id NOT IN (SELECT customer_id FROM item WHERE mark IS NOT NULL))"
)
_SIGNED = "CASE WHEN i.is_debt THEN {0} ELSE -{0} END"
_WHOLE = f"""SELECT i.customer_id, i.document AS invoice_date, {_SIGNED.format("i.amount")} AS amount, s.paid_date, i._file, i._row, s.lost
    FROM item i JOIN settled s USING (mark) WHERE i.kind IN ('debt', 'note')"""  # noqa: E501
_PARTS = """SELECT i.customer_id, i.document, p.amount, c.day, i._file, i._row, c.kind = 'loss' FROM part p JOIN item c ON c.id = p.credit JOIN item i ON i.id = p.debt
    WHERE i.kind = 'debt'
    UNION ALL SELECT c.customer_id, c.document, -p.amount, c.day, c._file, c._row, false FROM part p JOIN item c ON c.id = p.credit WHERE c.kind = 'note'"""  # noqa: E501
_OPEN = f"""SELECT i.customer_id, i.document, {_SIGNED.format("i.rest")}, NULL::DATE, i._file, i._row, false FROM ({_LEFT}) i WHERE i.rest <> 0"""  # noqa: E501


@dataclass(frozen=True)
class WrittenOff:
    """A customer whose claim was given up: the loss with its taxes, the day,
    and since when it was doubtful (None: it never stood on 416).
    """

    customer_id: str
    amount: Decimal
    day: object
    doubtful_since: object


def settle(con: duckdb.DuckDBPyConnection, as_of: str) -> int:
    """Create `receivable` of `accepted_ledger` up to a day: customer_id, invoice_date, amount,
    paid_date (NULL: open), _file, _row, lost.

    A credit that nothing is set against stays as a negative amount. Returns how many payments
    no letter sets against a debt.
    """
    con.execute(_ITEMS.format(as_of=quoted(as_of)))
    con.execute(_SETTLED)
    con.execute("CREATE OR REPLACE TABLE part (debt BIGINT, credit BIGINT, amount DECIMAL(38, 4))")
    con.execute(_MATCH.format(left=_LEFT, by="mark", those="true"))
    free = con.execute(
        f"SELECT count(*) FROM ({_LEFT}) WHERE kind = 'payment' AND rest > 0"
    ).fetchall()[0][0]
    # deducted from a payment
    con.execute(_MATCH.format(left=_LEFT, by="customer_id", those="kind IN ('refund', 'note')"))
    con.execute(_MATCH.format(left=_LEFT, by="customer_id", those=_NOT_KEPT_OPEN))
    con.execute(
        f"CREATE OR REPLACE TABLE receivable AS {_WHOLE} UNION ALL {_PARTS} UNION ALL {_OPEN}"
    )
    for table in ("item", "settled", "part"):
        con.execute(f"DROP TABLE {table}")
    return free


def written_off(con: duckdb.DuckDBPyConnection, as_of: str) -> Sequence[WrittenOff]:
    """Who was written off up to a day, the largest loss first."""
    day = quoted(as_of)
    found = con.execute(
        f"SELECT l.customer_id, sum(l.credit - l.debit), max(l.date), any_value(d.since) "
        f"FROM accepted_ledger l LEFT JOIN (SELECT customer_id, min(date) AS since FROM "
        f"accepted_ledger WHERE starts_with(account, '416') AND debit > credit AND date <= {day} "
        f"GROUP BY customer_id) d USING (customer_id) WHERE l.role = 'loss' AND l.date <= {day} "
        f"GROUP BY l.customer_id ORDER BY 2 DESC, 1"
    ).fetchall()
    return [WrittenOff(*row) for row in found]
