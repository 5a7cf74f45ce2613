"""A worksheet of a template: its cells with their marks, and what they become."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from decimal import Decimal
from math import isfinite
from typing import TypeVar
from xml.sax.saxutils import escape

from openpyxl.formula.translate import Translator

from kpicli.fill.calc import Error, Scalar
from kpicli.fill.marks import Blank, Repeat, Scope, Text, Value
from kpicli.fill.references import Axis, Block, Copy, Growth, copied_area, moved, moved_area, span
from kpicli.opc import PackageError
from kpicli.opc.markup import Draft, Element, retagged
from kpicli.read.sheets import column_index, column_letters

_EPOCH = datetime(1899, 12, 30)
FORBIDDEN = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LOOKS_ESCAPED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
_LONGEST = 32_767
_SLOT = "#address#"
Thing = TypeVar("Thing")


@dataclass(frozen=True)
class Cell:
    """A cell of the template."""

    column: int
    """From 1."""
    attributes: str
    """Style and whatever else its tag has but for address and type, with a leading space."""
    value: Scalar
    formula: str | None = None
    """Without its equals sign."""
    text: Text | None = None
    """Its marks."""
    special: tuple[tuple[str, str], ...] = ()
    """The attributes of a formula of an array or a data table, which kpicli does not compute."""
    covered: bool = False
    """Whether it belongs to such a formula in another cell."""
    markup: tuple[str, str] = ("", "")
    """As the template has it, before and after its address."""

    @property
    def array(self) -> str:
        """The area of its formula, when that is one of an array or a data table."""
        return dict(self.special).get("ref", "")

    @property
    def style(self) -> int:
        """Which of the workbook's cell formats it has."""
        found = re.search(r' s="(\d+)"', self.attributes)
        return int(found.group(1)) if found else 0


@dataclass(frozen=True)
class Row:
    """A row of the template."""

    number: int
    tag: bytes
    """Its start tag, or all of it when it is empty."""
    cells: tuple[Cell, ...]


@dataclass
class Filled:
    """A cell of the result."""

    cell: Cell
    value: Scalar
    formula: str | None = None
    fresh: bool = False
    """Whether anything of it is new but its place."""
    special: str = ""
    """The attributes of a formula that is not computed."""


@dataclass
class FilledRow:
    """A row of the result."""

    number: int
    row: Row
    cells: list[Filled]


@dataclass(frozen=True)
class Mark:
    """A repeating note in its place."""

    cell: str
    repeat: Repeat
    first: int
    """The row or column that the block begins with."""
    within: Scope | None = None
    """In a copy of another block: what that copy is about."""
    group: str = ""
    """And which copy of which data it is."""

    @property
    def last(self) -> int:
        """The row or column that the block ends with."""
        return self.first + self.repeat.size - 1

    def holds(self, other: "Mark") -> bool:
        """Whether another block lies inside this one."""
        return self is not other and self.first <= other.first and other.last <= self.last

    def block(self, copies: int) -> Block:
        """Its rows or columns; blocks that stand for the same data go together, in two copies of another one do not."""
        return Block(self.first, self.last, copies, f"{self.repeat.data} {self.group}")

    def scopes(self, scope: Scope) -> Sequence[Scope]:
        """What each copy is about; at least one, which is blank for an empty list."""
        return self.repeat.scopes(self.within or scope) or [Blank()]


@dataclass(frozen=True)
class Bound:
    """What a cell is about whose block has been laid out already."""

    row: Scope | None = None
    column: Scope | None = None

    def scope(self, row: Scope) -> Scope:
        """What its paths mean in a row; nothing in the column of an empty list."""
        if self.column is None:
            return row
        return self.column if isinstance(self.column, Blank) else row.across(self.column)


_UNBOUND = Bound()
Bindings = dict[tuple[int, int], Bound]
"""Row and column → what the cell is about."""


@dataclass
class Sheet:
    """A worksheet part, and the marks of its notes."""

    name: str
    part: str
    draft: Draft
    rows: tuple[Row, ...]
    marks: Sequence[Mark] = ()
    bound: Bindings = field(default_factory=dict)
    epoch: datetime = _EPOCH
    """The day 0 of the workbook."""

    @classmethod
    def read(cls, name: str, part: str, content: bytes, strings: Sequence[str]) -> "Sheet":
        """Read a worksheet; `strings` are the workbook's shared strings."""
        draft = Draft(content)
        data = draft.root.child("sheetData")
        shared: dict[str, tuple[str, str]] = {}
        rows = tuple(_rows(draft, data, strings, shared)) if data else ()
        areas = [area for row in rows for cell in row.cells if (area := cell.array) and ":" in area]
        if areas:
            rows = tuple(
                replace(row, cells=tuple(_covered(cell, row.number, areas) for cell in row.cells)) for row in rows
            )
        return cls(name, part, draft, rows)

    def along(self, axis: Axis) -> list[Mark]:
        """The marks that repeat rows, or columns."""
        return [mark for mark in self.marks if mark.repeat.axis == axis]

    def outer(self) -> list[Mark]:
        """The marks that repeat rows and lie in no other block."""
        rows = self.along("row")
        return [mark for mark in rows if not any(other.holds(mark) for other in rows)]

    def marked(self) -> Iterator[tuple[int, Cell]]:
        """Every cell with marks, with its row."""
        return ((row.number, cell) for row in self.rows for cell in row.cells if cell.text)

    def filled(
        self, scope: Scope, copies: Mapping[int, Sequence[Scope]], growth: Mapping[str, Growth]
    ) -> Iterator[FilledRow]:
        """The rows of the result in their order; `copies` tells by each block's first row what its copies are about."""
        for row, number, cells in self._laid_out(growth[self.name]):
            made = []
            for cell, _, copy in cells:
                bound = self.bound.get((row.number, cell.column), _UNBOUND)
                seen = copies[copy.block.first][copy.number] if copy else bound.row or scope
                made.append(self._cell(cell, bound.scope(seen), growth, copy))
            yield FilledRow(number, row, made)

    def unfolded(
        self, copies: Mapping[int, Sequence[Scope]], growth: Mapping[str, Growth]
    ) -> tuple[list[FilledRow], Bindings]:
        """The rows with their marks still in them, and what each marked cell is about now."""
        own = growth[self.name]
        rows: list[FilledRow] = []
        bindings: Bindings = {}
        for row, number, cells in self._laid_out(own):
            made = []
            for cell, column, copy in cells:
                if cell.text:
                    bound = self.bound.get((row.number, cell.column), _UNBOUND)
                    if copy:
                        bound = replace(bound, **{own.axis: copies[copy.block.first][copy.number]})
                    bindings[number, column] = bound
                moved_cell = cell if column == cell.column else replace(cell, column=column)
                made.append(self._cell(moved_cell, None, growth, copy))
            rows.append(FilledRow(number, row, made))
        return rows, bindings

    def _laid_out(self, own: Growth) -> Iterator[tuple[Row, int, Iterable[tuple[Cell, int, Copy | None]]]]:
        """Every row of the result with its number, and its cells with their columns."""
        if own.axis == "row":
            for row, number, copy in self._repeated({row.number: row for row in self.rows}, own):
                yield row, number, [(cell, cell.column, copy) for cell in row.cells]
        else:
            for row in self.rows:
                bare = replace(row, tag=retagged(row.tag, {"spans": None}))  # a hint that would be wrong
                yield bare, row.number, self._repeated({cell.column: cell for cell in row.cells}, own)

    def _repeated(self, things: Mapping[int, Thing], own: Growth) -> Iterator[tuple[Thing, int, Copy | None]]:
        """Rows by number, or cells of a row by column: each as often as it is repeated, in its new place."""
        marks = self.along(own.axis)
        nesting = {outer.first for outer in marks if any(outer.holds(mark) for mark in marks)}
        for place in sorted({*things, *(block.first for block in own.blocks)}):
            block = own.block(place)
            if block is None:
                yield things[place], own.start(place), None
            elif place == block.first:
                inside = [(at, things[at]) for at in range(block.first, block.last + 1) if at in things]
                for number in range(block.copies):
                    shift = own.shift(block, number)
                    for at, thing in inside:
                        yield thing, at + shift, Copy(self.name, block, number, nests=block.first in nesting)

    def _cell(self, cell: Cell, scope: Scope | None, growth: Mapping[str, Growth], copy: Copy | None) -> Filled:
        """A cell of the result; without a scope its marks stay."""
        if cell.text and scope:
            return Filled(cell, scalar(cell.text.value(scope), self.epoch), fresh=True)
        if cell.covered:
            return Filled(cell, None, fresh=True)
        if cell.formula is None:
            return Filled(cell, cell.value)
        formula = moved(cell.formula, self.name, growth, copy)
        return Filled(cell, cell.value, formula, fresh=True, special=self._special(cell, growth[self.name], copy))

    def _special(self, cell: Cell, own: Growth, copy: Copy | None) -> str:
        """The attributes of a formula of an array or a data table, its areas where they are now."""

        def where(area: str) -> str:
            inside = copy is not None and all(place in copy.block for place in span(area, own.axis) or (0,))
            return copied_area(area, own, copy.block, copy.number) if copy and inside else moved_area(area, own)

        return "".join(
            f' {name}="{escape(where(value) if name in ("ref", "r1", "r2") else value)}"'
            for name, value in cell.special
        )


def scalar(value: Value, epoch: datetime = _EPOCH) -> Scalar:
    """A value as a spreadsheet has it: days are numbers, and what is no number is empty."""
    if isinstance(value, datetime):
        return (value.replace(tzinfo=None) - epoch).total_seconds() / 86400
    if isinstance(value, date):
        return float((datetime.combine(value, time.min) - epoch).days)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float | Decimal):
        return float(value) if isfinite(value) else None
    return FORBIDDEN.sub("", value).encode("utf-16-le")[: 2 * _LONGEST].decode("utf-16-le", "ignore")


def row_markup(row: FilledRow) -> bytes:
    """A row of the result."""
    tag = row.row.tag
    number = str(row.number)
    if not row.cells and tag.endswith(b"/>"):
        return retagged(tag, {"r": number})
    opening = retagged(tag, {"r": number}) if row.number != row.row.number else tag
    prefix = opening[1 : opening.index(b"row")].decode()
    cells = "".join(_cell_markup(cell, number, prefix) for cell in row.cells)
    return opening + cells.encode() + f"</{prefix}row>".encode()


def _cell_markup(filled: Filled, row: str, prefix: str) -> str:
    cell = filled.cell
    place = f"{column_letters(cell.column - 1)}{row}"
    if not filled.fresh:
        return place.join(cell.markup)
    value, p = filled.value, prefix
    formula = f"<{p}f{filled.special}>{escape(filled.formula)}</{p}f>" if filled.formula is not None else ""
    opening = f'<{p}c r="{place}"{cell.attributes}'
    if value is None:
        return f"{opening}>{formula}</{p}c>" if formula else f"{opening}/>"
    if isinstance(value, Error):
        return f'{opening} t="e">{formula}<{p}v>{value.value}</{p}v></{p}c>'
    if isinstance(value, bool):
        return f'{opening} t="b">{formula}<{p}v>{int(value)}</{p}v></{p}c>'
    if isinstance(value, str):
        if formula:
            return f'{opening} t="str">{formula}<{p}v>{escape(value)}</{p}v></{p}c>'
        text = escape(_LOOKS_ESCAPED.sub("_x005F_", value))
        return f'{opening} t="inlineStr"><{p}is><{p}t xml:space="preserve">{text}</{p}t></{p}is></{p}c>'
    return f"{opening}>{formula}<{p}v>{value:.17g}</{p}v></{p}c>"


def _rows(draft: Draft, data: Element, strings: Sequence[str], shared: dict[str, tuple[str, str]]) -> Iterable[Row]:
    number = 0
    for element in data.named("row"):
        number = int(element.attributes.get("r", number + 1))
        tag = draft.source[element.start : element.inner]
        column = 0
        cells = []
        for part in element.named("c"):
            letters = re.match("[A-Z]+", part.attributes.get("r", ""))
            column = column_index(letters.group()) + 1 if letters else column + 1
            cells.append(_cell(draft, part, number, column, strings, shared))
        yield Row(number, tag, tuple(cells))


def _cell(
    draft: Draft,
    element: Element,
    row: int,
    column: int,
    strings: Sequence[str],
    shared: dict[str, tuple[str, str]],
) -> Cell:
    attributes = "".join(
        f' {name}="{escape(value, {chr(34): "&quot;"})}"'
        for name, value in element.attributes.items()
        if name not in ("r", "t")
    )
    value = _value(draft, element, strings)
    part = element.child("f")
    text = Text.read(value) if isinstance(value, str) and part is None else None
    formula, special = _formula(draft, part, f"{column_letters(column - 1)}{row}", shared) if part else (None, ())
    return Cell(column, attributes, value, formula, text, special, markup=_split(draft.markup(element)))


def _split(markup: bytes) -> tuple[str, str]:
    """The markup of a cell around its address."""
    text = retagged(markup, {"r": _SLOT}).decode()
    before, _, after = text.partition(_SLOT)
    return before, after


def _value(draft: Draft, element: Element, strings: Sequence[str]) -> Scalar:
    kind = element.attributes.get("t", "n")
    if kind == "inlineStr":
        inside = element.child("is")
        return texts(draft, inside) if inside else None
    part = element.child("v")
    if part is None:
        return None
    said = _text(draft, part)
    if kind == "s":
        return strings[int(said)]
    if kind == "str":
        return said
    if kind == "b":
        return said == "1"
    if kind == "e":
        return next((error for error in Error if error.value == said), Error("#VALUE!"))
    if kind == "d":
        return scalar(datetime.fromisoformat(said))
    return float(said) if said else None


def _formula(
    draft: Draft, element: Element, place: str, shared: dict[str, tuple[str, str]]
) -> tuple[str | None, tuple[tuple[str, str], ...]]:
    """The formula of a cell, a shared one written out; and the attributes of one that is not computed."""
    kind = element.attributes.get("t", "normal")
    said = _text(draft, element)
    if kind == "shared":
        key = element.attributes.get("si", "")
        if said:
            shared[key] = (said, place)
            return said, ()
        master, origin = shared[key]
        try:
            return Translator("=" + master, origin).translate_formula(place)[1:], ()
        except Exception as error:  # the tokenizer raises what it happens to run into
            raise PackageError(f"{place}: {master}") from error
    return said, () if kind == "normal" else tuple(element.attributes.items())


def texts(draft: Draft, element: Element) -> str:
    """The text of a string item, with that of all its runs, without phonetic hints."""
    parts = [*element.named("t"), *(part for run in element.named("r") for part in run.named("t"))]
    return "".join(_text(draft, part) for part in parts)


def _text(draft: Draft, element: Element) -> str:
    text = draft.text(element).decode()
    if "<![CDATA[" not in text:
        return unescaped(text)
    pieces = _CDATA.split(text)
    return "".join(piece if place % 2 else unescaped(piece) for place, piece in enumerate(pieces))


_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.S)


def holds(area: str, row: int, column: int) -> bool:
    """Whether a cell lies in an area."""
    rows, columns = span(area, "row"), span(area, "column")
    return (rows is None or rows[0] <= row <= rows[1]) and (columns is None or columns[0] <= column <= columns[1])


def _covered(cell: Cell, row: int, areas: Sequence[str]) -> Cell:
    """A cell, noted as covered where it lies in the array of another one."""
    around = any(holds(area, row, cell.column) for area in areas if area != cell.array)
    return replace(cell, covered=True) if around else cell


_ENTITY = re.compile(r"&(?:#x([0-9A-Fa-f]+)|#(\d+)|(\w+));")
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


def unescaped(text: str) -> str:
    """Text as it is meant: references to characters resolved."""
    if "&" not in text:
        return text

    def one(found: re.Match[str]) -> str:
        if found.group(3):
            return _NAMED.get(found.group(3), found.group())
        return chr(int(found.group(1), 16) if found.group(1) else int(found.group(2)))

    return _ENTITY.sub(one, text)
