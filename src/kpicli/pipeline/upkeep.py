"""Looking after the store: is it whole, and does it lie in few files."""

from datetime import datetime

from kpicli import store
from kpicli.errors import NothingToReport
from kpicli.store import Compacted, Health, Store
from kpicli.workspace import Workspace


def check(workspace: Workspace) -> Health:
    """Check every file, every batch and the permissions; raise `StoreError` when not even the journal can be read."""
    return store.check(_filled(workspace), workspace.catalogue.forms.values())


def compact(workspace: Workspace, *, now: datetime) -> Compacted:
    """Merge small files and delete what nobody needs; raise `StoreError` when the store cannot be written."""
    return store.compact(_filled(workspace), workspace.catalogue.forms.values(), now)


def _filled(workspace: Workspace) -> Store:
    found = Store(workspace.store)
    if found.history.is_empty():
        raise NothingToReport("no_data", store=found.name)
    return found
