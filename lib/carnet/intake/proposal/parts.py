"""The files of a folder as parts: the headers and the first values of each file,
or of each sheet of a workbook.
"""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
from python_calamine import CalamineError, CalamineWorkbook

from carnet.engagement.file import Table
from carnet.engagement.schema import LEDGER_HEADERS, Column
from carnet.errors import CarnetError, Message
from carnet.intake.proposal.evidence import value_fit
from carnet.intake.sources import READERS, fec, sha256_of, text
from carnet.intake.sources.base import identifier
from carnet.intake.sources.fec import LEGAL_NAME

SAMPLE_ROWS = 2_000
SAMPLE_LETTERS = 10_000_000  # of a text file: enough to know its columns
FEW = 3  # cells of a title, rather than of a header, are fewer
HEADER_ROWS = range(2, 11)  # where a header stands below a title
WORKBOOKS = (".xlsx", ".xlsm", ".xls", ".ods")


@dataclass(frozen=True)
class Part:
    """A file, one sheet of a workbook, or a table of a database:
    its headers and the first values of each as texts; how it is read where that is not
    the usual way.

    `query`: of a database, the SQL that gives it; where `expressions` tells the SQL behind each
    header, what stands behind FROM.
    """

    path: Path
    values: pd.DataFrame
    sheet: str | None = None
    format: dict[str, Any] = field(default_factory=dict)
    query: str = ""
    expressions: dict[str, str] = field(default_factory=dict)
    fits: dict[tuple, float] = field(default_factory=dict, compare=False)

    def fit(self, header: str, column: Column) -> float:
        """`value_fit` of a header's values, computed once."""
        key = (header, column.kind, column.choices)
        if key not in self.fits:
            self.fits[key] = value_fit(self.values[header], column.kind, column.choices)
        return self.fits[key]

    @property
    def label(self) -> str:
        """As it is told."""
        return self.path.name + (f" ({self.sheet})" if self.sheet else "")

    @property
    def is_ledger(self) -> bool:
        """Named as the law names a ledger, or with the headers of the law."""
        if self.query:
            return False
        headers = {str(header).casefold() for header in self.values.columns}
        return (
            bool(LEGAL_NAME.match(self.path.name))
            or {name.casefold() for name in LEDGER_HEADERS.values()} <= headers
        )

    @property
    def has_title(self) -> bool:
        """The first row looks like a title rather than a header:
        few cells, or some without a name.
        """
        names = [str(name) for name in self.values.columns]
        # a title of several words looks so, too
        parted = self.format.get("delimiter") == "whitespace"
        return not self.query and (
            parted or len(names) < FEW or any(name.startswith("column ") for name in names)
        )

    def below_a_title(self, header_row: int) -> "Part | None":
        """The same with its header further down; None where there is none."""
        if self.query or self.path.suffix.lower() == ".parquet":
            return None
        try:
            spec = _spec(self.path, sheet=self.sheet, format={"header_row": header_row})
            return Part(self.path, _sample(self.path, spec), self.sheet, {"header_row": header_row})
        except CarnetError:
            return None

    def same_bytes(self, other: "Part") -> bool:
        """A copy of the other file."""
        return (
            self.path != other.path
            and not self.query
            and self.path.stat().st_size == other.path.stat().st_size
            and sha256_of(self.path) == sha256_of(other.path)
        )


def read_parts(path: Path) -> tuple[list[Part], list[str]]:
    """The first rows of a file, or of every sheet of a workbook; and what could not be read,
    with the reason.
    """
    if path.suffix.lower() not in READERS:
        return [], [
            Message(
                "{name}: unknown kind of file. Accepted: {accepted}.",
                name=path.name,
                accepted=", ".join(READERS),
            )
        ]
    try:
        if path.suffix.lower() in WORKBOOKS:
            return _read_sheets(path)
        values = _sample(path, _spec(path))
        if (
            len(values.columns) == 1
            and path.suffix.lower() != ".parquet"
            and len(str(values.columns[0]).split()) > 1
        ):
            parted = _sample(path, _spec(path, format={"delimiter": "whitespace"}))
            if len(parted.columns) > 1:
                return [Part(path, parted, format={"delimiter": "whitespace"})], []
    except CarnetError as error:
        return [], [error.args[0]]
    return [Part(path, values)], []


def _read_sheets(path: Path) -> tuple[list[Part], list[str]]:
    try:
        sheets = CalamineWorkbook.from_path(path).sheet_names
    except CalamineError as error:
        if path.suffix.lower() == ".xls":  # a page or a text of that name
            return [Part(path, _sample(path, _spec(path)))], []
        raise CarnetError(
            "{path}: not readable as an Excel workbook: {error}", path=path.name, error=error
        ) from None
    parts, unread = [], list[str]()
    for sheet in sheets:
        try:
            parts.append(
                Part(
                    path,
                    _sample(path, _spec(path, sheet=sheet)),
                    sheet if len(sheets) > 1 else None,
                )
            )
        except CarnetError as error:
            place = path.name if len(sheets) == 1 else f"{path.name} ({sheet})"
            unread.append(Message("{place}: {fault}", place=place, fault=error))
    return parts, unread


def _spec(path: Path, **how: Any) -> Table:
    return Table.model_validate({"files": [path.name], **how})


def _sample(path: Path, spec: Table) -> pd.DataFrame:
    """The first rows as texts. Raises CarnetError when the file cannot be read."""
    with tempfile.TemporaryDirectory() as scratch, duckdb.connect() as con:
        con.execute("SET enable_progress_bar = false")
        reader = fec.read if LEGAL_NAME.match(path.name) else READERS[path.suffix.lower()]
        try:
            header, _ = reader(con, "part", _start_of(path, Path(scratch)), spec, [])
            columns = ", ".join(
                f"CAST({identifier(name)} AS VARCHAR) AS {identifier(name)}" for name in header
            )
            return con.execute(f"SELECT {columns} FROM part LIMIT {SAMPLE_ROWS}").df()
        except duckdb.Error as error:
            raise CarnetError(
                "{path}: not readable: {error}", path=path.name, error=str(error).splitlines()[0]
            ) from None


def _start_of(path: Path, scratch: Path) -> Path:
    """A text file's first lines, where it is long; else the file."""
    if (
        path.suffix.lower() in WORKBOOKS
        or path.suffix.lower() == ".parquet"
        or path.stat().st_size <= 2 * SAMPLE_LETTERS
    ):
        return path
    encoding = text.detect_encoding(path)
    with path.open(
        encoding="utf-8" if encoding == text.MIXED else encoding, errors="replace", newline=""
    ) as whole:
        head = whole.read(SAMPLE_LETTERS)
    start = scratch / path.name
    start.write_text(head[: head.rfind("\n") + 1] or head, encoding="utf-8", newline="")
    return start
