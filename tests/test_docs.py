"""The README and its Chinese twin are kept true: `python -m tests.test_docs` rewrites their lists."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from rich.cells import cell_len

from kpicli import loading
from kpicli.catalogue import Aim
from kpicli.cli import app
from kpicli.cli.translation import translated
from kpicli.messages import Language, catalogue
from kpicli.present.definitions import in_words
from kpicli.present.starter import toml
from kpicli.workspace import Settings, keys_of

README = Path(__file__).parents[1] / "README.md"
TWIN = README.parent / ".github" / "README.zh.md"
MANUAL = README.parent / ".github" / "KPIS.md"


def commands(language: Language) -> list[str]:
    group = typer.main.get_command(app)
    group = translated(group) if language == "en" else group
    lines = []
    for name, command in sorted(group.commands.items()):  # type: ignore[attr-defined]
        for inner, sub in sorted(getattr(command, "commands", {}).items()):
            lines.append(f"| `kpicli {name} {inner}` | {sub.help} |")
        lines.append(f"| `kpicli {name}` | {command.help} |")
    return sorted(lines)


def forms(language: Language) -> list[str]:
    lines = []
    for form in loading.load().forms.values():
        listed = [form.columns[key] for key in form.content]
        columns = "、".join(column.label + ("*" if column.required else "") for column in listed)
        lines.append(f"| `{form.key}` | {form.label} | {columns} |")
    return lines


def books(language: Language) -> list[str]:
    lines = []
    for book in loading.load().books.values():
        waiting = sorted({kpi.needs for kpi in book.kpis.values() if kpi.needs})
        computed = sum(1 for kpi in book.kpis.values() if kpi.formula)
        state = {"en": f"{computed} of {len(book.kpis)}", "zh": f"{len(book.kpis)} 个中的 {computed} 个"}[language]
        rest = {"en": f"; the others wait for {', '.join(waiting)}", "zh": f"；其余要等 {'、'.join(waiting)}"}[language]
        said = state + rest if waiting else {"en": f"all {computed}", "zh": f"全部 {computed} 个"}[language]
        lines.append(f"| `{book.key}` | {book.label} | {book.source} | {said} |")
    return lines


def manual() -> str:
    """Every KPI of every book, for people."""
    parts = ["# 指标手册\n\n由指标集生成（`python -m tests.test_docs`），每个指标的口径、公式、目标与出处。\n"]
    for book in loading.load().books.values():
        parts.append(f"\n## {book.label}（`{book.key}`，{book.source}）\n\n{book.description}\n")
        labels = {key: measure.label for key, measure in book.measures.items()}
        for kpi in book.kpis.values():
            parts.append(f"\n### {f'{kpi.code} ' if kpi.code else ''}{kpi.label} `{kpi.key}`\n\n")
            words = re.split(r"([a-z_][a-z0-9_]*)", kpi.formula)
            said = "".join(labels.get(word, word) for word in words)
            aims = "；".join(f"{tier} {bounds(aim)}".strip() for tier, aim in kpi.aims.items())
            marks = "；".join(f"{one.value:g}（{one.source}{one.date and f' {one.date}'}）" for one in kpi.benchmarks)
            told = (
                ("定义", kpi.definition or in_words(kpi)),
                ("公式", said or f"等 `{kpi.needs}` 这种表"),
                ("单位", kpi.unit),
                ("目标", aims),
                ("可超过 100 %", kpi.over_one),
                ("参考值", marks),
                ("频次", kpi.cadence),
                ("考核", kpi.owner),
                ("取自", kpi.data),
                ("备注", kpi.note),
            )
            parts += [f"- {name}：{text}\n" for name, text in told if text]
        if book.tree:
            steps = {key: one.label for key, one in book.tree.quantities.items()}
            parts.append(f"\n### 销量树\n\n目标：{steps[book.tree.goal]}；倒推：{steps[book.tree.lever]}\n\n")
            for one in book.tree.quantities.values():
                known = labels if one.driver else steps
                said = "".join(known.get(word, word) for word in re.split(r"([a-z_][a-z0-9_]*)", one.formula))
                parts.append(f"- {one.label} `{one.key}` = {said}\n")
    return "".join(parts)


def bounds(aim: Aim) -> str:
    low, high = (None if bound is None else f"{bound:g}" for bound in (aim.low, aim.high))
    return f"{low}–{high}" if low and high else f"≥ {low}" if low else f"≤ {high}"


def settings(language: Language) -> list[str]:
    """A ``kpicli.toml`` of the defaults, each with its meaning beside it."""
    meanings = {key: getattr(entry.text, language) for key, entry in catalogue("settings").items()}
    lines: list[tuple[str, str]] = []
    for key, default in keys_of(Settings()):
        table, _, name = key.rpartition(".")
        if table and (f"[{table}]", meanings[table]) not in lines:
            lines += [("", ""), (f"[{table}]", meanings[table])]
        lines.append((f"{name} = {toml(default)}", meanings[key]))
    return [f"{text}{' ' * max(2, 30 - cell_len(text))}# {said}" if text else "" for text, said in lines]


LISTS: dict[str, Callable[[Language], list[str]]] = {
    "commands": commands,
    "forms": forms,
    "books": books,
    "settings": settings,
}
MANUALS: dict[Path, Language] = {README: "en", TWIN: "zh"}


def fresh(manual: Path) -> str:
    """A manual with its lists as they should be."""
    text, language = manual.read_text(encoding="utf-8"), MANUALS[manual]
    for name, lines in LISTS.items():
        head = re.search(rf"<!-- {name}: [^\n]*-->\n(\|[^\n]*\n\|[-|]+\n|```toml\n)", text)
        assert head, f"{manual.name} has no list of {name}"
        end = text.index("```\n<!-- end -->" if "```" in head[1] else "<!-- end -->", head.end())
        text = text[: head.end()] + "\n".join(lines(language)) + "\n" + text[end:]
    return text


@pytest.mark.parametrize("path", MANUALS, ids=MANUALS.values())
def test_the_lists_of_the_readme_are_fresh(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == fresh(path), "run python -m tests.test_docs"


def test_the_manual_of_the_kpis_is_fresh() -> None:
    assert MANUAL.read_text(encoding="utf-8") == manual(), "run python -m tests.test_docs"


@pytest.mark.parametrize("name", ["report", "ingest", "export", "open_workspace"])
def test_what_the_command_line_can_do_python_can_do_with_the_same_word(name: str) -> None:
    import kpicli

    assert callable(getattr(kpicli, name))


if __name__ == "__main__":
    for path in MANUALS:
        path.write_text(fresh(path), encoding="utf-8")
    MANUAL.write_text(manual(), encoding="utf-8")
