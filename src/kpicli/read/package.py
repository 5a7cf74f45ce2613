"""Look through a zip package before any workbook library sees it.

One pass inflates every part once: it holds the limits, checks the CRCs, and gathers from the sheets what the reading
library does not tell (where the first column is, error cells, formulas without a stored result).
"""

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

from kpicli.read import xlsb
from kpicli.read.refusal import Refusal
from kpicli.read.sheets import ORIGIN_NAME, Fault, Limits, Merge, SheetScan, column_index, column_letters

_CHUNK = 1 << 20
_MIB = 1 << 20
_SHARED_TEXTS = "xl/sharedStrings.bin"

# XML may spell one thing in many ways: attributes in any order, either quote, prefixes, spaces, cells without address.
_TAG = rb"<(?:\w+:)?"
_END = rb"</(?:\w+:)?"
_FORMULA = _TAG + rb"f\b[^>]*?(?:/>|>[^<]*" + _END + rb"f>)\s*"
_VALUE = rb"\s*(?:" + _FORMULA + rb")?" + _TAG + rb"(?:v\b[^>/]*>[^<]|is\b)"
_ADDRESS = re.compile(rb"""(?:^|\s)r\s*=\s*["']([A-Z]+)(\d+)["']""")
_FILLED_CELL = re.compile(_TAG + rb"c(?=[\s>])([^>]*?)(?<!/)>" + _VALUE)
_TEXT_RESULT = re.compile(_TAG + rb"""c\s[^>]*?\bt\s*=\s*["']str["']""")
"""A formula's text: the reading library counts it as a value even when it is empty."""
_CELL_WITHOUT_ADDRESS = re.compile(_TAG + rb"c(?:\s(?![^>]*\br\s*=)[^>]*)?>")
_ROW_OR_CELL = re.compile(
    _TAG
    + rb"(?:(row)\b[^>]*|c(?=[\s/>])([^>]*?)(/?))>(?=("
    + _VALUE
    + rb")?)(?=(\s*(?:"
    + _FORMULA
    + rb")?"
    + _TAG
    + rb"v\b)?)"
)
_ERROR_CELL = re.compile(_TAG + rb"""c\s([^>]*?\bt\s*=\s*["']e["'][^>]*)>(.*?)""" + _END + rb"c>", re.S)
_ERROR_VALUE = re.compile(_TAG + rb"v\b[^>]*>([^<]*)<")
_FORMULA_CELL = re.compile(
    _TAG
    + rb"c(?=[\s>])([^>]*?)>\s*"
    + _FORMULA
    + rb"(?:"
    + _TAG
    + rb"v\b[^>]*?(?:/>|>"
    + _END
    + rb"v>)\s*)?"
    + _END
    + rb"c>"
)
_HIDDEN_ROW = re.compile(_TAG + rb"""row\b([^>]*?\shidden\s*=\s*["'](?:1|true)["'][^>]*)>""")
_ROW_NUMBER = re.compile(rb"""(?:^|\s)r\s*=\s*["'](\d{1,7})["']""")
_MERGED = re.compile(_TAG + rb"""mergeCell\s+ref\s*=\s*["']([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})["']""")


@dataclass
class Package:
    """What the whole package told."""

    scans: dict[str, SheetScan] = field(default_factory=dict)
    """Sheet name → its scan."""
    date1904: bool = False
    binary: bool = False
    origin: str = ""
    """What a marked copy says it is a copy of."""
    strict: bool = False
    """Written in the strict dialect, which spells dates in ISO 8601."""
    saved: datetime | None = None


@contextmanager
def opened(source: Path | bytes, limits: Limits) -> Iterator[zipfile.ZipFile]:
    """Open a package that keeps the limits; raise `Refusal` when it, or what is read of it within, is damaged."""
    try:
        with zipfile.ZipFile(source if isinstance(source, Path) else BytesIO(source)) as archive:
            _guard(archive, limits)
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ElementTree.ParseError, KeyError) as error:
        raise Refusal("truncated", why=str(error)[:80]) from error
    except (IndexError, struct.error) as error:  # binary records that end before they should
        raise Refusal("truncated", why=type(error).__name__) from error
    except RuntimeError as error:
        if "encrypted" in str(error) or "password" in str(error).lower():  # zipfile's words for a locked member
            raise Refusal("encrypted") from error
        raise Refusal("truncated", why=type(error).__name__) from error


def kind(archive: zipfile.ZipFile) -> str:
    """``xlsx`` (also xlsm and strict), ``xlsb`` or ``ods``; raise `Refusal` when the package is no workbook."""
    names = archive.namelist()
    if "xl/workbook.xml" in names:
        return "xlsx"
    if "xl/workbook.bin" in names:
        return "xlsb"
    if "mimetype" in names and b"opendocument.spreadsheet" in archive.read("mimetype")[:100]:
        return "ods"
    if "word/document.xml" in names:
        raise Refusal("not_a_table", kind="Word 文档")
    if "ppt/presentation.xml" in names:
        raise Refusal("not_a_table", kind="PowerPoint 演示文稿")
    raise Refusal("not_a_table", kind="zip 压缩包")


def _guard(archive: zipfile.ZipFile, limits: Limits) -> None:
    parts = archive.infolist()
    names = [part.filename for part in parts]
    if len(parts) > limits.parts:
        raise Refusal("unsafe_workbook", why=f"{len(parts)} 个部件，上限 {limits.parts}")
    if len(set(names)) != len(names):
        raise Refusal("unsafe_workbook", why="有重名的部件")
    inflated = sum(part.file_size for part in parts)
    if inflated > limits.inflated_mib * _MIB:
        raise Refusal("unsafe_workbook", why=f"解压后 {inflated // _MIB} MiB，上限 {limits.inflated_mib} MiB")
    for part in parts:
        if part.file_size > 10 * _MIB and part.file_size > limits.ratio * max(part.compress_size, 1):
            raise Refusal(
                "unsafe_workbook", why=f"压缩比 {part.file_size // max(part.compress_size, 1)}，上限 {limits.ratio}"
            )


def inspect(archive: zipfile.ZipFile) -> Package:
    """Inflate every part of an xlsx or xlsb once, which checks it, and scan its sheets."""
    binary = kind(archive) == "xlsb"
    package = Package(binary=binary)
    texts = 0
    if binary and _SHARED_TEXTS in archive.namelist():
        texts = xlsb.shared_texts(archive.read(_SHARED_TEXTS))
    sheets = _sheet_parts(archive, package, binary)
    for part in archive.infolist():
        name = part.filename
        if binary and name in sheets:
            package.scans[sheets[name]] = xlsb.scan(archive.read(part), texts)
            continue
        scan = package.scans.setdefault(sheets[name], SheetScan()) if name in sheets else None
        for number, piece in enumerate(_pieces(archive, part, whole_rows=scan is not None)):
            if number == 0:
                refuse_entities(name, piece)
            if scan is not None:
                _scan_piece(piece, scan)
            elif name == "docProps/core.xml":
                package.saved = saved_time(piece, rb"dcterms:modified", rb"dcterms:created")
    return package


def refuse_entities(name: str, piece: bytes) -> None:
    """Raise `Refusal` when a part begins with declarations of its own; they stand before the first element."""
    if b"<!DOCTYPE" in piece or b"<!ENTITY" in piece:
        raise Refusal("unsafe_workbook", why=f"{name} 含有 DOCTYPE")


def _sheet_parts(archive: zipfile.ZipFile, package: Package, binary: bool) -> dict[str, str]:
    """Part name → sheet name, by the workbook's relationships."""
    links = _parse(archive, f"xl/_rels/workbook.{'bin' if binary else 'xml'}.rels")
    targets = {element.get("Id", ""): element.get("Target", "") for element in links.iter()}
    if binary:
        sheets, package.date1904 = xlsb.workbook(archive.read("xl/workbook.bin"))
        if not sheets.keys() <= targets.keys():
            raise Refusal("truncated", why="工作表没有对应的部件")
    else:
        sheets = {}
        root = _parse(archive, "xl/workbook.xml")
        package.strict = root.tag.startswith("{http://purl.oclc.org/")
        for element in root.iter():
            tag = element.tag.rpartition("}")[2]
            if tag == "definedName" and element.get("name") == ORIGIN_NAME:
                package.origin = (element.text or "").strip('"')
            if tag == "workbookPr":
                package.date1904 = element.get("date1904", "0") in ("1", "true")
            if tag == "sheet":
                identity = next((value for key, value in element.items() if key.endswith("}id")), "")
                sheets[identity] = element.get("name", "")
    parts = {}
    for identity, name in sheets.items():
        target = targets.get(identity, "")
        parts[target.lstrip("/") if target.startswith("/") else f"xl/{target}"] = name
    return parts


def _parse(archive: zipfile.ZipFile, name: str) -> ElementTree.Element:
    content = archive.read(name)
    refuse_entities(name, content)
    return ElementTree.fromstring(content)


def _pieces(archive: zipfile.ZipFile, part: zipfile.ZipInfo, *, whole_rows: bool) -> Iterator[bytes]:
    """The content of a part in pieces, of a sheet cut between rows."""
    rest = b""
    with archive.open(part) as stream:
        while chunk := stream.read(_CHUNK):
            piece = rest + chunk
            cut = piece.rfind(b"</row>") if whole_rows else len(piece)
            cut = piece.rfind(b":row>") if cut < 0 else cut
            cut = len(piece) if cut < 0 or not whole_rows or len(piece) > 8 * _CHUNK else piece.index(b">", cut) + 1
            rest = piece[cut:]
            yield piece[:cut]
    if rest:
        yield rest


def _scan_piece(piece: bytes, scan: SheetScan) -> None:
    if scan.first_column != 0:
        scan.first_column = _leftmost(piece, scan.first_column)
    head = piece[:4096]  # how the rest is spelled; each search through a hundred megabytes counts
    if b't="e"' in piece or (b"='" in head and b"t='e'" in piece):
        for found in _ERROR_CELL.finditer(piece):
            value = _ERROR_VALUE.search(found.group(2))
            _note(scan, found.group(1), "error_cell", value.group(1).decode("utf-8", "replace") if value else "")
    # the letter alone is found ten times as fast, and cells without formulas or texts of their own do not have it
    if b"f" in piece and (b"<f" in piece or (b":row" in head and b":f" in piece)):
        for found in _FORMULA_CELL.finditer(piece):
            if b"str" not in found.group(1):  # a stored empty string is a result
                _note(scan, found.group(1), "formula_without_value", "")
    if b"hidden=" in piece:
        for row in _HIDDEN_ROW.finditer(piece):
            number = _ROW_NUMBER.search(row.group(1))
            if number:
                scan.hidden_rows.append(int(number.group(1)))
    if b"mergeCell " in piece:
        for block in _MERGED.finditer(piece):
            left, top, right, bottom = (group.decode() for group in block.groups())
            scan.merges.append(Merge(int(top), int(bottom), left, right))


def _leftmost(piece: bytes, known: int | None) -> int | None:
    """The leftmost column with a value in this piece or before; looks only for columns left of the one known."""
    first = _FILLED_CELL.search(piece)
    address = _ADDRESS.search(first.group(1)) if first else None
    if address and address.group(1) == b"A":
        return 0
    if _CELL_WITHOUT_ADDRESS.search(piece) or _TEXT_RESULT.search(piece):
        return _leftmost_by_counting(piece, known)
    if address is None:
        return known
    best = column_index(address.group(1).decode())
    best = best if known is None else min(best, known)
    while best:
        letters = b"|".join(column_letters(index).encode() for index in range(best))
        left = _TAG + rb"""c\s(?:[^>]*?\s)?r\s*=\s*["'](""" + letters + rb""")\d+["'][^>]*?(?<!/)>""" + _VALUE
        found = re.search(left, piece)
        if not found:
            break
        best = column_index(found.group(1).decode())
    return best


def _leftmost_by_counting(piece: bytes, known: int | None) -> int | None:
    """The same, cell by cell: addresses may be left out and are then counted from the row's start."""
    best, column = known, -1
    for found in _ROW_OR_CELL.finditer(piece):
        if found.group(1):
            column = -1
            continue
        address = _ADDRESS.search(found.group(2))
        column = column_index(address.group(1).decode()) if address else column + 1
        value = found.group(4) or (found.group(5) and b"str" in found.group(2))
        if value and not found.group(3):
            best = column if best is None else min(best, column)
    return best


def _note(scan: SheetScan, attributes: bytes, code: str, value: str) -> None:
    address = _ADDRESS.search(attributes)
    if address:
        scan.note(Fault(int(address.group(2)), address.group(1).decode(), code, value))


def saved_time(properties: bytes, *elements: bytes) -> datetime | None:
    """When a workbook says it was saved: the first of these elements that its properties have."""
    for name in elements:
        found = re.search(rb"<" + name + rb"[^>]*>\s*(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)", properties)
        if found:
            try:
                return datetime.fromisoformat(found.group(1).decode()).replace(tzinfo=UTC)
            except ValueError:
                return None
    return None
