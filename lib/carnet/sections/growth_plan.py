"""The sections of growth_plan: what customers buy, what each could buy next, what is due again."""

import pandas as pd

from carnet.customers.growth.pipeline import Pipeline
from carnet.customers.growth.study import GrowthStudy
from carnet.exhibits.charts import draw_grid, draw_ranking
from carnet.exhibits.exhibit import Exhibit, Kept, said
from carnet.exhibits.forms import Columns, Drawn
from carnet.exhibits.headings import WORDS
from carnet.findings import growth as words
from carnet.findings import pipeline as pipeline_words
from carnet.findings.indicators import objectives as objectives_in_words
from carnet.measures.growth.migration import FREQUENCIES
from carnet.sections.missing import complete, given, needs, too_few
from carnet.sections.section import Shows, points, section, source_line

CENT = 0.005
GROUP_ROWS = 4  # times the rows of a list: groups are read beside each other


def families_named(study: GrowthStudy) -> str:
    """The need of a family on the sale lines."""
    return needs(study.book, "sales") or (
        "" if study.family else needs(study.book, "sales", "offer")
    )


def source(study: GrowthStudy) -> str:
    """The footer of the charts."""
    return source_line(study.book, "sales")


@section()
def main_points(study: GrowthStudy) -> Shows:
    """The findings, largest money first."""
    w = study.book.wording
    found = []
    if study.widest and study.book.previous_is_complete:
        by = w._(WORDS[study.widest])
        found.append(words.widest(w, by, study.changes(study.widest)))
    if study.family:
        found.append(words.opportunities(w, study.offers, study.opportunities))
        found.append(words.together(w, study.named_pairs, study.tried_count))
    if study.book.has("sales") and not complete(study):
        found.append(words.moved_far(w, "basket", study.basket_moves))
        found.append(words.moved_far(w, "frequency", study.frequency_moves))
    yield from points(w, found)


@section(given("sales"))
def what_they_buy(study: GrowthStudy) -> Shows:
    """What each offer, channel, region, sector, segment and salesperson brings and changed."""
    if not study.dimensions:
        yield from said(needs(study.book, "sales", "offer"), "missing")
        return
    if study.widest:
        yield _contributions(study, study.widest)
    wholes = study.groups.groupby("dimension").revenue.sum()
    w, t = study.book.wording, study.groups
    yield Exhibit(
        "cuts",
        words.cuts_title(w, [w._(WORDS[name]).lower() for name in study.dimensions], t),
        t.assign(cut_by=t.dimension, cut_group=t.group.fillna(w._("none given"))),
        Columns(
            "cut_by cut_group customer_count revenue_previous revenue sales_gap margin "
            "margin_rate retention_range",
            first=GROUP_ROWS * study.parameters.top_count,
        ),
        missing=too_few(study.book, t),
        lists={"cuts": t},
        checks=[
            (
                bool(((wholes - study.revenue).abs() < CENT).all()),
                "a cut of the revenue does not add up to it",
            )
        ],
    )
    if study.has_objectives:
        yield Exhibit(
            "offer-objectives",
            w._("Objectives by offer"),
            objectives_in_words(w, study.objectives).rename(columns={"offer": "family"}),
            Columns("family label owner due target required value range progress"),
            note=w._(
                "Over the last 12 months; the interval is that of luck alone. An objective that "
                "was due before is not judged."
            ),
            lists={"offer_objectives": study.objectives},
        )


def _contributions(study: GrowthStudy, dimension: str) -> Exhibit:
    w, t = study.book.wording, study.changes(dimension)
    largest = t.head(study.parameters.top_count)
    return Exhibit(
        f"contributions-{dimension}",
        words.changes(w, w._(WORDS[dimension]), t),
        pd.DataFrame(
            {
                "name": largest.group.fillna(w._("none given")),
                "amount": largest.sales_gap,
                "note": [w.signed_money(gap, 0) for gap in largest.sales_gap],
            }
        ),
        Drawn(draw_ranking),
        subtitle=w._(
            "Revenue of the audit period less that of the previous one, largest changes first; all "
            "groups together make the change of revenue"
        ),
        source=source(study),
        missing=too_few(study.book, t) if study.book.previous_is_complete else w._(
            "Not compared: the sales given do not cover the previous period."
        ),
    )  # fmt: skip


@section(families_named)
def bought_together(study: GrowthStudy) -> Shows:
    """Which families the same customers buy, beyond chance."""
    if not study.family:
        return
    w = study.book.wording
    yield from said(words.together(w, study.named_pairs, study.tried_count))
    if len(study.named_pairs):
        yield _pairs(study)
    yield Kept(
        lists={"families_together": study.associated},
        checks=[
            (
                bool((study.associated.count_both <= study.associated.count_a).all()),
                "more customers buy both families than one of them",
            )
        ],
    )
    yield Exhibit(
        "penetration",
        w._("Share of each class that bought the largest families in the last 12 months"),
        study.penetration.reset_index(),
        Columns("family class_a class_b class_c"),
        missing=too_few(study.book, study.penetration),
        annex=True,
    )


def _pairs(study: GrowthStudy) -> Exhibit:
    w = study.book.wording
    return Exhibit(
        "families-together",
        w._("Families bought by the same customers more often than chance makes"),
        study.named_pairs.assign(also_share=study.named_pairs.confidence),
        Columns(
            "family_a family_b count_both also_share lift_range",
            first=study.parameters.top_count,
        ),
    )


@section(families_named, complete)
def next_family(study: GrowthStudy) -> Shows:
    """What each account could buy next, tried on the last year."""
    if not study.foretold:
        return
    w = study.book.wording
    yield from said(words.trial(w, study.trial))
    yield from said(words.opportunities(w, study.offers, study.opportunities))
    yield Exhibit(
        "opportunities",
        w._("Accounts to offer a family they do not buy, largest margin to expect first"),
        study.opportunities,
        Columns(
            "customer_id name salesperson family first_revenue expected_range",
            first=study.parameters.top_count,
        ),
        note=w._(
            "Only accounts for which nothing else is decided. Margin to expect: share of first "
            "families named that were bought within a year × what a first year of the family "
            "brings × its margin; the interval is of the share alone. It came by itself: what an "
            "offer adds, only accounts left alone would tell."
        ),
        missing=too_few(study.book, study.opportunities),
        lists={"opportunities_to_open": study.opportunities_list},
        names="opportunities",
        checks=[
            (
                study.offers["count"] == study.offers["decided"],
                "an account of the list is told something else elsewhere",
            )
        ],
    )  # fmt: skip


@section(families_named, complete)
def loyalty(study: GrowthStudy) -> Shows:
    """Whether customers of more families stay more."""
    if not study.foretold:
        return
    w = study.book.wording
    yield Exhibit(
        "loyalty-by-families",
        w._("Customers of the year before by number of families, and how many bought again"),
        study.loyalty.assign(
            family_count=[
                w._("{low} and more", low=w.number(count)) if count == 4 else w.number(count)
                for count in study.loyalty.family_count
            ]
        ),
        Columns("family_count opening_count retention_range"),
        note=w._(
            "Who buys more families also buys more in all: the table shows no cause. Only an "
            "experiment tells whether one family more keeps a customer."
        ),
        missing=""
        if len(study.loyalty.dropna()) > 1
        else w._("Nearly all customers buy as many families: there are no groups to compare."),
    )


@section(families_named, given("contracts"))
def contracts_attached(study: GrowthStudy) -> Shows:
    """Who bought without a contract what others have one for."""
    if not (study.family and study.book.has("contracts")):
        return
    w = study.book.wording
    yield Exhibit(
        "contracts-attached",
        w._("Customers of each family that are under contract"),
        study.attached,
        Columns(
            "family customer_count attachment_range open_revenue", first=study.parameters.top_count
        ),
        note=w._("Bought in the last 24 months; revenue of 12 months of those without a contract."),
        missing=too_few(study.book, study.attached),
    )
    yield Exhibit(
        "unattached",
        w._("Accounts without a contract, largest revenue of those families first"),
        study.unattached,
        Columns(
            "customer_id name salesperson family_revenue action", first=study.parameters.top_count
        ),
        missing=too_few(study.book, study.unattached),
        lists={"without_contract": study.unattached_list},
    )


@section(families_named, given("sales", "quantity"), complete)
def trading_up(study: GrowthStudy) -> Shows:
    """Whether accounts pay more or less for the same family."""
    if not (study.foretold and study.book.has("sales", "quantity")):
        return
    w = study.book.wording
    yield from said(words.prices(w, study.prices_by_family))
    yield Exhibit(
        "prices-by-family",
        w._("Mean price of each family beside the year before, largest effect first"),
        study.prices_by_family.assign(sign_p_value=study.prices_by_family.p_value),
        Columns(
            "family customer_count dearer_count cheaper_count median_change price_effect "
            "sign_p_value",
            first=study.parameters.top_count,
        ),
        note=w._(
            "A higher mean price is a more expensive product of the family, a higher list price or "
            "a smaller discount; the price effect of the cost structure compares product by "
            "product."
        ),
        missing=too_few(study.book, study.prices_by_family),
        lists={"price_moves": study.prices},
    )


@section(families_named)
def due_again(study: GrowthStudy) -> Shows:
    """Families that an account has not ordered for longer than ever."""
    if not study.family:
        return
    w = study.book.wording
    yield from said(words.due(w, study.due_counts, study.due))
    yield Exhibit(
        "reorders-due",
        w._("Families due by their own rhythm, largest revenue of 12 months first"),
        study.due,
        Columns(
            "customer_id name salesperson family family_revenue interval_count longest_days "
            "silent_days action",
            first=study.parameters.top_count,
        ),
        note=w._(
            "To be raised when the account is next spoken to: the one decision an account stays "
            "that of the list of actions."
        ),
        missing=too_few(study.book, study.due),
        lists={"reorders_due": study.due_list},
    )


@section(given("sales"), complete)
def which_baskets(study: GrowthStudy) -> Shows:
    """Customers by mean basket and frequency, and how they moved."""
    if not study.book.has("sales"):
        return
    w = study.book.wording
    yield Exhibit(
        "baskets-frequency",
        w._("Customers by mean basket and orders a year"),
        study.grid,
        Drawn(
            draw_grid,
            {
                "rows": ("basket_band", words.basket_labels(w, study.bounds)),
                "columns": ("frequency_band", words.frequency_labels(w, FREQUENCIES)),
                "names": (w._("mean basket"), w._("orders a year")),
            },
        ),
        subtitle=w._("Customers that bought in the last 12 months"),
        source=source(study),
        missing=too_few(study.book, study.grid),
        lists={"basket_bands": study.bands},
    )
    yield from said(words.moved(w, "basket", study.basket_moves))
    yield from said(words.moved(w, "frequency", study.frequency_moves))
    yield Kept(
        lists={"basket_moves": words.migration_rows(w, study.migrated("basket"), study.bounds)}
    )


@section(given("sales"), complete)
def who_moved(study: GrowthStudy) -> Shows:
    """Who changed class since a year ago and since the last audit."""
    if not study.book.has("sales"):
        return
    w = study.book.wording
    yield from said(words.moved(w, "abc", study.abc_moves))
    yield from said(words.changed(w, *study.strategies_changed))
    yield Exhibit(
        "class-changes",
        w._("Customers that changed class, largest change of revenue first"),
        study.class_table.assign(
            class_kind=lambda t: t.kind,
            class_from=lambda t: [w._(WORDS.get(name, name)) for name in t.class_before],
            class_to=lambda t: [w._(WORDS.get(name, name)) for name in t.class_after],
        ),
        Columns(
            "class_kind class_from class_to customer_count revenue_previous revenue sales_gap",
            first=study.parameters.top_count,
        ),
        missing=too_few(study.book, study.class_table),
        lists={"class_changes": study.changes_of_class},
    )


@section(given("opportunities", "stage"))
def in_the_pipe(pipeline: Pipeline) -> Shows:
    """What is offered each account, what was decided, what is open."""
    if not pipeline.book.has("opportunities", "stage"):
        return
    w, p = pipeline.book.wording, pipeline.parameters
    yield from said(
        pipeline_words.unsold(w, pipeline.unsold, pipeline.names(pipeline.unsold)), "warning"
    )
    old = pipeline.names(pipeline_words.open_long(pipeline.flow))
    yield from said(pipeline_words.flow(w, pipeline.flow, old))
    yield Exhibit(
        "pipeline",
        w._("Accounts with an open opportunity, most money open first"),
        pipeline.flow[pipeline.flow.open_count > 0],
        Columns(
            "customer_id name salesperson opened_count opened_previous win_range won_amount "
            "won_discount open_count pipe_amount oldest_days",
            first=p.top_count,
        ),
        note=w._("Opened in the last 12 months and in the 12 before; won of those decided."),
        missing=too_few(pipeline.book, pipeline.flow[pipeline.flow.open_count > 0]),
        lists={"pipeline": pipeline.flow},
    )


def competitors_named(pipeline: Pipeline) -> str:
    """The need of a departure or of a lost opportunity that names a competitor."""
    return "" if len(pipeline.competitors) else needs(
        pipeline.book, "departures", "competitor"
    ) or too_few(pipeline.book, pipeline.competitors)  # fmt: skip


@section(competitors_named)
def where_they_go(pipeline: Pipeline) -> Shows:
    """To whom accounts and offers went, by name."""
    w, p = pipeline.book.wording, pipeline.parameters
    yield from said(
        pipeline_words.competitors(w, pipeline.competitors, pipeline.taken, pipeline.noted_count)
    )
    yield Exhibit(
        "competitors",
        w._("Competitors by name: accounts that left and offers lost in two years"),
        pipeline.competitors,
        Columns(
            "competitor left_account_count left_revenue lost_offer_count lost_amount",
            first=p.top_count,
        ),
        lists={"competitors": pipeline.competitors},
    )
    yield Exhibit(
        "taken",
        w._("Accounts that left to a named competitor, largest first"),
        pipeline.taken.assign(left_revenue=pipeline.taken.revenue),
        Columns("date customer_id name salesperson competitor left_revenue", first=p.top_count),
        missing=too_few(pipeline.book, pipeline.taken),
    )


@section(given("customers", "potential"))
def share_of_wallet(pipeline: Pipeline) -> Shows:
    """What the market and the share of wallet made of the change since the last audit."""
    w = pipeline.book.wording
    first = w._("Told from the next audit on: it needs the potentials of two audits.")
    yield from said(pipeline_words.wallet(w, pipeline.wallet))
    yield from said("" if len(pipeline.wallet) else first, "note")
    yield Kept(lists={"wallet": pipeline.wallet} if len(pipeline.wallet) else {})


@section()
def recommendations(study: GrowthStudy) -> Shows:
    """What to do next: each sentence is triggered by names on a list."""
    w = study.book.wording
    if study.family and study.foretold:
        for sentence in words.recommendations(w, study.opportunities, study.due):
            yield from said(sentence, "recommendation")
