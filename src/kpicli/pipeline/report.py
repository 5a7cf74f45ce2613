"""Store to report: one month by one book, as a whole and by group."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

import polars as pl

from kpicli import kpi
from kpicli.catalogue import DIMENSIONS, Book, Form, Measure
from kpicli.errors import UsageError
from kpicli.issues import Issue
from kpicli.kpi import Account, Group, Report
from kpicli.measure import Table, measure
from kpicli.periods import Month, Period
from kpicli.pipeline.months import find_month, seen, store_of
from kpicli.pipeline.targets import targets_of
from kpicli.store import Known, Store, difference, of_dealer
from kpicli.workspace import Workspace

BY = ("consultant", "model", "source", "week")
"""What a report is broken down by unless asked otherwise."""
ALL_BY = (*DIMENSIONS, "week", "day")


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
    for dimension in by:
        if dimension not in ALL_BY:
            raise UsageError("unknown_grouping", name=dimension, known=", ".join(ALL_BY))
    for name in compare:
        if name not in COMPARE:
            raise UsageError("unknown_comparison", name=name, known=", ".join(COMPARE))
    catalogue, store = workspace.catalogue, store_of(workspace, known_on)
    houses = [catalogue.book(key) for key in (catalogue.books if books is None else books)]
    chosen = find_month(store, catalogue, month, today, dealer)
    asked = _Asked(workspace, store, chosen, tuple(by), tuple(compare), dealer, today, pinned and known_on is None)
    with store.reading():
        tables = {house.key: table for shelf in _shelves(houses) for house, table in asked.measured(shelf)}
        made = [asked.report(house, tables[house.key]) for house in houses]
    return [found for found, _ in made], made[0][1]  # what a target means no book knows, or all do not


COMPARE = ("year", "ytd")


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


@dataclass(frozen=True)
class _Asked:
    """What is asked for, of whichever book."""

    workspace: Workspace
    store: Store
    month: Month
    by: tuple[str, ...]
    compare: tuple[str, ...]
    dealer: str | None
    today: date
    pinned: bool

    @property
    def days(self) -> int | None:
        """Of a month that is not over: how many days."""
        return self.month.days_by(self.today)

    @property
    def columns(self) -> list[str]:
        """The groupings that are columns."""
        return [dimension for dimension in self.by if dimension in DIMENSIONS]

    @property
    def parts(self) -> dict[str, list[Period]]:
        """The groupings that are parts of the month."""
        parts = {"week": self.month.weeks(self.workspace.settings.weeks), "day": self.month.days()}
        return {name: periods for name, periods in parts.items() if name in self.by}

    @property
    def others(self) -> dict[str, Period]:
        """The periods that the month is held against, by name."""
        month, days = self.month, self.days
        found = {"previous": month.previous.first(days)}
        if "year" in self.compare:
            found["year_before"] = month.year_before.first(days)
        if "ytd" in self.compare:
            found["year_to_date"], found["year_to_date_before"] = month.year_to(days), month.year_before.year_to(days)
        return found

    @property
    def view(self) -> Store:
        """The store as the month shows it."""
        return seen(self.store, self.month, self.dealer, pinned=self.pinned)

    def measured(self, houses: Sequence[Book]) -> Iterator[tuple[Book, Table]]:
        """Each of some books with the measures of all of them."""
        view = self.view
        periods = [self.month.first(self.days), *(part for parts in self.parts.values() for part in parts)]
        views = {view.known: (view, periods)}
        for name, period in self.others.items():  # a month that was closed is seen as it was then
            other = seen(self.store, Month.of(period.start), self.dealer, pinned=self.pinned)
            other = other if other.known and not name.startswith("year_to") else view
            views.setdefault(other.known, (other, []))[1].append(period)
        every = replace(houses[0], measures={key: entry for house in houses for key, entry in house.measures.items()})
        grace = self.workspace.settings.followup_grace_days
        table = Table.joined(
            measure(self.workspace.catalogue, every, known, spans, self.columns, dealer=self.dealer, grace_days=grace)
            for known, spans in views.values()
        )
        yield from ((house, table) for house in houses)

    def report(self, house: Book, table: Table) -> tuple[Report, tuple[Issue, ...]]:
        """The report of one book."""
        settings, view, chosen = self.workspace.settings, self.view, str(self.month)
        targets, issues = targets_of(self.workspace, view, house, self.month, self.dealer)
        labels = {name: period.label for name, period in self.others.items()}
        pace = self.month.share_passed(self.days, settings.calendar) if self.days else None
        aims = house.aims(settings.tier)
        groups = {
            name: kpi.groups(house, table, chosen, labels, name, targets, aims, pace) for name in ("", *self.columns)
        }
        monthly = {key for key, entry in house.measures.items() if self.workspace.catalogue.forms[entry.form].monthly}
        groups |= {name: _spans(house, table, parts, chosen, monthly) for name, parts in self.parts.items()}
        closing = self.store.state.closing(chosen, self.dealer) if self.pinned else None
        return Report(
            dealer=self.dealer or _only(view.dealers()),
            month=chosen,
            book=house,
            total=groups[""][""],
            by={name: groups[name] for name in self.by},
            account=_account(view, chosen, self.dealer),
            closed=closing.time if closing else None,
            known=self.store.known.time if self.store.known else None,
            days=self.days,
            pace=pace,
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


def _spans(book: Book, table: Table, parts: Sequence[Period], month: str, monthly: Iterable[str]) -> dict[str, Group]:
    """Each part of a month as a group; what the whole month cannot tell, its parts cannot either."""
    absent = {key: reason for (period, key), reason in table.reasons.items() if period == month}
    absent |= dict.fromkeys(monthly, "source_missing")
    made = {}
    for part in parts:
        told = table.values[part.label, "", ""]
        values = {key: None if key in absent else told[key] or 0 for key in book.measures}
        made[part.label] = kpi.group(book, values, absent, {}, {}, {})
    return made


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


def _only(dealers: Sequence[str]) -> str | None:
    return dealers[0] if len(dealers) == 1 else None
