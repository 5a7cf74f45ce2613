"""What a command asks of a month: which groups, beside which other periods, as known when; and its measures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from kpicli.catalogue import DIMENSIONS, Book
from kpicli.errors import UsageError
from kpicli.kpi import Basis, Report, Targets
from kpicli.measure import Table, measure
from kpicli.periods import Month, Period
from kpicli.pipeline.months import find_month, seen, store_of
from kpicli.store import Store
from kpicli.workspace import Workspace

BY = ("consultant", "model", "source", "week")
"""What a month is broken down by unless asked otherwise."""
ALL_BY = (*DIMENSIONS, "week", "day")
COMPARE = ("year", "ytd")


@dataclass(frozen=True)
class Asked:
    """What is asked for, of whichever book."""

    workspace: Workspace
    store: Store
    month: Month
    by: tuple[str, ...]
    compare: tuple[str, ...]
    dealer: str | None
    known_on: date | None
    today: date
    pinned: bool
    before: int = 1
    """Of how many months before."""

    @classmethod
    def of(
        cls,
        workspace: Workspace,
        month: str,
        by: Sequence[str],
        *,
        compare: Sequence[str] = (),
        dealer: str | None = None,
        known_on: date | None = None,
        pinned: bool = True,
        today: date,
        store: Store | None = None,
    ) -> "Asked":
        """Find the month, in a store that is open already or in the workspace's.

        Raises `UsageError` for an unknown grouping or comparison, `NothingToReport` without data.
        """
        for dimension in by:
            if dimension not in ALL_BY:
                raise UsageError("unknown_grouping", name=dimension, known=", ".join(ALL_BY))
        for name in compare:
            if name not in COMPARE:
                raise UsageError("unknown_comparison", name=name, known=", ".join(COMPARE))
        store = store or store_of(workspace, known_on)
        chosen = find_month(store, workspace.catalogue, month, today, dealer)
        return cls(
            workspace, store, chosen, tuple(by), tuple(compare), dealer, known_on, today, pinned and known_on is None
        )

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
        found, earlier = {"previous": month.previous.first(days)}, month.previous
        for number in range(2, self.before + 1):
            earlier = earlier.previous
            found[f"previous_{number}"] = earlier.first(days)
        if "year" in self.compare:
            found["year_before"] = month.year_before.first(days)
        if "ytd" in self.compare:
            found["year_to_date"], found["year_to_date_before"] = month.year_to(days), month.year_before.year_to(days)
        return found

    @classmethod
    def again(cls, workspace: Workspace, report: Report, by: Sequence[str] = ()) -> "Asked":
        """What was asked for a report that was computed, with other groups, of the store as it was opened then."""
        basis = report.basis
        assert basis  # of every report that was computed
        return cls.of(
            workspace,
            report.month,
            by,
            dealer=basis.dealer,
            known_on=basis.known_on,
            today=basis.today,
            store=basis.store,
        )

    def basis(self, house: Book, table: Table, targets: Targets) -> Basis:
        """What the values of one book are made of."""
        forms = self.workspace.catalogue.forms
        return Basis(
            table,
            str(self.month),
            {name: period.label for name, period in self.others.items()},
            targets,
            tuple(self.columns),
            {name: tuple(part.label for part in parts) for name, parts in self.parts.items()},
            frozenset(key for key, entry in house.measures.items() if forms[entry.form].monthly),
            self.dealer,
            self.known_on,
            self.today,
            self.store,
        )

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
