"""Objectives of one offer: whether they can be measured, and where they stand."""

import pandas as pd

from carnet.book.book import Book
from carnet.customers.accounts.groups import cuts_of
from carnet.errors import CarnetError, nearest
from carnet.measures.catalogue import check_targets
from carnet.measures.growth import families
from carnet.measures.indicators import objectives

OF_AN_OFFER = {  # the figure, and its column in the cut of the revenue by offer
    "revenue": "revenue",
    "active_customer_count": "customer_count",
}
NO_YEARS = pd.DataFrame({"end": []})  # an objective of an offer is judged by the last 12 months


def check_objectives(book: Book) -> None:
    """Raise CarnetError for an objective of a figure that no measure declares, of an offer that no
    sale line names, or of a figure that is not measured by offer.
    """
    check_targets(target.measure for target in book.engagement.targets)
    for target in book.engagement.targets:
        if target.offer is None:
            continue
        if target.measure not in OF_AN_OFFER:
            raise CarnetError(
                "targets: '{measure}' is not measured by offer; accepted with offer: {listed}.",
                measure=target.measure,
                listed=", ".join(OF_AN_OFFER),
            )
        if not book.has("sales", "offer"):
            raise CarnetError(
                "targets: offer '{offer}': sales has no column offer.", offer=target.offer
            )
        offers = book.table("sales").offer.as_table().distinct().execute().offer
        known = sorted(offers.dropna())
        if target.offer not in known:
            raise CarnetError(
                "targets: no sale line names the offer '{offer}'; {nearest}",
                offer=target.offer,
                nearest=nearest(target.offer, known),
            )


def offer_progress(book: Book) -> pd.DataFrame:
    """Each objective of an offer against where it should stand, by the last 12 months: the columns
    of `objectives.target_progress`, and offer.
    """
    cut = cuts_of(book.rolling)
    cut = cut[cut.dimension == "offer"].set_index("group")
    months = families.family_months(book.table("sales"), "offer", book.periods).execute()
    ranges = families.family_ranges(months).set_index("family")
    covered = book.covers("sales", book.periods.yearly.current.start)
    found = []
    for target in book.engagement.targets:
        if target.offer is None:
            continue
        values, ends = {}, {}
        if covered:  # a part of a year is not a year: nothing is told of it
            # an offer without a line in the two years of the cut brought nothing in them
            row = cut.loc[target.offer] if target.offer in cut.index else dict.fromkeys(cut, 0.0)
            values = {name: float(row[column]) for name, column in OF_AN_OFFER.items()}
            if target.offer in ranges.index:
                ends["revenue"] = tuple(ranges.loc[target.offer, ["low", "high"]])
        progress = objectives.target_progress([target], values, ends, NO_YEARS, book.as_of)
        found.append(progress.assign(offer=target.offer))
    return pd.concat(found, ignore_index=True)
