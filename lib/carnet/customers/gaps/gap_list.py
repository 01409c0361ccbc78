"""The gap list: every table of the book that knows something of a customer,
joined into one row each, largest loss first.

A book of sales alone gives the list, too: what a missing table would tell is unknown,
and the column is there.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from functools import partial, reduce
from itertools import pairwise, takewhile
from operator import add
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from carnet.book.book import Book
from carnet.book.earlier import GAP_NUMBERS, Published
from carnet.book.mapped import Mapped, frame
from carnet.book.tables import tabled
from carnet.customers.columns import Part, joined
from carnet.customers.customer_years import peak_ends
from carnet.customers.rhythms import order_rhythm, peak_years
from carnet.customers.series import margin_rates_of, moved
from carnet.engagement.parameters import Policy
from carnet.engagement.periods import Periods, year_earlier_in
from carnet.measures.gaps import contacts, gaps, salespeople
from carnet.measures.portfolio import concentration
from carnet.measures.register import Column, composed
from carnet.measures.retention import defection, rebound
from carnet.wording import N_

Plan = tuple[tuple[str, float], ...]  # class → contacts planned in a year
Rule = Callable[[pd.DataFrame], pd.Series]  # a gap list → True for the customers it flags
HISTORY_YEARS = 3  # earlier lists that the rebound is measured on, at most
LARGEST_LOSS_FIRST = ("sales_gap", "customer_id")
ROW_RULES = ("fallen", "unlikely")  # that flag a customer by its own row
NAMED_FAMILIES = 3  # families quoted in a row
ESSENTIAL = "A"
EARLIER_COLUMNS = [
    "customer_id", "status", "revenue", "revenue_previous", "sales_gap", "gap_rate", "order_count",
    "order_count_previous", "order_p_value", "last_order_date", "months_since_last_order",
    "rhythm_months", "silence_ratio",
]  # fmt: skip
NEXT = {"revenue_next": "float64"}
REBOUND = ["audit_years_ago", "revenue", "revenue_previous", "revenue_next"]

GAP_COLUMNS = [
    "customer_id", "name", "salesperson", "gap_salesperson", "abc_class", "revenue",
    "revenue_previous", "sales_gap", "last_order_date", "gap_rate", "flagged", "arm", "essential",
    "abc_class_previous", "status", "margin_at_stake", "order_count", "order_count_previous",
    "order_p_value", "false_discovery_share", "months_since_last_order", "rhythm_months",
    "silence_ratio", "stopped_family_count", "stopped_families", "stopped_revenue",
    "rolling_year_revenue", "peak_revenue", "peak_end", "noted_contact_count",
    "planned_contact_count", "noted_contact_quality", "quadrant", "proposal_count",
    "opportunity_count", "opportunity_amount",
]  # fmt: skip
PROPOSAL_COLUMNS = [
    "customer_id", "name", "salesperson", "abc_class_previous", "arm", "at_most", "sales_gap",
    "margin_at_stake", "recoverability", "proposal_cost", "expected_value", "stop_contact_count",
    "stop_date", "revenue", "rolling_year_revenue",
]  # fmt: skip
TASK_COLUMNS = [
    "due_date",
    "salesperson",
    "customer_id",
    "name",
    "action",
    "task",
    "at_most",
    "sales_gap",
    "margin_at_stake",
]
FOLLOWED_COLUMNS = [
    "customer_id", "name", "salesperson", "outcome", "sales_gap", "rolling_year_revenue",
    "revenue_now", "revenue_progress", "regained_share", "last_order_date", "recent_contact_count",
    "recent_contact_quality", "proposal_count",
]  # fmt: skip

OVERDUE_COLUMNS = [
    "customer_id", "name", "salesperson", "last_order_date", "months_since_last_order",
    "rhythm_months", "silence_ratio", "peak_revenue",
]  # fmt: skip
STANDING_COLUMNS = [
    "customer_id",
    "last_order_date",
    "silence_ratio",
    "revenue",
    "rolling_year_revenue",
]
# what `follow_up` adds
FOLLOWED_LATER = {"outcome", "revenue_now", "revenue_progress", "regained_share", "last_order_date"}


@composed(
    {
        "gap_salesperson": Column(
            "text", "Salesperson of the last line a year earlier, else who is in charge today"
        ),
        "abc_class_previous": Column("text", "Class by revenue of the previous period"),
        "order_p_value": Column(
            "ratio", "Chance of order counts this far apart: gaps.order_p_values"
        ),
        "false_discovery_share": Column(
            "ratio", "Share of flukes down to this p-value: gaps.false_discovery_shares"
        ),
        "stopped_family_count": Column(
            "count", "Families bought often the year before and not since"
        ),
        "stopped_families": Column("text", "The largest of them"),
        "stopped_revenue": Column("currency", "Their revenue of the year before"),
        "essential": Column("truth", "Class A in the audit period or in the previous one"),
        "margin_at_stake": Column(
            "currency", "Margin rate of the customer times what it lacks, at least 0"
        ),
        "late": Column("truth", "Lacks revenue, and was due"),
    },
    N_("Gap list: one row per customer with revenue in either year"),
)
@tabled
def gap_list(book: Book, cut_a: float, cut_b: float, least_orders: int) -> Mapped:
    """One row per customer with revenue in either period, over the months that both years cover
    whole.

    Columns     customer_id, name, salesperson (in charge today), gap_salesperson (in charge when
                the gap arose), abc_class and abc_class_previous (by revenue of each period),
                essential (A in one of them), revenue, revenue_previous, sales_gap, gap_rate,
                order_count, order_count_previous, order_p_value, false_discovery_share,
                margin_rate, margin_at_stake (margin rate × what a late customer lacks),
                last_order_date, months_since_last_order, rhythm_months, silence_ratio,
                stopped_family_count, stopped_families, stopped_revenue, rolling_year_revenue,
                peak_revenue, peak_end, status, late (the rule of that name: `flag_rules`)
    """
    period, months = book.kept("customer_movement", moved(book)), book.comparable_months
    classes = concentration.abc_classes(period, cut_a, cut_b)
    before = period.mutate(revenue=period.revenue_previous)
    classes_before = concentration.abc_classes(before, cut_a, cut_b)
    classes_before = classes_before.rename(abc_class_previous="abc_class")
    sold = None
    if book.has("sales", "salesperson"):
        sold = salespeople.sellers(book.table("sales"), book.periods)
    best = dict.fromkeys(("rolling_year_revenue", "peak_revenue"), "float64")
    t = joined(
        gaps.false_discovery_shares(_likely(book)),
        Part(classes, {"abc_class": "string"}),
        Part(classes_before, {"abc_class_previous": "string"}),
        Part(margin_rates_of(book), {"margin_rate": "float64"}),
        Part(peak_years(book), best | {"peak_audit_month": "int64"}),
        _stopped(book, months, least_orders),
        Part(book.customers, {"name": "string", "salesperson": "string"}),
        Part(sold, {"gap_salesperson": "string"}),
    )
    essential = (t.abc_class == ESSENTIAL) | (t.abc_class_previous == ESSENTIAL)
    # an account still bought from, of which families are known: none stopped
    bought = (t.status != "lost").fill_null(False) & (families_of(book) is not None)
    none = bought.ifelse(0.0, ibis.null("float64"))
    t = t.mutate(
        essential=essential.fill_null(False),
        stopped_family_count=t.stopped_family_count.fill_null(none),
        stopped_revenue=t.stopped_revenue.fill_null(none),
    )
    t = t.mutate(margin_at_stake=t.margin_rate * ibis.greatest(-t.sales_gap, 0.0))
    # its lines name nobody: who looks after it today
    t = t.mutate(gap_salesperson=ibis.coalesce(t.gap_salesperson, t.salesperson))
    kinds = {"peak_end": "date", "late": "boolean"}
    return Mapped(t, partial(_ended, book.periods), kinds, ("peak_audit_month",))


def gap_frame(book: Book, cut_a: float, cut_b: float, least_orders: int) -> pd.DataFrame:
    """`gap_list` in this process, largest loss first."""
    t = gap_list(book, cut_a, cut_b, least_orders)
    return frame(t.order_by(*LARGEST_LOSS_FIRST))


@tabled
def _likely(book: Book) -> Mapped:
    """`_core` of the audit, with the p-value of the orders of each customer."""
    t = _core(book, book.cube, book.periods, book.comparable_months)
    likely = partial(_with_p_values, day_share(book.periods))
    return Mapped(t, likely, {"order_p_value": "float64"})


def _with_p_values(share: float | pd.Series, t: pd.DataFrame) -> pd.DataFrame:
    """Rows of `_core` with order_p_value."""
    p_values = gaps.order_p_values(t.order_count, t.order_count_previous, share)
    return t.assign(order_p_value=p_values)


def _ended(periods: Periods, t: pd.DataFrame) -> pd.DataFrame:
    """Rows of the gap list with peak_end and late."""
    return t.assign(peak_end=peak_ends(periods, t.peak_audit_month), late=is_late(t))


def is_late(t: Any) -> Any:
    """True for the customers of a list, here or in an engine, that lack revenue and were due."""
    # orders drawn at random have no rhythm
    late = t.sales_gap < 0
    return late & (t.status != "not_due") if "status" in t.columns else late


def flag_rules(share: float, by: str, fall: float, level: float) -> dict[str, Rule]:
    """The rules that flag customers of a list: late, most_late (the tracked ones),
    fallen (the usual rule), unlikely (orders beyond luck).
    """

    def unlikely(t: pd.DataFrame) -> pd.Series:
        p_values = (
            t.order_p_value
            if "order_p_value" in t.columns
            else gaps.order_p_values(t.order_count, t.order_count_previous)
        )
        return is_late(t) & (t.order_count < t.order_count_previous) & (p_values <= level)

    return {
        "late": is_late,
        "most_late": lambda t: gaps.most_late(t, share, by, is_late(t)),
        "fallen": lambda t: (t.gap_rate <= -fall) & is_late(t),
        "unlikely": unlikely,
    }


@tabled
def earlier_lists(book: Book) -> Mapped:
    """The lists that this book would have shown one, two, three years ago, where it reaches back,
    with what came next.

    Columns     audit_years_ago, EARLIER_COLUMNS, late, revenue_next (0 where nothing was invoiced);
                no row when the sales given do not cover three years, or the last months of this one
    """
    complete = len(book.comparable_months) == book.periods.month_count
    years = range(HISTORY_YEARS + 1) if complete else ()
    lists = [_earlier(book, year) for year in takewhile(book.reaches_back, years)]
    told = [
        joined(now, Part(later.select("customer_id", revenue_next="revenue"), NEXT))
        for later, now in pairwise(lists)
    ]
    shares = {year: day_share(book.periods.earlier(year)) for year, _ in enumerate(lists)}
    t = ibis.union(*told) if told else _earlier(book, 0).mutate(revenue_next=0.0).limit(0)
    kinds = {"order_p_value": "float64", "late": "boolean"}
    t = t.mutate(revenue_next=t.revenue_next.fill_null(0.0))
    return Mapped(t, partial(_told_late, shares), kinds)


def _earlier(book: Book, years: int) -> ir.Table:
    """`_core` of so many years ago."""
    cube = book.cube.filter(book.cube.audit_month >= 12 * years)
    cube = cube.mutate(audit_month=cube.audit_month - 12 * years)
    periods = book.periods.earlier(years)
    t = _core(book, cube, periods, range(periods.month_count))
    return t.mutate(audit_years_ago=ibis.literal(years, "int64"))


def _told_late(shares: Mapping[int, float], t: pd.DataFrame) -> pd.DataFrame:
    """Rows of earlier lists with order_p_value and late."""
    told = _with_p_values(t.audit_years_ago.map(shares).astype(float), t)
    return told.assign(late=is_late(told))


def expected_rebounds(book: Book, policy: Policy) -> pd.DataFrame:
    """What such a group as each rule flags regains in a year: group, method, year_count,
    rebound_share, rebound_low, rebound_high.

    From the earlier lists (method 'history'), each with the same rule; without them from the luck
    of orders alone ('luck': a ceiling, without interval).
    """
    earlier = earlier_lists(book)
    years = sorted(earlier.select("audit_years_ago").distinct().execute().audit_years_ago)
    orders = None if years else _order_revenues(book)
    rows = []
    for name, rule in rules_of(policy).items():
        if orders is None:
            lists = [earlier.filter(earlier.audit_years_ago == year) for year in years]
            flagged = ibis.union(*(_flagged(name, rule, t, policy) for t in lists))
            share, low, high = rebound.historic_rebound(frame(flagged))
        else:
            share, low, high = rebound.luck_rebound(orders, rule), np.nan, np.nan
        rows.append(
            dict(
                group=name,
                method="history" if years else "luck",
                year_count=len(years),
                rebound_share=share,
                rebound_low=low,
                rebound_high=high,
            )
        )
    return pd.DataFrame(rows)


def _flagged(name: str, rule: Rule, t: ir.Table, policy: Policy) -> ir.Table:
    """The rows of a list of an earlier year that a rule flags: REBOUND."""
    found = tracked(t, policy) if name == "most_late" else t.filter(rule(t))
    return found.select(*REBOUND)


@composed(
    {
        "noted_contact_count": Column(
            "count", "Contacts noted in the 12 months up to the last order: before it went quiet"
        ),
        "noted_contact_quality": Column("index", "Mean quality of those contacts, 1 to 5"),
        "planned_contact_count": Column("count", "A year's plan for the class it had then"),
        "recent_contact_count": Column(
            "count", "Contacts noted since the earlier report, else in the audit period"
        ),
        "recent_contact_quality": Column("index", "Mean quality of those contacts, 1 to 5"),
    },
    N_("What was noted with each customer of the gap list"),
)
def with_contacts(book: Book, t: ir.Table, activities: Sequence[str], since: dt.date) -> ir.Table:
    """Add what was done with each customer of a table of customer_id and last_order_date.

    Columns     noted_contact_count and noted_contact_quality (the 12 months up to the last order:
                what it got before it went quiet), recent_contact_count and recent_contact_quality
                (after `since`), proposal_count (after `since`), opportunity_count,
                opportunity_amount; NULL where the table is missing or does not cover the time
    """
    last = t.last_order_date.fill_null(ibis.date(book.as_of))
    day = ibis.interval(days=1)
    lately = ibis.date(since + dt.timedelta(days=1)), ibis.date(book.as_of)
    return joined(
        t,
        _contacts(book, t, activities, "noted", year_earlier_in(last) + day, last),
        _contacts(book, t, activities, "recent", *lately),
        _offers(book, t, since),
    )


def _contacts(
    book: Book,
    t: ir.Table,
    activities: Sequence[str],
    name: str,
    start: ir.DateValue,
    end: ir.DateValue,
) -> Part:
    """NAME_contact_count and NAME_contact_quality between two days, those of each customer."""
    kinds = {f"{name}_contact_count": "float64", f"{name}_contact_quality": "float64"}
    if not book.has("service"):
        return Part(None, kinds)
    windows = t.select("customer_id", window_start=start, window_end=end)
    found = contacts.contact_counts(book.table("service"), activities, windows)
    both = windows.left_join(found, "customer_id")
    covered = book.covers_days("service", both.window_start, both.window_end)
    # the table covers the window and holds no contact of the customer: none was made,
    # or none was noted
    count = covered.ifelse(both.contact_count.fill_null(0), ibis.null("int64"))
    told = dict(zip(kinds, (count, both.contact_quality), strict=True))
    return Part(both.select("customer_id", **told), kinds)


def _offers(book: Book, t: ir.Table, since: dt.date) -> Part:
    """proposal_count, opportunity_count, opportunity_amount of each customer."""
    names = ("proposal_count", "opportunity_count", "opportunity_amount")
    kinds = dict.fromkeys(names, "float64")
    if not book.has("opportunities"):
        return Part(None, kinds)
    made = contacts.proposal_counts(book.table("opportunities"), since, book.as_of)
    # nothing opened since at all: the table ends before, it does not say that nobody got one
    if not made.proposal_count.sum().fill_null(0).execute():
        return Part(None, kinds)
    both = t.select("customer_id").left_join(made, "customer_id")
    # no opportunity of this customer noted: none
    count, amount = both.opportunity_count.fill_null(0), both.opportunity_amount.fill_null(0.0)
    # open opportunities of which no amount is noted: how much is not known, which is not zero
    unpriced = (count > 0) & both.opportunity_amount.isnull()
    told = {
        "proposal_count": both.proposal_count.fill_null(0),
        "opportunity_count": count,
        "opportunity_amount": unpriced.ifelse(ibis.null("float64"), amount),
    }
    if not book.covers("opportunities", since):  # what was opened before it starts is not known
        told["proposal_count"] = ibis.null("int64")
    return Part(both.select("customer_id", **told), kinds)


@composed(
    {
        "fallen": Column("truth", "Late, and down by the stated share or more"),
        "unlikely": Column("truth", "Late with fewer orders, and an order_p_value this small"),
        "flagged": Column("truth", "Among the most late: gaps.most_late"),
    },
    N_("Gap list with what was done, and whom the rules flag"),
)
@tabled
def followed_list(
    book: Book, policy: Policy, activities: tuple[str, ...], plan: Plan, since: dt.date
) -> Mapped:
    """`gap_list` with what was done with each customer and whom the rules flag.

    Columns     those of `gap_list` and `with_contacts`, planned_contact_count (a year's plan for
                the class it had then), quadrant, flagged (`flag_rules`: most_late), fallen,
                unlikely
    """
    t = gap_list(book, policy.abc_cut_a, policy.abc_cut_b, policy.family_order_count)
    first = tracked(t, policy).select("customer_id", flagged=True)
    t = joined(with_contacts(book, t, activities, since), Part(first, {"flagged": "boolean"}))
    t = t.mutate(flagged=t.flagged.fill_null(False))
    known = dict(plan) if book.has("service") else {}
    kinds = {"planned_contact_count": "float64", "quadrant": "string"}
    kinds |= dict.fromkeys(ROW_RULES, "boolean")
    return Mapped(t, partial(_followed, policy, known), kinds)


def _followed(policy: Policy, plan: Mapping[str, float], t: pd.DataFrame) -> pd.DataFrame:
    """Rows of the gap list with planned_contact_count, quadrant, and True for ROW_RULES."""
    planned = contacts.planned_contacts(t.abc_class_previous.fillna(t.abc_class), plan)
    deep = policy.deep_fall_share
    quadrant = contacts.quadrants(t.gap_rate, t.noted_contact_count, planned, deep)
    rules = rules_of(policy)
    flags = {name: rules[name](t).fillna(False).astype(bool) for name in ROW_RULES}
    return t.assign(planned_contact_count=planned, quadrant=quadrant, **flags)


def rules_of(policy: Policy) -> dict[str, Rule]:
    """`flag_rules` of a policy."""
    return flag_rules(
        policy.tracked_share, policy.tracked_by, policy.fall_share, policy.chance_level
    )


def tracked(t: ir.Table, policy: Policy) -> ir.Table:
    """Those of the gap list that are most late: `gaps.most_late_first`."""
    return gaps.most_late_first(t, policy.tracked_share, policy.tracked_by)


def overdue(book: Book) -> tuple[pd.DataFrame, int]:
    """Customers that order less often than twice a year and are late by their own rhythm
    (`defection.overdue`), longest silence first, and how many order so rarely: OVERDUE_COLUMNS.
    """
    rhythm = order_rhythm(book, book.as_of)
    t = joined(
        defection.overdue(rhythm),
        Part(peak_years(book), {"peak_revenue": "float64"}),
        Part(book.customers, {"name": "string", "salesperson": "string"}),
    )
    t = t.order_by(ibis.desc("silence_ratio"), "customer_id").select(*OVERDUE_COLUMNS)
    return frame(t), int(rhythm.filter(rhythm.rarely).count().execute())


def standing(book: Book) -> ir.Table:
    """Where every customer that ever bought stands today: customer_id, last_order_date,
    silence_ratio, period_revenue (see `length_column`).
    """
    t = joined(
        moved(book).select("customer_id", "revenue"),
        Part(peak_years(book), {"rolling_year_revenue": "float64"}),
        _rhythm(book, book.as_of),
    )
    return t.mutate(period_revenue=t[length_column(book.engagement.comparison)])


def length_column(comparison: str) -> str:
    """The revenue that two reports of one client hold over periods of equal length:
    the last 12 months, or the same dates of two years.
    """
    return "rolling_year_revenue" if comparison == "rolling_year" else "revenue"


def flagged_then(book: Book, before: Published | None, activities: Sequence[str]) -> pd.DataFrame:
    """The customers that an earlier report tracked, as its list has them,
    with the contacts and proposals made since (`with_contacts`).
    """
    if before is None:
        return pd.DataFrame(
            columns=[
                "period_revenue",
                *(column for column in FOLLOWED_COLUMNS if column not in FOLLOWED_LATER),
            ]
        )
    t = before.read_list("sales_gaps", GAP_NUMBERS, "flagged essential")
    t = t[t.flagged].reset_index(drop=True)
    t["period_revenue"] = t[length_column(before.comparison)]
    return _with_contacts_since(book, t, activities, before.as_of)


def proposed_then(book: Book, before: Published | None, activities: Sequence[str]) -> pd.DataFrame:
    """The last-chance proposals of an earlier report with their arms,
    and the contacts and proposals made since; no row without one.
    """
    if before is None or not before.has_list("last_chance"):
        return pd.DataFrame(columns=["customer_id", "arm", "sales_gap", "period_revenue"])
    t = before.read_list("last_chance", "sales_gap revenue rolling_year_revenue")
    t = t.assign(period_revenue=t[length_column(before.comparison)], last_order_date=pd.NaT)
    return _with_contacts_since(book, t, activities, before.as_of)


def _with_contacts_since(
    book: Book, t: pd.DataFrame, activities: Sequence[str], since: dt.date
) -> pd.DataFrame:
    """Rows of an earlier report's list with what was done: `with_contacts`."""
    days = pd.to_datetime(t.last_order_date).dt.date
    then = pd.DataFrame({"customer_id": t.customer_id, "last_order_date": days})
    kinds = {"customer_id": "string", "last_order_date": "date"}
    one_each = ibis.memtable(then.drop_duplicates("customer_id"), schema=kinds)
    made = frame(with_contacts(book, one_each, activities, since))
    made = made.drop(columns="last_order_date").set_index("customer_id").reindex(t.customer_id)
    return t.assign(**{name: made[name].to_numpy() for name in made})


def monthly_gaps(book: Book, customers: ir.Table) -> ir.Table:
    """Revenue of customers by month of the audit period: customer_id, audit_month (11 … 0),
    revenue, revenue_previous; and the other columns of `customers`.
    """
    months = {"audit_month": list(book.comparable_months)}
    every = customers.cross_join(ibis.memtable(months, schema={"audit_month": "int64"}))
    cube = book.cube.semi_join(customers, "customer_id")
    now, before = book.periods.in_current(cube), book.periods.in_previous(cube)
    cells = cube.filter(now | before)
    sold = cells.group_by("customer_id", audit_month=(cells.audit_month % 12).cast("int64")).agg(
        revenue=cells.revenue.sum(where=book.periods.in_current(cells)),
        revenue_previous=cells.revenue.sum(where=book.periods.in_previous(cells)),
    )
    t = every.left_join(sold, ["customer_id", "audit_month"])
    # a month that both years cover, without a line of the customer: nothing bought
    money = {name: t[name].fill_null(0.0) for name in ("revenue", "revenue_previous")}
    return t.select(*every.columns, **money)


def day_share(periods: Periods) -> float:
    """Days of the audit period ÷ days of both periods."""
    now, before = ((p.end - p.start).days + 1 for p in (periods.current, periods.previous))
    return now / (now + before)


def _core(book: Book, cube: ir.Table, periods: Periods, months: Sequence[int]) -> ir.Table:
    """Gaps and rhythm at one audit date: what a list of an earlier year has, too."""
    rhythm = _rhythm(book, periods.as_of)
    return joined(gaps.sales_gaps(cube, periods, months, rhythm.table), rhythm)


def _rhythm(book: Book, as_of: dt.date) -> Part:
    """`order_rhythm`, as a part of a list."""
    numbers = ("months_since_last_order", "rhythm_months", "silence_ratio")
    kinds = {"last_order_date": "date", "rarely": "boolean"} | dict.fromkeys(numbers, "float64")
    return Part(order_rhythm(book, as_of), kinds)


def families_of(book: Book) -> ir.Table | None:
    """`defection.family_orders` of the book; None when no line names a family or a product."""
    if not (book.has("sales", "offer") or book.has("sales", "product")):
        return None
    return defection.family_orders(book.table("sales"), book.periods, book.comparable_months)


def _stopped(book: Book, months: Sequence[int], least_orders: int) -> Part:
    """The families each customer stopped buying: stopped_family_count,
    stopped_families (the largest, quoted), stopped_revenue.
    """
    families, found = families_of(book), None
    if families is not None:
        pairs = defection.stopped_families(families, least_orders)
        largest = [ibis.desc(pairs.family_revenue_previous), pairs.family]
        place = ibis.row_number().over(ibis.window(group_by=pairs.customer_id, order_by=largest))
        pairs = pairs.mutate(place=place)
        named = [pairs.family.max(where=pairs.place == n) for n in range(NAMED_FAMILIES)]
        more = (((", " + name).fill_null("")) for name in named[1:])
        found = pairs.group_by("customer_id").agg(
            stopped_family_count=pairs.count(),
            stopped_revenue=pairs.family_revenue_previous.sum(),
            stopped_families=reduce(add, more, named[0]),
        )
    kinds = {"stopped_family_count": "float64", "stopped_families": "string"}
    return Part(found, kinds | {"stopped_revenue": "float64"})


def _order_revenues(book: Book) -> pd.DataFrame:
    """Orders of both periods as `rebound.luck_rebound` wants them."""
    orders, periods = book.orders, book.periods
    dated = orders.mutate(
        month=orders.date.truncate("M"), audit_month=periods.audit_month(orders.date)
    )
    dated = dated.mutate(current=periods.in_current(dated))
    kept = dated.filter(
        (dated.current | periods.in_previous(dated))
        & (dated.audit_month % 12).isin(book.comparable_months)
    )
    return (
        kept.select("customer_id", "order_id", "current", "revenue")
        .order_by("customer_id", "order_id", "current")
        .execute()
    )
