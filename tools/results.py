"""Every result of a report, with its picture, what it says and what it does not say:
docs/results.md and docs/results.fr.md, from reports of the demonstration company.

What a result does not say is written by hand, in `limits.yml` beside this file; `make pictures`
writes the pages.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import yaml
from carnet.engagement.records import EXHIBIT_TYPE
from carnet.shipped import report_notebooks
from PIL import Image
from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images" / "results"
LIMITS = yaml.safe_load((Path(__file__).parent / "limits.yml").read_text(encoding="utf-8"))
SHOWN_ROWS = 6  # of a table on its picture
COLOURS = 48
PAGES = {"en": "results.md", "fr": "results.fr.md"}
WORDS = {
    "en": {
        "title": "Every result of a report",
        "introduction": """From the report of the demonstration company; of each table the first
rows are shown. The important results, in a few pages: [Reading a report](reading.md). Formulas:
[Method](method.md).""",
        "other": "*[En français](results.fr.md)*",
        "says": "**It says.**",
        "not": "**It does not say.**",
    },
    "fr": {
        "title": "Chaque résultat d’un rapport",
        "introduction": """D’après le rapport de la société de démonstration\u202f; de chaque
tableau, les premières lignes sont montrées. Les principaux résultats, en quelques pages\u00a0:
[Lire un rapport](reading.fr.md). Les formules\u00a0: [Method](method.md), en anglais.""",
        "other": "*[In English](results.md)*",
        "says": "**Il dit.**",
        "not": "**Il ne dit pas.**",
    },
}


@dataclass
class Question:
    """A heading of a notebook, the sentence below it, and the exhibits of each section."""

    heading: str
    words: str
    sections: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


def questions(notebook: nbformat.NotebookNode) -> Iterator[Question]:
    """The questions of an executed notebook that have results."""
    here = Question("", "")
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and cell.source.startswith("#"):
            if here.sections:
                yield here
            heading, _, words = cell.source.partition("\n")
            here = Question(heading.lstrip("# "), words.strip())
        for output in cell.get("outputs", []):
            record = output.get("data", {}).get(EXHIBIT_TYPE)
            if record:
                annexed = bool(output.metadata.get("carnet", {}).get("annex"))
                told = {**record, "annex": annexed}
                here.sections.setdefault(record["question"], []).append(told)
    if here.sections:
        yield here


def write_page(page: Page, report: Path, language: str) -> None:
    """The page of one language, and a picture of each section's first result."""
    words = WORDS[language]
    parts = [f"# {words['title']}", words["introduction"], words["other"]]
    IMAGES.mkdir(exist_ok=True)
    for path in report_notebooks():
        executed = nbformat.read(report / "notebooks" / path.name, as_version=4)
        parts.append(f"## {executed.cells[0].source.splitlines()[0].lstrip('# ')}")
        for question in questions(executed):
            parts += [f"### {question.heading}", *([question.words] if question.words else [])]
            for section, records in question.sections.items():
                name = f"{path.stem}-{section}-{language}.png"
                first = min(records, key=lambda record: record["annex"])  # of the page, if any
                where = "annex" if first["annex"] else path.stem
                page.goto((report / f"{where}.html").as_uri())
                take(page, first, IMAGES / name)
                parts.append(f"![{first['title']}](images/results/{name})")
                parts.append("\n".join([words["says"], "", *map(line, records)]))
                notes = [record["note"] for record in records if record["note"]]
                limit = LIMITS[path.stem][section][language]
                parts.append(" ".join([words["not"], limit, *dict.fromkeys(notes)]))
    text = "\n\n".join(parts) + "\n"
    (ROOT / "docs" / PAGES[language]).write_text(text, encoding="utf-8", newline="\n")


def line(record: dict[str, Any]) -> str:
    """A result in one line: its title, and what was measured."""
    told = f" {record['subtitle']}" if record["subtitle"] else ""
    return f"- *{record['title']}*.{told}".replace("<", "&lt;")


def take(page: Page, record: dict[str, Any], target: Path) -> None:
    """A picture of a chart, or of the first rows of a table, in few colours."""
    if record["form"].startswith("draw_"):
        title = json.dumps(record["title"], ensure_ascii=False)
        shown = page.locator(f"svg.chart.wide[aria-label^={title}]").first
    else:
        shown = page.locator(f"table#{record['key']}")
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        hide = f"t => [...t.rows].slice({SHOWN_ROWS + 1}).forEach(r => r.hidden = true)"
        shown.evaluate(hide)
    shown.screenshot(path=target)
    with Image.open(target) as picture:
        picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(
            target, optimize=True
        )
    target.chmod(0o644)
