"""Looking after the store: is it whole, and does it lie in few files."""

from datetime import datetime

from kpicli import store
from kpicli.errors import NothingToReport, StoreError
from kpicli.issues import Issue
from kpicli.messages import Words
from kpicli.store import Compacted, Health, Store
from kpicli.workspace import Workspace

_JOURNAL = Words("读入记录", "The list of what was read")


def check(workspace: Workspace) -> Health:
    """Check every file, every batch and the permissions; raise `StoreError` for a store of another kpicli."""
    try:
        return store.check(_filled(workspace), workspace.catalogue.forms.values())
    except StoreError as error:
        if error.code != "store_unreadable":
            raise
        issue = Issue("table_unreadable", values={"form": _JOURNAL, "why": error.values["why"]})
        return Health(0, 0, 0, (issue,))


def compact(workspace: Workspace, *, now: datetime) -> Compacted:
    """Merge small files and delete what nobody needs; raise `StoreError` when the store cannot be written."""
    return store.compact(_filled(workspace), workspace.catalogue.forms.values(), now)


def _filled(workspace: Workspace) -> Store:
    found = Store(workspace.store)
    if found.history.is_empty():
        raise NothingToReport("no_data", store=found.name)
    return found
