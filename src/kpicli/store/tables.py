"""One Delta table of a store: which files it has, and adding and taking away files in one commit.

kpicli writes the parquet files itself and then commits them: so a file is on the disk before the log names it, and its
name says which batch it belongs to.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from urllib.parse import unquote

import polars as pl
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Schema
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction

from kpicli.errors import StoreError
from kpicli.store.place import Place, Stored

FORMAT = 2
"""Of the store as a whole; raised when kpicli of before could no longer read or write it."""

_DESCRIPTION = "kpicli store format "
_CHECKPOINT = 10
"""Commits between two checkpoints of a log: opening cost grows with what lies between."""
_LONG = 300
"""So many characters of what a library says are told."""
_BY_US = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)
"""Checkpoints come after the commit is durable."""


class OvertakenError(Exception):
    """Somebody else committed first: compare anew."""


class Table:
    """A table as it was when it was opened."""

    def __init__(self, place: Place, name: str, delta: DeltaTable) -> None:
        self.place = place
        self.name = name
        self._delta = delta
        self._summed = delta.version()

    @classmethod
    def open(cls, place: Place, name: str) -> "Table | None":
        """The table as it is now, or None; raise `StoreError` for one that cannot be read or is of another format."""
        try:
            delta = DeltaTable(place.uri(name))
        except TableNotFoundError:
            return None
        except (DeltaError, OSError) as error:
            raise StoreError("store_unreadable", store=place.uri(name), why=first_line(error)) from error
        version = (delta.metadata().description or "").removeprefix(_DESCRIPTION)
        if version != str(FORMAT):
            older = version.isdigit() and int(version) < FORMAT
            raise StoreError("older_store" if older else "newer_store", store=place.name, format=version)
        return cls(place, name, delta)

    @classmethod
    def make(cls, place: Place, name: str, schema: Mapping[str, pl.DataType], partition: Sequence[str] = ()) -> "Table":
        """The table, made first if it is not there, with every column of the schema."""
        table = cls.open(place, name)
        wanted = Schema.from_arrow(pl.Schema(schema))
        if table is None:
            table = cls._create(place, name, wanted, partition)
        known = {field.name for field in table._delta.schema().fields}
        new = [field for field in wanted.fields if field.name not in known]
        if new:
            table._committed(lambda: table._delta.alter.add_columns(new, post_commithook_properties=_BY_US))
        return table

    @classmethod
    def _create(cls, place: Place, name: str, schema: Schema, partition: Sequence[str]) -> "Table":
        """A new table; that of somebody else who made it in the same moment, which the library tells in two ways."""
        failure = None
        try:
            DeltaTable.create(
                place.uri(name),
                schema,
                mode="ignore",
                partition_by=list(partition),
                description=f"{_DESCRIPTION}{FORMAT}",
            )
        except CommitFailedError as error:
            failure = error
        table = cls.open(place, name)
        if table is None:
            raise failure or OvertakenError
        place.settle(name, [0])
        return table

    @property
    def files(self) -> pl.DataFrame:
        """The live files: ``path`` (relative to the store), ``name``, ``month`` (null without partitions), ``size``."""
        found = pl.DataFrame(self._delta.get_add_actions(flatten=True))
        month = "partition.month" if "partition.month" in found.columns else pl.lit(None, pl.String)
        paths = [unquote(path) for path in found["path"]]
        return found.select(
            pl.Series("path", [f"{self.name}/{path}" for path in paths], pl.String),
            pl.Series("name", [path.rpartition("/")[2] for path in paths], pl.String),
            pl.col(month).alias("month") if isinstance(month, str) else month.alias("month"),
            pl.col("size_bytes").cast(pl.Int64).alias("size"),
        ).sort("month", "path")

    def commit(
        self,
        added: Sequence[Stored],
        removed: pl.DataFrame | None = None,
        *,
        time: datetime,
        rows: Sequence[int] = (),
        first: bool = False,
    ) -> None:
        """Add files, and take away files (rows of `files`), in one atomic commit.

        With `first`, raise `OvertakenError` when anybody committed since the table was opened.
        """
        moment = int(time.timestamp() * 1000)
        counts = rows or [0] * len(added)
        actions: list[AddAction | RemoveAction] = [
            AddAction(path, file.size, _partition(path), moment, True, json.dumps({"numRecords": count}))
            for file, count in zip(added, counts, strict=True)
            for path in [file.path.removeprefix(f"{self.name}/")]
        ]
        for path, size in (
            (removed if removed is not None else pl.DataFrame({"path": [], "size": []}))
            .select("path", "size")
            .iter_rows()
        ):
            short = path.removeprefix(f"{self.name}/")
            actions.append(RemoveAction(short, True, moment, size, _partition(short)))
        self._committed(
            lambda: self._delta.create_write_transaction(
                actions,
                "append",
                self._delta.schema(),
                ["month"] if any(_partition(action.path) for action in actions) else [],
                commit_properties=CommitProperties(max_commit_retries=0) if first else None,
                post_commithook_properties=_BY_US,
            )
        )

    def checkpoint(self) -> None:
        """Sum up the log where much was committed since the table was opened; nothing is lost where this fails."""
        now = self._delta.version()
        if self._summed // _CHECKPOINT != now // _CHECKPOINT:
            with self.place.private():
                self._delta.create_checkpoint()
            self.place.settle(self.name, [now])
        self._summed = now

    def vacuum(self, hours: int, *, dry_run: bool) -> list[str]:
        """Delete the files that no state of the last hours has, or only name them."""
        found: list[str] = []

        def step() -> None:
            found.extend(
                self._delta.vacuum(
                    hours,
                    dry_run=dry_run,
                    enforce_retention_duration=False,
                    full=True,
                    post_commithook_properties=_BY_US,
                )
            )

        if dry_run:
            step()
        else:
            self._committed(step)
        return found

    def _committed(self, step: Callable[[], None]) -> None:
        before = self._delta.version()
        try:
            step()
        except DeltaError as error:
            if isinstance(error, CommitFailedError) or "changed since last commit" in str(error):
                raise OvertakenError from error
            raise
        self._delta.update_incremental()
        now = self._delta.version()
        self.place.settle(self.name, range(before + 1, now + 1))


def _partition(path: str) -> dict[str, str | None]:
    folder, _, value = path.rpartition("/")[0].partition("=")
    return {folder: value} if folder else {}


def first_line(error: BaseException) -> str:
    """What a library says went wrong, on one line; of a long one the beginning and the end, where the cause stands.

    Without colours, the numbers of requests, and the stack that is added where it was asked for.
    """
    said = re.split(r"\n\s*(?:stack backtrace:|0: )|<(?:BucketName|RequestId|HostId)>", str(error), maxsplit=1)[0]
    words = " ".join(re.sub(r"\x1b\[[0-9;]*m", "", said).split()) or type(error).__name__
    return words if len(words) <= _LONG else f"{words[: _LONG // 2]} … {words[-_LONG // 2 :]}"
