"""What each account is worth, and which strategy it gets: tables of the engine, and of them the
heads, sums and counts that are shown, each computed when it is first read.
"""

from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from carnet.book.book import Book
from carnet.book.mapped import frame
from carnet.customers.accounts import account_list, capital, indicators
from carnet.customers.columns import most_first
from carnet.customers.decisions import HELD, LEFT_ALONE, but
from carnet.customers.figures import figures_of, measured
from carnet.engagement.parameters import Parameters
from carnet.engagement.profiles import Sector
from carnet.engagement.records import LIST_LIMIT
from carnet.measures.portfolio import customer_capital, strategy
from carnet.measures.register import computed

STRATEGIES = ("renegotiate", "rekindle", "protect", "serve")  # in the order in which they are read
STABLE = 0.95  # of the weights drawn, in which a first customer stays first


@dataclass(frozen=True)
class AccountStudy:
    """Accounts with their strategy, relationships, potential, customer capital."""

    book: Book
    parameters: Parameters

    @property
    def sector(self) -> Sector:
        """The profile of the sector: its axes, criteria, weights and rules."""
        return self.book.engagement.sector_profile

    @computed
    def rules(self) -> dict[str, float]:
        """The rules of the strategies, those of the parameter replaced."""
        chosen = self.parameters.strategy_rules
        return account_list.chosen_rules(self.sector.strategy, chosen)

    @property
    def weights(self) -> dict[str, float]:
        """The weights of the axes."""
        return {name: axis.weight for name, axis in self.sector.axes.items()}

    @computed
    def accounts(self) -> ir.Table:
        """The account list with strategies, action, axes, capital, and the ranks over the weights
        drawn: `capital.account_capital`.
        """
        p = self.parameters
        return capital.account_capital(self.book, p.policy, p.top_count, p.weight_spread)

    @computed
    def totals(self) -> pd.Series:
        """What is counted and summed of all accounts: see `_totals`."""
        return _totals(self.accounts, list(self.sector.axes)).execute().iloc[0]

    def first(self, t: ir.Table, *order: Any, count: int = LIST_LIMIT) -> pd.DataFrame:
        """The first accounts of a part in some order, largest first without one."""
        return frame(t.order_by(*(order or account_list.LARGEST_FIRST)).limit(count))

    # --- capital

    @computed
    def judged(self) -> ir.Table:
        """The accounts with a capital and a revenue."""
        t = self.accounts
        return t.filter(t.capital.notnull() & (t.revenue > 0))

    @computed
    def best(self) -> pd.DataFrame:
        """The first of them by capital."""
        return self.first(self.judged, "capital_rank")

    @computed
    def by_axis(self) -> pd.DataFrame:
        """How far the ranking hangs on each axis: `capital.axis_dependence`."""
        p = self.parameters
        return capital.axis_dependence(self.book, p.policy, p.top_count, p.weight_spread)

    @property
    def unmeasured_axes(self) -> list[str]:
        """The axes of which nothing is known."""
        return [name for name in self.sector.axes if not self.totals[f"{name}_count"]]

    # --- strategies

    @computed
    def by_strategy(self) -> pd.DataFrame:
        """Accounts and money by strategy: `strategy.strategy_table`."""
        return frame(strategy.strategy_table(self.accounts))

    @computed
    def parts(self) -> dict[str, pd.DataFrame]:
        """The first accounts of each strategy: those to renegotiate and to rekindle by what they
        cost and were.
        """
        t = self.accounts
        orders = {
            "renegotiate": most_first(t, "profit_or_margin", rising=True),
            "rekindle": most_first(t, "peak_revenue"),
        }
        return {
            name: self.first(t.filter(t.strategy == name), *orders.get(name, ()))
            for name in STRATEGIES
        }

    @computed
    def chance(self) -> float:
        """Accounts that luck alone makes look once bigger: `account_list.chance_fallen`."""
        return account_list.chance_fallen(self.book, self.accounts, self.rules)

    @computed
    def relations(self) -> pd.DataFrame:
        """The largest accounts that are relationships."""
        t = self.accounts
        return self.first(t.filter(t.relationship))

    @computed
    def unpaid(self) -> list[str]:
        """The largest relationships that do not pay for themselves."""
        t = self.accounts
        return list(self.first(t.filter(t.relationship & (t.profit_high < 0)), count=3).name)

    @property
    def relations_told(self) -> bool:
        """True unless there are accounts of class A or B, and of none of them it is known."""
        return not self.totals.sizeable_count or self.totals.told_count > 0

    @computed
    def load(self) -> pd.DataFrame:
        """Relationships of each salesperson against the cap: `strategy.relationship_load`."""
        return frame(strategy.relationship_load(self.accounts, self.rules["relationship_cap"]))

    @computed
    def threads(self) -> pd.DataFrame:
        """The largest accounts that hang on one person who orders."""
        t = self.accounts
        return self.first(t.filter(t.single_thread & (t.revenue > 0)))

    @property
    def persons_noted(self) -> bool:
        """True where the persons behind orders are noted."""
        return bool(self.totals.person_count > 0)

    # --- potential

    @computed
    def by_potential(self) -> pd.DataFrame:
        """Revenue class against potential class: `strategy.crossed_matrix`."""
        return frame(strategy.crossed_matrix(self.accounts))

    @property
    def potential_grid(self) -> pd.DataFrame:
        """The same as a grid of counts; no such pair: nobody."""
        t = self.by_potential
        if not len(t):
            return t
        grid = t.pivot(index="abc_class", columns="potential_class", values="customer_count")
        return grid.fillna(0).astype(int)

    @computed
    def untapped(self) -> pd.DataFrame:
        """Active accounts with a potential, most left to buy first."""
        t = self.accounts
        t = t.filter(t.active & t.potential_class.notnull())
        return self.first(t, *most_first(t, "untapped"))

    @computed
    def sleeping(self) -> tuple[int, float]:
        """Customers of the list that bought nothing in two years, and their potential."""
        return indicators.sleeping_potential(self.book, self.accounts)

    @computed
    def indicators(self) -> dict[str, object]:
        """What the nine indicators need: `indicators.indicator_values`."""
        return indicators.indicator_values(self.book, self.totals)

    # --- names

    def _once_largest(self, t: ir.Table) -> list[str]:
        """The first names of a part, those once largest first."""
        count = self.parameters.name_count
        return list(self.first(t, *most_first(t, "peak_revenue"), count=count).name)

    @computed
    def names(self) -> dict[str, list[str]]:
        """The first names that a sentence may quote of those to rekindle and to renegotiate."""
        t = but(self.accounts, HELD)
        return {
            "rekindle": self._once_largest(t.filter((t.strategy == "rekindle") & t.active)),
            "renegotiate": self._once_largest(t.filter(t.action == "renegotiate")),
        }

    @computed
    def to_act_on(self) -> dict[str, list[str]]:
        """The first names whose one decision is to rekindle, to renegotiate,
        and relationships on one person.
        """
        t = but(self.accounts, LEFT_ALONE)
        return self.names | {
            "rekindle": self._once_largest(t.filter(t.action == "rekindle")),
            "threads": self._once_largest(t.filter(t.relationship & t.single_thread)),
        }

    # --- what is published

    @computed
    def figures(self) -> dict[str, Any]:
        """The published figures."""
        figures = figures_of(strategy.strategy_figures(self.accounts))
        figures |= figures_of(customer_capital.portfolio_capital(self.accounts))
        return measured(self.book, figures)


def _totals(t: ir.Table, axes: list[str]) -> ir.Table:
    """One row: of all accounts their number, revenue and what is known of how many (of each axis,
    too); of those of a kind their number and money.
    """
    kinds = {
        "relationship": t.relationship.fill_null(False),
        "rekindle": t.strategy == "rekindle",
        "renegotiate": t.strategy == "renegotiate",
        "thread": t.single_thread.fill_null(False) & (t.revenue > 0),
        "sizeable": t.abc_class.isin(["A", "B"]).fill_null(False),
        "priced": t.active & t.profit_or_margin.notnull(),
    }
    held, once_bigger = kinds["relationship"], kinds["rekindle"]
    possible = (t.potential > 0).fill_null(False)
    counts = {f"{name}_count": kind.sum() for name, kind in kinds.items()}
    counts |= {
        "told_count": (kinds["sizeable"] & t.relationship.notnull()).sum(),
        "unpaid_count": (held & (t.profit_high < 0)).sum(),
        "paying_count": (kinds["priced"] & (t.profit_or_margin > 0)).sum(),
        "paid_count": (held & (t.profit_low >= 0)).sum(),
        "buying_count": (once_bigger & t.active).sum(),
        "person_count": t.single_thread.count(),
        "classed_count": t.potential_class.count(),
        "stable_count": (t.top_share >= STABLE).sum(),
    }
    counts |= {f"{name}_count": t[name].count() for name in axes}
    sums = {
        "revenue": t.revenue.sum(),
        "bought": ibis.greatest(t.revenue, 0.0).sum(),
        "relationship_revenue": held.ifelse(t.revenue, 0.0).sum(),
        "thread_revenue": kinds["thread"].ifelse(t.revenue, 0.0).sum(),
        "fallen": once_bigger.ifelse(t.peak_revenue - t.rolling_year_revenue, 0.0).sum(),
        "unprofitable": kinds["renegotiate"].ifelse(t.profit_or_margin, 0.0).sum(),
        "potential": possible.ifelse(t.potential, 0.0).sum(),
        "potential_revenue": possible.ifelse(t.revenue, 0.0).sum(),
        "potential_revenue_previous": possible.ifelse(t.revenue_previous, 0.0).sum(),
    }
    told = {name: value.fill_null(0) for name, value in (counts | sums).items()}
    return t.agg(count=t.count(), mean_mark=t.score.mean(), **told)
