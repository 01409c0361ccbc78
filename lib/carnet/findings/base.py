"""Measures → findings: whole sentences with their numbers, their size in money and their interval,
ranked by money.

No direction word is written unless the interval supports it. Every branch (rise, fall, flat,
too few) is a sentence of its own, so that translators never meet a fragment.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from carnet.measures.register import Figure
from carnet.wording import NOBODY, Wording, unknown


@dataclass(frozen=True)
class Finding:
    """One finding: the sentence, its size in money (sign kept),
    the interval of that size when it has one.
    """

    key: str
    sentence: str
    amount: float
    low: float | None = None
    high: float | None = None


def ranked(findings: Sequence[Finding | None], limit: int = 6) -> list[Finding]:
    """Findings that were made, largest money first; ties by key."""
    made = [finding for finding in findings if finding is not None]
    return sorted(made, key=lambda f: (-abs(f.amount), f.key))[:limit]


def direction(low: float, high: float) -> str:
    """'rise', 'fall', 'flat' (the interval holds zero) or 'too few' (no interval).

    >>> direction(1, 3), direction(-2, 5), direction(float("nan"), float("nan"))
    ('rise', 'flat', 'too few')
    """
    if unknown(low) or unknown(high):
        return "too few"
    return "rise" if low > 0 else "fall" if high < 0 else "flat"


def list_names(w: Wording, names: Sequence[str]) -> str:
    """Names joined for a sentence; of none the sentence says nothing (see `wording.NOBODY`)."""
    return ", ".join(names) if names else NOBODY


def known_range(low: float, high: float) -> tuple[float | None, float | None]:
    """The interval, or two None when one end is unknown."""
    return (None, None) if unknown(low) or unknown(high) else (float(low), float(high))


def write_figure(w: Wording, value: Any, measure: Figure) -> str:
    """A figure of the register in the format of its unit."""
    if unknown(value):
        return w._("not measured")
    if measure.unit == "currency":
        return w.money(value)
    return (
        w.percent(value, measure.decimals)
        if measure.unit == "ratio"
        else w.number(value, measure.decimals)
    )


def write_pace(w: Wording, value: Any, measure: Figure) -> str:
    """A change a year of a figure, signed: points for a ratio, else its own unit."""
    if unknown(value):
        return "–"
    sign = "+" if value > 0 else ""
    if measure.unit == "ratio":
        return w._("{points} points", points=sign + w.number(100 * value, 1))
    return sign + write_figure(w, value, measure)


# --- columns of texts: a list has a row an account, a book a hundred thousand of them


def amounts(w: Wording, values: pd.Series) -> pd.Series:
    """A column of money in words, without cents."""
    return w.each(partial(w.money, decimals=0), values)


def counts(w: Wording, values: pd.Series) -> pd.Series:
    """A column of whole numbers in words."""
    return w.each(w.number, values)


def shares(w: Wording, values: pd.Series) -> pd.Series:
    """A column of shares in words, as whole percentages."""
    return w.each(partial(w.percent, decimals=0), values)


def days(w: Wording, values: pd.Series) -> pd.Series:
    """A column of dates in words."""
    return w.each(w.date, pd.to_datetime(values).dt.date)


def first_told(*cases: tuple[pd.Series, pd.Series | str], otherwise: pd.Series | str) -> pd.Series:
    """The text of the first case that holds in each row."""
    conditions = [held.eq(True).fillna(False).to_numpy(dtype=bool) for held, _ in cases]
    told = np.select(conditions, [np.asarray(text, dtype=object) for _, text in cases], otherwise)
    return pd.Series(told, cases[0][0].index, dtype=object)


def told_by(
    codes: pd.Series, t: pd.DataFrame, tellers: Mapping[str, Callable[[pd.DataFrame], pd.Series]]
) -> pd.Series:
    """Each row told by the teller of its code."""
    told = pd.Series("", t.index, dtype=object)
    for code, tell in tellers.items():
        rows = (codes == code).to_numpy(dtype=bool)
        if rows.any():
            told[rows] = tell(t[rows])
    return told


def where(held: pd.Series, told: pd.Series | str, otherwise: pd.Series | str = "") -> pd.Series:
    """A text in the rows in which something holds."""
    return first_told((held, told), otherwise=otherwise)


def joined(parts: Sequence[pd.Series], between: str) -> pd.Series:
    """The parts that there are in each row, with a text between them."""
    told = parts[0]
    for part in parts[1:]:
        told = told + where((told != "") & (part != ""), between) + part
    return told
