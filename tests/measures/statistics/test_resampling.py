"""Sums over samples of many rows follow the law of rows drawn one by one."""

import numpy as np
import pytest
from carnet.measures.indicators import replacement
from carnet.measures.statistics import _resampling as resampling
from carnet.measures.statistics._resampling import drawn_sums

COUNT = 3_000


@pytest.fixture
def many(monkeypatch):
    """Any number of rows is many."""
    monkeypatch.setattr(resampling, "MANY_ROWS", 0)


def rows(seed, count=COUNT):
    """Flags, one of them rare, and amounts with a heavy tail, which hang on each other."""
    rng = np.random.default_rng(seed)
    flags = rng.random((count, 3)) < [0.9, 0.3, 0.004]
    amounts = np.exp(rng.normal(0, 2, (count, 2)))
    amounts[:, 1] -= 5 * amounts[:, 0] * flags[:, 1]
    return flags.astype(float), amounts


def test_rows_are_drawn_one_by_one_where_they_are_few():
    flags, amounts = rows(1, 50)
    found = drawn_sums(flags, amounts, np.random.default_rng(7), 20)
    rng = np.random.default_rng(7)
    for sums in found:
        chosen = rng.integers(0, 50, 50)
        assert sums == pytest.approx([*flags[chosen].sum(axis=0), *amounts[chosen].sum(axis=0)])


@pytest.mark.parametrize("seed", range(3))
def test_sums_of_many_have_the_mean_and_covariance_of_a_sample(many, seed):
    """n draws with replacement: mean n μ, covariance n Σ."""
    flags, amounts = rows(seed)
    told = np.column_stack([flags, amounts])
    found = drawn_sums(flags, amounts, np.random.default_rng(seed), 20_000)
    spread = np.sqrt(COUNT * told.var(axis=0))
    assert (found.mean(axis=0) - told.sum(axis=0)) / spread == pytest.approx(0, abs=0.04)
    scale = np.outer(spread, spread)
    truth = COUNT * np.cov(told, rowvar=False, ddof=0)
    assert np.cov(found, rowvar=False) / scale == pytest.approx(truth / scale, abs=0.05)
    counts = found[:, :3]
    assert (counts == counts.round()).all() and counts.min() >= 0, "rows are counted whole"


def test_a_rare_flag_and_a_few_large_amounts_keep_their_own_law(many):
    """Of 3,000 rows 4 are flagged: as many in a sample as by the binomial law, never below none;
    a single row holds half of all, and is drawn 0, 1, 2 … times.
    """
    flags = np.zeros((COUNT, 1))
    flags[:4] = 1
    amounts = np.ones((COUNT, 1))
    amounts[9] = COUNT
    found = drawn_sums(flags, amounts, np.random.default_rng(3), 20_000)
    hits, times = found[:, 0], np.round((found[:, 1] - COUNT) / (COUNT - 1))
    for drawn, rate in ((hits, 4), (times, 1)):
        for number in range(4):
            law = np.exp(-rate) * rate**number / [1, 1, 2, 6][number]  # Poisson, 3,000 tries
            assert (drawn == number).mean() == pytest.approx(law, abs=0.015)


def test_flags_or_amounts_may_be_none(many):
    flags, amounts = np.ones((COUNT, 1)), np.arange(COUNT, dtype=float)[:, None]
    found = drawn_sums(flags, amounts, np.random.default_rng(1), 4_000)
    assert (found[:, 0] == COUNT).all()
    assert found[:, 1].std() == pytest.approx(np.sqrt(COUNT) * amounts.std(), rel=0.05)
    assert (drawn_sums(flags, amounts[:, :0], np.random.default_rng(1), 9) == COUNT).all()
    alone = drawn_sums(flags[:, :0], amounts, np.random.default_rng(1), 4_000)
    assert alone.std() == pytest.approx(found[:, 1].std(), rel=0.05)


@pytest.mark.long
def test_the_interval_of_the_profit_effect_is_that_of_customers_drawn_one_by_one(monkeypatch):
    rng = np.random.default_rng(5)
    before, active = rng.random(COUNT) < 0.9, rng.random(COUNT) < 0.85
    margins = rng.lognormal(3, 1.5, COUNT)
    ends = []
    for most in (20_000, 0):
        monkeypatch.setattr(resampling, "MANY_ROWS", most)
        monkeypatch.setattr(replacement, "RESAMPLES", 20_000)
        drawn = replacement.drawn_portfolios(before, active, margins)
        ends.append(replacement.profit_effect_interval(drawn, "attrition", 0.5, 3))
    width = ends[0][1] - ends[0][0]
    assert np.subtract(*ends) == pytest.approx(0, abs=0.03 * width)
