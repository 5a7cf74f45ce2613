"""How the records answer a question of an analysis model: five tests on counts, exact, each with its materiality.

An answer says how likely chance alone brings it or worse, corrected within its test for the groups or windows that
were looked at; whether it is told, is for `kpicli.diagnosis` to say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from math import log

from kpicli import chance
from kpicli.formula import Node, Number, evaluate, names
from kpicli.measure import NOBODY, Table
from kpicli.models import Model, Test

RATE, _COUNT, _POINTS = 0.2, 0.4, 0.05
"""How far a rate must be off, as a share of itself or of what lacks to 1 and by points; how far a count, as a share."""
_PEOPLE = 1.5
"""So many times as far as that, good consultants differ from one another all the time (a fifth more or less)."""
_WINDOW, _SILENCE, _WEEKEND = 7, 5, 2
"""Days of a slump, a week whichever day it begins; least days of a silence, longer than days off; most days in a row
that are a weekend and no holiday."""
_LOOKS = 3
"""As so many looks a week count those at the seven weeks that begin in it, which overlap (simulated: 2.6 to 2.9)."""
_LEAST = 5
"""Below so many, nothing is compared."""

Value = Number | date | str


@dataclass(frozen=True)
class Spans:
    """The periods of the table that a diagnosis looks at, by label."""

    month: str
    days: Mapping[str, date]
    """Label → day, of the month so far."""
    working: frozenset[date]
    before: Mapping[str, int]
    """The months before, the latest first, each of as many days as the month has had → that many."""


@dataclass(frozen=True)
class Evidence:
    """An adverse answer with its numbers."""

    test: Test
    group: str
    """``""`` for the whole."""
    values: Mapping[str, Value]
    """What the sentence of the test's kind has to say; rates are fractions."""
    log_chance: float
    """ln of the probability that chance alone brings this or worse, corrected for how much was looked at."""
    orders: float | None
    """Orders that this cost, as far as one follows from the other in proportion."""
    standing: bool = False
    """Whether the group was so in the months before as well: a weakness, but not what changed."""


class Counted:
    """Counts of nodes at places of the table; None where anything is missing."""

    def __init__(self, table: Table, spans: Spans) -> None:
        self.table, self.spans = table, spans

    def of(self, node: Node, period: str, by: str = "", group: str = "") -> int | None:
        """A count of the whole or of a group in a period."""
        keys = list(dict.fromkeys(names(node)))
        lacking = self.table.lacking.get(by, frozenset())
        if any(key in lacking or (self._whole(period), key) in self.table.reasons for key in keys):
            return None
        values = self.table.values.get((period, by, group), {})
        found = evaluate(node, {key: values.get(key) or 0 for key in keys})
        return None if found is None else round(found)

    def _whole(self, period: str) -> str:
        """A day without rows is zero, unless the month has none."""
        return self.spans.month if period in self.spans.days else period

    def before(self, node: Node, by: str = "", group: str = "") -> tuple[int, int]:
        """The sum over the months before that have something to say, and how many these are."""
        told = [count for period in self.spans.before if (count := self.of(node, period, by, group)) is not None]
        return sum(told), len(told)

    def share_before(self, test: Test | Model, by: str = "", group: str = "") -> list[tuple[int, int]]:
        """What a share counts and what it is of, in each of the months before that can tell both; the latest first."""
        assert test.of and test.over
        pairs = [(self.of(test.of, p, by, group), self.of(test.over, p, by, group)) for p in self.spans.before]
        return [(min(count, of), of) for count, of in pairs if count is not None and of]

    def groups(self, by: str) -> list[str]:
        """The groups that were there in the month or before, but for those who are nobody."""
        periods = {self.spans.month, *self.spans.before}
        return sorted({group for period, dim, group in self.table.values if dim == by and period in periods} - NOBODY)


def answers(test: Test, counted: Counted, goal: Node, minimum: int, looked: float) -> list[Evidence]:
    """The adverse answers of a test, at most one of a group, each large enough to matter, whether sure or not."""
    match test.kind:
        case "slump":
            found = _slump(test, counted)
        case "silent":
            found = _silent(test, counted)
        case "behind":
            found = _behind(test, counted, minimum)
        case "moved":
            found = _moved(test, counted, minimum)
        case "dried":
            found = _dried(test, counted)
    weighed = (replace(answer, log_chance=answer.log_chance + looked) for answer in found)
    return [_costed(answer, counted, goal) for answer in weighed]


def _costed(answer: Evidence, counted: Counted, goal: Node) -> Evidence:
    """An answer with the orders it cost: what is missing, times the orders there are for each that is there."""
    missing = answer.values.get("missing")
    there, orders = counted.of(answer.test.of, counted.spans.month), counted.of(goal, counted.spans.month)
    if not answer.test.costs or not isinstance(missing, int | float) or not there or orders is None:
        return replace(answer, orders=None)
    return replace(answer, orders=missing * min(1.0, orders / there))


def _slump(test: Test, counted: Counted) -> list[Evidence]:
    """The seven days that lie furthest below the rest of the month, working days and others each by their own.

    Public holidays are left out: some showrooms are full then and some closed, and the month has no others like them.
    """
    working = counted.spans.working
    days = _ordinary(counted.spans.days, working)
    counts = {day: counted.of(test.of, label) for day, label in days.items()}
    if len(days) < 2 * _WINDOW or any(count is None for count in counts.values()):
        return []
    told = {day: count or 0 for day, count in counts.items()}
    total = sum(told.values())
    windows = [[start + timedelta(days=number) for number in range(_WINDOW)] for start in sorted(told)]
    whole = [window for window in windows if told.keys() >= set(window)]
    looks = max(1.0, min(len(whole), _LOOKS * len(days) / _WINDOW))
    best: Evidence | None = None
    for window in whole:
        rest = [day for day in told if day not in window]
        weights = _weights(rest, told, working)
        inside, outside = (sum(weights[day in working] for day in part) for part in (window, rest))
        there = sum(told[day] for day in window)
        if not outside or total - there < _LEAST:
            continue
        expected = (total - there) * inside / outside
        if there > (1 - _COUNT * 0.75) * expected:
            continue
        likely = chance.binomial(there, total, inside / (inside + outside)) + log(looks)
        if best is None or likely < best.log_chance:
            values: dict[str, Value] = {"first": window[0], "last": window[-1], "count": there, "expected": expected}
            best = Evidence(test, "", values | {"missing": expected - there}, likely, None)
    return [best] if best else []


def _ordinary(days: Mapping[str, date], working: frozenset[date]) -> dict[date, str]:
    """Day → label of the days that are no holiday, by their order: of no more than two days off in a row."""
    found: dict[date, str] = {}
    off: dict[date, str] = {}
    for label, day in sorted(days.items(), key=lambda entry: entry[1]):
        if day not in working:
            off[day] = label
            continue
        if len(off) <= _WEEKEND:
            found |= off
        found[day], off = label, {}
    return found | off if len(off) <= _WEEKEND else found


def _weights(days: Sequence[date], told: Mapping[date, int], working: frozenset[date]) -> dict[bool, float]:
    """How many fall on a working day and on another, on average."""
    weights = {}
    mean = sum(told[day] for day in days) / max(1, len(days))
    for kind in (True, False):
        chosen = [told[day] for day in days if (day in working) is kind]
        weights[kind] = sum(chosen) / len(chosen) if len(chosen) >= 3 else mean
    return weights


def _silent(test: Test, counted: Counted) -> list[Evidence]:
    """Groups with a run of days without any, longer than chance leaves one while the others have so many."""
    days = {day: label for label, day in counted.spans.days.items()}
    whole = {day: counted.of(test.of, label) or 0 for day, label in days.items()}
    whole_before, _ = counted.before(test.of)
    found = []
    groups = counted.groups(test.by)
    for group in groups:
        before, _ = counted.before(test.of, test.by, group)
        counts = {day: counted.of(test.of, label, test.by, group) or 0 for day, label in days.items()}
        here = sum(counts.values())
        others = {day: whole[day] - count for day, count in counts.items()}
        first, last = _longest_gap(counts, leading=before > 0)
        missed, of_others = (
            sum(count for day, count in others.items() if first <= day <= last),
            sum(others.values()) + whole_before - before,
        )
        length = (last - first).days + 1
        if length < _SILENCE or here + before < _LEAST or not 0 < missed < of_others:
            continue
        likely = chance.empty(missed / of_others, here + before) + log(len(groups))
        expected = (here + before) * missed / (of_others - missed)
        values: dict[str, Value] = {"first": first, "last": last, "days": length, "count": here, "expected": expected}
        found.append(Evidence(test, group, values, likely, None))
    return found


def _longest_gap(counts: Mapping[date, int], *, leading: bool) -> tuple[date, date]:
    """The longest run of days without any; its last day lies before the first where there is none.

    Only a group that was there before can be missed from the first day on (`leading`).
    """
    days = [day for day in sorted(counts) if leading or any(counts[one] for one in counts if one <= day)]
    if not days:
        return date.max, date.max - timedelta(days=1)
    best = (days[0], days[0] - timedelta(days=1))
    start = days[0]
    for day in days:
        if counts[day]:
            start = day + timedelta(days=1)
        elif day - start > best[1] - best[0]:
            best = (start, day)
    return best


def _behind(test: Test, counted: Counted, minimum: int) -> list[Evidence]:
    """Groups whose share is below that of all others together."""
    assert test.over
    month, groups = counted.spans.month, counted.groups(test.by)
    pairs = {}
    for group in groups:
        count, of = counted.of(test.of, month, test.by, group), counted.of(test.over, month, test.by, group)
        if count is not None and of:
            pairs[group] = (min(count, of), of)
    judged = [group for group, (_, of) in pairs.items() if of >= max(_LEAST, minimum // 2)]
    found = []
    for group in judged:
        count, of = pairs[group]
        others, of_others = (sum(pair[place] for name, pair in pairs.items() if name != group) for place in (0, 1))
        if not of_others or not _off(count / of, others / of_others, test.worse):
            continue
        before = counted.share_before(test, test.by, group)
        then, of_then = together(before)
        known = of_then >= _LEAST
        standing = known and not _off(count / of, then / of_then, test.worse)
        # People differ: being behind is told where it is more than that, or where it is not what was his own before.
        if known and not standing:
            further = _tail(test, count, of, then, of_then)
        else:
            further = chance.binomial(*_edge(test, count, of, others / of_others))
        likely = max(_tail(test, count, of, others, of_others), further) + log(len(judged))
        values = _shares(count, of, others, of_others)
        if standing:
            values |= {"own": then / of_then, "months": len(before)}
        found.append(Evidence(test, group, values, likely, None, standing))
    return found


def _edge(test: Test, count: int, of: int, standard: float) -> tuple[int, int, float]:
    """A count and the share that is just not off, for `chance.binomial`: of what is too few."""
    gap = _PEOPLE * max(_POINTS, RATE * min(standard, 2 * (1 - standard)))
    return (count, of, standard - gap) if test.worse == "down" else (of - count, of, 1 - standard - gap)


def _moved(test: Test, counted: Counted, minimum: int) -> list[Evidence]:
    """The whole's share where it is not that of the months before."""
    assert test.over
    month = counted.spans.month
    count, of = counted.of(test.of, month), counted.of(test.over, month)
    months = counted.share_before(test)
    before, of_before = together(months)
    if count is None or not of or min(of, of_before) < minimum:
        return []
    count, latest = min(count, of), months[0]
    standards = (before / of_before, latest[0] / latest[1])  # what crept up over months did not change in this one
    if not all(_off(count / of, standard, test.worse) for standard in standards):
        return []
    likely = _tail(test, count, of, before, of_before)
    values = _shares(count, of, before, of_before) | {"months": len(months)}
    return [Evidence(test, "", values, likely, None)]


def _dried(test: Test, counted: Counted) -> list[Evidence]:
    """Groups that have far fewer than in the months before, while the others together do not."""
    groups, (_, months) = counted.groups(test.by), counted.before(test.of, test.by)
    pairs = {}
    for group in groups:
        now, (then, _) = (
            counted.of(test.of, counted.spans.month, test.by, group),
            counted.before(test.of, test.by, group),
        )
        if now is not None:
            pairs[group] = (max(0, now), max(0, then))
    now, before = (sum(pair[place] for pair in pairs.values()) for place in (0, 1))
    main = _main({group: pair[1] for group, pair in pairs.items()})
    judged = [
        group
        for group, (_, then) in pairs.items()
        if then >= _LEAST and (not test.among or (group in main) is (test.among == "main"))
    ]
    found = []
    for group in judged:
        count, then = pairs[group]
        others, others_then = now - count, before - then
        if not others_then or not others:
            continue
        expected = then * others / others_then
        if count > _COUNT * expected or count > _COUNT * then / months:
            continue
        likely = chance.binomial(count, count + then, others / (others + others_then)) + log(len(judged))
        values: dict[str, Value] = {
            "count": count,
            "mean": then / months,
            "months": months,
            "missing": expected - count,
        }
        values |= {"others": others, "others_mean": others_then / months}
        found.append(Evidence(test, group, values, likely, None))
    return found


def _main(before: Mapping[str, int]) -> set[str]:
    """The largest groups that make up two thirds together."""
    chosen: set[str] = set()
    total = sum(before.values())
    for group in sorted(before, key=lambda name: (-before[name], name)):
        if sum(before[name] for name in chosen) * 3 >= total * 2:
            break
        chosen.add(group)
    return chosen


def _off(share: float, standard: float, worse: str) -> bool:
    """Whether a share is off by so much that it matters: of itself, or of what lacks to all."""
    gap = standard - share if worse == "down" else share - standard
    return gap >= _POINTS and (gap >= RATE * standard or gap >= RATE * (1 - standard) * 2)


def together(pairs: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The shares of several months as one."""
    return sum(count for count, _ in pairs), sum(of for _, of in pairs)


def _tail(test: Test, count: int, of: int, others: int, of_others: int) -> float:
    tail = chance.fewer if test.worse == "down" else chance.more
    return tail(count, of, others, of_others)


def _shares(count: int, of: int, others: int, of_others: int) -> dict[str, Value]:
    rate = others / of_others
    return {
        "count": count,
        "of": of,
        "rate": count / of,
        "others": others,
        "of_others": of_others,
        "standard": rate,
        "missing": abs(rate * of - count),
    }
