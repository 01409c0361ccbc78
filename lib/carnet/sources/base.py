"""What every reader shares: the record of an input file, a refused line, a checked header, quoting for SQL."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from carnet.errors import CarnetError
from carnet.wording import Notice


@dataclass
class SourceFile:
    """One input: name as printed, SHA-256 of its bytes, rows read and what reading it told."""

    name: str
    path: Path
    sha256: str
    rows: int = 0
    sheet: str | None = None  # of a workbook
    notes: list[Notice] = field(default_factory=list)


MAX_COLUMNS = 16_384  # as many as a spreadsheet has


@dataclass
class Reject:
    """A line that does not fit its header: kept with its row number, reason and original text."""

    row: int
    reason: str
    values: dict[str, str]
    file: str = ""


def check_header(path: Path, names: list[str], header_row: int) -> list[str]:
    """Header names, spaces of any kind as one; one that stands twice bears its column. Raises CarnetError when there is none, one is not text, or there are too many."""
    names = [" ".join(name.replace("\ufeff", "").split()) for name in names]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise CarnetError(f"{path.name}: no header in row {header_row}. Export with headers, or set format: {{header_row: …}}.")
    if len(names) > MAX_COLUMNS:
        raise CarnetError(
            f"{path.name} row {header_row}: {len(names):,} columns, at most {MAX_COLUMNS:,} are read. Export the columns needed."
        )
    if any(character < " " for name in names for character in name if character not in "\t\r\n"):
        raise CarnetError(
            f"{path.name} row {header_row}: the header is not text. Is it a workbook or an archive? Export it as CSV in UTF-8."
        )
    twice = {name for name, count in Counter(map(str.casefold, names)).items() if count > 1}
    return [
        f"{name} (column {position})" if name and name.casefold() in twice else name or f"column {position}"
        for position, name in enumerate(names, 1)
    ]


def quoted(value: str) -> str:
    """A string literal for SQL."""
    return "'" + value.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A column name for SQL."""
    return '"' + name.replace('"', '""') + '"'
