"""How often each customer orders, and the best year it ever had: what lists, movements and leavers
of every notebook start from, computed once.
"""

import datetime as dt

from carnet.book.book import Book
from carnet.book.mapped import Mapped, as_it_is
from carnet.book.tables import tabled
from carnet.measures.retention import defection


@tabled
def order_rhythm(book: Book, as_of: dt.date) -> Mapped:
    """`defection.order_rhythm` of the book's orders up to a day."""
    return as_it_is(defection.order_rhythm(book.orders, as_of))


@tabled
def peak_years(book: Book) -> Mapped:
    """`defection.peak_years` of the book's cube."""
    return as_it_is(defection.peak_years(book.cube))
