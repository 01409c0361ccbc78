"""A folder of exports → a proposed engagement.yml: which file is which table, which header plays which role, and how sure each guess is.

A guess needs a header that exports usually have (`profiles/headers.yml`) and values that fit the role; where a required role has no
such header, a single column that fits it by its values alone may serve. Nothing is proposed twice, nothing that lacks a required role.
"""

import difflib
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import yaml
from python_calamine import CalamineError, CalamineWorkbook
from scipy.optimize import linear_sum_assignment
from unidecode import unidecode

from carnet.engagement import FILE_NAME, Table
from carnet.errors import CarnetError, examples
from carnet.schema import CHOICE_WORDS, LEDGER_HEADERS, TABLES, TRUTH_WORDS, Column
from carnet.sources import READERS
from carnet.sources.base import identifier
from carnet.sources.fec import LEGAL_NAME
from carnet.sources.formats import MISSING_TEXTS

SAMPLE_ROWS = 2_000
SAMPLE_BYTES = 20_000_000  # of a text file: enough to know its columns
EXACT, CONTAINED, ALIKE, POSSIBLE = 0.95, 0.75, 0.7, 0.6  # how far a header speaks for a role
BY_VALUES = {"date": 0.5, "id": 0.0}  # a required role without a usual header, by the kind of its values; an amount is never guessed so
LEAST = 0.45  # of a role
DATES = (
    r"\d{4}-\d{1,2}-\d{1,2}([T ].*)?",
    r"\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}( .*)?",
    r"(19|20)\d{2}(0\d|1[0-2])[0-3]\d",
    r"\d{4}/\d{1,2}/\d{1,2}( .*)?",
)
NUMBER = r"[-+(]?\s?(\d{1,3}([\s\u00a0\u202f.,']\d{3})+|\d+)?([.,]\d+)?(e[+-]?\d+)?\s?%?\)?-?"
CURRENCIES = {"€": "EUR", "£": "GBP", "$": "USD", "chf": "CHF"}
FILE_WORDS = {
    "sales": "vente sale factur invoice order commande transaction", "customers": "client customer account compte tiers reseller crm", "costs": "charge cost cout depense expense",
    "service": "activit service visite call appel intervention task", "opportunities": "opportun deal devis quote pipeline", "receivables": "creance receivable echean aged balance",
    "satisfaction": "satisf survey enquete nps ticket", "departures": "depart churn perdu resili lost cancel", "summary": "synthese summary total",
}  # fmt: skip


@dataclass(frozen=True)
class Part:
    """A file, or one sheet of a workbook: its headers and the first values of each as texts."""

    path: Path
    values: pd.DataFrame
    sheet: str | None = None
    delimiter: str | None = None

    fits: dict[tuple, float] = field(default_factory=dict, compare=False)

    def fit(self, header: str, column: Column) -> float:
        """`value_fit` of a header's values, computed once."""
        key = (header, column.kind, column.choices)
        if key not in self.fits:
            self.fits[key] = value_fit(self.values[header], column.kind, column.choices)
        return self.fits[key]

    @property
    def label(self) -> str:
        """As it is told."""
        return self.path.name + (f" ({self.sheet})" if self.sheet else "")


@dataclass(frozen=True)
class Guess:
    """A header for a role, how sure (0 to 1), and why."""

    header: str
    confidence: float
    why: str


@dataclass
class Match:
    """A part as a table: guesses by role, the mean confidence of the required roles, the required roles that nothing fills."""

    table: str
    part: Part
    roles: dict[str, Guess]
    score: float
    lacking: list[str] = field(default_factory=list)
    others: list[Part] = field(default_factory=list)  # with the same headers: read together

    @property
    def unused(self) -> list[str]:
        """Headers that play no role."""
        taken = {guess.header for guess in self.roles.values()}
        return [header for header in self.part.values.columns if header not in taken]


@dataclass(frozen=True)
class Proposal:
    """The engagement file proposed, and what to tell: the match of every table, what was left out and why."""

    text: str
    matches: list[Match]
    left_out: list[str]


def propose(folder: Path, files: Sequence[Path] = ()) -> Proposal:
    """Propose an engagement for the data files of a folder, or for those named. Raises CarnetError when none is recognised."""
    wanted = [Path(file) if Path(file).is_absolute() else folder / file if (folder / file).is_file() else Path(file) for file in files]
    outside = [path.name for path in wanted if not path.resolve().is_relative_to(folder.resolve())]
    if outside:
        raise CarnetError(f"{examples(outside)}: outside {folder}. Copy the files into the engagement's folder.")
    missing = [path.name for path in wanted if not path.is_file()]
    if missing:
        raise CarnetError(f"{examples(missing)}: no such file in {folder}.")
    paths = wanted or sorted(path for path in folder.iterdir() if path.is_file() and path.suffix.lower() in READERS)
    parts, left_out = [], []
    for path in paths:
        try:
            parts += read_parts(path)
        except CarnetError as error:
            left_out.append(str(error))
    matches, more = choose(parts)
    if not matches:
        told = "\n".join(f"  {line}" for line in [*left_out, *more]) or f"  no file of {', '.join(READERS)} there"
        raise CarnetError(f"{folder}: no table is recognised.\n{told}")
    return Proposal(_write(folder, matches, [*left_out, *more]), matches, [*left_out, *more])


def read_parts(path: Path) -> list[Part]:
    """The first rows of a file, of every sheet of a workbook. Raises CarnetError when it cannot be read."""
    if path.suffix.lower() in (".xlsx", ".xlsm", ".xls"):
        try:
            sheets = CalamineWorkbook.from_path(path).sheet_names
        except CalamineError as error:
            raise CarnetError(f"{path.name}: not readable as an Excel workbook: {error}") from None
        found = []
        for sheet in sheets:
            try:
                found.append(Part(path, _sample(path, _spec(path, sheet=sheet)), sheet if len(sheets) > 1 else None))
            except CarnetError:
                continue  # a sheet without a header is no table
        return found
    values = _sample(path, _spec(path))
    if len(values.columns) == 1 and path.suffix.lower() != ".parquet" and len(str(values.columns[0]).split()) > 1:
        parted = _sample(path, _spec(path, format={"delimiter": "whitespace"}))
        if len(parted.columns) > 1:
            return [Part(path, parted, delimiter="whitespace")]
    return [Part(path, values)]


def _spec(path: Path, **how: Any) -> Table:
    return Table.model_validate({"files": [path.name], **how})


def _sample(path: Path, spec: Table) -> pd.DataFrame:
    with tempfile.TemporaryDirectory() as scratch, duckdb.connect() as con:
        con.execute("SET enable_progress_bar = false")
        read_from = path
        if path.suffix.lower() in (".csv", ".txt", ".tsv") and path.stat().st_size > SAMPLE_BYTES:
            read_from = Path(scratch) / path.name
            with path.open("rb") as whole, read_from.open("wb") as start:
                head = whole.read(SAMPLE_BYTES)
                start.write(head[: head.rfind(b"\n") + 1] or head)
        header, _ = READERS[path.suffix.lower()](con, "part", read_from, spec, [])
        columns = ", ".join(f"CAST({identifier(name)} AS VARCHAR) AS {identifier(name)}" for name in header)
        return con.execute(f"SELECT {columns} FROM part LIMIT {SAMPLE_ROWS}").df()


def plain(header: str) -> str:
    """A header as it is compared: words without accents, case or punctuation; `n°` and `#` are `no`.

    >>> plain("N° Facture"), plain("SalesOrderNumber"), plain("Country_Region")
    ('no facture', 'sales order number', 'country region')
    """
    text = re.sub(r"(?i)\bn\s*[°º]|№|#|\bnum(ero)?\.?(?=\s)", " no ", header)
    text = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", unidecode(text))
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))


@cache
def vocabulary() -> dict[str, dict[str, dict[str, list[str]]]]:
    """`profiles/headers.yml`: table (or any) → role → fr, en, system, possible → headers as `plain` writes them."""
    content = yaml.safe_load((resources.files("carnet") / "profiles" / "headers.yml").read_text(encoding="utf-8"))
    return {
        table: {role: {kind: [plain(word) for word in words] for kind, words in kinds.items()} for role, kinds in roles.items()}
        for table, roles in content.items()
    }


@cache
def header_fit(header: str, table: str, role: str) -> float:
    """How far a header speaks for a role, 0 to 1: usual there, containing a usual one, spelt nearly so, or possible."""
    text = plain(header)
    if table == "ledger":
        return EXACT * (text == plain(LEDGER_HEADERS[role]))
    if text == plain(role):
        return EXACT
    best = 0.0
    for place in (vocabulary().get(table, {}), vocabulary()["any"]):
        kinds = place.get(role, {})
        usual = [word for kind, words in kinds.items() if kind != "possible" for word in words]
        if text in usual or text.replace(" ", "") in {word.replace(" ", "") for word in usual}:
            return EXACT
        words = set(text.split())
        extra = [len(words - set(word.split())) for word in usual if " " in word and set(word.split()) <= words]
        best = max(best, CONTAINED - 0.05 * min(extra) if extra else 0.0)
        if len(text) > 4 and difflib.get_close_matches(text, usual, 1, 0.87):
            best = max(best, ALIKE)
        possible = kinds.get("possible", [])  # the better ones first
        contained = any(set(word.split()) <= words for word in possible)
        best = max(best, POSSIBLE - 0.005 * possible.index(text) if text in possible else POSSIBLE - 0.1 if contained else 0.0)
    return best


def kept(values: pd.Series) -> pd.Series:
    """The values that say something, trimmed."""
    texts = values.dropna().str.strip()
    return texts[~texts.str.lower().isin(MISSING_TEXTS)]


def value_fit(values: pd.Series, kind: str, choices: Sequence[str] = ()) -> float:
    """Share of the values that a role of this kind accepts; 0.5 where there is no value to tell."""
    texts = kept(values)
    if texts.empty:
        return 0.5
    dates = texts.str.fullmatch("|".join(DATES))
    numbers = texts.str.lower().str.replace(r"[€$£]|eur|usd|gbp|chf", "", regex=True).str.strip().str.fullmatch(
        NUMBER
    ) & texts.str.contains(r"\d")
    if kind == "date":
        return float(dates.mean())
    if kind in ("money", "number", "share"):
        return float((numbers & ~(dates & ~texts.str.fullmatch(r"\d{8}"))).mean())
    folded = texts.map(lambda text: unidecode(text).lower())
    if kind == "bool":
        return float(folded.isin([word for words in TRUTH_WORDS for word in words]).mean())
    if kind == "choice":
        accepted = {*choices, *(unidecode(word) for choice in choices for word in CHOICE_WORDS.get(choice, ()))}
        return float(folded.isin(accepted).mean())
    fractions = texts.str.fullmatch(r"-?\d*[.,]\d*[1-9]\d*").mean()
    return float(1 - max(dates.mean() if kind == "id" else 0, fractions))


def match(part: Part, table: str) -> Match:
    """The best roles of a part's headers as a table; each header plays one role, by an optimal assignment."""
    schema, headers = TABLES[table], list(part.values.columns)
    usual = {(role, header): header_fit(header, table, role) for role in schema.columns for header in headers}
    fits = {
        (role, header): part.fit(header, schema.columns[role])
        for (role, header), speaks in usual.items()
        if speaks or (schema.columns[role].required and schema.columns[role].kind in BY_VALUES)
    }
    filled = {header: bool(len(kept(part.values[header]))) for header in headers}
    weights = np.zeros((len(schema.columns), len(headers)))
    for i, (role, column) in enumerate(schema.columns.items()):
        alone = [h for h in headers if fits.get((role, h), 0) > 0.9 and filled[h]] if column.required else []
        for j, header in enumerate(headers):
            speaks, fit = usual[role, header], fits.get((role, header), 0.0)
            if not speaks and column.kind == "date" and alone == [header]:
                speaks = BY_VALUES["date"]
            weights[i, j] = speaks * fit if fit >= 0.6 or not filled[header] else 0.0
    if "customer_id" in schema.columns:
        _prefer_keys(weights, part, list(schema.columns).index("customer_id"), once=table == "customers")
    roles: dict[str, Guess] = {}
    for i, j in zip(*linear_sum_assignment(-weights), strict=True):
        role, header = list(schema.columns)[i], headers[j]
        if weights[i, j] >= LEAST:
            speaks = usual[role, header]
            why = "usual header" if speaks == EXACT else "a header like the usual ones" if speaks else "the only column of this kind"
            roles[role] = Guess(header, round(float(weights[i, j]), 2), why)
    derived = {role: by for role, by in schema.derived.items() if role in schema.required and set(by) <= set(roles)}
    lacking = [role for role in schema.required if role not in roles and role not in derived]
    sure = [
        roles[role].confidence if role in roles else min(roles[by].confidence for by in derived[role])
        for role in schema.required
        if role not in lacking
    ]
    optional = sum(guess.confidence for role, guess in roles.items() if role not in schema.required)
    named = any(word in plain(part.path.stem + " " + (part.sheet or "")) for word in FILE_WORDS.get(table, "").split())
    score = (sum(sure) / len(schema.required) if schema.required else 0) + 0.08 * optional + 0.25 * named
    return Match(table, part, roles, score, lacking)


def _prefer_keys(weights: np.ndarray, part: Part, row: int, once: bool) -> None:
    """Of headers that speak alike for the customer, the one that tells more of them apart (an e-mail before a name); a list names each once."""
    distinct = [kept(values).nunique() for _, values in part.values.items()]
    for j, (_, values) in enumerate(part.values.items()):
        if once and distinct[j] < 0.9 * len(kept(values)):
            weights[row, j] = 0
        elif weights[row, j]:
            weights[row, j] += 0.02 * distinct[j] / max(distinct) - 0.02


def _match_keys(matches: Sequence[Match]) -> None:
    """Customers are named alike in all tables: a key that the sales do not know gives way to a column whose values they do."""
    sales = next((found for found in matches if found.table == "sales"), None)
    if sales is None:
        return
    known = set(kept(sales.part.values[sales.roles["customer_id"].header]))
    for found in matches:
        if found is sales or "customer_id" not in found.roles:
            continue
        shares = {header: kept(values).isin(known).mean() for header, values in found.part.values.items() if len(kept(values))}
        best = max(shares, key=shares.__getitem__, default="")
        if shares.get(found.roles["customer_id"].header, 0) < 0.05 and best and shares[best] > 0.3:
            found.roles = {role: guess for role, guess in found.roles.items() if guess.header != best}
            found.roles["customer_id"] = Guess(
                str(best), round(EXACT * float(shares[best]), 2), "its values are the customers of the sales"
            )


def choose(parts: Sequence[Part]) -> tuple[list[Match], list[str]]:
    """One table for each part and one source for each table; also told: what was left out, and why."""
    chosen: dict[str, list[Match]] = {}
    left_out = []
    for part in parts:
        tables = ["ledger"] if LEGAL_NAME.match(part.path.name) else list(TABLES)
        found = sorted((match(part, table) for table in tables), key=lambda m: (bool(m.lacking), -m.score))
        best = next((m for m in found if not m.lacking and _tells(m)), None)
        if best is None:
            near = max((m for m in found if len(m.lacking) == 1 and _tells(m)), key=lambda m: m.score, default=None)
            left_out.append(
                f"{part.label}: "
                + (f"looks like {near.table}, but nothing in it is {near.lacking[0]}" if near else "no table of carnet is recognised")
            )
        else:
            chosen.setdefault(best.table, []).append(best)
    matches = []
    for table in TABLES:
        candidates = sorted(chosen.get(table, []), key=lambda m: (-round(m.score, 1), -len(m.part.values), m.part.label))
        if not candidates:
            continue
        first = candidates[0]
        for other in candidates[1:]:
            if list(other.part.values.columns) == list(first.part.values.columns) and other.part.sheet == first.part.sheet:
                first.others.append(other.part)
            else:
                left_out.append(f"{other.part.label}: could be {table} too; two sources of it would count twice")
        matches.append(first)
    _match_keys(matches)
    return matches, left_out


def _tells(found: Match) -> bool:
    """A table of which more than a customer and a date is known, where it has more to tell."""
    needed = {"departures": {"reason", "competitor"}, "customers": set(TABLES["customers"].columns) - {"customer_id"}}
    named = (
        any(word in plain(found.part.path.stem) for word in FILE_WORDS.get(found.table, "").split())
        if found.table == "departures"
        else False
    )
    return named or not needed.get(found.table) or bool(needed[found.table] & set(found.roles))


def _write(folder: Path, matches: Sequence[Match], left_out: Sequence[str]) -> str:
    """The file, every guess commented with its confidence."""
    language, currency, seen = _language(matches), *_currency(matches)
    client = re.sub(r"[_-]+", " ", folder.resolve().name).strip().title() or "Client"
    lines = [
        "# Proposed by `carnet init`: correct what is wrong, then run `carnet check` on this folder.",
        "# Beside each guess stands its confidence, 0 to 1.",
        f"client: {_scalar(client)}",
        f"language: {language}                      # fr | en: of the reports; guessed from the headers",
        f"currency: {currency}                     # {seen}",
        "# as_of: 2025-12-31             # audit date; default: the last sale",
        "comparison: rolling_year          # rolling_year | year_to_date",
        "fiscal_year_start: 1              # month",
        "tables:",
    ]
    for found in matches:
        parts = [found.part, *found.others]
        names = sorted({part.path.relative_to(folder).as_posix() if part.path.is_relative_to(folder) else part.path.name for part in parts})
        lines += [f"  {found.table}:", f"    files: {_scalar(names[0]) if len(names) == 1 else '[' + ', '.join(map(_scalar, names)) + ']'}"]
        if found.part.sheet:
            lines.append(f"    sheet: {_scalar(found.part.sheet)}")
        if found.part.delimiter:
            lines.append(f"    format: {{delimiter: {found.part.delimiter}}}")
        if found.table == "ledger":
            lines.append("    # the legal names of the columns are known")
        else:
            lines.append("    columns:")
            for role in TABLES[found.table].columns:
                if role in found.roles:
                    guess = found.roles[role]
                    lines.append(f"      {role}: {_scalar(guess.header)}  # {guess.confidence:.2f}, {guess.why}")
            for role, by in TABLES[found.table].derived.items():
                if role not in found.roles and set(by) <= set(found.roles):
                    lines.append(f"      # {role}: from {' × '.join(by)}")
        if found.unused and found.table != "ledger":
            lines.append(f"    # not used: {_comment(', '.join(found.unused))}")
    lines += [f"# left out: {_comment(line)}" for line in left_out]
    return "\n".join(lines) + "\n"


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
                    counts[language] += plain(guess.header) in place.get(role, {}).get(language, [])
    ledger = any(found.table == "ledger" for found in matches)
    return "fr" if counts["fr"] > counts["en"] or (ledger and counts["fr"] == counts["en"]) else "en"


def _currency(matches: Sequence[Match]) -> tuple[str, str]:
    """The currency that a column or a sign names, else EUR; and how it is known."""
    for found in matches:
        for header, values in found.part.values.items():
            codes = (
                set(kept(values).unique())
                if plain(str(header)) in ("devise", "currency", "waers", "currency code", "code devise")
                else set()
            )
            if len(codes) == 1 and re.fullmatch(r"[A-Z]{3}", code := codes.pop()):
                return code, f"from the column {_comment(str(header))}"
    for found in matches:
        written = " ".join([*map(str, found.part.values.columns), *(kept(found.part.values[g.header]).head(200).str.cat(sep=" ") for g in found.roles.values() if _is_money(found.table, g, found.roles))])  # fmt: skip
        for sign, code in CURRENCIES.items():
            if sign in written.lower():
                return code, f"{sign} is written in {found.part.label}"
    if any(found.table == "ledger" for found in matches):
        return "EUR", "a French ledger"
    return "EUR", "not found in the data: check"


def _is_money(table: str, guess: Guess, roles: Mapping[str, Guess]) -> bool:
    return any(other is guess and TABLES[table].columns[role].kind == "money" for role, other in roles.items())


def write_proposal(folder: Path, files: Sequence[Path] = ()) -> Proposal:
    """Write the proposal to FOLDER/engagement.yml. Raises CarnetError when one is there already, or nothing is recognised."""
    if not folder.is_dir():
        raise CarnetError(f"{folder}: no such folder. Make it and put the client's exports into it.")
    target = folder / FILE_NAME
    if target.exists():
        raise CarnetError(f"{target} is there already; it is not overwritten. Rename it first.")
    proposal = propose(folder, files)
    target.write_text(proposal.text, encoding="utf-8")
    return proposal
