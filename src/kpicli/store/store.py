"""The store: rows as they count, at this moment or an earlier one, and batches in and out."""

import contextlib
import json
import random
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import polars as pl
from deltalake.exceptions import DeltaError

from kpicli.catalogue import Form
from kpicli.errors import StoreError
from kpicli.identify import CONTENT
from kpicli.normalise import DTYPES
from kpicli.store.current import day, standing
from kpicli.store.journal import LEAN, SCHEMA, UNNAMED, Known, State, frame, held
from kpicli.store.place import Place, Stored, Turn, place_of
from kpicli.store.plan import NOWHERE, Plan, Source, earlier_reading, entry, expected, plan
from kpicli.store.tables import OvertakenError, Table, first_line

PROVENANCE = {
    "key": pl.String(),
    "batch": pl.String(),
    "file": pl.String(),
    "sheet": pl.String(),
    "row": pl.Int64(),
    "gone": pl.Boolean(),
}
JOURNAL = "batches"
_FILES = {"path": pl.String, "month": pl.String, "size": pl.Int64, "batch": pl.String, "dealer": pl.String}
MERGED = "merged"
"""What the name of a file begins with that holds several batches."""
_ATTEMPTS = 40
"""So often others may commit first."""
_JOURNAL_FILES = 40
"""So many files of the journal are merged into one."""

_AS_WRITTEN = State(pl.DataFrame(schema=LEAN))
"""Gives dealers no other names."""
Result = TypeVar("Result")


def schema(form: Form) -> dict[str, pl.DataType]:
    """The columns of a form's table."""
    columns = {key: DTYPES[column.type] for key, column in form.columns.items()}
    return {"dealer": pl.String(), **PROVENANCE, **columns, "month": pl.String()}


class _Seen:
    """What was read of a place: its journal, and which files each table has."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._files: dict[str, pl.DataFrame] = {}

    @cached_property
    def journal(self) -> Table | None:
        return Table.open(self.place, JOURNAL)

    def read(self, columns: Mapping[str, pl.DataType]) -> pl.DataFrame:
        """Some columns of all events, oldest first."""
        files = [] if self.journal is None else self.journal.files["path"].to_list()
        if not files:
            return pl.DataFrame(schema=columns)
        with _reading(self.place):
            events = pl.scan_parquet(
                [self.place.uri(path) for path in files], glob=False, schema=SCHEMA, missing_columns="insert"
            )
            found = events.select(list(columns)).collect()
        return found.sort("seq", "time")

    @cached_property
    def state(self) -> State:
        """What counts by all events."""
        return State(self.read(LEAN))

    def files(self, form: str) -> pl.DataFrame:
        """The files of finished batches."""
        if form not in self._files:
            table = None if self.journal is None else Table.open(self.place, form)
            if table is None and self.state.covers(form).height:
                raise StoreError("store_unreadable", store=self.place.uri(form), why="_delta_log")
            self._files[form] = pl.DataFrame(schema=_FILES) if table is None else self._finished(table)
        return self._files[form]

    def _finished(self, table: Table) -> pl.DataFrame:
        merged = pl.col("batch").str.starts_with(MERGED)
        dealers = pl.col("covers").list.eval(pl.element().struct.field("dealer")).list.unique()
        only = pl.when(dealers.list.len() == 1).then(dealers.list.first())
        finished = self.state.as_read.lazy().select("batch", dealer=only, finished=pl.lit(True))
        named = table.files.lazy().with_columns(batch=pl.col("name").str.split("_").list.first())
        held = named.join(finished, on="batch", how="left").filter(pl.col("finished").fill_null(False) | merged)
        batch = pl.when(~merged).then("batch")
        return held.with_columns(batch=batch).select(list(_FILES)).sort("month", "path").collect()


class Store:
    """The tables of one place. Opening reads nothing; a store that is not there yet is empty.

    With `known` it shows what was known at an earlier moment; such a store is for reading.
    """

    def __init__(self, root: str | Path | Place, known: Known | None = None, seen: _Seen | None = None) -> None:
        self.place: Place = place_of(root) if isinstance(root, str | Path) else root
        self.known = known
        self._seen = seen or _Seen(self.place)
        self._turn = Turn(None)

    @property
    def name(self) -> str:
        """Where it lies, as people know it."""
        return self.place.name

    def at(self, known: Known) -> "Store":
        """The same store as it was known at a moment."""
        return Store(self.place, known, self._seen)

    # Reading

    @cached_property
    def state(self) -> State:
        """Which batches count."""
        whole = self._seen.state
        if self.known is None:
            return whole
        earlier = State(self.known.of(whole.events))
        return earlier if earlier.named else replace(earlier, names=whole.alias)  # nobody had a name yet

    @property
    def whole(self) -> State:
        """Which batches count now, whatever moment is looked back to."""
        return self._seen.state

    @property
    def batches(self) -> pl.DataFrame:
        """The batches that are not undone, oldest first."""
        return self.state.batches

    @property
    def history(self) -> pl.DataFrame:
        """Every batch ever read, oldest first, with ``undone``."""
        return self.state.history

    def accounts(self, batches: pl.Series) -> dict[str, list[dict[str, Any]]]:
        """Batch → what became of the rows of its sheets."""
        told = self._seen.read({name: SCHEMA[name] for name in ("seq", "time", "batch", "account")})
        wanted = told.filter(pl.col("batch").is_in(batches.implode())).select("batch", "account").drop_nulls()
        return {batch: json.loads(text) for batch, text in wanted.iter_rows()}

    def checksums(self) -> dict[str, Stored]:
        """Every file that was written, as it was written, by its path."""
        told = self._seen.read({name: SCHEMA[name] for name in ("seq", "time", "files")})
        files = told.select(pl.col("files").explode(empty_as_null=False, keep_nulls=False)).unnest("files")
        return {path: Stored(path, size, sha256) for path, size, sha256 in files.iter_rows()}

    def rows(
        self, form: Form, *, since: str | None = None, until: str | None = None, dealer: str | None = None
    ) -> pl.LazyFrame:
        """The rows of a form that count, of the months `since` to `until` (``2026-10``, both included)."""
        files = self.files(form.key).lazy().filter(pl.col("month") != NOWHERE)
        if self.state.alias:
            files = files.with_columns(pl.col("dealer").replace(self.state.alias))
        if since is not None:
            files = files.filter(pl.col("month") >= since)
        if until is not None:
            files = files.filter(pl.col("month") <= until)
        if dealer is not None:
            files = files.filter((pl.col("dealer") == dealer).fill_null(True))
        counting = self.state.of(form.key)
        files = files.filter(pl.col("batch").is_in(counting["batch"].implode()).fill_null(True))
        sorted_ = files.with_columns(crowded=self._crowded(form)).collect()
        alone, several = (sorted_.filter("crowded" if crowded else ~pl.col("crowded")) for crowded in (False, True))
        rows = self._scan(form, alone).filter(~pl.col("gone"))
        if alone["batch"].null_count():
            rows = rows.join(counting.lazy(), on="batch", how="semi")
        if several.height:
            versions = self._scan(form, several)
            if dealer is not None:
                versions = versions.filter(pl.col("dealer") == dealer)
            rows = pl.concat([rows, standing(versions, form, self.state).select(list(schema(form)))])
        return rows if dealer is None else rows.filter(pl.col("dealer") == dealer)

    def _crowded(self, form: Form) -> pl.Expr:
        """Whether the rows of a file may not be all that is to be said of them."""
        truths = self.state.covers(form.key).filter("truth")
        spans = {(since[:7], until[:7]) for since, until in truths.select("since", "until").iter_rows()}
        hidden = [pl.col("month").is_between(pl.lit(since), pl.lit(until)) for since, until in spans]
        beside = pl.len().over("month", "dealer") > 1
        mixed = pl.col("dealer").is_null().any().over("month") & (pl.len().over("month") > 1)
        # of the two files of one merge, the first holds the rows of which there is one version
        one_merge = pl.col("path").str.head(-len("_0.parquet")).n_unique().over("month") == 1
        settled = pl.col("batch").is_null() & pl.col("path").str.ends_with("_0.parquet") & one_merge
        contested = pl.col("batch").is_null() & ~settled
        return pl.any_horizontal(beside & ~settled, mixed & ~settled, contested, *hidden)

    def months(self, form: Form, dealer: str | None = None) -> list[str]:
        """The months a form has rows in, in order."""
        covers = self.state.covers(form.key)
        if dealer is not None:
            covers = covers.filter(pl.col("dealer") == dealer)
        return sorted(covers["months"].explode(empty_as_null=False, keep_nulls=False).unique().to_list())

    def dealers(self) -> list[str]:
        """The dealers that have rows."""
        return self.state.dealers

    def versions(self, form: Form, files: pl.DataFrame | None = None) -> pl.LazyFrame:
        """Every version of every row that finished batches hold, in all files or some; not all of them count."""
        finished = self.whole.history.lazy().select("batch")
        every = self._scan(form, self.files(form.key) if files is None else files, _AS_WRITTEN)
        return every.join(finished, on="batch", how="semi")

    def _scan(self, form: Form, files: pl.DataFrame, state: State | None = None) -> pl.LazyFrame:
        """All rows of some files, with the dealers' names of a state."""
        wanted = schema(form)
        alias = (state or self.state).alias
        if files.is_empty():
            return pl.LazyFrame(schema=wanted)
        return pl.scan_parquet(
            [self.place.uri(path) for path in files["path"]],
            glob=False,
            schema={name: dtype for name, dtype in wanted.items() if name != "month"},
            missing_columns="insert",
            hive_partitioning=True,
            hive_schema={"month": pl.String()},
        ).select(pl.col("dealer").replace(alias) if alias else "dealer", *(name for name in wanted if name != "dealer"))

    def files(self, form: str) -> pl.DataFrame:
        """The files of finished batches: ``path``, ``month``, ``size``, ``batch``, ``dealer`` as it was written.

        Batch and dealer are null where a file holds several.
        """
        return self._seen.files(form)

    def reading(self) -> contextlib.AbstractContextManager[None]:
        """What goes wrong with the store's files while they are read is told as such."""
        return _reading(self.place)

    # Writing

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Have the turn to write; what a run that died left is cleared first, where nobody else can be writing."""
        try:
            self.place.make()
            with self.place.turn() as turn:
                self.forget()
                if turn.unfinished:
                    self._clear(turn.unfinished)
                    turn.ends()
                self._turn = turn
                yield
        except (DeltaError, OSError) as error:
            raise StoreError("store_unwritable", store=self.name, why=first_line(error)) from error
        finally:
            self._turn = Turn(None)

    def write(self, step: Callable[[], Result]) -> Result:
        """Take a step in a turn of its own, and again where somebody else committed in between."""
        for attempt in range(_ATTEMPTS):
            with self.turn(), contextlib.suppress(OvertakenError):
                return step()
            time.sleep(random.uniform(0, 0.05 * (attempt + 1)))
        raise StoreError("store_busy", store=self.name)

    @property
    def alone(self) -> bool:
        """Whether this is a turn in which nobody else can be writing."""
        return self._turn.alone

    def _clear(self, batch: str) -> None:
        """Take back what a run that died wrote of a batch, and make durable what it committed."""
        if batch not in self.whole.history["batch"]:
            for name in self.place.tables():
                table = Table.open(self.place, name)
                dead = table.files.filter(pl.col("name").str.starts_with(batch)) if table else pl.DataFrame()
                if table and dead.height:
                    table.commit([], dead, time=_started(batch))
            self.place.clear(f"*/month=*/{batch}*.parquet")
        self.place.clear(f"{JOURNAL}/{self.whole.next:08d}-*.parquet")
        merged = f"{MERGED}-{self.whole.next - 1:08d}-"
        journal = self._seen.journal
        if journal is None or not journal.files["name"].str.starts_with(merged).any():
            self.place.clear(f"{JOURNAL}/{merged}*.parquet")
        for name in self.place.tables():
            self.place.settle(name, None)
        self.forget()

    def plan(
        self, form: Form, rows: pl.DataFrame, source: Source, corrected: Sequence[str] = (), *, complete: bool = False
    ) -> Plan:
        """Compare the rows of a workbook with what is stored: new, changed, unchanged, removed, or older.

        Rows have their ``dealer``, key, ``month``, ``table``, ``sheet`` and ``row``. Rows of what it stands in for
        leave the store: the same content's earlier reading, what it is a `complete` corrected copy of, single
        `corrected` keys, and for a whole truth all others of its dealers and days.
        """
        after = expected(form, rows, source, self.state, complete=complete)
        versions = self._versions(form, rows, source, after, corrected)
        return plan(form, rows, source, self.state, after, versions, corrected, complete=complete)

    def forms_of(self, source: Source) -> set[str]:
        """The forms that an earlier reading of the same content gave rows of."""
        earlier = earlier_reading(source, self.state)
        return {cover["form"] for cover in earlier["covers"]} if earlier else set()

    def _versions(
        self, form: Form, rows: pl.DataFrame, source: Source, after: State, corrected: Sequence[str]
    ) -> pl.DataFrame:
        """All versions of every row that storing these could change, their dealers as they were written."""
        same = pl.col("sha256").is_in({source.sha256, *source.replaces})
        copied = pl.col("replaces").list.contains(source.sha256)  # its copies come right after it, wherever they were
        shift = (same | copied) & (pl.col("dealer") == source.dealer)
        shifted = self.state.as_read.filter(shift, ~pl.col("undone")).select("batch", "truth", "covers")
        before = held(shifted).filter(pl.col("form") == form.key)
        dealers = {*rows["dealer"]} or {source.dealer}
        concerned = {*dealers, *before["dealer"], UNNAMED}
        files = self.files(form.key)
        if UNNAMED not in dealers:  # whoever names none may be any of them
            files = files.filter(pl.col("dealer").is_in(concerned).fill_null(True))
        if files.is_empty():
            return pl.DataFrame(schema=schema(form))
        called = pl.col("dealer").replace(after.alias)
        named = self._scan(form, files, after)
        said = rows.lazy().with_columns(called)
        whose = pl.LazyFrame({"dealer": sorted(dealers)}).select(called)
        keys = [
            said.select("dealer", "key"),
            whose.join(pl.LazyFrame({"key": corrected}, {"key": pl.String}), how="cross"),
        ]
        if shifted.height:  # also one without rows may correct some away
            keys.append(named.join(shifted.lazy(), on="batch", how="semi").select("dealer", "key"))
        # what it hides, and what an earlier reading of it hid
        spans = [before.lazy().filter("truth").select(called, "since", "until")]
        if source.truth:
            spans.append(said.group_by("dealer").agg(since=day(form).min(), until=day(form).max()))
        if source.truth or before["truth"].any():
            inside = named.select("dealer", "key", day=day(form)).join(pl.concat(spans), on="dealer")
            keys.append(inside.filter(pl.col("day").is_between("since", "until")).select("dealer", "key"))
        with self.reading():
            wanted = pl.concat(keys).unique().collect()
        by_content = wanted["key"].str.starts_with(CONTENT).all()  # what is known by its content moves by correction
        if by_content and not (corrected or shifted.height or source.truth):
            months = [*rows["month"].unique().to_list(), NOWHERE]
            files = files.filter(pl.col("month").is_in(months))
        near = pl.col("key").is_between(pl.lit(wanted["key"].min()), pl.lit(wanted["key"].max()))

        def found(files: pl.DataFrame) -> pl.DataFrame:
            every = self._scan(form, files, _AS_WRITTEN).filter(near)
            return every.join(wanted.lazy(), on="key", how="semi").collect()

        try:
            return found(files)
        except (pl.exceptions.ComputeError, OSError):  # what was undone may be lost: nobody misses it
            with self.reading():
                return found(files.join(self.history.filter("undone"), on="batch", how="anti"))

    def commit(self, source: Source, plans: Sequence[Plan], account: Sequence[Mapping[str, Any]]) -> str:
        """Append one batch; it counts from the last step, which is one atomic commit. Give the batch's name.

        To be called in the turn in which the plans were made. Raises `OvertakenError` when somebody else committed
        since, which only a place without turns allows: then the plans are to be made anew.
        """
        self._turn.begins(source.batch)
        written: list[Stored] = []
        for made in plans:
            written += self._append(made, source)
        complete = [made.form.key for made in plans if made.complete]
        covers = [cover for made in plans for cover in made.covers]
        event = entry(source, covers, complete, self.state)
        told = json.dumps(list(account), ensure_ascii=False)
        self.record(event | {"account": told, "files": list(map(asdict, written))})
        return source.batch

    def _append(self, made: Plan, source: Source) -> list[Stored]:
        """Write the rows of one form, a file for each month, and commit them; nobody sees them yet."""
        if made.rows.is_empty():
            return []
        columns = schema(made.form)
        table = Table.make(self.place, made.form.key, columns, ["month"])
        shaped = made.rows.select(list(columns)).cast(dict(columns))  # type: ignore[arg-type]
        files, counts = [], []
        for (month,), rows in shaped.group_by("month", maintain_order=True):
            own = rows["batch"] == source.batch
            for number, part in enumerate((rows.filter(own), rows.filter(~own))):  # tombstones of others: a file beside
                if part.height:
                    path = f"{made.form.key}/month={month}/{source.batch}_{number}.parquet"
                    files.append(self.place.write(path, part.drop("month")))
                    counts.append(part.height)
        table.commit(files, time=source.time, rows=counts)
        table.checkpoint()
        return files

    def record(self, event: Mapping[str, Any]) -> None:
        """Add one event to the journal as the next, if nobody did since it was read; one atomic commit."""
        event = {**event, "seq": self.state.next}
        if not self._turn.unfinished:
            self._turn.begins(event.get("batch") or JOURNAL)
        journal = self._seen.journal or Table.make(self.place, JOURNAL, SCHEMA)
        if self._seen.journal is None and journal.files.height:
            raise OvertakenError
        file = self.place.write(f"{JOURNAL}/{event['seq']:08d}-{secrets.token_hex(4)}.parquet", frame([event]))
        journal.commit([file], time=event["time"], rows=[1], first=True)
        self.forget()
        try:
            journal.checkpoint()
            if journal.files.height >= _JOURNAL_FILES:
                self.merge_journal(event["time"])
        except (DeltaError, OSError):
            return  # the event stands without it; the next turn clears what is left
        self._turn.ends()

    def merge_journal(self, now: datetime) -> None:
        """Put all events into one file: reading many small ones takes long."""
        journal = self._seen.journal
        if journal is None or journal.files.height < 2:
            return
        events = self._seen.read(SCHEMA)
        file = self.place.write(f"{JOURNAL}/{MERGED}-{self.whole.next - 1:08d}-{secrets.token_hex(4)}.parquet", events)
        with contextlib.suppress(OvertakenError):  # another time
            journal.commit([file], journal.files, time=now, rows=[events.height], first=True)
        self.forget()

    def turn_batch(self, batch: str, now: datetime, *, undone: bool) -> None:
        """Let the rows of a batch count no more, or again; nothing is deleted."""
        self.record({"event": "undo" if undone else "redo", "time": now, "batch": batch})

    def turn_month(self, month: str, dealer: str | None, now: datetime, *, closed: bool) -> None:
        """Close a month, for one dealer or for all, or open it again."""
        event = "close" if closed else "reopen"
        self.record({"event": event, "time": now, "month": month, "dealer": dealer})

    def forget(self) -> None:
        """Drop what was read of the store, so that the next question sees it anew."""
        self._seen = _Seen(self.place)
        self.__dict__.pop("state", None)


def _started(batch: str) -> datetime:
    """When the reading of a batch began, by its name."""
    return datetime.strptime(batch[:15], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)


@contextlib.contextmanager
def _reading(place: Place) -> Iterator[None]:
    try:
        yield
    except (pl.exceptions.ComputeError, pl.exceptions.SchemaError, OSError, DeltaError) as error:
        raise StoreError("store_unreadable", store=place.name, why=first_line(error)) from error
