"""The funnel, the league, what does not fit together and who was lost, as text for a terminal and as JSON."""

from collections.abc import Iterable, Mapping
from datetime import tzinfo
from typing import Any

import polars as pl
from rich.cells import cell_len
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from kpicli.cohort import Cohort
from kpicli.coverage import Finding
from kpicli.masking import mask
from kpicli.measure import NOBODY
from kpicli.messages import Language, catalogue, fill
from kpicli.pipeline.funnel import Funnelled
from kpicli.pipeline.losses import Losses, Lost
from kpicli.present.terminal import SEVERITY_STYLE, group_name, moment, table_of
from kpicli.present.values import NOTHING, bar, number, plain
from kpicli.present.words import word
from kpicli.stages import Branch, Leak, Step, wilson

_BAR, _SHORT, _LABEL = 24, 10, 10
"""Cells of the longest bar, of the longest where other columns need the room, and of the labels that do not."""
_DIFFERS = {-1: ("↓", "red"), 0: ("", ""), 1: ("↑", "green")}
_ROWS_SHOWN = 3


# For a terminal


def heading(result: Funnelled, zone: tzinfo, language: Language) -> list[RenderableType]:
    """Which month, store, book and funnel, and as known when."""
    dealer = plain(result.dealer or word("all_dealers", language))
    title = f"{result.month}  {dealer}  {result.funnel.words[language]} ({result.book.key} · {result.funnel.key})"
    parts: list[RenderableType] = [Text(title, style="bold")]
    for key, time in (("as_closed", result.closed), ("as_known", result.known)):
        if time:
            parts.append(Text(word(key, language).format(time=moment(time, zone)), style="dim"))
    if result.days:
        parts.append(Text(word("funnel_running", language).format(days=result.days), style="dim"))
    if result.cohort:
        parts += _cohort_lines(result.cohort, language)
    return parts


def drawn(result: Funnelled, language: Language) -> list[RenderableType]:
    """The whole store's funnel."""
    parts: list[RenderableType] = [_steps(result.whole, language, cohort=result.cohort is not None)]
    if result.whole.leak:
        parts.append(_leak(result.whole.leak, result, language))
    if result.cohort:
        parts += [Text(), _bridges(result, result.cohort, language)]
    return parts


def person(result: Funnelled, name: str, language: Language) -> list[RenderableType]:
    """One consultant beside the team."""
    one = result.by["consultant"][name]
    ranked = sum(1 for other in result.by["consultant"].values() if other.rank is not None)
    place = word("rank_of", language).format(rank=one.rank, of=ranked) if one.rank else _unranked(one, name, language)
    parts: list[RenderableType] = [Text(f"{plain(name)}  {place}", style="bold")]
    parts.append(_steps(one, language, cohort=result.cohort is not None, team=True))
    parts.append(_leak(one.leak, result, language) if one.leak else Text(word("no_leak", language), style="dim"))
    return parts


def league(result: Funnelled, dimension: str, language: Language) -> list[RenderableType]:
    """Every group of a dimension: counts and rates, rank where there are enough, and where most is lost."""
    stages = [step.stage for step in result.whole.steps]
    ranking = dimension not in ("week", "day")
    goal = result.whole.step(result.funnel.goal).stage.words[language]
    table = table_of(
        *([(word("rank", language), "right")] if ranking else []),
        (word(dimension, language), "left"),
        *((stage.words[language], "right") for stage in stages),
        (f"→{goal}", "right"),
        (word("leak", language), "left"),
    )
    groups = result.by[dimension]
    order = sorted(groups, key=lambda name: (groups[name].rank or len(groups) + 1, name in NOBODY, name))
    ranks = [one.rank for one in groups.values()]
    for name in order if ranking else groups:
        one = groups[name]
        rank = f"{one.rank}{'=' if ranks.count(one.rank) > 1 else ''}" if one.rank else _unranked(one, name, language)
        leak = f"{one.leak.step.stage.words[language]}\n+{one.leak.gain:.1f}" if one.leak else ""
        table.add_row(
            *([Text(rank, style="" if one.rank else "dim")] if ranking else []),
            group_name(dimension, name),
            *(_cell(step) for step in one.steps),
            _whole_way(one.step(result.funnel.goal)),
            Text(leak, style="dim"),
        )
    note = word("league_note", language).format(minimum=result.funnel.minimum, goal=goal)
    return [table, Text(note, style="dim")] if ranking else [table]


def findings(result: Funnelled, language: Language, *, all_rows: bool, show_pii: bool) -> list[RenderableType]:
    """What does not fit together: how often, what it does to the KPIs, and the rows."""
    if not result.findings:
        return [Text(word("nothing_found", language), style="green")]
    parts: list[RenderableType] = []
    for found in result.findings:
        entry = catalogue("findings")[found.code]
        line = Text("• ", style=SEVERITY_STYLE[entry.severity])
        line.append(plain(fill(entry.text, found.values, language)), style="bold")
        line.append(f" ×{found.count}" if found.count else "", style="bold")
        line.append(f" → {plain(fill(entry.hint, found.values, language))}", style="dim")
        line.append(f" ({found.code})", style="dim")
        parts.append(line)
        moved = [
            f"{result.book.label_of(key, language)} {number(now, result.book.kpis[key].unit)} → "
            f"{number(then, result.book.kpis[key].unit)}"
            for key, (now, then) in found.moved.items()
        ]
        if moved:
            parts.append(Text(f"  {word('if_right', language)}{' · '.join(moved)}"))
        rows = found.rows if all_rows else found.rows.head(_ROWS_SHOWN)
        parts += [Text(f"  {_row(row, show_pii=show_pii)}", style="dim") for row in rows.iter_rows(named=True)]
        if rows.height < found.count:
            parts.append(Text("  " + word("more_rows", language).format(count=found.count - rows.height), style="dim"))
    return parts


def grave(found: Iterable[Finding]) -> bool:
    """Whether any finding is more than good to know."""
    return any(catalogue("findings")[entry.code].severity != "info" for entry in found)


def lost(result: Losses, language: Language) -> list[RenderableType]:
    """Who left without buying, by reason, level, consultant and model."""
    total = result.total
    line = word("lost_line", language).format(
        count=total.count, rate=number(total.clear_rate, "%"), days=_days(total.median_days)
    )
    parts: list[RenderableType] = [Text(line, style="bold")]
    if not total.count:
        return parts
    spans = " · ".join(f"{span} {count}" for span, count in result.spans.items())
    parts.append(Text(word("lost_spans", language).format(spans=spans), style="dim"))
    for dimension, groups in result.by.items():
        table = table_of(
            (word(f"lost_{dimension}", language), "left"),
            *((word(key, language), "right") for key in ("lost_count", "share", "clear", "median_days")),
        )
        for name, one in groups.items():
            share, clear = number(one.count / total.count, "%"), number(one.clear_rate, "%")
            table.add_row(plain(name), f"{one.count:,}", share, clear, _days(one.median_days))
        parts += [Text(), table]
    return parts


def _steps(one: Branch, language: Language, *, cohort: bool, team: bool = False) -> Table:
    """A funnel, a stage a line."""
    widest = max((step.count or 0 for step in one.steps), default=0)
    room = _BAR if not team and all(cell_len(step.stage.words[language]) <= _LABEL for step in one.steps) else _SHORT
    targets = any(step.target is not None for step in one.steps)
    more = ["team_rate"] if team else []
    more += ["median_days"] if cohort else ["previous_rate"]
    table = table_of(
        (word("stage", language), "left"),
        ("", "left"),
        (word("count", language), "right"),
        (word("conversion", language), "right"),
        *((word(key, language), "right") for key in more),
        (word("from_top", language), "right"),
        (word("drop_off", language), "right"),
        *([(word("target", language), "right")] if targets else []),
    )
    for step in one.steps:
        said = {
            "team_rate": number(step.team, "%") if step.team is not None else "",
            "median_days": _days(step.median_days),
            "previous_rate": number(step.previous_rate, "%") if step.previous_rate is not None else "",
        }
        table.add_row(
            Text(step.stage.words[language], style="dim" if step.stage.aside else ""),
            Text(bar(step.count or 0, widest, room), style="dim" if step.stage.aside else "blue"),
            number(step.count)
            if step.count is not None
            else Text(word(step.reason or "no_rows", language), style="dim"),
            _rate(step, language, team=team),
            *(said[key] for key in more),
            number(step.from_top, "%") if step.from_top is not None else "",
            f"−{step.drop_off:,}" if step.drop_off and step.drop_off > 0 else "",
            *([number(step.target) if step.target is not None else ""] if targets else []),
        )
    return table


def _days(days: float | None) -> str:
    return f"{days:g}" if days is not None else ""


def _rate(step: Step, language: Language, *, team: bool) -> Text:
    if step.from_previous is None:
        return Text("")
    mark, style = _DIFFERS[step.differs] if team else ("", "")
    text = Text(f"{number(step.from_previous, '%')}{mark}", style=style)
    if step.interval:
        low, high = step.interval
        text.append(f" {low * 100:.0f}–{high * 100:.0f}", style="dim")
    return text


def _cell(step: Step) -> Text:
    """A count above its rate; coloured where it surely differs from the whole's."""
    text = Text(number(step.count))
    if step.from_previous is not None:
        mark, style = _DIFFERS[step.differs]
        text.append(f"\n{step.from_previous * 100:.0f}%{mark}", style=style or "dim")
    return text


def _whole_way(goal: Step) -> Text:
    """The rate from the top to the goal, with where it may truly lie."""
    if goal.from_top is None:
        return Text(NOTHING)
    text = Text(number(goal.from_top, "%"))
    interval = wilson(goal.count or 0, goal.top or 0)
    if interval:
        text.append(f"\n{interval[0] * 100:.0f}–{interval[1] * 100:.0f}", style="dim")
    return text


def _unranked(one: Branch, name: str, language: Language) -> str:
    return NOTHING if one.enough or name in NOBODY else word("too_few", language)


def _leak(leak: Leak, result: Funnelled, language: Language) -> Text:
    goal = result.whole.step(result.funnel.goal).stage.words[language]
    said = word(f"leak_{leak.standard}", language).format(
        stage=leak.step.stage.words[language],
        own=number(leak.step.from_previous, "%"),
        rate=number(leak.rate, "%"),
        gain=f"{leak.gain:.1f}",
        goal=goal,
    )
    return Text(said, style="yellow")


def _cohort_lines(told: Cohort, language: Language) -> list[RenderableType]:
    whole = told.whole
    key = "cohort_within" if told.within is not None else "cohort_until"
    line = word(key, language).format(size=whole.size, until=f"{told.until:%Y-%m-%d}", within=told.within)
    state = word("cohort_state", language).format(lost=whole.lost, running=whole.running)
    return [Text(line, style="dim"), Text(state, style="dim")]


def _bridges(result: Funnelled, told: Cohort, language: Language) -> Table:
    """How the month's count and the cohort's hang together, stage by stage."""
    stages = [stage for stage in result.funnel.chain if stage.key in told.bridges]
    table = table_of((word("bridge", language), "left"), *((stage.words[language], "right") for stage in stages))
    names = next(iter(told.bridges.values())).lines if told.bridges else {}
    table.add_row(word("bridge_period", language), *(f"{told.bridges[s.key].period:,}" for s in stages))
    for name in names:
        lines = [told.bridges[stage.key].lines[name] for stage in stages]
        if any(lines):
            table.add_row(
                word(f"bridge_{name}", language), *(f"{line:+,}".replace("-", "−") if line else "" for line in lines)
            )
    table.add_section()
    table.add_row(word("bridge_cohort", language), *(f"{told.bridges[s.key].cohort:,}" for s in stages), style="bold")
    return table


def _row(row: Mapping[str, Any], *, show_pii: bool) -> str:
    customer = row["customer"] or ""
    named = [
        plain(str(row["file"] or "")),
        plain(str(row["sheet"] or "")),
        str(row["row"]),
        f"{row['day']:%m-%d}" if row["day"] else "",
        plain(row["consultant"] or ""),
        plain(customer if show_pii or not customer else mask("name", customer)),
    ]
    return " · ".join(part for part in named if part)


# As JSON


def document(result: Funnelled, losses: Losses | None, language: Language, *, show_pii: bool) -> dict[str, Any]:
    """The funnel of a month; rates are fractions, not rounded."""
    return {
        "command": "funnel",
        "dealer": result.dealer,
        "month": result.month,
        "book": result.book.key,
        "funnel": result.funnel.key,
        "view": "cohort" if result.cohort else "period",
        "stages": [_stage(step, language) for step in result.whole.steps],
        "leak": _leak_document(result.whole.leak),
        "by": {
            dimension: {name: _branch(one, language) for name, one in groups.items()}
            for dimension, groups in result.by.items()
        },
        "findings": [_finding(found, language, show_pii=show_pii) for found in result.findings],
        **({"cohort": _cohort(result.cohort)} if result.cohort else {}),
        **({"lost": _losses(losses)} if losses else {}),
        **({"closed": result.closed.isoformat()} if result.closed else {}),
        **({"as_known_on": result.known.isoformat()} if result.known else {}),
        **({"days": result.days} if result.days else {}),
    }


def _branch(one: Branch, language: Language) -> dict[str, Any]:
    return {
        "stages": [_stage(step, language) for step in one.steps],
        "rank": one.rank,
        "enough": one.enough,
        "leak": _leak_document(one.leak),
    }


def _stage(step: Step, language: Language) -> dict[str, Any]:
    return {
        "stage": step.stage.key,
        "label": step.stage.words[language],
        "count": step.count,
        "from_previous": step.from_previous,
        "from_top": step.from_top,
        "drop_off": step.drop_off,
        "interval": step.interval,
        "previous": step.previous,
        "previous_rate": step.previous_rate,
        "team": step.team,
        "target": step.target,
        "median_days": step.median_days,
        "reason": step.reason,
    }


def _leak_document(leak: Leak | None) -> dict[str, Any] | None:
    if leak is None:
        return None
    return {"stage": leak.step.stage.key, "standard": leak.standard, "rate": leak.rate, "gain": leak.gain}


def _finding(found: Finding, language: Language, *, show_pii: bool) -> dict[str, Any]:
    entry = catalogue("findings")[found.code]
    people = pl.col("customer")
    rows = found.rows if show_pii else found.rows.with_columns(people.map_elements(_masked, return_dtype=pl.String))
    return {
        "code": found.code,
        "severity": entry.severity,
        "message": fill(entry.text, found.values, language),
        "hint": fill(entry.hint, found.values, language),
        "count": found.count,
        "kpis": {key: {"value": now, "if_right": then} for key, (now, then) in found.moved.items()},
        "rows": rows.drop("who").with_columns(pl.col("day").cast(pl.String)).to_dicts(),
    }


def _masked(name: str) -> str:
    return mask("name", name)


def _cohort(told: Cohort) -> dict[str, Any]:
    whole = told.whole
    return {
        "until": told.until.isoformat(),
        "within": told.within,
        "size": whole.size,
        "lost": whole.lost,
        "running": whole.running,
        "bridge": {
            key: {"period": bridge.period, **bridge.lines, "cohort": bridge.cohort}
            for key, bridge in told.bridges.items()
        },
    }


def _losses(told: Losses) -> dict[str, Any]:
    return {
        **_lost(told.total),
        "days": dict(told.spans),
        "by": {name: {group: _lost(one) for group, one in groups.items()} for name, groups in told.by.items()},
    }


def _lost(one: Lost) -> dict[str, Any]:
    return {
        "count": one.count,
        "with_reason": one.clear,
        "clear_rate": one.clear_rate,
        "median_days": one.median_days,
    }
