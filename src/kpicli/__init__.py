"""kpicli: a showroom's spreadsheet exports in, numbers everyone trusts out.

Everything the command line can do, Python can do with the same word::

    import kpicli

    workspace = kpicli.open_workspace(store="store")
    kpicli.ingest(workspace, ["exports/"])
    report = kpicli.report(workspace, month="2026-10")

The words are loaded on first use, so that ``import kpicli`` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kpicli.pipeline.diagnose import diagnose
    from kpicli.pipeline.explain import explain
    from kpicli.pipeline.export import export
    from kpicli.pipeline.followups import followups
    from kpicli.pipeline.funnel import funnel
    from kpicli.pipeline.ingest import ingest
    from kpicli.pipeline.losses import losses
    from kpicli.pipeline.report import compare_close, report, reports
    from kpicli.pipeline.status import status
    from kpicli.pipeline.templates import fill_report
    from kpicli.pipeline.trend import trend
    from kpicli.pipeline.turns import close, undo
    from kpicli.pipeline.upkeep import check, compact
    from kpicli.workspace import open_workspace

__version__ = "0.1.0"
__all__ = [
    "__version__",
    "check",
    "close",
    "compact",
    "compare_close",
    "diagnose",
    "explain",
    "export",
    "fill_report",
    "followups",
    "funnel",
    "ingest",
    "losses",
    "open_workspace",
    "report",
    "reports",
    "status",
    "trend",
    "undo",
]

_HOMES = {
    "check": "pipeline.upkeep",
    "close": "pipeline.turns",
    "compact": "pipeline.upkeep",
    "compare_close": "pipeline.report",
    "explain": "pipeline.explain",
    "export": "pipeline.export",
    "diagnose": "pipeline.diagnose",
    "fill_report": "pipeline.templates",
    "followups": "pipeline.followups",
    "funnel": "pipeline.funnel",
    "ingest": "pipeline.ingest",
    "losses": "pipeline.losses",
    "open_workspace": "workspace",
    "report": "pipeline.report",
    "reports": "pipeline.report",
    "status": "pipeline.status",
    "trend": "pipeline.trend",
    "undo": "pipeline.turns",
}


def __getattr__(name: str) -> Any:
    """Load a public word from its module when it is first asked for."""
    if name in _HOMES:
        return getattr(import_module(f"kpicli.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'kpicli' has no attribute {name!r}")
