"""An exhibit: a question's finished small table, how it is drawn, and what ran for it.

Everything shown is a rendering of one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

import ibis.expr.types as ir
import pandas as pd

from carnet.book.mapped import Mapped
from carnet.exhibits.charts.base import Chart, Texts
from carnet.exhibits.tables import HtmlTable
from carnet.findings.answer import Point
from carnet.findings.base import Finding
from carnet.wording import Wording

Kind = Literal["so-what", "note", "warning", "recommendation", "missing"]


# a list: rows in this process, a table of an engine, or one with columns in words
Listed: TypeAlias = pd.DataFrame | ir.Table | Mapped


@dataclass(frozen=True)
class Exhibit:
    """One result.

    Fields      key (its id in a page), title (of a chart the computed finding, of a table
                its caption), table (the finished data), form (how it is drawn), subtitle (measure,
                population, period), source, note (under it), missing (the line that stands for it
                where it cannot be shown), lists (CSV lists by name), checks (what holds for any
                client, with the message where it does not), names (keys of the findings whose names
                it lists), annex (published on the page of methods, not among the answers),
                question (what it answers: the name of its section, which the notebook words in
                a heading), made_by (the measures that ran for it, as they were recorded); the last
                two are the section's to fill
    """

    key: str
    title: str
    table: pd.DataFrame
    form: "Form"
    subtitle: str = ""
    source: str = ""
    note: str = ""
    missing: str = ""
    lists: Mapping[str, Listed] = field(default_factory=dict)
    checks: Sequence[tuple[bool, str]] = ()
    names: str = ""
    annex: bool = False
    question: str = ""
    made_by: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """Rows of its table."""
        return len(self.table)

    @property
    def texts(self) -> Texts:
        """Title, subtitle and source, as charts take them."""
        return Texts(self.title, self.subtitle, self.source)

    def rendered(self, w: Wording) -> Chart | HtmlTable:
        """The chart or table that its form makes of it; each has its text alternative, `alt`."""
        return self.form.render(w, self)


class Form(Protocol):
    """A way to draw an exhibit."""

    def render(self, w: Wording, exhibit: Exhibit) -> Chart | HtmlTable:
        """The exhibit, drawn."""


@dataclass(frozen=True)
class Said:
    """One sentence under its kind; a finding goes to the summary of all notebooks, too."""

    sentence: str
    kind: Kind = "so-what"
    finding: Finding | None = None


@dataclass(frozen=True)
class Ranked:
    """The main points: findings, largest money first."""

    findings: Sequence[Finding]


@dataclass(frozen=True)
class Kept:
    """What is published or checked without being shown.

    Fields      lists (CSV lists by name), checks (what holds for any client), names (findings whose
                names the first list has)
    """

    lists: Mapping[str, Listed] = field(default_factory=dict)
    checks: Sequence[tuple[bool, str]] = ()
    names: str = ""


@dataclass(frozen=True)
class Answered:
    """What page one says of it: recorded for whoever publishes, not shown in the notebook."""

    points: Sequence[Point]


Shown = Exhibit | Said | Ranked | Kept | Answered


@dataclass(frozen=True)
class Section:
    """What answers one question of a notebook: exhibits and sentences in the order in which
    they are read; `annex` as of an exhibit.
    """

    name: str
    wording: Wording
    shown: tuple[Shown, ...]
    annex: bool = False

    @property
    def exhibits(self) -> dict[str, Exhibit]:
        """Its exhibits by key."""
        return {item.key: item for item in self.shown if isinstance(item, Exhibit)}


def said(what: str | Finding | None, kind: Kind = "so-what") -> Iterable[Said]:
    """The sentence to show, if there is one."""
    if isinstance(what, Finding):
        yield Said(what.sentence, kind, what)
    elif what:
        yield Said(what, kind)


def told(finding: Finding | None) -> Iterable[Said]:
    """The sentence of a finding that the main points have already: it is not counted twice."""
    if finding is not None:
        yield Said(finding.sentence)
