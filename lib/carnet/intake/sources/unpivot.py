"""Months in columns → one row a month: `unpivot: {amount: "CA *", quantity: "Qté *"}`,
where * is the month of the header.
"""

import re

import duckdb

from carnet.engagement.file import Table
from carnet.errors import CarnetError
from carnet.intake.sources.base import identifier, quoted
from carnet.intake.sources.formats import bare_day, date_sql

PERIOD = "date"  # the column that the month becomes


def months_of(
    con: duckdb.DuckDBPyConnection, spec: Table, headers: list[str], name: str
) -> dict[str, dict[str, str]]:
    """Month → role → header, in the order of the headers: those that match a pattern of `unpivot:`
    where * reads as a month.

    Raises CarnetError where a pattern matches none, or where a month lacks one of the columns.
    """
    found: dict[str, dict[str, str]] = {}
    for role, pattern in spec.unpivot.items():
        before, _, after = (re.escape(" ".join(part.split())) for part in pattern.partition("*"))
        for header in headers:
            match = re.fullmatch(f"{before} *(.+?) *{after}", header, re.IGNORECASE)
            month = _month(con, match[1], name) if match else None
            if month:
                found.setdefault(month, {})[role] = header
    for role, pattern in spec.unpivot.items():
        if not any(role in roles for roles in found.values()):
            raise CarnetError(
                "tables: unpivot: {role}: no header of {name} reads as a month where {pattern} "
                "has its *. A month needs its year, as in janv-24 or 2024-01, or in the name "
                "of the file or sheet.",
                role=role,
                name=name,
                pattern=f"{pattern!r}",
            )
    return found


def rows_of_month(part: str, month: str, roles: dict[str, str], kept: list[str]) -> str:
    """SQL: the rows of a file for one month, its columns under the names of their roles;
    cells left empty are no rows.
    """
    columns = ", ".join(map(identifier, kept))
    values = ", ".join(
        f"{identifier(header)} AS {identifier(role)}" for role, header in roles.items()
    )
    filled = " OR ".join(
        f"coalesce(trim(CAST({identifier(header)} AS VARCHAR)), '') <> ''"
        for header in roles.values()
    )
    return (
        f"SELECT _row, {columns}{', ' if columns else ''}{quoted(month)} AS {identifier(PERIOD)}, "
        f"{values} FROM {part} WHERE {filled}"
    )


def _month(con: duckdb.DuckDBPyConnection, text: str, name: str) -> str | None:
    """A text that reads as a month; the word of one has the year that stands in the name of the
    file or sheet. None for anything else.
    """
    years = re.findall(r"(?<!\d)(?:19|20)\d{2}(?!\d)", name)
    return next(
        (
            form
            for form in (text, *(f"{text} {year}" for year in years[-1:]))
            if _is_month(con, form)
        ),
        None,
    )


def _is_month(con: duckdb.DuckDBPyConnection, text: str) -> bool:
    """True for a text that reads as a date."""
    return con.execute(
        f"SELECT {date_sql('t', 'd', 'day first', months=True)} IS NOT NULL "
        f"FROM (SELECT t, {bare_day('t')} AS d FROM (SELECT ? AS t))",
        [text],
    ).fetchall()[0][0]
