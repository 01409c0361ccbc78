"""Tables that an engine holds, checked where they are: a contract as Ibis expressions.

The rules are those of `contracts`, which reads what people write; here columns have kinds, and a
row never leaves its engine. Counts and sums come back, the distinct values that a message names,
and the first rows set aside.
"""

import datetime as dt
import operator
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from typing import Any

import ibis
import ibis.expr.datatypes as kinds
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from carnet.engagement.file import Condition, Ids, Table
from carnet.engagement.schema import (
    CHOICE_WORDS,
    CREDIT_KIND,
    CREDIT_WORDS,
    CURRENCY_HEADERS,
    NO_SALE_KIND,
    NO_SALE_WORDS,
    REFUNDED_HEADERS,
    TABLE_LABELS,
    TABLES,
    TRUTH_WORDS,
    Column,
)
from carnet.errors import CarnetError, Message, lines
from carnet.intake.checks import (
    CENT,
    EARLIEST,
    FEW_WORDS,
    MEANT,
    MONEYS,
    MOST_COLUMNS,
    SIGNED,
    TableCheck,
    conclude,
    told_converted,
    told_given_back,
    told_like_totals,
    told_meant,
    told_no_sales,
    told_several_currencies,
    told_signed,
    told_twice,
    told_unknown,
)
from carnet.intake.quarantine import Aside
from carnet.intake.sources.base import SourceFile, plain_header
from carnet.intake.sources.formats import MISSING_STARTS, MISSING_TEXTS, OUTER_SPACES
from carnet.intake.sources.mapping import Headers
from carnet.intake.sources.reading import (
    CURRENCY_SIGNS,
    CUSTOMER_ROLES,
    LIKE_TOTAL,
    MOST_TEXTS,
    SUM_WORDS,
    TOTAL,
    TOTAL_HINT,
    plain_word,
)
from carnet.wording import N_, Notice

MONEY = "decimal(18, 4)"
MOST_MONEY = 99_999_999_999_999.0  # what it holds, asked where a cast does not try
MOST_WHOLE = 9e18  # of a whole number
RATE = "decimal(18, 10)"
OWN_NAMES = (  # beside the columns of a table
    *("_file", "_row", "_hash", "_path", "_amount", "_reason", "file_row_number"),
)
NOTHING = Decimal("0.0000")
MOST_HASHES = 60_000_000  # of lines, that are sorted here at once: 1 GB
SHOWN_ASIDE = 1000  # rows set aside that come to this machine
OUTER = rf"^[{OUTER_SPACES}]+|[{OUTER_SPACES}]+$"
MISSING = (
    rf"[{OUTER_SPACES}]*({'|'.join(re.escape(text) for text in MISSING_TEXTS)})[{OUTER_SPACES}]*"
)
ISO_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}([ T].*)?"
_PLAIN_START = "".join(
    re.escape(letter)
    for letter in map(chr, range(ord("!"), ord("~") + 1))
    if letter not in MISSING_STARTS
)
PLAIN = f"[{_PLAIN_START}]([ -~]*[!-~])?"
PLAIN_NUMBER = "[+-]?([0-9]{1,15}([.][0-9]{0,15})?|[.][0-9]{1,15})"
END = {"postgres": "$"}  # of a text, for expressions; elsewhere a last line break may follow "$"
MEASURED = ("date", "money", "number", "share")
# what people write and no table of an engine holds: options of a table that a contract here lacks
FOREIGN = ("query", "sheet", "join", "skip", "fill_down", "unpivot")
HERE_ONLY = ("costs", "ledger")  # completed on this machine, once read
PUNCTUATION = {"postgres": r"[!-/:-@\[-`{-~]"}  # its expressions know no other
MARKS = "\u0300-\u036f\u3099\u309a"  # that stand on the letter before
COMPOSED: dict[str, Any] = {
    "duckdb": ibis.udf.scalar.builtin(
        lambda text: text, name="nfc_normalize", signature=((kinds.string,), kinds.string)
    ),
    "postgres": ibis.udf.scalar.builtin(
        lambda text: text, name="normalize", signature=((kinds.string,), kinds.string)
    ),
}
_bytes: Any = ibis.udf.scalar.builtin(
    lambda text: 0, name="strlen", signature=((kinds.string,), kinds.int64)
)
_letter: Any = ibis.udf.scalar.builtin(
    lambda text, place: text,
    name="array_extract",
    signature=((kinds.string, kinds.int64), kinds.string),
)
_without_accents: Any = ibis.udf.scalar.builtin(
    lambda text: text, name="strip_accents", signature=((kinds.string,), kinds.string)
)
_normal: Any = ibis.udf.scalar.builtin(
    lambda text, form: text,
    name="normalize",
    database="pg_catalog",
    signature=((kinds.string, kinds.string), kinds.string),
)
_LETTERS = {  # small letters that are another one with marks
    letter: plain[0]
    for letter in map(chr, range(0xDF, 0xAC00))
    if letter == letter.lower()
    and (plain := unicodedata.normalize("NFKD", letter)) != letter
    and all(map(unicodedata.combining, plain[1:]))
    and len(plain) > 1
}
ACCENTED, UNACCENTED = "".join(_LETTERS), "".join(_LETTERS.values())


class HeldContract(Headers):
    """One table's contract on rows of an engine: its columns, and _file (index into the files),
    _row (number in the file; NULL where rows have none) and _hash (of the whole line).
    """

    def __init__(
        self,
        rows: ir.Table,
        name: str,
        spec: Table,
        currency: str,
        rates: Mapping[str, Any] | None = None,
    ) -> None:
        own = {
            column: _name_of(kind)
            for column, kind in rows.schema().items()
            if column not in ("_file", "_row", "_hash")
        }
        super().__init__(name, spec, TABLES[name], own)
        self.engine = rows.get_backend().name
        self.currency, self.rates = currency, {currency: 1.0} | dict(rates or {})
        # by place: a header may bear the name of a role
        self.places = {header: f"r_{place}" for place, header in enumerate(own)}
        self.rows = rows.rename({place: header for header, place in self.places.items()})
        if faults := self._faults():
            raise CarnetError(lines(faults))
        self.roles = [role for role in self.schema.columns if role in self.mapping]

    def _faults(self) -> list[Message]:
        """Columns whose kind holds no such value."""
        fitting = {"date": ("DATE", "TIMESTAMP", "VARCHAR")}
        numbers = ("BIGINT", "DOUBLE", "DECIMAL", "VARCHAR", "BOOLEAN")
        return [
            Message(
                "{name}: {header} is of the kind {kind} and cannot be read as {role}. Give it as a "
                "{wanted} in a view, and name the view under files:.",
                name=self.name,
                header=f"{header!r}",
                kind=self.types[header],
                role=role,
                wanted={"date": "DATE", "money": "DECIMAL"}.get(kind, "DOUBLE"),
            )
            for role, header in self.mapping.items()
            if (kind := self.schema.columns[role].kind) in MEASURED
            and self.types[header] not in fitting.get(kind, numbers)
        ]

    # --- values

    def _raw(self, header: str) -> Any:
        return self.rows[self.places[header]]

    def _text(self, header: str) -> ir.StringValue:
        """A value as text, NULL where it means missing; 17850.0 as 17850."""
        raw = self._raw(header)
        if raw.type().is_floating():
            whole, written = raw.try_cast("int64"), raw.cast("string")
            return ibis.cases(
                (raw.isnan(), _NO_TEXT),
                (raw.abs() > MOST_WHOLE, written),
                (whole.cast("float64") == raw, whole.cast("string")),
                else_=written,
            )
        written = raw.cast("string")
        if not raw.type().is_string():
            return written
        # no function of the column stands twice: it would be computed for every row
        return ibis.cases(
            (self._is_plain(written), written),
            (self._whole(written.lower(), MISSING), _NO_TEXT),
            else_=self._composed(written.re_replace(OUTER, "")),
        )

    def _is_plain(self, text: ir.StringValue) -> ir.BooleanValue:
        """True for most texts: ASCII without outer spaces that does not begin as a missing text.

        Comparisons tell it where texts are ordered by their bytes, as in `formats.cleaned`.
        """
        if self.engine != "duckdb":
            return self._whole(text, PLAIN)
        # texts from a letter up to the next: faster than to look at their first one
        starts = [(text >= first) & (text < chr(ord(first) + 1)) for first in MISSING_STARTS]
        ends = _letter(text, -1) > " "
        one_byte = _bytes(text) == text.length()
        return text.between("!", "~") & ~reduce(operator.or_, starts) & ends & one_byte

    def _whole(self, text: ir.StringValue, pattern: str) -> ir.BooleanValue:
        """True where the whole text fits the pattern."""
        return text.re_search(f"^({pattern}){END.get(self.engine, chr(92) + 'z')}")

    def _number(self, value: Any, kind: str) -> Any:
        """A number as this kind; NULL where the kind cannot hold it, or a text is none."""
        if value.type().is_string():
            value = self._whole(value, PLAIN_NUMBER).ifelse(value, _NO_TEXT).cast("decimal(30, 15)")
        if value.type().is_floating():
            value = value.isnan().ifelse(ibis.null(value.type()), value)
        if kind != MONEY:
            return value.cast(kind)
        return as_money(value, self.engine)

    def _composed(self, text: ir.StringValue) -> ir.StringValue:
        """A text with é as one letter, where the engine tells it from two signs; Spark does not."""
        compose = COMPOSED.get(self.engine)
        return compose(text) if compose else text

    def _missing(self, role: str) -> ir.BooleanValue:
        raw = self._raw(self.mapping[role])
        if raw.type().is_floating():
            return raw.isnull() | raw.isnan()
        if raw.type().is_string():
            return self._text(self.mapping[role]).isnull()
        return raw.isnull()

    def _value(self, role: str) -> Any:
        """The value as its kind; NULL where it is missing or does not read."""
        column, header = self.schema.columns[role], self.mapping[role]
        if column.kind in ("id", "text"):
            return self._written(role)
        raw, own = self._raw(header), self.spec.own_words.get(role, {})
        if column.kind == "bool":
            if raw.type().is_boolean():
                return raw
            words = {True: TRUTH_WORDS[0], False: TRUTH_WORDS[1]}
            return self._one_of(self._text(header), words, "boolean")
        if column.kind == "choice":
            accepted = {c: (c, *CHOICE_WORDS.get(c, ()), *own.get(c, ())) for c in column.choices}
            return self._one_of(self._text(header), accepted, "string")
        if column.kind == "date":
            return self._day(raw, header)
        kind = MONEY if column.kind == "money" else "float64"
        if raw.type().is_boolean():  # yes and no are no amounts
            return ibis.null(kind)
        return self._number(self._text(header) if raw.type().is_string() else raw, kind)

    def _day(self, raw: Any, header: str) -> ir.DateValue:
        """A day; of a text only as 2025-12-31, and none that the calendar lacks."""
        if not raw.type().is_string():
            day = raw.date() if raw.type().is_timestamp() else raw
            told = day.between(ibis.date(dt.date.min), ibis.date(dt.date.max))
            return told.ifelse(day, ibis.null("date"))  # none without end
        text = self._text(header)
        iso = self._whole(text, ISO_DAY)
        year, month, day = (
            iso.ifelse(text.substr(start, length), "0").cast("int64")
            for start, length in ((0, 4), (5, 2), (8, 2))
        )
        leap = ((year % 4 == 0) & (year % 100 != 0)) | (year % 400 == 0)
        longest = ibis.cases(
            (month == 2, leap.ifelse(29, 28)), (month.isin([4, 6, 9, 11]), 30), else_=31
        )
        there = iso & (year > 0) & month.between(1, 12) & (day >= 1) & (day <= longest)
        return there.ifelse(text.substr(0, 10), _NO_TEXT).cast("date")

    def _written(self, role: str) -> ir.StringValue:
        """A text as written, a customer's number as compared, a mapped word as its own."""
        text = self._text(self.mapping[role])
        if role in CUSTOMER_ROLES:
            return same_customer(text, self.spec.ids, self.engine)
        if role == "currency":
            signs = {code.strip("'"): words for code, words in CURRENCY_SIGNS.items()}
            return ibis.coalesce(self._one_of(text, signs, "string"), text.upper())
        own = {word: tuple(words) for word, words in self.spec.own_words.get(role, {}).items()}
        return ibis.coalesce(self._one_of(text, own, "string"), text) if own else text

    def _rate(self) -> ir.DecimalValue:
        """What a unit of the row's currency is worth; 1 without one, NULL without a rate."""
        code = self._written("currency")
        known = [
            (code == each, ibis.literal(Decimal(str(rate)), RATE))
            for each, rate in self.rates.items()
        ]
        own = ibis.literal(Decimal(1), RATE)
        return code.isnull().ifelse(own, ibis.cases(*known, else_=ibis.null(RATE)))

    def _signed(self, role: str) -> Any:
        """The value in the engagement's currency, negative where `sign:` says so."""
        value = self._value(role)
        if "currency" in self.mapping and role in MONEYS:
            money = self.schema.columns[role].kind == "money"
            rate = ibis.coalesce(self._rate(), ibis.literal(Decimal(1), RATE))
            rated = value * (rate if money else rate.cast("float64"))
            value = self._number(rated, MONEY if money else "float64")
        if self.spec.sign and role in SIGNED:
            return self._negative().ifelse(-value.abs(), value)
        return value

    def _negative(self) -> ir.BooleanValue:
        if self.spec.sign is None:
            return ibis.literal(False)
        text = self._folded(self.header(self.spec.sign.column, "sign"))
        return text.isin(list(map(plain_word, self.spec.sign.negative))).fill_null(False)

    def _folded(self, header: str) -> ir.StringValue:
        return self._plain(self._raw(header).cast("string"))

    def _plain(self, text: ir.StringValue) -> ir.StringValue:
        """A text without outer spaces, case and accents."""
        trimmed = text.re_replace(OUTER, "")
        if self.engine == "duckdb":
            return _without_accents(trimmed.lower())
        if self.engine == "postgres":
            return _normal(trimmed, "NFKD").re_replace(f"[{MARKS}]", "").lower()
        return trimmed.lower().translate(ACCENTED, UNACCENTED).re_replace(f"[{MARKS}]", "")

    def _one_of(self, text: ir.StringValue, words: Mapping[Any, Iterable[str]], kind: str) -> Any:
        """The key whose words hold the text, accents and case aside; NULL when none does."""
        plain = self._plain(text)
        cases = [(plain.isin(list(map(plain_word, given))), key) for key, given in words.items()]
        return ibis.cases(*cases, else_=ibis.null(kind))

    # --- rows that are none

    def _aside(self) -> ir.StringValue:
        """The code of a row that is none of the table's."""
        texts = [h for h in self.mapping.values() if self.types[h] == "VARCHAR"]
        cases = []
        if len(texts) > 1:
            # what stands behind the length is computed for the few rows that come that far
            again = [
                (self._plain(self._raw(h).strip()) == plain_word(h)).fill_null(False) for h in texts
            ]
            near = self._raw(texts[0]).length().between(len(texts[0]), len(texts[0]) + 4)
            repeated = near.ifelse(reduce(operator.and_, again), ibis.literal(False))
            cases.append((repeated.fill_null(False), "header:"))
        for wanted, condition in self.spec.where.items():
            cases.append((~self._kept(self.header(wanted, "where"), condition), "where:"))
        return ibis.cases(*cases, else_=_NO_TEXT) if cases else _NO_TEXT

    def _kept(self, header: str, condition: Condition) -> ir.BooleanValue:
        text, tests = self._folded(header), []
        if condition.among is not None:
            tests.append(text.isin(list(map(plain_word, condition.among))).fill_null(False))
        if condition.excluded is not None:
            tests.append(~text.isin(list(map(plain_word, condition.excluded))).fill_null(False))
        if condition.empty is not None:
            blank = (text.fill_null("") == "") == condition.empty
            tests.append(blank)
        return reduce(operator.and_, tests) if tests else ibis.literal(True)

    def _total_word(self) -> ir.IntegerValue:
        """2 where a text of the row says that it is a total of others,
        1 where it reads like one, else 0.
        """
        numbers = [
            h
            for role, h in self.mapping.items()
            if self.schema.columns[role].kind not in ("id", "text", "date")
        ]
        texts = [h for h, kind in self.types.items() if kind == "VARCHAR" and h not in numbers]
        if not self.schema.total or not texts:
            return ibis.literal(0)
        # in capitals the second time: what stands twice is computed for every row
        said = [
            ibis.cases(
                (self._whole(self._plain(raw), TOTAL), 2),
                (self._whole(self._plain(raw.upper()), LIKE_TOTAL), 1),
                else_=0,
            )
            for raw in map(self._raw, texts[:MOST_TEXTS])
        ]
        every = ibis.literal("|").join([self._raw(h) for h in texts[:MOST_TEXTS]])
        hint = every.lower().re_search(TOTAL_HINT.removeprefix("(?i)"))
        most = ibis.greatest(*said) if len(said) > 1 else said[0]
        return hint.ifelse(most, 0)

    # --- the contract

    def parsed(self, as_of: dt.date) -> ir.Table:
        """Every row with its typed columns, _reason (NULL where it is accepted), and what it was:
        _file, _row, _hash, _total, _negative, and r_<n> as written.
        """
        columns, reason = self._typed(as_of)
        return self.rows.mutate(
            **columns, _reason=reason, _total=self._total_word(), _negative=self._negative()
        )

    def _typed(self, as_of: dt.date) -> tuple[dict[str, Any], ir.StringValue]:
        """The columns as their kinds, and why a row by itself is none."""
        typed = {role: self._signed(role) for role in self.roles}
        reasons = [self._reason(role, self.schema.columns[role]) for role in self.roles]
        if "amount" in self.schema.derived and "amount" not in typed:
            reasons += [
                self._missing(role).ifelse(f"missing:{role}", _NO_TEXT)
                for role in self.schema.derived["amount"]
            ]
            gross = typed["quantity"] * typed["unit_price"]
            # no discount written means no discount granted
            net = gross * (1 - typed["discount"].fill_null(0.0)) if "discount" in typed else gross
            typed["amount"] = self._number(net, MONEY)
            unread = gross.notnull() & typed["amount"].isnull()
            reasons.append(unread.ifelse("number:amount", _NO_TEXT))
        if "cost" in self.schema.derived and "cost" not in typed and "margin" in typed:
            cost = typed["amount"] - typed["margin"]
            typed["cost"] = self._number(cost, MONEY)
        reasons += [
            (typed[role] > ibis.date(as_of)).ifelse(f"after:{role}", _NO_TEXT)
            for role in self.schema.past_dates
            if role in typed
        ]
        if "currency" in typed:
            reasons.append(self._rate().isnull().ifelse("currency:currency", _NO_TEXT))
        reasons += [
            (typed[role] < ibis.date(EARLIEST)).ifelse(f"early:{role}", _NO_TEXT)
            for role in self.roles
            if self.schema.columns[role].kind == "date"
        ]
        if {"period_start", "period_end"} <= set(typed):
            turned = typed["period_end"] < typed["period_start"]
            reasons.append(turned.ifelse("reversed:period_end", _NO_TEXT))
        found = ibis.coalesce(self._aside(), ibis.literal(";").join(reasons).nullif(""))
        return {role: typed[role] for role in self.schema.columns if role in typed}, found

    def _reason(self, role: str, column: Column) -> ir.StringValue:
        """Why this column's value keeps the row out, NULL where it does not."""
        is_text = column.kind in ("id", "text")
        if is_text and not column.required:
            return _NO_TEXT
        missing = f"missing:{role}" if column.required else _NO_TEXT
        cases: list[tuple[Any, Any]] = [(self._missing(role), missing)]
        if not is_text:
            code = "number" if column.kind == "money" else column.kind
            value = self._value(role)
            wrong = value.isnull()
            if column.kind == "share":
                wrong |= ~value.between(0, 1)
            cases.append((wrong, f"{code}:{role}"))
        return ibis.cases(*cases, else_=_NO_TEXT)

    def _without_repeated(self, table: ir.Table) -> ir.Table:
        """Rows whose key an earlier accepted row already has, as in `contracts`."""
        key = [role for role in self.schema.key if role in table.columns]
        if not self.schema.key or self.schema.key[-1] not in key:
            return table
        last = self.schema.key[-1]
        if len(key) < len(self.schema.key):
            key = [last]
        counts = table._reason.isnull() & table[last].notnull()
        # rows that are not compared stand alone: a key of nothing would gather them all
        table = table.mutate(_alone=counts.ifelse(ibis.literal(0, "int64"), table._hash))
        before = ibis.row_number().over(
            group_by=[*key, "_alone"], order_by=["_file", "_row", "_hash"]
        )
        again = counts & (before > 0)
        marked = table.mutate(_reason=again.ifelse(f"repeated:{last}", table._reason))
        return marked.drop("_alone")

    def _with_totals(self, table: ir.Table) -> ir.Table:
        """The rows with those marked that read like a total and are the sum of the rows since the
        total before, or of all rows above in their file, as in `contracts`: taken first as if all
        that read so were totals, then with those that are found.
        """
        of_group = ibis.literal(False)
        if "customer_id" in table.columns:
            above = table.customer_id.lag().over(group_by="_file", order_by="_row")
            named = _without_first(self._plain(table.customer_id), SUM_WORDS).strip()
            of_group = (named == self._plain(above)).fill_null(False)
        table = table.mutate(_of_group=of_group)
        for is_total in (lambda t: t._total > 0, lambda t: _is(t, "total:")):
            table = table.mutate(_like=is_total(table).cast("int64"))
            until = table._like.sum().over(group_by="_file", order_by="_row", rows=(None, 0))
            table = table.mutate(_part=until - table._like)
            total, tests = table[str(self.schema.total)], []
            free = table._reason.isnull()
            for kept in (free, free | _is(table, "where:")):  # a total may count what is left out
                usable = (kept & (table._like == 0)).ifelse(total, ibis.null(MONEY))
                for group in (["_file"], ["_file", "_part"]):
                    window = ibis.window(preceding=(None, 1), group_by=group, order_by="_row")
                    near = (total - usable.sum().over(window)).abs() < float(CENT)
                    several = usable.count().over(window) > 1
                    tests.append(near & (several | (table._total == 2) | table._of_group))
            found = (table._total > 0) & reduce(operator.or_, tests).fill_null(False)
            table = table.mutate(_reason=found.ifelse("total:", table._reason))
            table = table.drop("_like", "_part")
        return table.drop("_of_group")

    def _twice(self, table: ir.Table) -> ir.Table:
        """_file, _row and the earlier file of the lines that stand in two files,
        as in `contracts`.
        """
        same = table._hash
        if {"order_id", "line_id"} & set(table.columns):
            # a line that bears a number is one line, however another export writes it
            typed = [role for role in self.schema.columns if role in table.columns]
            # no text holds the signs that part them here
            texts = [table[role].cast("string").fill_null("\x1e") for role in typed]
            same = ibis.literal("\x1f").join(texts)
        lines_of = table.filter(table._reason.isnull()).select("_file", "_row", _line=same)
        ranked = lines_of.mutate(
            n=ibis.row_number().over(group_by=["_file", "_line"], order_by="_row") + 1
        )
        earlier = lines_of.group_by(line=lines_of._line, earlier=lines_of._file).agg(
            count=lines_of.count()
        )
        pairs = ranked.inner_join(
            earlier,
            [
                ranked._line == earlier.line,
                earlier.earlier < ranked._file,
                ranked.n <= earlier["count"],
            ],
        )
        return pairs.group_by("_file", "_row").agg(earlier=pairs.earlier.min())

    def _latest(self, table: ir.Table, sales: ir.Table | None) -> ir.Table:
        """Of accepted rows that repeat a key the one of the latest sale of the same files (where
        rows have numbers), else the last one: of a list that is read from lines; the others are
        none of its rows.
        """
        columns, never = table.columns, ibis.date(EARLIEST)
        table = table.mutate(_when=never)
        if sales is not None:
            days = sales.select("_file", "_row", _day="date")
            table = table.left_join(days, ["_file", "_row"], rname="sold_{name}")
            table = table.mutate(_when=ibis.coalesce(table._day, never))
        alone = table._reason.isnull().ifelse(ibis.literal(0, "int64"), table._hash)
        table = table.mutate(_alone=alone)
        after = ibis.row_number().over(
            group_by=[self.schema.key[0], "_alone"],
            order_by=[ibis.desc("_when"), ibis.desc("_file"), ibis.desc("_row"), "_hash"],
        )
        ranked = table.mutate(_after=after)
        return ranked.filter(ranked._reason.notnull() | (ranked._after == 0)).select(*columns)

    def check(
        self,
        files: list[SourceFile],
        as_of: dt.date,
        keep: Callable[[str, ir.Table], ir.Table],
        sold: "Checked | bool" = False,
    ) -> "Checked":
        """The row ledger, with the accepted rows and those set aside as tables of the engine.

        `keep` stores a table there and gives it back. `sold`: the rows are those of sale lines, and
        of those that repeat a key one is the row of the list: the one of the latest sale where
        those of the same files are given.
        """
        every, total = self.parsed(as_of), self.schema.total
        if sold and self.schema.key and set(self.schema.key) <= set(every.columns):
            every = self._latest(every, sold.accepted if isinstance(sold, Checked) else None)
        total = total if total in every.columns else None
        words = self._most_like_totals() if total else 0
        if words and _one(self.rows.agg(numbered=self.rows._row.count()))["numbered"]:
            every = self._with_totals(every)
        every = every.mutate(_amount=every[total] if total else ibis.null(MONEY))
        told: list[Notice] = []
        if len({file.path for file in files}) > 1:
            every, told = self._without_twice(every, files)
        every = self._without_repeated(every)
        columns = [role for role in self.schema.columns if role in every.columns]
        check = TableCheck(self.name, total, columns, self.mapping)
        check.files = [{"name": f.name, "sha256": f.sha256, "rows": f.rows} for f in files]
        written = every.filter(every._reason.isnull())
        accepted = keep(self.name, written.select(*columns, "_file", "_row"))
        aside = every.filter(every._reason.notnull())
        values = {header: aside[place] for header, place in self.places.items()}
        aside = aside.select("_file", "_row", "_reason", "_amount", **values)
        self._count(check, every if sold else self.rows, accepted)
        if check.quarantined_rows:
            aside = keep(f"aside_{self.name}", aside)
        lost = self._count_aside(check, aside) if check.quarantined_rows else NOTHING
        self._count_duplicates(check, written if check.quarantined_rows else every)
        conclude(check, lost)
        check.notices += [
            *(note for file in files for note in file.notes),
            *told,
            *self._told_aside(check, aside),
            *self._told_currencies(check, every),
            *self._told_kept(check, written, words),
            *self._words_that_nothing_uses(check, written),
            *self._sums_given_back(check, written),
            *self._unknown_words(check),
        ]
        return Checked(check, accepted, aside)

    def _most_like_totals(self) -> int:
        """See `_total_word`: the most that a row says."""
        said = self.rows.select(word=self._total_word())
        return _one(said.agg(most=said.word.max()))["most"] or 0

    def has_headings(self) -> bool:
        """True where a third of the rows name no customer: they may stand on rows of their own,
        above those of each, which are read on this machine alone.
        """
        header = self.mapping.get("customer_id")
        if header is None or self.types[header] != "VARCHAR":
            return False
        empty = self._raw(header).fill_null("") == ""
        said = _one(self.rows.agg(rows=self.rows.count(), empty=empty.sum()))
        return 3 * (said["empty"] or 0) >= said["rows"] > 0

    def last_date(self, limit: dt.date, role: str = "date") -> dt.date | None:
        """The last readable value of a date column that is not after `limit`."""
        day = self._value(role)
        last = _one(self.rows.agg(last=day.max(where=day <= ibis.date(limit))))["last"]
        return last and (last.date() if isinstance(last, dt.datetime) else last)

    def _without_twice(
        self, table: ir.Table, files: list[SourceFile]
    ) -> tuple[ir.Table, list[Notice]]:
        """Tell of lines that stand in two files; with `repeated: drop` those of the later file are
        set aside.
        """
        days = [role for role in (*self.schema.past_dates, "date") if role in table.columns]
        table = table.mutate(_day=table[days[0]] if days else ibis.null("date"))
        joined = table.left_join(self._twice(table), ["_file", "_row"], rname="twice_{name}")
        counted = joined.filter(joined.earlier.notnull() & joined._reason.isnull())
        pairs = counted.group_by("earlier", "_file").agg(
            count=counted.count(),
            amount=counted._amount.sum(),
            first=counted._day.min(),
            last=counted._day.max(),
        )
        named = [
            (
                files[row["earlier"]].name,
                files[row["_file"]].name,
                row["count"],
                Decimal(row["amount"] or 0),
                row["first"],
                row["last"],
            )
            for row in pairs.order_by("earlier", "_file").to_pyarrow().to_pylist()
        ]
        kept = table._reason.isnull()
        whole = _one(table.agg(whole=table._amount.sum(where=kept)))["whole"]
        drop = self.spec.repeated == "drop"
        if drop and named:
            aside = joined.earlier.notnull().ifelse("twice:", joined._reason)
            table = joined.mutate(_reason=aside).select(*table.columns)
        return table.drop("_day"), told_twice(self.name, named, Decimal(whole or 0), drop)

    def _count(self, check: TableCheck, every: ir.Table, accepted: ir.Table) -> None:
        """Rows, and the sum of those accepted."""
        amount = accepted[check.total] if check.total else ibis.null(MONEY)
        found = accepted.mutate(_amount=amount)
        said = _one(found.agg(rows=found.count(), amount=found._amount.sum()))
        check.rows = _one(every.agg(rows=every.count()))["rows"]
        check.accepted_rows, check.accepted_amount = _counted(said)
        check.quarantined_rows = check.rows - check.accepted_rows
        check.amount, check.quarantined_amount = check.accepted_amount, NOTHING

    def _count_aside(self, check: TableCheck, aside: ir.Table) -> Decimal:
        """Reasons and sums of rows set aside; returns the sum of those that nobody meant to be."""
        unread = aside._amount.isnull().sum()
        found = aside.group_by("_reason").agg(
            rows=aside.count(), amount=aside._amount.sum(), unread=unread
        )
        rows = found.to_pyarrow().to_pylist()
        sums = {row["_reason"]: Decimal(row["amount"] or NOTHING) for row in rows}
        check.quarantined_amount = sum(sums.values(), NOTHING)
        check.amount += check.quarantined_amount
        check.unreadable_amounts = sum(row["unread"] for row in rows) if check.total else 0
        ranked = sorted(rows, key=lambda row: (-row["rows"], row["_reason"]))
        check.reasons = {row["_reason"]: row["rows"] for row in ranked}
        return sum((sums[r] for r in sums if r.partition(":")[0] not in MEANT), NOTHING)

    def _count_duplicates(self, check: TableCheck, written: ir.Table) -> None:
        """Equal lines of one file among those accepted: rows beyond the first, and their sum; so
        many at a time that this process holds their hashes, a server or a cluster all at once.
        """
        parts = 1 << (check.rows // MOST_HASHES).bit_length() if self.engine == "duckdb" else 1
        found = [self._equal_lines(written, parts, part) for part in range(parts)]
        check.duplicate_rows = sum(int(each["rows"] or 0) for each in found)
        amount = sum((Decimal(str(each["amount"] or 0)) for each in found), NOTHING)
        check.duplicate_amount = amount.quantize(NOTHING)

    def _equal_lines(self, written: ir.Table, parts: int, part: int) -> dict[str, Any]:
        """The same of one of so many parts, a power of two, by the last bits of their hashes."""

        def own(t: ir.Table) -> ir.Table:
            return t.filter((t._hash & (parts - 1)) == part) if parts > 1 else t

        again = own(written).semi_join(self._of_several(own(self.rows)), "_hash")
        equal = again.group_by("_file", "_hash").agg(n=again.count(), s=again._amount.sum())
        equal = equal.filter(equal.n > 1)
        beyond = (equal.s.cast("float64") * (equal.n - 1) / equal.n).sum()
        return _one(equal.agg(rows=(equal.n - 1).sum(), amount=beyond))

    def _of_several(self, rows: ir.Table) -> ir.Table:
        """The hashes that more than one row has. Sorted here they take a tenth of what a hash table
        of DuckDB does, and a quarter of its memory.
        """
        if self.engine != "duckdb":
            return rows.group_by("_hash").having(rows.count() > 1).agg()
        hashes = np.sort(rows._hash.to_pyarrow().to_numpy())
        again = np.unique(hashes[1:][hashes[1:] == hashes[:-1]])
        return ibis.memtable(pa.table({"_hash": again}))

    def _told_aside(self, check: TableCheck, aside: ir.Table) -> list[Notice]:
        """What was recognised as no row of the table."""
        codes = {reason.partition(":")[0] for reason in check.reasons}
        told = []
        for code in sorted(codes & set(MEANT)):
            meant = aside.filter(aside._reason.startswith(f"{code}:"))
            said = _one(meant.agg(rows=meant.count(), amount=meant._amount.sum()))
            told.append((code, *_counted(said)))
        return told_meant(check, told)

    def _told_kept(self, check: TableCheck, written: ir.Table, words: int) -> list[Notice]:
        """Amounts made negative, and rows that read like totals but are not the sum of any."""
        told = []
        if self.spec.sign:
            made = written.filter(written._negative)
            said = _one(made.agg(rows=made.count(), amount=made._amount.sum()))
            told.append(told_signed(check, self.spec.sign.column, *_counted(said)))
        if words == 2:
            like = written.filter(written._total == 2)
            said = _one(like.agg(rows=like.count(), amount=like._amount.sum()))
            if said["rows"]:
                told.append(told_like_totals(check, *_counted(said)))
        return told

    def _told_currencies(self, check: TableCheck, table: ir.Table) -> list[Notice]:
        """Lines of other currencies: converted at which rate, or set aside; a column of several
        that nothing reads.
        """
        if "currency" in check.columns:
            known = table._reason.isnull()
            other = (table.currency != self.currency) & (
                known | table._reason.contains("currency:")
            )
            named = table.mutate(_known=known).filter(other).group_by("currency", "_known")
            found = named.agg(rows=lambda t: t.count(), amount=lambda t: t[check.total].sum())
            rows = sorted(
                found.to_pyarrow().to_pylist(),
                key=lambda row: (-row["rows"], row["currency"], row["_known"]),
            )
            said = [
                (row["currency"], row["_known"], row["rows"], Decimal(row["amount"] or 0))
                for row in rows
            ]
            return told_converted(check, said, self.rates, None)
        told = []
        for header in self.types if check.total else ():
            if plain_header(header) in CURRENCY_HEADERS:
                code = self._raw(header).cast("string").re_replace(OUTER, "").upper().name("code")
                codes = self.rows.select(code).distinct().to_pyarrow()["code"].to_pylist()
                told += told_several_currencies(check, header, [c for c in codes if c])
        return told

    def _words_that_nothing_uses(self, check: TableCheck, accepted: ir.Table) -> list[Notice]:
        """Columns not used that say of rows that they are none, and yet count."""
        named = {plain_header(h) for h in (*self.mapping.values(), *self.spec.where)}
        if self.spec.sign:
            named.add(plain_header(self.spec.sign.column))
        headers = [
            header
            for header, kind in self.types.items()
            if kind == "VARCHAR" and plain_header(header) not in named
        ][:MOST_COLUMNS]
        if not check.total or not headers:
            return []
        pattern = f"{CREDIT_KIND}|{NO_SALE_KIND}"
        plain = {header: self._plain(self._raw(header)) for header in headers}
        said = {
            self.places[h]: ((text.length() <= 40) & self._whole(text, pattern)).sum()
            for h, text in plain.items()
        }
        counts = _one(self.rows.agg(**said))
        words = [plain_word(word) for word in (*CREDIT_WORDS, *NO_SALE_WORDS)]
        told = []
        for header in (h for h in headers if counts[self.places[h]]):
            own = accepted[self.places[header]]
            different = _one(self.rows.agg(n=self._raw(header).nunique()))["n"]
            # a kind of document, or a text
            short = different <= FEW_WORDS
            says = self._whole(self._plain(own), pattern) if short else self._plain(own).isin(words)
            meant = accepted.filter(says & (accepted[check.total] > 0))
            found = meant.group_by(word=meant[self.places[header]]).agg(
                rows=meant.count(), amount=meant[check.total].sum()
            )
            rows = found.order_by("word").to_pyarrow().to_pylist()
            stake = sum((Decimal(row["amount"] or 0) for row in rows), Decimal(0))
            text = ", ".join(row["word"] for row in rows)
            told += told_no_sales(check, header, text, sum(row["rows"] for row in rows), stake)
        return told

    def _sums_given_back(self, check: TableCheck, accepted: ir.Table) -> list[Notice]:
        """A column of sums that were given back, which nothing takes off."""
        told = []
        for header in self.types if check.total else ():
            if plain_header(header) not in REFUNDED_HEADERS or header in self.mapping.values():
                continue
            raw = accepted[self.places[header]]
            if self.types[header] not in ("BIGINT", "DOUBLE", "DECIMAL", "VARCHAR"):
                continue
            if raw.type().is_string():
                raw = raw.replace(",", ".")
            number = self._number(raw, "float64")
            said = _one(accepted.agg(rows=(number > 0).sum(), amount=number.sum()))
            told += told_given_back(check, header, int(said["rows"] or 0), said["amount"] or 0.0)
        return told

    def _unknown_words(self, check: TableCheck) -> list[Notice]:
        """The values of a column of choices that no word is known for."""
        told = []
        for role in self.roles:
            if self.schema.columns[role].kind != "choice" or not any(
                f"choice:{role}" in reason for reason in check.reasons
            ):
                continue
            text = self._text(self.mapping[role])
            unknown = self.rows.mutate(_word=text).filter(
                text.notnull() & self._value(role).isnull()
            )
            found = unknown.group_by("_word").agg(rows=unknown.count())
            rows = found.order_by(ibis.desc("rows"), "_word").limit(9).to_pyarrow().to_pylist()
            told.append(told_unknown(check, role, [(row["_word"], row["rows"]) for row in rows]))
        return told


@dataclass(frozen=True)
class Checked:
    """What a contract found: the row ledger, the accepted rows, and those set aside with all that
    stands in them (_file, _row, _reason, _amount, and each column by its header).
    """

    ledger: TableCheck
    accepted: ir.Table
    aside: ir.Table

    def first_aside(self) -> ir.Table:
        """The first rows set aside, all columns as text behind _file, _row, _reason and _amount."""
        ordered = self.aside.order_by("_file", "_row", "_reason").limit(SHOWN_ASIDE)
        return ordered.mutate(**{c: ordered[c].cast("string") for c in ordered.columns[4:]})

    def quarantined(self, rows: Iterable[Mapping[str, Any]]) -> list[Aside]:
        """Rows set aside as the quarantine keeps them."""
        names = [file["name"] for file in self.ledger.files]
        return [
            Aside(
                self.ledger.table,
                names[row["_file"]],
                row["_row"],
                row["_reason"],
                {header: row[header] for header in list(row)[4:]},
            )
            for row in rows
        ]


def tell_left_there(check: TableCheck) -> None:
    """Note and tell where more rows are set aside than come to this machine."""
    check.left_rows = max(check.quarantined_rows - SHOWN_ASIDE, 0)
    if not check.left_rows:
        return
    message = N_(
        "{table}: {count} rows set aside stay where they are; quarantine.csv holds the "
        "first {shown}."
    )
    values = {"count": check.quarantined_rows, "shown": SHOWN_ASIDE}
    check.notices.append(Notice(message, {"table": TABLE_LABELS[check.table]} | values))


def as_money(value: Any, engine: str) -> ir.DecimalValue:
    """A number as money; NULL where money does not hold it."""
    money = value.try_cast(MONEY)
    if engine != "postgres":
        return money
    return value.between(-MOST_MONEY, MOST_MONEY).ifelse(money, ibis.null(MONEY))


def names_taken(columns: Iterable[str]) -> list[str]:
    """Columns that bear a name of carnet's own, or none."""
    return [column for column in columns if column.lower() in OWN_NAMES or not column.strip()]


def options_not_held(spec: Table) -> list[str]:
    """The options of a table that have no meaning for rows of an engine."""
    written = spec.format.model_dump(exclude_unset=True, exclude_none=True)
    return [
        *(name for name in FOREIGN if getattr(spec, name)),
        *(f"format: {name}" for name in written if name != "timezone"),
    ]


def same_customer(number: ir.StringValue, ids: Ids, engine: str) -> ir.StringValue:
    """A customer's number without what `ids:` ignores, as `reading.same_customer`."""
    if ids.spaces == "ignore":
        number = number.re_replace(r"\s", "")
    if ids.punctuation == "ignore":
        number = number.re_replace(PUNCTUATION.get(engine, r"[^\p{L}\p{N}\s]"), "")
    if ids.case == "ignore":
        number = number.upper()
    if ids.zeros == "ignore":
        number = ibis.coalesce(number.re_replace("^0+", "").nullif(""), number)
    return number


def _without_first(text: ir.StringValue, pattern: str) -> ir.StringValue:
    """A text without what fits the pattern first."""
    parts = f"^(.*?)({pattern})(.*)$"
    rest = re.compile(parts).groups
    before, after = (text.re_extract(parts, place) for place in (1, rest))
    return text.re_search(pattern).ifelse(before + after, text)


_NO_TEXT = ibis.null("string")


def _is(table: ir.Table, reason: str) -> ir.BooleanValue:
    return (table._reason == reason).fill_null(False)


def _name_of(kind: kinds.DataType) -> str:
    """The name by which messages and rules know a kind."""
    for told, name in (
        (kind.is_string(), "VARCHAR"),
        (kind.is_boolean(), "BOOLEAN"),
        (kind.is_floating(), "DOUBLE"),
        (kind.is_decimal(), "DECIMAL"),
        (kind.is_integer(), "BIGINT"),
        (kind.is_date(), "DATE"),
        (kind.is_timestamp(), "TIMESTAMP"),
        (kind.is_binary(), "BLOB"),
    ):
        if told:
            return name
    return str(kind).upper()


def _one(row: ir.Table) -> dict[str, Any]:
    """The one row of a table."""
    return dict(row.to_pyarrow().to_pylist()[0])


def _counted(said: Mapping[str, Any]) -> tuple[int, Decimal]:
    return int(said["rows"] or 0), Decimal(said["amount"] or NOTHING)
