"""A workspace as text and documents: what was laid out, what is in force, whether all is well."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from kpicli.messages import Language
from kpicli.pipeline.doctor import Check
from kpicli.present.starter import Item, toml
from kpicli.present.terminal import SEVERITY_MARK, SEVERITY_STYLE, table_of
from kpicli.present.values import NOTHING, plain
from kpicli.present.words import word
from kpicli.words import readable

Origin = Literal["default", "file", "environment", "option", "none"]


# What was laid out


def laid_out(folder: Path, items: Sequence[Item], written: Sequence[Item], language: Language) -> list[RenderableType]:
    """Every file and folder, and whether it was written or there."""
    grid = Table.grid(padding=(0, 2))
    for _ in range(3):
        grid.add_column(overflow="fold")
    for item in items:
        new = item in written
        state = Text(word("wrote" if new else "kept", language), style="green" if new else "")
        grid.add_row(Text(f"  {plain(item.name)}"), state, word(item.purpose, language))
    return [Text(plain(str(folder)), style="bold"), grid]


def laid_document(folder: Path, items: Sequence[Item], written: Sequence[Item]) -> dict[str, Any]:
    """What was written, and what was there."""
    return {
        "command": "init",
        "folder": readable(str(folder)),
        "written": [item.name for item in written],
        "kept": [item.name for item in items if item not in written],
    }


# What is in force


@dataclass(frozen=True)
class InForce:
    """A value, and where it comes from."""

    key: str
    value: Any
    origin: Origin
    secret: bool = False
    """Whether it is not to be shown."""


def config(values: Sequence[InForce], file: Path | None, language: Language) -> list[RenderableType]:
    """Every value with its origin."""
    table = table_of(*((word(key, language), "left") for key in ("setting", "setting_value", "origin")))
    for entry in values:
        told = word(f"origin_{entry.origin}", language)
        style = "dim" if entry.origin in ("default", "none") else ""
        table.add_row(entry.key, _value(entry, language), told, style=style)
    key = "config_file" if file else "config_without_file"
    return [Text(word(key, language).format(file=plain(str(file)))), table]


def _value(entry: InForce, language: Language) -> str:
    if entry.value is None:
        return NOTHING
    if entry.secret:
        return word("is_set", language)
    return plain(entry.value) if isinstance(entry.value, str) else toml(entry.value)


def config_document(values: Sequence[InForce], file: Path | None) -> dict[str, Any]:
    """Every value with its origin; of a secret only that it is set."""
    told = [
        {
            "key": entry.key,
            "value": "***" if entry.secret and entry.value else _readable(entry.value),
            "origin": None if entry.origin == "none" else entry.origin,
        }
        for entry in values
    ]
    return {"command": "config", "file": readable(str(file)) if file else None, "values": told}


def _readable(value: Any) -> Any:
    return readable(value) if isinstance(value, str) else value


# Whether all is well


def doctor(checks: Sequence[Check], language: Language) -> list[RenderableType]:
    """Every check: what was found, and what to do."""
    grid = Table.grid(padding=(0, 1))
    for _ in range(2):
        grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for check in checks:
        mark = "√" if check.state == "ok" else SEVERITY_MARK[check.severity]
        style = "green" if check.state == "ok" else SEVERITY_STYLE[check.severity]
        told = Text("\n".join(map(plain, check.found(language).splitlines())))
        if hint := check.hint(language):
            told.append(f"\n→ {plain(hint)}", style="dim")
        grid.add_row(Text(mark, style=style), word(f"check_{check.key}", language), told)
    counts = {state: sum(check.state == state for check in checks) for state in ("warn", "bad")}
    key = "doctor_unsound" if counts["bad"] else "doctor_warned" if counts["warn"] else "doctor_sound"
    return [grid, Text(word(key, language).format(**counts), style="red" if counts["bad"] else "green")]


def doctor_document(checks: Sequence[Check], language: Language) -> dict[str, Any]:
    """Every check."""
    told = [
        {
            "key": check.key,
            "state": check.state,
            "code": check.code,
            "found": readable(check.found(language)),
            "hint": readable(check.hint(language)),
        }
        for check in checks
    ]
    return {"command": "doctor", "checks": told}
