"""Ledgers as companies keep them: several exercises in a file, years that are not closed,
claims that are deducted, rounded, doubted, given up.
"""

import datetime as dt
import os
import sys
from collections import defaultdict

import pytest
from carnet.book.book import open_book
from carnet.errors import CarnetError
from carnet.measures.costs.accounts import account_classes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.intake.test_fec import bill, entries, fec, payment, several, told

OLD, NEW, BOTH = "123456789FEC20231231.txt", "123456789FEC20241231.txt", "FEC_2023_2024.txt"


def entry(journal, number, day, *lines, piece="P"):
    """lines: (account, customer, debit less credit, letter)."""
    return journal, number, day, piece, [(*line, "") if len(line) == 3 else line for line in lines]


def opening(day, *lines, journal="AN"):
    return entry(journal, "0", day, *lines, ("101000", "", -sum(line[2] for line in lines)))


def open_by_customer(book):
    table = book.table("receivables").execute()
    sums = table[table.paid_date.isna()].groupby("customer_id").amount.sum()
    return {customer: float(amount) for customer, amount in sums.items() if amount}


def by_year(book, table, day):
    found = book.table(table).execute()
    return {
        int(year): float(amount)
        for year, amount in found.groupby(found[day].map(lambda value: value.year))
        .amount.sum()
        .items()
    }


RENT_2023 = entry("OD", "1", "20231130", ("613200", "", 300), ("512000", "", -300))
CLOSING_2023 = entry(
    "OD", "2", "20231231", ("706000", "", 1000), ("613200", "", -300), ("120000", "", -700)
)
OPENING_2024 = opening(
    "20240101",
    ("411000", "C1", 1200),
    ("512000", "", -300),
    ("445710", "", -200),
    ("120000", "", -700),
)
RENT_2024 = entry("OD", "1", "20240331", ("613200", "", 300), ("512000", "", -300))
TWO_YEARS = [
    bill("1", "20231110", "C1", 1000),
    RENT_2023,
    CLOSING_2023,
    OPENING_2024,
    bill("1", "20240315", "C1", 2000),
    RENT_2024,
]


@pytest.mark.parametrize("name", [BOTH, NEW, "journal.txt"])
@pytest.mark.long
def test_two_exercises_in_one_file(make_engagement, name):
    book = several(make_engagement, {name: TWO_YEARS})
    assert by_year(book, "sales", "date") == {2023: 1000, 2024: 2000} and by_year(
        book, "costs", "period_start"
    ) == {2023: 300, 2024: 300}
    assert open_by_customer(book) == {"C1": 3600} and book.checks["ledger"].linked_share == 1
    assert "linked to a customer" not in told(book) and "exercise is missing" not in told(book)


@pytest.mark.long
def test_one_exercise_in_a_file_a_month(make_engagement):
    months = {
        f"journal_{month:02d}.txt": [bill(str(month), f"2024{month:02d}15", "C1", 100)]
        for month in range(1, 13)
    }
    months["journal_01.txt"].insert(0, opening("20240101", ("411000", "C1", 50)))
    book = several(make_engagement, months)
    assert set(book.table("ledger").exercise.execute()) == {"…2024-12-15"} and open_by_customer(
        book
    ) == {"C1": 12 * 120 + 50}


@pytest.mark.long
def test_an_exercise_that_ends_in_june(make_engagement):
    """Told by its opening entry, in a file without a legal name."""
    rows = [
        bill("1", "20230715", "C1", 100),
        bill("2", "20240615", "C1", 100),
        opening("20240701", ("411000", "C1", 240)),
        bill("1", "20240715", "C1", 50),
    ]
    book = several(make_engagement, {BOTH: rows})
    assert set(book.table("ledger").exercise.execute()) == {
        "2024-06-30",
        "…2024-07-15",
    } and open_by_customer(book) == {"C1": 300}


@pytest.mark.long
def test_a_year_that_is_not_closed_opens_with_its_accounts(make_engagement):
    bought = entry("AC", "2", "20231202", ("607100", "", 600), ("401100", "", -600))
    carried = opening(
        "20240101",
        ("411000", "C1", 1200),
        ("706000", "", -1000),
        ("445710", "", -200),
        ("607100", "", 600),
        ("401100", "", -600),
    )
    again = entry("AC", "2", "20241202", ("607100", "", 650), ("401100", "", -650))
    book = several(
        make_engagement,
        {
            OLD: [bill("1", "20231201", "C1", 1000), bought],
            NEW: [carried, bill("1", "20241201", "C1", 1100), again],
        },
    )
    assert by_year(book, "sales", "date") == {2023: 1000, 2024: 1100} and by_year(
        book, "costs", "period_start"
    ) == {2023: 600, 2024: 650}
    assert "the exercise before 2024-12-31 is not closed" in told(
        book
    ) and "costs €600, income €1,000" in told(book)


@pytest.mark.long
def test_openings_and_closings_out_of_their_place_are_told(make_engagement):
    late = [
        bill("1", "20240110", "C1", 1000),
        opening("20240201", ("411000", "C1", 70)),
        bill("2", "20241210", "C1", 100),
    ]
    book = several(make_engagement, {NEW: late})
    assert (
        "the opening entry of 2024-02-01 is not on the first day, entries begin on 2024-01-10"
        in told(book)
    )
    assert open_by_customer(book) == {"C1": 1000 * 1.2 + 120 + 70}
    early = entry("OD", "9", "20241130", ("706000", "", 1000), ("120000", "", -1000))
    book = several(
        make_engagement,
        {NEW: [bill("1", "20240110", "C1", 1000), early, bill("2", "20241210", "C1", 100)]},
        "early",
    )
    assert (
        "the closing entry of 2024-11-30 is not on the last day, entries end on 2024-12-10"
        in told(book)
    )
    assert by_year(book, "sales", "date") == {2024: 1100}


@pytest.mark.long
def test_draft_and_final_are_refused_by_name(make_engagement):
    rows = [bill(str(n), f"202401{n:02d}", "C1", 100) for n in range(1, 11)]
    with pytest.raises(
        CarnetError,
        match=(
            r"123456789FEC20241231\.txt and 123456789FEC20241231_final\.txt are two ledgers of one "
            r"exercise: 30 of 30 .*files"
        ),
    ):
        several(
            make_engagement,
            {NEW: rows, "123456789FEC20241231_final.txt": [*rows, bill("11", "20240131", "C1", 7)]},
        )
    halves = several(
        make_engagement, {NEW: rows[:5], "123456789FEC20241231_2.txt": rows[5:]}, "halves"
    )
    assert by_year(halves, "sales", "date") == {2024: 1000}, "one exercise in two files"


@pytest.mark.long
def test_the_newest_exercise_left_out_is_an_alarm(make_engagement):
    home = make_engagement(tables={"ledger": {"files": OLD}})
    for name, year in ((OLD, 2023), (NEW, 2024), ("123456789FEC20221231.txt", 2022)):
        (home / name).write_bytes(
            fec(entries(bill("1", f"{year}0110", "C1", 100))).encode("iso8859-15")
        )
    assert (
        f"{NEW}, with entries up to 2024-01-10, is not read: the newest exercise is left out"
        in told(open_book(home))
    )
    assert "20221231" not in told(open_book(home))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_ledger_left_out_is_named_in_signs_that_a_report_can_hold(make_engagement):
    home = make_engagement(tables={"ledger": {"files": OLD}})
    for name, year in ((OLD, 2023), (os.fsdecode(b"\xe9criture.txt"), 2024)):
        (home / name).write_bytes(fec(entries(bill("1", f"{year}0110", "C1", 100))).encode())
    assert "\ufffdcriture.txt, with entries up to 2024-01-10, is not read" in told(open_book(home))


@pytest.mark.long
def test_the_name_stands_for_an_empty_number(make_engagement):
    lines = entries(
        bill("1", "20240110", "C1", 100),
        bill("2", "20240210", "", 200),
        bill("3", "20240310", "", 300),
    )
    named = [
        (
            *line[:7],
            {"F1": "Dupin", "F2": "Dupin", "F3": "Éts Garonne"}[line[8]]
            if line[4].startswith("411")
            else "",
            *line[8:],
        )
        for line in lines
    ]
    home = make_engagement(tables={"ledger": {"files": "*.txt"}})
    (home / NEW).write_bytes(fec(named).encode("iso8859-15"))
    book = open_book(home)
    assert (
        open_by_customer(book) == {"C1": 360, "Éts Garonne": 360}
        and book.checks["ledger"].linked_share == 1
    )


@pytest.mark.long
def test_a_credit_note_deducted_from_a_payment(make_engagement):
    note = entry(
        "VE",
        "2",
        "20231220",
        ("706000", "", 100),
        ("445710", "", 20),
        ("411000", "C1", -120, "AB"),
        piece="A1",
    )
    paid = entry(
        "BQ",
        "1",
        "20240115",
        ("411000", "C1", -1200, "AA"),
        ("411000", "C1", 120, "AB"),
        ("512000", "", 1080),
    )
    book = several(
        make_engagement,
        {
            OLD: [bill("1", "20231201", "C1", 1000, "AA"), note],
            NEW: [opening("20240101", ("411000", "C1", 1080)), paid],
        },
    )
    assert open_by_customer(book) == {}


@pytest.mark.long
def test_rounding_on_an_account_of_a_customer_is_no_bill(make_engagement):
    paid = entry("BQ", "1", "20240115", ("411000", "C1", -1201, "AA"), ("512000", "", 1201))
    rounding = entry("OD", "2", "20240115", ("411000", "C1", 1, "AA"), ("758000", "", -1))
    book = several(
        make_engagement,
        {
            OLD: [bill("1", "20231201", "C1", 1000)],
            NEW: [opening("20240101", ("411000", "C1", 1200)), paid, rounding],
        },
    )
    assert open_by_customer(book) == {}


@pytest.mark.long
def test_a_doubtful_claim_written_off_is_lost_neither_open_nor_paid(make_engagement):
    moved = entry("OD", "2", "20231015", ("416000", "C1", 1200), ("411000", "C1", -1200, "AA"))
    lost = entry(
        "OD", "1", "20241128", ("654100", "", 1000), ("445710", "", 200), ("416000", "C1", -1200)
    )
    rows = {
        OLD: [bill("1", "20230601", "C1", 1000, "AA"), moved],
        NEW: [opening("20240101", ("416000", "C1", 1200)), bill("1", "20240601", "C2", 100), lost],
    }
    book = several(make_engagement, rows)
    assert open_by_customer(book) == {"C2": 120}
    assert "C1" not in set(book.table("receivables").customer_id.execute()), "lost is not paid"
    assert (
        "€1,200 with taxes, €1,000 on accounts 654 (customers: 1): C1: doubtful since "
        "2023-10-15, written off 2024-11-28"
    ) in told(book)
    assert open_by_customer(several(make_engagement, rows, "before", as_of="2024-10-31")) == {
        "C1": 1200,
        "C2": 120,
    }, "doubtful, and still owed"


@pytest.mark.long
def test_of_a_lettered_claim_half_paid_and_half_given_up_half_is_lost(make_engagement):
    lost = entry("OD", "1", "20241128", ("654100", "", 600), ("411000", "C1", -600, "AA"))
    book = several(
        make_engagement,
        {
            NEW: [
                bill("1", "20240601", "C1", 1000, "AA"),
                payment("1", "20240701", "C1", 600, "AA"),
                lost,
            ]
        },
    )
    rows = book.table("receivables").execute()
    assert (
        rows.amount.astype(float).tolist() == [600]
        and str(rows.paid_date[0])[:10] == "2024-07-01"
        and open_by_customer(book) == {}
    )


MOVES = st.tuples(
    st.sampled_from(["bill", "payment", "note", "refund", "doubt", "loss", "rounding"]),
    st.sampled_from(["C1", "C2", "C3"]),
    st.integers(1, 500),
    st.dates(dt.date(2023, 1, 5), dt.date(2024, 12, 28)),
    st.sampled_from(["", "", "AA", "AB"]),
)


def entry_of(number, move):
    kind, customer, amount, day, letter = move
    day, number = day.strftime("%Y%m%d"), str(number)
    if kind == "bill":
        return bill(number, day, customer, amount * 5, letter)
    if kind == "payment":
        return payment(number, day, customer, amount * 6, letter)
    lines = {
        "note": [("411000", customer, -amount, letter), ("706000", "", amount)],
        "refund": [("411000", customer, amount, letter), ("512000", "", -amount)],
        "doubt": [("416000", customer, amount), ("411000", customer, -amount, letter)],
        "loss": [("416000", customer, -amount), ("654000", "", amount)],
        "rounding": [("411000", customer, 1, letter), ("758000", "", -1)],
    }
    return entry(
        {"note": "VE", "refund": "BQ"}.get(kind, "OD"),
        number,
        day,
        *lines[kind],
        piece=f"P{number}",
    )


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=st.lists(MOVES, min_size=1, max_size=25), one_file=st.booleans())
@pytest.mark.long
def test_law_what_is_open_of_a_customer_is_the_balance_of_its_accounts(
    make_engagement, tmp_path_factory, moves, one_file
):
    """Whatever is billed, deducted, lettered, paid too much, doubted or given up,
    in one file or two, the second year opened with the balances of the first.
    """
    # more than all credit notes together: without revenue nothing is linked to a customer
    first_bill = ("bill", "C1", 3001, dt.date(2023, 1, 2), "")
    moves = [first_bill, *sorted(moves, key=lambda move: move[3])]
    made = [(move[3].year, entry_of(number, move)) for number, move in enumerate(moves, 1)]
    balance, carried = defaultdict(int), defaultdict(int)
    for year, (_, _, _, _, lines) in made:
        for account, customer, amount, _ in lines:
            if account[:3] in ("411", "416"):
                balance[customer] += amount
                carried[account, customer] += amount if year == 2023 else 0
    kept = [
        (account, customer, amount) for (account, customer), amount in carried.items() if amount
    ]
    second = [opening("20240101", *kept)] if kept else []
    first, second = (
        [each for year, each in made if year == 2023],
        [*second, *(each for year, each in made if year == 2024)],
    )
    ledgers = {BOTH: [*first, *second]} if one_file or not second else {OLD: first, NEW: second}
    home = tmp_path_factory.mktemp("law")
    book = several(
        lambda name, **content: make_engagement(f"{home.name}-{name}", **content),
        ledgers,
        as_of="2024-12-31",
    )
    assert open_by_customer(book) == {
        customer: amount for customer, amount in balance.items() if amount
    }


@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.long
def test_an_opening_under_any_name_is_told_by_the_balances_it_carries(make_engagement, closed):
    """Journal and label say nothing: three accounts with the balances of all that went before,
    on the first of a month.
    """
    balances = [("411000", "C1", 1200), ("512000", "", -300), ("445710", "", -200)]
    carried = (
        [*balances, ("120000", "", -700)]
        if closed
        else [*balances, ("613200", "", 300), ("706000", "", -1000)]
    )
    odd = ("OD", "9", "20240101", "SOLDES", [(*line, "") for line in carried])
    book = several(
        make_engagement,
        {BOTH: [*TWO_YEARS[:2], *([CLOSING_2023] if closed else []), odd, *TWO_YEARS[4:]]},
    )
    assert by_year(book, "sales", "date") == {2023: 1000, 2024: 2000} and by_year(
        book, "costs", "period_start"
    ) == {2023: 300, 2024: 300}
    assert open_by_customer(book) == {"C1": 3600}


@pytest.mark.long
def test_an_invoice_of_the_first_of_a_month_is_no_opening(make_engagement):
    book = several(
        make_engagement,
        {
            BOTH: [
                bill("1", "20240101", "C1", 1000),
                bill("2", "20240201", "C1", 1000),
                bill("3", "20240301", "C1", 1000),
            ]
        },
    )
    assert by_year(book, "sales", "date") == {2024: 3000} and open_by_customer(book) == {"C1": 3600}


def test_balances_that_leave_on_the_last_day_come_back_with_the_opening(make_engagement):
    """A closing of the balance sheet (891): every balance is emptied,
    and carried forward the day after; nobody has paid by it.
    """
    emptied = entry(
        "OD",
        "3",
        "20231231",
        ("411000", "C1", -1200),
        ("512000", "", 300),
        ("445710", "", 200),
        ("120000", "", 700),
        ("891000", "", 0),
    )
    book = several(make_engagement, {BOTH: [*TWO_YEARS[:3], emptied, *TWO_YEARS[3:]]})
    assert open_by_customer(book) == {"C1": 3600} and by_year(book, "sales", "date") == {
        2023: 1000,
        2024: 2000,
    }
    classes = account_classes(book.table("ledger")).execute().set_index("account_class").balance
    assert float(classes["41"]) == 3600 and float(classes["51"]) == -300 - 300
    assert "not on the first day" not in told(book)
