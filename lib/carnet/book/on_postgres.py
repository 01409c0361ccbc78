"""Ibis' backend for a PostgreSQL server."""

from collections.abc import Iterable
from typing import Any

import ibis.backends.postgres
import ibis.expr.types as ir
import pyarrow as pa
import sqlglot.expressions as sge
from ibis.backends.sql.compilers import PostgresCompiler

from carnet.book.queries import Asking


class Compiler(PostgresCompiler):
    """Counts divided as numbers: sqlglot loses Ibis' own cast where an expression is used twice,
    and 1 / 2 is 0 there.
    """

    def visit_Divide(self, op: Any, *, left: Any, right: Any) -> Any:
        """As of Ibis, the cast written out."""
        kind = sge.DataType.build("double precision", dialect="postgres")
        return self.binop(sge.Div, sge.Cast(this=left, to=kind), right)


class PostgreSQL(Asking, ibis.backends.postgres.Backend):
    """Queries of a connection, see `queries`."""

    compiler = Compiler()

    def _asked(self, table: ir.Table, **named: Any) -> pa.Table:
        self._run_pre_execute_hooks(table)
        kinds = table.schema().to_pyarrow()
        with self.con.cursor() as cursor, self.con.transaction():
            rows = cursor.execute(self.compile(table, **named)).fetchall()
        columns = zip(*rows, strict=True) if rows else ([] for _ in kinds)
        made = [_column(values, field.type) for values, field in zip(columns, kinds, strict=True)]
        return pa.Table.from_arrays(made, schema=kinds)


def _column(values: Iterable[Any], kind: pa.DataType) -> pa.Array:
    """Values of a server as a column: sums and quotients of whole numbers come as decimals."""
    told = list(values)
    if pa.types.is_decimal(kind):
        told = [None if value is None else round(value, kind.scale) for value in told]
    elif pa.types.is_floating(kind) or pa.types.is_integer(kind):
        number = float if pa.types.is_floating(kind) else int
        told = [None if value is None else number(value) for value in told]
    return pa.array(told, kind)
