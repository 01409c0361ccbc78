"""What carnet says when it stops: one exception, and the nearest accepted word."""

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any


class Message(str):
    """A sentence in English that keeps its parts, so that it can be told in the
    engagement's language.
    """

    template: str
    values: dict[str, Any]

    def __new__(cls, template: str, /, **values: Any) -> "Message":
        """The template with its named fields filled; it is found for translation
        by this very call.
        """
        made = super().__new__(cls, template.format(**values))
        made.template, made.values = template, values
        return made

    def __reduce__(self) -> tuple:
        """Sent to another process with its parts, each as it is told."""
        kept = (str, Message, Exception)
        told = {key: v if isinstance(v, kept) else str(v) for key, v in self.values.items()}
        return _message, (self.template, told)

    def told(self, translate: Callable[..., str]) -> str:
        """The sentence as `translate(template, **values)` gives it,
        messages and errors among its values told alike.
        """
        values = {key: tell(value, translate) for key, value in self.values.items()}
        sentence = translate(self.template, **values)
        return sentence if values else sentence.format()


def _message(template: str, values: dict[str, Any]) -> Message:
    return Message(template, **values)


def tell(value: Any, translate: Callable[..., str]) -> Any:
    """A message, or an error that holds one, in another language; anything else as it is."""
    said = value.args[0] if isinstance(value, Exception) and value.args else value
    return said.told(translate) if isinstance(said, Message) else value


def lines(messages: Iterable[str], between: str = "\n") -> str:
    """Messages below one another, or with other signs between them, as one."""
    listed = list(messages)
    names = [f"line_{number}" for number in range(len(listed))]
    template = between.join(f"{{{name}}}" for name in names)
    return Message(template, **dict(zip(names, listed, strict=True)))


class CarnetError(Exception):
    """Input that carnet refuses.

    The message says what, where, how many, and the remedy; it never shows a traceback. With values
    it is the template of a `Message`; without, it stands as it is.
    """

    def __init__(self, message: str = "", /, **values: Any) -> None:
        super().__init__(Message(message, **values) if values else message)

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows of it: one line, no traceback."""
        return [f"{type(self).__name__}: {self}"]

    def told(self, translate: Callable[..., str]) -> "CarnetError":
        """The same in another language, as far as its message is known in it."""
        message = self.args[0]
        told = message.told(translate) if isinstance(message, Message) else translate(message)
        return CarnetError(told)


def nearest(word: str, accepted: Iterable[str]) -> str:
    """Return the end of an error message: the nearest accepted word, if one is near,
    then all of them.

    >>> nearest("custmer_id", ["customer_id", "date"])
    "did you mean 'customer_id'? Accepted: customer_id, date."
    >>> nearest("zzz", ["amount"])
    'Accepted: amount.'
    """
    accepted = list(accepted)
    folded = {name.casefold(): name for name in accepted}
    close = get_close_matches(word.casefold(), folded, n=1, cutoff=0.5)
    if not close:
        return Message("Accepted: {accepted}.", accepted=", ".join(accepted))
    return Message(
        "did you mean '{near}'? Accepted: {accepted}.",
        near=folded[close[0]],
        accepted=", ".join(accepted),
    )


def examples(values: Iterable[object], limit: int = 5) -> str:
    """Join the first few values for a message.

    >>> examples([1, 2, 3, 4, 5, 6])
    '1, 2, 3, 4, 5 …'
    """
    shown = [str(value) for value in values]
    return ", ".join(shown[:limit]) + (" …" if len(shown) > limit else "")


def one_of(parameter: str, value: str, options: Iterable[str]) -> str:
    """The value, when it is one of the options; else CarnetError naming the parameter and the
    nearest of them.
    """
    options = list(options)
    if value not in options:
        raise CarnetError(
            "parameter '{name}': {value} is not accepted; {nearest}",
            name=parameter,
            value=f"{value!r}",
            nearest=nearest(value, options),
        )
    return value
