"""Who changed class, on a book where two customers swap places and on an earlier report's list."""

import json

import ibis
import pytest
from carnet.book.book import open_book
from carnet.book.earlier import Published
from carnet.customers.decisions import decided_frame
from carnet.customers.growth.study import GrowthStudy
from carnet.engagement.parameters import Parameters
from carnet.measures.growth import migration


def test_classes_of_two_days_by_hand():
    before = ibis.memtable({"customer_id": ["a", "b"], "class": ["A", "C"]})
    after = ibis.memtable({"customer_id": ["b", "c"], "class": ["B", "A"]})
    t = migration.class_changes(before, after).execute().set_index("customer_id")
    assert t.class_before.to_dict() == {"a": "A", "b": "C", "c": migration.NOT_THERE}
    assert t.class_after.to_dict() == {"a": migration.NOT_THERE, "b": "B", "c": "A"}


@pytest.fixture
def book(make_engagement):
    """BIG and SMALL swap places in 2024; GONE buys in 2023 only, NEW in 2024 only; 20 others buy 10
    a month.
    """
    rows = [["customer_id", "date", "amount"]]
    spent = {"BIG": (5000, 10), "SMALL": (10, 5000), "GONE": (300, 0), "NEW": (0, 300)}
    spent |= {f"O{n:02d}": (10, 10) for n in range(20)}
    for name, amounts in spent.items():
        for year, amount in zip((2023, 2024), amounts, strict=True):
            rows += [[name, f"{year}-{m:02d}-15", amount] for m in range(1, 13) if amount]
    return open_book(make_engagement(tables={"sales": rows}), as_of="2024-12-31")


def test_two_customers_swap_classes_in_a_year(book):
    study = GrowthStudy(book, Parameters())
    t = study.changes_of_class.execute()
    abc = t[t.kind == "abc"].set_index("customer_id")
    there = migration.NOT_THERE
    assert abc.loc["BIG", ["class_before", "class_after"]].tolist() == ["A", "C"]
    assert abc.loc["SMALL", ["class_before", "class_after"]].tolist() == ["C", "A"]
    assert abc.class_after["GONE"] == there == abc.class_before["NEW"]
    assert abc.sales_gap["BIG"] == -12 * 4990
    rfm = t[t.kind == "rfm"].set_index("customer_id")
    assert set(rfm.index) == set(abc.index) and rfm.class_before["NEW"] == there
    table = study.class_table
    assert (table.class_before != table.class_after).all()
    assert table[table.kind == "abc"].sales_gap.abs().is_monotonic_decreasing
    assert set(table.kind) <= {"abc", "rfm"}, "no earlier report: nothing of an audit"
    assert (study.abc_moves.up_count, study.abc_moves.down_count) == (1, 1)


@pytest.mark.long
def test_strategies_of_the_earlier_report_are_beside_those_of_today(book, tmp_path):
    lists = tmp_path / "lists"
    lists.mkdir()
    rows = "customer_id,strategy,abc_class\nBIG,develop_it,A\nO00,develop_it,C\n"
    (lists / "strategy.csv").write_text(rows, encoding="utf-8")
    (tmp_path / "manifest.json").write_text(json.dumps({}), encoding="utf-8")
    study = GrowthStudy(book, Parameters(), Published(tmp_path, {}, {}))
    t = study.changes_of_class.execute()
    of = t[t.kind == "strategy_audit"].set_index("customer_id")
    assert of.class_before["BIG"] == "develop_it" and of.class_before["NEW"] == migration.NOT_THERE
    decided = decided_frame(book, study.parameters.policy, "customer_id", "strategy")
    decided = decided.set_index("customer_id").strategy
    assert of.class_after["BIG"] == decided["BIG"]
    both = of[~(of[["class_before", "class_after"]] == migration.NOT_THERE).any(axis=1)]
    assert study.strategies_changed == ((both.class_before != both.class_after).sum(), 2)
    held = t[t.kind == "abc_audit"].set_index("customer_id")
    assert held.loc["BIG", ["class_before", "class_after"]].tolist() == ["A", "C"]
