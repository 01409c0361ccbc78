"""Every parameter of the notebooks: its default, and the values that are accepted.

A name means the same wherever it stands. The notebooks state the same default and the same range in
their parameters cell, where an analyst changes them; a test holds both to each other (`top_count`
may start elsewhere).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any

import numpy as np

from carnet.engagement.running import this_run
from carnet.errors import CarnetError, Message, one_of

NEARLY = 0.85  # how alike a misspelt name is, 1 for the same
MOST_BITS = 1000  # of a whole number; a float holds 1023


@dataclass(frozen=True)
class Accepted:
    """The values that a parameter takes: of the type of its default, within a range,
    or one of some words.
    """

    kind: type
    low: float = float("-inf")
    high: float = float("inf")
    words: tuple[str, ...] = ()

    def checked(self, name: str, value: Any) -> Any:
        """The value, a whole number as a float where one is expected;
        raises CarnetError saying what is accepted.
        """
        if isinstance(value, np.generic):
            value = value.item()
        if type(value) is int and value.bit_length() > MOST_BITS:
            raise CarnetError("parameter '{name}': so large a number is not accepted.", name=name)
        if self.kind is float and type(value) is int:
            value = float(value)
        if type(value) is not self.kind:
            likes = {
                str: Message("text"),
                float: Message("number"),
                int: Message("whole number"),
            }
            raise CarnetError(
                "parameter '{name}': {value} is not accepted; a {like} is.",
                name=name,
                value=f"{value!r}",
                like=likes.get(self.kind, self.kind.__name__),
            )
        if not isinstance(value, str):
            return self._inside(name, value)
        return one_of(name, value, self.words) if self.words else value

    def _inside(self, name: str, value: Any) -> Any:
        if not self.low <= value <= self.high:
            raise CarnetError(
                "parameter '{name}': {value} is outside {low} to {high}.",
                name=name,
                value=f"{value:g}",
                low=f"{self.low:g}",
                high=f"{self.high:g}",
            )
        return value


def ranged(default: Any, low: float, high: float) -> Any:
    """A number with its least and its greatest value."""
    return field(default=default, metadata={"accepted": Accepted(type(default), low, high)})


def word(*words: str, default: str = "") -> Any:
    """One of some words, the first unless another is the default."""
    return field(default=default or words[0], metadata={"accepted": Accepted(str, words=words)})


def text() -> Any:
    """Any text; empty by default."""
    return field(default="", metadata={"accepted": Accepted(str)})


@dataclass(frozen=True)
class Policy:
    """What decides on accounts, and what counts as a reason, a complaint, a satisfied customer:
    every notebook, list, task and budget of a run goes by the same.
    """

    abc_cut_a: float = ranged(0.80, 0, 1)
    abc_cut_b: float = ranged(0.95, 0, 1)
    family_order_count: int = ranged(4, 1, 1000)
    tracked_share: float = ranged(0.10, 0, 1)
    tracked_by: str = word("amount", "rate")
    fall_share: float = ranged(0.20, 0, 1)
    chance_level: float = ranged(0.05, 0, 1)
    deep_fall_share: float = ranged(0.50, 0, 1)
    back_share: float = ranged(0.50, 0, 1)
    assumed_recoverability: float = ranged(0.10, 0, 1)
    proposal_cost: float = ranged(60.0, 0, 1_000_000)
    proposal_count: int = ranged(40, 0, 100_000)
    hold_out_share: float = ranged(0.30, 0, 0.5)
    hold_out_seed: int = ranged(1, 0, 1_000_000)
    hourly_rate_low: float = ranged(35.0, 0, 1000)
    hourly_rate_high: float = ranged(67.0, 0.01, 1000)
    capital_rate: float = ranged(0.06, 0, 1)
    strategy_rules: str = text()
    save_rate: float = ranged(0.20, 0, 1)
    win_back_rate: float = ranged(0.05, 0, 1)
    budget_cap_share: float = ranged(0.25, 0, 1)
    action_cost: float = ranged(60.0, 0, 1_000_000)
    horizon_years: int = ranged(5, 1, 30)
    discount_rate: float = ranged(0.10, 0, 1)
    readers: int = ranged(1, 1, 2)
    complaint_activities: str = text()
    satisfied_from: float = ranged(0.70, 0, 1)


@dataclass(frozen=True)
class Parameters(Policy):
    """What decides, and what only draws, lists, plans or reads;
    `named` are those that a notebook has.
    """

    top_count: int = ranged(15, 1, 1000)
    name_count: int = ranged(3, 1, 20)
    basket_band_count: int = ranged(5, 2, 12)
    drop_off_days: int = ranged(180, 1, 3650)
    quiet_days: int = ranged(180, 1, 3650)
    exposure_alert_share: float = ranged(0.10, 0, 1)
    attrition_alert_rate: float = ranged(0.15, 0, 1)
    weight_spread: float = ranged(0.50, 0, 1)
    contact_activities: str = text()
    planned_contacts_a: float = ranged(12.0, 0, 1000)
    planned_contacts_b: float = ranged(6.0, 0, 1000)
    planned_contacts_c: float = ranged(2.0, 0, 1000)
    stop_contact_count: int = ranged(3, 1, 100)
    stop_days: int = ranged(90, 1, 3650)
    weekly_task_count: int = ranged(5, 1, 100)
    task_week_count: int = ranged(12, 1, 104)
    rate_draws: int = ranged(1000, 100, 20_000)
    safety_alert_rate: float = ranged(0.05, 0, 1)
    dso_alert_days: int = ranged(60, 1, 365)
    quarter_count: int = ranged(8, 1, 40)
    cohort_grain: str = word("year", "quarter", "month", default="quarter")
    order_weeks: int = ranged(26, 1, 104)
    reason_years: int = ranged(3, 2, 10)
    believed: str = word("customer", "salesperson")
    weights: str = word("published", "quoted", "estimated")
    business: str = word("b2b", "consumer")
    convert_share: float = ranged(0.05, 0, 1)
    premise_spread: float = ranged(0.50, 0, 1)
    least_event_count: int = ranged(30, 10, 100_000)
    experiment_days: int = ranged(180, 7, 365)
    retention_step: float = ranged(0.05, 0.001, 0.5)
    acquisition_step: float = ranged(0.20, 0, 1)
    margin_step: float = ranged(0.02, 0.001, 0.5)
    named: tuple[str, ...] = field(default=(), compare=False)

    @property
    def policy(self) -> Policy:
        """The part that decides."""
        return Policy(**{rule.name: getattr(self, rule.name) for rule in fields(Policy)})

    @property
    def named_values(self) -> dict[str, Any]:
        """Those that the notebook has, in its order, with their values."""
        return {name: getattr(self, name) for name in self.named}


def agree(kept: Mapping[str, Mapping[str, Any]]) -> None:
    """Raises CarnetError where what decides on accounts is kept with two values."""
    for name in {name for values in kept.values() for name in values}:
        told = {n: values[name] for n, values in kept.items() if name in values}
        if len(set(map(repr, told.values()))) > 1 and hasattr(Policy, name):
            raise CarnetError(
                "parameters: '{name}' decides on accounts in every notebook "
                "and has two values ({listed}); keep one.",
                name=name,
                listed=", ".join((f"{n}: {value!r}" for n, value in told.items())),
            )


def kept_policy(kept: Mapping[str, Mapping[str, Any]], **instead: Any) -> Policy:
    """What decides, of the values that an engagement keeps by notebook, with some in the place of
    its own. Raises CarnetError as `agree` and `read_parameters` do.
    """
    agree(kept)
    decides = {rule.name for rule in fields(Policy)}
    values = [(name, value) for of_notebook in kept.values() for name, value in of_notebook.items()]
    return read_parameters(dict(pair for pair in values if pair[0] in decides) | instead).policy


def read_parameters(values: Mapping[str, Any]) -> Parameters:
    """The parameters among some values, such as the names of a notebook;
    of those not there that decide, what was chosen for the run.

    Raises CarnetError for the first value of another type or out of its range, and for a name that
    is nearly one of them: changing `tracked_shar` would change nothing.
    """
    given, known = this_run().given, [rule.name for rule in fields(Parameters) if rule.metadata]
    for name, value in values.items():
        near = [] if name in known else get_close_matches(name, known, 1, NEARLY)
        if near and isinstance(value, (int, float, str)) and near[0] not in values:
            raise CarnetError(
                "parameter '{name}' is not known; did you mean '{near}'?", name=name, near=near[0]
            )
    found = {
        rule.name: rule.metadata["accepted"].checked(
            rule.name, values.get(rule.name, given.get(rule.name))
        )
        for rule in fields(Parameters)
        if rule.metadata and (rule.name in values or rule.name in given)
    }
    return Parameters(**found, named=tuple(name for name in values if name in found))
