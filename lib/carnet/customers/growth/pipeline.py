"""What is offered, what competitors took, and the share of wallet, as frames:
each computed when it is first read.
"""

from dataclasses import dataclass

import ibis
import pandas as pd

from carnet.book.book import Book
from carnet.book.earlier import Published
from carnet.customers import series
from carnet.customers.decisions import held_out, open_names
from carnet.customers.reasons.leavers import closed_customers
from carnet.engagement.parameters import Parameters
from carnet.engagement.periods import years_earlier
from carnet.measures.growth import pipeline
from carnet.measures.register import computed

YEARS = 2  # of departures and lost offers that name a competitor


@dataclass(frozen=True)
class Pipeline:
    """Opportunities by account, competitors by name, share of wallet since the last audit."""

    book: Book
    parameters: Parameters
    earlier: Published | None = None

    @computed
    def flow(self) -> pd.DataFrame:
        """Opportunities of each account, most money open first: `pipeline.opportunity_flow`."""
        t = pipeline.opportunity_flow(self.book.table("opportunities"), self.book.as_of)
        t = self._named(t)
        order = ["pipe_amount", "won_amount", "customer_id"]
        return t.sort_values(order, ascending=[False, False, True], ignore_index=True)

    @computed
    def unsold(self) -> pd.DataFrame:
        """Accounts that won by the CRM and ordered nothing since: `pipeline.won_unsold`; no row
        without sales.
        """
        book = self.book
        if not (book.has("sales") and book.has("opportunities", "stage")):
            return pd.DataFrame(columns=["customer_id", "name", "won_amount"])
        t = pipeline.won_unsold(book.table("opportunities"), book.orders, book.as_of)
        return self._named(t.execute())

    def names(self, customers: pd.DataFrame) -> list[str]:
        """The first names of a list that a sentence may quote."""
        decided = held_out(self.book, self.parameters.policy)
        return open_names(decided, customers, self.parameters.name_count)

    def _named(self, t: pd.DataFrame) -> pd.DataFrame:
        t = self._with_names(t)
        return t.assign(name=t.name.fillna(t.customer_id))

    def _with_names(self, t: pd.DataFrame) -> pd.DataFrame:
        names = self.book.names(t.customer_id).reindex(columns=["name", "salesperson"])
        return t.merge(names.reset_index(), on="customer_id", how="left")

    # --- competitors

    @computed
    def left(self) -> pd.DataFrame:
        """Departures of the last two years with the competitor named and the revenue that left:
        as noted, else of the 12 months up to the account's last order.
        """
        columns = ["customer_id", "date", "competitor", "revenue"]
        if not self.book.has("departures", "competitor"):
            return pd.DataFrame(columns=columns)
        t = self.book.table("departures")
        noted = t.revenue_at_stake.cast("float64") if "revenue_at_stake" in t.columns else None
        since = ibis.date(years_earlier(self.book.as_of, YEARS))
        t = t.mutate(revenue=ibis.null("float64") if noted is None else noted)
        t = t.filter((t.date > since) & (t.date <= ibis.date(self.book.as_of)))
        frame = t.select(*columns).execute().sort_values(["date", "customer_id"])
        if self.book.has("sales"):
            last = self.book.cube.group_by("customer_id").agg(
                last=self.book.cube.audit_month.min(where=self.book.cube.positive_line_count > 0)
            )
            cube = self.book.cube.inner_join(last, "customer_id")
            cube = cube.filter((cube.audit_month - cube["last"]).between(0, 11))
            bought = cube.group_by("customer_id").agg(revenue=cube.revenue.sum()).execute()
            own = frame.customer_id.map(bought.set_index("customer_id").revenue).astype(float)
            frame["revenue"] = frame.revenue.astype(float).fillna(own)
        closed = closed_customers(self.book)  # gone to nobody
        return frame[~frame.customer_id.isin(closed)].reset_index(drop=True)

    @computed
    def lost(self) -> pd.DataFrame:
        """Opportunities lost in the last two years with the competitor named."""
        columns = ["customer_id", "opened", "competitor", "amount"]
        if not self.book.has("opportunities", "competitor", "stage"):
            return pd.DataFrame(columns=columns)
        t = self.book.table("opportunities")
        since, as_of = (ibis.date(years_earlier(self.book.as_of, n)) for n in (YEARS, 0))
        day = ibis.coalesce(t.closed, t.opened) if "closed" in t.columns else t.opened
        t = t.filter((t.stage == "lost") & (day > since) & (day <= as_of))
        amount = t.amount.cast("float64") if "amount" in t.columns else ibis.null("float64")
        return t.mutate(amount=amount).select(*columns).execute()

    @computed
    def competitors(self) -> pd.DataFrame:
        """Competitors by name: `pipeline.competitors`."""
        return pipeline.competitors(self.left, self.lost)

    @property
    def noted_count(self) -> int:
        """Accounts whose departure was noted in the last two years."""
        return self.left.customer_id.nunique()

    @property
    def taken(self) -> pd.DataFrame:
        """The accounts that left to a named competitor, largest revenue first."""
        t = self.left[self.left.competitor.fillna("").astype(str).str.strip() != ""]
        t = t.drop_duplicates(["customer_id", "competitor"])
        t = self._with_names(t)
        return t.sort_values(["revenue", "customer_id"], ascending=[False, True], ignore_index=True)

    # --- share of wallet

    @computed
    def wallet(self) -> pd.DataFrame:
        """Potential and share of wallet since the last audit: `pipeline.wallet`; no row without an
        earlier report that lists potentials.
        """
        empty = pd.DataFrame(columns=["customer_count", "share"])
        if self.earlier is None or not self.book.has("customers", "potential"):
            return empty
        if not (self.book.has("sales") and self.earlier.has_list("strategy")):
            return empty
        then = self.earlier.read_list("strategy", "revenue potential")
        listed = self.book.table("customers").select("customer_id", "potential").execute()
        moved = series.moved(self.book, self.book.periods.yearly).select("customer_id", "revenue")
        moved = moved.execute()
        now = moved.merge(listed.drop_duplicates("customer_id"), on="customer_id")
        now["potential"] = now.potential.astype(float)
        return pipeline.wallet(now, then[["customer_id", "revenue", "potential"]])
