"""Parse and evaluate KPI formulas: arithmetic over measure names, and nothing else.

The grammar is closed on purpose, so that a definition written by anyone can be read without running anything::

    sum     = product (("+" | "-") product)*
    product = factor (("*" | "/") factor)*
    factor  = number | name | "-" factor | "abs"? "(" sum ")"
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

Number = int | float | Decimal
"""What a measure can be: a count, a rate, or money exact to the fen."""

_TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d+)?)|([a-z][a-z0-9_]*)|([-+*/()])|(\S))")
_DEEPEST = 50


class FormulaError(ValueError):
    """A formula that is not in the grammar; the message says what was found and where."""


@dataclass(frozen=True)
class Literal:
    """A number as written."""

    value: float


@dataclass(frozen=True)
class Name:
    """A measure, by its key."""

    key: str


@dataclass(frozen=True)
class Operation:
    """Two parts joined by one of ``+ - * /``."""

    sign: str
    left: "Node"
    right: "Node"


@dataclass(frozen=True)
class Absolute:
    """A part without its sign."""

    part: "Node"


Node = Literal | Name | Operation | Absolute


def parse(text: str) -> Node:
    """Read a formula; raise `FormulaError` where it leaves the grammar."""
    tokens = _Tokens(text)
    node = _sum(tokens, 0)
    if tokens.ahead:
        raise FormulaError(f"unexpected {tokens.ahead!r} at {tokens.place + 1}")
    return node


def names(node: Node) -> Iterator[str]:
    """Yield the measure keys a formula uses, in reading order."""
    match node:
        case Name(key):
            yield key
        case Operation(_, left, right):
            yield from names(left)
            yield from names(right)
        case Absolute(part):
            yield from names(part)


def evaluate(node: Node, values: Mapping[str, Number | None]) -> Number | None:
    """Work out a formula; None where a measure is missing or a denominator is zero. Never raises for data."""
    match node:
        case Literal(value):
            return value
        case Name(key):
            return values[key]
        case Absolute(part):
            signed = evaluate(part, values)
            return signed if signed is None or signed >= 0 else -signed
        case Operation(sign, left, right):
            a, b = evaluate(left, values), evaluate(right, values)
            return None if a is None or b is None else _apply(sign, a, b)


def _apply(sign: str, a: Number, b: Number) -> Number | None:
    if isinstance(a, Decimal) != isinstance(b, Decimal):  # money meets a plain number
        a, b = Decimal(str(a)), Decimal(str(b))
    match sign:
        case "+":
            return a + b  # type: ignore[operator]
        case "-":
            return a - b  # type: ignore[operator]
        case "*":
            return a * b  # type: ignore[operator]
        case _:
            return a / b if b else None  # type: ignore[operator]


class _Tokens:
    """The formula's tokens with one token of look-ahead."""

    def __init__(self, text: str) -> None:
        self._matches = [m for m in _TOKEN.finditer(text) if m.group().strip()]
        self._next = 0
        for m in self._matches:
            if m.group(4):
                raise FormulaError(f"unexpected {m.group(4)!r} at {m.start(4) + 1}")

    @property
    def ahead(self) -> str:
        return self._matches[self._next].group().strip() if self._next < len(self._matches) else ""

    @property
    def place(self) -> int:
        return self._matches[self._next].end() - len(self.ahead) if self.ahead else 0

    def take(self) -> re.Match[str]:
        if not self.ahead:
            raise FormulaError("the formula ends too early")
        self._next += 1
        return self._matches[self._next - 1]


def _sum(tokens: _Tokens, depth: int) -> Node:
    node = _product(tokens, depth)
    while tokens.ahead in ("+", "-"):
        node = Operation(tokens.take().group().strip(), node, _product(tokens, depth))
    return node


def _product(tokens: _Tokens, depth: int) -> Node:
    node = _factor(tokens, depth)
    while tokens.ahead in ("*", "/"):
        node = Operation(tokens.take().group().strip(), node, _factor(tokens, depth))
    return node


def _factor(tokens: _Tokens, depth: int) -> Node:
    if depth > _DEEPEST:
        raise FormulaError(f"nested deeper than {_DEEPEST}")
    place, token = tokens.place, tokens.take()
    number, name, sign = token.group(1), token.group(2), token.group(3)
    if number:
        return Literal(float(number))
    if name == "abs" and tokens.ahead == "(":
        return Absolute(_factor(tokens, depth + 1))
    if name:
        return Name(name)
    if sign == "-":
        return Operation("-", Literal(0), _factor(tokens, depth + 1))
    if sign == "(":
        node = _sum(tokens, depth + 1)
        if tokens.ahead != ")":
            raise FormulaError(f"the bracket at {place + 1} is not closed")
        tokens.take()
        return node
    raise FormulaError(f"unexpected {sign!r} at {place + 1}")
