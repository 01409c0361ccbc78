"""How the indicators move, what is signal, how long customers stay, as frames:
each computed when it is first read.
"""

import datetime as dt
from dataclasses import dataclass
from functools import partial
from typing import Any

import ibis.expr.types as ir
import pandas as pd

from carnet.book.book import Book
from carnet.book.mapped import Mapped, frame
from carnet.book.tables import tabled
from carnet.customers import series
from carnet.customers.columns import Part, joined, most_first
from carnet.customers.figures import figures_of, measured, with_names
from carnet.customers.growth.next_family import family_of
from carnet.engagement.parameters import Parameters
from carnet.engagement.periods import GRAINS, Bucket, buckets
from carnet.engagement.records import LIST_LIMIT
from carnet.measures.indicators import cohorts, control_limits, kpi, lifetimes, objectives
from carnet.measures.portfolio import growth
from carnet.measures.portfolio.cuts import LEAST_OPENING
from carnet.measures.register import computed
from carnet.measures.retention import clockwork, purchases, spend
from carnet.measures.statistics import intervals
from carnet.wording import unknown

NAN = float("nan")
CHARTED = ("revenue", "active_customer_count", "average_basket", "net_margin")
SHOWN_YEARS = 3
NAMED = ("customer_id", "name", "salesperson")
EXPECTED = ("expected_order_count", "naive_order_count")
AT_RISK = (*NAMED, "order_probability", *EXPECTED, "revenue", "last_date", "revenue_at_risk")
VALUED = (*NAMED, *EXPECTED, "expected_spend", "expected_revenue")
LIVES = ("repeat_count", "recency_weeks", "age_weeks", "log_interval_sum")
SPENT = ("repeat_count", "mean_spend")
TO_COME = dict.fromkeys(
    ("order_probability", *EXPECTED, "expected_spend", "expected_revenue"), "float64"
)
OLDEST_AGE = 12  # periods since the first order that a chart of cohorts shows
OrderModel = purchases.PurchaseModel | clockwork.ClockworkModel


@dataclass(frozen=True)
class KpiStudy:
    """Indicators by year, quarter and month; limits; objectives;
    cohorts, contracts, orders to come.
    """

    book: Book
    parameters: Parameters

    # --- the series

    @computed
    def years(self) -> pd.DataFrame:
        """Every indicator by fiscal year."""
        return series.period_series(self.book, "year")

    @computed
    def quarters(self) -> pd.DataFrame:
        """Every indicator by quarter."""
        return series.period_series(self.book, "quarter")

    @computed
    def months(self) -> pd.DataFrame:
        """Every indicator by month."""
        return series.period_series(self.book, "month")

    @property
    def grains(self) -> dict[str, pd.DataFrame]:
        """The three of them by their grain."""
        return {"year": self.years, "quarter": self.quarters, "month": self.months}

    @computed
    def audit(self) -> pd.DataFrame:
        """The previous period and the audit period: `series.audit_series`."""
        return series.audit_series(self.book)

    @property
    def before(self) -> pd.Series:
        """The previous period."""
        return self.audit.iloc[0]

    @property
    def now(self) -> pd.Series:
        """The audit period."""
        return self.audit.iloc[1]

    @computed
    def listed(self) -> pd.DataFrame | None:
        """Every indicator of every period as one list; None where no period is known."""
        parts = [kpi.kpi_list(part) for part in self.grains.values() if len(part)]
        return kpi.joined(parts) if parts else None

    @computed
    def headline(self) -> pd.DataFrame:
        """The figures of page one: name, value, previous, low, high, months (of the last two
        years, where every month is known).
        """
        names = ["revenue", self.earned, "active_customer_count", "retention_rate"]
        months = self.months[self.months.complete].tail(24)
        figures, ranges = measured(self.book, {name: self.now[name] for name in names}), self.ranges
        rows = [
            {
                "name": name,
                "value": figures[name],
                "previous": self.before[name] if self.book.previous_is_complete else NAN,
                "low": ranges.get(name, (NAN, NAN))[0],
                "high": ranges.get(name, (NAN, NAN))[1],
                "months": list(months[name]) if months[name].notna().all() else [],
            }
            for name in names
        ]
        return pd.DataFrame(rows)

    @property
    def earned(self) -> str:
        """The figure that says what is earned: the net margin, else the gross one."""
        return "gross_margin" if unknown(self.now.net_margin) else "net_margin"

    # --- signals

    @property
    def fine_grain(self) -> str:
        """The finest grain that has points enough for firm limits, else the year."""
        firm = control_limits.FIRM_POINTS
        grains = ("month", "quarter")
        return next((grain for grain in grains if len(self.grains[grain]) >= firm), "year")

    @computed
    def points(self) -> pd.DataFrame:
        """The complete periods that limits are drawn around."""
        t = self.grains[self.fine_grain]
        return t[t.complete]

    @computed
    def limits(self) -> dict[str, tuple[pd.DataFrame, control_limits.Pattern]]:
        """By indicator, its natural limits and the trend and season taken
        out: `control_limits.limits_around`.
        """
        t, per_year = self.points, 12 // GRAINS[self.fine_grain]
        months = [start.month for start in t.start]
        known = [name for name in CHARTED if t[name].notna().sum() > 1]
        by_label = t.set_index("label")
        return {
            name: control_limits.limits_around(by_label[name], months, per_year) for name in known
        }

    @property
    def audited(self) -> list[str]:
        """Labels of the points within the audited year."""
        return list(self.points.label[self.points.end > self.book.periods.yearly.current.start])

    @property
    def recent_years(self) -> pd.DataFrame:
        """The last complete fiscal years where one ends on the audit date,
        else the two audit periods.
        """
        years = self.years
        if len(years) and years.end.iloc[-1] == self.book.as_of:
            return years[years.complete].tail(SHOWN_YEARS)
        return self.audit

    # --- growth and objectives

    @property
    def change(self) -> float:
        """Change of the customers' revenue between the two periods."""
        return self.now.customer_revenue - self.before.customer_revenue

    @computed
    def split(self) -> pd.DataFrame:
        """Change of revenue by customers, orders and baskets: `growth.growth_decomposition`."""
        return growth.growth_decomposition(self.before, self.now)

    @computed
    def year(self) -> pd.Series:
        """Figures of the last 12 months: `objectives.yearly_values`."""
        whole = self.book.periods == self.book.periods.yearly
        return objectives.yearly_values(self.now, self.months, whole)

    @computed
    def progress(self) -> pd.DataFrame:
        """Each objective against where it should stand: `objectives.target_progress`."""
        ranges = self.rate_ranges | objectives.noise_ranges(self.year, self.months)
        targets = [target for target in self.book.engagement.targets if target.offer is None]
        as_of = self.book.as_of
        return objectives.target_progress(targets, self.year, ranges, self.years, as_of)

    @computed
    def rate_ranges(self) -> dict[str, tuple[float, float]]:
        """Wilson intervals of the rates that are a share of a count."""
        now = self.now
        return {
            rate: intervals.wilson_interval(now[part], now[whole])
            for rate, (part, whole) in kpi.RATES.items()
        }

    # --- cohorts and contracts

    @computed
    def spans(self) -> list[Bucket]:
        """The periods of the cohorts."""
        book, grain = self.book, self.parameters.cohort_grain
        if not book.first_sale:
            return []
        start = book.engagement.fiscal_year_start
        return buckets(book.first_sale, book.as_of, grain, start)

    @computed
    def cohorts(self) -> pd.DataFrame:
        """Cohorts with their intervals, immature cells blank: `cohorts.cohort_table`;
        no row without sales.
        """
        if not self.spans:
            return pd.DataFrame(
                columns=["cohort", "age", "active_rate", "active_count", "customer_count"]
            )
        counts = cohorts.cohort_counts(self.book.orders, self.spans).execute()
        return cohorts.cohort_table(counts, self.spans)

    @property
    def mature(self) -> pd.DataFrame:
        """The cells of later periods that have happened."""
        t = self.cohorts
        return t[(t.age > 0) & t.active_rate.notna()]

    @property
    def young_cohorts(self) -> pd.DataFrame:
        """The cells that a chart shows."""
        return self.cohorts[self.cohorts.age <= OLDEST_AGE]

    @property
    def newcomers_since(self) -> dt.date:
        """The day from which a first order is known to be one: a year of sales lies before it."""
        assert self.book.first_sale
        return self.book.first_sale + dt.timedelta(days=365)

    @computed
    def cohort_values(self) -> pd.DataFrame:
        """What each cohort brought, largest label last: `cohorts.cohort_values`."""
        spans = self.spans
        if not spans:
            columns = "label first_year_revenue payback_months acquisition_total"
            return pd.DataFrame(columns=columns.split())
        costed = not unknown(self.now.gross_margin)
        months = cohorts.cohort_months(self.book.cube, spans, costed).execute()
        whole = self.cohorts[self.cohorts.age == 0].set_index("cohort").customer_count
        costs = self.grains[self.parameters.cohort_grain].set_index("label").acquisition_cost
        return cohorts.cohort_values(months, whole, costs, spans, self.newcomers_since)

    @computed
    def first_orders(self) -> pd.DataFrame:
        """Newcomers by what they began with: `cohorts.first_orders` by family and by channel, with
        again_rate, its interval and revenue a customer; groups of LEAST_OPENING or more.
        """
        book, parts = self.book, []
        columns = [family_of(book), "channel" if book.has("sales", "channel") else ""]
        for column in filter(None, columns if self.spans else []):
            t = cohorts.first_orders(
                book.table("sales"), column, self.newcomers_since, book.as_of
            ).execute()
            parts.append(t.assign(dimension=column))
        if not parts:
            return pd.DataFrame(columns=["dimension", "group", "customer_count"])
        t = pd.concat(parts, ignore_index=True)
        t = t[t.customer_count >= LEAST_OPENING].reset_index(drop=True)
        ends = [
            intervals.wilson_interval(row.again_count, row.customer_count) for row in t.itertuples()
        ]
        return t.assign(
            again_rate=t.again_count / t.customer_count,
            again_low=[low for low, _ in ends],
            again_high=[high for _, high in ends],
            customer_revenue=t.revenue / t.customer_count,
        )

    @computed
    def contracts(self) -> ir.Table | None:
        """Contracts under observation; None where none is listed."""
        return contracts_of(self.book)

    @computed
    def observed(self) -> pd.DataFrame | None:
        """The contracts, executed."""
        return None if self.contracts is None else self.contracts.execute()

    @computed
    def survival(self) -> pd.DataFrame:
        """Share of contracts that still run, by years: `lifetimes.survival_curve`;
        no row without contracts.
        """
        if self.observed is None:
            return pd.DataFrame(columns=["years", "survival", "low", "high", "at_risk"])
        return lifetimes.survival_curve(self.observed)

    @computed
    def stay(self) -> float:
        """Years of the horizon that a contract runs: `lifetimes.restricted_mean_of`."""
        if self.observed is None:
            return NAN
        return lifetimes.restricted_mean_of(self.observed, self.parameters.horizon_years)

    @computed
    def stay_range(self) -> tuple[Any, Any]:
        """Its bootstrap interval."""
        if self.observed is None:
            return None, None
        return lifetimes.restricted_mean_interval(self.observed, self.parameters.horizon_years)

    @computed
    def still(self) -> float:
        """Share of contracts that still run at the horizon."""
        return lifetimes.survival_at(self.survival, self.parameters.horizon_years)

    # --- orders to come

    @property
    def orders(self) -> ir.Table:
        """The orders of customers without a contract."""
        return free_orders(self.book)

    @property
    def cut(self) -> dt.date:
        """The day from which orders are held out."""
        return self.book.as_of - dt.timedelta(weeks=self.parameters.order_weeks)

    @property
    def covered_before(self) -> bool:
        """True where the sales of as many weeks before those held out are in the book."""
        weeks = dt.timedelta(weeks=self.parameters.order_weeks)
        return bool(self.book.covers("sales", self.cut - weeks))

    @computed
    def history(self) -> pd.DataFrame:
        """What the models of orders are fitted on, of each customer today: LIVES."""
        return self._lives(self.book.as_of)

    @computed
    def earlier(self) -> pd.DataFrame:
        """The same before the weeks held out."""
        return self._lives(self.cut)

    def _lives(self, until: dt.date) -> pd.DataFrame:
        t = purchases.purchase_history(self.orders, until, self.parameters.order_weeks)
        return t.order_by("customer_id").select(*LIVES).execute()

    @property
    def clockwork(self) -> bool:
        """True where orders come by the clock, so that BG/NBD does not fit them."""
        return self.regularity >= clockwork.CLOCKWORK

    @computed
    def models(self) -> tuple[Any, Any]:
        """BG/NBD, or MBG/CNBD-k where orders come by the clock, fitted to all and to all but the
        weeks held out; None where it is not identified.
        """
        fit = clockwork.fit_clockwork if self.clockwork else purchases.fit_purchases
        return fit(self.history), fit(self.earlier)

    @property
    def fitted(self) -> bool:
        """True where both models are."""
        return all(model is not None for model in self.models)

    @property
    def foretold(self) -> ir.Table:
        """What was expected of the weeks held out, by what was known before them: `to_come`."""
        weeks = self.parameters.order_weeks
        return to_come(self.book, self.models[1], self.spend_models[1], weeks, self.cut)

    @computed
    def held_out(self) -> pd.DataFrame:
        """Predicted against actual orders of the weeks held out: `purchases.hold_out`."""
        return purchases.hold_out(
            self.orders, self.foretold, self.cut, self.book.as_of, self.covered_before
        )

    @computed
    def regularity(self) -> float:
        """How regular the intervals between orders are: `purchases.regularity`."""
        return purchases.regularity(self.orders)

    @property
    def to_come(self) -> ir.Table:
        """What is expected of each customer: `to_come`."""
        weeks = self.parameters.order_weeks
        return to_come(self.book, self.models[0], self.spend_models[0], weeks, self.book.as_of)

    @property
    def at_risk_list(self) -> ir.Table:
        """Customers by the revenue that hangs on an order that may not come: revenue_at_risk."""
        moved = Part(series.moved(self.book), {"revenue": "float64", "last_date": "date"})
        t = with_names(joined(self.to_come, moved), self.book)
        t = t.mutate(revenue_at_risk=t.revenue * (1 - t.order_probability))
        return t.select(*AT_RISK).order_by(*most_first(t, "revenue_at_risk"))

    @computed
    def at_risk(self) -> pd.DataFrame:
        """The first of them."""
        return frame(self.at_risk_list.limit(LIST_LIMIT))

    @computed
    def out_of_bounds(self) -> pd.Series:
        """Customers that cannot be: probability (outside 0 to 1, or unknown), revenue (below 0, or
        unknown).
        """
        t = self.to_come
        likely = t.order_probability.between(0, 1).fill_null(False)
        owed = (t.expected_revenue >= 0).fill_null(False)
        sums = dict(probability=t.count(where=~likely), revenue=t.count(where=~owed))
        return t.agg(**sums).execute().iloc[0]

    # --- what they are worth

    @computed
    def spent(self) -> pd.DataFrame:
        """Spend an order day of each customer today: SPENT of `spend.spend_history`."""
        return self._spent(self.book.as_of)

    @computed
    def spent_earlier(self) -> pd.DataFrame:
        """The same before the weeks held out."""
        return self._spent(self.cut)

    def _spent(self, until: dt.date) -> pd.DataFrame:
        t = spend.spend_history(self.orders, until)
        return t.order_by("customer_id").select(*SPENT).execute()

    @computed
    def spend_models(self) -> tuple[Any, Any]:
        """Gamma-Gamma fitted to all and to all but the weeks held out;
        None where it is not identified.
        """
        return spend.fit_spend(self.spent), spend.fit_spend(self.spent_earlier)

    @property
    def valued(self) -> bool:
        """True where orders and spend are modelled."""
        return self.fitted and all(model is not None for model in self.spend_models)

    @property
    def value_list(self) -> ir.Table:
        """Revenue expected of each customer, largest first: `spend.expected_revenue`."""
        t = with_names(self.to_come, self.book)
        return t.select(*VALUED).order_by(*most_first(t, "expected_revenue"))

    @computed
    def values(self) -> pd.DataFrame:
        """The first of them."""
        return frame(self.value_list.limit(LIST_LIMIT))

    @computed
    def values_held_out(self) -> pd.Series:
        """Revenue predicted, actual and of the weeks before: `spend.revenue_hold_out`."""
        return spend.revenue_hold_out(
            self.orders, self.foretold, self.cut, self.book.as_of, self.covered_before
        ).iloc[0]

    @computed
    def spend_independence(self) -> tuple[float, float, float]:
        """Whether spend and number of orders are related: `spend.spend_independence`."""
        return spend.spend_independence(self.spent)

    # --- what is published

    @computed
    def figures(self) -> dict[str, Any]:
        """The published figures."""
        now = self.now
        names = (
            *kpi.INDICATORS,
            "active_customer_count_previous",
            "opening_customer_count",
            "not_due_customer_count",
        )
        figures = {name: now[name] for name in names} | {
            "revenue_previous": self.before.revenue,
            "half_life_years": intervals.half_life_years(now.retention_rate),
            "contract_years": self.stay,
        }
        return measured(self.book, figures) | self.order_figures

    @computed
    def order_figures(self) -> dict[str, Any]:
        """Those of the orders to come: `purchases.order_figures`."""
        rhythm = {"purchase_regularity": self.regularity}
        if not self.fitted:
            return rhythm | dict.fromkeys(("repurchase_probability", "expected_order_count"), NAN)
        return rhythm | figures_of(purchases.order_figures(self.to_come))

    @computed
    def ranges(self) -> dict[str, tuple[Any, Any]]:
        """Their intervals."""
        return self.rate_ranges | {"contract_years": self.stay_range}


def contracts_of(book: Book) -> ir.Table | None:
    """`lifetimes.contract_lifetimes` of the book; None where no contract is listed."""
    if not book.has("customers", "since", "contract") or not book.first_sale:
        return None
    departed = book.table("departures") if book.has("departures") else None
    return lifetimes.contract_lifetimes(
        book.table("customers"), departed, book.first_sale, book.as_of
    )


def free_orders(book: Book) -> ir.Table:
    """The orders of customers without a contract."""
    contracts = contracts_of(book)
    return book.orders if contracts is None else book.orders.anti_join(contracts, "customer_id")


@tabled
def to_come(
    book: Book, orders: OrderModel, spent: spend.SpendModel | None, weeks: float, until: dt.date
) -> Mapped:
    """What models expect, on a day, of each customer without a contract in the next weeks.

    Columns     customer_id, those of `purchases.expected_orders`; expected_spend and
                expected_revenue of `spend.expected_revenue`, NULL without a model of the spend
    """
    free = free_orders(book)
    t = joined(
        purchases.purchase_history(free, until, weeks),
        Part(spend.spend_history(free, until), {"mean_spend": "float64"}),
    )
    known = tuple(name for name in t.columns if name != "customer_id")
    return Mapped(t, partial(_to_come, orders, spent, weeks), TO_COME, known)


def _to_come(
    orders: OrderModel, spent: spend.SpendModel | None, weeks: float, t: pd.DataFrame
) -> pd.DataFrame:
    """Rows of histories with TO_COME."""
    found = _expected_orders(orders, t, weeks)
    if spent is not None:
        found = found.merge(spend.expected_revenue(found, spent, t[["customer_id", *SPENT]]))
    return t.assign(**found.reindex(columns=list(TO_COME)))


def _expected_orders(model: OrderModel, history: pd.DataFrame, weeks: float) -> pd.DataFrame:
    """Orders of the next weeks by a model and what was known."""
    if isinstance(model, clockwork.ClockworkModel):
        return clockwork.clockwork_orders(model, history, weeks)
    return purchases.expected_orders(model, history, weeks)
