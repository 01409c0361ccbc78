"""What a header and its values say of a role: headers by `profiles/headers.yml`,
values by their shape.
"""

import difflib
import re
from collections.abc import Sequence
from functools import cache
from importlib import resources

import pandas as pd
from unidecode import unidecode

from carnet.engagement.profiles import shipped_yaml
from carnet.engagement.schema import CHOICE_WORDS, LEDGER_HEADERS, TRUTH_WORDS
from carnet.intake.sources.formats import MISSING_TEXTS, OUTER_SPACES

PATH = 0.95  # the end of a path for the whole header
EXACT, CONTAINED, ALIKE, POSSIBLE = 0.95, 0.75, 0.7, 0.6  # how far a header speaks for a role
TAXED = frozenset(
    ["ttc", "tva", "vat", "tax", "taxes", "incl", "including", "gross", "brut", "toutes"]
)  # an amount with tax in it is not the one meant
# digits and spaces are those that the reader reads, whichever engine looks for them
DATES = (
    r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([T ].*)?",
    r"[0-9]{1,2}[/.-][0-9]{1,2}[/.-][0-9]{2,4}( .*)?",
    r"(19|20)[0-9]{2}(0[0-9]|1[0-2])[0-3][0-9]",
    r"[0-9]{4}/[0-9]{1,2}/[0-9]{1,2}( .*)?",
    r"(19|20)[0-9]{2}[-/.M](0[1-9]|1[0-2])",
    r"(0?[1-9]|1[0-2])[-/.](19|20)[0-9]{2}",
    r"[A-Za-zéûèÉ]{3,9}\.?[ -/](19|20)?[0-9]{2}",
)
SPACE = f"[{OUTER_SPACES}]"
NUMBER = (
    rf"[-+(]?{SPACE}?([0-9]{{1,3}}(({SPACE}|[.,'])[0-9]{{3}})+|[0-9]+)?"
    rf"([.,][0-9]+)?(e[+-]?[0-9]+)?{SPACE}?%?\)?-?"
)


def plain(header: str) -> str:
    """A header as it is compared: words without accents, case or punctuation;
    `n°` and `#` are `no`.

    >>> (
    ...     plain("N° Facture"),
    ...     plain("Numéro client"),
    ...     plain("SalesOrderNumber"),
    ...     plain("Country_Region"),
    ... )
    ('no facture', 'no client', 'sales order number', 'country region')
    """
    text = unidecode(re.sub(r"(?i)\bn\s*[°º]|№|#", " no ", header))
    text = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", text)
    return " ".join(
        "no" if word in ("num", "numero") else word
        for word in re.findall(r"[a-z0-9]+", text.lower())
    )


@cache
def vocabulary() -> dict[str, dict[str, dict[str, list[str]]]]:
    """`profiles/headers.yml`: table (or any) → role → fr, en, system, possible,
    alone → headers as `plain` writes them.
    """
    content = shipped_yaml(resources.files("carnet") / "engagement" / "profiles" / "headers.yml")
    return {
        table: {
            role: {kind: [plain(word) for word in words] for kind, words in kinds.items()}
            for role, kinds in roles.items()
        }
        for table, roles in content.items()
    }


@cache
def header_fit(header: str, table: str, role: str) -> float:
    """How far a header speaks for a role, 0 to 1: usual there, containing a usual one,
    spelt nearly so, or possible.

    Of a path such as Lignes/Montant or Facture/Tiers/Code the last part speaks, or the last two.
    """
    parts = [part for part in header.split("/") if re.search("[^\\W\\d_]", part)]
    ends = [
        " ".join(parts[-count:])
        for count in (1, 2)
        if len(parts) > count or len(parts) == count > 1
    ]
    return max(_fit(header, table, role), *(PATH * _fit(end, table, role) for end in ends), 0.0)


def _fit(header: str, table: str, role: str) -> float:
    text = plain(header)
    if table == "ledger":
        return EXACT * (text == plain(LEDGER_HEADERS[role]))
    if text == plain(role):
        return EXACT
    best = 0.0
    for place in (vocabulary().get(table, {}), vocabulary()["any"]):
        kinds = place.get(role, {})
        usual = [
            word
            for kind, words in kinds.items()
            if kind not in ("possible", "alone")
            for word in words
        ]
        if text in usual or text.replace(" ", "") in {word.replace(" ", "") for word in usual}:
            return EXACT
        words = set(text.split())
        holding = [word for word in usual if " " in word and set(word.split()) <= words]
        extra = [
            len(words - set(word.split()))
            for word in holding
            if not (words - set(word.split())) & TAXED
        ]
        best = max(best, CONTAINED - 0.05 * min(extra) if extra else 0.0)
        if len(text) > 4 and difflib.get_close_matches(text, usual, 1, 0.87):
            best = max(best, ALIKE)
        possible = kinds.get("possible", [])  # the better ones first
        contained = any(
            set(word.split()) <= words and not (words - set(word.split())) & TAXED
            for word in possible
        )
        best = max(best, POSSIBLE * (text in kinds.get("alone", [])))
        best = max(
            best,
            POSSIBLE - 0.005 * possible.index(text)
            if text in possible
            else POSSIBLE - 0.1
            if contained
            else 0.0,
        )
    return best


def kept(values: pd.Series) -> pd.Series:
    """The values that say something, trimmed."""
    texts = values.dropna().str.strip()
    return texts[~texts.str.lower().isin(MISSING_TEXTS)]


STEPS = 15  # different values of a stage, at most


def value_fit(values: pd.Series, kind: str, choices: Sequence[str] = ()) -> float:
    """Share of the values that a role of this kind accepts; 0.5 where there is no value to tell."""
    texts = kept(values)
    if texts.empty:
        return 0.5
    dates = texts.str.fullmatch("|".join(DATES))
    numbers = texts.str.lower().str.replace(
        r"[€$£]|eur|usd|gbp|chf", "", regex=True
    ).str.strip().str.fullmatch(NUMBER) & texts.str.contains("[0-9]")
    if kind == "date":
        return float(dates.mean())
    if kind in ("money", "number", "share"):
        return float((numbers & ~(dates & ~texts.str.fullmatch("[0-9]{8}"))).mean())
    folded = texts.map(lambda text: unidecode(text).lower())
    if kind == "bool":
        return float(folded.isin([word for words in TRUTH_WORDS for word in words]).mean())
    if kind == "choice":
        accepted = {
            *choices,
            *(unidecode(word) for choice in choices for word in CHOICE_WORDS.get(choice, ())),
        }
        known = float(folded.isin(accepted).mean())
        # of a sale, most in the client's own words
        steps = {"won", "lost"} <= set(choices) and known > 0.05 and folded.nunique() <= STEPS
        return max(known, 0.7) if steps else known
    fractions = texts.str.fullmatch("-?[0-9]*[.,][0-9]*[1-9][0-9]*").mean()
    return float(1 - max(dates.mean() if kind == "id" else 0, fractions))
