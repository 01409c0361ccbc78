"""Known systems: `carnet init URL FOLDER` on their databases in SQLite, PostgreSQL and MariaDB,
and `carnet init` on their exports.
"""

import os
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy
import yaml
from carnet.book.book import open_book
from carnet.engagement.schema import TABLES
from carnet.errors import CarnetError
from carnet.intake.proposal import propose_database, write_proposal
from carnet.intake.proposal.systems import systems

from tests.conftest import run_carnet
from tests.intake.systems import dolibarr, odoo, prestashop, tryton, woocommerce

KINDS = {  # kind of a column → its type on each server
    "int": ("INTEGER",) * 3,
    "text": ("VARCHAR(255)",) * 3,
    "money": ("NUMERIC(20, 6)",) * 3,
    "date": ("DATE",) * 3,
    "datetime": ("DATETIME", "TIMESTAMP", "DATETIME"),
    "bool": ("BOOLEAN",) * 3,
    "json": ("JSON", "JSONB", "JSON"),
}
SERVERS = ("sqlite", "postgresql", "mysql")


@dataclass(frozen=True)
class Seeded:
    """A system in small: its tables and rows, and what must come out of them."""

    schema: str
    rows: dict[str, list[tuple]]
    sales: list[tuple]
    customers: dict[str, Any]
    receivables: dict[str, tuple] | None = None
    stages: dict[str, float] | None = None
    contacts: list[tuple] | None = None


def of(module, schema=None, rows=None, customers=None):
    return Seeded(
        schema or module.SCHEMA,
        rows or module.ROWS,
        module.SALES,
        customers or module.CUSTOMERS,
        module.RECEIVABLES,
        module.STAGES,
        module.CONTACTS,
    )


SHOP = {
    customer: (name, "registered" if customer == "7" else "guest", "FR")
    for customer, name in woocommerce.NAMES.items()
}
POSTS = {customer: (name, None, "FR") for customer, name in woocommerce.NAMES.items()}
SYSTEMS = {
    "Odoo 13": of(odoo, odoo.schema(13), odoo.rows(13)),
    "Odoo 17": of(odoo, odoo.schema(17), odoo.rows(17)),
    "Dolibarr": of(dolibarr),
    "Tryton": of(tryton),
    "PrestaShop": of(prestashop),
    "WooCommerce": of(woocommerce, woocommerce.schema(True), woocommerce.rows(True), SHOP),
    "WooCommerce posts": of(woocommerce, woocommerce.schema(False), woocommerce.rows(False), POSTS),
}


@pytest.fixture
def database(tmp_path, monkeypatch):
    """(server, name) → the URL of an empty database there, and its engine;
    skipped where no such server is named.
    """
    made = []

    def empty(server, name):
        if server == "sqlite":
            return "sqlite:///system.db", sqlalchemy.create_engine(
                f"sqlite:///{tmp_path / 'system.db'}"
            )
        variable = {"postgresql": "CARNET_POSTGRES", "mysql": "CARNET_MYSQL"}[server]
        url = os.environ.get(variable)
        if not url:
            pytest.skip(f"{variable} names no server")
        admin = sqlalchemy.create_engine(
            url.replace("postgresql://", "postgresql+psycopg://").replace(
                "mysql://", "mysql+pymysql://"
            ),
            isolation_level="AUTOCOMMIT",
        )
        with admin.connect() as connection:
            if server == "postgresql" and not connection.scalar(
                sqlalchemy.text("SELECT has_database_privilege(current_database(), 'CREATE')")
            ):
                pytest.skip("the role of CARNET_POSTGRES may create no schema")
            drop = (
                f"DROP SCHEMA IF EXISTS {name} CASCADE"
                if server == "postgresql"
                else f"DROP DATABASE IF EXISTS {name}"
            )
            connection.execute(sqlalchemy.text(drop))
            connection.execute(
                sqlalchemy.text(
                    f"CREATE {'SCHEMA' if server == 'postgresql' else 'DATABASE'} {name}"
                )
            )
        made.append((admin, drop))
        own = (
            f"{url}?options=-csearch_path%3D{name}"
            if server == "postgresql"
            else f"{url.rpartition('/')[0]}/{name}"
        )
        password = own.partition("://")[2].partition("@")[0].partition(":")[2]
        monkeypatch.setenv("CARNET_TEST_PASSWORD", password)
        engine = sqlalchemy.create_engine(
            own.replace("postgresql://", "postgresql+psycopg://").replace(
                "mysql://", "mysql+pymysql://"
            )
        )
        return own.replace(f":{password}@", ":${CARNET_TEST_PASSWORD}@"), engine

    yield empty
    for admin, drop in made:
        with admin.connect() as connection:
            connection.execute(sqlalchemy.text(drop))


def fill(engine, schema, rows):
    """Create the tables of a schema and their rows."""
    place = SERVERS.index(
        "mysql" if engine.dialect.name in ("mysql", "mariadb") else engine.dialect.name
    )
    quote = (
        engine.dialect.identifier_preparer.quote_identifier
        if place != 1
        else engine.dialect.identifier_preparer.quote
    )
    with engine.begin() as connection:
        for line in filter(None, schema.splitlines()):
            table, _, columns = line.partition(": ")
            typed = ", ".join(
                f"{quote(column.split()[0])} {KINDS[column.split()[1]][place]}"
                for column in columns.split(", ")
            )
            connection.exec_driver_sql(f"CREATE TABLE {quote(table)} ({typed})")
            marks = ", ".join(["?" if place == 0 else "%s"] * len(columns.split(", ")))
            for row in rows.get(table, []):
                connection.exec_driver_sql(
                    f"INSERT INTO {quote(table)} VALUES ({marks})", tuple(row)
                )


def proposed(tmp_path, database, server, name):
    """The book that `carnet init URL FOLDER` proposes for a system, opened;
    and the engagement file.
    """
    system = SYSTEMS[name]
    url, engine = database(server, f"carnet_{name.split()[0].lower()}")
    fill(engine, system.schema, system.rows)
    write_proposal(tmp_path, url=url)
    return open_book(tmp_path, "2024-12-31"), yaml.safe_load(
        (tmp_path / "engagement.yml").read_text(encoding="utf-8")
    )


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.long
def test_a_known_database_gives_its_sales_to_the_cent(tmp_path, database, server, name):
    if name.startswith(("Odoo", "Tryton")) and server == "mysql":
        pytest.skip(f"{name} runs on PostgreSQL")
    system, (book, engagement) = SYSTEMS[name], proposed(tmp_path, database, server, name)
    assert (engagement["client"], engagement["language"], engagement["currency"]) == (
        "Vauban",
        "fr",
        "EUR",
    )
    assert engagement["source"].startswith(f"{server}://") and not any(
        "files" in table for table in engagement["tables"].values()
    )
    sales = book.table("sales").execute()
    sellers = sales.salesperson if "salesperson" in sales else [None] * len(sales)
    found = zip(
        sales.customer_id,
        sales.date.astype(str),
        sales.amount.astype(float).round(6),
        sales["product"],
        sales.offer,
        sellers,
        strict=True,
    )
    plain = [
        tuple(
            value if isinstance(value, (str, float)) and value == value else None for value in row
        )
        for row in found
    ]
    assert sorted(plain, key=str) == sorted(system.sales, key=str)
    assert all(check.rows == check.accepted_rows for check in book.checks.values()), {
        n: c.reasons for n, c in book.checks.items()
    }
    customers = book.table("customers").execute().set_index("customer_id")
    told = {
        customer: tuple(
            value if isinstance(value, str) else None
            for value in (row["name"], row.get("segment"), row.get("region"))
        )
        for customer, row in customers.iterrows()
    }
    assert told == system.customers


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("name", ["Odoo 13", "Odoo 17", "Dolibarr", "Tryton"])
@pytest.mark.long
def test_a_known_database_gives_its_invoices_and_opportunities(tmp_path, database, server, name):
    if name.startswith(("Odoo", "Tryton")) and server == "mysql":
        pytest.skip(f"{name} runs on PostgreSQL")
    system, (book, _) = SYSTEMS[name], proposed(tmp_path, database, server, name)
    owed = book.table("receivables").execute()
    for customer, (amount, paid) in system.receivables.items():
        own = owed[owed.customer_id == customer]
        assert float(own.amount.sum()) == amount
        days = own.paid_date.dropna().astype(str)
        assert (days.max() if len(days) else None) == paid
    deals = book.table("opportunities").execute()
    assert {
        stage: float(amount) for stage, amount in deals.groupby("stage").amount.sum().items()
    } == system.stages
    if system.contacts:
        contacts = book.table("service").execute()
        assert (
            sorted(zip(contacts.customer_id, contacts.date.astype(str), strict=True))
            == system.contacts
        )


@pytest.mark.long
def test_a_text_is_read_in_the_language_of_the_company(tmp_path, database):
    rows = SYSTEMS["Odoo 17"].rows | {
        "res_partner": [
            (1, "Vauban", 1, None, None, None, 1, "en_US"),
            *SYSTEMS["Odoo 17"].rows["res_partner"][1:],
        ]
    }
    url, engine = database("sqlite", "x")
    fill(engine, SYSTEMS["Odoo 17"].schema, rows)
    write_proposal(tmp_path, url=url)
    assert set(open_book(tmp_path).table("sales").execute()["product"]) == {"Bag", "texte"}


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.long
def test_another_database_is_read_by_its_foreign_keys(tmp_path, database, server):
    """Lines lead to invoices, invoices to clients: customer, day and name stand two tables away."""
    url, engine = database(server, "carnet_own")
    with engine.begin() as connection:
        for statement in (
            (
                "CREATE TABLE clients (id INTEGER PRIMARY KEY, code VARCHAR(20), nom VARCHAR(50), "
                "ville VARCHAR(50))"
            ),
            (
                "CREATE TABLE factures (id INTEGER PRIMARY KEY, numero VARCHAR(20), date_facture "
                "DATE, client_id INTEGER, FOREIGN KEY (client_id) REFERENCES clients (id))"
            ),
            (
                "CREATE TABLE lignes (id INTEGER PRIMARY KEY, facture_id INTEGER, "
                "designation VARCHAR(50), quantite INTEGER, montant_ht NUMERIC(12, 2), FOREIGN KEY "
                "(facture_id) REFERENCES factures (id))"
            ),
            "INSERT INTO clients VALUES (1, 'C1', 'Ada', 'Brest'), (2, 'C2', 'Bob', 'Lyon')",
            "INSERT INTO factures VALUES (1, 'F1', '2024-01-15', 1), (2, 'F2', '2024-02-10', 2)",
            (
                "INSERT INTO lignes VALUES (1, 1, 'Sac', 2, 20.50), (2, 1, 'Boîte', 1, 9.50), "
                "(3, 2, 'Sac', 1, 10.25)"
            ),
        ):
            connection.exec_driver_sql(statement)
    write_proposal(tmp_path, url=url)
    book = open_book(tmp_path)
    sales = book.table("sales").execute()
    names = book.table("customers").execute().set_index("customer_id").name
    found = sorted(
        zip(
            sales.customer_id.map(names),
            sales.date.astype(str),
            sales.amount.astype(float),
            strict=True,
        )
    )
    assert found == [
        ("Ada", "2024-01-15", 9.5),
        ("Ada", "2024-01-15", 20.5),
        ("Bob", "2024-02-10", 10.25),
    ]
    assert set(sales["product"]) == {"Sac", "Boîte"}
    assert set(book.table("customers").execute().name) == {"Ada", "Bob"}


def test_kinds_and_states_of_documents_in_another_database(tmp_path, database):
    """Credit notes and drafts: the query gives the columns that say so, and keys use them;
    what is in doubt is asked.
    """
    url, engine = database("sqlite", "x")
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE factures (id INTEGER, numero TEXT, client TEXT, date_facture DATE, "
            "montant_ht NUMERIC, type TEXT, statut TEXT)"
        )
        for number in range(60):
            row = (
                number,
                f"F{number}",
                f"C{number % 7}",
                f"2024-{number % 12 + 1:02d}-15",
                10,
                "avoir" if number % 10 == 0 else "facture",
                "brouillon" if number % 6 == 1 else "payee",
            )
            connection.exec_driver_sql("INSERT INTO factures VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    done = write_proposal(tmp_path, url=url)
    table = yaml.safe_load(done.text)["tables"]["sales"]
    assert table["sign"] == {"column": "type", "negative": ["avoir"]} and table["where"] == {
        "statut": {"not": ["brouillon"]}
    }
    kept = [number for number in range(60) if number % 6 != 1]
    assert float(open_book(tmp_path).checks["sales"].accepted_amount) == sum(
        -10 if number % 10 == 0 else 10 for number in kept
    )


def test_what_a_database_refuses_is_told(tmp_path, monkeypatch):
    refused = run_carnet("init", "postgresql://me:secret@localhost/x", tmp_path / "x")
    assert (
        refused.returncode == 2
        and "a password does not stand in a URL" in refused.stderr
        and "secret" not in refused.stderr
    )
    refused = run_carnet("init", "sqlite:///none.db", tmp_path / "x")
    assert refused.returncode == 2 and "no such SQLite file" in refused.stderr
    refused = run_carnet("init", "sqlite:///none.db")
    assert refused.returncode == 2 and "carnet init URL FOLDER" in refused.stderr
    sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'empty.db'}").connect().exec_driver_sql(
        "CREATE TABLE t (a TEXT)"
    )
    with pytest.raises(CarnetError, match="no table is recognised"):
        propose_database(tmp_path, "sqlite:///empty.db")


def test_every_system_names_its_sources_and_known_columns():
    for system in systems():
        assert (
            system["name"] and system["sources"] and ("database" in system or "exports" in system)
        )
        for export in system.get("exports", []):
            for one in (export, *([export["also"]] if "also" in export else [])):
                assert set(one["columns"]) <= set(TABLES[one["table"]].columns), (
                    system["name"],
                    one["table"],
                )
                lacking = [
                    role
                    for role in TABLES[one["table"]].required
                    if role not in one["columns"] and role not in TABLES[one["table"]].derived
                ]
                assert not lacking, (system["name"], lacking)
