"""Recurring revenue against ChartMogul's published examples, and a law over random contracts."""

import datetime as dt

import ibis
import numpy as np
import pandas as pd
import pytest
from carnet.measures.indicators import recurring
from hypothesis import example, given, settings
from hypothesis import strategies as st

ENDS = [(pd.Timestamp("2023-01-31") + pd.offsets.MonthEnd(k)).date() for k in range(25)]


def contracts(*rows):
    """customer, start, end, amount, period, status."""
    names = ["customer_id", "start", "end", "amount", "period", "status"]
    t = pd.DataFrame([(*row, "running")[:6] for row in rows], columns=names)
    kinds = dict(zip(names, ["string", "date", "date", "float64", "string", "string"], strict=True))
    for name in ("start", "end"):
        t[name] = [None if pd.isna(day) else dt.date.fromisoformat(day) for day in t[name]]
    return ibis.memtable(t, schema=kinds)


def bridge_of(table, **told):
    monthly = recurring.monthly_recurring(table, ENDS).execute()
    t = recurring.recurring_bridge(monthly, range(len(ENDS)), **told)
    return t.assign(day=[ENDS[p] for p in t.position]).set_index("day")


def test_chartmogul_s_published_movements():
    """A yearly plan of $2,000 is new business of $166.67 a month; a second plan of $60 expansion;
    its end contraction, not churn; the end of the first churn; the return reactivation.
    """
    t = bridge_of(
        contracts(
            ("A", "2023-02-10", "2024-02-09", 2000.0, "year"),
            ("A", "2023-04-01", "2023-06-15", 60.0, "month"),
            ("A", "2024-05-01", None, 2000.0, "year"),
        )
    )
    steps = {name: t[t[name] != 0][name].round(2).to_dict() for name in recurring.STEPS}
    assert steps == {
        "new": {dt.date(2023, 2, 28): 166.67},
        "expansion": {dt.date(2023, 4, 30): 60.0},
        "contraction": {dt.date(2023, 6, 30): -60.0},
        "churned": {dt.date(2024, 2, 29): -166.67},
        "reactivation": {dt.date(2024, 5, 31): 166.67},
    }


def test_chartmogul_s_published_rates():
    """Of $100 at the start, $10 churned, $10 contraction, $10 expansion: gross 20 %, net 10 %."""
    t = bridge_of(
        contracts(
            ("A", "2022-01-01", "2023-02-10", 10.0, "month"),
            ("B", "2022-01-01", "2023-02-10", 30.0, "month"),
            ("B", "2023-02-11", None, 20.0, "month"),
            ("C", "2022-01-01", None, 60.0, "month"),
            ("C", "2023-02-15", None, 30.0, "quarter"),
        )
    ).loc[dt.date(2023, 2, 28)]
    assert (t.opening, t.closing) == (100, 90)
    assert (t.gross_churn, t.net_churn) == (pytest.approx(0.2), pytest.approx(0.1))
    assert t.customer_churn == pytest.approx(1 / 3) and t.quick_ratio == pytest.approx(0.5)


def test_who_had_a_contract_before_the_first_day_comes_back():
    table = contracts(
        ("A", "2020-01-01", "2021-01-01", 5.0, "month"), ("A", "2023-03-01", None, 5.0, "month")
    )
    day = dt.date(2023, 3, 31)
    assert bridge_of(table).loc[day, "new"] == 5
    assert bridge_of(table, earlier=["A"]).loc[day, "reactivation"] == 5


def test_paused_without_an_end_does_not_run_and_an_end_that_is_told_does():
    table = contracts(
        ("A", "2022-01-01", None, 5.0, "month", "paused"),
        ("B", "2022-01-01", "2023-05-31", 7.0, "month", "ended"),
    )
    monthly = recurring.monthly_recurring(table, ENDS).execute()
    assert set(monthly.customer_id) == {"B"} and monthly.position.max() == 4


@st.composite
def books(draw):
    rows = []
    for _ in range(draw(st.integers(1, 25))):
        start = dt.date(2022, 6, 1) + dt.timedelta(days=draw(st.integers(0, 900)))
        length = draw(st.one_of(st.none(), st.integers(0, 500)))
        end = None if length is None else f"{start + dt.timedelta(days=length)}"
        amount = draw(st.integers(1, 100_000)) / 100
        period = draw(st.sampled_from(["month", "quarter", "year", None]))
        rows.append((draw(st.sampled_from("ABCDE")), f"{start}", end, amount, period))
    return rows


@pytest.mark.long
@settings(max_examples=150)
@given(books())
@example([(customer, "2022-06-01", None, 0.01, "quarter") for customer in "AB"])
def test_law_the_bridge_adds_up_to_the_cent(rows):
    """Opening and steps make closing; closing is the sum by hand, but for customers with less than
    half a cent a month; every step has its sign.
    """
    passed_over = 0.005 * len({row[0] for row in rows})
    t = bridge_of(contracts(*rows))
    steps = t[list(recurring.STEPS)]
    assert np.allclose(t.opening + steps.sum(axis=1), t.closing, atol=0.005)
    for day in (ENDS[1], ENDS[12], ENDS[24]):
        whole = sum(
            amount / recurring.MONTHS_OF.get(period, 1)
            for _, start, end, amount, period in rows
            if dt.date.fromisoformat(start) <= day
            and (end is None or dt.date.fromisoformat(end) >= day)
        )
        assert t.closing[day] == pytest.approx(whole, abs=passed_over)
    assert (steps[["new", "reactivation", "expansion"]] >= 0).all().all()
    assert (steps[["contraction", "churned"]] <= 0).all().all()


def test_what_became_of_contracts_that_ended():
    """Renewed the day after, renewed 40 days late, ended last month and still open, lost."""
    rows = [
        ("A", "2023-01-01", "2024-03-31"), ("A", "2024-04-01", None),
        ("B", "2023-01-01", "2024-03-31"), ("B", "2024-05-10", None),
        ("C", "2023-01-01", "2024-12-10"),
        ("D", "2023-01-01", "2024-06-30"),
        ("E", "2022-01-01", "2023-06-30"),  # too long ago
    ]  # fmt: skip
    t = pd.DataFrame(rows, columns=["customer_id", "start", "end"])
    t = t.assign(yearly_amount=120.0, product=None)
    found = recurring.renewal_outcomes(t, dt.date(2024, 12, 31)).set_index("customer_id").outcome
    assert found.to_dict() == {"A": "renewed", "B": "renewed_late", "C": "open", "D": "lost"}


def test_renewals_by_hand():
    table = contracts(
        ("A", "2024-01-01", "2025-03-31", 300.0, "quarter"),
        ("B", "2024-01-01", "2026-01-01", 10.0, "month"),  # beyond the year
        ("C", "2024-01-01", None, 10.0, "month"),
        ("D", "2024-01-01", "2025-02-01", 10.0, "month", "paused"),
    ).mutate(notice=ibis.literal(90))
    t = recurring.renewals(table, dt.date(2024, 12, 31)).execute()
    assert t.customer_id.tolist() == ["A"] and t.yearly_amount.tolist() == [1200.0]
    assert str(pd.Timestamp(t.notice_date[0]).date()) == "2024-12-31"


def units(*rows):
    """customer, product, start, end, amount a month, quantity."""
    names = ["customer_id", "product", "start", "end", "amount", "quantity"]
    kinds = dict(
        zip(names, ["string", "string", "date", "date", "float64", "float64"], strict=True)
    )
    t = pd.DataFrame(rows, columns=names)
    for name in ("start", "end"):
        t[name] = [None if pd.isna(day) else dt.date.fromisoformat(day) for day in t[name]]
    return ibis.memtable(t, schema=kinds)


def test_price_and_quantity_by_hand():
    """10 seats at 10 become 12 at 11: price 1 × 11 = 11, quantity 2 × 10.5 = 21, 132 − 100 in all.
    B changes a plan of 20 for one of 60, E adds one of 7 and F drops one of 8; C's amount rises by
    5, of seats not told; D is new.
    """
    table = units(
        ("A", "seat", "2024-01-01", "2024-06-30", 100.0, 10.0),
        ("A", "seat", "2024-07-01", None, 132.0, 12.0),
        ("B", "x", "2024-01-01", None, 50.0, 1.0),
        ("B", "y", "2024-07-01", None, 60.0, 1.0),
        ("B", "z", "2024-01-01", "2024-06-30", 20.0, 1.0),
        ("C", None, "2024-01-01", "2024-06-30", 30.0, None),
        ("C", None, "2024-07-01", None, 35.0, None),
        ("D", "x", "2024-07-01", None, 999.0, 1.0),
        ("E", "x", "2024-01-01", None, 50.0, 1.0),
        ("E", "y", "2024-07-01", None, 7.0, 1.0),
        ("F", "x", "2024-01-01", None, 50.0, 1.0),
        ("F", "z", "2024-01-01", "2024-06-30", 8.0, 1.0),
    )
    days = [dt.date(2024, 3, 31), dt.date(2024, 9, 30)]
    t = recurring.recurring_effects(recurring.recurring_products(table, days).execute(), 0, 1)
    told = t.set_index("effect")
    assert told.amount.to_dict() == pytest.approx(
        {"replaced": 40, "added": 7, "dropped": -8, "price": 11, "quantity": 21, "amount": 5}
    )
    assert (told.customer_count == 1).all()


def test_cohorts_of_recurring_revenue_by_hand():
    """A and B begin in the second quarter with 100 and 50; A grows to 130 in the third, B ends in
    the fourth: 120 %, then 87 % of 150. C begins in the fourth.
    """
    ends = [dt.date(2024, 3, 31), *(dt.date(2024, m, 28) for m in (4, 5)), dt.date(2024, 6, 30)]
    ends += [dt.date(2024, m, 28) for m in (7, 8)] + [dt.date(2024, 9, 30)]
    ends += [dt.date(2024, m, 28) for m in (10, 11)] + [dt.date(2024, 12, 31)]
    table = contracts(
        ("A", "2024-04-10", "2024-08-31", 100.0, "month"),
        ("A", "2024-09-01", None, 130.0, "month"),
        ("B", "2024-05-01", "2024-10-31", 50.0, "month"),
        ("C", "2024-11-01", None, 70.0, "month"),
    )
    monthly = recurring.monthly_recurring(table, ends).execute()
    starts = table.group_by("customer_id").agg(start=table.start.min()).execute()
    t = recurring.recurring_cohorts(monthly, starts, ends).set_index(["label", "age"])
    june, december = dt.date(2024, 6, 30), dt.date(2024, 12, 31)
    assert t.revenue_rate[june].tolist() == pytest.approx([1, 180 / 150, 130 / 150])
    assert t.active_rate[june].tolist() == [1, 1, 0.5]
    assert t.customer_count[june].tolist() == [2, 2, 2]
    assert t.revenue_rate[december].tolist() == [1]


def test_states_of_contracts_by_hand():
    """Ended by its day or, without one, by its word; paused by its word; what starts tomorrow is to
    come. What runs is what recurs.
    """
    table = contracts(
        ("A", "2024-01-01", None, 10.0, "month"),
        ("A", "2024-01-01", "2024-06-30", 20.0, "month"),
        ("B", "2024-01-01", None, 40.0, "month", "ended"),
        ("C", "2024-01-01", "2025-06-30", 80.0, "month", "paused"),
        ("D", "2025-01-01", None, 1200.0, "year"),
        ("E", "2024-01-01", "2025-01-31", 320.0, "month", "ended"),
    )
    day = dt.date(2024, 12, 31)
    t = recurring.contract_states(table, day).execute().set_index("state")
    assert t.monthly_amount.dropna().to_dict() == {"running": 330, "to_come": 100, "paused": 80}
    assert t.contract_count.to_dict() == {"running": 2, "to_come": 1, "paused": 1, "ended": 2}
    running = recurring.monthly_recurring(table, [day]).execute().recurring.sum()
    assert running == t.monthly_amount["running"]


def test_what_is_renewed_already_does_not_end_and_a_leap_year_has_its_last_day():
    """A's successor is on file, B's ends on 31 December of a leap year, C's is ended by notice and
    runs until June, D's is paused.
    """
    table = contracts(
        ("A", "2023-03-01", "2024-02-29", 10.0, "month"),
        ("A", "2024-03-01", None, 10.0, "month"),
        ("B", "2023-01-01", "2024-12-31", 10.0, "month"),
        ("C", "2023-01-01", "2024-06-30", 10.0, "month", "ended"),
        ("D", "2023-01-01", "2024-06-30", 10.0, "month", "paused"),
    )
    t = recurring.renewals(table, dt.date(2023, 12, 31)).execute()
    assert t.customer_id.tolist() == ["C", "B"]


def test_terms_leave_out_what_ended_on_no_day():
    table = contracts(
        ("A", "2023-01-01", None, 10.0, "month", "ended"),
        ("B", "2023-01-01", "2024-01-31", 10.0, "month", "ended"),
        ("C", "2023-01-01", None, 10.0, "month", "paused"),
        ("D", "2023-01-01", None, 10.0, "month"),
    )
    assert recurring.contract_terms(table).execute().customer_id.tolist() == ["B", "D"]
