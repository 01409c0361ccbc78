"""The sections of portfolio_audit: customers, movements, concentration, segments,
capital, strategies.
"""

from functools import partial

import ibis
import pandas as pd

from carnet.book.mapped import Mapped
from carnet.customers.accounts.account_list import LARGEST_FIRST, STRATEGY_COLUMNS
from carnet.customers.accounts.study import STRATEGIES, AccountStudy
from carnet.customers.portfolio.study import PortfolioStudy
from carnet.exhibits.charts import (
    draw_basket_bands,
    draw_drop_off,
    draw_lorenz,
    draw_monthly_revenue,
    draw_ranking,
    draw_rfm,
    draw_scores,
    draw_waterfall,
)
from carnet.exhibits.exhibit import Answered, Exhibit, Kept, Ranked, Shown, said, told
from carnet.exhibits.forms import Columns, Crossed, Drawn, Figures, figures
from carnet.findings import after_sale as after_sale_words
from carnet.findings import answer as answers
from carnet.findings import decisions as decided
from carnet.findings import portfolio as words
from carnet.findings import ranked
from carnet.findings import strategy as strategies
from carnet.sections.missing import complete, first_missing, given, needs, too_few
from carnet.sections.section import Shows, month_labels, section

CENT = 0.01
HALF_CENT = 0.005
TINY = 1e-9  # of sums of shares
ENDS = 8  # customers drawn at each end of the ranking
SCORED = 15  # customers drawn on the axes
OUTWEIGHING = 1.5  # times the average portfolio: from there a salesperson is an exposure
REVENUE = "revenue revenue_previous gross_revenue_retention net_revenue_retention quick_ratio"
MOVEMENTS = (
    "active_customer_count active_customer_count_previous opening_customer_count "
    "kept_customer_count lost_customer_count not_due_customer_count new_customer_count "
    "recovered_customer_count retention_rate attrition_rate half_life_years"
)
CONCENTRATION = (
    "top_1_share top_5_share top_10_share herfindahl_index equivalent_customer_count "
    "gini_index abc_a_customer_count"
)
PURCHASES = (
    "order_count average_basket purchase_frequency purchase_frequency_median "
    "one_timer_rate repeat_customer_rate"
)
PROGRESSION = "growing_customer_rate median_growth_rate frequency_effect basket_effect"
MOVED = (
    "customer_id name salesperson revenue_previous revenue sales_gap growth_rate "
    "frequency_effect basket_effect"
)


def source(study: PortfolioStudy | AccountStudy) -> str:
    """The footer of the charts."""
    w, period = study.book.wording, study.book.periods.current
    return w._(
        "Source: sales, {rows} lines accepted in all; audit period {start} to {end}",
        rows=w.number(study.book.sales_row_count),
        start=w.date(period.start),
        end=w.date(period.end),
    )


# --- main points


@section(given("sales"))
def main_points(study: PortfolioStudy, accounts: AccountStudy) -> Shows:
    """How revenue moved, then the findings, largest money first."""
    w, f = study.book.wording, study.figures
    change = words.revenue_change(w, f, study.change_range, study.book.previous_is_complete)
    yield from said(change)
    findings = _compared(study) if study.compared else []
    sellers = study.named_sellers
    first = sellers.iloc[0].to_dict() if len(sellers) else None
    t, names = accounts.totals, accounts.names
    findings += [
        words.dependence(w, study.without_top.to_dict("records"), study.top_names),
        words.salesperson_exposure(w, first, len(sellers)),
        words.contact_exposure(w, study.single_contact),
        strategies.protect(w, t, accounts.unpaid),
        strategies.renegotiate(w, t, names["renegotiate"]),
    ]
    findings += [after_sale_words.sure(w, row) for row in study.second_orders.to_dict("records")]
    if study.compared:
        findings.append(strategies.rekindle(w, t, accounts.chance, names["rekindle"]))
    yield Ranked(ranked(findings))


def _compared(study: PortfolioStudy) -> list:
    w, f, totals = study.book.wording, study.figures, study.progress_totals
    lost, shrinking, growing = (
        study.names(t) for t in (study.lost, study.shrinking, study.growing)
    )
    return [
        words.lost_customers(w, f, lost, study.ranges["attrition_rate"]),
        words.arrivals(w, f),
        words.shrinking_customers(
            w, -totals["shrinking_gap"], totals["shrinking_count"], shrinking
        ),
        words.growing_customers(w, totals["growing_gap"], totals["growing_count"], growing),
    ]


@section()
def answer(study: PortfolioStudy) -> Shows:
    """What page one says: how revenue moved and by whom, and what hangs on few."""
    w, f = study.book.wording, study.movement_figures
    points = []
    if study.compared:
        names = {
            "lost": study.names(study.lost),
            "less": study.names(study.shrinking),
            "came": study.names(study.arrived),
            "more": study.names(study.growing),
        }
        points += answers.change(w, f, study.progress_totals)
        points += answers.movements(w, f, study.progress_totals, names)
    sellers = study.named_sellers
    first = sellers.iloc[0].to_dict() if len(sellers) else None
    outweighs = first and first["revenue_share"] * len(sellers) >= OUTWEIGHING
    exposures = [
        words.contact_exposure(w, study.single_contact),
        words.salesperson_exposure(w, first, len(sellers)) if outweighs else None,
        words.dependence(w, study.without_top.to_dict("records"), study.top_names),
    ]
    yield Answered(points + answers.exposed(w, exposures))


@section()
def warnings(study: PortfolioStudy) -> Shows:
    """What the reader must know of the data before reading a figure."""
    w = study.book.wording
    for notice in study.book.notices:
        yield from said(w.tell(notice), "warning")
    yield from said(words.not_due(w, study.figures), "warning")


# --- revenue and movements


@section(given("sales"))
def revenue_by_month(study: PortfolioStudy) -> Shows:
    """How revenue moved, month by month."""
    w, months = study.book.wording, study.months
    yield Exhibit(
        "months",
        words.months_title(w, months),
        months.assign(label=month_labels(study.book, months.audit_month)),
        Drawn(draw_monthly_revenue),
        subtitle=w._("Revenue by month, audit period and previous period"),
        source=source(study),
    )


@section(given("sales"), complete)
def revenue_bridge(study: PortfolioStudy) -> Shows:
    """What explains the whole difference, customer by customer."""
    w, bridge, f = study.book.wording, study.bridge, study.movement_figures
    missed = bridge.amount[:-1].sum() - bridge.amount.iloc[-1]
    yield Exhibit(
        "bridge",
        words.bridge_title(w, bridge),
        words.bridge_steps(w, bridge),
        Drawn(draw_waterfall),
        subtitle=w._("Revenue bridge from the previous period to the audit period, all customers"),
        source=source(study),
        lists={"bridge": bridge} if study.compared else {},
        checks=[
            (not abs(missed) >= HALF_CENT, f"the revenue bridge misses {missed:.2f}"),
            (not f["gross_revenue_retention"] > 1, "gross revenue retention above 1"),
        ],
    )
    title = w._("Revenue and what is kept of it")
    yield Exhibit("revenue-figures", title, figures(REVENUE, study.movement_figures), Figures())


@section(given("sales"), complete)
def movements(study: PortfolioStudy) -> Shows:
    """Who came, stayed and left."""
    w, f, first = study.book.wording, study.movement_figures, study.parameters.top_count
    half_life = f["half_life_years"]
    yield from said(words.retention(w, f, study.movement_ranges["retention_rate"], half_life))
    title = w._("Customers by movement")
    ranged = figures(MOVEMENTS, study.movement_figures, study.movement_ranges)
    yield Exhibit("movement-figures", title, ranged, Figures(ranged=True))
    yield Exhibit(
        "lost-customers",
        w._("Lost customers, largest previous revenue first"),
        study.lost,
        Columns("customer_id name salesperson revenue_previous last_date", first=first),
        missing=too_few(study.book, study.lost),
        names="lost_customers",
    )
    yield Exhibit(
        "new-customers",
        w._("New and recovered customers, largest revenue first"),
        study.arrived,
        Columns("customer_id name salesperson status revenue", first=first),
        missing=too_few(study.book, study.arrived),
        lists={"movement": study.movements},
        checks=_movement_checks(study),
        names="arrivals",
    )


def _movement_checks(study: PortfolioStudy) -> list[tuple[bool, str]]:
    f, active = study.movement_figures, study.audited.year_active_customer_count
    kept = f["kept_customer_count"]
    due = kept + f["lost_customer_count"] - f["opening_customer_count"]
    came = kept + f["new_customer_count"] + f["recovered_customer_count"] - active
    return [
        (
            not abs(due) > 0,
            "kept + lost is not the number of customers of the year before that were due",
        ),
        (
            not abs(came) > 0,
            "kept + new + recovered is not the number of customers active in the last 12 months",
        ),
    ]


# --- concentration and dependence


@section()
def concentration(study: PortfolioStudy) -> Shows:
    """How concentrated the portfolio is."""
    w, book = study.book.wording, study.book
    yield Exhibit(
        "lorenz",
        words.half_of_revenue(w, study.lorenz),
        study.lorenz,
        Drawn(draw_lorenz),
        subtitle=words.concentration_drawn(w, study.concentration_figures),
        source=source(study),
        missing=too_few(book, study.lorenz),
    )
    title = w._("Concentration")
    yield Exhibit(
        "concentration-figures",
        title,
        figures(CONCENTRATION, study.concentration_figures),
        Figures(),
        annex=True,
    )
    yield Exhibit(
        "abc",
        w._("ABC classes by revenue"),
        study.classes,
        Columns("abc_class customer_count customer_share revenue revenue_share"),
        missing=too_few(book, study.classes),
        annex=True,
    )
    missed = abs(study.ranked.share.sum().execute() - 1) if len(study.largest) else 0
    yield Exhibit(
        "largest-customers",
        w._("Largest customers"),
        study.largest,
        Columns(
            "rank customer_id name salesperson abc_class revenue share cumulative_share",
            first=study.parameters.top_count,
        ),
        missing=too_few(book, study.largest),
        lists={"abc": study.ranking},
        checks=[(missed < TINY, "revenue shares do not sum to 1")],
        names="dependence salesperson_exposure",
    )


@section()
def dependence(study: PortfolioStudy) -> Shows:
    """What if the largest left: customers, salespeople, contacts."""
    w, book = study.book.wording, study.book
    gone = study.without_top.dropna()
    yield Exhibit(
        "without-top",
        w._("Revenue without the largest customers"),
        gone,
        Columns("top_count revenue_at_risk share revenue_left"),
        missing=too_few(book, gone),
    )
    held = study.named_sellers.head(study.parameters.top_count)
    notes = [
        f"{w.money(row.revenue)} · {w.percent(row.revenue_share, 0)}" for row in held.itertuples()
    ]
    nobody = "" if len(held) else needs(book, "sales", "salesperson")
    yield Exhibit(
        "sellers",
        words.largest_portfolio(w, study.named_sellers),
        held.assign(name=held.salesperson, amount=held.revenue, note=notes),
        Drawn(draw_ranking),
        subtitle=w._(
            "Revenue of the accounts each salesperson is in charge of today; an account list, "
            "not a ranking of people"
        ),
        source=source(study),
        missing=first_missing(nobody, too_few(book, held)),
    )
    yield Exhibit(
        "contacts",
        w._("Revenue by number of distinct contacts behind a customer's orders"),
        study.contacts,
        Columns("contact_count customer_count revenue revenue_share"),
        missing=first_missing(needs(book, "sales", "contact"), too_few(book, study.contacts)),
        annex=True,
    )


# --- orders, segments, progression


@section()
def orders(study: PortfolioStudy) -> Shows:
    """How they buy."""
    w, book = study.book.wording, study.book
    yield Exhibit(
        "baskets",
        words.largest_baskets(w, study.bands),
        study.bands,
        Drawn(draw_basket_bands),
        subtitle=w._(
            "Share of revenue (bars) and of orders (marks) by size of basket, audit period"
        ),
        source=source(study),
        missing=too_few(book, study.bands),
    )
    whole = not len(study.bands) or abs(study.bands.order_share.sum() - 1) < TINY
    yield Exhibit(
        "purchase-figures",
        w._("Orders and baskets"),
        figures(PURCHASES, study.purchase_figures, study.purchase_ranges),
        Figures(ranged=True),
        checks=[(bool(whole), "basket bands do not hold all orders")],
        annex=True,
    )
    yield Exhibit(
        "drop-off",
        words.ordering_again(w, study.drop_off, study.parameters.drop_off_days),
        study.drop_off,
        Drawn(draw_drop_off),
        subtitle=w._(
            "Newcomers who placed the next order in time, 95 % Wilson intervals; n = newcomers old "
            "enough to tell"
        ),
        source=source(study),
        missing=too_few(book, study.drop_off),
        annex=True,
    )


@section(given("sales"), annex=True)
def after_the_sale(study: PortfolioStudy) -> Shows:
    """What comes after the first order, how soon, and who orders again."""
    if not study.book.has("sales"):
        return
    w = study.book.wording
    for row in study.second_orders.to_dict("records"):
        yield from said(after_sale_words.second(w, row))
    yield Exhibit(
        "first-events",
        w._("After the first order: what came within so many days, newcomers old enough to tell"),
        study.first_events.assign(
            first_event=study.first_events.event,
            within_days=study.first_events.days,
            event_median_days=study.first_events.median_days,
        ),
        Columns("first_event within_days customer_count event_count event_range event_median_days"),
        note=w._("Newcomers bought nothing in the year of sales before their first order."),
        missing=too_few(study.book, study.first_events),
        lists={"newcomers": study.newcomers},
    )


@section()
def segments(study: PortfolioStudy) -> Shows:
    """Which segments."""
    w, book = study.book.wording, study.book
    yield Exhibit(
        "rfm",
        words.frequent_least_recent(w, study.score_matrix),
        study.score_matrix,
        Drawn(draw_rfm),
        subtitle=w._(
            "Active customers by recency score and frequency score (5 = best quintile); framed: "
            "frequent, least recent"
        ),
        source=source(study),
        missing=too_few(book, study.score_matrix),
        annex=True,
    )
    whole = (
        not len(study.segments)
        or study.segments.customer_count.sum() == study.movement_figures["active_customer_count"]
    )
    yield Exhibit(
        "segments",
        w._("Segments by recency and frequency"),
        study.segments,
        Columns("segment customer_count customer_share revenue revenue_share median_days"),
        missing=too_few(book, study.segments),
        lists={"segments": study.segmented},
        checks=[(bool(whole), "segments do not hold every active customer")],
        annex=True,
    )
    yield Exhibit(
        "rfm-cuts",
        w._("Cut points of the scores"),
        study.score_cuts,
        Columns("level days_since_last_order order_count revenue"),
        missing=too_few(book, study.score_cuts.dropna()),
        annex=True,
    )


@section(complete)
def progression(study: PortfolioStudy) -> Shows:
    """Who buys more, who buys less."""
    w, book, first = study.book.wording, study.book, study.parameters.top_count
    ends = study.extremes(ENDS)
    notes = [w.signed_money(gap) for gap in ends.sales_gap]
    yield Exhibit(
        "progression",
        words.fewer_and_more(w, study.progress_totals),
        ends.assign(amount=ends.sales_gap, note=notes),
        Drawn(draw_ranking),
        subtitle=w._(
            "Change of revenue against the previous period, largest falls and rises "
            "of kept customers"
        ),
        source=source(study),
        missing=too_few(book, ends),
        lists={"progression": study.progressed} if study.compared else {},
    )
    title = w._("Progression of customers")
    yield Exhibit(
        "progression-figures",
        title,
        figures(PROGRESSION, study.progression_figures),
        Figures(),
        annex=True,
    )
    yield Exhibit(
        "shrinking-customers",
        w._("Kept customers that buy less, largest fall first"),
        study.shrinking,
        Columns(MOVED, first=first),
        missing=too_few(book, study.shrinking),
        names="shrinking_customers",
    )
    yield Exhibit(
        "growing-customers",
        w._("Kept customers that buy more, largest rise first"),
        study.growing,
        Columns(MOVED, first=first),
        missing=too_few(book, study.growing),
        names="growing_customers",
    )


# --- capital


@section(given("sales"))
def customer_capital(accounts: AccountStudy) -> Shows:
    """What the customer capital is worth."""
    w, book, index = (
        accounts.book.wording,
        accounts.book,
        accounts.figures["customer_capital_index"],
    )
    yield Exhibit(
        "scores",
        strategies.capital_title(w, index, accounts.sector.labels[book.engagement.language]),
        accounts.first(accounts.judged, count=SCORED),
        Drawn(draw_scores, {"labels": strategies.axis_labels(w)}),
        subtitle=w._(
            "The largest customers of the last 12 months on the four axes, 0 to 100, "
            "and their capital"
        ),
        source=source(accounts),
        missing=too_few(book, accounts.best),
    )
    top, by_axis = accounts.parameters.top_count, accounts.by_axis
    told_capital = strategies.capital(
        w,
        accounts.figures["customer_capital_index"],
        by_axis,
        int(accounts.totals.stable_count),
        top,
        accounts.unmeasured_axes,
    )
    yield from said(told_capital)
    filled_by = {
        "solvency": ("receivables", "paid_date"),
        "profitability": ("costs",),
        "satisfaction": ("satisfaction",),
    }
    for axis, columns in filled_by.items():
        if axis in accounts.unmeasured_axes:
            yield from said(needs(book, *columns), "missing")
    yield from _best_customers(accounts)


def _best_customers(accounts: AccountStudy) -> Shows:
    w, best = accounts.book.wording, accounts.best
    yield Exhibit(
        "capital",
        w._("The best customers by capital"),
        strategies.scores_told(w, best),
        Columns(
            "name salesperson revenue loyalty solvency profitability satisfaction "
            "capital_range rank_range",
            first=accounts.parameters.top_count,
        ),
        note=w._(
            "Capital: in brackets what it would be if the axes not known of the customer were 0, "
            "or 100. Rank: over weights drawn from their own less to plus {spread}.",
            spread=w.percent(accounts.parameters.weight_spread, 0),
        ),
        missing=too_few(accounts.book, best),
    )
    if len(accounts.by_axis):
        yield Exhibit(
            "axes",
            w._("How far the ranking hangs on each axis"),
            strategies.axes_table(w, accounts.by_axis),
            Columns("axis weight customer_count correlation top_kept"),
            annex=True,
        )
    yield from said(strategies.axes_told(w, accounts.by_axis))


# --- strategies


@section()
def account_strategies(accounts: AccountStudy) -> Shows:
    """Which strategy for each account."""
    w, book = accounts.book.wording, accounts.book
    t = strategies.strategies_told(w, accounts.by_strategy)
    checks = [(t.customer_count.sum() == accounts.totals["count"], "an account has no strategy")]
    yield Exhibit(
        "strategies-chart",
        strategies.strategies_title(w, t),
        t,
        Drawn(draw_ranking),
        subtitle=w._(
            "Revenue of the last 12 months by strategy; in the labels, the number of accounts"
        ),
        source=source(accounts),
        missing=first_missing(needs(book, "sales"), too_few(book, t)),
    )
    yield Exhibit(
        "strategies",
        w._("Accounts and money by strategy, last 12 months"),
        strategies.strategies_told(w, accounts.by_strategy),
        Columns(
            "strategy_name customer_count relationship_count revenue_previous revenue margin "
            "profit single_thread_revenue"
        ),
        missing=too_few(book, accounts.by_strategy),
        checks=checks,
    )
    for name in STRATEGIES:
        yield from _strategy(accounts, name)
    rekindled = accounts.names["rekindle"]
    finding = strategies.rekindle(w, accounts.totals, accounts.chance, rekindled)
    yield from told(finding)
    yield Kept({"strategy": _listed(accounts)})


def _listed(accounts: AccountStudy) -> Mapped:
    """All accounts with their strategies, and the reasons in words."""
    t = accounts.accounts.mutate(reason=ibis.null("string"))
    others = [name for name in t.columns if name not in STRATEGY_COLUMNS]
    reasons = partial(strategies.with_reasons, accounts.book.wording, rules=accounts.rules)
    t = t.select(*STRATEGY_COLUMNS, *others).order_by(*LARGEST_FIRST)
    return Mapped(t, reasons, {"reason": "string"}, tuple(others))


def _strategy(accounts: AccountStudy, name: str) -> Shows:
    w, t = accounts.book.wording, accounts.parts[name]
    if not len(t):
        return
    t = strategies.with_reasons(w, t, accounts.rules)
    actions = t.action.map({name: w._(label) for name, label in decided.ACTION_LABELS.items()})
    yield Exhibit(
        name,
        strategies.strategy_caption(w, name),
        t.assign(strategy_reason=t.reason, decision=actions),
        Columns(
            "name salesperson revenue decision strategy_reason",
            first=accounts.parameters.top_count,
        ),
        names=name,
    )


@section()
def relationships(accounts: AccountStudy) -> Shows:
    """Which accounts are relationships, and which hang on one person."""
    w, book, first = accounts.book.wording, accounts.book, accounts.parameters.top_count
    few = "" if accounts.relations_told else strategies.too_few_signs(w)
    held = accounts.relations
    yield Exhibit(
        "relationships",
        w._("Relationships: signs, contacts, and whether they pay for themselves"),
        strategies.relationships_told(w, held),
        Columns(
            "name salesperson revenue touch_count person_count sign_names profit pays", first=first
        ),
        missing=first_missing(needs(book, "sales"), few, too_few(book, held)),
        names="protect",
    )
    if len(accounts.load):
        yield Exhibit(
            "relationship-load",
            w._("Relationships of each salesperson against the cap"),
            accounts.load.rename(columns={"relationship_count": "held_count"}),
            Columns("salesperson held_count relationship_revenue cap over_cap"),
            annex=True,
        )
    yield from said(strategies.load(w, accounts.load))
    yield _threads(accounts)
    yield from told(strategies.single_thread(w, accounts.totals, accounts.threads))


def _threads(accounts: AccountStudy) -> Shown:
    w, book, t = accounts.book.wording, accounts.book, accounts.threads
    no_person = "" if accounts.persons_noted else needs(book, "sales", "contact")
    totals = accounts.totals
    names = [w._(strategies.STRATEGY_LABELS[name]) for name in t.strategy]
    return Exhibit(
        "single-threads",
        w._("Accounts that hang on one person who orders, largest first"),
        t.assign(strategy_name=names),
        Columns("name salesperson strategy_name revenue", first=accounts.parameters.top_count),
        missing=first_missing(needs(book, "sales"), no_person, too_few(book, t)),
        checks=[
            (
                totals.thread_revenue <= totals.bought + CENT,
                "more revenue hangs on one person than there is",
            )
        ],
        names="contact_exposure",
    )


@section()
def potential(accounts: AccountStudy) -> Shows:
    """What is not bought yet."""
    w, book, t = accounts.book.wording, accounts.book, accounts.by_potential
    classes = {name: name for name in ("A", "B", "C")} | {"–": w._("– (nothing bought)")}
    whole = not len(t) or t.customer_count.sum() == accounts.totals.classed_count
    yield Exhibit(
        "potential-matrix",
        w._("Customers by class of revenue (rows) and class of potential (columns)"),
        accounts.potential_grid,
        Crossed(classes, w._("Revenue")),
        missing=first_missing(needs(book, "customers", "potential"), too_few(book, t)),
        lists={"potential": t} if len(t) else {},
        checks=[(bool(whole), "the matrix does not hold every customer with a potential")],
        annex=True,
    )
    if len(accounts.untapped):
        yield Exhibit(
            "untapped",
            w._("Active customers with the most left to buy, by the potential noted"),
            accounts.untapped,
            Columns(
                "name salesperson abc_class revenue potential untapped",
                first=accounts.parameters.top_count,
            ),
        )
    share = accounts.figures["potential_share"]
    yield from said(strategies.untapped(w, accounts.untapped, share))
    yield from said(strategies.sleeping(w, *accounts.sleeping), "note")


def _nine_indicators(study: PortfolioStudy, accounts: AccountStudy) -> pd.DataFrame:
    figures = study.figures | accounts.figures
    return strategies.nine_indicators(study.book.wording, figures, accounts.indicators)


@section(annex=True)
def indicators(study: PortfolioStudy, accounts: AccountStudy) -> Shows:
    """Nine indicators and five questions."""
    w, book = study.book.wording, study.book
    t = _nine_indicators(study, accounts)
    yield Exhibit(
        "indicators",
        w._("Nine indicators of customer capital"),
        t,
        Columns("indicator value told_by"),
        missing=needs(book, "sales"),
    )
    answers = {name: getattr(book.engagement.maturity, name) for name in strategies.QUESTIONS}
    axes = len(accounts.weights)
    known = axes - len(accounts.unmeasured_axes)
    known_rows = _nine_indicators(study, accounts).value != w._("not measured")
    figures = study.figures | accounts.figures
    shown = strategies.maturity_shown(w, book.checks, figures, known, axes, int(known_rows.sum()))
    yield Exhibit(
        "maturity",
        w._("Five questions on managing customer capital"),
        strategies.maturity_table(w, answers, shown),
        Columns("question answer_given evidence shown"),
        note=w._(
            "Answers and evidence are those of engagement.yml (maturity); the last column is what "
            "the tables given allow, not what the company does."
        ),
    )


@section()
def recommendations(study: PortfolioStudy, accounts: AccountStudy) -> Shows:
    """What to do next: each sentence is triggered by a threshold or by names on a list."""
    w, p = study.book.wording, study.parameters
    parts = {"lost": study.unexplained, "shrinking": study.shrinking, "growing": study.growing}
    names = {name: study.to_ask(part) for name, part in parts.items()}
    left = study.ranges["attrition_rate"] if study.compared else (None, None)
    advice = words.recommendations(
        w,
        study.figures,
        names,
        study.top_names,
        p.exposure_alert_share,
        p.attrition_alert_rate,
        left,
    )
    advice += strategies.strategy_recommendations(w, accounts.load, accounts.to_act_on)
    for sentence in advice:
        yield from said(sentence, "recommendation")


@section(annex=True)
def criteria(accounts: AccountStudy) -> Shows:
    """The criteria and rules of the sector."""
    w, sector = accounts.book.wording, accounts.sector
    label = sector.labels[accounts.book.engagement.language]
    yield Exhibit(
        "criteria",
        w._("Criteria and weights of customer capital: {sector}", sector=label),
        strategies.criteria_table(w, sector.axes),
        Columns("axis criterion weight worst best"),
    )
    yield Exhibit(
        "rules",
        w._("Rules of the strategies"),
        strategies.rules_table(w, accounts.rules),
        Columns("rule value"),
    )
