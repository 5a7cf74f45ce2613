"""Report to page: what a month's page shows beside the report, each from the place that computes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from kpicli.errors import UsageError
from kpicli.kpi import Report
from kpicli.measure import origins
from kpicli.periods import Month
from kpicli.pipeline.diagnose import Diagnosed, diagnosed
from kpicli.pipeline.funnel import Funnelled, of_report
from kpicli.pipeline.templates import output_name
from kpicli.pipeline.trend import Trended, trend
from kpicli.store import Closing, Known, Store
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


def paged(workspace: Workspace, report: Report, *, today: date) -> Paged:
    """Put together what the page of a computed report shows; the rows are looked at as the report saw them."""
    house, settings = report.book, workspace.settings
    closing, store = _seen(Store(workspace.store), report)
    with store.reading():
        found = origins(
            workspace.catalogue,
            house,
            store,
            Month.parse(report.month).first(report.days),
            dealer=report.dealer,
            grace_days=settings.followup_grace_days,
        )
        several = len(store.dealers()) > 1
    # A report of all dealers names the one there is; what was closed for it alone, was asked for it alone.
    dealer = report.dealer if several or (closing and closing.dealer) else None
    known = report.known.astimezone(settings.zone).date() if report.known else None
    told = {
        "--book": house.key if house.key != settings.book else None,
        "--dealer": dealer,
        "--as-known-on": known.isoformat() if known else None,
    }
    history = None
    if first := shown(report):
        history = trend(workspace, first, report.month, book=house.key, dealer=dealer, known_on=known, today=today)
    causes = None
    if house.models and house.funnels:
        causes = diagnosed(workspace, report)
    return Paged(
        report=report,
        funnel=of_report(report) if house.funnels else None,
        history=history if history and len(history.months) > 1 else None,
        causes=causes,
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


def _seen(store: Store, report: Report) -> tuple[Closing | None, Store]:
    """The store as the report saw it: as it was known on a day, or when the month was closed, and then its closing."""
    if report.known:
        return None, store.at(Known(time=report.known))
    closings = [one for one in store.state.closings.values() if (one.month, one.time) == (report.month, report.closed)]
    return (closings[0], store.at(Known(seq=closings[0].seq))) if closings else (None, store)


def files_of(reports: Sequence[Report], out: Path) -> list[Path]:
    """Where the page of each report is written: into a folder, or a file named outright.

    Raises `UsageError` where several would be one file.
    """
    if out.suffix.lower() == SUFFIX and len(reports) == 1:
        return [out]
    if out.suffix.lower() == SUFFIX:
        raise UsageError("same_output", path=str(out))
    return [out / f"{output_name(one, 'KPI', several=len(reports) > 1)}{SUFFIX}" for one in reports]
