"""Problems of the data, as values: each has a code, a place, and words made from the catalogue when shown."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal, cast

from kpicli.messages import Language, Values, Words, catalogue, fill

Severity = Literal["error", "warning", "info"]


_SET_ASIDE = Words("，该行搁置", "; the row was set aside")


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
    values: Values = field(default_factory=dict)
    """What fills the braces of the message; already masked."""
    count: int = 1
    """How many equal problems this stands for."""
    rows: tuple[int, ...] = ()
    """Every row concerned, where there are several; the first is `row`."""
    grave: bool = False
    """A cell's problem that cost the row its place (a required column)."""

    @property
    def severity(self) -> Severity:
        """How bad it is: what the catalogue says, or error where the row was set aside for it."""
        return "error" if self.grave else cast(Severity, catalogue("issues")[self.code].severity)

    def message(self, language: Language = "zh") -> str:
        """Say what is wrong."""
        text = fill(catalogue("issues")[self.code].text, self.values, language)
        return text + _SET_ASIDE[language] if self.grave else text

    def hint(self, language: Language = "zh") -> str:
        """Say what to do about it; empty when there is nothing to do."""
        return fill(catalogue("issues")[self.code].hint, self.values, language)


def codes() -> tuple[str, ...]:
    """Every code there is, in the catalogue's order."""
    return tuple(catalogue("issues"))


_TOLD_APART = 3
"""So many different bad values of a column are told one by one; beyond, they share a line."""


def gather(issues: Iterable[Issue]) -> tuple[Issue, ...]:
    """Join equal problems of one sheet and column into one with a count; the first place stands for all.

    Problems that differ in the value alone share one line when there are many of them.
    """
    equal: dict[tuple[object, ...], Issue] = {}
    alike: dict[tuple[object, ...], list[tuple[object, ...]]] = {}
    for issue in issues:
        others = tuple(entry for entry in issue.values.items() if entry[0] != "value")
        group = (issue.code, issue.sheet, issue.column, issue.grave, others)
        key = (*group, issue.values.get("value"))
        if key not in equal:
            alike.setdefault(group, []).append(key)
        known = equal.get(key)
        equal[key] = replace(known, count=known.count + issue.count) if known else issue
    return tuple(issue for keys in alike.values() for issue in _joined([equal[key] for key in keys]))


def _joined(issues: list[Issue]) -> list[Issue]:
    if len(issues) <= _TOLD_APART:
        return issues
    first = min(issues, key=lambda issue: issue.row or 0)
    words = "、".join(dict.fromkeys(str(issue.values["value"]) for issue in issues[:_TOLD_APART]))
    total = sum(issue.count for issue in issues)
    return [replace(first, count=total, values={**first.values, "value": f"{words} 等"})]
