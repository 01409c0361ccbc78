"""What was done with a customer: contacts against plan, their quality, proposals;
and what that says of a gap (source B).
"""

import datetime as dt
import unicodedata
from collections.abc import Mapping, Sequence

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from carnet.engagement.periods import Period
from carnet.errors import CarnetError, nearest
from carnet.measures.register import Figure, measure
from carnet.measures.statistics.intervals import wilson_interval
from carnet.wording import N_

CONTACT_WORDS = (
    "visit",
    "call",
    "phone",
    "meeting",
    "mail",
    "appel",
    "telephone",
    "rendez-vous",
    "rdv",
    "relance",
    "reunion",
)
QUADRANTS = ("few_contacts", "competition", "demand", "watch")


@measure(N_("Kinds of activity that are contacts"))
def contact_activities(
    activities: Sequence[str], words: Sequence[str] = CONTACT_WORDS
) -> list[str]:
    """The kinds of activity that are contacts, by the words in their names.

    Formula     the names that hold one of `words`, accents and case aside; all names when none
                holds one
    Unit        text
    Population  the kinds of activity given, in their order
    Undefined   never: an empty list gives an empty list
    Source      source B of the method (contact activity); the words are a definition of the
                workbook (CONTACT_WORDS)

    Raises      CarnetError for a word that is not one of CONTACT_WORDS and names no activity.

    >>> contact_activities(["Visite", "Réclamation", "Livraison urgente", "Rendez-vous"])
    ['Visite', 'Rendez-vous']
    """
    folded = {word: _folded(word) for word in words}
    found = [name for name in activities if any(word in _folded(name) for word in folded.values())]
    strangers = [
        word
        for word, plain in folded.items()
        if not any(plain in _folded(name) for name in activities)
    ]
    if tuple(words) != CONTACT_WORDS and activities and strangers:
        raise CarnetError(
            "contact_activities: no activity is called {strangers}; {nearest}",
            strangers=f"{strangers[0]!r}",
            nearest=nearest(strangers[0], list(activities)),
        )
    return found or list(activities)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().casefold().strip()


@measure(N_("Contacts of each customer and their quality"))
def contact_counts(service: ir.Table, activities: Sequence[str], windows: ir.Table) -> ir.Table:
    """Contacts of each customer inside its own window, and their quality.

    Formula     contact_count = noted activities of the kinds given with window_start ≤ date ≤
                window_end; contact_quality = mean of their marks
    Unit        counts; quality in marks 1 to 5
    Population  one row a customer with such an activity in its window
    Undefined   a customer without a noted contact has no row; contact_quality is NULL where no mark
                is noted
    Source      source B of the method (contact activity and contact quality)

    Parameters  windows: customer_id, window_start, window_end (both days included)
    Columns     customer_id, contact_count, contact_quality (mean of the marks 1 to 5)
    """
    t = service.filter(service.activity.isin(list(activities))).join(windows, "customer_id")
    t = t.filter(t.date.between(t.window_start, t.window_end))
    quality = t.quality.mean() if "quality" in service.columns else ibis.null("float64")
    return t.group_by("customer_id").agg(contact_count=t.count(), contact_quality=quality)


@measure(N_("Proposals of each customer"))
def proposal_counts(opportunities: ir.Table, since: dt.date, as_of: dt.date) -> ir.Table:
    """Proposals of each customer: how many were opened lately, and what is still open.

    Formula     proposal_count = opportunities opened after `since`; opportunity_count and
                opportunity_amount = those not closed at `as_of`, and Σ their amount; without a
                closing date the stage tells, without either it is open
    Unit        counts, currency
    Population  one row a customer with an opportunity opened up to `as_of`
    Undefined   opportunity_amount is NULL where nothing is open or no amount is noted; a customer
                without an opportunity has no row
    Source      source B of the method (proposals made), E (flow of opportunities)

    Columns     customer_id, proposal_count, opportunity_count, opportunity_amount
    """
    t = opportunities.filter(opportunities.opened <= ibis.date(as_of))
    closed = t.closed if "closed" in t.columns else ibis.null("date")
    undecided = (
        (t.stage == "open") | t.stage.isnull() if "stage" in t.columns else ibis.literal(True)
    )
    # closed after the audit date: still open on it; without a date the stage tells, without
    # either it is open
    is_open = closed.isnull().ifelse(undecided, closed > ibis.date(as_of))
    amount = t.amount.cast("float64") if "amount" in t.columns else ibis.null("float64")
    t = t.mutate(
        recent=t.opened > ibis.date(since),
        is_open=is_open,
        opportunity_amount=is_open.ifelse(amount, ibis.null("float64")),
    )
    return t.group_by("customer_id").agg(
        proposal_count=t.recent.sum(),
        opportunity_count=t.is_open.sum(),
        opportunity_amount=t.opportunity_amount.sum(),
    )


@measure(
    N_("Opportunities won with customers and with prospects"),
    {
        "existing_win_rate": Figure(
            N_("Opportunities won with customers"),
            "ratio",
            N_(
                "Won ÷ decided opportunities of the last 24 months, of those that had ordered, "
                "or were listed as customers, before they were opened"
            ),
            good="up",
            decimals=1,
            source="D",
        ),
        "prospect_win_rate": Figure(
            N_("Opportunities won with prospects"),
            "ratio",
            N_(
                "Won ÷ decided opportunities of the last 24 months, of those that had neither "
                "ordered nor were listed as customers before they were opened"
            ),
            good="up",
            decimals=1,
            source="D",
        ),
    },
)
def win_rates(
    opportunities: ir.Table, first: ir.Table, since: dt.date, as_of: dt.date
) -> pd.DataFrame:
    """How often opportunities were won, with customers and with prospects.

    Formula     win_rate = won ÷ (won + lost) of those opened after `since` and up to `as_of`,
                Wilson interval; undecided ones are left out
    Unit        counts, rates 0 to 1
    Population  two rows, 'customer' and 'prospect': who opened the opportunity as a customer, and
                who did not
    Undefined   rate and interval are NaN where no opportunity was decided
    Source      source D of the method; interval: E. B. Wilson, JASA, 1927

    Parameters  first: customer_id, first (the day since which each is a customer: its first order,
                or earlier where the list says so)
    Customer    was one before the opportunity was opened; the sales given must reach back for that
    Columns     buyer ('customer', 'prospect'), decided_count, won_count, win_rate, win_low,
                win_high
    """
    t = opportunities.filter(
        (opportunities.opened > ibis.date(since))
        & (opportunities.opened <= ibis.date(as_of))
        & opportunities.stage.isin(["won", "lost"])
    )
    t = t.left_join(first, "customer_id")
    t = t.mutate(buyer=(t["first"] < t.opened).fill_null(False).ifelse("customer", "prospect"))
    found = (
        t.group_by("buyer")
        .agg(decided_count=t.count(), won_count=(t.stage == "won").sum())
        .execute()
        .set_index("buyer")
    )
    # no such opportunity: none decided
    found = found.reindex(["customer", "prospect"]).fillna(0).astype(int)
    ends = [wilson_interval(won, decided) for decided, won in found.to_numpy()]
    rate = found.won_count / found.decided_count.where(found.decided_count > 0)
    return found.assign(
        win_rate=rate, win_low=[low for low, _ in ends], win_high=[high for _, high in ends]
    ).reset_index()


@measure(N_("What salespeople noted: activities, opportunities, what was won"))
def salesperson_activity(
    service: ir.Table | None, opportunities: ir.Table | None, period: Period
) -> pd.DataFrame:
    """What each salesperson noted in a period: activities, opportunities, what was won.

    Formula     activities and opportunities counted; quality = mean of the marks; won_amount = Σ
                amount of those won; win_rate = won ÷ decided, Wilson interval
    Unit        counts, marks 1 to 5, currency, rates 0 to 1
    Population  one row a salesperson that either table names in the period, by name
    Undefined   NaN where the table does not name the salesperson, or was not given; win_rate and
                interval where nothing was decided
    Source      source E of the method (opportunities, win rate); interval: E. B. Wilson, JASA, 1927

    Parameters  service with salesperson, opportunities with salesperson (opened in the period),
                either None where it names nobody
    Columns     salesperson, activity_count, visited_count (customers), quality, opened_count,
                decided_count, won_count, won_amount, win_rate, win_low, win_high (Wilson)
    """
    start, end = ibis.date(period.start), ibis.date(period.end)
    parts = []
    if service is not None:
        t = service.filter(service.date.between(start, end) & service.salesperson.notnull())
        quality = t.quality.mean() if "quality" in t.columns else ibis.null("float64")
        counted = t.group_by("salesperson").agg(
            activity_count=t.count(), visited_count=t.customer_id.nunique(), quality=quality
        )
        parts.append(counted.execute().set_index("salesperson"))
    if opportunities is not None:
        t = opportunities.filter(
            opportunities.opened.between(start, end) & opportunities.salesperson.notnull()
        )
        told = "stage" in t.columns
        amount = t.amount.cast("float64") if "amount" in t.columns else ibis.null("float64")
        t = t.mutate(  # without a stage, or where none is told: undecided
            won=(t.stage == "won").fill_null(False) if told else ibis.literal(False),
            decided=t.stage.isin(["won", "lost"]).fill_null(False) if told else ibis.literal(False),
            worth=amount,
        )
        found = t.group_by("salesperson").agg(
            opened_count=t.count(),
            decided_count=t.decided.sum(),
            won_count=t.won.sum(),
            won_amount=t.worth.sum(where=t.won),
        )
        parts.append(found.execute().set_index("salesperson"))
    columns = [
        "activity_count",
        "visited_count",
        "quality",
        "opened_count",
        "decided_count",
        "won_count",
        "won_amount",
    ]
    t = (
        pd.concat(parts, axis=1).reindex(columns=columns).sort_index().astype(float)
        if parts
        else pd.DataFrame(columns=columns, dtype=float)
    )
    ends = [
        wilson_interval(won, decided)
        for won, decided in zip(t.won_count, t.decided_count, strict=True)
    ]
    t["win_rate"] = t.won_count / t.decided_count.where(t.decided_count > 0)
    return (
        t.assign(win_low=[low for low, _ in ends], win_high=[high for _, high in ends])
        .rename_axis("salesperson")
        .reset_index()
    )


@measure(N_("Contacts planned in a year by ABC class"))
def planned_contacts(abc_class: pd.Series, plan: Mapping[str, float]) -> pd.Series:
    """Contacts planned in a year with each customer, by its ABC class.

    Formula     the number that `plan` holds for the class
    Unit        contacts a year
    Population  one value a customer
    Undefined   NaN without a class, or with a class that the plan does not name
    Source      definition of the workbook; the plan is a parameter of the engagement
    """
    return abc_class.map(plan).astype(float)


@measure(
    N_("Gap against contact: fell deep or not, contacted as planned or not"),
)
def quadrants(
    gap_rate: pd.Series, contact_count: pd.Series, planned: pd.Series, deep_share: float
) -> pd.Series:
    """What a gap looks like beside the contacts: an opening for the talk, not a proof.

    Formula     deep where gap_rate ≤ −deep_share; served where contact_count ≥ planned; the four
                pairs have a name each, see Rule
    Unit        text: a name of QUADRANTS
    Population  one value a customer
    Undefined   None where gap rate, contacts or plan are unknown
    Source      source B of the method (competitor or neglect)

    Columns     quadrant, in the list that takes it
    Rule        few_contacts: fell by `deep_share` or more, fewer contacts than planned;
                competition: fell as much, contacted as planned; demand: fell less, contacted as
                planned; watch: fell less, fewer contacts
    """
    deep, served = gap_rate <= -deep_share, contact_count >= planned
    found = np.select([deep & ~served, deep & served, ~deep & served], QUADRANTS[:3], QUADRANTS[3])
    return pd.Series(found, gap_rate.index, dtype=object).where(
        contact_count.notna() & planned.notna() & gap_rate.notna(), None
    )
