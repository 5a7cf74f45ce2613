"""The store's health: what may be wrong with its files, and putting many small ones together."""

import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import polars as pl

from kpicli.catalogue import Form
from kpicli.errors import StoreError
from kpicli.issues import Issue
from kpicli.messages import Values
from kpicli.store.journal import held
from kpicli.store.place import Stored
from kpicli.store.store import MERGED, Store
from kpicli.store.tables import Table

_KEPT_HOURS = 1
"""So long a file stays that a merged one has taken the place of: somebody may be reading it."""
_UNSURE_HOURS = 24
"""So long nobody can tell a dead run from a slow one, where there are no turns."""
_MANY = 60
"""So many files of one form and month are worth merging."""


@dataclass(frozen=True)
class Health:
    """What a check looked at and found."""

    files: int
    rows: int
    """Versions of rows, tombstones included."""
    batches: int
    issues: tuple[Issue, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing has to be done."""
        return all(issue.severity == "info" for issue in self.issues)


def check(store: Store, forms: Iterable[Form]) -> Health:
    """Hold every file against its checksum, and every batch's rows against what was counted when it was stored."""
    sums = store.checksums()
    files, rows, issues = 0, 0, []
    for form in forms:
        try:
            table = Table.open(store.place, form.key)
        except StoreError as error:
            issues.append(Issue("table_unreadable", values={"form": form.words, "why": error.message()}))
            continue
        if table is None:
            if store.whole.covers(form.key).height:
                issues.append(Issue("table_unreadable", values={"form": form.words, "why": "_delta_log"}))
            continue
        undone = store.history.filter("undone").select("batch")
        live = store.files(form.key).join(undone, on="batch", how="anti")  # what was undone counts nowhere
        files += live.height
        bad = [issue for path in live["path"] if (issue := _damage(store, form, path, sums.get(path)))]
        issues += bad
        if not bad:
            counted, found = _counts(store, form, live)
            rows += counted
            issues += found
        issues += _upkeep(store, table, form)
    issues += _permissions(store)
    return Health(files, rows, store.history.height, tuple(issues))


def _damage(store: Store, form: Form, path: str, written: Stored | None) -> Issue | None:
    with store.reading():
        found = store.place.tell(path)
    if found is not None and (written is None or found == written):
        return None
    names = path.rpartition("/")[2].partition("_")[0]
    workbooks = store.history.filter(pl.col("batch") == names)["file"].to_list()
    month = path.split("month=")[-1].partition("/")[0]
    values: Values = {"form": form.words, "path": path, "month": month, "files": "、".join(workbooks) or month}
    return Issue("file_gone" if found is None else "file_damaged", values=values)


def _counts(store: Store, form: Form, files: pl.DataFrame) -> tuple[int, list[Issue]]:
    """How many versions a form has, and the batches whose rows are not as many as were stored."""
    there = store.versions(form, files).select("batch", "gone").collect()
    stored = there.filter(~pl.col("gone")).group_by("batch").len()
    covers = held(store.batches.select("batch", "file", "covers")).filter(pl.col("form") == form.key)
    said = covers.group_by("batch", "file").agg(pl.col("rows").sum())
    beside = said.join(stored, on="batch", how="left").with_columns(pl.col("len").fill_null(0).cast(pl.Int64))
    wrong = beside.filter(pl.col("len") != pl.col("rows")).sort("batch")
    issues = []
    for batch, file, rows, found in wrong.select("batch", "file", "rows", "len").iter_rows():
        values: Values = {"form": form.words, "file": file, "batch": batch, "rows": str(rows), "found": str(found)}
        issues.append(Issue("rows_lost", values=values))
    return there.height, issues


def _upkeep(store: Store, table: Table, form: Form) -> Iterator[Issue]:
    left = len(_unfinished(store, table)) + len(table.vacuum(_KEPT_HOURS, dry_run=True))
    if left:
        yield Issue("leavings", count=left, values={"form": form.words})
    crowded = store.files(form.key).group_by("month").len().filter(pl.col("len") > _MANY)
    if crowded.height:
        yield Issue("many_files", count=int(crowded["len"].sum()), values={"form": form.words})


def _permissions(store: Store) -> Iterator[Issue]:
    open_ = store.place.open_to_others()
    if open_:
        yield Issue("store_open", count=len(open_), values={"store": store.name})


def _unfinished(store: Store, table: Table) -> pl.DataFrame:
    """The files in a table's log of batches that never came to be."""
    finished = store.whole.history["batch"]
    named = table.files.with_columns(batch=pl.col("name").str.split("_").list.first())
    return named.filter(~pl.col("batch").str.starts_with(MERGED), ~pl.col("batch").is_in(finished.implode()))


@dataclass(frozen=True)
class Compacted:
    """What putting files together came to."""

    before: int
    """Files that were live."""
    after: int
    freed: int
    """Files deleted: leavings, and what earlier merges took the place of."""


def compact(store: Store, forms: Iterable[Form], now: datetime) -> Compacted:
    """Put the files of each form and month into one, and delete what nobody needs; what counts stays as it is.

    Files that a merge takes the place of stay for an hour, for who may be reading them.
    """
    forms = list(forms)
    return store.write(lambda: _compact(store, forms, now))


def _compact(store: Store, forms: Sequence[Form], now: datetime) -> Compacted:
    before, freed, merged = 0, 0, list[Stored]()
    for form in forms:
        table = Table.open(store.place, form.key)
        if table is None:
            continue
        before += table.files.height
        dead = _unfinished(store, table)
        if not store.alone:
            sure = now - timedelta(hours=_UNSURE_HOURS)
            dead = dead.filter(pl.col("batch").str.head(15) < f"{sure:%Y%m%dT%H%M%S}")
        if dead.height:
            table.commit([], dead, time=now)
        merged += _merge(store, table, form, now)
        freed += len(table.vacuum(_KEPT_HOURS if store.alone else _UNSURE_HOURS, dry_run=False))
        table.checkpoint()
    if merged:
        store.record({"event": "compact", "time": now, "files": list(map(asdict, merged))})
    store.merge_journal(now)
    return Compacted(before, sum(store.files(form.key).height for form in forms), freed)


def _merge(store: Store, table: Table, form: Form, now: datetime) -> Iterator[Stored]:
    """Merge the files of every month that has several: what one batch alone says apart from what several say."""
    listed = store.files(form.key)
    for month, files in listed.group_by("month", maintain_order=True):
        if files.height < 2 or _is_merged(files):
            continue
        try:
            rows = store.versions(form, files).sort("dealer", "key", "batch").collect()
        except (pl.exceptions.ComputeError, OSError):
            continue  # `check` says what is wrong with it
        again = pl.len().over("key") > 1  # two names may come to be one dealer's
        parts = (rows.filter(~again), rows.filter(again))
        token = f"{MERGED}-{secrets.token_hex(6)}"
        written = [
            store.place.write(f"{form.key}/month={month[0]}/{token}_{number}.parquet", part.drop("month"))
            for number, part in enumerate(parts)
            if part.height
        ]
        counts = [part.height for part in parts if part.height]
        table.commit(written, files, time=now, rows=counts)
        yield from written


def _is_merged(files: pl.DataFrame) -> bool:
    """Whether files are the two parts of one merge."""
    stems = files["path"].str.split("_").list.first()
    return bool(files["batch"].is_null().all()) and stems.n_unique() == 1
