"""Opportunities, competitors and share of wallet by hand."""

import datetime as dt

import ibis
import numpy as np
import pandas as pd
import pytest
from carnet.book.book import open_book
from carnet.book.earlier import Published
from carnet.customers.growth.pipeline import Pipeline
from carnet.engagement.parameters import Parameters
from carnet.findings import pipeline as words
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


def test_won_without_an_order_since_by_hand():
    """A ordered a week after its deal was opened, B before, C never; D's is won tomorrow, E's was
    opened 13 months ago. Without a stage what is closed is not told as open, nor as won.
    """
    rows = [(name, D(2024, 5, 1), D(2024, 6, 1), "won", 100.0, None) for name in "ABC"]
    rows += [("D", D(2024, 5, 1), D(2025, 1, 1), "won", 100.0, None)]
    rows += [("E", D(2023, 11, 30), D(2024, 6, 1), "won", 100.0, None)]
    rows += [("F", D(2024, 5, 1), D(2024, 6, 1), None, 100.0, None)]
    days = [("A", D(2024, 5, 8)), ("B", D(2024, 4, 30)), ("C", D(2025, 2, 1))]
    orders = ibis.memtable(
        pd.DataFrame(days, columns=["customer_id", "date"]),
        schema={"customer_id": "string", "date": "date"},
    )
    t = pipeline.won_unsold(offers(*rows), orders, AS_OF).execute()
    assert t.customer_id.tolist() == ["B", "C"] and t.won_amount.tolist() == [100, 100]
    flow = pipeline.opportunity_flow(offers(*rows), AS_OF).set_index("customer_id")
    assert flow.open_count[["D", "F"]].tolist() == [1, 0]


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


SALES = [["customer_id", "date", "amount"]] + [
    [name, f"{year}-{month:02d}-05", "10"]
    for name in ("A", "B")
    for year in (2023, 2024)
    for month in range(1, 13)
    if not (name == "B" and year == 2024)
]


def test_won_without_an_order_since_is_told(make_engagement):
    """B's deal of March 2024 was won, and B has ordered nothing since; A orders every month. A loss
    dated after the audit is no loss yet; two notes of one departure are one account.
    """
    offers = [["customer_id", "opened", "closed", "stage", "amount", "competitor"]]
    offers += [[name, "2024-03-01", "2024-04-01", "won", "500", ""] for name in ("A", "B")]
    offers += [["A", "2024-06-01", "2025-02-01", "lost", "70", "Rival"]]
    offers += [["A", "2022-06-01", "2024-02-01", "lost", "80", "Rival"]]
    gone = [["customer_id", "date", "competitor"]]
    gone += [["B", "2024-02-01", "Rival"], ["B", "2024-02-03", "Other"]]
    tables = {"sales": SALES, "opportunities": offers, "departures": gone}
    book = open_book(make_engagement(tables=tables), as_of="2024-12-31")
    found = Pipeline(book, Parameters())
    assert found.unsold.customer_id.tolist() == ["B"] and found.unsold.won_amount.item() == 500
    assert found.lost.amount.tolist() == [80]
    told = words.competitors(book.wording, found.competitors, found.taken, found.noted_count)
    assert "1 of 1 departures" in told.sentence and "€120" in told.sentence
    unknown = found.taken.assign(revenue=np.nan)
    bare = words.competitors(book.wording, found.competitors, unknown, found.noted_count)
    assert "name a competitor." in bare.sentence and "€" not in bare.sentence


def test_share_of_wallet_is_of_a_year_whatever_is_compared(make_engagement, tmp_path):
    """10 a month throughout, potential 240: half of it at both audits, in June as in December."""
    sales = SALES[:1] + [row for row in SALES[1:] if row[0] == "A"]
    listed = [["customer_id", "potential"], ["A", "240"]]
    home = make_engagement(
        tables={"sales": sales, "customers": listed}, as_of="2024-06-30", comparison="year_to_date"
    )
    (tmp_path / "lists").mkdir()
    rows = "customer_id,strategy,abc_class,revenue,potential\nA,serve,A,120,240\n"
    (tmp_path / "lists" / "strategy.csv").write_text(rows, encoding="utf-8")
    found = Pipeline(open_book(home), Parameters(), Published(tmp_path, {}, {}))
    row = found.wallet.iloc[0]
    assert (row.share_then, row["share"]) == (0.5, 0.5) and row.share_effect == 0
