"""Read delimited text: UTF-8, UTF-16 with a byte order mark, or GB18030; comma, tab, semicolon or the dumps' \\x01."""

import codecs
import csv
import io
from collections import Counter
from typing import Any

import polars as pl

from kpicli.read.grid import frame, without_errors
from kpicli.read.refusal import Refusal
from kpicli.read.sheets import RawSheet

_DELIMITERS = ",\t;\x01"


def read(content: bytes, name: str) -> list[RawSheet]:
    """Give the one sheet of a text file; raise `Refusal` when no encoding fits."""
    text = decode(content)
    cells = frame(_rows(text, _delimiter(text)))
    if cells.width:
        cells = cells.with_columns(pl.all().str.replace(r'^="(.*)"$', "$1"))
    return [without_errors(RawSheet(name, cells))]


_SAY_NOTHING = ("iso-8859-1", "latin-1", "latin1", "windows-1252", "us-ascii", "ascii")
"""What pages declare that nobody set: any bytes are text in these."""


def decode(content: bytes, declared: str | None = None) -> str:
    """The text of a file: by its mark, as strict UTF-8, as what it declares, else as GB18030; raise `Refusal`."""
    told = [declared] if declared and declared.lower() not in _SAY_NOTHING else []
    encodings = ["utf-8-sig", *told, "gb18030"]
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = ["utf-16"]
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    raise Refusal("bad_encoding")


def _rows(text: str, delimiter: str) -> list[list[str | None]]:
    """The records; where quotes are no pairs, of both readings the one in which more records are of one width."""

    def read(**dialect: Any) -> list[list[str | None]]:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, **dialect))  # type: ignore[arg-type]

    try:
        return read(strict=True)
    except csv.Error:
        pass
    try:
        readings = [read(), read(quoting=csv.QUOTE_NONE)]
    except csv.Error as error:
        raise Refusal("truncated", why=str(error)[:80]) from error
    return max(readings, key=_evenness)


def _evenness(rows: list[list[str | None]]) -> int:
    """How many records have the width that most have."""
    widths = Counter(len(row) for row in rows if len(row) > 1)
    return max(widths.values(), default=0)


def _delimiter(text: str) -> str:
    """The delimiter that gives the most rows of the width most common among the first lines."""
    head = text[:20_000].splitlines()[:60]

    def fitness(delimiter: str) -> tuple[int, int]:
        widths = [line.count(delimiter) for line in head if delimiter in line]
        common = max(set(widths), key=widths.count) if widths else 0
        return common * widths.count(common) if widths else 0, common

    return max(_DELIMITERS, key=fitness)
