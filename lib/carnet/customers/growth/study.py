"""What customers buy, and what each could buy next, as frames:
each computed when it is first read.
"""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from carnet.book.book import Book
from carnet.customers import series
from carnet.customers.accounts.groups import CUTS, cuts_of
from carnet.customers.decisions import decisions
from carnet.customers.figures import measured
from carnet.customers.growth.next_family import (
    can_foretell,
    family_of,
    family_pairs,
    next_families_of,
)
from carnet.engagement.parameters import Parameters
from carnet.measures.growth import associations, families, migration, reorders
from carnet.measures.growth.figures import growth_figures
from carnet.measures.portfolio import baskets, concentration
from carnet.measures.register import computed

NAMED_FAMILIES = 12  # largest families of a table of families by class


@dataclass(frozen=True)
class GrowthStudy:
    """Cuts, families and their associations, the next family, prices, reorders, baskets."""

    book: Book
    parameters: Parameters

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
        return series.moved(self.book, self.book.periods.yearly).execute()

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
        """The one decision an account."""
        return decisions(self.book, self.parameters.policy)

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
        """The families due, of accounts that may be called, with their names and decision, largest
        revenue of the family in the last 12 months first.
        """
        decided = self.decided.set_index("customer_id")
        kept = ~decided.action.isin(["leave_alone", "do_not_chase"])
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
