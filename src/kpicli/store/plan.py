"""What storing a workbook's rows would change: the same question asked of the store before and after."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import polars as pl

from kpicli.catalogue import Form
from kpicli.store.current import PLACE, ROW, day, difference, standing
from kpicli.store.journal import UNNAMED, State

NOWHERE = "0000-00"
"""The month of a tombstone for a row that was corrected away, whichever month it may yet turn up in."""


@dataclass(frozen=True)
class Source:
    """Where a batch comes from."""

    dealer: str
    """The dealer that rows belong to which name none."""
    file: str
    sha256: str
    saved: datetime | None
    """When the workbook says it was saved; decides which of two versions of a row is the newer."""
    time: datetime
    """When it is read."""
    replaces: frozenset[str] = frozenset()
    """Hashes of the contents that it is a corrected copy of."""
    truth: bool = False
    """Whether it is the whole truth for its forms, dealers and days."""
    token: str = field(default_factory=lambda: secrets.token_hex(3))
    """Tells apart two readings of one content in one second."""

    @property
    def batch(self) -> str:
        """The name of the batch that this reading makes."""
        return f"{self.time:%Y%m%dT%H%M%S}-{self.sha256[:6]}-{self.token}"


@dataclass(frozen=True)
class Plan:
    """What storing the rows of one form would change."""

    form: Form
    rows: pl.DataFrame
    """Rows to append, with the tombstones that they need."""
    covers: tuple[Mapping[str, Any], ...]
    """What the batch holds, as the journal has it."""
    complete: bool
    """Whether a corrected copy stands in for what it corrects."""
    stored: Mapping[int, int]
    """Table of the workbook → rows that are new or changed."""
    new: int
    changed: int
    columns: Mapping[str, int]
    """Column → in how many of the changed rows it differs."""
    removed: int
    """Rows that stand in the store and will not."""
    older: int
    """Rows that do not count because what the store holds is newer."""
    late: Mapping[str, int] = field(default_factory=dict)
    """Closed month → rows that are new in it, changed, or removed."""
    known: bool = False
    """Whether this content was read before and says the same."""


def plan(
    form: Form,
    rows: pl.DataFrame,
    source: Source,
    state: State,
    after: State,
    versions: pl.DataFrame,
    corrected: Sequence[str],
    *,
    complete: bool,
) -> Plan:
    """Compare rows (keyed, with ``dealer``, ``month``, ``table``, ``sheet``, ``row``) with all versions that matter.

    `versions` are those of every row that could change: with a key of the rows or a corrected one, of a batch that this
    one stands in for, or in the days of a whole truth; their dealers as they were written. Undone and replaced batches
    are among them: an undone one may come back.
    """
    batch = source.batch
    covers = _covers(form, rows)
    said = rows.with_columns(batch=pl.lit(batch), file=pl.lit(source.file), gone=pl.lit(False))
    incoming = said.with_columns(pl.col("dealer").replace(after.alias))
    dealers = said["dealer"].unique().to_list() or [source.dealer]
    tombstones = _shaped(_tombstones(said, versions, corrected, batch, dealers), said)
    appended = pl.concat([said, tombstones])
    versions, tombstones = (one.with_columns(pl.col("dealer").replace(after.alias)) for one in (versions, tombstones))
    state = replace(state, names=after.alias)  # a name that a row gets by this is no change of it
    made = Plan(form, appended, covers, complete, _per_table(rows), rows.height, 0, {}, 0, 0)
    counts = batch in after.of(form.key)["batch"] and not state.covers(form.key)["truth"].any()
    if versions.is_empty() and counts:
        known = _is_known(form, incoming, source, state, versions)
        return replace(made, known=known, late=_late(state, incoming.select("dealer", "month")))
    wanted = list(dict.fromkeys([*PLACE, "batch", *form.content]))  # a form may have a month of its own
    every = pl.concat([frame.select(*wanted, "gone") for frame in (versions, incoming, tombstones)])
    was, now = pl.collect_all(
        [
            standing(versions.lazy(), form, state).select(wanted),
            standing(every.lazy(), form, after).select(wanted),
        ]
    )
    found = difference(form, was, now)
    own = pl.concat([rows.filter(pl.col("batch") == batch).select(ROW) for rows in (found.new, found.changed)])
    others = now.filter(pl.col("batch") != batch)
    kept = incoming.join(now.filter(pl.col("batch") == batch), on=ROW, how="anti")
    same = kept.join(others, on=[*ROW, *form.content], how="semi", nulls_equal=True)
    touched = [rows.select("dealer", "month") for rows in (found.new, found.changed, found.removed)]
    moved = found.changed.filter(pl.col("month") != pl.col("month_was"))
    return replace(
        made,
        stored=_per_table(incoming.join(own, on=ROW, how="semi")),
        new=found.new.height,
        changed=found.changed.height,
        columns=found.columns,
        removed=found.removed.height,
        older=kept.height - same.height,
        late=_late(state, pl.concat([*touched, moved.select("dealer", month="month_was")])),
        known=_is_known(form, incoming, source, state, versions),
    )


def expected(form: Form, rows: pl.DataFrame, source: Source, state: State, *, complete: bool) -> State:
    """What would count with the rows of one form stored."""
    return state.with_event(entry(source, _covers(form, rows), [form.key] if complete else [], state))


def entry(source: Source, covers: Sequence[Mapping[str, Any]], complete: Sequence[str], state: State) -> dict[str, Any]:
    """The journal's event of a reading."""
    return {
        "seq": state.next,
        "event": "read",
        "time": source.time,
        "batch": source.batch,
        "dealer": source.dealer,
        "file": source.file,
        "sha256": source.sha256,
        "saved": source.saved,
        "replaces": sorted(source.replaces),
        "complete": list(complete),
        "truth": source.truth,
        "covers": list(covers),
    }


def earlier_reading(source: Source, state: State) -> dict[str, Any] | None:
    """The batch that holds this content already, as the journal has it."""
    same = state.batches.filter(pl.col("sha256") == source.sha256, pl.col("dealer") == source.dealer)
    return same.row(-1, named=True) if same.height else None


def _covers(form: Form, rows: pl.DataFrame) -> tuple[Mapping[str, Any], ...]:
    held = rows.group_by("dealer", maintain_order=True).agg(
        since=day(form).min(), until=day(form).max(), months=pl.col("month").unique().sort(), rows=pl.len()
    )
    return tuple({"form": form.key, **one} for one in held.iter_rows(named=True))


def _tombstones(
    incoming: pl.DataFrame, versions: pl.DataFrame, corrected: Sequence[str], batch: str, dealers: Sequence[str]
) -> pl.DataFrame:
    """What says in a month that a version of a row lies elsewhere: ``dealer``, ``key``, ``month``, ``batch``.

    Each batch with a version of a row has a tombstone in every other month where a version lies; so any one month can
    be read alone. Older batches that do not know of this month yet get theirs with this one.
    """
    lies = ["dealer", "key", "month", "batch"]
    whose = ["key", "month", pl.col("dealer").alias("dealer_other")]
    nobodys = pl.col("dealer").eq(UNNAMED) | pl.col("dealer_other").eq(UNNAMED)
    may_be_one = nobodys | pl.col("dealer").eq(pl.col("dealer_other"))
    here = incoming.select(lies)
    rows = versions.filter(~pl.col("gone")).select(lies)

    def beside(lying: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
        """Rows in the other months in which there is what may be the same row, today or with another dealer undone."""
        found = lying.join(others.select(whose), on="key", suffix="_other").filter(may_be_one)
        elsewhere = found.filter(pl.col("month") != pl.col("month_other"))
        return elsewhere.with_columns(month="month_other").select(lies)

    nowhere = versions.filter(pl.col("month") == NOWHERE).select(lies)
    listed = pl.DataFrame({"key": corrected}, schema={"key": pl.String}).unique(maintain_order=True)
    gone = listed.join(pl.DataFrame({"dealer": dealers}), how="cross").join(here, on=ROW, how="anti")
    never = gone.with_columns(month=pl.lit(NOWHERE), batch=pl.lit(batch)).select(lies)
    found = [beside(here, rows), beside(rows, here), beside(nowhere, here), beside(never, rows), never]
    return pl.concat(found).unique(maintain_order=True)


def _shaped(tombstones: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Tombstones in the columns of rows, empty but for where they lie."""
    empty = [pl.lit(None, dtype).alias(name) for name, dtype in rows.schema.items() if name not in tombstones.columns]
    file = pl.lit(rows["file"][0] if rows.height else None, pl.String)
    return tombstones.with_columns(empty).with_columns(gone=pl.lit(True), file=file).select(rows.columns)


def _is_known(
    form: Form,
    incoming: pl.DataFrame,
    source: Source,
    state: State,
    versions: pl.DataFrame,
) -> bool:
    earlier = earlier_reading(source, state)
    if earlier is None or (source.truth and not earlier["truth"]):
        return False
    says = list(dict.fromkeys([*PLACE, "row", *form.content]))
    before = versions.filter(pl.col("batch") == earlier["batch"], ~pl.col("gone"))
    return before.select(says).sort(PLACE).equals(incoming.select(says).sort(PLACE))


def _late(state: State, rows: pl.DataFrame) -> dict[str, int]:
    """How many of some rows belong to months that are closed for their dealer."""
    if not state.closings:
        return {}
    counted = rows.group_by("dealer", "month").len().iter_rows()
    late: dict[str, int] = {}
    for dealer, month, count in counted:
        if state.closing(month, dealer):
            late[month] = late.get(month, 0) + count
    return dict(sorted(late.items()))


def _per_table(rows: pl.DataFrame) -> dict[int, int]:
    return dict(rows.group_by("table").len().iter_rows())
