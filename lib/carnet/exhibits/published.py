"""What of an exhibit goes, machine-readable, to whoever publishes it: its texts, and its table as
written cells or, of a chart, as numbers.

A page, a slide and an account's page are rendered from it, without computing anything again.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pandas as pd

from carnet.exhibits.charts.base import Chart
from carnet.exhibits.exhibit import Exhibit
from carnet.exhibits.forms import Drawn, Headline
from carnet.exhibits.tables import HtmlTable

CHART_ROWS = 400  # of a chart's table: a chart draws no more
TABLE_ROWS = 60  # of a written table: what a page shows at first, and more than a slide holds


def published(exhibit: Exhibit, drawn: Chart | HtmlTable) -> dict[str, Any]:
    """Question, title, subtitle, source, note, n, alt text, the name of its form, and the table:
    `rows` of written cells under `header`, or of a chart the values under its column names.
    """
    form = exhibit.form
    told: dict[str, Any] = {
        "key": exhibit.key,
        "question": exhibit.question,
        "title": exhibit.title,
        "subtitle": exhibit.subtitle,
        "source": exhibit.source,
        "note": exhibit.note,
        "n": exhibit.n,
        "alt": drawn.alt,
        "form": form.draw.__name__ if isinstance(form, Drawn) else type(form).__name__,
    }
    if isinstance(drawn, HtmlTable) and not isinstance(form, Headline):
        return told | {
            "header": list(drawn.header),
            "rows": [list(row) for row in drawn.rows[:TABLE_ROWS]],
        }
    labels = form.settings.get("labels", {}) if isinstance(form, Drawn) else {}
    if isinstance(labels, Mapping) and labels:
        told["labels"] = {str(key): str(label) for key, label in labels.items()}
    t = exhibit.table.reset_index() if exhibit.table.index.name else exhibit.table
    t = t.head(CHART_ROWS)
    rows = [[_plain(value) for value in row] for row in t.itertuples(index=False, name=None)]
    return told | {
        "header": [str(name) for name in t.columns],
        "rows": rows,
    }


def _plain(value: Any) -> Any:
    """A value as JSON holds it: 12 digits of a number, ISO of a date, null of what is unknown."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if value is None or value is pd.NA or value is pd.NaT or value != value:
        return None
    if isinstance(value, bool | str):
        return value
    if isinstance(value, dt.date | dt.datetime):
        return value.isoformat()
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    return None if abs(number) == float("inf") else float(f"{number:.12g}")
