"""Functions of days, which are serial numbers: 1 is 1 January 1900, and there is a 29 February 1900."""

import calendar
import math

from kpicli.fill.calc.calls import Function
from kpicli.fill.calc.values import LAST_DAY, Error, Failed, day_of, serial_of

_FIRST_DAYS = {1: 6, 2: 0, 3: 0, 11: 0, 12: 1, 13: 2, 14: 3, 15: 4, 16: 5, 17: 6}
"""Kind of WEEKDAY → the day its week begins with, Monday being 0."""


def _checked(serial: float | None) -> float:
    if serial is None or not 0 <= serial <= LAST_DAY:
        raise Failed(Error.NUMBER)
    return serial


def _date(year: float, month: float, day: float) -> float:
    whole = math.trunc(year)
    if not 0 <= whole < 10_000:
        raise Failed(Error.NUMBER)
    years, months = divmod(math.trunc(month) - 1, 12)
    first = serial_of(whole + years + (1900 if whole < 1900 else 0), months + 1, 1)
    if first is None:
        raise Failed(Error.NUMBER)
    return _checked(first + math.trunc(day) - 1)


def _month_later(serial: float, months: float, *, last: bool) -> float:
    year, month, day = day_of(serial)
    years, month = divmod(month - 1 + math.trunc(months), 12)
    year, month = year + years, month + 1
    if not 1900 <= year <= 9999:
        raise Failed(Error.NUMBER)
    length = 29 if (year, month) == (1900, 2) else calendar.monthrange(year, month)[1]
    first = serial_of(year, month, 1)
    return _checked(None if first is None else first - 1 + (length if last else min(day, length)))


def _weekday(serial: float, kind: float = 1.0) -> int:
    day_of(serial)
    first = _FIRST_DAYS.get(math.trunc(kind))
    if first is None:
        raise Failed(Error.NUMBER)
    from_first = (math.floor(serial) - 2 - first) % 7
    return from_first if math.trunc(kind) == 3 else from_first + 1


def _days(end: float, start: float) -> int:
    day_of(end), day_of(start)
    return math.floor(end) - math.floor(start)


FUNCTIONS = {
    "DATE": Function(_date, "nnn"),
    "YEAR": Function(lambda serial: day_of(serial)[0], "n"),
    "MONTH": Function(lambda serial: day_of(serial)[1], "n"),
    "DAY": Function(lambda serial: day_of(serial)[2], "n"),
    "EDATE": Function(lambda serial, months: _month_later(serial, months, last=False), "nn"),
    "EOMONTH": Function(lambda serial, months: _month_later(serial, months, last=True), "nn"),
    "WEEKDAY": Function(_weekday, "n", "n"),
    "DAYS": Function(_days, "nn"),
}
