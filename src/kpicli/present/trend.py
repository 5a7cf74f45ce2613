"""KPIs month by month, with what chance does not explain, as text for a terminal and as JSON."""

from collections.abc import Iterator
from datetime import tzinfo
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from kpicli.messages import Language
from kpicli.pipeline.trend import Trended
from kpicli.present.terminal import moment, table_of
from kpicli.present.values import number, plain, sparkline
from kpicli.present.words import word
from kpicli.series import DRIFT, ENOUGH, RUN, Series


def trended(result: Trended, zone: tzinfo, language: Language) -> list[RenderableType]:
    """Each KPI with its months, the limits and the signals; of several KPIs an overview at the end."""
    parts: list[RenderableType] = [*_heading(result, zone, language)]
    for series in result.series:
        parts += [Text(), *_block(series, language)]
    if len(result.series) > 1:
        parts += [Text(), *_overview(result, language)]
    if any(series.limits for series in result.series):
        rules = (word("trend_rule", language), word("signal_rules", language).format(run=RUN, drift=DRIFT))
        parts += [Text(), *(Text(rule, style="dim") for rule in rules)]
    return parts


def _heading(result: Trended, zone: tzinfo, language: Language) -> Iterator[Text]:
    book, months = result.book, result.months
    told = [
        f"{months[0]} ~ {months[-1]}" if len(months) > 1 else months[0],
        plain(result.dealer or word("all_dealers", language)),
        f"{word(result.dimension, language)} {plain(result.group)}" if result.dimension else "",
        f"{book.words[language]} ({book.key})",
    ]
    yield Text("  ".join(filter(None, told)), style="bold")
    if result.known:
        yield Text(word("as_known", language).format(time=moment(result.known, zone)), style="dim")
    running = next((point.month for point in result.series[0].points if point.running), None)
    if running:
        yield Text(word("trend_running", language).format(month=running, days=result.days), style="dim")


def _block(series: Series, language: Language) -> Iterator[RenderableType]:
    """One KPI: its line, its months, its limits."""
    unit, points = series.unit, series.points
    yield Text.assemble((series.words[language], "bold"), f" ({series.key})  ", (_line(series), "blue"))
    if all(point.value is None for point in points):
        yield _note(series, len(points) - 1, language)
        return
    more = {
        "parts": any(point.denominator is not None for point in points),
        "target": any(point.target is not None for point in points),
        "year_before": any(point.year_before is not None for point in points),
    }
    shown = [name for name, wanted in more.items() if wanted]
    notes = [_note(series, place, language) for place in range(len(points))]
    table = table_of(
        (word("month", language), "left"),
        *((word(key, language), "right") for key in ("figure", *shown)),
        *([(word("note", language), "left")] if any(notes) else []),
    )
    for point, note in zip(points, notes, strict=True):
        shares = point.denominator is not None
        cells = {
            "parts": f"{number(point.numerator)}/{number(point.denominator)}" if shares else "",
            "target": number(point.target, unit) if point.target is not None else "",
            "year_before": number(point.year_before, unit) if point.year_before is not None else "",
        }
        values = (point.month, number(point.value, unit), *(cells[name] for name in shown))
        table.add_row(*values, *([note] if any(notes) else []))
    yield table
    yield Text(_limits(series, language), style="dim")


def _line(series: Series) -> str:
    """The months as a line; nothing where none has a value."""
    values = [point.value for point in series.points]
    return sparkline(values) if any(value is not None for value in values) else ""


def _note(series: Series, place: int, language: Language) -> Text:
    """What is to be said of a month: its signals, that it is not over, why it has no value."""
    point = series.points[place]
    if point.reason:
        return Text(word(point.reason, language), style="dim")
    if point.running:
        return Text(word("still_running", language), style="dim")
    text = Text()
    for signal in point.signals:
        up = series.upward(place, signal)
        style = "yellow" if series.direction == "none" else "green" if up == (series.direction == "up") else "red"
        said = word(f"{signal}_{'up' if up else 'down'}", language).format(run=RUN, drift=DRIFT)
        text.append(" · " if text else "")
        text.append(said, style=style)
    return text


def _limits(series: Series, language: Language) -> str:
    limits = series.limits
    if limits is None:
        return word("no_limits", language).format(enough=ENOUGH)
    told = {name: number(value, series.unit) for name, value in vars(limits).items()}
    return word("trend_limits", language).format(**told)


def _overview(result: Trended, language: Language) -> Iterator[RenderableType]:
    """The KPIs one below the other: the last month, and every month with a signal."""
    yield Text(word("overview", language), style="bold")
    limited = any(series.limits for series in result.series)
    table = table_of(
        (word("kpi", language), "left"),
        (result.months[-1], "right"),
        *((word(key, language), "right") for key in ("mean", "limits") if limited),
        (word("trend", language), "left"),
        *([(word("signal", language), "left")] if limited else []),
    )
    for series in result.series:
        limits, unit = series.limits, series.unit
        signals = [
            Text.assemble(f"{point.month} ", _note(series, place, language))
            for place, point in enumerate(series.points)
            if point.signals
        ]
        bounds = (
            [number(limits.centre, unit), f"{number(limits.low, unit)}~{number(limits.high, unit)}"] if limits else []
        )
        cells = [series.words[language], number(series.points[-1].value, unit), *(bounds or ["", ""] * limited)]
        table.add_row(*cells, Text(_line(series), style="blue"), *([Text("\n").join(signals)] if limited else []))
    yield table


def document(result: Trended) -> dict[str, Any]:
    """The trend as a JSON document."""
    return {
        "command": "trend",
        "book": result.book.key,
        "dealer": result.dealer,
        "group": {result.dimension: result.group} if result.dimension else None,
        "months": list(result.months),
        "days": result.days,
        **({"as_known_on": result.known.isoformat()} if result.known else {}),
        "series": [_series(series) for series in result.series],
    }


def _series(series: Series) -> dict[str, Any]:
    limits = series.limits
    return {
        "key": series.key,
        "label": series.words["zh"],
        "unit": series.unit,
        "direction": series.direction,
        "centre": limits.centre if limits else None,
        "low": limits.low if limits else None,
        "high": limits.high if limits else None,
        "points": [
            {
                "month": point.month,
                "value": point.value,
                "numerator": point.numerator,
                "denominator": point.denominator,
                "reason": point.reason,
                "target": point.target,
                "year_before": point.year_before,
                "running": point.running,
                "signals": list(point.signals),
            }
            for point in series.points
        ],
    }
