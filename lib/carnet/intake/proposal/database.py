"""A live database → a proposed engagement: a known system by its own queries,
any other by its columns and what its foreign keys lead to.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow as pa

from carnet.engagement.schema import TABLES
from carnet.errors import CarnetError, Message
from carnet.intake.proposal.evidence import plain
from carnet.intake.proposal.matching import Guess, Match
from carnet.intake.proposal.parts import SAMPLE_ROWS, Part
from carnet.intake.proposal.systems import SURE, KnownDatabase, recognise_database
from carnet.intake.sources.servers import DatabaseTable, Server

DEPTH = 2  # foreign keys followed: from a line to its document, and to the document's customer
MOST_COLUMNS = 200  # of a table with what it refers to


@dataclass(frozen=True)
class Found:
    """What a database offers: tables of a known system as matches,
    of another one as parts to be matched; what is known, what was left out.
    """

    known: KnownDatabase | None
    matches: list[Match]
    parts: list[Part]
    left_out: list[str]


def read_database(server: Server) -> Found:
    """The tables of a database as carnet's.

    Raises CarnetError where it does not answer or holds none.
    """
    tables = server.tables()
    if not tables:
        raise CarnetError("{server}: no table in this database.", server=server.name)
    known = recognise_database(server, tables)
    if known is None:
        return Found(None, [], list(_parts(server, tables)), [])
    matches, left_out = [], list[str]()
    for table, query in known.queries.items():
        try:
            values = _sample(server, query)
        except CarnetError as error:
            left_out.append(Message("{place}: {fault}", place=table, fault=error))
            continue
        if not len(values):
            left_out.append(
                Message("{table}: no row in {system}", table=table, system=known.system)
            )
            continue
        roles = {
            role: Guess(role, SURE, f"as {known.system} stores it")
            for role in TABLES[table].columns
            if role in values.columns
        }
        matches.append(Match(table, Part(Path(table), values, query=query), roles, 2.0))
    return Found(known, matches, [], left_out)


def _sample(server: Server, query: str) -> pd.DataFrame:
    """The first rows of a query as texts."""
    rows = server.rows(f"SELECT * FROM (\n{query}\n) AS proposed LIMIT {SAMPLE_ROWS}")
    return pd.DataFrame(
        {name: _texts(rows.column(name)) for name in rows.column_names}, dtype=object
    )


def _texts(column: pa.ChunkedArray) -> list[str | None]:
    if pa.types.is_binary(column.type):
        return [None] * len(column)
    return [None if value is None else str(value) for value in column.to_pylist()]


@dataclass
class Joins:
    """A table and what its foreign keys lead to: the SQL behind FROM,
    and by header the expression that gives it.
    """

    source: str
    expressions: dict[str, str] = field(default_factory=dict)


def _parts(server: Server, tables: Mapping[str, DatabaseTable]) -> Iterator[Part]:
    """Each table with rows as a part, the columns of what it refers to beside its own."""
    for name in sorted(tables):
        joins = _joined(server, tables, name)
        columns = ", ".join(
            f"{expression} AS {_quote(server, header)}"
            for header, expression in joins.expressions.items()
        )
        values = _sample(server, f"SELECT {columns} FROM {joins.source}")
        if len(values):
            yield Part(
                Path(name), values, query=f"FROM {joins.source}", expressions=joins.expressions
            )


def _joined(server: Server, tables: Mapping[str, DatabaseTable], name: str) -> Joins:
    """A table joined with what it refers to, one level and then the next;
    a column that leads on is told by its own header too.
    """
    joins = Joins(
        f"{_quote(server, name)} AS t0",
        {column: f"t0.{_quote(server, column)}" for column in tables[name].columns},
    )
    waiting, count = [(name, "t0", 0)], 0
    while waiting:
        table, alias, depth = waiting.pop(0)
        if depth == DEPTH:
            continue
        for column, (other, key) in tables[table].refers.items():
            if (
                other not in tables
                or len(joins.expressions) + len(tables[other].columns) > MOST_COLUMNS
            ):
                continue
            count += 1
            joins.source += (
                f"\nLEFT JOIN {_quote(server, other)} AS t{count} ON "
                f"t{count}.{_quote(server, key)} = {alias}.{_quote(server, column)}"
            )
            told = plain(other).removesuffix("s")
            for inner in tables[other].columns:
                joins.expressions.setdefault(f"{told} {inner}", f"t{count}.{_quote(server, inner)}")
            waiting.append((other, f"t{count}", depth + 1))
    return joins


def _quote(server: Server, name: str) -> str:
    return str(server.engine.dialect.identifier_preparer.quote(name))


def query_of(found: Match, others: Collection[str] = ()) -> str:
    """The query of a match of an unknown database: the columns that play a role,
    under the names of their roles, and others under their own; in a fixed order.
    """
    expressions = found.part.expressions
    named = [f"  {expressions[guess.header]} AS {role}" for role, guess in found.roles.items()]
    named += [f'  {expressions[header]} AS "{header}"' for header in sorted(others)]
    columns = ",\n".join(named)
    order = ", ".join(str(position) for position in range(1, len(named) + 1))
    return f"SELECT\n{columns}\n{found.part.query}\nORDER BY {order}"
