"""What carnet says when it stops: one exception, and the nearest accepted word."""

from collections.abc import Iterable
from difflib import get_close_matches


class CarnetError(Exception):
    """Input that carnet refuses. The message says what, where, how many, and the remedy; it never shows a traceback."""


def nearest(word: str, accepted: Iterable[str]) -> str:
    """Return the end of an error message: the nearest accepted word, if one is near, then all of them.

    >>> nearest("custmer_id", ["customer_id", "date"])
    "did you mean 'customer_id'? Accepted: customer_id, date."
    >>> nearest("zzz", ["amount"])
    'Accepted: amount.'
    """
    accepted = list(accepted)
    folded = {name.casefold(): name for name in accepted}
    close = get_close_matches(word.casefold(), folded, n=1, cutoff=0.5)
    guess = f"did you mean '{folded[close[0]]}'? " if close else ""
    return f"{guess}Accepted: {', '.join(accepted)}."


def examples(values: Iterable[object], limit: int = 5) -> str:
    """Join the first few values for a message.

    >>> examples([1, 2, 3, 4, 5, 6])
    '1, 2, 3, 4, 5 …'
    """
    shown = [str(value) for value in values]
    return ", ".join(shown[:limit]) + (" …" if len(shown) > limit else "")


def one_of(parameter: str, value: str, options: Iterable[str]) -> str:
    """The value, when it is one of the options; else CarnetError naming the parameter and the nearest of them."""
    options = list(options)
    if value not in options:
        raise CarnetError(f"parameter '{parameter}': {value!r} is not accepted; {nearest(value, options)}")
    return value
