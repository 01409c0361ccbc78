"""Finished figures from finished measures: a `draw_` function each, by subject.

Nothing is computed here but positions.
"""

from carnet.exhibits.charts.base import Chart, Texts, draw_waterfall, house_style, use_colours
from carnet.exhibits.charts.costs import draw_break_even, draw_cost_blocks, draw_whale
from carnet.exhibits.charts.gaps import draw_funnel, draw_heat_strip, draw_quadrants
from carnet.exhibits.charts.indicators import (
    draw_cohorts,
    draw_control,
    draw_hold_out,
    draw_survival,
)
from carnet.exhibits.charts.portfolio import (
    draw_basket_bands,
    draw_drop_off,
    draw_grid,
    draw_lorenz,
    draw_monthly_revenue,
    draw_ranking,
    draw_rfm,
)
from carnet.exhibits.charts.reasons import (
    draw_drivers,
    draw_importance,
    draw_incidence,
    draw_reasons,
    draw_tornado,
    draw_two_accounts,
)
from carnet.exhibits.charts.retention import draw_profit_effect, draw_what_if
from carnet.exhibits.charts.strategy import draw_scores

__all__ = [
    "Chart",
    "Texts",
    "draw_basket_bands",
    "draw_break_even",
    "draw_cohorts",
    "draw_control",
    "draw_cost_blocks",
    "draw_drivers",
    "draw_drop_off",
    "draw_funnel",
    "draw_grid",
    "draw_heat_strip",
    "draw_hold_out",
    "draw_importance",
    "draw_incidence",
    "draw_lorenz",
    "draw_monthly_revenue",
    "draw_profit_effect",
    "draw_quadrants",
    "draw_ranking",
    "draw_reasons",
    "draw_rfm",
    "draw_scores",
    "draw_survival",
    "draw_tornado",
    "draw_two_accounts",
    "draw_waterfall",
    "draw_whale",
    "draw_what_if",
    "house_style",
    "use_colours",
]
