"""What known ERPs, shops and CRMs look like (`intake/systems/*.yml`):
their databases by tables and columns, their exports by headers.

A file has `name`, `sources` (where its names were read), and `database`, `exports` or both:

database    prefix: a table whose name ends so, what stands before is `{p}` in all names;
            recognised_by: table → columns it has; client, currency, language: queries of one value;
            only_if: a query of one truth value; tables: carnet's table → SQL in the dialect
            of `dialect` (default postgres), written for the database that is there: a line that
            ends in `-- if TABLE.COLUMN` or `-- unless TABLE.COLUMN` stands only where that column
            is there (or is not), `translated(alias.column, TABLE)` is the text in the company's
            language; traps: what the analyst must know
exports     a list: table, headers (all there; a list of several means one of them), columns
            (column → header, or several: the first there), keys (further keys of the table), traps
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import sqlglot

from carnet.engagement.profiles import shipped_yaml
from carnet.engagement.schema import TABLES
from carnet.errors import CarnetError
from carnet.intake.proposal.evidence import kept
from carnet.intake.proposal.matching import Guess, Match
from carnet.intake.proposal.parts import HEADER_ROWS, Part
from carnet.intake.sources.base import plain_header, quoted
from carnet.intake.sources.servers import DatabaseTable, Server

SURE = 0.95
HEADER_KEYS = ("fill_down", "where", "sign")  # keys of a table that name headers
CONDITION = re.compile(r"\s*-- (if|unless) ([\w{}-]+)(?:\.(\w+))?\s*$")
TRANSLATED = re.compile(r"translated\((\w+)\.(\w+), ([\w{}]+)\)")
ENGLISH = "en_US"


@dataclass(frozen=True)
class KnownDatabase:
    """A database that carnet knows: the system, and what it says of the client's name,
    currency and language; SQL by table, and what to know.
    """

    system: str
    facts: dict[str, str]
    queries: dict[str, str]
    traps: list[str]


@cache
def systems() -> list[dict[str, Any]]:
    """Every known system, as its file has it."""
    folder = resources.files("carnet") / "intake" / "systems"
    files = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".yml")),
        key=lambda file: file.name,
    )
    return [shipped_yaml(file) for file in files]


def recognise_database(server: Server, tables: Mapping[str, DatabaseTable]) -> KnownDatabase | None:
    """The system whose tables and columns are there, with its queries written for this database;
    None where no system is known.
    """
    for system in systems():
        variants = system.get("database", [])
        for known in variants if isinstance(variants, list) else [variants]:
            for prefix in _prefixes(known.get("prefix"), tables):
                wanted = {
                    name.format(p=prefix): columns
                    for name, columns in known["recognised_by"].items()
                }
                there = all(
                    name in tables and set(columns) <= set(tables[name].columns)
                    for name, columns in wanted.items()
                )
                if there and _is_used(known, server, prefix):
                    return _written(system["name"], known, server, tables, prefix)
    return None


def _is_used(known: Mapping[str, Any], server: Server, prefix: str) -> bool:
    """False where `only_if`, a query of one value, says that the system keeps
    its data elsewhere.
    """
    query = known.get("only_if", "").replace("{p}", prefix)
    return not query or _one_value(
        server, _translate(query, known.get("dialect", "postgres"), server.dialect)
    ) in ("1", "True")


def _prefixes(ending: str | None, tables: Mapping[str, DatabaseTable]) -> list[str]:
    """What stands before a name that ends so; no prefix where none is asked for."""
    return (
        [""]
        if ending is None
        else sorted(name.removesuffix(ending) for name in tables if name.endswith(ending))
    )


def _written(
    name: str,
    known: Mapping[str, Any],
    server: Server,
    tables: Mapping[str, DatabaseTable],
    prefix: str,
) -> KnownDatabase:
    dialect = known.get("dialect", "postgres")
    facts = {}
    for fact in ("language", "client", "currency"):
        if fact in known and (query := _for_database(known[fact], tables, prefix, ENGLISH)):
            facts[fact] = _one_value(server, _translate(query, dialect, server.dialect))
    language = facts.get("language") or ENGLISH
    queries = {}
    for table, sql in known["tables"].items():
        if query := _for_database(sql, tables, prefix, language):
            queries[table] = _translate(query, dialect, server.dialect)
    return KnownDatabase(name, facts, queries, list(known.get("traps", [])))


def _for_database(sql: str, tables: Mapping[str, DatabaseTable], prefix: str, language: str) -> str:
    """The lines that stand in this database, names with its prefix;
    empty where `-- if` on the first line is not met.
    """
    lines = []
    for number, line in enumerate(sql.strip().splitlines()):
        condition = CONDITION.search(line)
        if condition:
            table = tables.get(condition[2].replace("{p}", prefix))
            there = table is not None and (condition[3] is None or condition[3] in table.columns)
            if there != (condition[1] == "if"):
                if number == 0:
                    return ""
                continue
        lines.append((line[: condition.start()] if condition else line).replace("{p}", prefix))
    text = "\n".join(lines)
    return TRANSLATED.sub(
        lambda match: _in_language(
            tables, match[1], match[2], match[3].replace("{p}", prefix), language
        ),
        text,
    )


def _in_language(
    tables: Mapping[str, DatabaseTable], alias: str, column: str, table: str, language: str
) -> str:
    """SQL: a text that a column holds by language (JSON) or plainly."""
    kind = tables[table].columns.get(column, "") if table in tables else ""
    if not kind.startswith("json"):
        return f"{alias}.{column}"
    texts = [f"{alias}.{column} ->> {quoted(code)}" for code in dict.fromkeys((language, ENGLISH))]
    return f"COALESCE({', '.join(texts)})" if len(texts) > 1 else f"({texts[0]})"


def _translate(sql: str, written: str, wanted: str) -> str:
    """SQL in the dialect of the database."""
    return sqlglot.transpile(sql, read=written, write=wanted, pretty=True)[0]


def _one_value(server: Server, query: str) -> str:
    """The first value of a query; empty where there is none."""
    try:
        rows = server.rows(query)
    except CarnetError:
        return ""
    return str(rows.column(0)[0].as_py() or "") if len(rows) else ""


def recognise_exports(part: Part) -> list[Match]:
    """A part as the export of a known system, its columns by the headers that the system gives
    them: of all exports that fit the most exact.

    Empty where none is known; several where one export fills several tables.
    """
    if part.is_ledger or part.query:
        return []
    if found := _most_exact(part):
        return found
    if part.has_title:
        for row in HEADER_ROWS:
            lower = part.below_a_title(row)
            if lower is not None and len(lower.values) and (found := _most_exact(lower)):
                return found
    return []


def _most_exact(part: Part) -> list[Match]:
    there = {plain_header(str(header)): str(header) for header in part.values.columns}
    fitting = []
    for system in systems():
        for export in system.get("exports", []):
            wanted = [one if isinstance(one, list) else [one] for one in export["headers"]]
            if all(any(plain_header(name) in there for name in names) for names in wanted):
                fitting.append((len(wanted), system["name"], export))
    if not fitting or not len(part.values):
        return []
    _, name, export = max(fitting, key=lambda each: each[0])
    return [
        _as_match(part, name, one, there)
        for one in (export, *([export["also"]] if "also" in export else []))
    ]


def _as_match(
    part: Part, system: str, export: Mapping[str, Any], there: Mapping[str, str]
) -> Match:
    roles = {}
    for role, names in export["columns"].items():
        listed = [
            there[plain_header(name)]
            for name in (names if isinstance(names, list) else [names])
            if plain_header(name) in there
        ]
        filled = [header for header in listed if len(kept(part.values[header]))] or (
            listed if TABLES[export["table"]].columns[role].required else []
        )
        if filled:
            roles[role] = Guess(filled[0], SURE, f"an export of {system}")
    keys = {
        key: _of_headers(value, there) if key in HEADER_KEYS else value
        for key, value in export.get("keys", {}).items()
    }
    told = [f"{system}: {trap}" for trap in export.get("traps", [])]
    return Match(
        export["table"],
        part,
        roles,
        2.0,
        keys={key: value for key, value in keys.items() if value},
        traps=told,
    )


def _of_headers(value: Any, there: Mapping[str, str]) -> Any:
    """A key's value for the headers that are there: a list of headers,
    or a mapping of them (`sign:` names its own under column).
    """
    if isinstance(value, list):
        return [there[plain_header(name)] for name in value if plain_header(name) in there]
    if "column" in value:
        return (
            {**value, "column": there[plain_header(value["column"])]}
            if plain_header(value["column"]) in there
            else None
        )
    return {
        there[plain_header(name)]: rule
        for name, rule in value.items()
        if plain_header(name) in there
    }
