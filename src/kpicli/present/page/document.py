"""The numbers of a page: one JSON document, and looking them up in it."""

import json as texts
import unicodedata
from collections.abc import Iterator, Mapping
from string import Formatter
from typing import Any

from kpicli.messages import Language
from kpicli.pipeline.funnel import Funnelled
from kpicli.pipeline.page import Paged
from kpicli.present import diagnose as diagnoses
from kpicli.present import funnel as funnels
from kpicli.present import json
from kpicli.present import trend as trends
from kpicli.present.page.parts import Piece, Shown, Told
from kpicli.present.values import number
from kpicli.present.words import word
from kpicli.stages import Branch, wilson

Path = tuple[str | int, ...]
"""Where a number stands: names and places, from the outside in."""


def document(paged: Paged, language: Language) -> dict[str, Any]:
    """The report as JSON has it, with funnel, trend and diagnosis as their commands have them.

    Also the account of the rows, where those of each measure come from, how many KPIs have which status, and of the
    whole's and each group's way from the top of the funnel to its goal the count at either end, the rate, and where it
    may truly lie.
    """
    report = paged.report
    statuses = [value.status for value in report.total.kpis.values()]
    found = {
        **json.report(report),
        "account": vars(report.account),
        "statuses": {status: statuses.count(status) for status in ("good", "near", "bad")},
        "evidence": {key: [vars(place) for place in places] for key, places in paged.evidence.items()},
    }
    if paged.funnel:
        found["funnel"] = funnels.document(paged.funnel, None, language, show_pii=False)
        found["ways"] = {
            dimension: {name: _way(paged.funnel, one) for name, one in groups.items()}
            for dimension, groups in paged.funnel.by.items()
        }
        found["way"] = _way(paged.funnel, paged.funnel.whole)
    if paged.history:
        found["trend"] = trends.document(paged.history)
    if paged.causes:
        found["diagnosis"] = diagnoses.document(paged.causes, language)
    plainly: dict[str, Any] = texts.loads(json.text(found))
    return plainly


def _way(funnel: Funnelled, one: Branch) -> dict[str, Any]:
    goal = one.step(funnel.funnel.goal)
    bounds = wilson(goal.count, goal.top) if goal.count is not None and goal.top is not None else None
    return {"count": goal.count, "of": goal.top, "rate": goal.from_top, "interval": bounds}


class Numbers:
    """The numbers of a document as they are read in a language."""

    def __init__(self, document: Mapping[str, Any], language: Language) -> None:
        self.document, self.language = document, language

    def value(self, path: Path) -> Any:
        """What stands at a place of the document."""
        value: Any = self.document
        for name in path:
            value = value[name]
        return value

    def of(self, path: Path, unit: str = "", text: str = "") -> Shown:
        """A number that is there, in its unit or as a `text` says it."""
        value = self.value(path)
        return Shown(text or number(value, unit), texts.dumps(value), "".join(f"/{_step(str(name))}" for name in path))

    def maybe(self, path: Path, unit: str = "") -> Shown | None:
        """A number, if there is one."""
        return None if self.value(path) is None else self.of(path, unit)

    def share(self, path: Path) -> Shown:
        """A rate without decimals."""
        return self.of(path, text=f"{self.value(path) * 100:.0f}%")

    def pair(self, path: Path) -> tuple[Shown, Shown] | None:
        """The two ends of an interval of rates, if there is one."""
        return None if self.value(path) is None else (self.share((*path, 0)), self.share((*path, 1)))

    def ratio(self, path: Path) -> Told:
        """A numerator and its denominator, if there are such."""
        above, below = self.maybe((*path, "numerator")), self.maybe((*path, "denominator"))
        return (above, "/", below) if above and below else ()

    def said(self, key: str, **values: Piece) -> Told:
        """A line of the words with numbers in it."""
        return tuple(_filled(word(key, self.language), values))


def _filled(template: str, values: Mapping[str, Piece]) -> Iterator[Piece]:
    for text, name, _, _ in Formatter().parse(template):
        if text:
            yield text
        if name is not None:
            yield values[name]


def _step(name: str) -> str:
    """A name within a JSON pointer; what no text should hold stands there by its bytes."""
    name = name.replace("~", "~0").replace("/", "~1")
    return "".join(
        "".join(f"%{byte:02X}" for byte in letter.encode("utf-8", "surrogatepass"))
        if letter == "%" or unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        else letter
        for letter in name
    )
