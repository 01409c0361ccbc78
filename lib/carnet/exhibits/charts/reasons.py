"""The figures of the reasons for leaving: shares with their intervals, two accounts side by side,
tornado, service quality, drivers, competing reasons.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, MultipleLocator, NullFormatter

from carnet.exhibits.charts.base import (
    CONTEXT,
    CONTRAST,
    FOCUS,
    THIRD,
    Chart,
    Texts,
    finish,
    frame,
    number_axis,
    percent_axis,
    plain,
    shortened,
    styled,
)
from carnet.wording import Wording

MARKED = 0.32  # room on the left for labels of rows


@styled
def draw_reasons(
    w: Wording, shares: pd.DataFrame, texts: Texts, labels: Mapping[str, str]
) -> Chart:
    """Share of each reason by number (dots) and by money (squares) with simultaneous intervals,
    the quoted share as a stroke (columns of `reason_shares`).
    """
    figure, axes = frame(texts, 1.9 + 0.5 * len(shares))
    rows = np.arange(len(shares))
    for column, shift, colour, marker, label in (
        ("share", -0.13, FOCUS, "o", w._("by number")),
        ("revenue_share", 0.17, THIRD, "s", w._("by money")),
    ):
        known = shares[column].notna().to_numpy()
        axes.hlines(
            (rows + shift)[known],
            shares[f"{column}_low"][known],
            shares[f"{column}_high"][known],
            color=colour,
            linewidth=1.6,
        )
        axes.scatter(
            shares[column][known],
            (rows + shift)[known],
            color=colour,
            marker=marker,
            s=30,
            zorder=3,
            label=label,
        )
    quoted = shares.benchmark_share.notna().to_numpy()
    axes.scatter(
        shares.benchmark_share[quoted],
        rows[quoted],
        color=CONTRAST,
        marker="|",
        s=420,
        linewidth=2.2,
        zorder=4,
        label=w._("quoted (grade D)"),
    )
    axes.set_yticks(
        rows,
        [
            plain(shortened(f"{labels[r]} ({w.number(n)})", 36))
            for r, n in zip(shares.reason, shares["count"], strict=True)
        ],
    )
    axes.invert_yaxis()
    axes.set_xlim(
        0,
        min(
            1.0,
            max(
                0.6,
                1.05
                * float(
                    np.nanmax(
                        shares[["share_high", "revenue_share_high"]].to_numpy(dtype=float),
                        initial=0.5,
                    )
                ),
            ),
        ),
    )
    _rows_only(axes)
    percent_axis(w, axes.xaxis)
    figure.subplots_adjust(left=MARKED)
    _legend_above(axes)
    told = "; ".join(f"{labels[r.reason]}: {w.percent(r.share, 0)}" for r in shares.itertuples())
    return finish(figure, texts, told)


@styled
def draw_two_accounts(
    w: Wording, gap: pd.DataFrame, texts: Texts, labels: Mapping[str, str]
) -> Chart:
    """What customers and what salespeople say, reason by reason (one sample
    of `perception_gap`).
    """
    figure, axes = frame(texts, 1.9 + 0.36 * len(gap))
    rows = np.arange(len(gap))
    axes.hlines(rows, gap.customer_share, gap.salesperson_share, color=CONTEXT, linewidth=1.4)
    axes.scatter(gap.customer_share, rows, color=FOCUS, s=46, zorder=3, label=w._("customers say"))
    axes.scatter(
        gap.salesperson_share,
        rows,
        color=CONTRAST,
        marker="D",
        s=38,
        zorder=3,
        label=w._("salespeople say"),
    )
    axes.set_yticks(rows, [plain(shortened(labels[r], 36)) for r in gap.reason])
    axes.invert_yaxis()
    axes.set_xlim(
        -0.02, max(0.5, float(gap[["customer_share", "salesperson_share"]].max(axis=None)) + 0.08)
    )
    _rows_only(axes)
    percent_axis(w, axes.xaxis)
    figure.subplots_adjust(left=MARKED)
    _legend_above(axes)
    told = "; ".join(
        (
            f"{labels[r.reason]}: {w.percent(r.customer_share, 0)} "
            f"/ {w.percent(r.salesperson_share, 0)}"
        )
        for r in gap.itertuples()
    )
    return finish(figure, texts, told)


@styled
def draw_tornado(
    w: Wording, tornado: pd.DataFrame, texts: Texts, results: pd.DataFrame, labels: Sequence[str]
) -> Chart:
    """Lost prospects with each premise at the ends of its range, the others in the middle;
    the quoted chain as one point (columns of `silent_chain`).
    """
    figure, axes = frame(texts, 1.9 + 0.42 * (len(tornado) + 1))
    rows = np.arange(len(tornado))
    outcome = results.set_index("step").loc["lost_prospects"]
    middle = float(outcome["median"])
    axes.barh(
        rows,
        tornado.result_high - tornado.result_low,
        left=tornado.result_low,
        color=FOCUS,
        height=0.55,
    )
    axes.barh(
        [len(tornado)],
        [outcome["high"] - outcome["low"]],
        left=[outcome["low"]],
        color=CONTEXT,
        height=0.55,
    )
    axes.axvline(middle, color="white", linewidth=1.4)
    axes.set_yticks(
        [*rows, len(tornado)], [*(plain(label) for label in labels), w._("all of them at once")]
    )
    axes.invert_yaxis()
    top = float(max(tornado.result_high.max(), outcome["high"], outcome["quoted"]))
    axes.scatter([outcome["quoted"]], [len(tornado)], color=CONTRAST, marker="D", s=46, zorder=4)
    axes.annotate(
        plain(w._("quoted: {count}", count=w.number(outcome["quoted"]))),
        (outcome["quoted"], len(tornado)),
        xytext=(0, 9),
        textcoords="offset points",
        ha="center",
        fontsize=7.5,
        color="#555555",
    )
    positive = [v for v in [*tornado.result_low, outcome["low"]] if v > 0]
    axes.set_xscale("log")
    axes.set_xlim(0.6 * min(positive, default=1.0), 1.6 * top)
    axes.xaxis.set_major_locator(LogLocator(10, subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: w.number(value, 0 if value >= 1 else 1))
    )
    axes.xaxis.set_minor_formatter(NullFormatter())
    _rows_only(axes)
    figure.subplots_adjust(left=0.36)
    told = "; ".join(
        f"{label}: {w.number(r.result_low)} – {w.number(r.result_high)}"
        for label, r in zip(labels, tornado.itertuples(), strict=True)
    )
    return finish(figure, texts, told)


@styled
def draw_importance(
    w: Wording, table: pd.DataFrame, texts: Texts, labels: Mapping[str, str], satisfied_from: float
) -> Chart:
    """Importance by performance of each dimension with its intervals,
    and the cuts (columns of `importance_performance`).
    """
    figure, axes = frame(texts, 3.9)
    cut = 1 / max(len(table), 1)
    axes.axvline(satisfied_from, color=CONTEXT, linestyle="--", linewidth=1)
    axes.axhline(cut, color=CONTEXT, linestyle="--", linewidth=1)
    act = (table.position == "act").to_numpy()
    axes.hlines(
        table.importance,
        table.performance_low,
        table.performance_high,
        color=CONTEXT,
        linewidth=1.2,
    )
    if table.importance_low.notna().all():
        axes.vlines(
            table.performance,
            table.importance_low,
            table.importance_high,
            color=CONTEXT,
            linewidth=1.2,
        )
    axes.scatter(table.performance[~act], table.importance[~act], color=FOCUS, s=42, zorder=3)
    axes.scatter(
        table.performance[act], table.importance[act], color=CONTRAST, marker="D", s=46, zorder=3
    )
    for row in table.itertuples():
        axes.annotate(
            plain(labels[row.dimension]),
            (row.performance, row.importance),
            xytext=(6, 6),
            textcoords="offset points",
            fontsize=8,
        )
    ends = [
        *table.performance_low.dropna(),
        *table.performance_high.dropna(),
        *table.performance,
        satisfied_from,
    ]
    room = 0.12 * ((max(ends) - min(ends)) or 0.1) + 0.02
    top = float(np.nanmax([*table.importance_high, *table.importance, cut])) * 1.2
    axes.set(
        xlim=(max(0, min(ends) - room), min(1.0, max(ends) + 2 * room)),
        ylim=(0, top),
        xlabel=w._("mean mark, share of the scale"),
        ylabel=w._("weight"),
    )
    corners = (
        (0.01, 0.98, "left", "top", w._("act")),
        (0.99, 0.98, "right", "top", w._("keep")),
        (0.01, 0.02, "left", "bottom", w._("watch")),
        (0.99, 0.02, "right", "bottom", w._("enough")),
    )
    for x, y, side, edge, text in corners:
        axes.text(
            x,
            y,
            text,
            transform=axes.transAxes,
            ha=side,
            va=edge,
            fontsize=8.5,
            fontweight="bold",
            color="#555555",
        )
    axes.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10]))
    percent_axis(w, axes.xaxis)
    percent_axis(w, axes.yaxis)
    told = "; ".join(
        f"{labels[r.dimension]}: {w.percent(r.performance)} ({w.percent(r.importance, 0)})"
        for r in table.itertuples()
    )
    return finish(figure, texts, told)


@styled
def draw_drivers(w: Wording, effects: pd.DataFrame, texts: Texts, labels: Sequence[str]) -> Chart:
    """Odds ratios of leaving with their intervals, alone and with the others held fixed,
    on a logarithmic axis (columns of `driver_effects`).
    """
    figure, axes = frame(texts, 1.9 + 0.36 * len(effects))
    rows = np.arange(len(effects))
    axes.axvline(1, color=CONTEXT, linewidth=1)
    for prefix, column, shift, colour, marker, label in (
        ("odds", "odds_ratio", -0.13, FOCUS, "o", w._("the others held fixed")),
        ("raw", "raw_odds_ratio", 0.17, CONTEXT, "s", w._("alone")),
    ):
        axes.hlines(
            rows + shift,
            effects[f"{prefix}_low"],
            effects[f"{prefix}_high"],
            color=colour,
            linewidth=1.6,
        )
        axes.scatter(
            effects[column], rows + shift, color=colour, marker=marker, s=28, zorder=3, label=label
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(10, subs=(0.2, 0.5, 1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: w.number(value, 1 if value < 1 else 0))
    )
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_yticks(rows, [plain(shortened(label, 38)) for label in labels])
    axes.invert_yaxis()
    axes.set_xlabel(w._("odds of leaving for one standard deviation more"))
    _rows_only(axes)
    figure.subplots_adjust(left=0.36)
    _legend_above(axes)
    told = "; ".join(
        f"{label}: {w.number(r.odds_ratio, 2)}"
        for label, r in zip(labels, effects.itertuples(), strict=True)
    )
    return finish(figure, texts, told)


@styled
def draw_incidence(
    w: Wording, curves: pd.DataFrame, texts: Texts, labels: Mapping[str, str]
) -> Chart:
    """Share of customers that has left, by cause and year under observation,
    with the number at risk (columns of `cumulative_incidence`).
    """
    figure, axes = frame(texts, 3.9)
    styles = {"ours": (CONTRAST, "-"), "other": (FOCUS, "-"), "not known": (CONTEXT, "--")}
    times = np.concatenate([[0.0], curves.years])
    ends = sorted((float(curves[cause].iloc[-1]), cause) for cause in labels)
    last = -1.0
    top = max(0.05, 1.25 * max(level for level, _ in ends))
    for level, cause in ends:
        colour, line = styles[cause]
        axes.step(
            times,
            np.concatenate([[0.0], curves[cause]]),
            where="post",
            color=colour,
            linestyle=line,
            linewidth=1.8,
        )
        last = max(level, last + 0.07 * top)
        axes.text(
            times[-1] * 1.015,
            last,
            plain(f"{labels[cause]} {w.percent(level, 0)}"),
            va="center",
            fontsize=7.5,
            color="#333333",
        )
    axes.set(xlim=(0, times[-1]), ylim=(0, top), xlabel=w._("years under observation"))
    axes.xaxis.set_major_locator(MultipleLocator(0.5 if times[-1] <= 4 else 1))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: w.number(value, 1)))
    number_axis(w, axes.xaxis)
    percent_axis(w, axes.yaxis)
    risk = [
        (t, curves.at_risk[curves.years >= t].iloc[0]) for t in np.linspace(0, times[-1], 5)[:-1]
    ]
    for t, count in risk:
        axes.text(
            t,
            0.975 * top,
            w._("{count} at risk", count=w.number(count)),
            fontsize=7,
            color="#555555",
            va="top",
            backgroundcolor="white",
        )
    figure.subplots_adjust(right=0.72)
    told = "; ".join(f"{labels[cause]}: {w.percent(level)}" for level, cause in ends)
    return finish(figure, texts, told)


def _legend_above(axes: Axes) -> None:
    """The legend between the subtitle and the rows, where no interval can lie under it."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    height = figure.get_size_inches()[1]
    figure.subplots_adjust(top=axes.get_position().y1 - 0.25 / height)
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=3,
        fontsize=7.5,
        frameon=False,
        markerscale=0.6,
        borderaxespad=0.2,
    )


def _rows_only(axes: Axes) -> None:
    """Grid lines across the values only: rows are read by their labels."""
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", visible=True)
