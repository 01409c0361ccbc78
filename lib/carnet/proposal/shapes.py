"""Exports that fill a table only in another shape: months in columns, columns that stand in a second file, cells that only the first row of a document has."""

import re
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from carnet.proposal.evidence import EXACT, header_fit, kept, plain
from carnet.proposal.matching import Guess, Match, match, tells_enough
from carnet.proposal.parts import SAMPLE_ROWS, Part
from carnet.sources.formats import MONTH_WORDS

MONTH = rf"(?:(?:{'|'.join(MONTH_WORDS)})\.?[ ./-]?(?:\d{{4}}|\d{{2}})|(?:19|20)\d{{2}}[-/.](?:0[1-9]|1[0-2])|(?:0[1-9]|1[0-2])[-/.](?:19|20)\d{{2}})"
LEAST_MONTHS = 3
SURE_JOIN = 0.8  # share of the numbers of one file that stand in the other
MEASURED = ("amount", "quantity", "cost")  # what a column of a month may hold


def wide(part: Part) -> Match | None:
    """Sales whose months stand in columns, as `unpivot:` reads them; None where there are none."""
    groups: dict[tuple[str, str], list[str]] = {}
    for header in map(str, part.values.columns):
        if month := re.fullmatch(rf"(.*?)({MONTH})(.*)", _folded(header), re.IGNORECASE):
            groups.setdefault((header[: month.end(1)].strip(), header[month.end(2) :].strip()), []).append(header)
    groups = {ends: headers for ends, headers in groups.items() if len(headers) >= LEAST_MONTHS}
    if not groups:
        return None
    roles: dict[str, str] = {}
    for before, after in groups:
        fits = {role: header_fit(f"{before} {after}".strip(), "sales", role) for role in MEASURED if role not in roles}
        role = max(fits, key=fits.__getitem__)
        roles[role if fits[role] else next(iter(fits))] = f"{before} *{f' {after}' if after else ''}".strip()
    months = {header for headers in groups.values() for header in headers}
    found = match(Part(part.path, part.values.drop(columns=list(months)), part.sheet, part.format), "sales")
    if "customer_id" not in found.roles or "amount" not in roles:
        return None
    own = {role: guess for role, guess in found.roles.items() if role not in ("date", *roles)}
    told = f"{len(months)} columns of months, read as one row a month"
    return Match("sales", part, own, 1.0, keys={"unpivot": roles}, traps=[told], taken=sorted(months))


def _folded(header: str) -> str:
    """A header of as many letters, without accents."""
    return "".join(plain(letter) or letter if not letter.isascii() else letter for letter in header)


def joined(parts: Sequence[Part]) -> tuple[Match, Part] | None:
    """Of parts that fill no table alone: lines, and the file that has what they lack (by a number that both have); None where there is none."""
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
    """Sales that name no salesperson, joined in place with the first part that does; that part, or None."""
    if found.table != "sales" or "salesperson" in found.roles or found.keys or found.part.query:
        return None
    for others in parts:
        names = [header for header in map(str, others.values.columns) if header_fit(header, "sales", "salesperson") >= EXACT]
        key = _shared_key(found.part, others)
        if names and key:
            found.roles["salesperson"] = Guess(names[0], 0.8, f"in {others.label}, by {key}")
            found.keys["join"] = _join(others, key)
            return others
    return None


def _shared_key(lines: Part, others: Part) -> str:
    """The header that both have, whose values stand once each in the second file and are those of the first; empty where there is none."""
    if lines is others or lines.query or others.query or others.sheet or others.format:
        return ""
    for header in map(str, lines.values.columns):
        same = next((str(name) for name in others.values.columns if plain(str(name)) == plain(header)), None)
        if same != header:  # one name in both files: what `on: HEADER` reads
            continue
        own, there = kept(lines.values[header]), kept(others.values[header])
        covered = own.isin(set(there)).mean() if len(own) else 0
        least = SURE_JOIN if len(others.values) < SAMPLE_ROWS else SURE_JOIN / 2
        if len(there) > 1 and there.is_unique and own.nunique() > 1 and covered >= least:
            return header
    return ""


def _merged(lines: Part, others: Part, key: str) -> Part:
    added = [column for column in others.values.columns if column == key or column not in lines.values.columns]
    values = lines.values.merge(others.values[added].drop_duplicates(key), on=key, how="left")
    return replace(lines, values=values, fits={})


def _join(others: Part, key: str) -> dict:
    return {"files": others.path.name, "on": key}


def _with_join(found: Match, lines: Part, others: Part, key: str) -> Match:
    return replace(
        found,
        part=replace(lines, values=found.part.values, fits={}),
        keys={"join": _join(others, key)},
        traps=[f"what {lines.label} lacks stands in {others.label}"],
    )


def blank_below(found: Match) -> list[str]:
    """Headers of a document that only its first row fills: date, customer (and number) are empty on the same rows, which have an amount."""
    there = {role: guess.header for role, guess in found.roles.items() if guess.header in found.part.values}
    roles = [role for role in ("date", "customer_id", "order_id", "salesperson", "currency") if role in there]
    if found.table != "sales" or not {"date", "customer_id"} <= set(roles):
        return []
    empty = pd.DataFrame({role: ~_filled(found.part.values[there[role]]) for role in roles})
    below = empty["date"]
    amounts = [there[role] for role in ("amount", "quantity") if role in there]
    written = pd.DataFrame({header: _filled(found.part.values[header]) for header in amounts}).any(axis=1)
    if not amounts or not below.any() or below.iloc[0] or not written[below].mean() > 0.9 or not (empty["customer_id"] == below).all():
        return []
    return [there[role] for role in roles if (empty[role] >= below).all()]


def _filled(values: pd.Series) -> pd.Series:
    return values.index.to_series().isin(kept(values).index)
