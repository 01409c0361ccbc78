"""What customers buy, and what each could buy next, as frames:
each computed when it is first read.
"""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from carnet.book.book import Book
from carnet.book.earlier import Published
from carnet.customers import series
from carnet.customers.accounts.groups import CUTS, cuts_of
from carnet.customers.decisions import NAMED, decided_frame, may_be_called
from carnet.customers.figures import measured
from carnet.customers.growth.next_family import (
    can_foretell,
    family_of,
    family_pairs,
    next_families_of,
)
from carnet.customers.objectives import offer_progress
from carnet.engagement.parameters import Parameters
from carnet.measures.growth import associations, families, migration, reorders
from carnet.measures.growth.figures import growth_figures
from carnet.measures.indicators import recurring
from carnet.measures.portfolio import baskets, concentration, movement, segments
from carnet.measures.register import computed

SILENT = 2  # times its own rhythm, from which an account as a whole is silent
MOST_GROUPS = 40  # of a cut that is charted
NAMED_FAMILIES = 12  # largest families of a table of families by class
# of a decision
READ = (*NAMED, "name", "salesperson", "silence_ratio", "status", "strategy", "abc_class")


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
    def pairs(self) -> pd.DataFrame:
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
    def associated(self) -> pd.DataFrame:
        """Families bought by the same customers: `associations.associations`."""
        return associations.associations(self.pairs[self.pairs.bought.astype(bool)])

    @property
    def named_pairs(self) -> pd.DataFrame:
        """Those told, each pair once: the direction of the higher confidence."""
        t = self.associated[self.associated.told]
        return t.sort_values(
            ["lift", "confidence", "family_a"], ascending=[False, False, True]
        ).drop_duplicates(["count_both", "lift", "p_value"], ignore_index=True)

    @computed
    def trial(self) -> associations.Trial:
        """The next family, tried on the last year."""
        return associations.next_family_trial(self.pairs)

    @computed
    def moved(self) -> pd.DataFrame:
        """Customers of the last 12 months and the 12 before: `movement.customer_movement`."""
        moved = series.moved(self.book, self.book.periods.yearly)
        return moved.order_by("customer_id").execute()

    @computed
    def loyalty(self) -> pd.DataFrame:
        """Retention by number of families: `families.loyalty_by_families`."""
        return families.loyalty_by_families(self.pairs, self.moved)

    @computed
    def penetration(self) -> pd.DataFrame:
        """Share of each ABC class that buys the largest families: `families.penetration`."""
        p = self.parameters
        classes = concentration.abc_classes(series.moved(self.book), p.abc_cut_a, p.abc_cut_b)
        groups = classes.execute()[["customer_id", "abc_class"]]
        t = families.penetration(self.pairs, groups.rename(columns={"abc_class": "group"}))
        largest = self.pairs.groupby("family").revenue.sum().nlargest(NAMED_FAMILIES).index
        wide = t.pivot(index="family", columns="group", values="penetration_rate")
        wide.columns = [f"class_{name.lower()}" for name in wide.columns]
        return wide.reindex(largest).reindex(columns=["class_a", "class_b", "class_c"])

    @computed
    def holders(self) -> list[str]:
        """Customers with a contract that runs at the audit date; nobody without the table."""
        if not self.book.has("contracts"):
            return []
        contracts, as_of = self.book.table("contracts"), self.book.as_of
        t = recurring.monthly_recurring(contracts, [as_of]).execute()
        return list(t.customer_id)

    @computed
    def attached(self) -> pd.DataFrame:
        """Contracts attached to what was sold: `families.contract_attachment`."""
        return families.contract_attachment(self.pairs, self.holders)

    @computed
    def unattached(self) -> pd.DataFrame:
        """Accounts without a contract, and that may be called: what they bought in 12 months of
        families of which others hold one, largest first, with their one decision.
        """
        often = set(self.attached.family[self.attached.attached_count > 0])
        t = self.pairs[self.pairs.family.isin(often) & ~self.pairs.customer_id.isin(self.holders)]
        t = t.groupby("customer_id", as_index=False).agg(family_revenue=("revenue", "sum"))
        decided = self.decided[["customer_id", "name", "salesperson", "action"]]
        t = t[t.family_revenue > 0].merge(decided, on="customer_id")
        t = t[may_be_called(self.decided, t.customer_id)]
        order = ["family_revenue", "customer_id"]
        return t.sort_values(order, ascending=[False, True], ignore_index=True)

    @computed
    def prices(self) -> pd.DataFrame:
        """Mean price of each family and account beside the year before: `families.price_moves`."""
        return families.price_moves(self.pairs)

    @computed
    def prices_by_family(self) -> pd.DataFrame:
        """The same by family: `families.price_by_family`."""
        return families.price_by_family(self.prices)

    # --- accounts

    @computed
    def decided(self) -> pd.DataFrame:
        """The one decision an account, with what is read of it here."""
        return decided_frame(self.book, self.parameters.policy, *READ)

    @computed
    def opportunities(self) -> pd.DataFrame:
        """The accounts whose one decision is to offer a family, dearest first."""
        chosen = self.decided[self.decided.action == "develop"]
        t = next_families_of(self.book).merge(
            chosen[["customer_id", "name", "salesperson"]], on="customer_id"
        )
        order = ["expected_margin", "customer_id"]
        return t.sort_values(order, ascending=[False, True], ignore_index=True)

    @computed
    def rhythms(self) -> pd.DataFrame:
        """Rhythm of each family that an account bought in the last 12 months: a family silent for
        longer has been given up, which the gap list tells.
        """
        t = reorders.family_rhythms(self.book.table("sales"), self.family, self.book.as_of)
        bought = self.pairs[self.pairs.bought.astype(bool)]
        return reorders.reorders_due(t.execute().merge(bought[["customer_id", "family"]]))

    @computed
    def due(self) -> pd.DataFrame:
        """The families due, of accounts that may be called and still order, with their names and
        decision, largest revenue of the family in the last 12 months first.
        """
        decided = self.decided.set_index("customer_id")
        # an account that is silent altogether is no family to ask for
        speaks = ~(decided.silence_ratio.astype(float) >= SILENT) & (decided.status != "lost")
        kept = ~decided.action.isin(["leave_alone", "do_not_chase", "last_chance", "wait"]) & speaks
        t = self.rhythms[self.rhythms.due & self.rhythms.customer_id.map(kept).eq(True)]
        sold = self.pairs.set_index(["customer_id", "family"]).revenue
        keys = pd.MultiIndex.from_frame(t[["customer_id", "family"]])
        t = t.assign(
            name=t.customer_id.map(decided.name),
            salesperson=t.customer_id.map(decided.salesperson),
            action=t.customer_id.map(decided.action),
            family_revenue=sold.reindex(keys).to_numpy(),
        )
        order = ["family_revenue", "customer_id", "family"]
        return t.sort_values(order, ascending=[False, True, True], ignore_index=True)

    # --- baskets

    @computed
    def bounds(self) -> list[float]:
        """Limits of the bands of mean baskets, those of the orders of the audit period."""
        orders = baskets.orders_in_current(self.book.orders, self.book.periods)
        return baskets.basket_bounds(orders, self.parameters.basket_band_count)

    @computed
    def bands(self) -> pd.DataFrame:
        """Customers by mean basket and frequency in both years: `migration.basket_frequency`."""
        return migration.basket_frequency(self.moved, self.bounds)

    def migrated(self, kind: str) -> pd.DataFrame:
        """How customers moved between bands (basket, frequency): `migration.migration`."""
        names = {f"{kind}_band_previous": "before", f"{kind}_band": "after"}
        return migration.migration(self.bands.rename(columns=names))

    @computed
    def basket_moves(self) -> migration.Moves:
        """Up and down between bands of baskets, beside luck."""
        return migration.moves(self.migrated("basket"))

    @computed
    def frequency_moves(self) -> migration.Moves:
        """Up and down between bands of frequency, beside luck."""
        return migration.moves(self.migrated("frequency"))

    # --- classes, a year ago and at the last audit

    def classes_of(self, years: int) -> dict[str, pd.DataFrame]:
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
        found = {name: t.select("customer_id", "class") for name, t in found.items()}
        return {name: t.order_by("customer_id").execute() for name, t in found.items()}

    @computed
    def changes_of_class(self) -> pd.DataFrame:
        """Who changed class: the kind (abc, rfm: since a year ago; abc_audit, strategy_audit: since
        the earlier report), class_before, class_after, name and money of both years.
        """
        now, parts = self.classes_of(0), {}
        year_before = self.book.periods.yearly.previous.start
        if self.book.covers("sales", year_before):
            then = self.classes_of(1)
            parts = {name: migration.class_changes(then[name], now[name]) for name in now}
        if self.earlier is not None and self.earlier.has_list("strategy"):
            listed = self.earlier.read_list("strategy", "", texts="customer_id strategy abc_class")
            for kind, name in (("strategy_audit", "strategy"), ("abc_audit", "abc_class")):
                before, after = (t.rename(columns={name: "class"}) for t in (listed, self.decided))
                parts[kind] = migration.class_changes(
                    before[before["class"] != ""], after[after["class"].notna()]
                )
        columns = ["kind", "customer_id", "class_before", "class_after"]
        if not parts:
            money = ["revenue", "revenue_previous", "sales_gap", "name", "salesperson"]
            return pd.DataFrame(columns=[*columns, *money])
        t = pd.concat([part.assign(kind=kind) for kind, part in parts.items()], ignore_index=True)
        money = self.moved[["customer_id", "revenue", "revenue_previous", "sales_gap"]]
        names = self.book.names(t.customer_id).reindex(columns=["name", "salesperson"])
        t = t[columns].merge(money, on="customer_id", how="left")
        return t.merge(names.reset_index(), on="customer_id", how="left")

    @property
    def class_table(self) -> pd.DataFrame:
        """Customers and money by kind and pair of classes that differ, largest gap of a kind
        first; segments only stand in the list, where their names are.
        """
        t = self.changes_of_class
        t = t[(t.class_before != t.class_after) & (t.kind != "rfm")]
        t = t.groupby(["kind", "class_before", "class_after"], as_index=False).agg(
            customer_count=("customer_id", "size"),
            revenue_previous=("revenue_previous", "sum"),
            revenue=("revenue", "sum"),
            sales_gap=("sales_gap", "sum"),
        )
        order = t.assign(size=-t.sales_gap.abs()).sort_values(["kind", "size"]).index
        return t.loc[order].reset_index(drop=True)

    @computed
    def abc_moves(self) -> migration.Moves:
        """Up and down between ABC classes in a year, beside luck."""
        t, places = self.changes_of_class, {"C": 0, "B": 1, "A": 2}
        t = t[t.kind == "abc"].assign(
            before=lambda r: r.class_before.map(places).fillna(-1).astype(int),
            after=lambda r: r.class_after.map(places).fillna(-1).astype(int),
        )
        return migration.moves(migration.migration(t))

    # --- what is published

    @computed
    def figures(self) -> dict[str, Any]:
        """The published figures."""
        told = growth_figures(
            self.opportunities, self.trial if self.foretold else None, self.named_pairs
        ) if self.family else growth_figures(None, None, None)  # fmt: skip
        return measured(self.book, told)

    @computed
    def ranges(self) -> dict[str, tuple[float, float]]:
        """Their intervals."""
        return {"next_family_hit_rate": self.trial.interval} if self.foretold else {}
