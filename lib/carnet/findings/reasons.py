"""Why customers leave, told: reasons and who names them, what nobody said, texts against codes,
silence, satisfaction, drivers.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from carnet.findings.base import Finding, list_names
from carnet.measures.reasons.reasons import UNKNOWN
from carnet.measures.reasons.silence import Premise
from carnet.measures.statistics.intervals import wilson_interval
from carnet.wording import N_, Wording, unknown

TABLES_LOOKED_AT = {
    "complained": N_("complaint"),
    "answered": N_("survey answer"),
    "recorded": N_("departure note"),
}
ATTRIBUTES = {
    "log_revenue": N_("revenue a year (logarithm)"),
    "log_order_count": N_("orders a year (logarithm)"),
    "silence_days": N_("days since the last order"),
    "trend": N_("second half of the year against the first"),
    "tenure_years": N_("years as a customer"),
    "log_contact_count": N_("contacts a year (logarithm)"),
    "log_complaint_count": N_("complaints a year (logarithm)"),
    "survey_answered": N_("answered the survey"), "score": N_("satisfaction score"),
}  # fmt: skip
NAMED_CODES = 10
READING_ORDER = {"differs": 0, "to code": 1, "proposed": 2, "agreed": 3, "coded": 4}
LEAST_TOLD = 5  # departures told by each side, for a sentence on their difference
AGREEMENTS = (
    (0.6, N_("agree well beyond chance")),
    (0.2, N_("agree beyond chance")),
    (0.0, N_("agree little more than chance")),
)


def attribute_label(w: Wording, name: str) -> str:
    """An attribute of the driver table in words; a segment keeps the client's own name."""
    kind, _, value = name.partition(": ")
    return w._("segment {name}", name=value) if value else w._(ATTRIBUTES[kind])


def group_name(w: Wording, dimension: str, name: str | None) -> str:
    """A group of a table by dimension: the end of its year as a date,
    the client's own name else.
    """
    if unknown(name) or not name:
        return w._("none given")
    return w.date(dt.date.fromisoformat(name)) if dimension == "year" else str(name)


def interval(w: Wording, low: float, high: float, decimals: int = 0) -> str:
    """An interval of shares in brackets, or nothing when it is not known."""
    return (
        ""
        if unknown(low) or unknown(high)
        else " " + w.between(w.percent(low, decimals), w.percent(high, decimals))
    )


def rate(w: Wording, hits: int, trials: int) -> str:
    """A rate with its Wilson interval; a dash without trials."""
    return range_or_dash(w, hits / trials if trials else np.nan, *wilson_interval(hits, trials))


def chance(w: Wording, p_value: float) -> str:
    """A p-value as a percentage; under a tenth of a per cent it is said so."""
    return (
        f"<\u00a0{w.percent(0.001)}"
        if p_value < 0.001
        else w.percent(p_value, 0 if p_value >= 0.1 else 1)
    )


def _told_p(w: Wording, p_value: float) -> str:
    """A p-value as a sentence tells it: p = 2.6%, p < 0.1%."""
    text = chance(w, p_value)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def in_our_hands(
    w: Wording,
    departures: pd.DataFrame,
    share: Mapping[str, float],
    money: Mapping[str, float],
    ours: Sequence[str],
    since: str,
) -> Finding | None:
    """How many departures lie in the company's own hands, of those with a known reason,
    by count and by money.
    """
    if not len(departures):
        return None
    known = int((departures.reason != UNKNOWN).sum())
    if not known:
        return Finding(
            "in_our_hands",
            w.ngettext(
                "{count} departure was noted since {since}, without a reason.",
                "{count} departures were noted since {since}, none with a reason.",
                len(departures),
                since=since,
            ),
            0.0,
        )
    lost = float(departures.revenue_lost[departures.reason.isin(ours)].sum(min_count=1))
    told = dict(
        known=w.number(known),
        since=since,
        count=w.number(len(departures)),
        ours=w.number(share["count"]),
        share=w.percent(share["value"], 0),
        interval=interval(w, share["low"], share["high"]),
        revenue=w.money(lost, 0),
    )
    sentence = (
        w._(
            "Departures since {since} with a known reason: {known} of {count} noted; "
            "in the company's own hands, by too little contact or poor attention: {ours}, "
            "{share}{interval}, worth {revenue} of revenue a year.",
            **told,
        )
        if not unknown(lost)
        else w._(
            "Departures since {since} with a known reason: {known} of {count} noted; "
            "in the company's own hands, by too little contact or poor attention: "
            "{ours}, {share}{interval}.",
            **told,
        )
    )
    if not unknown(money["value"]):
        sentence += " " + w._(
            "By money it is {share}{interval}.",
            share=w.percent(money["value"], 0),
            interval=interval(w, money["low"], money["high"]),
        )
    if not unknown(lost):
        sentence += not_priced(w, departures[departures.reason.isin(ours)])
    return Finding("in_our_hands", sentence, 0.0 if unknown(lost) else -lost)


def nothing_told(w: Wording) -> str:
    """What stands for the main points where nothing is known."""
    return w._(
        "No departure, no lost customer and no survey answer is known: there is nothing to tell."
    )


def marks_outside(w: Wording, count: int) -> str:
    """How many answers count as none, for their mark."""
    if not count:
        return ""
    return w._(
        "Answers whose mark lies outside its scale, or on none that is known, counted as no "
        "answer: {count}.",
        count=w.number(count),
    )


def strange_codes(w: Wording, codes: Sequence[str]) -> str:
    """Which codes the codebook does not know."""
    if not codes:
        return ""
    return w._(
        "Codes that the codebook does not know, each kept as a reason of its own: {codes}. "
        "A codebook of the engagement would class them.",
        codes=", ".join(codes[:NAMED_CODES]),
    )


def first_reason(w: Wording, shares: pd.DataFrame, count: int, labels: Mapping[str, str]) -> str:
    """Title: how many departures, and the first reason with its share."""
    known = shares[shares.reason != UNKNOWN].sort_values("count", ascending=False, kind="stable")
    known = known[known["count"] > 0]
    if not len(known):
        return w._("No reason is known")
    most = known.iloc[0]
    return w.ngettext(
        "{count} departure: “{reason}”, {share}",
        "{count} departures: “{reason}” first, {share} of them",
        count,
        reason=labels[most.reason],
        share=w.percent(most.share, 0),
    )


def counted_if_any(sentence: str, w: Wording, count: int) -> str:
    """A sentence with a count, where it is not zero."""
    return w._(sentence, count=w.number(count)) if count else ""


def headings(w: Wording) -> dict[str, str]:
    """The dimensions by which leavers are grouped, in words."""
    return {
        "year": w._("year up to"),
        "segment": w._("segment"),
        "abc_class": w._("class"),
        "salesperson": w._("salesperson"),
    }


def grouped(w: Wording, groups: pd.DataFrame) -> pd.DataFrame:
    """A table by dimension and group with both in words: by, group_name."""
    names = [group_name(w, *row) for row in groups[["dimension", "group"]].to_numpy()]
    return groups.assign(by=groups.dimension.map(headings(w)), group_name=names)


def told_sample(gap: pd.DataFrame) -> pd.DataFrame:
    """The departures told by both where there are any, else those told by one of them."""
    paired = gap[gap["sample"] == "paired"]
    return paired if len(paired) else gap[gap["sample"] == "apart"]


def widest_gap(w: Wording, sample: pd.DataFrame, labels: Mapping[str, str]) -> str:
    """Title: the reason on which both differ most."""
    if not len(sample):
        return ""
    row = sample.loc[sample.gap.abs().idxmax()]
    shares = {
        "seller": w.percent(row.salesperson_share, 0),
        "customer": w.percent(row.customer_share, 0),
    }
    return w._(
        "“{reason}”: {seller} say salespeople, {customer} customers",
        reason=labels[row.reason],
        **shares,
    )


def who_told(w: Wording, sample: pd.DataFrame) -> str:
    """Subtitle: of which departures, told by whom."""
    if not len(sample):
        return ""
    row = sample.loc[sample.gap.abs().idxmax()]
    if row["sample"] == "paired":
        return w._(
            "Share of each reason, departures told by both ({count})",
            count=w.number(row.customer_count),
        )
    return w._(
        "Share of each reason, departures told by customers ({count}), others by "
        "salespeople ({others})",
        count=w.number(row.customer_count),
        others=w.number(row.salesperson_count),
    )


def whose_word(w: Wording, sample: pd.DataFrame, believed: str) -> str:
    """Whose word counts where both told a departure; nothing where nobody did."""
    if not (sample["sample"] == "paired").any():
        return ""
    told = {
        "customer": w._("Where both told a departure, the customer's word counts."),
        "salesperson": w._("Where both told a departure, the salesperson's word counts."),
    }
    return told[believed]


def reweighting(w: Wording, corrected: pd.DataFrame) -> str:
    """What the reweighted shares rest on, and what part of the leavers is in the bounds only."""
    note = w._(
        "Reweighted: each answer of a segment stands for the leavers of that segment, which helps "
        "if those who told nothing left for the same reasons as the others of their segment. "
        "The bounds need no such belief."
    )
    share = corrected.represented_share.iloc[0] if len(corrected) else 1.0
    if share >= 1:
        return note
    missing = w.percent(1 - share)
    return f"{note} " + w._(
        "Segments of which no reason is known, {share} of the leavers, are in the bounds only.",
        share=missing,
    )


def texts_read(w: Wording, written: pd.DataFrame) -> str:
    """Of how many texts the codebook proposes a reason, how many differ,
    how many wait for a person.
    """
    if not len(written):
        return ""
    standing = written.standing.value_counts()
    return w._(
        "Of {count} texts the codebook proposes a reason for {read}; {differ} say another reason "
        "than their code, {wait} wait for a person.",
        count=w.number(len(written)),
        read=w.number(written.proposed.notna().sum()),
        differ=w.number(standing.get("differs", 0)),
        wait=w.number(standing.get("to code", 0)),
    )


def texts_to_look_at(w: Wording, texts: pd.DataFrame, labels: Mapping[str, str]) -> pd.DataFrame:
    """Texts of departures, those first that say another reason than their code,
    then those that wait for one, in words.
    """
    t = texts[texts.source == "departure"]
    t = t.assign(rank=t.standing.map(READING_ORDER)).dropna(subset=["rank", "verbatim"])
    t = t.sort_values(["rank", "date", "customer_id"])
    return t.assign(
        client_code=t.client_code.fillna("–"), proposed=t.proposed.map(labels).fillna("–")
    )


def looked_for(w: Wording, signs: Sequence[str]) -> list[str]:
    """The signs that a customer may have left, in words."""
    return [w._(TABLES_LOOKED_AT[name]) for name in signs]


def not_judged(w: Wording, lost: int, judged: int, signs: Sequence[str]) -> str:
    """How many of those lost are not judged, for a table that starts too late."""
    if lost == judged or not signs:
        return ""
    return w._(
        "Not judged, since a table starts after the year before they left: {count} of {lost} "
        "customers lost.",
        count=w.number(lost - judged),
        lost=w.number(lost),
    )


def unseen_signs(w: Wording, signs: Sequence[str], lost: int) -> str:
    """Which signs no table can show."""
    unseen = looked_for(w, [name for name in TABLES_LOOKED_AT if name not in signs])
    if not unseen or not lost:
        return ""
    return w._(
        "No table shows whether there was: {signs}. Silence is judged without.",
        signs=", ".join(unseen),
    )


def chain_title(w: Wording, results: pd.DataFrame) -> str:
    """Title: the prospects that a hundred unhappy customers cost,
    and whether the quoted number is possible.
    """
    row = results.set_index("step").loc["lost_prospects"]
    told = {name: w.number(row[name]) for name in ("median", "quoted")}
    if row["low"] <= row["quoted"] <= row["high"]:
        return w._("About {median} prospects lost; the quoted {quoted} is possible", **told)
    return w._("About {median} prospects lost, not {quoted}", **told)


def links(w: Wording) -> dict[str, str]:
    """The links of the chain, in words."""
    return {
        "silent": w._("say nothing"),
        "leave": w._("leave, of the silent"),
        "told": w._("people told by each"),
        "convert": w._("prospects lost, of those told"),
    }


def chain_table(
    w: Wording, premises: Mapping[str, Premise], better: Mapping[str, float], tornado: pd.DataFrame
) -> pd.DataFrame:
    """The chain link by link: premise, quoted, corrected, own_value, drawn."""
    origins = {
        "book": w._("this book"),
        "corrected": w._("published"),
        "assumed": w._("assumed, a parameter"),
    }
    ends, names, rows = tornado.set_index("premise"), links(w), []
    for name, premise in premises.items():
        write = partial(w.number, decimals=1) if name == "told" else partial(w.percent, decimals=0)
        own = f"{w.number(premise.hits)} / {w.number(premise.trials)}" if premise.trials else "–"
        drawn = f"{write(ends.low[name])} – {write(ends.high[name])} ({origins[premise.origin]})"
        starred = " *" if name == "convert" else ""
        rows.append(
            {
                "premise": names[name],
                "quoted": write(premise.quoted),
                "corrected": write(better[name]) + starred,
                "own_value": own,
                "drawn": drawn,
            }
        )
    return pd.DataFrame(rows)


def weights_told(
    w: Wording,
    estimated: pd.DataFrame,
    explained: tuple[Any, Any],
    tells: bool,
    labels: Mapping[str, str],
) -> str:
    """The weights that these answers give, or that they tell none; nothing without an estimate."""
    if not len(estimated):
        return ""
    share = w.percent(explained[0], 0)
    if not tells:
        return w._(
            "These answers do not tell weights: together the dimensions explain {share} of the "
            "differences in the overall mark, no more than chance would ({p}).",
            share=share,
            p=_told_p(w, explained[1]),
        )
    rows = estimated.to_numpy()
    weights = w.semicolons(
        f"{labels[name]} {w.percent(value, 0)}{interval(w, low, high)}"
        for name, value, low, high in rows
    )
    return w._(
        "Estimated on these answers the weights would be: {weights}. Together the dimensions "
        "explain {share} of the differences in the overall mark.",
        weights=weights,
        share=share,
    )


def weight_source(w: Wording, weights: str) -> str:
    """Where the weights come from, in words."""
    sources = {
        "published": w._("published"),
        "quoted": w._("quoted, grade D"),
        "estimated": w._("estimated on these answers"),
    }
    return sources[weights]


def attribute_sets(w: Wording) -> dict[str, str]:
    """The sets of attributes that leaving is foretold from, in words."""
    return {
        "last order": w._("the last order alone"),
        "no rhythm": w._("all but the rhythm of orders"),
        "everything": w._("everything known"),
    }


def causes(w: Wording) -> dict[str, str]:
    """What customers left for, in words."""
    return {
        "ours": w._("in our own hands"),
        "other": w._("another reason"),
        "not known": w._("not known"),
    }


def gone_by(w: Wording, by_year: pd.DataFrame, known: bool) -> str:
    """Title: what share has left by the last whole year, and for reasons in our hands."""
    if not len(by_year):
        return w._("Too short a time to tell")
    years = int(by_year.years.max())
    share = by_year[by_year.years == years].set_index("cause").incidence
    gone = w.percent(share.sum(), 0)
    if not known:
        return w.ngettext(
            "After {count} year {gone} have left, nobody knows why",
            "After {count} years {gone} have left, nobody knows why",
            years,
            gone=gone,
        )
    return w.ngettext(
        "After {count} year {gone} have left, {ours} for reasons known to be in our hands",
        "After {count} years {gone} have left, {ours} for reasons known to be in our hands",
        years,
        gone=gone,
        ours=w.percent(share["ours"], 0),
    )


def quoted_reasons(
    w: Wording, shares: pd.DataFrame, benchmarks: Mapping[str, str]
) -> dict[str, str]:
    """This book's share of each quoted reason: benchmark → share with its interval."""
    t = shares.set_index("reason")
    columns = ["share_of_quoted", "share_of_quoted_low", "share_of_quoted_high"]
    return {
        benchmark: range_or_dash(w, *t.loc[name, columns].to_numpy(dtype=float))
        for name, benchmark in benchmarks.items()
    }


def quoted_chain(w: Wording, premises: Mapping[str, Premise]) -> dict[str, str]:
    """This book's value of each link of the chain, where it was counted."""
    none = w._("not measured")
    return {
        f"chain_{name}": rate(w, premise.hits, premise.trials) if premise.trials else none
        for name, premise in premises.items()
    }


def against_quoted(
    w: Wording, shares: pd.DataFrame, p_value: float, labels: Mapping[str, str]
) -> str:
    """The quoted shares against this book's, told apart or not."""
    inside = shares[shares.benchmark_share.notna()]
    count = int(inside["count"].sum())
    if unknown(p_value) or not count:
        return w._(
            "No departure has one of the four quoted reasons: nothing is compared with them."
        )
    apart = inside[
        (inside.benchmark_share < inside.share_of_quoted_low)
        | (inside.benchmark_share > inside.share_of_quoted_high)
    ]
    told = dict(count=w.number(count), p=_told_p(w, p_value))
    quoted = w._(
        "The quoted 15, 15, 20 and 49 % sum to 99: they are divided by it, and carry grade D, "
        "a slogan without a study."
    )
    if p_value >= 0.05:
        body = (
            w._(
                "This book is not told apart from them ({p}; departures with one of these four "
                "reasons: {count}), which so few could hardly be.",
                **told,
            )
            if count < 100
            else w._(
                "This book is not told apart from them ({p}; departures with one of these four "
                "reasons: {count}).",
                **told,
            )
        )
    elif len(apart):
        body = w._(
            "This book is not like them ({p}; departures with one of these four reasons: "
            "{count}); outside its interval: {reasons}.",
            reasons=", ".join(labels[name] for name in apart.reason),
            **told,
        )
    else:
        body = w._(
            "This book is not like them as a whole ({p}; departures: {count}), though no "
            "single reason stands out.",
            **told,
        )
    return f"{quoted} {body}"


def perception(w: Wording, gap: pd.DataFrame, labels: Mapping[str, str]) -> str:
    """What salespeople and customers say of the same departures:
    the reason on which they differ most, told apart or not.
    """
    chosen = gap[gap["sample"] == "paired"] if (gap["sample"] == "paired").any() else gap
    if not len(chosen):
        return ""
    if chosen[["customer_count", "salesperson_count"]].to_numpy().min() < LEAST_TOLD:
        return w._("Told by so few that nothing is said of the difference.")
    row = chosen.loc[chosen.gap.abs().idxmax()]
    sign = -1 if row.gap < 0 else 1
    told = dict(
        reason=labels[row.reason],
        seller=w.percent(row.salesperson_share, 0),
        customer=w.percent(row.customer_share, 0),
        count=w.number(row.customer_count),
        others=w.number(row.salesperson_count),
        points=w.number(100 * abs(row.gap), 0),
        interval=w.between(
            *(w.number(100 * end, 0) for end in sorted((sign * row.gap_low, sign * row.gap_high)))
        ),
    )
    paired, apart = row["sample"] == "paired", row.gap_low > 0 or row.gap_high < 0
    if paired and apart:
        return w._(
            "Of the same {count} departures salespeople put {seller} down to “{reason}”, their "
            "customers {customer}: {points} points apart {interval}, more than chance.",
            **told,
        )
    if paired:
        return w._(
            "Of the same {count} departures salespeople put {seller} down to “{reason}”, their "
            "customers {customer}: {points} points apart {interval}, not told from chance.",
            **told,
        )
    if apart:
        return w._(
            "Salespeople put {seller} of {others} departures down to “{reason}”, customers "
            "{customer} of {count} others: {points} points apart {interval}, more than chance.",
            **told,
        )
    return w._(
        "Salespeople put {seller} of {others} departures down to “{reason}”, customers {customer} "
        "of {count} others: {points} points apart {interval}, not told from chance.",
        **told,
    )


def non_response(
    w: Wording,
    leavers: pd.DataFrame,
    ours: Sequence[str],
    rates: pd.DataFrame,
    labels: Mapping[str, str],
) -> str:
    """How many leavers told no reason, and what that leaves open."""
    known = leavers[leavers.reason != UNKNOWN]
    if not len(leavers):
        return ""
    count, total = int(known.reason.isin(ours).sum()), len(leavers)
    if len(known) == total:
        return w._("A reason is known of all {total} leavers.", total=w.number(total))
    told = w._(
        "A reason is known of {known} of {total} leavers. Whatever the others would have said, "
        "between {low} and {high} of all left for a reason in the company's own hands.",
        known=w.number(len(known)),
        total=w.number(total),
        low=w.percent(count / total, 0),
        high=w.percent((count + total - len(known)) / total, 0),
    )
    uneven = rates[rates.p_value < 0.05].drop_duplicates("dimension") if len(rates) else rates
    if len(uneven):
        told += " " + w._(
            "They are not known alike everywhere: by {dimensions}.",
            dimensions=", ".join(labels[d] for d in uneven.dimension),
        )
    return told


def agreement(w: Wording, kappa: tuple[float, float, float], count: int, readers: int) -> str:
    """Do the texts say what the codes say?

    Kappa with its interval, in words that the interval supports.
    """
    value, low, high = kappa
    if unknown(value):
        return w._(
            "Codes and texts are not compared: fewer than ten texts carry both a code and a "
            "proposal, or all say the same."
        )
    told = dict(
        count=w.number(count),
        kappa=w.number(value, 2),
        interval=w.between(w.number(low, 2), w.number(high, 2)),
    )
    if low <= 0 <= high or high < 0:
        return w._(
            "On {count} texts the proposals and the given codes agree no more than chance would: "
            "kappa {kappa} {interval}. The texts do not say what the codes say: one of the two is "
            "not to be trusted, and no proposal is counted.",
            **told,
        )
    strength = next(w._(words) for least, words in AGREEMENTS if low >= least)
    sentence = w._(
        "On {count} texts the proposals and the given codes {strength}: kappa {kappa} {interval}.",
        strength=strength,
        **told,
    )
    return sentence + (" " + w._("A proposal is what both readers say.") if readers > 1 else "")


def not_priced(w: Wording, leavers: pd.DataFrame) -> str:
    """How many are in no sum of money, when some are."""
    unpriced = int(leavers.revenue_lost.isna().sum())
    return (
        " "
        + w._(
            "The revenue of {count} of them is not known and not in it.", count=w.number(unpriced)
        )
        if unpriced
        else ""
    )


def silent_leavers(
    w: Wording, lost: pd.DataFrame, signs: Sequence[str], names: Sequence[str]
) -> Finding | None:
    """Customers lost without a word: how many, what they were worth, who."""
    silent = lost[lost.silent.fillna(False).astype(bool)]
    if not len(lost) or not signs:
        return None
    looked = ", ".join(w._(TABLES_LOOKED_AT[name]) for name in signs)
    if not len(silent):
        return Finding(
            "silent_leavers",
            w.ngettext(
                "The {count} customer lost left a sign ({signs}).",
                "All {count} customers lost left a sign ({signs}).",
                len(lost),
                signs=looked,
            ),
            0.0,
        )
    revenue = silent.revenue_lost.sum(min_count=1)
    if unknown(revenue):
        return Finding(
            "silent_leavers",
            w.ngettext(
                "{count} of {lost} customers lost left without a sign ({signs}): {names}.",
                "{count} of {lost} customers lost left without a sign ({signs}), first "
                "of all {names}.",
                len(silent),
                lost=w.number(len(lost)),
                signs=looked,
                names=list_names(w, names),
            ),
            0.0,
        )
    sentence = w.ngettext(
        "{count} of {lost} customers lost left without a sign ({signs}), worth {revenue} of "
        "revenue a year: {names}.",
        "{count} of {lost} customers lost left without a sign ({signs}), worth {revenue} of "
        "revenue a year, first of all {names}.",
        len(silent),
        lost=w.number(len(lost)),
        signs=looked,
        revenue=w.money(revenue, 0),
        names=list_names(w, names),
    )
    sentence += not_priced(w, silent)
    return Finding("silent_leavers", sentence, -float(revenue))


def leaver_counts(w: Wording, found: pd.DataFrame, settled: pd.DataFrame, judged: int) -> str:
    """One line that reconciles the numbers of leavers that the sections count:
    who is in each, and who is not.
    """
    stayed = found[~found.returned.astype(bool)]
    noted = stayed[stayed.noted.astype(bool)]
    known, lost = noted[noted.reason != UNKNOWN], stayed[stayed.lost.astype(bool)]
    told = dict(
        everyone=w.number(len(stayed)),
        noted=w.number(len(noted)),
        known=w.number(len(known)),
        unnoted=w.number(len(stayed) - len(noted)),
        settled=w.number(len(settled)),
        lost=w.number(len(lost)),
        judged=w.number(judged),
    )
    if not len(lost):
        return w._("{noted} departures were noted, {known} of them with a reason.", **told)
    return w._(
        "{everyone} leavers: {noted} were noted, of whom {known} with a reason, and {unnoted} "
        "bought nothing for a year without a note. {lost} of them are lost by the sales, of whom "
        "{judged} can be judged as silent or not; {settled} left a year ago or more, which is what "
        "shares of all leavers stand on.",
        **told,
    )


def unexplained(
    w: Wording, silent: pd.DataFrame, leavers: pd.DataFrame, names: Sequence[str]
) -> Finding | None:
    """Leavers of whom nobody knows why: how many, what they were worth, who."""
    if not len(silent):
        return None
    revenue = silent.revenue_lost.sum(min_count=1)
    told = dict(leavers=w.number(len(leavers)), names=list_names(w, names))
    if unknown(revenue):
        sentence = w.ngettext(
            "Of {leavers} leavers {count} left for a reason that nobody noted: {names}.",
            "Of {leavers} leavers {count} left for a reason that nobody noted, first "
            "of all {names}.",
            len(silent),
            **told,
        )
        return Finding("unexplained_leavers", sentence, 0.0)
    sentence = w.ngettext(
        "Of {leavers} leavers {count} left for a reason that nobody noted, worth {revenue} of "
        "revenue a year: {names}.",
        "Of {leavers} leavers {count} left for a reason that nobody noted, worth {revenue} of "
        "revenue a year, first of all {names}.",
        len(silent),
        revenue=w.money(revenue, 0),
        **told,
    )
    return Finding("unexplained_leavers", sentence + not_priced(w, silent), -float(revenue))


def chain(w: Wording, results: pd.DataFrame) -> str:
    """What a hundred unhappy customers cost, against the quoted chain."""
    row = results.set_index("step").loc["lost_prospects"]
    told = dict(
        median=w.number(row["median"]),
        low=w.number(row["low"]),
        high=w.number(row["high"]),
        quoted=w.number(row["quoted"]),
    )
    if row["low"] <= row["quoted"] <= row["high"]:
        return w._(
            "A hundred unhappy customers cost about {median} prospects, {low} to {high} on these "
            "premises; the quoted {quoted} lies inside.",
            **told,
        )
    return w._(
        "A hundred unhappy customers cost about {median} prospects, {low} to {high} on these "
        "premises, not the quoted {quoted}.",
        **told,
    )


def satisfaction(
    w: Wording,
    leaving: pd.DataFrame,
    effect: tuple[float, float, float, float],
    names: Sequence[str],
) -> Finding | None:
    """Who left although satisfied, and whether the unsatisfied leave more often at all."""
    t = leaving.set_index("answer")
    satisfied, others = t.loc["satisfied"], t.loc["unsatisfied"]
    if not satisfied.customer_count:
        return None
    sentence = (
        w._(
            "{lost} of {count} satisfied customers left all the same: {rate}{interval}, worth "
            "{revenue}, first of all {names}.",
            lost=w.number(satisfied.lost_count),
            count=w.number(satisfied.customer_count),
            rate=w.percent(satisfied.leaving_rate, 0),
            interval=interval(w, satisfied.leaving_low, satisfied.leaving_high),
            revenue=w.money(satisfied.revenue_lost, 0),
            names=list_names(w, names),
        )
        if satisfied.lost_count
        else w._(
            "None of {count} satisfied customers left{interval}.",
            count=w.number(satisfied.customer_count),
            interval=interval(w, satisfied.leaving_low, satisfied.leaving_high),
        )
    )
    if others.customer_count:
        told = dict(
            lost=w.number(others.lost_count),
            count=w.number(others.customer_count),
            rate=w.percent(others.leaving_rate, 0),
            interval=w.between(w.number(100 * effect[1], 0), w.number(100 * effect[2], 0)),
        )
        apart = {
            "more": w._(
                "Of the unsatisfied {lost} of {count} left, {rate}: more often, "
                "by {interval} points.",
                **told,
            ),
            "less": w._(
                "Of the unsatisfied {lost} of {count} left, {rate}: less often, "
                "by {interval} points.",
                **told,
            ),
            "same": w._(
                "Of the unsatisfied {lost} of {count} left, {rate}: not told apart, "
                "{interval} points.",
                **told,
            ),
        }
        sentence += " " + apart["more" if effect[1] > 0 else "less" if effect[2] < 0 else "same"]
    return Finding("satisfied_leaving", sentence, -float(satisfied.revenue_lost))


def core(w: Wording, table: pd.DataFrame) -> Finding | None:
    """The core: profitable, satisfied and retained."""
    row = table.set_index("condition").loc["core"]
    if not row.known_count:
        return None
    sentence = w._(
        "Of {known} customers of whom all three are known, {count} are profitable, satisfied and "
        "retained: {share}{interval}.",
        known=w.number(row.known_count),
        count=w.number(row["count"]),
        share=w.percent(row.share, 0),
        interval=interval(w, row.share_low, row.share_high),
    )
    if not unknown(row.margin_share):
        sentence += " " + w._(
            "They bring {share} of the margin of those {known}, {margin}.",
            share=w.percent(row.margin_share, 0),
            known=w.number(row.known_count),
            margin=w.money(row.margin, 0),
        )
    return Finding("core", sentence, 0.0 if unknown(row.margin) else float(row.margin))


def quality(w: Wording, table: pd.DataFrame, labels: Mapping[str, str]) -> str:
    """Where to act first on service quality: only positions that the intervals support are told."""
    act = table[(table.position == "act") & table.sure]
    if len(act):
        return w._(
            "Weighs much and falls short: {names}.",
            names=", ".join(labels[name] for name in act.dimension),
        )
    doubtful = table[(table.position == "act") & ~table.sure]
    if len(doubtful):
        return w._(
            "Perhaps short of the mark where it weighs, the interval does not tell: {names}.",
            names=", ".join(labels[name] for name in doubtful.dimension),
        )
    return w._("No dimension that weighs much is told to fall short of the mark.")


def drivers(w: Wording, effects: pd.DataFrame) -> str:
    """What goes with leaving, where the interval leaves out no effect."""
    more = [
        attribute_label(w, row.attribute)
        for row in effects.itertuples()
        if row.told_apart == "more"
    ]
    less = [
        attribute_label(w, row.attribute)
        for row in effects.itertuples()
        if row.told_apart == "less"
    ]
    if more and less:
        return w._(
            "With leaving goes more of: {more}; with staying more of: {less}",
            more=", ".join(more),
            less=", ".join(less),
        )
    if more:
        return w._("With leaving goes more of: {names}", names=", ".join(more))
    if less:
        return w._("With staying goes more of: {names}", names=", ".join(less))
    return w._("No attribute is told to go with leaving, the others held fixed")


def foretold(w: Wording, attributes: Mapping[str, float], last_order: Mapping[str, float]) -> str:
    """How well these attributes tell leavers from stayers on customers not seen,
    beside the last order alone.
    """
    auc, alone = (
        w.percent(f["auc"], 0) + interval(w, f["auc_low"], f["auc_high"])
        for f in (attributes, last_order)
    )
    if attributes["auc_low"] <= 0.5:
        sentence = w._(
            "On customers not seen these attributes rank a leaver before a stayer no more often "
            "than chance: {auc}, half would be chance.",
            auc=auc,
        )
    else:
        sentence = w._(
            "On customers not seen these attributes rank a leaver before a stayer in {auc} of "
            "pairs; half would be chance.",
            auc=auc,
        )
    return f"{sentence} " + w._(
        "The days since the last order alone: {alone}. They are the leaving itself, "
        "and explain nothing.",
        alone=alone,
    )


def reason_recommendations(
    w: Wording,
    ours: int,
    leavers: pd.DataFrame,
    notes: pd.DataFrame,
    gap: pd.DataFrame,
    names: Mapping[str, Sequence[str]],
) -> list[str]:
    """What to do next: each sentence is triggered by a stated threshold; `names` of those silent,
    unknown, satisfied.
    """
    made = []
    silent_names, unknown_names, satisfied_names = (
        names[kind] for kind in ("silent", "unknown", "satisfied")
    )
    if len(silent_names):
        made.append(
            w._(
                "Call those who left without a word and ask why, starting with {names}; write the "
                "answer down in their own words.",
                names=list_names(w, silent_names),
            )
        )
    if len(leavers) and (leavers.reason != UNKNOWN).mean() < 0.7:
        if unknown_names and not silent_names:
            made.append(
                w._(
                    "Ask those of whom nobody knows why, starting with {names}.",
                    names=list_names(w, unknown_names),
                )
            )
        made.append(
            w._(
                "Ask every leaver the same question within a month: with fewer than 70% of reasons "
                "known, shares are bounds."
            )
        )
    waiting = int((notes.standing == "to code").sum()) if len(notes) else 0
    if waiting:
        made.append(
            w.ngettext(
                "Code the {count} text that no reader could place (list of texts and codes).",
                "Code the {count} texts that no reader could place (list of texts and codes).",
                waiting,
            )
        )
    differs = int((notes.standing == "differs").sum()) if len(notes) else 0
    if differs:
        made.append(
            w.ngettext(
                "Read again the {count} text that says another reason than its code.",
                "Read again the {count} texts that say another reason than their code.",
                differs,
            )
        )
    if len(gap) and not (gap["sample"] == "paired").any():
        made.append(
            w._(
                "Let customers answer for themselves beside their salesperson: the two accounts "
                "can then be compared on the same departures."
            )
        )
    if len(leavers) and ours / len(leavers) > 0.25:
        made.append(
            w._(
                "More than a quarter of all leavers are known to have left for a reason "
                "in the company's own hands: set who calls whom, how often, and who answers "
                "complaints by when."
            )
        )
    if len(satisfied_names):
        made.append(
            w._(
                "Do not take a good mark for loyalty: ask {names} why they left "
                "although satisfied.",
                names=list_names(w, satisfied_names),
            )
        )
    return made or [w._("Nothing calls for action on these thresholds.")]


def range_or_dash(w: Wording, value: float, low: float, high: float) -> str:
    """A share with its interval for a cell, a dash when it is not known."""
    return (
        "–"
        if value is None or np.isnan(float(value))
        else w.percent(value, 0) + interval(w, low, high)
    )
