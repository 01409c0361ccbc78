"""The Gamma-Gamma model against the values published for CDNOW, a simulated truth, and by hand."""

import datetime as dt
import itertools

import ibis
import numpy as np
import pandas as pd
import pytest
from carnet.measures.retention import spend
from scipy import stats

PUBLISHED = spend.SpendModel(6.25, 3.74, 15.44, -4055.9177)


def simulated(count, model, seed):
    """Customers with 1 to 12 repeat orders and the mean spend that the model draws."""
    rng = np.random.default_rng(seed)
    x = rng.integers(1, 13, size=count)
    rate = rng.gamma(model.q, 1 / model.gamma, size=count)
    return pd.DataFrame({"repeat_count": x, "mean_spend": rng.gamma(model.p * x, 1 / rate) / x})


def test_a_simulated_truth_is_found_again():
    """4,000 customers of p 6.25, q 3.74, γ 15.44: their mean, 35.2, within 3 %; p and q lie along
    a ridge and are less sure.
    """
    model = spend.fit_spend(simulated(4000, PUBLISHED, 5))
    assert model.mean == pytest.approx(PUBLISHED.mean, rel=0.03)
    assert (model.p, model.q) == (pytest.approx(6.25, rel=0.2), pytest.approx(3.74, rel=0.2))


def test_the_likelihood_is_the_marginal_density_and_the_fit_its_top():
    """30,000 customers: their mean within 1.5 %, and no parameters beside those found are more
    likely by SciPy's density: x z ÷ γ of a customer is beta prime of p x and q.
    """
    t = simulated(30_000, PUBLISHED, 9)
    x, z = t.repeat_count.to_numpy(), t.mean_spend.to_numpy()

    def likelihood(p, q, gamma):
        return np.sum(stats.betaprime.logpdf(x * z / gamma, p * x, q) + np.log(x / gamma))

    model = spend.fit_spend(t)
    found = model.p, model.q, model.gamma
    assert model.mean == pytest.approx(PUBLISHED.mean, rel=0.015)
    assert model.log_likelihood == pytest.approx(likelihood(*found), rel=1e-12)
    for position, way in itertools.product(range(3), (0.99, 1.01)):
        beside = [value * (way if n == position else 1) for n, value in enumerate(found)]
        assert likelihood(*beside) < model.log_likelihood


def test_the_mean_over_customers_is_that_of_the_paper():
    """Fader & Hardie 2013: p γ ÷ (q − 1) = 35.2 a transaction."""
    assert round(PUBLISHED.mean, 1) == 35.2
    nobody = pd.DataFrame({"repeat_count": [0], "mean_spend": [np.nan]})
    assert spend.expected_spend(PUBLISHED, nobody)[0] == pytest.approx(PUBLISHED.mean)


def test_currency_does_not_matter():
    t = simulated(500, PUBLISHED, 6)
    one, other = spend.fit_spend(t), spend.fit_spend(t.assign(mean_spend=1000 * t.mean_spend))
    assert other.p == pytest.approx(one.p, rel=1e-3)
    assert other.gamma == pytest.approx(1000 * one.gamma, rel=1e-3)


def test_too_few_customers_and_equal_spends_are_not_modelled():
    assert spend.fit_spend(simulated(199, PUBLISHED, 7)) is None
    equal = pd.DataFrame({"repeat_count": [2] * 300, "mean_spend": [10.0] * 300})
    assert spend.fit_spend(equal) is None


def test_independence_is_told_with_its_interval():
    t = simulated(1000, PUBLISHED, 8)
    rho, low, high = spend.spend_independence(t)
    assert low < 0 < high and abs(rho) < 0.1
    tied = t.assign(mean_spend=t.mean_spend * t.repeat_count)
    assert spend.spend_independence(tied)[1] > 0.5


def orders(*rows):
    t = pd.DataFrame(rows, columns=["customer_id", "date", "revenue"])
    return ibis.memtable(t.assign(date=pd.to_datetime(t.date).dt.date))


def test_history_by_hand():
    """The first day is no repeat; two orders of one day are one."""
    table = orders(
        ("A", "2024-01-01", 5.0),
        ("A", "2024-02-01", 10.0),
        ("A", "2024-02-01", 20.0),
        ("A", "2024-03-01", 50.0),
        ("B", "2024-01-01", 7.0),
        ("A", "2025-01-01", 99.0),
    )
    t = spend.spend_history(table, dt.date(2024, 12, 31)).execute().set_index("customer_id")
    assert t.repeat_count.to_dict() == {"A": 2, "B": 0}
    assert t.mean_spend["A"] == 40 and np.isnan(t.mean_spend["B"])


def test_hold_out_by_hand():
    """31 days held out: 30 came, 20 were expected, 10 came in the 31 days before."""
    table = orders(("A", "2024-11-30", 10.0), ("A", "2024-12-15", 30.0), ("B", "2024-10-01", 99.0))
    expected = ibis.memtable({"customer_id": ["A", "B"], "expected_revenue": [15.0, 5.0]})
    row = spend.revenue_hold_out(
        table, expected, dt.date(2024, 11, 30), dt.date(2024, 12, 31)
    ).iloc[0]
    assert (row.predicted, row.actual, row.naive) == (20, 30, 10)
    assert (row.predicted_error, row.naive_error) == (10, 10)
    later = spend.revenue_hold_out(
        table, expected, dt.date(2024, 11, 30), dt.date(2024, 12, 31), covered=False
    ).iloc[0]
    assert (later.predicted, later.actual) == (20, 30)
    assert np.isnan(later.naive) and np.isnan(later.naive_error)


def test_gamma_gamma_on_cdnow(real_books):
    """Fader & Hardie 2013: p 6.25, q 3.74, γ 15.44, log likelihood −4055.9177 on the 946 customers
    of the 1/10 sample with a repeat transaction in weeks 1 to 39, as CLVTools' tests hold them.
    """
    names = ["master", "customer_id", "date", "units", "revenue"]
    path = real_books / "cdnow" / "CDNOW_sample.txt"
    t = pd.read_csv(path, sep=r"\s+", header=None, names=names)
    t = t.assign(
        date=pd.to_datetime(t.date, format="%Y%m%d"), customer_id=t.customer_id.astype(str)
    )
    rows = t[["customer_id", "date", "revenue"]].itertuples(index=False)
    history = spend.spend_history(orders(*rows), dt.date(1997, 9, 30)).execute()
    assert ((history.repeat_count > 0) & (history.mean_spend > 0)).sum() == 946
    model = spend.fit_spend(history)
    found = [round(value, 2) for value in (model.p, model.q, model.gamma)]
    assert found == pytest.approx([6.25, 3.74, 15.44], abs=0.011)
    assert model.log_likelihood == pytest.approx(-4055.9177, abs=0.01)
