"""Look through the binary parts of an xlsb package for what the reading library does not tell.

Record numbers and layouts are those of the format's public description (MS-XLSB).
"""

import struct
from collections.abc import Iterator

from kpicli.read.grid import MOST_COLUMNS, MOST_ROWS
from kpicli.read.refusal import Refusal
from kpicli.read.sheets import Fault, Merge, SheetScan, column_letters

_ROW, _WORKBOOK_PROPERTIES, _BUNDLED_SHEET, _MERGED = 0, 153, 156, 176
_SHARED_CELL, _SHARED_TEXT = 7, 19
_VALUES = range(2, 12)
_CELL_ERROR, _FORMULA_ERROR = 3, 11
_HIDDEN = 0x10
_ERRORS = {0: "#NULL!", 7: "#DIV/0!", 15: "#VALUE!", 23: "#REF!", 29: "#NAME?", 36: "#NUM!", 42: "#N/A"}


def workbook(content: bytes) -> tuple[dict[str, str], bool]:
    """Relationship id → sheet name, and whether dates count from 1904."""
    sheets, date1904 = {}, False
    for kind, record in _records(content):
        if kind == _WORKBOOK_PROPERTIES:
            date1904 = bool(record[0] & 1)
        elif kind == _BUNDLED_SHEET:
            identity, rest = _text(record[8:])
            sheets[identity] = _text(rest)[0]
    return sheets, date1904


def shared_texts(content: bytes) -> int:
    """How many texts the part of shared texts holds."""
    return sum(1 for kind, _ in _records(content) if kind == _SHARED_TEXT)


def scan(content: bytes, texts: int) -> SheetScan:
    """What one sheet part tells; `texts` is how many shared ones there are.

    Raises `Refusal` for addresses beyond a worksheet and texts that are not there: the reading library dies of them.
    """
    found = SheetScan()
    row = 0
    for kind, record in _records(content):
        if kind == _ROW:
            (row,) = struct.unpack_from("<I", record)
            if row >= MOST_ROWS:
                raise Refusal("truncated", why=f"第 {row + 1} 行")
            if record[11] & _HIDDEN:
                found.hidden_rows.append(row + 1)
        elif kind in _VALUES:
            (column,) = struct.unpack_from("<I", record)
            if column >= MOST_COLUMNS or (kind == _SHARED_CELL and struct.unpack_from("<I", record, 8)[0] >= texts):
                raise Refusal("truncated", why=f"第 {row + 1} 行的单元格")
            if kind in (_CELL_ERROR, _FORMULA_ERROR):
                value = _ERRORS.get(record[8], "#ERR")
                found.note(Fault(row + 1, column_letters(column), "error_cell", value))
            elif found.first_column is None or column < found.first_column:
                found.first_column = column
        elif kind == _MERGED:
            top, bottom, left, right = struct.unpack_from("<4I", record)
            found.merges.append(Merge(top + 1, bottom + 1, column_letters(left), column_letters(right)))
    return found


def _records(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and payload of each record; both lengths are of seven bits a byte."""
    place, end = 0, len(content)
    while place < end:
        kind = content[place]
        place += 1
        if kind & 0x80:
            kind = kind & 0x7F | (content[place] & 0x7F) << 7
            place += 1
        size = shift = 0
        while True:
            part = content[place]
            place += 1
            size |= (part & 0x7F) << shift
            shift += 7
            if not part & 0x80 or shift == 28:
                break
        yield kind, content[place : place + size]
        place += size


def _text(record: bytes) -> tuple[str, bytes]:
    """A counted text at the record's start, and what follows it."""
    (length,) = struct.unpack_from("<I", record)
    end = 4 + 2 * length
    return record[4:end].decode("utf-16-le", "replace"), record[end:]
