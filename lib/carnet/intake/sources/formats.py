"""How a client writes dates and numbers: the evidence in a column, the reading it allows,
the SQL that reads it.

A reading is only chosen on evidence: a day above 12 settles the order of dates, a value such as
`12,5` or `1 234,56` settles the decimal mark. Evidence is sought in the column, then in its file;
when values stay ambiguous the analyst is asked (CarnetError), never guessed for.
"""

import re
from dataclasses import dataclass

from babel.numbers import get_currency_symbol

from carnet.intake.sources.base import quoted
from carnet.wording import N_

MISSING_TEXTS = (
    "",
    "null",
    "(null)",
    "<null>",
    "nan",
    "n.d.",
    "n/d",
    "n/a",
    "#n/a",
    "#n/d",
    "none",
    "\\n",
    "nat",
    "#null!",
)
SPACES = r"[\s\x{00A0}\x{202F}\x{2007}\x{2009}\x{200B}\x{FEFF}]"
MISSING_STARTS = "".join(sorted({t[:1] for text in MISSING_TEXTS for t in (text, text.upper())}))
OUTER_SPACES = " \t\r\n\u00a0\u202f\u2007\u2009\u200b\ufeff"
DATE_ORDERS = {"day first": "%d-%m", "month first": "%m-%d"}
COUNT = '"count of carnet"'  # rows that have a value: no header is called so
# beside the ISO code and the symbols of Babel
WRITTEN_MARKS = {"USD": ("US$", "$US"), "CHF": ("Fr.", "SFr.")}
# a few values against ten times as many are rejected as rows; closer than that the analyst is asked
MAJORITY = 10


def cleaned(column: str) -> str:
    """SQL: text without outer spaces (no-break ones included); NULL for what means missing.

    Most texts are taken as they are by comparisons alone: nothing is to trim, and no missing one
    begins so. A regular expression takes five times as long. No function of the column stands
    twice: DuckDB would compute it for every row, also where no branch asks for it.
    """
    plain = (
        f"{column} BETWEEN '!' AND '~' AND NOT contains({quoted(MISSING_STARTS)}, {column}[1]) "
        f"AND NOT contains({quoted(OUTER_SPACES)}, {column}[-1])"
    )
    words = "|".join(re.escape(text) for text in MISSING_TEXTS)
    missing = (
        f"regexp_full_match({column}, {quoted(f'(?i)[{OUTER_SPACES}]*({words})[{OUTER_SPACES}]*')})"
    )
    return (
        f"CASE WHEN {plain} THEN {column} WHEN NOT {missing} THEN trim({column}, "
        f"{quoted(OUTER_SPACES)}) END"
    )


def as_written(text: str, otherwise: str = "") -> str:
    """SQL: text without the machine notation that `excel` gives to fractional
    numbers among texts; others as given.
    """
    return (
        rf"CASE WHEN suffix({text}, 'e0') AND regexp_full_match({text}, '-?\d+\.\d+e0') "
        f"THEN left({text}, -2) ELSE {otherwise or text} END"
    )


def bare_number(text: str, currency: str) -> str:
    """SQL: a number without its percent sign and the engagement's own currency,
    `(12)` and `12-` made negative.

    Spaces of every width become one kind: they may only stand between groups of three digits.
    `99.-` is 99 without cents.
    """
    marks = {
        currency,
        *(get_currency_symbol(currency, locale) for locale in ("en", "en_US", "fr")),
        *WRITTEN_MARKS.get(currency, ()),
    }
    signs = "|".join(
        re.escape(mark).replace("'", "''")
        for mark in sorted(marks, key=lambda mark: (-len(mark), mark))
    )
    # an apostrophe in front keeps a spreadsheet from computing
    spaced = (
        f"regexp_replace(regexp_replace(translate({text}, '−–’', '--'''), '^(''|=\"?)|\"$', '', "
        f"'g'), '{SPACES}', ' ', 'g')"
    )
    bare = (
        rf"regexp_replace(trim(regexp_replace({spaced}, '({signs})|%', '', 'gi')), "
        rf"'[.,]-{{1,2}}$', '')"
    )
    signed = (
        rf"regexp_replace(regexp_replace({bare}, '^\( *(.*?) *\)$', '-\1'), "
        rf"'^([^-].*\d) *-$', '-\1')"
    )
    return (
        rf"CASE WHEN regexp_full_match({text}, '-?[0-9]+([.,][0-9]+)?') THEN {text} "
        rf"ELSE {signed} END"
    )


MONTH_WORDS = (  # French and English, without accents, as a regular expression each
    "jan(v|vier|uary)?",
    "fe(v|vr|vrier|b|bruary)",
    "mar(s|ch)?",
    "a(v|vr|vril|pr|pril)",
    "ma(i|y)",
    "jui?n(e)?",
    "jui?l(y|let)?",
    "ao(u|ut)|aug(ust)?",
    "sept?(embre|ember)?",
    "oct(obre|ober)?",
    "nov(embre|ember)?",
    "dec(embre|ember)?",
)


HAS_WORD = "regexp_matches({}, '[A-Za-zÀ-ÿ]{{3}}')"  # SQL: true for a text that may name a month


def with_month_number(text: str) -> str:
    """SQL: a date whose month is a word, such as 03-janv.-24, 1er janvier 2024, 03-Jan-2024, Jan 3,
    2024 or janv. 2024, as YYYY-MM-DD; else the text itself.

    A month without a day is YYYY-MM; a year of two digits is of this century.
    """
    folded = f"strip_accents(lower({text}))"
    word = f"regexp_extract({folded}, '[a-z]{{3,}}')"
    cases = " ".join(
        f"WHEN regexp_full_match({word}, '{words}') THEN '{number:02d}'"
        for number, words in enumerate(MONTH_WORDS, 1)
    )
    year = rf"regexp_extract({folded}, '(^|[^\d])(\d{{4}}|\d{{2}})( \d{{1,2}}[:h].*)?$', 2)"
    day = rf"regexp_extract({folded}, '^[a-z.]* ?(\d{{1,2}})(er|st|nd|rd|th)?[^\d]', 1)"
    after = rf"regexp_extract({folded}, '[a-z]{{3,}}[.]? (\d{{1,2}})(st|nd|rd|th)?,? \d', 1)"
    shape = (
        r"(lun|mar|mer|jeu|ven|sam|dim)?[a-z]*[.]? ?(\d{1,2}(er|st|nd|rd|th)?[ "
        r"./-]+)?[a-z]{3,9}[.]?[ ./-]*(\d{1,2}(st|nd|rd|th)?,? )?(\d{4}|\d{2})( \d{1,2}[:h].*)?"
    )
    # NULL without a day: left out of the parts
    number = f"lpad(coalesce(nullif({day}, ''), nullif({after}, '')), 2, '0')"
    iso = (
        f"concat_ws('-', CASE WHEN length({year}) = 2 THEN '20' || {year} ELSE {year} END, "
        f"CASE {cases} END, {number})"
    )
    return (
        f"CASE WHEN {HAS_WORD.format(text)} THEN CASE WHEN regexp_full_match({folded}, '{shape}') "
        f"AND CASE {cases} END IS NOT NULL THEN {iso} END ELSE {text} END"
    )


def bare_day(written: str, words: bool = True) -> str:
    """SQL: the day of a date, its parts joined by hyphens; the time of day is put aside.

    `words`: a month may be one.

    Two-digit years are read between slashes or points only: 24-01-15 may be a day
    of 2015 or of 2024.
    """
    text = with_month_number(written) if words else written
    text = rf"regexp_replace({text}, '^(\d{{4}})M(\d{{2}})$', '\1-\2')"  # 2024M01
    day = rf"translate(regexp_extract({text}, '^([0-9/.-]+)([T ].*)?$', 1), '/.', '--')"
    return (
        rf"CASE WHEN NOT regexp_matches({text}, '^\d{{1,2}}-\d{{1,2}}-\d{{1,2}}([T ]|$)') "
        rf"THEN {day} END"
    )


@dataclass(frozen=True)
class Evidence:
    """Counts of values that speak for each of two readings, and of values that fit both;
    one example of the latter.
    """

    first: int = 0
    second: int = 0
    ambiguous: int = 0
    example: str | None = None
    example_row: int | None = None

    def __add__(self, other: "Evidence") -> "Evidence":
        return Evidence(
            self.first + other.first,
            self.second + other.second,
            self.ambiguous + other.ambiguous,
            self.example or other.example,
            self.example_row or other.example_row,
        )

    @property
    def verdict(self) -> str | None:
        """'first', 'second', 'mixed', or None without evidence."""
        if self.first > MAJORITY * self.second:
            return "first"
        if self.second > MAJORITY * self.first:
            return "second"
        return "mixed" if self.first else None


def date_evidence(day: str) -> str:
    """SQL: the fields of an `Evidence` of the order in dates: first = day, second = month; of
    values that COUNT rows have.
    """
    pattern = r"^(\d{1,2})-(\d{1,2})-\d{2,4}$"
    one, two = (
        f"TRY_CAST(regexp_extract({day}, '{pattern}', {group}) AS INTEGER)" for group in (1, 2)
    )
    return _aggregates(
        f"{one} > 12", f"{two} > 12", f"{one} <= 12 AND {two} <= 12 AND {one} <> {two}", day
    )


def decimal_evidence(bare: str) -> str:
    """SQL: the fields of an `Evidence` of the decimal mark: first = comma, second = point."""
    bare = f"translate({bare}, ' ''', '')"
    ambiguous = rf"regexp_matches({bare}, '^[+-]?[1-9]\d{{0,2}}[.,]\d{{3}}$')"
    tests = []
    for mark, other in ((",", r"\."), (r"\.", ",")):
        plain = rf"^[+-]?\d*{mark}(\d{{1,2}}|\d{{4,}})$|^[+-]?(0+|\d{{4,}}){mark}\d{{3}}$"
        grouped = (
            rf"^[+-]?\d{{1,3}}({other}\d{{3}})+{mark}\d+$|^[+-]?\d{{1,3}}({other}\d{{3}}){{2,}}$"
        )
        tests.append(
            f"regexp_matches({bare}, '[.,]') AND regexp_matches({bare}, '{plain}|{grouped}')"
        )
    return _aggregates(tests[0], tests[1], ambiguous, bare)


def _aggregates(first: str, second: str, ambiguous: str, text: str) -> str:
    count = f"coalesce(sum({COUNT}) FILTER ({{}}), 0)::BIGINT"
    return (
        f"{{first: {count.format(first)}, second: {count.format(second)}, "
        f"ambiguous: {count.format(ambiguous)}, "
        f"example: first({text} ORDER BY _row) FILTER ({ambiguous}), "
        f"example_row: min(_row) FILTER ({ambiguous})}}"
    )


def _months(day: str) -> tuple[tuple[str, str, str], ...]:
    """Shape of a month without a day, its first day as text, and how that is read."""
    return (
        (r"\d{4}-\d{1,2}", f"{day} || '-01'", "%Y-%m-%d"),
        (r"0?\d{1,2}-\d{4}", f"'01-' || right({day}, 7)", "%d-%m-%Y"),
        (r"(19|20)\d{2}(0[1-9]|1[0-2])", f"{day} || '01'", "%Y%m%d"),
    )


def is_month(day: str) -> str:
    """SQL: true for a `bare_day` that is a month without a day."""
    return " OR ".join(f"regexp_full_match({day}, '{shape}')" for shape, *_ in _months(day))


def date_sql(
    text: str, day: str, order: str, pattern: str | None = None, months: bool = False
) -> str:
    """SQL: text and its `bare_day` as DATE; NULL when it is missing or does not parse.

    `months`: one without a day is its first day.
    """
    if pattern:
        first_word = f"split_part({text}, ' ', 1)"
        read = (
            f"coalesce(TRY_STRPTIME({text}, {quoted(pattern)}), TRY_STRPTIME({first_word}, "
            f"{quoted(pattern)}))"
        )
        # a spreadsheet's own dates arrive as ISO, whatever the pattern of the dates typed as text
        iso = rf"regexp_full_match({text}, '\d{{4}}-\d{{2}}-\d{{2}} \d{{2}}:\d{{2}}:\d{{2}}')"
        return f"CAST(CASE WHEN {iso} THEN TRY_CAST({text} AS TIMESTAMP) ELSE {read} END AS DATE)"
    short = DATE_ORDERS[order]
    readings = (
        (r"\d{4}-\d{1,2}-\d{1,2}", "%Y-%m-%d"),
        (r"\d{1,2}-\d{1,2}-\d{4}", f"{short}-%Y"),
        (r"\d{8}", "%Y%m%d"),
        (r"\d{1,2}-\d{1,2}-\d{2}", f"{short}-%y"),
    )
    cases = [
        f"WHEN regexp_full_match({day}, '{shape}') THEN TRY_STRPTIME({day}, '{form}')"
        for shape, form in readings
    ]
    if months:
        cases += [
            f"WHEN regexp_full_match({day}, '{shape}') THEN TRY_STRPTIME({first}, '{form}')"
            for shape, first, form in _months(day)
        ]
    return f"CAST(CASE {' '.join(cases)} END AS DATE)"


# how days are numbered: their shape where it tells (from 1954 on; an instant, from 1980 on),
# how it is told
NUMBERED = {
    "serial": (r"[2-6]\d{4}([.,]\d+)?", N_("days as a spreadsheet numbers them")),
    "serial1904": ("", N_("days since 1904")),
    "epoch": (r"(3[2-9]|[4-9]\d|1\d\d|2[01]\d)\d{7}([.,]\d+)?", N_("seconds since 1970")),
    "epoch_ms": (r"(3[2-9]|[4-9]\d|1\d\d|2[01]\d)\d{10}", N_("thousandths of seconds since 1970")),
}


def numbered_day(text: str, numbered: str, zone: str) -> str:
    """SQL: a number as the DATE that it counts to (a key of NUMBERED);
    instants by their day in the zone. NULL for what is no number.
    """
    number = f"TRY_CAST(replace({text}, ',', '.') AS DOUBLE)"
    if numbered.startswith("epoch"):
        instant = f"to_timestamp({number} / {1000 if numbered == 'epoch_ms' else 1})"
        return f"CAST(timezone({quoted(zone)}, {instant}) AS DATE)"
    start = "1904-01-01" if numbered == "serial1904" else "1899-12-30"
    return f"(DATE '{start}' + CAST(floor({number}) AS INTEGER))"


def number_sql(bare: str, decimal: str, thousands: str | None, kind: str) -> str:
    """SQL: a `bare_number` as SQL type `kind`; NULL when it is missing or does not parse."""
    group = thousands if thousands not in (None, "", " ", "'") else ("." if decimal == "," else ",")
    mark, other = decimal.replace(".", r"\."), group.replace(".", r"\.")
    shape = rf"[+-]? ?(\d{{1,3}}([ ''{other}]\d{{3}})+|\d+)?({mark}\d*)?"
    simple = f"TRY_CAST(replace({bare}, '{decimal}', '.') AS {kind})"
    grouped = f"TRY_CAST(replace(translate({bare}, ' ''{group}', ''), '{decimal}', '.') AS {kind})"
    # 1.2345e3 is never grouped: its mark is the decimal one
    machine = r"[+-]?\d+([.,]\d+)?[eE][+-]?\d{1,3}"
    return (
        rf"CASE WHEN regexp_full_match({bare}, '-?\d+({mark}\d+)?') THEN {simple} "
        rf"WHEN regexp_full_match({bare}, '{machine}') THEN TRY_CAST(TRY_CAST(replace({bare}, "
        rf"',', '.') AS DOUBLE) AS {kind}) WHEN regexp_full_match({bare}, '{shape}') "
        rf"AND regexp_matches({bare}, '\d') THEN {grouped} END"
    )
