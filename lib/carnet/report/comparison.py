"""What changed between two dated reports, as text and for the executive summary:
the customers tracked in the older one, then every figure, signal told from noise.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from carnet.book.earlier import (
    FOLDER_NAME,
    Published,
    check_comparable,
    open_published,
    run_before,
)
from carnet.customers.gaps.gap_list import length_column
from carnet.errors import CarnetError
from carnet.exhibits.headings import WORDS
from carnet.findings import gaps as words
from carnet.findings.base import write_figure
from carnet.measures.catalogue import FIGURES, Figure
from carnet.measures.gaps import follow_up
from carnet.measures.portfolio import changes
from carnet.wording import N_, Wording, unknown

RUN_NAMES = ("engagement", "as_of", "language")
MOST_MOVED = 12  # figures of a rerun that are told
BACK_SHARE = 0.5  # as the notebook's default
FOLLOWED_NUMBERS = "recent_contact_count recent_contact_quality proposal_count"
HEADINGS = {
    "signal": N_("Beyond noise ({count}):"),
    "noise": N_("Within noise ({count}):"),
    "not judged": N_("Changed, not judged for want of an interval ({count}):"),
}
TESTS = {
    "customers": N_("customers' own changes, bootstrap"),
    "intervals": N_("both intervals"),
    "counts": N_("exact test of two counts"),
    "none": N_("no test"),
}


def compare_reports(old: Path, new: Path) -> str:
    """The comparison of two report folders, in the language of the newer one.

    Raises CarnetError when one is not a report, or when they are of another client, currency or way
    to compare, or not in order of time.
    """
    then, now = open_published(old), open_published(new)
    check_comparable(then, now.client, now.currency, now.comparison, now.as_of)
    if then.manifest.get("pseudonyms", "") != now.manifest.get("pseudonyms", ""):
        raise CarnetError(
            "{old} and {new} call the same people by other names "
            "(--anonymise): they are not held against each other.",
            old=old,
            new=new,
        )
    if then.as_of == now.as_of and _run_number(old) < _run_number(new):
        w = Wording(now.language, now.currency)
        return "\n".join([f"{now.client} · {w.date(now.as_of)}", "", *_rerun(w, then, now)])
    if then.as_of >= now.as_of:
        raise CarnetError(
            "{old} is of {as_of}, {new} of {later}: name the older report first.",
            old=old,
            as_of=then.as_of,
            new=new,
            later=now.as_of,
        )
    w = Wording(now.language, now.currency)
    title = f"{now.client} · {w.date(then.as_of)} → {w.date(now.as_of)}"
    return "\n".join([title, "", *_followed(w, then, now), "", *_figures(w, then, now)])


@dataclass(frozen=True)
class Since:
    """What changed since an earlier report: sentences, and the figures that moved beyond noise
    (columns label, then, now, tested, all as texts).
    """

    sentences: list[str]
    figures: pd.DataFrame


def changes_since(w: Wording, then: Published | None, now: Published) -> Since:
    """What an executive summary says of the last audit; `then` is None when there is none."""
    none = pd.DataFrame(columns=["label", "then", "now", "tested"])
    if then is None:
        return Since(
            [
                w._(
                    "No earlier audit of this client that can be compared is in the "
                    "folder of reports."
                )
            ],
            none,
        )
    date = w.date(then.as_of)
    try:
        followed, table = list(_followed(w, then, now)), _changes(then, now)
    except CarnetError:
        return Since(
            [
                w._(
                    "The audit of {date} cannot be compared: one of its files is not readable.",
                    date=date,
                )
            ],
            none,
        )
    rows = table[table.verdict == "signal"].to_dict("records")
    counts = {verdict: int((table.verdict == verdict).sum()) for verdict in HEADINGS}
    told_counts = w._(
        "Figures against the audit of {date}: beyond noise {signal}, within it {noise}, "
        "not judged for want of an interval {unjudged}. Of those tested, about {luck} would pass "
        "for a signal by luck.",
        date=date,
        signal=w.number(counts["signal"]),
        noise=w.number(counts["noise"]),
        unjudged=w.number(counts["not judged"]),
        luck=w.number(0.05 * (counts["signal"] + counts["noise"]), 1),
    )
    tests = [TESTS[row["test"]] for row in rows]
    moved = [
        dict(zip(none.columns, (*_written(w, row), w._(test)), strict=True))
        for row, test in zip(rows, tests, strict=True)
    ]
    first = followed[: followed.index("")] if "" in followed else followed
    return Since(
        [*first, *filter(None, _parameters(w, then, now)), told_counts],
        pd.DataFrame(moved, columns=none.columns),
    )


def told_since(w: Wording, published: Path) -> list[str]:
    """What to say once a report is published: against the run before of the same date, every
    figure that moved and what was given otherwise; else the sentences on the last audit.
    """
    try:
        now, before = open_published(published), run_before(published)
        if before:
            return _rerun(w, open_published(before), now)
        name = now.manifest.get("earlier_report")
        earlier = open_published(published.with_name(name)) if name else None
        return changes_since(w, earlier, now).sentences if earlier else []
    except CarnetError as error:
        return [str(error.told(w._))]


def _run_number(folder: Path) -> int:
    """Which run of its date a report is, by the name of its folder."""
    named = FOLDER_NAME.fullmatch(folder.resolve().name)
    return int(named[2] or 1) if named else 1


def _rerun(w: Wording, then: Published, now: Published) -> list[str]:
    """Two runs of one date: no noise stands between them, so every difference is told."""
    check_comparable(then, now.client, now.currency, now.comparison, now.as_of)
    table = _changes(then, now)
    unmeasured = table.value_then.isna().astype(int) + table.value_now.isna()
    # what only a notebook of one of the runs measures cannot have moved
    most = 1 if then.notebooks == now.notebooks else 0
    moved = table[table.verdict.ne("equal") & (unmeasured <= most)].to_dict("records")
    files = sorted({name for name, _ in then.inputs ^ now.inputs})
    causes = [*(line for line in _parameters(w, then, now) if line)]
    if files:
        causes.append(w._("Files that differ: {names}.", names=", ".join(files)))
    if then.versions != now.versions:
        causes.append(w._("The two runs were made with other versions of the programs."))
    heading = w.ngettext(
        "Against the run before ({folder}), {count} figure moved:",
        "Against the run before ({folder}), {count} figures moved:",
        len(moved),
        folder=then.folder.name,
    )
    if not moved:
        heading = w._(
            "Against the run before ({folder}), no figure moved.", folder=then.folder.name
        )
    lines = [_moved(w, *_written(w, row)) for row in moved[:MOST_MOVED]]
    rest = len(moved) - len(lines)
    more = w.ngettext("  and {count} other", "  and {count} others", rest) if rest else ""
    return [heading, *lines, *filter(None, [more]), *causes]


def _followed(w: Wording, then: Published, now: Published) -> Iterable[str]:
    """What became of the tracked customers of the older report: the sentence, outcomes,
    each customer, the hold-out.
    """
    if not then.has_list("sales_gaps") or not now.has_list("standing"):
        return [
            w._(
                "Tracked customers are not followed: one of the reports is without its gap list "
                "(notebook sales_gaps)."
            )
        ]
    numbers, column = "sales_gap revenue rolling_year_revenue", length_column(now.comparison)
    flagged, today = (
        then.read_list("sales_gaps", numbers, "flagged", "customer_id name salesperson"),
        now.read_list("standing", "revenue rolling_year_revenue silence_ratio"),
    )
    flagged = flagged[flagged.flagged].assign(period_revenue=lambda t: t[column])
    today = today.assign(period_revenue=today[column])
    back_share, years = (
        float(now.manifest["parameters"].get("back_share", BACK_SHARE)),
        (now.as_of - then.as_of).days / 365.25,
    )
    t = follow_up.follow_up(flagged, today, then.as_of, back_share, years)
    if not len(t):
        return [w._("The older report tracked nobody.")]
    outcomes, regained = follow_up.outcome_table(t), follow_up.regained_interval(t)
    expected = then.figure("expected_rebound_share")
    verdict = follow_up.against_expected(regained, expected, years)
    lines = [
        words.followed(w, outcomes, regained, expected, verdict, w.date(then.as_of), years).sentence
    ]
    told_since = now.manifest.get("earlier_report") == then.folder.resolve().name
    if then.has_list("last_chance"):
        proposed = then.read_list("last_chance", numbers).assign(period_revenue=lambda t: t[column])
        if told_since and now.has_list("follow_up_proposals"):
            done = (
                now.read_list("follow_up_proposals", FOLLOWED_NUMBERS)
                .set_index("customer_id")
                .recent_contact_count
            )
            proposed = proposed.join(done, on="customer_id")
        lines.append(
            words.arm_effect(
                w,
                follow_up.arm_effect(
                    follow_up.follow_up(proposed, today, then.as_of, back_share, years)
                ),
            )
        )
    if told_since and now.has_list("follow_up"):
        done = now.read_list("follow_up", FOLLOWED_NUMBERS).set_index("customer_id")[
            FOLLOWED_NUMBERS.split()
        ]
        t = t.drop(columns="proposal_count").join(done, on="customer_id")
    return [
        *lines,
        "",
        *(
            _customer(w, row)
            for row in t.sort_values(["sales_gap", "customer_id"]).to_dict("records")
        ),
    ]


def _line(text: str) -> str:
    """A client's text on one line of a terminal: nothing that could move its cursor."""
    return "".join(character if character.isprintable() else " " for character in text)


def _customer(w: Wording, row: Mapping) -> str:
    """One tracked customer: outcome, gap then, movement since,
    and what was done when the newer report tells it.
    """
    told_gap = w._(
        "gap then {gap}, movement since {progress}",
        gap=w.signed_money(row["sales_gap"]),
        progress=w.signed_money(row["revenue_progress"]),
    )
    line = (
        f"  {_line(row['name'])} ({_line(row['customer_id'])}) "
        f"· {_line(row['salesperson']) or '–'} · {w._(WORDS[row['outcome']])} · {told_gap}"
    )
    if unknown(row.get("recent_contact_count")):
        return line
    quality = (
        "–"
        if unknown(row["recent_contact_quality"])
        else w.number(row["recent_contact_quality"], 1)
    )
    return f"{line} · " + w._(
        "contacts {contacts}, quality {quality}, proposals {proposals}",
        contacts=w.number(row["recent_contact_count"]),
        quality=quality,
        proposals="–" if unknown(row["proposal_count"]) else w.number(row["proposal_count"]),
    )


def _figures(w: Wording, then: Published, now: Published) -> Iterable[str]:
    """Every figure that changed, by verdict; the others are counted."""
    table = _changes(then, now)
    lines = [*_parameters(w, then, now)]
    for verdict, heading in HEADINGS.items():
        rows = table[table.verdict == verdict]
        lines += [
            w._(heading, count=w.number(len(rows))),
            *(_figure(w, row) for row in rows.to_dict("records")),
            "",
        ]
    judged = table.verdict.isin(["signal", "noise"]).sum()
    lines.append(
        w._(
            "Figures tested at 5 %: {judged}; about {luck} of them would pass for signals by luck.",
            judged=w.number(judged),
            luck=w.number(judged * 0.05, 1),
        )
    )
    same, unmeasured = ((table.verdict == verdict).sum() for verdict in ("equal", "not measured"))
    lines.append(
        w._(
            "Unchanged: {same}. Not measured in one of the reports: {unmeasured}.",
            same=w.number(same),
            unmeasured=w.number(unmeasured),
        )
    )
    return lines


def _changes(then: Published, now: Published) -> pd.DataFrame:
    """Every figure of both reports with its verdict, see `measures.changes.figure_changes`."""
    listed = then.has_list("sales_gaps") and now.has_list("sales_gaps")
    paired = None
    if listed:
        paired = changes.paired_changes(
            *(r.read_list("sales_gaps", "revenue")[["customer_id", "revenue"]] for r in (then, now))
        )
    return changes.figure_changes(then.figures, now.figures, paired)


def _parameters(w: Wording, then: Published, now: Published) -> Iterable[str]:
    """Parameters given to the two reports, where they differ: another rule is another figure."""
    given = [report.manifest.get("parameters", {}) for report in (then, now)]
    changed = [
        name
        for name in dict.fromkeys([*given[0], *given[1]])
        if name not in RUN_NAMES and given[0].get(name) != given[1].get(name)
    ]
    return [w._("Parameters differ: {names}.", names=", ".join(changed)), ""] if changed else []


def _figure(w: Wording, row: Mapping) -> str:
    return f"{_moved(w, *_written(w, row))} ({w._(TESTS[row['test']])})"


def _moved(w: Wording, label: str, before: str, after: str) -> str:
    told = w._("{label}: {before} → {after}", label=label, before=before, after=after)
    return f"  {told}"


def _written(w: Wording, row: Mapping) -> tuple[str, str, str]:
    """A figure's label, its earlier and its newer value."""
    measure = FIGURES.get(row["figure"]) or Figure(row["figure"], row["unit"], "", decimals=2)
    return (
        w._(measure.label),
        write_figure(w, row["value_then"], measure),
        write_figure(w, row["value_now"], measure),
    )
