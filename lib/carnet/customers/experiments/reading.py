"""Experiments as files beside the engagement: planned before any outcome is known,
read once they have ended, never changed in between.

A plan is `experiments/<strategy>-<start>.yml` in the engagement's folder; its digest covers
every line, and who is in which arm must follow from its seed. Each reading is kept as
`<plan>.read-<as_of>.json`; a report reads the plan itself, never those.
"""

import datetime as dt
import json
from pathlib import Path

from carnet.book.book import Book
from carnet.customers.experiments.files import (
    FOLDER,
    folder_of,
    load_plan,
    refuse_stranger,
    write_over,
)
from carnet.customers.experiments.outcomes import outcome_of
from carnet.customers.experiments.plan import Plan
from carnet.errors import CarnetError


def read_experiment(
    book: Book, path: Path, measure: str | None = None, today: dt.date | None = None
) -> tuple[dict, Path]:
    """What came of an experiment that has ended, and the file beside the plan it was written to.

    Raises CarnetError before its end, where the sales given stop earlier, when the plan was
    changed, is no file of this engagement, or another measure is asked for.
    """
    plan = load_plan(path)
    if path.resolve() != (folder_of(book) / f"{plan.name}.yml").resolve():
        raise CarnetError(
            "{path}: a plan is read where it was written, as "
            "{folder}/{plan}.yml in the engagement's folder.",
            path=path.name,
            folder=FOLDER,
            plan=plan.name,
        )
    if measure and measure != plan.measure:
        raise CarnetError(
            "{path}: was planned on {measure}; a measure chosen once the "
            "outcome is known proves nothing.",
            path=path.name,
            measure=plan.measure,
        )
    refuse_stranger(book, plan)
    found = outcome_of(book, plan, today or dt.date.today())
    target = path.parent / f"{plan.name}.read-{book.as_of}.json"
    write_over(target, json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    return found, target


def planned(
    book: Book, today: dt.date | None = None
) -> tuple[list[tuple[Plan, dict | None]], list[str]]:
    """The plans of the engagement, each with what came of it where it has ended by `as_of`,
    and what stands against those that are left out.
    """
    found, refused = [], []
    for path in sorted((book.engagement.folder / FOLDER).glob("*.yml")):
        try:
            plan = load_plan(path)
            refuse_stranger(book, plan)
            ended = plan.end <= min(book.as_of, today or dt.date.today())
            found.append(
                (plan, outcome_of(book, plan, today or dt.date.today()) if ended else None)
            )
        except CarnetError as error:
            refused.append(str(error.told(book.wording._)))
    return sorted(found, key=lambda pair: (pair[0].start, pair[0].strategy)), refused
