"""What a legal ledger (FEC) says of the other tables: sales by customer, costs by account, receivables, customers.

An entry is what a journal and a number hold together in one exercise. A sale is a line on accounts 70; its customer is the
auxiliary of accounts 411 in the same entry, or on the same piece of an entry with several customers. A table that the client
gave is never replaced.
"""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from itertools import pairwise

import duckdb

from carnet.contracts import TableCheck
from carnet.engagement import Engagement
from carnet.errors import CarnetError, examples
from carnet.profiles import chart_of_accounts
from carnet.schema import TABLES
from carnet.sources.base import SourceFile, quoted
from carnet.sources.fec import LEGAL_NAME, closing_of
from carnet.wording import N_, Notice

FILLED = ("sales", "customers", "costs", "receivables")
LABELS = [name for name, column in TABLES["ledger"].columns.items() if not column.required]
WELL_LINKED = 0.995  # share of the revenue that names a customer, from which there is nothing to warn of
GAP_DAYS = 31  # without any entry between two exercises: one is missing
_LEDGER = Notice(N_("ledger"))


def fill_tables(
    con: duckdb.DuckDBPyConnection, check: TableCheck, files: list[SourceFile], engagement: Engagement, as_of: dt.date
) -> dict[str, TableCheck]:
    """Annotate `accepted_ledger` (see `_annotate`) and create the accepted tables of FILLED that the engagement does not give.

    Returns the row ledgers of the tables created, up to `as_of`. Tables of customers are created only when in every exercise
    at least `linked_share_minimum` of the revenue names a customer; the list of customers only with the sales it belongs to.
    What the reader must know (balance, entries, linked share) is added to the ledger's own notices.

    Raises CarnetError when no line was accepted, or when the files are of several companies.
    """
    companies = sorted({found[0][:9] for file in files if (found := LEGAL_NAME.match(file.path.name))})
    if len(companies) > 1:
        raise CarnetError(f"ledger: the files are of {len(companies)} companies ({examples(companies)}). Audit one company at a time.")
    if not check.accepted_rows:
        told = ", ".join(f"{count:,} × {reason}" for reason, count in list(check.reasons.items())[:5])
        raise CarnetError(f"ledger: none of {check.rows:,} lines was accepted ({told or 'the files hold no lines'}).")
    _annotate(con, check, files)
    _report(con, check)
    refused = _report_linked_share(con, check, engagement.linked_share_minimum)
    made = {}
    for name in FILLED:
        if name in engagement.tables or (refused and name != "costs") or (name == "customers" and "sales" in engagement.tables):
            continue
        con.execute(f"CREATE TABLE accepted_{name} AS {_SELECTIONS[name].format(as_of=quoted(str(as_of)))}")
        if name == "costs":
            classify_costs(con, engagement.cost_behaviour, chart_of_accounts()["behaviour"])
        made[name] = _check_of(con, name)
    if "sales" in made and not made["sales"].rows:
        raise CarnetError(f"ledger: no sale up to as_of {as_of}. Raise as_of in engagement.yml or add the earlier exercises.")
    _report_unmatched(con, check)
    return made


def classify_costs(con: duckdb.DuckDBPyConnection, *mappings: Mapping[str, str]) -> None:
    """Fill the missing `behaviour` of `accepted_costs`: the longest prefix of its account, or of a category that is one, or the name of its category, in the first mapping that has one."""
    present = {row[0] for row in con.execute("DESCRIBE accepted_costs").fetchall()}
    if "behaviour" not in present:
        con.execute("ALTER TABLE accepted_costs ADD COLUMN behaviour VARCHAR")
    by_category = (
        "category = {0} OR (regexp_matches(category, '^6[0-9]{{2,}}') AND starts_with(category, {0}))"  # a name, or a number of account
    )
    account = f"starts_with(account, {{0}}) OR {by_category}" if "account" in present else by_category
    cases = [
        f"WHEN {account.format(quoted(prefix))} THEN {quoted(behaviour)}"
        for mapping in mappings
        for prefix, behaviour in sorted(mapping.items(), key=lambda item: (-len(item[0]), item[0]))
    ]
    if cases:
        con.execute(f"UPDATE accepted_costs SET behaviour = CASE {' '.join(cases)} END WHERE behaviour IS NULL")


def _annotate(con: duckdb.DuckDBPyConnection, check: TableCheck, files: list[SourceFile]) -> None:
    """Add to every accepted line: exercise, entry (NULL when it cannot be rebuilt), opening, closing, customer_id, role.

    exercise   closing date of the legal file name, else the file
    entry      exercise, journal and number; the date too where one number stands on balanced lines of several dates (numbers that
               restart); date and piece where a line has no number
    opening    carries balances of an earlier exercise forward; closing: empties classes 6 and 7 into account 12 on the last day
    role       of a customer's line on accounts 411: opening, invoice (sales, deposits, credit notes), transfer (to doubtful
               customers) or payment
    """
    closings = ", ".join(quoted(closing_of(file.name) or f"file {index + 1}") for index, file in enumerate(files))
    missing = [name for name in LABELS if name not in check.columns]
    empty = "".join(f", NULL::{'DATE' if name.endswith('_date') else 'VARCHAR'} AS {name}" for name in missing)
    check.columns += missing
    con.execute(
        f"""CREATE TABLE ledger_line AS SELECT *{empty}, list_extract([{closings}], _file + 1) AS exercise FROM accepted_ledger;
        CREATE TABLE ledger_exercise AS SELECT exercise, min(first) AS first, max(last) AS last, min(lowest) = max(highest) AND max(pieces) > 2 AS lost
            FROM (SELECT exercise, journal, min(date) AS first, max(date) AS last, min(coalesce(number, '')) AS lowest, max(coalesce(number, '')) AS highest,
            count(DISTINCT (date, piece)) AS pieces FROM ledger_line GROUP BY ALL) GROUP BY exercise;
        CREATE TABLE ledger_numbered AS SELECT l.*, x.first, x.last,
            CASE WHEN x.lost THEN NULL WHEN number IS NULL THEN concat_ws('|', exercise, journal, '', date, piece)
            ELSE concat_ws('|', exercise, journal, number) END AS same_number FROM ledger_line l JOIN ledger_exercise x USING (exercise);
        CREATE TABLE ledger_restarted AS SELECT same_number FROM (SELECT same_number, date, sum(debit - credit) AS gap FROM ledger_numbered
            WHERE same_number IS NOT NULL GROUP BY ALL) GROUP BY same_number HAVING count(*) > 1 AND bool_and(gap = 0);
        CREATE TABLE ledger_entry AS SELECT n.* EXCLUDE (same_number), CASE WHEN r.same_number IS NULL THEN n.same_number
            ELSE concat_ws('|', n.same_number, n.date) END AS entry, coalesce(entry, concat_ws('|', exercise, journal, n.date)) AS batch
            FROM ledger_numbered n LEFT JOIN ledger_restarted r USING (same_number)"""
    )
    with_auxiliary, named = con.execute(
        "SELECT count(auxiliary), count(DISTINCT account) FILTER (NOT regexp_full_match(account, '4110*')) FROM ledger_line WHERE starts_with(account, '411')"
    ).fetchall()[0]
    own_account = "nullif(account, '411000')" if named and not with_auxiliary else "NULL"  # a customer may be an account of its own
    con.execute(
        f"""CREATE TABLE ledger_debtor AS SELECT *, CASE WHEN starts_with(account, '411') THEN coalesce(auxiliary, {own_account}) END AS debtor FROM ledger_entry;
        CREATE TABLE entry_debtor AS SELECT entry, CASE WHEN count(DISTINCT debtor) = 1 THEN min(debtor) END AS only
            FROM ledger_debtor WHERE entry IS NOT NULL GROUP BY entry;
        CREATE TABLE piece_debtor AS SELECT entry, piece, CASE WHEN count(DISTINCT debtor) = 1 THEN min(debtor) END AS only
            FROM ledger_debtor WHERE entry IS NOT NULL AND piece IS NOT NULL GROUP BY entry, piece;
        CREATE TABLE ledger_batch AS SELECT batch, bool_or(account[1] IN ('6', '7')) AS operating, bool_or(starts_with(account, '12')) AS result,
            bool_or(account[1] = '5') AS banked, bool_or(account[:3] IN ('416', '491', '654')) AS doubtful,
            bool_or(account[1] = '7' OR account[:4] IN ('4457', '4191')) AS billing, bool_or({_OPENING}) AS carried FROM ledger_entry GROUP BY batch;
        DROP TABLE accepted_ledger;
        CREATE TABLE accepted_ledger AS SELECT l.* EXCLUDE (debtor, batch, first, last), b.carried AND NOT b.operating AS opening,
            b.operating AND b.result AND l.date = l.last AS closing, coalesce(l.debtor, e.only, p.only) AS customer_id,
            CASE WHEN l.debtor IS NULL THEN NULL WHEN opening THEN 'opening' WHEN b.billing AND (NOT b.banked OR l.debit > l.credit) THEN 'invoice'
            WHEN b.doubtful THEN 'transfer' ELSE 'payment' END AS role
            FROM ledger_debtor l JOIN ledger_batch b USING (batch) LEFT JOIN entry_debtor e ON e.entry = l.entry
            LEFT JOIN piece_debtor p ON p.entry = l.entry AND p.piece = l.piece ORDER BY l._file, l._row"""
    )
    for table in ("line", "numbered", "restarted", "entry", "debtor", "batch"):
        con.execute(f"DROP TABLE ledger_{table}")


_PLAIN = "strip_accents(lower(coalesce({}, '')))"
_OPENING = rf"""upper(coalesce(journal, '')) IN ('AN', 'ANO', 'AD', 'RAN', 'OUV', 'ANOUV', 'RN') OR starts_with(account, '89')
    OR regexp_matches({_PLAIN.format("journal_label")}, '\b(a[ -]nouveaux?|ouverture|reports?)\b')
    OR (date = first AND regexp_matches({_PLAIN.format("label")}, '\b(a[ -]nouveaux?|ouverture|reports?|reprise)\b'))"""


def _report(con: duckdb.DuckDBPyConnection, check: TableCheck) -> None:
    """Notices: exercises and entries that do not balance, entries that cannot be rebuilt or close the year, exercises that are missing."""

    def tell(message: str, **values: object) -> None:
        check.notices.append(Notice(message, {"table": _LEDGER, **values}))

    exercises = con.execute("SELECT exercise, first, last, lost FROM ledger_exercise ORDER BY first, exercise").fetchall()
    lost = [exercise for exercise, _, _, is_lost in exercises if is_lost]
    if lost:
        message = N_(
            "{table}: every line of {exercises} has the same entry number: its entries cannot be rebuilt, no sale can be linked to a customer."
        )
        tell(message, exercises=examples(lost))
    for (_, _, before, _), (_, after, _, _) in pairwise(exercises):
        if (after - before).days > GAP_DAYS:
            tell(N_("{table}: no entry between {before} and {after}: an exercise is missing."), before=str(before), after=str(after))
    off = (
        "SELECT exercise, sum(debit), sum(credit) FROM accepted_ledger GROUP BY exercise HAVING sum(debit) <> sum(credit) ORDER BY exercise"
    )
    for exercise, debit, credit in con.execute(off).fetchall():
        message = N_("{table}: {exercise} does not balance: debit {debit}, credit {credit}, difference {difference}.")
        tell(message, exercise=exercise, debit=f"{debit:.2f}", credit=f"{credit:.2f}", difference=f"{debit - credit:.2f}")
    entries = con.execute(
        "SELECT journal, number, sum(debit - credit), min(_row) FROM accepted_ledger WHERE entry IS NOT NULL GROUP BY entry, journal, number "
        "HAVING sum(debit) <> sum(credit) ORDER BY min(_file), min(_row)"
    ).fetchall()
    if entries:
        some = examples(f"{journal} {number} (row {row}): {gap:+.2f}" for journal, number, gap, row in entries)
        tell(N_("{table}: entries whose debit is not their credit: {count} ({examples})."), count=len(entries), examples=some)
    closing = con.execute("SELECT count(DISTINCT (exercise, journal, number)) FROM accepted_ledger WHERE closing").fetchall()[0][0]
    if closing:
        tell(N_("{table}: entries that close classes 6 and 7 into the result, left out of sales and costs: {count}."), count=closing)


def _report_linked_share(con: duckdb.DuckDBPyConnection, check: TableCheck, minimum: float) -> bool:
    """Tell which share of the revenue on accounts 70 names a customer; True when one exercise is below the minimum, or has none to tell."""
    rows = con.execute(
        "SELECT exercise, sum(credit - debit) AS total, coalesce(sum(credit - debit) FILTER (customer_id IS NOT NULL), 0) FROM accepted_ledger "
        "WHERE starts_with(account, '70') AND NOT closing GROUP BY exercise HAVING total <> 0 ORDER BY exercise"
    ).fetchall()
    total = sum((row[1] for row in rows), Decimal(0))
    if not total:
        check.notices.append(Notice(N_("{table}: no revenue on accounts 70, nothing is linked to a customer."), {"table": _LEDGER}))
        return True
    overall = float(sum((row[2] for row in rows), Decimal(0)) / total)
    check.linked_share, exercise = min((float(linked / revenue), exercise) for exercise, revenue, linked in rows)
    if overall < WELL_LINKED:
        message = N_("{table}: revenue linked to a customer: {linked_share}.")
        check.notices.append(Notice(message, {"table": _LEDGER, "linked_share": overall}, 1 - overall))
    if check.linked_share >= minimum:
        return False
    message = N_(
        "{table}: in {exercise} {linked_share} of revenue is linked to a customer, below {minimum_share}: sections on customers are refused; costs and margins are not."
    )
    values = {"exercise": exercise, "linked_share": check.linked_share, "minimum_share": minimum}
    check.notices.append(Notice(message, {"table": _LEDGER, **values}))
    return True


def _report_unmatched(con: duckdb.DuckDBPyConnection, check: TableCheck) -> None:
    """Tell how many payments name no invoice of the ledgers given by their lettrage."""
    count = con.execute(f"WITH {_MATCHED.format(as_of=quoted('9999-12-31'))} SELECT count(*) FROM free_payment").fetchall()[0][0]
    if count:
        message = N_("{table}: payments whose lettrage names no invoice, set against the customer's oldest open ones: {count}.")
        check.notices.append(Notice(message, {"table": _LEDGER, "count": count}))


# A lettered invoice is paid on the last payment of its letter. Payments whose letter holds no invoice (an opening balance, or no
# letter at all) pay the customer's open invoices, oldest first. Opening lines are invoices in the first exercise only.
_MATCHED = """past AS (FROM accepted_ledger WHERE date <= {as_of}),
    owed AS (SELECT *, CASE WHEN letter IS NOT NULL THEN concat_ws('|', customer_id, letter, coalesce(CAST(letter_date AS VARCHAR), exercise)) END AS mark,
        role = 'invoice' OR (role = 'opening' AND exercise = (SELECT exercise FROM ledger_exercise ORDER BY first, exercise LIMIT 1)) AS bill
        FROM past WHERE role IS NOT NULL),
    lettered AS (SELECT mark, bool_or(bill) AS has_bill, CASE WHEN bool_or(role = 'payment') THEN max(date) FILTER (role = 'payment')
        WHEN NOT bool_or(role = 'transfer') THEN max(coalesce(letter_date, date)) END AS paid_date FROM owed WHERE mark IS NOT NULL GROUP BY mark),
    bill AS (SELECT customer_id, coalesce(piece_date, date) AS invoice_date, debit - credit AS amount, l.paid_date, _file, _row
        FROM owed LEFT JOIN lettered l USING (mark) WHERE bill),
    free_payment AS (SELECT customer_id, date, credit - debit AS amount, _file, _row FROM owed LEFT JOIN lettered l USING (mark)
        WHERE role = 'payment' AND credit > debit AND NOT coalesce(l.has_bill, false))"""
_QUEUE = "sum(amount) OVER (PARTITION BY customer_id ORDER BY {}, _file, _row) AS upto"
_SELECTIONS = {
    "sales": """SELECT customer_id, date, CAST(credit - debit AS DECIMAL(18, 4)) AS amount, coalesce(piece, entry) AS order_id, account_label AS offer, _file, _row
        FROM accepted_ledger WHERE date <= {as_of} AND starts_with(account, '70') AND NOT closing AND customer_id IS NOT NULL ORDER BY _file, _row""",
    "customers": """SELECT customer_id, coalesce(last(auxiliary_label ORDER BY date, _file, _row) FILTER (auxiliary_label IS NOT NULL AND auxiliary = customer_id),
        last(account_label ORDER BY date, _file, _row) FILTER (account = customer_id), customer_id) AS name, max(_file) AS _file, max(_row) AS _row
        FROM accepted_ledger WHERE date <= {as_of} AND role IS NOT NULL GROUP BY customer_id ORDER BY customer_id""",
    "costs": """SELECT date AS period_start, date AS period_end, last(account_label ORDER BY _file, _row) AS category,
        CAST(sum(debit - credit) AS DECIMAL(18, 4)) AS amount, account, min(_file) AS _file, min(_row) AS _row
        FROM accepted_ledger WHERE date <= {as_of} AND account[1] = '6' AND NOT closing GROUP BY date, account ORDER BY date, account""",
    "receivables": f"""WITH {_MATCHED},
        queue AS (SELECT *, {_QUEUE.format("invoice_date")} FROM bill WHERE paid_date IS NULL AND amount > 0),
        payment AS (SELECT *, {_QUEUE.format("date")} FROM free_payment),
        part AS (SELECT q._file, q._row, p.date AS paid_date, least(q.upto, p.upto) - greatest(q.upto - q.amount, p.upto - p.amount) AS amount
            FROM queue q JOIN payment p ON p.customer_id = q.customer_id AND p.upto - p.amount < q.upto AND q.upto - q.amount < p.upto),
        rest AS (SELECT _file, _row, amount - coalesce((SELECT sum(amount) FROM part p WHERE p._file = b._file AND p._row = b._row), 0) AS amount
            FROM bill b WHERE paid_date IS NULL)
        SELECT customer_id, invoice_date, CAST(r.amount AS DECIMAL(18, 4)) AS amount, CAST(r.paid_date AS DATE) AS paid_date, _file, _row FROM (
            SELECT _file, _row, amount, paid_date FROM bill WHERE paid_date IS NOT NULL UNION ALL SELECT _file, _row, amount, paid_date FROM part
            UNION ALL SELECT _file, _row, amount, NULL FROM rest WHERE amount <> 0) r
        JOIN (SELECT _file, _row, customer_id, invoice_date FROM bill) USING (_file, _row) ORDER BY _file, _row, paid_date""",
}


def _check_of(con: duckdb.DuckDBPyConnection, name: str) -> TableCheck:
    """The row ledger of a table that the ledger filled: rows made, all accepted."""
    columns = [row[0] for row in con.execute(f"DESCRIBE accepted_{name}").fetchall() if not row[0].startswith("_")]
    total = "amount" if "amount" in columns else None
    rows, amount = con.execute(
        f"SELECT count(*), {'coalesce(sum(amount), 0)' if total else '0::DECIMAL(18, 4)'} FROM accepted_{name}"
    ).fetchall()[0]
    return TableCheck(name, total, columns, {}, source="ledger", rows=rows, accepted_rows=rows, amount=amount, accepted_amount=amount)
