"""What keeping customers is worth, for whom, and how it is tested, as frames:
each computed when it is first read.
"""

from dataclasses import dataclass, replace
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from carnet.book.book import Book
from carnet.book.mapped import frame
from carnet.customers import customer_years, series
from carnet.customers.accounts.history import leave_history
from carnet.customers.columns import most_first
from carnet.customers.decisions import (
    LEFT_ALONE,
    TEXTS,
    account_budgets,
    decisions,
    held_out,
    open_names,
)
from carnet.customers.experiments import feasibility, reading
from carnet.customers.experiments.plan import Plan
from carnet.customers.figures import figures_of, measured, with_names
from carnet.customers.retention import customer_value
from carnet.engagement.parameters import Parameters
from carnet.engagement.records import LIST_LIMIT
from carnet.measures.indicators import replacement
from carnet.measures.register import computed
from carnet.measures.retention import experiments, retention_budget
from carnet.wording import unknown

NAN = float("nan")
# what is read of accounts worth an action, and of those not to be chased
CHASED = [
    "customer_id", "name", "salesperson", "yearly_margin", "leave_probability", "save_probability",
    "residual_margin", "regain_margin", "at_most", "action_value", "action", "action_reason",
    "strategy", "next_family",
]  # fmt: skip
DROPPED = [
    "customer_id", "name", "salesperson", "revenue", "yearly_margin", "leave_probability",
    "residual_margin", "action_reason",
]  # fmt: skip
GOOD = ["customer_id", "yearly_revenue", "yearly_margin"]  # read of good customers lost
CHANGES = {
    "halving": ("attrition", 0.5),
    "points": ("points", 0.05),
    "relative": ("relative", 0.05),
}
QUOTED_FROM, QUOTED_TO = 0.8, 0.9  # retention before and after, as the quoted figure has it
# of the curve over attrition: points, and how far it reaches at least
CURVE_POINTS, LEAST_SHOWN = 21, 0.25
OTHER_SHARES = (0.5, 2.0)  # of the assumed shares that an action keeps or brings back
CENT = 0.01
QUOTED_NAMES = 3
RISE = 0.05  # of the retention, whose test is thought through
Win = tuple[str, int, int]  # kind of opportunity, won, decided


@dataclass(frozen=True)
class RetentionStudy:
    """Good customers lost, effects of another attrition, budgets, experiments, what if."""

    book: Book
    parameters: Parameters

    # --- the portfolio

    @computed
    def portfolio(self) -> customer_value.Portfolio:
        """The customers of the last 24 months: `customer_value.portfolio_of`."""
        p = self.parameters
        return customer_value.portfolio_of(self.book, p.abc_cut_a, p.abc_cut_b)

    @property
    def retention_rate(self) -> float:
        """Kept ÷ active in the 12 months before."""
        return self.portfolio.retention_rate

    @property
    def attrition_rate(self) -> float:
        """1 − the retention rate."""
        return 1 - self.retention_rate

    @property
    def margin_known(self) -> bool:
        """True where a yearly margin of any of them is known."""
        return bool(self.portfolio.counts.known)

    @computed
    def good_lost(self) -> pd.DataFrame:
        """The first good customers lost, largest margin first."""
        return frame(self.good_lost_list.limit(LIST_LIMIT))

    @property
    def good_lost_list(self) -> ir.Table:
        """All of them; nameless: its number."""
        t = self.portfolio.customers
        t = with_names(t.filter(t.good & t.left).select(*GOOD), self.book.rolling)
        t = t.mutate(name=t.name.fill_null(t.customer_id)).drop("salesperson")
        return t.order_by(*most_first(t, "yearly_margin"))

    @computed
    def good_lost_count(self) -> int:
        """How many they are."""
        return int(self.good_lost_list.count().execute())

    @computed
    def good_lost_margin(self) -> float:
        """What they brought a year; 0 where none was lost."""
        return float(self.good_lost_list.yearly_margin.sum().fill_null(0.0).execute())

    @computed
    def replaced_by(self) -> dict[str, float]:
        """New customers that replace a good one: `replacement.replacement_ratio`."""
        p = self.parameters
        return customer_value.replacement_of(
            self.book, self.portfolio, p.horizon_years, p.discount_rate
        )

    # --- another attrition

    @computed
    def first_year(self) -> pd.DataFrame:
        """What each change brings in the first year, by its name: `customer_value.effects_of`."""
        return customer_value.effects_of(self.portfolio, CHANGES, 1).set_index("change")

    @computed
    def later_year(self) -> pd.DataFrame:
        """The same in the last year of the horizon."""
        years = self.parameters.horizon_years
        return customer_value.effects_of(self.portfolio, CHANGES, years).set_index("change")

    @property
    def in_profit(self) -> bool:
        """True where a net margin above zero is known."""
        return self.portfolio.net_margin > 0

    @property
    def base(self) -> float:
        """What effects are a share of: the net margin, else the gross margin,
        where above zero; else NaN.
        """
        margins = (self.portfolio.net_margin, self.portfolio.gross_margin)
        return next((amount for amount in margins if amount > 0), NAN)

    @computed
    def curves(self) -> pd.DataFrame:
        """Extra profit over attrition, a year and the horizon on: years, attrition_rate,
        effect (share of `base`, else money).
        """
        horizon = self.parameters.horizon_years
        if unknown(self.attrition_rate):
            return pd.DataFrame(columns=["years", "attrition_rate", "effect"])
        end = min(1.0, max(2 * self.attrition_rate, LEAST_SHOWN))
        grid = np.linspace(0, end, CURVE_POINTS)
        parts = []
        for years in (1, horizon):
            t = self._effects(self.retention_rate, 1 - grid, years)
            effect = t.extra_profit if unknown(self.base) else t.profit_share
            parts.append(t.assign(years=years, attrition_rate=grid, effect=effect))
        return pd.concat(parts, ignore_index=True)

    @computed
    def literal(self) -> dict[int, float]:
        """Extra profit of the change that is quoted, from 80 to 90 % retention,
        by years gone by.
        """
        years = (1, self.parameters.horizon_years)
        return {
            year: self._effects(QUOTED_FROM, [QUOTED_TO], year).extra_profit.iloc[0]
            for year in years
        }

    def _effects(self, rate: float, others: Any, years: int) -> pd.DataFrame:
        found = self.portfolio
        count = int(found.counts.active)
        return replacement.profit_effect(
            rate, others, count, found.inflow, found.leaver_margin, self.base, years
        )

    def worth(self, rate: float, other: float) -> float:
        """How much more a customer is worth at another retention: `replacement.value_effect`."""
        p = self.parameters
        return replacement.value_effect(rate, other, p.horizon_years, p.discount_rate)

    # --- budgets

    @computed
    def accounts(self) -> pd.DataFrame:
        """The accounts with their strategies; no row without sales."""
        if not self.book.has("sales"):
            return pd.DataFrame(columns=["customer_id", "name", "strategy"])
        t = account_budgets(self.book, self.parameters.policy)
        return frame(t.select("customer_id", "name", "strategy").order_by("customer_id"))

    @computed
    def leave_rates(self) -> pd.DataFrame:
        """How many customers this silent left: `retention_budget.leave_rates`,
        with band_end and seen.
        """
        t = retention_budget.leave_rates(leave_history(self.book))
        bands = retention_budget.BANDS
        ends = dict(zip(bands, (*bands[1:], np.nan), strict=True))
        seen = t.left_count / t.customer_count.where(t.customer_count > 0)
        return t.assign(band_end=t.band.map(ends), seen=seen)

    @computed
    def decided(self) -> ir.Table:
        """The one decision an account: `decisions.decisions`; no row without sales, which tell what
        an account is worth.
        """
        if self.book.has("sales"):
            return decisions(self.book, self.parameters.policy)
        kinds = dict.fromkeys((*CHASED, *DROPPED), "float64") | dict.fromkeys(TEXTS, "string")
        nobody = pd.DataFrame(columns=[*kinds, "chase"])
        return ibis.memtable(nobody, schema=kinds | {"chase": "boolean"})

    @property
    def budgets(self) -> ir.Table:
        """The same, largest budget first."""
        return _largest_first(self.decided)

    @property
    def not_chased(self) -> ir.Table:
        """Those of them that are not to be chased, least margin first."""
        t = self.decided.filter(self.decided.action == "do_not_chase")
        return t.order_by(*most_first(t, "yearly_margin", rising=True))

    @computed
    def totals(self) -> pd.Series:
        """Of all accounts: known (yearly margins), told (those with a budget), at_most; of those
        that are to be left alone: spared; of those that something may be spent on: worth (how
        many), spent, action_value; loose (accounts to chase whose budget is above its cap or what
        it may bring).
        """
        t, cap = self.decided, self.parameters.budget_cap_share
        alone, worth = t.action.isin(LEFT_ALONE), t.chase & (t.at_most > 0)
        above = (t.at_most > cap * t.yearly_margin + CENT) | (t.at_most > t.action_value + CENT)
        sums = t.agg(
            known=t.yearly_margin.count(),
            told=(t.at_most.notnull() & t.yearly_margin.notnull()).sum(),
            at_most=t.at_most.sum(),
            spared=(alone & (t.at_most > 0)).sum(),
            worth=t.count(where=worth),
            spent=t.at_most.sum(where=worth),
            action_value=t.action_value.sum(where=worth),
            loose=t.count(where=t.chase & t.at_most.notnull() & above.fill_null(True)),
        )
        return sums.execute().iloc[0].fillna(0.0)  # of nobody: nothing is counted

    @property
    def budgets_known(self) -> bool:
        """True where a yearly margin of any account is known."""
        return bool(self.totals.known > 0)

    @computed
    def chased(self) -> pd.DataFrame:
        """The first accounts that something may be spent on, largest budget first."""
        worth = self.decided.filter(self.decided.chase & (self.decided.at_most > 0))
        return frame(_largest_first(worth).select(*CHASED).limit(LIST_LIMIT))

    @computed
    def dropped(self) -> pd.DataFrame:
        """The first of those not to be chased, least margin first."""
        return frame(self.not_chased.select(*DROPPED).limit(LIST_LIMIT))

    @computed
    def drop_reasons(self) -> dict[str, int]:
        """Why accounts are not to be chased, and how many for each reason."""
        t = self.not_chased.group_by("action_reason").agg(count=lambda t: t.count()).execute()
        return dict(zip(t.action_reason, t["count"], strict=True))

    @computed
    def largest_dropped(self) -> list[str]:
        """Names of the largest of them, by revenue of a year."""
        t = self.not_chased.select("customer_id", "name", "revenue")
        return list(t.order_by(*most_first(t, "revenue")).limit(QUOTED_NAMES).execute().name)

    @computed
    def other_totals(self) -> dict[float, float]:
        """The budget in all with half and with twice the shares that actions
        are assumed to keep.
        """
        policy = self.parameters.policy
        totals = {}
        for factor in OTHER_SHARES:
            other = replace(
                policy,
                save_rate=min(1.0, policy.save_rate * factor),
                win_back_rate=min(1.0, policy.win_back_rate * factor),
            )
            total = decisions(self.book, other).at_most.sum().execute()
            totals[factor] = NAN if unknown(total) else float(total)
        return totals

    # --- tests

    @computed
    def feasible(self) -> pd.DataFrame:
        """What a test could show, strategy by strategy: `feasibility.feasibility`."""
        days = self.parameters.experiment_days
        return feasibility.feasibility(self.book, self.accounts, days)

    @property
    def able(self) -> pd.DataFrame:
        """The strategies that have accounts enough to show an effect of a quarter."""
        return self.feasible[self.feasible.needed_per_arm <= self.feasible.treated]

    @computed
    def customers_for_a_rise(self) -> float:
        """Customers an arm, to show retention rise by 5 points;
        NaN where the rate is next to 0 or 1.
        """
        rate = self.retention_rate
        if not 0 < rate < 0.99:
            return NAN
        return experiments.arm_size_for_rates(rate, min(rate + RISE, 0.999))

    @computed
    def planned(self) -> tuple[list[tuple[Plan, dict | None]], list[str]]:
        """The experiments of the engagement with what came of them, and why others are left out."""
        return reading.planned(self.book)

    # --- what if

    @computed
    def what_if(self) -> pd.DataFrame:
        """Profit over retention, acquisition cost and margin: `replacement.what_if`;
        no row where an input is not known.
        """
        p, found = self.parameters, self.portfolio
        new_count = int(found.counts.new)
        now = replacement.Situation(
            retention_rate=self.retention_rate,
            customers=int(found.counts.active),
            inflow=found.inflow,
            new_customers=new_count,
            leaver_margin=found.leaver_margin,
            gross_margin=found.gross_margin,
            revenue=found.revenue,
            fixed_cost=found.fixed_cost,
            acquisition_cost=found.acquisition_cost,
        )
        known = not any(unknown(value) for value in vars(now).values())
        if not known or not new_count or not found.gross_margin:
            return pd.DataFrame()
        sizes = (p.retention_step, p.acquisition_step, p.margin_step)
        rates, costs, margins = (tuple(sign * size for sign in (-1, 0, 1)) for size in sizes)
        costs = costs if found.acquisition_cost > 0 else (0.0,)
        return replacement.what_if(now, replacement.Steps(rates, costs, margins), 1)

    # --- famous figures of this book

    @computed
    def wins(self) -> pd.DataFrame | None:
        """Opportunities won with customers and with prospects: `contacts.win_rates`."""
        return customer_value.win_rates_of(self.book)

    @computed
    def ltv_to_cac(self) -> float:
        """Lifetime value to acquisition cost, of the audit period."""
        return series.audit_series(self.book).iloc[-1].ltv_to_cac

    @property
    def kept_of(self) -> tuple[int, int]:
        """Customers kept, and those of the 12 months before."""
        return int(self.portfolio.counts.kept), int(self.portfolio.counts.before)

    @property
    def start(self) -> Any:
        """The first day of the last 12 months."""
        return customer_years.rolling_periods(self.book).current.start

    # --- what is published

    def names(self, customers: pd.DataFrame) -> list[str]:
        """The first names of a list that a sentence may quote."""
        decided = held_out(self.book, self.parameters.policy)
        return open_names(decided, customers, self.parameters.name_count)

    @computed
    def figures(self) -> dict[str, Any]:
        """The published figures."""
        lost_margin = None
        if self.portfolio.counts["count"] and self.margin_known:
            lost_margin = self.good_lost_margin
        values: dict[str, Any] = {
            "replacement_ratio": self.replaced_by["ratio"],
            "good_margin_lost": lost_margin,
        }
        extra = self.first_year.extra_profit
        values |= {f"{name}_profit_effect": extra[name] for name in CHANGES}
        if self.budgets_known:
            values |= figures_of(retention_budget.budget_figures(self.decided))
        if self.wins is not None:
            names = ("existing_win_rate", "prospect_win_rate")
            values |= dict(zip(names, self.wins.win_rate, strict=True))
        return measured(self.book, values)

    @computed
    def ranges(self) -> dict[str, tuple[Any, Any]]:
        """Their intervals."""
        first, ratio = self.first_year, self.replaced_by
        ranges = {"replacement_ratio": (ratio["low"], ratio["high"])} | {
            f"{name}_profit_effect": (first.low[name], first.high[name]) for name in CHANGES
        }
        if self.wins is not None:
            names = ("existing_win_rate", "prospect_win_rate")
            ends = zip(self.wins.win_low, self.wins.win_high, strict=True)
            ranges |= dict(zip(names, ends, strict=True))
        return {name: ends for name, ends in ranges.items() if name in self.figures}


def _largest_first(t: ir.Table) -> ir.Table:
    return t.order_by(*most_first(t, "at_most"))
