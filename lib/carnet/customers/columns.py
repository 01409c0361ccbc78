"""Columns of one table of customers beside those of another: how lists are joined."""

from collections.abc import Mapping
from typing import NamedTuple

import ibis
import ibis.expr.types as ir


class Part(NamedTuple):
    """Columns of a table of customers, by name and kind; all NULL where the table is not there."""

    table: ir.Table | None
    kinds: Mapping[str, str]


def given(t: ir.Table | None, kinds: Mapping[str, str]) -> dict[str, ir.Value]:
    """Columns of a table by name and kind, NULL where it has none of that name."""
    return {
        name: ibis.null(kind) if t is None or name not in t.columns else t[name].cast(kind)
        for name, kind in kinds.items()
    }


def joined(t: ir.Table, *parts: Part) -> ir.Table:
    """A table of customers with columns of others; NULL without one, or without its row. All in one
    chain of joins: one inside the other takes long to compile.
    """
    chain, places, wanted = t, dict[str, str](), dict[str, str]()
    for number, (part, kinds) in enumerate(parts):
        wanted |= kinds
        if part is None:
            continue
        here, chain = chain, chain.left_join(part, "customer_id", rname=f"{{name}}_{number}")
        for name in kinds:
            if name in part.columns:
                places[name] = f"{name}_{number}" if name in here.columns else name
    added = {
        name: chain[places[name]].cast(kind) if name in places else ibis.null(kind)
        for name, kind in wanted.items()
    }
    return chain.select(*t.columns, **added)


def everybody(t: ir.Table, other: ir.Table) -> ir.Table:
    """Both tables of customers side by side, whoever is in one of them."""
    both = t.outer_join(other, "customer_id")
    customer = ibis.coalesce(both.customer_id, both.customer_id_right)
    return both.mutate(customer_id=customer).drop("customer_id_right")


def most_first(t: ir.Table, column: str, rising: bool = False) -> tuple[ir.Value, ...]:
    """What sorts customers by a column, most or, `rising`, least of it first; unknown last."""
    value = t[column]
    return value.isnull(), value.asc() if rising else value.desc(), t.customer_id
