"""The plan of an experiment: what is tested, on whom, drawn how,
as it is written before any outcome is known.
"""

import datetime as dt
import hashlib
import json
from typing import Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, model_validator

from carnet.errors import Message
from carnet.measures.portfolio.strategy import STRATEGIES
from carnet.measures.retention import experiments

SHORTEST_DAYS, LONGEST_DAYS = 7, 365
PLANNED = [name for name in STRATEGIES if name != "gone"]


class Unit(BaseModel):
    """One customer of an experiment."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    customer_id: str
    arm: Literal["treated", "control", "left out"]
    stratum: str
    block: str
    baseline: float


class Plan(BaseModel):
    """What is tested on whom, measured how, and what it can show;
    money in the engagement's currency.
    """

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
    # smallest mean effect a customer that is found in 8 of 10 cases
    detectable_effect: float | None
    wished_effect: float | None
    needed_per_arm: int | None  # customers in each of two equal arms that the wished effect takes
    units: list[Unit] = Field(min_length=2 * experiments.LEAST_ARM)
    digest: str

    @model_validator(mode="after")
    def _makes_sense(self) -> "Plan":
        if (
            not self.baseline_start <= self.as_of < self.start <= self.end
            or self.written > self.start
        ):
            raise ValueError(Message("its dates are not in order"))
        if not SHORTEST_DAYS <= (self.end - self.start).days + 1 <= LONGEST_DAYS:
            raise ValueError(Message("its length is not that of a plan"))
        if len({unit.customer_id for unit in self.units}) < len(self.units):
            raise ValueError(Message("a customer stands in it twice"))
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


def digest_of(plan: Plan) -> str:
    """SHA-256 of everything but the digest itself."""
    content = plan.model_dump(mode="json", exclude={"digest"})
    return hashlib.sha256(
        json.dumps(content, sort_keys=True, ensure_ascii=False).encode()
    ).hexdigest()
