"""The notebook retention_plan, and the accounts of portfolio_audit,
on books that hold one thing only, on odd input, and on a real book.
"""

import datetime as dt
import json
import math
import re

import pandas as pd
import pytest
from carnet.book.book import open_book
from carnet.book.mapped import frame
from carnet.customers.accounts.account_list import account_list
from carnet.customers.accounts.profits import Rates
from carnet.customers.retention.customer_value import newcomer_years
from carnet.customers.retention.study import RetentionStudy
from carnet.engagement.file import load_engagement
from carnet.engagement.parameters import read_parameters
from carnet.errors import CarnetError
from carnet.exhibits.exhibit import Exhibit
from carnet.sections import retention_plan

from tests.conftest import run_carnet, said_by, write_engagement

SALES = ["customer_id", "date", "amount", "cost"]
YEARS = (2022, 2023, 2024)
STAY = [
    [f"S{i:02d}", f"{year}-{month:02d}-1{i % 9}", str(100 + 7 * i), "50"]
    for i in range(20)
    for year in YEARS
    for month in (2, 6, 10)
]
LEAVE = [
    [f"L{i}", f"{year}-{month:02d}-05", "300", "120"]
    for i in range(10)
    for year, month in ((2022, 2), (2022, 5), (2022, 8), (2022, 11), (2023, 1 + i))
]
COME = [
    [f"N{i:02d}", day, "200", "90"]
    for i in range(12)
    for day in (f"2023-0{1 + i % 9}-20", f"2024-0{1 + i % 9}-20")
]
ARRIVE = [[f"A{i}", f"2024-0{1 + i}-20", "150", "60"] for i in range(8)]
COSTS = [
    ["period_start", "period_end", "category", "amount", "behaviour"],
    *([f"{y}-01-01", f"{y}-12-31", "Achats", "4000", "variable"] for y in YEARS),
]
BOOKS = {
    "profit": {
        "sales": [SALES, *STAY, *LEAVE, *COME, *ARRIVE],
        "costs": [
            *COSTS,
            *([f"{y}-01-01", f"{y}-12-31", "Loyer", "500", "fixed"] for y in YEARS),
            *([f"{y}-01-01", f"{y}-12-31", "Salons", "800", "acquisition"] for y in YEARS),
        ],
        "opportunities": [["customer_id", "opened"], ["S01", "2024-05-01"], ["A1", "2023-05-01"]],
        "customers": [
            ["customer_id", "name", "potential"],
            ["S01", "=cmd|' /C calc'!A1", "90000"],
            ["S02", "<img src=x> $a$", "0"],
            ["Z9", "Never bought", "5000"],
        ],
    },
    "no_acquisition": {"sales": [SALES, *STAY, *LEAVE, *COME, *ARRIVE], "costs": COSTS},
    "everybody_left": {"sales": [SALES, *LEAVE]},
    "sales_only": {
        "sales": [
            ["customer_id", "date", "amount"],
            *([row[0], row[1], row[2]] for row in [*STAY, *LEAVE]),
        ],
        "service": [
            ["customer_id", "date", "activity"],
            ["S01", "2024-05-01", ""],
            ["S02", "2024-05-01", "Visite"],
        ],
    },
}
EXTRA = {
    "profit": {
        "maturity": {
            "loyalty_measured": {"answer": True, "evidence": "<b>tableau</b>"},
            "statistics": {"answer": "no"},
        },
        "sector": "services",
    },
    "sales_only": {"comparison": "year_to_date", "as_of": "2024-09-30"},
}


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """All books audited by one command."""
    home = tmp_path_factory.mktemp("retention")
    folders = [
        write_engagement(
            home,
            name,
            **{"client": name, "tables": tables, "language": "en", "as_of": "2024-12-31"}
            | EXTRA.get(name, {}),
        )
        for name, tables in BOOKS.items()
    ]
    done = run_carnet(
        "run",
        *folders,
        "--out",
        home / "out",
        "-n",
        "retention_plan",
        "-n",
        "portfolio_audit",
        kernels=False,
    )
    assert done.returncode == 1, "an activity without a name is set aside: " + done.stderr
    return {name: next((home / "out" / name.replace("_", "-")).iterdir()) for name in BOOKS}


def text_of(report, page="retention_plan"):
    html = said_by(report, page)
    return re.sub(r"<style.*?</style>|data:image/png;base64,[^\"]+", "", html, flags=re.S)


def figures_of(report):
    return {
        name: f["value"]
        for name, f in json.loads((report / "figures.json").read_text(encoding="utf-8"))[
            "figures"
        ].items()
    }


@pytest.mark.parametrize("name", BOOKS)
def test_book_is_audited_with_unknowns_as_unknown(reports, name):
    for page in ("retention_plan", "portfolio_audit"):
        assert not any(
            word in text_of(reports[name], page)
            for word in (">nan<", "nan ", "NaN", "None", "inf ", "Timestamp", "&lt;NA&gt;")
        )
    listed = pd.read_csv(reports[name] / "lists" / "strategy.csv", dtype={"customer_id": str})
    recent = {row[0] for row in BOOKS[name]["sales"][1:] if row[1] >= "2023"}
    assert (
        set(listed.customer_id) == recent
        and listed.reason.notna().all()
        and listed.strategy.notna().all()
    )


def test_years_of_newcomers_begin_on_their_own_day(make_engagement):
    """Orders every 100 days make a newcomer of who first ordered more than 300 days after the book
    began. Years from 29 February begin on the last day of February, and end the day before.
    """
    began = dt.date(2019, 1, 31)
    days = [began + dt.timedelta(days=100 * n) for n in range(18)]
    rows = [
        *(["OLD", day] for day in days),
        *(["AT", day] for day in days[3:7]),
        *(["AFTER", day + dt.timedelta(days=1)] for day in days[3:7]),
        *(["LEAP", f"{day}"] for day in ("2020-02-29", "2021-02-27", "2021-02-28", "2023-02-28")),
    ]
    lines = [[customer, f"{day}", "10", "4"] for customer, day in rows]
    sales = [SALES, *lines, ["LEAP", "2023-03-05", "-10", "-4"]]
    book = open_book(make_engagement(as_of="2024-02-28", tables={"sales": sales}))
    t = newcomer_years(book).sort_values(["customer_id", "year"])
    assert book.span.usual_interval_days == 100
    assert t[t.customer_id == "AFTER"].year.tolist() == [0, 1, 2, 3]  # to 27 November 2023
    leap = t[t.customer_id == "LEAP"]
    assert set(t.customer_id) == {"AFTER", "LEAP"}
    # two orders by 27 February 2021, one on the 28th, none in the third year; the fourth
    # ends on 28 February 2024, the eve of the 29th, with an order and its return
    assert leap[["year", "bought"]].to_numpy().tolist() == [[0, 1], [1, 1], [2, 0], [3, 1]]
    assert leap.margin.tolist() == pytest.approx([12, 6, 0, 0])


def test_profits_and_prices_are_those_of_the_book(reports):
    """Closed form: 30 or 22 customers, the ten that left brought 120 of 300 at cost each in their
    last year, twice.
    """
    figures = figures_of(reports["profit"])
    rate = 1 - 120 / 300
    assert figures["retention_rate"] == pytest.approx(32 / 42)
    lost = [
        sum(
            300
            for _, day in LEAVE_OF(i)
            if day > pd.Timestamp(f"2023-{1 + i:02d}-05") - pd.DateOffset(years=1)
        )
        * rate
        for i in range(10)
    ]
    assert figures["halving_profit_effect"] == pytest.approx((10 / 42 / 2) * 40 * sum(lost) / 10)
    assert "of today’s profit, where [25% to 50%] is quoted" in text_of(reports["profit"])
    assert figures["replacement_ratio"] is None, (
        "no newcomer was followed for two years: nothing is known of staying"
    )
    assert figures["retention_budget"] >= 0
    what_if = pd.read_csv(reports["profit"] / "lists" / "what_if.csv")
    same = what_if[(what_if[["retention_step", "cost_step", "margin_step"]] == 0).all(axis=1)]
    revenue = sum(float(row[2]) for row in BOOKS["profit"]["sales"][1:] if row[1] >= "2024")
    assert len(what_if) == 27 and same.profit.tolist() == pytest.approx(
        [revenue - 4000 - 500 - 800]
    )


def LEAVE_OF(i):
    return [(row[0], pd.Timestamp(row[1])) for row in LEAVE if row[0] == f"L{i}"]


def test_costs_without_acquisition_still_give_the_what_if(reports):
    assert len(pd.read_csv(reports["no_acquisition"] / "lists" / "what_if.csv")) == 9


def test_what_is_missing_is_named(reports):
    page = text_of(reports["sales_only"])
    assert (
        "this section needs the table costs" in page
        and "this section needs the table opportunities" in page
    )
    assert figures_of(reports["sales_only"])["retention_budget"] is None, (
        "no margin is known: no budget, not a budget of zero"
    )
    accounts = text_of(reports["no_acquisition"], "portfolio_audit")
    assert (
        "Too few signs of a relationship are measured" in accounts
        and "this section needs the table customers with potential" in accounts
    )
    assert figures_of(reports["no_acquisition"])["relationship_customer_count"] is None
    assert (
        "1 customer of the list with a potential bought nothing in two years, €5,000 in all"
        in text_of(reports["profit"], "portfolio_audit")
    )


def test_hostile_names_are_text(reports):
    for page in ("retention_plan", "portfolio_audit"):
        assert "<img src=x>" not in text_of(
            reports["profit"], page
        ) and "<b>tableau" not in text_of(reports["profit"], page)
    listed = (reports["profit"] / "lists" / "strategy.csv").read_text(encoding="utf-8")
    assert "'=cmd" in listed and ",=cmd" not in listed


def test_questions_are_answered_as_the_engagement_says(reports):
    page = text_of(reports["profit"], "portfolio_audit")
    assert (
        "&lt;b&gt;tableau&lt;/b&gt;" in page
        and "no evidence given" in page
        and "not answered" in page
    )


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"sector": "b2b_distributor"}, "did you mean 'b2b_distribution'"),
        ({"sector": "../own.yml"}, "is not a file inside the engagement's folder"),
        ({"maturity": {"loyalty": {"answer": "yes"}}}, "did you mean 'loyalty_measured'"),
        ({"maturity": {"statistics": {"answer": "maybe"}}}, "Accepted: yes, partly, no"),
        ({"maturity": {"statistics": True}}, "is expected"),
        ({"maturity": [1]}, "a mapping of the questions"),
    ],
)
def test_a_wrong_sector_or_answer_is_refused(make_engagement, content, told):
    folder = make_engagement(tables={"sales": [SALES[:3], ["A", "2024-01-01", "1"]]}, **content)
    with pytest.raises(
        CarnetError, match=r"engagement\.yml line \d+: (sector|maturity)"
    ) as refusal:
        load_engagement(folder)
    assert told in str(refusal.value)


@pytest.mark.long
def test_contacts_that_were_not_exported_are_no_neglect(make_engagement):
    """A service table that stops early says nothing of the months after it: unknown, not zero."""
    visits = [
        ["customer_id", "date", "activity"],
        *([f"S{i:02d}", f"{year}-10-05", "Visite"] for i in range(20) for year in (2022, 2023)),
    ]
    book = open_book(
        make_engagement(tables={"sales": [SALES, *STAY], "service": visits}, as_of="2024-12-31")
    )
    t = frame(account_list(book, 0.8, 0.95, Rates()))
    assert t.contact_count.isna().all() and (t.contact_count_previous == 1).all()


def test_adventureworks_has_no_profit_to_compare_with(real_books, tmp_path):
    """Sales only, goods sold under their cost: effects in money, nobody is called a relationship,
    everybody has a strategy.
    """
    columns = dict(
        customer_id="ResellerKey",
        date="OrderDate",
        amount="SalesAmount",
        order_id="SalesOrderNumber",
        cost="TotalProductCost",
        salesperson="EmployeeKey",
    )
    source = real_books / "adventureworks" / "FactResellerSales.csv"
    file = (
        next((real_books / "adventureworks").glob("*eseller*ales*"))
        if not source.is_file()
        else source
    )
    folder = write_engagement(tmp_path, tables={"sales": {"files": file.name, "columns": columns}})
    (folder / file.name).write_bytes(file.read_bytes())
    done = run_carnet(
        "run",
        folder,
        "--out",
        tmp_path / "out",
        "-n",
        "retention_plan",
        "-n",
        "portfolio_audit",
        kernels=False,
    )
    assert done.returncode in (0, 1), done.stderr
    report = next((tmp_path / "out" / "test-sa").iterdir())
    figures = figures_of(report)
    assert (
        figures["relationship_customer_count"] is None
        and figures["halving_profit_effect"] < 0
        and figures["net_margin"] is None
    )
    assert sum(figures[f"{name}_customer_count"] for name in ("serve", "rekindle")) == len(
        pd.read_csv(report / "lists" / "strategy.csv").query("strategy != 'gone'")
    )


@pytest.mark.long
def test_what_no_margin_tells_is_no_budget_of_nothing(make_engagement):
    """Sales without a cost: no table of customers worth an action; totals are unknown, not 0."""
    cost = SALES.index("cost")
    rows = [row[:cost] + row[cost + 1 :] for row in (SALES, *STAY)]
    book = open_book(make_engagement(tables={"sales": rows}, as_of="2024-12-31"))
    study = RetentionStudy(book, read_parameters({}))
    assert len(study.decided.execute()) == 20 and not study.budgets_known
    assert all(math.isnan(total) for total in study.other_totals.values())
    shown = [item for item in retention_plan.budgets(study).shown if isinstance(item, Exhibit)]
    assert shown == []
