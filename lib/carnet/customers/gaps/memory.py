"""What became of the list of the audit before this one, as frames:
each computed when it is first read.
"""

from dataclasses import dataclass

import ibis
import pandas as pd

from carnet.book.book import Book
from carnet.book.mapped import frame
from carnet.customers.gaps import gap_list
from carnet.customers.gaps.study import NAN, Gaps
from carnet.measures.gaps import follow_up
from carnet.measures.register import computed


@dataclass(frozen=True)
class Memory:
    """The customers that the earlier report tracked or made proposals to,
    followed to this audit's date.
    """

    gaps: Gaps

    @property
    def book(self) -> Book:
        """The book of this audit."""
        return self.gaps.book

    @property
    def back_share(self) -> float:
        """The part of its gap from which a customer is back, by the part of a year gone by."""
        return self.gaps.parameters.back_share * min(1.0, self.years)

    @property
    def years(self) -> float:
        """Years between the two audits, or since the audit period began."""
        return (self.gaps.book.as_of - self.gaps.since).days / 365.25

    @computed
    def flagged(self) -> pd.DataFrame:
        """The customers tracked then: `gap_list.flagged_then`."""
        g = self.gaps
        return gap_list.flagged_then(g.book, g.before, g.contact_kinds)

    @computed
    def proposed(self) -> pd.DataFrame:
        """The proposals of then with their arms: `gap_list.proposed_then`."""
        g = self.gaps
        return gap_list.proposed_then(g.book, g.before, g.contact_kinds)

    @computed
    def followed(self) -> pd.DataFrame:
        """Each customer tracked then, a while later: `follow_up.follow_up`."""
        return self._followed(self.flagged)

    @computed
    def armed(self) -> pd.DataFrame:
        """Each customer with a proposal then, a while later."""
        return self._followed(self.proposed)

    @computed
    def outcomes(self) -> pd.DataFrame:
        """The tracked customers by outcome: `follow_up.outcome_table`."""
        return follow_up.outcome_table(self.followed)

    @computed
    def regained(self) -> tuple[float, float, float]:
        """The share of the gap that was regained, with its interval."""
        return follow_up.regained_interval(self.followed)

    @property
    def expected(self) -> tuple[float, float, float]:
        """The share that the earlier report expected back without action, with its interval."""
        before = self.gaps.before
        return before.figure("expected_rebound_share") if before else (NAN, NAN, NAN)

    @computed
    def verdict(self) -> str:
        """The one against the other: `follow_up.against_expected`."""
        return follow_up.against_expected(self.regained, self.expected, self.years)

    @computed
    def effect(self) -> dict[str, float]:
        """What the contacts did, against those left alone: `follow_up.arm_effect`."""
        return follow_up.arm_effect(self.armed)

    def _followed(self, then: pd.DataFrame) -> pd.DataFrame:
        g = self.gaps
        then_there = {"customer_id": list(then.customer_id)}
        named = ibis.memtable(then_there, schema={"customer_id": "string"})
        now = frame(g.standing.semi_join(named, "customer_id"))
        return follow_up.follow_up(then, now, g.since, g.parameters.back_share, self.years)
