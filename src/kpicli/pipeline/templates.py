"""What the paths of an Excel template mean in a month's report, and filling templates with one."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cached_property, partial
from pathlib import Path
from typing import TypeVar

import kpicli
from kpicli.catalogue import Kpi, near
from kpicli.errors import UsageError
from kpicli.fill import Mistake, PathError, Value, check, fill, marks
from kpicli.kpi import LISTS, Group, KpiValue, Report
from kpicli.measure import UNASSIGNED, UNFILLED
from kpicli.opc import PackageError
from kpicli.pipeline.report import report
from kpicli.workspace import Workspace

T = TypeVar("T")
_KPI = ("value", "numerator", "denominator", "target", "gap", "attainment", "previous", "score", "projected")
"""Numbers that a KPI has."""
_DEFINED = ("label", "unit", "formula", "definition", "note", "source", "status", "reason")
"""What else is said of it, in words."""
_STATUS = {"good": "达标", "near": "接近", "bad": "未达"}
_REASONS = {
    "no_rows": "本期无数据",
    "zero_denominator": "分母为零",
    "source_missing": "缺数据表",
    "history_missing": "缺历史数据",
}


@dataclass(frozen=True)
class ReportScope:
    """The whole report: ``report.*``, ``measure.KEY``, ``kpi.KEY`` and the lists."""

    report: Report
    printed: datetime

    def value(self, path: str) -> Value:
        """What a path stands for."""
        head, _, rest = path.partition(".")
        if head == "report" and rest in self._facts:
            return self._facts[rest]
        if head in ("measure", "kpi"):
            return _of_group(self.report, self.report.total, head, rest, path)
        raise PathError(_meant(path, self._known))

    def rows(self, name: str) -> Sequence["RowScope"]:
        """The groups of a dimension by rank, weeks and days by date, or all KPIs of the book."""
        if name == "kpis":
            kpis = self.report.book.kpis
            return [RowScope(self, key, place, None, kpis[key]) for place, key in enumerate(kpis, 1)]
        if name not in LISTS:
            raise PathError(_meant(name, [*LISTS, "kpis"]))
        groups = self.report.by.get(name, {})
        order = (
            list(groups) if name in ("week", "day") else sorted(groups, key=lambda key: _rank(self.report, groups, key))
        )
        return [RowScope(self, _called(name, key), place, groups[key]) for place, key in enumerate(order, 1)]

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
            "pace": report.pace,
            "score": report.total.score,
            "files": report.account.files,
            "rows": report.account.rows,
            "data": report.account.data,
            "set_aside": report.account.set_aside,
            "not_data": report.account.not_data,
        }

    @property
    def _known(self) -> list[str]:
        book = self.report.book
        found = [f"report.{key}" for key in self._facts]
        return [*found, *(f"measure.{key}" for key in book.measures), *(f"kpi.{key}" for key in book.kpis)]


@dataclass(frozen=True)
class RowScope:
    """One row of a list: ``row.name``, ``row.rank``, ``row.measure.KEY``, ``row.kpi.KEY``; the rest is the report's."""

    whole: ReportScope
    name: str
    rank: int
    group: Group | None
    kpi: Kpi | None = None
    """In the list of KPIs: the one that the row is about."""

    def value(self, path: str) -> Value:
        """What a path stands for."""
        head, _, rest = path.partition(".")
        if head != "row":
            return self.whole.value(path)
        kind, _, key = rest.partition(".")
        if rest == "name":
            return self.name
        if rest == "rank":
            return self.rank
        if self.group is not None and kind in ("measure", "kpi"):
            return _of_group(self.whole.report, self.group, kind, key, path)
        if self.kpi is not None:
            told = _of_kpi(self.kpi, self.whole.report.total.kpis[self.kpi.key], self.whole.report)
            if rest in told:
                return told[rest]
            raise PathError(_meant(path, [f"row.{key}" for key in ("name", "rank", *told)]))
        raise PathError(_meant(path, self._known))

    def rows(self, name: str) -> Sequence["RowScope"]:
        """The report's lists."""
        return self.whole.rows(name)

    @property
    def _known(self) -> list[str]:
        book = self.whole.report.book
        found = ["row.name", "row.rank", *(f"row.measure.{key}" for key in book.measures)]
        return [*found, *(f"row.kpi.{key}" for key in book.kpis)]


def _called(dimension: str, name: str) -> str:
    """A group as it is printed: days and weeks without their year."""
    first, _, last = name.partition("/")
    return f"{first[5:]}~{last[5:]}" if dimension == "week" else name[5:] if dimension == "day" else name


def _rank(report: Report, groups: Mapping[str, Group], name: str) -> tuple[bool, float, str]:
    key = report.book.league_by
    group = groups[name]
    value = group.kpis[key].value if key in group.kpis else group.measures.get(key)
    return name in (*UNASSIGNED.values(), UNFILLED), -float(value or 0), name


def _of_group(report: Report, group: Group, kind: str, rest: str, path: str) -> Value:
    book = report.book
    if kind == "measure":
        if rest in group.measures:
            return group.measures[rest]
        raise PathError(_meant(path, [path.removesuffix(rest) + key for key in book.measures]))
    key, _, what = rest.partition(".")
    if key not in book.kpis:
        raise PathError(_meant(path, [path.removesuffix(rest) + known for known in book.kpis]))
    told = _of_kpi(book.kpis[key], group.kpis[key], report)
    if (what or "value") not in told:
        stem = path.removesuffix(what)
        raise PathError(_meant(path, [stem + known for known in told]))
    return told[what or "value"]


def _of_kpi(kpi: Kpi, value: KpiValue, report: Report) -> dict[str, Value]:
    numbers: dict[str, Value] = {name: getattr(value, name) for name in _KPI}
    return {
        **numbers,
        "key": kpi.key,
        "label": kpi.label,
        "unit": kpi.unit,
        "formula": kpi.formula,
        "definition": kpi.definition or f"{kpi.numerator} ÷ {kpi.denominator}".strip(" ÷"),
        "note": kpi.note,
        "source": report.book.source,
        "status": _STATUS[value.status] if value.status else None,
        "reason": _REASONS[value.reason] if value.reason else _over_one(kpi, value),
    }


def _over_one(kpi: Kpi, value: KpiValue) -> str | None:
    """Why a rate is over 100 %."""
    over = kpi.is_ratio and kpi.unit == "%" and value.value is not None and value.value > 1
    return kpi.over_one or "超过 100%：分子里有分母没有的行" if over else None


def _meant(path: str, known: Sequence[str]) -> str:
    return near(path, known).zh


# Templates


def shipped() -> dict[str, Path]:
    """The templates that come with kpicli, by name."""
    package = Path(kpicli.__file__).parent
    inside = package / "templates"  # of the wheel; of a checkout at its top
    folder = inside if inside.is_dir() else package.parents[1] / "templates"
    return {path.stem: path for path in sorted(folder.glob("*.xlsx"))}


def find(workspace: Workspace, name: str) -> Path:
    """A template by path, or by name among the workspace's ``templates/`` and the shipped ones; raise `UsageError`."""
    if Path(name).suffix.lower() in (".xlsx", ".xlsm"):
        if Path(name).is_file():
            return Path(name)
        raise UsageError("no_template", name=name, near="")
    known = every(workspace)
    if name not in known:
        raise UsageError("no_template", name=name, near=near(name, known))
    return known[name]


def every(workspace: Workspace) -> dict[str, Path]:
    """All templates by name: the workspace's own go before the shipped ones."""
    own = sorted((workspace.folder / "templates").glob("*.xlsx")) if workspace.folder else []
    return {**shipped(), **{path.stem: path for path in own}}


def fill_report(
    workspace: Workspace, reports: Sequence[Report], names: Sequence[str], out: Path, *, now: datetime
) -> list[Path]:
    """Fill templates with one report, or with those of several books, into a folder; give the files written.

    Raises `UsageError` for a template that does not exist, has mistakes, or would be written over another: then nothing
    is written at all.
    """
    printed = now.astimezone(workspace.settings.zone)
    jobs: dict[Path, tuple[Path, ReportScope]] = {}
    for name in names:
        template = find(workspace, name)
        for one in reports:
            said = [one.month, one.dealer or "", one.book.label if len(reports) > 1 else "", template.stem]
            target = out / f"{_safe(' '.join(filter(None, said)))}{template.suffix.lower()}"
            if target in jobs:
                raise UsageError("same_output", path=str(target))
            jobs[target] = template, ReportScope(one, printed)
    for template, scope in jobs.values():
        mistakes = _guarded(template, partial(check, scope=scope))
        if mistakes:
            told = "\n".join(f"{one.sheet}!{one.cell}: {one.text} {one.near}".rstrip() for one in mistakes)
            raise UsageError("template_mistakes", name=template.name, mistakes=told)
    out.mkdir(parents=True, exist_ok=True)
    for target, (template, scope) in jobs.items():
        _guarded(template, partial(fill, target=target, scope=scope))
    return list(jobs)


def _guarded(template: Path, step: Callable[[Path], T]) -> T:
    """Do something with a template; what is no workbook is a mistake of the call."""
    try:
        return step(template)
    except PackageError as error:
        raise UsageError("bad_template", name=template.name, why=str(error)) from error


def checked(
    workspace: Workspace, name: str, month: str, *, book: str | None = None, today: date
) -> tuple[Mistake, ...]:
    """What is wrong with a template, seen with a month's report."""
    found, _ = report(workspace, month, book=book, by=LISTS, today=today)
    scope = ReportScope(found, datetime.combine(today, time.min))
    return _guarded(find(workspace, name), partial(check, scope=scope))


def marks_of(workspace: Workspace, name: str) -> list[tuple[str, str, str]]:
    """Every mark of a template: sheet, cell, and what it says."""
    return _guarded(find(workspace, name), marks)


def begin(path: Path) -> None:
    """Copy a small template to begin a new one with; raise `UsageError` where a file is there already."""
    if path.exists():
        raise UsageError("template_exists", path=str(path))
    shutil.copyfile(shipped()["绩效管理表"], path)


def _safe(name: str) -> str:
    return "".join("_" if letter in '\\/:*?"<>|' or ord(letter) < 32 else letter for letter in name)
