"""How much of the revenue hangs on how few customers: top-n shares, Herfindahl, Gini,
Lorenz curve, ABC classes.

Population: customers whose revenue of the audit period is positive; margins are never put through
these (use a whale curve). Sources: A. Hirschman (1945) and O. Herfindahl (1950) for the index;
C. Gini (1912); H. F. Dickie (1951) for ABC.
"""

import ibis
import ibis.expr.types as ir

from carnet.measures.register import Figure, measure
from carnet.wording import N_


@measure(
    N_("Customers by decreasing revenue; the one that crosses a cut belongs to the higher class")
)
def abc_classes(movement: ir.Table, cut_a: float = 0.80, cut_b: float = 0.95) -> ir.Table:
    """Customers by decreasing revenue with their share, cumulative share and ABC class.

    Formula     share = revenue ÷ Σ revenue; A while the share of all larger customers is below
                `cut_a`, then B below `cut_b`, then C: the customer that crosses a cut belongs to
                the higher class
    Unit        currency, ranks, shares 0 to 1
    Population  one row a customer with revenue > 0 in the audit period
    Undefined   never: without a positive revenue the table is empty; other customers have no class
    Source      H. F. Dickie, ABC analysis, 1951; the rule for the customer that crosses a cut is a
                definition of the workbook (method §1)

    Columns     customer_id, revenue, rank (1 = largest; ties by customer_id), share,
                cumulative_share, abc_class
    """
    return _classed(movement, cut_a, cut_b)


def _classed(movement: ir.Table, cut_a: float, cut_b: float) -> ir.Table:
    """`abc_classes` of a table of customer_id and revenue, whatever the money is."""
    positive = movement.filter(movement.revenue > 0).select("customer_id", "revenue")
    ranked = positive.mutate(
        rank=ibis.row_number().over(order_by=[ibis.desc(positive.revenue), positive.customer_id])
        + 1,
        share=positive.revenue / positive.revenue.sum().over(),
    )
    in_order = ibis.window(order_by=ranked.rank, preceding=None, following=0)
    summed = ranked.mutate(cumulative_share=ranked.share.sum().over(in_order))
    larger = summed.cumulative_share - summed.share
    # a cut is reached up to rounding: 0.5 + 0.3 must count as 0.8
    abc_class = ibis.cases((larger < cut_a - 1e-12, "A"), (larger < cut_b - 1e-12, "B"), else_="C")
    return summed.mutate(abc_class=abc_class)


@measure(
    N_("Classes by potential"),
)
def potential_classes(accounts: ir.Table, cut_a: float, cut_b: float) -> ir.Table:
    """ABC class of each account by its potential.

    Formula     `abc_classes` of the potential in place of the revenue
    Unit        text: A, B or C
    Population  customers with potential > 0
    Undefined   no row without a potential above zero
    Source      H. F. Dickie, ABC analysis, 1951, on the potential in place of the revenue

    Parameters  accounts: customer_id, potential
    Columns     customer_id, potential_class
    """
    potentials = accounts.select("customer_id", revenue=accounts.potential)
    return _classed(potentials, cut_a, cut_b).select("customer_id", potential_class="abc_class")


@measure(
    N_("Shares of the largest customers, Herfindahl and Gini indices"),
    {
        "top_1_share": Figure(
            N_("Share of the largest customer"),
            "ratio",
            N_("Revenue of the largest customer ÷ Σ positive customer revenue"),
            good="down",
            decimals=1,
            source="C",
        ),
        "top_5_share": Figure(
            N_("Share of the 5 largest customers"),
            "ratio",
            N_("Revenue of the 5 largest customers ÷ Σ positive customer revenue"),
            good="down",
            decimals=1,
            source="C",
        ),
        "top_10_share": Figure(
            N_("Share of the 10 largest customers"),
            "ratio",
            N_("Revenue of the 10 largest customers ÷ Σ positive customer revenue"),
            good="down",
            decimals=1,
            source="C",
        ),
        "herfindahl_index": Figure(
            N_("Herfindahl index"),
            "index",
            N_("Σ of squared revenue shares, 0 to 1"),
            good="down",
            decimals=4,
        ),
        "equivalent_customer_count": Figure(
            N_("Equivalent number of customers"),
            "index",
            N_("1 ÷ Herfindahl index: as many customers of equal size would be as concentrated"),
            good="up",
            decimals=1,
        ),
        "gini_index": Figure(
            N_("Gini index"),
            "index",
            N_("Inequality of positive customer revenue: 0 all equal, near 1 one customer has all"),
            decimals=3,
        ),
        "abc_a_customer_count": Figure(
            N_("Class A customers"),
            "count",
            N_("Customers that together make the first 80 % of revenue (cut is a parameter)"),
        ),
    },
)
def concentration_summary(movement: ir.Table, cut_a: float = 0.80, cut_b: float = 0.95) -> ir.Table:
    """Shares of the largest customers, Herfindahl and Gini indices and size of class A, in one row.

    Formula     top_n_share = revenue of the n largest ÷ Σ revenue; HHI = Σ share²; equivalent
                customers = 1 ÷ HHI; Gini = 1 − Σ share × (2 rank − 1) ÷ n with rank 1 the largest,
                equal to Σ(2i − n − 1) xᵢ ÷ (n Σ x) with i ascending; abc_a_customer_count as
                `abc_classes`
    Unit        shares and indices 0 to 1; counts of customers; n customers of equal revenue: HHI
                1/n, Gini 0
    Population  customers with revenue > 0 in the audit period
    Undefined   NULL without positive revenue
    Source      A. O. Hirschman, 1945, and O. C. Herfindahl, 1950 (index); C. Gini, 1912; H. F.
                Dickie, 1951 (ABC)

    Columns     top_1_share, top_5_share, top_10_share, herfindahl_index, abc_a_customer_count,
                equivalent_customer_count, gini_index
    """
    t = abc_classes(movement, cut_a, cut_b)
    n = t.count()
    figures = t.agg(
        top_1_share=t.share.sum(where=t["rank"] <= 1),
        top_5_share=t.share.sum(where=t["rank"] <= 5),
        top_10_share=t.share.sum(where=t["rank"] <= 10),
        herfindahl_index=(t.share * t.share).sum(),
        weighted=(t.share * (2 * t["rank"] - 1)).sum(),
        customer_count=n,
        abc_a_customer_count=(t.abc_class == "A").sum(),
    )
    gini = 1 - figures.weighted / figures.customer_count.nullif(0)
    return figures.select(
        "top_1_share",
        "top_5_share",
        "top_10_share",
        "herfindahl_index",
        "abc_a_customer_count",
        equivalent_customer_count=1 / figures.herfindahl_index,
        gini_index=(gini < 0).ifelse(0.0, gini),  # equal customers: rounding may leave −1e-17
    )


@measure(N_("Cumulative share of revenue, largest customers first"))
def lorenz_curve(
    movement: ir.Table, cut_a: float = 0.80, cut_b: float = 0.95, points: int = 200
) -> ir.Table:
    """Cumulative share of revenue against cumulative share of customers, largest first.

    Formula     customer_share = rank ÷ n; revenue_share = Σ share of the customers up to that rank
    Unit        shares 0 to 1, ranks
    Population  customers with revenue > 0 in the audit period; thinned to about `points` rows, the
                first and the last rank always kept
    Undefined   never: without a positive revenue the table is empty
    Source      M. O. Lorenz, concentration of wealth, 1905; here from the largest customer down, so
                above the diagonal

    Columns     rank, customer_share, revenue_share
    """
    t = abc_classes(movement, cut_a, cut_b)
    n = t["rank"].max().over()
    curve = t.select(
        "rank",
        customer_share=t["rank"] / n,
        revenue_share=t.cumulative_share,
        step=ibis.greatest((n / points).ceil(), 1),
        last=n,
    )
    kept = curve.filter(
        (curve["rank"] % curve.step == 0) | (curve["rank"] == curve["last"]) | (curve["rank"] == 1)
    )
    return kept.select("rank", "customer_share", "revenue_share").order_by("rank")


@measure(N_("Customers and revenue by ABC class"))
def abc_table(movement: ir.Table, cut_a: float = 0.80, cut_b: float = 0.95) -> ir.Table:
    """Customers and revenue by ABC class.

    Formula     customer_share = customers of the class ÷ Σ customers; revenue_share = Σ share of
                its customers, classes as `abc_classes`
    Unit        counts, currency, shares 0 to 1
    Population  one row a class that holds a customer, over customers with revenue > 0
    Undefined   never: without a positive revenue the table is empty
    Source      H. F. Dickie, ABC analysis, 1951

    Columns     abc_class, customer_count, revenue, revenue_share, customer_share
    """
    t = abc_classes(movement, cut_a, cut_b)
    by_class = t.group_by("abc_class").agg(
        customer_count=t.count(), revenue=t.revenue.sum(), revenue_share=t.share.sum()
    )
    shared = by_class.mutate(
        customer_share=by_class.customer_count / by_class.customer_count.sum().over()
    )
    return shared.order_by("abc_class")
