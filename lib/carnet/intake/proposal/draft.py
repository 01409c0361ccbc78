"""An engagement file while it is being made: what `carnet init` proposes, changed key by key, with
its comments kept. The form in JupyterLab is drawn from it.
"""

import re
import shutil
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from carnet.engagement.file import FILE_NAME
from carnet.engagement.schema import TABLES
from carnet.errors import CarnetError
from carnet.intake.proposal import propose
from carnet.intake.proposal.matching import Match
from carnet.intake.proposal.parts import Part, read_parts
from carnet.intake.sources import READERS

SEEN_ROWS = 10
GUESSED = re.compile(r"^# [01]\.\d\d, [^\n]*\n?")  # as `write` comments a guess


class Draft:
    """FOLDER/engagement.yml as a document; empty where there is none yet.

    Raises CarnetError where the file is no YAML mapping.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.path = self.folder / FILE_NAME
        self.guesses: dict[str, Match] = {}
        self.kept: Path | None = None
        self.told: list[str] = []  # by the proposal: what was left out, what to look at
        text = self.path.read_text(encoding="utf-8") if self.path.is_file() else ""
        self.document = self._read(text)

    @cached_property
    def _yaml(self) -> Any:
        from ruamel.yaml import YAML

        yaml = YAML()  # keeps comments, order and quotes
        yaml.preserve_quotes, yaml.width = True, 10_000
        yaml.indent(mapping=2, sequence=4, offset=2)
        return yaml

    def _read(self, text: str) -> Any:
        from ruamel.yaml.error import YAMLError

        try:
            document = self._yaml.load(text or "{}")
        except YAMLError as error:
            told = str(error).splitlines()[0]
            raise CarnetError("{path}: not YAML: {told}", path=self.path, told=told) from None
        if not isinstance(document, dict):
            raise CarnetError("{path}: keys and values are expected.", path=self.path)
        return document

    @property
    def data_files(self) -> list[str]:
        """The files of the folder that can hold a table."""
        there = [path for path in self.folder.iterdir() if path.suffix.lower() in READERS]
        return sorted(path.name for path in there if path.is_file())

    def propose(self, files: Sequence[str]) -> None:
        """Start again with what is proposed for some files; a file that somebody wrote is kept
        beside it, as `kept`.

        Raises CarnetError where none is recognised.
        """
        proposal = propose(self.folder, [Path(name) for name in files])
        if self.path.is_file() and not self.guesses:
            taken = len(list(self.folder.glob(f"{FILE_NAME}.before*")))
            self.kept = self.path.with_name(f"{FILE_NAME}.before{taken + 1 if taken else ''}")
            shutil.copyfile(self.path, self.kept)
        self.document = self._read(proposal.text)
        self.guesses = {found.table: found for found in proposal.matches}
        self.told = [*proposal.doubts, *proposal.left_out]

    @property
    def tables(self) -> dict[str, Any]:
        """The keys of each table."""
        tables = self.document.get("tables")
        return tables if isinstance(tables, dict) else {}

    def part(self, table: str) -> Part | None:
        """The first rows of a table's first file; None where it is read from a database."""
        spec = self.tables[table]
        if not isinstance(spec, dict):
            return None
        names = spec.get("files") or []
        names = [names] if isinstance(names, str) else list(names)
        inside = [str(name) for name in names if not Path(str(name)).is_absolute()]
        paths = sorted(path for name in inside for path in self.folder.glob(name))
        sheet = spec.get("sheet")
        sheet = sheet[0] if isinstance(sheet, list) and sheet else sheet
        parts = read_parts(paths[0])[0] if paths else []
        alike = [part for part in parts if sheet in (None, part.sheet)] or parts
        row = (spec.get("format") or {}).get("header_row")
        return (alike[0].below_a_title(row) if row else alike[0]) if alike else None

    def columns(self, table: str) -> Mapping[str, str]:
        """Header by role, as the document says."""
        spec = self.tables[table]
        columns = spec.get("columns") if isinstance(spec, dict) else None
        return columns if isinstance(columns, dict) else {}

    def confidence(self, table: str, role: str) -> float | None:
        """How sure the guess of a header is, 0 to 1; None once it was chosen by hand."""
        found = self.guesses.get(table)
        guess = found.roles.get(role) if found else None
        chosen = self.columns(table).get(role)
        return guess.confidence if guess and guess.header == chosen else None

    def choose(self, table: str, role: str, header: str) -> None:
        """Have a header play a role of a table; none where it is empty."""
        spec = self.tables[table]
        if not isinstance(spec.get("columns"), dict):
            spec["columns"] = {}
        _put(spec["columns"], role, header)

    def put(self, key: str, value: Any) -> None:
        """Set a key of the engagement, or take it out where the value is empty."""
        _put(self.document, key, value)

    def parameters(self, notebook: str) -> Mapping[str, Any]:
        """The parameters kept for every run of a notebook."""
        notebooks = self.document.get("parameters")
        kept = notebooks.get(notebook) if isinstance(notebooks, dict) else None
        return kept if isinstance(kept, dict) else {}

    def put_parameter(self, notebook: str, name: str, value: Any) -> None:
        """Set a parameter for every run of a notebook; None takes it out."""
        notebooks = self.document.setdefault("parameters", {})
        kept = notebooks.setdefault(notebook, {})
        _put(kept, name, value)
        if not kept:
            del notebooks[notebook]
        if not notebooks:
            del self.document["parameters"]

    def save(self) -> None:
        """Write the file, whole or not at all."""
        beside = self.path.with_name(f".{self.path.name}")
        with beside.open("w", encoding="utf-8", newline="\n") as stream:
            self._yaml.dump(self.document, stream)
        beside.replace(self.path)


def roles_of(table: str) -> list[str]:
    """The roles of a table, the required ones first."""
    columns = TABLES[table].columns
    return sorted(columns, key=lambda role: not columns[role].required)


def first_rows(part: Part) -> pd.DataFrame:
    """What is shown of a file."""
    return part.values.head(SEEN_ROWS).fillna("")


def _put(keys: Any, key: str, value: Any) -> None:
    """Set or take out; the confidence of the guess that stood there goes with it, other comments
    stay.
    """
    if keys.get(key) == value:
        return
    behind = _comment_behind(keys, key)
    if behind is not None:
        behind.value = GUESSED.sub("\n", behind.value, count=1)
    if value is None or value == "":
        _take_out(keys, key, behind)
    else:
        keys[key] = _scalar(value)


def _comment_behind(keys: Any, key: str) -> Any:
    """ruamel's token of the comment on a key's line and the lines after it."""
    tokens = keys.ca.items.get(key) if hasattr(keys, "ca") else None
    return tokens[2] if tokens else None


def _take_out(keys: Any, key: str, behind: Any) -> None:
    """Without a key; comment lines after it stand after the key before it."""
    names = list(keys)
    if key not in names:
        return
    before = names[names.index(key) - 1] if names.index(key) else None
    del keys[key]
    below = behind.value.partition("\n")[2] if behind is not None else ""
    if not below.strip() or before is None:
        return
    there = _comment_behind(keys, before)
    if there is not None:
        there.value = there.value.rstrip("\n") + "\n" + below
    else:
        behind.value = "\n" + below
        keys.ca.items[before] = [None, None, behind, None]


def _scalar(value: Any) -> Any:
    """A text in quotes where the reader of engagement.yml would take it for something else:
    `no`, `12:30`, a date.
    """
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    if not isinstance(value, str):
        return value
    try:
        plain = yaml.safe_load(value) == value
    except yaml.YAMLError:
        plain = False
    return value if plain else DoubleQuotedScalarString(value)
