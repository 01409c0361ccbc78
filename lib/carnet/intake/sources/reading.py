"""The SQL that reads a column of a table as its kind."""

import datetime as dt
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any

import duckdb

from carnet.engagement.file import Condition, Ids, Table
from carnet.engagement.schema import CHOICE_WORDS, RATES, TABLE_LABELS, TABLES, TRUTH_WORDS
from carnet.errors import CarnetError, Message, examples
from carnet.intake.sources.base import identifier, quoted
from carnet.intake.sources.formats import (
    COUNT,
    HAS_WORD,
    NUMBERED,
    OUTER_SPACES,
    Evidence,
    as_written,
    bare_day,
    bare_number,
    cleaned,
    date_evidence,
    date_sql,
    decimal_evidence,
    is_month,
    number_sql,
    numbered_day,
)
from carnet.intake.sources.mapping import Headers
from carnet.wording import N_, Notice

MONEY = "DECIMAL(18, 4)"
# written in the place of a code
CURRENCY_SIGNS = {"'EUR'": ("€", "euro", "euros"), "'GBP'": ("£",), "'USD'": ("$", "us$")}
MOST_TEXTS = 50  # columns of texts looked at for the word of a total
CUSTOMER_ROLES = ("customer_id", "auxiliary")
FLOATS = ("DOUBLE", "FLOAT")
MEASURED = ("date", "money", "number", "share")
SUM_WORDS = r"(grand[ -]?|sous[ -]?|sub[ -]?)?tota(l|ux|ls)( general| generaux)?"
# says by itself that it sums others
TOTAL = (
    rf"{SUM_WORDS}( ?:)?( (for|of|pour|de|du|des|client|exercice|annee|mois|year|month|[0-9]).*)?"
)
CARRIED = "a reporter|reports?|somme|cumul|total page|page total|(carried|brought) forward"
# sought first, in all texts of a row at once
TOTAL_HINT = "(?i)total|totau|report|somme|cumul|forward"
# does so only where its amount is the sum
LIKE_TOTAL = rf"({SUM_WORDS}|{CARRIED})([ :].*)?|.+ {SUM_WORDS}"


class ColumnReader(Headers):
    """The mapped columns of `raw_<name>` as SQL.

    `relation` has, for each role, `t_<role>` (the original value, NULL when missing) and for dates
    and numbers `p_<role>` (its day or digits, bare); `read(role)` is the expression on those that
    gives the typed value.
    """

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        name: str,
        spec: Table,
        currency: str,
        rates: Mapping[str, Any] | str | None = None,
    ) -> None:
        self.con, self.currency = con, currency
        self.rates_file = rates if isinstance(rates, str) else (rates or {}).get("file")
        self.rates = {currency: 1.0} | (
            {} if self.rates_file or isinstance(rates, str) else {**(rates or {})}
        )
        described = con.execute(f"DESCRIBE raw_{name}").fetchall()
        types = {row[0]: row[1] for row in described if row[0] not in ("_file", "_row")}
        super().__init__(name, spec, RATES if name == "rates" else TABLES[name], types)
        self.notices: list[Notice] = []
        self.raw = self._filled_down()
        self._found: dict[str, dict[int, Evidence]] = {}
        self._monthly: dict[str, bool] = {}
        self._worded: dict[str, bool] = {}
        self._numbered: dict[str, str | None] = {}

    @property
    def relation(self) -> str:
        """SQL of the prepared values: _file, _row, _hash (of the original line),
        _aside (why the row is none of the table's), _negative, t_<role>, p_<role>.
        """
        line = f"hash({', '.join(map(identifier, self.types))}) AS _hash"
        kinds = (
            f"{self._aside()} AS _aside, {self._negative()} AS _negative, "
            f"{self._total_word()} AS _total"
        )
        return self._prepared(self.mapping, f"{line}, {kinds}, ")

    def _prepared(self, roles: Iterable[str], line: str = "", rows: str = "") -> str:
        """SQL of the values of these roles, with the columns of the line where they are asked; of
        the raw rows, or of others.
        """
        roles = list(roles)
        given = ", ".join(f"{self._given(role)} AS t_{role}" for role in roles)
        bare = "".join(
            f", {self._bare(role)} AS p_{role}"
            for role in roles
            if self.schema.columns[role].kind in MEASURED and self._is_text(role)
        )
        rows = rows or self.raw
        return f"(SELECT *{bare} FROM (SELECT _file, _row, {line}{given} FROM {rows}))"

    def _values(self, role: str) -> str:
        """SQL of each value of a role once a file: the days of a million lines are a few hundred.
        _row is the first that has it, COUNT how many do.
        """
        header = identifier(self.mapping[role])
        once = (
            f"(SELECT _file, min(_row) AS _row, count(*) AS {COUNT}, {header} FROM {self.raw} "
            f"GROUP BY _file, {header})"
        )
        return self._prepared([role], f"{COUNT}, ", once)

    def _aside(self) -> str:
        """SQL: the code of a row that is none of the table's:
        its header once more, a heading of the rows below, or not kept by `where:`.
        """
        texts = [header for header in self.mapping.values() if self.types[header] == "VARCHAR"]
        again = " AND ".join(f"{folded(identifier(h))} = {folded_words([h])}" for h in texts)
        # what stands behind THEN is computed for the few rows that come that far
        repeated = (
            (
                f"CASE WHEN length({identifier(texts[0])}) BETWEEN {len(texts[0])} "
                f"AND {len(texts[0]) + 4} THEN {again} ELSE false END"
            )
            if len(texts) > 1
            else "false"
        )
        cases = f"WHEN {repeated} THEN 'header:'"
        others = [header for header in self.mapping.values() if header not in self.filled]
        if self.filled and others:
            cases += (
                f" WHEN {' AND '.join(f'{_blank(header)}' for header in others)} THEN 'heading:'"
            )
        if self.spec.skip:
            cases += f" WHEN {self._skipped()} THEN 'skip:'"
        for wanted, condition in self.spec.where.items():
            cases += (
                f" WHEN NOT ({self._kept(self.header(wanted, 'where'), condition)}) THEN 'where:'"
            )
        return f"CASE {cases} END"

    def _skipped(self) -> str:
        """SQL: true for the rows of each file that `skip:` names."""
        tests = []
        for rows in self.spec.skip:
            first, _, last = rows.removeprefix("last").partition("-")
            if rows.startswith("last"):
                tests.append(f"_row > max(_row) OVER (PARTITION BY _file) - {int(first or 1)}")
            else:
                tests.append(f"_row BETWEEN {int(first)} AND {int(last or first)}")
        return " OR ".join(tests)

    def _kept(self, header: str, condition: Condition) -> str:
        """SQL: true for rows that a condition keeps."""
        tests = []
        if condition.among is not None:
            tests.append(
                f"coalesce({folded(identifier(header))} IN ({folded_words(condition.among)}), "
                f"false)"
            )
        if condition.excluded is not None:
            tests.append(
                f"NOT coalesce({folded(identifier(header))} IN "
                f"({folded_words(condition.excluded)}), false)"
            )
        if condition.empty is not None:
            tests.append(_blank(header) if condition.empty else f"NOT {_blank(header)}")
        return " AND ".join(tests) or "true"

    def _negative(self) -> str:
        """SQL: true where `sign:` makes the amounts of a row negative."""
        if self.spec.sign is None:
            return "false"
        column = identifier(self.header(self.spec.sign.column, "sign"))
        return f"coalesce({folded(column)} IN ({folded_words(self.spec.sign.negative)}), false)"

    def _total_word(self) -> str:
        """SQL: 2 where a text of the row says that it is a total of others,
        1 where it reads like one, else 0.
        """
        if not self.schema.total:
            return "0"
        numbers = [
            h
            for role, h in self.mapping.items()
            if self.schema.columns[role].kind not in ("id", "text", "date")
        ]
        texts = [h for h, kind in self.types.items() if kind == "VARCHAR" and h not in numbers][
            :MOST_TEXTS
        ]
        if not texts:
            return "0"
        columns = list(map(identifier, texts))
        cases = [
            (
                f"CASE WHEN regexp_full_match({folded(h)}, {quoted(TOTAL)}) THEN 2 "
                f"WHEN regexp_full_match({folded(h)}, {quoted(LIKE_TOTAL)}) THEN 1 ELSE 0 END"
            )
            for h in columns
        ]
        found = f"greatest({', '.join(cases)})" if len(cases) > 1 else cases[0]
        # what stands behind THEN is computed for the few rows that come that far
        return (
            f"CASE WHEN regexp_matches(concat_ws('|', {', '.join(columns)}), {quoted(TOTAL_HINT)}) "
            f"THEN {found} ELSE 0 END"
        )

    @cached_property
    def filled(self) -> list[str]:
        """Headers whose empty cells repeat the one above."""
        wanted = [self.header(name, "fill_down") for name in self.spec.fill_down]
        if wanted:
            empty = self.con.execute(
                f"SELECT count(*) FILTER ({' OR '.join(map(_blank, wanted))}) FROM raw_{self.name}"
            ).fetchall()[0][0]
            message = N_(
                "{table}: empty cells of {columns} filled with what stands above them, "
                "on {count} rows."
            )
            self.notices.append(
                Notice(
                    message,
                    {"table": TABLE_LABELS[self.name], "columns": examples(wanted), "count": empty},
                )
            )
        return wanted or self._group_column()

    def _group_column(self) -> list[str]:
        """The customer's column, where it is filled on rows of its own alone:
        headings of groups of rows.
        """
        column, others = (
            self.mapping.get("customer_id"),
            [h for role, h in self.mapping.items() if role != "customer_id"],
        )
        required = [
            self.mapping[role]
            for role in self.schema.required
            if role in self.mapping and role != "customer_id"
        ]
        if column is None or not required or self.spec.fill_down or self.types[column] != "VARCHAR":
            return []
        rows, empty = self.con.execute(
            f"SELECT count(*), count(*) FILTER (coalesce({identifier(column)}, '') = '') "
            f"FROM raw_{self.name}"
        ).fetchall()[0]
        if 3 * empty < rows:
            return []
        named, others_blank = f"NOT {_blank(column)}", " AND ".join(map(_blank, others))
        total = f"regexp_full_match({folded(identifier(column))}, {quoted(LIKE_TOTAL)})"
        headings, below, both = self.con.execute(
            f"SELECT count(*) FILTER ({named} AND {others_blank}), count(*) FILTER "
            f"(NOT ({named})), count(*) FILTER ({named} AND NOT ({others_blank}) AND NOT {total}) "
            f"FROM raw_{self.name}"
        ).fetchall()[0]
        if headings < 2 or below <= headings or both:
            return []
        message = N_(
            "{table}: {column} stands on rows of its own, above the rows of each: {count} "
            "headings filled down."
        )
        self.notices.append(
            Notice(message, {"table": TABLE_LABELS[self.name], "column": column, "count": headings})
        )
        return [column]

    def _filled_down(self) -> str:
        """SQL: the raw rows, with the cells filled down that `fill_down:` or the headings
        of groups say.
        """
        if not self.filled:
            return f"raw_{self.name}"
        cells = ", ".join(
            (
                f"last_value(CASE WHEN NOT {_blank(h)} THEN {identifier(h)} END IGNORE NULLS) OVER "
                f"(PARTITION BY _file ORDER BY _row) AS {identifier(h)}"
            )
            for h in self.filled
        )
        return f"(SELECT * REPLACE ({cells}) FROM raw_{self.name})"

    def _bare(self, role: str) -> str:
        """SQL: the day or digits of a text value; a percent sign makes a number only where
        a share is meant.
        """
        kind, text = self.schema.columns[role].kind, f"t_{role}"
        if kind == "date":
            return bare_day(text, self._has_words(role))
        bare = bare_number(text, self.currency)
        return bare if kind == "share" else f"CASE WHEN NOT contains({text}, '%') THEN {bare} END"

    def _read_text(self, role: str, text: str, sql_type: str) -> str:
        """SQL: a text as written, a customer's number as compared, a mapped word as its own."""
        if sql_type in FLOATS:  # a customer number that missing values turned into 17850.0
            whole = f"CAST(TRY_CAST({text} AS BIGINT) AS VARCHAR)"
            written = f"CAST({text} AS VARCHAR)"
            return (
                f"CASE WHEN {text} = floor({text}) THEN coalesce({whole}, {written}) "
                f"ELSE {written} END"
            )
        # é is one letter or two signs, and one name; the signs come after the letters of Europe
        plain = text if sql_type == "VARCHAR" else f"CAST({text} AS VARCHAR)"
        written = (
            rf"CASE WHEN regexp_matches({plain}, '[^\x00-\x{{2FF}}]') THEN nfc_normalize({plain}) "
            f"ELSE {plain} END"
        )
        if role in CUSTOMER_ROLES:
            written = same_customer(written, self.spec.ids)
        if role == "currency":
            return f"coalesce({_one_of(written, CURRENCY_SIGNS)}, upper({written}))"
        mapped = {
            quoted(word): tuple(words) for word, words in self.spec.own_words.get(role, {}).items()
        }
        return f"coalesce({_one_of(text, mapped)}, {written})" if mapped else written

    def read(self, role: str) -> str:
        """SQL: the value as its kind; NULL when it is missing or does not read."""
        column, sql_type, text, bare = (
            self.schema.columns[role],
            self.types[self.mapping[role]],
            f"t_{role}",
            f"p_{role}",
        )
        if column.kind in ("id", "text"):
            return self._read_text(role, text, sql_type)
        if column.kind == "bool":
            return _one_of(text, {"true": TRUTH_WORDS[0], "false": TRUTH_WORDS[1]})
        own = self.spec.own_words.get(role, {})
        if column.kind == "choice":
            return _one_of(
                text,
                {quoted(c): (c, *CHOICE_WORDS.get(c, ()), *own.get(c, ())) for c in column.choices},
            )
        kind = {"date": "DATE", "money": MONEY}.get(column.kind, "DOUBLE")
        if sql_type == "BOOLEAN":  # yes and no are no amounts
            return f"NULL::{kind}"
        if not self._is_text(role):
            return f"TRY_CAST({text} AS {kind})"
        if column.kind == "date":
            if numbered := self._numbers_of_days(role):
                return numbered_day(text, numbered, self.spec.format.timezone or "UTC")
            months = self._months_alone(role)
            return self._by_file(
                role,
                lambda order: date_sql(
                    text, bare, order or "day first", self.spec.format.date, months
                ),
            )
        read = self._by_file(
            role, lambda mark: number_sql(bare, mark or ".", self.spec.format.thousands, kind)
        )
        return (
            f"({read}) / CASE WHEN contains({text}, '%') THEN 100 ELSE 1 END"
            if column.kind == "share"
            else read
        )

    def _given(self, role: str) -> str:
        """SQL: the original value, NULL when it is missing;
        whole-number dates such as 20240131 become text.
        """
        header, kind = identifier(self.mapping[role]), self.schema.columns[role].kind
        if self.types[self.mapping[role]] in FLOATS and kind in ("date", "bool"):  # 20240131.0, 1.0
            whole = f"CAST(TRY_CAST({header} AS BIGINT) AS VARCHAR)"
            return (
                f"CASE WHEN isnan({header}) THEN NULL WHEN {header} = floor({header}) THEN {whole} "
                f"ELSE CAST({header} AS VARCHAR) END"
            )
        if self._is_text(role):
            is_text = self.types[self.mapping[role]] == "VARCHAR"
            text = header if is_text else f"CAST({header} AS VARCHAR)"
            return cleaned(text) if kind in MEASURED else as_written(text, cleaned(text))
        return (
            f"(CASE WHEN NOT isnan({header}) THEN {header} END)"
            if self.types[self.mapping[role]] in FLOATS
            else header
        )

    def rate(self) -> str:
        """SQL: what a unit of the row's currency is worth in the engagement's own on its day;
        1 where no currency is written, NULL where no rate is known.
        """
        code = self.read("currency")
        cases = " ".join(
            f"WHEN {quoted(known)} THEN {rate!r}" for known, rate in self.rates.items()
        )
        day = next(
            (role for role in (*self.schema.past_dates, "date") if role in self.mapping), None
        )
        dated = "NULL"
        if self.rates_file and day:
            dated = (
                f"(SELECT arg_max(r.rate, r.date) FROM accepted_rates r WHERE r.currency = {code} "
                f"AND r.date <= {self.read(day)})"
            )
        return (
            f"CASE WHEN {code} IS NULL THEN 1.0 ELSE coalesce(CASE {code} {cases} END, {dated}) END"
        )

    def last_date(self, limit: dt.date, role: str = "date") -> dt.date | None:
        """The last readable value of a date column that is not after `limit`."""
        dates = f"SELECT {self.read(role)} AS d FROM {self._values(role)}"
        return self.con.execute(
            f"SELECT max(d) FROM ({dates}) WHERE d <= {quoted(str(limit))}"
        ).fetchall()[0][0]

    def _is_text(self, role: str) -> bool:
        sql_type = self.types[self.mapping[role]]
        return sql_type == "VARCHAR" or (
            self.schema.columns[role].kind == "date"
            and not sql_type.startswith(("DATE", "TIMESTAMP"))
        )

    def _by_file(self, role: str, expression: Callable[[str | None], str]) -> str:
        """SQL: `expression(reading)` with the reading that each file's evidence supports."""
        readings = self._readings(role)
        if len(set(readings.values())) <= 1:
            return expression(next(iter(readings.values()), None))
        cases = " ".join(
            f"WHEN {index} THEN {expression(reading)}" for index, reading in readings.items()
        )
        return f"CASE _file {cases} END"

    def _readings(self, role: str) -> dict[int, str | None]:
        """File index → 'day first' / 'month first', or the decimal mark;
        asks when values stay ambiguous.
        """
        dates = self.schema.columns[role].kind == "date"
        by_hand = self.spec.format.date and "day first" if dates else self.spec.format.decimal
        if by_hand or not self._is_text(role):
            return {0: by_hand}
        kinds = ("date",) if dates else MEASURED[1:]
        alike = [
            r for r in self.mapping if self.schema.columns[r].kind in kinds and self._is_text(r)
        ]
        evidence = self._evidence(alike, dates)
        words = ("day first", "month first") if dates else (",", ".")
        readings: dict[int, str | None] = {}
        for index, own in evidence[role].items():
            in_file = sum((by_file[index] for by_file in evidence.values()), Evidence())
            verdict = own.verdict or in_file.verdict
            if verdict == "mixed" or (verdict is None and own.ambiguous):
                raise CarnetError(self._question(role, own, verdict == "mixed", dates))
            readings[index] = {"first": words[0], "second": words[1]}.get(verdict or "")
        return readings

    def _has_words(self, role: str) -> bool:
        """True where a date of a column has letters: a month may be one.

        Asked once, few columns have any.
        """
        if role not in self._worded:
            words = HAS_WORD.format(f"CAST({identifier(self.mapping[role])} AS VARCHAR)")
            self._worded[role] = bool(
                self.con.execute(f"SELECT 1 FROM raw_{self.name} WHERE {words} LIMIT 1").fetchall()
            )
        return self._worded[role]

    def _months_alone(self, role: str) -> bool:
        """True where every value of a date column is a month without a day:
        among days such a one is no date.
        """
        if role not in self._monthly:
            counts = f"SELECT count(*), count(*) FILTER ({is_month(f'p_{role}')}) FROM"
            given = f"SELECT p_{role} FROM {self._prepared([role])} WHERE p_{role} IS NOT NULL"
            values, months = self.con.execute(f"{counts} ({given} LIMIT 100)").fetchall()[0]
            if values == months > 0:
                values, months = self.con.execute(f"{counts} ({given})").fetchall()[0]
            self._monthly[role] = values == months > 0
            if self._monthly[role] and not self.spec.unpivot:
                message = N_(
                    "{table}: {column} holds months without a day, read as their first day."
                )
                self.notices.append(
                    Notice(
                        message, {"table": TABLE_LABELS[self.name], "column": self.mapping[role]}
                    )
                )
        return self._monthly[role]

    def _numbers_of_days(self, role: str) -> str | None:
        """How the days of a column are numbered (a key of NUMBERED),
        where `format: {date: …}` says so or every value does; None where days are written.

        Raises CarnetError where they are instants, and the day depends on a zone that
        nothing names.
        """
        if role not in self._numbered:
            form = self.spec.format.date
            self._numbered[role] = (
                form if form in NUMBERED else None if form else self._detected_numbers(role)
            )
            if numbered := self._numbered[role]:
                self._tell_numbered(role, numbered)
        return self._numbered[role]

    def _detected_numbers(self, role: str) -> str | None:
        given = f"SELECT t_{role} AS t FROM {self._prepared([role])} WHERE t_{role} IS NOT NULL"
        tests = {
            kind: f"count(*) FILTER (regexp_full_match(t, '{shape}'))"
            for kind, (shape, _) in NUMBERED.items()
            if shape
        }
        for limit in ("LIMIT 100", ""):
            values, *counts = self.con.execute(
                f"SELECT count(*), {', '.join(tests.values())} FROM ({given} {limit})"
            ).fetchall()[0]
            found = next(
                (kind for kind, count in zip(tests, counts, strict=True) if values == count > 0),
                None,
            )
            if found is None:
                return None
        return found

    def _tell_numbered(self, role: str, numbered: str) -> None:
        zone = self.spec.format.timezone
        header, text = self.mapping[role], f"t_{role}"
        if numbered.startswith("epoch") and not zone:
            seconds = f"TRY_CAST({text} AS DOUBLE) / {1000 if numbered == 'epoch_ms' else 1}"
            hours = f"SELECT 1 FROM {self._prepared([role])} WHERE {seconds} % 86400 <> 0 LIMIT 1"
            if self.con.execute(hours).fetchall():
                raise CarnetError(
                    "{name}: {header} counts seconds since 1970, and their day depends on the "
                    "time zone. Set format: {{timezone: Europe/Paris}}.",
                    name=self.name,
                    header=f"{header!r}",
                )
        first, last = self.con.execute(
            f"SELECT min(d), max(d) FROM (SELECT {numbered_day(text, numbered, zone or 'UTC')} "
            f"AS d FROM {self._values(role)})"
        ).fetchall()[0]
        message = N_("{table}: {column} holds numbers, read as days ({kind}): {first} to {last}.")
        kind = Notice(NUMBERED[numbered][1], {})
        self.notices.append(
            Notice(
                message,
                {
                    "table": TABLE_LABELS[self.name],
                    "column": header,
                    "kind": kind,
                    "first": str(first),
                    "last": str(last),
                },
            )
        )

    def _evidence(self, roles: list[str], dates: bool) -> dict[str, dict[int, Evidence]]:
        """Role → file index → what the values say of their order or decimal mark;
        asked of each column once.
        """
        for role in (role for role in roles if role not in self._found):
            said = (date_evidence if dates else decimal_evidence)(f"p_{role}")
            rows = self.con.execute(
                f"SELECT _file, {said} FROM {self._values(role)} GROUP BY _file ORDER BY _file"
            ).fetchall()
            self._found[role] = {file: Evidence(**found) for file, found in rows}
        return {role: self._found[role] for role in roles}

    def _question(self, role: str, own: Evidence, mixed: bool, dates: bool) -> str:
        place = (
            Message(" (row {row}: {value})", row=own.example_row, value=f"{own.example!r}")
            if own.example
            else ""
        )
        said = {
            "name": self.name,
            "place_of": "rates.format" if self.name == "rates" else f"tables.{self.name}.format",
            "header": f"{self.mapping[role]!r}",
            "place": place,
        }
        if dates and mixed:
            return Message(
                "{name}: the order of the dates in {header} is ambiguous: some values are "
                "day/month and some month/day{place}. "
                'Set {place_of}.date to "%d/%m/%Y" or "%m/%d/%Y".',
                **said,
            )
        if dates:
            return Message(
                "{name}: the order of the dates in {header} is ambiguous: no day is "
                "above 12{place}. "
                'Set {place_of}.date to "%d/%m/%Y" or "%m/%d/%Y".',
                **said,
            )
        if mixed:
            return Message(
                "{name}: the decimal mark in {header} is ambiguous: both marks occur{place}. "
                'Set {place_of}.decimal to "," or ".".',
                **said,
            )
        return Message(
            "{name}: the decimal mark in {header} is ambiguous: 1,234 may be one thousand or one "
            "and a fraction{place}. "
            'Set {place_of}.decimal to "," or ".".',
            **said,
        )


def same_customer(number: str, ids: Ids) -> str:
    """SQL: a customer's number without what `ids:` ignores."""
    if ids.spaces == "ignore":
        number = rf"regexp_replace({number}, '\s', '', 'g')"
    if ids.punctuation == "ignore":
        number = rf"regexp_replace({number}, '[^\p{{L}}\p{{N}}\s]', '', 'g')"
    if ids.case == "ignore":
        number = f"upper({number})"
    return (
        f"coalesce(nullif(ltrim({number}, '0'), ''), {number})" if ids.zeros == "ignore" else number
    )


def _one_of(text: str, words: dict[str, tuple[str, ...]]) -> str:
    """SQL: the key whose words hold the text, accents and case aside; NULL when none does."""
    cases = " ".join(
        f"WHEN {folded(text)} IN ({folded_words(texts)}) THEN {value}"
        for value, texts in words.items()
    )
    return f"CASE {cases} END"


def folded(text: str) -> str:
    """SQL: a text without outer spaces, case and accents."""
    return f"strip_accents(lower(trim(CAST({text} AS VARCHAR), {quoted(OUTER_SPACES)})))"


def folded_words(words: Iterable[str]) -> str:
    """SQL literals of words as `folded` leaves them."""
    return ", ".join(quoted(plain_word(word)) for word in words)


def plain_word(word: str) -> str:
    """A word without outer spaces, case and accents."""
    plain = unicodedata.normalize("NFKD", word.strip().lower())
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def _blank(header: str) -> str:
    """SQL: true where a cell is empty."""
    return (
        f"(coalesce(trim(CAST({identifier(header)} AS VARCHAR), {quoted(OUTER_SPACES)}), '') = '')"
    )
