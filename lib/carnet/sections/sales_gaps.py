"""The sections of sales_gaps: who buys less, by how much, whose account,
by luck or not, what to do.
"""

from functools import partial

from carnet.book.mapped import Mapped
from carnet.customers.contact_plan import ContactPlan
from carnet.customers.decisions import ACTION_COLUMNS
from carnet.customers.gaps import gap_list
from carnet.customers.gaps.memory import Memory
from carnet.customers.gaps.study import Gaps
from carnet.engagement.records import LIST_LIMIT
from carnet.exhibits.charts import draw_funnel, draw_heat_strip, draw_quadrants, draw_ranking
from carnet.exhibits.exhibit import Answered, Exhibit, Kept, said, told
from carnet.exhibits.forms import Columns, Drawn
from carnet.exhibits.tables import write_value
from carnet.findings import answer as answers
from carnet.findings import decisions as decisions_told
from carnet.findings import gaps as words
from carnet.measures.gaps import follow_up
from carnet.sections.missing import (
    comparable,
    first_missing,
    given,
    needs,
    partly_comparable,
    too_few,
)
from carnet.sections.section import Shows, month_labels, points, section, source_line

CENT = 0.01  # a customer: sums of amounts to the cent may differ by it
FUNNEL_LEAST = 10  # salespeople: of fewer a table with intervals says more than a funnel
ENDS = 8  # customers drawn at each end of the ranking
FOLLOWED = (
    "name salesperson outcome sales_gap revenue_progress regained_share recent_contact_count "
    "recent_contact_quality proposal_count"
)
PEOPLE = (
    "salesperson customer_count late_customer_count late_range expected_share p_value signal "
    "shrunk_range sales_gap"
)
PROPOSALS = (
    "name salesperson sales_gap margin_at_stake recoverability expected_value "
    "value_range at_most arm"
)


def source(gaps: Gaps) -> str:
    """The footer of the charts."""
    return source_line(gaps.book, "sales", "service", "opportunities")


@section()
def followed_points(memory: Memory) -> Shows:
    """What became of the last list, before anything else."""
    if len(memory.followed):
        w, since = memory.book.wording, memory.gaps.since
        yield from said(
            words.followed(
                w,
                memory.outcomes,
                memory.regained,
                memory.expected,
                memory.verdict,
                w.date(since),
                memory.years,
            )
        )


@section(comparable)
def main_points(gaps: Gaps, plan: ContactPlan) -> Shows:
    """The findings, largest money first."""
    w, p, chance = gaps.book.wording, gaps.parameters, gaps.chance_counts[0]
    t, unlikely = gaps.totals, gaps.names("unlikely")
    findings = [
        words.late_customers(w, t, gaps.names("late")),
        words.beyond_luck(w, t, chance, p.chance_level, unlikely),
        words.most_late(w, gaps.rebound, gaps.rebound, p.tracked_share),
        words.salespeople(w, gaps.people),
        words.neglected(w, gaps.tracked),
        words.last_chance(w, plan.proposals, plan.detectable),
    ]
    yield from points(w, findings)


@section()
def answer(gaps: Gaps) -> Shows:
    """What page one says: how few make most of what is missing, and how sure that is."""
    if gaps.whole and not comparable(gaps):
        w, chance = gaps.book.wording, gaps.chance_counts[0]
        yield Answered(answers.behind(w, gaps.totals, gaps.tracked, chance))


@section()
def warnings(gaps: Gaps) -> Shows:
    """What the reader must know of the data before reading a figure."""
    for notice in gaps.book.notices:
        yield from said(gaps.book.wording.tell(notice), "warning")
    yield from said(partly_comparable(gaps.book), "warning")


@section()
def last_list(memory: Memory) -> Shows:
    """What became of the customers that the audit before this one tracked."""
    w, since, p = memory.book.wording, memory.gaps.since, memory.gaps.parameters
    if memory.gaps.before is None:
        nothing = w._(
            "No earlier report of this client stands beside this one: the list drawn today is "
            "stored, and the next audit opens with what became of it."
        )
        yield from said(nothing, "missing")
        return
    yield Exhibit(
        "outcomes",
        w._("Outcome of the customers tracked on {date}", date=w.date(since)),
        memory.outcomes,
        Columns("outcome customer_count flagged_gap revenue_progress regained_share"),
        missing=too_few(memory.book, memory.followed),
    )
    note = w._(
        "Back: regained {share} of the gap or more; lost: no order since, and silent for twice its "
        "own rhythm. Movement: revenue of a period today less that of the same length then.",
        share=w.percent(memory.back_share, 0),
    )
    yield from said(note, "note")
    yield from said(words.arm_effect(w, memory.effect))
    if len(memory.followed):
        yield _followed_list(memory, p.top_count)
        yield from said(needs(memory.book, "service"), "missing")
        yield from said(needs(memory.book, "opportunities"), "missing")


def _followed_list(memory: Memory, first: int) -> Exhibit:
    w, followed, armed = memory.book.wording, memory.followed, memory.armed
    columns = gap_list.FOLLOWED_COLUMNS
    nobody_lost = set(followed.outcome) <= set(follow_up.OUTCOMES) and len(followed) == len(
        memory.flagged
    )
    return Exhibit(
        "followed",
        w._(
            "Each customer tracked on {date}: contacts and proposals since, and what moved",
            date=w.date(memory.gaps.since),
        ),
        followed.sort_values(["sales_gap", "customer_id"]),
        Columns(FOLLOWED, first=first),
        lists={
            "follow_up": followed[columns],
            "follow_up_proposals": armed[["arm", *columns]] if len(armed) else armed,
        },
        checks=[(nobody_lost, "a tracked customer was lost on the way")],
        names="followed",
    )


@section(comparable)
def behind(gaps: Gaps) -> Shows:
    """Who is behind, beside those ahead, and the gap list."""
    yield _ranking(gaps)
    yield _gap_list(gaps)
    yield from said(needs(gaps.book, "customers", "name"), "missing")


def _ranking(gaps: Gaps) -> Exhibit:
    """The largest losses and gains, each with the chance of its order counts."""
    w, ends = gaps.book.wording, gaps.extremes(ENDS)
    notes = [
        w._(
            "{gap} · p {p}",
            gap=w.signed_money(gap, 0),
            p=write_value(w, chance, "chance"),
        )
        for gap, chance in zip(ends.sales_gap, ends.order_p_value, strict=True)
    ]
    return Exhibit(
        "gap-ranking",
        words.behind_and_ahead(w, gaps.totals),
        ends.assign(amount=ends.sales_gap, note=notes)[["name", "amount", "note"]],
        Drawn(draw_ranking),
        subtitle=w._(
            "Revenue against the same months of the year before, largest losses and gains; "
            "p = chance of order counts this far apart if nothing changed"
        ),
        source=source(gaps),
        missing=too_few(gaps.book, ends),
    )


def _gap_list(gaps: Gaps) -> Exhibit:
    w, late, totals = gaps.book.wording, gaps.late, gaps.totals
    seller = "gap_salesperson " if gaps.handed_over else ""
    return Exhibit(
        "sales-gaps",
        w._("The gap list: customers behind, largest loss first"),
        late,
        Columns(
            f"name salesperson {seller}classes essential revenue_previous revenue sales_gap "
            f"gap_rate margin_at_stake order_p_value silence",
            first=gaps.parameters.top_count,
        ),
        note=w._(
            "Class: a year earlier → now. Chance (p): of order counts this far apart had nothing "
            "changed. Months silent: since the last order, beside the usual interval of the "
            "customer."
        ),
        missing=too_few(gaps.book, late),
        lists={
            "sales_gaps": gaps.customers.order_by(*gap_list.LARGEST_LOSS_FIRST).select(
                *gap_list.GAP_COLUMNS
            ),
            "standing": gaps.standing.select(*gap_list.STANDING_COLUMNS).order_by("customer_id"),
        },
        checks=[
            (
                late.sales_gap.is_monotonic_increasing and totals.customer_count == totals["count"],
                "the gap list is not one row a customer, largest loss first",
            ),
            (
                abs(totals.gap - totals.change) < CENT * max(totals["count"], 1),
                "gaps do not sum to the change of revenue",
            ),
        ],
        names="late_customers beyond_luck most_late",
    )


@section(given("sales"))
def overdue(gaps: Gaps) -> Shows:
    """Who is overdue by their own rhythm, of those that order rarely."""
    w, (rare, slow) = gaps.book.wording, gaps.overdue
    yield from said(words.overdue(w, len(rare), slow))
    if len(gaps.overdue[0]):
        yield Exhibit(
            "overdue",
            w._("Silent for one and a half of their usual interval or longer, longest first"),
            gaps.overdue[0],
            Columns(
                "name salesperson last_order_date months_since_last_order "
                "rhythm_months peak_revenue",
                first=gaps.parameters.top_count,
            ),
        )
    yield Kept({"overdue": rare})


@section(comparable)
def luck(gaps: Gaps) -> Shows:
    """What the luck of orders explains, and what comes back by itself."""
    w, p, chance = gaps.book.wording, gaps.parameters, gaps.chance_counts
    t, names = gaps.totals, gaps.names("unlikely")
    yield from said(words.beyond_luck(w, t, chance[0], p.chance_level, names))
    fallen, compared = int(t.fallen_count), int(t["count"])
    yield from said(words.usual_rule(w, fallen, compared, gaps.chance_counts[1], p.fall_share))
    yield from said(words.rhythm(w, gaps.regularity), "warning")
    yield Exhibit(
        "groups",
        w._("Flagged groups, and what such groups regain in a year"),
        gaps.told_groups,
        Columns(
            "group customer_count revenue_previous sales_gap margin_at_stake "
            "rebound_range expected_rebound"
        ),
        annex=True,
    )
    yield from said(words.expected_rebound(w, gaps.rebound), "note")


@section(comparable)
def part_of_purchases(gaps: Gaps) -> Shows:
    """Who left family by family, and who was larger once."""
    w, p, book = gaps.book.wording, gaps.parameters, gaps.book
    unknown_families = "" if gaps.families_known else needs(book, "sales", "offer")
    yield Exhibit(
        "stopped",
        w._(
            "Active customers that no longer buy a family bought on {count} orders or more "
            "a year earlier",
            count=w.number(p.family_order_count),
        ),
        gaps.stopped,
        Columns(
            "name salesperson stopped_families stopped_family_count stopped_revenue sales_gap",
            first=p.top_count,
        ),
        missing=first_missing(unknown_families, too_few(book, gaps.stopped)),
        names="stopped_families",
    )
    yield from said(words.stopped_families(w, gaps.totals, gaps.chance_stopped))
    yield Exhibit(
        "peaks",
        w._("Customers that were larger once: their best 12 months against the last 12"),
        gaps.once_larger,
        Columns(
            "name salesperson peak_end peak_revenue rolling_year_revenue decline_rate",
            first=p.top_count,
        ),
        note=w._(
            "Anybody's best 12 months lie above the last 12, by luck alone: the large falls are "
            "worth a look, the small ones say nothing."
        ),
        missing=too_few(book, gaps.once_larger),
    )


@section(comparable)
def salespeople(gaps: Gaps) -> Shows:
    """Whether it is the accounts, luck, or the person."""
    w = gaps.book.wording
    yield _funnel(gaps)
    yield from told(words.salespeople(w, gaps.people))
    yield _people(gaps)


def _funnel(gaps: Gaps) -> Exhibit:
    w, crew = gaps.book.wording, gaps.crew
    alone = w._("One salesperson only: there is nobody to compare with.")
    nobody = needs(gaps.book, "sales", "salesperson") if not len(crew) else ""
    return Exhibit(
        "funnel",
        words.outside_limits(w, crew),
        crew,
        Drawn(draw_funnel, {"limits": gaps.funnel, "share": gaps.late_share}),
        subtitle=w._(
            "Share of each salesperson's accounts that buy less, mix by class allowed for, "
            "against the limits of chance around {share}",
            share=w.percent(gaps.late_share),
        ),
        source=source(gaps),
        missing=first_missing(nobody, alone if len(crew) == 1 else ""),
        annex=len(crew) < FUNNEL_LEAST,
    )


def _people(gaps: Gaps) -> Exhibit | Kept:
    w, people, t = gaps.book.wording, gaps.people, gaps.totals
    lists = {"salespeople": people}
    adds_up = people.customer_count.sum() == t.due_count
    adds_up &= abs(people.sales_gap.sum() - t.due_gap) < CENT * max(t.due_count, 1)
    checks = [(adds_up, "salespeople's accounts do not add up to the list")]
    if not len(gaps.crew):
        return Kept(lists, checks)
    return Exhibit(
        "salespeople",
        w._("Accounts buying less, by salesperson, in alphabetical order: not a ranking"),
        people,
        Columns(PEOPLE),
        note=w._(
            "Share allowing for chance: what the data carry, drawn towards the expected "
            "share; p: chance of a late count this far from the expected one."
        ),
        lists=lists,
        checks=checks,
        names="salespeople",
        annex=len(people) >= FUNNEL_LEAST,
    )


@section()
def noted_activity(gaps: Gaps) -> Shows:
    """What salespeople noted."""
    w, noted = gaps.book.wording, gaps.activity
    if not len(noted):
        yield from said(needs(gaps.book, "service", "salesperson"), "missing")
        return
    won = " opened_count decided_count win_range won_amount"
    yield Exhibit(
        "activity",
        w._(
            "What salespeople noted in the audit period, in alphabetical order: activities and "
            "opportunities that bear their name"
        ),
        gaps.activity,
        Columns(
            "salesperson activity_count visited_count"
            + (won if gaps.book.has("opportunities", "salesperson") else ""),
            first=gaps.parameters.top_count,
        ),
        lists={"activity": gaps.activity},
    )


@section(comparable)
def contacted(gaps: Gaps) -> Shows:
    """The most late beside what was done with them."""
    w, book = gaps.book.wording, gaps.book
    yield _quadrants(gaps)
    yield from told(words.neglected(w, gaps.tracked))
    if book.has("service") or book.has("opportunities"):
        yield _tracked(gaps)
    yield from said(needs(book, "opportunities"), "missing")
    if book.has("service"):
        yield from said(words.contacts_counted(w, gaps.contact_kinds, book.activity_kinds), "note")


def _quadrants(gaps: Gaps) -> Exhibit:
    w, deep = gaps.book.wording, gaps.parameters.deep_fall_share
    served = gaps.tracked[gaps.tracked.quadrant.notna()]
    labels = {
        "few_contacts": w._("fewer contacts than planned"),
        "competition": w._("contacted, and fell deep"),
        "demand": w._("contacted, fell less"),
        "watch": w._("to watch"),
    }
    return Exhibit(
        "quadrants",
        words.fell_deep(w, served),
        served,
        Drawn(draw_quadrants, {"deep_share": deep, "labels": labels}),
        subtitle=w._(
            "Fall of revenue against contacts made ÷ planned; area: money missing; deep: {share} "
            "of revenue or more",
            share=w.percent(deep, 0),
        ),
        source=source(gaps),
        missing=first_missing(needs(gaps.book, "service"), too_few(gaps.book, served)),
    )


def _tracked(gaps: Gaps) -> Exhibit:
    w, book = gaps.book.wording, gaps.book
    columns = ["name salesperson sales_gap gap_rate"]
    if book.has("service"):
        columns.append("contacts_made noted_contact_quality quadrant")
    if book.has("opportunities"):
        columns.append("proposal_count opportunity_count opportunity_amount")
    return Exhibit(
        "tracked",
        w._(
            "The largest losses: contacts, their quality, proposals since {date}, "
            "opportunities open",
            date=w.date(gaps.since),
        ),
        gaps.tracked.head(LIST_LIMIT),
        Columns(" ".join(columns), first=gaps.parameters.top_count),
        missing=too_few(book, gaps.tracked),
        names="most_late neglected",
    )


@section(comparable)
def by_month(gaps: Gaps) -> Shows:
    "When each of the largest losses began."
    w, book = gaps.book.wording, gaps.book
    shown = gaps.tracked.head(gaps.parameters.top_count)
    strip, t = gaps.months_of(list(shown.customer_id)), gaps.totals
    difference = abs(gaps.months.revenue.sum().fill_null(0.0).execute() - t.flagged_revenue)
    yield Exhibit(
        "heat-strip",
        words.worst_month(w, strip, len(shown), book.periods),
        strip,
        Drawn(
            draw_heat_strip,
            {
                "names": dict(zip(shown.customer_id, shown.name, strict=True)),
                "labels": month_labels(book, dict.fromkeys(strip.audit_month)),
            },
        ),
        subtitle=w._(
            "Figure: revenue of the month, in thousands where a month reaches ten thousand; "
            "colour: gap to the same month a year earlier, in per cent of the customer's best "
            "month, orange behind, blue ahead"
        ),
        source=source(gaps),
        missing=too_few(book, strip),
        lists={"monthly_gaps": gaps.months},
        checks=[
            (
                difference < CENT * max(t.flagged_count, 1),
                "months do not sum to the revenue of the most late",
            )
        ],
    )


@section(comparable)
def proposals(plan: ContactPlan) -> Shows:
    """To whom a last-chance proposal is made."""
    w, gaps, p = plan.book.wording, plan.gaps, plan.gaps.parameters
    yield Exhibit(
        "recoverability",
        w._(
            "How often customers on the way out (down by {share} or more, silent for twice their "
            "rhythm) were back a year later, by their silence",
            share=w.percent(p.deep_fall_share, 0),
        ),
        gaps.rates,
        Columns("band_range customer_count back_count back_range recoverability"),
        missing=words.assumed_rate(w, gaps.rates, p.assumed_recoverability),
        annex=True,
    )
    yield _proposals(plan)
    yield from told(words.last_chance(w, plan.proposals, plan.detectable))


def _proposals(plan: ContactPlan) -> Exhibit:
    w, t, p = plan.book.wording, plan.proposals, plan.gaps.parameters
    costless = needs(plan.book, "sales", "cost") if plan.costless else ""
    worth = (t.expected_value > 0).all() and len(t) <= p.proposal_count
    return Exhibit(
        "last-chance",
        w._(
            "Last-chance proposals at {cost} each, most valuable first; stop after {contacts} "
            "contacts without an order, or {days} days after the due date",
            cost=w.money(p.proposal_cost),
            contacts=w.number(p.stop_contact_count),
            days=w.number(p.stop_days),
        ),
        t.head(LIST_LIMIT),
        Columns(PROPOSALS, first=p.top_count),
        missing=first_missing(costless, too_few(plan.book, t)),
        lists={"last_chance": t[gap_list.PROPOSAL_COLUMNS]},
        checks=[(worth, "a proposal is worth less than it costs, or there are too many")],
        names="last_chance",
    )


@section(comparable)
def whom_to_call(plan: ContactPlan) -> Shows:
    """The tasks of the coming weeks, and the one decision an account; without sales those of
    contracts that end are written with the renewals.
    """
    if not plan.book.has("sales"):
        return
    w, p, tasks = plan.book.wording, plan.gaps.parameters, plan.tasks
    sentences = words.task(w, tasks, p.stop_contact_count)
    monday = tasks.assign(task=sentences).sort_values(["due_date", "sales_gap", "customer_id"])
    held = plan.proposals.customer_id[plan.proposals.arm == "hold-out"]
    decided = plan.decisions.order_by("customer_id").select(*ACTION_COLUMNS, "value_low")
    worded = partial(decisions_told.worded, w)
    yield Exhibit(
        "tasks",
        w._("First tasks by day, largest gap first"),
        monday,
        Columns("due_date salesperson name task", first=p.top_count),
        missing=too_few(plan.book, tasks),
        lists={
            "tasks": monday[gap_list.TASK_COLUMNS],
            "actions": Mapped(decided, worded, decisions_told.WORDS, ("value_low",)),
        },
        checks=[
            (
                not set(tasks.customer_id) & set(held),
                "a customer of the hold-out has a task",
            ),
            (
                tasks.customer_id.is_unique and not plan.overspent,
                "more may be spent on an account than its action may bring",
            ),
        ],
    )
    yield from said(
        words.not_planned(w, plan.left_count, p.task_week_count, p.weekly_task_count), "note"
    )


@section(comparable)
def recommendations(gaps: Gaps, plan: ContactPlan) -> Shows:
    """What to do next: each sentence is triggered by names on a list."""
    reaches_back = gaps.earlier_count > 0
    for sentence in words.gap_recommendations(
        gaps.book.wording, gaps.tracked, plan.proposals, gaps.people, reaches_back
    ):
        yield from said(sentence, "recommendation")
