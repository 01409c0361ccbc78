"""What came of an experiment: the treated against those left alone."""

import datetime as dt

from carnet.book.book import COVER_DAYS, Book
from carnet.customers.accounts.units import units_of
from carnet.customers.experiments.plan import Plan
from carnet.errors import CarnetError
from carnet.measures.gaps import contacts
from carnet.measures.retention import experiments


def outcome_of(book: Book, plan: Plan, today: dt.date) -> dict:
    """The plan's measure over its dates, everybody in the arm drawn:
    names and counts, `experiments.read_effect`, contacts by arm; unknown is None.

    Raises CarnetError before the plan's end, and where the sales given do not reach it.
    """
    if book.as_of < plan.end or today < plan.end:
        raise CarnetError(
            "{plan}: ends on {end}, the books on {as_of}: too early. Reading again until it "
            "pleases finds effects in nothing.",
            plan=plan.name,
            end=plan.end,
            as_of=book.as_of,
        )
    pause = min(max(7, book.longest_pause_days), COVER_DAYS)
    if (
        book.last_sale is None
        or book.last_sale < plan.start
        or (plan.end - book.last_sale).days > pause
    ):
        raise CarnetError(
            "{plan}: ends on {end}, the last sale given is of {last_sale}: "
            "the sales do not cover it.",
            plan=plan.name,
            end=plan.end,
            last_sale=book.last_sale,
        )
    t = plan.frame
    t["outcome"] = units_of(book, t, plan.measure, plan.start, plan.end)
    there = t.customer_id.isin(set(book.customers.customer_id.execute())) & t.outcome.notna()
    counts = [
        int((kept & (t.arm == arm)).sum())
        for arm in (experiments.TREATED, experiments.CONTROL)
        for kept in (there, ~there)
    ]
    ratio = experiments.sample_ratio_p_value(*counts)
    kept = t[there]
    if plan.pairs:  # a pair of which one customer is missing tells nothing
        both = kept[kept.arm != experiments.LEFT_OUT].groupby("block").size() == 2
        kept = kept[kept.block.isin(both.index[both])]
    result = {
        "plan": plan.name,
        "digest": plan.digest,
        "strategy": plan.strategy,
        "measure": plan.measure,
        "start": str(plan.start),
        "end": str(plan.end),
        "read_as_of": str(book.as_of),
        "treated_missing": counts[1],
        "control_missing": counts[3],
        "sample_ratio_p_value": ratio,
        **experiments.read_effect(
            kept, plan.treated_share, plan.pairs, plan.measure == "retention", plan.seed
        ),
        **_contacted(book, plan),
    }
    if ratio < experiments.MISMATCH:  # something chose who is found: no effect is told
        result |= dict.fromkeys(
            ("raw", "raw_low", "raw_high", "effect", "low", "high", "p_value"), float("nan")
        )
    return {
        key: None if value != value else float(value) if isinstance(value, float) else value
        for key, value in result.items()
    }


def _contacted(book: Book, plan: Plan) -> dict[str, float]:
    """Share of each arm that was contacted between the dates, as the service table notes it;
    NaN without one that reaches the end.
    """
    empty = {"treated_contacted": float("nan"), "control_contacted": float("nan")}
    if not book.has("service"):
        return empty
    if not book.covers("service", plan.start, plan.end):
        return empty
    service, kinds = book.table("service"), book.activity_kinds
    made = service.filter(
        service.activity.isin(contacts.contact_activities(kinds))
        & service.date.between(plan.start, plan.end)
    )
    seen = set(made.customer_id.as_table().distinct().execute().customer_id)
    t = plan.frame
    return {
        f"{arm}_contacted": float(t.customer_id[t.arm == arm].isin(seen).mean())
        for arm in (experiments.TREATED, experiments.CONTROL)
    }
