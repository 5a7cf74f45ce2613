"""What the orders of a page changed by, and what the records say of why."""

from collections.abc import Iterator
from fractions import Fraction

from kpicli.change import Change, Share, rounded
from kpicli.diagnosis import Finding
from kpicli.models import Question
from kpicli.pipeline.diagnose import Diagnosed
from kpicli.pipeline.sentences import sentence, title
from kpicli.present import charts
from kpicli.present.diagnose import changed, owner
from kpicli.present.page.document import Numbers, Path
from kpicli.present.page.parts import Ask, Cause, Causes, Difference, Step, Told
from kpicli.present.values import plain
from kpicli.present.words import word


def differences(found: Diagnosed, numbers: Numbers) -> Iterator[Difference]:
    """Each difference as a waterfall."""
    for place, change in enumerate(found.changes):
        yield _difference(change, numbers, ("diagnosis", "changes", place), paced=found.report.pace is not None)


def _difference(change: Change, numbers: Numbers, path: Path, *, paced: bool) -> Difference:
    language = numbers.language
    levels = [change.before]
    for part in change.parts:
        levels.append(levels[-1] + part.value)
    low, high = float(min(levels)), float(max(levels))
    room = (high - low) * 0.06 or 1
    low, high = low - room, high + room
    before, after = (numbers.of((*path, name), text=_amount(getattr(change, name))) for name in ("before", "after"))
    gap = numbers.of((*path, "difference"), text=_signed(change.difference))
    steps = [Step(word(f"page_{change.against}", language), before, _level(change.before, low, high), "level", ())]
    amounts = rounded([part.value for part in change.parts])
    for place, (part, amount) in enumerate(zip(change.parts, amounts, strict=True)):
        here = (*path, "parts", place)
        drawing = charts.step(float(levels[place]), float(levels[place + 1]), low, high)
        shown = numbers.of((*here, "value"), text=f"{amount:+,}".replace("-", "−"))
        kind = "gain" if part.value > 0 else "loss" if part.value else "level"
        steps.append(Step(part.words[language], shown, drawing, kind, _factor(part, numbers, here, top=not place)))
    steps.append(Step(word("value", language), after, _level(Fraction(change.after), low, high), "level", ()))
    goal = change.goal.words[language]
    title = numbers.said(changed(change, paced=paced), goal=goal, before=before, after=after, gap=gap)
    return Difference(title, tuple(steps))


def _level(value: Fraction, low: float, high: float) -> charts.Drawing:
    return charts.level(float(value), low, high)


def _factor(part: Share, numbers: Numbers, path: Path, *, top: bool) -> Told:
    """What the step was and is: a number at the top, rates further down."""
    if part.before is None or part.after is None:
        return ()
    pairs = (("before", part.before), ("after", part.after))
    before, after = (numbers.of((*path, name), "%", _amount(value) if top else "") for name, value in pairs)
    return before, " → ", after


def _amount(value: Fraction | int, sign: str = "") -> str:
    """A number of cars: one decimal, unless it is whole."""
    return f"{float(value):{sign},.0f}" if round(float(value), 1).is_integer() else f"{float(value):{sign},.1f}"


def _signed(value: Fraction) -> str:
    return _amount(value, "+").replace("-", "−")


def causes(found: Diagnosed, numbers: Numbers) -> Causes:
    """The findings, those that are new first, and what to ask people."""
    every = [
        (found_.evidence.standing, _cause(found_, numbers, ("diagnosis", "findings", place)))
        for place, found_ in enumerate(found.diagnosis.findings)
    ]
    return Causes(
        new=tuple(cause for standing, cause in every if not standing),
        standing=tuple(cause for standing, cause in every if standing),
        asks=tuple(_ask(question, numbers) for question in found.diagnosis.checklist),
    )


def _cause(found: Finding, numbers: Numbers, path: Path) -> Cause:
    language = numbers.language
    return Cause(
        title=plain(title(found, language)),
        key=found.question.key,
        proxy=found.question.proxy,
        evidence=plain(sentence(found, language)),
        path=numbers.of((*path, "evidence"), text="…").path,
        action=found.question.action[language],
        owner=owner(found.question.owner, language),
    )


def _ask(question: Question, numbers: Numbers) -> Ask:
    language = numbers.language
    return Ask(
        question.key,
        question.ask[language],
        f"{word(f'answer_{question.adverse}', language)} → {question.action[language]}",
        owner(question.owner, language),
    )
