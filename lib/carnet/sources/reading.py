"""Which header plays which role in a table, and the SQL that reads it as its kind."""

import datetime as dt
from collections.abc import Callable

import duckdb

from carnet.engagement import Table
from carnet.errors import CarnetError, examples, nearest
from carnet.schema import CHOICE_WORDS, TABLES, TRUTH_WORDS
from carnet.sources.base import identifier, quoted
from carnet.sources.formats import (
    Evidence,
    as_written,
    bare_day,
    bare_number,
    cleaned,
    date_evidence,
    date_sql,
    decimal_evidence,
    number_sql,
)

MONEY = "DECIMAL(18, 4)"
FLOATS = ("DOUBLE", "FLOAT")
MEASURED = ("date", "money", "number", "share")


class ColumnReader:
    """The mapped columns of `raw_<name>` as SQL.

    `relation` has, for each role, `t_<role>` (the original value, NULL when missing) and for dates and numbers `p_<role>`
    (its day or digits, bare); `read(role)` is the expression on those that gives the typed value.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, name: str, spec: Table, currency: str) -> None:
        self.con, self.name, self.spec, self.schema, self.currency = con, name, spec, TABLES[name], currency
        described = con.execute(f"DESCRIBE raw_{name}").fetchall()
        self.types = {row[0]: row[1] for row in described if row[0] not in ("_file", "_row")}
        self.mapping = self._map_columns()
        self._found: dict[str, dict[int, Evidence]] = {}

    @property
    def relation(self) -> str:
        """SQL of the prepared values: _file, _row, _hash (of the original line), t_<role>, p_<role>."""
        given = ", ".join(f"{self._given(role)} AS t_{role}" for role in self.mapping)
        bare = "".join(
            f", {self._bare(role)} AS p_{role}"
            for role in self.mapping
            if self.schema.columns[role].kind in MEASURED and self._is_text(role)
        )
        line = f"hash({', '.join(map(identifier, self.types))}) AS _hash"
        return f"(SELECT *{bare} FROM (SELECT _file, _row, {line}, {given} FROM raw_{self.name}))"

    def _bare(self, role: str) -> str:
        """SQL: the day or digits of a text value; a percent sign makes a number only where a share is meant."""
        kind, text = self.schema.columns[role].kind, f"t_{role}"
        if kind == "date":
            return bare_day(text)
        bare = bare_number(text, self.currency)
        return bare if kind == "share" else f"CASE WHEN NOT contains({text}, '%') THEN {bare} END"

    def read(self, role: str) -> str:
        """SQL: the value as its kind; NULL when it is missing or does not read."""
        column, sql_type, text, bare = self.schema.columns[role], self.types[self.mapping[role]], f"t_{role}", f"p_{role}"
        if column.kind in ("id", "text"):
            if sql_type in FLOATS:  # a customer number that missing values turned into 17850.0
                whole = f"CAST(CAST({text} AS BIGINT) AS VARCHAR)"
                return f"CASE WHEN {text} = floor({text}) THEN {whole} ELSE CAST({text} AS VARCHAR) END"
            return f"CAST({text} AS VARCHAR)"
        if column.kind == "bool":
            return _one_of(text, {"true": TRUTH_WORDS[0], "false": TRUTH_WORDS[1]})
        if column.kind == "choice":
            return _one_of(text, {quoted(c): (c, *CHOICE_WORDS.get(c, ())) for c in column.choices})
        kind = {"date": "DATE", "money": MONEY}.get(column.kind, "DOUBLE")
        if sql_type == "BOOLEAN":  # yes and no are no amounts
            return f"NULL::{kind}"
        if not self._is_text(role):
            return f"TRY_CAST({text} AS {kind})"
        if column.kind == "date":
            return self._by_file(role, lambda order: date_sql(text, bare, order or "day first", self.spec.format.date))
        read = self._by_file(role, lambda mark: number_sql(bare, mark or ".", self.spec.format.thousands, kind))
        return f"({read}) / CASE WHEN contains({text}, '%') THEN 100 ELSE 1 END" if column.kind == "share" else read

    def _given(self, role: str) -> str:
        """SQL: the original value, NULL when it is missing; whole-number dates such as 20240131 become text."""
        header, kind = identifier(self.mapping[role]), self.schema.columns[role].kind
        if self.types[self.mapping[role]] in FLOATS and kind in ("date", "bool"):  # 20240131.0, 1.0
            return f"CAST(TRY_CAST({header} AS BIGINT) AS VARCHAR)"
        if self._is_text(role):
            text = f"CAST({header} AS VARCHAR)"
            return cleaned(text if kind in MEASURED else as_written(text))
        return f"(CASE WHEN NOT isnan({header}) THEN {header} END)" if self.types[self.mapping[role]] in FLOATS else header

    def last_date(self, limit: dt.date, role: str = "date") -> dt.date | None:
        """The last readable value of a date column that is not after `limit`."""
        dates = f"SELECT {self.read(role)} AS d FROM {self.relation}"
        return self.con.execute(f"SELECT max(d) FROM ({dates}) WHERE d <= {quoted(str(limit))}").fetchall()[0][0]

    def _map_columns(self) -> dict[str, str]:
        """Role → header: as the engagement says, else a header that is the role's own name or its legal one."""
        faults = []
        headers = {header.casefold(): header for header in self.types}
        mapping = {}
        for role, wanted in self.spec.columns.items():
            if wanted.strip().casefold() in headers:
                mapping[role] = headers[wanted.strip().casefold()]
            else:
                place = f"{self.name}: columns: {role}: no header {wanted!r} in {examples(self.spec.files)}"
                faults.append(f"{place}; {nearest(wanted, self.types)}")
        taken = set(mapping.values())
        for role in self.schema.columns:
            name = self.schema.headers.get(role, role).casefold()
            if role not in self.spec.columns and name in headers and headers[name] not in taken:
                mapping[role] = headers[name]
        for role in self.schema.required:
            sources = self.schema.derived.get(role, ())
            if role in mapping or role in self.spec.columns or (sources and set(sources) <= set(mapping)):
                continue
            instead = f" (or {' and '.join(sources)}, from which it is computed)" if sources else ""
            faults.append(f"{self.name}: the column {role}{instead} is required. Map it under columns:. Headers: {', '.join(self.types)}.")
        if faults:
            raise CarnetError("\n".join(faults))
        return mapping

    def _is_text(self, role: str) -> bool:
        sql_type = self.types[self.mapping[role]]
        return sql_type == "VARCHAR" or (self.schema.columns[role].kind == "date" and not sql_type.startswith(("DATE", "TIMESTAMP")))

    def _by_file(self, role: str, expression: Callable[[str | None], str]) -> str:
        """SQL: `expression(reading)` with the reading that each file's evidence supports."""
        readings = self._readings(role)
        if len(set(readings.values())) <= 1:
            return expression(next(iter(readings.values()), None))
        cases = " ".join(f"WHEN {index} THEN {expression(reading)}" for index, reading in readings.items())
        return f"CASE _file {cases} END"

    def _readings(self, role: str) -> dict[int, str | None]:
        """File index → 'day first' / 'month first', or the decimal mark; asks when values stay ambiguous."""
        dates = self.schema.columns[role].kind == "date"
        by_hand = self.spec.format.date and "day first" if dates else self.spec.format.decimal
        if by_hand or not self._is_text(role):
            return {0: by_hand}
        kinds = ("date",) if dates else MEASURED[1:]
        alike = [r for r in self.mapping if self.schema.columns[r].kind in kinds and self._is_text(r)]
        found = [self._evidence(r, dates) for r in alike]
        words = ("day first", "month first") if dates else (",", ".")
        readings: dict[int, str | None] = {}
        for index, own in self._evidence(role, dates).items():
            in_file = sum((by_file[index] for by_file in found), Evidence())
            verdict = own.verdict or in_file.verdict
            if verdict == "mixed" or (verdict is None and own.ambiguous):
                raise CarnetError(self._question(role, own, verdict == "mixed", dates))
            readings[index] = {"first": words[0], "second": words[1]}.get(verdict or "")
        return readings

    def _evidence(self, role: str, dates: bool) -> dict[int, Evidence]:
        """File index → what the column's values say of their order or decimal mark; asked of the data once."""
        if role not in self._found:
            aggregates = (date_evidence if dates else decimal_evidence)(f"p_{role}")
            query = f"SELECT _file, {aggregates} FROM {self.relation} GROUP BY _file ORDER BY _file"
            self._found[role] = {row[0]: Evidence(*row[1:]) for row in self.con.execute(query).fetchall()}
        return self._found[role]

    def _question(self, role: str, own: Evidence, mixed: bool, dates: bool) -> str:
        place = f" (row {own.example_row}: {own.example!r})" if own.example else ""
        if dates:
            what, key, accepted = "the order of the dates", "date", '"%d/%m/%Y" or "%m/%d/%Y"'
            why = "some values are day/month and some month/day" if mixed else "no day is above 12"
        else:
            what, key, accepted = "the decimal mark", "decimal", '"," or "."'
            why = "both marks occur" if mixed else "1,234 may be one thousand or one and a fraction"
        return (
            f"{self.name}: {what} in {self.mapping[role]!r} is ambiguous: {why}{place}. Set tables.{self.name}.format.{key} to {accepted}."
        )


def _one_of(text: str, words: dict[str, tuple[str, ...]]) -> str:
    """SQL: the key whose words hold the text, accents and case aside; NULL when none does."""
    folded = f"strip_accents(lower(CAST({text} AS VARCHAR)))"
    cases = " ".join(f"WHEN {folded} IN ({', '.join(map(quoted, texts))}) THEN {value}" for value, texts in words.items())
    return f"CASE {cases} END"
