"""carnet init: which file is which table, which header which column;
on the demo, on headers as the usual systems write them, on real books.
"""

import csv
import io
import shutil
import subprocess
import sys

import pandas as pd
import pytest
import xlsxwriter
import yaml
from carnet.book.book import open_book
from carnet.engagement.schema import TABLES
from carnet.errors import CarnetError
from carnet.intake.proposal import header_fit, plain, propose, write_proposal
from carnet.intake.proposal.evidence import value_fit
from carnet.intake.proposal.questions import ask
from carnet.wording import Wording

from tests.conftest import DEMO, run_carnet

CLIENTS = [f"C{number:03d}" for number in range(40)]


def write_rows(folder, name, header, row, count=120, delimiter=";", encoding="utf-8"):
    """A file of `count` rows; `row` gives the values of row number i."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter)
    writer.writerow(header)
    writer.writerows(row(i) for i in range(count))
    (folder / name).write_bytes(buffer.getvalue().encode(encoding))


def sales_row(i):
    return [
        CLIENTS[i % 40],
        f"{i % 28 + 1:02d}/{i % 12 + 1:02d}/2024",
        f"{10 + i},50",
        f"F{i // 2}",
        f"ART{i % 9}",
        str(1 + i % 5),
        "Dupont" if i % 2 else "Martin",
    ]


# customer, date, amount, order, product, quantity, salesperson as each system calls them
SALES_HEADERS = {
    "SAP": ["KUNNR", "FKDAT", "NETWR", "VBELN", "MATNR", "FKIMG", "VKGRP"],
    "Sage 100": ["CT_Num", "DO_Date", "DL_MontantHT", "DO_Piece", "AR_Ref", "DL_Qte", "CO_Nom"],
    "Sage export": [
        "Code tiers",
        "Date de pièce",
        "Montant HT",
        "N° pièce",
        "Référence article",
        "Qté",
        "Représentant",
    ],
    "Cegid": [
        "GP_TIERS",
        "GP_DATEPIECE",
        "GP_TOTALHT",
        "GP_NUMERO",
        "GL_CODEARTICLE",
        "GL_QTEFACT",
        "GP_REPRESENTANT",
    ],
    "EBP": [
        "Code client",
        "Date du document",
        "Montant Net HT",
        "Numéro du document",
        "Code article",
        "Quantité",
        "Commercial",
    ],
    "Odoo": [
        "partner_id",
        "invoice_date",
        "price_subtotal",
        "move_name",
        "product_id",
        "quantity",
        "invoice_user_id",
    ],
    "Odoo, in French": [
        "Client",
        "Date de facturation",
        "Total HT",
        "Numéro de facture",
        "Produit",
        "Quantité",
        "Vendeur",
    ],
    "English ERP": [
        "Customer No.",
        "Posting Date",
        "Line Amount",
        "Document No.",
        "Item No.",
        "Quantity",
        "Salesperson",
    ],
}


@pytest.mark.parametrize("system", SALES_HEADERS)
def test_sales_of_the_usual_systems(tmp_path, system):
    write_rows(tmp_path, "export.csv", SALES_HEADERS[system], sales_row)
    match = propose(tmp_path).matches[0]
    roles = {role: guess.header for role, guess in match.roles.items()}
    assert match.table == "sales" and not match.lacking
    expected = dict(
        zip(
            ("customer_id", "date", "amount", "order_id", "product", "quantity", "salesperson"),
            SALES_HEADERS[system],
            strict=True,
        )
    )
    assert {role: roles.get(role) for role in ("customer_id", "date", "amount")} == {
        role: expected[role] for role in ("customer_id", "date", "amount")
    }
    assert sum(roles.get(role) == header for role, header in expected.items()) >= 6, roles


@pytest.mark.parametrize(
    ("header", "roles"),
    [
        (
            ["Account ID", "Created Date", "Close Date", "Stage", "Amount", "Opportunity Owner"],
            "customer_id opened closed stage amount salesperson",
        ),  # Salesforce
        (
            [
                "Associated Company ID",
                "Create Date",
                "Close Date",
                "Deal Stage",
                "Amount",
                "Deal owner",
            ],
            "customer_id opened closed stage amount salesperson",
        ),  # HubSpot
        (
            ["N° client", "Créé le", "Date de clôture", "Étape", "Montant HT", "Commercial"],
            "customer_id opened closed stage amount salesperson",
        ),
    ],
)
def test_opportunities_of_the_usual_systems(tmp_path, header, roles):
    stages = ("won", "lost", "open")
    write_rows(
        tmp_path,
        "deals.csv",
        header,
        lambda i: [
            CLIENTS[i % 40],
            f"2024-01-{i % 28 + 1:02d}",
            f"2024-03-{i % 28 + 1:02d}",
            stages[i % 3],
            100 + i,
            "Anna" if i % 2 else "Paul",
        ],
        delimiter=",",
    )
    match = propose(tmp_path).matches[0]
    assert match.table == "opportunities" and {
        role: guess.header for role, guess in match.roles.items()
    } == dict(zip(roles.split(), header, strict=True))


def demo_folder(tmp_path):
    folder = tmp_path / "vauban"
    folder.mkdir()
    for path in DEMO.iterdir():
        if path.suffix in (".csv", ".xlsx", ".txt"):
            shutil.copy(path, folder)
    return folder


@pytest.mark.parametrize("held", ["python", "pyarrow"])
def test_values_fit_alike_however_texts_are_held(held):
    """A number has the digits and the spaces that the reader takes: an em space or digits of
    another script are set aside by it.
    """
    spaces = [" ", "\t", "\u00a0", "\u202f", "\u2009", "\u2007"]
    with pd.option_context("mode.string_storage", held):
        grouped = pd.Series([f"1{space}234,50{space}%" for space in spaces])
        assert value_fit(grouped, "money") == 1 and value_fit(grouped, "date") == 0
        assert value_fit(pd.Series(["١٢", "٢٠٢٤-٠١-٠٥", "1\u2003234,50"]), "money") == 0
        assert value_fit(pd.Series(["2024-01-05", "05/01/24", "20240105"]), "date") == 1


@pytest.mark.long
def test_demo_is_proposed_as_it_is(tmp_path):
    """Every table and every column of the demonstration's own engagement file,
    from its exports alone; and the books open.
    """
    folder = demo_folder(tmp_path)
    done = run_carnet("init", folder)
    assert (
        done.returncode == 0
        and done.stdout.strip() == str(folder / "engagement.yml")
        and "verbatims.csv\u00a0: aucune table de carnet n’est reconnue" in done.stderr
    )
    proposed, own = (
        yaml.safe_load((home / "engagement.yml").read_text(encoding="utf-8"))
        for home in (folder, DEMO)
    )
    assert set(proposed["tables"]) == set(own["tables"]) and (
        proposed["language"],
        proposed["currency"],
    ) == ("fr", "EUR")
    for table, spec in own["tables"].items():
        columns = proposed["tables"][table].get("columns", {})
        assert {role: header for role, header in columns.items() if role != header} == spec.get(
            "columns", {}
        ), table
        assert proposed["tables"][table].get("sheet") == spec.get("sheet")
    assert proposed["tables"]["sales"]["files"] == [
        f"ventes_{year}.csv" for year in (2023, 2024, 2025)
    ]
    checked = run_carnet("check", folder)
    assert (
        checked.returncode == 1 and "42 732 lignes lues".replace(" ", "\u202f", 1) in checked.stderr
    )
    again = run_carnet("init", folder)
    assert again.returncode == 2 and "n’est pas écrasé" in again.stderr


@pytest.mark.long
def test_content_decides_between_headers_and_refuses_what_does_not_fit(tmp_path):
    """A header alone does not make a role: its values must fit;
    a name gives way to an e-mail that tells more customers apart.
    """
    header = ["Customer name", "Email address", "Order date", "Amount", "Comment"]
    write_rows(
        tmp_path,
        "a.csv",
        header,
        lambda i: [
            f"Name {i % 5}",
            f"a{i % 40}@b.c",
            f"2024-05-{i % 28 + 1:02d}",
            "n.c." if i % 2 else "later",
            "x",
        ],
    )
    with pytest.raises(CarnetError, match="looks like sales, but nothing in it is amount"):
        propose(tmp_path)
    write_rows(
        tmp_path,
        "a.csv",
        header,
        lambda i: [f"Name {i % 5}", f"a{i % 40}@b.c", f"2024-05-{i % 28 + 1:02d}", f"{i}.5", "x"],
    )
    assert propose(tmp_path).matches[0].roles["customer_id"].header == "Email address"


def test_amount_from_quantity_and_price_and_a_date_by_its_values(tmp_path):
    write_rows(
        tmp_path,
        "lines.csv",
        ["Customer ID", "Stamp", "Qty", "Unit price"],
        lambda i: [CLIENTS[i % 40], f"2024-{i % 12 + 1:02d}-01", i % 4 + 1, f"{i}.25"],
        delimiter=",",
    )
    proposal = propose(tmp_path)
    assert (
        proposal.matches[0].roles["date"].why == "the only column of this kind"
        and proposal.matches[0].roles["date"].confidence <= 0.5
    )
    assert "# amount: from quantity × unit_price" in proposal.text


@pytest.mark.long
def test_two_sources_of_one_table_are_not_both_taken(tmp_path):
    """Read together: the same columns under names that differ by numbers.

    Not: a copy, another kind of document, other columns.
    """
    for name, shift in (
        ("ventes 2023.csv", 0),
        ("ventes 2024.csv", 1),
        ("commandes.csv", 2),
        ("achats.csv", 3),
    ):
        write_rows(
            tmp_path, name, SALES_HEADERS["EBP"], lambda i, shift=shift: sales_row(i + shift)
        )
    write_rows(tmp_path, "ventes_bis.csv", SALES_HEADERS["English ERP"], sales_row)
    shutil.copy(tmp_path / "ventes 2024.csv", tmp_path / "ventes 2024 - Copie.csv")
    proposal = propose(tmp_path)
    assert [part.label for part in (proposal.matches[0].part, *proposal.matches[0].others)] == [
        "ventes 2023.csv",
        "ventes 2024.csv",
    ]
    told = dict(line.split(": ", 1) for line in proposal.left_out)
    assert set(told) == {"ventes_bis.csv", "ventes 2024 - Copie.csv", "commandes.csv", "achats.csv"}
    assert (
        "a copy" in told["ventes 2024 - Copie.csv"]
        and "if it holds more of them: files: [" in told["commandes.csv"]
        and "count twice" in told["ventes_bis.csv"]
    )


@pytest.mark.long
def test_a_column_that_came_later_does_not_part_the_years(tmp_path):
    write_rows(tmp_path, "ventes_2023.csv", SALES_HEADERS["EBP"], sales_row)
    write_rows(
        tmp_path,
        "ventes_2024.csv",
        [*SALES_HEADERS["EBP"], "Canal"],
        lambda i: [*sales_row(i + 1), "web"],
    )
    assert len(propose(tmp_path).matches[0].others) == 1


@pytest.mark.parametrize(
    ("header", "row", "table", "told"),
    [
        # due and payment dates and no goods: receivables, whatever the file is called
        (
            ["N° client", "Date facture", "Montant TTC", "Échéance", "Date règlement"],
            ["C1", "02/01/2024", "120,00", "01/02/2024", "03/02/2024"],
            "receivables",
            "",
        ),
        # the invoice's date before the delivery's
        (
            ["Code client", "Date livraison", "Date facture", "Montant HT", "Code article"],
            ["C1", "02/01/2024", "05/01/2024", "120,50", "A1"],
            "sales",
            "date: Date facture",
        ),
        # tax included: taken where nothing else is there, and said
        (
            ["Code client", "Date facture", "Montant TTC", "Code article"],
            ["C1", "02/01/2024", "120,50", "A1"],
            "sales",
            "net of tax is meant",
        ),
        (
            ["Customer No.", "Posting Date", "Line Amount Incl. VAT", "Line Amount", "Item No."],
            ["C1", "2024-01-02", "120.50", "100.10", "A1"],
            "sales",
            "amount: Line Amount  #",
        ),
        # SAP's client is the system, not the customer
        (
            ["Client", "Sold-to party", "Billing Date", "Net value", "Material"],
            ["100", "K1", "2024-01-02", "120.50", "M1"],
            "sales",
            "customer_id: Sold-to party",
        ),
        # an invoice has one number a customer: no list of customers
        (
            ["Number", "Partner", "Invoice Date", "Untaxed Amount", "Salesperson"],
            ["INV/1", "Azure", "2024-01-02", "120.50", "Ann"],
            "sales",
            "customer_id: Partner",
        ),
    ],
)
def test_realistic_traps(tmp_path, header, row, table, told):
    def varied(i):
        ids = {"Client": "100", "Number": f"INV/{i}"}
        return [
            ids.get(h)
            or (
                f"{v}{i % 30}"
                if v[0].isalpha()
                else v
                if "date" in h.lower() or h == "Échéance"
                else v.replace("1", str(i % 9 + 1), 1)
            )
            for h, v in zip(header, row, strict=True)
        ]

    write_rows(tmp_path, "factures_2024.csv", header, varied)
    proposal = propose(tmp_path)
    assert proposal.matches[0].table == table and told in proposal.text, proposal.text


def test_an_equally_good_header_makes_a_guess_doubtful(tmp_path):
    write_rows(
        tmp_path,
        "ventes.csv",
        [*SALES_HEADERS["EBP"], "Date facture"],
        lambda i: [*sales_row(i), "03/02/2024"],
    )
    guess = propose(tmp_path).matches[0].roles["date"]
    assert guess.confidence < 0.7 and "; or: " in guess.why


@pytest.mark.long
def test_stages_as_salesforce_writes_them_are_read(tmp_path):
    stages = ("Closed Won", "Closed Lost", "Prospecting", "Negotiation/Review")
    header = [
        "Account ID",
        "Account Name",
        "Opportunity Name",
        "Created Date",
        "Close Date",
        "Stage",
        "Amount",
        "Opportunity Owner",
    ]
    write_rows(
        tmp_path,
        "opps.csv",
        header,
        lambda i: [
            CLIENTS[i % 40],
            "x",
            f"Deal {i}",
            f"2024-01-{i % 28 + 1:02d}",
            f"2024-03-{i % 28 + 1:02d}",
            stages[i % 4],
            100 + i,
            "Anna",
        ],
        delimiter=",",
    )
    write_rows(
        tmp_path,
        "sales.csv",
        ["customer_id", "date", "amount"],
        lambda i: [CLIENTS[i % 40], f"2024-{i % 12 + 1:02d}-15", f"{i}.5"],
        delimiter=",",
    )
    write_proposal(tmp_path)
    book = open_book(tmp_path)
    counts = (
        book.table("opportunities")
        .stage.value_counts()
        .execute()
        .set_index("stage")
        .iloc[:, 0]
        .to_dict()
    )
    assert counts == {"won": 30, "lost": 30, "open": 60}


@pytest.mark.long
def test_currency_keys_and_titles_come_from_the_content(tmp_path):
    """A column of currencies, a list whose key is not the sales', a header below a title,
    and what is written of each.
    """
    write_rows(
        tmp_path,
        "sales.csv",
        ["customer_id", "date", "amount", "currency"],
        lambda i: [CLIENTS[i % 40], f"2024-{i % 12 + 1:02d}-15", f"{i}.5", "CHF"],
        delimiter=",",
    )
    write_rows(
        tmp_path,
        "customers.csv",
        ["Customer ID", "ERP ref", "Company name", "Country"],
        lambda i: [f"X{i}", CLIENTS[i], f"Firm {i}", "CH"],
        count=40,
        delimiter=",",
    )
    (tmp_path / "charges.csv").write_text(
        "Charges de l'exercice;;;\nArrêté au 31/12/2024;;;\nDébut;Fin;Nature;Montant\n"
        + "01/01/2024;31/01/2024;Loyer;1000,50\n" * 12,
        encoding="utf-8",
    )
    proposal = write_proposal(tmp_path)
    text = proposal.text
    assert (
        "currency: CHF" in text
        and "customer_id: ERP ref  # 0.95, its values are the customers of the sales" in text
    )
    assert "format: {header_row: 3}" in text and "category: Nature" in text
    book = open_book(tmp_path)
    assert book.checks["costs"].accepted_rows == 12 and not any(
        check.quarantined_rows for check in book.checks.values()
    )


def test_several_currencies_and_unread_columns_are_told(tmp_path):
    write_rows(
        tmp_path,
        "sales.csv",
        ["customer_id", "date", "amount", "currency", "cost"],
        lambda i: [
            CLIENTS[i % 40],
            f"2024-{i % 12 + 1:02d}-15",
            f"{i}.5",
            ("EUR", "USD")[i % 2],
            "see annex",
        ],
        delimiter=",",
    )
    told = " ".join(propose(tmp_path).doubts)
    assert (
        "several currencies (EUR, USD)" in told
        and "cost is read as cost, and its values do not fit" in told
    )


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("only_header.csv", b"Code client;Date facture;Montant HT\n", "a header and no row"),
        ("nul.csv", b"\x00" * 500, "no table is recognised"),
        ("junk.xlsx", b"PK\x03\x04junk", "not readable as an Excel workbook"),
        ("empty.csv", b"", "no header"),
        ("twice.csv", b"a;a\n1;2\n", "no table of carnet is recognised"),
        ("x.ods", b"x", "no table is recognised"),
    ],
)
@pytest.mark.long
def test_what_cannot_be_read_is_told(tmp_path, name, content, told):
    (tmp_path / name).write_bytes(content)
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "ventes.csv").write_text("a;b\n1;2\n")
    with pytest.raises(CarnetError, match=told) as refused:
        propose(tmp_path)
    assert "folders below are not looked at: below" in str(refused.value)


def test_hostile_names_and_headers_stay_values(tmp_path):
    evil = ["Code client: {x}", "Date facture # 1", "Montant HT\t'", "!!python/object"]
    write_rows(
        tmp_path,
        "- evil: [x].csv",
        evil,
        lambda i: [CLIENTS[i % 40], f"2024-05-{i % 28 + 1:02d}", f"{i},5", "z"],
    )
    write_proposal(tmp_path)
    book = open_book(tmp_path)
    assert [file["name"] for file in book.checks["sales"].files] == [
        "- evil: [x].csv"
    ] and book.checks["sales"].accepted_rows == 120
    assert set(book.engagement.tables["sales"].columns.values()) <= {
        " ".join(name.split()) for name in evil
    }


def test_files_outside_missing_or_unknown_are_told(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "out.csv").write_text("a,b\n1,2\n")
    for files, told in (
        ([tmp_path / "out.csv"], "outside"),
        (["none.csv"], "outside|no such file"),
        ([], "no table is recognised"),
    ):
        with pytest.raises(CarnetError, match=told):
            propose(tmp_path / "in", files)
    with pytest.raises(CarnetError, match="no such folder"):
        write_proposal(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("header", "same"),
    [
        ("N° Facture", "no facture"),
        ("DL_MontantHT", "dl montant ht"),
        ("Échéance", "echeance"),
        ("CustomerID", "customer id"),
    ],
)
def test_headers_are_compared_without_accents_case_or_marks(header, same):
    assert plain(header) == same


def test_every_role_has_usual_headers():
    for table, schema in TABLES.items():
        for role in schema.columns:
            assert header_fit(schema.headers.get(role, role), table, role) > 0.9, (table, role)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            "uci_online_retail/online_retail_cc0.parquet",
            {
                "sales": {
                    "customer_id": "CustomerID",
                    "date": "InvoiceDate",
                    "quantity": "Quantity",
                    "unit_price": "UnitPrice",
                }
            },
        ),
        (
            "adventureworks/*.csv",
            {
                "sales": {
                    "customer_id": "ResellerKey",
                    "date": "OrderDate",
                    "amount": "SalesAmount",
                },
                "customers": {"customer_id": "ResellerKey"},
            },
        ),
        (
            "cdnow/CDNOW_master.txt",
            {"sales": {"customer_id": "customer_id", "date": "date", "amount": "dollar_value"}},
        ),
        (
            "dp_sales/sales.csv",
            {
                "sales": {
                    "customer_id": "EmailAddress",
                    "date": "OrderDate",
                    "quantity": "Quantity",
                    "unit_price": "UnitPrice",
                }
            },
        ),
        (
            "ravenstack/*.csv",
            {
                "customers": {"customer_id": "account_id"},
                "departures": {"customer_id": "account_id", "date": "churn_date"},
                "satisfaction": {
                    "customer_id": "account_id",
                    "date": "submitted_at",
                    "score": "satisfaction_score",
                },
            },
        ),
        # its amounts are in one file and its customers in another: no sales
        ("northwind/*.csv", {"customers": {"customer_id": "customerID"}}),
    ],
)
def test_required_roles_of_real_books(real_books, tmp_path, files, expected):
    for path in real_books.glob(files):
        shutil.copy(path, tmp_path)
    proposal = propose(tmp_path)
    assert {match.table for match in proposal.matches} == set(expected)
    for match in proposal.matches:
        assert {role: match.roles[role].header for role in expected[match.table]} == expected[
            match.table
        ]


@pytest.mark.long
def test_rows_that_are_no_sales_and_own_words_are_proposed(tmp_path):
    """Credit notes, cancelled rows and stages by the words seen;
    `Numéro` and `Numero` are one word; and the proposal reads as it stands.
    """
    header = ["Numéro client", "Date facture", "Numéro facture", "Montant HT", "Nature", "État"]
    kinds = ["Facture", "Facture", "Avoir", "Facture"]
    write_rows(
        tmp_path,
        "ventes.csv",
        header,
        lambda i: [
            CLIENTS[i % 40],
            f"2024-05-{i % 28 + 1:02d}",
            f"F{i}",
            f"{i + 1},5",
            kinds[i % 4],
            "annulée" if i % 10 == 0 else "payée",
        ],
    )
    stages = ["R1", "Closing", "Gagné", "Perdu"]
    write_rows(
        tmp_path,
        "opportunites.csv",
        ["Compte", "Date de création", "Étape", "Montant"],
        lambda i: [CLIENTS[i % 40], f"2024-03-{i % 28 + 1:02d}", stages[i % 4], f"{i + 1},5"],
    )
    write_proposal(tmp_path)
    book = open_book(tmp_path)
    spec = book.engagement.tables
    assert (spec["sales"].columns["customer_id"], spec["sales"].columns["order_id"]) == (
        "Numéro client",
        "Numéro facture",
    )
    assert (spec["sales"].sign.column, spec["sales"].sign.negative) == ("Nature", ["Avoir"])
    assert spec["sales"].where["État"].excluded == ["annulée"] and book.checks["sales"].reasons == {
        "where:": 12
    }
    assert (
        spec["opportunities"].stages["open"] == ["R1", "Closing"]
        and book.checks["opportunities"].accepted_rows == 120
    )


# --- other shapes, and what is in doubt

SALES_OF_A_YEAR = "N° client;Date facture;Montant HT;N° facture\n" + "".join(
    f"{CLIENTS[i % 40]};{i % 28 + 1:02d}/{i % 12 + 1:02d}/2024;{10 + i},50;F{i}\n"
    for i in range(120)
)


def files_of(folder, **contents):
    """Files by name (`__` for the point), and what `carnet init` makes of them:
    the engagement file, and what was told.
    """
    for name, content in contents.items():
        (folder / name.replace("__", ".")).write_text(content, encoding="utf-8")
    done = write_proposal(folder)
    return yaml.safe_load((folder / "engagement.yml").read_text(encoding="utf-8")), done


@pytest.mark.long
def test_lines_are_joined_with_the_file_that_names_their_customer(tmp_path):
    lines = "N° facture;Article;Qté;Montant HT\n" + "".join(
        f"F{i // 2};A{i % 9};1;{10 + i},50\n" for i in range(120)
    )
    heads = "N° facture;Code client;Date facture;Commercial\n" + "".join(
        f"F{i};{CLIENTS[i % 40]};{i % 28 + 1:02d}/{i % 12 + 1:02d}/2024;Zoé\n" for i in range(60)
    )
    engagement, _ = files_of(tmp_path, lignes__csv=lines, entetes__csv=heads)
    # YAML 1.1
    assert engagement["tables"]["sales"]["join"] == {"files": "entetes.csv", True: "N° facture"}
    sales = open_book(tmp_path).table("sales").execute()
    assert (
        len(sales) == 120
        and float(sales.amount.sum()) == sum(10.5 + i for i in range(120))
        and set(sales.salesperson) == {"Zoé"}
    )


@pytest.mark.long
def test_a_salesperson_in_another_file_is_joined(tmp_path):
    sellers = "N° facture;Représentant\n" + "".join(
        f"F{i};{'Zoé' if i % 2 else 'Max'}\n" for i in range(120)
    )
    engagement, _ = files_of(tmp_path, ventes__csv=SALES_OF_A_YEAR, reps__csv=sellers)
    assert engagement["tables"]["sales"]["join"] == {"files": "reps.csv", True: "N° facture"}
    assert open_book(tmp_path).table("sales").execute().salesperson.value_counts().to_dict() == {
        "Zoé": 60,
        "Max": 60,
    }


def test_columns_of_a_path_are_read_by_its_end_and_filled_down(tmp_path):
    content = (
        "Facture/Numéro;Facture/Date de facture;Facture/Client/Code;Lignes/Montant HT\n"
        + "".join(
            f"F{i};{i % 28 + 1:02d}/{i % 12 + 1:02d}/2024;{CLIENTS[i % 40]};{10 + i},5\n;;;7,5\n"
            for i in range(60)
        )
    )
    engagement, _ = files_of(tmp_path, export__csv=content)
    assert engagement["language"] == "fr" and set(engagement["tables"]["sales"]["fill_down"]) == {
        "Facture/Numéro",
        "Facture/Date de facture",
        "Facture/Client/Code",
    }
    book = open_book(tmp_path)
    assert (
        book.checks["sales"].accepted_rows == 120
        and float(book.checks["sales"].accepted_amount) == sum(10.5 + i for i in range(60)) + 450
    )
    assert "sur 60 lignes" in " ".join(book.wording.tell(notice) for notice in book.notices)


def test_sales_without_a_customer_are_not_taken_for_lines_below_a_document(tmp_path):
    """Anonymous sales have a day of their own."""
    content = "Code client;Date facture;Montant HT\n" + "".join(
        f"{CLIENTS[i % 40] if i % 3 else ''};{i % 28 + 1:02d}/01/2024;{10 + i},5\n"
        for i in range(60)
    )
    engagement, _ = files_of(tmp_path, ventes__csv=content)
    assert "fill_down" not in engagement["tables"]["sales"]


@pytest.mark.parametrize(
    ("months", "unpivot"),
    [
        ("janv-24;févr-24;mars-24", {"amount": "*"}),
        ("CA 2024-01;CA 2024-02;CA 2024-03", {"amount": "CA *"}),
        (
            "CA 01/2024;Qté 01/2024;CA 02/2024;Qté 02/2024;CA 03/2024;Qté 03/2024",
            {"amount": "CA *", "quantity": "Qté *"},
        ),
    ],
)
@pytest.mark.long
def test_months_in_columns_are_proposed_as_rows(tmp_path, months, unpivot):
    count = months.count(";") + 1
    content = f"Code client;Nom;{months}\n" + "".join(
        f"{client};Société;{';'.join(['10'] * count)}\n" for client in CLIENTS
    )
    engagement, _ = files_of(tmp_path, ca__csv=content)
    assert engagement["tables"]["sales"]["unpivot"] == unpivot
    book = open_book(tmp_path)
    assert (
        book.checks["sales"].accepted_rows == 40 * 3
        and float(book.checks["sales"].accepted_amount) == 40 * 3 * 10
    )


def test_a_list_of_names_is_customers_and_invoices_with_due_dates_are_receivables(tmp_path):
    names = "Code;Nom;Ville\n" + "".join(f"{client};Société {client};Brest\n" for client in CLIENTS)
    owed = "N° facture;Code client;Date facture;Montant TTC;Date échéance\n" + "".join(
        (
            f"F{i};{CLIENTS[i % 40]};{i % 28 + 1:02d}/{i % 12 + 1:02d}/2024;{12 + i},"
            f"50;{i % 28 + 1:02d}/{i % 12 + 1:02d}/2024\n"
        )
        for i in range(60)
    )
    engagement, _ = files_of(
        tmp_path, ventes__csv=SALES_OF_A_YEAR, liste__csv=names, factures__csv=owed
    )
    assert engagement["tables"]["customers"]["columns"] == {
        "customer_id": "Code",
        "name": "Nom",
        "region": "Ville",
    }
    assert engagement["tables"]["receivables"]["files"] == "factures.csv"


def test_files_beside_and_columns_left_over_are_told(tmp_path):
    (tmp_path / "2023").mkdir()
    (tmp_path / "2023" / "old.csv").write_text("a", encoding="utf-8")
    _, done = files_of(
        tmp_path,
        ventes__csv=SALES_OF_A_YEAR.replace("\n", ";x\n").replace("facture;x", "facture;Libre", 1),
        notes__docx="?",
        lisez__moi="?",
    )
    told = " ".join(done.left_out)
    assert (
        "lisez.moi, notes.docx: not read" in told
        and "folders below are not looked at: 2023" in told
    )
    assert "# not used: Libre (texts)" in done.text


DOUBT = "Code client;Date facture;Date commande;Montant HT\n" + "".join(
    (
        f"{CLIENTS[i % 40]};{i % 28 + 1:02d}/{i % 12 + 1:02d}/2024;"
        f"{i % 28 + 1:02d}/{i % 12 + 1:02d}/2023;{10 + i},50\n"
    )
    for i in range(120)
)


def test_what_is_in_doubt_is_asked_with_sample_rows(tmp_path):
    """The day of the invoice or of the order: the second is answered;
    of customer and amount there is no doubt.
    """
    (tmp_path / "ventes.csv").write_text(DOUBT, encoding="utf-8")
    asked = []
    done = write_proposal(
        tmp_path,
        ask=lambda matches, language: ask(
            matches, Wording(language, "EUR"), asked.append, lambda prompt, most: 2
        ),
    )
    proposed = propose(tmp_path).matches[0].roles["date"].header
    other = ({"Date facture", "Date commande"} - {proposed}).pop()
    assert (
        done.matches[0].roles["date"].header == other
        and f"date: {other}  # 1.00, répondu" in done.text
    )
    told = "\n".join(asked)
    assert "1/1 · ventes.csv : quelle colonne est date de ventes ?" in told.replace(
        "\u00a0", " "
    ).replace("\u202f", " ")
    assert (
        f"  1. {proposed}: " in told
        and "01/01/2024 · 02/02/2024 · 03/03/2024" in told
        and "01/01/2023 · 02/02/2023 · 03/03/2023" in told
    )


@pytest.mark.long
def test_questions_are_put_in_a_terminal(tmp_path):
    (tmp_path / "ventes.csv").write_text(DOUBT, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "carnet", "init", "--ask", tmp_path],
        input="7\n2\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and done.stdout.strip() == str(tmp_path / "engagement.yml"), (
        done.stderr
    )
    assert "7 is not in the range" in done.stderr and "  2. Date " in done.stderr


@pytest.mark.long
def test_rows_of_totals_are_not_taken_for_lines_below_a_document(tmp_path):
    """Their word stands in whatever column: they are set aside, not added to the customer above."""
    lines = [
        (
            f"F{i};{i % 28 + 1:02d}/{i % 12 + 1:02d}/{2023 + i // 60};{CLIENTS[i % 40]};"
            f"Vente;{10 + i},00"
        )
        for i in range(120)
    ]
    first, second = (sum(10 + i for i in part) for part in (range(60), range(60, 120)))
    content = [
        "N° pièce;Date pièce;N° client;Libellé;Montant HT",
        *lines[:60],
        f";;;Sous-total 2023;{first},00",
        *lines[60:],
        f";;;Sous-total 2024;{second},00",
        f";;;TOTAL GENERAL;{first + second},00",
    ]
    engagement, _ = files_of(tmp_path, ventes__csv="\n".join(content))
    assert "fill_down" not in engagement["tables"]["sales"]
    check = open_book(tmp_path).checks["sales"]
    assert (
        check.accepted_rows == 120
        and float(check.accepted_amount) == first + second
        and check.reasons == {"total:": 3}
    )


def workbook_of(path, sheets):
    with xlsxwriter.Workbook(path) as made:
        for name, rows in sheets.items():
            sheet = made.add_worksheet(name)
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)


@pytest.mark.long
def test_sheets_of_several_years_are_one_table_and_copies_are_left_out(tmp_path):
    header = ["Code client", "Date facture", "Montant HT"]
    years = {
        str(year): [
            header,
            *(
                [CLIENTS[i % 40], f"{i % 28 + 1:02d}/{i % 12 + 1:02d}/{year}", 10 + i]
                for i in range(60)
            ),
        ]
        for year in (2022, 2023, 2024)
    }
    workbook_of(tmp_path / "CA.xlsx", years | {"Copie de 2024": years["2024"]})
    done = write_proposal(tmp_path)
    engagement = yaml.safe_load(done.text)
    assert engagement["tables"]["sales"]["sheet"] == ["2022", "2023", "2024"]
    assert any("Copie de 2024" in line and "a copy" in line for line in done.left_out)
    assert open_book(tmp_path).checks["sales"].accepted_rows == 180


@pytest.mark.long
def test_months_without_a_year_have_that_of_the_sheet_or_file(tmp_path):
    header = ["Client", "Janvier", "Février", "Mars"]
    workbook_of(
        tmp_path / "CA.xlsx",
        {
            "2023": [header, *([c, 10, 20, 30] for c in CLIENTS)],
            "2024": [header, *([c, 1, 2, 3] for c in CLIENTS)],
        },
    )
    write_proposal(tmp_path)
    sales = open_book(tmp_path).table("sales").execute()
    sums = {str(day)[:7]: float(part.amount.sum()) for day, part in sales.groupby("date")}
    assert sums == {
        "2023-01": 400,
        "2023-02": 800,
        "2023-03": 1200,
        "2024-01": 40,
        "2024-02": 80,
        "2024-03": 120,
    }


@pytest.mark.parametrize(
    "words", [("Facture client", "Avoir client", "Devis accepté"), ("FACTURE", "AVOIR", "DEVIS")]
)
@pytest.mark.long
def test_kinds_of_documents_in_longer_words(tmp_path, words):
    content = "N° client;Date facture;Montant HT;Nature\n" + "".join(
        f"{CLIENTS[i % 40]};{i % 28 + 1:02d}/{i % 12 + 1:02d}/2024;10;{words[i % 3]}\n"
        for i in range(120)
    )
    (tmp_path / "ventes.csv").write_text(content, encoding="utf-8")
    (tmp_path / "engagement.yml").write_text(
        "client: x\ntables: {sales: {files: ventes.csv, columns: {customer_id: N° client, "
        "date: Date facture, amount: Montant HT}}}",
        encoding="utf-8",
    )
    book = open_book(tmp_path)
    assert f"Nature says {words[1]}, {words[2]} of 80 rows" in " ".join(
        book.wording.tell(notice) for notice in book.notices
    )
    (tmp_path / "engagement.yml").unlink()
    engagement = yaml.safe_load(write_proposal(tmp_path).text)["tables"]["sales"]
    assert engagement["sign"] == {"column": "Nature", "negative": [words[1]]} and engagement[
        "where"
    ] == {"Nature": {"not": [words[2]]}}
    assert float(open_book(tmp_path).checks["sales"].accepted_amount) == 0


def test_a_number_may_have_another_name_in_the_second_file(tmp_path):
    lines = "N° facture;Article;Montant HT\n" + "".join(
        f"F{i // 2};A{i % 9};{10 + i},50\n" for i in range(120)
    )
    heads = "Facture;Code client;Date facture\n" + "".join(
        f"F{i};{CLIENTS[i % 40]};{i % 28 + 1:02d}/{i % 12 + 1:02d}/2024\n" for i in range(60)
    )
    engagement, _ = files_of(tmp_path, lignes__csv=lines, entetes__csv=heads)
    assert engagement["tables"]["sales"]["join"] == {
        "files": "entetes.csv",
        True: {"N° facture": "Facture"},
    }
    assert open_book(tmp_path).checks["sales"].accepted_rows == 120


def test_a_folder_without_a_table_says_what_to_do(tmp_path):
    (tmp_path / "Liste clients.pdf").write_bytes(b"%PDF")
    (tmp_path / "gestion.db").write_bytes(b"x")
    with pytest.raises(
        CarnetError,
        match=(
            r"(?s)Liste clients.pdf: not read.*carnet init sqlite:///gestion.db .*ask for the "
            r"client's export as CSV or Excel"
        ),
    ):
        propose(tmp_path)


@pytest.mark.long
def test_files_of_months_in_columns_are_one_table(tmp_path):
    for year in (23, 24):
        content = f"Code client;janv-{year};févr-{year};mars-{year}\n" + "".join(
            f"{client};10;20;30\n" for client in CLIENTS
        )
        (tmp_path / f"ca_20{year}.csv").write_text(content, encoding="utf-8")
    write_proposal(tmp_path)
    assert float(open_book(tmp_path).checks["sales"].accepted_amount) == 2 * 40 * 60
