"""The gap list's measures: closed forms, published formulas, laws,
and simulations in which the truth is known.
"""

import datetime as dt
import itertools
import math

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from carnet.book.book import open_book
from carnet.book.mapped import frame
from carnet.customers.gaps import gap_list
from carnet.errors import CarnetError
from carnet.measures.gaps import contacts, follow_up, gaps, salespeople
from carnet.measures.retention import defection, rebound
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

HEADER = ["customer_id", "date", "amount"]
COUNTS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=20)


# --- order counts


@given(COUNTS)
def test_p_value_is_the_exact_binomial_test(counts):
    """At equal exposure the doubled tail is the two-sided exact binomial test of scipy."""
    now, before = zip(*counts, strict=True)
    expected = [stats.binomtest(a, a + b).pvalue if a + b else math.nan for a, b in counts]
    assert gaps.order_p_values(now, before) == pytest.approx(expected, nan_ok=True)


@given(COUNTS, st.floats(0.2, 0.8))
def test_p_value_is_a_probability_and_symmetric(counts, share):
    now, before = map(np.array, zip(*counts, strict=True))
    p = gaps.order_p_values(now, before, share)
    assert p == pytest.approx(gaps.order_p_values(before, now, 1 - share), nan_ok=True)
    assert (
        np.all((p[now + before > 0] > 0) & (p[now + before > 0] <= 1))
        and np.isnan(p[now + before == 0]).all()
    )


def test_p_value_flags_at_most_its_level_when_nothing_changed():
    """Simulation: two Poisson years at one rate, 20,000 customers;
    5 % at most stand out (fewer: counts are discrete).
    """
    rng = np.random.default_rng(5)
    rate = rng.lognormal(2, 0.8, 20_000)
    p = gaps.order_p_values(rng.poisson(rate), rng.poisson(rate))
    assert 0.02 < np.mean(p <= 0.05) <= 0.05


def test_false_discovery_shares_by_hand():
    """Benjamini & Hochberg (1995): p × n ÷ rank, made monotone from the largest down."""
    p_values = [0.01, 0.04, None, 0.02, 0.5]
    customers = pd.DataFrame({"customer_id": list("abcde"), "order_p_value": p_values})
    t = gaps.false_discovery_shares(ibis.memtable(customers)).order_by("customer_id").execute()
    assert t.false_discovery_share.tolist() == pytest.approx(
        [0.04, 0.16 / 3, math.nan, 0.04, 0.5], nan_ok=True
    )


@given(st.lists(st.one_of(st.none(), st.integers(0, 40).map(lambda n: n / 40)), max_size=30))
@settings(max_examples=25)
def test_false_discovery_shares_are_scipy_s(p_values):
    """An independent computation, ties and unknowns among them."""
    customers = pd.DataFrame({"customer_id": [f"{n:02d}" for n in range(len(p_values))]})
    t = customers.assign(order_p_value=pd.Series(p_values, dtype=float))
    shares = gaps.false_discovery_shares(ibis.memtable(t)).order_by("customer_id").execute()
    told = t.order_p_value.dropna()
    expected = told.map(dict(zip(told, stats.false_discovery_control(told), strict=True)))
    found = shares.false_discovery_share
    assert found.dropna().tolist() == pytest.approx(expected.tolist())
    assert found.notna().tolist() == t.order_p_value.notna().tolist()


@settings(max_examples=25)
@given(st.lists(st.integers(0, 7), min_size=1, max_size=4))
def test_chance_counts_by_enumeration(sizes):
    """Every way in which n orders can fall into two years, one by one."""
    unlikely = fallen = 0.0
    for size in sizes:
        for fall in itertools.product((0, 1), repeat=size):
            now, before = sum(fall), size - sum(fall)
            if size:
                unlikely += (now < before and stats.binomtest(now, size).pvalue <= 0.1) / 2**size
                fallen += (now <= 0.8 * before + 1e-9) / 2**size
    assert gaps.chance_counts(sizes, 0.2, 0.1) == pytest.approx((unlikely, fallen))


@pytest.mark.parametrize("yearly", [4, 12, 50])
def test_the_usual_rule_flags_many_with_nothing_changed(yearly):
    """The expected share, told from the orders of both years alone,
    is what simulated years at an unchanged rate show.
    """
    rng = np.random.default_rng(yearly)
    before, now = (rng.poisson(yearly, 4000) for _ in range(2))
    flagged = gaps.chance_counts(before + now, 0.2, 0.05)[1] / 4000
    assert flagged == pytest.approx(np.mean((now <= 0.8 * before) & (now + before > 0)), abs=0.025)


# --- the list itself


def test_most_late_by_amount_and_by_rate():
    t = pd.DataFrame(
        {
            "customer_id": list("ABCDE"),
            "sales_gap": [-100.0, -50.0, -50.0, 0.0, 80.0],
            "gap_rate": [-0.1, -1.0, -0.5, 0.0, math.nan],
        }
    )
    assert list(t.customer_id[gaps.most_late(t, 0.3)]) == ["A", "B"], (
        "30 % of 5, rounded up; ties by id"
    )
    assert list(t.customer_id[gaps.most_late(t, 0.2, "rate")]) == ["B"]
    assert list(t.customer_id[gaps.most_late(t, 1.0)]) == ["A", "B", "C"], (
        "never one that is not late"
    )
    with pytest.raises(CarnetError, match="did you mean 'amount'"):
        gaps.most_late(t, 0.1, "amont")


@pytest.mark.long
@given(
    st.lists(
        st.tuples(
            st.sampled_from([-30.0, -20.0, -10.0, 0.0, 15.0]),
            st.sampled_from([None, -1.0, -0.5, 0.25]),
            st.booleans(),
        ),
        min_size=1,
        max_size=25,
    ),
    st.sampled_from([0.0, 0.1, 0.34, 1.0]),
    st.sampled_from(["amount", "rate"]),
)
@settings(max_examples=40)
def test_law_the_most_late_of_a_table_are_those_of_its_rows(rows, share, by):
    t = pd.DataFrame(rows, columns=["sales_gap", "gap_rate", "due"]).astype({"gap_rate": float})
    t = t.assign(customer_id=[f"{n:02}" for n in range(len(t))], late=t.due & (t.sales_gap < 0))
    expected = t.customer_id[gaps.most_late(t, share, by, t.late)]
    found = gaps.most_late_first(ibis.memtable(t), share, by).execute()
    assert set(found.customer_id) == set(expected)


def test_groups_are_counted_and_summed():
    """By hand; nobody's margin of the second group is known, the third holds nobody."""
    t = pd.DataFrame(
        {
            "revenue_previous": [100.0, 50.0, 7.0],
            "sales_gap": [-40.0, -5.0, 3.0],
            "margin_at_stake": [12.0, math.nan, math.nan],
            "a": [True, True, False],
            "b": [False, True, True],
            "c": [False, False, False],
        }
    )
    table = ibis.memtable(pa.Table.from_pandas(t))
    found = gaps.gap_groups(table, {"one": "a", "two": "b", "none": "c"}).set_index("group")
    assert found.loc["one"].tolist() == [2, 150, -45, 12]
    assert found.loc["two"].tolist()[:3] == [2, 57, -2] and math.isnan(found.loc["two"].iloc[3])
    assert found.loc["none"].tolist()[:3] == [0, 0, 0]


def book(make_engagement, rows, **content):
    return open_book(make_engagement(tables={"sales": [HEADER, *rows]}, **content))


def test_gap_list_is_net_of_credit_notes_and_leaves_out_nobody(make_engagement):
    rows = [
        ["A", "2023-05-01", "100"],
        ["A", "2024-05-01", "60"],
        ["A", "2024-06-01", "-20"],
        ["B", "2023-07-01", "50"],
        ["C", "2024-12-31", "30"],
        ["D", "2023-01-01", "5"],
    ]
    opened = book(make_engagement, rows, as_of="2024-12-31")
    t = gaps.sales_gaps(opened.cube, opened.periods, opened.comparable_months).execute()
    assert t[["customer_id", "sales_gap"]].values.tolist() == [
        ["A", -60.0],
        ["B", -50.0],
        ["D", -5.0],
        ["C", 30.0],
    ]
    assert t.gap_rate.tolist()[:3] == [-0.6, -1.0, -1.0] and math.isnan(t.gap_rate[3])


def daily(first, last):
    return [["A", str(day.date()), "10"] for day in pd.date_range(first, last)]


def test_months_after_the_last_sale_are_left_out_on_both_sides(make_engagement):
    """Sales end on 20 November, the audit is of 31 December: ten months are compared,
    and nobody is late for it.
    """
    opened = book(make_engagement, daily("2022-12-20", "2024-11-20"), as_of="2024-12-31")
    assert sorted(opened.comparable_months) == list(range(2, 12))
    t = gaps.sales_gaps(opened.cube, opened.periods, opened.comparable_months).execute()
    days = (
        (dt.date(2024, 10, 31) - dt.date(2024, 1, 1)).days + 1,
        (dt.date(2023, 10, 31) - dt.date(2023, 1, 1)).days + 1,
    )
    assert (t.revenue[0], t.revenue_previous[0]) == (10 * days[0], 10 * days[1])


def test_months_before_the_first_sale_are_left_out_on_both_sides(make_engagement):
    opened = book(make_engagement, daily("2023-06-15", "2024-12-31"), as_of="2024-12-31")
    assert sorted(opened.comparable_months) == list(range(6)), "July to December"
    assert not opened.reaches_back(1)


def test_nothing_is_compared_without_two_years(make_engagement):
    assert (
        book(
            make_engagement, daily("2024-01-01", "2024-12-31"), as_of="2024-12-31"
        ).comparable_months
        == []
    )


# --- silence, best years, families


def test_rhythm_is_the_mean_interval_shrunk_with_one_of_the_portfolio():
    """A: days 0, 10, 20 (mean 10); B: 0, 30 (30); C once.

    Median interval 20: A (20+20)/3, B (30+20)/2, C 20/1.
    """
    start = dt.date(2024, 1, 1)
    days = [("A", 0), ("A", 10), ("A", 10), ("A", 20), ("B", 0), ("B", 30), ("C", 5), ("C", 90)]
    orders = ibis.memtable(
        pd.DataFrame(
            {
                "customer_id": [c for c, _ in days],
                "date": [start + dt.timedelta(days=d) for _, d in days],
            }
        )
    )
    t = (
        defection.order_rhythm(orders, start + dt.timedelta(days=60))
        .execute()
        .set_index("customer_id")
    )
    assert (t.rhythm_months * 365.25 / 12).round(9).to_dict() == pytest.approx(
        {"A": 40 / 3, "B": 25.0, "C": 20.0}
    )
    assert t.silence_ratio.to_dict() == pytest.approx(
        {"A": 40 / (40 / 3), "B": 30 / 25, "C": 55 / 20}
    )
    assert pd.Timestamp(t.last_order_date["C"]) == pd.Timestamp("2024-01-06"), (
        "an order after the audit date does not count"
    )


@pytest.mark.long
@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(st.sampled_from("AB"), st.integers(0, 40), st.integers(1, 900)),
        min_size=1,
        max_size=25,
    )
)
def test_peak_year_is_the_largest_twelve_months(cells):
    frame = pd.DataFrame(cells, columns=["customer_id", "audit_month", "revenue"]).astype(
        {"revenue": float}
    )
    found = defection.peak_years(ibis.memtable(frame)).execute().set_index("customer_id")
    for customer, part in frame.groupby("customer_id"):
        months = (
            part.groupby("audit_month").revenue.sum().reindex(range(60), fill_value=0.0).to_numpy()
        )
        windows = [months[m : m + 12].sum() for m in range(48)]
        assert found.peak_revenue[customer] == pytest.approx(max(windows))
        assert windows[found.peak_audit_month[customer]] == pytest.approx(max(windows))
        assert found.rolling_year_revenue[customer] == pytest.approx(windows[0])


def test_stopped_families_and_what_luck_would_show(make_engagement):
    rows = [["customer_id", "date", "amount", "order_id", "offer"]]
    # 4 orders, then none
    rows += [["A", f"2023-{m:02d}-10", "10", f"a{m}", "paper"] for m in range(1, 5)]
    rows += [["A", f"2024-{m:02d}-10", "10", f"b{m}", "soap"] for m in range(1, 4)] + [
        ["A", "2023-06-10", "7", "c", "soap"]
    ]
    rows += [["A", "2023-07-10", "3", "d", "wax"]]  # one order only: says nothing
    # gone altogether: not a partial defection
    rows += [["B", f"2023-{m:02d}-10", "10", f"e{m}", "paper"] for m in range(1, 7)]
    opened = open_book(make_engagement(tables={"sales": rows}, as_of="2024-12-31"))
    families = defection.family_orders(
        opened.table("sales"), opened.periods, opened.comparable_months
    )
    stopped = defection.stopped_families(families, 4).execute()
    assert stopped[
        ["customer_id", "family", "order_count_previous", "family_revenue_previous"]
    ].values.tolist() == [["A", "paper", 4, 40.0]]
    # A: 6 orders in 2023, 3 in 2024; paper and soap on 4 orders each: C(5, 3) ÷ C(9, 3) that none
    # is among the 3
    orders = pd.DataFrame(
        {"customer_id": ["A", "B"], "order_count": [3, 0], "order_count_previous": [6, 6]}
    )
    assert defection.chance_stopped_count(families, ibis.memtable(orders), 4) == pytest.approx(
        2 * math.comb(5, 3) / math.comb(9, 3)
    )


# --- rebound


def portfolio(rng, customers, drift, hazard, years=4):
    """Orders of each year as (customer, revenue): Poisson counts, log-normal baskets,
    levels that drift, customers that leave.
    """
    rate = np.clip(rng.lognormal(2.25, 0.75, customers), 1, 60)
    basket = np.clip(rng.lognormal(6.95, 0.7, customers), 150, 8000)
    level, made = np.ones(customers), []
    for _ in range(years):
        level = np.where(
            rng.random(customers) < hazard, 0, level * np.exp(rng.normal(0, drift, customers))
        )
        who = np.repeat(np.arange(customers), rng.poisson(rate * level))
        made.append((who, basket[who] * rng.lognormal(0, 0.35, len(who))))
    return made


def yearly(made, customers):
    return [np.bincount(who, revenue, customers) for who, revenue in made]


def gap_frame(before, now):
    return pd.DataFrame(
        {
            "customer_id": np.arange(len(now)),
            "revenue": now,
            "revenue_previous": before,
            "sales_gap": now - before,
        }
    )


def group_of(t):
    return gaps.most_late(t, 0.1)


@pytest.mark.long
@pytest.mark.parametrize(
    ("customers", "drift", "hazard"),
    [(100, 0.0, 0.0), (300, 0.0, 0.0), (100, 0.25, 0.13), (300, 0.25, 0.13), (300, 0.1, 0.05)],
)
def test_historic_rebound_covers_what_comes_next(customers, drift, hazard):
    """Three years known, the fourth hidden: the interval holds the next group's rebound in 88
    to 99 % of up to 150 portfolios (nominal 95).
    """
    covered = told = 0
    for seed in range(150):
        years = yearly(portfolio(np.random.default_rng(seed), customers, drift, hazard), customers)
        earlier = gap_frame(years[0], years[1]).assign(revenue_next=years[2], audit_years_ago=1)
        _, low, high = rebound.historic_rebound(earlier[group_of(earlier)])
        now = gap_frame(years[1], years[2])
        group = group_of(now)
        happened = (years[3][group] - years[2][group]).sum() / (
            years[1][group] - years[2][group]
        ).sum()
        if not math.isnan(low):  # groups of which nobody moves any more have no interval
            told += 1
            covered += low <= happened <= high
    assert told > 90 and 0.88 <= covered / told <= 0.99


@pytest.mark.parametrize(("drift", "hazard"), [(0.0, 0.0), (0.1, 0.05)])
@pytest.mark.long
def test_pooled_rebound_covers_what_comes_next(drift, hazard):
    """Three earlier lists pooled: an interval that pretended to know more from them would cover
    80 %; 89 to 99 % of 120 portfolios.
    """
    covered = 0
    for seed in range(120):
        years = yearly(portfolio(np.random.default_rng(seed), 300, drift, hazard, years=6), 300)
        lists = [
            gap_frame(years[k], years[k + 1]).assign(
                revenue_next=years[k + 2], audit_years_ago=3 - k
            )
            for k in range(3)
        ]
        earlier = pd.concat(lists, ignore_index=True)
        flagged = pd.concat(
            [group_of(part) for _, part in earlier.groupby("audit_years_ago")]
        ).reindex(earlier.index)
        _, low, high = rebound.historic_rebound(earlier[flagged])
        group = group_of(gap_frame(years[3], years[4])).to_numpy()
        covered += (
            low <= (years[5] - years[4])[group].sum() / (years[3] - years[4])[group].sum() <= high
        )
    assert 0.89 <= covered / 120 <= 0.99


@pytest.mark.long
@pytest.mark.parametrize("months", [3, 12, 18])
def test_memory_seldom_sees_an_effect_when_nothing_was_done(months):
    """Nothing changes, nobody acts, reports 3, 12 or 18 months apart:
    'more' or 'less' than expected in at most 9 % of 120 portfolios.
    """
    wrong = 0
    for seed in range(120):
        rng = np.random.default_rng(seed)
        rate, basket = (
            np.clip(rng.lognormal(2.25, 0.75, 300), 1, 60) / 12,
            np.clip(rng.lognormal(6.95, 0.7, 300), 150, 8000),
        )
        month = []
        for _ in range(36 + months):
            who = np.repeat(np.arange(300), rng.poisson(rate))
            month.append(np.bincount(who, basket[who] * rng.lognormal(0, 0.35, len(who)), 300))
        year = [np.sum(month[start : start + 12], axis=0) for start in (0, 12, 24, 24 + months)]
        earlier = gap_frame(year[0], year[1]).assign(revenue_next=year[2], audit_years_ago=1)
        expected = rebound.historic_rebound(earlier[group_of(earlier)])
        then = gap_frame(year[1], year[2])
        group = group_of(then)
        regained = rebound.ratio_interval((year[3] - year[2])[group], -then.sales_gap[group])
        wrong += follow_up.against_expected(regained, expected, months / 12) in ("more", "less")
    assert wrong / 120 <= 0.09


@pytest.mark.parametrize(
    ("drift", "hazard", "low", "high"),
    [(0.0, 0.0, -0.06, 0.06), (0.25, 0.0, -0.10, 0.06), (0.25, 0.13, 0.02, 0.16)],
)
@pytest.mark.long
def test_luck_rebound_is_right_under_pure_noise_and_a_ceiling_else(drift, hazard, low, high):
    """Mean error over 60 portfolios: near zero while nobody leaves,
    above what happens when customers go on leaving.
    """
    errors = []
    for seed in range(60):
        made = portfolio(np.random.default_rng(seed), 300, drift, hazard, years=3)
        (who0, revenue0), (who1, revenue1), _ = made
        orders = pd.DataFrame(
            {
                "customer_id": np.r_[who0, who1],
                "revenue": np.r_[revenue0, revenue1],
                "current": np.r_[who0 * 0, who1 * 0 + 1].astype(bool),
            }
        )
        told = rebound.luck_rebound(orders, group_of, draws=15)
        years = yearly(made, 300)
        group = group_of(gap_frame(years[0], years[1])).to_numpy()
        errors.append(
            told - (years[2] - years[1])[group].sum() / (years[0] - years[1])[group].sum()
        )
    assert low < np.mean(errors) < high


def test_pure_noise_gives_back_about_45_per_cent():
    """method §2 B: under pure noise the worst decile recovers about 45 % of its loss
    with no action.
    """
    shares = []
    for seed in range(100):
        years = yearly(portfolio(np.random.default_rng(seed), 300, 0, 0, years=3), 300)
        earlier = gap_frame(years[0], years[1]).assign(revenue_next=years[2], audit_years_ago=1)
        shares.append(rebound.historic_rebound(earlier[group_of(earlier)])[0])
    assert 0.40 < np.mean(shares) < 0.50


def test_ratio_interval_by_hand():
    """Equal gaps: the jackknife of a ratio is the mean with its usual standard error and Student's
    t, n − 1 degrees of freedom.
    """
    gained = np.array([1.0, 3, 2, 5, 4, 0, 2, 3])
    ratio, low, high = rebound.ratio_interval(gained, np.full(8, 10.0))
    half = stats.t.ppf(0.975, 7) * (gained / 10).std(ddof=1) / math.sqrt(8)
    assert (ratio, low, high) == pytest.approx((0.25, 0.25 - half, 0.25 + half))
    assert rebound.ratio_interval(gained, np.full(8, 10.0), predicting=3)[2] == pytest.approx(
        0.25 + 2 * half
    ), "√(1 + 3) as wide"
    assert np.isnan(rebound.ratio_interval(gained[:7], np.full(7, 10.0))[1]) and np.isnan(
        rebound.ratio_interval([], [])[0]
    )
    assert np.isnan(rebound.ratio_interval(np.r_[gained[:4], np.zeros(8)], np.full(12, 10.0))[1]), (
        "four that moved tell no spread"
    )


# --- salespeople


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(st.integers(1, 5), st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=2
    ),
    st.data(),
)
def test_dealt_p_value_by_enumeration(cells, data):
    """Every way to deal the accounts of each stratum, one by one."""
    strata = [(size, min(late, size), min(own, size)) for size, late, own in cells]
    hands = [
        [sum(card < late for card in hand) for hand in itertools.combinations(range(size), own)]
        for size, late, own in strata
    ]
    counts = [sum(pair) for pair in itertools.product(*hands)]
    seen = data.draw(st.sampled_from(sorted(set(counts))))
    lower, upper = np.mean(np.array(counts) <= seen), np.mean(np.array(counts) >= seen)
    assert salespeople.dealt_p_value(seen, strata) == pytest.approx(min(1, 2 * min(lower, upper)))


def test_two_salespeople_are_fishers_exact_test():
    """26 of 40 against 14 of 40: Fisher's exact test, both tails,
    as published in every table of it.
    """
    assert salespeople.dealt_p_value(26, [(80, 40, 40)]) == pytest.approx(
        stats.fisher_exact([[26, 14], [14, 26]]).pvalue
    )


def late_by_salesperson(t, strata):
    return salespeople.late_by_salesperson(ibis.memtable(t), strata)


def accounts(rng, people, each, shares=(0.6, 0.4, 0.2)):
    """Accounts of equal salespeople: classes at random, the chance to be late depends
    on the class only.
    """
    classes = rng.integers(0, len(shares), people * each)
    late = rng.random(people * each) < np.array(shares)[classes]
    return pd.DataFrame(
        {
            "salesperson": np.repeat([f"S{i:02d}" for i in range(people)], each),
            "abc_class": classes,
            "sales_gap": np.where(late, -1.0, 1.0),
        }
    )


@pytest.mark.long
def test_equal_salespeople_are_flagged_at_most_at_the_nominal_share():
    """Simulation: 8 equal salespeople of 30 accounts, 150 times:
    at most 5 % outside the 95 % limits, at most 0.2 % outside 99.8 %.
    """
    rng = np.random.default_rng(11)
    signals = np.concatenate(
        [late_by_salesperson(accounts(rng, 8, 30), ["abc_class"]).signal for _ in range(150)]
    )
    assert 0.015 < np.mean(signals != "none") <= 0.05 and np.mean(signals == "99.8") <= 0.002


@pytest.mark.long
def test_equal_salespeople_differ_by_about_21_points():
    """method §2 B: eight equal salespeople show a 21-point spread by chance (40 accounts each,
    half of them late).
    """
    rng = np.random.default_rng(3)
    spreads = [
        np.ptp(late_by_salesperson(accounts(rng, 8, 40, (0.5,)), ["abc_class"]).late_share)
        for _ in range(50)
    ]
    assert 0.18 < np.mean(spreads) < 0.25


def test_a_salesperson_who_really_differs_is_found():
    t = accounts(np.random.default_rng(1), 6, 60, (0.3,))
    mine = t.salesperson == "S03"
    t.loc[mine, "sales_gap"] = np.where(np.arange(mine.sum()) < 45, -1.0, 1.0)
    found = late_by_salesperson(t, ["abc_class"]).set_index("salesperson")
    assert list(found.index[found.signal == "99.8"]) == ["S03"]
    assert found.expected_share["S03"] < found.shrunk_share["S03"] < found.late_share["S03"] == 0.75


def test_the_mix_of_accounts_is_allowed_for():
    """One salesperson has all the accounts that are often late, another those that never are:
    as expected, both.
    """
    rows = [("hard", 0, -1)] * 16 + [("hard", 0, 1)] * 4 + [("soft", 1, 1)] * 19 + [("soft", 1, -1)]
    rows += (
        [("other", 0, -1)] * 16
        + [("other", 0, 1)] * 4
        + [("other", 1, 1)] * 19
        + [("other", 1, -1)]
    )
    found = late_by_salesperson(
        pd.DataFrame(rows, columns=["salesperson", "abc_class", "sales_gap"]), ["abc_class"]
    ).set_index("salesperson")
    assert found.expected_share.to_dict() == pytest.approx(
        {"hard": 0.8, "soft": 0.05, "other": 0.425}
    )
    assert set(found.signal) == {"none"} and found.p_value.min() == 1


def test_accounts_without_a_salesperson_are_listed_and_not_tested():
    rows = [("A", 0, -1.0)] * 5 + [("B", 0, 1.0)] * 5 + [(None, 0, -1.0)] * 30
    found = late_by_salesperson(
        pd.DataFrame(rows, columns=["salesperson", "abc_class", "sales_gap"]), ["abc_class"]
    )
    assert (
        found.salesperson.isna().tolist() == [False, False, True]
        and found.customer_count.sum() == 40
    )
    assert (
        found.signal[2] == "none" and np.isnan(found.p_value[2]) and found.shrunk_share.isna().all()
    ), "two people tell no spread"


@pytest.mark.long
def test_shrinkage_of_one_rate_is_near_the_common_share_and_covers_it():
    """Simulation: every true share is 0.4; the credible intervals hold it in at least 95 %
    of cases, and are narrower than Wilson's.
    """
    rng, held, narrower = np.random.default_rng(2), [], []
    for _ in range(40):
        t = late_by_salesperson(accounts(rng, 8, 30, (0.4,)), ["abc_class"])
        held += list((t.shrunk_share_low <= 0.4) & (t.shrunk_share_high >= 0.4))
        narrower += list(
            t.shrunk_share_high - t.shrunk_share_low < t.late_share_high - t.late_share_low
        )
    assert np.mean(held) >= 0.95 and np.mean(narrower) == 1


def test_funnel_limits_hold_their_share_of_a_binomial():
    t = salespeople.funnel_limits(60, 0.4)
    for row in t.itertuples():
        law = stats.binom(row.customer_count, 0.4)
        for low, high, tail in (
            (row.low_95, row.high_95, 0.025),
            (row.low_998, row.high_998, 0.001),
        ):
            fewest, most = round(low * row.customer_count), round(high * row.customer_count)
            assert law.cdf(fewest - 1) < tail <= law.cdf(fewest) and law.sf(most) <= tail < law.sf(
                most - 1
            ), "outside is rare, the limit itself is not"
    assert t.customer_count.tolist() == list(range(1, 61))


# --- contacts


def test_contacts_fall_into_their_windows():
    service = ibis.memtable(
        pd.DataFrame(
            {
                "customer_id": ["A", "A", "A", "B", "B"],
                "activity": ["Visite", "Appel", "Devis", "Appel", "Appel"],
                "quality": [4.0, 2.0, 5.0, 1.0, 3.0],
                "date": [
                    dt.date(2024, 1, 1),
                    dt.date(2024, 6, 1),
                    dt.date(2024, 6, 2),
                    dt.date(2024, 3, 1),
                    dt.date(2025, 1, 1),
                ],
            }
        )
    )
    windows = ibis.memtable(
        pd.DataFrame(
            {
                "customer_id": ["A", "B"],
                "window_start": [dt.date(2024, 1, 1)] * 2,
                "window_end": [dt.date(2024, 6, 1), dt.date(2024, 12, 31)],
            }
        )
    )
    t = (
        contacts.contact_counts(service, ["Visite", "Appel"], windows)
        .execute()
        .set_index("customer_id")
    )
    assert t.contact_count.to_dict() == {"A": 2, "B": 1} and t.contact_quality.to_dict() == {
        "A": 3.0,
        "B": 1.0,
    }


def test_an_unknown_name_of_a_contact_is_refused():
    with pytest.raises(CarnetError, match="no activity is called 'Vsite'; did you mean 'Visite'"):
        contacts.contact_activities(["Livraison", "Visite"], ["Vsite"])


def test_activities_that_are_contacts():
    assert contacts.contact_activities(["Téléphone sortant", "RDV", "Réclamation"]) == [
        "Téléphone sortant",
        "RDV",
    ]
    assert contacts.contact_activities(["Chat", "Ticket"]) == ["Chat", "Ticket"], (
        "none is known: all count, and the report lists them"
    )
    assert contacts.contact_activities(["Visite", "Démo"], ["demo"]) == ["Démo"]


@pytest.mark.parametrize(
    "columns",
    [
        ["customer_id", "opened"],
        ["customer_id", "opened", "closed"],
        ["customer_id", "opened", "stage"],
    ],
)
def test_opportunities_may_lack_stage_closing_and_amount(columns):
    frame = pd.DataFrame(
        {
            "customer_id": ["A"],
            "opened": [dt.date(2024, 5, 1)],
            "closed": [dt.date(2025, 1, 1)],
            "stage": ["open"],
        }
    )
    kinds = {"customer_id": "string", "opened": "date", "closed": "date", "stage": "string"}
    table = ibis.memtable(frame[columns], schema={name: kinds[name] for name in columns})
    t = (
        contacts.proposal_counts(table, dt.date(2024, 1, 1), dt.date(2024, 12, 31))
        .execute()
        .iloc[0]
    )
    assert (t.proposal_count, t.opportunity_count) == (1, 1) and math.isnan(t.opportunity_amount)


def test_quadrants():
    fell, made, planned = (
        pd.Series([-0.7, -0.7, -0.2, -0.2, -0.7]),
        pd.Series([1, 12, 12, 1, math.nan]),
        pd.Series([12.0] * 5),
    )
    assert contacts.quadrants(fell, made, planned, 0.5).tolist() == [
        "few_contacts",
        "competition",
        "demand",
        "watch",
        None,
    ]


def test_an_opportunity_closed_after_the_audit_date_was_open_on_it():
    rows = [
        ("A", "2024-02-01", "2024-03-01", "won", 10),
        ("A", "2024-11-01", "2025-02-01", "won", 20),
        ("A", "2024-12-01", None, "open", 30),
        ("B", "2025-01-05", None, "open", 40),
    ]
    frame = pd.DataFrame(rows, columns=["customer_id", "opened", "closed", "stage", "amount"])
    frame[["opened", "closed"]] = frame[["opened", "closed"]].apply(
        lambda column: pd.to_datetime(column).dt.date
    )
    frame["amount"] = frame.amount.astype(float)
    table = ibis.memtable(
        frame,
        schema={
            "customer_id": "string",
            "opened": "date",
            "closed": "date",
            "stage": "string",
            "amount": "float64",
        },
    )
    t = (
        contacts.proposal_counts(table, dt.date(2024, 6, 30), dt.date(2024, 12, 31))
        .execute()
        .set_index("customer_id")
    )
    assert (
        t.loc["A"].to_dict()
        == {"proposal_count": 2, "opportunity_count": 2, "opportunity_amount": 50.0}
        and "B" not in t.index
    )


@pytest.mark.parametrize(("opened", "known"), [("2024-01-20", True), ("2024-08-01", False)])
def test_proposals_before_the_table_begins_are_unknown(make_engagement, opened, known):
    sold = [["customer_id", "date", "amount"]]
    sold += [[name, f"{year}-0{month}-10", 10] for name in "AB" for year in (2023, 2024)
             for month in range(1, 10)]  # fmt: skip
    offers = [["customer_id", "opened"], ["A", opened], ["A", "2024-12-10"]]
    tables = {"sales": sold, "opportunities": offers}
    book = open_book(make_engagement(as_of="2024-12-31", tables=tables))
    t = gap_list.gap_list(book, 0.8, 0.95, 3)
    t = frame(gap_list.with_contacts(book, t, [], dt.date(2023, 12, 31))).set_index("customer_id")
    assert t.proposal_count.notna().all() == known and t.proposal_count.notna().any() == known
    assert not known or t.proposal_count[["A", "B"]].tolist() == [2, 0]
