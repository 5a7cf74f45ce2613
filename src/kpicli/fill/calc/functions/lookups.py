"""Functions that find cells, and that say where cells are."""

import math
from collections.abc import Callable
from itertools import pairwise

from kpicli.fill.calc.calls import Function
from kpicli.fill.calc.functions.criteria import same_text
from kpicli.fill.calc.values import Error, Failed, Operand, Range, Scalar, Table, Unknown, less, same_type, table_of


def _sized(operand: Operand) -> Table | Range:
    return operand if isinstance(operand, Range) else table_of(operand)


def _part(operand: Table | Range, row: int, column: int, height: int = 1, width: int = 1) -> Table | Range:
    """Of a range, a range: it is read only where it is needed."""
    if isinstance(operand, Range):
        return operand.part(row, column, height, width)
    rows = [[operand.at(r, c) for c in range(column, column + width)] for r in range(row, row + height)]
    return Table(rows, height, width)


def _same(key: Scalar, cells: list[Scalar]) -> int:
    """Where the first cell is that equals a key; texts may have wildcards."""
    if isinstance(key, str):
        test = same_text(key)
        return next((place for place, cell in enumerate(cells) if test(cell)), -1)
    return next((place for place, cell in enumerate(cells) if same_type(cell, key) and cell == key), -1)


def _last_up_to(key: Scalar, cells: list[Scalar], *, descending: bool = False) -> int:
    """Where the last cell is that a search by halves finds in sorted cells; `Unknown` if they are not sorted."""
    after: Callable[[Scalar, Scalar], bool] = (lambda a, b: less(a, b)) if descending else (lambda a, b: less(b, a))
    comparable = [(place, cell) for place, cell in enumerate(cells) if same_type(cell, key)]
    up_to = [place for place, cell in comparable if not after(cell, key)]
    if len(up_to) == len(comparable):
        return up_to[-1] if up_to else -1
    if any(after(a, b) for (_, a), (_, b) in pairwise(comparable)):
        raise Unknown("a search in cells that are not sorted")
    return up_to[-1] if up_to else -1


def _line(operand: Table | Range) -> list[Scalar]:
    table = table_of(operand)
    return table.held(len(table.rows), table.held_width)


def _found(place: int) -> int:
    if place < 0:
        raise Failed(Error.MISSING)
    return place


def _key(key: Scalar) -> Scalar:
    return 0.0 if key is None else key


def _match(key: Scalar, operand: Operand, kind: float = 1.0) -> int:
    cells = _sized(operand)
    if cells.height > 1 and cells.width > 1:
        raise Failed(Error.MISSING)
    line = _line(cells)
    if not kind:
        return _found(_same(_key(key), line)) + 1
    place = _last_up_to(_key(key), line, descending=kind < 0)
    if kind < 0 and place > 0 and line[place - 1] == line[place]:
        raise Unknown("a search downwards among equal ones")
    return _found(place) + 1


def _vertical(key: Scalar, operand: Operand, column: float, near: bool = True) -> Operand:
    cells, wanted = _sized(operand), math.trunc(column)
    if wanted < 1 or wanted > cells.width:
        raise Failed(Error.VALUE if wanted < 1 else Error.REFERENCE)
    line = _line(_part(cells, 0, 0, cells.height, 1))
    place = _last_up_to(_key(key), line) if near else _same(_key(key), line)
    return _part(cells, _found(place), wanted - 1)


def _horizontal(key: Scalar, operand: Operand, row: float, near: bool = True) -> Operand:
    cells, wanted = _sized(operand), math.trunc(row)
    if wanted < 1 or wanted > cells.height:
        raise Failed(Error.VALUE if wanted < 1 else Error.REFERENCE)
    line = _line(_part(cells, 0, 0, 1, cells.width))
    place = _last_up_to(_key(key), line) if near else _same(_key(key), line)
    return _part(cells, wanted - 1, _found(place))


def _lookup(key: Scalar, operand: Operand, results: Operand | None = None) -> Operand:
    cells = _sized(operand)
    wide = cells.width > cells.height
    if results is not None:
        if min(cells.height, cells.width) > 1:
            raise Failed(Error.MISSING)
        place, values = _found(_last_up_to(_key(key), _line(cells))), _sized(results)
        if min(values.height, values.width) > 1 or place >= max(values.height, values.width):
            raise Failed(Error.MISSING)
        return _part(values, *((0, place) if values.width > values.height else (place, 0)))
    line = _part(cells, 0, 0, 1, cells.width) if wide else _part(cells, 0, 0, cells.height, 1)
    place = _found(_last_up_to(_key(key), _line(line)))
    return _part(cells, *((cells.height - 1, place) if wide else (place, cells.width - 1)))


def _index(operand: Operand, row: float, column: float | None = None, area: float = 1.0) -> Operand:
    """A cell; a whole row or column for 0."""
    cells = _sized(operand)
    if column is None and cells.height == 1:
        row, column = 1.0, row
    at_row, at_column = math.trunc(row), math.trunc(column or 0.0)
    if at_row < 0 or at_column < 0:
        raise Failed(Error.VALUE)
    if at_row > cells.height or at_column > cells.width or math.trunc(area) != 1:
        raise Failed(Error.REFERENCE)
    height, width = (1 if at_row else cells.height), (1 if at_column else cells.width)
    if isinstance(cells, Table) and (height, width) == (cells.height, cells.width):
        return cells
    return _part(cells, max(at_row - 1, 0), max(at_column - 1, 0), height, width)


FUNCTIONS = {
    "MATCH": Function(_match, "sr", "n"),
    "VLOOKUP": Function(_vertical, "srn", "b"),
    "HLOOKUP": Function(_horizontal, "srn", "b"),
    "LOOKUP": Function(_lookup, "sx", "x"),
    "INDEX": Function(_index, "xn", "nn"),
    "ROWS": Function(lambda operand: _sized(operand).height, "r"),
    "COLUMNS": Function(lambda operand: _sized(operand).width, "r"),
}
