"""A number taken apart: definition, formula with its numbers, and the cells it came from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from kpicli import kpi
from kpicli.catalogue import DIMENSIONS, Book, Kpi, Measure, near
from kpicli.errors import NothingToReport, UsageError
from kpicli.formula import Node, Number, Operation, names
from kpicli.kpi import KpiValue
from kpicli.masking import mask
from kpicli.measure import Reason, Trace, measure, trace
from kpicli.pipeline.months import find_month, seen, store_of
from kpicli.pipeline.targets import targets_of
from kpicli.workspace import Workspace


@dataclass(frozen=True)
class Part:
    """A numerator or a denominator, or all of a KPI that is no ratio."""

    value: Number | None
    measures: Mapping[str, Number | None]
    """The measures it is made of, with their values."""
    rows: pl.DataFrame
    """``measure``, ``file``, ``sheet``, ``row``, ``customer``, ``consultant``, ``value``; of each measure the values
    add up to its value."""
    left_out: pl.DataFrame
    """The rows of the period that do not count: the same without ``value``, with ``why``."""


@dataclass(frozen=True)
class Explained:
    """One KPI, or one measure, of one month."""

    book: Book
    entry: Kpi | Measure
    month: str
    dealer: str | None
    dimension: str
    group: str
    """``""`` for the whole store."""
    value: KpiValue
    numerator: Part
    denominator: Part | None
    """None for what is no ratio."""

    @property
    def measures(self) -> dict[str, Number | None]:
        """All measures that the formula has, with their values."""
        return {**self.numerator.measures, **(self.denominator.measures if self.denominator else {})}


def explain(
    workspace: Workspace,
    name: str,
    month: str = "last",
    *,
    book: str | None = None,
    by: str = "",
    group: str = "",
    dealer: str | None = None,
    known_on: date | None = None,
    show_pii: bool = False,
    today: date,
) -> Explained:
    """Take a KPI or a measure (by key or label) of a month apart, of the whole store or of one group `by` a dimension.

    Raises `UsageError` for a name that the book does not have or a group that the month does not have, and
    `NothingToReport` when there is no data. Customers' names are masked unless `show_pii`.
    """
    catalogue, store = workspace.catalogue, store_of(workspace, known_on)
    house = catalogue.book(book or workspace.settings.book)
    key = house.find(name)
    if key is None:
        raise UsageError("unknown_kpi", book=house.key, name=name, near=near(name, [*house.kpis, *house.measures]))
    if by and by not in DIMENSIONS:
        raise UsageError("unknown_grouping", name=by, known=", ".join(DIMENSIONS))
    chosen = find_month(store, catalogue, month, today, dealer)
    view = seen(store, chosen, dealer, pinned=known_on is None)
    period = chosen.first(chosen.days_by(today))
    grace = workspace.settings.followup_grace_days
    with store.reading():
        table = measure(catalogue, house, view, [period], [by] if by else [], dealer=dealer, grace_days=grace)
        targets, _ = targets_of(workspace, view, house, chosen, dealer)
        aims = house.aims(workspace.settings.tier)
        groups = kpi.groups(house, table, str(chosen), {}, by, targets, aims)
        if group not in groups:
            raise NothingToReport("unknown_group", name=group, by=by, known=", ".join(groups))
        found = groups[group]

        def traced(wanted: str) -> Trace:
            return trace(
                catalogue, house, view, period, wanted, dimension=by, group=group, dealer=dealer, grace_days=grace
            )

        def part(node_names: Iterator[str], value: Number | None) -> Part:
            used = list(dict.fromkeys(node_names))
            traces = {one: traced(one) for one in used if house.measures[one].count != "target"}
            return Part(
                value,
                {one: found.measures[one] for one in used},
                _together({one: trace.rows for one, trace in traces.items()}, "value", show_pii=show_pii),
                _together({one: trace.left_out for one, trace in traces.items()}, "why", show_pii=show_pii),
            )

        entry = house.kpis.get(key) or house.measures[key]
        if isinstance(entry, Measure):
            value = _alone(found.measures[key], table.reasons.get((str(chosen), key)))
            return Explained(house, entry, str(chosen), dealer, by, group, value, part(iter([key]), value.value), None)
        value = found.kpis[key]
        if entry.is_ratio and isinstance(entry.node, Operation):
            above = part(names(entry.node.left), value.numerator)
            below = part(names(entry.node.right), value.denominator)
        else:
            above, below = part(_names(entry.node), value.value), None
    return Explained(house, entry, str(chosen), dealer, by, group, value, above, below)


def _names(node: Node | None) -> Iterator[str]:
    if node is not None:
        yield from names(node)


def _alone(value: Number | None, reason: Reason | None) -> KpiValue:
    return KpiValue(value, None, None, reason if value is None else None, None, None, None, {})


_SHOWN = ("file", "sheet", "row", "customer", "consultant")


def _together(frames: Mapping[str, pl.DataFrame], last: str, *, show_pii: bool) -> pl.DataFrame:
    """The rows of several measures, each with its measure's key."""
    if not frames:
        return pl.DataFrame(schema={"measure": pl.String, **dict.fromkeys(_SHOWN, pl.String), last: pl.String})
    exact = pl.col(last).cast(pl.Decimal(30, 2)) if last == "value" else pl.col(last)
    every = pl.concat(frame.select(pl.lit(key).alias("measure"), *_SHOWN, exact) for key, frame in frames.items())
    if show_pii:
        return every
    people = every["customer"].drop_nulls().unique().to_list()
    return every.with_columns(pl.col("customer").replace({name: mask("name", name) for name in people}))
