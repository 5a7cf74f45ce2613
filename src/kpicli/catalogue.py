"""Load the definitions of forms and books (TOML) into frozen records, all mistakes of all files reported together.

Two passes: the first reads every file as written and checks each table by itself; the second resolves what refers to
something else (a measure's columns in its form, a formula's names among the measures). A workspace's file of the same
name replaces the shipped one as a whole.
"""

import difflib
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeVar

from kpicli.errors import DefinitionError, UsageError
from kpicli.formula import FormulaError, Node, Operation, names, parse

T = TypeVar("T")

ColumnType = Literal[
    "text",
    "name",
    "staff",
    "phone",
    "date",
    "month",
    "time",
    "integer",
    "number",
    "money",
    "choice",
    "level",
    "flag",
    "vin",
]
COLUMN_TYPES: tuple[str, ...] = ColumnType.__args__  # type: ignore[attr-defined]
LEVELS = ("O", "H", "A", "B", "C", "D", "E", "F", "F0", "F1", "F2", "L", "M", "N", "无级", "其他")
"""Levels of all houses known; which of them are open, and their cadence, is a book's business."""

PRIVATE_TYPES = ("name", "phone")
"""Columns of these types are masked wherever they are shown. Staff names are not private."""

DIMENSIONS = ("dealer", "consultant", "model", "source", "channel")
"""Columns a report can be grouped by; a form that lacks one has no value in its groups."""

Value = str | bool
Filter = Mapping[str, tuple[Value, ...]]
"""Column or fact → the values that pass. A row passes a filter when it passes every entry."""


@dataclass(frozen=True)
class AllPresent:
    """A flag that a sheet lacks, read from whether other cells are filled."""

    columns: tuple[str, ...]


@dataclass(frozen=True)
class Column:
    """A column of a form."""

    key: str
    """Name in the store, JSON and exports (ASCII)."""
    label: str
    """Chinese label, also a header it is recognised by."""
    label_en: str
    type: ColumnType
    required: bool = False
    """A row without it does not count."""
    aliases: tuple[str, ...] = ()
    """Other headers seen in practice."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Spelling → canonical value. Empty for a choice that may grow."""
    yes: tuple[str, ...] = ()
    no: tuple[str, ...] = ()
    """Words for yes and no beside the usual ones, for a flag."""
    when_absent: str | AllPresent | None = None
    """What every row gets when the sheet has no such column."""
    when_empty: str | None = None
    """What an empty cell means."""

    @property
    def headers(self) -> tuple[str, ...]:
        """Every header the column is recognised by."""
        return (self.label, *self.aliases)

    @property
    def canonical(self) -> tuple[str, ...]:
        """The values it can take, where they are known: a closed choice, or the levels of all houses."""
        return LEVELS if self.type == "level" else tuple(dict.fromkeys(self.values.values()))


@dataclass(frozen=True)
class HistoryFact:
    """True for a row whose customer has an earlier-day row passing `earlier` and none passing `never`."""

    key: str
    label: str
    earlier: Filter
    never: Filter


@dataclass(frozen=True)
class TimelyFact:
    """True for a row whose `done` date is on or before its `due` date plus the workspace's grace."""

    key: str
    label: str
    done: str
    due: str


Fact = HistoryFact | TimelyFact


@dataclass(frozen=True)
class NegativeRule:
    """A negative amount says what kind of row it is, and such a row's amount is stored negative."""

    column: str
    kind_column: str
    kind: str


@dataclass(frozen=True)
class Form:
    """A kind of sheet: its columns, what identifies a row, and what must hold in it."""

    key: str
    label: str
    label_en: str
    description: str
    columns: Mapping[str, Column]
    date: str
    """The column that says which month a row belongs to."""
    keys: tuple[tuple[str, ...], ...]
    """Natural keys in order of preference; a row uses the first whose columns it fills (``?`` may be empty)."""
    order: tuple[tuple[str, str], ...] = ()
    """Pairs of columns of which the second must not come before the first."""
    facts: Mapping[str, Fact] = field(default_factory=dict)
    negative: NegativeRule | None = None

    @property
    def required(self) -> tuple[Column, ...]:
        """The columns without which a row does not count."""
        return tuple(column for column in self.columns.values() if column.required)

    def empty_means_all(self, key: str) -> bool:
        """Whether an empty cell of this column says “all” (a target for the whole store) rather than “unknown”."""
        return any(f"{key}?" in words for words in self.keys)


@dataclass(frozen=True)
class Measure:
    """Something counted or summed over the rows of one form."""

    key: str
    label: str
    label_en: str
    form: str
    count: Literal["rows", "customers", "sum", "open"]
    """Rows; distinct customers; the sum of a column; or the rows open at the period's start (a stock)."""
    date: str
    """The date column that decides the period."""
    where: tuple[Filter, ...] = ()
    """Filters of which any must pass; none lets every row pass."""
    minus: Filter | None = None
    """Rows passing this count −1."""
    column: str | None = None
    """What `sum` adds up."""
    closed: tuple[str, ...] = ()
    """For `open`: the dates that end a row; the earliest counts."""
    unless_before: str | None = None
    """For `customers`: leave out who has a row in this form on a day before the first one counted here."""
    unit: str = ""

    @property
    def additive(self) -> bool:
        """Whether the values of disjoint groups add up to the value of all."""
        return self.count != "customers"

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns and facts the filters look at."""
        tables = (*self.where, self.minus or {})
        return tuple(dict.fromkeys(key for table in tables for key in table))


@dataclass(frozen=True)
class Example:
    """A worked example of a KPI, run as a test."""

    measures: Mapping[str, float]
    value: float


@dataclass(frozen=True)
class Kpi:
    """A key figure: a formula over measures, with what a reader must know about it."""

    key: str
    label: str
    label_en: str
    formula: str
    """Arithmetic over measure keys; empty when the form it needs does not exist yet."""
    node: Node | None
    """The formula, parsed."""
    unit: str
    direction: Literal["up", "down", "none"]
    """Which way is better."""
    definition: str = ""
    numerator: str = ""
    denominator: str = ""
    note: str = ""
    over_one: bool = False
    """A rate that may exceed 100 % without being wrong."""
    needs: str | None = None
    """The form that would feed it and is not there yet."""
    near: float = 0.9
    examples: tuple[Example, ...] = ()

    @property
    def is_ratio(self) -> bool:
        """Whether it has a numerator and a denominator."""
        return isinstance(self.node, Operation) and self.node.sign == "/"

    @property
    def measures(self) -> tuple[str, ...]:
        """The measures it is made of."""
        return tuple(dict.fromkeys(names(self.node))) if self.node else ()


@dataclass(frozen=True)
class Book:
    """A set of measures and KPIs as one house defines them."""

    key: str
    label: str
    label_en: str
    description: str
    source: str
    measures: Mapping[str, Measure]
    kpis: Mapping[str, Kpi]
    league: tuple[str, ...]
    """Measures and KPIs shown of each group, in this order."""
    league_by: str
    """What the groups are ranked by."""

    def label_of(self, key: str, language: str = "zh") -> str:
        """The label of a measure or KPI."""
        entry = self.kpis.get(key) or self.measures[key]
        return entry.label_en if language == "en" else entry.label

    def find(self, name: str) -> str | None:
        """The key of a measure or KPI given by key or label; KPIs first."""
        for entries in (self.kpis, self.measures):
            for key, entry in entries.items():
                if name in (key, entry.label, entry.label_en):
                    return key
        return None


@dataclass(frozen=True)
class Catalogue:
    """Everything defined: forms and books."""

    forms: Mapping[str, Form]
    books: Mapping[str, Book]

    def form(self, key: str) -> Form:
        """The form of this name; raise `UsageError` with a suggestion when there is none."""
        return _named("form", self.forms, key)

    def book(self, key: str) -> Book:
        """The book of this name; raise `UsageError` with a suggestion when there is none."""
        return _named("book", self.books, key)


def _named(kind: str, entries: Mapping[str, T], key: str) -> T:
    if key not in entries:
        raise UsageError(
            f"unknown_{kind}", f"没有 {key} 这个{'表' if kind == 'form' else '指标集'}{suggest(key, entries)}"
        )
    return entries[key]


@dataclass(frozen=True)
class Mistake:
    """Something wrong in a definition file."""

    file: str
    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.file} · {self.key}: {self.message}"


def suggest(word: str, known: Iterable[str]) -> str:
    """A trailing “did you mean”, or nothing."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"（是否想写 {near[0]}？）" if near else ""


def load(folder: Path | None = None) -> Catalogue:
    """Load the shipped definitions and those of a workspace's ``forms/`` and ``books/``; raise `DefinitionError`."""
    catalogue, mistakes = check(folder)
    if mistakes:
        raise DefinitionError(mistakes)
    return catalogue


@cache
def check(folder: Path | None = None) -> tuple[Catalogue, tuple[Mistake, ...]]:
    """Load what can be loaded, and return every mistake of every file beside it."""
    mistakes: list[Mistake] = []
    forms = {
        key: form
        for key, table in _tables("forms", folder, mistakes)
        if (form := _FormReader(key, table, mistakes).read())
    }
    books = {
        key: book
        for key, table in _tables("books", folder, mistakes)
        if (book := _BookReader(key, table, mistakes, forms).read())
    }
    return Catalogue(forms, books), tuple(mistakes)


def _tables(kind: str, folder: Path | None, mistakes: list[Mistake]) -> Iterator[tuple[str, dict[str, Any]]]:
    shipped = files("kpicli").joinpath("definitions", kind)
    found = {entry.name: entry.read_bytes() for entry in shipped.iterdir() if entry.name.endswith(".toml")}
    if folder and (folder / kind).is_dir():
        found |= {path.name: path.read_bytes() for path in sorted((folder / kind).glob("*.toml"))}
    for name, content in sorted(found.items()):
        try:
            yield name.removesuffix(".toml"), tomllib.loads(content.decode("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            mistakes.append(Mistake(f"{kind}/{name}", "", f"不是有效的 TOML：{error}"))


_MISSING: Any = object()


class _Reader:
    """Takes keys out of a table, notes what is wrong with them, and at the end what nobody asked for."""

    def __init__(self, file: str, path: str, table: Mapping[str, Any], mistakes: list[Mistake]) -> None:
        self.file, self.path, self.table, self.mistakes = file, path, dict(table), mistakes
        self.asked: list[str] = []

    def take(self, key: str, kind: type[T], default: Any = _MISSING) -> T:
        self.asked.append(key)
        value = self.table.pop(key, _MISSING)
        if value is _MISSING:
            if default is _MISSING:
                self.wrong(key, "缺少")
                return kind()
            return default  # type: ignore[no-any-return]
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)  # type: ignore[return-value]
        if not isinstance(value, kind):
            self.wrong(key, f"应为 {_KINDS[kind]}")
            return kind()
        return value

    def words(self, key: str) -> tuple[str, ...]:
        value = self.take(key, list, [])
        if not all(isinstance(item, str) for item in value):
            self.wrong(key, "应为文字列表")
            return ()
        return tuple(value)

    def one_of(self, key: str, allowed: Sequence[str], default: Any = _MISSING) -> Any:
        value = self.take(key, str, default)
        if value and value not in allowed:
            self.wrong(key, f"{value} 不在 {' · '.join(allowed)} 之中{suggest(value, allowed)}")
        return value

    def known(self, key: str, word: str, known: Iterable[str], what: str) -> bool:
        known = list(known)
        if word not in known:
            self.wrong(key, f"没有 {word} 这个{what}{suggest(word, known)}")
        return word in known

    def wrong(self, key: str, message: str) -> None:
        self.mistakes.append(Mistake(self.file, ".".join(part for part in (self.path, key) if part), message))

    def close(self) -> None:
        for key in self.table:
            self.wrong(key, f"不认得的键{suggest(key, self.asked)}")

    def inner(self, key: str, table: Any) -> "_Reader":
        path = f"{self.path}.{key}" if self.path else key
        if not isinstance(table, dict):
            self.wrong(key, "应为表")
            table = {}
        return _Reader(self.file, path, table, self.mistakes)


_KINDS = {str: "文字", list: "列表", dict: "表", bool: "true 或 false", float: "数字"}


class _FormReader(_Reader):
    def __init__(self, key: str, table: Mapping[str, Any], mistakes: list[Mistake]) -> None:
        super().__init__(f"forms/{key}.toml", "", table, mistakes)
        self.key = key

    def read(self) -> Form | None:
        columns = {key: self._column(key, table) for key, table in self.take("columns", dict).items()}
        form = Form(
            key=self.key,
            label=self.take("label", str),
            label_en=self.take("label_en", str),
            description=self.take("description", str, ""),
            columns=columns,
            date=self.take("date", str),
            keys=tuple(tuple(key) for key in self.take("keys", list)),
            order=tuple((pair[0], pair[1]) for pair in self.take("order", list, [])),
            facts={key: self._fact(key, table, columns) for key, table in self.take("facts", dict, {}).items()},
            negative=self._negative(columns),
        )
        self._references(form)
        self.close()
        return form if columns else None

    def _column(self, key: str, table: Any) -> Column:
        reader = self.inner(f"columns.{key}", table)
        spellings: dict[str, str] = {}
        for canonical, words in reader.take("values", dict, {}).items():
            for word in (canonical, *words):
                if spellings.get(word, canonical) != canonical:
                    reader.wrong("values", f"{word} 既归 {spellings[word]} 又归 {canonical}")
                spellings[word] = canonical
        absent = reader.table.get("when_absent")
        column = Column(
            key=key,
            label=reader.take("label", str),
            label_en=reader.take("label_en", str),
            type=reader.one_of("type", COLUMN_TYPES),
            required=reader.take("required", bool, False),
            aliases=reader.words("aliases"),
            values=spellings,
            yes=reader.words("yes"),
            no=reader.words("no"),
            when_absent=self._when_absent(reader)
            if isinstance(absent, dict)
            else reader.take("when_absent", str, None),
            when_empty=reader.take("when_empty", str, None),
        )
        reader.close()
        return column

    def _when_absent(self, reader: _Reader) -> AllPresent:
        inner = reader.inner("when_absent", reader.take("when_absent", dict))
        present = AllPresent(inner.words("all_present"))
        inner.close()
        return present

    def _fact(self, key: str, table: Any, columns: Mapping[str, Column]) -> Fact:
        reader = self.inner(f"facts.{key}", table)
        label = reader.take("label", str)
        fact: Fact
        if "done" in reader.table:
            fact = TimelyFact(key, label, reader.take("done", str), reader.take("due", str))
            for name in ("done", "due"):
                reader.known(name, getattr(fact, name), columns, "列")
        else:
            fact = HistoryFact(
                key, label, _filter(reader, "earlier", columns, {}), _filter(reader, "never", columns, {})
            )
        reader.close()
        return fact

    def _negative(self, columns: Mapping[str, Column]) -> NegativeRule | None:
        if "negative" not in self.table:
            return None
        reader = self.inner("negative", self.take("negative", dict))
        column, sets = reader.take("column", str), reader.take("sets", dict)
        reader.close()
        reader.known("column", column, columns, "列")
        kind_column, kind = next(iter(sets.items()), ("", ""))
        if reader.known("sets", kind_column, columns, "列"):
            reader.known("sets", kind, columns[kind_column].canonical, "取值")
        return NegativeRule(column, kind_column, kind)

    def _references(self, form: Form) -> None:
        self.known("date", form.date, form.columns, "列")
        for words in form.keys:
            for word in words:
                self.known("keys", word.removesuffix("?"), form.columns, "列")
        for pair in form.order:
            for word in pair:
                self.known("order", word, form.columns, "列")
        for column in form.columns.values():
            for word in column.when_absent.columns if isinstance(column.when_absent, AllPresent) else ():
                self.known(f"columns.{column.key}.when_absent", word, form.columns, "列")
            for name in ("when_absent", "when_empty"):
                word = getattr(column, name)
                if isinstance(word, str) and column.values:
                    self.known(f"columns.{column.key}.{name}", word, column.canonical, "取值")


class _BookReader(_Reader):
    def __init__(self, key: str, table: Mapping[str, Any], mistakes: list[Mistake], forms: Mapping[str, Form]) -> None:
        super().__init__(f"books/{key}.toml", "", table, mistakes)
        self.key, self.forms = key, forms

    def read(self) -> Book | None:
        near = self.take("near", float, 0.9)
        measures = {key: m for key, table in self.take("measures", dict).items() if (m := self._measure(key, table))}
        kpis = {key: self._kpi(key, table, measures, near) for key, table in self.take("kpis", dict).items()}
        book = Book(
            key=self.key,
            label=self.take("label", str),
            label_en=self.take("label_en", str),
            description=self.take("description", str, ""),
            source=self.take("source", str, ""),
            measures=measures,
            kpis=kpis,
            league=self.words("league"),
            league_by=self.take("league_by", str, ""),
        )
        for word in (*book.league, *((book.league_by,) if book.league_by else ())):
            self.known("league", word, {**measures, **kpis}, "度量或指标")
        self.close()
        return book

    def _measure(self, key: str, table: Any) -> Measure | None:
        reader = self.inner(f"measures.{key}", table)
        form = self.forms.get(reader.take("form", str))
        if form is None:
            reader.known("form", str(table.get("form")), self.forms, "表")
            return None
        columns = form.columns
        measure = Measure(
            key=key,
            label=reader.take("label", str),
            label_en=reader.take("label_en", str),
            form=form.key,
            count=reader.one_of("count", ("rows", "customers", "sum", "open")),
            date=reader.take("date", str, form.date),
            where=self._where(reader, form),
            minus=_filter(reader, "minus", columns, form.facts) if "minus" in reader.table else None,
            column=reader.take("column", str, None),
            closed=reader.words("closed"),
            unless_before=reader.take("unless_before", str, None),
            unit=reader.take("unit", str, ""),
        )
        reader.known("date", measure.date, columns, "列")
        for word in (*measure.closed, *((measure.column,) if measure.column else ())):
            reader.known("column", word, columns, "列")
        if measure.count == "sum" and not measure.column:
            reader.wrong("column", "求和要写明列")
        if measure.count == "open" and not measure.closed:
            reader.wrong("closed", "存量要写明结束日期的列")
        if measure.unless_before:
            reader.known("unless_before", measure.unless_before, self.forms, "表")
        reader.close()
        return measure

    def _where(self, reader: _Reader, form: Form) -> tuple[Filter, ...]:
        written = reader.table.get("where", [])
        if isinstance(written, dict):
            return (_filter(reader, "where", form.columns, form.facts),)
        reader.asked.append("where")
        reader.table.pop("where", None)
        return tuple(_checked_filter(reader, "where", table, form.columns, form.facts) for table in written)

    def _kpi(self, key: str, table: Any, measures: Mapping[str, Measure], near: float) -> Kpi:
        reader = self.inner(f"kpis.{key}", table)
        needs = reader.take("needs", str, None)
        text = reader.take("formula", str, "" if needs else _MISSING)
        kpi = Kpi(
            key=key,
            label=reader.take("label", str),
            label_en=reader.take("label_en", str),
            formula=text,
            node=self._formula(reader, text, measures),
            unit=reader.take("unit", str),
            direction=reader.one_of("direction", ("up", "down", "none")),
            definition=reader.take("definition", str, ""),
            numerator=reader.take("numerator", str, ""),
            denominator=reader.take("denominator", str, ""),
            note=reader.take("note", str, ""),
            over_one=reader.take("over_one", bool, False),
            needs=needs,
            near=reader.take("near", float, near),
            examples=tuple(self._example(reader, n, row) for n, row in enumerate(reader.take("examples", list, []))),
        )
        if kpi.is_ratio and not (kpi.numerator and kpi.denominator):
            reader.wrong("numerator", "比率要用文字写明分子与分母")
        reader.close()
        return kpi

    def _formula(self, reader: _Reader, text: str, measures: Mapping[str, Measure]) -> Node | None:
        if not text:
            return None
        try:
            node = parse(text)
        except FormulaError as error:
            reader.wrong("formula", f"{text}: {error}")
            return None
        known = [reader.known("formula", name, measures, "度量") for name in names(node)]
        return node if all(known) else None

    def _example(self, reader: _Reader, number: int, row: Any) -> Example:
        inner = reader.inner(f"examples[{number}]", row)
        value = inner.take("value", float)
        return Example({key: inner.take(key, float) for key in list(inner.table)}, value)


def _filter(reader: _Reader, key: str, columns: Mapping[str, Column], facts: Mapping[str, Fact]) -> Filter:
    return _checked_filter(reader, key, reader.take(key, dict), columns, facts)


def _checked_filter(
    reader: _Reader, key: str, table: Any, columns: Mapping[str, Column], facts: Mapping[str, Fact]
) -> Filter:
    checked: dict[str, tuple[Value, ...]] = {}
    for name, written in (table if isinstance(table, dict) else {}).items():
        values = tuple(written) if isinstance(written, list) else (written,)
        if not reader.known(key, name, [*columns, *facts], "列"):
            continue
        flag = name in facts or columns[name].type == "flag"
        for value in values:
            if flag != isinstance(value, bool):
                reader.wrong(key, f"{name} 应为 {'true 或 false' if flag else '文字'}")
            elif not flag and columns[name].values:
                reader.known(key, str(value), columns[name].canonical, f"{columns[name].label}取值")
        checked[name] = values
    return checked
