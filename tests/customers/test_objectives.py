"""Objectives of one offer."""

import datetime as dt

import pytest
from carnet.book.book import open_book
from carnet.customers.objectives import check_objectives, offer_progress
from carnet.errors import CarnetError

SALES = [
    ["customer_id", "date", "amount", "offer"],
    *(
        [f"C{c}", f"{year}-{month:02d}-15", amount, offer]
        for year in (2023, 2024)
        for month in range(1, 13)
        for c in range(6)
        for offer, amount in (("Soap", "100"), ("Paper", "10"))
        if not (offer == "Paper" and c >= 5 and year == 2024)
    ),
]
KEYS = {"from": "2023-12-31", "due": "2025-12-31"}


def book(make_engagement, *targets):
    folder = make_engagement(
        tables={"sales": SALES}, as_of="2024-12-31", targets=[KEYS | target for target in targets]
    )
    return open_book(folder)


def test_each_offer_is_judged_by_its_own_lines(make_engagement):
    """Six customers buy soap for 100 a month, two years long: 7,200 a year without any noise; five
    of six still buy paper.
    """
    opened = book(
        make_engagement,
        {"measure": "revenue", "offer": "Soap", "baseline": 7200, "target": 9200},
        {"measure": "revenue", "offer": "Paper", "baseline": 720, "target": 500},
        {"measure": "active_customer_count", "offer": "Paper", "baseline": 6, "target": 4.5},
    )
    check_objectives(opened)
    t = offer_progress(opened)
    assert list(t.offer) == ["Soap", "Paper", "Paper"]
    assert list(t.value) == [7200, 600, 5]
    # 366 of 731 days of the way
    way = (dt.date(2024, 12, 31) - dt.date(2023, 12, 31)).days / 731
    assert list(t.required) == pytest.approx([7200 + 2000 * way, 720 - 220 * way, 6 - 1.5 * way])
    assert list(t.status) == ["off track", "on track", "on track"]
    assert list(t.low[:2]) == list(t.high[:2]) == [7200, 600], "every month is like the next"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ({"measure": "revenue", "offer": "Saop"}, "no sale line names the offer 'Saop'.*Soap"),
        ({"measure": "net_margin", "offer": "Soap"}, "'net_margin' is not measured by offer"),
        (  # who bought it last year and still buys anything has not kept the offer
            {"measure": "retention_rate", "offer": "Soap"},
            "'retention_rate' is not measured by offer",
        ),
        ({"measure": "revenu", "offer": "Soap"}, "unknown measure 'revenu'"),
    ],
)
def test_what_cannot_be_judged_is_refused(make_engagement, target, message):
    with pytest.raises(CarnetError, match=message):
        check_objectives(book(make_engagement, target | {"target": 1}))


def test_an_offer_that_nobody_bought_for_years_brought_nothing(make_engagement):
    rows = [*SALES, *([f"C{c}", "2021-05-01", "70", "Wax"] for c in range(6))]
    targets = [
        KEYS | {"measure": measure, "offer": "Wax", "baseline": 0, "target": 10}
        for measure in ("revenue", "active_customer_count")
    ]
    folder = make_engagement(tables={"sales": rows}, as_of="2024-12-31", targets=targets)
    t = offer_progress(open_book(folder))
    assert list(t.value) == [0, 0] and set(t.status) == {"off track"}


def test_a_part_of_a_year_is_not_judged(make_engagement):
    """Sales of six months alone: their sum is no yearly revenue, and no months are taken for 0."""
    rows = [row for row in SALES if row[1] == "date" or row[1] >= "2024-07-01"]
    target = KEYS | {"measure": "revenue", "offer": "Soap", "baseline": 7200, "target": 9200}
    folder = make_engagement(tables={"sales": rows}, as_of="2024-12-31", targets=[target])
    (row,) = offer_progress(open_book(folder)).to_dict("records")
    assert row["status"] == "not measured" and row["value"] != row["value"]
    assert row["low"] != row["low"]
