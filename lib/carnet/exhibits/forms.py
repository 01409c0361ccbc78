"""The ways to draw an exhibit: a chart, a list or table, figures of the register,
periods side by side.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from carnet.exhibits import tables
from carnet.exhibits.charts.base import Chart
from carnet.exhibits.exhibit import Exhibit
from carnet.exhibits.tables import HtmlTable
from carnet.wording import Wording

DIGITS = 6  # after the point, of what a chart draws


@dataclass(frozen=True)
class Drawn:
    """A chart: one of the `charts.draw_` functions, with what it needs beside the table
    and the texts.
    """

    draw: Callable[..., Chart]
    settings: Mapping[str, Any] = field(default_factory=dict)

    def render(self, w: Wording, exhibit: Exhibit) -> Chart:
        """The chart, of values that do not hang on the order in which an engine summed them."""
        t = exhibit.table
        drawn = t.round(dict.fromkeys(t.select_dtypes("float"), DIGITS))
        return self.draw(w, drawn, exhibit.texts, **self.settings)


@dataclass(frozen=True)
class Columns:
    """A table: the fields shown (headings and formats of `headings.HEADINGS`).

    `first` makes it a list of which so many rows are shown at first; `cents` shows all
    money to the cent.
    """

    fields: str
    first: int | None = None
    cents: bool = False

    def render(self, w: Wording, exhibit: Exhibit) -> HtmlTable:
        """The table."""
        e, fields = exhibit, tables.Fields(self.fields, self.first, self.cents)
        return tables.draw_table(w, e.key, e.title, e.table, fields, e.note)


@dataclass(frozen=True)
class Figures:
    """Figures of the register as label, value and, where `ranged`, interval; see `figures`."""

    ranged: bool = False

    def render(self, w: Wording, exhibit: Exhibit) -> HtmlTable:
        """The table."""
        t = exhibit.table.set_index("name")
        ends = dict(zip(t.index, zip(t.low, t.high, strict=True), strict=True))
        ranges = ends if self.ranged else {}
        return tables.figures_table(
            w, exhibit.key, exhibit.title, t.value, " ".join(t.index), ranges
        )


def figures(
    names: str, values: Mapping[str, Any], ranges: Mapping[str, Sequence[Any]] = {}
) -> pd.DataFrame:
    """The table of some figures (names, space-separated): name, value, low, high."""
    rows = [(name, values[name], *ranges.get(name, (None, None))) for name in names.split()]
    return pd.DataFrame(rows, columns=["name", "value", "low", "high"])


@dataclass(frozen=True)
class Series:
    """Figures of the register (names, space-separated) as rows,
    a column a period (rows of the table).
    """

    names: str

    def render(self, w: Wording, exhibit: Exhibit) -> HtmlTable:
        """The table."""
        return tables.series_table(w, exhibit.key, exhibit.title, exhibit.table, self.names)


@dataclass(frozen=True)
class Headline:
    """Figures of the register beside the year before: name, value, previous, low, high."""

    def render(self, w: Wording, exhibit: Exhibit) -> HtmlTable:
        """The table."""
        return tables.headline_table(w, exhibit.key, exhibit.title, exhibit.table)


@dataclass(frozen=True)
class Matrix:
    """Amounts of money, a row a `label`, a column a period (label, complete of `periods`)."""

    periods: pd.DataFrame

    def render(self, w: Wording, exhibit: Exhibit) -> HtmlTable:
        """The table."""
        t = exhibit.table
        amounts = t.drop(columns="label")
        return tables.matrix_table(w, exhibit.key, exhibit.title, t.label, amounts, self.periods)


@dataclass(frozen=True)
class Benchmarks:
    """Published figures beside this book's: name in benchmarks.yml, own (written)."""

    def render(self, w: Wording, exhibit: Exhibit) -> HtmlTable:
        """The table."""
        own = exhibit.table.set_index("name").own
        return tables.benchmark_table(w, exhibit.title, own.to_dict())


@dataclass(frozen=True)
class Crossed:
    """Counts of two codings against each other, the first a row, the second a column,
    in words (`labels`).
    """

    labels: Mapping[str, str]
    corner: str

    def render(self, w: Wording, exhibit: Exhibit) -> HtmlTable:
        """The table."""
        e = exhibit
        return tables.crossed_table(w, e.key, e.title, e.table, self.labels, self.corner, e.note)
