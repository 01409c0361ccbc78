"""Whose gap it was, which contracts still run, who is on the customer list,
and what a reader is warned of first: books with a known truth.
"""

import datetime as dt

import ibis
import numpy as np
import pandas as pd
import pytest
from carnet.book.book import open_book
from carnet.book.mapped import frame
from carnet.customers.accounts.account_list import chosen_rules
from carnet.customers.accounts.profits import Rates
from carnet.customers.accounts.valued import valued_accounts
from carnet.customers.decisions import Policy, decided_frame
from carnet.customers.gaps.gap_list import gap_frame
from carnet.findings import strategy as words
from carnet.measures.gaps.salespeople import late_by_salesperson, sellers
from carnet.wording import Notice, Wording

from tests.conftest import write_engagement

ENGLISH = Wording("en", "EUR")
CUTS = (0.8, 0.95)


def gaps_of(book):
    return gap_frame(book, *CUTS, 4).set_index("customer_id")


def monthly(name, first, last, amount=100, salesperson=None, day=5):
    """One order a month, from one month to another."""
    return [
        [name, f"{month}-{day:02}", amount, *([salesperson] if salesperson else [])]
        for month in pd.period_range(first, last, freq="M")
    ]


# --- a gap belongs to whoever sold when it arose


SOLD = ["customer_id", "date", "amount", "salesperson"]


@pytest.mark.long
def test_a_customer_handed_over_between_the_periods_is_its_former_sellers_gap(make_engagement):
    """A was Old's in 2024 and is New's since; B stays; C was bought of by two, 700 against 500;
    D of two alike, by name; E's lines name nobody in 2024.
    """
    sales = [
        SOLD,
        *monthly("A", "2024-01", "2024-12", 100, "Old"),
        *monthly("A", "2025-01", "2025-12", 40, "New"),
        *monthly("B", "2024-01", "2025-12", 100, "Rita"),
        *monthly("C", "2024-01", "2024-07", 100, "Tom"),
        *monthly("C", "2024-08", "2025-12", 100, "Uma"),
        *monthly("D", "2024-01", "2024-06", 100, "Zoe"),
        *monthly("D", "2024-07", "2024-12", 100, "Bob"),
        *monthly("D", "2025-01", "2025-12", 90, "Zoe"),
        *monthly("E", "2024-01", "2024-12", 100, " "),
        *monthly("E", "2025-01", "2025-12", 90, "New"),
        *monthly("F", "2025-03", "2025-12", 100, "New"),
    ]
    book = open_book(make_engagement(tables={"sales": sales}, as_of="2025-12-31"))
    sold = (
        sellers(book.table("sales"), book.periods)
        .execute()
        .set_index("customer_id")
        .gap_salesperson
    )
    assert sold.to_dict() == {"A": "Old", "B": "Rita", "C": "Tom", "D": "Bob"}, (
        "nobody sold to E by name, and F was no customer"
    )
    gaps = gaps_of(book)
    assert gaps.gap_salesperson.to_dict() == sold.to_dict() | {"E": "New", "F": "New"}, (
        "where nobody is named: who has it today"
    )
    assert gaps.salesperson.to_dict() == {
        "A": "New",
        "B": "Rita",
        "C": "Uma",
        "D": "Zoe",
        "E": "New",
        "F": "New",
    }
    assert gaps.sales_gap["A"] == 12 * 40 - 12 * 100


@pytest.mark.long
def test_the_customer_list_says_who_calls_not_whose_gap_it_was(make_engagement):
    """The list hands A to New; a year earlier the lines name Old,
    and a large sale of New this year changes nothing.
    """
    sales = [
        SOLD,
        *monthly("A", "2024-01", "2025-11", 100, "Old"),
        *monthly("A", "2025-12", "2025-12", 9_000, "New"),
        *monthly("B", "2024-01", "2025-12", 50, "Old"),
    ]
    customers = [
        ["customer_id", "name", "salesperson"],
        ["A", "Alpha", "New"],
        ["B", "Beta", "Old"],
    ]
    gaps = gaps_of(
        open_book(
            make_engagement(tables={"sales": sales, "customers": customers}, as_of="2025-12-31")
        )
    )
    assert gaps.loc["A", ["salesperson", "gap_salesperson"]].tolist() == ["New", "Old"]


@pytest.mark.long
def test_without_sellers_on_the_lines_the_list_is_all_there_is(make_engagement):
    tables = {
        "sales": [
            SOLD[:3],
            *monthly("A", "2024-01", "2025-12"),
            *monthly("B", "2024-01", "2025-12"),
        ]
    }
    listed = tables | {"customers": [["customer_id", "salesperson"], ["A", "Ann"], ["B", ""]]}
    gaps = gaps_of(open_book(make_engagement("listed", tables=listed, as_of="2025-12-31")))
    assert gaps.gap_salesperson["A"] == "Ann" and pd.isna(gaps.gap_salesperson["B"])


@pytest.mark.long
def test_simulated_the_one_whose_accounts_fell_is_signalled_not_the_one_who_got_them(
    make_engagement,
):
    """90 accounts, 15 a person, noise of 10 %; Old Hand's fell by 60 % in 2025,
    and in December all of them were given to New Hand.
    """
    rng, reps = (
        np.random.default_rng(8),
        ["Old Hand", "New Hand", "Rita Reg", "Sol Side", "Tom Thumb", "Uma Usual"],
    )
    sales, customers = [SOLD], [["customer_id", "salesperson"]]
    for number in range(90):
        name, rep = f"C{number:02}", reps[number % 6]
        for month in pd.period_range("2024-01", "2025-12", freq="M"):
            amount = (
                300
                * float(np.exp(rng.normal(0, 0.1)))
                * (0.4 if rep == "Old Hand" and month.year == 2025 else 1)
            )
            seller = "New Hand" if rep == "Old Hand" and month == pd.Period("2025-12") else rep
            sales.append([name, f"{month}-{1 + number % 27:02}", round(amount, 2), seller])
        customers.append([name, "New Hand" if rep == "Old Hand" else rep])
    gaps = gaps_of(
        open_book(
            make_engagement(tables={"sales": sales, "customers": customers}, as_of="2025-12-31")
        )
    )
    then = ibis.memtable(gaps.assign(salesperson=gaps.gap_salesperson))
    people = late_by_salesperson(then, ["abc_class_previous"]).set_index("salesperson")
    assert people.loc["Old Hand", ["customer_count", "late_customer_count", "signal"]].tolist() == [
        15,
        15,
        "99.8",
    ]
    assert people.signal.drop("Old Hand").eq("none").all() and people.customer_count.eq(15).all()
    today = gaps.salesperson.value_counts().to_dict()
    assert today["New Hand"] == 30 and "Old Hand" not in today


# --- contracts that are over

CONTRACTS = {  # last month bought, contract, until → what runs on 31 December 2025
    "ended": ("2025-03", "yes", "2025-03-31"),
    "bought_since": ("2025-12", "yes", "2024-06-30"),
    "running": ("2025-12", "yes", "2026-06-30"),
    "no_end": ("2025-12", "yes", ""),
    "order_by_order": ("2025-12", "no", ""),
    "no_contract_ended": ("2025-03", "no", "2025-03-31"),
}


def contract_tables(columns=("customer_id", "since", "until", "contract")):
    sales = [["customer_id", "date", "amount", "cost"]]
    customers = [list(columns)]
    for name, (last, contract, until) in CONTRACTS.items():
        sales += [[*row, 70] for row in monthly(name, "2022-01", last)]
        known = {"customer_id": name, "since": "2015-01-01", "until": until, "contract": contract}
        customers.append([known[column] for column in columns])
    return {"sales": sales, "customers": customers}


@pytest.fixture(scope="module")
def contract_book(tmp_path_factory):
    return open_book(
        write_engagement(
            tmp_path_factory.mktemp("contracts"), tables=contract_tables(), as_of="2025-12-31"
        )
    )


def strategies_of(book):
    rules = chosen_rules(book.engagement.sector_profile.strategy, "")
    return frame(valued_accounts(book, *CUTS, "", Rates())).set_index("customer_id"), rules


def test_a_contract_that_ended_is_no_contract(contract_book):
    """Running on the audit date: with an end ahead, or without one.

    What is not under contract was not ended by its date.
    """
    t, _ = strategies_of(contract_book)
    assert (
        t.contract[["running", "no_end"]].all() and not t.contract.drop(["running", "no_end"]).any()
    )
    ends = t.contract_end.dropna().dt.date.to_dict()
    assert ends == {"ended": dt.date(2025, 3, 31), "bought_since": dt.date(2024, 6, 30)}
    signs = t.signs.str.split().apply(lambda names: "contract" in names)
    assert signs.equals(t.contract.astype(bool).rename("signs"))


@pytest.mark.long
def test_a_contract_over_and_nothing_bought_since_is_gone(contract_book):
    """The one whose contract ended with its last order; one that bought on stays, and says so."""
    t, rules = strategies_of(contract_book)
    assert (
        t.strategy["ended"] == "gone"
        and t.strategy["bought_since"] != "gone"
        and t.strategy["running"] != "gone"
    )
    told = words.reason(ENGLISH, t, rules)
    assert told["ended"] == "Its contract ended on 31 March 2025, and nothing was bought since."
    assert "Its contract ended on 30 June 2024; it has bought since." in told["bought_since"]
    assert "order by order" not in told["running"]
    decided = decided_frame(contract_book, Policy(proposal_cost=1.0, action_cost=1.0)).set_index(
        "customer_id"
    )
    assert decided.loc["ended", ["action", "action_reason", "at_most"]].tolist() == [
        "do_not_chase",
        "contract_over",
        0,
    ]
    assert (decided.action_reason == "contract_over").sum() == 1


@pytest.mark.long
def test_on_the_day_before_its_end_a_contract_runs(make_engagement):
    t, _ = strategies_of(open_book(make_engagement(tables=contract_tables(), as_of="2025-03-30")))
    assert (
        t.contract[["ended", "running", "no_end"]].all()
        and t.contract_end.drop("bought_since").isna().all()
    )


@pytest.mark.long
def test_an_end_without_a_word_of_contracts_is_the_end_of_the_relationship(make_engagement):
    tables = contract_tables(("customer_id", "since", "until"))
    t, _ = strategies_of(open_book(make_engagement(tables=tables, as_of="2025-12-31")))
    assert t.contract.isna().all() or not t.contract.any(), "no contract told, none running"
    assert (
        t.strategy[["ended", "no_contract_ended"]].eq("gone").all()
        and t.strategy["running"] != "gone"
    )


# --- the customer list when there is none


def test_without_a_list_the_last_seller_is_in_charge_and_the_number_is_the_name(make_engagement):
    sales = [
        SOLD,
        *monthly("A", "2025-01", "2025-12", 100, "New"),
        *monthly("A", "2024-01", "2024-12", 100, "Old"),
        *monthly("B", "2024-01", "2024-03", 100, "Old"),
    ]
    named = (
        open_book(make_engagement(tables={"sales": sales}, as_of="2025-12-31"))
        .customers.execute()
        .set_index("customer_id")
    )
    assert named.name.to_dict() == {"A": "A", "B": "B"} and named.salesperson.to_dict() == {
        "A": "New",
        "B": "Old",
    }


def test_a_list_read_from_the_sales_file_sets_no_row_aside(make_engagement):
    """Every customer repeats on its lines: the last one is the row of the list,
    and nothing is quarantined.
    """
    sales = [
        ["customer_id", "date", "amount", "rep"],
        *monthly("A", "2024-01", "2024-12", 100, "Old"),
        *monthly("A", "2025-01", "2025-12", 100, "New"),
        *monthly("B", "2024-01", "2025-12", 100, "Old"),
    ]
    folder = make_engagement(
        tables={
            "sales": sales,
            "customers": {
                "files": "sales.csv",
                "columns": {"customer_id": "customer_id", "salesperson": "rep"},
            },
        },
        as_of="2025-12-31",
    )
    book = open_book(folder)
    check = book.checks["customers"]
    assert (
        check.accepted_rows,
        check.quarantined_rows,
        book.table("quarantine").count().execute(),
    ) == (2, 0, 0)
    assert book.table("customers").execute().set_index("customer_id").salesperson.to_dict() == {
        "A": "New",
        "B": "Old",
    }
    assert not [notice for notice in book.notices if "customer list" in notice.message]


def test_a_list_read_from_sales_written_newest_first_still_takes_the_newest(make_engagement):
    lines = [
        *monthly("A", "2024-01", "2024-12", 100, "Old"),
        *monthly("A", "2025-01", "2025-12", 100, "New"),
    ]
    sales = [["customer_id", "date", "amount", "rep"], *reversed(lines)]
    folder = make_engagement(
        tables={
            "sales": sales,
            "customers": {
                "files": "sales.csv",
                "columns": {"customer_id": "customer_id", "salesperson": "rep"},
            },
        },
        as_of="2025-12-31",
    )
    assert open_book(folder).customers.execute().salesperson.tolist() == ["New"]


def test_a_list_of_its_own_that_repeats_a_customer_still_sets_it_aside(make_engagement):
    customers = [["customer_id", "salesperson"], ["A", "Ann"], ["A", "Bob"]]
    book = open_book(
        make_engagement(
            tables={
                "sales": [SOLD[:3], *monthly("A", "2024-01", "2025-12")],
                "customers": customers,
            },
            as_of="2025-12-31",
        )
    )
    assert (book.checks["customers"].accepted_rows, book.checks["customers"].quarantined_rows) == (
        1,
        1,
    )


# --- warned of by weight


@pytest.fixture(scope="module")
def warned(tmp_path_factory):
    """100 lines of 100: 14 without a customer, 6 of two customers that the list lacks,
    one of them in the service and payments, too; two lines repeated.
    """
    rows = [[f"K{i % 4}", f"2025-{1 + i % 12:02}-{1 + i % 28:02}", 100] for i in range(78)]
    rows += [["", f"2025-{1 + i % 12:02}-03", 100] for i in range(14)]
    rows += [["X1", f"2025-0{1 + i}-04", 100] for i in range(4)] + [
        ["X2", f"2025-0{1 + i}-05", 100] for i in range(2)
    ]
    rows += [["K0", "2024-01-02", 100]] * 2
    tables = {
        "sales": [["customer_id", "date", "amount"], *rows],
        "customers": [["customer_id", "name"], *([f"K{i}", f"Name {i}"] for i in range(4))],
        "service": [
            ["customer_id", "date", "activity"],
            ["X1", "2025-03-01", "visit"],
            ["K1", "2025-03-01", "visit"],
            ["X1", "2025-05-01", "visit"],
        ],
        "receivables": [
            ["customer_id", "invoice_date", "amount"],
            ["X1", "2025-03-01", 120],
            ["K2", "2025-03-01", 120],
        ],
    }
    return open_book(
        write_engagement(tmp_path_factory.mktemp("warned"), tables=tables, as_of="2025-12-31")
    )


def test_unknown_customers_are_one_warning_with_their_lines_and_their_share(warned):
    """Two customers, on 6 sale lines, 2 of service and 1 of payments;
    600 of the 8,600 that have a customer.
    """
    notices = [notice for notice in warned.notices if "customer list" in notice.message]
    assert len(notices) == 1
    values = notices[0].values
    assert (values["count"], values["rows"], values["examples"]) == (2, 9, "X1, X2")
    assert notices[0].weight == values["unlisted_share"] == pytest.approx(600 / 8_600)
    assert set(values["tables"].values) == {"sales", "service", "receivables"}


def test_warnings_are_told_by_the_money_they_touch(warned):
    """1,400 of 10,000 set aside first, then 600 of 8,600 of unknown customers,
    then the duplicate of 100.
    """
    weights = [notice.weight for notice in warned.notices]
    assert weights == sorted(weights, reverse=True)
    places = {
        name: next(i for i, n in enumerate(warned.notices) if part in n.message)
        for name, part in (
            ("aside", "are set aside"),
            ("unknown", "customer list"),
            ("twice", "exact duplicate"),
        )
    }
    assert places["aside"] < places["unknown"] < places["twice"]
    aside = warned.notices[places["aside"]]
    assert (
        aside.weight == pytest.approx(0.14)
        and aside.values["aside_sum"] == 1_400
        and aside.values["reasons"].values["column"] == "customer_id"
    )
    assert warned.notices[places["twice"]].weight == pytest.approx(100 / 10_000)


def test_weights_survive_the_cache(warned):
    again = open_book(warned.engagement.folder)
    assert again.notices == warned.notices
    assert Notice.from_json({"message": "m", "values": {}}).weight == 0.0, (
        "of a cache written before warnings had one"
    )


def test_a_list_that_holds_everybody_warns_of_nobody(make_engagement):
    tables = {
        "sales": [SOLD[:3], *monthly("A", "2024-01", "2025-12")],
        "customers": [["customer_id", "name"], ["A", "Alpha"], ["B", "Beta"]],
    }
    assert not open_book(make_engagement(tables=tables, as_of="2025-12-31")).notices
