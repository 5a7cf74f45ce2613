"""Functions of texts."""

import math
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal

from kpicli.fill.calc.calls import Function
from kpicli.fill.calc.functions.criteria import Wildcards
from kpicli.fill.calc.values import (
    LONGEST_TEXT,
    Error,
    Failed,
    Operand,
    Scalar,
    Unknown,
    day_of,
    number,
    number_in,
    shown,
    table_of,
    text,
)


def _length(count: float, least: int = 0) -> int:
    whole = math.trunc(count)
    if whole < least:
        raise Failed(Error.VALUE)
    return whole


def _right(words: str, count: float = 1.0) -> str:
    return words[max(0, len(words) - _length(count)) :]


def _middle(words: str, start: float, count: float) -> str:
    first = _length(start, 1) - 1
    return words[first : first + _length(count)]


def _find(part: str, words: str, start: float = 1.0) -> int:
    first = _start(words, start)
    return _place(words.find(part, first))


def _search(part: str, words: str, start: float = 1.0) -> int:
    first = _start(words, start)
    return _place(Wildcards(part).find(words, first))


def _start(words: str, start: float) -> int:
    first = _length(start, 1) - 1
    if first > len(words):
        raise Failed(Error.VALUE)
    return first


def _place(found: int) -> int:
    if found < 0:
        raise Failed(Error.VALUE)
    return found + 1


def _substitute(words: str, old: str, new: str, which: float | None = None) -> str:
    wanted = None if which is None else _length(which, 1)
    if not old or old not in words:
        return words
    if wanted is None:
        if len(words) + words.count(old) * (len(new) - len(old)) > LONGEST_TEXT:
            raise Failed(Error.VALUE)
        return words.replace(old, new)
    pieces = words.split(old, wanted)
    return words if len(pieces) <= wanted else old.join(pieces[:-1]) + new + pieces[-1]


def _repeat(words: str, count: float) -> str:
    times = _length(count)
    if len(words) * times > LONGEST_TEXT:
        raise Failed(Error.VALUE)
    return words * times


def _joined(between: str, pieces: list[str]) -> str:
    if sum(map(len, pieces)) + len(between) * max(0, len(pieces) - 1) > LONGEST_TEXT:
        raise Failed(Error.VALUE)
    return between.join(pieces)


def _pieces(operands: tuple[Operand, ...]) -> list[str]:
    return [text(value) for operand in operands for value in _all(operand)]


def _all(operand: Operand) -> list[Scalar]:
    return list(table_of(operand))


def _text_join(between: str, skip_empty: bool, *operands: Operand) -> str:
    if not skip_empty and any(table_of(operand).unheld for operand in operands):
        raise Unknown("TEXTJOIN with the empty cells of whole columns")
    return _joined(between, [piece for piece in _pieces(operands) if piece or not skip_empty])


def _value(value: Scalar) -> float:
    if isinstance(value, bool):
        raise Failed(Error.VALUE)
    return number(value)


def _trim(words: str) -> str:
    return re.sub(" +", " ", words.strip(" "))


_DECIMALS = re.compile(r"(#,##)?0(?:\.(0+))?(%?)")
_DAYS: dict[str, Callable[[int, int, int], str]] = {
    "yyyy-mm-dd": lambda year, month, day: f"{year}-{month:02}-{day:02}",
    "yyyy年m月": lambda year, month, day: f"{year}年{month}月",
    "m月d日": lambda year, month, day: f"{month}月{day}日",
    "mm-dd": lambda year, month, day: f"{month:02}-{day:02}",
}


def _formatted(value: Scalar, pattern: str) -> str:
    """A value in a number format, of the few that say the same in every language."""
    decimals, day = _DECIMALS.fullmatch(pattern), _DAYS.get(pattern.lower())
    if not decimals and not day:
        raise Unknown(f"the number format {pattern[:40]!r}")
    if isinstance(value, bool):
        return text(value)
    read = number_in(value) if isinstance(value, str) else number(value)
    if read is None:
        return text(value)
    if day:
        return day(*_dated(read))
    assert decimals
    return _decimal(read, decimals)


def _dated(serial: float) -> tuple[int, int, int]:
    try:
        return day_of(serial)
    except Failed:
        raise Failed(Error.VALUE) from None


def _decimal(value: float, pattern: re.Match[str]) -> str:
    places = len(pattern[2] or "")
    if places > 30 or abs(value) > 1e15:
        raise Unknown("more digits than Excel computes with")
    exact = shown(value).scaleb(2 if pattern[3] else 0).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    return f"{exact:{',' if pattern[1] else ''}.{places}f}{pattern[3]}"


FUNCTIONS = {
    "CONCATENATE": Function(lambda *words: _joined("", list(words)), "t", repeat="t"),
    "CONCAT": Function(lambda *operands: _joined("", _pieces(operands)), "r", repeat="r"),
    "TEXTJOIN": Function(_text_join, "tbr", repeat="r"),
    "LEFT": Function(lambda words, count=1.0: words[: _length(count)], "c", "n"),
    "RIGHT": Function(_right, "c", "n"),
    "MID": Function(_middle, "cnn"),
    "LEN": Function(len, "c"),
    "TRIM": Function(_trim, "t"),
    "UPPER": Function(str.upper, "t"),
    "LOWER": Function(str.lower, "t"),
    "FIND": Function(_find, "cc", "n"),
    "SEARCH": Function(_search, "cc", "n"),
    "SUBSTITUTE": Function(_substitute, "ttt", "n"),
    "REPT": Function(_repeat, "tn"),
    "VALUE": Function(_value, "s"),
    "EXACT": Function(lambda a, b: a == b, "tt"),
    "TEXT": Function(_formatted, "st"),
}
