"""How silent customers were in earlier years, and whether they left."""

import ibis
import pandas as pd

from carnet.book.book import Book
from carnet.book.once import once
from carnet.customers.accounts.sources import fading
from carnet.customers.customer_years import rolling_periods, years_covered
from carnet.measures.retention import defection


@once
def leave_history(book: Book) -> pd.DataFrame:
    """Customers active in the 12 months before each earlier audit date, how silent they were on it,
    and whether they bought in the 12 months after.

    Columns     years_ago, customer_id, silence_ratio, fading (see `fading`), left; no row where the
                sales given do not cover such a year
    """
    rows = [
        pd.DataFrame(
            {"years_ago": [], "customer_id": [], "silence_ratio": [], "fading": [], "left": []}
        )
    ]
    for back in range(1, years_covered(book) + 1):
        then = rolling_periods(book).earlier(back)
        bought, after = then.current, rolling_periods(book).earlier(back - 1).current
        dates = book.orders.date
        active = (
            book.orders.filter(dates.between(ibis.date(bought.start), ibis.date(bought.end)))
            .select("customer_id")
            .distinct()
        )
        later = (
            book.orders.filter(dates.between(ibis.date(after.start), ibis.date(after.end)))
            .select("customer_id")
            .distinct()
            .execute()
        )
        t = (
            defection.order_rhythm(book.orders, bought.end)
            .filter(lambda r: ~r.rarely)  # who is not due neither stays nor leaves in a year
            .semi_join(active, "customer_id")
            .select("customer_id", "silence_ratio")
            .execute()
        )
        rows.append(
            t.assign(
                years_ago=back,
                fading=fading(book, t.customer_id, bought),
                left=~t.customer_id.astype(object).isin(later.customer_id),
            )
        )
    return pd.concat(rows[1:] or rows, ignore_index=True).sort_values(
        ["years_ago", "customer_id"], ignore_index=True
    )
