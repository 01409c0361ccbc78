"""Why customers leave, told: reasons and who names them, what nobody said, texts against codes, silence, satisfaction, drivers."""

import datetime as dt
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from carnet.findings.base import Finding, list_names
from carnet.measures.reasons.reasons import UNKNOWN
from carnet.measures.statistics.intervals import wilson_interval
from carnet.wording import N_, Wording, unknown

TABLES_LOOKED_AT = {"complained": N_("complaint"), "answered": N_("survey answer"), "recorded": N_("departure note")}
ATTRIBUTES = {
    "log_revenue": N_("revenue a year (logarithm)"), "order_count": N_("orders a year (logarithm)"), "silence_days": N_("days since the last order"),
    "trend": N_("second half of the year against the first"), "tenure_years": N_("years as a customer"), "contact_count": N_("contacts a year (logarithm)"),
    "complaint_count": N_("complaints a year (logarithm)"), "survey_answered": N_("answered the survey"), "score": N_("satisfaction score"),
}  # fmt: skip
LEAST_TOLD = 5  # departures told by each side, for a sentence on their difference
AGREEMENTS = ((0.6, N_("agree well beyond chance")), (0.2, N_("agree beyond chance")), (0.0, N_("agree little more than chance")))


def attribute_label(w: Wording, name: str) -> str:
    """An attribute of the driver table in words; a segment keeps the client's own name."""
    kind, _, value = name.partition(": ")
    return w._("segment {name}", name=value) if value else w._(ATTRIBUTES[kind])


def group_name(w: Wording, dimension: str, name: str | None) -> str:
    """A group of a table by dimension: the end of its year as a date, the client's own name else."""
    if unknown(name) or not name:
        return w._("none given")
    return w.date(dt.date.fromisoformat(name)) if dimension == "year" else str(name)


def interval(w: Wording, low: float, high: float, decimals: int = 0) -> str:
    """An interval of shares in brackets, or nothing when it is not known."""
    return "" if unknown(low) or unknown(high) else " " + w.between(w.percent(low, decimals), w.percent(high, decimals))


def rate(w: Wording, hits: int, trials: int) -> str:
    """A rate with its Wilson interval; a dash without trials."""
    return range_or_dash(w, hits / trials if trials else np.nan, *wilson_interval(hits, trials))


def chance(w: Wording, p_value: float) -> str:
    """A p-value as a percentage; under a tenth of a per cent it is said so."""
    return f"<\u00a0{w.percent(0.001)}" if p_value < 0.001 else w.percent(p_value, 0 if p_value >= 0.1 else 1)


def in_our_hands(
    w: Wording, departures: pd.DataFrame, share: Mapping[str, float], money: Mapping[str, float], ours: Sequence[str], since: str
) -> Finding | None:
    """How many departures lie in the company's own hands, of those with a known reason, by count and by money."""
    if not len(departures):
        return None
    known = int((departures.reason != UNKNOWN).sum())
    if not known:
        return Finding("in_our_hands", w.ngettext(
            "{count} departure was noted since {since}, without a reason.", "{count} departures were noted since {since}, none with a reason.",
            len(departures), since=since), 0.0)  # fmt: skip
    lost = float(departures.revenue_lost[departures.reason.isin(ours)].sum(min_count=1))
    told = dict(
        known=w.number(known), since=since, count=w.number(len(departures)), ours=w.number(share["count"]), share=w.percent(share["value"], 0),
        interval=interval(w, share["low"], share["high"]), revenue=w.money(lost, 0),
    )  # fmt: skip
    sentence = w._(
        "Departures since {since} with a known reason: {known} of {count} noted; in the company's own hands, by too little contact or poor "
        "attention: {ours}, {share}{interval}, worth {revenue} of revenue a year.", **told,
    ) if not unknown(lost) else w._(
        "Departures since {since} with a known reason: {known} of {count} noted; in the company's own hands, by too little contact or poor "
        "attention: {ours}, {share}{interval}.", **told,
    )  # fmt: skip
    if not unknown(money["value"]):
        sentence += " " + w._(
            "By money it is {share}{interval}.", share=w.percent(money["value"], 0), interval=interval(w, money["low"], money["high"])
        )
    if not unknown(lost):
        sentence += not_priced(w, departures[departures.reason.isin(ours)])
    return Finding("in_our_hands", sentence, 0.0 if unknown(lost) else -lost)


def against_quoted(w: Wording, shares: pd.DataFrame, p_value: float, labels: Mapping[str, str]) -> str:
    """The quoted shares against this book's, told apart or not."""
    inside = shares[shares.benchmark_share.notna()]
    count = int(inside["count"].sum())
    if unknown(p_value) or not count:
        return w._("No departure has one of the four quoted reasons: nothing is compared with them.")
    apart = inside[(inside.benchmark_share < inside.share_of_quoted_low) | (inside.benchmark_share > inside.share_of_quoted_high)]
    told = dict(count=w.number(count), p=chance(w, p_value))
    quoted = w._("The quoted 15, 15, 20 and 49 % sum to 99: they are divided by it, and carry grade D, a slogan without a study.")
    if p_value >= 0.05:
        body = w._(
            "This book is not told apart from them (p = {p}; departures with one of these four reasons: {count}), which so few could hardly be.",
            **told,
        ) if count < 100 else w._("This book is not told apart from them (p = {p}; departures with one of these four reasons: {count}).", **told)  # fmt: skip
    elif len(apart):
        body = w._(
            "This book is not like them (p = {p}; departures with one of these four reasons: {count}); outside its interval: {reasons}.",
            reasons=", ".join(labels[name] for name in apart.reason), **told,
        )  # fmt: skip
    else:
        body = w._("This book is not like them as a whole (p = {p}; departures: {count}), though no single reason stands out.", **told)
    return f"{quoted} {body}"


def perception(w: Wording, gap: pd.DataFrame, labels: Mapping[str, str]) -> str:
    """What salespeople and customers say of the same departures: the reason on which they differ most, told apart or not."""
    chosen = gap[gap["sample"] == "paired"] if (gap["sample"] == "paired").any() else gap
    if not len(chosen):
        return ""
    if chosen[["customer_count", "salesperson_count"]].to_numpy().min() < LEAST_TOLD:
        return w._("Told by so few that nothing is said of the difference.")
    row = chosen.loc[chosen.gap.abs().idxmax()]
    sign = -1 if row.gap < 0 else 1
    told = dict(
        reason=labels[row.reason], seller=w.percent(row.salesperson_share, 0), customer=w.percent(row.customer_share, 0), count=w.number(row.customer_count),
        others=w.number(row.salesperson_count), points=w.number(100 * abs(row.gap), 0),
        interval=w.between(*(w.number(100 * end, 0) for end in sorted((sign * row.gap_low, sign * row.gap_high)))),
    )  # fmt: skip
    paired, apart = row["sample"] == "paired", row.gap_low > 0 or row.gap_high < 0
    if paired and apart:
        return w._(
            "Of the same {count} departures salespeople put {seller} down to “{reason}”, their customers {customer}: {points} points apart {interval}, more than chance.", **told,
        )  # fmt: skip
    if paired:
        return w._(
            "Of the same {count} departures salespeople put {seller} down to “{reason}”, their customers {customer}: {points} points apart {interval}, not told from chance.", **told,
        )  # fmt: skip
    if apart:
        return w._(
            "Salespeople put {seller} of {others} departures down to “{reason}”, customers {customer} of {count} others: {points} points apart {interval}, more than chance.", **told,
        )  # fmt: skip
    return w._(
        "Salespeople put {seller} of {others} departures down to “{reason}”, customers {customer} of {count} others: {points} points apart {interval}, not told from chance.", **told,
    )  # fmt: skip


def non_response(w: Wording, leavers: pd.DataFrame, ours: Sequence[str], rates: pd.DataFrame, labels: Mapping[str, str]) -> str:
    """How many leavers told no reason, and what that leaves open."""
    known = leavers[leavers.reason != UNKNOWN]
    if not len(leavers):
        return ""
    count, total = int(known.reason.isin(ours).sum()), len(leavers)
    told = w._(
        "A reason is known of {known} of {total} leavers. Whatever the others would have said, between {low} and {high} of all left for a reason in the company's own hands.",
        known=w.number(len(known)), total=w.number(total), low=w.percent(count / total, 0), high=w.percent((count + total - len(known)) / total, 0),
    )  # fmt: skip
    uneven = rates[rates.p_value < 0.05].drop_duplicates("dimension") if len(rates) else rates
    if len(uneven):
        told += " " + w._(
            "They are not known alike everywhere: by {dimensions}.", dimensions=", ".join(labels[d] for d in uneven.dimension)
        )
    return told


def agreement(w: Wording, kappa: tuple[float, float, float], count: int, readers: int) -> str:
    """Do the texts say what the codes say? Kappa with its interval, in words that the interval supports."""
    value, low, high = kappa
    if unknown(value):
        return w._("Codes and texts are not compared: fewer than ten texts carry both a code and a proposal, or all say the same.")
    told = dict(count=w.number(count), kappa=w.number(value, 2), interval=w.between(w.number(low, 2), w.number(high, 2)))
    if low <= 0 <= high or high < 0:
        return w._(
            "On {count} texts the proposals and the given codes agree no more than chance would: kappa {kappa} {interval}. The texts do not say what the codes say: one of the two is not to be trusted, and no proposal is counted.", **told,
        )  # fmt: skip
    strength = next(w._(words) for least, words in AGREEMENTS if low >= least)
    sentence = w._("On {count} texts the proposals and the given codes {strength}: kappa {kappa} {interval}.", strength=strength, **told)
    return sentence + (" " + w._("A proposal is what both readers say.") if readers > 1 else "")


def not_priced(w: Wording, leavers: pd.DataFrame) -> str:
    """How many are in no sum of money, when some are."""
    unpriced = int(leavers.revenue_lost.isna().sum())
    return " " + w._("The revenue of {count} of them is not known and not in it.", count=w.number(unpriced)) if unpriced else ""


def silent_leavers(w: Wording, lost: pd.DataFrame, signs: Sequence[str], names: Sequence[str]) -> Finding | None:
    """Customers lost without a word: how many, what they were worth, who."""
    silent = lost[lost.silent.fillna(False).astype(bool)]
    if not len(lost) or not signs:
        return None
    looked = ", ".join(w._(TABLES_LOOKED_AT[name]) for name in signs)
    if not len(silent):
        return Finding("silent_leavers", w.ngettext(
            "The {count} customer lost left a sign ({signs}).", "All {count} customers lost left a sign ({signs}).", len(lost), signs=looked), 0.0)  # fmt: skip
    revenue = silent.revenue_lost.sum(min_count=1)
    if unknown(revenue):
        return Finding("silent_leavers", w.ngettext(
            "{count} of {lost} customers lost left without a sign ({signs}): {names}.", "{count} of {lost} customers lost left without a sign ({signs}), first of all {names}.",
            len(silent), lost=w.number(len(lost)), signs=looked, names=list_names(w, names)), 0.0)  # fmt: skip
    sentence = w.ngettext(
        "{count} of {lost} customers lost left without a sign ({signs}), worth {revenue} of revenue a year: {names}.",
        "{count} of {lost} customers lost left without a sign ({signs}), worth {revenue} of revenue a year, first of all {names}.",
        len(silent), lost=w.number(len(lost)), signs=looked, revenue=w.money(revenue, 0), names=list_names(w, names),
    )  # fmt: skip
    sentence += not_priced(w, silent)
    return Finding("silent_leavers", sentence, -float(revenue))


def nobody_knows(leavers: pd.DataFrame) -> pd.DataFrame:
    """Leavers of whom neither a reason nor the competitor they went to is known."""
    return leavers[(leavers.reason == UNKNOWN) & leavers.competitor.isna()]


def leaver_counts(w: Wording, found: pd.DataFrame, settled: pd.DataFrame, judged: int) -> str:
    """One line that reconciles the numbers of leavers that the sections count: who is in each, and who is not."""
    stayed = found[~found.returned.astype(bool)]
    noted = stayed[stayed.noted.astype(bool)]
    known, lost = noted[noted.reason != UNKNOWN], stayed[stayed.lost.astype(bool)]
    told = dict(
        everyone=w.number(len(stayed)), noted=w.number(len(noted)), known=w.number(len(known)), unnoted=w.number(len(stayed) - len(noted)),
        settled=w.number(len(settled)), lost=w.number(len(lost)), judged=w.number(judged),
    )  # fmt: skip
    return w._(
        "{everyone} leavers: {noted} were noted, of whom {known} with a reason, and {unnoted} bought nothing for a year without a note. {lost} of them are lost by the sales, of whom {judged} can be judged as silent or not; {settled} left a year ago or more, which is what shares of all leavers stand on.",
        **told,
    )


def unexplained(w: Wording, leavers: pd.DataFrame, names: Sequence[str]) -> Finding | None:
    """Leavers of whom nobody knows why: how many, what they were worth, who."""
    silent = nobody_knows(leavers)
    if not len(silent):
        return None
    revenue = silent.revenue_lost.sum(min_count=1)
    told = dict(leavers=w.number(len(leavers)), names=list_names(w, names))
    if unknown(revenue):
        sentence = w.ngettext(
            "Of {leavers} leavers {count} left for a reason that nobody noted: {names}.",
            "Of {leavers} leavers {count} left for a reason that nobody noted, first of all {names}.", len(silent), **told,
        )  # fmt: skip
        return Finding("unexplained_leavers", sentence, 0.0)
    sentence = w.ngettext(
        "Of {leavers} leavers {count} left for a reason that nobody noted, worth {revenue} of revenue a year: {names}.",
        "Of {leavers} leavers {count} left for a reason that nobody noted, worth {revenue} of revenue a year, first of all {names}.",
        len(silent), revenue=w.money(revenue, 0), **told,
    )  # fmt: skip
    return Finding("unexplained_leavers", sentence + not_priced(w, silent), -float(revenue))


def chain(w: Wording, results: pd.DataFrame) -> str:
    """What a hundred unhappy customers cost, against the quoted chain."""
    row = results.set_index("step").loc["lost_prospects"]
    told = dict(median=w.number(row["median"]), low=w.number(row["low"]), high=w.number(row["high"]), quoted=w.number(row["quoted"]))
    if row["low"] <= row["quoted"] <= row["high"]:
        return w._(
            "A hundred unhappy customers cost about {median} prospects, {low} to {high} on these premises; the quoted {quoted} lies inside.",
            **told,
        )
    return w._(
        "A hundred unhappy customers cost about {median} prospects, {low} to {high} on these premises, not the quoted {quoted}.", **told
    )


def satisfaction(w: Wording, leaving: pd.DataFrame, effect: tuple[float, float, float, float], names: Sequence[str]) -> Finding | None:
    """Who left although satisfied, and whether the unsatisfied leave more often at all."""
    t = leaving.set_index("answer")
    satisfied, others = t.loc["satisfied"], t.loc["unsatisfied"]
    if not satisfied.customer_count:
        return None
    sentence = w._(
        "{lost} of {count} satisfied customers left all the same: {rate}{interval}, worth {revenue}, first of all {names}.",
        lost=w.number(satisfied.lost_count), count=w.number(satisfied.customer_count), rate=w.percent(satisfied.leaving_rate, 0),
        interval=interval(w, satisfied.leaving_low, satisfied.leaving_high), revenue=w.money(satisfied.revenue_lost, 0), names=list_names(w, names),
    ) if satisfied.lost_count else w._(
        "None of {count} satisfied customers left{interval}.", count=w.number(satisfied.customer_count),
        interval=interval(w, satisfied.leaving_low, satisfied.leaving_high),
    )  # fmt: skip
    if others.customer_count:
        told = dict(lost=w.number(others.lost_count), count=w.number(others.customer_count), rate=w.percent(others.leaving_rate, 0),
                    interval=w.between(w.number(100 * effect[1], 0), w.number(100 * effect[2], 0)))  # fmt: skip
        apart = {
            "more": w._("Of the unsatisfied {lost} of {count} left, {rate}: more often, by {interval} points.", **told),
            "less": w._("Of the unsatisfied {lost} of {count} left, {rate}: less often, by {interval} points.", **told),
            "same": w._("Of the unsatisfied {lost} of {count} left, {rate}: not told apart, {interval} points.", **told),
        }
        sentence += " " + apart["more" if effect[1] > 0 else "less" if effect[2] < 0 else "same"]
    return Finding("satisfied_leaving", sentence, -float(satisfied.revenue_lost))


def core(w: Wording, table: pd.DataFrame) -> Finding | None:
    """The core: profitable, satisfied and retained."""
    row = table.set_index("condition").loc["core"]
    if not row.known_count:
        return None
    sentence = w._(
        "Of {known} customers of whom all three are known, {count} are profitable, satisfied and retained: {share}{interval}.",
        known=w.number(row.known_count), count=w.number(row["count"]), share=w.percent(row.share, 0), interval=interval(w, row.share_low, row.share_high),
    )  # fmt: skip
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
        return w._("Weighs much and falls short: {names}.", names=", ".join(labels[name] for name in act.dimension))
    doubtful = table[(table.position == "act") & ~table.sure]
    if len(doubtful):
        return w._(
            "Perhaps short of the mark where it weighs, the interval does not tell: {names}.",
            names=", ".join(labels[name] for name in doubtful.dimension),
        )
    return w._("No dimension that weighs much is told to fall short of the mark.")


def drivers(w: Wording, effects: pd.DataFrame) -> str:
    """What goes with leaving, where the interval leaves out no effect."""
    more = [attribute_label(w, row.attribute) for row in effects.itertuples() if row.told_apart == "more"]
    less = [attribute_label(w, row.attribute) for row in effects.itertuples() if row.told_apart == "less"]
    if more and less:
        return w._("With leaving goes more of: {more}; with staying more of: {less}", more=", ".join(more), less=", ".join(less))
    if more:
        return w._("With leaving goes more of: {names}", names=", ".join(more))
    if less:
        return w._("With staying goes more of: {names}", names=", ".join(less))
    return w._("No attribute is told to go with leaving, the others held fixed")


def foretold(w: Wording, attributes: Mapping[str, float], last_order: Mapping[str, float]) -> str:
    """How well these attributes tell leavers from stayers on customers not seen, beside the last order alone."""
    auc, alone = (w.percent(f["auc"], 0) + interval(w, f["auc_low"], f["auc_high"]) for f in (attributes, last_order))
    if attributes["auc_low"] <= 0.5:
        sentence = w._(
            "On customers not seen these attributes rank a leaver before a stayer no more often than chance: {auc}, half would be chance.",
            auc=auc,
        )
    else:
        sentence = w._(
            "On customers not seen these attributes rank a leaver before a stayer in {auc} of pairs; half would be chance.", auc=auc
        )
    return f"{sentence} " + w._(
        "The days since the last order alone: {alone}. They are the leaving itself, and explain nothing.", alone=alone
    )


def reason_recommendations(w: Wording, ours: int, leavers: pd.DataFrame, notes: pd.DataFrame, gap: pd.DataFrame, silent_names: Sequence[str],
                           unknown_names: Sequence[str], satisfied_names: Sequence[str]) -> list[str]:  # fmt: skip
    """What to do next: each sentence is triggered by a stated threshold."""
    made = []
    if len(silent_names):
        made.append(
            w._(
                "Call those who left without a word and ask why, starting with {names}; write the answer down in their own words.",
                names=list_names(w, silent_names),
            )
        )
    if len(leavers) and (leavers.reason != UNKNOWN).mean() < 0.7:
        if unknown_names and not silent_names:
            made.append(w._("Ask those of whom nobody knows why, starting with {names}.", names=list_names(w, unknown_names)))
        made.append(w._("Ask every leaver the same question within a month: with fewer than 70% of reasons known, shares are bounds."))
    waiting = int((notes.standing == "to code").sum()) if len(notes) else 0
    if waiting:
        made.append(
            w.ngettext(
                "Code the {count} text that no reader could place (lists/verbatims.csv).",
                "Code the {count} texts that no reader could place (lists/verbatims.csv).",
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
                "Let customers answer for themselves beside their salesperson: the two accounts can then be compared on the same departures."
            )
        )
    if len(leavers) and ours / len(leavers) > 0.25:
        made.append(
            w._(
                "More than a quarter of all leavers are known to have left for a reason in the company's own hands: set who calls whom, how often, and who answers complaints by when."
            )
        )
    if len(satisfied_names):
        made.append(
            w._("Do not take a good mark for loyalty: ask {names} why they left although satisfied.", names=list_names(w, satisfied_names))
        )
    return made or [w._("Nothing calls for action on these thresholds.")]


def range_or_dash(w: Wording, value: float, low: float, high: float) -> str:
    """A share with its interval for a cell, a dash when it is not known."""
    return "–" if value is None or np.isnan(float(value)) else w.percent(value, 0) + interval(w, low, high)
