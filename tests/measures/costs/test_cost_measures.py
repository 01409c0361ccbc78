"""Break-even, price-volume-mix, cost to serve, lifetime value, receivables:
closed forms, worked examples, laws.
"""

import datetime as dt
import math
from functools import cache

import ibis
import numpy as np
import pandas as pd
import pytest
from carnet.book.engines import memory
from carnet.book.queries import DuckDB
from carnet.engagement.periods import Period, Periods
from carnet.measures.costs import cost_to_serve, price_volume, receivables
from carnet.measures.costs.break_even import break_even_date, break_even_days, stress_test
from carnet.measures.indicators import lifetime_value
from carnet.measures.portfolio import movement
from carnet.measures.statistics.intervals import noise_interval
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.measures.portfolio.test_portfolio import cube_from

PERIODS = Periods(dt.date(2024, 12, 31))
YEAR = Period(dt.date(2024, 1, 1), dt.date(2024, 12, 31))
SALES = {
    "customer_id": "string",
    "date": "date",
    "amount": "float64",
    "product": "string",
    "quantity": "float64",
}


# --- break-even


def test_break_even_date_is_the_first_day_that_covers():
    ends = [dt.date(2024, 1, 31), dt.date(2024, 2, 29), dt.date(2024, 3, 31)]
    assert break_even_date(ends, [310.0, 290.0, 310.0], dt.date(2024, 1, 1), 310.0) == dt.date(
        2024, 1, 31
    )
    assert break_even_date(ends, [310.0, 290.0, 310.0], dt.date(2024, 1, 1), 311.0) == dt.date(
        2024, 2, 1
    )
    assert break_even_date(ends, [310.0, 290.0, 310.0], dt.date(2024, 1, 1), 320.0) == dt.date(
        2024, 2, 1
    )
    assert break_even_date(ends, [310.0, 290.0, 310.0], dt.date(2024, 1, 1), 910.0) == dt.date(
        2024, 3, 31
    )
    assert break_even_date(ends, [310.0, 290.0, 310.0], dt.date(2024, 1, 1), 911.0) is None
    assert break_even_date(ends, [310.0, 290.0, 310.0], dt.date(2024, 1, 1), math.nan) is None
    assert break_even_date(ends, [310.0, -100.0, 310.0], dt.date(2024, 1, 1), 500.0) == dt.date(
        2024, 3, 29
    )


def test_break_even_days():
    assert break_even_days(365.0, 73.0, 365) == pytest.approx(73)
    assert math.isnan(break_even_days(0.0, 10.0, 365)) and math.isnan(
        break_even_days(10.0, math.nan, 365)
    )


def test_stress_test_of_a_uniform_margin_keeps_the_break_even():
    top = pd.DataFrame({"top_count": [1, 2], "revenue_at_risk": [200.0, 500.0]})
    t = stress_test(top, 1000.0, 600.0, 300.0, [80.0, 200.0])
    assert t.break_even_revenue.tolist() == pytest.approx([750, 750, 750])
    assert t.net_margin.tolist() == [
        100,
        20,
        -100,
    ] and t.safety_margin_rate.tolist() == pytest.approx([0.25, 0.0625, -0.5])
    # the best margins leave: break-even rises, then nothing is left
    richer = stress_test(top, 1000.0, 600.0, 300.0, [200.0, 400.0])
    assert richer.break_even_revenue[1] == pytest.approx(300 / (200 / 800)) and math.isnan(
        richer.break_even_revenue[2]
    )


# --- price, volume, mix


@cache
def compiled_effects():
    """A database with empty sales and cells, with prepared statements `fill_moved` and `fill_sold`
    for the two steps before the measure, computed once each as in the notebook; the measure.
    """
    con = DuckDB.from_connection(memory(small=True))
    sales, cells = (
        con.create_table("sales", schema=SALES),
        con.create_table("cells", schema=cube_from([("A", 1, 1.0)]).schema()),
    )
    movements = movement.customer_movement(cells, PERIODS)
    moved = con.create_table("moved", schema=movements.schema())
    products = price_volume.product_sales(sales, moved, PERIODS)
    sold = con.create_table("sold", schema=products.schema())
    for name, rows in ("moved", movements), ("sold", products):
        con.raw_sql(f"PREPARE fill_{name} AS INSERT INTO {name} {con.compile(rows)}")
    return con, price_volume.price_volume_mix(sold, moved)


def effects(lines):
    frame = pd.DataFrame(lines, columns=list(SALES))
    months = [
        (PERIODS.as_of.year - d.year) * 12 + PERIODS.as_of.month - d.month for d in frame.date
    ]
    cells = (
        pd.DataFrame(
            {"customer_id": frame.customer_id, "audit_month": months, "revenue": frame.amount}
        )
        .groupby(["customer_id", "audit_month"])
        .revenue.sum()
    )
    con, mix = compiled_effects()
    for name, rows in (
        ("sales", ibis.memtable(frame, schema=SALES)),
        (
            "cells",
            cube_from([(customer, month, value) for (customer, month), value in cells.items()]),
        ),
    ):
        con.insert(name, rows, overwrite=True)
    for name in ("moved", "sold"):
        con.raw_sql(f"DELETE FROM {name}; EXECUTE fill_{name}")
    return mix.execute().set_index("step").amount


NOW, BEFORE = dt.date(2024, 6, 15), dt.date(2023, 6, 15)


def test_price_alone_volume_alone_mix_alone():
    price = effects([("A", BEFORE, 100.0, "x", 10.0), ("A", NOW, 120.0, "x", 10.0)])
    assert (price.price, price.volume, price.mix) == (20, 0, 0)
    volume = effects(
        [
            ("A", BEFORE, 100.0, "x", 10.0),
            ("A", BEFORE, 60.0, "y", 2.0),
            ("A", NOW, 200.0, "x", 20.0),
            ("A", NOW, 120.0, "y", 4.0),
        ]
    )
    assert (volume.price, volume.volume, volume.mix) == pytest.approx((0, 160, 0), abs=1e-9)
    mix = effects(
        [
            ("A", BEFORE, 100.0, "x", 10.0),
            ("A", BEFORE, 60.0, "y", 2.0),
            ("A", NOW, 20.0, "x", 2.0),
            ("A", NOW, 300.0, "y", 10.0),
        ]
    )
    assert (mix.price, mix.volume, mix.mix) == pytest.approx((0, 0, 160), abs=1e-9)


def test_worked_example_of_the_midpoint_form():
    """x: 10 at 10 → 15 at 12; y: 5 at 20 → 4 at 22.

    By hand: price 2·12.5 + 2·4.5 = 34; quantity 5·11 − 1·21 = 34.
    """
    t = effects(
        [
            ("A", BEFORE, 100.0, "x", 10.0),
            ("A", BEFORE, 100.0, "y", 5.0),
            ("A", NOW, 180.0, "x", 15.0),
            ("A", NOW, 88.0, "y", 4.0),
        ]
    )
    assert t.price == pytest.approx(34) and t.volume + t.mix == pytest.approx(34)
    shares = (10 / 15 + 15 / 19) / 2, (5 / 15 + 4 / 19) / 2
    assert t.volume == pytest.approx(4 * (shares[0] * 11 + shares[1] * 21))


def test_new_and_lost_customers_and_products_are_kept_out():
    t = effects(
        [
            ("A", BEFORE, 100.0, "x", 10.0),
            ("A", NOW, 110.0, "x", 10.0),
            ("A", BEFORE, 30.0, "old", 1.0),
            ("A", NOW, 40.0, "launched", 1.0),
            ("B", BEFORE, 50.0, "x", 5.0),
            ("C", NOW, 70.0, "x", 1.0),
            ("A", NOW, -5.0, None, None),
        ]
    )
    assert t[
        ["lost", "arrived", "dropped", "launched", "price", "volume", "mix", "other"]
    ].tolist() == [-50, 70, -30, 40, 10, 0, 0, -5]


line = st.tuples(
    st.sampled_from("ABC"),
    st.booleans(),
    st.sampled_from(["x", "y", "z", None]),
    st.integers(-5, 40),
    st.integers(-200, 5000),
)


@settings(max_examples=60)
@given(st.lists(line, min_size=1, max_size=25), st.randoms(use_true_random=False))
@pytest.mark.long
def test_price_volume_mix_adds_up_flips_and_needs_no_order(lines, random):
    def rows(swap):
        return [
            (c, NOW if now != swap else BEFORE, cents / 100, product, float(q))
            for c, now, product, q, cents in lines
        ]

    there, back = effects(rows(False)), effects(rows(True))
    steps = ["lost", "arrived", "dropped", "launched", "price", "volume", "mix", "other"]
    assert abs(there["previous"] + there[steps].sum() - there["current"]) < 0.005
    assert there["current"] == pytest.approx(back["previous"])
    for name in ("price", "volume", "mix"):
        assert there[name] == pytest.approx(-back[name], abs=1e-6)
    shuffled = rows(False)
    random.shuffle(shuffled)
    assert effects(shuffled)[steps].tolist() == pytest.approx(there[steps].tolist(), abs=1e-6)


# --- cost to serve


def test_customer_margins_sum_to_the_margin_of_the_company():
    cube = cube_from([("A", 1, 600.0), ("B", 2, 400.0), ("C", 20, 100.0)])
    cube = cube.mutate(
        cost=ibis.cases((cube.customer_id == "A", 300.0), (cube.customer_id == "B", 100.0))
    )
    moved = movement.customer_movement(cube, PERIODS)
    t = (
        cost_to_serve.customer_margins(moved, cube, PERIODS.in_current(cube), 500.0, 1000.0)
        .execute()
        .set_index("customer_id")
    )
    assert (
        t.margin.to_dict() == {"A": 600 - 300 - 60, "B": 400 - 100 - 40}
        and t.margin.sum() == 1000 - 500
    )
    bare = cube.mutate(cost=ibis.null("float64"))
    uniform = (
        cost_to_serve.customer_margins(moved, bare, PERIODS.in_current(bare), 500.0, 1000.0)
        .execute()
        .set_index("customer_id")
    )
    assert uniform.margin.to_dict() == pytest.approx({"A": 300, "B": 200}), (
        "without costs on the lines everyone has the company's rate"
    )


def test_activities_cost_what_is_noted_else_their_minutes():
    service = ibis.memtable(
        pd.DataFrame(
            {
                "customer_id": ["A", "A", "A", "B"],
                "date": [dt.date(2024, 2, 1)] * 3 + [dt.date(2023, 2, 1)],
                "activity": ["visit", "visit", "call", "call"],
                "minutes": [30.0, 60.0, None, 10.0],
                "cost": [99.0, None, None, None],
            }
        ),
        schema={
            "customer_id": "string",
            "date": "date",
            "activity": "string",
            "minutes": "float64",
            "cost": "float64",
        },
    )
    t = cost_to_serve.activity_costs(service, YEAR, 50.0).execute().set_index("activity")
    assert (
        t.cost["visit"] == 99 + 50
        and np.isnan(t.cost["call"])
        and t.activity_count.to_dict() == {"visit": 2, "call": 1}
    )


def test_waiting_for_payment_costs_its_interest():
    table = ibis.memtable(
        pd.DataFrame(
            {
                "customer_id": ["A", "B"],
                "invoice_date": [dt.date(2024, 1, 1)] * 2,
                "amount": [1000.0, 1000.0],
                "paid_date": [dt.date(2024, 3, 14), None],
            }
        ),
        schema={
            "customer_id": "string",
            "invoice_date": "date",
            "amount": "float64",
            "paid_date": "date",
        },
    )
    t = (
        cost_to_serve.waiting_costs(table, YEAR, ibis.date(dt.date(2024, 12, 31)), 0.10)
        .execute()
        .set_index("customer_id")
        .cost
    )
    assert t["A"] == pytest.approx(1000 * 73 / 365 * 0.10) and t["B"] == pytest.approx(
        1000 * 365 / 365 * 0.10
    )


def profit_of(margins, costs, low=0.5, high=1.5, draws=800):
    bought = pd.DataFrame(
        {"customer_id": list(margins), "revenue": 1.0, "margin": list(margins.values())}
    )
    served = pd.DataFrame(
        [(c, a, v) for (c, a), v in costs.items()], columns=["customer_id", "activity", "cost"]
    )
    return cost_to_serve.customer_profit(bought, served, low, high, draws)


def test_sign_is_certain_where_no_rate_changes_it():
    t, curve = profit_of(
        {"A": 100.0, "B": 10.0, "C": -5.0},
        {("A", "visit"): 20.0, ("B", "visit"): 10.0, ("C", "visit"): 1.0},
    )
    t = t.set_index("customer_id")
    assert t.profit.to_dict() == {"A": 80, "B": 0, "C": -6} and t.certain.to_dict() == {
        "A": True,
        "B": False,
        "C": True,
    }
    assert t.unpaid_service.to_dict() == {"A": 0, "B": 0, "C": 1}
    assert t.profit_low["A"] == pytest.approx(100 - 20 * 1.475, abs=0.6) and t.profit_high[
        "A"
    ] == pytest.approx(100 - 20 * 0.525, abs=0.6)
    assert curve.profit.iloc[[0, -1]].tolist() == [0, 74] and curve.profit.max() == 80


@settings(max_examples=30)
@given(
    st.dictionaries(st.integers(0, 30), st.floats(-1e4, 1e4), min_size=1, max_size=15),
    st.floats(0, 500),
)
@pytest.mark.long
def test_whale_curve_ends_at_the_total_inside_its_band(margins, cost):
    margins = {str(key): value for key, value in margins.items()}
    t, curve = profit_of(margins, {(key, "visit"): cost for key in margins}, draws=120)
    assert t.profit.sum() == pytest.approx(sum(margins.values()) - cost * len(margins), abs=1e-6)
    assert curve.profit.iloc[-1] == pytest.approx(t.profit.sum(), abs=1e-6)
    assert (curve.low <= curve.high + 1e-9).all() and t.profit.is_monotonic_decreasing
    fixed, same = profit_of(
        margins, {(key, "visit"): cost for key in margins}, low=1.0, high=1.0, draws=100
    )
    assert np.allclose(same.low, same.high) and np.allclose(
        fixed.profit_low, fixed.profit, rtol=1e-5, atol=1e-2
    )


def test_services_of_customers_who_bought_nothing_are_apart():
    bought = pd.DataFrame({"customer_id": ["A"], "revenue": [1.0], "margin": [5.0]})
    served = pd.DataFrame(
        {
            "customer_id": ["A", "Z", "Z"],
            "activity": ["visit", "visit", "call"],
            "cost": [1.0, 2.0, 3.0],
        }
    )
    idle = cost_to_serve.idle_services(bought, served)
    assert idle.to_dict("records") == [
        {"customer_id": "Z", "cost_to_serve": 5.0, "margin": 0.0, "unpaid_service": 5.0}
    ]
    assert cost_to_serve.customer_profit(bought, served, 1, 1, 100)[0].customer_id.tolist() == ["A"]


# --- lifetime value


def test_survival_years_is_a_geometric_sum():
    assert lifetime_value.survival_years(0.5, 3) == 1 + 0.5 + 0.25
    assert lifetime_value.survival_years(0.5, 3, 0.25) == pytest.approx(1 + 0.4 + 0.16)
    assert lifetime_value.survival_years(0.8, 10_000) == pytest.approx(1 / 0.2)
    assert math.isnan(lifetime_value.survival_years(math.nan, 3))


def test_reconciliation_of_the_deck_2019():
    """From 106.67 € and 13.13 € (8.1 times) to 28.07 € and 15.76 € (1.8 times),
    then the horizon and the discount.
    """
    row = pd.Series(
        {
            "active_customer_count": 15000,
            "retention_rate": 0.25,
            "margin_per_customer": 315790 / 15000,
            "lifetime_deck": 4 / 3,
            "ltv_deck": 1200002 / 15000 * 4 / 3,
            "cac_deck": 197000 / 15000,
            "cac_standard": 197000 / 12500,
        }
    )
    t = lifetime_value.reconciliation(row, 5, 0.10).set_index("step")
    assert t.ltv["deck"] == pytest.approx(106.6668, abs=1e-4) and t.ratio["deck"] == pytest.approx(
        8.1218, abs=1e-4
    )
    assert t.ltv["new_only"] == pytest.approx(28.0702, abs=1e-4) and t.ratio[
        "new_only"
    ] == pytest.approx(1.7811, abs=1e-4)
    assert t.ltv["discount"] == pytest.approx(
        315790 / 15000 * sum((0.25 / 1.1) ** year for year in range(5))
    )
    assert t.ltv_change.sum() == pytest.approx(t.ltv["discount"] - t.ltv["deck"])


@pytest.mark.long
def test_ltv_interval_covers_the_true_value():
    """Simulated portfolios of known margin and retention: the 95 % interval holds the true lifetime
    value about as often.
    """
    rng, inside = np.random.default_rng(3), 0
    truth = lifetime_value.ltv_margin(100.0, 0.8, 5, 0.1)
    for trial in range(60):
        before = np.ones(150, dtype=bool)
        active = rng.random(150) < 0.8
        margins = np.where(active, rng.gamma(2.0, 50.0, 150), 0.0)
        low, high = lifetime_value.ltv_interval(margins, active, before, 5, 0.1, seed=trial)
        inside += low <= truth <= high
    assert 0.85 <= inside / 60 <= 1.0
    assert np.isnan(
        lifetime_value.ltv_interval(np.ones(10), np.ones(10), np.ones(10), 5, 0.1)
    ).all()


def test_noise_interval():
    low, high = noise_interval(10.0, 1.0)
    assert (low, high) == pytest.approx((10 - 2.7718, 10 + 2.7718), abs=1e-3)


# --- receivables


def owed(rows, due=False):
    columns = {
        "customer_id": "string",
        "invoice_date": "date",
        "amount": "float64",
        "paid_date": "date",
    } | ({"due_date": "date"} if due else {})
    return ibis.memtable(pd.DataFrame(rows, columns=list(columns)), schema=columns)


def test_dso_and_payment_delay():
    table = owed(
        [
            ("A", dt.date(2024, 1, 1), 300.0, dt.date(2024, 1, 31)),
            ("A", dt.date(2024, 2, 1), 100.0, dt.date(2024, 4, 11)),
            ("B", dt.date(2024, 12, 1), 200.0, None),
            ("B", dt.date(2024, 12, 20), 100.0, dt.date(2025, 1, 15)),
            ("C", dt.date(2025, 2, 1), 999.0, None),
        ]
    )
    t = receivables.receivable_summary(table, YEAR, YEAR.end).execute().iloc[0]
    assert (t.open_amount, t.invoiced_amount) == (300, 700), (
        "paid after the audit date is open on it, invoiced after it is not there yet"
    )
    assert t.dso_days == pytest.approx(300 / 700 * 366) and t.payment_delay_days == pytest.approx(
        (300 * 30 + 100 * 70) / 400
    )


def test_a_payment_after_the_audit_day_was_not_known_on_it():
    """Unpaid on 31 December: 30 days carried, whatever was paid in March."""
    rows = [("A", dt.date(2024, 12, 1), 365.0, dt.date(2025, 3, 1))]
    end = ibis.date(YEAR.end)
    t = cost_to_serve.waiting_costs(owed(rows), YEAR, end, 0.10).execute()
    assert t.cost.tolist() == [pytest.approx(365.0 * 30 / 365 * 0.10)]


def test_aged_balance_counts_from_the_due_date():
    table = owed(
        [
            ("A", dt.date(2024, 12, 1), 1.0, None, dt.date(2025, 1, 31)),
            ("A", dt.date(2024, 11, 1), 2.0, None, dt.date(2024, 12, 31)),
            ("B", dt.date(2024, 8, 1), 4.0, None, dt.date(2024, 12, 1)),
            ("B", dt.date(2024, 1, 1), 8.0, None, None),
        ],
        due=True,
    )
    t = receivables.aged_balance(table, YEAR.end).execute()
    assert dict(zip(t.age, t.amount, strict=True)) == {-1: 3, 30: 4, 90: 8}
