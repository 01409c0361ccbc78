import datetime as dt

import pandas as pd
from carnet.engagement.records import LIST_LIMIT, LIST_ROWS
from carnet.exhibits.tables import Fields, draw_table, figures_table
from carnet.wording import Wording

EN, FR = Wording("en", "EUR"), Wording("fr", "EUR")


def test_table_is_escaped_everywhere():
    evil = "<script>alert(1)</script>"
    table = draw_table(
        EN, "t", evil, pd.DataFrame({"name": [evil], "revenue": [1.0]}), "name revenue", note=evil
    )
    assert "<script>" not in table.html
    assert table.html.count("&lt;script&gt;") == 4, (
        "caption (twice: it names the region too), name, note"
    )


def test_one_column_never_mixes_cents_and_whole_units():
    frame = pd.DataFrame({"name": ["a", "b"], "revenue": [25_000.0, 12.34]})
    assert "€12<" in draw_table(EN, "t", "c", frame, "name revenue").html
    assert "€12.34<" in draw_table(EN, "t", "c", frame[1:], "name revenue").html


def test_values_by_kind_and_language():
    frame = pd.DataFrame(
        {
            "name": ["a", "b"],
            "status": ["lost"] * 2,
            "sales_gap": [5.0] * 2,
            "share": [0.123] * 2,
            "last_date": [dt.date(2024, 12, 31)] * 2,
            "revenue": [None, 1.0],
            "margin": [None, None],
        }
    )
    fields = "name status sales_gap share last_date revenue margin"
    html = draw_table(FR, "t", "c", frame, fields).html
    for part in ("perdu", "+5,00\u00a0€", "12,3\u00a0%", "31/12/2024", "–", "Dernière commande"):
        assert part in html
    assert "Marge" not in html, "what no row tells is left out"


def test_figures_with_and_without_interval():
    html = figures_table(
        EN,
        "t",
        "c",
        {"retention_rate": 0.9, "revenue": float("nan")},
        "retention_rate revenue",
        {"retention_rate": (0.8, 0.95)},
    ).html
    assert "90.0%" in html and "[80.0% to 95.0%]" in html and "not measured" in html


def test_a_head_of_a_list_tells_no_number_of_rows():
    """The page would say "of 251": it holds 250 of a list that may be of any length."""
    for count, told in ((LIST_LIMIT, LIST_ROWS), (LIST_LIMIT + 49, LIST_LIMIT + 49), (20, 20)):
        frame = pd.DataFrame({"name": [f"C{n}" for n in range(count)]})
        table = draw_table(EN, "t", "c", frame, Fields("name", first=15))
        assert f'data-total="{told}"' in table.html
        assert ("The page holds the first 250 rows" in table.html) == (count > LIST_ROWS)
