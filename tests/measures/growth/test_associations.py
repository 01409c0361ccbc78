"""Associations against published definitions and by-hand counts, and against books where families
are bought independently of each other; the next family against a planted one.
"""

import ibis
import numpy as np
import pandas as pd
import pytest
from carnet.measures.growth import associations


def rows(owned):
    """Rows customer, family of a truth by customer and family."""
    rows, columns = np.nonzero(owned)
    return pd.DataFrame(
        {"customer_id": [f"C{r:04d}" for r in rows], "family": [f"F{c:02d}" for c in columns]}
    )


def bought(owned):
    """What `together` gives of it, counted here."""
    names = [f"F{c:02d}" for c in range(owned.shape[1]) if owned[:, c].any()]
    owned = owned[:, owned.any(axis=0)]
    return associations.Together(names, int(owned.any(axis=1).sum()), owned.T.astype(float) @ owned)


def test_families_are_counted_together():
    """customers by family, and by two of them; nobody owns nothing."""
    rng = np.random.default_rng(19)
    for families in (1, 3, 70):
        owned = rng.random((50, families)) < 0.2
        found, told = associations.together(ibis.memtable(rows(owned))), bought(owned)
        assert (found.names, found.customer_count) == (told.names, told.customer_count)
        assert (found.both == told.both).all()
    empty = ibis.memtable([], schema={"customer_id": "string", "family": "string"})
    none = associations.together(empty)
    assert (none.names, none.customer_count, none.both.size) == ([], 0, 0)
    assert not len(associations.associations(none))


def test_support_confidence_and_lift_by_hand():
    """100 customers: 40 buy bread, 50 butter, 30 both; openretailscience's definitions:
    support 0.30, confidence 0.75 and 0.60, uplift 0.30 ÷ (0.40 × 0.50) = 1.5.
    """
    owned = np.zeros((100, 3), dtype=bool)
    owned[:40, 0], owned[10:60, 1], owned[60:, 2] = True, True, True
    t = associations.associations(bought(owned)).set_index(["family_a", "family_b"])
    row, turned = t.loc["F00", "F01"], t.loc["F01", "F00"]
    assert (row.count_a, row.count_b, row.count_both, row.customer_count) == (40, 50, 30, 100)
    assert (row.support, row.confidence, turned.confidence) == (0.30, 0.75, 0.60)
    assert row.lift == pytest.approx(1.5) == turned.lift
    # Fisher's exact test, one-sided: SciPy's own
    from scipy.stats import fisher_exact

    told = fisher_exact([[30, 10], [20, 40]], alternative="greater").pvalue
    assert row.p_value == pytest.approx(told)
    assert row.told and 1.1 < row.lift_low < 1.5 < row.lift_high


@pytest.mark.long
def test_interval_of_the_lift_covers_the_truth():
    """2,000 books of 300 customers with a lift of 1.4: 95 % of the intervals hold it."""
    rng = np.random.default_rng(20)
    p_a, p_b, lift = 0.4, 0.35, 1.4
    p_both = lift * p_a * p_b
    cells = [p_both, p_a - p_both, p_b - p_both, 1 - p_a - p_b + p_both]
    covered = []
    for both, only_a, only_b, none in rng.multinomial(300, cells, size=500):
        owned = np.zeros((300, 3), dtype=bool)
        owned[: both + only_a, 0] = True
        owned[:both, 1] = owned[both + only_a : both + only_a + only_b, 1] = True
        owned[300 - none :, 2] = True
        t = associations.associations(bought(owned))
        row = t[(t.family_a == "F00") & (t.family_b == "F01")].iloc[0]
        covered.append(row.lift_low <= lift <= row.lift_high)
    assert 0.92 <= np.mean(covered) <= 0.98


@pytest.mark.long
def test_independent_families_are_rarely_named():
    """200 books of 400 customers and 12 families bought independently: in at most 5 % of them, and
    3 standard errors, is any pair named.
    """
    rng = np.random.default_rng(21)
    named = []
    for _ in range(200):
        owned = rng.random((400, 12)) < rng.uniform(0.05, 0.6, size=12)
        named.append(associations.associations(bought(owned)).told.any())
    assert np.mean(named) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)


def years(before, began, revenue=100.0):
    """`family_years` of truths by customer and family: owned a year ago, begun since."""
    owned = before[np.nonzero(before | began)]
    return rows(before | began).assign(
        bought=True, bought_previous=owned, owned_before=owned, revenue=revenue, margin=revenue / 2
    )


def trial_of(pairs):
    return associations.next_family_trial(ibis.memtable(pairs))


def next_of(pairs, trial, rates):
    return associations.next_families(ibis.memtable(pairs), trial, rates).execute()


def planted(rng, follows):
    """Even families lead to the odd one beside them (or to the most bought one)."""
    n = 400
    before = np.zeros((n, 8), dtype=bool)
    leads = 2 * rng.integers(3, size=n)
    before[np.arange(n), leads] = True
    before[:, 6] = rng.random(n) < 0.5  # the most bought family
    before[np.arange(n), leads + 1] = rng.random(n) < 0.6
    began = np.zeros_like(before)
    target = leads + 1 if follows else np.full(n, 6)
    began[np.arange(n), target] = (rng.random(n) < 0.4) & ~before[np.arange(n), target]
    return before, began


def test_the_trial_finds_families_that_follow_each_other_and_says_when_they_do_not():
    rng = np.random.default_rng(22)
    found = trial_of(years(*planted(rng, follows=True)))
    assert found.method == "associated" and found.low > 0
    assert found.associated_count > 2 * found.popular_count
    other = trial_of(years(*planted(rng, follows=False)))
    assert other.method == "popular" and other.hits == other.popular_count


def test_the_next_family_of_an_account_and_its_margin_by_hand():
    """Who owns F00 is offered F01. What an account owned brings 90, what it began with 10: a first
    year is a tenth of the account's revenue, at half margin and the rate of the trial. What new
    customers begin with is all of their revenue, and tells nothing of it.
    """
    pairs = years(*planted(np.random.default_rng(22), follows=True))
    count = pairs.groupby("customer_id").owned_before.transform("sum")
    pairs["revenue"] = np.where(pairs.owned_before, 90.0 / count, 10.0)
    new = pairs[~pairs.owned_before].assign(customer_id=lambda t: "N" + t.customer_id)
    pairs = pd.concat([pairs, new], ignore_index=True)
    trial = trial_of(pairs)
    t = next_of(pairs, trial, pd.Series({f"F{c:02d}": 0.5 for c in range(8)}))
    owned = pairs.groupby("customer_id").family.agg(set)
    assert all(row.family not in owned[row.customer_id] for row in t.itertuples())
    only = t[t.customer_id.map(lambda c: owned[c] == {"F00"})]
    assert len(only) and set(only.family) == {"F01"}
    tenth = pairs.groupby("customer_id").revenue.sum()[t.customer_id].to_numpy() / 10
    assert set(tenth.round(9)) == {1.0, 9.0, 10.0}
    assert t.expected_margin.to_numpy() == pytest.approx(trial.rate * tenth * 0.5)
    low, high = trial.interval
    assert t.expected_low.to_numpy() == pytest.approx(low * tenth * 0.5)
    assert t.expected_high.to_numpy() == pytest.approx(high * tenth * 0.5)


def test_the_trial_counts_who_stopped_buying_altogether():
    """A list drawn a year ago named them too: 10 that began with F01 and 10 that bought nothing
    since are hits in half of the cases, with either method.
    """
    before = np.zeros((40, 2), dtype=bool)
    before[:20, 0], before[20:, :] = True, True  # the last 20 buy both: nothing to name
    began = np.zeros_like(before)
    began[:10, 1] = True
    pairs = years(before, began)
    gone = pairs.customer_id.isin([f"C{r:04d}" for r in range(10, 20)])
    pairs = pairs.assign(bought=~gone)
    trial = trial_of(pairs)
    assert (trial.customer_count, trial.popular_count, trial.associated_count) == (20, 10, 10)


def test_too_small_a_trial_foretells_nothing():
    before = np.eye(9, 3, dtype=bool)
    pairs = years(before, ~before & (np.arange(3) == 2))
    trial = trial_of(pairs.assign(bought=pairs.owned_before))
    assert trial.customer_count < associations.LEAST_TRIED
    assert not len(next_of(pairs, trial, pd.Series(dtype=float)))


def test_where_nobody_began_with_a_family_no_margin_is_told():
    """40 customers own one of two families, for two years, and begin with none."""
    before = np.zeros((40, 2), dtype=bool)
    before[:30, 0], before[30:, 1] = True, True
    pairs = years(before, np.zeros_like(before))
    trial = trial_of(pairs)
    t = next_of(pairs, trial, pd.Series({"F00": 0.5, "F01": 0.5}))
    assert trial.customer_count == 40 and trial.hits == 0
    assert len(t) and t.expected_margin.isna().all()


def test_a_family_that_nobody_had_a_year_ago_is_no_case_of_the_trial():
    """All own both families of then; two new ones appear since: nothing could be named."""
    before = np.zeros((40, 4), dtype=bool)
    before[:, :2] = True
    began = np.zeros_like(before)
    began[:30, 2], began[30:, 3] = True, True
    assert trial_of(years(before, began)).customer_count == 0


@pytest.mark.parametrize("rows", [0, 30])
def test_families_that_nobody_had_a_year_ago_foretell_nothing(rows):
    """Offers that are noted for a year only; no line that names one at all."""
    pairs = years(np.zeros((30, 3), dtype=bool), np.ones((30, 3), dtype=bool)).head(rows)
    kinds = dict.fromkeys(("bought", "bought_previous", "owned_before"), bool)
    pairs = pairs.astype(kinds | {"customer_id": str, "family": str})
    trial = trial_of(pairs)
    assert trial.customer_count == 0
    t = next_of(pairs, trial, pd.Series(dtype=float))
    assert list(t.columns) == list(associations.NEXT) and not len(t)
    sure = associations.Trial(20, 10, 10, 0.0, 0.0)
    assert len(next_of(pairs, sure, pd.Series(dtype=float))) == 0


def by_hand(pairs, rates):
    """Trial and next families customer by customer: sets and loops, from the definitions."""
    of = {c: t.set_index("family") for c, t in pairs.groupby("customer_id")}

    def law(owns):
        names = sorted(set().union(*owns.values()))
        return names, {
            (a, b): sum(a in own and b in own for own in owns.values())
            for a in names
            for b in names
        }

    def first(own, names, both, method, n):
        def score(name):
            if method == "popular":
                return round(both[name, name] / n, 12)
            return round(sum(both[a, name] / both[a, a] for a in own) / len(own), 12)

        left = [name for name in names if name not in own]
        return max(left, key=lambda name: (score(name), [-ord(c) for c in name]), default=None)

    before = {c: set(t.index[t.owned_before]) for c, t in of.items()}
    names, both = law(before)
    n = sum(map(bool, before.values()))
    cases = [c for c in of if of[c].bought_previous.any() and set(names) - before[c]]
    hits = {
        method: sum(
            bool(of[c].bought.get(name, False))
            for c in cases
            for name in [first(before[c], names, both, method, n)]
        )
        for method in ("popular", "associated")
    }
    known = {c: set(t.index[t.bought | t.owned_before]) for c, t in of.items()}
    method = trial_of(pairs).method
    names, both = law(known)
    n = sum(map(bool, known.values()))
    named = {c: first(known[c], names, both, method, n) for c in of if of[c].bought.any()}
    whole = {c: t.revenue.sum() for c, t in of.items()}
    shares = [
        (row.family, row.revenue / whole[row.customer_id])
        for row in pairs.itertuples()
        if row.bought and not row.owned_before and row.revenue > 0
        and of[row.customer_id].owned_before.any() and whole[row.customer_id] > 0
    ]  # fmt: skip
    margins = {}
    for customer, family in named.items():
        own = [share for name, share in shares if name == family]
        own = own if len(own) >= associations.LEAST_ADOPTERS else [share for _, share in shares]
        if family is not None:
            first_year = np.median(own) * max(whole[customer], 0.0)
            margins[customer] = family, first_year, first_year * rates[family]
    return len(cases), hits, margins


@pytest.mark.parametrize(("families", "block"), [(5, 7), (70, 20_000)])
def test_trial_and_next_families_are_those_told_by_hand(families, block, monkeypatch):
    """Random books, credit notes and accounts that only return goods among them; 70 families are
    more than the bits of a number hold.
    """
    monkeypatch.setattr(associations, "BLOCK", block)
    rng = np.random.default_rng(100 + families)
    often = np.where(np.arange(families) == families - 1, 0.5, 3 / families)
    before = rng.random((60, families)) < often
    began = (rng.random((60, families)) < often / 2) & ~before
    pairs = years(before, began, revenue=1.0)
    pairs["bought"] = rng.random(len(pairs)) < 0.8
    pairs["bought_previous"] &= rng.random(len(pairs)) < 0.8
    pairs["revenue"] = rng.normal(50, 60, len(pairs)).round(2)
    only_back = pairs.head(2).assign(
        customer_id=["C0001", "BACK"], family="Z", bought=False, bought_previous=False,
        owned_before=False, revenue=-20.0,
    )  # fmt: skip
    pairs = pd.concat([pairs, only_back], ignore_index=True)
    rates = {f"F{c:02d}": 0.1 + c / 100 for c in range(families)}
    count, hits, margins = by_hand(pairs, rates)
    trial = trial_of(pairs)
    assert (trial.customer_count, trial.popular_count) == (count, hits["popular"])
    assert trial.associated_count == hits["associated"]
    t = next_of(pairs, trial, pd.Series(rates)).set_index("customer_id")
    told = {c: m for c, m in margins.items() if c in t.index}
    assert t.family.to_dict() == {c: m[0] for c, m in told.items()} and len(t) > 30
    assert t.first_revenue.to_dict() == pytest.approx({c: m[1] for c, m in told.items()})
    money = {c: trial.rate * m[2] for c, m in told.items()}
    assert t.expected_margin.to_dict() == pytest.approx(money)
    assert trial.hits and (t.score > 0).all() and len(margins) - len(told) < 10
