"""Clean words: the one way in which headers and spellings are made comparable."""

import os
import re
import unicodedata
from functools import lru_cache

INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
_BRACKETS = re.compile(r"[(\[{<【《].*?[)\]}>】》]")
_ORNAMENTS = re.compile(r"[▼▽▲△★☆※●○◆◇■□→↓↑①-⑳]|^\s*[(（]?\d{1,2}[.、)）](?!\d)")
"""What stands around a header: arrows of filters, stars, its number."""
_MARKS = re.compile(rf"[\s{INVISIBLE}*:'\"、,。;!?_`~]+")


@lru_cache(10_000)
def header_key(text: str) -> str:
    """Make a header comparable: NFKC, no spaces, line breaks, marks, units or brackets, Latin letters in capitals."""
    folded = unicodedata.normalize("NFKC", _ORNAMENTS.sub("", text))
    return _MARKS.sub("", _BRACKETS.sub("", folded)).upper() or _MARKS.sub("", folded).upper()


@lru_cache(10_000)
def word_key(text: str) -> str:
    """Make a spelling of a value comparable: NFKC, no spaces or invisible characters, Latin letters in capitals."""
    return re.sub(rf"[\s{INVISIBLE}]+", "", unicodedata.normalize("NFKC", text)).upper()


def readable(name: str) -> str:
    """A file's name as text; one whose bytes are no UTF-8 is nearly always GBK."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return os.fsencode(name).decode("gb18030", "replace")
    return name
