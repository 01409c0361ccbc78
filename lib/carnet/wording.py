"""Whole sentences by gettext catalogue, and money, numbers and dates by locale.

Knows languages, not the domain.

English is the source; `locale/<language>/LC_MESSAGES/carnet.po` holds the translations and is read
directly (no compiled copy to keep in step). `make wording` extracts new messages; a test fails on a
missing or unused one.
"""

import datetime as dt
import gettext
import io
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from importlib import resources
from string import Formatter
from typing import IO, Any

import numpy as np
import pandas as pd
from babel import Locale
from babel.dates import format_date
from babel.messages.extract import extract_python
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import (
    NumberPattern,
    format_compact_currency,
    format_currency,
    format_decimal,
    format_percent,
    get_currency_symbol,
    parse_pattern,
)

MOST_PERCENT = 9.99  # beyond 999 per cent the start is next to nothing, and the figure says no more
LOCALES = {"en": "en_GB", "fr": "fr_FR"}


MINUS = "\u2212"
SHAPED = 1e12  # from here on the digits of a float are noise, which Babel leaves out
# stands for an empty list of names: what would introduce it is left out of the sentence
NOBODY = "\x00"


def _tidy(sentence: str) -> str:
    r"""A sentence without the part that would name nobody:
    from the bracket, comma or semicolon before it.

    >>> _tidy("3 accounts were once bigger, first of all \x00."), _tidy("one left (\x00).")
    ('3 accounts were once bigger.', 'one left.')
    """
    return (
        re.sub(r"\s*\(\x00\)|[,;]\s[^,;.()]*\x00|\s?[:]\s\x00", "", sentence)
        if NOBODY in sentence
        else sentence
    )


def N_(message: str) -> str:
    """Mark a message for extraction where it is stored; it is translated where it is shown."""
    return message


@dataclass(frozen=True)
class Notice:
    """A sentence that waits for its reader's language: a message and the values of its fields."""

    message: str
    values: dict[str, Any] = field(default_factory=dict)
    weight: float = 0.0  # share of the money that it touches: warnings are told in its order

    @classmethod
    def from_json(cls, record: dict) -> "Notice":
        """Inverse of `dataclasses.asdict`: a nested record is a nested notice."""
        values = {
            key: cls.from_json(v) if isinstance(v, dict) else v
            for key, v in record["values"].items()
        }
        return cls(record["message"], values, record.get("weight", 0.0))


@lru_cache
def _locale(language: str) -> Locale:
    return Locale.parse(LOCALES[language])


@lru_cache
def _catalogue(language: str) -> gettext.NullTranslations:
    if language == "en":
        return gettext.NullTranslations()
    compiled = io.BytesIO()
    source = resources.files("carnet") / "locale" / language / "LC_MESSAGES" / "carnet.po"
    write_mo(compiled, read_po(io.BytesIO(source.read_bytes()), locale=language))
    return gettext.GNUTranslations(io.BytesIO(compiled.getvalue()))


def messages() -> set[str]:
    """Every English sentence of the catalogue, singular and plural."""
    source = resources.files("carnet") / "locale" / "fr" / "LC_MESSAGES" / "carnet.po"
    found = read_po(io.BytesIO(source.read_bytes()), locale="fr")
    return {
        str(text)
        for message in found
        if message.id
        for text in (message.id if isinstance(message.id, tuple) else (message.id,))
    }


def unknown(value: object) -> bool:
    """True for what was not measured: None, NaN, NaT."""
    return value is None or value != value


@dataclass(frozen=True)
class Wording:
    """One reader's language and currency, and the sentences that the firm says otherwise
    (`replaced`: English sentence → its own).

    >>> Wording("en", "EUR").money(1234.5)
    '€1,234.50'
    >>> Wording("en", "EUR").percent(float("nan"))
    'not measured'
    """

    language: str
    currency: str
    replaced: dict[str, str] = field(default_factory=dict, compare=False)

    @property
    def locale(self) -> Locale:
        """The Babel locale behind the language."""
        return _locale(self.language)

    def _(self, message: str, **values: Any) -> str:
        """Translate a whole sentence, then fill its named fields."""
        sentence = (
            self.replaced.get(message) or _catalogue(self.language).gettext(message)
            if message
            else ""
        )
        return _tidy(sentence.format(**values)) if values else sentence

    def ngettext(self, one: str, many: str, count: float, **values: Any) -> str:
        """Translate a sentence that depends on a count, whole as it is shown; `{count}` is filled
        in the reader's format.
        """
        whole = round(float(count))
        own = self.replaced.get(one if self.locale.plural_form(whole) == "one" else many)
        sentence = own or _catalogue(self.language).ngettext(one, many, whole)
        return _tidy(sentence.format(count=self.number(whole), **values))

    def semicolons(self, parts: Iterable[str]) -> str:
        """Parts of a sentence, a semicolon between them as the language spaces it."""
        return ("\u202f; " if self.language == "fr" else "; ").join(parts)

    def tell(self, notice: Notice) -> str:
        """Translate a stored sentence; numbers in its values take the reader's format (`…_share`:
        percent, `…_sum`: money), nested notices are told.
        """
        return self._(
            notice.message, **{key: self._told(key, value) for key, value in notice.values.items()}
        )

    def _told(self, key: str, value: Any) -> Any:
        if isinstance(value, Notice):
            return self.tell(value)
        if not _is_number(value):
            return value
        if key.endswith("_sum"):
            return self.money(value, 0)
        return self.percent(value) if key.endswith("_share") else self.number(value)

    def number(self, value: float | Decimal | None, decimals: int = 0) -> str:
        """A number with the locale's separators."""
        if unknown(value):
            return self._("not measured")
        return self._set("number", _half_even(value, decimals), decimals)

    def signed_number(self, value: float | None, decimals: int = 0) -> str:
        """A change as a number with its sign."""
        text = self.number(value, decimals)
        return f"+{text}" if not unknown(value) and value > 0 else text  # type: ignore[operator]

    def money(self, value: float | None, decimals: int | None = None) -> str:
        """An amount in the engagement's currency; cents are shown under 10,000 unless `decimals`
        says otherwise.
        """
        if unknown(value):
            return self._("not measured")
        places = (0 if abs(float(value)) >= 10_000 else 2) if decimals is None else decimals  # type: ignore[arg-type]
        return self._set("money", _half_even(value, places), places)

    def _own_sign(self, written: str) -> str:
        """The currency's plain sign: a report speaks of one currency, in which $US says no more
        than $.
        """
        symbol = get_currency_symbol(self.currency, self.locale)
        plain = re.search("[$£¥]", symbol)
        return written.replace(symbol, plain[0]) if plain else written

    def signed_percent(self, value: float | None, decimals: int = 1) -> str:
        """A change as a percentage with its sign."""
        return (
            self.percent(value, decimals)
            if unknown(value) or not value > 0  # type: ignore[operator]
            else f"+{self.percent(value, decimals)}"
        )

    def signed_money(self, value: float | None, decimals: int | None = None) -> str:
        """An amount with its sign, for gaps."""
        return ("+" if not unknown(value) and float(value) > 0 else "") + self.money(  # type: ignore[arg-type]
            value, decimals
        )

    def short_money(self, value: float) -> str:
        """An amount for an axis: 1.2M."""
        written = format_compact_currency(
            value, self.currency, locale=self.locale, fraction_digits=1 if abs(value) >= 1e6 else 0
        )
        return _minus(self._own_sign(written))

    def percent(self, value: float | None, decimals: int = 1) -> str:
        """A share or rate of 1 as a percentage."""
        if unknown(value):
            return self._("not measured")
        if abs(float(value)) > MOST_PERCENT:  # type: ignore[arg-type]
            bound = format_percent(MOST_PERCENT, _percent_pattern(self.language, 0), self.locale)
            return f">\u00a0{bound}" if float(value) > 0 else f"<\u00a0{MINUS}{bound}"  # type: ignore[arg-type]
        return self._set("percent", _half_even(value, decimals + 2), decimals)

    def date(self, value: dt.date | None, form: str = "long") -> str:
        """A calendar date: long, medium, short, or a CLDR pattern such as `MMM y`."""
        if unknown(value):
            return self._("not measured")
        text = format_date(value, form, self.locale)
        return f"1er{text[1:]}" if self.language == "fr" and text.startswith("1 ") else text

    def period(self, label: str) -> str:
        """A fiscal period's label as its reader says it: 2025-03 is Mar 2025,
        2025-Q1 in French 2025-T1.

        >>> Wording("fr", "EUR").period("2025-Q1"), Wording("en", "EUR").period("2025-03")
        ('2025-T1', 'Mar 2025')
        """
        month = re.fullmatch(r"(\d{4})-(\d{2})", label)
        if month and 1 <= int(month[2]) <= 12 and int(month[2]) != (int(month[1]) + 1) % 100:
            return self.date(dt.date(int(month[1]), int(month[2]), 1), "MMM y")
        return re.sub(r"-Q(\d)$", r"-T\1", label) if self.language == "fr" else label

    def each(self, write: Callable[[Any], str], values: pd.Series) -> pd.Series:
        """A column of values as `write` tells them, each different one once."""
        codes, different = pd.factorize(values, use_na_sentinel=False)
        told = np.array([write(value) for value in different] + [""], dtype=object)
        return pd.Series(told[codes], values.index)

    def sentences(self, message: str, **values: pd.Series) -> pd.Series:
        """A whole sentence a row: translated once, its fields filled from columns of texts
        (nothing, where one has none).

        >>> names = pd.Series(["Ann", "Bob"])
        >>> list(Wording("en", "EUR").sentences("Call {name}.", name=names))
        ['Call Ann.', 'Call Bob.']
        """
        told: Any = ""
        for text, name, _, _ in Formatter().parse(self._(message)):
            told = told + text
            if name is not None:
                told = told + values[name].astype(object).where(values[name].notna(), "")
        return told

    def _set(self, kind: str, value: float, decimals: int) -> str:
        """A rounded value as Babel writes it; in the shape that Babel gave to another one, which is
        twenty times faster: lists hold a hundred thousand amounts.
        """
        if abs(value) >= SHAPED:
            return self._by_babel(kind, value, decimals)
        before, group, point, after = _shape(self, kind, decimals)
        digits = f"{abs(value) * (100 if kind == 'percent' else 1):,.{decimals}f}"
        told = digits.translate({ord(","): group, ord("."): point})
        return f"{MINUS if value < 0 else ''}{before}{told}{after}"

    def _by_babel(self, kind: str, value: float, decimals: int) -> str:
        if kind == "number":
            return _minus(format_decimal(value, _pattern(decimals), self.locale))
        if kind == "percent":
            pattern = _percent_pattern(self.language, decimals)
            return _minus(format_percent(value, pattern, self.locale))
        pattern = _money_pattern(self.language, decimals)
        written = format_currency(value, self.currency, pattern, self.locale, currency_digits=False)
        return _minus(self._own_sign(written))

    def between(self, low: str, high: str) -> str:
        """An interval's two formatted ends."""
        return self._("[{low} to {high}]", low=low, high=high)


@lru_cache
def _shape(wording: Wording, kind: str, decimals: int) -> tuple[str, str, str, str]:
    """What Babel writes before a number, between its thousands, before its decimals and behind."""
    sample = wording._by_babel(kind, 12345.5 if kind == "percent" else 1234550.5, decimals)
    found = re.fullmatch(r"(\D*)1(\D*)234\D*55[01](?:(\D*)[50]+)?(\D*)", sample)
    assert found, f"{kind} in {wording.language}: {sample!r}"
    before, group, point, after = found.groups()
    return before, group, point or "", after


def _minus(written: str) -> str:
    """A number as it is set: with a minus sign, not a hyphen."""
    return written.replace("-", MINUS)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


@lru_cache
def _pattern(decimals: int) -> NumberPattern:
    return parse_pattern(_digits(decimals))


@lru_cache
def _percent_pattern(language: str, decimals: int) -> NumberPattern:
    return parse_pattern(
        _locale(language).percent_formats[None].pattern.replace("#,##0", _digits(decimals))
    )


@lru_cache
def _money_pattern(language: str, decimals: int) -> NumberPattern:
    return parse_pattern(
        _locale(language)
        .currency_formats["standard"]
        .pattern.split(";")[0]
        .replace("#,##0.00", _digits(decimals))
    )


def _digits(decimals: int) -> str:
    return "#,##0" + ("." + "0" * decimals if decimals else "")


def _half_even(value: Any, decimals: int) -> float:
    """Round for display; a value that rounds to zero loses its minus sign; infinity stays."""
    number = float(value)
    return number if math.isinf(number) else round(number, decimals) + 0.0


def markdown_blocks(source: str) -> list[tuple[str, str]]:
    """A Markdown cell as (mark, text) blocks: the mark is the heading's `## ` or empty,
    the text is what is translated.
    """
    blocks = []
    for block in source.split("\n\n"):
        text = block.lstrip("# ")
        blocks.append((block[: len(block) - len(text)], text))
    return blocks


def translate_markdown(wording: Wording, source: str) -> str:
    """A Markdown cell in the reader's language, block by block."""
    return "\n\n".join(mark + wording._(text) for mark, text in markdown_blocks(source))


def extract_notebook(
    fileobj: IO[bytes], keywords: Any, comment_tags: Any, options: Any
) -> Iterator[tuple]:
    """Babel extractor for .ipynb: Markdown block by block, code cells as Python."""
    for number, cell in enumerate(json.load(fileobj)["cells"]):
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            yield from ((number, "_", text, []) for _, text in markdown_blocks(source))
        elif cell["cell_type"] == "code":
            yield from extract_python(io.BytesIO(source.encode()), keywords, comment_tags, options)
