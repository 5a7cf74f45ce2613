"""How the charts of the indicators are read (S-004): rules on a series of days or weeks, each as the text implies it.

They are rules of thumb for looking, without statistics; `kpicli.diagnosis` says what chance does not explain.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from kpicli.formula import Node, Number, evaluate, names
from kpicli.measure import Table
from kpicli.models import Chart, Model

Series = Mapping[str, float | None]
"""Label of a day or week → its value, in order; None where there is none."""

_STEADY, _DROP, _BACK = 3, 0.6, 0.8
"""Days that make a level, or a low; a sudden drop is to this share of it or less, a recovery to this or more."""


@dataclass(frozen=True)
class Reading:
    """What a chart shows."""

    rule: str
    """``drop``, ``decline``, ``line``, ``target`` or ``falling``."""
    values: Mapping[str, Number | str | tuple[str, ...]]


Place = tuple[str, str, str]
"""(period label, dimension, group): a part of the month, or a group of it."""


def of_model(
    model: Model, table: Table, month: str, places: Mapping[str, Place], targets: Mapping[str, float]
) -> Reading | None:
    """Read the chart of a model's KPI over places of a table, parts of the month or its car models, by their labels."""
    if model.of is None or model.chart is None:
        return None
    return read(model.chart, {label: _value(model, table, month, place) for label, place in places.items()}, targets)


def read(chart: Chart, series: Series, targets: Mapping[str, float]) -> Reading | None:
    """Read a series by the rule of a chart; None where it shows nothing."""
    match chart.rule:
        case "drop":
            return drop(series)
        case "decline":
            return decline(series)
        case "line":
            return line(series, chart.line or 0.0)
        case "target":
            return target(series, targets)
        case "falling":
            return falling(series)


def _value(model: Model, table: Table, month: str, place: Place) -> float | None:
    """What a model counts at a place; None where the month cannot tell or there is nothing to divide by."""

    def counted(node: Node) -> float | None:
        keys = set(names(node))
        if any((month, key) in table.reasons for key in keys):
            return None
        values = table.values.get(place, {})
        found = evaluate(node, {key: values.get(key) or 0 for key in keys})
        return None if found is None else float(found)

    assert model.of
    count = counted(model.of)
    if model.over is None or count is None:
        return count
    over = counted(model.over)
    return count / over if over else None


def drop(series: Series) -> Reading | None:
    """A sudden drop from one day to the next after some steady ones, and no recovery by the end (chart 1, S1)."""
    told = _told(series)
    for place in range(_STEADY, len(told)):
        level = sum(value for _, value in told[:place]) / place
        label, value = told[place]
        low = [later for _, later in told[place:]]
        if len(low) >= _STEADY and value <= _DROP * level and max(low) < _BACK * level:
            lowest = min(told[place:], key=lambda entry: entry[1])
            return Reading("drop", {"at": label, "level": level, "value": value, "lowest": lowest[1], "low": lowest[0]})
    return None


def decline(series: Series) -> Reading | None:
    """A stock that should be flat or rise and falls from its height to the end, more than once (chart 2, S2)."""
    told = _told(series)
    if not told:
        return None
    most = max(value for _, value in told)
    top = max(place for place, (_, value) in enumerate(told) if value == most)
    after = [value for _, value in told[top:]]
    falls = sum(1 for one, two in pairwise(after) if two < one)
    if falls < 2 or after[-1] > min(after):
        return None
    return Reading("decline", {"at": told[top + 1][0], "falls": falls, "most": most, "last": after[-1]})


def line(series: Series, standard: float) -> Reading | None:
    """Values below a line, of which zeros alarm (charts 3 and 6, S3 and S6)."""
    told = _told(series)
    below = tuple(label for label, value in told if value < standard)
    zeros = tuple(label for label, value in told if value == 0)
    if not below:
        return None
    return Reading("line", {"line": standard, "below": below, "count": len(below), "of": len(told), "zeros": zeros})


def target(series: Series, targets: Mapping[str, float]) -> Reading | None:
    """Parts below their targets, and what there is so far against the sum of them (charts 4, 7 and 8: S4, S7, S8)."""
    told = [(label, value) for label, value in _told(series) if label in targets]
    below = tuple(label for label, value in told if value < targets[label])
    if not below:
        return None
    there, wanted = sum(value for _, value in told), sum(targets[label] for label, _ in told)
    values: dict[str, Number | str | tuple[str, ...]] = {"below": below, "count": len(below), "of": len(told)}
    return Reading("target", values | {"sum": there, "target": wanted, "rate": there / wanted if wanted else 0.0})


def falling(series: Series) -> Reading | None:
    """A rate that falls from each week to the next (chart 5, S5)."""
    told = _told(series)
    if len(told) < _STEADY or any(two[1] >= one[1] for one, two in pairwise(told)):
        return None
    return Reading("falling", {"of": len(told), "first": told[0][1], "last": told[-1][1]})


def spread(total: float, shares: Sequence[int]) -> list[float]:
    """A month's target on its weeks by working days, in whole cars that add up: 69 on four is 17, 17, 17, 18.

    What is left over by rounding down goes to the last weeks. A target that is not whole is spread exactly.
    """
    every = sum(shares)
    if not every:
        return [0.0 for _ in shares]
    parts = [Fraction(str(total)) * share / every for share in shares]
    if not float(total).is_integer():
        return [float(part) for part in parts]
    whole = [part.__floor__() for part in parts]
    left = int(total) - sum(whole)
    for place in range(len(whole) - left, len(whole)):
        whole[place] += 1
    return [float(value) for value in whole]


def _told(series: Series) -> list[tuple[str, float]]:
    return [(label, value) for label, value in series.items() if value is not None]
