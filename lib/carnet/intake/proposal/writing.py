"""The proposed engagement.yml as text: every guess with its confidence, every key with why,
what was left out and what to look at.
"""

import glob
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from unidecode import unidecode

from carnet.engagement.schema import (
    CHOICE_WORDS,
    CREDIT_KIND,
    CREDIT_WORDS,
    CURRENCY_HEADERS,
    NO_SALE_KIND,
    NO_SALE_WORDS,
    TABLES,
    Column,
)
from carnet.errors import tell
from carnet.intake.proposal.database import query_of
from carnet.intake.proposal.evidence import kept, plain, vocabulary
from carnet.intake.proposal.matching import Match
from carnet.intake.proposal.parts import Part
from carnet.intake.proposal.shapes import blank_below
from carnet.intake.proposal.systems import KnownDatabase
from carnet.wording import Wording

FEW_WORDS = 30  # different values of a column whose values may only begin with a word
MOSTLY = 0.9
CURRENCIES = {"€": "EUR", "£": "GBP", "$": "USD", "chf": "CHF"}


@dataclass(frozen=True)
class Origin:
    """The database that a proposal is for, and the system that it is, if one is known."""

    url: str
    known: KnownDatabase | None

    def fact(self, name: str, usual: str) -> str:
        """What the database says of the client's name, currency or language, else what is usual."""
        return (self.known and self.known.facts.get(name)) or usual


def write(
    folder: Path,
    matches: Sequence[Match],
    left_out: Sequence[str],
    doubts: Sequence[str],
    origin: Origin | None = None,
) -> str:
    """The file, every guess commented with its confidence."""
    language, currency, seen = language_of(matches), *_currency(matches)
    client = re.sub(r"[_-]+", " ", folder.name).strip().title() or "Client"
    if origin and origin.known:
        client = origin.fact("client", client)
        language = "fr" if origin.fact("language", language).lower().startswith("fr") else "en"
        currency, seen = (
            (code, f"as {origin.known.system} says")
            if (code := origin.fact("currency", ""))
            else (currency, seen)
        )
    lines = [
        (
            "# Proposed by `carnet init`: correct what is wrong, then run `carnet check` "
            "on this folder."
        ),
        "# Beside each guess stands its confidence, 0 to 1.",
        f"client: {_scalar(client)}",
        (
            f"language: {language}                      # fr | en: of the reports; guessed "
            f"from the headers"
        ),
        f"currency: {currency}                     # {seen}",
        "# as_of: 2025-12-31             # audit date; default: the last sale",
        "comparison: rolling_year          # rolling_year | year_to_date",
        "fiscal_year_start: 1              # month",
    ]
    if origin:
        lines.append(f"source: {_scalar(origin.url)}")
    if origin and origin.known:
        lines += [f"# {origin.known.system}: {_comment(trap)}" for trap in origin.known.traps]
    lines.append("tables:")
    for found in matches:
        lines += [f"  {found.table}:", *_source(folder, found)]
        if found.table == "ledger":
            lines.append("    # the legal names of the columns are known")
            continue
        if not found.part.query:
            lines += _columns(found)
        keys = keys_of(found) if found.part.expressions or not found.part.query else {}
        lines += [f"    # {_comment(trap)}" for trap in found.traps]
        lines += [
            f"    {key}: {_flow(value)}{f'  # {why}' if why else ''}"
            for key, (value, why) in keys.items()
        ]
        left = [header for header in found.unused if header not in _headers_of(keys)]
        if left and not found.part.query:
            lines.append(
                f"    # not used: "
                f"{_comment(', '.join(f'{header} ({_kind(found.part, header)})' for header in left))}"  # noqa: E501
            )
    translate = Wording(language, currency)._
    lines += [f"# look at: {_comment(tell(line, translate))}" for line in doubts]
    lines += [f"# left out: {_comment(tell(line, translate))}" for line in left_out]
    return "\n".join(lines) + "\n"


def _source(folder: Path, found: Match) -> list[str]:
    """Where a table comes from: its query, or its files, sheets and format."""
    if found.part.query:
        query = (
            query_of(found, _headers_of(keys_of(found)))
            if found.part.expressions
            else found.part.query
        )
        told = [
            f"    # {role}: {guess.header}, {guess.confidence:.2f}, {_comment(guess.why)}"
            for role, guess in found.roles.items()
        ]
        return [
            "    query: |",
            *(f"      {line}" for line in query.splitlines()),
            *(told if found.part.expressions else []),
        ]
    parts = [found.part, *found.others]
    names = sorted({glob.escape(part.path.relative_to(folder).as_posix()) for part in parts})
    lines = (
        [f"    files: {_scalar(names[0])}"]
        if len(names) == 1
        else ["    files:", *(f"      - {_scalar(name)}" for name in names)]
    )
    sheets = list(dict.fromkeys(part.sheet for part in parts if part.sheet))
    if sheets:
        lines.append(f"    sheet: {_scalar(sheets[0]) if len(sheets) == 1 else _flow(sheets)}")
    if found.part.format:
        lines.append(f"    format: {_flow(found.part.format)}")
    return lines


def _columns(found: Match) -> list[str]:
    """Which header plays which role, with the confidence and why."""
    lines = ["    columns:"]
    for role in TABLES[found.table].columns:
        if role in found.roles:
            guess = found.roles[role]
            lines.append(
                f"      {role}: {_scalar(guess.header)}  # {guess.confidence:.2f}, "
                f"{_comment(guess.why)}"
            )
    for role, by in TABLES[found.table].derived.items():
        if role not in found.roles and set(by) <= set(found.roles):
            lines.append(f"      # {role}: from {' × '.join(by)}")
    return lines


def _flow(value: Any) -> str:
    """A value as YAML on one line."""
    return (
        yaml.safe_dump(
            value, allow_unicode=True, sort_keys=False, width=10_000, default_flow_style=True
        )
        .strip()
        .replace("'on':", "on:")
    )


def _kind(part: Part, header: str) -> str:
    """What the values of a column look like."""
    if not len(kept(part.values[header])):
        return "empty"
    kinds = {"dates": Column("date"), "numbers": Column("number")}
    return next(
        (name for name, column in kinds.items() if part.fit(header, column) > MOSTLY), "texts"
    )


def keys_of(found: Match) -> dict[str, tuple[Any, str]]:
    """Further keys of a table, each with why: those of a known export or shape,
    else for rows that say that they are no sale, credit notes, and the client's own stages.
    """
    keys = {key: (value, "") for key, value in found.keys.items()}
    if "fill_down" not in keys and (below := blank_below(found)):
        keys["fill_down"] = (below, "only the first row of each document has them")
    if found.keys:
        return keys
    if TABLES[found.table].total == "amount":
        credit = {
            header: seen
            for header in found.unused
            if (seen := _seen(found.part.values[header], CREDIT_KIND, CREDIT_WORDS))
        }
        no_sale = {
            header: {"not": seen}
            for header in found.unused
            if (seen := _seen(found.part.values[header], NO_SALE_KIND, NO_SALE_WORDS))
        }
        for header, words in list(credit.items())[:1]:
            keys["sign"] = (
                {"column": header, "negative": words},
                "these words take an amount back",
            )
        if no_sale:
            keys["where"] = (no_sale, "these rows say that they are no sale")
    if found.table == "opportunities" and "stage" in found.roles:
        known = {
            plain(word)
            for stage in TABLES["opportunities"].columns["stage"].choices
            for word in (stage, *CHOICE_WORDS.get(stage, ()))
        }
        words = kept(found.part.values[found.roles["stage"].header]).value_counts()
        own = [word for word in words.index if plain(word) not in known]
        if own:
            keys["stages"] = (
                {"open": own, "won": [], "lost": []},
                "your words: move each to its place",
            )
    return keys


def _headers_of(keys: Mapping[str, tuple[Any, str]]) -> set[str]:
    """The headers that keys name."""
    named: set[str] = {keys["sign"][0]["column"]} if "sign" in keys else set()
    return named.union(*(keys[key][0] for key in ("where", "fill_down") if key in keys))


def _seen(values: pd.Series, kind: str, words: Sequence[str]) -> list[str]:
    """The values of a column that are one of the words, or of the kind where the column has few
    values, as they are written.
    """
    distinct = kept(values).drop_duplicates()
    few = len(distinct) <= FEW_WORDS
    return [
        value
        for value in distinct
        if plain(value) in words or (few and re.fullmatch(kind, unidecode(value).lower()))
    ]


def _scalar(text: str) -> str:
    """A text as a YAML scalar on one line."""
    return (
        yaml.safe_dump(text, allow_unicode=True, width=10_000, default_flow_style=True)
        .removesuffix("\n")
        .removesuffix("...")
        .strip()
    )


def _comment(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)


def language_of(matches: Sequence[Match]) -> str:
    """fr when more of the headers are usual in French than in English."""
    counts = dict.fromkeys(("fr", "en"), 0)
    for found in matches:
        for role, guess in found.roles.items():
            for place in (vocabulary().get(found.table, {}), vocabulary()["any"]):
                for language in counts:
                    counts[language] += plain(guess.header.rpartition("/")[2]) in place.get(
                        role, {}
                    ).get(language, [])
    ledger = any(found.table == "ledger" for found in matches)
    return (
        "fr" if counts["fr"] > counts["en"] or (ledger and counts["fr"] == counts["en"]) else "en"
    )


def _currency(matches: Sequence[Match]) -> tuple[str, str]:
    """The currency that a column or a sign names, else EUR; and how it is known."""
    for found in matches:
        codes = codes_of(found)
        if codes:
            code, only = next(iter(codes)), len(codes) == 1
            return (
                code,
                f"the only one in {_comment(found.part.label)}"
                if only
                else f"the most frequent in {_comment(found.part.label)}: check",
            )
    for found in matches:
        amounts = [
            guess.header
            for role, guess in found.roles.items()
            if TABLES[found.table].columns[role].kind == "money"
        ]
        written = " ".join(
            [
                *map(str, found.part.values.columns),
                *(kept(found.part.values[h]).head(200).str.cat(sep=" ") for h in amounts),
            ]
        )
        for sign, code in CURRENCIES.items():
            if sign in written.lower():
                return code, f"{sign} is written in {_comment(found.part.label)}"
    if any(found.table == "ledger" for found in matches):
        return "EUR", "a French ledger"
    return "EUR", "not found in the data: check"


def codes_of(found: Match) -> dict[str, int]:
    """Currency codes that a part writes, the most frequent first, with their rows."""
    columns = [
        values
        for header, values in found.part.values.items()
        if plain(str(header)) in CURRENCY_HEADERS
    ]
    counts = pd.concat([kept(values) for values in columns]).value_counts() if columns else {}
    return {code: int(count) for code, count in counts.items() if re.fullmatch(r"[A-Z]{3}", code)}
