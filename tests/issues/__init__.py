"""The smallest input that provokes each issue, in a folder named by its code, and what is then said of it.

A folder holds its inputs as they are (``input.csv``), or a ``make.py`` that writes them: ``make(folder)`` gives the
paths to read. Such a script may also say

- ``LIMITS``: what reading a file may cost
- ``RUNS``: the names of the inputs of each run, one run after the other, where the last one says it
- ``OPTIONS``: what `kpicli.ingest` is told in the last run, such as a password
- ``REPORT``: the month whose report says it, once the inputs were read
- ``spoil(patch)``: what breaks inside kpicli
- ``between(workspace)``: what is done with the store before the last run
- ``damage(store)``: what happens to the store's folder after it, before `kpicli.check` says it

``python -m tests.issues`` writes every ``expected.txt`` anew, so that the difference can be reviewed.
"""

import re
import runpy
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import kpicli
from kpicli.issues import Issue
from kpicli.messages import Language
from kpicli.read import Limits, ReaderPool
from tests.conftest import NOW, TODAY

HERE = Path(__file__).parent
EXPECTED, SCRIPT = "expected.txt", "make.py"
LANGUAGES: tuple[Language, ...] = ("zh", "en")
_TOKEN = re.compile(r"(?<=\d{8}T\d{6}-[0-9a-f]{6}-)[0-9a-f]{6}")
"""What differs in the name of a batch from run to run."""


def folders() -> list[str]:
    """The codes that have a folder."""
    return sorted(path.name for path in HERE.iterdir() if path.is_dir() and not path.name.startswith("_"))


def said(code: str, folder: Path, readers: ReaderPool) -> str:
    """Run a case in an empty folder: all that is said of its code, and nothing of others."""
    script = HERE / code / SCRIPT
    made = runpy.run_path(str(script)) if script.is_file() else {}
    inbox = folder / "inbox"
    inbox.mkdir()
    inputs = made["make"](inbox) if "make" in made else _copied(HERE / code, inbox)
    runs = [[inbox / name for name in names] for names in made.get("RUNS", ())] or [inputs]
    with ExitStack() as stack:
        if "spoil" in made:
            made["spoil"](stack.enter_context(pytest.MonkeyPatch.context()))
        if "LIMITS" in made:
            readers = stack.enter_context(ReaderPool(1, Limits(**made["LIMITS"])))
        issues = _issues(folder / "store", runs, readers, made)
    text = "\n".join(_told(issue) for issue in issues if issue.code == code)
    return _TOKEN.sub("…", text.replace(f"{folder}/", ""))


def _copied(case: Path, inbox: Path) -> list[Path]:
    files = sorted(path for path in case.iterdir() if path.is_file() and path.name not in (EXPECTED, SCRIPT))
    return [Path(shutil.copyfile(path, inbox / path.name)) for path in files]


def _issues(
    store: Path, runs: Sequence[Sequence[Path]], readers: ReaderPool, made: Mapping[str, Any]
) -> Sequence[Issue]:
    workspace = kpicli.open_workspace(store=store)
    *before, last = runs
    for inputs in before:
        kpicli.ingest(workspace, inputs, now=NOW, readers=readers)
    if "between" in made:
        made["between"](workspace)
    dry_run = not (before or "REPORT" in made or "damage" in made)
    result = kpicli.ingest(workspace, last, dry_run=dry_run, now=NOW, readers=readers, **made.get("OPTIONS", {}))
    if "REPORT" in made:
        return kpicli.report(workspace, made["REPORT"], today=TODAY)[1]
    if "damage" in made:
        made["damage"](store)
        return kpicli.check(workspace).issues
    return [issue for file in result.files for issue in file.issues]


def _told(issue: Issue) -> str:
    """Severity, place and count on a line, then message and hint in each language."""
    places = {"sheet": issue.sheet, "row": issue.row, "cell": issue.cell, "column": issue.column}
    words = [issue.severity, *(f"{name} {place}" for name, place in places.items() if place), f"×{issue.count}"]
    lines = [" · ".join(words)]
    for language in LANGUAGES:
        lines.append(f"{language}: {issue.message(language)}")
        if hint := issue.hint(language):
            lines.append(f"    → {hint}")
    return "\n".join(lines) + "\n"
