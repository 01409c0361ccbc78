import datetime as dt
import os
import re
import sqlite3
import sys
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy
import xlsxwriter
from carnet.book.book import open_book
from carnet.errors import CarnetError
from carnet.intake.proposal import propose
from carnet.intake.sources.servers import connect
from carnet.intake.sources.text import detect_delimiter, detect_encoding

from tests.conftest import ROOT

HEADER = "customer_id;date;amount\n"


def sales(book):
    return book.table("sales").order_by("_file", "_row").execute()


def write(folder, name, text, encoding="utf-8"):
    (folder / name).write_bytes(text.encode(encoding))


def spec(**keys):
    return {"sales": {"files": "*.csv", **keys}}


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "cp1252", "latin-1", "utf-16", "utf-16-le"]
)
def test_encoding_is_detected(make_engagement, encoding):
    folder = make_engagement(tables=spec())
    write(folder, "v.csv", HEADER + "Hôtel Épée;31/12/2024;12,50\nCafé;13/01/2024;1,5\n", encoding)
    book = open_book(folder)
    assert list(sales(book).customer_id) == ["Hôtel Épée", "Café"]
    assert book.checks["sales"].amount == Decimal("14")


def test_cp1252_euro_and_oe_are_read(tmp_path):
    path = tmp_path / "v.csv"
    path.write_bytes("cœur;€\n".encode("cp1252"))
    assert detect_encoding(path) == "cp1252"


def test_encoding_can_be_set(make_engagement):
    folder = make_engagement(tables=spec(format={"encoding": "cp850"}))
    write(folder, "v.csv", HEADER + "Hôtel;31/12/2024;12,50\n", "cp850")
    assert list(sales(open_book(folder)).customer_id) == ["Hôtel"]


def test_wrong_encoding_set_by_hand_is_refused(make_engagement):
    folder = make_engagement(tables=spec(format={"encoding": "utf-8"}))
    write(folder, "v.csv", HEADER + "Hôtel;31/12/2024;12,50\n", "cp1252")
    with pytest.raises(CarnetError, match="not readable as utf-8"):
        open_book(folder)


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
def test_delimiter_is_detected(delimiter):
    lines = ["a{0}b{0}c", '"x;y,z|t"{0}2{0}3', "1{0}2{0}3"]
    assert detect_delimiter("\n".join(lines).format(delimiter)) == delimiter


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1234,56", "1234.56"),
        ("1 234,56", "1234.56"),
        ("1\u00a0234,56", "1234.56"),
        ("1\u202f234,56", "1234.56"),
        ("1.234,56", "1234.56"),
        ("-1 234,56", "-1234.56"),
        ("1234,56-", "-1234.56"),
        ("(1234,56)", "-1234.56"),
        ("−12,00", "-12"),
        ("1 234,56 €", "1234.56"),
        ("EUR 12,5", "12.5"),
        ("25,-", "25"),
        ("(1 234,56 €)", "-1234.56"),
        ("1 234,56 € -", "-1234.56"),
        ("–12,5", "-12.5"),
        ("12 345 678,90 €", "12345678.90"),
        ("1'234,56", "1234.56"),
        ("1234", "1234"),
        ("0,001", "0.001"),
        ("1.234.567,00", "1234567"),
    ],
)
def test_french_numbers(make_engagement, written, value):
    folder = make_engagement(tables=spec())
    write(folder, "v.csv", HEADER + f"A;31/12/2024;{written}\nB;31/12/2024;9,99\n")
    assert sales(open_book(folder)).amount[0] == Decimal(value)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1,234.56", "1234.56"),
        ("1234.5", "1234.5"),
        ("€1,234", "1234"),
        ("1.5E+03", "1500"),
        (".5", "0.5"),
    ],
)
def test_english_numbers(make_engagement, written, value):
    folder = make_engagement(tables=spec())
    write(folder, "v.csv", HEADER + f"A;31/12/2024;{written}\nB;31/12/2024;9.99\n")
    assert sales(open_book(folder)).amount[0] == Decimal(value)


def test_ambiguous_decimal_mark_is_asked(make_engagement):
    folder = make_engagement(tables=spec())
    write(folder, "v.csv", HEADER + "A;31/12/2024;1,234\nB;31/12/2024;5,678\n")
    with pytest.raises(
        CarnetError, match=r"decimal mark in 'amount' is ambiguous.*row 2.*1,234.*format\.decimal"
    ):
        open_book(folder)


def test_decimal_mark_set_by_hand_settles_it(make_engagement):
    for decimal, value in ((",", "1.234"), (".", "1234")):
        folder = make_engagement(
            decimal.replace(",", "comma").replace(".", "point"),
            tables=spec(format={"decimal": decimal}),
        )
        write(folder, "v.csv", HEADER + "A;31/12/2024;1,234\n")
        assert sales(open_book(folder)).amount[0] == Decimal(value)


def test_evidence_of_another_column_settles_the_decimal_mark(make_engagement):
    folder = make_engagement(tables=spec())
    write(folder, "v.csv", "customer_id;date;amount;unit_price\nA;31/12/2024;1,234;2.50\n")
    assert sales(open_book(folder)).amount[0] == Decimal("1234")


def test_two_decimal_marks_are_asked(make_engagement):
    folder = make_engagement(tables=spec())
    write(folder, "v.csv", HEADER + "A;31/12/2024;12,5\nB;31/12/2024;12.5\n")
    with pytest.raises(CarnetError, match="both marks occur"):
        open_book(folder)


def test_one_stray_decimal_mark_is_a_rejected_row(make_engagement):
    folder = make_engagement(tables=spec())
    write(folder, "v.csv", HEADER + "A;31/12/2024;12,5\n" * 20 + "B;31/12/2024;12.5\n")
    check = open_book(folder).checks["sales"]
    assert (check.accepted_rows, check.reasons) == (20, {"number:amount": 1})


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2024-12-31", (2024, 12, 31)),
        ("31/12/2024", (2024, 12, 31)),
        ("31.12.2024", (2024, 12, 31)),
        ("31-12-2024", (2024, 12, 31)),
        ("20241231", (2024, 12, 31)),
        ("31/12/24", (2024, 12, 31)),
        ("31/12/2024 23:59", (2024, 12, 31)),
        ("2024-12-31T10:00:00", (2024, 12, 31)),
        ("1/3/24", (2024, 3, 1)),
    ],
)
def test_dates_day_first(make_engagement, written, day):
    folder = make_engagement(tables=spec())
    write(folder, "v.csv", HEADER + f"A;{written};1\nB;30/01/2024;1\n")
    assert sales(open_book(folder)).date[0] == pd.Timestamp(dt.date(*day))


def test_dates_month_first(make_engagement):
    folder = make_engagement(tables=spec())
    write(folder, "v.csv", HEADER + "A;1/3/2024;1\nB;12/31/2024;1\n")
    assert sales(open_book(folder)).date[0] == pd.Timestamp("2024-01-03")


def test_ambiguous_date_order_is_asked(make_engagement):
    folder = make_engagement(tables=spec())
    write(folder, "v.csv", HEADER + "A;05/05/2024;1\nA;03/04/2024;1\nB;12/11/2024;1\n")
    with pytest.raises(
        CarnetError,
        match=(
            r"order of the dates in 'date' is ambiguous: no day is above 12 \(row "
            r"3: '03-04-2024'\).*%d/%m/%Y"
        ),
    ):
        open_book(folder)


def test_date_pattern_set_by_hand_settles_it(make_engagement):
    folder = make_engagement(tables=spec(format={"date": "%m/%d/%Y"}))
    write(folder, "v.csv", HEADER + "A;03/04/2024;1\n")
    assert sales(open_book(folder)).date[0] == pd.Timestamp("2024-03-04")


def test_each_file_of_a_glob_is_read_as_it_is_written(make_engagement):
    folder = make_engagement(tables=spec())
    write(folder, "a.csv", HEADER + "A;31/01/2024;1 000,50\n", "cp1252")
    write(folder, "b.csv", "date,customer_id,amount\n02/28/2024,B,2.25\n")
    book = open_book(folder)
    assert book.checks["sales"].amount == Decimal("1002.75")
    assert list(sales(book).date) == [pd.Timestamp("2024-01-31"), pd.Timestamp("2024-02-28")]


def test_row_numbers_are_those_of_a_spreadsheet(make_engagement):
    """Blank lines and line breaks inside quotes count as a spreadsheet counts them."""
    folder = make_engagement(tables=spec())
    write(
        folder,
        "v.csv",
        (
            'customer_id;date;amount;product\nA;31/12/2024;1;"two\nlines"\n\nB;;1;x\nC;31/12/2024\n'
            "D;31/12/2024;4;x;y\nE;31/12/2024;5;x\n"
        ),
    )
    book = open_book(folder)
    quarantine = book.table("quarantine").order_by("row").execute()
    assert list(zip(quarantine.row, quarantine.reason, strict=True)) == [
        (4, "missing:date"),
        (5, "width:"),
        (6, "width:"),
    ]
    assert list(sales(book)._row) == [2, 7]
    assert book.checks["sales"].rows == 5


def test_regular_and_record_by_record_readings_agree(make_engagement):
    rows = "".join(f'"K{i}";{i % 28 + 1:02d}/01/2024;{i},25\n' for i in range(1, 200))
    regular, blank = make_engagement("one", tables=spec()), make_engagement("two", tables=spec())
    write(regular, "v.csv", HEADER + rows)
    write(blank, "v.csv", HEADER + "\n" + rows)
    one, two = sales(open_book(regular)), sales(open_book(blank))
    assert one.drop(columns="_row").equals(two.drop(columns="_row"))
    assert list(two._row - one._row) == [1] * 199


@pytest.mark.parametrize(
    ("broken", "reasons"),
    [
        ({10: 'c10;02/01/2024;10,5;"3/4 coude'}, {"quote:": 1}),
        (
            {10: 'c10;02/01/2024;10,5;"3/4 coude', 60: 'c60;02/01/2024;10,5;"1/2 coude'},
            {"quote:": 2},
        ),
        (
            {10: 'c10;02/01/2024;10,5;"3/4 coude', 11: 'c11;02/01/2024;10,5;"1/2 coude'},
            {"quote:": 2},
        ),
        ({10: 'c10;02/01/2024;10,5;"3/4', 60: 'c60;02/01/2024;10,5;x"'}, {"quote:": 1}),
        ({10: '"c10;02/01/2024;10,5;x'}, {"quote:": 1}),
        ({10: 'c10;02/01/2024;10,5;3" pipe'}, {}),
        ({10: 'c10;02/01/2024;10,5;"a ""good"" one"'}, {}),
        ({10: 'c10;02/01/2024;10,5;"two\nlines"'}, {}),
        ({10: 'c10;02/01/2024;10,5;"Bonjour;\nun; deux; trois; quatre\nMerci"'}, {}),
    ],
)
def test_a_stray_quotation_mark_never_swallows_other_lines(make_engagement, broken, reasons):
    lines = [broken.get(i, f"c{i};{i % 28 + 1:02d}/01/2024;10,5;x") for i in range(100)]
    folder = make_engagement(tables=spec())
    write(folder, "v.csv", "\n".join(["customer_id;date;amount;product", *lines]) + "\n")
    check = open_book(folder).checks["sales"]
    assert (check.rows, check.reasons) == (100, reasons)
    assert check.accepted_rows == 100 - len(reasons and broken) + (
        len(broken) - sum(reasons.values()) if reasons else 0
    )


def test_a_few_bad_bytes_in_utf8_are_read_as_they_are_written(make_engagement):
    folder = make_engagement(tables=spec())
    (folder / "v.csv").write_bytes(
        (HEADER + "é;31/12/2024;1\n" * 50).encode() + b"\xe9;31/12/2024;1\n"
    )
    book = open_book(folder)
    assert (
        book.cube.customer_id.nunique().execute() == 1 and book.checks["sales"].accepted_rows == 51
    )
    assert any("1 lines are not UTF-8" in book.wording.tell(notice) for notice in book.notices)


def test_dates_of_one_file_do_not_settle_another(make_engagement):
    folder = make_engagement(tables=spec())
    write(folder, "a.csv", HEADER + "A;01/02/2024;12,5\n")
    write(folder, "b.csv", HEADER + "B;02/14/2024;12.5\n")
    with pytest.raises(CarnetError, match="order of the dates"):
        open_book(folder)


def test_two_digit_years_between_hyphens_are_not_guessed(make_engagement):
    folder = make_engagement(tables=spec())
    write(folder, "v.csv", HEADER + "A;24-01-15;1\nB;2024-01-16;1\n")
    assert open_book(folder).checks["sales"].reasons == {"date:date": 1}


def test_columns_that_not_every_file_has_are_said(make_engagement):
    folder = make_engagement(tables=spec(columns={"product": "référence"}))
    write(folder, "a.csv", "customer_id;date;amount;Référence\nA;31/12/2024;1,5;x\n")
    write(folder, "b.csv", "Customer_ID;date;amount;RÉFÉRENCE;extra\nB;31/12/2024;1,5;y;z\n")
    book = open_book(folder)
    assert list(sales(book)["product"]) == ["x", "y"]
    assert [book.wording.tell(n) for n in book.notices if "not every" in n.message] == [
        "sales: columns that not every file has, taken as missing there: extra."
    ]


@pytest.mark.parametrize(
    "name", ["rowid", "_row", "_file", "v_date", "t_amount", 'a"b', "{x}", "select"]
)
def test_any_header_can_be_read(make_engagement, name):
    folder = make_engagement(tables=spec())
    quoted_name = '"' + name.replace('"', '""') + '"'
    write(folder, "v.csv", f"customer_id;date;amount;{quoted_name}\nA;31/12/2024;1;7\nB;;1;8\n")
    book = open_book(folder)
    assert list(sales(book).customer_id) == ["A"]
    assert f"{name}" in book.table("quarantine").execute().original_values[0].replace('\\"', '"')


@pytest.mark.long
def test_excel_numbers_are_never_guessed(make_engagement):
    """A cell that holds the number 12.345 is 12.345, whatever mark the typed-in texts or the
    engagement use.
    """
    for number, (texts, form) in enumerate(
        [([], {}), ([], {"decimal": ","}), (["3,5"] * 12, {}), (["3,5"] * 12, {"decimal": ","})]
    ):
        folder = make_engagement(f"x{number}", tables=spec(files="v.xlsx", format=form))
        workbook = xlsxwriter.Workbook(folder / "v.xlsx")
        sheet = workbook.add_worksheet()
        for r, row in enumerate(
            [
                ["customer_id", "date", "amount"],
                *(["A", "2024-01-31", value] for value in [12.345, 1.5, 1234, *texts]),
            ]
        ):
            sheet.write_row(r, 0, row)
        workbook.close()
        assert open_book(folder).checks["sales"].accepted_amount == Decimal("1247.845") + Decimal(
            "3.5"
        ) * len(texts)


def test_excel_texts_are_left_as_they_are(make_engagement):
    """Texts that look like numbers keep their letters; a number among them keeps its
    value and its face.
    """
    folder = make_engagement(tables=spec(files="v.xlsx"))
    workbook = xlsxwriter.Workbook(folder / "v.xlsx")
    sheet = workbook.add_worksheet()
    rows = [
        ["customer_id", "date", "amount", "product"],
        ["411.001", 20240131, "1.234,56", "10.20"],
        ["00123", 20240201, "1.234", 17850.5],
        [1001, 20240202, "12,5", "x"],
        ["", 20240203, 0.125, 2.25],
    ]
    for r, row in enumerate(rows):
        sheet.write_row(r, 0, row)
    workbook.close()
    book = open_book(folder)
    assert list(sales(book).customer_id) == ["411.001", "00123", "1001"]
    assert list(sales(book)["product"]) == ["10.20", "17850.5", "x"]
    assert list(sales(book).amount) == [Decimal("1234.56"), Decimal(1234), Decimal("12.5")]
    kept = book.table("quarantine").execute().original_values[0]
    assert '"0.125"' in kept and '"2.25"' in kept and "e0" not in kept


@pytest.mark.long
def test_excel_booleans_as_numbers_and_as_cells(make_engagement):
    folder = make_engagement(
        tables={
            "sales": [["customer_id", "date", "amount"], ["A", "2024-12-31", "1"]],
            "customers": {"files": "c.xlsx"},
        }
    )
    for column, expected in (
        ([1, 0, ""], [True, False, None]),
        ([True, False, "oui"], [True, False, True]),
    ):
        workbook = xlsxwriter.Workbook(folder / "c.xlsx")
        sheet = workbook.add_worksheet()
        for r, row in enumerate(
            [
                ["customer_id", "contract"],
                *([*["A", "B", "C"][i : i + 1], value] for i, value in enumerate(column)),
            ]
        ):
            sheet.write_row(r, 0, row)
        workbook.close()
        listed = open_book(folder).table("customers").order_by("customer_id").execute().contract
        assert [
            None if value is None or value != value else bool(value) for value in listed
        ] == expected


def test_excel_boolean_is_no_amount_and_a_sheet_may_hold_its_header_only(make_engagement):
    for rows, message in (
        ([["A", "2024-01-31", True]], "none of 1 rows was accepted"),
        ([], "no readable date"),
    ):
        folder = make_engagement(f"sheet{len(rows)}", tables=spec(files="v.xlsx"))
        workbook = xlsxwriter.Workbook(folder / "v.xlsx")
        sheet = workbook.add_worksheet()
        for r, row in enumerate([["customer_id", "date", "amount"], *rows]):
            sheet.write_row(r, 0, row)
        workbook.close()
        with pytest.raises(CarnetError, match=message):
            open_book(folder)


def test_header_with_a_line_break(make_engagement):
    folder = make_engagement(tables=spec(columns={"amount": "Montant\nHT"}))
    write(folder, "v.csv", 'customer_id;date;"Montant\nHT"\nA;31/12/2024;1,5\nB;;1\n')
    book = open_book(folder)
    assert book.checks["sales"].accepted_amount == Decimal("1.5")
    assert list(book.table("quarantine").execute().row) == [3]


def test_excel_dates_beside_dates_typed_as_text(make_engagement):
    for form, days in (({}, None), ({"date": "%d/%m/%Y"}, ["2024-01-31", "2024-05-04"])):
        folder = make_engagement(
            "asked" if days is None else "told", tables=spec(files="v.xlsx", format=form)
        )
        workbook = xlsxwriter.Workbook(folder / "v.xlsx")
        sheet = workbook.add_worksheet()
        sheet.write_row(0, 0, ["customer_id", "date", "amount"])
        sheet.write_row(1, 0, ["A"])
        sheet.write_datetime(
            1, 1, dt.datetime(2024, 1, 31), workbook.add_format({"num_format": "dd/mm/yyyy"})
        )
        sheet.write(1, 2, 1)
        sheet.write_row(2, 0, ["B", "04/05/2024", 2])
        workbook.close()
        if days is None:
            with pytest.raises(CarnetError, match="order of the dates"):
                open_book(folder)
        else:
            assert [str(day.date()) for day in sales(open_book(folder)).date] == days


def test_sqlite_file_out_of_the_folder(make_engagement):
    for url in ("sqlite:///../erp.db", "sqlite:////etc/erp.db"):
        with pytest.raises(CarnetError, match="leaves the engagement folder"):
            open_book(make_engagement(tables=spec(files=url, query="select 1")))


def test_a_database_is_connected_to_once_for_all_its_tables(tmp_path):
    """It was twice a table, and each time a driver reads the certificates of the machine."""
    with sqlite3.connect(tmp_path / "erp.db") as con:
        con.execute("CREATE TABLE clients (id INTEGER PRIMARY KEY, nom TEXT)")
        con.execute("CREATE TABLE factures (id INTEGER, client INTEGER REFERENCES clients (id))")
    server = connect("sales", "sqlite:///erp.db", tmp_path)
    connected = []
    sqlalchemy.event.listen(server.engine, "connect", lambda *_: connected.append(1))
    tables = server.tables()
    assert set(tables) == {"clients", "factures"} and len(connected) == 1
    assert tables["factures"].refers == {"client": ("clients", "id")}


def test_whitespace_columns(make_engagement):
    folder = make_engagement(tables=spec(files="v.txt", format={"delimiter": "whitespace"}))
    write(
        folder,
        "v.txt",
        " customer_id  date  amount\n 00001 19970131 11.77\n 00002 19970112  12.00\n",
    )
    assert list(sales(open_book(folder)).customer_id) == ["00001", "00002"]


def test_header_row_below_a_title(make_engagement):
    folder = make_engagement(tables=spec(format={"header_row": 3}))
    write(folder, "v.csv", "Export;;\n;;\n" + HEADER + "A;31/12/2024;1\nB;;1\n")
    book = open_book(folder)
    assert list(book.table("quarantine").execute().row) == [5]


def test_empty_file(make_engagement):
    folder = make_engagement(tables=spec())
    write(folder, "v.csv", "")
    with pytest.raises(CarnetError, match="no header in row 1"):
        open_book(folder)


def test_header_twice(make_engagement):
    folder = make_engagement(tables=spec())
    write(folder, "v.csv", "customer_id;date;amount;Amount\nA;31/12/2024;1;2\n")
    with pytest.raises(
        CarnetError,
        match=r"the column amount .*is required.*amount \(column 3\), Amount \(column 4\)",
    ):
        open_book(folder)


def test_mapped_header_that_is_not_there(make_engagement):
    folder = make_engagement(tables=spec(columns={"amount": "Montant TH"}))
    write(folder, "v.csv", "customer_id;date;Montant HT\nA;31/12/2024;1\n")
    with pytest.raises(CarnetError, match=r"no header 'Montant TH'.*did you mean 'Montant HT'"):
        open_book(folder)


def test_required_column_that_is_not_mapped(make_engagement):
    folder = make_engagement(tables=spec())
    write(folder, "v.csv", "customer_id;date\nA;31/12/2024\n")
    with pytest.raises(CarnetError, match=r"amount .or quantity and unit_price.* is required"):
        open_book(folder)


def test_no_file(make_engagement):
    with pytest.raises(CarnetError, match="finds no file"):
        open_book(make_engagement(tables=spec(files="ventes_*.csv")))


@pytest.mark.parametrize("pattern", ["../*.csv", "/etc/*.csv"])
def test_pattern_out_of_the_folder(make_engagement, pattern):
    with pytest.raises(CarnetError, match="leaves the engagement folder"):
        open_book(make_engagement(tables=spec(files=pattern)))


def test_link_out_of_the_folder(make_engagement, tmp_path):
    folder = make_engagement(tables=spec())
    write(tmp_path, "secret.csv", HEADER)
    (folder / "v.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(CarnetError, match="link out of the engagement folder"):
        open_book(folder)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
@pytest.mark.parametrize("read", [open_book, propose])
def test_a_name_that_is_not_utf_8(make_engagement, read):
    """As of a zip made on Windows: `ventes_é.csv` in its own letters."""
    folder = make_engagement(tables=spec())
    write(folder, os.fsdecode(b"ventes_\xe9.csv"), HEADER + "A;31/12/2024;1\n")
    with pytest.raises(CarnetError, match=r"ventes_\ufffd\.csv: the name is not UTF-8"):
        read(folder)


def test_file_listed_twice(make_engagement):
    folder = make_engagement(tables=spec(files=["*.csv", "v.csv"]))
    write(folder, "v.csv", HEADER + "A;31/12/2024;1\n")
    with pytest.raises(CarnetError, match="would count twice"):
        open_book(folder)


def test_xlsx_sheet_rows_types_and_blank_rows(make_engagement):
    folder = make_engagement(tables=spec(files="v.xlsx", sheet="Ventes"))
    workbook = xlsxwriter.Workbook(folder / "v.xlsx")
    workbook.add_worksheet("Autre")
    sheet, day = workbook.add_worksheet("Ventes"), workbook.add_format({"num_format": "dd/mm/yyyy"})
    rows = [
        ["customer_id", "date", "amount"],
        [1001, dt.datetime(2024, 3, 4), 12.5],
        [],
        ["007", dt.datetime(2024, 3, 5), "abc"],
        ["x", dt.datetime(2024, 3, 6), -2],
    ]
    for r, row in enumerate(rows):
        for c, value in enumerate(row):
            sheet.write_datetime(r, c, value, day) if isinstance(
                value, dt.datetime
            ) else sheet.write(r, c, value)
    workbook.close()
    book = open_book(folder)
    assert list(sales(book).customer_id) == ["1001", "x"]
    assert list(sales(book).date) == [pd.Timestamp("2024-03-04"), pd.Timestamp("2024-03-06")]
    assert list(book.table("quarantine").execute().row) == [4]


def test_xlsx_rows_are_numbered_from_the_top_of_the_sheet(make_engagement):
    folder = make_engagement(tables=spec(files="v.xlsx", format={"header_row": 3}))
    workbook = xlsxwriter.Workbook(folder / "v.xlsx")
    sheet = workbook.add_worksheet()
    for r, row in (
        (2, ["customer_id", "date", "amount"]),
        (3, ["A", "2024-01-31", 1]),
        (5, ["B", "n.d.", 1]),
    ):
        sheet.write_row(r, 0, row)
    workbook.close()
    assert list(open_book(folder).table("quarantine").execute().row) == [6]


def test_unknown_sheet(make_engagement):
    folder = make_engagement(tables=spec(files="v.xlsx", sheet="Vente"))
    workbook = xlsxwriter.Workbook(folder / "v.xlsx")
    workbook.add_worksheet("Ventes")
    workbook.close()
    with pytest.raises(CarnetError, match="no sheet 'Vente'; did you mean 'Ventes'"):
        open_book(folder)


def test_xls(make_engagement):
    """fixtures/ventes.xls was written by xlwt 1.3.0: dates 5/3, 6/4 and 31/12/2024, amounts 100.5,
    -20, 7, one blank row.
    """
    import shutil

    folder = make_engagement(
        tables=spec(
            files="ventes.xls",
            columns={"customer_id": "Client", "date": "Date", "amount": "Montant"},
        )
    )
    shutil.copy(ROOT / "tests" / "fixtures" / "ventes.xls", folder)
    book = open_book(folder)
    assert book.checks["sales"].amount == Decimal("87.5")
    assert list(sales(book)._row) == [2, 4, 5]
    assert list(sales(book).date) == [
        pd.Timestamp("2024-03-05"),
        pd.Timestamp("2024-04-06"),
        pd.Timestamp("2024-12-31"),
    ]


def test_not_an_excel_file(make_engagement):
    folder = make_engagement(tables=spec(files="v.xlsx"))
    write(folder, "v.xlsx", "customer_id;date")
    with pytest.raises(CarnetError, match="not readable as an Excel workbook"):
        open_book(folder)


def test_parquet_keeps_its_types(make_engagement):
    folder = make_engagement(tables=spec(files="*.parquet"))
    frame = pd.DataFrame(
        {
            "customer_id": [17850.0, None],
            "date": pd.to_datetime(["2024-01-02 10:00", "2024-01-03 00:00"]),
            "amount": [2.55, 1.0],
        }
    )
    frame.to_parquet(folder / "v.parquet")
    book = open_book(folder)
    assert list(sales(book).customer_id) == ["17850"]
    assert list(book.table("quarantine").execute().row) == [2]


def test_no_number_in_parquet_is_a_missing_value(make_engagement):
    """NaN, which the statistics of a file leave out, and which a reader that believes them takes
    for a number.
    """
    folder = make_engagement(tables=spec(files="*.parquet"))
    nothing = float("nan")
    columns = {
        "customer_id": [1.0, 2.0, nothing, 4.0],
        "date": [dt.date(2024, 1, day) for day in (2, 3, 4, 5)],
        "amount": [10.0, nothing, 30.0, 40.0],
        "cost": [5.0, 5.0, 5.0, nothing],
    }
    pq.write_table(pa.table(columns), folder / "v.parquet")
    book = open_book(folder)
    assert book.checks["sales"].reasons == {"missing:amount": 1, "missing:customer_id": 1}
    kept = sales(book)
    assert kept.customer_id.tolist() == ["1", "4"]
    assert kept.cost.isna().tolist() == [False, True]
    assert kept.estimated_cost.astype(float).tolist() == [5.0, 20.0]


def test_sqlite_query(make_engagement):
    folder = make_engagement(
        tables=spec(
            files="sqlite:///erp.db",
            query="select client as customer_id, jour as date, ht as amount from ventes",
        )
    )
    con = sqlite3.connect(folder / "erp.db")
    con.execute("create table ventes(client text, jour text, ht real)")
    con.executemany(
        "insert into ventes values (?, ?, ?)",
        [("A", "2024-01-31", 10.5), ("B", "2024-02-01", -3), (None, "2024-02-01", 1)],
    )
    con.commit()
    con.close()
    book = open_book(folder)
    assert (book.checks["sales"].accepted_amount, book.checks["sales"].quarantined_rows) == (
        Decimal("7.5"),
        1,
    )


def test_database_url_needs_a_query_and_its_variables(make_engagement):
    with pytest.raises(CarnetError, match="needs a query"):
        open_book(make_engagement("one", tables=spec(files="sqlite:///erp.db")))
    with pytest.raises(CarnetError, match="CARNET_UNSET_VARIABLE") as error:
        open_book(
            make_engagement(
                "two",
                tables=spec(
                    files="postgresql://me:${CARNET_UNSET_VARIABLE}@localhost/db", query="select 1"
                ),
            )
        )
    assert "${" not in str(error.value)


def test_failing_query_never_shows_the_password(make_engagement, monkeypatch):
    monkeypatch.setenv("CARNET_TEST_SECRET", "hunter2")
    url = "postgresql://me:${CARNET_TEST_SECRET}@127.0.0.1:1/db"
    with pytest.raises(CarnetError, match=r"failed|driver") as error:
        open_book(make_engagement(tables=spec(files=url, query="select 1")))
    assert "hunter2" not in str(error.value)


def test_package_file(make_engagement, tmp_path, monkeypatch):
    package = tmp_path / "site" / "carnet_test_data"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    write(package, "v.csv", HEADER + "A;31/12/2024;3,5\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    book = open_book(make_engagement(tables=spec(files="package:carnet_test_data/v.csv")))
    assert book.checks["sales"].files[0]["name"] == "package:carnet_test_data/v.csv"
    assert book.checks["sales"].amount == Decimal("3.5")
    sys.modules.pop("carnet_test_data", None)


@pytest.mark.parametrize(
    "pattern",
    [
        "package:no_such_package/v.csv",
        "package:carnet/../../secret.csv",
        "package:carnet/nothing.csv",
    ],
)
def test_package_file_that_is_not_there(make_engagement, pattern):
    with pytest.raises(CarnetError, match=r"is not installed|ships no file"):
        open_book(make_engagement(tables=spec(files=pattern)))


def test_unknown_kind_of_file(make_engagement):
    folder = make_engagement(tables=spec(files="v.pdf"))
    write(folder, "v.pdf", "x")
    with pytest.raises(CarnetError, match="unknown kind of file"):
        open_book(folder)


def test_postgresql_query(make_engagement, monkeypatch):
    """The query brings its own rows, so that nothing is left on the server;
    no part of the secret is printed.
    """
    url = os.environ.get("CARNET_POSTGRES")
    if not url:
        pytest.skip("CARNET_POSTGRES does not hold a database URL")
    password = re.search(r":([^:@/]+)@", url)[1]
    monkeypatch.setenv("CARNET_TEST_SECRET", password)
    query = """select * from (values ('Épée', date '2024-01-31', 10.50), ('B', date '2024-02-01', -3), (null, date '2024-02-01', 1))
        as ventes(customer_id, date, amount)"""  # noqa: E501
    written = url.replace(f":{password}@", ":${CARNET_TEST_SECRET}@")
    book = open_book(make_engagement(tables=spec(files=written, query=query)))
    assert (book.checks["sales"].accepted_amount, book.checks["sales"].quarantined_rows) == (
        Decimal("7.5"),
        1,
    )
    assert list(sales(book).customer_id) == ["Épée", "B"]
    name = book.checks["sales"].files[0]["name"]
    assert (
        password not in name
        and "CARNET_TEST_SECRET" not in name
        and re.match(r"postgresql://[^@ ]+ \(select", name)
    )
