"""What the store holds: which forms, months and days are in, what was set aside, which workbooks it came from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import polars as pl

from kpicli.catalogue import Form, near
from kpicli.errors import NothingToReport, UsageError
from kpicli.periods import Month
from kpicli.store import Store
from kpicli.workspace import Workspace


@dataclass(frozen=True)
class FormMonth:
    """One form in one month."""

    form: Form
    month: str
    rows: int
    days: int
    """Days that have rows; 0 for a form that counts by month."""
    missing: tuple[date, ...]
    """Days of the month, up to today, that have none."""
    set_aside: int
    """Rows set aside in the sheets that hold rows of the month, each content once."""
    last_read: datetime | None
    """When a workbook with rows of the month was read last."""


@dataclass(frozen=True)
class Batch:
    """One workbook read."""

    name: str
    dealer: str
    file: str
    sha256: str
    time: datetime
    saved: datetime | None
    stored: int
    unchanged: int
    set_aside: int
    not_data: int
    undone: bool
    """Its rows do not count: it was undone."""


@dataclass(frozen=True)
class Status:
    """The store as it is."""

    store: str
    months: tuple[FormMonth, ...]
    """By form, oldest month first."""
    batches: tuple[Batch, ...]
    """Oldest first."""


def status(workspace: Workspace, *, dealer: str | None = None, today: date) -> Status:
    """Tell what the store holds; raise `NothingToReport` for a dealer it does not know."""
    store = Store(workspace.store)
    if dealer is not None and dealer not in store.dealers():
        raise NothingToReport("unknown_dealer", name=dealer, known=", ".join(store.dealers()))
    batches = store.history
    if dealer is not None:
        batches = batches.filter(pl.col("covers").list.eval(pl.element().struct.field("dealer")).list.contains(dealer))
    accounts = store.accounts(batches["batch"])
    entries = [(entry, accounts[entry["batch"]]) for entry in batches.iter_rows(named=True)]
    counting = [(entry, account) for entry, account in entries if not entry["undone"]]
    months = [
        _form_month(form, month, rows, [day for day in days if day is not None], counting, today)
        for form in workspace.catalogue.forms.values()
        for month, rows, days in _by_month(store, form, dealer)
    ]
    return Status(str(workspace.store), tuple(months), tuple(_batch(entry, sheets) for entry, sheets in entries))


def _by_month(store: Store, form: Form, dealer: str | None) -> list[tuple[str, int, list[date | None]]]:
    """Month, rows and the days that have rows."""
    day = pl.col(form.date) if form.columns[form.date].type == "date" else pl.lit(None, pl.Date)
    counted = store.rows(form, dealer=dealer).group_by("month").agg(pl.len().alias("rows"), day.unique().alias("days"))
    return counted.sort("month").collect().rows()


def _form_month(
    form: Form,
    month: str,
    rows: int,
    days: Sequence[date],
    entries: Sequence[tuple[dict[str, Any], list[dict[str, Any]]]],
    today: date,
) -> FormMonth:
    sheets = {
        (entry["sha256"], number): (entry["time"], sheet["set_aside"])
        for entry, account in entries
        for number, sheet in enumerate(account)
        if sheet["form"] == form.key and month in sheet["months"]
    }
    calendar = {period.start for period in Month.parse(month).days()}
    missing = sorted(day for day in calendar - set(days) if day <= today) if days else []
    return FormMonth(
        form=form,
        month=month,
        rows=rows,
        days=len(days),
        missing=tuple(missing),
        set_aside=sum(aside for _, aside in sheets.values()),
        last_read=max((time for time, _ in sheets.values()), default=None),
    )


def _batch(entry: dict[str, Any], sheets: Sequence[dict[str, Any]]) -> Batch:
    return Batch(
        name=entry["batch"],
        dealer=entry["dealer"],
        file=entry["file"],
        sha256=entry["sha256"],
        time=entry["time"],
        saved=entry["saved"],
        stored=sum(sheet["stored"] for sheet in sheets),
        unchanged=sum(sheet["unchanged"] for sheet in sheets),
        set_aside=sum(sheet["set_aside"] for sheet in sheets),
        not_data=sum(sum(sheet["not_data"].values()) for sheet in sheets),
        undone=entry["undone"],
    )


@dataclass(frozen=True)
class Turned:
    """A workbook taken back or brought back."""

    batch: Batch
    changed: bool
    """Whether it was not so already."""


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
        return Turned(replace(_batch(entry, sheets), undone=not redo), changed)

    return store.write(turned) if store.history.height else turned()
