"""Where revenue covers costs: the day of the year, the leverage of fixed costs,
and what the loss of large customers does.
"""

import datetime as dt
import math
from collections.abc import Sequence

import pandas as pd

from carnet.measures.register import Figure, measure
from carnet.wording import N_


@measure(
    N_("Days after which revenue covers costs if it came in evenly"),
    {
        "break_even_days": Figure(
            N_("Break-even point in days"),
            "days",
            N_("Break-even revenue ÷ revenue × days of the period: as if revenue came in evenly"),
            good="down",
            source="D",
        ),
    },
)
def break_even_days(revenue: float, break_even_revenue: float, day_count: int) -> float:
    """Days of the period after which revenue covers costs if it came in evenly (point mort).

    Formula     break_even_revenue ÷ revenue × day_count; it may exceed the period
    Unit        days
    Population  the company, one period
    Undefined   NaN where revenue is not above 0, or break-even is below 0 or not known
    Source      source D and definition of the workbook (method §1)
    """
    if not (revenue > 0 and break_even_revenue >= 0):
        return math.nan
    return break_even_revenue / revenue * day_count


@measure(N_("Day on which cumulated revenue reaches break-even"))
def break_even_date(
    ends: Sequence[dt.date], amounts: Sequence[float], start: dt.date, break_even_revenue: float
) -> dt.date | None:
    """The day on which cumulated revenue reaches the break-even revenue.

    Formula     the first day on which Σ revenue ≥ break_even_revenue, the revenue of a month spread
                evenly over its days
    Unit        date
    Population  the company, the months given
    Undefined   None where the months given never reach it, or break-even is below 0 or not known
    Source      definition of the workbook (method §1)

    Parameters  ends: the last days of the months; amounts: their revenue; start: the first day of
                the first
    """
    if not break_even_revenue >= 0:
        return None
    reached, first = 0.0, start
    for end, amount in zip(ends, amounts, strict=True):
        if reached + amount >= break_even_revenue and amount > 0:
            days = (end - first).days + 1
            return first + dt.timedelta(
                days=max(math.ceil((break_even_revenue - reached) / amount * days) - 1, 0)
            )
        reached, first = reached + amount, end + dt.timedelta(days=1)
    return None


@measure(N_("Break-even without the largest customers"))
def stress_test(
    without_top: pd.DataFrame,
    revenue: float,
    variable_cost: float,
    fixed_cost: float,
    margin_at_risk: Sequence[float],
) -> pd.DataFrame:
    """The break-even left if the n largest customers went and the fixed costs stayed.

    Formula     revenue_left = revenue − revenue_at_risk; margin_left = revenue − variable_cost −
                margin_at_risk; net_margin = margin_left − fixed_cost; break_even_revenue =
                fixed_cost ÷ (margin_left ÷ revenue_left); safety_margin_rate = (revenue_left −
                break_even_revenue) ÷ revenue_left
    Unit        currency; safety_margin_rate as a ratio, at most 1
    Population  one row a number of customers in `without_top`, before them a row for 0
    Undefined   break-even and safety margin are NaN where no revenue or no margin is left; all that
                follows is NaN where a margin at risk is
    Source      definition of the workbook (method §1: break-even, safety margin)

    Parameters  without_top: top_count, revenue_at_risk (of `exposure.revenue_without_top`);
                margin_at_risk: the contribution margin that goes with them; fixed_cost: acquisition
                included
    Columns     top_count, revenue_at_risk, revenue_left, margin_left, net_margin,
                break_even_revenue (on the margin rate of those who stay), safety_margin_rate; NaN
                where no margin is left
    """
    t = without_top[["top_count", "revenue_at_risk"]].reset_index(drop=True)
    margin = revenue - variable_cost
    t = pd.concat(
        [pd.DataFrame({"top_count": [0], "revenue_at_risk": [0.0]}), t], ignore_index=True
    )
    t["revenue_left"] = revenue - t.revenue_at_risk
    t["margin_left"] = margin - pd.Series([0.0, *margin_at_risk])
    t["net_margin"] = t.margin_left - fixed_cost
    rate = (t.margin_left / t.revenue_left).where((t.revenue_left > 0) & (t.margin_left > 0))
    t["break_even_revenue"] = fixed_cost / rate
    t["safety_margin_rate"] = (t.revenue_left - t.break_even_revenue) / t.revenue_left
    return t
