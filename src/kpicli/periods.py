"""Months and the parts of a month."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Literal

from kpicli.errors import UsageError

WeekMode = Literal["monday", "quarters"]
Calendar = Literal["workdays", "days"]
"""How far a month is: by working days (China's holidays, and weekends worked instead), or by all its days."""


@dataclass(frozen=True)
class Period:
    """Days from `start` up to but not including `end`."""

    label: str
    start: date
    end: date


@dataclass(frozen=True, order=True)
class Month:
    """A calendar month."""

    year: int
    number: int

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.number:02d}"

    @classmethod
    def parse(cls, text: str) -> "Month":
        """Read ``2026-10``; raise `UsageError`."""
        found = re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])", text)
        if not found:
            raise UsageError("bad_month_option", text=text)
        return cls(int(found.group(1)), int(found.group(2)))

    @classmethod
    def of(cls, day: date) -> "Month":
        """The month of a day."""
        return cls(day.year, day.month)

    @property
    def start(self) -> date:
        """Its first day."""
        return date(self.year, self.number, 1)

    @property
    def next(self) -> "Month":
        """The month after."""
        return Month.of(self.start + timedelta(days=31))

    @property
    def previous(self) -> "Month":
        """The month before."""
        return Month.of(self.start - timedelta(days=1))

    @property
    def year_before(self) -> "Month":
        """The same month of last year."""
        return Month(self.year - 1, self.number)

    @property
    def period(self) -> Period:
        """The month as a period."""
        return Period(str(self), self.start, self.next.start)

    def first(self, days: int | None) -> Period:
        """Its first days, as many as there are; all for None."""
        end = self.next.start if days is None else min(self.next.start, self.start + timedelta(days=days))
        return Period(str(self), self.start, end)

    def year_to(self, days: int | None) -> Period:
        """From New Year to the end of the month, or to one of its first days."""
        return Period(f"{self.year}-01-01/{self}", date(self.year, 1, 1), self.first(days).end)

    def days_by(self, today: date) -> int | None:
        """How many of its days there have been by today; None for a month that is over."""
        return today.day if Month.of(today) == self else None

    def share_passed(self, days: int, calendar: Calendar) -> float:
        """The share of its working days (or days) that lie in its first ones; today counts as passed.

        A year whose holidays are not known yet has Monday to Friday as working days.
        """
        every = [day.start for day in self.days()]
        counted = [_works(day) if calendar == "workdays" else True for day in every]
        return sum(counted[:days]) / sum(counted)

    def working_days(self, days: int | None = None) -> list[date]:
        """The working days among its first ones, or among all."""
        every = [day.start for day in self.days()]
        return [day for day in every[:days] if _works(day)]

    def days(self) -> list[Period]:
        """Its days."""
        count = (self.next.start - self.start).days
        days = [self.start + timedelta(days=n) for n in range(count)]
        return [Period(day.isoformat(), day, day + timedelta(days=1)) for day in days]

    def weeks(self, mode: WeekMode = "monday") -> list[Period]:
        """Its weeks: Monday to Sunday cut at the month, or the four parts 1–7, 8–14, 15–21, 22–end."""
        if mode == "quarters":
            starts = [self.start.replace(day=day) for day in (1, 8, 15, 22)]
        else:
            starts = [day.start for day in self.days() if day.start.day == 1 or day.start.weekday() == 0]
        return _spans([*starts, self.next.start])


def _works(day: date) -> bool:
    from chinese_calendar import is_workday

    try:
        return bool(is_workday(day))
    except NotImplementedError:
        return day.weekday() < 5


def _spans(bounds: Sequence[date]) -> list[Period]:
    return [
        Period(f"{start.isoformat()}/{(end - timedelta(days=1)).isoformat()}", start, end)
        for start, end in pairwise(bounds)
    ]
