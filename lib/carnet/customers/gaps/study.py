"""Everything that a report says of the gaps of one audit, as frames:
each computed when it is first read.

A frame notes the measures that made it whenever it is read (`register.computed`), so that whatever
is shown of it can tell what ran for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import ibis.expr.types as ir
import pandas as pd

from carnet.book.book import Book
from carnet.book.earlier import Published
from carnet.customers.decisions import NAMED, decided_frame, recoverability_rates
from carnet.customers.figures import measured
from carnet.customers.gaps import gap_list
from carnet.engagement.parameters import Parameters
from carnet.measures.gaps import contacts, gaps, salespeople
from carnet.measures.gaps.gap_figures import gap_figures
from carnet.measures.register import computed
from carnet.measures.retention import defection, purchases
from carnet.measures.retention.rebound import told_share
from carnet.measures.statistics import intervals

NAN = float("nan")


@dataclass(frozen=True)
class Gaps:
    """Who is behind at one audit date, whose account it is, what the luck of orders explains."""

    book: Book
    parameters: Parameters
    before: Published | None = None

    @property
    def since(self) -> date:
        """The day from which contacts count as made since: the earlier report's,
        else the eve of the audit period.
        """
        eve = self.book.periods.current.start - timedelta(days=1)
        return self.before.as_of if self.before else eve

    @property
    def plan(self) -> dict[str, float]:
        """Contacts planned in a year by ABC class."""
        p = self.parameters
        return {"A": p.planned_contacts_a, "B": p.planned_contacts_b, "C": p.planned_contacts_c}

    @computed
    def contact_kinds(self) -> list[str]:
        """Those that are contacts: named by the parameter, else told by their words."""
        named = [name.strip() for name in self.parameters.contact_activities.split(",")]
        words = [name for name in named if name] or contacts.CONTACT_WORDS
        return contacts.contact_activities(self.book.activity_kinds, words)

    @computed
    def listed(self) -> pd.DataFrame:
        """The gap list with what was done with each customer:
        `gap_list.with_contacts`, and quadrant.
        """
        p = self.parameters
        t = gap_list.gap_frame(self.book, p.abc_cut_a, p.abc_cut_b, p.family_order_count)
        t = gap_list.with_contacts(self.book, t, self.contact_kinds, self.plan, self.since)
        t["quadrant"] = contacts.quadrants(
            t.gap_rate, t.noted_contact_count, t.planned_contact_count, p.deep_fall_share
        )
        return t

    @property
    def rules(self) -> dict[str, gap_list.Rule]:
        """The rules that flag customers: `gap_list.flag_rules`."""
        p = self.parameters
        return gap_list.flag_rules(p.tracked_share, p.tracked_by, p.fall_share, p.chance_level)

    @computed
    def flags(self) -> dict[str, pd.Series]:
        """True for the customers of `listed` that each rule flags."""
        return {name: rule(self.listed) for name, rule in self.rules.items()}

    @computed
    def decided(self) -> pd.DataFrame:
        """One decision an account: `decisions.decisions`."""
        return decided_frame(self.book, self.parameters.policy, *NAMED, "arm")

    @computed
    def flagged(self) -> pd.DataFrame:
        """The gap list, largest loss first, with flagged: the most late."""
        return self.listed.assign(flagged=self.flags["most_late"])

    @computed
    def customers(self) -> pd.DataFrame:
        """The gap list as `flagged`, with arm and action of each customer."""
        decided, t = self.decided.set_index("customer_id"), self.flagged
        return t.assign(
            arm=t.customer_id.map(decided.arm), action=t.customer_id.map(decided.action)
        )

    @computed
    def late(self) -> pd.DataFrame:
        """The customers behind."""
        return self.flagged[self.flags["late"]]

    @computed
    def tracked(self) -> pd.DataFrame:
        """The most late, tracked until the next audit."""
        return self.customers[self.customers.flagged]

    @computed
    def unlikely(self) -> pd.DataFrame:
        """Those behind whose order counts luck hardly explains."""
        return self.flagged[self.flags["unlikely"]]

    @computed
    def stopped(self) -> pd.DataFrame:
        """Those that no longer buy a family, dearest first."""
        t = self.flagged[self.flagged.stopped_family_count > 0]
        return t.sort_values(["stopped_revenue", "customer_id"], ascending=[False, True])

    @computed
    def due(self) -> pd.DataFrame:
        """The customers that are due every year."""
        return self.flagged[self.flagged.status != "not_due"]

    @computed
    def once_larger(self) -> pd.DataFrame:
        """Active customers below their best 12 months: decline_rate and lost_since,
        largest loss first.
        """
        t = self.flagged
        peak = t.peak_revenue.where(t.peak_revenue > 0)
        t = t.assign(
            decline_rate=t.rolling_year_revenue / peak - 1,
            lost_since=t.peak_revenue - t.rolling_year_revenue,
        )
        t = t[(t.rolling_year_revenue > 0) & (t.lost_since > 0)]
        return t.sort_values(["lost_since", "customer_id"], ascending=[False, True])

    @computed
    def earlier_lists(self) -> pd.DataFrame:
        """The lists of earlier years: `gap_list.earlier_lists`."""
        return gap_list.earlier_lists(self.book)

    @computed
    def groups(self) -> pd.DataFrame:
        """The group of each rule and what such groups regain:
        `gaps.gap_groups`, `expected_rebounds`.
        """
        rebounds = gap_list.expected_rebounds(self.book, self.earlier_lists, self.rules)
        return gaps.gap_groups(self.listed, self.flags).merge(rebounds, on="group")

    @property
    def told_rebound(self) -> pd.Series:
        """The row of the most late in `told_groups`."""
        return self.told_groups.set_index("group").loc["most_late"]

    @property
    def rebound(self) -> Mapping[str, Any]:
        """The row of the most late in `groups`."""
        return self.groups.set_index("group").loc["most_late"]

    @computed
    def told_groups(self) -> pd.DataFrame:
        """`groups` with the rebound as it may be told: `rebound.told_share`."""
        names = ["rebound_share", "rebound_low", "rebound_high"]
        shares = [told_share(*row) for row in self.groups[names].to_numpy(dtype=float)]
        return self.groups.assign(**pd.DataFrame(shares, self.groups.index, names))

    @computed
    def chance_counts(self) -> tuple[float, float]:
        """Customers that the p-value and the usual rule would flag if nothing had changed."""
        t, p = self.listed, self.parameters
        share = gap_list.day_share(self.book.periods)
        orders = t.order_count + t.order_count_previous
        return gaps.chance_counts(orders, p.fall_share, p.chance_level, share)

    @computed
    def regularity(self) -> float:
        """How regular the intervals between orders are: `purchases.regularity`."""
        return purchases.regularity(self.book.orders)

    @computed
    def chance_stopped(self) -> float:
        """Families that would look stopped if nothing had changed;
        NaN where no line names a family.
        """
        families, least = gap_list.families_of(self.book), self.parameters.family_order_count
        if families is None:
            return NAN
        often = families.filter(families.order_count + families.order_count_previous >= least)
        return defection.chance_stopped_count(often.execute(), self.listed, least)

    @property
    def families_known(self) -> bool:
        """True when lines name families or products."""
        return self.book.has("sales", "offer") or self.book.has("sales", "product")

    @computed
    def people(self) -> pd.DataFrame:
        """Late accounts by the salesperson of a year earlier: `salespeople.late_by_salesperson`."""
        accounts = self.due.assign(salesperson=self.due.gap_salesperson)
        return salespeople.late_by_salesperson(accounts, ["abc_class_previous"])

    @property
    def late_share(self) -> float:
        """Late customers ÷ customers of the list."""
        return len(self.late) / max(len(self.flagged), 1)

    @property
    def crew(self) -> pd.DataFrame:
        """The salespeople that have a name."""
        return self.people[self.people.salesperson.notna()]

    @property
    def handed_over(self) -> bool:
        """True when somebody else looks after a customer today than when its gap arose."""
        t = self.late
        return bool((t.gap_salesperson.fillna("") != t.salesperson.fillna("")).any())

    def extremes(self, count: int) -> pd.DataFrame:
        """The largest losses, then the largest gains, so many of each."""
        t = self.flagged
        return pd.concat([self.late.head(count), t[t.sales_gap > 0].tail(count)])

    @computed
    def funnel(self) -> pd.DataFrame:
        """Limits of the funnel plot around the late share: `salespeople.funnel_limits`."""
        most = self.crew.customer_count.max() if len(self.crew) else 1
        return salespeople.funnel_limits(int(most * 1.15), self.late_share)

    @computed
    def activity(self) -> pd.DataFrame:
        """What salespeople noted in the audit period: `contacts.salesperson_activity`."""
        service, opportunities = (
            self.book.table(name) if self.book.has(name, "salesperson") else None
            for name in ("service", "opportunities")
        )
        return contacts.salesperson_activity(service, opportunities, self.book.periods.current)

    @computed
    def overdue(self) -> tuple[pd.DataFrame, int]:
        """Customers overdue by their own rhythm, and how many order so
        rarely: `gap_list.overdue`.
        """
        return gap_list.overdue(self.book)

    @computed
    def months(self) -> pd.DataFrame:
        """Revenue of the most late by month: `gap_list.monthly_gaps`."""
        return gap_list.monthly_gaps(self.book, list(self.tracked.customer_id))

    @property
    def standing(self) -> ir.Table:
        """Where every customer stands today: `gap_list.standing`."""
        return gap_list.standing(self.book)

    @computed
    def rates(self) -> pd.DataFrame:
        """How often customers this silent came back: `last_chance.recoverability`."""
        return recoverability_rates(self.book, self.parameters.policy)

    @property
    def whole(self) -> bool:
        """True when there is a list, and it covers the whole audit period or nothing
        is compared at all.
        """
        compared, months = len(self.book.comparable_months), self.book.periods.month_count
        return len(self.listed) > 0 and compared in (0, months)

    @computed
    def figures(self) -> dict[str, Any]:
        """The published figures of the list; unknown where it does not cover the whole period."""
        t, (chance, chance_fallen) = self.listed, self.chance_counts
        values = gap_figures(self.customers, self.flags, self.families_known)
        values |= {
            "expected_rebound_share": self.told_rebound.rebound_share,
            "chance_gap_count": chance,
            "fall_rule_chance_share": chance_fallen / max(len(t), 1),
            "chance_stopped_count": self.chance_stopped,
        }
        return measured(self.book, values if self.whole else dict.fromkeys(values))

    @computed
    def ranges(self) -> dict[str, tuple[float, float]]:
        """Their intervals: Wilson for the share of late customers,
        bootstrap over customers for sums.
        """
        t = self.listed
        totals = {
            "late_revenue_gap": t.sales_gap.clip(upper=0),
            "gaining_revenue_gap": t.sales_gap.clip(lower=0),
            "stopped_revenue": t.stopped_revenue,
        }
        ranges = {
            name: intervals.bootstrap_total(amounts.dropna().to_numpy())
            for name, amounts in totals.items()
        }
        back = self.told_rebound
        return ranges | {
            "late_share": intervals.wilson_interval(len(self.late), len(t)),
            "expected_rebound_share": (back.rebound_low, back.rebound_high),
        }
