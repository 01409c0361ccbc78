"""Indicators over periods: the golden table of the deck end to end, closed forms, laws."""

import csv
import datetime as dt
import json
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pytest
from carnet.book.book import open_book
from carnet.customers import series
from carnet.customers.series import audit_series, period_series
from carnet.engagement.periods import Bucket, Periods, buckets
from carnet.measures.costs import costs
from carnet.measures.indicators import kpi, objectives
from carnet.measures.indicators.control_limits import (
    LIMIT_FACTOR,
    control_limits,
    without_season,
    yearly_noise,
)
from carnet.measures.portfolio import growth, movement
from carnet.measures.retention import defection
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import ROOT, run_carnet, said_by

YEARS = ("2016", "2017", "2018", "2019")
GOLDEN = list(csv.DictReader((ROOT / "tests" / "golden" / "deck_kpi.csv").open(encoding="utf-8")))


@pytest.fixture(scope="session")
def deck_report(tmp_path_factory):
    # what yearly totals fill; test_awkward_books runs all on such a book
    notebooks = ("-n", "cost_structure", "-n", "kpi_tracking")
    done = run_carnet(
        "run",
        ROOT / "data" / "deck",
        *notebooks,
        "--out",
        tmp_path_factory.mktemp("deck"),
        kernels=False,
    )
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="session")
def deck_list(deck_report):
    listed = pd.read_csv(deck_report / "lists" / "kpi.csv", dtype={"period": str})
    assert list(listed.columns[:6]) == ["measure", "definition", "period", "value", "low", "high"]
    return listed.set_index(["measure", "definition", "period"]).value


@pytest.mark.parametrize("row", GOLDEN, ids=lambda row: row["row"])
def test_golden_table_of_the_deck(deck_list, row):
    """Method of the workbook §3, source D: every cell in lists/kpi.csv of a report made from yearly
    totals alone, to 5 significant figures.
    """
    percent = 100 if "%" in row["row"] else 1
    for year in YEARS:
        found = deck_list.get((row["measure"], row["definition"], year))
        if row[year] == "":
            assert found is None, (year, found)
            continue
        decimals = len(row[year].partition(".")[2])
        five_figures = 0.5 * 10 ** (np.floor(np.log10(max(abs(float(row[year])), 1e-9))) - 4)
        printed = 0.5 * 10**-decimals if decimals else 0  # the table itself is rounded
        assert found * percent == pytest.approx(
            float(row[year]), abs=max(five_figures, printed) * 1.0001, rel=0
        ), year


def test_what_the_deck_never_shows(deck_report):
    """2019: revenue grows by 50 %, profit falls by 76 %; the extra 400,007 € of sales cost
    421,742 € (method §3).
    """
    page = said_by(deck_report, "cost_structure").replace("\u202f", " ").replace("\u00a0", " ")
    assert "400 007 €" in page and "421 742 €" in page
    figures = {
        name: figure["value"]
        for name, figure in json.loads((deck_report / "figures.json").read_text(encoding="utf-8"))[
            "figures"
        ].items()
    }
    assert figures["net_margin"] == 6790 and figures["net_margin"] / 28525 - 1 == pytest.approx(
        -0.76, abs=0.005
    )
    assert (figures["revenue"], figures["active_customer_count"], figures["retention_rate"]) == (
        1200002,
        15000,
        0.25,
    )
    assert figures["break_even_revenue"] == 61800 * 19 and figures["ltv_to_cac"] == pytest.approx(
        1.781, abs=5e-4
    )
    assert figures["fixed_cost"] + figures["acquisition_cost"] == 309000


def test_reconciliation_leads_from_8_to_1_8(deck_report):
    page = said_by(deck_report, "cost_structure")
    assert "8,1" in page and "1,8" in page and "106,67" in page.replace("\u00a0", " ")


# --- bases


def summary_of(rows):
    return pd.DataFrame(rows, columns=["period_start", "period_end", "measure", "value"])


def test_flows_add_up_over_months_and_counts_do_not():
    months = buckets(dt.date(2024, 1, 1), dt.date(2024, 12, 31), "month")
    rows = [
        (b.start, b.end, measure, value)
        for b in months
        for measure, value in (("revenue", 10), ("active_customer_count", 3))
    ]
    year = kpi.base_from_summary(
        summary_of(rows), buckets(dt.date(2024, 1, 1), dt.date(2024, 12, 31), "year")
    )
    assert year.revenue[0] == 120 and np.isnan(year.active_customer_count[0])
    holed = kpi.base_from_summary(
        summary_of(rows[2:]), buckets(dt.date(2024, 1, 1), dt.date(2024, 12, 31), "year")
    )
    assert np.isnan(holed.revenue[0]), "eleven months are not a year"


def test_months_and_quarters_of_one_year_do_not_count_twice():
    year = buckets(dt.date(2024, 1, 1), dt.date(2024, 12, 31), "year")
    parts = [
        (b, value)
        for grain, value in (("month", 10), ("quarter", 30))
        for b in buckets(dt.date(2024, 1, 1), dt.date(2024, 12, 31), grain)
    ]
    assert (
        kpi.base_from_summary(
            summary_of([(b.start, b.end, "revenue", value) for b, value in parts]), year
        ).revenue[0]
        == 120
    )
    overlapping = [
        (dt.date(2024, 1, 1), dt.date(2024, 6, 30), "revenue", 1),
        (dt.date(2024, 6, 30), dt.date(2024, 12, 30), "revenue", 1),
    ]
    assert np.isnan(kpi.base_from_summary(summary_of(overlapping), year).revenue[0])


def test_kept_and_lost_given_for_the_first_period_are_used():
    year = buckets(dt.date(2024, 1, 1), dt.date(2024, 12, 31), "year")
    counts = {"active_customer_count": 50, "kept_customer_count": 40, "lost_customer_count": 10}
    rows = [(year[0].start, year[0].end, name, value) for name, value in counts.items()]
    assert kpi.indicators(kpi.base_from_summary(summary_of(rows), year)).retention_rate[0] == 0.8


def test_previous_period_that_sales_do_not_cover_is_compared_with_nothing(make_engagement):
    months = [(2024, month) for month in range(9, 13)] + [(2025, month) for month in range(1, 13)]
    sales = [
        ["customer_id", "date", "amount"],
        *(["A", f"{year}-{month:02d}-10", "100"] for year, month in months),
    ]
    rent = [
        ["period_start", "period_end", "category", "amount", "behaviour"],
        ["2023-01-01", "2025-12-31", "rent", "900", "fixed"],
    ]
    audit = audit_series(
        open_book(make_engagement(tables={"sales": sales, "costs": rent}, as_of="2025-12-31"))
    )
    assert (
        np.isnan(audit.net_margin[0])
        and np.isnan(audit.revenue[0])
        and np.isnan(audit.revenue_growth_rate[1])
    )
    assert audit.net_margin[1] == pytest.approx(1200 - 900 * 365 / 1096)


def test_cost_line_over_several_periods_is_shared_out_by_days():
    lines = ibis.memtable(
        pd.DataFrame(
            {
                "period_start": [dt.date(2024, 1, 1)],
                "period_end": [dt.date(2024, 3, 31)],
                "category": ["rent"],
                "amount": [910.0],
                "behaviour": ["fixed"],
            }
        ),
        schema={
            "period_start": "date",
            "period_end": "date",
            "category": "string",
            "amount": "float64",
            "behaviour": "string",
        },
    )
    months = buckets(dt.date(2024, 1, 1), dt.date(2024, 3, 31), "month")
    # 91 days at 10 each
    assert costs.costs_by_bucket(lines, months).execute().amount.tolist() == [310.0, 290.0, 310.0]


def test_costs_of_a_period_that_was_not_given_are_unknown_not_zero():
    lines = pd.DataFrame(
        {"bucket": [1], "behaviour": ["fixed"], "category": ["rent"], "amount": [30.0]}
    )
    row = costs.cost_changes(lines, [False, True]).iloc[0]
    assert row.cost == 30 and np.isnan(row.cost_previous) and np.isnan(row.cost_change)
    assert costs.cost_changes(lines, [True, True]).iloc[0].cost_change == 30


def test_periods_before_the_first_sale_are_unknown_not_zero():
    counted = pd.DataFrame(
        {"bucket": [2], "revenue": [5.0], "order_count": [1], "active_customer_count": [1]}
    )
    periods = [Bucket(str(i), dt.date(2000 + i, 1, 1), dt.date(2000 + i, 12, 31)) for i in range(4)]
    base = kpi.base_from_sales(counted, periods)
    assert base.revenue.isna().tolist() == [True, True, False, False] and base.revenue[3] == 0


def test_unclassified_cost_leaves_break_even_unknown_and_the_net_margin_known():
    base = kpi.empty_base([Bucket("a", dt.date(2024, 1, 1), dt.date(2024, 12, 31))]).assign(
        revenue=100.0
    )
    lines = pd.DataFrame(
        {
            "bucket": [0, 0],
            "behaviour": ["fixed", None],
            "category": ["rent", "?"],
            "amount": [30.0, 20.0],
        }
    )
    year = kpi.indicators(kpi.with_costs(base, lines, [True])).iloc[0]
    assert year.net_margin == 50 and np.isnan(year.break_even_revenue) and np.isnan(year.fixed_cost)
    unknown = kpi.indicators(kpi.with_costs(base, lines, [False])).iloc[0]
    assert np.isnan(unknown.net_margin), (
        "cost lines that do not cover the period tell nothing of it"
    )


def test_costs_without_a_variable_line_take_the_cost_of_goods(make_engagement):
    """Sales of 100 that cost 60, a rent of 30 and no other cost: 40 of margin, 10 of result,
    break-even at 30 ÷ 0.4 = 75.
    """
    sales = [
        ["customer_id", "date", "amount", "cost"],
        ["A", "2023-01-01", "9", "6"],
        ["A", "2024-03-01", "100", "60"],
    ]
    rent = [
        ["period_start", "period_end", "category", "amount", "behaviour"],
        ["2023-01-01", "2023-12-31", "rent", "30", "fixed"],
        ["2024-01-01", "2024-12-31", "rent", "30", "fixed"],
    ]
    year = series.audit_series(
        open_book(make_engagement(tables={"sales": sales, "costs": rent}, as_of="2024-12-31"))
    ).iloc[-1]
    assert (year.gross_margin, year.net_margin, year.break_even_revenue) == pytest.approx(
        (40, 10, 75)
    )


def test_periods_of_sales_follow_the_definitions(make_engagement):
    """A is kept, B lost, C recovered after a year away, D new: counted by hand."""
    rows = [
        ["customer_id", "date", "amount"],
        ["A", "2021-02-01", "10"],
        ["C", "2021-03-01", "5"],
        ["C", "2021-04-01", "5"],
        ["B", "2022-05-01", "20"],
        ["B", "2022-06-01", "20"],
        ["A", "2022-06-01", "10"],
        ["A", "2023-01-15", "40"],
        ["A", "2023-02-15", "40"],
        ["C", "2023-07-01", "5"],
        ["D", "2023-12-31", "7"],
    ]
    years = period_series(
        open_book(make_engagement(tables={"sales": rows}, as_of="2023-12-31")), "year"
    ).set_index("label")
    now = years.loc["2023"]
    assert (
        now.active_customer_count,
        now.kept_customer_count,
        now.new_customer_count,
        now.recovered_customer_count,
    ) == (3, 1, 1, 1)
    assert (
        now.lost_customer_count,
        now.retention_rate,
        now.retention_rate_deck,
        now.repeat_customer_count,
    ) == (1, 0.5, 1.0, 1)
    assert years.complete.tolist() == [True, True, True]


def test_incomplete_periods_are_marked_and_compared_with_nothing(make_engagement):
    rows = [
        ["customer_id", "date", "amount"],
        *(["A", f"{year}-{month:02d}-10", "10"] for year in (2022, 2023) for month in range(4, 13)),
    ]
    book = open_book(
        make_engagement(tables={"sales": [*rows, ["A", "2024-02-10", "10"]]}, as_of="2024-02-29")
    )
    years = period_series(book, "year")
    assert years.complete.tolist() == [False, True, False]
    assert (
        years.revenue_growth_rate.isna().all()
        and years.retention_rate.isna().all()
        and years.lost_customer_count.isna().all()
    )
    assert years.new_customer_count.isna().all(), (
        "who is new is known of a whole year after a whole one"
    )


def test_summary_fills_the_years_before_the_sales(make_engagement):
    sales = [
        ["customer_id", "date", "amount"],
        *(["A", f"2024-{month:02d}-10", "10"] for month in range(6, 13)),
        ["A", "2025-01-05", "1"],
        ["A", "2025-12-31", "1"],
    ]
    totals = [
        ["period_start", "period_end", "measure", "value"],
        ["2023-01-01", "2023-12-31", "revenue", "90"],
        ["2024-01-01", "2024-12-31", "revenue", "120"],
    ]
    years = period_series(
        open_book(make_engagement(tables={"sales": sales, "summary": totals})), "year"
    )
    assert years.revenue.tolist() == [90, 120, 2], (
        "a year that the sales hold in part is taken from the summary that holds it whole"
    )
    assert years.complete.tolist() == [True, True, True]


@pytest.mark.long
def test_indicators_of_a_book_agree_between_grains(demo_book):
    years, quarters, months = (
        period_series(demo_book, grain) for grain in ("year", "quarter", "month")
    )
    for name in (
        "revenue",
        "order_count",
        "quantity",
        "fixed_cost",
        "variable_cost",
        "acquisition_cost",
        "net_margin",
    ):
        assert quarters[name].to_numpy().reshape(3, 4).sum(axis=1) == pytest.approx(
            years[name].to_numpy()
        )
        assert months[name].to_numpy().reshape(3, 12).sum(axis=1) == pytest.approx(
            years[name].to_numpy()
        )
    assert audit_series(demo_book).iloc[1].net_margin == pytest.approx(years.net_margin.iloc[-1])


# --- laws

amounts = st.floats(0.01, 1e6)


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(0, 6), st.integers(0, 47), st.integers(-1, 3)),
        min_size=1,
        max_size=60,
    ),
    st.integers(23, 47),
)
@pytest.mark.long
def test_law_the_year_up_to_any_month_moves_customers_as_their_movement_does(cells, end):
    """The counts of a year told by the series are those of `movement.customer_movement` at its last
    day, whoever is not due told apart; of a month with −1 orders there is a credit note alone, with
    0 the last line of an earlier order.
    """
    frame = pd.DataFrame(cells, columns=["customer_id", "position", "orders"]).drop_duplicates(
        ["customer_id", "position"]
    )
    days = pd.Series([dt.date(2020 + p // 12, p % 12 + 1, 1) for p in frame.position])
    frame, bought = frame.reset_index(drop=True), frame.orders.to_numpy() >= 0
    cube = pd.DataFrame(
        dict(
            customer_id=frame.customer_id.astype(str),
            position=frame.position,
            month=days,
            revenue=np.where(bought, 1.0, -1.0),
            order_count=frame.orders.clip(lower=0),
            positive_line_count=bought.astype(int),
            first_date=days.where(bought, None),
            last_date=days.where(bought, None),
            audit_month=end - frame.position,
        )
    )
    in_year = frame[(frame.position <= end) & (frame.position > end - 12) & bought]
    twice = (in_year.groupby("customer_id").orders.sum() >= 2).sum()
    began = frame.orders > 0
    orders = cube.loc[began, ["customer_id", "position"]].assign(date=days[began])
    dates = {"month": "date", "first_date": "date", "last_date": "date", "date": "date"}
    cube, orders = (
        ibis.memtable(
            t,
            schema={
                c: dates.get(
                    c, "string" if c == "customer_id" else "float64" if c == "revenue" else "int64"
                )
                for c in t
            },
        )
        for t in (cube, orders)
    )
    usual = defection.usual_interval_days(orders.filter(orders.position <= end)).execute()
    counted = kpi.yearly_movement(
        cube,
        orders,
        [end],
        usual,
        (frame[(frame.position <= end) & began].groupby("customer_id").size() > 1).sum(),
    ).execute()
    as_of = dt.date(2020 + end // 12, end % 12 + 1, 28)
    past = cube.filter(cube.position <= end)
    moved = movement.customer_movement(
        past, Periods(as_of, cut=31), defection.order_rhythm(orders, as_of)
    )
    told = movement.movement_summary(moved).execute().iloc[0]
    row = counted.iloc[0] if len(counted) else dict.fromkeys(kpi.COUNTED_YEARLY, 0)
    if told.isna().kept_customer_count:  # nobody had come by then
        return
    for name in ("kept", "lost", "new", "recovered", "not_due"):
        assert row[f"{name}_customer_count"] == told[f"{name}_customer_count"], name
    assert row["year_active_customer_count"] == told.active_customer_count
    assert row["repeat_customer_count"] == twice


def test_every_gap_between_two_months_with_an_order():
    """30 customers ordered in month 0 and again 1, 2, … 30 months later: counted month by month, by
    the words of the definition.
    """
    bought = {str(gap): (0, gap) for gap in range(1, 31)}
    rows = [(customer, month) for customer, months in bought.items() for month in months]
    t = pd.DataFrame(rows, columns=["customer_id", "position"])
    cube = ibis.memtable(t.assign(positive_line_count=1, order_count=1))
    day = pd.Timestamp(2020, 1, 1)
    orders = ibis.memtable(t.assign(date=[day + pd.DateOffset(months=m) for m in t.position]))
    orders = orders.mutate(date=orders.date.cast("date"))
    ends = list(range(62))
    found = kpi.yearly_movement(cube, orders, ends, None, 0).execute().set_index("position")
    for end in ends:
        year = {c: [m for m in months if end - 12 < m <= end] for c, months in bought.items()}
        now = {c for c, months in year.items() if months}
        before = {
            c for c, months in bought.items() if any(end - 24 < m <= end - 12 for m in months)
        }
        old = {c for c, months in bought.items() if any(m <= end - 12 for m in months)}
        told = {
            "year_active": now,
            "repeat": {c for c, months in year.items() if len(months) > 1},
            "kept": now & before,
            "recovered": (now & old) - before,
            "new": now - old,
            "lost": before - now,
            "not_due": set(),
        }
        row = found.loc[end] if end in found.index else dict.fromkeys(found.columns, 0)
        counted = {name: row[f"{name}_customer_count"] for name in told}
        assert counted == {name: len(customers) for name, customers in told.items()}, end


@pytest.mark.long
def test_movements_add_up_in_every_year(demo_book):
    for grain in ("year", "quarter", "month"):
        t = period_series(demo_book, grain).dropna(subset=["kept_customer_count"])
        assert len(t) > 1
        assert (
            t.kept_customer_count + t.new_customer_count + t.recovered_customer_count
            == t.year_active_customer_count
        ).all()
        assert (t.kept_customer_count + t.lost_customer_count == t.opening_customer_count).all()
        assert np.allclose(t.retention_rate + t.attrition_rate, 1)
        same = t[t.end == dt.date(2025, 12, 31)].iloc[0]
        year = period_series(demo_book, "year").iloc[-1]
        for name in (
            *kpi.COUNTED_YEARLY,
            "retention_rate",
            "lifetime_deck",
            "ltv_gross_margin",
            "cac_standard",
            "repeat_customer_rate",
        ):
            assert same[name] == pytest.approx(year[name]), (
                f"{grain}: the year up to December is the year, {name}"
            )


@settings(max_examples=60)
@given(amounts, amounts, amounts, amounts)
@pytest.mark.long
def test_break_even_is_where_the_margin_pays_the_fixed_costs(revenue, variable, fixed, acquisition):
    base = kpi.empty_base([Bucket("a", dt.date(2024, 1, 1), dt.date(2024, 12, 31))])
    base = base.assign(
        revenue=revenue,
        variable_cost=variable,
        fixed_cost=fixed,
        acquisition_cost=acquisition,
        total_cost=variable + fixed + acquisition,
    )
    year = kpi.indicators(base).iloc[0]
    if variable >= revenue:
        assert np.isnan(year.break_even_revenue)
    elif variable < 0.999 * revenue:  # closer, the margin is a difference of nearly equal floats
        assert year.break_even_revenue * (1 - variable / revenue) == pytest.approx(
            fixed + acquisition, rel=1e-6
        )
        assert (year.safety_margin_rate > 0) == (year.net_margin > 0) or abs(
            year.net_margin
        ) < 1e-6 * (revenue + fixed + acquisition)


@settings(max_examples=60)
@given(*[amounts] * 6)
def test_growth_decomposition_adds_up_and_flips(c0, f0, b0, c1, f1, b1):
    before, after = (
        pd.Series(dict(zip(growth.FACTORS, values, strict=True)))
        for values in ((c0, f0, b0), (c1, f1, b1))
    )
    there, back = (
        growth.growth_decomposition(before, after),
        growth.growth_decomposition(after, before),
    )
    scale = max(c0, c1) * max(f0, f1) * max(b0, b1)  # the sums pass through mixed products
    assert there.effect.sum() == pytest.approx(c1 * f1 * b1 - c0 * f0 * b0, abs=1e-9 * scale)
    assert np.allclose(there.effect, -back.effect, atol=1e-9 * scale)


# --- control limits


def test_xmr_constant_is_wheelers():
    """D. J. Wheeler, Understanding Variation: 3 ÷ d2 with d2 = 1.128 for ranges of two,
    published as 2.66.
    """
    assert LIMIT_FACTOR == 2.66 == round(3 / 1.128, 2)


def test_xmr_limits_and_signals():
    limits = control_limits(pd.Series([10.0, 12.0, 11.0, 13.0, 30.0, np.nan, 12.0]))
    assert limits["mean"].iloc[0] == pytest.approx(88 / 6)
    ranges = (2 + 1 + 2 + 17 + 18) / 5
    assert limits.high.iloc[0] == pytest.approx(88 / 6 + 2.66 * ranges) and limits.low.iloc[
        0
    ] == pytest.approx(88 / 6 - 2.66 * ranges)
    assert set(control_limits(pd.Series([1.0, 1.1] * 12 + [9.0])).signal.tail(1)) == {"above"}
    run = control_limits(
        pd.Series(
            [1.0, 1.2, 0.9, 1.1, 1.0, 1.3, 0.8, 1.1, *[1.6, 1.5, 1.7, 1.6, 1.5, 1.6, 1.7, 1.5]]
        )
    )
    assert (run.signal == "run").sum() == 16, "eight on each side of the mean"
    assert control_limits(pd.Series([5.0])).high.isna().all()


def test_yearly_noise_covers_the_change_of_sums():
    """With nothing changed, ± 1.96 √2 noise holds the difference of two years
    about 95 % of the time.
    """
    rng, inside = np.random.default_rng(7), 0
    for _ in range(1500):
        months = pd.Series(rng.normal(100, 10, 24))
        change = months[12:].sum() - months[:12].sum()
        inside += abs(change) <= 1.96 * np.sqrt(2) * yearly_noise(months[12:])
    assert 0.90 <= inside / 1500 <= 0.975
    assert np.isnan(yearly_noise(pd.Series(range(11))))


# --- objectives


@pytest.mark.parametrize(
    ("value", "interval", "target", "baseline", "due", "status"),
    [
        # half-way from the start of 2024: 0.85 is due
        (0.90, (0.88, 0.92), 0.90, 0.80, "2025-12-31", "on track"),
        (0.82, (0.80, 0.84), 0.90, 0.80, "2025-12-31", "off track"),
        (0.86, (0.82, 0.89), 0.90, 0.80, "2025-12-31", "too noisy"),
        (0.10, (0.08, 0.12), 0.10, 0.20, "2025-12-31", "on track"),  # a rate that should fall
        (0.19, (0.17, 0.21), 0.10, 0.20, "2025-12-31", "off track"),
        (50.0, None, 60.0, 40.0, "2024-12-31", "off track"),
        (60.0, None, 60.0, None, "2024-12-31", "on track"),
        (float("nan"), None, 60.0, 40.0, "2025-12-31", "not measured"),
    ],
)
def test_objective_status(value, interval, target, baseline, due, status):
    from carnet.engagement.file import Target

    goal = Target(
        measure="retention_rate",
        baseline=baseline,
        target=target,
        due=dt.date.fromisoformat(due),
        owner=None,
        start=dt.date(2023, 12, 31) if baseline else None,
    )
    intervals = {"retention_rate": interval} if interval else {}
    row = objectives.target_progress(
        [goal],
        {"retention_rate": value},
        intervals,
        pd.DataFrame({"end": []}),
        dt.date(2024, 12, 31),
    ).iloc[0]
    assert row.status == status
    if due == "2025-12-31" and value == value:
        assert row.required == pytest.approx(baseline + (target - baseline) / 2, abs=1e-3)
        done = value >= target if baseline < target else value <= target
        assert (
            np.isnan(row.pace_needed)
            if done
            else row.pace_needed == pytest.approx(target - value, rel=2e-3)
        )


def progress_of(value=float("nan"), due="2025-12-31", years=None, **keys):
    from carnet.engagement.file import Target

    goal = Target(
        **{"measure": "fixed_cost", "target": 3000.0, "due": dt.date.fromisoformat(due)} | keys
    )
    given_years = pd.DataFrame({"end": []}) if years is None else years
    return objectives.target_progress(
        [goal], {goal.measure: value}, {}, given_years, dt.date(2024, 12, 31)
    ).iloc[0]


def test_objective_without_baseline_takes_the_good_direction_of_its_measure():
    assert (
        progress_of(12_000.0).status == "not judged" and progress_of(2_000.0).status == "on track"
    )
    assert progress_of(0.3, measure="retention_rate", target=0.5).status == "not judged", (
        "no line from anywhere before it is due"
    )
    assert (
        progress_of(0.3, measure="retention_rate", target=0.5, due="2024-12-31").status
        == "off track"
    )


def test_objective_is_judged_from_the_day_of_its_baseline():
    """From 80 % on the last day of 2023 to 90 % at the end of 2026:
    a third of the way after a year, whatever day the audit has; without its day, none.
    """
    keys = {"measure": "retention_rate", "baseline": 0.80, "target": 0.90, "due": "2026-12-31"}
    assert progress_of(0.85, start=dt.date(2023, 12, 31), **keys).required == pytest.approx(
        0.80 + 0.10 * 366 / 1096
    )
    assert progress_of(0.85, start=dt.date(2023, 12, 31), **keys).status == "on track"
    undated = progress_of(0.85, **keys)
    assert np.isnan(undated.required) and undated.status == "not judged"


def test_expired_objective_is_judged_on_the_year_it_was_due():
    years = pd.DataFrame(
        {"end": [dt.date(2023, 12, 31), dt.date(2024, 12, 31)], "fixed_cost": [2900.0, 9000.0]}
    )
    assert progress_of(9000.0, due="2023-12-31", years=years).status == "on track"
    assert progress_of(9000.0, due="2023-06-30", years=years).status == "not measured"


def test_sums_of_a_part_of_the_year_are_those_of_twelve_months():
    months = pd.DataFrame(
        dict.fromkeys(objectives.SUMS, [10.0] * 14) | {"complete": [True] * 13 + [False]}
    )
    now = pd.Series(dict.fromkeys(objectives.SUMS, 60.0) | {"retention_rate": 0.8})
    year = objectives.yearly_values(now, months, whole_year=False)
    assert year.revenue == 120 and year.retention_rate == 0.8
    assert np.isnan(objectives.yearly_values(now, months.tail(8), whole_year=False).revenue)
    assert "fixed_cost" not in objectives.noise_ranges(year, months), (
        "costs are ledger amounts, not a sample"
    )


def test_yearly_pattern_is_no_signal():
    """Years with a strong season, then the same with one month out of the pattern."""
    season = [100, 110, 120, 130, 140, 150, 160, 170, 180, 190, 200, 60]
    months = list(range(1, 13)) * 3
    rng = np.random.default_rng(4)
    values = pd.Series(np.array(season * 3) + rng.normal(0, 3, 36))
    adjusted, found = without_season(values, months)
    assert (
        found
        and (control_limits(adjusted).signal == "").sum() >= 34
        and (control_limits(values).signal != "").any()
    )
    values[30] += 90
    odd, _ = without_season(values, months)
    assert control_limits(odd).signal[30] == "above"
    equal, found = without_season(pd.Series(season * 2, dtype=float), months[:24])
    assert found and (control_limits(equal).signal == "").all()
    assert not without_season(pd.Series(rng.normal(100, 10, 36)), months)[1]
    assert not without_season(values.head(20), months[:20])[1]
