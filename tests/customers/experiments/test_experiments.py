"""Experiments: sizes against published ones, arms, what is read of them under a known truth,
and plans that cannot be changed.
"""

import datetime as dt
import json
import math
import re
import shutil

import numpy as np
import pandas as pd
import pytest
import yaml
from carnet.book.book import open_book
from carnet.book.mapped import frame
from carnet.customers.accounts.valued import accounts_of
from carnet.customers.experiments.drawing import Question, plan_experiment
from carnet.customers.experiments.files import load_plan
from carnet.customers.experiments.reading import planned, read_experiment
from carnet.engagement.parameters import Policy
from carnet.errors import CarnetError
from carnet.findings.experiments import result, size
from carnet.measures.retention import experiments
from carnet.measures.statistics.intervals import newcombe_difference
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import proportion_effectsize

from tests.conftest import DEMO, run_carnet, write_engagement

TODAY = dt.date(2024, 1, 1)


@pytest.mark.parametrize(
    ("rate", "other", "published"),
    [(0.80, 0.85, 902), (0.30, 0.20, 292), (0.20, 0.15, 903), (0.10, 0.08, 3205)],
)
def test_published_arm_sizes(rate, other, published):
    """Customers an arm, as statsmodels' NormalIndPower gives them for Cohen's h (1988), power 80 %,
    5 % on both sides.
    """
    solved = NormalIndPower().solve_power(
        abs(proportion_effectsize(other, rate)), power=0.8, alpha=0.05
    )
    assert (
        abs(experiments.arm_size_for_rates(rate, other) - published) <= 1
        and abs(experiments.arm_size_for_rates(rate, other) - solved) <= 1
    )


def test_sizes_and_smallest_effects_are_inverse():
    assert experiments.detectable_rate(0.8, 903, 903) == pytest.approx(0.05, abs=1e-4)
    n = experiments.arm_size_for_difference(100, 20)
    assert n == pytest.approx(2 * (2.8016 * 5) ** 2, abs=2), (
        "close to the normal formula once arms are large"
    )
    assert (
        experiments.detectable_difference(100, n, n)
        <= 20
        < experiments.detectable_difference(100, n - 1, n - 1)
    )
    assert math.isnan(experiments.detectable_rate(0.99, 5, 5)) and math.isnan(
        experiments.detectable_difference(1, 0, 5)
    )


def test_cuped_takes_away_what_the_past_foretells():
    """Closed form: an outcome that is twice its baseline plus a constant has nothing
    left but its mean.
    """
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
    return pd.DataFrame(
        {
            "customer_id": [f"{k:04d}" for k in range(count)],
            "stratum": classes,
            "baseline": baseline,
            "outcome": outcome,
        }
    )


@given(st.integers(8, 90), st.sampled_from([0.2, 0.35, 0.5, 0.7]), st.integers(0, 999))
@pytest.mark.long
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
@pytest.mark.long
def test_law_pairs_hold_one_of_each(count, seed):
    drawn = experiments.assign(units(np.random.default_rng(seed), count), 0.5, True, seed)
    inside = drawn[drawn.arm != experiments.LEFT_OUT]
    assert (inside.groupby("block").arm.agg(set).map(len) == 2).all() and (
        inside.groupby("block").size() == 2
    ).all()
    assert (drawn.arm == experiments.LEFT_OUT).sum() == (drawn.groupby("stratum").size() % 2).sum()


def trials(count, pairs, rate, share, number, effect=0.0):
    """Experiments with a known effect: what was read of each."""
    rng, rows = np.random.default_rng(count + 7), []
    for _ in range(number):
        t = units(rng, count, rate)
        drawn = experiments.assign(t, share, pairs, int(rng.integers(1e6))).merge(
            t[["customer_id", "outcome"]], on="customer_id"
        )
        drawn["outcome"] += effect * (drawn.arm == experiments.TREATED)
        rows.append(experiments.read_effect(drawn, share, pairs, rate, int(rng.integers(1e6))))
    return pd.DataFrame(rows)


def test_a_draw_without_a_second_arm_has_no_difference():
    value = np.array([1.1, 2.2, 3.3])
    drawn = np.array([[True] * 3, [True, True, False], [False] * 3])
    assert experiments._differences(value, drawn) == pytest.approx([1.65 - 3.3])


@pytest.mark.parametrize(
    ("count", "pairs", "rate", "share"),
    [
        (24, True, False, 0.5),
        (60, False, False, 0.5),
        (150, False, True, 0.5),
        (90, False, False, 0.3),
        (31, True, True, 0.5),
    ],
)
@pytest.mark.long
def test_nothing_done_is_found_in_one_of_twenty(monkeypatch, count, pairs, rate, share):
    """Simulation: money that is log-normal and hangs on its past, or a rate, without any effect;
    120 experiments, bounds of three standard errors.
    """
    monkeypatch.setattr(experiments, "DRAWS", 200)
    t = trials(count, pairs, rate, share, 120)
    alarms, inside = (t.p_value <= 0.05).mean(), ((t.low <= 0) & (t.high >= 0)).mean()
    print(
        f"{count} customers, pairs {pairs}, rate {rate}, share {share}: false alarms {alarms:.1%}, "
        f"interval holds the truth {inside:.1%}"
    )
    assert alarms <= 0.11 and inside >= 0.89


@pytest.mark.long
def test_the_effect_planned_for_is_found_in_eight_of_ten(monkeypatch):
    """Simulation: the smallest visible effect, from the spread that CUPED leaves,
    is found in about 80 % of the experiments.
    """
    monkeypatch.setattr(experiments, "DRAWS", 200)
    history = units(np.random.default_rng(1), 20_000)
    spread = experiments.cuped(history.outcome, history.baseline)[0].std(ddof=1)
    t = trials(200, False, False, 0.5, 100, experiments.detectable_difference(spread, 100, 100))
    assert 0.68 <= (t.p_value <= 0.05).mean() <= 0.94
    assert (
        t.explained.mean() > 0.4
        and (t.high - t.low).mean() < 0.85 * (t.raw_high - t.raw_low).mean()
    ), "the past narrows the interval"


@pytest.mark.parametrize("pairs", [4, 7, 15])
def test_power_of_few_pairs(pairs):
    """Against the noncentral t: the smallest visible effect of few pairs is found in about 80 %
    of the experiments, not in half of them.
    """
    effect = experiments.detectable_difference(1.0, pairs, pairs, True)
    critical = stats.t.ppf(0.975, pairs - 1)
    power = 1 - stats.nct.cdf(critical, pairs - 1, effect / math.sqrt(2 / pairs))
    assert 0.78 <= power <= 0.87


def test_who_is_missing_must_not_hang_on_the_arm():
    assert (
        experiments.sample_ratio_p_value(50, 0, 50, 0) == 1
        and experiments.sample_ratio_p_value(48, 2, 47, 3) > 0.5
    )
    assert (
        experiments.sample_ratio_p_value(39, 11, 50, 0)
        < experiments.MISMATCH
        < experiments.sample_ratio_p_value(45, 5, 50, 0)
    )


@pytest.mark.long
def test_few_buyers_in_a_small_arm_are_no_proof(monkeypatch):
    """Simulation: no effect, a tenth treated, 85 % buy nothing:
    the interval alone would cry in a fifth of the experiments, with the draws in few.
    """
    monkeypatch.setattr(experiments, "DRAWS", 300)
    rng, alone, told = np.random.default_rng(5), 0, 0
    for _ in range(60):
        t = units(rng, 60).assign(
            outcome=lambda u: np.where(
                rng.random(len(u)) < 0.15, 1000 * rng.lognormal(0, 1, len(u)), 0.0
            ),
            baseline=1.0,
        )
        drawn = experiments.assign(t, 0.1, False, int(rng.integers(1e6))).merge(
            t[["customer_id", "outcome"]], on="customer_id"
        )
        found = experiments.read_effect(drawn, 0.1, False, False, 1)
        outside = not found["low"] <= 0 <= found["high"]
        alone, told = alone + outside, told + (outside and found["p_value"] <= 0.05)
    assert told <= 6 and alone > told


def test_a_rate_that_nobody_changed_keeps_an_interval():
    """All of 40 and 40 ordered: no difference, and Newcombe's interval knows how little 40 say."""
    t = pd.DataFrame(
        {"customer_id": [f"{k}" for k in range(80)], "stratum": "A", "baseline": np.arange(80.0)}
    )
    drawn = experiments.assign(t, 0.5, False, 1).assign(outcome=1.0)
    found = experiments.read_effect(drawn, 0.5, False, True, 1)
    assert found["effect"] == 0 and found["high"] == pytest.approx(-found["low"]) == pytest.approx(
        newcombe_difference(40, 40, 40, 40)[1]
    )
    pairs = experiments.assign(t, 0.5, True, 1).assign(outcome=1.0)
    assert experiments.read_effect(pairs, 0.5, True, True, 1)["high"] > 0.05
    same = experiments.read_effect(drawn, 0.5, False, False, 1)
    assert same["effect"] == 0 and math.isnan(same["low"]), (
        "money without any spread has no interval"
    )


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
                rows.append(
                    [
                        f"C{customer:02d}",
                        f"{month}-{1 + int(rng.integers(28)):02d}",
                        amount,
                        round(0.6 * amount, 2),
                    ]
                )
    whole = write_engagement(
        home, "now", client="Trading SA", tables={"sales": rows}, as_of="2024-12-31"
    )
    write_engagement(
        home,
        "then",
        client="Trading SA",
        tables={"sales": [rows[0], *(row for row in rows[1:] if row[1] < "2024")]},
        as_of="2023-12-31",
    )
    return home, whole


@pytest.fixture(scope="module")
def written(trading):
    """A plan written on the books of 2023, and its text."""
    made, path = plan_experiment(
        open_book(trading[0] / "then"),
        Question("serve", "revenue", 180, seed=3, effect=100.0),
        TODAY,
    )
    text = path.read_text(encoding="utf-8")
    path.unlink()
    return made, text


@pytest.fixture
def plan(trading, written):
    """The plan put beside the books of 2024."""
    made, text = written
    target = trading[1] / "experiments" / f"{made.name}.yml"
    target.parent.mkdir(exist_ok=True)
    target.write_text(text, encoding="utf-8")
    yield made, target
    shutil.rmtree(target.parent)


def test_a_plan_says_what_it_can_show_before_anything_happens(plan, trading):
    made, path = plan
    assert (made.start, made.end) == (
        dt.date(2024, 1, 2),
        dt.date(2024, 6, 29),
    ) and made.design == "strata"
    assert (
        made.count("treated") + made.count("control") == len(made.units)
        and abs(made.count("treated") - made.count("control")) <= 1
    )
    history = pd.read_csv(trading[0] / "then" / "sales.csv", parse_dates=["date"])
    past = (
        history[history.date.between("2023-01-02", "2023-06-29")]
        .groupby("customer_id")
        .amount.sum()
    )
    ids = [unit.customer_id for unit in made.units]
    assert made.usual_mean == pytest.approx(
        past.reindex(ids).fillna(0).mean()
    ) and made.usual_spread == pytest.approx(past.reindex(ids).fillna(0).std())
    year = (
        history[history.date.between("2023-01-01", "2023-12-31")]
        .groupby("customer_id")
        .amount.sum()
    )
    assert {unit.customer_id: unit.baseline for unit in made.units} == pytest.approx(
        year.reindex(ids).fillna(0).to_dict(), abs=0.005
    )
    n = (made.count("treated"), made.count("control"))
    left = made.usual_spread * math.sqrt(1 - made.explained)
    assert made.detectable_effect == pytest.approx(
        experiments.detectable_difference(left, *n), rel=1e-4
    )
    told = " ".join(size(open_book(trading[1]).wording, made))
    assert (
        "treated" in told
        and "in 8 cases of 10" in told
        and f"takes {made.needed_per_arm:,} customers" in told
    )
    assert load_plan(path) == made


def test_reading_equals_a_plain_computation(plan, trading):
    made, path = plan
    book = open_book(trading[1])
    found, target = read_experiment(book, path)
    sales = pd.read_csv(trading[1] / "sales.csv", parse_dates=["date"])
    within = (
        sales[sales.date.between("2024-01-02", "2024-06-29")].groupby("customer_id").amount.sum()
    )
    t = made.frame.assign(outcome=lambda f: f.customer_id.map(within).fillna(0))
    theta = np.polyfit(t.baseline, t.outcome, 1)[0]
    adjusted = t.outcome - theta * (t.baseline - t.baseline.mean())
    arms = [adjusted[t.arm == arm] for arm in ("treated", "control")]
    assert found["effect"] == pytest.approx(arms[0].mean() - arms[1].mean(), rel=1e-3)
    error = math.sqrt(sum(arm.var() / len(arm) for arm in arms))
    assert (
        found["high"] - found["low"] == pytest.approx(2 * 1.98 * error, rel=0.03)
        and found["treated_missing"] == found["control_missing"] == 0
    )
    assert found["raw"] == pytest.approx(
        t.outcome[t.arm == "treated"].mean() - t.outcome[t.arm == "control"].mean()
    )
    assert json.loads(target.read_text(encoding="utf-8")) == found and found["p_value"] > 0.001
    told = " ".join(result(book.wording, made, found))
    assert ("No effect is told" in told) == (
        found["low"] <= 0 <= found["high"] or found["p_value"] > 0.05
    )
    pairs, refused = planned(book)
    assert [(p.name, r["effect"]) for p, r in pairs] == [
        (made.name, found["effect"])
    ] and not refused


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda text: text.replace("measure: revenue", "measure: margin"),
            "was changed after it was written",
        ),
        (
            lambda text: text.replace("end: 2024-06-29", "end: 2024-03-31"),
            "was changed after it was written",
        ),
        (
            lambda text: text.replace("arm: treated", "arm: control", 1),
            "was changed after it was written",
        ),
        (
            lambda text: text.replace("measure: revenue", "measure: smiles"),
            "not a plan of carnet experiment plan",
        ),
        (lambda text: "- [", "not a plan of carnet experiment plan"),
        (lambda text: "[" * 5000, "not a plan of carnet experiment plan"),
        (
            lambda text: text.replace("start: 2024-01-02", "start: 2024-13-45"),
            "not a plan of carnet experiment plan",
        ),
        (lambda text: text.replace("seed: 3", "seed: -3"), "not a plan of carnet experiment plan"),
        (lambda text: text.replace("end: 2024-06-29", "end: 2023-06-29"), "dates are not in order"),
        (
            lambda text: text.replace("strategy: serve", "strategy: ../../x"),
            "not a plan of carnet experiment plan",
        ),
        (
            lambda text: (
                text[: text.index("units:")] + "units: []\n" + text[text.index("digest:") :]
            ),
            "not a plan of carnet experiment plan",
        ),
    ],
)
@pytest.mark.long
def test_a_changed_plan_is_refused(plan, trading, change, told):
    _, path = plan
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(CarnetError, match=told):
        read_experiment(open_book(trading[1]), path)
    assert planned(open_book(trading[1]))[1], "a report says which experiment it leaves out"


def test_an_arm_that_does_not_follow_from_the_seed_is_refused(plan, trading):
    """Whoever moves a customer and writes the digest again is found by drawing the arms anew."""
    from carnet.customers.experiments.plan import digest_of

    made, path = plan
    first = made.units[0].model_copy(
        update={"arm": "control" if made.units[0].arm == "treated" else "treated"}
    )
    moved = made.model_copy(update={"units": [first, *made.units[1:]]})
    path.write_text(
        yaml.safe_dump(moved.model_copy(update={"digest": digest_of(moved)}).model_dump()),
        encoding="utf-8",
    )
    with pytest.raises(CarnetError, match="was changed after it was written"):
        read_experiment(open_book(trading[1]), path)


@pytest.mark.long
def test_reading_is_refused_early_on_another_measure_and_without_the_sales(plan, trading, tmp_path):
    _, path = plan
    book = open_book(trading[1])
    with pytest.raises(CarnetError, match="too early"):
        read_experiment(open_book(trading[1], "2024-06-28"), path)
    with pytest.raises(CarnetError, match="was planned on revenue"):
        read_experiment(book, path, "margin")
    with pytest.raises(CarnetError, match="too early"):
        read_experiment(book, path, today=dt.date(2024, 6, 1))
    elsewhere = tmp_path / path.name
    elsewhere.write_bytes(path.read_bytes())
    with pytest.raises(CarnetError, match="is read where it was written"):
        read_experiment(book, elsewhere)
    quarterly = [
        ["customer_id", "date", "amount"],
        *(
            ["C00", f"{year}-{month:02d}-12", "5"]
            for year in (2022, 2023)
            for month in (1, 4, 7, 10)
        ),
        ["C00", "2024-01-12", "5"],
    ]
    stopped = write_engagement(
        tmp_path, client="Trading SA", tables={"sales": quarterly}, as_of="2024-12-31"
    )
    copied(path, stopped)
    with pytest.raises(CarnetError, match="the sales do not cover it"):
        read_experiment(open_book(stopped), copied(path, stopped))
    other = write_engagement(tmp_path, "other", client="Other SA", tables={"sales": quarterly})
    with pytest.raises(CarnetError, match="an experiment of Trading SA"):
        read_experiment(open_book(other, "2024-12-31"), copied(path, other))
    assert not planned(open_book(other, "2024-12-31"))[0], (
        "another client's experiment is in no report"
    )


def copied(path, folder):
    target = folder / "experiments" / path.name
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(path.read_bytes())
    return target


@pytest.mark.long
def test_nothing_is_written_outside_the_folder(plan, trading, tmp_path):
    """A link in the place of a result is replaced, not followed;
    a folder of plans that leads elsewhere is refused.
    """
    _, path = plan
    victim = tmp_path / "victim"
    victim.write_text("mine", encoding="utf-8")
    (path.parent / f"{path.stem}.read-2024-12-31.json").symlink_to(victim)
    _, target = read_experiment(open_book(trading[1]), path)
    assert (
        victim.read_text(encoding="utf-8") == "mine"
        and not target.is_symlink()
        and json.loads(target.read_text(encoding="utf-8"))
    )
    linked = write_engagement(
        tmp_path,
        "linked",
        client="Trading SA",
        tables={"sales": (trading[1] / "sales.csv").read_text(encoding="utf-8")},
        as_of="2024-12-31",
    )
    (linked / "experiments").symlink_to(tmp_path)
    with pytest.raises(CarnetError, match="leads outside"):
        plan_experiment(open_book(linked), Question("serve", "revenue", 90), dt.date(2025, 1, 1))
    (linked / "experiments").unlink()
    (linked / "experiments").write_text("", encoding="utf-8")
    with pytest.raises(CarnetError, match=r"no folder|cannot be written"):
        plan_experiment(open_book(linked), Question("serve", "revenue", 90), dt.date(2025, 1, 1))


@pytest.mark.long
def test_arms_are_drawn_of_those_to_whom_the_audit_gives_the_strategy(tmp_path):
    """Parameters kept with the engagement decide for a plan, too: with other classes fewer accounts
    are to be protected.
    """
    folder = tmp_path / "demo"
    shutil.copytree(DEMO, folder, ignore=shutil.ignore_patterns(".carnet"))
    cuts = {"abc_cut_a": 0.5, "abc_cut_b": 0.8}
    with (folder / "engagement.yml").open("a", encoding="utf-8") as file:
        file.write(f"parameters:\n  portfolio_audit: {json.dumps(cuts)}\n")
    book = open_book(folder)
    question = Question("protect", "revenue", 90)
    made, _ = plan_experiment(book, question, dt.date(2026, 1, 1), write=False)
    given = {policy: frame(accounts_of(book, policy)) for policy in (Policy(), Policy(**cuts))}
    usual, kept = (set(t[t.strategy == "protect"].customer_id) for t in given.values())
    assert {unit.customer_id for unit in made.units} == kept
    assert len(kept) < len(usual)
    with (folder / "engagement.yml").open("a", encoding="utf-8") as file:
        file.write("  sales_gaps: {abc_cut_a: 0.6}\n")
    with pytest.raises(CarnetError, match="'abc_cut_a' decides on accounts in every notebook"):
        plan_experiment(open_book(folder), question, dt.date(2026, 1, 1), write=False)


@pytest.mark.long
def test_equal_customers_do_not_make_a_plan_unreadable(tmp_path):
    """Sums of floats differ beyond the cent by the order of their lines:
    ties are those of the plan as written.
    """
    rows = [["customer_id", "date", "amount"]]
    for customer in range(30):
        for month in range(24):
            parts = (
                [0.1, 0.2, 0.3, 99.4 + customer % 3]
                if customer % 2
                else [99.4 + customer % 3, 0.3, 0.2, 0.1]
            )
            rows += [
                [f"C{customer:02d}", f"{2022 + month // 12}-{month % 12 + 1:02d}-15", part]
                for part in parts
            ]
    book = open_book(write_engagement(tmp_path, tables={"sales": rows}, as_of="2023-12-31"))
    for seed in range(5):
        _, path = plan_experiment(book, Question("serve", "revenue", 90, seed=seed), TODAY)
        assert load_plan(path).seed == seed
        path.unlink()


def test_a_lost_arm_is_told_instead_of_an_effect(plan, trading, tmp_path):
    """Customers of one arm are no longer in the book: something chose who is found."""
    made, path = plan
    sales = pd.read_csv(trading[1] / "sales.csv")
    gone = [unit.customer_id for unit in made.units if unit.arm == "treated"][5:]
    left = [list(sales.columns), *sales[~sales.customer_id.isin(gone)].to_numpy().tolist()]
    folder = write_engagement(
        tmp_path, client="Trading SA", tables={"sales": left}, as_of="2024-12-31"
    )
    book = open_book(folder)
    found, _ = read_experiment(book, copied(path, folder))
    assert (
        (found["treated_missing"], found["control_missing"]) == (len(gone), 0)
        and found["sample_ratio_p_value"] < 0.001
        and found["effect"] is None
    )
    assert "something chose who is found" in " ".join(result(book.wording, made, found))


@pytest.mark.long
def test_refusals_of_a_plan(trading):
    home, _whole = trading
    book = open_book(home / "then")
    for arguments, told in (
        (("protekt", "revenue", 180, None, 0.5), "did you mean 'protect'"),
        (("serve", "turnover", 180, None, 0.5), "Accepted: revenue, margin, orders, retention"),
        (("serve", "revenue", 3, None, 0.5), "days 3: 7 to 365"),
        (("serve", "revenue", 180, dt.date(9999, 12, 31), 0.5), "a date of this century"),
        (("serve", "revenue", 180, dt.date(2023, 12, 31), 0.5), "may be known; start later"),
        (("serve", "revenue", 180, dt.date(2023, 12, 1), 0.5), "may be known; start later"),
        (("serve", "revenue", 180, None, 1.0), "share 1.0: a number between 0 and 1"),
        (("serve", "revenue", 180, None, 0.02), "at least 4 are needed"),
        (("renegotiate", "revenue", 180, None, 0.5), "too few to draw two arms"),
    ):
        with pytest.raises(CarnetError, match=re.escape(told)):
            plan_experiment(book, Question(*arguments), TODAY)
    for seed, effect, measure in (
        (-1, None, "revenue"),
        (1, math.nan, "revenue"),
        (1, math.inf, "revenue"),
        (1, 0.0, "revenue"),
        (1, 5.0, "retention"),
    ):
        with pytest.raises(CarnetError, match=r"is accepted|are accepted"):
            plan_experiment(book, Question("serve", measure, 180, seed=seed, effect=effect), TODAY)
    with pytest.raises(CarnetError, match="one strategy at a time"):
        try:
            plan_experiment(book, Question("serve", "retention", 90, effect=0.05), TODAY)
            plan_experiment(book, Question("serve", "revenue", 30, dt.date(2024, 2, 1)), TODAY)
        finally:
            (home / "then" / "experiments" / "serve-2024-01-02.yml").unlink()


@pytest.mark.long
def test_command_line_plans_and_reads(trading):
    home, _whole = trading
    dry = run_carnet(
        "experiment", "plan", home / "then", "--strategy", "serve", "--effect", "100", "--dry-run"
    )
    assert (
        dry.returncode == 0
        and "treated" in dry.stdout
        and "What these arms can show is not known" in dry.stdout
        and not list((home / "then").glob("experiments/*"))
    ), dry.stderr
    done = run_carnet(
        "experiment", "plan", home / "then", "--strategy", "serve", "--measure", "retention"
    )
    path = done.stdout.splitlines()[-1]
    try:
        assert (
            done.returncode == 0
            and load_plan(home / "then" / "experiments" / path.split("/")[-1]).measure
            == "retention"
        ), done.stderr
        early = run_carnet(
            "experiment", "read", home / "then", home / "then" / "experiments" / path.split("/")[-1]
        )
        assert (
            early.returncode == 2
            and "too early" in early.stderr
            and "Traceback" not in early.stderr
        )
    finally:
        (home / "then" / "experiments" / path.split("/")[-1]).unlink()
