"""How clerks and systems write one value into a cell: small functions from (value, row number) to the cell.

The row number only serves to vary the writing from row to row. None stays an empty cell unless said otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, time
from typing import Any

Cell = Any
Show = Callable[[Any, int], Cell]


def as_is(value: Any, row: int) -> Cell:
    return value


def as_number(value: str | None, row: int) -> Cell:
    return value and int(value)


def text(pattern: str) -> Show:
    """`text("{:,.2f}")`: the value through a format string."""
    return lambda value, row: None if value is None else pattern.format(value)


def turns(*shows: Show) -> Show:
    """Row after row another way of writing."""
    return lambda value, row: shows[row % len(shows)](value, row)


def rarely(every: int, odd: Show, usual: Show = as_is) -> Show:
    """`odd` in every so-many-th row."""
    return lambda value, row: (odd if row % every == every - 1 else usual)(value, row)


def words(names: dict[str, str]) -> Show:
    """Other words for the values of a vocabulary."""
    return lambda value, row: names.get(value, value)


def flag(yes: Cell, no: Cell) -> Show:
    return lambda value, row: yes if value else no


def blank_as(word: str) -> Show:
    return lambda value, row: word if value is None else value


# Dates and times as text

iso_date = text("{:%Y-%m-%d}")
dotted_date = text("{:%Y.%m.%d}")
digits_date = text("{:%Y%m%d}")


def slash_date(value: date | None, row: int) -> Cell:
    return value and f"{value.year}/{value.month}/{value.day}"


def hanzi_date(value: date | None, row: int) -> Cell:
    return value and f"{value.year}年{value.month}月{value.day}日"


def short_date(value: date | None, row: int) -> Cell:
    """The year stands in the file name only."""
    return value and f"{value.month}月{value.day}日"


def stamp(value: date | None, row: int) -> Cell:
    """As systems write the moment of entry."""
    return value and f"{value} {9 + row % 9:02d}:{row * 7 % 60:02d}:{row * 13 % 60:02d}"


def clock(value: time | None, row: int) -> Cell:
    return value and f"{value.hour}:{value.minute:02d}"


def wide_clock(value: time | None, row: int) -> Cell:
    return value and wide(f"{value:%H:%M}", row)


# People, levels, money


def wide(value: str | None, row: int) -> Cell:
    """Full-width digits, letters and colon."""
    return value and "".join(chr(ord(char) + 0xFEE0) if char.isascii() and char != " " else char for char in value)


def padded(value: str | None, row: int) -> Cell:
    """No-break spaces as web pages leave them."""
    return value and f"\u00a0{value}\u00a0"


def number_phone(value: str | None, row: int) -> Cell:
    """A column typed as number; what is no mobile stays text."""
    return int(value) if value and re.fullmatch(r"1\d+", value) else value


def spaced_phone(value: str | None, row: int) -> Cell:
    return value and re.sub(r"^(1\d\d)(\d{4})(\d{4})$", r"\1 \2 \3", dashed_phone(value, row))


def dashed_phone(value: str | None, row: int) -> Cell:
    return value and re.sub(r"^021(\d{8})$", r"021-\1", value)


level_grade = text("{}级")


def level_wide(value: str | None, row: int) -> Cell:
    return value and f"{wide(value, row)}级"


level_horizon = words({"H": "H（7天内）", "A": "A（1月内）", "B": "B（3月内）", "C": "C（3月以上）", "O": "O（已订）"})


def accounting(value: Any, row: int) -> Cell:
    """Thousands separators as text with a trailing space, negatives in parentheses."""
    return None if value is None else f"({-value:,.2f})" if value < 0 else f"{value:,.2f} "
