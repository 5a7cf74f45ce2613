"""A month's targets: from the sheet 目标 in the store, and from the workspace's ``targets.toml``, which goes before it.

::

    [2026-10]
    orders = 45                     # by key or, in quotes, by label
    "信息留存率" = 0.72

    [2026-10.consultant."张伟"]
    orders = 12

    [2026-10.model."君威"]
    orders = 8
"""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kpicli.catalogue import Book, Catalogue
from kpicli.errors import DefinitionError
from kpicli.issues import Issue
from kpicli.kpi import Targets
from kpicli.periods import Month
from kpicli.store import Store
from kpicli.tables import Mistake
from kpicli.workspace import Workspace

FILE = "targets.toml"
_GROUPS = ("consultant", "model")

Named = tuple[str, str, str, float]
"""Dimension and group (both ``""`` for the whole store), the KPI or measure as it is called, and the target."""


def targets_of(
    workspace: Workspace, store: Store, book: Book, month: Month, dealer: str | None
) -> tuple[Targets, tuple[Issue, ...]]:
    """The month's targets by (dimension, group, KPI), and the names that mean nothing in any book.

    Raises `DefinitionError` for a ``targets.toml`` with mistakes.
    """
    named = [*_of_sheet(workspace.catalogue, store, month, dealer), *_of_file(workspace.folder, month)]
    targets: dict[tuple[str, str, str], float] = {}
    unknown: dict[str, None] = {}
    for dimension, group, name, value in named:
        keys = _meant(workspace.catalogue, book, name)
        if keys is None:
            unknown[name] = None
        for key in keys or ():
            targets[dimension, group, key] = value
    return targets, tuple(Issue("unknown_target", values={"value": name, "book": book.key}) for name in unknown)


def _of_sheet(catalogue: Catalogue, store: Store, month: Month, dealer: str | None) -> Iterator[Named]:
    rows = store.rows(catalogue.forms["targets"], since=str(month), until=str(month), dealer=dealer)
    for row in rows.sort("sheet", "row").collect().iter_rows(named=True):
        if not (row["consultant"] and row["model"]):
            dimension = "consultant" if row["consultant"] else "model" if row["model"] else ""
            yield dimension, row["consultant"] or row["model"] or "", row["measure"], row["value"]


def _of_file(folder: Path | None, month: Month) -> Iterator[Named]:
    if folder is None or not (folder / FILE).is_file():
        return
    try:
        table = tomllib.loads((folder / FILE).read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DefinitionError([Mistake(FILE, "", f"不是有效的 TOML：{error}")]) from error
    mistakes: list[Mistake] = []
    told = {key: list(_named(key, months, mistakes)) for key, months in table.items()}
    if mistakes:
        raise DefinitionError(mistakes)
    yield from told.get(str(month), ())


def _named(month: str, table: Any, mistakes: list[Mistake]) -> Iterator[Named]:
    if not isinstance(table, dict):
        mistakes.append(Mistake(FILE, month, "应为表，如 [2026-10]"))
        return
    parts = [("", "", table)]
    for dimension in _GROUPS:
        groups = table.get(dimension, {})
        parts += [(dimension, name, inner) for name, inner in groups.items()] if isinstance(groups, dict) else []
    for dimension, group, entries in parts:
        place = ".".join(filter(None, (month, dimension, group)))
        if not isinstance(entries, Mapping):
            mistakes.append(Mistake(FILE, place, "应为表：指标 = 目标值"))
            continue
        for name, value in entries.items():
            if not dimension and name in _GROUPS:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                mistakes.append(Mistake(FILE, f"{place}.{name}", "应为数字"))
            else:
                yield dimension, group, name, float(value)


def _meant(catalogue: Catalogue, book: Book, name: str) -> set[str] | None:
    """The KPIs and the measure of a book that a target's name means, in this book or another; None if in none of them.

    A KPI that is just a measure is one with it, whatever a house calls it.
    """
    house = next((house for house in (book, *catalogue.books.values()) if house.find(name)), None)
    if house is None:
        return None
    key = house.find(name) or ""
    formula = house.kpis[key].formula if key in house.kpis else key
    own = {key} if house is book else set()
    same = {other.key for other in book.kpis.values() if other.formula and other.formula == formula}
    planned = {measure.of for measure in book.measures.values()}
    return own | same | ({formula} & (book.measures.keys() | planned))
