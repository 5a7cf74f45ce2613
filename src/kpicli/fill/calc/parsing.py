"""From the text of a formula to a tree, by Excel's grammar.

Chains of one level such as ``1+2-3`` are one node, so that only brackets make a tree deep.
"""

import re
from dataclasses import dataclass

from openpyxl.formula import Tokenizer
from openpyxl.formula.tokenizer import Token, TokenizerError
from openpyxl.utils import column_index_from_string

from kpicli.fill.calc.values import LAST_COLUMN, LAST_ROW, Error, Scalar, Table, Unknown

_LONGEST = 8192
_DEEPEST = 64
_LEVELS = {
    sign: level for level, signs in enumerate(("= <> < > <= >=", "&", "+ -", "* /", "^")) for sign in signs.split()
}


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant, or an argument left out (None)."""

    value: Scalar


@dataclass(frozen=True, slots=True)
class Constants:
    """An array such as ``{1,2;3,4}``."""

    table: Table


@dataclass(frozen=True, slots=True)
class Area:
    """Cells; of the formula's own sheet where it says none. `fixed` says that every part has its ``$``."""

    sheet: str | None
    top: int
    left: int
    bottom: int
    right: int
    fixed: bool


@dataclass(frozen=True, slots=True)
class Name:
    """A defined name, in lower case."""

    name: str


@dataclass(frozen=True, slots=True)
class Chain:
    """Parts of one level, joined from left to right."""

    first: "Node"
    rest: tuple[tuple[str, "Node"], ...]


@dataclass(frozen=True, slots=True)
class Signed:
    """A part with minus signs before it and per cents after it; both make a number of it."""

    minuses: int
    part: "Node"
    percents: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function by its name in upper case, without the prefix of newer ones."""

    function: str
    arguments: tuple["Node", ...]


Node = Literal | Constants | Area | Name | Chain | Signed | Call


def parse(formula: str, *, fixed: bool = False) -> Node:
    """The tree of a formula without its ``=``; `Unknown` if it cannot be read.

    With `fixed`, cells must be written with ``$``: what others mean in a defined name depends on who uses it.
    """
    if len(formula) > _LONGEST:
        raise Unknown("longer than Excel allows")
    try:
        tokens = Tokenizer("=" + formula).items
    except (TokenizerError, IndexError, AssertionError) as cause:  # the last two for brackets that do not match
        raise Unknown("not a formula") from cause
    reader = _Reader(tokens, fixed)
    node = reader.expression(0)
    if reader.ahead:
        raise Unknown(f"unexpected {reader.ahead.value[:40]!r}")
    return node


class _Reader:
    """Recursive descent over the tokens, with one token of look-ahead."""

    def __init__(self, tokens: list[Token], fixed: bool) -> None:
        self._tokens: list[Token | None] = [token for token in tokens if token.type != Token.WSPACE]
        self._tokens.append(None)
        self._next = self._depth = 0
        self._fixed = fixed

    @property
    def ahead(self) -> Token | None:
        return self._tokens[self._next]

    def expression(self, level: int = 0) -> Node:
        """What is joined by signs of a level or of higher ones."""
        node = self._signed()
        while (found := _LEVELS.get(self._sign(Token.OP_IN), -1)) >= level:
            rest: list[tuple[str, Node]] = []
            while _LEVELS.get(sign := self._sign(Token.OP_IN)) == found:
                self._next += 1
                rest.append((sign, self.expression(found + 1)))
            node = Chain(node, tuple(rest))
        return node

    def _sign(self, kind: str) -> str:
        ahead = self._tokens[self._next]
        return ahead.value if ahead and ahead.type == kind else ""

    def _take(self) -> Token:
        token = self.ahead
        if not token:
            raise Unknown("the formula ends too early")
        self._next += 1
        return token

    def _signed(self) -> Node:
        minuses = percents = 0
        while before := self._sign(Token.OP_PRE):
            minuses += before == "-"
            self._next += 1
        part = self._part()
        while self._sign(Token.OP_POST):
            percents += 1
            self._next += 1
        return Signed(minuses, part, percents) if minuses or percents else part

    def _part(self) -> Node:
        token = self._take()
        match token.type, token.subtype:
            case Token.OPERAND, _:
                return _operand(token, self._fixed)
            case Token.FUNC, Token.OPEN:
                name = token.value[:-1].strip().upper().removeprefix("_XLFN.").removeprefix("_XLWS.")
                return Call(name, self._arguments())
            case Token.PAREN, Token.OPEN:
                return self._bracket()
            case Token.ARRAY, Token.OPEN:
                return self._constants()
        raise Unknown(f"unexpected {token.value!r}")

    def _deeper(self, change: int) -> None:
        self._depth += change
        if self._depth > _DEEPEST:
            raise Unknown("nested too deep")

    def _bracket(self) -> Node:
        self._deeper(1)
        node = self.expression()
        self._deeper(-1)
        if self._take().value != ")":
            raise Unknown("a bracket is not closed")
        return node

    def _arguments(self) -> tuple[Node, ...]:
        if self.ahead and self.ahead.subtype == Token.CLOSE:
            self._next += 1
            return ()
        self._deeper(1)
        arguments: list[Node] = []
        while True:
            ahead = self.ahead
            omitted = ahead and (ahead.type == Token.SEP or ahead.subtype == Token.CLOSE)
            arguments.append(Literal(None) if omitted else self.expression())
            token = self._take()
            if token.subtype == Token.CLOSE:
                break
            if token.value != ",":
                raise Unknown(f"unexpected {token.value!r}")
        self._deeper(-1)
        return tuple(arguments)

    def _constants(self) -> Node:
        rows: list[list[Scalar]] = [[]]
        while True:
            node = self._signed()
            match node:
                case Literal(value):
                    rows[-1].append(value)
                case Signed(1, Literal(float(value)), 0):
                    rows[-1].append(-value)
                case _:
                    raise Unknown("an array holds more than constants")
            token = self._take()
            if token.subtype == Token.CLOSE:
                break
            if token.value not in (",", ";"):
                raise Unknown(f"unexpected {token.value!r}")
            if token.value == ";":
                rows.append([])
        if len({len(row) for row in rows}) > 1:
            raise Unknown("the rows of an array differ in length")
        return Constants(Table(rows, len(rows), len(rows[0])))


_NUMBER = re.compile(r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_SHEET = re.compile(r"(?:'((?:[^']|'')+)'|([^'!\[\]:*?/\\\s]+))!(.+)", re.S)
_CELLS = re.compile(r"\$?([A-Z]{1,3})\$?([1-9]\d{0,6})(?::\$?([A-Z]{1,3})\$?([1-9]\d{0,6}))?", re.I | re.ASCII)
_COLUMNS = re.compile(r"\$?([A-Z]{1,3}):\$?([A-Z]{1,3})", re.I | re.ASCII)
_ROWS = re.compile(r"\$?([1-9]\d{0,6}):\$?([1-9]\d{0,6})", re.ASCII)
_NAME = re.compile(r"[^\W\d][\w.?\\]*|\\[\w.?\\]*")


def _operand(token: Token, fixed: bool) -> Node:
    written = token.value.strip()
    if token.subtype == Token.TEXT:
        return Literal(written[1:-1].replace('""', '"'))
    if token.subtype == Token.NUMBER and _NUMBER.fullmatch(written):
        value = float(written)
        if value == float("inf"):
            raise Unknown("a number too large")
        return Literal(value)
    if token.subtype == Token.ERROR:
        return Literal(_error(written))
    if written.upper() in ("TRUE", "FALSE"):
        return Literal(written.upper() == "TRUE")
    return _reference(written, fixed)


def _error(written: str) -> Error:
    try:
        return Error(written)
    except ValueError:
        raise Unknown(f"the error {written}") from None


def _reference(written: str, fixed: bool) -> Node:
    sheet, local = None, written
    if found := _SHEET.fullmatch(written):
        sheet, local = (found[1] or found[2]).replace("''", "'"), found[3]
        if set(sheet) & set("[]:*?/\\"):
            raise Unknown(f"a reference to other files or several sheets: {written[:40]}")
    if local.startswith("#"):
        return Literal(_error(local))
    area = _area(sheet, local)
    if area and fixed and not area.fixed:
        raise Unknown("a defined name without $")
    if area:
        return area
    if sheet is None and _NAME.fullmatch(local):
        return Name(local.lower())
    raise Unknown(f"the reference {written[:40]}")


def _area(sheet: str | None, local: str) -> Area | None:
    if found := _CELLS.fullmatch(local):
        single = found[3] is None
        top, bottom = int(found[2]), int(found[2 if single else 4])
        left, right = column_index_from_string(found[1]), column_index_from_string(found[1 if single else 3])
        dollars = 2 if single else 4
    elif found := _COLUMNS.fullmatch(local):
        top, bottom = 1, LAST_ROW
        left, right = column_index_from_string(found[1]), column_index_from_string(found[2])
        dollars = 2
    elif found := _ROWS.fullmatch(local):
        top, bottom, left, right = int(found[1]), int(found[2]), 1, LAST_COLUMN
        dollars = 2
    else:
        return None
    if max(top, bottom) > LAST_ROW or max(left, right) > LAST_COLUMN:
        return None
    return Area(
        sheet, min(top, bottom), min(left, right), max(top, bottom), max(left, right), local.count("$") == dollars
    )
