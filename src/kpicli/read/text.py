"""Read delimited text: UTF-8, UTF-16 with a byte order mark, or GB18030; comma, tab, semicolon or the dumps' \\x01."""

import codecs
import csv
import io
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


def decode(content: bytes, declared: str | None = None) -> str:
    """The text of a file: by its mark, as strict UTF-8, as what it declares, else as GB18030; raise `Refusal`."""
    encodings = ["utf-8-sig", *([declared] if declared else []), "gb18030"]
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = ["utf-16"]
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    raise Refusal("bad_encoding")


def _rows(text: str, delimiter: str) -> list[list[str | None]]:
    """The records; where a quote is never closed, quotes are taken as they stand and each line is a record."""

    def read(**dialect: Any) -> list[list[str | None]]:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, **dialect))  # type: ignore[arg-type]

    try:
        rows = read(strict=True)
        if not _swallows_lines(rows, delimiter):
            return rows
        unclosed = True
    except csv.Error as error:
        unclosed = "end of data" in str(error)
    try:
        return read(quoting=csv.QUOTE_NONE) if unclosed else read()
    except csv.Error as error:
        raise Refusal("truncated", why=str(error)[:80]) from error


def _swallows_lines(rows: list[list[str | None]], delimiter: str) -> bool:
    """Whether a cell holds whole lines of the table: two stray quotes, and what stands between them."""
    usual = max((len(row) for row in rows[:60]), default=0) - 1
    return usual > 0 and any(
        cell and "\n" in cell and any(line.count(delimiter) >= usual for line in cell.split("\n"))
        for row in rows
        for cell in row
    )


def _delimiter(text: str) -> str:
    """The delimiter that gives the most rows of the width most common among the first lines."""
    head = text[:20_000].splitlines()[:60]

    def fitness(delimiter: str) -> tuple[int, int]:
        widths = [line.count(delimiter) for line in head if delimiter in line]
        common = max(set(widths), key=widths.count) if widths else 0
        return common * widths.count(common) if widths else 0, common

    return max(_DELIMITERS, key=fitness)
