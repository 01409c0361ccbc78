"""The SQL of expressions for DuckDB, compiled once: by a process for all its books, and kept beside
a book for the notebooks and runs that follow. On a small book compiling takes longer than running.
"""

import datetime as dt
import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from enum import Enum
from importlib.metadata import version
from pathlib import Path
from typing import Any

import ibis.backends.duckdb
import ibis.expr.datatypes as kinds
import ibis.expr.operations as ops
import ibis.expr.types as ir
from ibis.common.graph import Node

LIBRARIES = ("duckdb", "ibis-framework", "sqlglot")
VERSIONS = tuple(map(version, LIBRARIES))
PLAIN = (str, int, float, bool, type(None), dt.date, Decimal, Enum, kinds.DataType, ops.Namespace)
MOST_KEPT = 5_000  # queries, by a process and beside a book
HOLE = "\0{}\0"  # in the place of the name of a table of this process, which is another each time
DIGEST_BYTES = 32

_compiled: dict[str, str] = {}


class Unknown(Exception):
    """Something of an expression that this module does not know."""


class DuckDB(ibis.backends.duckdb.Backend):
    """Ibis' backend, which looks for the SQL of an expression before it compiles one."""

    folder: Path | None = None  # where SQL is kept; None: by this process alone

    def compile(self, expr: ir.Expr, /, **named: Any) -> str:
        """The SQL of an expression, as `ibis.backends.sql.SQLBackend.compile` gives it."""
        try:
            shape, own = shape_of((expr.op(), tuple(sorted(named.items()))))
        except (Unknown, RecursionError):
            return str(super().compile(expr, **named))
        key = hashlib.sha256(repr((VERSIONS, shape)).encode()).hexdigest()
        sql = _compiled.get(key) or _read(self.folder, key)
        if sql is None:
            sql = str(super().compile(expr, **named))
            for number, name in enumerate(own):
                sql = sql.replace(name, HOLE.format(number))
            _write(self.folder, key, sql)
        if len(_compiled) >= MOST_KEPT:
            _compiled.clear()
        _compiled[key] = sql
        for number, name in enumerate(own):
            sql = sql.replace(HOLE.format(number), name)
        return sql


def shape_of(asked: Any) -> tuple[list[Any], list[str]]:
    """All that the SQL of an expression, and of what is asked beside, depends on; and the names of
    tables of this process in it.

    Each part of it once, as its kind and what it is given, parts by their number; tables of the
    engine by name and columns, those of this process by number and columns. Raises Unknown.
    """
    numbers: dict[Node, int] = {}
    parts: list[Any] = []
    own: list[str] = []

    def told(value: Any) -> Any:
        if isinstance(value, Node):
            if value not in numbers:
                part = _table(value, own) or [type(value).__qualname__, *map(told, value.__args__)]
                numbers[value] = len(parts)
                parts.append(part)
            return numbers[value]
        if isinstance(value, tuple):
            return [told(each) for each in value]
        if isinstance(value, frozenset):
            return sorted(map(repr, map(told, value)))
        if isinstance(value, Mapping):
            return [(told(name), told(each)) for name, each in value.items()]
        if not isinstance(value, PLAIN):
            raise Unknown(type(value))
        return repr(value)

    return [told(asked), parts], own


def _table(value: Node, own: list[str]) -> list[Any] | None:
    if isinstance(value, ops.DatabaseTable):
        return ["table", value.name, repr(value.namespace), repr(value.schema)]
    if isinstance(value, ops.InMemoryTable):
        own.append(value.name)
        return ["own", repr(value.schema)]
    if isinstance(value, ops.PhysicalTable):
        raise Unknown(type(value))
    return None


def _read(folder: Path | None, key: str) -> str | None:
    """A query that was kept; None where it is not there, or damaged."""
    if folder is None:
        return None
    try:
        kept = (folder / f"{key}.sql").read_bytes()
    except OSError:
        return None
    digest, told = kept[:DIGEST_BYTES], kept[DIGEST_BYTES:]
    return told.decode() if hashlib.sha256(told).digest() == digest else None


def _write(folder: Path | None, key: str, sql: str) -> None:
    """Keep a query in a file that is there whole or not at all, where something may be written."""
    if folder is None:
        return
    told = sql.encode()
    part = folder / f".{key}-{os.getpid()}"
    with suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        if sum(1 for _ in folder.iterdir()) < MOST_KEPT:
            part.write_bytes(hashlib.sha256(told).digest() + told)
            part.replace(folder / f"{key}.sql")
    with suppress(OSError):
        part.unlink(missing_ok=True)
