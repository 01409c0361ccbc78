"""Which notebooks an audit runs, carnet's and the engagement's own, and the parameters kept."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from carnet.engagement.file import Engagement
from carnet.engagement.names import check_names
from carnet.errors import CarnetError, nearest
from carnet.report.execution import (
    Parameter,
    notebook_parameters,
    read_notebook,
    with_kept_parameters,
)
from carnet.shipped import NOTEBOOKS, report_notebooks

OWN_NOTEBOOKS = "notebooks"  # of the engagement, changed or added by the analyst
RESERVED_PAGES = {"index", "annex", "accounts"}
SET_BY_LAB = re.compile(r"(engagement|as_of|language|earlier_report) = ")


def find_notebooks(names: Sequence[str] = (), folder: Path = NOTEBOOKS) -> list[Path]:
    """The notebooks to run, by name or all; raises CarnetError with the nearest name."""
    there = {path.stem: path for path in report_notebooks(folder)}
    if not there:
        raise CarnetError("no notebook in {folder}.", folder=folder)
    for name in names:
        if name not in there:
            raise CarnetError(
                "unknown notebook '{name}'; {nearest}", name=name, nearest=nearest(name, there)
            )
    return [there[name] for name in dict.fromkeys(names or there)]


def is_packaged(name: str) -> bool:
    """True for the name of a notebook of carnet's own."""
    return (NOTEBOOKS / f"{name}.ipynb").is_file()


def own_names(folder: Path) -> list[str]:
    """The names of the engagement's own notebooks."""
    return list(_own(folder))


def _own(folder: Path) -> dict[str, Path]:
    home = folder if folder.is_dir() else folder.parent
    paths = report_notebooks(home / OWN_NOTEBOOKS)
    check_names(paths)
    return {path.stem: path for path in paths}


def with_own(notebooks: Sequence[Path], folder: Path, names: Sequence[str] = ()) -> list[Path]:
    """The notebooks with those of the engagement's own folder `notebooks/`: a changed one in the
    place of carnet's, others beside them; of those named, only these.
    """
    own = _own(folder)
    chosen = [
        own.pop(path.stem) if path.stem in own and is_changed(path, own[path.stem]) else path
        for path in notebooks
    ]
    for name in RESERVED_PAGES & set(own):
        raise CarnetError(
            "{own}: a page of the report is called {name}; rename it.", own=own[name], name=name
        )
    taken = {path.stem for path in chosen}
    return chosen + [
        path for name, path in own.items() if name not in taken and (not names or name in names)
    ]


def is_changed(packaged: Path, copy: Path) -> bool:
    """True where the code of a copy is not that of carnet's notebook: another cell, or another
    value of a parameter; what `carnet lab` sets (engagement, date, language) does not count.
    """

    def code(path: Path) -> list[str]:
        cells = read_notebook(path).cells
        return [
            "\n".join(line for line in cell.source.splitlines() if not SET_BY_LAB.match(line))
            for cell in cells
            if cell.cell_type == "code"
        ]

    return code(packaged) != code(copy)


def check_kept_parameters(engagement: Engagement, folder: Path) -> None:
    """Raises CarnetError where `parameters:` of an engagement holds what a run would refuse."""
    accepted = {path.stem: notebook_parameters(path) for path in with_own(find_notebooks(), folder)}
    kept_parameters(engagement.parameters, accepted)


def kept_parameters(
    kept: dict[str, dict[str, Any]], accepted: dict[str, dict[str, Parameter]]
) -> dict[str, dict[str, Any]]:
    """The values that a run takes from `parameters:` where none is given beside it."""
    return with_kept_parameters({name: {} for name in accepted}, kept, accepted)
