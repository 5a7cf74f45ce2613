"""Load the definitions of forms and books (TOML) into the records of `kpicli.catalogue`, all mistakes together.

Two passes: the first reads every file as written and checks each table by itself; the second resolves what refers to
something else (a measure's columns in its form, a formula's names among the measures). A workspace's form or book of
the same name replaces the shipped one as a whole; a book that `extends` one of another name, or the shipped one of its
own, adds to it and replaces only what it names. A workspace's ``measures.toml`` adds to the measures of all books.
"""

import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from kpicli.catalogue import (
    COLUMN_TYPES,
    LEVELS,
    TIERS,
    Aim,
    AllPresent,
    Benchmark,
    Book,
    Catalogue,
    Column,
    DurationFact,
    Example,
    Fact,
    Filter,
    Form,
    HistoryFact,
    Kpi,
    Level,
    Measure,
    NegativeRule,
    Scoring,
    TimelyFact,
    Value,
    suggest,
)
from kpicli.errors import DefinitionError
from kpicli.formula import FormulaError, Node, names, parse
from kpicli.mapping import FILE, Mapped
from kpicli.tables import MISSING, Mistake, Table

_MEASURES = "measures.toml"
_NEEDED = (
    ("sum", "column", "求和要写明列"),
    ("distinct", "column", "数不同的取值要写明列"),
    ("open", "closed", "存量要写明结束日期的列"),
    ("target", "of", "目标要写明是哪个度量的"),
)
"""What a way of counting must say besides."""


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
    shared = _Measures(sound, broken)
    for table in _measure_files(folder, mistakes):
        shared.read(table, "")
        table.close()
    books = {key: _BookReader(key, table, mistakes, shared).read() for key, table in _book_tables(folder, mistakes)}
    return Catalogue(sound, books), tuple(mistakes)


def _tables(kind: str, folder: Path | None, mistakes: list[Mistake]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from sorted((_shipped(kind, mistakes) | _own(kind, folder, mistakes)).items())


def _book_tables(folder: Path | None, mistakes: list[Mistake]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every book, those that extend another with what they take from it."""
    shipped, own = _shipped("books", mistakes), _own("books", folder, mistakes)
    for key, table in sorted((shipped | own).items()):
        yield key, _extended(key, table, shipped, own, mistakes, ())


def _extended(
    key: str,
    table: dict[str, Any],
    shipped: Mapping[str, dict[str, Any]],
    own: Mapping[str, dict[str, Any]],
    mistakes: list[Mistake],
    below: tuple[str, ...],
) -> dict[str, Any]:
    """A book's table upon that of the book it extends: entries of its tables one by one, everything else as a whole."""
    if "extends" not in table:
        return table
    wanted = table["extends"]
    base = shipped if wanted == key else {**shipped, **own}
    if wanted in below or not isinstance(wanted, str) or wanted not in base:
        mistakes.append(
            Mistake(f"books/{key}.toml", "extends", f"没有 {wanted} 这个指标集{suggest(str(wanted), base)}")
        )
        return {name: value for name, value in table.items() if name != "extends"}
    under = base[wanted] if wanted == key else _extended(wanted, base[wanted], shipped, own, mistakes, (*below, key))
    merged = dict(under)
    for name, value in table.items():
        if isinstance(value, dict) and isinstance(under.get(name), dict):
            merged[name] = {**under[name], **value}
        elif name != "extends":
            merged[name] = value
    return merged


def _measure_files(folder: Path | None, mistakes: list[Mistake]) -> Iterator[Table]:
    shipped = files("kpicli").joinpath("definitions", _MEASURES)
    contents = [shipped.read_bytes()]
    if folder and (folder / _MEASURES).is_file():
        contents.append((folder / _MEASURES).read_bytes())
    for content in contents:
        table = _parsed(_MEASURES, content, mistakes)
        if table is not None:
            yield Table(_MEASURES, "", table, mistakes)


def _shipped(kind: str, mistakes: list[Mistake]) -> dict[str, dict[str, Any]]:
    folder = files("kpicli").joinpath("definitions", kind)
    return _all_parsed(kind, {e.name: e.read_bytes() for e in folder.iterdir() if e.name.endswith(".toml")}, mistakes)


def _own(kind: str, folder: Path | None, mistakes: list[Mistake]) -> dict[str, dict[str, Any]]:
    if not folder or not (folder / kind).is_dir():
        return {}
    return _all_parsed(kind, {path.name: path.read_bytes() for path in (folder / kind).glob("*.toml")}, mistakes)


def _all_parsed(kind: str, contents: Mapping[str, bytes], mistakes: list[Mistake]) -> dict[str, dict[str, Any]]:
    parsed = {name: _parsed(f"{kind}/{name}", content, mistakes) for name, content in sorted(contents.items())}
    return {name.removesuffix(".toml"): table for name, table in parsed.items() if table is not None}


def _parsed(file: str, content: bytes, mistakes: list[Mistake]) -> dict[str, Any] | None:
    try:
        return tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        mistakes.append(Mistake(file, "", f"不是有效的 TOML：{error}"))
        return None


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
        elif "start" in reader.table:
            fact = DurationFact(key, label, reader.take("start", str), reader.take("end", str))
            for name in ("start", "end"):
                if reader.known(name, getattr(fact, name), columns, "列"):
                    _typed(reader, name, getattr(fact, name), columns, ("time",))
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


class _Measures:
    """The measures that tables declare, one after the other; a later one of the same name replaces an earlier."""

    def __init__(self, forms: Mapping[str, Form], broken: Collection[str], before: "_Measures | None" = None) -> None:
        self.forms = forms
        self.broken = broken
        """Forms with mistakes of their own, of which nothing more is said here."""
        self.known: dict[str, Measure] = dict(before.known) if before else {}
        self.unjudged: set[str] = set(before.unjudged) if before else set()
        """Measures that could not be judged because of their form."""

    def read(self, table: Table, path: str) -> list[str]:
        """Take all measures of a table, or of the table at a path in it; give their keys."""
        entries = table.take(path, dict, {}) if path else {key: table.take(key, dict) for key in list(table.table)}
        for key, entry in entries.items():
            measure = self._measure(key, table.inner(f"{path}.{key}" if path else key, entry))
            if measure:
                self.known[key] = measure
        for key, measure in self.known.items():
            if measure.count == "target" and key in entries:
                table.known(f"{key}.of", measure.of, {*self.known, *self.unjudged}, "度量")
        return list(entries)

    def _measure(self, key: str, reader: Table) -> Measure | None:
        count = reader.one_of("count", ("rows", "customers", "distinct", "sum", "open", "target"))
        name = reader.take("form", str, "targets" if count == "target" else MISSING)
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
            count=count,
            date=reader.take("date", str, form.date),
            where=self._where(reader, form),
            minus=_filter(reader, "minus", form.columns, form.facts) if "minus" in reader.table else None,
            filled=reader.words("filled"),
            column=reader.take("column", str, None),
            at=reader.one_of("at", ("start", "end"), "start"),
            of=reader.take("of", str, ""),
            closed=reader.words("closed"),
            unless_before=reader.take("unless_before", str, None),
            unit=reader.take("unit", str, ""),
        )
        self._columns(reader, measure, form)
        reader.close()
        return measure

    def _columns(self, reader: Table, measure: Measure, form: Form) -> None:
        """A measure's columns are there and of a type it can use."""
        durations = {key for key, fact in form.facts.items() if isinstance(fact, DurationFact)}
        wanted: list[tuple[str, str, tuple[str, ...]]] = [("closed", word, ("date",)) for word in measure.closed]
        if measure.count != "target":
            wanted.append(("date", measure.date, ("date", "month")))
        if measure.column and measure.column not in durations:
            types = ("integer", "number", "money") if measure.count == "sum" else COLUMN_TYPES
            wanted.append(("column", measure.column, types))
        for key, word, types in wanted:
            if reader.known(key, word, form.columns, "列"):
                _typed(reader, key, word, form.columns, types)
        for word in measure.filled:
            reader.known("filled", word, {*form.columns, *durations}, "列")
        for count, key, what in _NEEDED:
            if measure.count == count and not getattr(measure, key):
                reader.wrong(key, what)
        if measure.unless_before and measure.unless_before not in self.broken:
            reader.known("unless_before", measure.unless_before, self.forms, "表")

    def _where(self, reader: Table, form: Form) -> tuple[Filter, ...]:
        written = reader.table.get("where", [])
        if isinstance(written, dict):
            return (_filter(reader, "where", form.columns, form.facts),)
        tables = reader.take("where", list, [])
        return tuple(_checked_filter(reader, "where", table, form.columns, form.facts) for table in tables)


class _BookReader(Table):
    def __init__(self, key: str, table: Mapping[str, Any], mistakes: list[Mistake], shared: _Measures) -> None:
        super().__init__(f"books/{key}.toml", "", table, mistakes)
        self.key, self.measures = key, _Measures(shared.forms, shared.broken, shared)

    def read(self) -> Book:
        near = self.take("near", float, 0.9)
        own = self.measures.read(self, "measures")
        known, named = self.measures.known, {*self.measures.known, *self.measures.unjudged}
        kpis = {key: self._kpi(key, table, near) for key, table in self.take("kpis", dict).items()}
        league, show, by = self.words("league"), self.words("show"), self.take("league_by", str, "")
        for path, words in (("league", (*league, *([by] if by else []))), ("show", show)):
            for word in words:
                self.known(path, word, named if path == "show" else {*named, *kpis}, "度量或指标")
        used = {*own, *show, *league, by, *(name for kpi in kpis.values() for name in kpi.measures)}
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
        if not text:
            return None
        try:
            node = parse(text)
        except FormulaError as error:
            reader.wrong("formula", f"{text}: {error}")
            return None
        known = [
            name not in self.measures.unjudged and reader.known("formula", name, self.measures.known, "度量")
            for name in names(node)
        ]
        return node if all(known) else None

    def _example(self, reader: Table, number: int, row: Any) -> Example:
        inner = reader.inner(f"examples[{number}]", row)
        value = inner.take("value", float)
        printed, rounding = inner.take("printed", str, ""), inner.one_of("rounding", ("half_up", "down"), "half_up")
        return Example({key: inner.take(key, float) for key in list(inner.table)}, value, printed, rounding)


def _typed(reader: Table, key: str, word: str, columns: Mapping[str, Column], types: Sequence[str]) -> None:
    if columns[word].type not in types:
        reader.wrong(key, f"{word} 的类型应为 {' · '.join(types)}")


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
