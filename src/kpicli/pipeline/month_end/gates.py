"""What a month must keep before its report is trusted, as the workspace says."""

from collections.abc import Iterator
from dataclasses import dataclass

from kpicli.kpi import Report
from kpicli.messages import Values, Words
from kpicli.periods import Month
from kpicli.pipeline.status import Status
from kpicli.workspace import Workspace


@dataclass(frozen=True)
class Gate:
    """One thing that a month must keep."""

    key: str
    """As in ``[gates]`` of the settings."""
    kept: bool
    stops: bool
    """Whether no report is written when it is not kept."""
    values: Values
    """What fills the braces of its message."""


def gates(workspace: Workspace, report: Report, status: Status, month: Month) -> list[Gate]:
    """Hold a month against every gate."""
    stop = workspace.settings.gates.stop
    return [Gate(key, kept, key in stop, values) for key, kept, values in _held(workspace, report, status, month)]


def _held(workspace: Workspace, report: Report, status: Status, month: Month) -> Iterator[tuple[str, bool, Values]]:
    limits, forms = workspace.settings.gates, workspace.catalogue.forms
    account = report.account
    rows = account.data + account.set_aside
    share = 100 * account.set_aside / rows if rows else 0.0
    yield (
        "set_aside_percent",
        share <= limits.set_aside_percent,
        {"share": f"{share:.1f}", "limit": f"{limits.set_aside_percent:g}", "count": f"{account.set_aside:,}"},
    )
    having = {entry.form.key for entry in status.months if entry.month == str(month) and entry.rows}
    missing = [forms[key] for key in limits.forms if key not in having]
    yield "forms", not missing, {"forms": Words.joined(form.words for form in missing)}
    working = month.working_days(report.days)
    visits = next((one for one in status.months if (one.form.key, one.month) == ("visits", str(month))), None)
    empty = [day for day in working if visits is None or day in visits.missing]
    days = ", ".join(f"{day:%m-%d}" for day in empty[:10]) + (" …" if len(empty) > 10 else "")
    yield "empty_days", len(empty) <= limits.empty_days, {"count": str(len(empty)), "days": days}
