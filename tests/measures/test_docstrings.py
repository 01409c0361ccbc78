"""Every measure publishes its definition: formula, unit, population,
what is undefined and the source, in this order.
"""

import re

import pytest
from carnet.measures.catalogue import MEASURES

LINES = ("Formula", "Unit", "Population", "Undefined", "Source")


@pytest.mark.parametrize("name", sorted(MEASURES))
def test_a_measure_says_its_formula_unit_population_undefined_and_source(name: str) -> None:
    definition = MEASURES[name].definition
    labels = re.findall(rf"^ *({'|'.join(LINES)})  +\S", definition, flags=re.MULTILINE)
    assert tuple(labels) == LINES, (
        f"{name}: its docstring has the lines {labels}, not {list(LINES)}"
    )
    long = [line for line in definition.splitlines() if len(line) > 100]
    assert not long, f"{name}: lines over 100 columns: {long}"
