"""Mark a source that is no xlsx package: its sheets as text in a new xlsx, marked like any other."""

import io
import re
import unicodedata
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from xml.sax.saxutils import quoteattr

from kpicli.mark.findings import LAST_COLUMN, LAST_ROW, LIST_SHEET, Finding, Headings, legal
from kpicli.mark.listing import text_cell
from kpicli.mark.package import MAIN, OFFICE, mark_archive
from kpicli.mark.styles import Styles, empty
from kpicli.opc import PackageError
from kpicli.read.sheets import RawSheet, column_index

_DECLARED = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_HIDDEN = ' state="hidden"'
_NARROWEST, _WIDEST = 9, 40
"""Widths of columns, in characters."""
_LONGEST_NAME = 31


def mark_plain(
    sheets: Sequence[RawSheet], target: Path, findings: Sequence[Finding], headings: Headings, origin: str = ""
) -> None:
    """Write sheets as text to a new xlsx, marked as `mark_package` does.

    Every cell stands where it stood and holds text, also when it begins like a formula. A name that Excel does not
    allow for a sheet is changed to one that it does. A sheet named like the list is left out: it is an earlier list.

    The target is written whole or not at all. Raises `PackageError` when a sheet has more rows or columns than Excel
    takes, OSError when the target cannot be written.
    """
    shown = [sheet for sheet in sheets if sheet.name != LIST_SHEET]
    names = _names([sheet.name for sheet in shown])
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:  # only to be read again
        _write(archive, shown, [names[sheet.name] for sheet in shown])
    with zipfile.ZipFile(content) as archive:
        mark_archive(
            archive,
            target,
            [replace(finding, sheet=names.get(finding.sheet, finding.sheet)) for finding in findings],
            headings,
            origin,
        )


def _write(archive: zipfile.ZipFile, sheets: Sequence[RawSheet], names: Sequence[str]) -> None:
    numbers = range(1, len(sheets) + 1)
    kinds = {"workbook": "sheet.main", "styles": "styles"} | {f"worksheets/sheet{n}": "worksheet" for n in numbers}
    types = "".join(f'<Override PartName="/xl/{part}.xml" ContentType="{_TYPES}.{kinds[part]}+xml"/>' for part in kinds)
    defaults = '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    listed = "".join(
        f'<sheet name={quoteattr(name)} sheetId="{n}"{_HIDDEN if sheet.hidden else ""} r:id="rId{n}"/>'
        for n, name, sheet in zip(numbers, names, sheets, strict=True)
    )
    links = [f"worksheets/sheet{n}.xml" for n in numbers]
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">{defaults}{types}</Types>',
        "_rels/.rels": _relations({"xl/workbook.xml": "officeDocument"}),
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": _relations(dict.fromkeys(links, "worksheet") | {"styles.xml": "styles"}),
    }
    for name, text in parts.items():
        archive.writestr(name, _DECLARED + text)
    styles = Styles(empty(MAIN))
    text_format = styles.text()
    archive.writestr("xl/styles.xml", styles.content())
    for link, sheet in zip(links, sheets, strict=True):
        with archive.open(f"xl/{link}", "w") as part:
            for piece in _sheet(sheet, text_format):
                part.write(piece.encode())


def _relations(targets: Mapping[str, str]) -> str:
    """A part of links from what is linked to and its kind; ids count from rId1."""
    links = "".join(
        f'<Relationship Id="rId{number}" Type="{OFFICE}/{kind}" Target="{target}"/>'
        for number, (target, kind) in enumerate(targets.items(), 1)
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{links}</Relationships>'


def _sheet(sheet: RawSheet, style: int) -> Iterator[str]:
    letters = sheet.cells.columns
    if sheet.cells.height > LAST_ROW or any(column_index(letter) > LAST_COLUMN for letter in letters):
        raise PackageError(f"{sheet.name}: {sheet.cells.height} rows, {len(letters)} columns")
    yield f'{_DECLARED}<worksheet xmlns="{MAIN}"><sheetFormatPr defaultRowHeight="15"/>'
    head = sheet.cells.head(100)
    columns = [_column(column_index(letter) + 1, head[letter].to_list(), style) for letter in letters]
    yield f"<cols>{''.join(columns)}</cols>" if columns else ""
    yield "<sheetData>"
    for number, row in enumerate(sheet.cells.iter_rows(), 1):
        cells = "".join(
            text_cell(f"{letter}{number}", text, style) for letter, text in zip(letters, row, strict=True) if text
        )
        if cells:
            yield f'<row r="{number}">{cells}</row>'
    yield "</sheetData>"
    merges = "".join(f'<mergeCell ref="{m.left}{m.top}:{m.right}{m.bottom}"/>' for m in sheet.merges)
    yield f'<mergeCells count="{len(sheet.merges)}">{merges}</mergeCells>' if merges else ""
    yield "</worksheet>"


def _column(number: int, texts: Sequence[str | None], style: int) -> str:
    """A column with room for the longest of some texts, within reason."""
    longest = max((_characters(text[:_WIDEST]) for text in texts if text), default=0)
    width = min(max(longest + 2, _NARROWEST), _WIDEST)
    return f'<col min="{number}" max="{number}" width="{width}" style="{style}" customWidth="1"/>'


def _characters(text: str) -> int:
    """How wide a text is; a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _names(names: Sequence[str]) -> dict[str, str]:
    """Name of a sheet → the name it has in the copy: legal in Excel, and unlike all others and the list's."""
    made: dict[str, str] = {}
    taken = {LIST_SHEET}
    for name in names:
        wanted = allowed = re.sub(r"[\[\]:*?/\\\t\n]", "_", legal(name))[:_LONGEST_NAME].strip("'") or "Sheet"
        number = 1
        while wanted.casefold() in taken:
            number += 1
            wanted = f"{allowed[: _LONGEST_NAME - 1 - len(str(number))]}~{number}"
        taken.add(wanted.casefold())
        made[name] = wanted
    return made
