"""Fader and Hardie's published survival of two segments of customers, stays by hand, and a known
truth.
"""

import datetime as dt
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from carnet.measures.indicators import discrete_survival as survival

# Fader & Hardie 2007, table 1: per cent of 1,000 customers that are left after each year
REGULAR = [100, 63.1, 46.8, 38.2, 32.6, 28.9, 26.2, 24.1, 22.3, 20.7, 19.4, 18.3, 17.3]
HIGH_END = [100, 86.9, 74.3, 65.3, 59.3, 55.1, 51.7, 49.1, 46.8, 44.5, 42.7, 40.9, 39.4]


def stays_of(percent):
    """1,000 customers whose years are those of the table, the others still there."""
    left = [round(10 * share) for share in percent]
    rows = [(t, True) for t, (a, b) in enumerate(pairwise(left), 1) for _ in range(a - b)]
    rows += [(len(left) - 1, False)] * left[-1]
    return pd.DataFrame(rows, columns=["period_count", "ended"])


@pytest.mark.parametrize(
    ("percent", "alpha", "beta"), [(REGULAR, 0.704, 1.182), (HIGH_END, 0.668, 3.806)]
)
def test_published_parameters_of_seven_years(percent, alpha, beta):
    """Fitted on years 0 to 7: α 0.704 and β 1.182 of the regular customers, 0.668 and 3.806 of the
    high-end ones; years 8 to 12 are foretold to about a point.
    """
    model = survival.fit_survival(stays_of(percent[:8]))
    assert (model.alpha, model.beta) == pytest.approx((alpha, beta), rel=0.005)
    foretold = 100 * model.survival(np.arange(8, 13))
    assert np.abs(foretold - percent[8:]).max() < 1.7


def test_survival_and_renewal_are_of_one_model():
    model = survival.SurvivalModel(0.7, 1.2, 0.0)
    t = np.arange(1, 9)
    assert model.survival(t) / model.survival(t - 1) == pytest.approx(model.renewal(t))
    assert model.survival(np.array([0]))[0] == 1


def contracts(*rows):
    return pd.DataFrame(rows, columns=["customer_id", "start", "end"])


def test_stays_by_hand():
    """A renews without a day between, B comes back after a year: two stays; C's end is too near to
    know; a contract inside a longer one makes none.
    """
    t = survival.contract_stays(
        contracts(
            ("A", "2022-01-01", "2022-12-31"),
            ("A", "2023-01-01", None),
            ("B", "2022-01-01", "2022-12-31"),
            ("B", "2024-01-01", None),
            ("C", "2023-12-01", "2024-11-30"),
            ("D", "2022-01-01", "2023-12-31"),
            ("D", "2022-03-01", "2022-06-30"),
            ("E", "2025-01-01", None),
        ),
        dt.date(2024, 12, 31),
        "year",
    )
    told = [(r.customer_id, r.ended, r.period_count) for r in t.itertuples()]
    assert told == [
        ("A", False, 2),
        ("B", True, 1),
        ("B", False, 0),
        ("C", False, 0),
        ("D", True, 2),
    ]


def test_too_few_stays_are_not_fitted():
    few = stays_of(REGULAR[:8]).head(40)
    assert survival.fit_survival(few) is None
    assert survival.fit_survival(stays_of(REGULAR[:8]).assign(ended=False)) is None


@pytest.mark.long
def test_hold_out_of_a_known_truth():
    """2,000 monthly customers whose chances to leave differ: the model foretells who stays another
    year to 5 %, one chance for everybody does worse.
    """
    rng = np.random.default_rng(3)
    chance, rows, as_of = rng.beta(0.5, 5.0, 2000), [], dt.date(2025, 12, 31)
    for n, theta in enumerate(chance):
        start = dt.date(2022, 1, 1) + dt.timedelta(days=int(rng.integers(900)))
        months = min(int(rng.geometric(theta)), 900)
        end = start + dt.timedelta(days=round(months * 365.25 / 12) - 1)
        rows.append((f"C{n}", start, end if end <= as_of else None))
    t = contracts(*rows)
    row = survival.survival_hold_out(t, as_of, "month")
    ends, last = pd.to_datetime(t.end), pd.Timestamp(as_of) - pd.Timedelta(days=60)
    then = last - pd.Timedelta(days=365)
    there = (pd.to_datetime(t.start) <= then) & (ends.isna() | (ends >= then))
    still = there & (ends.isna() | (ends >= last))
    assert (row.running_count, row.actual_count) == (there.sum(), still.sum())
    assert row.expected_count == pytest.approx(row.actual_count, rel=0.05)
    miss, naive = (abs(row[n] - row.actual_count) for n in ("expected_count", "naive_count"))
    assert miss < naive


def test_one_chance_for_everybody_counts_what_was_tried():
    """4,000 stays with a chance of 0.3 a month: the naive forecast is the truth to 4 %."""
    rng, rows, as_of = np.random.default_rng(6), [], dt.date(2025, 12, 31)
    for n in range(4000):
        start = dt.date(2023, 1, 1) + dt.timedelta(days=int(rng.integers(900)))
        end = start + dt.timedelta(days=round(int(rng.geometric(0.3)) * 365.25 / 12) - 1)
        rows.append((f"C{n}", start, end if end <= as_of else None))
    row = survival.survival_hold_out(contracts(*rows), as_of, "month", days=92)
    truth = row.running_count * 0.7 ** (92 * 12 / 365.25)
    assert row.running_count > 200 and row.naive_count == pytest.approx(truth, rel=0.04)
