"""The funnel of a page, and the leagues of those who work along it."""

from collections.abc import Iterator, Mapping

from kpicli.kpi import Group
from kpicli.measure import NOBODY
from kpicli.pipeline.funnel import Funnelled
from kpicli.pipeline.page import Paged
from kpicli.present import charts
from kpicli.present.page.document import Numbers, Path
from kpicli.present.page.figures import stage_proof
from kpicli.present.page.parts import Cell, FunnelPart, Grid, League, LeagueRow, StageRow, Told
from kpicli.present.values import NOTHING, plain
from kpicli.present.words import word
from kpicli.stages import Branch, Step

DIMENSIONS = ("consultant", "model", "source")
"""The groups that have a league, as far as the report has them; the first is the one that is not folded."""
_DIFFERS = {-1: "below", 0: "", 1: "above"}


def funnel(paged: Paged, found: Funnelled, numbers: Numbers) -> FunnelPart:
    """The funnel of the whole."""
    steps, leak = found.whole.steps, found.whole.leak
    widest = max((step.count or 0 for step in steps), default=0)
    told: Told = ()
    if leak:
        told = numbers.said(
            "leak_previous",
            stage=leak.step.stage.words[numbers.language],
            own=numbers.of(("funnel", "stages", steps.index(leak.step), "from_previous"), "%"),
            rate=numbers.of(("funnel", "leak", "rate"), "%"),
            gain=numbers.of(("funnel", "leak", "gain"), text=f"{leak.gain:.1f}"),
            goal=found.whole.step(found.funnel.goal).stage.words[numbers.language],
        )
    rows = [
        _stage(step, numbers, ("funnel", "stages", place), widest, leak=bool(leak and leak.step.stage == step.stage))
        for place, step in enumerate(steps)
    ]
    proofs = [
        stage_proof(paged, numbers, step.stage, ("funnel", "stages", place, "count"))
        for place, step in enumerate(steps)
        if step.stage.measures
    ]
    before = any(step.previous is not None for step in steps)
    return FunnelPart(tuple(rows), any(row.target for row in rows), before, told, tuple(proofs))


def _stage(step: Step, numbers: Numbers, path: Path, widest: int, *, leak: bool) -> StageRow:
    return StageRow(
        label=step.stage.words[numbers.language],
        aside=step.stage.aside,
        count=numbers.maybe((*path, "count")) or NOTHING,
        reason=word(step.reason, numbers.language) if step.reason else "",
        drawing=charts.bar(step.count, widest, step.previous) if step.count is not None else None,
        rate=numbers.maybe((*path, "from_previous"), "%"),
        interval=numbers.pair((*path, "interval")),
        previous=numbers.maybe((*path, "previous_rate"), "%"),
        target=numbers.maybe((*path, "target")),
        leak=leak,
    )


def leagues(found: Funnelled, numbers: Numbers) -> Iterator[League]:
    """Who comes how far along the funnel, by every dimension."""
    for dimension in DIMENSIONS:
        if groups := found.by.get(dimension):
            yield _league(found, dimension, groups, numbers)


def _league(found: Funnelled, dimension: str, groups: Mapping[str, Branch], numbers: Numbers) -> League:
    language = numbers.language
    goal = found.whole.step(found.funnel.goal).stage.words[language]
    order = sorted(groups, key=lambda name: (groups[name].rank or len(groups) + 1, name in NOBODY, name))
    ways = {name: numbers.value(("ways", dimension, name)) for name in order}
    highs = [way["interval"][1] for name, way in ways.items() if way["interval"] and groups[name].enough]
    limit = max([*highs, *(way["rate"] or 0 for way in ways.values() if way["interval"])], default=0) or 1
    rows = [_row(dimension, name, groups[name], numbers, limit) for name in order]
    return League(
        label=word(dimension, language),
        rows=tuple(rows),
        heads=tuple(step.stage.words[language] for step in found.whole.steps),
        goal=goal,
        reference=numbers.said("page_whole_way", rate=numbers.maybe(("way", "rate"), "%") or NOTHING),
        note=word("league_note", language).format(minimum=found.funnel.minimum, goal=goal),
    )


def _row(dimension: str, name: str, one: Branch, numbers: Numbers, limit: float) -> LeagueRow:
    way, place = ("ways", dimension, name), ("funnel", "by", dimension, name)
    bounds, rate, whole = numbers.value((*way, "interval")), numbers.value((*way, "rate")), ("way", "rate")
    leak: Told = ()
    if one.leak:
        gain = numbers.of((*place, "leak", "gain"), text=f"+{one.leak.gain:.1f}")
        leak = (f"{one.leak.step.stage.words[numbers.language]} ", gain)
    return LeagueRow(
        name=plain(name),
        rank=numbers.maybe((*place, "rank")) or NOTHING,
        note="" if one.enough or name in NOBODY else word("too_few", numbers.language),
        rate=numbers.maybe((*way, "rate"), "%") or NOTHING,
        interval=numbers.pair((*way, "interval")),
        drawing=charts.interval(rate, bounds[0], bounds[1], numbers.value(whole), limit) if bounds else None,
        parts=(numbers.of((*way, "count")), "/", numbers.of((*way, "of"))) if bounds else (),
        cells=tuple(_step_cell(step, numbers, (*place, "stages", at)) for at, step in enumerate(one.steps)),
        leak=leak,
    )


def _step_cell(step: Step, numbers: Numbers, path: Path) -> Cell:
    rate = (numbers.share((*path, "from_previous")),) if step.from_previous is not None else ()
    return Cell(numbers.maybe((*path, "count")) or NOTHING, rate, _DIFFERS[step.differs])


def grids(paged: Paged, numbers: Numbers) -> Iterator[Grid]:
    """What the book shows of each group, by every dimension."""
    book, language = paged.report.book, numbers.language
    heads = tuple(book.label_of(key, language) for key in book.league)

    def value(group: Group) -> float:
        key = book.league_by
        return float((group.kpis[key].value if key in group.kpis else group.measures.get(key)) or 0)

    for dimension in DIMENSIONS:
        groups = paged.report.by.get(dimension, {})
        order = sorted(groups, key=lambda name: (name in NOBODY, -value(groups[name]), name))
        rows = [
            (plain(name), tuple(_grid_cell(paged, numbers, dimension, name, key) for key in book.league))
            for name in order
        ]
        if rows:
            yield Grid(word(dimension, language), heads, tuple(rows))


def _grid_cell(paged: Paged, numbers: Numbers, dimension: str, name: str, key: str) -> Cell:
    book, place = paged.report.book, ("by", dimension, name)
    if key not in book.kpis:
        return Cell(numbers.maybe((*place, "measures", key), book.measures[key].unit) or NOTHING)
    found, path = paged.report.by[dimension][name].kpis[key], (*place, "kpis", key)
    below = numbers.ratio(path) if found.value is not None else ()
    return Cell(numbers.maybe((*path, "value"), book.kpis[key].unit) or NOTHING, below, found.status or "")
