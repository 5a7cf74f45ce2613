"""From the KPI that fell to its cause: the analysis models (S-004) answered from what was counted.

An answer is adverse only where chance hardly explains it (exact tests, corrected for how many tests, groups and windows
were looked at) and where it is large enough to matter; so a month in which nothing happened stays silent. Findings are
ordered by how little chance explains them.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import log
from typing import Literal

from kpicli import chance, planning
from kpicli.answers import RATE, Counted, Evidence, Spans, answers, together
from kpicli.formula import Node, Number
from kpicli.kpi import KpiValue, Report, Status
from kpicli.measure import Table
from kpicli.models import Model, Models, Question

CHANCE = 0.03
"""A finding is told where chance alone would bring one, whichever, in at most so many of the months (3 %): who looks
every month gets a false one in three years. What is left of it is measured by tests/planted.py."""
_FELL = 0.01
"""The same of the KPI of a model, of which nothing is told but its light."""

Standard = Literal["target", "before"]


@dataclass(frozen=True)
class Finding:
    """A question whose answer is adverse."""

    model: Model
    question: Question
    evidence: Evidence
    on_path: bool
    """Whether a KPI that fell leads to its model."""


@dataclass(frozen=True)
class State:
    """The KPI of a model: as it is, and what it is held against."""

    model: Model
    kpi: str
    """The KPI of the book whose target it is held against; ``""`` for none."""
    value: Number | None
    standard: Number | None
    against: Standard | None
    """None where there is nothing to hold it against."""
    light: Status | None
    """``bad`` where it fell: below its target, or clearly below the months before. None where nothing is known."""
    upstream_of: tuple[str, ...] = ()
    """The models that fell too and whose questions lead to this one."""


@dataclass(frozen=True)
class Diagnosis:
    """What the models say of a month."""

    states: tuple[State, ...]
    path: tuple[str, ...]
    """The models that failing KPIs lead to, from the KPI down to its root."""
    findings: tuple[Finding, ...]
    """What is new before what was so in the months before; in both the least likely by chance first."""
    checklist: tuple[Question, ...]
    """What only people can answer, of the models on the path and of those with findings."""
    months: int
    """How many months before it was held against."""


def diagnose(models: Models, report: Report, table: Table, spans: Spans, goal: Node, minimum: int) -> Diagnosis:
    """Answer the models' questions; `goal` is what missing orders are counted by, `minimum` what a group needs.

    `table` has the models' measures for the month, its days and the months before, by consultant and model.
    """
    counted = Counted(table, spans)
    states = [_state(model, report, counted) for model in models.values() if model.of]
    failing = {state.model.key for state in states if state.light == "bad"}
    path = tuple(_path(models, failing))
    upstream = {key: tuple(above for above in path if key in models[above].leads) for key in path}
    states = [replace(state, upstream_of=upstream.get(state.model.key, ())) for state in states]
    every, shares = [], _shares_of_chance(models)
    for model in models.values():
        for question in model.questions:
            best: dict[str, Evidence] = {}
            for test in question.tests:
                for answer in answers(test, counted, goal, minimum, shares[test.kind]):
                    best[answer.group] = min(answer, best.get(answer.group, answer), key=_unlikely)
            every += [Finding(model, question, answer, model.key in path) for answer in best.values()]
    told = _sure(_without_echoes(sorted(every, key=lambda found: _unlikely(found.evidence))))
    told.sort(key=lambda found: (found.evidence.standing, _unlikely(found.evidence), found.question.key))
    about = {*path, *(found.model.key for found in told)}
    about |= {lead for key in about for lead in models[key].leads if not models[lead].of}
    people = [
        question
        for model in models.values()
        if model.key in about
        for question in model.questions
        if not question.tests and question.action.zh
    ]
    return Diagnosis(tuple(states), path, tuple(told), tuple(people), len(spans.before))


def _shares_of_chance(models: Models) -> dict[str, float]:
    """ln of what the chance of a single test is multiplied with, for how much was looked at.

    Each kind of test has an equal part of `CHANCE`, and in it each test; so the one look at the days of the month does
    not pay for the many at shares.
    """
    kinds = Counter(test.kind for model in models.values() for question in model.questions for test in question.tests)
    return {kind: log(len(kinds) * count) for kind, count in kinds.items()}


def _unlikely(answer: Evidence) -> tuple[float, str]:
    return answer.log_chance, answer.group


def _sure(findings: Sequence[Finding]) -> list[Finding]:
    """The least likely ones that may be told: the n-th may be n times as likely as the first.

    So that at most `CHANCE` of what is told is chance (Benjamini & Hochberg 1995), and where nothing happened at most
    as many months tell anything; while what stands beside a sure cause need not be as sure.
    """
    counts = range(len(findings), 0, -1)
    sure = (count for count in counts if findings[count - 1].evidence.log_chance <= log(count * CHANCE))
    return list(findings[: next(sure, 0)])


def _without_echoes(findings: Sequence[Finding]) -> list[Finding]:
    """Leave out what only repeats a stronger finding: the whole's rate that one group alone moved."""
    kept: list[Finding] = []
    for found in findings:
        same = [other for other in kept if other.evidence.test.of == found.evidence.test.of]
        if not found.evidence.group and any(other.evidence.group for other in same):
            continue
        kept.append(found)
    return kept


def _path(models: Models, failing: set[str]) -> Iterator[str]:
    """Failing models, each before those that its first question leads to."""
    seen: list[str] = []

    def walk(key: str) -> None:
        if key in seen or key not in failing:
            return
        seen.append(key)
        for lead in models[key].leads:
            walk(lead)

    for key in sorted(failing, key=lambda key: (-_depth(models, key, ()), key)):
        walk(key)
    yield from seen


def _depth(models: Models, key: str, above: tuple[str, ...]) -> int:
    """How many models lie below one."""
    leads = [lead for lead in models[key].leads if lead not in above]
    return max((1 + _depth(models, lead, (*above, key)) for lead in leads), default=0)


def light(found: KpiValue, pace: float | None, near: float) -> Status | None:
    """The traffic light of a KPI with a target: of what adds up over a running month, attainment against time passed.

    The share of the month that has passed, or more, is good; down to `near` of it near; less is bad (the lights of a
    dealer system, domain facts §2.4, where "slightly below" has no number: `near` is the book's).
    """
    if pace is None or found.projected is None or found.attainment is None:
        return found.status
    done, passed = Fraction(found.attainment), Fraction(pace)
    return planning.status(done, Fraction(1), passed, near)


def _state(model: Model, report: Report, counted: Counted) -> State:
    """Whether a model's KPI fell: below its target, else clearly below the months before."""
    for key in model.kpis:
        found: KpiValue | None = report.total.kpis.get(key)
        if found is not None and found.target is not None and found.value is not None:
            lit = light(found, report.pace, report.book.kpis[key].near)
            return State(model, key, found.value, found.target, "target", lit)
    assert model.of
    count = counted.of(model.of, counted.spans.month)
    if model.over is None:
        then, months = counted.before(model.of)
        if count is None or not months:
            return State(model, "", count, None, None, None)
        fell = count < (1 - RATE) * then / months
        likely = chance.binomial(count, count + then, 1 / (months + 1)) if fell else 0.0
        return State(model, "", count, then / months, "before", _fell(likely))
    of = counted.of(model.over, counted.spans.month)
    if not of or count is None:
        return State(model, "", None, None, None, None)
    then, of_then = together(counted.share_before(model))
    if not of_then:
        return State(model, "", count / of, None, None, None)
    fell = count / of < (1 - RATE) * then / of_then
    likely = chance.fewer(min(count, of), of, then, of_then) if fell else 0.0
    return State(model, "", count / of, then / of_then, "before", _fell(likely))


def _fell(likely: float) -> Status:
    return "bad" if likely < log(_FELL) else "good"


# The tests
