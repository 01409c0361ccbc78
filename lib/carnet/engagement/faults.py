"""What stands against a file that somebody wrote: its bytes, and what pydantic refused of it."""

from pathlib import Path
from typing import Any

from carnet.errors import CarnetError, Message, lines
from carnet.wording import N_

# by the start of pydantic's own name of the fault
EXPECTED = {
    "date_": N_("a date as YYYY-MM-DD is expected, such as 2024-12-31"),
    "int_": N_("a whole number is expected"),
    "float_": N_("a number is expected"),
    "finite_number": N_("a number is expected"),
    "string_too_short": N_("a text that is not empty is expected"),
    "string_": N_("a text is expected"),
    "list_": N_("a list is expected"),
    "bool_": N_("true or false is expected"),
    "dict_": N_("keys and values are expected"),
    "model_": N_("keys and values are expected"),
    "too_short": N_("one at least is expected"),
    "extra_forbidden": N_("this key is not accepted"),
    "missing": N_("this key is required"),
    "greater_than_equal": N_("a number of at least {ge} is expected"),
    "greater_than": N_("a number above {gt} is expected"),
    "less_than_equal": N_("a number of at most {le} is expected"),
    "less_than": N_("a number below {lt} is expected"),
}


def decoded(path: Path, content: bytes) -> str:
    """The text of a file's bytes; raises CarnetError where they are not UTF-8."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CarnetError(
            "{path}: not UTF-8 text (byte {start}). Save the file as UTF-8.",
            path=path,
            start=error.start,
        ) from None


def explained(fault: Any) -> str:
    """What is expected in the place of a value: a validator's own words, else by the kind."""
    context = fault.get("ctx", {})
    own = context.get("error")
    if isinstance(own, ValueError):
        return own.args[0]
    template = next((told for kind, told in EXPECTED.items() if fault["type"].startswith(kind)), "")
    return Message(template, **context) if template else fault["msg"]


def listed(faults: list[Any]) -> str:
    """The first faults with their places, on one line."""
    said = []
    for fault in faults[:5]:
        place, told = ".".join(map(str, fault["loc"])), explained(fault)
        said.append(Message("{place}: {fault}", place=place, fault=told) if place else told)
    return lines(said, "; ")
