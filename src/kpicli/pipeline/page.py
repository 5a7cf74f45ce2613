"""Report to page: what a month's page shows beside the report, each from the place that computes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kpicli.errors import UsageError
from kpicli.kpi import Report
from kpicli.measure import origins
from kpicli.pipeline.asked import Asked
from kpicli.pipeline.diagnose import Diagnosed, diagnosed
from kpicli.pipeline.funnel import Funnelled, of_report
from kpicli.pipeline.templates import output_name
from kpicli.pipeline.trend import Trended, leading_to
from kpicli.workspace import Workspace

SUFFIX = ".html"


@dataclass(frozen=True)
class Place:
    """A sheet that rows of a measure come from."""

    file: str
    sheet: str
    rows: int
    """How many of its rows the measure counts."""


@dataclass(frozen=True)
class Paged:
    """One month by one book, with all that its page shows."""

    report: Report
    funnel: Funnelled | None
    """None for a book without one."""
    history: Trended | None
    """What comes first, month by month; None where there is no month before."""
    causes: Diagnosed | None
    """What the goal of the funnel changed by and why; None for a book without a funnel or without models."""
    evidence: Mapping[str, tuple[Place, ...]]
    """Measure → where the rows come from that it counts in the whole, by file and sheet."""
    options: tuple[str, ...]
    """What `explain` has to be told to see the same rows, beside the month."""


def paged(workspace: Workspace, report: Report) -> Paged:
    """Put together what the page of a computed report shows; the rows are looked at as the report saw them."""
    house, settings = report.book, workspace.settings
    asked = Asked.again(workspace, report)
    with asked.store.reading():
        found = origins(
            workspace.catalogue,
            house,
            asked.view,
            asked.month.first(asked.days),
            dealer=asked.dealer,
            grace_days=settings.followup_grace_days,
        )
    told = {
        "--book": house.key if house.key != settings.book else None,
        "--dealer": asked.dealer,
        "--as-known-on": asked.known_on.isoformat() if asked.known_on else None,
    }
    history = leading_to(workspace, report, shown(report))
    return Paged(
        report=report,
        funnel=of_report(report) if house.funnels else None,
        history=history if history.series and len(history.months) > 1 else None,
        causes=diagnosed(workspace, report) if house.models and house.funnels else None,
        evidence={key: tuple(Place(*place) for place in places) for key, places in found.items()},
        options=tuple(word for option, value in told.items() if value for word in (option, value)),
    )


def shown(report: Report) -> tuple[str, ...]:
    """The KPIs that come first: those of the book's league, and those with a target; only where they have values."""
    return tuple(
        key
        for key, found in report.total.kpis.items()
        if found.value is not None and (key in report.book.league or found.target is not None)
    )


def files_of(reports: Sequence[Report], out: Path) -> list[Path]:
    """Where the page of each report is written: into a folder, or a file named outright.

    Raises `UsageError` where several would be one file.
    """
    if out.suffix.lower() == SUFFIX and len(reports) == 1:
        return [out]
    if out.suffix.lower() == SUFFIX:
        raise UsageError("same_output", path=str(out))
    return [out / f"{output_name(one, 'KPI', several=len(reports) > 1)}{SUFFIX}" for one in reports]
