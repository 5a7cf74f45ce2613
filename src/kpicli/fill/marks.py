"""The marks of a template: ``{{ path }}`` in cells, and notes that repeat rows or columns."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from kpicli.fill.references import Axis

Value = str | int | float | Decimal | bool | date | datetime | None
"""What a path stands for; None writes an empty cell."""


class Rate(float):
    """A fraction that is shown in percent."""


_MARK = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_OPTION = re.compile(r"\s*(\w+)\s*[:：]\s*(.*?)\s*")
_OPTIONS = ("repeat", "rows", "columns", "direction", "sort", "limit")
_LONGEST_HEADER = 255
_WAYS: Mapping[str, Axis] = {"": "row", "down": "row", "right": "column"}


class PathError(ValueError):
    """A path that stands for nothing; its text names what was probably meant, or is empty."""


class MarkError(ValueError):
    """A note that begins like a mark and is none; its text says why."""


class Scope(Protocol):
    """What the paths of a template mean, in the whole report or in one row of a list."""

    def value(self, path: str) -> Value:
        """What a path stands for; raise `PathError` for one that does not exist."""

    def rows(self, name: str) -> Sequence["Scope"]:
        """The rows of a list, in its own order; raise `PathError` for one that does not exist."""

    def across(self, column: "Scope") -> "Scope":
        """What paths mean where this meets a repeated column."""


class Blank:
    """What stands where a list is empty: nothing, whatever the path."""

    def value(self, path: str) -> Value:
        """Nothing."""
        return None

    def rows(self, name: str) -> Sequence[Scope]:
        """None."""
        return ()

    def across(self, column: Scope) -> Scope:
        """Nothing as well."""
        return self


@dataclass(frozen=True)
class Text:
    """The text of a cell with marks in it: pieces of text and paths in turn, beginning with text."""

    pieces: tuple[str, ...]

    @classmethod
    def read(cls, text: str) -> "Text | None":
        """The marks of a text; None when it has none."""
        pieces = tuple(_MARK.split(text))
        return cls(pieces) if len(pieces) > 1 else None

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths, in their order."""
        return self.pieces[1::2]

    @property
    def whole(self) -> bool:
        """Whether the cell holds one mark and nothing else, so takes a value of any type."""
        return len(self.pieces) == 3 and not self.pieces[0].strip() and not self.pieces[2].strip()

    def value(self, scope: Scope) -> Value:
        """What the cell gets."""
        return scope.value(self.pieces[1]) if self.whole else self.spoken(scope)

    def spoken(self, scope: Scope) -> str:
        """The text with its marks filled, where there is nothing but text."""
        return "".join(spoken(scope.value(piece)) if place % 2 else piece for place, piece in enumerate(self.pieces))

    def in_header(self, scope: Scope) -> str:
        """The text as a header or footer of a page, its values cut where all of it would be too long."""
        pieces = [spoken(scope.value(piece)) if place % 2 else piece for place, piece in enumerate(self.pieces)]
        texts = (_header(pieces, most) for most in range(_LONGEST_HEADER, -1, -1))
        return next((text for text in texts if len(_units(text)) <= 2 * _LONGEST_HEADER), "")


def _header(pieces: Sequence[str], most: int) -> str:
    """Text and values in turn as a header, where ``&`` begins a code and codes may end in digits; of each value, so
    many characters as Excel counts them.
    """
    text = ""
    for place, piece in enumerate(pieces):
        if place % 2:
            piece = _units(piece)[: 2 * most].decode("utf-16-le", "ignore").replace("&", "&&")
        text += f" {piece}" if re.search(r"&\d+$", text) and piece[:1].isdigit() else piece
    return text


def _units(text: str) -> bytes:
    """A text in the two bytes each that Excel counts as a character."""
    return text.encode("utf-16-le", "ignore")


def spoken(value: Value) -> str:
    """A value inside a text: days as 2026-10-31, rates as 7.9%, numbers without needless digits, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, Rate):
        return f"{value:.1%}"
    if isinstance(value, float):
        return f"{value:.10g}"
    return str(value)


@dataclass(frozen=True)
class Repeat:
    """A note that repeats rows or columns."""

    name: str
    """Of the list that it is repeated for."""
    axis: Axis = "row"
    size: int = 1
    """How many rows or columns make one copy."""
    sort: str = ""
    """A path of the row."""
    falling: bool = False
    limit: int | None = None

    @classmethod
    def read(cls, text: str) -> "Repeat | None":
        """The mark of a note; None for a note that is none. Raises `MarkError` for a mark with mistakes."""
        lines = [line for line in re.split(r"[\n;；]", text) if line.strip()]
        options: dict[str, str] = {}
        for line in lines:
            found = _OPTION.fullmatch(line)
            if found and found.group(1).lower() in _OPTIONS:
                options[found.group(1).lower()] = found.group(2)
            elif "repeat" in options:
                raise MarkError(line.strip())
        if "repeat" not in options:
            return None
        sort, _, way = options.get("sort", "").partition(" ")
        if way.strip() not in ("", "asc", "desc"):
            raise MarkError(options["sort"])
        if options.get("direction", "") not in _WAYS:
            raise MarkError(f"direction: {options['direction']}")
        axis = _WAYS[options.get("direction", "")]
        size, other = ("rows", "columns") if axis == "row" else ("columns", "rows")
        if other in options:
            raise MarkError(f"{other}: {options[other]}")
        return cls(
            options["repeat"],
            axis,
            _count(options, size) or 1,
            sort,
            way.strip() == "desc",
            _count(options, "limit"),
        )

    def __str__(self) -> str:
        """The mark on one line, without what goes without saying."""
        way = "right" if self.axis == "column" else ""
        size = "" if self.size == 1 else self.size
        sort = f"{self.sort} desc" if self.falling else self.sort
        told = {"repeat": self.name, "direction": way, f"{self.axis}s": size, "sort": sort, "limit": self.limit}
        return "; ".join(f"{key}: {value}" for key, value in told.items() if value)

    @property
    def data(self) -> str:
        """What its rows are: blocks that say the same go together."""
        return f"{self.name} {self.sort} {self.falling} {self.limit}"

    def scopes(self, scope: Scope) -> list[Scope]:
        """The rows that it stands for: sorted (those without a value last) and limited."""
        found = list(scope.rows(self.name))
        if self.sort:
            keyed = [(row.value(f"row.{self.sort}"), row) for row in found]
            known = [(value, row) for value, row in keyed if value is not None]
            known.sort(key=lambda entry: _key(entry[0]), reverse=self.falling)
            found = [row for _, row in known] + [row for value, row in keyed if value is None]
        return found[: self.limit]


def _count(options: Mapping[str, str], name: str) -> int | None:
    if name not in options:
        return None
    if not re.fullmatch(r"[1-9]\d{0,5}", options[name]):
        raise MarkError(f"{name}: {options[name]}")
    return int(options[name])


def _key(value: Value) -> tuple[int, float, str]:
    """Numbers before texts; days by their number."""
    if isinstance(value, date):
        return 0, float(value.toordinal()), ""
    return (1, 0.0, value) if isinstance(value, str) else (0, float(value or 0), "")
