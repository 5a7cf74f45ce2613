"""Make the report: KPI values with their parts, reasons, targets and the month before, from measured values."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Literal

from kpicli import formula
from kpicli.catalogue import Aim, Book, Kpi, Scoring
from kpicli.formula import Number
from kpicli.measure import Reason, Table, Values
from kpicli.store import Store

Status = Literal["good", "near", "bad"]
LISTS = ("consultant", "model", "source", "channel", "week", "day")
"""What a report is broken down by when a template is filled with it."""
Targets = Mapping[tuple[str, str, str], float]
"""(dimension, group, KPI) → target; the whole store has the dimension and group ``""``."""


@dataclass(frozen=True)
class KpiValue:
    """One KPI of one group."""

    value: Number | None
    """Rates are fractions, not rounded."""
    numerator: Number | None
    denominator: Number | None
    """Both None for a KPI that is no ratio."""
    reason: Reason | None
    """Why there is no value."""
    target: float | None
    attainment: float | None
    """Value to target."""
    status: Status | None
    """By the target, the KPI's direction and its band."""
    compared: Mapping[str, Number | None]
    """The value of other periods: ``previous`` (the month before) and what was asked for; empty for a week or day."""
    score: float | None = None
    """Points by the rule of the book, where it has one."""
    projected: float | None = None
    """Where a running month ends if it goes on as by today; only of what adds up over days."""

    @property
    def gap(self) -> float | None:
        """How far the value is above its target; below zero where it falls short."""
        return None if self.value is None or self.target is None else float(self.value) - self.target

    @property
    def previous(self) -> Number | None:
        """The value of the month before, of as many days as the month has had."""
        return self.compared.get("previous")


@dataclass(frozen=True)
class Group:
    """The measures and KPIs of the whole or of one group."""

    measures: Mapping[str, Number | None]
    kpis: Mapping[str, KpiValue]
    score: float | None
    """The weighted mean of its KPIs' points."""


@dataclass(frozen=True)
class Account:
    """What became of the rows of every sheet that holds records of the month."""

    files: int
    rows: int
    data: int
    """Rows that are in the store, new or known before."""
    set_aside: int
    not_data: int


@dataclass(frozen=True)
class Basis:
    """What a month's values are made of; templates and pages find there what the report itself does not show."""

    table: Table
    month: str
    """Label of the month among the table's periods."""
    compared: Mapping[str, str]
    """Name of another period → its label."""
    targets: Targets
    columns: tuple[str, ...]
    """The dimensions of the table."""
    parts: Mapping[str, tuple[str, ...]]
    """``week``, ``day`` → the labels of the month's parts."""
    monthly: frozenset[str]
    """Measures that no part of a month can tell."""
    dealer: str | None
    """The dealer that was asked for; None for all there are."""
    known_on: date | None
    """The day that is looked back to, where one was asked for."""
    today: date
    store: Store
    """The store as it was opened for it: what comes later sees the same, and reads nothing of it twice."""


@dataclass(frozen=True)
class Report:
    """One month by one book."""

    dealer: str | None
    """None for all dealers of the store."""
    month: str
    book: Book
    total: Group
    by: Mapping[str, Mapping[str, Group]]
    """Dimension → group → its values."""
    account: Account
    closed: datetime | None = None
    """When the month was closed, where it shows what was known then."""
    known: datetime | None = None
    """The moment it looks back to, where one was asked for."""
    days: int | None = None
    """Of a month that is not over: of how many days it is. Other periods are compared by as many."""
    pace: float | None = None
    """Of a month that is not over: the share of its working days that has passed."""
    basis: Basis | None = field(default=None, repr=False, compare=False)


def groups(
    book: Book,
    table: Table,
    period: str,
    compared: Mapping[str, str],
    dimension: str,
    targets: Targets,
    aims: Mapping[str, Aim],
    pace: float | None = None,
) -> dict[str, Group]:
    """The groups of one dimension (``""`` for the whole) in one period, each with the values of other periods by name.

    `aims` are the book's own targets, for what has none in `targets`: of the whole, and of rates in every group. `pace`
    is the share of a running month that has passed.
    """
    lacking = table.lacking.get(dimension, frozenset())
    shared = {key: aim for key, aim in aims.items() if not dimension or book.kpis[key].is_ratio}
    made = {}
    for name in table.groups(period, dimension, book.measures):
        reasons = {key: table.reasons.get((period, key)) for key in book.measures}
        reasons |= dict.fromkeys(lacking, "source_missing")
        others = {key: table.values.get((label, dimension, name)) for key, label in compared.items()}
        wanted = {key: target for (dim, group, key), target in targets.items() if (dim, group) == (dimension, name)}
        told = table.values[period, dimension, name]
        values = _planned(book, {key: told[key] for key in book.measures}, wanted)
        made[name] = group(book, values, reasons, others, wanted, shared, pace)
    return made


def part(book: Book, basis: Basis, label: str, dimension: str = "", name: str = "") -> Group:
    """A week or day, of the whole or of one group; what the whole month cannot tell, its parts cannot either."""
    table = basis.table
    absent: dict[str, Reason | None] = {
        key: reason for (period, key), reason in table.reasons.items() if period == basis.month
    }
    absent |= dict.fromkeys((*basis.monthly, *table.lacking.get(dimension, ())), "source_missing")
    told = table.values.get((label, dimension, name), {})
    values = {key: None if key in absent else told.get(key) or 0 for key in book.measures}
    return group(book, values, absent, {}, {}, {})


def _planned(book: Book, measures: Values, targets: Mapping[str, float]) -> Values:
    """Measures with the targets that are measures of the book themselves."""
    planned = {key: targets.get(entry.of) for key, entry in book.measures.items() if entry.count == "target"}
    return {**measures, **planned} if planned else measures


def group(
    book: Book,
    measures: Values,
    reasons: Mapping[str, Reason | None],
    compared: Mapping[str, Values | None],
    targets: Mapping[str, float],
    aims: Mapping[str, Aim],
    pace: float | None = None,
) -> Group:
    """Compute every KPI of the book from one group's measures."""
    kpis = {}
    for key, kpi in book.kpis.items():
        aim = _aim(kpi, targets[key]) if key in targets else aims.get(key)
        value = _kpi(kpi, measures, reasons, compared, aim, book.scoring)
        if pace and value.value is not None and _grows(book, kpi):
            value = replace(value, projected=float(value.value) / pace)
        kpis[key] = value
    return Group(measures, kpis, _score(book, kpis))


def _grows(book: Book, kpi: Kpi) -> bool:
    """Whether a KPI is a sum of what happens day by day."""
    parts = [book.measures[key] for key in kpi.measures]
    added = all(sign in "+-" for sign in kpi.formula if sign in "+-*/") and "abs" not in kpi.formula
    return added and bool(parts) and all(part.count in ("rows", "sum") for part in parts)


def _aim(kpi: Kpi, target: float) -> Aim:
    return Aim(None, target) if kpi.direction == "down" else Aim(target, None)


def _kpi(
    kpi: Kpi,
    measures: Values,
    reasons: Mapping[str, Reason | None],
    compared: Mapping[str, Values | None],
    aim: Aim | None,
    scoring: Scoring | None,
) -> KpiValue:
    value, numerator, denominator = _parts(kpi, measures)
    others = {name: _parts(kpi, values)[0] if values else None for name, values in compared.items()}
    if value is None:
        target = aim.target if aim else None
        return KpiValue(None, numerator, denominator, _reason(kpi, reasons, denominator), target, None, None, others)
    if aim is None:
        return KpiValue(value, numerator, denominator, None, None, None, None, others)
    attainment = float(value) / aim.target if aim.target else None
    points = score(scoring, kpi, float(value), aim.target) if scoring else None
    status = _status(kpi, float(value), aim)
    return KpiValue(value, numerator, denominator, None, aim.target, attainment, status, others, points)


def score(scoring: Scoring, kpi: Kpi, value: float, target: float) -> float | None:
    """Points for a value by the rule of a book (S-003: target = 100, +1 % = +1.3, −1 % = −0.3); None for a target of 0.

    A rate counts in percentage points, everything else in percent of its target; less is better for a KPI that goes
    down.
    """
    if kpi.unit == "%":
        steps = (value - target) * 100
    elif target:
        steps = (value / target - 1) * 100
    else:
        return None
    better = -steps if kpi.direction == "down" else steps
    points = scoring.base + better * (scoring.reward if better >= 0 else scoring.penalty)
    capped = points if scoring.cap is None else min(points, scoring.cap)
    return capped if scoring.floor is None else max(capped, scoring.floor)


def performance_pay(total: float, own: float, team: float) -> float:
    """What a person is paid by attainment: 绩效 = 总绩效 × 个人达成率 × 团队达成率 (S-000)."""
    return total * own * team


def _score(book: Book, kpis: Mapping[str, KpiValue]) -> float | None:
    """The weighted mean of the scores there are; None without one."""
    scored = [(kpi.score, book.kpis[key].weight) for key, kpi in kpis.items() if kpi.score is not None]
    weights = sum(weight for _, weight in scored)
    return sum(points * weight for points, weight in scored) / weights if weights else None


def _parts(kpi: Kpi, measures: Values) -> tuple[Number | None, Number | None, Number | None]:
    """The value of a KPI and, for a ratio, its numerator and denominator."""
    if kpi.node is None:
        return None, None, None
    if isinstance(kpi.node, formula.Operation) and kpi.is_ratio:
        numerator, denominator = (formula.evaluate(part, measures) for part in (kpi.node.left, kpi.node.right))
        return formula.evaluate(kpi.node, measures), numerator, denominator
    return formula.evaluate(kpi.node, measures), None, None


def _reason(kpi: Kpi, reasons: Mapping[str, Reason | None], denominator: Number | None) -> Reason:
    if kpi.node is None:
        return "source_missing"
    missing = [reason for key in kpi.measures if (reason := reasons.get(key))]
    for reason in ("source_missing", "history_missing", "no_rows"):
        if reason in missing:
            return reason
    return "zero_denominator"


def _status(kpi: Kpi, value: float, aim: Aim) -> Status | None:
    if kpi.direction == "none":
        return None
    return "good" if aim.met(value) else "near" if aim.met(value, 1 - kpi.near) else "bad"
