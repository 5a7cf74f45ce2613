"""Results as JSON documents; the shapes are a contract."""

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from kpicli.catalogue import Book, Form, Kpi
from kpicli.errors import KpicliError
from kpicli.issues import Issue
from kpicli.kpi import Group, KpiValue, Report
from kpicli.messages import Language, Message
from kpicli.pipeline.explain import Explained, Part
from kpicli.pipeline.ingest import FileAccount, Ingested
from kpicli.pipeline.mapping import Question
from kpicli.pipeline.report import Comparison
from kpicli.pipeline.status import Batch, Status
from kpicli.pipeline.turns import Closed, Turned
from kpicli.store import Compacted, Health
from kpicli.words import readable


def text(document: Mapping[str, Any], *, ascii_only: bool = False) -> str:
    """One document, readable; with `ascii_only` it survives a pipe in any encoding."""
    written = json.dumps(document, ensure_ascii=ascii_only, indent=1, allow_nan=False, default=_plain)
    return re.sub("[\x7f-\x9f]", lambda control: f"\\u{ord(control.group()):04x}", written)


def ingested(result: Ingested, command: str, language: Language) -> dict[str, Any]:
    """What became of every file of a call."""
    return {
        "command": command,
        "stored": result.total("stored"),
        "unchanged": result.total("unchanged"),
        "set_aside": result.total("set_aside"),
        "not_data": result.not_data,
        "files": [_file(file, language) for file in result.files],
    }


def report(result: Report) -> dict[str, Any]:
    """A month's report."""
    return {
        "command": "report",
        "dealer": result.dealer,
        "month": result.month,
        "book": result.book.key,
        "total": _group(result.total),
        "by": {dim: {name: _group(group) for name, group in groups.items()} for dim, groups in result.by.items()},
        **({"closed": result.closed.isoformat()} if result.closed else {}),
        **({"as_known_on": result.known.isoformat()} if result.known else {}),
        **({"days": result.days, "pace": result.pace} if result.days else {}),
    }


def comparison(result: Comparison) -> dict[str, Any]:
    """A closed month as its report shows it, and as it would be now."""
    closed, now = result.closed.total, result.now.total
    return {
        "command": "report",
        "dealer": result.closed.dealer,
        "month": result.closed.month,
        "book": result.closed.book.key,
        "closed": result.closed.closed.isoformat() if result.closed.closed else None,
        "kpis": {key: {"closed": value.value, "now": now.kpis[key].value} for key, value in closed.kpis.items()},
        "measures": {key: {"closed": value, "now": now.measures[key]} for key, value in closed.measures.items()},
        "rows": [
            {"form": entry.form.key, "new": entry.new, "changed": entry.changed, "removed": entry.removed}
            for entry in result.since
        ],
    }


def form(entry: Form) -> dict[str, Any]:
    """A form as defined."""
    columns = [
        {
            "key": column.key,
            "label": column.label,
            "label_en": column.label_en,
            "type": column.type,
            "required": column.required,
            "headers": list(column.headers),
            "values": list(column.canonical),
        }
        for column in entry.columns.values()
    ]
    return {
        "key": entry.key,
        "label": entry.label,
        "label_en": entry.label_en,
        "description": entry.description,
        "columns": columns,
    }


def book(entry: Book) -> dict[str, Any]:
    """A book as defined."""
    measures = [
        {
            "key": measure.key,
            "label": measure.label,
            "label_en": measure.label_en,
            "form": measure.form,
            "unit": measure.unit,
        }
        for measure in entry.measures.values()
    ]
    return {
        "key": entry.key,
        "label": entry.label,
        "label_en": entry.label_en,
        "source": entry.source,
        "measures": measures,
        "kpis": [kpi(value) for value in entry.kpis.values()],
        "levels": [vars(level) for level in entry.levels.values()],
        "scoring": vars(entry.scoring) if entry.scoring else None,
        "funnels": [
            {**vars(funnel), "stages": [vars(stage) for stage in funnel.stages]} for funnel in entry.funnels.values()
        ],
    }


def kpi(entry: Kpi) -> dict[str, Any]:
    """A KPI as defined."""
    return {
        "key": entry.key,
        "label": entry.label,
        "label_en": entry.label_en,
        "formula": entry.formula or None,
        "unit": entry.unit,
        "direction": entry.direction,
        "code": entry.code or None,
        "cadence": entry.cadence or None,
        "owner": entry.owner or None,
        "data": entry.data or None,
        "over_one": entry.over_one or None,
        "aims": {tier: {"low": aim.low, "high": aim.high} for tier, aim in entry.aims.items()},
        "benchmarks": [vars(one) for one in entry.benchmarks],
        "examples": [{**one.measures, "value": one.value, "printed": one.printed or None} for one in entry.examples],
        "weight": entry.weight,
        "definition": entry.definition or None,
        "numerator": entry.numerator or None,
        "denominator": entry.denominator or None,
        "note": entry.note or None,
        "needs": entry.needs,
    }


def status(result: Status) -> dict[str, Any]:
    """What the store holds."""
    return {
        "command": "status",
        "store": result.store,
        "months": [
            {
                "form": entry.form.key,
                "month": entry.month,
                "rows": entry.rows,
                "days": entry.days,
                "missing": [day.isoformat() for day in entry.missing],
                "set_aside": entry.set_aside,
                "last_read": entry.last_read.isoformat() if entry.last_read else None,
                "last_saved": entry.last_saved.isoformat() if entry.last_saved else None,
            }
            for entry in result.months
        ],
        "closed": [
            {"month": closing.month, "dealer": closing.dealer, "time": closing.time.isoformat()}
            for closing in result.closings
        ],
        "batches": [_batch(batch) for batch in result.batches],
    }


def turned(result: Turned, command: str) -> dict[str, Any]:
    """A workbook taken back or brought back."""
    return {
        "command": command,
        "changed": result.changed,
        "batch": _batch(result.batch),
        "closed": list(result.closed),
    }


def closed(result: Closed, command: str) -> dict[str, Any]:
    """A month that is closed, or open again."""
    return {
        "command": command,
        "month": result.month,
        "dealer": result.dealer,
        "changed": result.changed,
        "closed": result.closing.time.isoformat() if result.closing else None,
    }


def health(result: Health, language: Language) -> dict[str, Any]:
    """What a check of the store found."""
    return {
        "command": "check",
        "sound": result.sound,
        "files": result.files,
        "rows": result.rows,
        "batches": result.batches,
        "issues": [issue(problem, language) for problem in result.issues],
    }


def compacted(result: Compacted) -> dict[str, Any]:
    """What putting files together came to."""
    return {"command": "compact", "before": result.before, "after": result.after, "freed": result.freed}


def _batch(batch: Batch) -> dict[str, Any]:
    return {
        "batch": batch.name,
        "dealer": batch.dealer,
        "file": batch.file,
        "sha256": batch.sha256,
        "time": batch.time.isoformat(),
        "saved": batch.saved.isoformat() if batch.saved else None,
        "stored": batch.stored,
        "unchanged": batch.unchanged,
        "set_aside": batch.set_aside,
        "not_data": batch.not_data,
        "undone": batch.undone,
    }


def questions(
    asked: Sequence[Question], remembered: Path | None, refused: Sequence[tuple[Path, Issue]], language: Language
) -> dict[str, Any]:
    """What nobody knows, what speaks for each answer, and where answers were written."""
    return {
        "command": "map",
        "remembered": str(remembered) if remembered else None,
        "questions": [
            {
                "kind": question.kind,
                "form": question.form.key,
                "column": question.column.key if question.column else None,
                "word": question.word,
                "file": question.file,
                "sheet": question.sheet,
                "count": question.count,
                "samples": list(question.samples),
                "suggestions": [
                    {"target": entry.target, "label": entry.label[language], "evidence": entry.evidence[language]}
                    for entry in question.suggestions
                ],
            }
            for question in asked
        ],
        "issues": [{"file": readable(str(path))} | issue(found, language) for path, found in refused],
    }


def code(key: str, entry: Message, language: Language) -> dict[str, Any]:
    """What a code means."""
    return {
        "code": key,
        "severity": entry.severity,
        "label": entry.label[language],
        "message": entry.text[language],
        "hint": entry.hint[language],
        "explanation": entry.why[language],
        "remedy": entry.remedy[language],
    }


def error(problem: KpicliError, language: Language) -> dict[str, Any]:
    """A command that was stopped."""
    return {"error": {"code": problem.code, "message": problem.message(language), "hint": problem.hint(language)}}


def issue(problem: Issue, language: Language) -> dict[str, Any]:
    """One problem of the data."""
    return {
        "code": problem.code,
        "severity": problem.severity,
        "sheet": problem.sheet,
        "row": problem.row,
        "column": problem.column,
        "message": problem.message(language),
        "hint": problem.hint(language),
        "count": problem.count,
    }


def _file(account: FileAccount, language: Language) -> dict[str, Any]:
    return {
        "file": readable(str(account.file)),
        "sha256": account.sha256,
        "status": account.status,
        "batch": account.batch,
        "sheets": [
            {
                "sheet": sheet.sheet,
                "form": sheet.form,
                "header_row": sheet.header_row,
                "rows": sheet.rows,
                "stored": sheet.stored,
                "unchanged": sheet.unchanged,
                "set_aside": sheet.set_aside,
                "not_data": sheet.not_data,
            }
            for sheet in account.sheets
        ],
        "changes": [
            {
                "form": change.form.key,
                "new": change.new,
                "changed": change.changed,
                "columns": dict(change.columns),
                "removed": change.removed,
                "older": change.older,
                "late": dict(change.late),
            }
            for change in account.changes
        ],
        "issues": [issue(problem, language) for problem in account.issues],
        **({"marked": readable(str(account.marked))} if account.marked else {}),
    }


def _group(group: Group) -> dict[str, Any]:
    told = {"measures": dict(group.measures), "kpis": {key: _value(value) for key, value in group.kpis.items()}}
    return told if group.score is None else told | {"score": group.score}


def _value(value: KpiValue) -> dict[str, Any]:
    told = {
        "value": value.value,
        "numerator": value.numerator,
        "denominator": value.denominator,
        "reason": value.reason,
        "target": value.target,
        "attainment": value.attainment,
        "status": value.status,
        "previous": value.previous,
        **{name: other for name, other in value.compared.items() if name != "previous"},
    }
    more = {"score": value.score, "projected": value.projected}
    return told | {name: found for name, found in more.items() if found is not None}


def explained(result: Explained) -> dict[str, Any]:
    """A KPI with the rows behind it."""
    entry = result.entry
    return {
        "command": "explain",
        "kpi": entry.key,
        "book": result.book.key,
        "month": result.month,
        "dealer": result.dealer,
        "group": {result.dimension: result.group} if result.dimension else None,
        "formula": entry.formula if isinstance(entry, Kpi) else entry.key,
        "measures": result.measures,
        **_value(result.value),
        "numerator": _part(result.numerator),
        "denominator": _part(result.denominator) if result.denominator else None,
    }


def _part(part: Part) -> dict[str, Any]:
    return {"value": part.value, "rows": part.rows.to_dicts(), "left_out": part.left_out.to_dicts()}


def _plain(value: object) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"no JSON form for {type(value).__name__}")
