"""Cells gathered one by one into a raw sheet, for formats that no library hands over as columns."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import zip_longest

import polars as pl

from kpicli.read.refusal import Refusal
from kpicli.read.sheets import Fault, Merge, RawSheet, column_letters

MOST_ROWS, MOST_COLUMNS = 1_048_576, 16_384
"""What a worksheet can hold; no format goes beyond."""

_ERRORS = ["#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A", "#GETTING_DATA", "#SPILL!", "#CALC!"]

_MOST_CELLS = 64_000_000
"""Rows × columns: a lone cell in the last corner of a sheet would otherwise cost the memory of all before it."""


class Grid:
    """One sheet while it is read. Rows and columns count from 0 here."""

    def __init__(self, name: str, *, hidden: bool = False) -> None:
        self._name = name
        self.is_hidden = hidden
        self._rows: list[list[str | None]] = []
        self._width = 0
        self._faults: list[Fault] = []
        self._merges: list[Merge] = []
        self._hidden_rows: list[int] = []

    def put(self, row: int, column: int, text: str | None) -> None:
        """Set one cell; an empty text is no cell."""
        if not text:
            return
        if row >= len(self._rows) or column >= self._width:
            self.reach(row, column)
        cells = self._rows[row]
        if column >= len(cells):
            cells.extend([None] * (column - len(cells) + 1))
        cells[column] = text

    def fault(self, row: int, column: int, code: str, value: str = "") -> None:
        """Note a cell that should hold a value and holds none."""
        self.reach(row, column)
        self._faults.append(Fault(row + 1, column_letters(column), code, value))

    def merge(self, row: int, column: int, rows: int, columns: int) -> None:
        """Note a block of merged cells by its first cell and its size."""
        if rows > 1 or columns > 1:
            last = min(column + columns, MOST_COLUMNS) - 1
            self._merges.append(Merge(row + 1, row + rows, column_letters(column), column_letters(last)))

    def hide(self, row: int) -> None:
        """Note a hidden row."""
        self._hidden_rows.append(row + 1)

    def sheet(self, *, date1904: bool = False) -> RawSheet:
        """What was gathered."""
        return RawSheet(
            self._name,
            frame(self._rows),
            self.is_hidden,
            date1904,
            tuple(self._faults),
            tuple(self._merges),
            tuple(row for row in self._hidden_rows if row <= len(self._rows)),
        )

    def reach(self, row: int, column: int) -> None:
        """Make room up to a cell; raise `Refusal` when no sheet is that large."""
        self._width = max(self._width, column + 1)
        height = max(len(self._rows), row + 1)
        if row >= MOST_ROWS or column >= MOST_COLUMNS or height * self._width > _MOST_CELLS:
            raise Refusal("unsafe_workbook", why=f"工作表 {self._name} 达 {height} 行 {self._width} 列")
        if row >= len(self._rows):
            self._rows.extend([] for _ in range(row - len(self._rows) + 1))


def frame(rows: list[list[str | None]]) -> pl.DataFrame:
    """Rows of texts, of any lengths, as a frame of columns named by their letters."""
    columns = enumerate(zip_longest(*rows))
    return pl.DataFrame([pl.Series(column_letters(place), cells, pl.String) for place, cells in columns])


def without_errors(sheet: RawSheet) -> RawSheet:
    """A sheet of a format that knows only text, in which the words of errors are faults and no cells."""
    faults = list(sheet.faults)
    for letter in sheet.cells.columns:
        cells = sheet.cells[letter]
        for row in cells.str.strip_chars().is_in(_ERRORS).arg_true():
            faults.append(Fault(row + 1, letter, "error_cell", cells[row].strip()))
    if not sheet.cells.width:
        return sheet
    bare = pl.all().str.strip_chars()
    return replace(
        sheet, cells=sheet.cells.with_columns(pl.when(~bare.is_in(_ERRORS)).then(pl.all())), faults=tuple(faults)
    )


# Values spelled as the reader of xlsx spells them, so that one sheet is one text in every container


def number_text(number: float) -> str:
    """A number without exponent, a whole one without point."""
    if number == int(number) if abs(number) < 1e300 else False:
        return str(int(number))
    return format(Decimal(repr(number)), "f")


def serial_text(serial: float, *, date1904: bool = False) -> str:
    """A date or time of day given as days since the epoch: ``2026-10-03 00:00:00``, ``1899-12-31 09:00:00``."""
    first = datetime(1899, 12, 30) if serial >= 60 else datetime(1899, 12, 31)  # Excel has a 29 February 1900
    epoch = datetime(1904, 1, 1) if date1904 else first
    try:
        return moment_text(epoch + timedelta(milliseconds=round(serial * 86_400_000)))
    except OverflowError:
        return number_text(serial)


def moment_text(moment: datetime) -> str:
    """A date with its time, to the millisecond where there are any."""
    text = moment.isoformat(" ", "seconds")
    return text if not moment.microsecond else f"{text}.{moment.microsecond // 1000:03d}"
