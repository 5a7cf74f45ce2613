"""Read the definition of a form: its columns, keys and facts."""

import tomllib
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

from kpicli.catalogue import (
    COLUMN_TYPES,
    AllPresent,
    Column,
    DurationFact,
    Fact,
    Form,
    HistoryFact,
    NegativeRule,
    TimelyFact,
)
from kpicli.loading.filters import filter_of, typed
from kpicli.tables import Mistake, Table


class FormReader(Table):
    """One form."""

    def __init__(self, key: str, table: Mapping[str, Any], mistakes: list[Mistake]) -> None:
        super().__init__(f"forms/{key}.toml", "", table, mistakes)
        self.key = key

    def read(self) -> Form:
        """Make the form."""
        columns = {key: self._column(key, table) for key, table in self.take("columns", dict).items()}
        shared = tomllib.loads(files("kpicli").joinpath("definitions", "shared.toml").read_text(encoding="utf-8"))
        columns = {key: self._column(key, table) for key, table in shared.items()} | columns
        form = Form(
            key=self.key,
            label=self.take("label", str),
            label_en=self.take("label_en", str),
            description=self.take("description", str, ""),
            columns=columns,
            date=self.take("date", str),
            keys=tuple(self.word_lists("keys")),
            order=tuple(self._pairs()),
            facts={key: self._fact(key, table, columns) for key, table in self.take("facts", dict, {}).items()},
            negative=self._negative(columns),
        )
        self._references(form)
        self.close()
        return form

    def _pairs(self) -> Iterator[tuple[str, str]]:
        for pair in self.word_lists("order", []):
            if len(pair) == 2:
                yield pair[0], pair[1]
            else:
                self.wrong("order", f"应为两列一对：{pair}")

    def _spellings(self, reader: Table) -> dict[str, str]:
        spellings: dict[str, str] = {}
        for canonical, words in reader.take("values", dict, {}).items():
            if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
                reader.wrong("values", f"{canonical} 应为文字列表")
                continue
            for word in (canonical, *words):
                if spellings.get(word, canonical) != canonical:
                    reader.wrong("values", f"{word} 既归 {spellings[word]} 又归 {canonical}")
                spellings[word] = canonical
        return spellings

    def _column(self, key: str, table: Any) -> Column:
        reader = self.inner(f"columns.{key}", table)
        absent = reader.table.get("when_absent")
        column = Column(
            key=key,
            label=reader.take("label", str),
            label_en=reader.take("label_en", str),
            type=reader.one_of("type", COLUMN_TYPES),
            required=reader.take("required", bool, False),
            aliases=reader.words("aliases"),
            values=self._spellings(reader),
            yes=reader.words("yes"),
            no=reader.words("no"),
            when_absent=self._when_absent(reader)
            if isinstance(absent, dict)
            else reader.take("when_absent", str, None),
            when_empty=reader.take("when_empty", str, None),
            additive=reader.take("additive", bool, True),
        )
        reader.close()
        return column

    def _when_absent(self, reader: Table) -> AllPresent:
        inner = reader.inner("when_absent", reader.take("when_absent", dict))
        present = AllPresent(inner.words("all_present"))
        inner.close()
        return present

    def _fact(self, key: str, table: Any, columns: Mapping[str, Column]) -> Fact:
        reader = self.inner(f"facts.{key}", table)
        label = reader.take("label", str)
        fact: Fact
        if "done" in reader.table:
            fact = TimelyFact(key, label, reader.take("done", str), reader.take("due", str))
            for name in ("done", "due"):
                reader.known(name, getattr(fact, name), columns, "列")
        elif "start" in reader.table:
            fact = DurationFact(key, label, reader.take("start", str), reader.take("end", str))
            for name in ("start", "end"):
                if reader.known(name, getattr(fact, name), columns, "列"):
                    typed(reader, name, getattr(fact, name), columns, ("time",))
        else:
            fact = HistoryFact(
                key, label, filter_of(reader, "earlier", columns, {}), filter_of(reader, "never", columns, {})
            )
        reader.close()
        return fact

    def _negative(self, columns: Mapping[str, Column]) -> NegativeRule | None:
        if "negative" not in self.table:
            return None
        reader = self.inner("negative", self.take("negative", dict))
        column, sets = reader.take("column", str), reader.take("sets", dict)
        reader.close()
        reader.known("column", column, columns, "列")
        kind_column, kind = next(iter(sets.items()), ("", ""))
        if reader.known("sets", kind_column, columns, "列"):
            reader.known("sets", kind, columns[kind_column].canonical, "取值")
        return NegativeRule(column, kind_column, kind)

    def _references(self, form: Form) -> None:
        self.known("date", form.date, form.columns, "列")
        for words in form.keys:
            for word in words:
                self.known("keys", word.removesuffix("?"), form.columns, "列")
        for pair in form.order:
            for word in pair:
                self.known("order", word, form.columns, "列")
        for column in form.columns.values():
            for word in column.when_absent.columns if isinstance(column.when_absent, AllPresent) else ():
                self.known(f"columns.{column.key}.when_absent", word, form.columns, "列")
            for name in ("when_absent", "when_empty"):
                word = getattr(column, name)
                if isinstance(word, str) and column.values:
                    self.known(f"columns.{column.key}.{name}", word, column.canonical, "取值")
