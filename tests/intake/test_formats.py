"""How texts are taken as they are: by comparisons where most need nothing, and as one by one."""

import datetime as dt
import itertools
import re
import unicodedata

import duckdb
import ibis
import pyarrow as pa
import pytest
import xlsxwriter
from carnet.book.book import open_book
from carnet.engagement.file import Table
from carnet.intake.held import HeldContract
from carnet.intake.sources import fec
from carnet.intake.sources.formats import MISSING_TEXTS, OUTER_SPACES, as_written, cleaned

# letters that begin a missing text and others, marks, spaces of every width, signs without a shape
SIGNS = [*"aNn#(<\\!~A1.|{ \t\n\x0b\x7f\u00a0\u202f\u2009\ufeffé\u0301e\u212bß’日", "\U0001f600"]
WORDS = [*MISSING_TEXTS, *map(str.upper, MISSING_TEXTS), "1.50e0", "-2.5e0", "1e0", "x1.5e0"]
TEXTS = sorted({"".join(parts) for parts in itertools.product(["", *SIGNS], WORDS, ["", *SIGNS])})
TEXTS += sorted({"".join(parts) for parts in itertools.product(SIGNS, repeat=3)} - set(TEXTS))


def expected(text):
    """Without what is outside; None where nothing, or a word for it, is left."""
    inner = text.strip(OUTER_SPACES)
    return None if inner.lower() in MISSING_TEXTS else inner


def test_texts_of_files_are_cleaned_as_python_does():
    with duckdb.connect() as con:
        con.register("given", pa.table({"x": TEXTS}))
        found = con.execute(f"SELECT x, {cleaned('x')} FROM given").fetchall()
    assert dict(found) == {text: expected(text) for text in TEXTS}


def test_numbers_of_a_workbook_lose_their_notation_among_texts():
    given = ["1.50e0", "-2.5e0", "1e0", "x1.5e0", "Vis 4.5e0", " 1.5e0", "1.5e0 ", "n/a"]
    with duckdb.connect() as con:
        con.register("given", pa.table({"x": given}))
        asked = as_written("x", cleaned("x"))
        found = [row[0] for row in con.execute(f"SELECT {asked} FROM given").fetchall()]
    assert found == ["1.50", "-2.5", "1e0", "x1.5e0", "Vis 4.5e0", "1.5e0", "1.5e0", None]


def test_texts_that_an_engine_holds_are_cleaned_and_composed_as_python_does():
    con = ibis.duckdb.connect()
    rows = con.create_table("rows", pa.table({"customer_id": TEXTS, "_row": range(len(TEXTS))}))
    rows = rows.mutate(date=ibis.date("2024-01-01"), amount=1.0, _file=0, _hash=0)
    contract = HeldContract(rows, "sales", Table(files="sales.parquet"), "EUR")
    told = contract.rows.select("_row", text=contract._text("customer_id"))
    found = told.order_by("_row").to_pyarrow()["text"].to_pylist()
    given = map(expected, TEXTS)
    assert found == [text and unicodedata.normalize("NFC", text) for text in given]


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("Cafe\u0301", "Café"),
        ("\u212bngstro\u0308m", "Ångström"),
        ("E\u0301l’Œuvre €", "Él’Œuvre €"),
    ],
)
def test_a_name_of_a_file_is_composed(make_engagement, text, same):
    """é of two signs is é; a name of European letters is as it was."""
    rows = [["customer_id", "date", "amount"], [text, "2024-01-15", "5"]]
    book = open_book(make_engagement(tables={"sales": rows}))
    assert book.table("sales").customer_id.execute().tolist() == [same]


def test_evidence_counts_rows_and_not_values(make_engagement):
    """30 lines of one day settle the order of dates against two others of the opposite order."""
    days = ["13/01/2024"] * 30 + ["01/14/2024", "01/15/2024"]
    rows = [["customer_id", "date", "amount"], *(["A", day, "5"] for day in days)]
    check = open_book(make_engagement(tables={"sales": rows})).checks["sales"]
    assert (check.accepted_rows, check.quarantined_rows) == (30, 2)
    assert check.reasons == {"date:date": 2}


@pytest.mark.parametrize("header", ["_count", "_COUNT", "count"])
def test_a_column_of_dates_may_be_called_count(make_engagement, header):
    sales = {"files": "sales.csv", "columns": {"date": header}}
    folder = make_engagement(tables={"sales": sales})
    text = f"customer_id,{header},amount\nA,13/01/2024,5\nB,02/03/2024,6\n"
    (folder / "sales.csv").write_text(text, encoding="utf-8")
    assert open_book(folder).table("sales").date.max().execute() == dt.datetime(2024, 3, 2)


@pytest.mark.parametrize("title_rows", [0, 11])
def test_sheets_with_one_header_are_read_whichever_row_it_stands_in(make_engagement, title_rows):
    """Two sheets of one header, set below titles, and one of another."""
    form = {"header_row": title_rows + 1} if title_rows else {}
    folder = make_engagement(tables={"sales": {"files": "sales.xlsx", "format": form}})
    with xlsxwriter.Workbook(folder / "sales.xlsx") as book:
        for name, first in (("2023", "customer_id"), ("2024", "customer_id"), ("notes", "note")):
            sheet = book.add_worksheet(name)
            for row in range(title_rows):
                sheet.write_row(row, 0, [f"title {row}", name])
            sheet.write_row(title_rows, 0, [first, "date", "amount"])
            sheet.write_row(title_rows + 1, 0, [f"C{name}", f"{name}-05-01", 10])
    assert sorted(open_book(folder).table("sales").customer_id.execute()) == ["C2023", "C2024"]


def test_line_ends_and_signs_of_a_ledger_are_plain():
    """Against the definition: one sign after the other, `\\r*\\n` and a lone CR end a line."""
    for parts in itertools.product("a\r\n\0\u00a0\u202f\ufeff\x1eé", repeat=4):
        text = "".join(parts)
        ends = re.sub(r"\r*\n|\r", "\n", text)
        spaces = dict.fromkeys("\u00a0\u202f\x1e", " ")
        kept = (spaces.get(sign, sign) for sign in ends if sign not in "\0\ufeff")
        assert fec._plain(text) == "".join(kept)
