"""What changed between two dated reports, as text: the customers tracked in the older one, then every figure, signal told from noise."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from carnet.errors import CarnetError
from carnet.findings import gaps as told
from carnet.findings.base import write_figure
from carnet.measures import changes, follow_up
from carnet.measures.register import FIGURES, Measure
from carnet.published import Published, check_comparable, open_published
from carnet.tables import WORDS
from carnet.wording import N_, Wording, unknown

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

    Raises CarnetError when one is not a report, or when they are of another client, currency or way to compare, or not in order of time.
    """
    then, now = open_published(old), open_published(new)
    check_comparable(then, now.client, now.currency, now.comparison)
    if then.as_of >= now.as_of:
        raise CarnetError(f"{old} is of {then.as_of}, {new} of {now.as_of}: name the older report first.")
    w = Wording(now.language, now.currency)
    title = f"{now.client} · {w.date(then.as_of)} → {w.date(now.as_of)}"
    return "\n".join([title, "", *_followed(w, then, now), "", *_figures(w, then, now)])


def _followed(w: Wording, then: Published, now: Published) -> Iterable[str]:
    """What became of the tracked customers of the older report: the sentence, outcomes, each customer, the hold-out."""
    if not then.has_list("sales_gaps") or not now.has_list("sales_gaps"):
        return [w._("Tracked customers are not followed: one of the reports is without its gap list (notebook sales_gaps).")]
    numbers = "sales_gap rolling_year_revenue"
    flagged = then.read_list("sales_gaps", numbers, "flagged")
    flagged, today = flagged[flagged.flagged], now.read_list("sales_gaps", numbers)
    back_share = float(now.manifest["parameters"].get("back_share", BACK_SHARE))
    t = follow_up.follow_up(flagged, today, then.as_of, back_share)
    if not len(t):
        return [w._("The older report tracked nobody.")]
    outcomes, regained = follow_up.outcome_table(t), follow_up.regained_interval(t)
    passed = min(1.0, (now.as_of - then.as_of).days / 365)
    expected = then.figure("expected_rebound_share")
    verdict = follow_up.against_expected(regained, expected, passed)
    lines = [told.followed(w, outcomes, regained, expected[0] * passed, verdict, w.date(then.as_of)).sentence]
    if then.has_list("last_chance"):
        proposed = follow_up.follow_up(then.read_list("last_chance", numbers), today, then.as_of, back_share)
        lines.append(told.arm_effect(w, follow_up.arm_effect(proposed)))
    if now.has_list("follow_up") and now.manifest.get("earlier_report") == then.folder.resolve().name:
        done = now.read_list("follow_up", FOLLOWED_NUMBERS).set_index("customer_id")[FOLLOWED_NUMBERS.split()]
        t = t.drop(columns="proposal_count").join(done, on="customer_id")
    return [*lines, "", *(_customer(w, row) for row in t.sort_values(["sales_gap", "customer_id"]).to_dict("records"))]


def _customer(w: Wording, row: Mapping) -> str:
    """One tracked customer: outcome, gap then, movement since, and what was done when the newer report tells it."""
    line = f"  {row['name']} ({row['customer_id']}) · {row['salesperson'] or '–'} · {w._(WORDS[row['outcome']])} · {w.signed_money(row['sales_gap'])} → {w.signed_money(row['revenue_progress'])}"
    if unknown(row.get("recent_contact_count")):
        return line
    quality = "–" if unknown(row["recent_contact_quality"]) else w.number(row["recent_contact_quality"], 1)
    return f"{line} · " + w._(
        "contacts {contacts}, quality {quality}, proposals {proposals}",
        contacts=w.number(row["recent_contact_count"]), quality=quality,
        proposals="–" if unknown(row["proposal_count"]) else w.number(row["proposal_count"]),
    )  # fmt: skip


def _figures(w: Wording, then: Published, now: Published) -> Iterable[str]:
    """Every figure that changed, by verdict; the others are counted."""
    listed = then.has_list("sales_gaps") and now.has_list("sales_gaps")
    paired = None
    if listed:
        paired = changes.paired_changes(*(r.read_list("sales_gaps", "revenue")[["customer_id", "revenue"]] for r in (then, now)))
    table = changes.figure_changes(then.figures, now.figures, paired)
    lines = []
    for verdict, heading in HEADINGS.items():
        rows = table[table.verdict == verdict]
        lines += [w._(heading, count=w.number(len(rows))), *(_figure(w, row) for row in rows.to_dict("records")), ""]
    same, unmeasured = ((table.verdict == verdict).sum() for verdict in ("equal", "not measured"))
    lines.append(
        w._("Unchanged: {same}. Not measured in one of the reports: {unmeasured}.", same=w.number(same), unmeasured=w.number(unmeasured))
    )
    return lines


def _figure(w: Wording, row: Mapping) -> str:
    measure = FIGURES.get(row["figure"]) or Measure(row["figure"], row["unit"], "", decimals=2)
    values = [write_figure(w, value, measure) for value in (row["value_then"], row["value_now"])]
    return f"  {w._(measure.label)}: {values[0]} → {values[1]} ({w._(TESTS[row['test']])})"
