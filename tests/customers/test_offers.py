"""What accounts to offer a family may bring: of nobody 0, without a cost it is unknown."""

import pytest
from carnet.book.book import open_book
from carnet.customers.growth.study import GrowthStudy
from carnet.engagement.parameters import Parameters


@pytest.mark.long
@pytest.mark.parametrize(("cost", "margin"), [("", None), ("60", 0.0)])
def test_a_margin_without_a_cost_is_unknown_and_of_nobody_nothing(make_engagement, cost, margin):
    """24 accounts, half of them buying both families for three years: nobody begins with one."""
    rows = [["customer_id", "date", "amount", "cost", "offer"]]
    rows += [
        [f"C{c:02}", f"{year}-{month:02}-15", "100", cost, family]
        for c in range(24)
        for year in (2022, 2023, 2024)
        for month in (2, 5, 8, 11)
        for family in ("Paper", "Soap")[: 1 + c % 2]
    ]
    book = open_book(make_engagement(tables={"sales": rows}, as_of="2024-12-31"))
    study = GrowthStudy(book, Parameters())
    assert study.offers == {"count": 0, "decided": 0, "margin": margin}
    assert study.figures["opportunity_margin"] == margin
    assert study.figures["opportunity_count"] == 0
