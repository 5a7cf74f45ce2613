"""Hand a workbook back with its bad cells marked: filled, with a note, and listed with links on a first sheet.

A package (xlsx, xlsm) is edited part by part, as bytes: what is not marked stays as it is, to the byte. A source that
is no such package is written anew as an xlsx of text. Whoever marks a marked copy again gets the new marks, not both.
"""

from kpicli.mark.findings import (
    KEY_HEADING,
    LIST_SHEET,
    MOST_MARKS,
    Finding,
    Headings,
)
from kpicli.mark.package import mark_package
from kpicli.mark.plain import mark_plain

__all__ = [
    "KEY_HEADING",
    "LIST_SHEET",
    "MOST_MARKS",
    "Finding",
    "Headings",
    "mark_package",
    "mark_plain",
]
