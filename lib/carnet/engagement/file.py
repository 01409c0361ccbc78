"""The engagement file: read, checked, and every fault told with its line,
what is accepted and the nearest word.
"""

import datetime as dt
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args
from zoneinfo import available_timezones

import yaml
from babel.numbers import list_currencies
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from carnet.engagement.databases import ENGINES, SERVERS, is_database_url, names_secret
from carnet.engagement.faults import decoded, explained
from carnet.engagement.firm import FILES as FIRM_FILES
from carnet.engagement.firm import Firm, load_firm
from carnet.engagement.profiles import Sector, sector
from carnet.engagement.records import slug
from carnet.engagement.schema import TABLES
from carnet.errors import CarnetError, Message, lines, nearest

FILE_NAME = "engagement.yml"
SECRET = re.compile(r"//[^/@\s]*@")  # of a database URL, wherever somebody wrote it
RETURNED = "returned"  # folder of the sheets that salespeople sent back
RETURNED_SHEETS = "[!~]*.xlsx"  # a spreadsheet's own lock files begin with ~
MAX_FILE_BYTES = 1_000_000
MAX_NODES = 10_000
# dates that are numbers: of a spreadsheet, since 1904, seconds since 1970
NUMBERED_DAYS = ("serial", "serial1904", "epoch", "epoch_ms")
PASSWORD = Message(
    "a password does not stand in this file: write ${{NAME}} in its place, and set the environment "
    "variable NAME"
)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _without_password(url: str) -> str:
    if names_secret(url):
        raise ValueError(PASSWORD)
    return url


class Format(_Strict):
    """How a file writes its values; whatever is left out is detected from the content."""

    delimiter: str | None = Field(None, description="one character, or the word whitespace")
    decimal: Literal[",", "."] | None = Field(None, description="mark before the decimals")
    thousands: Literal[" ", ",", ".", "'", ""] | None = Field(
        None, description="mark between thousands"
    )
    date: str | None = Field(
        None, description="strptime pattern such as %d/%m/%Y, or one of NUMBERED_DAYS"
    )
    encoding: str | None = Field(None, description="such as utf-8, cp1252, latin-1, utf-16")
    header_row: int = Field(1, ge=1, description="row of the headers, as a spreadsheet numbers it")
    timezone: str | None = Field(
        None,
        description="zone of the days, such as Europe/Paris, where instants have none of their own",
    )

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, value: str | None) -> str | None:
        if value is not None and value not in ("whitespace", "\\t") and len(value) != 1:
            raise ValueError(Message("one character, \\t or the word whitespace is accepted"))
        return "\t" if value == "\\t" else value

    @field_validator("thousands")
    @classmethod
    def _other_than_decimal(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value and value == info.data.get("decimal"):
            raise ValueError(Message("the thousands separator must differ from the decimal mark"))
        return value

    @field_validator("encoding")
    @classmethod
    def _known_codec(cls, value: str | None) -> str | None:
        try:
            "".encode(value or "utf-8")
        except LookupError:
            raise ValueError(
                nearest(str(value), ["utf-8", "utf-8-sig", "cp1252", "latin-1", "utf-16", "cp850"])
            ) from None
        return value

    @field_validator("date")
    @classmethod
    def _date_pattern(cls, value: str | None) -> str | None:
        if value is None or value in NUMBERED_DAYS:
            return value
        parts = set(re.findall("%[a-zA-Z]", value))
        if not ("%d" in parts and parts & {"%m", "%b", "%B"} and parts & {"%y", "%Y"}):
            raise ValueError(
                Message(
                    "a pattern with day, month and year is accepted, for example "
                    "%d/%m/%Y, %m/%d/%Y or %d %b %Y; or one of {listed}",
                    listed=", ".join(NUMBERED_DAYS),
                )
            )
        # words of months are read in French and in English without a pattern
        return None if parts & {"%b", "%B"} else value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        if value is not None and value not in available_timezones():
            raise ValueError(nearest(value, sorted(available_timezones())))
        return value


def _listed(value: Any) -> list[str]:
    """One value for a list of one; numbers and dates as they are written."""
    values = value if isinstance(value, list) else [value]
    return [each if isinstance(each, str) else str(each) for each in values]


class Condition(_Strict):
    """Which rows `where:` keeps by one column: VALUE or [VALUES] (one of them),
    {not: VALUE or [VALUES]}, {empty: true or false}.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    among: list[str] | None = Field(None, description="values of rows to keep")
    excluded: list[str] | None = Field(None, alias="not", description="values of rows to leave out")
    empty: bool | None = Field(None, description="keep rows without a value, or with one")

    @model_validator(mode="before")
    @classmethod
    def _written_short(cls, value: Any) -> Any:
        if isinstance(value, Condition):
            return value
        if not isinstance(value, dict):
            return {"among": _listed(value)}
        return {
            key: _listed(value[key]) if key in ("among", "not") else value[key] for key in value
        }


class Ids(_Strict):
    """What does not tell two customers apart: their numbers are read without it,
    in capitals where case is ignored.
    """

    case: Literal["keep", "ignore"] = Field("keep", description="small and capital letters")
    zeros: Literal["keep", "ignore"] = Field("keep", description="zeros in front")
    spaces: Literal["keep", "ignore"] = Field("keep", description="spaces")
    punctuation: Literal["keep", "ignore"] = Field("keep", description="hyphens, points, slashes")


class Sign(_Strict):
    """The column whose words make an amount negative: credit notes written as positive amounts."""

    column: str = Field(description="its header")
    negative: list[str] = Field(min_length=1, description="its words of a negative amount")

    @field_validator("negative", mode="before")
    @classmethod
    def _words(cls, value: Any) -> Any:
        return _listed(value)


class Join(_Strict):
    """Columns that stand in another file, found by what both share:
    `on: HEADER`, or {HEADER: its header there}.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    files: list[str] = Field(min_length=1, description="the other file, as in a table")
    shared: dict[str, str] = Field(
        alias="on", min_length=1, description="header that both have, or header → its header there"
    )
    sheet: str | list[str] | None = Field(None, description="as in a table")
    format: Format = Field(Format.model_validate({}), description="as in a table")

    @field_validator("files", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("shared", mode="before")
    @classmethod
    def _same_name(cls, value: Any) -> Any:
        return {value: value} if isinstance(value, str) else value


class Table(_Strict):
    """Where one table comes from and which header plays which role (role: header)."""

    files: list[str] = Field(
        min_length=1,
        description="names or patterns such as sales_*.csv, package:NAME/path, a database URL, "
        "or rows of the engine: spark:lake.sales, s3a://lake/sales/, postgres:erp.sales",
    )
    query: str | None = Field(None, description="SQL, when files is a database URL")
    sheet: str | list[str] | None = Field(
        None, description="a sheet, a list of sheets, or a pattern such as 20*"
    )
    format: Format = Field(
        Format.model_validate({}), description="how the file writes values; by default detected"
    )
    columns: dict[str, str] = Field({}, description="role → header of the file")
    join: list[Join] = Field(
        [], description="columns that stand in another file, by a number that both have"
    )
    where: dict[str, Condition] = Field({}, description="rows to keep, by the values of any column")
    sign: Sign | None = Field(None, description="the column that tells credit notes")
    ids: Ids = Field(
        Ids.model_validate({}), description="what customer numbers may differ by and be one"
    )
    skip: list[str] = Field([], description="rows that are none: 5, 5-8, or last 2")
    fill_down: list[str] = Field([], description="columns whose empty cells repeat the one above")
    unpivot: dict[str, str] = Field(
        {}, description="months in columns: column → pattern of its headers, * for the month"
    )
    repeated: Literal["keep", "drop"] = Field(
        "keep", description="lines that a second file repeats"
    )
    stages: dict[Literal["open", "won", "lost"], list[str]] = Field(
        {}, description="the client's own words of opportunities.stage"
    )
    activities: dict[str, list[str]] = Field(
        {}, description="the client's own words of service.activity"
    )
    reasons: dict[str, list[str]] = Field(
        {}, description="the client's own words of departures.reason"
    )
    status: dict[Literal["open", "paid", "disputed", "collection", "written_off"], list[str]] = (
        Field({}, description="the client's own words of receivables.status")
    )

    @field_validator("files", "fill_down", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @model_validator(mode="before")
    @classmethod
    def _yes_and_no(cls, content: Any) -> Any:
        """YAML 1.1 reads the word `on` as true."""
        joins = content.get("join") if isinstance(content, dict) else None
        if not isinstance(joins, dict | list):
            return content
        listed = joins if isinstance(joins, list) else [joins]
        return content | {
            "join": [
                {"on" if key is True else key: each[key] for key in each}
                if isinstance(each, dict)
                else each
                for each in listed
            ]
        }

    @field_validator("skip", mode="before")
    @classmethod
    def _rows(cls, value: Any) -> Any:
        rows = _listed(value)
        if not all(re.fullmatch(r"\d+( ?- ?\d+)?|last( \d+)?", row) for row in rows):
            raise ValueError(
                Message("rows as a spreadsheet numbers them are expected, such as 5, 5-8 or last 2")
            )
        return rows

    @field_validator("stages", "activities", "reasons", "status", mode="before")
    @classmethod
    def _words(cls, value: Any) -> Any:
        return (
            {key: _listed(words) for key, words in value.items()}
            if isinstance(value, dict)
            else value
        )

    @field_validator("unpivot")
    @classmethod
    def _one_star(cls, value: dict[str, str]) -> dict[str, str]:
        if any(pattern.count("*") != 1 for pattern in value.values()):
            raise ValueError(
                Message(
                    "a pattern with one * for the month is expected, such as "
                    '{{amount: "CA *"}} or {{amount: "*"}}'
                )
            )
        return value

    @field_validator("sheet", mode="before")
    @classmethod
    def _sheet_names(cls, value: Any) -> Any:
        return (
            _listed(value)
            if isinstance(value, list)
            else str(value)
            if isinstance(value, int)
            else value
        )

    @property
    def headers(self) -> list[str]:
        """The headers that the engagement names for this table."""
        return [
            *self.columns.values(),
            *self.where,
            *([self.sign.column] if self.sign else []),
            *self.fill_down,
        ]

    @property
    def own_words(self) -> dict[str, dict[str, list[str]]]:
        """Column → carnet's word → the client's."""
        given: dict[str, dict[Any, list[str]]] = {
            "stage": self.stages,
            "activity": self.activities,
            "reason": self.reasons,
            "status": self.status,
        }
        return {
            column: {str(word): words for word, words in mapped.items()}
            for column, mapped in given.items()
            if mapped
        }

    @field_validator("files")
    @classmethod
    def _usable(cls, value: list[str]) -> list[str]:
        if not all(pattern.strip() for pattern in value):
            raise ValueError(
                Message(
                    "a pattern such as sales_*.csv, a database URL or package:NAME/path is expected"
                )
            )
        return [_without_password(pattern) for pattern in value]


class Target(_Strict):
    """One SMART objective; `from` is the day of the baseline, `offer` the one that it is of."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    measure: str = Field(description="name of a figure: see the method")
    offer: str | None = Field(None, description="of one offer: revenue or customers")
    baseline: float | None = Field(None, description="its value on the day of the start")
    start: dt.date | None = Field(None, alias="from", description="day of the baseline")
    target: float = Field(description="the value to reach")
    due: dt.date = Field(description="the day by which")
    owner: str | None = Field(None, description="who answers for it")

    @model_validator(mode="after")
    def _in_order(self) -> "Target":
        if self.start is not None and self.start >= self.due:
            raise ValueError(Message("from, the day of the baseline, lies before due"))
        return self


class Answer(_Strict):
    """The answer to one of the five questions on how a company manages its customer capital."""

    answer: Literal["yes", "partly", "no"] = Field(description="the answer")
    evidence: str | None = Field(None, description="what it rests on")

    @model_validator(mode="before")
    @classmethod
    def _mapping(cls, value: Any) -> Any:
        if not isinstance(value, (dict, Answer)):
            raise ValueError(Message("{{answer: yes | partly | no, evidence: …}} is expected"))
        return value

    @field_validator("answer", mode="before")
    @classmethod
    def _yaml_word(cls, value: Any) -> Any:
        return {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value


class Maturity(_Strict):
    """Five questions on how a company manages its customer capital (source C);
    what is left out is not answered.
    """

    customer_capital: Answer | None = Field(
        None, description="Is the notion of customer capital dealt with in the company?"
    )
    crm_promises: Answer | None = Field(
        None, description="Has customer relationship management kept its promises?"
    )
    loyalty_measured: Answer | None = Field(
        None, description="Does the company measure the loyalty of its customers?"
    )
    satisfaction_and_loyalty: Answer | None = Field(
        None, description="Does it tell satisfaction from loyalty?"
    )
    statistics: Answer | None = Field(
        None, description="Has it the statistics to steer its customer capital?"
    )


class Sections(_Strict):
    """Which sections of a report are left out, and which come first in their page, by id
    (`notebook.section`).
    """

    hide: list[str] = Field([], description="left out everywhere")
    first: list[str] = Field([], description="at the head of their page, in this order")


class Signed(_Strict):
    """Who signs the report, and when."""

    name: str = Field(min_length=1, description="who signs")
    date: dt.date | None = Field(None, description="when")


class Lists(_Strict):
    """How lists/*.csv are written: for machines by default, or as a spreadsheet of the reader's
    language opens them (headings, words, decimals and dates of `language`).
    """

    language: Literal["en", "fr"] | None = Field(
        None, description="of headings, words, decimals and dates; without it for machines"
    )
    delimiter: Literal[",", ";", "\t"] = Field(",", description="mark between columns")
    bom: bool = Field(False, description="a mark in front that tells Excel that it is UTF-8")


class Engagement(_Strict):
    """A checked engagement file. `folder` is where its globs start; `path` is the file itself."""

    client: str = Field(min_length=1, description="name on the cover, and of the reports' folder")
    language: Literal["en", "fr"] = Field("en", description="of the report")
    currency: str = Field("EUR", description="code such as EUR, CHF, USD")
    as_of: dt.date | None = Field(None, description="day of the audit; by default the last sale")
    comparison: Literal["rolling_year", "year_to_date"] = Field(
        "rolling_year", description="12 months against the 12 before, or the fiscal year so far"
    )
    fiscal_year_start: int = Field(1, ge=1, le=12, description="its first month")
    engine: str = Field("duckdb", description="duckdb, spark, or the URL of a PostgreSQL server")
    sector: str | None = Field(
        None, description="a sector of carnet's profiles, or a file in the folder"
    )
    cost_behaviour: dict[str, Literal["fixed", "variable", "acquisition"]] = Field(
        {},
        description="account or category → how it behaves, where carnet reads it otherwise",
    )
    rates: dict[str, Any] | str = Field(
        {},
        description=(
            "what one unit of another currency is worth in the engagement's own, or a file of "
            "date, currency and rate"
        ),
    )
    goods_cost: Literal["sales", "costs", "ledger"] | None = Field(
        None, description="the table that gives the cost of goods; by default it is told"
    )
    recurring: dict[str, Literal["month", "quarter", "year"]] = Field(
        {},
        description=(
            "offers whose sale lines recur, and for how long one line is: recurring revenue where "
            "no contracts are given"
        ),
    )
    linked_share_minimum: float = Field(
        0.8, ge=0, le=1, description="share of the ledger's revenue that must name a customer"
    )
    codebook: str | None = Field(
        None,
        description=(
            "file in the folder that adds reasons, codes and words to the packaged codebook"
        ),
    )
    firm: str | None = Field(
        None,
        description=(
            "folder of the firm that signs: firm.yml, logo, style.css; beside the "
            "engagement's or inside it"
        ),
    )
    audience: Literal["full", "management", "sales"] = Field(
        "full", description="whom the report is for: a shorter one shows fewer sections"
    )
    sections: Sections = Field(
        Sections.model_validate({}), description="what is hidden, and what comes first"
    )
    signed: Signed | None = Field(None, description="who signs the report")
    parameters: dict[str, dict[str, Any]] = Field(
        {}, description="parameters of notebooks, by notebook: kept with the engagement"
    )
    lists: Lists = Field(Lists.model_validate({}), description="how lists/*.csv are written")
    account_page_count: int = Field(
        60, ge=0, le=1000, description="accounts that get a page of their own, at most"
    )
    source: str | None = Field(
        None,
        description="URL of the database that tables with a query and without files are read from",
    )
    tables: dict[str, Table] = Field(min_length=1, description="the client's tables, by name")
    targets: list[Target] = Field([], description="objectives, followed in kpi_tracking")
    maturity: Maturity = Field(Maturity.model_validate({}), description="answers to five questions")
    folder: Path = Field(Path(), exclude=True)

    @model_validator(mode="before")
    @classmethod
    def _one_source(cls, content: Any) -> Any:
        """Tables with a query and without files are read from the database of `source`."""
        source, tables = (
            content.get(key) if isinstance(content, dict) else None for key in ("source", "tables")
        )
        if not isinstance(source, str) or not isinstance(tables, dict):
            return content
        filled = {
            name: {"files": [source], **spec}
            if isinstance(spec, dict) and "query" in spec
            else spec
            for name, spec in tables.items()
        }
        return content | {"tables": filled}

    @field_validator("source")
    @classmethod
    def _usable_source(cls, value: str | None) -> str | None:
        if value is not None and not is_database_url(value):
            raise ValueError(
                Message(
                    "the URL of a database is expected, such as "
                    "postgresql://${{DB_USER}}:${{DB_PASSWORD}}@host/name or "
                    "sqlite:///name.db"
                )
            )
        return None if value is None else _without_password(value)

    @field_validator("maturity", mode="before")
    @classmethod
    def _questions(cls, value: Any) -> Any:
        if value is not None and not isinstance(value, (dict, Maturity)):
            raise ValueError(
                Message(
                    "a mapping of the questions is expected: {listed}",
                    listed=", ".join(Maturity.model_fields),
                )
            )
        return value or {}

    @field_validator("currency")
    @classmethod
    def _known_currency(cls, value: str) -> str:
        if value not in list_currencies():
            raise ValueError(
                Message(
                    "a three-letter ISO 4217 code such as EUR, USD, GBP or CHF is "
                    "accepted, not {value}",
                    value=f"{value!r}",
                )
            )
        return value

    @field_validator("rates", mode="before")
    @classmethod
    def _usable_rates(cls, value: Any) -> Any:
        if isinstance(value, dict) and "file" in value:
            if set(value) > {"file", "format"} or not isinstance(value["file"], str):
                raise ValueError(Message("{{file: rates.csv, format: {{date: …}}}} is accepted"))
            Format.model_validate(value.get("format", {}))
            return value
        for code, rate in value.items() if isinstance(value, dict) else []:
            number = isinstance(rate, int | float) and not isinstance(rate, bool)
            if code not in list_currencies() or not number or not 0 < rate < float("inf"):
                raise ValueError(
                    Message(
                        "three-letter ISO 4217 codes with a positive rate are "
                        "accepted, such as {{USD: 0.92}}, not {code}: {rate}",
                        code=code,
                        rate=rate,
                    )
                )
        if not isinstance(value, dict | str):
            raise ValueError(
                Message(
                    "rates such as {{USD: 0.92}}, or a file of date, currency and rate are accepted"
                )
            )
        return value

    @field_validator("engine")
    @classmethod
    def _known_engine(cls, value: str) -> str:
        if value not in ENGINES and not value.startswith(SERVERS):
            raise ValueError(
                Message(
                    "{nearest} (or the URL of a PostgreSQL server: {servers}…)",
                    nearest=nearest(value, ENGINES),
                    servers=SERVERS[-1],
                )
            )
        return _without_password(value)

    @property
    def codebook_file(self) -> Path | None:
        """The engagement's own codebook; raises CarnetError when it is not a file
        inside the folder.
        """
        return None if self.codebook is None else self._own_file("codebook", self.codebook)

    @property
    def sector_file(self) -> Path | None:
        """The engagement's own sector profile, where `sector` names a file;
        raises CarnetError when it is not one inside the folder.
        """
        named_file = self.sector is not None and self.sector.lower().endswith((".yml", ".yaml"))
        return self._own_file("sector", str(self.sector)) if named_file else None

    @property
    def sector_profile(self) -> Sector:
        """What customers are judged by; raises CarnetError naming the sectors accepted."""
        return sector(self.sector or "general", self.sector_file)

    @cached_property
    def firm_profile(self) -> Firm:
        """The look and wording of the firm that signs; carnet's own where none is named.

        Raises CarnetError naming the fault.
        """
        return Firm.model_validate({}) if self.firm is None else load_firm(self.folder / self.firm)

    @property
    def rates_file(self) -> Path | None:
        """The file of dated rates, where `rates` names one;
        raises CarnetError when it is not a file inside the folder.
        """
        name = self.rates if isinstance(self.rates, str) else self.rates.get("file")
        return self._own_file("rates", name) if name else None

    @property
    def rates_format(self) -> dict[str, Any]:
        """How the file of dated rates writes its values, where that is said."""
        return self.rates.get("format", {}) if isinstance(self.rates, dict) else {}

    @property
    def firm_files(self) -> list[Path]:
        """What the firm that signs gives to the pages: firm.yml, its logo, its style sheet."""
        return (
            []
            if self.firm is None
            else [path for name in FIRM_FILES if (path := self.folder / self.firm / name).is_file()]
        )

    def _own_file(self, key: str, name: str) -> Path:
        path = (self.folder / name).resolve()
        if not path.is_file() or not path.is_relative_to(self.folder.resolve()):
            raise CarnetError(
                "{name} is not a file inside the engagement's folder ({key}).",
                name=f"{name!r}",
                key=key,
            )
        return path

    @property
    def slug(self) -> str:
        """The client's name as a folder name: letters, digits and hyphens only."""
        return slug(self.client) or "client"


def spoken_in(folder: str | Path) -> str:
    """The language that an engagement names, however faulty the rest of its file is;
    empty where there is none, English where it names none.
    """
    path = Path(folder)
    try:
        with (path if path.is_file() else path / FILE_NAME).open("rb") as file:
            text = file.read(MAX_FILE_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
    found = re.search(r"""^\ufeff?["']?language["']?\s*:\s*["']?(en|fr)\b""", text, re.MULTILINE)
    if found:
        return found[1]
    with suppress(yaml.YAMLError, ValueError, RecursionError, AttributeError):
        said = yaml.safe_load(text).get("language")  # in braces
        return said if said in ("en", "fr") else "en"
    return "en"


def load_engagement(folder: str | Path, **overrides: Any) -> Engagement:
    """Read and check FOLDER/engagement.yml; `overrides` (as_of, language) replace its values
    when not None.

    Raises CarnetError listing every fault with its line, the accepted values and the nearest one.
    """
    folder = Path(folder)
    path = folder if folder.is_file() else folder / FILE_NAME
    if path.is_file() and path.suffix.lower() not in (".yml", ".yaml"):
        raise CarnetError(
            "{path}: a data file, not an engagement. Put it into a folder, "
            "then: carnet init {parent}.",
            path=path,
            parent=path.parent,
        )
    if not path.is_file():
        holds = folder.is_dir() and any(
            each.is_file() and not each.name.startswith(".") for each in folder.iterdir()
        )
        proposed = Message(
            "{folder} has data and no {file} yet: carnet init {folder} proposes one.",
            folder=folder,
            file=FILE_NAME,
        )
        wanted = Message("An engagement is a folder with an {file}.", file=FILE_NAME)
        advice = proposed if holds else wanted
        raise CarnetError("{path}: no such file. {advice}", path=path, advice=advice)
    content, faults, places = _parsed(path)
    if not isinstance(content, dict):
        raise CarnetError("{path} line 1: a mapping is expected (client: …, tables: …).", path=path)
    content |= {key: value for key, value in overrides.items() if value not in (None, "")}
    content = _with_returned(content, path.parent)
    faults += _unknown_names(content)
    try:
        engagement = Engagement.model_validate({**content, "folder": path.parent})
        faults += _sector_faults(engagement) + _firm_faults(engagement)
    except ValidationError as error:
        faults += [(tuple(fault["loc"]), _explain(fault)) for fault in error.errors()]
    if faults:
        told = sorted(
            {(_line(loc, places), ".".join(map(str, loc)), message) for loc, message in faults}
        )
        raise CarnetError(lines(_placed(path, line, name, what) for line, name, what in told))
    return engagement


def _parsed(path: Path) -> tuple[Any, list[tuple[tuple, str]], dict[tuple, int]]:
    """What a file holds, the keys written twice as faults, and the line of every key."""
    if path.stat().st_size > MAX_FILE_BYTES:
        raise CarnetError(
            "{path}: larger than {max_file_bytes} bytes; this is not an engagement file.",
            path=path,
            max_file_bytes=f"{MAX_FILE_BYTES:,}",
        )
    places: dict[tuple[str | int, ...], int] = {}
    text = decoded(path, path.read_bytes())
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node and _count(node) > MAX_NODES:
            raise CarnetError(
                "{path}: more than {max_nodes} values, aliases counted as "
                "often as they are used; this is not an engagement file.",
                path=path,
                max_nodes=f"{MAX_NODES:,}",
            )
        faults = _index_lines(node, (), places) if node else []
        content = loader.construct_document(node) if node else None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise CarnetError(
            "{path} line {line}: not readable as YAML ({problem}). Spaces stand before a key, no "
            "tab; a value with a colon or a # stands in quotation marks.",
            path=path,
            line=line,
            problem=error.problem,
        ) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise CarnetError("{path}: not readable as YAML: {error}", path=path, error=error) from None
    return content, faults, places


def _placed(path: Path, line: int, key: str, fault: str) -> Message:
    """A fault of the file with its place."""
    return Message("{path} line {line}: {key}: {fault}", path=path, line=line, key=key, fault=fault)


def _with_returned(content: dict, folder: Path) -> dict:
    """The content with the sheets that salespeople sent back among the files of `service`."""
    tables = content.get("tables")
    if not isinstance(tables, dict) or not any((folder / RETURNED).glob(RETURNED_SHEETS)):
        return content
    service = tables.get("service", {})
    if not isinstance(service, dict):
        return content
    asked = "query" in service and "files" not in service and content.get("source")
    files = service.get("files", [content["source"]] if asked else [])
    if not isinstance(files, str | list):
        return content
    listed = [files] if isinstance(files, str) else files
    if any(str(pattern).startswith(f"{RETURNED}/") for pattern in listed):
        return content
    with_sheets = [*listed, f"{RETURNED}/{RETURNED_SHEETS}"]
    return content | {"tables": tables | {"service": {**service, "files": with_sheets}}}


def _sector_faults(engagement: Engagement) -> list[tuple[tuple, str]]:
    """What is wrong with the sector that the engagement names."""
    try:
        _ = engagement.sector_profile
    except CarnetError as error:
        return [(("sector",), error.args[0])]
    return []


def _firm_faults(engagement: Engagement) -> list[tuple[tuple, str]]:
    """What is wrong with the firm that the engagement names."""
    try:
        firm = engagement.firm_profile
        _ = firm.logo, firm.style
    except CarnetError as error:
        return [(("firm",), error.args[0])]
    return []


def _count(node: yaml.Node) -> int:
    """Values below a node, those behind an alias at each use; stops beyond MAX_NODES,
    so that aliases of aliases cannot multiply.
    """
    waiting, count = [node], 0
    while waiting and count <= MAX_NODES:
        here, count = waiting.pop(), count + 1
        if isinstance(here, yaml.MappingNode):
            waiting += [part for pair in here.value for part in pair]
        elif isinstance(here, yaml.SequenceNode):
            waiting += here.value
    return count


def _index_lines(node: yaml.Node, loc: tuple, lines: dict) -> list[tuple[tuple, str]]:
    """Fill `lines` with the line of every key and item; return the keys that appear
    twice as faults.
    """
    lines.setdefault(loc, node.start_mark.line + 1)
    faults: list[tuple[tuple, str]] = []
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise ValueError(
                    Message("line {line}: a key is one word", line=key.start_mark.line + 1)
                )
            if "\0" in key.value:
                raise ValueError(
                    Message(
                        "line {line}: a zero byte in a key; remove it", line=key.start_mark.line + 1
                    )
                )
            here = (*loc, key.value)
            if key.value in seen:
                faults.append(
                    (
                        here,
                        Message(
                            "written twice (second time on line {line}); keep one.",
                            line=key.start_mark.line + 1,
                        ),
                    )
                )
            seen.add(key.value)
            lines.setdefault(here, key.start_mark.line + 1)
            faults += _index_lines(value, here, lines)
    elif isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            faults += _index_lines(item, (*loc, position), lines)
    elif "\0" in node.value:  # a file of this name is an error of its own on every system
        name, line = ".".join(map(str, loc)), node.start_mark.line + 1
        raise ValueError(
            Message("line {line}: {name}: a zero byte in a text; remove it", line=line, name=name)
        )
    return faults


def _line(loc: tuple, lines: dict) -> int:
    """Line of the deepest part of `loc` that the file holds."""
    while loc and loc not in lines:
        loc = loc[:-1]
    return lines.get(loc, 1)


def _unknown_names(content: dict) -> list[tuple[tuple, str]]:
    """Table and column names that no contract knows."""
    tables = content.get("tables")
    faults: list[tuple[tuple, str]] = []
    for table, spec in tables.items() if isinstance(tables, dict) else []:
        if table not in TABLES:
            faults.append(
                (
                    ("tables", table),
                    Message(
                        "unknown table '{table}'; {nearest}",
                        table=table,
                        nearest=nearest(str(table), TABLES),
                    ),
                )
            )
        elif isinstance(spec, dict):
            known = TABLES[table].columns
            faults += [
                (
                    ("tables", table, key, name),
                    Message(
                        "unknown column '{name}'; {nearest}",
                        name=name,
                        nearest=nearest(str(name), known),
                    ),
                )
                for key in ("columns", "unpivot")
                for name in (spec[key] if isinstance(spec.get(key), dict) else {})
                if name not in known
            ]
            faults += [
                (
                    ("tables", table, key),
                    Message("{key} belongs to the table {owner}.", key=key, owner=owner),
                )
                for key, owner in (
                    ("stages", "opportunities"),
                    ("activities", "service"),
                    ("reasons", "departures"),
                    ("status", "receivables"),
                )
                if key in spec and table != owner
            ]
    return faults


def _explain(fault: Any) -> str:
    """Turn one pydantic error into a sentence with the accepted values."""
    kind, loc, value = fault["type"], fault["loc"], fault.get("input")
    found = f"{SECRET.sub('//…@', str(value))[:60]!r}"
    if kind == "extra_forbidden":
        fields = _model_at(loc[:-1]).model_fields.items()
        accepted = [field.alias or name for name, field in fields if name != "folder"]
        near = nearest(str(loc[-1]), accepted)
        return Message("unknown key '{key}'; {nearest}", key=loc[-1], nearest=near)
    if kind == "missing":
        return Message("the key '{key}' is required here.", key=loc[-1])
    if kind == "literal_error":
        quoted = re.findall(r"'([^']*)'|\"([^\"]*)\"", fault["ctx"]["expected"])
        near = nearest(str(value), [one or other for one, other in quoted])
        told = SECRET.sub("//…@", f"{value!r}")
        return Message("{value} is not accepted; {nearest}", value=told, nearest=near)
    what = explained(fault)
    if what == PASSWORD:
        return PASSWORD
    return Message("{what} (found {found})", what=what, found=found)


def _model_at(loc: tuple) -> type[BaseModel]:
    """The pydantic model that a location points into."""
    model: type[BaseModel] = Engagement
    for part in loc:
        named = {field.alias or name: field for name, field in model.model_fields.items()}
        if part in named:
            model = next(_models(named[part].annotation), model)
    return model


def _models(kind: Any) -> Iterator[type[BaseModel]]:
    """The models that a type may hold."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for part in get_args(kind):
        yield from _models(part)
