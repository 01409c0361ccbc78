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
    "revenue_growth_rate": Measure(N_("Growth of revenue"), "ratio", N_("Revenue ÷ revenue of the period before − 1"), "up", 1, "D"),
    "quantity": Measure(N_("Units sold"), "count", N_("Σ quantity"), "up", 0, "D"),
    "unit_price": Measure(N_("Price per unit"), "currency", N_("Revenue ÷ units sold; the deck calls it unit cost by mistake"), "up", 2, "D"),
    "retention_rate_deck": Measure(N_("Retention rate, deck definition"), "ratio", N_("(Active − new) ÷ customers of the period before: recovered customers count as kept"), "up", 1, "D"),
    "attrition_rate_deck": Measure(N_("Attrition rate, deck's text"), "ratio", N_("Lost customers ÷ all customers of the period, not those at its start"), "down", 1, "D"),
    "marketing_salaries": Measure(N_("Salaries: marketing"), "currency", N_("As given in the period summary"), None, 0, "D"),
    "sales_salaries": Measure(N_("Salaries: selling"), "currency", N_("As given in the period summary"), None, 0, "D"),
    "other_salaries": Measure(N_("Salaries: other"), "currency", N_("As given in the period summary"), None, 0, "D"),
    "marketing_expenses": Measure(N_("Expenses: marketing budget"), "currency", N_("As given in the period summary"), None, 0, "D"),
    "other_expenses": Measure(N_("Expenses: other"), "currency", N_("As given in the period summary"), None, 0, "D"),
    "gross_margin": Measure(N_("Gross margin"), "currency", N_("Revenue − variable production cost"), "up", 0, "D"),
    "net_margin": Measure(N_("Net margin"), "currency", N_("Revenue − all costs"), "up", 0, "D"),
    "fixed_cost": Measure(N_("Fixed costs"), "currency", N_("Σ costs with fixed behaviour, acquisition apart"), "down", 0, "D"),
    "fixed_cost_deck": Measure(N_("Fixed costs, deck definition"), "currency", N_("Σ fixed and acquisition costs"), "down", 0, "D"),
    "variable_cost": Measure(N_("Variable costs"), "currency", N_("Σ costs with variable behaviour"), "down", 0, "D"),
    "acquisition_cost": Measure(N_("Acquisition costs"), "currency", N_("Σ marketing and selling costs"), "down", 0, "D"),
    "total_cost": Measure(N_("All costs"), "currency", N_("Σ fixed, variable and acquisition costs, and what is not classified"), "down", 0, "D"),
    "unit_variable_cost": Measure(N_("Variable cost per unit"), "currency", N_("Variable costs ÷ units sold"), "down", 2, "D"),
    "unit_cost": Measure(N_("Unit cost"), "currency", N_("All costs ÷ units produced; units sold stand for units produced"), "down", 2, "D"),
    "break_even_revenue": Measure(N_("Break-even revenue"), "currency", N_("Fixed costs (acquisition included) ÷ margin rate on variable costs"), "down", 0, "D"),
    "break_even_quantity": Measure(N_("Break-even units"), "index", N_("Fixed costs (acquisition included) ÷ margin per unit"), "down", 0, "D"),
    "break_even_days": Measure(N_("Break-even point in days"), "days", N_("Break-even revenue ÷ revenue × days of the period: as if revenue came in evenly"), "down", 0, "D"),
    "safety_margin_rate": Measure(N_("Safety margin"), "ratio", N_("(Revenue − break-even revenue) ÷ revenue"), "up", 1, "D"),
    "operating_leverage": Measure(N_("Operating leverage"), "index", N_("Gross margin ÷ net margin: per cent that the net margin moves when revenue moves by one"), "down", 1, "D"),
    "price_effect": Measure(N_("Price effect"), "currency", N_("Kept customers, products sold in both periods: Σ Δ price × mean quantity"), "up", 0, "D"),
    "volume_effect": Measure(N_("Volume effect"), "currency", N_("The same: Δ total quantity × mean price at the mean mix"), "up", 0, "D"),
    "mix_effect": Measure(N_("Mix effect"), "currency", N_("The same: mean total quantity × Σ Δ share × mean price"), "up", 0, "D"),
    "cost_to_serve": Measure(N_("Cost to serve"), "currency", N_("Σ activities at their rate, and waiting for payment, customers of the period"), "down", 0, "E"),
    "certain_sign_share": Measure(N_("Customers whose sign is certain"), "ratio", N_("Customers whose profit, over the middle 95 % of the drawn rates, keeps its sign ÷ customers"), None, 1, "E"),
    "unpaid_service_cost": Measure(N_("Unpaid services"), "currency", N_("Σ of the cost to serve that a customer's own margin does not pay"), "down", 0, "E"),
    "cac_standard": Measure(N_("Acquisition cost per new customer"), "currency", N_("Marketing and selling costs ÷ new customers"), "down", 2, "D"),
    "cac_deck": Measure(N_("Acquisition cost, deck definition"), "currency", N_("Marketing and selling costs ÷ all active customers"), "down", 2, "D"),
    "cac_marginal": Measure(N_("Marginal acquisition cost"), "currency", N_("Δ marketing and selling costs ÷ Δ new customers; where new customers increase"), "down", 2, "D"),
    "lifetime_deck": Measure(N_("Lifetime in years, deck definition"), "index", N_("1 ÷ attrition rate: an order of magnitude, biased"), "up", 2, "D"),
    "ltv_margin": Measure(N_("Customer lifetime value"), "currency", N_("Yearly contribution margin per customer × Σ (retention ÷ (1 + discount rate))^t over the stated horizon"), "up", 2, "D"),
    "ltv_gross_margin": Measure(N_("Lifetime value, gross margin × lifetime"), "currency", N_("Gross margin per customer ÷ attrition rate, undiscounted, no horizon"), "up", 2, "D"),
    "ltv_deck": Measure(N_("Lifetime value, deck definition"), "currency", N_("Revenue per customer ÷ attrition rate: undiscounted revenue"), "up", 2, "D"),
    "ltv_to_cac": Measure(N_("Lifetime value to acquisition cost"), "index", N_("Gross margin per customer ÷ attrition rate ÷ acquisition cost per new customer"), "up", 2, "D"),
    "ltv_to_cac_deck": Measure(N_("Lifetime value to acquisition cost, deck definition"), "index", N_("Revenue per customer ÷ attrition rate ÷ acquisition cost per active customer"), "up", 2, "D"),
    "ltv_margin_to_cac": Measure(N_("Discounted lifetime value to acquisition cost"), "index", N_("Customer lifetime value over the stated horizon ÷ acquisition cost per new customer"), "up", 2, "D"),
    "dso_days": Measure(N_("Days sales outstanding"), "days", N_("Receivables including tax ÷ revenue including tax × days"), "down", 0, "C"),
    "payment_delay_days": Measure(N_("Payment delay"), "days", N_("Mean days from invoice to payment, weighted by amount, invoices paid in the period"), "down", 0, "C"),
    "ledger_revenue": Measure(N_("Revenue in the ledger"), "currency", N_("Credit − debit of accounts 70 over the whole ledger"), "up", 0, "FEC"),
    "ledger_debit": Measure(N_("Debit of the ledger"), "currency", N_("Σ debit over the whole ledger"), None, 0, "FEC"),
    "ledger_credit": Measure(N_("Credit of the ledger"), "currency", N_("Σ credit over the whole ledger"), None, 0, "FEC"),
    "ledger_linked_share": Measure(N_("Revenue linked to a customer"), "ratio", N_("Revenue of accounts 70 whose entry names a customer ÷ revenue in the ledger"), "up", 1, "FEC"),
    "contract_years": Measure(N_("Years of a contract within the horizon"), "index", N_("Area under the Kaplan-Meier curve up to the stated horizon, late entry allowed for"), "up", 2, "D"),
    "repurchase_probability": Measure(N_("Customers expected to order again"), "ratio", N_("Mean probability of at least one order in the stated weeks (BG/NBD)"), "up", 1, "D"),
    "expected_order_count": Measure(N_("Expected order days"), "index", N_("Σ expected days with an order in the stated weeks (BG/NBD)"), "up", 0, "D"),
    "purchase_regularity": Measure(N_("Regularity of orders"), "index", N_("k of Erlang-k intervals between orders: 1 is chance, more is rhythm"), None, 1, "D"),
}  # fmt: skip

COMPARING = {  # figures that mean nothing without a previous period that the sales given cover
    "revenue_previous", "active_customer_count_previous", "kept_customer_count", "lost_customer_count", "new_customer_count",
    "recovered_customer_count", "retention_rate", "attrition_rate", "gross_revenue_retention", "net_revenue_retention", "revenue_new",
    "revenue_recovered", "revenue_expansion", "revenue_contraction", "revenue_lost", "quick_ratio", "half_life_years",
    "growing_customer_rate", "median_growth_rate", "frequency_effect", "basket_effect", "late_customer_count", "late_revenue_gap",
    "price_effect", "volume_effect", "mix_effect",
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
    "noise_interval": N_("Interval of the difference of two yearly sums"),
    "sales_by_bucket": N_("Revenue, orders and customers of each period"),
    "costs_by_bucket": N_("Costs of each period by behaviour and category, shared out by days"),
    "cost_changes": N_("Costs by category in both periods"),
    "base_from_sales": N_("Quantities of each period, from sales"),
    "base_from_summary": N_("Quantities of each period, from yearly totals"),
    "empty_base": N_("Periods of which nothing is known yet"),
    "with_costs": N_("Quantities of each period with their costs"),
    "combined": N_("Quantities of each period, from the first source that knows them"),
    "indicators": N_("Every indicator of each period"),
    "kpi_list": N_("Every indicator as a list, with its definition and interval"),
    "joined": N_("Indicators of several series as one list"),
    "break_even_days": N_("Days after which revenue covers costs if it came in evenly"),
    "break_even_date": N_("Day on which cumulated revenue reaches break-even"),
    "stress_test": N_("Break-even without the largest customers"),
    "product_sales": N_("Quantity and price of each product in both periods, kept customers"),
    "price_volume_mix": N_("Change of revenue by price, volume and mix"),
    "customer_margins": N_("Contribution margin of each customer"),
    "activity_costs": N_("Cost of each kind of activity per customer"),
    "waiting_costs": N_("Cost of waiting for payment per customer"),
    "customer_profit": N_("Margin against cost to serve, customer by customer"),
    "idle_services": N_("Cost of serving customers who bought nothing"),
    "noise_ranges": N_("Intervals of yearly sums from the swings of their months"),
    "survival_years": N_("Discounted years that a customer stays within the horizon"),
    "ltv_margin": N_("Contribution margin of a customer over the horizon"),
    "ltv_interval": N_("Bootstrap interval of the lifetime value"),
    "reconciliation": N_("From the deck's lifetime value and acquisition cost to the standard ones"),
    "receivable_summary": N_("Open amounts, days sales outstanding, payment delay"),
    "aged_balance": N_("Open amounts by age"),
    "ledger_totals": N_("Totals of the legal ledger"),
    "account_classes": N_("Debit and credit by class of accounts"),
    "doubtful_accounts": N_("Doubtful customers in the ledger"),
    "ledger_revenue_by_bucket": N_("Revenue on accounts 70 of each period"),
    "account_results": N_("Result of every account of classes 6 and 7"),
    "intermediate_balances": N_("Intermediate balances (soldes intermédiaires de gestion)"),
    "control_limits": N_("Natural process limits and signals of a series"),
    "without_season": N_("A monthly series less its yearly pattern"),
    "yearly_values": N_("Figures of the last 12 months where the audit period is shorter"),
    "yearly_noise": N_("Standard error of a sum of months"),
    "growth_decomposition": N_("Growth by customers, frequency and basket"),
    "cohort_counts": N_("Customers of each cohort that order in later periods"),
    "cohort_table": N_("Cohorts with their intervals, immature cells blank"),
    "contract_lifetimes": N_("Contracts under observation"),
    "survival_curve": N_("Kaplan-Meier curve of contracts, late entry allowed for"),
    "restricted_mean": N_("Years of a contract within the horizon"),
    "restricted_mean_interval": N_("Bootstrap interval of the years of a contract"),
    "purchase_history": N_("Repeat orders, recency and age of each customer"),
    "fit_purchases": N_("BG/NBD parameters by maximum likelihood"),
    "expected_orders": N_("Orders expected of each customer, and its own rate carried on"),
    "hold_out": N_("Predicted against actual orders of the hold-out"),
    "regularity": N_("Regularity of the intervals between orders"),
    "target_progress": N_("Objectives against where they should stand today"),
}


def check_targets(engagement: Engagement) -> None:
    """Raise CarnetError when a target of the engagement names a measure that is not in the register."""
    for target in engagement.targets:
        if target.measure not in FIGURES:
            raise CarnetError(f"targets: unknown measure '{target.measure}'; {nearest(target.measure, FIGURES)}")
