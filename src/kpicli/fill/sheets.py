"""A worksheet of a template: its cells with their marks, and what they become."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from decimal import Decimal
from math import isfinite
from xml.sax.saxutils import escape

from openpyxl.formula.translate import Translator

from kpicli.fill.calc import Error, Scalar
from kpicli.fill.marks import Repeat, Scope, Text, Value
from kpicli.fill.references import Block, Copy, Growth, copied_area, moved, moved_area, rows_of
from kpicli.opc import PackageError
from kpicli.opc.markup import Draft, Element, retagged
from kpicli.read.sheets import column_index, column_letters

_EPOCH = datetime(1899, 12, 30)
_FORBIDDEN = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LOOKS_ESCAPED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
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
    special: tuple[tuple[str, str], ...] = ()
    """The attributes of a formula of an array or a data table, which kpicli does not compute."""
    covered: bool = False
    """Whether it belongs to such a formula in another cell."""
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
    special: str = ""
    """The attributes of a formula that is not computed."""


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
    epoch: datetime = _EPOCH
    """The day 0 of the workbook."""

    @classmethod
    def read(cls, name: str, part: str, content: bytes, strings: Sequence[str]) -> "Sheet":
        """Read a worksheet; `strings` are the workbook's shared strings."""
        draft = Draft(content)
        data = draft.root.child("sheetData")
        shared: dict[str, tuple[str, str]] = {}
        rows = tuple(_rows(draft, data, strings, shared)) if data else ()
        covered = {
            (row, column)
            for number, one in ((row.number, cell) for row in rows for cell in row.cells if cell.special)
            for row, column in cells_of(dict(one.special).get("ref", ""))
            if (row, column) != (number, one.column)
        }
        if covered:
            rows = tuple(
                replace(
                    row,
                    cells=tuple(
                        replace(cell, covered=True) if (row.number, cell.column) in covered else cell
                        for cell in row.cells
                    ),
                )
                for row in rows
            )
        return cls(name, part, draft, rows)

    def marked(self) -> Iterator[tuple[int, Cell]]:
        """Every cell with marks, with its row."""
        return ((row.number, cell) for row in self.rows for cell in row.cells if cell.text)

    def blocks(self, scopes: Mapping[int, Sequence[Scope]]) -> list[Block]:
        """The blocks of rows, each with as many copies as it has rows of data, and at least one."""
        return [
            Block(first, first + repeat.rows - 1, max(len(scopes[first]), 1), repeat.data)
            for first, repeat in self.repeats.items()
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
            return Filled(cell, scalar(cell.text.value(scope), self.epoch) if scope else None, fresh=True)
        if cell.covered:
            return Filled(cell, None, fresh=True)
        if cell.formula is None:
            return Filled(cell, cell.value)
        formula = moved(cell.formula, self.name, growth, copy)
        return Filled(cell, cell.value, formula, fresh=True, special=self._special(cell, growth[self.name], copy))

    def _special(self, cell: Cell, own: Growth, copy: Copy | None) -> str:
        """The attributes of a formula of an array or a data table, its areas where they are now."""

        def where(area: str) -> str:
            inside = copy is not None and all(row in copy.block for row in rows_of(area) or (0,))
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
    return _FORBIDDEN.sub("", value).encode("utf-16-le")[: 2 * _LONGEST].decode("utf-16-le", "ignore")


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


def cells_of(area: str) -> Iterator[tuple[int, int]]:
    """The rows and columns of the cells of an area."""
    found = re.fullmatch(r"([A-Z]{1,3})(\d+)(?::([A-Z]{1,3})(\d+))?", area)
    if found:
        left, top, right, bottom = found.groups()
        for row in range(int(top), int(bottom or top) + 1):
            for column in range(column_index(left) + 1, column_index(right or left) + 2):
                yield row, column


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
