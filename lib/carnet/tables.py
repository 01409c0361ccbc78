"""HTML tables from finished measures: escaped, aligned, in the reader's formats, with a fixed id and a caption.

`COLUMNS` holds one record per column that a reader may see, so that a field has one heading and one format everywhere.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd
from jinja2 import Environment

from carnet.contracts import TableCheck
from carnet.findings.base import write_figure
from carnet.measures.register import FIGURES
from carnet.profiles import benchmarks
from carnet.schema import TABLE_LABELS
from carnet.wording import N_, Wording, unknown

Kind = Literal["text", "word", "flag", "money", "gap", "cents", "signed_cents", "count", "number", "percent", "chance", "date", "written"]

COLUMNS: dict[str, tuple[str, Kind]] = {
    "customer_id": (N_("Customer no."), "text"),
    "name": (N_("Customer"), "text"),
    "salesperson": (N_("Salesperson"), "text"),
    "abc_class": (N_("Class"), "text"),
    "rank": (N_("Rank"), "count"),
    "status": (N_("Movement"), "word"),
    "segment": (N_("Segment"), "word"),
    "revenue": (N_("Revenue"), "money"),
    "revenue_previous": (N_("Previous revenue"), "money"),
    "sales_gap": (N_("Gap"), "gap"),
    "growth_rate": (N_("Growth"), "percent"),
    "frequency_effect": (N_("By frequency"), "gap"),
    "basket_effect": (N_("By basket"), "gap"),
    "share": (N_("Share"), "percent"),
    "cumulative_share": (N_("Cumulative share"), "percent"),
    "customer_count": (N_("Customers"), "count"),
    "customer_share": (N_("Share of customers"), "percent"),
    "revenue_share": (N_("Share of revenue"), "percent"),
    "order_count": (N_("Orders"), "count"),
    "last_date": (N_("Last order"), "date"),
    "median_days": (N_("Median days since last order"), "count"),
    "level": (N_("Cut point at"), "percent"),
    "days_since_last_order": (N_("Days since last order"), "number"),
    "top_count": (N_("Largest customers gone"), "count"),
    "revenue_at_risk": (N_("Revenue gone"), "money"),
    "revenue_left": (N_("Revenue left"), "money"),
    "contact_count": (N_("Distinct contacts"), "count"),
    "category": (N_("Cost"), "text"),
    "behaviour": (N_("Behaviour"), "word"),
    "cost": (N_("Audit period"), "money"),
    "cost_previous": (N_("Previous period"), "money"),
    "cost_change": (N_("Change"), "gap"),
    "margin_left": (N_("Margin left"), "money"),
    "net_margin": (N_("Net margin"), "gap"),
    "break_even_revenue": (N_("Break-even revenue"), "money"),
    "safety_margin_rate": (N_("Safety margin"), "percent"),
    "product": (N_("Product"), "text"),
    "quantity": (N_("Units"), "count"),
    "quantity_previous": (N_("Previous units"), "count"),
    "price": (N_("Price"), "cents"),
    "price_previous": (N_("Previous price"), "cents"),
    "margin": (N_("Margin"), "money"),
    "cost_to_serve": (N_("Cost to serve"), "money"),
    "profit": (N_("Profit"), "gap"),
    "profit_range": (N_("Profit over the range of rates"), "written"),
    "sign": (N_("Sign"), "word"),
    "unpaid_service": (N_("Unpaid services"), "money"),
    "step": (N_("Step"), "word"),
    "ltv": (N_("Lifetime value"), "cents"),
    "ltv_change": (N_("Change"), "signed_cents"),
    "cac": (N_("Acquisition cost"), "cents"),
    "cac_change": (N_("Change"), "signed_cents"),
    "ratio": (N_("Value ÷ cost"), "number"),
    "age": (N_("Days"), "written"),
    "invoice_count": (N_("Invoices"), "count"),
    "open_amount": (N_("Open amount, tax included"), "money"),
    "account": (N_("Account"), "text"),
    "account_class": (N_("Class of accounts"), "text"),
    "account_label": (N_("Title"), "text"),
    "debit": (N_("Debit"), "money"),
    "credit": (N_("Credit"), "money"),
    "balance": (N_("Debit − credit"), "gap"),
    "owner": (N_("Owner"), "text"),
    "due": (N_("Due"), "date"),
    "target": (N_("Target"), "written"),
    "required": (N_("Required today"), "written"),
    "progress": (N_("Progress"), "word"),
    "order_probability": (N_("Probability of an order"), "percent"),
    "expected_order_count": (N_("Expected order days"), "number"),
    "naive_order_count": (N_("Own rate carried on"), "number"),
    "statement": (N_("Published figure"), "text"),
    "own_value": (N_("This book"), "text"),
    "confidence": (N_("Grade"), "text"),
    "published": (N_("Source"), "text"),
    "label": (N_("Figure"), "text"),
    "value": (N_("Value"), "written"),
    "range": (N_("95 % interval"), "written"),
    "definition": (N_("Definition"), "text"),
    "table": (N_("Table"), "text"),
    "file": (N_("File"), "text"),
    "reason": (N_("Reason"), "text"),
    "rows": (N_("Rows read"), "count"),
    "accepted_rows": (N_("Accepted"), "count"),
    "quarantined_rows": (N_("Set aside"), "count"),
    "amount": (N_("Sum read"), "money"),
    "accepted_amount": (N_("Sum accepted"), "money"),
    "quarantined_amount": (N_("Sum set aside"), "money"),
    "parameter": (N_("Parameter"), "text"),
    "flagged": (N_("Tracked"), "flag"),
    "abc_class_previous": (N_("Class a year earlier"), "text"),
    "essential": (N_("Essential"), "flag"),
    "gap_rate": (N_("Gap, %"), "percent"),
    "margin_rate": (N_("Margin rate"), "percent"),
    "margin_at_stake": (N_("Margin at stake"), "money"),
    "order_count_previous": (N_("Previous orders"), "count"),
    "order_p_value": (N_("Chance (p)"), "chance"),
    "false_discovery_share": (N_("False discovery share"), "percent"),
    "last_order_date": (N_("Last order"), "date"),
    "months_since_last_order": (N_("Months since last order"), "number"),
    "rhythm_months": (N_("Usual months between orders"), "number"),
    "silence_ratio": (N_("Silence ÷ own rhythm"), "number"),
    "stopped_family_count": (N_("Families no longer bought"), "count"),
    "stopped_families": (N_("No longer buys"), "text"),
    "stopped_revenue": (N_("Their previous revenue"), "money"),
    "rolling_year_revenue": (N_("Last 12 months"), "money"),
    "peak_revenue": (N_("Best 12 months"), "money"),
    "peak_end": (N_("Best year up to"), "date"),
    "decline_rate": (N_("Since then"), "percent"),
    "group": (N_("Flagged by"), "word"),
    "rebound_range": (N_("Comes back in a year"), "written"),
    "expected_rebound": (N_("Expected back"), "written"),
    "late_customer_count": (N_("Late"), "count"),
    "late_share": (N_("Late share"), "percent"),
    "late_range": (N_("Late share, 95 % interval"), "written"),
    "expected_share": (N_("Expected from the mix"), "percent"),
    "p_value": (N_("Chance (p)"), "chance"),
    "signal": (N_("Outside limits"), "word"),
    "shrunk_share": (N_("Shrunk share"), "percent"),
    "shrunk_range": (N_("Shrunk share, 95 % interval"), "written"),
    "classes": (N_("Class"), "text"),
    "silence": (N_("Months silent (usual)"), "written"),
    "contacts_made": (N_("Contacts noted / planned"), "written"),
    "noted_contact_count": (N_("Contacts noted"), "count"),
    "planned_contact_count": (N_("Contacts planned"), "count"),
    "noted_contact_quality": (N_("Their quality (1 to 5)"), "number"),
    "recent_contact_count": (N_("Contacts since"), "count"),
    "recent_contact_quality": (N_("Quality since"), "number"),
    "proposal_count": (N_("Proposals since"), "count"),
    "opportunity_count": (N_("Opportunities open"), "count"),
    "opportunity_amount": (N_("Amount open"), "money"),
    "quadrant": (N_("Reading"), "word"),
    "recoverability": (N_("Recoverability"), "percent"),
    "proposal_cost": (N_("Cost of the proposal"), "money"),
    "expected_value": (N_("Margin in play"), "gap"),
    "arm": (N_("Last chance"), "word"),
    "value_range": (N_("Over the interval of the rate"), "written"),
    "stop_date": (N_("Stop on"), "date"),
    "stop_contact_count": (N_("Stop after contacts"), "count"),
    "due_date": (N_("Due"), "date"),
    "task": (N_("Task"), "text"),
    "action": (N_("Action"), "word"),
    "outcome": (N_("Outcome"), "word"),
    "flagged_gap": (N_("Gap when flagged"), "gap"),
    "revenue_now": (N_("Last 12 months now"), "money"),
    "revenue_progress": (N_("Movement since"), "gap"),
    "regained_share": (N_("Share of the gap regained"), "percent"),
    "band": (N_("Silence, in own rhythms"), "written"),
    "back_count": (N_("Back a year later"), "count"),
    "back_range": (N_("95 % interval of the share back"), "written"),
    "count": (N_("Number"), "count"),
    "proposed_count": (N_("Of which read from texts"), "count"),
    "share_range": (N_("Share, all intervals at once"), "written"),
    "revenue_lost": (N_("Revenue lost"), "money"),
    "revenue_range": (N_("Share of the money"), "written"),
    "quoted_range": (N_("Share among the quoted four"), "written"),
    "benchmark_share": (N_("Quoted"), "percent"),
    "customer_range": (N_("Customers say"), "written"),
    "salesperson_range": (N_("Salespeople say"), "written"),
    "gap_range": (N_("Gap in points, all intervals at once"), "written"),
    "by": (N_("By"), "text"),
    "answered_count": (N_("Known of"), "count"),
    "client_segment": (N_("Segment"), "text"),
    "theme": (N_("About"), "text"),
    "group_name": (N_("Group"), "text"),
    "departure_count": (N_("Departures"), "count"),
    "leaver_count": (N_("Leavers"), "count"),
    "known_count": (N_("Reason known"), "count"),
    "ours_range": (N_("In our own hands"), "written"),
    "response_range": (N_("Reason known, share"), "written"),
    "known_share": (N_("Among those known"), "percent"),
    "reweighted_range": (N_("Reweighted by segment"), "written"),
    "bounds": (N_("Bounds, whatever the others say"), "written"),
    "date": (N_("Date"), "date"),
    "left_on": (N_("Left on"), "date"),
    "verbatim": (N_("In their own words"), "text"),
    "client_code": (N_("Given code"), "text"),
    "proposed": (N_("Proposed"), "text"),
    "words": (N_("Deciding words"), "text"),
    "standing": (N_("Standing"), "word"),
    "premise": (N_("Premise"), "text"),
    "quoted": (N_("As quoted"), "written"),
    "corrected": (N_("Known better"), "written"),
    "drawn": (N_("Drawn from"), "written"),
    "dimension": (N_("Dimension"), "text"),
    "importance_range": (N_("Weight"), "written"),
    "performance_range": (N_("Mean mark, share of the scale"), "written"),
    "position": (N_("Position"), "word"),
    "sure": (N_("Told by the intervals"), "flag"),
    "answer": (N_("Survey"), "word"),
    "lost_count": (N_("Left"), "count"),
    "leaving_range": (N_("Left, share"), "written"),
    "condition": (N_("Condition"), "word"),
    "core_range": (N_("Share"), "written"),
    "margin_share": (N_("Share of the margin"), "percent"),
    "model": (N_("Foretold from"), "text"),
    "auc_range": (N_("Leaver ranked before stayer"), "written"),
    "brier": (N_("Brier score"), "written"),
    "calibration_slope": (N_("Calibration slope"), "written"),
    "risk_group": (N_("Group of risk, rising"), "count"),
    "row_count": (N_("Customers and years"), "count"),
    "foretold": (N_("Foretold"), "percent"),
    "seen_range": (N_("Seen"), "written"),
    "cause": (N_("Left for"), "text"),
    "years": (N_("Years"), "count"),
    "incidence_range": (N_("Left by then"), "written"),
    "strategy_name": (N_("Strategy"), "text"),
    "relationship_count": (N_("Of which relationships"), "count"),
    "single_thread_revenue": (N_("Hangs on one person"), "money"),
    "strategy_reason": (N_("Why"), "text"),
    "sign_names": (N_("Signs"), "text"),
    "touch_count": (N_("Contacts in 12 months"), "count"),
    "person_count": (N_("Persons ordering"), "count"),
    "pays": (N_("Pays for itself"), "text"),
    "relationship_revenue": (N_("Revenue of relationships"), "money"),
    "cap": (N_("Cap"), "count"),
    "over_cap": (N_("Above the cap"), "flag"),
    "held_count": (N_("Relationships"), "count"),
    "potential": (N_("Potential"), "money"),
    "untapped": (N_("Not bought yet"), "money"),
    "axis": (N_("Axis"), "text"),
    "weight": (N_("Weight"), "percent"),
    "correlation": (N_("Rank correlation without it"), "written"),
    "top_kept": (N_("First customers that stay first without it"), "count"),
    "capital_range": (N_("Capital, 0 to 100"), "written"),
    "rank_range": (N_("Rank over the weights drawn"), "written"),
    "loyalty": (N_("Loyalty"), "written"),
    "solvency": (N_("Solvency"), "written"),
    "profitability": (N_("Profitability"), "written"),
    "satisfaction": (N_("Satisfaction"), "written"),
    "criterion": (N_("Criterion"), "text"),
    "worst": (N_("Scores 0 at"), "written"),
    "best": (N_("Scores 100 at"), "written"),
    "rule": (N_("Rule"), "text"),
    "indicator": (N_("Indicator"), "text"),
    "told_by": (N_("Told by"), "text"),
    "question": (N_("Question"), "text"),
    "answer_given": (N_("Answer"), "text"),
    "evidence": (N_("Evidence"), "text"),
    "shown": (N_("What this book shows"), "text"),
    "reading": (N_("Reading"), "text"),
    "first_year": (N_("First year"), "text"),
    "later_year": (N_("Last year of the horizon"), "text"),
    "customer_value": (N_("Value of a customer"), "written"),
    "quoted_figure": (N_("As quoted"), "written"),
    "fading_told": (N_("Fading"), "text"),
    "left_count": (N_("Left in the next year"), "count"),
    "leave_range": (N_("Left, share"), "written"),
    "yearly_revenue": (N_("Revenue a year"), "money"),
    "yearly_margin": (N_("Margin a year"), "money"),
    "leave_probability": (N_("Chance to leave"), "percent"),
    "save_probability": (N_("Chance to save"), "percent"),
    "residual_margin": (N_("Margin it would still bring"), "money"),
    "regain_margin": (N_("Margin a year to regain"), "money"),
    "budget": (N_("Budget at most"), "money"),
    "chase_told": (N_("Why"), "text"),
    "treated": (N_("Treated"), "count"),
    "control": (N_("Left alone"), "count"),
    "usual": (N_("Usual value"), "written"),
    "detectable": (N_("Smallest effect shown"), "written"),
    "detectable_share": (N_("Of the usual value"), "percent"),
    "needed": (N_("An arm, for a quarter more"), "count"),
    "experiment": (N_("Experiment"), "text"),
    "dates": (N_("From, to"), "written"),
    "outcome_told": (N_("What came of it"), "text"),
    "statement_source": (N_("Where it is quoted"), "text"),
    "retention": (N_("Retention"), "percent"),
    "cac_level": (N_("Cost per new customer"), "money"),
    "profit_below": (N_("Profit, margin a step lower"), "money"),
    "profit_same": (N_("Profit, margin as today"), "money"),
    "profit_above": (N_("Profit, margin a step higher"), "money"),
}

WORDS = {
    "kept": N_("kept"),
    "new": N_("new"),
    "recovered": N_("recovered"),
    "lost": N_("lost"),
    "champions": N_("champions"),
    "loyal": N_("loyal"),
    "promising": N_("promising"),
    "fading": N_("fading"),
    "at_risk": N_("frequent, least recent"),
    "dormant": N_("dormant"),
    "fixed": N_("fixed"),
    "variable": N_("variable"),
    "acquisition": N_("acquisition"),
    "unclassified": N_("not classified"),
    "certain": N_("certain"),
    "uncertain": N_("uncertain"),
    "deck": N_("deck: revenue ÷ attrition, cost over all customers"),
    "margin": N_("variable costs taken out"),
    "new_only": N_("cost over new customers only"),
    "horizon": N_("years beyond the horizon taken out"),
    "discount": N_("later years discounted"),
    "on track": N_("on track"),
    "off track": N_("off track"),
    "too noisy": N_("too noisy to say"),
    "not measured": N_("not measured"),
    "late": N_("a gap under zero"),
    "most_late": N_("the most late"),
    "fallen": N_("the usual rule"),
    "unlikely": N_("orders beyond luck"),
    "none": N_("none"),
    "95": N_("95 %"),
    "99.8": N_("99.8 %"),
    "neglect": N_("neglect"),
    "competition": N_("competition"),
    "demand": N_("demand"),
    "watch": N_("watch"),
    "contact": N_("contact"),
    "hold-out": N_("left alone"),
    "essential": N_("essential, contacted"),
    "last_chance": N_("last-chance proposal"),
    "call": N_("call"),
    "back": N_("back"),
    "still_late": N_("still late"),
    "all": N_("all"),
    "agreed": N_("agrees"),
    "differs": N_("differs"),
    "coded": N_("code only"),
    "proposed": N_("proposed"),
    "to code": N_("to code by hand"),
    "act": N_("act"),
    "keep": N_("keep"),
    "enough": N_("enough"),
    "satisfied": N_("satisfied"),
    "unsatisfied": N_("unsatisfied"),
    "no answer": N_("no answer"),
    "retained": N_("retained"),
    "profitable": N_("profitable"),
    "core": N_("all three: the core"),
}

TEMPLATE = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
    """<div class="scroll"><table id="{{ id }}" class="data">
<caption>{{ caption }}</caption>
<thead><tr>{% for label, kind in header %}<th scope="col" class="{{ kind }}">{{ label }}</th>{% endfor %}</tr></thead>
<tbody>
{% for row in rows %}
<tr>{% for text, kind in row %}<td class="{{ kind }}">{{ text }}</td>{% endfor %}</tr>
{% endfor %}
</tbody>
</table></div>
{% if note %}<p class="note">{{ note }}</p>{% endif %}
"""
)


@dataclass(frozen=True)
class HtmlTable:
    """A rendered table; `text` is what a plain-text reader sees."""

    html: str
    text: str


def write_value(w: Wording, value: Any, kind: Kind, decimals: int | None = None) -> str:
    """One cell in the reader's format; a dash where there is nothing to write. `decimals` is for money."""
    if unknown(value) or value is pd.NaT:
        return "–"
    if kind == "word":
        return w._(WORDS[value])
    if kind == "flag":
        return w._("yes") if value else "–"
    writers = {
        "money": lambda v: w.money(v, decimals),
        "gap": lambda v: w.signed_money(v, decimals),
        "cents": lambda v: w.money(v, 2),
        "signed_cents": lambda v: w.signed_money(v, 2),
        "count": w.number,
        "number": lambda v: w.number(v, 1),
        "percent": w.percent,
        "chance": lambda v: f"<\u00a0{w.percent(0.001)}" if v < 0.0005 else w.percent(v),
        "date": lambda v: w.date(v, "short"),
    }
    return writers.get(kind, str)(value)


def _money_decimals(frame: pd.DataFrame, field: str) -> int:
    """Whole units once a column holds thousands, cents below: one column never mixes the two."""
    largest = pd.to_numeric(frame[field], errors="coerce").abs().max()
    return 0 if largest >= 1000 else 2


def draw_table(
    w: Wording, table_id: str, caption: str, frame: pd.DataFrame, columns: str, note: str = "", cents: bool = False
) -> HtmlTable:
    """Render `frame`, one row a row, with the fields named in `columns` (space-separated, headings from COLUMNS).

    `cents` shows money to the cent in every column, where sums must be seen to reconcile.
    """
    fields = columns.split()
    header = [(w._(COLUMNS[field][0]), COLUMNS[field][1]) for field in fields]
    kinds = {field: COLUMNS[field][1] for field in fields}
    decimals = {field: 2 if cents else _money_decimals(frame, field) for field, kind in kinds.items() if kind in ("money", "gap")}
    rows = [[(write_value(w, row[f], kind, decimals.get(f)), kind) for f, kind in kinds.items()] for row in frame.to_dict("records")]
    return _rendered(table_id, caption, header, rows, note)


def _heading(w: Wording, field: str) -> str:
    heading, _ = COLUMNS[field]
    return w._(heading)


def _period_headings(w: Wording, periods: pd.DataFrame) -> list[tuple[str, str]]:
    """A heading a period; one that the data do not cover whole is starred."""
    return [
        (w.period(label) + ("" if complete else " *"), "written") for label, complete in zip(periods.label, periods.complete, strict=True)
    ]


def _rendered(
    table_id: str, caption: str, header: Sequence[tuple[str, str]], rows: Sequence[Sequence[tuple[str, str]]], note: str
) -> HtmlTable:
    """Header and cells as (text, kind) → HTML and plain text."""
    html = TEMPLATE.render(id=table_id, caption=caption, header=header, rows=rows, note=note)
    lines = [" | ".join(label for label, _ in header), *(" | ".join(text for text, _ in row) for row in rows)]
    return HtmlTable(html, "\n".join([caption, *lines]))


def figures_table(
    w: Wording, table_id: str, caption: str, values: Mapping[str, Any], names: str, ranges: Mapping[str, tuple] = {}
) -> HtmlTable:
    """Figures of the register (`names`, space-separated) as label, value, interval."""

    def between(name: str) -> str:
        low, high = ranges.get(name, (None, None))
        return "" if unknown(low) or unknown(high) else w.between(*(write_figure(w, end, FIGURES[name]) for end in (low, high)))

    rows = [{"label": w._(FIGURES[n].label), "value": write_figure(w, values[n], FIGURES[n]), "range": between(n)} for n in names.split()]
    return draw_table(w, table_id, caption, pd.DataFrame(rows), "label value range" if ranges else "label value")


def series_table(w: Wording, table_id: str, caption: str, series: pd.DataFrame, names: str) -> HtmlTable:
    """Figures of the register (`names`, space-separated) as rows, one column a period; rows of which nothing is known are left out."""
    header = [(_heading(w, "label"), "text"), *_period_headings(w, series)]
    known = [name for name in names.split() if series[name].notna().any()]
    rows = []
    for name in known:
        measure, decimals = FIGURES[name], _money_decimals(series, name)
        money = measure.unit == "currency"
        cells = ("–" if unknown(v) else w.money(v, decimals) if money else write_figure(w, v, measure) for v in series[name])
        rows.append([(w._(measure.label), "text"), *((cell, "written") for cell in cells)])
    note = "" if series.complete.all() else w._("* period that the data do not cover whole: compared with nothing")
    return _rendered(table_id, caption, header, rows, note)


def matrix_table(w: Wording, table_id: str, caption: str, labels: Iterable[str], amounts: pd.DataFrame, periods: pd.DataFrame) -> HtmlTable:
    """Amounts of money with a label a row and a period a column (columns label, complete of `periods`)."""
    header = [(_heading(w, "account_label"), "text"), *_period_headings(w, periods)]
    rows = [[(label, "text"), *((w.money(v, 0), "written") for v in row)] for label, row in zip(labels, amounts.to_numpy(), strict=True)]
    note = "" if periods.complete.all() else w._("* period that the data do not cover whole: compared with nothing")
    return _rendered(table_id, caption, header, rows, note)


def crossed_table(
    w: Wording, table_id: str, caption: str, counts: pd.DataFrame, labels: Mapping[str, str], corner: str, note: str = ""
) -> HtmlTable:
    """Counts of two codings against each other: the first a row, the second a column, by `labels`; an empty cell is drawn as a dash."""
    header: list[tuple[str, str]] = [(corner, "text"), *((labels[name], "count") for name in counts.columns)]
    rows = [
        [(labels[name], "text"), *((w.number(v) if v else "–", "count") for v in row)]
        for name, row in zip(counts.index, counts.to_numpy(), strict=True)
    ]
    return _rendered(table_id, caption, header, rows, note)


def benchmark_table(w: Wording, caption: str, values: Mapping[str, str]) -> HtmlTable:
    """Published figures (`values`: name in benchmarks.yml → this book's figure, written) with source, year and grade."""
    found = benchmarks()
    rows = [
        {
            "statement": found[name].statement[w.language],
            "own_value": own,
            "published": ", ".join(map(str, filter(None, (found[name].source[w.language], found[name].year)))),
            "confidence": found[name].confidence,
        }
        for name, own in values.items()
    ]
    note = w._("Grades: A measured and replicated, B measured once, C expert opinion, D slogan.")
    return draw_table(w, "benchmarks", caption, pd.DataFrame(rows), "statement own_value published confidence", note)


def definitions_table(w: Wording, caption: str, names: Iterable[str]) -> HtmlTable:
    """The definitions of the figures that a notebook recorded."""
    rows = [{"label": w._(FIGURES[name].label), "definition": w._(FIGURES[name].definition)} for name in names]
    return draw_table(w, "definitions", caption, pd.DataFrame(rows), "label definition")


def ledger_table(w: Wording, caption: str, checks: Mapping[str, TableCheck]) -> HtmlTable:
    """The row ledger: rows and sums read = accepted + set aside, table by table."""
    fields = "table rows accepted_rows quarantined_rows amount accepted_amount quarantined_amount"
    frame = pd.DataFrame([{f: getattr(check, f) for f in fields.split()} for check in checks.values()])
    for name, check in checks.items():
        if check.total is None:
            frame.loc[frame.table == name, ["amount", "accepted_amount", "quarantined_amount"]] = None
    note = w._("Rows read = accepted + set aside, and so for the sums; every row set aside is in quarantine.csv with its reason.")
    unreadable = sum(check.unreadable_amounts for check in checks.values())
    if unreadable:
        note += " " + w.ngettext(
            "Of the rows set aside, {count} has no readable amount and is in no sum.",
            "Of the rows set aside, {count} have no readable amount and are in no sum.",
            unreadable,
        )
    labels = {name: w.tell(TABLE_LABELS[name]) for name in checks}
    frame["table"] = [w._("{table}, from the ledger", table=labels[n]) if check.source else labels[n] for n, check in checks.items()]
    return draw_table(w, "row-ledger", caption, frame, fields, note, cents=True)


def reasons_table(w: Wording, caption: str, checks: Mapping[str, TableCheck]) -> HtmlTable:
    """Why rows were set aside, table by table."""
    rows = [
        {"table": w.tell(TABLE_LABELS[name]), "reason": check.tell_reason(w, reason), "quarantined_rows": count}
        for name, check in checks.items()
        for reason, count in check.reasons.items()
    ]
    return draw_table(
        w,
        "quarantine-reasons",
        caption,
        pd.DataFrame(rows, columns=["table", "reason", "quarantined_rows"]),
        "table reason quarantined_rows",
    )


def parameters_table(w: Wording, caption: str, parameters: Mapping[str, Any]) -> HtmlTable:
    """The parameters a notebook ran with."""
    frame = pd.DataFrame(
        [
            {"parameter": key, "value": value if isinstance(value, str) else w.number(value, 2 * isinstance(value, float))}
            for key, value in parameters.items()
        ]
    )
    return draw_table(w, "parameters", caption, frame, "parameter value")
