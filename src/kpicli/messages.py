"""Texts for people in both languages: catalogues of messages by code, and words that know both tongues."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

Language = Literal["zh", "en"]


@dataclass(frozen=True)
class Words:
    """A word or phrase in both languages."""

    zh: str
    en: str

    def __getitem__(self, language: Language) -> str:
        return self.en if language == "en" else self.zh

    @classmethod
    def joined(cls, words: Iterable["Words"]) -> "Words":
        """An enumeration."""
        words = list(words)
        return cls("、".join(word.zh for word in words), ", ".join(word.en for word in words))


Values = Mapping[str, str | Words]
"""What fills the braces of a message."""


@dataclass(frozen=True)
class Message:
    """An entry of a catalogue: what happened and what to do, with braces where values go, and what it means."""

    severity: str
    text: Words
    hint: Words
    label: Words
    why: Words
    """When it is said, and what became of the row or file."""
    remedy: Words
    """What to do, step by step."""


@cache
def catalogue(name: str) -> Mapping[str, Message]:
    """The messages of ``definitions/{name}.toml`` by code, in the file's order."""
    content = files("kpicli").joinpath("definitions", f"{name}.toml").read_text(encoding="utf-8")
    return {code: _message(entry) for code, entry in tomllib.loads(content).items()}


def _message(entry: Mapping[str, str]) -> Message:
    def words(key: str) -> Words:
        suffix = f"_{key}" if key else ""
        return Words(entry.get(f"zh{suffix}", ""), entry.get(f"en{suffix}", ""))

    severity = entry.get("severity", "error")
    return Message(severity, words(""), words("hint"), words("label"), words("why"), words("remedy"))


def fill(template: Words, values: Values, language: Language) -> str:
    """A message in one language with its values in place; a value that is not there shows as …."""
    spoken = {key: value[language] if isinstance(value, Words) else value for key, value in values.items()}
    return template[language].format_map(_Spoken(spoken))


class _Spoken(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "…"
