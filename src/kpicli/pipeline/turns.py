"""What people decide about the store: a workbook is taken back or brought back, a month is closed or reopened."""

from dataclasses import dataclass, replace
from datetime import date, datetime

import polars as pl

from kpicli.catalogue import near
from kpicli.errors import UsageError
from kpicli.pipeline.months import find_month
from kpicli.pipeline.status import Batch, batch_of
from kpicli.store import Closing, Store
from kpicli.workspace import Workspace


@dataclass(frozen=True)
class Turned:
    """A workbook taken back or brought back."""

    batch: Batch
    changed: bool
    """Whether it was not so already."""
    closed: tuple[str, ...]
    """Closed months that it has rows in: their reports stay as they were."""


def undo(workspace: Workspace, name: str, *, redo: bool = False, now: datetime) -> Turned:
    """Take one workbook back, or bring it back.

    `name` is a batch's name, the beginning of only one, or ``last``. What it had replaced counts again, and what other
    workbooks hold as well goes on counting. Raises `UsageError` when no batch or several are meant, `StoreError` when
    the store cannot be written.
    """
    store = Store(workspace.store)

    def turned() -> Turned:
        history = store.history
        meant = history.filter(pl.col("batch").str.starts_with(name))
        if name == "last":
            meant = history.filter(pl.col("undone") == redo).tail(1)
        if meant.height != 1:
            known = history["batch"].to_list()
            raise UsageError("unknown_batch", name=name, near=near(name, known), known=", ".join(known[-3:]))
        entry = meant.row(0, named=True)
        changed = bool(entry["undone"]) == redo
        sheets = store.accounts(meant["batch"])[entry["batch"]]
        if changed:
            store.turn_batch(entry["batch"], now, undone=not redo)
        held = {(month, cover["dealer"]) for cover in entry["covers"] for month in cover["months"]}
        closed = sorted({month for month, dealer in held if store.state.closing(month, dealer)})
        return Turned(replace(batch_of(entry, sheets), undone=not redo), changed, tuple(closed))

    return store.write(turned) if store.history.height else turned()


@dataclass(frozen=True)
class Closed:
    """A month that is closed, or open again."""

    month: str
    dealer: str | None
    """None for all dealers."""
    closing: Closing | None
    """None when it is open."""
    changed: bool
    """Whether it was not so already."""


def close(
    workspace: Workspace, month: str, *, dealer: str | None = None, reopen: bool = False, today: date, now: datetime
) -> Closed:
    """Close a month, or open it again, for one dealer or for all.

    Its reports then show what is known now; rows of it that are read later are stored and told. Raises
    `NothingToReport` for a month without data, `StoreError` when the store cannot be written.
    """
    store = Store(workspace.store)
    chosen = str(find_month(store, workspace.catalogue, month, today, dealer))

    def turned() -> Closed:
        closing = store.state.closings.get((chosen, dealer))
        if reopen and closing is None and dealer is not None and (chosen, None) in store.state.closings:
            raise UsageError("closed_for_all", month=chosen)
        changed = (closing is not None) == reopen
        if changed:
            store.turn_month(chosen, dealer, now, closed=not reopen)
        return Closed(chosen, dealer, store.state.closings.get((chosen, dealer)), changed)

    return store.write(turned)
