"""Read true .xls workbooks (BIFF8 of any code page, BIFF5 and older)."""

import io
from collections.abc import Callable

import xlrd
from xlrd.book import Book
from xlrd.sheet import Sheet

from kpicli.read.grid import Grid, number_text, serial_text
from kpicli.read.refusal import Refusal
from kpicli.read.sheets import RawSheet


def read(content: bytes) -> list[RawSheet]:
    """Give the sheets of a workbook; raise `Refusal` when it is encrypted or damaged."""
    try:
        # formatting_info is what makes the library keep merged cells and hidden rows
        book = xlrd.open_workbook(file_contents=content, formatting_info=True, logfile=io.StringIO())
        return [_sheet(book, sheet) for sheet in book.sheets()]
    except xlrd.XLRDError as error:
        if "encrypted" in str(error):
            raise Refusal("encrypted") from error
        raise Refusal("truncated", why=str(error)[:80]) from error
    except MemoryError:
        raise
    except Exception as error:  # a damaged file brings out errors of every kind
        raise Refusal("truncated", why=type(error).__name__) from error


def _sheet(book: Book, sheet: Sheet) -> RawSheet:
    grid = Grid(sheet.name, hidden=sheet.visibility != 0)
    date1904 = book.datemode == 1
    texts: dict[int, Callable[[float], str]] = {
        xlrd.XL_CELL_TEXT: str,
        xlrd.XL_CELL_NUMBER: number_text,
        xlrd.XL_CELL_DATE: lambda serial: serial_text(serial, date1904=date1904),
        xlrd.XL_CELL_BOOLEAN: lambda value: "true" if value else "false",
    }
    for row in range(sheet.nrows):
        for column, (kind, value) in enumerate(zip(sheet.row_types(row), sheet.row_values(row), strict=True)):
            if kind in texts:
                grid.put(row, column, texts[kind](value))
            elif kind == xlrd.XL_CELL_ERROR:
                grid.fault(row, column, "error_cell", xlrd.error_text_from_code.get(value, "#ERR"))
    for top, bottom, left, right in sheet.merged_cells:
        grid.merge(top, left, bottom - top, right - left)
    for row, layout in sheet.rowinfo_map.items():
        if layout.hidden:
            grid.hide(row)
    return grid.sheet(date1904=date1904)
