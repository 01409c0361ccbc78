"""Everything that a report says of the gaps of one audit: the list is a table of the engine, what
is shown of it are heads, sums and counts, each computed when it is first read.

A frame notes the measures that made it whenever it is read (`register.computed`), so that whatever
is shown of it can tell what ran for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from carnet.book.book import Book
from carnet.book.earlier import Published
from carnet.book.mapped import frame
from carnet.customers.columns import Part, joined, most_first
from carnet.customers.decisions import HELD, but, decisions, recoverability_rates
from carnet.customers.figures import figures_of, measured
from carnet.customers.gaps import gap_list
from carnet.engagement.parameters import Parameters
from carnet.engagement.records import LIST_LIMIT
from carnet.measures.gaps import contacts, gaps, salespeople
from carnet.measures.gaps.gap_figures import gap_figures
from carnet.measures.register import computed
from carnet.measures.retention import defection, purchases
from carnet.measures.retention.rebound import told_share
from carnet.measures.statistics import intervals

NAN = float("nan")
FLAGS = {"late": "late", "most_late": "flagged", "fallen": "fallen", "unlikely": "unlikely"}
LARGEST_GAIN_FIRST = (ibis.desc("sales_gap"), ibis.desc("customer_id"))
MONTHLY = ["customer_id", "audit_month", "revenue", "revenue_previous"]
SUMMED = ["sales_gap", "stopped_revenue"]
TRACKED = [
    "customer_id", "name", "salesperson", "revenue", "revenue_previous", "sales_gap", "gap_rate",
    "noted_contact_count", "noted_contact_quality", "planned_contact_count", "quadrant",
    "proposal_count", "opportunity_count", "opportunity_amount", "action", "unlikely",
]  # fmt: skip


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
    def listed(self) -> ir.Table:
        """The gap list with what was done with each customer and whom the rules flag:
        `gap_list.followed_list`.
        """
        policy, plan = self.parameters.policy, tuple(self.plan.items())
        kinds = tuple(self.contact_kinds)
        return gap_list.followed_list(self.book, policy, kinds, plan, self.since)

    @computed
    def customers(self) -> ir.Table:
        """The same with the action decided, and the arm of a proposal."""
        decided = decisions(self.book, self.parameters.policy)
        kinds = {"action": "string", "arm": "string"}
        return joined(self.listed, Part(decided.select("customer_id", *kinds), kinds))

    def first(self, t: ir.Table, *order: ir.Value, count: int = LIST_LIMIT) -> pd.DataFrame:
        """The first customers of a part in some order, largest loss first without one."""
        return frame(t.order_by(*(order or gap_list.LARGEST_LOSS_FIRST)).limit(count))

    def names(self, flag: str) -> list[str]:
        """The first names of those that a rule flags that a sentence may quote."""
        t = but(self.customers.filter(self.customers[flag]), HELD)
        return list(self.first(t, count=self.parameters.name_count).name)

    @computed
    def totals(self) -> pd.Series:
        """What is counted and summed of the whole list: see `_totals`."""
        return _totals(self.listed).execute().iloc[0]

    @computed
    def late(self) -> pd.DataFrame:
        """The first of the customers behind."""
        return self.first(self.listed.filter(self.listed.late))

    @computed
    def tracked(self) -> pd.DataFrame:
        """The most late, tracked until the next audit: what pages show of them."""
        t = self.customers.filter(self.customers.flagged)
        return frame(t.order_by(*gap_list.LARGEST_LOSS_FIRST).select(*TRACKED))

    @computed
    def stopped(self) -> pd.DataFrame:
        """The first of those that no longer buy a family, dearest first."""
        t = self.listed.filter(self.listed.stopped_family_count > 0)
        return self.first(t, *most_first(t, "stopped_revenue"))

    @property
    def due(self) -> ir.Table:
        """The customers that are due every year."""
        return self.listed.filter(_is_due(self.listed))

    @computed
    def once_larger(self) -> pd.DataFrame:
        """Active customers below their best 12 months: decline_rate and lost_since,
        the first by their loss.
        """
        t = self.listed
        peak = t.peak_revenue.nullif(0.0)
        rate = (t.peak_revenue > 0).ifelse(t.rolling_year_revenue / peak - 1, ibis.null("float64"))
        t = t.mutate(decline_rate=rate, lost_since=t.peak_revenue - t.rolling_year_revenue)
        t = t.filter((t.rolling_year_revenue > 0) & (t.lost_since > 0))
        return self.first(t, *most_first(t, "lost_since"))

    @computed
    def earlier_count(self) -> int:
        """Rows of the lists of earlier years: `gap_list.earlier_lists`."""
        return int(gap_list.earlier_lists(self.book).count().execute())

    @computed
    def groups(self) -> pd.DataFrame:
        """The group of each rule and what such groups regain:
        `gaps.gap_groups`, `expected_rebounds`.
        """
        rebounds = gap_list.expected_rebounds(self.book, self.parameters.policy)
        return gaps.gap_groups(self.listed, FLAGS).merge(rebounds, on="group")

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
        alike = t.group_by(orders=t.order_count + t.order_count_previous).agg(customers=t.count())
        counted = alike.execute()
        return gaps.chance_counts(
            counted.orders, p.fall_share, p.chance_level, share, counted.customers
        )

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
        return defection.chance_stopped_count(families, self.listed, least)

    @property
    def families_known(self) -> bool:
        """True when lines name families or products."""
        return self.book.has("sales", "offer") or self.book.has("sales", "product")

    @computed
    def people(self) -> pd.DataFrame:
        """Late accounts by the salesperson of a year earlier: `salespeople.late_by_salesperson`."""
        accounts = self.due.mutate(salesperson=self.due.gap_salesperson)
        return salespeople.late_by_salesperson(accounts, ["abc_class_previous"])

    @property
    def late_share(self) -> float:
        """Late customers ÷ customers of the list."""
        return self.totals.late_count / max(self.totals["count"], 1)

    @property
    def crew(self) -> pd.DataFrame:
        """The salespeople that have a name."""
        return self.people[self.people.salesperson.notna()]

    @property
    def handed_over(self) -> bool:
        """True when somebody else looks after a customer today than when its gap arose."""
        return bool(self.totals.handed_over_count > 0)

    def extremes(self, count: int) -> pd.DataFrame:
        """The largest losses, then the largest gains, so many of each."""
        t = self.listed
        ahead = self.first(t.filter(t.sales_gap > 0), *LARGEST_GAIN_FIRST, count=count)
        return pd.concat([self.late.head(count), ahead[::-1]], ignore_index=True)

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
    def months(self) -> ir.Table:
        """Revenue of the most late by month, largest loss first: `gap_list.monthly_gaps`."""
        t = self.listed.filter(self.listed.flagged).select("customer_id", "sales_gap")
        t = gap_list.monthly_gaps(self.book, t)
        order = (*gap_list.LARGEST_LOSS_FIRST, ibis.desc("audit_month"))
        return t.order_by(*order).select(*MONTHLY)

    def months_of(self, customers: list[str]) -> pd.DataFrame:
        """The months of some of them, in their order."""
        place = {name: number for number, name in enumerate(customers)}
        t = frame(self.months.filter(self.months.customer_id.isin(customers)))
        order = [t.customer_id.map(place), -t.audit_month]
        return t.iloc[np.lexsort(order[::-1])].reset_index(drop=True)

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
        return self.totals["count"] > 0 and compared in (0, months)

    @computed
    def figures(self) -> dict[str, Any]:
        """The published figures of the list; unknown where it does not cover the whole period."""
        chance, chance_fallen = self.chance_counts
        values = figures_of(gap_figures(self.listed, self.families_known))
        values |= {
            "expected_rebound_share": self.told_rebound.rebound_share,
            "chance_gap_count": chance,
            "fall_rule_chance_share": chance_fallen / max(self.totals["count"], 1),
            "chance_stopped_count": self.chance_stopped,
        }
        return measured(self.book, values if self.whole else dict.fromkeys(values))

    @computed
    def ranges(self) -> dict[str, tuple[float, float]]:
        """Their intervals: Wilson for the share of late customers,
        bootstrap over customers for sums.
        """
        t = frame(self.listed.order_by(*gap_list.LARGEST_LOSS_FIRST).select(*SUMMED))
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
            "late_share": intervals.wilson_interval(int(self.totals.late_count), len(t)),
            "expected_rebound_share": (back.rebound_low, back.rebound_high),
        }


def _is_due(t: ir.Table) -> ir.BooleanValue:
    return (t.status != "not_due").fill_null(True)


def _totals(t: ir.Table) -> ir.Table:
    """One row: of the list and of parts of it, the customers and their gap; of nobody 0."""
    due, stopped = _is_due(t), (t.stopped_family_count > 0).fill_null(False)
    moved = t.gap_salesperson.fill_null("") != t.salesperson.fill_null("")
    lacking = {
        "late": t.late,
        "unlikely": t.unlikely,
        "due": due,
        "ahead": due & (t.sales_gap > 0),
    }
    counted = lacking | {
        "gaining": t.sales_gap > 0,
        "fallen": t.fallen,
        "flagged": t.flagged,
        "stopped": stopped,
        "handed_over": t.late & moved,
        "costed": t.margin_at_stake.notnull(),
    }
    counts = {f"{name}_count": part.sum() for name, part in counted.items()}
    sums = {f"{name}_gap": part.ifelse(t.sales_gap, 0.0).sum() for name, part in lacking.items()}
    sums |= {
        "gap": t.sales_gap.sum(),
        "change": (t.revenue - t.revenue_previous).sum(),
        "stopped_families": stopped.ifelse(t.stopped_family_count, 0.0).sum(),
        "stopped_revenue": stopped.ifelse(t.stopped_revenue, 0.0).sum(),
        "flagged_revenue": t.flagged.ifelse(t.revenue, 0.0).sum(),
    }
    told = {name: value.fill_null(0) for name, value in (counts | sums).items()}
    return t.agg(count=t.count(), customer_count=t.customer_id.nunique(), **told)
