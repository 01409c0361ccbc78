"""Who left, why, and who says so, as frames: each computed when it is first read."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from carnet.book.book import Book
from carnet.customers import customer_years
from carnet.customers.decisions import decided_of, held_out, may_be_called, open_names
from carnet.customers.figures import measured
from carnet.customers.reasons import leavers
from carnet.engagement.parameters import Parameters
from carnet.engagement.periods import years_earlier
from carnet.engagement.profiles import ReasonClass, benchmarks, reason_classes
from carnet.errors import CarnetError
from carnet.measures.reasons import reasons, silence, verbatims
from carnet.measures.reasons.second_reader import second_reader
from carnet.measures.register import computed
from carnet.measures.statistics import intervals

Share = dict[str, Any]  # count, value, low, high


@dataclass(frozen=True)
class Departures:
    """The leavers of some years: noted or lost without a note, their reasons, their texts,
    their silence.
    """

    book: Book
    parameters: Parameters

    @property
    def since(self) -> dt.date:
        """The day after which departures are read."""
        return years_earlier(self.book.as_of, self.parameters.reason_years)

    # --- the codebook

    @computed
    def classes(self) -> dict[str, ReasonClass]:
        """The classes of reasons of the codebook."""
        return reason_classes(self.book.engagement.codebook_file)

    @property
    def ours(self) -> list[str]:
        """Those that lie in the company's own hands."""
        return [name for name, entry in self.classes.items() if entry.ours]

    @property
    def quoted(self) -> dict[str, float]:
        """The share of each that is quoted everywhere."""
        named = {name: entry.benchmark for name, entry in self.classes.items() if entry.benchmark}
        return {name: benchmarks()[benchmark].value for name, benchmark in named.items()}

    @property
    def labels(self) -> dict[str, str]:
        """Classes in the reader's words; a code of the client's own keeps its name."""
        language = self.book.engagement.language
        labels = {name: entry.labels[language] for name, entry in self.classes.items()}
        return {code: code for code in self.classes_met} | labels

    @property
    def code_labels(self) -> dict[str, str]:
        """The client's own codes, those that name a class in its words."""
        return {name: self.labels.get(name, name) for name in self.codes.reason}

    @property
    def codebook(self) -> verbatims.Codebook:
        """The word groups that read texts."""
        return verbatims.Codebook(self.classes)

    @computed
    def second(self) -> Callable | None:
        """The second reader where two are asked for; raises CarnetError where it
        is not installed.
        """
        if self.parameters.readers < 2:
            return None
        reader = second_reader(self.classes)
        if reader is None:
            raise CarnetError(
                "parameter 'readers': the second reader is not installed; "
                "install the extra carnet[verbatims], or set readers=1."
            )
        return reader

    @property
    def complaints(self) -> list[str]:
        """The kinds of activity that are complaints: named by the parameter,
        else told by their words.
        """
        return customer_years.complaints_of(self.book, self.parameters.complaint_activities)

    # --- notes and texts

    @computed
    def read_notes(self) -> pd.DataFrame:
        """Every departure noted, read by the codebook: `leavers.departure_notes`."""
        return leavers.departure_notes(self.book, self.codebook, self.since, self.second)

    @computed
    def agreement(self) -> tuple[pd.DataFrame, tuple[float, float, float]]:
        """Given codes against texts: confusion table and kappa (`verbatims.note_agreement`)."""
        return verbatims.note_agreement(self.read_notes, list(self.classes))

    @computed
    def notes(self) -> pd.DataFrame:
        """The notes, proposals taken back where texts tell nothing: `verbatims.trusted_notes`."""
        return verbatims.trusted_notes(self.read_notes, self.agreement[1])

    @computed
    def comments(self) -> pd.DataFrame:
        """Comments of the survey, read alike: `leavers.survey_comments`."""
        return leavers.survey_comments(self.book, self.codebook, self.since, self.second)

    @property
    def classes_met(self) -> list[str]:
        """The classes, and the codes of the notes that are none."""
        return [*self.classes, *sorted(set(self.notes.coded) - set(self.classes))]

    @property
    def strange_codes(self) -> list[str]:
        """Codes of the client that the codebook does not know."""
        known = self.codebook.knows
        return sorted({code for code in self.notes.client_code if not known(code)})

    @property
    def written(self) -> pd.DataFrame:
        """Notes with words of their own."""
        if "verbatim" not in self.notes:
            return self.notes.head(0)
        t = self.notes[self.notes.standing != ""]
        return t[t.verbatim.notna()]

    @computed
    def texts(self) -> pd.DataFrame:
        """Every note and comment with its reading: `leavers.note_list`."""
        return leavers.note_list(self.book, self.notes, self.comments)

    @computed
    def low_marks(self) -> pd.DataFrame:
        """Comments that touch a reason for leaving, of customers not known to have
        left, latest first.
        """
        satisfied_from = self.parameters.satisfied_from
        low = leavers.low_marks(self.book, self.comments, satisfied_from, self.everyone)
        t = leavers.note_list(self.book, self.notes.head(0), low)
        return t.sort_values(["date", "customer_id"], ascending=[False, True])

    # --- leavers

    @computed
    def found(self) -> pd.DataFrame:
        """Who left or was noted as having left: `leavers.find_leavers`."""
        p = self.parameters
        episodes = reasons.departure_episodes(self.notes, p.believed)
        return leavers.find_leavers(self.book, episodes, self.since, p.abc_cut_a, p.abc_cut_b)

    @property
    def returned(self) -> pd.DataFrame:
        """Those that ordered again later."""
        return self.found[self.found.returned.astype(bool)]

    @computed
    def everyone(self) -> pd.DataFrame:
        """Those that did not, with the signs that they left behind: `leavers.with_signs`."""
        gone = self.found[~self.found.returned.astype(bool)].reset_index(drop=True)
        return leavers.with_signs(self.book, gone, self.complaints)

    @property
    def settled(self) -> pd.DataFrame:
        """Those of whom noted and unnoted leavers are both known."""
        t = self.everyone
        return t[t.settled.astype(bool)] if self.book.has("sales") else t

    @property
    def noted(self) -> pd.DataFrame:
        """Those noted."""
        return self.everyone[self.everyone.noted.astype(bool)]

    @property
    def known(self) -> pd.DataFrame:
        """Those noted with a reason."""
        return self.noted[self.noted.reason != reasons.UNKNOWN]

    @property
    def unexplained(self) -> pd.DataFrame:
        """Those of whom neither a reason nor the competitor is known,
        where departures are noted.
        """
        t = self.everyone
        silent = t[(t.reason == reasons.UNKNOWN) & t.competitor.isna()]
        return silent if self.book.has("departures") else t.head(0)

    @property
    def went_elsewhere(self) -> int:
        """How many have a competitor noted, and nothing else."""
        t = self.everyone
        return int((t.competitor.notna() & (t.reason == reasons.UNKNOWN)).sum())

    @property
    def lost(self) -> pd.DataFrame:
        """Those lost by the sales."""
        return self.everyone[self.everyone.lost.astype(bool)]

    @property
    def signs(self) -> list[str]:
        """The signs that the tables given can show."""
        return [name for name in silence.SIGNS if len(self.lost) and self.lost[name].notna().any()]

    @property
    def judged(self) -> pd.DataFrame:
        """Those lost of whom it is known whether they left in silence."""
        return self.lost[self.lost.silent.notna()]

    @property
    def silent(self) -> pd.DataFrame:
        """Those lost without a sign."""
        return self.lost[self.lost.silent.fillna(False).astype(bool)]

    # --- reasons

    @computed
    def shares(self) -> pd.DataFrame:
        """Shares of the reasons: `reasons.reason_shares`."""
        return reasons.reason_shares(self.noted, self.classes_met, self.quoted)

    @computed
    def codes(self) -> pd.DataFrame:
        """Shares of the client's own codes: `reasons.code_shares`."""
        return reasons.code_shares(self.noted)

    @computed
    def fit(self) -> float:
        """The reasons against the quoted shares: `reasons.goodness_of_fit`."""
        t = self.shares[self.shares.benchmark_share.notna()]
        return reasons.goodness_of_fit(t["count"].to_numpy(), t.benchmark_share.to_numpy())

    @computed
    def gap(self) -> pd.DataFrame:
        """What salespeople say against what customers say: `reasons.perception_gap`."""
        return reasons.perception_gap(self.noted, self.classes_met)

    @property
    def dimensions(self) -> list[str]:
        """The dimensions by which leavers can be grouped."""
        t = self.everyone
        return [name for name in leavers.DIMENSIONS if t[name].notna().any()]

    @computed
    def groups(self) -> pd.DataFrame:
        """Departures in our own hands, group by group: `reasons.reasons_by_group`."""
        return reasons.reasons_by_group(self.noted, self.dimensions, self.ours)

    @computed
    def response(self) -> pd.DataFrame:
        """Of how many leavers a reason is known: `reasons.response_rates`."""
        return reasons.response_rates(self.settled, self.dimensions)

    @computed
    def corrected(self) -> pd.DataFrame:
        """Shares allowing for those not known: `reasons.corrected_shares`."""
        return reasons.corrected_shares(self.settled, "segment", self.classes_met)

    @computed
    def in_hands(self) -> Share:
        """Departures in our own hands, of those with a known reason: count, value, low, high."""
        return reasons.share_in_hands(self.known, self.ours)

    @computed
    def in_hands_money(self) -> Share:
        """The same by money: `reasons.weighted_share`."""
        chosen = self.known.reason.isin(self.ours)
        value, (low, high) = reasons.weighted_share(chosen, self.known.revenue_lost)
        return {"value": value, "low": low, "high": high}

    # --- names

    @computed
    def held_out(self) -> pd.DataFrame:
        """The accounts drawn to be left alone: `decisions.held_out`."""
        return held_out(self.book, self.parameters.policy)

    def names(self, customers: pd.DataFrame) -> list[str]:
        """The first names of a list that a sentence may quote."""
        return open_names(self.held_out, customers, self.parameters.name_count)

    def to_ask(self, customers: pd.DataFrame) -> list[str]:
        """The first names of a list that somebody may be told to ask."""
        decided = decided_of(self.book, self.parameters.policy, customers.customer_id)
        open_to = may_be_called(decided, customers.customer_id)
        return list(customers.name[open_to].head(self.parameters.name_count))

    # --- what is published

    @computed
    def figures(self) -> dict[str, Any]:
        """The published figures of departures, texts and silence."""
        book = self.book
        values: dict[str, Any] = {}
        if book.has("departures"):
            values |= reasons.departure_figures(self.noted, self.known)
            values |= {
                "ours_share": self.in_hands["value"],
                "ours_revenue_share": self.in_hands_money["value"],
                "contact_perception_gap": self.contact_gap.get("gap"),
            }
        if len(self.settled) and book.has("sales"):
            values |= {"reason_response_rate": (self.settled.reason != reasons.UNKNOWN).mean()}
        if book.has("departures", "verbatim"):
            values |= verbatims.text_figures(self.written)
            values |= {"verbatim_kappa": self.agreement[1][0]}
        if len(self.judged):
            values |= silence.silent_figures(self.silent, self.judged)
        return measured(book, values)

    @property
    def contact_gap(self) -> dict[str, Any]:
        """The row of too little contact in `gap`, of the same departures where both spoke;
        empty without.
        """
        t = self.gap[self.gap.reason == "contact"].sort_values("sample", ascending=False)
        return t.iloc[0].to_dict() if len(t) else {}

    @computed
    def ranges(self) -> dict[str, tuple[Any, Any]]:
        """Their intervals."""
        known = int((self.settled.reason != reasons.UNKNOWN).sum())
        hands, money, gap = self.in_hands, self.in_hands_money, self.contact_gap
        ranges = {
            "ours_share": (hands["low"], hands["high"]),
            "ours_revenue_share": (money["low"], money["high"]),
            "verbatim_kappa": self.agreement[1][1:],
            "silent_leaver_share": intervals.wilson_interval(len(self.silent), len(self.judged)),
            "reason_response_rate": intervals.wilson_interval(known, len(self.settled)),
        }
        if gap:
            ranges["contact_perception_gap"] = (gap["gap_low"], gap["gap_high"])
        return {name: ends for name, ends in ranges.items() if name in self.figures}
