"""Malformed input: each gives a clear error or quarantined rows, never a traceback,
never a wrong sum; the row ledger reconciles on all.
"""

import contextlib
import re
import string

import pytest
import yaml
from carnet.book.book import open_book
from carnet.engagement.file import Engagement, load_engagement
from carnet.errors import CarnetError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.intake.malformed import CASES, GOOD, HEADER, KEPT

RUNS = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def reconciled(book):
    """Rows and sums of every table: read = accepted + set aside;
    the cube holds what was accepted.
    """
    for check in book.checks.values():
        assert (
            check.rows
            == check.accepted_rows + check.quarantined_rows
            == book.table(check.table).count().execute() + check.quarantined_rows
        )
        assert check.amount == check.accepted_amount + check.quarantined_amount
        assert sum(check.reasons.values()) == check.quarantined_rows
    quarantine = book.table("quarantine").execute()
    assert (
        len(quarantine) == sum(check.quarantined_rows for check in book.checks.values())
        and (quarantine.row > 0).all()
    )
    assert float(book.cube.revenue.sum().execute() or 0) == pytest.approx(
        float(book.checks["sales"].accepted_amount), rel=1e-12
    )


def test_the_corpus_is_large_and_names_each_case_once():
    assert len(CASES) == len({case.name for case in CASES}) >= 150


@pytest.mark.parametrize(
    "case", CASES, ids=lambda case: case.name.encode("unicode_escape").decode()
)
@pytest.mark.long
def test_malformed_input(case, tmp_path):
    case.write(tmp_path)
    if isinstance(case.outcome, str):
        with pytest.raises(CarnetError) as refused:
            open_book(tmp_path)
        told = str(refused.value).replace(str(tmp_path), "")
        assert case.outcome in told and len(told) < 5_000, told
        assert not re.search(r"Traceback|Error:|0x[0-9a-f]{6}", told) and "secret" not in told, told
        left = [
            path.name
            for path in (tmp_path / ".carnet").glob("*")
            if not path.name.endswith(".parquet")
        ]
        assert left == []
        return
    book = open_book(tmp_path)
    reconciled(book)
    check = book.checks["sales"]
    assert (check.accepted_rows, float(check.accepted_amount)) == case.outcome, dict(check.reasons)


@RUNS
@given(
    content=st.binary(max_size=300)
    | st.text(alphabet=string.printable, max_size=300).map(str.encode)
)
@pytest.mark.long
def test_any_bytes_as_a_file(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("any")
    document = {"client": "X", "as_of": "2024-12-31", "tables": {"sales": {"files": "sales.csv"}}}
    (folder / "engagement.yml").write_text(yaml.safe_dump(document), encoding="utf-8")
    (folder / "sales.csv").write_bytes(content)
    with contextlib.suppress(CarnetError):
        reconciled(open_book(folder))


CELL = st.text(
    alphabet=st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=12
)


@RUNS
@given(rows=st.lists(st.tuples(CELL, CELL, CELL), max_size=6))
@pytest.mark.long
def test_any_cells_between_good_rows(tmp_path_factory, rows):
    """Whatever stands between them, the two good rows are read and nothing is counted twice."""
    import csv
    import io

    folder, buffer = tmp_path_factory.mktemp("cells"), io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL).writerows(
        [HEADER.split(","), GOOD[0].split(","), *rows, GOOD[1].split(",")]
    )
    document = {
        "client": "X",
        "as_of": "2024-12-31",
        "tables": {
            "sales": {
                "files": "sales.csv",
                "format": {"delimiter": ",", "decimal": ".", "date": "%Y-%m-%d"},
            }
        },
    }
    (folder / "engagement.yml").write_text(yaml.safe_dump(document), encoding="utf-8")
    (folder / "sales.csv").write_text(buffer.getvalue(), encoding="utf-8", newline="")
    book = open_book(folder)
    reconciled(book)
    check = book.checks["sales"]
    # a row of blanks is no row
    told = sum(any(character.isalnum() for cell in row for character in cell) for row in rows)
    assert told + 2 <= check.rows <= len(rows) + 2 and check.accepted_rows >= KEPT[0]


VALUE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**6), 10**6)
    | st.floats(allow_nan=True)
    | st.dates()
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(alphabet="abc_", max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    field=st.sampled_from(sorted(set(Engagement.model_fields) - {"folder"}))
    | st.sampled_from(["tables.sales", "tables.sales.format", "tables.sales.columns"]),
    value=VALUE,
)
@pytest.mark.long
def test_any_value_in_any_field(tmp_path_factory, field, value):
    document = {"client": "X", "tables": {"sales": {"files": "sales.csv"}}}
    here, *path = document, *field.split(".")
    for part in path[:-1]:
        here = here[part]
    here[path[-1]] = value
    folder = tmp_path_factory.mktemp("field")
    (folder / "engagement.yml").write_text(yaml.safe_dump(document), encoding="utf-8")
    with contextlib.suppress(CarnetError):
        load_engagement(folder)
