"""Why a month has more or fewer orders than another: the difference in cars, split exactly along the funnel.

A group's orders are a product, traffic of the whole × the group's share of it × the rate of each step, and a
difference between two products is divided among their factors by Shapley's value (Shapley 1953; as a decomposition:
Albrecht, François & Schoors 2002): each factor's mean effect over all orders in which the factors can change. The
parts add up to the difference exactly, whatever the factors, and do not depend on which one is named first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from fractions import Fraction
from itertools import pairwise
from math import factorial, prod
from typing import Literal

from kpicli.catalogue import Funnel, Stage
from kpicli.kpi import Basis, Targets
from kpicli.measure import Table
from kpicli.messages import Words

Against = Literal["previous", "year_before", "target"]
AGAINST: tuple[Against, ...] = Against.__args__  # type: ignore[attr-defined]

MIX, OUTSIDE = "mix", "outside"
_ASIDE = {MIX: Words("构成", "Mix"), OUTSIDE: Words("本月客流之外", "Outside this month's traffic")}


@dataclass(frozen=True)
class Share:
    """A part of the difference."""

    key: str
    """The stage whose number or rate changed; ``mix``: how the traffic is spread over groups; ``outside``: goals of a
    group that had no traffic to come from."""
    words: Words
    value: Fraction
    """Cars, below zero where it cost some."""
    before: Fraction | None = None
    """The factor then and now: a number at the top, rates further down; None where there is no single one."""
    after: Fraction | None = None


@dataclass(frozen=True)
class Change:
    """The difference of a stage between a month and what it is held against."""

    goal: Stage
    against: Against
    before: Fraction
    """How many there were; the target, which may be a fraction, where it is held against that."""
    after: int
    parts: tuple[Share, ...]
    """By step of the funnel, of the whole; they add up to the difference exactly."""
    by: Mapping[str, Mapping[str, tuple[Share, ...]]]
    """Dimension → group → parts, with the mix; all parts of a dimension add up to the difference exactly, and those of
    a group to the group's own. Empty against a target, which is of the whole."""

    @property
    def difference(self) -> Fraction:
        """How many more."""
        return self.after - self.before


def change(
    funnel: Funnel, basis: Basis, *, against: Against = "previous", goal: str = "", targets: Targets | None = None
) -> Change | None:
    """Split the difference of a funnel's goal, or of another stage of its chain, to another period or to the target.

    Held against a target, the numbers above it are those that would lead to it at the rates of the month before,
    unless they have targets themselves. None where the goal, what it is held against, or any traffic is missing.
    """
    table, month = basis.table, basis.month
    label = basis.compared.get("previous" if against == "target" else against)
    keys = [stage.key for stage in funnel.chain]
    wanted = goal or funnel.goal
    if label is None or wanted not in keys:
        return None
    chain = funnel.chain[: keys.index(wanted) + 1]
    now, then = (_counts(table, chain, period, "", "") for period in (month, label))
    told = [place for place in range(len(chain)) if now[place] is not None and then[place] is not None]
    if not {0, len(chain) - 1} <= set(told):
        return None
    stages = [chain[place] for place in told]
    after, before = ([Fraction(counts[place] or 0) for place in told] for counts in (now, then))
    if against == "target":
        aims = [(targets or basis.targets).get(("", "", stage.kpi)) for stage in stages]
        wished = _wished(before, aims)
        if wished is None:
            return None
        before = wished
    parts = tuple(_named(stages, _split(before, after, None), before, after))
    by = {} if against == "target" else {name: _groups(table, stages, month, label, name) for name in basis.columns}
    found = {name: groups for name, groups in by.items() if groups}
    return Change(chain[-1], against, before[-1], int(after[-1]), parts, found)


def rounded(values: Sequence[Fraction], digits: int = 1) -> list[Decimal]:
    """Numbers rounded so that they still add up to their rounded sum (largest remainder)."""
    step = Decimal(1).scaleb(-digits)
    scaled = [value * 10**digits for value in values]
    floors = [value.numerator // value.denominator for value in scaled]
    total = sum(scaled, Fraction())
    missing = int((total + Fraction(1, 2)).__floor__()) - sum(floors)
    by_rest = sorted(range(len(values)), key=lambda place: (floors[place] - scaled[place], place))
    for place in by_rest[:missing]:
        floors[place] += 1
    return [(Decimal(number) * step).quantize(step, ROUND_FLOOR) for number in floors]


def _counts(table: Table, chain: Sequence[Stage], period: str, dimension: str, group: str) -> list[int | None]:
    """The stages' counts; None where a measure is missing, zero for a group that is not there."""
    values = table.values.get((period, dimension, group))
    lacking = table.lacking.get(dimension, frozenset())
    counts: list[int | None] = []
    for stage in chain:
        missing = [key in lacking or (period, key) in table.reasons for key in stage.measures]
        found = [] if values is None else [values.get(key) or 0 for key in stage.measures]
        counts.append(None if any(missing) else sum(int(value) for value in found))
    return counts


def _wished(before: Sequence[Fraction], aims: Sequence[float | None]) -> list[Fraction] | None:
    """The counts that would reach the target of the goal, from the last stage up; None without one."""
    if aims[-1] is None:
        return None
    wished = [Fraction(str(aims[-1]))]
    for place in range(len(before) - 2, -1, -1):
        aim = aims[place]
        if aim is not None:
            wished.append(Fraction(str(aim)))
        elif before[place + 1]:
            wished.append(wished[-1] * before[place] / before[place + 1])
        else:
            return None
    return wished[::-1]


def _groups(
    table: Table, stages: Sequence[Stage], month: str, label: str, dimension: str
) -> dict[str, tuple[Share, ...]]:
    """The parts of every group of a dimension; empty where the goal or the traffic cannot be told apart by it."""
    names = sorted({group for period, dim, group in table.values if dim == dimension and period in (month, label)})
    counts = {name: [_counts(table, stages, period, dimension, name) for period in (label, month)] for name in names}
    lost = {place for pair in counts.values() for one in pair for place, count in enumerate(one) if count is None}
    kept = [place for place in range(len(stages)) if place not in lost]
    if not names or not kept or kept[0] or kept[-1] != len(stages) - 1 or len(kept) < 2:
        return {}
    pairs = {name: [[Fraction(one[place] or 0) for place in kept] for one in pair] for name, pair in counts.items()}
    totals = tuple(sum((pair[period][0] for pair in pairs.values()), Fraction()) for period in (0, 1))
    chosen = [stages[place] for place in kept]
    return {
        name: tuple(_named(chosen, _split(before, after, (totals[0], totals[1])), before, after))
        for name, (before, after) in pairs.items()
    }


def _named(
    stages: Sequence[Stage], parts: Mapping[str | int, Fraction], before: Sequence[Fraction], after: Sequence[Fraction]
) -> list[Share]:
    shares = []
    for place, stage in enumerate(stages):
        base = stages[place - 1] if place else None
        words = Words(f"{base.label}→{stage.label}", f"{base.label_en}→{stage.label_en}") if base else stage.words
        factors = [
            counts[place] if not place else counts[place] / counts[place - 1] if counts[place - 1] else None
            for counts in (before, after)
        ]
        shares.append(Share(stage.key, words, parts.get(place, Fraction()), *factors))
        if not place and MIX in parts:
            shares.append(Share(MIX, _ASIDE[MIX], parts[MIX]))
    if parts.get(OUTSIDE):
        shares.append(Share(OUTSIDE, _ASIDE[OUTSIDE], parts[OUTSIDE]))
    return shares


def _split(
    before: Sequence[Fraction], after: Sequence[Fraction], totals: tuple[Fraction, Fraction] | None
) -> dict[str | int, Fraction]:
    """Place in the chain (or ``mix``, ``outside``) → its part of the difference of the last count.

    With `totals`, the traffic of the whole then and now, a group's traffic is the whole's times its share.
    """
    reached = [counts for counts in (before, after) if counts[-1]]
    if any(not counts[0] for counts in reached):
        return {OUTSIDE: after[-1] - before[-1]}
    # A stage that nobody passed although somebody came further is left out: the step leads over it.
    places = [0, *(place for place in range(1, len(before)) if all(counts[place] for counts in reached))]
    if len(before) - 1 not in places:  # nobody reached the goal in either period
        return {}
    names: list[str | int] = [0, *([MIX] if totals else []), *places[1:]]
    then, now = (
        _factors(counts, places, totals[period] if totals else None) for period, counts in enumerate((before, after))
    )
    # A rate that one period does not have is taken as unchanged.
    old = [now_ if then_ is None else then_ for then_, now_ in zip(then, now, strict=True)]
    new = [then_ if now_ is None else now_ for then_, now_ in zip(then, now, strict=True)]
    values = _shapley([value or Fraction() for value in old], [value or Fraction() for value in new])
    return dict(zip(names, values, strict=True))


def _factors(counts: Sequence[Fraction], places: Sequence[int], total: Fraction | None) -> list[Fraction | None]:
    """Traffic, or the whole's and the group's share of it, and the rate of each step."""
    top: list[Fraction | None] = [counts[0]] if total is None else [total, counts[0] / total if total else Fraction()]
    rates = [counts[one] / counts[base] if counts[base] else None for base, one in pairwise(places)]
    return [*top, *rates]


def _shapley(old: Sequence[Fraction], new: Sequence[Fraction]) -> list[Fraction]:
    """Each factor's part of the difference between the products of `new` and `old`."""
    count = len(old)
    products = [
        prod((new[place] if chosen >> place & 1 else old[place] for place in range(count)), start=Fraction(1))
        for chosen in range(1 << count)
    ]
    weights = [Fraction(factorial(size) * factorial(count - size - 1), factorial(count)) for size in range(count)]
    return [
        sum(
            (
                weights[chosen.bit_count()] * (products[chosen | 1 << place] - products[chosen])
                for chosen in range(1 << count)
                if not chosen >> place & 1
            ),
            Fraction(),
        )
        for place in range(count)
    ]
