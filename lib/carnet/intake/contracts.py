"""Raw tables → typed tables: accepted rows, and quarantined rows with a reason each;
counts and sums reconcile.

Nothing is repaired. A row leaves the accepted table only with a reason that `quarantine` keeps
beside the file, the row number and the original values; rows read = accepted + quarantined and Σ
read = accepted + quarantined hold by test.
"""

import datetime as dt
from decimal import Decimal

from carnet.engagement.schema import (
    CREDIT_KIND,
    CREDIT_WORDS,
    CURRENCY_HEADERS,
    NO_SALE_KIND,
    NO_SALE_WORDS,
    REFUNDED_HEADERS,
    TABLE_LABELS,
    Column,
)
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
    share_of,
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
from carnet.intake.quarantine import Aside, quarantine
from carnet.intake.sources.base import Reject, SourceFile, identifier, plain_header, quoted
from carnet.intake.sources.formats import as_written
from carnet.intake.sources.reading import MONEY, SUM_WORDS, ColumnReader, folded, folded_words
from carnet.wording import N_, Notice


class Contract:
    """One table's contract applied to its raw rows; `check` is the only verb,
    the rest are its steps.
    """

    def __init__(self, reader: ColumnReader) -> None:
        self.reader, self.con, self.name, self.schema = (
            reader,
            reader.con,
            reader.name,
            reader.schema,
        )

    def check(
        self, files: list[SourceFile], rejects: list[Reject], as_of: dt.date, derived: str = ""
    ) -> TableCheck:
        """Create `accepted_<name>` and add to `quarantine`; returns the row ledger.

        `derived`: the rows are those of sale lines ('lines'; 'sales' where all files are those
        of the sales, checked before): of those that repeat a key the latest sale, or the last line,
        is the row of the list.
        """
        present = self._parse(as_of)
        if derived and self.schema.key and set(self.schema.key) <= set(present):
            day, sold = (
                ("s.date", "LEFT JOIN accepted_sales s USING (_file, _row)")
                if derived == "sales"
                else ("NULL::DATE", "")
            )
            latest = (
                f"arg_max((p._file, p._row), (coalesce({day}, DATE '0001-01-01'), p._file, p._row))"
            )
            self.con.execute(
                f"DELETE FROM parsed_{self.name} p USING (SELECT p.{self.schema.key[0]} AS key, "
                f"{latest} AS last FROM parsed_{self.name} p {sold} WHERE _reason IS NULL "
                f"GROUP BY 1) r WHERE p.{self.schema.key[0]} = r.key AND p._reason IS NULL "
                f"AND (p._file, p._row) <> r.last"
            )
        self._mark_totals(present)
        told = self._mark_lines_of_earlier_files(files, present)
        self._mark_repeated_keys(present)
        self._quarantine(files, rejects)
        columns = [column for column in self.schema.columns if column in present]
        total = self.schema.total if self.schema.total in columns else None
        check = TableCheck(self.name, total, columns, self.reader.mapping)
        self._reconcile(check, rejects)
        check.files = [{"name": f.name, "sha256": f.sha256, "rows": f.rows} for f in files]
        check.notices += [
            *(note for file in files for note in file.notes),
            *self.reader.notices,
            *told,
            *self._told_aside(check),
            *self._told_hidden(files, check),
            *self._words_that_nothing_uses(check),
            *self._sums_given_back(check),
            *self._unknown_words(check),
        ]
        self._accept()
        return check

    def _parse(self, as_of: dt.date) -> list[str]:
        """Create `parsed_<name>`: typed columns, `_reason`, `_hash` of the original line;
        returns the columns it has.
        """
        reader, columns = self.reader, self.schema.columns
        mapped = [role for role in columns if role in reader.mapping]
        inner = [
            f"{self._signed(role)} AS v_{role}, t_{role} IS NULL AS m_{role}" for role in mapped
        ]
        typed = {role: f"v_{role}" for role in mapped}
        reasons = [self._reason(role, columns[role]) for role in mapped]
        derived = self.schema.derived
        if "amount" in derived and "amount" not in typed:
            reasons += [
                f"CASE WHEN m_{role} THEN 'missing:{role}' END" for role in derived["amount"]
            ]
            # no discount written means no discount granted
            net = "* (1 - coalesce(v_discount, 0))" if "discount" in typed else ""
            typed["amount"] = f"TRY_CAST(v_quantity * v_unit_price {net} AS {MONEY})"
            reasons.append(
                f"CASE WHEN v_quantity * v_unit_price IS NOT NULL AND {typed['amount']} IS NULL "
                f"THEN 'number:amount' END"
            )
        if "cost" in derived and "cost" not in typed and "margin" in typed:
            typed["cost"] = f"TRY_CAST({typed['amount']} - v_margin AS {MONEY})"
        reasons += [
            f"CASE WHEN v_{role} > {quoted(str(as_of))} THEN 'after:{role}' END"
            for role in self.schema.past_dates
            if role in typed
        ]
        if "currency" in typed:
            reasons.append("CASE WHEN rate IS NULL THEN 'currency:currency' END")
        dates = [role for role in mapped if columns[role].kind == "date"]
        reasons += [
            f"CASE WHEN v_{role} < {quoted(str(EARLIEST))} THEN 'early:{role}' END"
            for role in dates
        ]
        if {"period_start", "period_end"} <= set(typed):
            reasons.append("CASE WHEN v_period_end < v_period_start THEN 'reversed:period_end' END")
        self.con.execute(
            f"CREATE TABLE parsed_{self.name} AS SELECT "
            f"{', '.join(f'{typed[role]} AS {role}' for role in columns if role in typed)}, _file, "
            f"_row, _hash, _total, coalesce(_aside, nullif(concat_ws(';', {', '.join(reasons)}), "
            f"'')) AS _reason FROM (SELECT _file, _row, _hash, _aside, _total, {', '.join(inner)} "
            f"{', rate' if 'currency' in typed else ''} FROM {self._with_rate()})"
        )
        return list(typed)

    def _signed(self, role: str) -> str:
        """SQL: the value of a column, negative where `sign:` says so."""
        value = self.reader.read(role)
        if "currency" in self.reader.mapping and role in MONEYS:
            kind = MONEY if self.schema.columns[role].kind == "money" else "DOUBLE"
            # without a rate the row is set aside as it stands
            value = f"CAST({value} * coalesce(rate, 1) AS {kind})"
        return (
            f"CASE WHEN _negative THEN -abs({value}) ELSE {value} END"
            if self.reader.spec.sign and role in SIGNED
            else value
        )

    def _with_rate(self) -> str:
        """SQL: the rows as they are read, with the rate of their currency where one is written."""
        relation = self.reader.relation
        return (
            f"(SELECT *, {self.reader.rate()} AS rate FROM {relation})"
            if "currency" in self.reader.mapping
            else relation
        )

    def _mark_totals(self, present: list[str]) -> None:
        """Rows that read like a total and whose amount is the sum of the rows since the total
        before, or of all rows above in the file.

        Taken first as if all that read so were totals, then with those that are found: a customer
        may be called so.
        """
        total = self.schema.total
        if (
            total not in present
            or not self.con.execute(
                f"SELECT 1 FROM parsed_{self.name} WHERE _total > 0 LIMIT 1"
            ).fetchall()
        ):
            return
        of_group = "false"
        if "customer_id" in present:  # the total of one line of the customer that it names
            named = f"trim(regexp_replace({folded('customer_id')}, {quoted(SUM_WORDS)}, ''))"
            of_group = (
                f"coalesce({named} = "
                f"{folded('lag(customer_id) OVER (PARTITION BY _file ORDER BY _row)')}, false)"
            )
        for is_total in ("_total > 0", "coalesce(_reason = 'total:', false)"):
            sums, tests = [], []
            for name, kept in (
                ("own", "_reason IS NULL"),
                ("every", "(_reason IS NULL OR _reason = 'where:')"),
            ):  # a total may count what `where:` leaves out
                usable = f"CASE WHEN {kept} AND NOT {is_total} THEN {total} END"
                for part, window in (("file", "_file"), ("part", "_file, part")):
                    before = (
                        f"(PARTITION BY {window} ORDER BY _row ROWS BETWEEN UNBOUNDED PRECEDING "
                        f"AND 1 PRECEDING)"
                    )
                    sums += [
                        f"sum({usable}) OVER {before} AS {name}_{part}",
                        f"count({usable}) OVER {before} AS {name}_{part}_rows",
                    ]
                    tests.append(
                        f"(abs(t.{total} - t.{name}_{part}) < {CENT} AND (t.{name}_{part}_rows "
                        f"> 1 OR t._total = 2 OR t.of_group))"
                    )
            self.con.execute(
                f"UPDATE parsed_{self.name} p SET _reason = 'total:' "
                f"FROM (SELECT *, {', '.join(sums)}, {of_group} AS of_group "
                f"FROM (SELECT *, sum(({is_total})::INTEGER) OVER (PARTITION BY _file "
                f"ORDER BY _row) - ({is_total})::INTEGER AS part FROM parsed_{self.name})) t "
                f"WHERE t._total > 0 AND ({' OR '.join(tests)}) AND p._file = t._file "
                f"AND p._row = t._row"
            )

    def _mark_lines_of_earlier_files(
        self, files: list[SourceFile], present: list[str]
    ) -> list[Notice]:
        """Tell of lines that stand in two files, by pairs of files;
        with `repeated: drop` those of the later file are set aside.
        """
        total = self.schema.total if self.schema.total in present else None
        days = next(
            (column for column in (*self.schema.past_dates, "date") if column in present), None
        )
        if len(files) < 2 or self.name == "ledger":
            return []
        # a line that bears a number is one line, however another export writes it; without one,
        # two lines are the same where all that is written is
        numbered = {"order_id", "line_id"} & set(present)
        same = f"hash({', '.join(present)})" if numbered else "_hash"
        lines = f"(SELECT *, {same} AS _line FROM parsed_{self.name} WHERE _reason IS NULL)"
        self.con.execute(
            f"CREATE OR REPLACE TABLE twice AS SELECT p._file, p._row, e._file AS earlier "
            f"FROM (SELECT _file, _row, _line AS _hash, row_number() OVER (PARTITION BY _file, "
            f"_line ORDER BY _row) AS n FROM {lines}) p JOIN (SELECT _line AS _hash, _file, "
            f"count(*) AS n FROM {lines} GROUP BY ALL) e ON e._hash = p._hash AND e._file "
            f"< p._file AND p.n <= e.n QUALIFY row_number() OVER (PARTITION BY p._file, p._row "
            f"ORDER BY e._file) = 1"
        )
        pairs = self.con.execute(
            f"SELECT earlier, _file, count(*), {f'coalesce(sum({total}), 0)' if total else '0'}, "
            f"{f'min({days}), max({days})' if days else 'NULL, NULL'} FROM twice "
            f"JOIN parsed_{self.name} USING (_file, _row) WHERE _reason IS NULL "  # nor set aside
            f"GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        whole = self.con.execute(
            f"SELECT coalesce(sum({total or 0}), 0) FROM parsed_{self.name} WHERE _reason IS NULL"
        ).fetchall()[0][0]
        drop = self.reader.spec.repeated == "drop"
        if drop:
            self.con.execute(
                f"UPDATE parsed_{self.name} p SET _reason = 'twice:' FROM twice t "
                f"WHERE p._file = t._file AND p._row = t._row"
            )
        self.con.execute("DROP TABLE twice")
        named = [(files[one].name, files[other].name, *rest) for one, other, *rest in pairs]
        return told_twice(self.name, named, Decimal(whole), drop)

    @staticmethod
    def _reason(role: str, column: Column) -> str:
        """SQL: why this column's value keeps the row out, NULL when it does not."""
        cases = f"WHEN m_{role} THEN {quoted(f'missing:{role}') if column.required else 'NULL'}"
        if column.kind not in ("id", "text"):
            code = "number" if column.kind == "money" else column.kind
            outside = f" OR v_{role} NOT BETWEEN 0 AND 1" if column.kind == "share" else ""
            cases += f" WHEN v_{role} IS NULL{outside} THEN '{code}:{role}'"
        return f"CASE {cases} END"

    def _mark_repeated_keys(self, present: list[str]) -> None:
        """Rows whose key an earlier accepted row already has.

        A line number counts within its order, and an order within its customer and day (numbers
        restart every year); without an order number it stands alone.
        """
        if not self.schema.key or self.schema.key[-1] not in present:
            return
        last = self.schema.key[-1]
        key = list(self.schema.key) if set(self.schema.key) <= set(present) else [last]
        self.con.execute(
            f"UPDATE parsed_{self.name} p SET _reason = 'repeated:{last}' FROM (SELECT _file, "
            f"_row, row_number() OVER (PARTITION BY {', '.join(key)} ORDER BY _file, _row) AS n "
            f"FROM parsed_{self.name} WHERE _reason IS NULL AND {last} IS NOT NULL) r "
            f"WHERE r.n > 1 AND p._file = r._file AND p._row = r._row"
        )

    def _quarantine(self, files: list[SourceFile], rejects: list[Reject]) -> None:
        """Copy rejected rows, with their original values, to the common quarantine table."""
        named = ", ".join(
            f"{quoted(header)}: {as_written(f'CAST(r.{identifier(header)} AS VARCHAR)')}"
            for header in self.reader.types
        )
        names = ", ".join(quoted(file.name) for file in files)
        self.con.execute(
            f"INSERT INTO quarantine SELECT '{self.name}', list_extract([{names}], r._file + 1), "
            f"r._row, p._reason, CAST(to_json({{{named}}}) AS VARCHAR) FROM raw_{self.name} r "
            f"JOIN parsed_{self.name} p USING (_file, _row) WHERE p._reason IS NOT NULL "
            f"ORDER BY r._file, r._row"
        )
        quarantine(self.con, (Aside(self.name, r.file, r.row, r.reason, r.values) for r in rejects))

    def _accept(self) -> None:
        """Make `accepted_<name>` of `parsed_<name>` in its place,
        without a second copy of its rows.
        """
        for statement in (
            "DELETE FROM parsed_{name} WHERE _reason IS NOT NULL",
            "ALTER TABLE parsed_{name} DROP COLUMN _hash",
            "ALTER TABLE parsed_{name} DROP COLUMN _total",
            "ALTER TABLE parsed_{name} DROP COLUMN _reason",
            "ALTER TABLE parsed_{name} RENAME TO accepted_{name}",
        ):
            self.con.execute(statement.format(name=self.name))

    def _reconcile(self, check: TableCheck, rejects: list[Reject]) -> None:
        """Fill the ledger's counts and sums, and the notices they call for."""
        name, total = self.name, check.total or "NULL::DECIMAL(18, 4)"
        sums = self.con.execute(
            f"SELECT count(*), count(*) FILTER (_reason IS NULL), coalesce(sum({total}), 0), "
            f"coalesce(sum({total}) FILTER (_reason IS NULL), 0), coalesce(sum({total}) FILTER "
            f"(_reason IS NOT NULL), 0), count(*) FILTER (_reason IS NOT NULL AND {total} IS NULL) "
            f"FROM parsed_{name}"
        ).fetchall()[0]
        check.rows, check.accepted_rows = sums[0] + len(rejects), sums[1]
        check.amount, check.accepted_amount, check.quarantined_amount = sums[2:5]
        check.unreadable_amounts = sums[5] + len(rejects) if check.total else 0
        check.quarantined_rows = check.rows - check.accepted_rows
        reasons = self.con.execute(
            'SELECT reason, count(*) FROM quarantine WHERE "table" = ? GROUP BY 1 '
            "ORDER BY 2 DESC, 1",
            [name],
        ).fetchall()
        check.reasons = dict(reasons)
        check.duplicate_rows, check.duplicate_amount = self.con.execute(
            f"SELECT coalesce(sum(n - 1), 0)::BIGINT, coalesce(sum(s * (n - 1) / n), "
            f"0)::DECIMAL(38, 4) FROM (SELECT count(*) AS n, sum({total}) AS s FROM parsed_{name} "
            f"WHERE _reason IS NULL AND _hash IN (SELECT _hash FROM parsed_{name} "
            f"WHERE _reason IS NULL GROUP BY 1 HAVING count(*) > 1) "
            f"GROUP BY _file, _hash HAVING count(*) > 1)"
        ).fetchall()[0]
        meant = " OR ".join(f"starts_with(_reason, '{code}:')" for code in MEANT)
        lost = self.con.execute(
            f"SELECT coalesce(sum({total}), 0) FROM parsed_{name} WHERE _reason IS NOT NULL "
            f"AND NOT ({meant})"
        ).fetchall()[0][0]
        conclude(check, lost)

    def _told_aside(self, check: TableCheck) -> list[Notice]:
        """What was recognised as no row of the table: how many rows, worth what;
        and rows that read like totals but are not the sum of any.
        """
        name, total = self.name, check.total or "NULL::DECIMAL(18, 4)"
        found = self.con.execute(
            f"SELECT split_part(_reason, ':', 1) AS code, count(*), coalesce(sum({total}), 0) "
            f"FROM parsed_{name} WHERE _reason IS NOT NULL GROUP BY 1 ORDER BY 1"
        ).fetchall()
        told = told_meant(check, found)
        told += self._told_currencies(check)
        if self.reader.spec.sign:
            made, amount = self.con.execute(
                f"SELECT count(*), coalesce(sum({total}), 0) FROM parsed_{name} p "
                f"JOIN {self.reader.relation} r USING (_file, _row) WHERE r._negative "
                f"AND _reason IS NULL"
            ).fetchall()[0]
            told.append(told_signed(check, self.reader.spec.sign.column, made, amount))
        if self.schema.total:
            kept, amount = self.con.execute(
                f"SELECT count(*), coalesce(sum({total}), 0) FROM parsed_{name} "
                f"WHERE _reason IS NULL AND _total = 2"
            ).fetchall()[0]
            if kept:
                told.append(told_like_totals(check, kept, amount))
        return told

    def _told_hidden(self, files: list[SourceFile], check: TableCheck) -> list[Notice]:
        """Rows that a workbook hides or filters out: they are read like the others."""
        told = []
        message = N_(
            "{table}: {count} rows of {file} are hidden or filtered out there and count like the "
            "others, worth {hidden_sum}. Leave them out with where: or skip: if they should not."
        )
        for index, file in enumerate(files):
            if not file.hidden:
                continue
            count, amount = self.con.execute(
                f"SELECT count(*), coalesce(sum({check.total or 0}), 0) FROM parsed_{self.name} "
                f"WHERE _reason IS NULL AND _file = ? AND list_contains(?, _row)",
                [index, file.hidden],
            ).fetchall()[0]
            if count:
                values = {
                    "table": TABLE_LABELS[self.name],
                    "count": count,
                    "file": file.name,
                    "hidden_sum": float(amount),
                }
                told.append(Notice(message, values, share_of(amount, check.amount)))
        return told

    def _told_currencies(self, check: TableCheck) -> list[Notice]:
        """Lines of other currencies: converted at which rate, or set aside;
        a column of several that nothing reads is an alarm.
        """
        name, own = self.name, self.reader.currency
        if "currency" in check.columns:
            found = self.con.execute(
                f"SELECT currency AS code, _reason IS NULL AS known, count(*), "
                f"coalesce(sum({check.total}), 0) FROM parsed_{name} WHERE currency IS NOT NULL "
                f"AND currency <> ? AND (_reason IS NULL OR contains(_reason, 'currency:')) "
                f"GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2",
                [own],
            ).fetchall()
            return told_converted(check, found, self.reader.rates, self.reader.rates_file)
        told = []
        for header in (
            header
            for header in self.reader.types
            if plain_header(header) in CURRENCY_HEADERS and check.total
        ):
            codes = [
                row[0]
                for row in self.con.execute(
                    f"SELECT DISTINCT upper(trim(CAST({identifier(header)} AS VARCHAR))) "
                    f"FROM raw_{name}"
                ).fetchall()
            ]
            told += told_several_currencies(check, header, [code for code in codes if code])
        return told

    def _words_that_nothing_uses(self, check: TableCheck) -> list[Notice]:
        """Columns not used that say of rows that they are credit notes, refunds, cancelled,
        drafts or quotes, and yet count: how much is at stake.
        """
        total, spec = check.total, self.reader.spec
        named = {
            plain_header(header)
            for header in (
                *self.reader.mapping.values(),
                *spec.where,
                *([spec.sign.column] if spec.sign else []),
            )
        }
        columns = [
            header
            for header, kind in self.reader.types.items()
            if kind == "VARCHAR" and plain_header(header) not in named
        ][:MOST_COLUMNS]
        if not total or not columns:
            return []
        words, kinds_of = (
            folded_words((*CREDIT_WORDS, *NO_SALE_WORDS)),
            quoted(f"{CREDIT_KIND}|{NO_SALE_KIND}"),
        )
        tests = [
            f"count(*) FILTER (length({h}) <= 40 AND regexp_full_match({folded(h)}, {kinds_of}))"
            for h in map(identifier, columns)
        ]
        counts = self.con.execute(f"SELECT {', '.join(tests)} FROM raw_{self.name}").fetchall()[0]
        told = []
        for header in (header for header, count in zip(columns, counts, strict=True) if count):
            column = identifier(header)
            kinds = self.con.execute(
                f"SELECT count(DISTINCT {column}) FROM raw_{self.name}"
            ).fetchall()[0][0]
            own = folded(f"r.{column}")
            said_so = (
                f"regexp_full_match({own}, {kinds_of})"
                if kinds <= FEW_WORDS
                else f"{own} IN ({words})"
            )  # a kind of document, or a text
            count, stake, said = self.con.execute(
                f"SELECT count(*), coalesce(sum(p.{total}), 0), string_agg(DISTINCT r.{column}, ', "
                f"' ORDER BY r.{column}) FROM parsed_{self.name} p JOIN raw_{self.name} r USING "
                f"(_file, _row) WHERE p._reason IS NULL AND p.{total} > 0 AND {said_so}"
            ).fetchall()[0]
            told += told_no_sales(check, header, said, count, stake)
        return told

    def _sums_given_back(self, check: TableCheck) -> list[Notice]:
        """A column of sums that were given back, which nothing takes off."""
        headers = [
            header
            for header in self.reader.types
            if plain_header(header) in REFUNDED_HEADERS
            and header not in self.reader.mapping.values()
        ]
        told = []
        for header in headers if check.total else []:
            number = (
                f"TRY_CAST(replace(CAST(r.{identifier(header)} AS VARCHAR), ',', '.') AS DOUBLE)"
            )
            count, amount = self.con.execute(
                f"SELECT count(*) FILTER ({number} > 0), coalesce(sum({number}), 0) "
                f"FROM parsed_{self.name} p JOIN raw_{self.name} r USING (_file, _row) "
                f"WHERE p._reason IS NULL"
            ).fetchall()[0]
            told += told_given_back(check, header, count, float(amount))
        return told

    def _unknown_words(self, check: TableCheck) -> list[Notice]:
        """The values of a column of choices that no word is known for, with their counts,
        and the key that maps them.
        """
        told = []
        for role, column in self.schema.columns.items():
            if column.kind != "choice" or not any(
                f"choice:{role}" in reason for reason in check.reasons
            ):
                continue
            found = self.con.execute(
                f"SELECT t_{role}, count(*) FROM {self.reader.relation} WHERE t_{role} IS NOT NULL "
                f"AND {self.reader.read(role)} IS NULL GROUP BY 1 ORDER BY 2 DESC, 1"
            ).fetchall()
            told.append(told_unknown(check, role, found))
        return told
