"""What customers answered, and whether they stay for it, as frames:
each computed when it is first read.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import ibis
import pandas as pd

from carnet.book.book import Book
from carnet.customers import customer_years, series
from carnet.customers.figures import measured
from carnet.customers.reasons.departures import Departures
from carnet.engagement.profiles import benchmarks
from carnet.engagement.profiles import service_quality as profiles_of
from carnet.measures.portfolio import concentration
from carnet.measures.reasons import loyalty, satisfaction, service_quality, silence
from carnet.measures.register import computed

TOLD_APART = 0.05  # p-value under which answers tell weights


@dataclass(frozen=True)
class Opinions:
    """Satisfied customers that left, the chain of unhappy ones,
    the dimensions of service quality.
    """

    departures: Departures

    @property
    def book(self) -> Book:
        """The book of the departures."""
        return self.departures.book

    # --- satisfied, and loyal?

    @property
    def compared(self) -> bool:
        """True when the year before the last 12 months is covered."""
        return customer_years.years_covered(self.book) > 0

    @property
    def surveyed(self) -> bool:
        """True when that year has answers, too."""
        return self.book.has("satisfaction") and self.compared

    @computed
    def opening(self) -> pd.DataFrame:
        """The customers of the year before, and what became of
        them: `customer_years.opening_customers`.
        """
        p = self.departures.parameters
        return customer_years.opening_customers(
            self.book, p.satisfied_from, self.departures.complaints
        )

    @computed
    def leaving(self) -> pd.DataFrame:
        """Leaving by satisfaction: `loyalty.satisfied_leaving`."""
        return loyalty.satisfied_leaving(self.opening)

    @computed
    def effect(self) -> tuple[float, float, float, float]:
        """Difference of leaving between unsatisfied and satisfied:
        `loyalty.satisfaction_effect`.
        """
        return loyalty.satisfaction_effect(self.leaving)

    @computed
    def core(self) -> pd.DataFrame:
        """The core: profitable, satisfied, retained (`loyalty.core`)."""
        return loyalty.core(self.opening)

    @property
    def left_satisfied(self) -> pd.DataFrame:
        """Satisfied customers that left, largest first; none where the year before
        is not covered.
        """
        t = self.opening
        t = t[t.lost & t.satisfied.fillna(False).astype(bool)]
        t = t.sort_values(["revenue_previous", "customer_id"], ascending=[False, True])
        return t if self.compared else t.head(0)

    @property
    def unexplained(self) -> pd.DataFrame:
        """Those of them of whom nobody noted why."""
        t = self.left_satisfied
        return t[~customer_years.reason_told(self.book, t.customer_id)]

    # --- the chain of unhappy customers

    @property
    def unhappy(self) -> pd.DataFrame:
        """Customers of the year before with a mark under the stated one;
        none where it is not covered.
        """
        if not self.compared:
            return self.opening.head(0)
        return self.opening[(~self.opening.satisfied).fillna(False).astype(bool)]

    @property
    def quiet(self) -> pd.DataFrame:
        """Those of whom no complaint is noted."""
        complained = self.unhappy.complained.astype("boolean")
        return self.unhappy[(~complained).fillna(False).astype(bool)]

    @property
    def chain_counted(self) -> bool:
        """True where complaints of unhappy customers are known."""
        return self.compared and bool(self.unhappy.complained.notna().all())

    @property
    def better(self) -> dict[str, float]:
        """The links of the chain as they are known better than as quoted."""
        p, found = self.departures.parameters, benchmarks()
        return {
            "silent": found[f"chain_silent_{p.business}"].value,
            "leave": found["chain_leave_corrected"].value,
            "told": found["chain_told_corrected"].value,
            "convert": p.convert_share,
        }

    @computed
    def premises(self) -> dict[str, silence.Premise]:
        """The links of the chain: `silence.chain_premises`."""
        found, counted = benchmarks(), {}
        if self.chain_counted:
            counted = {
                "silent": (len(self.quiet), len(self.unhappy)),
                "leave": (int(self.quiet.lost.sum()), len(self.quiet)),
            }
        published = {name: found[f"chain_{name}_corrected"] for name in ("leave", "told")}
        return silence.chain_premises(
            {name: found[f"chain_{name}"].value for name in silence.CHAIN},
            self.better,
            {name: (entry.low or 0.0, entry.high or 0.0) for name, entry in published.items()},
            self.departures.parameters.premise_spread,
            counted,
        )

    @computed
    def chain(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """What a hundred unhappy customers cost, and each premise over its
        range: `silence.silent_chain`.
        """
        results, tornado, _ = silence.silent_chain(self.premises)
        return results, tornado

    # --- kinds of questions, and who answers

    def last_answers(self, first: dt.date, last: dt.date) -> pd.DataFrame:
        """Last answers between two days: `satisfaction.last_answers`; no row without the table."""
        if not self.book.has("satisfaction"):
            return pd.DataFrame({"kind": [], "customer_id": [], "date": [], "value": []})
        t = customer_years.scaled_satisfaction(self.book)
        t = t.filter(t.date.between(ibis.date(first), ibis.date(last)))
        p = self.departures.parameters
        return satisfaction.last_answers(t, p.satisfied_from).execute()

    @computed
    def heard(self) -> pd.DataFrame:
        """Last answers of the last 12 months."""
        now = customer_years.rolling_periods(self.book).current
        return self.last_answers(now.start, now.end)

    @computed
    def heard_before(self) -> pd.DataFrame:
        """Last answers of the 12 months before."""
        before = customer_years.rolling_periods(self.book).previous
        return self.last_answers(before.start, before.end)

    @computed
    def kinds(self) -> pd.DataFrame:
        """Each kind of question beside the year before: `satisfaction.by_kind`."""
        return satisfaction.by_kind(self.heard, self.heard_before)

    @property
    def asked(self) -> str:
        """The kind by which those heard are read: the first one of KINDS that was asked."""
        kinds = set(self.heard.kind)
        return next((kind for kind in satisfaction.KINDS if kind in kinds), "")

    @computed
    def response(self) -> pd.DataFrame:
        """Who answered, by ABC class: `satisfaction.response_by_group`; no row without sales."""
        book, p = self.book, self.departures.parameters
        if not (book.has("sales") and self.asked):
            return pd.DataFrame(columns=["group", "response_count", "value"])
        moved = series.moved(book, customer_years.rolling_periods(book))
        classes = concentration.abc_classes(moved, p.abc_cut_a, p.abc_cut_b).execute()
        own = self.heard[self.heard.kind == self.asked].set_index("customer_id").value
        return satisfaction.response_by_group(
            classes.assign(group=classes.abc_class, value=classes.customer_id.map(own))
        )

    @computed
    def promoters_left(self) -> pd.DataFrame:
        """Promoters of the year before that left, largest first."""
        t, told = self.opening, self.heard_before
        promoters = set(told.customer_id[(told.kind == "nps") & (told.value > 0.5)])
        t = t[t.customer_id.isin(promoters) & t.lost.astype(bool)]
        t = t[["customer_id", "name", "revenue_previous"]]
        order = ["revenue_previous", "customer_id"]
        return t.sort_values(order, ascending=[False, True], ignore_index=True)

    # --- service quality

    @property
    def asked_since(self) -> Any:
        """The day from which answers are read."""
        return customer_years.rolling_periods(self.book).previous.start

    @computed
    def answers(self) -> pd.DataFrame:
        """Marks of the customers, one row each: `customer_years.answers`."""
        return customer_years.answers(self.book, self.asked_since, self.book.as_of)

    @property
    def dimension_labels(self) -> dict[str, str]:
        """The five dimensions in the reader's words."""
        language = self.book.wording.language
        return {name: text[language] for name, text in profiles_of()[0].items()}

    @computed
    def scores(self) -> pd.DataFrame:
        """Marks of each dimension: `service_quality.dimension_scores`."""
        return service_quality.dimension_scores(self.answers)

    @computed
    def estimate(self) -> tuple[pd.DataFrame, tuple[Any, Any]]:
        """Weights estimated on these answers, what they explain and its p-value."""
        if not len(self.scores):
            return pd.DataFrame({"dimension": []}), (None, None)
        return service_quality.estimated_weights(self.answers)

    @property
    def estimate_tells(self) -> bool:
        """True when the answers tell weights beyond chance."""
        p_value = self.estimate[1][1]
        return p_value is not None and p_value < TOLD_APART

    @computed
    def weights(self) -> pd.DataFrame:
        """The weights chosen: published, quoted, or those estimated where they tell anything."""
        chosen = self.departures.parameters.weights
        if chosen == "estimated":
            estimated = self.estimate[0]
            return estimated if self.estimate_tells else estimated.head(0)
        published = profiles_of()[1][chosen].weights
        return service_quality.profile_weights(published, list(self.scores.dimension))

    @computed
    def profiles(self) -> pd.DataFrame:
        """Both published profiles side by side, with the weights that these answers tell (NaN where
        they tell none): dimension, performance, weight_NAME and position_NAME.
        """
        p, t = self.departures.parameters, self.scores[["dimension", "performance"]]
        named = list(self.scores.dimension)
        by_name = {
            name: service_quality.profile_weights(profile.weights, named)
            for name, profile in profiles_of()[1].items()
        }
        by_name["estimated"] = self.estimate[0].head(None if self.estimate_tells else 0)
        for name, weights in by_name.items():
            own = self.scores.head(0).assign(position=None, importance=None)
            if len(weights) and len(t):
                own = service_quality.importance_performance(weights, self.scores, p.satisfied_from)
            own = own.set_index("dimension")
            t = t.assign(
                **{
                    f"weight_{name}": t.dimension.map(own.importance),
                    f"position_{name}": t.dimension.map(own.position),
                }
            )
        return t

    @computed
    def importance(self) -> pd.DataFrame:
        """Importance against performance: `service_quality.importance_performance`;
        no row without marks.
        """
        if not len(self.scores) or not len(self.weights):
            return self.scores.head(0)
        p = self.departures.parameters
        return service_quality.importance_performance(self.weights, self.scores, p.satisfied_from)

    # --- what is published

    @computed
    def figures(self) -> dict[str, Any]:
        """The published figures of satisfaction and the core."""
        if not self.surveyed:
            return {}
        t, core = self.leaving.set_index("answer"), self.core.set_index("condition").loc["core"]
        values = {
            "satisfied_leaving_rate": t.leaving_rate["satisfied"],
            "unsatisfied_leaving_rate": t.leaving_rate["unsatisfied"],
            "core_customer_share": core["share"],
            "core_margin_share": core.margin_share,
        }
        return measured(self.book, values)

    @computed
    def ranges(self) -> dict[str, tuple[Any, Any]]:
        """Their intervals."""
        if not self.surveyed:
            return {}
        t, core = self.leaving.set_index("answer"), self.core.set_index("condition").loc["core"]
        ranges = {
            f"{name}_leaving_rate": (t.leaving_low[name], t.leaving_high[name])
            for name in ("satisfied", "unsatisfied")
        }
        return ranges | {"core_customer_share": (core.share_low, core.share_high)}
