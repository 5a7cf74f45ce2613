"""What a template shows of a diagnosis: causes, questions for people, and the change against the month before."""

from collections.abc import Callable, Mapping
from fractions import Fraction

from kpicli.change import Change, rounded
from kpicli.fill import Rate, Value
from kpicli.kpi import Report
from kpicli.pipeline import sentences
from kpicli.pipeline.diagnose import Diagnosed
from kpicli.pipeline.funnel import Funnelled

CHANGE = ("goal", "before", "after", "difference", "target", "attainment")
"""What there is to say of the change."""


def of_change(report: Report, funnel: Funnelled | None, found: Diagnosed) -> dict[str, Value]:
    """What the stage that changed came to, against the month before and its target; empty what is not known.

    The funnel's goal where nothing is known to have changed.
    """
    assert funnel  # of what can be diagnosed
    against = _against_previous(found)
    goal = funnel.whole.step(found.changes[0].goal.key if found.changes else funnel.funnel.goal)
    kpi = report.total.kpis.get(goal.stage.kpi)
    return {
        "goal": goal.stage.label,
        "before": float(against.before) if against else None,
        "after": goal.count,
        "difference": float(against.difference) if against else None,
        "target": kpi.target if kpi else None,
        "attainment": Rate(kpi.attainment) if kpi and kpi.attainment is not None else None,
    }


def _steps(found: Diagnosed) -> list[dict[str, Value]]:
    """The steps of the change against the month before, in cars that add up: a number at the top, then rates."""
    against = _against_previous(found)
    if against is None:
        return []
    amounts = rounded([part.value for part in against.parts])
    return [
        {
            "name": part.words.zh,
            "value": float(amount),
            "before": _factor(part.before, counts=place == 0),
            "after": _factor(part.after, counts=place == 0),
        }
        for place, (part, amount) in enumerate(zip(against.parts, amounts, strict=True))
    ]


def _against_previous(found: Diagnosed) -> Change | None:
    return next((one for one in found.changes if one.against == "previous"), None)


def _factor(value: Fraction | None, *, counts: bool) -> Value:
    return None if value is None else int(value) if counts else Rate(float(value))


def _findings(found: Diagnosed) -> list[dict[str, Value]]:
    return [
        {
            "name": sentences.title(one, "zh"),
            "cause": one.question.cause.zh,
            "group": one.evidence.group or None,
            "question": one.question.key,
            "ask": one.question.ask.zh,
            "kpi": one.model.words.zh,
            "label": one.evidence.test.label.zh,
            "evidence": sentences.sentence(one, "zh"),
            "orders": one.evidence.orders,
            "action": one.question.action.zh,
            "owner": one.question.owner,
            "state": "一向如此" if one.evidence.standing else "新出现",
            "proxy": "旁证" if one.question.proxy else None,
        }
        for one in found.diagnosis.findings
    ]


def _checklist(found: Diagnosed) -> list[dict[str, Value]]:
    return [
        {
            "name": question.ask.zh,
            "question": question.key,
            "element": question.element.zh,
            "answer": "是" if question.adverse == "yes" else "否",
            "action": question.action.zh,
            "owner": question.owner,
        }
        for question in found.diagnosis.checklist
    ]


LISTS: Mapping[str, Callable[[Diagnosed], list[dict[str, Value]]]] = {
    "findings": _findings,
    "checklist": _checklist,
    "steps": _steps,
}
"""Lists of the diagnosis: causes, questions for people, and the steps of the change against the month before."""
