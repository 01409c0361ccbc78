"""The register: one record per figure, with its label, unit, direction of good, definition and source.

A figure that no notebook has measured is still published, with value null: unknown is not zero.
"""

from dataclasses import dataclass
from typing import Literal

from carnet.engagement import Engagement
from carnet.errors import CarnetError, nearest
from carnet.wording import N_

Unit = Literal["currency", "ratio", "count", "days", "index"]


@dataclass(frozen=True)
class Measure:
    """One figure. `good` is the direction that is good news (up, down, None when it depends)."""

    label: str
    unit: Unit
    definition: str
    good: Literal["up", "down"] | None = None
    decimals: int = 0
    source: str = "C, D"


FIGURES: dict[str, Measure] = {
    "revenue": Measure(N_("Revenue"), "currency", N_("Σ amount net of tax of the audit period, credit notes included"), "up"),
    "revenue_previous": Measure(N_("Revenue, previous period"), "currency", N_("Σ amount of the same dates one year earlier")),
    "active_customer_count": Measure(N_("Active customers"), "count", N_("Customers with at least one positive line in the audit period"), "up"),
    "active_customer_count_previous": Measure(N_("Active customers, previous period"), "count", N_("Customers with at least one positive line in the previous period")),
    "kept_customer_count": Measure(N_("Kept customers"), "count", N_("Active in the previous period and in this one"), "up"),
    "lost_customer_count": Measure(N_("Lost customers"), "count", N_("Active in the previous period and not in this one"), "down"),
    "new_customer_count": Measure(N_("New customers"), "count", N_("Active now, without any positive line before the audit period"), "up"),
    "recovered_customer_count": Measure(N_("Recovered customers"), "count", N_("Active now and before, but not in the previous period"), "up"),
    "retention_rate": Measure(N_("Retention rate"), "ratio", N_("Kept customers ÷ customers active in the previous period"), "up", 1, "D"),
    "attrition_rate": Measure(N_("Attrition rate"), "ratio", N_("Lost customers ÷ customers active in the previous period"), "down", 1, "D"),
    "gross_revenue_retention": Measure(N_("Gross revenue retention"), "ratio", N_("Σ min(max(revenue, 0), previous revenue) ÷ Σ previous revenue, over customers with previous revenue > 0"), "up", 1),
    "net_revenue_retention": Measure(N_("Net revenue retention"), "ratio", N_("Σ revenue ÷ Σ previous revenue, over customers with previous revenue > 0"), "up", 1),
    "revenue_new": Measure(N_("Revenue of new customers"), "currency", N_("Σ revenue of new customers"), "up"),
    "revenue_recovered": Measure(N_("Revenue of recovered customers"), "currency", N_("Σ revenue of recovered customers"), "up"),
    "revenue_expansion": Measure(N_("Expansion"), "currency", N_("Σ of what customers bought more than in the previous period, new and recovered customers left out"), "up"),
    "revenue_contraction": Measure(N_("Contraction"), "currency", N_("Σ of what customers bought less than in the previous period, lost customers left out"), "down"),
    "revenue_lost": Measure(N_("Revenue of lost customers"), "currency", N_("Σ previous revenue of lost customers"), "down"),
    "quick_ratio": Measure(N_("Quick ratio"), "index", N_("(new + recovered + expansion) ÷ (lost + contraction)"), "up", 2),
    "half_life_years": Measure(N_("Half-life of the portfolio, years"), "index", N_("ln ½ ÷ ln retention rate: years until half of the customers are left"), "up", 1, "A"),
    "order_count": Measure(N_("Orders"), "count", N_("Distinct orders of a customer with a positive line; without order numbers, distinct customer × day"), "up"),
    "average_basket": Measure(N_("Average basket"), "currency", N_("Revenue ÷ orders"), "up", 2, "C, D"),
    "purchase_frequency": Measure(N_("Purchase frequency"), "index", N_("Orders ÷ active customers"), "up", 2, "D"),
    "purchase_frequency_median": Measure(N_("Median purchase frequency"), "index", N_("Median number of orders of an active customer"), "up", 1),
    "one_timer_rate": Measure(N_("One-time customers"), "ratio", N_("Active customers with a single order in the period ÷ active customers"), "down", 1),
    "repeat_customer_count": Measure(N_("Repeat customers, number"), "count", N_("Active customers with at least 2 orders in the period"), "up"),
    "repeat_customer_rate": Measure(N_("Repeat customers"), "ratio", N_("Active customers with at least 2 orders in the period ÷ active customers"), "up", 1, "D"),
    "top_1_share": Measure(N_("Share of the largest customer"), "ratio", N_("Revenue of the largest customer ÷ Σ positive customer revenue"), "down", 1, "C"),
    "top_5_share": Measure(N_("Share of the 5 largest customers"), "ratio", N_("Revenue of the 5 largest customers ÷ Σ positive customer revenue"), "down", 1, "C"),
    "top_10_share": Measure(N_("Share of the 10 largest customers"), "ratio", N_("Revenue of the 10 largest customers ÷ Σ positive customer revenue"), "down", 1, "C"),
    "herfindahl_index": Measure(N_("Herfindahl index"), "index", N_("Σ of squared revenue shares, 0 to 1"), "down", 4),
    "equivalent_customer_count": Measure(N_("Equivalent number of customers"), "index", N_("1 ÷ Herfindahl index: as many customers of equal size would be as concentrated"), "up", 1),
    "gini_index": Measure(N_("Gini index"), "index", N_("Inequality of positive customer revenue: 0 all equal, near 1 one customer has all"), None, 3),
    "abc_a_customer_count": Measure(N_("Class A customers"), "count", N_("Customers that together make the first 80 % of revenue (cut is a parameter)")),
    "growing_customer_rate": Measure(N_("Kept customers that buy more"), "ratio", N_("Kept customers whose revenue grew ÷ kept customers"), "up", 1, "C"),
    "median_growth_rate": Measure(N_("Median growth of kept customers"), "ratio", N_("Median of sales gap ÷ previous revenue, over kept customers"), "up", 1, "C"),
    "frequency_effect": Measure(N_("Effect of order frequency"), "currency", N_("Kept customers: Δ orders × mean of both baskets"), "up"),
    "basket_effect": Measure(N_("Effect of basket size"), "currency", N_("Kept customers: Δ basket × mean of both order counts"), "up"),
    "late_customer_count": Measure(N_("Late customers"), "count", N_("Customers whose revenue, rounded to the cent, is below the previous period's"), "down", 0, "B"),
    "late_revenue_gap": Measure(N_("Revenue gap of late customers"), "currency", N_("Σ of negative sales gaps"), "up", 0, "B"),
    "gross_margin": Measure(N_("Gross margin"), "currency", N_("Revenue − variable production cost"), "up", 0, "D"),
    "net_margin": Measure(N_("Net margin"), "currency", N_("Revenue − all costs"), "up", 0, "D"),
    "fixed_cost": Measure(N_("Fixed costs"), "currency", N_("Σ costs with fixed behaviour"), "down", 0, "D"),
    "variable_cost": Measure(N_("Variable costs"), "currency", N_("Σ costs with variable behaviour"), "down", 0, "D"),
    "acquisition_cost": Measure(N_("Acquisition costs"), "currency", N_("Σ marketing and selling costs"), "down", 0, "D"),
    "unit_cost": Measure(N_("Unit cost"), "currency", N_("All costs ÷ units produced"), "down", 2, "D"),
    "break_even_revenue": Measure(N_("Break-even revenue"), "currency", N_("Fixed costs (acquisition included) ÷ margin rate on variable costs"), "down", 0, "D"),
    "safety_margin_rate": Measure(N_("Safety margin"), "ratio", N_("(Revenue − break-even revenue) ÷ revenue"), "up", 1, "D"),
    "cac_standard": Measure(N_("Acquisition cost per new customer"), "currency", N_("Marketing and selling costs ÷ new customers"), "down", 2, "D"),
    "cac_deck": Measure(N_("Acquisition cost, deck definition"), "currency", N_("Marketing and selling costs ÷ all active customers"), "down", 2, "D"),
    "lifetime_deck": Measure(N_("Lifetime in years, deck definition"), "index", N_("1 ÷ attrition rate: an order of magnitude, biased"), "up", 2, "D"),
    "ltv_margin": Measure(N_("Customer lifetime value"), "currency", N_("Discounted contribution margin over a stated horizon"), "up", 0, "D"),
    "ltv_to_cac": Measure(N_("Lifetime value to acquisition cost"), "index", N_("Lifetime value ÷ acquisition cost per new customer"), "up", 2, "D"),
    "dso_days": Measure(N_("Days sales outstanding"), "days", N_("Receivables including tax ÷ revenue including tax × days"), "down", 0, "C"),
}  # fmt: skip

COMPARING = {  # figures that mean nothing without a previous period that the sales given cover
    "revenue_previous", "active_customer_count_previous", "kept_customer_count", "lost_customer_count", "new_customer_count",
    "recovered_customer_count", "retention_rate", "attrition_rate", "gross_revenue_retention", "net_revenue_retention", "revenue_new",
    "revenue_recovered", "revenue_expansion", "revenue_contraction", "revenue_lost", "quick_ratio", "half_life_years",
    "growing_customer_rate", "median_growth_rate", "frequency_effect", "basket_effect", "late_customer_count", "late_revenue_gap",
}  # fmt: skip

TABLES: dict[str, str] = {
    "customer_movement": N_("One row per customer: revenue and orders of both periods and what became of the customer"),
    "movement_summary": N_("Counts, revenue bridge and retention over all customers"),
    "revenue_bridge": N_("Previous revenue + new + recovered + expansion − contraction − lost = revenue"),
    "monthly_revenue": N_("Revenue by month of the audit period and of the previous one"),
    "abc_classes": N_("Customers by decreasing revenue; the one that crosses a cut belongs to the higher class"),
    "abc_table": N_("Customers and revenue by ABC class"),
    "concentration_summary": N_("Shares of the largest customers, Herfindahl and Gini indices"),
    "lorenz_curve": N_("Cumulative share of revenue, largest customers first"),
    "orders_in_current": N_("Orders of the audit period"),
    "purchase_summary": N_("Orders, baskets and purchase frequency"),
    "basket_bands": N_("Orders by size of basket"),
    "basket_bounds": N_("Limits of the basket bands: rounded quantiles of the baskets"),
    "order_drop_off": N_("Newcomers who placed the next order in time, first to fourth order"),
    "customer_activity": N_("Recency, frequency and revenue of active customers"),
    "rfm_cut_points": N_("Quantiles of recency, frequency and revenue that separate the scores"),
    "rfm_scores": N_("Scores from 1 to 5 by recency, frequency and revenue"),
    "rfm_segments": N_("Customers and revenue by segment"),
    "rfm_matrix": N_("Customers and revenue by recency and frequency score"),
    "purchase_progression": N_("Kept customers: change of revenue, by order frequency and by basket size"),
    "progression_summary": N_("Share of kept customers that grow, and the two effects summed"),
    "revenue_without_top": N_("Revenue left without the largest customers"),
    "revenue_by_salesperson": N_("Revenue of each salesperson's accounts"),
    "contact_exposure": N_("Revenue by the number of distinct contacts behind a customer's orders"),
    "wilson_interval": N_("Wilson score interval of a rate"),
    "bootstrap_total": N_("Percentile bootstrap interval of a sum over customers"),
    "half_life_years": N_("ln ½ ÷ ln retention rate: years until half of the customers are left"),
}


def check_targets(engagement: Engagement) -> None:
    """Raise CarnetError when a target of the engagement names a measure that is not in the register."""
    for target in engagement.targets:
        if target.measure not in FIGURES:
            raise CarnetError(f"targets: unknown measure '{target.measure}'; {nearest(target.measure, FIGURES)}")
