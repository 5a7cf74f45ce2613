"""Functions of many numbers. In ranges and arrays they see the numbers only; what stands alone must be a number."""

import math
from collections.abc import Callable
from itertools import chain

from kpicli.fill.calc.calls import Function
from kpicli.fill.calc.values import (
    Error,
    Failed,
    Operand,
    Range,
    Scalar,
    Table,
    Unknown,
    number,
    number_in,
    same_number,
    table_of,
    truth,
)


def numbers(*operands: Operand) -> list[float]:
    """The numbers that count; `Failed` for the first error among them."""
    found: list[float] = []
    for operand in operands:
        if isinstance(operand, Table | Range):
            found += _numbers_of(table_of(operand))
        else:
            found.append(number(operand))
    return found


def _numbers_of(table: Table) -> list[float]:
    found: list[float] = []
    for row in chain(table.rows, _unheld(table)):
        for value in row:
            if value.__class__ is Error:
                raise Failed(Error(value))
        found += [value for value in row if isinstance(value, float)]
    return found


def _unheld(table: Table) -> list[list[Scalar]]:
    return [] if table.rest is None else [[table.rest] * table.unheld]


def _total(*operands: Operand) -> float:
    only = operands[0] if len(operands) == 1 else None
    return math.fsum(only.reader.summands(only) if isinstance(only, Range) else numbers(*operands))


def _mean(*operands: Operand) -> float:
    values = numbers(*operands)
    return math.fsum(values) / len(values)


def _count(*operands: Operand) -> int:
    return sum(1 for operand in operands for _ in _countable(operand))


def _countable(operand: Operand) -> list[object]:
    if isinstance(operand, Table | Range):
        return [value for value in table_of(operand) if isinstance(value, float)]
    if isinstance(operand, Error) or (isinstance(operand, str) and number_in(operand) is None):
        return []
    return [operand]


def _count_filled(*operands: Operand) -> int:
    tables = sum(
        sum(value is not None for value in table_of(operand))
        for operand in operands
        if isinstance(operand, Table | Range)
    )
    return tables + sum(not isinstance(operand, Table | Range) for operand in operands)


def _count_blank(operand: Operand) -> int:
    if not isinstance(operand, Range):
        raise Unknown("COUNTBLANK of what is no range")
    table = operand.table()
    return table.unheld + sum(value is None or value == "" for row in table.rows for value in row)


def _product(*operands: Operand) -> float:
    values = numbers(*operands)
    return math.prod(values) if values else 0.0


def _median(*operands: Operand) -> float:
    values = sorted(numbers(*operands))
    if not values:
        raise Failed(Error.NUMBER)
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


def _ranked(descending: bool) -> Callable[[Operand, float], float]:
    def at(operand: Operand, place: float) -> float:
        values = sorted(numbers(operand), reverse=descending)
        if not 1 <= (whole := math.ceil(place)) <= len(values):
            raise Failed(Error.NUMBER)
        return values[whole - 1]

    return at


def _rank(value: float, operand: Operand, ascending: bool = False) -> int:
    values = numbers(operand)
    if not any(same_number(value, other) for other in values):
        raise Failed(Error.MISSING)
    before = (other < value if ascending else other > value for other in values)
    return 1 + sum(ahead and not same_number(value, other) for ahead, other in zip(before, values, strict=True))


def _variance(*operands: Operand, less: int = 1) -> float:
    values = numbers(*operands)
    if not values:
        raise Failed(Error.DIVISION)
    mean = math.fsum(values) / len(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - less)


def _sum_product(*operands: Operand) -> float:
    tables = [table_of(operand) for operand in operands]
    if len({(table.height, table.width) for table in tables}) > 1:
        raise Failed(Error.VALUE)
    rows, width = max(len(table.rows) for table in tables), max(table.held_width for table in tables)
    columns = [[_factor(value) for value in table.held(rows, width)] for table in tables]
    rest = math.prod(_factor(table.rest) for table in tables) * (tables[0].height * tables[0].width - rows * width)
    return math.fsum([math.prod(factors) for factors in zip(*columns, strict=True)] + [rest])


def _factor(value: Scalar) -> float:
    if isinstance(value, Error):
        raise Failed(value)
    return value if isinstance(value, float) else 0.0


def truths(*operands: Operand) -> list[bool]:
    """The truth values that count, one at least; `Failed` for the first error among them."""
    found: list[bool] = []
    for operand in operands:
        if not isinstance(operand, Table | Range):
            found.append(truth(operand))
            continue
        for value in table_of(operand):
            if isinstance(value, Error):
                raise Failed(value)
            if isinstance(value, float | bool):
                found.append(bool(value))
    if not found:
        raise Failed(Error.VALUE)
    return found


def _subtotal(code: float, *operands: Operand) -> Operand:
    name = _SUBTOTALS.get(math.trunc(code) % 100 if 101 <= code < 112 else math.trunc(code))
    if not name:
        raise Failed(Error.VALUE)
    if not all(isinstance(operand, Range) for operand in operands):
        raise Unknown("SUBTOTAL of what is no range")
    run: Callable[..., Operand] = FUNCTIONS[name].run
    return run(*(cells.reader.table(cells, without_subtotals=True) for cells in operands if isinstance(cells, Range)))


_SUBTOTALS = dict(
    enumerate(
        ("AVERAGE", "COUNT", "COUNTA", "MAX", "MIN", "PRODUCT", "STDEV", "STDEV.P", "SUM", "VAR", "VAR.P"),
        start=1,
    )
)


def _aggregate(run: Callable[..., Operand]) -> Function:
    return Function(run, "r", repeat="r")


_rank_of = Function(_rank, "nr", "b")
_deviation = _aggregate(lambda *operands: math.sqrt(_variance(*operands)))
_deviation_of_all = _aggregate(lambda *operands: math.sqrt(_variance(*operands, less=0)))
_variance_of_some = _aggregate(_variance)
_variance_of_all = _aggregate(lambda *operands: _variance(*operands, less=0))

FUNCTIONS = {
    "SUM": _aggregate(_total),
    "AVERAGE": _aggregate(_mean),
    "COUNT": _aggregate(_count),
    "COUNTA": _aggregate(_count_filled),
    "COUNTBLANK": Function(_count_blank, "r"),
    "MIN": _aggregate(lambda *operands: min(numbers(*operands), default=0.0)),
    "MAX": _aggregate(lambda *operands: max(numbers(*operands), default=0.0)),
    "PRODUCT": _aggregate(_product),
    "MEDIAN": _aggregate(_median),
    "LARGE": Function(_ranked(descending=True), "rn"),
    "SMALL": Function(_ranked(descending=False), "rn"),
    "RANK": _rank_of,
    "RANK.EQ": _rank_of,
    "STDEV": _deviation,
    "STDEV.S": _deviation,
    "STDEVP": _deviation_of_all,
    "STDEV.P": _deviation_of_all,
    "VAR": _variance_of_some,
    "VAR.S": _variance_of_some,
    "VARP": _variance_of_all,
    "VAR.P": _variance_of_all,
    "SUMPRODUCT": Function(_sum_product, "x", repeat="x"),
    "AND": _aggregate(lambda *operands: all(truths(*operands))),
    "OR": _aggregate(lambda *operands: any(truths(*operands))),
    "SUBTOTAL": Function(_subtotal, "nr", repeat="r"),
}
