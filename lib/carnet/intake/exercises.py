"""Which exercise a day of the legal ledger lies in: told by opening and closing entries and by
legal file names, not by the files.

One file may hold several exercises, and one exercise may lie in several files (one a month,
one a journal).
"""

import calendar
import datetime as dt
from collections.abc import Sequence

import duckdb

from carnet.intake.sources.base import SourceFile
from carnet.intake.sources.fec import closing_of

# whose balances an entry carries to the cent, from which it is an opening whatever its label
OPENING_ACCOUNTS = 3
SHORTEST_DAYS = 80  # a cut nearer to another one, or to the first entry, is no end of an exercise
# a file without a legal name that covers as much ends an exercise of its own
OWN_EXERCISE_DAYS = 180
_PLAIN = "strip_accents(lower(coalesce({}, '')))"
OPENING_JOURNAL = rf"""(upper(coalesce(journal, '')) IN ('AN', 'ANO', 'AD', 'RAN', 'OUV', 'ANOUV', 'RN') OR starts_with(account, '89')
    OR regexp_matches({_PLAIN.format("journal_label")}, '\b(a[ -]nouveaux?|ouverture|reports?)\b'))"""  # noqa: E501
OPENING_LABEL = (
    rf"regexp_matches({_PLAIN.format('label')}, '\b(a[ -]nouveaux?|ouverture|reports?|reprise)\b')"
)


def find_exercises(
    con: duckdb.DuckDBPyConnection, files: Sequence[SourceFile], closing_month: int
) -> None:
    """Create `exercise_span` of `ledger_line`: start, finish (days, both inside, without a gap) and
    exercise (its closing date as text, `…` and the last day where it is not closed).

    An exercise ends on the closing date of a legal file name, on the day before an opening entry,
    on the day of a closing entry, and with a file without a legal name that covers half a year. A
    cut is the end of a month; it counts where it falls on `closing_month`, on the month of a legal
    closing date, or on a day with both entries, else where it leaves SHORTEST_DAYS on either side.
    """
    first, last = con.execute("SELECT min(date), max(date) FROM ledger_line").fetchall()[0]
    legal = {dt.date.fromisoformat(closing) for file in files if (closing := closing_of(file.name))}
    ends = {day for day in legal if day >= first}
    opened, closed = _days_before_openings(con) | _days_before_balances(con), _days_of_closings(con)
    months = {closing_month, *(day.month for day in legal)}
    sure = {day for day in opened | closed if day.month in months or day in opened & closed}
    for day in [*sorted(sure), *sorted((opened | closed) - sure), *_ends_of_files(con, files)]:
        far = all(abs((day - other).days) >= SHORTEST_DAYS for other in {*ends, first})
        if first <= day < last and day == month_end(day) and (day in sure or far):
            ends.add(day)
    days = sorted(ends)
    names = [str(day) for day in days]
    if not days or days[-1] < last:
        days, names = [*days, last], [*names, f"…{last}"]  # not at its end yet
    starts = [first, *(day + dt.timedelta(days=1) for day in days)]
    spans = list(zip(starts, days, names, strict=False))
    con.execute("CREATE TABLE exercise_span (start DATE, finish DATE, exercise VARCHAR)")
    con.executemany("INSERT INTO exercise_span VALUES (?, ?, ?)", spans)


def month_end(day: dt.date) -> dt.date:
    """The last day of a day's month.

    >>> str(month_end(dt.date(2024, 2, 3)))
    '2024-02-29'
    """
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def _days_before_openings(con: duckdb.DuckDBPyConnection) -> set[dt.date]:
    """Days before a day on which balances of two classes of accounts or more are carried forward;
    where only labels say so, capital (class 1) among them.
    """
    found = con.execute(
        f"SELECT date FROM ledger_line WHERE {OPENING_JOURNAL} OR {OPENING_LABEL} GROUP BY date "
        f"HAVING count(DISTINCT account[1]) > 1 AND (bool_or({OPENING_JOURNAL}) OR "
        f"bool_or(account[1] = '1'))"
    ).fetchall()
    return {day - dt.timedelta(days=1) for (day,) in found}


def _days_before_balances(con: duckdb.DuckDBPyConnection) -> set[dt.date]:
    """Days before the first of a month on which one entry carries the balances of what went before,
    whatever it is called; `balance_carried` holds such entries.

    OPENING_ACCOUNTS accounts of classes 1 to 5 or more, each to the cent that of the 12 months
    before, or of all before.
    """
    con.execute(
        f"""CREATE TABLE balance_carried AS
        WITH carried AS (SELECT date, journal, number, account, sum(debit - credit) AS amount FROM ledger_line
                WHERE day(date) = 1 AND account[1] IN ('1', '2', '3', '4', '5') GROUP BY ALL),
            large AS (SELECT date, journal, number FROM carried GROUP BY ALL HAVING count(*) >= {OPENING_ACCOUNTS}),
            compared AS (SELECT c.date, c.journal, c.number, c.amount, sum(l.debit - l.credit) AS whole,
                sum(l.debit - l.credit) FILTER (l.date >= c.date - INTERVAL 1 YEAR) AS year
                FROM carried c SEMI JOIN large g ON c.date = g.date AND c.journal IS NOT DISTINCT FROM g.journal AND c.number IS NOT DISTINCT FROM g.number
                JOIN ledger_line l ON l.account = c.account AND l.date < c.date GROUP BY ALL)
        SELECT date, journal, number FROM compared GROUP BY ALL
        HAVING count(*) FILTER (amount <> 0 AND least(abs(amount - whole), abs(amount - year)) < 0.01) >= {OPENING_ACCOUNTS}"""  # noqa: E501
    )
    return {
        day - dt.timedelta(days=1)
        for (day,) in con.execute("SELECT DISTINCT date FROM balance_carried").fetchall()
    }


def _days_of_closings(con: duckdb.DuckDBPyConnection) -> set[dt.date]:
    """Days on which an entry empties classes 6 and 7 into the result."""
    found = con.execute(
        "SELECT DISTINCT date FROM ledger_line GROUP BY _file, journal, number, "
        "date, CASE WHEN number IS NULL THEN piece END HAVING bool_or(starts_with(account, '12')) "
        "AND bool_or(account[1] IN ('6', '7')) AND NOT bool_or(account[1] IN ('4', '5'))"
    ).fetchall()
    return {day for (day,) in found}


def _ends_of_files(con: duckdb.DuckDBPyConnection, files: Sequence[SourceFile]) -> list[dt.date]:
    """Ends of files without a legal name that cover half a year and are followed by others."""
    spans = con.execute(
        "SELECT _file, min(date), max(date) FROM ledger_line GROUP BY _file"
    ).fetchall()
    long = [
        (a, b)
        for file, a, b in spans
        if not closing_of(files[file].name) and (b - a).days >= OWN_EXERCISE_DAYS
    ]
    return sorted(
        month_end(b) for a, b in long if not any(other < b < until for _, other, until in spans)
    )
