"""What each table of the book knows of an account: a frame a table, one row a customer."""

import ibis
import numpy as np
import pandas as pd
from unidecode import unidecode

from carnet.book.book import Book
from carnet.customers.customer_years import answers, best_years, rolling_periods, trend
from carnet.engagement.periods import Period, Periods, years_earlier, years_earlier_each
from carnet.measures.costs import receivables
from carnet.measures.gaps import contacts
from carnet.measures.indicators import recurring
from carnet.measures.portfolio import strategy
from carnet.measures.reasons import silence
from carnet.measures.reasons.service_quality import DIMENSIONS
from carnet.measures.register import Column, composed
from carnet.measures.retention import defection

RUSH_WORDS = ("urgen", "express", "rush")
OPPORTUNITY_YEARS = 2
FADING = -1 / 3  # (second half − first half) ÷ both: the second half is half of the first


def fading(book: Book, customers: pd.Series, year: Period) -> np.ndarray:
    """True for customers that bought at most half as much in the second half of a year
    as in the first.
    """
    return trend(book, customers, pd.Timestamp(year.start), pd.Timestamp(year.end)) <= FADING


def _with_contracts(book: Book, t: pd.DataFrame) -> pd.DataFrame:
    """The list with contract and contract_end as the contracts themselves tell them, whatever the
    list says: an account that holds none is under none.
    """
    contracts = book.table("contracts")
    now = recurring.monthly_recurring(contracts, [book.as_of]).execute()
    ends = contracts.end.max() if "end" in contracts.columns else ibis.null("date")
    held = contracts.group_by("customer_id").agg(last_end=ends).execute()
    t = t.merge(held, on="customer_id", how="outer")
    t["contract"] = t.customer_id.isin(set(now.customer_id[now.recurring != 0])).astype("boolean")
    last = pd.to_datetime(t.pop("last_end"))
    t["contract_end"] = last.where(~t.contract & (last <= pd.Timestamp(book.as_of)))
    return t


@composed(
    {
        "contract_end": Column(
            "date",
            "Where contracts are given, the last end of an account without a running one; else "
            "customers.until of a contract, or of what stands without one, ended by as_of",
        ),
    },
)
def listed(book: Book) -> pd.DataFrame:
    """What the customer list says: customer_id, segment, since,
    contract (running on the audit date), contract_end (of one that has ended), potential, contacts;
    and the competitor of the last departure noted.
    """
    columns = ["segment", "since", "until", "contract", "potential", "contacts"]
    t = pd.DataFrame(
        {"customer_id": pd.Series(dtype=object)}
        | {name: pd.Series(dtype=object) for name in columns}
    )
    if book.has("customers"):
        t = (
            book.table("customers")
            .execute()
            .drop_duplicates("customer_id")
            .reindex(columns=["customer_id", *columns])
        )
    t["potential"] = t.potential.astype(float)
    until, under = pd.to_datetime(t.pop("until")), t.contract.astype("boolean")
    ended = until <= pd.Timestamp(book.as_of)
    t["contract"], t["contract_end"] = (
        under & ~ended,
        until.where(under.fillna(True) & ended),
    )  # no contract told: what ended is the relationship
    if book.has("contracts"):
        t = _with_contracts(book, t)
    if not book.has("departures", "competitor"):
        return t.assign(competitor=None)
    noted = (
        book.table("departures")
        .filter(lambda d: d.competitor.notnull())
        .select("customer_id", "date", "competitor")
        .execute()
    )
    last = noted.sort_values(["customer_id", "date", "competitor"]).drop_duplicates(
        "customer_id", keep="last"
    )[["customer_id", "competitor"]]
    return t.merge(last, on="customer_id", how="outer")


def rhythm(book: Book) -> pd.DataFrame:
    """customer_id, last_order_date, rhythm_months, silence_ratio, rolling_year_revenue,
    peak_revenue, peak_end (the last day of the best 12 months).
    """
    t = (
        defection.order_rhythm(book.orders, book.as_of)
        .select("customer_id", "last_order_date", "rhythm_months", "silence_ratio")
        .execute()
    )
    return t.merge(best_years(book), on="customer_id", how="outer")


@composed(
    {
        "month_count": Column("months", "Audit months since the first order given"),
        "active_year_share": Column(
            "ratio",
            "Years with an order over years since the first order; unknown in the first year",
        ),
        "fall_p_value": Column(
            "ratio", "Chance of as few orders in the last year: strategy.fall_p_values"
        ),
        "order_quarter_count": Column("count", "Quarters with an order, of the last four"),
    },
)
def years(book: Book) -> pd.DataFrame:
    """customer_id, month_count (audit months since its first order in the sales given),
    active_year_share (of those years; NaN in the first one), fall_p_value
    (`strategy.fall_p_values`), order_quarter_count (of the last four).
    """
    cube = book.cube.filter(book.cube.order_count > 0)
    t = (
        cube.group_by("customer_id")
        .agg(
            month_count=cube.audit_month.max() + 1,
            every=cube.order_count.sum(),
            # no order in the last 12 months
            recent=cube.order_count.sum(where=cube.audit_month < 12).fill_null(0),
            years=(cube.audit_month / 12).floor().nunique(),
            order_quarter_count=(cube.audit_month / 3).floor().nunique(where=cube.audit_month < 12),
        )
        .execute()
    )
    length = np.floor((t.month_count - 1) / 12) + 1
    t["fall_p_value"] = strategy.fall_p_values(
        t.recent.to_numpy(), t.every.to_numpy(), t.month_count.to_numpy()
    )
    t["active_year_share"] = (t.years / length).where(length > 1)
    return t[
        ["customer_id", "month_count", "active_year_share", "fall_p_value", "order_quarter_count"]
    ].astype({"order_quarter_count": float})


@composed(
    {
        "return_share": Column(
            "ratio", "Credit notes of 12 months over positive lines, in absolute value"
        ),
        "order_contact_count": Column(
            "count", "Different sales.contact on positive lines of 12 months"
        ),
        "family_share": Column(
            "ratio", "Different sales.offer bought in 12 months over those sold by the book"
        ),
        "line_discount": Column(
            "ratio",
            "Mean discount of positive lines of 12 months, by amount where it is told",
        ),
    },
)
def sale_lines(book: Book) -> pd.DataFrame:
    """From the sale lines of the last 12 months: customer_id, return_share, family_share,
    order_contact_count, line_discount (NaN where not told).
    """
    sales = book.table("sales")
    t = sales.filter(sales.date > ibis.date(years_earlier(book.as_of, 1)))
    amount = t.amount.cast("float64")
    told = {
        "return_share": amount.sum(where=amount < 0).fill_null(0.0).abs()
        / amount.sum(where=amount > 0)
    }  # no credit note: nothing returned
    if book.has("sales", "contact"):
        told["order_contact_count"] = t.contact.nunique(where=amount > 0).cast("float64")
    if book.has("sales", "offer"):
        sold = t.offer.nunique().execute()
        told["family_share"] = t.offer.nunique(where=amount > 0) / float(sold or 1)
    if book.has("sales", "discount"):
        told["line_discount"] = (amount * t.discount.cast("float64")).sum(
            where=amount > 0
        ) / amount.sum(where=(amount > 0) & t.discount.notnull())
    elif book.has("sales", "list_price", "unit_price"):
        listed = t.list_price.cast("float64")
        told["line_discount"] = (1 - t.unit_price.cast("float64") / listed.nullif(0.0)).mean(
            where=(amount > 0) & (listed > 0)
        )
    found = t.group_by("customer_id").agg(**told).execute()
    return found.reindex(
        columns=["customer_id", *dict.fromkeys([*told, "family_share", "line_discount"])]
    )


def payment(book: Book) -> pd.DataFrame:
    """customer_id, days_late, overdue_share; unknown without payment dates."""
    if not book.has("receivables", "paid_date"):
        return pd.DataFrame(
            {
                "customer_id": pd.Series(dtype=object),
                "days_late": pd.Series(dtype=float),
                "overdue_share": pd.Series(dtype=float),
            }
        )
    paid = receivables.customer_payment(
        book.table("receivables"), rolling_periods(book).current, book.as_of
    )
    return paid.select("customer_id", "days_late", "overdue_share").execute()


@composed(
    {
        "opportunity_count": Column("count", "Opportunities opened in 24 months"),
        "opportunity_quarter_count": Column(
            "count", "Quarters in which one was opened, of the last eight"
        ),
        "win_rate": Column(
            "ratio", "Won over decided opportunities of 24 months, of at least 2 decided"
        ),
        "opportunity_discount": Column("ratio", "Mean discount of the opportunities of 24 months"),
    },
)
def opportunities(book: Book) -> pd.DataFrame:
    """Of the last 24 months: customer_id, opportunity_count, opportunity_quarter_count,
    win_rate (of at least 2 decided), opportunity_discount.

    A customer without an opportunity in a table that covers the time has 0 of them.
    """
    columns = [
        "customer_id",
        "opportunity_count",
        "opportunity_quarter_count",
        "win_rate",
        "opportunity_discount",
    ]
    since = years_earlier(book.as_of, OPPORTUNITY_YEARS)
    empty = pd.DataFrame(
        {name: pd.Series(dtype=object if name == "customer_id" else float) for name in columns}
    )
    if not book.has("opportunities"):
        return empty
    every = book.table("opportunities")
    covered = book.covers("opportunities", since)
    t = every.filter(
        every.opened.between(ibis.date(since) + ibis.interval(days=1), ibis.date(book.as_of))
    )
    quarter = (Periods(book.as_of).audit_month(t.opened) / 3).floor()
    given = {"stage": "string", "discount": "float64"}
    t = t.mutate(
        quarter=quarter,
        **{
            name: t[name].cast(kind) if name in t.columns else ibis.null(kind)
            for name, kind in given.items()
        },
    )
    # undecided, or not told
    t = t.mutate(
        decided=t.stage.isin(["won", "lost"]).fill_null(False),
        won=(t.stage == "won").fill_null(False),
    )
    found = (
        t.group_by("customer_id")
        .agg(
            opportunity_count=t.count().cast("float64"),
            opportunity_quarter_count=t.quarter.nunique().cast("float64"),
            decided_count=t.decided.sum(),
            win_rate=t.won.sum() / t.decided.sum().nullif(0),
            opportunity_discount=t.discount.mean(),
        )
        .execute()
    )
    found["win_rate"] = found.win_rate.astype(float).where(
        found.decided_count >= strategy.LEAST_DECIDED
    )
    listed = book.cube.customer_id.as_table().distinct().execute()
    found = listed.merge(found, on="customer_id", how="left")
    counts = ["opportunity_count", "opportunity_quarter_count"]
    # the table covers the time and holds no opportunity of the customer: there was none,
    # or none was noted
    if covered:
        found[counts] = found[counts].fillna(0.0)
    return found[columns]


def marks(book: Book) -> pd.DataFrame:
    """Marks of the last 24 months as shares of the scale: customer_id,
    score and the dimensions of service quality.
    """
    columns = ["customer_id", "score", *DIMENSIONS]
    t = answers(book, rolling_periods(book).previous.start, book.as_of)
    t = t.reindex(columns=columns)
    return t.astype(dict.fromkeys(columns[1:], float))


@composed(
    {
        "mean_discount": Column("ratio", "line_discount, else opportunity_discount"),
        "contact_count": Column("count", "Contacts noted in the 12 months up to the last order"),
        "contact_count_previous": Column("count", "Contacts noted in the 12 months before those"),
        "rush_count": Column("count", "Urgent activities noted in the last 12 months"),
        "complaint_rate": Column("ratio", "Complaints noted in the last 12 months over orders"),
    },
)
def activities(book: Book, t: pd.DataFrame) -> pd.DataFrame:
    """Add contact_count, contact_count_previous, rush_count, complaint_rate;
    unknown where the service table is missing or starts later; mean_discount.
    """
    t["mean_discount"] = t.line_discount.astype(float).fillna(
        t.opportunity_discount.astype(float)
    )  # that of opportunities where lines tell none
    names = ["contact_count", "contact_count_previous", "rush_count", "complaint_rate"]
    t[names] = np.nan
    if not book.has("service") or not len(t):
        return t
    service = book.table("service")
    kinds = book.activity_kinds
    last = (
        pd.to_datetime(t.last_order_date).fillna(pd.Timestamp(book.as_of)).astype("datetime64[ns]")
    )
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
        windows = silence.windows_of(
            pd.DataFrame({"customer_id": t.customer_id, "window_start": first, "window_end": end})
        )
        counted = (
            contacts.contact_counts(service, chosen, windows)
            .execute()
            .set_index("customer_id")
            .contact_count
        )
        # the table covers the window, from its start to its end, and holds none of the customer:
        # none was made, or none was noted
        count = t.customer_id.map(counted).fillna(0.0).astype(float)
        t[name] = count.where(book.covers("service", first, end))
    t["complaint_rate"] = t.complaint_rate / t.order_count.where(t.order_count > 0)
    return t
