"""The figures of the portfolio: months, bridge, concentration, rankings, baskets,
segments, drop-off.
"""

from collections.abc import Sequence
from textwrap import fill

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns

from carnet.exhibits.charts.base import (
    CONTEXT,
    CONTRAST,
    FOCUS,
    Chart,
    Texts,
    finish,
    frame,
    is_narrow,
    money_axis,
    percent_axis,
    plain,
    shortened,
    styled,
)
from carnet.wording import Wording, unknown


@styled
def draw_monthly_revenue(w: Wording, months: pd.DataFrame, texts: Texts) -> Chart:
    """Two lines: the audit period and the same months a year earlier (columns label,
    revenue, revenue_previous).
    """
    labels = list(months.label)
    figure, axes = frame(texts)
    positions = range(len(months))
    axes.plot(
        positions, months.revenue_previous, color=CONTEXT, marker="o", markersize=3, linestyle="--"
    )
    axes.plot(positions, months.revenue, color=FOCUS, marker="o", markersize=4)
    axes.set_xticks(list(positions), labels, fontsize=7.5)
    axes.set_ylim(
        bottom=min(0, months[["revenue", "revenue_previous"]].min().min()),
        top=1.12 * months[["revenue", "revenue_previous"]].max().max() or 1,
    )
    money_axis(w, axes.yaxis)
    if len(months):
        axes.text(
            0.995,
            1.01,
            w._("solid: audit period · dashed: previous period"),
            transform=axes.transAxes,
            ha="right",
            fontsize=7.5,
            color="#333333",
        )
    told = "; ".join(
        f"{label}: {w.money(now)} ({w.money(before)})"
        for label, now, before in zip(labels, months.revenue, months.revenue_previous, strict=True)
    )
    return finish(figure, texts, told)


@styled
def draw_lorenz(w: Wording, curve: pd.DataFrame, texts: Texts) -> Chart:
    """Cumulative share of revenue, largest customers first (columns
    customer_share, revenue_share).
    """
    half = curve[curve.revenue_share >= 0.5].customer_share.min() if len(curve) else float("nan")
    figure, axes = frame(texts)
    axes.plot([0, *curve.customer_share], [0, *curve.revenue_share], color=FOCUS)
    axes.plot([0, 1], [0, 1], color=CONTEXT, linestyle="--", linewidth=1)
    axes.text(0.62, 0.56, w._("all customers equal"), fontsize=7.5, color="#555555", rotation=22)
    if not unknown(half):
        axes.plot([half, half, 0], [0, 0.5, 0.5], color=CONTRAST, linewidth=1)
    axes.set(
        xlim=(0, 1),
        ylim=(0, 1.02),
        xlabel=w._("share of customers"),
        ylabel=w._("share of revenue"),
    )
    percent_axis(w, axes.xaxis)
    percent_axis(w, axes.yaxis)
    return finish(figure, texts, "")


@styled
def draw_ranking(w: Wording, bars: pd.DataFrame, texts: Texts) -> Chart:
    """Sorted bars with direct labels (columns name, amount, note);
    negative amounts go left in the contrast colour.
    """
    count = len(bars)
    names, amounts, notes = (list(bars[column]) for column in ("name", "amount", "note"))
    figure, axes = frame(texts, 1.5 + 0.27 * max(count, 2))
    colours = [FOCUS if amount >= 0 else CONTRAST for amount in amounts]
    axes.barh(range(count), amounts, color=colours, height=0.66)
    axes.set_yticks(range(count), [plain(shortened(name)) for name in names])
    axes.invert_yaxis()
    span = max((abs(amount) for amount in amounts), default=1) or 1
    low, high = min([0, *amounts]), max([0, *amounts])
    across = is_narrow() and low < 0 < high
    for position, (amount, note) in enumerate(zip(amounts, notes, strict=True)):
        side = 1 if amount >= 0 else -1
        # on a narrow screen across the line, where the other bars leave room
        start, side = (0, -side) if across else (amount, side)
        axes.text(
            start + side * span * 0.015,
            position,
            plain(note),
            va="center",
            ha="left" if side > 0 else "right",
            fontsize=6.5 if is_narrow() else 7.5,
        )
    sides = (low < 0) + (high > 0) or 1
    # widest label, as a share of the axis
    label = min(0.013 * max(map(len, notes), default=0) + 0.02, 0.4)
    # for the labels at the ends of the bars
    room = max(label / (1 - label * sides), 0.24) * ((high - low) or 1)
    axes.set_xlim(low - room if low < 0 else 0, high + room if high > 0 or low == 0 else 0)
    axes.axvline(0, color=CONTEXT, linewidth=0.8)
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", visible=True)
    money_axis(w, axes.xaxis)
    figure.subplots_adjust(left=0.30)
    told = "; ".join(f"{name}: {note}" for name, note in zip(names, notes, strict=True))
    return finish(figure, texts, told)


@styled
def draw_basket_bands(w: Wording, bands: pd.DataFrame, texts: Texts) -> Chart:
    """Bars of revenue share by basket band with the share of orders as a mark (columns
    of `basket_bands`).
    """
    labels = [
        w._("under {high}", high=w.money(row.high, 0))
        if unknown(row.low) and not unknown(row.high)
        else w._("{low} and more", low=w.money(row.low, 0))
        if unknown(row.high) and not unknown(row.low)
        else w._("any size")
        if unknown(row.low)
        else w._("{low} to {high}", low=w.money(row.low, 0), high=w.money(row.high, 0))
        for row in bands.itertuples()
    ]
    figure, axes = frame(texts)
    axes.bar(range(len(bands)), bands.revenue_share, color=FOCUS, width=0.6)
    axes.scatter(range(len(bands)), bands.order_share, color=CONTRAST, marker="D", s=34, zorder=3)
    for position, row in enumerate(bands.itertuples()):
        axes.text(
            position,
            max(row.revenue_share, row.order_share) + 0.02,
            w.percent(row.revenue_share, 0),
            ha="center",
            fontsize=8,
        )
    axes.set_xticks(range(len(bands)), [plain(fill(label, 16)) for label in labels], fontsize=8)
    axes.set_ylim(0, 1.15 * max(bands.revenue_share.max(), bands.order_share.max()))
    percent_axis(w, axes.yaxis)
    told = "; ".join(
        f"{label}: {w.percent(r.revenue_share)}, {w.percent(r.order_share)}"
        for label, r in zip(labels, bands.itertuples(), strict=True)
    )
    return finish(figure, texts, told)


def _shade(axes: plt.Axes, grid: pd.DataFrame) -> None:
    """The cells of a grid of customers, each with its number."""
    sns.heatmap(
        grid,
        annot=True,
        fmt=".0f",
        cmap="Blues",
        cbar=False,
        linewidths=1.5,
        linecolor="white",
        ax=axes,
        annot_kws={"fontsize": 9},
    )
    axes.grid(visible=False)


@styled
def draw_rfm(w: Wording, matrix: pd.DataFrame, texts: Texts) -> Chart:
    """Heat map of customers by recency and frequency score (columns recency_score, frequency_score,
    customer_count, revenue).
    """
    grid = matrix.pivot(index="recency_score", columns="frequency_score", values="customer_count")
    # no such pair of scores: no customer
    grid = grid.reindex(index=range(5, 0, -1), columns=range(1, 6)).fillna(0)
    figure, axes = frame(texts, 3.9)
    _shade(axes, grid)
    axes.add_patch(plt.Rectangle((3, 3), 2, 2, fill=False, edgecolor=CONTRAST, linewidth=2))
    axes.set(xlabel=w._("frequency score"), ylabel=w._("recency score"))
    axes.tick_params(axis="y", rotation=0)
    told = "; ".join(
        f"R{r.recency_score} F{r.frequency_score}: {w.number(r.customer_count)}"
        for r in matrix.itertuples()
    )
    return finish(figure, texts, told)


@styled
def draw_drop_off(w: Wording, steps: pd.DataFrame, texts: Texts) -> Chart:
    """Rates of going on to the next order with their intervals (columns of `order_drop_off`,
    continued_low, continued_high).
    """
    figure, axes = frame(texts)
    rates = steps.continued_rate
    below = (rates - steps.continued_low).clip(lower=0)
    above = (steps.continued_high - rates).clip(lower=0)
    axes.bar(range(len(steps)), rates, color=FOCUS, width=0.5)
    axes.errorbar(
        range(len(steps)),
        rates,
        yerr=[below, above],
        fmt="none",
        ecolor=CONTRAST,
        capsize=4,
        linewidth=1.4,
    )
    for position, row in enumerate(steps.itertuples()):
        axes.text(
            position + 0.06,
            row.continued_rate / 2,
            w.percent(row.continued_rate, 0),
            color="white",
            ha="center",
            fontsize=9,
        )
    labels = [
        w._("order {step} to {next}", step=w.number(r.step), next=w.number(r.step + 1))
        + f"\nn = {w.number(r.customer_count)}"
        for r in steps.itertuples()
    ]
    axes.set_xticks(range(len(steps)), labels)
    axes.set_ylim(0, 1.05)
    percent_axis(w, axes.yaxis)
    figure.subplots_adjust(bottom=0.24)
    told = "; ".join(
        f"{w.number(r.step)}: {w.percent(r.continued_rate)} (n = {w.number(r.customer_count)})"
        for r in steps.itertuples()
    )
    return finish(figure, texts, told)


@styled
def draw_grid(
    w: Wording,
    cells: pd.DataFrame,
    texts: Texts,
    rows: tuple[str, Sequence[str]],
    columns: tuple[str, Sequence[str]],
    names: tuple[str, str],
) -> Chart:
    """Heat map of customers by two ordered bands: the column of `cells` and the labels of each,
    highest row first; `names` of the axes.
    """
    grid = cells.pivot(index=rows[0], columns=columns[0], values="customer_count")
    # no such pair of bands: no customer
    grid = grid.reindex(index=range(len(rows[1]) - 1, -1, -1), columns=range(len(columns[1])))
    grid = grid.fillna(0)
    figure, axes = frame(texts, 1.8 + 0.36 * len(grid))
    _shade(axes, grid)
    axes.set_xticklabels([plain(label) for label in columns[1]], fontsize=7.5)
    axes.set_yticklabels([plain(label) for label in reversed(rows[1])], fontsize=7.5, rotation=0)
    axes.set(ylabel=names[0], xlabel=names[1])
    figure.subplots_adjust(left=0.24)
    told = "; ".join(
        f"{rows[1][int(r[rows[0]])]}, {columns[1][int(r[columns[0]])]}: "
        f"{w.number(r.customer_count)}"
        for _, r in cells.iterrows()
    )
    return finish(figure, texts, told)
