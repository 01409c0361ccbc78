"""Rows set aside are kept as they are, however many."""

import time

import duckdb
import pytest
from carnet.intake.quarantine import Aside, begin_quarantine, quarantine

VALUES = {"é": '=1+1\n\\"; --/', "b": None, "c": "\u2028\t"}
BROKEN = [Aside("sales", "é, 'x'.csv", n, "width", VALUES) for n in range(20_000)]


@pytest.fixture
def con():
    with duckdb.connect() as made:
        begin_quarantine(made)
        yield made


def test_rows_are_kept_in_their_order_and_nothing_is_added_of_none(con):
    quarantine(con, [])
    quarantine(con, iter(BROKEN[:2]))
    quarantine(con, BROKEN[:0:-1])
    written = "SELECT CAST(to_json({'é': ?, 'b': NULL, 'c': ?}) AS VARCHAR)"
    (values,) = con.execute(written, [VALUES["é"], VALUES["c"]]).fetchone()
    expected = [(*row[:-1], values) for row in [*BROKEN[:2], *BROKEN[:0:-1]]]
    assert con.execute("FROM quarantine").fetchall() == expected
    columns = con.execute("SELECT column_name FROM (DESCRIBE quarantine)").fetchall()
    assert [name for (name,) in columns] == list(Aside._fields)


def test_many_rows_take_less_than_a_few_one_by_one(con):
    began = time.process_time()
    one = "INSERT INTO quarantine VALUES (?, ?, ?, ?, ?)"
    con.executemany(one, [(*row[:-1], str(row.original_values)) for row in BROKEN[:500]])
    between = time.process_time()
    quarantine(con, BROKEN)
    assert time.process_time() - between < between - began
