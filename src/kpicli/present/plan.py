"""A plan as text for a terminal and as JSON: the tree from the target down, per consultant and day, what-if, pace."""

import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from kpicli.catalogue import Quantity
from kpicli.messages import Language
from kpicli.pipeline.plan import Line, Plan, Progress
from kpicli.planning import half_up, up
from kpicli.present.terminal import table_of
from kpicli.present.values import NOTHING, number, plain
from kpicli.present.words import word

_STYLE = {"good": "green", "near": "yellow", "bad": "red"}
_SIGNS = {"*": "×", "/": "÷"}

# For a terminal


def drawn(result: Plan, language: Language) -> list[RenderableType]:
    """The whole plan."""
    parts = [*_heading(result, language), *_answer(result, language), Text(), _tree(result, language)]
    parts += [Text(note, style="dim") for note in _notes(result, language)]
    if result.changes:
        parts += [Text(), *_what_if(result, language)]
    if result.goal.needed is not None:
        parts += [Text(), *_shared(result, language)]
    if result.pace:
        parts += [Text(), *_pace(result, language)]
    elif result.begun and result.base:
        parts.append(Text(word("plan_no_pace", language).format(month=result.month), style="dim"))
    return parts


def _heading(result: Plan, language: Language) -> list[RenderableType]:
    dealer = plain(result.dealer) if result.dealer else word("all_dealers", language) if result.base else ""
    title = "  ".join(filter(None, (result.month, dealer, f"{word('plan_title', language)} ({result.book.key})")))
    base = word("plan_base" if result.base else "plan_base_none", language).format(base=_base(result))
    people = [word("plan_heads", language).format(count=result.consultants)] if result.consultants else []
    days = word("plan_days", language).format(count=result.days)
    return [Text(title, style="bold"), Text(" · ".join([base, *people, days]), style="dim")]


def _base(result: Plan) -> str:
    """The base months as they fit over a column."""
    first, last = (result.base[0], result.base[-1]) if result.base else ("", "")
    return first if first == last else f"{first}…{last[5:] if last[:4] == first[:4] else last}"


def _answer(result: Plan, language: Language) -> list[RenderableType]:
    """What the target takes, in a sentence or two."""
    goal, lever = result.goal, result.line(result.tree.lever)
    if result.target is None:
        return [Text(word("plan_no_target", language).format(month=result.month), style="yellow")]
    of = result.target_of
    own = word("plan_of", language).format(label=result.book.label_of(of, language)) if of else ""
    line = word("plan_target_line", language).format(
        goal=goal.quantity.words[language],
        target=_number(result.target),
        unit=_unit(goal.quantity, language),
        source=own or word("plan_asked", language),
    )
    if result.attainment is not None:
        line += word("plan_reached_set" if result.changes else "plan_reached", language).format(
            reached=_number(result.reached), unit=_unit(goal.quantity, language), attained=_rate(result.attainment)
        )
    said = {"goal": goal.quantity.words[language], "lever": lever.quantity.words[language]}
    if result.reason:
        return [Text(line), Text(word(f"plan_{result.reason}", language).format(**said), style="yellow")]
    assert lever.needed is not None  # or there were a reason
    needed = up(lever.needed)
    answer = word("plan_answer", language).format(**said, needed=_number(needed), unit=_unit(lever.quantity, language))
    if lever.own is not None and needed != lever.own:
        gap = needed - lever.own
        key = "plan_more" if gap > 0 else "plan_fewer"
        answer += word(key, language).format(base=_base(result), gap=_number(abs(gap)))
    parts: list[RenderableType] = [Text(line), Text(answer, style="bold")]
    if result.step is not None:
        step = word("plan_step", language).format(
            **said,
            goal_unit=_unit(goal.quantity, language, before=" "),
            unit=_unit(lever.quantity, language),
            step=_number(result.step, 1),
        )
        parts.append(Text(step, style="dim"))
    return parts


def _tree(result: Plan, language: Language) -> Table:
    """Each quantity from the goal down, with what it comes of below it."""
    columns: list[tuple[str, Callable[[Line], str]]] = []
    if result.base:
        columns.append((_base(result), lambda line: _shown(line.quantity, line.own)))
    if result.changes:
        columns.append((word("plan_changed", language), lambda line: _shown(line.quantity, line.changed)))
    if result.target is not None:
        columns.append((word("plan_needed", language), _needed))
    table = table_of((word("plan_quantity", language), "left"), *((header, "right") for header, _ in columns))
    marked = {change.quantity.key for change in result.changes}
    for line in reversed(result.lines):
        name = Text(line.quantity.words[language], style="bold" if line.quantity.key == result.tree.goal else "")
        if not line.quantity.driver:
            name.append(f"\n  = {_formula(line.quantity, result, language)}", style="dim")
        style = "yellow" if line.quantity.key in marked else ""
        style = "bold" if line.quantity.key in (result.tree.goal, result.tree.lever) else style
        table.add_row(name, *(Text(tell(line), style=style) for _, tell in columns))
    return table


def _formula(quantity: Quantity, result: Plan, language: Language) -> str:
    """A formula over quantities in words."""
    labels = {key: one.words[language] for key, one in result.tree.quantities.items()}
    parts = re.findall(r"[a-z][a-z0-9_]*|[\d.]+|[-+*/()]", quantity.formula)
    return " ".join(labels.get(part, _SIGNS.get(part, part)) for part in parts).replace("( ", "(").replace(" )", ")")


def _notes(result: Plan, language: Language) -> list[str]:
    notes = [
        word("plan_stock", language).format(
            name=line.quantity.words[language],
            month=result.month,
            now=_shown(line.quantity, line.as_is),
            base=result.base[-1],
            before=_shown(line.quantity, line.own),
        )
        for line in result.lines
        if line.quantity.driver and line.as_is != line.own and line.as_is is not None
    ]
    if result.reported not in (None, result.goal.own):
        notes.append(
            word("plan_not_the_reports", language).format(
                goal=result.goal.quantity.words[language],
                own=_number(result.goal.own),
                reported=_number(result.reported),
            )
        )
    return [*notes, *([word("plan_rounding", language)] if result.goal.needed is not None else [])]


def _what_if(result: Plan, language: Language) -> list[RenderableType]:
    """What is set, what each alone would do, and all together."""
    goal = result.goal
    name, unit = goal.quantity.words[language], _unit(goal.quantity, language)
    after = goal.changed
    if goal.as_is is None:
        if after is None:
            return []
        line = word("plan_result", language).format(goal=name, after=_number(after), rounded=half_up(after), unit=unit)
        return [Text(line, style="bold")]
    table = table_of(
        (word("plan_change", language), "left"),
        (word("plan_before", language), "right"),
        (word("plan_changed", language), "right"),
        (f"{word('plan_alone', language)} → {name}", "right"),
        (word("difference", language), "right"),
    )
    for change in result.changes:
        table.add_row(
            change.quantity.words[language],
            _shown(change.quantity, change.before),
            _shown(change.quantity, change.after),
            _number(change.goal),
            _gap(change.goal, goal.as_is),
        )
    if len(result.changes) > 1:
        table.add_section()
        table.add_row(word("plan_together", language), "", "", _number(after), _gap(after, goal.as_is), style="bold")
    if after is None:
        return [table]
    line = word("plan_difference", language).format(
        goal=name,
        before=_number(goal.as_is),
        after=_number(after),
        gap=_gap(after, goal.as_is),
        rounded=_signed(half_up(after - goal.as_is)),
        unit=unit,
    )
    return [table, Text(line, style="bold")]


def _shared(result: Plan, language: Language) -> list[RenderableType]:
    """What is needed of each consultant and on each day."""
    daily = [line for line in reversed(result.lines) if line.quantity.daily and line.needed is not None]
    people = result.consultants
    headers = ["plan_needed", "plan_per_day", *(["plan_per_consultant", "plan_per_consultant_day"] if people else [])]
    table = table_of(
        (word("plan_quantity", language), "left"), *((word(header, language), "right") for header in headers)
    )
    for line in daily:
        of = _parts(line, result)
        told = [_needed(line), _up(of["per_day"], 1)]
        told += [_up(of["per_consultant"], 1), _up(of["per_consultant_day"], 1)] if people else []
        table.add_row(line.quantity.words[language], *told)
    parts: list[RenderableType] = [table]
    if any(share.consultant is not None for share in result.shares):
        parts += [Text(), _people(result, daily, language)]
        total = sum((share.target * share.heads for share in result.shares), Fraction())
        if result.target is not None and total != result.target:
            said = word("plan_beyond", language).format(sum=_number(total), target=_number(result.target))
            parts.append(Text(said, style="yellow"))
    elif people:
        parts.append(Text(word("plan_equal", language).format(count=people), style="dim"))
    return parts


def _people(result: Plan, daily: list[Line], language: Language) -> Table:
    """Each consultant's part."""
    table = table_of(
        (word("consultant", language), "left"),
        (word("target", language), "right"),
        *((line.quantity.words[language], "right") for line in daily if line.quantity.key != result.tree.goal),
    )
    for share in result.shares:
        others = word("plan_others", language).format(count=share.heads)
        table.add_row(
            plain(share.consultant) if share.consultant is not None else others,
            _up(share.target, 1),
            *(
                _up((line.needed or Fraction()) * share.part, 1)
                for line in daily
                if line.quantity.key != result.tree.goal
            ),
        )
    return table


def _pace(result: Plan, language: Language) -> list[RenderableType]:
    """How far the month has come, and what is left for each day."""
    pace = result.pace
    assert pace
    said = {"passed": pace.passed, "days": pace.days, "share": _rate(Fraction(pace.passed, pace.days))}
    if pace.attainment is None:
        head = Text(word("plan_pace_open", language).format(**said))
    else:
        head = Text(word("plan_pace", language).format(**said, attained=_rate(pace.attainment)))
    if pace.status:
        head.append(f"  {word(f'plan_{pace.status}', language)}", style=_STYLE[pace.status])
    table = table_of(
        (word("plan_quantity", language), "left"),
        *((word(key, language), "right") for key in ("plan_done", "plan_needed", "plan_left_per_day", "projected")),
    )
    for line in pace.lines:
        table.add_row(
            line.quantity.words[language],
            _number(line.done),
            _up(line.needed),
            _up(line.per_day, 1),
            _number(line.projected, 1),
        )
    over = [Text(word("plan_over", language), style="dim")] if pace.passed == pace.days else []
    return [head, *over, table]


def _needed(line: Line) -> str:
    """What is needed of a quantity: what nobody works for as it is, everything else rounded up."""
    if line.quantity.unit == "%" or (line.quantity.driver and line.needed == (line.changed or line.as_is)):
        return _shown(line.quantity, line.needed)
    return _up(line.needed)


def _shown(quantity: Quantity, value: Fraction | None) -> str:
    return _rate(value) if quantity.unit == "%" else _number(value)


def _number(value: Fraction | int | None, digits: int = 2) -> str:
    """A number as it is, cut to so many digits after the point."""
    if value is None:
        return NOTHING
    return f"{float(value):,.{0 if value == int(value) else digits}f}"


def _rate(value: Fraction | None) -> str:
    return NOTHING if value is None else number(float(value), "%")


def _up(value: Fraction | None, digits: int = 0) -> str:
    return NOTHING if value is None else _number(up(value, digits), digits)


def _gap(value: Fraction | None, than: Fraction | None) -> str:
    return NOTHING if value is None or than is None else _signed(value - than)


def _signed(value: Fraction | int) -> str:
    return "+" * (value > 0) + _number(value)  # with the minus that a GBK pipe can say


def _unit(quantity: Quantity, language: Language, before: str = " ") -> str:
    """A unit behind its number; the words for groups and cars are Chinese alone."""
    return f"{before}{quantity.unit}" if language == "zh" and quantity.unit else ""


def _parts(line: Line, result: Plan) -> dict[str, Fraction | None]:
    """What is needed of a quantity per consultant and day, on the average."""
    need, people = (line.needed if line.quantity.daily else None), result.consultants
    each = need / people if need is not None and people else None
    return {
        "per_consultant": each,
        "per_day": need / result.days if need is not None else None,
        "per_consultant_day": each / result.days if each is not None else None,
    }


# As JSON


def document(result: Plan, language: Language) -> dict[str, Any]:
    """A plan; numbers are not rounded, rates are fractions."""
    goal, pace = result.goal, result.pace
    return {
        "command": "plan",
        "month": result.month,
        "book": result.book.key,
        "dealer": result.dealer,
        "base": list(result.base),
        "goal": {
            "key": goal.quantity.key,
            "label": goal.quantity.words[language],
            "target": _float(result.target),
            "target_of": result.target_of or None,
            "at_own_rates": _float(goal.as_is),
            "reported": _float(result.reported),
            "attainment": _float(result.attainment),
        },
        "lever": {
            "key": result.tree.lever,
            "needed": _float(result.line(result.tree.lever).needed),
            "reason": result.reason,
            "per_goal": _float(result.step),
        },
        "consultants": result.consultants,
        "days": result.days,
        "quantities": [
            {
                "key": line.quantity.key,
                "label": line.quantity.words[language],
                "unit": line.quantity.unit,
                "own": _float(line.own),
                "as_is": _float(line.as_is),
                "set": _float(line.changed),
                "needed": _float(line.needed),
                **{key: _float(value) for key, value in _parts(line, result).items()},
            }
            for line in result.lines
        ],
        "shares": [
            {
                "consultant": share.consultant,
                "heads": share.heads,
                "target": _float(share.target),
                "needed": {
                    line.quantity.key: _float(line.needed * share.part)
                    for line in result.lines
                    if line.quantity.daily and line.needed is not None
                },
            }
            for share in result.shares
        ],
        "what_if": _what_if_document(result, language) if result.changes else None,
        "pace": {
            "days": pace.days,
            "passed": pace.passed,
            "attainment": _float(pace.attainment),
            "status": pace.status,
            "quantities": [_progress(line, language) for line in pace.lines],
        }
        if pace
        else None,
    }


def _what_if_document(result: Plan, language: Language) -> dict[str, Any]:
    was, after = result.goal.as_is, result.goal.changed
    return {
        "goal": {"as_is": _float(was), "set": _float(after), "difference": _difference(after, was)},
        "changes": [
            {
                "key": change.quantity.key,
                "label": change.quantity.words[language],
                "from": _float(change.before),
                "to": _float(change.after),
                "goal": _float(change.goal),
                "difference": _difference(change.goal, was),
            }
            for change in result.changes
        ],
    }


def _progress(line: Progress, language: Language) -> dict[str, Any]:
    return {
        "key": line.quantity.key,
        "label": line.quantity.words[language],
        "done": _float(line.done),
        "needed": _float(line.needed),
        "per_day_left": _float(line.per_day),
        "projected": _float(line.projected),
    }


def _difference(value: Fraction | None, than: Fraction | None) -> float | None:
    return None if value is None or than is None else float(value - than)


def _float(value: Fraction | None) -> float | None:
    return None if value is None else float(value)
