"""Keep a few child processes that read files, and give workbooks back."""

import contextlib
import hashlib
import json
import os
import queue
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from kpicli.issues import Issue
from kpicli.read.sheets import Fault, Limits, Merge, RawSheet, Workbook

_PREFIX = "kpicli-"
"""What the name of a pool's folder begins with; the number of its process follows."""


class ReaderPool:
    """Child processes that read files side by side; they start when the pool is made, before they are needed.

    Use it as a context manager. `read` may be called from several threads at once.
    """

    def __init__(self, size: int, limits: Limits) -> None:
        self._limits = limits
        _clear_dead(Path(tempfile.gettempdir()))
        self._folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
        self._idle: queue.SimpleQueue[_Child] = queue.SimpleQueue()
        self._children = [_Child(self._folder / str(number)) for number in range(size)]
        for child in self._children:
            self._idle.put(child)

    def __enter__(self) -> "ReaderPool":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for child in self._children:
            child.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def read(self, path: Path, password: str | None = None) -> Workbook:
        """Read one file; a refusal comes back as a workbook without sheets and with an issue."""
        trouble = _trouble(path)
        if trouble:
            return Workbook(path, "", issues=(trouble,))
        with path.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        child = self._idle.get()
        try:
            reply = child.ask(path, self._limits, password)
            return _workbook(path, sha256, reply)
        finally:
            self._idle.put(child)


class _Child:
    """One reading process, started anew when it dies."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._folder.mkdir()
        self._process = self._start()

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "kpicli.read.worker"],  # -P: nothing is imported from the current folder
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
            start_new_session=True,  # an interrupt of the user reaches the parent alone, which then stops its children
        )

    def ask(self, path: Path, limits: Limits, password: str | None) -> dict[str, Any]:
        request = {
            "path": os.fspath(path.absolute()),
            "folder": os.fspath(self._folder),
            "limits": asdict(limits),
            "password": password,
        }
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            self._process.kill()

        timer = threading.Timer(limits.seconds, expire)
        timer.start()
        try:
            stdin, stdout = self._process.stdin, self._process.stdout
            assert stdin and stdout  # both were asked for as pipes
            stdin.write(json.dumps(request) + "\n")
            stdin.flush()
            line = stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            timer.cancel()
        if line:
            answer: dict[str, Any] = json.loads(line)
            return answer
        self.stop()
        self._process = self._start()
        if expired.is_set():
            return {"refused": "reader_timeout", "values": {"seconds": str(limits.seconds)}}
        return {"refused": "reader_died", "values": {}}

    def stop(self) -> None:
        self._process.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                with contextlib.suppress(BrokenPipeError):  # a request that it died before reading
                    stream.close()
        self._process.wait()


def _clear_dead(folder: Path) -> None:
    """Delete the folders of pools whose processes were killed: what they were reading lies in there."""
    if os.name != "posix":
        return  # asking for a process by its number would end it there
    for path in folder.glob(f"{_PREFIX}*-*"):
        number = path.name.removeprefix(_PREFIX).partition("-")[0]
        with contextlib.suppress(OSError):
            if number.isdecimal() and path.lstat().st_uid == os.getuid() and not _lives(int(number)):
                shutil.rmtree(path)


def _lives(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


def _trouble(path: Path) -> Issue | None:
    """What keeps a path from being read at all, before any byte of it is."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return Issue("file_missing")
    except OSError as error:
        return Issue("file_unreadable", values={"why": error.strerror or "?"})
    if not stat.S_ISREG(mode):
        return Issue("not_a_file")
    if not os.access(path, os.R_OK):
        return Issue("file_unreadable", values={"why": "Permission denied"})
    return None


def _workbook(path: Path, sha256: str, answer: Mapping[str, Any]) -> Workbook:
    if "refused" in answer:
        return Workbook(path, sha256, issues=(Issue(answer["refused"], values=answer["values"]),))
    sheets = tuple(_sheet(entry) for entry in answer["sheets"])
    saved = datetime.fromisoformat(answer["saved"]) if answer["saved"] else None
    issues = () if any(sheet.cells.height for sheet in sheets) else (Issue("no_cells"),)
    return Workbook(path, sha256, sheets, saved, answer["origin"], issues)


def _sheet(entry: Mapping[str, Any]) -> RawSheet:
    import polars as pl  # not before the children have been started: their imports overlap with this one

    cells = pl.DataFrame()
    if entry["arrow"]:
        arrow = Path(entry["arrow"])
        cells = pl.read_ipc(arrow)
        with contextlib.suppress(PermissionError):  # Windows, where it may be mapped a moment longer
            arrow.unlink()
    return RawSheet(
        name=entry["name"],
        cells=cells,
        hidden=entry["hidden"],
        date1904=entry["date1904"],
        faults=tuple(Fault(*fault) for fault in entry["faults"]),
        merges=tuple(Merge(*merge) for merge in entry["merges"]),
        hidden_rows=tuple(entry["hidden_rows"]),
    )
