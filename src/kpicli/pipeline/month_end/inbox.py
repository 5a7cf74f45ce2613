"""The inbox: what waits to be read, and where it goes once it has been.

::

    inbox/                 the exports, as they come; folders in it are read too
    inbox/done/2026-11-01/ what was read on that day
    inbox/problems/        what could not be read, with the reason beside; marked copies of what was read in part
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from kpicli.errors import StoreError
from kpicli.messages import Language, Words
from kpicli.pipeline.files import TABLE_SUFFIXES, find_files
from kpicli.pipeline.ingest import FileAccount

DONE, PROBLEMS = "done", "problems"
_WHY = Words("为什么没读", "why it was not read")
_MARKED = Words("标注", "marked")


@dataclass(frozen=True)
class Waiting:
    """What lies in an inbox."""

    files: tuple[Path, ...]
    """To be read, in their order."""
    others: tuple[Path, ...]
    """What is no table by its name, and is left where it is."""


def waiting(inbox: Path) -> Waiting:
    """Look into an inbox; an inbox that is not there is empty."""
    entries = sorted(inbox.iterdir()) if inbox.is_dir() else []
    seen = [entry for entry in entries if entry.name not in (DONE, PROBLEMS) and not entry.name.startswith(".")]
    tables = [entry for entry in seen if entry.is_dir() or entry.name.lower().endswith(TABLE_SUFFIXES)]
    files = tuple(file for file, issue in find_files(tables) if issue is None)
    return Waiting(files, tuple(entry for entry in seen if entry not in tables))


def copies_in(inbox: Path) -> frozenset[Path]:
    """The files that lie among the problems."""
    folder = inbox / PROBLEMS
    return frozenset(folder.iterdir()) if folder.is_dir() else frozenset()


def put_away(
    accounts: Sequence[FileAccount], inbox: Path, day: date, language: Language, there: Collection[Path]
) -> list[FileAccount]:
    """Move what was read out of an inbox: into ``done``, or into ``problems`` with the reason where it was refused.

    Copies with marked cells stay beside only where rows were set aside or something was not read; those that were
    `there` before are left alone, somebody may be at work on them. Gives the accounts with their copies where they are
    now. Raises `StoreError` when something cannot be moved.
    """
    return [_put_away(account, inbox, day, language, there) for account in accounts]


def _put_away(account: FileAccount, inbox: Path, day: date, language: Language, there: Collection[Path]) -> FileAccount:
    refused, marked = account.status == "refused", account.marked
    if not (account.status == "partly" or account.unread) and marked and marked not in there:
        _guarded(marked, marked.unlink)
        marked = None
    if account.status == "skipped" or not account.file.is_relative_to(inbox):
        return replace(account, marked=marked)
    if not refused:
        _move(account.file, inbox / DONE / day.isoformat() / account.file.relative_to(inbox))
        return replace(account, marked=marked)
    target = inbox / PROBLEMS / account.file.name
    if marked and marked not in there:
        marked = _move(marked, target.with_name(f"{marked.stem} {_MARKED[language]}{marked.suffix}"))
    moved = _move(account.file, target)
    lines = [f"{issue.message(language)}\n→ {issue.hint(language)}" for issue in account.issues]
    note = moved.with_name(f"{moved.name} {_WHY[language]}.md")
    _guarded(note, lambda: note.write_text(f"# {moved.name}\n\n" + "\n\n".join(lines) + "\n", encoding="utf-8"))
    return replace(account, marked=marked)


def _move(file: Path, target: Path) -> Path:
    """Move a file; where the name is taken, to the next free one."""
    number, free = 1, target
    while free.exists():
        number += 1
        free = target.with_name(f"{target.stem} ({number}){target.suffix}")

    def move() -> None:
        free.parent.mkdir(parents=True, exist_ok=True)
        file.rename(free)

    _guarded(free, move)
    return free


def _guarded(place: Path, step: Callable[[], object]) -> None:
    try:
        step()
    except OSError as error:
        raise StoreError("output_failed", out=str(place), why=error.strerror or "?") from error
