"""The figures of the account strategies: customers on the four axes."""

from collections.abc import Mapping

import pandas as pd
import seaborn as sns
from matplotlib.colors import LinearSegmentedColormap

from carnet.exhibits.charts.base import (
    CONTEXT,
    FOCUS,
    Chart,
    Texts,
    finish,
    frame,
    plain,
    shortened,
    styled,
)
from carnet.wording import Wording


@styled
def draw_scores(
    w: Wording, customers: pd.DataFrame, texts: Texts, labels: Mapping[str, str]
) -> Chart:
    """Heat map of customers (rows, in order: name, revenue, the columns of `labels`) by axis,
    0 to 100; a cross where not measured.
    """
    t = customers.reset_index(drop=True)
    grid = 100 * t[list(labels)].astype(float)
    figure, axes = frame(texts, 1.6 + 0.24 * len(t))
    sns.heatmap(
        grid,
        cmap=LinearSegmentedColormap.from_list("low_high", ["#FFFFFF", FOCUS]),
        vmin=0,
        vmax=130,
        cbar=False,
        linewidths=1.2,
        linecolor="white",
        ax=axes,
    )
    for y, row in enumerate(grid.to_numpy()):
        for x, value in enumerate(row):
            known = value == value
            axes.text(
                x + 0.5,
                y + 0.5,
                w.number(value) if known else "×",
                ha="center",
                va="center",
                fontsize=7.5,
                color="white" if known and value > 70 else "#222222" if known else CONTEXT,
            )
    axes.set_xticks(
        [x + 0.5 for x in range(len(labels))],
        [plain(label) for label in labels.values()],
        fontsize=8,
    )
    rows = [
        f"{shortened(name, 26)} · {w.short_money(revenue)}"
        for name, revenue in zip(t["name"], t.revenue, strict=True)
    ]
    axes.set_yticks(
        [y + 0.5 for y in range(len(t))], [plain(row) for row in rows], fontsize=7.5, rotation=0
    )
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.grid(visible=False)
    figure.subplots_adjust(left=0.36)
    figure.subplots_adjust(top=axes.get_position().y1 - 0.22 / figure.get_figheight())
    told = "; ".join(
        f"{name}: {', '.join(w.number(v) if v == v else '×' for v in row)}"
        for name, row in zip(t["name"], grid.to_numpy(), strict=True)
    )
    return finish(figure, texts, told)
