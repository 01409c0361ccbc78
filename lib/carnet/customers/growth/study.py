"""What customers buy, and what each could buy next, as frames:
each computed when it is first read.
"""

from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from carnet.book.book import Book
from carnet.book.earlier import Published
from carnet.book.mapped import frame
from carnet.customers import series
from carnet.customers.accounts.groups import CUTS, cuts_of
from carnet.customers.columns import Part, joined, most_first
from carnet.customers.decisions import LEFT_ALONE, but, decisions
from carnet.customers.figures import measured
from carnet.customers.growth.next_family import (
    can_foretell,
    family_of,
    family_pairs,
    margin_rates,
    next_families_of,
)
from carnet.customers.objectives import offer_progress
from carnet.engagement.parameters import Parameters
from carnet.engagement.records import LIST_LIMIT
from carnet.measures.growth import associations, families, migration, reorders
from carnet.measures.growth.figures import growth_figures
from carnet.measures.indicators import recurring
from carnet.measures.portfolio import baskets, concentration, movement, segments
from carnet.measures.register import computed

SILENT = 2  # times its own rhythm, from which an account as a whole is silent
MOST_GROUPS = 40  # of a cut that is charted
NAMED_FAMILIES = 12  # largest families of a table of families by class
KINDS = ("abc", "rfm", "strategy_audit", "abc_audit")  # of changes of class
MONEY = ("revenue", "revenue_previous", "sales_gap")
CLASSES = {"customer_id": "string", "class": "string"}
CHANGES = {"customer_id": "string", "class_before": "string", "class_after": "string",
           "kind": "string"}  # fmt: skip
DECIDED = ("name", "salesperson", "action")  # shown of a decision
SPEAKS = ("silence_ratio", "status")  # whether an account still orders


@dataclass(frozen=True)
class GrowthStudy:
    """Cuts, families and their associations, the next family, prices, reorders, baskets, changes of
    class; `earlier`: the report before this one, if there is one.
    """

    book: Book
    parameters: Parameters
    earlier: Published | None = None

    @property
    def family(self) -> str:
        """The column of the sales that names a family; empty without one."""
        return family_of(self.book)

    @property
    def foretold(self) -> bool:
        """True where the next family can be tried on the last year."""
        return can_foretell(self.book)

    @computed
    def groups(self) -> pd.DataFrame:
        """Every cut of the revenue: `groups.cuts_of`."""
        return cuts_of(self.book)

    @computed
    def revenue(self) -> float:
        """Revenue of the audit period, and what every cut adds up to."""
        return float(series.moved(self.book).revenue.sum().execute())

    @property
    def dimensions(self) -> list[str]:
        """What the revenue is cut by, in the order of CUTS."""
        there = set(self.groups.dimension)
        return list(dict.fromkeys(column for _, column in CUTS if column in there))

    @property
    def widest(self) -> str:
        """The cut whose groups moved apart most, for what they bought: that of the largest sum of
        changes, up or down, among those of at most MOST_GROUPS groups; empty without one. People
        are no such cut: luck alone moves their accounts apart, and `salespeople` tells how far.
        """
        if not self.dimensions:
            return ""
        t = self.groups.dropna(subset="group")
        t = t[t.dimension != "salesperson"]
        sizes = t.groupby("dimension").size()
        told = t.assign(moved=t.sales_gap.abs()).groupby("dimension").moved.sum()
        few = told[sizes[told.index] <= MOST_GROUPS]
        return str(few.idxmax()) if len(few) else ""

    def changes(self, dimension: str) -> pd.DataFrame:
        """The groups of one cut, largest change of revenue first, up or down."""
        t = self.groups[self.groups.dimension == dimension]
        return t.sort_values("sales_gap", key=abs, ascending=False, ignore_index=True)

    # --- families

    @computed
    def pairs(self) -> ir.Table:
        """What each customer bought of each family: `families.family_years`."""
        return family_pairs(self.book)

    @computed
    def objectives(self) -> pd.DataFrame:
        """Each objective of an offer against where it should stand: `offer_progress`."""
        return offer_progress(self.book)

    @property
    def has_objectives(self) -> bool:
        """True where the engagement has an objective of an offer."""
        there = self.book.has("sales", "offer")
        return there and any(target.offer for target in self.book.engagement.targets)

    @computed
    def bought(self) -> associations.Together:
        """Families that the same customers bought in 12 months: `associations.together`."""
        return associations.together(self.pairs.filter(self.pairs.bought))

    @computed
    def associated(self) -> pd.DataFrame:
        """Families bought by the same customers: `associations.associations`."""
        return associations.associations(self.bought)

    @property
    def named_pairs(self) -> pd.DataFrame:
        """Those told, each pair once: the direction of the higher confidence."""
        t = self.associated[self.associated.told]
        return t.sort_values(
            ["lift", "confidence", "family_a"], ascending=[False, False, True]
        ).drop_duplicates(["count_both", "lift", "p_value"], ignore_index=True)

    @property
    def tried_count(self) -> int:
        """Pairs of families that were looked at."""
        count = len(self.bought.names)
        return count * (count - 1) // 2

    @computed
    def trial(self) -> associations.Trial:
        """The next family, tried on the last year."""
        return associations.next_family_trial(self.pairs)

    @computed
    def moved(self) -> ir.Table:
        """Customers of the last 12 months and the 12 before: `movement.customer_movement`."""
        moved = series.moved(self.book, self.book.periods.yearly)
        return self.book.kept("customer_movement", moved)

    @computed
    def loyalty(self) -> pd.DataFrame:
        """Retention by number of families: `families.loyalty_by_families`."""
        return families.loyalty_by_families(self.pairs, self.moved)

    @computed
    def penetration(self) -> pd.DataFrame:
        """Share of each ABC class that buys the largest families: `families.penetration`."""
        p = self.parameters
        classes = concentration.abc_classes(series.moved(self.book), p.abc_cut_a, p.abc_cut_b)
        groups = classes.select("customer_id", group="abc_class")
        t = families.penetration(self.pairs, groups)
        sums = self.pairs.group_by("family").agg(revenue=self.pairs.revenue.sum())
        largest = sums.order_by(ibis.desc("revenue"), "family").limit(NAMED_FAMILIES).execute()
        wide = t.pivot(index="family", columns="group", values="penetration_rate")
        wide.columns = [f"class_{name.lower()}" for name in wide.columns]
        columns = ["class_a", "class_b", "class_c"]
        return wide.reindex(pd.Index(largest.family)).reindex(columns=columns)

    @property
    def holders(self) -> ir.Table:
        """customer_id of those with a contract that runs at the audit date; nobody without the
        table.
        """
        if not self.book.has("contracts"):
            return ibis.memtable([], schema={"customer_id": "string"})
        t = recurring.monthly_recurring(self.book.table("contracts"), [self.book.as_of])
        return t.select("customer_id").distinct()

    @computed
    def attached(self) -> pd.DataFrame:
        """Contracts attached to what was sold: `families.contract_attachment`."""
        return families.contract_attachment(self.pairs, self.holders)

    @computed
    def unattached_list(self) -> ir.Table:
        """Accounts without a contract, and that may be called: what they bought in 12 months of
        families of which others hold one, largest first, with their one decision.
        """
        often = list(self.attached.family[self.attached.attached_count > 0])
        t = self.pairs.filter(self.pairs.family.isin(often)).anti_join(self.holders, "customer_id")
        t = t.group_by("customer_id").agg(family_revenue=t.revenue.sum())
        decided = self.decided.select("customer_id", *DECIDED)
        t = but(t.filter(t.family_revenue > 0).join(decided, "customer_id"), LEFT_ALONE)
        return t.order_by(ibis.desc("family_revenue"), "customer_id")

    @computed
    def unattached(self) -> pd.DataFrame:
        """The first of them."""
        return self.first(self.unattached_list)

    @computed
    def prices(self) -> ir.Table:
        """Mean price of each family and account beside the year before: `families.price_moves`."""
        return families.price_moves(self.pairs)

    @computed
    def prices_by_family(self) -> pd.DataFrame:
        """The same by family: `families.price_by_family`."""
        return families.price_by_family(self.prices)

    # --- accounts

    @computed
    def decided(self) -> ir.Table:
        """The one decision an account: `decisions.decisions`."""
        return decisions(self.book, self.parameters.policy)

    def first(self, t: ir.Table) -> pd.DataFrame:
        """The first rows of a list in its order."""
        return frame(t.limit(LIST_LIMIT))

    @computed
    def opportunities_list(self) -> ir.Table:
        """The accounts whose one decision is to offer a family, dearest first."""
        chosen = self.decided.filter(self.decided.action == "develop")
        named = chosen.select("customer_id", "name", "salesperson")
        t = next_families_of(self.book).join(named, "customer_id")
        return t.order_by(*most_first(t, "expected_margin"))

    @computed
    def opportunities(self) -> pd.DataFrame:
        """The first of them."""
        return self.first(self.opportunities_list)

    @computed
    def offers(self) -> dict[str, float | None]:
        """How many accounts to offer a family (count), how many are decided to be offered one
        (decided), and the margin to expect: 0 of nobody, None where no cost is known.
        """
        t = self.opportunities_list
        margin = t.expected_margin.sum().fill_null(0.0)
        told = t.agg(count=t.count(), margin=margin).execute().iloc[0]
        decided = self.decided.filter(self.decided.action == "develop").count().execute()
        costed = margin_rates(self.pairs).notna().any()
        return {
            "count": int(told["count"]),
            "decided": int(decided),
            "margin": float(told.margin) if costed else None,
        }

    @computed
    def rhythms(self) -> ir.Table:
        """Rhythm of each family that an account bought in the last 12 months: a family silent for
        longer has been given up, which the gap list tells.
        """
        t = reorders.family_rhythms(self.book.table("sales"), self.family, self.book.as_of)
        sold = self.pairs.filter(self.pairs.bought)
        sold = sold.select("customer_id", "family", family_revenue="revenue")
        return reorders.reorders_due(t.join(sold, ["customer_id", "family"]))

    @computed
    def due_list(self) -> ir.Table:
        """The families due, of accounts that may be called and still order, with their names and
        decision, largest revenue of the family in the last 12 months first.
        """
        t = self.decided.select("customer_id", *DECIDED, *SPEAKS)
        # an account that is silent altogether is no family to ask for
        lost, silent = t.status == "lost", t.silence_ratio >= SILENT
        t = t.filter(~(lost.fill_null(False) | silent.fill_null(False)))
        t = but(t, ["leave_alone", "do_not_chase", "last_chance", "wait"]).drop(*SPEAKS)
        t = self.rhythms.filter(self.rhythms.due).join(t, "customer_id")
        last = [*DECIDED, "family_revenue"]
        t = t.select(*(name for name in t.columns if name not in last), *last)
        return t.order_by(ibis.desc("family_revenue"), "customer_id", "family")

    @computed
    def due(self) -> pd.DataFrame:
        """The first of them."""
        return self.first(self.due_list)

    @computed
    def due_counts(self) -> dict[str, float]:
        """Families with a rhythm (rhythms), those due, how many luck would make, and those of the
        list (listed).
        """
        t = self.rhythms
        due, luck = t.due.sum().fill_null(0), t.chance.sum().fill_null(0.0)
        told = t.agg(rhythms=t.count(), due=due, luck=luck).execute().iloc[0]
        return {**told, "listed": int(self.due_list.count().execute())}

    # --- baskets

    @computed
    def bounds(self) -> list[float]:
        """Limits of the bands of mean baskets, those of the orders of the audit period."""
        orders = baskets.orders_in_current(self.book.orders, self.book.periods)
        return baskets.basket_bounds(orders, self.parameters.basket_band_count)

    @computed
    def bands(self) -> ir.Table:
        """Customers by mean basket and frequency in both years: `migration.basket_frequency`."""
        return migration.basket_frequency(self.moved, self.bounds).order_by("customer_id")

    @computed
    def grid(self) -> pd.DataFrame:
        """Customers and revenue of each band of mean baskets and of frequency of the last year."""
        t = self.bands.filter(self.bands.basket_band >= 0)
        t = t.group_by("basket_band", "frequency_band").agg(
            customer_count=t.count(), revenue=t.revenue.sum()
        )
        return t.order_by("basket_band", "frequency_band").execute()

    def migrated(self, kind: str) -> pd.DataFrame:
        """How customers moved between bands (basket, frequency): `migration.migration`."""
        names = {"before": f"{kind}_band_previous", "after": f"{kind}_band"}
        return migration.migration(self.bands.rename(names))

    @computed
    def basket_moves(self) -> migration.Moves:
        """Up and down between bands of baskets, beside luck."""
        return migration.moves(self.migrated("basket"))

    @computed
    def frequency_moves(self) -> migration.Moves:
        """Up and down between bands of frequency, beside luck."""
        return migration.moves(self.migrated("frequency"))

    # --- classes, a year ago and at the last audit

    def classes_of(self, years: int) -> dict[str, ir.Table]:
        """ABC class and RFM segment of the 12 months that ended so many years ago: customer_id,
        class.
        """
        p, periods = self.parameters, self.book.periods.yearly.earlier(years)
        cube = self.book.cube.filter(self.book.cube.audit_month >= 12 * years)
        cube = cube.mutate(audit_month=cube.audit_month - 12 * years)
        moved = movement.customer_movement(cube, periods)
        classes = concentration.abc_classes(moved, p.abc_cut_a, p.abc_cut_b)
        scores = segments.rfm_scores(segments.customer_activity(moved, periods.as_of))
        found = {"abc": classes.rename({"class": "abc_class"})}
        found["rfm"] = scores.rename({"class": "segment"})
        return {name: t.select("customer_id", "class") for name, t in found.items()}

    @computed
    def changes_of_class(self) -> ir.Table:
        """Who changed class: the kind (abc, rfm: since a year ago; abc_audit, strategy_audit: since
        the earlier report), class_before, class_after, name and money of both years; in the order
        of KINDS.
        """
        parts = dict[str, ir.Table]()
        if self.book.covers("sales", self.book.periods.yearly.previous.start):
            now, then = self.classes_of(0), self.classes_of(1)
            parts = {name: migration.class_changes(then[name], now[name]) for name in now}
        if self.earlier is not None and self.earlier.has_list("strategy"):
            listed = self.earlier.read_list("strategy", "", texts="customer_id strategy abc_class")
            t = decisions(self.book, self.parameters.policy)
            for kind, name in (("strategy_audit", "strategy"), ("abc_audit", "abc_class")):
                before = listed.rename(columns={name: "class"})[["customer_id", "class"]]
                after = t.filter(t[name].notnull()).select("customer_id", **{"class": t[name]})
                parts[kind] = migration.class_changes(
                    ibis.memtable(before[before["class"] != ""], schema=CLASSES), after
                )
        found = [
            t.select("customer_id", "class_before", "class_after", kind=ibis.literal(kind))
            for kind, t in parts.items()
        ]
        t = ibis.union(*found) if len(found) > 1 else ibis.memtable([], schema=CHANGES)
        t = joined(
            t,
            Part(self.moved, dict.fromkeys(MONEY, "float64")),
            Part(self.book.customers, {"name": "string", "salesperson": "string"}),
        )
        t = t.select(
            "kind", "customer_id", "class_before", "class_after", *MONEY, "name", "salesperson"
        )
        if parts:
            t = self.book.kept("class_changes", t)
        order = ibis.cases(*((t.kind == kind, place) for place, kind in enumerate(KINDS)))
        return t.order_by(order, "customer_id")

    @computed
    def class_table(self) -> pd.DataFrame:
        """Customers and money by kind and pair of classes that differ, largest gap of a kind
        first; segments only stand in the list, where their names are.
        """
        t = self.changes_of_class
        t = t.filter((t.class_before != t.class_after) & (t.kind != "rfm"))
        t = t.group_by("kind", "class_before", "class_after").agg(
            customer_count=t.count(), **{name: t[name].sum().fill_null(0.0) for name in MONEY}
        )
        largest = t.sales_gap.abs().desc()
        return t.order_by("kind", largest, "class_before", "class_after").execute()

    @computed
    def abc_moves(self) -> migration.Moves:
        """Up and down between ABC classes in a year, beside luck."""
        t = self.changes_of_class
        t = t.filter(t.kind == "abc")
        before, after = (
            ibis.cases(*((t[name] == each, place) for place, each in enumerate("CBA")), else_=-1)
            for name in ("class_before", "class_after")
        )
        return migration.moves(migration.migration(t.mutate(before=before, after=after)))

    @computed
    def strategies_changed(self) -> tuple[int, int]:
        """Customers of both audits that have another strategy, and all of both."""
        t = self.changes_of_class
        there = (t.class_before != migration.NOT_THERE) & (t.class_after != migration.NOT_THERE)
        t = t.filter((t.kind == "strategy_audit") & there)
        found = t.agg(
            changed=(t.class_before != t.class_after).sum().fill_null(0), both=t.count()
        ).execute()
        return int(found.changed[0]), int(found.both[0])

    # --- what is published

    @computed
    def figures(self) -> dict[str, Any]:
        """The published figures."""
        trial = self.trial if self.family and self.foretold else None
        pair_count = len(self.named_pairs) if self.family else None
        told = growth_figures(self.offers if trial else None, trial, pair_count)
        return measured(self.book, told)

    @computed
    def ranges(self) -> dict[str, tuple[float, float]]:
        """Their intervals."""
        return {"next_family_hit_rate": self.trial.interval} if self.foretold else {}
