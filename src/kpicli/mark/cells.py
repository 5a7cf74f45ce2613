"""A worksheet part: give cells another format, and add those that are missing.

Only the rows that hold a marked cell are parsed. A sheet of 100,000 rows as a tree would cost a gigabyte; looking for
the rows in its bytes costs a second.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from kpicli.opc import PackageError
from kpicli.opc.markup import Draft, Element, utf8
from kpicli.read.sheets import column_index, column_letters

_HIDING = re.compile(rb"<!--.*?-->|<!\[CDATA\[.*?\]\]>", re.S)
_SHEET_DATA = re.compile(rb"<((?:[\w.-]+:)?)sheetData(?=[\s/>])[^<>]*>")
_ROW = re.compile(rb"<(?:[\w.-]+:)?row(?=[\s/>])((?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>")
_ROW_END = re.compile(rb"</(?:[\w.-]+:)?row\s*>")
_NUMBER = re.compile(rb"\sr\s*=\s*[\"'](\d+)[\"']")
_HEIGHT = re.compile(rb"\sht\s*=\s*[\"']([\d.]+)[\"']")
_HIDDEN = re.compile(rb"\shidden\s*=\s*[\"'](?:1|true)[\"']")

_BEFORE_NOTES = (
    "sheetPr",
    "dimension",
    "sheetViews",
    "sheetFormatPr",
    "cols",
    "sheetData",
    "sheetCalcPr",
    "sheetProtection",
    "protectedRanges",
    "scenarios",
    "autoFilter",
    "sortState",
    "dataConsolidate",
    "customSheetViews",
    "mergeCells",
    "phoneticPr",
    "conditionalFormatting",
    "dataValidations",
    "hyperlinks",
    "printOptions",
    "pageMargins",
    "pageSetup",
    "headerFooter",
    "rowBreaks",
    "colBreaks",
    "customProperties",
    "cellWatches",
    "ignoredErrors",
    "smartTags",
    "drawing",
)
"""What the schema has before ``legacyDrawing``."""

_PIXELS_PER_CHARACTER = 7
_PIXELS_PER_POINT = 4 / 3


@dataclass
class Grid:
    """How wide and high the cells of a sheet are, in pixels."""

    columns: list[tuple[int, int, int]] = field(default_factory=list)
    """First and last column, zero-based, and their width."""
    rows: dict[int, int] = field(default_factory=dict)
    """Row as shown → height, of rows that have their own."""
    usual_column: int = 64
    usual_row: int = 20

    def width(self, column: int) -> int:
        """Of a zero-based column."""
        return next((width for first, last, width in self.columns if first <= column <= last), self.usual_column)

    def height(self, row: int) -> int:
        """Of a zero-based row."""
        return self.rows.get(row + 1, self.usual_row)


class SheetPart:
    """A worksheet being edited: `frame` is everything around the rows, as a draft."""

    def __init__(self, content: bytes) -> None:
        content = utf8(content)
        shadow = _shadow(content)
        opening = _SHEET_DATA.search(shadow)
        if not opening:
            raise PackageError("no sheetData")
        start = end = opening.end()
        if not opening.group().endswith(b"/>"):
            end = shadow.rfind(b"</" + opening.group(1) + b"sheetData")
            if end < start:
                raise PackageError("sheetData without end")
        self._rows, self._shadow = content[start:end], shadow[start:end]
        self.frame = Draft(content[:start] + content[end:])
        self._base = _column_styles(self.frame.root)
        self.grid = _grid(self.frame.root)

    def restyle(self, places: Mapping[tuple[int, int], Callable[[int], int]]) -> None:
        """Give cells (row as shown, zero-based column) the format that a function makes of the one they have."""
        by_row: dict[int, dict[int, Callable[[int], int]]] = {}
        for row, column in sorted(places):
            by_row.setdefault(row, {})[column] = places[row, column]
        waiting = sorted(by_row, reverse=True)
        prefix = self.frame.root.prefix
        pieces: list[bytes] = []
        done = number = 0
        for found in _ROW.finditer(self._shadow):
            number = self._numbered(found.group(1), number)
            while waiting and waiting[-1] < number:
                pieces += (self._rows[done : found.start()], self._new_row(prefix, waiting[-1], by_row[waiting[-1]]))
                done = found.start()
                waiting.pop()
            if waiting and waiting[-1] == number:
                end = self._row_end(found)
                markup = self._rows[found.start() : end]
                pieces += (self._rows[done : found.start()], self._marked(markup, number, by_row[number]))
                done = end
                waiting.pop()
        pieces.append(self._rows[done:])
        pieces += (self._new_row(prefix, row, by_row[row]) for row in reversed(waiting))
        self._rows = b"".join(pieces)
        self._shadow = _shadow(self._rows)

    def content(self) -> bytes:
        """The part with its edits."""
        data = self.frame.root.child("sheetData")
        assert data  # found when the part was opened
        if self._rows:
            self.frame.append(data, self._rows)
        return self.frame.content()

    def add_notes(self, link: str, namespace: str) -> None:
        """Refer to a drawing of notes by the id of its link; the namespace is that of such ids."""
        drawing = f'<{self.frame.root.prefix}legacyDrawing xmlns:r="{namespace}" r:id="{link}"/>'
        known = self.frame.root.child("legacyDrawing")
        if known:  # its link leads nowhere
            self.frame.replace(known, drawing.encode())
        else:
            self.frame.insert_ordered(drawing.encode(), _BEFORE_NOTES)

    def deselect(self) -> None:
        """Make it no longer the selected sheet."""
        views = self.frame.root.child("sheetViews")
        for view in views.named("sheetView") if views else ():
            if "tabSelected" in view.attributes:
                self.frame.set(view, tabSelected=None)

    def _numbered(self, attributes: bytes, before: int) -> int:
        """The number of a row, counted where it does not say; notes its height in passing."""
        said = _NUMBER.search(attributes)
        number = int(said.group(1)) if said else before + 1
        if b"ht" in attributes or b"hidden" in attributes:
            height = _HEIGHT.search(attributes)
            if _HIDDEN.search(attributes):
                self.grid.rows[number] = 0
            elif height:
                self.grid.rows[number] = round(_number(height.group(1).decode(), 15) * _PIXELS_PER_POINT)
        return number

    def _row_end(self, row: re.Match[bytes]) -> int:
        if row.group(1).endswith(b"/"):
            return row.end()
        end = _ROW_END.search(self._shadow, row.end())
        if not end:
            raise PackageError("row without end")
        return end.end()

    def _new_row(self, prefix: str, row: int, styles: Mapping[int, Callable[[int], int]]) -> bytes:
        cells = b"".join(_new_cell(prefix, row, column, style(self._base(column))) for column, style in styles.items())
        return f'<{prefix}row r="{row}">'.encode() + cells + f"</{prefix}row>".encode()

    def _marked(self, markup: bytes, number: int, styles: Mapping[int, Callable[[int], int]]) -> bytes:
        draft = Draft(markup)
        row = draft.root
        cells: dict[int, Element] = {}
        column = -1
        for cell in row.named("c"):
            letters = re.match("[A-Z]+", cell.attributes.get("r", ""))
            column = column_index(letters.group()) if letters else column + 1
            cells.setdefault(column, cell)
        for column, style in styles.items():
            if column in cells:
                draft.set(cells[column], s=str(style(_index(cells[column].attributes.get("s")))))
                continue
            base = _index(row.attributes.get("s")) if row.says("customFormat") else self._base(column)
            new = _new_cell(row.prefix, number, column, style(base))
            following = [cell for place, cell in cells.items() if place > column]
            after = following or [child for child in row.children if child.name != "c"]
            if after:
                draft.insert_before(min(after, key=lambda cell: cell.start), new)
            else:
                draft.append(row, new)
            if not _spanned(row, column):
                draft.set(row, spans=None)  # a hint for speed that may be left out, but should not be wrong
        return draft.content()


def _shadow(content: bytes) -> bytes:
    """The same length with comments and CDATA blanked: what looks like a tag in it is one."""
    if b"<!" not in content:
        return content
    return _HIDING.sub(lambda found: b" " * len(found.group()), content)


def _new_cell(prefix: str, row: int, column: int, style: int) -> bytes:
    return f'<{prefix}c r="{column_letters(column)}{row}" s="{style}"/>'.encode()


def _spanned(row: Element, column: int) -> bool:
    spans = re.findall(r"(\d+):(\d+)", row.attributes.get("spans", ""))
    return "spans" not in row.attributes or any(int(first) <= column + 1 <= int(last) for first, last in spans)


def _column_styles(root: Element) -> Callable[[int], int]:
    """The format that an empty cell has from its column."""
    columns = root.child("cols")
    styles = [
        (_index(column.attributes.get("min")), _index(column.attributes.get("max")), _index(style))
        for column in (columns.named("col") if columns else ())
        if (style := column.attributes.get("style"))
    ]
    return lambda place: next((style for first, last, style in styles if first <= place + 1 <= last), 0)


def _grid(root: Element) -> Grid:
    grid = Grid()
    usual = root.child("sheetFormatPr")
    if usual:
        grid.usual_column = _pixels(usual.attributes.get("defaultColWidth"))
        grid.usual_row = round(_number(usual.attributes.get("defaultRowHeight"), 15) * _PIXELS_PER_POINT)
    columns = root.child("cols")
    for column in columns.named("col") if columns else ():
        first, last = _index(column.attributes.get("min")) - 1, _index(column.attributes.get("max")) - 1
        if column.says("hidden"):
            grid.columns.append((first, last, 0))
        elif "width" in column.attributes:
            grid.columns.append((first, last, _pixels(column.attributes["width"])))
    return grid


def _pixels(characters: str | None) -> int:
    return round(_number(characters, 64 / _PIXELS_PER_CHARACTER) * _PIXELS_PER_CHARACTER)


def _index(value: str | None) -> int:
    return int(value) if value and value.isdecimal() else 0


def _number(value: str | None, otherwise: float) -> float:
    try:
        return float(value or "")
    except ValueError:
        return otherwise
