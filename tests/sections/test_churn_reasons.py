"""The notebook churn_reasons on books that hold one thing only, on hostile and odd input,
and on a real book.
"""

import json
import re

import pandas as pd
import pytest
from carnet.book.book import open_book
from carnet.customers.customer_years import driver_panel
from carnet.engagement.file import load_engagement
from carnet.errors import CarnetError
from carnet.measures.reasons.drivers import usable_attributes
from carnet.measures.reasons.service_quality import DIMENSIONS

from tests.conftest import run_carnet, said_by, write_engagement

DEPARTURES = ["customer_id", "date", "reason", "verbatim", "told_by"]
SALES = ["customer_id", "date", "amount"]
LAST = [pd.Timestamp(2022, 1 + i % 9, 15) for i in range(12)]
GONE = [
    [f"C{i}", f"{last - pd.DateOffset(months=back):%Y-%m-%d}", amount]
    for i, last in enumerate(LAST)
    for back, amount in ((8, "30"), (4, "30"), (0, "40"))
]
STAY = [
    [f"S{i}", f"{year}-{1 + i % 4 + later:02d}-15", "20"]
    for i in range(12)
    for year in (2021, 2022, 2023, 2024)
    for later in (0, 4, 8)
]
BOOKS = {
    "departures": {
        "departures": [
            DEPARTURES,
            *(
                [f"C{i}", f"2024-0{i + 1}-10", "prix" if i % 2 else "Z42 <b>", "", ""]
                for i in range(8)
            ),
        ]
    },
    "texts": {
        "departures": [
            ["customer_id", "date", "verbatim"],
            ["A", "2024-01-10", "Trop cher"],
            ["B", "2024-02-10", "=cmd|' /C calc'!A1"],
            ["C", "2024-03-10", "<script>alert(1)</script> plus personne ne vient"],
            ["D", "2024-03-11", "Vos prix $\\alpha$"],
        ]
    },
    "lost": {"sales": [SALES, *STAY, *GONE]},
    "survey": {
        "satisfaction": [
            ["customer_id", "date", "score", "comment"],
            *([f"C{i}", "2024-05-01", str(1 + i % 5), "trop cher"] for i in range(9)),
        ]
    },
    "nothing_known": {
        "departures": [
            DEPARTURES,
            ["A", "2024-01-01", "", "", ""],
            ["A", "2024-01-02", "", "", "client"],
        ]
    },
    "nobody_left": {"sales": [SALES, *STAY]},
    "come_and_go": {
        "sales": [
            [*SALES, "cost"],
            *([*row, "8"] for row in STAY),
            *([*row, str(int(row[2]) // 5) if row[0] != "C0" else ""] for row in GONE),
            ["P0", "2021-05-01", "30", "10"],
            *(
                [f"R{i}", f"{year}-0{i}-10", "70", "20"]
                for i in range(1, 4)
                for year in (2021, 2022, 2023, 2024)
            ),
        ],
        "departures": [
            DEPARTURES,
            *([f"R{i}", "2022-06-30", "prix", "", "client"] for i in range(1, 4)),
            ["C1", "2023-12-31", "contact", "", "client"],
            ["C1", "2024-06-30", "prix", "", "client"],
            ["C2", "2022-01-05", "contact", "", ""],
            ["Q9", "2024-01-01", "prix", "", ""],
            ["P0", "2023-05-01", "prix", "", ""],
        ],
        "customers": [
            ["customer_id", "name", "segment"],
            ["C1", "", "x"],
            ["C2", "$x$ <b>", ""],
            ["S1", "=1+1", "x"],
        ],
        "service": [
            ["customer_id", "date", "activity"],
            ["C3", "2022-05-01", "Réclamation"],
            ["C4", "2020-05-01", "Visite"],
        ],
        "satisfaction": [
            ["customer_id", "date", "score", "scale"],
            *([f"S{i}", "2023-05-01", str(i), "10"] for i in range(12)),
            ["S1", "2023-06-01", "4", ""],
            ["S2", "2023-06-01", "99", "10"],
        ],
    },
    "blank_marks": {
        "sales": [SALES, *STAY, *GONE],
        "customers": [["customer_id", "name", "since"]],
        "satisfaction": [
            ["customer_id", "date", "score", *DIMENSIONS],
            *([f"S{i}", "2024-05-01", str(1 + i % 5), *[""] * len(DIMENSIONS)] for i in range(9)),
        ],
    },
    "own_codebook": {"departures": [DEPARTURES, ["A", "2024-01-10", "Z42", "", ""]]},
    "one_year": {
        "sales": [SALES, *([f"C{i}", f"2024-0{i}-15", "9"] for i in range(1, 9))],
        "departures": [DEPARTURES, ["C1", "2024-06-01", "prix", "", "client"]],
    },
}

EXTRA = {
    "lost": {"as_of": "2024-12-31"},
    "blank_marks": {"as_of": "2024-12-31"},
    "one_year": {"as_of": "2024-12-31"},
    "nobody_left": {"as_of": "2024-12-31"},
    "come_and_go": {"as_of": "2024-12-31"},
    "own_codebook": {"codebook": "words.yml"},
}


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """All books audited by one command."""
    home = tmp_path_factory.mktemp("reasons")
    folders = [
        write_engagement(
            home, name, client=name, tables=tables, language="en", **EXTRA.get(name, {})
        )
        for name, tables in BOOKS.items()
    ]
    (home / "own_codebook" / "words.yml").write_text("price: {codes: [Z42]}\n", encoding="utf-8")
    done = run_carnet("run", *folders, "--out", home / "out", "-n", "churn_reasons", kernels=False)
    assert done.returncode == 0, done.stderr
    return {name: next((home / "out" / name.replace("_", "-")).iterdir()) for name in BOOKS}


def figures(report):
    return {
        n: f["value"]
        for n, f in json.loads((report / "figures.json").read_text(encoding="utf-8"))[
            "figures"
        ].items()
        if f["value"] is not None
    }


@pytest.mark.parametrize("name", BOOKS)
def test_no_unknown_is_printed_as_a_number(reports, name):
    page = said_by(reports[name], "churn_reasons")
    text = re.sub(r"data:image/png;base64,[^\"]+", "", page.split("<body>")[-1]).replace(
        "None of ", ""
    )
    assert not any(
        word in text
        for word in (
            ">nan",
            "nan<",
            "NaN",
            "None",
            ">inf",
            "Timestamp",
            "Warning",
            "<script",
            "&lt;NA&gt;",
            "NaT",
        )
    )


def test_departures_alone(reports):
    report = reports["departures"]
    assert report.name == "2024-08-10", "without sales the last departure is the audit date"
    found = figures(report)
    assert (found["departure_count"], found["known_reason_count"], found["ours_share"]) == (8, 8, 0)
    assert (
        "silent_leaver_count" not in found
        and "core_customer_share" not in found
        and "reason_response_rate" not in found
    )
    listed = pd.read_csv(report / "lists" / "reasons.csv").set_index("own_label")
    assert listed["count"].to_dict() == {"prix": 4, "Z42 <b>": 4, "not known": 0}
    assert listed.reason_class["prix"] == "price" and listed.reason_class["Z42 <b>"] == "Z42 <b>", (
        "a code of the client's own stays its own"
    )
    classes = pd.read_csv(report / "lists" / "reason_classes.csv").set_index("reason")
    assert (
        classes["count"][lambda c: c > 0].to_dict() == {"price": 4, "Z42 <b>": 4}
        and classes.revenue_lost.isna()["price"]
    )
    assert {"share", "share_low", "share_high", "revenue_lost", "benchmark_share"} <= set(
        classes.columns
    )
    page = said_by(report, "churn_reasons")
    assert "Codes that the codebook does not know" in page and "Z42 &lt;b&gt;" in page
    assert (
        "needs the table sales with customer_id, date, amount" in page
        and "needs the table satisfaction" in page
    )


def test_texts_alone_are_read_and_shown_with_their_words(reports):
    report = reports["texts"]
    listed = pd.read_csv(report / "lists" / "verbatims.csv").set_index("customer_id")
    assert listed.reason.to_dict() == {"A": "price", "B": "unknown", "C": "contact", "D": "price"}
    assert listed.standing.to_dict() == {
        "A": "proposed",
        "B": "to code",
        "C": "proposed",
        "D": "proposed",
    }
    assert listed.words["A"] == "trop cher" and listed.verbatim["B"].startswith("'=cmd"), (
        "a formula is neutralised"
    )
    counts = pd.read_csv(report / "lists" / "reasons.csv").set_index("reason")
    assert counts.proposed_count.sum() == 3 and counts["count"].sum() == 4
    assert figures(report)["uncoded_verbatim_share"] == 0.25 and "verbatim_kappa" not in figures(
        report
    )


def test_lost_customers_alone(reports):
    report = reports["lost"]
    found = figures(report)
    page = said_by(report, "churn_reasons")
    assert "departure_count" not in found and "silent_leaver_count" not in found, (
        "no table could show a sign: nobody is called silent"
    )
    leavers = pd.read_csv(report / "lists" / "leavers.csv")
    assert (
        set(leavers.customer_id) == {f"C{i}" for i in range(12)}
        and (leavers.revenue_lost == 100).all()
        and leavers.silent.isna().all()
    )
    assert "A reason is known of 0 of 12 leavers" in page and "needs the table departures" in page


def test_survey_alone_shows_what_comments_are_about(reports):
    page = said_by(reports["survey"], "churn_reasons")
    assert (
        "Marks under 70% of the scale by customers not known to have left" in page
        and "departure_count" not in figures(reports["survey"])
    )


def test_no_reason_known_is_no_share(reports):
    found = figures(reports["nothing_known"])
    assert (found["departure_count"], found["known_reason_count"]) == (
        1,
        0,
    ) and "ours_share" not in found


def test_nobody_left(reports):
    assert "There is nothing" not in said_by(reports["nobody_left"], "churn_reasons")
    assert len(
        pd.read_csv(reports["nobody_left"] / "lists" / "leavers.csv")
    ) == 0 and "ours_share" not in figures(reports["nobody_left"])


def test_leavers_that_came_back_were_noted_late_or_early_or_never_bought(reports):
    """R1 to R3 bought again; C1, noted 16 and 22 months after its last order, left once,
    with the revenue of its last year; C2 had announced it; P0 had stopped before the years read,
    and is noted in them; Q9 never bought; C3 complained; C0 has a line without cost.
    """
    report = reports["come_and_go"]
    t = pd.read_csv(report / "lists" / "leavers.csv").set_index("customer_id")
    assert set(t.index) == {f"C{i}" for i in range(12)} | {"Q9", "P0"} and t.index.is_unique
    assert (t.left_on["C1"], t.revenue_lost["C1"], t.reason["C1"], t.name["C1"]) == (
        "2022-02-15",
        100.0,
        "contact",
        "C1",
    )
    assert (
        (t.noted["C2"], t.left_on["C2"], t.reason["C2"]) == (True, "2022-03-15", "contact")
        and pd.isna(t.revenue_lost["Q9"])
        and t.left_on["Q9"] == "2024-01-01"
    )
    assert str(t.complained["C3"]) == "True" and str(t.silent["C3"]) == "False"
    page = said_by(report, "churn_reasons")
    assert (
        "ordered again more than 92 days later, not counted: 3" in page
        and "outside its scale, or on none that is known, counted as no answer: 2" in page
    )
    found = figures(report)
    assert (found["departure_count"], found["reason_response_rate"]) == (4, pytest.approx(2 / 12))
    assert found["satisfied_leaving_rate"] == found["unsatisfied_leaving_rate"] == 0 and found[
        "core_customer_share"
    ] == pytest.approx(4 / 11)


def test_one_year_of_sales_compares_nothing(reports):
    found = figures(reports["one_year"])
    assert found["departure_count"] == 1 and "satisfied_leaving_rate" not in found
    assert "Not compared" in said_by(reports["one_year"], "churn_reasons")


@pytest.mark.long
def test_a_word_that_is_not_accepted_is_refused(make_engagement, tmp_path):
    done = run_carnet(
        "run",
        make_engagement(tables=BOOKS["texts"]),
        "--out",
        tmp_path / "out",
        "-n",
        "churn_reasons",
        "-p",
        "weights=mine",
        kernels=False,
    )
    assert (
        done.returncode == 2
        and "Accepted: published, quoted, estimated." in done.stderr
        and not list((tmp_path / "out").glob("*/2024*"))
    )


def test_codebook_of_the_engagement_is_read_and_recorded(reports):
    listed = pd.read_csv(reports["own_codebook"] / "lists" / "reason_classes.csv").set_index(
        "reason"
    )
    assert listed["count"]["price"] == 1 and "other" not in listed.index
    inputs = json.loads((reports["own_codebook"] / "manifest.json").read_text(encoding="utf-8"))[
        "inputs"
    ]
    assert [file["name"] for file in inputs if file["table"] == "codebook"] == ["words.yml"]


def test_codebook_must_stand_in_the_folder(make_engagement, tmp_path):
    folder = make_engagement(tables=BOOKS["texts"], codebook="words.yml")
    (tmp_path / "elsewhere.yml").write_text("price: {codes: [Z42]}\n", encoding="utf-8")
    with pytest.raises(CarnetError, match="not a file inside"):
        _ = load_engagement(folder).codebook_file
    (folder / "words.yml").symlink_to(tmp_path / "elsewhere.yml")
    with pytest.raises(CarnetError, match="not a file inside"):
        _ = load_engagement(folder).codebook_file


def test_ravenstack_texts_do_not_say_what_the_codes_say(real_books, tmp_path):
    """RavenStack (River @ Rivalytics, synthetic): 600 events; its texts are unrelated to its codes,
    and kappa says so.
    """
    columns = {
        "customer_id": "account_id",
        "date": "churn_date",
        "reason": "reason_code",
        "verbatim": "feedback_text",
    }
    source = (real_books / "ravenstack" / "ravenstack_churn_events.csv").read_text(encoding="utf-8")
    folder = write_engagement(tmp_path, "raven", client="raven", tables={})
    (folder / "events.csv").write_text(source, encoding="utf-8")
    (folder / "engagement.yml").write_text(
        f"client: raven\ncurrency: USD\ntables: {{departures: {{files: events.csv, "
        f"columns: {json.dumps(columns)}}}}}\n",
        encoding="utf-8",
    )
    done = run_carnet(
        "run", folder, "--out", tmp_path / "out", "-n", "churn_reasons", kernels=False
    )
    assert done.returncode == 0, done.stderr
    report = next((tmp_path / "out" / "raven").iterdir())
    figure = json.loads((report / "figures.json").read_text(encoding="utf-8"))["figures"][
        "verbatim_kappa"
    ]
    assert figure["low"] < 0 < figure["high"] and abs(figure["value"]) < 0.05
    assert "agree no more than chance would" in said_by(report, "churn_reasons")
    events = pd.read_csv(real_books / "ravenstack" / "ravenstack_churn_events.csv")
    listed = pd.read_csv(report / "lists" / "verbatims.csv")
    assert (
        len(listed) == len(events[events.churn_date > "2021-12-31"])
        and (listed.standing != "proposed").all()
    )


@pytest.mark.long
def test_attributes_are_unknown_where_their_table_starts_too_late(make_engagement):
    """Service and survey begin in late 2023: of the years up to an order in September they tell
    nothing, which is not zero contacts.
    """
    late = {
        "service": [["customer_id", "date", "activity"], ["S0", "2023-11-01", "Visite"]],
        "satisfaction": [["customer_id", "date", "score"], ["S0", "2023-11-01", "5"]],
    }
    book = open_book(
        make_engagement(
            tables={
                "sales": [SALES, *STAY, *([f"S{i}", "2023-12-20", "9"] for i in range(2))],
                **late,
            },
            as_of="2024-12-31",
        )
    )
    panel, names = driver_panel(book, 1, [])
    assert (
        len(panel) == 12
        and panel.log_contact_count.isna().all()
        and "log_contact_count" not in usable_attributes(panel, names)
    )
    assert panel.survey_answered.notna().sum() == 1, "only who answered is known to have"
