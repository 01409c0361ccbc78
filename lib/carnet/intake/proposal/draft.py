"""An engagement file while it is being made: what `carnet init` proposes, changed key by key, with
its comments kept. The form in JupyterLab is drawn from it.
"""

import codecs
import io
import os
import re
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from pydantic import ValidationError

from carnet.engagement.databases import is_database_url
from carnet.engagement.faults import decoded
from carnet.engagement.file import FILE_NAME, Table
from carnet.engagement.schema import TABLES
from carnet.errors import CarnetError
from carnet.intake.proposal import propose
from carnet.intake.proposal.matching import Match
from carnet.intake.proposal.parts import Part, read_parts
from carnet.intake.sources import READERS, files_of
from carnet.intake.sources.base import plain_header
from carnet.wording import N_

SEEN_ROWS = 10
COMMENT = re.compile(r"(?:^|(?<=\s))#[^\n]*", re.MULTILINE)
GUESSED = re.compile(r"^# [01]\.\d\d, [^\n]*\n?")  # as `write` comments a guess


class FileChanged(CarnetError):
    """engagement.yml was changed by somebody else since it was read: nothing was written."""


class Draft:
    """FOLDER/engagement.yml as a document; empty where there is none yet.

    Beside the document that keeps comments stands what a plain reader takes the file for: `save`
    writes only what such a reader takes for the same, with the changes asked for. Raises
    CarnetError where the file is no YAML mapping.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.path = self.folder / FILE_NAME
        self.guesses: dict[str, Match] = {}
        self.kept: Path | None = None
        self.told: list[str] = []  # by the proposal: what was left out, what to look at
        self.proposed = b""  # as the proposal was written
        self.reload()

    @cached_property
    def _yaml(self) -> Any:
        from ruamel.yaml import YAML

        yaml = YAML()  # keeps comments, order and quotes
        yaml.preserve_quotes, yaml.width = True, 10_000
        return yaml

    def _read(self, content: bytes) -> None:
        """Take a file's bytes for the document."""
        from ruamel.yaml.error import YAMLError
        from ruamel.yaml.util import load_yaml_guess_indent

        text = decoded(self.path, content)
        try:
            plain = yaml.safe_load(text)
            lines = text.replace("\r\n", "\n")
            self.document = self._yaml.load(lines if plain is not None else "{}")
            _, indent, offset = load_yaml_guess_indent(lines)
        except (YAMLError, yaml.YAMLError, ValueError, RecursionError) as error:
            told = str(error).splitlines()[0]
            raise CarnetError("{path}: not YAML: {told}", path=self.path, told=told) from None
        if not isinstance(self.document, dict):
            raise CarnetError("{path}: keys and values are expected.", path=self.path)
        self._yaml.indent(mapping=2, sequence=indent or 4, offset=2 if offset is None else offset)
        self.plain: dict[str, Any] = _unshared(plain or {})
        self.changed = False
        self.marks = content.startswith(codecs.BOM_UTF8), b"\r\n" in content

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
        self.there = self.path.read_bytes() if self.path.is_file() else b""
        if self.there not in (b"", self.proposed):
            self._keep()
        self._read(proposal.text.encode())
        self.guesses = {found.table: found for found in proposal.matches}
        self.told = [*proposal.doubts, *proposal.left_out]
        self._write(proposal.text.encode())
        self.proposed = self.there

    def _keep(self) -> None:
        """A copy of the file as it stands, beside it, under a name that nothing has."""
        names = (f"{FILE_NAME}.before{number if number > 1 else ''}" for number in range(1, 10_000))
        self.kept = next(path for name in names if not (path := self.path.with_name(name)).exists())
        shutil.copyfile(self.path, self.kept)

    @property
    def tables(self) -> dict[str, Any]:
        """The keys of each table."""
        tables = self.plain.get("tables")
        return tables if isinstance(tables, dict) else {}

    def part(self, table: str) -> Part | None:
        """The first rows of a table's first file; None where it is read from a database."""
        plain = (self.plain.get("tables") or {}).get(table)
        with suppress(ValidationError, CarnetError, OSError):  # the check says so
            spec = Table.model_validate(plain)
            if spec.query or any(is_database_url(name) for name in spec.files):
                return None
            path = files_of(table, spec.files[0], self.folder)[0]
            sheet = spec.sheet[0] if isinstance(spec.sheet, list) and spec.sheet else spec.sheet
            parts = read_parts(path)[0]
            alike = [part for part in parts if sheet in (None, part.sheet)] or parts
            row = spec.format.header_row
            return (alike[0].below_a_title(row) if row > 1 else alike[0]) if alike else None
        return None

    def columns(self, table: str) -> Mapping[str, str]:
        """Header by role, as the document says."""
        spec = self.tables[table]
        columns = spec.get("columns") if isinstance(spec, dict) else None
        return columns if isinstance(columns, dict) else {}

    def header(self, table: str, role: str, headers: Sequence[str]) -> tuple[str, bool]:
        """The header that plays a role, as the reader finds it, and whether it does so by its own
        name, so that nothing in the file can take it out; empty where none does.
        """
        named, there = self.columns(table).get(role), {plain_header(name): name for name in headers}
        if named is not None:
            return there.get(plain_header(str(named)), str(named)), False
        taken = {plain_header(str(name)) for name in self.columns(table).values()}
        own = plain_header(TABLES[table].headers.get(role, role))
        return (there[own], True) if own in there and own not in taken else ("", False)

    def confidence(self, table: str, role: str) -> float | None:
        """How sure the guess of a header is, 0 to 1; None once it was chosen by hand."""
        found = self.guesses.get(table)
        guess = found.roles.get(role) if found else None
        chosen = self.columns(table).get(role)
        return guess.confidence if guess and guess.header == chosen else None

    def choose(self, table: str, role: str, header: str) -> None:
        """Have a header play a role of a table; none where it is empty."""
        self._put(("tables", table, "columns", role), header)

    def put(self, key: str, value: Any) -> None:
        """Set a key of the engagement, or take it out where the value is empty."""
        self._put((key,), value)

    def parameters(self, notebook: str) -> Mapping[str, Any]:
        """The parameters kept for every run of a notebook."""
        notebooks = self.plain.get("parameters")
        kept = notebooks.get(notebook) if isinstance(notebooks, dict) else None
        return kept if isinstance(kept, dict) else {}

    def put_parameter(self, notebook: str, name: str, value: Any) -> None:
        """Set a parameter for every run of a notebook; None takes it out."""
        self._put(("parameters", notebook, name), value)
        for place in (("parameters", notebook), ("parameters",)):
            if _at(self.plain, place) == {}:
                self._put(place, None)

    def _put(self, place: tuple[str, ...], value: Any) -> None:
        """Set or take out what stands at a place, in the document and in what a reader sees."""
        above, key = place[:-1], place[-1]
        value = None if value == "" else value
        if _at(self.plain, place) == value:
            return
        for document in (self.document, self.plain):
            keys: Any = document
            for name in above:
                if keys.get(name) is None:
                    keys[name] = {}
                keys = keys[name]
                if not isinstance(keys, dict):
                    raise CarnetError(
                        "{path}: {key}: keys and values are expected.",
                        path=self.path,
                        key=".".join(above),
                    )
            if document is self.document:
                _put(keys, key, value)
            elif value is None:
                del keys[key]
            else:
                keys[key] = value
        self.changed = True

    def reload(self) -> None:
        """Take the file as it stands now."""
        self.there = self.path.read_bytes() if self.path.is_file() else b""
        self._read(self.there)

    def save(self) -> None:
        """Write the file, whole or not at all; nothing where nothing changed.

        Raises FileChanged where somebody else changed it since it was read, and CarnetError where a
        change cannot be written into it without changing more. Where a comment would be lost, the
        file is kept beside it first.
        """
        if not self.changed:
            return
        if (self.path.read_bytes() if self.path.is_file() else b"") != self.there:
            told = N_(
                "{path} was changed outside the form: that change is kept and shown now. Make "
                "yours again."
            )
            raise FileChanged(told, path=self.path.name)
        stream = io.StringIO()
        self._yaml.dump(self.document, stream)
        text = stream.getvalue()
        if yaml.safe_load(text) != self.plain:
            self._read(self.there)
            raise CarnetError(
                "{path}: the form cannot change this without changing more of the file (a value "
                "used in several places, or written in an unusual way). Change it by hand.",
                path=self.path.name,
            )
        if Counter(_comments(self.there.decode("utf-8-sig"))) - Counter(_comments(text)):
            self._keep()
        marked, windows = self.marks
        content = text.replace("\n", "\r\n" if windows else "\n").encode()
        self._write((codecs.BOM_UTF8 if marked else b"") + content)

    def _write(self, content: bytes) -> None:
        target = self.path.resolve()  # a link stays one
        if target.exists() and not os.access(target, os.W_OK):
            raise PermissionError(13, "Permission denied", str(target))
        beside = target.with_name(f".{target.name}")
        try:
            beside.write_bytes(content)
            if target.exists():
                shutil.copymode(target, beside)
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)
        self.there, self.changed = content, False


def _unshared(value: Any) -> Any:
    """Values as they are read, each its own: one that an anchor names twice is two."""
    if isinstance(value, dict):
        return {key: _unshared(each) for key, each in value.items()}
    return [_unshared(each) for each in value] if isinstance(value, list) else value


def _at(keys: Any, place: tuple[str, ...]) -> Any:
    """What stands at a place; None where nothing does."""
    for name in place:
        keys = keys.get(name) if isinstance(keys, dict) else None
    return keys


def _comments(text: str) -> list[str]:
    """The comments of a file, but those of guesses, which go with them."""
    return [found.strip() for found in COMMENT.findall(text) if not GUESSED.match(found)]


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
    behind = _comment_behind(keys, key)
    if behind is not None:
        behind.value = GUESSED.sub("\n", behind.value, count=1)
    if value is None:
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
    from ruamel.yaml import YAML
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    if isinstance(value, float) and "e" in repr(value) and "." not in repr(value):
        return YAML().load(repr(value).replace("e", ".0e"))  # 1e-05 would be read as a text
    if not isinstance(value, str):
        return value
    try:
        plain = yaml.safe_load(value) == value
    except (yaml.YAMLError, ValueError):  # or a day that is none
        plain = False
    return value if plain else DoubleQuotedScalarString(value)
