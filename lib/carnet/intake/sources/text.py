"""Delimited text as it is exported in the wild: encoding and delimiter detected,
every record numbered.

Two ways to the same table. A regular file (every record as wide as its header, no blank line) is
read by DuckDB as text. Anything else goes record by record through Python's csv module, which keeps
spreadsheet row numbers exact across blank lines and hands back the records that do not fit.
"""

import codecs
import csv
import re
import tempfile
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from carnet.engagement.file import Table
from carnet.errors import CarnetError
from carnet.intake.sources.base import (
    OWN_COLUMNS,
    Reject,
    check_header,
    header_row_of,
    identifier,
    quoted,
)
from carnet.intake.sources.progress import progress_bar, run_with_progress
from carnet.wording import N_, Notice

CHUNK_BYTES = 1 << 22
BATCH_ROWS = 50_000
MAX_FIELD_LINES = 200
MOSTLY = 10
DELIMITERS = ";,\t|"
# characters; read with another delimiter, a whole header is one field
csv.field_size_limit(1 << 27)
UNDEFINED_IN_CP1252 = (b"\x81", b"\x8d", b"\x8f", b"\x90", b"\x9d")


TWICE_ENCODED = re.compile("Ã[\u0080-\u00bf©ª®¨´§]|â\u20ac")
ENCODING_WEIGHT = 0.1  # of a doubt whose money is not known
MIXED = "utf-8 and cp1252"


def detect_encoding(path: Path) -> str:
    """Encoding by byte-order mark, then by what decodes without error:
    utf-8, else cp1252, else latin-1; MIXED where lines are of both.
    """
    with path.open("rb") as stream:
        head = stream.read(4096)
        if head.startswith(codecs.BOM_UTF8):
            return "utf-8-sig"
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        if head.count(0) > len(head) // 4:
            return "utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"
        stream.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        good = bad = undefined = False
        while chunk := stream.read(CHUNK_BYTES):
            text = decoder.decode(chunk, final=len(chunk) < CHUNK_BYTES)
            bad = bad or "\ufffd" in text
            good = good or not text.replace("\ufffd", "").isascii()
            undefined = undefined or any(byte in chunk for byte in UNDEFINED_IN_CP1252)
    if bad and good:
        return MIXED
    return "utf-8" if not bad else "latin-1" if undefined else "cp1252"


def detect_delimiter(sample: str) -> str | None:
    """The delimiter under which most records of the sample are as wide as the header,
    widest header first.
    """
    best: tuple[float, int, str] = (0.0, 1, "")
    for delimiter in DELIMITERS:
        widths = [
            len(record)
            for record in csv.reader(sample.splitlines(keepends=True), delimiter=delimiter)
            if record
        ]
        if widths and widths[0] > 1:
            agreeing = Counter(widths)[widths[0]] / len(widths)
            best = max(best, (round(agreeing, 1), widths[0], delimiter))
    return best[2] or None


def read(
    con: duckdb.DuckDBPyConnection, relation: str, path: Path, spec: Table, notes: list[Notice]
) -> tuple[list[str], list]:
    """Create `relation` (_row, then the header's columns as text) from one delimited file."""
    encoding = spec.format.encoding or detect_encoding(path)
    if encoding == "latin-1" and not spec.format.encoding:
        message = N_(
            "{file}: its encoding is uncertain and was taken for latin-1; set format: encoding if "
            "accents look wrong."
        )
        notes.append(Notice(message, {"file": path.name}))
    if encoding == MIXED:
        with tempfile.TemporaryDirectory() as scratch:
            utf8 = _line_by_line(path, Path(scratch), notes)
            return read(
                con,
                relation,
                utf8,
                spec.model_copy(
                    update={"format": spec.format.model_copy(update={"encoding": "utf-8"})}
                ),
                notes,
            )
    try:
        with path.open(encoding=encoding, newline="") as stream:
            sample = stream.read(1 << 16)
            if len(sample) == 1 << 16:
                sample = sample[: sample.rfind("\n") + 1] or sample + stream.readline()
        lines = sample.splitlines(keepends=True)
        doubled = [number for number, line in enumerate(lines, 1) if TWICE_ENCODED.search(line)]
        if doubled:
            message = N_(
                "{file}: letters that were encoded twice, such as {letters} in line {line}: "
                "one name may stand as two. Export it again in UTF-8."
            )
            letters = TWICE_ENCODED.search(lines[doubled[0] - 1])
            told = {"file": path.name, "letters": letters[0] if letters else "", "line": doubled[0]}
            notes.append(Notice(message, told, ENCODING_WEIGHT))
        header_row = header_row_of(path, _cells(lines, spec.format.delimiter), spec, notes)
        lines = lines[header_row - 1 :]
        delimiter = spec.format.delimiter or detect_delimiter("".join(lines)) or ";"
        header = check_header(
            path, next(split_records(lines, delimiter, 0), ([], True))[0], header_row
        )
        with tempfile.TemporaryDirectory() as scratch:
            utf8 = (
                path
                if encoding.replace("_", "-").lower() in ("utf-8", "utf8")
                else _to_utf8(path, encoding, Path(scratch))
            )
            plain_names = not {"rowid", "_row", "_file"} & {
                name.casefold() for name in header
            } and not any(re.search(r"[\r\n]", name) for name in header)
            regular = delimiter != "whitespace" and plain_names and not _has_blank_line(utf8)
            if regular and _read_regular(con, relation, utf8, delimiter, header, header_row):
                return header, []
        return header, _read_records(con, relation, path, encoding, delimiter, header, header_row)
    except UnicodeError as error:
        raise CarnetError(
            "{name}: not readable as {encoding} ({error}). Set format: {{encoding: …}} to "
            "utf-8, cp1252, latin-1 or utf-16.",
            name=path.name,
            encoding=encoding,
            error=error,
        ) from None
    except csv.Error as error:
        raise CarnetError(
            "{name}: not readable as delimited text: {error}.", name=path.name, error=error
        ) from None


def _cells(lines: list[str], delimiter: str | None) -> Iterator[list[str]]:
    """Lines as cells, by the delimiter given, else by the one that parts each into most."""
    for line in lines:
        yield max(
            (_split(line, mark) or [] for mark in ([delimiter] if delimiter else DELIMITERS)),
            key=len,
        )


def _line_by_line(path: Path, scratch: Path, notes: list[Notice]) -> Path:
    """A file whose lines are some UTF-8, some cp1252, as UTF-8: each line as it decodes,
    and told with its first lines of either.

    Raises CarnetError where one line holds both: which letters it means nobody can tell.
    """
    target, others = scratch / path.name, []
    with path.open("rb") as source, target.open("w", encoding="utf-8", newline="") as sink:
        for number, line in enumerate(source, 1):
            try:
                sink.write(line.decode("utf-8-sig" if number == 1 else "utf-8"))
            except UnicodeDecodeError:
                if re.search(rb"[\xc3\xc5][\x80-\xbf]", line):
                    raise CarnetError(
                        "{name} line {number}: letters in UTF-8 and in another encoding on one "
                        "line. Export it again in one encoding, or set format: {{encoding: …}} "
                        "to read all of it in that one.",
                        name=path.name,
                        number=number,
                    ) from None
                others.append(number)
                sink.write(line.decode("cp1252", "replace"))
    message = N_(
        "{file}: {count} lines are not UTF-8 as the others are (line {line} first): each was read "
        "as it is written."
    )
    notes.append(Notice(message, {"file": path.name, "count": len(others), "line": others[0]}))
    return target


def _to_utf8(path: Path, encoding: str, scratch: Path) -> Path:
    """Stream a file to UTF-8: DuckDB's own cp1252 reader needs a download,
    its latin-1 refuses € and œ.
    """
    target = scratch / "utf8.csv"
    with (
        path.open(encoding=encoding, newline="") as source,
        target.open("w", encoding="utf-8", newline="") as sink,
    ):
        with progress_bar(path.stat().st_size, f"decoding {path.name}") as bar:
            while chunk := source.read(CHUNK_BYTES):
                sink.write(chunk)
                bar.update(len(chunk))
    return target


def _has_blank_line(path: Path) -> bool:
    tail = b"\n"
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            if (
                b"\n\n" in tail + chunk
                or b"\n\r\n" in tail + chunk
                or b"\r\r" in tail + chunk
                or b"\0" in chunk
            ):
                return True
            tail = (tail + chunk)[-2:]
    return False


def _read_regular(
    con: duckdb.DuckDBPyConnection,
    relation: str,
    path: Path,
    delimiter: str,
    header: list[str],
    header_row: int,
) -> bool:
    """Read with DuckDB, all columns as text; False when a record does not fit its header."""
    columns = "{" + ", ".join(f"{quoted(name)}: 'VARCHAR'" for name in header) + "}"
    try:
        run_with_progress(
            con,
            f"""CREATE OR REPLACE TABLE {relation}_text AS SELECT * FROM read_csv(
            {quoted(str(path))}, auto_detect=false, header=true, skip={header_row - 1},
            delim={quoted(delimiter)}, quote='"', escape='"', columns={columns},
            null_padding=false, nullstr='', strict_mode=true, max_line_size=16777216,
            {OWN_COLUMNS})""",
            f"reading {path.name}",
        )
    except duckdb.Error:
        con.execute(f"DROP TABLE IF EXISTS {relation}_text")
        return False
    several_lines = " OR ".join(
        f"contains({identifier(name)}, chr(10)) OR contains({identifier(name)}, chr(13))"
        for name in header
    )
    if con.execute(f"SELECT 1 FROM {relation}_text WHERE {several_lines} LIMIT 1").fetchall():
        # a field of several lines may be a stray quotation mark: read record by record
        return False
    # a line of delimiters only is a blank row
    filled = " OR ".join(f"trim({identifier(name)}) <> ''" for name in header)
    con.execute(
        f"CREATE OR REPLACE VIEW {relation} AS SELECT rowid + {header_row + 1} AS _row, * "
        f"FROM {relation}_text WHERE {filled}"
    )
    return True


def _read_records(
    con: duckdb.DuckDBPyConnection,
    relation: str,
    path: Path,
    encoding: str,
    delimiter: str,
    header: list[str],
    header_row: int,
) -> list[Reject]:
    """Read record by record; returns the records that do not fit the header,
    or whose quotation mark is never closed.
    """
    schema = pa.schema([("_row", pa.int64()), *((name, pa.string()) for name in header)])
    con.register("empty_part", schema.empty_table())
    con.execute(f"CREATE OR REPLACE TABLE {relation} AS SELECT * FROM empty_part")
    con.unregister("empty_part")
    rejects: list[Reject] = []
    batch: list[list] = []
    width = len(header)
    with (
        path.open(encoding=encoding, newline="") as stream,
        progress_bar(path.stat().st_size, f"reading {path.name}") as bar,
    ):
        lines = (line.replace("\0", "") for line in stream)
        for row, (record, closed) in enumerate(split_records(lines, delimiter, width), 1):
            if row <= header_row or not any(field.strip() for field in record):
                continue
            while len(record) > width and not record[-1].strip():
                record.pop()
            if not closed or len(record) != width:
                values = dict(zip(header, record, strict=False)) | {
                    f"column {i + 1}": record[i] for i in range(width, len(record))
                }
                rejects.append(Reject(row, "width:" if closed else "quote:", values))
            else:
                batch.append([row, *(field or None for field in record)])
            if len(batch) >= BATCH_ROWS:
                bar.update(_flush(con, relation, schema, batch))
        _flush(con, relation, schema, batch)
    return rejects


def split_records(
    lines: Iterable[str], delimiter: str, width: int
) -> Iterator[tuple[list[str], bool]]:
    """Physical lines → (fields, closed).

    A quoted field may span lines, but never swallow a line that is a record itself.

    A stray quotation mark (`3" pipe`, a lost closing quote) would otherwise take every following
    record into one field: its line comes out alone with closed = False, and reading goes
    on at the next line.
    """
    waiting = deque[str]()
    source = iter(lines)
    while line := waiting.popleft() if waiting else next(source, ""):
        taken = [line]
        record = _split(line, delimiter)
        opening = next(csv.reader([line], delimiter=delimiter), []) if record is None else []
        while record is None and len(taken) <= MAX_FIELD_LINES:
            following = waiting.popleft() if waiting else next(source, "")
            if not following:
                break
            taken.append(following)
            inner = _split(following, delimiter) if '"' not in following and width > 1 else None
            if inner is not None and len(inner) == width and _alike(opening, inner):
                break
            try:
                record = _split("".join(taken), delimiter, lenient=False)
            except csv.Error:
                break
        if record is None:
            waiting.extendleft(reversed(taken[1:]))
        yield (opening, False) if record is None else (record, True)


def _alike(opening: list[str], inner: list[str]) -> bool:
    """True when a line has digits where the record before it has some:
    a record of its own rather than a line of a comment.
    """
    return all(
        any(map(str.isdigit, b))
        for a, b in zip(opening[:-1], inner, strict=False)
        if any(map(str.isdigit, a))
    )


def _split(text: str, delimiter: str, lenient: bool = True) -> list[str] | None:
    """Fields of one record; None while a quotation mark is open.

    Text after a closing mark is an error unless lenient.
    """
    if delimiter == "whitespace":
        return text.split()
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            return None
        if not lenient:
            raise
        return next(csv.reader([text], delimiter=delimiter), [])


def _flush(
    con: duckdb.DuckDBPyConnection, relation: str, schema: pa.Schema, batch: list[list]
) -> int:
    """Append a batch to `relation` and empty it; returns its rough size in bytes."""
    if not batch:
        return 0
    part = pa.Table.from_arrays(
        [
            pa.array(column, kind.type)
            for column, kind in zip(zip(*batch, strict=True), schema, strict=True)
        ],
        schema=schema,
    )
    con.register("batch_part", part)
    con.execute(f"INSERT INTO {relation} SELECT * FROM batch_part")
    con.unregister("batch_part")
    batch.clear()
    return part.nbytes
