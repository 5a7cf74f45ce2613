"""Store to report: one month by one book, as a whole and by group."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from kpicli import kpi
from kpicli.catalogue import Book, Form, Measure
from kpicli.errors import UsageError
from kpicli.issues import Issue
from kpicli.kpi import Account, Report
from kpicli.measure import Table
from kpicli.pipeline.asked import BY, Asked
from kpicli.pipeline.months import find_month, shown_dealer
from kpicli.pipeline.targets import targets_of
from kpicli.store import Known, Store, difference, of_dealer
from kpicli.workspace import Workspace


def report(
    workspace: Workspace,
    month: str = "last",
    *,
    book: str | None = None,
    by: Sequence[str] = BY,
    dealer: str | None = None,
    compare: Sequence[str] = (),
    known_on: date | None = None,
    pinned: bool = True,
    today: date,
) -> tuple[Report, tuple[Issue, ...]]:
    """Compute a month's report: ``2026-10``, ``this``, or ``last`` (the last full month that has data).

    Each value stands beside that of the month before; `compare` adds ``year`` (the same month of last year) and ``ytd``
    (this year up to the month, and last year up to the same). A month that is not over is compared with as many days
    of the others. A closed month shows what was known at its closing, unless not `pinned`; with `known_on` everything
    is as it was known at the end of that day. Raises `NothingToReport` when the store holds nothing for the month,
    `UsageError` for an unknown book, grouping or comparison.
    """
    wanted = [book or workspace.settings.book]
    (found,), issues = reports(
        workspace,
        month,
        books=wanted,
        by=by,
        dealer=dealer,
        compare=compare,
        known_on=known_on,
        pinned=pinned,
        today=today,
    )
    return found, issues


def reports(
    workspace: Workspace,
    month: str = "last",
    *,
    books: Sequence[str] | None = None,
    by: Sequence[str] = BY,
    dealer: str | None = None,
    compare: Sequence[str] = (),
    known_on: date | None = None,
    pinned: bool = True,
    today: date,
) -> tuple[list[Report], tuple[Issue, ...]]:
    """Compute a month's reports by several books (all of them for None), reading the rows once; as `report` does."""
    catalogue = workspace.catalogue
    houses = [catalogue.book(key) for key in (catalogue.books if books is None else books)]
    asked = Asked.of(
        workspace, month, by, compare=compare, dealer=dealer, known_on=known_on, pinned=pinned, today=today
    )
    with asked.store.reading():
        tables = {house.key: table for shelf in _shelves(houses) for house, table in asked.measured(shelf)}
        made = [_report(asked, house, tables[house.key]) for house in houses]
    return [found for found, _ in made], made[0][1]  # what a target means no book knows, or all do not


def _shelves(houses: Iterable[Book]) -> list[list[Book]]:
    """Books that can be measured together: no measure of one is another thing in another."""
    shelves: list[tuple[dict[str, Measure], list[Book]]] = []
    for house in houses:
        for measures, books in shelves:
            if all(measures.get(key, entry) == entry for key, entry in house.measures.items()):
                measures |= house.measures
                books.append(house)
                break
        else:
            shelves.append((dict(house.measures), [house]))
    return [books for _, books in shelves]


def _report(asked: Asked, house: Book, table: Table) -> tuple[Report, tuple[Issue, ...]]:
    """The report of one book."""
    settings, view, chosen = asked.workspace.settings, asked.view, str(asked.month)
    targets, issues = targets_of(asked.workspace, view, house, asked.month, asked.dealer)
    basis = asked.basis(house, table, targets)
    pace = asked.month.share_passed(asked.days, settings.calendar) if asked.days else None
    aims = house.aims(settings.tier)
    groups = {
        name: kpi.groups(house, table, chosen, basis.compared, name, targets, aims, pace)
        for name in ("", *asked.columns)
    }
    groups |= {name: {label: kpi.part(house, basis, label) for label in labels} for name, labels in basis.parts.items()}
    closing = asked.store.state.closing(chosen, asked.dealer) if asked.pinned else None
    return Report(
        dealer=shown_dealer(view, asked.dealer),
        month=chosen,
        book=house,
        total=groups[""][""],
        by={name: groups[name] for name in asked.by},
        account=_account(view, chosen, asked.dealer),
        closed=closing.time if closing else None,
        known=asked.store.known.time if asked.store.known else None,
        days=asked.days,
        pace=pace,
        basis=basis,
    ), issues


@dataclass(frozen=True)
class Since:
    """What came to a form after a month was closed."""

    form: Form
    new: int
    changed: int
    removed: int


@dataclass(frozen=True)
class Comparison:
    """A closed month as its report shows it, and as it would be now."""

    closed: Report
    now: Report
    since: tuple[Since, ...]
    """By form; forms without a difference are left out."""


def compare_close(
    workspace: Workspace, month: str = "last", *, book: str | None = None, dealer: str | None = None, today: date
) -> Comparison:
    """Hold a closed month against what is known now; raise `UsageError` for a month that is not closed."""
    store = Store(workspace.store)
    chosen = find_month(store, workspace.catalogue, month, today, dealer)
    closing = store.state.closing(str(chosen), dealer)
    if closing is None:
        raise UsageError("not_closed", month=str(chosen))
    closed, now = (
        report(workspace, str(chosen), book=book, by=(), dealer=dealer, pinned=pinned, today=today)[0]
        for pinned in (True, False)
    )
    span = {"since": str(chosen), "until": str(chosen), "dealer": dealer}
    then = store.at(Known(seq=closing.seq))
    since = []
    for form in workspace.catalogue.forms.values():
        with store.reading():
            was, rows = pl.collect_all([view.rows(form, **span) for view in (then, store)])
        found = difference(form, was, rows)
        counts = (found.new.height, found.changed.height, found.removed.height)
        if any(counts):
            since.append(Since(form, *counts))
    return Comparison(closed, now, tuple(since))


def _account(store: Store, month: str, dealer: str | None) -> Account:
    """What became of the rows of every sheet that holds records of the month; one content counts once."""
    batches = of_dealer(store.state.counting, dealer)
    told = store.accounts(batches.filter(pl.col("void").list.len() == 0)["batch"])  # corrected copies stand for those
    files = [[sheet for sheet in account if month in sheet["months"]] for account in told.values()]
    sheets = [sheet for file in files for sheet in file]
    return Account(
        files=sum(1 for file in files if file),
        rows=sum(sheet["rows"] for sheet in sheets),
        data=sum(sheet["stored"] + sheet["unchanged"] for sheet in sheets),
        set_aside=sum(sheet["set_aside"] for sheet in sheets),
        not_data=sum(sum(sheet["not_data"].values()) for sheet in sheets),
    )
