"""What a month, a bucket, a year and "a year earlier" are:
the audit period, the same months one year earlier, and how rows fall into them.

Where the audit date is the last day of its month, months are calendar months, whatever February's
length. Else a month is cut at the audit date's day; the last day of February then counts as the
29th in every year, so that both sides of a comparison hold as many month-ends.
"""

import calendar
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace

import ibis
import ibis.expr.types as ir
import pandas as pd
from dateutil.relativedelta import relativedelta

CALENDAR = 31  # the cut of months that end with their calendar month


def cut_of(day: dt.date) -> int:
    """The day at which months are cut that end on `day`: its own,
    or CALENDAR where it is the last of its month.
    """
    return CALENDAR if day.day == calendar.monthrange(day.year, day.month)[1] else day.day


def months_earlier(day: dt.date, months: int, cut: int | None = None) -> dt.date:
    """The end of the month that is so many months before the one ending on `day`
    (negative: after it).

    >>> (
    ...     months_earlier(dt.date(2025, 2, 28), 12),
    ...     months_earlier(dt.date(2025, 2, 28), 11),
    ... )  # ends of calendar months
    (datetime.date(2024, 2, 29), datetime.date(2024, 3, 31))
    >>> (
    ...     months_earlier(dt.date(2024, 5, 15), 3),
    ...     months_earlier(dt.date(2024, 2, 28), 12),
    ... )  # cut at the 15th, at the 28th
    (datetime.date(2024, 2, 15), datetime.date(2023, 2, 27))
    """
    cut = cut_of(day) if cut is None else cut
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    # the last day of February counts as the 29th: it lies behind the cut
    before_last = cut == last == 28
    return dt.date(year, month + 1, 27 if before_last else min(cut, last))


def years_earlier(day: dt.date, years: int) -> dt.date:
    """The same date so many years earlier: the last day of a month stays the last
    day of its month.
    """
    return months_earlier(day, 12 * years)


def years_earlier_each(days: pd.Series, years: int) -> pd.Series:
    """`years_earlier` of each date; unknown stays unknown."""
    named = pd.to_datetime(days).astype("datetime64[ns]")
    found = {day: pd.Timestamp(years_earlier(day.date(), years)) for day in named.dropna().unique()}
    return named.map(found).astype("datetime64[ns]")


def year_earlier_in(days: ir.DateValue) -> ir.DateValue:
    """The date one year before each date of a table, by the rule of `years_earlier`."""
    day, year = ibis.interval(days=1), ibis.interval(years=1)
    after = days + day
    # the eve of 29 February goes with the eve of the last day of February
    eve = (after.month() == 2) & (after.day() == 29)
    return ibis.cases(
        (after.day() == 1, (after - year) - day), (eve, days - year - day), else_=days - year
    )


@dataclass(frozen=True)
class Period:
    """Both days included."""

    start: dt.date
    end: dt.date


@dataclass(frozen=True)
class Bucket:
    """One fiscal year, quarter or month of a series; `complete` is False when the data do
    not cover it whole.
    """

    label: str
    start: dt.date
    end: dt.date
    complete: bool = True

    @property
    def day_count(self) -> int:
        """Days, both ends included."""
        return (self.end - self.start).days + 1


GRAINS = {"year": 12, "quarter": 3, "month": 1}  # months a bucket
# a first sale this long after the start still covers the bucket
LATE_START_DAYS = {"year": 31, "quarter": 31, "month": 7}


def buckets(first: dt.date, last: dt.date, grain: str, fiscal_year_start: int = 1) -> list[Bucket]:
    """Fiscal years, quarters or months from the one that holds `first` to the one
    that holds `last`.

    >>> [b.label for b in buckets(dt.date(2024, 11, 5), dt.date(2025, 4, 30), "quarter")]
    ['2024-Q4', '2025-Q1', '2025-Q2']
    >>> [b.complete for b in buckets(dt.date(2024, 11, 5), dt.date(2025, 4, 30), "quarter")]
    [False, True, False]
    """
    size = GRAINS[grain]
    offset = (first.month - fiscal_year_start) % size
    start = first.replace(day=1) - relativedelta(months=offset)
    made = []
    while start <= last:
        after = start + relativedelta(months=size)
        end = after - dt.timedelta(days=1)
        year = start.year - (start.month < fiscal_year_start)
        fiscal = f"{year}" if fiscal_year_start == 1 else f"{year}-{(year + 1) % 100:02d}"
        label = {
            "year": fiscal,
            "quarter": f"{fiscal}-Q{(start.month - fiscal_year_start) % 12 // 3 + 1}",
            "month": f"{start:%Y-%m}",
        }[grain]
        complete = end <= last and (first - start).days <= LATE_START_DAYS[grain]
        made.append(Bucket(label, start, end, complete))
        start = after
    return made


def position_in(date: ir.DateValue, periods: Sequence[Bucket]) -> ir.IntegerValue:
    """The position of the period that holds each date; NULL outside all of them."""
    inside = [
        (date.between(ibis.date(b.start), ibis.date(b.end)), position)
        for position, b in enumerate(periods)
    ]
    return ibis.cases((ibis.literal(False), -1), *inside).cast("int64")


@dataclass(frozen=True)
class Periods:
    """The two periods that an audit compares; both hold as many months of the same kind.

    `rolling_year`: the 12 months ending on `as_of`, from the day after the same date one year
    earlier. `year_to_date`: the fiscal year that holds `as_of`, up to `as_of`. The previous period
    is the same dates a year earlier. `cut`: the day at which months are cut, see `cut_of`; the one
    of `as_of` unless these periods are earlier ones of another audit.

    >>> Periods(dt.date(2025, 2, 28)).current.start, Periods(dt.date(2025, 2, 28)).previous.end
    (datetime.date(2024, 3, 1), datetime.date(2024, 2, 29))
    """

    as_of: dt.date
    comparison: str = "rolling_year"
    fiscal_year_start: int = 1
    cut: int = 0

    def __post_init__(self) -> None:
        if not self.cut:
            object.__setattr__(self, "cut", cut_of(self.as_of))

    @property
    def current(self) -> Period:
        """The audit period."""
        if self.comparison == "rolling_year":
            return Period(self.month_end(12) + dt.timedelta(days=1), self.as_of)
        year = self.as_of.year - (self.as_of.month < self.fiscal_year_start)
        return Period(dt.date(year, self.fiscal_year_start, 1), self.as_of)

    @property
    def previous(self) -> Period:
        """The same dates one year earlier."""
        if self.comparison == "rolling_year":
            return Period(self.month_end(24) + dt.timedelta(days=1), self.month_end(12))
        return Period(self.current.start - relativedelta(years=1), self.month_end(12))

    @property
    def yearly(self) -> "Periods":
        """The last 12 months and the 12 before: what is said per year,
        whatever the engagement compares.
        """
        return replace(self, comparison="rolling_year")

    def earlier(self, years: int) -> "Periods":
        """The periods of an audit `years` years before this one, months cut at the same day."""
        return replace(self, as_of=self.month_end(12 * years))

    def audit_month(self, date: ir.DateValue) -> ir.IntegerValue:
        """Months between `date` and `as_of`: 0 for the month that ends on `as_of`,
        see `month_end`.
        """
        months = self.as_of.year * 12 + self.as_of.month - (date.year() * 12 + date.month())
        if self.cut == CALENDAR:
            return months.cast("int32")
        behind = date.day() > self.cut
        if self.cut == 28:  # the last day of February counts as the 29th
            behind |= (date.month() == 2) & ((date + ibis.interval(days=1)).month() == 3)
        return (months - behind.cast("int32")).cast("int32")

    @property
    def month_count(self) -> int:
        """Audit months that the audit period touches: 12 for a rolling year."""
        return sum(self.month_end(month) >= self.current.start for month in range(12))

    def month_end(self, audit_month: int) -> dt.date:
        """Last day of an audit month: 0 is the one that ends on `as_of`."""
        return months_earlier(self.as_of, int(audit_month), self.cut)

    @property
    def ends_a_month(self) -> bool:
        """True when the audit months are calendar months."""
        return self.cut == CALENDAR

    def year_index(self, date: ir.DateValue) -> ir.IntegerValue:
        """A number that is the same for all days of one audit period:
        audit years, or fiscal years for year_to_date.
        """
        if self.comparison == "rolling_year":
            return (self.audit_month(date) / 12).floor().cast("int32")
        return (date.year() - (date.month() < self.fiscal_year_start).cast("int32")).cast("int32")

    def audit_index(self, cube: ir.Table) -> ir.IntegerValue:
        """0 for rows of the cube in the audit period, -1 in the previous one,
        less before (-3 for all other dates of year_to_date).
        """
        if self.comparison == "rolling_year":
            return -(cube.audit_month / 12).floor().cast("int32")
        return ibis.cases((self.in_current(cube), 0), (self.in_previous(cube), -1), else_=-3).cast(
            "int32"
        )

    def in_current(self, cube: ir.Table) -> ir.BooleanValue:
        """Rows of the cube (columns month, audit_month) inside the audit period."""
        if self.comparison == "rolling_year":
            return cube.audit_month.between(0, 11)
        return cube.month >= ibis.date(self.current.start)

    def in_previous(self, cube: ir.Table) -> ir.BooleanValue:
        """Rows of the cube inside the previous period."""
        if self.comparison == "rolling_year":
            return cube.audit_month.between(12, 23)
        return (cube.month >= ibis.date(self.previous.start)) & (cube.audit_month >= 12)

    def before_current(self, cube: ir.Table) -> ir.BooleanValue:
        """Rows of the cube before the audit period."""
        return ~self.in_current(cube)
