"""Files as people export them: rows that are no sales, furniture, shapes, own words,
encodings and zones. Values are worked out by hand.
"""

import contextlib
import gzip
import math
import os
import sqlite3
import subprocess
import sys
import unicodedata
import zipfile

import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter
from carnet.book.book import open_book
from carnet.customers import decisions
from carnet.errors import CarnetError
from carnet.measures.costs import cost_to_serve, receivables

from tests.conftest import ROOT, run_carnet

COLUMNS = {"customer_id": "Client", "date": "Date", "amount": "Montant"}


@pytest.fixture
def book_of(make_engagement):
    """A sales file and what its table says beside `files` and `columns` → the opened book."""

    def opened(content, name="sales.csv", columns=COLUMNS, **keys):
        folder = make_engagement(tables={"sales": {"files": name, "columns": columns, **keys}})
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return open_book(folder)

    return opened


def told(book):
    return " · ".join(book.wording.tell(notice) for notice in book.notices)


def sales_of(book):
    rows = book.table("sales").execute()
    return sorted(
        zip(rows.customer_id, rows.date.astype(str), rows.amount.astype(float), strict=True)
    )


def reconciles(book, table="sales"):
    check = book.checks[table]
    assert (
        check.rows == check.accepted_rows + check.quarantined_rows
        and check.amount == check.accepted_amount + check.quarantined_amount
    )
    return check


# --- rows that are not sales

DOCUMENTS = """Type;Client;Date;Montant;État
Facture;A;2024-01-10;100;payée
Avoir;A;2024-01-20;30;payée
facture ;B;2024-02-10;50;Annulée
Devis;C;2024-03-10;500;
"""


def test_words_of_no_sale_that_nothing_uses_are_an_alarm(book_of):
    book = book_of(DOCUMENTS)
    assert (
        "Type says Avoir, Devis of 2 rows that count with a positive amount, €530 in all"
        in told(book)
    )
    assert "État says Annulée of 1 rows that count with a positive amount, €50 in all" in told(book)


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        ({"Type": "FACTURE"}, ["A", "B"]),
        ({"type": ["facture", "avoir"]}, ["A", "A", "B"]),
        ({"Type": {"not": "devis"}}, ["A", "A", "B"]),
        ({"Type": {"not": ["Devis", "Avoir"]}, "État": {"not": "annulee"}}, ["A"]),
        ({"État": {"empty": False}}, ["A", "A", "B"]),
        ({"État": {"empty": True}}, ["C"]),
    ],
)
def test_where_keeps_rows(book_of, where, kept):
    book = book_of(DOCUMENTS, where=where)
    assert [row[0] for row in sales_of(book)] == kept
    check = reconciles(book)
    assert check.reasons == {
        "where:": 4 - len(kept)
    } and f"none of its own: {4 - len(kept)}" in told(book)
    assert (book.table("quarantine").execute().reason == "where:").sum() == 4 - len(kept)


def test_sign_makes_credit_notes_negative(book_of):
    book = book_of(
        DOCUMENTS, where={"Type": {"not": "devis"}}, sign={"column": "Type", "negative": "avoir"}
    )
    assert sales_of(book) == [
        ("A", "2024-01-10", 100),
        ("A", "2024-01-20", -30),
        ("B", "2024-02-10", 50),
    ]
    assert "amounts made negative by Type: 1, worth −€30" in told(book) and "Type says" not in told(
        book
    )


def test_a_condition_on_a_column_that_is_not_there_names_the_nearest(book_of):
    with pytest.raises(CarnetError, match=r"sales: where: no header 'Typ'.*did you mean 'Type'"):
        book_of(DOCUMENTS, where={"Typ": "x"})
    with pytest.raises(CarnetError, match=r"sales: sign: no header 'Kind'"):
        book_of(DOCUMENTS, sign={"column": "Kind", "negative": ["avoir"]})


# --- furniture

LINES = [
    "A;2024-01-10;100",
    "B;2024-01-11;50",
    "TOTAL;2024-01-31;150",
    "Client;Date;Montant",
    "A;2024-02-10;7",
    "Sous-total pour A;2024-02-28;7",
    "Total général;;157",
]


def test_totals_and_repeated_headers_are_set_aside(book_of):
    book = book_of("\n".join(["Client;Date;Montant", *LINES]))
    assert sales_of(book) == [
        ("A", "2024-01-10", 100),
        ("A", "2024-02-10", 7),
        ("B", "2024-01-11", 50),
    ]
    assert reconciles(book).reasons == {"total:": 3, "header:": 1}
    assert "3, worth €314 (a total of the rows above)" in told(book)


def test_a_customer_named_total_is_kept_and_told(book_of):
    """The word alone is no proof: the amount has to be the sum of rows above."""
    book = book_of(
        "Client;Date;Montant\nA;2024-01-10;100\nTotal;2024-01-11;60\n"
        "Total Énergies;2024-01-12;100\n"
    )
    assert len(sales_of(book)) == 3 and "1 rows read like totals, worth €60" in told(book)


GROUPS = (
    "Client;Date;Montant\nAcme;;\n;2024-01-10;100\n;2024-01-11;50\nTotal for Acme;;150\nBaker;;\n"
    ";2024-02-10;7\n;2024-02-11;8\nTotal for Baker;;15\nTOTAL;;165\n"
)


def test_headings_of_groups_are_filled_down(book_of):
    book = book_of(GROUPS)
    assert sales_of(book) == [
        ("Acme", "2024-01-10", 100),
        ("Acme", "2024-01-11", 50),
        ("Baker", "2024-02-10", 7),
        ("Baker", "2024-02-11", 8),
    ]
    assert reconciles(book).reasons == {
        "total:": 3,
        "heading:": 2,
    } and "2 headings filled down" in told(book)


def test_sales_without_a_customer_are_never_filled_down(book_of):
    """A till writes a name where it knows one, on the line itself."""
    book = book_of(
        "Client;Date;Montant\nAcme;2024-01-10;100\n;2024-01-11;50\n;2024-01-12;50\n;2024-01-13;50\n"
    )
    assert sales_of(book) == [("Acme", "2024-01-10", 100)]
    filled = book_of(
        "Client;Date;Montant\nAcme;2024-01-10;100\n;2024-01-11;50\n", fill_down="Client"
    )
    assert sales_of(filled) == [("Acme", "2024-01-10", 100), ("Acme", "2024-01-11", 50)]


def test_cells_merged_in_a_workbook_are_filled_down(make_engagement):
    folder = make_engagement(tables={"sales": {"files": "v.xlsx", "columns": COLUMNS}})
    with xlsxwriter.Workbook(folder / "v.xlsx") as workbook:
        sheet = workbook.add_worksheet()
        for row, values in enumerate(
            [
                list(COLUMNS.values()),
                ["", "2024-01-10", 1],
                ["", "2024-01-11", 2],
                ["B", "2024-01-12", 3],
                ["", "2024-01-13", 4],
            ]
        ):
            sheet.write_row(row, 0, values)
        sheet.merge_range(1, 0, 2, 0, "A")
    book = open_book(folder)
    assert sales_of(book) == [
        ("A", "2024-01-10", 1),
        ("A", "2024-01-11", 2),
        ("B", "2024-01-12", 3),
    ], "an empty cell is no merged one"
    assert "1 cells merged" in told(book)


def test_headers_are_the_same_whatever_their_spaces_and_double_ones_are_no_fault_where_unused(
    book_of,
):
    book = book_of(
        "Code\u00a0 client ;Date;Note;Montant;note\nA;2024-01-10;x;5;y\n",
        columns=COLUMNS | {"customer_id": "code client"},
    )
    assert sales_of(book) == [("A", "2024-01-10", 5)]
    with pytest.raises(CarnetError, match=r"no header 'Montant'.*'Montant \(column 4\)'"):
        book_of("Client;Date;Montant;Montant\nA;2024-01-10;5;6\n")
    assert sales_of(
        book_of(
            "Client;Date;Montant;Montant\nA;2024-01-10;5;6\n",
            columns=COLUMNS | {"amount": "Montant (column 4)"},
        )
    ) == [("A", "2024-01-10", 6)]


# --- one period in two files


@pytest.mark.parametrize(("repeated", "revenue"), [("keep", 187), ("drop", 167)])
def test_lines_of_one_period_in_two_files_are_told_with_their_sum(
    make_engagement, repeated, revenue
):
    """Two equal lines of one file are two events; of those a second file repeats as many as the
    first has count once.
    """
    folder = make_engagement(
        tables={
            "sales": {"files": ["old.csv", "new.csv"], "columns": COLUMNS, "repeated": repeated}
        }
    )
    (folder / "old.csv").write_text(
        "Client;Date;Montant\nA;2023-12-30;100\nB;2023-12-31;10\nB;2023-12-31;10\n"
    )
    (folder / "new.csv").write_text(
        "Client;Date;Montant\nB;2023-12-31;10\nB;2023-12-31;10\nB;2023-12-31;10\nA;2024-01-10;37\n"
    )
    book = open_book(folder)
    assert reconciles(book).accepted_amount == revenue
    assert "2 lines of new.csv stand in old.csv too (2023-12-31 to 2023-12-31), worth €20" in told(
        book
    )
    assert ("repeated: drop" in told(book)) == (repeated == "keep")


# --- encodings, numbers of customers


def test_a_file_half_in_one_encoding_is_read_line_by_line(book_of):
    lines = [
        b"Client;Date;Montant\n",
        "Société Été;2024-01-10;1\n".encode("cp1252"),
        "Société Été;2024-02-10;2\n".encode(),
    ]
    book = book_of(b"".join(lines))
    assert {row[0] for row in sales_of(book)} == {
        "Société Été"
    } and "1 lines are not UTF-8 as the others are (line 2 first)" in told(book)
    with pytest.raises(CarnetError, match="line 3: letters in UTF-8 and in another encoding"):
        book_of(
            lines[0]
            + "é;2024-01-10;1\n".encode()
            + "é".encode()
            + "é;2024-01-10;1\n".encode("cp1252")
        )


def test_letters_of_one_sign_or_two_are_one_name(book_of):
    book = book_of("Client;Date;Montant\nE\u0301lan;2024-01-10;1\n\u00c9lan;2024-02-10;2\n")
    assert {row[0] for row in sales_of(book)} == {"\u00c9lan"}


ALIKE = (
    "Client;Date;Montant\nab-1;2024-01-10;1\nAB 1;2024-01-11;2\n007;2024-01-12;3\n7;2024-01-13;4\n"
    "3,52104E+13;2024-01-14;5\nC;2024-01-15;6\n"
)


def test_numbers_that_differ_by_spelling_alone_are_an_alarm_and_join_on_demand(book_of):
    book = book_of(ALIKE)
    assert len({row[0] for row in sales_of(book)}) == 6
    assert "zeros in front alone: 2 (007 = 7, AB 1 = ab-1)" in told(
        book
    ) and "power of ten: 1 (3,52104E+13)" in told(book)
    joined = book_of(
        ALIKE,
        ids={"case": "ignore", "zeros": "ignore", "spaces": "ignore", "punctuation": "ignore"},
    )
    assert {row[0] for row in sales_of(joined)} == {
        "AB1",
        "7",
        "352104E13",
        "C",
    } and "zeros in front" not in told(joined)


# --- shapes


def test_months_in_columns_become_rows(make_engagement):
    table = {
        "files": "v.csv",
        "columns": {"customer_id": "Client"},
        "unpivot": {"amount": "CA *", "quantity": "Qté *"},
    }
    folder = make_engagement(tables={"sales": table})
    header = "Client;Région;CA janv. 2024;Qté janv. 2024;CA févr. 2024;Qté févr. 2024;CA total"
    (folder / "v.csv").write_text(
        f"{header}\nA;Nord;10,5;1;20;2;30,5\nB;Sud;;;7;1;7\n", encoding="utf-8"
    )
    book = open_book(folder)
    assert sales_of(book) == [
        ("A", "2024-01-01", 10.5),
        ("A", "2024-02-01", 20),
        ("B", "2024-02-01", 7),
    ]
    assert book.table("sales").quantity.sum().execute() == 4 and "2 months in columns" in told(book)
    assert [file["name"] for file in book.checks["sales"].files] == [
        "v.csv [janv. 2024]",
        "v.csv [févr. 2024]",
    ]
    with pytest.raises(CarnetError, match=r"no header of v\.csv reads as a month where 'Ventes"):
        folder = make_engagement(
            "other", tables={"sales": table | {"unpivot": {"amount": "Ventes *"}}}
        )
        (folder / "v.csv").write_text(f"{header}\n", encoding="utf-8")
        open_book(folder)


@pytest.mark.parametrize("sheet", [None, "20*", ["2023", "2024"]])
def test_sheets_of_a_workbook(make_engagement, sheet):
    folder = make_engagement(
        tables={
            "sales": {"files": "v.xlsx", "columns": COLUMNS, **({"sheet": sheet} if sheet else {})}
        }
    )
    with xlsxwriter.Workbook(folder / "v.xlsx") as workbook:
        for name, rows in (
            ("modele", [["X", "2020-01-01", 9]]),
            ("2023", [["A", "2023-01-10", 1]]),
            ("2024", [["A", "2024-01-10", 2]]),
            ("notes", []),
        ):
            page = workbook.add_worksheet(name)
            for place, values in enumerate(
                [["Lisez-moi"] if name == "notes" else list(COLUMNS.values()), *rows]
            ):
                page.write_row(place, 0, values)
        workbook.get_worksheet_by_name("2023").activate()
        workbook.get_worksheet_by_name("modele").hide()
    book = open_book(folder)
    assert sales_of(book) == [("A", "2023-01-10", 1), ("A", "2024-01-10", 2)]
    if sheet is None:
        assert "the sheets 2023, 2024 have one header" in told(
            book
        ) and "the sheet modele is hidden and was not read: 1 rows" in told(book)
        assert "the others are notes" in told(book)


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("03-janv.-24", "2024-01-03"),
        ("1er janvier 2024", "2024-01-01"),
        ("03-Jan-2024", "2024-01-03"),
        ("15 août 2024", "2024-08-15"),
        ("Feb 3, 2024", "2024-02-03"),
        ("2 févr. 2024", "2024-02-02"),
        ("mars 2024", "2024-03-01"),
        ("31/déc/2024", "2024-12-31"),
        ("2024-05", "2024-05-01"),
        ("05/2024", "2024-05-01"),
        ("005.2024", "2024-05-01"),
        ("12 juil. 2024", "2024-07-12"),
        ("12-Jun-24", "2024-06-12"),
        ("3 SEPTEMBRE 2024", "2024-09-03"),
    ],
)
def test_months_in_words_and_months_alone(book_of, written, day):
    assert sales_of(book_of(f'Client;Date;Montant\nA;"{written}";5\n')) == [("A", day, 5)]


@pytest.mark.parametrize(
    "written", ["31 février 2024", "Facture mars 2024", "janvier", "3 marsouin 2024", "May the 4th"]
)
def test_what_only_looks_like_a_month_is_set_aside(book_of, written):
    book = book_of(f"Client;Date;Montant\nA;{written};5\nB;2024-01-10;1\n")
    assert reconciles(book).reasons == {"date:date": 1}


def test_a_web_page_named_xls_is_read_as_its_table(book_of):
    cells = "".join(
        f"<tr><td>{c}</td><td>{d}</td><td>{a}</td></tr>"
        for c, d, a in [("A &amp; B", "10/01/2024", "1 234,50"), ("C", "25/01/2024", "3,00")]
    )
    page = (
        f"<html><body><table><tr><td>x</td></tr></table><table><tr><th>Client</th><th>Date</th>"
        f"<th>Montant</th></tr>{cells}</table></body></html>"
    )
    assert sales_of(book_of(page, "v.xls")) == [
        ("A & B", "2024-01-10", 1234.5),
        ("C", "2024-01-25", 3),
    ]
    assert sales_of(book_of("Client\tDate\tMontant\nA\t2024-01-10\t5\n", "v.xls")) == [
        ("A", "2024-01-10", 5)
    ]
    with pytest.raises(CarnetError, match=r"XML spreadsheet of 2003.*save it as \.xlsx"):
        book_of("<?xml version='1.0'?><Workbook/>", "v.xls")
    with pytest.raises(CarnetError, match="web page without a table"):
        book_of("<html><p>Session expired</p></html>", "v.xls")


@pytest.mark.parametrize("name", ["v.csv.gz", "v.txt.gz"])
def test_text_packed_with_gzip(book_of, name):
    assert sales_of(book_of(gzip.compress(b"Client;Date;Montant\nA;2024-01-10;5\n"), name)) == [
        ("A", "2024-01-10", 5)
    ]
    with pytest.raises(CarnetError, match="not readable as gzip"):
        book_of(b"Client;Date;Montant\n", name)
    with pytest.raises(CarnetError, match=r"Accepted: \.csv\.gz"):
        book_of(gzip.compress(b"x"), "v.xlsx.gz")


def test_a_table_of_opendocument(make_engagement):
    """One sheet, three columns, as LibreOffice writes them."""
    cell = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    number = (
        '<table:table-cell office:value-type="float" '
        'office:value="{0}"><text:p>{0}</text:p></table:table-cell>'
    )
    rows = [
        [cell.format(name) for name in COLUMNS.values()],
        [cell.format("A"), cell.format("2024-01-10"), number.format(5)],
    ]
    body = "".join(f"<table:table-row>{''.join(row)}</table:table-row>" for row in rows)
    spaces = " ".join(
        f'xmlns:{n}="urn:oasis:names:tc:opendocument:xmlns:{n}:1.0"'
        for n in ("office", "table", "text")
    )
    content = (
        f"<office:document-content {spaces}><office:body><office:spreadsheet>"
        f'<table:table table:name="S">{body}</table:table></office:spreadsheet>'
        f"</office:body></office:document-content>"
    )
    folder = make_engagement(tables={"sales": {"files": "v.ods", "columns": COLUMNS}})
    with zipfile.ZipFile(folder / "v.ods", "w") as packed:
        packed.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        packed.writestr("content.xml", content)
        packed.writestr(
            "META-INF/manifest.xml",
            (
                "<manifest:manifest "
                'xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
            ),
        )
    assert sales_of(open_book(folder)) == [("A", "2024-01-10", 5)]


def test_an_apostrophe_in_front_of_a_number_is_none_of_it(book_of):
    assert [
        row[2]
        for row in sales_of(
            book_of("Client;Date;Montant\nA;2024-01-10;'-120.00\nA;2024-01-11;'1'250.50\n")
        )
    ] == [-120, 1250.5]


# --- several currencies

IN_DOLLARS = (
    "Client;Date;Montant;Devise\nA;2024-01-10;100;EUR\nB;2024-01-11;50;usd\nC;2024-01-12;30;GBP\n"
    "D;2024-01-13;6;\nD;2024-01-13;1;€\n"
)


@pytest.mark.long
def test_lines_of_other_currencies_are_converted_or_set_aside_never_added(make_engagement):
    def opened(name, columns=None, **keys):
        folder = make_engagement(
            name, tables={"sales": {"files": "v.csv", "columns": COLUMNS | (columns or {})}}, **keys
        )
        (folder / "v.csv").write_text(IN_DOLLARS)
        return open_book(folder)

    book = opened("rated", {"currency": "Devise"}, rates={"USD": 0.9})
    assert sales_of(book) == [
        ("A", "2024-01-10", 100),
        ("B", "2024-01-11", 45),
        ("D", "2024-01-13", 1),
        ("D", "2024-01-13", 6),
    ]
    assert reconciles(book).reasons == {"currency:currency": 1}
    assert "1 lines in USD converted at 0.9: €45" in told(
        book
    ) and "1 lines in GBP, 30.00 GBP in all, are set aside: write rates: {GBP: …}" in told(book)
    assert "Devise names several currencies (EUR, GBP, USD)" in told(opened("added"))
    with pytest.raises(
        CarnetError, match=r"rates: three-letter ISO 4217 codes with a positive rate"
    ):
        opened("wrong", rates={"dollar": 0.9})


# --- messages


def test_what_to_do_next_is_said(tmp_path):
    (tmp_path / "ventes.csv").write_text("a;b\n1;2\n")
    with pytest.raises(CarnetError, match=r"has data and no engagement\.yml yet: carnet init "):
        open_book(tmp_path)
    with pytest.raises(
        CarnetError, match=r"ventes\.csv: a data file, not an engagement\..*carnet init "
    ):
        open_book(tmp_path / "ventes.csv")


# --- own words


@pytest.mark.long
def test_stages_in_the_clients_words(make_engagement):
    rows = [
        ["customer_id", "opened", "stage"],
        ["A", "2024-01-10", "R1"],
        ["A", "2024-01-11", "closing"],
        ["B", "2024-01-12", "Gagné"],
        ["B", "2024-01-13", "Closing"],
    ]
    sales = [["customer_id", "date", "amount"], ["A", "2024-06-30", "1"]]
    book = open_book(make_engagement(tables={"opportunities": rows, "sales": sales}))
    assert (
        "values of stage that are not known: Closing (1), R1 (1), closing (1). Map them with "
        "stages: {open: […]"
    ) in told(book)
    folder = make_engagement("mapped", tables={"opportunities": rows, "sales": sales})
    text = (folder / "engagement.yml").read_text()
    (folder / "engagement.yml").write_text(
        text.replace(
            "files: opportunities.csv",
            "files: opportunities.csv\n    stages: {open: [r1, Closing]}",
        )
    )
    assert open_book(folder).table("opportunities").stage.value_counts().execute().set_index(
        "stage"
    ).iloc[:, 0].to_dict() == {
        "open": 3,
        "won": 1,
    }
    (folder / "engagement.yml").write_text(
        text.replace("files: sales.csv", "files: sales.csv\n    stages: {open: [r1]}")
    )
    with pytest.raises(CarnetError, match="stages belongs to the table opportunities"):
        open_book(folder)


# --- the machine does not matter


def parquet(folder, zone, store_schema=True):
    days = pd.to_datetime(["2023-12-31 23:30", "2024-06-30 22:30"], utc=True)
    table = pa.table(
        {
            "customer_id": ["A", "A"],
            "date": pa.array(days.tz_convert(zone), pa.timestamp("us", zone)),
            "amount": [1.0, 2.0],
        }
    )
    pq.write_table(table, folder / "v.parquet", store_schema=store_schema)


@pytest.mark.parametrize("machine", ["UTC", "America/Los_Angeles", "Pacific/Auckland"])
@pytest.mark.long
def test_instants_give_the_day_of_their_own_zone_on_every_machine(make_engagement, machine):
    folder = make_engagement(tables={"sales": {"files": "v.parquet"}})
    parquet(folder, "Europe/Paris")
    code = (
        "import sys; from carnet.book.book import open_book; b = open_book(sys.argv[1]); "
        "print(b.folder.name, b.table('sales').date.cast('string').execute().tolist())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, folder],
        env=os.environ | {"TZ": machine},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "['2024-01-01', '2024-07-01']" in done.stdout, done.stdout + done.stderr


def test_instants_without_a_zone_are_asked(make_engagement):
    folder = make_engagement(tables={"sales": {"files": "v.parquet"}})
    parquet(folder, "UTC", store_schema=False)
    with pytest.raises(
        CarnetError, match=r"'date' name no time zone.*format: \{timezone: Europe/Paris\}"
    ):
        open_book(folder)
    folder = make_engagement(
        "declared", tables={"sales": {"files": "v.parquet", "format": {"timezone": "Europe/Paris"}}}
    )
    parquet(folder, "UTC", store_schema=False)
    book = open_book(folder)
    assert book.table("sales").date.cast("string").execute().tolist() == [
        "2024-01-01",
        "2024-07-01",
    ]
    assert "those of the zone Europe/Paris" in told(book)
    with pytest.raises(CarnetError, match="Europe/Paris"):
        open_book(
            make_engagement(
                "wrong",
                tables={"sales": {"files": "v.parquet", "format": {"timezone": "Europe/Pari"}}},
            )
        )


def test_instants_of_a_server_have_the_day_of_the_declared_zone_whatever_its_session(
    make_engagement, monkeypatch
):
    """`timestamptz` keeps no zone: the driver's is that of the session,
    which the server or PGTZ sets.
    """
    url = os.environ.get("CARNET_POSTGRES")
    if not url:
        pytest.skip("CARNET_POSTGRES does not name a PostgreSQL server")
    password = url.rpartition("@")[0].rpartition(":")[2]
    monkeypatch.setenv("CARNET_TEST_PASSWORD", password)
    query = "SELECT 'A' AS customer_id, timestamptz '2023-12-31 23:30:00+00' AS date, 1.0 AS amount"
    table = {"files": url.replace(f":{password}@", ":${CARNET_TEST_PASSWORD}@"), "query": query}
    for zone in ("America/Los_Angeles", "Pacific/Auckland"):
        monkeypatch.setenv("PGTZ", zone)
        with pytest.raises(CarnetError, match="name no time zone"):
            open_book(make_engagement("asked", tables={"sales": table}))
        book = open_book(
            make_engagement(
                "told", tables={"sales": table | {"format": {"timezone": "Europe/Paris"}}}
            )
        )
        assert sales_of(book) == [("A", "2024-01-01", 1)]


# --- title rows, rows left out, hidden rows, formulas

TITLED = (
    "Journal des ventes;;\nSociété X;;\n\nClient;Date;Montant\nA;2024-01-10;100\nB;2024-02-10;50\n"
    "Édité le 2024-03-01;;\n"
)


def test_the_header_is_found_below_title_rows(book_of):
    book = book_of(TITLED)
    assert sales_of(book) == [("A", "2024-01-10", 100.0), ("B", "2024-02-10", 50.0)]
    assert "the header stands in row 4, below title rows" in told(book)
    assert list(book.table("sales").execute()._row) == [5, 6]


def test_a_header_row_that_is_set_is_the_header(book_of):
    with pytest.raises(CarnetError, match="no header 'Client'"):
        book_of(TITLED, format={"header_row": 1})


def test_the_header_of_a_workbook_is_found_below_title_rows(book_of, tmp_path):
    with xlsxwriter.Workbook(tmp_path / "s.xlsx") as made:
        sheet = made.add_worksheet()
        for number, row in enumerate(
            [
                ["Ventes 2024"],
                [],
                ["Client", "Date", "Montant"],
                ["A", "2024-01-10", 100],
                ["B", "2024-02-10", 50],
            ]
        ):
            sheet.write_row(number, 0, row)
    book = book_of((tmp_path / "s.xlsx").read_bytes(), "s.xlsx")
    assert [row[2] for row in sales_of(book)] == [100, 50] and "the header stands in row 3" in told(
        book
    )


@pytest.mark.parametrize(
    ("skip", "kept"),
    [("2", ["B", "C"]), (["2-3"], ["C"]), ("last 1", ["A", "B"]), ([3, "last 1"], ["A"])],
)
def test_skip_leaves_rows_out(book_of, skip, kept):
    book = book_of(
        "Client;Date;Montant\nA;2024-01-10;100\nB;2024-02-10;50\nC;2024-02-11;25\n", skip=skip
    )
    assert [row[0] for row in sales_of(book)] == kept
    assert reconciles(book).reasons == {"skip:": 3 - len(kept)}


def test_hidden_rows_and_formulas_never_calculated_are_told(book_of, tmp_path):
    with xlsxwriter.Workbook(tmp_path / "s.xlsx") as made:
        sheet = made.add_worksheet()
        rows = [
            ["Client", "Date", "Montant"],
            ["A", "2024-01-10", 100],
            ["B", "2024-02-10", 50],
            ["C", "2024-02-11", 25],
            ["D", "2024-02-12"],
        ]
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
        sheet.write_formula(4, 2, "=C2*2", None, "")
        sheet.autofilter(0, 0, 4, 2)
        sheet.set_row(2, None, None, {"hidden": True})
        sheet.set_row(3, None, None, {"hidden": True})
    book = book_of((tmp_path / "s.xlsx").read_bytes(), "s.xlsx")
    assert (
        "2 rows of s.xlsx are hidden or filtered out there and count like the others, worth €75"
        in told(book)
    )
    assert "1 cells hold a formula that was never calculated (C5 first)" in told(book)
    assert reconciles(book).accepted_amount == 175


# --- days that are numbers: 45301 is 2024-01-10 in a spreadsheet (45292 = 2024-01-01), 1704844800
# is that day at 00:00 UTC

SHEET_DAYS = ["45301", "45332,5", "45333"]


@pytest.mark.parametrize(
    ("days", "form", "read"),
    [
        (SHEET_DAYS, {}, ["2024-01-10", "2024-02-10", "2024-02-11"]),
        (
            ["43839", "43870", "43871"],
            {"date": "serial1904"},
            ["2024-01-10", "2024-02-10", "2024-02-11"],
        ),
        (
            ["1704844800", "1707523200", "1707609600"],
            {},
            ["2024-01-10", "2024-02-10", "2024-02-11"],
        ),
        (
            ["1704844800000", "1707523200000", "1707609600000"],
            {},
            ["2024-01-10", "2024-02-10", "2024-02-11"],
        ),
        (
            ["1704841200", "1707519600", "1707606000"],
            {"timezone": "Europe/Paris"},
            ["2024-01-10", "2024-02-10", "2024-02-11"],
        ),
    ],
)
def test_days_that_are_numbers(book_of, days, form, read):
    rows = "".join(f"{name};{day};10\n" for name, day in zip("ABC", days, strict=True))
    book = book_of(f"Client;Date;Montant\n{rows}", format=form)
    assert [row[1] for row in sales_of(book)] == read
    assert "Date holds numbers, read as days" in told(book) and f"{read[0]} to {read[-1]}" in told(
        book
    )


def test_instants_without_a_zone_are_refused(book_of):
    with pytest.raises(
        CarnetError, match=r"'Date' counts seconds since 1970.*timezone: Europe/Paris"
    ):
        book_of("Client;Date;Montant\nA;1704841200;10\nB;1707519600;10\n")


def test_numbers_among_days_are_no_days(book_of):
    book = book_of("Client;Date;Montant\nA;2024-01-10;10\nB;45301;10\n")
    assert reconciles(book).reasons == {"date:date": 1}


# --- columns that stand in another file

PIECES = "Pièce;Montant\nF1;100\nF1;50\nF2;25\nF9;10\n"


@pytest.mark.long
def test_join_brings_columns_by_a_shared_number(make_engagement):
    columns = {
        "customer_id": "Client",
        "date": "Date",
        "amount": "Montant",
        "order_id": "Pièce",
        "salesperson": "Vendeur",
    }
    tables = {
        "sales": {
            "files": "lignes.csv",
            "columns": columns,
            "join": {"files": "entetes.csv", "on": {"Pièce": "Numéro"}},
        }
    }
    folder = make_engagement(tables=tables)
    (folder / "lignes.csv").write_text(PIECES, encoding="utf-8")
    (folder / "entetes.csv").write_text(
        "Numéro;Client;Date;Vendeur\nF1;A;2024-01-10;Zoé\nF2;B;2024-02-10;Max\n", encoding="utf-8"
    )
    book = open_book(folder)
    assert sales_of(book) == [
        ("A", "2024-01-10", 50.0),
        ("A", "2024-01-10", 100.0),
        ("B", "2024-02-10", 25.0),
    ]
    assert set(book.table("sales").execute().salesperson) == {"Zoé", "Max"}
    assert (
        "entetes.csv: joined by Pièce: Numéro, Client, Date, Vendeur. 1 rows find no partner there"
        in told(book)
    )
    assert reconciles(book).reasons == {"missing:customer_id;missing:date": 1}
    before = book.folder
    (folder / "entetes.csv").write_text(
        "Numéro;Client;Date;Vendeur\nF1;A;2024-01-10;Zoé\nF2;C;2024-02-10;Max\n", encoding="utf-8"
    )
    again = open_book(folder)
    assert again.folder != before and sales_of(again)[-1][0] == "C"


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        (
            "Numéro;Client;Date\nF1;A;2024-01-10\nF1;B;2024-01-10\n",
            "several rows for one Numéro: F1",
        ),
        ("Code;Client;Date\nF1;A;2024-01-10\n", r"join: on: no header 'Numéro' in entetes.csv"),
    ],
)
def test_a_join_that_tells_nothing_is_refused(make_engagement, headers, message):
    columns = {"customer_id": "Client", "date": "Date", "amount": "Montant"}
    tables = {
        "sales": {
            "files": "lignes.csv",
            "columns": columns,
            "join": [{"files": "entetes.csv", "on": {"Pièce": "Numéro"}}],
        }
    }
    folder = make_engagement(tables=tables)
    (folder / "lignes.csv").write_text(PIECES, encoding="utf-8")
    (folder / "entetes.csv").write_text(headers, encoding="utf-8")
    with pytest.raises(CarnetError, match=message):
        open_book(folder)


# --- dated rates: the rate in force is the last one on or before the day


def test_rates_of_a_file_by_day(make_engagement):
    columns = {**COLUMNS, "currency": "Devise"}
    folder = make_engagement(
        tables={"sales": {"files": "sales.csv", "columns": columns}}, rates="cours.csv"
    )
    lines = (
        "Client;Date;Montant;Devise\nA;2024-01-10;100;EUR\nB;2024-01-15;100;USD\n"
        "C;2024-02-15;100;USD\nD;2023-12-31;100;USD\nE;2024-02-15;100;CHF\n"
    )
    (folder / "sales.csv").write_text(lines, encoding="utf-8")
    (folder / "cours.csv").write_text(
        "Date;Devise;Cours\n2024-01-01;USD;0,90\n2024-02-01;USD;0,92\n", encoding="utf-8"
    )
    book = open_book(folder)
    assert sales_of(book) == [
        ("A", "2024-01-10", 100.0),
        ("B", "2024-01-15", 90.0),
        ("C", "2024-02-15", 92.0),
    ]
    assert "2 lines in USD converted at cours.csv: €182" in told(book)
    assert "1 lines in CHF" in told(
        book
    ) and "1 lines in USD, 100.00 USD in all, are set aside" in told(book)
    (folder / "cours.csv").write_text("Date;Devise;Cours\n2024-01-01;USD;\n", encoding="utf-8")
    with pytest.raises(
        CarnetError, match=r"cours.csv row 2: a date, a currency and a positive rate"
    ):
        open_book(folder)


# --- states of an invoice


def test_status_ends_an_invoice(make_engagement):
    sales = "Client;Date;Montant\nA;2024-01-10;100\nB;2024-01-11;100\n"
    owed = (
        "Client;Facture;Montant;État\nA;2024-01-10;100;soldée\nA;2024-01-11;40;ouverte\n"
        "B;2024-01-10;60;irrécouvrable\nB;2024-01-11;30;avocat\n"
    )
    table = {
        "files": "owed.csv",
        "columns": {
            "customer_id": "Client",
            "invoice_date": "Facture",
            "amount": "Montant",
            "status": "État",
        },
    }
    tables = {
        "sales": {"files": "sales.csv", "columns": COLUMNS},
        "receivables": table | {"status": {"collection": "avocat"}},
    }
    folder = make_engagement(tables=tables)
    (folder / "sales.csv").write_text(sales, encoding="utf-8")
    (folder / "owed.csv").write_text(owed, encoding="utf-8")
    book = open_book(folder)
    row = (
        receivables.receivable_summary(book.table("receivables"), book.periods.current, book.as_of)
        .execute()
        .iloc[0]
    )
    assert row.open_amount == 70  # 40 open and 30 at the lawyer's
    assert decisions._doubtful(book) == {"B"}


# --- one source


def test_a_source_is_written_once(make_engagement):
    folder = make_engagement(
        source="sqlite:///shop.db",
        tables={
            "sales": {"query": "SELECT c AS customer_id, d AS date, a AS amount FROM s"},
            "customers": {"query": "SELECT c AS customer_id FROM s"},
        },
    )
    with contextlib.closing(sqlite3.connect(folder / "shop.db")) as con:
        con.executescript(
            "CREATE TABLE s (c TEXT, d TEXT, a REAL); INSERT INTO s VALUES ('A', '2024-01-10', "
            "100), ('B', '2024-01-11', 50);"
        )
    book = open_book(folder)
    assert (
        sales_of(book) == [("A", "2024-01-10", 100.0), ("B", "2024-01-11", 50.0)]
        and book.checks["customers"].accepted_rows == 2
    )


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [("BLOB", "x'4131'", r"'c' is stored as bytes.*CAST\(c AS CHAR\)"), ("TEXT", "NULL", "")],
)
def test_a_column_of_bytes_is_named_with_its_cast(make_engagement, kind, value, message):
    folder = make_engagement(
        source="sqlite:///shop.db",
        tables={
            "sales": {
                "query": "SELECT c AS c, d AS date, a AS amount FROM s",
                "columns": {"customer_id": "c"},
            }
        },
    )
    with contextlib.closing(sqlite3.connect(folder / "shop.db")) as con:
        con.executescript(
            f"CREATE TABLE s (c {kind}, d TEXT, a REAL); INSERT INTO s VALUES ({value}, "
            f"'2024-01-10', 100), ('B', '2024-01-11', 50);"
        )
    if message:
        with pytest.raises(CarnetError, match=message):
            open_book(folder)
    else:
        assert open_book(folder).checks["sales"].accepted_rows == 1


# --- messages in the engagement's language


@pytest.mark.parametrize(
    ("content", "keys", "said"),
    [
        (
            "Client;Date;Montant\nA;2024-01-10;1\n",
            {"columns": COLUMNS | {"amount": "Mnt"}},
            (
                "sales : columns: amount : aucun en-tête 'Mnt' dans sales.csv ; vouliez-vous "
                "dire « Montant » ?"
            ),
        ),
        (
            "Client;Date;Montant\nA;01/02/2024;1\n",
            {},
            (
                "l’ordre des dates de 'Date' est ambigu : aucun jour ne dépasse 12 (ligne "
                "2 : '01-02-2024')"
            ),
        ),
        (
            "Client;Date\nA;2024-01-10\n",
            {"columns": {"customer_id": "Client"}},
            "la colonne amount (ou quantity et unit_price, dont elle se calcule) est obligatoire",
        ),
        ("\n", {}, "sales.csv : pas d’en-tête à la ligne 1"),
    ],
)
def test_what_is_refused_is_said_in_the_language_of_the_engagement(
    make_engagement, content, keys, said
):
    folder = make_engagement(
        language="fr", tables={"sales": {"files": "sales.csv", "columns": COLUMNS, **keys}}
    )
    (folder / "sales.csv").write_text(content, encoding="utf-8")
    refused = run_carnet("check", folder)
    assert refused.returncode == 2
    assert said in refused.stderr.replace("\u00a0", " ")


# --- what an adversary found: totals of every kind, exports written twice, numbers of two files,
# openings under any name

CLIENT_LINES = [("C001", 100, 50), ("C002", 25, 75), ("C003", 60, None)]


def grouped(total, grand="Total général", carried=()):
    """A list of three customers with the total of each, under `total`, and of all."""
    lines, whole = ["Client;Date;Libellé;Montant"], 0
    for client, *amounts in CLIENT_LINES:
        own = [amount for amount in amounts if amount]
        lines += [f"{client};2024-0{n}-10;vente;{amount}" for n, amount in enumerate(own, 1)]
        whole += sum(own)
        lines += [
            line.format(client=client, sum=sum(own), whole=whole) for line in (total, *carried)
        ]
    return "\n".join([*lines, f"{grand};2024-12-31;;{whole}"]) + "\n"


@pytest.mark.parametrize(
    ("total", "grand", "carried"),
    [
        ("Total {client};2024-12-31;;{sum}", "Total général", ()),
        ("{client} Total;2024-12-31;;{sum}", "Grand Total", ()),
        ("{client};2024-12-31;Sous-total;{sum}", "TOTAL", ()),
        ("Sous-total client {client};;;{sum}", "TOTAUX", ()),
        (
            "Total {client};2024-12-31;;{sum}",
            "Somme",
            (
                "À reporter;2024-12-31;;{whole}",
                "Client;Date;Libellé;Montant",
                "Report;2024-12-31;;{whole}",
            ),
        ),
    ],
)
def test_totals_of_groups_and_pages_are_set_aside(book_of, total, grand, carried):
    book = book_of(grouped(total, grand, carried))
    check = reconciles(book)
    assert check.accepted_amount == 310 and check.accepted_rows == 5, check.reasons
    assert {row[0] for row in sales_of(book)} == {
        "C001",
        "C002",
        "C003",
    } and "a total of the rows above" in told(book)


def test_a_customer_whose_name_begins_like_a_total_is_kept(book_of):
    """Its amount is the sum of no rows above it, or of one row of another customer."""
    book = book_of(
        "Client;Date;Montant\nA;2024-01-10;100\nTotal Énergies;2024-01-11;100\nB;2024-01-12;50\n"
        "Report SARL;2024-01-13;70\nTotal;2024-01-31;320\n"
    )
    assert sorted(row[0] for row in sales_of(book)) == ["A", "B", "Report SARL", "Total Énergies"]


@pytest.mark.parametrize(
    ("second", "repeated", "kept"),
    [
        # the same line in another way of writing
        ("A,F2,2024-02-10,50.00\nB,F3,2024-03-10,25.00\n", "keep", 4),
        ("A,F2,2024-02-10,50.00 \nB,F3,2024-03-10,25.00\n", "drop", 3),
    ],
)
def test_lines_of_two_exports_are_the_same_however_they_are_written(
    make_engagement, second, repeated, kept
):
    tables = {
        "sales": {
            "files": ["a.csv", "b.csv"],
            "columns": COLUMNS | {"order_id": "Facture"},
            "repeated": repeated,
        }
    }
    folder = make_engagement(tables=tables)
    (folder / "a.csv").write_text(
        "Client;Facture;Date;Montant\nA;F1;15/01/2024;100,00\nA;F2;10/02/2024;50,00\n",
        encoding="utf-8",
    )
    (folder / "b.csv").write_text(f"Client,Facture,Date,Montant\n{second}", encoding="utf-8")
    book = open_book(folder)
    assert book.checks["sales"].accepted_rows == kept
    assert "1 lines of b.csv stand in a.csv too (2024-02-10 to 2024-02-10), worth €50" in told(book)


def test_numbers_of_a_workbook_and_texts_of_a_list_meet(make_engagement):
    folder = make_engagement(tables={"sales": {"files": ["a.csv", "b.xlsx"], "columns": COLUMNS}})
    (folder / "a.csv").write_text(
        "Client;Date;Montant\n001;2024-01-10;100\n17;2024-01-10;1\n", encoding="utf-8"
    )
    with xlsxwriter.Workbook(folder / "b.xlsx") as made:
        sheet = made.add_worksheet()
        for number, row in enumerate(
            [["Client", "Date", "Montant"], [1, "2024-02-10", 50], [17, "2024-02-11", 2.5]]
        ):
            sheet.write_row(number, 0, row)
    book = open_book(folder)
    assert sales_of(book) == [
        ("001", "2024-01-10", 100.0),
        ("1", "2024-02-10", 50.0),
        ("17", "2024-01-10", 1.0),
        ("17", "2024-02-11", 2.5),
    ]
    assert "001 = 1" in told(book)


@pytest.mark.parametrize("ids", [{}, {"punctuation": "ignore"}])
def test_powers_of_ten_stay_an_alarm(book_of, ids):
    book = book_of(
        "Client;Date;Montant\n3,52104E+13;2024-01-10;100\n3.52104E+13;2024-01-11;50\n", ids=ids
    )
    assert "turned into a power of ten" in told(book)


@pytest.mark.parametrize(
    "words",
    [
        "Facture d'avoir",
        "Return",
        "partially_refunded",
        "Annulé(e)",
        "Note de crédit",
        "Abandonnée",
        "AV",
        "CreditNote",
    ],
)
def test_words_of_no_sale_in_other_forms_are_an_alarm(book_of, words):
    book = book_of(f"Client;Date;Montant;Type\nA;2024-01-10;100;Facture\nB;2024-01-11;50;{words}\n")
    assert f"Type says {words} of 1 rows that count with a positive amount, €50 in all" in told(
        book
    )


def test_ways_of_paying_and_names_are_no_kinds_of_documents(book_of):
    book = book_of(
        "Client;Date;Montant;Paiement;Canal\nA;2024-01-10;100;Carte de crédit;Échecs & Cie\n"
        "B;2024-01-11;50;credit card;web\n"
    )
    assert "says" not in told(book)


def test_sums_given_back_that_nothing_takes_off_are_an_alarm(book_of):
    book = book_of(
        "Client;Date;Montant;Refunded Amount\nA;2024-01-10;100;0.00\nB;2024-01-11;50;20.00\n"
    )
    assert "Refunded Amount holds €20 given back on rows that count whole (1)" in told(book)


def test_letters_encoded_twice_are_an_alarm(book_of):
    book = book_of("Client;Date;Montant\nHôtel;2024-01-10;100\nHÃ´tel;2024-01-11;50\n")
    assert "letters that were encoded twice, such as Ã´ in line 3" in told(book)


@pytest.mark.parametrize(
    "header", ["Client;Date;Montant", "CLIENT ; Date;MONTANT", "client;date;montant"]
)
def test_the_header_once_more_whatever_its_case(book_of, header):
    assert reconciles(
        book_of(f"Client;Date;Montant\nA;2024-01-10;100\n{header}\nB;2024-02-10;50\n")
    ).reasons == {"header:": 1}


def test_a_header_is_the_same_in_either_form_of_its_letters(book_of):
    content = unicodedata.normalize("NFD", "Numéro client;Date;Montant réglé\nA;2024-01-10;100\n")
    book = book_of(
        content, columns={"customer_id": "Numéro client", "date": "Date", "amount": "Montant réglé"}
    )
    assert sales_of(book) == [("A", "2024-01-10", 100.0)]


@pytest.mark.parametrize(("first", "second"), [("2024M01", "2024M02"), ("202401", "202402")])
def test_months_alone_in_other_forms(book_of, first, second):
    book = book_of(f"Client;Date;Montant\nA;{first};100\nB;{second};50\n")
    assert [row[1] for row in sales_of(book)] == [
        "2024-01-01",
        "2024-02-01",
    ] and "months without a day" in told(book)


@pytest.mark.parametrize(
    ("written", "value"), [('"=""100,50"""', 100.5), ("=100,50", 100.5), ("'-120,00", -120.0)]
)
def test_numbers_in_the_dress_of_formulas(book_of, written, value):
    assert (
        sales_of(book_of(f"Client;Date;Montant\nA;2024-01-10;{written}\nB;2024-01-10;1,25\n"))[0][2]
        == value
    )


def test_cells_of_a_page_that_span_rows(book_of):
    page = (
        "<html><table><tr><th>Client</th><th>Date</th><th>Montant</th></tr><tr><td rowspan=2>A</td>"
        "<td>2024-01-10</td><td>100</td></tr><tr><td>2024-02-10</td><td>50</td></tr><tr>"
        "<td>B</td><td rowspan='2'>2024-03-10</td><td>25</td></tr><tr><td>C</td><td>12</td>"
        "</tr></table></html>"
    )
    book = book_of(page, "s.xls")
    assert sales_of(book) == [
        ("A", "2024-01-10", 100.0),
        ("A", "2024-02-10", 50.0),
        ("B", "2024-03-10", 25.0),
        ("C", "2024-03-10", 12.0),
    ]


def test_formulas_that_all_give_zero_were_never_calculated(book_of, tmp_path):
    with xlsxwriter.Workbook(tmp_path / "s.xlsx") as made:
        sheet = made.add_worksheet()
        sheet.write_row(0, 0, ["Client", "Date", "Montant"])
        for number in range(1, 5):
            sheet.write_row(number, 0, ["A", "2024-01-10"])
            sheet.write_formula(number, 2, "=1+1")
    assert "4 cells hold a formula that was never calculated (C2 first)" in told(
        book_of((tmp_path / "s.xlsx").read_bytes(), "s.xlsx")
    )


def test_instants_with_a_fixed_offset_have_the_day_of_it(make_engagement):
    folder = make_engagement(tables={"sales": {"files": "s.parquet", "columns": COLUMNS}})
    # 2024-01-09 22:30 UTC is the 10th there
    instants = pa.array([1704839400 * 10**6], pa.timestamp("us", "+02:00"))
    pq.write_table(
        pa.table({"Client": ["A"], "Date": instants, "Montant": [100.0]}), folder / "s.parquet"
    )
    assert sales_of(open_book(folder)) == [("A", "2024-01-10", 100.0)]


def test_two_rates_of_one_day_are_refused_and_the_order_of_days_can_be_said(make_engagement):
    tables = {"sales": {"files": "sales.csv", "columns": {**COLUMNS, "currency": "Devise"}}}
    folder = make_engagement(
        tables=tables, rates={"file": "cours.csv", "format": {"date": "%d/%m/%Y"}}
    )
    (folder / "sales.csv").write_text(
        "Client;Date;Montant;Devise\nA;2024-02-10;100;USD\n", encoding="utf-8"
    )
    (folder / "cours.csv").write_text(
        "Date;Devise;Cours\n01/01/2024;USD;0,90\n01/02/2024;USD;0,92\n", encoding="utf-8"
    )
    assert sales_of(open_book(folder)) == [("A", "2024-02-10", 92.0)]
    (folder / "cours.csv").write_text(
        "Date;Devise;Cours\n01/01/2024;USD;0,90\n01/01/2024;USD;9,00\n", encoding="utf-8"
    )
    with pytest.raises(CarnetError, match="several rates for 2024-01-01 USD"):
        open_book(folder)


def test_a_join_ignores_case_and_spaces_and_refuses_strangers(make_engagement):
    tables = {
        "sales": {
            "files": "lignes.csv",
            "columns": COLUMNS,
            "join": {"files": "entetes.csv", "on": {"Pièce": "Numéro"}},
        }
    }
    folder = make_engagement(tables=tables)
    (folder / "lignes.csv").write_text("Pièce;Montant\nf1;100\nF2 ;50\n", encoding="utf-8")
    (folder / "entetes.csv").write_text(
        "Numéro;Client;Date\nF1;A;2024-01-10\n f2;B;2024-02-10\n", encoding="utf-8"
    )
    assert sales_of(open_book(folder)) == [("A", "2024-01-10", 100.0), ("B", "2024-02-10", 50.0)]
    (folder / "entetes.csv").write_text("Numéro;Client;Date\nX1;A;2024-01-10\n", encoding="utf-8")
    with pytest.raises(CarnetError, match=r"none of the 2 numbers of Pièce stands in entetes\.csv"):
        open_book(folder)


def test_an_invoice_paid_on_a_day_that_nobody_noted_tells_nothing_of_delays(make_engagement):
    """Paid in 30 days, and paid without a day: neither late until today, nor waiting money."""
    owed = (
        "customer_id;invoice_date;due_date;amount;paid_date;status\n"
        "A;2024-01-01;2024-01-31;100;2024-01-31;paid\nB;2024-01-01;2024-01-31;100;;paid\n"
        "C;2024-01-01;2024-01-31;100;;open\n"
    )
    tables = {
        "sales": {"files": "sales.csv", "columns": COLUMNS},
        "receivables": {"files": "owed.csv"},
    }
    folder = make_engagement(tables=tables, as_of="2024-12-31")
    (folder / "sales.csv").write_text("Client;Date;Montant\nA;2024-01-10;100\n", encoding="utf-8")
    (folder / "owed.csv").write_text(owed, encoding="utf-8")
    book = open_book(folder)
    table, period = book.table("receivables"), book.periods.current
    late = (
        receivables.customer_payment(table, period, book.as_of).execute().set_index("customer_id")
    )
    assert (
        late.days_late["A"] == 0
        and late.days_late["C"] == 335
        and math.isnan(late.days_late["B"])
        and late.overdue_amount["B"] == 0
    )
    assert receivables.paid_in_time(table, period, book.as_of).execute() == 0.5  # A of A and C
    waiting = (
        cost_to_serve.waiting_costs(table, period, ibis.date(book.as_of), 0.365)
        .execute()
        .set_index("customer_id")
        .cost
    )
    assert {customer: round(float(cost), 6) for customer, cost in waiting.items()} == {
        "A": 3.0,
        "C": 36.5,
    }  # 30 and 365 days at 0.1 % a day
