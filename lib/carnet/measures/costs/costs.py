"""Cost lines by period, behaviour and category, and how each moved."""

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir
import pandas as pd

from carnet.engagement.periods import Bucket, Period
from carnet.measures.register import measure
from carnet.wording import N_


@measure(N_("Costs of each period by behaviour and category, shared out by days"))
def costs_by_bucket(costs: ir.Table, periods: Sequence[Bucket]) -> ir.Table:
    """Costs of each period by behaviour and category.

    Formula     Σ amount × days of the line inside the period ÷ days of the line: a cost line over
                several periods is shared out by days
    Unit        currency
    Population  one row a period, behaviour and category (and goods, where the table has it) with a
                cost line
    Undefined   a period without a cost line has no row; behaviour is NULL where the line is not
                classified
    Source      definition of the workbook (method §1: behaviour of costs)

    Columns     bucket (position in `periods`), behaviour (NULL: not classified), category, goods
                (purchases of what is sold), amount
    """
    bounds = {
        "bucket": range(len(periods)),
        "start": [b.start for b in periods],
        "end": [b.end for b in periods],
    }
    frame = ibis.memtable(
        pd.DataFrame(bounds), schema={"bucket": "int32", "start": "date", "end": "date"}
    )
    joined = costs.join(
        frame, (costs.period_start <= frame.end) & (costs.period_end >= frame.start)
    )
    first, last = (
        ibis.greatest(joined.period_start, joined.start),
        ibis.least(joined.period_end, joined.end),
    )
    share = (last.delta(first, unit="day") + 1) / (
        joined.period_end.delta(joined.period_start, unit="day") + 1
    )
    t = joined.mutate(part=joined.amount.cast("float64") * share)
    keys = ["bucket", "behaviour", "category", *(["goods"] if "goods" in t.columns else [])]
    return t.group_by(keys).agg(amount=t.part.sum()).order_by(keys)


@measure(N_("Cost lines that name a customer, by customer"))
def own_costs(costs: ir.Table, period: Period) -> ir.Table:
    """What the cost lines that name a customer cost it in a period.

    Formula     own_cost = Σ amount × days of the line inside the period ÷ days of the line;
                own_variable_cost the same over lines with variable behaviour
    Unit        currency
    Population  one row a customer that a cost line of the period names
    Undefined   a customer that no line names has no row; own_variable_cost is 0 without a variable
                line
    Source      definition of the workbook (method §6: accepted columns)

    Needs       costs.customer_id
    Columns     customer_id, own_cost, own_variable_cost
    """
    t = costs.filter(costs.customer_id.notnull())
    start, end = ibis.date(period.start), ibis.date(period.end)
    t = t.filter((t.period_start <= end) & (t.period_end >= start))
    days = ibis.least(t.period_end, end).delta(ibis.greatest(t.period_start, start), unit="day") + 1
    t = t.mutate(
        part=t.amount.cast("float64") * days / (t.period_end.delta(t.period_start, unit="day") + 1)
    )
    return t.group_by("customer_id").agg(
        own_cost=t.part.sum(),
        # no variable one among them
        own_variable_cost=t.part.sum(where=t.behaviour == "variable").fill_null(0.0),
    )


@measure(N_("Costs by category in both periods"))
def cost_changes(lines: pd.DataFrame, known: Sequence[bool]) -> pd.DataFrame:
    """Cost categories of the audit period beside the previous one, largest change first.

    Formula     cost_change = cost − cost_previous
    Unit        currency
    Population  one row a category and behaviour with a cost other than 0 in either period
    Undefined   the costs of a period that is not covered are NaN, and every change with them; in a
                covered period no line means 0
    Source      definition of the workbook

    Parameters  lines: `costs_by_bucket` over [previous period, audit period]; known: which of the
                two the cost lines cover
    Columns     category, behaviour ('unclassified' where a line has none), cost, cost_previous,
                cost_change; no line in a covered period means nothing was spent on it, a period
                that is not covered is NaN
    """
    t = lines.assign(behaviour=lines.behaviour.fillna("unclassified"))
    wide = t.pivot_table(
        index=["behaviour", "category"], columns="bucket", values="amount", aggfunc="sum"
    )
    # covered: nothing spent
    wide = wide.reindex(columns=[0, 1]).fillna(0.0).where(pd.Series(known, [0, 1]), axis=1)
    wide = wide.rename(columns={0: "cost_previous", 1: "cost"}).reset_index()
    wide["cost_change"] = wide.cost - wide.cost_previous
    wide = wide[(wide.cost != 0) | (wide.cost_previous != 0)]
    order = wide.cost_change.fillna(wide.cost).abs().round(2)
    return wide.assign(size=order).sort_values(
        ["size", "category"], ascending=[False, True], ignore_index=True
    )[["category", "behaviour", "cost", "cost_previous", "cost_change"]]
