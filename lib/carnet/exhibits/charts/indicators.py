"""The figures of the indicators: control charts, cohorts, survival, predicted against actual."""

from collections.abc import Callable, Sequence

import numpy as np
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
    number_axis,
    percent_axis,
    plain,
    styled,
)
from carnet.wording import Wording, unknown

MAX_TICKS = 9


@styled
def draw_control(
    w: Wording,
    limits: pd.DataFrame,
    texts: Texts,
    labels: Sequence[str],
    write: Callable[[float], str],
) -> Chart:
    """A series with its expected course and natural limits (columns of `limits_around`);
    signals are marked by shape and colour.
    """
    figure, axes = frame(texts)
    positions = np.arange(len(limits))
    axes.plot(positions, limits.value, color=FOCUS, marker="o", markersize=3.5, linewidth=1.4)
    for column, style in (("mean", "-"), ("low", "--"), ("high", "--")):
        level = limits[column].iloc[-1]
        if not unknown(level):
            axes.plot(positions, limits[column], color=CONTEXT, linewidth=1, linestyle=style)
            axes.annotate(
                plain(write(level)),
                (1, level),
                xycoords=("axes fraction", "data"),
                xytext=(3, 0),
                textcoords="offset points",
                fontsize=7.5,
                va="center",
                color="#555555",
            )
    for kinds, marker in ((("above", "below"), "D"), (("run",), "s")):
        marked = limits.signal.isin(kinds).to_numpy()
        axes.scatter(
            positions[marked], limits.value[marked], color=CONTRAST, marker=marker, s=42, zorder=3
        )
    step = max(1, -(-len(limits) // MAX_TICKS))
    axes.set_xticks(
        positions[::step],
        [plain(label.replace(" ", "\n")) for label in labels[::step]],
        fontsize=7.5,
    )
    axes.set_xlim(-0.5, len(limits) - 0.5)
    axes.yaxis.set_major_formatter(lambda value, _: plain(write(value)))
    figure.subplots_adjust(right=0.88, left=0.12)
    told = "; ".join(
        f"{label}: {write(value)}" for label, value in zip(labels, limits.value, strict=True)
    )
    return finish(figure, texts, told.replace("\n", " "))


@styled
def draw_cohorts(w: Wording, cohorts: pd.DataFrame, texts: Texts, ages: str = "") -> Chart:
    """Heat map of `cohort_table`: a row a cohort with its size, a column an age;
    immature cells stay blank.
    """
    grid = cohorts.pivot(index="cohort", columns="age", values="active_rate").drop(
        columns=0, errors="ignore"
    )
    sizes = cohorts.groupby("cohort").agg(label=("label", "first"), n=("customer_count", "first"))
    figure, axes = frame(texts, 1.7 + 0.27 * len(grid))
    notes = grid.map(lambda rate: "" if unknown(rate) else w.number(100 * rate))
    sns.heatmap(
        grid,
        annot=notes,
        fmt="",
        cmap="Blues",
        vmin=0,
        vmax=1,
        cbar=False,
        linewidths=1,
        linecolor="white",
        mask=grid.isna(),
        ax=axes,
        annot_kws={"fontsize": 7.5},
    )
    axes.grid(visible=False)
    rows = [
        f"{w.period(sizes.label[cohort])} (n = {w.number(sizes.n[cohort])})"
        for cohort in grid.index
    ]
    axes.set_yticks(
        np.arange(len(grid)) + 0.5, [plain(row) for row in rows], rotation=0, fontsize=7.5
    )
    axes.set(xlabel=ages or w._("periods since the first order"), ylabel="")
    figure.subplots_adjust(left=0.22)
    told = "; ".join(
        f"{r.label} +{r.age}: {w.percent(r.active_rate, 0)}"
        for r in cohorts.itertuples()
        if r.age and not unknown(r.active_rate)
    )
    return finish(figure, texts, told)


@styled
def draw_survival(w: Wording, curve: pd.DataFrame, texts: Texts, horizon_years: float) -> Chart:
    """Kaplan-Meier steps with their band and the numbers at risk (columns of `survival_curve`)."""
    figure, axes = frame(texts, 3.9)
    years, survival = [0, *curve.years], [1, *curve.survival]
    axes.step(years, survival, where="post", color=FOCUS)
    known = curve.dropna(subset=["low", "high"])
    axes.fill_between(
        known.years, known.low, known.high, step="post", color=FOCUS, alpha=0.15, linewidth=0
    )
    axes.axvline(horizon_years, color=CONTRAST, linewidth=1, linestyle="--")
    axes.text(horizon_years, 1.02, w._("horizon"), fontsize=7.5, color=CONTRAST, ha="center")
    axes.set_ylim(0, 1.06)
    axes.set_xlim(0, max([horizon_years * 1.05, *curve.years.quantile([0.98])]))
    percent_axis(w, axes.yaxis)
    for tick in axes.get_xticks()[:-1]:
        after = curve[curve.years >= tick]
        if len(after):
            axes.text(
                tick,
                0.03,
                f"n = {w.number(after.at_risk.iloc[0])}",
                fontsize=7,
                ha="left",
                color="#555555",
            )
    number_axis(w, axes.xaxis)
    axes.set_xlabel(w._("years since the start of the contract; n = contracts at risk"))
    told = "; ".join(
        f"{w.number(r.years, 1)}: {w.percent(r.survival, 0)}" for r in curve.itertuples()
    )
    return finish(figure, texts, told)


@styled
def draw_hold_out(w: Wording, fifths: pd.DataFrame, texts: Texts) -> Chart:
    """Predicted (line) and actual (bars) share of customers who ordered in the hold-out,
    by fifth of predicted probability.
    """
    figure, axes = frame(texts)
    axes.bar(range(len(fifths)), fifths.actual_rate, color=FOCUS, width=0.56)
    axes.plot(range(len(fifths)), fifths.predicted_rate, color=CONTRAST, marker="D", linewidth=1.2)
    for position, row in enumerate(fifths.itertuples()):
        axes.text(
            position,
            0.02,
            w.percent(row.actual_rate, 0),
            ha="center",
            fontsize=8,
            color="white" if row.actual_rate > 0.08 else "#333333",
        )
    labels = [
        w._("fifth {rank}", rank=w.number(row.fifth)) + f"\nn = {w.number(row.customer_count)}"
        for row in fifths.itertuples()
    ]
    axes.set_xticks(range(len(fifths)), labels)
    axes.set_ylim(0, 1.08)
    percent_axis(w, axes.yaxis)
    axes.text(
        0.995,
        1.01,
        w._("bars: ordered · marks: predicted"),
        transform=axes.transAxes,
        ha="right",
        fontsize=7.5,
        color="#333333",
    )
    figure.subplots_adjust(bottom=0.24)
    told = "; ".join(
        f"{w.number(r.fifth)}: {w.percent(r.actual_rate, 0)} ({w.percent(r.predicted_rate, 0)})"
        for r in fifths.itertuples()
    )
    return finish(figure, texts, told)
