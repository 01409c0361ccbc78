"""What a legal ledger (FEC) says of the other tables: sales by customer, costs by account,
receivables, customers.

An entry is what a journal and a number hold together in one exercise. A sale is a line on accounts
70; its customer is the auxiliary of accounts 411 in the same entry, or on the same piece of an
entry with several customers. A table that the client gave is never replaced.
"""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import duckdb

from carnet.engagement.file import Engagement
from carnet.engagement.profiles import chart_of_accounts
from carnet.engagement.schema import TABLES
from carnet.errors import CarnetError, examples
from carnet.intake.checks import TableCheck
from carnet.intake.exercises import OPENING_JOURNAL, OPENING_LABEL, find_exercises
from carnet.intake.settlement import settle, written_off
from carnet.intake.sources.base import SourceFile, quoted
from carnet.intake.sources.fec import LEGAL_NAME, unread_ledgers
from carnet.wording import N_, Notice

FILLED = ("sales", "customers", "costs", "receivables")
LABELS = [name for name, column in TABLES["ledger"].columns.items() if not column.required]
# share of the revenue that names a customer, from which there is nothing to warn of
WELL_LINKED = 0.995
GAP_DAYS = 31  # without any entry between two exercises: one is missing
_LEDGER = Notice(N_("ledger"))


def fill_tables(
    con: duckdb.DuckDBPyConnection,
    check: TableCheck,
    files: list[SourceFile],
    engagement: Engagement,
    as_of: dt.date,
) -> dict[str, TableCheck]:
    """Annotate `accepted_ledger` (see `_annotate`) and create the accepted tables of FILLED that
    the engagement does not give.

    Returns the row ledgers of the tables created, up to `as_of`. Tables of customers are created
    only when in every exercise at least `linked_share_minimum` of the revenue names a customer;
    the list of customers only with the sales it belongs to. What the reader must know (balance,
    entries, linked share) is added to the ledger's own notices.

    Raises CarnetError when no line was accepted, or when the files are of several companies.
    """
    companies = sorted(
        {found[0][:9] for file in files if (found := LEGAL_NAME.match(file.path.name))}
    )
    if len(companies) > 1:
        raise CarnetError(
            "ledger: the files are of {companies} companies ({examples}). Audit one "
            "company at a time.",
            companies=len(companies),
            examples=examples(companies),
        )
    if not check.accepted_rows:
        told = ", ".join(
            f"{count:,} × {reason}" for reason, count in list(check.reasons.items())[:5]
        )
        raise CarnetError(
            "ledger: none of {rows} lines was accepted ({told}).",
            rows=f"{check.rows:,}",
            told=told or "the files hold no lines",
        )
    _refuse_repeated_ledgers(con, files)
    _annotate(con, check, files, (engagement.fiscal_year_start + 10) % 12 + 1)
    free_payments = settle(con, str(as_of))
    _report(con, check)
    _report_left_out(con, check, files, engagement.folder)
    refused = _report_linked_share(con, check, engagement.linked_share_minimum)
    made = {}
    for name in FILLED:
        if (
            name in engagement.tables
            or (refused and name != "costs")
            or (name == "customers" and "sales" in engagement.tables)
        ):
            continue
        con.execute(
            f"CREATE TABLE accepted_{name} AS {_SELECTIONS[name].format(as_of=quoted(str(as_of)))}"
        )
        if name == "costs":
            classify_costs(con, engagement.cost_behaviour, chart_of_accounts()["behaviour"])
        made[name] = _check_of(con, name)
    if "sales" in made and not made["sales"].rows:
        raise CarnetError(
            "ledger: no sale up to as_of {as_of}. Raise as_of in engagement.yml or add the "
            "earlier exercises.",
            as_of=as_of,
        )
    _report_unmatched(con, check, free_payments)
    _report_losses(con, check, as_of)
    return made


def classify_costs(con: duckdb.DuckDBPyConnection, *mappings: Mapping[str, str]) -> None:
    """Fill the missing `behaviour` of `accepted_costs`: the longest prefix of its account,
    or of a category that is one, or the name of its category, in the first mapping that has one.
    """
    present = {row[0] for row in con.execute("DESCRIBE accepted_costs").fetchall()}
    if "behaviour" not in present:
        con.execute("ALTER TABLE accepted_costs ADD COLUMN behaviour VARCHAR")
    by_category = (
        # a name, or a number of account
        "category = {0} OR (regexp_matches(category, '^6[0-9]{{2,}}') AND "
        "starts_with(category, {0}))"
    )
    account = (
        f"starts_with(account, {{0}}) OR {by_category}" if "account" in present else by_category
    )
    cases = [
        f"WHEN {account.format(quoted(prefix))} THEN {quoted(behaviour)}"
        for mapping in mappings
        for prefix, behaviour in sorted(mapping.items(), key=lambda item: (-len(item[0]), item[0]))
    ]
    if cases:
        con.execute(
            f"UPDATE accepted_costs SET behaviour = CASE {' '.join(cases)} END "
            f"WHERE behaviour IS NULL"
        )


def _annotate(
    con: duckdb.DuckDBPyConnection, check: TableCheck, files: list[SourceFile], closing_month: int
) -> None:
    """Add to every accepted line: exercise, entry (NULL when it cannot be rebuilt), opening,
    closing, customer_id, role.

    exercise   its closing date (see `exercises.find_exercises`)
    entry      exercise, journal and number; the date too where one number stands on balanced lines
               of several dates (numbers that restart); date and piece where a line has no number
    opening    carries balances of an earlier exercise forward, whatever their accounts; closing:
               empties classes 6 and 7 into account 12
    role       of a customer's line on accounts 411 and 416: opening, invoice (sales, deposits,
               credit notes), transfer (from 411 to 416), loss (written off), or payment. A customer
               is its auxiliary number, else the name beside it, else an account of its own
    """
    missing = [name for name in LABELS if name not in check.columns]
    empty = "".join(
        f", NULL::{'DATE' if name.endswith('_date') else 'VARCHAR'} AS {name}" for name in missing
    )
    check.columns += missing
    con.execute(f"CREATE TABLE ledger_line AS SELECT *{empty} FROM accepted_ledger")
    find_exercises(con, files, closing_month)
    con.execute(
        """CREATE TABLE ledger_told AS SELECT l.*, s.exercise, s.start, s.finish FROM ledger_line l JOIN exercise_span s ON l.date BETWEEN s.start AND s.finish;
        CREATE TABLE ledger_exercise AS SELECT exercise, min(first) AS first, max(last) AS last, min(lowest) = max(highest) AND max(pieces) > 2 AS lost
            FROM (SELECT exercise, journal, min(date) AS first, max(date) AS last, min(coalesce(number, '')) AS lowest, max(coalesce(number, '')) AS highest,
            count(DISTINCT (date, piece)) AS pieces FROM ledger_told GROUP BY ALL) GROUP BY exercise;
        CREATE TABLE ledger_numbered AS SELECT l.*, x.first, x.last,
            CASE WHEN x.lost THEN NULL WHEN number IS NULL THEN concat_ws('|', exercise, journal, '', date, piece)
            ELSE concat_ws('|', exercise, journal, number) END AS same_number FROM ledger_told l JOIN ledger_exercise x USING (exercise);
        CREATE TABLE ledger_restarted AS SELECT same_number FROM (SELECT same_number, date, sum(debit - credit) AS gap FROM ledger_numbered
            WHERE same_number IS NOT NULL GROUP BY ALL) GROUP BY same_number HAVING count(*) > 1 AND bool_and(gap = 0);
        CREATE TABLE ledger_entry AS SELECT n.* EXCLUDE (same_number), CASE WHEN r.same_number IS NULL THEN n.same_number
            ELSE concat_ws('|', n.same_number, n.date) END AS entry, coalesce(entry, concat_ws('|', exercise, journal, n.date)) AS batch
            FROM ledger_numbered n LEFT JOIN ledger_restarted r USING (same_number)"""  # noqa: E501
    )
    with_auxiliary, named = con.execute(
        "SELECT count(coalesce(auxiliary, auxiliary_label)), count(DISTINCT account) FILTER (NOT "
        "regexp_full_match(account, '4110*')) FROM ledger_line WHERE starts_with(account, '411')"
    ).fetchall()[0]
    own_account = (
        "CASE WHEN starts_with(account, '411') THEN nullif(account, '411000') END"
        if named and not with_auxiliary
        else "NULL"
    )
    con.execute(
        f"""CREATE TABLE auxiliary_name AS SELECT auxiliary_label, min(auxiliary) AS only FROM ledger_line
            WHERE {_CUSTOMER_ACCOUNT} AND auxiliary IS NOT NULL AND auxiliary_label IS NOT NULL GROUP BY auxiliary_label HAVING count(DISTINCT auxiliary) = 1;
        CREATE TABLE ledger_debtor AS SELECT l.*, CASE WHEN {_CUSTOMER_ACCOUNT} THEN coalesce(auxiliary, n.only, l.auxiliary_label, {own_account}) END AS debtor
            FROM ledger_entry l LEFT JOIN auxiliary_name n USING (auxiliary_label);
        CREATE TABLE entry_debtor AS SELECT entry, CASE WHEN count(DISTINCT debtor) = 1 THEN min(debtor) END AS only
            FROM ledger_debtor WHERE entry IS NOT NULL GROUP BY entry;
        UPDATE ledger_debtor l SET debtor = e.only FROM entry_debtor e
            WHERE e.entry = l.entry AND l.debtor IS NULL AND starts_with(account, '416');
        CREATE TABLE piece_debtor AS SELECT entry, piece, CASE WHEN count(DISTINCT debtor) = 1 THEN min(debtor) END AS only
            FROM ledger_debtor WHERE entry IS NOT NULL AND piece IS NOT NULL GROUP BY entry, piece;
        CREATE TABLE ledger_batch AS SELECT batch, bool_or(account[1] IN ('6', '7')) AS operating, bool_or(starts_with(account, '12')) AS result,
            bool_or(account[1] IN ('4', '5')) AS others, bool_or(account[1] = '5') AS banked, bool_or(starts_with(account, '654')) AS loss,
            bool_or(account[1] = '7' OR account[:4] IN ('4457', '4191')) AS billing,
            bool_or(date = start) AND (bool_or({OPENING_JOURNAL}) OR bool_or(account[1] = '1') OR bool_or(balanced)) AS first_day,
            bool_or({OPENING_JOURNAL} OR (date = first AND {OPENING_LABEL}) OR balanced) AS carried FROM
            (SELECT e.*, (e.date, coalesce(e.journal, ''), coalesce(e.number, '')) IN
                (SELECT (date, coalesce(journal, ''), coalesce(number, '')) FROM balance_carried) AS balanced FROM ledger_entry e) GROUP BY batch;
        CREATE TABLE batch_debtor AS SELECT batch, debtor, sum(debit - credit) = 0 AND bool_or(starts_with(account, '416'))
            AND bool_or(starts_with(account, '411')) AS moved FROM ledger_debtor WHERE debtor IS NOT NULL GROUP BY batch, debtor;
        DROP TABLE accepted_ledger;
        CREATE TABLE accepted_ledger AS SELECT l.* EXCLUDE (debtor, batch, first, last, start, finish), b.carried AND (b.first_day OR NOT b.operating) AS opening,
            b.operating AND b.result AND NOT opening AND (l.date = l.last OR NOT b.others) AS closing, coalesce(l.debtor, e.only, p.only) AS customer_id,
            CASE WHEN l.debtor IS NULL THEN NULL WHEN opening THEN 'opening' WHEN m.moved THEN 'transfer' WHEN b.loss AND l.credit > l.debit THEN 'loss'
            WHEN b.billing AND (NOT b.banked OR l.debit > l.credit) THEN 'invoice' ELSE 'payment' END AS role
            FROM ledger_debtor l JOIN ledger_batch b USING (batch) LEFT JOIN batch_debtor m ON m.batch = l.batch AND m.debtor = l.debtor
            LEFT JOIN entry_debtor e ON e.entry = l.entry LEFT JOIN piece_debtor p ON p.entry = l.entry AND p.piece = l.piece ORDER BY l._file, l._row"""  # noqa: E501
    )
    for table in ("line", "told", "numbered", "restarted", "entry", "debtor", "batch"):
        con.execute(f"DROP TABLE ledger_{table}")


_CUSTOMER_ACCOUNT = "(starts_with(account, '411') OR starts_with(account, '416'))"


def _report(con: duckdb.DuckDBPyConnection, check: TableCheck) -> None:
    """Notices: exercises and entries that do not balance, entries that cannot be rebuilt or close
    the year, exercises that are missing.
    """

    def tell(message: str, **values: object) -> None:
        check.notices.append(Notice(message, {"table": _LEDGER, **values}))

    exercises = con.execute(
        "SELECT exercise, first, last, finish, lost FROM ledger_exercise JOIN exercise_span USING "
        "(exercise) ORDER BY start"
    ).fetchall()
    lost = [exercise for exercise, *_, is_lost in exercises if is_lost]
    if lost:
        message = N_(
            "{table}: every line of {exercises} has the same entry number: its entries cannot be "
            "rebuilt, no sale can be linked to a customer."
        )
        tell(message, exercises=examples(lost))
    for (_, _, before, finish, _), (_, after, *_) in pairwise(exercises):
        if (after - finish).days > GAP_DAYS:
            tell(
                N_("{table}: no entry between {before} and {after}: an exercise is missing."),
                before=str(before),
                after=str(after),
            )
    off = (
        "SELECT exercise, sum(debit), sum(credit) FROM accepted_ledger GROUP BY exercise "
        "HAVING sum(debit) <> sum(credit) ORDER BY exercise"
    )
    for exercise, debit, credit in con.execute(off).fetchall():
        message = N_(
            "{table}: {exercise} does not balance: debit {debit}, credit {credit}, "
            "difference {difference}."
        )
        tell(
            message,
            exercise=exercise,
            debit=f"{debit:.2f}",
            credit=f"{credit:.2f}",
            difference=f"{debit - credit:.2f}",
        )
    entries = con.execute(
        "SELECT journal, number, sum(debit - credit), min(_row) FROM accepted_ledger "
        "WHERE entry IS NOT NULL GROUP BY entry, journal, number HAVING sum(debit) <> sum(credit) "
        "ORDER BY min(_file), min(_row)"
    ).fetchall()
    if entries:
        some = examples(
            f"{journal} {number} (row {row}): {gap:+.2f}" for journal, number, gap, row in entries
        )
        tell(
            N_("{table}: entries whose debit is not their credit: {count} ({examples})."),
            count=len(entries),
            examples=some,
        )
    closing = con.execute(
        "SELECT count(DISTINCT (exercise, journal, number)) FROM accepted_ledger WHERE closing"
    ).fetchall()[0][0]
    if closing:
        tell(
            N_(
                "{table}: entries that close classes 6 and 7 into the result, left out of sales "
                "and costs: {count}."
            ),
            count=closing,
        )
    _report_openings(con, check)


def _report_openings(con: duckdb.DuckDBPyConnection, check: TableCheck) -> None:
    """Notices: an exercise that opens with accounts of classes 6 and 7,
    an opening after its first day, a closing before its last.
    """
    rows = con.execute(
        "SELECT exercise, any_value(first), min(date) FILTER (opening "
        "AND CAST(date AS VARCHAR) <> exercise), any_value(last), max(date) FILTER (closing), "
        "coalesce(sum(credit - debit) FILTER (opening AND starts_with(account, '7')), 0), "
        "coalesce(sum(debit - credit) FILTER (opening AND starts_with(account, '6')), 0) "
        "FROM accepted_ledger JOIN ledger_exercise USING (exercise) GROUP BY exercise "
        "ORDER BY exercise"
    ).fetchall()
    for exercise, first, opened, last, closed, income, cost in rows:
        values = {"table": _LEDGER, "exercise": exercise}
        if income or cost:
            message = N_(
                "{table}: the exercise before {exercise} is not closed: its accounts 6 and 7 stand "
                "in the opening entry (costs {cost_sum}, income {income_sum}), which is left out "
                "of sales and costs."
            )
            check.notices.append(
                Notice(
                    message, values | {"cost_sum": float(cost), "income_sum": float(income)}, 0.5
                )
            )
        if opened is not None and opened > first:
            message = N_(
                "{table}: {exercise}: the opening entry of {day} is not on the first day, entries "
                "begin on {first}."
            )
            check.notices.append(
                Notice(message, values | {"day": str(opened), "first": str(first)}, 0.5)
            )
        if closed is not None and closed < last:
            message = N_(
                "{table}: {exercise}: the closing entry of {day} is not on the last day, entries "
                "end on {last}."
            )
            check.notices.append(
                Notice(message, values | {"day": str(closed), "last": str(last)}, 0.5)
            )


def _refuse_repeated_ledgers(con: duckdb.DuckDBPyConnection, files: list[SourceFile]) -> None:
    """Raise CarnetError where two files hold the same lines: a draft and a final ledger,
    or one ledger under two names.
    """
    found = con.execute(
        "WITH line AS (SELECT DISTINCT _file, journal, number, date, account, debit, credit "
        "FROM accepted_ledger), both_hold AS (SELECT a._file AS one, b._file AS other, "
        "count(*) AS shared FROM line a JOIN line b ON a._file < b._file AND a.date = b.date "
        "AND a.account = b.account AND a.debit = b.debit AND a.credit = b.credit AND a.journal "
        "IS NOT DISTINCT FROM b.journal AND a.number IS NOT DISTINCT FROM b.number GROUP BY ALL), "
        "size AS (SELECT _file, count(*) AS lines FROM line GROUP BY _file) SELECT one, "
        "other, shared, least(s.lines, t.lines) FROM both_hold JOIN size s ON s._file = one "
        "JOIN size t ON t._file = other WHERE shared > least(s.lines, t.lines) / 2 "
        "ORDER BY one, other"
    ).fetchall()
    if found:
        one, other, shared, lines = found[0]
        raise CarnetError(
            "ledger: {name} and {name_2} are two ledgers of one exercise: {shared} "
            "of {lines} lines stand in both, and would count twice. Name the final one alone "
            "under tables.ledger.files.",
            name=files[one].name,
            name_2=files[other].name,
            shared=f"{shared:,}",
            lines=f"{lines:,}",
        )


def _report_left_out(
    con: duckdb.DuckDBPyConnection, check: TableCheck, files: list[SourceFile], folder: Path
) -> None:
    """Tell of ledgers of the folder that are newer than those read."""
    newest = con.execute("SELECT max(date) FROM accepted_ledger").fetchall()[0][0]
    for name, last in unread_ledgers(folder, {file.path for file in files}):
        if last > newest:
            message = N_(
                "{table}: {file}, with entries up to {last}, is not read: the newest exercise is "
                "left out. Add it to tables.ledger.files."
            )
            check.notices.append(
                Notice(message, {"table": _LEDGER, "file": name, "last": str(last)}, 1.0)
            )


def _report_linked_share(con: duckdb.DuckDBPyConnection, check: TableCheck, minimum: float) -> bool:
    """Tell which share of the revenue on accounts 70 names a customer;
    True when one exercise is below the minimum, or has none to tell.
    """
    rows = con.execute(
        "SELECT exercise, sum(credit - debit) AS total, coalesce(sum(credit - debit) FILTER "
        "(customer_id IS NOT NULL), 0) FROM accepted_ledger WHERE starts_with(account, '70') "
        "AND NOT closing AND NOT opening GROUP BY exercise HAVING total <> 0 ORDER BY exercise"
    ).fetchall()
    total = sum((row[1] for row in rows), Decimal(0))
    if not total:
        check.notices.append(
            Notice(
                N_("{table}: no revenue on accounts 70, nothing is linked to a customer."),
                {"table": _LEDGER},
            )
        )
        return True
    overall = float(sum((row[2] for row in rows), Decimal(0)) / total)
    check.linked_share, exercise = min(
        (float(linked / revenue), exercise) for exercise, revenue, linked in rows
    )
    over = [
        (exercise, float(linked / revenue))
        for exercise, revenue, linked in rows
        if revenue > 0 and linked > revenue * Decimal("1.005")
    ]
    for exercise, share in over:
        message = N_(
            "{table}: in {exercise} more revenue is linked to customers than there is "
            "({linked_share}): entries count twice, or belong to another exercise."
        )
        check.notices.append(
            Notice(message, {"table": _LEDGER, "exercise": exercise, "linked_share": share}, 1.0)
        )
    if overall < WELL_LINKED:
        message = N_("{table}: revenue linked to a customer: {linked_share}.")
        check.notices.append(
            Notice(message, {"table": _LEDGER, "linked_share": overall}, 1 - overall)
        )
    if check.linked_share >= minimum:
        return False
    message = N_(
        "{table}: in {exercise} {linked_share} of revenue is linked to a customer, below "
        "{minimum_share}: sections on customers are refused; costs and margins are not."
    )
    values = {"exercise": exercise, "linked_share": check.linked_share, "minimum_share": minimum}
    check.notices.append(Notice(message, {"table": _LEDGER, **values}))
    return True


def _report_unmatched(
    con: duckdb.DuckDBPyConnection, check: TableCheck, free_payments: int
) -> None:
    """Tell how many payments name no invoice of the ledgers given by their lettrage."""
    if free_payments:
        message = N_(
            "{table}: payments whose lettrage names no invoice, set against the customer's oldest "
            "open ones: {count}."
        )
        check.notices.append(Notice(message, {"table": _LEDGER, "count": free_payments}))


def _report_losses(con: duckdb.DuckDBPyConnection, check: TableCheck, as_of: dt.date) -> None:
    """Tell who was written off, since when it was doubtful, and what is lost of its claims."""
    lost = written_off(con, str(as_of))
    if not lost:
        return
    parts = [
        N_("{customer}: doubtful since {since}, written off {day}"),
        N_("{customer}: written off {day}"),
    ]
    told = [
        Notice(
            parts[0] if each.doubtful_since else parts[1],
            {"customer": each.customer_id, "since": str(each.doubtful_since), "day": str(each.day)},
        )
        for each in lost[:3]
    ]
    message = N_(
        "{table}: claims written off, neither open nor paid: {lost_sum} with taxes, {loss_sum} on "
        "accounts 654 (customers: {count}): {examples}."
    )
    loss = con.execute(
        f"SELECT sum(debit - credit) FROM accepted_ledger WHERE starts_with(account, '654') "
        f"AND date <= {quoted(str(as_of))} AND entry IN (SELECT entry FROM accepted_ledger "
        f"WHERE role = 'loss')"
    ).fetchall()[0][0]
    named = Notice(
        " · ".join(f"{{told_{n}}}" for n in range(len(told))),
        {f"told_{n}": each for n, each in enumerate(told)},
    )
    values = {
        "lost_sum": float(sum(each.amount for each in lost)),
        "loss_sum": float(loss or 0),
        "count": len(lost),
        "examples": named,
    }
    check.notices.append(Notice(message, {"table": _LEDGER, **values}))


_SELECTIONS = {
    "sales": """SELECT customer_id, date, CAST(credit - debit AS DECIMAL(18, 4)) AS amount, coalesce(piece, entry) AS order_id, account_label AS offer, _file, _row
        FROM accepted_ledger WHERE date <= {as_of} AND starts_with(account, '70') AND NOT closing AND NOT opening AND customer_id IS NOT NULL ORDER BY _file, _row""",  # noqa: E501
    "customers": """SELECT customer_id, coalesce(last(auxiliary_label ORDER BY date, _file, _row) FILTER (auxiliary_label IS NOT NULL AND auxiliary = customer_id),
        last(account_label ORDER BY date, _file, _row) FILTER (account = customer_id), customer_id) AS name, max(_file) AS _file, max(_row) AS _row
        FROM accepted_ledger WHERE date <= {as_of} AND role IS NOT NULL GROUP BY customer_id ORDER BY customer_id""",  # noqa: E501
    "costs": """SELECT date AS period_start, date AS period_end, last(account_label ORDER BY _file, _row) AS category,
        CAST(sum(debit - credit) AS DECIMAL(18, 4)) AS amount, account, min(_file) AS _file, min(_row) AS _row
        FROM accepted_ledger WHERE date <= {as_of} AND account[1] = '6' AND NOT closing AND NOT opening GROUP BY date, account ORDER BY date, account""",  # noqa: E501
    "receivables": """SELECT customer_id, invoice_date, CAST(amount AS DECIMAL(18, 4)) AS amount, paid_date, _file, _row FROM receivable WHERE NOT lost
        ORDER BY _file, _row, paid_date, amount""",  # noqa: E501
}


def _check_of(con: duckdb.DuckDBPyConnection, name: str) -> TableCheck:
    """The row ledger of a table that the ledger filled: rows made, all accepted."""
    columns = [
        row[0]
        for row in con.execute(f"DESCRIBE accepted_{name}").fetchall()
        if not row[0].startswith("_")
    ]
    total = "amount" if "amount" in columns else None
    rows, amount = con.execute(
        f"SELECT count(*), {'coalesce(sum(amount), 0)' if total else '0::DECIMAL(18, 4)'} "
        f"FROM accepted_{name}"
    ).fetchall()[0]
    return TableCheck(
        name,
        total,
        columns,
        {},
        source="ledger",
        rows=rows,
        accepted_rows=rows,
        amount=amount,
        accepted_amount=amount,
    )
