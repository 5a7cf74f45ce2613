"""Compute the formulas of a workbook as Excel would, or say that only Excel can.

From the ground up: `values` has what formulas compute with, `parsing` their grammar, `calls` what a function says of
itself, `functions` the functions, and `machine` the evaluation.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from kpicli.fill.calc.machine import Machine
from kpicli.fill.calc.values import Error, Place, Scalar, Unknown

__all__ = ["Error", "Place", "Scalar", "Unknown", "evaluate"]


def evaluate(
    formulas: Mapping[Place, str],
    value_of: Callable[[Place], Scalar],
    *,
    names: Mapping[str, str] = MappingProxyType({}),
    used: Mapping[str, tuple[int, int]] = MappingProxyType({}),
) -> dict[Place, Scalar | Unknown]:
    """The value of every formula (its text without ``=``), in whatever order they need each other.

    `value_of` gives the cells that are no formula, None where they are empty; `names` are defined names → their
    formula; `used` is the last row and column of every sheet, for ranges such as ``A:A``: beyond those and the
    formulas, no cell is read.

    `Unknown` stands, with its reason, for a formula that uses what is not supported (functions, array formulas, tables,
    other files, several sheets at once), that needs itself, that needs such a one, or that is too much to compute.
    Never raises for any formula.
    """
    machine = Machine(formulas, value_of, names, used)
    machine.run()
    return {place: machine.done[place] for place in formulas}
