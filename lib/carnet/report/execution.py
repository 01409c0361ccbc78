"""One notebook, run to the end in its own process: strict parameters, translated text,
nothing left of a failed run.

papermill only warns of unknown parameters and never checks types, so the tagged cell is read
here with `ast`.
"""

import ast
import json
import logging
import math
import os
import re
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import nbformat
from traitlets.config import Config

from carnet.book.earlier import open_published
from carnet.engagement.file import FILE_NAME
from carnet.engagement.parameters import Accepted, Policy, agree
from carnet.engagement.running import RUN_VARIABLE
from carnet.errors import CarnetError, Message, nearest
from carnet.report.kernels import end_with_parent, prepare_kernel
from carnet.shipped import report_notebooks
from carnet.wording import Wording, translate_markdown

CELL_TIMEOUT_SECONDS = 900
RESERVED = ("engagement", "as_of", "language", "earlier_report")


# what nbformat raises of a file that is none
NO_NOTEBOOK = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


class NotebookFailed(Exception):
    """A notebook stopped: its name, the cell, the error, and the executed notebook for the log."""

    def __init__(self, notebook: str, cell: int, error: str, executed: str) -> None:
        super().__init__(notebook, cell, error, executed)
        self.notebook, self.cell, self.error, self.executed = notebook, cell, error, executed
        self.log: Path | None = None
        self.trace = ""  # of a fault of carnet's own: where it happened

    @property
    def refusal(self) -> str:
        """What the notebook itself refuses of its input or parameters; empty where it failed."""
        kind, _, told = self.error.partition("CarnetError: ")
        return told if not kind else ""


@dataclass(frozen=True)
class Executed:
    """An executed notebook, cleaned for publication, and the seconds it took; `unchanged`: it ran
    for an earlier report, and was taken from there.
    """

    name: str
    notebook: nbformat.NotebookNode
    seconds: float
    unchanged: bool = False


@dataclass(frozen=True)
class Parameter:
    """One line of the parameters cell: its default, and what its comment accepts (`…, 0 to 1: …`
    or `a | b: …`).
    """

    default: Any
    accepted: Accepted

    @classmethod
    def stated(cls, default: Any, comment: str) -> "Parameter":
        """Read the comment behind the default."""
        ends = re.search(r"\b(\d+(?:\.\d+)?) to (\d+(?:\.\d+)?)\b", comment)
        low, high = map(float, ends.groups()) if ends else (-math.inf, math.inf)
        found = re.match(r"\s*(\w+(?: \| \w+)+):", comment)
        named = tuple(found[1].split(" | ")) if found else ()
        return cls(default, Accepted(type(default), low, high, named))

    def read(self, name: str, text: str) -> Any:
        """The text as a value of the default's type that is accepted;
        an int may stand for a float.
        """
        value: Any = text
        kind = type(self.default)
        if kind is not str:
            with suppress(ValueError, SyntaxError):
                value = ast.literal_eval(text)
            if type(value) is not kind and not (kind is float and type(value) is int):
                raise CarnetError(
                    "parameter '{name}': {text} is not accepted; a value like "
                    "{default} ({kind}) is.",
                    name=name,
                    text=f"{text!r}",
                    default=f"{self.default!r}",
                    kind=kind.__name__,
                )
        return self.accepted.checked(name, value)


def read_notebook(path: Path) -> nbformat.NotebookNode:
    """A notebook of a file as it begins, without what it showed when it was stored, which is most
    of it; raises CarnetError where it is none.
    """
    try:
        return deepcopy(_beginning(path.read_bytes()))
    except (*NO_NOTEBOOK, nbformat.ValidationError):
        raise CarnetError("{path}: not readable as a notebook.", path=path.name) from None


@lru_cache(maxsize=16)  # its parameters are asked for before it runs
def _beginning(stored: bytes) -> nbformat.NotebookNode:
    told = json.loads(stored.decode())
    _clear(told.get("cells", ()))
    notebook = nbformat.reads(json.dumps(told), as_version=4)
    _clear(notebook.cells)  # of an older format, which has no such list of cells
    return notebook


def _clear(cells: Iterable[dict[str, Any]]) -> None:
    for cell in cells:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None


def read_as_notebook(told: Any) -> nbformat.NotebookNode:
    """What JSON told, as a notebook; raises ValueError where it is none."""
    try:
        notebook = nbformat.from_dict(told)
        nbformat.validate(notebook)
    except (*NO_NOTEBOOK, nbformat.ValidationError) as error:
        raise ValueError(str(error)) from error
    return notebook


def notebook_parameters(path: Path) -> dict[str, Parameter]:
    """The parameters of the cell tagged `parameters`, by name;
    only NAME = literal lines are accepted there.
    """
    notebook = read_notebook(path)
    tagged = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    if len(tagged) != 1:
        raise CarnetError(
            "{path}: {count} cells are tagged `parameters`; exactly one is expected.",
            path=path.name,
            count=len(tagged),
        )
    lines = tagged[0].source.splitlines()
    parameters = {}
    for statement in ast.parse(tagged[0].source).body:
        try:
            assert isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)
            default = ast.literal_eval(statement.value)
        except (AssertionError, ValueError):
            raise CarnetError(
                "{path}: line {lineno} of the parameters cell is not NAME = literal.",
                path=path.name,
                lineno=statement.lineno,
            ) from None
        comment = lines[statement.lineno - 1].partition("#")[2]
        parameters[statement.targets[0].id] = Parameter.stated(default, comment)
    return parameters


def check_parameters(
    given: dict[str, str], notebooks: dict[str, dict[str, Parameter]]
) -> dict[str, dict[str, Any]]:
    """`-p name=value` texts → typed values for each notebook that has the parameter.

    Raises CarnetError for a name that no notebook has (with the nearest one), a value of another
    type or out of its range.
    """
    known = sorted(
        {name for parameters in notebooks.values() for name in parameters if name not in RESERVED}
    )
    chosen: dict[str, dict[str, Any]] = {name: {} for name in notebooks}
    for name, text in given.items():
        if name in RESERVED:
            raise CarnetError(
                "parameter '{name}': set it with the folder, --as-of or "
                "--language, not with -p; earlier reports are found in --out.",
                name=name,
            )
        if name not in known:
            raise CarnetError(
                "unknown parameter '{name}'; {nearest}", name=name, nearest=nearest(name, known)
            )
        for notebook, parameters in notebooks.items():
            if name in parameters:
                chosen[notebook][name] = parameters[name].read(name, text)
    return chosen


def with_kept_parameters(
    chosen: dict[str, dict[str, Any]],
    kept: dict[str, dict[str, Any]],
    notebooks: dict[str, dict[str, Parameter]],
) -> dict[str, dict[str, Any]]:
    """What `-p` chose, and under it what the engagement keeps (`parameters:` by notebook).

    Raises CarnetError as `check_parameters`, for notebooks that run and for names of none.
    """
    agree(kept)
    there = {path.stem for path in report_notebooks()} | set(notebooks)
    for notebook, values in kept.items():
        if notebook not in there:
            raise CarnetError(
                "parameters: unknown notebook '{notebook}'; {nearest}",
                notebook=notebook,
                nearest=nearest(notebook, sorted(there)),
            )
        if notebook not in notebooks:
            continue
        for name, value in values.items():
            where, known = f"parameters.{notebook}: ", notebooks[notebook]
            if name in RESERVED or name not in known:
                accepted = [each for each in known if each not in RESERVED]
                raise CarnetError(
                    "{where}unknown parameter '{name}'; {nearest}",
                    where=where,
                    name=name,
                    nearest=nearest(name, accepted),
                )
            try:
                checked = known[name].accepted.checked(name, value)
            except CarnetError as error:
                raise CarnetError("{where}{error}", where=where, error=error) from None
            # what decides on accounts decides in every notebook
            sharing = notebooks if hasattr(Policy, name) else [notebook]
            for each in sharing:
                if name in notebooks[each]:
                    chosen[each].setdefault(name, checked)
    return chosen


def last_seconds(home: Path) -> dict[str, float]:
    """The seconds that each notebook took in the last report of the client."""
    for manifest in sorted(home.glob("*/manifest.json"), reverse=True):
        with suppress(CarnetError):
            return dict(open_published(manifest.parent).manifest.get("seconds", {}))
    return {}


@dataclass(frozen=True)
class Job:
    """A notebook to run: its parameters, the reader's words, seconds a cell may take,
    the file of its `Run` and the folder of its lists.

    `scratch` is the folder that may hold the client's data while the notebook runs, and is gone
    when the report is whole; `connection` the file of its kernel, with a short path.
    """

    path: Path
    parameters: dict[str, Any]
    wording: Wording
    timeout: int
    run: Path
    lists: Path
    scratch: Path
    connection: Path


def source_of(path: Path, wording: Wording) -> nbformat.NotebookNode:
    """The notebook as it begins: in the reader's words, nothing run."""
    notebook = read_notebook(path)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = translate_markdown(wording, cell.source)
    return notebook


def execute_notebook(job: Job) -> Executed:
    """Run one notebook with papermill in this process; raises NotebookFailed with the
    half-executed notebook.
    """
    path, parameters, timeout = job.path, job.parameters, job.timeout
    os.environ[RUN_VARIABLE] = str(job.run)
    prepare_kernel(job.scratch, fork=not (path.parent.parent / FILE_NAME).is_file())
    end_with_parent()
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    started = time.monotonic()
    logging.disable(logging.CRITICAL)  # what stops a notebook is told once, by whoever publishes
    # what holds the client's data stands in the unfinished report, which is swept
    with tempfile.TemporaryDirectory(prefix="run-", dir=job.scratch) as scratch_name:
        scratch = Path(scratch_name)
        source, target = scratch / path.name, scratch / f"executed-{path.name}"
        nbformat.write(source_of(job.path, job.wording), source)
        kernel = Config(KernelManager={"transport": "ipc", "connection_file": str(job.connection)})
        try:
            executed = papermill.execute_notebook(
                source,
                target,
                engine_name=_engine(),
                parameters=parameters,
                cwd=path.parent,
                progress_bar=False,
                start_timeout=60,
                execution_timeout=timeout,
                record_timing=False,
                shutdown_kernel="immediate",
                config=kernel,
            )
        except PapermillExecutionError as error:
            raise NotebookFailed(
                path.stem, error.cell_index, f"{error.ename}: {error.evalue}", _text(target)
            ) from None
        except CellTimeoutError:
            told = Message(
                "a cell ran longer than {timeout} s. Give it more with --timeout SECONDS, "
                "or fewer rows.",
                timeout=timeout,
            )
            raise NotebookFailed(path.stem, -1, told, _text(target)) from None
        except DeadKernelError:
            told = Message(
                "it ended before its time, most often because memory ran out. Close other "
                "programs, or run one notebook at a time with -n."
            )
            raise NotebookFailed(path.stem, -1, told, _text(target)) from None
        except Exception as error:
            # a full disk, a socket that cannot be opened: papermill has no common base for them
            raise NotebookFailed(
                path.stem, -1, f"{type(error).__name__}: {error}", _text(target)
            ) from None
        for position, cell in enumerate(executed.cells):
            stopped = (
                cell.cell_type == "code" and cell.source.strip() and cell.execution_count is None
            )
            if stopped or any(output.output_type == "error" for output in cell.get("outputs", [])):
                raise NotebookFailed(
                    path.stem,
                    position,
                    Message("the cell did not run to its end"),
                    _text(target),
                )
    return Executed(path.stem, cleaned(executed, parameters), time.monotonic() - started)


def _engine() -> str:
    """Name of papermill's own engine told not to write the notebook before and after each cell,
    pictures and all.
    """
    from papermill.engines import NBClientEngine, papermill_engines

    class SavingAtTheEnd(NBClientEngine):
        @classmethod
        def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> Any:
            target, nb_man.output_path = nb_man.output_path, None
            try:
                return super().execute_managed_notebook(nb_man, kernel_name, **options)
            finally:
                nb_man.output_path = target

    papermill_engines.register("saving-at-the-end", SavingAtTheEnd)
    return "saving-at-the-end"


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def cleaned(notebook: nbformat.NotebookNode, parameters: dict[str, Any]) -> nbformat.NotebookNode:
    """Drop timings, machine paths and random ids, so that the same input gives the same bytes."""
    notebook.metadata.pop("papermill", None)
    notebook.metadata.get("language_info", {}).pop("version", None)
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell["id"] = "injected-parameters"
            for folder in filter(
                None, (parameters["engagement"], parameters.get("earlier_report"))
            ):
                cell.source = cell.source.replace(str(folder), Path(str(folder)).name)
    return notebook
