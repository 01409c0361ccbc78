"""The sections of churn_reasons: why customers leave, who says so, how sure, who leaves silently,
what goes with it.
"""

from datetime import timedelta

import pandas as pd

from carnet.customers import customer_years
from carnet.customers.reasons import leavers
from carnet.customers.reasons.departures import Departures
from carnet.customers.reasons.opinions import Opinions
from carnet.customers.reasons.risks import Risks
from carnet.engagement.periods import years_earlier
from carnet.engagement.records import LIST_LIMIT
from carnet.exhibits.charts import (
    draw_drivers,
    draw_importance,
    draw_incidence,
    draw_reasons,
    draw_tornado,
    draw_two_accounts,
)
from carnet.exhibits.charts.base import shortened
from carnet.exhibits.exhibit import Answered, Exhibit, Kept, Ranked, said, told
from carnet.exhibits.forms import Benchmarks, Columns, Crossed, Drawn
from carnet.findings import Finding, ranked
from carnet.findings import answer as answers
from carnet.findings import reasons as words
from carnet.findings import satisfaction as satisfaction_words
from carnet.measures.reasons import reasons, service_quality, silence
from carnet.sections.missing import first_missing, given, needs, too_few
from carnet.sections.section import Shows, section, source_line
from carnet.wording import N_

TINY = 1e-9  # of sums of shares
SILENT = [
    "customer_id",
    "name",
    "salesperson",
    "segment",
    "abc_class",
    "last_order_date",
    "revenue_lost",
    "complained",
    "answered",
    "recorded",
]


def source(departures: Departures) -> str:
    """The footer of the charts."""
    tables = ("departures", "sales", "satisfaction", "service")
    return source_line(departures.book, *tables, start=departures.since + timedelta(days=1))


@section()
def main_points(departures: Departures, opinions: Opinions) -> Shows:
    """The findings, largest money first."""
    d, w = departures, departures.book.wording
    findings = [_in_hands(d)]
    if d.book.has("departures"):
        findings.append(words.unexplained(w, d.unexplained, d.everyone, d.names(d.unexplained)))
    findings.append(words.silent_leavers(w, d.judged, d.signs, d.names(d.silent)))
    if opinions.surveyed:
        findings += [_satisfaction(opinions), words.core(w, opinions.core)]
    made = ranked(findings)
    if made:
        yield Ranked(made)
    else:
        yield from said(words.nothing_told(w), "missing")


def _in_hands(d: Departures) -> Finding | None:
    w = d.book.wording
    return words.in_our_hands(w, d.noted, d.in_hands, d.in_hands_money, d.ours, w.date(d.since))


def _satisfaction(opinions: Opinions) -> Finding | None:
    names = opinions.departures.names(opinions.left_satisfied)
    return words.satisfaction(opinions.book.wording, opinions.leaving, opinions.effect, names)


@section()
def answer(departures: Departures) -> Shows:
    """What page one says: why they leave, as far as it is known."""
    d, w = departures, departures.book.wording
    yield Answered(
        answers.leaving(w, d.in_hands, d.in_hands_money["value"], len(d.known), w.date(d.since))
    )


@section()
def warnings(departures: Departures) -> Shows:
    """What the reader must know of the data before reading a figure."""
    w, book = departures.book.wording, departures.book
    for notice in book.notices:
        yield from said(w.tell(notice), "warning")
    yield from said(words.marks_outside(w, customer_years.marks_outside(book)), "warning")
    strange = sorted({shortened(code) for code in departures.strange_codes})
    yield from said(words.strange_codes(w, strange), "note")


@section()
def own_codes(departures: Departures) -> Shows:
    """Why they leave, as the client codes it."""
    d, w = departures, departures.book.wording
    if len(d.everyone):
        yield from said(words.leaver_counts(w, d.found, d.settled, len(d.judged)))
    yield Exhibit(
        "codes-chart",
        words.first_reason(w, departures.codes, len(d.noted), d.code_labels),
        departures.codes.assign(benchmark_share=float("nan")),
        Drawn(draw_reasons, {"labels": d.code_labels}),
        subtitle=w._(
            "Share of each of the client’s own codes by number and by money with simultaneous "
            "95 % intervals (Goodman), departures since {date}; in brackets their number",
            date=w.date(d.since),
        ),
        source=source(d),
        missing=first_missing(needs(d.book, "departures"), too_few(d.book, d.noted)),
    )
    checks = [
        (
            departures.codes["count"].sum() == len(d.noted),
            "the codes do not add up to the departures",
        )
    ]
    own = departures.codes.assign(
        own_reason=departures.codes.reason.map(d.code_labels),
        reason_class=departures.codes.reason_class.map(d.labels),
    )
    if len(d.noted):
        yield Exhibit(
            "codes",
            w._("The client’s own codes, and the class in which the codebook reads them"),
            own,
            Columns(
                "own_reason reason_class count proposed_count share_range revenue_lost",
                first=d.parameters.top_count,
            ),
            checks=checks,
        )
    else:
        yield Kept(checks=checks)


@section()
def classes_of_reasons(departures: Departures) -> Shows:
    """The same departures by the classes of the codebook, beside what is quoted everywhere."""
    d, w, shares = departures, departures.book.wording, departures.shares
    yield Exhibit(
        "reasons-chart",
        words.first_reason(w, shares, len(d.noted), d.labels),
        shares,
        Drawn(draw_reasons, {"labels": d.labels}),
        subtitle=w._(
            "Share of each reason by number and by money with simultaneous 95 % intervals "
            "(Goodman), departures since {date}; in brackets their number",
            date=w.date(d.since),
        ),
        source=source(d),
        missing=first_missing(needs(d.book, "departures"), too_few(d.book, d.noted)),
    )
    if len(d.known):
        yield from said(words.against_quoted(w, departures.shares, d.fit, d.labels))
    if len(d.noted):
        yield _reasons_table(d)
    yield from _not_counted(d)
    yield Kept(
        _reason_lists(d),
        [
            (
                departures.shares["count"].sum() == len(d.noted)
                and abs(departures.shares.share.sum() - (len(d.noted) > 0)) < TINY,
                "the reasons do not add up to the departures",
            )
        ],
        names="in_our_hands",
    )


def _reasons_table(d: Departures) -> Exhibit:
    w = d.book.wording
    return Exhibit(
        "reasons",
        w._(
            "The same departures by the classes of the codebook, since {date} ({count})",
            count=w.number(len(d.noted)),
            date=w.date(d.since),
        ),
        d.shares.assign(reason=d.shares.reason.map(d.labels)),
        Columns(
            "reason count proposed_count share_range revenue_lost revenue_range "
            "quoted_range benchmark_share"
        ),
        note=w._(
            "Quoted: 15, 15, 20 and 49 divided by their sum, 99; grade D. They know neither "
            "unknown nor other reasons, so the column before compares like with like. Money: "
            "revenue at stake as noted, else of the 12 months before leaving; its intervals count "
            "large customers as fewer observations, and are somewhat narrow where one reason has "
            "the few large ones."
        ),
    )


def _not_counted(d: Departures) -> Shows:
    """Departures that are in no count, or in no sum."""
    w = d.book.wording
    returned = N_(
        "Departures noted of customers that ordered again more than 92 days later, "
        "not counted: {count}."
    )
    unpriced = N_("Departures whose revenue is not known, and in no sum: {count}.")
    yield from said(words.counted_if_any(returned, w, len(d.returned)), "warning")
    count = int(d.noted.revenue_lost.isna().sum())
    yield from said(words.counted_if_any(unpriced, w, count), "warning")


def _reason_lists(d: Departures) -> dict[str, pd.DataFrame]:
    labelled = d.everyone[leavers.LEAVER_COLUMNS].assign(label=d.everyone.reason.map(d.labels))
    if not d.book.has("departures"):
        return {"leavers": labelled}
    own, label = d.codes.reason.map(d.code_labels), d.codes.reason_class.map(d.labels)
    return {
        "leavers": labelled,
        "reasons": d.codes.assign(own_label=own, label=label),
        "reason_classes": d.shares.assign(label=d.shares.reason.map(d.labels)),
    }


@section()
def in_our_hands(departures: Departures) -> Shows:
    """What lies in our own hands."""
    d, w = departures, departures.book.wording
    yield from told(_in_hands(d))
    nobody = first_missing(needs(d.book, "departures"), too_few(d.book, d.noted))
    yield from said(nobody, "missing")
    parts = d.groups.groupby("dimension").departure_count.sum()
    checks = [((parts == len(d.noted)).all(), "groups do not add up to the departures")]
    if not len(d.groups):
        yield Kept(checks=checks)
        return
    yield Exhibit(
        "reason-groups",
        w._(
            "Departures in our own hands, group by group; p: chance of reasons this uneven if all "
            "groups left alike"
        ),
        words.grouped(w, d.groups),
        Columns("by group_name departure_count known_count ours_range revenue_lost p_value"),
        note=w._(
            "Groups in the order of their names: shares of so few are not a ranking. p below 5 % "
            "on one of several tables is no proof."
        ),
        checks=checks,
        annex=True,
    )


@section()
def who_says_so(departures: Departures) -> Shows:
    """What salespeople say against what customers say."""
    d, w, gap = departures, departures.book.wording, departures.gap
    sample = words.told_sample(gap)
    nobody = w._("Not compared: no departure was told by customers, or none by salespeople.")
    yield Exhibit(
        "two-accounts",
        words.widest_gap(w, sample, d.labels),
        sample,
        Drawn(draw_two_accounts, {"labels": d.labels}),
        subtitle=words.who_told(w, sample),
        source=source(d),
        missing=first_missing(
            needs(d.book, "departures", "told_by"), "" if len(sample) else nobody
        ),
        lists={"perception": gap},
    )
    yield from said(words.perception(w, departures.gap, d.labels))
    yield from said(words.whose_word(w, sample, d.parameters.believed), "note")
    captions = {
        "paired": w._("The same departures, told by both"),
        "apart": w._("Departures told by one of them only"),
    }
    for name, part in departures.gap.groupby("sample", sort=False):
        chance = " p_value" if name == "paired" else ""
        yield Exhibit(
            f"gap-{name}",
            captions[name],
            part.assign(reason=part.reason.map(d.labels)),
            Columns(f"reason customer_range salesperson_range gap_range{chance}"),
        )


@section()
def those_who_told_nothing(departures: Departures) -> Shows:
    """What of those who told nothing."""
    d, w, book = departures, departures.book.wording, departures.book
    if not book.has("sales"):
        noted_only = w._(
            "Only the departures noted are known: without sales, customers lost without a note "
            "are not counted."
        )
        yield from said(noted_only, "warning")
    if len(d.settled) < len(d.everyone):
        left_out = w._(
            "Of the last 12 months only the departures noted are known: they are left out "
            "here, up to {date}.",
            date=w.date(years_earlier(book.as_of, 1)),
        )
        yield from said(left_out, "note")
    yield from said(words.non_response(w, d.settled, d.ours, d.response, words.headings(w)))
    yield from _response(d)
    yield from _unexplained(d)
    yield from _corrected(d)


def _response(d: Departures) -> Shows:
    w, few = d.book.wording, too_few(d.book, d.settled)
    if few or d.response.known_count.sum():
        yield Exhibit(
            "response",
            w._(
                "Of how many leavers a reason is known; p: chance of rates this uneven if all "
                "groups answered alike"
            ),
            words.grouped(w, d.response),
            Columns("by group_name leaver_count known_count response_range p_value"),
            missing=few,
            annex=True,
        )


def _unexplained(d: Departures) -> Shows:
    w, t = d.book.wording, d.unexplained
    if len(t):
        yield Exhibit(
            "unexplained",
            w._("Of whom nobody knows why they left, largest first"),
            t,
            Columns(
                "name salesperson abc_class left_on revenue_lost", first=d.parameters.top_count
            ),
            names="unexplained_leavers",
        )
    elsewhere = N_("Leavers whose competitor is noted, and nothing else: {count}.")
    yield from said(words.counted_if_any(elsewhere, w, d.went_elsewhere), "note")
    known = int((d.everyone.reason != reasons.UNKNOWN).sum())
    whole = len(d.unexplained) + d.went_elsewhere + known == len(d.everyone)
    message = "leavers with and without a reason do not add up"
    yield Kept(checks=[(whole or not d.book.has("departures"), message)])


def _corrected(d: Departures) -> Shows:
    w, t = d.book.wording, d.corrected
    if not len(t):
        return
    reweighted = "reweighted_range " if d.book.has("customers", "segment") else ""
    inside = (t.bound_low <= t.known_share + TINY) & (t.known_share <= t.bound_high + TINY)
    yield Exhibit(
        "corrected",
        w._("Reasons of all leavers ({count})", count=w.number(len(d.settled))),
        t.assign(reason=t.reason.map(d.labels)),
        Columns(f"reason count known_share {reweighted}bounds"),
        note=words.reweighting(w, t),
        checks=[(inside.all(), "a share lies outside its bounds")],
        annex=True,
    )


@section()
def texts(departures: Departures) -> Shows:
    """What the texts say."""
    d, w = departures, departures.book.wording
    yield from said(needs(d.book, "departures", "verbatim"), "missing")
    if len(d.written):
        confusion, kappa = d.agreement
        pairs = int(confusion.to_numpy().sum())
        yield from said(words.agreement(w, kappa, pairs, d.parameters.readers))
    yield from said(words.texts_read(w, d.written), "note")
    if len(d.agreement[0]):
        yield Exhibit(
            "confusion",
            w._("Given codes (rows) against what the texts say (columns)"),
            d.agreement[0],
            Crossed(d.labels, w._("Given code")),
            annex=True,
        )
    if d.parameters.readers > 1:
        yield from said(w._("Two readers: only what both propose counts as proposed."), "note")
    yield from _texts_to_look_at(d)


def _texts_to_look_at(d: Departures) -> Shows:
    w, first = d.book.wording, d.parameters.top_count
    looked_at = words.texts_to_look_at(w, d.texts, d.labels)
    if len(looked_at):
        yield Exhibit(
            "verbatims",
            w._(
                "Texts to look at first: those that say another reason than their code, then those "
                "that wait for a code"
            ),
            looked_at.head(LIST_LIMIT),
            Columns("date name verbatim client_code proposed words standing", first=first),
        )
    whole = len(d.texts) == len(d.notes) + len(d.comments)
    yield Kept({"verbatims": d.texts}, [(whole, "a text was lost on the way")])
    if len(d.low_marks):
        yield Exhibit(
            "comments",
            w._(
                "Marks under {mark} of the scale by customers not known to have left, and the "
                "words of their comment that touch a reason for leaving: the latest",
                mark=w.percent(d.parameters.satisfied_from, 0),
            ),
            d.low_marks,
            Columns("date name salesperson verbatim words", first=first),
        )


@section()
def without_a_word(departures: Departures) -> Shows:
    """Who left without a word."""
    d, w = departures, departures.book.wording
    yield from said(first_missing(needs(d.book, "sales"), too_few(d.book, d.lost)), "missing")
    if d.book.has("sales"):
        yield from told(words.silent_leavers(w, d.judged, d.signs, d.names(departures.silent)))
    not_judged = words.not_judged(w, len(d.lost), len(d.judged), d.signs)
    yield from said(not_judged, "warning")
    yield from said(words.unseen_signs(w, d.signs, len(d.lost)), "warning")
    ordered = len(departures.silent) <= len(d.lost) <= len(d.everyone)
    kept = Kept(
        {"silent_leavers": departures.silent[SILENT]},
        [(ordered, "more silent leavers than leavers")],
    )
    if len(departures.silent):
        yield Exhibit(
            "silent",
            w._(
                "Lost without a word, largest first; looked for: {signs}",
                signs=", ".join(words.looked_for(w, d.signs)),
            ),
            departures.silent.rename(columns={"segment": "client_segment"}),
            Columns(
                "name salesperson client_segment abc_class last_order_date revenue_lost",
                first=d.parameters.top_count,
            ),
            names="silent_leavers",
        )
    yield kept


@section()
def hundred_unhappy(opinions: Opinions) -> Shows:
    """What a hundred unhappy customers cost."""
    w, (results, tornado) = opinions.book.wording, opinions.chain
    names = words.links(w)
    yield Exhibit(
        "chain-chart",
        words.chain_title(w, results),
        tornado,
        Drawn(
            draw_tornado,
            {"results": results, "labels": [names[name] for name in tornado.premise]},
        ),
        subtitle=w._(
            "Prospects lost by 100 unhappy customers, each premise over the middle 95 % of its "
            "range, the others in the middle; last bar: all drawn at once"
        ),
        source=w._("Premises: in the annex; {draws} draws", draws=w.number(silence.DRAWS)),
    )
    yield from said(words.chain(w, results))
    yield Exhibit(
        "chain",
        w._("The chain, link by link: as quoted (grade D), as known better, in this book"),
        words.chain_table(w, opinions.premises, opinions.better, opinions.chain[1]),
        Columns("premise quoted corrected own_value drawn"),
        note=w._(
            "* No study says how many of those told would have become customers: convert_share. "
            "Published values are drawn from the range published, else with premise_spread. This "
            "book: customers with a mark under {mark} of the scale in the year before the last 12 "
            "months, those of whom no complaint is noted, and of them those lost; they did answer "
            "a survey, so they are not the most silent.",
            mark=w.percent(opinions.departures.parameters.satisfied_from, 0),
        ),
        annex=True,
    )


@section()
def service(opinions: Opinions) -> Shows:
    """Whether the service is good where it counts."""
    w, book, p = opinions.book.wording, opinions.book, opinions.departures.parameters
    t, labels = opinions.importance, opinions.dimension_labels
    few = w._(
        "These answers do not tell weights, or fewer than 50 customers marked every dimension: "
        "choose weights=published."
    )
    no_marks = needs(book, "satisfaction", *service_quality.DIMENSIONS)
    unmarked = first_missing(no_marks, too_few(book, opinions.scores))
    yield Exhibit(
        "importance",
        words.quality(w, t, labels).rstrip(".") if len(t) else "",
        t,
        Drawn(draw_importance, {"labels": labels, "satisfied_from": p.satisfied_from}),
        subtitle=w._(
            "Weight ({profile}) by mean mark since {date}, customers counted once; bars: 95 % "
            "intervals; cuts: equal weights and {mark} of the scale",
            profile=words.weight_source(w, p.weights),
            date=w.date(opinions.asked_since),
            mark=w.percent(p.satisfied_from, 0),
        ),
        source=source(opinions.departures),
        missing=first_missing(
            needs(book, "satisfaction"),
            "" if len(opinions.scores) else unmarked,
            few if len(opinions.scores) and not len(t) else "",
        ),
    )
    if p.weights == "quoted" and len(opinions.importance):
        divided = w._(
            "The quoted weights 30, 25, 20, 16 and 7 sum to 98: they are divided by it, "
            "and carry grade D."
        )
        yield from said(divided, "warning")
    if len(opinions.importance):
        yield Exhibit(
            "quality",
            w._("Weight and mark of each dimension"),
            opinions.importance.assign(
                dimension=opinions.importance.dimension.map(opinions.dimension_labels)
            ),
            Columns("dimension customer_count importance_range performance_range position sure"),
            annex=True,
        )
        yield Exhibit(
            "quality-profiles",
            w._("The same marks under each profile of weights"),
            opinions.profiles.assign(
                dimension=opinions.profiles.dimension.map(opinions.dimension_labels)
            ),
            Columns(
                "dimension performance weight_published position_published weight_quoted "
                "position_quoted weight_estimated position_estimated"
            ),
            annex=True,
        )
    estimated, explained = opinions.estimate
    weights = words.weights_told(
        w, estimated, explained, opinions.estimate_tells, opinions.dimension_labels
    )
    yield from said(weights, "note")


@section(given("satisfaction"))
def by_kind(opinions: Opinions) -> Shows:
    """What customers answer by kind of question, who is heard, and promoters that left."""
    w, book = opinions.book.wording, opinions.book
    for row in opinions.kinds.to_dict("records"):
        yield from said(satisfaction_words.kind(w, row))
    yield Exhibit(
        "satisfaction-kinds",
        w._("Answers of the last 12 months by kind of question, each customer's last one"),
        opinions.kinds,
        Columns("kind answer_count kind_range answer_count_previous kind_change_range"),
        missing=too_few(book, opinions.kinds),
        lists={"satisfaction_kinds": opinions.kinds},
        annex=True,
    )
    yield from said(
        satisfaction_words.heard(w, opinions.response, opinions.asked),
        "note",
    )
    yield Exhibit(
        "response-classes",
        w._("Who is heard, by class of revenue: customers of the last 12 months"),
        opinions.response.assign(
            abc_class=opinions.response.group, kind=[opinions.asked] * len(opinions.response)
        ),
        Columns("abc_class customer_count heard_range revenue_heard kind_value"),
        missing=first_missing(needs(book, "sales"), too_few(book, opinions.response)),
    )
    if len(opinions.promoters_left):
        names = opinions.departures.names(opinions.promoters_left)
        yield from said(satisfaction_words.promoters_left(w, opinions.promoters_left, names))
        yield Exhibit(
            "promoters-left",
            w._("Promoters of the year before that left"),
            opinions.promoters_left,
            Columns(
                "customer_id name revenue_previous",
                first=opinions.departures.parameters.top_count,
            ),
            lists={"promoters_left": opinions.promoters_left},
        )


def answered(opinions: Opinions) -> str:
    """The need of answers and sales of the year before."""
    book = opinions.book
    uncovered = book.wording._("Not compared: the sales given do not cover the previous period.")
    return first_missing(
        needs(book, "satisfaction"),
        needs(book, "sales"),
        "" if opinions.compared else uncovered,
    )


@section(answered)
def satisfied_and_loyal(opinions: Opinions) -> Shows:
    """Whether satisfied customers stay, and who is all three."""
    w, leaving, opening = opinions.book.wording, opinions.leaving, opinions.opening
    whole = leaving.customer_count.sum() == len(opening)
    whole &= leaving.lost_count.sum() == opening.lost.sum()
    yield Exhibit(
        "satisfied",
        w._(
            "Customers of the year before by their answer in it, and who left (satisfied: {mark} "
            "of the scale or more)",
            mark=w.percent(opinions.departures.parameters.satisfied_from, 0),
        ),
        leaving,
        Columns("answer customer_count lost_count leaving_range revenue_lost"),
        checks=[(whole, "the answers do not add up to the customers")],
        annex=True,
    )
    yield from told(_satisfaction(opinions))
    yield Exhibit(
        "core",
        w._(
            "The core of {count} customers of the year before",
            count=w.number(len(opinions.opening)),
        ),
        opinions.core.rename(columns={"known_count": "answered_count"}),
        Columns("condition answered_count count core_range margin margin_share core_bounds"),
        note=w._(
            "Profitable: margin of the year before above zero, before the cost of serving (see "
            "cost_structure). Shares are of those for whom the condition is known; the bounds hold "
            "for all customers, whatever the others would have answered."
        ),
        missing=needs(opinions.book, "sales", "cost"),
    )
    yield from told(words.core(w, opinions.core))


def estimable(risks: Risks) -> str:
    """The need of customers enough that left, and that stayed."""
    book, w, panel = risks.book, risks.book.wording, risks.panel
    least = risks.departures.parameters.least_event_count
    uncovered = w._("Not compared: the sales given do not cover the previous period.")
    few = w._(
        "Not estimated: {count} customers lost in {rows} customer-years; at least {least} are "
        "needed, and as many that stayed.",
        count=w.number(panel.lost.sum()),
        rows=w.number(len(panel)),
        least=w.number(least),
    )
    return first_missing(
        needs(book, "sales"),
        "" if len(panel) or customer_years.years_covered(book) else uncovered,
        too_few(book, panel),
        "" if risks.enough else few,
    )


@section(estimable, annex=True)
def what_goes_with_leaving(risks: Risks) -> Shows:
    """What goes with leaving, and how well it is foretold."""
    w, panel, effects = risks.book.wording, risks.panel, risks.effects
    if effects is None:
        return
    yield Exhibit(
        "drivers",
        words.drivers(w, effects),
        effects,
        Drawn(
            draw_drivers,
            {"labels": [words.attribute_label(w, name) for name in effects.attribute]},
        ),
        subtitle=w._(
            "Odds ratio for one standard deviation more, 95 % intervals that hold all at once; "
            "{count} lost in {rows} customer-years; days since the last order and trend left out",
            count=w.number(panel.lost.sum()),
            rows=w.number(len(panel)),
        ),
        source=source(risks.departures),
        lists={"drivers": effects},
        annex=True,
    )
    fits = list(risks.fits.values())
    yield from said(words.foretold(w, fits[1], fits[0]))
    yield from _foretold(risks)


def _foretold(risks: Risks) -> Shows:
    w, sets = risks.book.wording, words.attribute_sets(risks.book.wording)
    models = pd.DataFrame([{"model": sets[name]} | fit for name, fit in risks.fits.items()])
    yield Exhibit(
        "models",
        w._(
            "How well leaving is foretold, on customers not seen (ten-fold cross-validation, five "
            "times); base rate {rate}",
            rate=w.percent(risks.panel.lost.mean()),
        ),
        models,
        Columns("model auc_range brier_pair slope"),
        note=w._(
            "0.5 would be chance. Brier score: mean squared error of the risk, beside that of the "
            "base rate for everybody; smaller is better. Slope under 1: risks too extreme."
        ),
        annex=True,
    )
    seen = risks.calibration
    whole = seen.left_count.sum() == risks.panel.lost.sum()
    yield Exhibit(
        "calibration",
        w._("Foretold against seen, everything known"),
        seen,
        Columns("risk_group row_count foretold seen_range"),
        checks=[(whole, "the groups of risk do not add up to the customers lost")],
        annex=True,
    )


@section(given("sales"))
def when_and_for_what(risks: Risks) -> Shows:
    """When customers leave, and for what."""
    w, curves, by_year = risks.book.wording, risks.incidence, risks.incidence_by_year
    causes, known = words.causes(w), len(risks.departures.known) > 0
    whole = True
    if len(curves):
        whole = ((curves[list(causes)].sum(axis=1) + curves.staying - 1).abs() < TINY).all()
    yield Exhibit(
        "incidence-chart",
        words.gone_by(w, by_year, known),
        curves,
        Drawn(draw_incidence, {"labels": causes}),
        subtitle=w._(
            "Share of customers that has left, by reason, from {date}; customers that came "
            "later enter then",
            date=w.date(risks.spells_and_origin[1]),
        ),
        source=source(risks.departures),
        missing=too_few(risks.book, curves, 3),
        checks=[(whole, "those who left and those who stay do not add up")],
    )
    if len(risks.incidence_by_year):
        yield Exhibit(
            "incidence",
            w._(
                "Left by then, {count} customers under observation",
                count=w.number(len(risks.spells)),
            ),
            risks.incidence_by_year.assign(
                cause=risks.incidence_by_year.cause.map(words.causes(w))
            ),
            Columns("years cause departure_count incidence_range"),
        )


@section(annex=True)
def benchmarks(departures: Departures, opinions: Opinions) -> Shows:
    """What is quoted everywhere, beside this book."""
    d, w = departures, departures.book.wording
    quoted = {name: entry.benchmark for name, entry in d.classes.items() if entry.benchmark}
    own = words.quoted_reasons(w, d.shares, quoted)
    own |= words.quoted_chain(w, opinions.premises)
    own |= {
        f"chain_silent_{d.parameters.business}": own["chain_silent"],
        "chain_leave_corrected": own["chain_leave"],
        "chain_told_corrected": own["chain_told"],
    }
    yield Exhibit(
        "benchmarks",
        w._("What is quoted everywhere, and what this book shows"),
        pd.DataFrame({"name": list(own), "own": list(own.values())}),
        Benchmarks(),
    )


@section()
def recommendations(departures: Departures, opinions: Opinions) -> Shows:
    """What to do next: each sentence is triggered by a stated threshold."""
    d, w = departures, departures.book.wording
    names = {
        "silent": d.to_ask(d.silent),
        "unknown": d.to_ask(d.unexplained),
        "satisfied": d.to_ask(opinions.unexplained),
    }
    for sentence in words.reason_recommendations(
        w, d.in_hands["count"], d.everyone, d.notes, d.gap, names
    ):
        yield from said(sentence, "recommendation")
