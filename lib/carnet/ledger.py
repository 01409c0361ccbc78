"""What a legal ledger (FEC) says of the other tables: sales by customer, costs by account, receivables, customers.

An entry is what a journal and a number hold together in one exercise. A sale is a line on accounts 70; its customer is the
auxiliary of accounts 411 in the same entry, or on the same piece of an entry with several customers. A table that the client
gave is never replaced.
"""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal

import duckdb

from carnet.contracts import TableCheck
from carnet.engagement import Engagement
from carnet.errors import examples
from carnet.profiles import chart_of_accounts
from carnet.sources.base import SourceFile, quoted
from carnet.sources.fec import closing_of
from carnet.wording import N_, Notice

FILLED = ("sales", "customers", "costs", "receivables")
_LEDGER = Notice(N_("ledger"))
OPENING = "regexp_matches(upper(coalesce(journal, '')), '^(AN|ANO|AD|RAN|OUV)[A-Z]{0,2}$') OR regexp_matches(strip_accents(lower(concat_ws(' ', journal_label, label))), 'a[ -]nouveau|reouverture|bilan d.ouverture')"
LABEL_COLUMNS = (
    "journal",
    "journal_label",
    "number",
    "account_label",
    "auxiliary",
    "auxiliary_label",
    "piece",
    "piece_date",
    "label",
    "letter",
    "letter_date",
)


def fill_tables(
    con: duckdb.DuckDBPyConnection, check: TableCheck, files: list[SourceFile], engagement: Engagement, as_of: dt.date
) -> dict[str, TableCheck]:
    """Annotate `accepted_ledger` (see `_annotate`) and create the accepted tables of FILLED that the engagement does not give.

    Returns the row ledgers of the tables created, up to `as_of`. Tables of customers are created only when at least
    `linked_share_minimum` of the revenue names a customer; the list of customers only with the sales it belongs to. What
    the reader must know (balance, entries, linked share) is added to the ledger's own notices.
    """
    given, minimum = set(engagement.tables), engagement.linked_share_minimum
    _annotate(con, check, files)
    _report_balance(con, check)
    linked = _linked_share(con)
    made = {}
    check.linked_share = linked
    if linked is not None:
        check.notices.append(
            Notice(N_("{table}: revenue linked to a customer: {linked_share}."), {"table": _LEDGER, "linked_share": linked})
        )
        if linked < minimum and "sales" not in given:
            message = N_(
                "{table}: below {minimum_share} of revenue linked to a customer, sections on customers are refused; costs and margins are not."
            )
            check.notices.append(Notice(message, {"table": _LEDGER, "minimum_share": minimum}))
    for name in FILLED:
        unlinked = name != "costs" and (linked is None or linked < minimum)
        if name in given or unlinked or (name == "customers" and "sales" in given):
            continue
        con.execute(
            f"CREATE TABLE accepted_{name} AS WITH past AS (FROM accepted_ledger WHERE date <= {quoted(str(as_of))}) {_SELECTIONS[name]}"
        )
        if name == "costs":
            classify_costs(con, engagement.cost_behaviour, chart_of_accounts()["behaviour"])
        made[name] = _check_of(con, name, check)
    return made


def classify_costs(con: duckdb.DuckDBPyConnection, *mappings: Mapping[str, str]) -> None:
    """Fill the missing `behaviour` of `accepted_costs`: the longest prefix of its account, or the name of its category, in the first mapping that has one."""
    present = {row[0] for row in con.execute("DESCRIBE accepted_costs").fetchall()}
    if "behaviour" not in present:
        con.execute("ALTER TABLE accepted_costs ADD COLUMN behaviour VARCHAR")
    account = "starts_with(account, {0}) OR category = {0}" if "account" in present else "category = {0}"
    cases = [
        f"WHEN {account.format(quoted(prefix))} THEN {quoted(behaviour)}"
        for mapping in mappings
        for prefix, behaviour in sorted(mapping.items(), key=lambda item: (-len(item[0]), item[0]))
    ]
    if cases:
        con.execute(f"UPDATE accepted_costs SET behaviour = CASE {' '.join(cases)} END WHERE behaviour IS NULL")


def _annotate(con: duckdb.DuckDBPyConnection, check: TableCheck, files: list[SourceFile]) -> None:
    """Add to every accepted line: exercise, entry (NULL when it cannot be rebuilt), opening, closing, customer_id.

    opening: carries balances of an earlier exercise forward; closing: an entry that empties classes 6 and 7 into account 12.
    """
    closings = ", ".join(quoted(closing_of(file.name) or f"file {index + 1}") for index, file in enumerate(files))
    missing = [name for name in LABEL_COLUMNS if name not in check.columns]
    empty = "".join(f", NULL::{'DATE' if name.endswith('_date') else 'VARCHAR'} AS {name}" for name in missing)
    check.columns += missing
    con.execute(
        f"""CREATE TABLE ledger_line AS SELECT *{empty}, list_extract([{closings}], _file + 1) AS exercise FROM accepted_ledger;
        CREATE TABLE numbering AS SELECT exercise, count(DISTINCT number) < 2 AND count(DISTINCT (journal, date, piece)) > 2 AS lost
            FROM ledger_line GROUP BY exercise;
        CREATE TABLE ledger_entry_line AS SELECT l.*, CASE WHEN NOT n.lost AND number IS NOT NULL THEN concat_ws('|', exercise, journal, number) END AS entry
            FROM ledger_line l JOIN numbering n USING (exercise);
        CREATE TABLE ledger_flag AS SELECT entry, bool_or(account[1] IN ('6', '7')) AS operating, bool_or(starts_with(account, '12')) AS result,
            count(DISTINCT account) FILTER (account[1] IN ('6', '7')) AS accounts FROM ledger_entry_line WHERE entry IS NOT NULL GROUP BY entry"""
    )
    several = con.execute(
        "SELECT count(DISTINCT account) FROM ledger_line WHERE starts_with(account, '411') AND auxiliary IS NULL"
    ).fetchall()[0][0]
    own_account = "account" if several > 1 else "NULL"  # without auxiliaries, a customer may be an account of its own
    con.execute(
        f"""CREATE TABLE ledger_customer AS SELECT *, CASE WHEN starts_with(account, '411') THEN coalesce(auxiliary, {own_account}) END AS debtor FROM ledger_entry_line;
        CREATE TABLE entry_debtor AS SELECT entry, CASE WHEN count(DISTINCT debtor) = 1 THEN min(debtor) END AS only FROM ledger_customer WHERE entry IS NOT NULL GROUP BY entry;
        CREATE TABLE piece_debtor AS SELECT entry, piece, CASE WHEN count(DISTINCT debtor) = 1 THEN min(debtor) END AS only
            FROM ledger_customer WHERE entry IS NOT NULL AND piece IS NOT NULL GROUP BY entry, piece;
        DROP TABLE accepted_ledger;
        CREATE TABLE accepted_ledger AS SELECT l.* EXCLUDE (debtor), NOT coalesce(f.operating, false) AND coalesce({OPENING}, false) AS opening,
            coalesce(f.operating AND f.result, false) AS closing, coalesce(l.debtor, e.only, p.only) AS customer_id
            FROM ledger_customer l LEFT JOIN ledger_flag f USING (entry) LEFT JOIN entry_debtor e USING (entry)
            LEFT JOIN piece_debtor p ON p.entry = l.entry AND p.piece = l.piece ORDER BY l._file, l._row"""
    )
    lost = [row[0] for row in con.execute("SELECT exercise FROM numbering WHERE lost ORDER BY 1").fetchall()]
    if lost:
        message = N_(
            "{table}: every line of {exercises} has the same entry number: its entries cannot be rebuilt, no sale can be linked to a customer."
        )
        check.notices.append(Notice(message, {"table": _LEDGER, "exercises": examples(lost)}))
    for table in ("ledger_line", "numbering", "ledger_entry_line", "ledger_flag", "ledger_customer", "entry_debtor", "piece_debtor"):
        con.execute(f"DROP TABLE {table}")


def _report_balance(con: duckdb.DuckDBPyConnection, check: TableCheck) -> None:
    """Notices for exercises and entries whose debit is not their credit, and for entries that close the year."""
    off = con.execute(
        "SELECT exercise, sum(debit), sum(credit) FROM accepted_ledger GROUP BY exercise HAVING sum(debit) <> sum(credit) ORDER BY exercise"
    ).fetchall()
    for exercise, debit, credit in off:
        message = N_("{table}: {exercise} does not balance: debit {debit}, credit {credit}, difference {difference}.")
        values = {"exercise": exercise, "debit": f"{debit:.2f}", "credit": f"{credit:.2f}", "difference": f"{debit - credit:.2f}"}
        check.notices.append(Notice(message, {"table": _LEDGER, **values}))
    entries = con.execute(
        "SELECT journal, number, sum(debit - credit), min(_row) FROM accepted_ledger WHERE entry IS NOT NULL GROUP BY entry, journal, number "
        "HAVING sum(debit) <> sum(credit) ORDER BY min(_file), min(_row)"
    ).fetchall()
    if entries:
        message = N_("{table}: entries whose debit is not their credit: {count} ({examples}).")
        some = examples(f"{journal} {number} (row {row}): {gap:+.2f}" for journal, number, gap, row in entries)
        check.notices.append(Notice(message, {"table": _LEDGER, "count": len(entries), "examples": some}))
    closing = con.execute("SELECT count(DISTINCT entry) FROM accepted_ledger WHERE closing").fetchall()[0][0]
    if closing:
        message = N_("{table}: entries that close classes 6 and 7 into the result, left out of sales and costs: {count}.")
        check.notices.append(Notice(message, {"table": _LEDGER, "count": closing}))


def _linked_share(con: duckdb.DuckDBPyConnection) -> float | None:
    """Share of the revenue on accounts 70 whose entry names a customer; None without revenue."""
    total, linked = con.execute(
        "SELECT sum(credit - debit), sum(credit - debit) FILTER (customer_id IS NOT NULL) FROM accepted_ledger WHERE starts_with(account, '70') AND NOT closing"
    ).fetchall()[0]
    return float((linked or Decimal(0)) / total) if total else None


_CUSTOMER_LINE = "starts_with(account, '411') AND customer_id IS NOT NULL"
_SELECTIONS = {
    "sales": """SELECT customer_id, date, CAST(credit - debit AS DECIMAL(18, 4)) AS amount, coalesce(piece, entry) AS order_id, account_label AS offer, _file, _row
        FROM past WHERE starts_with(account, '70') AND NOT closing AND customer_id IS NOT NULL ORDER BY _file, _row""",
    "customers": f"""SELECT customer_id, coalesce(last(auxiliary_label ORDER BY date, _file, _row) FILTER (auxiliary_label IS NOT NULL AND auxiliary = customer_id),
        last(account_label ORDER BY date, _file, _row) FILTER (account = customer_id), customer_id) AS name, max(_file) AS _file, max(_row) AS _row
        FROM past WHERE {_CUSTOMER_LINE} GROUP BY customer_id ORDER BY customer_id""",
    "costs": """SELECT CAST(date_trunc('month', date) AS DATE) AS period_start, last_day(date) AS period_end, last(account_label ORDER BY date, _file, _row) AS category,
        CAST(sum(debit - credit) AS DECIMAL(18, 4)) AS amount, account, min(_file) AS _file, min(_row) AS _row
        FROM past WHERE account[1] = '6' AND NOT closing AND NOT opening GROUP BY ALL ORDER BY period_start, account""",
    # an invoice or credit note is the 411 line of an entry with a class 7 line; it is paid when a line that is neither carries its lettrage
    "receivables": f""", invoice AS (SELECT entry FROM past WHERE account[1] = '7' AND NOT closing AND entry IS NOT NULL GROUP BY entry),
        line AS (SELECT l.*, i.entry IS NOT NULL AS billed, coalesce(CAST(letter_date AS VARCHAR), exercise) AS lettered
            FROM past l LEFT JOIN invoice i USING (entry) WHERE {_CUSTOMER_LINE}),
        settled AS (SELECT customer_id, letter, lettered, max(coalesce(date, letter_date)) AS paid_date FROM line
            WHERE NOT billed AND letter IS NOT NULL GROUP BY ALL)
        SELECT l.customer_id, coalesce(l.piece_date, l.date) AS invoice_date, CAST(l.debit - l.credit AS DECIMAL(18, 4)) AS amount,
            coalesce(s.paid_date, CASE WHEN l.letter IS NOT NULL THEN l.letter_date END) AS paid_date, l._file, l._row
        FROM line l LEFT JOIN settled s ON s.customer_id = l.customer_id AND s.letter = l.letter AND s.lettered = l.lettered
        WHERE l.billed OR (l.opening AND l.exercise = (SELECT min(exercise) FROM past)) ORDER BY l._file, l._row""",
}


def _check_of(con: duckdb.DuckDBPyConnection, name: str, ledger: TableCheck) -> TableCheck:
    """The row ledger of a table that the ledger filled: rows made, all accepted."""
    columns = [row[0] for row in con.execute(f"DESCRIBE accepted_{name}").fetchall() if not row[0].startswith("_")]
    total = "amount" if "amount" in columns else None
    rows, amount = con.execute(
        f"SELECT count(*), {'coalesce(sum(amount), 0)' if total else '0::DECIMAL(18, 4)'} FROM accepted_{name}"
    ).fetchall()[0]
    return TableCheck(name, total, columns, {}, source="ledger", rows=rows, accepted_rows=rows, amount=amount, accepted_amount=amount)
