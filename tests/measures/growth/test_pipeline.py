"""Opportunities, competitors and share of wallet by hand."""

import datetime as dt

import ibis
import numpy as np
import pandas as pd
import pytest
from carnet.measures.growth import pipeline

D, AS_OF = dt.date, dt.date(2024, 12, 31)


def offers(*rows):
    columns = ["customer_id", "opened", "closed", "stage", "amount", "discount"]
    kinds = dict(
        customer_id="string",
        opened="date",
        closed="date",
        stage="string",
        amount="float64",
        discount="float64",
    )
    return ibis.memtable(pd.DataFrame(rows, columns=columns), schema=kinds)


def test_flow_of_an_account_by_hand():
    """A: three opened this year, one the year before; won 100 at 10 % and 300 at 30 %: 25 % by
    amount; lost one; one open for 200 days. Decided tomorrow is open today; three years ago tells
    nothing, unless it is still open.
    """
    t = pipeline.opportunity_flow(
        offers(
            ("A", D(2024, 2, 1), D(2024, 3, 1), "won", 100.0, 0.1),
            ("A", D(2024, 3, 1), D(2024, 4, 1), "lost", 50.0, None),
            ("A", D(2024, 6, 14), None, "open", 70.0, None),
            ("A", D(2023, 6, 1), D(2023, 7, 1), "won", 300.0, 0.3),
            ("A", D(2020, 6, 1), D(2020, 7, 1), "won", 999.0, 0.9),
            ("B", D(2024, 12, 1), D(2025, 1, 1), "won", 40.0, None),
            ("C", D(2020, 1, 1), None, None, 10.0, None),
            ("D", D(2020, 1, 1), D(2020, 2, 1), "lost", 10.0, None),
            ("E", D(2025, 1, 1), None, "open", 10.0, None),
        ),
        AS_OF,
    ).set_index("customer_id")
    assert list(t.index) == ["A", "B", "C"]
    a = t.loc["A"]
    assert (a.opened_count, a.opened_previous, a.decided_count, a.won_count) == (3, 1, 3, 2)
    assert (a.won_amount, a.won_discount) == (400, pytest.approx(0.25))
    assert (a.open_count, a.pipe_amount, a.oldest_days) == (1, 70, 200)
    assert a.win_rate == pytest.approx(2 / 3) and 0 < a.win_low < 2 / 3 < a.win_high < 1
    assert t.open_count[["B", "C"]].tolist() == [1, 1] and np.isnan(t.win_rate["B"])


def test_competitors_by_hand():
    """Rival takes A and B (150) and an offer of 20, in whatever capitals; a note of the same
    departure counts once; who names nobody is in no row.
    """
    departures = pd.DataFrame(
        {
            "customer_id": ["A", "A", "B", "C", "D"],
            "competitor": ["Rival", " rival", "RIVAL", "Other", None],
            "revenue": [100.0, 100.0, 50.0, np.nan, 70.0],
        }
    )
    lost = pd.DataFrame(
        {"customer_id": ["X", "Y"], "competitor": ["rival", ""], "amount": [20.0, 9.0]}
    )
    t = pipeline.competitors(departures, lost).set_index("competitor")
    assert list(t.index) == ["Rival", "Other"]
    assert t.left_account_count.tolist() == [2, 1] and t.lost_offer_count.tolist() == [1, 0]
    assert t.left_revenue["Rival"] == 150 and t.lost_amount["Rival"] == 20
    assert np.isnan(t.left_revenue["Other"]) and np.isnan(t.lost_amount["Other"])


def test_wallet_effects_add_up_to_the_change():
    """Potential 200 → 300, share 50 % → 40 %: market 100 × 0.45 = 45, share −0.1 × 250 = −25, in
    all +20; accounts of one audit only are left out.
    """
    now = pd.DataFrame(
        {"customer_id": ["a", "b", "n"], "revenue": [80.0, 40, 9], "potential": [200.0, 100, 9]}
    )
    then = pd.DataFrame(
        {"customer_id": ["a", "b", "o"], "revenue": [60.0, 40, 9], "potential": [120.0, 80, 9]}
    )
    row = pipeline.wallet(now, then).iloc[0]
    assert (row.share_then, row["share"]) == pytest.approx((0.5, 0.4))
    assert (row.market_effect, row.share_effect) == pytest.approx((45, -25))
    assert row.customer_count == 2
    assert row.market_effect + row.share_effect == pytest.approx(row.revenue - row.revenue_then)
    none = pipeline.wallet(now.head(0), then).iloc[0]
    assert none.customer_count == 0 and np.isnan(none["share"])
