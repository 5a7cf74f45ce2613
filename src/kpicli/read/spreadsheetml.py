"""Read SpreadsheetML 2003: the XML workbook that web systems send with the name .xls."""

import re
from collections.abc import Callable
from datetime import datetime
from io import BytesIO

from lxml import etree

from kpicli.read.grid import MOST_ROWS, Grid, moment_text, number_text
from kpicli.read.refusal import Refusal
from kpicli.read.sheets import RawSheet
from kpicli.read.text import decode

_SPACE = "{urn:schemas-microsoft-com:office:spreadsheet}"
_WORKSHEET, _ROW, _CELL, _DATA = (f"{_SPACE}{name}" for name in ("Worksheet", "Row", "Cell", "Data"))
_NAME, _INDEX, _HIDDEN, _SPAN, _FORMULA, _TYPE, _DOWN, _ACROSS = (
    f"{_SPACE}{name}" for name in ("Name", "Index", "Hidden", "Span", "Formula", "Type", "MergeDown", "MergeAcross")
)
_DATE1904, _VISIBLE = (f"{{urn:schemas-microsoft-com:office:excel}}{name}" for name in ("Date1904", "Visible"))
_WORKBOOK = re.compile(r"<(?:\w+:)?Workbook\b")
_BARE_AMPERSAND = re.compile(r"&(?!(?:#\d+|#[xX][0-9a-fA-F]+|\w+);)")
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_ENCODING = re.compile(rb"""encoding\s*=\s*["']([\w-]+)""")


def read(content: bytes) -> list[RawSheet]:
    """Give the sheets of a workbook; raise `Refusal` when the XML is broken or no workbook."""
    declared = _ENCODING.search(content[:200])
    page = _DECLARATION.sub("", decode(content, declared.group(1).decode() if declared else None))
    if "<!DOCTYPE" in page[:4096] or "<!ENTITY" in page[:4096]:
        raise Refusal("unsafe_workbook", why="含有 DOCTYPE")
    if not _WORKBOOK.search(page[:65_536]):
        raise Refusal("not_a_table", kind="XML 文档")
    page = _BARE_AMPERSAND.sub("&amp;", page)  # templates of dealer systems do not escape what they fill in
    try:
        return _sheets(page.encode("utf-8", "replace"))
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Refusal("truncated", why=str(error)[:80]) from error


def _sheets(content: bytes) -> list[RawSheet]:
    sheets: list[RawSheet] = []
    grid = Grid("")
    row = -1
    date1904 = False
    watched = (_WORKSHEET, _ROW, _DATE1904, _VISIBLE)
    options = {"resolve_entities": False, "no_network": True, "huge_tree": True, "remove_comments": True}
    for event, element in etree.iterparse(BytesIO(content), events=("start", "end"), tag=watched, **options):
        tag = element.tag
        if event == "start":
            if tag == _WORKSHEET:
                grid, row = Grid(element.get(_NAME, "")), -1
        elif tag == _ROW:
            row = _row(element, grid, row)
            element.clear()
        elif tag == _DATE1904:
            date1904 = True
        elif tag == _VISIBLE:
            grid.is_hidden = grid.is_hidden or element.text in ("SheetHidden", "SheetVeryHidden")
        else:
            sheets.append(grid.sheet(date1904=date1904))
            element.clear()
    return sheets


def _row(element: etree._Element, grid: Grid, before: int) -> int:
    """Lay one row into the grid; give the last row it stands for."""
    row = _place(element.get(_INDEX), before + 1)
    if element.get(_HIDDEN) == "1":
        grid.hide(row)
    column = -1
    for cell in element:
        if cell.tag != _CELL:
            continue
        marks = dict(cell.attrib)
        column = _place(marks.get(_INDEX), column + 1)
        data = next((child for child in cell if child.tag == _DATA), None)
        if data is not None:
            _put(data, grid, row, column)
        elif _FORMULA in marks:
            grid.fault(row, column, "formula_without_value")
        if _DOWN in marks or _ACROSS in marks:
            across = _span(marks.get(_ACROSS))
            grid.merge(row, column, _span(marks.get(_DOWN)) + 1, across + 1)
            column += across
    return row + _span(element.get(_SPAN))


def _place(index: str | None, otherwise: int) -> int:
    """A row or column by its index, which counts from 1, or the next one."""
    return otherwise if index is None else max(int(index), 1) - 1


def _span(count: str | None) -> int:
    return 0 if count is None else min(max(int(count), 0), MOST_ROWS)


def _put(data: etree._Element, grid: Grid, row: int, column: int) -> None:
    kind = data.get(_TYPE, "String")
    text = "".join(data.itertext()) if len(data) else data.text or ""
    if kind == "Error":
        grid.fault(row, column, "error_cell", text)
    else:
        grid.put(row, column, _SPELLINGS[kind](text) if kind in _SPELLINGS else text)


def _number(text: str) -> str:
    try:
        return number_text(float(text))
    except ValueError:
        return text


def _moment(text: str) -> str:
    try:
        return moment_text(datetime.fromisoformat(text))
    except ValueError:
        return text


_SPELLINGS: dict[str, Callable[[str], str]] = {
    "Number": _number,
    "DateTime": _moment,
    "Boolean": lambda text: {"0": "false", "1": "true"}.get(text, text),
}
