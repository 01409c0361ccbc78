"""What is known of single accounts, for a page each: months, families, contacts, opportunities,
invoices, marks and words, contract.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import ibis
import pandas as pd

from carnet.book.book import Book
from carnet.book.mapped import frame
from carnet.customers.accounts.sources import listed
from carnet.engagement.periods import years_earlier
from carnet.measures.costs import receivables
from carnet.measures.portfolio import account_history

MONTHS = 36
EACH = 6  # contacts, opportunities, invoices of one account that are shown


@dataclass(frozen=True)
class Dossiers:
    """Frames of the accounts asked for, each with customer_id.

    Fields      months (audit_month 0 to 35, 0 the latest; revenue), families (family, revenue,
                revenue_previous), contacts (date, activity, salesperson, quality), opportunities
                (opened, closed, stage, product, amount), invoices (invoice_date, due, amount: open
                at the audit date), marks (date, score, scale, comment), departures (date, reason,
                verbatim), listed (the columns of the customer list). Empty where the table is
                not given.
    """

    months: pd.DataFrame
    families: pd.DataFrame
    contacts: pd.DataFrame
    opportunities: pd.DataFrame
    invoices: pd.DataFrame
    marks: pd.DataFrame
    departures: pd.DataFrame
    listed: pd.DataFrame

    @cached_property
    def _groups(self) -> dict[str, dict[str, pd.DataFrame]]:
        """The rows of each account, by frame."""
        frames = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: dict(iter(t.groupby("customer_id"))) for name, t in frames.items()}

    def of(self, customer: str) -> "Dossiers":
        """Those of one account."""
        return Dossiers(
            **{
                name: groups.get(customer, getattr(self, name).iloc[:0])
                for name, groups in self._groups.items()
            }
        )


def dossiers(book: Book, customers: Sequence[str]) -> Dossiers:
    """What the book holds of these customers; texts are withheld where people are hidden."""
    ids = list(customers)
    if not book.has("sales") or not ids:
        empty = pd.DataFrame({"customer_id": []})
        return Dossiers(*[empty] * len(fields(Dossiers)))
    cube = book.cube.filter(book.cube.customer_id.isin(ids))
    return Dossiers(
        months=account_history.account_months(cube, MONTHS).execute(),
        families=_families(book, ids),
        contacts=_rows(book, ids, "service", "date", "activity salesperson quality"),
        opportunities=_rows(
            book, ids, "opportunities", "opened", "closed stage product amount competitor"
        ),
        invoices=_invoices(book, ids),
        marks=_rows(book, ids, "satisfaction", "date", "score scale comment"),
        departures=_rows(book, ids, "departures", "date", "reason competitor verbatim"),
        listed=_listed(book, ids),
    )


def _listed(book: Book, ids: list[str]) -> pd.DataFrame:
    """What the customer list says of each account, and of its contract what decides elsewhere."""
    t = _rows(book, ids, "customers", "", "segment sector region since until potential")
    every = listed(book)
    told = every.filter(every.customer_id.isin(ids)).select(
        "customer_id", "contract", "contract_end"
    )
    told = frame(told).astype({"customer_id": object})
    return t.astype({"customer_id": object}).merge(told, on="customer_id", how="outer")


def _families(book: Book, ids: list[str]) -> pd.DataFrame:
    """Revenue of both periods by family, largest first."""
    family = next((name for name in ("offer", "product") if book.has("sales", name)), "")
    if not family:
        return pd.DataFrame({"customer_id": []})
    lines = book.table("sales")
    lines = lines.filter(lines.customer_id.isin(ids))
    return account_history.family_revenue(lines, family, book.periods).execute()


def _invoices(book: Book, ids: list[str]) -> pd.DataFrame:
    """Open invoices, oldest due first."""
    if not book.has("receivables"):
        return pd.DataFrame({"customer_id": []})
    t = book.table("receivables")
    return receivables.open_invoices(t.filter(t.customer_id.isin(ids)), book.as_of).execute()


def _rows(book: Book, ids: list[str], table: str, day: str, columns: str) -> pd.DataFrame:
    """The latest rows of a table about each account, up to the audit date; those of its columns
    that are given.
    """
    if not book.has(table):
        return pd.DataFrame({"customer_id": []})
    t = book.table(table)
    known = [name for name in columns.split() if name in t.columns]
    if book.pseudonyms:
        known = [name for name in known if name not in ("comment", "verbatim")]
    t = t.filter(t.customer_id.isin(ids))
    if not day:
        return t.select("customer_id", *known).execute().drop_duplicates("customer_id")
    since = years_earlier(book.as_of, 3)
    t = t.filter(t[day].between(ibis.date(since), ibis.date(book.as_of)))
    frame = t.select("customer_id", day, *known).execute()
    order = [day, *(name for name in frame if name != day)]
    return frame.sort_values(order, ascending=[False] + [True] * (len(order) - 1))
