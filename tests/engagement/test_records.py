"""What a notebook hands to whoever publishes it comes back as it was."""

import csv

import ibis
import pandas as pd
from carnet.engagement.records import neutralised, read_texts


def test_a_list_is_read_as_it_was_written_whatever_its_texts(tmp_path):
    """Texts of several lines, in a list of several parts; zeros in front stay;
    against Python's own reader.
    """
    rows = [["customer_id", "note", "count"]]
    rows += [
        [
            f"{number:05d}",
            f'line {number}\r\nnext, "so" he said\n\r\n\rlast',
            "NA" if number % 3 else "",
        ]
        for number in range(40_000)
    ]
    path = tmp_path / "verbatims.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    assert path.stat().st_size > 1_500_000
    found = read_texts(path)
    assert [list(found.columns), *found.to_numpy().tolist()] == rows


def test_the_rows_of_some_customers_are_read(tmp_path):
    """As they are in the file: with one apostrophe more where one was put in front."""
    path, ids = tmp_path / "tasks.csv", ["=x", "'=x", "'x", "-", "a"]
    rows = pd.DataFrame({"customer_id": ids, "task": list("12345"), "more": ""})
    ibis.duckdb.connect().to_csv(neutralised(ibis.memtable(rows)), path)
    for customer, task in zip(ids, "12345", strict=True):
        found = read_texts(path, ["task"], [customer])
        assert found.to_numpy().tolist() == [[task, customer]]
    assert list(read_texts(path, ["task"]).columns) == ["task"]
    assert not len(read_texts(path, customers=[]))


def test_small_lists_are_read_too(tmp_path):
    path = tmp_path / "tasks.csv"
    path.write_text("customer_id,task\n'=1+1,\"'-x\"\n007,it's\n", encoding="utf-8")
    assert read_texts(path).to_numpy().tolist() == [["=1+1", "-x"], ["007", "it's"]]
    path.write_text("customer_id,task\n", encoding="utf-8")
    assert list(read_texts(path).columns) == ["customer_id", "task"] and not len(read_texts(path))
    path.write_text("", encoding="utf-8")
    assert not len(read_texts(path))


def test_blanks_around_a_text_are_part_of_it(tmp_path):
    """Wherever the row stands: readers take a file 262,144 bytes at a time, and one lost the blank
    that ended such a part.
    """
    path = tmp_path / "tasks.csv"
    head, row = "customer_id,task\n", "c," + "x" * 97 + "\n"
    count = (262_144 - len(head)) // len(row) - 1
    rest = 262_144 - len(head) - count * len(row)
    for shift in range(-3, 4):
        last = "c," + "x" * (rest - 3 + shift) + "\n"
        path.write_text(head + row * count + last + " Ab,y \n\tTb, \n", encoding="utf-8")
        found = read_texts(path).tail(2).to_numpy().tolist()
        assert found == [[" Ab", "y "], ["\tTb", " "]], shift


def test_a_column_may_bear_any_name(tmp_path):
    rows = ibis.memtable(pd.DataFrame({"table": [1.25], "others": ["=x"]}))
    ibis.duckdb.connect().to_csv(neutralised(rows, table=rows.table.round(1)), tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text() == "table,others\n1.3,'=x\n"
