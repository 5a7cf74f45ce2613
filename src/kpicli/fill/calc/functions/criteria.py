"""Functions that pick cells by criteria such as ``">=3"`` or ``"上海*"``."""

import math
import re
from collections.abc import Callable

from kpicli.fill.calc.calls import Function
from kpicli.fill.calc.values import (
    Error,
    Failed,
    Operand,
    Range,
    Scalar,
    Table,
    Unknown,
    less,
    number_in,
    same_number,
)

Test = Callable[[Scalar], bool]

_LONGEST = 255
_CRITERION = re.compile(r"(>=|<=|<>|=|>|<)?(.*)", re.S)
_WILDCARD = re.compile(r"~([*?~])|(\*)|(\?)|(.)", re.S)


class Wildcards:
    """A text with ``*``, ``?`` and ``~``. It is matched piece by piece: a regular expression could take years."""

    def __init__(self, words: str) -> None:
        pieces = [""]
        for escaped, star, mark, plain in _WILDCARD.findall(words):
            if star:
                pieces.append("")
            else:
                pieces[-1] += "." if mark else re.escape(escaped or plain)
        flags = re.I | re.S
        self._first, *self._middle = (re.compile(piece, flags) for piece in pieces)
        self._last = re.compile(f"(?:{pieces[-1]})\\Z", flags)
        self._least = len(re.sub(r"\\(.)", r"\1", pieces[-1], flags=re.S))

    def fits(self, words: str) -> bool:
        """Whether the whole text is such a one."""
        if not self._middle:
            return bool(self._first.fullmatch(words))
        found = self._first.match(words)
        for piece in self._middle[:-1]:
            found = found and piece.search(words, found.end())
        return bool(found and self._last.match(words, max(found.end(), len(words) - self._least)))

    def find(self, words: str, start: int) -> int:
        """Where the first such part begins; -1 if there is none."""
        first = found = self._first.search(words, start)
        for piece in self._middle:
            found = found and piece.search(words, found.end())
        return first.start() if first and found else -1


def same_text(words: str) -> Test:
    """Whether a cell is this text, in any case; with wildcards."""
    if any(c in words for c in "*?~"):
        pattern = Wildcards(words)
        return lambda cell: isinstance(cell, str) and not isinstance(cell, Error) and pattern.fits(cell)
    lower = words.lower()
    return lambda cell: isinstance(cell, str) and not isinstance(cell, Error) and cell.lower() == lower


def criterion(value: Scalar) -> Test:
    """The test of cells that a criterion means; an empty cell means 0."""
    if not isinstance(value, str) or isinstance(value, Error):
        return _same(0.0 if value is None else value)
    if len(value) > _LONGEST:
        raise Failed(Error.VALUE)
    found = _CRITERION.fullmatch(value)
    assert found  # it matches any text
    sign, words = found[1] or "", found[2]
    if not words:
        return _empty(sign)
    wanted = _typed(words)
    if sign in ("", "="):
        return _same(wanted)
    if sign == "<>":
        same = _same(wanted)
        return lambda cell: not same(cell)
    return _ordered(sign, wanted)


def _empty(sign: str) -> Test:
    match sign:
        case "":
            return lambda cell: cell is None or cell == ""
        case "=":
            return lambda cell: cell is None
        case "<>":
            return lambda cell: cell is not None
    raise Unknown(f"the criterion {sign!r}")


def _typed(words: str) -> Scalar:
    if words.upper() in ("TRUE", "FALSE"):
        return words.upper() == "TRUE"
    if words in set(Error):
        return Error(words)
    value = number_in(words)
    return words if value is None else value


def _same(wanted: Scalar) -> Test:
    if isinstance(wanted, float):
        return lambda cell: (value := _number_of(cell)) is not None and same_number(value, wanted)
    if isinstance(wanted, str) and not isinstance(wanted, Error):
        return same_text(wanted)
    return lambda cell: type(cell) is type(wanted) and cell == wanted


def _number_of(cell: Scalar) -> float | None:
    """The number in a cell, also where it was entered as text."""
    if isinstance(cell, float):
        return cell
    if not isinstance(cell, str) or isinstance(cell, Error):
        return None
    try:
        return number_in(cell)
    except Unknown:
        return None


def _ordered(sign: str, wanted: Scalar) -> Test:
    below, or_same = sign[0] == "<", sign[1:] == "="

    def holds(cell: Scalar) -> bool:
        if type(cell) is not type(wanted):
            return False
        before, after = (cell, wanted) if below else (wanted, cell)
        return not less(after, before) if or_same else less(before, after)

    return holds


def _range(operand: Operand) -> Range:
    if not isinstance(operand, Range):
        raise Unknown("criteria for what is no range")
    return operand


def _hits(*pairs: Operand) -> tuple[list[tuple[int, int]], int]:
    """Where, counted from 0, ranges and criteria (in turn) all hold; and for how many cells beyond the used ones."""
    tables = [_range(operand).table() for operand in pairs[::2]]
    tests = [criterion(value) for value in pairs[1::2] if not isinstance(value, Table | Range)]
    if len({(table.height, table.width) for table in tables}) > 1:
        raise Failed(Error.VALUE)
    rows, width = max(len(table.rows) for table in tables), max(table.held_width for table in tables)
    hits = list(range(rows * width))
    for table, test in zip(tables, tests, strict=True):
        cells = table.held(rows, width)
        hits = [hit for hit in hits if test(cells[hit])]
    beyond = tables[0].height * tables[0].width - rows * width
    return [divmod(hit, width) for hit in hits], beyond if beyond and all(test(None) for test in tests) else 0


def _count(*pairs: Operand) -> int:
    hits, beyond = _hits(*pairs)
    return len(hits) + beyond


def _picked(values: Operand, *pairs: Operand) -> list[float]:
    """The numbers of a range where the criteria hold; `Failed` for the first error among them."""
    table = _range(values).table()
    first = _range(pairs[0])
    if (table.height, table.width) != (first.height, first.width):
        raise Failed(Error.VALUE)
    found = [table.at(row, column) for row, column in _hits(*pairs)[0]]
    for value in found:
        if isinstance(value, Error):
            raise Failed(value)
    return [value for value in found if isinstance(value, float)]


def _picked_like(cells: Operand, wanted: Scalar, values: Operand | None = None) -> list[float]:
    """As SUMIF has it: the values begin where it says, and are as many as the cells."""
    like = _range(cells)
    chosen = like if values is None else _range(values).part(0, 0, like.height, like.width)
    return _picked(chosen, like, wanted)


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


FUNCTIONS = {
    "COUNTIF": Function(_count, "rv"),
    "COUNTIFS": Function(_count, "rv", repeat="rv"),
    "SUMIF": Function(lambda *given: math.fsum(_picked_like(*given)), "rv", "r"),
    "SUMIFS": Function(lambda *given: math.fsum(_picked(*given)), "rrv", repeat="rv"),
    "AVERAGEIF": Function(lambda *given: _mean(_picked_like(*given)), "rv", "r"),
    "AVERAGEIFS": Function(lambda *given: _mean(_picked(*given)), "rrv", repeat="rv"),
    "MAXIFS": Function(lambda *given: max(_picked(*given), default=0.0), "rrv", repeat="rv"),
    "MINIFS": Function(lambda *given: min(_picked(*given), default=0.0), "rrv", repeat="rv"),
}
