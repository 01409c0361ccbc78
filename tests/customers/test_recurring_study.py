"""The subscription company: its planted stories, its recurring revenue computed by hand from the
files, and offers that recur in place of contracts.
"""

import csv
import datetime as dt
import importlib.util

import pytest
from carnet.book.book import open_book
from carnet.customers.indicators.recurring import RecurringStudy
from carnet.engagement.parameters import Parameters
from carnet.measures.indicators.recurring import STEPS, recurring_bridge

from tests.conftest import ROOT, page_text, run_carnet

SAAS = ROOT / "data" / "saas"
MONTHS = {"mensuel": 1, "annuel": 12}


@pytest.fixture(scope="module")
def study():
    return RecurringStudy(open_book(SAAS), Parameters())


def by_hand(day):
    """Σ amount ÷ months of the rows of the file that run on a day."""
    total = 0.0
    with (SAAS / "contrats.csv").open(encoding="utf-8") as stream:
        for row in csv.DictReader(stream, delimiter=";"):
            start, end = (
                row[name] and dt.datetime.strptime(row[name], "%d/%m/%Y").date()
                for name in ("Début", "Fin")
            )
            if start <= day and (not end or end >= day):
                total += float(row["Montant"]) / MONTHS[row["Périodicité"]]
    return total


def test_recurring_revenue_equals_the_files(study):
    t = study.bridge.set_index("day")
    for day in (dt.date(2024, 1, 31), dt.date(2024, 12, 31), dt.date(2025, 12, 31)):
        assert t.closing[day] == pytest.approx(by_hand(day), abs=0.005)
    assert study.figures["recurring_revenue_yearly"] == pytest.approx(
        12 * by_hand(dt.date(2025, 12, 31))
    )


def test_planted_stories(study):
    """S001 expansion, S002 contraction, S003 reactivation, S004 no movement and due in March."""
    only = study.monthly[study.monthly.customer_id.isin(["S001", "S002", "S003", "S004"])]
    t = recurring_bridge(only, range(len(study.ends)), earlier=["S001", "S002", "S003", "S004"])
    t = t.assign(day=[study.ends[p] for p in t.position]).set_index("day")
    found = {name: {str(d): v for d, v in t[t[name] != 0][name].items()} for name in STEPS}
    assert found == {
        "new": {},
        "expansion": {"2025-03-31": 480.0},
        "contraction": {"2025-07-31": -331.0},
        "churned": {"2024-07-31": -149.0},
        "reactivation": {"2025-09-30": 149.0},
    }
    term = study.renewals.set_index("customer_id").loc["S004"]
    assert (str(term.end)[:10], str(term.notice_date)[:10]) == ("2026-03-31", "2025-12-31")
    assert term.yearly_amount == 5760 and term["name"] == "Clinique des Ormes"


def test_offers_that_recur_stand_for_contracts(make_engagement):
    """A monthly offer invoiced on any day of the month, one by the year; another does not recur."""
    rows = [["customer_id", "date", "amount", "offer"]]
    rows += [
        ["A", f"{y}-{m:02d}-{3 + m % 20:02d}", "100", "Care"]
        for y in (2023, 2024)
        for m in range(1, 13)
    ]
    rows += [["B", "2024-03-15", "1200", "Licence"], ["A", "2024-05-05", "999", "Desk"]]
    rows += [["C", f"2024-{m:02d}-20", "50", "Care"] for m in range(1, 7)]
    folder = make_engagement(
        tables={"sales": rows}, as_of="2024-12-31", recurring={"Care": "month", "Licence": "year"}
    )
    found = RecurringStudy(open_book(folder), Parameters())
    t = found.bridge.set_index("day")
    assert t.closing[dt.date(2024, 12, 31)] == 200 and t.closing[dt.date(2024, 6, 30)] == 250
    assert t.churned[dt.date(2024, 7, 31)] == -50 and t.new[dt.date(2024, 3, 31)] == 100
    assert t.reactivation.sum() == 0
    assert not len(found.renewals), "nobody knows when an offer ends"


def test_page_of_the_subscription_company(tmp_path):
    done = run_carnet("run", SAAS, "-n", "kpi_tracking", "--out", tmp_path, kernels=False)
    assert done.returncode == 0, done.stderr
    page = page_text(next(tmp_path.glob("*/2025-12-31")) / "kpi_tracking.html")
    assert "revenu récurrent" in page and "Clinique des Ormes" in page
    assert (next(tmp_path.glob("*/2025-12-31")) / "lists" / "renewals.csv").is_file()


def test_the_generator_writes_the_same_bytes_again(tmp_path):
    spec = importlib.util.spec_from_file_location("saas_generate", SAAS / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.HERE = tmp_path
    module.main()
    for name in ("contrats.csv", "clients.csv", "departs.csv"):
        assert (tmp_path / name).read_bytes() == (SAAS / name).read_bytes()
