"""The files of experiments beside the engagement: plans and results, none written over."""

import os
import tempfile
from pathlib import Path

import yaml
from pydantic import ValidationError

from carnet.book.book import Book
from carnet.customers.experiments.plan import Plan, digest_of
from carnet.engagement.faults import listed
from carnet.errors import CarnetError
from carnet.measures.retention import experiments

FOLDER = "experiments"
HEADER = (
    "# Written by carnet experiment plan. carnet experiment read refuses it once "
    "a line is changed.\n"
)


def load_plan(path: Path) -> Plan:
    """A plan as it was written.

    Raises CarnetError where it is none, was changed, or its arms do not follow from its seed.
    """
    try:
        plan = Plan.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        told = (
            listed(error.errors())
            if isinstance(error, ValidationError)
            else (str(error).strip().splitlines() or [""])[0]
        )
        raise CarnetError(
            "{path}: not a plan of carnet experiment plan ({told}); move it out of {folder}/.",
            path=path.name,
            told=told,
            folder=FOLDER,
        ) from None
    written, columns = plan.frame, ["customer_id", "block", "arm"]
    drawn = experiments.assign(written, plan.treated_share, plan.pairs, plan.seed)
    same = (
        drawn.sort_values("customer_id")[columns].to_numpy()
        == written.sort_values("customer_id")[columns].to_numpy()
    )
    if digest_of(plan) != plan.digest or not same.all() or path.stem != plan.name:
        raise CarnetError(
            "{path}: was changed after it was written; measure, dates and "
            "arms are those of the plan, or there is no experiment.",
            path=path.name,
        )
    return plan


def read_plans(book: Book) -> list[Plan]:
    """The plans of the engagement, by date.

    Raises CarnetError where one is none, was changed, or is another client's.
    """
    found = [load_plan(path) for path in sorted(folder_of(book).glob("*.yml"))]
    for plan in found:
        refuse_stranger(book, plan)
    return sorted(found, key=lambda plan: (plan.start, plan.strategy))


def folder_of(book: Book) -> Path:
    """Where plans are; raises CarnetError where that lies outside the engagement's folder."""
    home = book.engagement.folder.resolve()
    folder = home / FOLDER
    if folder.resolve() != folder:
        raise CarnetError(
            "{folder}: leads outside the engagement's folder; plans are written inside it only.",
            folder=FOLDER,
        )
    return folder


def write_new(path: Path, text: str) -> None:
    """Write a file that must not be there yet."""
    try:
        path.parent.mkdir(exist_ok=True)
        with path.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
    except FileExistsError:
        raise CarnetError(
            "{path}: is there already, or {folder} is no folder; a plan is never overwritten.",
            path=path.name,
            folder=FOLDER,
        ) from None
    except OSError as error:
        raise CarnetError(
            "{path}: cannot be written ({reason}).", path=path.name, reason=error.strerror
        ) from None


def write_over(path: Path, text: str) -> None:
    """Write a whole file or none; a link of that name is replaced, not followed."""
    try:
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, encoding="utf-8", newline="\n", delete=False
        ) as stream:
            stream.write(text)
        Path(stream.name).replace(path)
    except OSError as error:
        raise CarnetError(
            "{path}: cannot be written ({reason}).", path=path.name, reason=error.strerror
        ) from None


def refuse_stranger(book: Book, plan: Plan) -> None:
    """Raise CarnetError when the plan is another client's, or in another currency."""
    if (plan.client, plan.currency) != (book.engagement.client, book.engagement.currency):
        raise CarnetError(
            "{plan}: is an experiment of {client} in {currency}, not of "
            "this engagement; move it out of {folder}/.",
            plan=plan.name,
            client=plan.client,
            currency=plan.currency,
            folder=FOLDER,
        )
