"""Read the sales tree of a book: its quantities, and that the goal is a straight line of the lever."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from kpicli.catalogue import Kpi, Measure, Quantity, Tree
from kpicli.formula import Absolute, FormulaError, Name, Node, Operation, names, parse
from kpicli.loading.measures import Measures
from kpicli.tables import MISSING, Table

FormulaOf = Callable[[Table, str, str], Node | None]
"""Reads a formula over measures under a key of a table; mistakes are noted."""


class TreeReader:
    """One tree, with the measures and KPIs of its book."""

    def __init__(self, reader: Table, measures: Measures, kpis: Mapping[str, Kpi], formula_of: FormulaOf) -> None:
        self.reader, self.measures, self.kpis, self.formula_of = reader, measures, kpis, formula_of

    def read(self, near: float) -> Tree | None:
        """Make the tree; None where a mistake leaves none."""
        reader = self.reader
        rows = reader.take("quantities", list)
        goal, lever = reader.take("goal", str), reader.take("lever", str)
        target = reader.words("target") or (goal,)
        found: dict[str, Quantity] = {}
        taken: set[str] = set()
        for row in rows:
            quantity = self._quantity(row, found)
            if quantity is None:
                continue
            if taken & {quantity.key, *quantity.aliases}:
                reader.wrong(f"quantities.{quantity.key}", "名称或别名与前面的重复")
            taken |= {quantity.key, *quantity.aliases}
            daily = quantity.daily or quantity.key in (goal, lever)
            found[quantity.key] = replace(quantity, daily=daily)
        known = {*self.kpis, *self.measures.known, *self.measures.unjudged}
        for word in target:
            reader.known("target", word, {*known, goal}, "指标")
        if len(found) == len(rows):  # else the mistakes above may explain what is missing here
            reader.known("goal", goal, found, "数量")
            reader.known("lever", lever, [key for key, one in found.items() if one.driver], "要计数的数量")
            self._straight(found, goal, lever)
        reader.close()
        return Tree(found, goal, target, lever, near) if {goal, lever} <= found.keys() else None

    def _quantity(self, row: Any, earlier: Mapping[str, Quantity]) -> Quantity | None:
        """What is `measured` over measures or `follows` from earlier quantities.

        One that says neither is the KPI or measure of its key; label and unit are those of it unless it has its own.
        """
        written = row.get("key") if isinstance(row, dict) else ""
        key = written if isinstance(written, str) else ""
        reader = self.reader.inner(f"quantities.{key}", row)
        entry: Kpi | Measure | None = self.kpis.get(key) or self.measures.known.get(key)
        reader.take("key", str)
        measured, follows = reader.take("measured", str, ""), reader.take("follows", str, "")
        label = reader.take("label", str, entry.label if entry else MISSING)
        label_en = reader.take("label_en", str, entry.label_en if entry else MISSING)
        unit = reader.take("unit", str, entry.unit if entry else MISSING)
        aliases, daily = reader.words("aliases"), reader.take("daily", bool, False)
        reader.close()
        if measured and follows:
            reader.wrong("follows", "measured 与 follows 只写一个")
        own = entry.formula if isinstance(entry, Kpi) else key if entry else ""
        text = follows or measured or own
        node = self._followed(reader, follows, earlier) if follows else self._measured(reader, key, text)
        if node is None:
            return None
        code = entry.code if isinstance(entry, Kpi) else ""
        return Quantity(key, label, label_en, unit, text, node, not follows, aliases, code, daily)

    def _measured(self, reader: Table, key: str, text: str) -> Node | None:
        if not text:
            if key not in self.measures.unjudged:
                reader.wrong("measured", "要写 measured 或 follows；都不写的，key 要是有公式的指标或度量")
            return None
        node = self.formula_of(reader, "measured", text)
        if node and any(self.measures.known[name].count == "target" for name in names(node)):
            reader.wrong("measured", f"{text}：目标不是数出来的")
            return None
        return node

    def _followed(self, reader: Table, text: str, earlier: Mapping[str, Quantity]) -> Node | None:
        try:
            node = parse(text)
        except FormulaError as error:
            reader.wrong("follows", f"{text}: {error}")
            return None
        if _divides(node):
            reader.wrong("follows", f"{text}：不能除；要除的写成另一个 measured 的比率")
            return None
        known = all(reader.known("follows", name, earlier, "在前的数量") for name in names(node))
        return node if known else None

    def _straight(self, quantities: Mapping[str, Quantity], goal: str, lever: str) -> None:
        """The goal moves with the lever, and on a straight line: else nobody could solve for the lever."""
        moved = {lever}
        for key, one in quantities.items():
            if not one.driver and moved & set(one.parts):
                moved.add(key)
                if _degree(one.node, moved) > 1:
                    self.reader.wrong(f"quantities.{key}", f"{one.formula}：应是 {lever} 的一次式")
        if {goal, lever} <= quantities.keys() and goal not in moved:
            self.reader.wrong("goal", f"{goal} 不随 {lever} 变")


def _divides(node: Node) -> bool:
    """Whether a formula divides anywhere, so that it may have no value."""
    match node:
        case Operation(sign, left, right):
            return sign == "/" or _divides(left) or _divides(right)
        case Absolute(part):
            return _divides(part)
        case _:
            return False


def _degree(node: Node, moved: Collection[str]) -> int:
    """In what power a formula has the names that move: 0 not at all, 1 a straight line, 2 anything else."""
    match node:
        case Name(key):
            return int(key in moved)
        case Operation("+" | "-", left, right):
            return max(_degree(left, moved), _degree(right, moved))
        case Operation(_, left, right):
            return _degree(left, moved) + _degree(right, moved)
        case Absolute(part):
            return 2 * _degree(part, moved)
        case _:
            return 0
