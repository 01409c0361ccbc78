"""What executed notebooks hold for whoever publishes: figures, findings, points, exhibits, and
where the names behind a finding stand.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from carnet.engagement.records import EXHIBIT_TYPE, FINDINGS_TYPE, NAMES_TYPE, POINTS_TYPE
from carnet.report.execution import Executed


class Chosen(Protocol):
    """What says which sections are told: `layout.Choice`."""

    def tells(self, section: str) -> bool:
        """True for a section that page one and the slides may tell."""


@dataclass(frozen=True)
class Published:
    """One exhibit as its notebook published it: its id, the record of
    `exhibits.published.published`, and the output that shows it.
    """

    notebook: str
    record: dict[str, Any]
    output: dict[str, Any]

    @property
    def section(self) -> str:
        """The section whose question it answers."""
        return str(self.record["question"])

    @property
    def key(self) -> str:
        """Its id in the page."""
        return str(self.record["key"])


def place_of(output: dict[str, Any]) -> dict[str, Any]:
    """Where an output belongs, as the notebook said it: section, key, annex, kind, needs."""
    return output.get("metadata", {}).get("carnet", {})


def outputs_of(run: Executed) -> Iterator[dict[str, Any]]:
    """All outputs of a notebook, in their order."""
    for cell in run.notebook.cells:
        yield from cell.get("outputs", [])


def recorded(run: Executed, mime: str) -> list[Any]:
    """What the notebook recorded under a type, such as figures or findings."""
    return [o["data"][mime] for o in outputs_of(run) if mime in o.get("data", {})]


def exhibits(executed: Iterable[Executed], choice: Chosen | None = None) -> dict[str, Published]:
    """The exhibits that are shown, by `notebook.key`; with a choice only those of its sections."""
    found = {}
    for run in executed:
        for output in outputs_of(run):
            record = output.get("data", {}).get(EXHIBIT_TYPE)
            if not record:
                continue
            shown = Published(run.name, record, output)
            if choice is None or choice.tells(f"{run.name}.{shown.section}"):
                found[f"{run.name}.{shown.key}"] = shown
    return found


def points(executed: Iterable[Executed]) -> list[dict[str, Any]]:
    """The points of page one, each once, with the notebook that says it."""
    found = {
        point["key"]: point | {"notebook": run.name}
        for run in executed
        for shown in recorded(run, POINTS_TYPE)
        for point in shown
    }
    return list(found.values())


def findings(executed: Iterable[Executed]) -> list[dict[str, Any]]:
    """Findings of all notebooks, largest money first, each once: two notebooks may say the same."""
    found = [
        finding | {"notebook": run.name}
        for run in executed
        for shown in recorded(run, FINDINGS_TYPE)
        for finding in shown
    ]
    once = {(finding["key"], finding["sentence"]): finding for finding in reversed(found)}
    return sorted(once.values(), key=lambda finding: (-abs(finding["amount"]), finding["key"]))


def names_behind(executed: Iterable[Executed]) -> dict[str, str]:
    """Finding → the link to the names behind it; of several places in a page the last one,
    which is the narrowest.
    """
    found: dict[str, str] = {}
    for run in executed:
        for shown in recorded(run, NAMES_TYPE):
            found |= {
                key: f"{run.name}.html{place}" if place.startswith("#") else place
                for key, place in shown.items()
            }
    return found
