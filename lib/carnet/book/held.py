"""Tables that the engine of an engagement holds: found by their address, read and kept there.

An address in `files` (`spark:catalog.schema.table`, `s3a://bucket/sales/`,
`postgres:schema.table`) names such rows; Parquet files in the folder are read so on Spark, and on
DuckDB where they are large, if nothing that people write asks for more.
"""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from carnet.book.engines import SMALL_ROWS, Engine, Part
from carnet.engagement.databases import Address, address_of
from carnet.engagement.file import Engagement, Table
from carnet.engagement.running import this_run
from carnet.engagement.schema import TABLES
from carnet.errors import CarnetError
from carnet.intake.checks import TableCheck
from carnet.intake.held import (
    HERE_ONLY,
    MEASURED,
    HeldContract,
    names_taken,
    options_not_held,
)
from carnet.intake.sources.base import SourceFile, plain_header

Connected = Callable[[], Engine]
NUMBERS = (
    pa.types.is_signed_integer,
    pa.types.is_float32,
    pa.types.is_float64,
    pa.types.is_decimal128,
)
TEXTS = (pa.types.is_string, pa.types.is_large_string)


def held_address(name: str, spec: Table, engagement: Engagement) -> Address | None:
    """The rows that `files` of a table names where an engine holds them; None where it names files
    or a database's query.

    Raises CarnetError where the engagement's engine is another one, or the table asks for what is
    done on this machine alone.
    """
    found = [address for pattern in spec.files if (address := address_of(pattern))]
    if not found:
        return None
    address = found[0]
    own = "postgres" if "://" in engagement.engine else engagement.engine
    said = {"name": name, "address": str(address)}
    if len(spec.files) > 1:
        raise CarnetError(
            "{name}: files: {address}: one address is read alone. Name a view that holds all of "
            "it.",
            **said,
        )
    if own != address.engine:
        raise CarnetError(
            "{name}: files: {address}: only engine: {wanted} holds it, and this engagement names "
            "{own}.",
            **said,
            wanted=address.engine if address.engine == "spark" else "postgresql://…",
            own=own,
        )
    if address.kind == "table" and address.engine == "postgres" and "." not in address.names[0]:
        raise CarnetError(
            "{name}: files: {address}: name its schema, too: postgres:public.{table}.",
            **said,
            table=address.names[0],
        )
    if address.kind == "path" and "?" in address.names[0]:
        raise CarnetError(
            "{name}: files: {address}: options and keys stand in Spark's own configuration, not in "
            "the address.",
            **said | {"address": address.names[0].partition("?")[0]},
        )
    if name in HERE_ONLY:
        raise CarnetError(
            "{name}: files: {address}: this table is completed on this machine. Give a file, or a "
            "database URL with a query:.",
            **said,
        )
    if refused := (
        options_not_held(spec)
        + ["rates"] * bool(engagement.rates_file)
        + ["repeated"] * (spec.repeated == "drop")
    ):
        raise CarnetError(
            "{name}: {options} cannot be used with {address}. Write a view there that does it, "
            "and name the view.",
            **said,
            options=", ".join(refused),
        )
    return address


def held_files(name: str, address: Address, cache: Path, connected: Connected) -> list[SourceFile]:
    """What an address stands for, as inputs: their state stands for the bytes.

    While a report is made (`running.Run.shared`) it is asked once: all notebooks of one report see
    one state.
    """
    digest = hashlib.sha256(str(address).encode()).hexdigest()[:20]
    kept = cache / f"held-{digest}.json"
    if this_run().shared and kept.is_file():
        parts = [Part(*each) for each in json.loads(kept.read_text(encoding="utf-8"))]
    else:
        parts = connected().parts(address)
        listed = [dataclasses.astuple(part) for part in parts]
        kept.write_text(json.dumps(listed), encoding="utf-8")
    if not parts:
        raise CarnetError("{name}: files: {address}: no rows.", name=name, address=str(address))
    return [
        SourceFile(
            unquote(part.name) or str(address),
            Path(str(address)),
            _state_of(address, part),
            part.rows,
            part=part.name,
        )
        for part in parts
    ]


def _state_of(address: Address, part: Part) -> str:
    """What stands for the SHA-256 of a file."""
    return hashlib.sha256(f"{address} {part.name} {part.state}".encode()).hexdigest()


def refuse_changed(
    engagement: Engagement,
    checks: Mapping[str, TableCheck],
    home: Path,
    connected: Connected,
) -> None:
    """Raises CarnetError where rows that stay in a server are no longer those that the book was
    built on: two pages of one report would tell of two tables.
    """
    for name, spec in engagement.tables.items():
        address = address_of(spec.files[0])
        if address is None or not (home / f"{name}.json").is_file():
            continue
        now = [_state_of(address, part) for part in connected().parts(address)]
        if now != [file["sha256"] for file in checks[name].files]:
            raise CarnetError(
                "{name}: {address} changed while it was audited; nothing is published. Run the "
                "audit again, on a table that nobody writes to.",
                name=name,
                address=str(address),
            )


def contracts_there(
    engagement: Engagement,
    files: Mapping[str, list[SourceFile]],
    connected: Connected,
    hidden: bool,
) -> dict[str, HeldContract]:
    """The contracts of the tables that the engine holds, and of those that are Parquet files with
    columns that fit: Spark reads all of them, DuckDB the large ones, without a copy in memory.

    Raises CarnetError where people are to be `hidden` in rows that an engine holds: nothing
    replaces names there.
    """
    addresses = {
        name: found
        for name, spec in engagement.tables.items()
        if (found := held_address(name, spec, engagement))
    }
    if hidden and addresses:
        raise CarnetError(
            "--anonymise: {names} stand in the engine, where nothing replaces names. Give "
            "pseudonyms in a view there, or files.",
            names=", ".join(addresses),
        )
    if "://" not in engagement.engine and not hidden:
        addresses |= _parquet(engagement, {n: f for n, f in files.items() if n not in addresses})
    rates = engagement.rates if isinstance(engagement.rates, dict) else None
    contracts = {}
    for name, address in addresses.items():
        spec = engagement.tables[name]
        mine = bool(address_of(spec.files[0]))
        parts = [Part(file.part, "", file.rows) for file in files[name]]
        if not mine:
            parts = _in_order(connected().parts(address), files[name])
        rows = connected().rows(name, address, parts, spec.format.timezone)
        contract = HeldContract(rows, name, spec, engagement.currency, rates)
        if mine or not contract.has_headings():
            contracts[name] = contract
    return contracts


def _in_order(parts: list[Part], files: list[SourceFile]) -> list[Part]:
    """Parts in the order of the files that they are, which learn their rows."""
    by_path = {_path_of(part.name): part for part in parts}
    ordered = [by_path[file.path] for file in files]
    for file, part in zip(files, ordered, strict=True):
        file.rows = part.rows
    return ordered


def _path_of(name: str) -> Path:
    """The path that Spark calls file:/…, with its signs as numbers."""
    return Path(unquote(urlsplit(name).path) if name.startswith("file:") else name)


def _parquet(engagement: Engagement, files: Mapping[str, list[SourceFile]]) -> dict[str, Address]:
    """Tables of Parquet files that the engine can check; those that share a file with another one
    only where both are.
    """
    spark = engagement.engine == "spark"
    found = {
        name: Address(engagement.engine, "path", tuple(str(file.path) for file in listed))
        for name, listed in files.items()
        if name not in HERE_ONLY
        and all(_is_plain(file, engagement.engine) for file in listed)
        and (all(map(_rows, listed)) if spark else sum(map(_rows, listed)) >= SMALL_ROWS)
        and not options_not_held(engagement.tables[name])
        and not engagement.rates_file
        and _fits(name, engagement.tables[name], [file.path for file in listed])
    }
    here = {file.sha256 for name in files if name not in found for file in files[name]}
    return {
        name: address
        for name, address in found.items()
        if not here & {file.sha256 for file in files[name]}
    }


def _is_plain(file: SourceFile, engine: str) -> bool:
    """True for a Parquet file whose path an engine takes as it is: no pattern, no column of a
    folder (`region=EST/`), none that Spark passes over.
    """
    odd = "*?[]{}\\,%#:=" if engine == "spark" else "*?[]{}="
    return (
        file.path.suffix.lower() == ".parquet"
        and file.join is None
        and not set(odd) & set(str(file.path))
        and not (engine == "spark" and file.path.name.startswith(("_", ".")))
    )


def _rows(file: SourceFile) -> int:
    """Rows of a Parquet file; 0 where it cannot be read, which is told by who reads it here."""
    try:
        return int(pq.read_metadata(file.path).num_rows)
    except (pa.ArrowException, OSError):
        return 0


def _fits(name: str, spec: Table, paths: list[Path]) -> bool:
    """True where files have the same columns of plain kinds, and those of days and numbers hold
    such.
    """
    try:
        schemas = [pq.read_schema(path).remove_metadata() for path in paths]
    except (pa.ArrowException, OSError):
        return False  # told by who reads it here
    names = schemas[0].names
    if (
        any(schema != schemas[0] for schema in schemas)
        or names_taken(names)
        or len({header.lower() for header in names}) < len(names)
        or not all(map(_is_simple, schemas[0].types))
    ):
        return False
    kinds = {plain_header(field.name): field.type for field in schemas[0]}
    for role, column in TABLES[name].columns.items():
        kind = kinds.get(plain_header(spec.columns.get(role, role)))
        if kind is None or column.kind not in MEASURED:
            continue
        days = pa.types.is_date32(kind) or pa.types.is_timestamp(kind)
        numbers = any(check(kind) for check in NUMBERS)
        if not (days if column.kind == "date" else numbers):
            return False
    return True


def _is_simple(kind: pa.DataType) -> bool:
    """True for a kind that every engine reads alike."""
    if pa.types.is_timestamp(kind):
        return kind.tz is None and kind.unit in ("ms", "us")
    return any(check(kind) for check in (*NUMBERS, *TEXTS, pa.types.is_boolean, pa.types.is_date32))
