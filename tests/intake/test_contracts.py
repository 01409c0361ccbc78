from decimal import Decimal

import pytest
from carnet.book.book import open_book
from carnet.errors import CarnetError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

HEADER = ["customer_id", "date", "amount"]
GOOD = ["A", "2024-12-31", "10.00"]


def check_of(make_engagement, rows, table="sales", name="client", **content):
    folder = make_engagement(name, tables={"sales": [HEADER, GOOD], table: rows}, **content)
    book = open_book(folder)
    return book.checks[table], book


@pytest.mark.parametrize(
    ("header", "row", "reason"),
    [
        (HEADER, ["", "2024-12-31", "1"], "missing:customer_id"),
        (HEADER, ["NULL", "2024-12-31", "1"], "missing:customer_id"),
        (HEADER, [" nan ", "2024-12-31", "1"], "missing:customer_id"),
        (HEADER, ["B", "n.d.", "1"], "missing:date"),
        (HEADER, ["B", "2024-02-30", "1"], "date:date"),
        (HEADER, ["B", "demain", "1"], "date:date"),
        (HEADER, ["B", "1899-12-31", "1"], "early:date"),
        (HEADER, ["B", "2025-01-01", "1"], "after:date"),
        (HEADER, ["B", "2024-12-31", "à facturer"], "number:amount"),
        (HEADER, ["B", "2024-12-31", "1e30"], "number:amount"),
        (HEADER, ["B", "2024-12-31", ""], "missing:amount"),
        (HEADER, ["", "", ""], None),
        (HEADER, ["", "9999-01-01", "x"], "missing:customer_id;number:amount;after:date"),
        ([*HEADER, "quantity"], ["B", "2024-12-31", "1", "many"], "number:quantity"),
        ([*HEADER, "discount"], ["B", "2024-12-31", "1", "10"], "share:discount"),
        ([*HEADER, "cost"], ["B", "2024-12-31", "1", "NULL"], None),
    ],
)
def test_reason_for_each_bad_value(make_engagement, header, row, reason):
    padding = [""] * (len(header) - 3)
    check, book = check_of(make_engagement, [header, [*GOOD, *padding], row], as_of="2024-12-31")
    assert list(check.reasons) == ([reason] if reason else [])
    if reason:
        kept = book.table("quarantine").execute().iloc[0]
        assert (kept["table"], kept.file, kept.row) == ("sales", "sales.csv", 3)
        for value in filter(None, row):
            assert value.strip() in kept.original_values


@pytest.mark.parametrize(
    ("table", "header", "row", "reason"),
    [
        (
            "costs",
            "period_start,period_end,category,amount,behaviour",
            "2024-01-01,2024-01-31,Loyer,5,semi",
            "choice:behaviour",
        ),
        ("departures", "customer_id,date,told_by", "A,2024-06-01,voisin", "choice:told_by"),
        ("customers", "customer_id,contract", "B,peut-être", "bool:contract"),
        ("opportunities", "customer_id,opened,stage", "A,2024-06-01,signée", "choice:stage"),
    ],
)
def test_reason_for_each_bad_choice(make_engagement, table, header, row, reason):
    good = {
        "costs": "2024-01-01,2024-01-31,Loyer,5,Fixe",
        "departures": "A,2024-06-01,Client",
        "customers": "A,Oui",
        "opportunities": "A,2024-06-01,Gagnée",
    }
    check, book = check_of(
        make_engagement, [line.split(",") for line in (header, good[table], row)], table
    )
    assert check.reasons == {reason: 1}
    told = {"fixed", "customer", "won", True}
    assert told & set(book.table(table).execute().iloc[0])


def test_repeated_line_is_quarantined_and_counts_within_its_order(make_engagement):
    rows = [
        [*HEADER, "order_id", "line_id"],
        [*GOOD, "F1", "1"],
        [*GOOD, "F1", "2"],
        [*GOOD, "F2", "1"],
        [*GOOD, "F1", "2"],
    ]
    check, book = check_of(make_engagement, rows)
    assert check.reasons == {"repeated:line_id": 1}
    assert list(book.table("quarantine").execute().row) == [5]


def test_repeated_line_without_order_number(make_engagement):
    check, _ = check_of(
        make_engagement,
        [[*HEADER, "line_id"], [*GOOD, "1"], [*GOOD, "1"], [*GOOD, ""], [*GOOD, ""]],
    )
    assert (check.reasons, check.duplicate_rows) == ({"repeated:line_id": 1}, 1)


def test_line_numbers_that_restart_are_not_repeated(make_engagement):
    rows = [
        [*HEADER, "order_id", "line_id"],
        ["A", "2023-01-05", "1", "1", "1"],
        ["B", "2024-01-05", "1", "1", "1"],
        [*GOOD, "", "1"],
        ["C", "2024-12-31", "1", "", "1"],
    ]
    check, _ = check_of(make_engagement, rows)
    assert check.quarantined_rows == 0


def test_small_unit_prices_keep_their_decimals(make_engagement):
    rows = [
        ["customer_id", "date", "quantity", "unit_price"],
        ["A", "2024-12-31", "100000", "0.00345"],
        ["A", "2024-12-31", "1000000", "0.00004"],
    ]
    check, _ = check_of(make_engagement, rows)
    assert check.amount == Decimal(385)


def test_computed_amount_that_overflows_is_rejected(make_engagement):
    rows = [
        ["customer_id", "date", "quantity", "unit_price"],
        ["A", "2024-12-31", "1000000000", "1000000000"],
        ["A", "2024-12-31", "2", "3.5"],
    ]
    check, _ = check_of(make_engagement, rows)
    assert (check.reasons, check.unreadable_amounts) == ({"number:amount": 1}, 1)


@pytest.mark.parametrize("amount", ["$12.50", "USD 12.50", "12%", "1 2 3.5", "1 2345.5", "12,5 £"])
def test_foreign_currency_percent_and_odd_spaces_are_no_amount(make_engagement, amount):
    check, _ = check_of(
        make_engagement, [HEADER, GOOD, ["B", "2024-12-31", amount], ["C", "2024-12-31", "€ 2.50"]]
    )
    assert (check.reasons, check.amount) == ({"number:amount": 1}, Decimal("12.5"))


def test_repeated_customer(make_engagement):
    check, _ = check_of(
        make_engagement, [["customer_id", "name"], ["A", "x"], ["A", "y"]], "customers"
    )
    assert check.reasons == {"repeated:customer_id": 1}


def test_exact_duplicates_are_kept_and_reported(make_engagement):
    check, _ = check_of(make_engagement, [HEADER, GOOD, GOOD, GOOD, ["B", "2024-12-30", "1"]])
    assert (check.accepted_rows, check.duplicate_rows, check.duplicate_amount) == (
        4,
        2,
        Decimal(20),
    )
    assert any("duplicate" in notice.message for notice in check.notices)


def test_unknown_customers_are_a_warning(make_engagement):
    rows = [HEADER, GOOD, ["Z", "2024-12-30", "1"], ["Z", "2024-12-29", "1"]]
    folder = make_engagement(tables={"sales": rows, "customers": [["customer_id"], ["A"]]})
    book = open_book(folder)
    assert book.checks["sales"].quarantined_rows == 0
    assert [book.wording.tell(n) for n in book.notices if "missing from" in n.message] == [
        "customers missing from the customer list: 1 (Z), on 2 lines of sales, 16.7% of the sales."
    ]


def test_amount_from_quantity_price_and_discount(make_engagement):
    """Northwind's rule: 12 × 14.00 × (1 − 0.15) = 142.80; no discount written is no discount."""
    rows = [
        ["customer_id", "date", "quantity", "unit_price", "discount"],
        ["A", "2024-12-31", "12", "14.00", "0.15"],
        ["A", "2024-12-31", "2", "3.50", ""],
        ["A", "2024-12-31", "1", "100", "10 %"],
    ]
    check, book = check_of(make_engagement, rows)
    assert list(book.table("sales").order_by("_row").execute().amount) == [
        Decimal("142.8"),
        Decimal(7),
        Decimal(90),
    ]
    assert check.amount == Decimal("239.8")


def test_missing_part_of_a_computed_amount(make_engagement):
    check, _ = check_of(
        make_engagement,
        [
            ["customer_id", "date", "quantity", "unit_price"],
            ["A", "2024-12-31", "12", "14.00"],
            ["A", "2024-12-31", "", "3.50"],
        ],
    )
    assert check.reasons == {"missing:quantity": 1}


def test_cost_from_margin(make_engagement):
    _, book = check_of(make_engagement, [[*HEADER, "margin"], [*GOOD, "3.25"]])
    assert book.table("sales").execute().cost[0] == Decimal("6.75")


def test_default_audit_date_is_the_last_sale_that_is_not_in_the_future(make_engagement):
    check, book = check_of(make_engagement, [HEADER, GOOD, ["B", "2999-01-01", "1"]])
    assert str(book.as_of) == "2024-12-31"
    assert check.reasons == {"after:date": 1}


def test_nothing_accepted_is_refused(make_engagement):
    with pytest.raises(CarnetError, match="none of 1 rows was accepted"):
        open_book(make_engagement(tables={"sales": [HEADER, ["", "2024-12-31", "1"]]}))


def test_no_sales_and_no_date_is_refused(make_engagement):
    with pytest.raises(CarnetError, match="as_of"):
        open_book(make_engagement(tables={"customers": [["customer_id"], ["A"]]}))


def test_all_tables_with_faults_are_told_at_once(make_engagement):
    folder = make_engagement(
        tables={"sales": [["customer_id"], ["A"]], "customers": [["name"], ["A"]]}
    )
    with pytest.raises(CarnetError) as error:
        open_book(folder)
    assert "sales:" in str(error.value) and "customers:" in str(error.value)


cells = st.sampled_from(
    [
        "A",
        "B",
        "",
        "NULL",
        "2024-01-31",
        "2024-13-31",
        "2031-01-01",
        "1.50",
        "-2.25",
        "abc",
        "1e40",
        "=1+1",
        "'",
        '"',
        ";",
        "é\u202f",
    ]
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.lists(cells, min_size=1, max_size=5), max_size=12), seed=st.integers(0, 10**9)
)
@pytest.mark.long
def test_law_rows_and_sums_reconcile_whatever_comes_in(make_engagement, rows, seed):
    """Rows read = accepted + quarantined; Σ read = accepted + quarantined;
    every quarantined row is kept with a reason.
    """
    folder = make_engagement(
        f"law{seed}", tables={"sales": [HEADER, GOOD, *rows]}, as_of="2025-06-30"
    )
    book = open_book(folder)
    check, kept = book.checks["sales"], book.table("quarantine").execute()
    blank = sum(not any(cell.strip() for cell in row) for row in rows)
    assert check.rows == 1 + len(rows) - blank == check.accepted_rows + check.quarantined_rows
    assert check.amount == check.accepted_amount + check.quarantined_amount
    assert len(kept) == check.quarantined_rows and kept.reason.notna().all()
    assert sum(check.reasons.values()) == check.quarantined_rows
    assert book.table("sales").amount.sum().execute() == check.accepted_amount
