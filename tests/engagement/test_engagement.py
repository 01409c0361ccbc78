import pytest
from carnet.engagement.file import load_engagement
from carnet.errors import CarnetError

GOOD = """client: Test SA
language: fr
currency: EUR
as_of: 2024-12-31
tables:
  sales:
    files: sales.csv
    columns: {customer_id: Client}
"""


@pytest.fixture
def load(tmp_path):
    def read(text):
        (tmp_path / "engagement.yml").write_text(text, encoding="utf-8")
        return load_engagement(tmp_path)

    return read


def refused(load, text):
    with pytest.raises(CarnetError) as error:
        load(text)
    return str(error.value)


def test_good_file_is_read(load):
    engagement = load(GOOD)
    assert engagement.slug == "test-sa"
    assert engagement.tables["sales"].files == ["sales.csv"]
    assert str(engagement.as_of) == "2024-12-31"


@pytest.mark.parametrize(
    ("change", "line", "parts"),
    [
        (("language: fr", "language: de"), 2, ["'de'", "did you mean 'en'", "Accepted: en, fr."]),
        (("currency: EUR", "currency: EURO"), 3, ["ISO 4217", "'EURO'"]),
        (("as_of: 2024-12-31", "as_of: hier"), 4, ["as_of"]),
        (("client: Test SA\n", ""), 1, ["client", "required"]),
        (("language: fr", "langage: fr"), 2, ["unknown key 'langage'", "did you mean 'language'"]),
        (("  sales:", "  sale:"), 6, ["unknown table 'sale'", "did you mean 'sales'", "customers"]),
        (
            ("customer_id: Client", "custmer: Client"),
            8,
            ["unknown column 'custmer'", "did you mean 'customer_id'", "amount"],
        ),
        (
            ("files: sales.csv", "file: sales.csv"),
            7,
            ["unknown key 'file'", "did you mean 'files'"],
        ),
        (
            ("    columns:", "    format: {decimal: ';'}\n    columns:"),
            8,
            ["decimal", "Accepted: ,, ."],
        ),
        (
            ("    columns:", "    format: {encoding: utf9}\n    columns:"),
            8,
            ["encoding", "did you mean 'utf-8'"],
        ),
        (
            ("    columns:", "    format: {delimiter: ';;'}\n    columns:"),
            8,
            ["delimiter", "one character"],
        ),
        (("    columns:", "    format: {date: jj/mm/aaaa}\n    columns:"), 8, ["date", "%d/%m/%Y"]),
        (
            ("    columns:", "    format: {decimal: ',', thousands: ','}\n    columns:"),
            8,
            ["thousands", "decimal"],
        ),
        (("as_of:", "language: en\nas_of:"), 2, ["written twice", "line 4"]),
        (("as_of:", "fiscal_year_start: 13\nas_of:"), 4, ["fiscal_year_start", "12"]),
        (
            ("as_of:", "comparison: rolling\nas_of:"),
            4,
            ["'rolling'", "did you mean 'rolling_year'", "year_to_date"],
        ),
    ],
)
def test_error_names_line_accepted_values_and_nearest(load, change, line, parts):
    assert change[0] in GOOD
    message = refused(load, GOOD.replace(*change, 1))
    assert f"engagement.yml line {line}:" in message
    for part in parts:
        assert part in message


def test_all_faults_are_told_at_once(load):
    message = refused(
        load, GOOD.replace("fr", "de").replace("EUR", "XXXX").replace("files", "fils")
    )
    assert "line 2" in message and "line 3" in message and "line 7" in message


def test_not_yaml(load):
    assert "not readable as YAML" in refused(load, "client: [")


def test_not_a_mapping(load):
    assert "a mapping is expected" in refused(load, "- 1")


def test_not_utf8(tmp_path):
    (tmp_path / "engagement.yml").write_bytes("client: Société".encode("cp1252"))
    with pytest.raises(CarnetError, match="not UTF-8"):
        load_engagement(tmp_path)


def test_missing_file(tmp_path):
    with pytest.raises(CarnetError, match="no such file"):
        load_engagement(tmp_path)


def test_slug_holds_nothing_that_leaves_a_folder(load):
    assert load(GOOD.replace("Test SA", '"../../É & Fils"')).slug == "e-fils"
