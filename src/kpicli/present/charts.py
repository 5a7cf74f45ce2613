"""Charts of a page as marks in a plane of 100 by 100, which the page stretches to the room there is.

They hold no text: what a chart shows stands beside it, so that a phone and a printer set it in their own size. Lines
keep their width when stretched; a dot is a line of no length with round ends. What a mark looks like follows from its
class.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

_DOT = "h0.01"
"""A length so small that only the round ends are seen."""


@dataclass(frozen=True)
class Mark:
    """A path with the class that says what it is."""

    style: str
    path: str


@dataclass(frozen=True)
class Drawing:
    """A chart; without a title it repeats what stands beside it, and is hidden from screen readers."""

    style: str
    marks: tuple[Mark, ...]
    title: str = ""
    desc: str = ""


def bar(value: float, widest: float, before: float | None = None) -> Drawing:
    """A bar from the left, with a tick where it was before."""
    marks = [Mark("track", _box(0, 100)), Mark("fill", _box(0, _of(value, widest)))]
    if before is not None:
        marks.append(Mark("tick", _upright(_of(before, widest))))
    return Drawing("bar", tuple(marks))


def meter(attainment: float) -> Drawing:
    """How much of a target is reached; it is a tick at four fifths of the width, and a quarter more fills it."""
    fill = _box(0, 80 * _share(attainment, 1.25))
    return Drawing("meter", (Mark("track", _box(0, 100)), Mark("fill", fill), Mark("tick", _upright(80))))


def parts(values: Sequence[tuple[str, float]]) -> Drawing:
    """A whole cut into named parts."""
    total, start, marks = sum(value for _, value in values), 0.0, []
    for style, value in values:
        end = start + _of(value, total)
        marks.append(Mark(style, _box(start, end)))
        start = end
    return Drawing("parts", tuple(marks))


def interval(value: float, low: float, high: float, reference: float | None, limit: float) -> Drawing:
    """A rate as a dot on the line where it may truly lie, beside the rate of all, cut off at a limit."""
    ends = [_of(one, limit) for one in (low, high, value)]
    marks = [Mark("axis", _across(0, 100, 50)), Mark("span", _across(ends[0], ends[1], 50))]
    if reference is not None:
        marks.insert(0, Mark("reference", _upright(_of(reference, limit))))
    return Drawing("interval", (*marks, Mark("dot", f"M{_n(ends[2])} 50{_DOT}")))


def step(start: float, end: float, low: float, high: float) -> Drawing:
    """One part of a difference: a bar from the level before it to that after it."""
    one, other = sorted(_of(level - low, high - low) for level in (start, end))
    style = "gain" if end > start else "loss"
    marks = [Mark("axis", _across(0, 100, 50)), Mark(style, _box(one, other))]
    return Drawing("step", (*marks, Mark("level", _upright(_of(end - low, high - low)))))


def level(value: float, low: float, high: float) -> Drawing:
    """The level that the parts of a difference begin or end at."""
    return Drawing("step", (Mark("axis", _across(0, 100, 50)), Mark("total", _upright(_of(value - low, high - low)))))


def line(
    values: Sequence[float | None],
    *,
    before: Sequence[float | None] = (),
    limits: tuple[float, float, float] | None = None,
    signals: Iterable[int] = (),
    running: bool = False,
    small: bool = False,
    title: str = "",
    desc: str = "",
) -> Drawing:
    """Values over time, with last year's beside them and the limits of chance (low, centre, high).

    A missing value parts the line. `signals` are the places that chance does not explain. What is still `running` is
    not over at the last place, which then stands apart from the line.
    """
    levels = [value for value in (*values, *before, *(limits or ())) if value is not None]
    low, high = min(levels, default=0.0), max(levels, default=0.0)
    room = (high - low) * 0.08 or abs(high) * 0.1 or 1

    def y(value: float) -> float:
        return 100 - _of(value - low + room, high - low + 2 * room)

    def x(place: int) -> float:
        return 2 + 96 * place / max(1, len(values) - 1)

    def run(style: str, told: Sequence[float | None]) -> Iterator[Mark]:
        points = [None if value is None else (x(place), y(value)) for place, value in enumerate(told)]
        for there, found in groupby(points, lambda point: point is not None):
            if there:
                yield Mark(style, "M" + "L".join(f"{_n(one[0])} {_n(one[1])}" for one in found if one) + _DOT)

    marks: list[Mark] = []
    if limits:
        bottom, centre, top = (y(limit) for limit in limits)
        marks.append(Mark("band", f"M0 {_n(top)}H100V{_n(bottom)}H0z"))
        marks.append(Mark("centre", _across(0, 100, centre)))
    marks += [*run("before", before), *run("series", values[:-1] if running else values)]
    odd = [place for place in signals if values[place] is not None]
    marks += [Mark("signal", f"M{_n(x(place))} {_n(y(values[place] or 0))}{_DOT}") for place in odd]
    if values and values[-1] is not None:
        marks.append(Mark("open" if running else "dot", f"M{_n(x(len(values) - 1))} {_n(y(values[-1]))}{_DOT}"))
    return Drawing("spark" if small else "months", tuple(marks), title, desc)


def _share(value: float, most: float) -> float:
    return min(max(value, 0.0), most)


def _of(value: float, whole: float) -> float:
    """Where a value stands between 0 and 100 % of a whole."""
    return 100 * _share(value / whole, 1) if whole else 0.0


def _box(start: float, end: float) -> str:
    return f"M{_n(start)} 0H{_n(end)}V100H{_n(start)}z"


def _across(start: float, end: float, height: float) -> str:
    return f"M{_n(start)} {_n(height)}H{_n(end)}"


def _upright(place: float) -> str:
    return f"M{_n(place)} 0V100"


def _n(value: float) -> str:
    return f"{round(value, 2) + 0:g}"  # + 0, so that nothing is -0
