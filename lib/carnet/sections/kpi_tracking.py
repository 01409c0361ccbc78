"""The sections of kpi_tracking: how the indicators move, signal or noise, objectives,
cohorts, lifetimes.
"""

import pandas as pd

from carnet.customers.decisions import ACTION_COLUMNS
from carnet.customers.gaps.gap_list import TASK_COLUMNS
from carnet.customers.indicators.recurring import RecurringStudy
from carnet.customers.indicators.study import KpiStudy
from carnet.exhibits.charts import (
    draw_cohorts,
    draw_control,
    draw_hold_out,
    draw_survival,
    draw_waterfall,
)
from carnet.exhibits.exhibit import Answered, Exhibit, Kept, said
from carnet.exhibits.forms import Benchmarks, Columns, Drawn, Headline, Series
from carnet.findings import decisions as decisions_told
from carnet.findings import indicators as words
from carnet.findings import recurring as recurring_words
from carnet.findings import spend as spend_words
from carnet.findings.gaps import renewal_task
from carnet.measures.indicators import kpi
from carnet.measures.retention.purchases import MIN_CUSTOMERS
from carnet.sections.missing import first_missing, given, incomplete, needs, too_few, unmeasured
from carnet.sections.section import Shows, points, section, source_line

HALF_CENT = 0.005
FIRST_CHARTED = ("revenue", "active_customer_count")
QUARTERLY = (
    "revenue order_count average_basket active_customer_count retention_rate "
    "gross_margin net_margin"
)


def source(study: KpiStudy) -> str:
    """The footer of the charts."""
    ledger = [] if study.book.has("sales") else ["ledger"]
    return source_line(study.book, "sales", "costs", "summary", *ledger)


def revenue_known(study: KpiStudy) -> str:
    """The need of revenue in the audit period."""
    return unmeasured(study.book, study.now.revenue, "sales")


def totals_table(study: KpiStudy) -> str:
    """The table that would tell totals: the summary where there are no sales."""
    book = study.book
    return "summary" if book.has("summary") and not book.has("sales") else "sales"


def years_known(study: KpiStudy) -> str:
    """The need of revenue in any fiscal year."""
    revenue = study.years.revenue.max() if len(study.years) else None
    return unmeasured(study.book, revenue, totals_table(study))


@section(revenue_known)
def main_points(study: KpiStudy) -> Shows:
    """The findings, largest money first."""
    w = study.book.wording
    effects = dict(zip(study.split.factor, study.split.effect, strict=True))
    growth = words.growth(w, study.change, effects)
    yield from points(w, [growth, words.profit_growth(w, study.now, study.before)])


@section(revenue_known)
def headline(study: KpiStudy) -> Shows:
    """The figures of page one, beside the year before."""
    w = study.book.wording
    yield Exhibit("headline", w._("The year in figures"), study.headline, Headline())


@section()
def first_signals(study: KpiStudy) -> Shows:
    """How the first charted indicator moved, and where each objective stands."""
    for name in list(study.limits)[:1]:
        yield from said(_signals(study, name))
    for row in study.progress.to_dict("records"):
        yield from said(words.objective(study.book.wording, row))


def _signals(study: KpiStudy, name: str) -> str:
    years, (limits, pattern) = list(study.recent_years[name]), study.limits[name]
    return words.signals(study.book.wording, name, years, limits, pattern, study.audited)


@section()
def warnings(study: KpiStudy) -> Shows:
    """What the reader must know of the data before reading a figure."""
    for notice in study.book.notices:
        yield from said(study.book.wording.tell(notice), "warning")


@section(years_known)
def by_year(study: KpiStudy) -> Shows:
    """The indicators by fiscal year."""
    title = study.book.wording._("Indicators by fiscal year")
    yield Exhibit("kpi-years", title, study.years, Series(" ".join(kpi.INDICATORS)))


@section()
def by_quarter(study: KpiStudy) -> Shows:
    """The indicators by quarter, and all of them as a list."""
    recent = study.quarters.tail(study.parameters.quarter_count)
    if len(recent):
        title = study.book.wording._("Indicators by quarter")
        yield Exhibit(
            "kpi-quarters",
            title,
            recent,
            Series(QUARTERLY),
            annex=True,
        )
    both = [part.retention_rate + part.attrition_rate for part in study.grains.values()]
    one = all(((total.dropna() - 1).abs() <= 1e-12).all() for total in both)
    lists = {} if study.listed is None else {"kpi": study.listed}
    yield Kept(lists, [(one, "retention and attrition do not sum to 1")])


@section()
def signals(study: KpiStudy) -> Shows:
    """What is signal, and what is noise."""
    for name in FIRST_CHARTED:
        if name in study.limits:
            yield _control(study, name)
    for name in study.limits:
        yield from said(_signals(study, name))
    ordered = all((t.low <= t.high).all() for t, _ in study.limits.values())
    known = all(t.value.notna().all() for t, _ in study.limits.values())
    yield Kept(checks=[(ordered and known, "a natural limit is upside down")])
    if "revenue" in study.limits:
        middle = study.limits["revenue"][0]["mean"].iloc[-1]
        yield from said(unmeasured(study.book, middle, "sales"), "missing")
    else:
        yield from said(unmeasured(study.book, None, "sales"), "missing")


def _control(study: KpiStudy, name: str) -> Exhibit:
    w, (limits, pattern) = study.book.wording, study.limits[name]
    return Exhibit(
        f"control-{name.replace('_', '-')}",
        words.outside_limits(w, name, limits, study.audited),
        limits,
        Drawn(
            draw_control,
            {
                "labels": [w.period(label) for label in limits.index],
                "write": words.axis_writer(w, name, limits),
            },
        ),
        subtitle=words.limits_drawn(w, limits, pattern),
        source=source(study),
    )


def growth_known(study: KpiStudy) -> str:
    """The need of both periods, for the change of revenue by its factors."""
    book = study.book
    table = "summary" if book.has("summary") else "sales"
    return first_missing(
        incomplete(book) if book.has("sales") else "",
        unmeasured(book, study.split.effect.sum(skipna=False), table),
    )


@section(growth_known)
def growth(study: KpiStudy) -> Shows:
    """What made the growth."""
    w, split, change = study.book.wording, study.split, study.change
    missed = split.effect.sum(skipna=False) - change
    yield Exhibit(
        "growth",
        words.growth_title(w, change),
        words.growth_steps(w, split, change),
        Drawn(draw_waterfall),
        subtitle=w._("Change of revenue by factor, audit period against the previous period"),
        source=source(study),
        checks=[
            (
                not abs(missed) >= HALF_CENT,
                "the three factors do not add up to the change of revenue",
            )
        ],
    )


@section()
def objectives(study: KpiStudy) -> Shows:
    """Whether the objectives are on track."""
    w = study.book.wording
    none = w._("No objective in engagement.yml (targets: measure, baseline, target, due, owner).")
    if study.book.engagement.targets:
        none = w._("The objectives are of single offers: see what customers buy.")
    yield Exhibit(
        "objectives",
        w._("Objectives"),
        words.objectives(w, study.progress),
        Columns("label owner due target required value range progress"),
        missing="" if len(study.progress) else none,
    )


@section(given("sales"))
def cohorts(study: KpiStudy) -> Shows:
    """How cohorts hold."""
    w, t = study.book.wording, study.cohorts
    crowded = (t.active_count > t.customer_count).any()
    exhibit = Exhibit(
        "cohorts",
        words.newcomers_again(w, study.mature),
        study.young_cohorts,
        Drawn(draw_cohorts),
        subtitle=w._(
            "Per cent of each cohort that orders in a later period; n = customers of the cohort"
        ),
        source=source(study),
        missing=too_few(study.book, study.mature),
        lists={"cohorts": t} if study.spans else {},
        checks=[(not crowded, "a cohort has more active customers than customers")],
    )
    yield exhibit


@section(given("sales"))
def cohort_worth(study: KpiStudy) -> Shows:
    """What newcomers brought, when they had earned back what winning them cost, and what they
    began with.
    """
    w = study.book.wording
    yield from said(words.payback(w, study.cohort_values))
    yield Exhibit(
        "cohort-values",
        w._("What newcomers brought, by period of their first order"),
        study.cohort_values.assign(
            cohort_told=[w.period(label) for label in study.cohort_values.label]
        ).iloc[::-1],
        Columns(
            "cohort_told customer_count first_year_revenue second_year_revenue margin_so_far "
            "acquisition_total payback_months",
            first=study.parameters.quarter_count,
        ),
        note=w._(
            "Revenue less cost of goods; newcomers bought nothing in the year of sales before. "
            "Months to pay back count from the first one of the period."
        ),
        missing=too_few(study.book, study.cohort_values),
        lists={"cohort_values": study.cohort_values},
    )
    yield Exhibit(
        "first-orders",
        w._("What newcomers began with, and what became of them in a year"),
        study.first_orders.assign(
            cut_by=study.first_orders.dimension,
            cut_group=study.first_orders.group.fillna(w._("none given")),
        ),
        Columns(
            "cut_by cut_group customer_count again_range customer_revenue",
            first=study.parameters.top_count,
        ),
        missing=too_few(study.book, study.first_orders),
        lists={"first_orders": study.first_orders},
        annex=True,
    )


@section()
def lifetimes(study: KpiStudy) -> Shows:
    """How long customers stay, and the orders to come."""
    w, book, now = study.book.wording, study.book, study.now
    no_contracts = needs(book, "customers", "since", "contract")
    yield from said(no_contracts, "missing")
    if study.observed is not None:
        yield from _contracts(study, study.observed)
    half_life = study.figures["half_life_years"]
    yield from said(words.lifetime_order_of_magnitude(w, now.lifetime_deck, half_life))


def _contracts(study: KpiStudy, observed: pd.DataFrame) -> Shows:
    w, horizon = study.book.wording, study.parameters.horizon_years
    if len(study.survival):
        yield Exhibit(
            "survival",
            words.contract_runs(w, study.stay, horizon),
            study.survival,
            Drawn(draw_survival, {"horizon_years": horizon}),
            subtitle=w._(
                "Kaplan-Meier survival of {n} contracts with late entry, 95 % band",
                n=w.number(len(observed)),
            ),
            source=source_line(study.book, "customers", "departures"),
        )
    yield from said(
        words.contract_lifetime(
            w,
            observed,
            study.stay,
            study.stay_range,
            study.parameters.horizon_years,
            study.still,
            study.now.lifetime_deck,
        )
    )


@section()
def orders_to_come(study: KpiStudy) -> Shows:
    """What customers without a contract are expected to order."""
    w = study.book.wording
    if not study.fitted:
        few = words.not_modelled(w, len(study.earlier))
        yield from said(first_missing(needs(study.book, "sales"), few), "missing")
        return
    held = study.held_out
    yield Exhibit(
        "hold-out",
        words.predicted(w, held),
        held[held.fifth > 0],
        Drawn(draw_hold_out),
        subtitle=w._(
            "Customers who ordered in the {weeks} weeks held out, by fifth of predicted "
            "probability ({model} fitted before)",
            weeks=w.number(study.parameters.order_weeks),
            model="MBG/CNBD-k" if study.clockwork else "BG/NBD",
        ),
        source=source(study),
    )
    yield from said(
        words.purchases(
            w,
            len(study.history),
            study.figures,
            study.parameters.order_weeks,
            study.held_out.iloc[-1],
            study.regularity,
        )
    )
    yield Exhibit(
        "orders-to-come",
        w._(
            "Where revenue hangs on an order that may not come: revenue × probability of no order "
            "in {weeks} weeks, largest first",
            weeks=w.number(study.parameters.order_weeks),
        ),
        study.at_risk,
        Columns(
            "customer_id name salesperson revenue last_date order_probability "
            "expected_order_count naive_order_count",
            first=study.parameters.top_count,
        ),
        lists={"orders_to_come": study.at_risk_list},
        checks=[(not study.out_of_bounds.probability, "a probability lies outside 0 to 1")],
    )


@section(given("sales"))
def value_to_come(study: KpiStudy) -> Shows:
    """What the orders to come of each customer are worth."""
    w = study.book.wording
    if not study.valued:
        repeated = int((study.spent.repeat_count > 0).sum())
        few = spend_words.not_valued(w, repeated, MIN_CUSTOMERS)
        unfitted = words.not_modelled(w, len(study.earlier))
        yield from said(few if study.fitted else unfitted, "missing")
        return
    yield from said(spend_words.held_out(w, study.values_held_out, study.parameters.order_weeks))
    yield from said(spend_words.independence(w, *study.spend_independence))
    yield Exhibit(
        "customer-values",
        w._(
            "Revenue expected in the next {weeks} weeks: orders expected × spend expected, largest "
            "first",
            weeks=w.number(study.parameters.order_weeks),
        ),
        study.values,
        Columns(
            "customer_id name salesperson expected_order_count expected_spend expected_revenue",
            first=study.parameters.top_count,
        ),
        lists={"customer_values": study.value_list},
        checks=[(not study.out_of_bounds.revenue, "a customer is expected to owe")],
    )


def something_recurs(study: RecurringStudy) -> str:
    """The need of contracts, or of offers named as recurring."""
    return "" if study.contracts is not None else needs(study.book, "contracts")


@section(something_recurs)
def recurring_revenue(study: RecurringStudy) -> Shows:
    """What recurs a month, what a year made of it, and who ended it."""
    w = study.book.wording
    if study.contracts is None:
        return
    yield from said(recurring_words.movement(w, study.year, study.figures))
    yield _recurring_year(study)
    yield Exhibit(
        "recurring-months",
        w._("Recurring revenue month by month"),
        study.bridge.tail(12).assign(
            month_told=[w.date(day, "MMM y") for day in study.bridge.day.tail(12)]
        ),
        Columns(
            "month_told opening new reactivation expansion contraction churned closing "
            "gross_churn net_churn quick_ratio"
        ),
        annex=True,
    )
    yield Exhibit(
        "contract-states",
        w._("Contracts at the audit date"),
        study.states.assign(contract_state=study.states.state),
        Columns("contract_state contract_count customer_count monthly_amount"),
        missing=first_missing(needs(study.book, "contracts"), too_few(study.book, study.states)),
    )
    if not study.compared:
        return
    yield Exhibit(
        "recurring-effects",
        w._("What changed the recurring revenue of the customers of both days"),
        study.effects[study.effects.customer_count > 0].assign(
            recurring_effect=study.effects.effect, recurring_change=study.effects.amount
        ),
        Columns("recurring_effect customer_count recurring_change"),
        missing=too_few(study.book, study.effects[study.effects.customer_count > 0]),
        checks=[
            (
                abs(study.effects.amount.sum() - study.year.expansion - study.year.contraction)
                < HALF_CENT,
                "products, prices and quantities do not add up to expansion and contraction",
            )
        ],
    )
    yield Exhibit(
        "recurring-cohorts",
        w._("What customers of one quarter bring later, in % of the end of that quarter"),
        study.cohorts.assign(
            label=[w.date(quarter, "MMM y") for quarter in study.cohorts.label],
            active_rate=study.cohorts.revenue_rate,
        ),
        Drawn(draw_cohorts, {"ages": w._("quarters since the first contract")}),
        subtitle=w._(
            "Recurring revenue of the cohort, quarter by quarter; n = its customers; above 100: "
            "those who stay add more than the others end"
        ),
        source=source_line(study.book, *_of_contracts(study)),
        missing=too_few(study.book, study.cohorts[study.cohorts.age > 0]),
        lists={"recurring_cohorts": study.cohorts},
    )
    ended = study.losses.step == "churned"
    yield from said(recurring_words.left(w, study.losses[ended]))
    yield Exhibit(
        "recurring-left",
        w._("Customers whose contracts ended or shrank since a year ago, largest loss first"),
        study.losses,
        Columns(
            "customer_id name salesperson recurring_previous recurring recurring_change",
            first=study.parameters.top_count,
        ),
        missing=too_few(study.book, study.losses),
        lists={"recurring_losses": study.losses},
    )


def _recurring_year(study: RecurringStudy) -> Exhibit:
    w, steps = study.book.wording, recurring_words.steps(study.book.wording, study.year)
    missed = steps.amount[:-1].sum() - steps.amount.iloc[-1]
    return Exhibit(
        "recurring-bridge",
        recurring_words.bridge_title(w, study.year),
        steps,
        Drawn(draw_waterfall),
        subtitle=w._(
            "Recurring revenue a month, a year ago and today, customer by customer between both "
            "days"
        ),
        source=source_line(study.book, *_of_contracts(study)),
        missing=""
        if study.compared
        else w._("Not compared: the sales given do not cover the previous period."),
        lists={"recurring_bridge": study.bridge.drop(columns="position")},
        checks=[(abs(missed) < HALF_CENT, f"the recurring bridge misses {missed:.2f}")],
    )


def _of_contracts(study: RecurringStudy) -> tuple[str, ...]:
    return ("contracts",) if study.book.has("contracts") else ("sales",)


@section()
def recurring_answer(study: RecurringStudy) -> Shows:
    """What page one says of what recurs; nothing where nothing does."""
    w = study.book.wording
    if study.contracts is not None:
        found = recurring_words.movement(w, study.year, study.figures)
        ending = recurring_words.expiring(w, study.renewals)
        told = recurring_words.renewed(w, study.outcomes) if len(study.outcomes) else ""
        sold = study.book.has("sales")
        yield Answered(recurring_words.answer(w, found, ending, told, sold))


@section()
def renewal_advice(study: RecurringStudy) -> Shows:
    """What to do about contracts that end; nothing where none does."""
    told = recurring_words.recommendations(study.book.wording, study.renewals, study.book.as_of)
    for sentence in told:
        yield from said(sentence, "recommendation")


@section(given("contracts", "end"))
def renewals(study: RecurringStudy) -> Shows:
    """Which contracts end in the coming year, and what became of those that ended."""
    w = study.book.wording
    yield from said(recurring_words.expiring(w, study.renewals))
    yield from said(recurring_words.past_notice(w, study.renewals, study.book.as_of))
    yield from said(recurring_words.at_risk(w, study.renewals))
    yield Exhibit(
        "renewals",
        w._("Contracts that end in the coming 12 months, earliest first"),
        study.renewals.assign(signs_told=recurring_words.signs(w, study.renewals)),
        Columns(
            "customer_id name salesperson product end notice_date yearly_amount signs_told action",
            first=study.parameters.top_count,
        ),
        missing=too_few(study.book, study.renewals),
        note=w._(
            "Signs: among the most late by its own orders, recurring revenue that shrank, marks "
            "under the stated one, a complaint, an invoice past due. Signs, no probability."
        ),
        lists={"renewals": study.renewals.assign(signs=study.renewals.signs.map(" ".join))},
        names="contracts_ending",
    )
    if not study.book.has("sales"):
        planned = study.tasks.assign(task=renewal_task(w, study.tasks))
        yield Exhibit(
            "renewal-tasks",
            w._("First tasks, earliest first"),
            planned.sort_values("due_date", kind="stable"),
            Columns("due_date salesperson name task", first=study.parameters.top_count),
            missing=too_few(study.book, planned),
            lists={
                "tasks": planned[TASK_COLUMNS],
                "actions": decisions_told.worded(w, study.decided)[
                    [*ACTION_COLUMNS, "decision", "why"]
                ],
            },
        )
    yield from said(recurring_words.renewed(w, study.outcomes) if len(study.outcomes) else None)
    yield Exhibit(
        "renewal-outcomes",
        w._("Contracts that ended in the last 12 months"),
        study.outcomes,
        Columns("outcome outcome_count yearly_amount outcome_range"),
        missing=too_few(study.book, study.outcomes),
    )


@section(given("contracts", "end"))
def stays(study: RecurringStudy) -> Shows:
    """How long customers stay under contract, as chances, tried on the last year."""
    if not study.book.has("contracts", "end"):
        return
    w = study.book.wording
    few = recurring_words.not_fitted(w, study.stays)
    yield from said(recurring_words.held_out(w, study.stays_held_out))
    yield Exhibit(
        "stays",
        recurring_words.stays_title(w, study.period),
        study.stay_curve,
        Columns("period_number stay_share renewal_rate"),
        note=w._(
            "By the shifted-beta-geometric model, in which the chance to leave differs from "
            "customer to customer."
        ),
        missing="" if study.stay_model is not None else few,
        lists={"stays": study.stay_curve},
    )


@section()
def benchmarks(study: KpiStudy) -> Shows:
    """Published figures beside this book."""
    w = study.book.wording
    own = {
        "half_life_5_years": words.half_life(w, study.figures["half_life_years"]),
        "retention_ceiling": w.percent(study.now.retention_rate),
    }
    yield Exhibit(
        "benchmarks",
        w._("What is quoted everywhere, and what this book shows"),
        pd.DataFrame({"name": list(own), "own": list(own.values())}),
        Benchmarks(),
        annex=True,
    )


@section()
def recommendations(study: KpiStudy) -> Shows:
    """What to do next: each sentence is triggered by a signal or by an objective."""
    limits = {name: t for name, (t, _) in study.limits.items()}
    for sentence in words.recommendations(
        study.book.wording, limits, study.audited, study.progress
    ):
        yield from said(sentence, "recommendation")
