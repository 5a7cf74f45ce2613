"""Where a store lies: a folder of this machine, or whatever a URL names (an object store).

A folder is written so that what was said to be stored survives a power cut, and is closed to others; one writer at a
time has its turn. Behind a URL that is the object store's own business: whoever commits second is told, and compares
anew.
"""

import contextlib
import hashlib
import io
import os
import re
import stat
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from kpicli.errors import StoreError

try:
    import fcntl
except ImportError:  # Windows: no turns there; the commit that comes second is told, as behind a URL
    fcntl = None  # type: ignore[assignment]

_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_TURN = ".writing"
"""The file that a writer locks for its turn; it holds the name of the batch that is being written."""
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_OF_A_LOG = re.compile(r"\d{20}\..*(json|parquet|crc)|_last_checkpoint|_sidecars")
"""What belongs in a log; other things are what was left by commits that were cut short."""
_UMASK = threading.Lock()
"""Held while the process makes files for its owner only."""


@dataclass(frozen=True)
class Stored:
    """A file as it was written."""

    path: str
    """Relative to the store."""
    size: int
    sha256: str


class Turn:
    """The time in which a writer is alone, where the place can tell."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    @property
    def alone(self) -> bool:
        """Whether nobody else can be writing."""
        return self._descriptor is not None

    @property
    def unfinished(self) -> str:
        """The batch that a writer who died was writing."""
        return os.pread(self._descriptor, 200, 0).decode() if self._descriptor is not None else ""

    def begins(self, batch: str) -> None:
        """Note what is being written, before its first byte is."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, batch.encode(), 0)
            os.fsync(self._descriptor)

    def ends(self) -> None:
        """Note that nothing is left half written; a note that stays only makes the next turn look."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, 0)


class Place(Protocol):
    """What a store needs of the place it lies in. Paths are relative to the store, with ``/``."""

    name: str
    """As people know it."""

    def uri(self, path: str) -> str:
        """What polars and deltalake call a file or table."""

    def make(self) -> None:
        """See that the place is there."""

    def turn(self) -> contextlib.AbstractContextManager[Turn]:
        """Wait until no other writer has its turn, and have it; a turn ends with its process."""

    def write(self, path: str, rows: pl.DataFrame) -> Stored:
        """Write a parquet file."""

    def private(self) -> contextlib.AbstractContextManager[None]:
        """Let a library write files; one at a time."""

    def settle(self, table: str, versions: Iterable[int] | None) -> None:
        """Make durable and private some versions of a table's log, or all of it and the folders of its files."""

    def tell(self, path: str) -> Stored | None:
        """A file as it is now; None where it is gone."""

    def tables(self) -> list[str]:
        """The tables that are there, where that can be seen."""

    def clear(self, pattern: str) -> None:
        """Delete files that nobody can be using, when alone: ``table/…`` with ``*``."""

    @property
    def is_open(self) -> bool:
        """Whether others may get at it."""

    def open_to_others(self) -> list[str]:
        """Files and folders that others may read or change."""


def place_of(root: str | Path) -> Place:
    """The place that a path or a URL names; raise `StoreError` where no store can be."""
    if isinstance(root, str) and _URL.match(root):
        return Bucket(root.rstrip("/"))
    return Folder(Path(root))


class Folder:
    """A folder of this machine."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.name = str(root)
        # deltalake decodes the one, and polars takes the other for a column
        if re.search(r"%[0-9a-fA-F]{2}|=", str(root.absolute())):
            raise StoreError("store_path", store=self.name)
        if root.exists() and not root.is_dir():
            raise StoreError("not_a_store", store=self.name)

    def uri(self, path: str) -> str:
        """The path itself."""
        return str(self.root / path)

    def make(self) -> None:
        """Make the folder, for its owner only; one that is there stays as open as somebody made it."""
        if not self.root.is_dir():
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.root.chmod(0o700)
            _sync(self.root.parent)

    @contextlib.contextmanager
    def turn(self) -> Iterator[Turn]:
        """Hold the lock of the store's turn file; the system takes it from a process that dies."""
        if fcntl is None:
            yield Turn(None)
            return
        descriptor = os.open(self.root / _TURN, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            except OSError:  # a network folder without locks
                yield Turn(None)
            else:
                yield Turn(descriptor)
        finally:
            os.close(descriptor)

    def write(self, path: str, rows: pl.DataFrame) -> Stored:
        """Write a parquet file, closed to others from its first byte and on the disk when this returns."""
        target = self.root / path
        if not target.parent.is_dir():
            target.parent.mkdir(exist_ok=True, mode=0o700)
            _sync(target.parent.parent)
        content = _parquet(rows)
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        _sync(target.parent)
        return _stored(path, content)

    @contextlib.contextmanager
    def private(self) -> Iterator[None]:
        """What libraries write in here is closed to others from its first byte."""
        with _UMASK:
            before = os.umask(_OTHERS)
            try:
                yield
            finally:
                os.umask(before)

    def settle(self, table: str, versions: Iterable[int] | None) -> None:
        """Sync the entries, their checkpoint, and the folders concerned."""
        home = self.root / table
        log = home / "_delta_log"
        names = None if versions is None else {f"{version:020d}" for version in versions}
        for entry in log.iterdir():
            wanted = names is None or entry.name.partition(".")[0] in names or entry.name == "_last_checkpoint"
            if wanted and _OF_A_LOG.fullmatch(entry.name):
                entry.chmod(0o600)
                _sync(entry)
        for folder in (log, *(home.glob("month=*") if versions is None else ()), home):
            folder.chmod(0o700)
            _sync(folder)
        _sync(self.root)

    def tell(self, path: str) -> Stored | None:
        """Size and hash of a file's bytes."""
        try:
            return _stored(path, (self.root / path).read_bytes())
        except FileNotFoundError:
            return None

    def tables(self) -> list[str]:
        """The folders with a log."""
        return sorted(path.parent.name for path in self.root.glob("*/_delta_log"))

    def clear(self, pattern: str) -> None:
        """Delete the files, and what commits that were cut short left in the logs."""
        for path in self.root.glob(pattern):
            path.unlink(missing_ok=True)
        for path in self.root.glob("*/_delta_log/*"):
            if not _OF_A_LOG.fullmatch(path.name):
                path.unlink(missing_ok=True)

    @property
    def is_open(self) -> bool:
        """By the folder itself: nobody gets past a closed one."""
        return os.name == "posix" and self.root.is_dir() and bool(self.root.stat().st_mode & _OTHERS)

    def open_to_others(self) -> list[str]:
        """The folder, and what in it is open too."""
        if not self.is_open:
            return []
        inside = [path for path in self.root.rglob("*") if path.lstat().st_mode & _OTHERS]
        return [self.name, *map(str, sorted(inside))]


class Bucket:
    """An object store, with its settings from the environment as its own programs have them."""

    def __init__(self, root: str) -> None:
        self.name = root
        if re.search(r"[=?#]", root):
            raise StoreError("store_path", store=root)

    @cached_property
    def _files(self) -> Any:
        from deltalake._internal import DeltaFileSystemHandler  # its public face wants pyarrow, which is not needed

        return DeltaFileSystemHandler(self.name, None, None)

    def uri(self, path: str) -> str:
        """The URL below the store's."""
        return f"{self.name}/{path}"

    def make(self) -> None:
        """Object stores have no folders."""

    @contextlib.contextmanager
    def turn(self) -> Iterator[Turn]:
        """Nobody is ever known to be alone."""
        yield Turn(None)

    def write(self, path: str, rows: pl.DataFrame) -> Stored:
        """Upload a parquet file."""
        content = _parquet(rows)
        stream = self._files.open_output_stream(path)
        stream.write(content)
        stream.close()
        return _stored(path, content)

    def private(self) -> contextlib.AbstractContextManager[None]:
        """Whoever may read the bucket may."""
        return contextlib.nullcontext()

    def settle(self, table: str, versions: Iterable[int] | None) -> None:
        """What an object store has accepted is there."""

    def tell(self, path: str) -> Stored | None:
        """Size and hash of an object's bytes."""
        try:
            stream = self._files.open_input_file(path)
        except FileNotFoundError:
            return None
        return _stored(path, bytes(stream.read(stream.size())))

    def tables(self) -> list[str]:
        """Object stores are not listed."""
        return []

    def clear(self, pattern: str) -> None:
        """Never alone, never sure: `compact` does it after a day."""

    is_open = False  # its permissions are not seen from here

    def open_to_others(self) -> list[str]:
        """Nothing that could be told."""
        return []


def _parquet(rows: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    rows.write_parquet(buffer)
    return buffer.getvalue()


def _stored(path: str, content: bytes) -> Stored:
    return Stored(path, len(content), hashlib.sha256(content).hexdigest())


def _sync(path: Path) -> None:
    if os.name != "posix" and path.is_dir():
        return  # Windows has no such thing for folders
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
