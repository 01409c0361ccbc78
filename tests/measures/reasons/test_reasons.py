"""Why they leave: shares, intervals, tests and corrections against published values,
closed forms and simulated truths.
"""

import datetime as dt
import itertools
import math

import ibis
import numpy as np
import pandas as pd
import pytest
from carnet.measures.indicators import departure_times
from carnet.measures.reasons import drivers, loyalty, reasons, service_quality, silence
from carnet.measures.statistics import intervals
from carnet.wording import Wording
from scipy import stats
from statsmodels.duration.survfunc import CumIncidenceRight
from statsmodels.stats.proportion import multinomial_proportions_confint

EN = Wording("en", "EUR")
QUOTED = {"product": 0.15, "price": 0.15, "contact": 0.20, "attention": 0.49}
CLASSES = ["product", "price", "contact", "attention", "closure", "unknown"]


# --- intervals


@pytest.mark.parametrize("counts", [[56, 72, 73, 59, 62, 87, 68], [3, 0, 9], [1, 1]])
def test_goodman_equals_statsmodels(counts):
    n = sum(counts)
    low, high = reasons.goodman_intervals(np.array(counts) / n, n)
    assert np.column_stack([low, high]) == pytest.approx(
        multinomial_proportions_confint(counts, 0.05, "goodman")
    )


@pytest.mark.parametrize(
    ("n", "least", "most"), [(20, 0.93, 0.995), (100, 0.93, 0.985), (400, 0.935, 0.98)]
)
def test_goodman_holds_all_shares_at_once(n, least, most):
    """Joint coverage, 2,000 drawn samples of the quoted shares and an unknown class
    (nominal 95 %).
    """
    truth = np.array([0.13, 0.13, 0.17, 0.42, 0.05, 0.10])
    drawn = np.random.default_rng(5).multinomial(n, truth, 2000) / n
    held = [
        ((low <= truth) & (truth <= high)).all()
        for low, high in (reasons.goodman_intervals(share, n) for share in drawn)
    ]
    assert least <= np.mean(held) <= most


@pytest.mark.parametrize(
    ("n", "spread", "least"), [(40, 0.5, 0.93), (40, 1.0, 0.90), (150, 1.0, 0.93)]
)
def test_money_shares_hold_at_the_effective_count(n, spread, least):
    """Joint coverage of shares of money, lognormal amounts unrelated to the reason:
    the truth is the share of the reason.
    """
    truth, rng, held = np.array([0.15, 0.15, 0.2, 0.5]), np.random.default_rng(6), []
    for _ in range(1500):
        reason, amount = rng.choice(4, n, p=truth), rng.lognormal(0, spread, n)
        share = np.bincount(reason, amount, 4) / amount.sum()
        low, high = reasons.goodman_intervals(share, reasons.effective_count(amount))
        held.append(((low <= truth) & (truth <= high)).all())
    assert np.mean(held) >= least


def test_money_shares_are_somewhat_narrow_where_one_reason_has_the_large_ones():
    """Amounts ten times larger for one reason in ten of 36 departures:
    9 of 10 intervals hold the truth, as the note under the table says.
    """
    truth, rng, held = 0.1 * 10 / (0.1 * 10 + 0.9), np.random.default_rng(20), []
    for _ in range(1500):
        chosen = rng.random(36) < 0.1
        _share, (low, high) = reasons.weighted_share(
            pd.Series(chosen), pd.Series(np.where(chosen, 10.0, 1.0) * rng.lognormal(0, 0.3, 36))
        )
        held.append(low <= truth <= high)
    assert 0.84 <= np.mean(held) <= 0.97
    assert reasons.class_count(
        np.array([1.0, 1, 1, 1]), np.array([True, False, False, False])
    ) == pytest.approx(4)


@pytest.mark.long
def test_newcombe_covers_a_difference():
    rng = np.random.default_rng(7)
    a, b = rng.binomial(30, 0.3, 600), rng.binomial(25, 0.15, 600)
    held = [
        low <= 0.15 <= high
        for low, high in (
            intervals.newcombe_difference(x, 30, y, 25) for x, y in zip(a, b, strict=True)
        )
    ]
    assert 0.92 <= np.mean(held) <= 0.99


@pytest.mark.long
def test_newcombe_paired_covers_a_difference_and_flips_with_its_sides():
    """The published example is in the docstring; 600 samples of 25 pairs, both say it in 20 %,
    one side more often (nominal 95 %).
    """
    rng, held = np.random.default_rng(18), []
    for both, first, second, neither in rng.multinomial(25, [0.2, 0.35, 0.05, 0.4], 600):
        low, high = intervals.newcombe_paired_difference(
            int(both), int(first), int(second), int(neither)
        )
        held.append(low <= 0.3 <= high)
        assert intervals.newcombe_paired_difference(
            int(both), int(second), int(first), int(neither)
        ) == pytest.approx((-high, -low))
    assert 0.93 <= np.mean(held) <= 0.985
    assert all(math.isnan(end) for end in intervals.newcombe_paired_difference(0, 0, 0, 0))


# --- departures and shares


def notes(*rows):
    columns = ["customer_id", "date", "reason", "told_by", "revenue_at_stake"]
    t = pd.DataFrame(rows, columns=columns)
    return t.assign(date=pd.to_datetime(t.date))


def test_notes_close_together_are_one_departure_and_the_trusted_teller_counts():
    t = notes(
        ("A", "2024-01-01", "price", "salesperson", 10.0),
        ("A", "2024-02-01", "contact", "customer", None),
        ("A", "2024-09-01", "price", None, 5.0),
        ("B", "2024-01-01", "unknown", "customer", None),
        ("B", "2024-01-05", "product", "salesperson", 7.0),
    )
    found = reasons.departure_episodes(t, "customer").sort_values(["customer_id", "date"])
    assert found[["customer_id", "reason", "note_count"]].values.tolist() == [
        ["A", "contact", 2],
        ["A", "price", 1],
        ["B", "product", 2],
    ]
    assert found.date.dt.month.tolist() == [1, 9, 1] and found.revenue_at_stake.tolist() == [
        10.0,
        5.0,
        7.0,
    ]
    assert found.reason_customer.fillna("-").tolist() == ["contact", "-", "-"]
    assert found.reason_salesperson.fillna("-").tolist() == ["price", "-", "product"]
    assert reasons.departure_episodes(t, "salesperson").reason.tolist()[0] == "price"


def test_notes_without_an_order_between_are_one_departure():
    t = notes(
        ("A", "2024-01-01", "price", None, 5.0),
        ("A", "2024-09-01", "contact", None, None),
        ("A", "2025-06-01", "product", None, None),
    )
    found = reasons.departure_episodes(t.assign(order_count_before=[3.0, 3.0, 4.0]))
    assert found[["note_count", "reason"]].values.tolist() == [[2, "price"], [1, "product"]]


def departures(**columns):
    t = pd.DataFrame(columns)
    return t.assign(
        reason_by=t.get("reason_by", "analyst"), revenue_lost=t.get("revenue_lost", np.nan)
    )


def test_reason_shares_by_hand():
    t = departures(
        reason=["price"] * 2 + ["attention"] * 5 + ["closure"] + ["unknown"] * 2,
        revenue_lost=[50.0, np.nan] + [10.0] * 5 + [0.0] * 3,
    )
    shares = reasons.reason_shares(t, CLASSES, QUOTED).set_index("reason")
    assert shares["count"].to_dict() == {
        "product": 0,
        "price": 2,
        "contact": 0,
        "attention": 5,
        "closure": 1,
        "unknown": 2,
    }
    assert shares.share.sum() == pytest.approx(1) and shares.share["attention"] == 0.5
    assert (shares.revenue_lost["price"], shares.revenue_lost["product"]) == (50.0, 0.0)
    assert shares.revenue_share[["price", "attention"]].tolist() == [0.5, 0.5]
    assert shares.benchmark_share["attention"] == pytest.approx(49 / 99) and math.isnan(
        shares.benchmark_share["unknown"]
    )
    assert shares.share_of_quoted["attention"] == pytest.approx(5 / 7) and math.isnan(
        shares.share_of_quoted["closure"]
    )
    empty = reasons.reason_shares(t.head(0), CLASSES, QUOTED)
    assert empty.share.isna().all() and (empty["count"] == 0).all()


def test_goodness_of_fit_equals_the_exact_multinomial_test():
    p, counts, n = np.array([0.5, 0.3, 0.2]), np.array([2, 2, 4]), 8
    tables = [
        np.array([i, j, n - i - j])
        for i, j in itertools.product(range(n + 1), repeat=2)
        if i + j <= n
    ]
    distance = [((t - n * p) ** 2 / (n * p)).sum() for t in tables]
    reached = ((counts - n * p) ** 2 / (n * p)).sum()
    exact = sum(
        stats.multinomial.pmf(t, n, p)
        for t, d in zip(tables, distance, strict=True)
        if d >= reached - 1e-9
    )
    assert reasons.goodness_of_fit(counts, p * 7) == pytest.approx(exact, abs=0.02)
    assert (
        reasons.goodness_of_fit(np.array([500, 300, 200]), p) > 0.9
        and reasons.goodness_of_fit(np.array([200, 300, 500]), p) <= 0.0002
    )
    assert math.isnan(reasons.goodness_of_fit(np.zeros(3), p))


@pytest.mark.long
def test_independence_equals_fisher_and_says_little_by_chance():
    groups, answers = pd.Series(list("AAAAABBBBB")), pd.Series(list("xxxxyyyyyx"))
    assert reasons.independence_p_value(groups, answers) == pytest.approx(
        stats.fisher_exact([[4, 1], [1, 4]]).pvalue, abs=0.02
    )
    rng = np.random.default_rng(8)
    low = [
        reasons.independence_p_value(
            pd.Series(rng.integers(0, 4, 30)), pd.Series(rng.integers(0, 5, 30)), draws=199
        )
        <= 0.05
        for _ in range(300)
    ]
    assert np.mean(low) <= 0.08
    assert math.isnan(reasons.independence_p_value(groups, pd.Series(["x"] * 10)))


def test_groups_add_up_and_count_known_reasons_only():
    t = departures(
        reason=["contact", "price", "unknown", "attention"],
        segment=["a", "a", "a", None],
        revenue_lost=[1.0, 2, 3, 4],
    )
    found = reasons.reasons_by_group(t, ["segment"], ["contact", "attention"])
    assert found[
        ["departure_count", "known_count", "ours_count", "revenue_lost"]
    ].values.tolist() == [[3, 2, 1, 6.0], [1, 1, 1, 4.0]]
    assert found.group.isna().tolist() == [False, True]


def test_perception_gap_paired_and_apart():
    """Ten departures told by both: customers say contact eight times, salespeople twice;
    four told by one of them.
    """
    both = pd.DataFrame(
        {
            "reason_customer": ["contact"] * 8 + ["price"] * 2,
            "reason_salesperson": ["contact"] * 2 + ["price"] * 8,
        }
    )
    alone = pd.DataFrame(
        {
            "reason_customer": ["contact", "price", None, None],
            "reason_salesperson": [None, None, "price", "price"],
        }
    )
    t = reasons.perception_gap(pd.concat([both, alone], ignore_index=True), CLASSES).set_index(
        ["sample", "reason"]
    )
    paired = t.loc[("paired", "contact")]
    assert (paired.gap, paired.customer_count, paired.salesperson_count) == (
        pytest.approx(-0.6),
        10,
        10,
    )
    assert paired.p_value == pytest.approx(stats.binomtest(0, 6).pvalue) and paired.gap_high < 0
    assert (paired.gap_low, paired.gap_high) == pytest.approx(
        intervals.newcombe_paired_difference(2, 0, 6, 2, 0.975)
    )
    assert t.loc[("apart", "contact")].gap == -0.5 and len(t) == 4
    assert len(reasons.perception_gap(alone.head(2), CLASSES)) == 0


def test_corrected_shares_by_hand():
    """Segment a: 4 leavers, 2 told (price); segment b: 6 leavers, 1 told (contact).

    Weights 2, 2, 6.
    """
    t = pd.DataFrame(
        {
            "segment": ["a"] * 4 + ["b"] * 6,
            "reason": ["price", "price", "unknown", "unknown", "contact"] + ["unknown"] * 5,
        }
    )
    found = reasons.corrected_shares(t, "segment", CLASSES).set_index("reason")
    assert found.known_share.to_dict() == pytest.approx({"price": 2 / 3, "contact": 1 / 3})
    assert found.reweighted_share.to_dict() == pytest.approx({"price": 0.4, "contact": 0.6})
    assert found[["bound_low", "bound_high"]].values.tolist() == [[0.2, 0.9], [0.1, 0.8]]
    assert (found.represented_share == 1).all() and len(
        reasons.corrected_shares(t[t.reason == "unknown"], "segment", CLASSES)
    ) == 0
    rates = reasons.response_rates(t, ["segment"])
    assert rates[["leaver_count", "known_count"]].values.tolist() == [[4, 2], [6, 1]]


def test_reweighting_takes_out_what_segments_explain():
    """Answers depend on the segment only: the plain share is off by 15 points,
    the reweighted one is not, and the bounds hold the truth.
    """
    rng, plain, mended = np.random.default_rng(9), [], []
    for _ in range(30):
        segment = rng.choice(["a", "b"], 600)
        reason = np.where(rng.random(600) < np.where(segment == "a", 0.8, 0.2), "contact", "price")
        told = rng.random(600) < np.where(segment == "a", 0.7, 0.2)
        truth = (reason == "contact").mean()
        t = pd.DataFrame({"segment": segment, "reason": np.where(told, reason, "unknown")})
        row = reasons.corrected_shares(t, "segment", CLASSES).set_index("reason").loc["contact"]
        plain.append(row.known_share - truth)
        mended.append(row.reweighted_share - truth)
        assert row.bound_low <= truth <= row.bound_high
    assert np.mean(plain) > 0.12 and abs(np.mean(mended)) < 0.02


# --- silence and the chain


def test_silent_customers_are_judged_by_the_tables_given():
    """A complaint is a sign; no complaint and no answer is silence;
    what a table does not tell leaves it open, unless another sign was seen.
    """
    t = pd.DataFrame(
        {"complained": [True, False, False, None], "answered": [None, False, None, None]}
    )
    found = silence.silent_customers(t)
    assert found.isna().tolist() == [False, False, True, True] and found[:2].tolist() == [
        False,
        True,
    ]
    assert silence.silent_customers(t[[]]).isna().all(), "no table, no judgement"


def test_spoke_looks_inside_each_window():
    events = ibis.memtable(
        {
            "customer_id": ["A", "B", "C"],
            "date": [dt.date(2024, 1, 1), dt.date(2024, 6, 2), dt.date(2024, 6, 1)],
        }
    )
    windows = silence.windows_of(
        pd.DataFrame(
            {"customer_id": list("ABC"), "window_start": "2024-01-01", "window_end": "2024-06-01"}
        )
    )
    assert silence.spoke(events, windows).execute().customer_id.tolist() == ["A", "C"]


def test_the_quoted_chain_is_one_point_and_its_arithmetic_holds():
    """100 × 0.96 × 1 × 15 × 1 = 1,440; drawn ranges have the mean of their product."""
    quoted = {"silent": 0.96, "leave": 1.0, "told": 15, "convert": 1.0}
    better = {"silent": 0.5, "leave": 0.6, "told": 10.0, "convert": 0.1}
    premises = silence.chain_premises(
        quoted, better, {"told": (9.0, 11.0)}, 0.5, {"silent": (8, 16), "leave": (3, 9)}
    )
    assert premises["silent"].origin == "book" and premises["leave"].origin == "corrected", (
        "nine customers do not tell a link"
    )
    assert (
        premises["convert"].origin == "assumed"
        and premises["leave"].high == pytest.approx(0.9)
        and premises["told"].low == 9
    )
    results, tornado, drawn = silence.silent_chain(premises)
    assert results.set_index("step").quoted.to_dict() == pytest.approx(
        {"lost_customers": 96, "lost_prospects": 1440}
    )
    assert drawn.mean() == pytest.approx(100 * 0.5 * 0.6 * 10 * 0.1, rel=0.02), (
        "independent premises: the mean of the product is the product of the means"
    )
    assert set(tornado.premise) == set(silence.CHAIN) and tornado.swing.is_monotonic_decreasing
    certain = silence.chain_premises(quoted, quoted, {}, 0.0, {})
    exact = silence.silent_chain(certain)[0].set_index("step")
    assert exact.loc["lost_prospects", ["low", "median", "high"]].tolist() == pytest.approx(
        [1440, 1440, 1440]
    )


# --- service quality, loyalty


def test_answers_are_shares_of_their_scale_one_row_a_customer():
    t = ibis.memtable(
        {
            "customer_id": ["A", "A", "B", "C"],
            "date": [dt.date(2024, 1, d) for d in (1, 2, 3, 4)],
            "score": [8.0, 10, 4, 9],
            "scale": [10.0, 10, 5, None],
            "empathy": [5.0, None, 5, 1],
        }
    )
    found = service_quality.customer_answers(t).execute().set_index("customer_id")
    assert found.score["A"] == 0.9 and found.score["B"] == 0.8 and found.empathy["A"] == 0.5
    assert math.isnan(found.score["C"]), "a mark without a scale is not known"


def test_relative_weights_equal_squared_correlations_of_independent_marks():
    """Independent dimensions: R² splits into the squared correlations;
    correlated ones still add up to R² (a least-squares fit).
    """
    rng = np.random.default_rng(10)
    marks = rng.normal(size=(4000, 3))
    score = marks @ np.array([0.6, 0.3, 0.0]) + rng.normal(size=4000)
    t = pd.DataFrame(marks, columns=["reliability", "empathy", "tangibles"]).assign(score=score)
    found, (r2, p_value) = service_quality.estimated_weights(t, resamples=50)
    weights = found.set_index("dimension").importance
    assert weights.sum() == pytest.approx(1)
    squares = t[["reliability", "tangibles", "empathy"]].corrwith(t.score) ** 2
    assert weights.to_dict() == pytest.approx((squares / squares.sum()).to_dict(), abs=0.01)
    t["empathy"] = t.empathy + 0.8 * t.reliability
    found, (r2, p_value) = service_quality.estimated_weights(t, resamples=50)
    design = np.column_stack([np.ones(4000), t[["reliability", "empathy", "tangibles"]]])
    residual = score - design @ np.linalg.lstsq(design, score, rcond=None)[0]
    assert r2 == pytest.approx(1 - residual.var() / score.var()) and p_value < 1e-6
    assert len(service_quality.estimated_weights(t.head(49))[0]) == 0


@pytest.mark.long
def test_marks_of_pure_chance_tell_no_weights():
    """The F test of R²: 300 surveys of 80 customers without any relation,
    p under 5 % in about 5 % of them.
    """
    rng = np.random.default_rng(19)
    p_values = []
    for _ in range(300):
        t = pd.DataFrame(
            rng.normal(size=(80, 4)), columns=["score", "reliability", "empathy", "tangibles"]
        )
        p_values.append(service_quality.estimated_weights(t, resamples=1)[1][1])
    assert 0.02 <= np.mean(np.array(p_values) < 0.05) <= 0.09


def test_importance_performance_positions():
    weights = service_quality.profile_weights(
        {"reliability": 30, "assurance": 20, "tangibles": 7, "empathy": 16, "responsiveness": 25},
        service_quality.DIMENSIONS,
    )
    assert weights.importance.sum() == pytest.approx(1) and weights.set_index(
        "dimension"
    ).importance["reliability"] == pytest.approx(30 / 98)
    scores = pd.DataFrame(
        {
            "dimension": service_quality.DIMENSIONS,
            "customer_count": 9,
            "performance": [0.6, 0.9, 0.5, 0.9, 0.75],
            "performance_low": [0.55, 0.85, 0.4, 0.85, 0.65],
            "performance_high": [0.65, 0.95, 0.8, 0.95, 0.85],
        }
    )
    found = service_quality.importance_performance(weights, scores, 0.7).set_index("dimension")
    assert found.position.to_dict() == {
        "reliability": "act",
        "assurance": "keep",
        "tangibles": "watch",
        "empathy": "enough",
        "responsiveness": "keep",
    }
    assert found.sure.to_dict() == {
        "reliability": True,
        "assurance": True,
        "tangibles": False,
        "empathy": True,
        "responsiveness": False,
    }


def test_student_interval_of_a_dimension():
    marks = np.array([0.5, 0.7, 0.9, 0.6])
    found = service_quality.dimension_scores(pd.DataFrame({"empathy": marks})).iloc[0]
    low, high = stats.t.interval(0.95, 3, marks.mean(), stats.sem(marks))
    assert (found.performance_low, found.performance_high) == pytest.approx((low, high))


def test_satisfied_leaving_and_core_by_hand():
    t = pd.DataFrame(
        {
            "satisfied": pd.array([True, True, True, False, False, None], dtype="boolean"),
            "lost": [True, False, False, True, True, False],
            "revenue_previous": [10.0, 20, 30, 40, 50, 60],
            "profitable": pd.array([True, True, False, True, True, True], dtype="boolean"),
            "margin": [1.0, 2.0, -3.0, 4.0, 5.0, 6.0],
        }
    )
    leaving = loyalty.satisfied_leaving(t)
    assert leaving[["answer", "customer_count", "lost_count", "revenue_lost"]].values.tolist() == [
        ["satisfied", 3, 1, 10.0],
        ["unsatisfied", 2, 2, 90.0],
        ["no answer", 1, 0, 0.0],
    ]
    difference, low, high, p = loyalty.satisfaction_effect(leaving)
    assert difference == pytest.approx(1 - 1 / 3) and p == pytest.approx(
        stats.fisher_exact([[2, 0], [1, 2]]).pvalue
    )
    assert (low, high) == intervals.newcombe_difference(2, 2, 1, 3)
    row = loyalty.core(t).set_index("condition").loc["core"]
    assert (row.known_count, row["count"], row.margin, row.margin_share) == (
        5,
        1,
        2.0,
        pytest.approx(2 / 9),
    )
    assert (row.bound_low, row.bound_high) == pytest.approx((1 / 6, 2 / 6)), (
        "the customer that did not answer may be of the core"
    )
    t.loc[0, "margin"], t.loc[0, "profitable"] = np.nan, pd.NA
    assert loyalty.core(t).set_index("condition").loc["core"].known_count == 4


# --- drivers


def simulated(rng, n, effects, constant=-1.5):
    x = rng.normal(size=(n, len(effects)))
    y = rng.random(n) < 1 / (1 + np.exp(-(constant + x @ np.array(effects))))
    return pd.DataFrame(x, columns=[f"x{i}" for i in range(len(effects))]), pd.Series(y)


@pytest.mark.long
@pytest.mark.parametrize("rows_held_at_once", [100_000, 150, 100])
def test_ridge_is_the_plain_fit_under_a_flat_prior(rows_held_at_once, monkeypatch):
    from statsmodels.api import Logit, add_constant

    monkeypatch.setattr(drivers, "PART_ROWS", rows_held_at_once)
    x, y = simulated(np.random.default_rng(11), 400, [0.7, -0.4, 0.0])
    b, covariance = drivers.ridge_logistic(x.to_numpy(), y.to_numpy(dtype=float), prior_sd=1e6)
    fit = Logit(y.astype(float), add_constant(x)).fit(disp=0)
    assert b == pytest.approx(fit.params.to_numpy(), abs=1e-5)
    assert np.sqrt(np.diag(covariance)) == pytest.approx(fit.bse.to_numpy(), rel=1e-4)
    with pytest.raises(ValueError, match="one outcome a row"):
        drivers.ridge_logistic(x.to_numpy(), np.append(y, 1.0))


def test_ridge_survives_perfect_separation():
    x = np.arange(20.0)[:, None]
    b, covariance = drivers.ridge_logistic((x - x.mean()) / x.std(), (x[:, 0] >= 10).astype(float))
    assert np.isfinite(b).all() and 1 < b[1] < 10 and np.isfinite(covariance).all()


def test_driver_intervals_cover_effects_drawn_from_the_prior():
    """200 books of 300 customer-years, four effects drawn from the prior each: nominal 95 %;
    effects of zero are told apart rarely.
    """
    rng, held, false = np.random.default_rng(12), [], []
    for _ in range(200):
        truth = np.append(rng.normal(0, 0.8, 3), 0.0)
        x, y = simulated(rng, 300, truth)
        z, spread = drivers.standardised(x), x.std(ddof=0).to_numpy()
        b, covariance = drivers.ridge_logistic(z.to_numpy(), y.to_numpy(dtype=float))
        errors = np.sqrt(np.diag(covariance))[1:]
        held.append(np.abs(b[1:] - truth * spread) <= 1.96 * errors)
        false.append(abs(b[4]) > 1.96 * errors[3])
    assert 0.92 <= np.mean(held) <= 0.98 and np.mean(false) <= 0.08


@pytest.mark.long
def test_driver_intervals_hold_all_at_once_on_thirty_events():
    """The least number of departures asked for: 200 books of 250 customer-years, about 34 lost,
    11 attributes, five of them without effect.
    """
    rng, joint, false = np.random.default_rng(21), [], []
    for _ in range(200):
        truth = np.append(rng.normal(0, 0.5, 6), np.zeros(5))
        x, y = simulated(rng, 250, truth, constant=-2.3)
        t = drivers.driver_effects(x, y).set_index("attribute")
        told = np.exp(pd.Series(truth, index=x.columns) * x.std(ddof=0)).reindex(t.index)
        joint.append(((t.odds_low <= told) & (told <= t.odds_high)).all())
        false.append((t.told_apart[[f"x{i}" for i in range(6, 11)]] != "").any())
    assert 0.91 <= np.mean(joint) <= 0.99 and np.mean(false) <= 0.06


def test_driver_effects_and_their_words():
    x, y = simulated(np.random.default_rng(13), 600, [1.2, -0.9, 0.0])
    t = drivers.driver_effects(x.assign(constant=1.0), y).set_index("attribute")
    assert list(t.index[:2]) == ["x0", "x1"] and "constant" not in t.index
    assert (t.told_apart["x0"], t.told_apart["x1"], t.told_apart["x2"]) == ("more", "less", "")
    assert ((t.odds_low < t.odds_ratio) & (t.odds_ratio < t.odds_high)).all()


def test_cross_validation_never_sees_its_customer():
    """Attributes of pure noise, each customer ten times with the same outcome:
    without groups the fit would know them by heart.
    """
    rng = np.random.default_rng(14)
    customers = np.repeat(np.arange(60), 10)
    noise = pd.DataFrame(rng.normal(size=(60, 8))[customers])
    left = pd.Series((rng.random(60) < 0.4)[customers])
    risks = drivers.out_of_sample(noise, left, pd.Series(customers))
    assert drivers.discrimination(risks, left)["auc"] < 0.65


def test_discrimination_equals_mann_whitney_and_calibration_adds_up():
    x, y = simulated(np.random.default_rng(15), 500, [1.0])
    risks = drivers.out_of_sample(x, y, pd.Series(range(500)))
    found = drivers.discrimination(risks, y)
    assert found["auc"] == pytest.approx(
        stats.mannwhitneyu(risks[y], risks[~y]).statistic / (y.sum() * (~y).sum())
    )
    assert found["brier"] < found["brier_base"] == pytest.approx(y.mean() * (1 - y.mean()))
    assert 0.8 < found["calibration_slope"] < 1.25
    table = drivers.calibration(risks, y)
    assert (
        table.left_count.sum() == y.sum()
        and table.foretold.is_monotonic_increasing
        and table.row_count.sum() == 500
    )


def test_auc_interval_covers_the_truth():
    """A normal shift of one: AUC = Φ(1/√2) = 0.760; 500 samples of 25 leavers and 100 stayers
    (nominal 95 %).
    """
    rng, truth, held = np.random.default_rng(16), stats.norm.cdf(1 / math.sqrt(2)), []
    for _ in range(500):
        risks = stats.norm.cdf(np.concatenate([rng.normal(1, 1, 25), rng.normal(0, 1, 100)]))
        found = drivers.discrimination(risks, pd.Series([True] * 25 + [False] * 100))
        held.append(found["auc_low"] <= truth <= found["auc_high"])
    assert 0.92 <= np.mean(held) <= 0.98


# --- competing reasons


def spells(seed=17, n=300):
    rng = np.random.default_rng(seed)
    a, b, censored = rng.exponential(4, n), rng.exponential(8, n), rng.uniform(0.5, 6, n)
    stop = np.minimum(np.minimum(a, b), censored)
    cause = np.where(stop == a, "ours", np.where(stop == b, "other", None))
    return pd.DataFrame({"entry": 0.0, "duration": stop, "cause": cause})


def test_incidence_equals_statsmodels_and_adds_up_to_one():
    t = spells()
    found = departure_times.cumulative_incidence(t, ["ours", "other"])
    code = t.cause.map({"ours": 1, "other": 2}).fillna(0).astype(int)
    reference = CumIncidenceRight(t.duration.to_numpy(), code.to_numpy())
    seen = dict(zip(reference.times, np.column_stack(reference.cinc), strict=True))
    assert found[["ours", "other"]].to_numpy() == pytest.approx(
        np.array([seen[time] for time in found.years])
    )
    assert (found.ours + found.other + found.staying).to_numpy() == pytest.approx(1.0)


@pytest.mark.long
def test_incidence_with_late_entry_and_its_interval_cover_the_truth():
    """Hazards 1/4 and 1/8: I(2) = 2/3 × (1 − exp(−3/4)); half of the customers come under
    observation later (nominal 95 %).
    """
    truth, held = 2 / 3 * (1 - math.exp(-0.75)), []
    for seed in range(100):
        rng = np.random.default_rng(1000 + seed)
        t = spells(seed, 250).assign(
            entry=np.where(rng.random(250) < 0.5, rng.uniform(0, 1.5, 250), 0.0)
        )
        t = t[t.duration > t.entry]
        row = departure_times.incidence_intervals(t, ["ours", "other"], [2.0], resamples=120).iloc[
            0
        ]
        held.append(row.incidence_low <= truth <= row.incidence_high)
    assert 0.89 <= np.mean(held) <= 0.99


def test_incidence_is_unknown_beyond_observation_and_has_no_interval_of_few():
    t = pd.DataFrame(
        {"entry": [0.0] * 12, "duration": [0.5] * 4 + [1.0] * 8, "cause": ["ours"] * 4 + [None] * 8}
    )
    found = departure_times.incidence_intervals(t, ["ours", "other"], [1.0, 3.0])
    assert (
        found.years.unique().tolist() == [1.0]
        and found.incidence.tolist() == pytest.approx([4 / 12, 0.0])
        and found.incidence_low.isna().all()
        and found.departure_count.tolist() == [4, 0]
    )
    assert len(departure_times.cumulative_incidence(t.head(9), ["ours"])) == 0, (
        "nine at risk are too few"
    )
