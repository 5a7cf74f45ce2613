"""The evaluation of trees, and of cells in the order in which they need each other."""

import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import repeat

from kpicli.fill.calc.calls import CONVERSIONS, guarded, sound
from kpicli.fill.calc.functions import CHOICES, FUNCTIONS
from kpicli.fill.calc.functions.arithmetic import power
from kpicli.fill.calc.parsing import Area, Call, Chain, Constants, Literal, Name, Node, Signed, parse
from kpicli.fill.calc.values import (
    Error,
    Failed,
    Operand,
    Place,
    Range,
    Scalar,
    Table,
    Unknown,
    equal,
    less,
    number,
    same_number,
    text,
)

_MOST_WORK = 100_000_000
"""Cells read by ranges and computed in arrays, in all: some ten seconds."""
_WORK_OF_AN_ELEMENT = 10
_MOST_KEPT = 4_000_000
_MODERATE = 1e300
_WORK_OF_A_NAME = 30
_DEEPEST_NAME = 16


class _Pending(Exception):
    """Cells that have to be computed first."""

    def __init__(self, places: list[Place]) -> None:
        super().__init__()
        self.places = places


class Machine:
    """Cells, their formulas, and what of them is known so far."""

    def __init__(
        self,
        formulas: Mapping[Place, str],
        value_of: Callable[[Place], Scalar],
        names: Mapping[str, str],
        used: Mapping[str, tuple[int, int]],
    ) -> None:
        self.place: Place = ("", 1, 1)
        self.done: dict[Place, Scalar | Unknown] = {}
        self._formulas, self._value_of = formulas, value_of
        self._names = {name.lower(): formula for name, formula in names.items()}
        self._extents = _extents(formulas, used)
        self._sheets = {name.lower(): name for name in self._extents}
        self._subtotals = {place for place, formula in formulas.items() if "SUBTOTAL" in formula.upper()}
        self._trees: dict[tuple[str, bool], Node | Unknown] = {}
        self._tables: dict[tuple[Range, bool], Table] = {}
        self._sums: dict[tuple[str, int, int, int], tuple[int, list[float]]] = {}
        """Sheet, columns and first row of a range → its last row so far, and parts that add up to its numbers."""
        self._kept = self._work = self._names_deep = 0

    def run(self) -> None:
        """Compute all formulas. A stack in place of recursion: chains of cells are as long as sheets."""
        for start in self._formulas:
            stack, waiting = [start], set[Place]()
            while stack:
                place = stack[-1]
                if place in self.done:
                    stack.pop()
                    continue
                try:
                    self.done[place] = self._compute(place)
                except Unknown as unknown:
                    self.done[place] = Unknown(*unknown.args)
                except RecursionError:
                    self.done[place] = Unknown("nested too deep")
                except _Pending as pending:
                    waiting.add(place)
                    if waiting.isdisjoint(pending.places):
                        stack += pending.places
                    else:
                        self.done[place] = Unknown("a circular reference")

    def _compute(self, place: Place) -> Scalar:
        self.place = place
        self._names_deep = 0
        node = self._tree(self._formulas[place])
        if isinstance(node, Chain):
            result = self._one(self._chain(node, False, last=True))
        else:
            result = self._one(self.value(node, False))
        return 0.0 if result is None else result

    def _one(self, operand: Operand) -> Scalar:
        """What a cell shows of an operand."""
        value = self._narrow(operand, False)
        return value.at(0, 0) if isinstance(value, Table) else value

    def _tree(self, formula: str, *, fixed: bool = False) -> Node:
        key = (formula, fixed)
        if key not in self._trees:
            try:
                self._trees[key] = parse(formula.removeprefix("="), fixed=fixed)
            except Unknown as unknown:
                self._trees[key] = Unknown(*unknown.args)
        tree = self._trees[key]
        if isinstance(tree, Unknown):
            raise Unknown(*tree.args)
        return tree

    # Cells

    def spend(self, work: int) -> None:
        """Account for work done; raise `Unknown` when it was too much."""
        self._work += work
        if self._work > _MOST_WORK:
            raise Unknown("too much to compute")

    def table(self, cells: Range, *, without_subtotals: bool = False) -> Table:
        """The values of a range, without those that no cell can have."""
        key = (cells, without_subtotals and bool(self._subtotals))
        table = self._tables.get(key)
        if table is None:
            table = self._read(cells, key[1])
            self._kept += table.height * table.width - table.unheld
            if self._kept > _MOST_KEPT:
                self._tables.clear()
                self._kept = table.height * table.width - table.unheld
            self._tables[key] = table
        self.spend(1 + table.height * table.width - table.unheld)
        return table

    def summands(self, cells: Range) -> list[float]:
        """Parts with the exact sum of a range. A range that only reaches further down than one before, as the running
        totals of a column do, is read from there on.
        """
        key = (cells.sheet, cells.left, cells.right, cells.top)
        bottom, parts = self._sums.get(key, (cells.top - 1, []))
        if cells.bottom < bottom:
            bottom, parts = cells.top - 1, []
        parts = list(parts)
        if cells.bottom > bottom:
            more = Range(cells.sheet, bottom + 1, cells.left, cells.bottom, cells.right, self)
            for row in self._read(more, False).rows:
                for value in row:
                    if isinstance(value, Error):
                        raise Failed(value)
                    if isinstance(value, float):
                        _add(parts, value)
        self._sums[key] = cells.bottom, parts
        return parts

    def _read(self, cells: Range, without_subtotals: bool) -> Table:
        last_row, last_column = self._extents.get(cells.sheet, (0, 0))
        bottom, right = min(cells.bottom, last_row), min(cells.right, last_column)
        self.spend(max(0, bottom - cells.top + 1) * max(0, right - cells.left + 1))
        skipped = self._subtotals if without_subtotals else frozenset[Place]()
        columns = range(cells.left, right + 1)
        rows: list[list[Scalar]] = []
        pending: list[Place] = []
        for row in range(cells.top, bottom + 1):
            places = [(cells.sheet, row, column) for column in columns]
            rows.append([None if place in skipped else self._cell(place, pending) for place in places])
        if pending:
            raise _Pending(pending)
        return Table(rows if columns else [], cells.height, cells.width)

    def _cell(self, place: Place, pending: list[Place]) -> Scalar:
        if place not in self._formulas:
            return _clean(self._value_of(place))
        if place not in self.done:
            pending.append(place)
            return None
        value = self.done[place]
        if isinstance(value, Unknown):
            raise Unknown(f"needs {place[0]}!R{place[1]}C{place[2]}, which is unknown")
        return value

    def _at(self, place: Place) -> Scalar:
        pending: list[Place] = []
        value = self._cell(place, pending)
        if pending:
            raise _Pending(pending)
        return value

    # Trees

    def value(self, node: Node, array: bool) -> Operand:
        """A node's value; `array` as in an array formula, where ranges are tables and not their cell in this row."""
        match node:
            case Literal(value):
                return value
            case Area():
                return self._range(node)
            case Chain():
                return self._chain(node, array)
            case Call():
                return self._call(node, array)
            case Signed():
                return self._mapped(_signed(node), [self.single(node.part, array)])
            case Constants(table):
                return table
            case Name(name):
                return self._named(name, array)

    def single(self, node: Node, array: bool) -> Scalar | Table:
        """A node's value where one cell's is wanted; a table only from array constants and in array formulas."""
        return self._narrow(self.value(node, array), array)

    def _narrow(self, operand: Operand, array: bool) -> Scalar | Table:
        if isinstance(operand, Table):
            return operand.at(0, 0) if operand.height == operand.width == 1 else operand
        if not isinstance(operand, Range):
            return operand
        if operand.height == operand.width == 1:
            return self._at((operand.sheet, operand.top, operand.left))
        return operand.table() if array else self._intersection(operand)

    def _intersection(self, cells: Range) -> Scalar:
        """The cell of a column or row that is in the row or column of the formula."""
        _, row, column = self.place
        if cells.width == 1 and cells.top <= row <= cells.bottom:
            return self._at((cells.sheet, row, cells.left))
        if cells.height == 1 and cells.left <= column <= cells.right:
            return self._at((cells.sheet, cells.top, column))
        return Error.VALUE

    def _range(self, area: Area) -> Range:
        sheet = self.place[0] if area.sheet is None else self._sheets.get(area.sheet.lower(), area.sheet)
        return Range(sheet, area.top, area.left, area.bottom, area.right, self)

    def _named(self, name: str, array: bool) -> Operand:
        if name not in self._names:
            raise Unknown(f"the name {name[:40]}")
        self.spend(_WORK_OF_A_NAME)
        self._names_deep += 1
        if self._names_deep > _DEEPEST_NAME:
            raise Unknown("names that use names without end")
        result = self.value(self._tree(self._names[name], fixed=True), array)
        self._names_deep -= 1
        return result

    def _chain(self, node: Chain, array: bool, *, last: bool = False) -> Operand:
        """`last` says that nothing follows: there Excel takes a difference in the last digits for none."""
        total = self.single(node.first, array)
        for sign, part in node.rest:
            before, other = total, self.single(part, array)
            total = self._narrow(self._mapped(_OPERATORS[sign], [before, other]), array)
        if last and sign in "+-" and isinstance(total, float) and total:
            a, b = _number_or_nan(before), _number_or_nan(other)
            return 0.0 if same_number(a, b if sign == "-" else -b) else total
        return total

    def _call(self, node: Call, array: bool) -> Operand:
        choice = CHOICES.get(node.function)
        if choice:
            return guarded(choice, self, node.arguments, array)
        function = FUNCTIONS.get(node.function)
        if not function:
            raise Unknown(f"the function {node.function[:40]}")
        kinds = function.kinds(len(node.arguments))
        values: list[Operand] = []
        for kind, argument in zip(kinds, node.arguments, strict=True):
            if kind in CONVERSIONS:
                values.append(self.single(argument, array))
            else:
                values.append(self.value(argument, array or kind == "x"))

        def run(*values: Operand) -> Operand:
            converted = (CONVERSIONS[k](v) if k in CONVERSIONS else v for k, v in zip(kinds, values, strict=True))  # type: ignore[arg-type]
            return function.run(*converted)

        return self._mapped(run, values, [kind in CONVERSIONS for kind in kinds])

    def _mapped(
        self, run: Callable[..., Operand], values: Sequence[Operand], spread: Sequence[bool] | None = None
    ) -> Scalar | Table | Range:
        """A function of scalars, also over tables: their cells in turn. `spread` says which values count for that."""
        spread = spread or [True] * len(values)
        tables = [value for value, spreads in zip(values, spread, strict=True) if spreads and isinstance(value, Table)]
        if not tables:
            return guarded(run, *values)
        height, width = max(table.height for table in tables), max(table.width for table in tables)
        if any(table.height not in (1, height) or table.width not in (1, width) for table in tables):
            return Error.MISSING
        open_ended = any(table.unheld for table in tables)
        if open_ended and len({(table.height, table.width) for table in tables}) > 1:
            raise Unknown("whole columns together with something shorter")

        rows, held = max(len(table.rows) for table in tables), max(table.held_width for table in tables)
        self.spend(rows * held * _WORK_OF_AN_ELEMENT)
        operands = [
            (value.held(rows, held), value.rest) if spreads and isinstance(value, Table) else (repeat(value), value)
            for value, spreads in zip(values, spread, strict=True)
        ]
        results = self._results(run, [cells for cells, _ in operands])
        rest = self._one(guarded(run, *(rest for _, rest in operands))) if open_ended else None
        return Table([results[start : start + held] for start in range(0, rows * held, held or 1)], height, width, rest)

    def _results(self, run: Callable[..., Operand], columns: Sequence[Iterable[Operand]]) -> list[Scalar]:
        """A function of one value of each column in turn: fast where all goes well, which is usual."""
        try:
            results = list(map(run, *columns))
        except (Failed, ArithmeticError, ValueError):
            return [self._one(guarded(run, *cells)) for cells in zip(*columns, strict=False)]
        return [
            result
            if result.__class__ is bool or (result.__class__ is float and -_MODERATE < result < _MODERATE)
            else self._one(guarded(lambda result: result, result))
            for result in results
        ]


def _extents(formulas: Iterable[Place], used: Mapping[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    extents = dict(used)
    for sheet, row, column in formulas:
        last_row, last_column = extents.get(sheet, (0, 0))
        if row > last_row or column > last_column:
            extents[sheet] = (max(row, last_row), max(column, last_column))
    return extents


def _clean(value: Scalar) -> Scalar:
    """A cell's value as promised: whole numbers as floats, and nothing that is no number."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return Error.NUMBER
    return value


def _number_or_nan(value: Scalar | Table) -> float:
    try:
        return math.nan if isinstance(value, Table) else number(value)
    except Failed:
        return math.nan


def _signed(node: Signed) -> Callable[[Scalar], float]:
    factor = -1.0 if node.minuses % 2 else 1.0
    return lambda value: factor * number(value) / 100.0**node.percents


def _arithmetic(apply: Callable[[float, float], float]) -> Callable[[Scalar, Scalar], float]:
    return lambda a, b: apply(number(a), number(b))


def _comparison(apply: Callable[[Scalar, Scalar], bool]) -> Callable[[Scalar, Scalar], bool]:
    return lambda a, b: apply(sound(a), sound(b))


_OPERATORS: dict[str, Callable[[Scalar, Scalar], Scalar]] = {
    "+": _arithmetic(operator.add),
    "-": _arithmetic(operator.sub),
    "*": _arithmetic(operator.mul),
    "/": _arithmetic(operator.truediv),
    "^": _arithmetic(power),
    "&": lambda a, b: text(a) + text(b),
    "=": _comparison(equal),
    "<>": _comparison(lambda a, b: not equal(a, b)),
    "<": _comparison(less),
    ">": _comparison(lambda a, b: less(b, a)),
    "<=": _comparison(lambda a, b: not less(b, a)),
    ">=": _comparison(lambda a, b: not less(a, b)),
}


def _add(parts: list[float], value: float) -> None:
    """Add a number to parts that do not overlap, so that no digit is lost (Shewchuk 1997)."""
    kept = 0
    for part in parts:
        large, small = (value, part) if abs(value) >= abs(part) else (part, value)
        value = large + small
        rest = small - (value - large)
        if rest:
            parts[kept] = rest
            kept += 1
    parts[kept:] = [value]
