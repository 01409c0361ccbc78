"""Ibis' backend for Spark, with rows that come and go as Arrow: one by one they take ten times as
long.
"""

from typing import Any

import ibis.backends.pyspark
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc
from ibis.backends.pyspark.datatypes import PySparkSchema

from carnet.book.queries import Asking


class SparkSQL(Asking, ibis.backends.pyspark.Backend):
    """Queries of a session, see `queries`."""

    def _asked(self, table: ir.Table, **named: Any) -> pa.Table:
        self._run_pre_execute_hooks(table)
        rows = self._session.sql(self.compile(table, **named)).toArrow()
        for place, (name, kind) in enumerate(table.schema().items()):
            column = rows.column(place)
            if kind.is_decimal() and pa.types.is_decimal(column.type) and kind.scale is not None:
                # a mean has more digits than Ibis takes it for
                rows = rows.set_column(place, name, pc.round(column, ndigits=kind.scale))
        return rows

    def _register_in_memory_table(self, op: ops.InMemoryTable) -> None:
        rows = op.data.to_pyarrow(op.schema)
        made = self._session.createDataFrame(rows, schema=PySparkSchema.from_ibis(op.schema))
        made.createOrReplaceTempView(op.name)


SparkSQL.register_options()  # Ibis does so where it loads a backend by name
