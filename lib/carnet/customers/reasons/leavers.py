"""Who left and what is known of it: departures noted, customers lost without a note,
the signs they left, how long they stayed.

A book of departures alone, of texts alone or of sales alone gives its part: what a missing table
would tell is unknown.
"""

import datetime as dt
from collections.abc import Callable, Collection, Sequence

import ibis
import numpy as np
import pandas as pd

from carnet.book.book import Book
from carnet.book.mapped import frame
from carnet.customers.customer_years import listed_since, scaled_satisfaction
from carnet.customers.rhythms import order_rhythm
from carnet.engagement.periods import years_earlier, years_earlier_each
from carnet.engagement.profiles import reason_classes
from carnet.measures.portfolio import concentration
from carnet.measures.reasons import reasons, silence, verbatims
from carnet.measures.register import Column, composed
from carnet.wording import N_

# an order this long after a note still belongs to the leaving; a later one means that
# the customer stayed
MATCH_DAYS = reasons.EPISODE_DAYS
CLOSED_YEARS = 3  # back to which notes of closed customers are read
ANNOUNCED_DAYS = 365  # a customer that goes quiet for good within a year of a note had announced it
LEAVER_COLUMNS = [
    "customer_id", "name", "segment", "abc_class", "salesperson", "left_on", "last_order_date",
    "noted", "lost", "code", "reason", "reason_by", "told_by", "reason_customer",
    "reason_salesperson", "competitor", "words", "revenue_lost", "complained", "answered",
    "recorded", "silent",
]  # fmt: skip
NOTE_COLUMNS = [
    "source", "customer_id", "name", "salesperson", "date", "told_by", "client_code", "coded",
    "proposed", "second_proposed", "reason", "standing", "words", "verbatim",
]  # fmt: skip
DIMENSIONS = ("year", "segment", "abc_class", "salesperson")


def departure_notes(
    book: Book, codebook: verbatims.Codebook, since: dt.date, second: Callable | None = None
) -> pd.DataFrame:
    """Departures noted from a year before `since` on, read by the codebook:
    the table's columns and those of `read_verbatims`; empty without the table.

    The year before serves to know those who were noted early, or late: `find_leavers` keeps who
    left after `since`.
    """
    if not book.has("departures"):
        return _empty_notes(codebook)
    first = years_earlier(since, 1)
    t = (
        book.table("departures")
        .filter(lambda d: d.date > ibis.date(first))
        .drop("_file", "_row")
        .order_by("customer_id", "date")
        .execute()
    )
    t = t.assign(
        date=pd.to_datetime(t.date),
        client_code=t.get("reason", pd.Series(None, index=t.index, dtype=object)),
    )
    if "revenue_at_stake" in t:
        t["revenue_at_stake"] = t.revenue_at_stake.astype(float)
    return _withheld(
        book,
        verbatims.read_verbatims(
            t.assign(order_count_before=_orders_before(book, t)), codebook, second
        ),
        codebook.classes,
    )


def closed_customers(book: Book) -> set[str]:
    """Customers noted as closed, sold or in liquidation (class 'closure' of the codebook) that have
    not ordered since.
    """
    if not book.has("departures"):
        return set()
    codebook = verbatims.Codebook(reason_classes(book.engagement.codebook_file))
    t = departure_notes(book, codebook, years_earlier(book.as_of, CLOSED_YEARS))
    t = t[t.reason == "closure"].groupby("customer_id", as_index=False).date.max()
    days = _order_days(book, t.customer_id) if book.has("sales") else {}
    since = [
        len(days.get(c, _NONE)) and days[c][-1] > day.to_datetime64()
        for c, day in zip(t.customer_id, t.date, strict=True)
    ]
    return set(t.customer_id[[not again for again in since]])


def low_marks(
    book: Book, comments: pd.DataFrame, satisfied_from: float, leavers: pd.DataFrame
) -> pd.DataFrame:
    """Comments that touch a reason for leaving, under a mark below `satisfied_from`,
    of customers not known to have left: no leaver, and with an order in the last 12 months where
    sales are given.
    """
    if "score" not in comments:
        return comments.head(0)
    t = comments[
        comments.proposed.notna()
        & (comments.score < satisfied_from)
        & ~comments.customer_id.isin(leavers.customer_id)
    ]
    if book.has("sales"):
        quiet_since = ibis.date(years_earlier(book.as_of, 1))
        recent = (
            book.orders.filter(book.orders.date > quiet_since)
            .customer_id.as_table()
            .distinct()
            .execute()
            .customer_id
        )
        t = t[t.customer_id.isin(set(recent))]
    return t


def _orders_before(book: Book, notes: pd.DataFrame) -> np.ndarray:
    """Days with an order of each note's customer up to its date:
    two notes with the same count have no order between them. NaN without sales.
    """
    if not book.has("sales"):
        return np.full(len(notes), np.nan)
    days = _order_days(book, notes.customer_id)
    return np.array(
        [
            np.searchsorted(days.get(c, _NONE), d.to_datetime64(), side="right")
            for c, d in zip(notes.customer_id, notes.date, strict=True)
        ],
        dtype=float,
    )


_NONE = np.array([], dtype="datetime64[ns]")


def _order_days(book: Book, customers: pd.Series) -> dict[str, np.ndarray]:
    """Sorted days with an order of the customers named."""
    named = ibis.memtable({"customer_id": sorted(set(customers))}, schema={"customer_id": "string"})
    t = (
        book.orders.semi_join(named, "customer_id")
        .select("customer_id", "date")
        .distinct()
        .execute()
    )
    t["date"] = pd.to_datetime(t.date).astype("datetime64[ns]")
    return {name: np.sort(part.date.to_numpy()) for name, part in t.groupby("customer_id")}


def _empty_notes(codebook: verbatims.Codebook) -> pd.DataFrame:
    columns = {"customer_id": object, "date": "datetime64[ns]", "client_code": object}
    return verbatims.read_verbatims(
        pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in columns.items()}), codebook
    )


def survey_comments(
    book: Book, codebook: verbatims.Codebook, since: dt.date, second: Callable | None = None
) -> pd.DataFrame:
    """Comments of the survey after `since`, read like departures: customer_id, date, verbatim,
    score (share of the scale) and the columns of `read_verbatims`.
    """
    if not book.has("satisfaction", "comment"):
        return _empty_notes(codebook)
    t = scaled_satisfaction(book).filter(
        lambda s: (s.date > ibis.date(since)) & s.comment.notnull()
    )
    t = (
        t.select("customer_id", "date", verbatim="comment", score=t.score.cast("float64") / t.scale)
        .order_by("customer_id", "date", "verbatim")
        .execute()
    )
    return _withheld(
        book,
        verbatims.read_verbatims(
            t.assign(date=pd.to_datetime(t.date), client_code=None), codebook, second
        ),
        codebook.classes,
    )


def _withheld(book: Book, notes: pd.DataFrame, classes: Collection[str]) -> pd.DataFrame:
    """Notes without their texts, once these have been read, where people are hidden."""
    if not book.pseudonyms:
        return notes
    withheld, t = book.wording._("withheld"), notes
    if "verbatim" in t:
        t = t.assign(verbatim=t.verbatim.where(t.verbatim.isna(), withheld))
    # no word behind a proposal: "" is not withheld
    t = t.assign(words=t.words.mask(t.words.fillna("").astype(bool), withheld))
    known = t.coded.isin(classes)
    # a code that no codebook knows is free text, too
    unread = (~known | t.coded.isin([reasons.UNKNOWN, "other"])) & t.client_code.notna()
    hidden = {name: t[name].mask(unread, withheld) for name in ("client_code", "code")}
    return t.assign(
        **hidden,
        **{name: t[name].mask(~t[name].isin(classes), "other") for name in ("coded", "reason")},
    )


def note_list(book: Book, notes: pd.DataFrame, comments: pd.DataFrame) -> pd.DataFrame:
    """Every note and comment with its reading: NOTE_COLUMNS; source 'departure' or 'survey'."""
    t = pd.concat(
        [notes.assign(source="departure"), comments.assign(source="survey")], ignore_index=True
    )
    named = book.names(t.customer_id)
    t["name"], t["salesperson"] = (
        t.customer_id.map(named.name).fillna(t.customer_id),
        t.customer_id.map(named.salesperson),
    )
    return t.reindex(columns=NOTE_COLUMNS)


@composed(
    {
        "client_code": Column("text", "The reason as the client's own table gives it"),
        "order_count_before": Column("count", "Orders up to the day of the note"),
        "noted": Column("truth", "The table of departures has a note on the leaving"),
        "noted_on": Column("date", "The day of the first such note"),
        "left_on": Column("date", "Last order of the leaving, else the day of the note"),
        "returned": Column("truth", "Ordered again later"),
        "lost": Column("truth", "No order in the 12 months up to as_of, and not returned"),
        "settled": Column(
            "truth", "left_on lies after the window begins and 12 months back or more"
        ),
        "revenue_lost": Column(
            "currency", "revenue_at_stake where noted, else revenue of the 12 months up to left_on"
        ),
    },
    N_("Who left, noted or seen in the sales: one row per leaving"),
)
def find_leavers(
    book: Book, episodes: pd.DataFrame, since: dt.date, cut_a: float, cut_b: float
) -> pd.DataFrame:
    """Who left, or was noted as having left, after `since`:
    one row a leaving, LEAVER_COLUMNS without the signs, with settled and returned beside.

    left_on     the last order of the leaving (up to 92 days after the note, or up to a year where
                no other followed), else the day of the note
    returned    ordered again later: the customer did not leave for good
    lost        no order in the 12 months up to as_of; only a leaving noted is known
                earlier than that
    settled     left_on lies after `since` and 12 months back or more: noted and unnoted leavers
                are both known
    Money       revenue_lost = revenue_at_stake where noted, else revenue of the 12 months up
                to left_on; unknown where sales do not reach back
    Class       by revenue of the window and the year before it
    """
    quiet_since = pd.Timestamp(years_earlier(book.as_of, 1))
    t = episodes.rename(columns={"date": "noted_on"}).assign(noted=True)
    days = _order_days(book, t.customer_id) if book.has("sales") else {}
    placed = [
        _leaving(days.get(c, _NONE), day, quiet_since)
        for c, day in zip(t.customer_id, t.noted_on, strict=True)
    ]
    t["last_order_date"] = pd.to_datetime(
        pd.Series([last for last, _ in placed], index=t.index, dtype="datetime64[ns]")
    )
    t["returned"] = pd.Series([again for _, again in placed], index=t.index, dtype=bool)
    t["left_on"] = t.last_order_date.fillna(t.noted_on)
    t["lost"] = t.last_order_date.notna() & (t.last_order_date <= quiet_since) & ~t.returned
    lost = _lost_customers(book, since)
    unnoted = lost[~lost.customer_id.isin(t.customer_id[~t.returned])]
    unnoted = unnoted.assign(
        left_on=lambda d: d.last_order_date,
        noted=False,
        lost=True,
        returned=False,
        reason=reasons.UNKNOWN,
        reason_by="",
    )
    t = pd.concat([t, unnoted], ignore_index=True) if len(t) else unnoted.reset_index(drop=True)
    start = pd.Timestamp(since)
    t = t[(t.left_on > start) | (t.noted_on > start if "noted_on" in t else False)]
    t = t.drop_duplicates(["customer_id", "left_on"]).reset_index(drop=True)
    t = t.reindex(columns=list(dict.fromkeys([*LEAVER_COLUMNS, *t.columns])))
    t["settled"] = (t.left_on <= quiet_since) & (t.left_on > start)
    earlier = _revenue_before(book, t)
    stake = (
        t.revenue_at_stake.astype(float)
        if "revenue_at_stake" in t
        else pd.Series(np.nan, index=t.index)
    )
    t["revenue_lost"] = stake.fillna(earlier)  # not noted: what the sales say
    named = book.names(t.customer_id)
    # a customer that no table names: its number
    t["name"] = t.customer_id.map(named.name).fillna(t.customer_id)
    t["salesperson"] = t.customer_id.map(named.salesperson)
    if book.has("customers", "segment"):
        listed = (
            book.table("customers")
            .select("customer_id", "segment")
            .execute()
            .drop_duplicates("customer_id")
        )
        t["segment"] = t.customer_id.map(listed.set_index("customer_id").segment)
    if book.has("sales"):
        spent = book.cube.filter(book.cube.last_date > ibis.date(years_earlier(since, 1))).group_by(
            "customer_id"
        )
        spent = spent.agg(revenue=lambda c: c.revenue.sum()).filter(lambda c: c.revenue > 0)
        classes = (
            concentration.abc_classes(spent, cut_a, cut_b)
            .select("customer_id", "abc_class")
            .execute()
        )
        t["abc_class"] = t.customer_id.map(classes.set_index("customer_id").abc_class)
    ends = [pd.Timestamp(years_earlier(book.as_of, back)) for back in range(12)]
    t["year"] = [_year_label(ends, day) for day in t.left_on]
    return t.sort_values(
        ["revenue_lost", "customer_id", "left_on"], ascending=[False, True, True], ignore_index=True
    )


def _leaving(
    days: np.ndarray, noted: pd.Timestamp, quiet_since: pd.Timestamp
) -> tuple[pd.Timestamp | None, bool]:
    """Last order of the leaving that a note tells of, and whether the customer ordered
    again after it.
    """
    if not len(days):
        return None, False
    last = pd.Timestamp(days[-1])
    if last <= noted + pd.Timedelta(days=MATCH_DAYS) or (
        last <= quiet_since and last <= noted + pd.Timedelta(days=ANNOUNCED_DAYS)
    ):
        return last, False
    near = days[days <= (noted + pd.Timedelta(days=MATCH_DAYS)).to_datetime64()]
    return (pd.Timestamp(near[-1]) if len(near) else None), True


def _year_label(ends: Sequence[pd.Timestamp], day: pd.Timestamp) -> str:
    """ISO date on which the audit year of a day ends; '' before the years told apart."""
    return next((end.date().isoformat() for end in reversed(ends) if day <= end), "")


def _lost_customers(book: Book, since: dt.date) -> pd.DataFrame:
    """customer_id, last_order_date of those due that ordered after `since` and not in the last 12
    months; nobody where most order less than once a year.
    """
    if not book.has("sales") or book.orders_too_rarely:
        return pd.DataFrame(
            {
                "customer_id": pd.Series(dtype=object),
                "last_order_date": pd.Series(dtype="datetime64[ns]"),
            }
        )
    rhythm = order_rhythm(book, book.as_of)
    last = rhythm.filter(~rhythm.rarely).select("customer_id", "last_order_date")
    quiet_since = years_earlier(book.as_of, 1)
    t = (
        last.filter(
            (last.last_order_date <= ibis.date(quiet_since))
            & (last.last_order_date > ibis.date(since))
        )
        .order_by("customer_id")
        .execute()
    )
    return t.assign(last_order_date=pd.to_datetime(t.last_order_date).astype("datetime64[ns]"))


def _revenue_before(book: Book, t: pd.DataFrame) -> pd.Series:
    """Revenue of each row's customer in the 12 months up to left_on;
    NaN where it has no line in them, or the sales given do not reach back that far.
    """
    if not book.has("sales") or not len(t):
        return pd.Series(np.nan, index=t.index)
    days = pd.DataFrame(
        {
            "row": t.index,
            "customer_id": t.customer_id,
            "window_start": years_earlier_each(t.left_on, 1),
            "window_end": t.left_on,
        }
    )
    windows = ibis.memtable(
        days.assign(
            window_start=(days.window_start + pd.Timedelta(days=1)).dt.date,
            window_end=days.window_end.dt.date,
        ),
        schema={
            "row": "int64",
            "customer_id": "string",
            "window_start": "date",
            "window_end": "date",
        },
    )
    lines = book.table("sales").join(windows, "customer_id")
    inside = lines.filter(lines.date.between(lines.window_start, lines.window_end))
    sums = (
        inside.group_by("row")
        .agg(revenue=inside.amount.sum().cast("float64"))
        .execute()
        .set_index("row")
        .revenue
    )
    return sums.reindex(t.index).where(book.covers("sales", days.window_start).to_numpy())


@composed(
    {
        "answered": Column("truth", "It answered a survey in the time looked at"),
        "recorded": Column("truth", "A departure was noted in that time"),
        "silent": Column("truth", "Neither, and no complaint (complained: `opening_customers`)"),
    }
)
def with_signs(book: Book, t: pd.DataFrame, complaints: Sequence[str]) -> pd.DataFrame:
    """Add what leavers left behind from 12 months before their last order on:
    complained, answered, recorded, and silent (none of them).

    A sign is NULL where its table is missing, no activity of `service` stands for it, or the table
    starts later than that; `silent` is NULL where a table given does not tell.
    """
    last = t.last_order_date.fillna(t.left_on)
    first = years_earlier_each(last, 1)
    windows = (
        silence.windows_of(t.assign(window_start=first, window_end=pd.Timestamp(book.as_of)))
        if len(t)
        else None
    )
    events = {
        "complained": book.table("service").filter(lambda s: s.activity.isin(list(complaints)))
        if book.has("service") and complaints
        else None,
        "answered": book.table("satisfaction") if book.has("satisfaction") else None,
    }
    for name, table in events.items():
        seen = pd.Series(pd.NA, index=t.index, dtype="boolean")
        if table is not None and windows is not None:
            spoke = t.customer_id.isin(set(silence.spoke(table, windows).execute().customer_id))
            noted_in = "service" if name == "complained" else "satisfaction"
            seen = spoke.astype("boolean").mask(~spoke & ~book.covers(noted_in, first))
        t[name] = seen
    t["recorded"] = pd.Series(pd.NA, index=t.index, dtype="boolean")
    if book.has("departures"):
        starts, _ = book.given("departures")
        noted = t.noted.astype(bool)
        t["recorded"] = noted.astype("boolean").mask(
            ~noted & (starts > last + pd.Timedelta(days=ANNOUNCED_DAYS))
        )
    given = [
        name
        for name, there in (
            ("complained", events["complained"] is not None),
            ("answered", events["answered"] is not None),
            ("recorded", book.has("departures")),
        )
        if there
    ]
    t["silent"] = silence.silent_customers(t[given])
    return t


def spells(
    book: Book, leavers: pd.DataFrame, ours: Sequence[str], since: dt.date
) -> tuple[pd.DataFrame, dt.date]:
    """Customers under observation, in years from the origin, and the origin:
    customer_id, entry, duration, cause.

    Origin      `since`, where the sales given reach a year further back or customers.since tells
                who was a customer then; else a year after the first sale, since before that nobody
                knows whether a first order is a new customer's
    Entry       0 for who had ordered, or was a customer, by the origin, else the first order:
                a customer is there until its last order
    Cause       'ours' (a reason in the company's hands), 'other' (another known reason),
                'not known' (noted without a reason, or not noted), on the day after the last order;
                NULL: still a customer 12 months before as_of, where observation ends
    """
    empty = pd.DataFrame({"customer_id": [], "entry": [], "duration": [], "cause": []})
    if not book.has("sales") or book.first_sale is None:
        return empty, since
    ends = book.orders.group_by("customer_id").agg(
        first=book.orders.date.min(), last=book.orders.date.max()
    )
    t = frame(ends.order_by("customer_id"))
    first, last = t["first"].astype("datetime64[ns]"), t["last"].astype("datetime64[ns]")
    known = first
    if book.has("customers", "since"):
        told = listed_since(book, t.customer_id)
        known = first.where(told.isna() | (told > first), told)
    reaches = book.covers("sales", years_earlier(since, 1))
    listed_well = book.has("customers", "since") and told.notna().mean() >= 0.8
    origin = since if reaches or listed_well else max(since, years_earlier(book.first_sale, -1))
    start, end = pd.Timestamp(origin), pd.Timestamp(years_earlier(book.as_of, 1))
    left = (
        leavers[leavers.settled.astype(bool) & ~leavers.returned.astype(bool)]
        .drop_duplicates("customer_id")
        .set_index("customer_id")
    )
    gone, reason = (
        pd.Series(left[name].reindex(t.customer_id).to_numpy(), index=t.index)
        for name in ("left_on", "reason")
    )
    gone = pd.to_datetime(gone).astype("datetime64[ns]")
    staying = gone.isna()
    cause = np.select(
        [reason.isin(list(ours)), reason != reasons.UNKNOWN], ["ours", "other"], "not known"
    )
    t["cause"] = pd.Series(cause, index=t.index, dtype=object).where(~staying, None)
    t["entry"] = ((known - start).dt.days / 365.25).clip(lower=0)
    t["duration"] = ((gone.where(~staying, end) - start).dt.days + (~staying).astype(int)) / 365.25
    # whose last order came before the origin had left by then
    there = (last > start) & (t.duration > t.entry)
    return t[there][["customer_id", "entry", "duration", "cause"]].reset_index(drop=True), origin
