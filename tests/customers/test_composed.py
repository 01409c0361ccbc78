"""Tables of customers declare the columns that they add to those of measures and tables."""

import re

import pytest
from carnet.book.mapped import frame
from carnet.customers.accounts.account_list import account_list
from carnet.customers.accounts.profits import Rates
from carnet.customers.accounts.valued import valued_accounts
from carnet.customers.catalogue import COLUMNS, COMPOSED
from carnet.customers.customer_years import driver_panel, opening_customers
from carnet.customers.decisions import decided_frame
from carnet.customers.gaps.gap_list import gap_frame
from carnet.customers.gaps.study import Gaps
from carnet.customers.reasons.departures import Departures
from carnet.engagement.parameters import Parameters, Policy
from carnet.engagement.schema import TABLES
from carnet.measures.catalogue import MEASURES
from carnet.measures.register import Column, composed, recording

GIVEN = {column for table in TABLES.values() for column in table.columns}


def accounts(book):
    return frame(account_list(book, 0.8, 0.95, Rates()))


TABLES_OF_CUSTOMERS = {
    "account_list": accounts,
    "with_strategies": lambda book: frame(valued_accounts(book, 0.8, 0.95, "", Rates())),
    "gap_list": lambda book: gap_frame(book, 0.8, 0.95, 3),
    "decisions": lambda book: decided_frame(book, Policy()),
    "driver_panel": lambda book: driver_panel(book, 3, ["complaint"])[0],
    "find_leavers": lambda book: Departures(book, Parameters()).found,
    "followed_list": lambda book: frame(Gaps(book, Parameters()).listed),
    "opening_customers": lambda book: opening_customers(book, 0.8, ["complaint"]),
}


@pytest.mark.parametrize("name", TABLES_OF_CUSTOMERS)
def test_every_column_is_declared_or_of_a_measure_that_ran(demo_book, name):
    with recording() as made:
        frame = TABLES_OF_CUSTOMERS[name](demo_book)
    assert len(frame) and name in COMPOSED and name in made.ran
    segments = {column for column in frame if column.startswith("segment: ")}
    said = [MEASURES[ran].definition for ran in made.ran if ran in MEASURES]
    by_measures = {
        word
        for text in said
        for word in re.findall(r"[a-z_0-9]+", text.partition("    Source  ")[2])
    }
    assert set(frame) - by_measures - GIVEN - set(COLUMNS) - {"name"} == segments


def test_declared_columns_say_what_they_are():
    assert {"return_share", "family_share", "tenure_years", "kept_share"} <= set(COLUMNS)
    assert all(column.definition and column.unit for column in COLUMNS.values())


def test_a_column_has_one_formula():
    with pytest.raises(ValueError, match="tenure_years"):
        composed({"tenure_years": Column("years", "Something else")})(accounts)
