"""What goes with leaving, and when customers leave for what, as frames:
each computed when it is first read.
"""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from carnet.book.book import Book
from carnet.customers import customer_years
from carnet.customers.reasons import leavers
from carnet.customers.reasons.departures import Departures
from carnet.measures.indicators import departure_times
from carnet.measures.reasons import drivers
from carnet.measures.register import computed

CAUSES = ("ours", "other", "not known")


@dataclass(frozen=True)
class Risks:
    """Attributes that go with leaving, how well leaving is foretold,
    and competing reasons over time.
    """

    departures: Departures

    @property
    def book(self) -> Book:
        """The book of the departures."""
        return self.departures.book

    @computed
    def panel_and_attributes(self) -> tuple[pd.DataFrame, list[str]]:
        """One row a customer and year, and the attributes known of
        most: `customer_years.driver_panel`.
        """
        years = self.departures.parameters.reason_years
        panel, names = customer_years.driver_panel(self.book, years, self.departures.complaints)
        usable = drivers.usable_attributes(panel, names)
        return panel.dropna(subset=usable), usable

    @property
    def panel(self) -> pd.DataFrame:
        """The rows of which these attributes are known."""
        return self.panel_and_attributes[0]

    @property
    def attributes(self) -> list[str]:
        """The attributes known of most."""
        return self.panel_and_attributes[1]

    @property
    def explaining(self) -> list[str]:
        """Those that are not the leaving itself."""
        return [name for name in self.attributes if name not in drivers.SYMPTOMS]

    @property
    def enough(self) -> bool:
        """True when enough customers left, and enough stayed, to estimate anything."""
        least, left = self.departures.parameters.least_event_count, self.panel.lost.sum()
        return bool(self.attributes) and bool(least <= left <= len(self.panel) - least)

    @computed
    def foretold(self) -> dict[str, np.ndarray]:
        """By set of attributes, the risk of each row without its
        customer: `drivers.out_of_sample`.
        """
        sets = {
            "last order": ["silence_days"],
            "no rhythm": self.explaining,
            "everything": self.attributes,
        }
        if not self.enough:
            return {}
        t = self.panel
        return {
            name: drivers.out_of_sample(t[chosen], t.lost, t.customer_id)
            for name, chosen in sets.items()
            if chosen
        }

    @computed
    def fits(self) -> dict[str, dict[str, float]]:
        """How well each tells leavers from stayers: `drivers.discrimination`."""
        lost = self.panel.lost
        return {name: drivers.discrimination(risk, lost) for name, risk in self.foretold.items()}

    @computed
    def effects(self) -> pd.DataFrame | None:
        """What goes with leaving: `drivers.driver_effects`; None where too few left."""
        if not self.enough:
            return None
        return drivers.driver_effects(self.panel[self.explaining], self.panel.lost)

    @computed
    def calibration(self) -> pd.DataFrame:
        """Foretold against seen, everything known: `drivers.calibration`."""
        return drivers.calibration(list(self.foretold.values())[-1], self.panel.lost)

    # --- when, and for what

    @computed
    def spells_and_origin(self) -> tuple[pd.DataFrame, dt.date]:
        """Customers under observation, and the day on which it starts: `leavers.spells`."""
        d = self.departures
        return leavers.spells(self.book, d.everyone, d.ours, d.since)

    @property
    def spells(self) -> pd.DataFrame:
        """The customers under observation."""
        return self.spells_and_origin[0]

    @computed
    def incidence(self) -> pd.DataFrame:
        """Share that has left by cause and time: `departure_times.cumulative_incidence`;
        no row without any.
        """
        if not len(self.spells):
            return self.spells
        return departure_times.cumulative_incidence(self.spells, list(CAUSES))

    @computed
    def incidence_by_year(self) -> pd.DataFrame:
        """The same at whole years, with intervals: `departure_times.incidence_intervals`."""
        years = self.departures.parameters.reason_years
        horizons = list(range(1, years)) if len(self.spells) else []
        return departure_times.incidence_intervals(self.spells, list(CAUSES), horizons)
