"""Recurring revenue of a book, out of its contracts or of the offers that recur, as frames:
each computed when it is first read.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from carnet.book.book import Book
from carnet.customers import customer_years
from carnet.customers.decisions import contract_names, decided_frame, decided_of, decisions
from carnet.engagement.parameters import Parameters
from carnet.measures.costs import receivables
from carnet.measures.gaps import tasks as task_list
from carnet.measures.indicators import discrete_survival, recurring
from carnet.measures.register import computed
from carnet.measures.statistics.intervals import wilson_interval

MONTHS = 24  # of the bridge
RENEWAL_COLUMNS = ["customer_id", "product", "start", "end", "notice_date", "yearly_amount"]


@dataclass(frozen=True)
class RecurringStudy:
    """Monthly recurring revenue, its bridge, what ends in the coming year, what was renewed."""

    book: Book
    parameters: Parameters

    @property
    def contracts(self) -> ir.Table | None:
        """The contracts given, else the lines of the offers that `recurring:` names, each from the
        first day of its month to the last one of its period; None without either.
        """
        book = self.book
        if book.has("contracts"):
            return book.table("contracts")
        named = book.engagement.recurring
        if not (named and book.has("sales", "offer")):
            return None
        t = book.table("sales")
        t = t.filter(t.offer.isin(list(named)) & (t.date <= ibis.date(book.as_of)))
        period = ibis.cases(*((t.offer == offer, told) for offer, told in named.items()))
        months = ibis.cases(
            *((period == told, count) for told, count in recurring.MONTHS_OF.items()), else_=1
        )
        start = t.date.truncate("M").cast("date")
        after = start + months.as_interval("M")
        return t.select(
            "customer_id",
            start=start,
            end=(after - ibis.interval(days=1)).cast("date"),
            amount=t.amount,
            period=period,
            product=t.offer,
        )

    @property
    def ends(self) -> list[dt.date]:
        """The days on which the recurring revenue is read: ends of the last audit months."""
        return [self.book.periods.month_end(month) for month in range(MONTHS, -1, -1)]

    @computed
    def monthly(self) -> pd.DataFrame:
        """Recurring revenue by customer on those days: `recurring.monthly_recurring`."""
        assert self.contracts is not None
        return recurring.monthly_recurring(self.contracts, self.ends).execute()

    @computed
    def earlier(self) -> list[str]:
        """Customers whose first contract started before the first of those days."""
        assert self.contracts is not None
        starts = self.contracts.group_by("customer_id").agg(start=self.contracts.start.min())
        return list(starts.filter(starts.start < ibis.date(self.ends[0])).execute().customer_id)

    @computed
    def bridge(self) -> pd.DataFrame:
        """Its bridge, month by month, with the day: `recurring.recurring_bridge`; without the
        months before the sales given, where those stand for contracts.
        """
        first = 0 if self.book.has("contracts") else self._first_known
        positions = range(first, len(self.ends))
        t = recurring.recurring_bridge(self.monthly, positions, self.earlier)
        return t.assign(day=[self.ends[position] for position in t.position])

    @property
    def _first_known(self) -> int:
        """The first of the days that the sales given tell."""
        known = [at for at, day in enumerate(self.ends) if self.book.covers("sales", day)]
        return known[0] if known else MONTHS

    @property
    def compared(self) -> bool:
        """True where what recurred a year ago is known."""
        return self.book.has("contracts") or self._first_known <= MONTHS - 12

    @computed
    def year(self) -> pd.Series:
        """The bridge between the audit date and a year before it: `recurring.recurring_bridge`."""
        ends = [MONTHS - 12, MONTHS]
        return recurring.recurring_bridge(self.monthly, ends, self.earlier).iloc[0]

    @computed
    def losses(self) -> pd.DataFrame:
        """Customers whose recurring revenue ended or shrank between both days, those that ended it
        first, largest loss first: `recurring.recurring_changes`.
        """
        t = recurring.recurring_changes(self.monthly, MONTHS - 12, MONTHS, self.earlier)
        t = self._named(t[t.step.isin(["churned", "contraction"])])
        order = ["step", "recurring_change", "customer_id"]
        return t.sort_values(order, ignore_index=True)

    def _named(self, t: pd.DataFrame) -> pd.DataFrame:
        """With name and salesperson: of the sales or the customer list, else the number alone."""
        names = (
            self.book.names(t.customer_id) if self.book.has("sales") else contract_names(self.book)
        )
        return t.assign(
            name=t.customer_id.map(names.name).fillna(t.customer_id),
            salesperson=t.customer_id.map(names.salesperson),
        )

    # --- what it is made of

    @computed
    def states(self) -> pd.DataFrame:
        """Contracts running, paused, ended, to come: `recurring.contract_states`."""
        return recurring.contract_states(self.contracts, self.book.as_of).execute()

    @computed
    def effects(self) -> pd.DataFrame:
        """Products, prices and quantities behind a year of the same customers:
        `recurring.recurring_effects`.
        """
        ends = [self.ends[MONTHS - 12], self.ends[MONTHS]]
        t = recurring.recurring_products(self.contracts, ends).execute()
        return recurring.recurring_effects(t, 0, 1)

    @computed
    def cohorts(self) -> pd.DataFrame:
        """What each quarter's newcomers bring later: `recurring.recurring_cohorts`; where sale
        lines stand for contracts, of those that came a year after the first sale, or later.
        """
        assert self.contracts is not None
        starts = self.contracts.group_by("customer_id").agg(start=self.contracts.start.min())
        frame, first = starts.execute(), self.book.first_sale
        if not self.book.has("contracts") and first is not None:
            known = pd.to_datetime(frame.start) > pd.Timestamp(first) + pd.Timedelta(days=365)
            frame = frame[known]
        return recurring.recurring_cohorts(self.monthly, frame, self.ends)

    # --- renewals

    @computed
    def renewals(self) -> pd.DataFrame:
        """Contracts that end in the coming 12 months with the account's one decision,
        earliest first; no row where only offers recur.
        """
        if not self.book.has("contracts", "end"):
            return pd.DataFrame(
                columns=[*RENEWAL_COLUMNS, "name", "salesperson", "action", "signs"]
            )
        t = recurring.renewals(self.book.table("contracts"), self.book.as_of).execute()
        decided = decided_of(self.book, self.parameters.policy, t.customer_id)
        actions = decided.set_index("customer_id").action
        t = self._named(t)
        signs = self.signs.groupby("customer_id").sign.agg(list)
        return t.assign(
            action=t.customer_id.map(actions) if len(actions) else None,
            signs=[signs.get(customer, []) for customer in t.customer_id],
        )

    @computed
    def signs(self) -> pd.DataFrame:
        """What the accounts themselves show before a renewal: customer_id, sign (buys_less: among
        the most late of the gap list; shrank: its recurring revenue, in a year; unhappy: its marks
        of 12 months; complained: in 12 months; unpaid: an invoice past due).
        """
        book, p = self.book, self.parameters
        since, found = book.periods.yearly.current.start, {}
        decided = decisions(book, p.policy)
        late = decided.filter(decided.tracked.cast("boolean"))
        found["buys_less"] = late.select("customer_id").execute().customer_id
        t = recurring.recurring_changes(self.monthly, MONTHS - 12, MONTHS, self.earlier)
        found["shrank"] = t.customer_id[t.step == "contraction"]
        marks = customer_years.answers(book, since, book.as_of)
        found["unhappy"] = marks.customer_id[marks.score < p.satisfied_from]
        kinds = customer_years.complaints_of(book, p.complaint_activities)
        if kinds and book.has("service"):
            service = book.table("service")
            days = service.date.between(ibis.date(since), ibis.date(book.as_of))
            noted = service.filter(service.activity.isin(kinds) & days)
            found["complained"] = noted.select("customer_id").distinct().execute().customer_id
        paid = book.has("receivables", "paid_date") or book.has("receivables", "status")
        if paid and book.has("receivables", "due_date"):  # else nobody knows what is past due
            stuck = receivables.stuck_invoices(book.table("receivables"), book.as_of).execute()
            found["unpaid"] = stuck.customer_id[stuck.state != "came_back"].drop_duplicates()
        parts = [pd.DataFrame({"customer_id": ids, "sign": sign}) for sign, ids in found.items()]
        return pd.concat(parts, ignore_index=True)

    @computed
    def outcomes(self) -> pd.DataFrame:
        """What became of the contracts that ended in the last 12 months, by outcome:
        outcome, outcome_count, yearly_amount, share, share_low, share_high.
        """
        columns = ["outcome", "outcome_count", "yearly_amount", "share", "share_low", "share_high"]
        if not self.book.has("contracts", "end"):
            return pd.DataFrame(columns=columns)
        made = recurring.renewal_outcomes(self.terms, self.book.as_of)
        closed = made[made.outcome != "open"]
        rows = []
        for outcome in ("renewed", "renewed_late", "lost", "open"):
            part = made[made.outcome == outcome]
            told = outcome != "open" and len(closed)
            ends = wilson_interval(len(part), len(closed)) if told else (None, None)
            share = len(part) / len(closed) if told else None
            rows.append((outcome, len(part), float(part.yearly_amount.sum()), share, *ends))
        return pd.DataFrame(rows, columns=columns)

    @computed
    def tasks(self) -> pd.DataFrame:
        """The tasks of a book without sales: whom to speak to about a contract that ends soon, with
        due_date; with sales they are among those of the gaps.
        """
        p = self.parameters
        capacity = p.weekly_task_count * p.task_week_count
        called = task_list.called_alone(decided_frame(self.book, p.policy), capacity)
        return task_list.schedule(called, self.book.as_of, p.weekly_task_count, p.task_week_count)

    @computed
    def decided(self) -> pd.DataFrame:
        """The one decision an account, with the day of its task."""
        decided = decided_frame(self.book, self.parameters.policy)
        due = self.tasks.set_index("customer_id").due_date
        return decided.assign(due_date=decided.customer_id.map(due))

    # --- how long they stay

    @computed
    def terms(self) -> pd.DataFrame:
        """The contracts brought to a year: `recurring.contract_terms`."""
        return recurring.contract_terms(self.book.table("contracts")).execute()

    @computed
    def period(self) -> str:
        """By what stays are counted: the period of most contracts, a month if none is told."""
        t = self.book.table("contracts")
        lasted = (
            pd.to_datetime(self.terms.end) - pd.to_datetime(self.terms.start)
        ).dt.days.dropna()
        if len(lasted) > len(self.terms) / 2 and lasted.median() > 300:
            return "year"  # a yearly term, whatever its amount is told by
        if "period" not in t.columns:
            return "month"
        counts = t.group_by("period").agg(n=t.count()).execute().dropna()
        return str(counts.sort_values(["n", "period"]).period.iloc[-1]) if len(counts) else "month"

    @computed
    def stays(self) -> pd.DataFrame:
        """Stays of customers under contract: `discrete_survival.contract_stays`."""
        return discrete_survival.contract_stays(self.terms, self.book.as_of, self.period)

    @computed
    def stay_model(self) -> discrete_survival.SurvivalModel | None:
        """How the chance to leave spreads: `discrete_survival.fit_survival`."""
        return discrete_survival.fit_survival(self.stays)

    @computed
    def stay_curve(self) -> pd.DataFrame:
        """Share that stays and chance to renew by periods, up to the longest stay seen."""
        columns = ["period_number", "stay_share", "renewal_rate"]
        if self.stay_model is None:
            return pd.DataFrame(columns=columns)
        shown = {"month": (1, 3, 6, 12, 24, 36), "quarter": (1, 2, 4, 8, 12)}
        numbers = shown.get(self.period, (1, 2, 3, 4, 5))
        t = np.array([n for n in numbers if n <= self.stays.period_count.max()])
        values = (t, self.stay_model.survival(t), self.stay_model.renewal(t))
        return pd.DataFrame(dict(zip(columns, values, strict=True)))

    @computed
    def stays_held_out(self) -> pd.Series:
        """The last year against what the years before foretold:
        `discrete_survival.survival_hold_out`.
        """
        return discrete_survival.survival_hold_out(self.terms, self.book.as_of, self.period)

    @computed
    def figures(self) -> dict[str, Any]:
        """The published figures; unknown where nothing recurs."""
        if self.contracts is None:
            return dict.fromkeys(recurring.FIGURE_NAMES)
        told = recurring.recurring_figures(self.year)
        # of an unknown year ago: only what recurs today
        return told if self.compared else dict.fromkeys(told) | dict(list(told.items())[:2])
