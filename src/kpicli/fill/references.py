"""References in formulas, and where they point when rows or columns of a template are repeated."""

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate
from typing import Literal

from openpyxl.formula import Tokenizer
from openpyxl.formula.tokenizer import Token

from kpicli.read.sheets import column_index, column_letters

Axis = Literal["row", "column"]
"""Along which places are counted, from 1."""
AXES: tuple[Axis, ...] = ("row", "column")
LAST: Mapping[Axis, int] = {"row": 1_048_576, "column": 16_384}

_CELL = re.compile(r"(\$?)([A-Z]{1,3})(\$?)([1-9]\d*)")
_ROW = re.compile(r"(\$?)([1-9]\d*)")
_COLUMN = re.compile(r"(\$?)([A-Z]{1,3})")


@dataclass(frozen=True)
class Block:
    """Rows or columns of a template that stand for so many copies, at least one."""

    first: int
    last: int
    copies: int
    stands_for: str = ""
    """What it is repeated for: blocks of the same data go together."""

    @property
    def size(self) -> int:
        """Rows or columns of one copy."""
        return self.last - self.first + 1

    @property
    def more(self) -> int:
        """Rows or columns that the copies take beyond those of the template."""
        return (self.copies - 1) * self.size

    def __contains__(self, place: int) -> bool:
        return self.first <= place <= self.last


class Growth:
    """Where the rows, or the columns, of one sheet go."""

    def __init__(self, blocks: Sequence[Block] = (), axis: Axis = "row") -> None:
        self.blocks = tuple(sorted(blocks, key=lambda block: block.first))
        self.axis: Axis = axis
        self._lasts = [block.last for block in self.blocks]
        self._more = [0, *accumulate(block.more for block in self.blocks)]

    def __bool__(self) -> bool:
        return bool(self._more[-1])

    def start(self, place: int) -> int:
        """Where something that begins there begins; of a block, in its first copy."""
        return min(LAST[self.axis], place + self._more[bisect_left(self._lasts, place)])

    def end(self, place: int) -> int:
        """Where something that ends there ends; of a block, in its last copy."""
        inside = self.block(place)
        return min(LAST[self.axis], self.start(place) + (inside.more if inside else 0))

    def block(self, place: int) -> Block | None:
        """The block that a row or column belongs to."""
        at = bisect_left(self._lasts, place)
        return self.blocks[at] if at < len(self.blocks) and place in self.blocks[at] else None

    def shift(self, block: Block, number: int) -> int:
        """How far a copy of a block lies from the block of the template."""
        return self.start(block.first) - block.first + number * block.size


@dataclass(frozen=True)
class Copy:
    """One copy of a block, from which a formula looks at the sheet."""

    sheet: str
    block: Block
    number: int
    """From 0."""
    nests: bool = False
    """Whether other blocks lie inside this one: then its fixed rows are this copy's too."""
    spreads: bool = False
    """Whether the next program carries the formula on to the other cells by itself, as it does in a conditional format:
    then what does not belong to the copy is fixed.
    """

    def owns(self, sheet: str, place: int) -> bool:
        """Whether a row or column of the template is this copy's, or the one right before the block."""
        return sheet == self.sheet and self.block.first - self.block.size <= place <= self.block.last

    def fixes(self, sheet: str, place: int) -> bool:
        """Whether a fixed row or column stays where it is, as part of the block rather than of this copy."""
        return not (self.nests and sheet == self.sheet and place in self.block)


@dataclass(frozen=True)
class _End:
    """One end of a reference."""

    fixed_column: str
    """A dollar or nothing."""
    column: str
    """Empty in a reference to whole rows."""
    fixed_row: str
    row: int
    """0 in a reference to whole columns."""

    def place(self, axis: Axis) -> int:
        """Its row or its column; 0 where it has none."""
        if axis == "row":
            return self.row
        return column_index(self.column) + 1 if self.column else 0

    def fixed(self, axis: Axis) -> bool:
        return bool(self.fixed_row if axis == "row" else self.fixed_column)

    def text(self, axis: Axis = "row", place: int = 0, *, fixed: bool = False) -> str:
        """As a formula has it, its row or column another one."""
        column, row = self.column, self.row
        dollars = [self.fixed_column, self.fixed_row]
        if place and axis == "row":
            row, dollars[1] = place, "$" if fixed else self.fixed_row
        elif place:
            column, dollars[0] = column_letters(place - 1), "$" if fixed else self.fixed_column
        return f"{dollars[0]}{column}{dollars[1]}{row or ''}"


@dataclass(frozen=True)
class Reference:
    """A cell or a range as a formula has it."""

    prefix: str
    """The sheet as written, with its exclamation mark; may be empty."""
    sheet: str
    """The sheet's name; empty for the formula's own."""
    first: _End
    last: _End | None
    closes: bool = False
    """Whether it is the end of a range whose beginning is computed, or names its sheet by itself."""

    def moved(self, own: str, growth: Mapping[str, Growth], copy: Copy | None) -> str:
        """The reference after the repeating, as seen from a sheet and maybe from a copy of a block."""
        name = self.sheet or own
        where = growth.get(name, _STILL)
        if copy and copy.nests and self.last:
            ends = self.first.place(where.axis), self.last.place(where.axis)
            copy = replace(copy, nests=ends != (copy.block.first, copy.block.last))  # all of the block is all copies
        first = _moved_end(self.first, name, where, copy, ends=self.closes)
        last = f":{_moved_end(self.last, name, where, copy, ends=True)}" if self.last else ""
        return f"{self.prefix}{first}{last}"


_STILL = Growth()


def _moved_end(end: _End, sheet: str, where: Growth, copy: Copy | None, *, ends: bool) -> str:
    """One end of a reference. In a copy, relative rows of the block are the copy's own, and so is the row right above:
    that is the copy before. Relative rows of a block that stands for the same data are those of the same datum. The
    same goes for columns, where columns are repeated.
    """
    axis = where.axis
    place = end.place(axis)
    if not place:
        return end.text()
    usual = where.end(place) if ends else where.start(place)
    if copy is None or (end.fixed(axis) and copy.fixes(sheet, place)):
        return end.text(axis, usual)
    if copy.owns(sheet, place):
        inside = place >= copy.block.first or copy.number > 0
        return end.text(axis, place + where.shift(copy.block, copy.number) if inside else usual)
    other = where.block(place)
    if other and other.stands_for == copy.block.stands_for and other.size == copy.block.size:
        return end.text(axis, place + where.shift(other, copy.number))
    return end.text(axis, usual, fixed=copy.spreads)


Pieces = tuple[str | Reference, ...]
"""A formula taken apart: text as it is, and references."""


@cache
def taken_apart(formula: str) -> Pieces:
    """The pieces of a formula, without its equals sign; raises ValueError for one that cannot be read."""
    try:
        tokens = Tokenizer("=" + formula).items
    except Exception as error:  # the tokenizer raises what it happens to run into
        raise ValueError(formula) from error
    return tuple(piece for token in tokens for piece in _pieces(token))


def _pieces(token: Token) -> Pieces:
    """A token as it is, or taken apart further: a reference; ``B5:INDEX(``, ``:B9``, ``S!B5:S!B9`` are ends of one."""
    text = token.value
    if token.type == Token.OPERAND and token.subtype == Token.RANGE:
        whole = _reference(text)
        if whole:
            return (whole,)
        before, _, after = text.rpartition(":")
        first, last = _reference(before), _reference(after)
        if last and (first or not before):
            return *((first,) if first else ()), ":", replace(last, closes=True)
    if token.type == Token.FUNC and ":" in text:
        before, _, after = text.partition(":")
        first = _reference(before)
        if first:
            return first, f":{after}"
    return (text,)


def moved(formula: str, own: str, growth: Mapping[str, Growth], copy: Copy | None = None) -> str:
    """A formula after the rows have been repeated; as it is where it cannot be read."""
    try:
        pieces = taken_apart(formula)
    except ValueError:
        return formula
    return "".join(piece.moved(own, growth, copy) if isinstance(piece, Reference) else piece for piece in pieces)


def moved_area(area: str, where: Growth) -> str:
    """A list of areas (``A1:B3 D5``) after the repeating."""
    return " ".join(_moved_one(one, where) for one in area.split())


def _moved_one(area: str, where: Growth) -> str:
    found = _reference(area)
    if found is None or not found.first.place(where.axis):
        return area
    first = found.first
    last = found.last or first
    axis = where.axis
    one = first.text(axis, where.start(first.place(axis)))
    other = last.text(axis, where.end(last.place(axis)))
    return one if one == other and first.row and first.column else f"{one}:{other}"


def span(area: str, axis: Axis) -> tuple[int, int] | None:
    """First and last row, or column, of an area; None for what has none."""
    found = _reference(area)
    if found is None or not found.first.place(axis):
        return None
    return found.first.place(axis), (found.last or found.first).place(axis)


def copied_area(area: str, where: Growth, block: Block, number: int) -> str:
    """An area inside a block, in one of its copies."""
    found = _reference(area)
    if found is None:
        return area
    axis, shift = where.axis, where.shift(block, number)
    ends = [found.first, *([found.last] if found.last else [])]
    return ":".join(end.text(axis, end.place(axis) + shift) for end in ends)


def _reference(text: str) -> Reference | None:
    prefix, mark, rest = text.rpartition("!")
    sheet = prefix[1:-1].replace("''", "'") if prefix.startswith("'") else prefix
    if "[" in sheet or ":" in sheet:
        return None  # another workbook, or several sheets
    one, colon, other = rest.partition(":")
    patterns = (_CELL, _ROW, _COLUMN) if colon else (_CELL,)
    pattern = next((pattern for pattern in patterns if pattern.fullmatch(one)), None)
    if pattern is None or (colon and not pattern.fullmatch(other)):
        return None
    first, last = _end(one), _end(other) if colon else None
    if any(_beyond(end) for end in (first, last) if end):
        return None  # a name such as YTD2026
    return Reference(prefix + mark, sheet, first, last)


def _beyond(end: _End) -> bool:
    return end.row > LAST["row"] or end.place("column") > LAST["column"]


def _end(text: str) -> _End:
    found = re.fullmatch(r"(\$?)([A-Z]*)(\$?)(\d*)", text)
    assert found  # told apart by `_reference`
    fixed, column, fixed_row, row = found.groups()
    if not column:
        fixed, fixed_row = "", fixed or fixed_row
    return _End(fixed, column, fixed_row, int(row or 0))
