"""What the nine indicators of customer capital need beside the register."""

import ibis
import ibis.expr.types as ir
import pandas as pd

from carnet.book.book import Book
from carnet.customers.accounts.sources import OPPORTUNITY_YEARS
from carnet.customers.customer_years import rolling_periods, years_covered
from carnet.engagement.periods import years_earlier
from carnet.measures.costs import receivables
from carnet.wording import unknown


def sleeping_potential(book: Book, accounts: ir.Table) -> tuple[int, float]:
    """Customers of the list with a potential that are no account of the last 24 months,
    and their potential.
    """
    if not book.has("customers", "potential"):
        return 0, 0.0
    listed = book.table("customers").group_by("customer_id").agg(potential=ibis._.potential.max())
    asleep = listed.filter(listed.potential > 0).anti_join(accounts, "customer_id")
    noted = asleep.potential.cast("float64").sum().fill_null(0.0)  # of nobody: nothing
    count, potential = asleep.agg(count=asleep.count(), potential=noted).execute().iloc[0]
    return int(count), float(potential)


def indicator_values(book: Book, totals: pd.Series) -> dict[str, object]:
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
    if totals.priced_count > 0:
        found["paying"] = totals.paying_count / totals.priced_count
    # those lost, too: else the year before would be that of the survivors
    if totals.potential > 0:
        found["potential_share"] = totals.potential_revenue / totals.potential
        before = totals.potential_revenue_previous / totals.potential
        found["potential_share_previous"] = before if years_covered(book) > 0 else None
    found["mean_mark"] = None if unknown(totals.mean_mark) else totals.mean_mark
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
