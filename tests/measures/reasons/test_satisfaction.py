"""Satisfaction by kind of question: published definitions, closed forms, SciPy's own intervals."""

import datetime as dt

import ibis
import numpy as np
import pandas as pd
import pytest
import scipy
from carnet.book.book import open_book
from carnet.customers.customer_years import answers, scaled_satisfaction
from carnet.findings import satisfaction as words
from carnet.measures.reasons import satisfaction
from carnet.wording import Wording

D = dt.date(2024, 5, 1)


def answered(*rows):
    columns = ["customer_id", "date", "score", "scale", "kind"]
    kinds = dict(customer_id="string", date="date", score="float64", scale="float64", kind="string")
    return ibis.memtable(pd.DataFrame(rows, columns=columns), schema=kinds)


def of_kind(kind, values):
    return pd.DataFrame({"kind": kind, "customer_id": range(len(values)), "value": values})


def test_marks_by_kind_as_published():
    """9 and 10 of 10 promote, 0 to 6 detract (Reichheld 2003), whatever the scale is written as; 4
    of 5 is satisfied; an effort is its mark; of two days the last one counts, of one day the mean.
    """
    marks = [(f"N{m}", D, m, 10, "nps") for m in range(11)]
    rows = [
        *marks,
        ("A", D, 4, 5, "csat"),
        ("B", D, 3, 5, None),
        ("C", D, 6, 7, "ces"),
        ("A", dt.date(2024, 4, 1), 1, 5, "csat"),
        ("E", D, 5, 5, "csat"),
        ("E", D, 1, 5, "csat"),
        ("F", D, None, 5, "csat"),
    ]
    t = satisfaction.last_answers(answered(*rows), 0.8).execute()
    nps = t[t.kind == "nps"].set_index("customer_id").value
    assert [nps[f"N{m}"] for m in range(11)] == [-1] * 7 + [0, 0, 1, 1]
    rest = t[t.kind != "nps"].set_index("customer_id")
    assert rest.value.to_dict() == pytest.approx({"A": 1, "B": 0, "C": 6 / 7, "E": 0.5})
    assert rest.kind["B"] == "csat" and "F" not in rest.index


def test_score_of_sixty_promoters_and_ten_detractors_is_fifty():
    """60, 30 and 10 of 100: NPS 50, variance 0.6 + 0.1 − 0.5² of 100, Student's t of 99 degrees."""
    values = np.repeat([1.0, 0.0, -1.0], [60, 30, 10])
    row = satisfaction.by_kind(of_kind("nps", values), of_kind("nps", [])).iloc[0]
    half = scipy.stats.t.ppf(0.975, 99) * np.sqrt((0.7 - 0.25) / 99)
    assert (row.value, row.upper_share, row.lower_share) == pytest.approx((0.5, 0.6, 0.1))
    assert (row.value_low, row.value_high) == pytest.approx((0.5 - half, 0.5 + half))
    assert np.isnan(row.change) and np.isnan(row.change_low)


def test_change_is_welch_s_interval():
    rng = np.random.default_rng(8)
    now, before = rng.random(40), rng.random(25) * 0.5
    row = satisfaction.by_kind(of_kind("ces", now), of_kind("ces", before)).iloc[0]
    told = scipy.stats.ttest_ind(now, before, equal_var=False).confidence_interval(0.95)
    assert (row.change_low, row.change_high) == pytest.approx((told.low, told.high))


@pytest.mark.long
def test_equal_years_are_rarely_told_apart():
    """2,000 pairs of years of 60 answers with one truth: 5 % of the intervals leave out 0, and 3
    standard errors.
    """
    rng, out = np.random.default_rng(9), []
    for _ in range(2000):
        now, before = (rng.choice([1.0, 0.0, -1.0], 60, p=[0.5, 0.3, 0.2]) for _ in range(2))
        row = satisfaction.by_kind(of_kind("nps", now), of_kind("nps", before)).iloc[0]
        out.append(not row.change_low <= 0 <= row.change_high)
    assert abs(np.mean(out) - 0.05) <= 3 * np.sqrt(0.05 * 0.95 / 2000)


def test_direction_words_need_an_interval_beside_zero():
    w = Wording("en", "EUR")
    row = satisfaction.by_kind(
        of_kind("nps", np.repeat([1.0, -1.0], [80, 20])),
        of_kind("nps", np.repeat([1.0, -1.0], [40, 60])),
    ).iloc[0]
    assert "better than the −20" in words.kind(w, row)
    same = row.to_dict() | {"change_low": -0.1}
    assert "do not tell apart" in words.kind(w, same)
    assert "worse" in words.kind(w, same | {"change_high": -0.01})


def test_who_is_heard_by_hand():
    """A: 10 customers, 5 heard, all satisfied, 60 of 100 of its revenue; B: 30, 10 heard, 2
    satisfied. Heard: 7 of 15; every class alike: (10 × 1 + 30 × 0.2) ÷ 40 = 0.4.
    """
    rows = [("A", 12.0, 1.0)] * 5 + [("A", 8.0, np.nan)] * 5
    rows += [("B", 1.0, 1.0)] * 2 + [("B", 1.0, 0.0)] * 8 + [("B", 1.0, np.nan)] * 20
    t = satisfaction.response_by_group(pd.DataFrame(rows, columns=["group", "revenue", "value"]))
    assert t.response_count.tolist() == [5, 10] and t.value.tolist() == [1, 0.2]
    assert t.revenue_heard.tolist() == pytest.approx([0.6, 1 / 3])
    assert satisfaction.reweighted_value(t) == pytest.approx((7 / 15, 0.4))
    fewer = pd.DataFrame(rows[1:], columns=["group", "revenue", "value"])
    few = satisfaction.response_by_group(fewer)
    assert np.isnan(few.value[0]) and np.isnan(satisfaction.reweighted_value(few)[1])


def test_an_effort_is_no_mark_of_satisfaction(make_engagement):
    """The survey asks three things, in the client's own words: only satisfaction is one."""
    rows = [
        ["customer_id", "date", "score", "scale", "kind"],
        ["A", "2024-05-01", 10, 10, "Recommandation"],
        ["A", "2024-05-01", 2, 5, "Satisfaction"],
        ["A", "2024-05-01", 7, 7, "Effort client"],
    ]
    sales = [["customer_id", "date", "amount"], ["A", "2024-01-05", 10]]
    book = open_book(
        make_engagement(tables={"sales": sales, "satisfaction": rows}), as_of="2024-12-31"
    )
    t = answers(book, dt.date(2024, 1, 1), dt.date(2024, 12, 31))
    assert t.score.tolist() == [0.4]


def test_a_scale_is_guessed_for_each_kind(make_engagement):
    """Without a column of scales 10, 5 and 7 are the best marks of three kinds."""
    rows = [["customer_id", "date", "score", "kind"]]
    marks = {"nps": 10, "csat": 5, "ces": 7}
    rows += [[f"C{n}", "2024-05-01", mark, kind] for n in range(6) for kind, mark in marks.items()]
    sales = [["customer_id", "date", "amount"], ["C0", "2024-01-05", 10]]
    book = open_book(
        make_engagement(tables={"sales": sales, "satisfaction": rows}), as_of="2024-12-31"
    )
    t = satisfaction.last_answers(scaled_satisfaction(book), 0.8).execute()
    assert set(t.value) == {1.0} and t.kind.value_counts().to_dict() == dict.fromkeys(marks, 6)


def test_alike_answers_are_no_certainty():
    """Two promoters, then two detractors; or ten alike: no interval, no word of direction."""
    for count in (2, 10):
        t = satisfaction.by_kind(of_kind("nps", [-1.0] * count), of_kind("nps", [1.0] * count))
        assert t.change_low.isna().all() and t.value_low.isna().all()
        assert "worse" not in words.kind(Wording("en", "EUR"), t.iloc[0].to_dict())


def test_classes_are_told_apart_where_the_answers_do():
    """20 of 40 in class A, 38 of 40 in class C: told; 30 and 32 of 40: not."""
    w = Wording("en", "EUR")

    def groups(large, small):
        values = [("A", large / 40), ("C", small / 40)]
        t = pd.DataFrame(values, columns=["group", "value"])
        return t.assign(response_count=40, customer_count=50)

    assert "Class A says 50%, class C 95%" in words.heard(w, groups(20, 38), "csat")
    assert "Class A" not in words.heard(w, groups(30, 32), "csat")
