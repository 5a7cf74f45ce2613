"""Store to diagnosis: a month's report, what its orders changed by, and the causes that the records show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from kpicli import change, deviations, diagnosis, readings
from kpicli.answers import Spans
from kpicli.catalogue import Book
from kpicli.change import AGAINST, Change
from kpicli.deviations import Deviated
from kpicli.diagnosis import Diagnosis, State
from kpicli.errors import UsageError
from kpicli.formula import parse
from kpicli.kpi import Report
from kpicli.measure import Table
from kpicli.models import Model
from kpicli.periods import Period
from kpicli.pipeline.asked import Asked
from kpicli.pipeline.report import report as reported
from kpicli.readings import Place, Reading
from kpicli.workspace import Workspace

BY = ("consultant", "model", "source")
MONTHS = 3
"""So many months before are held against the month, as far as there are."""


@dataclass(frozen=True)
class Diagnosed:
    """A month from the number to the cause."""

    report: Report
    changes: tuple[Change, ...]
    """A stage of the funnel against the month before, last year's where it was asked for, and the target."""
    diagnosis: Diagnosis
    readings: Mapping[str, Reading]
    """Model → what the chart of its KPI shows, read by rule of thumb."""
    deviated: Mapping[str, tuple[Deviated, ...]]
    """Consultant → how far every factor lies from the mean of all."""


def diagnose(
    workspace: Workspace,
    month: str = "last",
    *,
    of: str | None = None,
    book: str | None = None,
    compare: Sequence[str] = (),
    dealer: str | None = None,
    known_on: date | None = None,
    today: date,
) -> Diagnosed:
    """Compute a month's report and answer the analysis models of its book from the records.

    What is split is the change of the funnel's goal, or of the stage that `of` names by key or label. `compare` with
    ``year`` splits the change to the same month of last year as well. Raises `UsageError` for a book without models,
    a stage that its funnel does not have or another comparison, `NothingToReport` where there is no data for the month.
    """
    house = workspace.catalogue.book(book or workspace.settings.book)
    _check(house, workspace)
    for name in compare:
        if name != "year":
            raise UsageError("unknown_comparison", name=name, known="year")
    stage = _stage(house, of) if of is not None else ""
    when: dict[str, Any] = {"dealer": dealer, "known_on": known_on, "today": today}
    found, _ = reported(workspace, month, book=house.key, by=BY, compare=compare, **when)
    return diagnosed(workspace, found, stage)


def diagnosed(workspace: Workspace, report: Report, stage: str = "") -> Diagnosed:
    """The same of a report that was computed before; raise `UsageError` for a book without models.

    What is split is the change of the funnel's goal, or of the stage with a key.
    """
    house = report.book
    _check(house, workspace)
    asked = replace(Asked.again(workspace, report, [*BY, "week", "day"]), before=MONTHS)
    funnel = next(iter(house.funnels.values()))
    goal = next(stage for stage in funnel.stages if stage.key == funnel.goal)
    used = {key: house.measures[key] for key in (*goal.measures, *funnel.chain[0].measures)}
    with asked.store.reading():
        table = next(table for _, table in asked.measured([replace(house, measures={**used, **house.asked})]))
    so_far, top = asked.month.first(asked.days), funnel.chain[0]
    others = asked.others.values()
    there = [one for one in others if not any((one.label, key) in table.reasons for key in top.measures)]
    spans = Spans(
        month=report.month,
        days={part.label: part.start for part in asked.parts["day"] if part.start < so_far.end},
        working=frozenset(asked.month.working_days()),
        before={period.label: (period.end - period.start).days for period in there},
    )
    found = diagnosis.diagnose(house.models, report, table, spans, parse(goal.formula), funnel.minimum)
    people = report.by.get("consultant", {})
    return Diagnosed(
        report,
        changes(report, stage),
        found,
        _readings(asked, report, table, {state.model.key: state for state in found.states}),
        {name: deviations.deviated(house.deviations, table, report.month, name) for name in people},
    )


def _readings(asked: Asked, report: Report, table: Table, states: Mapping[str, State]) -> dict[str, Reading]:
    """Model → what the chart of its KPI shows, of the weeks that are over and of the days so far."""
    end, found = asked.month.first(asked.days).end, {}
    for key, model in report.book.models.items():
        every = asked.parts.get(model.chart.by, []) if model.chart else []
        places: dict[str, Place] = {part.label: (part.label, "", "") for part in every if part.end <= end}
        aims = _spread(asked, every, states.get(key))
        if model.chart and model.chart.by == "model":
            aims = _of_cars(report, model)
            places = {name: (report.month, "model", name) for name in aims}
        told = readings.of_model(model, table, report.month, places, aims)
        if told:
            found[key] = told
    return found


def _spread(asked: Asked, parts: Sequence[Period], state: State | None) -> dict[str, float]:
    """The month's target of a model's KPI on the parts of the month, by their working days."""
    if state is None or state.against != "target" or not state.standard:
        return {}
    working = asked.month.working_days()
    shares = [sum(part.start <= day < part.end for day in working) for part in parts]
    return dict(zip([part.label for part in parts], readings.spread(float(state.standard), shares), strict=True))


def _of_cars(report: Report, model: Model) -> dict[str, float]:
    """The targets of car models for the KPI of an analysis model: of the first of its KPIs that any has one for.

    Of a running month they count by the share of the working days that has passed.
    """
    assert report.basis
    passed = report.pace or 1
    for key in model.kpis:
        targets = report.basis.targets.items()
        found = {name: aim * passed for (by, name, kpi), aim in targets if (by, kpi) == ("model", key)}
        if found:
            return found
    return {}


def changes(report: Report, stage: str = "") -> tuple[Change, ...]:
    """What the goal of a report's first funnel, or a stage, changed by: against every period there is, and the target.

    Of a running month the target counts by the share of the working days that has passed.
    """
    if not report.book.funnels or report.basis is None:
        return ()
    funnel = next(iter(report.book.funnels.values()))
    paced = {place: aim * report.pace for place, aim in report.basis.targets.items()} if report.pace else None
    every = (change.change(funnel, report.basis, against=one, goal=stage, targets=paced) for one in AGAINST)
    return tuple(found for found in every if found)


def _stage(house: Book, name: str) -> str:
    """The key of a stage of the book's first funnel, below its first, by key or label."""
    stages = next(iter(house.funnels.values())).chain[1:]
    found = next((one.key for one in stages if name in (one.key, one.label, one.label_en)), None)
    if found is None:
        raise UsageError("unknown_stage", name=name, book=house.key, known=", ".join(one.key for one in stages))
    return found


def _check(house: Book, workspace: Workspace) -> None:
    if not house.models or not house.funnels:
        having = ", ".join(book.key for book in workspace.catalogue.books.values() if book.models and book.funnels)
        raise UsageError("no_models", book=house.key, known=having)
