"""What carnet knows beforehand, as files to read and to edit: the French chart of accounts and published benchmarks."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

HOME = Path(__file__).parent


@dataclass(frozen=True)
class Benchmark:
    """A published figure: its value, who published it, when, and how far to trust it (A measured … D slogan)."""

    value: float
    statement: dict[str, str]
    source: dict[str, str]
    year: int | None
    confidence: str


@dataclass(frozen=True)
class Balance:
    """One intermediate balance: the balances it starts from, and the account prefixes it adds (credit − debit)."""

    name: str
    labels: dict[str, str]
    accounts: tuple[str, ...]
    starts_from: tuple[str, ...] = ()


@cache
def chart_of_accounts() -> dict[str, Any]:
    """`pcg.yml`: behaviour (account prefix → fixed / variable / acquisition), classes (two digits → labels), balances."""
    content = yaml.safe_load((HOME / "pcg.yml").read_text(encoding="utf-8"))
    content["balances"] = [
        Balance(b["name"], {"en": b["en"], "fr": b["fr"]}, tuple(b["accounts"]), tuple(b.get("from", ()))) for b in content["balances"]
    ]
    return content


@cache
def benchmarks() -> dict[str, Benchmark]:
    """`benchmarks.yml` by name."""
    content = yaml.safe_load((HOME / "benchmarks.yml").read_text(encoding="utf-8"))
    return {name: Benchmark(**fields) for name, fields in content.items()}
