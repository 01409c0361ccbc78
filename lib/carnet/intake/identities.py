"""Who is one customer: numbers that the customer list does not know, numbers that look alike."""

from collections.abc import Iterable
from decimal import Decimal

import duckdb
import ibis
import ibis.expr.types as ir

from carnet.engagement.schema import TABLE_LABELS
from carnet.errors import examples
from carnet.intake.checks import TableCheck, share_of
from carnet.wording import N_, Notice

ALIKE_WEIGHT = 0.1  # of a doubt about who is one customer


def name_customers(con: duckdb.DuckDBPyConnection, check: TableCheck) -> None:
    """Make `named_<table>`: customer_id, lines, amount (Σ of the table's total) of each customer
    that an accepted table names.
    """
    con.execute(
        f"CREATE VIEW named_{check.table} AS SELECT customer_id, count(*) AS lines, "
        f"sum({check.total or 'NULL::DECIMAL(18, 4)'}) AS amount FROM accepted_{check.table} "
        f"WHERE customer_id IS NOT NULL GROUP BY 1"
    )


def name_held_customers(
    con: duckdb.DuckDBPyConnection, check: TableCheck, accepted: ir.Table
) -> None:
    """`name_customers` of rows that an engine holds: one row a customer comes here."""
    amount = accepted[check.total] if check.total else ibis.null("decimal(18, 4)")
    given = accepted.mutate(_amount=amount).filter(accepted.customer_id.notnull())
    named = given.group_by("customer_id").agg(
        lines=given.count(), amount=given._amount.sum().cast("decimal(38, 4)")
    )
    con.register("named", named.to_pyarrow())
    con.execute(f"CREATE TABLE named_{check.table} AS FROM named")
    con.unregister("named")


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
        found = con.execute(
            f"SELECT customer_id, lines, amount FROM named_{check.table} t WHERE NOT EXISTS "
            f"(FROM named_customers c WHERE c.customer_id = t.customer_id) ORDER BY 1"
        ).fetchall()
        if not found:
            continue
        ids |= {row[0] for row in found}
        tables.append(check.table)
        lines += sum(row[1] for row in found)
        if check.table == "sales":
            theirs = sum((row[2] for row in found), Decimal(0))
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
    ids = " UNION ".join(f"SELECT customer_id AS id FROM named_{table}" for table in tables)
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
