"""What is in force for a command: the settings of a workspace's ``kpicli.toml``, over built-in defaults."""

import math
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from datetime import UTC, datetime, tzinfo
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

from kpicli.catalogue import TIERS, Catalogue, suggest
from kpicli.errors import DefinitionError, UsageError
from kpicli.loading import form_keys, load
from kpicli.messages import Language
from kpicli.periods import Calendar, WeekMode
from kpicli.read.sheets import Limits
from kpicli.tables import Mistake

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

FILE = "kpicli.toml"


@dataclass(frozen=True)
class Gates:
    """What a month must keep at its end; `stop` names those without which no report is written."""

    set_aside_percent: float = 2.0
    """How much of the rows of the month's files may be set aside."""
    forms: tuple[str, ...] = ("visits", "intentions", "test_drives", "invoices")
    """The forms that must have rows in the month."""
    empty_days: int = 5
    """How many of the month's working days may be without a visit."""
    stop: tuple[str, ...] = ("forms",)
    """Which of the others end the month-end before a report is written; the rest is only told."""


Security = Literal["tls", "starttls", "none"]
Robot = Literal["", "wecom", "dingtalk", "feishu"]
ADDRESS = re.compile(r"[!#-'*+\-./-9=?A-Z^-~]+@[A-Za-z0-9.-]+")
"""A mail address as it is written in settings: bare, without a name, a quote or anything that could end a header."""


@dataclass(frozen=True)
class Delivery:
    """Whom a month's end tells, and how; without a recipient or a robot nobody. Secrets are in the environment."""

    mail_to: tuple[str, ...] = ()
    """Addresses that get the summary by mail."""
    mail_from: str = ""
    """The sender's address; most servers want that of the account."""
    smtp_host: str = ""
    smtp_port: int = 465
    smtp_security: Security = "tls"
    """Encrypted from the start (465), after a STARTTLS that is insisted on (587), or not at all."""
    smtp_user: str = ""
    """The account; empty: no login."""
    attach: bool = True
    """Whether the filled workbooks go with the mail."""
    webhook: Robot = ""
    """Whose group robot gets the summary."""


@dataclass(frozen=True)
class Settings:
    """The keys of ``kpicli.toml``; every one has a default."""

    dealer: str = ""
    """Code of the store (经销商) whose exports are read; empty where each file says it."""
    book: str = "buick"
    tier: str = "中端"
    """Of the brand, 中端 or 高端: some books set other targets for each."""
    store: str = "store"
    """Folder of the store, relative to the workspace, or the URL of an object store."""
    inbox: str = "inbox"
    """Folder of the exports to be read, relative to the workspace."""
    reports: str = "reports"
    """Folder of the reports, relative to the workspace."""
    templates: tuple[str, ...] = ("月度KPI报告",)
    """What the month's end fills: names of templates, or files relative to the workspace."""
    language: Language = "zh"
    timezone: str = "+08:00"
    """Where the store is, as hours before UTC: decides when a day ends."""
    weeks: WeekMode = "monday"
    """Monday to Sunday cut at the month, or the four parts 1–7, 8–14, 15–21, 22–end (quarters)."""
    calendar: Calendar = "workdays"
    """How far the running month is: by China's working days, or by all days."""
    followup_grace_days: int = 0
    """How many days after its due day a follow-up is still on time."""
    gates: Gates = field(default_factory=Gates)
    """What a month must keep at its end."""
    delivery: Delivery = field(default_factory=Delivery)
    """Whom a month's end tells."""
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
    given: frozenset[str] = frozenset()
    """The keys that ``kpicli.toml`` sets itself, those of its tables as ``gates.stop``."""

    @cached_property
    def catalogue(self) -> Catalogue:
        """The definitions in force; raise `DefinitionError` when they have mistakes."""
        return load(self.folder)

    @property
    def inbox(self) -> Path:
        """Where the exports to be read lie."""
        return (self.folder or Path()) / self.settings.inbox

    @property
    def reports(self) -> Path:
        """Where the reports go."""
        return (self.folder or Path()) / self.settings.reports

    @property
    def templates(self) -> tuple[str, ...]:
        """The templates that the month's end fills: names, and files by their path."""
        home = self.folder or Path()
        return tuple(
            str(home / name) if name.lower().endswith((".xlsx", ".xlsm")) else name for name in self.settings.templates
        )


def open_workspace(folder: str | Path | None = None, *, store: str | Path | None = None) -> Workspace:
    """Open the workspace in a folder, or a bare store with the defaults.

    Raises `UsageError` when the folder has no ``kpicli.toml`` and no store is named, and `DefinitionError` when the
    file has mistakes.
    """
    home = Path(folder) if folder is not None else None
    settings, given = Settings(), frozenset[str]()
    if home is not None and (home / FILE).is_file():
        settings, given = _read(home / FILE)
    elif store is None:
        where = home or Path()
        raise UsageError("no_workspace", place=str(where / FILE))
    else:
        home = None
    if store is None:
        store = settings.store if "://" in settings.store else (home or Path()) / settings.store
    return Workspace(home, store if "://" in str(store) else Path(store), settings, given)


def keys_of(table: Mapping[str, Any] | Settings, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every key of settings, or of a table as TOML has it, with its value; those of tables as ``gates.stop``."""
    for key, value in (asdict(table) if isinstance(table, Settings) else table).items():
        if isinstance(value, dict):
            yield from keys_of(value, f"{path}{key}.")
        else:
            yield path + key, value


Record = TypeVar("Record", bound="DataclassInstance")
_Choices = Mapping[str, Sequence[str]]


def _read(path: Path) -> tuple[Settings, frozenset[str]]:
    """The settings of a file, and the keys that it sets."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))  # Windows editors put a mark before the text
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DefinitionError([Mistake(FILE, "", f"不是有效的 TOML：{error}")]) from error
    mistakes: list[Mistake] = []
    settings = _filled(Settings(), table, "", _choices(path.parent), mistakes)
    if mistakes:
        raise DefinitionError(mistakes)
    return settings, frozenset(key for key, _ in keys_of(table))


def _filled(record: Record, table: Mapping[str, Any], path: str, choices: _Choices, mistakes: list[Mistake]) -> Record:
    """A record with what a table says of it; a field that is a record itself is a table within."""
    known = {entry.name: getattr(record, entry.name) for entry in fields(record)}
    good: dict[str, Any] = {}
    for key, value in table.items():
        place = path + key
        if key not in known:
            mistakes.append(Mistake(FILE, place, f"不认得的键{suggest(key, known)}"))
        elif is_dataclass(known[key]) and isinstance(value, dict):
            good[key] = _filled(known[key], value, f"{place}.", choices, mistakes)
        elif wrong := list(_wrong(place, value, known[key], choices)):
            mistakes += [Mistake(FILE, place, message) for message in wrong]
        else:
            good[key] = type(known[key])(value)
    return replace(record, **good)


def _wrong(place: str, value: Any, default: Any, choices: _Choices) -> Iterator[str]:
    """What is wrong with the value of a key that is no table within."""
    kinds, called = _KINDS.get(type(default), ((), "表"))
    words = value if isinstance(value, list) else [value] if isinstance(value, str) else []
    if type(value) not in kinds or not all(isinstance(word, str) for word in words):
        yield f"应为{called}"
    elif isinstance(value, int | float) and not 0 <= value < math.inf:
        yield f"{value} 应为不小于 0 的数"
    elif place in _NEVER_EMPTY and not value.strip():
        yield "不能为空"
    elif place == "timezone" and not re.fullmatch(r"[+-](0\d|1[0-4]):[0-5]\d", value):
        yield f"{value} 应写作 +08:00"
    elif place == "delivery.smtp_port" and not 1 <= value <= 65535:
        yield f"{value} 应为 1 到 65535 的端口号"
    elif place in _ADDRESSES:
        for word in words:
            if word and not ADDRESS.fullmatch(word):
                yield f"{word} 不是邮箱地址，应写作 name@example.com"
    elif place in choices:
        allowed = choices[place]
        for word in words:
            if word not in allowed:
                yield f"{word} 不在 {' · '.join(filter(None, allowed))} 之中{suggest(word, allowed)}"


_KINDS: Mapping[type, tuple[tuple[type, ...], str]] = {
    str: ((str,), "文字"),
    bool: ((bool,), " true 或 false"),
    int: ((int,), "整数"),
    float: ((float, int), "数字"),
    tuple: ((list,), "文字列表"),
}
"""What TOML may give for a field of a type, and what to call it; every other type is a table."""
_NEVER_EMPTY = ("book", "inbox", "reports", "store")
_ADDRESSES = ("delivery.mail_to", "delivery.mail_from")


def _choices(folder: Path) -> _Choices:
    """The words that a key takes, where they are few."""
    return {
        "calendar": get_args(Calendar),
        "delivery.smtp_security": get_args(Security),
        "delivery.webhook": get_args(Robot),
        "gates.forms": form_keys(folder),
        "gates.stop": [gate.name for gate in fields(Gates) if gate.name != "stop"],
        "language": get_args(Language),
        "tier": TIERS,
        "weeks": get_args(WeekMode),
    }
