"""Ibis' backend for a PostgreSQL server."""

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
        rows = ibis.backends.postgres.Backend.execute(self, table, **named)
        return pa.Table.from_pandas(rows, table.schema().to_pyarrow(), preserve_index=False)
