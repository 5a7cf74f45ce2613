"""A worksheet of a template: its cells with their marks, and what they become."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from xml.sax.saxutils import escape

from openpyxl.formula.translate import Translator

from kpicli.fill.calc import Error, Scalar
from kpicli.fill.marks import Repeat, Scope, Text, Value
from kpicli.fill.references import Block, Copy, Growth, moved
from kpicli.opc.markup import Draft, Element, retagged
from kpicli.read.sheets import column_index, column_letters

_EPOCH = datetime(1899, 12, 30)
_FORBIDDEN = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LONGEST = 32_767
_SLOT = "#address#"


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
    array: bool = False
    """Whether its formula is one of an array or a data table, which is left as it is."""
    markup: tuple[str, str] = ("", "")
    """As the template has it, before and after its address."""


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


@dataclass
class FilledRow:
    """A row of the result."""

    number: int
    row: Row
    cells: list[Filled]


@dataclass
class Sheet:
    """A worksheet part, and the marks of its notes."""

    name: str
    part: str
    draft: Draft
    rows: tuple[Row, ...]
    repeats: Mapping[int, Repeat] = field(default_factory=dict)
    """Row → the mark that begins there."""

    @classmethod
    def read(cls, name: str, part: str, content: bytes, strings: Sequence[str]) -> "Sheet":
        """Read a worksheet; `strings` are the workbook's shared strings."""
        draft = Draft(content)
        data = draft.root.child("sheetData")
        shared: dict[str, tuple[str, str]] = {}
        rows = tuple(_rows(draft, data, strings, shared)) if data else ()
        return cls(name, part, draft, rows)

    def marked(self) -> Iterator[tuple[int, Cell]]:
        """Every cell with marks, with its row."""
        return ((row.number, cell) for row in self.rows for cell in row.cells if cell.text)

    def blocks(self, scopes: Mapping[int, Sequence[Scope]]) -> list[Block]:
        """The blocks of rows, each with as many copies as it has rows of data, and at least one."""
        return [
            Block(first, first + repeat.rows - 1, max(len(scopes[first]), 1)) for first, repeat in self.repeats.items()
        ]

    def filled(
        self,
        scope: Scope,
        scopes: Mapping[int, Sequence[Scope]],
        growth: Mapping[str, Growth],
    ) -> Iterator[FilledRow]:
        """The rows of the result in their order."""
        own = growth[self.name]
        rows = {row.number: row for row in self.rows}
        for number in sorted({row.number for row in self.rows} | {block.first for block in own.blocks}):
            block = own.block(number)
            if block is None:
                yield self._row(rows[number], own.start(number), scope, growth, None)
            elif number == block.first:
                inside = [rows[place] for place in range(block.first, block.last + 1) if place in rows]
                found = scopes[block.first]
                for copy in range(block.copies):
                    place = own.start(block.first) + copy * block.height - block.first
                    seen = found[copy] if found else None
                    for row in inside:
                        yield self._row(row, row.number + place, seen, growth, Copy(self.name, block, copy))

    def _row(
        self, row: Row, number: int, scope: Scope | None, growth: Mapping[str, Growth], copy: Copy | None
    ) -> FilledRow:
        return FilledRow(number, row, [self._cell(cell, scope, growth, copy) for cell in row.cells])

    def _cell(self, cell: Cell, scope: Scope | None, growth: Mapping[str, Growth], copy: Copy | None) -> Filled:
        if cell.text:
            return Filled(cell, scalar(cell.text.value(scope)) if scope else None, fresh=True)
        if cell.formula is None or cell.array:
            return Filled(cell, cell.value)
        return Filled(cell, cell.value, moved(cell.formula, self.name, growth, copy), fresh=True)


def scalar(value: Value) -> Scalar:
    """A value as a spreadsheet has it: days are numbers."""
    if isinstance(value, datetime):
        return (value.replace(tzinfo=None) - _EPOCH).total_seconds() / 86400
    if isinstance(value, date):
        return float((datetime.combine(value, time.min) - _EPOCH).days)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float | Decimal):
        return float(value)
    return _FORBIDDEN.sub("", value)[:_LONGEST]


def row_markup(row: FilledRow) -> bytes:
    """A row of the result."""
    tag = row.row.tag
    number = str(row.number)
    if not row.cells:
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
    formula = f"<{p}f>{escape(filled.formula)}</{p}f>" if filled.formula is not None else ""
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
        return f'{opening} t="inlineStr"><{p}is><{p}t xml:space="preserve">{escape(value)}</{p}t></{p}is></{p}c>'
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
    formula, array = _formula(draft, part, f"{column_letters(column - 1)}{row}", shared) if part else (None, False)
    return Cell(column, attributes, value, formula, text, array, _split(draft.markup(element)))


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
    return float(said) if said else None


def _formula(draft: Draft, element: Element, place: str, shared: dict[str, tuple[str, str]]) -> tuple[str | None, bool]:
    """The formula of a cell, a shared one written out; and whether it is one that is left alone."""
    kind = element.attributes.get("t", "normal")
    said = _text(draft, element)
    if kind == "shared":
        key = element.attributes.get("si", "")
        if said:
            shared[key] = (said, place)
            return said, False
        master, origin = shared[key]
        return Translator("=" + master, origin).translate_formula(place)[1:], False
    return said, kind != "normal"


def texts(draft: Draft, element: Element) -> str:
    """The text of a string item, with that of all its runs, without phonetic hints."""
    parts = [*element.named("t"), *(part for run in element.named("r") for part in run.named("t"))]
    return "".join(_text(draft, part) for part in parts)


def _text(draft: Draft, element: Element) -> str:
    return unescaped(draft.text(element).decode())


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
