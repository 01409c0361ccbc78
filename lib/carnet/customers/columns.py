"""Columns of one table of customers beside those of another: how lists are joined."""

from collections.abc import Mapping

import ibis
import ibis.expr.types as ir


def given(t: ir.Table | None, kinds: Mapping[str, str]) -> dict[str, ir.Value]:
    """Columns of a table by name and kind, NULL where it has none of that name."""
    return {
        name: ibis.null(kind) if t is None or name not in t.columns else t[name].cast(kind)
        for name, kind in kinds.items()
    }


def joined(t: ir.Table, part: ir.Table | None, kinds: Mapping[str, str]) -> ir.Table:
    """A table of customers with columns of another one; NULL without it, or without its row."""
    if part is None:
        return t.mutate(given(None, kinds))
    part = part.select("customer_id", **given(part, kinds))
    return t.left_join(part, "customer_id").drop("customer_id_right")


def everybody(t: ir.Table, other: ir.Table) -> ir.Table:
    """Both tables of customers side by side, whoever is in one of them."""
    both = t.outer_join(other, "customer_id")
    customer = ibis.coalesce(both.customer_id, both.customer_id_right)
    return both.mutate(customer_id=customer).drop("customer_id_right")
