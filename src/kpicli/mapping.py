"""What people of a workspace confirmed about headers and values nobody knew: ``mapping.toml``, read and applied.

::

    [headers.visits]
    "客户类别" = "level"          # a column by its key; "ignore" for one that is not wanted

    [values.visits.channel]
    "直播间" = "网络"

    [consultants]
    "小王" = "王磊"

    [dealers]
    "上海示例别克" = "SH01"
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from kpicli.catalogue import DEALER, Column, Form
from kpicli.tables import Mistake, Table
from kpicli.words import header_key, word_key

FILE = "mapping.toml"
IGNORE = "ignore"

Words = dict[str, str]


@dataclass(frozen=True)
class Mapped:
    """Confirmed meanings."""

    headers: Mapping[str, Words] = field(default_factory=dict)
    """Form → header → column, or `IGNORE`."""
    values: Mapping[str, Mapping[str, Words]] = field(default_factory=dict)
    """Form → column → spelling → value."""
    consultants: Words = field(default_factory=dict)
    """Another name of a consultant → the name."""
    dealers: Words = field(default_factory=dict)
    """Another name of a dealer → the one it goes by in the store."""

    @classmethod
    def read(cls, path: Path, forms: Mapping[str, Form], mistakes: list[Mistake]) -> "Mapped":
        """Read a mapping file; what is wrong in it goes into `mistakes` and is left out."""
        try:
            content = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            mistakes.append(Mistake(FILE, "", f"不是有效的 TOML：{error}"))
            return cls()
        return cls.checked(content, FILE, forms, mistakes)

    @classmethod
    def checked(
        cls, content: Mapping[str, object], file: str, forms: Mapping[str, Form], mistakes: list[Mistake]
    ) -> "Mapped":
        """Take what was read; `file` is named in the mistakes."""
        table = Table(file, "", content, mistakes)
        headers = {
            form.key: _headers(inner, form)
            for form, inner in _per_form(table.inner("headers", table.take("headers", dict, {})), forms)
        }
        values = {
            form.key: _values(inner, form)
            for form, inner in _per_form(table.inner("values", table.take("values", dict, {})), forms)
        }
        consultants, dealers = _names(table, "consultants", "没有写姓名"), _names(table, "dealers", "没有写经销商")
        table.close()
        return cls(headers, values, consultants, dealers)

    def applied(self, forms: Mapping[str, Form]) -> dict[str, Form]:
        """The forms as this workspace knows them."""
        return {key: self._form(form) for key, form in forms.items()}

    def _form(self, form: Form) -> Form:
        headers = self.headers.get(form.key, {})
        told = {header_key(header) for header in headers}
        columns = {key: self._column(form, column, headers, told) for key, column in form.columns.items()}
        ignored = frozenset(header_key(header) for header, column in headers.items() if column == IGNORE)
        return replace(form, columns=columns, ignored=ignored)

    def _column(self, form: Form, column: Column, headers: Words, told: set[str]) -> Column:
        own = tuple(header for header, key in headers.items() if key == column.key)
        aliases = (*own, *(alias for alias in column.aliases if header_key(alias) not in told))
        words = dict(self.values.get(form.key, {}).get(column.key, {}))
        if column.type == "staff":
            words |= self.consultants
        if column.key == DEALER:
            words |= self.dealers
        return replace(column, aliases=aliases, spellings={word_key(word): meaning for word, meaning in words.items()})


def _names(table: Table, key: str, missing: str) -> Words:
    inner = table.inner(key, table.take(key, dict, {}))
    found = {}
    for name in list(inner.table):
        found[name] = inner.take(name, str)
        if not found[name].strip():
            inner.wrong(name, missing)
    return found


def _per_form(table: Table, forms: Mapping[str, Form]) -> Iterable[tuple[Form, Table]]:
    for key in list(table.table):
        inner = table.inner(key, table.table[key])
        if table.known(key, key, forms, "表"):
            yield forms[key], inner


def _headers(table: Table, form: Form) -> Words:
    found = {}
    labels = {header_key(column.label): key for key, column in form.columns.items()}
    for header in list(table.table):
        column = table.take(header, str)
        if labels.get(header_key(header), column) != column:
            table.wrong(header, f"是{form.columns[labels[header_key(header)]].label}列自己的名称，不能改指别的列")
        elif table.known(header, column, [*form.columns, IGNORE], "列"):
            found[header] = column
    return found


def _values(table: Table, form: Form) -> dict[str, Words]:
    found: dict[str, Words] = {}
    for key in list(table.table):
        inner = table.inner(key, table.table[key])
        if not table.known(key, key, form.columns, "列"):
            continue
        found[key] = {}
        for spelling in list(inner.table):
            meaning = inner.take(spelling, str)
            known = meanings(form.columns[key])
            if not known or inner.known(spelling, meaning, known, "取值"):
                found[key][spelling] = meaning
    return found


def meanings(column: Column) -> Sequence[str]:
    """The values that a word in this column can be mapped to; none where any will do."""
    return ("是", "否") if column.type == "flag" else column.canonical
