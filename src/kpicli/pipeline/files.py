"""Find the files a call means: folders walked once, each file once, in an order of its own."""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from kpicli.errors import UsageError
from kpicli.issues import Issue

TABLE_SUFFIXES = (
    ".xlsx", ".xlsm", ".xls", ".xlsb", ".ods", ".fods", ".csv", ".tsv", ".txt",
    ".htm", ".html", ".mht", ".mhtml", ".xml", ".et",
)  # fmt: skip
"""What is taken from a folder; a file named outright is read whatever its name."""


def find_files(paths: Iterable[str | Path], without: Path | None = None) -> list[tuple[Path, Issue | None]]:
    """The files to read, sorted; those that will not be read stand there with the reason.

    The folder `without`, for marked copies, is passed over where it lies below another one; raises `UsageError` when it
    is itself to be read.
    """
    found: dict[Path, tuple[Path, Issue | None]] = {}
    apart = os.path.realpath(without) if without is not None else None
    for path in map(Path, paths):
        if apart == os.path.realpath(path):
            raise UsageError("fix_is_input", place=str(path))
        files = list(_tables(path, apart)) if path.is_dir() else [path]
        if not files:
            found[path] = (path, Issue("no_workbooks"))
        for file in files:
            lock = Issue("lock_file") if file.name.startswith("~$") else None
            # not Path.resolve, which raises where links form a loop
            found.setdefault(Path(os.path.realpath(file)), (file, lock))
    return sorted(found.values(), key=lambda entry: _natural(entry[0]))


def _tables(folder: Path, apart: str | None) -> Iterator[Path]:
    """Tables below a folder; hidden ones are passed over, links are followed to files but not to folders."""
    for here, folders, files in os.walk(folder):
        folders[:] = [
            name for name in folders if not name.startswith(".") and os.path.realpath(Path(here, name)) != apart
        ]
        for name in files:
            if name.lower().endswith(TABLE_SUFFIXES) and not name.startswith("."):
                yield Path(here, name)


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sort key that puts 9月 before 10月."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", str(path))]
