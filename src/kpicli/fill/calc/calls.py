"""What a function says of itself: how many arguments it takes, and as what."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from kpicli.fill.calc.parsing import Node
from kpicli.fill.calc.values import (
    LONGEST_TEXT,
    Error,
    Failed,
    Operand,
    Place,
    Scalar,
    Table,
    Unknown,
    number,
    text,
    truth,
)


@dataclass(frozen=True, slots=True)
class Function:
    """A function and its arguments, a letter each: those it needs, those it may have more, those that repeat.

    ``n`` a number, ``t`` a text, ``c`` a text whose characters are counted, ``b`` a truth value, ``s`` any scalar but
    an error, ``v`` any scalar: a table given for one of these makes a table of results. ``r`` an operand as it is,
    ``x`` the same, computed as an array formula would.
    """

    run: Callable[..., Operand]
    needed: str = ""
    more: str = ""
    repeat: str = ""

    def kinds(self, count: int) -> str:
        """A letter for each of `count` arguments; `Unknown` if it cannot have so many."""
        fixed = self.needed + self.more
        beyond = count - len(fixed)
        if count < len(self.needed) or (beyond > 0 and (not self.repeat or beyond % len(self.repeat))):
            raise Unknown("wrong number of arguments")
        return (fixed + self.repeat * max(beyond, 0))[:count]


class Evaluator(Protocol):
    """What a function that chooses which of its arguments to compute gets to do so."""

    place: Place

    def value(self, node: Node, array: bool) -> Operand:
        """A node's value."""

    def single(self, node: Node, array: bool) -> Scalar | Table:
        """A node's value where one cell's is wanted; a table only from array constants and in array formulas."""


Choice = Callable[[Evaluator, Sequence[Node], bool], Operand]
"""A function that computes its arguments itself. Wrong numbers of arguments are `Unknown`."""


def sound(value: Scalar) -> Scalar:
    """A scalar that is no error."""
    if isinstance(value, Error):
        raise Failed(value)
    return value


def _counted(value: Scalar) -> str:
    words = text(value)
    if words and max(words) > "\uffff":
        raise Unknown("how such characters are counted depends on the version")
    return words


CONVERSIONS: dict[str, Callable[[Scalar], Scalar]] = {
    "n": number,
    "t": text,
    "c": _counted,
    "b": truth,
    "s": sound,
    "v": lambda value: value,
}


def guarded(run: Callable[..., Operand], *values: object) -> Operand:
    """The result of a function, as Excel limits it: what goes wrong is an error value."""
    try:
        result = run(*values)
    except Failed as failure:
        return failure.error
    except ZeroDivisionError:
        return Error.DIVISION
    except (OverflowError, ValueError):
        return Error.NUMBER
    if isinstance(result, str) and len(result) > LONGEST_TEXT:
        return Error.VALUE
    if isinstance(result, int) and not isinstance(result, bool):
        result = float(result)
    if isinstance(result, float) and not abs(result) < float("inf"):
        return Error.NUMBER
    return result or 0.0 if isinstance(result, float) else result  # no negative zero
