"""--anonymise: nobody is named in any file of the report;
the same person is the same pseudonym everywhere; figures stay.
"""

import csv
import datetime as dt
import json
import re
import shutil
import stat
import zipfile
from pathlib import Path

import duckdb
import pytest
import yaml
from carnet.book.book import open_book
from carnet.book.earlier import find_earlier
from carnet.engagement.file import load_engagement
from carnet.errors import CarnetError
from carnet.intake.pseudonyms import KEY_FILE, fingerprint, hide, pseudonym

from tests.conftest import DEMO, run_carnet

PEOPLE = (
    "customer_id",
    "name",
    "salesperson",
    "contact",
    "respondent",
    "auxiliary",
    "auxiliary_label",
    "comment",
    "verbatim",
    "piece",
)


@pytest.fixture(scope="module")
def hidden(tmp_path_factory):
    """The demonstration with an owner of an objective and evidence, audited in French:
    engagement folder, report.
    """
    home = tmp_path_factory.mktemp("hidden")
    folder = home / "demo"
    shutil.copytree(DEMO, folder, ignore=shutil.ignore_patterns(".carnet"))
    document = yaml.safe_load((folder / "engagement.yml").read_text(encoding="utf-8"))
    document["targets"][0]["owner"] = "Zénobie Quatremère"
    document["maturity"]["crm_promises"] = {
        "answer": "yes",
        "evidence": "Entretien avec Zénobie Quatremère",
    }
    (folder / "engagement.yml").write_text(
        yaml.safe_dump(document, allow_unicode=True), encoding="utf-8"
    )
    with pytest.MonkeyPatch.context() as patch:
        # drawn as ever, and the same each time: the order of customers hangs on it
        patch.setattr("carnet.intake.pseudonyms.secrets.token_hex", lambda count: "7c" * count)
        done = run_carnet("run", folder, "--anonymise", "--out", home / "out", kernels=False)
    assert done.returncode == 1, done.stderr
    return folder, Path(done.stdout.splitlines()[-1])


def texts(report):
    """Every file of a report as text, and its path; sheets of a workbook unpacked,
    escapes of HTML and JSON undone.
    """
    import html

    for path in report.rglob("*"):
        if path.is_file():
            if path.suffix == ".xlsx":
                with zipfile.ZipFile(path) as book:
                    yield (
                        path,
                        " ".join(
                            html.unescape(book.read(name).decode("utf-8", "ignore"))
                            for name in book.namelist()
                        ),
                    )
            else:
                yield path, html.unescape(path.read_text(encoding="utf-8", errors="ignore"))


@pytest.mark.long
def test_no_original_name_is_in_any_file(hidden, demo_book):
    names = {"Zénobie"}
    for table in demo_book.checks:
        frame = demo_book.table(table).execute()
        for column in PEOPLE:
            if column in frame:
                names |= {str(value) for value in frame[column].dropna().unique()}
        if table == "ledger":
            # lines of charges bear the names of accounts
            names |= set(frame.label[frame.account.str.startswith("41")].dropna())
    names = {name for name in names if len(name) > 3}
    assert len(names) > 10_000 and {"C0007", "Claire Besson", "Groupe Hôtelier Brévent"} <= names
    # a name is looked for only where this word of it stands
    longest = {name: max(re.findall(r"\w+", name), key=len) for name in names}
    found = {}
    for path, content in texts(hidden[1]):
        text = f"{path.relative_to(hidden[1])} {content}"
        words = set(re.findall(r"\w+", text))
        found |= {name: path.name for name in names if longest[name] in words and name in text}
    assert found == {}
    with (hidden[1] / "lists" / "verbatims.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["verbatim"] for row in rows} == {"", "non communiqué"} and {
        row["words"] for row in rows
    } == {"", "non communiqué"}


def test_a_person_is_one_pseudonym_in_every_file_and_the_key_is_in_none(hidden):
    folder, report = hidden
    key = (folder / KEY_FILE).read_text(encoding="ascii").strip()
    assert stat.S_IMODE((folder / KEY_FILE).stat().st_mode) == 0o600
    late, person = pseudonym(key, "C", "C0007"), pseudonym(key, "S", "Claire Besson")
    with_customer = {path.name for path, text in texts(report) if late in text}
    assert {
        "sales_gaps.csv",
        "sales_gaps.html",
        "portfolio_audit.html",
        "annex.xlsx",
        "strategy.csv",
        "standing.csv",
    } <= with_customer
    assert {"salespeople.csv", "sales_gaps.html", "annex.xlsx"} <= {
        path.name for path, text in texts(report) if person in text
    }
    assert not [path for path, text in texts(report) if key in text or KEY_FILE in path.name]
    assert (report / "calendars" / f"{person.lower()}.ics").is_file()


def test_figures_are_those_of_the_report_with_names(hidden, demo_reports):
    """Values, not intervals: draws follow the order of customers, which is another now;
    so does who is left alone of the last-chance proposals.
    """
    plain, other = (
        json.loads((report / "figures.json").read_text(encoding="utf-8"))["figures"]
        for report in (demo_reports["fr"], hidden[1])
    )
    values = {name: (plain[name]["value"], other[name]["value"]) for name in plain}
    assert {
        name
        for name, (one, two) in values.items()
        if one != two and one != pytest.approx(two, rel=1e-9)
    } == {"last_chance_value"}


def test_nothing_is_compared_with_a_report_of_other_names(hidden):
    folder, report = hidden
    engagement, later = load_engagement(folder), dt.date(2026, 12, 31)
    key = fingerprint((folder / KEY_FILE).read_text(encoding="ascii").strip())
    assert json.loads((report / "manifest.json").read_text(encoding="utf-8"))["pseudonyms"] == key
    assert find_earlier(report.parent, engagement, later, key)[0] == report.resolve()
    assert (
        find_earlier(report.parent, engagement, later)[0] is None
        and find_earlier(report.parent, engagement, later, "another")[0] is None
    )


@pytest.mark.long
def test_pseudonyms_hang_on_the_key_alone(make_engagement):
    rows = [
        ["customer_id", "date", "amount", "salesperson"],
        ["A", "2024-01-15", "10", "Ann"],
        ["B", "2024-02-15", "20", "Ann"],
        ["B", "bad", "x", "Bob"],
    ]
    one, other = (make_engagement(name, tables={"sales": rows}) for name in ("one", "other"))
    first = open_book(one, anonymise=True).table("sales").execute()
    assert open_book(one, "2024-12-31", anonymise=True).table("sales").execute().equals(first)
    assert set(open_book(other, anonymise=True).table("sales").execute().customer_id).isdisjoint(
        first.customer_id
    )
    shutil.copy(one / KEY_FILE, other / KEY_FILE)
    assert open_book(other, anonymise=True).table("sales").execute().equals(first)
    assert set(open_book(one).table("sales").execute().customer_id) == {"A", "B"}
    assert open_book(one, anonymise=True).table(
        "quarantine"
    ).execute().original_values.tolist() == ["{}"]
    (other / KEY_FILE).write_text("short", encoding="ascii")
    with pytest.raises(CarnetError, match="64 hexadecimal digits"):
        open_book(other, anonymise=True)


def test_a_ledger_names_nobody():
    """Third parties' accounts and labels, texts and pieces of lines,
    order and entry numbers made of pieces.
    """
    con = duckdb.connect()
    line = (
        "'VE|Dupont' AS entry, 'FAC-Dupont' AS piece, 'Dupont SA' AS label, 'Dupont' AS auxiliary, "
        "'Dupont SA' AS auxiliary_label, 'Dupont' AS customer_id"
    )
    accounts = [
        ("411DUPONT", "Dupont SA"),
        ("416000", "Dupont douteux"),
        ("491DUPONT", "Dépréciation Dupont"),
        ("654000", "Perte Dupont"),
        ("401X", "Dupont fournisseur"),
        ("707000", "Ventes"),
    ]
    con.execute(
        "CREATE TABLE accepted_ledger AS "
        + " UNION ALL ".join(
            f"SELECT '{account}' AS account, '{label}' AS account_label, {line}"
            for account, label in accounts
        )
    )
    con.execute(
        "CREATE TABLE accepted_sales AS SELECT 'Dupont' AS customer_id, 'FAC-Dupont' AS order_id, "
        "'Ventes' AS offer"
    )
    con.execute(
        "CREATE TABLE accepted_departures AS SELECT 'Dupont' AS customer_id, "
        "'Rival SA' AS competitor"
    )
    con.execute('CREATE TABLE quarantine AS SELECT \'{"a": "Dupont"}\' AS original_values')
    hide(con, "0" * 64, {"ledger", "sales", "departures"})
    rows = [
        row
        for table in ("accepted_ledger", "accepted_sales", "accepted_departures", "quarantine")
        for row in con.execute(f"FROM {table}").fetchall()
    ]
    assert "dupont" not in str(rows).lower() and "rival" not in str(rows).lower()
    assert [
        row[0][:3] for row in con.execute("SELECT account FROM accepted_ledger").fetchall()
    ] == [account[:3] for account, _ in accounts]
    assert con.execute(
        "SELECT account, account_label FROM accepted_ledger WHERE account[1] = '7'"
    ).fetchall() == [("707000", "Ventes")]
    assert con.execute(
        "SELECT count(DISTINCT customer_id) FROM (FROM accepted_sales SELECT customer_id UNION "
        "FROM accepted_ledger SELECT auxiliary)"
    ).fetchall() == [(1,)]


def test_reports_of_other_names_are_not_compared(hidden, demo_reports):
    done = run_carnet("compare", demo_reports["fr"], hidden[1])
    assert done.returncode == 2 and "donnent d’autres noms" in done.stderr
