"""Queries asked once: the SQL of an expression is compiled once by a process for all its books;
beside the book for which it was, it is kept for the notebooks and runs that follow, and so are the
rows that each query gave.
"""

import datetime as dt
import hashlib
import weakref
from abc import abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from functools import partial
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

import duckdb
import ibis.backends.duckdb
import ibis.backends.sql
import ibis.expr.datatypes as kinds
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
from duckdb._seam import submit
from ibis.common.graph import Node
from ibis.formats.pandas import PandasData

from carnet.book.frames import forget_beyond, read_whole, write_whole
from carnet.intake.sources.base import OWN_COLUMNS, identifier, quoted

LIBRARIES = ("duckdb", "ibis-framework", "sqlglot")
VERSIONS = tuple(map(version, LIBRARIES))
PLAIN = (str, int, float, bool, type(None), dt.date, Decimal, Enum, kinds.DataType, ops.Namespace)
MOST_KNOWN = 5_000  # queries of a process
MOST_BYTES = 32_000_000  # of rows that are kept of a query
MOST_IN_ALL = 1_000_000_000  # bytes that are left beside a book when it is opened
# whose value hangs on more than what is asked
IMPURE = (ops.Impure, ops.ScalarUDF, ops.AggUDF)
HOLE = "\0{}\0"  # in the place of the name of a table of this process, which is another each time

_compiled: dict[str, str] = {}


class Unknown(Exception):
    """Something of an expression that this module does not know."""


@dataclass(frozen=True)
class Shape:
    """What of an expression its SQL depends on, as a digest; the tables of this process in it, and
    the names of those of the engine.
    """

    digest: str
    own: list[ops.InMemoryTable]
    read: set[str]


@dataclass(frozen=True)
class Answer:
    """The rows of a query, in the place of the engine's relation: kept, or asked and then kept."""

    ask: Callable[[], Any]
    place: Path | None

    def to_arrow_table(self) -> pa.Table:
        """All rows."""
        if (kept := read_whole(self.place)) is not None:
            with suppress(pa.ArrowException):
                return pa.ipc.open_file(kept).read_all()
        rows = self.ask()
        rows = rows if isinstance(rows, pa.Table) else rows.to_arrow_table()
        if self.place is not None and rows.nbytes <= MOST_BYTES:
            with suppress(pa.ArrowException):
                write_whole(self.place, _written(rows))
        return rows

    def to_arrow_reader(self, rows: int) -> pa.RecordBatchReader:
        """So many rows at a time."""
        return self.ask().to_arrow_reader(rows)


@dataclass(frozen=True)
class Query:
    """A query that DuckDB is asked once. `con.sql` would parse and bind it first, to tell its
    columns, and then run its text: of a small book that takes a third longer. `submit` is DuckDB's
    own inner call, whose version is pinned: what else is asked once copies the rows, and warns.
    """

    con: duckdb.DuckDBPyConnection
    sql: str

    def to_arrow_table(self) -> pa.Table:
        """All rows."""
        return submit(self.con, self.sql, None, "arrow").arrow_table()

    def to_arrow_reader(self, rows: int) -> pa.RecordBatchReader:
        """So many rows at a time."""
        return submit(self.con, self.sql, None, "stream", rows).arrow_reader()


class Keeping(ibis.backends.sql.SQLBackend):
    """An Ibis backend that looks for a query before it compiles and asks it."""

    folder: Path | None = None  # where queries are kept; None: by this process alone

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.origins: dict[str, str] = {}  # of a table of the engine, by name
        self.told_last: dict[str, tuple[weakref.ref[Node], Shape]] = {}

    def keep_in(self, folder: Path) -> None:
        """Keep queries and their rows in a folder, beside the book that they are of."""
        self.folder = folder
        forget_beyond(folder, MOST_IN_ALL)

    def compile(self, expr: ir.Expr, /, **named: Any) -> str:
        """The SQL of an expression, as `ibis.backends.sql.SQLBackend.compile` gives it in lines:
        the engine is asked the text that readers are shown, and it is compiled once for both.
        """
        if named.get("limit") == "default":
            named["limit"] = ibis.options.sql.default_limit
        named = {name: value for name, value in named.items() if value is not None}
        named["pretty"] = True
        ask = partial(super().compile, expr, **named)
        try:
            shape = self._shape(expr.op())
            key = key_of(shape, self.name, *chain(*sorted(named.items())))
        except Unknown:
            return str(ask())
        place = self._place(f"{key}.sql")
        sql = _compiled.get(key)
        if sql is None and (kept := read_whole(place)) is not None:
            sql = kept.to_pybytes().decode()
        if sql is None:
            sql = str(ask())
            for number, table in enumerate(shape.own):
                sql = sql.replace(table.name, HOLE.format(number))
            write_whole(place, sql.encode())
        if len(_compiled) >= MOST_KNOWN:
            _compiled.clear()
        _compiled[key] = sql
        for number, table in enumerate(shape.own):
            sql = sql.replace(HOLE.format(number), table.name)
        return sql

    def read_parquet(self, paths: Any, /, *, table_name: str | None = None, **named: Any) -> Any:
        """A file under a name; with one given it is a book's, written once and never again."""
        if table_name:
            self.origins[table_name] = str(paths)
        return super().read_parquet(paths, table_name=table_name, **named)

    def comes_from(self, name: str, table: ir.Table, query: str) -> None:
        """A table of the engine is from now on what a query makes of another."""
        try:
            self.origins[name] = self._answer_key(table, query)
        except Unknown:
            self.origins.pop(name, None)

    def _run_pre_execute_hooks(self, expr: ir.Expr) -> None:
        """What Ibis does before a query, where there is something to do: it looks for it anew."""
        try:
            shape = self._shape(expr.op())
        except Unknown:
            self._read_by({table.name for table in expr.op().find(ops.DatabaseTable)})
            return super()._run_pre_execute_hooks(expr)
        self._read_by(shape.read)
        if shape.own:
            self._register_in_memory_tables(expr)

    def _read_by(self, read: set[str]) -> None:
        """Tables of the engine are about to be read."""

    def answer(self, ask: Callable[[], Any], expr: ir.Expr, **named: Any) -> Answer | None:
        """The rows of an expression, kept or asked; None where nothing tells when they change."""
        try:
            key = self._answer_key(expr, *chain(*sorted(named.items())))
        except Unknown:
            return None
        return Answer(ask, self._place(f"{key}.arrow"))

    def _answer_key(self, expr: ir.Expr, *beside: Any) -> str:
        """Of all that the rows of an expression depend on."""
        shape = self._shape(expr.op())
        if not shape.read <= self.origins.keys():
            raise Unknown(shape.read)
        given = [_rows_told(table) for table in shape.own]
        origins = sorted((name, self.origins[name]) for name in shape.read)
        told = repr((key_of(shape, self.name, *beside), given, origins))
        return hashlib.sha256(told.encode()).hexdigest()

    def _shape(self, asked: Node) -> Shape:
        """As `shape_of`; once for one expression that is asked for its rows, then for its SQL. The
        expression is not held: with it go its tables of this process.
        """
        told = self.told_last
        seen = told.get("")
        if seen is not None and seen[0]() is asked:
            return seen[1]
        shape = shape_of(asked)
        told[""] = weakref.ref(asked, lambda _: told.clear()), shape
        return shape

    def _place(self, name: str) -> Path | None:
        return self.folder and self.folder / name


class DuckDB(Keeping, ibis.backends.duckdb.Backend):
    """Ibis' backend for DuckDB."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.names: set[str] = set()  # of temporary tables, see `make_later`
        self.to_make: dict[str, tuple[ir.Table, str]] = {}

    def read_parquet(self, paths: Any, /, *, table_name: str | None = None, **named: Any) -> Any:
        """A book's file under a name, whole and as it is; its columns are read from it, which is
        quicker than to have the engine describe them. Without a name, or with options, as Ibis
        does.
        """
        if not table_name or named:
            return super().read_parquet(paths, table_name=table_name, **named)
        self.origins[table_name] = str(paths)
        self.con.execute(
            f"CREATE OR REPLACE TEMP VIEW {identifier(table_name)} AS SELECT * "
            f"FROM read_parquet({quoted(str(paths))}, {OWN_COLUMNS})"
        )
        told = ibis.Schema.from_pyarrow(pq.read_schema(paths))
        schema = ibis.schema({column: kind.copy(nullable=True) for column, kind in told.items()})
        return ops.DatabaseTable(table_name, schema=schema, source=self).to_expr()

    def make_later(self, name: str, table: ir.Table, query: str) -> None:
        """A temporary table of a query, made when a query first reads it; `table` is what it is
        made of. What is still to be made of another table of that name is made before.
        """
        if name in self.names:
            for other in list(self.to_make):
                self._make(other)
        self.comes_from(name, table, query)
        self.names.add(name)
        self.to_make[name] = table, query

    def _make(self, name: str) -> None:
        """Make a temporary table, unless it was; one that fails is tried again when it is read."""
        if (left := self.to_make.pop(name, None)) is None:
            return
        table, query = left
        try:
            self._run_pre_execute_hooks(table)
            self.con.execute(f'CREATE OR REPLACE TEMP TABLE "{name}" AS {query}')
        except BaseException:
            self.to_make[name] = left
            raise

    def _read_by(self, read: set[str]) -> None:
        for name in read:
            self._make(name)

    def _to_duckdb_relation(self, expr: ir.Expr, **named: Any) -> Any:
        table = expr.as_table()
        ask = partial(self._asked, table, **named)
        return self.answer(ask, table, **named) or ask()

    def _asked(self, table: ir.Table, **named: Any) -> Query:
        self._run_pre_execute_hooks(table)
        return Query(self.con, self.compile(table, **named))


class Asking(Keeping):
    """A backend that is no DuckDB: rows come as Arrow, and a frame of them is as DuckDB's. What
    Arrow cannot hold is Ibis' own to tell.
    """

    def to_pyarrow(self, expr: ir.Expr, /, **named: Any) -> Any:
        """The rows of an expression, its column, or its value."""
        try:
            return expr.__pyarrow_result__(self._rows(expr.as_table(), **named))
        except pa.ArrowException:
            return super().to_pyarrow(expr, **named)

    def execute(self, expr: ir.Expr, /, **named: Any) -> Any:
        """The rows of an expression as pandas has them, its column, or its value."""
        table = expr.as_table()
        try:
            rows = table.__pyarrow_result__(self._rows(table, **named))
        except pa.ArrowException:
            return super().execute(expr, **named)
        columns = {
            name: column.to_pylist()
            if column.null_count or pa.types.is_nested(column.type)
            else column.to_pandas()
            for name, column in zip(rows.column_names, rows.columns, strict=True)
        }
        frame = PandasData.convert_table(pd.DataFrame(columns), table.schema())
        return expr.__pandas_result__(frame)

    def _rows(self, table: ir.Table, **named: Any) -> pa.Table:
        ask = partial(self._asked, table, **named)
        answer = self.answer(ask, table, **named)
        return answer.to_arrow_table() if answer else ask()

    @abstractmethod
    def _asked(self, table: ir.Table, **named: Any) -> pa.Table:
        """The rows of a table, of the engine itself."""


def key_of(shape: Shape, *beside: Any) -> str:
    """The digest of an expression's shape and of what is asked beside, names and values in a row.
    Raises Unknown.
    """
    if not all(isinstance(value, PLAIN) for value in beside):
        raise Unknown(beside)
    return hashlib.sha256(repr((VERSIONS, shape.digest, beside)).encode()).hexdigest()


def shape_of(asked: Node) -> Shape:
    """The shape of an expression: each part of it once, as its kind and what it is given, parts by
    their number; tables of the engine by name and columns, those of this process by number and
    columns. Raises Unknown.
    """
    numbers: dict[Node, int] = {}
    parts: list[Any] = []
    own: list[ops.InMemoryTable] = []

    def told(value: Any) -> Any:
        if isinstance(value, Node):
            if value not in numbers:
                part = _table(value, own) or [type(value).__qualname__, *map(told, value.__args__)]
                numbers[value] = len(parts)
                parts.append(part)
            return numbers[value]
        if isinstance(value, tuple):
            return [told(each) for each in value]
        if isinstance(value, PLAIN):
            return repr(value)
        if isinstance(value, frozenset):
            return sorted(map(repr, map(told, value)))
        if isinstance(value, Mapping):
            return [(told(name), told(each)) for name, each in value.items()]
        raise Unknown(type(value))

    try:
        told(asked)
    except RecursionError:
        raise Unknown(type(asked)) from None
    read = {node.name for node in numbers if isinstance(node, ops.DatabaseTable)}
    return Shape(hashlib.sha256(repr(parts).encode()).hexdigest(), own, read)


def _table(value: Node, own: list[ops.InMemoryTable]) -> list[Any] | None:
    if isinstance(value, ops.DatabaseTable):
        return ["table", value.name, repr(value.namespace), repr(value.schema)]
    if isinstance(value, ops.InMemoryTable):
        own.append(value)
        return ["own", repr(value.schema)]
    if isinstance(value, (ops.PhysicalTable, *IMPURE)):
        raise Unknown(type(value))
    return None


def _rows_told(table: ops.InMemoryTable) -> str:
    """The digest of the rows of a table of this process."""
    return hashlib.sha256(_written(table.data.to_pyarrow(table.schema))).hexdigest()


def _written(rows: pa.Table) -> bytes:
    made = pa.BufferOutputStream()
    with pa.ipc.new_file(made, rows.schema) as written:
        written.write_table(rows)
    return bytes(made.getvalue().to_pybytes())
