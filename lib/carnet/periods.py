"""The audit period and the same dates one year earlier, and how rows of the cube fall into them."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace

import ibis
import ibis.expr.types as ir
from dateutil.relativedelta import relativedelta


@dataclass(frozen=True)
class Period:
    """Both days included."""

    start: dt.date
    end: dt.date


@dataclass(frozen=True)
class Bucket:
    """One fiscal year, quarter or month of a series; `complete` is False when the data do not cover it whole."""

    label: str
    start: dt.date
    end: dt.date
    complete: bool = True

    @property
    def day_count(self) -> int:
        """Days, both ends included."""
        return (self.end - self.start).days + 1


GRAINS = {"year": 12, "quarter": 3, "month": 1}  # months a bucket
LATE_START_DAYS = {"year": 31, "quarter": 31, "month": 7}  # a first sale this long after the start still covers the bucket


def buckets(first: dt.date, last: dt.date, grain: str, fiscal_year_start: int = 1) -> list[Bucket]:
    """Fiscal years, quarters or months from the one that holds `first` to the one that holds `last`.

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
        label = {"year": fiscal, "quarter": f"{fiscal}-Q{(start.month - fiscal_year_start) % 12 // 3 + 1}", "month": f"{start:%Y-%m}"}[
            grain
        ]
        complete = end <= last and (first - start).days <= LATE_START_DAYS[grain]
        made.append(Bucket(label, start, end, complete))
        start = after
    return made


def position_in(date: ir.DateValue, periods: Sequence[Bucket]) -> ir.IntegerValue:
    """The position of the period that holds each date; NULL outside all of them."""
    inside = [(date.between(ibis.date(b.start), ibis.date(b.end)), position) for position, b in enumerate(periods)]
    return ibis.cases((ibis.literal(False), -1), *inside).cast("int64")


@dataclass(frozen=True)
class Periods:
    """The two periods that an audit compares.

    `rolling_year`: the 12 months ending on `as_of`, from the day after the same date one year earlier.
    `year_to_date`: the fiscal year that holds `as_of`, up to `as_of`. The previous period is the same dates a year earlier.

    >>> Periods(dt.date(2024, 2, 29)).current.start
    datetime.date(2023, 3, 1)
    """

    as_of: dt.date
    comparison: str = "rolling_year"
    fiscal_year_start: int = 1

    @property
    def current(self) -> Period:
        """The audit period."""
        if self.comparison == "rolling_year":
            return Period(self.as_of - relativedelta(years=1) + dt.timedelta(days=1), self.as_of)
        year = self.as_of.year - (self.as_of.month < self.fiscal_year_start)
        return Period(dt.date(year, self.fiscal_year_start, 1), self.as_of)

    @property
    def previous(self) -> Period:
        """The same dates one year earlier."""
        end = self.as_of - relativedelta(years=1)
        if self.comparison == "rolling_year":
            return Period(end - relativedelta(years=1) + dt.timedelta(days=1), end)
        return Period(self.current.start - relativedelta(years=1), end)

    def earlier(self, years: int) -> "Periods":
        """The periods of an audit `years` years before this one."""
        return replace(self, as_of=self.as_of - relativedelta(years=years))

    def audit_month(self, date: ir.DateValue) -> ir.IntegerValue:
        """Whole months between `date` and `as_of`: 0 for the month that ends on `as_of`; cuts every month at its day."""
        months = self.as_of.year * 12 + self.as_of.month - (date.year() * 12 + date.month())
        return (months - (date.day() > self.as_of.day).cast("int32")).cast("int32")

    @property
    def month_count(self) -> int:
        """Audit months that the audit period touches: 12 for a rolling year."""
        return sum(self.month_end(month) >= self.current.start for month in range(12))

    def month_end(self, audit_month: int) -> dt.date:
        """Last day of an audit month: 0 is the one that ends on `as_of`."""
        return self.as_of - relativedelta(months=int(audit_month))

    @property
    def ends_a_month(self) -> bool:
        """True when the audit date ends a calendar month."""
        return (self.as_of + dt.timedelta(days=1)).day == 1

    def year_index(self, date: ir.DateValue) -> ir.IntegerValue:
        """A number that is the same for all days of one audit period: audit years, or fiscal years for year_to_date."""
        if self.comparison == "rolling_year":
            return (self.audit_month(date) / 12).floor().cast("int32")
        return (date.year() - (date.month() < self.fiscal_year_start).cast("int32")).cast("int32")

    def audit_index(self, cube: ir.Table) -> ir.IntegerValue:
        """0 for rows of the cube in the audit period, -1 in the previous one, less before (-3 for all other dates of year_to_date)."""
        if self.comparison == "rolling_year":
            return -(cube.audit_month / 12).floor().cast("int32")
        return ibis.cases((self.in_current(cube), 0), (self.in_previous(cube), -1), else_=-3).cast("int32")

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
