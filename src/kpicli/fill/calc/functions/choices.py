"""Functions that compute only the arguments they need, and those that ask what a value is."""

import math
from collections.abc import Callable, Sequence

from kpicli.fill.calc.calls import Choice, Evaluator, Function, sound
from kpicli.fill.calc.parsing import Node
from kpicli.fill.calc.values import Error, Failed, Operand, Range, Scalar, Table, Unknown, equal, number, truth


def _one(evaluator: Evaluator, node: Node, array: bool) -> Scalar:
    value = evaluator.single(node, array)
    if isinstance(value, Table):
        raise Unknown("a choice for every cell of an array")
    return value


def _count(arguments: Sequence[Node], least: int, most: int = 254) -> None:
    if not least <= len(arguments) <= most:
        raise Unknown("wrong number of arguments")


def _if(evaluator: Evaluator, arguments: Sequence[Node], array: bool) -> Operand:
    _count(arguments, 2, 3)
    if truth(_one(evaluator, arguments[0], array)):
        return evaluator.value(arguments[1], array)
    return evaluator.value(arguments[2], array) if len(arguments) == 3 else False


def _if_error(errors: frozenset[Error]) -> Choice:
    def choose(evaluator: Evaluator, arguments: Sequence[Node], array: bool) -> Operand:
        _count(arguments, 2, 2)
        value = _one(evaluator, arguments[0], array)
        if isinstance(value, Error) and value in errors:
            return evaluator.value(arguments[1], array)
        return value

    return choose


def _ifs(evaluator: Evaluator, arguments: Sequence[Node], array: bool) -> Operand:
    _count(arguments, 2)
    if len(arguments) % 2:
        raise Unknown("wrong number of arguments")
    for condition, result in zip(arguments[::2], arguments[1::2], strict=True):
        if truth(_one(evaluator, condition, array)):
            return evaluator.value(result, array)
    return Error.MISSING


def _switch(evaluator: Evaluator, arguments: Sequence[Node], array: bool) -> Operand:
    _count(arguments, 3)
    value = sound(_one(evaluator, arguments[0], array))
    cases = arguments[1:]
    for case, result in zip(cases[::2], cases[1::2], strict=False):
        if equal(value, sound(_one(evaluator, case, array))):
            return evaluator.value(result, array)
    return evaluator.value(cases[-1], array) if len(cases) % 2 else Error.MISSING


def _choose(evaluator: Evaluator, arguments: Sequence[Node], array: bool) -> Operand:
    _count(arguments, 2)
    which = math.trunc(number(_one(evaluator, arguments[0], array)))
    if not 1 <= which < len(arguments):
        raise Failed(Error.VALUE)
    return evaluator.value(arguments[which], array)


def _where(axis: int) -> Choice:
    """ROW (1) or COLUMN (2): of the formula's own cell, or of a range without reading it."""

    def place(evaluator: Evaluator, arguments: Sequence[Node], array: bool) -> Operand:
        _count(arguments, 0, 1)
        if not arguments:
            return float(evaluator.place[axis])
        cells = evaluator.value(arguments[0], array)
        if not isinstance(cells, Range):
            raise Unknown("the place of what is no range")
        first, size = (cells.top, cells.height) if axis == 1 else (cells.left, cells.width)
        if not array or size == 1:
            return float(first)
        cells.reader.spend(size)
        numbers: list[Scalar] = [float(number) for number in range(first, first + size)]
        return Table([[number] for number in numbers], size, 1) if axis == 1 else Table([numbers], 1, size)

    return place


def _is(test: Callable[[Scalar], bool]) -> Function:
    return Function(test, "v")


def _number(value: Scalar) -> float:
    if isinstance(value, str):
        return number(value) if isinstance(value, Error) else 0.0
    return number(value)


def _is_text(value: Scalar) -> bool:
    return isinstance(value, str) and not isinstance(value, Error)


_ERRORS = frozenset(Error)

CHOICES: dict[str, Choice] = {
    "IF": _if,
    "IFERROR": _if_error(_ERRORS),
    "IFNA": _if_error(frozenset({Error.MISSING})),
    "IFS": _ifs,
    "SWITCH": _switch,
    "CHOOSE": _choose,
    "ROW": _where(1),
    "COLUMN": _where(2),
}

FUNCTIONS = {
    "TRUE": Function(lambda: True),
    "FALSE": Function(lambda: False),
    "NOT": Function(lambda value: not value, "b"),
    "NA": Function(lambda: Error.MISSING),
    "N": Function(_number, "v"),
    "ISBLANK": _is(lambda value: value is None),
    "ISNUMBER": _is(lambda value: isinstance(value, float)),
    "ISTEXT": _is(_is_text),
    "ISNONTEXT": _is(lambda value: not _is_text(value)),
    "ISLOGICAL": _is(lambda value: isinstance(value, bool)),
    "ISERROR": _is(lambda value: isinstance(value, Error)),
    "ISERR": _is(lambda value: isinstance(value, Error) and value is not Error.MISSING),
    "ISNA": _is(lambda value: value is Error.MISSING),
}
