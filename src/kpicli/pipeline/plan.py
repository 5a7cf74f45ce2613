"""Store to plan: what a sales target takes by the store's own rates, and what would come of other ones."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from kpicli import planning
from kpicli.catalogue import Book, Quantity, Tree, near
from kpicli.errors import NothingToReport, UsageError
from kpicli.formula import Name, Node, names
from kpicli.issues import Issue
from kpicli.kpi import Targets
from kpicli.measure import NOBODY, measure
from kpicli.messages import Words
from kpicli.periods import Month, Period
from kpicli.pipeline.asked import Asked
from kpicli.pipeline.months import find_month, last_month, named_month, seen, shown_dealer
from kpicli.pipeline.targets import targets_of
from kpicli.planning import Reason, Share, Status, Values
from kpicli.store import Store
from kpicli.workspace import Workspace

_NO_DATA = ("no_data", "no_data_for_month")
_TOO_MANY = 1e9
"""Of anything in a month of a showroom."""
_STORE = Words("库里", "the store")


@dataclass(frozen=True)
class Line:
    """One quantity of the tree, per month."""

    quantity: Quantity
    own: Fraction | None
    """In the base months, as their reports have it; of several months the mean month's."""
    as_is: Fraction | None
    """In the month planned if nothing is changed: as in the base months, with the stock as it really stands."""
    changed: Fraction | None
    """The same with all that is set; None where nothing is."""
    needed: Fraction | None
    """At the target; None without one."""


@dataclass(frozen=True)
class Change:
    """One thing that is set, and what would come of it alone."""

    quantity: Quantity
    before: Fraction | None
    after: Fraction
    goal: Fraction | None
    """None where the store's own numbers do not tell."""


@dataclass(frozen=True)
class Progress:
    """How far one quantity of the month planned has come."""

    quantity: Quantity
    done: Fraction | None
    needed: Fraction | None
    per_day: Fraction | None
    """Still needed on each day that is left; None without a target or a day."""
    projected: Fraction | None
    """Where the month ends at the pace so far; None before its first working day is over."""


@dataclass(frozen=True)
class Pace:
    """How far the month planned has come, when it has begun and there are data of it."""

    days: int
    """Its working days (or days, as the workspace counts)."""
    passed: int
    """Of these, with today."""
    lines: tuple[Progress, ...]
    """The goal first, the lever last."""
    attainment: Fraction | None
    """What is done of the target."""
    status: Status | None


@dataclass(frozen=True)
class Plan:
    """A month planned by one book."""

    month: str
    book: Book
    tree: Tree
    dealer: str | None
    """None for all dealers of the store."""
    base: tuple[str, ...]
    """The months whose rates are taken; none where all is set."""
    reported: Fraction | None
    """The goal there as the report has it; None where it has none of that key."""
    target: Fraction | None
    target_of: str
    """The KPI or measure whose target in the workspace it is; empty where it was asked for."""
    lines: tuple[Line, ...]
    """In the tree's order, from the lever to the goal."""
    reason: Reason | None
    """Why there is no lever for the target, or none is needed."""
    step: Fraction | None
    """How much more of the lever one more of the goal takes; None where the goal does not rise with it."""
    changes: tuple[Change, ...]
    consultants: int | None
    """Among how many it is shared; None where nobody says."""
    shares: tuple[Share, ...]
    days: int
    """On how many days it is to be done."""
    begun: bool
    """Whether its first day is here."""
    pace: Pace | None
    issues: tuple[Issue, ...]
    """What is odd about the targets."""

    def line(self, key: str) -> Line:
        """The line of a quantity."""
        return next(line for line in self.lines if line.quantity.key == key)

    @property
    def goal(self) -> Line:
        """The line of the goal."""
        return self.line(self.tree.goal)

    @property
    def reached(self) -> Fraction | None:
        """The goal at what is set, or at the store's own numbers; None where the lever is not known."""
        return self.goal.changed if self.changes else self.goal.as_is

    @property
    def attainment(self) -> Fraction | None:
        """That of the target."""
        return self.reached / self.target if self.reached is not None and self.target else None


def plan(
    workspace: Workspace,
    month: str = "this",
    *,
    book: str | None = None,
    target: float | None = None,
    given: Mapping[str, float] | None = None,
    base: str | None = None,
    months: int = 1,
    consultants: int | None = None,
    days: int | None = None,
    dealer: str | None = None,
    today: date,
) -> Plan:
    """Plan a month (``2026-11``, ``this``, ``next`` or ``last``): how much of the lever a target of the goal takes.

    The rates are the store's own, of `base` (by default the last full month before with data) and as many months
    before it as `months` says, pooled; `given` sets quantities by key, label or number to other values, rates as
    fractions. Without `target` the workspace's target of the month counts. It is shared among `consultants` (by default
    those who received first contacts in the base month) and over `days` (by default the working days of the month).

    Raises `UsageError` for a book without a tree, an unknown or impossible quantity, a target, number or base that
    cannot be; `NothingToReport` where there is no target, or data and `given` leave a driver open.
    """
    shop = _Shop.of(workspace, book, dealer, today)
    house, tree = shop.house, shop.tree
    for option, number in (("target", target), ("months", months), ("consultants", consultants), ("days", days)):
        if number is not None and not 0 < number < _TOO_MANY:
            raise UsageError("plan_number", option=f"--{option}", text=f"{number:g}")
    changed = dict(_given(house, tree, given or {}))
    planned = shop.month(month)
    own = shop.own(planned, base, months, alone=bool(changed))
    targets, issues = targets_of(workspace, shop.store, house, planned, dealer)
    aim, aim_of = _target(tree, targets, target)
    if aim is None and not changed:
        raise NothingToReport("no_plan_target", month=str(planned), goal=tree.quantities[tree.goal].words)
    inputs = {**own.as_is, **changed}
    if open_ := planning.missing(tree, inputs, solving=aim is not None):
        words = Words.joined(Words(f"{one.label}（{one.key}）", f"{one.label_en} ({one.key})") for one in open_)
        since = Words.joined(Words(str(one), str(one)) for one in own.months) if own.months else _STORE
        raise NothingToReport("plan_missing", names=words, base=since, example=open_[0].key)
    solved = planning.solve(tree, inputs, aim) if aim is not None else None
    was, before, after = (planning.evaluate(tree, values) for values in (own.drivers, own.as_is, inputs))
    alone = {key: planning.evaluate(tree, {**own.as_is, key: value})[tree.goal] for key, value in changed.items()}
    people = consultants or own.consultants or None
    shares = planning.split(aim, _own_targets(tree, targets, aim_of), people or 0) if aim else []
    return Plan(
        month=str(planned),
        book=house,
        tree=tree,
        dealer=shown_dealer(shop.store, dealer),
        base=tuple(map(str, own.months)),
        reported=own.goal,
        target=aim,
        target_of=aim_of,
        lines=tuple(
            Line(one, was[key], before[key], after[key] if changed else None, solved.values[key] if solved else None)
            for key, one in tree.quantities.items()
        ),
        reason=solved.reason if solved else None,
        step=planning.step(tree, inputs),
        changes=tuple(Change(tree.quantities[key], before[key], value, alone[key]) for key, value in changed.items()),
        consultants=people,
        shares=tuple(shares),
        days=days or len(planned.working_days()),
        begun=planned.start <= today,
        pace=shop.pace(planned, aim, solved.values if solved else {}),
        issues=issues,
    )


@dataclass(frozen=True)
class _Own:
    """What the store itself says."""

    months: tuple[Month, ...] = ()
    """The base months, the earliest first."""
    drivers: Values = field(default_factory=dict)
    """In the base months."""
    as_is: Values = field(default_factory=dict)
    """In the month planned."""
    goal: Fraction | None = None
    """As the report has it, not as the tree."""
    consultants: int = 0
    """Who received first contacts in the last base month."""


@dataclass(frozen=True)
class _Shop:
    """Where the numbers come from: a store seen by one book."""

    workspace: Workspace
    store: Store
    house: Book
    tree: Tree
    dealer: str | None
    today: date

    @classmethod
    def of(cls, workspace: Workspace, book: str | None, dealer: str | None, today: date) -> "_Shop":
        """Raise `UsageError` for an unknown book, or one without a tree."""
        house = workspace.catalogue.book(book or workspace.settings.book)
        if house.tree is None:
            known = ", ".join(other.key for other in workspace.catalogue.books.values() if other.tree)
            raise UsageError("no_tree", book=house.key, known=known)
        return cls(workspace, Store(workspace.store), house, house.tree, dealer, today)

    def month(self, text: str) -> Month:
        """The month planned."""
        found = Month.of(self.today).next if text == "next" else named_month(text, self.today)
        return found or last_month(self.store, self.workspace.catalogue, self.today, self.dealer)

    def own(self, planned: Month, base: str | None, months: int, *, alone: bool) -> _Own:
        """The store's own numbers; nothing where there are no data and what is set may stand `alone`."""
        try:
            bases = self._bases(planned, base, months)
        except NothingToReport as error:
            if base is not None or not alone or error.code not in _NO_DATA:
                raise
            return _Own()
        counted = {one: self._measured(one) for one in bases}
        whole = [one for one in bases if all(counted[one][0][key] is not None for key in self.tree.measures)]
        told = whole or bases[-1:]
        measures = planning.mean([counted[one][0] for one in told])
        drivers = planning.counted(self.tree, measures)
        as_is = {**drivers, **self._stock(min(told[-1].next, planned))}
        return _Own(tuple(told), drivers, as_is, self._counted(self.tree.goal, measures), counted[told[-1]][1])

    def _bases(self, planned: Month, base: str | None, months: int) -> list[Month]:
        store, catalogue = self.store, self.workspace.catalogue
        if base is None:
            found = [last_month(store, catalogue, min(planned.start, self.today), self.dealer)]
        else:
            found = [find_month(store, catalogue, base, self.today, self.dealer)]
            if found[0] >= Month.of(self.today):
                raise UsageError("base_not_over", month=str(found[0]))
        while len(found) < months:
            try:
                found.append(last_month(store, catalogue, found[-1].start, self.dealer))
            except NothingToReport:
                break
        return found[::-1]

    def _node(self, key: str) -> Node | None:
        """What the report has under the key of a quantity."""
        kpi = self.house.kpis.get(key)
        return kpi.node if kpi else Name(key) if key in self.house.measures else None

    def _counted(self, key: str, measures: Values) -> Fraction | None:
        """A quantity as the report has it; None where it has none of that key."""
        node = self._node(key)
        return planning.work_out(node, measures) if node else None

    def _measured(self, month: Month) -> tuple[Values, int]:
        """The measures of the tree, and of what the report has of it; and how many consultants had first contacts."""
        told = [name for key, one in self.tree.quantities.items() if one.daily for name in _names(self._node(key))]
        wanted = dict.fromkeys([*self.tree.measures, *told])
        measures = {key: self.house.measures[key] for key in wanted if self.house.measures[key].count != "target"}
        when: dict[str, Any] = {"dealer": self.dealer, "today": self.today, "store": self.store}
        asked = Asked.of(self.workspace, str(month), ("consultant",), **when)
        with asked.store.reading():
            table = next(table for _, table in asked.measured([replace(self.house, measures=measures)]))
        values = table.values[str(month), "", ""]
        known = {key: None if table.reasons.get((str(month), key)) else values[key] or 0 for key in measures}
        people = table.groups(str(month), "consultant", self.tree.quantities[self.tree.lever].parts)
        return {key: planning.exact(value) for key, value in known.items()}, len(set(people) - NOBODY)

    def _stock(self, month: Month) -> Values:
        """The drivers that are stocks, as they stand when a month begins: truer than when the month before began."""
        measures = self.house.measures
        stocks = [
            one
            for one in self.tree.drivers
            if all((measures[key].count, measures[key].at) == ("open", "start") for key in one.parts)
        ]
        if not stocks:
            return {}
        narrow = replace(self.house, measures={key: measures[key] for one in stocks for key in one.parts})
        store = seen(self.store, month, self.dealer, pinned=True)
        period = Period(str(month), month.start, month.start + timedelta(days=1))
        with store.reading():
            table = measure(self.workspace.catalogue, narrow, store, [period], dealer=self.dealer)
        values = {key: planning.exact(value) for key, value in table.values[period.label, "", ""].items()}
        found = {one.key: planning.work_out(one.node, values) for one in stocks}
        return {key: value for key, value in found.items() if value is not None}

    def pace(self, planned: Month, target: Fraction | None, needed: Values) -> Pace | None:
        """How far a month has come; None where it has not begun, or there is nothing of it."""
        if planned > Month.of(self.today):
            return None
        try:
            measures, _ = self._measured(planned)
        except NothingToReport:
            return None
        every, passed = self._days(planned)
        along = planning.evaluate(self.tree, planning.counted(self.tree, measures))
        lines = []
        for key, quantity in reversed(list(self.tree.quantities.items())):
            if quantity.daily:
                counted = self._counted(key, measures)
                done = along[key] if counted is None else counted
                lines.append(_progress(quantity, done, needed.get(key), every, passed))
        done = next(line.done for line in lines if line.quantity.key == self.tree.goal)
        if done is None or target is None:
            return Pace(every, passed, tuple(lines), None, None)
        light = planning.status(done, target, Fraction(passed, every), self.tree.near)
        return Pace(every, passed, tuple(lines), done / target, light)

    def _days(self, month: Month) -> tuple[int, int]:
        """The days of a month as the workspace counts them, and those that have passed, with today."""
        so_far = month.days_by(self.today)
        if self.workspace.settings.calendar == "days":
            return len(month.days()), len(month.days()[:so_far])
        return len(month.working_days()), len(month.working_days(so_far))


def _progress(quantity: Quantity, done: Fraction | None, needed: Fraction | None, days: int, passed: int) -> Progress:
    left = days - passed
    per_day = max(needed - done, Fraction()) / left if needed is not None and done is not None and left else None
    return Progress(quantity, done, needed, per_day, done * days / passed if done is not None and passed else None)


def _names(node: Node | None) -> list[str]:
    return list(names(node)) if node else []


def _given(house: Book, tree: Tree, given: Mapping[str, float]) -> Iterator[tuple[str, Fraction]]:
    """What is set, by the keys of the tree."""
    seen: set[str] = set()
    for name, number in given.items():
        quantity = tree.find(name) or tree.find(house.find(name) or "")
        if quantity is None:
            known = Words.joined(Words(one.key, one.key) for one in tree.quantities.values() if _settable(one))
            if house.find(name):
                raise UsageError("not_in_tree", name=name, book=house.key, known=known)
            words = [word for one in tree.quantities.values() for word in (one.key, one.label, *one.aliases)]
            raise UsageError("unknown_quantity", name=name, book=house.key, near=near(name, words), known=known)
        if not _settable(quantity):
            parts = Words.joined(tree.quantities[key].words for key in quantity.parts)
            raise UsageError("set_follows", name=quantity.words, parts=parts)
        if not 0 <= number <= (1 if quantity.unit == "%" else _TOO_MANY):
            code = "bad_set_rate" if quantity.unit == "%" else "bad_set_count"
            raise UsageError(code, name=quantity.words, text=f"{number:g}")
        if quantity.key in seen:
            raise UsageError("set_twice", name=quantity.words)
        seen.add(quantity.key)
        yield quantity.key, Fraction(str(number))


def _settable(quantity: Quantity) -> bool:
    """What is counted can be set, and rates; what is a number and follows from others is not anybody's to set."""
    return quantity.driver or quantity.unit == "%"


def _target(tree: Tree, targets: Targets, asked: float | None) -> tuple[Fraction | None, str]:
    """The target of the goal and whose it is: what was asked for, the store's, or the sum of the consultants'."""
    if asked is not None:
        return Fraction(str(asked)), ""
    for key in tree.target:
        own = {group: value for (dim, group, name), value in targets.items() if (dim, name) == ("consultant", key)}
        value = targets.get(("", "", key), sum(own.values()))
        if value > 0:
            return Fraction(str(value)), key
    return None, ""


def _own_targets(tree: Tree, targets: Targets, aim_of: str) -> dict[str, Fraction]:
    """The consultants' own targets of what the store's is of."""
    for key in [aim_of] if aim_of else tree.target:
        own = {
            group: Fraction(str(value))
            for (dim, group, name), value in targets.items()
            if (dim, name) == ("consultant", key) and value >= 0
        }
        if own:
            return own
    return {}
