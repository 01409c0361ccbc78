"""What each account is worth, and which strategy it gets, as frames:
each computed when it is first read.
"""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from carnet.book.book import Book
from carnet.book.mapped import frame
from carnet.customers.accounts import account_list, indicators, profits
from carnet.customers.accounts.valued import valued_accounts
from carnet.customers.decisions import NAMED, decided_frame, may_be_called, open_names
from carnet.customers.figures import measured
from carnet.engagement.parameters import Parameters
from carnet.engagement.profiles import Sector
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
    def decided(self) -> pd.DataFrame:
        """One decision an account: `decisions.decisions`."""
        return decided_frame(self.book, self.parameters.policy, *NAMED)

    @computed
    def listed(self) -> pd.DataFrame:
        """The account list with strategies and the action
        decided: `account_list.with_strategies`.
        """
        p = self.parameters
        rates = profits.Rates(p.hourly_rate_low, p.hourly_rate_high, p.capital_rate)
        given = (p.abc_cut_a, p.abc_cut_b, p.strategy_rules, rates)
        t = frame(valued_accounts(self.book, *given).order_by(*account_list.LARGEST_FIRST))
        actions = self.decided.set_index("customer_id").action
        return t.assign(action=t.customer_id.map(actions))

    @computed
    def on_axes(self) -> pd.DataFrame:
        """Each account on the four axes: `customer_capital.axis_scores`."""
        return customer_capital.axis_scores(self.listed, self.sector.axes)

    @computed
    def sensitivity(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """How far the ranking hangs on the weights, account by account and axis by axis."""
        p = self.parameters
        return customer_capital.weight_sensitivity(
            self.on_axes, self.weights, p.top_count, p.weight_spread
        )

    @computed
    def accounts(self) -> pd.DataFrame:
        """The accounts with axes, capital, and the ranks over the weights drawn."""
        index = customer_capital.capital_index(self.on_axes, self.weights)
        return self.listed.join(self.on_axes).join(index).join(self.sensitivity[0])

    # --- capital

    @property
    def judged(self) -> pd.DataFrame:
        """The accounts with a capital and a revenue."""
        t = self.accounts
        return t[t.capital.notna() & (t.revenue > 0)]

    @property
    def unmeasured_axes(self) -> list[str]:
        """The axes of which nothing is known."""
        return [name for name in self.on_axes if not self.on_axes[name].notna().any()]

    @property
    def stable_count(self) -> int:
        """How many of the first customers stay first in most of the weights drawn."""
        return int((self.accounts.top_share >= STABLE).sum())

    # --- strategies

    @computed
    def by_strategy(self) -> pd.DataFrame:
        """Accounts and money by strategy: `strategy.strategy_table`."""
        return strategy.strategy_table(self.accounts)

    def part(self, name: str) -> pd.DataFrame:
        """The accounts of a strategy: those to renegotiate and to rekindle by what they
        cost and were.
        """
        t = self.accounts[self.accounts.strategy == name]
        if name == "renegotiate":
            return t.sort_values(["profit_or_margin", "customer_id"])
        if name == "rekindle":
            return t.sort_values(["peak_revenue", "customer_id"], ascending=[False, True])
        return t

    @computed
    def chance(self) -> float:
        """Accounts that luck alone makes look once bigger: `account_list.chance_fallen`."""
        return account_list.chance_fallen(self.book, self.accounts, self.rules)

    @property
    def relations(self) -> pd.DataFrame:
        """The accounts that are relationships."""
        return self.accounts[self.accounts.relationship.fillna(False).astype(bool)]

    @property
    def relations_told(self) -> bool:
        """True unless there are accounts of class A or B, and of none of them it is known."""
        sizeable = self.accounts.relationship[self.accounts.abc_class.isin(["A", "B"])]
        return not len(sizeable) or bool(sizeable.notna().any())

    @computed
    def load(self) -> pd.DataFrame:
        """Relationships of each salesperson against the cap: `strategy.relationship_load`."""
        return strategy.relationship_load(self.accounts, self.rules["relationship_cap"])

    @property
    def threads(self) -> pd.DataFrame:
        """The accounts that hang on one person who orders."""
        t = self.accounts
        return t[t.single_thread.fillna(False).astype(bool) & (t.revenue > 0)]

    @property
    def persons_noted(self) -> bool:
        """True where the persons behind orders are noted."""
        return bool(self.accounts.single_thread.notna().any())

    # --- potential

    @computed
    def by_potential(self) -> pd.DataFrame:
        """Revenue class against potential class: `strategy.crossed_matrix`."""
        return strategy.crossed_matrix(self.accounts)

    @property
    def potential_grid(self) -> pd.DataFrame:
        """The same as a grid of counts; no such pair: nobody."""
        t = self.by_potential
        if not len(t):
            return t
        grid = t.pivot(index="abc_class", columns="potential_class", values="customer_count")
        return grid.fillna(0).astype(int)

    @property
    def untapped(self) -> pd.DataFrame:
        """Active accounts with a potential, most left to buy first."""
        t = self.accounts[self.accounts.active.astype(bool)]
        t = t[t.potential_class.notna()]
        return t.sort_values(["untapped", "customer_id"], ascending=[False, True])

    @computed
    def sleeping(self) -> tuple[int, float]:
        """Customers of the list that bought nothing in two years, and their potential."""
        return indicators.sleeping_potential(self.book, self.accounts)

    @computed
    def indicators(self) -> dict[str, object]:
        """What the nine indicators need: `indicators.indicator_values`."""
        return indicators.indicator_values(self.book, self.accounts)

    # --- names

    @property
    def names(self) -> dict[str, list[str]]:
        """The first names that a sentence may quote of those to rekindle and to renegotiate."""
        t, count = self.accounts, self.parameters.name_count
        fading = t[(t.strategy == "rekindle") & t.active.astype(bool)]
        order = ["peak_revenue", "customer_id"]
        parts = {"rekindle": fading, "renegotiate": t[t.action == "renegotiate"]}
        return {
            name: open_names(self.decided, part.sort_values(order, ascending=[False, True]), count)
            for name, part in parts.items()
        }

    @property
    def to_act_on(self) -> dict[str, list[str]]:
        """The first names whose one decision is to rekindle, to renegotiate,
        and relationships on one person.
        """
        t, count, order = self.accounts, self.parameters.name_count, ["peak_revenue", "customer_id"]
        single = self.relations[self.relations.single_thread.fillna(False).astype(bool)]
        single = single[may_be_called(self.decided, single.customer_id)]
        single = single.sort_values(order, ascending=[False, True])
        fading = t[t.action == "rekindle"].sort_values(order, ascending=[False, True])
        return self.names | {
            "rekindle": list(fading.name.head(count)),
            "threads": open_names(self.decided, single, count),
        }

    # --- what is published

    @computed
    def figures(self) -> dict[str, Any]:
        """The published figures."""
        figures = strategy.strategy_figures(self.accounts)
        figures["customer_capital_index"] = customer_capital.portfolio_capital(self.judged)
        return measured(self.book, figures)
