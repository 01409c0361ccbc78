"""What of an executed notebook stands on its page, in which order, and what goes to the annex.

A section that lacks its table is said once, on page one; what a method needs (`annex`) stands on
the annex page; the engagement hides, reorders and comments sections by their id,
`notebook.section`.
"""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nbformat import NotebookNode

from carnet.engagement.file import Engagement
from carnet.engagement.records import (
    EXHIBIT_TYPE,
    FIGURES_TYPE,
    FINDINGS_TYPE,
    NAMES_TYPE,
    NARROW_TYPE,
    POINTS_TYPE,
)
from carnet.report.execution import Executed
from carnet.report.results import outputs_of, place_of

RECORDS = (EXHIBIT_TYPE, NARROW_TYPE, FIGURES_TYPE, FINDINGS_TYPE, NAMES_TYPE, POINTS_TYPE)
PAGE_ONE = "index"
ON_PAGE_ONE = ("kpi_tracking.headline", "portfolio_audit.revenue_bridge")
# the sections of a shorter report; page one is in both
AUDIENCES: dict[str, tuple[str, ...]] = {
    "management": (
        "portfolio_audit.revenue_bridge",
        "portfolio_audit.dependence",
        "cost_structure.left_of_revenue",
        "cost_structure.break_even",
        "churn_reasons.in_our_hands",
        "churn_reasons.classes_of_reasons",
        "retention_plan.good_customers_lost",
        "retention_plan.budgets",
        "kpi_tracking.recurring_revenue",
    ),
    "sales": (
        "portfolio_audit.movements",
        "portfolio_audit.progression",
        "sales_gaps.followed_points",
        "sales_gaps.main_points",
        "sales_gaps.warnings",
        "sales_gaps.last_list",
        "sales_gaps.behind",
        "sales_gaps.overdue",
        "sales_gaps.luck",
        "sales_gaps.part_of_purchases",
        "sales_gaps.contacted",
        "sales_gaps.by_month",
        "sales_gaps.proposals",
        "sales_gaps.whom_to_call",
        "sales_gaps.recommendations",
        "growth_plan.main_points",
        "growth_plan.what_they_buy",
        "growth_plan.next_family",
        "growth_plan.due_again",
        "growth_plan.recommendations",
        "kpi_tracking.renewals",
    ),
}


@dataclass(frozen=True)
class Choice:
    """What the engagement chose: hidden sections, those that come first, those commented on, and
    of a shorter report the only ones shown.
    """

    hidden: Collection[str] = ()
    first: Sequence[str] = ()
    commented: Collection[str] = ()
    only: Collection[str] | None = None
    token: str = field(default_factory=lambda: uuid.uuid4().hex)  # that no client's text holds

    @classmethod
    def of(cls, engagement: Engagement, commented: Collection[str]) -> "Choice":
        """The choice of an engagement."""
        only = AUDIENCES.get(engagement.audience)
        sections = engagement.sections
        return cls(frozenset(sections.hide), tuple(sections.first), frozenset(commented), only)

    def place_of_words(self, section: str) -> str:
        """What stands in a page for the consultant's words on a section, until every figure is
        known.
        """
        return f"{self.token}:{section}:"

    def shows(self, section: str) -> bool:
        """True for a section that stands on a page."""
        return section not in self.hidden and (self.only is None or section in self.only)

    def tells(self, section: str) -> bool:
        """True for a section that page one and the slides may tell."""
        return self.shows(section) or (section in ON_PAGE_ONE and section not in self.hidden)


@dataclass
class Group:
    """A heading of a notebook, and the outputs under it."""

    heading: NotebookNode | None
    cells: list[NotebookNode] = field(default_factory=list)

    @property
    def title(self) -> str:
        """The heading's text."""
        return "" if self.heading is None else self.heading.source.partition("\n")[0].lstrip("# ")

    @property
    def outputs(self) -> list[NotebookNode]:
        """What is shown under it."""
        return [output for cell in self.cells for output in cell.get("outputs", [])]


@dataclass(frozen=True)
class Arranged:
    """The groups of a page, what goes to the annex, and per table missing the headings that it
    would fill.
    """

    groups: list[Group]
    annexed: list[NotebookNode]
    lacking: Mapping[tuple[str, ...], list[str]]

    @property
    def answers(self) -> bool:
        """True where the page shows more than sentences: at least one chart or table, or what an
        analyst's own cell shows.
        """
        places = [place_of(output) for group in self.groups for output in group.outputs]
        return any(not place or "key" in place for place in places)


def arranged(run: Executed, choice: Choice) -> Arranged:
    """The notebook's outputs where they belong; the order of the notebook stands but for the
    groups that come first, behind the main points.
    """
    annexed: list[NotebookNode] = []
    lacking: dict[tuple[str, ...], list[str]] = {}
    kept = []
    opening = run.notebook.cells[0].cell_type == "markdown"
    for group in _groups(run.notebook.cells[int(opening) :]):
        shown = Group(group.heading)
        for cell in group.cells:
            outputs, commented = [], []
            for output in cell.get("outputs", []):
                place = place_of(output)
                section = f"{run.name}.{place.get('section', '')}"
                if "needs" in place and choice.shows(section):
                    titles = lacking.setdefault(tuple(place["needs"]), [])
                    titles += [group.title] * (group.title not in titles)
                elif place.get("annex"):
                    annexed.append(output)
                elif choice.shows(section) or not place.get("section"):
                    outputs.append(output)
                    commented += [section] * (section not in commented)
            kept_cell = NotebookNode(cell)
            words = [_comment(choice, name) for name in commented if name in choice.commented]
            kept_cell.outputs = [output for output in outputs if _visible(output)] + words
            if kept_cell.outputs:
                shown.cells.append(kept_cell)
        if shown.outputs:
            kept.append(shown)
    return Arranged(_ordered(kept, run.name, choice.first), annexed, lacking)


def _groups(cells: Sequence[NotebookNode]) -> list[Group]:
    """The cells under each heading; a cell of code under none belongs to the first."""
    groups = [Group(None)]
    for cell in cells:
        if cell.cell_type == "markdown":
            groups.append(Group(cell))
        else:
            groups[-1].cells.append(cell)
    return groups


def _visible(output: Mapping[str, Any]) -> bool:
    """True for what a reader sees: a record alone is for whoever publishes."""
    return not output.get("data") or bool(set(output["data"]) - set(RECORDS))


def _ordered(groups: list[Group], notebook: str, first: Sequence[str]) -> list[Group]:
    """Groups with the sections named first, behind the first group (the main points)."""
    rank = {name: position for position, name in enumerate(first)}

    def place(group: Group) -> int:
        named = {f"{notebook}.{place_of(output).get('section', '')}" for output in group.outputs}
        if f"{notebook}.main_points" in named:
            return -1
        return min((rank[name] for name in named if name in rank), default=len(rank))

    return sorted(groups, key=place)


def _comment(choice: Choice, section: str) -> NotebookNode:
    """The place of the consultant's words, as an output."""
    data = {"text/html": choice.place_of_words(section)}
    return NotebookNode(
        output_type="display_data", data=NotebookNode(data), metadata=NotebookNode()
    )


def own_sections(run: Executed) -> set[str]:
    """The ids of the sections that a notebook showed."""
    return {
        f"{run.name}.{place['section']}"
        for output in outputs_of(run)
        if "section" in (place := place_of(output))
    }
