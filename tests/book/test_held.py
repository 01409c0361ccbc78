"""Rows that an engine holds, checked there: the same ledger, tables and quarantine as of the files
that this machine reads, on DuckDB, Spark and PostgreSQL.
"""

import datetime as dt
import json
import os
import random
import uuid
from decimal import Decimal

import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from carnet.book import held
from carnet.book.book import open_book
from carnet.errors import CarnetError
from carnet.intake.held import SHOWN_ASIDE
from ibis import _

from tests.book.test_engines import as_frame, assert_same, available
from tests.conftest import write_engagement

DAY = dt.date(2024, 1, 1)
LEFT_THERE = "stay where they are"


def sale_lines(count, start=0):
    """Lines with every fault that a typed column can have, drawn with a fixed seed."""
    draw = random.Random(count)
    ids = ["C1", "c1", " C2 ", "", "n/a", None, "É3", "Total général", "Zoé", "customer_id", "007"]
    lines = [
        {
            "customer_id": draw.choice(ids),
            "date": DAY + dt.timedelta(days=number % 300)
            if number % 5
            else draw.choice([dt.date(1890, 1, 1), dt.date(2025, 3, 1), None]),
            "amount": draw.choice([2.5, -3.25, 1000.0, float("nan"), None, 1e20])
            if number % 4 == 0
            else round(draw.random() * 100, 2),
            "order_id": f"F{start + number // 3}" if number % 19 else None,
            "line_id": str(number % 3) if number % 7 else "1",
            "product": draw.choice(["stylo", "gomme", "Total", "order_id", None]),
            "discount": draw.choice([0.1, 0.5, 1.5, None]),
            "cost": draw.choice([1.0, 2.0, None]),
            "salesperson": draw.choice(["Émile", " ", "Anna\u00a0"]),
            "Type": draw.choice(["facture", "Avoir", "devis"]),
            "devise": draw.choice(["EUR", "USD", "GBP"]),
            "montant remboursé": draw.choice([0.0, 5.0]),
        }
        for number in range(count)
    ]
    return pa.Table.from_pylist(lines + lines[:5])


def totals():
    """Groups with their total below, a grand total, and one that is the sum of nothing."""
    lines = []
    for group in range(4):
        own = [{"customer_id": f"C{group}", "date": DAY, "amount": 10.0 + n} for n in range(5)]
        lines += [*own, {"customer_id": f"Total C{group}", "date": DAY, "amount": 60.0}]
    for name, amount in (("Total general", 240.0), ("Total", 3.0)):
        lines.append({"customer_id": name, "date": DAY, "amount": amount})
    return pa.Table.from_pylist(lines)


def table(count=60, **columns):
    """A table of columns by functions of the row's number."""
    return pa.table({name: [make(n) for n in range(count)] for name, make in columns.items()})


def odd_lines():
    """What a second look found: letters beyond Latin, also parted from their marks, whole numbers
    at the end of their kind, sums that no money holds, NaN where a number may be missing, numbers
    of customers of many digits, a total of a customer called so, a header once more.
    """
    nan, n = float("nan"), 14
    decomposed = "Paye\u0301"
    return pa.table(
        {
            "customer_id": [
                *(["Énergie totale"] * 4),
                *("énergie  totale", "customer_id", *"ABCDEFG", "Total Énergie totale"),
            ],
            "date": [DAY] * n,
            "amount": pa.array([1.25, 1_000_000_000_000.25, 1e14, nan, *range(1, 11)]),
            "order_id": ["F1", "F1\n", "F2", None, "x|y", "order_id", *"0123456", "F3"],
            "quantity": [nan, 1.0, 2.0, None, *[3.0] * 10],
            "discount": [None, nan, *[0.5] * 12],
            "État": ["новый", "plătește", decomposed, "ガス", "γάτα", "Payé", *["х"] * 8],
            "cost": [1e12, None, *[2.0] * 12],
        }
    )


LINES = sale_lines(400)
LONG = ("currencies", "letters and ends of kinds", "conditions, signs and words of other tables")
CASES = {
    "currencies": {"sales": (LINES, {"columns": {"currency": "devise"}})},
    "quantities by prices, instants, numbers of customers": {
        "sales": (
            table(
                200,
                customer_id=lambda n: float(n % 7) if n % 11 else float("nan"),
                date=lambda n: dt.datetime(2024, 1, 1 + n % 28, 23),
                quantity=lambda n: n % 5,
                unit_price=lambda n: [1.5, 2.25, None, 1e18][n % 4],
                discount=lambda n: 0.1 if n % 3 else None,
            ),
            {},
        )
    },
    "totals": {"sales": (totals(), {})},
    "letters and ends of kinds": {
        "sales": (odd_lines(), {"where": {"état": {"not": ["НОВЫЙ", "payé", "γατα"]}}}),
        "customers": (
            table(4, customer_id=lambda n: 1e15 + n, potential=lambda n: n, until=lambda n: DAY),
            {},
        ),
    },
    "conditions, signs and words of other tables": {
        "sales": (
            LINES,
            {
                "where": {"Type": {"not": ["devis"]}},
                "sign": {"column": "type", "negative": ["avoir"]},
                "ids": dict.fromkeys(("case", "zeros", "spaces", "punctuation"), "ignore"),
            },
        ),
        "customers": (
            table(
                80,  # the last thirty are said twice
                customer_id=lambda n: f"C{n % 50}",
                name=lambda n: f"n{n % 50}",
                since=lambda n: dt.date(2020, 1, 1 + n % 50 % 28),
                contract=lambda n: [True, False, None][n % 50 % 3],
                potential=lambda n: 12.5 if n % 2 else None,
                contacts=lambda n: n % 50,
            ),
            {},
        ),
        "receivables": (
            table(
                customer_id=lambda n: float(n % 50),
                invoice_date=lambda n: DAY,
                amount=lambda n: 12.5 * n,
                due_date=lambda n: None if n % 3 else DAY,
                status=lambda n: ["payée", "Overdue", "bizarre", "litige", None][n % 5],
            ),
            {},
        ),
        "opportunities": (
            table(
                customer_id=lambda n: f"C{n % 7}",
                opened=lambda n: DAY,
                stage=lambda n: ["Closed Won", "perdue", "neu"][n % 3],
                amount=lambda n: n,
            ),
            {"stages": {"open": ["neu"]}},
        ),
        "departures": (
            table(
                customer_id=lambda n: f"C{n}",
                date=lambda n: DAY,
                reason=lambda n: ["trop cher", "other"][n % 2],
                told_by=lambda n: ["Client", "voisin"][n % 2],
            ),
            {"reasons": {"price": ["trop cher"]}},
        ),
    },
}


def folder_of(home, case, **content):
    """An engagement whose tables are one Parquet file each."""
    home.mkdir()
    tables = {}
    for name, (rows, spec) in case.items():
        pq.write_table(rows, home / f"{name}.parquet")
        tables[name] = {"files": f"{name}.parquet"} | spec
    document = {"client": "X", "language": "en", "as_of": dt.date(2024, 12, 31), "tables": tables}
    document |= {"rates": {"USD": 0.9}} | content
    (home / "engagement.yml").write_text(yaml.safe_dump(document), encoding="utf-8")
    return home


def in_postgres(server, case, home):
    """The same engagement on tables of a schema of its own, by their addresses."""
    import ibis

    connection, schema, url = server
    backend = ibis.postgres.from_connection(connection)
    tables = {}
    for name, (rows, spec) in case.items():
        backend.create_table(name, rows, database=schema)
        tables[name] = {"files": f"postgres:{schema}.{name}"} | spec
    return folder_of(home, {}, engine=url, tables=tables)


def ledger_of(book, name):
    """What a row ledger tells, without the names of its files and where rows stay."""
    record = book.checks[name].as_json()
    record["notices"] = [n for n in record["notices"] if LEFT_THERE not in n["message"]]
    del record["files"]
    return json.loads(json.dumps(record, default=str))


def rows_of(book, name, addressed):
    frame = as_frame(book.table(name))
    if addressed:
        return frame
    frame = frame.drop(columns=["_file", "_row"])
    return frame.sort_values(list(frame.columns), ignore_index=True)


def quarantine_of(book, addressed):
    """What is set aside: table, reason and values; with file and row where they are alike."""
    frame = pd.read_parquet(book.folder / "quarantine.parquet")
    values = [
        {k: v for k, v in json.loads(text).items() if v is not None}
        for text in frame.original_values
    ]
    told = [
        # numbers are written with other ends: 2.5 and 2.50
        {k: float(v) if _is_number(v) else v for k, v in each.items()}
        for each in values
    ]
    columns = ["table", "file", "row", "reason"] if addressed else ["table", "reason"]
    kept = [
        (*row, str(each)) for row, each in zip(frame[columns].values.tolist(), told, strict=True)
    ]
    return sorted(kept, key=str)


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def assert_alike(here, there, addressed=True):
    for name in here.checks:
        assert ledger_of(there, name) == ledger_of(here, name)
        assert_same(rows_of(here, name, addressed), rows_of(there, name, addressed), name)
    for name in ("orders", "cube"):
        assert_same(as_frame(here.table(name)), as_frame(there.table(name)), name)
    assert quarantine_of(there, addressed) == quarantine_of(here, addressed)
    assert (there.span, there.goods) == (here.span, here.goods)


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=pytest.mark.long if case in LONG else ()) for case in CASES]
)
def test_large_files_are_read_alike_where_they_lie(tmp_path, case, monkeypatch):
    here = open_book(folder_of(tmp_path / "here", CASES[case]))
    monkeypatch.setattr(held, "SMALL_ROWS", 0)
    read = spy_on_contracts(monkeypatch)
    there = open_book(folder_of(tmp_path / "there", CASES[case]))
    assert set(read) == set(CASES[case])
    assert_alike(here, there)


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("_2023.parquet", {}),
        ("s[1].parquet", {}),
        ("a#b%41.parquet", {}),
        ("s.parquet", {"_row": [7]}),
        ("s.parquet", {"file_row_number": [7]}),
        ("s.parquet", {"Amount": [7.0]}),
        ("s.parquet", {"at": [dt.time(12)]}),
        ("s.parquet", {"key": pa.array([b"0" * 16], pa.binary(16))}),
        ("s.parquet", {"tags": [["a"]]}),
        ("s.parquet", {"size": pa.array([7], pa.uint64())}),
    ],
)
def test_odd_files_are_read_as_before(tmp_path, monkeypatch, name, columns):
    """Names that an engine takes for patterns, columns that bear carnet's own names or kinds that
    engines read in several ways: such files are read by this machine, whatever their size.
    """
    told = []
    for rows in (1_000_000, 0):
        monkeypatch.setattr(held, "SMALL_ROWS", rows)
        home = folder_of(tmp_path / f"client{rows}", {})
        lines = {"customer_id": ["A"], "date": [DAY], "amount": [1.0]} | columns
        pq.write_table(pa.table(lines), home / name)
        document = yaml.safe_load((home / "engagement.yml").read_text(encoding="utf-8"))
        document["tables"] = {"sales": {"files": name.replace("[1]", "*")}}
        (home / "engagement.yml").write_text(yaml.safe_dump(document), encoding="utf-8")
        try:
            told.append(ledger_of(open_book(home), "sales"))
        except CarnetError as error:
            told.append(str(error))
    assert told[0] == told[1]


def spy_on_contracts(monkeypatch):
    """The names of the tables that are checked by the engine, once a book was opened."""
    names, contract = [], held.HeldContract

    def made(rows, name, *given):
        names.append(name)
        return contract(rows, name, *given)

    monkeypatch.setattr(held, "HeldContract", made)
    return names


@pytest.mark.parametrize("kind", ["text", "Parquet", "Parquet held by DuckDB"])
def test_a_folder_is_no_column(tmp_path, monkeypatch, kind):
    """Found: in a folder `amount=9` every amount of a Parquet file was 9, and a text was not read:
    DuckDB takes such a folder for a column.
    """
    monkeypatch.setattr(held, "SMALL_ROWS", 0 if kind.endswith("DuckDB") else 1_000_000)
    (above := tmp_path / "amount=9" / "year=2024" / "customer_id=x").mkdir(parents=True)
    sold = {"customer_id": ["A", "B"], "date": ["2024-01-05"] * 2, "amount": ["10", "20.5"]}
    if kind == "text":
        rows = [list(sold), *zip(*sold.values(), strict=True)]
        home = write_engagement(above, tables={"sales": rows})
    else:
        numbers = {"amount": [10.0, 20.5]}
        home = folder_of(above / "client", {"sales": (pa.table(sold | numbers), {})})
    book = open_book(home)
    rows = book.table("sales").execute()
    assert sorted(map(float, rows.amount)) == [10.0, 20.5]
    assert set(book.cube.customer_id.execute()) == {"A", "B"}
    assert "year" not in rows.columns


@pytest.mark.parametrize("most", [1_000_000, 20, pytest.param(3, marks=pytest.mark.long)])
def test_equal_lines_are_counted_in_parts_as_at_once(tmp_path, monkeypatch, most):
    """40 lines, number n n % 4 more times: 60 beyond the first, whose sum is known by hand."""
    monkeypatch.setattr(held, "SMALL_ROWS", 0)
    monkeypatch.setattr("carnet.intake.held.MOST_HASHES", most)
    numbers = [n for n in range(40) for _ in range(1 + n % 4)]
    lines = {"customer_id": [f"C{n}" for n in numbers], "date": [DAY] * 100, "amount": numbers}
    home = folder_of(tmp_path / "many", {"sales": (pa.table(lines), {})})
    check = open_book(home).checks["sales"]
    assert check.duplicate_rows == 60
    assert check.duplicate_amount == sum(n * (n % 4) for n in range(40))


@pytest.mark.long
@pytest.mark.parametrize(("repeated", "dropped"), [("keep", []), ("drop", ["order_id", "line_id"])])
def test_lines_of_two_files(tmp_path, monkeypatch, repeated, dropped):
    """Lines that stand in two files, with numbers and without."""
    first = LINES.drop_columns(dropped)
    files = [first, sale_lines(100, 50).drop_columns(dropped), first.slice(0, 60)]
    books = []
    for name, rows in (("here", 1_000_000), ("there", 0)):
        monkeypatch.setattr(held, "SMALL_ROWS", rows)
        home = folder_of(tmp_path / name, {"sales": (first, {})})
        for number, lines in enumerate(files):
            pq.write_table(lines, home / f"part{number}.parquet")
        (home / "sales.parquet").unlink()
        document = yaml.safe_load((home / "engagement.yml").read_text(encoding="utf-8"))
        document["tables"]["sales"] |= {"files": "part*.parquet", "repeated": repeated}
        (home / "engagement.yml").write_text(yaml.safe_dump(document), encoding="utf-8")
        books.append(open_book(home))
    assert_alike(*books)
    told = [n for n in books[0].checks["sales"].notices if "stand in" in n.message]
    assert told, "the files do share lines"


def test_a_list_of_customers_read_from_the_sales(tmp_path, monkeypatch):
    """One row a customer, of the latest sale, whoever reads them."""
    lines = table(
        60,
        customer_id=lambda n: f"C{n % 7}",
        date=lambda n: DAY + dt.timedelta(n * 37 % 60),
        amount=float,
        name=lambda n: f"name {n}",
    )
    books = []
    for name, rows in (("here", 1_000_000), ("there", 0)):
        monkeypatch.setattr(held, "SMALL_ROWS", rows)
        home = folder_of(tmp_path / name, {"sales": (lines, {})})
        document = yaml.safe_load((home / "engagement.yml").read_text(encoding="utf-8"))
        document["tables"]["customers"] = {"files": "sales.parquet"}
        (home / "engagement.yml").write_text(yaml.safe_dump(document), encoding="utf-8")
        books.append(open_book(home))
    assert_alike(*books)
    frame = lines.to_pandas().sort_values("date").groupby("customer_id").last()
    listed = books[1].table("customers").execute().set_index("customer_id")
    assert listed.name.to_dict() == frame.name.to_dict()


@pytest.mark.parametrize(
    ("engine", "sales", "told"),
    [
        ("duckdb", {"files": "spark:lake.sales"}, "only engine: spark holds it"),
        ("spark", {"files": "postgres:erp.sales"}, "only engine: postgresql://"),
        ("spark", {"files": ["s3a://lake/a", "s3a://lake/b"]}, "one address is read alone"),
        ("spark", {"files": "spark:lake.sales", "skip": ["5"]}, "skip cannot be used"),
        (
            "spark",
            {"files": "hdfs://lake/sales", "format": {"date": "%d/%m/%Y"}},
            "format: date cannot be used",
        ),
    ],
)
def test_addresses_that_cannot_be_read(tmp_path, engine, sales, told):
    """Said before any engine is asked."""
    home = folder_of(tmp_path / "client", {}, engine=engine, tables={"sales": sales})
    with pytest.raises(CarnetError, match=told):
        open_book(home)


def test_costs_are_completed_here(tmp_path):
    tables = {"costs": {"files": "spark:lake.costs"}}
    with pytest.raises(CarnetError, match="completed on this machine"):
        open_book(folder_of(tmp_path / "client", {}, engine="spark", tables=tables))


@pytest.fixture
def server(tmp_path_factory):
    """A schema of its own in the PostgreSQL server, and its URL for an engagement."""
    url = available("postgres", tmp_path_factory)
    import psycopg

    schema = f"held_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(os.environ["CARNET_POSTGRES"], autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
        connection.execute(f"SET search_path = {schema}")
        yield connection, schema, url
        for last in (False, False, True):  # a book's session may be ending, and drops its views
            try:
                connection.execute(f"DROP SCHEMA {schema} CASCADE")
                break
            except psycopg.errors.DeadlockDetected:
                if last:
                    raise


def test_rows_of_a_server(server, tmp_path):
    """Texts as days and numbers, instants by the day of a zone, more rows set aside than come here,
    a table that has changed: each as a person would work it out.
    """
    connection, schema, url = server
    connection.execute(
        "CREATE TABLE sales (customer_id text, date text, amount text, due timestamptz)"
    )
    known = "2024-06-30 23:30+00"  # the first of July in Paris
    lines = [
        ("A", "2024-02-29", "1234.50", known),
        ("A", "2023-02-29", "1", known),
        ("B", "2024-06-31", "1", known),
        ("B", "2024-01-02", "1,5", known),
        ("Zoe\u0308", " 2024-03-01 08:00 ", "-2", known),
    ]
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO sales VALUES (%s, %s, %s, %s)", lines)
    connection.execute(
        f"INSERT INTO sales SELECT NULL, '2024-01-01', '1', NULL FROM generate_series(1, "
        f"{SHOWN_ASIDE + 5})"
    )
    receivables = {
        "files": f"postgres:{schema}.sales",
        "columns": {"invoice_date": "due"},
        "format": {"timezone": "Europe/Paris"},
    }
    sales = {"files": f"postgres:{schema}.sales", "format": {"timezone": "Europe/Paris"}}
    tables = {"sales": sales, "receivables": receivables}
    home = folder_of(tmp_path / "client", {}, engine=url, tables=tables)
    book = open_book(home)
    check = book.checks["sales"]
    assert check.reasons == {
        "missing:customer_id": SHOWN_ASIDE + 5,
        "date:date": 2,
        "number:amount": 1,
    }
    kept = book.table("sales").order_by("customer_id").execute()
    assert kept.customer_id.tolist() == ["A", "Zoë"]
    assert kept.amount.astype(float).tolist() == [1234.5, -2.0]
    assert [str(day)[:10] for day in kept.date] == ["2024-02-29", "2024-03-01"]
    due = book.table("receivables").invoice_date.execute()
    assert {str(day)[:10] for day in due} == {"2024-07-01"}
    shown = pd.read_parquet(book.folder / "quarantine.parquet")
    assert (shown.table == "sales").sum() == SHOWN_ASIDE
    assert check.left_rows == 8 == check.quarantined_rows - SHOWN_ASIDE
    assert any(LEFT_THERE in notice.message for notice in check.notices)
    book.refuse_changed()
    connection.execute("UPDATE sales SET amount = '7' WHERE customer_id = 'A'")
    with pytest.raises(CarnetError, match="changed while it was audited"):
        book.refuse_changed()
    assert open_book(home).checks["sales"].accepted_amount == 7 - 2


def test_rows_of_a_server_are_asked_each_time(server, tmp_path):
    """While its table is loaded anew, and afterwards: a book holds nothing of what was there."""
    connection, schema, url = server
    connection.execute("CREATE TABLE sales (customer_id text, date date, amount numeric(12, 2))")
    lines = "INSERT INTO sales SELECT 'C' || n, DATE '2024-01-05' + n, n * 10 FROM generate_series"
    connection.execute(f"{lines}(1, 20) n")
    tables = {"sales": {"files": f"postgres:{schema}.sales"}}
    home = folder_of(tmp_path / "client", {}, engine=url, tables=tables)

    def seen(book):
        t = book.table("sales")
        return int(t.count().execute()), int(t.amount.sum().fill_null(0).execute())

    book = open_book(home)
    assert seen(book) == (20, 2100)
    connection.execute("TRUNCATE sales")
    assert seen(book) == (0, 0)
    connection.execute(f"{lines}(1, 20) n")
    assert open_book(home).folder == book.folder and seen(open_book(home)) == (20, 2100)


def test_amounts_of_a_server_are_told_to_their_last_digit(server, tmp_path):
    """More digits than a number of the machine has; a whole number beside one that is missing."""
    connection, schema, url = server
    amounts = ["90071992547409.9301", "12345678901234.5678", "0.0001", "10", "-3.3333"]
    connection.execute("CREATE TABLE sales (customer_id text, date date, amount numeric(18, 4))")
    with connection.cursor() as cursor:
        row = "INSERT INTO sales VALUES (%s, '2024-02-01', %s)"
        cursor.executemany(row, [(f"C{n}", amount) for n, amount in enumerate(amounts)])
        cursor.execute(row, (None, "70071992547409.9307"))
    tables = {"sales": {"files": f"postgres:{schema}.sales"}}
    book = open_book(folder_of(tmp_path / "client", {}, engine=url, tables=tables))
    check = book.checks["sales"]
    assert check.accepted_amount == sum(map(Decimal, amounts))
    assert check.quarantined_amount == Decimal("70071992547409.9307")
    told = book.table("sales").order_by("customer_id").to_pyarrow()
    assert told["amount"].to_pylist() == list(map(Decimal, amounts))
    large = 2**53 + 1  # no number with a comma holds it
    whole = book.table("sales").select(n=ibis.ifelse(_.customer_id == "C1", None, large))
    assert sorted(whole.to_pyarrow()["n"].drop_null().to_pylist()) == [large] * 4


def test_a_table_that_is_not_there(server, tmp_path):
    _, schema, url = server
    tables = {"sales": {"files": f"postgres:{schema}.nowhere"}}
    home = folder_of(tmp_path / "client", {}, engine=url, tables=tables)
    with pytest.raises(CarnetError, match="nowhere"):
        open_book(home)


def test_names_that_nothing_hides(server, tmp_path):
    connection, schema, url = server
    connection.execute(
        "CREATE TABLE sales AS SELECT 'A' AS customer_id, now() AS date, 1 AS amount"
    )
    sales = {"files": f"postgres:{schema}.sales", "format": {"timezone": "UTC"}}
    home = folder_of(tmp_path / "client", {}, engine=url, tables={"sales": sales})
    with pytest.raises(CarnetError, match="sales stand in the engine"):
        open_book(home, anonymise=True)


@pytest.fixture
def spark(tmp_path_factory):
    return available("spark", tmp_path_factory)


@pytest.mark.long
def test_a_table_and_a_view_of_sparks_catalog(spark, tmp_path):
    """Rows of a table are told by file and number; of a view they have none, and its instants are
    days of the zone that the engagement names.
    """
    from pyspark.sql import SparkSession

    lines = table(30, customer_id=lambda n: f"C{n % 3}" if n else None, amount=lambda n: 1.5 * n)
    (tmp_path / "lake").mkdir()
    for part in range(2):
        rows = lines.slice(part * 20, 20)
        late = pa.array([dt.datetime(2024, 6, 30, 23, tzinfo=dt.UTC)] * rows.num_rows)
        days = pa.array([DAY] * rows.num_rows)
        rows = rows.append_column("date", days).append_column("late", late)
        pq.write_table(rows, tmp_path / "lake" / f"part {part}.parquet")
    session = SparkSession.builder.getOrCreate()
    session.sql(f"CREATE TABLE held_lines USING parquet LOCATION '{tmp_path}/lake'")
    session.sql("CREATE VIEW held_view AS SELECT customer_id, amount, late FROM held_lines")
    zone = {"format": {"timezone": "Europe/Paris"}}
    sales = {"files": "spark:held_lines"} | zone
    receivables = {"files": "spark:held_view", "columns": {"invoice_date": "late"}} | zone
    tables = {"sales": sales, "receivables": receivables}
    try:
        book = open_book(folder_of(tmp_path / "client", {}, engine=spark, tables=tables))
        parts = [
            (file["name"].rpartition("/")[2], file["rows"]) for file in book.checks["sales"].files
        ]
        assert parts == [("part 0.parquet", 20), ("part 1.parquet", 10)]
        kept = book.table("sales").execute().sort_values(["_file", "_row"])
        assert kept._row.tolist() == [*range(2, 21), *range(1, 11)]
        assert kept.amount.astype(float).tolist() == [1.5 * n for n in range(1, 30)]
        due = book.table("receivables").execute()
        assert {str(day)[:10] for day in due.invoice_date} == {"2024-07-01"}
        assert due._row.isna().all()
    finally:
        session.sql("DROP VIEW held_view")
        session.sql("DROP TABLE held_lines")


@pytest.mark.long
@pytest.mark.parametrize(
    "case",
    [
        "quantities by prices, instants, numbers of customers",
        "totals",
        "conditions, signs and words of other tables",
    ],
)
def test_spark_checks_alike(spark, tmp_path, case):
    here = open_book(folder_of(tmp_path / "here", CASES[case]))
    assert_alike(here, open_book(folder_of(tmp_path / "there", CASES[case], engine=spark)))


@pytest.mark.parametrize("case", [case for case in CASES if case != "totals"])
def test_postgres_checks_alike(server, tmp_path, case):
    """Tables of the server: their rows have no number, and none is the sum of those above."""
    here = open_book(folder_of(tmp_path / "here", CASES[case]))
    there = open_book(in_postgres(server, CASES[case], tmp_path / "there"))
    assert_alike(here, there, addressed=False)
    assert not (there.folder / "sales.parquet").exists(), "the rows stay in the server"
