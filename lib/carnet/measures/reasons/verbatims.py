"""Free texts → proposed reasons, by a codebook that shows the words that decided;
agreement with the analyst's own codes.

A codebook is a mapping class → `ReasonClass` (profiles/codebook.yml). Texts and word groups are
folded (Unidecode), split into words and reduced to stems (Snowball, French and English), so that
accents, case and inflexions do not matter.
Source of kappa: J. Cohen, "A coefficient of agreement for nominal scales",
Educational and Psychological Measurement 20 (1960) 37-46; its standard error as in J. L. Fleiss,
J. Cohen & B. S. Everitt, Psychological Bulletin 72 (1969) 323-327.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
import pandas as pd
import snowballstemmer
from unidecode import unidecode

from carnet.engagement.profiles import Language, ReasonClass
from carnet.measures.reasons.reasons import UNKNOWN
from carnet.measures.register import Figure, measure
from carnet.wording import N_

GAP = 2  # other words allowed between two words of a group
NEGATION_REACH = 3  # words before a group in which a negation takes it back
NEGATIONS = frozenset(
    [
        "pas",
        "not",
        "no",
        "never",
        "jamais",
        "aucun",
        "aucune",
        "rien",
        "sans",
        "without",
        "nothing",
        "ni",
        "nor",
        "neither",
        "non",
        "t",
    ]
)
PRAISE = frozenset(
    [
        "bravo",
        "bon",
        "bonne",
        "bons",
        "parfait",
        "parfaite",
        "parfaits",
        "parfaites",
        "excellent",
        "excellente",
        "excellents",
        "great",
        "good",
        "perfect",
        "perfectly",
        "satisfait",
        "satisfaite",
        "satisfaits",
        "satisfied",
        "happy",
        "pleased",
        "content",
        "contente",
        "ravi",
        "ravie",
        "ravis",
        "fair",
        "correct",
        "correcte",
        "corrects",
        "raisonnable",
        "raisonnables",
        "reasonable",
        "top",
        "super",
        "impeccable",
        "agreable",
        "rapide",
        "rapides",
        "fast",
        "prompt",
        "ponctuel",
        "ponctuelle",
        "ponctuels",
        "ponctuelles",
        "punctual",
        "reliable",
        "fiable",
        "fiables",
        "continuez",
        "recommend",
        "recommande",
    ]
)
COMPLAINT = frozenset(
    [
        "mais",
        "but",
        "trop",
        "too",
        "late",
        "retard",
        "retards",
        "wrong",
        "faux",
        "fausse",
        "mauvais",
        "mauvaise",
        "bad",
        "poor",
        "poorly",
        "moins",
        "less",
        "plus",
        "more",
        "cheaper",
        "pire",
        "worse",
        "however",
        "cependant",
        "quoique",
        "although",
        "malheureusement",
        "unfortunately",
        "deja",
        "already",
        "encore",
        "again",
        "manque",
        "lack",
        "missing",
        "jamais",
        "autre",
        "autres",
        "ailleurs",
        "elsewhere",
    ]
)
TOPICS = frozenset(
    [
        "delivery",
        "deliveries",
        "livraison",
        "livraisons",
        "delivered",
        "livre",
        "livree",
        "livres",
        "livrees",
        "price",
        "prices",
        "pricing",
        "prix",
        "tarif",
        "tarifs",
        "cost",
        "costs",
        "cout",
        "couts",
        "quality",
        "qualite",
        "of",
        "contact",
        "contacts",
        "communication",
        "service",
        "services",
        "product",
        "products",
        "produit",
        "produits",
        "gamme",
        "range",
        "offer",
        "offre",
        "catalogue",
        "facture",
        "factures",
        "invoice",
        "invoices",
        "facturation",
        "billing",
        "commande",
        "commandes",
        "order",
        "orders",
        "accueil",
        "reponse",
        "response",
        "time",
        "delai",
        "delais",
        "delay",
        "delays",
        "suivi",
        "follow",
        "up",
        "support",
        "sav",
        "conseil",
        "conseils",
        "advice",
        "commercial",
        "commerciale",
        "site",
        "equipe",
        "team",
        "de",
        "du",
        "des",
        "la",
        "le",
        "les",
        "the",
        "your",
        "our",
        "vos",
        "nos",
    ]
)
ON_TIME = re.compile(r"\bon[- ]time\b|\bà l.heure\b")
CLAUSE = re.compile(r"[.;:,!?()\n]|\bmais\b|\bbut\b|\bcar\b|\bbecause\b")
LANGUAGES: tuple[Language, ...] = ("fr", "en")
LEAST_PAIRS = 10  # texts coded by both, below which their agreement has no interval to speak of
STEMMERS = {"fr": "french", "en": "english"}


@dataclass(frozen=True)
class Reading:
    """What the codebook makes of a text: the proposed class or None,
    and the words found for each class.
    """

    proposed: str | None
    words: dict[str, tuple[str, ...]]


@cache
def _stemmer(language: str) -> Callable[[str], str]:
    # the words of the codebook and of texts come again and again
    return lru_cache(20_000)(snowballstemmer.stemmer(STEMMERS[language]).stemWord)


@measure(N_("Words of a text, folded"))
def split_words(text: str) -> list[str]:
    """A text without accents, case and punctuation, as words.

    Formula     runs of letters and digits of the folded text; the per-cent sign is a word
    Unit        words
    Population  one text
    Undefined   never: an empty list without a word
    Source      definition of the workbook (folding by Unidecode)

    >>> split_words("L’écart : 12 % trop CHER")
    ['l', 'ecart', '12', '%', 'trop', 'cher']
    """
    return re.findall(r"[a-z0-9]+|%", unidecode(text).lower())


class Codebook:
    """Word groups of every class, stemmed once; `read` proposes a class for a text,
    `code` names the class of a client's reason code.
    """

    def __init__(self, classes: Mapping[str, ReasonClass]) -> None:
        self.classes = classes
        self.groups = {
            language: [
                (name, tuple(map(_stemmer(language), words)), bool(NEGATIONS & set(words)))
                for name, entry in classes.items()
                for group in entry.words.get(language, ())
                if (words := split_words(group))
            ]
            for language in LANGUAGES
        }
        self.codes = {
            self._key(code): name
            for name, entry in classes.items()
            for code in (name, *entry.codes)
        }

    @staticmethod
    def _key(code: str) -> str:
        stems = " ".join(map(_stemmer("fr"), split_words(code)))
        sign = re.search(r"[+\-−]+$", code.strip())
        return stems + (sign[0] if sign else "") if stems else code.strip()

    def code(self, reason: object) -> str:
        """The class that a client's own reason code names: 'unknown' for an empty one;
        a code that the codebook does not know is a class of its own.
        """
        if reason is None or reason != reason or not str(reason).strip():
            return UNKNOWN
        return self.codes.get(self._key(str(reason)), str(reason).strip())

    def knows(self, reason: object) -> bool:
        """True for a code that names a class of the codebook, or for none at all."""
        return self.code(reason) in (UNKNOWN, *self.classes)

    def spellings(self, reasons: Iterable[object]) -> dict[str, str]:
        """The client's own codes as they are told: each way to write one → the way it is written
        most often, accents, case and inflexions aside.
        """
        written = pd.Series(
            [
                str(reason).strip()
                for reason in reasons
                if reason is not None and reason == reason and str(reason).strip()
            ],
            dtype=object,
        )
        counts = (
            written.value_counts()
            .sort_index(kind="stable")
            .sort_values(ascending=False, kind="stable")
        )
        usual: dict[str, str] = {}
        for text in counts.index:
            usual.setdefault(self._key(text), text)
        return {text: usual[self._key(text)] for text in counts.index}

    def read(self, text: object) -> Reading:
        """Propose a class: the one whose word groups found hold most words;
        None when none is found or two weigh the same.

        A class marked fallback counts only when no other is named. Within a class a group
        inside a longer one found counts once. In a clause that praises (PRAISE, no negation,
        no complaint) words that only name a subject (TOPICS) name no reason; courtesy alone
        (thank you) is no praise.
        """
        found: dict[str, dict[tuple[int, int], str]] = {}
        if text is None or text != text:
            return Reading(None, {})
        offset = 0
        for clause in CLAUSE.split(str(text).lower()):
            written = re.findall(r"[^\W_]+|%", clause)
            words, praised = [unidecode(word) for word in written], _praises(clause)
            for language in LANGUAGES:
                stems = list(map(_stemmer(language), words))
                for name, group, negative in self.groups[language]:
                    for start, end in _occurrences(group, stems):
                        phrase = " ".join(written[start:end])
                        denied = not negative and NEGATIONS & set(
                            words[max(0, start - NEGATION_REACH) : start]
                        )
                        if not denied and not (praised and _only_topics(phrase)):
                            found.setdefault(name, {})[offset + start, offset + end] = phrase
            offset += len(words) + 1
        words_found = {name: _longest(spans) for name, spans in found.items()}
        weights = {
            name: sum(len(phrase.split()) for phrase in phrases)
            for name, phrases in words_found.items()
        }
        first = {
            name: w for name, w in weights.items() if not self.classes[name].fallback
        } or weights
        best = [name for name, weight in first.items() if weight == max(first.values())]
        return Reading(best[0] if len(best) == 1 else None, words_found)


def _praises(text: str) -> bool:
    """True for a text with a word of praise or thanks and neither a negation nor
    a word of complaint.
    """
    words = set(split_words(text))
    return bool(words & PRAISE or ON_TIME.search(text)) and not words & (NEGATIONS | COMPLAINT)


def _only_topics(phrase: str) -> bool:
    return all(word in TOPICS for word in split_words(phrase))


def _occurrences(group: Sequence[str], stems: Sequence[str]) -> Iterable[tuple[int, int]]:
    """Where the words of a group stand in their order with at most GAP others between two:
    (start, end) of each.
    """
    for start, stem in enumerate(stems):
        if stem != group[0]:
            continue
        position = start
        for word in group[1:]:
            reach = stems[position + 1 : position + 2 + GAP]
            if word not in reach:
                break
            position += 1 + reach.index(word)
        else:
            yield start, position + 1


def _longest(spans: Mapping[tuple[int, int], str]) -> tuple[str, ...]:
    """The phrases found, those that lie inside a longer one left out, in the order of the text."""
    kept = [
        span
        for span in spans
        if not any(o != span and o[0] <= span[0] and span[1] <= o[1] for o in spans)
    ]
    return tuple(spans[span] for span in sorted(kept))


@measure(
    N_("Texts with the proposed reason and the words behind it"),
)
def read_verbatims(
    notes: pd.DataFrame,
    codebook: Codebook,
    second: Callable[[Sequence[str]], Sequence[str]] | None = None,
) -> pd.DataFrame:
    """Each note with the analyst's class, the codebook's proposal and the words behind it.

    Formula     reason = the class of the analyst's own code, else the proposal, else 'unknown';
                with a second reader only what both propose counts as proposed
    Unit        names of classes, words
    Population  one row a note
    Undefined   proposed is NULL where the codebook proposes nothing, or the second reader something
                else; second_proposed without a second reader or a text; code without a code
    Source      definition of the workbook (method §6, reasons); codebook: profiles/codebook.yml

    Parameters  notes: reason (the client's code) and verbatim, either may be missing; second: texts
                → classes, another reader
    Columns     those of notes, code (the client's own, in its usual spelling), coded (class of the
                client's code), proposed, words, second_proposed (NULL without a second reader),
                reason (coded, else proposed, else 'unknown'), reason_by ('analyst', 'codebook',
                ''); with a second reader only what both propose counts as proposed. standing:
                'agreed', 'differs' (the analyst's code and the proposal), 'coded' (no proposal to
                compare), 'proposed', 'to code' (a text that waits for a person), '' (no text and no
                code)
    """
    missing = pd.Series(None, index=notes.index, dtype=object)
    given = notes.get("reason", missing)
    usual = codebook.spellings(given)
    own = pd.Series(
        [usual.get(str(reason).strip()) if reason == reason else None for reason in given],
        index=notes.index,
        dtype=object,
    )
    t = notes.assign(code=own, coded=[codebook.code(reason) for reason in own])
    texts = notes.get("verbatim", missing)
    written = texts.map(lambda text: isinstance(text, str) and bool(text.strip())).astype(bool)
    readings = [codebook.read(text) for text in texts]
    t["proposed"] = pd.Series(
        [reading.proposed for reading in readings], index=t.index, dtype=object
    )
    t["words"] = [_told(reading) for reading in readings]
    t["second_proposed"] = missing
    if second is not None and written.any():
        t.loc[written, "second_proposed"] = list(second(list(texts[written])))
        t.loc[written & (t.second_proposed != t.proposed), "proposed"] = None
    known = t.coded != UNKNOWN
    usable = t.proposed.notna() & (t.proposed != UNKNOWN)
    t["reason"] = t.coded.where(known, t.proposed.where(usable, UNKNOWN))
    t["reason_by"] = np.select([known, usable], ["analyst", "codebook"], "")
    t["standing"] = np.select(
        [known & usable & (t.coded == t.proposed), known & usable, known, usable, written],
        ["agreed", "differs", "coded", "proposed", "to code"],
        "",
    )
    return t


@measure(N_("Agreement of given codes and texts"))
def note_agreement(
    notes: pd.DataFrame, classes: Sequence[str]
) -> tuple[pd.DataFrame, tuple[float, float, float]]:
    """Given codes against proposals from the text: confusion table and kappa.

    Formula     `confusion_table` of coded and proposed, and `cohen_kappa` of it
    Unit        counts; kappa −1 to 1
    Population  notes with a code that names a class of `classes` other than 'unknown' and 'other',
                and with a proposal
    Undefined   kappa is NaN where `cohen_kappa` is
    Source      J. Cohen, Educational and Psychological Measurement 20 (1960) 37-46

    Returns     (confusion table, (kappa, low, high))
    """
    pairs = notes[notes.coded.isin([name for name in classes if name not in (UNKNOWN, "other")])]
    table = confusion_table(pairs.coded, pairs.proposed, classes)
    return table, cohen_kappa(table.to_numpy())


@measure(N_("Notes, proposals taken back where texts tell nothing"))
def trusted_notes(notes: pd.DataFrame, kappa: tuple[float, float, float]) -> pd.DataFrame:
    """The notes, proposals taken back where codes and texts agree no more than chance would.

    Formula     where the low end of kappa is not above 0, reason 'unknown', reason_by '' and
                standing 'to code' in place of what the codebook proposed
    Unit        as in the notes
    Population  one row a note
    Undefined   never: where kappa is not known the notes stay as they are
    Source      definition of the workbook
    """
    if math.isnan(kappa[1]) or kappa[1] > 0:
        return notes
    read = notes.reason_by == "codebook"
    return notes.assign(
        reason=notes.reason.mask(read, UNKNOWN),
        reason_by=notes.reason_by.mask(read, ""),
        standing=notes.standing.mask(read, "to code"),
    )


def _told(reading: Reading) -> str:
    """The deciding words: those of the proposed class, else of every class found."""
    shown = [reading.proposed] if reading.proposed else list(reading.words)
    return "; ".join(", ".join(reading.words[name]) for name in shown if name in reading.words)


@measure(N_("Two codings against each other"))
def confusion_table(first: pd.Series, second: pd.Series, classes: Sequence[str]) -> pd.DataFrame:
    """How often the first coder's class (rows) meets the second coder's (columns).

    Formula     texts counted by both classes
    Unit        counts
    Population  texts that both coded; classes of `classes` that either met, in their order
    Undefined   never: a pair that does not meet is 0; without a text coded by both the table is
                empty
    Source      J. Cohen, Educational and Psychological Measurement 20 (1960) 37-46
    """
    both = first.notna() & second.notna()
    met = [name for name in classes if (first[both] == name).any() or (second[both] == name).any()]
    return pd.crosstab(first[both], second[both]).reindex(index=met, columns=met, fill_value=0)


@measure(
    N_("Agreement of two codings beyond chance"),
    {
        "verbatim_kappa": Figure(
            N_("Agreement of texts and codes"),
            "index",
            N_("Cohen’s kappa of the proposals and the given codes, over texts that have both"),
            good="up",
            decimals=2,
            source="A",
        ),
    },
)
def cohen_kappa(table: np.ndarray) -> tuple[float, float, float]:
    """Agreement beyond chance of two coders, with its 95 % interval.

    Formula     (observed − expected agreement) ÷ (1 − expected), standard error of Fleiss, Cohen &
                Everitt (statsmodels)
    Unit        index, at most 1; 0 = what chance gives
    Population  texts coded by both, the cells of the table
    Undefined   NaN, all three, under 10 texts coded by both (LEAST_PAIRS), or where one of them
                uses a single class
    Source      J. Cohen, Educational and Psychological Measurement 20 (1960) 37-46; J. L. Fleiss,
                J. Cohen & B. S. Everitt, Psychological Bulletin 72 (1969) 323-327

    Returns     (kappa, low, high)
    """
    table = np.asarray(table, dtype=float)
    n = table.sum()
    chance = (table.sum(axis=0) @ table.sum(axis=1)) / n**2 if n else 1.0
    alone = (
        min((table.sum(axis=axis) > 0).sum() for axis in (0, 1)) if n else 0
    )  # a coder that uses one class only can agree or not by no choice
    if n < LEAST_PAIRS or alone < 2 or math.isclose(chance, 1.0):
        return math.nan, math.nan, math.nan
    # slow to import, and few books have verbatims
    from statsmodels.stats.inter_rater import cohens_kappa

    fit = cohens_kappa(table)
    return float(fit.kappa), max(-1.0, float(fit.kappa_low)), min(1.0, float(fit.kappa_upp))


@measure(
    N_("Texts, and those that nothing was proposed for"),
    {
        "verbatim_count": Figure(
            N_("Texts of departures"),
            "count",
            N_("Departure notes with words of their own"),
            good="up",
            source="A",
        ),
        "uncoded_verbatim_share": Figure(
            N_("Texts without a proposal"),
            "ratio",
            N_("Texts of departures for which the codebook proposes no reason ÷ texts"),
            good="down",
            decimals=1,
            source="A",
        ),
    },
)
def text_figures(written: pd.DataFrame) -> dict[str, float | None]:
    """How many notes have words of their own, and for how many the codebook proposes nothing.

    Formula     verbatim_count = rows; uncoded_verbatim_share = rows without `proposed` ÷ rows
    Unit        count; ratio 0 to 1
    Population  departure notes with a text
    Undefined   the share is None without a text
    Source      source A of the method

    Parameters  written: proposed, of `read_verbatims`
    """
    share = written.proposed.isna().mean() if len(written) else None
    return {"verbatim_count": len(written), "uncoded_verbatim_share": share}
