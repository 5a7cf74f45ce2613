"""Store to funnel: a month's stages as the month counts them, or what became of the customers first met in it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from kpicli import cohort as cohorts
from kpicli import coverage, kpi, stages
from kpicli.catalogue import DIMENSIONS, Book, Funnel
from kpicli.cohort import Cohort, Followed
from kpicli.coverage import Finding
from kpicli.errors import UsageError
from kpicli.kpi import Basis, Report
from kpicli.measure import NOBODY, Reason, events, measure
from kpicli.pipeline.asked import BY, Asked
from kpicli.pipeline.months import shown_dealer
from kpicli.pipeline.targets import targets_of
from kpicli.stages import Branch
from kpicli.store import Store
from kpicli.workspace import Workspace


@dataclass(frozen=True)
class Funnelled:
    """One month's funnel by one book."""

    dealer: str | None
    """None for all dealers of the store."""
    month: str
    book: Book
    funnel: Funnel
    whole: Branch
    by: Mapping[str, Mapping[str, Branch]]
    """Dimension → group → its funnel beside the whole's rates."""
    cohort: Cohort | None
    """Where the customers first met in the month were followed; the branches count them then."""
    findings: tuple[Finding, ...]
    """Identities that do not hold, and with `check` every record that lacks the one it should stand beside."""
    closed: datetime | None
    """When the month was closed, where it shows what was known then."""
    known: datetime | None
    """The moment it looks back to, where one was asked for."""
    days: int | None
    """Of a month that is not over: of how many days it is. The month before is taken by as many."""


def funnel(
    workspace: Workspace,
    month: str = "last",
    *,
    book: str | None = None,
    chain: str | None = None,
    by: Sequence[str] = BY,
    cohort: bool = False,
    within: int | None = None,
    check: bool = False,
    dealer: str | None = None,
    known_on: date | None = None,
    today: date,
) -> Funnelled:
    """Compute a month's funnel: of the whole and by group, each beside the whole's rates and the month before.

    `chain` names one of the book's funnels, by default its first. With `cohort` the customers first met in the month
    are followed to `today`, or `within` so many days of the first. With `check` the records of the forms are held
    against each other. Raises `UsageError` for what the book does not have, `NothingToReport` where there is no data.
    """
    house = workspace.catalogue.book(book or workspace.settings.book)
    chosen = _chain(house, chain, workspace.catalogue.books.values())
    by = [dimension for dimension in by if not cohort or dimension in DIMENSIONS]
    asked = Asked.of(workspace, month, by, dealer=dealer, known_on=known_on, today=today)
    narrow = replace(house, measures={key: house.measures[key] for key in chosen.measures})
    catalogue, period = workspace.catalogue, asked.month.first(asked.days)
    followed = None
    source = asked.store if cohort else asked.view
    with asked.store.reading():
        if cohort:
            followed = cohorts.cohort(
                catalogue, narrow, chosen, source, period, today, by=by, within=within, dealer=dealer
            )
            whole, groups = _of_cohort(chosen, followed)
        else:
            table = next(table for _, table in asked.measured([narrow]))
            targets, _ = targets_of(workspace, source, house, asked.month, dealer)
            whole, groups = _of_month(chosen, asked.basis(house, table, targets))
        by_group = {name: _held_against(chosen, groups[name], whole) for name in asked.by}
        findings = coverage.identities(catalogue, source, period, dealer)
        if not cohort:
            findings += _uneven(house, whole, by_group)
        if check:
            findings += _moved(asked, house, source, coverage.check(catalogue, source, period, today, dealer))
    closing = asked.store.state.closing(str(asked.month), dealer) if source is not asked.store else None
    return Funnelled(
        dealer=shown_dealer(source, dealer),
        month=str(asked.month),
        book=house,
        funnel=chosen,
        whole=replace(whole, leak=stages.leak(chosen, whole, "previous")),
        by=by_group,
        cohort=followed,
        findings=tuple(findings),
        closed=closing.time if closing else None,
        known=asked.store.known.time if asked.store.known else None,
        days=asked.days,
    )


def _chain(house: Book, name: str | None, books: Iterable[Book]) -> Funnel:
    if not house.funnels:
        having = ", ".join(other.key for other in books if other.funnels)
        raise UsageError("no_funnel", book=house.key, known=having)
    if name is None:
        return next(iter(house.funnels.values()))
    if name not in house.funnels:
        raise UsageError("unknown_funnel", name=name, book=house.key, known=", ".join(house.funnels))
    return house.funnels[name]


Groups = Mapping[str, Mapping[str, Branch]]


def checked(
    workspace: Workspace, month: str = "last", *, book: str | None = None, dealer: str | None = None, today: date
) -> tuple[Finding, ...]:
    """Hold a month's records against each other: identities, and every record that lacks its counterpart.

    Raises `UsageError` for an unknown book, `NothingToReport` where there is no data.
    """
    house = workspace.catalogue.book(book or workspace.settings.book)
    asked = Asked.of(workspace, month, (), dealer=dealer, today=today)
    period, source = asked.month.first(asked.days), asked.view
    with asked.store.reading():
        found = coverage.identities(workspace.catalogue, source, period, dealer)
        found += _moved(asked, house, source, coverage.check(workspace.catalogue, source, period, today, dealer))
    return tuple(found)


def of_report(found: Report, chain: str | None = None) -> Funnelled:
    """The funnel of a computed report, as `funnel` gives it, without findings; raise `UsageError` as it does."""
    assert found.basis  # of every report that was computed
    chosen = _chain(found.book, chain, [])
    whole, groups = _of_month(chosen, found.basis)
    return Funnelled(
        dealer=found.dealer,
        month=found.month,
        book=found.book,
        funnel=chosen,
        whole=replace(whole, leak=stages.leak(chosen, whole, "previous")),
        by={name: _held_against(chosen, branches, whole) for name, branches in groups.items()},
        cohort=None,
        findings=(),
        closed=found.closed,
        known=found.known,
        days=found.days,
    )


def _held_against(chosen: Funnel, branches: Mapping[str, Branch], whole: Branch) -> dict[str, Branch]:
    """Groups beside the whole's rates, with their ranks."""
    return stages.ranked(chosen, {key: stages.beside(chosen, one, whole) for key, one in branches.items()}, NOBODY)


def _of_month(chosen: Funnel, basis: Basis) -> tuple[Branch, Groups]:
    """The funnel of the whole and of each group as the month counts it."""
    table, month = basis.table, basis.month

    def of(period: str, dimension: str, group: str, reasons: Mapping[str, Reason | None]) -> Branch:
        told = table.values[period, dimension, group]
        values = {key: None if reasons.get(key) else told[key] or 0 for key in chosen.measures}
        earlier = table.values.get((basis.compared["previous"], dimension, group)) if period == month else None
        return stages.branch(
            chosen,
            stages.counted(chosen, values),
            reasons,
            previous=stages.counted(chosen, earlier) if earlier else None,
            targets={
                key: value
                for (dim, name, key), value in basis.targets.items()
                if (dim, name) == (dimension, group) and period == month
            },
        )

    reasons = {key: table.reasons.get((month, key)) for key in chosen.measures}
    absent: dict[str, dict[str, Reason | None]] = {
        name: dict.fromkeys(table.lacking[name], "source_missing") for name in basis.columns
    }
    groups: dict[str, dict[str, Branch]] = {
        dimension: {
            group: of(month, dimension, group, {**reasons, **absent[dimension]})
            for group in table.groups(month, dimension, chosen.measures)
        }
        for dimension in basis.columns
    }
    for dimension, labels in basis.parts.items():
        groups[dimension] = {label: of(label, "", "", reasons) for label in labels}
    return of(month, "", "", reasons), groups


def _of_cohort(chosen: Funnel, followed: Cohort) -> tuple[Branch, Groups]:
    """The funnel of the customers first met in the month, and of each group of them."""

    def of(part: Followed) -> Branch:
        counts = {stage.key: part.counts.get(stage.key) for stage in chosen.stages}
        return stages.branch(chosen, counts, {}, median_days=part.median_days)

    groups = {name: {key: of(part) for key, part in parts.items()} for name, parts in followed.by.items()}
    return of(followed.whole), groups


def _uneven(house: Book, whole: Branch, groups: Groups) -> list[Finding]:
    """Stages of rows whose parts do not add up to the whole: never, unless kpicli is wrong."""
    additive = {key for key, entry in house.measures.items() if entry.additive}
    return [
        coverage.parts_differ(stage, dimension, gap)
        for dimension, branches in groups.items()
        for stage, gap in stages.differences(whole, list(branches.values()), additive).items()
    ]


def _moved(asked: Asked, house: Book, source: Store, findings: Sequence[Finding]) -> list[Finding]:
    """Findings with the KPIs that they touch: as they are, and as they would be with the records put right."""
    catalogue, period = asked.workspace.catalogue, asked.month.first(asked.days)
    grace = asked.workspace.settings.followup_grace_days
    table = measure(catalogue, house, source, [period], dealer=asked.dealer, grace_days=grace)
    values = table.values[period.label, "", ""]
    now = kpi.group(house, values, {}, {}, {}, {}).kpis
    told = []
    for found in findings:
        right = dict(values)
        for key, change in found.effect.items():
            value = values.get(key)
            if value is not None:
                rows = house.measures[key].additive
                right[key] = value + (change if rows else _new_customers(asked, house, source, key, found))
        then = kpi.group(house, right, {}, {}, {}, {}).kpis
        moved = {key: (now[key].value, then[key].value) for key in now if now[key].value != then[key].value}
        told.append(replace(found, moved=moved))
    return told


def _new_customers(asked: Asked, house: Book, source: Store, key: str, found: Finding) -> int:
    """The customers of a finding's rows that a measure of customers does not count yet."""
    period = asked.month.first(asked.days)
    there = events(asked.workspace.catalogue, house, source, period, [key], dealer=asked.dealer)[key].collect()
    return len(set(found.rows["who"]) - set(there["who"]))
