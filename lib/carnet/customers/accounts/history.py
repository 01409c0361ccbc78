"""How silent customers were in earlier years, and whether they left."""

import ibis
import ibis.expr.types as ir

from carnet.book.book import Book
from carnet.book.mapped import Mapped, as_it_is
from carnet.book.tables import tabled
from carnet.customers.accounts.sources import FADING
from carnet.customers.columns import Part, given, joined
from carnet.customers.customer_years import rolling_periods, trends, years_covered
from carnet.customers.rhythms import order_rhythm
from carnet.engagement.periods import Period

HISTORY = {
    "customer_id": "string", "silence_ratio": "float64", "years_ago": "int64",
    "fading": "boolean", "left": "boolean",
}  # fmt: skip


@tabled
def leave_history(book: Book) -> Mapped:
    """Customers active in the 12 months before each earlier audit date, how silent they were on it,
    and whether they bought in the 12 months after.

    Columns     customer_id, silence_ratio, years_ago, fading (bought at most half as much in the
                second half of the year as in the first), left; no row where the sales given do not
                cover such a year
    """
    years = [_year(book, back) for back in range(1, years_covered(book) + 1)]
    if not years:
        return as_it_is(book.orders.limit(0).select(**given(None, HISTORY)))
    return as_it_is(ibis.union(*years))


def _year(book: Book, back: int) -> ir.Table:
    then = rolling_periods(book).earlier(back)
    bought, after = then.current, rolling_periods(book).earlier(back - 1).current
    later = _buyers(book, after).select("customer_id", came=True)
    rhythm = order_rhythm(book, bought.end)
    t = rhythm.filter(~rhythm.rarely)  # who is not due neither stays nor leaves in a year
    t = t.semi_join(_buyers(book, bought), "customer_id").select("customer_id", "silence_ratio")
    t = joined(
        t,
        Part(trends(book, bought.start, bought.end), {"trend": "float64"}),
        Part(later, {"came": "boolean"}),
    )
    fading = (t.trend <= FADING).fill_null(False)
    made = t.mutate(years_ago=back, fading=fading, left=t.came.isnull())
    return made.select(**given(made, HISTORY))


def _buyers(book: Book, year: Period) -> ir.Table:
    dates = book.orders.date
    within = dates.between(ibis.date(year.start), ibis.date(year.end))
    return book.orders.filter(within).select("customer_id").distinct()
