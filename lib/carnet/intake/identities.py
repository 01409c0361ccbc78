"""Who is one customer: numbers that the customer list does not know, numbers that look alike."""

from collections.abc import Iterable

import duckdb

from carnet.engagement.schema import TABLE_LABELS
from carnet.errors import examples
from carnet.intake.checks import TableCheck, share_of
from carnet.wording import N_, Notice

ALIKE_WEIGHT = 0.1  # of a doubt about who is one customer


def unknown_references(
    con: duckdb.DuckDBPyConnection, checks: Iterable[TableCheck]
) -> Notice | None:
    """One notice for the customers that tables name and the customer list does not hold,
    weighed by their share of the sales; None where there are none.
    """
    ids: set[str] = set()
    tables, lines, weight = [], 0, 0.0
    for check in checks:
        if "customer_id" not in check.columns or check.table == "customers":
            continue
        query = (
            f"FROM accepted_{check.table} t WHERE customer_id IS NOT NULL AND NOT EXISTS "
            f"(FROM accepted_customers c WHERE c.customer_id = t.customer_id)"
        )
        found = con.execute(
            f"SELECT customer_id, count(*) {query} GROUP BY 1 ORDER BY 1"
        ).fetchall()
        if not found:
            continue
        ids |= {row[0] for row in found}
        tables.append(check.table)
        lines += sum(row[1] for row in found)
        if check.table == "sales":
            theirs = con.execute(f"SELECT coalesce(sum(amount), 0) {query}").fetchall()[0][0]
            weight = share_of(theirs, check.accepted_amount)
    if not ids:
        return None
    message = N_(
        "customers missing from the customer list: {count} ({examples}), on {rows} lines of "
        "{tables}, {unlisted_share} of the sales."
    )
    told = Notice(
        " · ".join("{" + name + "}" for name in tables),
        {name: TABLE_LABELS[name] for name in tables},
    )
    values = {
        "count": len(ids),
        "rows": lines,
        "examples": examples(sorted(ids)),
        "tables": told,
        "unlisted_share": weight,
    }
    return Notice(message, values, weight)


def alike_customers(con: duckdb.DuckDBPyConnection, checks: Iterable[TableCheck]) -> list[Notice]:
    """Customers whose numbers differ by case, spaces, punctuation or leading zeros alone,
    or that a spreadsheet turned into powers of ten.
    """
    tables = [check.table for check in checks if "customer_id" in check.columns]
    if not tables:
        return []
    ids = " UNION ".join(
        f"SELECT DISTINCT customer_id AS id FROM accepted_{table} WHERE customer_id IS NOT NULL"
        for table in tables
    )
    alike = con.execute(
        f"SELECT string_agg(id, ' = ' ORDER BY id) FROM (SELECT id, "
        f"ltrim(regexp_replace(strip_accents(lower(id)), '[^a-z0-9]', '', 'g'), '0') AS plain "
        f"FROM ({ids})) WHERE plain <> '' GROUP BY plain HAVING count(*) > 1 ORDER BY 1"
    ).fetchall()
    powers = con.execute(
        rf"SELECT DISTINCT id FROM ({ids}) WHERE regexp_full_match(id, "
        rf"'\d([.,]\d+)?[eE]\+\d+|\d{{4,}}[eE]\d\d') ORDER BY 1"
    ).fetchall()
    told = []
    if alike:
        message = N_(
            "customers whose numbers differ by case, spaces, punctuation or zeros in front alone: "
            "{count} ({examples}). Where they are one, write ids: {{case: ignore, zeros: ignore, "
            "spaces: ignore, punctuation: ignore}} under each table."
        )
        told.append(
            Notice(
                message,
                {"count": len(alike), "examples": examples(row[0] for row in alike)},
                ALIKE_WEIGHT,
            )
        )
    if powers:
        message = N_(
            "customers whose number a spreadsheet turned into a power of ten: {count} "
            "({examples}): several may be one now. Export the column as text."
        )
        told.append(
            Notice(
                message,
                {"count": len(powers), "examples": examples(row[0] for row in powers)},
                ALIKE_WEIGHT,
            )
        )
    return told
