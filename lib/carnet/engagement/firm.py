"""The look of the firm that signs the report: one folder with firm.yml (name, colours, wording),
a logo and a style sheet, all optional.
"""

import base64
import re
import string
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from carnet.engagement.faults import decoded, explained
from carnet.errors import CarnetError, Message, lines, nearest
from carnet.wording import LOCALES, messages

FILE_NAME = "firm.yml"
LOGOS = {"logo.svg": "image/svg+xml", "logo.png": "image/png", "logo.jpg": "image/jpeg"}
LOGO_BYTES = 200_000
TEXT_CONTRAST = 4.5  # WCAG 2.2 AA, text on white
MARK_CONTRAST = 3  # the same, for the marks of a chart
FILES = (FILE_NAME, *LOGOS, "style.css", "template.pptx")
COLOURS = ("focus", "contrast", "context", "third")


class Firm(BaseModel):
    """A checked firm.yml. `wording` maps a language to English sentences of carnet's catalogue and
    what the firm says instead.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field("", description="in place of carnet's in cover and footer")
    colours: dict[Literal["focus", "contrast", "context", "third"], str] = Field(
        {}, description="such as #5B2333; focus must be readable on white"
    )
    wording: dict[Literal["en", "fr"], dict[str, str]] = Field(
        {}, description="language → an English sentence of carnet → what the firm says instead"
    )
    folder: Path = Path()

    @field_validator("colours")
    @classmethod
    def _readable(cls, value: dict[str, str]) -> dict[str, str]:
        for name, colour in value.items():
            if not re.fullmatch(r"#[0-9A-Fa-f]{6}", colour):
                raise ValueError(
                    Message(
                        "{name}: a colour such as #12436D is expected, not {colour}",
                        name=name,
                        colour=f"{colour!r}",
                    )
                )
            least = TEXT_CONTRAST if name == "focus" else MARK_CONTRAST
            if contrast_with_white(colour) < least:
                raise ValueError(
                    Message(
                        "{name}: {colour} is too light on white (contrast {contrast}, "
                        "at least {least})",
                        name=name,
                        colour=colour,
                        contrast=f"{contrast_with_white(colour):.1f}",
                        least=least,
                    )
                )
        return value

    @field_validator("wording")
    @classmethod
    def _known_sentences(cls, value: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
        known = messages()
        for replaced in value.values():
            for message, told in replaced.items():
                if message not in known:
                    raise ValueError(
                        Message(
                            "wording: no sentence of carnet is {told}; {nearest}",
                            told=f"{message!r}",
                            nearest=nearest(message, known),
                        )
                    )
                if _fields(told) != _fields(message):
                    raise ValueError(
                        Message(
                            "wording: {told} must hold the same fields as {sentence}: {listed}",
                            told=f"{told!r}",
                            sentence=f"{message!r}",
                            listed=", ".join(sorted(_fields(message))) or Message("none"),
                        )
                    )
        return value

    @cached_property
    def logo(self) -> str:
        """The logo as a data URI; empty without one.

        Raises CarnetError when it is too large to be embedded.
        """
        for name, mime in LOGOS.items():
            path = self.folder / name
            if path.is_file():
                if path.stat().st_size > LOGO_BYTES:
                    raise CarnetError(
                        "{path}: {size} bytes; at most {logo_bytes} are embedded in "
                        "every page. Save it smaller.",
                        path=path,
                        size=f"{path.stat().st_size:,}",
                        logo_bytes=f"{LOGO_BYTES:,}",
                    )
                return f"data:{mime};base64,{base64.b64encode(path.read_bytes()).decode()}"
        return ""

    @cached_property
    def style(self) -> str:
        """CSS that follows the report's own: the firm's colours, then its style.css."""
        colours = "".join(
            f" --{name}: {colour};" for name, colour in self.colours.items() if name == "focus"
        )
        path = self.folder / "style.css"
        own = decoded(path, path.read_bytes()) if path.is_file() else ""
        return (f":root {{{colours} }}\n" if colours else "") + own.replace("</", "<\\/")


def load_firm(folder: Path) -> Firm:
    """Read FOLDER/firm.yml. Raises CarnetError naming the fault."""
    path = folder / FILE_NAME
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8-sig")) or {}
    except OSError:
        raise CarnetError(
            "{path}: no such file. A firm is a folder with a {file_name} "
            "(name, colours, wording), a logo.svg or logo.png and a "
            "style.css, all optional.",
            path=path,
            file_name=FILE_NAME,
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CarnetError("{path}: not readable as YAML: {error}", path=path, error=error) from None
    if not isinstance(content, dict):
        raise CarnetError(
            "{path}: a mapping is expected (name: …, colours: …, wording: …).", path=path
        )
    try:
        return Firm.model_validate({**content, "folder": folder})
    except ValidationError as error:
        faults = [
            Message(
                "{path}: {key}: {fault}",
                path=path,
                key=".".join(map(str, fault["loc"])),
                fault=_explain(fault),
            )
            for fault in error.errors()
        ]
        raise CarnetError(lines(faults)) from None


def _explain(fault: Any) -> str:
    known = {1: [n for n in Firm.model_fields if n != "folder"]}.get(
        len(fault["loc"]), [*COLOURS, *LOCALES]
    )
    if fault["type"] in ("extra_forbidden", "literal_error"):
        return nearest(str(fault["loc"][-1 if fault["loc"][-1] != "[key]" else -2]), known)
    return explained(fault)


def _fields(text: str) -> set[str]:
    """Fields of a sentence as they are written, a format or conversion with them:
    values are formatted before they come in.
    """
    parts = string.Formatter().parse(text)
    return {
        f"{name}{'!' + turned if turned else ''}{':' + form if form else ''}"
        for _, name, form, turned in parts
        if name is not None
    }


def contrast_with_white(colour: str) -> float:
    """WCAG 2.2 contrast ratio of a colour such as #12436D with white:
    1.05 ÷ (relative luminance + 0.05).

    >>> round(contrast_with_white("#000000"), 1), round(contrast_with_white("#767676"), 2)
    (21.0, 4.54)
    """
    channels = [int(colour[position : position + 2], 16) / 255 for position in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 1.05 / (0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05)
