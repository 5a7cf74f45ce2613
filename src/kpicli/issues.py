"""Problems of the data, as values: each has a code, a place, and words made from the catalogue when shown."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Literal

Severity = Literal["error", "warning", "info"]
Language = Literal["zh", "en"]


@dataclass(frozen=True)
class Issue:
    """One problem, or several equal ones gathered."""

    code: str
    """Key in ``definitions/issues.toml``; stable."""
    sheet: str | None = None
    """The sheet it was found in; None for the file as a whole."""
    row: int | None = None
    """Row as the spreadsheet shows it, the first one when gathered."""
    column: str | None = None
    """The header as the sheet has it."""
    cell: str | None = None
    """Address of the first cell concerned, such as ``F17``."""
    values: Mapping[str, str] = field(default_factory=dict)
    """What fills the braces of the message; already masked."""
    count: int = 1
    """How many equal problems this stands for."""
    grave: bool = False
    """A cell's problem that cost the row its place (a required column)."""

    @property
    def severity(self) -> Severity:
        """How bad it is: what the catalogue says, or error where the row was set aside for it."""
        return "error" if self.grave else _catalogue()[self.code].severity

    def message(self, language: Language = "zh") -> str:
        """Say what is wrong."""
        return _catalogue()[self.code].message[language].format_map(_Values(self.values))

    def hint(self, language: Language = "zh") -> str:
        """Say what to do about it; empty when there is nothing to do."""
        return _catalogue()[self.code].hint[language].format_map(_Values(self.values))


@dataclass(frozen=True)
class IssueKind:
    """An entry of the issue catalogue."""

    code: str
    severity: Severity
    message: Mapping[Language, str]
    hint: Mapping[Language, str]


class _Values(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "…"


@cache
def _catalogue() -> dict[str, IssueKind]:
    text = files("kpicli").joinpath("definitions/issues.toml").read_text(encoding="utf-8")
    return {
        code: IssueKind(
            code,
            entry["severity"],
            {"zh": entry["zh"], "en": entry["en"]},
            {"zh": entry["zh_hint"], "en": entry["en_hint"]},
        )
        for code, entry in tomllib.loads(text).items()
    }


def codes() -> tuple[str, ...]:
    """Every code there is, in the catalogue's order."""
    return tuple(_catalogue())


def gather(issues: Iterable[Issue]) -> tuple[Issue, ...]:
    """Join equal problems of one sheet and column into one with a count; the first place stands for all."""
    gathered: dict[tuple[object, ...], Issue] = {}
    for issue in issues:
        key = (issue.code, issue.sheet, issue.column, issue.grave, tuple(issue.values.items()))
        known = gathered.get(key)
        gathered[key] = replace(known, count=known.count + issue.count) if known else issue
    return tuple(gathered.values())
