"""Load the definitions of forms and books (TOML) into the records of `kpicli.catalogue`, all mistakes together.

Two passes: the first reads every file as written and checks each table by itself; the second resolves what refers to
something else (a measure's columns in its form, a formula's names among the measures). A workspace's form or book of
the same name replaces the shipped one as a whole; a book that `extends` one of another name, or the shipped one of its
own, adds to it and replaces only what it names. A workspace's ``measures.toml`` adds to the measures of all books.
"""

import hashlib
import tomllib
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from kpicli.catalogue import Catalogue, suggest
from kpicli.errors import DefinitionError
from kpicli.loading.books import BookReader
from kpicli.loading.forms import FormReader
from kpicli.loading.measures import Measures
from kpicli.mapping import FILE, Mapped
from kpicli.tables import Mistake, Table

_MEASURES, _SHARED = "measures.toml", "shared.toml"
_KINDS = ("forms", "books")
_BORROWED: Mapping[str, tuple[str, Any]] = {
    "levels": ("级别", {}),
    "models": ("分析模型", {}),
    "deviations": ("偏差", []),
}
"""What a book can have from another by that one's name."""


def load(folder: Path | None = None) -> Catalogue:
    """Load the shipped definitions and those of a workspace, with what it mapped; raise `DefinitionError`."""
    catalogue, mistakes = check(folder)
    if mistakes:
        raise DefinitionError(mistakes)
    return catalogue


def check(folder: Path | None = None) -> tuple[Catalogue, tuple[Mistake, ...]]:
    """Load what can be loaded, and return every mistake of every file beside it."""
    mistakes: list[Mistake] = []
    forms = {key: FormReader(key, table, mistakes).read() for key, table in _tables("forms", folder, mistakes)}
    broken = {mistake.file.removeprefix("forms/").removesuffix(".toml") for mistake in mistakes}
    sound = {key: form for key, form in forms.items() if key not in broken}
    if folder and (folder / FILE).is_file():
        sound = Mapped.read(folder / FILE, sound, mistakes).applied(sound)
    shared = Measures(sound, broken)
    for table in _measure_files(folder, mistakes):
        shared.read(table, "")
        table.close()
    books = {key: BookReader(key, table, mistakes, shared).read() for key, table in _book_tables(folder, mistakes)}
    return Catalogue(sound, books), tuple(mistakes)


def fingerprint(folder: Path | None = None) -> str:
    """A hash of every definition in force, the shipped ones and those of a workspace."""
    found = hashlib.sha256()
    shipped = files("kpicli").joinpath("definitions")
    parts = [entry for name in _KINDS for entry in shipped.joinpath(name).iterdir()]
    parts += [shipped.joinpath(name) for name in (_MEASURES, _SHARED)]
    if folder:
        own = [path for name in _KINDS for path in (folder / name).glob("*.toml")]
        parts += [*own, *(path for name in (_MEASURES, FILE) if (path := folder / name).is_file())]
    for name, content in sorted((entry.name, entry.read_bytes()) for entry in parts if entry.name.endswith(".toml")):
        found.update(f"{name} {len(content)}\n".encode() + content)
    return found.hexdigest()


def form_keys(folder: Path | None = None) -> list[str]:
    """The keys of all forms, the shipped ones and those of a workspace, whether or not they have mistakes."""
    places = [files("kpicli").joinpath("definitions", "forms"), *([folder / "forms"] if folder else [])]
    names = {entry.name for place in places if place.is_dir() for entry in place.iterdir()}
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


def _tables(kind: str, folder: Path | None, mistakes: list[Mistake]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from sorted((_shipped(kind, mistakes) | _own(kind, folder, mistakes)).items())


def _book_tables(folder: Path | None, mistakes: list[Mistake]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every book, those that extend another with what they take from it."""
    shipped, own = _shipped("books", mistakes), _own("books", folder, mistakes)
    extended = {
        key: _extended(key, table, shipped, own, mistakes, ()) for key, table in sorted((shipped | own).items())
    }
    for key, table in extended.items():
        for part, (what, empty) in _BORROWED.items():
            if isinstance(table.get(part), str):  # those of another book
                other = extended.get(table[part], {}).get(part)
                if not isinstance(other, type(empty)):
                    said = f"没有 {table[part]} 这个指标集，或它没有{what}{suggest(table[part], extended)}"
                    mistakes.append(Mistake(f"books/{key}.toml", part, said))
                table = {**table, part: other if isinstance(other, type(empty)) else empty}
        yield key, table


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
