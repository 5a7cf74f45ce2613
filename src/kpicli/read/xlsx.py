"""Read xlsx, xlsm and xlsb: parsed once, all as text, each cell in its true column."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import fastexcel
import polars as pl

from kpicli.read.package import Package
from kpicli.read.refusal import Refusal
from kpicli.read.sheets import RawSheet, SheetScan, column_letters


def read(source: Path | bytes, package: Package) -> list[RawSheet]:
    """Give the sheets of a workbook whose package was inspected; raise `Refusal`."""
    with _silence():
        try:
            # as bytes: of a path the library believes the ending
            reader = fastexcel.read_excel(source.read_bytes() if isinstance(source, Path) else source)
            return [_sheet(reader, index, package) for index in range(len(reader.sheet_names))]
        except fastexcel.FastExcelError as error:
            why = str(error).splitlines()[0][:80]
            if (
                "I/O error" in why and not package.binary
            ):  # the package was read whole a moment ago: what fails now is memory
                raise Refusal("reader_died") from error
            raise Refusal("truncated", why=why) from error
        except BaseException as error:
            if type(error).__name__ == "PanicException":  # the library's own word for content it did not expect
                raise Refusal("truncated", why="内容前后不符") from error
            raise


def _sheet(reader: fastexcel.ExcelReader, index: int, package: Package) -> RawSheet:
    name = reader.sheet_names[index]
    scan = package.scans.get(name, SheetScan())
    cells, hidden = _cells(reader, index, scan.first_column or 0)
    if scan.first_column is not None and cells.is_empty():
        raise Refusal("truncated", why=f"工作表 {name} 有内容却读不出")
    if package.strict and cells.width:
        cells = cells.with_columns(pl.all().str.replace(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)", "$1 $2"))
    return RawSheet(
        name, cells, hidden, package.date1904, tuple(scan.faults), tuple(scan.merges), tuple(scan.hidden_rows)
    )


def _cells(reader: fastexcel.ExcelReader, index: int, first_column: int) -> tuple[pl.DataFrame, bool]:
    sheet = reader.load_sheet(index, header_row=None, skip_rows=0, dtypes="string")
    assert isinstance(sheet, fastexcel.ExcelSheet)  # eager loading is not asked for
    hidden = sheet.visible != "visible"
    if sheet.width == 0 or sheet.height == 0:
        return pl.DataFrame(), hidden
    cells = sheet.to_polars()
    cells.columns = [column_letters(first_column + place) for place in range(cells.width)]
    return cells, hidden


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep what the reading library prints on a panic away from the user."""
    saved = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)
