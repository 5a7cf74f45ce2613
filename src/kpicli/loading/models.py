"""Read the analysis models of a book: questions, what decides them, actions, charts; and the deviations."""

from collections.abc import Callable, Mapping
from typing import Any

from kpicli.catalogue import DIMENSIONS
from kpicli.formula import Node
from kpicli.messages import Words
from kpicli.models import BY_GROUP, KINDS, RULES, Chart, Deviation, Model, Models, Question, Test
from kpicli.tables import Table

_SHARES = ("behind", "moved")


class ModelReader:
    """The models of one book. What is wrong in one is noted, and the model left out."""

    def __init__(self, book: Table, formula: Callable[[Table, str, str], Node | None]) -> None:
        """Take the book's table, and what reads a formula: its table, the key it stands under, its text."""
        self.book, self.formula = book, formula

    def models(self, table: Mapping[str, Any]) -> Models:
        """The models by key."""
        found = {key: self._model(self.book.inner(f"models.{key}", entry), key, table) for key, entry in table.items()}
        return {key: model for key, model in found.items() if model}

    def deviations(self, rows: list[Any]) -> tuple[Deviation, ...]:
        """The factors by which a consultant is held against the mean."""
        made = [self._deviation(self.book.inner(f"deviations[{n}]", row)) for n, row in enumerate(rows)]
        return tuple(one for one in made if one)

    def _deviation(self, reader: Table) -> Deviation | None:
        of, over, sound = self._counted(reader)
        key, unit, below = reader.take("key", str), reader.take("unit", str), reader.take("below", float)
        words, advice = _words(reader, "label"), _words(reader, "advice")
        reader.close()
        return Deviation(key, words, of, over, unit, below, advice) if of and sound else None

    def _model(self, reader: Table, key: str, every: Mapping[str, Any]) -> Model | None:
        owner = reader.take("owner", str)
        of, over, sound = self._counted(reader, "")
        questions = [
            self._question(
                reader.inner(f"questions.{row.get('key', n)}" if isinstance(row, dict) else f"questions[{n}]", row),
                owner,
                every,
            )
            for n, row in enumerate(reader.take("questions", list))
        ]
        words, unit, kpis = _words(reader, "label"), reader.take("unit", str), reader.words("kpis")
        chart = _chart(reader)
        reader.close()
        return Model(key, words, of, over, unit, kpis, tuple(questions), chart) if sound else None

    def _question(self, reader: Table, owner: str, every: Mapping[str, Any]) -> Question:
        leads = reader.take("leads", str, "")
        if leads:
            reader.known("leads", leads, every, "分析模型")
        blank = "" if leads else None  # an answer that only leads on has no cause and no action of its own
        rows = [self._test(reader.inner(f"tests[{n}]", row)) for n, row in enumerate(reader.take("tests", list, []))]
        question = Question(
            key=reader.take("key", str),
            element=_words(reader, "element"),
            ask=_words(reader, "ask"),
            adverse=reader.one_of("adverse", ("yes", "no")),
            cause=_words(reader, "cause", blank),
            action=_words(reader, "action", blank),
            owner=reader.take("owner", str, owner),
            tests=tuple(test for test in rows if test),
            proxy=reader.take("proxy", bool, False),
            leads=leads,
        )
        reader.close()
        return question

    def _test(self, reader: Table) -> Test | None:
        of, over, sound = self._counted(reader)
        kind, by = reader.one_of("kind", KINDS), reader.take("by", str, "")
        if by:
            reader.known("by", by, DIMENSIONS, "分组")
        if kind in _SHARES and over is None:
            reader.wrong("over", f"{kind} 要写明占什么的比例")
        if kind in BY_GROUP and not by:
            reader.wrong("by", f"{kind} 要写明按什么分组")
        words, unit = _words(reader, "label"), reader.take("unit", str)
        worse = reader.one_of("worse", ("down", "up"), "down")
        among = reader.one_of("among", ("", "main", "rest"), "")
        costs = reader.take("costs", bool, False)
        reader.close()
        whole = kind in KINDS and (over is not None or kind not in _SHARES) and (by or kind not in BY_GROUP)
        return Test(kind, words, unit, of, over, by, worse, among, costs) if of and sound and whole else None

    def _counted(self, reader: Table, default: Any = None) -> tuple[Node | None, Node | None, bool]:
        """What is counted and what it is a share of, and whether what is written could be read."""
        of = reader.take("of", str) if default is None else reader.take("of", str, default)
        over = reader.take("over", str, "")
        nodes = [self.formula(reader, key, text) if text else None for key, text in (("of", of), ("over", over))]
        return nodes[0], nodes[1], all(bool(node) == bool(text) for node, text in zip(nodes, (of, over), strict=True))


def _chart(model: Table) -> Chart | None:
    model.asked.append("chart")
    if "chart" not in model.table:
        return None
    reader = model.inner("chart", model.table.pop("chart"))
    rule, by = reader.one_of("rule", RULES), reader.one_of("by", ("day", "week", "model"))
    line = reader.take("line", float, None)
    if rule == "line" and line is None:
        reader.wrong("line", "要写明应达到多少")
    reader.close()
    return Chart(rule, by, line) if rule in RULES else None


def _words(reader: Table, key: str, blank: str | None = None) -> Words:
    default = {} if blank is None else {"default": blank}
    return Words(reader.take(key, str, **default), reader.take(f"{key}_en", str, **default))
