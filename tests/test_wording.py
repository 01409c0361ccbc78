import datetime as dt
import re
from pathlib import Path

import pandas as pd
import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal, format_percent
from carnet.wording import MINUS, Notice, Wording, markdown_blocks, translate_markdown
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parent.parent
CATALOGUE = ROOT / "lib/carnet/locale/fr/LC_MESSAGES/carnet.po"
FR, EN = Wording("fr", "EUR"), Wording("en", "EUR")


def extracted_messages():
    whole = ("_", "sentences", "N_", "Message", "CarnetError")
    keywords = {**dict.fromkeys(whole), "ngettext": (1, 2)}
    sources = [
        (ROOT / "lib/carnet", [("**.py", "python")]),
        (ROOT / "notebooks", [("**.ipynb", "carnet.wording:extract_notebook")]),
    ]
    found = set()
    for folder, methods in sources:
        found |= {
            message
            for *_, message, _, _ in extract_from_dir(str(folder), methods, keywords=keywords)
        }
    return found


@pytest.fixture(scope="module")
def catalogue():
    with CATALOGUE.open("rb") as stream:
        return {message.id: message for message in read_po(stream, locale="fr") if message.id}


@pytest.mark.long
def test_every_message_is_translated_and_none_is_unused(catalogue):
    needed = extracted_messages()
    assert len(needed) > 200
    assert needed - catalogue.keys() == set(), "run `make wording` and translate"
    assert catalogue.keys() - needed == set(), "run `make wording`: these are no longer used"
    untranslated = [
        m.id
        for m in catalogue.values()
        if not all(m.string if isinstance(m.string, tuple) else [m.string])
    ]
    assert untranslated == []


def test_translations_keep_the_fields_of_their_message(catalogue):
    import string

    def fields(text):
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    for message in catalogue.values():
        originals = message.id if isinstance(message.id, tuple) else (message.id,)
        strings = message.string if isinstance(message.string, tuple) else (message.string,)
        for original, text in zip(originals, strings, strict=True):
            assert fields(text) == fields(original), text


def test_french_typography_has_no_plain_space_before_double_marks(catalogue):
    for message in catalogue.values():
        for text in message.string if isinstance(message.string, tuple) else (message.string,):
            # but in the formats of dates, such as %d %b %Y
            assert not re.search(r" [:;?!]| %(?![dbmY])", text), text
            assert "'" not in text, text


@pytest.mark.parametrize(
    ("wording", "shown"),
    [(FR, "1\u202f234,50\u00a0€"), (EN, "€1,234.50")],
)
def test_money_by_locale(wording, shown):
    assert wording.money(1234.5) == shown


@pytest.mark.parametrize(("wording", "shown"), [(FR, "12\u202f346\u00a0€"), (EN, "€12,346")])
def test_large_money_has_no_cents(wording, shown):
    assert wording.money(12345.6) == shown


def test_percent_number_and_date_by_locale():
    assert FR.percent(0.1234) == "12,3\u00a0%"
    assert EN.percent(0.1234) == "12.3%"
    assert FR.number(1234567.891, 2) == "1\u202f234\u202f567,89"
    assert FR.date(dt.date(2025, 1, 1)) == "1er janvier 2025"
    assert FR.date(dt.date(2025, 1, 11)) == "11 janvier 2025"
    assert EN.date(dt.date(2025, 1, 1)) == "1 January 2025"


def test_unknown_is_said_never_zero():
    for nothing in (None, float("nan")):
        assert FR.money(nothing) == FR.percent(nothing) == FR.number(nothing) == "non mesuré"
        assert EN.money(nothing) == "not measured"


def test_no_negative_zero():
    assert EN.number(-0.0001) == "0"


VALUES = st.floats(-1e17, 1e17) | st.floats(-1e4, 1e4) | st.sampled_from([0.5, 1.5, 2.5, -0.004])


@given(value=VALUES, language=st.sampled_from([("en", "en_GB"), ("fr", "fr_FR")]))
def test_law_numbers_are_set_as_babel_sets_them(value, language):
    """Whatever the size and the sign, once rounded as floats are."""
    (own, locale), cents = language, round(value, 2) + 0.0
    for currency in ("EUR", "CHF"):
        written = format_currency(cents, currency, locale=locale)
        assert Wording(own, currency).money(value, 2) == written.replace("-", MINUS)
    written = format_decimal(round(value) + 0.0, "#,##0", locale)
    assert Wording(own, "EUR").number(value) == written.replace("-", MINUS)
    share = round(value % 9, 3)
    percents = {"en": "#,##0.0%", "fr": "#,##0.0\u00a0%"}[own]
    assert Wording(own, "EUR").percent(value % 9) == format_percent(share, percents, locale)


def test_columns_of_texts_are_what_their_rows_would_be():
    amounts = pd.Series([1234.5, None, -3.0, 1234.5], index=[7, 3, 5, 1])
    told = FR.each(FR.money, amounts)
    assert list(told) == [FR.money(v) for v in amounts] and list(told.index) == [7, 3, 5, 1]
    names = pd.Series(["{x}", None, "Bo & Co", ""], index=[7, 3, 5, 1])
    whole = FR.sentences("offer {family}", family=names)
    assert list(whole) == ["proposer {x}", "proposer ", "proposer Bo & Co", "proposer "]
    assert list(EN.sentences("offer {family}", family=names.head(0))) == []


def test_plural_follows_the_language():
    one, many = (
        "{count} frequent customer is among the least recent: {amount} of revenue",
        "{count} frequent customers are among the least recent: {amount} of revenue",
    )
    assert FR.ngettext(one, many, 0, amount="x").startswith("0 client fréquent est")
    assert FR.ngettext(one, many, 2, amount="x").startswith("2 clients fréquents sont")
    assert EN.ngettext(one, many, 1, amount="x").startswith("1 frequent customer is")
    # shown as a whole number, and worded as it is shown
    assert FR.ngettext(one, many, 1.4, amount="x").startswith("1 client fréquent est")
    assert EN.ngettext(one, many, 1.6, amount="x").startswith("2 frequent customers are")


def test_notice_is_told_with_nested_notices():
    notice = Notice("{table}: no row was accepted.", {"table": Notice("sales")})
    assert FR.tell(notice) == "ventes\u00a0: aucune ligne n’a été acceptée."
    assert EN.tell(notice) == "sales: no row was accepted."


def test_markdown_is_translated_block_by_block():
    assert markdown_blocks("## Main points\n\nHow do they buy?") == [
        ("## ", "Main points"),
        ("", "How do they buy?"),
    ]
    assert translate_markdown(FR, "## Main points") == "## L’essentiel"
