"""From a target back to what it takes: evaluate a sales tree, and solve it for its lever.

Everything is exact (fractions of the numbers as written); rounding is for who shows it. What is needed is rounded up,
since a plan that is short is no plan; what would come of something is rounded half up, and only at the end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from typing import Literal

from kpicli.catalogue import Quantity, Tree
from kpicli.formula import Absolute, Name, Node, Number, Operation
from kpicli.formula import Literal as Written

Values = Mapping[str, Fraction | None]
"""Quantity or measure → its value; None where it is not known."""

Reason = Literal["no_effect", "enough"]
"""Why no lever is found: the goal does not rise with it, or is reached without it."""
Status = Literal["good", "near", "bad"]

_MOST = 10**12
"""More of a lever than this for one of the goal is as good as no amount."""


@dataclass(frozen=True)
class Solved:
    """What it takes to reach a target."""

    lever: Fraction | None
    """How much of the lever; 0 where the target is reached without, None where no amount reaches it."""
    values: Values
    """The whole tree at that lever; without a lever only what does not depend on it."""
    reason: Reason | None = None


@dataclass(frozen=True)
class Share:
    """What one consultant is to do of a target, or each of several."""

    consultant: str | None
    """None for each of those without a target of their own."""
    heads: int
    target: Fraction
    part: Fraction
    """Of the whole store's target, and so of everything that is needed for it."""


def exact(value: Number | None) -> Fraction | None:
    """A number as it is written: 0.91 is 91/100."""
    return None if value is None else Fraction(value) if isinstance(value, int | Decimal) else Fraction(str(value))


def work_out(node: Node, values: Values) -> Fraction | None:
    """A formula's exact value; None where a part is not known or a denominator is zero."""
    match node:
        case Written(value):
            return exact(value)
        case Name(key):
            return values.get(key)
        case Absolute(part):
            signed = work_out(part, values)
            return None if signed is None else abs(signed)
        case Operation(sign, left, right):
            a, b = work_out(left, values), work_out(right, values)
            if a is None or b is None or (sign == "/" and not b):
                return None
            return a + b if sign == "+" else a - b if sign == "-" else a * b if sign == "*" else a / b


def mean(months: Sequence[Values]) -> Values:
    """Measures of a mean month; of these a rate is the sum of the numerators over that of the denominators."""
    keys = months[0] if months else {}
    every = {key: [month[key] for month in months] for key in keys}
    return {
        key: None if None in values else sum((value for value in values if value is not None), Fraction()) / len(values)
        for key, values in every.items()
    }


def counted(tree: Tree, measures: Values) -> dict[str, Fraction | None]:
    """The drivers of a tree from measures."""
    return {quantity.key: work_out(quantity.node, measures) for quantity in tree.drivers}


def evaluate(tree: Tree, given: Values) -> dict[str, Fraction | None]:
    """Every quantity of a tree: as given, else what follows from those before it."""
    values: dict[str, Fraction | None] = {}
    for key, quantity in tree.quantities.items():
        values[key] = given[key] if key in given else None if quantity.driver else work_out(quantity.node, values)
    return values


def missing(tree: Tree, given: Values, *, solving: bool) -> list[Quantity]:
    """The drivers that the goal needs and nobody gives; the lever is none of them where it is what is sought."""
    wanted = {tree.goal}
    for key, quantity in reversed(list(tree.quantities.items())):
        if key in wanted and key not in given:
            wanted |= set() if quantity.driver else set(quantity.parts)
    return [
        quantity
        for quantity in tree.drivers
        if quantity.key in wanted and given.get(quantity.key) is None and not (solving and quantity.key == tree.lever)
    ]


def solve(tree: Tree, given: Values, target: Fraction) -> Solved:
    """The lever that brings the goal to a target; `given` tells at least all other drivers of the goal."""
    without, one = (evaluate(tree, {**given, tree.lever: Fraction(lever)}) for lever in (0, 1))
    low, high = without[tree.goal], one[tree.goal]
    if low is None or high is None:
        raise ValueError(f"not all drivers of {tree.goal} are given")
    if low >= target:
        return Solved(Fraction(), without, "enough")
    if (high - low) * _MOST < 1:
        moved = {key: None for key, value in without.items() if value != one[key]}
        return Solved(None, {**without, **moved, tree.lever: None, tree.goal: None}, "no_effect")
    lever = (target - low) / (high - low)
    return Solved(lever, evaluate(tree, {**given, tree.lever: lever}))


def step(tree: Tree, given: Values) -> Fraction | None:
    """How much more of the lever one more of the goal takes; None where no amount does, or drivers are not known."""
    low, high = (evaluate(tree, {**given, tree.lever: Fraction(lever)})[tree.goal] for lever in (0, 1))
    return None if low is None or high is None or (high - low) * _MOST < 1 else 1 / (high - low)


def split(target: Fraction, own: Mapping[str, Fraction], heads: int) -> list[Share]:
    """A target among so many consultants: who has his own has that, the others have equal parts of the rest.

    Where their own targets are more than the whole there is nothing left for the others.
    """
    shares = [Share(name, 1, part, part / target) for name, part in own.items()]
    others = max(heads - len(own), 0)
    if others:
        rest = max(target - sum(own.values(), Fraction()), Fraction()) / others
        shares.append(Share(None, others, rest, rest / target))
    return shares


def status(done: Fraction, target: Fraction, passed: Fraction, near: float) -> Status:
    """A running month's light: what is done of a target against the share of its time that has passed."""
    due = target * passed
    return "good" if done >= due else "near" if done >= due * Fraction(str(near)) else "bad"


def up(value: Fraction, digits: int = 0) -> Fraction:
    """Rounded up to so many digits after the point."""
    return Fraction(ceil(value * 10**digits), 10**digits)


def half_up(value: Fraction) -> int:
    """Rounded to a whole number, a half up."""
    return floor(value + Fraction(1, 2))
