"""The README is kept true: its lists are generated (`python -m tests.test_docs` rewrites them), its commands exist."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from kpicli import loading
from kpicli.cli import app

README = Path(__file__).parents[1] / "README.md"


def commands() -> list[str]:
    group = typer.main.get_command(app)
    lines = []
    for name, command in sorted(group.commands.items()):  # type: ignore[attr-defined]
        for inner, sub in sorted(getattr(command, "commands", {}).items()):
            lines.append(f"| `kpicli {name} {inner}` | {sub.help} |")
        lines.append(f"| `kpicli {name}` | {command.help} |")
    return sorted(lines)


def forms() -> list[str]:
    lines = []
    for form in loading.load().forms.values():
        listed = [form.columns[key] for key in form.content]
        columns = "、".join(column.label + ("*" if column.required else "") for column in listed)
        lines.append(f"| `{form.key}` | {form.label} | {columns} |")
    return lines


def kpis() -> list[str]:
    book = loading.load().books["buick"]
    lines = []
    for kpi in book.kpis.values():
        formula = f"`{kpi.formula}`" if kpi.formula else f"needs the form {kpi.needs}, not there yet"
        lines.append(f"| `{kpi.key}` | {kpi.label} | {formula} |")
    return lines


LISTS: dict[str, Callable[[], list[str]]] = {"commands": commands, "forms": forms, "kpis": kpis}


def fresh(text: str) -> str:
    for name, lines in LISTS.items():
        head = re.search(rf"<!-- {name}: [^\n]*-->\n\|[^\n]*\n\|[-|]+\n", text)
        assert head, f"README has no list of {name}"
        end = text.index("<!-- end -->", head.end())
        text = text[: head.end()] + "\n".join(lines()) + "\n" + text[end:]
    return text


def test_the_lists_of_the_readme_are_fresh() -> None:
    text = README.read_text(encoding="utf-8")
    assert text == fresh(text), "run python -m tests.test_docs"


def test_every_command_line_of_the_readme_exists() -> None:
    group = typer.main.get_command(app)
    lines = re.findall(r"^kpicli (\w+)[^\n]*", README.read_text(encoding="utf-8"), re.M)
    assert lines
    assert set(lines) <= set(group.commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["report", "ingest", "export", "open_workspace"])
def test_what_the_command_line_can_do_python_can_do_with_the_same_word(name: str) -> None:
    import kpicli

    assert callable(getattr(kpicli, name))


if __name__ == "__main__":
    README.write_text(fresh(README.read_text(encoding="utf-8")), encoding="utf-8")
