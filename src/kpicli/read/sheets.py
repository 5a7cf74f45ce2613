"""The records that reading makes: a workbook of raw sheets."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from kpicli.issues import Issue

if TYPE_CHECKING:
    import polars as pl  # a reader pool starts its children before this process loads polars


@dataclass(frozen=True)
class Limits:
    """What one file may cost."""

    seconds: int = 30
    memory_mib: int = 2048
    parts: int = 2_000
    inflated_mib: int = 512
    ratio: int = 200
    """Inflated to packed size, for parts of over 10 MiB."""


@dataclass(frozen=True)
class Fault:
    """A cell that holds no value although it should: an error, or a formula never calculated."""

    row: int
    column: str
    code: str
    """An issue code: ``error_cell`` or ``formula_without_value``."""
    value: str
    """The error as the sheet has it, such as ``#N/A``."""


@dataclass(frozen=True)
class Merge:
    """A block of merged cells: rows as the spreadsheet shows them, columns by their letters, all four included."""

    top: int
    bottom: int
    left: str
    right: str


MOST_FAULTS = 100_000
"""So many are named of one sheet."""


@dataclass
class SheetScan:
    """What a look through one sheet part told that the reading library does not."""

    first_column: int | None = None
    """Zero-based index of the leftmost column holding a value; None while none was seen."""
    faults: list[Fault] = field(default_factory=list)
    merges: list[Merge] = field(default_factory=list)
    hidden_rows: list[int] = field(default_factory=list)

    def note(self, fault: Fault) -> None:
        """Add a fault, unless there are too many already."""
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(fault)


@dataclass(frozen=True)
class RawSheet:
    """A sheet as text."""

    name: str
    cells: "pl.DataFrame"
    """One text column per spreadsheet column, named by its letters; row i of the frame is row i + 1 of the sheet."""
    hidden: bool = False
    date1904: bool = False
    """Whether date serials count from 1904."""
    faults: tuple[Fault, ...] = ()
    merges: tuple[Merge, ...] = ()
    hidden_rows: tuple[int, ...] = ()
    """Rows nobody sees, as the spreadsheet numbers them."""


ORIGIN_NAME = "_kpicli_origin"
"""A hidden defined name of every marked copy: it says what the copy is of, also when somebody deletes its list."""


@dataclass(frozen=True)
class Content:
    """What the bytes of a file gave."""

    sheets: list[RawSheet]
    saved: datetime | None = None
    origin: str = ""


@dataclass(frozen=True)
class Workbook:
    """A file, read or refused."""

    path: Path
    sha256: str
    """Hash of the bytes; the same content under another name is the same."""
    sheets: tuple[RawSheet, ...] = ()
    saved: datetime | None = None
    """When the workbook says it was saved last (UTC); None where the format does not tell."""
    origin: str = ""
    """What a marked copy says it is a copy of: hashes of contents."""
    issues: tuple[Issue, ...] = field(default=())
    """Why it was refused, or what is odd about it as a whole."""


def column_letters(index: int) -> str:
    """Name the column of a zero-based index: 0 → A, 26 → AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def column_index(letters: str) -> int:
    """Give the zero-based index of a column: A → 0, AA → 26."""
    index = 0
    for letter in letters:
        index = index * 26 + ord(letter) - 64
    return index - 1
