"""Tables with columns that no query makes: a function of frames gives them, row by row, and the
engine hands it the rows batch by batch, so that no process holds all of them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa

DAY = pa.timestamp("s")
Rows = Callable[[pd.DataFrame], pd.DataFrame]  # the same rows with more columns, each by itself


@dataclass(frozen=True)
class Mapped:
    """A table, and the function of its rows: `added` tells the kinds of the columns that it adds,
    `dropped` those that it alone reads.
    """

    table: ir.Table
    function: Rows
    added: Mapping[str, str]
    dropped: tuple[str, ...] = ()

    @property
    def schema(self) -> ibis.Schema:
        """The columns of the result."""
        kinds = {**self.table.schema(), **ibis.schema(self.added)}
        return ibis.schema({name: kinds[name] for name in kinds if name not in self.dropped})

    @property
    def batches(self) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
        """What makes batches of the result of batches of the table, in any process."""
        kinds = self.table.schema().to_pyarrow(), self.schema.to_pyarrow()
        return partial(_in_batches, self.function, *kinds)

    def run_on_nothing(self) -> None:
        """What runs for no row runs for every one: so it is noted where rows are elsewhere."""
        self.function(typed(self.table.schema().to_pyarrow().empty_table()))


def as_it_is(table: ir.Table) -> Mapped:
    """A table to which nothing is added."""
    return Mapped(table, _same, {})


def _same(rows: pd.DataFrame) -> pd.DataFrame:
    return rows


def _in_batches(
    function: Rows, given: pa.Schema, made: pa.Schema, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Sums and quotients may come as decimals: they are what the schema says."""
    for batch in batches:
        rows = function(typed(batch.cast(given)))[made.names]
        yield pa.RecordBatch.from_pandas(rows, made, preserve_index=False)


def frame(table: ir.Table) -> pd.DataFrame:
    """The rows of a table in this process, see `typed`."""
    return typed(table.to_pyarrow())


def typed(rows: pa.RecordBatch | pa.Table) -> pd.DataFrame:
    """A frame of texts, numbers, days (datetime64) and truths ('boolean' where one is unknown)."""
    days = {field.name for field in rows.schema if pa.types.is_date(field.type)}
    told = [field.with_type(DAY) if field.name in days else field for field in rows.schema]
    t = rows.cast(pa.schema(told)).to_pandas()
    for field, column in zip(rows.schema, rows.columns, strict=True):
        if pa.types.is_boolean(field.type) and column.null_count:
            t[field.name] = t[field.name].astype("boolean")
    return t
