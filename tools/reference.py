"""The reference pages of the documentation, written from the code: `make reference`.

docs/engagement.md from the models that check engagement.yml and the schemas of tables,
docs/method.md from the measures as they are declared.
"""

import inspect
import re
import types
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from carnet.engagement.file import Engagement
from carnet.engagement.firm import Firm
from carnet.engagement.schema import TABLES, Column
from carnet.measures.catalogue import MEASURES
from carnet.measures.register import FIGURES, Measure
from pydantic import BaseModel
from pydantic.fields import FieldInfo

DOCS = Path(__file__).resolve().parent.parent / "docs"
WRITTEN = "<!-- Written by `make reference` from the code: change it there. -->"
KINDS = {
    "id": "number or code",
    "text": "text",
    "date": "date",
    "money": "amount",
    "number": "number",
    "share": "share, 0.10 or 10 %",
    "bool": "yes or no",
}


def engagement_page() -> str:
    """Every key of engagement.yml and firm.yml, then every table with its columns."""
    shown: list[type[BaseModel]] = []
    waiting: list[type[BaseModel]] = [Engagement, Firm]
    while waiting:
        model = waiting.pop(0)
        if model not in shown:
            shown.append(model)
            waiting += [found for field in _fields(model).values() for found in _models(field)]
    parts = [WRITTEN, "# The engagement file", _INTRODUCTION]
    parts += [_model(model) for model in shown]
    parts += ["## Tables and their columns", _TABLES, *(_table(name) for name in TABLES)]
    return "\n\n".join(parts) + "\n"


_INTRODUCTION = """`engagement.yml` is the one file to write for a client; `carnet init`
proposes it and `carnet check` tells every fault with its line. Keys that are left out have their
default. Beside it may stand `comments.md`, the consultant's words; see
[what comes out](report.md)."""
_TABLES = """`columns:` of a table says which header plays which role; a header that is the role's
own name needs no line there. **Bold** columns are required."""


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {
        field.alias or name: field
        for name, field in model.model_fields.items()
        if not field.exclude and name != "folder"
    }


def _models(field: FieldInfo) -> list[type[BaseModel]]:
    found: list[type[BaseModel]] = []

    def look(kind: Any) -> None:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found.append(kind)
        for part in get_args(kind):
            look(part)

    look(field.annotation)
    return found


def _model(model: type[BaseModel]) -> str:
    told = " ".join((model.__doc__ or "").split())
    rows = [
        f"| `{name}` | {_kind(field.annotation)} | {_default(field)} | {field.description or ''} |"
        for name, field in _fields(model).items()
    ]
    head = ["| key | accepts | default | |", "|---|---|---|---|"]
    return "\n".join([f"## {model.__name__}", "", told, "", *head, *rows])


def _kind(kind: Any) -> str:
    """A type in words."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Literal:
        return " \\| ".join(f"`{part!s}`" if part != "" else "nothing" for part in parts)
    if origin in (Union, types.UnionType):
        return " or ".join(_kind(part) for part in parts if part is not type(None))
    if origin is list:
        return f"one or several: {_kind(parts[0])}"
    if origin is dict:
        return f"{_kind(parts[0])} → {_kind(parts[1])}"
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return f"[{kind.__name__}](#{kind.__name__.lower()})"
    words = {"str": "text", "int": "whole number", "float": "number", "bool": "true or false"}
    return words.get(getattr(kind, "__name__", ""), getattr(kind, "__name__", "anything").lower())


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value = field.default
    if value is None or value in ({}, []) or isinstance(value, BaseModel):
        return ""
    return f"`{value}`"


def _table(name: str) -> str:
    schema = TABLES[name]
    rows = [
        f"| {f'**{role}**' if column.required else role} | {_accepted(column)} |"
        for role, column in schema.columns.items()
    ]
    key = f"\n\nA row is one {' + '.join(schema.key)}: a second one is set aside." * bool(
        schema.key
    )
    return "\n".join([f"### {name}", "", "| column | holds |", "|---|---|", *rows]) + key


def _accepted(column: Column) -> str:
    if column.choices:
        return " \\| ".join(column.choices)
    return KINDS[column.kind]


def method_page() -> str:
    """Every measure with formula, unit, population, what is undefined and source."""
    folders: dict[str, list[Measure]] = {}
    for measure in MEASURES.values():
        folders.setdefault(measure.module.split(".")[2], []).append(measure)
    parts = [WRITTEN, "# Method", _METHOD]
    for folder in sorted(folders):
        parts.append(f"## {folder.capitalize()}")
        parts += [_measure(m) for m in sorted(folders[folder], key=lambda m: (m.module, m.name))]
    return "\n\n".join(parts) + "\n"


_METHOD = """Every measure of carnet, as its own docstring says it; the same text stands behind each
result of a report, and in its annex. `figures` are the names under which values stand in
`figures.json`."""
PARTS = ("Formula", "Unit", "Population", "Undefined", "Source")


def _measure(measure: Measure) -> str:
    text = inspect.cleandoc(measure.definition)
    summary = " ".join(text.split("\n\n")[0].split())
    rows = [f"| {part} | {_part(text, part)} |" for part in PARTS]
    figures = [f"`{name}`" for name in measure.figures if name in FIGURES]
    if figures:
        rows.append(f"| figures | {', '.join(figures)} |")
    where = measure.module.removeprefix("carnet.measures.")
    head = f"### {measure.name}"
    return "\n".join([head, "", f"{summary} (`{where}`)", "", "| | |", "|---|---|", *rows])


def _part(text: str, name: str) -> str:
    found = re.search(rf"^{name}\s+(.*?)(?=^\S|\Z)", text, re.M | re.S)
    told = " ".join(found[1].split()) if found else ""
    return told.replace("|", "\\|").replace("<", "&lt;")


def main() -> None:
    """Write both pages."""
    for name, page in (("engagement", engagement_page()), ("method", method_page())):
        (DOCS / f"{name}.md").write_text(page, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
