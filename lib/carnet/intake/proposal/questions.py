"""What is in doubt in a proposal, as numbered questions with sample rows: `carnet init --ask`."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from carnet.engagement.schema import TABLE_LABELS, TABLES
from carnet.intake.proposal.evidence import kept
from carnet.intake.proposal.matching import Match
from carnet.wording import N_, Wording

DOUBTFUL = 0.8  # a guess less sure than this is asked
FITS = 0.6  # share of the values of a column that read as the role's kind, from which it is offered
MOST = 8  # columns offered
SAMPLES = 3


@dataclass(frozen=True)
class Question:
    """Which of some columns plays a role of a table; the first is the one proposed."""

    match: Match
    role: str
    headers: list[str]


def questions(matches: Sequence[Match]) -> Iterator[Question]:
    """The roles whose guess is not sure, or that another column could play as well."""
    for found in matches:
        if found.table == "ledger" or (found.part.query and not found.part.expressions):
            continue  # what is there is known
        for role, guess in found.roles.items():
            if (
                guess.confidence >= DOUBTFUL and "; or: " not in guess.why
            ) or guess.header not in found.part.values:
                continue
            column = TABLES[found.table].columns[role]
            others = [
                header
                for header in found.unused
                if len(kept(found.part.values[header])) and found.part.fit(header, column) >= FITS
            ]
            if others or not column.required:
                yield Question(found, role, [guess.header, *others][:MOST])


def ask(
    matches: Sequence[Match],
    w: Wording,
    tell: Callable[[str], None],
    choose: Callable[[str, int], int],
) -> None:
    """Put every question, and change the matches by the answers:
    `choose` gets the prompt and the highest number, and gives the number chosen (0: none).
    """
    asked = list(questions(matches))
    for number, question in enumerate(asked, 1):
        found, values = question.match, question.match.part.values
        message = N_("{number}/{count} · {file}: which column is {role} of {table}?")
        tell(
            w._(
                message,
                number=str(number),
                count=str(len(asked)),
                file=found.part.label,
                role=question.role,
                table=w.tell(TABLE_LABELS[found.table]),
            )
        )
        rows = values[values[question.headers].notna().any(axis=1)].head(SAMPLES)
        for place, header in enumerate(question.headers, 1):
            samples = " · ".join(
                w._("(empty)") if value is None or value != value else str(value)
                for value in rows[header]
            )
            tell(f"  {place}. {header}: {samples}")
        if not TABLES[found.table].columns[question.role].required:
            none = w._("none of them")
            tell(f"  0. {none}")
        answer = choose(w._("Number (Enter for 1)"), len(question.headers))
        if answer:
            found.roles[question.role] = replace(
                found.roles[question.role],
                header=question.headers[answer - 1],
                confidence=1.0,
                why=w._("answered"),
            )
        elif not TABLES[found.table].columns[question.role].required:
            del found.roles[question.role]
