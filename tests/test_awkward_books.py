"""Books that break naive audits still give a report, with unknowns as unknown."""

import json

import pytest

from .conftest import ROOT, page_text, run_carnet, write_engagement

NOTEBOOKS = [path.stem for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
HEADER = ["customer_id", "date", "amount"]
BOOKS = {
    "one_customer": [HEADER, ["A", "2023-03-01", "100"], ["A", "2024-03-01", "80"], ["A", "2024-12-31", "10"]],
    "one_day": [HEADER, *([f"C{i}", "2024-12-31", str(10 + i)] for i in range(9))],
    "no_previous_period": [HEADER, *([f"C{i}", f"2024-{i + 1:02d}-15", "50"] for i in range(12))],
    "only_credit_notes": [HEADER, ["A", "2023-05-01", "-10"], ["B", "2024-05-01", "-20"]],
    "no_churn": [HEADER, *([f"C{i}", f"{year}-0{i + 1}-15", "50"] for i in range(9) for year in (2022, 2023, 2024))],
    "nothing_now": [HEADER, ["A", "2022-05-01", "10"], ["B", "2023-11-01", "20"], ["B", "2022-11-01", "20"]],
    "negative_revenue": [
        HEADER,
        ["A", "2023-05-01", "10"],
        ["A", "2024-05-01", "-500"],
        ["B", "2023-05-01", "5"],
        ["B", "2024-06-01", "5"],
    ],
}


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """All books audited by one command: the folder that holds a folder a client."""
    home = tmp_path_factory.mktemp("awkward")
    folders = [
        write_engagement(home, name, client=name, tables={"sales": rows}, as_of="2024-12-31", language="fr") for name, rows in BOOKS.items()
    ]
    done = run_carnet("run", *folders, "--out", home / "out")
    assert done.returncode == 0, done.stderr
    return home / "out"


@pytest.mark.parametrize("page", ["index", *NOTEBOOKS])
@pytest.mark.parametrize("name", BOOKS)
def test_no_page_prints_an_unknown_as_a_number(reports, name, page):
    path = reports / name.replace("_", "-") / "2024-12-31" / f"{page}.html"
    text = page_text(path)
    assert not any(word in text for word in (">nan<", "nan ", "NaN", "None", "inf ", "Timestamp", "Warning"))
    assert {other.stem for other in path.parent.glob("*.html")} == {"index", *NOTEBOOKS}


@pytest.mark.parametrize("name", BOOKS)
def test_awkward_book_is_audited(reports, name):
    report = reports / name.replace("_", "-") / "2024-12-31"
    figures = {key: figure["value"] for key, figure in json.loads((report / "figures.json").read_text(encoding="utf-8"))["figures"].items()}
    amounts = [(row[1], float(row[2])) for row in BOOKS[name][1:]]
    assert figures["revenue"] == pytest.approx(sum(a for day, a in amounts if day.startswith("2024")))
    expected = {
        "one_customer": {"retention_rate": 1, "top_1_share": 1, "gini_index": 0, "herfindahl_index": 1, "half_life_years": None},
        "one_day": {
            "retention_rate": None,
            "revenue_previous": None,
            "new_customer_count": None,
            "order_count": 9,
            "active_customer_count": 9,
        },
        "no_previous_period": {"retention_rate": None, "revenue_previous": None, "late_customer_count": None, "repeat_customer_rate": 0},
        "only_credit_notes": {"active_customer_count": 0, "average_basket": None, "top_1_share": None, "retention_rate": None},
        "no_churn": {"retention_rate": 1, "attrition_rate": 0, "revenue_lost": 0, "late_customer_count": 0},
        "nothing_now": {
            "active_customer_count": 0,
            "lost_customer_count": 0,
            "not_due_customer_count": 1,
            "retention_rate": None,
            "average_basket": None,
        },
        "negative_revenue": {
            "lost_customer_count": 1,
            "not_due_customer_count": 0,
            "gross_revenue_retention": 1 / 3,
            "net_revenue_retention": -33,
        },
    }[name]
    assert {key: figures[key] for key in expected} == pytest.approx(expected)


def test_book_without_sales_says_what_is_missing(make_engagement, tmp_path):
    folder = make_engagement(
        tables={"summary": [["period_start", "period_end", "measure", "value"], ["2024-01-01", "2024-12-31", "revenue", "5"]]},
        as_of="2024-12-31",
    )
    done = run_carnet("run", folder, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    report = tmp_path / "out" / "test-sa" / "2024-12-31"
    assert "Not measured: this section needs the table sales with customer_id, date, amount." in page_text(report / "portfolio_audit.html")
    figures = json.loads((report / "figures.json").read_text(encoding="utf-8"))["figures"]
    assert {name for name, figure in figures.items() if figure["value"] is not None} == {"revenue"}


def test_period_whose_sales_cancel_out_has_costs_and_no_break_even(make_engagement, tmp_path):
    sales = [HEADER, ["A", "2023-05-01", "10"], ["A", "2024-05-01", "10"], ["A", "2024-06-01", "-10"]]
    rent = [["period_start", "period_end", "category", "amount", "behaviour"], ["2023-01-01", "2024-12-31", "rent", "731", "fixed"]]
    folder = make_engagement(tables={"sales": sales, "costs": rent}, as_of="2024-12-31")
    done = run_carnet("run", folder, "--out", tmp_path / "out", "-n", "cost_structure")
    assert done.returncode == 0, done.stderr
    report = tmp_path / "out" / "test-sa" / "2024-12-31"
    page = page_text(report / "cost_structure.html")
    assert "there is no revenue in this period" in page and "Every sale loses money" not in page and "Warning" not in page
    figures = json.loads((report / "figures.json").read_text(encoding="utf-8"))["figures"]
    assert figures["net_margin"]["value"] == -366 and figures["break_even_revenue"]["value"] is None
