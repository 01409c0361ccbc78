"""Experiments: sizes against published ones, arms, what is read of them under a known truth, and plans that cannot be changed."""

import datetime as dt
import json
import math
import re

import numpy as np
import pandas as pd
import pytest
import yaml
from carnet.book import open_book
from carnet.errors import CarnetError
from carnet.experiment import load_plan, plan_experiment, planned, read_experiment
from carnet.findings.experiments import result, size
from carnet.measures import experiments
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import proportion_effectsize

from .conftest import run_carnet, write_engagement

TODAY = dt.date(2024, 1, 1)


@pytest.mark.parametrize(("rate", "other", "published"), [(0.80, 0.85, 902), (0.30, 0.20, 292), (0.20, 0.15, 903), (0.10, 0.08, 3205)])
def test_published_arm_sizes(rate, other, published):
    """Customers an arm, as statsmodels' NormalIndPower gives them for Cohen's h (1988), power 80 %, 5 % on both sides."""
    solved = NormalIndPower().solve_power(abs(proportion_effectsize(other, rate)), power=0.8, alpha=0.05)
    assert (
        abs(experiments.arm_size_for_rates(rate, other) - published) <= 1 and abs(experiments.arm_size_for_rates(rate, other) - solved) <= 1
    )


def test_sizes_and_smallest_effects_are_inverse():
    assert experiments.detectable_rate(0.8, 903, 903) == pytest.approx(0.05, abs=1e-4)
    n = experiments.arm_size_for_difference(100, 20)
    assert experiments.detectable_difference(100, n, n) <= 20 < experiments.detectable_difference(100, n - 1, n - 1)
    assert math.isnan(experiments.detectable_rate(0.99, 5, 5)) and math.isnan(experiments.detectable_difference(1, 0, 5))


def test_cuped_takes_away_what_the_past_foretells():
    """Closed form: an outcome that is twice its baseline plus a constant has nothing left but its mean."""
    x = np.arange(10.0)
    adjusted, explained = experiments.cuped(2 * x + 5, x)
    assert adjusted == pytest.approx(np.full(10, 14.0)) and explained == pytest.approx(1)
    same, nothing = experiments.cuped(x, np.ones(10))
    assert (same == x).all() and nothing == 0


def units(rng, count, rate=False):
    baseline = rng.lognormal(0, 1, count)
    outcome = (
        (rng.random(count) < np.clip(0.6 + 0.1 * np.log(baseline), 0.05, 0.95)).astype(float)
        if rate
        else baseline * rng.lognormal(0, 0.5, count)
    )
    classes = np.where(baseline > 2, "A", np.where(baseline > 0.7, "B", "C"))
    return pd.DataFrame({"customer_id": [f"{k:04d}" for k in range(count)], "stratum": classes, "baseline": baseline, "outcome": outcome})


@given(st.integers(8, 90), st.sampled_from([0.2, 0.35, 0.5, 0.7]), st.integers(0, 999))
def test_law_arms_split_every_stratum_like_the_whole(count, share, seed):
    t = units(np.random.default_rng(seed), count)
    drawn = experiments.assign(t, share, False, seed)
    treated = drawn.arm == experiments.TREATED
    assert abs(treated.sum() - share * count) <= 1 and set(drawn.customer_id) == set(t.customer_id)
    expected = drawn.groupby("block").size() * share
    assert (abs(treated.groupby(drawn.block).sum() - expected) <= 1 + 1e-9).all()
    again = experiments.assign(t.sample(frac=1, random_state=seed), share, False, seed)
    assert again.equals(drawn), "the draw hangs on customers and seed, not on the order of rows"


@given(st.integers(8, 60), st.integers(0, 999))
def test_law_pairs_hold_one_of_each(count, seed):
    drawn = experiments.assign(units(np.random.default_rng(seed), count), 0.5, True, seed)
    inside = drawn[drawn.arm != experiments.LEFT_OUT]
    assert (inside.groupby("block").arm.agg(set).map(len) == 2).all() and (inside.groupby("block").size() == 2).all()
    assert (drawn.arm == experiments.LEFT_OUT).sum() == (drawn.groupby("stratum").size() % 2).sum()


def trials(count, pairs, rate, share, number, effect=0.0):
    """Experiments with a known effect: what was read of each."""
    rng, rows = np.random.default_rng(count + 7), []
    for _ in range(number):
        t = units(rng, count, rate)
        drawn = experiments.assign(t, share, pairs, int(rng.integers(1e6))).merge(t[["customer_id", "outcome"]], on="customer_id")
        drawn["outcome"] += effect * (drawn.arm == experiments.TREATED)
        rows.append(experiments.read_effect(drawn, share, pairs, rate, int(rng.integers(1e6))))
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("count", "pairs", "rate", "share"),
    [(24, True, False, 0.5), (60, False, False, 0.5), (150, False, True, 0.5), (90, False, False, 0.3), (31, True, True, 0.5)],
)
def test_nothing_done_is_found_in_one_of_twenty(monkeypatch, count, pairs, rate, share):
    """Simulation: money that is log-normal and hangs on its past, or a rate, without any effect; 200 experiments, bounds of three standard errors."""
    monkeypatch.setattr(experiments, "DRAWS", 300)
    t = trials(count, pairs, rate, share, 200)
    alarms, inside = (t.p_value <= 0.05).mean(), ((t.low <= 0) & (t.high >= 0)).mean()
    print(f"{count} customers, pairs {pairs}, rate {rate}, share {share}: false alarms {alarms:.1%}, interval holds the truth {inside:.1%}")
    assert 0.005 <= alarms <= 0.097 and inside >= 0.90


def test_the_effect_planned_for_is_found_in_eight_of_ten(monkeypatch):
    """Simulation: the smallest visible effect, from the spread that CUPED leaves, is found in about 80 % of the experiments."""
    monkeypatch.setattr(experiments, "DRAWS", 300)
    history = units(np.random.default_rng(1), 20_000)
    spread = experiments.cuped(history.outcome, history.baseline)[0].std(ddof=1)
    t = trials(200, False, False, 0.5, 150, experiments.detectable_difference(spread, 100, 100))
    assert 0.68 <= (t.p_value <= 0.05).mean() <= 0.95
    assert t.explained.mean() > 0.4 and (t.high - t.low).mean() < 0.85 * (t.raw_high - t.raw_low).mean(), "the past narrows the interval"


def test_a_sample_that_is_not_the_one_drawn_is_seen():
    assert experiments.sample_ratio_p_value(500, 500, 0.5) == pytest.approx(1)
    assert experiments.sample_ratio_p_value(500, 400, 0.5) < experiments.MISMATCH < experiments.sample_ratio_p_value(50, 40, 0.5)


@pytest.fixture(scope="module")
def trading(tmp_path_factory):
    """A wholesaler with steady customers: sales of 2021 to 2023, then of 2024, too."""
    rng, home = np.random.default_rng(2), tmp_path_factory.mktemp("trading")
    rows = [["customer_id", "date", "amount", "cost"]]
    for customer in range(70):
        size_of = rng.lognormal(6, 0.8)
        for month in pd.period_range("2021-01", "2024-12", freq="M"):
            if rng.random() < 0.7:
                amount = round(size_of * rng.lognormal(0, 0.4), 2)
                rows.append([f"C{customer:02d}", f"{month}-{1 + int(rng.integers(28)):02d}", amount, round(0.6 * amount, 2)])
    whole = write_engagement(home, "now", client="Trading SA", tables={"sales": rows}, as_of="2024-12-31")
    write_engagement(
        home, "then", client="Trading SA", tables={"sales": [rows[0], *(row for row in rows[1:] if row[1] < "2024")]}, as_of="2023-12-31"
    )
    return home, whole


@pytest.fixture
def plan(trading):
    """A plan written on the books of 2023, put beside those of 2024."""
    home, whole = trading
    made, path = plan_experiment(open_book(home / "then"), "serve", "revenue", 180, None, 0.5, 3, 100.0, "", TODAY)
    target = whole / "experiments" / path.name
    target.parent.mkdir(exist_ok=True)
    path.rename(target)
    yield made, target
    for left in target.parent.iterdir():
        left.unlink()


def test_a_plan_says_what_it_can_show_before_anything_happens(plan, trading):
    made, path = plan
    assert (made.start, made.end) == (dt.date(2024, 1, 2), dt.date(2024, 6, 29)) and made.design == "strata"
    assert made.count("treated") + made.count("control") == len(made.units) and abs(made.count("treated") - made.count("control")) <= 1
    history = pd.read_csv(trading[0] / "then" / "sales.csv", parse_dates=["date"])
    past = history[history.date.between("2023-01-02", "2023-06-29")].groupby("customer_id").amount.sum()
    ids = [unit.customer_id for unit in made.units]
    assert made.usual_mean == pytest.approx(past.reindex(ids).fillna(0).mean()) and made.usual_spread == pytest.approx(
        past.reindex(ids).fillna(0).std()
    )
    year = history[history.date.between("2023-01-01", "2023-12-31")].groupby("customer_id").amount.sum()
    assert {unit.customer_id: unit.baseline for unit in made.units} == pytest.approx(year.reindex(ids).fillna(0).to_dict(), abs=0.005)
    n = (made.count("treated"), made.count("control"))
    left = made.usual_spread * math.sqrt(1 - made.explained)
    assert made.detectable_effect == pytest.approx(experiments.detectable_difference(left, *n), rel=1e-4)
    told = " ".join(size(open_book(trading[1]).wording, made))
    assert "treated" in told and "in 8 cases of 10" in told and f"takes {made.needed_per_arm:,} customers" in told
    assert load_plan(path) == made


def test_reading_equals_a_plain_computation(plan, trading):
    made, path = plan
    book = open_book(trading[1])
    found, target = read_experiment(book, path)
    sales = pd.read_csv(trading[1] / "sales.csv", parse_dates=["date"])
    within = sales[sales.date.between("2024-01-02", "2024-06-29")].groupby("customer_id").amount.sum()
    t = made.frame.assign(outcome=lambda f: f.customer_id.map(within).fillna(0))
    theta = np.polyfit(t.baseline, t.outcome, 1)[0]
    adjusted = t.outcome - theta * (t.baseline - t.baseline.mean())
    arms = [adjusted[t.arm == arm] for arm in ("treated", "control")]
    assert found["effect"] == pytest.approx(arms[0].mean() - arms[1].mean(), rel=1e-3)
    error = math.sqrt(sum(arm.var() / len(arm) for arm in arms))
    assert found["high"] - found["low"] == pytest.approx(2 * 1.98 * error, rel=0.03) and found["missing_count"] == 0
    assert found["raw"] == pytest.approx(t.outcome[t.arm == "treated"].mean() - t.outcome[t.arm == "control"].mean())
    assert json.loads(target.read_text(encoding="utf-8")) == found and found["p_value"] > 0.001
    told = " ".join(result(book.wording, made, found))
    assert ("No effect is told" in told) == (found["low"] <= 0 <= found["high"])
    pairs, refused = planned(book)
    assert [(p.name, r["effect"]) for p, r in pairs] == [(made.name, found["effect"])] and not refused


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: text.replace("measure: revenue", "measure: margin"), "was changed after it was written"),
        (lambda text: text.replace("end: 2024-06-29", "end: 2024-03-31"), "was changed after it was written"),
        (lambda text: text.replace("arm: treated", "arm: control", 1), "was changed after it was written"),
        (lambda text: text.replace("measure: revenue", "measure: smiles"), "not a plan of carnet experiment plan"),
        (lambda text: "- [", "not a plan of carnet experiment plan"),
    ],
)
def test_a_changed_plan_is_refused(plan, trading, change, told):
    _, path = plan
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(CarnetError, match=told):
        read_experiment(open_book(trading[1]), path)
    assert planned(open_book(trading[1]))[1], "a report says which experiment it leaves out"


def test_an_arm_that_does_not_follow_from_the_seed_is_refused(plan, trading):
    """Whoever moves a customer and writes the digest again is found by drawing the arms anew."""
    from carnet.experiment import _digest

    made, path = plan
    first = made.units[0].model_copy(update={"arm": "control" if made.units[0].arm == "treated" else "treated"})
    moved = made.model_copy(update={"units": [first, *made.units[1:]]})
    path.write_text(yaml.safe_dump(moved.model_copy(update={"digest": _digest(moved)}).model_dump()), encoding="utf-8")
    with pytest.raises(CarnetError, match="was changed after it was written"):
        read_experiment(open_book(trading[1]), path)


def test_reading_is_refused_early_on_another_measure_and_without_the_sales(plan, trading, tmp_path):
    made, path = plan
    book = open_book(trading[1])
    with pytest.raises(CarnetError, match="too early"):
        read_experiment(open_book(trading[1], "2024-06-28"), path)
    with pytest.raises(CarnetError, match="was planned on revenue"):
        read_experiment(book, path, "margin")
    stopped = write_engagement(
        tmp_path,
        client="Trading SA",
        tables={"sales": [["customer_id", "date", "amount"], ["C00", "2024-02-01", "5"], ["C00", "2024-02-09", "5"]]},
        as_of="2024-12-31",
    )
    with pytest.raises(CarnetError, match="the sales do not cover it"):
        read_experiment(open_book(stopped), path)
    other = write_engagement(
        tmp_path, "other", client="Other SA", tables={"sales": [["customer_id", "date", "amount"], ["C00", "2024-12-01", "5"]]}
    )
    with pytest.raises(CarnetError, match="an experiment of Trading SA"):
        read_experiment(open_book(other, "2024-12-31"), path)


def test_a_lost_arm_is_told_instead_of_an_effect(plan, trading, tmp_path):
    """Customers of one arm are no longer in the book: something chose who is found."""
    made, path = plan
    sales = pd.read_csv(trading[1] / "sales.csv")
    gone = [unit.customer_id for unit in made.units if unit.arm == "treated"][5:]
    left = [list(sales.columns), *sales[~sales.customer_id.isin(gone)].to_numpy().tolist()]
    folder = write_engagement(tmp_path, client="Trading SA", tables={"sales": left}, as_of="2024-12-31")
    book = open_book(folder)
    found, _ = read_experiment(book, path)
    assert found["missing_count"] == len(gone) and found["sample_ratio_p_value"] < 0.001 and found["effect"] is None
    assert "something chose who is found" in " ".join(result(book.wording, made, found))


def test_refusals_of_a_plan(trading):
    home, whole = trading
    book = open_book(home / "then")
    for arguments, told in (
        (("protekt", "revenue", 180, None, 0.5), "did you mean 'protect'"),
        (("serve", "turnover", 180, None, 0.5), "Accepted: revenue, margin, orders, retention"),
        (("serve", "revenue", 3, None, 0.5), "days: 7 to 365"),
        (("serve", "revenue", 180, dt.date(2023, 12, 31), 0.5), "may be known; start later"),
        (("serve", "revenue", 180, dt.date(2023, 12, 1), 0.5), "may be known; start later"),
        (("serve", "revenue", 180, None, 1.0), "share: between 0 and 1"),
        (("serve", "revenue", 180, None, 0.02), "at least 4 are needed"),
        (("renegotiate", "revenue", 180, None, 0.5), "too few to draw two arms"),
    ):
        with pytest.raises(CarnetError, match=re.escape(told)):
            plan_experiment(book, *arguments, 1, None, "", TODAY)
    with pytest.raises(CarnetError, match="one strategy at a time"):
        try:
            plan_experiment(book, "serve", "retention", 90, None, 0.5, 1, 0.05, "", TODAY)
            plan_experiment(book, "serve", "revenue", 30, dt.date(2024, 2, 1), 0.5, 1, None, "", TODAY)
        finally:
            (home / "then" / "experiments" / "serve-2024-01-02.yml").unlink()


def test_command_line_plans_and_reads(trading):
    home, whole = trading
    dry = run_carnet("experiment", "plan", home / "then", "--strategy", "serve", "--effect", "100", "--dry-run")
    assert dry.returncode == 0 and "in 8 cases of 10" in dry.stdout and not list((home / "then").glob("experiments/*")), dry.stderr
    done = run_carnet("experiment", "plan", home / "then", "--strategy", "serve", "--measure", "retention")
    path = done.stdout.splitlines()[-1]
    try:
        assert done.returncode == 0 and load_plan(home / "then" / "experiments" / path.split("/")[-1]).measure == "retention", done.stderr
        early = run_carnet("experiment", "read", home / "then", path)
        assert early.returncode == 2 and "too early" in early.stderr and "Traceback" not in early.stderr
        twice = run_carnet("experiment", "plan", home / "then", "--strategy", "serve")
        assert twice.returncode == 2 and "one strategy at a time" in twice.stderr
    finally:
        (home / "then" / "experiments" / path.split("/")[-1]).unlink()
