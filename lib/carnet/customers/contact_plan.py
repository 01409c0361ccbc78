"""Whom to call when, and to whom a last-chance proposal is made, as frames:
each computed when it is first read.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from carnet.book.book import Book
from carnet.book.mapped import frame
from carnet.customers.columns import Part, joined, most_first
from carnet.customers.decisions import WEIGHED, decisions
from carnet.customers.figures import measured
from carnet.customers.gaps.gap_list import earlier_lists
from carnet.customers.gaps.study import Gaps
from carnet.engagement.parameters import Policy
from carnet.measures.gaps import tasks
from carnet.measures.growth import pipeline
from carnet.measures.register import computed
from carnet.measures.retention import last_chance
from carnet.measures.retention.actions import CALLED

CENT = 0.01  # by which a sum of amounts may differ
CHOSEN_COLUMNS = ["customer_id", "action_reason", "at_most", *WEIGHED]


@dataclass(frozen=True)
class ContactPlan:
    """The proposals and the tasks that follow from the gaps and the one decision an account."""

    gaps: Gaps

    @property
    def book(self) -> Book:
        """The book of the gaps."""
        return self.gaps.book

    @property
    def left_count(self) -> int:
        """Customers to call for whom the weeks planned have no time."""
        return int(self._called.count().execute()) - len(self.tasks)

    @property
    def _called(self) -> ir.Table:
        """The rows of the gap list whose decision is a call or a visit."""
        return self.gaps.customers.filter(lambda t: t.action.isin(CALLED))

    @computed
    def called(self) -> pd.DataFrame:
        """One task an account whose decision is a call or a visit, of those for whom there may be
        time: `tasks.first_in_line`, `tasks.task_list`.
        """
        p = self.gaps.parameters
        first = tasks.first_in_line(self._called, p.weekly_task_count * p.task_week_count)
        decided = decisions(self.book, self._policy).semi_join(first, "customer_id")
        return tasks.task_list(frame(first), frame(decided))

    @computed
    def tasks(self) -> pd.DataFrame:
        """Those that fit into the coming weeks, with due_date and stop_date: `tasks.schedule`; and
        won, won_amount: of an offer that the CRM calls won without an order since.
        """
        p, as_of = self.gaps.parameters, self.gaps.book.as_of
        t = tasks.schedule(self.called, as_of, p.weekly_task_count, p.task_week_count)
        return t.assign(
            stop_date=[due + timedelta(days=p.stop_days) for due in t.due_date],
            won=t.customer_id.isin(set(self._won)),
            won_amount=t.customer_id.map(self._won).astype(float),
        )

    @property
    def _won(self) -> dict[str, float]:
        book = self.book
        if not book.has("opportunities", "stage"):
            return {}
        t = pipeline.won_unsold(book.table("opportunities"), book.orders, book.as_of).execute()
        return dict(zip(t.customer_id, t.won_amount, strict=True))

    @computed
    def proposals(self) -> pd.DataFrame:
        """The last-chance proposals with their arms and the day on which each stops,
        most valuable first.
        """
        stops = self.tasks.set_index("customer_id").stop_date
        made = decisions(self.book, self._policy).filter(lambda t: t.chosen)
        t = self.gaps.customers.join(made.select(*CHOSEN_COLUMNS), "customer_id")
        t = frame(t.order_by(*most_first(t, "expected_value")))
        return t.assign(
            stop_contact_count=self.gaps.parameters.stop_contact_count,
            stop_date=t.customer_id.map(stops),
        )

    @computed
    def detectable(self) -> float:
        """The smallest effect that the customers left alone can
        show: `last_chance.detectable_effect`.
        """
        sizes, deep = self.proposals.arm.value_counts(), self.gaps.parameters.deep_fall_share
        earlier = last_chance.candidates(earlier_lists(self.book), deep)
        moved = frame(earlier.select("revenue", "revenue_next"))
        return last_chance.detectable_effect(
            moved, sizes.get("contact", 0), sizes.get("hold-out", 0)
        )

    @computed
    def decisions(self) -> ir.Table:
        """The one decision an account, with the day on which it is due where a task is planned."""
        due = ibis.memtable(
            self.tasks[["customer_id", "due_date"]],
            schema={"customer_id": "string", "due_date": "date"},
        )
        return joined(decisions(self.book, self._policy), Part(due, {"due_date": "date"}))

    @property
    def overspent(self) -> int:
        """Accounts on which more may be spent than their action may bring."""
        t = self.decisions
        return int(t.filter(t.at_most > t.action_value + CENT).count().execute())

    @property
    def _policy(self) -> Policy:
        return self.gaps.parameters.policy

    @property
    def costless(self) -> bool:
        """True where no margin is known of any customer: nothing tells what a proposal is worth."""
        return not self.gaps.totals.costed_count

    @computed
    def figures(self) -> dict[str, Any]:
        """The published figure of the proposals that are made (`last_chance.value_in_play`)."""
        value = (
            None
            if self.costless or not self.gaps.whole
            else last_chance.value_in_play(self.proposals)
        )
        return measured(self.book, {"last_chance_value": value})
