"""Excel templates: which there are, what is wrong with one, and filling them with a month's report."""

import shutil
from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from functools import partial
from pathlib import Path
from typing import TypeVar

import kpicli
from kpicli.catalogue import near
from kpicli.errors import UsageError
from kpicli.fill import Mistake, TemplateError, check, fill, marks, refused
from kpicli.kpi import LISTS, Report
from kpicli.opc import PackageError
from kpicli.pipeline.diagnose import Diagnosed, diagnosed
from kpicli.pipeline.report import report
from kpicli.pipeline.scopes import ReportScope
from kpicli.workspace import Workspace

T = TypeVar("T")


def shipped() -> dict[str, Path]:
    """The templates that come with kpicli, by name."""
    package = Path(kpicli.__file__).parent
    inside = package / "templates"  # of the wheel; of a checkout at its top
    folder = inside if inside.is_dir() else package.parents[1] / "templates"
    return {path.stem: path for path in sorted(folder.glob("*.xlsx"))}


def find(folder: Path | None, name: str) -> Path:
    """A template by path, or by name among the workspace's ``templates/`` and the shipped ones; raise `UsageError`."""
    if Path(name).suffix.lower() in (".xlsx", ".xlsm"):
        if Path(name).is_file():
            return Path(name)
        raise UsageError("no_template", name=name, near="")
    known = every(folder)
    if name not in known:
        raise UsageError("no_template", name=name, near=near(name, known))
    return known[name]


def every(folder: Path | None) -> dict[str, Path]:
    """All templates by name: those of a workspace's folder go before the shipped ones."""
    own = sorted((folder / "templates").glob("*.xlsx")) if folder else []
    return {**shipped(), **{path.stem: path for path in own}}


def fill_report(
    workspace: Workspace,
    reports: Sequence[Report],
    names: Sequence[str],
    out: Path,
    *,
    now: datetime,
    found: Diagnosed | None = None,
) -> list[Path]:
    """Fill templates with one report, or with those of several books, into a folder; give the files written.

    `found` is the diagnosis of the one report, where there is one already. Raises `UsageError` for a template that does
    not exist, has mistakes, would be written over another, or shows a diagnosis that the book has no models for: then
    nothing is written at all.
    """
    printed = now.astimezone(workspace.settings.zone)
    jobs: dict[Path, tuple[Path, ReportScope]] = {}
    for name in names:
        template = find(workspace.folder, name)
        for one in reports:
            target = out / f"{output_name(one, template.stem, several=len(reports) > 1)}{template.suffix.lower()}"
            if target in jobs:
                raise UsageError("same_output", path=str(target))
            ask = partial(diagnosed, workspace, one) if found is None else lambda: found
            jobs[target] = template, ReportScope(one, printed, ask)
    for template, scope in jobs.values():
        _sound(template, _guarded(template, partial(refused, scope=scope)))
    out.mkdir(parents=True, exist_ok=True)
    for target, (template, scope) in jobs.items():
        try:
            _guarded(template, partial(fill, target=target, scope=scope))
        except TemplateError as error:
            _sound(template, error.mistakes)
    return list(jobs)


def output_name(found: Report, what: str, *, several: bool) -> str:
    """How a file about a report is called, without its suffix: month, dealer, of `several` books which, and what."""
    said = [found.month, found.dealer or "", found.book.label if several else "", what]
    return _safe(" ".join(filter(None, said)))


def _sound(template: Path, mistakes: Sequence[Mistake]) -> None:
    """Raise `UsageError` for a template with mistakes."""
    if mistakes:
        told = "\n".join(f"{one.sheet}!{one.cell}: {one.text} {one.near}".rstrip() for one in mistakes)
        raise UsageError("template_mistakes", name=template.name, mistakes=told)


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
    scope = ReportScope(found, datetime.combine(today, time.min), partial(diagnosed, workspace, found))
    return _guarded(find(workspace.folder, name), partial(check, scope=scope))


def marks_of(folder: Path | None, name: str) -> list[tuple[str, str, str]]:
    """Every mark of a template: sheet, cell, and what it says."""
    return _guarded(find(folder, name), marks)


def begin(path: Path) -> None:
    """Copy a small template to begin a new one with; raise `UsageError` where a file is there already."""
    if path.exists():
        raise UsageError("template_exists", path=str(path))
    shutil.copyfile(shipped()["绩效管理表"], path)


def _safe(name: str) -> str:
    return "".join("_" if letter in '\\/:*?"<>|' or ord(letter) < 32 else letter for letter in name)
