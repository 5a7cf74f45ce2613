"""The help in English: the texts of the commands are Chinese in the code, and replaced where English is asked for."""

import tomllib
from collections.abc import Iterator, Mapping
from copy import copy
from importlib.resources import files
from typing import Any

_NO_TEXTS = {"name", "default", "envvar"}
"""What the command line's library keeps in words that are no texts for people."""


def translated(command: Any) -> Any:
    """A copy of a command, and of those below it, with English in the place of every text."""
    return _copy(command, dict(entries()))


def entries() -> list[tuple[str, str]]:
    """The texts of ``definitions/help.toml``, each in Chinese and English, in the file's order."""
    content = files("kpicli").joinpath("definitions", "help.toml").read_text(encoding="utf-8")
    return [(entry["zh"], entry["en"]) for entry in tomllib.loads(content)["text"]]


def texts(command: Any) -> Iterator[tuple[str, str]]:
    """Every text of a command, its arguments, options and the commands below it, each with the name of its place."""
    for place in (command, *command.params):
        yield from ((f"{place.name}.{key}", text) for key, text in _texts(place).items())
    for inner in getattr(command, "commands", {}).values():
        yield from texts(inner)


def _texts(place: Any) -> dict[str, str]:
    return {key: value for key, value in vars(place).items() if isinstance(value, str) and key not in _NO_TEXTS}


def _copy(place: Any, english: Mapping[str, str]) -> Any:
    """A copy of a command or parameter with all it has below it."""
    made = copy(place)
    vars(made).update({key: english.get(text, text) for key, text in _texts(place).items()})
    if hasattr(place, "params"):
        made.params = [_copy(one, english) for one in place.params]
    if hasattr(place, "commands"):
        made.commands = {name: _copy(one, english) for name, one in place.commands.items()}
    return made
