"""Every code says what happened, why and what to do, in both languages, and has an input that provokes it."""

import string
from collections import Counter
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from kpicli.issues import codes
from kpicli.messages import Language, Message, Words, catalogue
from kpicli.read import ReaderPool

from . import issues

CATALOGUES = ("issues", "errors")
ENTRIES = [pytest.param(entry, id=f"{name}-{code}") for name in CATALOGUES for code, entry in catalogue(name).items()]
SEVERITIES = ("error", "warning", "info")


def texts(entry: Message) -> Iterator[Words]:
    yield from (entry.text, entry.hint, entry.label, entry.why, entry.remedy)


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


# The inputs


def test_every_code_of_an_issue_has_its_folder_and_no_folder_is_left_over() -> None:
    assert issues.folders() == sorted(codes())


@pytest.mark.parametrize("code", codes())
def test_the_input_of_a_code_brings_out_exactly_its_words(code: str, tmp_path: Path, readers: ReaderPool) -> None:
    expected = (issues.HERE / code / issues.EXPECTED).read_text(encoding="utf-8")
    assert expected, "says nothing"
    assert issues.said(code, tmp_path, readers) == expected


# The words


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_code_says_what_why_and_what_to_do_in_both_languages(entry: Message) -> None:
    assert entry.severity in SEVERITIES
    for words, language in product((entry.text, entry.label, entry.why, entry.remedy), issues.LANGUAGES):
        assert words[language].strip(), language
    assert bool(entry.hint.zh) == bool(entry.hint.en)


@pytest.mark.parametrize("entry", ENTRIES)
def test_both_languages_of_a_code_hold_the_same_values(entry: Message) -> None:
    for words in texts(entry):
        assert placeholders(words.zh) == placeholders(words.en)
    for words, language in product((entry.label, entry.why, entry.remedy), issues.LANGUAGES):
        assert not placeholders(words[language]), "explain knows no values"


@pytest.mark.parametrize("entry", ENTRIES)
def test_each_language_stands_in_its_place(entry: Message) -> None:
    for words in (entry.label, entry.why, entry.remedy):
        assert any("\u4e00" <= letter <= "\u9fff" for letter in words.zh)
        assert not any(mark in words.en for mark in "，。；：（）")


@pytest.mark.parametrize("language", issues.LANGUAGES)
def test_no_two_codes_share_a_label(language: Language) -> None:
    labels = Counter(entry.label[language] for name in CATALOGUES for entry in catalogue(name).values())
    assert [label for label, count in labels.items() if count > 1] == []


def test_no_code_is_an_issue_and_an_error() -> None:
    assert not set(catalogue("issues")) & set(catalogue("errors"))  # explain knows both by one name
