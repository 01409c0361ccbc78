"""Discounts and returns by hand."""

import datetime as dt

import ibis
import pandas as pd
import pytest
from carnet.book.book import open_book
from carnet.customers.costs.study import CostStudy
from carnet.engagement.parameters import read_parameters
from carnet.engagement.periods import Period
from carnet.findings import costs as words
from carnet.measures.costs.concessions import concessions

YEAR = Period(dt.date(2024, 1, 1), dt.date(2024, 12, 31))


def lines(**columns):
    t = pd.DataFrame({"date": dt.date(2024, 5, 1)} | columns)
    kinds = dict.fromkeys(columns, "float64") | {"customer_id": "string", "date": "date"}
    return ibis.memtable(t[list(kinds)], schema=kinds)


def told(table):
    return concessions(table, YEAR).execute().set_index("customer_id")


def test_discounts_and_returns_apart_by_hand():
    """A pays 90 after 10 % and 100 without a word, sends back 19: 10 of 200 given as discount, 10 %
    of what it paid returned. B tells no discount.
    """
    t = told(
        lines(
            customer_id=["A", "A", "A", "B"],
            amount=[90.0, 100.0, -19.0, 50.0],
            discount=[0.1, None, None, None],
        )
    )
    a = t.loc["A"]
    assert (a.listed, a.discounts, a.returns) == pytest.approx((200, 10, 19))
    assert (a.discount_share, a.return_share) == pytest.approx((0.05, 0.1))
    assert (a.discounted, a.sold) == (90, 190)
    assert pd.isna(t.discounts["B"]) and pd.isna(t.listed["B"]) and t.returns["B"] == 0


def test_a_list_price_tells_a_discount_too():
    t = told(lines(customer_id=["A"], amount=[80.0], unit_price=[8.0], list_price=[10.0]))
    assert (t.listed["A"], t.discounts["A"]) == pytest.approx((100, 20))


def test_other_periods_and_empty_sales_count_nothing():
    table = lines(customer_id=["A", "B"], amount=[-5.0, 10.0])
    t = told(table)
    assert pd.isna(t.return_share["A"]) and t.returns["A"] == 5
    before = Period(dt.date(2023, 1, 1), dt.date(2023, 12, 31))
    assert not len(concessions(table, before).execute())


def test_equal_sums_stand_in_the_order_of_customers(make_engagement):
    """0.1 + 0.2 is more than 0.3 by its last digit alone."""
    rows = [["customer_id", "date", "amount"]]
    rows += [[name, "2024-05-01", 10] for name in "ABC"]
    rows += [["B", "2024-05-02", -0.1], ["B", "2024-05-03", -0.2], ["A", "2024-05-02", -0.3]]
    book = open_book(make_engagement(tables={"sales": rows}, as_of="2024-12-31"))
    study = CostStudy(book, read_parameters({}))
    assert study.given_back.customer_id.tolist() == ["A", "B"]  # nothing was given back to C
    assert study.conceded[["sold", "returns"]].tolist() == pytest.approx([30, 0.6])
    assert study.given_back.returns.tolist() == pytest.approx([0.3, 0.3])


def test_the_title_tells_what_the_table_holds(make_engagement):
    """A discount of nothing is told of A; only B gave anything back, and none is told of it."""
    rows = [["customer_id", "date", "amount", "discount"]]
    rows += [["A", "2024-05-01", 10, 0], ["B", "2024-05-01", 10, ""], ["B", "2024-05-02", -4, ""]]
    book = open_book(make_engagement(tables={"sales": rows}, as_of="2024-12-31"))
    study, w = CostStudy(book, read_parameters({})), book.wording
    assert study.given_back.customer_id.tolist() == ["B"]
    assert words.conceded_title(w, study.conceded) == "Returns, largest sum first"
    sums = study.conceded.copy()
    sums["named"] = 1
    assert words.conceded_title(w, sums) == "Discounts and returns, largest sum first"
