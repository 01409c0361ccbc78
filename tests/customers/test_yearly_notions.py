"""A part of a year is not a year, and a year without an order is not always a departure:
simulated truths.
"""

import datetime as dt
import json

import numpy as np
import pandas as pd
import pytest
from carnet.book.book import open_book
from carnet.customers.gaps.gap_list import flag_rules, gap_frame, overdue
from carnet.customers.reasons.leavers import departure_notes, find_leavers
from carnet.customers.series import audit_series, moved, period_series
from carnet.engagement.profiles import reason_classes
from carnet.measures.indicators import kpi
from carnet.measures.portfolio import movement
from carnet.measures.reasons import reasons, verbatims

from tests.conftest import run_carnet, said_by

HEADER = ["customer_id", "date", "amount", "cost"]


def leaving_book(seed, leave_rate, last=dt.date(2025, 3, 31)):
    """100 customers of 2021 that order about six times a year;
    each leaves in a year with a chance of `leave_rate`, nobody after 2024; 10 new ones a year.
    """
    rng, rows, life = np.random.default_rng(seed), [HEADER], {}
    starts = [dt.date(2021, 1, 1)] * 100 + [
        dt.date(y, 1, 1) + dt.timedelta(days=int(rng.integers(0, 365)))
        for y in range(2021, 2025)
        for _ in range(10)
    ]
    for number, start in enumerate(starts):
        stop = start + dt.timedelta(
            days=int(rng.exponential(365 / -np.log(1 - leave_rate))) if leave_rate else 9999
        )
        stop = last if stop > dt.date(2024, 12, 31) else stop
        day, name = start + dt.timedelta(days=int(rng.integers(0, 30))), f"C{number:03}"
        life[name] = (day, stop)
        while day <= min(stop, last):
            rows.append([name, str(day), "100", "70"])
            day += dt.timedelta(days=int(rng.integers(50, 72)))
    return rows, life


@pytest.fixture(scope="module")
def year_to_date(tmp_path_factory):
    from tests.conftest import write_engagement

    rows, _ = leaving_book(5, 0.09)
    home = tmp_path_factory.mktemp("ytd")
    costs = [
        ["period_start", "period_end", "category", "amount", "behaviour"],
        ["2021-01-01", "2025-12-31", "selling", "50000", "acquisition"],
    ]
    return write_engagement(
        home,
        "part",
        tables={"sales": rows, "costs": costs},
        as_of="2025-03-31",
        comparison="year_to_date",
        goods_cost="sales",
    )


@pytest.mark.long
def test_what_is_said_per_year_is_of_twelve_months_three_months_into_the_year(year_to_date):
    """Issue: retention 59 % where the truth is 91 %, lifetime 2.45 years where it is 11.4,
    81 customers "recovered".
    """
    book = open_book(year_to_date)
    part, year = audit_series(book), audit_series(book.rolling)
    for name in kpi.YEARLY:
        assert part[name].tolist() == pytest.approx(year[name].tolist(), nan_ok=True), name
    figures = movement.movement_summary(moved(book)).execute().iloc[0]
    orders = pd.read_csv(year_to_date / "sales.csv", parse_dates=["date"])
    this, before, ever = (
        set(orders[(orders.date > start) & (orders.date <= end)].customer_id)
        for start, end in (
            ("2024-03-31", "2025-03-31"),
            ("2023-03-31", "2024-03-31"),
            ("2000", "2024-03-31"),
        )
    )
    assert figures.retention_rate == len(this & before) / len(before) == part.retention_rate[1]
    assert figures.new_customer_count == len(this - ever) == part.new_customer_count[1]
    assert figures.recovered_customer_count == len((this & ever) - before) == 0
    assert figures.revenue == orders[orders.date >= "2025-01-01"].amount.sum(), (
        "money is that of the year so far"
    )
    total = (
        figures.revenue_previous
        + figures.revenue_new
        + figures.revenue_recovered
        + figures.revenue_expansion
    )
    assert total - figures.revenue_contraction - figures.revenue_lost == pytest.approx(
        figures.revenue, abs=0.005
    )


def test_newcomers_of_the_year_before_are_counted_exactly(year_to_date):
    """Issue: 2 for 10, and a marginal acquisition cost of €0.00."""
    first = (
        pd.read_csv(year_to_date / "sales.csv", parse_dates=["date"])
        .groupby("customer_id")
        .date.min()
    )
    told = audit_series(open_book(year_to_date))
    for row, (start, end) in enumerate(
        (("2023-03-31", "2024-03-31"), ("2024-03-31", "2025-03-31"))
    ):
        assert told.new_customer_count[row] == ((first > start) & (first <= end)).sum()


@pytest.mark.long
def test_quarters_and_months_say_what_their_year_says(year_to_date):
    """The yearly rates of any month are those of an audit on its last day."""
    months = period_series(open_book(year_to_date), "month").set_index("end")
    quarters = period_series(open_book(year_to_date), "quarter").set_index("end")
    for day in (dt.date(2023, 6, 30), dt.date(2024, 9, 30)):
        audit = audit_series(open_book(year_to_date, as_of=str(day)).rolling).iloc[1]
        for name in (
            "retention_rate",
            "attrition_rate",
            "lifetime_deck",
            "new_customer_count",
            "repeat_customer_rate",
            "cac_standard",
            "ltv_gross_margin",
        ):
            assert months[name][day] == pytest.approx(audit[name]) and quarters[name][
                day
            ] == pytest.approx(audit[name]), name
    assert months.retention_rate[: dt.date(2022, 10, 31)].isna().all(), (
        "two years of sales are needed"
    )


@pytest.mark.long
def test_the_report_says_which_year(year_to_date, tmp_path):
    done = run_carnet(
        "run",
        year_to_date,
        "-n",
        "portfolio_audit",
        "-n",
        "kpi_tracking",
        "--out",
        tmp_path,
        kernels=False,
    )
    assert done.returncode == 0, done.stderr
    report = tmp_path / "test-sa" / "2025-03-31"
    said = said_by(report, "portfolio_audit")
    assert "are of the 12 months from 1 April 2024 to 31 March 2025" in said
    figures = json.loads((report / "figures.json").read_text(encoding="utf-8"))["figures"]
    assert (
        0.85 < figures["retention_rate"]["value"] < 0.97 and figures["half_life_years"]["value"] > 4
    )


# --- due or not due


def rhythmic_book(months, jitter, customers=60, last=dt.date(2024, 12, 31), seed=2):
    """Customers that order every so many months, nobody leaves."""
    rng, rows = np.random.default_rng(seed), [HEADER[:3]]
    for number in range(customers):
        day = dt.date(2016, 1, 1) + dt.timedelta(days=int(rng.integers(0, months * 30)))
        while day <= last:
            rows.append([f"R{months}-{number:02}", str(day), "100"])
            day += dt.timedelta(days=int(months * 30.44 + rng.integers(-jitter, jitter + 1)))
    return rows


@pytest.mark.long
def test_one_order_every_two_years_is_no_departure(make_engagement):
    """Issue: attrition 100 %, "64 leavers left for a reason that nobody noted".

    Nothing is told of a year; overdue lists go by rhythm.
    """
    book = open_book(make_engagement(tables={"sales": rhythmic_book(24, 30)}), as_of="2024-12-31")
    assert book.orders_too_rarely and any(
        "less than once in" in notice.message for notice in book.notices
    )
    figures = movement.movement_summary(moved(book)).execute().iloc[0]
    assert figures.lost_customer_count == 0 and figures.not_due_customer_count > 20
    since = dt.date(2021, 12, 31)
    notes = departure_notes(book, verbatims.Codebook(reason_classes()), since)
    assert not len(find_leavers(book, reasons.departure_episodes(notes), since, 0.8, 0.95))
    late, slow = overdue(book)
    assert len(late) == 0 and slow == 60


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.long
def test_attrition_is_over_those_due(make_engagement, seed):
    """Half of the customers order monthly and a tenth of them leave,
    half every nine months and nobody leaves.
    """
    rng = np.random.default_rng(seed)
    often = [
        [f"M{number:02}", str(dt.date(year, month, 1 + number % 28)), "100"]
        for number in range(60)
        for year in (2021, 2022, 2023, 2024)
        for month in range(1, 13)
        if year < 2024 or number >= 6
    ]
    book = open_book(
        make_engagement(
            tables={"sales": [*rhythmic_book(9, 20, seed=int(rng.integers(99))), *often]}
        ),
        as_of="2024-12-31",
    )
    figures = movement.movement_summary(moved(book)).execute().iloc[0]
    assert not book.orders_too_rarely
    assert figures.lost_customer_count == 6, "those six, nobody else"
    told = audit_series(book).iloc[1]
    for name in (
        "lost_customer_count",
        "not_due_customer_count",
        "kept_customer_count",
        "attrition_rate",
    ):
        assert told[name] == figures[name]
    gaps = gap_frame(book, 0.8, 0.95, 4)
    waiting = gaps[gaps.status == "not_due"]
    assert len(waiting) == figures.not_due_customer_count
    assert not any(
        rule(gaps)[waiting.index].any() for rule in flag_rules(0.1, "amount", 0.2, 0.05).values()
    )
