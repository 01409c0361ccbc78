"""The named lists of a report: what each is called, and its columns in the annex;
a list without columns there is read by machines, or is a sheet a person.
"""

from dataclasses import dataclass

from carnet.wording import N_


@dataclass(frozen=True)
class NamedList:
    """One file of lists/: its label, and the columns (space-separated, see `headings`) of its
    sheet in annex.xlsx.
    """

    label: str
    columns: str = ""


LISTS = {  # in the order of the annex
    "actions": NamedList(
        N_("Decisions"),
        "customer_id name salesperson decision why due_date at_most action_value "
        "sales_gap yearly_margin",
    ),
    "tasks": NamedList(
        N_("Tasks"), "due_date salesperson customer_id name task sales_gap margin_at_stake"
    ),
    "last_chance": NamedList(
        N_("Last chance"),
        "customer_id name salesperson arm at_most sales_gap margin_at_stake recoverability "
        "proposal_cost expected_value stop_contact_count stop_date",
    ),
    "sales_gaps": NamedList(N_("Gap list")),
    "complaints": NamedList(N_("Complaints, open and closed")),
    "offer_objectives": NamedList(N_("Objectives by offer")),
    "overdue": NamedList(
        N_("Overdue by their own rhythm"),
        "customer_id name salesperson last_order_date months_since_last_order rhythm_months "
        "silence_ratio peak_revenue",
    ),
    "salespeople": NamedList(
        N_("Salespeople"),
        "salesperson customer_count late_customer_count late_share expected_share p_value signal "
        "shrunk_share sales_gap",
    ),
    "retention_budget": NamedList(
        N_("Retention budgets"),
        "customer_id name salesperson strategy revenue yearly_margin leave_probability "
        "save_probability residual_margin regain_margin budget",
    ),
    "do_not_chase": NamedList(
        N_("Not to be chased"),
        "customer_id name salesperson strategy revenue yearly_margin leave_probability "
        "residual_margin reason",
    ),
    "strategy": NamedList(
        N_("Strategies"),
        "customer_id name salesperson strategy strategy_reason abc_class revenue revenue_previous "
        "margin cost_to_serve profit peak_revenue peak_end last_order_date contact_count_noted "
        "potential untapped",
    ),
    "movement": NamedList(
        N_("Customers and movements"),
        "customer_id name salesperson status revenue revenue_previous sales_gap "
        "order_count last_date",
    ),
    "abc": NamedList(
        N_("ABC classes"),
        "rank customer_id name salesperson abc_class revenue share cumulative_share",
    ),
    "segments": NamedList(
        N_("Segments"),
        "customer_id name salesperson segment order_count revenue days_since_last_order",
    ),
    "progression": NamedList(
        N_("Progression"),
        "customer_id name salesperson revenue_previous revenue sales_gap growth_rate "
        "order_count_previous order_count frequency_effect basket_effect",
    ),
    "cuts": NamedList(
        N_("By channel, region, sector, segment"),
        "cut_by cut_group customer_count revenue_previous revenue sales_gap margin "
        "margin_rate retention",
    ),
    "activity": NamedList(
        N_("What salespeople noted"),
        "salesperson activity_count visited_count opened_count decided_count won_count "
        "won_amount win_rate",
    ),
    "potential": NamedList(
        N_("Potential by class"), "abc_class potential_class customer_count revenue untapped"
    ),
    "leavers": NamedList(
        N_("Leavers"),
        "customer_id name salesperson client_segment abc_class left_on last_order_date "
        "label_reason competitor revenue_lost",
    ),
    "silent_leavers": NamedList(
        N_("Lost in silence"),
        "customer_id name salesperson client_segment abc_class last_order_date revenue_lost",
    ),
    "reasons": NamedList(
        N_("Reasons for leaving, the client’s own codes"),
        "own_reason label_reason count proposed_count share revenue_lost revenue_share",
    ),
    "reason_classes": NamedList(
        N_("Reasons for leaving, by class"),
        "label_reason count proposed_count share revenue_lost revenue_share benchmark_share",
    ),
    "good_customers_lost": NamedList(
        N_("Good customers lost"), "customer_id name yearly_revenue yearly_margin"
    ),
    "whale": NamedList(
        N_("Margin and cost to serve"),
        "customer_id name salesperson revenue margin cost_to_serve profit unpaid_service",
    ),
    "unpaid_services": NamedList(
        N_("Unpaid services"), "customer_id name margin cost_to_serve unpaid_service"
    ),
    "costs": NamedList(N_("Costs"), "category behaviour cost_previous cost cost_change"),
    "orders_to_come": NamedList(
        N_("Orders to come"),
        "customer_id name salesperson revenue last_date order_probability expected_order_count "
        "naive_order_count",
    ),
    "follow_up": NamedList(
        N_("Tracked last time"),
        "customer_id name salesperson outcome sales_gap revenue_progress recent_contact_count "
        "recent_contact_quality proposal_count",
    ),
    "verbatims": NamedList(
        N_("Texts and codes"),
        "date customer_id name salesperson verbatim client_code words standing",
    ),
    "ledger": NamedList(
        N_("Ledger by class of accounts"), "account_class account_label debit credit balance"
    ),
    "follow_up_proposals": NamedList(N_("Last time’s proposals, followed")),
    "standing": NamedList(N_("Where every customer stands")),
    "monthly_gaps": NamedList(N_("The largest losses, month by month")),
    "bridge": NamedList(N_("Revenue bridge")),
    "price_volume": NamedList(N_("Price, volume, mix")),
    "kpi": NamedList(N_("Indicators by period")),
    "cohorts": NamedList(N_("Cohorts")),
    "recurring_cohorts": NamedList(N_("Recurring revenue by cohort")),
    "pipeline": NamedList(N_("Opportunities by account")),
    "competitors": NamedList(N_("Competitors by name")),
    "concessions": NamedList(N_("Discounts and returns")),
    "newcomers": NamedList(N_("First days of newcomers")),
    "stays": NamedList(N_("How long contracts run")),
    "without_contract": NamedList(N_("Accounts without a contract")),
    "class_changes": NamedList(N_("Customers that changed class")),
    "disputes": NamedList(N_("Stuck invoices")),
    "satisfaction_kinds": NamedList(N_("Satisfaction by kind of question")),
    "promoters_left": NamedList(N_("Promoters that left")),
    "cohort_values": NamedList(N_("What newcomers brought")),
    "first_orders": NamedList(N_("What newcomers began with")),
    "drivers": NamedList(N_("What goes with leaving")),
    "perception": NamedList(N_("Customers’ and salespeople’s reasons")),
    "what_if": NamedList(N_("What if")),
}
# column of a list's sheet → of its file, where the same name means something else elsewhere
RENAMED = {
    "strategy": {"strategy_reason": "reason", "contact_count_noted": "contact_count"},
    "leavers": {"client_segment": "segment", "label_reason": "label"},
    "silent_leavers": {"client_segment": "segment"},
    "reasons": {"label_reason": "label", "own_reason": "own_label"},
    "reason_classes": {"label_reason": "label"},
    "cuts": {"cut_by": "dimension", "cut_group": "group", "retention": "retention_rate"},
    "ledger": {"account_label": "label"},
}
FILE_LABELS = {
    "deck.pptx": N_("The slides"),
    "annex.xlsx": N_("The lists for Excel, a sheet a salesperson"),
    "quarantine.csv": N_("Rows set aside, with their reason"),
    "figures.json": N_("Every figure, for machines"),
}
