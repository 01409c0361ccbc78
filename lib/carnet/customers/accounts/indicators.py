"""What the nine indicators of customer capital need beside the register."""

import ibis
import pandas as pd

from carnet.book.book import Book
from carnet.customers.accounts.sources import OPPORTUNITY_YEARS
from carnet.customers.customer_years import rolling_periods, years_covered
from carnet.engagement.periods import years_earlier
from carnet.measures.costs import receivables


def sleeping_potential(book: Book, accounts: pd.DataFrame) -> tuple[int, float]:
    """Customers of the list with a potential that are no account of the last 24 months,
    and their potential.
    """
    if not book.has("customers", "potential"):
        return 0, 0.0
    listed = (
        book.table("customers")
        .select("customer_id", "potential")
        .execute()
        .drop_duplicates("customer_id")
    )
    asleep = listed[~listed.customer_id.isin(set(accounts.customer_id))].potential.astype(float)
    return int((asleep > 0).sum()), float(asleep[asleep > 0].sum())


def indicator_values(book: Book, accounts: pd.DataFrame) -> dict[str, object]:
    """What the nine indicators need beside the register's figures:
    paid_in_time, paying, potential_share, potential_share_previous, mean_mark, departure_count,
    competitor_count, competitor (named most); unknown is None.
    """
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
    # those lost, too: else the year before would be that of the survivors
    possible = accounts[accounts.potential > 0]
    if len(possible):
        found["potential_share"] = float(possible.revenue.sum() / possible.potential.sum())
        covered = years_covered(book) > 0
        found["potential_share_previous"] = (
            float(possible.revenue_previous.sum() / possible.potential.sum()) if covered else None
        )
    marks = accounts.score.dropna()
    found["mean_mark"] = float(marks.mean()) if len(marks) else None
    if book.has("receivables", "paid_date"):
        year = rolling_periods(book).current
        found["paid_in_time"] = receivables.paid_in_time(
            book.table("receivables"), year, book.as_of
        ).execute()
    if book.has("departures", "competitor"):
        since = years_earlier(book.as_of, OPPORTUNITY_YEARS)
        noted = (
            book.table("departures")
            .filter(lambda d: d.date > ibis.date(since))
            .select("customer_id", "competitor")
            .execute()
        )
        names = noted.drop_duplicates(["customer_id", "competitor"]).dropna(subset=["competitor"])
        most = names.competitor.value_counts()
        found |= {
            "departure_count": noted.customer_id.nunique(),
            "competitor_count": names.customer_id.nunique(),
        }
        found["competitor"] = sorted(most.index[most == most.max()])[0] if len(most) else None
    return found
