"""The lists in the reader's own form, where the engagement asks for it (`lists:`): headings and
words of a language, its decimal mark and dates, the delimiter that its spreadsheet opens.

The machine's form stays beside them, in lists/machine/: the next audit reads that one.
"""

from pathlib import Path

import pandas as pd

from carnet.book.earlier import MACHINE
from carnet.engagement.file import Lists
from carnet.exhibits.headings import HEADINGS, WORDS
from carnet.exhibits.lists import RENAMED
from carnet.report.workbook import NUMBERS
from carnet.wording import Wording


def write_own_lists(w: Wording, folder: Path, asked: Lists) -> None:
    """Rewrite lists/*.csv as asked; nothing where the machine's form is asked for."""
    if asked == Lists.model_validate({}):
        return
    reader = Wording(asked.language or w.language, w.currency, w.replaced)
    (folder / MACHINE).mkdir()
    for path in sorted(folder.glob("*.csv")):
        kept = path.rename(folder / MACHINE / path.name)
        t = pd.read_csv(kept, dtype=str, keep_default_na=False)
        if asked.language:
            t = _told(reader, path.stem, t)
        encoding = "utf-8-sig" if asked.bom else "utf-8"
        t.to_csv(path, index=False, sep=asked.delimiter, encoding=encoding, lineterminator="\n")


def _told(w: Wording, name: str, t: pd.DataFrame) -> pd.DataFrame:
    """A list in the reader's words: numbers with the decimal mark, days as they are written."""
    meaning = {source: column for column, source in RENAMED.get(name, {}).items()}
    columns: list[pd.Series] = []
    headings: list[str] = []
    for column in t.columns:
        known = HEADINGS.get(meaning.get(column, column))
        heading, kind = known or (column, "text")
        cells = t[column]
        if kind in NUMBERS or (known is None and _is_number(cells)):
            cells = cells.str.replace(".", ",") if w.language == "fr" else cells
        elif kind == "date":
            days = pd.to_datetime(cells.where(cells != ""), errors="coerce")
            cells = days.dt.strftime("%d/%m/%Y").where(days.notna(), cells)
        elif kind == "flag":
            told = {"true": w._("yes"), "false": w._("no")}
            cells = cells.map(lambda text, told=told: told.get(text.lower(), text))
        elif kind == "word":
            cells = cells.map(lambda text: w._(WORDS[text]) if text in WORDS else text)
        columns.append(cells)
        told_heading = w._(heading)
        headings.append(told_heading if told_heading not in headings else column)
    return pd.DataFrame(dict(zip(headings, columns, strict=True)))


def _is_number(cells: pd.Series) -> bool:
    """True where every cell that is filled is a number with a decimal point."""
    filled = cells[cells != ""]
    return len(filled) > 0 and bool(filled.str.fullmatch(r"-?[0-9]+(\.[0-9]+)?").all())
