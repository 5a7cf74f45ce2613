"""What is in force for a command: the settings of a workspace's ``kpicli.toml``, over built-in defaults."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, tzinfo
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar, get_args

from kpicli.catalogue import TIERS, Catalogue, suggest
from kpicli.errors import DefinitionError, UsageError
from kpicli.loading import load
from kpicli.messages import Language
from kpicli.periods import Calendar, WeekMode
from kpicli.read.sheets import Limits
from kpicli.tables import Mistake

FILE = "kpicli.toml"


@dataclass(frozen=True)
class Settings:
    """The keys of ``kpicli.toml``; every one has a default."""

    store: str = "store"
    """Folder of the store, relative to the workspace, or the URL of an object store."""
    dealer: str = ""
    """Code of the store (经销商) whose exports are read; empty where each file says it."""
    book: str = "buick"
    tier: str = "中端"
    """Of the brand, 中端 or 高端: some books set other targets for each."""
    language: Language = "zh"
    timezone: str = "+08:00"
    """Where the store is, as hours before UTC: decides when a day ends."""
    weeks: WeekMode = "monday"
    """Monday to Sunday cut at the month, or the four parts 1–7, 8–14, 15–21, 22–end (quarters)."""
    calendar: Calendar = "workdays"
    """How far the running month is: by China's working days, or by all days."""
    followup_grace_days: int = 0
    """How many days after its due day a follow-up is still on time."""
    limits: Limits = field(default_factory=Limits)
    """What reading one file may cost."""

    @property
    def zone(self) -> tzinfo:
        """The time zone."""
        return datetime.strptime(self.timezone, "%z").tzinfo or UTC


@dataclass(frozen=True)
class Workspace:
    """Where a command works and by which rules."""

    folder: Path | None
    """The folder of ``kpicli.toml`` with its own forms/ and books/; None when only a store was named."""
    store: Path | str
    """A folder, or the URL of an object store."""
    settings: Settings

    @cached_property
    def catalogue(self) -> Catalogue:
        """The definitions in force; raise `DefinitionError` when they have mistakes."""
        return load(self.folder)


def open_workspace(folder: str | Path | None = None, *, store: str | Path | None = None) -> Workspace:
    """Open the workspace in a folder, or a bare store with the defaults.

    Raises `UsageError` when the folder has no ``kpicli.toml`` and no store is named, and `DefinitionError` when the
    file has mistakes.
    """
    home = Path(folder) if folder is not None else None
    settings = Settings()
    if home is not None and (home / FILE).is_file():
        settings = _read(home / FILE)
    elif store is None:
        where = home or Path()
        raise UsageError("no_workspace", place=str(where / FILE))
    else:
        home = None
    if store is None:
        store = settings.store if "://" in settings.store else (home or Path()) / settings.store
    return Workspace(home, store if "://" in str(store) else Path(store), settings)


Record = TypeVar("Record", Settings, Limits)


def _read(path: Path) -> Settings:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DefinitionError([Mistake(FILE, "", f"不是有效的 TOML：{error}")]) from error
    mistakes: list[Mistake] = []
    limits = table.pop("limits", {})
    settings = _filled(Settings(), table, "", mistakes)
    if isinstance(limits, dict):
        settings = replace(settings, limits=_filled(Limits(), limits, "limits.", mistakes))
    else:
        mistakes.append(Mistake(FILE, "limits", "应为表"))
    if mistakes:
        raise DefinitionError(mistakes)
    return settings


def _filled(record: Record, table: Mapping[str, Any], path: str, mistakes: list[Mistake]) -> Record:
    known = {entry.name: getattr(record, entry.name) for entry in fields(record)}
    good = {}
    for key, value in table.items():
        if key not in known:
            mistakes.append(Mistake(FILE, path + key, f"不认得的键{suggest(key, known)}"))
        elif type(value) is not type(known[key]):
            mistakes.append(Mistake(FILE, path + key, f"应为 {'数字' if isinstance(known[key], int) else '文字'}"))
        elif key == "timezone" and not re.fullmatch(r"[+-](0\d|1[0-4]):[0-5]\d", value):
            mistakes.append(Mistake(FILE, path + key, f"{value} 应写作 +08:00"))
        elif key in _CHOICES and value not in _CHOICES[key]:
            mistakes.append(
                Mistake(
                    FILE, path + key, f"{value} 不在 {' · '.join(_CHOICES[key])} 之中{suggest(value, _CHOICES[key])}"
                )
            )
        else:
            good[key] = value
    return replace(record, **good)


_CHOICES: Mapping[str, Iterable[str]] = {
    "calendar": get_args(Calendar),
    "language": get_args(Language),
    "tier": TIERS,
    "weeks": get_args(WeekMode),
}
