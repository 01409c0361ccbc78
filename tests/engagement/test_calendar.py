"""Laws of the calendar: both sides of a comparison hold the same months,
for every audit date from 2023 to 2029.
"""

import calendar
import datetime as dt
from itertools import pairwise

import ibis
import pandas as pd
import pytest
from carnet.book.book import open_book
from carnet.customers.gaps.gap_list import gap_frame, monthly_gaps
from carnet.engagement.periods import (
    Periods,
    months_earlier,
    year_earlier_in,
    years_earlier,
    years_earlier_each,
)
from carnet.measures.portfolio import movement
from hypothesis import given
from hypothesis import strategies as st

FIRST, LAST = dt.date(2023, 1, 1), dt.date(2029, 12, 31)
EVERY_DAY = [FIRST + dt.timedelta(days=n) for n in range((LAST - FIRST).days + 1)]
LAST_DAYS = [
    dt.date(y, m, calendar.monthrange(y, m)[1]) for y in range(2019, 2030) for m in range(1, 13)
]
COMPARISONS = [("rolling_year", 1), ("year_to_date", 1), ("year_to_date", 7)]


@pytest.mark.parametrize(("comparison", "start"), COMPARISONS)
def test_law_both_periods_hold_the_same_month_ends(comparison, start):
    """Closed form: a customer that buys on the last day of each month buys as often in both
    periods, whatever the audit date.
    """
    for as_of in EVERY_DAY:
        periods = Periods(as_of, comparison, start)
        bought = [
            [day for day in LAST_DAYS if p.start <= day <= p.end]
            for p in (periods.previous, periods.current)
        ]
        assert len(bought[0]) == len(bought[1]), as_of
        assert comparison == "year_to_date" or len(bought[0]) == 12, as_of


@pytest.mark.long
def test_law_audit_months_follow_each_other_and_hold_as_many_month_ends_a_year_earlier():
    for as_of in EVERY_DAY:
        periods = Periods(as_of)
        ends = [periods.month_end(month) for month in range(26)]
        assert ends[0] == as_of and all(after > before for after, before in pairwise(ends))
        held = [sum(start < day <= end for day in LAST_DAYS) for end, start in pairwise(ends)]
        assert held[:12] == held[12:24], as_of
        assert (periods.current.start, periods.previous.start) == (
            ends[12] + dt.timedelta(days=1),
            ends[24] + dt.timedelta(days=1),
        )
        if periods.ends_a_month:
            assert all(end in LAST_DAYS for end in ends) and set(held) == {1}


def test_law_an_earlier_audit_of_the_same_book_cuts_the_same_months():
    for as_of in EVERY_DAY:
        periods = Periods(as_of)
        for years in (1, 2, 3):
            earlier = periods.earlier(years)
            assert [earlier.month_end(month) for month in range(13)] == [
                periods.month_end(12 * years + month) for month in range(13)
            ]


@pytest.mark.long
@given(
    as_of=st.sampled_from(EVERY_DAY),
    day=st.dates(dt.date(2020, 1, 1), LAST),
    comparison=st.sampled_from(COMPARISONS),
)
def test_law_a_row_falls_into_the_month_that_holds_its_day(as_of, day, comparison):
    _check_month(as_of, day, Periods(as_of, *comparison))


@pytest.mark.parametrize("as_of", [day for day in EVERY_DAY if day.month == 2 and day.day >= 27])
@pytest.mark.parametrize(
    "day",
    [dt.date(year, 2, 28) for year in (2021, 2022)] + [dt.date(2020, 2, 29), dt.date(2020, 2, 28)],
)
def test_the_last_days_of_february_fall_into_the_month_that_holds_them(as_of, day):
    _check_month(as_of, day, Periods(as_of))


def _check_month(as_of, day, periods):
    if day > as_of:
        return
    row = ibis.memtable(
        {"day": [day], "month": [day.replace(day=1)]}, schema={"day": "date", "month": "date"}
    )
    row = row.mutate(audit_month=periods.audit_month(row.day))
    found = (
        row.select(
            "audit_month", current=periods.in_current(row), previous=periods.in_previous(row)
        )
        .execute()
        .iloc[0]
    )
    month = int(found.audit_month)
    assert periods.month_end(month + 1) < day <= periods.month_end(month)
    assert bool(found.current) == (periods.current.start <= day <= periods.current.end)
    assert bool(found.previous) == (periods.previous.start <= day <= periods.previous.end)


def test_a_year_earlier_of_many_dates_is_that_of_each():
    days = pd.Series(pd.to_datetime(["2025-02-28", "2024-02-28", "2024-02-29", None, "2024-12-31"]))
    told = [
        day and pd.Timestamp(years_earlier(day.date(), 1))
        for day in (None if pd.isna(day) else day for day in days)
    ]
    assert years_earlier_each(days, 1).where(days.notna(), None).tolist() == [
        pd.NaT if day is None else day for day in told
    ]
    assert months_earlier(dt.date(2024, 2, 29), -12) == dt.date(2025, 2, 28)


def test_law_a_year_earlier_is_the_same_day_in_a_table():
    """Every day of seven years, two leap days and their eves among them."""
    days = ibis.memtable({"day": EVERY_DAY}, schema={"day": "date"})
    found = days.mutate(ago=year_earlier_in(days.day).cast("string")).order_by("day").execute()
    told = [day[:10] for day in found.ago]
    assert told == [str(years_earlier(day, 1)) for day in EVERY_DAY]


@pytest.mark.parametrize(
    "as_of", ["2025-02-28", "2024-02-28", "2024-02-29", "2025-06-30", "2025-03-15"]
)
@pytest.mark.long
def test_customers_that_buy_the_same_every_month_show_no_change(make_engagement, as_of):
    """Issue: as of 28 February 2025 thirteen month-ends stood against eleven."""
    rows = [["customer_id", "date", "amount"]]
    rows += [
        [f"C{c}", str(day), str(100 + c)]
        for c in range(5)
        for day in LAST_DAYS
        if dt.date(2021, 1, 1) <= day <= dt.date.fromisoformat(as_of)
    ]
    book = open_book(make_engagement(tables={"sales": rows}), as_of=as_of)
    summary = (
        movement.movement_summary(movement.customer_movement(book.cube, book.periods))
        .execute()
        .iloc[0]
    )
    assert summary.revenue == summary.revenue_previous == 12 * (5 * 100 + 10)
    assert gap_frame(book, 0.8, 0.95, 4).sales_gap.tolist() == [0.0] * 5
    months = monthly_gaps(book, ibis.memtable({"customer_id": ["C0", "C1"]})).execute()
    assert (months.revenue == months.revenue_previous).all() and len(months) == 24
    chart = movement.monthly_revenue(book.cube, book.periods, book.first_sale).execute()
    assert (chart.revenue == chart.revenue_previous).all()
    strip = months.groupby("audit_month").revenue.sum()
    shown = chart.set_index("audit_month").revenue * (100 + 101) / 510
    assert strip.sort_index().tolist() == pytest.approx(shown.sort_index().tolist()), (
        "the strip's months are the chart's"
    )
