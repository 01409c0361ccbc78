"""A folder of exports → a proposed engagement.yml: which file is which table, which header plays which role, and how sure each guess is.

`parts` reads the first rows of every file; `evidence` says what a header and its values speak for; `matching` gives each part a table
and each table a source; here the file is written, every guess with its confidence. Nothing is proposed that lacks a required role.
"""

import glob
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import yaml

from carnet.databases import names_secret, without_secret
from carnet.engagement import FILE_NAME
from carnet.errors import CarnetError, examples
from carnet.proposal.database import query_of, read_database
from carnet.proposal.evidence import header_fit, kept, plain, vocabulary
from carnet.proposal.matching import Match, choose
from carnet.proposal.parts import Part, read_parts
from carnet.proposal.shapes import add_salesperson, blank_below, joined, wide
from carnet.proposal.systems import KnownDatabase, recognise_exports
from carnet.schema import CHOICE_WORDS, CREDIT_WORDS, CURRENCY_HEADERS, NO_SALE_WORDS, TABLES, Column
from carnet.sources import READERS
from carnet.sources.servers import connect

__all__ = ["Part", "Proposal", "header_fit", "plain", "propose", "write_proposal"]

Asker = Callable[[Sequence[Match], str], None]
MOSTLY = 0.9
CURRENCIES = {"€": "EUR", "£": "GBP", "$": "USD", "chf": "CHF"}


@dataclass(frozen=True)
class Proposal:
    """The engagement file proposed, the match of every table, and what the analyst is told beside it: what was left out and why."""

    text: str
    matches: list[Match]
    left_out: list[str]


def write_proposal(folder: Path, files: Sequence[Path] = (), url: str = "", ask: Asker | None = None) -> Proposal:
    """Write the proposal for a folder's files, or for the database at `url`, to FOLDER/engagement.yml.

    Raises CarnetError when one is there already, or nothing is recognised.
    """
    if url and names_secret(url):
        raise CarnetError(
            f"{without_secret(url)}: a password does not stand in a URL: write ${{NAME}} in its place, and set the environment variable NAME."
        )
    if url:
        folder.mkdir(parents=True, exist_ok=True)
    if not folder.is_dir():
        raise CarnetError(f"{folder}: no such folder. Make it and put the client's exports into it.")
    target = folder / FILE_NAME
    if target.exists():
        raise CarnetError(f"{target} is there already; it is not overwritten. Rename it first.")
    proposal = propose_database(folder, url) if url else propose(folder, files, ask)
    target.write_text(proposal.text, encoding="utf-8")
    return proposal


def propose(folder: Path, files: Sequence[Path] = (), ask: Asker | None = None) -> Proposal:
    """Propose an engagement for the data files of a folder, or for those named; `ask` may change the matches in place.

    Raises CarnetError when none is recognised.
    """
    folder = folder.resolve()
    parts, left_out = [], []
    for path in _files(folder, files):
        read, unread = read_parts(path)
        parts += read
        left_out += unread
    matches, more = _matched(parts)
    left_out += [*more, *_doubts(matches), *_beside(folder, parts)]
    if not matches:
        told = "\n".join(f"  {line}" for line in left_out) or f"  no file of {', '.join(READERS)} there"
        raise CarnetError(f"{folder}: no table is recognised.\n{told}{_deeper(folder)}")
    if ask:
        ask(matches, _language(matches))
    return Proposal(_write(folder, matches, left_out), matches, left_out)


def _matched(parts: Sequence[Part]) -> tuple[list[Match], list[str]]:
    """Tables of parts: exports of known systems, what headers and values speak for, then what fills a table in another shape only; and what was left out."""
    known = [export for part in parts for export in recognise_exports(part)]
    named = [export.part.path for export in known]
    others = [part for part in parts if part.path not in named]
    matches, left_out = choose(others, known)
    used = [part for found in matches for part in (found.part, *found.others)]
    alone = [part for part in others if not any(part.path == one.path for one in used)]
    sales = next((found for found in matches if found.table == "sales"), None)
    beside: Part | None = None  # what is joined
    if sales is not None:
        beside = add_salesperson(sales, alone)
    elif both := joined(alone):
        made, beside = both
        matches, used = [made, *matches], [*used, made.part]
    elif by_month := next((found for found in map(wide, alone) if found), None):
        matches, used = [by_month, *matches], [*used, by_month.part]
    if beside:
        used.append(beside)
    read = [part.label for part in used]
    return matches, [line for line in left_out if line.partition(": ")[0] not in read]


def propose_database(folder: Path, url: str) -> Proposal:
    """Propose an engagement for a live database. Raises CarnetError when it does not answer, or none of its tables is recognised."""
    server = connect("source", url, folder.resolve())
    found = read_database(server)
    matches, left_out = found.matches, found.left_out
    if found.known is None:
        matches, more = choose(found.parts)
        left_out += more
    if not matches:
        told = "\n".join(f"  {line}" for line in left_out)
        raise CarnetError(f"{without_secret(url)}: no table is recognised.\n{told}")
    return Proposal(_write(folder.resolve(), matches, left_out, Origin(url, found.known)), matches, left_out)


def _files(folder: Path, files: Sequence[Path]) -> list[Path]:
    """The files named, each inside the folder; all data files of the folder when none is."""
    named = [(folder / file if (folder / file).is_file() else Path(file)).resolve() for file in files]
    for path in named:
        if not path.is_file() or not path.is_relative_to(folder):
            told = f"outside {folder}" if path.is_file() else "no such file"
            raise CarnetError(f"{path.name}: {told}. Copy the files into the engagement's folder.")
    return named or sorted(path for path in folder.iterdir() if path.is_file() and path.suffix.lower() in READERS)


def _beside(folder: Path, parts: Sequence[Part]) -> list[str]:
    """Files that are not data, and folders, which are not looked at."""
    others = [
        path.name
        for path in sorted(folder.iterdir())
        if path.is_file() and path.suffix.lower() not in READERS and not path.name.startswith(".")
    ]
    others = [name for name in others if name != FILE_NAME]
    told = [f"{examples(others)}: not read, no kind of file that holds a table"] if others and parts else []
    return [*told, *([_deeper(folder).strip()] if parts and _deeper(folder) else [])]


def _deeper(folder: Path) -> str:
    """A hint at data files in folders below, which are not looked at."""
    below = sorted(
        {p.parent.name for p in folder.glob("*/*") if p.is_file() and p.suffix.lower() in READERS and not p.parent.name.startswith(".")}
    )
    return f"\n  data files in folders below are not looked at: {examples(below)}" if below else ""


def _doubts(matches: Sequence[Match]) -> list[str]:
    """What the analyst must look at: columns that will be read by their own name and do not fit, amounts in several currencies."""
    told = []
    for found in matches:
        for header in found.unused:
            role = next(
                (role for role in TABLES[found.table].columns if role.casefold() == header.casefold() and role not in found.roles), None
            )
            if role:
                told.append(
                    f"{found.part.label}: the column {header} is read as {role}, and its values do not fit: rename it, or map another"
                )
        codes = _codes(found)
        if len(codes) > 1:
            told.append(
                f"{found.part.label}: amounts in several currencies ({examples(sorted(codes))}): write rates: {{USD: …}} for those that are not yours, they are set aside without"
            )
    return told


def _codes(found: Match) -> set[str]:
    columns = [values for header, values in found.part.values.items() if plain(str(header)) in CURRENCY_HEADERS]
    return {code for values in columns for code in kept(values).unique() if re.fullmatch(r"[A-Z]{3}", code)}


@dataclass(frozen=True)
class Origin:
    """The database that a proposal is for, and the system that it is, if one is known."""

    url: str
    known: KnownDatabase | None

    def fact(self, name: str, usual: str) -> str:
        """What the database says of the client's name, currency or language, else what is usual."""
        return (self.known and self.known.facts.get(name)) or usual


def _write(folder: Path, matches: Sequence[Match], left_out: Sequence[str], origin: Origin | None = None) -> str:
    """The file, every guess commented with its confidence."""
    language, currency, seen = _language(matches), *_currency(matches)
    client = re.sub(r"[_-]+", " ", folder.name).strip().title() or "Client"
    if origin and origin.known:
        client = origin.fact("client", client)
        language = "fr" if origin.fact("language", language).lower().startswith("fr") else "en"
        currency, seen = (code, f"as {origin.known.system} says") if (code := origin.fact("currency", "")) else (currency, seen)
    lines = [
        "# Proposed by `carnet init`: correct what is wrong, then run `carnet check` on this folder.",
        "# Beside each guess stands its confidence, 0 to 1.",
        f"client: {_scalar(client)}",
        f"language: {language}                      # fr | en: of the reports; guessed from the headers",
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
        if found.part.query:
            query = query_of(found) if found.part.expressions else found.part.query
            lines += [f"  {found.table}:", "    query: |", *(f"      {line}" for line in query.splitlines())]
            lines += [
                f"    # {role}: {guess.header}, {guess.confidence:.2f}, {_comment(guess.why)}"
                for role, guess in found.roles.items()
                if found.part.expressions
            ]
            continue
        parts = [found.part, *found.others]
        names = sorted({glob.escape(part.path.relative_to(folder).as_posix()) for part in parts})
        lines += [
            f"  {found.table}:",
            *([f"    files: {_scalar(names[0])}"] if len(names) == 1 else ["    files:", *(f"      - {_scalar(name)}" for name in names)]),
        ]
        if found.part.sheet:
            lines.append(f"    sheet: {_scalar(found.part.sheet)}")
        if found.part.format:
            lines.append(f"    format: {{{', '.join(f'{key}: {value}' for key, value in found.part.format.items())}}}")
        if found.table == "ledger":
            lines.append("    # the legal names of the columns are known")
        else:
            lines.append("    columns:")
            for role in TABLES[found.table].columns:
                if role in found.roles:
                    guess = found.roles[role]
                    lines.append(f"      {role}: {_scalar(guess.header)}  # {guess.confidence:.2f}, {_comment(guess.why)}")
            for role, by in TABLES[found.table].derived.items():
                if role not in found.roles and set(by) <= set(found.roles):
                    lines.append(f"      # {role}: from {' × '.join(by)}")
            lines += _rows_and_words(found)
        if found.unused and found.table != "ledger":
            lines.append(f"    # not used: {_comment(', '.join(f'{header} ({_kind(found.part, header)})' for header in found.unused))}")
    lines += [f"# left out: {_comment(line)}" for line in left_out]
    return "\n".join(lines) + "\n"


def _kind(part: Part, header: str) -> str:
    """What the values of a column look like."""
    if not len(kept(part.values[header])):
        return "empty"
    kinds = {"dates": Column("date"), "numbers": Column("number")}
    return next((name for name, column in kinds.items() if part.fit(header, column) > MOSTLY), "texts")


def _rows_and_words(found: Match) -> list[str]:
    """Keys for rows that say they are no sale, for credit notes, and for stages in the client's own words: those of a known export, else from the values seen."""
    lines = [f"    # {_comment(trap)}" for trap in found.traps]
    keys = dict(found.keys)
    if "fill_down" not in keys and (below := blank_below(found)):
        keys["fill_down"] = below
        lines.append("    # only the first row of each document has them")
    if keys:
        dumped = yaml.safe_dump(keys, allow_unicode=True, sort_keys=False, width=200, default_flow_style=None)
        lines += [f"    {line}" for line in dumped.replace("'on':", "on:").splitlines()]
    if found.keys:
        return lines
    if TABLES[found.table].total == "amount":
        credit = {header: seen for header in found.unused if (seen := _seen(found.part.values[header], CREDIT_WORDS))}
        no_sale = {header: seen for header in found.unused if (seen := _seen(found.part.values[header], NO_SALE_WORDS))}
        for header, words in list(credit.items())[:1]:
            lines.append(f"    sign: {{column: {_scalar(header)}, negative: {_scalars(words)}}}  # these words take an amount back")
        if no_sale:
            lines.append("    where:  # these rows say that they are no sale")
        lines += [f"      {_scalar(header)}: {{not: {_scalars(words)}}}" for header, words in no_sale.items()]
    if found.table == "opportunities" and "stage" in found.roles:
        known = {
            plain(word) for stage in TABLES["opportunities"].columns["stage"].choices for word in (stage, *CHOICE_WORDS.get(stage, ()))
        }
        words = kept(found.part.values[found.roles["stage"].header]).value_counts()
        own = [word for word in words.index if plain(word) not in known]
        if own:
            lines.append(f"    stages: {{open: {_scalars(own)}, won: [], lost: []}}  # your words: move each to its place")
    return lines


def _seen(values: pd.Series, words: Sequence[str]) -> list[str]:
    """The values of a column that are one of the words, as they are written."""
    return [value for value in kept(values).drop_duplicates() if plain(value) in words]


def _scalars(values: Sequence[str]) -> str:
    """Texts as a YAML list on one line."""
    return f"[{', '.join(map(_scalar, values))}]"


def _scalar(text: str) -> str:
    """A text as a YAML scalar on one line."""
    return yaml.safe_dump(text, allow_unicode=True, width=10_000, default_flow_style=True).removesuffix("\n").removesuffix("...").strip()


def _comment(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)


def _language(matches: Sequence[Match]) -> str:
    """fr when more of the headers are usual in French than in English."""
    counts = dict.fromkeys(("fr", "en"), 0)
    for found in matches:
        for role, guess in found.roles.items():
            for place in (vocabulary().get(found.table, {}), vocabulary()["any"]):
                for language in counts:
                    counts[language] += plain(guess.header.rpartition("/")[2]) in place.get(role, {}).get(language, [])
    ledger = any(found.table == "ledger" for found in matches)
    return "fr" if counts["fr"] > counts["en"] or (ledger and counts["fr"] == counts["en"]) else "en"


def _currency(matches: Sequence[Match]) -> tuple[str, str]:
    """The currency that a column or a sign names, else EUR; and how it is known."""
    for found in matches:
        codes = _codes(found)
        if len(codes) == 1:
            return codes.pop(), f"the only one in {_comment(found.part.label)}"
    for found in matches:
        amounts = [guess.header for role, guess in found.roles.items() if TABLES[found.table].columns[role].kind == "money"]
        written = " ".join(
            [*map(str, found.part.values.columns), *(kept(found.part.values[h]).head(200).str.cat(sep=" ") for h in amounts)]
        )
        for sign, code in CURRENCIES.items():
            if sign in written.lower():
                return code, f"{sign} is written in {_comment(found.part.label)}"
    if any(found.table == "ledger" for found in matches):
        return "EUR", "a French ledger"
    return "EUR", "not found in the data: check"
