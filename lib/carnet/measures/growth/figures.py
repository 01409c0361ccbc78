"""The published figures of growth."""

from collections.abc import Mapping
from typing import Any

from carnet.measures.growth.associations import Trial
from carnet.measures.register import Figure, measure
from carnet.wording import N_


@measure(
    N_("Opportunities to open, and how well they are foretold"),
    {
        "opportunity_count": Figure(
            N_("Opportunities to open"),
            "count",
            N_("Accounts whose one decision is to offer a family that they do not buy"),
            source="D",
        ),
        "opportunity_margin": Figure(
            N_("Margin that they may bring"),
            "currency",
            N_(
                "Σ of share of first families taken in the last year × first year's revenue × "
                "margin rate of the family, over those accounts"
            ),
            source="D",
        ),
        "next_family_hit_rate": Figure(
            N_("First family named that was bought"),
            "ratio",
            N_(
                "Accounts that bought within the last 12 months the family that the data of a year "
                "ago named for them ÷ accounts with one named"
            ),
            good="up",
            decimals=1,
            source="workbook",
        ),
        "associated_pair_count": Figure(
            N_("Pairs of families bought together beyond chance"),
            "count",
            N_(
                "Pairs of families with a lift of at least 1.1 by its lower end, of which "
                "5\u00a0% at most are expected to be chance (Benjamini-Yekutieli)"
            ),
            source="workbook",
        ),
    },
)
def growth_figures(
    offers: Mapping[str, Any] | None, trial: Trial | None, pair_count: int | None
) -> dict[str, float | None]:
    """What the page of growth publishes.

    Formula     the definitions of the figures
    Unit        counts; currency; a rate
    Population  accounts with a decision; pairs of families of the last 12 months
    Undefined   None where no line names a family; the rate where the sales do not tell a year ago;
                opportunity_margin where no cost is known
    Source      definition of the workbook

    Parameters  offers: count, margin of the accounts to offer a family; trial:
                `associations.next_family_trial`; pair_count: pairs of families that are told
    """
    return {
        "opportunity_count": offers["count"] if offers is not None else None,
        "opportunity_margin": offers["margin"] if offers is not None else None,
        "next_family_hit_rate": trial.rate if trial else None,
        "associated_pair_count": pair_count,
    }
