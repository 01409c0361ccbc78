"""What a customer was like in a year, and whether it was lost in the next:
survey answers, the customers a year opened with, their attributes.

Years are the last 12 months and those before, whatever the engagement compares: leaving takes
a year to be seen.
"""

import datetime as dt
from collections.abc import Sequence

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from carnet.book.book import Book
from carnet.book.mapped import Mapped, as_it_is, frame
from carnet.book.tables import tabled
from carnet.customers.columns import Part, joined
from carnet.customers.rhythms import order_rhythm
from carnet.customers.series import moved as moved_of
from carnet.engagement.periods import Periods, year_earlier_in
from carnet.measures.gaps import contacts
from carnet.measures.portfolio import movement
from carnet.measures.reasons import service_quality, silence
from carnet.measures.register import Column, composed
from carnet.wording import N_, unknown

LEAST_SEGMENT = 20  # customer-years, below which a segment is no attribute of its own
LEAST_EXPOSURE_DAYS = 90  # observed before the last order, for attributes to say something


def rolling_periods(book: Book) -> Periods:
    """The last 12 months and the 12 before, whatever the engagement compares:
    leaving takes a year to be seen.
    """
    return Periods(book.as_of, "rolling_year", book.engagement.fiscal_year_start)


def years_covered(book: Book) -> int:
    """How many of these years, counted back, had their year before in the sales given."""
    starts = (rolling_periods(book).earlier(back).previous.start for back in range(12))
    return sum(book.covers("sales", start) for start in starts)


@composed({"peak_end": Column("date", "Last day of the best 12 months")})
def peak_ends(periods: Periods, months: pd.Series) -> pd.Series:
    """The last day of each audit month."""
    ends = {month: periods.month_end(month) for month in months.dropna().unique()}
    return pd.to_datetime(months.map(ends))


def listed_since(book: Book, customers: pd.Series) -> pd.Series:
    """customers.since of each customer; NaT where none is given."""
    listed = book.table("customers").select("customer_id", "since").execute()
    since = listed.drop_duplicates("customer_id").set_index("customer_id").since.to_dict()
    return pd.to_datetime(customers.map(since)).astype("datetime64[ns]")


def complaints_of(book: Book, named: str) -> list[str]:
    """The kinds of activity that are complaints: those named (comma-separated), else told by their
    words.
    """
    words = [name.strip() for name in named.split(",") if name.strip()]
    return silence.complaint_activities(book.activity_kinds, words or silence.COMPLAINT_WORDS)


def reason_told(book: Book, customers: pd.Series) -> pd.Series:
    """True for customers whose departure was noted with a reason: nobody has to be asked why."""
    if not book.has("departures", "reason"):
        return pd.Series(False, customers.index)
    t = book.table("departures")
    told = t.filter(t.reason.notnull()).select("customer_id").distinct().execute()
    return customers.isin(set(told.customer_id))


def scaled_satisfaction(book: Book) -> ir.Table:
    """The survey with a scale for every answer: as given, else the smallest usual one that holds
    the largest mark of those of its kind that name none.

    Marks outside their scale are NULL: see `marks_outside`.
    """
    t = book.table("satisfaction")
    given = t.scale.cast("float64").nullif(0.0) if "scale" in t.columns else ibis.null("float64")
    t = t.mutate(scale=given)
    kind = t.kind.fill_null("") if "kind" in t.columns else ibis.literal("")
    t = t.mutate(asked=kind)
    bare = t.filter(t.scale.isnull())
    largest = bare.group_by("asked").agg(mark=bare.score.cast("float64").max()).execute()
    guessed = [
        (t.asked == row.asked, float(scale))
        for row in largest.itertuples()
        if not unknown(row.mark)
        and (scale := service_quality.guessed_scale(float(row.mark))) is not None
    ]
    usual = ibis.cases(*guessed, else_=ibis.null("float64")) if guessed else ibis.null("float64")
    t = t.mutate(scale=ibis.coalesce(t.scale, usual)).drop("asked")
    marks = [name for name in ("score", *service_quality.DIMENSIONS) if name in t.columns]
    inside = {
        name: t[name]
        .cast("float64")
        .between(0, t.scale)
        .ifelse(t[name].cast("float64"), ibis.null("float64"))
        for name in marks
    }
    return t.mutate(**inside)


def marks_outside(book: Book) -> int:
    """Answers whose overall mark lies outside its scale, or has none that it could be read on;
    they count as no answer.
    """
    if not book.has("satisfaction"):
        return 0
    return int(
        book.table("satisfaction").count().execute()
        - scaled_satisfaction(book).score.count().execute()
    )


def answers(book: Book, first: dt.date, last: dt.date) -> pd.DataFrame:
    """`customer_answers` of two days as a frame; empty without the table."""
    if not book.has("satisfaction"):
        return pd.DataFrame({"customer_id": [], "score": []})
    return answered(book, first, last).execute()


def answered(book: Book, first: dt.date, last: dt.date) -> ir.Table:
    """Marks of the customers that answered between two days, as shares of the scale:
    columns of `customer_answers`.
    """
    t = scaled_satisfaction(book)
    t = t.filter(t.date.between(ibis.date(first), ibis.date(last)))
    if "kind" in t.columns:  # a promise to recommend, or an effort, is no mark of satisfaction
        general = t.filter(t.kind.isnull() | (t.kind == "csat"))
        t = general if general.count().execute() else t.filter(t.kind != "ces")
    return service_quality.customer_answers(t)


@composed(
    {
        "satisfied": Column("truth", "Mean mark of that year at satisfied_from or above"),
        "profitable": Column("truth", "Margin of that year above 0"),
        "complained": Column("truth", "A complaint was noted in the time looked at"),
    },
    N_("Customers of the year before the last one, and what became of them"),
)
def opening_customers(book: Book, satisfied_from: float, complaints: Sequence[str]) -> pd.DataFrame:
    """The customers active in the year before the last 12 months, and what became of them:
    customer_id, name, revenue_previous, lost, satisfied (of its answers in that year),
    profitable and margin (revenue − cost of that year; NULL where a line has no cost), complained
    (since its start; NULL without such activities, or where the table starts later).
    """
    periods = rolling_periods(book)
    moved = moved_of(book, periods)
    moved = moved.filter(moved.active_previous)
    t = (
        moved.select("customer_id", "revenue_previous", lost=moved.status == "lost")
        .order_by("customer_id")
        .execute()
    )
    before = periods.previous
    marks = (
        answers(book, before.start, before.end).set_index("customer_id").score
        if book.has("satisfaction")
        else pd.Series(dtype=float)
    )
    score = t.customer_id.map(marks).astype(float)
    t["satisfied"] = (score >= satisfied_from).astype("boolean").mask(score.isna())
    t["margin"] = np.nan
    if book.has("sales", "cost"):
        lines = book.table("sales").filter(
            lambda s: s.date.between(ibis.date(before.start), ibis.date(before.end))
        )
        costed = lines.group_by("customer_id").agg(
            margin=(lines.amount.cast("float64") - lines.cost.cast("float64")).sum(),
            unknown=lines.cost.isnull().any(),
        )
        costed = costed.execute().set_index("customer_id")
        t["margin"] = t.customer_id.map(costed.margin.mask(costed.unknown)).astype(float)
    t["profitable"] = (t.margin > 0).astype("boolean").mask(t.margin.isna())
    t["complained"] = pd.Series(pd.NA, index=t.index, dtype="boolean")
    if book.has("service") and complaints:
        service = book.table("service")
        noted = service.filter(
            lambda s: s.activity.isin(list(complaints)) & (s.date >= ibis.date(before.start))
        )
        spoke = t.customer_id.isin(
            set(noted.customer_id.as_table().distinct().execute().customer_id)
        )
        unknown_before = not book.covers("service", before.start)
        t["complained"] = spoke.astype("boolean").mask(~spoke & unknown_before)
    named = book.names(t.customer_id).name
    return t.assign(name=t.customer_id.map(named))


@composed(
    {
        "years_ago": Column("years", "Audit years between the year of the row and this one"),
        "log_revenue": Column("index", "log(1 + revenue a year) up to its last order before"),
        "log_order_count": Column("index", "log(1 + orders a year) in the same time"),
        "log_contact_count": Column("index", "log(1 + contacts a year) in the same time"),
        "log_complaint_count": Column("index", "log(1 + complaints a year) in the same time"),
        "survey_answered": Column("truth", "It answered a survey in that time"),
        "silence_days": Column("days", "Days from its last order to the end of the year before"),
        "trend": Column("ratio", "Revenue of the second half of a year less the first, ÷ both"),
    },
    label=N_("What customers were like before a year, and whether they were lost in it"),
)
def driver_panel(
    book: Book, years: int, complaints: Sequence[str]
) -> tuple[pd.DataFrame, list[str]]:
    """What each customer was like before a year, and whether it was lost in it;
    one row a customer and year.

    Attributes are of the 12 months up to the customer's own last order before the year, by year
    of time observed: a customer that had stopped in spring is not small for it. Rows with less
    than 90 days observed are left out.

    Columns     customer_id, years_ago, lost, and the attributes: log_revenue, log_order_count,
                log_contact_count, log_complaint_count, survey_answered, score, tenure_years (as of
                that year), one `segment: …` each, and the symptoms silence_days and trend. The
                names of the attributes are returned beside
    """
    rows = [_panel_year(book, back, complaints) for back in range(min(years, years_covered(book)))]
    t = (
        pd.concat(rows, ignore_index=True)
        if rows
        else pd.DataFrame({"customer_id": [], "lost": []})
    )
    names = [
        name
        for name in (
            "log_revenue",
            "log_order_count",
            "silence_days",
            "trend",
            "tenure_years",
            "log_contact_count",
            "log_complaint_count",
            "survey_answered",
            "score",
        )
        if name in t
    ]
    if book.has("customers", "segment") and len(t):
        listed = (
            book.table("customers")
            .select("customer_id", "segment")
            .execute()
            .drop_duplicates("customer_id")
        )
        segment = t.customer_id.map(listed.set_index("customer_id").segment)
        for name in sorted(segment.dropna().unique()):
            if (segment == name).sum() >= LEAST_SEGMENT:
                t[f"segment: {name}"] = (segment == name).astype(float)
                names.append(f"segment: {name}")
    return t, names


def _panel_year(book: Book, back: int, complaints: Sequence[str]) -> pd.DataFrame:
    """The rows of one year: see `driver_panel`."""
    before = rolling_periods(book).earlier(back).previous
    observed = observed_customers(book, back)
    t = frame(observed.order_by("customer_id"))
    if not len(t):
        return t[["customer_id", "lost"]].assign(years_ago=back)

    def told(table: ir.Table, name: str) -> pd.Series:  # in the order of t
        beside = joined(observed.select("customer_id"), Part(table, {name: "float64"}))
        return frame(beside.order_by("customer_id").select(name))[name].astype(float)

    end, started = pd.Timestamp(before.end), t.window_start
    exposure = (t.window_end - started).dt.days / 365.25
    windows = observed.select("customer_id", "window_start", "window_end")
    bought = book.orders.join(windows, "customer_id")
    bought = bought.filter((bought.date > bought.window_start) & (bought.date <= bought.window_end))
    bought = bought.group_by("customer_id").agg(revenue=bought.revenue.sum(), orders=bought.count())
    made = t[["customer_id", "lost"]].assign(
        log_revenue=np.log1p((told(bought, "revenue") / exposure).clip(lower=0)),
        log_order_count=np.log1p(told(bought, "orders") / exposure),
        silence_days=(end - t.window_end).dt.days.astype(float),
        trend=told(trends(book, before.start, before.end), "trend"),
    )
    if book.has("customers", "since"):
        since = listed_since(book, t.customer_id)
        made["tenure_years"] = ((end - since).dt.days / 365.25).clip(lower=0)
    for name, kinds in _counted_activities(book, complaints).items():
        counted = contacts.contact_counts(book.table("service"), kinds, windows)
        known, count = book.covers("service", started), told(counted, "contact_count")
        # the table reaches back to the window and holds none of the customer: none was made, or
        # none was noted; what it does not reach stays unknown
        count = count.mask(known & count.isna(), 0.0).where(known)
        made[name] = np.log1p(count / exposure)
    if book.has("satisfaction"):
        spoke = silence.spoke(book.table("satisfaction"), windows).execute().customer_id
        answered = t.customer_id.isin(set(spoke))
        known = answered | book.covers("satisfaction", started)
        made["survey_answered"] = answered.astype(float).where(known)
        marks = answers(book, before.start, before.end).set_index("customer_id").score
        made["score"] = t.customer_id.map(marks).astype(float)
    return made.assign(years_ago=back)


def _counted_activities(book: Book, complaints: Sequence[str]) -> dict[str, list[str]]:
    """The attributes that count activities of `service`, and the kinds that each counts."""
    if not book.has("service"):
        return {}
    named = {
        "log_contact_count": contacts.contact_activities(book.activity_kinds),
        "log_complaint_count": list(complaints),
    }
    return {name: kinds for name, kinds in named.items() if kinds}


@tabled
def observed_customers(book: Book, back: int) -> Mapped:
    """Customers active in the year before one that ended so many years ago, those due, and the
    time observed of each: the 12 months up to its last order before that year, as far as the sales
    given and its own orders reach back.

    Columns     customer_id, lost (in that year), window_start, window_end (its last order); nobody
                observed for less than LEAST_EXPOSURE_DAYS
    """
    periods = rolling_periods(book).earlier(back)
    cube = book.cube.filter(book.cube.audit_month >= 12 * back)
    cube = cube.mutate(audit_month=cube.audit_month - 12 * back)
    moved = movement.customer_movement(cube, periods, order_rhythm(book, periods.as_of))
    # neither stayed nor left
    moved = moved.filter(moved.active_previous & (moved.status != "not_due"))
    moved = moved.select("customer_id", "first_date", lost=moved.status == "lost")
    orders = book.orders.filter(book.orders.date <= ibis.date(periods.previous.end))
    last = orders.group_by("customer_id").agg(window_end=orders.date.max())
    t = joined(moved, Part(last, {"window_end": "date"}))
    t = t.filter(t.first_date.notnull() & t.window_end.notnull())
    year_before = year_earlier_in(t.window_end).cast("date")
    start = ibis.greatest(year_before, t.first_date, ibis.date(book.first_sale))
    t = t.select("customer_id", "lost", "window_end", window_start=start)
    observed = t.window_end.delta(t.window_start, unit="day")
    return as_it_is(t.filter(observed >= LEAST_EXPOSURE_DAYS))


def trends(book: Book, start: dt.date, end: dt.date) -> ir.Table:
    """Revenue of the second half of a year less the first half, ÷ both: customer_id, trend
    (between −1 and 1, NULL where both come to nothing).
    """
    orders = book.orders.filter(book.orders.date.between(ibis.date(start), ibis.date(end)))
    middle = ibis.date(start + (end - start) / 2)
    t = orders.group_by("customer_id").agg(
        # no order in the second half: nothing bought in it
        late=orders.revenue.sum(where=orders.date > middle).fill_null(0.0),
        whole=orders.revenue.sum(),
    )
    told = (2 * t.late / t.whole - 1).clip(-1, 1)
    return t.select("customer_id", trend=(t.whole > 0).ifelse(told, ibis.null("float64")))
