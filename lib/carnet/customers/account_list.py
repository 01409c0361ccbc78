"""The account list: what every table of the book knows of a customer's worth, payment, satisfaction and ties, one row each.

A book of sales alone gives the list, too: what a missing table would tell is unknown, and the column is there. The list looks at the last 12
months and the 12 before, whatever the engagement compares.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
from unidecode import unidecode

from carnet.book.book import Book
from carnet.book.once import once
from carnet.customers.customer_years import COVER_DAYS, answers, rolling_periods, trend, years_covered
from carnet.customers.series import audit_series, own_costs
from carnet.customers.series import moved as moved_of
from carnet.engagement.periods import Period, Periods, years_earlier, years_earlier_each
from carnet.engagement.profiles import RULE_BOUNDS, checked_rule
from carnet.errors import CarnetError, nearest
from carnet.measures.costs import cost_to_serve, receivables
from carnet.measures.gaps import contacts
from carnet.measures.portfolio import concentration, cuts, strategy
from carnet.measures.reasons import silence
from carnet.measures.reasons.service_quality import DIMENSIONS
from carnet.measures.retention import defection
from carnet.wording import N_

MOVEMENTS = N_("One row per customer over the last 12 months and those before: revenue, orders, what became of the customer")
RUSH_WORDS = ("urgen", "express", "rush")
OPPORTUNITY_YEARS = 2
FADING = -1 / 3  # (second half − first half) ÷ both: the second half is half of the first
CRITERIA = [
    "active_year_share",
    "silence_ratio",
    "kept_share",
    "days_late",
    "overdue_share",
    "profit_rate",
    "profit_rank",
    "score",
    "complaint_rate",
]
STRATEGY_COLUMNS = [
    "customer_id", "name", "salesperson", "strategy", "action", "reason", "serve_on", "relationship", "sign_count", "measured_sign_count", "signs", "revenue",
    "revenue_previous", "abc_class", "margin", "cost_to_serve", "profit", "profit_low", "profit_high", "peak_revenue", "peak_end", "rolling_year_revenue",
    "last_order_date", "tenure_years", "contact_count", "contact_count_previous", "contact_person_count", "single_thread", "potential", "potential_class",
    "untapped", "opportunity_count", "opportunity_quarter_count", "win_rate", "mean_discount", "competitor", "capital", "capital_low", "capital_high",
    "capital_rank", "rank_low", "rank_high",
]  # fmt: skip


@dataclass(frozen=True)
class Rates:
    """What an hour with a customer may cost, at least and at most, and what waiting money costs a year (parameters of cost_structure)."""

    hourly_low: float = 35.0
    hourly_high: float = 67.0
    capital: float = 0.06
    draws: int = 1000

    @property
    def hourly(self) -> float:
        """The middle rate."""
        return (self.hourly_low + self.hourly_high) / 2


def chosen_rules(rules: Mapping[str, float], text: str) -> dict[str, float]:
    """The rules of a sector, those that `text` names replaced: 'long_standing_years=5, peak_fall_share=0.4'. Raises CarnetError for a name that is no rule."""
    chosen = dict(rules)
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, _, value = (word.strip() for word in part.partition("="))
        if name not in rules:
            raise CarnetError(f"strategy rules: no rule is called {name!r}; {nearest(name, rules)}")
        try:
            chosen[name] = checked_rule(name, float(value))
        except ValueError as error:
            raise CarnetError(f"strategy rule {name}: {value!r} is not accepted; {RULE_BOUNDS}. ({error})") from None
    return chosen


def served_tables(book: Book, rates: Rates) -> tuple[list[ir.Table], int]:
    """What serving cost in the audit period, by customer and activity: noted or timed activities, and waiting for payment; activities with neither price.

    No table where the book has neither priced activities nor payments.
    """
    tables, unpriced = [], 0
    if book.has("service"):
        visits = cost_to_serve.activity_costs(book.table("service"), book.periods.current, rates.hourly)
        tables.append(visits)
        unpriced = int(visits.unpriced_count.sum().execute() or 0)
    if book.has("receivables", "paid_date"):
        tables.append(cost_to_serve.waiting_costs(book.table("receivables"), book.periods.current, ibis.date(book.as_of), rates.capital))
    return tables, unpriced


def margins_of(book: Book, moved: ir.Table, now: pd.Series) -> ir.Table:
    """`cost_to_serve.customer_margins` of the audit period; `now`: its row of `series.audit_series`."""
    return cost_to_serve.customer_margins(
        moved, book.cube, book.periods.in_current(book.cube), round(now.variable_cost, 2), round(now.accounted_revenue, 2), own_costs(book)
    )


CUTS = (("sales", "channel"), ("customers", "region"), ("customers", "sector"), ("customers", "segment"))


def cuts_of(book: Book) -> pd.DataFrame:
    """`cuts.cut` by every column given that groups lines or customers: dimension (CUTS), then its columns; no row without one."""
    now, found = audit_series(book).iloc[1], [pd.DataFrame({"dimension": [], "group": []})]
    moved = moved_of(book)
    margins = margins_of(book, moved, now) if now.variable_cost == now.variable_cost else None
    for table, column in CUTS:
        if not (book.has("sales") and book.has(table, column)):
            continue
        if table == "sales":
            pairs = cuts.line_pairs(book.table("sales"), moved, book.periods, column)
            if margins is None:  # less than half of the revenue has a cost
                pairs["margin"] = np.nan
        else:
            listed = book.table("customers")
            groups = listed.group_by("customer_id").agg(group=listed[column].max())
            pairs = cuts.customer_pairs(moved, margins, groups)
        found.append(cuts.cut(pairs).assign(dimension=column))
    return pd.concat(found[1:] or found, ignore_index=True)


def yearly_customers(book: Book) -> pd.DataFrame:
    """Customers of the last 12 months and of the 12 before, those due: customer_id, margin (of the last 12 months), active, active_previous."""
    book = book.rolling
    moved = moved_of(book)
    margins = margins_of(book, moved, audit_series(book).iloc[1]).select("customer_id", "margin")
    t = moved.filter(moved.status.isin(["kept", "lost", "new", "recovered"])).left_join(margins, "customer_id").execute()
    t["margin"] = t.margin.mask(t.revenue == 0, 0.0)  # no revenue, no margin; unknown stays unknown
    return t[["customer_id", "margin", "active", "active_previous"]].sort_values("customer_id", ignore_index=True)


@once
def account_list(book: Book, cut_a: float, cut_b: float, rates: Rates) -> pd.DataFrame:
    """One row per customer with a sale in the last 24 months, largest revenue first.

    Columns     customer_id, name, salesperson, segment; revenue and revenue_previous, order_count, active (an order in the last 12 months), status,
                abc_class, class_b_revenue (least revenue of class B, the same in every row), first_date, last_order_date, days_since_last_order,
                silence_ratio, tenure_years, month_count, active_year_share, fall_p_value, kept_share, order_quarter_count, return_share, rolling_year_revenue, peak_revenue,
                peak_end; margin, cost_to_serve, profit, profit_low, profit_high (the margin where no cost to serve is known), profit_rate,
                profit_rank; days_late, overdue_share; score and the marks of service quality, complaint_rate; contact_count (12 months up
                to the last order), contact_count_previous (12 months before those), rush_count; contact_person_count, single_thread, family_share, mean_discount, fading,
                opportunity_count, opportunity_quarter_count, win_rate; contract, contract_end, potential, competitor. Unknown is NaN or NULL
    """
    book = book.rolling
    periods = book.periods
    moved = book.kept("account_movements", moved_of(book), MOVEMENTS)
    t = moved.filter(moved.status.notnull()).order_by(ibis.desc("revenue"), "customer_id").execute()
    t = t[["customer_id", "revenue", "revenue_previous", "order_count", "active", "status", "first_date"]]
    classes = concentration.abc_classes(moved, cut_a, cut_b).select("customer_id", "abc_class").execute().set_index("customer_id").abc_class
    t["abc_class"] = t.customer_id.map(classes)
    large = t.revenue[t.abc_class.isin(["A", "B"])]
    t["class_b_revenue"] = large.min() if len(large) else np.nan
    named = book.names()
    t["name"], t["salesperson"] = (
        t.customer_id.map(named.name).fillna(t.customer_id),
        t.customer_id.map(named.salesperson),
    )  # nameless: its number
    for part in (_listed(book), _rhythm(book), _years(book), _lines(book), _profits(book, rates), _payment(book), _opportunities(book)):
        t = _joined(t, part)
    last = pd.to_datetime(t.last_order_date)
    t["days_since_last_order"] = (pd.Timestamp(book.as_of) - last).dt.days.astype(float)
    began = pd.to_datetime(t.first_date).astype("datetime64[ns]")
    told = pd.to_datetime(t.since).astype("datetime64[ns]")
    t["tenure_years"] = (pd.Timestamp(book.as_of) - told.where(told < began, began)).dt.days / 365.25
    before = t.revenue_previous.where(t.revenue_previous > 0)
    t["kept_share"] = np.minimum(t.revenue.clip(lower=0), before) / before
    t["profit_rate"] = t.profit_or_margin / t.margin_revenue.where(t.margin_revenue > 0)
    t["profit_rank"] = t.profit_or_margin.rank(pct=True)
    t = _joined(t, _marks(book))
    t = _activities(book, t)
    t["fading"] = fading(book, t.customer_id, periods.current)
    # persons behind orders where the sales name them, else those that the customer list counts
    t["contact_person_count"] = (
        t.order_contact_count.fillna(t.contacts.astype(float)) if "order_contact_count" in t else t.contacts.astype(float)
    )
    persons = t.contact_person_count.where(t.contact_person_count > 0)
    t["contact_person_count"], t["single_thread"] = persons, (persons == 1).astype("boolean").mask(persons.isna())
    return t.sort_values(["revenue", "customer_id"], ascending=[False, True], ignore_index=True)


def _joined(t: pd.DataFrame, part: pd.DataFrame) -> pd.DataFrame:
    return t.merge(part.astype({"customer_id": t.customer_id.dtype}), on="customer_id", how="left", validate="one_to_one")


def with_strategies(t: pd.DataFrame, rules: Mapping[str, float], cut_a: float, cut_b: float) -> pd.DataFrame:
    """The account list with its strategies: the switching signs, relationship, strategy, serve_on, signs (their names), potential_class, untapped."""
    signs = strategy.switching_signs(t, rules)
    t = t.assign(
        relationship=strategy.relationships(signs, t.abc_class, rules),
        sign_count=signs.sign_count,
        measured_sign_count=signs.measured_sign_count,
    )
    shown = signs[list(strategy.SIGNS)].fillna(False).astype(bool)
    t["signs"] = [" ".join(name for name, there in zip(strategy.SIGNS, row, strict=True) if there) for row in shown.to_numpy()]
    t["strategy"] = strategy.choose_strategies(t, rules)
    t["serve_on"] = strategy.serve_levers(t, rules).where(t.strategy == "serve", "")
    t["potential_class"] = strategy.potential_classes(t.potential.astype(float), cut_a, cut_b)
    t["untapped"] = (t.potential.astype(float) - t.revenue).clip(lower=0)
    return t


def chance_fallen(book: Book, t: pd.DataFrame, rules: Mapping[str, float]) -> float:
    """`strategy.chance_fallen` of the accounts: how many would look once bigger by luck alone."""
    orders = book.orders.select("customer_id", "revenue").execute()
    least = float(t.class_b_revenue.iloc[0]) if len(t) else float("nan")
    return strategy.chance_fallen(orders, t.set_index("customer_id").month_count, least, rules)


@once
def leave_history(book: Book) -> pd.DataFrame:
    """Customers active in the 12 months before each earlier audit date, how silent they were on it, and whether they bought in the 12 months after.

    Columns     years_ago, customer_id, silence_ratio, fading (see `fading`), left; no row where the sales given do not cover such a year
    """
    rows = [pd.DataFrame({"years_ago": [], "customer_id": [], "silence_ratio": [], "fading": [], "left": []})]
    for back in range(1, years_covered(book) + 1):
        then = rolling_periods(book).earlier(back)
        bought, after = then.current, rolling_periods(book).earlier(back - 1).current
        dates = book.orders.date
        active = book.orders.filter(dates.between(ibis.date(bought.start), ibis.date(bought.end))).select("customer_id").distinct()
        later = book.orders.filter(dates.between(ibis.date(after.start), ibis.date(after.end))).select("customer_id").distinct().execute()
        t = (
            defection.order_rhythm(book.orders, bought.end)
            .filter(lambda r: ~r.rarely)  # who is not due neither stays nor leaves in a year
            .semi_join(active, "customer_id")
            .select("customer_id", "silence_ratio")
            .execute()
        )
        rows.append(t.assign(years_ago=back, fading=fading(book, t.customer_id, bought), left=~t.customer_id.isin(set(later.customer_id))))
    return pd.concat(rows[1:] or rows, ignore_index=True).sort_values(["years_ago", "customer_id"], ignore_index=True)


def fading(book: Book, customers: pd.Series, year: Period) -> np.ndarray:
    """True for customers that bought at most half as much in the second half of a year as in the first."""
    return trend(book, customers, pd.Timestamp(year.start), pd.Timestamp(year.end)) <= FADING


def _listed(book: Book) -> pd.DataFrame:
    """What the customer list says: customer_id, segment, since, contract (running on the audit date), contract_end (of one that has ended), potential,
    contacts; and the competitor of the last departure noted.
    """  # fmt: skip
    columns = ["segment", "since", "until", "contract", "potential", "contacts"]
    t = pd.DataFrame({"customer_id": pd.Series(dtype=object)} | {name: pd.Series(dtype=object) for name in columns})
    if book.has("customers"):
        t = book.table("customers").execute().drop_duplicates("customer_id").reindex(columns=["customer_id", *columns])
    t["potential"] = t.potential.astype(float)
    until, under = pd.to_datetime(t.pop("until")), t.contract.astype("boolean")
    ended = until <= pd.Timestamp(book.as_of)
    t["contract"], t["contract_end"] = (
        under & ~ended,
        until.where(under.fillna(True) & ended),
    )  # no contract told: what ended is the relationship
    if not book.has("departures", "competitor"):
        return t.assign(competitor=None)
    noted = book.table("departures").filter(lambda d: d.competitor.notnull()).select("customer_id", "date", "competitor").execute()
    last = noted.sort_values(["customer_id", "date", "competitor"]).drop_duplicates("customer_id", keep="last")[
        ["customer_id", "competitor"]
    ]
    return t.merge(last, on="customer_id", how="outer")


def _rhythm(book: Book) -> pd.DataFrame:
    """customer_id, last_order_date, rhythm_months, silence_ratio, rolling_year_revenue, peak_revenue, peak_end (the last day of the best 12 months)."""
    t = defection.order_rhythm(book.orders, book.as_of).select("customer_id", "last_order_date", "rhythm_months", "silence_ratio").execute()
    t = t.merge(defection.peak_years(book.cube).execute(), on="customer_id", how="outer")
    ends = {month: book.periods.month_end(month) for month in t.peak_audit_month.dropna().unique()}
    return t.assign(peak_end=pd.to_datetime(t.pop("peak_audit_month").map(ends)))


def _years(book: Book) -> pd.DataFrame:
    """customer_id, month_count (audit months since its first order in the sales given), active_year_share (of those years; NaN in the first one),
    fall_p_value (`strategy.fall_p_values`), order_quarter_count (of the last four).
    """  # fmt: skip
    cube = book.cube.filter(book.cube.order_count > 0)
    t = cube.group_by("customer_id").agg(
        month_count=cube.audit_month.max() + 1, every=cube.order_count.sum(),
        recent=cube.order_count.sum(where=cube.audit_month < 12).fill_null(0),  # no order in the last 12 months
        years=(cube.audit_month / 12).floor().nunique(),
        order_quarter_count=(cube.audit_month / 3).floor().nunique(where=cube.audit_month < 12),
    ).execute()  # fmt: skip
    length = np.floor((t.month_count - 1) / 12) + 1
    t["fall_p_value"] = strategy.fall_p_values(t.recent.to_numpy(), t.every.to_numpy(), t.month_count.to_numpy())
    t["active_year_share"] = (t.years / length).where(length > 1)
    return t[["customer_id", "month_count", "active_year_share", "fall_p_value", "order_quarter_count"]].astype(
        {"order_quarter_count": float}
    )


def _lines(book: Book) -> pd.DataFrame:
    """From the sale lines of the last 12 months: customer_id, return_share, family_share, order_contact_count, line_discount (NaN where not told)."""
    sales = book.table("sales")
    t = sales.filter(sales.date > ibis.date(years_earlier(book.as_of, 1)))
    amount = t.amount.cast("float64")
    told = {
        "return_share": amount.sum(where=amount < 0).fill_null(0.0).abs() / amount.sum(where=amount > 0)
    }  # no credit note: nothing returned
    if book.has("sales", "contact"):
        told["order_contact_count"] = t.contact.nunique(where=amount > 0).cast("float64")
    if book.has("sales", "offer"):
        sold = t.offer.nunique().execute()
        told["family_share"] = t.offer.nunique(where=amount > 0) / float(sold or 1)
    if book.has("sales", "discount"):
        told["line_discount"] = (amount * t.discount.cast("float64")).sum(where=amount > 0) / amount.sum(
            where=(amount > 0) & t.discount.notnull()
        )
    elif book.has("sales", "list_price", "unit_price"):
        listed = t.list_price.cast("float64")
        told["line_discount"] = (1 - t.unit_price.cast("float64") / listed.nullif(0.0)).mean(where=(amount > 0) & (listed > 0))
    found = t.group_by("customer_id").agg(**told).execute()
    return found.reindex(columns=["customer_id", *dict.fromkeys([*told, "family_share", "line_discount"])])


def _profits(book: Book, rates: Rates) -> pd.DataFrame:
    """Margins of the audit period and what is left of them: customer_id, margin_revenue, margin, cost_to_serve, profit, profit_low, profit_high, profit_or_margin."""
    columns = ["customer_id", "margin_revenue", "margin", "cost_to_serve", "profit", "profit_low", "profit_high", "profit_or_margin"]
    now = audit_series(book).iloc[1]
    empty = pd.DataFrame({name: pd.Series(dtype=object if name == "customer_id" else float) for name in columns})
    if not (now.variable_cost == now.variable_cost and now.accounted_revenue > 0):
        return empty
    margins = margins_of(book, moved_of(book), now).execute()
    tables, _ = served_tables(book, rates)
    if book.has("service") and any(t.cost.notnull().any().execute() for t in tables[:1]):
        activities = ibis.union(*(t.select("customer_id", "activity", "cost") for t in tables)).execute()
        t, _ = cost_to_serve.customer_profit(
            margins, activities, rates.hourly_low / rates.hourly, rates.hourly_high / rates.hourly, rates.draws
        )
    else:
        t = margins.assign(cost_to_serve=np.nan, profit=np.nan, profit_low=margins.margin, profit_high=margins.margin)
    t = t.assign(profit_or_margin=t.profit.fillna(t.margin), margin_revenue=t.revenue)  # the margin where no cost to serve is known
    return t[columns]


def _payment(book: Book) -> pd.DataFrame:
    """customer_id, days_late, overdue_share; unknown without payment dates."""
    if not book.has("receivables", "paid_date"):
        return pd.DataFrame(
            {"customer_id": pd.Series(dtype=object), "days_late": pd.Series(dtype=float), "overdue_share": pd.Series(dtype=float)}
        )
    paid = receivables.customer_payment(book.table("receivables"), rolling_periods(book).current, book.as_of)
    return paid.select("customer_id", "days_late", "overdue_share").execute()


def _opportunities(book: Book) -> pd.DataFrame:
    """Of the last 24 months: customer_id, opportunity_count, opportunity_quarter_count, win_rate (of at least 2 decided), opportunity_discount.

    A customer without an opportunity in a table that covers the time has 0 of them.
    """
    columns = ["customer_id", "opportunity_count", "opportunity_quarter_count", "win_rate", "opportunity_discount"]
    since = years_earlier(book.as_of, OPPORTUNITY_YEARS)
    empty = pd.DataFrame({name: pd.Series(dtype=object if name == "customer_id" else float) for name in columns})
    if not book.has("opportunities"):
        return empty
    every = book.table("opportunities")
    covered = (pd.Timestamp(every.opened.min().execute()) - pd.Timestamp(since)).days <= COVER_DAYS
    t = every.filter(every.opened.between(ibis.date(since) + ibis.interval(days=1), ibis.date(book.as_of)))
    quarter = (Periods(book.as_of).audit_month(t.opened) / 3).floor()
    given = {"stage": "string", "discount": "float64"}
    t = t.mutate(quarter=quarter, **{name: t[name].cast(kind) if name in t.columns else ibis.null(kind) for name, kind in given.items()})
    t = t.mutate(decided=t.stage.isin(["won", "lost"]).fill_null(False), won=(t.stage == "won").fill_null(False))  # undecided, or not told
    found = t.group_by("customer_id").agg(
        opportunity_count=t.count().cast("float64"), opportunity_quarter_count=t.quarter.nunique().cast("float64"), decided_count=t.decided.sum(),
        win_rate=t.won.sum() / t.decided.sum().nullif(0), opportunity_discount=t.discount.mean(),
    ).execute()  # fmt: skip
    found["win_rate"] = found.win_rate.astype(float).where(found.decided_count >= strategy.LEAST_DECIDED)
    listed = book.cube.customer_id.as_table().distinct().execute()
    found = listed.merge(found, on="customer_id", how="left")
    counts = ["opportunity_count", "opportunity_quarter_count"]
    if covered:  # the table covers the time and holds no opportunity of the customer: there was none, or none was noted
        found[counts] = found[counts].fillna(0.0)
    return found[columns]


def _marks(book: Book) -> pd.DataFrame:
    """Marks of the last 24 months as shares of the scale: customer_id, score and the dimensions of service quality."""
    columns = ["customer_id", "score", *DIMENSIONS]
    t = answers(book, rolling_periods(book).previous.start, book.as_of)
    t = t.reindex(columns=columns)
    return t.astype(dict.fromkeys(columns[1:], float))


def _activities(book: Book, t: pd.DataFrame) -> pd.DataFrame:
    """Add contact_count, contact_count_previous, rush_count, complaint_rate; unknown where the service table is missing or starts later; mean_discount."""
    t["mean_discount"] = t.line_discount.astype(float).fillna(
        t.opportunity_discount.astype(float)
    )  # that of opportunities where lines tell none
    names = ["contact_count", "contact_count_previous", "rush_count", "complaint_rate"]
    t[names] = np.nan
    if not book.has("service") or not len(t):
        return t
    service = book.table("service")
    kinds = book.activity_kinds
    start, noted_until = (pd.Timestamp(day) for day in service.agg(a=service.date.min(), b=service.date.max()).execute().iloc[0])
    last = pd.to_datetime(t.last_order_date).fillna(pd.Timestamp(book.as_of)).astype("datetime64[ns]")
    of_year = pd.Series(pd.Timestamp(book.as_of), t.index).astype("datetime64[ns]")
    rush = [name for name in kinds if any(word in unidecode(name).lower() for word in RUSH_WORDS)]
    wanted = {
        "contact_count": (contacts.contact_activities(kinds), last),
        "contact_count_previous": (contacts.contact_activities(kinds), years_earlier_each(last, 1)),
        "rush_count": (rush, of_year),
        "complaint_rate": (silence.complaint_activities(kinds), of_year),
    }
    for name, (chosen, end) in wanted.items():
        if not chosen:
            continue
        first = years_earlier_each(end, 1) + pd.Timedelta(days=1)
        windows = silence.windows_of(pd.DataFrame({"customer_id": t.customer_id, "window_start": first, "window_end": end}))
        counted = contacts.contact_counts(service, chosen, windows).execute().set_index("customer_id").contact_count
        # the table covers the window, from its start to its end, and holds none of the customer: none was made, or none was noted
        count = t.customer_id.map(counted).fillna(0.0).astype(float)
        covered = (first >= start - pd.Timedelta(days=COVER_DAYS)) & (end <= noted_until + pd.Timedelta(days=COVER_DAYS))
        t[name] = count.where(covered)
    t["complaint_rate"] = t.complaint_rate / t.order_count.where(t.order_count > 0)
    return t


def units_of(book: Book, accounts: pd.DataFrame, measure: str, start: dt.date, end: dt.date) -> pd.Series:
    """What each account bought between two days (both included), as one of `experiments.MEASURES`, in the order of `accounts`.

    Nothing bought is 0, since the sales given cover the days; a margin is unknown where a line tells no cost.
    """
    sales = book.table("sales")
    t = sales.filter(sales.date.between(ibis.date(start), ibis.date(end)))
    if measure in ("orders", "retention"):
        bought = book.orders.filter(book.orders.date.between(ibis.date(start), ibis.date(end)))
        counts = bought.group_by("customer_id").agg(value=bought.count()).execute().set_index("customer_id").value
        count = accounts.customer_id.map(counts).fillna(0.0).astype(float)  # no order in the window
        return count if measure == "orders" else (count > 0).astype(float)
    amount = t.amount.cast("float64") - (t.cost.cast("float64") if measure == "margin" else 0.0)
    sums = t.group_by("customer_id").agg(value=amount.sum(), blank=amount.isnull().any()).execute().set_index("customer_id")
    value = accounts.customer_id.map(sums.value).fillna(0.0).astype(float)  # no line in the window
    return value.mask(accounts.customer_id.map(sums.blank).fillna(False).astype(bool))  # a line without cost: not known


def sleeping_potential(book: Book, accounts: pd.DataFrame) -> tuple[int, float]:
    """Customers of the list with a potential that are no account of the last 24 months, and their potential."""
    if not book.has("customers", "potential"):
        return 0, 0.0
    listed = book.table("customers").select("customer_id", "potential").execute().drop_duplicates("customer_id")
    asleep = listed[~listed.customer_id.isin(set(accounts.customer_id))].potential.astype(float)
    return int((asleep > 0).sum()), float(asleep[asleep > 0].sum())


def indicator_values(book: Book, accounts: pd.DataFrame) -> dict[str, object]:
    """What the nine indicators need beside the register's figures: paid_in_time, paying, potential_share, potential_share_previous, mean_mark,
    departure_count, competitor_count, competitor (named most); unknown is None.
    """  # fmt: skip
    found: dict[str, object] = dict.fromkeys(
        (
            "paid_in_time",
            "paying",
            "potential_share",
            "potential_share_previous",
            "mean_mark",
            "departure_count",
            "competitor_count",
            "competitor",
        )
    )
    active = accounts[accounts.active.astype(bool)]
    known = active[active.profit_or_margin.notna()]
    found["paying"] = float((known.profit_or_margin > 0).mean()) if len(known) else None
    possible = accounts[accounts.potential > 0]  # those lost, too: else the year before would be that of the survivors
    if len(possible):
        found["potential_share"] = float(possible.revenue.sum() / possible.potential.sum())
        covered = years_covered(book) > 0
        found["potential_share_previous"] = float(possible.revenue_previous.sum() / possible.potential.sum()) if covered else None
    marks = accounts.score.dropna()
    found["mean_mark"] = float(marks.mean()) if len(marks) else None
    if book.has("receivables", "paid_date"):
        year = rolling_periods(book).current
        found["paid_in_time"] = receivables.paid_in_time(book.table("receivables"), year, book.as_of).execute()
    if book.has("departures", "competitor"):
        since = years_earlier(book.as_of, OPPORTUNITY_YEARS)
        noted = book.table("departures").filter(lambda d: d.date > ibis.date(since)).select("customer_id", "competitor").execute()
        names = noted.drop_duplicates(["customer_id", "competitor"]).dropna(subset=["competitor"])
        most = names.competitor.value_counts()
        found |= {"departure_count": noted.customer_id.nunique(), "competitor_count": names.customer_id.nunique()}
        found["competitor"] = sorted(most.index[most == most.max()])[0] if len(most) else None
    return found
