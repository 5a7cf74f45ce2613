"""Read the definition of a book: its KPIs, levels and scoring, and the measures it adds."""

from collections.abc import Mapping
from typing import Any

from kpicli.catalogue import (
    LEVELS,
    TIERS,
    Aim,
    Benchmark,
    Book,
    Example,
    Funnel,
    Kpi,
    Level,
    Scoring,
    Stage,
)
from kpicli.formula import FormulaError, Name, Node, Operation, names, parse
from kpicli.loading.measures import Measures
from kpicli.loading.models import ModelReader
from kpicli.loading.trees import TreeReader
from kpicli.tables import MISSING, Mistake, Table


class BookReader(Table):
    """One book, with all measures there are for it."""

    def __init__(self, key: str, table: Mapping[str, Any], mistakes: list[Mistake], shared: Measures) -> None:
        super().__init__(f"books/{key}.toml", "", table, mistakes)
        self.key, self.measures = key, Measures(shared.forms, shared.broken, shared)

    def read(self) -> Book:
        """Make the book."""
        near = self.take("near", float, 0.9)
        own = self.measures.read(self, "measures")
        known, named = self.measures.known, {*self.measures.known, *self.measures.unjudged}
        kpis = {key: self._kpi(key, table, near) for key, table in self.take("kpis", dict).items()}
        funnels = {key: self._funnel(key, table, kpis) for key, table in self.take("funnels", dict, {}).items()}
        tree = None
        if drawn := self.take("tree", dict, None):
            tree = TreeReader(self.inner("tree", drawn), self.measures, kpis, self._formula_of).read(near)
        league, show, by = self.words("league"), self.words("show"), self.take("league_by", str, "")
        for path, words in (("league", (*league, *([by] if by else []))), ("show", show)):
            for word in words:
                self.known(path, word, named if path == "show" else {*named, *kpis}, "度量或指标")
        reader = ModelReader(self, self._formula_of)
        models = reader.models(self.take("models", dict, {}))
        deviations = reader.deviations(self.take("deviations", list, []))
        asked = {name for model in models.values() for name in model.measures}
        asked |= {name for deviation in deviations for name in deviation.measures}
        used = {*own, *show, *league, by, *(name for kpi in kpis.values() for name in kpi.measures)}
        used |= {name for funnel in funnels.values() for name in funnel.measures}
        used |= {*tree.measures, *tree.target} if tree else set()
        book = Book(
            key=self.key,
            label=self.take("label", str),
            label_en=self.take("label_en", str),
            description=self.take("description", str, ""),
            source=self.take("source", str, ""),
            measures={key: measure for key, measure in known.items() if key in used},
            kpis=kpis,
            league=league,
            league_by=by,
            levels={key: self._level(key, table) for key, table in self.take("levels", dict, {}).items()},
            scoring=self._scoring(),
            funnels=funnels,
            tree=tree,
            models=models,
            deviations=deviations,
            asked={key: measure for key, measure in known.items() if key in asked},
        )
        self.close()
        return book

    def _level(self, key: str, table: Any) -> Level:
        reader = self.inner(f"levels.{key}", table)
        self.known("levels", key, LEVELS, "级别")
        level = Level(
            key=key,
            horizon=reader.take("horizon", str),
            purpose=reader.take("purpose", str, ""),
            every_days=int(reader.take("every_days", float)),
            signs=reader.take("signs", str, ""),
        )
        if level.every_days < 1:
            reader.wrong("every_days", "应为至少 1 天")
        reader.close()
        return level

    def _funnel(self, key: str, table: Any, kpis: Mapping[str, Kpi]) -> Funnel:
        reader = self.inner(f"funnels.{key}", table)
        stages = tuple(self._stage(reader, row, kpis) for row in reader.take("stages", list))
        funnel = Funnel(
            key=key,
            label=reader.take("label", str),
            label_en=reader.take("label_en", str),
            stages=stages,
            goal=reader.take("goal", str),
            minimum=int(reader.take("minimum", float, 10.0)),
            lost=reader.take("lost", str, ""),
        )
        if len({stage.key for stage in stages}) < len(stages):
            reader.wrong("stages", "两个阶段同名")
        if funnel.lost and funnel.lost not in self.measures.unjudged:
            reader.known("lost", funnel.lost, self.measures.known, "度量")
        reader.known("goal", funnel.goal, [stage.key for stage in stages if not stage.aside], "阶段")
        reader.close()
        return funnel

    def _stage(self, funnel: Table, row: Any, kpis: Mapping[str, Kpi]) -> Stage:
        key = row.get("key", "") if isinstance(row, dict) else ""
        reader = funnel.inner(f"stages.{key}", row)
        needs = reader.take("needs", str, None)
        text = reader.take("formula", str, "" if needs else MISSING)
        node = self._formula(reader, text)
        stage = Stage(
            key=reader.take("key", str),
            label=reader.take("label", str),
            label_en=reader.take("label_en", str),
            formula=text,
            measures=tuple(dict.fromkeys(names(node))) if node else (),
            kpi=reader.take("kpi", str, ""),
            aside=reader.take("aside", bool, False),
            needs=needs,
        )
        if stage.kpi:
            reader.known("kpi", stage.kpi, {*kpis, *self.measures.known, *self.measures.unjudged}, "指标")
        counted = [self.measures.known[name].count in ("rows", "customers") for name in stage.measures]
        if not _is_sum(node) or not all(counted):
            reader.wrong("formula", f"{text}：阶段应为数行或数客户的度量之和")
        reader.close()
        return stage

    def _scoring(self) -> Scoring | None:
        if "scoring" not in self.table:
            return None
        reader = self.inner("scoring", self.take("scoring", dict))
        scoring = Scoring(
            base=reader.take("base", float, 100.0),
            reward=reader.take("reward", float),
            penalty=reader.take("penalty", float),
            cap=reader.take("cap", float, None),
            floor=reader.take("floor", float, None),
        )
        reader.close()
        return scoring

    def _kpi(self, key: str, table: Any, near: float) -> Kpi:
        reader = self.inner(f"kpis.{key}", table)
        needs = reader.take("needs", str, None)
        text = reader.take("formula", str, "" if needs else MISSING)
        direction = reader.one_of("direction", ("up", "down", "none"))
        kpi = Kpi(
            key=key,
            label=reader.take("label", str),
            label_en=reader.take("label_en", str),
            formula=text,
            node=self._formula(reader, text),
            unit=reader.take("unit", str),
            direction=direction,
            definition=reader.take("definition", str, ""),
            numerator=reader.take("numerator", str, ""),
            denominator=reader.take("denominator", str, ""),
            note=reader.take("note", str, ""),
            over_one=reader.take("over_one", str, ""),
            needs=needs,
            near=reader.take("near", float, near),
            examples=tuple(self._example(reader, n, row) for n, row in enumerate(reader.take("examples", list, []))),
            code=reader.take("code", str, ""),
            cadence=reader.take("cadence", str, ""),
            owner=reader.take("owner", str, ""),
            data=reader.take("data", str, ""),
            aims=self._aims(reader, direction),
            benchmarks=tuple(
                self._benchmark(reader, n, row) for n, row in enumerate(reader.take("benchmarks", list, []))
            ),
            weight=reader.take("weight", float, 0.0),
        )
        if kpi.is_ratio and not (kpi.numerator and kpi.denominator):
            reader.wrong("numerator", "比率要用文字写明分子与分母")
        reader.close()
        return kpi

    def _aims(self, reader: Table, direction: str) -> dict[str, Aim]:
        """A number (the least, or the most where less is better), a table of `low` and `high`, or these by tier."""
        reader.asked.append("aim")
        written = reader.table.pop("aim", None)
        if written is None:
            return {}
        tiers = isinstance(written, dict) and set(written) <= set(TIERS)
        aims = {}
        for tier, value in (written if tiers else {"": written}).items():
            bounds = value if isinstance(value, dict) else {"high" if direction == "down" else "low": value}
            inner = reader.inner("aim", bounds)
            aims[tier] = Aim(inner.take("low", float, None), inner.take("high", float, None))
            inner.close()
        return aims

    def _benchmark(self, reader: Table, number: int, row: Any) -> Benchmark:
        inner = reader.inner(f"benchmarks[{number}]", row)
        found = Benchmark(inner.take("value", float), inner.take("source", str), inner.take("date", str))
        inner.close()
        return found

    def _formula(self, reader: Table, text: str) -> Node | None:
        return self._formula_of(reader, "formula", text)

    def _formula_of(self, reader: Table, key: str, text: str) -> Node | None:
        if not text:
            return None
        try:
            node = parse(text)
        except FormulaError as error:
            reader.wrong(key, f"{text}: {error}")
            return None
        known = [
            name not in self.measures.unjudged and reader.known(key, name, self.measures.known, "度量")
            for name in names(node)
        ]
        return node if all(known) else None

    def _example(self, reader: Table, number: int, row: Any) -> Example:
        inner = reader.inner(f"examples[{number}]", row)
        value = inner.take("value", float)
        printed, rounding = inner.take("printed", str, ""), inner.one_of("rounding", ("half_up", "down"), "half_up")
        return Example({key: inner.take(key, float) for key in list(inner.table)}, value, printed, rounding)


def _is_sum(node: Node | None) -> bool:
    """Whether a formula adds measures up and does nothing else."""
    if isinstance(node, Operation):
        return node.sign == "+" and _is_sum(node.left) and _is_sum(node.right)
    return node is None or isinstance(node, Name)
