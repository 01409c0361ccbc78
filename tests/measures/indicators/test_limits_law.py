"""Natural limits around trend and season, by simulation with fixed seeds:
noise and growth are left alone, what happened is found.

Law: a point of an individuals chart leaves limits at three sigma by chance in 0.3 % of cases;
limits estimated from few moving ranges make it about 1 %.
"""

import math

import numpy as np
import pandas as pd
import pytest
from carnet.measures.indicators.control_limits import limits_around

BOUND = 0.04  # of the points of the last year: four times what chance gives
YEAR = 12


def drawn(rng, months, growth=0.0, season=0.0, noise=0.05):
    """Monthly values of a company of 20,000 a month: growth a year, a yearly swing,
    relative noise.
    """
    t = np.arange(months)
    level = 20_000 * (1 + growth) ** (t / 12) * (1 + season * np.sin(2 * np.pi * t / 12))
    return level * (1 + rng.normal(0, noise, months))


def judged(values, start=0):
    return limits_around(pd.Series(values), [(start + i) % 12 + 1 for i in range(len(values))])


def outside(limits):
    """Flagged points of the last 12 months."""
    return limits.signal.tail(YEAR).isin(["above", "below"])


def flagged_share(months, count=30, seed=1, **kind):
    rng = np.random.default_rng(seed)
    return float(
        np.mean([outside(judged(drawn(rng, months, **kind))[0]).mean() for _ in range(count)])
    )


@pytest.mark.parametrize(
    ("months", "growth", "season"), [(36, 0.0, 0.0), (36, -0.1, 0.3), (60, 0.1, 0.3)]
)
def test_noise_around_a_trend_with_a_season_is_left_alone(months, growth, season):
    """30 series of each kind: at most 4 % of the points of the last year are called out,
    where chance gives about 1 %.
    """
    assert flagged_share(months, growth=growth, season=season) <= BOUND


@pytest.mark.long
@pytest.mark.parametrize("months", [36, 60])
def test_growth_alone_flags_no_more_than_noise_does(months):
    """The same 30 noises with and without 30 % a year: the difference stays within the chance
    of 360 points (three standard errors at 1 %), and the bound holds.
    """
    still, grown = (flagged_share(months, growth=growth, seed=5) for growth in (0.0, 0.3))
    assert grown <= BOUND and grown - still <= 3 * math.sqrt(2 * 0.01 * 0.99 / 360)


@pytest.mark.parametrize(("months", "season", "side"), [(36, 0.0, 1), (60, 0.3, -1)])
@pytest.mark.long
def test_a_spike_of_eight_standard_deviations_is_found(months, season, side):
    """One month of the last year, drawn at random, is 8 × 5 % off its level:
    found, on its side, in 95 of 100 series at least.
    """
    rng, found = np.random.default_rng(9), 0
    for _ in range(100):
        values, place = (
            drawn(rng, months, growth=0.1, season=season),
            months - 1 - int(rng.integers(0, YEAR)),
        )
        values[place] *= 1 + side * 8 * 0.05
        found += judged(values)[0].signal[place] == ("above" if side > 0 else "below")
    assert found >= 95


@pytest.mark.parametrize("growth", [-0.2, 0.3])
def test_the_trend_taken_out_is_the_one_put_in(growth):
    """25 series of 60 months at 5 % of noise: the mean of the trends found is within half a point
    of the truth, and all but chance have one.
    """
    rng = np.random.default_rng(3)
    patterns = [judged(drawn(rng, 60, growth=growth, season=0.2))[1] for _ in range(25)]
    assert all(p.relative and p.season and p.trend == p.trend for p in patterns)
    assert np.mean([p.trend for p in patterns]) == pytest.approx(growth, abs=0.005)


@pytest.mark.long
def test_a_series_without_trend_or_season_is_told_to_have_none():
    """Both tests are made at 1 %: of 80 series 0.8 are expected,
    4 are three and a half standard errors more.
    """
    rng = np.random.default_rng(4)
    patterns = [judged(drawn(rng, 48))[1] for _ in range(80)]
    assert sum(p.trend == p.trend for p in patterns) <= 4 and sum(p.season for p in patterns) <= 4


def test_law_neither_unit_nor_first_month_change_what_is_flagged():
    """In cents or millions, the year begun in January or in July:
    a series of positive values is judged in shares of itself.
    """
    rng = np.random.default_rng(6)
    for _ in range(5):
        values = drawn(rng, 48, growth=0.2, season=0.3)
        values[41] *= 1.5
        signals = judged(values)[0].signal
        assert signals[41] == "above"
        for scale, start in ((100, 0), (1e-6, 0), (1, 6)):
            assert judged(scale * values, start)[0].signal.tolist() == signals.tolist()


def test_exact_growth_and_season_flag_nothing_and_are_drawn_through_every_point():
    """Without noise the limits are the series itself: nothing left to explain."""
    t = np.arange(48)
    values = 20_000 * 1.2 ** (t / 12) * (1 + 0.3 * np.sin(2 * np.pi * t / 12))
    limits, pattern = judged(values)
    assert pattern.trend == pytest.approx(0.2, abs=1e-6) and pattern.season
    assert (limits["mean"] / values).between(0.999, 1.001).all() and not outside(limits).any()


def test_amounts_that_turn_negative_are_judged_in_their_unit():
    """A result around zero that loses 1,200 a year: the trend is in euros,
    and only the spike of 8 standard deviations stands out.
    """
    rng = np.random.default_rng(12)
    values = 2_000 - 100.0 * np.arange(48) + rng.normal(0, 300, 48)
    values[40] += 8 * 300
    limits, pattern = judged(values)
    assert not pattern.relative and pattern.trend == pytest.approx(-1_200, abs=150)
    assert limits.index[limits.signal == "above"].tolist() == [40]
