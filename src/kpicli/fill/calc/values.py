"""What a formula computes with: scalars, tables of them and ranges of cells, and how Excel turns one into another."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import repeat
from typing import Protocol


class Error(StrEnum):
    """An Excel error value, as it is written in a cell."""

    DIVISION = "#DIV/0!"
    MISSING = "#N/A"
    VALUE = "#VALUE!"
    REFERENCE = "#REF!"
    NAME = "#NAME?"
    NUMBER = "#NUM!"


Scalar = float | str | bool | None | Error
"""One cell's value; None is an empty cell."""

Place = tuple[str, int, int]
"""Sheet name, row and column, both counted from 1."""


class Unknown(Exception):
    """A formula whose value Excel alone can say; the message tells why."""


class Failed(Exception):
    """A computation that ends in an Excel error value."""

    def __init__(self, error: Error) -> None:
        super().__init__(error.value)
        self.error = error


LONGEST_TEXT = 32_767
LAST_ROW, LAST_COLUMN = 1_048_576, 16_384


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of scalars.

    A column such as ``A:A`` holds only its used rows: `height` and `width` say how large it really is, and `rest` is
    the value of every cell that is not held.
    """

    rows: list[list[Scalar]]
    height: int
    width: int
    rest: Scalar = None

    @property
    def held_width(self) -> int:
        """How many cells of each row are held."""
        return len(self.rows[0]) if self.rows else 0

    @property
    def unheld(self) -> int:
        """How many cells are not held."""
        return self.height * self.width - len(self.rows) * self.held_width

    def at(self, row: int, column: int) -> Scalar:
        """A cell, counted from 0; a single row or column counts as repeated without end."""
        row, column = row if self.height > 1 else 0, column if self.width > 1 else 0
        return self.rows[row][column] if row < len(self.rows) and column < self.held_width else self.rest

    def held(self, rows: int, width: int) -> list[Scalar]:
        """The first cells as one list, row by row."""
        if width == self.held_width and rows == len(self.rows):
            return [value for row in self.rows for value in row]
        return [self.at(row, column) for row in range(rows) for column in range(width)]

    def __iter__(self) -> Iterator[Scalar]:
        for row in self.rows:
            yield from row
        if self.rest is not None:
            yield from repeat(self.rest, self.unheld)


class Reader(Protocol):
    """Who knows the cells."""

    def table(self, cells: "Range", *, without_subtotals: bool = False) -> Table:
        """The values of a range."""

    def summands(self, cells: "Range") -> list[float]:
        """Few numbers with the exact sum of a range's; `Failed` for the first error in it."""

    def spend(self, work: int) -> None:
        """Account for work done; raise `Unknown` when it was too much."""


@dataclass(frozen=True, slots=True)
class Range:
    """Cells of one sheet, first and last row and column included."""

    sheet: str
    top: int
    left: int
    bottom: int
    right: int
    reader: Reader = field(repr=False, compare=False)

    @property
    def height(self) -> int:
        """How many rows."""
        return self.bottom - self.top + 1

    @property
    def width(self) -> int:
        """How many columns."""
        return self.right - self.left + 1

    def table(self) -> Table:
        """The values of the cells."""
        return self.reader.table(self)

    def part(self, row: int, column: int, height: int = 1, width: int = 1) -> "Range":
        """Another range, its first cell counted from 0 from the first of this; `#REF!` where the sheet ends."""
        top, left = self.top + row, self.left + column
        if top + height - 1 > LAST_ROW or left + width - 1 > LAST_COLUMN:
            raise Failed(Error.REFERENCE)
        return Range(self.sheet, top, left, top + height - 1, left + width - 1, self.reader)


Operand = Scalar | Table | Range


def table_of(operand: Operand) -> Table:
    """Any operand as a table."""
    if isinstance(operand, Range):
        return operand.table()
    return operand if isinstance(operand, Table) else Table([[operand]], 1, 1)


def number(value: Scalar) -> float:
    """A scalar as arithmetic sees it; `Failed` if it is no number, `Unknown` if that depends on Excel's language."""
    if isinstance(value, float):
        return value
    if isinstance(value, Error):
        raise Failed(value)
    if isinstance(value, str):
        read = number_in(value)
        if read is None:
            raise Failed(Error.VALUE)
        return read
    return 1.0 if value else 0.0


def text(value: Scalar) -> str:
    """A scalar as ``&`` sees it; `Failed` if it is an error."""
    if isinstance(value, Error):
        raise Failed(value)
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return general(value)
    return value or ""


def truth(value: Scalar) -> bool:
    """A scalar as IF sees it; `Failed` if it is neither."""
    if isinstance(value, Error):
        raise Failed(value)
    if isinstance(value, str):
        if value.upper() not in ("TRUE", "FALSE"):
            raise Failed(Error.VALUE)
        return value.upper() == "TRUE"
    return bool(value)


def shown(value: float) -> Decimal:
    """The 15 digits that Excel shows of a number, on which it also rounds and compares."""
    return Decimal(f"{value:.15g}")


def general(value: float) -> str:
    """A number in the format General where there is room: up to 20 characters, then with an exponent."""
    _, digits, exponent = shown(value).normalize().as_tuple()
    assert isinstance(exponent, int)  # the number is finite
    if value == 0:
        return "0"
    leading = len(digits) + exponent - 1
    if leading > 19 or (leading < 0 and 1 - leading + len(digits) > 20):
        head, tail = str(digits[0]), "".join(map(str, digits[1:]))
        return f"{'-' if value < 0 else ''}{head}{'.' if tail else ''}{tail}E{leading:+03d}"
    return f"{shown(value).normalize():f}"


_NUMBER = re.compile(r"([+-]?)(\()?([+-]?)((?:\d+|\d{1,3}(?:,\d{3})+)(?:\.\d*)?|\.\d+)(e[+-]?\d{1,3})?(%?)(\))?", re.I)
_DAY = re.compile(r"(\d{4})([-/])(\d{1,2})\2(\d{1,2})")
_MONTH = (
    "january|february|march|april|may|june|july|august|september|october|november|december"
    "|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec"
)
_DATE_LIKE = re.compile(rf"(?:{_MONTH}|[\d\s/:.,+\-$¥￥€£()%年月日时時分秒点上下午])++(?:[ap]m|(?<= )[ap])?", re.I)


def number_in(words: str) -> float | None:
    """The number that Excel reads in a text: a number, a percentage or a day such as ``2026-01-31``; None if there is
    none. `Unknown` for texts that it may read as a time, as money, or as a day in its own language.
    """
    words = words.strip(" ")
    found = _NUMBER.fullmatch(words) if words.isascii() and len(words) < 400 else None
    if found and bool(found[2]) == bool(found[7]) and not (found[3] and (found[1] or found[2])):
        value = float(found[4].replace(",", "") + (found[5] or "")) / (100 if found[6] else 1)
        if math.isinf(value):
            return None
        return -value if "-" in (found[1], found[3]) or found[2] else value
    day = _DAY.fullmatch(words) if words.isascii() else None
    if day:
        return serial_of(int(day[1]), int(day[3]), int(day[4]))
    if any(c.isdigit() for c in words) and _DATE_LIKE.fullmatch(words[:400]):
        raise Unknown(f"whether {words[:40]!r} is a number depends on the language")
    return None


_EPOCH = date(1899, 12, 30)
LAST_DAY = 2_958_465


def serial_of(year: int, month: int, day: int) -> float | None:
    """The serial number of a day from 1900 to 9999; None if there is no such day."""
    if (year, month, day) == (1900, 2, 29):
        return 60.0
    try:
        serial = (date(year, month, day) - _EPOCH).days
    except ValueError:
        return None
    serial -= serial < 61  # Excel has a 29 February 1900
    return float(serial) if serial > 0 else None


def day_of(serial: float) -> tuple[int, int, int]:
    """Year, month and day of a serial number; `#NUM!` outside of what Excel can date."""
    whole = math.floor(serial)
    if not 0 <= whole <= LAST_DAY:
        raise Failed(Error.NUMBER)
    if whole in (0, 60):
        return (1900, 1, 0) if whole == 0 else (1900, 2, 29)
    found = _EPOCH + timedelta(days=whole + (whole < 60))
    return found.year, found.month, found.day


def same_number(a: float, b: float) -> bool:
    """Whether two numbers show the same 15 digits."""
    return a == b or (abs(a - b) <= 1e-14 * abs(a) and f"{a:.15g}" == f"{b:.15g}")


def equal(a: Scalar, b: Scalar) -> bool:
    """``a = b``; an empty cell equals 0, an empty text and FALSE."""
    if isinstance(a, float) and isinstance(b, float):
        return same_number(a, b)
    if isinstance(a, str) and isinstance(b, str):
        return a.lower() == b.lower()
    a, b = _filled(a, b), _filled(b, a)
    if isinstance(a, str) and isinstance(b, str):
        return a.lower() == b.lower()
    return type(a) is type(b) and a == b


def less(a: Scalar, b: Scalar) -> bool:
    """``a < b``: numbers before texts before truth values. `Unknown` for texts whose order depends on the language."""
    a, b = _filled(a, b), _filled(b, a)
    if _rank(a) != _rank(b):
        return _rank(a) < _rank(b)
    if equal(a, b):
        return False
    if isinstance(a, str) and isinstance(b, str):
        if not (_plain(a) and _plain(b)):
            raise Unknown("the order of texts depends on the language")
        return a.lower() < b.lower()
    return number(a) < number(b)


def same_type(a: Scalar, b: Scalar) -> bool:
    """Whether a lookup would compare the two at all."""
    return type(a) is type(b)


def _plain(words: str) -> bool:
    return words.isascii() and (words.replace(" ", "").isalnum() or not words)


def _rank(value: Scalar) -> int:
    return 2 if isinstance(value, bool) else 1 if isinstance(value, str) else 0


def _filled(value: Scalar, other: Scalar) -> Scalar:
    if value is not None:
        return value
    return "" if isinstance(other, str) else False if isinstance(other, bool) else 0.0
