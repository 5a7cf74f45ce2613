"""The manual is kept true in both languages: its pictures, its commands, what it names, its links, its sections.

`python -m tests.test_readme` draws the pictures anew.
"""

import html
import io
import re
import shlex
import shutil
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import nullcontext
from functools import cache
from itertools import groupby
from pathlib import Path

import pytest
import typer
from lxml import etree
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

import kpicli
from kpicli import cli
from kpicli.errors import KpicliError
from kpicli.pipeline.ingest import Ingested
from kpicli.read import ReaderPool
from kpicli.workspace import Settings, Workspace, keys_of
from tests.conftest import NOW, SAMPLES
from tests.test_cli import (
    call,
    shared_readers,  # noqa: F401 - a fixture: it works by being here
)
from tests.test_docs import README, TWIN

SOURCES = [
    path for path in Path(kpicli.__file__).parent.rglob("*") if path.suffix in (".py", ".sh", ".ps1") and path.is_file()
]
MANUALS = pytest.mark.parametrize("manual", [README, TWIN], ids=["English", "Chinese"])
OCTOBER = ("--month", "2026-10")
PICTURES = {"report": ("report", *OCTOBER), "funnel": ("funnel", *OCTOBER)}
"""Picture → the command whose output it shows, on the sample data."""


# The pictures

WIDTH = 82
"""Columns of a picture: what the tables need."""
FONTS = (
    "'Sarasa Mono SC', 'Noto Sans Mono CJK SC', Menlo, Consolas, 'DejaVu Sans Mono', 'PingFang SC', 'Microsoft YaHei', \
'Noto Sans CJK SC', 'WenQuanYi Zen Hei', monospace"
)
"""What there is on the reader's machine; rich's own picture loads its font from elsewhere."""
FORMAT = (
    '<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">\n'
    "<style>\n"
    f".{{unique_id}}-matrix {{{{ font-family: {FONTS}; font-size: {{char_height}}px; white-space: pre; }}}}\n"
    f".{{unique_id}}-title {{{{ font-family: {FONTS}; font-size: 18px; font-weight: bold; }}}}\n"
    "{styles}\n"
    "</style>\n"
    "{chrome}\n"
    '<g transform="translate({terminal_x}, {terminal_y})" class="{unique_id}-matrix">\n'
    "{backgrounds}{matrix}</g>\n"
    "</svg>\n"
)
CELL = re.compile(
    r'<text class="(?P<style>[^"]+)" x="(?P<x>[^"]+)" y="(?P<y>[^"]+)" textLength="[^"]+" clip-path="[^"]+">'
    r"(?P<text>[^<]*)</text>"
)
PITCH = 12.2
"""How wide a column is in rich's pictures."""


def drawn(name: str, store: Path | str) -> str:
    """What a command says, as a picture that loads nothing and in which Chinese text stands in its columns."""
    words = PICTURES[name]
    ended = call(*words, "--store", store, COLUMNS="80", FORCE_COLOR="1", NO_COLOR="")
    assert ended.code == 0, ended.err
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, legacy_windows=False)
    console.print(Text.from_ansi(ended.out.rstrip("\n")), soft_wrap=True)
    svg = console.export_svg(title=shlex.join(["kpicli", *words]), unique_id=name, code_format=FORMAT)
    return CELL.sub(lambda cell: "".join(placed(**cell.groupdict())), svg)


def placed(style: str, x: str, y: str, text: str) -> Iterator[str]:
    """A cell in runs of characters of one width, each at its place in any font; rich takes all for narrow."""
    column = round(float(x) / PITCH)
    for kind, run in groupby(html.unescape(text).replace("\xa0", " "), kind_of):
        word = "".join(run)
        columns = cell_len(word)
        if kind == "wide":
            places = " ".join(f"{(column + at) * PITCH + 2:g}" for at in range(0, columns, 2))
            yield f'<text class="{style}" x="{places}" y="{y}">{word}</text>\n'
        elif word.strip():
            stretched = ' lengthAdjust="spacingAndGlyphs"' if kind == "drawn" else ""
            place = f'x="{column * PITCH:g}" y="{y}" textLength="{columns * PITCH:g}"{stretched}'
            yield f'<text class="{style}" {place}>{html.escape(word, quote=False)}</text>\n'
        column += columns


def kind_of(letter: str) -> str:
    return " " if letter == " " else "drawn" if "─" <= letter <= "▟" else "wide" if cell_len(letter) > 1 else "narrow"


def path_of(name: str) -> Path:
    return TWIN.parent / f"{name}.svg"


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_shows_what_the_command_says(name: str, sample: tuple[Workspace, Ingested]) -> None:
    there = path_of(name).read_text(encoding="utf-8")
    assert there == drawn(name, sample[0].store), "run python -m tests.test_readme"
    assert len(there.encode()) < 60_000
    assert re.findall(r"https?:[^\"\s<]+", there) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"url\(|@import|<script|href", there)
    etree.fromstring(there)  # well formed


# The commands


CODE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)


def blocks(manual: Path, language: str, section: str | None = None) -> list[str]:
    """The code blocks of a manual, or of one of its sections, in a language."""
    text = sections(manual)[section] if section else manual.read_text(encoding="utf-8")
    return [block for named, block in CODE.findall(text) if named == language]


def lines(block: str) -> list[str]:
    """A block line by line, without what is said beside it."""
    bare = (re.split(r"(?:^|\s+)# |\s{2,}", line.rstrip())[0] for line in block.splitlines())
    return [line for line in bare if line]


@cache
def shown(manual: Path) -> list[tuple[str, ...]]:
    """Every command line of a manual, in its blocks and in its text."""
    text = manual.read_text(encoding="utf-8")
    told = [part for block in blocks(manual, "sh") for line in lines(block) for part in line.split(" && ")]
    told += re.findall(r"`(kpicli [^`\n]+)`", text)
    words = (shlex.split(line) for line in told)
    return [tuple(rest) for first, *rest in words if Path(first).name == "kpicli"]


def commands() -> dict[tuple[str, ...], typer.core.TyperCommand]:
    """Every command by its words."""
    top = typer.main.get_command(cli.app)
    found = {(name,): command for name, command in top.commands.items()}  # type: ignore[attr-defined]
    for name, command in list(found.items()):
        found |= {(*name, inner): one for inner, one in getattr(command, "commands", {}).items()}
    return found


@MANUALS
def test_every_command_line_can_be_typed(manual: Path) -> None:
    assert len(shown(manual)) > 60
    known = commands()
    for words in shown(manual):
        name = words[:2] if words[:2] in known else words[:1]
        assert name in known, words
        if rest := list(words[len(name) :]):
            known[name].make_context(name[-1], rest)


@MANUALS
def test_every_command_is_named(manual: Path) -> None:
    text = manual.read_text(encoding="utf-8")
    assert [words for words in commands() if f"`kpicli {' '.join(words)}`" not in text] == []


def run(*words: str) -> tuple[int, str]:
    """A command line of the manual, as it stands there."""
    if words[0] == "kpicli":
        ended = call(*words[1:])
        return ended.code, ended.out + ended.err
    assert words[:2] == ("cp", "exports/*")
    shutil.copytree("exports", words[2], dirs_exist_ok=True)
    return 0, ""


def listed(manual: Path) -> Iterator[Path]:
    """What the manual says that a month's end leaves."""
    (listing,) = blocks(manual, "", sections_of(manual)[FOLLOWED[2]])
    for line in listing.splitlines():
        place, said = re.split(r"\s{2,}", line)
        yield Path(place)
        for name in re.findall(r"[\w.]+\.(?:json|xlsx|txt|md)", said):
            yield Path(place, f"*{name}")


def test_the_first_sections_and_the_months_end_can_be_followed(
    readers: ReaderPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kpicli.read.ReaderPool", lambda *_: nullcontext(readers))
    exports = Path("exports")
    exports.mkdir()
    for path in SAMPLES.glob("2026-10*"):
        shutil.copy(path, exports)
    month, workspace, end = (blocks(README, "sh", name) for name in FOLLOWED)
    codes = {}
    for line in [line for block in (*month, *workspace, *end) for line in lines(block)]:
        line = line.replace("shop/month-end.sh", "kpicli month-end -C shop")  # as its comment says
        codes[line], said = run(*shlex.split(line))
        assert codes[line] in (0, 1), said
    assert len(codes) == 9
    assert [line for line, code in codes.items() if code] == [
        "kpicli validate exports/ --store store",
        "kpicli ingest exports/ --store store",
        "kpicli month-end -C shop",
    ]
    assert run("kpicli", "month-end", "-C", "shop")[0] == 0  # nothing is new
    left = {*listed(README), *listed(TWIN)}
    assert len(left) == 12
    for path in left:
        assert any(path.parent.glob(path.name)), path


def test_the_funnel_and_the_templates_can_be_tried(sample: tuple[Workspace, Ingested]) -> None:
    Path("kpicli.toml").write_text(f"store = {str(sample[0].store)!r}\n", encoding="utf-8")
    shutil.copy(SAMPLES.parent / "templates" / "月度KPI报告.xlsx", "我的.xlsx")
    ended = {line: call(*shlex.split(line)[1:]) for name in TRIED for line in lines(blocks(README, "sh", name)[0])}
    assert len(ended) == 10
    assert [line for line, one in ended.items() if one.code] == ["kpicli funnel --check"]
    assert Path("跟进.xlsx").exists()
    assert len(list(Path("reports").glob("*.xlsx"))) == 2


# What there is, is told


def exit_codes() -> set[int]:
    """Those of errors, and those that the code writes as numbers."""
    kinds = [KpicliError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    text = "".join(path.read_text(encoding="utf-8") for path in SOURCES)
    written = {int(code) for code in re.findall(r"(?:\bExit\(|^    exit )(\d+)", text, re.M)}
    return {kind.exit_code for kind in kinds} | written | {0, 3, cli.BUG, 130}


@MANUALS
def test_every_exit_code_is_told(manual: Path) -> None:
    (told,) = re.findall(r"^(?:Exit codes: |退出码：)(.*?)\n\n", manual.read_text(encoding="utf-8"), re.M | re.S)
    assert {int(code) for code in re.findall(r"\d+", told)} == exit_codes()


OF_OTHERS = {"DISPLAY", "WAYLAND_DISPLAY", "TERM"}
"""Variables of the environment that desktops and terminals set themselves."""


@MANUALS
def test_every_variable_of_the_environment_is_told(manual: Path) -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in SOURCES)
    read = set(re.findall(r'environ\.get\("(\w+)"|envvar="(\w+)"|\$\{(KPICLI\w*):-', text))
    names = {"".join(one) for one in read} - OF_OTHERS
    assert len(names) >= 8
    assert [name for name in sorted(names) if f"`{name}`" not in manual.read_text(encoding="utf-8")] == []


@MANUALS
def test_every_setting_is_told(manual: Path) -> None:
    told = tomllib.loads(blocks(manual, "toml")[0])
    defaults = {key: list(value) if isinstance(value, tuple) else value for key, value in keys_of(Settings())}
    assert dict(keys_of(told)) == defaults


# Links and sections


def slug(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


@MANUALS
def test_every_link_leads_to_a_file(manual: Path) -> None:
    text = manual.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)]+)\)", text) + re.findall(r'(?:src|href)="([^"]+)"', text)
    assert {path_of(name).name for name in PICTURES} <= {Path(link).name for link in links}
    for link in links:
        path, _, anchor = link.partition("#")
        there = manual.parent / path if path else manual
        assert there.is_file(), link
        if anchor:
            assert anchor in map(slug, re.findall(r"^#+ (.+)", there.read_text(encoding="utf-8"), re.M)), link


@MANUALS
def test_every_file_of_the_project_that_is_named_is_there(manual: Path) -> None:
    text = manual.read_text(encoding="utf-8")
    for path in re.findall(r"`(tests/[\w./]*)`", text):
        assert (SAMPLES.parent / path).exists(), path
    for module in re.findall(r"python -m (tests[\w.]*)", text):
        assert (SAMPLES.parent / f"{module.replace('.', '/')}.py").exists(), module


@cache
def sections(manual: Path) -> dict[str, str]:
    """Title → text; what stands before the first title under an empty one."""
    parts = re.split(r"^## (.+)\n", manual.read_text(encoding="utf-8"), flags=re.M)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def sections_of(manual: Path) -> dict[str, str]:
    """English title → the title in a manual."""
    assert len(sections(README)) == len(sections(manual))
    return dict(zip(sections(README), sections(manual), strict=True))


FOLLOWED = ("A month in four commands", "A workspace", "The month's end")
TRIED = ("The funnel", "Excel templates")
SAID_ONCE = {"rivals"}
"""Tables that only one of them has; the other has a link to it."""


@pytest.mark.parametrize("title", sections(README))
def test_a_section_shows_the_same_in_both(title: str) -> None:
    """The same code, as many tables, lists of the same names and as many paragraphs; the words are people's."""
    english, chinese = sections(README)[title], sections(TWIN)[sections_of(TWIN)[title]]
    assert bones(english) == bones(chinese)


def bones(text: str) -> tuple[object, ...]:
    """What of a section does not depend on its language."""
    kept = re.findall(r"^<!-- (\w+): ", text, re.M)
    code = [(name, lines(block)) for name, block in CODE.findall(text)]
    hand = re.sub(r"^<!-- \w+: .*?<!-- end -->\n|^```.*?^```\n", "", text, flags=re.M | re.S)
    rows = [re.findall(r"`([^`]+)`", line.split("|")[1]) for line in hand.splitlines() if line.startswith("|")]
    return [name for name in kept if name not in SAID_ONCE], code, rows, len(re.findall(r"^\*\*", hand, re.M))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        workspace = kpicli.open_workspace(store=Path(folder) / "store")
        kpicli.ingest(workspace, [SAMPLES], now=NOW)
        for name in PICTURES:
            path_of(name).write_text(drawn(name, workspace.store), encoding="utf-8", newline="\n")
