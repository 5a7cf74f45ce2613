"""Small sheets and workbooks in a line or two, so that an input and what is expected of it stand on one screen."""

import zipfile
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import polars as pl
import xlsxwriter
from hypothesis import settings
from openpyxl.utils import get_column_letter

from kpicli.read import Fault, RawSheet

steady = settings(derandomize=True, database=None, deadline=None)
"""The same examples in every run: a test that is red on one machine is red on all."""

_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_STRICT = {
    "http://schemas.openxmlformats.org/spreadsheetml/2006/": "http://purl.oclc.org/ooxml/spreadsheetml/",
    "http://schemas.openxmlformats.org/officeDocument/2006/": "http://purl.oclc.org/ooxml/officeDocument/",
}
_MAIN, _OFFICE = (f"{space}{name}" for space, name in zip(_STRICT, ("main", "relationships"), strict=True))


def sheet(*lines: str, name: str = "表", hidden: bool = False, faults: Sequence[Fault] = ()) -> RawSheet:
    """A sheet as the reader gives it: one line a row, cells parted by ``|``, nothing between two is an empty cell."""
    rows = [[cell.replace("\\n", "\n") or None for cell in line.split("|")] for line in lines]
    columns = {get_column_letter(place): cells for place, cells in enumerate(zip_longest(*rows), 1)}
    return RawSheet(name, pl.DataFrame(columns, dict.fromkeys(columns, pl.String)), hidden, faults=tuple(faults))


def book(path: str, *rows: Sequence[Any], sheets: Mapping[str, Sequence[Sequence[Any]]] | None = None) -> Path:
    """An xlsx by XlsxWriter, every cell as the type its value has; None is no cell."""
    options = {"default_date_format": "yyyy-mm-dd", "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(path, options) as workbook:
        for name, content in (sheets or {"表": rows}).items():
            worksheet = workbook.add_worksheet(name)
            for row, cells in enumerate(content):
                for column, value in enumerate(cells):
                    if value is not None:
                        worksheet.write(row, column, value)
    return Path(path)


def package(
    path: str, rows: str, parts: Mapping[str, str | bytes] | None = None, sheets: Sequence[str] = ("表",)
) -> Path:
    """An xlsx by hand: the XML of the rows of each sheet (or its whole part), and parts to add or replace."""
    numbered = list(enumerate(sheets, 1))
    listed = "".join(f'<sheet name="{escape(name)}" sheetId="{n}" r:id="r{n}"/>' for n, name in numbered)
    workbook = f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{listed}</sheets></workbook>'
    content: dict[str, str | bytes] = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"/>',
        "_rels/.rels": _relations(officeDocument=["xl/workbook.xml"]),
        "xl/workbook.xml": workbook,
        "xl/_rels/workbook.xml.rels": _relations(worksheet=[f"worksheets/sheet{n}.xml" for n, _ in numbered]),
        **{f"xl/worksheets/sheet{n}.xml": part(rows) for n, _ in numbered},
    }
    return zipped(path, content | dict(parts or {}))


def strict(text: str) -> str:
    """Markup in the strict dialect of ISO 29500, as Excel saves it on request."""
    for usual, space in _STRICT.items():
        text = text.replace(usual, space)
    return text


def _relations(**targets: Sequence[str]) -> str:
    links = [
        f'<Relationship Id="r{n}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for kind, named in targets.items()
        for n, target in enumerate(named, 1)
    ]
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{"".join(links)}</Relationships>'


def part(rows: str) -> str:
    """A worksheet part around rows; what is a part already stays as it is."""
    return rows if rows.startswith("<?xml") else f'<worksheet xmlns="{_MAIN}"><sheetData>{rows}</sheetData></worksheet>'


def zipped(path: str, parts: Mapping[str, str | bytes]) -> Path:
    """Any zip package."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return Path(path)
