"""The help in both languages: every text has its English, and English comes where it is asked for."""

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from kpicli.cli import app
from kpicli.cli.translation import entries, texts, translated
from tests.test_cli import call
from tests.test_startup import environment

HAN = re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")
ASCII = re.compile(r"[A-Za-z0-9][\w./-]*", re.ASCII)

ENTRIES = entries()


@pytest.fixture(autouse=True)
def no_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KPICLI_LANG", raising=False)


def tree() -> Any:
    return typer.main.get_command(app)


def commands(command: Any, *words: str) -> Iterator[tuple[str, ...]]:
    yield words
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, *words, name)


COMMANDS = list(commands(tree()))


def shown(*words: str, **environment: str) -> str:
    """The help a call prints, in a window so wide that no text is broken."""
    ended = call(*words, **{"COLUMNS": "400", **environment})
    assert (ended.code, ended.err) == (0, "")
    return ended.out


# The texts


def test_every_text_has_its_english_and_every_entry_its_text() -> None:
    there = dict.fromkeys(text for _, text in texts(tree()) if HAN.search(text))
    known = [zh for zh, _ in ENTRIES]
    assert [text for text in there if text not in known] == [], "to be added to definitions/help.toml"
    assert [text for text in known if text not in there] == [], "no longer used in definitions/help.toml"


def test_no_text_stands_there_twice() -> None:
    assert [text for text, count in Counter(zh for zh, _ in ENTRIES).items() if count > 1] == []


@pytest.mark.parametrize(("zh", "en"), ENTRIES, ids=[en for _, en in ENTRIES])
def test_an_entry_says_the_same_in_english(zh: str, en: str) -> None:
    assert not HAN.search(en)
    assert en[0].isupper() or en.startswith(tuple(ASCII.findall(zh)[:1]))
    assert en.endswith(".") and zh.endswith("。")
    assert "[" not in en, "rich would take it for markup"
    words = [word.rstrip(".") for word in ASCII.findall(zh)]
    assert [word for word in words if word not in en] == [], "names, values and options are the same"


def test_what_is_translated_holds_no_chinese() -> None:
    before = list(texts(tree()))
    after = list(texts(translated(tree())))
    assert [(place, text) for place, text in after if HAN.search(text)] == []
    assert [place for place, _ in after] == [place for place, _ in before]
    assert list(texts(tree())) == before


def test_a_text_without_an_entry_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kpicli.cli.translation.entries", lambda: ENTRIES[1:])
    assert ENTRIES[0][0] in shown("--lang", "en", "--help")


# The help as it is asked for


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_help_of_a_command_in_both_languages(words: tuple[str, ...]) -> None:
    chinese, english = shown(*words, "--help"), shown(*words, "--lang", "en", "--help")
    assert HAN.search(chinese)
    assert not HAN.search(english)
    told = [(zh, en) for zh, en in ENTRIES if zh in chinese]
    assert [en for _, en in told if en not in english] == []
    assert told
    assert shown(*words, "--help") == chinese, "English leaves nothing behind"
    assert f"Usage: kpicli {' '.join(words)}".strip() + " [OPTIONS]" in chinese


@pytest.mark.parametrize(
    "line",
    [
        "report --lang en --help",
        "report --lang=en --help",
        "report --help --lang en",
        "report --month last --lang en --json --help",
        "--lang en report --help",
        "--lang=en report --help",
        "--lang zh report --lang en --help",
    ],
)
def test_english_is_asked_for_anywhere_in_the_words(line: str) -> None:
    assert shown(*line.split()) == shown("report", "--help", KPICLI_LANG="en")


@pytest.mark.parametrize("line", ["--lang en --help", "--lang=en --help", "--help --lang en"])
def test_the_help_of_all_in_english(line: str) -> None:
    out = shown(*line.split())
    assert "Turns a car showroom's spreadsheet exports into numbers everyone trusts." in out
    assert out == shown("--help", KPICLI_LANG="en")


def test_the_help_without_words_is_english_too() -> None:
    english = shown("--help", KPICLI_LANG="en")
    for ended in (call("--lang", "en", COLUMNS="400"), call(COLUMNS="400", KPICLI_LANG="en")):
        assert (ended.code, ended.out.strip()) == (2, english.strip())
    assert call(COLUMNS="400").out.strip() == shown("--help").strip() != english.strip()


@pytest.mark.parametrize("line", ["export --lang en --help", "store --lang en --help", "store check --help --lang=en"])
def test_english_help_needs_no_option_of_the_command(line: str) -> None:
    assert not HAN.search(shown(*line.split()))


def test_the_environment_asks_for_english() -> None:
    out = shown("funnel", "--help", KPICLI_LANG="en")
    assert "The funnel: traffic → retained → test drives → orders → sales" in out
    assert "[default: last]" in out
    assert not HAN.search(out)


@pytest.mark.parametrize("language", ["", "zh", "fr"])
def test_another_language_of_the_environment_is_none(language: str) -> None:
    assert shown("report", "--help", KPICLI_LANG=language) == shown("report", "--help")


@pytest.mark.parametrize("line", ["report --lang zh --help", "--lang zh report --help", "report --lang=zh --help"])
def test_the_words_go_before_the_environment(line: str) -> None:
    assert shown(*line.split(), KPICLI_LANG="en") == shown("report", "--help")


def test_chinese_help_does_not_load_the_translation() -> None:
    def loaded(*words: str) -> bytes:
        command = [sys.executable, "-X", "importtime", "-m", "kpicli", *words]
        return subprocess.run(command, capture_output=True, timeout=60, check=True, env=environment()).stderr

    assert b"kpicli.cli.translation" in loaded("--lang", "en", "--help")
    assert b"kpicli.cli.translation" not in loaded("--help")


# What is no help


@pytest.mark.parametrize("line", ["forms", "forms show visits", "explain bad_date", "kpis close_rate", "runs list"])
def test_a_language_before_the_command_is_that_of_its_option(line: str) -> None:
    if line.startswith("runs"):
        call("init", ".")
    words = line.split()
    ended = call("--lang", "en", *words)
    assert ended == call(*words, "--lang", "en") != call(*words)
    assert ended == call("--lang=en", *words) == call("--lang", "zh", *words, "--lang", "en")
    assert call("--lang", "en", *words, "--lang", "zh") == call(*words)


def test_the_environment_leaves_results_to_the_option_and_the_workspace() -> None:
    assert call("forms", KPICLI_LANG="en") == call("forms")


def test_the_environment_decides_the_language_of_errors() -> None:
    words = ("kpis", "nonsense")
    assert call(*words, KPICLI_LANG="en") == call(*words, "--lang", "en")
    assert call(*words, KPICLI_LANG="en").err.startswith("Error: ")
    assert call(*words, "--lang", "zh", KPICLI_LANG="en") == call(*words)
    assert call(*words).err.startswith("错误：")
    assert call(*words, "--json", KPICLI_LANG="en").document == call("--lang=en", *words, "--json").document


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("report --nonsense", "No such option"),
        ("nonsense", "No such command"),
        ("close", "Missing argument"),
        ("--lang report", "No such option"),
        ("--lang fr report", "No such option"),
        ("export visits --lang en", "No such option"),
        ("funnel --within 0", "Invalid value"),
    ],
)
def test_wrong_use_is_told_in_either_language(line: str, told: str) -> None:
    chinese = call(*line.split())
    assert (chinese.code, chinese.out) == (2, "")
    assert told in chinese.err
    assert call(*line.split(), KPICLI_LANG="en") == chinese
    assert call(*line.split(), "--json").document["error"]["code"] == "usage"


def test_everybody_may_still_lack_a_name() -> None:
    ended = call("--lang", "en", "funnel", "--consultant", "--store", "nowhere")
    assert ended == call("funnel", "--consultant", "--store", "nowhere", "--lang", "en")
    assert "expected" not in ended.err
