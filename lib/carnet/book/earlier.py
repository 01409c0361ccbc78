"""Reports that were published before: found, opened, their figures and lists read back.

What the memory and `carnet compare` start from.
"""

import datetime as dt
import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from carnet.engagement.file import Engagement
from carnet.engagement.records import restored
from carnet.errors import CarnetError
from carnet.wording import LOCALES, Wording

# what the memory reads of lists/sales_gaps.csv
GAP_NUMBERS = "revenue revenue_previous sales_gap rolling_year_revenue"
LARGEST = 10**300  # of whole numbers that a float can hold
MACHINE = "machine"  # folder beside lists in a reader's own form
FOLDER_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})(?:\.(\d+))?")


@dataclass(frozen=True)
class Published:
    """One dated report on the disk."""

    folder: Path
    document: dict[str, Any]
    manifest: dict[str, Any]

    @property
    def client(self) -> str:
        """The client's name."""
        return self.document["client"]

    @property
    def as_of(self) -> dt.date:
        """The audit date."""
        return dt.date.fromisoformat(self.document["as_of"])

    @property
    def currency(self) -> str:
        """ISO code of the currency."""
        return self.document["currency"]

    @property
    def language(self) -> str:
        """Language of the report's reader."""
        return self.manifest["parameters"]["language"]

    @property
    def comparison(self) -> str:
        """rolling_year or year_to_date."""
        return self.manifest.get("comparison", "rolling_year")

    @property
    def notebooks(self) -> set[str]:
        """The notebooks that ran for it. Raises CarnetError where the manifest is damaged."""
        return set(self._of_manifest("notebooks", dict))

    @property
    def inputs(self) -> set[tuple[str, str]]:
        """Name and SHA-256 of each file that it was made from. Raises CarnetError as above."""
        files = self._of_manifest("inputs", list)
        if not all(isinstance(file, dict) and {"name", "sha256"} <= file.keys() for file in files):
            raise self._no_manifest()
        return {(str(file["name"]), str(file["sha256"])) for file in files}

    @property
    def versions(self) -> dict[str, Any]:
        """Of the programs that made it. Raises CarnetError as above."""
        return self._of_manifest("versions", dict)

    def _of_manifest(self, key: str, kind: type) -> Any:
        found = self.manifest.get(key)
        if not isinstance(found, kind):
            raise self._no_manifest()
        return found

    def _no_manifest(self) -> CarnetError:
        return CarnetError(
            "{folder}: not the manifest of a report of carnet.",
            folder=self.folder / "manifest.json",
        )

    @cached_property
    def figures(self) -> dict[str, dict[str, Any]]:
        """The recorded figures by name."""
        return self.document["figures"]

    def figure(self, name: str) -> tuple[float, float, float]:
        """One figure with its interval; unknown is NaN."""
        record = self.figures.get(name, {})
        value, low, high = (
            float("nan") if record.get(key) is None else float(record[key])
            for key in ("value", "low", "high")
        )
        return value, low, high

    def has_list(self, name: str) -> bool:
        """True when the report holds lists/NAME.csv."""
        return self.list_path(name).is_file()

    def list_path(self, name: str) -> Path:
        """Where a list stands in the form that machines read."""
        lists = self.folder / "lists"
        return (lists / MACHINE if (lists / MACHINE).is_dir() else lists) / f"{name}.csv"

    def read_list(
        self, name: str, numbers: str, flags: str = "", texts: str = "customer_id"
    ) -> pd.DataFrame:
        """lists/NAME.csv: every column a text (those named in `texts` must be there),
        but `numbers` and `flags` (space-separated) as numbers and true or false.

        Raises CarnetError when the file or a column is missing, or a number is not one.
        """
        path = self.list_path(name)
        try:
            t = pd.read_csv(path, dtype=str, keep_default_na=False)  # somebody may have edited it
        except (OSError, ValueError) as error:
            raise CarnetError(
                "{path}: not readable as a list of carnet ({error}). Publish that report again.",
                path=path,
                error=error,
            ) from None
        missing = [
            column
            for column in (*texts.split(), *numbers.split(), *flags.split())
            if column not in t.columns
        ]
        if missing:
            raise CarnetError(
                "{path}: the column {missing} is missing. Publish that report "
                "again with this version of carnet.",
                path=path,
                missing=missing[0],
            )
        t = t.apply(lambda texts: restored(pa.array(texts, pa.string())).to_pandas())
        for column in numbers.split():
            try:
                t[column] = pd.to_numeric(t[column].where(t[column] != ""))
            except ValueError:
                raise CarnetError(
                    "{path}: a value of the column {column} is not a number. "
                    "Publish that report again.",
                    path=path,
                    column=column,
                ) from None
        for column in flags.split():
            t[column] = t[column].str.lower() == "true"
        return t


def open_published(folder: str | Path) -> Published:
    """A published report by its folder. Raises CarnetError when it is not one."""
    folder = Path(folder)
    documents = []
    for name in ("figures.json", "manifest.json"):
        try:
            documents.append(json.loads((folder / name).read_text(encoding="utf-8")))
        except (OSError, ValueError, RecursionError) as error:
            raise CarnetError(
                "{folder}: not a report of carnet, {name} is not readable ({kind}).",
                folder=folder,
                name=name,
                kind=type(error).__name__,
            ) from None
    document, manifest = documents
    if (
        not isinstance(document, dict)
        or not {"client", "as_of", "currency", "figures"} <= set(document)
        or document.get("schema") != 1
    ):
        raise CarnetError(
            "{folder}: not the figures of a report of carnet (schema 1).",
            folder=folder / "figures.json",
        )
    if not all(
        isinstance(document[key], str) for key in ("client", "as_of", "currency")
    ) or not _is_date(document["as_of"]):
        raise CarnetError(
            "{folder}: client, as_of or currency are not those of a report of carnet.",
            folder=folder / "figures.json",
        )
    figures = document["figures"].values() if isinstance(document["figures"], dict) else [None]
    if not all(
        isinstance(figure, dict)
        and all(_is_number_or_none(figure.get(key)) for key in ("value", "low", "high"))
        for figure in figures
    ):
        raise CarnetError(
            "{folder}: a figure is not a record with a number.", folder=folder / "figures.json"
        )
    parameters = manifest.get("parameters") if isinstance(manifest, dict) else None
    if not isinstance(parameters, dict) or parameters.get("language") not in LOCALES:
        raise CarnetError(
            "{folder}: not the manifest of a report of carnet.", folder=folder / "manifest.json"
        )
    return Published(folder, document, manifest)


def _is_date(text: str) -> bool:
    try:
        return str(dt.date.fromisoformat(text)) == text
    except ValueError:
        return False


def _is_number_or_none(value: Any) -> bool:
    if isinstance(value, int) and abs(value) > LARGEST:
        return False
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def check_comparable(
    report: Published, client: str, currency: str, comparison: str, as_of: dt.date
) -> None:
    """Raise CarnetError when a report is another client's, in another currency,
    or its periods are not as long as those of `as_of`.
    """
    same = {
        "client": (report.client, client),
        "currency": (report.currency, currency),
        "comparison": (report.comparison, comparison),
    }
    for name, (then, now) in same.items():
        if then != now:
            raise CarnetError(
                "{folder}: the {name} of that report is {then}, here {now}; "
                "they are not held against each other.",
                folder=report.folder,
                name=name,
                then=f"{then!r}",
                now=f"{now!r}",
            )
    if comparison == "year_to_date" and (report.as_of.month, report.as_of.day) != (
        as_of.month,
        as_of.day,
    ):
        raise CarnetError(
            "{folder}: a year to date up to {as_of} and one up to "
            "{day} are not as long; only reports of the same day of "
            "the year are held against each other.",
            folder=report.folder,
            as_of=report.as_of,
            day=as_of,
        )


def comparable_report(
    folder: str | Path, engagement: Engagement, as_of: dt.date
) -> Published | None:
    """The earlier report that an audit may be held against; None when no folder is named.

    Raises CarnetError when it is another client's, in another currency, compared otherwise,
    or not earlier.
    """
    if not str(folder):
        return None
    report = open_published(folder)
    check_comparable(report, engagement.client, engagement.currency, engagement.comparison, as_of)
    if report.as_of >= as_of:
        raise CarnetError(
            "{file}: that report is of {as_of}, not earlier than this audit of {day}.",
            file=report.folder.name,
            as_of=report.as_of,
            day=as_of,
        )
    return report


def find_earlier(
    home: Path, engagement: Engagement, as_of: dt.date, pseudonyms: str = "", listed: bool = True
) -> tuple[Path | None, list[str]]:
    """The latest report in `home` that an audit may be held against, the latest rerun of its date;
    None without one. `listed`: only with a gap list.

    Reports whose people bear other names, their own or those of another key (`pseudonyms`),
    are no memory of this audit.

    Also returned: why reports that are not readable were passed over on the way to it.
    """
    found, damaged = [], []
    for folder in home.iterdir() if home.is_dir() else ():
        named = FOLDER_NAME.fullmatch(folder.name)
        if (
            named
            and named[1] < str(as_of)
            and (not listed or (folder / "lists" / "sales_gaps.csv").is_file())
        ):
            found.append((named[1], int(named[2] or 1), folder))
    for _, _, folder in sorted(found, reverse=True):
        try:
            report = open_published(folder)
            if listed:
                report.read_list("sales_gaps", GAP_NUMBERS, "flagged")
        except CarnetError as error:
            told = error.told(Wording(engagement.language, engagement.currency)._)
            damaged.append(str(told))
            continue
        try:
            comparable_report(folder, engagement, as_of)
        except CarnetError:
            # another client's, currency or length of period: no memory of this audit
            continue
        if report.manifest.get("pseudonyms", "") != pseudonyms:
            continue
        return folder, damaged
    return None, damaged


def run_before(folder: Path) -> Path | None:
    """The run before of the same date: `2024-12-31.2` for `2024-12-31.3`; None for a first run."""
    named = FOLDER_NAME.fullmatch(folder.name)
    number = int(named[2] or 1) if named else 1
    names = [f"{named[1]}.{n}" if n > 1 else named[1] for n in range(number - 1, 0, -1) if named]
    return next((path for name in names if (path := folder.with_name(name)).is_dir()), None)


def find_reports(out: Path) -> dict[str, list[tuple[Path, dt.date, int]]]:
    """The readable reports in a folder of reports: client → (folder, audit date, run of that date),
    newest first; clients in alphabetical order.
    """
    found: dict[str, list[tuple[Path, dt.date, int]]] = {}
    for manifest in sorted(out.glob("*/*/manifest.json")):
        named = FOLDER_NAME.fullmatch(manifest.parent.name)
        try:
            report = open_published(manifest.parent)
        except CarnetError:
            continue
        if named:
            found.setdefault(report.client, []).append(
                (manifest.parent, report.as_of, int(named[2] or 1))
            )
    return {
        client: sorted(found[client], key=lambda report: report[1:], reverse=True)
        for client in sorted(found)
    }
