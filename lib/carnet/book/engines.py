"""Where measures are computed: DuckDB in this process, Spark, or a PostgreSQL server.

The same Ibis expressions run on each.

An engine reads the book's Parquet files under a name and keeps a table for the queries that follow.
Rows that it holds itself it gives to `intake.held`, with an address each where they have one.
"""

import io
import json
import logging
import os
import shutil
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from ibis.common.exceptions import IbisError, TableNotFound

from carnet.book.mapped import Mapped
from carnet.book.queries import DuckDB
from carnet.engagement.databases import Address, first_line, from_environment, without_secret
from carnet.engagement.running import this_run
from carnet.engagement.unfinished import spill_folder
from carnet.errors import CarnetError
from carnet.intake.held import names_taken
from carnet.intake.sources.base import OWN_COLUMNS, identifier, quoted

Make = Callable[..., ir.Table]  # tables and what is given beside → an expression
BATCH_ROWS = 100_000
SMALL_ROWS = 1_000_000
MOST_LEFT = 4  # databases of 5 MB
PATIENCE = 5  # seconds for Java to end by itself
# of Ibis as Spark names them
KINDS = {
    "string": "string", "float64": "double", "int64": "bigint", "int32": "int", "date": "date",
    "boolean": "boolean",
}  # fmt: skip
LINE = '"line of carnet"'  # a row of a server's table: no column is called so
LINE_HASH = f"hashtextextended({LINE}::text, 0)"


@dataclass(frozen=True)
class Part:
    """A file of rows that an engine holds (no name: the table whole), what tells its state, and
    its rows.
    """

    name: str
    state: str
    rows: int


@dataclass
class Engine:
    """One open engine; `backend` is Ibis' own."""

    backend: Any
    there: dict[str, ir.Table] = field(default_factory=dict)
    double = "DOUBLE"
    quote = '"'

    def read(self, name: str, path: Path) -> ir.Table:
        """The rows of a Parquet file of the book, by a name that queries show; found once."""
        if name not in self.there:
            self.there[name] = self._read(name, path)
        return self.there[name]

    def _read(self, name: str, path: Path) -> ir.Table:
        return self.backend.read_parquet(path, table_name=name)

    def write(self, make: Make, sources: Mapping[str, Path], target: Path, *given: Any) -> None:
        """Write what an expression makes of the book's files, and of what is given beside."""
        told = self._told(make, sources, given)
        self.backend.con.execute(f"COPY ({told}) TO {quoted(str(target))} (FORMAT parquet)")

    def row(self, make: Make, sources: Mapping[str, Path], *given: Any) -> dict[str, Any]:
        """The one row of an expression over the book's files."""
        found = self.backend.con.execute(self._told(make, sources, given))
        return dict(zip((c[0] for c in found.description), found.fetchone(), strict=True))

    def _told(self, make: Make, sources: Mapping[str, Path], given: tuple) -> str:
        schemas = {name: self.read(name, path).schema() for name, path in sources.items()}
        return _compiled(make, tuple(schemas.items()), given)

    def keep(self, name: str, table: ir.Table) -> tuple[ir.Table, str]:
        """The table computed once, for the queries that follow: they read it by its name.

        Beside it the SQL that made it.
        """
        sql = self.sql(table)
        # sums of integers and literals are wider in the database than ibis takes them for, and a
        # month is an instant: cast to what they are taken for
        told = {
            self.double: lambda kind: kind.is_floating(),
            "BIGINT": lambda kind: kind.is_integer(),
            "DATE": lambda kind: kind.is_date(),
        }
        kinds = {
            column: next((name for name, is_it in told.items() if is_it(kind)), None)
            for column, kind in table.schema().items()
        }
        named = {f"{self.quote}{column}{self.quote}": kind for column, kind in kinds.items()}
        typed = [
            f"CAST({column} AS {kind}) AS {column}" if kind else column
            for column, kind in named.items()
        ]
        self._create(name, f"SELECT {', '.join(typed)} FROM ({sql}) AS computed", table)
        return self._named(name, table.schema()), sql

    @contextmanager
    def asking(self, address: Any) -> Iterator[None]:
        """What the engine refuses of an address is told as a CarnetError."""
        try:
            yield
        except duckdb.Error as error:
            raise _refused(address, error) from None

    def parts(self, address: Address) -> list[Part]:
        """The files of rows that it holds, or the one table; raises CarnetError where it cannot
        read them.
        """
        return [Part(name, "", pq.read_metadata(name).num_rows) for name in address.names]

    def rows(self, name: str, address: Address, parts: list[Part], zone: str | None) -> ir.Table:
        """The rows that it holds, as `intake.held` reads them: _file, _row, _hash beside."""
        columns = ", ".join(map(identifier, pq.read_schema(parts[0].name).names))
        own = "(file_row_number + 1)::BIGINT AS _row"
        line = f"CAST(CAST(hash({columns}) AS BIT) AS BIGINT) AS _hash"
        files = [
            f"SELECT {columns}, {number}::INTEGER AS _file, {own}, {line} "
            f"FROM read_parquet({quoted(part.name)}, file_row_number=true, can_have_nan=true, "
            f"{OWN_COLUMNS})"
            for number, part in enumerate(parts)
        ]
        query = " UNION ALL ".join(files)
        self.backend.con.execute(f"CREATE OR REPLACE TEMP VIEW held_{name} AS {query}")
        return self.backend.table(f"held_{name}")

    def stored(self, name: str, table: ir.Table, target: Path) -> ir.Table:
        """A table written where `read` finds it, in the place of what stood there; returns it."""
        written = target.with_suffix(".part")
        table.to_parquet(written)
        if target.is_dir():
            shutil.rmtree(target)
        written.replace(target)
        self.there[name] = self._read(name, target)
        return self.there[name]

    def mapped(self, made: Mapped, target: Path) -> None:
        """Write a table with what a function adds to its rows, a batch at a time."""
        written = None
        with pq.ParquetWriter(target, made.schema.to_pyarrow()) as file:
            for written in made.batches(self._batches(made.table)):
                file.write_batch(written)
        if written is None:
            made.run_on_nothing()

    def _batches(self, table: ir.Table) -> Iterable[pa.RecordBatch]:
        # not Ibis' own, which asks DuckDB 2 for a function that it no longer has
        return table.get_backend()._to_duckdb_relation(table).to_arrow_reader(BATCH_ROWS)

    def sql(self, table: ir.Table) -> str:
        """The query that computes a table here."""
        return str(self.backend.compile(table, pretty=True))

    def _named(self, name: str, schema: ibis.Schema) -> ir.Table:
        """A table of the database by the columns known here, numbers as `keep` makes them: asked
        for them, a server would mix in those of a table of its own of that name.
        """
        wide = {"int": ibis.dtype("int64"), "float": ibis.dtype("float64")}
        kinds = {
            column: wide["int"]
            if kind.is_integer()
            else wide["float"]
            if kind.is_floating()
            else kind
            for column, kind in schema.items()
        }
        nullable = ibis.schema({column: kind.copy(nullable=True) for column, kind in kinds.items()})
        return ops.DatabaseTable(
            name, schema=nullable, source=self.backend, namespace=ops.Namespace()
        ).to_expr()

    def _create(self, name: str, query: str, table: ir.Table) -> None:
        """Make a temporary table of a query, in the place of one of that name, at the latest when
        it is read; `table` is what it is made of.
        """
        self.backend.make_later(name, table, query)


def engine_of(table: ir.Table) -> Engine:
    """The engine that an expression runs on."""
    backend = table.get_backend()
    kind = {"pyspark": Spark, "postgres": Postgres}.get(backend.name, Engine)
    return kind(backend)


@lru_cache(256)
def _compiled(make: Make, schemas: tuple[tuple[str, ibis.Schema], ...], given: tuple) -> str:
    """The SQL of an expression for DuckDB: compiling takes longer than a small book."""
    made = make(*(ibis.table(schema, name=name) for name, schema in schemas), *given)
    return str(ibis.to_sql(made, dialect="duckdb"))


class Elsewhere(Engine):
    """Another engine than DuckDB runs the expressions themselves."""

    def write(self, make: Make, sources: Mapping[str, Path], target: Path, *given: Any) -> None:
        """As of `Engine`."""
        self._made(make, sources, given).to_parquet(target)

    def row(self, make: Make, sources: Mapping[str, Path], *given: Any) -> dict[str, Any]:
        """As of `Engine`."""
        return self._made(make, sources, given).execute().iloc[0].to_dict()

    def _batches(self, table: ir.Table) -> Iterable[pa.RecordBatch]:
        return table.to_pyarrow_batches(chunk_size=BATCH_ROWS)

    def _made(self, make: Make, sources: Mapping[str, Path], given: tuple) -> ir.Table:
        return make(*(self.read(name, path) for name, path in sources.items()), *given)


class Spark(Elsewhere):
    """PySpark: the session that its own configuration describes,
    on this machine where there is none.
    """

    quote = "`"

    def parts(self, address: Address) -> list[Part]:
        """As of `Engine`: size and time tell a file's state, without them a hash of its rows."""
        frame = self._frame(address)
        told = [f"_metadata.file_{name}" for name in ("path", "size", "modification_time")]
        try:
            files = frame.selectExpr(*(f"{each} AS f{n}" for n, each in enumerate(told)))
            found = files.groupBy("f0", "f1", "f2").count().orderBy("f0").collect()
        except self._refusals():  # a view, a table of another system
            line = f"cast({self._hash(frame)} AS decimal(38, 0))"
            whole = "count(*)", f"cast(sum({line}) AS string)"
            with self.asking(address):
                count, state = frame.selectExpr(*whole).collect()[0]
            return [Part("", f"{count} {state}", count)]
        return [Part(row[0], f"{row[1]} {row[2]}", row[3]) for row in found]

    def rows(self, name: str, address: Address, parts: list[Part], zone: str | None) -> ir.Table:
        """As of `Engine`; instants by the day they were in the zone."""
        frame, session = self._frame(address), self.backend._session
        refuse_own_names(address, frame.columns)
        columns = [self._in_zone(field, zone, name) for field in frame.schema.fields]
        own = f"{self._hash(frame)} AS _hash"
        with self.asking(address):
            if parts[0].name:
                place = ("_metadata.file_path AS _path", "_metadata.row_index + 1 AS _row")
                files = session.createDataFrame(
                    [(part.name, number) for number, part in enumerate(parts)],
                    "_path string, _file int",
                )
                found = frame.selectExpr(*columns, own, *place)
                found = found.join(files.hint("broadcast"), "_path").drop("_path")
            else:
                place = ("CAST(0 AS int) AS _file", "CAST(NULL AS bigint) AS _row")
                found = frame.selectExpr(*columns, own, *place)
            found.createOrReplaceTempView(f"held_{name}")
        return self.backend.table(f"held_{name}")

    def _frame(self, address: Address) -> Any:
        session = self.backend._session
        with self.asking(address):
            if address.kind == "path":
                return session.read.option("mergeSchema", "true").parquet(*address.names)
            return session.table(address.names[0])

    def _hash(self, frame: Any) -> str:
        """SQL: of the whole line; a function that skips what is missing is told where it is."""
        named = [self._quoted(field.name) for field in frame.schema.fields]
        given = [
            f"to_json({column})" if field.dataType.typeName() == "map" else column
            for field, column in zip(frame.schema.fields, named, strict=True)
        ]
        missing = ", ".join(f"{column} IS NULL" for column in named)
        return f"xxhash64({', '.join(given)}, array({missing}))"

    def _in_zone(self, field: Any, zone: str | None, name: str) -> str:
        """SQL: a column, an instant as the clock of the zone showed it."""
        column = self._quoted(field.name)
        if field.dataType.typeName() != "timestamp":
            return column
        if zone is None:
            raise _no_zone(name, field.name)
        return f"CAST(from_utc_timestamp({column}, '{zone}') AS timestamp_ntz) AS {column}"

    @staticmethod
    def _quoted(name: str) -> str:
        return f"`{name.replace('`', '``')}`"

    @staticmethod
    def _refusals() -> tuple[type[Exception], ...]:
        from py4j.protocol import Py4JJavaError
        from pyspark.errors import PySparkException

        return PySparkException, Py4JJavaError

    @contextmanager
    def asking(self, address: Any) -> Iterator[None]:
        """As of `Engine`."""
        try:
            yield
        except self._refusals() as error:
            raise _refused(address, error) from None

    def mapped(self, made: Mapped, target: Path) -> None:
        """As of `Engine`, by the workers; through this process where they cannot run carnet."""
        made.run_on_nothing()
        backend = made.table.get_backend()
        kinds = {name: KINDS[str(kind)] for name, kind in made.schema.items()}
        backend._run_pre_execute_hooks(made.table)  # tables of this process are made known
        rows = backend._session.sql(self.sql(made.table)).mapInArrow(
            made.batches,
            ", ".join(f"{self._quoted(name)} {kind}" for name, kind in kinds.items()),
        )
        try:
            rows.write.parquet(str(target))
        except self._refusals():
            shutil.rmtree(target, ignore_errors=True)
            super().mapped(made, target)

    def _named(self, name: str, schema: ibis.Schema) -> ir.Table:
        return self.backend.table(name)

    def _create(self, name: str, query: str, table: ir.Table) -> None:
        self.backend._run_pre_execute_hooks(table)  # tables of this process are made known
        self.backend._session.sql(query).cache().createOrReplaceTempView(name)
        self.backend.comes_from(name, table, query)


@dataclass
class Postgres(Elsewhere):
    """A PostgreSQL server: the book's tables are temporary there, gone with the connection."""

    double = "DOUBLE PRECISION"

    def parts(self, address: Address) -> list[Part]:
        """As of `Engine`: one table, whose rows tell its state."""
        kinds = self._schema(address, f"SELECT * FROM {address.quoted}")
        whole = f"count(*), coalesce(sum({LINE_HASH}), 0)::text"
        count, state = self._asked(address, f"SELECT {whole} FROM {address.quoted} {LINE}")[0]
        return [Part("", f"{dict(kinds.items())} {count} {state}", count)]

    def rows(self, name: str, address: Address, parts: list[Part], zone: str | None) -> ir.Table:
        """As of `Engine`; instants by the day they were in the zone. The letters of texts are those
        of Unicode, where the server knows them: its own may have no capital É.
        """
        known = "SELECT 1 FROM pg_collation WHERE collname = 'und-x-icu'"
        letters = ' COLLATE "und-x-icu"' if self._asked(address, known) else ""
        schema = self._schema(address, f"SELECT * FROM {address.quoted}")
        refuse_own_names(address, schema)
        columns = []
        for column, kind in schema.items():
            own = identifier(column)
            if kind.is_timestamp() and kind.timezone:
                if zone is None:
                    raise _no_zone(name, column)
                columns.append(f"timezone({quoted(zone)}, {LINE}.{own}) AS {own}")
            elif kind.is_string():
                columns.append(f"{LINE}.{own}::text{letters} AS {own}")
            else:
                columns.append(f"{LINE}.{own}")
        beside = (
            f"0::int AS _file, NULL::bigint AS _row, {LINE_HASH} AS _hash "
            f"FROM {address.quoted} {LINE}"
        )
        query = f"SELECT {', '.join(columns)}, {beside}"
        return ops.SQLQueryResult(query, self._schema(address, query), self.backend).to_expr()

    def stored(self, name: str, table: ir.Table, target: Path) -> ir.Table:
        """As of `Engine`: the query is kept, the rows stay where they are; texts in the order of
        their code points.
        """
        kinds = table.schema()
        ordered = ", ".join(
            f"{identifier(column)}{' COLLATE ' + identifier('C') if kind.is_string() else ''}"
            for column, kind in kinds.items()
        )
        query = f"SELECT {ordered} FROM ({self.sql(table)}) AS kept"
        record = {"query": query, "schema": {column: str(kind) for column, kind in kinds.items()}}
        target.with_suffix(".json").write_text(json.dumps(record), encoding="utf-8")
        return table

    def _schema(self, address: Address, query: str) -> ibis.Schema:
        """The columns of a query; raises CarnetError for a kind that Ibis does not know, for which
        it has no error of its own.
        """
        try:
            with self.asking(address):
                return self.backend._get_schema_using_query(query)
        except (IbisError, TableNotFound, AttributeError) as error:
            raise _refused(address, error) from None

    def _asked(self, address: Address, query: str) -> list[Any]:
        with self.asking(address), self.backend.con.cursor() as cursor:
            return list(cursor.execute(query).fetchall())

    @contextmanager
    def asking(self, address: Any) -> Iterator[None]:
        """As of `Engine`."""
        import psycopg

        try:
            yield
        except psycopg.Error as error:
            self.backend.con.rollback()
            raise _refused(address, error) from None

    def _read(self, name: str, path: Path) -> ir.Table:
        """Copy the rows into a temporary table, once a connection; rows that the server holds are
        a view.
        """
        if (told := path.with_suffix(".json")).is_file():
            record = json.loads(told.read_text(encoding="utf-8"))
            with self.backend.con.cursor() as cursor:
                cursor.execute(f'CREATE TEMP VIEW "{name}" AS {record["query"]}')
            # nothing is kept of it: its rows may be others when they are asked again
            return self._named(name, ibis.schema(record["schema"]))
        self.backend.origins[name] = str(path)
        file = pq.ParquetFile(path)
        schema = ibis.Schema.from_pyarrow(file.schema_arrow)
        self.backend.create_table(name, schema=schema, temp=True)
        # texts in the order of their code points, as on the other engines
        with self.backend.con.cursor() as cursor:
            for column in (column for column, kind in schema.items() if kind.is_string()):
                cursor.execute(
                    f'ALTER TABLE pg_temp."{name}" ALTER COLUMN "{column}" TYPE text COLLATE "C"'
                )
        with (
            self.backend.con.cursor() as cursor,
            cursor.copy(f'COPY "{name}" FROM STDIN (FORMAT csv)') as copy,
        ):
            for batch in file.iter_batches(BATCH_ROWS):
                text = io.BytesIO()
                pyarrow.csv.write_csv(batch, text, pyarrow.csv.WriteOptions(include_header=False))
                copy.write(text.getvalue())
        return self._named(name, schema)

    def _create(self, name: str, query: str, table: ir.Table) -> None:
        self.backend._run_pre_execute_hooks(table)
        with self.backend.con.cursor() as cursor:
            cursor.execute(f'DROP TABLE IF EXISTS pg_temp."{name}"')
            cursor.execute(f'CREATE TEMP TABLE "{name}" AS {query}')
        self.backend.comes_from(name, table, query)


def _refused(address: Any, error: Exception) -> CarnetError:
    java = getattr(error, "java_exception", None)  # where Spark gives none of its own
    error = RuntimeError(java.getMessage()) if java else error
    return CarnetError(
        "files: {address}: {error}", address=str(address), error=first_line(error, "", "")
    )


def refuse_own_names(address: Address, columns: Iterable[str]) -> None:
    """Raises CarnetError where columns bear names that are carnet's own."""
    if taken := names_taken(columns):
        raise CarnetError(
            "files: {address}: columns named {names} are taken for carnet's own. Give them other "
            "names in a view, and name the view.",
            address=str(address),
            names=", ".join(map(repr, taken)),
        )


def _no_zone(name: str, column: str) -> CarnetError:
    return CarnetError(
        "{name}: the instants of {column} name no time zone, and their day depends "
        "on it. Set format: {{timezone: Europe/Paris}}.",
        name=name,
        column=f"{column!r}",
    )


def connect(engine: str, folder: Path, rows: int = 0) -> Engine:
    """The engine that an engagement names, for the book in a folder: duckdb (see `memory`), spark,
    or the URL of a PostgreSQL server.

    DuckDB asks for one thread where the book has fewer `rows` than SMALL_ROWS: several are no
    faster there, and add floats in another order each time, which the last digits show.

    Raises CarnetError saying what is missing on this machine, or what the server answers,
    without its password.
    """
    if engine == "duckdb":
        return Engine(_duckdb(folder.parent, small=rows < SMALL_ROWS))
    return Spark(_spark()) if engine == "spark" else Postgres(_postgres(engine))


# process → small ones, empty, and nobody's: to begin one and to end it takes as long as ten queries
_left: dict[int, list[duckdb.DuckDBPyConnection]] = {}


def _duckdb(cache: Path, small: bool) -> DuckDB:
    """Ibis' backend on a database of `memory`. What is in a small one is temporary and goes with
    the backend; the database is then left to the next.
    """
    con = memory(cache, small)
    if not small:
        return DuckDB.from_connection(con)
    backend = DuckDB.from_connection(_quiet(con.cursor()))
    weakref.finalize(backend, _leave, con, cache, os.getpid()).atexit = False
    return backend


def _leave(con: duckdb.DuckDBPyConnection, cache: Path, process: int) -> None:
    """Leave a small database to the next of its process, unless it wrote to disk: DuckDB does not
    leave the folder to which it did. The copy that a fork has is nobody's, and never ended there:
    the fork would end with it.
    """
    left, forked = _left.setdefault(process, []), process != os.getpid()
    if forked or (len(left) < MOST_LEFT and not spill_folder(cache).exists()):
        left.append(con)


def memory(cache: Path | None = None, small: bool = False) -> duckdb.DuckDBPyConnection:
    """A database in memory that fills its share of it (`running.Run.memory`) and then a private
    folder in `cache`, if one is given; without DuckDB's progress bar. A `small` one has one thread.
    """
    left = _left.get(os.getpid()) if small else None
    con = left.pop() if left else duckdb.connect()
    # its default is the folder that the process happens to be in
    folder = f"SET temp_directory = {quoted(str(spill_folder(cache)) if cache else '')}"
    try:
        con.execute(folder)
    except duckdb.Error:  # it wrote to disk since it was left: somebody still reads from it
        con = duckdb.connect()
        con.execute(folder)
    con.execute(f"SET memory_limit = {quoted(this_run().memory)}")
    if small:
        con.execute("SET threads = 1")
    return _quiet(con)


@contextmanager
def passing(cache: Path, small: bool) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database of `memory` for work that leaves nothing in it. A small one is then the next that
    `memory` gives.
    """
    con = memory(cache, small)
    with con.cursor() as own:  # with what is temporary
        own.execute("ATTACH ':memory:' AS passing")
        own.execute("USE passing")
        yield _quiet(own)
    if small:
        con.execute("DETACH passing")
        _leave(con, cache, os.getpid())


def _quiet(con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Where the process has no script, as in a kernel, DuckDB takes itself for a terminal and draws
    on stdout, whose last line names the report.
    """
    if con.execute("SELECT current_setting('enable_progress_bar')").fetchall()[0][0]:
        con.execute("SET enable_progress_bar = false")
    return con


_applications: list[Any] = []  # of Spark, begun here: at most one


def answers_one(engine: str) -> bool:
    """True where one process at a time gets an answer: a Spark cluster gives its cores to the first
    application, and each notebook is one. A server of sessions (SPARK_REMOTE) answers all.
    """
    return engine == "spark" and not os.environ.get("SPARK_REMOTE")


def release(engine: str) -> None:
    """End the application that carnet began in this process on an engine that answers one, for the
    others; one that was there before is somebody else's.
    """
    if answers_one(engine):
        while _applications:
            _end(_applications.pop())


def _end(application: Any) -> None:
    """Stop an application, and the Java that PySpark began for it: left alone it holds its memory
    as long as this process lives.
    """
    gateway = application._gateway
    application.stop()
    java = getattr(gateway, "proc", None)
    if java is None:  # somebody else's
        return
    gateway.shutdown()
    java.stdin.close()  # it ends with this pipe, unless a fork of this process holds it
    try:
        java.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        java.kill()
        java.wait()
    type(application)._gateway = type(application)._jvm = None  # the next one begins anew


def _spark() -> Any:
    try:
        from pyspark import SparkContext
        from pyspark.sql import SparkSession
    except ImportError:
        raise CarnetError(
            "engine: spark needs PySpark. Install carnet[spark] (in carnet's folder: make spark)."
        ) from None
    here = not os.environ.get("SPARK_REMOTE")
    java = Path(os.environ.get("JAVA_HOME", "/nonexistent")) / "bin" / "java"
    if here and not (java.is_file() or shutil.which("java")):
        raise CarnetError(
            "engine: spark needs Java 17 or newer: install it (Debian: apt "
            "install default-jre-headless) or set JAVA_HOME."
        )
    builder = SparkSession.builder.appName("carnet")
    if here:
        builder = (
            builder.config("spark.ui.enabled", "false")
            .config("spark.log.level", "ERROR")
            .config("spark.ui.showConsoleProgress", "false")
        )
    # what Spark refuses is told in a sentence; its own log of it fills the screen
    logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL)
    there = SparkSession.getActiveSession() or SparkContext._active_spark_context
    try:
        # views of a session of its own: two books never share a name
        session = builder.getOrCreate().newSession()
        if here and there is None and not _applications:
            _applications.append(session.sparkContext)
    except Exception as error:  # py4j, gRPC and the JVM have no common base
        raise CarnetError(
            "engine: spark: no session: {error}", error=first_line(error, "", "")
        ) from None
    session.conf.set("spark.sql.session.timeZone", "UTC")  # no machine's zone moves a day
    if here and str(session.sparkContext.master).startswith("local"):
        if not os.environ.get("PYSPARK_PYTHON"):
            session.sparkContext.pythonExec = sys.executable  # which has carnet
        session.conf.set(
            "spark.sql.shuffle.partitions", str(session.sparkContext.defaultParallelism)
        )
    from carnet.book.on_spark import SparkSQL

    backend = SparkSQL()
    backend.do_connect(session)
    return backend


def _postgres(url: str) -> Any:
    target = from_environment("engine", url)
    try:
        backend = ibis.connect(target)
    except ImportError as error:
        raise CarnetError(
            "engine: {url} needs a driver: {error}. Install carnet[postgres].",
            url=without_secret(url),
            error=error,
        ) from None
    except Exception as error:  # a driver's own errors share no base class
        raise CarnetError(
            "engine: {url}: no connection: {error}",
            url=without_secret(url),
            error=first_line(error, url, target),
        ) from None
    from carnet.book.on_postgres import PostgreSQL

    backend = PostgreSQL.from_connection(backend.con)
    with backend.con.cursor() as cursor:
        cursor.execute("SET datestyle = 'ISO'")  # a date as text is told by year, month and day
    return backend
