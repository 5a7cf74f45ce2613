"""Analysis models (分析模型, S-004): the questions that lead from a KPI that fell to its cause, and what to do then."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from kpicli.formula import Node, names
from kpicli.messages import Words

Kind = Literal["slump", "silent", "behind", "moved", "dried"]
KINDS: tuple[str, ...] = Kind.__args__  # type: ignore[attr-defined]
BY_GROUP: tuple[str, ...] = ("silent", "behind", "dried")


@dataclass(frozen=True)
class Test:
    """How the records answer a question: something counted that is not as it should be."""

    kind: Kind
    """``slump``: some seven days in a row far below the rest of the month. ``silent``: a group that stopped having any.
    ``behind``: a group whose share is below that of the others. ``moved``: a share that is not that of the months
    before. ``dried``: a group that has far fewer than in the months before, while the others do not."""
    label: Words
    unit: str
    of: Node
    over: Node | None
    """For ``behind`` and ``moved``: what `of` is a share of."""
    by: str = ""
    """The groups that are held against each other."""
    worse: Literal["down", "up"] = "down"
    among: Literal["", "main", "rest"] = ""
    """Of the groups those that made most in the months before (the largest, up to two thirds), or the rest."""
    costs: bool = False
    """Whether what is missing is missing among the orders in proportion."""

    @property
    def measures(self) -> Iterator[str]:
        """The measures it counts."""
        yield from names(self.of)
        yield from names(self.over) if self.over else ()


@dataclass(frozen=True)
class Question:
    """One question of a model."""

    key: str
    element: Words
    """What it is about (分析要素)."""
    ask: Words
    adverse: Literal["yes", "no"]
    """The answer that calls for the action."""
    cause: Words
    """The adverse answer as a cause."""
    action: Words
    """What to do then (提升办法); empty where only another model goes on."""
    owner: str
    tests: tuple[Test, ...]
    """None for what only people can answer."""
    proxy: bool
    """Whether the tests only point to the answer."""
    leads: str
    """The model that an adverse answer leads to."""


Rule = Literal["drop", "decline", "line", "target", "falling"]
RULES: tuple[str, ...] = Rule.__args__  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Chart:
    """How the chart of a model's KPI is read."""

    rule: Rule
    by: Literal["day", "week", "model"]
    line: float | None = None
    """For ``line``: what is to be reached."""


@dataclass(frozen=True)
class Deviation:
    """A factor by which a consultant is held against the mean of all (domain facts §2.4)."""

    key: str
    words: Words
    of: Node
    over: Node | None
    unit: str
    below: float
    """It tells from so far below the mean on, as a share of the mean."""
    advice: Words

    @property
    def measures(self) -> Iterator[str]:
        """The measures it counts."""
        yield from names(self.of)
        yield from names(self.over) if self.over else ()


@dataclass(frozen=True)
class Model:
    """The questions about one KPI."""

    key: str
    words: Words
    of: Node | None
    """What is counted; None where the sheet for it does not exist yet and only people can tell."""
    over: Node | None
    unit: str
    kpis: tuple[str, ...]
    """KPIs of books whose targets it is held against; without one the months before are the standard."""
    questions: tuple[Question, ...]
    chart: Chart | None = None

    @property
    def leads(self) -> tuple[str, ...]:
        """The models that its questions lead to."""
        return tuple(question.leads for question in self.questions if question.leads)

    @property
    def measures(self) -> Iterator[str]:
        """The measures it counts."""
        yield from names(self.of) if self.of else ()
        yield from names(self.over) if self.over else ()
        for question in self.questions:
            for test in question.tests:
                yield from test.measures


Models = Mapping[str, Model]
