"""One month's end at a time in a workspace."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from kpicli.errors import StoreError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_FILE = ".month-end.lock"


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a workspace for one run; it ends with the process, however that ends.

    Raises `StoreError` when another run holds it, or the file cannot be made.
    """
    try:
        with (folder / _FILE).open("a") as file:
            if not _taken(file):
                raise StoreError("month_end_running", place=str(folder))
            yield
    except PermissionError as error:
        raise StoreError("output_failed", out=str(folder / _FILE), why=error.strerror or "?") from error


def _taken(file: IO[str]) -> bool:
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    except OSError:
        return False
    return True
