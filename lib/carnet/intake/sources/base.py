"""What every reader shares: the record of an input file, a refused line, a checked header,
quoting for SQL.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from carnet.engagement.file import Table
from carnet.errors import CarnetError
from carnet.wording import N_, Notice


@dataclass
class SourceFile:
    """One input: name as printed, SHA-256 of its bytes, rows read and what reading it told."""

    name: str
    path: Path
    sha256: str
    rows: int = 0
    sheet: str | None = None  # of a workbook
    part: str = ""  # of rows that an engine holds, as the engine names it
    join: int | None = None  # the entry of `join:` that it is read for
    hidden: list[int] = field(default_factory=list)  # rows that the workbook hides or filters out
    notes: list[Notice] = field(default_factory=list)


# to DuckDB's readers: else a folder `amount=9` above a file is a column, in the place of its own
OWN_COLUMNS = "hive_partitioning = false"
MAX_COLUMNS = 16_384  # as many as a spreadsheet has
TITLE_ROWS = 20  # above a header, at most


@dataclass
class Reject:
    """A line that does not fit its header: kept with its row number, reason and original text."""

    row: int
    reason: str
    values: dict[str, str]
    file: str = ""


def check_header(path: Path, names: list[str], header_row: int) -> list[str]:
    """Header names, spaces of any kind as one; one that stands twice bears its column.

    Raises CarnetError when there is none, one is not text, or there are too many.
    """
    names = [" ".join(name.replace("\ufeff", "").split()) for name in names]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise CarnetError(
            "{name}: no header in row {header_row}. Export with headers, or set format: "
            "{{header_row: …}}.",
            name=path.name,
            header_row=header_row,
        )
    if len(names) > MAX_COLUMNS:
        raise CarnetError(
            "{name} row {header_row}: {names} columns, at most {max_columns} are read. Export "
            "the columns needed.",
            name=path.name,
            header_row=header_row,
            names=f"{len(names):,}",
            max_columns=f"{MAX_COLUMNS:,}",
        )
    if any(character < " " for name in names for character in name if character not in "\t\r\n"):
        raise CarnetError(
            "{name} row {header_row}: the header is not text. Is it a workbook or an archive? "
            "Export it as CSV in UTF-8.",
            name=path.name,
            header_row=header_row,
        )
    twice = {name for name, count in Counter(map(str.casefold, names)).items() if count > 1}
    return [
        f"{name} (column {position})"
        if name and name.casefold() in twice
        else name or f"column {position}"
        for position, name in enumerate(names, 1)
    ]


def plain_header(name: str) -> str:
    """A header as it is compared: spaces of any kind are one, é is one letter, case is none."""
    return unicodedata.normalize("NFC", " ".join(name.replace("\ufeff", "").split())).casefold()


def header_row_of(path: Path, rows: Iterable[list[str]], spec: Table, notes: list[Notice]) -> int:
    """The row of the header: the one that the engagement sets,
    else the first with all the columns that it names, else the first.

    Title rows above the header are told.
    """
    if "header_row" in spec.format.model_fields_set:
        return spec.format.header_row
    wanted = {plain_header(name) for name in spec.headers}
    for number, cells in enumerate(rows, 1):
        if number > TITLE_ROWS or not wanted:
            break
        if wanted <= {plain_header(cell) for cell in cells}:
            if number > 1:
                message = N_("{file}: the header stands in row {row}, below title rows.")
                notes.append(Notice(message, {"file": path.name, "row": number}))
            return number
    return 1


def quoted(value: str) -> str:
    """A string literal for SQL."""
    return "'" + value.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A column name for SQL."""
    return '"' + name.replace('"', '""') + '"'
