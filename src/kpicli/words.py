"""Clean words: the one way in which headers, spellings and cells are made comparable."""

import re
import unicodedata
from functools import lru_cache

import polars as pl

_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
_BRACKETS = re.compile(r"[(\[{<【《].*?[)\]}>】》]")
_MARKS = re.compile(rf"[\s{_INVISIBLE}*:'\"、,。;!?_`~]+")

EMPTY = ("", "-", "--", "—", "/", "\\", "null", "NULL", "Null", "None", "N/A", "n/a")
"""Cells that say nothing."""


@lru_cache(10_000)
def header_key(text: str) -> str:
    """Make a header comparable: NFKC, no spaces, line breaks, marks, units or brackets, Latin letters in capitals."""
    folded = unicodedata.normalize("NFKC", text)
    return _MARKS.sub("", _BRACKETS.sub("", folded)).upper() or _MARKS.sub("", folded).upper()


@lru_cache(10_000)
def word_key(text: str) -> str:
    """Make a spelling of a value comparable: NFKC, no spaces or invisible characters, Latin letters in capitals."""
    return re.sub(rf"[\s{_INVISIBLE}]+", "", unicodedata.normalize("NFKC", text)).upper()


def folded(cell: pl.Expr) -> pl.Expr:
    """A cell's text in NFKC without invisible characters and outer spaces; null where it says nothing."""
    text = cell.str.normalize("NFKC").str.replace_all(f"[{_INVISIBLE}]", "").str.strip_chars(" \t\r\n'")
    return pl.when(~text.is_in(EMPTY)).then(text)
