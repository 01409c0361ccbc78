"""The figures of the gap list: the salespeople's funnel, gap against contact,
the months of the most late.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.colors import LinearSegmentedColormap

from carnet.exhibits.charts.base import (
    CONTEXT,
    CONTRAST,
    FOCUS,
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

NAMED_PEOPLE = 15  # more points than this, and only those outside the limits are named
DARK = 0.55  # colour strength from which a figure is written in white


@styled
def draw_funnel(
    w: Wording, people: pd.DataFrame, texts: Texts, limits: pd.DataFrame, share: float
) -> Chart:
    """Late share, the mix of accounts allowed for (overall + observed − expected),
    by number of accounts, between its limits.

    The limits are those of the overall share; marks follow each one's own exact test (column
    signal), which may differ by a hair.
    """
    adjusted = (share + people.late_share - people.expected_share).clip(0, 1)
    figure, axes = frame(texts, 3.9)
    for name, style in (("95", "--"), ("998", "-")):
        axes.plot(
            limits.customer_count,
            limits[f"low_{name}"],
            color=CONTEXT,
            linestyle=style,
            linewidth=1,
        )
        axes.plot(
            limits.customer_count,
            limits[f"high_{name}"],
            color=CONTEXT,
            linestyle=style,
            linewidth=1,
        )
        label = w._("95 % limits") if name == "95" else w._("99.8 % limits")
        end = (limits.customer_count.iloc[-1], limits[f"high_{name}"].iloc[-1])
        axes.annotate(
            label,
            end,
            xytext=(0, 3),
            textcoords="offset points",
            ha="right",
            fontsize=7,
            color="#555555",
        )
    axes.axhline(share, color=CONTEXT, linewidth=0.8)
    out = (people.signal == "99.8").to_numpy()
    near = (people.signal == "95").to_numpy()
    axes.scatter(
        people.customer_count[~out & ~near], adjusted[~out & ~near], color=FOCUS, s=34, zorder=3
    )
    axes.scatter(
        people.customer_count[near], adjusted[near], color=FOCUS, marker="s", s=34, zorder=3
    )
    axes.scatter(
        people.customer_count[out], adjusted[out], color=CONTRAST, marker="D", s=44, zorder=3
    )
    right = limits.customer_count.max() * 1.04
    named = people.assign(level=adjusted)[adjusted.notna()]
    named = named[named.signal != "none"] if len(named) > NAMED_PEOPLE else named
    named = named.sort_values("level")
    for row, height in zip(named.itertuples(), _spread(named.level, 0.055), strict=True):
        axes.plot([row.customer_count, right], [row.level, height], color=CONTEXT, linewidth=0.5)
        axes.text(
            right * 1.01,
            height,
            plain(shortened(row.salesperson, 20)),
            va="center",
            fontsize=7.5,
            clip_on=False,
        )
    axes.set(xlabel=w._("accounts"), xlim=(0, right), ylim=(0, 1.02))
    figure.subplots_adjust(right=0.79)
    percent_axis(w, axes.yaxis)
    told = "; ".join(
        f"{r.salesperson}: {w.percent(r.late_share)} ({w.percent(r.expected_share)})"
        for r in people.itertuples()
    )
    return finish(figure, texts, told)


def _spread(levels: Sequence[float], least: float) -> np.ndarray:
    """Heights of labels for points in rising order: each at its point,
    pushed up until it stands `least` above the one below.
    """
    heights = np.array(levels, dtype=float)
    for position in range(1, len(heights)):
        heights[position] = max(heights[position], heights[position - 1] + least)
    return heights - max(heights[-1] - 1.0, 0.0) if len(heights) else heights


@styled
def draw_quadrants(
    w: Wording, tracked: pd.DataFrame, texts: Texts, deep_share: float, labels: Mapping[str, str]
) -> Chart:
    """Tracked customers by contacts made ÷ planned and by fall of revenue;
    area = money missing (columns of the gap list).
    """
    t = tracked[tracked.quadrant.notna()]
    reached = (t.noted_contact_count / t.planned_contact_count).clip(upper=2.5)
    figure, axes = frame(texts, 4.2)
    deep = t.gap_rate <= -deep_share
    size = 30 + 370 * t.sales_gap.abs() / (t.sales_gap.abs().max() or 1)
    axes.scatter(
        reached[deep],
        t.gap_rate[deep],
        s=size[deep],
        color=CONTRAST,
        alpha=0.75,
        linewidth=0.6,
        edgecolor="white",
    )
    axes.scatter(
        reached[~deep],
        t.gap_rate[~deep],
        s=size[~deep],
        color=FOCUS,
        alpha=0.75,
        linewidth=0.6,
        edgecolor="white",
    )
    axes.axvline(1, color=CONTEXT, linewidth=1, linestyle="--")
    axes.axhline(-deep_share, color=CONTEXT, linewidth=1, linestyle="--")
    axes.set(
        xlim=(-0.1, 2.6),
        ylim=(-1.12, 0.04),
        xlabel=w._("contacts noted ÷ planned (2.5 and more at the edge)"),
    )
    corners = {
        "few_contacts": (0.01, 0.02, "left", "bottom"),
        "competition": (0.99, 0.02, "right", "bottom"),
        "watch": (0.01, 0.98, "left", "top"),
        "demand": (0.99, 0.98, "right", "top"),
    }
    for name, (x, y, side, edge) in corners.items():
        axes.text(
            x,
            y,
            plain(labels[name]),
            transform=axes.transAxes,
            ha=side,
            va=edge,
            fontsize=8.5,
            fontweight="bold",
            color="#555555",
        )
    for row, x in list(zip(t.itertuples(), reached, strict=True))[:5]:
        shift = -9 if x > 1.6 else 9
        axes.annotate(
            plain(shortened(row.name, 24)),
            (x, row.gap_rate),
            xytext=(shift, 5),
            textcoords="offset points",
            fontsize=7.5,
            ha="right" if shift < 0 else "left",
        )
    number_axis(w, axes.xaxis)
    percent_axis(w, axes.yaxis)
    told = "; ".join(
        (
            f"{r.name}: {w.percent(r.gap_rate, 0)}, {w.number(r.noted_contact_count)} "
            f"/ {w.number(r.planned_contact_count)}"
        )
        for r in t.itertuples()
    )
    return finish(figure, texts, told)


@styled
def draw_heat_strip(
    w: Wording, months: pd.DataFrame, texts: Texts, names: Mapping[str, str], labels: Sequence[str]
) -> Chart:
    """Month by month, a row a customer: colour = gap to the same month a year earlier ÷ the
    customer's best month, figure = revenue in thousands (columns of `monthly_gaps`).
    """
    months = months.assign(gap=months.revenue - months.revenue_previous)
    order = list(dict.fromkeys(months.customer_id))
    columns = list(dict.fromkeys(months.audit_month))
    gap, revenue, before = (
        months.pivot(index="customer_id", columns="audit_month", values=v).loc[order, columns]
        for v in ("gap", "revenue", "revenue_previous")
    )
    best = pd.concat([revenue, before], axis=1).max(axis=1)
    strength = gap.div(best.where(best > 0, 1), axis=0).clip(-1, 1)
    unit = 1000 if revenue.abs().to_numpy().max() >= 10_000 else 1
    notes = revenue.map(
        lambda value: (
            ""
            if round(value, 2) == 0
            else w.number(value / unit, int(unit > 1 and abs(value) < 9_950))
        )
    )
    figure, axes = frame(texts, 1.75 + 0.27 * len(order))
    sns.heatmap(
        strength,
        cmap=LinearSegmentedColormap.from_list("behind_ahead", [CONTRAST, "#FFFFFF", FOCUS]),
        center=0,
        vmin=-1,
        vmax=1,
        cbar=False,
        linewidths=1,
        linecolor="white",
        ax=axes,
    )
    for y, row in enumerate(order):
        for x, column in enumerate(columns):
            strong = strength.loc[row, column] > DARK
            axes.text(
                x + 0.5,
                y + 0.5,
                plain(notes.loc[row, column]),
                ha="center",
                va="center",
                fontsize=7,
                color="white" if strong else "#222222",
            )
    axes.grid(visible=False)
    axes.set(xlabel="", ylabel="")
    axes.set_xticks(np.arange(len(columns)) + 0.5, labels, fontsize=7, rotation=0)
    axes.set_yticks(
        np.arange(len(order)) + 0.5,
        [plain(shortened(names[row], 26)) for row in order],
        fontsize=8,
        rotation=0,
    )
    figure.subplots_adjust(left=0.26)
    told = "; ".join(f"{names[row]}: {w.signed_money(gap.loc[row].sum())}" for row in order)
    return finish(figure, texts, told)
