"""Books that break naive audits still give a report, with unknowns as unknown."""

import html
import json
import re

import numpy as np
import pandas as pd
import pytest
from carnet.shipped import report_notebooks

from tests.conftest import page_text, run_carnet, said_by, write_engagement

NOTEBOOKS = [path.stem for path in report_notebooks()]
HEADER = ["customer_id", "date", "amount"]


def few_large_orders():
    """40 customers that order at random twice or thrice a year for amounts of any size,
    and now and then send nearly all of it back.
    """
    rng = np.random.default_rng(14)
    rows = [[*HEADER, "cost"]]
    for c in range(40):
        day = pd.Timestamp("2019-01-01") + pd.Timedelta(days=int(rng.integers(150)))
        while day <= pd.Timestamp("2024-12-31"):
            amount = round(float(np.exp(rng.normal(7, 1.6))), 2)
            rows.append([f"C{c:02d}", f"{day:%Y-%m-%d}", f"{amount}", f"{amount * 0.75:.2f}"])
            if rng.random() < 0.15:
                back = min(day + pd.Timedelta(days=20), pd.Timestamp("2024-12-31"))
                rows.append(
                    [
                        f"C{c:02d}",
                        f"{back:%Y-%m-%d}",
                        f"{-0.9 * amount:.2f}",
                        f"{-0.675 * amount:.2f}",
                    ]
                )
            day += pd.Timedelta(days=1 + int(rng.exponential(145)))
    return rows


BOOKS = {
    "one_customer": [
        HEADER,
        ["A", "2023-03-01", "100"],
        ["A", "2024-03-01", "80"],
        ["A", "2024-12-31", "10"],
    ],
    "one_day": [HEADER, *([f"C{i}", "2024-12-31", str(10 + i)] for i in range(9))],
    "no_previous_period": [HEADER, *([f"C{i}", f"2024-{i + 1:02d}-15", "50"] for i in range(12))],
    "only_credit_notes": [HEADER, ["A", "2023-05-01", "-10"], ["B", "2024-05-01", "-20"]],
    "no_churn": [
        HEADER,
        *([f"C{i}", f"{year}-0{i + 1}-15", "50"] for i in range(9) for year in (2022, 2023, 2024)),
    ],
    "nothing_now": [
        HEADER,
        ["A", "2022-05-01", "10"],
        ["B", "2023-11-01", "20"],
        ["B", "2022-11-01", "20"],
    ],
    "negative_revenue": [
        HEADER,
        ["A", "2023-05-01", "10"],
        ["A", "2024-05-01", "-500"],
        ["B", "2023-05-01", "5"],
        ["B", "2024-06-01", "5"],
    ],
    "next_to_nothing_before": [
        HEADER,
        ["C00", "2023-01-05", "10.3"],
        *(
            [f"C{c:02d}", f"2024-{month:02d}-{c + 1:02d}", "85"]
            for c in range(20)
            for month in range(1, 13)
        ),
    ],
    "subscribers": [  # 60 pay 20 a month; a quarter left in the course of 2023
        HEADER,
        *(
            [f"S{c:02d}", f"{year}-{month:02d}-01", str(20 + c % 3)]
            for c in range(60)
            for year in (2021, 2022, 2023, 2024)
            for month in range(1, 13)
            if c >= 15 or (year, month) <= (2023, c % 12 + 1)
        ),
    ],
    "few_large_orders": few_large_orders(),
    "offers": [  # some lines name none, some tell no quantity
        [*HEADER, "offer", "quantity"],
        *(
            [
                f"C{c:02d}",
                f"{year}-{month:02d}-{c % 27 + 1:02d}",
                str(20 + c + month),
                ("Paper", "Soap", "Gloves", "")[(c + month) % 4],
                ("1", "2", "")[(c + year) % 3],
            ]
            for c in range(25)
            for year in (2022, 2023, 2024)
            for month in range(1, 13, 1 + c % 4)
        ),
    ],
}


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """All books audited by one command: the folder that holds a folder a client."""
    home = tmp_path_factory.mktemp("awkward")
    folders = [
        write_engagement(
            home, name, client=name, tables={"sales": rows}, as_of="2024-12-31", language="fr"
        )
        for name, rows in BOOKS.items()
    ]
    done = run_carnet("run", *folders, "--out", home / "out", kernels=False)
    assert done.returncode == 0, done.stderr
    return home / "out"


def pages_of(reports, name):
    """Every page of a report, those of accounts and salespeople too."""
    return sorted((reports / name.replace("_", "-") / "2024-12-31").rglob("*.html"))


@pytest.mark.parametrize("name", BOOKS)
def test_no_page_prints_an_unknown_as_a_number(reports, name):
    words = (">nan<", "nan ", "NaN", "None", "inf ", "Timestamp", "Warning")
    pages = {path.stem: page_text(path) for path in pages_of(reports, name)}
    assert {page: word for page, text in pages.items() for word in words if word in text} == {}
    assert {"index", "annex", "portfolio_audit"} <= set(pages)
    beside = {"index", "annex", "accounts", "unassigned"}
    assert set(pages) <= beside | set(NOTEBOOKS)


# --- what no sentence may say, in either language; beside each rule what it was found in

NUMBER = r"([-−+]?\d[\d,.]*)%"
CAME_BACK = r"came back|come back|comes back|regain|rebound|revenu|regagn|récupér"
RULES = {
    "more than all, or less than nothing, came back": (
        "In earlier years 722% of such a group's gap came back"
    ),
    "growth from next to nothing": "Revenue grew by 195,406.5%",
    "nobody is named": "3 accounts were once bigger, first of all nobody.",
    "an interval wider than its range": "the range is [-338% to 603%]",
    "a bootstrap knows nothing of swings": "this is within ordinary swings",
    "a whole portfolio is no relationship": "one relationship carries 43.4% of the revenue",
}


def number(text):
    return float(
        text.replace("−", "-")
        .replace("+", "")
        .replace(",", "" if re.search(r",\d{3}(\D|$)", text) else ".")
    )


def broken_rules(sentence):
    """The rules that a sentence breaks; spaces within numbers, and those that do not break,
    are taken out first.
    """
    text = re.sub(r"[\u2060\u202f]|(?<=\d)\xa0(?=\d)|\xa0(?=%)", "", sentence)
    shares = [number(found) for found in re.findall(NUMBER, text)]
    pairs = re.findall(rf"\[{NUMBER} (?:to|à) {NUMBER}\]", text)
    return {
        rule
        for rule, broken in {
            "more than all, or less than nothing, came back": re.search(CAME_BACK, text)
            and any(not 0 <= share <= 100 for share in shares),
            "growth from next to nothing": any(abs(share) > 1000 for share in shares),
            "nobody is named": re.search(
                r"first of all (nobody|no one)|d’abord personne|: (nobody|personne)[.,;)]", text
            ),
            "an interval wider than its range": any(
                number(high) - number(low) > 100 for low, high in pairs
            ),
            "a bootstrap knows nothing of swings": re.search(
                r"ordinary swings|oscillations ordinaires|variations ordinaires", text
            ),
            "a whole portfolio is no relationship": re.search(
                r"[Oo]ne relationship|seule relation", text
            ),
        }.items()
        if broken
    }


@pytest.mark.parametrize("rule", RULES)
def test_rule_finds_the_sentence_it_was_made_for(rule):
    assert rule in broken_rules(RULES[rule])
    assert not broken_rules(
        "In earlier years 42% of such a group's gap came back [12% to 80%]; nobody else is late."
    )
    assert broken_rules("Dans les années passées, −4\xa0% de l’écart est revenu") == {
        "more than all, or less than nothing, came back"
    }


@pytest.mark.parametrize("name", BOOKS)
def test_no_sentence_says_what_cannot_be(reports, name):
    """Of any page, and of the notebooks: what a page leaves out is said there."""
    wrong = {}
    for path in pages_of(reports, name):
        plain = re.sub(r"</?(b|em|strong|span|a)\b[^>]*>", "", page_text(path))
        for line in re.sub(r"<[^>]+>", "\n", plain).splitlines():
            wrong[path.stem, line.strip()] = broken_rules(html.unescape(line))
    for path in (pages_of(reports, name)[0].parent / "notebooks").glob("*.ipynb"):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            for output in cell.get("outputs", []):
                text = output.get("data", {}).get("text/plain", "")
                for line in "".join(text).splitlines():
                    wrong[path.stem, line] = broken_rules(line)
    assert len(wrong) > 300
    assert {line: rules for line, rules in wrong.items() if rules} == {}


@pytest.mark.parametrize("name", BOOKS)
def test_shares_of_a_whole_lie_between_none_and_all(reports, name):
    figures = json.loads(
        (reports / name.replace("_", "-") / "2024-12-31" / "figures.json").read_text(
            encoding="utf-8"
        )
    )["figures"]
    shares = [
        key
        for key in figures
        if key.endswith(("_share", "retention_rate", "attrition_rate", "customer_rate", "win_rate"))
    ]
    told = {
        key: [
            figures[key][end] for end in ("value", "low", "high") if figures[key][end] is not None
        ]
        for key in shares
    }
    assert {
        key: values
        for key, values in told.items()
        if any(not -1e-9 <= value <= 1 + 1e-9 for value in values)
    } == {}


def test_who_pays_every_month_is_not_promising(reports):
    """All subscribers pay as often: those who still do are neither new nor promising,
    those who left are not loyal.
    """
    segments = pd.read_csv(reports / "subscribers" / "2024-12-31" / "lists" / "segments.csv")
    current = segments[segments.days_since_last_order <= 31]
    assert len(current) == 45 and not set(current.segment) & {
        "promising",
        "new",
        "prometteurs",
        "nouveaux",
    }


@pytest.mark.parametrize("name", BOOKS)
def test_awkward_book_is_audited(reports, name):
    report = reports / name.replace("_", "-") / "2024-12-31"
    figures = {
        key: figure["value"]
        for key, figure in json.loads((report / "figures.json").read_text(encoding="utf-8"))[
            "figures"
        ].items()
    }
    amounts = [(row[1], float(row[2])) for row in BOOKS[name][1:]]
    assert figures["revenue"] == pytest.approx(
        sum(a for day, a in amounts if day.startswith("2024"))
    )
    expected = {
        "one_customer": {
            "retention_rate": 1,
            "top_1_share": 1,
            "gini_index": 0,
            "herfindahl_index": 1,
            "half_life_years": None,
        },
        "one_day": {
            "retention_rate": None,
            "revenue_previous": None,
            "new_customer_count": None,
            "order_count": 9,
            "active_customer_count": 9,
        },
        "no_previous_period": {
            "retention_rate": None,
            "revenue_previous": None,
            "late_customer_count": None,
            "repeat_customer_rate": 0,
        },
        "only_credit_notes": {
            "active_customer_count": 0,
            "average_basket": None,
            "top_1_share": None,
            "retention_rate": None,
        },
        "offers": {
            "retention_rate": 1,
            "active_customer_count": 25,
            "recurring_revenue": None,
        },
        "no_churn": {
            "retention_rate": 1,
            "attrition_rate": 0,
            "revenue_lost": 0,
            "late_customer_count": 0,
        },
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
        "next_to_nothing_before": {
            "revenue_previous": 10.3,
            "retention_rate": 1,
            "active_customer_count": 20,
        },
        "subscribers": {
            "active_customer_count": 45,
            "lost_customer_count": 15,
            "retention_rate": 45 / 60,
            "not_due_customer_count": 0,
        },
        "few_large_orders": {"costed_revenue_share": 1},
    }[name]
    assert {key: figures[key] for key in expected} == pytest.approx(expected)


@pytest.mark.long
def test_book_without_sales_says_what_is_missing(make_engagement, tmp_path):
    folder = make_engagement(
        tables={
            "summary": [
                ["period_start", "period_end", "measure", "value"],
                ["2024-01-01", "2024-12-31", "revenue", "5"],
            ]
        },
        as_of="2024-12-31",
    )
    done = run_carnet("run", folder, "--out", tmp_path / "out", kernels=False)
    assert done.returncode == 0, done.stderr
    report = tmp_path / "out" / "test-sa" / "2024-12-31"
    index = page_text(report / "index.html")
    missing = index[index.index('<h2 id="missing">') :]
    line = missing[missing.index("<b>sales (customer_id, date, amount)</b>:") :]
    assert "How did revenue move?" in line[: line.index("</li>")]
    assert not (report / "portfolio_audit.html").exists(), "a page without an answer"
    figures = json.loads((report / "figures.json").read_text(encoding="utf-8"))["figures"]
    assert {name for name, figure in figures.items() if figure["value"] is not None} == {"revenue"}


@pytest.mark.long
def test_period_whose_sales_cancel_out_has_costs_and_no_break_even(make_engagement, tmp_path):
    sales = [
        HEADER,
        ["A", "2023-05-01", "10"],
        ["A", "2024-05-01", "10"],
        ["A", "2024-06-01", "-10"],
    ]
    rent = [
        ["period_start", "period_end", "category", "amount", "behaviour"],
        ["2023-01-01", "2024-12-31", "rent", "731", "fixed"],
    ]
    folder = make_engagement(tables={"sales": sales, "costs": rent}, as_of="2024-12-31")
    done = run_carnet(
        "run", folder, "--out", tmp_path / "out", "-n", "cost_structure", kernels=False
    )
    assert done.returncode == 0, done.stderr
    report = tmp_path / "out" / "test-sa" / "2024-12-31"
    page = said_by(report, "cost_structure")
    assert (
        "there is no revenue in this period" in page
        and "Every sale loses money" not in page
        and "Warning" not in page
    )
    figures = json.loads((report / "figures.json").read_text(encoding="utf-8"))["figures"]
    assert figures["net_margin"]["value"] == -366 and figures["break_even_revenue"]["value"] is None


# --- tables that tell less than they could

# of every table its columns but those of numbers that it may do without
WITHOUT_NUMBERS = {
    "sales": "customer_id date amount order_id product offer salesperson contact channel",
    "customers": "customer_id name segment sector region salesperson since",
    "service": "customer_id date activity contact salesperson status closed",
    "opportunities": "customer_id opened salesperson closed stage product competitor",
    "receivables": "customer_id invoice_date amount due_date paid_date status",
    "satisfaction": "customer_id date score comment respondent",
    "departures": "customer_id date reason verbatim told_by competitor",
    "contracts": "customer_id start amount end period product",
    "costs": "period_start period_end category amount behaviour label customer_id",
}


def told(role, number):
    """A value of a role in the n-th row of its table."""
    year, month, day = 2022 + number % 3, number % 12 + 1, number % 27 + 1
    days = ("date", "opened", "invoice_date", "start", "since", "period_start")
    later = ("closed", "due_date", "paid_date", "end", "period_end")
    texts = {
        "activity": ("Visite", "Réclamation", "Appel")[number % 3],
        "stage": ("won", "lost", "open")[number % 3],
        "status": ("", "open", "closed")[number % 3],
        "told_by": ("customer", "salesperson")[number % 2],
        "behaviour": ("fixed", "variable")[number % 2],
        "period": ("month", "year")[number % 2],
        "reason": ("prix", "concurrence", "")[number % 3],
        "verbatim": "trop cher" if number % 2 else "",
        "category": f"Poste {number % 4}",
    }
    if role == "customer_id":
        return f"C{number % 23:02}"
    if role in days:
        return f"{year}-{month:02}-{day:02}"
    if role in later:
        return f"{year}-{min(month + 1, 12):02}-28" if number % 5 or role == "period_end" else ""
    if role in ("salesperson", "contact", "respondent"):
        return f"P{number % 4}"
    if role in texts:
        return texts[role]
    if role in ("amount", "score"):
        return str(50 + number % 37 if role == "amount" else 1 + number % 5)
    return f"{role} {number % 3}"


@pytest.mark.long
def test_tables_with_texts_and_days_alone_are_audited(tmp_path):
    """Found: offers won of which no table tells the amount ended in a traceback, as did a book in
    which nobody was due.
    """
    counts, tables = {"sales": 600, "customers": 23}, {}
    for name, columns in WITHOUT_NUMBERS.items():
        roles, rows = columns.split(), range(counts.get(name, 60))
        tables[name] = [roles, *([told(role, row) for role in roles] for row in rows)]
    folder = write_engagement(tmp_path, "alone", tables=tables, as_of="2024-12-31", language="fr")
    done = run_carnet("run", folder, "--out", tmp_path / "out", kernels=False)
    assert done.returncode == 0, done.stderr
