"""What each table of the book knows of an account: parts of the account list, each with a row a
customer (`columns.Part`).
"""

import ibis
import ibis.expr.types as ir
from unidecode import unidecode

from carnet.book.book import Book
from carnet.book.cube import last_text
from carnet.customers.columns import Part, everybody, given, joined
from carnet.customers.customer_years import answered, complaints_of, rolling_periods
from carnet.customers.rhythms import order_rhythm, peak_years
from carnet.engagement.periods import Periods, year_earlier_in, years_earlier
from carnet.measures.costs import receivables
from carnet.measures.gaps import contacts
from carnet.measures.indicators import recurring
from carnet.measures.portfolio import strategy
from carnet.measures.reasons.service_quality import DIMENSIONS
from carnet.measures.register import Column, composed

RUSH_WORDS = ("urgen", "express", "rush")
OPPORTUNITY_YEARS = 2
OFFERED = ("opportunity_count", "opportunity_quarter_count")
FADING = -1 / 3  # (second half − first half) ÷ both: the second half is half of the first


def _with_contracts(book: Book, t: ir.Table) -> ir.Table:
    """The list with contract and contract_end as the contracts themselves tell them, whatever the
    list says: an account that holds none is under none.
    """
    contracts = book.table("contracts")
    now = recurring.monthly_recurring(contracts, [book.as_of])
    running = now.filter(now.recurring != 0).select("customer_id", running=ibis.literal(True))
    ends = contracts.end.max() if "end" in contracts.columns else ibis.null("date")
    held = contracts.group_by("customer_id").agg(last_end=ends)
    t = everybody(t.drop("contract", "contract_end"), held)
    t = joined(t, Part(running, {"running": "boolean"}))
    over = t.running.isnull() & (t.last_end <= ibis.date(book.as_of))
    t = t.mutate(
        contract=t.running.notnull(), contract_end=over.ifelse(t.last_end, ibis.null("date"))
    )
    return t.drop("running", "last_end")


@composed(
    {
        "contract_end": Column(
            "date",
            "Where contracts are given, the last end of an account without a running one; else "
            "customers.until of a contract, or of what stands without one, ended by as_of",
        ),
    },
)
def listed(book: Book) -> ir.Table:
    """What the customer list says: customer_id, segment, since,
    contract (running on the audit date), contract_end (of one that has ended), potential, contacts;
    and the competitor of the last departure noted.
    """
    t = book.table("customers") if book.has("customers") else None
    kinds = {"segment": "string", "since": "date", "until": "date", "contract": "boolean"}
    kinds |= {"potential": "float64", "contacts": "float64"}
    everyone = book.cube.select("customer_id").distinct().limit(0) if t is None else t
    t = everyone.select("customer_id", **given(t, kinds))
    ended = (t.until <= ibis.date(book.as_of)).fill_null(False)
    # no contract told: what ended is the relationship
    over = t.contract.fill_null(True) & ended
    t = t.mutate(
        contract=t.contract & ~ended, contract_end=over.ifelse(t.until, ibis.null("date"))
    ).drop("until")
    if book.has("contracts"):
        t = _with_contracts(book, t)
    if not book.has("departures", "competitor"):
        return t.mutate(competitor=ibis.null("string"))
    noted = book.table("departures").filter(lambda d: d.competitor.notnull())
    last = noted.group_by("customer_id").agg(competitor=last_text(noted.competitor, noted.date))
    return everybody(t, last)


def listed_part(book: Book) -> Part:
    """The columns of `listed`."""
    told = listed(book)
    kinds = {name: str(kind) for name, kind in told.schema().items() if name != "customer_id"}
    return Part(told, kinds)


def rhythm(book: Book) -> list[Part]:
    """last_order_date, rhythm_months, silence_ratio; rolling_year_revenue, peak_revenue,
    peak_audit_month.
    """
    kinds = {"last_order_date": "date", "rhythm_months": "float64", "silence_ratio": "float64"}
    best = dict.fromkeys(("rolling_year_revenue", "peak_revenue"), "float64")
    return [
        Part(order_rhythm(book, book.as_of), kinds),
        Part(peak_years(book), best | {"peak_audit_month": "int64"}),
    ]


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
def years(book: Book) -> Part:
    """month_count (audit months since its first order in the sales given), active_year_share
    (of those years; NULL in the first one), order_quarter_count (of the last four), and what
    `strategy.fall_p_values` is of: orders_ever, orders_lately (of the last 12 months).
    """
    cube = book.cube.filter(book.cube.order_count > 0)
    t = cube.group_by("customer_id").agg(
        month_count=cube.audit_month.max() + 1,
        orders_ever=cube.order_count.sum(),
        # no order in the last 12 months
        orders_lately=cube.order_count.sum(where=cube.audit_month < 12).fill_null(0),
        years=(cube.audit_month / 12).floor().nunique(),
        order_quarter_count=(cube.audit_month / 3).floor().nunique(where=cube.audit_month < 12),
    )
    length = ((t.month_count - 1) / 12).floor() + 1
    share = (length > 1).ifelse(t.years / length, ibis.null("float64"))
    counts = ("month_count", "orders_ever", "orders_lately")
    kinds = dict.fromkeys((*counts, "active_year_share", "order_quarter_count"), "float64")
    return Part(t.mutate(active_year_share=share), kinds)


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
def sale_lines(book: Book) -> Part:
    """From the sale lines of the last 12 months: return_share, family_share, line_discount,
    and order_contact_count where sales name persons.
    """
    sales = book.table("sales")
    lines = sales.filter(sales.date > ibis.date(years_earlier(book.as_of, 1)))
    amount = lines.amount.cast("float64")
    sold = amount.sum(where=amount > 0)
    # no credit note: nothing returned
    told = {"return_share": amount.sum(where=amount < 0).fill_null(0.0).abs() / sold}
    if book.has("sales", "contact"):
        told["order_contact_count"] = lines.contact.nunique(where=amount > 0)
    if book.has("sales", "offer"):
        offers = lines.offer.nunique().execute()
        told["family_share"] = lines.offer.nunique(where=amount > 0) / float(offers or 1)
    if book.has("sales", "discount"):
        priced = amount.sum(where=(amount > 0) & lines.discount.notnull())
        off = (amount * lines.discount.cast("float64")).sum(where=amount > 0)
        told["line_discount"] = off / priced
    elif book.has("sales", "list_price", "unit_price"):
        listed = lines.list_price.cast("float64")
        told["line_discount"] = (1 - lines.unit_price.cast("float64") / listed.nullif(0.0)).mean(
            where=(amount > 0) & (listed > 0)
        )
    found = lines.group_by("customer_id").agg(**told)
    return Part(found, dict.fromkeys([*told, "family_share", "line_discount"], "float64"))


def payment(book: Book) -> Part:
    """days_late, overdue_share; unknown without payment dates."""
    paid = None
    if book.has("receivables", "paid_date"):
        year = rolling_periods(book).current
        paid = receivables.customer_payment(book.table("receivables"), year, book.as_of)
    return Part(paid, dict.fromkeys(("days_late", "overdue_share"), "float64"))


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
def opportunities(book: Book) -> Part:
    """Of the last 24 months: opportunity_count, opportunity_quarter_count,
    win_rate (of at least 2 decided), opportunity_discount.
    """
    kinds = dict.fromkeys((*OFFERED, "win_rate", "opportunity_discount"), "float64")
    if not book.has("opportunities"):
        return Part(None, kinds)
    since = years_earlier(book.as_of, OPPORTUNITY_YEARS)
    every = book.table("opportunities")
    lately = every.filter(
        every.opened.between(ibis.date(since) + ibis.interval(days=1), ibis.date(book.as_of))
    )
    lately = lately.mutate(
        quarter=(Periods(book.as_of).audit_month(lately.opened) / 3).floor(),
        **given(lately, {"stage": "string", "discount": "float64"}),
    )
    # undecided, or not told
    lately = lately.mutate(
        decided=lately.stage.isin(["won", "lost"]).fill_null(False),
        won=(lately.stage == "won").fill_null(False),
    )
    found = lately.group_by("customer_id").agg(
        opportunity_count=lately.count(),
        opportunity_quarter_count=lately.quarter.nunique(),
        decided=lately.decided.sum(),
        won=lately.won.sum(),
        opportunity_discount=lately.discount.mean(),
    )
    enough = found.decided >= strategy.LEAST_DECIDED
    rate = enough.ifelse(found.won / found.decided.nullif(0), ibis.null("float64"))
    return Part(found.mutate(win_rate=rate), kinds)


def marks(book: Book) -> Part:
    """Marks of the last 24 months as shares of the scale: score and the dimensions of service
    quality.
    """
    told = None
    if book.has("satisfaction"):
        told = answered(book, rolling_periods(book).previous.start, book.as_of)
    return Part(told, dict.fromkeys(("score", *DIMENSIONS), "float64"))


@composed(
    {
        "contact_count": Column("count", "Contacts noted in the 12 months up to the last order"),
        "contact_count_previous": Column("count", "Contacts noted in the 12 months before those"),
        "rush_count": Column("count", "Urgent activities noted in the last 12 months"),
        "complaint_rate": Column("ratio", "Complaints noted in the last 12 months over orders"),
    },
)
def activities(book: Book, t: ir.Table, complaints: str) -> list[Part]:
    """contact_count, contact_count_previous, rush_count, complaint_count of customers with
    last_order_date; unknown where the service table is missing or starts later. `complaints`: as
    `complaints_of` takes them.
    """
    kinds, parts = book.activity_kinds, []
    last, today = t.last_order_date.fill_null(ibis.date(book.as_of)), ibis.date(book.as_of)
    rush = [name for name in kinds if any(word in unidecode(name).lower() for word in RUSH_WORDS)]
    contacted = contacts.contact_activities(kinds)
    wanted = {
        "contact_count": (contacted, last),
        "contact_count_previous": (contacted, year_earlier_in(last)),
        "rush_count": (rush, today),
        "complaint_count": (complaints_of(book, complaints), today),
    }
    for name, (chosen, end) in wanted.items():
        counted = None
        if chosen:
            first = year_earlier_in(end) + ibis.interval(days=1)
            windows = t.select("customer_id", window_start=first, window_end=end)
            found = contacts.contact_counts(book.table("service"), chosen, windows)
            windows = windows.filter(book.covers_days("service", first, end))
            # the table covers the window, from its start to its end, and holds none of the
            # customer: none was made, or none was noted
            counted = windows.left_join(found, "customer_id").select(
                "customer_id", **{name: found.contact_count.fill_null(0)}
            )
        parts.append(Part(counted, {name: "float64"}))
    return parts
