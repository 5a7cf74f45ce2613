"""Functions of numbers. They round on the 15 digits that Excel shows, not on the binary number behind."""

import math
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, ROUND_UP, Context, Decimal

from kpicli.fill.calc.calls import Function
from kpicli.fill.calc.values import Error, Failed, Unknown, shown

_CONTEXT = Context(prec=800)
_MOST_DIGITS = 330
_LARGEST_QUOTIENT = 2.0**50


def rounded(value: float, digits: float, way: str = ROUND_HALF_UP) -> float:
    """A number with so many digits after the point; before it, if negative."""
    places = max(-_MOST_DIGITS, min(_MOST_DIGITS, math.trunc(digits)))
    return float(shown(value).quantize(Decimal(1).scaleb(-places, _CONTEXT), way, _CONTEXT))


def power(base: float, exponent: float) -> float:
    """``base ^ exponent``, as Excel has it for 0."""
    if base == 0 and exponent <= 0:
        raise Failed(Error.NUMBER if exponent == 0 else Error.DIVISION)
    if base < 0 and not exponent.is_integer():
        raise Unknown("a root of a negative number")
    return math.pow(base, exponent)


def _mod(value: float, divisor: float) -> float:
    if divisor and abs(value / divisor) >= _LARGEST_QUOTIENT:
        raise Failed(Error.NUMBER)
    return value % divisor


def _multiple(value: float, step: float, way: str) -> float:
    if value > 0 > step:
        raise Failed(Error.NUMBER)
    return float(_CONTEXT.multiply(Decimal(rounded(value / step, 0, way)), shown(step)))


def _ceiling(value: float, step: float) -> float:
    return _multiple(value, step, ROUND_CEILING) if step and value else 0.0


def _floor(value: float, step: float) -> float:
    return _multiple(value, step, ROUND_FLOOR) if value else 0.0


def _logarithm(value: float, base: float = 10.0) -> float:
    return math.log10(value) if base == 10 else math.log(value) / math.log(base)


FUNCTIONS = {
    "ROUND": Function(rounded, "nn"),
    "ROUNDUP": Function(lambda value, digits: rounded(value, digits, ROUND_UP), "nn"),
    "ROUNDDOWN": Function(lambda value, digits: rounded(value, digits, ROUND_DOWN), "nn"),
    "TRUNC": Function(lambda value, digits=0.0: rounded(value, digits, ROUND_DOWN), "n", "n"),
    "INT": Function(math.floor, "n"),
    "ABS": Function(abs, "n"),
    "MOD": Function(_mod, "nn"),
    "SIGN": Function(lambda value: (value > 0) - (value < 0), "n"),
    "SQRT": Function(math.sqrt, "n"),
    "POWER": Function(power, "nn"),
    "CEILING": Function(_ceiling, "nn"),
    "FLOOR": Function(_floor, "nn"),
    "EXP": Function(math.exp, "n"),
    "LN": Function(math.log, "n"),
    "LOG10": Function(math.log10, "n"),
    "LOG": Function(_logarithm, "n", "n"),
    "PI": Function(lambda: math.pi),
}
