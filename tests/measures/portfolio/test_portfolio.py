"""Closed forms and laws of the measures; figures of whole books are in test_demo_figures.py."""

import datetime as dt
import inspect
import math
from importlib import import_module

import ibis
import numpy as np
import pandas as pd
import pytest
from carnet.engagement.periods import Periods
from carnet.measures.catalogue import FIGURES, MEASURES
from carnet.measures.portfolio import (
    baskets,
    concentration,
    exposure,
    movement,
    progression,
    segments,
)
from carnet.measures.register import Figure, measure, recording
from carnet.measures.statistics import intervals
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import ROOT, measure_modules

AS_OF = dt.date(2024, 12, 31)
PERIODS = Periods(AS_OF)
MOVEMENT_COLUMNS = {
    "customer_id": "string",
    "revenue": "float64",
    "revenue_previous": "float64",
    "sales_gap": "float64",
    "status": "string",
    "active": "boolean",
}


def cube_from(rows):
    """A cube from (customer_id, audit_month, revenue) cells; a positive cell is one order."""
    frame = pd.DataFrame(rows, columns=["customer_id", "audit_month", "revenue"]).astype(
        {"customer_id": str, "revenue": float, "audit_month": int}
    )
    frame["month"] = pd.to_datetime(
        [AS_OF.replace(day=1) - pd.DateOffset(months=m) for m in frame.audit_month]
    )
    frame["positive_line_count"] = frame["order_count"] = (frame.revenue > 0).astype(int)
    frame["last_date"] = frame["first_date"] = frame.month
    schema = {
        "customer_id": "string",
        "audit_month": "int64",
        "revenue": "float64",
        "month": "date",
        "positive_line_count": "int64",
        "order_count": "int64",
        "last_date": "date",
        "first_date": "date",
    }
    return ibis.memtable(frame[list(schema)], schema=schema)


def moved(rows):
    return movement.customer_movement(cube_from(rows), PERIODS)


def one_row(table):
    return table.execute().iloc[0]


def revenues(*values):
    return moved([(f"c{i:03}", 1, value) for i, value in enumerate(values)])


def test_every_public_function_of_the_measures_is_declared_and_nothing_else():
    public = set()
    for module in measure_modules():
        private = module.rpartition(".")[2].startswith("_")
        if private or module.endswith((".register", ".catalogue")):
            continue
        loaded = import_module(module)
        public |= {
            name
            for name, member in inspect.getmembers(loaded, inspect.isfunction)
            if member.__module__ == loaded.__name__ and not name.startswith("_")
        }
    assert public == set(MEASURES)


def test_a_name_or_a_figure_declared_twice_is_refused():
    figure = Figure("Revenue", "currency", "the same again")
    with pytest.raises(ValueError, match=r"declares .*movement_summary.* again"):
        measure("another one")(lambda_named("movement_summary"))
    with pytest.raises(ValueError, match=r"declares .*revenue.* again"):
        measure("another one", {"revenue": figure})(lambda_named("own_summary"))
    assert "own_summary" not in MEASURES and MEASURES["movement_summary"].module.endswith(
        "movement"
    )


def lambda_named(name):
    def function():
        return 1

    function.__name__ = name
    return function


def test_a_call_records_itself_and_what_it_calls():
    with recording() as outer:
        concentration.concentration_summary(revenues(5.0, 3.0))
        with recording() as inner:
            intervals.wilson_interval(1, 2)
    intervals.bootstrap_total(np.array([1.0, 2.0]))
    assert list(inner.ran) == ["wilson_interval"]
    assert {"customer_movement", "concentration_summary", "wilson_interval"} <= set(outer.ran)
    assert "bootstrap_total" not in outer.ran, "the recording was closed"
    assert outer.ran["customer_movement"].table is not None
    assert outer.ran["wilson_interval"].table is None


def test_every_figure_of_a_summary_is_registered():
    table = moved([("a", 1, 5), ("a", 13, 4)])
    summaries = [
        movement.movement_summary(table),
        concentration.concentration_summary(table),
        baskets.purchase_summary(table),
        progression.progression_summary(progression.purchase_progression(table)),
    ]
    for summary in summaries:
        assert set(summary.columns) <= set(FIGURES)


def test_every_figure_says_what_it_is():
    for name, figure in FIGURES.items():
        assert (
            figure.label
            and figure.definition
            and figure.unit in ("currency", "ratio", "count", "days", "index")
        ), name


# --- concentration, closed forms


@pytest.mark.parametrize("n", [1, 2, 7, 100])
def test_closed_form_equal_customers(n):
    """n equal customers: Gini 0, HHI 1/n, equivalent number n, top share 1/n."""
    figures = one_row(concentration.concentration_summary(revenues(*[250.0] * n)))
    assert figures.gini_index == pytest.approx(0, abs=1e-12)
    assert figures.herfindahl_index == pytest.approx(1 / n)
    assert figures.equivalent_customer_count == pytest.approx(n)
    assert figures.top_1_share == pytest.approx(1 / n)
    assert figures.top_10_share == pytest.approx(min(10, n) / n)


def test_closed_form_one_holder():
    """One customer with nearly everything among n: Gini → (n − 1)/n, HHI → 1."""
    figures = one_row(concentration.concentration_summary(revenues(1e12, *[1e-3] * 9)))
    assert figures.gini_index == pytest.approx(9 / 10, abs=1e-9)
    assert figures.herfindahl_index == pytest.approx(1, abs=1e-9)


def test_closed_form_gini_of_one_to_four():
    """Gini of 1, 2, 3, 4 is 1/4 (Σ(2i − n − 1)x = 10, n Σx = 40)."""
    assert one_row(
        concentration.concentration_summary(revenues(1, 2, 3, 4))
    ).gini_index == pytest.approx(0.25)


def test_abc_customer_that_crosses_a_cut_belongs_to_the_higher_class():
    classes = concentration.abc_classes(revenues(50, 30, 15, 4, 1)).order_by("rank").execute()
    assert list(classes.abc_class) == ["A", "A", "B", "C", "C"]
    classes = concentration.abc_classes(revenues(50, 29, 16, 4, 1)).order_by("rank").execute()
    assert list(classes.abc_class) == ["A", "A", "A", "C", "C"]


def test_customers_without_positive_revenue_are_left_out():
    table = moved([("a", 1, 10), ("b", 1, -4), ("c", 13, 5)])
    assert list(concentration.abc_classes(table).execute().customer_id) == ["a"]


def test_no_customer_is_unknown_not_zero():
    figures = one_row(concentration.concentration_summary(moved([]).filter(ibis.literal(False))))
    assert figures.isna().all()
    assert one_row(movement.movement_summary(moved([]))).isna().all()


amounts = st.floats(0.01, 1e6).map(lambda x: round(x, 2))


@settings(max_examples=30)
@given(st.lists(amounts, min_size=1, max_size=30), st.floats(0.1, 1000))
@pytest.mark.long
def test_laws_of_concentration(values, factor):
    """Bounds; invariant to scale and order; merging two customers never lowers HHI."""
    figures = one_row(concentration.concentration_summary(revenues(*values)))
    n = len(values)
    assert 1 / n - 1e-9 <= figures.herfindahl_index <= 1 + 1e-9
    assert -1e-9 <= figures.gini_index <= (n - 1) / n + 1e-9
    assert figures.top_1_share <= figures.top_5_share + 1e-12 <= figures.top_10_share + 2e-12
    other = one_row(
        concentration.concentration_summary(
            revenues(*(value * factor for value in reversed(values)))
        )
    )
    assert other.herfindahl_index == pytest.approx(figures.herfindahl_index, rel=1e-6)
    assert other.gini_index == pytest.approx(figures.gini_index, rel=1e-6, abs=1e-9)
    if n > 1:
        merged = one_row(
            concentration.concentration_summary(revenues(values[0] + values[1], *values[2:]))
        )
        assert merged.herfindahl_index >= figures.herfindahl_index - 1e-12


def test_lorenz_curve_ends_at_one_and_is_thinned():
    curve = concentration.lorenz_curve(revenues(*range(1, 1001)), points=50).execute()
    assert len(curve) <= 52
    assert tuple(curve.iloc[-1][["customer_share", "revenue_share"]]) == pytest.approx((1, 1))
    assert curve.revenue_share.is_monotonic_increasing


# --- movement


def test_statuses():
    """kept, lost, new, recovered as method §1 defines them;
    a credit note alone is not an activity.
    """
    table = moved(
        [
            ("kept", 1, 5),
            ("kept", 13, 5),
            ("lost", 14, 5),
            ("new", 0, 5),
            ("back", 11, 5),
            ("back", 30, 5),
            ("note", 2, -5),
            ("gone", 40, 5),
            ("new2", 1, 5),
            ("new2", 15, -3),
        ]
    )
    status = dict(table.select("customer_id", "status").execute().fillna("-").to_numpy())
    assert status == {
        "kept": "kept",
        "lost": "lost",
        "new": "new",
        "back": "recovered",
        "note": "-",
        "gone": "-",
        "new2": "new",
    }


def test_small_portfolio_worked_by_hand():
    """Worked by hand: 4 opening customers, 1 lost, 1 new, 1 recovered."""
    table = moved(
        [
            ("a", 1, 120),
            ("a", 13, 100),
            ("b", 1, 60),
            ("b", 13, 100),
            ("c", 13, 50),
            ("d", 1, 50),
            ("d", 13, 50),
            ("e", 1, 30),
            ("f", 1, 20),
            ("f", 25, 10),
        ]
    )
    f = one_row(movement.movement_summary(table))
    assert (f.revenue, f.revenue_previous) == (280, 300)
    assert (
        f.kept_customer_count,
        f.lost_customer_count,
        f.new_customer_count,
        f.recovered_customer_count,
    ) == (3, 1, 1, 1)
    assert (f.retention_rate, f.attrition_rate) == (0.75, 0.25)
    assert (
        f.revenue_new,
        f.revenue_recovered,
        f.revenue_expansion,
        f.revenue_contraction,
        f.revenue_lost,
    ) == (30, 20, 20, 40, 50)
    assert f.gross_revenue_retention == pytest.approx((100 + 60 + 50) / 300)
    assert f.net_revenue_retention == pytest.approx(230 / 300)
    assert f.quick_ratio == pytest.approx(70 / 90)


cells = st.tuples(
    st.sampled_from("abcdef"),
    st.integers(0, 35),
    st.integers(-20_000, 50_000).map(lambda cents: cents / 100),
)


@settings(max_examples=40)
@given(st.lists(cells, min_size=1, max_size=25, unique_by=lambda cell: cell[:2]))
@pytest.mark.long
def test_laws_of_movement(rows):
    """The bridge adds up to the cent, retention + attrition = 1, GRR ≤ 1 and ≤ NRR,
    the counts add up.
    """
    table = moved(rows)
    f = one_row(movement.movement_summary(table))
    total = (
        f.revenue_previous
        + f.revenue_new
        + f.revenue_recovered
        + f.revenue_expansion
        - f.revenue_contraction
        - f.revenue_lost
    )
    assert total == pytest.approx(f.revenue, abs=0.005)
    bridge = movement.revenue_bridge(table).execute()
    assert bridge.amount[:-1].sum() == pytest.approx(bridge.amount.iloc[-1], abs=0.005)
    assert f.kept_customer_count + f.lost_customer_count == f.active_customer_count_previous
    assert (
        f.kept_customer_count + f.new_customer_count + f.recovered_customer_count
        == f.active_customer_count
    )
    if f.active_customer_count_previous:
        assert f.retention_rate + f.attrition_rate == pytest.approx(1, abs=1e-15)
        assert f.retention_rate == pytest.approx(
            (f.active_customer_count - f.new_customer_count - f.recovered_customer_count)
            / f.active_customer_count_previous
        )
    else:
        assert math.isnan(f.retention_rate)
    if not math.isnan(f.gross_revenue_retention):
        assert f.gross_revenue_retention <= 1 + 1e-12


@settings(max_examples=20)
@given(
    st.lists(
        st.tuples(st.sampled_from("abcd"), st.integers(0, 23), st.integers(1, 500)),
        min_size=1,
        max_size=15,
        unique_by=lambda c: c[:2],
    )
)
@pytest.mark.long
def test_law_swapping_the_periods_flips_the_gaps(rows):
    swapped = [(customer, (month + 12) % 24, revenue) for customer, month, revenue in rows]
    f, g = (one_row(movement.movement_summary(moved(cells))) for cells in (rows, swapped))
    assert g.revenue - g.revenue_previous == pytest.approx(f.revenue_previous - f.revenue)
    assert g.revenue_lost == pytest.approx(f.revenue_new)
    assert g.revenue_expansion == pytest.approx(f.revenue_contraction)


def test_monthly_revenue_pairs_the_same_months():
    cube = cube_from([("a", 0, 5), ("a", 12, 3), ("b", 11, 7), ("b", 30, 9)])
    months = movement.monthly_revenue(cube, PERIODS, dt.date(2022, 6, 1)).execute()
    assert list(months.audit_month) == list(range(11, -1, -1))
    assert (list(months.revenue), list(months.revenue_previous)) == (
        [7] + [0] * 10 + [5],
        [0] * 11 + [3],
    )


def test_months_that_were_not_given_whole_are_unknown():
    months = movement.monthly_revenue(
        cube_from([("a", 0, 5), ("a", 13, 3)]), PERIODS, dt.date(2023, 11, 5)
    ).execute()
    assert list(months.revenue_previous.isna()) == [True] * 10 + [False, False]
    assert (
        movement.monthly_revenue(cube_from([]), PERIODS, None)
        .execute()
        .revenue_previous.isna()
        .all()
    )


def test_months_are_calendar_months_when_the_audit_ends_one():
    """As of 30 June, a sale of 31 May is a sale of May."""
    cells = ibis.memtable(
        {
            "audit_month": [0, 1],
            "month": [dt.date(2024, 6, 1), dt.date(2024, 5, 1)],
            "revenue": [7.0, 1000.0],
        },
        schema={"audit_month": "int64", "month": "date", "revenue": "float64"},
    )
    months = movement.monthly_revenue(
        cells, Periods(dt.date(2024, 6, 30)), dt.date(2020, 1, 1)
    ).execute()
    assert list(months.revenue[-2:]) == [1000, 7]


def test_months_of_a_year_to_date():
    periods = Periods(dt.date(2024, 5, 15), "year_to_date", 1)
    months = movement.monthly_revenue(
        cube_from([("a", 0, 5)]), periods, dt.date(2023, 1, 1)
    ).execute()
    assert months.revenue_previous.notna().all(), (
        "sales that start with the previous period cover its first days"
    )
    assert list(months.audit_month) == [4, 3, 2, 1, 0], (
        "15 January to 15 May, and the days before 15 January"
    )


# --- baskets, journey


def orders_from(rows):
    frame = pd.DataFrame(rows, columns=["customer_id", "order_id", "date", "revenue"])
    return ibis.memtable(
        frame.assign(date=pd.to_datetime(frame.date)),
        schema={
            "customer_id": "string",
            "order_id": "string",
            "date": "date",
            "revenue": "float64",
        },
    )


def test_basket_bands_hold_every_order_once():
    orders = orders_from(
        [("a", str(i), "2024-06-01", value) for i, value in enumerate([5, 10, 19.99, 20, 500])]
    )
    bands = baskets.basket_bands(orders, [10, 20]).execute()
    assert [tuple(row) for row in bands[["band", "order_count", "revenue"]].to_numpy()] == [
        (0, 1, 5),
        (1, 2, 29.99),
        (2, 2, 520),
    ]
    assert bands.order_share.sum() == pytest.approx(1)
    assert math.isnan(bands.low[0]) and math.isnan(bands.high[2])


def test_purchase_summary():
    """3 active customers with 1, 2 and 3 orders: frequency 2, median 2, one-timers 1/3, repeat 2/3,
    basket = revenue ÷ 6.
    """
    f = one_row(
        baskets.purchase_summary(
            moved(
                [
                    ("a", 1, 10),
                    ("b", 1, 10),
                    ("b", 2, 10),
                    ("c", 1, 10),
                    ("c", 2, 10),
                    ("c", 3, 10),
                    ("c", 4, -6),
                ]
            )
        )
    )
    assert (f.order_count, f.average_basket, f.purchase_frequency, f.purchase_frequency_median) == (
        6,
        9,
        2,
        2,
    )
    assert (f.one_timer_rate, f.repeat_customer_rate, f.repeat_customer_count) == (
        pytest.approx(1 / 3),
        pytest.approx(2 / 3),
        2,
    )


def test_drop_off_counts_only_newcomers_who_had_the_time():
    rows = [
        # the book starts here: not a newcomer
        ("old", "1", "2023-01-01", 1),
        ("old", "2", "2023-01-02", 1),
        # went on after 30 days, then stopped
        ("a", "1", "2023-09-01", 1),
        ("a", "2", "2023-10-01", 1),
        ("b", "1", "2023-09-01", 1),
        ("b", "2", "2024-09-01", 1),  # came back, too late
        ("c", "1", "2024-12-01", 1),  # has not had the time
    ]
    steps = baskets.order_drop_off(orders_from(rows), AS_OF).execute()
    assert [
        tuple(row)
        for row in steps[["step", "customer_count", "continued_count", "continued_rate"]].to_numpy()
    ] == [
        (1, 2, 1, 0.5),
        (2, 1, 0, 0),
    ]
    assert steps.median_days[0] == 30


# --- segments


def activity_from(rows):
    frame = pd.DataFrame(
        rows, columns=["customer_id", "days_since_last_order", "order_count", "revenue"]
    )
    return ibis.memtable(frame)


def test_rfm_quintiles_of_evenly_spread_customers():
    """100 customers on ranks 1 to 100: 20 in each score on each axis, the most recent get 5."""
    scores = segments.rfm_scores(
        activity_from([(f"{i:03}", i, 101 - i, float(i)) for i in range(1, 101)])
    ).execute()
    for axis in ("recency_score", "frequency_score", "monetary_score"):
        assert list(scores[axis].value_counts().sort_index()) == [20] * 5
    best = scores[scores.customer_id == "001"].iloc[0]
    assert (best.recency_score, best.frequency_score, best.monetary_score, best.segment) == (
        5,
        5,
        1,
        "champions",
    )


def test_equal_customers_get_equal_scores():
    scores = segments.rfm_scores(activity_from([(str(i), 3, 1, 10.0) for i in range(9)])).execute()
    assert (
        scores[["recency_score", "frequency_score", "monetary_score"]].drop_duplicates().shape[0]
        == 1
    )


def test_segments_hold_every_customer():
    activity = activity_from([(str(i), i * 7 % 50, i * 13 % 9, i * 3.5) for i in range(60)])
    by_segment = segments.rfm_segments(segments.rfm_scores(activity)).execute()
    assert by_segment.customer_count.sum() == 60
    assert set(by_segment.segment) <= set(segments.SEGMENTS)
    assert segments.rfm_matrix(segments.rfm_scores(activity)).execute().customer_count.sum() == 60


def test_cut_points_are_the_quantiles():
    cuts = segments.rfm_cut_points(
        activity_from([(str(i), i, i, float(i)) for i in range(1, 102)])
    ).execute()
    assert list(cuts.revenue) == pytest.approx([21, 41, 61, 81])


# --- progression


@settings(max_examples=20)
@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 23), st.integers(1, 500)),
        min_size=1,
        max_size=20,
        unique_by=lambda c: c[:2],
    )
)
@pytest.mark.long
def test_law_both_effects_add_up_to_the_gap_and_flip_with_the_periods(rows):
    forward = progression.purchase_progression(moved(rows)).execute().set_index("customer_id")
    assert np.allclose(forward.frequency_effect + forward.basket_effect, forward.sales_gap)
    swapped = [(customer, (month + 12) % 24, revenue) for customer, month, revenue in rows]
    backward = (
        progression.purchase_progression(moved(swapped))
        .execute()
        .set_index("customer_id")
        .reindex(forward.index)
    )
    assert np.allclose(backward.frequency_effect, -forward.frequency_effect)


# --- exposure


def test_revenue_without_the_largest():
    left = exposure.revenue_without_top(revenues(50, 30, 15, 5)).execute()
    assert list(left.revenue_left) == [50, 5, 0]
    assert list(left.share) == pytest.approx([0.5, 0.95, 1])
    assert list(left.customer_count) == [1, 3, 4]
    share = exposure.revenue_without_top(moved([("a", 1, 60), ("b", 1, -55)])).execute().share
    assert list(share) == [1, 1, 1], "of positive customer revenue, as top_n_share"


def test_revenue_by_salesperson_sums_to_all():
    customers = ibis.memtable(
        {"customer_id": ["c000", "c001", "c002"], "salesperson": ["x", "x", None]}
    )
    held = exposure.revenue_by_salesperson(revenues(10, 20, 30), customers).execute()
    assert held.revenue.sum() == 60
    assert dict(held.fillna("-")[["salesperson", "revenue"]].to_numpy()) == {"x": 30, "-": 30}


def test_contact_exposure():
    sales = ibis.memtable(
        {
            "customer_id": list("aabb"),
            "date": pd.to_datetime(["2024-06-01"] * 3 + ["2022-01-01"]),
            "amount": [1.0, 2.0, 4.0, 9.0],
            "contact": ["x", "y", "z", "t"],
        }
    )
    table = exposure.contact_exposure(sales.mutate(date=sales.date.cast("date")), PERIODS).execute()
    assert [
        tuple(row) for row in table[["contact_count", "customer_count", "revenue"]].to_numpy()
    ] == [(1, 1, 4), (2, 1, 3)]


# --- intervals


def test_wilson_published_newcombe_1998():
    """R. G. Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3:
    81/263, 15/148, 0/20, 1/29.
    """
    published = pd.read_csv(ROOT / "tests" / "golden" / "wilson_newcombe_1998.csv")
    assert len(published) == 4
    for row in published.itertuples():
        assert intervals.wilson_interval(row.successes, row.trials) == pytest.approx(
            (row.low, row.high), abs=5e-5
        )


def test_wilson_of_nobody_is_unknown():
    assert all(map(math.isnan, intervals.wilson_interval(0, 0)))
    assert all(map(math.isnan, intervals.wilson_interval(None, None)))


def test_half_life_of_the_quoted_figure():
    """Half in 5 years is 12.94 % a year (1 − ½^(1/5))."""
    assert intervals.half_life_years(0.5 ** (1 / 5)) == pytest.approx(5)
    assert intervals.half_life_years(0.5) == 1
    assert (
        math.isnan(intervals.half_life_years(1))
        and math.isnan(intervals.half_life_years(0))
        and math.isnan(intervals.half_life_years(float("nan")))
    )


def test_bootstrap_of_a_total_matches_its_standard_error():
    """For many customers the 95 % interval of a sum is Σ ± 1.96 √n σ (central limit theorem)."""
    rng = np.random.default_rng(3)
    values = rng.normal(2, 10, 4000)
    low, high = intervals.bootstrap_total(values)
    half = 1.96 * math.sqrt(4000) * values.std()
    assert (low, high) == pytest.approx(
        (values.sum() - half, values.sum() + half), rel=0.02, abs=half * 0.1
    )


@pytest.mark.long
def test_bootstrap_coverage_by_simulation():
    """The interval holds the true total (0) in about 95 of 100 portfolios;
    within binomial noise at 200 portfolios.
    """
    rng = np.random.default_rng(11)
    held = 0
    for _ in range(200):
        low, high = intervals.bootstrap_total(rng.normal(0, 100, 60), resamples=400)
        held += low <= 0 <= high
    assert 0.90 <= held / 200 <= 0.99


@pytest.mark.parametrize("spread", [0.5, 2.5])  # of log-normal values: even, and a few very large
def test_a_sum_over_many_customers_has_the_interval_of_draws_one_by_one(spread):
    """Of many values in groups; against samples drawn value by value, with another seed."""
    rng = np.random.default_rng(5)
    values = rng.lognormal(3, spread, 24_000) * np.where(rng.random(24_000) < 0.4, 1, -1)
    low, high = intervals.bootstrap_total(values)
    plain = [rng.choice(values, size=len(values)).sum() for _ in range(1500)]
    ends = np.quantile(plain, [0.025, 0.975])
    width = ends[1] - ends[0]
    assert low == pytest.approx(ends[0], abs=0.07 * width)
    assert high == pytest.approx(ends[1], abs=0.07 * width)
    assert high - low == pytest.approx(width, rel=0.08)


def test_bootstrap_of_few_customers_is_unknown():
    assert all(map(math.isnan, intervals.bootstrap_total(np.array([1.0] * 7))))
