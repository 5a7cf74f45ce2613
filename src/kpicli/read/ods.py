"""Read OpenDocument spreadsheets: the library that reads them keeps neither addresses nor errors nor merged cells."""

import re
import zipfile
from datetime import datetime
from io import BytesIO

from lxml import etree

from kpicli.read.grid import MOST_COLUMNS, MOST_ROWS, Grid, moment_text, number_text, serial_text
from kpicli.read.package import refuse_entities, saved_time
from kpicli.read.refusal import Refusal
from kpicli.read.sheets import Content, RawSheet

_OASIS = "urn:oasis:names:tc:opendocument:xmlns:"
_TABLE, _OFFICE, _TEXT, _STYLE = (f"{{{_OASIS}{name}:1.0}}" for name in ("table", "office", "text", "style"))
_CELLS = (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell")
_PARAGRAPH = f"{_TEXT}p"
_COLUMNS_REPEATED, _ROWS_REPEATED, _COLUMNS_SPANNED, _ROWS_SPANNED, _FORMULA = (
    f"{_TABLE}{name}"
    for name in (
        "number-columns-repeated",
        "number-rows-repeated",
        "number-columns-spanned",
        "number-rows-spanned",
        "formula",
    )
)
_KIND, _VALUE, _DATE, _TIME, _BOOLEAN, _STRING = (
    f"{_OFFICE}{name}" for name in ("value-type", "value", "date-value", "time-value", "boolean-value", "string-value")
)
_CALC = "{urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0}value-type"
_ERROR = re.compile(r"#[A-Z/0!?]+[!?A]?$|Err:\d+$")
_DURATION = re.compile(r"P(?:(\d+)D)?T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.,]+)S)?$")


def read(archive: zipfile.ZipFile) -> Content:
    """Give the sheets of an opened package and when it was saved; raise `Refusal` when its XML is broken."""
    return Content(read_flat(archive.read("content.xml")), _saved(archive))


def read_flat(content: bytes) -> list[RawSheet]:
    """Give the sheets of the content itself: a part of a package, or a file of its own (.fods)."""
    refuse_entities("content.xml", content[:4096])
    try:
        return _sheets(BytesIO(content))
    except etree.XMLSyntaxError as error:
        raise Refusal("truncated", why=str(error)[:80]) from error


def _sheets(stream: BytesIO) -> list[RawSheet]:
    sheets: list[RawSheet] = []
    hidden_styles: set[str] = set()
    grid, row = Grid(""), 0
    watched = (f"{_TABLE}table", f"{_TABLE}table-row", f"{_STYLE}table-properties")
    options = {"resolve_entities": False, "no_network": True, "huge_tree": True, "remove_comments": True}
    for event, element in etree.iterparse(stream, events=("start", "end"), tag=watched, **options):
        tag = element.tag
        if tag == f"{_TABLE}table":
            if event == "start":
                hidden = element.get(f"{_TABLE}style-name") in hidden_styles
                grid, row = Grid(element.get(f"{_TABLE}name", ""), hidden=hidden), 0
            else:
                sheets.append(grid.sheet())
                element.clear()
        elif event == "start":
            continue
        elif tag == f"{_TABLE}table-row":
            row += _row(element, grid, row)
            element.clear()
        elif element.get(f"{_TABLE}display") == "false":
            hidden_styles.add(element.getparent().get(f"{_STYLE}name"))
    return sheets


def _row(element: etree._Element, grid: Grid, row: int) -> int:
    """Lay one row into the grid as often as it repeats; give how often that is."""
    repeated = _count(element.get(_ROWS_REPEATED), 2 * MOST_ROWS)
    cells = []
    column = 0
    for cell in element:
        if cell.tag not in _CELLS:
            continue
        marks = dict(cell.attrib)
        across = _count(marks.get(_COLUMNS_REPEATED), MOST_COLUMNS)
        if len(cell) or _KIND in marks:
            cells += [(column + place, cell, marks) for place in range(across)]
        elif _FORMULA in marks:
            cells.append((column, cell, marks))
        column += across
    if cells:
        grid.reach(row + repeated - 1, cells[-1][0])
    for place in range(repeated if cells else 0):
        for number, cell, marks in cells:
            _put(cell, marks, grid, row + place, number)
    if element.get(f"{_TABLE}visibility", "visible") != "visible":
        for place in range(repeated):
            grid.hide(row + place)
    return repeated


def _put(cell: etree._Element, marks: dict[str, str], grid: Grid, row: int, column: int) -> None:
    if _ROWS_SPANNED in marks or _COLUMNS_SPANNED in marks:
        rows, columns = _count(marks.get(_ROWS_SPANNED), MOST_ROWS), _count(marks.get(_COLUMNS_SPANNED), MOST_COLUMNS)
        grid.merge(row, column, rows, columns)
    text = _value(cell, marks)
    formula = _FORMULA in marks
    if marks.get(_CALC) == "error" or (formula and _ERROR.match(text)):
        grid.fault(row, column, "error_cell", text)
    elif formula and not text and _KIND not in marks:
        grid.fault(row, column, "formula_without_value")
    else:
        grid.put(row, column, text)


def _value(cell: etree._Element, marks: dict[str, str]) -> str:
    kind = marks.get(_KIND)
    try:
        if kind in ("float", "percentage", "currency"):
            return number_text(float(marks.get(_VALUE, "")))
        if kind == "date":
            return moment_text(datetime.fromisoformat(marks.get(_DATE, "")))
        if kind == "time" and (found := _DURATION.match(marks.get(_TIME, ""))):
            days, hours, minutes, seconds = (float((part or "0").replace(",", ".")) for part in found.groups())
            return serial_text(days + hours / 24 + minutes / 1440 + seconds / 86_400)
    except ValueError:
        pass  # a value that is not what its type says: what is shown has to do
    if kind == "boolean":
        return marks.get(_BOOLEAN, "")
    lines = [_shown(paragraph) for paragraph in cell if paragraph.tag == _PARAGRAPH]
    return "\n".join(lines) if lines else marks.get(_STRING, "")


def _shown(element: etree._Element) -> str:
    if len(element) == 0:
        return element.text or ""
    pieces = [element.text or ""]
    for child in element:
        if child.tag == f"{_TEXT}s":
            pieces.append(" " * _count(child.get(f"{_TEXT}c"), 1000))
        elif child.tag == f"{_TEXT}tab":
            pieces.append("\t")
        elif child.tag == f"{_TEXT}line-break":
            pieces.append("\n")
        elif child.tag != f"{_OFFICE}annotation":
            pieces.append(_shown(child))
        pieces.append(child.tail or "")
    return "".join(pieces)


def _count(digits: str | None, most: int) -> int:
    if digits is None:
        return 1
    return min(max(int(digits), 1), most) if digits.isdecimal() and len(digits) < 12 else 1


def _saved(archive: zipfile.ZipFile) -> datetime | None:
    if "meta.xml" not in archive.namelist():
        return None
    return saved_time(archive.read("meta.xml"), rb"dc:date", rb"meta:creation-date")
