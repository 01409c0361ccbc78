"""The figures of the cost structure: costs by behaviour, the way to break-even, the whale curve."""

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
    money_axis,
    percent_axis,
    plain,
    styled,
)
from carnet.wording import Wording, unknown


@styled
def draw_cost_blocks(w: Wording, blocks: pd.DataFrame, texts: Texts) -> Chart:
    """Two bars a behaviour (columns label, before, now): the previous period in grey,
    the audit period beside it; NaN draws no bar.
    """
    labels, before, now = (list(blocks[column]) for column in ("label", "before", "now"))
    figure, axes = frame(texts)
    width = 0.36
    for offset, amounts, colour in ((-width / 2, before, CONTEXT), (width / 2, now, FOCUS)):
        for position, amount in enumerate(amounts):
            if not unknown(amount):
                axes.bar(position + offset, amount, width=width * 0.95, color=colour)
                axes.text(
                    position + offset,
                    max(amount, 0),
                    plain(w.short_money(amount)),
                    ha="center",
                    va="bottom",
                    fontsize=7.5,
                )
    axes.set_xticks(range(len(labels)), [plain(label) for label in labels])
    axes.axhline(0, color=CONTEXT, linewidth=0.8)
    axes.set_ylim(top=axes.get_ylim()[1] * 1.08)
    money_axis(w, axes.yaxis)
    axes.text(
        0.995,
        1.01,
        w._("grey: previous period · blue: audit period"),
        transform=axes.transAxes,
        ha="right",
        fontsize=7.5,
        color="#333333",
    )
    told = "; ".join(
        f"{label}: {w.money(b)}, {w.money(n)}"
        for label, b, n in zip(labels, before, now, strict=True)
    )
    return finish(figure, texts, told)


@styled
def draw_break_even(w: Wording, months: pd.DataFrame, texts: Texts) -> Chart:
    """Cumulated revenue (solid) against the cumulated costs it has to cover (columns label,
    revenue, cost): all fixed costs from the first day, plus variable ones.
    """
    labels, cumulated, costs = (list(months[column]) for column in ("label", "revenue", "cost"))
    figure, axes = frame(texts)
    positions = range(len(labels))
    axes.plot(positions, costs, color=CONTRAST, linestyle="--", linewidth=1.6)
    axes.plot(positions, cumulated, color=FOCUS)
    third = len(labels) // 3
    for values, other, text, colour in (
        (cumulated, costs, w._("revenue"), FOCUS),
        (costs, cumulated, w._("costs"), CONTRAST),
    ):
        side, shift = ("bottom", 7) if values[third] >= other[third] else ("top", -7)
        axes.annotate(
            text,
            (third, values[third]),
            xytext=(0, shift),
            textcoords="offset points",
            ha="center",
            va=side,
            fontsize=8,
            color=colour,
        )
    axes.set_xticks(list(positions), [plain(label) for label in labels], fontsize=7.5)
    axes.set_ylim(bottom=0, top=1.1 * max([*cumulated, *costs]))
    money_axis(w, axes.yaxis)
    told = "; ".join(
        f"{label}: {w.money(r)}, {w.money(c)}"
        for label, r, c in zip(labels, cumulated, costs, strict=True)
    )
    return finish(figure, texts, told.replace("\n", " "))


@styled
def draw_whale(w: Wording, curve: pd.DataFrame, texts: Texts) -> Chart:
    """Cumulated profit over customers, most profitable first,
    with the band of the drawn rates (columns of `customer_profit`).
    """
    figure, axes = frame(texts)
    axes.fill_between(
        curve.customer_share, curve.low, curve.high, color=THIRD, alpha=0.28, linewidth=0
    )
    axes.plot(curve.customer_share, curve.profit, color=FOCUS)
    axes.axhline(0, color=CONTEXT, linewidth=0.8)
    peak = curve.loc[curve.profit.idxmax()]
    axes.plot([peak.customer_share], [peak.profit], marker="o", color=CONTRAST, markersize=5)
    text = w._(
        "peak {amount}, end {end}",
        amount=w.money(peak.profit, 0),
        end=w.money(curve.profit.iloc[-1], 0),
    )
    axes.text(
        0.98, 0.04, plain(text), transform=axes.transAxes, ha="right", fontsize=8, color="#333333"
    )
    axes.set(xlim=(0, 1.01), xlabel=w._("share of customers, most profitable first"))
    axes.set_ylim(min(0, curve.low.min()) * 1.05, (curve.high.max() or 1) * 1.1)
    percent_axis(w, axes.xaxis)
    money_axis(w, axes.yaxis)
    return finish(figure, texts, f"{w.percent(peak.customer_share, 0)}: {text}")
