"""The published figures of a gap list: who is behind and by how much, beside those ahead."""

import ibis
import ibis.expr.types as ir

from carnet.measures.register import Figure, measure
from carnet.wording import N_


@measure(
    N_("Customers and money behind and ahead"),
    {
        "late_customer_count": Figure(
            N_("Customers buying less"),
            "count",
            N_(
                "Customers whose revenue, over the months that both years cover and rounded to the "
                "cent, is below that of the year before; those not due left out"
            ),
            good="down",
            source="B",
            compares=True,
            moves=True,
        ),
        "late_revenue_gap": Figure(
            N_("Revenue gap of customers buying less"),
            "currency",
            N_("Σ of negative sales gaps"),
            good="up",
            source="B",
            compares=True,
            moves=True,
        ),
        "late_share": Figure(
            N_("Share of customers buying less"),
            "ratio",
            N_("Customers with a sales gap under zero ÷ customers with revenue in either period"),
            good="down",
            decimals=1,
            source="B",
            compares=True,
            moves=True,
        ),
        "gaining_revenue_gap": Figure(
            N_("Revenue gap of customers ahead"),
            "currency",
            N_("Σ of positive sales gaps"),
            good="up",
            source="B",
            compares=True,
        ),
        "margin_at_stake": Figure(
            N_("Margin at stake"),
            "currency",
            N_(
                "Σ over customers buying less of what they lack × their margin rate of both "
                "periods (else the company's)"
            ),
            good="down",
            source="B",
            compares=True,
        ),
        "unlikely_gap_count": Figure(
            N_("Buying less, beyond chance"),
            "count",
            N_(
                "Customers buying less with fewer orders and an exact order-count p-value at "
                "or under the stated level"
            ),
            good="down",
            source="B",
            compares=True,
        ),
        "fall_rule_share": Figure(
            N_("Customers that the usual rule flags"),
            "ratio",
            N_(
                "Customers whose revenue fell by the stated share or more ÷ customers with revenue "
                "in either period"
            ),
            good="down",
            decimals=1,
            source="B",
            compares=True,
        ),
        "most_late_customer_count": Figure(
            N_("Customers with the largest losses"),
            "count",
            N_("The stated share of customers, most behind first"),
            source="B",
            compares=True,
        ),
        "most_late_revenue_gap": Figure(
            N_("Revenue gap of the largest losses"),
            "currency",
            N_("Σ of their sales gaps"),
            good="up",
            source="B",
            compares=True,
        ),
        "stopped_family_count": Figure(
            N_("Families no longer bought"),
            "count",
            N_(
                "Pairs of an active customer and a family bought on the stated number of orders of "
                "the previous period and on none of this one"
            ),
            good="down",
            source="B",
            compares=True,
        ),
        "stopped_revenue": Figure(
            N_("Revenue of families no longer bought"),
            "currency",
            N_("Σ of their revenue in the previous period"),
            good="down",
            source="B",
            compares=True,
        ),
        "neglect_revenue_gap": Figure(
            N_("Revenue gap with too few contacts"),
            "currency",
            N_(
                "Σ of sales gaps of the largest losses that fell by the stated share with "
                "fewer contacts than planned"
            ),
            good="up",
            source="B",
            compares=True,
        ),
    },
)
def gap_figures(gaps: ir.Table, families_known: bool) -> ir.Table:
    """Customers and money of a gap list, of those that each rule flags, and of families they left.

    Formula     counts of the customers that a rule flags, and Σ of their sales_gap; late_share =
                late ÷ all of the list; margin_at_stake = Σ margin_at_stake of the late
    Unit        counts, currency, ratios 0 to 1
    Population  the customers of the gap list: revenue in either period
    Undefined   NULL for families that no line names, for contacts that nobody noted and for the
                margin at stake where no margin rate is known; shares of an empty list are 0
    Source      definition of the workbook (method §1, source B)

    Parameters  gaps: sales_gap, margin_at_stake, quadrant, stopped_family_count, stopped_revenue;
                late, flagged (the most late), fallen, unlikely: True for those that a rule flags
    """
    t, unknown = gaps, ibis.null("float64")

    def gap_of(held: ir.BooleanValue) -> ir.Value:
        return held.ifelse(t.sales_gap, 0.0).sum().fill_null(0.0)

    def count_of(held: ir.BooleanValue) -> ir.Value:
        return held.sum().fill_null(0)

    stopped = t.stopped_family_count > 0
    families, revenue = (
        stopped.ifelse(t[name], 0.0).sum().fill_null(0.0) if families_known else unknown
        for name in ("stopped_family_count", "stopped_revenue")
    )
    noted = count_of(t.flagged & t.quadrant.notnull()) > 0
    all_of_them = t.count().nullif(0)
    return t.agg(
        late_customer_count=count_of(t.late),
        late_revenue_gap=gap_of(t.late),
        late_share=(count_of(t.late) / all_of_them).fill_null(0.0),
        gaining_revenue_gap=gap_of(t.sales_gap > 0),
        margin_at_stake=t.margin_at_stake.sum(where=t.late),
        unlikely_gap_count=count_of(t.unlikely),
        fall_rule_share=(count_of(t.fallen) / all_of_them).fill_null(0.0),
        most_late_customer_count=count_of(t.flagged),
        most_late_revenue_gap=gap_of(t.flagged),
        stopped_family_count=families,
        stopped_revenue=revenue,
        neglect_revenue_gap=noted.ifelse(
            gap_of((t.flagged & (t.quadrant == "few_contacts")).fill_null(False)), unknown
        ),
    )
