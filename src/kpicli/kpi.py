"""Make the report: KPI values with their parts, reasons, targets and the month before, from measured values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from kpicli import formula
from kpicli.catalogue import Book, Kpi
from kpicli.formula import Number
from kpicli.measure import Reason, Table, Values

Status = Literal["good", "near", "bad"]
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
    previous: Number | None
    """The value of the month before; None for a week or a day."""


@dataclass(frozen=True)
class Group:
    """The measures and KPIs of the whole or of one group."""

    measures: Mapping[str, Number | None]
    kpis: Mapping[str, KpiValue]


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


def groups(
    book: Book, table: Table, period: str, previous: str | None, dimension: str, targets: Targets
) -> dict[str, Group]:
    """The groups of one dimension (``""`` for the whole) in one period, each with the values of the period before."""
    lacking = table.lacking.get(dimension, frozenset())
    made = {}
    for name in table.groups(period, dimension):
        reasons = {key: table.reasons.get((period, key)) for key in book.measures}
        reasons |= dict.fromkeys(lacking, "source_missing")
        before = table.values.get((previous, dimension, name)) if previous else None
        wanted = {key: target for (dim, group, key), target in targets.items() if (dim, group) == (dimension, name)}
        made[name] = group(book, table.values[period, dimension, name], reasons, before, wanted)
    return made


def group(
    book: Book,
    measures: Values,
    reasons: Mapping[str, Reason | None],
    before: Values | None,
    targets: Mapping[str, float],
) -> Group:
    """Compute every KPI of the book from one group's measures."""
    kpis = {key: _kpi(kpi, measures, reasons, before, targets.get(key)) for key, kpi in book.kpis.items()}
    return Group(measures, kpis)


def _kpi(
    kpi: Kpi, measures: Values, reasons: Mapping[str, Reason | None], before: Values | None, target: float | None
) -> KpiValue:
    value, numerator, denominator = _parts(kpi, measures)
    previous = _parts(kpi, before)[0] if before else None
    attainment = float(value) / target if value is not None and target else None
    status = _status(kpi, float(value), target) if value is not None and target is not None else None
    reason = None if value is not None else _reason(kpi, reasons, denominator)
    return KpiValue(value, numerator, denominator, reason, target, attainment, status, previous)


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


def _status(kpi: Kpi, value: float, target: float) -> Status | None:
    if kpi.direction == "none":
        return None
    if kpi.direction == "up":
        return "good" if value >= target else "near" if value >= kpi.near * target else "bad"
    return "good" if value <= target else "near" if value <= (2 - kpi.near) * target else "bad"
