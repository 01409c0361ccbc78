"""What stands behind a shown result, read from code: by small notebooks whose answer is known."""

import pytest
from carnet.measures.register import TABLES as MEASURES
from carnet.provenance import COMPOSED, cell_origins

IMPORTS = "from carnet import account_list, tables\nfrom carnet.findings import portfolio as findings\nfrom carnet.measures import concentration, movement"


def behind(*cells):
    """The origin of what the last cell shows."""
    return cell_origins([IMPORTS, *cells])[-1]


def test_a_result_carries_what_went_into_it():
    origin = behind(
        "moved = movement.customer_movement(book.cube, periods)\nabc = concentration.abc_classes(moved)",
        "head = abc.limit(3)\nshow(tables.draw_table(w, 'x', 'c', head, 'name'))",
    )
    assert origin.measures == {"customer_movement", "abc_classes"} and origin.tables == {"sales"} and not origin.figures


def test_what_is_not_shown_is_not_named():
    origin = behind(
        "a = movement.customer_movement(book.cube, periods)\nb = concentration.lorenz_curve(a)",
        "c = book.table('costs')\nshow(a)\nassert b is not None",
    )
    assert origin.measures == {"customer_movement"} and origin.tables == {"sales"}


@pytest.mark.parametrize(
    "shown", ["[row.x for row in other]", "(row for row in other)", "{row: 1 for row in other}", "other.assign(x=lambda row: row.y)"]
)
def test_names_of_a_comprehension_or_lambda_are_its_own(shown):
    assert behind("row = movement.customer_movement(book.cube, periods)\nother = 1", f"show({shown})").measures == frozenset()


def test_what_is_assigned_to_a_part_joins_and_a_new_value_replaces():
    first = "a = movement.customer_movement(book.cube, periods)\nb = concentration.abc_classes(a)\na['x'] = b"
    assert behind(first, "show(a)").measures == {"customer_movement", "abc_classes"}
    assert behind(first, "a = 1", "show(a)").measures == frozenset()


def test_figures_are_those_named_or_taken_from_their_dictionary():
    assert behind("names = 'retention_rate attrition_rate'", "show(tables.figures_table(w, 'x', 'c', figures, names))").figures == {
        "retention_rate",
        "attrition_rate",
    }
    assert behind("show(figures['revenue_lost'])").figures == {"revenue_lost"}
    assert "revenue_lost" in behind("say(findings.lost_customers(w, figures, [], None))").figures


def test_composing_functions_are_named_once_with_what_is_inside():
    origin = behind("listed = account_list.account_list(book, 0.8, 0.95, rates)", "show(listed)")
    assert origin.measures == {"account_list"} and {"customer_movement", "order_rhythm"} <= origin.inner and "sales" in origin.tables


def test_every_composed_sentence_is_of_a_function_or_a_kept_table():
    import importlib
    import pkgutil

    import carnet

    found = {
        name
        for module in pkgutil.iter_modules(carnet.__path__)
        if module.name in ("account_list", "customer_value", "customer_years", "experiment", "gap_list", "leavers", "series")
        for name in vars(importlib.import_module(f"carnet.{module.name}"))
    }
    assert set(COMPOSED) - found == {"account_movements", "named_customers"} and not set(COMPOSED) & set(MEASURES)
