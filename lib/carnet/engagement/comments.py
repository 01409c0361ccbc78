"""The consultant's own words: comments.md beside engagement.yml, a heading a section.

    ## portfolio_audit.concentration (Marie Dupont, 2026-01-12)
    One customer makes {top_1_share} of revenue ...

A comment belongs to the section that its heading names (`index`: page one). Name and date are
those of `signed:` where none are given. `{figure}` is filled in when the report is made.
"""

import datetime as dt
import hashlib
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from carnet.engagement.faults import decoded
from carnet.errors import CarnetError, Message, nearest

MAX_FILE_BYTES = 1_000_000
HEADING = re.compile(r"^##[ \t]+([a-z_.]+)[ \t]*(?:\((.*)\))?[ \t]*$")
FIGURE = re.compile(r"\{([a-z0-9_]+)\}")


@dataclass(frozen=True)
class Comment:
    """What the consultant says of one section: the text (Markdown), who and when."""

    section: str
    text: str
    name: str = ""
    date: dt.date | None = None

    @property
    def figures(self) -> list[str]:
        """The figures that it quotes, in their order, each once."""
        return list(dict.fromkeys(FIGURE.findall(self.text)))

    @property
    def fingerprint(self) -> str:
        """What tells this text from another one."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]

    def filled(self, written: Callable[[str], str]) -> str:
        """The text with its figures as they are written now."""
        return FIGURE.sub(lambda found: written(found[1]), self.text)


def read_comments(
    folder: Path,
    language: str,
    sections: Collection[str],
    figures: Collection[str],
    signed: tuple[str, dt.date | None] = ("", None),
) -> Mapping[str, Comment]:
    """The comments of an engagement by section: those in the report's language
    (comments.fr.md), else comments.md; none where there is no such file.

    Raises CarnetError naming the line for a section or a figure that is not known (with the nearest
    one), a section commented twice, a date that is none, words before the first heading.
    """
    there = [folder / f"comments.{language}.md", folder / "comments.md"]
    path = next((path for path in there if path.is_file()), None)
    if path is None:
        return {}
    lines = _lines(path)
    found: dict[str, Comment] = {}
    heads = [number for number, line in enumerate(lines) if line.startswith("## ")]
    for start, end in zip(heads, [*heads[1:], len(lines)], strict=False):
        where = Message("{path} line {line}", path=path, line=start + 1)
        name, by = _heading(where, lines[start])
        if name not in sections:
            raise CarnetError(
                "{where}: section '{name}'; {nearest}",
                where=where,
                name=name,
                nearest=nearest(name, sections),
            )
        if name in found:
            raise CarnetError(
                "{where}: '{name}' has a comment already; put both under one.",
                where=where,
                name=name,
            )
        author, date = _signed(where, by) if by else signed
        comment = Comment(name, "\n".join(lines[start + 1 : end]).strip(), author, date)
        for figure in [figure for figure in comment.figures if figure not in figures]:
            raise CarnetError(
                "{where}: figure '{figure}'; {nearest}",
                where=where,
                figure=figure,
                nearest=nearest(figure, figures),
            )
        found |= {name: comment} if comment.text else {}
    return found


def _lines(path: Path) -> list[str]:
    """The lines of a file of comments; its title alone may stand before the first heading."""
    if path.stat().st_size > MAX_FILE_BYTES:
        raise CarnetError(
            "{path}: larger than {max_file_bytes} bytes; no comment is.",
            path=path,
            max_file_bytes=f"{MAX_FILE_BYTES:,}",
        )
    lines = decoded(path, path.read_bytes()).splitlines()
    for line in lines:
        if line.startswith("## "):
            break
        if line.strip() and not line.startswith("# "):
            raise CarnetError(
                "{path} line 1: words before the first heading; a comment "
                "stands under the heading of its section, such as ## index or "
                "## portfolio_audit.concentration.",
                path=path,
            )
    return lines


def _heading(where: str, line: str) -> tuple[str, str]:
    """The section of a heading, and what stands in brackets behind it."""
    read = HEADING.match(line)
    if not read:
        raise CarnetError(
            "{where}: a heading such as ## index or ## "
            "portfolio_audit.concentration (Marie Dupont, 2026-01-12) is "
            "expected.",
            where=where,
        )
    return read[1], read[2] or ""


def _signed(where: str, by: str) -> tuple[str, dt.date | None]:
    """Name and date of a heading: `Marie Dupont, 2026-01-12`, or the name alone."""
    name, comma, date = by.rpartition(",")
    if not comma:
        return by.strip(), None
    try:
        return name.strip(), dt.date.fromisoformat(date.strip())
    except ValueError:
        raise CarnetError(
            "{where}: {date} is no date; YYYY-MM-DD is expected, as in (Marie Dupont, 2026-01-12).",
            where=where,
            date=f"{date.strip()!r}",
        ) from None
