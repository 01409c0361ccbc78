"""Prices, penetration, loyalty, reorders and migration, by hand and against equal luck."""

import datetime as dt

import ibis
import numpy as np
import pandas as pd
import pytest
from carnet.engagement.periods import Periods
from carnet.measures.growth import families, migration, reorders

PERIODS = Periods(dt.date(2024, 12, 31))


def lines(*rows):
    names = ["customer_id", "date", "offer", "amount", "quantity", "estimated_cost"]
    t = pd.DataFrame(rows, columns=names)
    return ibis.memtable(t.assign(date=pd.to_datetime(t.date)))


def test_family_years_by_hand():
    sales = lines(
        ("A", "2022-05-01", "Paper", 10.0, 1.0, 6.0),
        ("A", "2023-05-01", "Paper", 20.0, 2.0, 12.0),
        ("A", "2024-05-01", "Paper", 45.0, 3.0, 30.0),
        ("A", "2024-06-01", "Soap", 30.0, 1.0, 20.0),
        ("A", "2024-07-01", "Soap", -30.0, -1.0, -20.0),
        ("B", "2025-01-01", "Soap", 99.0, 1.0, 50.0),  # after the audit date
    )
    t = families.family_years(sales, "offer", PERIODS).execute().set_index("family")
    paper, soap = t.loc["Paper"], t.loc["Soap"]
    assert len(t) == 2
    assert (paper.revenue, paper.revenue_previous, paper.margin) == (45, 20, 15)
    assert paper.bought and paper.bought_previous and paper.owned_before
    assert (soap.revenue, soap.margin) == (0, 0) and soap.bought and not soap.owned_before


def test_prices_by_hand():
    """Paper at 10, then at 15 for 3: 3 × 5 = 15 of revenue are made by price."""
    t = pd.DataFrame(
        {
            "customer_id": ["A", "B", "C"],
            "family": "Paper",
            "revenue": [45.0, 20.0, 0.0],
            "revenue_previous": [20.0, 20.0, 10.0],
            "quantity": [3.0, 2.0, 0.0],
            "quantity_previous": [2.0, 2.0, 1.0],
        }
    )
    table = families.price_moves(ibis.memtable(t))
    moves = table.execute()
    assert moves[["price", "price_change", "price_effect"]].values.tolist() == [
        [15.0, 0.5, 15.0],
        [10.0, 0.0, 0.0],
    ]
    found = families.price_by_family(table).iloc[0]
    assert (found.dearer_count, found.cheaper_count, found.price_effect) == (1, 0, 15.0)
    assert np.isnan(found.median_change) and np.isnan(found.p_value), "two accounts tell nothing"


def test_loyalty_and_penetration_by_hand():
    pairs = pd.DataFrame(
        [(f"C{c}", f, c < 7, True) for c in range(10) for f in ("X", "Y")[: 1 + (c % 2)]],
        columns=["customer_id", "family", "bought", "bought_previous"],
    )
    movement = pd.DataFrame(
        {"customer_id": [f"C{c}" for c in range(10)], "status": ["kept"] * 7 + ["lost"] * 3}
    )
    pairs = ibis.memtable(pairs)
    t = families.loyalty_by_families(pairs, ibis.memtable(movement)).set_index("family_count")
    assert t.kept_count.to_dict() == {1: 4, 2: 3} and t.opening_count.to_dict() == {1: 5, 2: 5}
    assert t.retention_rate[1] == 0.8 and t.retention_low[1] < 0.8 < t.retention_high[1]
    groups = pd.DataFrame({"customer_id": [f"C{c}" for c in range(10)], "group": "A"})
    p = families.penetration(pairs, ibis.memtable(groups)).set_index("family")
    assert p.penetration_rate.to_dict() == {"X": 1.0, "Y": pytest.approx(3 / 7)}


def test_reorders_by_hand():
    """Every 30 days, five waits, then 31 days of silence on the audit date: due; 30: not yet."""
    rows = [
        (customer, f"{dt.date(2024, 12, 31) - dt.timedelta(days=silent + 30 * k)}", "P", 1.0, 1, 0)
        for customer, silent in (("A", 31), ("B", 30), ("C", 400))
        for k in range(6)
    ]
    rows += [("D", "2024-01-01", "P", 1.0, 1, 0)] * 9  # one day: no rhythm
    t = reorders.family_rhythms(lines(*rows), "offer", dt.date(2024, 12, 31))
    t = reorders.reorders_due(t).execute().set_index("customer_id")
    assert t.due.to_dict() == {"A": True, "B": False, "C": True}
    assert (t.interval_count == 5).all() and (t.longest_days == 30).all()
    assert (t.chance == 1 / 6).all() and t.silent_days["C"] == 400


@pytest.mark.long
def test_equal_rhythms_are_due_no_more_often_than_the_chance_told():
    """2,000 families ordered at exponential intervals with the same rate all along: the share
    due is at most the mean of the chances told, and 3 standard errors.
    """
    rng, told = np.random.default_rng(23), []
    for _ in range(2000):
        days = np.cumsum(rng.exponential(60, size=40))
        days = days[days < 1000]
        waits = np.diff(days)
        if len(waits) >= reorders.LEAST_INTERVALS:
            told.append((len(waits), waits.max(), 1000 - days[-1]))
    names = ["interval_count", "longest_days", "silent_days"]
    t = reorders.reorders_due(ibis.memtable(pd.DataFrame(told, columns=names))).execute()
    error = np.sqrt(t.chance.mean() / len(t))
    assert len(t) > 1500 and t.due.mean() <= t.chance.mean() + 3 * error


@pytest.mark.long
def test_migration_by_hand_and_luck_of_equal_years():
    movement = pd.DataFrame(
        {
            "customer_id": list("ABCD"),
            "revenue": [100.0, 500.0, 0.0, 50.0],
            "revenue_previous": [100.0, 100.0, 80.0, 0.0],
            "order_count": [1, 2, 0, 1],
            "order_count_previous": [2, 1, 1, 0],
        }
    )
    t = migration.basket_frequency(ibis.memtable(movement), [60.0, 200.0])
    found = t.execute().set_index("customer_id")
    assert found.basket_band.to_dict() == {"A": 1, "B": 2, "C": -1, "D": 0}
    assert found.basket_band_previous.to_dict() == {"A": 0, "B": 1, "C": 1, "D": -1}
    assert found.frequency_band.to_dict() == {"A": 0, "B": 1, "C": -1, "D": 0}
    names = {"before": "basket_band_previous", "after": "basket_band"}
    table = migration.migration(t.rename(names))
    assert table.sales_gap.sum() == movement.revenue.sum() - movement.revenue_previous.sum()
    found = migration.moves(table)
    assert (found.stayed_count, found.up_count, found.down_count) == (0, 2, 0)
    rng, uneven = np.random.default_rng(24), []
    for _ in range(400):  # two draws of the same law: as many up as down but for luck
        before, after = rng.integers(4, size=(2, 200))
        pairs = pd.DataFrame({"before": before, "after": after})
        counts = pairs.value_counts().rename("customer_count").reset_index()
        uneven.append(migration.moves(counts).p_value <= 0.05)
    assert np.mean(uneven) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)


def test_contracts_attached_by_hand():
    """Of 6 that bought machines in 24 months, 2 hold a contract; the 40 a year of the others are
    open. Of 4 that bought paper nothing is told but the money.
    """
    rows = [(f"C{n}", "machine", n % 2 == 0, n % 2 == 1, 10.0) for n in range(6)]
    rows += [(f"C{n}", "paper", True, False, 1.0) for n in range(4)]
    rows += [("OLD", "machine", False, False, 0.0)]
    names = ["customer_id", "family", "bought", "bought_previous", "revenue"]
    pairs = ibis.memtable(pd.DataFrame(rows, columns=names))
    t = families.contract_attachment(pairs, ibis.memtable({"customer_id": ["C0", "C1"]}))
    told = t.set_index("family")
    assert list(t.family) == ["machine", "paper"]
    assert told.loc["machine", ["customer_count", "attached_count", "open_revenue"]].tolist() == [
        6,
        2,
        40,
    ]
    assert told.attachment_rate["machine"] == pytest.approx(1 / 3)
    assert told.attachment_rate.isna()["paper"] and told.open_revenue["paper"] == 2
