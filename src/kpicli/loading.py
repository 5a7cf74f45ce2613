"""Load the definitions of forms and books (TOML) into the records of `kpicli.catalogue`, all mistakes together.

Two passes: the first reads every file as written and checks each table by itself; the second resolves what refers to
something else (a measure's columns in its form, a formula's names among the measures). A workspace's file of the same
name replaces the shipped one as a whole.
"""

import tomllib
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from kpicli.catalogue import (
    COLUMN_TYPES,
    AllPresent,
    Book,
    Catalogue,
    Column,
    Example,
    Fact,
    Filter,
    Form,
    HistoryFact,
    Kpi,
    Measure,
    NegativeRule,
    TimelyFact,
    Value,
)
from kpicli.errors import DefinitionError
from kpicli.formula import FormulaError, Node, names, parse
from kpicli.mapping import FILE, Mapped
from kpicli.tables import MISSING, Mistake, Table


def load(folder: Path | None = None) -> Catalogue:
    """Load the shipped definitions and those of a workspace, with what it mapped; raise `DefinitionError`."""
    catalogue, mistakes = check(folder)
    if mistakes:
        raise DefinitionError(mistakes)
    return catalogue


def check(folder: Path | None = None) -> tuple[Catalogue, tuple[Mistake, ...]]:
    """Load what can be loaded, and return every mistake of every file beside it."""
    mistakes: list[Mistake] = []
    forms = {key: _FormReader(key, table, mistakes).read() for key, table in _tables("forms", folder, mistakes)}
    broken = {mistake.file.removeprefix("forms/").removesuffix(".toml") for mistake in mistakes}
    sound = {key: form for key, form in forms.items() if key not in broken}
    if folder and (folder / FILE).is_file():
        sound = Mapped.read(folder / FILE, sound, mistakes).applied(sound)
    tables = _tables("books", folder, mistakes)
    books = {key: _BookReader(key, table, mistakes, sound, broken).read() for key, table in tables}
    return Catalogue(sound, books), tuple(mistakes)


def _tables(kind: str, folder: Path | None, mistakes: list[Mistake]) -> Iterator[tuple[str, dict[str, Any]]]:
    shipped = files("kpicli").joinpath("definitions", kind)
    found = {entry.name: entry.read_bytes() for entry in shipped.iterdir() if entry.name.endswith(".toml")}
    if folder and (folder / kind).is_dir():
        found |= {path.name: path.read_bytes() for path in sorted((folder / kind).glob("*.toml"))}
    for name, content in sorted(found.items()):
        try:
            yield name.removesuffix(".toml"), tomllib.loads(content.decode("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            mistakes.append(Mistake(f"{kind}/{name}", "", f"不是有效的 TOML：{error}"))


class _FormReader(Table):
    def __init__(self, key: str, table: Mapping[str, Any], mistakes: list[Mistake]) -> None:
        super().__init__(f"forms/{key}.toml", "", table, mistakes)
        self.key = key

    def read(self) -> Form:
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
        else:
            fact = HistoryFact(
                key, label, _filter(reader, "earlier", columns, {}), _filter(reader, "never", columns, {})
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


class _BookReader(Table):
    def __init__(
        self, key: str, table: Mapping[str, Any], mistakes: list[Mistake], forms: Mapping[str, Form], broken: set[str]
    ) -> None:
        super().__init__(f"books/{key}.toml", "", table, mistakes)
        self.key, self.forms = key, forms
        self.broken = broken
        """Forms with mistakes of their own, of which nothing more is said here."""
        self.unjudged: set[str] = set()
        """Measures that could not be judged because of their form."""

    def read(self) -> Book:
        near = self.take("near", float, 0.9)
        measures = {key: m for key, table in self.take("measures", dict).items() if (m := self._measure(key, table))}
        kpis = {key: self._kpi(key, table, measures, near) for key, table in self.take("kpis", dict).items()}
        book = Book(
            key=self.key,
            label=self.take("label", str),
            label_en=self.take("label_en", str),
            description=self.take("description", str, ""),
            source=self.take("source", str, ""),
            measures=measures,
            kpis=kpis,
            league=self.words("league"),
            league_by=self.take("league_by", str, ""),
        )
        for word in (*book.league, *((book.league_by,) if book.league_by else ())):
            self.known("league", word, {*measures, *kpis, *self.unjudged}, "度量或指标")
        self.close()
        return book

    def _measure(self, key: str, table: Any) -> Measure | None:
        reader = self.inner(f"measures.{key}", table)
        name = reader.take("form", str)
        form = self.forms.get(name)
        if form is None:
            self.unjudged.add(key)
            if name not in self.broken:
                reader.known("form", name, self.forms, "表")
            return None
        measure = Measure(
            key=key,
            label=reader.take("label", str),
            label_en=reader.take("label_en", str),
            form=form.key,
            count=reader.one_of("count", ("rows", "customers", "sum", "open")),
            date=reader.take("date", str, form.date),
            where=self._where(reader, form),
            minus=_filter(reader, "minus", form.columns, form.facts) if "minus" in reader.table else None,
            column=reader.take("column", str, None),
            closed=reader.words("closed"),
            unless_before=reader.take("unless_before", str, None),
            unit=reader.take("unit", str, ""),
        )
        self._measure_columns(reader, measure, form)
        reader.close()
        return measure

    def _measure_columns(self, reader: Table, measure: Measure, form: Form) -> None:
        """A measure's columns are there and of a type it can use."""
        wanted: list[tuple[str, str, tuple[str, ...]]] = [("date", measure.date, ("date",))]
        wanted += [("closed", word, ("date",)) for word in measure.closed]
        if measure.column:
            wanted.append(("column", measure.column, ("integer", "number", "money")))
        for key, word, types in wanted:
            if reader.known(key, word, form.columns, "列") and form.columns[word].type not in types:
                reader.wrong(key, f"{word} 的类型应为 {' · '.join(types)}")
        if measure.count == "sum" and not measure.column:
            reader.wrong("column", "求和要写明列")
        if measure.count == "open" and not measure.closed:
            reader.wrong("closed", "存量要写明结束日期的列")
        if measure.unless_before and measure.unless_before not in self.broken:
            reader.known("unless_before", measure.unless_before, self.forms, "表")

    def _where(self, reader: Table, form: Form) -> tuple[Filter, ...]:
        written = reader.table.get("where", [])
        if isinstance(written, dict):
            return (_filter(reader, "where", form.columns, form.facts),)
        tables = reader.take("where", list, [])
        return tuple(_checked_filter(reader, "where", table, form.columns, form.facts) for table in tables)

    def _kpi(self, key: str, table: Any, measures: Mapping[str, Measure], near: float) -> Kpi:
        reader = self.inner(f"kpis.{key}", table)
        needs = reader.take("needs", str, None)
        text = reader.take("formula", str, "" if needs else MISSING)
        kpi = Kpi(
            key=key,
            label=reader.take("label", str),
            label_en=reader.take("label_en", str),
            formula=text,
            node=self._formula(reader, text, measures),
            unit=reader.take("unit", str),
            direction=reader.one_of("direction", ("up", "down", "none")),
            definition=reader.take("definition", str, ""),
            numerator=reader.take("numerator", str, ""),
            denominator=reader.take("denominator", str, ""),
            note=reader.take("note", str, ""),
            over_one=reader.take("over_one", bool, False),
            needs=needs,
            near=reader.take("near", float, near),
            examples=tuple(self._example(reader, n, row) for n, row in enumerate(reader.take("examples", list, []))),
        )
        if kpi.is_ratio and not (kpi.numerator and kpi.denominator):
            reader.wrong("numerator", "比率要用文字写明分子与分母")
        reader.close()
        return kpi

    def _formula(self, reader: Table, text: str, measures: Mapping[str, Measure]) -> Node | None:
        if not text:
            return None
        try:
            node = parse(text)
        except FormulaError as error:
            reader.wrong("formula", f"{text}: {error}")
            return None
        known = [name not in self.unjudged and reader.known("formula", name, measures, "度量") for name in names(node)]
        return node if all(known) else None

    def _example(self, reader: Table, number: int, row: Any) -> Example:
        inner = reader.inner(f"examples[{number}]", row)
        value = inner.take("value", float)
        return Example({key: inner.take(key, float) for key in list(inner.table)}, value)


def _filter(reader: Table, key: str, columns: Mapping[str, Column], facts: Mapping[str, Fact]) -> Filter:
    return _checked_filter(reader, key, reader.take(key, dict), columns, facts)


def _checked_filter(
    reader: Table, key: str, table: Any, columns: Mapping[str, Column], facts: Mapping[str, Fact]
) -> Filter:
    checked: dict[str, tuple[Value, ...]] = {}
    if not isinstance(table, dict):
        reader.wrong(key, "应为表：列 = 取值")
        return checked
    for name, written in table.items():
        values = tuple(written) if isinstance(written, list) else (written,)
        if not reader.known(key, name, [*columns, *facts], "列"):
            continue
        flag = name in facts or columns[name].type == "flag"
        for value in values:
            if flag != isinstance(value, bool):
                reader.wrong(key, f"{name} 应为 {'true 或 false' if flag else '文字'}")
            elif not flag and columns[name].values:
                reader.known(key, str(value), columns[name].canonical, f"{columns[name].label}取值")
        checked[name] = values
    return checked
