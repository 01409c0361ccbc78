"""The sections of retention_plan: what a lost customer costs, budgets, tests, what if,
the famous figures.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd

from carnet.book.mapped import Mapped
from carnet.customers.reasons.departures import Departures
from carnet.customers.reasons.opinions import Opinions
from carnet.customers.retention.study import (
    CENT,
    CHANGES,
    QUOTED_FROM,
    QUOTED_NAMES,
    QUOTED_TO,
    RetentionStudy,
)
from carnet.engagement.profiles import benchmarks
from carnet.exhibits.charts import draw_profit_effect, draw_what_if
from carnet.exhibits.exhibit import Answered, Exhibit, Kept, said, told
from carnet.exhibits.forms import Benchmarks, Columns, Drawn
from carnet.findings import Finding
from carnet.findings import decisions as decided
from carnet.findings import experiments as tested
from carnet.findings import reasons as shares
from carnet.findings import strategy as strategies
from carnet.findings import value as words
from carnet.findings.answer import Point
from carnet.measures.reasons import service_quality
from carnet.measures.statistics import intervals
from carnet.sections.missing import (
    MissingTable,
    first_missing,
    given,
    needs,
    told_briefly,
    too_few,
    unmeasured,
)
from carnet.sections.section import Shows, points, section, source_line
from carnet.wording import Wording, unknown

GOOD = ["customer_id", "name", "yearly_revenue", "yearly_margin"]
QUOTED = {"halving": "halving_attrition", "points": "loyalty_5", "relative": "loyalty_5"}
BUDGET = [
    "customer_id",
    "name",
    "salesperson",
    "strategy",
    "revenue",
    "yearly_margin",
    "silence_ratio",
    "fading",
    "leave_probability",
    "save_probability",
    "residual_margin",
    "regain_margin",
    "uncapped_budget",
    "budget",
    "chase",
    "chase_reason",
    "action",
    "action_value",
]


def source(study: RetentionStudy) -> str:
    """The footer of the charts."""
    return source_line(study.book, "sales", "costs", "service", start=study.start)


def covered(study: RetentionStudy) -> str:
    """The need of sales of both years."""
    w = study.book.wording
    uncovered = w._("Not compared: the sales given do not cover the previous period.")
    return first_missing(
        needs(study.book, "sales"), "" if study.portfolio.counts["count"] else uncovered
    )


def margins(study: RetentionStudy) -> str:
    """The need of margins of the customers of both years."""
    unknown_costs = "" if study.margin_known else unmeasured(study.book, None, "costs")
    return first_missing(covered(study), unknown_costs)


def losses(study: RetentionStudy) -> str:
    """The need of margins, and of somebody who left."""
    nobody = study.book.wording._("Nobody was lost: there is no margin of leavers to count with.")
    return first_missing(margins(study), "" if study.portfolio.counts.lost else nobody)


def _replacement(study: RetentionStudy) -> Finding | None:
    if margins(study):
        return None
    names = study.names(study.good_lost)
    return words.replacement(
        study.book.wording,
        study.replaced_by,
        study.good_lost_count,
        study.good_lost_margin,
        names,
        benchmarks()["replacement_3"].value,
    )


def _halving(study: RetentionStudy) -> Finding | None:
    if margins(study):
        return None
    row, profit = study.first_year.loc["halving"], study.portfolio.net_margin
    share = row.extra_profit / profit if study.in_profit else float("nan")
    effect = row.to_dict() | {"profit_share": share}
    return words.halving(study.book.wording, effect, study.attrition_rate)


@section(given("sales"))
def main_points(study: RetentionStudy) -> Shows:
    """The findings, largest money first."""
    w = study.book.wording
    budget = _spending(study)
    yield from points(w, [_replacement(study), _halving(study), budget])


@section(given("sales"))
def answer(study: RetentionStudy) -> Shows:
    """What page one says: what to do is worth so much, and may cost so much."""
    budget = _spending(study)
    if budget:
        yield Answered([Point("action", "action", budget.sentence, None, "", budget.key)])


@section()
def warnings(study: RetentionStudy) -> Shows:
    """What the reader must know of the data, and experiments that are left out."""
    w = study.book.wording
    for notice in study.book.notices:
        yield from said(w.tell(notice), "warning")
    for reason in study.planned[1]:
        left_out = w._("An experiment is left out. {reason}", reason=reason)
        yield from said(left_out, "warning")


@section(margins)
def good_customers_lost(study: RetentionStudy) -> Shows:
    """What a lost good customer costs."""
    w = study.book.wording
    finding = _replacement(study)
    nobody = w._("No good customer was lost.")
    yield from told(finding) if finding else said(nobody, "missing")
    if len(study.good_lost):
        yield Exhibit(
            "good-lost",
            w._("Good customers lost, largest margin first"),
            study.good_lost,
            Columns(
                "customer_id name yearly_revenue yearly_margin", first=study.parameters.top_count
            ),
            checks=[
                ((study.good_lost.yearly_margin > 0).all(), "a good customer without a margin")
            ],
            names="replacement",
        )
    ratio = study.replaced_by
    yield Exhibit(
        "replacement",
        w._("From a lost good customer to new ones"),
        words.replacement_steps(w, ratio, study.parameters.horizon_years),
        Columns("label value"),
        missing=words.no_ratio(w) if unknown(ratio["ratio"]) else "",
        annex=True,
    )
    if not margins(study):
        yield Kept({"good_customers_lost": study.good_lost_list.select(*GOOD)})


@section(losses)
def another_attrition(study: RetentionStudy) -> Shows:
    """What another attrition would bring."""
    w, p, base = study.book.wording, study.parameters, study.base
    first, later = study.first_year.extra_profit, study.later_year.extra_profit
    no_base = w._(
        "Neither a profit nor a gross margin above zero is known: effects are in money "
        "only, in the table."
    )
    yield Exhibit(
        "profit-effect",
        words.halving_title(w, first["halving"], later["halving"], base, p.horizon_years),
        words.curves_labelled(w, study.curves),
        Drawn(
            draw_profit_effect,
            {
                "marks": words.quoted_marks(w, study.attrition_rate, base),
                "attrition_rate": study.attrition_rate,
            },
        ),
        subtitle=w._(
            "Extra profit a year over attrition, as a share of {base}; bars: what is "
            "quoted everywhere",
            base=words.share_base(w, study.in_profit),
        ),
        source=source(study),
        missing=no_base if unknown(base) else "",
    )
    yield from told(_halving(study))


@section()
def readings(study: RetentionStudy) -> Shows:
    """The same in money, change by change, beside what is quoted."""
    rows = [] if margins(study) else _readings(study)
    if not rows:
        return
    w = study.book.wording
    yield Exhibit(
        "readings",
        words.readings_title(w, study.base, study.in_profit),
        pd.DataFrame(rows),
        Columns("reading retention first_year later_year customer_value quoted_figure"),
        note=w._(
            "The quoted figures come from the value of a customer in nine lines of business "
            "(1990), told since as profit. Value of a customer: its discounted years within the "
            "horizon. Intervals: customers drawn anew; costs are taken as they are."
        ),
        annex=True,
    )


def _readings(study: RetentionStudy) -> list[dict[str, Any]]:
    w, first, later = study.book.wording, study.first_year, study.later_year
    told_changes, rate = words.readings(w, study.attrition_rate), study.retention_rate
    base, in_profit, found = study.base, study.in_profit, benchmarks()
    rows = []
    for name in CHANGES:
        row = first.loc[name]
        if not unknown(row.extra_profit):
            rows.append(
                {
                    "reading": told_changes[name],
                    "retention": row.retention_rate,
                    "first_year": words.effect(
                        w, row.extra_profit, row.low, row.high, base, in_profit
                    ),
                    "later_year": words.effect(
                        w, later.extra_profit[name], None, None, base, in_profit
                    ),
                    "customer_value": w.percent(study.worth(rate, row.retention_rate), 0),
                    "quoted_figure": words.quoted_range(w, found[QUOTED[name]]),
                }
            )
    if rows:
        literal = [
            words.effect(w, extra, None, None, base, in_profit) for extra in study.literal.values()
        ]
        rows.append(
            {
                "reading": w._("as quoted, from 20 % to 10 %"),
                "retention": QUOTED_TO,
                "first_year": literal[0],
                "later_year": literal[-1],
                "customer_value": w.percent(study.worth(QUOTED_FROM, QUOTED_TO), 0),
                "quoted_figure": words.quoted_range(w, found["halving_attrition"]),
            }
        )
    return rows


def history(study: RetentionStudy) -> str:
    """The need of a year and the one after it, for how many left."""
    w = study.book.wording
    none = w._("Not measured: the sales given do not cover a year and the one after it.")
    return "" if len(study.leave_rates) else first_missing(covered(study), none)


@section(given("sales"))
def leave_rates(study: RetentionStudy) -> Shows:
    """How many customers this silent left."""
    w = study.book.wording
    yield Exhibit(
        "leave-rates",
        w._(
            "Customers of earlier years by their silence, and how many bought nothing "
            "in the year after"
        ),
        study.leave_rates,
        Columns("band_range fading_told customer_count left_count leave_range"),
        note=w._(
            "Fading: the second half of the year at most half of the first. Small groups are drawn "
            "towards their band before they are used."
        ),
        missing=history(study),
        annex=True,
    )


@section()
def budgets(study: RetentionStudy) -> Shows:
    """What may be spent on whom."""
    w, p = study.book.wording, study.parameters
    finding = _spending(study)
    none = w._("Not measured: no margin or no chance to leave is known.")
    missing = first_missing(history(study), margins(study), "" if finding else none)
    yield from said(missing, "missing")
    worth = study.chased
    if len(worth):
        worth = worth.assign(decision=decided.decision(w, worth))
        yield Exhibit(
            "budgets",
            w._("Customers worth an action, largest budget first"),
            worth,
            Columns(
                "name salesperson yearly_margin leave_probability save_probability residual_margin "
                "regain_margin action_value decision",
                first=p.top_count,
            ),
            note=_assumed(study),
            names="budget",
        )
    yield from told(finding)
    yield Kept(checks=_budget_checks(study))


def _assumed(study: RetentionStudy) -> str:
    w, p, totals = study.book.wording, study.parameters, study.other_totals
    half, double = totals.values()
    return w._(
        "Assumed, on top of what stays or comes back by itself: actions keep {save} of those about "
        "to leave and bring back {back} of those gone or once bigger; at most {cap} of a year’s "
        "margin; a last-chance proposal has its own price. Margins are after the cost to serve of "
        "the last 12 months where it is known; those gone had hardly any then. With half of these "
        "shares the total is {half}, with twice as much {double}. Replace them by what an "
        "experiment finds.",
        save=w.percent(p.save_rate, 0),
        back=w.percent(p.win_back_rate, 0),
        cap=w.percent(p.budget_cap_share, 0),
        half=w.money(half, 0),
        double=w.money(double, 0),
    )


def _spending(study: RetentionStudy) -> Finding | None:
    names = list(study.chased.name.head(QUOTED_NAMES))
    return decided.spending(study.book.wording, study.totals, names)


def _budget_checks(study: RetentionStudy) -> list[tuple[bool, str]]:
    totals = study.totals
    if not study.budgets_known:
        return []
    spent_elsewhere = abs(totals.spent - totals.at_most) >= CENT
    return [
        (not spent_elsewhere, "a budget for a customer that is not worth an action"),
        (not totals.loose, "a budget above its cap or its value"),
        (not totals.spared, "a budget for an account that is left alone"),
    ]


@section()
def not_to_be_chased(study: RetentionStudy) -> Shows:
    """Who is not to be chased, and why."""
    w, dropped = study.book.wording, study.dropped
    reasons = decided.reasons_told(w, dropped)
    if len(dropped):
        yield Exhibit(
            "do-not-chase",
            w._("Not to be chased, least margin first: to be signed off"),
            dropped.assign(chase_told=reasons),
            Columns(
                "name salesperson revenue yearly_margin leave_probability "
                "residual_margin chase_told",
                first=study.parameters.top_count,
            ),
        )
    if study.budgets_known:
        yield from said(decided.not_chased(w, study.drop_reasons, study.largest_dropped))
        given = study.not_chased.select(*BUDGET, "action_reason")
        why = partial(decided.with_reasons, w)
        yield Kept(
            {
                "retention_budget": study.budgets.select(*BUDGET),
                "do_not_chase": Mapped(given, why, {"reason": "string"}, ("action_reason",)),
            }
        )


@section(given("sales"))
def tests(study: RetentionStudy) -> Shows:
    """How we will know: what a test could show, and the experiments planned."""
    w, p = study.book.wording, study.parameters
    yield Exhibit(
        "feasibility",
        w._(
            "What a test of {days} days on half of the accounts could show in 8 cases of 10: "
            "revenue a customer",
            days=w.number(p.experiment_days),
        ),
        tested.feasibility(w, study.feasible),
        Columns("strategy_name treated control usual detectable detectable_share needed"),
        note=tested.feasibility_note(
            w, p.experiment_days, study.retention_rate, study.customers_for_a_rise
        ),
        missing=too_few(study.book, study.feasible),
        annex=True,
    )
    if study.planned[0]:
        yield Exhibit(
            "experiments",
            w._("Experiments of this engagement"),
            pd.DataFrame([tested.plan_row(w, plan, found) for plan, found in study.planned[0]]),
            Columns("experiment dates treated control detectable outcome_told"),
        )
    else:
        none = w._(
            "No experiment is planned yet: carnet experiment plan draws the arms and writes the "
            "plan before any outcome is known."
        )
        yield from said(none, "note")


@section()
def what_if(study: RetentionStudy) -> Shows:
    """Profit over retention, acquisition cost and margin."""
    w, t = study.book.wording, study.what_if
    if not len(t):
        nobody = w._("Not drawn: nobody was lost or won, or the audit period is not a year.")
        costs = unmeasured(study.book, study.portfolio.fixed_cost, "costs")
        yield from said(first_missing(covered(study), costs, nobody), "missing")
        return
    better = (
        (study.what_if.retention_step > 0)
        & (study.what_if.cost_step <= 0)
        & (study.what_if.margin_step > 0)
    )
    unmoved = (study.what_if[["retention_step", "cost_step", "margin_step"]] == 0).all(axis=1)
    same = abs(study.what_if.profit[unmoved].iloc[0] - study.portfolio.net_margin) < CENT
    yield Exhibit(
        "what-if-chart",
        words.what_if_title(w, study.portfolio.net_margin, study.what_if.profit[better].iloc[0]),
        study.what_if,
        Drawn(draw_what_if),
        subtitle=w._(
            "Profit a year later over retention; a panel for each cost per new customer, a line "
            "for each margin rate"
        ),
        source=source(study),
        lists={"what_if": study.what_if},
        checks=[(bool(same), "with every step zero the profit is not that of today")],
    )
    low, middle, high = map(w.percent, sorted(study.what_if.margin_rate.unique()))
    yield Exhibit(
        "what-if",
        w._(
            "Profit by retention and cost per new customer, at a margin rate of {low}, "
            "{same} and {high}",
            low=low,
            same=middle,
            high=high,
        ),
        _wide(study.what_if),
        Columns("retention cac_level profit_below profit_same profit_above"),
        annex=True,
    )


def _wide(t: pd.DataFrame) -> pd.DataFrame:
    """A row a retention and a cost, a column a margin rate."""
    rows = ["retention_step", "cost_step", "retention_rate", "cac"]
    wide = t.pivot(index=rows, columns="margin_step", values="profit")
    wide = wide.set_axis(["profit_below", "profit_same", "profit_above"], axis=1).reset_index()
    return wide.rename(columns={"retention_rate": "retention", "cac": "cac_level"})


@section(annex=True)
def famous_figures(study: RetentionStudy, departures: Departures, opinions: Opinions) -> Shows:
    """Every figure that the usual slides quote, and what this book shows."""
    w, own = study.book.wording, _own_figures(study, departures, opinions)
    for line in dict.fromkeys(text for text in own.values() if isinstance(text, MissingTable)):
        yield from said(line, "missing")
    yield Exhibit(
        "benchmarks",
        w._("Every quoted figure, and what this book shows"),
        _beside_quoted(w, _own_figures(study, departures, opinions)),
        Benchmarks(),
        checks=[(set(own) == set(benchmarks()), "a quoted figure is missing")],
    )


def _own_figures(
    study: RetentionStudy, departures: Departures, opinions: Opinions
) -> dict[str, str]:
    """This book's figures by the name of the quoted one; the line of a missing table where it has
    none.
    """
    own = _of_retention(study) | _of_effects(study) | _of_reasons(departures)
    return own | _of_chain(opinions) | _of_service(opinions)


def _beside_quoted(w: Wording, own: dict[str, str]) -> pd.DataFrame:
    briefly = told_briefly(w, own)
    return pd.DataFrame([(name, briefly[name]) for name in benchmarks()], columns=["name", "own"])


def _of_retention(study: RetentionStudy) -> dict[str, str]:
    w, book, rate, ratio = study.book.wording, study.book, study.retention_rate, study.replaced_by
    kept, opening = study.kept_of
    ends = intervals.wilson_interval(kept, opening)
    half, low, high = (intervals.half_life_years(value) for value in (rate, *ends))
    uncovered = covered(study)
    no_wins = first_missing(needs(book, "opportunities", "stage"), uncovered, w._("not measured"))
    own = {
        "half_life_5_years": w._("{years} years", years=words.ranged(w, half, low, high))
        if 0 < rate < 1
        else first_missing(uncovered, w._("nobody left")),
        "retention_ceiling": first_missing(uncovered, shares.rate(w, kept, opening)),
        "ltv_to_cac_3": first_missing(
            unmeasured(book, study.ltv_to_cac, "costs"), w.number(study.ltv_to_cac, 1)
        ),
        "replacement_3": first_missing(
            margins(study),
            words.no_ratio(w) if unknown(ratio["ratio"]) else "",
            words.ranged(w, ratio["ratio"], ratio["low"], ratio["high"]),
        ),
    }
    return own | _of_wins(w, study.wins, no_wins)


def _of_wins(w: Wording, wins: pd.DataFrame | None, missing: str) -> dict[str, str]:
    own = {}
    for place, name in enumerate(("sale_to_customer", "sale_to_prospect")):
        decided_count = 0 if wins is None else int(wins.decided_count[place])
        own[name] = missing
        if wins is not None and decided_count:
            own[name] = shares.rate(w, int(wins.won_count[place]), decided_count)
    return own


def _of_effects(study: RetentionStudy) -> dict[str, str]:
    w, first, missing = study.book.wording, study.first_year, losses(study)
    gained = {}
    for name in CHANGES:
        amount, low, high = first.loc[name, ["extra_profit", "low", "high"]]
        effect = words.effect(w, amount, low, high, study.base, study.in_profit)
        gained[name] = first_missing(missing, effect)
    both = w._(
        "as points: {points}; as a ratio: {relative}",
        points=gained["points"],
        relative=gained["relative"],
    )
    loyalty = first_missing(missing, both)
    return {"halving_attrition": gained["halving"], "loyalty_5": loyalty}


def _of_reasons(departures: Departures) -> dict[str, str]:
    w, t = departures.book.wording, departures.shares.set_index("reason")
    missing = first_missing(needs(departures.book, "departures"), w._("not measured"))
    quoted = {
        name: entry.benchmark for name, entry in departures.classes.items() if entry.benchmark
    }
    told_shares = shares.quoted_reasons(w, departures.shares, quoted)
    return {
        benchmark: missing if unknown(t.share_of_quoted[name]) else told_shares[benchmark]
        for name, benchmark in quoted.items()
    }


def _of_chain(opinions: Opinions) -> dict[str, str]:
    w, book = opinions.book.wording, opinions.book
    unhappy, quiet = opinions.unhappy, opinions.quiet
    missing = first_missing(
        needs(book, "satisfaction"), needs(book, "service"), w._("not measured")
    )
    counted = opinions.chain_counted
    silent = shares.rate(w, len(quiet), len(unhappy)) if counted and len(unhappy) else missing
    left = missing
    if counted and len(quiet):
        left = shares.rate(w, int(quiet.lost.sum()), len(quiet))
    nobody_notes = w._(
        "cannot be computed: no table notes whom a customer tells; ranges are in churn_reasons"
    )
    never = ("chain_told", "chain_convert", "chain_1440", "chain_told_corrected")
    of_silent = ("chain_silent", "chain_silent_consumer", "chain_silent_b2b")
    of_leaving = ("chain_leave", "chain_leave_corrected")
    return (
        dict.fromkeys(never, nobody_notes)
        | dict.fromkeys(of_silent, silent)
        | dict.fromkeys(of_leaving, left)
    )


def _of_service(opinions: Opinions) -> dict[str, str]:
    w, estimated = opinions.book.wording, opinions.estimate[0]
    missing = first_missing(
        needs(opinions.book, "satisfaction", *service_quality.DIMENSIONS),
        w._("these answers do not tell weights, or are fewer than 50"),
    )
    own: Mapping[str, str] = {f"rater_{name}": missing for name in service_quality.DIMENSIONS}
    if not opinions.estimate_tells or not len(estimated):
        return dict(own)
    rows = estimated.to_numpy()
    return {f"rater_{name}": shares.range_or_dash(w, *row) for name, *row in rows}


@section()
def recommendations(study: RetentionStudy) -> Shows:
    """What to do next: each sentence is triggered by a list or a figure above."""
    w, p, t = study.book.wording, study.parameters, study.chased
    first = list(t.name.head(p.name_count))
    able = [w._(strategies.STRATEGY_LABELS[name]) for name in study.able.strategy]
    others = len(study.feasible) > len(able)
    for sentence in words.plan_recommendations(w, first, able, others, study.replaced_by):
        yield from said(sentence, "recommendation")
