"""Compute the measures of a book for all periods and groups asked for, in one lazy plan that scans each table once.

Every measure becomes a stream of events ``(period, dealer, consultant, model, source, channel, who, value)``; sums
and distinct counts over any grouping follow from the events. Only filters, joins, group-by and sums are used, so that
the same declarations can run on a cluster.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Literal, Protocol

import polars as pl

from kpicli.catalogue import DIMENSIONS, Book, Catalogue, DurationFact, Fact, Filter, Form, Measure, TimelyFact
from kpicli.formula import Number
from kpicli.normalise import VALID_PHONE
from kpicli.periods import Period

UNASSIGNED = {"consultant": "未分配"}
UNFILLED = "未填"
"""How a group is called whose rows have nothing in the column."""
NOBODY = frozenset((*UNASSIGNED.values(), UNFILLED))
"""Groups that are nobody: they have no rank, and nobody is held against them."""

_VALUE = pl.Decimal(30, 2)
_EVENT = {"period": pl.String(), **dict.fromkeys((*DIMENSIONS, "who"), pl.String()), "value": _VALUE}
_NO_EVENTS = pl.LazyFrame(schema=_EVENT | {"measure": pl.String()})

_ORIGIN = ("key", "file", "sheet", "row", "customer")
"""Where a row comes from, and whose it is."""

Reason = Literal["no_rows", "zero_denominator", "source_missing", "history_missing"]
Values = dict[str, Number | None]
"""Measure → value; None where there is nothing to count from."""


class Rows(Protocol):
    """Where the rows come from: a store, or a test."""

    def rows(
        self, form: Form, *, since: str | None = None, until: str | None = None, dealer: str | None = None
    ) -> pl.LazyFrame:
        """The current rows of a form in the months `since` to `until`."""

    def months(self, form: Form, dealer: str | None = None) -> list[str]:
        """The months a form has rows in."""


@dataclass(frozen=True)
class Table:
    """Measures by period, dimension and group."""

    values: Mapping[tuple[str, str, str], Values]
    """(period label, dimension, group) → its measures. The whole has the dimension and group ``""``."""
    reasons: Mapping[tuple[str, str], Reason]
    """(period label, measure) → why the whole has no value."""
    lacking: Mapping[str, frozenset[str]]
    """Dimension → measures that cannot be told apart by it."""
    counted: Mapping[tuple[str, str, str], frozenset[str]]
    """(period label, dimension, group) → the measures that have rows there."""

    @classmethod
    def joined(cls, tables: "Iterable[Table]") -> "Table":
        """Tables of one book and of different periods as one."""
        one, *others = tables
        for other in others:
            values, reasons = {**one.values, **other.values}, {**one.reasons, **other.reasons}
            one = cls(values, reasons, one.lacking, {**one.counted, **other.counted})
        return one

    def groups(self, period: str, dimension: str, measures: Collection[str]) -> list[str]:
        """The groups of a dimension in which any of some measures has rows in a period; the whole is always there."""
        return sorted(
            group
            for (label, dim, group), counted in self.counted.items()
            if (label, dim) == (period, dimension) and (not dim or not counted.isdisjoint(measures))
        )


def measure(
    catalogue: Catalogue,
    book: Book,
    source: Rows,
    periods: Sequence[Period],
    dimensions: Sequence[str] = (),
    *,
    dealer: str | None = None,
    grace_days: int = 0,
) -> Table:
    """Compute every measure of a book for each period: the whole, and by each of `dimensions`."""
    plan = _Plan(catalogue, book, source, periods, dealer, grace_days)
    counted = {key: entry for key, entry in book.measures.items() if entry.count != "target"}
    streams = {key: plan.events(entry).with_columns(measure=pl.lit(key)) for key, entry in counted.items()}
    sums = [streams[key] for key, entry in counted.items() if entry.additive]
    counts = [streams[key] for key, entry in counted.items() if not entry.additive]
    queries = [
        query for dimension in ("", *dimensions) for query in (_sums(sums, dimension), _distinct(counts, dimension))
    ]
    known = plan.known_flags(book)
    results = pl.collect_all([*queries, *known.values()])
    flags = dict(zip(known, results[len(queries) :], strict=True))
    reasons = _reasons(plan, book, periods, results[:2], flags)
    lacking = {d: frozenset(k for k, m in book.measures.items() if not plan.has(m.form, d)) for d in dimensions}
    found = _found(book, periods, dimensions, results[: len(queries)])
    there = {place: frozenset(values) for place, values in found.items()}
    return Table(_values(book, found, reasons, lacking), reasons, lacking, there)


@dataclass(frozen=True)
class Trace:
    """The rows behind a measure: where each comes from, and what it counts.

    Both frames have ``dealer``, ``consultant``, ``model``, ``source``, ``channel``, ``key``, ``file``, ``sheet``,
    ``row``, ``customer``.
    """

    rows: pl.DataFrame
    """With ``value``; the values add up to the measure."""
    left_out: pl.DataFrame
    """Rows of the period that do not count, with ``why``."""


def trace(
    catalogue: Catalogue,
    book: Book,
    source: Rows,
    period: Period,
    key: str,
    *,
    dimension: str = "",
    group: str = "",
    dealer: str | None = None,
    grace_days: int = 0,
) -> Trace:
    """Give the rows that a measure counts in a period, of the whole or of one group, and those it leaves out."""
    plan = _Plan(catalogue, book, source, [period], dealer, grace_days, tracing=True)
    entry = book.measures[key]
    rows, left = plan.events(entry), plan.left_out(entry)
    if dimension:
        rows, left = (frame.filter(pl.col(dimension) == group) for frame in (rows, left))
    counted, left_out = pl.collect_all([rows.sort("file", "sheet", "row"), left.sort("file", "sheet", "row")])
    if not entry.additive:
        again = ~pl.col("who").is_first_distinct()
        doubles = counted.filter(again).drop("value").with_columns(why=pl.lit(_AGAIN[entry.count]))
        counted, left_out = counted.filter(~again), pl.concat([left_out, doubles.select(left_out.columns)])
    if entry.count != "sum":
        counted = counted.with_columns(pl.col("value").cast(pl.Int64))
    return Trace(counted.drop("period", "who"), left_out.drop("period", "who"))


def origins(
    catalogue: Catalogue, book: Book, source: Rows, period: Period, *, dealer: str | None = None, grace_days: int = 0
) -> dict[str, list[tuple[str, str, int]]]:
    """Give for every measure of a book how many rows of which file and sheet it counts in a period, in one plan.

    The rows are those of `trace`: as many of each file and sheet.
    """
    plan = _Plan(catalogue, book, source, [period], dealer, grace_days, tracing=True)
    place = ("measure", "file", "sheet")
    streams: dict[bool, list[pl.LazyFrame]] = {True: [], False: []}
    for key, entry in book.measures.items():
        if entry.count != "target":
            rows = plan.events(entry).select(pl.lit(key).alias("measure"), "file", "sheet", "row", "who")
            streams[entry.additive].append(rows)
    if streams[False]:  # of customers and values the first row of each
        ordered = pl.concat(streams[False]).sort("file", "sheet", "row")
        streams[True].append(ordered.unique(["measure", "who"], keep="first", maintain_order=True))
    found: dict[str, list[tuple[str, str, int]]] = {key: [] for key in book.measures}
    for frame in pl.collect_all([rows.group_by(place).len() for rows in streams[True]]):
        for key, file, sheet, count in frame.sort("file", "sheet").iter_rows():
            found[key].append((file or "", sheet or "", count))
    return found


def events(
    catalogue: Catalogue, book: Book, source: Rows, span: Period, keys: Iterable[str], *, dealer: str | None = None
) -> dict[str, pl.LazyFrame]:
    """Give what measures of rows or customers count in a span of days, event by event.

    Frames of ``dealer``, ``consultant``, ``model``, ``source``, ``channel``, ``person``, ``who``, ``day``, ``value``;
    ``person`` is the customer's phone, null where the row has none that can be used; ``who`` is never null.
    """
    plan = _Plan(catalogue, book, source, [span], dealer, 0)
    return {key: plan.dated_events(book.measures[key]) for key in keys}


def first_days(source: Rows, forms: Iterable[Form], until: Period, dealer: str | None = None) -> pl.LazyFrame:
    """Give the day on which each customer first appears in any of some forms: ``dealer``, ``person``, ``first_day``."""
    found = [
        identified(source.rows(form, until=f"{until.end - timedelta(days=1):%Y-%m}", dealer=dealer), form)
        .drop_nulls("person")
        .group_by("dealer", "person")
        .agg(pl.col(form.date).min().alias("first_day"))
        for form in forms
    ]
    return pl.concat(found).group_by("dealer", "person").agg(pl.col("first_day").min())


_AGAIN = {"customers": "同一客户已计一次", "distinct": "同一取值已计一次"}


class _Plan:
    """The lazy frames of one computation."""

    def __init__(
        self,
        catalogue: Catalogue,
        book: Book,
        source: Rows,
        periods: Sequence[Period],
        dealer: str | None,
        grace_days: int,
        *,
        tracing: bool = False,
    ) -> None:
        self.catalogue, self.source, self.dealer, self.grace_days = catalogue, source, dealer, grace_days
        self.tracing = tracing
        self.periods = pl.LazyFrame(
            {
                "period": [p.label for p in periods],
                "start": [p.start for p in periods],
                "end": [p.end for p in periods],
            },
            schema={"period": pl.String, "start": pl.Date, "end": pl.Date},
        )
        days = [(p.start + timedelta(days=n), p.label) for p in periods for n in range((p.end - p.start).days)]
        self.calendar = pl.LazyFrame(days, schema={"day": pl.Date, "period": pl.String}, orient="row")
        self.first, self.last = min(p.start for p in periods), max(p.end for p in periods) - timedelta(days=1)
        self.since, self.until = f"{self.first:%Y-%m}", f"{self.last:%Y-%m}"
        self._bases: dict[tuple[str, bool], pl.LazyFrame] = {}
        self._used: dict[str, set[str]] = {form: set() for form in catalogue.forms}
        for entry in book.measures.values():
            date = catalogue.forms[entry.form].date
            columns = {*entry.columns, *entry.closed, *entry.filled, *filter(None, [entry.column])}
            self._used[entry.form] |= {date, entry.date, *columns}

    def has(self, form: str, dimension: str) -> bool:
        return dimension == "dealer" or dimension in self.catalogue.forms[form].columns

    def dated_events(self, measure: Measure) -> pl.LazyFrame:
        """The events of one measure with their days."""
        rows = self._counted(measure)
        return rows.select(*DIMENSIONS, "person", "who", day=pl.col(measure.date), value=_value(measure).cast(_VALUE))

    def _counted(self, measure: Measure) -> pl.LazyFrame:
        """The rows that a measure counts, each in its period."""
        rows = self._candidates(measure).filter(_wanted(self.catalogue.forms[measure.form], measure))
        if measure.unless_before:
            rows = self._unless_before(rows, measure.date, self.catalogue.forms[measure.unless_before])
        return rows

    def events(self, measure: Measure) -> pl.LazyFrame:
        """The events of one measure, each in its period."""
        rows = self._counted(measure)
        counted = pl.col(measure.column or "").cast(pl.String) if measure.count == "distinct" else pl.col("who")
        traced = [name for name in _ORIGIN if self.tracing]
        return rows.select("period", *DIMENSIONS, *traced, who=counted, value=_value(measure).cast(_VALUE))

    def left_out(self, measure: Measure) -> pl.LazyFrame:
        """The rows of the period that a measure does not count, with ``why``; of a stock only those open then."""
        form = self.catalogue.forms[measure.form]
        rows = self._candidates(measure)
        left = rows.filter(~_wanted(form, measure)).with_columns(why=_why(form, measure))
        if measure.unless_before:
            other = self.catalogue.forms[measure.unless_before]
            wanted = rows.filter(_wanted(form, measure))
            kept = self._unless_before(wanted, measure.date, other).select("dealer", "key")
            before = wanted.join(kept, on=["dealer", "key"], how="anti")
            left = pl.concat([left, before.with_columns(why=pl.lit(f"此前已有：{other.label}"))])
        return left.select("period", *DIMENSIONS, *_ORIGIN, "who", "why")

    def _candidates(self, measure: Measure) -> pl.LazyFrame:
        """The rows of a measure's form that belong to each period."""
        form = self.catalogue.forms[measure.form]
        rows = self._base(form, measure.count == "open" or measure.date != form.date)
        if measure.count == "open":
            return self._open(rows, measure)
        if form.columns[measure.date].type == "month":
            return self._of_months(rows, measure.date)
        return self._dated(rows, measure.date)

    def known_flags(self, book: Book) -> dict[tuple[str, str], pl.LazyFrame]:
        """How many rows of each period say yes or no in each flag the measures look at."""
        wanted = {
            (m.form, name)
            for m in book.measures.values()
            for name in m.columns
            if name in self.catalogue.forms[m.form].columns
            and self.catalogue.forms[m.form].columns[name].type == "flag"
        }
        return {
            (form, name): self._dated(self._base(self.catalogue.forms[form], False), self.catalogue.forms[form].date)
            .group_by("period")
            .agg(pl.col(name).is_not_null().cast(pl.Int64).sum())
            for form, name in sorted(wanted)
        }

    def _base(self, form: Form, whole: bool) -> pl.LazyFrame:
        """The rows of a form, of the periods' months or of all up to them, with dimensions, customer and facts.

        Read once, however many measures and groupings ask for them.
        """
        if (form.key, whole) not in self._bases:
            rows = self._rows(form, None if whole else self.since)
            for fact in form.facts.values():
                rows = self._with_fact(rows, form, fact)
            dimensions = [_dimension(form, name) for name in DIMENSIONS]
            used = self._used[form.key] - set(DIMENSIONS)
            if self.tracing:
                used |= {*_ORIGIN} - {"customer"}
                name = "customer" if "customer" in form.columns else pl.lit(None, pl.String).alias("customer")
                dimensions.append(pl.col(name) if isinstance(name, str) else name)
                used -= {"customer"}
            self._bases[form.key, whole] = rows.select(*dimensions, "person", "who", *sorted(used)).cache()
        return self._bases[form.key, whole]

    def _rows(self, form: Form, since: str | None) -> pl.LazyFrame:
        return identified(self.source.rows(form, since=since, until=self.until, dealer=self.dealer), form)

    def _with_fact(self, rows: pl.LazyFrame, form: Form, fact: Fact) -> pl.LazyFrame:
        if isinstance(fact, DurationFact):
            minutes = _minutes(fact.end) - _minutes(fact.start)
            return rows.with_columns(pl.when(minutes >= 0).then(minutes).alias(fact.key))
        if isinstance(fact, TimelyFact):
            timely = pl.col(fact.done) <= pl.col(fact.due) + timedelta(days=self.grace_days)
            return rows.with_columns(timely.fill_null(False).alias(fact.key))
        date = pl.col(form.date)
        earlier = pl.when(_passes(fact.earlier)).then(date).min().alias("first_earlier")
        never = pl.when(_passes(fact.never)).then(date).min().alias("first_never")
        history = self._history(form, rows).group_by("dealer", "person").agg(earlier, never)
        true = (pl.col("first_earlier") < date) & ~(pl.col("first_never") < date).fill_null(False)
        beside = rows.join(history, on=["dealer", "person"], how="left")
        return beside.with_columns(true.fill_null(False).alias(fact.key)).drop("first_earlier", "first_never")

    def _history(self, form: Form, rows: pl.LazyFrame) -> pl.LazyFrame:
        """All rows up to the last period of the persons who are in these rows."""
        persons = rows.select("dealer", "person").drop_nulls().unique()
        return self._rows(form, None).join(persons, on=["dealer", "person"], how="semi")

    def _dated(self, rows: pl.LazyFrame, date: str) -> pl.LazyFrame:
        inside = rows.filter(pl.col(date).is_between(self.first, self.last))
        return inside.join(self.calendar, left_on=date, right_on="day", how="inner")

    def _of_months(self, rows: pl.LazyFrame, month: str) -> pl.LazyFrame:
        """What is said of whole months belongs to the periods that have whole months."""
        months = self.calendar.group_by("period", month=pl.col("day").dt.strftime("%Y-%m")).agg(
            whole=pl.len() == pl.col("day").first().dt.month_end().dt.day()
        )
        return rows.join(months.filter("whole"), left_on=month, right_on="month", how="inner")

    def _open(self, rows: pl.LazyFrame, measure: Measure) -> pl.LazyFrame:
        """One event for each period at whose start, or end, a row was open."""
        closed = pl.min_horizontal(measure.closed) if len(measure.closed) > 1 else pl.col(measure.closed[0])
        stock = rows.with_columns(closed=closed).join(self.periods, how="cross")
        return stock.filter(
            pl.col(measure.date) < pl.col(measure.at), (pl.col("closed") >= pl.col(measure.at)).fill_null(True)
        )

    def _unless_before(self, rows: pl.LazyFrame, date: str, other: Form) -> pl.LazyFrame:
        """Leave out the customers with a row in another form on a day before the first one here, in each period."""
        first = rows.group_by("period", "dealer", "who").agg(pl.col(date).min().alias("first_here"))
        before = (
            self._history(other, rows).group_by("dealer", "person").agg(pl.col(other.date).min().alias("first_there"))
        )
        beside = rows.join(first, on=["period", "dealer", "who"]).join(before, on=["dealer", "person"], how="left")
        return beside.filter((pl.col("first_there") >= pl.col("first_here")).fill_null(True))


def identified(rows: pl.LazyFrame, form: Form) -> pl.LazyFrame:
    """Rows with ``person``, the phone that a customer is known by, and ``who``, which a row without one has alone."""
    phone = pl.col("phone") if "phone" in form.columns else pl.lit(None, pl.String)
    known = pl.when(phone.str.contains(VALID_PHONE)).then(phone)
    alone = pl.concat_str([pl.lit("#"), "dealer", pl.lit("/"), "key"])
    return rows.with_columns(person=known, who=pl.coalesce(known, alone))


def _dimension(form: Form, name: str) -> pl.Expr:
    """A grouping column, empty cells by the name they are shown under; null throughout where the form lacks it."""
    if name == "dealer":
        return pl.col(name)
    if name not in form.columns:
        return pl.lit(None, pl.String).alias(name)
    return pl.col(name).fill_null(UNASSIGNED.get(name, UNFILLED))


def _passes(table: Filter) -> pl.Expr:
    """Whether a row passes every entry of a filter; an empty cell passes none."""
    tests = [
        pl.any_horizontal([pl.col(name) == value for value in values]).fill_null(False)
        for name, values in table.items()
    ]
    return pl.all_horizontal(tests)


def _wanted(form: Form, measure: Measure) -> pl.Expr:
    """Whether a row passes what a measure asks of it."""
    tests = [_filled(form, name) for name in measure.filled]
    if measure.count == "distinct":
        tests.append(_filled(form, measure.column or ""))
    if measure.where:
        tests.append(pl.any_horizontal([_passes(table) for table in measure.where]))
    return pl.all_horizontal(tests) if tests else pl.lit(True)


def _why(form: Form, measure: Measure) -> pl.Expr:
    """The first thing that a measure asks of a row and the row does not have, in words."""
    empty = [*measure.filled, *([measure.column or ""] if measure.count == "distinct" else [])]
    said = pl.coalesce(
        pl.lit(None, pl.String),
        *(pl.when(~_filled(form, name)).then(pl.lit(f"{_label(form, name)} 为空")) for name in empty),
    )
    if len(measure.where) == 1:
        found = [
            pl.when(~_passes({name: values})).then(pl.lit(f"{_label(form, name)} 不是 {_words(values)}"))
            for name, values in measure.where[0].items()
        ]
        return pl.coalesce(said, *found)
    return pl.coalesce(said, pl.lit("各条件都不符"))


def _label(form: Form, name: str) -> str:
    return form.columns[name].label if name in form.columns else form.facts[name].label


def _words(values: Iterable[object]) -> str:
    return "、".join({True: "是", False: "否"}.get(value, str(value)) for value in values)  # type: ignore[call-overload]


def _minutes(name: str) -> pl.Expr:
    """Minutes since midnight of a time, which is stored as 09:05."""
    hours, minutes = (pl.col(name).str.slice(start, 2).cast(pl.Int64) for start in (0, 3))
    return hours * 60 + minutes


def _filled(form: Form, name: str) -> pl.Expr:
    """Whether a row says something in a column: a dimension is not the name of what is empty, money is not nothing."""
    said = pl.col(name).is_not_null()
    if name in DIMENSIONS:
        return said & (pl.col(name) != UNASSIGNED.get(name, UNFILLED))
    if name in form.columns and form.columns[name].type == "money":
        return said & (pl.col(name) != 0)
    return said


def _value(measure: Measure) -> pl.Expr:
    one = pl.col(measure.column or "") if measure.count == "sum" else pl.lit(1)
    return pl.when(_passes(measure.minus)).then(-one.abs()).otherwise(one) if measure.minus else one


def _sums(events: Sequence[pl.LazyFrame], dimension: str) -> pl.LazyFrame:
    rows = pl.concat([_NO_EVENTS, *events]).select("period", _group(dimension), "measure", "value")
    return rows.group_by("period", "group", "measure").agg(pl.col("value").sum())


def _distinct(events: Sequence[pl.LazyFrame], dimension: str) -> pl.LazyFrame:
    customers = pl.concat([_NO_EVENTS, *events]).select("period", _group(dimension), "measure", "who").unique()
    return customers.group_by("period", "group", "measure").agg(pl.len().cast(_VALUE).alias("value"))


def _group(dimension: str) -> pl.Expr:
    return (pl.col(dimension) if dimension else pl.lit("")).alias("group")


def _reasons(
    plan: _Plan,
    book: Book,
    periods: Sequence[Period],
    whole: Sequence[pl.DataFrame],
    flags: Mapping[tuple[str, str], pl.DataFrame],
) -> dict[tuple[str, str], Reason]:
    """Why the whole of a period has no value for a measure: a period without data is not zero."""
    counted = {(period, key) for frame in whole for period, _, key, _ in frame.iter_rows()}
    said = {(form, name): {period for period, n in frame.iter_rows() if n} for (form, name), frame in flags.items()}
    forms = {entry.form: plan.catalogue.forms[entry.form] for entry in book.measures.values()}
    months = {key: plan.source.months(form, plan.dealer) for key, form in forms.items()}
    reasons: dict[tuple[str, str], Reason] = {}
    for period in periods:
        for key, entry in book.measures.items():
            found = (period.label, key) in counted
            monthly = forms[entry.form].monthly  # of its items each is there or not
            reason = _reason(entry, period, months[entry.form], said, found, monthly=monthly)
            if reason:
                reasons[period.label, key] = reason
    return reasons


def _reason(
    entry: Measure,
    period: Period,
    months: Sequence[str],
    said: Mapping[tuple[str, str], set[str]],
    counted: bool,
    *,
    monthly: bool,
) -> Reason | None:
    if entry.count == "target":
        return "no_rows"  # unless there is one: targets are known by group
    if not months:
        return "source_missing"
    if entry.count == "open":
        return None if any(month < f"{period.start:%Y-%m}" for month in months) or counted else "history_missing"
    if counted:
        return None
    last = period.end - timedelta(days=1)
    if monthly or not any(f"{period.start:%Y-%m}" <= month <= f"{last:%Y-%m}" for month in months):
        return "no_rows"
    silent = any((entry.form, name) in said and period.label not in said[entry.form, name] for name in entry.columns)
    return "source_missing" if silent else None


def _found(
    book: Book, periods: Sequence[Period], dimensions: Sequence[str], frames: Sequence[pl.DataFrame]
) -> dict[tuple[str, str, str], Values]:
    """The measures that have rows, by place; the whole is there without any."""
    found: dict[tuple[str, str, str], Values] = {(p.label, "", ""): {} for p in periods}
    for dimension, pair in zip(("", *dimensions), zip(frames[::2], frames[1::2], strict=True), strict=True):
        for frame in pair:
            for period, group, key, value in frame.iter_rows():
                if group is not None:
                    found.setdefault((period, dimension, group), {})[key] = _number(book.measures[key], value)
    return found


def _values(
    book: Book,
    found: Mapping[tuple[str, str, str], Values],
    reasons: Mapping[tuple[str, str], Reason],
    lacking: Mapping[str, frozenset[str]],
) -> dict[tuple[str, str, str], Values]:
    """All measures by place: what has no rows is zero, or empty where the whole has a reason."""

    def of(period: str, dimension: str, values: Values) -> Values:
        empty = lacking.get(dimension, frozenset())
        return {key: None if (period, key) in reasons or key in empty else values.get(key, 0) for key in book.measures}

    return {place: of(place[0], place[1], values) for place, values in found.items()}


def _number(measure: Measure, value: Decimal) -> Number:
    return value if measure.count == "sum" else int(value)
