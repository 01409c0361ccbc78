"""After the first order: by hand, and on newcomers whose contacts do nothing."""

import datetime as dt

import ibis
import numpy as np
import pandas as pd
import pytest
from carnet.measures.portfolio import after_sale

D = dt.date


def table(*rows):
    t = pd.DataFrame(rows, columns=["customer_id", "date"])
    return ibis.memtable(t, schema={"customer_id": "string", "date": "date"})


def test_first_days_by_hand():
    """A orders twice on one day: its second order is another day's. A contact of the day itself
    counts, one before does not; OLD began before.
    """
    orders = table(
        ("OLD", D(2023, 1, 1)),
        ("A", D(2024, 1, 10)),
        ("A", D(2024, 1, 10)),
        ("A", D(2024, 3, 1)),
        ("A", D(2024, 4, 1)),
        ("B", D(2024, 2, 1)),
    )
    met = table(("A", D(2024, 1, 9)), ("A", D(2024, 1, 10)), ("A", D(2024, 2, 1)))
    t = after_sale.first_days(orders, met, None, D(2024, 1, 1)).execute().set_index("customer_id")
    assert list(t.index) == ["A", "B"]
    days = [pd.Timestamp(day).date() for day in t.loc["A", ["first", "second", "contact"]]]
    assert days == [D(2024, 1, 10), D(2024, 3, 1), D(2024, 1, 10)]
    assert t.loc["B", ["second", "contact", "complaint"]].isna().all()


def newcomers(rows):
    """Days after a first order on 2024-01-01: second, contact, complaint (None: never)."""
    start = pd.Timestamp("2024-01-01")
    t = pd.DataFrame(rows, columns=["second", "contact", "complaint"], dtype=float)
    for name in t:
        t[name] = start + pd.to_timedelta(t[name], unit="D")
    return t.assign(customer_id=[f"N{n}" for n in range(len(t))], first=start)


def test_shares_and_medians_by_hand():
    """Of ten, four have ordered again within 30 days, six within 90; 20 days in the middle."""
    t = newcomers(
        [(10, None, None), (20, 5, None), (20, 5, 40), (30, None, None)]
        + [(60, None, None)] * 2
        + [(None, None, None)] * 4
    )
    told = after_sale.time_to_events(t, D(2024, 12, 31)).set_index(["event", "days"])
    assert told.event_count["second"].tolist() == [4, 6, 6]
    assert told.event_count["contact"].tolist() == [2, 2, 2]
    assert told.event_count["complaint"].tolist() == [0, 1, 1]
    assert told.median_days["second", 30] == 25
    young = after_sale.time_to_events(t, D(2024, 3, 1))  # 60 days later
    assert set(young.days) == {30}, "who is too young for a horizon is not in it"


def test_second_orders_after_the_first_month_by_hand():
    """Six contacted in the first month and not back in it, three come later; five others, one. Who
    was back on day 10 decides nothing, whatever came before.
    """
    rows = [(60, 3, None)] * 3 + [(None, 3, None)] * 3
    rows += [(60, None, None)] + [(None, 45, None)] * 4 + [(10, 3, None)] * 7
    row = after_sale.second_by_event(newcomers(rows), D(2024, 12, 31)).iloc[0]
    assert (row.with_count, row.with_again, row.without_count, row.without_again) == (6, 3, 5, 1)
    assert row.difference == pytest.approx(0.5 - 0.2)
    assert row.difference_low < 0.3 < row.difference_high


@pytest.mark.long
def test_contacts_that_do_nothing_are_rarely_told_to_work():
    """Second orders and contacts come independently: in at most 5 % of 400 books, and 3 standard
    errors, does the interval leave out no difference, although contacts before the second order
    alone would seem to work.
    """
    rng, out = np.random.default_rng(12), []
    for _ in range(400):
        second, contact = rng.exponential(90, 120), rng.exponential(40, 120)
        t = newcomers(list(zip(second.round(), contact.round(), [None] * 120, strict=True)))
        row = after_sale.second_by_event(t, D(2024, 12, 31)).iloc[0]
        out.append(row.difference_low > 0 or row.difference_high < 0)
    assert np.mean(out) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)
