"""Drawing an experiment: arms, what they can show, the checks of what was asked."""

import datetime as dt
import math
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import yaml

from carnet.book.book import Book
from carnet.book.mapped import frame
from carnet.customers.accounts.units import units_of
from carnet.customers.accounts.valued import accounts_of
from carnet.customers.experiments.files import HEADER, folder_of, load_plan, read_plans, write_new
from carnet.customers.experiments.plan import LONGEST_DAYS, PLANNED, SHORTEST_DAYS, Plan, digest_of
from carnet.engagement.parameters import kept_policy
from carnet.engagement.periods import years_earlier
from carnet.errors import CarnetError, nearest
from carnet.measures.retention import experiments

PAIRS_UNDER = 60  # customers, below which they are matched in pairs


@dataclass(frozen=True)
class Question:
    """What an experiment asks: one strategy, the measure of its outcome, days, the day it starts
    (by default the first one that is not known yet), the share treated, the seed of the draw,
    the effect wished for, and rules of the sector to replace.
    """

    strategy: str
    measure: str
    days: int
    start: dt.date | None = None
    share: float = 0.5
    seed: int = 1
    effect: float | None = None
    rules: str = ""


def plan_experiment(
    book: Book, question: Question, today: dt.date, write: bool = True
) -> tuple[Plan, Path]:
    """Draw the arms of an experiment on the accounts of one strategy and write its plan (unless
    `write` is False); returns plan and path.

    Raises CarnetError when an outcome may be known already, another experiment is running,
    or the accounts are too few.
    """
    q = question
    _check_options(q)
    start, end = _dates(book, q, today)
    accounts = _accounts(book, q)
    pairs = len(accounts) < PAIRS_UNDER and q.share == 0.5
    baseline_start = years_earlier(book.as_of, 1) + dt.timedelta(days=1)
    units = _units(book, accounts, q.measure, baseline_start)
    drawn = experiments.assign(units, q.share, pairs, q.seed)
    arms = _arm_sizes(drawn, q.share)
    content = {
        "client": book.engagement.client,
        "currency": book.engagement.currency,
        "strategy": q.strategy,
        "measure": q.measure,
        "written": today,
        "as_of": book.as_of,
        "start": start,
        "end": end,
        "baseline_start": baseline_start,
        "design": "pairs" if pairs else "strata",
        "treated_share": q.share,
        "seed": q.seed,
        **_power(book, accounts, q, (start, end), arms, pairs),
        "wished_effect": q.effect,
        "units": drawn.to_dict("records"),
    }
    plan = Plan.model_validate(content | {"digest": ""})
    plan = plan.model_copy(update={"digest": digest_of(plan)})
    path = folder_of(book) / f"{plan.name}.yml"
    if write:
        text = yaml.safe_dump(plan.model_dump(), sort_keys=False, allow_unicode=True, width=140)
        write_new(path, HEADER + text)
        load_plan(path)
    return plan, path


def _dates(book: Book, q: Question, today: dt.date) -> tuple[dt.date, dt.date]:
    """First and last day: after every outcome that may be known, beside no other experiment."""
    if not book.has("sales"):
        raise CarnetError("experiment: the table sales is needed, it holds the outcomes.")
    try:
        start = q.start or max(book.as_of, today) + dt.timedelta(days=1)
        end = start + dt.timedelta(days=q.days - 1)
    except OverflowError:
        raise CarnetError(
            "start {start}: a date of this century is expected.", start=q.start
        ) from None
    if start <= book.as_of or start < today:  # a plan comes before its outcomes
        raise CarnetError(
            "start {start}: outcomes up to {as_of} may be known; start later.",
            start=start,
            as_of=max(book.as_of, today - dt.timedelta(days=1)),
        )
    for other in read_plans(book):
        if other.start <= end and start <= other.end:
            raise CarnetError(
                "{other} runs from {start} to {end}: one strategy at a time. "
                "Start after it, or drop its plan.",
                other=other.name,
                start=other.start,
                end=other.end,
            )
    return start, end


def _accounts(book: Book, q: Question) -> pd.DataFrame:
    """The accounts to which the audit gives the strategy, of which the measure can be known."""
    if q.measure == "margin" and not book.has("sales", "cost"):
        raise CarnetError(
            "measure margin: the sales give no cost; choose revenue, orders or retention."
        )
    rules = {"strategy_rules": q.rules} if q.rules else {}
    t = accounts_of(book, kept_policy(book.engagement.parameters, **rules))
    t = frame(t.filter(t.strategy == q.strategy).order_by("customer_id"))
    if len(t) < 2 * experiments.LEAST_ARM:
        raise CarnetError(
            "strategy {strategy}: {count} accounts are too few to draw two arms of {least_arm}.",
            strategy=q.strategy,
            count=len(t),
            least_arm=experiments.LEAST_ARM,
        )
    return t


def _units(book: Book, accounts: pd.DataFrame, measure: str, start: dt.date) -> pd.DataFrame:
    """What is drawn: customer_id, stratum, baseline (what the 12 months before foretell by)."""
    units = pd.DataFrame(
        {"customer_id": accounts.customer_id, "stratum": accounts.abc_class.fillna("–")}
    )
    baseline = units_of(book, accounts, _baseline(measure), start, book.as_of)
    # as the plan writes it: what sums of floats leave beyond the cent must not bear on the draw
    units["baseline"] = baseline.round(2) + 0.0
    unknown = units.baseline.isna()
    if unknown.any():
        raise CarnetError(
            "measure {measure}: not known of {sum} of {count} accounts, "
            "whose lines give no cost; choose revenue.",
            measure=measure,
            sum=unknown.sum(),
            count=len(units),
        )
    return units


def _arm_sizes(drawn: pd.DataFrame, share: float) -> tuple[int, int]:
    """Accounts treated and left alone."""
    treated, control = (
        int((drawn.arm == arm).sum()) for arm in (experiments.TREATED, experiments.CONTROL)
    )
    if min(treated, control) < experiments.LEAST_ARM:
        raise CarnetError(
            "share {share}: one arm would have {treated} accounts, at "
            "least {least_arm} are needed.",
            share=share,
            treated=min(treated, control),
            least_arm=experiments.LEAST_ARM,
        )
    return treated, control


def _check_options(q: Question) -> None:
    for option, value, accepted in (
        ("strategy", q.strategy, PLANNED),
        ("measure", q.measure, experiments.MEASURES),
    ):
        if value not in accepted:
            raise CarnetError(
                "{option} {value} is not accepted; {nearest}",
                option=option,
                value=f"{value!r}",
                nearest=nearest(value, accepted),
            )
    if not SHORTEST_DAYS <= q.days <= LONGEST_DAYS:
        raise CarnetError(
            "days {days}: {shortest_days} to {longest_days} are accepted.",
            days=q.days,
            shortest_days=SHORTEST_DAYS,
            longest_days=LONGEST_DAYS,
        )
    if not 0 < q.share < 1:
        raise CarnetError("share {share}: a number between 0 and 1 is accepted.", share=q.share)
    if q.seed < 0:
        raise CarnetError("seed {seed}: a whole number from 0 on is accepted.", seed=q.seed)
    largest = 1.0 if q.measure == "retention" else 1e12
    if q.effect is not None and not 1e-6 <= abs(q.effect) < largest:  # NaN too
        raise CarnetError(
            "effect {effect}: money or orders a customer, or for retention "
            "a share such as 0.05, are accepted.",
            effect=q.effect,
        )


def _baseline(measure: str) -> str:
    """What the 12 months before foretell a measure by: nearly everybody ordered in them,
    so whether somebody orders again is told by how often.
    """
    return "orders" if measure == "retention" else measure


def _power(
    book: Book,
    accounts: pd.DataFrame,
    question: Question,
    dates: tuple[dt.date, dt.date],
    arms: tuple[int, int],
    pairs: bool,
) -> dict:
    """What these arms can show, from the same accounts and dates a year earlier;
    unknown where the sales given do not cover them and the 12 months before.

    The accounts are chosen by what they are today: those to protect were better than they will be,
    those to rekindle too.
    """
    empty = dict.fromkeys(
        ("usual_mean", "usual_spread", "explained", "detectable_effect", "needed_per_arm")
    )
    measure, effect, (treated, control) = question.measure, question.effect, arms
    then, until = (years_earlier(day, 1) for day in dates)
    before = years_earlier(then, 1)
    if until > book.as_of or not book.covers("sales", before):
        return empty
    outcome = units_of(book, accounts, measure, then, until).to_numpy()
    baseline = units_of(
        book, accounts, _baseline(measure), before, then - dt.timedelta(days=1)
    ).to_numpy()
    adjusted, explained = experiments.cuped(outcome, baseline)
    mean, spread = float(outcome.mean()), float(outcome.std(ddof=1))
    if measure == "retention":
        explained = 0.0  # a rate is read as it is
        detectable = experiments.detectable_rate(mean, treated, control)
        possible = effect and 0 < mean + effect < 1 and 0 < mean < 1
        needed = (
            experiments.arm_size_for_rates(mean, mean + effect) if possible and effect else None
        )
    else:
        left = float(adjusted.std(ddof=1))
        detectable = experiments.detectable_difference(left, treated, control, pairs)
        needed = (
            experiments.arm_size_for_difference(left, abs(effect))
            if effect and left > 0 and left / abs(effect) < 1e4
            else None
        )
    rounded = [
        None if not math.isfinite(value) else round(value, 6)
        for value in (mean, spread, explained, detectable)
    ]
    return dict(zip(empty, [*rounded, needed], strict=True))
