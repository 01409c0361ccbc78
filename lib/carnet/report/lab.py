"""JupyterLab on an engagement: the notebooks copied beside its data, without outputs,
their parameters set; copies that are there are kept.
"""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import nbformat

from carnet.engagement.file import FILE_NAME, load_engagement
from carnet.errors import CarnetError
from carnet.report.execution import (
    check_parameters,
    last_seconds,
    notebook_parameters,
    source_of,
    with_kept_parameters,
)
from carnet.shipped import FORM, NOTEBOOKS
from carnet.wording import Wording

FOLDER = "notebooks"
REPORTS = Path("reports")  # where `carnet run` publishes by default


def prepare(
    engagement: Path,
    notebooks: Sequence[Path],
    parameters: dict[str, str],
    as_of: str | None = None,
    language: str | None = None,
    out: Path = REPORTS,
) -> tuple[list[Path], list[Path]]:
    """Copy the notebooks into the engagement's folder with their parameters set;
    (copies, those of them that were there and are kept).

    An engagement file of another name than engagement.yml has its own folder of copies.
    Raises CarnetError for an engagement that does not load, a parameter that no notebook has,
    or parameters for copies that are there already.
    """
    loaded = load_engagement(engagement, as_of=as_of, language=language)
    chosen = check_parameters(
        parameters, {path.stem: notebook_parameters(path) for path in notebooks}
    )
    chosen = with_kept_parameters(
        chosen, loaded.parameters, {path.stem: notebook_parameters(path) for path in notebooks}
    )
    named = ".." if engagement.is_dir() or engagement.name == FILE_NAME else f"../{engagement.name}"
    target = loaded.folder / (FOLDER if named == ".." else f"{FOLDER}-{engagement.stem}")
    copies = [target / path.name for path in notebooks]
    kept = [copy for copy in copies if copy.exists()]
    if kept and (parameters or as_of or language):
        raise CarnetError(
            "{kept} is there already and keeps its parameters. Change them "
            "in it, or rename it for a new copy.",
            kept=kept[0],
        )
    target.mkdir(exist_ok=True)
    seconds = last_seconds(out / loaded.slug)
    common = {"engagement": named, "as_of": as_of or "", "language": loaded.language}
    for path, copy in zip(notebooks, copies, strict=True):
        if copy in kept:
            continue
        values = chosen[path.stem]
        w = Wording(loaded.language, loaded.currency)
        notebook, cells = source_of(path, w), []
        for cell in notebook.cells:
            cells.append(cell)
            if cell.cell_type == "markdown":
                continue
            if "parameters" in cell.metadata.get("tags", []):
                cell.source = _set(cell.source, common | values)
                cells.append(_essentials(w, path.stem, seconds.get(path.stem)))
            else:
                cell.metadata["jupyter"] = {"source_hidden": True}  # folded: one click shows it
        notebook.cells = cells
        nbformat.write(notebook, copy)
    return copies, kept


def prepare_form(folder: Path, language: str) -> Path:
    """Copy the form that makes an engagement into its folder; a copy that is there is kept."""
    target = folder / FOLDER / f"{FORM}.ipynb"
    if target.exists():
        return target
    target.parent.mkdir(exist_ok=True)
    notebook = source_of(NOTEBOOKS / target.name, Wording(language, "EUR"))
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = _set(cell.source, {"engagement": "..", "language": language})
    nbformat.write(notebook, target)
    return target


def _essentials(w: Wording, name: str, seconds: float | None) -> nbformat.NotebookNode:
    """What an analyst must know, under the parameters; `seconds` that the notebook took in the last
    report.
    """
    lines = [
        w._(
            "**Change a value above, then run the cells from here down** (Run, Run Selected Cell "
            "and All Below): the book is not read again, and what it computed is kept."
        ),
        w._(
            "What is changed here is published: `carnet run` takes this notebook in the place of "
            "carnet's own. Values alone stand better under `parameters:` of engagement.yml."
        ),
    ]
    if seconds:
        took = w._(
            "The whole notebook took {seconds} s in the last report.", seconds=w.number(seconds)
        )
        lines.append(took)
    cell = nbformat.v4.new_markdown_cell("\n\n".join(lines))
    cell["id"] = f"essentials-{name}".replace("_", "-")
    return cell


def _set(source: str, values: dict[str, object]) -> str:
    """The parameters cell with other values; the comment of each line stays."""
    lines = []
    for line in source.splitlines():
        name, _, rest = line.partition(" = ")
        lines.append(
            f"{name} = {values[name]!r}  #{rest.partition('  #')[2]}" if name in values else line
        )
    return "\n".join(lines)


def launch(first: Path, options: Sequence[str] = ()) -> int:
    """Open JupyterLab on the engagement's folder, in the place of this process.

    Raises CarnetError when it is not installed.
    """
    if importlib.util.find_spec("jupyterlab") is None:
        raise CarnetError("JupyterLab is not installed: pip install 'carnet[lab]'.")
    home = first.parent.parent.resolve()
    address = f"/lab/tree/{first.parent.name}/{first.name}"
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={home}",
        f"--LabApp.default_url={address}",
        *options,
    ]
    os.environ["PYTHONSAFEPATH"] = "1"  # a file of the client is no module: not even pandas.py
    if os.name == "posix":
        # an interrupt then goes to JupyterLab alone, which asks and saves
        os.execv(sys.executable, command)
    return subprocess.run(command, check=False).returncode
