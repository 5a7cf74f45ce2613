"""Read delimited text: UTF-8, UTF-16 with a byte order mark, or GB18030; comma, tab or semicolon."""

import codecs
import csv
import io
from itertools import zip_longest
from pathlib import Path
from typing import Any

import polars as pl

from kpicli.read.refusal import Refusal
from kpicli.read.sheets import RawSheet, column_letters
from kpicli.words import readable

_DELIMITERS = ",\t;"


def read(path: Path) -> list[RawSheet]:
    """Give the one sheet of a text file; raise `Refusal` when no encoding fits."""
    text = _decode(path.read_bytes())
    rows = _rows(text, _delimiter(text))
    columns = [
        pl.Series(column_letters(place), values, dtype=pl.String) for place, values in enumerate(zip_longest(*rows))
    ]
    cells = pl.DataFrame(columns).with_columns(pl.all().str.replace(r'^="(.*)"$', "$1"))
    return [RawSheet(readable(path.stem), cells)]


def _rows(text: str, delimiter: str) -> list[list[str]]:
    """The records; where a quote is never closed, quotes are taken as they stand and each line is a record."""

    def read(**dialect: Any) -> list[list[str]]:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, **dialect))

    try:
        return read(strict=True)
    except csv.Error as error:
        unclosed = "end of data" in str(error)
    try:
        return read(quoting=csv.QUOTE_NONE) if unclosed else read()
    except csv.Error as error:
        raise Refusal("truncated", why=str(error)[:80]) from error


def _decode(content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings: tuple[str, ...] = ("utf-16",)
    else:
        encodings = ("utf-8-sig", "gb18030")
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Refusal("bad_encoding")


def _delimiter(text: str) -> str:
    """The delimiter that gives the most rows of the width most common among the first lines."""
    head = text[:20_000].splitlines()[:60]

    def fitness(delimiter: str) -> tuple[int, int]:
        widths = [line.count(delimiter) for line in head if delimiter in line]
        common = max(set(widths), key=widths.count) if widths else 0
        return common * widths.count(common) if widths else 0, common

    return max(_DELIMITERS, key=fitness)
