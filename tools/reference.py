"""The reference pages of the documentation, written from the code: `make reference`.

docs/engagement.md from the models that check engagement.yml and the schemas of tables,
docs/method.md from the measures as they are declared, docs/api.md from the command line and what
the notebooks call.
"""

import ast
import importlib
import inspect
import re
import types
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import click
import nbformat
from carnet.cli import cli
from carnet.engagement.file import Engagement
from carnet.engagement.firm import Firm
from carnet.engagement.schema import TABLES, Column
from carnet.measures.catalogue import MEASURES
from carnet.measures.register import FIGURES, Measure
from carnet.shipped import NOTEBOOKS
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


# beside what the notebooks call: for a program that opens a book or reads reports
FOR_PROGRAMS = (
    "carnet.book.book.open_book",
    "carnet.book.book.Book",
    "carnet.book.earlier.find_reports",
    "carnet.book.earlier.open_published",
    "carnet.book.earlier.Published",
    "carnet.engagement.file.load_engagement",
    "carnet.errors.CarnetError",
    "carnet.report.publishing.run_audit",
    "carnet.report.notebooks.find_notebooks",
)


def api_page() -> str:
    """What others may build upon, as it is there: commands, functions, classes."""
    parts = [WRITTEN, "# What you may build upon", _PROMISE, "## Commands", _COMMANDS]
    parts += ["\n".join(["| command | |", "|---|---|", *_commands(cli, "carnet")])]
    parts += ["## In programs", _names(FOR_PROGRAMS)]
    parts += ["## In notebooks", _IN_NOTEBOOKS, _names(sorted(called_in_notebooks()))]
    return "\n\n".join(parts) + "\n"


_PROMISE = """carnet has [semantic versions](https://semver.org): what stands on this page changes
in a way that breaks something only with the first number of the version (before 1.0: the second).
The same holds for the keys of [engagement.yml](engagement.md), the columns of tables, the names of
[measures and figures](method.md), and the [files of a report](report.md): `figures.json` and
`manifest.json` bear a `schema` number. Everything else in the package may change with any version.

What is to go is **deprecated** first: it goes on working for one such version at least, a function
with a `DeprecationWarning` that names what takes its place, a key of engagement.yml with a line of
`carnet check`, and `CHANGELOG.md` lists it under *Deprecated*. Nothing is deprecated now."""
_COMMANDS = """Exit 0: done; 1: done, and rows were set aside; 2: refused, with the reason;
3: a notebook failed. The last line on the standard output is the path that was made, or what was
asked for (`compare`, `doctor`, `reports`, `schedule`); what is told beside it goes to the standard
error."""
_IN_NOTEBOOKS = """What carnet's own notebooks call, so that a copy which an analyst changed goes on
working: a study computes, the functions of a section say and show."""


def _commands(group: click.Group, prefix: str) -> list[str]:
    rows = []
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            rows += _commands(command, f"{prefix} {name}")
            continue
        pieces = command.collect_usage_pieces(click.Context(command))
        usage = " ".join(pieces).replace("|", "\\|")
        rows.append(f"| `{prefix} {name} {usage}` | {_first(command.help)} |")
    return rows


def called_in_notebooks() -> set[str]:
    """The full names of what carnet's notebooks import, of a module those that they call."""
    found: set[str] = set()
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        trees = [ast.parse(cell.source) for cell in cells if cell.cell_type == "code"]
        nodes = [node for tree in trees for node in ast.walk(tree)]
        imported = {
            alias.asname or alias.name: f"{node.module}.{alias.name}"
            for node in nodes
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("carnet")
            for alias in node.names
        }
        found |= {
            f"{imported[node.value.id]}.{node.attr}"
            for node in nodes
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and inspect.ismodule(_object(imported.get(node.value.id, "")))
        }
        found |= {name for name in imported.values() if not inspect.ismodule(_object(name))}
    return found


def _object(name: str) -> Any:
    """What a full name stands for; None for an empty one."""
    module, _, last = name.rpartition(".")
    if not module:
        return None
    there = importlib.import_module(module)
    return getattr(there, last) if hasattr(there, last) else importlib.import_module(name)


def _names(names: Iterable[str]) -> str:
    modules: dict[str, list[str]] = {}
    for name in names:
        module, _, last = name.rpartition(".")
        modules.setdefault(module, []).append(last)
    lines = []
    for module, listed in modules.items():
        lines += [f"### {module}", "", "| | |", "|---|---|"]
        for name in listed:
            found = _object(f"{module}.{name}")
            given = ", ".join(inspect.signature(found).parameters) if callable(found) else ""
            lines.append(f"| `{name}({given})` | {_first(found.__doc__)} |")
        lines.append("")
    return "\n".join(lines).rstrip()


def _first(text: str | None) -> str:
    """The first paragraph of a docstring, on one line of a table."""
    paragraph = inspect.cleandoc(text or "").split("\n\n")[0]
    return " ".join(paragraph.split()).replace("|", "\\|").replace("<", "&lt;")


PAGES = {"engagement": engagement_page, "method": method_page, "api": api_page}


def main() -> None:
    """Write the pages."""
    for name, page in PAGES.items():
        text = page()
        (DOCS / f"{name}.md").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
