"""The KPIs of a page, and what stands behind each number."""

import re
import shlex
from collections.abc import Iterator, Sequence

from kpicli.catalogue import Kpi, Stage
from kpicli.formula import Number
from kpicli.kpi import KpiValue
from kpicli.pipeline.page import Paged
from kpicli.present import charts
from kpicli.present.charts import Drawing
from kpicli.present.definitions import in_words
from kpicli.present.page.document import Numbers, Path
from kpicli.present.page.months import values_of
from kpicli.present.page.parts import Piece, Proof, Shown, Term, Tile, Told
from kpicli.present.values import NOTHING, plain
from kpicli.present.words import word

_SIGNS = {"*": "×", "/": "÷", "-": "−"}


def tiles(paged: Paged, numbers: Numbers) -> Iterator[Tile]:
    """Every KPI of the book."""
    for key, found in paged.report.total.kpis.items():
        yield _tile(paged, numbers, key, found)


def stage_proof(paged: Paged, numbers: Numbers, stage: Stage, path: Path) -> Proof:
    """What stands behind the count of a stage, which has the path."""
    return Proof(
        label=stage.words[numbers.language],
        definition="",
        notes=(),
        formula=_formula(paged, numbers, stage.formula, numbers.maybe(path)),
        terms=tuple(_term(paged, numbers, key) for key in stage.measures),
        commands=tuple(_command(paged, key) for key in stage.measures),
    )


def _tile(paged: Paged, numbers: Numbers, key: str, found: KpiValue) -> Tile:
    kpi, path, language = paged.report.book.kpis[key], ("total", "kpis", key), numbers.language
    value = numbers.maybe((*path, "value"), kpi.unit)
    over = kpi.is_ratio and kpi.unit == "%" and found.value is not None and found.value > 1
    return Tile(
        key=key,
        label=paged.report.book.label_of(key, language),
        value=value or NOTHING,
        reason=word(found.reason, language) if found.reason else "",
        status=found.status or "",
        target=numbers.maybe((*path, "target"), kpi.unit),
        attainment=numbers.maybe((*path, "attainment"), "%"),
        others=tuple(_others(numbers, found, path, kpi.unit)),
        note=(kpi.over_one or word("over_one_odd", language)) if over else "",
        meter=charts.meter(found.attainment) if found.attainment is not None else None,
        line=_line(paged, key),
        proof=_proof(paged, numbers, kpi, value),
    )


def _others(numbers: Numbers, found: KpiValue, path: Path, unit: str) -> Iterator[tuple[str, Shown, str]]:
    """The values of other periods, and where a running month ends."""
    for name, other in found.compared.items():
        if shown := numbers.maybe((*path, name), unit):
            yield word(name, numbers.language), shown, _since(found.value, other)
    if found.projected is not None:
        said = f"{round(found.projected):,}"
        yield word("projected", numbers.language), numbers.of((*path, "projected"), text=said), ""


def _since(value: Number | None, before: Number | None) -> str:
    if value is None or before is None:
        return ""
    return "up" if value > before else "down" if value < before else "same"


def _line(paged: Paged, key: str) -> Drawing | None:
    """The months of a KPI as a line without anything else."""
    for series in paged.history.series if paged.history else ():
        if series.key == key:
            return charts.line(values_of(series), running=series.points[-1].running, small=True)
    return None


def _proof(paged: Paged, numbers: Numbers, kpi: Kpi, value: Shown | None) -> Proof:
    language = numbers.language
    notes = tuple(note for note in (kpi.definition, in_words(kpi), kpi.note) if note)
    labels = "".join(_labels(paged, numbers, kpi.formula)) or word("source_missing", language)
    return Proof(
        label=paged.report.book.label_of(kpi.key, language),
        definition="；".join(notes) if notes and language == "zh" else labels,  # books define in Chinese
        notes=notes,
        formula=_formula(paged, numbers, kpi.formula, value) if kpi.formula else (labels,),
        terms=tuple(_term(paged, numbers, key) for key in kpi.measures),
        commands=(_command(paged, kpi.key),),
    )


def _tokens(formula: str) -> Sequence[str]:
    return re.findall(r"[a-z_][a-z0-9_]*|[^a-z_]", formula)


def _labels(paged: Paged, numbers: Numbers, formula: str) -> Iterator[str]:
    """A formula with labels for its measures."""
    book = paged.report.book
    for token in _tokens(formula):
        yield book.label_of(token, numbers.language) if token in book.measures else _SIGNS.get(token, token)


def _formula(paged: Paged, numbers: Numbers, formula: str, value: Shown | None) -> Told:
    """A formula with the labels of its measures, their values, and what they come to."""
    pieces: list[Piece] = []
    for token, label in zip(_tokens(formula), _labels(paged, numbers, formula), strict=True):
        pieces += [f"{label} ", _measure(paged, numbers, token)] if token in paged.report.book.measures else [label]
    return tuple(pieces) if formula in paged.report.book.measures else (*pieces, " = ", value or NOTHING)


def _measure(paged: Paged, numbers: Numbers, key: str) -> Piece:
    return numbers.maybe(("total", "measures", key), paged.report.book.measures[key].unit) or NOTHING


def _term(paged: Paged, numbers: Numbers, key: str) -> Term:
    places = [
        (plain(place.file), plain(place.sheet), numbers.of(("evidence", key, row, "rows")))
        for row, place in enumerate(paged.evidence.get(key, ()))
    ]
    return Term(paged.report.book.label_of(key, numbers.language), _measure(paged, numbers, key), tuple(places))


def _command(paged: Paged, key: str) -> str:
    """What lists the rows behind a KPI or a measure."""
    return plain(shlex.join(("kpicli", "explain", key, "--month", paged.report.month, *paged.options)))
