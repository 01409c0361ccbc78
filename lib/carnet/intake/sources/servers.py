"""Databases: what a query gives, as Arrow, and which tables and columns there are.

SQLite, PostgreSQL, MySQL and MariaDB by SQLAlchemy.
"""

import contextlib
import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from carnet.engagement.databases import first_line, from_environment, without_secret
from carnet.engagement.running import this_run
from carnet.errors import CarnetError

DRIVERS = {  # scheme → SQLAlchemy's own, with the driver that carnet's extras install
    "sqlite": "sqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
EXTRAS = {"postgres": "postgres", "postgresql": "postgres", "mysql": "mysql", "mariadb": "mysql"}
BATCH_ROWS = 50_000


@dataclass(frozen=True)
class DatabaseTable:
    """A table of a database: type by column, and by column the table and column it refers to."""

    columns: dict[str, str]
    refers: dict[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Server:
    """A database that answers; `name` is what it is asked for, for messages."""

    name: str
    url: str
    engine: Any
    target: str

    @property
    def dialect(self) -> str:
        """Its SQL, as sqlglot names it."""
        name = str(self.engine.dialect.name)
        return {"postgresql": "postgres", "mariadb": "mysql"}.get(name, name)

    def rows(self, query: str) -> pa.Table:
        """What a query gives. Raises CarnetError with what the server says, without its secrets."""
        escaped = (
            query.replace("%", "%%")
            if self.engine.dialect.paramstyle in ("format", "pyformat")
            else query
        )
        with (
            self._told(),
            self.engine.connect().execution_options(stream_results=True) as connection,
        ):
            found = connection.exec_driver_sql(escaped)
            names = list(found.keys())
            parts = [_as_arrow(names, rows) for rows in found.partitions(BATCH_ROWS)]
        if not parts:
            return pa.table({name: pa.array([], pa.string()) for name in names})
        return _one_table(parts)

    def tables(self) -> dict[str, DatabaseTable]:
        """Tables and views of its default schema, by name. Raises CarnetError like `rows`."""
        import sqlalchemy  # slow to import, and few engagements read a database

        found = {}
        with self._told(), self.engine.connect() as connection:
            inspector = sqlalchemy.inspect(connection)  # of the engine it would connect each time
            for name in [*inspector.get_table_names(), *inspector.get_view_names()]:
                columns = {
                    column["name"]: str(column["type"]).lower()
                    for column in inspector.get_columns(name)
                }
                links = [
                    key
                    for key in inspector.get_foreign_keys(name)
                    if len(key["constrained_columns"]) == 1
                ]
                found[name] = DatabaseTable(
                    columns,
                    {
                        key["constrained_columns"][0]: (
                            key["referred_table"],
                            (key["referred_columns"] or ["id"])[0],
                        )
                        for key in links
                    },
                )
        return found

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """What the server or its driver refuses, in one message without secrets."""
        import sqlalchemy

        try:
            yield
        except (sqlalchemy.exc.SQLAlchemyError, RuntimeError) as error:
            # RuntimeError: a driver that lacks what the server asks for
            cause = getattr(error, "orig", None) or error
            told = first_line(cause, self.url, self.target)
            raise CarnetError(
                "{name}: {url}: the query failed: {cause}",
                name=self.name,
                url=without_secret(self.url),
                cause=told,
            ) from None


def connect(name: str, url: str, folder: Path) -> Server:
    """The database behind a URL; `${NAME}` is read from the environment,
    a SQLite path is relative to the folder and stays in it.

    Raises CarnetError where it is no such file, leaves the folder, or needs a driver.
    """
    import sqlalchemy

    target = from_environment(name, url)
    scheme, _, rest = target.partition("://")
    if scheme == "sqlite":
        inner = rest.removeprefix("/")
        file = (folder / inner).resolve()
        if not file.is_relative_to(folder.resolve()):
            raise CarnetError(
                "{name}: {inner} leaves the engagement folder. Copy the database into "
                "it: sqlite:///name.db.",
                name=name,
                inner=f"{inner!r}",
            )
        if not file.is_file():
            raise CarnetError(
                "{name}: {url}: no such SQLite file in {folder}.", name=name, url=url, folder=folder
            )
        rest = f"/{file}"
    try:
        engine = sqlalchemy.create_engine(
            f"{DRIVERS[scheme]}://{rest}", poolclass=sqlalchemy.pool.NullPool
        )
    except ImportError as error:
        raise CarnetError(
            "{name}: {url} needs a driver: {error}. Install carnet[{extra}].",
            name=name,
            url=without_secret(url),
            error=error,
            extra=EXTRAS[scheme],
        ) from None
    except (sqlalchemy.exc.SQLAlchemyError, ValueError) as error:  # a URL that cannot be parted
        raise CarnetError(
            "{name}: {url}: not the URL of a database: {cause}",
            name=name,
            url=without_secret(url),
            cause=first_line(error, url, target),
        ) from None
    return Server(name, url, engine, target)


def fetch_query(name: str, url: str, query: str | None, folder: Path, scratch: Path) -> Path:
    """Run `query` and store its rows as Parquet in the engagement's cache.

    `${NAME}` in the URL is read from the environment, so that no password stands in the
    engagement file;
    a SQLite path is relative to the engagement folder and stays in it. While a report is made
    (`running.Run.shared`), rows fetched before are read again: all notebooks of one report see one
    state of the database.
    """
    if not query:
        raise CarnetError("{name}: a database URL needs a query: (SQL) beside files:.", name=name)
    path = (
        scratch.parent
        / f"query-{hashlib.sha256(f'{url} {query}'.encode()).hexdigest()[:20]}.parquet"
    )
    if this_run().shared and path.is_file():
        return path
    known = url.partition("://")[0] in DRIVERS
    rows = connect(name, url, folder).rows(query) if known else _by_ibis(name, url, query)
    fetched = scratch / path.name
    # no zone of their own: the engagement declares it
    pq.write_table(rows, fetched, store_schema=False)
    return fetched.replace(path)


def _by_ibis(name: str, url: str, query: str) -> pa.Table:
    """What a query gives on any other database that Ibis reaches."""
    import ibis

    target = from_environment(name, url)
    try:
        rows = ibis.connect(target).sql(query).to_pyarrow()
    except ImportError as error:
        raise CarnetError(
            "{name}: {url} needs a driver: {error}.",
            name=name,
            url=without_secret(url),
            error=error,
        ) from None
    except Exception as error:  # a driver's own errors share no base class
        raise CarnetError(
            "{name}: {url}: the query failed: {cause}",
            name=name,
            url=without_secret(url),
            cause=first_line(error, url, target),
        ) from None
    kinds = [
        pa.field(each.name, pa.timestamp(each.type.unit, "UTC"))
        if pa.types.is_timestamp(each.type) and each.type.tz
        else each
        for each in rows.schema
    ]
    return rows.cast(pa.schema(kinds))


def _as_arrow(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> pa.Table:
    """Rows of a driver as a table."""
    columns = list(zip(*rows, strict=True))
    return pa.table([_column(column) for column in columns], names=list(names))


def _column(values: Sequence[Any]) -> pa.Array:
    """One column: typed where its values are of one kind, else their text;
    instants in UTC, whatever the zone of the session.
    """
    kinds = {type(value) for value in values if value is not None}
    if dt.datetime in kinds and any(
        value.tzinfo for value in values if isinstance(value, dt.datetime)
    ):
        return pa.array(
            [value and value.astimezone(dt.UTC) for value in values], pa.timestamp("us", "UTC")
        )
    if bytes in kinds:  # refused by name where a column of a table is meant
        return pa.array(
            [
                value if value is None or isinstance(value, bytes) else str(value).encode()
                for value in values
            ],
            pa.binary(),
        )
    if kinds == {int, float}:
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    if kinds == {Decimal, int}:
        return pa.array([None if value is None else Decimal(value) for value in values])
    if len(kinds) > 1 or (
        kinds and not kinds <= {bool, int, float, str, bytes, Decimal, dt.date, dt.datetime}
    ):
        return pa.array([None if value is None else str(value) for value in values], pa.string())
    try:
        return pa.array(values) if kinds else pa.array(values, pa.null())
    except (pa.ArrowException, OverflowError):  # a whole number too large for 64 bits
        return pa.array([None if value is None else str(value) for value in values], pa.string())


def _one_table(parts: list[pa.Table]) -> pa.Table:
    """Parts of a result under one schema: a column empty in one part is that of the others,
    one of several kinds is text.
    """
    if len({tuple(part.schema.types) for part in parts}) > 1:
        try:
            return _without_nulls(pa.concat_tables(parts, promote_options="permissive"))
        except pa.ArrowException:
            names = parts[0].schema.names
            return pa.concat_tables(
                [
                    pa.table([column.cast(pa.string()) for column in part.columns], names=names)
                    for part in parts
                ]
            )
    return _without_nulls(pa.concat_tables(parts))


def _without_nulls(table: pa.Table) -> pa.Table:
    """A column without a value as text: Parquet's readers know no kind for it."""
    fields = [
        pa.field(each.name, pa.string()) if pa.types.is_null(each.type) else each
        for each in table.schema
    ]
    return table.cast(pa.schema(fields))
