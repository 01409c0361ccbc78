"""What travels with carnet: the notebooks and the demonstration engagement, of a checkout or of an
installed wheel, into which `setup.py` puts them.
"""

import shutil
from pathlib import Path

from carnet.errors import CarnetError

PACKAGE = Path(__file__).resolve().parent
INSTALLED = PACKAGE / "_shipped"  # of a wheel
CHECKOUT = PACKAGE.parents[1]


def _home(installed: str, checkout: str) -> Path:
    there = INSTALLED / installed
    return there if there.is_dir() else CHECKOUT / checkout


NOTEBOOKS = _home("notebooks", "notebooks")
DEMO = _home("demo", "data/demo")
FORM = "engagement"  # the notebook that makes an engagement, and is no part of a report
DEMO_SUFFIXES = (".yml", ".csv", ".xlsx", ".txt")  # of its raw files, as published


def report_notebooks(folder: Path = NOTEBOOKS) -> list[Path]:
    """The notebooks of a folder that make a report."""
    return [path for path in sorted(folder.glob("*.ipynb")) if path.stem != FORM]


def copy_demo(folder: Path) -> None:
    """The demonstration engagement in a folder of one's own; one that is there is left as it is.

    Raises CarnetError where the folder holds something else.
    """
    if (folder / "engagement.yml").is_file():
        return
    if folder.is_dir() and any(folder.iterdir()):
        raise CarnetError(
            "{folder} is not empty and no engagement; name another folder.", folder=folder
        )
    if not DEMO.is_dir():
        raise CarnetError("the demonstration engagement is not in this installation of carnet.")
    folder.mkdir(parents=True, exist_ok=True)
    last = DEMO / "engagement.yml"  # an interrupted copy is no engagement
    for path in [*sorted(set(DEMO.iterdir()) - {last}), last]:
        if path.suffix in DEMO_SUFFIXES:
            shutil.copyfile(path, folder / path.name)
