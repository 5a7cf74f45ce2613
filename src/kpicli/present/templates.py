"""Templates and their marks, as text for a terminal."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import RenderableType
from rich.text import Text

from kpicli.fill import Mistake
from kpicli.messages import Language
from kpicli.present.terminal import table_of
from kpicli.present.values import plain
from kpicli.present.words import word


def listed(found: Mapping[str, Path], language: Language) -> list[RenderableType]:
    """Every template with its file."""
    table = table_of((word("template", language), "left"), (word("file", language), "left"))
    for name, path in found.items():
        table.add_row(plain(name), plain(str(path)))
    return [table]


def mistakes(found: Sequence[Mistake], language: Language) -> list[RenderableType]:
    """Every mistake with its cell and what was probably meant."""
    if not found:
        return [Text(word("template_sound", language), style="green")]
    return [
        Text(
            f"{plain(one.sheet)}!{one.cell}：{word(one.code, language)} {plain(one.text)} {plain(one.near)}".rstrip(),
            style="red" if one.stops else "yellow",
        )
        for one in found
    ]


def marks(found: Sequence[tuple[str, str, str]], language: Language) -> list[RenderableType]:
    """Every mark with its cell."""
    table = table_of(*((word(key, language), "left") for key in ("sheet", "cell", "mark")))
    for sheet, cell, mark in found:
        table.add_row(plain(sheet), cell, plain(mark))
    return [table]
