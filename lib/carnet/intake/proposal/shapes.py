"""Exports that fill a table only in another shape: months in columns,
columns that stand in a second file, cells that only the first row of a document has.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from carnet.intake.proposal.evidence import EXACT, header_fit, kept, plain
from carnet.intake.proposal.matching import Guess, Match, match, tells_enough
from carnet.intake.proposal.parts import HEADER_ROWS, SAMPLE_ROWS, Part
from carnet.intake.sources.formats import MONTH_WORDS
from carnet.intake.sources.reading import LIKE_TOTAL

MONTH = (
    rf"(?:(?:{'|'.join(MONTH_WORDS)})\.?[ "
    rf"./-]?(?:\d{{4}}|\d{{2}})|(?:19|20)\d{{2}}[-/.M](?:0[1-9]|1[0-2])(?:[-/.]01)?(?: "
    rf"00:00:00)?|(?:0[1-9]|1[0-2])[-/.](?:19|20)\d{{2}})"
)
# whose year stands in the name of the file or sheet
LONE_MONTH = rf"(?:{'|'.join(MONTH_WORDS)})\.?"
LEAST_MONTHS = 3
# share of rows below the first of their document, from which cells are filled down
LEAST_BELOW = 0.1
SURE_JOIN = 0.8  # share of the numbers of one file that stand in the other
MEASURED = ("amount", "quantity", "cost")  # what a column of a month may hold


def wide(part: Part) -> Match | None:
    """Sales whose months stand in columns, as `unpivot:` reads them; None where there are none."""
    if made := _wide(part):
        return made
    for row in HEADER_ROWS if part.has_title else ():
        lower = part.below_a_title(row)
        if lower is not None and len(lower.values) and (made := _wide(lower)):
            return made
    return None


def _wide(part: Part) -> Match | None:
    groups: dict[tuple[str, str], list[str]] = {}
    for header in map(str, part.values.columns):
        forms = (MONTH, LONE_MONTH) if re.search(r"(19|20)\d{2}", part.label) else (MONTH,)
        if month := next(
            (
                seen
                for form in forms
                if (
                    seen := re.fullmatch(
                        rf"(|.*?[^a-zA-Z])({form})(?![a-zA-Z])(.*)", _folded(header), re.IGNORECASE
                    )
                )
            ),
            None,
        ):
            groups.setdefault(
                (header[: month.end(1)].strip(), header[month.end(2) :].strip()), []
            ).append(header)
    groups = {ends: headers for ends, headers in groups.items() if len(headers) >= LEAST_MONTHS}
    if not groups:
        return None
    roles: dict[str, str] = {}
    for before, after in groups:
        fits = {
            role: header_fit(f"{before} {after}".strip(), "sales", role)
            for role in MEASURED
            if role not in roles
        }
        role = max(fits, key=fits.__getitem__)
        roles[role if fits[role] else next(iter(fits))] = (
            f"{before} *{f' {after}' if after else ''}".strip()
        )
    months = {header for headers in groups.values() for header in headers}
    found = match(
        Part(part.path, part.values.drop(columns=list(months)), part.sheet, part.format), "sales"
    )
    if "customer_id" not in found.roles or "amount" not in roles:
        return None
    own = {role: guess for role, guess in found.roles.items() if role not in ("date", *roles)}
    told = f"{len(months)} columns of months, read as one row a month"
    return Match(
        "sales", part, own, 1.0, keys={"unpivot": roles}, traps=[told], taken=sorted(months)
    )


def _folded(header: str) -> str:
    """A header of as many letters, without accents."""
    return "".join(plain(letter) or letter if not letter.isascii() else letter for letter in header)


def joined(parts: Sequence[Part]) -> tuple[Match, Part] | None:
    """Of parts that fill no table alone: lines, and the file that has what they lack (by a number
    that both have); None where there is none.
    """
    for lines in parts:
        for others in parts:
            key = _shared_key(lines, others)
            if lines is others or not key:
                continue
            both = _merged(lines, others, key)
            found = match(both, "sales")
            if not found.lacking and tells_enough(found):
                return _with_join(found, lines, others, key), others
    return None


def add_salesperson(found: Match, parts: Sequence[Part]) -> Part | None:
    """Sales that name no salesperson, joined in place with the first part that does;
    that part, or None.
    """
    if found.table != "sales" or "salesperson" in found.roles or found.keys or found.part.query:
        return None
    for others in parts:
        names = [
            header
            for header in map(str, others.values.columns)
            if header_fit(header, "sales", "salesperson") >= EXACT
        ]
        key = _shared_key(found.part, others)
        if names and key:
            found.roles["salesperson"] = Guess(names[0], 0.8, f"in {others.label}, by {key[0]}")
            found.keys["join"] = _join(others, key)
            return others
    return None


def _shared_key(lines: Part, others: Part) -> tuple[str, str] | None:
    """The header of the lines and that of the second file (mostly the same) of a number that both
    have, once each in the second; None where there is none.
    """
    if lines is others or lines.query or others.query or others.sheet or others.format:
        return None
    least = SURE_JOIN if len(others.values) < SAMPLE_ROWS else SURE_JOIN / 2
    for header in map(str, lines.values.columns):
        own = kept(lines.values[header])
        for same in map(str, others.values.columns):
            numbers = (
                min(header_fit(header, "sales", "order_id"), header_fit(same, "sales", "order_id"))
                > 0
            )
            if plain(same) != plain(header) and not numbers:
                continue
            there = kept(others.values[same])
            if (
                len(there) > 1
                and there.is_unique
                and own.nunique() > 1
                and own.isin(set(there)).mean() >= least
            ):
                return header, same
    return None


def _merged(lines: Part, others: Part, key: tuple[str, str]) -> Part:
    own, there = key
    added = [
        column
        for column in others.values.columns
        if column == there or column not in lines.values.columns
    ]
    second = others.values[added].drop_duplicates(there).rename(columns={there: own})
    return replace(lines, values=lines.values.merge(second, on=own, how="left"), fits={})


def _join(others: Part, key: tuple[str, str]) -> dict[str, Any]:
    own, there = key
    return {"files": others.path.name, "on": own if own == there else {own: there}}


def _with_join(found: Match, lines: Part, others: Part, key: tuple[str, str]) -> Match:
    told = f"what {lines.label} lacks stands in {others.label}"
    return replace(
        found,
        part=replace(lines, values=found.part.values, fits={}),
        keys={"join": _join(others, key)},
        traps=[told],
    )


def blank_below(found: Match) -> list[str]:
    """Headers of a document that only its first row fills:
    date, customer (and number) are empty on the same rows, which have an amount.
    """
    there = {
        role: guess.header
        for role, guess in found.roles.items()
        if guess.header in found.part.values
    }
    roles = [
        role
        for role in ("date", "customer_id", "order_id", "salesperson", "currency")
        if role in there
    ]
    if found.table != "sales" or not {"date", "customer_id"} <= set(roles):
        return []
    customers = found.part.values[there["customer_id"]]
    named = _filled(customers)
    # once each, above the rows of each
    if named.iloc[0] and named.mean() < 0.5 and kept(customers).is_unique:
        return [there["customer_id"]]
    empty = pd.DataFrame({role: ~_filled(found.part.values[there[role]]) for role in roles})
    below = empty["date"] & ~_totals(found.part.values)
    amounts = [there[role] for role in ("amount", "quantity") if role in there]
    written = pd.DataFrame({header: _filled(found.part.values[header]) for header in amounts}).any(
        axis=1
    )
    if (
        empty["customer_id"] & ~below & ~_totals(found.part.values)
    ).any() or below.mean() < LEAST_BELOW:
        return []
    if (
        not amounts
        or not below.any()
        or below.iloc[0]
        or not written[below].mean() > 0.9
        or not (empty["customer_id"] >= below).all()
    ):
        return []
    return [there[role] for role in roles if (empty[role] >= below).all()]


def _totals(values: pd.DataFrame) -> pd.Series:
    """Rows with a cell that reads like a total of others."""
    told = [
        values[header].fillna("").map(plain).str.fullmatch(LIKE_TOTAL) for header in values.columns
    ]
    return pd.DataFrame(told).any() if told else pd.Series(False, values.index)


def _filled(values: pd.Series) -> pd.Series:
    return values.index.to_series().isin(kept(values).index)
