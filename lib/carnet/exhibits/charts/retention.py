"""The figures of the retention plan: what another attrition does to profit,
profit over retention × acquisition cost × margin.
"""

from textwrap import fill

import matplotlib.pyplot as plt
import pandas as pd

from carnet.exhibits.charts.base import (
    CONTEXT,
    CONTRAST,
    FOCUS,
    THIRD,
    Chart,
    Texts,
    finish,
    frame,
    is_narrow,
    money_axis,
    percent_axis,
    plain,
    styled,
)
from carnet.wording import Wording

MARK = "#9C3F0E"  # the contrast colour, dark enough for text


@styled
def draw_profit_effect(
    w: Wording, curves: pd.DataFrame, texts: Texts, marks: pd.DataFrame, attrition_rate: float
) -> Chart:
    """Extra profit over attrition, a curve a label (columns label, attrition_rate, effect); marks:
    label, attrition_rate, low, high of what is quoted.

    Effects are shares of today's profit, or money where that is not above zero (column effect
    either way; `marks` empty then).
    """
    parts = [(str(label), part) for label, part in curves.groupby("label", sort=False)]
    shares = len(marks) > 0
    figure, axes = frame(texts, 4.2)
    for (label, curve), colour in zip(parts, (FOCUS, THIRD), strict=False):
        axes.plot(curve.attrition_rate, curve.effect, color=colour)
        end = (curve.attrition_rate.iloc[-1], curve.effect.iloc[-1])
        axes.annotate(
            plain(label),
            end,
            xytext=(-4, 20),
            textcoords="offset points",
            fontsize=8,
            color=colour,
            ha="right",
            va="bottom",
        )
    for letter, row in zip("abcdef", marks.itertuples(), strict=False):
        axes.plot(
            [row.attrition_rate] * 2,
            [row.low, row.high],
            color=CONTRAST,
            linewidth=5,
            alpha=0.65,
            solid_capstyle="butt",
        )
        axes.annotate(
            letter,
            (row.attrition_rate, row.high),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            fontsize=8,
            color=MARK,
        )
    lines = [
        f"{letter} {row.label}" for letter, row in zip("abcdef", marks.itertuples(), strict=False)
    ]
    axes.text(
        0.995,
        0.98,
        plain("\n".join(fill(line, 38) if is_narrow() else line for line in lines)),
        transform=axes.transAxes,
        ha="right",
        va="top",
        fontsize=6 if is_narrow() else 8,
        color=MARK,
    )
    axes.axhline(0, color=CONTEXT, linewidth=0.8)
    axes.axvline(attrition_rate, color=CONTEXT, linewidth=0.8, linestyle="--")
    axes.annotate(
        w._("today"),
        (attrition_rate, axes.get_ylim()[0]),
        xytext=(4, 4),
        textcoords="offset points",
        fontsize=7.5,
        color="#555555",
    )
    axes.set(xlabel=w._("attrition a year"), xlim=(0, None))
    percent_axis(w, axes.xaxis)
    (percent_axis if shares else money_axis)(w, axes.yaxis)
    figure.subplots_adjust(left=0.11)
    told = "; ".join(
        f"{label}: "
        + ", ".join(
            f"{w.percent(a, 0)} → {w.percent(e, 0) if shares else w.money(e, 0)}"
            for a, e in curve[["attrition_rate", "effect"]].iloc[::5].to_numpy()
        )
        for label, curve in parts
    )
    return finish(figure, texts, told)


@styled
def draw_what_if(w: Wording, table: pd.DataFrame, texts: Texts) -> Chart:
    """Profit over retention, a panel an acquisition cost, a line a margin rate (columns of
    `replacement.what_if`); the scale is shared.
    """
    figure, first = frame(texts, 4.0)
    box = first.get_position()
    figure.delaxes(first)
    costs, margins = sorted(table.cac.unique()), sorted(table.margin_rate.unique())
    width = (box.x1 - box.x0 - 0.08) / len(costs)  # room for the names of the lines
    low, high = table.profit.min(), table.profit.max()
    room = 0.08 * ((high - low) or 1)
    for place, cost in enumerate(costs):
        axes = figure.add_axes(
            (box.x0 + 0.02 + place * width, box.y0, width - 0.035, box.y1 - box.y0 - 0.06)
        )
        for rate, colour in zip(margins, (CONTEXT, FOCUS, THIRD), strict=False):
            part = table[(table.cac == cost) & (table.margin_rate == rate)].sort_values(
                "retention_rate"
            )
            axes.plot(part.retention_rate, part.profit, color=colour, marker="o", markersize=3)
            if place == len(costs) - 1 and part.profit.notna().any():
                end = part.dropna(subset=["profit"]).iloc[-1]
                text = plain(w._("margin {rate}", rate=w.percent(rate, 0)))
                axes.annotate(
                    text,
                    (end.retention_rate, end.profit),
                    xytext=(5, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=7,
                    color=colour,
                    annotation_clip=False,
                )
        axes.axhline(0, color=CONTEXT, linewidth=0.8)
        axes.set_ylim(low - room, high + 2 * room)
        axes.set_title(
            plain(fill(w._("{cost} a new customer", cost=w.money(cost, 0)), 16)),
            fontsize=7 if is_narrow() else 8,
            color="#333333",
        )
        money_axis(w, axes.yaxis)
        percent_axis(w, axes.xaxis)
        axes.xaxis.set_major_locator(plt.MaxNLocator(4))
        axes.tick_params(labelsize=7)
        if place:
            axes.set_yticklabels([])
        axes.set_xlabel(w._("retention"), fontsize=8)
    told = "; ".join(
        (
            f"{w.percent(r.retention_rate, 0)}, {w.money(r.cac, 0)}, "
            f"{w.percent(r.margin_rate, 0)}: {w.money(r.profit, 0)}"
        )
        for r in table.itertuples()
    )
    return finish(figure, texts, told)
