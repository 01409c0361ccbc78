"""What a company's costs say, of its periods and of its customers, as frames:
each computed when it is first read.
"""

from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from carnet.book.book import Book
from carnet.book.earlier import Published
from carnet.book.mapped import Mapped, as_it_is, frame
from carnet.book.tables import tabled
from carnet.customers import series
from carnet.customers.accounts import profits as accounts_profits
from carnet.customers.columns import given
from carnet.customers.customer_years import complaints_of
from carnet.customers.decisions import decided_of, held_out, open_names
from carnet.customers.figures import figures_of, with_names
from carnet.engagement.parameters import Parameters
from carnet.engagement.profiles import chart_of_accounts
from carnet.engagement.records import LIST_LIMIT
from carnet.measures.costs import (
    accounts,
    break_even,
    concessions,
    cost_to_serve,
    costs,
    disputes,
    price_volume,
    receivables,
)
from carnet.measures.indicators import control_limits, lifetime_value
from carnet.measures.portfolio import exposure
from carnet.measures.register import computed
from carnet.measures.statistics import intervals
from carnet.wording import unknown

NAN = float("nan")
CONCEDED = {"customer_id": "string"} | dict.fromkeys(
    ("sold", "returns", "discounted", "listed", "discounts", "discount_share", "return_share"),
    "float64",
)
STRESSED = 5  # largest customers whose loss is thought through
OF_PERIOD = [
    "revenue",
    "quantity",
    "gross_margin",
    "net_margin",
    "fixed_cost",
    "fixed_cost_deck",
    "variable_cost",
    "acquisition_cost",
    "total_cost",
    "unit_cost",
    "unit_price",
    "unit_variable_cost",
    "break_even_revenue",
    "break_even_quantity",
    "safety_margin_rate",
    "operating_leverage",
    "cac_standard",
    "cac_deck",
    "cac_marginal",
    "lifetime_deck",
    "ltv_gross_margin",
    "ltv_deck",
    "ltv_to_cac",
    "ltv_to_cac_deck",
    "ledger_revenue",
    "costed_revenue_share",
]
EFFECTS = ("price", "volume", "mix")
WHALE = ["cost_to_serve", "certain_sign_share", "unpaid_service_cost"]


@dataclass(frozen=True)
class CostStudy:
    """Costs by behaviour, break-even, prices, who pays for whom,
    what a customer costs and brings; `earlier`: the earlier report, if there is one.
    """

    book: Book
    parameters: Parameters
    earlier: Published | None = None

    # --- the company

    @computed
    def audit(self) -> pd.DataFrame:
        """The previous period and the audit period: `series.audit_series`."""
        return series.audit_series(self.book)

    @property
    def before(self) -> pd.Series:
        """The previous period."""
        return self.audit.iloc[0]

    @property
    def now(self) -> pd.Series:
        """The audit period."""
        return self.audit.iloc[1]

    @computed
    def lines(self) -> pd.DataFrame:
        """Cost lines of both periods: `series.cost_lines`."""
        return series.cost_lines(self.book, series.audit_buckets(self.book))

    @computed
    def changes(self) -> pd.DataFrame:
        """Costs by category in both periods: `costs.cost_changes`."""
        known = self.audit.total_cost.notna()
        return costs.cost_changes(self.lines, known.tolist())

    @computed
    def margin_swing(self) -> tuple[float, float]:
        """The interval of the change of the net margin by the swings of its months."""
        months = series.period_series(self.book, "month")
        noise = control_limits.yearly_noise(months[months.complete].net_margin.tail(12))
        return intervals.noise_interval(self.now.net_margin - self.before.net_margin, noise)

    @computed
    def months(self) -> tuple[pd.DataFrame, bool]:
        """Revenue by month, and whether it was measured by day: `series.audit_months`."""
        return series.audit_months(self.book, self.now.accounted_revenue)

    @computed
    def passed(self) -> Any:
        """The day on which revenue passed break-even, if it did."""
        t, start = self.months[0], self.book.periods.current.start
        return break_even.break_even_date(t.end, t.revenue, start, self.now.break_even_revenue)

    @computed
    def break_even_days(self) -> float:
        """Break-even in days of the period."""
        period, now = self.book.periods.current, self.now
        days = (period.end - period.start).days + 1
        return break_even.break_even_days(now.accounted_revenue, now.break_even_revenue, days)

    @computed
    def cumulated(self) -> pd.DataFrame:
        """Revenue of the period month by month, cumulated, and the costs that it has to cover."""
        now, revenue = self.now, self.months[0].revenue.cumsum()
        cost = now.fixed_cost_deck + (1 - now.margin_rate) * revenue
        return pd.DataFrame({"revenue": revenue, "cost": cost})

    # --- its largest customers

    @computed
    def moved(self) -> ir.Table:
        """Customers of both periods: `movement.customer_movement`."""
        return self.book.kept("customer_movement", series.moved(self.book))

    @computed
    def margins(self) -> ir.Table:
        """Contribution margin of each customer: `cost_to_serve.customer_margins`."""
        margins = accounts_profits.margins_of(self.book, self.moved, self.now)
        return self.book.kept("customer_margins", margins)

    @computed
    def largest(self) -> pd.DataFrame:
        """The largest customers with their margins."""
        named = with_names(self.margins, self.book)
        return named.order_by(ibis.desc("revenue"), "customer_id").limit(STRESSED).execute()

    @computed
    def stressed(self) -> pd.DataFrame:
        """Break-even without the largest customers: `break_even.stress_test`."""
        gone = exposure.revenue_without_top(self.moved).execute()
        at_risk = [self.largest.margin[:count].sum() for count in gone.top_count]
        now = self.now
        t = break_even.stress_test(
            gone, now.accounted_revenue, now.variable_cost, now.fixed_cost_deck, at_risk
        )
        there = [True, *(gone.customer_count >= gone.top_count)]
        return t[there].reset_index(drop=True)

    # --- who pays for whom

    @property
    def rates(self) -> accounts_profits.Rates:
        """What an hour and what waiting money may cost."""
        p = self.parameters
        return accounts_profits.Rates(
            p.hourly_rate_low, p.hourly_rate_high, p.capital_rate, p.rate_draws
        )

    @computed
    def served(self) -> tuple[list[ir.Table], int]:
        """What serving cost, by customer and activity, and activities without a price."""
        return accounts_profits.served_tables(self.book, self.rates)

    @property
    def unpriced_service(self) -> bool:
        """True where activities are noted, and none has a cost or minutes to price it by."""
        if not self.book.has("service") or self.book.has("service", "cost", "minutes"):
            return False
        return not self.served[0][0].cost.notnull().any().execute()

    @property
    def profit_known(self) -> bool:
        """True where margins and the cost to serve of customers are known."""
        given = self.book.has("sales") and self.book.has("service")
        return given and not self.unpriced_service and not unknown(self.now.variable_cost)

    @computed
    def activities(self) -> pd.DataFrame:
        """Cost of every activity of every customer."""
        parts = (t.select("customer_id", "activity", "cost") for t in self.served[0])
        return ibis.union(*parts).execute()

    @computed
    def bought(self) -> pd.DataFrame:
        """The margins, executed."""
        return self.margins.execute()

    @computed
    def profit_and_curve(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """`cost_to_serve.customer_profit`: a row a customer, and the whale curve."""
        p, middle = self.parameters, self.rates.hourly
        low, high = p.hourly_rate_low / middle, p.hourly_rate_high / middle
        return cost_to_serve.customer_profit(self.bought, self.activities, low, high, p.rate_draws)

    @computed
    def profits(self) -> pd.DataFrame:
        """Margin against cost to serve, a row a customer, with name,
        salesperson and sign (certain or not).
        """
        t, names = self.profit_and_curve[0], self.book.names()
        return t.assign(
            name=t.customer_id.map(names.name),
            salesperson=t.customer_id.map(names.salesperson),
            sign=t.certain.map({True: "certain", False: "uncertain"}),
        )

    @property
    def whale(self) -> pd.DataFrame:
        """The whale curve with its band."""
        return self.profit_and_curve[1]

    @computed
    def losing(self) -> pd.DataFrame:
        """Customers that cost more than they bring, largest loss first;
        none where no profit is known.
        """
        if not self.profit_known:
            return pd.DataFrame(columns=["customer_id", "name"])
        t = self.profits[self.profits.profit < 0]
        return t.sort_values(["profit", "customer_id"])

    @computed
    def unpaid(self) -> pd.DataFrame:
        """Services that the customer's own margin does not pay, dearest first."""
        idle = cost_to_serve.idle_services(self.bought, self.activities)
        idle = idle.assign(name=idle.customer_id.map(self.book.names(idle.customer_id).name))
        t = pd.concat([self.profits[self.profits.unpaid_service > 0], idle])
        return t.sort_values(["unpaid_service", "customer_id"], ascending=[False, True])

    # --- prices, payment

    @property
    def mix_known(self) -> bool:
        """True where products, quantities and the previous period are given."""
        book = self.book
        compared = book.previous_is_complete and not book.orders_too_rarely
        return book.has("sales", "product", "quantity") and compared

    @computed
    def products(self) -> ir.Table:
        """Products of kept customers: `price_volume.product_sales`."""
        sold = price_volume.product_sales(self.book.table("sales"), self.moved, self.book.periods)
        return self.book.kept("product_sales", sold)

    @computed
    def mix(self) -> pd.DataFrame:
        """The change of revenue by price, volume and mix: step, amount;
        no row where it is not known.
        """
        if not self.mix_known:
            return pd.DataFrame({"step": [], "amount": []})
        return price_volume.price_volume_mix(self.products, self.moved).drop("position").execute()

    @property
    def effects(self) -> dict[str, float]:
        """The amounts of price, volume and mix; NaN where they are not known."""
        amounts = self.mix.set_index("step").amount
        return {name: float(amounts.get(name, NAN)) for name in EFFECTS}

    @computed
    def products_moved(self) -> pd.DataFrame:
        """Products sold in both periods, largest change of revenue first."""
        sold = self.products.filter(self.products.status == "continuing")
        sold = sold.mutate(sales_gap=sold.revenue - sold.revenue_previous)
        return sold.order_by(ibis.desc(sold.sales_gap.abs()), "product").execute()

    @property
    def delay_known(self) -> bool:
        """True where invoices have days of payment."""
        return self.book.has("receivables", "paid_date")

    @computed
    def payment(self) -> dict[str, float]:
        """What is owed and how long it takes: `receivables.receivable_summary`;
        empty where unknown.
        """
        if not self.delay_known:
            return {}
        rows = self.book.table("receivables")
        return figures_of(
            receivables.receivable_summary(rows, self.book.periods.current, self.book.as_of)
        )

    @computed
    def ages(self) -> pd.DataFrame:
        """Open amounts by age: `receivables.aged_balance`."""
        return receivables.aged_balance(self.book.table("receivables"), self.book.as_of).execute()

    # --- what is given back

    @computed
    def conceded(self) -> pd.Series:
        """Of all customers of the audit period: sold, discounted, discounts (NULL where no line
        tells one), returns; unnamed: those of `given_back_list` of whom no line tells a discount,
        named: the others of it.
        """
        t = conceded(self.book)
        names = ("sold", "discounted", "discounts", "returns")
        sums = {name: t[name].sum() for name in names}
        back, named = _given_back(t), t.discounts.notnull()
        counts = dict(unnamed=t.count(where=back & ~named), named=t.count(where=back & named))
        return t.agg(**sums, **counts).execute().iloc[0]

    @property
    def given_back_list(self) -> ir.Table:
        """The customers with a discount or a return, largest sum first."""
        t = conceded(self.book)
        t = with_names(t.filter(_given_back(t)), self.book)
        # by what is told of each; the last digit of a sum parts nobody
        known = (t.discounts.fill_null(0.0) + t.returns).round(4)
        return t.order_by(known.desc(), t.customer_id)

    @computed
    def given_back(self) -> pd.DataFrame:
        """The first of them."""
        return frame(self.given_back_list.limit(LIST_LIMIT))

    def names(self, customers: pd.DataFrame) -> list[str]:
        """The first names of a list that a sentence may quote."""
        decided = held_out(self.book, self.parameters.policy)
        return open_names(decided, customers, self.parameters.name_count)

    # --- complaints and states of a dispute

    @property
    def complaints_followed(self) -> bool:
        """True where the activities tell which complaints are closed."""
        book = self.book
        told = book.has("service", "status") or book.has("service", "closed")
        return told and bool(self.complaint_kinds)

    @property
    def complaint_kinds(self) -> list[str]:
        """The activities that are complaints."""
        return complaints_of(self.book, self.parameters.complaint_activities)

    @computed
    def complaints(self) -> pd.DataFrame:
        """The complaints, longest open first: `disputes.complaint_files`, with names."""
        service, as_of = self.book.table("service"), self.book.as_of
        t = disputes.complaint_files(service, self.complaint_kinds, as_of).execute()
        t = t.sort_values(["state", "open_days", "customer_id"], ascending=[False, False, True])
        return self._named(t.reset_index(drop=True))

    @property
    def waiting(self) -> pd.DataFrame:
        """Those that are open."""
        return self.complaints[self.complaints.state == "open"]

    @computed
    def complaint_states(self) -> pd.DataFrame:
        """The same by state, of the last 12 months: `disputes.complaint_states`."""
        return disputes.complaint_states(self.complaints, self.book.periods.yearly.current)

    def _named(self, t: pd.DataFrame) -> pd.DataFrame:
        """With name and salesperson, the number where neither sales nor a list tell a name."""
        names = self.book.names(t.customer_id).reindex(columns=["name", "salesperson"])
        return t.assign(
            name=t.customer_id.map(names.name).fillna(t.customer_id),
            salesperson=t.customer_id.map(names.salesperson),
        )

    @computed
    def stuck(self) -> pd.DataFrame:
        """Invoices that are stuck or came back, largest first: `receivables.stuck_invoices`, with
        names.
        """
        t = receivables.stuck_invoices(self.book.table("receivables"), self.book.as_of).execute()
        return self._named(t)

    @computed
    def states(self) -> pd.DataFrame:
        """The same by state: `disputes.dispute_states`."""
        return disputes.dispute_states(self.stuck)

    @computed
    def recovery(self) -> pd.DataFrame:
        """What comes back of unpaid amounts, by age: `receivables.recovery_by_age`."""
        return receivables.recovery_by_age(self.book.table("receivables"), self.book.as_of)

    @property
    def followed(self) -> bool:
        """True where due dates and payments tell what comes back, and a ledger what is impaired."""
        book = self.book
        return self.delay_known and book.has("receivables", "due_date") and book.has("ledger")

    @computed
    def dispute_flow(self) -> pd.DataFrame:
        """From the earlier audit to this one: `disputes.dispute_flow`; no row without its list."""
        before, columns = self.earlier, ["state_before", "state", "invoice_count", "amount"]
        if before is None or not before.has_list("disputes"):
            return pd.DataFrame(columns=columns)
        then = before.read_list("disputes", "amount copy", texts="customer_id state")
        now = self.stuck
        for name in ("invoice_date", "due"):
            then[name] = pd.to_datetime(then[name])
            now = now.assign(**{name: pd.to_datetime(now[name])})
        cents = now.assign(amount=now.amount.round(2)), then.assign(amount=then.amount.round(2))
        return disputes.dispute_flow(cents[1], cents[0])

    @computed
    def claims(self) -> pd.DataFrame:
        """Claims in the ledger, a column a year: `accounts.ledger_claims`."""
        buckets = series.buckets_of(self.years)
        return accounts.ledger_claims(self.book.table("ledger"), buckets, self.book.as_of)

    @property
    def late_amount(self) -> float | None:
        """What is past due; None without due dates."""
        if not self.delay_known or not self.book.has("receivables", "due_date"):
            return None
        return self.ages[self.ages.age > 0].amount.sum()

    # --- what a customer costs and brings

    @computed
    def value(self) -> float:
        """Lifetime value over the stated horizon: `lifetime_value.ltv_margin`."""
        p, now = self.parameters, self.now
        return lifetime_value.ltv_margin(
            now.margin_per_customer, now.retention_rate, p.horizon_years, p.discount_rate
        )

    @computed
    def value_range(self) -> tuple[float, float]:
        """Its bootstrap interval over customers; NaN where nothing tells one."""
        if not self.book.has("sales") or unknown(self.value):
            return NAN, NAN
        t, p = accounts_profits.yearly_customers(self.book), self.parameters
        return lifetime_value.ltv_interval(
            t.margin, t.active, t.active_previous, p.horizon_years, p.discount_rate
        )

    @computed
    def steps(self) -> pd.DataFrame:
        """From the deck's figures to the standard ones: `lifetime_value.reconciliation`."""
        p = self.parameters
        return lifetime_value.reconciliation(self.now, p.horizon_years, p.discount_rate)

    # --- the legal ledger

    @computed
    def ledger_totals(self) -> dict[str, float]:
        """Totals of the whole ledger; empty without one."""
        if not self.book.has("ledger"):
            return {}
        return figures_of(accounts.ledger_totals(self.book.table("ledger")))

    @computed
    def classes(self) -> pd.DataFrame:
        """Debit and credit by class of accounts, with the titles of the classes."""
        t = accounts.account_classes(self.book.table("ledger")).execute()
        titles, language = chart_of_accounts()["classes"], self.book.wording.language
        named = [titles.get(number, {}).get(language, "") for number in t.account_class]
        t.insert(1, "label", named)
        return t

    @computed
    def years(self) -> pd.DataFrame:
        """The fiscal years: `series.period_series`."""
        return series.period_series(self.book, "year")

    @computed
    def results(self) -> pd.DataFrame:
        """Result of every account of classes 6 and 7, year by year."""
        buckets = series.buckets_of(self.years)
        return accounts.account_results(self.book.table("ledger"), buckets).execute()

    @computed
    def balances(self) -> pd.DataFrame:
        """Intermediate balances, a column a year."""
        kinds = chart_of_accounts()["balances"]
        return accounts.intermediate_balances(self.results, kinds, len(self.years))

    @computed
    def doubtful(self) -> pd.DataFrame:
        """Doubtful customers in the ledger: `accounts.doubtful_accounts`."""
        return accounts.doubtful_accounts(self.book.table("ledger")).execute()

    @computed
    def from_customers(self) -> pd.DataFrame:
        """From the customers' revenue to the ledger's result: `series.ledger_lines`."""
        return series.ledger_lines(self.book)

    @computed
    def from_contribution(self) -> pd.DataFrame:
        """From the margin on variable costs to the ledger's trading
        margin: `series.margin_lines`.
        """
        return series.margin_lines(self.book)

    # --- what is published

    @computed
    def to_renegotiate(self) -> list[str]:
        """Names of losing customers whose one decision is to renegotiate."""
        losing = self.losing
        decided = decided_of(self.book, self.parameters.policy, losing.customer_id)
        chosen = decided.customer_id[decided.action == "renegotiate"]
        return list(losing[losing.customer_id.isin(chosen)].name)

    @computed
    def figures(self) -> dict[str, Any]:
        """The published figures of the audit period."""
        totals = {k: v for k, v in self.ledger_totals.items() if k != "whole_revenue"}
        values = totals | {name: self.now[name] for name in OF_PERIOD}
        values |= {f"{name}_effect": effect for name, effect in self.effects.items()}
        values |= {name: self.payment.get(name) for name in ("dso_days", "payment_delay_days")}
        values |= {
            "break_even_days": self.break_even_days,
            "ltv_margin": self.value,
            "ltv_margin_to_cac": self.steps.ratio.iloc[-1],
        }
        if not self.profit_known:
            return values | dict.fromkeys(WHALE)
        return values | cost_to_serve.whale_figures(self.profits, self.unpaid)

    @computed
    def ranges(self) -> dict[str, tuple[float, float]]:
        """Their intervals."""
        ranges = {"ltv_margin": self.value_range}
        if self.profit_known:
            margin, end = self.bought.margin.sum(), self.whale.iloc[-1]
            ranges["cost_to_serve"] = (margin - end.high, margin - end.low)
        return ranges


@tabled
def conceded(book: Book) -> Mapped:
    """`concessions.concessions` of the audit period; no row without sales."""
    if not book.has("sales"):
        return as_it_is(book.orders.limit(0).select(**given(None, CONCEDED)))
    return as_it_is(concessions.concessions(book.table("sales"), book.periods.current))


def _given_back(t: ir.Table) -> ir.BooleanValue:
    return (t.discounts > 0).fill_null(False) | (t.returns > 0)
