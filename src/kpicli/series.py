"""What months in a row say of a KPI: an individuals chart (XmR), and the months that chance does not explain.

The chart is Shewhart's for single values (Economic Control of Quality of Manufactured Product, 1931) as Wheeler has it
(Understanding Variation, 1993): the limits are the mean ± 2.66 × the mean moving range, 2.66 being 3 / d2 for ranges of
two (d2 = 1.128). A month stands in its own limits, as it does there where a chart is made of the values it judges: the
moving range takes little notice of one odd month, and a wild last month enters only one range. Wheeler finds limits
useful from five or six values on. Three rules tell a signal:

- ``outside``: beyond a limit (Shewhart; test 1 of Nelson, Journal of Quality Technology 16 (4), 1984);
- ``run``: eight in a row on the same side of the centre (Western Electric, Statistical Quality Control Handbook, 1956);
- ``drift``: six in a row, each above the one before or each below it (test 3 of Nelson 1984).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import Literal

from kpicli.formula import Number
from kpicli.measure import Reason
from kpicli.messages import Words

Direction = Literal["up", "down", "none"]

SPREAD = Fraction(266, 100)
"""Mean moving ranges from the centre to a limit."""
ENOUGH = 6
"""Below so many values, and so many less one steps from a month to the next, there are no limits."""
RUN = 8
DRIFT = 6


@dataclass(frozen=True)
class Point:
    """A KPI, or a measure, in one month."""

    month: str
    value: Number | None
    """In the unit of the series; rates are fractions, not rounded."""
    numerator: Number | None
    denominator: Number | None
    """Both None for what is no ratio."""
    reason: Reason | None
    """Why there is no value."""
    year_before: Number | None
    """The same month of last year; of a month that is not over, as many days of it."""
    signals: tuple[str, ...] = ()
    """``outside``, ``run``, ``drift``: the rules that the month completes."""
    target: float | None = None
    running: bool = False
    """Whether the month is not over: it has no part in the limits and is not judged."""


@dataclass(frozen=True)
class Limits:
    """Where the values lie as long as nothing but chance moves them."""

    centre: float
    low: float
    high: float


@dataclass(frozen=True)
class Series:
    """One KPI, or one measure, month by month."""

    key: str
    words: Words
    """Its label in both languages."""
    unit: str
    direction: Direction
    """Which way is better."""
    points: tuple[Point, ...]
    """Oldest first, a month each, none left out in between."""
    limits: Limits | None
    """None where there are too few values."""

    def upward(self, place: int, signal: str) -> bool:
        """Whether a signal of the point at a place is one of more, and not of less."""
        value, before = (_exact(self.points[at].value) for at in (place, place - 1))
        return value > (before if signal == "drift" else Fraction(self.limits.centre if self.limits else 0))


def judged(points: Sequence[Point], ceiling: int | None = None) -> tuple[tuple[Point, ...], Limits | None]:
    """Give the points, oldest first, with their signals, and the limits.

    The limits are never below 0, nor above the `ceiling` (1 for a rate that cannot exceed it), unless values are. A
    month without a value parts its neighbours: no moving range, no run and no drift reaches over it. Fewer than
    `ENOUGH` values, or fewer than `ENOUGH` − 1 moving ranges, give no limits and no signal. Computed exactly, so that
    equal values are equal.
    """
    values = [None if point.value is None or point.running else Fraction(point.value) for point in points]
    bounds = _bounds(values, ceiling)
    if bounds is None:
        return tuple(replace(point, signals=()) for point in points), None
    low, centre, high = bounds
    sides = list(_lengths([None if value is None else _sign(value - centre) for value in values]))
    steps = [None if a is None or b is None else _sign(b - a) for a, b in pairwise([None, *values])]
    climbs = list(_lengths(steps))
    found = []
    for point, value, side, climb in zip(points, values, sides, climbs, strict=True):
        fired = {
            "outside": value is not None and not low <= value <= high,
            "run": side >= RUN,
            "drift": climb >= DRIFT - 1,
        }
        found.append(replace(point, signals=tuple(rule for rule, fires in fired.items() if fires)))
    return tuple(found), Limits(float(centre), float(low), float(high))


def _bounds(values: Sequence[Fraction | None], ceiling: int | None) -> tuple[Fraction, Fraction, Fraction] | None:
    """The lower limit, the centre and the upper limit; None where there are too few values."""
    known = [value for value in values if value is not None]
    ranges = [abs(b - a) for a, b in pairwise(values) if a is not None and b is not None]
    if len(known) < ENOUGH or len(ranges) < ENOUGH - 1:
        return None
    centre = sum(known, Fraction()) / len(known)
    reach = SPREAD * sum(ranges, Fraction()) / len(ranges)
    low, high = centre - reach, centre + reach
    if min(known) >= 0:
        low = max(low, Fraction())
    if ceiling is not None and max(known) <= ceiling:
        high = min(high, Fraction(ceiling))
    return low, centre, high


def _lengths(signs: Sequence[int | None]) -> Iterator[int]:
    """How many in a row up to each place have the sign of it; 0 for none and for neither."""
    length, last = 0, None
    for sign in signs:
        length = 0 if not sign else length + 1 if sign == last else 1
        last = sign
        yield length


def _exact(value: Number | None) -> Fraction:
    return Fraction(value or 0)


def _sign(value: Fraction) -> int:
    return (value > 0) - (value < 0)
