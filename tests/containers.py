"""Small independent writers, one for each container a table may come in: the same rows as different programs save them.

Every writer takes a path, the rows of each sheet and a `Layout`, and gives the path back. A value is a str, int, float,
bool, date, datetime or time as the spreadsheet types it, None for no cell, or one of the markers below.
"""

import base64
import csv
import hashlib
import io
import quopri
import random
import re
import struct
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any
from unittest.mock import patch

import xlsxwriter
import xlwt
from msoffcrypto.format.ooxml import OOXMLFile
from openpyxl.utils import get_column_letter, range_boundaries
from xlwt.CompoundDoc import XlsDoc

from .workbooks import strict as in_strict_dialect


@dataclass(frozen=True)
class ErrorValue:
    """A cell that shows an error."""

    text: str


@dataclass(frozen=True)
class Formula:
    """A formula and the value stored with it; None is none stored."""

    text: str
    value: Any = None


@dataclass(frozen=True)
class Raw:
    """A cell in the container's own markup, as it stands in the row."""

    markup: str


@dataclass(frozen=True)
class Layout:
    """What a sheet has beside its cells; the same for every sheet of a workbook."""

    merges: tuple[str, ...] = ()
    """Ranges, such as ``B2:D2``."""
    hidden_rows: tuple[int, ...] = ()
    """As the spreadsheet numbers them."""
    hidden_sheets: tuple[str, ...] = ()

    def spans(self) -> dict[tuple[int, int], tuple[int, int]]:
        """First cell of each merged range, counted from 0 → its rows and columns."""
        return {
            (top - 1, left - 1): (bottom - top + 1, right - left + 1)
            for left, top, right, bottom in map(range_boundaries, self.merges)
        }

    def covered(self) -> set[tuple[int, int]]:
        """The cells of merged ranges that are not their first."""
        return {
            (row, column)
            for (top, left), (rows, columns) in self.spans().items()
            for row in range(top, top + rows)
            for column in range(left, left + columns)
        } - self.spans().keys()


PLAIN = Layout()
Rows = Sequence[Sequence[Any]]
Sheets = Mapping[str, Rows]
FORMATS = {date: "yyyy-mm-dd", datetime: "yyyy-mm-dd hh:mm:ss", time: "hh:mm:ss"}
ERRORS = {"#NULL!": 0, "#DIV/0!": 7, "#VALUE!": 15, "#REF!": 23, "#NAME?": 29, "#NUM!": 36, "#N/A": 42}


def filled(rows: Rows) -> Iterator[tuple[int, int, Any]]:
    """Row and column, counted from 0, and value of every cell there is."""
    for row, cells in enumerate(rows):
        for column, value in enumerate(cells):
            if value is not None:
                yield row, column, value


def address(row: int, column: int) -> str:
    return f"{get_column_letter(column + 1)}{row + 1}"


def serial(value: date | time) -> float:
    """Days since the epoch of Excel on Windows."""
    if isinstance(value, time):
        return timedelta(hours=value.hour, minutes=value.minute, seconds=value.second) / timedelta(1)
    moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    return (moment - datetime(1899, 12, 30)) / timedelta(1)


def written(value: Any) -> str:
    """A value as a program writes it that knows nothing but text."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, (ErrorValue, Formula)):
        return value.text if isinstance(value, ErrorValue) else written(value.value)
    return "" if value is None else f"{value:.15g}" if isinstance(value, float) else str(value)


# Packages of Office Open XML


def xlsx(path: str, sheets: Sheets, layout: Layout = PLAIN) -> Path:
    """By XlsxWriter."""
    with xlsxwriter.Workbook(path, {"strings_to_formulas": False, "strings_to_urls": False}) as workbook:
        workbook.set_properties({"created": datetime(2026, 11, 1, 8)})
        formats = {kind: workbook.add_format({"num_format": code}) for kind, code in FORMATS.items()}
        for name, rows in sheets.items():
            worksheet = workbook.add_worksheet(name)
            for merge in layout.merges:
                worksheet.merge_range(merge, "")
            for row in layout.hidden_rows:
                worksheet.set_row(row - 1, None, None, {"hidden": True})
            for row, column, value in filled(rows):
                if isinstance(value, ErrorValue):
                    worksheet.write_formula(row, column, "=NA()", None, value.text)
                elif isinstance(value, Formula):
                    worksheet.write_formula(row, column, value.text, None, "" if value.value is None else value.value)
                else:
                    worksheet.write(row, column, value, formats.get(type(value)))
            if name in layout.hidden_sheets:
                worksheet.hide()
    return Path(path)


def repacked(path: Path, change: Callable[[str, bytes], bytes], more: Mapping[str, bytes] | None = None) -> Path:
    """The package with each part changed, and parts added."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: change(name, archive.read(name)) for name in archive.namelist()}
    path.write_bytes(packed(parts | dict(more or {})))
    return path


def packed(parts: Mapping[str, str | bytes]) -> bytes:
    """A zip package, the same bytes at any time of day."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, part in parts.items():
            archive.writestr(zipfile.ZipInfo(name), part, zipfile.ZIP_DEFLATED)
    return content.getvalue()


def strict_xlsx(path: str, sheets: Sheets, layout: Layout = PLAIN) -> Path:
    """Saved in the strict dialect, which writes dates as text of ISO 8601."""
    dates = [
        {address(row, column): value for row, column, value in filled(rows) if isinstance(value, date)}
        for rows in sheets.values()
    ]

    def change(name: str, content: bytes) -> bytes:
        text = in_strict_dialect(content.decode())
        number = re.fullmatch(r"xl/worksheets/sheet(\d+)\.xml", name)
        for place, value in dates[int(number.group(1)) - 1].items() if number else ():
            moment = value.isoformat() if isinstance(value, datetime) else f"{value.isoformat()}T00:00:00"
            text = re.sub(rf'(<c r="{place}" s="\d+")><v>[^<]*', rf'\1 t="d"><v>{moment}', text)
        return text.encode()

    return repacked(xlsx(path, sheets, layout), change)


def xlsm(path: str, sheets: Sheets, layout: Layout = PLAIN) -> Path:
    """The same with a macro project."""

    def change(name: str, content: bytes) -> bytes:
        return content.replace(b"officedocument.spreadsheetml.sheet.main", b"ms-excel.sheet.macroEnabled.main")

    return repacked(xlsx(path, sheets, layout), change, {"xl/vbaProject.bin": ole(b"macros", "VBA")})


def encrypted_xlsx(path: str, sheets: Sheets, layout: Layout = PLAIN, password: str = "秘密") -> Path:
    """With a password to open, by the agile encryption of Excel since 2010."""
    plain = io.BytesIO(xlsx(path, sheets, layout).read_bytes())
    method = "msoffcrypto.method"  # made to give the same bytes in every run
    salts = patch(f"{method}.ecma376_agile._random_buffer", random.Random(0).randbytes)
    times = patch(f"{method}.container.ecma376_encrypted.datetime2filetime", return_value=0)
    with Path(path).open("wb") as stream, salts, times:
        OOXMLFile(plain).encrypt(password, stream)
    return Path(path)


# Xlsb, after MS-XLSB


def _record(kind: int, content: bytes = b"") -> bytes:
    size, length = b"", len(content)
    while length > 127:
        size, length = size + bytes([length & 127 | 128]), length >> 7
    number = bytes([kind]) if kind < 128 else bytes([kind & 127 | 128, kind >> 7])
    return number + size + bytes([length]) + content


def _wide(text: str) -> bytes:
    encoded = text.encode("utf-16-le")
    return struct.pack("<I", len(encoded) // 2) + encoded


def xlsb(path: str, sheets: Sheets, layout: Layout = PLAIN) -> Path:
    """A binary workbook: the parts that hold data, strings shared, dates by style."""
    shared: dict[str, int] = {}
    pages = [_xlsb_sheet(rows, layout, shared) for rows in sheets.values()]
    listed = b"".join(
        _record(0x9C, struct.pack("<II", name in layout.hidden_sheets, number) + _wide(f"r{number}") + _wide(name))
        for number, name in enumerate(sheets, 1)
    )
    workbook = [_record(0x83), _record(0x99, struct.pack("<III", 0, 0, 0)), _record(0x8F), listed, _record(0x90)]
    formats = b"".join(
        _record(0x2C, struct.pack("<H", 164 + n) + _wide(code)) for n, code in enumerate(FORMATS.values())
    )
    styles = b"".join(_record(0x2F, struct.pack("<HH12x", 0, number)) for number in (0, 164, 165, 166))
    package = "http://schemas.openxmlformats.org/package/2006"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    links = "".join(
        f'<Relationship Id="r{n}" Type="{office}/worksheet" Target="worksheets/sheet{n}.bin"/>'
        for n, _ in enumerate(sheets, 1)
    )
    parts: dict[str, str | bytes] = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
        '<Default Extension="bin" ContentType="application/vnd.ms-excel.sheet.binary.macroEnabled.main"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{office}/officeDocument" Target="xl/workbook.bin"/></Relationships>',
        "xl/_rels/workbook.bin.rels": f'<Relationships xmlns="{package}/relationships">{links}</Relationships>',
        "xl/workbook.bin": b"".join(workbook) + _record(0x9D, bytes(26)) + _record(0x84),
        "xl/styles.bin": _record(0x116)
        + _record(0x267, struct.pack("<I", len(FORMATS)))
        + formats
        + _record(0x268)
        + _record(0x269, struct.pack("<I", 4))
        + styles
        + _record(0x26A)
        + _record(0x117),
        "xl/sharedStrings.bin": _record(0x9F, struct.pack("<II", len(shared), len(shared)))
        + b"".join(_record(0x13, b"\0" + _wide(text)) for text in shared)
        + _record(0xA0),
        **{f"xl/worksheets/sheet{n}.bin": page for n, page in enumerate(pages, 1)},
    }
    Path(path).write_bytes(packed(parts))
    return Path(path)


def _xlsb_sheet(rows: Rows, layout: Layout, shared: dict[str, int]) -> bytes:
    width = max((len(cells) for cells in rows), default=1)
    content = [_record(0x81), _record(0x94, struct.pack("<IIII", 0, len(rows), 0, width)), _record(0x91)]
    for row, cells in enumerate(rows):
        height = 0x10 if row + 1 in layout.hidden_rows else 0
        content.append(_record(0x00, struct.pack("<IIHBBBI", row, 0, 300, 0, height, 0, 0)))
        content += [_xlsb_cell(column, value, shared) for _, column, value in filled([cells])]
    content.append(_record(0x92))
    if layout.merges:
        content.append(_record(0xB1, struct.pack("<I", len(layout.merges))))
        for (top, left), (height, breadth) in layout.spans().items():
            content.append(_record(0xB0, struct.pack("<IIII", top, top + height - 1, left, left + breadth - 1)))
        content.append(_record(0xB2))
    return b"".join([*content, _record(0x82)])


def _xlsb_cell(column: int, value: Any, shared: dict[str, int]) -> bytes:
    kinds = list(FORMATS)
    style = kinds.index(type(value)) + 1 if type(value) in kinds else 0
    head = struct.pack("<II", column, style)
    one_and_one = struct.pack("<HI", 0, 7) + b"\x1e\1\0\x1e\1\0\3" + bytes(4)
    if isinstance(value, Formula):
        if isinstance(value.value, str):
            return _record(8, head + _wide(value.value) + one_and_one)
        return _record(9, head + struct.pack("<d", value.value) + one_and_one)
    if isinstance(value, ErrorValue):
        return _record(3, head + bytes([ERRORS[value.text]]))
    if isinstance(value, bool):
        return _record(4, head + bytes([value]))
    if isinstance(value, str):
        return _record(7, head + struct.pack("<I", shared.setdefault(value, len(shared))))
    return _record(5, head + struct.pack("<d", serial(value) if style else value))


# OpenDocument


def ods(path: str, sheets: Sheets, layout: Layout = PLAIN, hidden_as: str = "collapse", flat: bool = False) -> Path:
    """As LibreOffice writes it: runs of equal cells and rows once, and the empty rest of the sheet at the end.

    `flat` is the one XML document without a package (.fods).
    """
    names = ("office", "style", "table", "text")
    spaces = " ".join(f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in names)
    styles = "".join(
        f'<style:style style:name="{name}" style:family="table"><style:table-properties table:display="{shown}"/>'
        "</style:style>"
        for name, shown in (("ta1", "true"), ("ta2", "false"))
    )
    tables = "".join(
        f'<table:table table:name="{escape(name)}" table:style-name="ta{1 + (name in layout.hidden_sheets)}">'
        f'<table:table-column table:number-columns-repeated="16384"/>{_ods_rows(rows, layout, hidden_as)}</table:table>'
        for name, rows in sheets.items()
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    root, said = ("document", f' office:mimetype="{kind}"') if flat else ("document-content", "")
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<office:{root} {spaces}{said} '
        'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0" office:version="1.2">'
        f"<office:automatic-styles>{styles}</office:automatic-styles>"
        f"<office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body></office:{root}>"
    )
    manifest = (
        '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
        f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{kind}"/>'
        '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>'
    )
    parts = {"mimetype": kind, "content.xml": content, "META-INF/manifest.xml": manifest}
    Path(path).write_bytes(content.encode() if flat else packed(parts))
    return Path(path)


def _ods_rows(rows: Rows, layout: Layout, hidden_as: str) -> str:
    lines = []
    covered = layout.covered()
    for row, cells in enumerate(rows):
        spelled = []
        for column, value in enumerate(cells):
            cell = _ods_cell(value)
            if (row, column) in covered:
                cell = cell.replace("table:table-cell", "table:covered-table-cell")
            if (row, column) in layout.spans():
                down, across = layout.spans()[row, column]
                span = f' table:number-columns-spanned="{across}" table:number-rows-spanned="{down}"'
                cell = cell.replace("<table:table-cell", f"<table:table-cell{span}", 1)
            spelled.append(cell)
        hidden = f' table:visibility="{hidden_as}"' if row + 1 in layout.hidden_rows else ""
        rest = f'<table:table-cell table:number-columns-repeated="{16384 - len(cells)}"/>'
        lines.append((hidden, _runs(spelled, "table:number-columns-repeated") + rest))
    lines.append(("", '<table:table-cell table:number-columns-repeated="16384"/>'))
    marked = [f"<table:table-row{hidden}>{cells}</table:table-row>" for hidden, cells in lines]
    blank = f'<table:table-row table:number-rows-repeated="{1_048_576 - len(marked)}">'
    return _runs(marked, "table:number-rows-repeated") + f"{blank}{lines[-1][1]}</table:table-row>"


def _runs(elements: Sequence[str], attribute: str) -> str:
    """Equal neighbours as one element that says how often."""
    runs = ((element, len(list(group))) for element, group in groupby(elements))
    return "".join(re.sub(r"^<[\w:-]+", rf'\g<0> {attribute}="{n}"', run) if n > 1 else run for run, n in runs)


def _ods_cell(value: Any) -> str:
    kind, shown = "", written(value)
    if isinstance(value, Raw):
        return value.markup
    if value is None:
        return "<table:table-cell/>"
    if isinstance(value, ErrorValue):
        kind = 'table:formula="of:=NA()" office:value-type="string" office:string-value="" calcext:value-type="error"'
    elif isinstance(value, Formula):
        formula = f'<table:table-cell table:formula="of:{escape(value.text)}"'
        return (
            f"{formula}/>" if value.value is None else _ods_cell(value.value).replace("<table:table-cell", formula, 1)
        )
    elif isinstance(value, bool):
        kind = f'office:value-type="boolean" office:boolean-value="{str(value).lower()}"'
    elif isinstance(value, int | float):
        kind = f'office:value-type="float" office:value="{value!r}"'
    elif isinstance(value, date):
        kind = f'office:value-type="date" office:date-value="{value.isoformat()}"'
    elif isinstance(value, time):
        kind = f'office:value-type="time" office:time-value="{value:PT%HH%MM%SS}"'
    else:
        kind = 'office:value-type="string" calcext:value-type="string"'
    lines = [re.sub("  +", lambda gap: f' <text:s text:c="{len(gap[0]) - 1}"/>', line) for line in shown.split("\n")]
    paragraphs = "".join(f"<text:p>{escape(line) if '<text:s' not in line else line}</text:p>" for line in lines)
    return f"<table:table-cell {kind}>{paragraphs}</table:table-cell>"


# Binary .xls


def xls(path: str, sheets: Sheets, layout: Layout = PLAIN, codepage: int = 1200) -> Path:
    """BIFF8 by xlwt; Chinese programs put code page 936 into it although its text is UTF-16."""
    workbook = xlwt.Workbook()
    styles = {kind: xlwt.easyxf(num_format_str=code) for kind, code in FORMATS.items()}
    for name, rows in sheets.items():
        worksheet = workbook.add_sheet(name, cell_overwrite_ok=True)
        worksheet.visibility = int(name in layout.hidden_sheets)
        for (top, left), (height, width) in layout.spans().items():
            worksheet.merge(top, top + height - 1, left, left + width - 1)
        for row in layout.hidden_rows:
            worksheet.row(row - 1).hidden = True
        for row, column, value in filled(rows):
            if isinstance(value, ErrorValue):
                worksheet.row(row).set_cell_error(column, ERRORS[value.text])
            else:
                worksheet.write(row, column, value, styles.get(type(value), xlwt.Style.default_style))
    workbook.save(path)
    content = Path(path).read_bytes()
    Path(path).write_bytes(content.replace(b"\x42\0\2\0\xb0\4", b"\x42\0\2\0" + struct.pack("<H", codepage)))
    return Path(path)


def ole(stream: bytes, name: str = "Workbook") -> bytes:
    """An OLE container around one stream."""
    content = io.BytesIO()
    XlsDoc().save(content, stream)
    field, usual = (_ole_name(name), _ole_name("Workbook"))
    return content.getvalue().replace(usual, field)


def _ole_name(name: str) -> bytes:
    return name.encode("utf-16-le").ljust(64, b"\0") + struct.pack("<H", 2 * len(name) + 2)


def biff(
    path: str, sheets: Sheets, layout: Layout = PLAIN, version: int = 5, bare: bool = False, password: str = ""
) -> Path:
    """BIFF5 in code page 936 or BIFF8, record by record: labels, numbers of either size, formulas with their results.

    `bare` leaves out the OLE container, as some programs of the nineties did; a password encrypts BIFF8 by RC4.
    """
    stream = biff_stream(sheets, layout, version)
    if password:
        stream = _rc4_stream(stream, password)
    Path(path).write_bytes(stream if bare else ole(stream, "Book" if version == 5 else "Workbook"))
    return Path(path)


def biff_stream(sheets: Sheets, layout: Layout = PLAIN, version: int = 5) -> bytes:
    """The records of a workbook and its sheets."""
    old = version == 5

    def bof(kind: int) -> bytes:
        return _biff(0x809, struct.pack("<HHHH", 0x500 if old else 0x600, kind, 0x0DBB, 1997) + bytes(0 if old else 8))

    fonts = _biff(0x31, struct.pack("<HHHHHBBBB", 200, 0, 0x7FFF, 400, 0, 0, 0, 0, 0) + _biff_text("Arial", old, 1)) * 4
    formats = [
        _biff(0x41E, struct.pack("<H", 164 + n) + _biff_text(code, old, 1 if old else 2))
        for n, code in enumerate(FORMATS.values())
    ]
    rest = bytes(10 if old else 14)
    styles = [_biff(0xE0, struct.pack("<HHH", 0, 0, 0xFFF5) + rest)] * 15
    styles += [_biff(0xE0, struct.pack("<HHH", 0, number, 1) + rest) for number in (0, 164, 165, 166)]
    globals_ = [bof(5), _biff(0x42, struct.pack("<H", 936 if old else 1200)), fonts, *formats, *styles]
    pages = [bof(0x10) + _biff_sheet(rows, layout, old) + _biff(0x0A, b"") for rows in sheets.values()]
    listed = [
        _biff(0x85, struct.pack("<IH", 0, name in layout.hidden_sheets) + _biff_text(name, old, 1)) for name in sheets
    ]
    start = sum(map(len, [*globals_, *listed])) + 4
    for number, page in enumerate(pages):
        listed[number] = listed[number][:4] + struct.pack("<I", start) + listed[number][8:]
        start += len(page)
    return b"".join([*globals_, *listed, _biff(0x0A, b""), *pages])


def _biff(kind: int, content: bytes) -> bytes:
    return struct.pack("<HH", kind, len(content)) + content


def _biff_text(text: str, old: bool, size: int) -> bytes:
    """Text with its length in one or two bytes: in BIFF5 of the code page, in BIFF8 UTF-16."""
    encoded = text.encode("gbk" if old else "utf-16-le")
    length = (len(encoded) if old else len(encoded) // 2).to_bytes(size, "little")
    return length + (b"" if old else b"\1") + encoded


def _biff_sheet(rows: Rows, layout: Layout, old: bool) -> bytes:
    width = max((len(cells) for cells in rows), default=0)
    bounds = struct.pack("<HHHHH" if old else "<IIHHH", 0, len(rows), 0, width, 0)
    content = [_biff(0x200, bounds)]
    for row, cells in enumerate(rows):
        hidden = 0x20 if row + 1 in layout.hidden_rows else 0
        content.append(_biff(0x208, struct.pack("<HHHHHHI", row, 0, len(cells), 300, 0, 0, 0x100 | hidden)))
    content += [_biff_cell(row, column, value, old) for row, column, value in filled(rows)]
    if layout.merges and not old:
        boxes = [(top, top + down - 1, left, left + right - 1) for (top, left), (down, right) in layout.spans().items()]
        content.append(
            _biff(0xE5, struct.pack("<H", len(boxes)) + b"".join(struct.pack("<HHHH", *box) for box in boxes))
        )
    return b"".join(content)


def _biff_cell(row: int, column: int, value: Any, old: bool) -> bytes:
    kinds = list(FORMATS)
    style = 16 + kinds.index(type(value)) if type(value) in kinds else 15
    head = struct.pack("<HHH", row, column, style)
    if isinstance(value, Formula):
        result, text = value.value, b""
        if isinstance(result, str):
            stored, text = b"\0" + bytes(5) + b"\xff\xff", _biff(0x207, _biff_text(result, old, 2))
        elif isinstance(result, ErrorValue):
            stored = bytes([2, 0, ERRORS[result.text], 0, 0, 0, 0xFF, 0xFF])
        elif isinstance(result, bool):
            stored = bytes([1, 0, result, 0, 0, 0, 0xFF, 0xFF])
        else:
            stored = struct.pack("<d", result)
        return _biff(0x06, head + stored + struct.pack("<HIH", 0, 0, 7) + b"\x1e\1\0\x1e\1\0\3") + text
    if isinstance(value, ErrorValue | bool):
        error = isinstance(value, ErrorValue)
        return _biff(0x205, head + bytes([ERRORS[value.text] if error else value, error]))
    if isinstance(value, str):
        return _biff(0x204, head + _biff_text(value, old, 2))
    if isinstance(value, int) and abs(value) < 1 << 29:
        return _biff(0x27E, head + struct.pack("<i", value << 2 | 2))  # RK: a whole number in 30 bits
    if isinstance(value, float) and abs(value) < 1 << 20 and round(value * 100) / 100 == value:
        return _biff(0x27E, head + struct.pack("<i", round(value * 100) << 2 | 3))  # RK: hundredths
    return _biff(0x203, head + struct.pack("<d", serial(value) if style > 15 else value))


def encrypted_xls(path: str, sheets: Sheets, layout: Layout = PLAIN, password: str = "秘密") -> Path:
    """With a password to open, by the RC4 of Excel 97."""
    return biff(path, sheets, layout, 8, password=password)


def _rc4_stream(stream: bytes, password: str) -> bytes:
    """A BIFF8 stream under a password: contents of records are scrambled by place, a new key every 1024 bytes."""
    salt, verifier = bytes(range(16)), bytes(range(100, 116))
    short = hashlib.md5((hashlib.md5(password.encode("utf-16-le")).digest()[:5] + salt) * 16).digest()[:5]

    def key(block: int) -> Iterator[int]:
        return _rc4(hashlib.md5(short + struct.pack("<I", block)).digest())

    pad = key(0)
    sealed = bytes(byte ^ next(pad) for byte in verifier + hashlib.md5(verifier).digest())
    lock = _biff(0x2F, struct.pack("<HHH", 1, 1, 1) + salt + sealed)
    first = 4 + struct.unpack_from("<H", stream, 2)[0]
    filler = _biff(0, bytes(-(len(stream) + len(lock)) % 4))  # the zeros that pad the container then read as records
    plain = bytearray(stream[:first] + lock + stream[first:] + filler)
    pads = [[byte for _, byte in zip(range(1024), key(block), strict=False)] for block in range(len(plain) // 1024 + 1)]
    at = 0
    while at < len(plain):
        kind, length = struct.unpack_from("<HH", plain, at)
        at += 4
        if kind == 0x85:  # where the sheet starts, moved by the lock and left legible
            struct.pack_into("<I", plain, at, struct.unpack_from("<I", plain, at)[0] + len(lock))
        for place in range(at + 4 * (kind == 0x85), at + length if kind not in (0x809, 0x2F) else at):
            plain[place] ^= pads[place // 1024][place % 1024]
        at += length
    return bytes(plain)


def _rc4(key: bytes) -> Iterator[int]:
    box, j = list(range(256)), 0
    for i in range(256):
        j = (j + box[i] + key[i % len(key)]) % 256
        box[i], box[j] = box[j], box[i]
    i = j = 0
    while True:
        i = (i + 1) % 256
        j = (j + box[i]) % 256
        box[i], box[j] = box[j], box[i]
        yield box[(box[i] + box[j]) % 256]


# Web pages called .xls


def _cells_of(row: int, cells: Sequence[Any], layout: Layout, cell: Callable[[Any, str], str]) -> str:
    """The cells of one table row; a merged one says how far it reaches, those under it are left out."""
    marked = []
    for column, value in enumerate(cells):
        if (row, column) not in layout.covered():
            down, across = layout.spans().get((row, column), (1, 1))
            span = (f" rowspan={down}" if down > 1 else "") + (f" colspan={across}" if across > 1 else "")
            marked.append(value.markup if isinstance(value, Raw) else cell(value, span))
    return "".join(marked)


def _lines(value: Any) -> str:
    return escape(written(value), quote=False).replace("\n", "<br>")


def jsp_html(path: str, sheets: Sheets, layout: Layout = PLAIN, encoding: str = "utf-8") -> Path:
    """As a dealer system sends it: one table after the other, styled, all cells text."""

    def table(rows: Rows) -> str:
        lines = []
        for row, cells in enumerate(rows):
            hidden = ' style="display:none"' if row + 1 in layout.hidden_rows else ""
            marked = _cells_of(
                row, cells, layout, lambda value, span: f'<td class="txt"{span}>{_lines(value)}</td>\r\n'
            )
            lines.append(f"<tr{hidden}>\r\n{marked}</tr>\r\n")
        return f'<table border="1" cellspacing="0">\r\n{"".join(lines)}</table>\r\n'

    charset = encoding.removesuffix("-sig")
    page = (
        f'<html>\r\n<head>\r\n<meta http-equiv="Content-Type" content="text/html; charset={charset}">\r\n'
        '<style type="text/css">\r\n.txt { mso-number-format:"\\@"; }\r\ntd > br { mso-data-placement:same-cell; }\r\n'
        f"</style>\r\n</head>\r\n<body>\r\n{''.join(map(table, sheets.values()))}</body>\r\n</html>\r\n"
    )
    Path(path).write_bytes(page.encode(encoding))
    return Path(path)


def excel_html(
    path: str, sheets: Sheets, layout: Layout = PLAIN, encoding: str = "gb2312", numbers: bool = True
) -> Path:
    """As Excel saves a sheet as a web page; `numbers` notes exact values the way Excel up to 2003 did."""
    ((name, rows),) = sheets.items()
    Path(path).write_bytes(_excel_page(name, rows, layout, encoding, numbers).encode(encoding))
    return Path(path)


_EXCEL_SPACES = (
    'xmlns:v="urn:schemas-microsoft-com:vml"\r\nxmlns:o="urn:schemas-microsoft-com:office:office"\r\n'
    'xmlns:x="urn:schemas-microsoft-com:office:excel"\r\nxmlns="http://www.w3.org/TR/REC-html40"'
)


def _excel_page(name: str, rows: Rows, layout: Layout, encoding: str, numbers: bool) -> str:
    def cell(value: Any, span: str) -> str:
        noted = ""
        if numbers and isinstance(value, int | float) and not isinstance(value, bool):
            shown = f"{value:.2E}" if abs(value) > 10**10 else f"{value:,.2f}"
            return f'  <td{span} class=xl24 align=right x:num="{written(value)}">{shown}</td>\r\n'
        if numbers and isinstance(value, str):
            noted = " x:str"
        return f"  <td{span} class=xl25{noted}>{_lines(value)}</td>\r\n"

    lines = []
    for row, cells in enumerate(rows):
        hidden = (
            "height=0 style='display:none'" if row + 1 in layout.hidden_rows else "height=19 style='height:14.25pt'"
        )
        lines.append(f" <tr {hidden}>\r\n{_cells_of(row, cells, layout, cell)} </tr>\r\n")
    width = max((len(cells) for cells in rows), default=0)
    shown = "<x:Visible>SheetHidden</x:Visible>" if name in layout.hidden_sheets else "<x:Selected/>"
    return (
        f"<html {_EXCEL_SPACES}>\r\n\r\n<head>\r\n"
        f'<meta http-equiv=Content-Type content="text/html; charset={encoding}">\r\n'
        "<meta name=ProgId content=Excel.Sheet>\r\n<style>\r\n<!--table\r\n"
        '\t{mso-displayed-decimal-separator:"\\.";}\r\n'
        '.xl25\r\n\t{mso-style-parent:style0;\r\n\tmso-number-format:"\\@";}\r\n-->\r\n</style>\r\n'
        "<!--[if gte mso 9]><xml>\r\n <x:ExcelWorkbook>\r\n  <x:ExcelWorksheets>\r\n   <x:ExcelWorksheet>\r\n"
        f"    <x:Name>{escape(name)}</x:Name>\r\n    <x:WorksheetOptions>{shown}</x:WorksheetOptions>\r\n"
        "   </x:ExcelWorksheet>\r\n  </x:ExcelWorksheets>\r\n </x:ExcelWorkbook>\r\n</xml><![endif]-->\r\n</head>\r\n"
        "<body link=blue vlink=purple>\r\n\r\n<table x:str border=0 cellpadding=0 cellspacing=0 "
        f"style='border-collapse:collapse'>\r\n <col width=72 span={width} style='width:54pt'>\r\n{''.join(lines)}"
        " <![if supportMisalignedColumns]>\r\n <tr height=0 style='display:none'>\r\n"
        "  <td width=72 style='width:54pt'></td>\r\n </tr>\r\n <![endif]>\r\n"
        "</table>\r\n\r\n</body>\r\n\r\n</html>\r\n"
    )


def mhtml(
    path: str, sheets: Sheets, layout: Layout = PLAIN, encoding: str = "gb2312", transfer: str = "quoted-printable"
) -> Path:
    """A single file web page: one part for one sheet, for several a frameset and a part each."""
    home = "file:///C:/8A2F0E11/book"
    pages = [
        (f"{home}.files/sheet{number:03}.htm", _excel_page(name, rows, layout, encoding, numbers=False))
        for number, (name, rows) in enumerate(sheets.items(), 1)
    ]
    parts = [(f"{home}.htm", pages[0][1])] if len(sheets) == 1 else [(f"{home}.htm", _frameset(sheets)), *pages]
    boundary = "----=_NextPart_01DC2B6E.5F0C3A20"
    text = (
        f'MIME-Version: 1.0\r\nX-Document-Type: Workbook\r\nContent-Type: multipart/related; boundary="{boundary}"\r\n'
        "\r\nThis document is a Single File Web Page.\r\n\r\n"
    ).encode()
    for place, page in parts:
        head = (
            f"--{boundary}\r\nContent-Location: {place}\r\nContent-Transfer-Encoding: {transfer}\r\n"
            f'Content-Type: text/html; charset="{encoding}"\r\n\r\n'
        )
        content = page.encode(encoding)
        packed = quopri.encodestring(content) if transfer == "quoted-printable" else base64.encodebytes(content)
        text += head.encode() + packed.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") + b"\r\n"
    styles = (
        f"--{boundary}\r\nContent-Location: {home}.files/stylesheet.css\r\nContent-Type: text/css\r\n\r\ntd {{}}\r\n"
    )
    Path(path).write_bytes(text + f"{styles}\r\n--{boundary}--\r\n".encode())
    return Path(path)


def _frameset(names: Iterable[str]) -> str:
    entries = "".join(
        f"   <x:ExcelWorksheet>\r\n    <x:Name>{escape(name)}</x:Name>\r\n"
        f'    <x:WorksheetSource HRef="book.files/sheet{number:03}.htm"/>\r\n   </x:ExcelWorksheet>\r\n'
        for number, name in enumerate(names, 1)
    )
    return (
        f'<html {_EXCEL_SPACES}>\r\n<head>\r\n<meta name="Excel Workbook Frameset">\r\n<!--[if gte mso 9]><xml>\r\n'
        f" <x:ExcelWorkbook>\r\n  <x:ExcelWorksheets>\r\n{entries}  </x:ExcelWorksheets>\r\n </x:ExcelWorkbook>\r\n"
        '</xml><![endif]-->\r\n</head>\r\n<frameset rows="*,39" border=0 width=0>\r\n'
        ' <frame src="book.files/sheet001.htm" name="frSheet">\r\n <noframes><body><p>This page uses frames.</p></body>'
        "</noframes>\r\n</frameset>\r\n</html>\r\n"
    )


# SpreadsheetML 2003


def spreadsheetml(
    path: str, sheets: Sheets, layout: Layout = PLAIN, wps: bool = False, prefix: str = "", encoding: str = "utf-8"
) -> Path:
    """An XML workbook: blank rows and cells are left out, the next one says its place."""
    p = prefix
    extra = (
        '<DocumentProperties xmlns="urn:schemas-microsoft-com:office:office"><Author>王磊</Author></DocumentProperties>'
        '<CustomDocumentProperties xmlns="urn:schemas-microsoft-com:office:office">'
        '<KSOProductBuildVer dt:dt="string">2052-11.1.0.10314</KSOProductBuildVer></CustomDocumentProperties>'
    )
    pages = "".join(
        f'<{p}Worksheet ss:Name="{escape(name)}"><{p}Table>{_spreadsheetml_rows(rows, layout, p)}</{p}Table>'
        + (
            '<WorksheetOptions xmlns="urn:schemas-microsoft-com:office:excel"><Visible>SheetHidden</Visible>'
            "</WorksheetOptions>"
            if name in layout.hidden_sheets
            else ""
        )
        + f"</{p}Worksheet>\n"
        for name, rows in sheets.items()
    )
    space = "urn:schemas-microsoft-com:office:spreadsheet"
    text = (
        f'<?xml version="1.0" encoding="{encoding}"?>\n<?mso-application progid="Excel.Sheet"?>\n'
        f'<{p}Workbook xmlns="{space}" xmlns:ss="{space}" xmlns:x="urn:schemas-microsoft-com:office:excel" '
        'xmlns:dt="uuid:C2F41010-65B3-11d1-A29F-00AA00C14882" xmlns:html="http://www.w3.org/TR/REC-html40">\n'
        f'{extra if wps else ""}<{p}Styles><{p}Style ss:ID="d"><{p}NumberFormat ss:Format="yyyy\\-mm\\-dd"/></{p}Style>'
        f"</{p}Styles>\n{pages}</{p}Workbook>\n"
    )
    Path(path).write_bytes(text.encode(encoding))
    return Path(path)


def _spreadsheetml_rows(rows: Rows, layout: Layout, p: str) -> str:
    lines, expected = [], 0
    for row, cells in enumerate(rows):
        marked, next_column = [], 0
        for _, column, value in filled([cells]):
            if (row, column) in layout.covered():
                continue
            down, across = layout.spans().get((row, column), (1, 1))
            place = f' ss:Index="{column + 1}"' if column != next_column else ""
            merge = (f' ss:MergeAcross="{across - 1}"' * (across > 1)) + (f' ss:MergeDown="{down - 1}"' * (down > 1))
            marked.append(_spreadsheetml_cell(value, place + merge, p))
            next_column = column + across
        hidden = ' ss:Hidden="1"' if row + 1 in layout.hidden_rows else ""
        if marked or hidden:
            place = f' ss:Index="{row + 1}"' if row != expected else ""
            lines.append(f"<{p}Row{place}{hidden}>{''.join(marked)}</{p}Row>\n")
            expected = row + 1
    return "".join(lines)


def _spreadsheetml_cell(value: Any, place: str, p: str) -> str:
    if isinstance(value, Raw):
        return value.markup
    if isinstance(value, Formula):
        place += f' ss:Formula="{escape(value.text)}"'
        if value.value is None:
            return f"<{p}Cell{place}/>"
        return _spreadsheetml_cell(value.value, place, p)
    kind, text = "String", escape(written(value)).replace("\n", "&#10;")
    if isinstance(value, ErrorValue):
        kind = "Error"
    elif isinstance(value, bool):
        kind, text = "Boolean", str(int(value))
    elif isinstance(value, int | float):
        kind, text = "Number", repr(value)
    elif isinstance(value, date | time):
        kind = "DateTime"
        text = {
            date: lambda: f"{value.isoformat()}T00:00:00.000",
            datetime: lambda: f"{value.isoformat()}.000",
            time: lambda: f"1899-12-31T{value.isoformat()}.000",
        }[type(value)]()
    return f'<{p}Cell{place}><{p}Data ss:Type="{kind}">{text}</{p}Data></{p}Cell>'


# Text


def delimited(
    path: str,
    sheets: Sheets,
    layout: Layout = PLAIN,
    delimiter: str = ",",
    encoding: str = "utf-8",
    guard: bool = False,
) -> Path:
    """One sheet as text; `guard` writes digits as ``="0012"``, so that Excel keeps them as they are."""
    (rows,) = sheets.values()

    def field(value: Any) -> str:
        guarded = guard and isinstance(value, str) and value.isdigit()
        return f'="{value}"' if guarded else written(value)

    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_MINIMAL)
    writer.writerows([field(value) for value in cells] for cells in rows)
    mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    Path(path).write_bytes(mark + text.getvalue().encode(encoding))
    return Path(path)
