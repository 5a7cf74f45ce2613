"""The KPIs of a page month by month."""

from collections.abc import Iterator

from kpicli.messages import Language
from kpicli.pipeline.trend import Trended
from kpicli.present import charts
from kpicli.present.page.document import Numbers, Path
from kpicli.present.page.parts import Line, Month
from kpicli.present.values import NOTHING
from kpicli.present.words import word
from kpicli.series import DRIFT, ENOUGH, RUN, Series

_NEWS = 3
"""Signals of so many months are told; those of others are marked."""


def values_of(series: Series) -> list[float | None]:
    """The values of a series, month by month."""
    return [None if point.value is None else float(point.value) for point in series.points]


def lines(found: Trended, numbers: Numbers) -> Iterator[Line]:
    """Every series with its chart and its months."""
    for place, series in enumerate(found.series):
        yield _line(series, numbers, ("trend", "series", place))


def notes(found: Trended, language: Language) -> Iterator[str]:
    """How the charts are to be read."""
    if any(series.limits for series in found.series):
        yield word("page_line_key", language)
        yield word("trend_rule", language)
        yield word("signal_rules", language).format(run=RUN, drift=DRIFT)
    else:
        yield word("no_limits", language).format(enough=ENOUGH)
    running = next((point.month for point in found.series[0].points if point.running), None)
    if running:
        yield word("trend_running", language).format(month=running, days=found.days)


def _line(series: Series, numbers: Numbers, path: Path) -> Line:
    points, limits = series.points, series.limits
    label, first, last = series.words[numbers.language], points[0].month, points[-1].month
    signals = {
        at: f"{point.month} {_signals(series, at, numbers.language)}"
        for at, point in enumerate(points)
        if point.signals
    }
    told = {name: numbers.of((*path, name), series.unit) for name in ("centre", "low", "high")} if limits else {}
    return Line(
        label=label,
        value=numbers.maybe((*path, "points", len(points) - 1, "value"), series.unit) or NOTHING,
        first=first,
        last=last,
        drawing=charts.line(
            values_of(series),
            before=[None if point.year_before is None else float(point.year_before) for point in points],
            limits=(limits.low, limits.centre, limits.high) if limits else None,
            signals=signals,
            running=points[-1].running,
            title=f"{label} {first}~{last}",
            desc="；".join(signals.values()) or word("page_no_signal", numbers.language),
        ),
        signals=tuple(said for at, said in signals.items() if at >= len(points) - _NEWS),
        limits=numbers.said("trend_limits", **told) if told else (),
        months=tuple(_month(series, at, numbers, (*path, "points", at)) for at in reversed(range(len(points)))),
        before=any(point.year_before is not None for point in points),
    )


def _month(series: Series, at: int, numbers: Numbers, path: Path) -> Month:
    point, language = series.points[at], numbers.language
    notes = [
        word(point.reason, language) if point.reason else "",
        word("still_running", language) if point.running else "",
        _signals(series, at, language),
    ]
    return Month(
        month=point.month,
        value=numbers.maybe((*path, "value"), series.unit) or NOTHING,
        parts=numbers.ratio(path) if point.value is not None else (),
        before=numbers.maybe((*path, "year_before"), series.unit) or "",
        note=" · ".join(filter(None, notes)),
    )


def _signals(series: Series, at: int, language: Language) -> str:
    names = [f"{name}_{'up' if series.upward(at, name) else 'down'}" for name in series.points[at].signals]
    return " · ".join(word(name, language).format(run=RUN, drift=DRIFT) for name in names)
