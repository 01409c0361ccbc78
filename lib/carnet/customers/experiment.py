"""Experiments as files beside the engagement: planned before any outcome is known, read once they have ended, never changed in between.

A plan is `experiments/<strategy>-<start>.yml` in the engagement's folder; its digest covers every line, and who is in which arm must follow from
its seed. Each reading is kept as `<plan>.read-<as_of>.json`; a report reads the plan itself, never those.
"""

import datetime as dt
import hashlib
import json
import math
import os
import tempfile
from pathlib import Path
from typing import Literal

import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from carnet.book.book import Book
from carnet.customers.account_list import Rates, account_list, chosen_rules, units_of, with_strategies
from carnet.customers.customer_years import COVER_DAYS
from carnet.engagement.periods import years_earlier
from carnet.errors import CarnetError, nearest
from carnet.measures.gaps import contacts
from carnet.measures.portfolio.strategy import STRATEGIES
from carnet.measures.retention import experiments

FOLDER = "experiments"
PAIRS_UNDER = 60  # customers, below which they are matched in pairs
SHORTEST_DAYS, LONGEST_DAYS = 7, 365
PLANNED = [name for name in STRATEGIES if name != "gone"]
HEADER = "# Written by carnet experiment plan. carnet experiment read refuses it once a line is changed.\n"


class Unit(BaseModel):
    """One customer of an experiment."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    customer_id: str
    arm: Literal["treated", "control", "left out"]
    stratum: str
    block: str
    baseline: float


class Plan(BaseModel):
    """What is tested on whom, measured how, and what it can show; money in the engagement's currency."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    client: str
    currency: str
    strategy: Literal["protect", "serve", "rekindle", "renegotiate"]
    measure: Literal["revenue", "margin", "orders", "retention"]
    written: dt.date
    as_of: dt.date
    start: dt.date
    end: dt.date
    baseline_start: dt.date
    design: Literal["pairs", "strata"]
    treated_share: float = Field(gt=0, lt=1)
    seed: int = Field(ge=0)
    usual_mean: float | None  # of the measure over the same dates a year earlier, these customers
    usual_spread: float | None  # standard deviation of it
    explained: float | None  # share of its variance that the 12 months before foretell
    detectable_effect: float | None  # smallest mean effect a customer that is found in 8 of 10 cases
    wished_effect: float | None
    needed_per_arm: int | None  # customers in each of two equal arms that the wished effect takes
    units: list[Unit] = Field(min_length=2 * experiments.LEAST_ARM)
    digest: str

    @model_validator(mode="after")
    def _makes_sense(self) -> "Plan":
        if not self.baseline_start <= self.as_of < self.start <= self.end or self.written > self.start:
            raise ValueError("its dates are not in order")
        if not SHORTEST_DAYS <= (self.end - self.start).days + 1 <= LONGEST_DAYS:
            raise ValueError("its length is not that of a plan")
        if len({unit.customer_id for unit in self.units}) < len(self.units):
            raise ValueError("a customer stands in it twice")
        return self

    @property
    def frame(self) -> pd.DataFrame:
        """The customers: customer_id, arm, stratum, block, baseline."""
        return pd.DataFrame([unit.model_dump() for unit in self.units])

    @property
    def pairs(self) -> bool:
        """True where customers are matched in pairs."""
        return self.design == "pairs"

    @property
    def name(self) -> str:
        """The plan's file name without its ending."""
        return f"{self.strategy}-{self.start}"

    def count(self, arm: str) -> int:
        """Customers of an arm."""
        return sum(unit.arm == arm for unit in self.units)


def plan_experiment(
    book: Book,
    strategy: str,
    measure: str,
    days: int,
    start: dt.date | None,
    share: float,
    seed: int,
    effect: float | None,
    rules: str,
    today: dt.date,
    write: bool = True,
) -> tuple[Plan, Path]:
    """Draw the arms of an experiment on the accounts of one strategy and write its plan (unless `write` is False); returns plan and path.

    Raises CarnetError when an outcome may be known already, another experiment is running, or the accounts are too few.
    """  # fmt: skip
    _check_options(strategy, measure, days, share, seed, effect)
    if not book.has("sales"):
        raise CarnetError("experiment: the table sales is needed, it holds the outcomes.")
    try:
        start = start or max(book.as_of, today) + dt.timedelta(days=1)
        end = start + dt.timedelta(days=days - 1)
    except OverflowError:
        raise CarnetError(f"start {start}: a date of this century is expected.") from None
    if start <= book.as_of or start < today:  # a plan comes before its outcomes
        raise CarnetError(f"start {start}: outcomes up to {max(book.as_of, today - dt.timedelta(days=1))} may be known; start later.")
    if measure == "margin" and not book.has("sales", "cost"):
        raise CarnetError("measure margin: the sales give no cost; choose revenue, orders or retention.")
    for other in read_plans(book):
        if other.start <= end and start <= other.end:
            raise CarnetError(
                f"{other.name} runs from {other.start} to {other.end}: one strategy at a time. Start after it, or drop its plan."
            )
    rule_values = chosen_rules(book.engagement.sector_profile.strategy, rules)
    accounts = with_strategies(account_list(book, 0.80, 0.95, Rates()), rule_values, 0.80, 0.95)
    accounts = accounts[accounts.strategy == strategy].sort_values("customer_id", ignore_index=True)
    pairs = len(accounts) < PAIRS_UNDER and share == 0.5
    baseline_start = years_earlier(book.as_of, 1) + dt.timedelta(days=1)
    units = pd.DataFrame({"customer_id": accounts.customer_id, "stratum": accounts.abc_class.fillna("–")})
    # as the plan writes it: what sums of floats leave beyond the cent must not bear on the draw
    units["baseline"] = units_of(book, accounts, _baseline(measure), baseline_start, book.as_of).round(2) + 0.0
    unknown = units.baseline.isna()
    if unknown.any():
        raise CarnetError(
            f"measure {measure}: not known of {unknown.sum()} of {len(units)} accounts, whose lines give no cost; choose revenue."
        )
    if len(units) < 2 * experiments.LEAST_ARM:
        raise CarnetError(f"strategy {strategy}: {len(units)} accounts are too few to draw two arms of {experiments.LEAST_ARM}.")
    drawn = experiments.assign(units, share, pairs, seed)
    treated, control = (int((drawn.arm == arm).sum()) for arm in (experiments.TREATED, experiments.CONTROL))
    if min(treated, control) < experiments.LEAST_ARM:
        raise CarnetError(
            f"share {share}: one arm would have {min(treated, control)} accounts, at least {experiments.LEAST_ARM} are needed."
        )
    content = {
        "client": book.engagement.client, "currency": book.engagement.currency, "strategy": strategy, "measure": measure, "written": today,
        "as_of": book.as_of, "start": start, "end": end, "baseline_start": baseline_start, "design": "pairs" if pairs else "strata",
        "treated_share": share, "seed": seed, **_power(book, accounts, measure, start, end, treated, control, pairs, effect), "wished_effect": effect,
        "units": drawn.to_dict("records"),
    }  # fmt: skip
    plan = Plan.model_validate(content | {"digest": ""})
    plan = plan.model_copy(update={"digest": _digest(plan)})
    path = _folder(book) / f"{plan.name}.yml"
    if write:
        _write_new(path, HEADER + yaml.safe_dump(plan.model_dump(), sort_keys=False, allow_unicode=True, width=140))
        load_plan(path)
    return plan, path


def _check_options(strategy: str, measure: str, days: int, share: float, seed: int, effect: float | None) -> None:
    for option, value, accepted in (("strategy", strategy, PLANNED), ("measure", measure, experiments.MEASURES)):
        if value not in accepted:
            raise CarnetError(f"{option} {value!r} is not accepted; {nearest(value, accepted)}")
    if not SHORTEST_DAYS <= days <= LONGEST_DAYS:
        raise CarnetError(f"days {days}: {SHORTEST_DAYS} to {LONGEST_DAYS} are accepted.")
    if not 0 < share < 1:
        raise CarnetError(f"share {share}: a number between 0 and 1 is accepted.")
    if seed < 0:
        raise CarnetError(f"seed {seed}: a whole number from 0 on is accepted.")
    largest = 1.0 if measure == "retention" else 1e12
    if effect is not None and not 1e-6 <= abs(effect) < largest:  # NaN too
        raise CarnetError(f"effect {effect}: money or orders a customer, or for retention a share such as 0.05, are accepted.")


def _baseline(measure: str) -> str:
    """What the 12 months before foretell a measure by: nearly everybody ordered in them, so whether somebody orders again is told by how often."""
    return "orders" if measure == "retention" else measure


def _power(
    book: Book,
    accounts: pd.DataFrame,
    measure: str,
    start: dt.date,
    end: dt.date,
    treated: int,
    control: int,
    pairs: bool,
    effect: float | None,
) -> dict:
    """What these arms can show, from the same accounts and dates a year earlier; unknown where the sales given do not cover them and the 12 months before.

    The accounts are chosen by what they are today: those to protect were better than they will be, those to rekindle too.
    """
    empty = dict.fromkeys(("usual_mean", "usual_spread", "explained", "detectable_effect", "needed_per_arm"))
    then, until = (years_earlier(day, 1) for day in (start, end))
    before = years_earlier(then, 1)
    if until > book.as_of or book.first_sale is None or (book.first_sale - before).days > COVER_DAYS:
        return empty
    outcome = units_of(book, accounts, measure, then, until).to_numpy()
    baseline = units_of(book, accounts, _baseline(measure), before, then - dt.timedelta(days=1)).to_numpy()
    adjusted, explained = experiments.cuped(outcome, baseline)
    mean, spread = float(outcome.mean()), float(outcome.std(ddof=1))
    if measure == "retention":
        explained = 0.0  # a rate is read as it is
        detectable = experiments.detectable_rate(mean, treated, control)
        possible = effect and 0 < mean + effect < 1 and 0 < mean < 1
        needed = experiments.arm_size_for_rates(mean, mean + effect) if possible and effect else None
    else:
        left = float(adjusted.std(ddof=1))
        detectable = experiments.detectable_difference(left, treated, control, pairs)
        needed = experiments.arm_size_for_difference(left, abs(effect)) if effect and left > 0 and left / abs(effect) < 1e4 else None
    rounded = [None if not math.isfinite(value) else round(value, 6) for value in (mean, spread, explained, detectable)]
    return dict(zip(empty, [*rounded, needed], strict=True))


def read_experiment(book: Book, path: Path, measure: str | None = None, today: dt.date | None = None) -> tuple[dict, Path]:
    """What came of an experiment that has ended, and the file beside the plan it was written to.

    Raises CarnetError before its end, where the sales given stop earlier, when the plan was changed, is no file of this engagement, or another measure
    is asked for.
    """
    plan = load_plan(path)
    if path.resolve() != (_folder(book) / f"{plan.name}.yml").resolve():
        raise CarnetError(f"{path.name}: a plan is read where it was written, as {FOLDER}/{plan.name}.yml in the engagement's folder.")
    if measure and measure != plan.measure:
        raise CarnetError(f"{path.name}: was planned on {plan.measure}; a measure chosen once the outcome is known proves nothing.")
    _refuse_stranger(book, plan)
    found = outcome_of(book, plan, today or dt.date.today())
    target = path.parent / f"{plan.name}.read-{book.as_of}.json"
    _replace(target, json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    return found, target


def outcome_of(book: Book, plan: Plan, today: dt.date) -> dict:
    """The plan's measure over its dates, everybody in the arm drawn: names and counts, `experiments.read_effect`, contacts by arm; unknown is None.

    Raises CarnetError before the plan's end, and where the sales given do not reach it.
    """
    if book.as_of < plan.end or today < plan.end:
        told = f"{plan.name}: ends on {plan.end}, the books on {book.as_of}: too early."
        raise CarnetError(f"{told} Reading again until it pleases finds effects in nothing.")
    pause = min(max(7, book.longest_pause_days), COVER_DAYS)
    if book.last_sale is None or book.last_sale < plan.start or (plan.end - book.last_sale).days > pause:
        raise CarnetError(f"{plan.name}: ends on {plan.end}, the last sale given is of {book.last_sale}: the sales do not cover it.")
    t = plan.frame
    t["outcome"] = units_of(book, t, plan.measure, plan.start, plan.end)
    there = t.customer_id.isin(set(book.customers.customer_id.execute())) & t.outcome.notna()
    counts = [int((kept & (t.arm == arm)).sum()) for arm in (experiments.TREATED, experiments.CONTROL) for kept in (there, ~there)]
    ratio = experiments.sample_ratio_p_value(*counts)
    kept = t[there]
    if plan.pairs:  # a pair of which one customer is missing tells nothing
        both = kept[kept.arm != experiments.LEFT_OUT].groupby("block").size() == 2
        kept = kept[kept.block.isin(both.index[both])]
    result = {
        "plan": plan.name, "digest": plan.digest, "strategy": plan.strategy, "measure": plan.measure, "start": str(plan.start), "end": str(plan.end),
        "read_as_of": str(book.as_of), "treated_missing": counts[1], "control_missing": counts[3], "sample_ratio_p_value": ratio,
        **experiments.read_effect(kept, plan.treated_share, plan.pairs, plan.measure == "retention", plan.seed), **_contacted(book, plan),
    }  # fmt: skip
    if ratio < experiments.MISMATCH:  # something chose who is found: no effect is told
        result |= dict.fromkeys(("raw", "raw_low", "raw_high", "effect", "low", "high", "p_value"), float("nan"))
    return {key: None if value != value else float(value) if isinstance(value, float) else value for key, value in result.items()}


def _contacted(book: Book, plan: Plan) -> dict[str, float]:
    """Share of each arm that was contacted between the dates, as the service table notes it; NaN without one that reaches the end."""
    empty = {"treated_contacted": float("nan"), "control_contacted": float("nan")}
    if not book.has("service"):
        return empty
    service = book.table("service")
    first, last = service.agg(first=service.date.min(), last=service.date.max()).execute().iloc[0]
    if pd.Timestamp(last).date() < plan.end - dt.timedelta(days=COVER_DAYS) or pd.Timestamp(first).date() > plan.start:
        return empty
    kinds = book.activity_kinds
    made = service.filter(service.activity.isin(contacts.contact_activities(kinds)) & service.date.between(plan.start, plan.end))
    seen = set(made.customer_id.as_table().distinct().execute().customer_id)
    t = plan.frame
    return {f"{arm}_contacted": float(t.customer_id[t.arm == arm].isin(seen).mean()) for arm in (experiments.TREATED, experiments.CONTROL)}


def load_plan(path: Path) -> Plan:
    """A plan as it was written. Raises CarnetError where it is none, was changed, or its arms do not follow from its seed."""
    try:
        plan = Plan.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        told = error.errors()[0]["msg"] if isinstance(error, ValidationError) else (str(error).strip().splitlines() or [""])[0]
        raise CarnetError(f"{path.name}: not a plan of carnet experiment plan ({told}); move it out of {FOLDER}/.") from None
    written, columns = plan.frame, ["customer_id", "block", "arm"]
    drawn = experiments.assign(written, plan.treated_share, plan.pairs, plan.seed)
    same = drawn.sort_values("customer_id")[columns].to_numpy() == written.sort_values("customer_id")[columns].to_numpy()
    if _digest(plan) != plan.digest or not same.all() or path.stem != plan.name:
        raise CarnetError(
            f"{path.name}: was changed after it was written; measure, dates and arms are those of the plan, or there is no experiment."
        )
    return plan


def read_plans(book: Book) -> list[Plan]:
    """The plans of the engagement, by date. Raises CarnetError where one is none, was changed, or is another client's."""
    found = [load_plan(path) for path in sorted(_folder(book).glob("*.yml"))]
    for plan in found:
        _refuse_stranger(book, plan)
    return sorted(found, key=lambda plan: (plan.start, plan.strategy))


def planned(book: Book, today: dt.date | None = None) -> tuple[list[tuple[Plan, dict | None]], list[str]]:
    """The plans of the engagement, each with what came of it where it has ended by `as_of`, and what stands against those that are left out."""
    found, refused = [], []
    for path in sorted((book.engagement.folder / FOLDER).glob("*.yml")):
        try:
            plan = load_plan(path)
            _refuse_stranger(book, plan)
            ended = plan.end <= min(book.as_of, today or dt.date.today())
            found.append((plan, outcome_of(book, plan, today or dt.date.today()) if ended else None))
        except CarnetError as error:
            refused.append(str(error))
    return sorted(found, key=lambda pair: (pair[0].start, pair[0].strategy)), refused


def _refuse_stranger(book: Book, plan: Plan) -> None:
    if (plan.client, plan.currency) != (book.engagement.client, book.engagement.currency):
        raise CarnetError(
            f"{plan.name}: is an experiment of {plan.client} in {plan.currency}, not of this engagement; move it out of {FOLDER}/."
        )


def _folder(book: Book) -> Path:
    """Where plans are; raises CarnetError where that lies outside the engagement's folder."""
    home = book.engagement.folder.resolve()
    folder = home / FOLDER
    if folder.resolve() != folder:
        raise CarnetError(f"{FOLDER}: leads outside the engagement's folder; plans are written inside it only.")
    return folder


def _digest(plan: Plan) -> str:
    """SHA-256 of everything but the digest itself."""
    content = plan.model_dump(mode="json", exclude={"digest"})
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def feasibility(book: Book, accounts: pd.DataFrame, days: int) -> pd.DataFrame:
    """What an experiment of so many days on half of each strategy's accounts could show, from their revenue of the last `days` and the 12 months before.

    The accounts are chosen by what they are today, those to rekindle by the very fall that is measured: a first idea, the plan itself looks a year back.

    Columns     strategy, treated, control, usual_mean, usual_spread, explained, detectable_effect, detectable_share (of the usual mean), needed_per_arm
                (customers in each arm that a quarter more takes); strategies with 8 accounts or more, where the sales given reach back
    """
    columns = [
        "strategy",
        "treated",
        "control",
        "usual_mean",
        "usual_spread",
        "explained",
        "detectable_effect",
        "detectable_share",
        "needed_per_arm",
    ]
    start = book.as_of - dt.timedelta(days=days - 1)
    before = years_earlier(start, 1)
    covered = book.first_sale is not None and (book.first_sale - before).days <= COVER_DAYS
    rows = []
    for strategy in STRATEGIES:
        part = accounts[accounts.strategy == strategy]
        half = len(part) // 2
        if strategy == "gone" or half < experiments.LEAST_ARM or not covered:
            continue
        outcome = units_of(book, part, "revenue", start, book.as_of).to_numpy()
        adjusted, explained = experiments.cuped(outcome, units_of(book, part, "revenue", before, start - dt.timedelta(days=1)).to_numpy())
        mean, spread = float(outcome.mean()), float(adjusted.std(ddof=1))
        effect = experiments.detectable_difference(spread, half, half, 2 * half < PAIRS_UNDER) if spread > 0 else float("nan")
        positive = mean > 0 and spread > 0
        rows.append((strategy, half, half, mean, float(outcome.std(ddof=1)), explained, effect, effect / mean if mean > 0 else float("nan"),
                     experiments.arm_size_for_difference(spread, 0.25 * mean) if positive else float("nan")))  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _write_new(path: Path, text: str) -> None:
    """Write a file that must not be there yet."""
    try:
        path.parent.mkdir(exist_ok=True)
        with path.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
    except FileExistsError:
        raise CarnetError(f"{path.name}: is there already, or {FOLDER} is no folder; a plan is never overwritten.") from None
    except OSError as error:
        raise CarnetError(f"{path.name}: cannot be written ({error.strerror}).") from None


def _replace(path: Path, text: str) -> None:
    """Write a whole file or none; a link of that name is replaced, not followed."""
    try:
        with tempfile.NamedTemporaryFile("w", dir=path.parent, encoding="utf-8", newline="\n", delete=False) as stream:
            stream.write(text)
        Path(stream.name).replace(path)
    except OSError as error:
        raise CarnetError(f"{path.name}: cannot be written ({error.strerror}).") from None
