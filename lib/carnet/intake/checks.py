"""The row ledger of a table, and what its reader is told of the rows: whatever engine checked them.

Counts and sums come from a contract (`contracts` on this machine, `held` where an engine holds
the rows); the words stand here once.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

from babel.numbers import list_currencies

from carnet.engagement.schema import TABLE_LABELS, TABLES, unused_columns
from carnet.errors import examples
from carnet.wording import N_, Notice, Wording

EARLIEST = dt.date(1900, 1, 1)
MONEYS = ("amount", "cost", "margin", "unit_price", "list_price")  # what another currency changes
SIGNED = ("amount", "quantity", "cost", "margin")  # what `sign:` makes negative
CENT = "0.01"
FEW_WORDS = 30  # different values of a column of kinds of documents, at most
MOST_COLUMNS = 200  # looked at for words of no sale: exports of people have fewer
HEAVY = 0.01  # share of a table's amount, from which rows set aside are warned of
REASONS = {
    "missing": N_("{column} is missing"),
    "date": N_("{column} is not a date"),
    "number": N_("{column} is not a number"),
    "share": N_("{column} is not a share between 0 and 1 (write 10 % or 0.10)"),
    "bool": N_("{column} is not yes or no"),
    "choice": N_("{column} is not one of the accepted values ({accepted})"),
    "early": N_("{column} is before 1900"),
    "after": N_("{column} is after the audit date"),
    "repeated": N_("{column} is repeated"),
    "reversed": N_("{column} is before the start of its period"),
    "quote": N_("a quotation mark is opened and never closed"),
    "width": N_("the line does not have as many columns as its header"),
    "currency": N_("{column} is another currency, without a rate"),
    "where": N_("not kept by `where:`"),
    "skip": N_("left out by `skip:`"),
    "header": N_("the header once more"),
    "heading": N_("a heading of the rows below"),
    "total": N_("a total of the rows above"),
    "twice": N_("the line stands in an earlier file"),
}
# rows that are none of the table's: nothing is lost with them
MEANT = ("where", "skip", "header", "heading", "total", "twice")


@dataclass
class TableCheck:
    """The row ledger of one table: what came in, what was accepted, what was set aside,
    and what to know about it.
    """

    table: str
    total: str | None
    columns: list[str]
    mapping: dict[str, str]
    source: str | None = None  # the table that filled this one, when no file of its own was given
    linked_share: float | None = None  # of a ledger: share of its revenue that names a customer
    rows: int = 0
    accepted_rows: int = 0
    quarantined_rows: int = 0
    left_rows: int = 0  # of these, how many stay with the engine that holds the table
    amount: Decimal = Decimal(0)
    accepted_amount: Decimal = Decimal(0)
    quarantined_amount: Decimal = Decimal(0)
    unreadable_amounts: int = 0
    duplicate_rows: int = 0
    duplicate_amount: Decimal = Decimal(0)
    reasons: dict[str, int] = field(default_factory=dict)
    files: list[dict] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    # headers of columns given that nothing uses: told by `carnet check`
    unused: list[str] = field(default_factory=list)

    def tell_reason(self, w: Wording, reason: str) -> str:
        """A stored reason such as `missing:customer_id;date:date` in words,
        columns by the client's own headers.
        """
        parts = (part.partition(":") for part in reason.split(";"))
        columns = TABLES[self.table].columns
        accepted = {role: ", ".join(column.choices) for role, column in columns.items()}
        return "; ".join(
            w._(REASONS[code], column=self.mapping.get(role, role), accepted=accepted.get(role, ""))
            for code, _, role in parts
        )

    def as_json(self) -> dict:
        """Plain values for the cache and the manifest."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: dict) -> "TableCheck":
        """Inverse of `as_json` after a JSON round trip."""
        amounts = {
            key: Decimal(record[key])
            for key in record
            if key == "amount" or key.endswith("_amount")
        }
        return cls(
            **{**record, **amounts, "notices": [Notice.from_json(n) for n in record["notices"]]}
        )


def conclude(check: TableCheck, lost: Decimal) -> None:
    """Add what counts and sums call for: duplicates, a heavy share set aside without being meant
    (`lost`, in the unit of the total), no row at all; and the columns that nothing uses.
    """
    label = TABLE_LABELS[check.table]
    if check.duplicate_rows:
        message = N_(
            "{table}: exact duplicate lines kept: {count}; two equal lines can be two events."
        )
        values = {"table": label, "count": check.duplicate_rows}
        check.notices.append(
            Notice(message, values, share_of(check.duplicate_amount, check.amount))
        )
    aside = share_of(lost, check.amount)
    if aside >= HEAVY:
        message = N_(
            "{table}: rows worth {aside_share} of the amount are set aside, {aside_sum}: {reasons}."
        )
        values = {
            "table": label,
            "aside_share": aside,
            "aside_sum": float(lost),
            "reasons": _main_reason(check),
        }
        check.notices.append(Notice(message, values, aside))
    check.unused = [
        str(check.mapping[column]) for column in unused_columns(check.table, check.mapping)
    ]
    if not check.accepted_rows:
        check.notices.append(Notice(N_("{table}: no row was accepted."), {"table": label}))


def _main_reason(check: TableCheck) -> Notice | str:
    """The most frequent reason of the rows set aside, in words."""
    code, _, column = next(iter(check.reasons), "").partition(";")[0].partition(":")
    if code not in REASONS:
        return ""
    columns = TABLES[check.table].columns
    values = {
        "column": check.mapping.get(column, column),
        "accepted": ", ".join(columns[column].choices) if column in columns else "",
    }
    return Notice(REASONS[code], values)


def told_meant(check: TableCheck, found: Iterable[tuple[str, int, Decimal]]) -> list[Notice]:
    """Rows recognised as none of the table's: code, how many, worth what."""
    message = N_(
        "{table}: rows set aside that are none of its own: {count}, worth {aside_sum} ({reason})."
    )
    return [
        Notice(
            message,
            {
                "table": TABLE_LABELS[check.table],
                "count": count,
                "aside_sum": float(amount),
                "reason": Notice(REASONS[code], {}),
            },
        )
        for code, count, amount in found
        if code in MEANT and code != "twice"
    ]


def told_signed(check: TableCheck, column: str, count: int, amount: Decimal) -> Notice:
    """What `sign:` made negative."""
    message = N_("{table}: amounts made negative by {column}: {count}, worth {signed_sum}.")
    values = {"count": count, "column": column, "signed_sum": float(amount)}
    return Notice(message, {"table": TABLE_LABELS[check.table]} | values)


def told_like_totals(check: TableCheck, count: int, amount: Decimal) -> Notice:
    """Rows that say that they are totals, and are the sum of none."""
    message = N_(
        "{table}: {count} rows read like totals, worth {total_sum}, and are not the "
        "sum of rows above them: kept. Leave them out with where: if they are totals."
    )
    values = {"table": TABLE_LABELS[check.table], "count": count, "total_sum": float(amount)}
    return Notice(message, values, share_of(amount, check.amount))


def told_twice(
    table: str, pairs: Iterable[tuple[str, str, int, Decimal, Any, Any]], whole: Decimal, drop: bool
) -> list[Notice]:
    """Lines that stand in two files: earlier and later file, how many, worth what, first and last
    day; `whole` is the amount of all, `drop` tells that those of the later file are left out.
    """
    kept = N_(
        "{table}: {count} lines of {later} stand in {earlier} too ({first} to {last}), worth "
        "{twice_sum}: they count twice. Write repeated: drop to leave them out."
    )
    dropped = N_(
        "{table}: {count} lines of {later} stand in {earlier} too ({first} to {last}), worth "
        "{twice_sum}: left out of the later file."
    )
    return [
        Notice(
            dropped if drop else kept,
            {
                "table": TABLE_LABELS[table],
                "count": count,
                "earlier": earlier,
                "later": later,
                "twice_sum": float(amount),
                "first": str(first or ""),
                "last": str(last or ""),
            },
            0.0 if drop else share_of(Decimal(amount), whole),
        )
        for earlier, later, count, amount, first, last in pairs
    ]


def told_converted(
    check: TableCheck,
    found: Iterable[tuple[str, bool, int, Decimal]],
    rates: Mapping[str, float],
    rates_file: str | None,
) -> list[Notice]:
    """Lines of other currencies: code, whether a rate is known, how many, worth what; converted at
    which rate, or set aside.
    """
    converted = N_("{table}: {count} lines in {code} converted at {rate}: {converted_sum}.")
    aside = N_(
        "{table}: {count} lines in {code}, {original} {code} in all, are set aside: "
        "write rates: {{{code}: …}} to convert them."
    )
    told = []
    for code, known, count, amount in found:
        values = {"table": TABLE_LABELS[check.table], "count": count, "code": code}
        if known:
            rate = f"{rates[code]:g}" if code in rates else f"{rates_file}"
            sums = {"rate": rate, "converted_sum": float(amount)}
            told.append(Notice(converted, values | sums))
        else:
            weight = share_of(amount, check.amount)
            told.append(Notice(aside, values | {"original": f"{amount:,.2f}"}, weight))
    return told


def told_several_currencies(check: TableCheck, column: str, codes: list[str]) -> list[Notice]:
    """A column of currencies that nothing reads, where it names several."""
    codes = sorted(code for code in codes if code in list_currencies())
    if len(codes) < 2:
        return []
    message = N_(
        "{table}: {column} names several currencies ({codes}), which are added up as "
        "they are: map it as currency, or leave the others out with where:."
    )
    values = {"table": TABLE_LABELS[check.table], "column": column, "codes": examples(codes)}
    return [Notice(message, values, 0.5)]


def told_no_sales(
    check: TableCheck, column: str, words: str, count: int, stake: Decimal
) -> list[Notice]:
    """Rows that a column calls credit notes, refunds, cancelled, drafts or quotes, and that count
    with a positive amount.
    """
    if not count:
        return []
    message = N_(
        "{table}: {column} says {words} of {count} rows that count with a positive "
        "amount, {stake_sum} in all: leave them out with where:, or make them "
        "negative with sign:."
    )
    values = {"column": column, "words": words, "count": count, "stake_sum": float(stake)}
    table = {"table": TABLE_LABELS[check.table]}
    return [Notice(message, table | values, share_of(stake, check.amount))]


def told_given_back(check: TableCheck, column: str, count: int, amount: float) -> list[Notice]:
    """Sums given back that nothing takes off."""
    if not count:
        return []
    message = N_(
        "{table}: {column} holds {refunded_sum} given back on rows that count whole "
        "({count}): nothing takes it off."
    )
    values = {"column": column, "count": count, "refunded_sum": amount}
    weight = share_of(Decimal(str(amount)), check.amount)
    return [Notice(message, {"table": TABLE_LABELS[check.table]} | values, weight)]


def told_unknown(check: TableCheck, role: str, found: Iterable[tuple[str, int]]) -> Notice:
    """Values of a column of choices that no word is known for, with the key that maps them."""
    words = examples((f"{word} ({count:,})" for word, count in found), 8)
    if role == "stage":
        message = N_(
            "{table}: values of {column} that are not known: {words}. Map them with "
            "stages: {{open: […], won: […], lost: […]}}."
        )
    else:
        message = N_("{table}: values of {column} that are not known: {words}.")
    values = {"column": check.mapping[role], "words": words}
    return Notice(message, {"table": TABLE_LABELS[check.table]} | values)


def share_of(part: Decimal, whole: Decimal) -> float:
    """Size of a part against its whole, 0 where there is none."""
    return abs(float(part)) / abs(float(whole)) if whole else 0.0
