"""What cohorts bring, by hand and against a plain sum."""

import datetime as dt

import ibis
import numpy as np
import pandas as pd
import pytest
from carnet.engagement.periods import buckets
from carnet.measures.indicators import cohorts

D = dt.date
PERIODS = buckets(D(2022, 1, 1), D(2024, 12, 31), "year")


def cube_of(*rows):
    """Cells customer, month, revenue, cost; the first date is the 5th where revenue is positive."""
    t = pd.DataFrame(rows, columns=["customer_id", "month", "revenue", "cost"])
    t["first_date"] = [
        month.replace(day=5) if revenue > 0 else None
        for month, revenue in zip(t.month, t.revenue, strict=True)
    ]
    kinds = dict(
        customer_id="string", month="date", revenue="float64", cost="float64", first_date="date"
    )
    return ibis.memtable(t, schema=kinds)


def test_cohorts_pay_back_by_hand():
    """A and B begin in 2023: margins 40 in March, 30 in November, 50 in January 2024, 120 in all
    and 70 in 2023. What winning them cost, 60, is earned back by the end of November: 11 months;
    71 in January of the year after: 13; 200 not yet. In its own first 12 months A brought 250, B
    80: 165 a customer.
    """
    cube = cube_of(
        ("OLD", D(2022, 1, 1), 900.0, 1.0),
        ("A", D(2023, 3, 1), 100.0, 60.0),
        ("B", D(2023, 11, 1), 80.0, 50.0),
        ("A", D(2024, 1, 1), 150.0, 100.0),
    )
    months = cohorts.cohort_months(cube, PERIODS).execute()
    own = months[months.cohort == 1]
    assert own.age_months.tolist() == [2, 10, 12] and own.margin.tolist() == [40, 30, 50]
    assert own.own_months.tolist() == [0, 0, 10], "A since March, B since November"
    for cost, waited in ((60.0, 11), (71.0, 13), (200.0, None), (0.0, None), (np.nan, None)):
        t = cohorts.cohort_values(
            months, pd.Series({0: 1, 1: 2}), pd.Series({"2023": cost}), PERIODS, D(2023, 1, 1)
        )
        assert t.label.tolist() == ["2023"], "the first year holds everybody, 2024 nobody"
        row = t.iloc[0]
        assert (row.first_year_revenue, row.margin_so_far) == (165, 120)
        assert np.isnan(row.second_year_revenue), "that of B is not over"
        assert row.payback_months == waited if waited else np.isnan(row.payback_months)


def test_a_year_that_is_not_over_is_not_told():
    cube = cube_of(("A", D(2024, 2, 1), 10.0, 4.0), ("Z", D(2022, 1, 1), 1.0, 1.0))
    months = cohorts.cohort_months(cube, PERIODS).execute()
    sizes, none = pd.Series({0: 1, 2: 1}), pd.Series(dtype=float)
    row = cohorts.cohort_values(months, sizes, none, PERIODS, D(2023, 1, 1)).iloc[0]
    assert (
        row.revenue == 10 and np.isnan(row.first_year_revenue) and np.isnan(row.second_year_revenue)
    )
    assert np.isnan(row.acquisition_total) and np.isnan(row.payback_months)


def test_cohorts_lose_no_money():
    """500 random cells of 60 customers: the cohorts add up to those of customers with an order."""
    rng = np.random.default_rng(3)
    rows = [
        (f"C{rng.integers(60)}", D(2022 + int(y), 1 + int(m), 1), float(a), float(a) / 2)
        for y, m, a in zip(
            rng.integers(3, size=500),
            rng.integers(12, size=500),
            rng.integers(-50, 300, size=500),
            strict=True,
        )
    ]
    t = pd.DataFrame(rows, columns=["customer_id", "month", "revenue", "cost"])
    ordered = set(t.customer_id[t.revenue > 0])
    months = cohorts.cohort_months(cube_of(*rows), PERIODS).execute()
    whole = t[t.customer_id.isin(ordered)]
    assert months.revenue.sum() == pytest.approx(whole.revenue.sum())
    assert months.margin.sum() == pytest.approx((whole.revenue - whole.cost).sum())


def lines(*rows):
    t = pd.DataFrame(rows, columns=["customer_id", "date", "amount", "channel"])
    kinds = dict(customer_id="string", date="date", amount="float64", channel="string")
    return ibis.memtable(t, schema=kinds)


def test_first_orders_by_hand():
    """A begins on the web (70 of 100), comes again and brings 250 in 365 days; B begins in a shop
    and does not; OLD began before, NEW too late to tell, C by no channel.
    """
    sales = lines(
        ("OLD", D(2021, 12, 31), 5.0, "web"),
        ("A", D(2022, 1, 10), 70.0, "web"),
        ("A", D(2022, 1, 10), 30.0, "shop"),
        ("A", D(2023, 1, 10), 150.0, "shop"),
        ("A", D(2023, 1, 11), 999.0, "shop"),
        ("B", D(2022, 2, 1), 40.0, "shop"),
        ("B", D(2022, 2, 2), -15.0, "shop"),
        ("C", D(2022, 3, 1), 20.0, None),
        ("NEW", D(2024, 1, 2), 20.0, "web"),
    )
    t = cohorts.first_orders(sales, "channel", D(2022, 1, 1), D(2024, 12, 31)).execute()
    told = t.assign(group=t.group.fillna("–")).set_index("group")
    assert told.customer_count.to_dict() == {"web": 1, "shop": 1, "–": 1}
    assert told.again_count.to_dict() == {"web": 1, "shop": 0, "–": 0}
    assert told.revenue.to_dict() == {"web": 250, "shop": 25, "–": 20}


def test_newcomers_spread_over_a_year_do_not_seem_to_grow():
    """12 customers begin one a month in 2023 and buy 100 every month: 1,200 in a first year each,
    whenever they came, told once the last one's year is over. Without costs no margin is.
    """
    rows = [
        (f"C{n:02d}", D(2023 + (n + m) // 12, (n + m) % 12 + 1, 1), 100.0, 50.0)
        for n in range(12)
        for m in range(24 - n)
    ]
    cube = cube_of(*rows)
    sizes, costs = pd.Series({1: 12}), pd.Series({"2023": 1.0})
    months = cohorts.cohort_months(cube, PERIODS).execute()
    row = cohorts.cohort_values(months, sizes, costs, PERIODS, D(2023, 1, 1)).iloc[0]
    assert row.first_year_revenue == 1200 and np.isnan(row.second_year_revenue)
    blank = cohorts.cohort_months(cube, PERIODS, costed=False).execute()
    told = cohorts.cohort_values(blank, sizes, costs, PERIODS, D(2023, 1, 1)).iloc[0]
    assert np.isnan(told.margin_so_far) and np.isnan(told.payback_months)
