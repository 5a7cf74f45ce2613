"""The funnel of a group: counts by stage, rates with their uncertainty, and where the most is lost."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod, sqrt
from typing import Literal

from kpicli.catalogue import Funnel, Stage
from kpicli.formula import Number
from kpicli.measure import Reason, Values

Standard = Literal["team", "previous"]
"""What a rate is held against: that of the whole store, or that of the month before."""


@dataclass(frozen=True)
class Step:
    """One stage of one group."""

    stage: Stage
    count: int | None
    reason: Reason | None
    """Why there is no count."""
    base: str | None
    """The stage before in the chain that has a count; None at the top and for what stands beside the chain."""
    before: int | None
    """The count of that stage."""
    top: int | None
    previous: int | None
    """The count of the month before, of as many days."""
    previous_before: int | None
    target: float | None
    team: float | None = None
    """The whole store's rate from the same stage."""
    median_days: float | None = None
    """Of a cohort: days from the stage before to this one, of the customers who took them in this order."""

    @property
    def from_previous(self) -> float | None:
        """The share of the stage before; may exceed 1 in the period view, whose stages are not of the same customers.

        None at the top.
        """
        return _share(self.count, self.before)

    @property
    def from_top(self) -> float | None:
        """The share of the first stage; 1 at the top, None beside the chain."""
        return _share(self.count, self.top)

    @property
    def drop_off(self) -> int | None:
        """How many fewer than at the stage before."""
        return None if self.count is None or self.before is None else self.before - self.count

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where the rate from the stage before may truly lie, with 95 % confidence."""
        return None if self.count is None or self.before is None else wilson(self.count, self.before)

    @property
    def previous_rate(self) -> float | None:
        """The rate from the stage before in the month before."""
        return _share(self.previous, self.previous_before)

    @property
    def differs(self) -> Literal[-1, 0, 1]:
        """Whether the rate is surely below or above the whole store's; 0 where chance may explain it."""
        if self.team is None or self.interval is None:
            return 0
        low, high = self.interval
        return -1 if high < self.team else 1 if low > self.team else 0


@dataclass(frozen=True)
class Leak:
    """The step at which a group loses most against a standard."""

    step: Step
    standard: Standard
    rate: float
    """The standard's rate there."""
    gain: float
    """How many more there would be at the goal with that rate here and the group's own rates further down."""


@dataclass(frozen=True)
class Branch:
    """The funnel of the whole or of one group."""

    steps: tuple[Step, ...]
    leak: Leak | None = None
    rank: int | None = None
    """By the rate from the top to the goal; equals share a rank. None for too few, for who is nobody, for no rate."""
    enough: bool = True
    """Whether there are enough at the top to be ranked."""

    def step(self, key: str) -> Step:
        """The step of a stage."""
        return next(step for step in self.steps if step.stage.key == key)

    @property
    def chain(self) -> tuple[Step, ...]:
        """The steps that follow one from the other: those in the chain with a count."""
        return tuple(step for step in self.steps if not step.stage.aside and step.count is not None)


def wilson(count: int, of: int) -> tuple[float, float] | None:
    """The 95 % score interval of a share (Wilson 1927); None for what is no share, 5 of 3 or 0 of 0."""
    if not 0 <= count <= of or not of:
        return None
    z, share = 1.959963984540054, count / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return max(0.0, middle - half), min(1.0, middle + half)


def counted(funnel: Funnel, values: Values) -> dict[str, int | None]:
    """Stage → its count, from measures."""
    return {stage.key: _sum([values.get(key) for key in stage.measures]) for stage in funnel.stages}


def branch(
    funnel: Funnel,
    counts: Mapping[str, int | None],
    reasons: Mapping[str, Reason | None],
    *,
    previous: Mapping[str, int | None] | None = None,
    targets: Mapping[str, float] | None = None,
    median_days: Mapping[str, float | None] | None = None,
) -> Branch:
    """The stages of one group from its counts and the month before's by stage, with targets by KPI.

    `reasons` say why a measure has no value.
    """
    chain = [stage.key for stage in funnel.stages if not stage.aside and counts[stage.key] is not None]
    others = previous or {}
    steps = []
    for stage in funnel.stages:
        place = chain.index(stage.key) if stage.key in chain else 0
        above = chain[place - 1] if place else None
        steps.append(
            Step(
                stage=stage,
                count=counts[stage.key],
                reason=_reason(stage, reasons) if counts[stage.key] is None else None,
                base=above,
                before=counts[above] if above else None,
                top=counts[chain[0]] if stage.key in chain else None,
                previous=others.get(stage.key),
                previous_before=others.get(above) if above else None,
                target=(targets or {}).get(stage.kpi),
                median_days=(median_days or {}).get(stage.key),
            )
        )
    return Branch(tuple(steps))


def beside(funnel: Funnel, one: Branch, whole: Branch) -> Branch:
    """A group's funnel with the whole store's rates beside its own, and the step where it loses most against them."""
    counts = {step.stage.key: step.count for step in whole.steps}
    steps = tuple(replace(step, team=_share(counts[step.stage.key], counts.get(step.base or ""))) for step in one.steps)
    found = replace(one, steps=steps)
    return replace(found, leak=leak(funnel, found, "team"))


def leak(funnel: Funnel, one: Branch, standard: Standard) -> Leak | None:
    """The step down to the goal at which a group loses most; None where it is nowhere below the standard.

    Steps from fewer than the funnel's minimum are not judged.
    """
    chain = one.chain
    keys = [step.stage.key for step in chain]
    if funnel.goal not in keys:
        return None
    steps = chain[1 : keys.index(funnel.goal) + 1]
    norms = [step.team if standard == "team" else step.previous_rate for step in steps]
    own_rates = [step.from_previous for step in steps]
    rates = [norm if own is None else own for own, norm in zip(own_rates, norms, strict=True)]
    leaks = []
    for place, (step, norm) in enumerate(zip(steps, norms, strict=True)):
        own, further = step.from_previous, rates[place + 1 :]
        if own is None or norm is None or own >= norm or None in further or (step.before or 0) < funnel.minimum:
            continue
        gain = (norm - own) * (step.before or 0) * prod(rate for rate in further if rate is not None)
        leaks.append(Leak(step, standard, norm, gain))
    return max(leaks, key=lambda found: found.gain, default=None)


def ranked(funnel: Funnel, branches: Mapping[str, Branch], nobody: Collection[str]) -> dict[str, Branch]:
    """The groups with their ranks by the rate from the top to the goal; equals share one, and the next is left free."""
    rates: dict[str, float] = {}
    found = {}
    for name, one in branches.items():
        goal = one.step(funnel.goal)
        enough = (goal.top or 0) >= funnel.minimum
        found[name] = replace(one, enough=enough)
        if enough and goal.from_top is not None and name not in nobody:
            rates[name] = goal.from_top
    for name, rate in rates.items():
        found[name] = replace(found[name], rank=1 + sum(other > rate for other in rates.values()))
    return found


def differences(whole: Branch, parts: Sequence[Branch], additive: Collection[str]) -> dict[str, int]:
    """Stage → parts less whole, where the counts of parts do not add up to the whole's though they should."""
    found = {}
    for place, step in enumerate(whole.steps):
        counts = [part.steps[place].count for part in parts]
        if step.count is not None and None not in counts and all(key in additive for key in step.stage.measures):
            gap = sum(count for count in counts if count is not None) - step.count
            if gap:
                found[step.stage.key] = gap
    return found


def _sum(parts: Sequence[Number | None]) -> int | None:
    known = [int(part) for part in parts if part is not None]
    return sum(known) if parts and len(known) == len(parts) else None


def _reason(stage: Stage, reasons: Mapping[str, Reason | None]) -> Reason:
    if stage.needs:
        return "source_missing"
    found = {reason for key in stage.measures if (reason := reasons.get(key))}
    order: tuple[Reason, ...] = ("source_missing", "history_missing", "no_rows")
    return next((reason for reason in order if reason in found), "no_rows")


def _share(count: int | None, of: int | None) -> float | None:
    return None if count is None or not of else count / of
