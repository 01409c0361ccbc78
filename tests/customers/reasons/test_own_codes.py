"""The client's own reason codes: counted as the client writes them,
with the class of the codebook beside; praise is no reason for leaving.
"""

import datetime as dt
import math

import numpy as np
import pandas as pd
import pytest
from carnet.book.book import open_book
from carnet.customers.reasons.leavers import departure_notes, find_leavers, survey_comments
from carnet.engagement.profiles import reason_classes
from carnet.measures.reasons import reasons, verbatims
from carnet.measures.statistics.intervals import wilson_interval
from hypothesis import given, settings
from hypothesis import strategies as st

CODEBOOK = verbatims.Codebook(reason_classes())
CODES = {
    "Prix": 40,
    "ZK-204 group tender": 30,
    "Moved in-house": 20,
    "Qualité de l'attention": 15,
    "Site regrouping": 10,
}
# of the codes that the codebook knows
CLASSES = {"Prix": "price", "Qualité de l'attention": "attention"}
PRAISE = [
    "On-time deliveries, thank you", "Livraisons ponctuelles, merci.", "Administration faster",
    "Great contact, always available", "Prices are fair", "Très bon service, toujours à l'heure",
    "Prix corrects, merci", "Excellent suivi commercial",
]  # fmt: skip


def read(codes, texts=None):
    notes = pd.DataFrame({"reason": pd.Series(codes, dtype=object)})
    return verbatims.read_verbatims(
        notes.assign(verbatim=texts) if texts is not None else notes, CODEBOOK
    )


def shares_of(notes, revenue_lost=np.nan):
    return reasons.code_shares(notes.assign(revenue_lost=revenue_lost)).set_index("reason")


def test_five_codes_of_the_client_keep_their_counts():
    """40, 30, 20, 15 and 10 of 115 and five without a code: of 120.

    None of them is 'other', the class stands beside.
    """
    t = shares_of(read([code for code, count in CODES.items() for _ in range(count)] + [None] * 5))
    assert t["count"].to_dict() == CODES | {"unknown": 5} and list(t.index) == [
        *CODES,
        "unknown",
    ], "most frequent first, the unknown last"
    assert t.share.sum() == pytest.approx(1) and t.share["Prix"] == pytest.approx(40 / 120)
    assert t.reason_class.to_dict() == {code: CLASSES.get(code, code) for code in CODES} | {
        "unknown": "unknown"
    }
    assert ((t.share_low <= t.share) & (t.share <= t.share_high)).all() and (
        t.proposed_count == 0
    ).all()


def test_intervals_of_the_codes_hold_all_at_once():
    """Goodman: each of the six classes by Wilson's interval at 1 − 5 % ÷ 6."""
    t = shares_of(read([code for code, count in CODES.items() for _ in range(count)] + [None] * 5))
    low, high = wilson_interval(40, 120, 1 - 0.05 / 6)
    assert (t.share_low["Prix"], t.share_high["Prix"]) == pytest.approx((low, high))


def test_money_is_shared_among_the_codes_whose_amount_is_known():
    """300 and 100 of 400; the code without an amount has no share of the amounts."""
    t = shares_of(
        read(["ZK-204", "ZK-204", "Prix", "Moved"]), revenue_lost=[100.0, 200.0, 100.0, np.nan]
    )
    assert t.revenue_share.to_dict() == pytest.approx(
        {"ZK-204": 0.75, "Prix": 0.25, "Moved": 0.0, "unknown": 0.0}
    )
    assert (
        t.revenue_lost["ZK-204"] == 300
        and math.isnan(t.revenue_lost["Moved"])
        and t.revenue_lost["unknown"] == 0
    )
    assert t.amount_count.to_dict() == {"ZK-204": 2, "Prix": 1, "Moved": 0, "unknown": 0}


@pytest.mark.parametrize(
    ("written", "usual"),
    [
        (["Prix", "prix", "PRIX", "prix ", " prix", "prix"], "prix"),
        (["Qualité", "QUALITE", "qualite", "Qualité"], "Qualité"),
        (
            ["Group tender", "group  tender", "group-tender", "Group tender", "GROUP TENDER"],
            "Group tender",
        ),
        (["Fermetures", "Fermeture", "Fermeture"], "Fermeture"),
        (["ZK-204", "zk 204", "ZK-204", "ZK‑204"], "ZK-204"),
        (["b", "B"], "B"),
    ],
)
def test_ways_to_write_one_code_are_one_code(written, usual):
    """Case, accents, spaces, hyphens and inflexions aside; told as it is written most often,
    of equals the first in the alphabet.
    """
    assert set(CODEBOOK.spellings(written).values()) == {usual}
    t = shares_of(read(written))
    assert t["count"].to_dict() == {usual: len(written), "unknown": 0} and t.share[usual] == 1


def test_codes_that_differ_in_a_number_or_a_word_stay_apart():
    codes = [
        "R1",
        "R2",
        "R12",
        "ZK-204",
        "ZK-205",
        "Prix",
        "Tarif",
        "Prix trop élevé",
        "Moved in-house",
        "Moved",
    ]
    assert CODEBOOK.spellings(codes) == {code: code for code in codes}
    t = shares_of(read(codes))
    assert (t["count"].drop("unknown") == 1).all() and len(t) == len(codes) + 1
    assert t.reason_class[["Prix", "Tarif"]].tolist() == ["price", "price"], (
        "two codes of the client, one class"
    )


@pytest.mark.parametrize("codes", [["A+", "A-"], ["???", "!!!"]])
def test_codes_that_differ_in_a_sign_stay_apart(codes):
    assert CODEBOOK.spellings(codes) == {code: code for code in codes}


def test_spellings_of_nothing_are_none():
    assert CODEBOOK.spellings([None, "", "  ", math.nan]) == {}
    t = read([None, "", "  ", math.nan])
    assert t.code.isna().all() and (t.reason == "unknown").all()
    assert shares_of(t)["count"].to_dict() == {"unknown": 4}


def test_a_departure_without_a_code_is_told_by_what_its_text_proposes():
    """A code wins over its text; without a code the class that the text names, counted as proposed;
    without either 'unknown'.
    """
    t = read(["ZK-204", None, None, None], ["Trop cher", "Trop cher", "Bonjour", None])
    assert t.code.tolist() == ["ZK-204", None, None, None] and t.coded.tolist() == [
        "ZK-204",
        *["unknown"] * 3,
    ]
    assert t.reason.tolist() == [
        "ZK-204",
        "price",
        "unknown",
        "unknown",
    ] and t.reason_by.tolist() == ["analyst", "codebook", "", ""]
    shares = shares_of(t)
    assert shares["count"].to_dict() == {"ZK-204": 1, "price": 1, "unknown": 2}
    assert (
        shares.proposed_count.to_dict() == {"ZK-204": 0, "price": 1, "unknown": 0}
        and shares.reason_class["price"] == "price"
    )


def test_the_class_beside_a_code_does_not_depend_on_the_order_of_rows():
    t = read(["Inconnu", "Inconnu", "Inconnu"], ["Trop cher", None, None])
    assert shares_of(t).reason_class["Inconnu"] == shares_of(t.iloc[::-1]).reason_class["Inconnu"]


def test_shares_without_a_departure_or_a_code_column():
    nothing = reasons.code_shares(
        pd.DataFrame({"reason": [], "reason_by": [], "revenue_lost": []}, dtype=object)
    )
    assert (
        nothing.reason.tolist() == ["unknown"]
        and nothing["count"].tolist() == [0]
        and nothing.share.isna().all()
    )
    plain = reasons.code_shares(
        pd.DataFrame(
            {"reason": ["price", "price", "need"], "reason_by": "analyst", "revenue_lost": np.nan}
        )
    )
    assert plain.set_index("reason")["count"].to_dict() == {"price": 2, "need": 1, "unknown": 0}
    assert (plain.reason == plain.reason_class).all()


WORDS = st.sampled_from(
    [
        "Prix",
        "prix",
        "PRIX ",
        "ZK-204",
        "zk 204",
        "Moved in-house",
        "Site",
        "sites",
        None,
        "",
        math.nan,
    ]
)


@pytest.mark.long
@settings(max_examples=15)
@given(
    st.lists(st.tuples(WORDS, st.integers(0, 100_000)), min_size=1, max_size=40),
    st.randoms(use_true_random=False),
)
def test_law_codes_add_up_whatever_is_written_in_whatever_order(rows, random):
    """Counts are those of the rows, shares add up to one, and another order of rows
    changes nothing.
    """
    money = [amount / 100 for _, amount in rows]
    t = shares_of(read([code for code, _ in rows]), revenue_lost=money)
    assert t["count"].sum() == len(rows) and t.share.sum() == pytest.approx(1)
    blank = sum(code is None or code != code or not str(code).strip() for code, _ in rows)
    assert t["count"]["unknown"] == blank and t.revenue_lost.sum() == pytest.approx(sum(money))
    assert t.revenue_share.sum() == pytest.approx(1) or not any(money)
    mixed = random.sample(rows, len(rows))
    again = shares_of(
        read([code for code, _ in mixed]), revenue_lost=[amount / 100 for _, amount in mixed]
    )
    pd.testing.assert_frame_equal(t.sort_index(), again.sort_index())


# --- praise


@pytest.mark.parametrize("text", PRAISE)
def test_praise_touches_no_reason(text):
    assert CODEBOOK.read(text).proposed is None


@pytest.mark.parametrize(
    ("text", "proposed"),
    [
        ("Deliveries were late again, thank you", "attention"),
        ("Bon produit mais trop cher", "price"),
        ("Thank you, but we found it cheaper elsewhere", "price"),
        ("Nobody called us, great", "contact"),
        ("Merci, nous fermons définitivement", "closure"),
        ("The product is good, head office imposes a single supplier", "need"),
    ],
)
def test_a_kind_word_does_not_hide_a_reason(text, proposed):
    assert CODEBOOK.read(text).proposed == proposed


# --- from the tables of a book


@pytest.fixture(scope="module")
def coded_book(tmp_path_factory):
    """30 customers that left in 2024 with the codes of the client, each written its own way,
    3 with a competitor alone, 2 noted by nobody; 20 stay and praise.
    """
    from tests.conftest import write_engagement

    codes = (
        ["Prix"] * 8
        + ["prix "] * 2
        + ["ZK-204"] * 9
        + ["zk 204"]
        + ["Qualité de l'attention"] * 5
        + ["Site regrouping"] * 5
    )
    sales, departures = (
        [["customer_id", "date", "amount"]],
        [["customer_id", "date", "reason", "told_by", "competitor"]],
    )
    survey = [["customer_id", "date", "score", "scale", "comment"]]
    for number in range(55):
        name, last = f"C{number:02}", "2024-06" if number < 35 else "2025-12"
        sales += [
            [name, f"{month}-{1 + number % 27:02}", 100]
            for month in pd.period_range("2022-01", last, freq="M")
        ]
        if number < 30:
            departures.append([name, "2024-07-15", codes[number], "customer", ""])
        elif number < 33:
            departures.append([name, "2024-07-15", "", "salesperson", "Rival Ltd"])
        elif number >= 35:
            survey.append([name, "2025-06-01", 9, 10, PRAISE[number % len(PRAISE)]])
    home = tmp_path_factory.mktemp("codes")
    return open_book(
        write_engagement(
            home,
            tables={"sales": sales, "departures": departures, "satisfaction": survey},
            as_of="2025-12-31",
        )
    )


def test_leavers_keep_the_code_of_their_note(coded_book):
    """10 + 10 + 5 + 5 with a code, 3 with a competitor alone and 2 without a note:
    35, of whom 5 have no reason.
    """
    since = dt.date(2022, 12, 31)
    notes = departure_notes(coded_book, CODEBOOK, since)
    leavers = find_leavers(coded_book, reasons.departure_episodes(notes), since, 0.8, 0.95)
    t = reasons.code_shares(leavers).set_index("reason")
    assert t["count"].to_dict() == {
        "Prix": 10,
        "ZK-204": 10,
        "Qualité de l'attention": 5,
        "Site regrouping": 5,
        "unknown": 5,
    }
    assert t.share.sum() == pytest.approx(1) and t.reason_class[["Prix", "ZK-204"]].tolist() == [
        "price",
        "ZK-204",
    ]
    assert t.revenue_lost["Prix"] == 10 * 1_200, "the year up to the last order: twelve of 100"
    without = leavers[leavers.reason == "unknown"]
    assert without.noted.astype(bool).sum() == 3 and (without.competitor == "Rival Ltd").sum() == 3


def test_praise_of_a_survey_is_read_and_touches_nothing(coded_book):
    comments = survey_comments(coded_book, CODEBOOK, dt.date(2022, 12, 31))
    assert (
        len(comments) == 20
        and comments.proposed.isna().all()
        and (comments.reason == "unknown").all()
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Prix. Merci.", "price"),
        ("Price: thank you for the past years", "price"),
        ("Merci de clôturer notre compte. Raison : le prix", "price"),
        ("Livraison rapide, rien à redire", None),
        ("Deliveries always on time", None),
        ("Livraisons à l'heure", None),
        ("Toujours des soucis de livraison", "attention"),
        ("Prices always going up", "price"),
    ],
)
def test_courtesy_is_no_praise_and_praise_reaches_no_further_than_its_clause(text, reason):
    assert CODEBOOK.read(text).proposed == reason
