"""Parts matched with tables: the roles that headers and values speak for,
one source for each table, and why a part is left out.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy

from carnet.engagement.schema import TABLES
from carnet.errors import Message
from carnet.intake.proposal.evidence import EXACT, TAXED, header_fit, kept, plain
from carnet.intake.proposal.parts import HEADER_ROWS, Part
from carnet.wording import N_

# a required role without a usual header, by the kind of its values; an amount is never guessed so
BY_VALUES = {"date": 0.5, "id": 0.0}
LEAST = 0.45  # of a role
RIVAL = 0.1  # a header that speaks so nearly as well makes the guess doubtful
FILE_WORDS = {
    "sales": "vente sale factur invoice",
    "customers": "client customer account compte tiers reseller",
    "costs": "charge cost cout depense expense",
    "service": "activit service visite call appel intervention task",
    "opportunities": "opportun deal devis quote pipeline",
    "receivables": "creance receivable echean aged balance",
    "satisfaction": "satisf survey enquete nps ticket",
    "departures": "depart churn perdu resili lost cancel",
    "contracts": "contrat contract abonnement subscription", "summary": "synthese summary total",
}  # fmt: skip
ORDERED = ("commande", "order", "transaction")  # sales, where there are no invoices
BOUGHT = ("achat", "purchase", "fournisseur", "supplier", "vendor")  # not sold
NEEDED = {  # table → roles of which so many must be known beside the required ones
    "departures": (1, {"reason", "competitor"}),
    "opportunities": (1, {"stage", "closed"}),
    "contracts": (1, {"end", "period", "notice"}),
    "customers": (2, set(TABLES["customers"].columns) - {"customer_id"}),
}


@dataclass(frozen=True)
class Guess:
    """A header for a role, how sure (0 to 1), and why."""

    header: str
    confidence: float
    why: str


@dataclass
class Match:
    """A part as a table: guesses by role, the mean confidence of the required roles and what else
    speaks for it, the required roles that nothing fills.
    """

    table: str
    part: Part
    roles: dict[str, Guess]
    score: float
    lacking: list[str] = field(default_factory=list)
    # with the same headers in the same roles: read together
    others: list[Part] = field(default_factory=list)
    # further keys of the table, of a known export
    keys: dict[str, Any] = field(default_factory=dict)
    traps: list[str] = field(default_factory=list)  # what the analyst must know of it
    taken: list[str] = field(default_factory=list)  # headers that a key reads

    @property
    def headers(self) -> dict[str, str]:
        """Header by role."""
        return {role: guess.header for role, guess in self.roles.items()}

    @property
    def unused(self) -> list[str]:
        """Headers that play no role."""
        return [
            header
            for header in self.part.values.columns
            if header not in self.headers.values() and header not in self.taken
        ]


def match(part: Part, table: str) -> Match:
    """The best roles of a part's headers as a table; each header plays one role,
    by an optimal assignment.
    """
    schema, headers = TABLES[table], list(part.values.columns)
    usual = {
        (role, header): header_fit(header, table, role)
        for role in schema.columns
        for header in headers
    }
    filled = {header: bool(len(kept(part.values[header]))) for header in headers}
    weights = np.zeros((len(schema.columns), len(headers)))
    for i, (role, column) in enumerate(schema.columns.items()):
        by_values = column.required and BY_VALUES.get(column.kind, 0)
        alone = [h for h in headers if filled[h] and part.fit(h, column) > 0.9] if by_values else []
        for j, header in enumerate(headers):
            speaks = usual[role, header] or (by_values if alone == [header] else 0)
            fit = part.fit(header, column) if speaks else 0.0
            weights[i, j] = speaks * fit if fit >= 0.6 or not filled[header] else 0.0
    if "customer_id" in schema.columns:
        _prefer_keys(
            weights, part, list(schema.columns).index("customer_id"), once=table == "customers"
        )
    chosen = {
        i: j
        for i, j in zip(*scipy.optimize.linear_sum_assignment(-weights), strict=True)
        if weights[i, j] >= LEAST
    }
    roles = {
        role: _guess(weights, usual, i, chosen, role, headers, table)
        for i, role in enumerate(schema.columns)
        if i in chosen
    }
    derived = {
        role: by
        for role, by in schema.derived.items()
        if role in schema.required and set(by) <= set(roles)
    }
    lacking = [role for role in schema.required if role not in roles and role not in derived]
    sure = [
        roles[r].confidence if r in roles else min(roles[by].confidence for by in derived[r])
        for r in schema.required
        if r not in lacking
    ]
    score = sum(sure) / max(1, len(schema.required)) + 0.08 * sum(
        g.confidence for r, g in roles.items() if r not in schema.required
    )
    return Match(
        table, part, roles, score + _by_name(part, table) - _against(table, headers, roles), lacking
    )


def _guess(
    weights: np.ndarray,
    usual: dict,
    i: int,
    chosen: dict[int, int],
    role: str,
    headers: Sequence[str],
    table: str,
) -> Guess:
    """The header chosen; less sure when another one without a role speaks nearly as well,
    or when the amount has tax in it.
    """
    header, weight = headers[chosen[i]], float(weights[i, chosen[i]])
    speaks = usual[role, header]
    why = (
        "usual header"
        if speaks == EXACT
        else "a header like the usual ones"
        if speaks
        else "the only column of this kind"
    )
    rivals = [
        h
        for j, h in enumerate(headers)
        if j not in chosen.values() and weights[i, j] >= max(weight - RIVAL, LEAST)
    ]
    if rivals:
        weight, why = weight * 0.7, f"{why}; or: {', '.join(rivals)}"
    if table == "sales" and role in ("amount", "unit_price") and set(plain(header).split()) & TAXED:
        weight, why = weight * 0.9, f"{why}; tax seems included, net of tax is meant: check"
    return Guess(header, round(weight, 2), why)


def _by_name(part: Part, table: str) -> float:
    """What the name of the file or sheet says."""
    name = plain(f"{part.path.stem} {part.sheet or ''}")
    bought = table == "sales" and any(word in name for word in BOUGHT)
    ordered = table == "sales" and any(word in name for word in ORDERED)
    return (
        max(0.25 * any(word in name for word in FILE_WORDS.get(table, "").split()), 0.1 * ordered)
        - 0.6 * bought
    )


def _against(table: str, headers: Sequence[str], roles: dict[str, Guess]) -> float:
    """A list of invoices with due or payment dates and no goods is of receivables."""
    dated = any(
        header_fit(header, "receivables", role) == EXACT
        for header in headers
        for role in ("due_date", "paid_date")
    )
    return 0.5 * (
        table == "sales" and dated and not {"product", "quantity", "line_id", "offer"} & set(roles)
    )


def _prefer_keys(weights: np.ndarray, part: Part, row: int, once: bool) -> None:
    """Of headers that speak alike for the customer, the one that tells more of them apart
    (an e-mail before a name).

    A column with one value names no customer; a list of customers names each once.
    """
    texts = [kept(values) for _, values in part.values.items()]
    distinct = [values.nunique() for values in texts]
    for j, values in enumerate(texts):
        if (once and distinct[j] < 0.9 * len(values)) or (distinct[j] == 1 and len(values) > 5):
            weights[row, j] = 0
        elif weights[row, j]:
            weights[row, j] += 0.02 * distinct[j] / max(1, *distinct) - 0.02


def choose(parts: Sequence[Part], known: Sequence[Match] = ()) -> tuple[list[Match], list[str]]:
    """One table for each part and one source for each table, beside what is `known`; also told:
    what was left out, and why.
    """
    found: dict[str, list[Match]] = {}
    left_out: list[str] = []
    for match_ in known:
        found.setdefault(match_.table, []).append(match_)
    for part in parts:
        best, why_not = best_match(part)
        if best is None:
            left_out.append(Message("{place}: {fault}", place=part.label, fault=why_not))
        else:
            found.setdefault(best.table, []).append(best)
    matches = []
    for table in TABLES:
        there = found.get(table, [])
        years = {
            id(m): sum(_series(m) == _series(other) for other in there) for m in there
        }  # the more files of a kind, the likelier it is meant
        candidates = sorted(
            there,
            key=lambda m: (
                -round(m.score, 1) - 0.1 * min(years[id(m)], 3),
                -len(m.part.values),
                len(m.part.label),
                m.part.label,
            ),
        )
        for other in candidates[1:]:
            why_not = _joined(candidates[0], other)
            if why_not:
                left_out.append(Message("{place}: {fault}", place=other.part.label, fault=why_not))
        matches += candidates[:1]
    _match_keys(matches)
    return matches, left_out


def best_match(part: Part) -> tuple[Match | None, str]:
    """The table that a part fits best, its header in the first row or below a title;
    else why there is none.
    """
    tables = ["ledger"] if part.is_ledger else list(TABLES)
    found = [match(part, table) for table in tables]
    complete = [m for m in found if not m.lacking and tells_enough(m)] if len(part.values) else []
    if not complete and not part.is_ledger and part.has_title:
        for row in HEADER_ROWS:
            lower = part.below_a_title(row)
            complete = (
                []
                if lower is None or not len(lower.values)
                else [m for t in tables if not (m := match(lower, t)).lacking and tells_enough(m)]
            )
            if complete:
                break
    if complete:
        return max(complete, key=lambda m: m.score), ""
    if not len(part.values):
        return None, Message("it has a header and no row")
    near = max(
        (m for m in found if len(m.lacking) == 1 and len(m.roles) > 1 and tells_enough(m)),
        key=lambda m: m.score,
        default=None,
    )
    if near is None:
        return None, Message("no table of carnet is recognised")
    lacking = N_("looks like {table}, but nothing in it is {role}")
    return None, Message(lacking, table=near.table, role=near.lacking[0])


def tells_enough(found: Match) -> bool:
    """More is known than a customer and a date, where the table has more to tell."""
    count, roles = NEEDED.get(found.table, (0, set()))
    named = found.table == "departures" and _by_name(found.part, found.table) > 0
    return named or len(roles & set(found.roles)) >= count


def _joined(first: Match, other: Match) -> str:
    """Empty when the other part goes with the first as one more file of the same table;
    else why it does not.
    """
    table = first.table
    if other.part.same_bytes(first.part) or any(
        other.part.same_bytes(part) for part in first.others
    ):
        return Message("the same bytes as a file of {table}: a copy", table=table)
    shared = set(first.headers) & set(other.headers)
    alike = (
        all(first.headers[role] == other.headers[role] for role in shared)
        and {r for r in TABLES[table].required if r in first.roles} <= shared
    )
    same_book = first.part.path == other.part.path
    if (
        alike
        and same_book
        and (
            copied := next(
                (part for part in (first.part, *first.others) if _copied(part, other.part)), None
            )
        )
    ):
        return Message("its rows are those of the sheet {sheet}: a copy", sheet=copied.sheet)
    same_kind = same_book or (
        _without_numbers(first.part) == _without_numbers(other.part)
        and first.part.sheet == other.part.sheet
    )
    if alike and same_kind and first.part.format == other.part.format:
        first.others.append(other.part)
        return ""
    if alike and not same_book:
        return Message(
            "has the columns of {table} too; if it holds more of them: files: [{first}, {other}]",
            table=table,
            first=first.part.path.name,
            other=other.part.path.name,
        )
    return Message("could be {table} too; two sources of it would count twice", table=table)


def _copied(first: Part, other: Part) -> bool:
    """Half of the rows of a sheet stand in another."""
    rows = set(other.values.itertuples(index=False, name=None))
    return 2 * len(rows & set(first.values.itertuples(index=False, name=None))) > len(rows)


def _series(found: Match) -> tuple:
    """What files of several years have in common: headers by role,
    and the name without its numbers.
    """
    return tuple(sorted(found.headers.items())), _without_numbers(found.part)


def _without_numbers(part: Part) -> str:
    return re.sub(r"[\W\d_]+", " ", plain(part.path.stem)).strip()


def _match_keys(matches: Sequence[Match]) -> None:
    """Customers are named alike in all tables: a key that the sales do not know gives way to a
    column whose values they do.
    """
    sales = next((found for found in matches if found.table == "sales"), None)
    if sales is None:
        return
    known = set(kept(sales.part.values[sales.roles["customer_id"].header]))
    for found in matches:
        if found is sales or "customer_id" not in found.roles:
            continue
        shares = {
            header: kept(values).isin(known).mean()
            for header, values in found.part.values.items()
            if len(kept(values))
        }
        best = max(shares, key=shares.__getitem__, default="")
        if shares.get(found.roles["customer_id"].header, 0) < 0.05 and best and shares[best] > 0.3:
            found.roles = {
                role: guess for role, guess in found.roles.items() if guess.header != best
            }
            sure = round(EXACT * float(shares[best]), 2)
            found.roles["customer_id"] = Guess(
                str(best), sure, "its values are the customers of the sales"
            )
