"""The points of page one: what stands inside another is a part of it, to the cent."""

import pandas as pd
import pytest
from carnet.findings import answer
from carnet.wording import Wording
from hypothesis import given
from hypothesis import strategies as st

EN, FR = Wording("en", "EUR"), Wording("fr", "EUR")
NAMES = {key: ["Alpha", "Beta"] for key in ("lost", "less", "came", "more")}
CENTS = st.integers(-5_000_000, 5_000_000).map(lambda cents: cents / 100)


@st.composite
def books(draw):
    """Customers with revenue of both years, each with what became of it."""
    rows = []
    for _ in range(draw(st.integers(1, 12))):
        kind = draw(st.sampled_from(["kept", "lost", "new", "recovered", "not_due", "absent"]))
        before = abs(draw(CENTS)) + 0.01 if kind in ("kept", "lost", "not_due") else 0.0
        now = 0.0 if kind in ("lost", "not_due") else draw(CENTS)
        rows.append((kind, now if kind == "absent" else abs(now), before))
    return pd.DataFrame(rows, columns=["status", "revenue", "revenue_previous"])


def figures_of(t):
    """The bridge of a book by its definition (method §1), without the measures of carnet."""
    gap = t.revenue - t.revenue_previous
    arrived, lost = t.status.isin(["new", "recovered"]), t.status == "lost"
    rest = gap.where(~arrived, 0.0).where(~lost, 0.0)
    kept = t.status == "kept"
    figures = {
        "revenue": t.revenue.sum(),
        "revenue_previous": t.revenue_previous.sum(),
        "revenue_new": t.revenue[t.status == "new"].sum(),
        "revenue_recovered": t.revenue[t.status == "recovered"].sum(),
        "revenue_lost": t.revenue_previous[lost].sum(),
        "revenue_expansion": rest[rest > 0].sum(),
        "revenue_contraction": -rest[rest < 0].sum(),
        "new_customer_count": int((t.status == "new").sum()),
        "recovered_customer_count": int((t.status == "recovered").sum()),
        "lost_customer_count": int(lost.sum()),
    }
    totals = {
        "growing_gap": gap[kept & (gap > 0)].sum(),
        "growing_count": int((kept & (gap > 0)).sum()),
        "shrinking_gap": gap[kept & (gap < 0)].sum(),
        "shrinking_count": int((kept & (gap < 0)).sum()),
    }
    return figures, totals


@given(books())
def test_law_the_parts_of_the_change_are_the_change(t):
    figures, totals = figures_of(t)
    parts = answer.movements(EN, figures, totals, NAMES)
    change = figures["revenue"] - figures["revenue_previous"]
    assert sum(part.amount for part in parts) == pytest.approx(change, abs=0.006 * len(t))
    assert all(part.inside == "change" for part in parts)
    assert len({part.key for part in parts}) == len(parts)
    lost, won = (sum(p.amount for p in parts if p.amount * sign > 0) for sign in (-1, 1))
    for whole in answer.change(EN, figures, totals):
        assert EN.money(-lost, 0) in whole.sentence and EN.money(won, 0) in whole.sentence


def test_change_says_down_and_up_with_its_sign():
    f = {
        "revenue": 900.0, "revenue_previous": 1000.0, "revenue_lost": 150.0,
        "revenue_contraction": 50.0, "revenue_new": 60.0, "revenue_recovered": 0.0,
        "revenue_expansion": 40.0,
    }  # fmt: skip
    t = {"shrinking_gap": -50.0, "growing_gap": 40.0}
    (down,) = answer.change(EN, f, t)
    assert down.sentence == (
        "Revenue is down by €100 (−10.0%), at €900: customers who left or buy less took away "
        "€200, those who came or buy more brought €100."
    )
    (up,) = answer.change(FR, f | {"revenue": 1100.0}, t)
    assert up.sentence.startswith("Chiffre d’affaires en hausse de 100\u00a0€ (+10,0\u00a0%)")
    (same,) = answer.change(EN, f | {"revenue": 1000.0}, t)
    assert same.sentence.startswith("Revenue is what it was, €1,000:")
    assert answer.change(EN, f | {"revenue_previous": 0.0}, t) == []
    assert answer.change(EN, f | {"revenue_previous": -5.0}, t) == [], "no share of less than none"


def test_profit_comes_with_its_year_before():
    loss, even = answer.earned(EN, -34_806.0, -6_884.0, True, "Break-even is at €3,445,294.")
    assert loss.sentence == (
        "The company lost €34,806, after a loss of €6,884 the year before. This is the result of "
        "the legal ledger."
    )
    assert (even.inside, even.amount) == ("result", None)
    (alone,) = answer.earned(FR, 100.0, float("nan"), False)
    assert alone.sentence == "L’entreprise a gagné 100\u00a0€."
    assert answer.earned(EN, float("nan"), 1.0, False) == []


def test_behind_names_ever_smaller_parts():
    late = pd.DataFrame({"customer_id": list("ABCD"), "sales_gap": [-60.0, -30.0, -8.0, -2.0]})
    late["unlikely"] = late.customer_id.isin(["A", "C"])
    totals = {"late_count": 4, "late_gap": -100.0, "unlikely_count": 2}
    most, sure = answer.behind(EN, totals, late.head(2), 1.2)
    assert (most.amount, most.inside, sure.amount, sure.inside) == (-90, "change", -60, "behind")
    assert "Of the 4 customers" in most.sentence and "90%" in most.sentence
    assert sure.sentence == (
        "Of all who are behind, 2 ordered so much less that it is hardly chance (about 1 false "
        "alarms); 1 of them are among these: −€60."
    )
    luck = late.head(2).assign(unlikely=False)
    nobody = answer.behind(EN, totals | {"unlikely_count": 1}, luck, 1.2)[1]
    assert nobody.amount is None and "none of these" in nobody.sentence
    assert answer.behind(EN, totals, late, 1.0) == [], "the whole is no part of itself"
