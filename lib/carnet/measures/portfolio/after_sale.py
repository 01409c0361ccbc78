"""After the first order: how long until a contact, a complaint, a second order, and what came in
the first month of those that ordered again and those that did not (source D).
"""

import datetime as dt

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from carnet.measures.register import measure
from carnet.measures.statistics.intervals import newcombe_difference, wilson_interval
from carnet.wording import N_

EVENTS = ("contact", "complaint", "second")
HORIZONS = (30, 90, 180)  # days after the first order at which an event is counted
LANDMARK = 30  # days in which something happens, before what follows is counted
LEAST_GROUP = 5  # newcomers, below which a share of them is not told


@measure(N_("First days of each newcomer"))
def first_days(
    orders: ir.Table, contacts: ir.Table | None, complaints: ir.Table | None, since: dt.date
) -> ir.Table:
    """The first order of each newcomer, and what first came after it.

    Formula     first, second: first and second day with an order; contact, complaint: first day of
                such an activity on or after the first order
    Unit        dates
    Population  one row a customer whose first order is dated `since` or later
    Undefined   a day is NULL where nothing of its kind came
    Source      source D of the method (drop-off points of the journey)

    Parameters  contacts, complaints: customer_id, date (None: not told)
    Columns     customer_id, first, second, contact, complaint
    """
    days = orders.select("customer_id", "date").distinct()
    rank = ibis.row_number().over(ibis.window(group_by="customer_id", order_by="date"))
    days = days.mutate(place=rank)
    t = days.group_by("customer_id").agg(
        first=days.date.min(), second=days.date.min(where=days.place == 1)
    )
    t = t.filter(t["first"] >= ibis.date(since))
    for name, events in (("contact", contacts), ("complaint", complaints)):
        if events is None:
            t = t.mutate(**{name: ibis.null("date")})
            continue
        both = events.inner_join(t.select("customer_id", "first"), "customer_id")
        both = both.filter(both.date >= both["first"])
        came = both.group_by("customer_id").agg(**{name: both.date.min()})
        t = t.left_join(came, "customer_id").drop("customer_id_right")
    return t.order_by("customer_id")


@measure(N_("What came after the first order, and how soon"))
def time_to_events(newcomers: pd.DataFrame, as_of: dt.date) -> pd.DataFrame:
    """Of the newcomers old enough to tell, how many had a contact, a complaint, a second order.

    Formula     share = event_count ÷ customer_count within each of HORIZONS days, Wilson interval;
                median_days over those that had it within the longest one
    Unit        counts; shares 0 to 1; days
    Population  one row an event of EVENTS and horizon with LEAST_GROUP newcomers or more whose
                first order lies that many days before `as_of`
    Undefined   median_days is NaN where nobody had it
    Source      source D of the method; interval: E. B. Wilson, JASA, 1927

    Parameters  newcomers: `first_days`
    Columns     event, days, customer_count, event_count, share, share_low, share_high, median_days
    """
    first, rows = pd.to_datetime(newcomers["first"]), []
    for event in EVENTS:
        waited = (pd.to_datetime(newcomers[event]) - first).dt.days
        if event != "second" and newcomers[event].isna().all():
            continue
        longest = waited[waited <= HORIZONS[-1]]
        for days in HORIZONS:
            old = first <= pd.Timestamp(as_of) - pd.Timedelta(days=days)
            n, k = int(old.sum()), int((old & (waited <= days)).sum())
            if n >= LEAST_GROUP:
                low, high = wilson_interval(k, n)
                rows.append((event, days, n, k, k / n, low, high, longest.median()))
    columns = "event days customer_count event_count share share_low share_high median_days"
    return pd.DataFrame(rows, columns=columns.split())


@measure(N_("Second orders by what happened in the first month"))
def second_by_event(newcomers: pd.DataFrame, as_of: dt.date) -> pd.DataFrame:
    """Who orders again later, among those that had a contact, or a complaint, in the first month,
    and those that had none.

    Formula     of those with no second order up to LANDMARK days after the first: share with one
                after it, up to the last of HORIZONS days, Wilson interval; difference = share with
                − share without, Newcombe's interval
    Unit        counts; shares; a difference of shares
    Population  one row an event (contact, complaint); newcomers whose last horizon is over; a
                second order within the landmark decides nothing, so that who orders at once is not
                taken for somebody whom a contact brought back
    Undefined   difference is NaN where either side has under LEAST_GROUP newcomers
    Source      landmark method: J. R. Anderson, K. C. Cain & R. D. Gelber, Journal of Clinical
                Oncology, 1983; R. G. Newcombe, Statistics in Medicine, 1998

    Parameters  newcomers: `first_days`
    Columns     event, with_count, with_again, with_rate, without_count, without_again,
                without_rate, difference, difference_low, difference_high
    """
    first = pd.to_datetime(newcomers["first"])
    second = (pd.to_datetime(newcomers.second) - first).dt.days
    old = first <= pd.Timestamp(as_of) - pd.Timedelta(days=HORIZONS[-1])
    there = old & ~(second <= LANDMARK)
    again, rows = there & (second <= HORIZONS[-1]), []
    for event in ("contact", "complaint"):
        if newcomers[event].isna().all():
            continue
        had = (pd.to_datetime(newcomers[event]) - first).dt.days <= LANDMARK
        n, m = int((there & had).sum()), int((there & ~had).sum())
        k, j = int((again & had).sum()), int((again & ~had).sum())
        told = min(n, m) >= LEAST_GROUP
        low, high = newcombe_difference(k, n, j, m) if told else (np.nan, np.nan)
        rate, other = (k / n if n else np.nan), (j / m if m else np.nan)
        gap = rate - other if told else np.nan
        rows.append((event, n, k, rate, m, j, other, gap, low, high))
    columns = (
        "event with_count with_again with_rate without_count without_again without_rate "
        "difference difference_low difference_high"
    )
    return pd.DataFrame(rows, columns=columns.split())
