"""Read the definitions of measures, of all books and of one."""

from collections.abc import Collection, Mapping

from kpicli.catalogue import (
    COLUMN_TYPES,
    DurationFact,
    Filter,
    Form,
    Measure,
)
from kpicli.loading.filters import checked_filter, filter_of, typed
from kpicli.tables import MISSING, Table

_NEEDED = (
    ("sum", "column", "求和要写明列"),
    ("distinct", "column", "数不同的取值要写明列"),
    ("open", "closed", "存量要写明结束日期的列"),
    ("target", "of", "目标要写明是哪个度量的"),
)
"""What a way of counting must say besides."""


class Measures:
    """The measures that tables declare, one after the other; a later one of the same name replaces an earlier."""

    def __init__(self, forms: Mapping[str, Form], broken: Collection[str], before: "Measures | None" = None) -> None:
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
            minus=filter_of(reader, "minus", form.columns, form.facts) if "minus" in reader.table else None,
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
                typed(reader, key, word, form.columns, types)
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
            return (filter_of(reader, "where", form.columns, form.facts),)
        tables = reader.take("where", list, [])
        return tuple(checked_filter(reader, "where", table, form.columns, form.facts) for table in tables)
