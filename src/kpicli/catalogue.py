"""What is defined: forms with their columns, books with their measures and KPIs, as frozen records.

`kpicli.definitions` is the folder of the TOML files they are written in, `kpicli.loading` makes them.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, TypeVar

from kpicli.errors import UsageError
from kpicli.formula import Node, Operation, names
from kpicli.messages import Words
from kpicli.models import Deviation, Models
from kpicli.words import header_key

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

TIERS = ("中端", "高端")
"""Of brands, where a book sets other targets for each."""

PRIVATE_TYPES = ("name", "phone")
"""Columns of these types are masked wherever they are shown. Staff names are not private."""

DEALER = "dealer"
"""The column that any form may have and that no form is known by: which store (经销商) a row belongs to."""
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
    additive: bool = True
    """Whether a sum over rows means something: not for meter readings."""
    spellings: Mapping[str, str] = field(default_factory=dict)
    """Folded spelling → what the workspace says it means; goes before everything else."""

    @property
    def words(self) -> Words:
        """Its label in both languages."""
        return Words(self.label, self.label_en)

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


@dataclass(frozen=True)
class DurationFact:
    """Minutes from one time of a row to another; empty where one is missing or they are the wrong way round."""

    key: str
    label: str
    start: str
    end: str


Fact = HistoryFact | TimelyFact | DurationFact


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
    ignored: frozenset[str] = frozenset()
    """Folded headers that the workspace knows and does not want."""

    @property
    def words(self) -> Words:
        """Its label in both languages."""
        return Words(self.label, self.label_en)

    @property
    def monthly(self) -> bool:
        """Whether its rows say something of whole months."""
        return self.columns[self.date].type == "month"

    @property
    def content(self) -> tuple[str, ...]:
        """Its columns but for the dealer's: what a row says of itself, whoever's it is."""
        return tuple(key for key in self.columns if key != DEALER)

    @property
    def required(self) -> tuple[Column, ...]:
        """The columns without which a row does not count."""
        return tuple(column for column in self.columns.values() if column.required)

    @cached_property
    def header_keys(self) -> frozenset[str]:
        """Every header of every column, folded for comparison."""
        return frozenset(header_key(header) for column in self.columns.values() for header in column.headers)

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
    count: Literal["rows", "customers", "distinct", "sum", "open", "target"]
    """Rows; distinct customers; distinct values of a column; the sum of a column or of a duration; the rows open at one
    moment (a stock); or what was planned for another measure."""
    date: str
    """The date column that decides the period."""
    where: tuple[Filter, ...] = ()
    """Filters of which any must pass; none lets every row pass."""
    minus: Filter | None = None
    """Rows passing this count −1."""
    filled: tuple[str, ...] = ()
    """Columns and durations that must not be empty."""
    column: str | None = None
    """What `sum` adds up, or of what `distinct` counts the values."""
    at: Literal["start", "end"] = "start"
    """For `open`: the moment of the period."""
    of: str = ""
    """For `target`: the measure that is planned."""
    closed: tuple[str, ...] = ()
    """For `open`: the dates that end a row; the earliest counts."""
    unless_before: str | None = None
    """For `customers`: leave out who has a row in this form on a day before the first one counted here."""
    unit: str = ""

    @property
    def additive(self) -> bool:
        """Whether the values of disjoint groups add up to the value of all."""
        return self.count not in ("customers", "distinct")

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns and facts the filters look at."""
        tables = (*self.where, self.minus or {})
        return tuple(dict.fromkeys(key for table in tables for key in table))


Rounding = Literal["half_up", "down"]


@dataclass(frozen=True)
class Example:
    """A worked example of a KPI, run as a test."""

    measures: Mapping[str, float]
    value: float
    printed: str = ""
    """As a document has it, where it has."""
    rounding: Rounding = "half_up"
    """How the document came from the value to what it prints: some of them cut off."""


@dataclass(frozen=True)
class Benchmark:
    """A value that somebody published, for comparison; no target."""

    value: float
    source: str
    date: str


@dataclass(frozen=True)
class Aim:
    """What a value is held against: at least `low`, at most `high`; one of them may lack."""

    low: float | None
    high: float | None

    @property
    def target(self) -> float:
        """The bound that is to be reached; that which must not be passed, where there is no other."""
        return self.low if self.low is not None else self.high or 0.0

    def met(self, value: float, slack: float = 0.0) -> bool:
        """Whether a value lies within, or off by a share of the bound."""
        above = self.low is None or value >= self.low * (1 - slack)
        return above and (self.high is None or value <= self.high * (1 + slack))


@dataclass(frozen=True)
class Level:
    """A class of prospects: how soon they will buy, and how often they are to be called."""

    key: str
    horizon: str
    """Within which time they buy, in words."""
    purpose: str
    every_days: int
    """Days from one follow-up to the next."""
    signs: str = ""
    """By what they are known."""


@dataclass(frozen=True)
class Scoring:
    """Points for a value against its target: `base` at the target, a straight line above and another below.

    One step is one percentage point of a rate, and one percent of the target of everything else.
    """

    base: float
    reward: float
    """Points for each step on the better side."""
    penalty: float
    """Points for each step on the worse side."""
    cap: float | None = None
    floor: float | None = None


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
    over_one: str = ""
    """Why a rate may exceed 100 % without being wrong; empty where it may not."""
    needs: str | None = None
    """The form that would feed it and is not there yet."""
    near: float = 0.9
    examples: tuple[Example, ...] = ()
    code: str = ""
    """Its number in the source."""
    cadence: str = ""
    owner: str = ""
    """Who is assessed by it."""
    data: str = ""
    """The sheet that the source takes it from."""
    aims: Mapping[str, Aim] = field(default_factory=dict)
    """Tier → target of the book; ``""`` for all tiers."""
    benchmarks: tuple[Benchmark, ...] = ()
    weight: float = 0
    """Its share in the score of the book."""

    @property
    def is_ratio(self) -> bool:
        """Whether it has a numerator and a denominator."""
        return isinstance(self.node, Operation) and self.node.sign == "/"

    @property
    def measures(self) -> tuple[str, ...]:
        """The measures it is made of."""
        return tuple(dict.fromkeys(names(self.node))) if self.node else ()


@dataclass(frozen=True)
class Stage:
    """A stage of a funnel: what is counted there."""

    key: str
    label: str
    label_en: str
    formula: str
    """A sum of measures that count rows or customers; empty when the form it needs does not exist yet."""
    measures: tuple[str, ...]
    kpi: str = ""
    """The KPI or measure whose target it is held against."""
    aside: bool = False
    """Whether it stands beside the chain: shown, but nobody comes from it to the next stage."""
    needs: str | None = None
    """The form that would feed it and is not there yet."""

    @property
    def words(self) -> Words:
        """Its label in both languages."""
        return Words(self.label, self.label_en)


@dataclass(frozen=True)
class Funnel:
    """Stages that customers pass one after the other."""

    key: str
    label: str
    label_en: str
    stages: tuple[Stage, ...]
    goal: str
    """The stage by whose rate from the top groups are ranked, and in which a leak is told."""
    minimum: int
    """Below this number at the top a group has no rank, and below it at a stage its rate is not judged."""
    lost: str = ""
    """The measure that counts who leaves without buying."""

    @property
    def words(self) -> Words:
        """Its label in both languages."""
        return Words(self.label, self.label_en)

    @property
    def measures(self) -> tuple[str, ...]:
        """The measures of all stages."""
        keys = [key for stage in self.stages for key in stage.measures]
        return tuple(dict.fromkeys([*keys, *([self.lost] if self.lost else [])]))

    @property
    def chain(self) -> tuple[Stage, ...]:
        """The stages that follow one from the other and are counted."""
        return tuple(stage for stage in self.stages if stage.measures and not stage.aside)


@dataclass(frozen=True)
class Quantity:
    """A quantity of a sales tree: counted in the store (a driver), or following from those before it."""

    key: str
    label: str
    label_en: str
    unit: str
    formula: str
    """Over measures of the book for a driver, over earlier quantities for what follows from them."""
    node: Node
    driver: bool
    aliases: tuple[str, ...] = ()
    """Other keys it answers to: what the same thing is called in other books."""
    code: str = ""
    """Its number in the source."""
    daily: bool = False
    """Whether it is told per consultant and day too; of the goal and the lever always so."""

    @property
    def words(self) -> Words:
        """Its label in both languages."""
        return Words(self.label, self.label_en)

    @property
    def parts(self) -> tuple[str, ...]:
        """What its formula is made of."""
        return tuple(dict.fromkeys(names(self.node)))


@dataclass(frozen=True)
class Tree:
    """How sales come about: from the lever up to the goal, by the store's own counts and rates.

    The goal is a straight line of the lever (the loader sees to that), so the lever can be solved for.
    """

    quantities: Mapping[str, Quantity]
    """In order: each follows from earlier ones alone."""
    goal: str
    """What a target is of."""
    target: tuple[str, ...]
    """The KPIs and measures whose target is the goal's; the first that has one counts."""
    lever: str
    """The driver that is solved for."""
    near: float
    """From which share of where it should be a running month is near, as the book has it."""

    @property
    def drivers(self) -> tuple[Quantity, ...]:
        """What is counted in the store."""
        return tuple(quantity for quantity in self.quantities.values() if quantity.driver)

    @property
    def measures(self) -> tuple[str, ...]:
        """The measures of all drivers."""
        return tuple(dict.fromkeys(key for quantity in self.drivers for key in quantity.parts))

    def find(self, name: str) -> Quantity | None:
        """A quantity by key, label, number in the source or alias; keys first."""
        for quantity in self.quantities.values():
            if name in (quantity.key, quantity.label, quantity.label_en, quantity.code, *quantity.aliases) and name:
                return self.quantities.get(name, quantity)
        return None


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
    levels: Mapping[str, Level] = field(default_factory=dict)
    scoring: Scoring | None = None
    funnels: Mapping[str, Funnel] = field(default_factory=dict)
    """The first is the one meant where none is named."""
    tree: Tree | None = None
    """How its sales come about, where it says so."""
    models: Models = field(default_factory=dict)
    deviations: tuple[Deviation, ...] = ()
    asked: Mapping[str, Measure] = field(default_factory=dict)
    """The measures of the models and deviations; no report shows them."""

    @property
    def words(self) -> Words:
        """Its label in both languages."""
        return Words(self.label, self.label_en)

    def aims(self, tier: str) -> dict[str, Aim]:
        """KPI → the target that the book sets for a brand of a tier, where it sets one."""
        found = {key: kpi.aims.get(tier, kpi.aims.get("")) for key, kpi in self.kpis.items()}
        return {key: aim for key, aim in found.items() if aim}

    def label_of(self, key: str, language: str = "zh") -> str:
        """The label of a measure or KPI."""
        entry = self.kpis.get(key) or self.measures[key]
        return entry.label_en if language == "en" else entry.label

    def find(self, name: str) -> str | None:
        """The key of a measure or KPI given by key, label or its number in the source; KPIs first."""
        for kpi in self.kpis.values():
            if name in (kpi.key, kpi.label, kpi.label_en, kpi.code) and name:
                return kpi.key
        for measure in self.measures.values():
            if name in (measure.key, measure.label, measure.label_en):
                return measure.key
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
        raise UsageError(f"unknown_{kind}", name=key, near=near(key, entries))
    return entries[key]


def suggest(word: str, known: Iterable[str]) -> str:
    """A trailing “did you mean”, or nothing."""
    found = difflib.get_close_matches(word, list(known), n=1)
    return f"（是否想写 {found[0]}？）" if found else ""


def near(word: str, known: Iterable[str]) -> Words:
    """A leading “did you mean”, or nothing."""
    found = difflib.get_close_matches(word, list(known), n=1)
    return Words(f"是否想写 {found[0]}？", f"did you mean {found[0]}? ") if found else Words("", "")
