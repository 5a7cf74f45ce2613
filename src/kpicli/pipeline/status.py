"""What the store holds: which forms, months and days are in, what was set aside, which workbooks it came from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from kpicli.catalogue import Form
from kpicli.errors import NothingToReport
from kpicli.periods import Month
from kpicli.store import Closing, Store, of_dealer
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
    last_saved: datetime | None
    """When the latest of those workbooks was saved."""


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
    closings: tuple[Closing, ...]
    """The months that are closed."""


def status(workspace: Workspace, *, dealer: str | None = None, today: date) -> Status:
    """Tell what the store holds; raise `NothingToReport` for a dealer it does not know."""
    store = Store(workspace.store)
    if dealer is not None and dealer not in store.dealers():
        raise NothingToReport("unknown_dealer", name=dealer, known=", ".join(store.dealers()))
    batches = of_dealer(store.history, dealer)
    accounts = store.accounts(batches["batch"])
    entries = [(entry, accounts[entry["batch"]]) for entry in batches.iter_rows(named=True)]
    counting = [(entry, account) for entry, account in entries if not entry["undone"]]
    with store.reading():
        months = [
            _form_month(form, month, rows, [day for day in days if day is not None], counting, today)
            for form in workspace.catalogue.forms.values()
            for month, rows, days in _by_month(store, form, dealer)
        ]
    return Status(
        store.name,
        tuple(months),
        tuple(batch_of(entry, sheets) for entry, sheets in entries),
        tuple(
            sorted(
                (found for found in store.state.closings.values() if dealer is None or found.dealer in (None, dealer)),
                key=lambda closing: (closing.month, closing.dealer or ""),
            )
        ),
    )


def _by_month(store: Store, form: Form, dealer: str | None) -> list[tuple[str, int, list[date | None]]]:
    """Month, rows and the days that have rows, from the first month to the last, also those without rows."""
    day = pl.col(form.date) if form.columns[form.date].type == "date" else pl.lit(None, pl.Date)
    counted = store.rows(form, dealer=dealer).group_by("month").agg(pl.len().alias("rows"), day.unique().alias("days"))
    found = {month: (month, rows, days) for month, rows, days in counted.collect().iter_rows()}
    if not found:
        return []
    month, last = Month.parse(min(found)), Month.parse(max(found))
    while month < last:
        found.setdefault(str(month), (str(month), 0, []))
        month = month.next
    return [found[key] for key in sorted(found)]


def _form_month(
    form: Form,
    month: str,
    rows: int,
    days: Sequence[date],
    entries: Sequence[tuple[dict[str, Any], list[dict[str, Any]]]],
    today: date,
) -> FormMonth:
    sheets = {
        (entry["sha256"], number): (entry["time"], sheet["set_aside"], entry["saved"])
        for entry, account in entries
        for number, sheet in enumerate(account)
        if sheet["form"] == form.key and month in sheet["months"]
    }
    calendar = {period.start for period in Month.parse(month).days()}
    missing = sorted(day for day in calendar - set(days) if day <= today) if days or not rows else []
    return FormMonth(
        form=form,
        month=month,
        rows=rows,
        days=len(days),
        missing=tuple(missing),
        set_aside=sum(aside for _, aside, _ in sheets.values()),
        last_read=max((time for time, _, _ in sheets.values()), default=None),
        last_saved=max((saved for _, _, saved in sheets.values() if saved), default=None),
    )


def batch_of(entry: Mapping[str, Any], sheets: Sequence[Mapping[str, Any]]) -> Batch:
    """A batch of the journal with the account of its sheets."""
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
