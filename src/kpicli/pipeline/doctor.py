"""Is everything there that the month's end needs: the program, the workspace, its data, folders and templates."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from pathlib import Path

from kpicli.errors import DefinitionError, KpicliError, NothingToReport, StoreError, UsageError, place_of
from kpicli.issues import Issue
from kpicli.loading import load
from kpicli.messages import Language, Values, Words, catalogue, fill
from kpicli.pipeline.month_end.record import LATEST, Run
from kpicli.workspace import Workspace, open_workspace

LANGUAGES: tuple[Language, Language] = ("zh", "en")
_ENOUGH, _LITTLE = 2_000_000_000, 200_000_000
"""Free bytes of a disk below which it is told, and below which things fail."""
_A_MONTH = 35
"""Days after which the next run is missing."""
_NAMED = 3
"""So many damages are told; the store's own check tells all."""
_STATES = {"info": "ok", "warning": "warn", "error": "bad"}


@dataclass(frozen=True)
class Environment:
    """What only the command line sees of the process it runs in."""

    now: datetime
    kpicli: str
    python: str
    libraries: Mapping[str, str | None]
    """Those that kpicli needs → the version that is there."""
    locale: str
    output: str
    """The encoding of stdout."""
    names: str
    """The encoding of file names."""


@dataclass(frozen=True)
class Check:
    """One thing looked at."""

    key: str
    code: str
    """What was found: a key of ``definitions/doctor.toml``."""
    values: Values = field(default_factory=dict)

    @property
    def severity(self) -> str:
        """How grave it is, as of an issue."""
        return catalogue("doctor")[self.code].severity

    @property
    def state(self) -> str:
        """``ok``, ``warn`` or ``bad``."""
        return _STATES[self.severity]

    def found(self, language: Language) -> str:
        """Say what was found."""
        return fill(catalogue("doctor")[self.code].text, self.values, language)

    def hint(self, language: Language) -> str:
        """Say what to do; empty where nothing is."""
        return fill(catalogue("doctor")[self.code].hint, self.values, language)


def examine(
    folder: Path | None, store: str | None, environment: Environment
) -> tuple[Workspace | None, tuple[Check, ...]]:
    """Look at everything and tell; what needs a workspace or definitions that are not there is left out.

    Nothing is raised: that something cannot be looked at is a finding too. Gives the workspace, where it can be opened.
    """
    workspace, found = _workspace(folder, store)
    definitions = _kept_apart("definitions", partial(_definitions, folder, workspace))
    checks = [_program(environment), _encodings(environment), found, definitions]
    if workspace is not None:
        checks += [_kept_apart(key, step) for key, step in _steps(workspace, environment, definitions.state != "bad")]
    return workspace, tuple(checks)


def _steps(workspace: Workspace, environment: Environment, defined: bool) -> Iterator[tuple[str, Callable[[], Check]]]:
    if defined:
        yield "data", partial(_data, workspace)
    yield "privacy", partial(_privacy, workspace)
    yield "disk", partial(_disk, workspace)
    if workspace.folder is None:
        return
    yield "inbox", partial(_folder, "inbox", workspace.inbox)
    yield "reports", partial(_folder, "reports", workspace.reports)
    if defined:
        today = environment.now.astimezone(workspace.settings.zone).date()
        for name in workspace.templates:
            yield "template", partial(_template, workspace, name, today)
    yield "last_run", partial(_last_run, workspace, environment.now)


def _kept_apart(key: str, step: Callable[[], Check]) -> Check:
    """What a step finds; that it fails itself, whatever the reason, is a finding as well."""
    try:
        return step()
    except KpicliError as error:
        return Check(key, "check_failed", _told(error))
    except OSError as error:
        return Check(key, "check_refused", {"why": f"{error.filename}: {error.strerror}"})
    except Exception as error:
        return Check(key, "check_broken", {"why": place_of(error)})


def _told(error: KpicliError) -> Values:
    """What an error says, and what it says to do."""
    return {
        "why": Words(error.message("zh"), error.message("en")),
        "hint": Words(error.hint("zh"), error.hint("en")),
    }


# The program


def _program(environment: Environment) -> Check:
    missing = [name for name, version in environment.libraries.items() if version is None]
    there = [f"{name} {version}" for name, version in environment.libraries.items() if version]
    values = {"kpicli": environment.kpicli, "python": environment.python, "libraries": ", ".join(missing or there)}
    return Check("program", "library_missing" if missing else "runs_on", values)


def _encodings(environment: Environment) -> Check:
    values = {"output": environment.output, "names": environment.names, "locale": environment.locale}
    if not _has_chinese(environment.names):
        return Check("encodings", "names_without_chinese", values)
    return Check("encodings", "encodings" if _has_chinese(environment.output) else "output_without_chinese", values)


def _has_chinese(encoding: str) -> bool:
    try:
        "月度指标".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


# The workspace


def _workspace(folder: Path | None, store: str | None) -> tuple[Workspace | None, Check]:
    if folder is None and store is None:
        return None, Check("workspace", "no_workspace")
    try:
        workspace = open_workspace(folder, store=store)
    except DefinitionError as error:
        return None, Check("workspace", "workspace_bad", _told(error))
    except KpicliError as error:
        return None, Check("workspace", "workspace_missing", _told(error))
    except OSError as error:
        return None, Check("workspace", "workspace_bad", {"why": f"{error.filename}: {error.strerror}"})
    if workspace.folder is None:
        return workspace, Check("workspace", "no_workspace")
    values = {"folder": str(workspace.folder), "count": str(len(workspace.given))}
    return workspace, Check("workspace", "workspace_open", values)


def _definitions(folder: Path | None, workspace: Workspace | None) -> Check:
    try:
        found = workspace.catalogue if workspace else load(folder)
        if workspace:
            found.book(workspace.settings.book)
    except DefinitionError as error:
        return Check("definitions", "definitions_bad", _told(error))
    except UsageError as error:
        return Check("definitions", "unknown_book", _told(error))
    return Check("definitions", "definitions_sound", {"forms": str(len(found.forms)), "books": str(len(found.books))})


def _data(workspace: Workspace) -> Check:
    from kpicli.pipeline.upkeep import check

    try:
        health = check(workspace)
    except NothingToReport:
        return Check("data", "store_empty", {"store": str(workspace.store)})
    except StoreError as error:
        return Check("data", "store_failed", _told(error))
    wrong = [issue for issue in health.issues if issue.severity != "info" and issue.code != "store_open"]
    if wrong:
        why = Words(*("; ".join(issue.message(language) for issue in wrong[:_NAMED]) for language in LANGUAGES))
        return Check("data", "store_damaged", {"why": why, "count": str(len(wrong))})
    counts = {key: f"{getattr(health, key):,}" for key in ("files", "rows", "batches")}
    return Check("data", "store_sound", {"store": str(workspace.store), **counts})


def _privacy(workspace: Workspace) -> Check:
    from kpicli.store import Store

    if "://" in str(workspace.store) or os.name != "posix":
        return Check("privacy", "store_elsewhere")
    if not Store(workspace.store).place.is_open:
        return Check("privacy", "store_private")
    issue = Issue("store_open", values={"store": str(workspace.store)})
    values = {"why": Words(*map(issue.message, LANGUAGES)), "hint": Words(*map(issue.hint, LANGUAGES))}
    return Check("privacy", "store_readable", values)


def _disk(workspace: Workspace) -> Check:
    """The fullest disk of the workspace and its store."""
    places = [place for place in (workspace.folder, workspace.store) if isinstance(place, Path)]
    there = [next(path for path in (place, *place.parents) if path.exists()) for place in places]
    if not there:
        return Check("disk", "disk_elsewhere")
    free, place = min((shutil.disk_usage(path).free, path) for path in there)
    code = "disk_full" if free < _LITTLE else "disk_low" if free < _ENOUGH else "disk_roomy"
    size = f"{free / 1e9:,.1f} GB" if free >= 1e9 else f"{free / 1e6:,.0f} MB"
    return Check("disk", code, {"free": size, "folder": str(place)})


def _folder(key: str, folder: Path) -> Check:
    """Whether a folder takes files, seen by a nameless one that is gone at once."""
    if not folder.exists():
        return Check(key, f"{key}_missing", {"folder": str(folder)})
    try:
        with tempfile.TemporaryFile(dir=folder):
            return Check(key, f"{key}_writable", {"folder": str(folder)})
    except OSError as error:
        return Check(key, f"{key}_unwritable", {"folder": str(folder), "why": error.strerror or "?"})


def _template(workspace: Workspace, name: str, today: date) -> Check:
    """A template held against the last month, or only opened where there is none."""
    from kpicli.pipeline.templates import checked, marks_of

    try:
        marks_of(workspace.folder, name)
        mistakes = [one for one in checked(workspace, name, "last", today=today) if one.stops]
    except UsageError as error:
        return Check("template", "template_unusable", _told(error))
    except NothingToReport:
        return Check("template", "template_readable", {"name": name})
    except StoreError:  # the check of the data says what is wrong
        return Check("template", "template_unchecked", {"name": name})
    if mistakes:
        first = mistakes[0]
        values = {"name": name, "count": str(len(mistakes)), "place": f"{first.sheet}!{first.cell}"}
        return Check("template", "template_wrong", values)
    return Check("template", "template_sound", {"name": name})


# The last run


def _last_run(workspace: Workspace, now: datetime) -> Check:
    zone = workspace.settings.zone
    files = sorted(workspace.reports.glob(f"*/{LATEST}"))
    found = {file.parent: run for file in files if (run := Run.read(file))}
    if not files:
        return Check("last_run", "never_run")
    if not found:
        return Check("last_run", "run_unreadable", {"file": str(files[-1])})
    folder, last = max(found.items(), key=lambda entry: entry[1].started)
    days = (now - last.started).days
    values = {
        "time": f"{last.started.astimezone(zone):%Y-%m-%d %H:%M}",
        "month": last.month,
        "code": str(last.exit_code),
        "folder": str(folder),
        "days": str(days),
    }
    if last.finished is None:
        return Check("last_run", "run_unfinished", values)
    if not last.wrote:
        return Check("last_run", "run_failed", values)
    if days > _A_MONTH:
        return Check("last_run", "run_long_ago", values)
    return Check("last_run", "run_with_findings" if last.exit_code else "run_done", values)
