"""Who left and what is known of it: departures noted, customers lost without a note, their signs, their attributes; one frame each.

A book of departures alone, of texts alone or of sales alone gives its part: what a missing table would tell is unknown.
"""

import datetime as dt
from collections.abc import Callable, Sequence

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from carnet.book import Book
from carnet.measures import concentration, contacts, movement, reasons, service_quality, silence, verbatims
from carnet.periods import Periods
from carnet.wording import unknown

MATCH_DAYS = 92  # a departure may be noted this long before the last order
LEAVER_COLUMNS = [
    "customer_id", "name", "segment", "abc_class", "salesperson", "left_on", "last_order_date", "noted", "lost", "reason", "reason_by", "told_by",
    "reason_customer", "reason_salesperson", "competitor", "words", "revenue_lost", "complained", "answered", "recorded", "silent",
]  # fmt: skip
NOTE_COLUMNS = ["source", "customer_id", "name", "salesperson", "date", "told_by", "client_code", "coded", "proposed", "second_proposed", "reason",
                "standing", "words", "verbatim"]  # fmt: skip
DIMENSIONS = ("year", "segment", "abc_class", "salesperson")


def window_start(as_of: dt.date, years: int) -> dt.date:
    """The last day before the window of departures: the same date `years` earlier."""
    return (pd.Timestamp(as_of) - pd.DateOffset(years=years)).date()


def departure_notes(book: Book, codebook: verbatims.Codebook, since: dt.date, second: Callable | None = None) -> pd.DataFrame:
    """Departures noted after `since`, read by the codebook: the table's columns and those of `read_verbatims`; empty without the table."""
    if not book.has("departures"):
        return _empty_notes(codebook)
    t = book.table("departures").filter(lambda d: d.date > ibis.date(since)).drop("_file", "_row").order_by("customer_id", "date").execute()
    t = t.assign(date=pd.to_datetime(t.date), client_code=t.get("reason", pd.Series(None, index=t.index, dtype=object)))
    if "revenue_at_stake" in t:
        t["revenue_at_stake"] = t.revenue_at_stake.astype(float)
    return verbatims.read_verbatims(t, codebook, second)


def _empty_notes(codebook: verbatims.Codebook) -> pd.DataFrame:
    columns = {"customer_id": object, "date": "datetime64[ns]", "client_code": object}
    return verbatims.read_verbatims(pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in columns.items()}), codebook)


def survey_comments(book: Book, codebook: verbatims.Codebook, since: dt.date, second: Callable | None = None) -> pd.DataFrame:
    """Comments of the survey after `since`, read like departures: customer_id, date, verbatim, score (share of the scale) and the columns of `read_verbatims`."""
    if not book.has("satisfaction", "comment"):
        return _empty_notes(codebook)
    t = scaled_satisfaction(book).filter(lambda s: (s.date > ibis.date(since)) & s.comment.notnull())
    t = (
        t.select("customer_id", "date", verbatim="comment", score=t.score.cast("float64") / t.scale)
        .order_by("customer_id", "date", "verbatim")
        .execute()
    )
    return verbatims.read_verbatims(t.assign(date=pd.to_datetime(t.date), client_code=None), codebook, second)


def note_list(book: Book, notes: pd.DataFrame, comments: pd.DataFrame) -> pd.DataFrame:
    """Every note and comment with its reading: NOTE_COLUMNS; source 'departure' or 'survey'."""
    t = pd.concat([notes.assign(source="departure"), comments.assign(source="survey")], ignore_index=True)
    named = book.customers.execute().drop_duplicates("customer_id").set_index("customer_id")
    t["name"], t["salesperson"] = t.customer_id.map(named.name).fillna(t.customer_id), t.customer_id.map(named.salesperson)
    return t.reindex(columns=NOTE_COLUMNS)


def find_leavers(book: Book, episodes: pd.DataFrame, since: dt.date, cut_a: float, cut_b: float) -> pd.DataFrame:
    """Departures noted after `since` and customers lost, noted or not: one row each, LEAVER_COLUMNS without the signs.

    Lost        no order in the last 12 months up to as_of, and one in the years before them that the window spans; a departure noted from 92
                days before the last order on is the same leaving
    Money       revenue_lost = revenue_at_stake where noted, else revenue of the 12 months up to the day of leaving (sales); unknown else
    Class       by revenue of the window and the year before it
    """
    t = episodes.rename(columns={"date": "left_on"}).assign(noted=True)
    lost = _lost_customers(book, since)
    last = t[["customer_id", "left_on"]].reset_index().merge(lost, on="customer_id")
    same = last[last.left_on >= last.last_order_date - pd.Timedelta(days=MATCH_DAYS)].sort_values("left_on").drop_duplicates("customer_id")
    t["lost"] = t.index.isin(same["index"])
    t["last_order_date"] = same.set_index("index").last_order_date.reindex(t.index)
    unnoted = lost[~lost.customer_id.isin(same.customer_id)].assign(
        left_on=lambda d: d.last_order_date, noted=False, lost=True, reason=reasons.UNKNOWN, reason_by=""
    )
    t = pd.concat([t, unnoted], ignore_index=True) if len(t) else unnoted.reset_index(drop=True)
    t = t.reindex(columns=list(dict.fromkeys([*LEAVER_COLUMNS, *t.columns])))
    earlier = _revenue_before(book, t)
    stake = t.revenue_at_stake.astype(float) if "revenue_at_stake" in t else pd.Series(np.nan, index=t.index)
    t["revenue_lost"] = stake.fillna(earlier)  # not noted: what the sales say
    named = book.customers.execute().drop_duplicates("customer_id").set_index("customer_id")
    t["name"] = t.customer_id.map(named.name).fillna(t.customer_id)  # a customer that no table names: its number
    t["salesperson"] = t.customer_id.map(named.salesperson)
    if book.has("customers", "segment"):
        t["segment"] = t.customer_id.map(
            book.table("customers").select("customer_id", "segment").execute().set_index("customer_id").segment
        )
    if book.has("sales"):
        spent = book.cube.filter(book.cube.last_date > ibis.date(window_start(since, 1))).group_by("customer_id")
        spent = spent.agg(revenue=lambda c: c.revenue.sum()).filter(lambda c: c.revenue > 0)
        classes = concentration.abc_classes(spent, cut_a, cut_b).select("customer_id", "abc_class").execute()
        t["abc_class"] = t.customer_id.map(classes.set_index("customer_id").abc_class)
    ends = [pd.Timestamp(window_start(book.as_of, back)) for back in range(12)]
    t["year"] = [_year_label(book, ends, day) for day in t.left_on]
    return t.sort_values(["revenue_lost", "customer_id", "left_on"], ascending=[False, True, True], ignore_index=True)


def _year_label(book: Book, ends: Sequence[pd.Timestamp], day: pd.Timestamp) -> str:
    """ISO date on which the audit year of a day ends; '' before the years told apart."""
    return next((end.date().isoformat() for end in reversed(ends) if day <= end), "")


def _lost_customers(book: Book, since: dt.date) -> pd.DataFrame:
    """customer_id, last_order_date of those silent for 12 months whose last order lies in the window, moved back by those 12 months."""
    if not book.has("sales"):
        return pd.DataFrame({"customer_id": pd.Series(dtype=object), "last_order_date": pd.Series(dtype="datetime64[ns]")})
    last = book.orders.group_by("customer_id").agg(last_order_date=book.orders.date.max())
    quiet_since, first = window_start(book.as_of, 1), window_start(since, 1)
    t = last.filter((last.last_order_date <= ibis.date(quiet_since)) & (last.last_order_date > ibis.date(first))).order_by("customer_id")
    t = t.execute()
    return t.assign(last_order_date=pd.to_datetime(t.last_order_date))


def _revenue_before(book: Book, t: pd.DataFrame) -> pd.Series:
    """Revenue of each row's customer in the 12 months up to left_on; NaN where the sales given do not reach back that far."""
    if not book.has("sales") or not len(t):
        return pd.Series(np.nan, index=t.index)
    days = pd.DataFrame(
        {"row": t.index, "customer_id": t.customer_id, "window_start": t.left_on - pd.DateOffset(years=1), "window_end": t.left_on}
    )
    windows = ibis.memtable(
        days.assign(window_start=(days.window_start + pd.Timedelta(days=1)).dt.date, window_end=days.window_end.dt.date),
        schema={"row": "int64", "customer_id": "string", "window_start": "date", "window_end": "date"},
    )
    lines = book.table("sales").join(windows, "customer_id")
    inside = lines.filter(lines.date.between(lines.window_start, lines.window_end))
    sums = inside.group_by("row").agg(revenue=inside.amount.sum().cast("float64")).execute().set_index("row").revenue
    reached = days.window_start >= pd.Timestamp(book.first_sale) - pd.Timedelta(days=31)
    # no line of a customer in a year that the sales cover: it bought nothing
    return sums.reindex(t.index).fillna(0.0).where(reached.to_numpy())


def with_signs(book: Book, t: pd.DataFrame, complaints: Sequence[str]) -> pd.DataFrame:
    """Add what leavers left behind in the 12 months before their last order and after it: complained, answered, recorded, and silent (none of them).

    A sign whose table is missing, or that no activity of `service` stands for, is NULL.
    """
    last = t.last_order_date.fillna(t.left_on)
    windows = (
        silence.windows_of(t.assign(window_start=last - pd.DateOffset(years=1), window_end=pd.Timestamp(book.as_of))) if len(t) else None
    )
    events = {
        "complained": book.table("service").filter(lambda s: s.activity.isin(list(complaints)))
        if book.has("service") and complaints
        else None,
        "answered": book.table("satisfaction") if book.has("satisfaction") else None,
    }
    for name, table in events.items():
        spoke = None if table is None or windows is None else set(silence.spoke(table, windows).execute().customer_id)
        t[name] = pd.Series(pd.NA if spoke is None else t.customer_id.isin(spoke), index=t.index, dtype="boolean")
    t["recorded"] = t.noted.astype("boolean") if book.has("departures") else pd.Series(pd.NA, index=t.index, dtype="boolean")
    t["silent"] = silence.silent_customers(t)
    return t


def scaled_satisfaction(book: Book) -> ir.Table:
    """The survey with a scale for every answer: as given, else the smallest usual one that holds the largest mark."""
    t = book.table("satisfaction")
    largest = t.score.cast("float64").max().execute()
    guessed = None if unknown(largest) else service_quality.guessed_scale(float(largest))
    other = ibis.null("float64") if guessed is None else ibis.literal(float(guessed))
    return t.mutate(scale=ibis.coalesce(t.scale.cast("float64"), other).nullif(0.0) if "scale" in t.columns else other)


def answers(book: Book, first: dt.date, last: dt.date) -> pd.DataFrame:
    """Marks of the customers that answered between two days, as shares of the scale: columns of `customer_answers`; empty without the table."""
    if not book.has("satisfaction"):
        return pd.DataFrame({"customer_id": [], "score": []})
    t = scaled_satisfaction(book)
    return service_quality.customer_answers(t.filter(t.date.between(ibis.date(first), ibis.date(last)))).execute()


def opening_customers(book: Book, satisfied_from: float, complaints: Sequence[str]) -> pd.DataFrame:
    """The customers active in the previous period: customer_id, name, revenue_previous, lost, satisfied (of its answers in that period), profitable
    and margin (revenue − cost of that period; NULL where a line has no cost), complained (since its start; NULL without such activities).
    """  # fmt: skip
    moved = movement.customer_movement(book.cube, book.periods)
    moved = moved.filter(moved.active_previous)
    t = moved.select("customer_id", "revenue_previous", lost=moved.status == "lost").order_by("customer_id").execute()
    before = book.periods.previous
    marks = answers(book, before.start, before.end).set_index("customer_id").score if book.has("satisfaction") else pd.Series(dtype=float)
    score = t.customer_id.map(marks).astype(float)
    t["satisfied"] = (score >= satisfied_from).astype("boolean").mask(score.isna())
    t["margin"] = np.nan
    if book.has("sales", "cost"):
        cube = book.cube.filter(book.periods.in_previous(book.cube))
        costed = cube.group_by("customer_id").agg(margin=cube.revenue.sum() - cube.cost.sum(), unknown=cube.cost.isnull().any()).execute()
        costed = costed.set_index("customer_id")
        t["margin"] = t.customer_id.map(costed.margin.mask(costed.unknown)).astype(float)
    t["profitable"] = (t.margin > 0).astype("boolean").mask(t.margin.isna())
    t["complained"] = pd.Series(pd.NA, index=t.index, dtype="boolean")
    if book.has("service") and complaints:
        noted = book.table("service").filter(lambda s: s.activity.isin(list(complaints)) & (s.date >= ibis.date(before.start)))
        t["complained"] = t.customer_id.isin(set(noted.customer_id.as_table().distinct().execute().customer_id)).astype("boolean")
    named = book.customers.execute().drop_duplicates("customer_id").set_index("customer_id").name
    return t.assign(name=t.customer_id.map(named))


def driver_panel(book: Book, years: int, complaints: Sequence[str]) -> tuple[pd.DataFrame, list[str]]:
    """What was known of each customer at the start of an audit year, and whether it was lost in it; one row a customer and year.

    Columns     customer_id, years_ago, lost, and the attributes, all of the year before: log_revenue, order_count, silence_days, trend (second half
                less first half ÷ both), tenure_years (customers.since), contact_count, complaint_count, survey_answered, score, one `segment: …`
                each. The names of the attributes are returned beside
    """
    rows = []
    for back in range(years):
        periods = book.periods.earlier(back) if back else book.periods
        if not book.reaches_back(back) or (back == 0 and not book.previous_is_complete):
            break
        rows.append(_panel_year(book, periods, back, complaints).assign(years_ago=back))
    t = pd.concat(rows, ignore_index=True) if rows else pd.DataFrame({"customer_id": [], "lost": []})
    names = [name for name in ("log_revenue", "order_count", "silence_days", "trend", "tenure_years", "contact_count", "complaint_count",
                               "survey_answered", "score") if name in t]  # fmt: skip
    if book.has("customers", "segment") and len(t):
        segment = t.customer_id.map(book.table("customers").select("customer_id", "segment").execute().set_index("customer_id").segment)
        for name in sorted(segment.dropna().unique()):
            if (segment == name).sum() >= 20:
                t[f"segment: {name}"] = (segment == name).astype(float)
                names.append(f"segment: {name}")
    return t, names


def _panel_year(book: Book, periods: Periods, back: int, complaints: Sequence[str]) -> pd.DataFrame:
    cube = book.cube.filter(book.cube.audit_month >= 12 * back)
    cube = cube.mutate(audit_month=cube.audit_month - 12 * back)
    moved = movement.customer_movement(cube, periods)
    moved = moved.filter(moved.active_previous)
    t = (
        moved.select("customer_id", "revenue_previous", order_count="order_count_previous", lost=moved.status == "lost")
        .order_by("customer_id")
        .execute()
    )
    start, end = periods.previous.start, periods.previous.end
    orders = book.orders.filter(book.orders.date.between(ibis.date(start), ibis.date(end)))
    middle = start + (end - start) / 2
    halves = orders.group_by("customer_id").agg(
        last=orders.date.max(), late=orders.revenue.sum(where=orders.date > ibis.date(middle)), all=orders.revenue.sum()
    )
    halves = halves.execute().set_index("customer_id").reindex(t.customer_id)
    late = halves["late"].fillna(0.0).to_numpy()  # no order in the second half: nothing bought in it
    whole = halves["all"].to_numpy(dtype=float)
    t["log_revenue"] = np.log1p(t.revenue_previous.clip(lower=0))
    t["order_count"] = np.log1p(t.order_count.astype(float))
    t["silence_days"] = (pd.Timestamp(end) - pd.to_datetime(halves["last"])).dt.days.to_numpy(dtype=float)
    t["trend"] = np.where(whole > 0, np.clip(2 * late / np.where(whole > 0, whole, 1) - 1, -1, 1), 0.0)
    if book.has("customers", "since"):
        since = book.table("customers").select("customer_id", "since").execute().set_index("customer_id").since
        t["tenure_years"] = ((pd.Timestamp(end) - pd.to_datetime(t.customer_id.map(since))).dt.days / 365.25).clip(lower=0)
    if book.has("service"):
        t = t.merge(_events(book, start, end, complaints), on="customer_id", how="left")
        # the table covers the year and holds none of the customer: none was made, or none was noted
        t[["contact_count", "complaint_count"]] = np.log1p(t[["contact_count", "complaint_count"]].fillna(0.0).astype(float))
        if not complaints:
            t = t.drop(columns="complaint_count")
    if book.has("satisfaction"):
        marks = answers(book, start, end).set_index("customer_id")
        t["survey_answered"] = t.customer_id.isin(marks.index).astype(float)
        t["score"] = t.customer_id.map(marks.score).astype(float)
    return t


def _events(book: Book, start: dt.date, end: dt.date, complaints: Sequence[str]) -> pd.DataFrame:
    """Contacts and complaints of each customer between two days: customer_id, contact_count, complaint_count."""
    service = book.table("service").filter(lambda s: s.date.between(ibis.date(start), ibis.date(end)))
    kinds = service.activity.as_table().distinct().execute().activity.sort_values().tolist()
    made = contacts.contact_activities(kinds)
    t = service.group_by("customer_id").agg(
        contact_count=service.activity.isin(made or [""]).sum(), complaint_count=service.activity.isin(list(complaints) or [""]).sum()
    )
    return t.execute()


def spells(book: Book, leavers: pd.DataFrame, ours: Sequence[str], since: dt.date) -> pd.DataFrame:
    """Customers under observation, in years from the start of the window: customer_id, entry (first order in it), duration, cause.

    Cause       'ours' (a reason in the company's hands), 'other' (another known reason), 'not known' (noted without a reason, or lost without a
                note, on the day after the last order); NULL: still a customer 12 months before as_of, where observation ends, since a shorter
                silence tells nothing of those that nobody noted
    """
    if not book.has("sales"):
        return pd.DataFrame({"customer_id": [], "entry": [], "duration": [], "cause": []})
    inside = book.orders.filter(book.orders.date > ibis.date(since))
    t = inside.group_by("customer_id").agg(first=inside.date.min()).order_by("customer_id").execute()
    left = leavers.sort_values("left_on").drop_duplicates("customer_id").set_index("customer_id")
    gone, reason = t.customer_id.map(left.left_on), t.customer_id.map(left.reason)
    start, end = pd.Timestamp(since), pd.Timestamp(window_start(book.as_of, 1))
    staying = gone.isna() | (gone > end)
    cause = np.select([reason.isin(list(ours)), reason != reasons.UNKNOWN], ["ours", "other"], "not known")
    t["cause"] = pd.Series(cause, index=t.index, dtype=object).where(~staying, None)
    t["entry"] = (pd.to_datetime(t["first"]) - start).dt.days / 365.25
    t["duration"] = ((gone.where(~staying, end) - start).dt.days + (~staying).astype(int)) / 365.25
    return t[t.duration > t.entry][["customer_id", "entry", "duration", "cause"]].reset_index(drop=True)
