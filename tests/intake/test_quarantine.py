"""Rows set aside are kept as they are, however many."""

import time

import duckdb
import pytest
from carnet.intake.quarantine import Aside, begin_quarantine, quarantine

BROKEN = [
    Aside("sales", "é, 'x'.csv", n, "width", '{"a": "=1+1\\n\\"; --"}') for n in range(20_000)
]


@pytest.fixture
def con():
    with duckdb.connect() as made:
        begin_quarantine(made)
        yield made


def test_rows_are_kept_in_their_order_and_nothing_is_added_of_none(con):
    quarantine(con, [])
    quarantine(con, iter(BROKEN[:2]))
    quarantine(con, BROKEN[:0:-1])
    assert con.execute("FROM quarantine").fetchall() == [*BROKEN[:2], *BROKEN[:0:-1]]
    columns = con.execute("SELECT column_name FROM (DESCRIBE quarantine)").fetchall()
    assert [name for (name,) in columns] == list(Aside._fields)


def test_many_rows_take_less_than_a_few_one_by_one(con):
    began = time.process_time()
    con.executemany("INSERT INTO quarantine VALUES (?, ?, ?, ?, ?)", BROKEN[:500])
    between = time.process_time()
    quarantine(con, BROKEN)
    assert time.process_time() - between < between - began
