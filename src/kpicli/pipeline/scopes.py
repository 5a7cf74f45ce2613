"""What the paths of a template mean: in a month's report, in a row of one of its lists, and where a row meets a column.

::

    report.*                             month, dealer, book, state, printed …
    measure.KEY · kpi.KEY[.what]         of the whole
    funnel.STAGE[.what]                  of the whole, by the book's first funnel
    row.name · row.rank · row.score · row.measure.KEY · row.kpi.KEY[.what] · row.funnel.STAGE[.what] · row.leak[.what]
    row.label · row.value …              in the lists ``kpis`` and ``stages``
    change.*                             goal, before, after, difference, target, attainment: what orders came to
    row.evidence · row.action …          in the lists ``findings``, ``checklist`` and ``steps`` of the diagnosis
    outer.*                              in a block inside another: the outer row
    column.* · cell.*                    in a repeated column: the column; where a row meets it, both
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from kpicli import kpi as kpis
from kpicli import stages
from kpicli.catalogue import Book, Kpi, near
from kpicli.fill import PathError, Rate, Scope, Value
from kpicli.kpi import LISTS, Group, KpiValue, Report
from kpicli.measure import NOBODY
from kpicli.pipeline import causes
from kpicli.pipeline import funnel as funnels
from kpicli.pipeline.diagnose import Diagnosed
from kpicli.pipeline.funnel import Funnelled
from kpicli.stages import Branch, Leak, Step

PARTS = ("week", "day")
"""Lists of parts of the month, which are in every group too."""
_NUMBERS = ("value", "numerator", "denominator", "target", "gap", "attainment", "previous", "score", "projected")
"""What a KPI has in numbers."""
_STATUS = {"good": "达标", "near": "接近", "bad": "未达"}
_REASONS = {
    "no_rows": "本期无数据",
    "zero_denominator": "分母为零",
    "source_missing": "缺数据表",
    "history_missing": "缺历史数据",
}


@dataclass(frozen=True)
class ReportScope:
    """The whole report: its facts, measures, KPIs and funnel, and the lists."""

    report: Report
    printed: datetime
    diagnose: Callable[[], Diagnosed] | None = None
    """Gives the report's diagnosis; asked once, and only by a template that shows something of it. Raises `UsageError`
    for a book without models, which is said once for the whole template."""

    def value(self, path: str) -> Value:
        """What a path stands for."""
        head, _, rest = path.partition(".")
        if head == "report" and rest in self._facts:
            return self._facts[rest]
        if head in ("measure", "kpi"):
            return _of_group(self.report, self.report.total, head, rest, path)
        if head == "funnel" and self.funnel:
            return _of_branch(self.funnel.whole, rest, path)
        if head == "change" and self.diagnose:
            return _picked(causes.of_change(self.report, self.funnel, self.diagnosed), rest, path, rest)
        raise PathError(_meant(path, self._known))

    def rows(self, name: str) -> Sequence[Scope]:
        """The groups of a dimension by rank, weeks and days by date, the KPIs of the book, or the stages."""
        if name == "kpis":
            return _kpi_rows(self, None, self.report.total)
        if name == "stages" and self.funnel:
            return [StageScope(self, None, place, step) for place, step in enumerate(self.funnel.whole.steps, 1)]
        if name in causes.LISTS and self.diagnose:
            every = causes.LISTS[name](self.diagnosed)
            return [ToldScope(self, {"rank": place, **told}) for place, told in enumerate(every, 1)]
        if name not in LISTS:
            raise PathError(_meant(name, self.lists))
        groups = self.report.by.get(name, {})
        order = list(groups) if name in PARTS else sorted(groups, key=lambda key: _rank(self.report, groups, key))
        return [GroupScope(self, name, key, place, groups[key]) for place, key in enumerate(order, 1)]

    def across(self, column: Scope) -> Scope:
        """In a repeated column: what it is about is a row as well."""
        return Crossed(self, column)

    @cached_property
    def funnel(self) -> Funnelled | None:
        """The book's first funnel; None for a book without."""
        return funnels.of_report(self.report) if self.report.book.funnels else None

    @property
    def lists(self) -> list[str]:
        """The lists there are."""
        return [*LISTS, "kpis", *(["stages"] if self.funnel else []), *(causes.LISTS if self._diagnosable else [])]

    @property
    def _diagnosable(self) -> bool:
        return self.diagnose is not None and bool(self.report.book.models and self.report.book.funnels)

    @cached_property
    def diagnosed(self) -> Diagnosed:
        """What the report's orders changed by, and why."""
        assert self.diagnose
        return self.diagnose()

    @cached_property
    def _facts(self) -> Mapping[str, Value]:
        report = self.report
        return {
            "month": report.month,
            "dealer": report.dealer or "全部经销商",
            "book": report.book.label,
            "book_key": report.book.key,
            "source": report.book.source,
            "printed": self.printed,
            "days": report.days,
            "state": "已结账" if report.closed else f"到第 {report.days} 天" if report.days else "整月",
            "closed": report.closed,
            "pace": None if report.pace is None else Rate(report.pace),
            "score": report.total.score,
            "scoring": _scoring(report.book),
            "files": report.account.files,
            "rows": report.account.rows,
            "data": report.account.data,
            "set_aside": report.account.set_aside,
            "not_data": report.account.not_data,
        }

    @property
    def _known(self) -> list[str]:
        change = [f"change.{key}" for key in causes.CHANGE] if self._diagnosable else []
        return [*(f"report.{key}" for key in self._facts), *_paths("", self), *change]


@dataclass(frozen=True)
class GroupScope:
    """A row about a group: a consultant, a model, a week …"""

    whole: ReportScope
    dimension: str
    key: str
    rank: int
    group: Group
    outer: "GroupScope | None" = None
    """Of a part of the month of a group: the group."""

    def value(self, path: str) -> Value:
        """What a path stands for."""
        head, _, rest = path.partition(".")
        if head == "outer" and self.outer:
            return self.outer.value(f"row.{rest}")
        if head != "row":
            return self.whole.value(path)
        kind, _, key = rest.partition(".")
        if rest == "name":
            return _called(self.dimension, self.key)
        if rest == "rank":
            return self.rank
        if rest == "score":
            return self.group.score
        if kind in ("measure", "kpi"):
            return _of_group(self.whole.report, self.group, kind, key, path)
        if kind == "funnel" and self.branch:
            return _of_branch(self.branch, key, path)
        if kind == "leak" and self.branch:
            return _of_leak(self.branch.leak, key, path)
        raise PathError(_meant(path, ["row.name", "row.rank", "row.score", *_paths("row.", self.whole)]))

    def rows(self, name: str) -> Sequence[Scope]:
        """In a block inside the group's: its KPIs, its stages, or its weeks and days."""
        report = self.whole.report
        if name == "kpis":
            return _kpi_rows(self.whole, self, self.group)
        if name == "stages" and self.branch:
            return [StageScope(self.whole, self, place, step) for place, step in enumerate(self.branch.steps, 1)]
        if name in PARTS and self.dimension not in PARTS and report.basis:
            labels = report.basis.parts.get(name, ())
            return [self.meets(name, label, place) for place, label in enumerate(labels, 1)]
        raise PathError(_meant(name, ["kpis", "stages", *PARTS]))

    def across(self, column: Scope) -> Scope:
        """Where the row meets a repeated column."""
        return Crossed(self, column)

    def meets(self, part: str, label: str, place: int = 1) -> "GroupScope":
        """The group in a week or day."""
        report = self.whole.report
        assert report.basis
        group = kpis.part(report.book, report.basis, label, self.dimension, self.key)
        return GroupScope(self.whole, part, label, place, group, outer=self)

    @property
    def branch(self) -> Branch | None:
        """Its funnel; None for a part of a group, and of a book without."""
        funnel = self.whole.funnel
        if funnel is None or self.outer:
            return None
        empty = stages.branch(funnel.funnel, dict.fromkeys(stage.key for stage in funnel.funnel.stages), {})
        return funnel.by.get(self.dimension, {}).get(self.key, empty)


@dataclass(frozen=True)
class KpiScope:
    """A row about a KPI, of the whole or of a group."""

    whole: ReportScope
    outer: GroupScope | None
    rank: int
    kpi: Kpi
    found: KpiValue

    def value(self, path: str) -> Value:
        """What a path stands for."""
        told = {**_of_kpi(self.kpi, self.found, self.whole.report), "name": self.kpi.label, "rank": self.rank}
        return _told(self, path, told)

    def rows(self, name: str) -> Sequence[Scope]:
        """None: a KPI has no rows of its own."""
        raise PathError("")

    def across(self, column: Scope) -> Scope:
        """Where the KPI meets a repeated column."""
        return Crossed(self, column)


@dataclass(frozen=True)
class StageScope:
    """A row about a stage of the funnel, of the whole or of a group."""

    whole: ReportScope
    outer: GroupScope | None
    rank: int
    step: Step

    def value(self, path: str) -> Value:
        """What a path stands for."""
        return _told(self, path, {**_of_step(self.step), "name": self.step.stage.label, "rank": self.rank})

    def rows(self, name: str) -> Sequence[Scope]:
        """None: a stage has no rows of its own."""
        raise PathError("")

    def across(self, column: Scope) -> Scope:
        """Where the stage meets a repeated column."""
        return Crossed(self, column)


@dataclass(frozen=True)
class ToldScope:
    """A row of the diagnosis: a cause, a question for people, a step of the change."""

    whole: ReportScope
    told: Mapping[str, Value]

    def value(self, path: str) -> Value:
        """What a path stands for."""
        head, _, rest = path.partition(".")
        if head != "row":
            return self.whole.value(path)
        return _picked(self.told, rest, path, rest)

    def rows(self, name: str) -> Sequence[Scope]:
        """None: it has no rows of its own."""
        raise PathError("")

    def across(self, column: Scope) -> Scope:
        """Where it meets a repeated column."""
        return Crossed(self, column)


@dataclass(frozen=True)
class Crossed:
    """Where a row, or the whole report, meets a repeated column."""

    row: Scope
    column: Scope

    def value(self, path: str) -> Value:
        """``column.*`` is the column's, ``cell.*`` of both, everything else the row's; without a row, the column's."""
        head, _, rest = path.partition(".")
        if head == "column" or (head == "row" and isinstance(self.row, ReportScope)):
            return self.column.value(f"row.{rest}")
        if head == "cell":
            try:
                return self._met.value(f"row.{rest}")
            except PathError as error:
                raise PathError(str(error).replace("row.", "cell.")) from error
        return self.row.value(path)

    def rows(self, name: str) -> Sequence[Scope]:
        """The row's lists."""
        return self.row.rows(name)

    def across(self, column: Scope) -> Scope:
        """The row meets one column only."""
        return replace(self, column=column)

    @property
    def _met(self) -> Scope:
        """A group in a week or day; a KPI or stage of a group, or of a group in a week or day. Raises `PathError`."""
        one, other = self.row, self.column
        if isinstance(one, ReportScope):
            return other
        if not isinstance(other, GroupScope):
            one, other = other, one
        if isinstance(one, GroupScope) and isinstance(other, GroupScope):
            if one.dimension in PARTS:
                one, other = other, one
            if other.dimension in PARTS and one.dimension not in PARTS and not other.outer:
                return one.meets(other.dimension, other.key)
        if isinstance(one, KpiScope) and isinstance(other, GroupScope):
            outer, key = one.outer, one.kpi.key
            if outer is None:
                return replace(one, found=other.group.kpis[key])
            if other.dimension in PARTS:
                return replace(one, found=outer.meets(other.dimension, other.key).group.kpis[key])
        if isinstance(one, StageScope) and isinstance(other, GroupScope) and other.branch and not one.outer:
            return replace(one, step=other.branch.step(one.step.stage.key))
        raise PathError("（这一行和这一列没有交叉的数）")


def _scoring(book: Book) -> str:
    """How points are given, in words."""
    rule = book.scoring
    if rule is None:
        return "这个指标集没有评分规则；用 --book scorecard，或在自己的指标集里写 [scoring]"
    return f"达标 {rule.base:g} 分，每好 1 点加 {rule.reward:g} 分，每差 1 点减 {rule.penalty:g} 分"


def _paths(stem: str, whole: ReportScope) -> list[str]:
    """Every path of a group, for "did you mean"."""
    book = whole.report.book
    found = [*(f"{stem}measure.{key}" for key in book.measures), *(f"{stem}kpi.{key}" for key in book.kpis)]
    stages = whole.funnel.funnel.stages if whole.funnel else ()
    return [*found, *(f"{stem}funnel.{stage.key}" for stage in stages), *([f"{stem}leak"] if stem else [])]


def _kpi_rows(whole: ReportScope, outer: GroupScope | None, group: Group) -> list[Scope]:
    book = whole.report.book
    return [KpiScope(whole, outer, place, book.kpis[key], group.kpis[key]) for place, key in enumerate(book.kpis, 1)]


def _told(scope: KpiScope | StageScope, path: str, told: Mapping[str, Value]) -> Value:
    head, _, rest = path.partition(".")
    if head == "outer" and scope.outer:
        return scope.outer.value(f"row.{rest}")
    if head != "row":
        return scope.whole.value(path)
    if rest in told:
        return told[rest]
    raise PathError(_meant(path, [f"row.{key}" for key in told]))


def _called(dimension: str, name: str) -> str:
    """A group as it is printed: days and weeks without their year."""
    first, _, last = name.partition("/")
    return f"{first[5:]}~{last[5:]}" if dimension == "week" else name[5:] if dimension == "day" else name


def _rank(report: Report, groups: Mapping[str, Group], name: str) -> tuple[bool, float, str]:
    key = report.book.league_by
    group = groups[name]
    value = group.kpis[key].value if key in group.kpis else group.measures.get(key)
    return name in NOBODY, -float(value or 0), name


def _of_group(report: Report, group: Group, kind: str, rest: str, path: str) -> Value:
    book = report.book
    if kind == "measure":
        if rest in group.measures:
            return group.measures[rest]
        raise PathError(_meant(path, [path.removesuffix(rest) + key for key in book.measures]))
    key, _, what = rest.partition(".")
    if key not in book.kpis:
        raise PathError(_meant(path, [path.removesuffix(rest) + known for known in book.kpis]))
    return _picked(_of_kpi(book.kpis[key], group.kpis[key], report), what or "value", path, what)


def _of_branch(branch: Branch, rest: str, path: str) -> Value:
    """A stage of a funnel, or the rank and the number of those who are enough to be ranked."""
    key, _, what = rest.partition(".")
    if rest == "rank":
        return branch.rank
    known = [step.stage.key for step in branch.steps]
    if key not in known:
        raise PathError(_meant(path, [path.removesuffix(rest) + one for one in (*known, "rank")]))
    return _picked(_of_step(branch.step(key)), what or "count", path, what)


def _of_leak(leak: Leak | None, what: str, path: str) -> Value:
    """Where a group loses most against the whole store."""
    told: dict[str, Value] = {
        "stage": leak.step.stage.label if leak else None,
        "gain": leak.gain if leak else None,
        "rate": _rate(leak.step.from_previous) if leak else None,
        "standard": _rate(leak.rate) if leak else None,
    }
    return _picked(told, what or "stage", path, what)


def _picked(told: Mapping[str, Value], wanted: str, path: str, what: str) -> Value:
    if wanted in told:
        return told[wanted]
    stem = path.removesuffix(what)
    raise PathError(_meant(path, [stem + known for known in told]))


def _rate(value: float | None) -> Rate | None:
    return None if value is None else Rate(value)


def _of_step(step: Step) -> dict[str, Value]:
    low, high = step.interval or (None, None)
    return {
        "key": step.stage.key,
        "label": step.stage.label,
        "count": step.count,
        "from_previous": _rate(step.from_previous),
        "from_top": _rate(step.from_top),
        "low": _rate(low),
        "high": _rate(high),
        "drop_off": step.drop_off,
        "previous": step.previous,
        "previous_rate": _rate(step.previous_rate),
        "target": step.target,
        "team": _rate(step.team),
        "reason": _REASONS[step.reason] if step.reason else None,
    }


def _of_kpi(kpi: Kpi, found: KpiValue, report: Report) -> dict[str, Value]:
    numbers: dict[str, Value] = {name: getattr(found, name) for name in _NUMBERS}
    shares = {"attainment", *({"value", "target", "gap", "previous"} if kpi.unit == "%" else ())}
    return {
        **{key: _rate(getattr(found, key)) if key in shares else number for key, number in numbers.items()},
        "key": kpi.key,
        "label": kpi.label,
        "unit": kpi.unit,
        "weight": kpi.weight,
        "formula": kpi.formula,
        "definition": kpi.definition or f"{kpi.numerator} ÷ {kpi.denominator}".strip(" ÷"),
        "note": kpi.note,
        "source": report.book.source,
        "status": _STATUS[found.status] if found.status else None,
        "reason": _REASONS[found.reason] if found.reason else _over_one(kpi, found),
    }


def _over_one(kpi: Kpi, found: KpiValue) -> str | None:
    """Why a rate is over 100 %."""
    over = kpi.is_ratio and kpi.unit == "%" and found.value is not None and found.value > 1
    return kpi.over_one or "超过 100%：分子里有分母没有的行" if over else None


def _meant(path: str, known: Sequence[str]) -> str:
    return near(path, known).zh
