"""A TOML table whose keys are taken one by one, with every mistake in it noted rather than raised."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from kpicli.catalogue import suggest

T = TypeVar("T")


@dataclass(frozen=True)
class Mistake:
    """Something wrong in a definition file."""

    file: str
    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.file} · {self.key}: {self.message}"


MISSING: Any = object()


class Table:
    """Takes keys out of a table, notes what is wrong with them, and at the end what nobody asked for."""

    def __init__(self, file: str, path: str, table: Mapping[str, Any], mistakes: list[Mistake]) -> None:
        self.file, self.path, self.table, self.mistakes = file, path, dict(table), mistakes
        self.asked: list[str] = []

    def take(self, key: str, kind: type[T], default: Any = MISSING) -> T:
        """Take a value of a kind; where it is missing or of another kind, note that and give an empty one."""
        self.asked.append(key)
        value = self.table.pop(key, MISSING)
        if value is MISSING:
            if default is MISSING:
                self.wrong(key, "缺少")
                return kind()
            return default  # type: ignore[no-any-return]
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)  # type: ignore[return-value]
        if not isinstance(value, kind):
            self.wrong(key, f"应为 {_KINDS[kind]}")
            return kind()
        return value

    def words(self, key: str) -> tuple[str, ...]:
        """Take a list of words."""
        value = self.take(key, list, [])
        if not all(isinstance(item, str) for item in value):
            self.wrong(key, "应为文字列表")
            return ()
        return tuple(value)

    def one_of(self, key: str, allowed: Sequence[str], default: Any = MISSING) -> Any:
        """Take one of several words."""
        value = self.take(key, str, default)
        if value and value not in allowed:
            self.wrong(key, f"{value} 不在 {' · '.join(allowed)} 之中{suggest(value, allowed)}")
        return value

    def known(self, key: str, word: str, known: Iterable[str], what: str) -> bool:
        """Whether a word is known; note with a suggestion when it is not."""
        known = list(known)
        if word not in known:
            self.wrong(key, f"没有 {word} 这个{what}{suggest(word, known)}")
        return word in known

    def word_lists(self, key: str, default: Any = MISSING) -> list[tuple[str, ...]]:
        """A list of lists of words."""
        value = self.take(key, list, default)
        if not all(isinstance(inner, list) and inner and all(isinstance(w, str) for w in inner) for inner in value):
            self.wrong(key, "应为文字列表的列表")
            return []
        return [tuple(inner) for inner in value]

    def wrong(self, key: str, message: str) -> None:
        """Note a mistake."""
        self.mistakes.append(Mistake(self.file, ".".join(part for part in (self.path, key) if part), message))

    def close(self) -> None:
        """Note the keys that nobody took."""
        for key in self.table:
            self.wrong(key, f"不认得的键{suggest(key, self.asked)}")

    def inner(self, key: str, table: Any) -> "Table":
        """A table within this one."""
        path = f"{self.path}.{key}" if self.path else key
        if not isinstance(table, dict):
            self.wrong(key, "应为表")
            table = {}
        return Table(self.file, path, table, self.mistakes)


_KINDS = {str: "文字", list: "列表", dict: "表", bool: "true 或 false", float: "数字"}
