"""Tables that a book's engine computes once: kept, read again, computed anew where damaged, and the
same in batches as at once.
"""

import datetime as dt
import os
import time
from dataclasses import replace
from inspect import unwrap

import pandas as pd
import pyarrow.parquet as pq
import pytest
from carnet.book import engines, frames
from carnet.book.book import open_book
from carnet.book.cache import is_whole
from carnet.book.mapped import frame
from carnet.customers.accounts.account_list import account_list
from carnet.customers.accounts.profits import Rates
from carnet.customers.accounts.valued import valued_accounts
from carnet.customers.decisions import account_budgets
from carnet.customers.rhythms import order_rhythm
from carnet.engagement.parameters import Policy
from carnet.measures.register import recording

TABLES = {
    "account_list": (account_list, (0.8, 0.95, Rates())),
    "valued_accounts": (valued_accounts, (0.8, 0.95, "", Rates())),
    "account_budgets": (account_budgets, (Policy(),)),
}
SALES = [["customer_id", "date", "amount"]] + [
    [f"C{customer}", f"{year}-{month:02d}-15", 100 * customer + month]
    for customer in range(1, 8)
    for year in (2023, 2024, 2025)
    for month in range(1, 13, customer)
]
AUDIT = "2025-12-31"


def listed(book):
    """The account list, and what ran for it."""
    with recording() as made:
        t = frame(account_list(book, 0.8, 0.95, Rates()).order_by("customer_id"))
    return t, {name: ran.query for name, ran in made.ran.items()}


def tables_of(book, column="customer_id"):
    """The tables kept beside a book that have a column."""
    kept = sorted((book.folder / "computed").glob("*/rows.parquet"))
    return [path for path in kept if column in pq.read_schema(path).names]


@pytest.fixture
def company(make_engagement):
    return make_engagement(tables={"sales": SALES}, as_of=AUDIT)


def test_a_table_is_computed_once_for_all_that_open_the_book(company, monkeypatch):
    first, ran = listed(open_book(company))
    ran = set(ran)
    monkeypatch.setattr(engines.Engine, "mapped", None)  # it is asked nothing
    book = open_book(company)
    again, told = listed(book)
    pd.testing.assert_frame_equal(first, again)
    assert set(told) == ran and "GROUP BY" in told["order_rhythm"]
    assert len(first) == 7 and is_whole(book.folder), "tables are no part of the stored book"


@pytest.mark.parametrize("damage", ["cut", "gone", "[", "null", '["x", 3]', '["x", {"a": 1}]'])
def test_a_damaged_table_is_computed_again(company, damage):
    """The account list, and the tables that it is made of."""
    first, _ = listed(open_book(company))
    book = open_book(company)
    tables = tables_of(book)
    assert len(tables) == 3 and len(tables_of(book, "abc_class")) == 1
    for table in tables:
        if damage == "cut":
            table.write_bytes(table.read_bytes()[:-40])
        elif damage == "gone":
            table.unlink()
        else:
            table.with_name("note.json").write_text(damage)
    pd.testing.assert_frame_equal(first, listed(book)[0])


def test_a_table_that_is_still_read_is_not_forgotten(company, monkeypatch):
    """The first of many tables; those of last week go, unfinished ones too."""
    monkeypatch.setattr(frames, "KEPT", 2)
    book = open_book(company)
    ends = [dt.date(2025, 12, day) for day in range(31, 26, -1)]
    first = order_rhythm(book, ends[0])
    old = book.folder / "computed" / ".killed-1"
    old.mkdir()
    for end in ends[1:4]:
        order_rhythm(book, end)
    assert len(frame(first)) == 7 and len(tables_of(book)) == 4 and old.is_dir()
    week = time.time() - 7 * frames.DAY
    for path in (*(book.folder / "computed").glob("*"), old):
        os.utime(path, (week, week))
    order_rhythm(book, ends[4])
    assert len(tables_of(book)) == 2 and not old.exists()


def test_a_disk_that_is_full_is_no_end(company, monkeypatch):
    """What cannot be kept beside the book is kept for this process."""
    book, write = open_book(company), engines.Engine.mapped

    def refusing(engine, made, target):
        if book.folder in target.parents:
            raise OSError(28, "No space left on device")
        write(engine, made, target)

    monkeypatch.setattr(engines.Engine, "mapped", refusing)
    assert len(listed(book)[0]) == 7 and tables_of(book) == []


def test_other_arguments_are_another_table(company):
    book = open_book(company)
    one, other = (account_list(book, cut, 0.95, Rates()) for cut in (0.2, 0.8))
    classes = [frame(t).abc_class.value_counts().to_dict() for t in (one, other)]
    assert classes[0]["A"] < classes[1]["A"] and len(tables_of(book, "abc_class")) == 2


@pytest.mark.long
@pytest.mark.parametrize("name", ["account_list", "valued_accounts", "account_budgets"])
def test_batches_give_what_all_rows_at_once_give(demo_book, tmp_path, monkeypatch, name):
    """Row by row: every table that a function of frames adds to."""
    function, arguments = TABLES[name]
    mapped, seen = unwrap(function)(demo_book, *arguments), []

    def counted(t):
        seen.append(len(t))
        return mapped.function(t)

    found = []
    for rows in (100_000, 7):
        monkeypatch.setattr(engines, "BATCH_ROWS", rows)
        place = tmp_path / f"{rows}.parquet"
        demo_book.engine.mapped(replace(mapped, function=counted), place)
        found.append(pd.read_parquet(place).sort_values("customer_id", ignore_index=True))
    pd.testing.assert_frame_equal(*found)
    assert seen[0] == len(found[0]) and max(seen[1:]) <= 7 and sum(seen[1:]) == seen[0]
