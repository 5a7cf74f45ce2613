"""Keep the rows: Delta tables, append-only batches, of several rows with one key the latest wins.

One table per form, partitioned by month, plus ``batches``. A batch's rows count from the moment its own row stands in
``batches``; that one commit is what makes a workbook appear whole or not at all. They stop counting when the batch is
undone, by one more row in ``undone``::

    store/
      batches/             one row per workbook read: file, hash, counts, the account of its sheets
      undone/              one row each time a batch is undone or redone
      visits/month=2026-10/…parquet    rows: dealer, the form's columns, key, batch, file, sheet, row, gone
      …

A row that moves to another month leaves a tombstone (``gone``) in the month it left. Months of a table that hold one
batch only (the usual case: one export per form and month) are read as they lie; the others are reduced to the latest
row of each key.
"""

import json
import os
import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import polars as pl
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError, TableNotFoundError

from kpicli.catalogue import Form
from kpicli.errors import StoreError
from kpicli.identify import CONTENT
from kpicli.normalise import DTYPES

FORMAT = 1
"""Raised when an older kpicli could no longer read the store."""

PROVENANCE = {
    "key": pl.String(),
    "batch": pl.String(),
    "file": pl.String(),
    "sheet": pl.String(),
    "row": pl.Int64(),
    "gone": pl.Boolean(),
}
_BATCHES = {
    "batch": pl.String(),
    "seq": pl.Int64(),
    "dealer": pl.String(),
    "file": pl.String(),
    "sha256": pl.String(),
    "saved": pl.Datetime("us", "UTC"),
    "time": pl.Datetime("us", "UTC"),
    "replaces": pl.List(pl.String()),
    "account": pl.String(),
}
_UNDONE = {
    "seq": pl.Int64(),
    "batch": pl.String(),
    "undone": pl.Boolean(),
    "time": pl.Datetime("us", "UTC"),
}
_CHECKPOINT = 10
"""Commits between two checkpoints of a table's log; opening cost grows with what lies between."""


def schema(form: Form) -> dict[str, pl.DataType]:
    """The columns of a form's table."""
    columns = {key: DTYPES[column.type] for key, column in form.columns.items()}
    return {"dealer": pl.String(), **PROVENANCE, **columns, "month": pl.String()}


@dataclass(frozen=True)
class Source:
    """Where a batch comes from."""

    dealer: str
    file: str
    sha256: str
    saved: datetime | None
    """When the workbook says it was saved; decides which of two versions of a row is the newer."""
    time: datetime
    """When it is read."""
    replaces: frozenset[str] = frozenset()
    """Hashes of the contents that it is a corrected copy of."""


@dataclass(frozen=True)
class Plan:
    """What storing the rows of one form would change."""

    form: Form
    rows: pl.DataFrame
    """Rows to append, tombstones included, in the table's columns without ``batch``."""
    stored: Mapping[int, int]
    """Table of the workbook → rows that are new or changed."""
    older: int
    """Rows left out because the store holds a newer version of them."""
    taken_back: int = 0
    """Stored rows that leave the store: corrected away, or no longer what the content says."""


class Store:
    """The tables of one folder. Opening reads nothing; a store that is not there yet is empty."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        if re.search(r"%[0-9a-fA-F]{2}", str(self.root.absolute())):  # deltalake decodes such a path to another one
            raise StoreError("store_path", store=str(self.root))
        if self.root.exists() and not self.root.is_dir():
            raise StoreError("not_a_store", store=str(self.root))

    # Reading

    @cached_property
    def history(self) -> pl.DataFrame:
        """Every batch ever committed, oldest first, with ``undone``."""
        table = self._table("batches")
        if table is None:
            return pl.DataFrame(schema={**_BATCHES, "undone": pl.Boolean()})
        version = (table.metadata().description or "").removeprefix("kpicli store format ")
        if not version.isdigit() or int(version) > FORMAT:
            raise StoreError("newer_store", store=str(self.root), format=version)
        files = self._live(table, "batches")["path"].to_list()
        found = pl.scan_parquet(files, schema=_BATCHES, missing_columns="insert").collect()
        latest = self._undone().unique("batch", keep="last", maintain_order=True).select("batch", "undone")
        whole = found.join(latest, on="batch", how="left").with_columns(pl.col("undone").fill_null(False))
        return whole.sort("seq", "batch")

    @cached_property
    def batches(self) -> pl.DataFrame:
        """The batches that count, oldest first."""
        return self.history.filter(~pl.col("undone")).drop("undone")

    def _undone(self) -> pl.DataFrame:
        """Each time a batch was undone or redone, oldest first."""
        table = self._table("undone")
        if table is None:
            return pl.DataFrame(schema=_UNDONE)
        return pl.scan_parquet(self._live(table, "undone")["path"].to_list()).collect().sort("seq")

    def rows(
        self, form: Form, *, since: str | None = None, until: str | None = None, dealer: str | None = None
    ) -> pl.LazyFrame:
        """The current rows of a form, of the months `since` to `until` (``2026-10``, both included)."""
        return self._latest(form, since, until, dealer).filter(~pl.col("gone"))

    def _latest(
        self, form: Form, since: str | None = None, until: str | None = None, dealer: str | None = None
    ) -> pl.LazyFrame:
        """The latest row of each key and month, tombstones included."""
        files = self._files(form.key, dealer)
        if since is not None:
            files = files.filter(pl.col("month") >= since)
        if until is not None:
            files = files.filter(pl.col("month") <= until)
        files = files.with_columns(mixed=pl.col("batch").n_unique().over("month", "dealer") > 1)
        plain = self._scan(form, files.filter(~pl.col("mixed")))
        several = files.filter("mixed")
        return plain if several.is_empty() else pl.concat([plain, self._scan(form, several, latest=True)])

    def months(self, form: Form, dealer: str | None = None) -> list[str]:
        """The months a form has rows in, in order."""
        return sorted(self._files(form.key, dealer)["month"].unique().to_list())

    def dealers(self) -> list[str]:
        """The dealers that have batches."""
        return sorted(self.batches["dealer"].unique().to_list())

    def _scan(self, form: Form, files: pl.DataFrame, *, latest: bool = False) -> pl.LazyFrame:
        wanted = schema(form)
        if files.is_empty():
            return pl.LazyFrame(schema=wanted)
        rows = pl.scan_parquet(
            files["path"].to_list(),
            schema=_unpartitioned(wanted),
            missing_columns="insert",
            hive_partitioning=True,
            hive_schema={"month": pl.String()},
        ).select(list(wanted))
        if latest:
            order = self.batches.lazy().select("batch", "seq")
            newest = rows.join(order, on="batch").sort("seq", "batch").unique(["dealer", "key", "month"], keep="last")
            rows = newest.select(list(wanted))
        return rows

    def _files(self, name: str, dealer: str | None) -> pl.DataFrame:
        """The live files of committed batches: ``path``, ``month``, ``batch``, ``dealer``. A file is one batch's."""
        if name not in self._known_files:
            self._known_files[name] = self._list_files(name)
        files = self._known_files[name]
        return files if dealer is None else files.filter(pl.col("dealer") == dealer)

    @cached_property
    def _known_files(self) -> dict[str, pl.DataFrame]:
        return {}

    def _list_files(self, name: str) -> pl.DataFrame:
        table = self._table(name)
        if table is None:
            return pl.DataFrame(schema=dict.fromkeys(("path", "month", "batch", "dealer"), pl.String))
        live = self._live(table, name).select("path", month="partition.month", batch="min.batch")
        return live.join(self.batches.select("batch", "dealer"), on="batch").sort("month", "path")

    def _live(self, table: DeltaTable, name: str) -> pl.DataFrame:
        """The log's live files, with local paths; the log has them percent-encoded."""
        actions = pl.DataFrame(table.get_add_actions(flatten=True))
        return actions.with_columns(path=pl.Series([str(self.root / name / unquote(path)) for path in actions["path"]]))

    def _table(self, name: str) -> DeltaTable | None:
        try:
            return DeltaTable(self.root / name)
        except TableNotFoundError:
            return None
        except (DeltaError, OSError) as error:
            raise StoreError("store_unreadable", store=str(self.root / name), why=_first_line(error)) from error

    # Writing

    def plan(self, form: Form, rows: pl.DataFrame, source: Source, corrected: Sequence[str] = ()) -> Plan:
        """Compare the rows of a workbook with what is stored: new, changed, unchanged, or older.

        Rows have their key, ``table``, ``sheet`` and ``row`` by `kpicli.identify`. What the same content gave before
        and does not give any more (its headers mean something since) leaves the store; so does what the workbook says
        it corrects: rows of the contents it replaces, and single keys. Of a content that was replaced so nothing new
        is taken any more.
        """
        incoming = rows.with_columns(dealer=pl.lit(source.dealer), file=pl.lit(source.file), gone=pl.lit(False))
        before = self._keys_of({source.sha256, *source.replaces}, form, source.dealer)
        listed = pl.Series("key", [*corrected, *before], pl.String).unique(maintain_order=True)
        left = listed.filter(~listed.is_in(rows["key"].implode()))
        known = self._known(form, pl.concat([rows["key"], left]), source.dealer)
        replaced = self._is_replaced(source)
        if known.is_empty() and not replaced:
            return Plan(form, incoming, _per_table(rows), 0)
        content = list(form.columns)
        newer = self._is_newer(source)
        taken_back = pl.lit(False) if source.replaces else pl.col("gone") & (pl.col("sha256") != source.sha256)
        held = known.select(
            "key",
            was="month",
            was_gone="gone",
            old=pl.struct(content),
            newer=newer,
            # a row known by its content alone that was corrected away comes back with every export not corrected
            taken_back=taken_back & pl.col("key").str.starts_with(CONTENT),
        )
        beside = incoming.join(held, on="key", how="left", maintain_order="left")
        same = (pl.struct(content) == pl.col("old")).fill_null(False) & ~pl.col("was_gone").fill_null(True)
        older = pl.col("was").is_not_null() & ~same & (pl.col("newer") | pl.col("taken_back"))
        judged = beside.with_columns(same=same, older=~same if replaced else older)
        changed = judged.filter(~pl.col("same") & ~pl.col("older"))
        moved = changed.filter(~pl.col("was_gone") & (pl.col("was") != pl.col("month"))).with_columns(month="was")
        away = known.filter(~newer & ~pl.col("gone")).join(left.to_frame(), on="key", how="semi")
        away = away.with_columns(file=pl.lit(source.file), table=pl.lit(None, pl.Int32))
        types = incoming.schema
        tombstones = [
            gone.with_columns(pl.lit(None).alias(name) for name in content)
            .with_columns(gone=pl.lit(True))
            .select(incoming.columns)
            .cast(types)
            for gone in (moved, away)
        ]
        appended = pl.concat([changed.select(incoming.columns), *tombstones])
        return Plan(form, appended, _per_table(changed), int(judged["older"].sum()), away.height)

    def _is_replaced(self, source: Source) -> bool:
        """Whether a corrected copy of this content was read."""
        of_dealer = self.batches.filter(pl.col("dealer") == source.dealer)
        return bool(of_dealer["replaces"].list.contains(source.sha256).any())

    def _keys_of(self, hashes: Collection[str], form: Form, dealer: str) -> list[str]:
        """The keys of the rows that stand in the store as these contents gave them."""
        batches = self.batches.filter(pl.col("sha256").is_in(list(hashes)), pl.col("dealer") == dealer)["batch"]
        if batches.is_empty():
            return []
        rows = self.rows(form, dealer=dealer).filter(pl.col("batch").is_in(batches.to_list()))
        return rows.select("key").collect()["key"].to_list()

    def _known(self, form: Form, keys: pl.Series, dealer: str) -> pl.DataFrame:
        """What is known of these keys, whatever the month, with ``saved`` and ``seq`` of the batch.

        A key's row, or the tombstone of one that was corrected away.
        """
        low, high = keys.min(), keys.max()
        near = self._latest(form, dealer=dealer).filter(pl.col("key").is_between(pl.lit(low), pl.lit(high)))
        since = self.batches.lazy().select("batch", "seq", "saved", "sha256")
        found = near.join(keys.unique().to_frame("key").lazy(), on="key", how="semi").join(since, on="batch").collect()
        if not found["gone"].any():
            return found
        return found.sort("gone", "seq", descending=[False, True]).unique("key", keep="first", maintain_order=True)

    def _is_newer(self, source: Source) -> pl.Expr:
        """Whether a stored row, by ``saved`` and ``seq`` of its batch, is newer than the rows of a source.

        Of two workbooks that say when they were saved, the one saved later. Where one does not say, or both say the
        same, the one read later; content that was read before keeps its place, so that reading an inbox again does not
        undo a correction read since.
        """
        before = self.batches.filter(pl.col("sha256") == source.sha256, pl.col("dealer") == source.dealer)
        saved, own = pl.col("saved"), pl.lit(source.saved, pl.Datetime("us", "UTC"))
        seq = before["seq"].max()
        read_since = pl.lit(False) if seq is None else pl.col("seq") > seq
        return (saved > own).fill_null(False) | (read_since & (saved == own).fill_null(True))

    def commit(self, source: Source, plans: Sequence[Plan], account: Sequence[Mapping[str, Any]]) -> str:
        """Append one batch; it counts from the last step, which is one atomic commit. Give the batch's name."""
        seq = (self.history["seq"].max() or 0) + 1  # type: ignore[operator]
        # two runs beside each other may read one file in one second: the name must still be one batch's alone, and
        # short enough to stand whole in the log's statistics, by which a file's batch is known
        name = f"{source.time:%Y%m%dT%H%M%S}-{source.sha256[:6]}-{secrets.token_hex(3)}"
        try:
            self._make_private()
            for plan in plans:
                if plan.rows.height:
                    self._append(plan.form.key, _shaped(plan, name), ["month"])
            entry = {
                "batch": name,
                "seq": seq,
                "dealer": source.dealer,
                "file": source.file,
                "sha256": source.sha256,
                "saved": source.saved,
                "time": source.time,
                "replaces": sorted(source.replaces),
                "account": json.dumps(list(account), ensure_ascii=False),
            }
            self._append("batches", pl.DataFrame([entry], schema=_BATCHES), [])
        except (DeltaError, OSError) as error:
            raise StoreError("store_unwritable", store=str(self.root), why=_first_line(error)) from error
        self.forget()
        return name

    def undo(self, batch: str, time: datetime, *, undone: bool = True) -> None:
        """Let the rows of a batch count no more, or again; one atomic commit. Nothing is deleted."""
        seq = (self._undone()["seq"].max() or 0) + 1  # type: ignore[operator]
        entry = {"seq": seq, "batch": batch, "undone": undone, "time": time}
        try:
            self._append("undone", pl.DataFrame([entry], schema=_UNDONE), [])
        except (DeltaError, OSError) as error:
            raise StoreError("store_unwritable", store=str(self.root), why=_first_line(error)) from error
        self.forget()

    def forget(self) -> None:
        """Drop what was read of the store's state, so that the next question sees it anew."""
        for name in ("history", "batches", "_known_files"):
            self.__dict__.pop(name, None)

    def _make_private(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.root.chmod(0o700)

    def _append(self, name: str, rows: pl.DataFrame, partition: list[str]) -> None:
        folder = self.root / name
        table = self._table(name)
        write_deltalake(
            table or folder,
            rows,
            mode="append",
            partition_by=partition or None,
            schema_mode="merge" if table is not None else None,
            description=f"kpicli store format {FORMAT}",
        )
        self._settle(folder)

    def _settle(self, folder: Path) -> None:
        """Make the last commit durable and private; checkpoint the log now and then."""
        table = DeltaTable(folder)
        version = table.version()
        log = folder / "_delta_log" / f"{version:020d}.json"
        added = [json.loads(line).get("add") for line in log.read_bytes().splitlines()]
        files = [folder / unquote(entry["path"]) for entry in added if entry]
        for path in (*files, log):
            path.chmod(0o600)
            _sync(path)
        for directory in {path.parent for path in (*files, log)} | {folder}:
            directory.chmod(0o700)
            _sync(directory)
        if version and version % _CHECKPOINT == 0:
            table.create_checkpoint()


def _shaped(plan: Plan, batch: str) -> pl.DataFrame:
    columns = schema(plan.form)
    return plan.rows.with_columns(batch=pl.lit(batch)).select(list(columns)).cast(dict(columns))  # type: ignore[arg-type]


def _per_table(rows: pl.DataFrame) -> dict[int, int]:
    return dict(rows.group_by("table").len().iter_rows())


def _unpartitioned(columns: Mapping[str, pl.DataType]) -> dict[str, pl.DataType]:
    return {name: dtype for name, dtype in columns.items() if name != "month"}


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
