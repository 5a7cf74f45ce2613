"""Read SpreadsheetML 2003: the XML workbook that web systems send with the name .xls."""

import io
import re
from collections.abc import Callable
from datetime import datetime

from lxml import etree

from kpicli.read.grid import Grid, moment_text, number_text
from kpicli.read.refusal import Refusal
from kpicli.read.sheets import RawSheet
from kpicli.read.text import decode

_SPACE = "{urn:schemas-microsoft-com:office:spreadsheet}"
_BARE_AMPERSAND = re.compile(r"&(?!(?:#\d+|#[xX][0-9a-fA-F]+|\w+);)")
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_ENCODING = re.compile(rb"""encoding\s*=\s*["']([\w-]+)""")


def read(content: bytes) -> list[RawSheet]:
    """Give the sheets of a workbook; raise `Refusal` when the XML is broken or no workbook."""
    declared = _ENCODING.search(content[:200])
    page = _DECLARATION.sub("", decode(content, declared.group(1).decode() if declared else None))
    if "<!DOCTYPE" in page[:4096] or "<!ENTITY" in page[:4096]:
        raise Refusal("unsafe_workbook", why="含有 DOCTYPE")
    page = _BARE_AMPERSAND.sub("&amp;", page)  # templates of dealer systems do not escape what they fill in
    try:
        return _sheets(page.encode("utf-8", "replace"))
    except etree.XMLSyntaxError as error:
        raise Refusal("truncated", why=str(error)[:80]) from error


def _sheets(content: bytes) -> list[RawSheet]:
    sheets: list[RawSheet] = []
    grid = Grid("")
    row = -1
    date1904 = False
    root = ""
    options = {"resolve_entities": False, "no_network": True, "huge_tree": True, "remove_comments": True}
    for event, element in etree.iterparse(io.BytesIO(content), events=("start", "end"), **options):
        tag = str(element.tag).removeprefix(_SPACE)
        root = root or tag
        if root != "Workbook":
            raise Refusal("not_a_table", kind="XML 文档")
        if event == "start":
            if tag == "Worksheet":
                grid, row = Grid(_attribute(element, "Name", "")), -1
            continue
        if tag == "Date1904":
            date1904 = True
        elif tag == "Row":
            row = _row(element, grid, row)
            element.clear()
        elif tag.endswith("}Visible") and element.text in ("SheetHidden", "SheetVeryHidden"):
            grid.is_hidden = True
        elif tag == "Worksheet":
            sheets.append(grid.sheet(date1904=date1904))
            element.clear()
    return sheets


def _row(element: etree._Element, grid: Grid, before: int) -> int:
    """Lay one row into the grid; give the last row it stands for."""
    row = int(_attribute(element, "Index", before + 2)) - 1
    if _attribute(element, "Hidden", "0") == "1":
        grid.hide(row)
    column = -1
    for cell in element.iterchildren(f"{_SPACE}Cell"):
        column = int(_attribute(cell, "Index", column + 2)) - 1
        down, across = int(_attribute(cell, "MergeDown", 0)), int(_attribute(cell, "MergeAcross", 0))
        data = cell.find(f"{_SPACE}Data")
        if data is not None:
            _put(data, grid, row, column)
        elif _attribute(cell, "Formula", ""):
            grid.fault(row, column, "formula_without_value")
        grid.merge(row, column, down + 1, across + 1)
        column += across
    return row + int(_attribute(element, "Span", 0))


def _put(data: etree._Element, grid: Grid, row: int, column: int) -> None:
    kind = _attribute(data, "Type", "String")
    text = "".join(data.itertext())
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


def _attribute(element: etree._Element, name: str, default: object) -> str:
    return element.get(_SPACE + name) or str(default)
