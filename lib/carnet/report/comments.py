"""The consultant's words and choice of sections, checked against what the report has."""

from collections.abc import Mapping

from carnet.book.book import Book
from carnet.engagement.comments import Comment, read_comments
from carnet.errors import CarnetError, nearest
from carnet.measures.catalogue import FIGURES
from carnet.report.layout import PAGE_ONE


def read_comments_of(book: Book) -> Mapping[str, Comment]:
    """The comments of the engagement. Raises CarnetError naming the line at fault."""
    engagement, signed = book.engagement, book.engagement.signed
    named = engagement.sections.hide or engagement.sections.first
    if not named and not any(engagement.folder.glob("comments*.md")):
        return {}
    from carnet.sections.catalogue import SECTIONS  # every section: a second of imports

    for key in ("hide", "first"):
        for name in getattr(engagement.sections, key):
            if name not in SECTIONS:
                raise CarnetError(
                    "sections.{key}: unknown section '{name}'; {nearest}",
                    key=key,
                    name=name,
                    nearest=nearest(name, sorted(SECTIONS)),
                )
    return read_comments(
        engagement.folder,
        engagement.language,
        {*SECTIONS, PAGE_ONE},
        FIGURES,
        (signed.name, signed.date) if signed else ("", None),
    )
