"""Store to trend: KPIs month by month, each month as its own report has it, beside the same month of last year."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from kpicli import kpi
from kpicli.catalogue import DIMENSIONS, Book, Kpi, near
from kpicli.errors import NothingToReport, UsageError
from kpicli.formula import Name
from kpicli.kpi import Group, Report
from kpicli.measure import Table, measure
from kpicli.messages import Words
from kpicli.periods import Month, Period
from kpicli.pipeline.asked import Asked
from kpicli.pipeline.months import seen, shown_dealer
from kpicli.pipeline.targets import targets_of
from kpicli.series import Point, Series, judged
from kpicli.store import Known, Store
from kpicli.workspace import Workspace


@dataclass(frozen=True)
class Trended:
    """KPIs and measures of one book, month by month, of the whole store or of one group."""

    dealer: str | None
    """None for all dealers of the store."""
    book: Book
    dimension: str
    group: str
    """Both ``""`` for the whole store."""
    months: tuple[str, ...]
    """Oldest first, none left out in between; each series has a point for each."""
    days: int | None
    """Of a month among them that is not over: of how many days it is."""
    series: tuple[Series, ...]
    known: datetime | None = None
    """The moment it looks back to, where one was asked for."""


def trend(
    workspace: Workspace,
    names: Sequence[str] = (),
    month: str = "last",
    months: int = 12,
    *,
    book: str | None = None,
    by: str = "",
    group: str = "",
    dealer: str | None = None,
    known_on: date | None = None,
    today: date,
) -> Trended:
    """Follow KPIs and measures (by key, label or code; the book's league for none) over some months, at least 1.

    The last is `month`. Every value is that of the month's own report: a closed month as it was known at its closing,
    unless `known_on` asks for what was known on a day; a month that is not over by its days so far, beside as many of
    last year's. Months before the first that has data, of the group where one is asked for `by` a dimension, are left
    out. Raises `UsageError` for a name that the book does not have or a dimension that there is not, `NothingToReport`
    without data for `month` or for a group that none of the months has.
    """
    house = workspace.catalogue.book(book or workspace.settings.book)
    keys = _keys(house, names)
    if by and by not in DIMENSIONS:
        raise UsageError("unknown_grouping", name=by, known=", ".join(DIMENSIONS))
    last = Asked.of(workspace, month, [by] if by else [], dealer=dealer, known_on=known_on, today=today)
    return _followed(last, house, keys, months, by, group)


def leading_to(workspace: Workspace, report: Report, names: Sequence[str], months: int = 12) -> Trended:
    """Follow KPIs of the whole over the months up to that of a computed report, as the report saw them."""
    return _followed(Asked.again(workspace, report), report.book, _keys(report.book, names), months, "", "")


def _followed(last: Asked, house: Book, keys: Sequence[str], months: int, by: str, group: str) -> Trended:
    asked = _months(last, months)
    narrow = _narrowed(house, keys, whole=not by)
    with last.store.reading():
        befores, table = _measured(asked, narrow)
        found = [_groups(one, narrow, table, before, by) for one, before in zip(asked, befores, strict=True)]
    first = next((place for place, groups in enumerate(found) if group in groups), None)
    if first is None:
        known = ", ".join(sorted({name for groups in found for name in groups}))
        raise NothingToReport("unknown_group", name=group, by=by, known=known)
    told = [(one, groups.get(group)) for one, groups in zip(asked[first:], found[first:], strict=True)]
    return Trended(
        dealer=shown_dealer(last.view, last.dealer),
        book=house,
        dimension=by,
        group=group,
        months=tuple(str(one.month) for one, _ in told),
        days=next((one.days for one, _ in told if one.days), None),
        series=tuple(_series(narrow.kpis[key], [_point(key, one, values) for one, values in told]) for key in keys),
        known=last.store.known.time if last.store.known else None,
    )


def _keys(book: Book, names: Sequence[str]) -> list[str]:
    """The KPIs and measures that are meant, each once."""
    keys = []
    for name in names or book.league:
        key = book.find(name)
        if key is None:
            raise UsageError("unknown_kpi", book=book.key, name=name, near=near(name, [*book.kpis, *book.measures]))
        keys.append(key)
    return list(dict.fromkeys(keys))


def _narrowed(book: Book, keys: Iterable[str], *, whole: bool) -> Book:
    """A book with some KPIs, a measure among them being one, and the measures that they need.

    Whether a group is there in a month, any measure of the book may tell: for groups they are all needed.
    """
    kpis = {key: book.kpis.get(key) or _alone(book, key) for key in keys}
    needed = {name for entry in kpis.values() for name in entry.measures}
    measures = {key: entry for key, entry in book.measures.items() if key in needed or not whole}
    return replace(book, kpis=kpis, measures=measures)


def _alone(book: Book, key: str) -> Kpi:
    entry = book.measures[key]
    return Kpi(key, entry.label, entry.label_en, key, Name(key), entry.unit, "none")


def _months(last: Asked, count: int) -> list[Asked]:
    """What is asked of each month, oldest first; none before the first data.

    A register of what is open has rows from long before: where there is any other form, it does not tell the beginning.
    """
    catalogue = last.workspace.catalogue
    entries = [entry for house in catalogue.books.values() for entry in house.measures.values()]
    registers = {entry.form for entry in entries if entry.count == "open"}
    there = {key: last.store.months(form, last.dealer) for key, form in catalogue.forms.items() if key != "targets"}
    firsts = {key: months[0] for key, months in there.items() if months}
    logs = [month for key, month in firsts.items() if key not in registers]
    first = min(logs or firsts.values(), default=str(last.month))
    found = [last]
    while len(found) < count and str(found[-1].month) > first:
        found.append(replace(last, month=found[-1].month.previous))
    return found[::-1]


def _measured(asked: Sequence[Asked], house: Book) -> tuple[list[str], Table]:
    """The measures of all months and of the same ones last year, and under which label each month has the latter.

    One plan for all that is seen as one moment knew it: one in all, and one for each month that was closed.
    """
    views: dict[Known | None, tuple[Store, dict[tuple[date, date], Period]]] = {}

    def label(view: Store, period: Period) -> str:
        _, spans = views.setdefault(view.known, (view, {}))
        return spans.setdefault((period.start, period.end), period).label

    for one in asked:
        label(one.view, one.month.first(one.days))
    befores = []
    for one in asked:  # each month's report sees an open month as the month itself is seen
        period = one.month.year_before.first(one.days)
        other = seen(one.store, Month.of(period.start), one.dealer, pinned=one.pinned)
        view = other if other.known else one.view
        befores.append(label(view, replace(period, label=f"{period.label}/{one.month}")))
    workspace, last = asked[-1].workspace, asked[-1]
    grace = workspace.settings.followup_grace_days
    table = Table.joined(
        measure(workspace.catalogue, house, view, [*spans.values()], last.by, dealer=last.dealer, grace_days=grace)
        for view, spans in views.values()
    )
    return befores, table


def _groups(one: Asked, house: Book, table: Table, before: str, by: str) -> dict[str, Group]:
    """The groups of one month as its report has them."""
    targets, _ = targets_of(one.workspace, one.view, house, one.month, one.dealer)
    aims = house.aims(one.workspace.settings.tier)
    return kpi.groups(house, table, str(one.month), {"year_before": before}, by, targets, aims)


def _point(key: str, one: Asked, group: Group | None) -> Point:
    """One month; a group that it does not have has no rows there."""
    month, running = str(one.month), one.days is not None
    if group is None:
        return Point(month, None, None, None, "no_rows", None, running=running)
    value = group.kpis[key]
    return Point(
        month,
        value.value,
        value.numerator,
        value.denominator,
        value.reason,
        value.compared["year_before"],
        target=value.target,
        running=running,
    )


def _series(entry: Kpi, points: Sequence[Point]) -> Series:
    """A KPI over the months; the ceiling is that of a rate whose numerator is part of its denominator."""
    ceiling = 1 if entry.unit == "%" and entry.is_ratio and not entry.over_one else None
    found, limits = judged(points, ceiling)
    return Series(entry.key, Words(entry.label, entry.label_en), entry.unit, entry.direction, found, limits)
