"""Store to report: one month by one book, as a whole and by group."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from kpicli import kpi
from kpicli.catalogue import DIMENSIONS, Book, Catalogue, Form
from kpicli.errors import UsageError
from kpicli.issues import Issue
from kpicli.kpi import Account, Group, Report, Targets
from kpicli.measure import Table, measure
from kpicli.periods import Month, Period
from kpicli.pipeline.months import find_month, seen, store_of
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
    for dimension in by:
        if dimension not in ALL_BY:
            raise UsageError("unknown_grouping", name=dimension, known=", ".join(ALL_BY))
    for name in compare:
        if name not in COMPARE:
            raise UsageError("unknown_comparison", name=name, known=", ".join(COMPARE))
    catalogue, store = workspace.catalogue, store_of(workspace, known_on)
    house = catalogue.book(book or workspace.settings.book)
    chosen = find_month(store, catalogue, month, today, dealer)
    with store.reading():
        pinned = pinned and known_on is None
        return _computed(workspace, store, house, chosen, by, compare, dealer, today, pinned=pinned)


COMPARE = ("year", "ytd")


def _computed(
    workspace: Workspace,
    store: Store,
    house: Book,
    chosen: Month,
    by: Sequence[str],
    compare: Sequence[str],
    dealer: str | None,
    today: date,
    *,
    pinned: bool,
) -> tuple[Report, tuple[Issue, ...]]:
    closing = store.state.closing(str(chosen), dealer) if pinned else None
    view = seen(store, chosen, dealer, pinned=pinned)
    columns = [dimension for dimension in by if dimension in DIMENSIONS]
    parts = {"week": chosen.weeks(workspace.settings.weeks), "day": chosen.days()}
    days = chosen.days_by(today)
    periods = [chosen.first(days), *(part for name in parts if name in by for part in parts[name])]
    others = {"previous": chosen.previous.first(days)}
    if "year" in compare:
        others["year_before"] = chosen.year_before.first(days)
    if "ytd" in compare:
        others["year_to_date"], others["year_to_date_before"] = chosen.year_to(days), chosen.year_before.year_to(days)
    views = {view.known: (view, periods)}
    for name, period in others.items():  # a month that was closed is seen as it was then
        other = view if name.startswith("year_to") else seen(store, Month.of(period.start), dealer, pinned=pinned)
        other = other if other.known else view
        views.setdefault(other.known, (other, []))[1].append(period)
    grace = workspace.settings.followup_grace_days
    table = Table.joined(
        measure(workspace.catalogue, house, known, spans, columns, dealer=dealer, grace_days=grace)
        for known, spans in views.values()
    )
    targets, issues = targets_of(view, workspace.catalogue, house, chosen, dealer)
    labels = {name: period.label for name, period in others.items()}
    aims = house.aims(workspace.settings.tier)
    pace = chosen.share_passed(days, workspace.settings.calendar) if days else None
    grouped = {
        name: kpi.groups(house, table, str(chosen), labels, name, targets, aims, pace) for name in ("", *columns)
    }
    total = grouped.pop("")[""]
    groups = grouped
    monthly = {key for key, entry in house.measures.items() if workspace.catalogue.forms[entry.form].monthly}
    groups |= {name: _spans(house, table, parts[name], str(chosen), monthly) for name in parts if name in by}
    return Report(
        dealer=dealer or _only(view.dealers()),
        month=str(chosen),
        book=house,
        total=total,
        by={name: groups[name] for name in by},
        account=_account(view, str(chosen), dealer),
        closed=closing.time if closing else None,
        known=store.known.time if store.known else None,
        days=days,
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
        values = table.values[part.label, "", ""]
        made[part.label] = kpi.group(
            book, {key: None if key in absent else value or 0 for key, value in values.items()}, absent, {}, {}, {}
        )
    return made


def targets_of(
    store: Store, catalogue: Catalogue, book: Book, month: Month, dealer: str | None
) -> tuple[Targets, tuple[Issue, ...]]:
    """The month's targets by (dimension, group, KPI), and the names that mean nothing in this book."""
    rows = store.rows(catalogue.forms["targets"], since=str(month), until=str(month), dealer=dealer)
    targets: dict[tuple[str, str, str], float] = {}
    unknown: dict[str, None] = {}
    for row in rows.sort("sheet", "row").collect().iter_rows(named=True):
        keys = _meant(catalogue, book, row["measure"])
        if keys is None:
            unknown[row["measure"]] = None
        elif not (row["consultant"] and row["model"]):
            dimension = "consultant" if row["consultant"] else "model" if row["model"] else ""
            for key in keys:
                targets[dimension, row["consultant"] or row["model"] or "", key] = row["value"]
    return targets, tuple(Issue("unknown_target", values={"value": name, "book": book.key}) for name in unknown)


def _meant(catalogue: Catalogue, book: Book, name: str) -> set[str] | None:
    """The KPIs and the measure of a book that a target's name means, in this book or another; None if in none of them.

    A KPI that is just a measure is one with it, whatever a house calls it.
    """
    houses = (house for house in (book, *catalogue.books.values()) if house.find(name))
    house = next(houses, None)
    if house is None:
        return None
    key = house.find(name) or ""
    formula = house.kpis[key].formula if key in house.kpis else key
    own = {key} if house is book else set()
    same = {other.key for other in book.kpis.values() if other.formula and other.formula == formula}
    planned = {measure.of for measure in book.measures.values()}
    return own | same | ({formula} & (book.measures.keys() | planned))


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
