"""Write results to the streams."""

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType


def write_json(document: Mapping[str, Any]) -> None:
    """Write one JSON document to stdout, in ASCII where the pipe is not UTF-8."""
    from kpicli.present import json

    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    sys.stdout.write(json.text(document, ascii_only=not utf8) + "\n")


def show(parts: Iterable["RenderableType"], stream: IO[str] | None = None) -> None:
    """Write tables and lines to stdout, or to another stream."""
    from kpicli.present import terminal

    out = stream or sys.stdout
    parts = list(parts)
    if parts:
        out.write(terminal.render(parts, width=_width(), colour=_colour(out)))
        out.flush()


@contextlib.contextmanager
def progress_line() -> Iterator[Callable[[str], None]]:
    """One line on a terminal's stderr that says what was done last, gone at the end; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda name: None
        return
    from kpicli.present.values import plain

    done = 0

    def tell(name: str) -> None:
        nonlocal done
        done += 1
        sys.stderr.write(f"\r\x1b[K{done} · {plain(name)}"[: _width()])
        sys.stderr.flush()

    try:
        yield tell
    finally:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


def _width() -> int:
    return max(40, shutil.get_terminal_size((100, 24)).columns)


def _colour(stream: IO[str]) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (stream.isatty() and os.environ.get("TERM") != "dumb")
