"""The sections of cost_structure: costs, margins, break-even, prices, who pays for whom,
the legal ledger.
"""

import pandas as pd

from carnet.customers.costs.study import CostStudy
from carnet.engagement.profiles import chart_of_accounts
from carnet.engagement.records import LIST_LIMIT
from carnet.exhibits.charts import (
    draw_break_even,
    draw_cost_blocks,
    draw_waterfall,
    draw_whale,
)
from carnet.exhibits.exhibit import Answered, Exhibit, Kept, said
from carnet.exhibits.forms import Benchmarks, Columns, Drawn, Figures, Matrix, Series, figures
from carnet.findings import answer as answers
from carnet.findings import costs as words
from carnet.findings import disputes as dispute_words
from carnet.sections.missing import (
    first_missing,
    given,
    incomplete,
    needs,
    too_few,
    unmeasured,
)
from carnet.sections.section import Shows, month_labels, points, section, source_line
from carnet.wording import unknown

HALF_CENT = 0.005
MARGINS = (
    "revenue ledger_revenue variable_cost gross_margin fixed_cost acquisition_cost "
    "marketing_salaries sales_salaries other_salaries marketing_expenses other_expenses total_cost "
    "net_margin quantity unit_price unit_variable_cost unit_cost"
)
VALUES = (
    "cac_deck cac_standard cac_marginal lifetime_deck ltv_deck ltv_gross_margin ltv_margin "
    "ltv_to_cac_deck ltv_to_cac ltv_margin_to_cac"
)
SERVED = "customer_id name margin cost_to_serve unpaid_service"


def source(study: CostStudy) -> str:
    """The footer of the charts on the company."""
    ledger = [] if study.book.has("sales") else ["ledger"]
    return source_line(study.book, "sales", "costs", "summary", *ledger)


def total_known(study: CostStudy) -> str:
    """The need of all costs."""
    return unmeasured(study.book, study.now.total_cost, "costs")


def behaviour_known(study: CostStudy) -> str:
    """The need of costs told apart by their behaviour."""
    return unmeasured(study.book, study.now.fixed_cost, "costs")


def profit_known(study: CostStudy) -> str:
    """The need of what each customer's profit rests on."""
    book, unpriced = study.book, ""
    if study.unpriced_service:
        unpriced = first_missing(needs(book, "service", "cost"), needs(book, "service", "minutes"))
    return first_missing(
        needs(book, "sales"),
        needs(book, "service"),
        unpriced,
        unmeasured(book, study.now.variable_cost, "costs"),
    )


def mix_known(study: CostStudy) -> str:
    """The need of products with quantities in both periods."""
    return first_missing(needs(study.book, "sales", "product", "quantity"), incomplete(study.book))


@section(total_known)
def main_points(study: CostStudy) -> Shows:
    """The findings, largest money first."""
    w, p, now = study.book.wording, study.parameters, study.now
    findings = [
        words.net_margin(w, now, study.before, study.margin_swing),
        words.growth_cost(w, now, study.before),
        words.break_even(w, now, study.passed, study.months[1]),
        words.cost_movement(w, study.changes.to_dict("records"), p.name_count),
    ]
    if study.mix_known:
        findings.append(words.price_volume(w, study.effects))
    if study.profit_known:
        findings.append(words.cost_to_serve(w, study.profits, study.losing, p.name_count))
    findings.append(words.lifetime_value(w, now, study.value, study.value_range, p.horizon_years))
    if study.delay_known:
        findings.append(words.receivables(w, study.payment, study.late_amount))
    if len(study.largest):
        names = list(study.largest.name)
        findings.append(words.stress(w, study.stressed.to_dict("records"), names))
    yield from points(w, findings)


@section()
def answer(study: CostStudy) -> Shows:
    """What page one says: whether the company earns money, and what customers owe past due."""
    w, now, before = study.book.wording, study.now, study.before
    if total_known(study):
        return
    even = words.break_even(w, now, study.passed, study.months[1])
    told = even.sentence if even else ""
    points = answers.earned(
        w, now.net_margin, before.net_margin, not unknown(now.ledger_result), told
    )
    if study.delay_known:
        owed = words.receivables(w, study.payment, study.late_amount)
        points += [point for point in answers.exposed(w, [owed]) if point.inside]
    yield Answered(points)


@section()
def warnings(study: CostStudy) -> Shows:
    """What the reader must know of the data before reading a figure."""
    for notice in study.book.notices:
        yield from said(study.book.wording.tell(notice), "warning")


@section(behaviour_known)
def cost_blocks(study: CostStudy) -> Shows:
    """What it costs, by behaviour."""
    w, now, before = study.book.wording, study.now, study.before
    labels = {
        "variable_cost": w._("variable"),
        "fixed_cost": w._("fixed"),
        "acquisition_cost": w._("acquisition"),
    }
    blocks = [(label, before[name], now[name]) for name, label in labels.items()]
    yield Exhibit(
        "cost-blocks",
        words.costs_in_all(w, now),
        pd.DataFrame(blocks, columns=["label", "before", "now"]),
        Drawn(draw_cost_blocks),
        subtitle=w._("Costs by behaviour, previous period and audit period"),
        source=source(study),
    )


@section()
def cost_changes(study: CostStudy) -> Shows:
    """How costs moved, category by category."""
    w, t = study.book.wording, study.changes
    period = study.lines[study.lines.bucket == 1].amount.sum()
    checks = [
        (
            not abs(t.cost.sum(skipna=False) - period) >= HALF_CENT,
            "cost categories do not sum to the costs of the period",
        )
    ]
    lists = {"costs": t} if len(t) else {}
    if not study.book.has("costs"):
        yield Kept(lists, checks)
        return
    yield Exhibit(
        "cost-changes",
        w._("Costs by category, largest change first"),
        study.changes,
        Columns(
            "category behaviour cost_previous cost cost_change", first=study.parameters.top_count
        ),
        missing=too_few(study.book, study.changes),
        lists=lists,
        checks=checks,
    )


@section(total_known)
def left_of_revenue(study: CostStudy) -> Shows:
    """What is left of revenue, one kind of cost at a time."""
    w, now = study.book.wording, study.now
    rest = now.accounted_revenue - now.total_cost + now.other_income - now.net_margin
    yield Exhibit(
        "margin-steps",
        words.left_of_revenue(w, now),
        words.margin_steps(w, now),
        Drawn(draw_waterfall),
        subtitle=w._("From revenue to the net margin, audit period"),
        source=source(study),
        missing=behaviour_known(study),
        checks=[
            (
                not abs(rest) >= HALF_CENT,
                f"revenue less its costs misses the net margin by {rest:.2f}",
            )
        ],
    )
    yield Exhibit(
        "margins",
        w._("Margins and unit costs"),
        study.audit.assign(label=[w._("Previous period"), w._("Audit period")]),
        Series(MARGINS),
    )
    yield from said(words.goods_source(w, study.book.goods.source), "note")


@section(behaviour_known)
def break_even(study: CostStudy) -> Shows:
    """Where break-even is, and how much of it hangs on the largest customers."""
    w, book, now = study.book.wording, study.book, study.now
    no_revenue = w._("Not drawn: there is no revenue in this period.")
    crossing = now.break_even_revenue * now.margin_rate - now.fixed_cost_deck
    yield Exhibit(
        "break-even-date",
        words.passed_on(w, study.passed),
        study.cumulated.assign(label=month_labels(book, reversed(range(book.periods.month_count)))),
        Drawn(draw_break_even),
        subtitle=words.passing(w, study.months[1]),
        source=source(study),
        missing="" if now.accounted_revenue > 0 else no_revenue,
        checks=[
            (
                not abs(crossing) >= 2 * HALF_CENT,
                "the margin at break-even does not equal the fixed costs",
            )
        ],
    )
    names = (
        "break_even_revenue break_even_quantity break_even_days safety_margin_rate "
        "operating_leverage"
    )
    yield Exhibit("break-even", w._("Break-even"), figures(names, study.figures), Figures())
    yield Exhibit(
        "stress",
        w._("If the largest customers left and the fixed costs stayed"),
        study.stressed,
        Columns(
            "top_count revenue_at_risk revenue_left margin_left net_margin "
            "break_even_revenue safety_margin_rate"
        ),
        missing=first_missing(needs(book, "sales"), too_few(book, study.stressed, 2)),
    )


@section(mix_known)
def price_volume_mix(study: CostStudy) -> Shows:
    """Price, volume or mix."""
    if not study.mix_known:
        return
    w, mix = study.book.wording, study.mix
    missed = mix.amount[:-1].sum() - mix.amount.iloc[-1]
    yield Exhibit(
        "price-volume",
        words.price_volume_title(w, study.effects),
        words.price_volume_steps(w, mix),
        Drawn(draw_waterfall),
        subtitle=w._(
            "Change of revenue between the two periods; price, volume and mix by the midpoint "
            "form, which leaves no residual"
        ),
        source=source_line(study.book, "sales"),
        lists={"price_volume": mix},
        checks=[
            (
                abs(missed) < HALF_CENT,
                f"price, volume, mix and the rest miss the revenue by {missed:.2f}",
            )
        ],
    )
    yield Exhibit(
        "products",
        w._("Products sold in both periods, largest change of revenue first (kept customers)"),
        study.products_moved.head(LIST_LIMIT),
        Columns(
            "product quantity_previous quantity price_previous price revenue_previous "
            "revenue sales_gap",
            first=study.parameters.top_count,
        ),
        annex=True,
    )


@section(profit_known)
def who_pays_for_whom(study: CostStudy) -> Shows:
    """Each customer's margin against what it costs to serve."""
    if not study.profit_known:
        return
    w, p, unpriced = study.book.wording, study.parameters, study.served[1]
    if unpriced:
        sentence = w._(
            "Activities with neither a cost nor minutes, in no cost to serve: {count}.",
            count=w.number(unpriced),
        )
        yield from said(sentence, "warning")
    yield Exhibit(
        "whale",
        words.losing_title(w, study.losing, study.profits),
        study.whale,
        Drawn(draw_whale),
        subtitle=w._(
            "Cumulated profit after cost to serve, most profitable customer first; band: rates "
            "from {low} to {high} an hour; sign certain for {certain} of customers",
            low=w.money(p.hourly_rate_low, 0),
            high=w.money(p.hourly_rate_high, 0),
            certain=w.percent(study.figures["certain_sign_share"], 0),
        ),
        source=source_line(study.book, "sales", "costs", "service", "receivables"),
    )
    yield from _losing(study)


def _losing(study: CostStudy) -> Shows:
    w, book, first = study.book.wording, study.book, study.parameters.top_count
    profits, losing, unpaid = study.profits, study.losing, study.unpaid
    missed = profits.margin.sum() - study.bought.margin.sum()
    yield Exhibit(
        "losing",
        w._("Customers that cost more than they bring, largest loss first"),
        losing.head(LIST_LIMIT),
        Columns(
            "customer_id name salesperson revenue margin cost_to_serve profit profit_range sign",
            first=first,
        ),
        missing=too_few(book, losing),
        lists={
            "whale": profits.drop(columns="sign"),
            "unpaid_services": unpaid[SERVED.split()],
        },
        checks=[(abs(missed) < HALF_CENT, "the whale curve lost a customer's margin")],
        names="cost_to_serve",
    )
    yield Exhibit(
        "unpaid",
        w._(
            "Unpaid services: the part of the cost to serve that the customer's own margin of the "
            "period does not pay"
        ),
        study.unpaid,
        Columns(SERVED, first=first),
        missing=too_few(book, study.unpaid),
    )


@section(given("sales"))
def given_back(study: CostStudy) -> Shows:
    """What discounts and returns took off, apart."""
    w = study.book.wording
    yield from said(words.conceded(w, study.conceded, study.names(study.given_back)))
    yield Exhibit(
        "concessions",
        words.conceded_title(w, study.conceded),
        study.given_back,
        Columns(
            "customer_id name salesperson listed discounts discount_share returns return_share",
            first=study.parameters.top_count,
        ),
        note=w._(
            "Returns are the negative lines; the list price is told by the lines that name a "
            "discount, the others count with what was paid."
        ),
        missing=too_few(study.book, study.given_back),
        lists={"concessions": study.given_back_list},
        annex=True,
    )


def acquisition_known(study: CostStudy) -> str:
    """The need of acquisition costs and of active customers."""
    w = study.book.wording
    nobody = w._("Not measured: no table tells the active customers of this period.")
    return first_missing(
        unmeasured(study.book, study.now.acquisition_cost, "costs"),
        "" if study.now.active_customer_count > 0 else nobody,
    )


@section(acquisition_known)
def customer_value(study: CostStudy) -> Shows:
    """What a customer costs, and what it brings."""
    w, p, steps = study.book.wording, study.parameters, study.steps
    reached = steps.ltv[0] + steps.ltv_change.sum() - steps.ltv.iloc[-1]
    unknown_steps = w._(
        "The steps between both definitions need new customers, lost customers and an acquisition "
        "cost in this period."
    )
    yield Exhibit(
        "acquisition",
        w._("Acquisition cost and lifetime value, per customer"),
        figures(VALUES, study.figures, study.ranges),
        Figures(ranged=True),
    )
    yield Exhibit(
        "reconciliation",
        w._(
            "From the deck's figures to the standard ones: lifetime value over {years} years, "
            "discounted at {rate} a year",
            years=w.number(p.horizon_years),
            rate=w.percent(p.discount_rate),
        ),
        study.steps,
        Columns("step ltv ltv_change cac cac_change ratio"),
        missing=unknown_steps if study.steps[["ltv", "cac"]].isna().any(axis=None) else "",
        checks=[
            (
                not abs(reached) > 1e-6,
                "the steps do not lead from the deck's value to the standard one",
            )
        ],
        annex=True,
    )
    own = {"name": ["ltv_to_cac_3"], "own": [w.number(study.now.ltv_to_cac, 1)]}
    yield Exhibit(
        "benchmarks",
        w._("The published rule of thumb"),
        pd.DataFrame(own),
        Benchmarks(),
        annex=True,
    )


@section(given("receivables", "paid_date"))
def payment(study: CostStudy) -> Shows:
    """When they pay."""
    if not study.delay_known:
        return
    w, book = study.book.wording, study.book
    names = "dso_days payment_delay_days"
    yield Exhibit("payment", w._("Payment"), figures(names, study.figures), Figures())
    yield Exhibit(
        "aged",
        words.aged_title(w, book.has("receivables", "due_date")),
        words.ages(w, study.ages),
        Columns("age invoice_count customer_count open_amount"),
        missing=too_few(book, study.ages),
    )


def complaints_told(study: CostStudy) -> str:
    """The need of activities that tell which complaints are closed."""
    return "" if study.complaints_followed else needs(
        study.book, "service", "status"
    ) or study.book.wording._("No activity is a complaint.")  # fmt: skip


@section(complaints_told, given("sales"))
def complaints(study: CostStudy) -> Shows:
    """Which complaints are closed, how long that takes, and which ones wait."""
    if not (study.complaints_followed and study.book.has("sales")):
        return
    w = study.book.wording
    oldest = study.names(study.waiting.drop_duplicates("customer_id"))
    yield from said(dispute_words.complaints(w, study.complaint_states, oldest))
    yield Exhibit(
        "complaints-open",
        w._("Complaints that are open, longest first"),
        study.waiting.assign(noted=study.waiting.date),
        Columns(
            "customer_id name salesperson activity noted open_days",
            first=study.parameters.top_count,
        ),
        missing=too_few(study.book, study.waiting),
        lists={"complaints": study.complaints},
    )


@section(given("receivables", "due_date", "paid_date"))
def stuck(study: CostStudy) -> Shows:
    """What is stuck, in which state, what comes back, and what the last audit held."""
    w, book = study.book.wording, study.book
    if not study.delay_known:
        return
    yield from said(dispute_words.stuck(w, study.states))
    yield Exhibit(
        "dispute-states",
        w._("Invoices that are stuck, by state"),
        study.states.assign(dispute_state=study.states.state, invoiced=study.states.amount),
        Columns(
            "dispute_state customer_count invoice_count invoiced median_past_due oldest_past_due"
        ),
        note=w._("Days count from the due date: the day on which a state began is in no export."),
        missing=first_missing(needs(book, "receivables", "status"), too_few(book, study.states)),
    )
    yield Exhibit(
        "stuck-invoices",
        w._("The stuck invoices, largest first"),
        study.stuck.assign(dispute_state=study.stuck.state, invoiced=study.stuck.amount),
        Columns(
            "customer_id name salesperson dispute_state invoice_date due invoiced days_past_due",
            first=study.parameters.top_count,
        ),
        missing=too_few(book, study.stuck),
        lists={"disputes": study.stuck},
    )
    yield from said(dispute_words.recovered(w, study.recovery))
    yield Exhibit(
        "recovery",
        w._(
            "Of invoices unpaid so many days after they were due, paid within the next 90 days; "
            "only those whose 90 days are over"
        ),
        study.recovery[study.recovery.invoice_count > 0].assign(
            age_days=study.recovery.age, invoiced=study.recovery.amount
        ),
        Columns("age_days invoice_count recovery_range invoiced recovered_share"),
        missing=too_few(book, study.recovery[study.recovery.invoice_count > 0]),
    )
    if len(study.dispute_flow):
        yield Exhibit(
            "dispute-flow",
            w._("What was stuck at the last audit, and what became of it"),
            study.dispute_flow.assign(
                dispute_state_before=study.dispute_flow.state_before,
                dispute_state=study.dispute_flow.state,
                invoiced=study.dispute_flow.amount,
            ),
            Columns("dispute_state_before dispute_state invoice_count invoiced"),
        )


@section(given("ledger"))
def ledger(study: CostStudy) -> Shows:
    """What the legal ledger says, and how it follows from the customers."""
    if not study.book.has("ledger"):
        return
    w = study.book.wording
    names = "ledger_revenue ledger_linked_share ledger_debit ledger_credit"
    yield Exhibit(
        "ledger-figures",
        w._("The ledger as a whole"),
        figures(names, study.figures),
        Figures(),
        annex=True,
    )
    captions = {
        "ledger-result": w._(
            "From the revenue of the customers to the result of the ledger, audit period"
        ),
        "ledger-margin": w._(
            "From the margin on variable costs to the ledger’s trading margin, audit period"
        ),
    }
    lines = {
        "ledger-result": (study.from_customers, words.LEDGER_STEPS),
        "ledger-margin": (study.from_contribution, words.MARGIN_STEPS),
    }
    for key, (rows, labels) in lines.items():
        if len(rows):
            missed = rows.amount[:-1].sum() - rows.amount.iloc[-1]
            yield Exhibit(
                key,
                captions[key],
                words.steps_table(w, rows, labels),
                Columns("label value"),
                checks=[
                    (
                        abs(missed) < HALF_CENT,
                        "the lines of a reconciliation do not lead to its end",
                    )
                ],
            )
    yield from _accounts(study)


def _accounts(study: CostStudy) -> Shows:
    """The balances of each year, the classes of accounts, and doubtful customers."""
    w, balances = study.book.wording, study.balances
    labels = {b.name: b.labels[w.language] for b in chart_of_accounts()["balances"]}
    missed = balances.iloc[-1, 1:].sum() - study.results.result.sum()
    yield Exhibit(
        "intermediate-balances",
        w._("Intermediate balances (soldes intermédiaires de gestion), per fiscal year"),
        balances.drop(columns="name").assign(label=balances.name.map(labels)),
        Matrix(study.years),
        checks=[(abs(missed) < HALF_CENT, "the net result is not the sum of classes 6 and 7")],
    )
    yield Exhibit(
        "classes",
        w._("Debit and credit by class of accounts, whole ledger"),
        study.classes.rename(columns={"label": "account_label"}),
        Columns("account_class account_label debit credit balance"),
        lists={"ledger": study.classes},
        annex=True,
    )
    note = w._(
        "The classes sum every exercise given; what an exercise carries forward is counted once."
    )
    yield from said(note, "note")
    if len(study.claims):
        yield Exhibit(
            "ledger-claims",
            w._("Claims on customers in the ledger, per fiscal year"),
            study.claims.assign(label=dispute_words.claim_labels(w, study.claims.account)).drop(
                columns="account"
            ),
            Matrix(study.years),
        )
    nobody = w._("No entry on doubtful customers (accounts 416, 491, 654).")
    yield Exhibit(
        "doubtful",
        w._("Doubtful customers: accounts 416, 491 and 654, whole ledger"),
        study.doubtful,
        Columns("account account_label debit credit balance"),
        missing="" if len(study.doubtful) else nobody,
    )


@section()
def recommendations(study: CostStudy) -> Shows:
    """What to do next: each sentence is triggered by a threshold among the parameters."""
    w, p = study.book.wording, study.parameters
    names = study.to_renegotiate[: p.name_count]
    unprovided = (
        words.stuck_unprovided(w, study.ages, study.recovery, study.doubtful)
        if study.followed
        else ""
    )
    days = study.figures["dso_days"]
    for sentence in words.recommendations(
        w, study.now, names, p.safety_alert_rate, days, p.dso_alert_days, unprovided
    ):
        yield from said(sentence, "recommendation")
