"""Who the customers of a book are and how they move, as frames:
each computed when it is first read.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from carnet.book.book import Book
from carnet.customers import customer_years, series
from carnet.customers.decisions import decided_of, held_out, may_be_called, open_names
from carnet.customers.figures import figures_of, measured, with_names
from carnet.engagement.parameters import Parameters
from carnet.engagement.records import LIST_LIMIT
from carnet.measures.gaps import contacts
from carnet.measures.portfolio import (
    after_sale,
    baskets,
    concentration,
    exposure,
    movement,
    progression,
    segments,
)
from carnet.measures.register import computed
from carnet.measures.statistics import intervals

LARGEST = 5  # customers whose loss is thought through


@dataclass(frozen=True)
class PortfolioStudy:
    """Revenue, movements, concentration, dependence, baskets, segments, progression."""

    book: Book
    parameters: Parameters

    @property
    def cuts(self) -> tuple[float, float]:
        """The shares of revenue at which the ABC classes end."""
        return self.parameters.abc_cut_a, self.parameters.abc_cut_b

    @property
    def compared(self) -> bool:
        """True where the previous period is covered and a year tells movements."""
        return self.book.previous_is_complete and not self.book.orders_too_rarely

    # --- revenue and movements

    @computed
    def moved(self) -> ir.Table:
        """Customers of both periods: `movement.customer_movement`."""
        return self.book.kept("customer_movement", series.moved(self.book))

    @computed
    def audited(self) -> pd.Series:
        """The audit period: `series.audit_series`."""
        return series.audit_series(self.book).iloc[1]

    @computed
    def months(self) -> pd.DataFrame:
        """Revenue by month: `movement.monthly_revenue`."""
        book = self.book
        return movement.monthly_revenue(book.cube, book.periods, book.first_sale).execute()

    @computed
    def bridge(self) -> pd.DataFrame:
        """The revenue bridge: step, amount, customer_count."""
        return movement.revenue_bridge(self.moved).drop("position").execute()

    @computed
    def named(self) -> ir.Table:
        """The movements with name and salesperson."""
        return with_names(self.moved, self.book)

    @computed
    def lost(self) -> pd.DataFrame:
        """Lost customers, largest previous revenue first."""
        t = self.named.filter(self.named.status == "lost")
        return t.order_by(ibis.desc("revenue_previous"), "customer_id").limit(LIST_LIMIT).execute()

    @computed
    def arrived(self) -> pd.DataFrame:
        """New and recovered customers, largest revenue first."""
        t = self.named.filter(self.named.status.isin(["new", "recovered"]))
        return t.order_by(ibis.desc("revenue"), "customer_id").limit(LIST_LIMIT).execute()

    @property
    def movements(self) -> ir.Table:
        """What the list of movements holds: without a comparison only the audit period."""
        columns = ["customer_id", "name", "salesperson", "revenue", "order_count", "last_date"]
        if self.compared:
            columns += ["status", "revenue_previous", "sales_gap"]
        return self.named.order_by("sales_gap", "customer_id").select(*columns)

    @computed
    def change_range(self) -> tuple[float, float]:
        """Bootstrap interval of the change of revenue over customers."""
        return intervals.bootstrap_total(self.moved.sales_gap.execute().to_numpy())

    # --- concentration and dependence

    @computed
    def ranked(self) -> ir.Table:
        """Customers by decreasing revenue with their class: `concentration.abc_classes`."""
        return self.book.kept("abc_classes", concentration.abc_classes(self.moved, *self.cuts))

    @property
    def ranking(self) -> ir.Table:
        """The same with names, in their order."""
        return with_names(self.ranked, self.book).order_by("rank")

    @computed
    def largest(self) -> pd.DataFrame:
        """The first of them."""
        return self.ranking.limit(LIST_LIMIT).execute()

    @computed
    def classes(self) -> pd.DataFrame:
        """Customers and revenue by class: `concentration.abc_table`."""
        return concentration.abc_table(self.moved, *self.cuts).execute()

    @computed
    def lorenz(self) -> pd.DataFrame:
        """Cumulative share of revenue: `concentration.lorenz_curve`."""
        return concentration.lorenz_curve(self.moved, *self.cuts).execute()

    @computed
    def without_top(self) -> pd.DataFrame:
        """Revenue left without the largest customers: `exposure.revenue_without_top`."""
        return exposure.revenue_without_top(self.moved).execute()

    @computed
    def sellers(self) -> pd.DataFrame:
        """Revenue of each salesperson's accounts: `exposure.revenue_by_salesperson`."""
        return exposure.revenue_by_salesperson(self.moved, self.book.customers).execute()

    @property
    def named_sellers(self) -> pd.DataFrame:
        """The salespeople that have a name."""
        return self.sellers[self.sellers.salesperson.notna()]

    @computed
    def contacts(self) -> pd.DataFrame:
        """Revenue by number of contacts: `exposure.contact_exposure`;
        no row where none is noted.
        """
        if not self.book.has("sales", "contact"):
            return pd.DataFrame(columns=["contact_count", "customer_count", "revenue"])
        return exposure.contact_exposure(self.book.table("sales"), self.book.periods).execute()

    @property
    def single_contact(self) -> dict[str, Any] | None:
        """Its row of one contact."""
        rows = self.contacts[self.contacts.contact_count == 1].to_dict("records")
        return rows[0] if rows else None

    @computed
    def bands(self) -> pd.DataFrame:
        """Orders by size of basket: `baskets.basket_bands`."""
        orders = baskets.orders_in_current(self.book.orders, self.book.periods)
        orders = self.book.kept("orders_in_current", orders)
        bounds = baskets.basket_bounds(orders, self.parameters.basket_band_count)
        return baskets.basket_bands(orders, bounds).execute()

    @computed
    def drop_off(self) -> pd.DataFrame:
        """Newcomers who placed the next order in time, with Wilson intervals:
        continued_low, continued_high.
        """
        p = self.parameters
        t = baskets.order_drop_off(
            self.book.orders, self.book.as_of, p.drop_off_days, p.quiet_days
        ).execute()
        counts = zip(t.continued_count, t.customer_count, strict=True)
        ends = [intervals.wilson_interval(*pair) for pair in counts]
        names = ["continued_low", "continued_high"]
        return t.join(pd.DataFrame(ends, t.index, names))

    @computed
    def newcomers(self) -> pd.DataFrame:
        """First order of each newcomer and what first came after it: `after_sale.first_days`; no
        row where no year of sales lies before it.
        """
        book, since = self.book, self.book.first_sale
        if since is None:
            return pd.DataFrame(columns=["customer_id", "first", *after_sale.EVENTS])
        events: dict[str, ir.Table | None] = {"contacts": None, "complaints": None}
        kinds = customer_years.complaints_of(book, self.parameters.complaint_activities)
        others = [name for name in book.activity_kinds if name not in kinds]
        met = contacts.contact_activities(others)
        if book.has("service"):
            service = book.table("service")
            for name, chosen in (("contacts", met), ("complaints", kinds)):
                if chosen:
                    t = service.filter(service.activity.isin(chosen))
                    events[name] = t.select("customer_id", "date")
        day = since + dt.timedelta(days=365)
        if any(t is not None for t in events.values()):  # before its first row it tells nothing
            day = max(day, pd.Timestamp(book.given("service")[0]).date())
        return after_sale.first_days(book.orders, since=day, **events).execute()

    @computed
    def first_events(self) -> pd.DataFrame:
        """How soon a contact, a complaint, a second order: `after_sale.time_to_events`."""
        return after_sale.time_to_events(self.newcomers, self.book.as_of)

    @computed
    def second_orders(self) -> pd.DataFrame:
        """Second orders by what came before: `after_sale.second_by_event`."""
        return after_sale.second_by_event(self.newcomers, self.book.as_of)

    @computed
    def active(self) -> ir.Table:
        """Recency, frequency and revenue of active customers: `segments.customer_activity`."""
        return segments.customer_activity(self.moved, self.book.as_of)

    @computed
    def scores(self) -> ir.Table:
        """Scores from 1 to 5: `segments.rfm_scores`."""
        return self.book.kept("rfm_scores", segments.rfm_scores(self.active))

    @computed
    def score_matrix(self) -> pd.DataFrame:
        """Customers by recency and frequency score: `segments.rfm_matrix`."""
        return segments.rfm_matrix(self.scores).execute()

    @computed
    def score_cuts(self) -> pd.DataFrame:
        """The quantiles that separate the scores: `segments.rfm_cut_points`."""
        return segments.rfm_cut_points(self.active).execute()

    @computed
    def segments(self) -> pd.DataFrame:
        """Customers and revenue by segment: `segments.rfm_segments`."""
        return segments.rfm_segments(self.scores).execute()

    @property
    def segmented(self) -> ir.Table:
        """Every active customer with its segment."""
        return with_names(self.scores, self.book).order_by(ibis.desc("revenue"), "customer_id")

    # --- who buys more, who buys less

    @computed
    def progress(self) -> ir.Table:
        """Kept customers by order frequency and basket: `progression.purchase_progression`."""
        kept = progression.purchase_progression(self.moved)
        return self.book.kept("purchase_progression", kept)

    @property
    def progressed(self) -> ir.Table:
        """The same with names, largest fall first."""
        return with_names(self.progress, self.book).order_by("sales_gap", "customer_id")

    @computed
    def shrinking(self) -> pd.DataFrame:
        """The first of the kept customers that buy less, largest fall first."""
        t = self.progressed
        return t.filter(t.sales_gap.round(2) < 0).limit(LIST_LIMIT).execute()

    @computed
    def growing(self) -> pd.DataFrame:
        """The first of those that buy more, largest rise first."""
        t = self.progressed.filter(lambda t: t.sales_gap.round(2) > 0)
        return t.order_by(ibis.desc("sales_gap"), "customer_id").limit(LIST_LIMIT).execute()

    @computed
    def progress_totals(self) -> dict[str, Any]:
        """How many kept customers buy less and more, and by how
        much: `progression.progress_totals`.
        """
        return figures_of(progression.progress_totals(self.progress))

    def extremes(self, count: int) -> pd.DataFrame:
        """The largest falls, then the largest rises in rising order, so many of each."""
        return pd.concat([self.shrinking.head(count), self.growing.head(count)[::-1]])

    # --- names

    @computed
    def held_out(self) -> pd.DataFrame:
        """The accounts drawn to be left alone: `decisions.held_out`."""
        return held_out(self.book, self.parameters.policy)

    def names(self, customers: pd.DataFrame) -> list[str]:
        """The first names of a list that a sentence may quote."""
        return open_names(self.held_out, customers, self.parameters.name_count)

    @property
    def unexplained(self) -> pd.DataFrame:
        """Lost customers of whom nobody noted why, largest previous revenue first."""
        return self.lost[~customer_years.reason_told(self.book, self.lost.customer_id)]

    def to_ask(self, customers: pd.DataFrame) -> list[str]:
        """The first names of a list that somebody may be told to ask;
        none where nothing is compared.
        """
        if not self.compared:
            return []
        decided = decided_of(self.book, self.parameters.policy, customers.customer_id)
        open_to = may_be_called(decided, customers.customer_id)
        return list(customers.name[open_to].head(self.parameters.name_count))

    @property
    def top_names(self) -> list[str]:
        """The names of the largest customers."""
        return list(self.largest.name.head(LARGEST))

    # --- what is published

    @computed
    def movement_figures(self) -> dict[str, Any]:
        """Revenue and who came, stayed and left: `movement.movement_summary`, and the half-life."""
        figures = figures_of(movement.movement_summary(self.moved))
        figures["half_life_years"] = intervals.half_life_years(figures["retention_rate"])
        return measured(self.book, figures)

    @computed
    def concentration_figures(self) -> dict[str, Any]:
        """How concentrated revenue is: `concentration.concentration_summary`."""
        summary = concentration.concentration_summary(self.moved, *self.cuts)
        return measured(self.book, figures_of(summary))

    @computed
    def purchase_figures(self) -> dict[str, Any]:
        """Orders and baskets: `baskets.purchase_summary`."""
        return measured(self.book, figures_of(baskets.purchase_summary(self.moved)))

    @computed
    def progression_figures(self) -> dict[str, Any]:
        """Who buys more and who buys less: `progression.progression_summary`."""
        return measured(self.book, figures_of(progression.progression_summary(self.progress)))

    @property
    def figures(self) -> dict[str, Any]:
        """The published figures."""
        return (
            self.movement_figures
            | self.concentration_figures
            | self.purchase_figures
            | self.progression_figures
        )

    @computed
    def movement_ranges(self) -> dict[str, tuple[float, float]]:
        """Wilson intervals of retention and attrition, and what they make of the half-life."""
        f = figures_of(movement.movement_summary(self.moved))
        retained, left = (
            intervals.wilson_interval(f[name], f["opening_customer_count"])
            for name in ("kept_customer_count", "lost_customer_count")
        )
        slow, fast = (intervals.half_life_years(rate) for rate in retained)
        return {
            "retention_rate": retained,
            "attrition_rate": left,
            "half_life_years": (slow, fast),
        }

    @computed
    def purchase_ranges(self) -> dict[str, tuple[float, float]]:
        """The Wilson interval of the rate of customers that bought again."""
        repeat = figures_of(baskets.purchase_summary(self.moved))["repeat_customer_count"]
        active = self.audited.year_active_customer_count
        return {"repeat_customer_rate": intervals.wilson_interval(repeat, active)}

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """The intervals of the published figures."""
        return self.movement_ranges | self.purchase_ranges
