"""A month from the number to the cause, as text for a terminal and as JSON."""

from collections.abc import Sequence
from datetime import date, tzinfo
from decimal import Decimal
from fractions import Fraction
from math import exp
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from kpicli.answers import Value
from kpicli.change import Change, Share, rounded
from kpicli.deviations import CONCLUDED, Deviated
from kpicli.diagnosis import Finding, State
from kpicli.messages import Language
from kpicli.models import Question
from kpicli.pipeline.diagnose import Diagnosed
from kpicli.pipeline.sentences import amount, reading, sentence, title
from kpicli.present.terminal import STATUS_STYLE, group_name, heading, table_of
from kpicli.present.values import NOTHING, bar, number, plain
from kpicli.present.words import word

_BAR = 20


# For a terminal


def diagnosed(
    result: Diagnosed, zone: tzinfo, language: Language, *, by: Sequence[str] = (), consultant: str | None = None
) -> list[RenderableType]:
    """What the orders changed by, the KPIs of the models, the causes, and what to ask people."""
    parts: list[RenderableType] = [*heading(result.report, zone, language)]
    for one in result.changes:
        parts += [Text(), *_waterfall(one, language, paced=result.report.pace is not None)]
        parts += [line for dimension in by if dimension in one.by for line in _by(one, dimension, language)]
    parts += [Text(), _states(result, language)]
    found = [
        (place, finding)
        for place, finding in enumerate(result.diagnosis.findings, 1)
        if consultant is None or finding.evidence.group == consultant
    ]
    parts += [Text(), Text(word("causes", language), style="bold")]
    if not found:
        parts.append(Text(word("no_cause", language), style="green"))
    for place, finding in found:
        parts += _finding(place, finding, language)
    if result.diagnosis.checklist:
        parts += [Text(), Text(word("to_ask", language), style="bold")]
        parts += [line for question in result.diagnosis.checklist for line in _to_ask(question, language)]
    shown = [key for key in result.readings if key in result.diagnosis.path]
    if shown:
        parts += [Text(), Text(word("charts_read", language), style="bold")]
        parts += [Text(f"{key}  {plain(_read(result, key, language))}") for key in shown]
    if consultant is not None and result.deviated.get(consultant):
        parts += [Text(), *_deviations(result.deviated[consultant], language)]
    return parts


def _deviations(factors: Sequence[Deviated], language: Language) -> list[RenderableType]:
    """Every factor of a consultant beside the mean, and what to do where it tells."""
    table = table_of(
        (word("deviation", language), "left"),
        (word("value", language), "right"),
        (word("mean", language), "right"),
        (word("difference", language), "right"),
        (word("limit", language), "right"),
        ("", "left"),
    )
    for factor in factors:
        rule, style = factor.deviation, "red" if factor.tells else ""
        gap = NOTHING if factor.gap is None else f"{factor.gap:+.0%}".replace("-", "−")
        table.add_row(
            rule.words[language],
            Text(_standard(factor.value, rule.unit), style=style),
            _standard(factor.mean, rule.unit),
            Text(gap, style=style),
            f"−{rule.below:.0%}",
            rule.advice[language] if factor.tells else "",
        )
    count = sum(factor.tells for factor in factors)
    key = "deviations_tell" if count >= CONCLUDED else "deviations_few"
    return [table, Text(word(key, language).format(count=count, least=CONCLUDED))]


def _waterfall(change: Change, language: Language, *, paced: bool) -> list[RenderableType]:
    """From one number to the other, step by step, in cars."""
    cars = rounded([part.value for part in change.parts])
    most = max(map(abs, cars), default=Decimal(0))
    title = word(changed(change, paced=paced), language).format(
        goal=change.goal.words[language],
        before=_cars(change.before),
        after=change.after,
        gap=_signed(change.difference),
    )
    table = Table.grid(padding=(0, 1))
    table.add_column()
    table.add_column(justify="right")
    table.add_column()
    table.add_column(style="dim")
    for part, count in zip(change.parts, cars, strict=True):
        style = "red" if count < 0 else "green"
        drawn = Text(bar(abs(count), most, _BAR), style=style)
        told = _factor(part, counts=part is change.parts[0])
        table.add_row(part.words[language], Text(f"{count:+,}".replace("-", "−"), style=style), drawn, told)
    return [Text(title, style="bold"), Padding(table, (0, 0, 0, 1))]


def _factor(part: Share, *, counts: bool) -> str:
    """What a step was and is: a number at the top, rates further down."""
    if part.before is None or part.after is None:
        return ""
    if counts:
        return f"{_cars(part.before)} → {_cars(part.after)}"
    return f"{number(float(part.before), '%')} → {number(float(part.after), '%')}"


def _by(change: Change, dimension: str, language: Language) -> list[RenderableType]:
    """The parts of every group; the groups that cost most first."""
    groups = change.by[dimension]
    order = sorted(groups, key=lambda name: (sum((part.value for part in groups[name]), Fraction()), name))
    kinds = {part.key: part.words[language] for parts in groups.values() for part in parts}
    table = table_of(
        (word(dimension, language), "left"),
        *((label.replace("→", "\n→"), "right") for label in kinds.values()),
        (word("difference", language), "right"),
    )
    for name in order:
        values = {part.key: part.value for part in groups[name]}
        amounts = rounded([values.get(key, Fraction()) for key in kinds])
        total = Text(_signed(sum(amounts, Decimal(0))), style="bold")
        table.add_row(group_name(dimension, name), *(_signed(amount) if amount else "" for amount in amounts), total)
    return [Text(), table]


def _states(result: Diagnosed, language: Language) -> Table:
    """The KPI of each model and what it is held against."""
    table = table_of(
        (word("model_", language), "left"),
        (word("value", language), "right"),
        (word("held_against", language), "right"),
        (word("status", language), "left"),
    )
    for state in result.diagnosis.states:
        if state.value is None or state.against is None:
            continue
        unit, style = state.model.unit, STATUS_STYLE.get(state.light or "", "")
        standard = f"{word(f'standard_{state.against}', language)} {_standard(state.standard, unit)}"
        told = word(state.light, language) if state.light else ""
        if state.upstream_of:
            told += word("root_of", language).format(key="、".join(state.upstream_of))
        table.add_row(
            f"{state.model.key} {_label(state, result, language)}",
            Text(number(state.value, unit), style=style),
            standard,
            Text(told, style=style),
        )
    return table


def _label(state: State, result: Diagnosed, language: Language) -> str:
    return result.report.book.label_of(state.kpi, language) if state.kpi else state.model.words[language]


def _finding(place: int, found: Finding, language: Language) -> list[RenderableType]:
    question, evidence = found.question, found.evidence
    head = Text(f"{place}  ", style="dim")
    head.append(plain(title(found, language)), style="bold" if not evidence.standing else "")
    head.append(f"  {question.key}", style="dim")
    if question.proxy:
        head.append(f" {word('proxy', language)}", style="dim")
    lines: list[RenderableType] = [head, Padding(Text(sentence(found, language)), (0, 0, 0, 3))]
    action = Text("→ ", style="dim")
    action.append(question.action[language])
    action.append(f"  {owner(question.owner, language)}", style="dim")
    return [*lines, Padding(action, (0, 0, 0, 3))]


def _to_ask(question: Question, language: Language) -> list[RenderableType]:
    line = Text(f"{question.key}  ", style="dim")
    line.append(question.ask[language])
    answer = word(f"answer_{question.adverse}", language)
    action = Text(f"{answer} → {question.action[language]}  {owner(question.owner, language)}", style="dim")
    return [line, Padding(action, (0, 0, 0, 6))]


def _read(result: Diagnosed, key: str, language: Language) -> str:
    return reading(result.report.book.models[key], result.readings[key], language)


# Words that the page shares


def changed(change: Change, *, paced: bool) -> str:
    """The word for what a change is against: of a running month the target counts by the days passed."""
    return f"change_{change.against}{'_so_far' * (paced and change.against == 'target')}"


def owner(name: str, language: Language) -> str:
    """Who is to act, as the source calls the post."""
    return word(_OWNERS[name], language) if language == "en" and name in _OWNERS else name


_OWNERS = {"市场经理": "marketing_manager", "销售主管": "sales_supervisor", "销售内训师": "sales_trainer"}


def _standard(value: Any, unit: str) -> str:
    return NOTHING if value is None else number(value, "%") if unit == "%" else amount(float(value))


def _cars(value: Fraction) -> str:
    return amount(float(value))


def _signed(value: Fraction | Decimal) -> str:
    return amount(float(value), "+").replace("-", "−")


# As JSON


def document(result: Diagnosed, language: Language, consultant: str | None = None) -> dict[str, Any]:
    """A diagnosis; values are not rounded."""
    report, found = result.report, result.diagnosis
    return {
        "command": "diagnose",
        "dealer": report.dealer,
        "month": report.month,
        "book": report.book.key,
        "months_before": found.months,
        "states": [_state(state, result, language) for state in found.states],
        "path": list(found.path),
        "changes": [_change(one, language) for one in result.changes],
        "findings": [
            _found(place, finding, language)
            for place, finding in enumerate(found.findings, 1)
            if consultant is None or finding.evidence.group == consultant
        ],
        "checklist": [_question(question, language) for question in found.checklist],
        "readings": [
            {
                "model": key,
                "rule": told.rule,
                "values": dict(told.values),
                "text": _read(result, key, language),
            }
            for key, told in result.readings.items()
        ],
        "deviations": {
            name: [_factor_of(factor, language) for factor in factors]
            for name, factors in result.deviated.items()
            if consultant is None or name == consultant
        },
    }


def _factor_of(factor: Deviated, language: Language) -> dict[str, Any]:
    rule = factor.deviation
    return {
        "key": rule.key,
        "label": rule.words[language],
        "unit": rule.unit,
        "value": factor.value,
        "mean": factor.mean,
        "gap": factor.gap,
        "below": rule.below,
        "tells": factor.tells,
        "advice": rule.advice[language] if factor.tells else None,
    }


def _state(state: State, result: Diagnosed, language: Language) -> dict[str, Any]:
    return {
        "model": state.model.key,
        "label": _label(state, result, language),
        "kpi": state.kpi or None,
        "unit": state.model.unit,
        "value": state.value,
        "standard": state.standard,
        "against": state.against,
        "light": state.light,
        "upstream_of": list(state.upstream_of),
    }


def _change(change: Change, language: Language) -> dict[str, Any]:
    return {
        "goal": change.goal.key,
        "against": change.against,
        "before": float(change.before),
        "after": change.after,
        "difference": float(change.difference),
        "parts": [_share(part, language) for part in change.parts],
        "by": {
            dimension: {name: {part.key: float(part.value) for part in parts} for name, parts in groups.items()}
            for dimension, groups in change.by.items()
        },
    }


def _share(part: Share, language: Language) -> dict[str, Any]:
    return {
        "key": part.key,
        "label": part.words[language],
        "value": float(part.value),
        "before": None if part.before is None else float(part.before),
        "after": None if part.after is None else float(part.after),
    }


def _found(place: int, found: Finding, language: Language) -> dict[str, Any]:
    question, evidence = found.question, found.evidence
    return {
        "rank": place,
        "model": found.model.key,
        "question": question.key,
        "cause": question.cause[language],
        "dimension": evidence.test.by or None,
        "group": evidence.group or None,
        "test": evidence.test.kind,
        "label": evidence.test.label[language],
        "values": {key: _json(value) for key, value in evidence.values.items()},
        "chance": exp(evidence.log_chance),
        "orders": evidence.orders,
        "standing": evidence.standing,
        "proxy": question.proxy,
        "on_path": found.on_path,
        "evidence": sentence(found, language),
        "action": question.action[language],
        "owner": owner(question.owner, language),
    }


def _json(value: Value) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _question(question: Question, language: Language) -> dict[str, Any]:
    return {
        "question": question.key,
        "element": question.element[language],
        "ask": question.ask[language],
        "adverse": question.adverse,
        "cause": question.cause[language],
        "action": question.action[language],
        "owner": owner(question.owner, language),
    }
