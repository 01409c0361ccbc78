"""What carnet knows beforehand, as files to read and to edit: the French chart of accounts,
published benchmarks, reasons for leaving, service quality, sectors.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from carnet.engagement.faults import listed
from carnet.errors import CarnetError, Message, nearest

HOME = Path(__file__).parent


@dataclass(frozen=True)
class Benchmark:
    """A published figure: its value, who published it, when,
    and how far to trust it (A measured … D slogan).
    """

    value: float
    statement: dict[str, str]
    source: dict[str, str]
    year: int | None
    confidence: str
    low: float | None = None  # where a range was published
    high: float | None = None


@dataclass(frozen=True)
class Balance:
    """One intermediate balance: the balances it starts from,
    and the account prefixes it adds (credit − debit).
    """

    name: str
    labels: dict[str, str]
    accounts: tuple[str, ...]
    starts_from: tuple[str, ...] = ()


def shipped_yaml(path: Traversable) -> Any:
    """A document of carnet's own; ten times as fast where PyYAML was built with libyaml."""
    text = path.read_text(encoding="utf-8")
    return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@cache
def chart_of_accounts() -> dict[str, Any]:
    """`pcg.yml`: behaviour (account prefix → fixed / variable / acquisition),
    classes (two digits → labels), balances.
    """
    content = shipped_yaml(HOME / "pcg.yml")
    content["balances"] = [
        Balance(
            b["name"],
            {"en": b["en"], "fr": b["fr"]},
            tuple(b["accounts"]),
            tuple(b.get("from", ())),
        )
        for b in content["balances"]
    ]
    return content


@cache
def benchmarks() -> dict[str, Benchmark]:
    """`benchmarks.yml` by name."""
    content = shipped_yaml(HOME / "benchmarks.yml")
    return {name: Benchmark(**fields) for name, fields in content.items()}


Language = Literal["fr", "en"]
Text = Annotated[str, Field(min_length=1)]


class ReasonClass(BaseModel):
    """One reason for leaving: labels, the client's codes and the word groups that name it,
    and what is published of it (see codebook.yml).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    labels: dict[Language, Text] = {}
    codes: list[Text] = []
    words: dict[Language, list[Text]] = {}
    examples: dict[Language, list[Text]] = {}
    benchmark: str | None = None
    ours: bool = False
    fallback: bool = False


class ServiceProfile(BaseModel):
    """Weights of the five dimensions of service quality, who published them,
    and how far to trust them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    weights: dict[str, float]
    source: dict[str, str]
    confidence: str = Field(pattern="^[A-D]$")


# what an axis of any sector may be judged by: columns of `account_list`
CRITERIA = (
    "active_year_share", "silence_ratio", "kept_share", "tenure_years", "family_share",
    "order_quarter_count", "contact_person_count", "days_late", "overdue_share", "profit_rate",
    "profit_rank", "mean_discount", "score", "complaint_rate", "return_share",
)  # fmt: skip


class Criterion(BaseModel):
    """What an axis is judged by: 0 at `worst`, 1 at `best`, linearly between."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    weight: float = Field(ge=0)
    worst: float
    best: float

    @model_validator(mode="after")
    def _two_ends(self) -> "Criterion":
        if self.worst == self.best:
            raise ValueError(Message("worst and best must differ"))
        return self


class Axis(BaseModel):
    """One axis of customer capital."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    weight: float = Field(ge=0)
    criteria: dict[str, Criterion] = Field(min_length=1)

    @model_validator(mode="after")
    def _some_weight(self) -> "Axis":
        if not sum(criterion.weight for criterion in self.criteria.values()) > 0:
            raise ValueError(Message("one criterion at least needs a weight above 0"))
        return self


RULE_BOUNDS = Message(
    "a rule is a finite number from 0 on, a share, discount, mark or p-value one from 0 to 1"
)


def checked_rule(name: str, value: float) -> float:
    """A rule of the strategies; raises ValueError outside its bounds."""
    top = 1.0 if name.endswith(("_share", "_discount", "_mark", "_p_value")) else math.inf
    if not (math.isfinite(value) and 0 <= value <= top):
        raise ValueError(Message("{name}: {rule_bounds}", name=name, rule_bounds=RULE_BOUNDS))
    return value


class Sector(BaseModel):
    """The axes of customer capital and the rules of the strategies,
    of a sector or of one engagement (see sectors.yml).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    labels: dict[Language, Text]
    axes: dict[str, Axis] = Field(min_length=1)
    strategy: dict[str, float]

    @model_validator(mode="after")
    def _within_bounds(self) -> "Sector":
        if not sum(axis.weight for axis in self.axes.values()) > 0:
            raise ValueError(Message("one axis at least needs a weight above 0"))
        for name, value in self.strategy.items():
            checked_rule(name, value)
        return self


def sector_names() -> list[str]:
    """The sectors of `sectors.yml`."""
    return list(_packaged_sectors())


def sector(name: str = "general", own: Path | None = None) -> Sector:
    """A sector of `sectors.yml`, or of the file `own` on top of the one that it is based on.

    Raises CarnetError naming the file, the place and what is accepted.
    """
    packaged = _packaged_sectors()
    if own is None:
        if name not in packaged:
            raise CarnetError(
                "{name} is no sector and no file (.yml) of the folder; {nearest}",
                name=f"{name!r}",
                nearest=nearest(name, packaged),
            )
        return Sector.model_validate(_based(packaged[name], packaged))
    try:
        content = yaml.safe_load(own.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        raise CarnetError(
            "sector {own}: not readable as YAML text: {error}", own=own.name, error=error
        ) from None
    if not isinstance(content, dict):
        raise CarnetError(
            "sector {own}: a mapping is expected (based_on: …, axes: …, strategy: …).", own=own.name
        )
    base = str(content.get("based_on", "general"))
    if base not in packaged:
        raise CarnetError(
            "sector {own}: based_on: {base} is not accepted; {nearest}",
            own=own.name,
            base=f"{base!r}",
            nearest=nearest(base, packaged),
        )
    general = _based(packaged["general"], packaged)
    try:
        found = Sector.model_validate(_based(content | {"based_on": base}, packaged))
    except ValidationError as error:
        raise CarnetError(
            "sector {own}: {told}. A sector accepts: based_on, {listed}.",
            own=own.name,
            told=listed(error.errors()),
            listed=", ".join(Sector.model_fields),
        ) from None
    places: list[tuple[str, Iterable[str], Iterable[str]]] = [
        ("axes", found.axes, general["axes"]),
        ("strategy", found.strategy, general["strategy"]),
        *((f"axes.{name}.criteria", axis.criteria, CRITERIA) for name, axis in found.axes.items()),
    ]
    for place, given, known in places:
        strange = [key for key in given if key not in list(known)]
        if strange:
            raise CarnetError(
                "sector {own}: {place}: {strange} is not accepted; {nearest}",
                own=own.name,
                place=place,
                strange=f"{strange[0]!r}",
                nearest=nearest(strange[0], known),
            )
    return found


@cache
def _packaged_sectors() -> dict[str, dict]:
    return shipped_yaml(HOME / "sectors.yml")


def _based(content: dict, packaged: dict[str, dict]) -> dict:
    """A sector over the one that it is based on: mappings are merged, values replaced."""
    if "based_on" not in content:
        return content
    below = _based(packaged[content["based_on"]], packaged)
    return _over(below, {key: value for key, value in content.items() if key != "based_on"})


def _over(below: dict, above: dict) -> dict:
    merged = {
        key: _over(below[key], value)
        if isinstance(value, dict) and isinstance(below.get(key), dict)
        else value
        for key, value in above.items()
    }
    return below | merged


def reason_classes(extra: Path | None = None) -> dict[str, ReasonClass]:
    """`codebook.yml`, with the codes, words and classes that the file `extra` adds;
    a label or flag written there replaces the packaged one.

    Raises CarnetError naming the file, the class and what is accepted.
    """
    found = dict(_packaged_classes())
    own = _read_classes(extra) if extra else {}
    _check_classes(own, extra, {entry.benchmark for entry in found.values()})
    claimed = {code.casefold().strip() for entry in own.values() for code in entry.codes}
    for name, entry in found.items():  # the engagement's codes win
        found[name] = entry.model_copy(
            update={"codes": [code for code in entry.codes if code.casefold() not in claimed]}
        )
    for name, added in own.items():
        old = found.get(name, ReasonClass(labels={"en": name, "fr": name}))
        changed = {
            key: getattr(added, key)
            for key in added.model_fields_set
            if key in ("benchmark", "ours", "fallback")
        }
        lists = {
            key: _merged(getattr(old, key), getattr(added, key)) for key in ("words", "examples")
        }
        found[name] = old.model_copy(
            update=changed
            | lists
            | {"labels": old.labels | added.labels, "codes": [*old.codes, *added.codes]}
        )
    return found


def _check_classes(own: dict[str, ReasonClass], path: Path | None, quoted: set[str | None]) -> None:
    """Refuse a benchmark that is not one of the quoted shares,
    and a code that two classes claim.
    """
    claims: dict[str, str] = {}
    for name, entry in own.items():
        if path is not None and entry.benchmark not in quoted:
            raise CarnetError(
                "codebook {path}: {name}.benchmark: {nearest}",
                path=path.name,
                name=name,
                nearest=nearest(str(entry.benchmark), sorted(filter(None, quoted))),
            )
        for code in entry.codes:
            if path is not None and claims.setdefault(code.casefold().strip(), name) != name:
                raise CarnetError(
                    "codebook {path}: the code {code} is claimed by {claims} and "
                    "by {name}; keep one.",
                    path=path.name,
                    code=f"{code!r}",
                    claims=claims[code.casefold().strip()],
                    name=name,
                )


@cache
def service_quality() -> tuple[dict[str, dict[str, str]], dict[str, ServiceProfile]]:
    """`service_quality.yml`: labels of the dimensions in order, weight profiles by name."""
    content = shipped_yaml(HOME / "service_quality.yml")
    return content["dimensions"], {
        name: ServiceProfile(**fields) for name, fields in content["profiles"].items()
    }


@cache
def _packaged_classes() -> dict[str, ReasonClass]:
    packaged = shipped_yaml(HOME / "codebook.yml")
    return TypeAdapter(dict[str, ReasonClass]).validate_python(packaged)


def _read_classes(path: Path) -> dict[str, ReasonClass]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return TypeAdapter(dict[str, ReasonClass]).validate_python(content or {})
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise CarnetError(
            "codebook {path}: not readable as YAML text: {error}", path=path.name, error=error
        ) from None
    except ValidationError as error:
        raise CarnetError(
            "codebook {path}: {told}. A class accepts: {listed}.",
            path=path.name,
            told=listed(error.errors()),
            listed=", ".join(ReasonClass.model_fields),
        ) from None


def _merged(old: dict[str, list[str]], added: dict[str, list[str]]) -> dict[str, list[str]]:
    return {
        language: [*old.get(language, []), *added.get(language, [])]
        for language in {**old, **added}
    }
