"""References in formulas, and where they point when rows of a template are repeated."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from openpyxl.formula import Tokenizer
from openpyxl.formula.tokenizer import Token

from kpicli.read.sheets import column_index

LAST_ROW, LAST_COLUMN = 1_048_576, 16_384

_CELL = re.compile(r"(\$?)([A-Z]{1,3})(\$?)([1-9]\d*)")
_ROW = re.compile(r"(\$?)([1-9]\d*)")


@dataclass(frozen=True)
class Block:
    """Rows of a template that stand for so many copies, at least one."""

    first: int
    last: int
    copies: int
    stands_for: str = ""
    """What it is repeated for: blocks of the same rows of data go together."""

    @property
    def height(self) -> int:
        """Rows of one copy."""
        return self.last - self.first + 1

    @property
    def more(self) -> int:
        """Rows that the copies take beyond those of the template."""
        return (self.copies - 1) * self.height

    def __contains__(self, row: int) -> bool:
        return self.first <= row <= self.last


class Growth:
    """Where the rows of one sheet go."""

    def __init__(self, blocks: Sequence[Block] = ()) -> None:
        self.blocks = tuple(sorted(blocks, key=lambda block: block.first))

    def __bool__(self) -> bool:
        return any(block.more for block in self.blocks)

    def start(self, row: int) -> int:
        """The row where something that begins there begins; of a block, in its first copy."""
        return min(LAST_ROW, row + sum(block.more for block in self.blocks if block.last < row))

    def end(self, row: int) -> int:
        """The row where something that ends there ends; of a block, in its last copy."""
        inside = self.block(row)
        return min(LAST_ROW, self.start(row) + (inside.more if inside else 0))

    def block(self, row: int) -> Block | None:
        """The block that a row belongs to."""
        return next((block for block in self.blocks if row in block), None)


@dataclass(frozen=True)
class Copy:
    """One copy of a block, from whose rows a formula looks at the sheet."""

    sheet: str
    block: Block
    number: int
    """From 0."""
    spreads: bool = False
    """Whether the next program carries the formula on to the other rows by itself, as it does in a conditional format:
    then what does not belong to the row is fixed.
    """

    def owns(self, sheet: str, row: int) -> bool:
        """Whether a row of the template is this copy's, or the row right above the block."""
        return sheet == self.sheet and self.block.first - self.block.height <= row <= self.block.last


@dataclass(frozen=True)
class _End:
    """One end of a reference."""

    column: str
    """With its dollar; empty in a reference to whole rows."""
    fixed: bool
    row: int

    def text(self, row: int, *, fixed: bool = False) -> str:
        return f"{self.column}{'$' if self.fixed or fixed else ''}{row}"


@dataclass(frozen=True)
class Reference:
    """A cell or a range as a formula has it."""

    prefix: str
    """The sheet as written, with its exclamation mark; may be empty."""
    sheet: str
    """The sheet's name; empty for the formula's own."""
    first: _End
    last: _End | None

    def moved(self, own: str, growth: Mapping[str, Growth], copy: Copy | None) -> str:
        """The reference after the rows have been repeated, as seen from a sheet and maybe from a copy of a block."""
        name = self.sheet or own
        rows = growth.get(name, _STILL)
        first = _moved_end(self.first, name, rows, copy, ends=False)
        last = f":{_moved_end(self.last, name, rows, copy, ends=True)}" if self.last else ""
        return f"{self.prefix}{first}{last}"


_STILL = Growth()


def _moved_end(end: _End, sheet: str, rows: Growth, copy: Copy | None, *, ends: bool) -> str:
    """One end of a reference. In a copy, relative rows of the block are the copy's own, and so is the row right above:
    that is the copy before. Relative rows of a block that stands for the same data are those of the same datum.
    """
    usual = rows.end(end.row) if ends else rows.start(end.row)
    if copy is None or end.fixed:
        return end.text(usual)
    if copy.owns(sheet, end.row):
        inside = end.row >= copy.block.first or copy.number > 0
        own = rows.start(copy.block.first) + end.row - copy.block.first + copy.number * copy.block.height
        return end.text(own if inside else usual)
    other = rows.block(end.row)
    if other and other.stands_for == copy.block.stands_for and other.height == copy.block.height:
        return end.text(rows.start(other.first) + end.row - other.first + copy.number * other.height)
    return end.text(usual, fixed=copy.spreads)


Pieces = tuple[str | Reference, ...]
"""A formula taken apart: text as it is, and references."""


@cache
def taken_apart(formula: str) -> Pieces:
    """The pieces of a formula, without its equals sign; raises ValueError for one that cannot be read."""
    try:
        tokens = Tokenizer("=" + formula).items
    except Exception as error:  # the tokenizer raises what it happens to run into
        raise ValueError(formula) from error
    return tuple(
        (_reference(token.value) or token.value)
        if token.type == Token.OPERAND and token.subtype == Token.RANGE
        else token.value
        for token in tokens
    )


def moved(formula: str, own: str, growth: Mapping[str, Growth], copy: Copy | None = None) -> str:
    """A formula after the rows have been repeated; as it is where it cannot be read."""
    try:
        pieces = taken_apart(formula)
    except ValueError:
        return formula
    return "".join(piece.moved(own, growth, copy) if isinstance(piece, Reference) else piece for piece in pieces)


def moved_area(area: str, rows: Growth) -> str:
    """A list of areas (``A1:B3 D5``) after the rows have been repeated."""
    return " ".join(_moved_one(one, rows) for one in area.split())


def _moved_one(area: str, rows: Growth) -> str:
    found = _reference(area)
    if found is None:
        return area
    first = found.first
    last = found.last or first
    start, end = rows.start(first.row), rows.end(last.row)
    single = first.column and (start, first.column) == (end, last.column)
    return first.text(start) if single else f"{first.text(start)}:{last.text(end)}"


def rows_of(area: str) -> tuple[int, int] | None:
    """First and last row of an area; None for what has none."""
    found = _reference(area)
    return (found.first.row, (found.last or found.first).row) if found else None


def copied_area(area: str, rows: Growth, block: Block, number: int) -> str:
    """An area inside a block, in one of its copies."""
    found = _reference(area)
    if found is None:
        return area
    shift = rows.start(block.first) - block.first + number * block.height
    first, last = found.first, found.last
    return first.text(first.row + shift) + (f":{last.text(last.row + shift)}" if last else "")


def _reference(text: str) -> Reference | None:
    prefix, mark, rest = text.rpartition("!")
    sheet = prefix[1:-1].replace("''", "'") if prefix.startswith("'") else prefix
    if "[" in sheet or ":" in sheet:
        return None  # another workbook, or several sheets
    one, colon, other = rest.partition(":")
    pattern = _CELL if _CELL.fullmatch(one) else _ROW if colon else None
    if pattern is None or not pattern.fullmatch(one) or (colon and not pattern.fullmatch(other)):
        return None
    first, last = _end(one), _end(other) if colon else None
    if any(_beyond(end) for end in (first, last) if end):
        return None  # a name such as YTD2026
    return Reference(prefix + mark, sheet, first, last)


def _beyond(end: _End) -> bool:
    letters = end.column.lstrip("$")
    return end.row > LAST_ROW or bool(letters and column_index(letters) >= LAST_COLUMN)


def _end(text: str) -> _End:
    cell = _CELL.fullmatch(text)
    if cell:
        return _End(cell.group(1) + cell.group(2), bool(cell.group(3)), int(cell.group(4)))
    row = _ROW.fullmatch(text)
    assert row  # told apart by `_reference`
    return _End("", bool(row.group(1)), int(row.group(2)))
