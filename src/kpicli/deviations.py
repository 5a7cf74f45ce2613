"""How far a consultant lies below the mean of all, factor by factor (a dealer system's analysis, domain facts §2.4)."""

from collections.abc import Sequence
from dataclasses import dataclass

from kpicli.formula import Node, evaluate, names
from kpicli.measure import NOBODY, Table
from kpicli.models import Deviation

CONCLUDED = 3
"""So many factors must tell before anything is concluded."""


@dataclass(frozen=True)
class Deviated:
    """One factor of one consultant."""

    deviation: Deviation
    value: float | None
    """A rate as a fraction; None where there is nothing to divide by, or no sheet for it."""
    mean: float | None
    """A number per consultant; a rate or a mean of minutes of all together."""

    @property
    def gap(self) -> float | None:
        """How far it lies above the mean, as a share of the mean; below zero below it."""
        return None if self.value is None or not self.mean else self.value / self.mean - 1

    @property
    def tells(self) -> bool:
        """Whether it is as far below as the rule asks."""
        return self.gap is not None and self.gap <= -self.deviation.below


def deviated(rules: Sequence[Deviation], table: Table, month: str, name: str) -> tuple[Deviated, ...]:
    """Every factor of a consultant in a month beside the mean of all consultants."""
    groups = {
        group
        for period, dimension, group in table.values
        if (period, dimension) == (month, "consultant") and group not in NOBODY
    }

    def total(node: Node, group: str | None) -> float | None:
        keys = set(names(node))
        if any((month, key) in table.reasons or key in table.lacking.get("consultant", ()) for key in keys):
            return None
        places = [group] if group is not None else sorted(groups)
        every = [table.values.get((month, "consultant", place), {}) for place in places]
        return float(sum(evaluate(node, {key: values.get(key) or 0 for key in keys}) or 0 for values in every))

    found = []
    for rule in rules:
        own, of_all = total(rule.of, name), total(rule.of, None)
        if rule.over is None:
            found.append(Deviated(rule, own, None if of_all is None or not groups else of_all / len(groups)))
            continue
        base, of_base = total(rule.over, name), total(rule.over, None)
        found.append(
            Deviated(
                rule,
                own / base if own is not None and base else None,
                of_all / of_base if of_all is not None and of_base else None,
            )
        )
    return tuple(found)
