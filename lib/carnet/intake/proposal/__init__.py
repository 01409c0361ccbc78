"""A folder of exports → a proposed engagement.yml: which file is which table,
which header plays which role, and how sure each guess is.

`parts` reads the first rows of every file; `evidence` says what a header and its values speak for;
`matching` gives each part a table and each table a source; `systems` knows the exports
and databases of known systems, `shapes` what fills a table only in another shape; `writing` writes
the file, every guess with its confidence. Nothing is proposed that lacks a required role.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from carnet.engagement.databases import names_secret, without_secret
from carnet.engagement.file import FILE_NAME
from carnet.engagement.names import check_names
from carnet.engagement.schema import TABLES
from carnet.errors import CarnetError, Message, examples, lines
from carnet.intake.proposal.database import read_database
from carnet.intake.proposal.evidence import header_fit, plain
from carnet.intake.proposal.matching import Match, choose
from carnet.intake.proposal.parts import Part, read_parts
from carnet.intake.proposal.shapes import add_salesperson, joined, wide
from carnet.intake.proposal.systems import recognise_exports
from carnet.intake.proposal.writing import Origin, codes_of, language_of, write
from carnet.intake.sources import READERS
from carnet.intake.sources.servers import connect
from carnet.wording import N_

__all__ = ["Part", "Proposal", "header_fit", "plain", "propose", "write_proposal"]

Asker = Callable[[Sequence[Match], str], None]
DATABASES = (".db", ".sqlite", ".sqlite3")


@dataclass(frozen=True)
class Proposal:
    """The engagement file proposed, the match of every table,
    and what the analyst is told beside it: what was left out and why, what to look at.
    """

    text: str
    matches: list[Match]
    left_out: list[str]
    doubts: list[str]


def write_proposal(
    folder: Path, files: Sequence[Path] = (), url: str = "", ask: Asker | None = None
) -> Proposal:
    """Write the proposal for a folder's files, or for the database at `url`,
    to FOLDER/engagement.yml.

    Raises CarnetError when one is there already, or nothing is recognised.
    """
    if url and names_secret(url):
        raise CarnetError(
            "{url}: a password does not stand in a URL: write ${{NAME}} in "
            "its place, and set the environment variable NAME.",
            url=without_secret(url),
        )
    if url:
        folder.mkdir(parents=True, exist_ok=True)
    if not folder.is_dir():
        raise CarnetError(
            "{folder}: no such folder. Make it and put the client's exports into it.", folder=folder
        )
    target = folder / FILE_NAME
    if target.exists():
        raise CarnetError(
            "{target} is there already; it is not overwritten. Rename it first.", target=target
        )
    proposal = propose_database(folder, url, ask) if url else propose(folder, files, ask)
    target.write_text(proposal.text, encoding="utf-8")
    return proposal


def propose(folder: Path, files: Sequence[Path] = (), ask: Asker | None = None) -> Proposal:
    """Propose an engagement for the data files of a folder, or for those named;
    `ask` may change the matches in place.

    Raises CarnetError when none is recognised.
    """
    folder = folder.resolve()
    parts, left_out = [], []
    for path in _files(folder, files):
        read, unread = read_parts(path)
        parts += read
        left_out += unread
    matches, more = _matched(parts)
    left_out += [*more, *_beside(folder)]
    if not matches:
        none = Message(
            "no file of {readers} there: ask for the client's export as CSV or Excel",
            readers=", ".join(READERS),
        )
        told = lines([*left_out, *([] if parts else [none])], "\n  ")
        raise CarnetError("{folder}: no table is recognised.\n  {told}", folder=folder, told=told)
    if ask:
        ask(matches, language_of(matches))
    doubts = _doubts(matches)
    return Proposal(write(folder, matches, left_out, doubts), matches, left_out, doubts)


def _matched(parts: Sequence[Part]) -> tuple[list[Match], list[str]]:
    """Tables of parts: exports of known systems, what headers and values speak for,
    then what fills a table in another shape only; and what was left out.
    """
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
    elif by_month := [found for found in map(wide, alone) if found]:
        first = by_month[0]
        first.others += [
            found.part
            for found in by_month[1:]
            if (found.keys, found.headers) == (first.keys, first.headers)
        ]
        matches, used = [first, *matches], [*used, first.part, *first.others]
    if beside:
        used.append(beside)
    read = [part.label for part in used]
    return matches, [line for line in left_out if line.partition(": ")[0] not in read]


def propose_database(folder: Path, url: str, ask: Asker | None = None) -> Proposal:
    """Propose an engagement for a live database; `ask` may change the matches in place.

    Raises CarnetError when it does not answer, or none of its tables is recognised.
    """
    server = connect("source", url, folder.resolve())
    found = read_database(server)
    matches, left_out = found.matches, found.left_out
    if found.known is None:
        matches, more = choose(found.parts)
        left_out += more
    if not matches:
        told = lines(left_out, "\n  ")
        raise CarnetError(
            "{url}: no table is recognised.\n  {told}", url=without_secret(url), told=told
        )
    if ask:
        ask(matches, language_of(matches))
    doubts = _doubts(matches)
    return Proposal(
        write(folder.resolve(), matches, left_out, doubts, Origin(url, found.known)),
        matches,
        left_out,
        doubts,
    )


def _files(folder: Path, files: Sequence[Path]) -> list[Path]:
    """The files named, each inside the folder; all data files of the folder when none is."""
    named = [
        (folder / file if (folder / file).is_file() else Path(file)).resolve() for file in files
    ]
    for path in named:
        if not path.is_file() or not path.is_relative_to(folder):
            outside, none = Message("outside {folder}", folder=folder), Message("no such file")
            raise CarnetError(
                "{path}: {told}. Copy the files into the engagement's folder.",
                path=path.name,
                told=outside if path.is_file() else none,
            )
    chosen = named or sorted(
        path for path in folder.iterdir() if path.is_file() and path.suffix.lower() in READERS
    )
    check_names(chosen)
    return chosen


def _beside(folder: Path) -> list[str]:
    """Files that hold no table, databases, and folders, which are not looked at."""
    others = [
        path
        for path in sorted(folder.iterdir())
        if path.is_file() and path.suffix.lower() not in READERS and not path.name.startswith(".")
    ]
    databases = [path.name for path in others if path.suffix.lower() in DATABASES]
    names = [path.name for path in others if path.name not in (FILE_NAME, *databases)]
    told: list[str] = [
        Message(
            "{name}: a database; for what it holds: carnet init sqlite:///{name} {folder}",
            name=name,
            folder=folder,
        )
        for name in databases
    ]
    if names:
        unread = N_("{names}: not read, no kind of file that holds a table")
        told.insert(0, Message(unread, names=examples(names)))
    below = sorted(
        {
            p.parent.name
            for p in folder.glob("*/*")
            if p.is_file() and p.suffix.lower() in READERS and not p.parent.name.startswith(".")
        }
    )
    if below:
        told.append(
            Message(
                "data files in folders below are not looked at: {folders}", folders=examples(below)
            )
        )
    return told


def _doubts(matches: Sequence[Match]) -> list[str]:
    """What the analyst must look at: columns that will be read by their own name and do not fit,
    amounts in several currencies.
    """
    told: list[str] = []
    for found in matches:
        for header in found.unused:
            role = next(
                (
                    role
                    for role in TABLES[found.table].columns
                    if role.casefold() == header.casefold() and role not in found.roles
                ),
                None,
            )
            if role:
                told.append(
                    Message(
                        "{file}: the column {header} is read as {role}, and its values do not fit: "
                        "rename it, or map another",
                        file=found.part.label,
                        header=header,
                        role=role,
                    )
                )
        codes = codes_of(found)
        if len(codes) > 1:
            told.append(
                Message(
                    "{file}: amounts in several currencies ({codes}): write rates: {{USD: …}} for "
                    "those that are not yours; without a rate their lines are set aside",
                    file=found.part.label,
                    codes=examples(sorted(codes)),
                )
            )
    return told
