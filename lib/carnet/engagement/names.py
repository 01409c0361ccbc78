"""Names of a client's files: an archive made on another system may leave some in other letters."""

import os
from collections.abc import Iterable
from pathlib import Path

from carnet.errors import CarnetError, examples


def check_names(paths: Iterable[Path]) -> None:
    """Raises CarnetError for paths that are not UTF-8: DuckDB opens none, no report can name it."""
    odd = [told for path in paths if (told := legible(path)) != str(path)]
    if odd:
        raise CarnetError(
            "{examples}: the name is not UTF-8, as an archive made on another system may leave "
            "it. Rename the file or its folder.",
            examples=examples(odd),
        )


def legible(path: Path | str) -> str:
    """A path, or a name, with a sign in the place of bytes that are not UTF-8.

    >>> legible("v\\udce9lo.csv") == "v\N{REPLACEMENT CHARACTER}lo.csv"
    True
    """
    return os.fsencode(path).decode(errors="replace")
