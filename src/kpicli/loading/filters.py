"""Read what a definition asks of rows."""

from collections.abc import Mapping, Sequence
from typing import Any

from kpicli.catalogue import (
    Column,
    Fact,
    Filter,
    Value,
)
from kpicli.tables import Table


def typed(reader: Table, key: str, word: str, columns: Mapping[str, Column], types: Sequence[str]) -> None:
    """A column that a definition names has one of some types."""
    if columns[word].type not in types:
        reader.wrong(key, f"{word} 的类型应为 {' · '.join(types)}")


def filter_of(reader: Table, key: str, columns: Mapping[str, Column], facts: Mapping[str, Fact]) -> Filter:
    """The filter at a key of a table."""
    return checked_filter(reader, key, reader.take(key, dict), columns, facts)


def checked_filter(
    reader: Table, key: str, table: Any, columns: Mapping[str, Column], facts: Mapping[str, Fact]
) -> Filter:
    """A filter as it was written: its columns are there, and its values can be."""
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
