"""The command that learns: what unknown headers and values mean."""

import signal
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kpicli.cli.options import AsOf, Folder, FormName, Json, Lang, Password, Paths, language_of, workspace_of
from kpicli.cli.output import show, write_json
from kpicli.errors import UsageError

if TYPE_CHECKING:
    from kpicli.messages import Language
    from kpicli.pipeline.mapping import Question


def map_(
    paths: Paths,
    folder: Folder = None,
    answers: Annotated[
        Path | None, typer.Option("--answers", help="从文件（mapping.toml 的格式）取答案，不逐项询问。")
    ] = None,
    form: FormName = None,
    password: Password = None,
    as_of: AsOf = None,
    json_: Json = False,
    lang: Lang = None,
) -> None:
    """不认得的表头、取值和顾问别名：给出建议和依据，确认后记在工作区的 mapping.toml。"""
    workspace = workspace_of(folder, None)
    language = language_of(lang, workspace)
    if workspace.folder is None:
        raise UsageError("map_needs_workspace")
    from kpicli.pipeline.mapping import questions, remember
    from kpicli.present import json, terminal
    from kpicli.read import ReaderPool

    today = (as_of or datetime.now()).date()
    with ReaderPool(1, workspace.settings.limits) as readers:
        asked, refused = questions(workspace, paths, today=today, form=form, password=password, readers=readers)
    given: dict[str, Any] = {}
    if answers:
        given = _read(answers)
    elif not json_ and sys.stdin.isatty() and sys.stdout.isatty():
        given = _ask(asked, language)
    path = remember(workspace, given, note=f"{today}", source=str(answers or "")) if given else None
    if json_:
        write_json(json.questions(asked, path, refused, language))
        return
    left = [question for question in asked if not _answered(question, given)]
    if not given or answers:
        show(terminal.questions(left, language))
    for file, issue in refused:
        show([file.name, terminal.problem(issue, language)], sys.stderr)
    if path:
        show([f"→ {path}"])


def _answered(question: "Question", given: dict[str, Any]) -> bool:
    if question.kind == "consultant":
        return question.word in given.get("consultants", {})
    answers = given.get(f"{question.kind}s", {}).get(question.form.key, {})
    return question.word in (answers.get(question.column.key, {}) if question.column else answers)


def _read(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError("bad_answers", file=str(path), why=str(error)) from error


def _ask(asked: "Sequence[Question]", language: "Language") -> dict[str, Any]:
    """Go through the questions one by one; an end of input keeps what was answered."""
    from kpicli.present import terminal

    signal.signal(signal.SIGINT, signal.default_int_handler)  # polars takes it over, and a prompt would not end
    given: dict[str, Any] = {}
    for number, question in enumerate(asked, 1):
        show(terminal.question(question, f"{number}/{len(asked)}", language))
        try:
            target = _target(question, language)
        except EOFError:
            break
        if not target:
            continue
        if question.kind == "consultant":
            given.setdefault("consultants", {})[question.word] = target
        elif question.kind == "value" and question.column:
            values = given.setdefault("values", {}).setdefault(question.form.key, {})
            values.setdefault(question.column.key, {})[question.word] = target
        else:
            given.setdefault("headers", {}).setdefault(question.form.key, {})[question.word] = target
    return given


def _target(question: "Question", language: "Language") -> str:
    """The answer to one question, asked until it is one; empty to pass over it."""
    from kpicli.mapping import IGNORE, meanings
    from kpicli.present.words import word

    offered = {str(number): entry.target for number, entry in enumerate(question.suggestions, 1)}
    prompt = word(f"map_{question.kind}", language)
    while True:
        reply = input(f"{prompt}: ").strip()
        if question.kind == "header":
            known = {column.label: column.key for column in question.form.columns.values()}
            choices = known | {key: key for key in question.form.columns} | {"i": IGNORE}
        elif question.column and question.kind == "value":
            choices = {meaning: meaning for meaning in meanings(question.column)}
        else:
            choices = {} if reply.isdecimal() or reply == "i" else {reply: reply}  # a slip is no name
        target = ({"": ""} | choices | offered).get(reply)
        if target is not None:
            return target
        show([word("map_no_answer", language)])
