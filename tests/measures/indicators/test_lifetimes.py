"""How long customers stay: published values (Freireich, Fader & Hardie), closed forms,
simulations with a known truth.
"""

import datetime as dt
from functools import partial

import ibis
import numpy as np
import pandas as pd
import pytest
from carnet.engagement.periods import buckets
from carnet.measures.indicators import cohorts, lifetimes
from carnet.measures.retention import purchases
from carnet.measures.statistics._likelihood import most_likely

from tests.conftest import ROOT

GOLDEN = ROOT / "tests" / "golden"
PUBLISHED = purchases.PurchaseModel(0.243, 4.414, 0.793, 2.426, -9582.4)


def orders_from(rows):
    return ibis.memtable(
        pd.DataFrame(rows, columns=["customer_id", "date"]),
        schema={"customer_id": "string", "date": "date"},
    )


# --- Kaplan-Meier


def freireich():
    table = pd.read_csv(GOLDEN / "freireich_1963.csv")
    return pd.DataFrame(
        {"entry": 0.0, "duration": table.weeks.astype(float), "ended": table.relapse == 1}
    )


def test_kaplan_meier_of_freireich_1963():
    """6-MP arm: S(6) .857, S(7) .807, S(10) .753, S(13) .690, S(16) .627, S(22) .538,
    S(23) .448 (Freireich et al. 1963; Cox & Oakes 1984).
    """
    curve = lifetimes.survival_curve(freireich())
    survival = curve.set_index("years").survival
    published = {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448}
    assert {week: round(float(survival[week]), 3) for week in published} == published
    assert curve.set_index("years").at_risk[6] == 21 and curve.endings.sum() == 9
    inside = curve.dropna()
    assert (inside.low < inside.survival).all() and (inside.survival < inside.high).all()


def test_restricted_mean_is_the_area_under_the_curve():
    curve = pd.DataFrame({"years": [1.0, 2.0], "survival": [0.5, 0.0]})
    assert (
        lifetimes.restricted_mean(curve, 2.0, 2.0) == 1.5
        and lifetimes.restricted_mean(curve, 1.5, 2.0) == 1.25
    )
    assert lifetimes.restricted_mean(curve, 5.0, 2.0) == 1.5, (
        "everyone has gone: nothing is left to know"
    )
    unfinished = pd.DataFrame({"years": [1.0], "survival": [0.5]})
    assert np.isnan(lifetimes.restricted_mean(unfinished, 5.0, 4.0)), (
        "nobody was followed up to the horizon"
    )
    assert lifetimes.restricted_mean(unfinished, 5.0, 6.0) == 3.0, (
        "nobody ends after the first year, and some were followed for six"
    )
    assert np.isnan(
        lifetimes.restricted_mean(
            lifetimes.survival_curve(freireich().assign(ended=False)), 5.0, 9.0
        )
    )


def contracts(seed, count=3000):
    """Exponential contracts of 4 years on average that started over 20 years,
    seen in the last 5 only: (lifetimes, everyone who was seen).
    """
    rng = np.random.default_rng(seed)
    start, length = rng.uniform(0, 20, count), rng.exponential(4.0, count)
    seen = start + length > 15
    entry = np.maximum(15 - start[seen], 0)
    stop = np.minimum(start[seen] + length[seen], 20) - start[seen]
    return pd.DataFrame(
        {"entry": entry, "duration": stop, "ended": start[seen] + length[seen] <= 20}
    )


def test_late_entry_is_allowed_for():
    """True S(5) = e^(−5/4) = .2865: found with late entry, badly missed without."""
    late = contracts(11)
    late = late[late.duration > late.entry]
    with_entry = lifetimes.survival_curve(late)
    without = lifetimes.survival_curve(late.assign(entry=0.0))
    five = [float(curve[curve.years <= 5].survival.iloc[-1]) for curve in (with_entry, without)]
    assert five[0] == pytest.approx(np.exp(-5 / 4), abs=0.035) and five[1] > 0.45


@pytest.mark.long
def test_restricted_mean_interval_covers_the_truth():
    """Σ over 5 years of e^(−t/4): 4 (1 − e^(−5/4)) = 2.854 years."""
    truth, inside = 4 * (1 - np.exp(-5 / 4)), 0
    for seed in range(12):
        late = contracts(seed, 500)
        low, high = lifetimes.restricted_mean_interval(
            late[late.duration > late.entry], 5.0, seed=seed
        )
        inside += low <= truth <= high
    assert inside >= 9


def test_contracts_enter_late_and_end_on_their_departure():
    customers = ibis.memtable(
        pd.DataFrame(
            {
                "customer_id": list("ABCDE"),
                "contract": [True, True, True, False, True],
                "since": [
                    dt.date(2018, 1, 1),
                    dt.date(2022, 1, 1),
                    dt.date(2019, 1, 1),
                    dt.date(2019, 1, 1),
                    dt.date(2025, 1, 1),
                ],
                "until": [None, dt.date(2023, 1, 1), dt.date(2020, 6, 1), None, None],
            }
        ),
        schema={"customer_id": "string", "contract": "boolean", "since": "date", "until": "date"},
    )
    departures = ibis.memtable(
        pd.DataFrame({"customer_id": ["A"], "date": [dt.date(2024, 1, 1)]}),
        schema={"customer_id": "string", "date": "date"},
    )
    t = (
        lifetimes.contract_lifetimes(
            customers, departures, dt.date(2021, 1, 1), dt.date(2024, 12, 31)
        )
        .execute()
        .set_index("customer_id")
    )
    assert t.index.tolist() == ["A", "B"], (
        "C ended before anything was observed, D has no contract, E has not started"
    )
    assert t.entry.tolist() == pytest.approx(
        [3.0, 0.0], abs=0.01
    ) and t.duration.tolist() == pytest.approx([6.0, 1.0], abs=0.01)
    assert t.ended.tolist() == [True, True]


# --- BG/NBD


def test_expected_orders_of_the_first_cdnow_customer():
    """x = 2, t_x = 30.43, T = 38.86 weeks: E[Y(39)] = 1.226 (Fader, Hardie & Lee,
    note on Excel, 2005).
    """
    history = pd.DataFrame(
        {
            "customer_id": ["0001"],
            "repeat_count": [2],
            "recency_weeks": [30.43],
            "age_weeks": [38.86],
            "recent_count": [0],
        }
    )
    assert (
        round(float(purchases.expected_orders(PUBLISHED, history, 39).expected_order_count[0]), 3)
        == 1.226
    )


def simulate(count, weeks, model, seed):
    """Order times of customers that follow the model: first order at 0, gamma rates,
    beta dropout after every order.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        rate, leave = rng.gamma(model.r, 1 / model.alpha), rng.beta(model.a, model.b)
        time, times = 0.0, [0.0]
        while rng.random() > leave or len(times) == 1:
            time += rng.exponential(1 / rate)
            if time > weeks:
                break
            times.append(time)
        rows.append(times)
    return rows


TRUTH = purchases.PurchaseModel(0.9, 6.0, 0.8, 2.5, 0.0)


def history_of(rows, weeks):
    inside = [[t for t in times if t <= weeks] for times in rows]
    return pd.DataFrame(
        {
            "customer_id": [str(i) for i in range(len(rows))],
            "repeat_count": [len(t) - 1 for t in inside],
            "recency_weeks": [t[-1] for t in inside],
            "age_weeks": float(weeks),
            "recent_count": [sum(t > 0 for t in times) for times in inside],
        }
    )


def test_model_finds_the_parameters_and_predicts_the_hold_out_of_its_own_simulation():
    """Simulated from known parameters: mean purchase rate and dropout come back,
    the hold-out is predicted and what they ordered as long before overshoots.
    """
    rows = simulate(4000, 104, TRUTH, 5)
    history = history_of(rows, 52)
    model = purchases.fit_purchases(history)
    assert model.r / model.alpha == pytest.approx(TRUTH.r / TRUTH.alpha, rel=0.08)
    assert model.a / (model.a + model.b) == pytest.approx(TRUTH.a / (TRUTH.a + TRUTH.b), abs=0.04)
    t = purchases.expected_orders(model, history, 52)
    actual = np.array([sum(52 < time <= 104 for time in times) for times in rows])
    assert t.expected_order_count.sum() == pytest.approx(actual.sum(), rel=0.06)
    assert t.naive_order_count.sum() > 1.4 * actual.sum()
    assert t.order_probability.mean() == pytest.approx((actual > 0).mean(), abs=0.02)
    top = t.order_probability > 0.5
    assert t.order_probability[top].mean() == pytest.approx((actual[top] > 0).mean(), abs=0.04), (
        "calibrated where it matters"
    )


@pytest.mark.long
def test_of_many_customers_the_fit_is_that_of_all():
    """Begun on some 5,000 of 12,000; against the best of the three starts on all of them."""
    rng = np.random.default_rng(8)
    age = rng.uniform(30, 100, 12_000)
    rate, leaves = rng.gamma(0.7, 1 / 9.0, 12_000), rng.beta(0.8, 2.4, 12_000)
    x, tx, now = (np.zeros(12_000) for _ in range(3))
    here = np.ones(12_000, dtype=bool)
    while here.any():  # the next order of everybody who is still there, then who leaves
        now += rng.exponential(1 / rate)
        here &= now <= age
        x[here], tx[here] = x[here] + 1, now[here]
        here &= rng.random(12_000) > leaves
    history = pd.DataFrame({"repeat_count": x, "recency_weeks": tx, "age_weeks": age})
    found = purchases.fit_purchases(history)
    counted = np.unique(x, return_inverse=True)
    every = partial(purchases._log_likelihood, seen=(x, tx, age), counted=counted)
    best = np.exp(most_likely(every, purchases.STARTS, 12_000).x)
    assert (found.r, found.alpha, found.a, found.b) == pytest.approx(tuple(best), rel=1e-4)


def test_gradient_of_the_likelihood_is_its_slope():
    """Closed form against central differences of the likelihood itself,
    for customers with and without repeat orders.
    """
    rng = np.random.default_rng(4)
    x, age = rng.integers(0, 6, 300).astype(float), rng.uniform(30, 60, 300)
    tx = np.where(x > 0, age * rng.uniform(0, 1, 300), 0.0)
    point, counted = np.array([0.4, 5.0, 0.8, 2.4]), np.unique(x, return_inverse=True)
    _, gradient = purchases._log_likelihood(point, (x, tx, age), counted)
    steps = np.eye(4) * 1e-5
    slopes = [
        (
            purchases._log_likelihood(point + step, (x, tx, age), counted)[0]
            - purchases._log_likelihood(point - step, (x, tx, age), counted)[0]
        )
        / 2e-5
        for step in steps
    ]
    assert gradient == pytest.approx(slopes, rel=1e-6)


def test_not_fitted_under_200_customers():
    assert purchases.fit_purchases(history_of(simulate(199, 52, TRUTH, 1), 52)) is None


def test_history_counts_days_with_an_order_after_the_first():
    table = orders_from(
        [
            ("A", dt.date(2024, 1, 1)),
            ("A", dt.date(2024, 1, 1)),
            ("A", dt.date(2024, 1, 15)),
            ("B", dt.date(2024, 2, 5)),
            ("C", dt.date(2024, 6, 1)),
        ]
    )
    t = purchases.purchase_history(table, dt.date(2024, 3, 4), 8).execute().set_index("customer_id")
    assert (
        t.loc["A"].tolist()[:4] == [1, 2, 9, 1]
        and t.loc["B"].tolist()[:4] == [0, 0, 4, 1]
        and "C" not in t.index
    )


def test_hold_out_adds_up():
    rows = simulate(400, 60, TRUTH, 2)
    start = dt.date(2023, 1, 2)
    table = orders_from(
        [
            (str(i), start + dt.timedelta(days=int(7 * t)))
            for i, times in enumerate(rows)
            for t in times
        ]
    )
    cut, until = start + dt.timedelta(weeks=40), start + dt.timedelta(weeks=60)
    history = purchases.purchase_history(table, cut, 20).execute()
    weeks = (until - cut).days / 7
    told = purchases.expected_orders(purchases.fit_purchases(history), history, weeks)
    held = purchases.hold_out(table, ibis.memtable(told), cut, until)
    fifths, whole = held[held.fifth > 0], held.iloc[-1]
    assert (
        fifths.customer_count.tolist() == [80] * 5 and fifths.predicted_rate.is_monotonic_increasing
    )
    assert (
        fifths.actual_count.sum()
        == whole.actual_count
        == len(
            {
                (i, int(7 * t))
                for i, times in enumerate(rows)
                for t in times
                if 7 * t >= 281 and int(7 * t) <= 420
            }
        )
    )


@pytest.mark.parametrize(("shape", "low", "high"), [(1, 0.85, 1.2), (4, 3.2, 5.0)])
def test_regularity_finds_the_shape_of_the_intervals(shape, low, high):
    rng = np.random.default_rng(9)
    rows = [
        (str(i), dt.date(2000, 1, 1) + dt.timedelta(days=int(day)))
        for i in range(800)
        for day in np.cumsum([0, *rng.gamma(shape, 400 / shape, 2)])
    ]
    assert low < purchases.regularity(orders_from(rows)) < high


def test_bg_nbd_on_cdnow(real_books):
    """Fader, Hardie & Lee 2005, table 2: r .243, α 4.414, a .793, b 2.426,
    LL −9582.4 on the 2,357 customers of the 1/10 sample.

    Hold-out of weeks 40 to 78: 1,882 orders happened (method of the workbook §4).
    """
    lines = pd.read_csv(
        real_books / "cdnow" / "CDNOW_sample.txt",
        sep=r"\s+",
        header=None,
        names=["master", "id", "date", "units", "amount"],
    )
    lines["date"] = pd.to_datetime(lines.date, format="%Y%m%d").dt.date
    sample = orders_from(list(lines[["id", "date"]].astype({"id": str}).itertuples(index=False)))
    history = purchases.purchase_history(sample, dt.date(1997, 9, 30), 39).execute()
    assert len(history) == 2357
    model = purchases.fit_purchases(history)
    assert [round(value, 3) for value in (model.r, model.alpha, model.a, model.b)] == pytest.approx(
        [0.243, 4.414, 0.793, 2.426], abs=0.0011
    )
    assert round(model.log_likelihood, 1) == -9582.4
    told = purchases.expected_orders(model, history, 39)
    held = purchases.hold_out(
        sample, ibis.memtable(told), dt.date(1997, 9, 30), dt.date(1998, 6, 30)
    ).iloc[-1]
    assert held.actual_count == 1882 and held.predicted_count == pytest.approx(1653, abs=5)


# --- cohorts


def test_cohorts_by_hand():
    """Q1: A and B first order, A again in Q2 and B in Q3; C starts in Q2; Q4 is not over."""
    table = orders_from(
        [
            ("A", dt.date(2024, 1, 5)),
            ("B", dt.date(2024, 2, 5)),
            ("A", dt.date(2024, 5, 1)),
            ("C", dt.date(2024, 6, 1)),
            ("B", dt.date(2024, 8, 1)),
            ("C", dt.date(2024, 10, 3)),
        ]
    )
    periods = buckets(dt.date(2024, 1, 5), dt.date(2024, 11, 30), "quarter")
    t = cohorts.cohort_table(cohorts.cohort_counts(table, periods).execute(), periods).set_index(
        ["label", "age"]
    )
    assert (
        t.active_rate[("2024-Q1", 0)] == 1
        and t.active_rate[("2024-Q1", 1)] == 0.5
        and t.active_rate[("2024-Q1", 2)] == 0.5
    )
    assert np.isnan(t.active_rate[("2024-Q1", 3)]), "the future is blank, not zero"
    assert t.active_rate[("2024-Q2", 1)] == 0 and np.isnan(t.active_rate[("2024-Q2", 2)]), (
        "nobody bought in a finished quarter: zero"
    )
    assert (
        t.customer_count[("2024-Q1", 1)] == 2
        and t.low[("2024-Q1", 1)] < 0.5 < t.high[("2024-Q1", 1)]
    )
    assert "2024-Q3" not in t.index.get_level_values(0) and ("2024-Q4", 0) not in t.index
