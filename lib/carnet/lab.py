"""JupyterLab on an engagement: the notebooks copied beside its data, without outputs, their parameters set; copies that are there are kept."""

import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import nbformat

from carnet.engagement import load_engagement
from carnet.errors import CarnetError
from carnet.execution import check_parameters, notebook_parameters

FOLDER = "notebooks"


def prepare(engagement: Path, notebooks: Sequence[Path], parameters: dict[str, str]) -> tuple[list[Path], list[Path]]:
    """Copy the notebooks into the engagement's folder with their parameters set; (copies, those of them that were there and are kept).

    Raises CarnetError for an engagement that does not load, or a parameter that no notebook has.
    """
    folder = load_engagement(engagement).folder
    chosen = check_parameters(parameters, {path.stem: notebook_parameters(path) for path in notebooks})
    target = folder / FOLDER
    target.mkdir(exist_ok=True)
    named = ".." if engagement.is_dir() else f"../{engagement.name}"
    copies, kept = [], []
    for path in notebooks:
        copy = target / path.name
        copies.append(copy)
        if copy.exists():
            kept.append(copy)
            continue
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
            if "parameters" in cell.metadata.get("tags", []):
                cell.source = _set(cell.source, {"engagement": named} | chosen[path.stem])
        nbformat.write(notebook, copy)
    return copies, kept


def _set(source: str, values: dict[str, object]) -> str:
    """The parameters cell with other values; the comment of each line stays."""
    lines = []
    for line in source.splitlines():
        name, _, rest = line.partition(" = ")
        lines.append(f"{name} = {values[name]!r}  #{rest.partition('  #')[2]}" if name in values else line)
    return "\n".join(lines)


def launch(folder: Path, first: Path, options: Sequence[str] = ()) -> int:
    """Open JupyterLab on the engagement's folder and wait for its end. Raises CarnetError when it is not installed."""
    if importlib.util.find_spec("jupyterlab") is None:
        raise CarnetError("JupyterLab is not installed: pip install 'carnet[lab]'.")
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={folder.resolve()}",
        f"--LabApp.default_url=/lab/tree/{FOLDER}/{first.name}",
    ]
    return subprocess.run([*command, *options], check=False).returncode
