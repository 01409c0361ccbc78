"""What every figure shares: frame, axes, texts, house style, and the waterfall.

A title states the computed finding, a subtitle the measure and its population.

Every function returns a `Chart`: the matplotlib figure and its text alternative. Nothing is
computed here but positions.
"""

import io
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from importlib import resources
from itertools import pairwise
from textwrap import fill
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import pandas as pd
from markupsafe import escape
from matplotlib.axes import Axes
from matplotlib.colors import get_named_colors_mapping
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from carnet.wording import Wording

COLOURS = {"focus": "#12436D", "contrast": "#F46A25", "context": "#8C8C8C", "third": "#28A197"}
# names that matplotlib knows, see `use_colours`
FOCUS, CONTRAST, CONTEXT, THIRD = (f"carnet:{name}" for name in COLOURS)
WIDTH_INCHES, NARROW_INCHES = 7.2, 4.0  # on a page; on a telephone
FOOT_INCHES, EDGE, LEAST_PLOT = 0.22, 4, 0.2  # source line, pixels to the edge, share of the width
TEXT_INCHES = 2.2  # around the texts of a narrow chart: the plot and what stands below it
_width = ContextVar("width", default=WIDTH_INCHES)


@dataclass(frozen=True)
class Chart:
    """A figure and what it says to someone who cannot see it."""

    figure: Figure
    alt: str


class Texts(NamedTuple):
    """What stands around a chart: the computed finding, the measure with its population and
    period, the source.
    """

    title: str
    subtitle: str
    source: str


def use_colours(own: Mapping[Any, str]) -> None:
    """Give the four colours their values: the house's, or the firm's `own` by name."""
    known = get_named_colors_mapping()
    for name, colour in COLOURS.items():  # one by one: what was looked up before is forgotten
        known[f"carnet:{name}"] = own.get(name, colour)


use_colours({})


def house_style() -> AbstractContextManager[None]:
    """matplotlib's own defaults under the house style, for drawing and for printing."""
    style = str(resources.files("carnet") / "exhibits" / "charts" / "carnet.mplstyle")
    return plt.style.context(style, after_reset=True)


def styled(draw: Callable[..., Chart]) -> Callable[..., Chart]:
    """Draw under the house style alone: neither a matplotlibrc of the user nor the caller's
    settings reach it, nor are they touched.
    """

    @wraps(draw)
    def drawn(*args: Any, **kwargs: Any) -> Chart:
        with house_style(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph")  # a page has fonts that this machine lacks
            return draw(*args, **kwargs)

    return drawn


@contextmanager
def narrow() -> Iterator[None]:
    """Draw charts for a narrow screen: the same marks and letters, side by side no wider."""
    before = _width.set(NARROW_INCHES)
    try:
        yield
    finally:
        _width.reset(before)


def as_svg(chart: Chart, salt: str, kind: str) -> str:
    """The chart as SVG to stand inside a page: texts as text, its ids its own (`salt`), `kind` its
    class.
    """
    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": salt}
    with house_style(), plt.rc_context(settings), warnings.catch_warnings():
        drawn = io.StringIO()
        warnings.filterwarnings("ignore", "Glyph")
        chart.figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
    svg = drawn.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r'<style type="text/css">.*?</style>', "", svg, flags=re.S)
    svg = re.sub(r"(font: [^;\"]*?px) [^;\"]*", r"\1 var(--font)", svg)
    view = re.search(r'viewBox="[^"]+"', svg)
    opening = f'<svg class="chart {kind}" {view[0] if view else ""} role="img"'
    return opening + f' aria-label="{escape(chart.alt)}">' + svg[svg.index(">") + 1 :].strip()


def plain(text: object) -> str:
    """Text that matplotlib must not read as mathematics: a customer may be called
    `Joe $\\bad$ Ltd`.
    """
    return str(text).replace("\\", "\\\\").replace("$", r"\$") if "$" in str(text) else str(text)


def frame(texts: Texts, height: float = 3.6) -> tuple[Figure, Axes]:
    """An empty figure with its three texts; the plot keeps the room between them."""
    width = _width.get()
    share = width / WIDTH_INCHES
    heading, measure = (
        fill(shortened(texts.title, 150), int(62 * share)),
        fill(shortened(texts.subtitle, 250), int(100 * share)),
    )
    lines = 0.22 * (heading.count("\n") + 1) + 0.16 * (measure.count("\n") + 1)
    height = max(height, lines + TEXT_INCHES) if is_narrow() else height
    figure, axes = plt.subplots(figsize=(width, height))
    top = 1 - 0.10 / height
    figure.text(
        0.01, top, plain(heading), fontsize=12, fontweight="bold", va="top", color="#222222"
    )
    lower = top - (0.22 * (heading.count("\n") + 1)) / height
    figure.text(0.01, lower, plain(measure), fontsize=8.5, va="top", color="#555555")
    lower -= (0.16 * (measure.count("\n") + 1) + 0.14) / height
    figure.text(
        0.01,
        0.04 / height,
        plain(shortened(texts.source, int(140 * share))),
        fontsize=7,
        va="bottom",
        color="#6B6B6B",
    )
    figure.subplots_adjust(left=0.09 / share, right=0.97, top=lower, bottom=0.62 / height)
    return figure, axes


def finish(figure: Figure, texts: Texts, told: str) -> Chart:
    """Close the figure and write its text alternative."""
    if is_narrow():
        _fit(figure)
    plt.close(figure)
    return Chart(figure, f"{texts.title}. {texts.subtitle}. {told}")


def is_narrow() -> bool:
    """True where charts are drawn for a narrow screen."""
    return _width.get() < WIDTH_INCHES


def _fit(figure: Figure) -> None:
    """Make room for what would be cut: names beside the axes, labels that pass the edge; names
    below that would run into each other are turned.
    """
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    for axes in figure.axes:
        labels = [label for label in axes.get_xticklabels() if label.get_text()]
        boxes = [label.get_window_extent(renderer) for label in labels]
        if any(a.x1 > b.x0 for a, b in pairwise(boxes)):
            for label in labels:
                label.set(rotation=90, fontsize=7)
                label.set_text(label.get_text().replace("\n", " "))
            axes.set_xticks(axes.get_xticks(), [label.get_text() for label in labels])
            for label in axes.get_xticklabels():
                label.set(rotation=90, fontsize=7)
    width, height = figure.bbox.width, figure.bbox.height
    foot = FOOT_INCHES * figure.dpi
    for _ in range(3):
        boxes = [box for axes in figure.axes if (box := axes.get_tightbbox(renderer))]
        room = figure.subplotpars
        left = max(0.0, *(EDGE - box.x0 for box in boxes)) / width
        right = max(0.0, *(box.x1 - width + EDGE for box in boxes)) / width
        low = max(0.0, *(foot - box.y0 for box in boxes)) / height
        low = min(low, max(0.0, room.top - room.bottom - LEAST_PLOT))
        if room.right - right - room.left - left < LEAST_PLOT:
            return
        figure.subplots_adjust(
            left=room.left + left, right=room.right - right, bottom=room.bottom + low
        )


def money_axis(w: Wording, axis: Any) -> None:
    """At most five ticks in short money, three on a narrow screen."""
    axis.set_major_locator(MaxNLocator(3 if is_narrow() else 5))
    axis.set_major_formatter(FuncFormatter(lambda value, _: plain(w.short_money(value))))


def number_axis(w: Wording, axis: Any, decimals: int = 1) -> None:
    """Ticks as numbers of the reader's language, whole ones without decimals."""
    axis.set_major_formatter(
        FuncFormatter(lambda v, _: w.number(v, 0 if float(v).is_integer() else decimals))
    )


def percent_axis(w: Wording, axis: Any) -> None:
    """Ticks as percentages."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: w.percent(value, 0)))


def shortened(text: object, width: int = 30) -> str:
    """A text cut to a width, the cut shown."""
    text = str(text)
    return text if len(text) <= width else text[: width - 1] + "…"


@styled
def draw_waterfall(w: Wording, steps: pd.DataFrame, texts: Texts) -> Chart:
    """Steps from one total to the next (columns label, amount, total): a total stands on zero,
    a step hangs on the level before it.
    """
    labels, amounts, totals = (list(steps[column]) for column in ("label", "amount", "total"))
    figure, axes = frame(texts, 3.8)
    level = 0.0
    top = max(abs(value) for value in amounts) or 1
    for position, (amount, total) in enumerate(zip(amounts, totals, strict=True)):
        start = 0.0 if total else level
        level = amount if total else level + amount
        axes.bar(
            position,
            amount,
            bottom=start,
            width=0.62,
            color=FOCUS if total else THIRD if amount >= 0 else CONTRAST,
        )
        sign = "" if total or amount <= 0 else "+"
        axes.text(
            position,
            max(start, start + amount, 0) + top * 0.02,
            plain(sign + (w.short_money(amount) if is_narrow() else w.money(amount, 0))),
            ha="center",
            fontsize=6.5 if is_narrow() else 7.5,
        )
        if position + 1 < len(amounts):
            axes.plot(
                [position + 0.31, position + 0.69], [level, level], color=CONTEXT, linewidth=0.8
            )
    axes.set_xticks(
        range(len(amounts)),
        [plain(fill(label, 11)) for label in labels],
        fontsize=8 if len(amounts) < 9 else 7,
    )
    low, high = axes.get_ylim()
    axes.set_ylim(low - top * 0.04 if low < 0 else low, high + top * 0.08)
    axes.axhline(0, color=CONTEXT, linewidth=0.8)
    money_axis(w, axes.yaxis)
    told = "; ".join(
        f"{label}: {w.money(amount)}" for label, amount in zip(labels, amounts, strict=True)
    )
    return finish(figure, texts, told)
