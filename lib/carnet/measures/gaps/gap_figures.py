"""The published figures of a gap list: who is behind and by how much, beside those ahead."""

from collections.abc import Mapping

import pandas as pd

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
def gap_figures(
    gaps: pd.DataFrame, flags: Mapping[str, pd.Series], families_known: bool
) -> dict[str, float | None]:
    """Customers and money of a gap list, of those that each rule flags, and of families they left.

    Formula     counts of the customers that a rule flags, and Σ of their sales_gap; late_share =
                late ÷ all of the list; margin_at_stake = Σ margin_at_stake of the late
    Unit        counts, currency, ratios 0 to 1
    Population  the customers of the gap list: revenue in either period
    Undefined   None for families that no line names and for contacts that nobody noted; NaN for the
                margin at stake where no margin rate is known; shares of an empty list are 0
    Source      definition of the workbook (method §1, source B)

    Parameters  gaps: sales_gap, margin_at_stake, quadrant, stopped_family_count, stopped_revenue;
                flags: True for the customers of the rules late, most_late, fallen and unlikely
    """
    late, tracked = gaps[flags["late"]], gaps[flags["most_late"]]
    stopped = gaps[gaps.stopped_family_count > 0]
    neglected = tracked.sales_gap[tracked.quadrant == "few_contacts"].sum()
    return {
        "late_customer_count": len(late),
        "late_revenue_gap": late.sales_gap.sum(),
        "late_share": len(late) / max(len(gaps), 1),
        "gaining_revenue_gap": gaps.sales_gap[gaps.sales_gap > 0].sum(),
        "margin_at_stake": late.margin_at_stake.sum(min_count=1),
        "unlikely_gap_count": int(flags["unlikely"].sum()),
        "fall_rule_share": flags["fallen"].mean(),
        "most_late_customer_count": len(tracked),
        "most_late_revenue_gap": tracked.sales_gap.sum(),
        "stopped_family_count": stopped.stopped_family_count.sum() if families_known else None,
        "stopped_revenue": stopped.stopped_revenue.sum() if families_known else None,
        "neglect_revenue_gap": neglected if tracked.quadrant.notna().any() else None,
    }
