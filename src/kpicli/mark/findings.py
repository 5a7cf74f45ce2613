"""What is to be marked, and the words of the list."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from xml.sax.saxutils import escape

from kpicli.issues import Severity
from kpicli.read.sheets import column_index

LIST_SHEET = "问题清单"
"""Name of the list in every copy, whatever the language: a later reading knows it by its name."""

KEY_HEADING = "kpicli:key"
"""Heading of the list's hidden column; a program reads it, so it has no language."""

MOST_MARKS = 10_000
"""Cells of one workbook that get a fill and a note; whatever is beyond is in the list alone."""

LAST_ROW = 1_048_576
LAST_COLUMN = 16_383
"""Zero-based index of XFD."""

_LONGEST = 32_767
"""What a cell or a note holds, in UTF-16 units."""

_FORBIDDEN = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PLAIN = re.compile("[\\w .:/-]{,200}")
_LOOKS_ESCAPED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong in a workbook."""

    sheet: str
    """Name of the sheet as the workbook has it."""
    row: int | None
    """Row as the spreadsheet shows it; None for the sheet as a whole."""
    column: str | None
    """Spreadsheet letters; None for the row as a whole."""
    header: str
    """Header of the column as the sheet has it; may be empty."""
    severity: Severity
    text: str
    """What is wrong."""
    hint: str
    """What is expected, or what to do about it; may be empty."""
    key: str = ""
    """Text for the hidden column of the list: lets a later reading know which row a correction is of."""

    @property
    def place(self) -> tuple[int, int] | None:
        """Row as shown and zero-based column of the cell; None where no single cell of a spreadsheet is meant."""
        if self.row is None or not 1 <= self.row <= LAST_ROW or not re.fullmatch("[A-Z]{1,3}", self.column or ""):
            return None
        column = column_index(self.column or "")
        return (self.row, column) if column <= LAST_COLUMN else None


@dataclass(frozen=True)
class Headings:
    """The words of the list in the caller's language."""

    sheet: str
    cell: str
    column: str
    severity: str
    text: str
    hint: str
    error: str
    """The word for the severity; so with the next two."""
    warning: str
    info: str


@dataclass(frozen=True)
class Mark:
    """What one bad cell gets."""

    severity: Literal["error", "warning"]
    """The worst of its findings: decides the fill."""
    note: str


def marks(findings: Iterable[Finding]) -> dict[str, dict[tuple[int, int], Mark]]:
    """Sheet → (row as shown, zero-based column) → mark, for the first `MOST_MARKS` cells with an error or a warning."""
    gathered: dict[tuple[str, tuple[int, int]], list[Finding]] = {}
    for finding in findings:
        if finding.place:
            gathered.setdefault((finding.sheet, finding.place), []).append(finding)
    made: dict[str, dict[tuple[int, int], Mark]] = {}
    left = MOST_MARKS
    for (sheet, place), of_cell in gathered.items():
        severities = {finding.severity for finding in of_cell}
        if severities == {"info"} or not left:
            continue
        left -= 1
        said = dict.fromkeys(line for finding in of_cell for line in (finding.text, finding.hint) if line)
        made.setdefault(sheet, {})[place] = Mark("error" if "error" in severities else "warning", "\n".join(said))
    return made


def legal(text: str) -> str:
    """Text without the characters that XML forbids; every end of a line is a line feed."""
    return _FORBIDDEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def content(text: str) -> str:
    """Text as the content of an XML element that a cell or a note holds: cut to what Excel takes, and escaped."""
    if _PLAIN.fullmatch(text) and "_x" not in text:  # most cells of a large sheet
        return text
    text = legal(text).encode("utf-16-le")[: 2 * _LONGEST].decode("utf-16-le", "ignore")
    return escape(_LOOKS_ESCAPED.sub("_x005F_", text))
