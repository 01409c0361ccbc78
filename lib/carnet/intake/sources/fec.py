"""The French legal ledger (fichier des écritures comptables): one exercise a file, by LPF art.

A.47 A-1, read as tolerantly as the administration's own checker reads it.

Delimiter tab or |; lines end with CR, LF, CR LF or CR CR LF; ASCII, ISO 8859-15 or UTF-8
(cp1252 and cp437 with a warning); a byte-order mark, NUL and no-break spaces are stripped, the case
of headers ignored, `00000000` is an empty date, and the Montant + Sens variant becomes Debit and
Credit. A ledger knows no quotation marks.
"""

import datetime as dt
import re
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Collection
from pathlib import Path

import duckdb

from carnet.engagement.file import Table
from carnet.engagement.names import legible
from carnet.engagement.schema import LEDGER_HEADERS
from carnet.errors import CarnetError, Message, examples, nearest
from carnet.intake.sources.base import OWN_COLUMNS, Reject, check_header, identifier, quoted
from carnet.intake.sources.progress import progress_bar, run_with_progress
from carnet.wording import N_, Notice

CHUNK_BYTES = 1 << 24
LEGAL_NAME = re.compile(r"^\d{9}FEC(\d{8})", re.IGNORECASE)
OFFICIAL = (*LEDGER_HEADERS.values(), "ValidDate", "Montantdevise", "Idevise")
NEEDED = ("JournalCode", "EcritureNum", "EcritureDate", "CompteNum")
# Ç ü é â ä à ç ê è ï î É ô û ù Ö as MS-DOS wrote them
CP437_LETTERS = bytes.fromhex("80818283848587888a8b8c9093969799")
LINE_END = re.compile(r"\r*\n|\r")
SIGNS = {"\0": "", "\u00a0": " ", "\u202f": " ", "\ufeff": "", "\x1e": " "}
FILLED = "trim(line, ' |' || chr(9)) <> ''"  # a line of delimiters only is no record
DEBIT_MARKS, CREDIT_MARKS = ("D", "+1", "1", "+", "DEBIT"), ("C", "-1", "-", "CREDIT")


def closing_of(name: str) -> str | None:
    """The closing date in a legal file name, as YYYY-MM-DD; None when the name holds no date.

    >>> closing_of("123456789FEC20241231.txt"), closing_of("123456789FEC31122024.txt")
    ('2024-12-31', None)
    """
    found = LEGAL_NAME.match(Path(name).name)
    try:
        return str(dt.datetime.strptime(found[1], "%Y%m%d").date()) if found else None
    except ValueError:
        return None


def unread_ledgers(folder: Path, read: Collection[Path]) -> list[tuple[str, dt.date]]:
    """Text files of a folder that bear the header of a ledger and are not among those read,
    with the day of their last entry.
    """
    found = []
    for path in sorted(folder.iterdir()):
        if (
            path.suffix.lower() not in (".txt", ".csv", ".tsv")
            or not path.is_file()
            or path.resolve() in read
        ):
            continue
        with path.open("rb") as stream:
            names = re.split(
                rb"[\t|;]", stream.readline(1 << 12).removeprefix(b"\xef\xbb\xbf").strip().lower()
            )
            if {b"journalcode", b"ecrituredate", b"comptenum"} <= set(names):
                place = names.index(b"ecrituredate")
                days = [
                    _day(fields[place])
                    for line in stream
                    if len(fields := re.split(rb"[\t|;]", line)) > place
                ]
                if known := [day for day in days if day]:
                    found.append((legible(path.name), max(known)))
    return found


def _day(written: bytes) -> dt.date | None:
    """A date as ledgers write it, YYYYMMDD."""
    try:
        return dt.datetime.strptime(written.decode("ascii", "ignore").strip(), "%Y%m%d").date()
    except ValueError:
        return None


def detect_encoding(path: Path) -> tuple[str, bool]:
    """(codec, legal): UTF-8 when it decodes, else the Western code page whose letters
    the bytes are.
    """
    high: Counter[int] = Counter()
    utf8, tail = True, b""
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            high.update(re.sub(rb"[\x00-\x7f]+", b"", chunk))
            if utf8:
                try:
                    (tail + chunk).decode("utf-8")
                    tail = b""
                except UnicodeDecodeError as error:
                    cut = (
                        error.reason == "unexpected end of data"
                        and error.start > len(tail) + len(chunk) - 4
                    )
                    utf8, tail = cut, (tail + chunk)[error.start :] if cut else b""
    if utf8 and not tail:
        return "utf-8-sig", True
    control = {byte: count for byte, count in high.items() if byte < 0xA0}
    latin = sum(count for byte, count in high.items() if byte >= 0xC0)
    if sum(count for byte, count in control.items() if byte in CP437_LETTERS) > latin:
        return "cp437", False
    return ("cp1252", False) if control else ("iso8859-15", True)


def read(
    con: duckdb.DuckDBPyConnection, relation: str, path: Path, spec: Table, notes: list[Notice]
) -> tuple[list[str], list[Reject]]:
    """Create `relation` (_row, then the official columns as text) from one ledger;
    returns its header and the lines that do not fit.

    Raises CarnetError when the file is XML, has no official header or lacks a column that a ledger
    cannot do without.
    """
    encoding, legal = (
        (spec.format.encoding, True) if spec.format.encoding else detect_encoding(path)
    )
    if not legal:
        message = N_("{file}: written in {encoding}, which the law does not accept; read as such.")
        notes.append(Notice(message, {"file": path.name, "encoding": encoding}))
    if not closing_of(path.name):
        notes.append(
            Notice(
                N_(
                    "{file}: its name is not SirenFECYYYYMMDD; its exercises are told by its "
                    "opening and closing entries."
                ),
                {"file": path.name},
            )
        )
    with tempfile.TemporaryDirectory() as scratch:
        utf8 = _one_line_a_record(path, encoding, Path(scratch))
        run_with_progress(
            con,
            (
                f"CREATE OR REPLACE TABLE {relation}_line AS SELECT * "
                f"FROM read_csv({quoted(str(utf8))}, auto_detect=false, header=false, "
                "delim='\x1e', quote='', escape='', columns={'line': 'VARCHAR'}, "
                f"max_line_size=16777216, null_padding=true, {OWN_COLUMNS})"
            ),
            f"reading {path.name}",
        )
    first = con.execute(
        f"SELECT line FROM {relation}_line WHERE {FILLED} ORDER BY rowid LIMIT 1 "
        f"OFFSET {spec.format.header_row - 1}"
    ).fetchone()
    text = first[0] if first else ""
    if text.lstrip().startswith("<"):
        raise CarnetError(
            "{name}: an XML ledger. Export it as text (tab or |), the other form the law accepts.",
            name=path.name,
        )
    if text.startswith('"'):
        raise CarnetError(
            "{name}: its fields stand in quotation marks, which a legal ledger has not. "
            "Export it again without them.",
            name=path.name,
        )
    delimiter = spec.format.delimiter or next((mark for mark in "\t|;" if mark in text), "|")
    if delimiter == ";":
        message = N_("{file}: parted by semicolons, which the law does not accept; read as such.")
        notes.append(Notice(message, {"file": path.name}))
    names = _official_names(path, check_header(path, text.split(delimiter), 1))
    extra = [name for name in names if name not in (*OFFICIAL, "Montant", "Sens")]
    if extra:
        message = N_("{file}: columns beyond the 18 of the law, kept aside: {columns}.")
        notes.append(Notice(message, {"file": path.name, "columns": examples(extra)}))
    return _split(con, relation, names, delimiter, spec.format.header_row)


def _one_line_a_record(path: Path, encoding: str, scratch: Path) -> Path:
    """The ledger as UTF-8 with LF line ends, without NUL; no-break spaces become spaces."""
    target = scratch / "ledger.txt"
    try:
        with (
            path.open(encoding=encoding, newline="") as source,
            target.open("w", encoding="utf-8", newline="") as sink,
        ):
            with progress_bar(path.stat().st_size, f"decoding {path.name}") as bar:
                rest = ""
                while chunk := source.read(CHUNK_BYTES):
                    text = rest + chunk
                    # a CR at the end may belong to the next chunk's LF
                    kept = len(text.rstrip("\r"))
                    rest = text[kept:]
                    sink.write(_plain(text[:kept]))
                    bar.update(len(chunk))
                sink.write("\n")
    except (UnicodeError, LookupError) as error:
        raise CarnetError(
            "{name}: not readable as {encoding} ({error}). Set format: "
            "{{encoding: iso8859-15}} or utf-8.",
            name=path.name,
            encoding=encoding,
            error=error,
        ) from None
    return target


def _plain(text: str) -> str:
    """Text with LF line ends alone, and with the signs of SIGNS replaced."""
    text = text.replace("\r\n", "\n")
    if "\r" in text:
        text = LINE_END.sub("\n", text)
    for sign, plain in SIGNS.items():
        text = text.replace(sign, plain)
    return text


def _official_names(path: Path, names: list[str]) -> list[str]:
    """Header names in their legal spelling, whatever their case and accents;
    raises CarnetError when a needed one is missing.
    """
    legal = {name.casefold(): name for name in (*OFFICIAL, "Montant", "Sens")}
    # as `check_header` marks those that stand twice
    once = [re.sub(r" \(column \d+\)$", "", name) for name in names]
    plain = [
        unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().strip().casefold()
        for name in once
    ]
    found = [legal.get(folded, name) for folded, name in zip(plain, names, strict=True)]
    # of the law's: others keep the mark of their column
    twice = [name for name, count in Counter(found).items() if count > 1]
    if twice:
        raise CarnetError(
            "{name} row 1: the header has twice: {examples}. Rename one of them.",
            name=path.name,
            examples=examples(twice),
        )
    missing = [name for name in NEEDED if name not in found]
    if not ({"Debit", "Credit"} <= set(found) or {"Montant", "Sens"} <= set(found)):
        missing.append("Debit + Credit (Montant + Sens)")
    if missing:
        near = "" if len(names) > 3 else Message(" Is the delimiter a tab or |?")
        raise CarnetError(
            "{name} row 1: not the header of a legal ledger: {listed} missing.{near} {nearest}",
            name=path.name,
            listed=", ".join(missing),
            near=near,
            nearest=nearest(missing[0], names),
        )
    return found


def _split(
    con: duckdb.DuckDBPyConnection, relation: str, names: list[str], delimiter: str, header_row: int
) -> tuple[list[str], list[Reject]]:
    """Lines → columns; a line narrower than the header, or wider by more than empty
    fields, is refused.
    """
    width = len(names)
    parts = (
        f"(SELECT rowid + 1 AS _row, string_split(line, {quoted(delimiter)}) AS p "
        f"FROM {relation}_line WHERE {FILLED} ORDER BY rowid OFFSET {header_row})"
    )
    fits = f"len(p) >= {width} AND trim(array_to_string(p[{width + 1}:], '')) = ''"
    values = {name: f"nullif(trim(p[{position}]), '')" for position, name in enumerate(names, 1)}
    for name in ("EcritureDate", "PieceDate", "DateLet", "ValidDate"):
        if name in values:
            values[name] = f"nullif({values[name]}, '00000000')"
    if "Debit" not in values:
        sense = f"strip_accents(upper({values['Sens']}))"
        for name, marks, others in (
            ("Debit", DEBIT_MARKS, CREDIT_MARKS),
            ("Credit", CREDIT_MARKS, DEBIT_MARKS),
        ):
            values[name] = (
                f"CASE WHEN {sense} IN {marks} THEN {values['Montant']} WHEN {sense} "
                f"IN {others} THEN '0' END"
            )
    else:  # one side left empty means nothing on that side; both empty is a missing amount
        debit, credit = values["Debit"], values["Credit"]
        values["Debit"] = f"coalesce({debit}, CASE WHEN {credit} IS NOT NULL THEN '0' END)"
        values["Credit"] = f"coalesce({credit}, CASE WHEN {debit} IS NOT NULL THEN '0' END)"
    columns = ", ".join(f"{sql} AS {identifier(name)}" for name, sql in values.items())
    con.execute(
        f"CREATE OR REPLACE TABLE {relation} AS SELECT _row, {columns} FROM {parts} WHERE {fits}"
    )
    refused = con.execute(f"SELECT _row, p FROM {parts} WHERE NOT ({fits})").fetchall()
    con.execute(f"DROP TABLE {relation}_line")
    rejects = [
        Reject(
            row,
            "width:",
            {(names[i] if i < width else f"column {i + 1}"): v for i, v in enumerate(p)},
        )
        for row, p in refused
    ]
    return list(values), rejects
