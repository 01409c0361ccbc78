"""Lists of an earlier report, which somebody may have opened and saved since."""

import pytest
from carnet.book.earlier import Published
from carnet.errors import CarnetError


@pytest.fixture
def read(tmp_path):
    def of(text):
        (tmp_path / "lists").mkdir(exist_ok=True)
        (tmp_path / "lists" / "standing.csv").write_text(text, encoding="utf-8")
        report = Published(tmp_path, {}, {})
        return report.read_list("standing", "v", texts="customer_id note").to_dict("list")

    return of


@pytest.mark.parametrize(
    "text",
    [
        "customer_id,v,note\n'=x,1,a\n",
        "customer_id,v,note\n'=x,1,a",
        "\ncustomer_id,v,note\n\n'=x,1,a\n\n",
        "\ufeffcustomer_id,v,note\r\n'=x,1,a\r\n",
    ],
    ids=["as written", "no end of line", "blank lines", "as Excel saves it"],
)
def test_what_an_editor_leaves_around_the_rows_is_no_row(read, text):
    assert read(text) == {"customer_id": ["=x"], "v": [1], "note": ["a"]}


def test_cells_that_are_not_written_are_empty(read):
    assert read("customer_id,v,note\nx,1\n") == {"customer_id": ["x"], "v": [1], "note": [""]}


def test_two_columns_of_one_name_are_two(read):
    found = read("customer_id,v,note,note\nx,1,a,b\n")
    assert found["note"] == ["a"] and found["note.1"] == ["b"]


def test_a_quotation_mark_that_does_not_end_is_refused(read):
    with pytest.raises(CarnetError, match="not readable as a list of carnet"):
        read('customer_id,v,note\nx,1,a\ny,2,"b\nz,3,c\n')
