"""The journal: what was read, undone, redone, closed and reopened, in order; and what counts at any moment of it.

It is the table ``batches``, one row an event. Everything the store shows follows from the set of batches that count,
never from the order in which they came: reading in another order, undoing, and looking back need no rule of their own.

- Of two versions of a row the one of the later batch counts: the one saved later, or first read later where a workbook
  does not say when it was saved. A content read again keeps its place.
- The same content read again for the same dealer stands in for its earlier reading.
- A corrected copy comes right after what it corrects, and stands in for it in the forms that are complete in it.
- Rows that name no dealer belong to the only dealer that is named in the store; where several are, they stay apart.
- A batch that is the whole truth (``--replace``) hides what earlier ones say of its dealers, forms and days.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import polars as pl

UNNAMED = "default"
"""The dealer of rows that name none, where none was named for them."""

_TIME = pl.Datetime("us", "UTC")
COVER = pl.Struct(
    {
        "form": pl.String(),
        "dealer": pl.String(),
        "since": pl.String(),
        "until": pl.String(),
        "months": pl.List(pl.String()),
        "rows": pl.Int64(),
    }
)
"""What a batch holds of one form and dealer: first and last day, its months, and how many rows."""
SCHEMA: Mapping[str, pl.DataType] = {
    "seq": pl.Int64(),
    "event": pl.String(),
    "time": _TIME,
    "batch": pl.String(),
    "dealer": pl.String(),
    "month": pl.String(),
    "file": pl.String(),
    "sha256": pl.String(),
    "saved": _TIME,
    "replaces": pl.List(pl.String()),
    "complete": pl.List(pl.String()),
    "truth": pl.Boolean(),
    "covers": pl.List(COVER),
    "account": pl.String(),
    "files": pl.List(pl.Struct({"path": pl.String(), "size": pl.Int64(), "sha256": pl.String()})),
}
LEAN = {name: dtype for name, dtype in SCHEMA.items() if name not in ("account", "files")}
"""What says which batches count; the rest is long and seldom asked for."""


@dataclass(frozen=True)
class Known:
    """A moment to look back to: what was known after an event, or at a time."""

    seq: int | None = None
    time: datetime | None = None

    def of(self, events: pl.DataFrame) -> pl.DataFrame:
        """The events up to then."""
        if self.seq is not None:
            events = events.filter(pl.col("seq") <= self.seq)
        if self.time is not None:
            events = events.filter(pl.col("time") <= self.time)
        return events


@dataclass(frozen=True)
class Closing:
    """A month that was closed."""

    month: str
    dealer: str | None
    """None for all dealers."""
    time: datetime
    seq: int
    """Its reports show what was known up to this event."""


@dataclass(frozen=True)
class State:
    """Which batches count after some events, and in which order."""

    events: pl.DataFrame
    names: Mapping[str, str] | None = None
    """Other names for dealers to go by than those that follow from the events."""

    @cached_property
    def history(self) -> pl.DataFrame:
        """Every batch ever read, oldest first, with ``undone``; dealers by the names they go by."""
        if not self.alias:
            return self.as_read
        renamed = pl.element().struct.with_fields(dealer=pl.field("dealer").replace(self.alias))
        return self.as_read.with_columns(pl.col("covers").list.eval(renamed))

    @cached_property
    def alias(self) -> dict[str, str]:
        """Whose the rows are that name no dealer, where only one is named."""
        if self.names is not None:
            return dict(self.names)
        return dict.fromkeys([UNNAMED], *self.named) if len(self.named) == 1 else {}

    @cached_property
    def named(self) -> frozenset[str]:
        """The dealers that are named."""
        return frozenset(held(self.as_read.filter(~pl.col("undone")).select("covers"))["dealer"]) - {UNNAMED}

    @cached_property
    def as_read(self) -> pl.DataFrame:
        """Every batch ever read, oldest first, with ``undone``; dealers as they were written."""
        reads = self.events.filter(pl.col("event") == "read")
        turns = self.events.filter(pl.col("event").is_in(["undo", "redo"]))
        latest = turns.unique("batch", keep="last", maintain_order=True)
        undone = latest.select("batch", undone=pl.col("event") == "undo")
        return reads.join(undone, on="batch", how="left", maintain_order="left").with_columns(
            pl.col("undone").fill_null(False)
        )

    @cached_property
    def batches(self) -> pl.DataFrame:
        """The batches that are not undone, oldest first."""
        return self.history.filter(~pl.col("undone")).drop("undone")

    @cached_property
    def counting(self) -> pl.DataFrame:
        """The batches whose rows count: ``batch``, ``order``, ``corrects``, ``void`` (forms in which they do not)."""
        first = pl.col("time").min().over("dealer", "sha256")
        dated = pl.when("truth").then("time").otherwise(pl.coalesce("saved", first))
        place = pl.when("truth").then("seq").otherwise(pl.col("seq").min().over("dealer", "sha256"))
        reads = self.history.with_columns(dated=dated, place=place).filter(~pl.col("undone"))
        live = reads.unique(["dealer", "sha256"], keep="last", maintain_order=True)
        copy = pl.col("replaces").list.len()
        copies = live.filter(copy > 0)
        if copies.is_empty():
            ordered = live.with_columns(void=pl.lit(None, pl.List(pl.String))).sort("dated", "place", "seq")
        else:
            pairs = copies.select("dealer", "batch", "complete", sha256="replaces").explode("sha256")
            void = pairs.group_by("dealer", "sha256").agg(
                void=pl.col("complete").list.explode(keep_nulls=False).unique()
            )
            originals = live.filter(copy == 0).select("dealer", "sha256", after="dated")
            after = pairs.join(originals, on=["dealer", "sha256"]).group_by("batch").agg(pl.col("after").max())
            placed = live.join(void, on=["dealer", "sha256"], how="left").join(after, on="batch", how="left")
            after_it = pl.when(~pl.col("truth")).then("after")
            ordered = placed.sort(pl.coalesce(after_it, "dated"), copy, "dated", "place", "seq")
        return ordered.with_row_index("order").select(
            "batch",
            pl.col("order").cast(pl.Int64),
            "dealer",
            "covers",
            "truth",
            corrects=pl.col("replaces").list.len() > 0,
            void=pl.col("void").fill_null(pl.lit([], pl.List(pl.String))),
        )

    def of(self, form: str) -> pl.DataFrame:
        """The batches whose rows of a form count, with ``order`` and ``corrects``."""
        if form not in self._of:
            counting = self.counting.lazy().filter(~pl.col("void").list.contains(form))
            self._of[form] = counting.select("batch", "order", "corrects").collect()
        return self._of[form]

    def covers(self, form: str) -> pl.DataFrame:
        """What the counting batches hold of a form: ``batch``, ``order``, ``truth``, and the fields of `COVER`."""
        if form not in self._covers:
            self._covers[form] = self._held.filter(pl.col("form") == form, ~pl.col("void").list.contains(form))
        return self._covers[form]

    @cached_property
    def _held(self) -> pl.DataFrame:
        return held(self.counting.select("batch", "order", "truth", "void", "covers"))

    @cached_property
    def _of(self) -> dict[str, pl.DataFrame]:
        return {}

    @cached_property
    def _covers(self) -> dict[str, pl.DataFrame]:
        return {}

    @cached_property
    def dealers(self) -> list[str]:
        """The dealers that have rows."""
        return sorted(held(self.batches.select("covers"))["dealer"].unique().to_list())

    @cached_property
    def closings(self) -> dict[tuple[str, str | None], Closing]:
        """The closed months, each for one dealer or for all (None)."""
        found: dict[tuple[str, str | None], Closing] = {}
        turns = self.events.filter(pl.col("event").is_in(["close", "reopen"]))
        for event, month, named, time, seq in turns.select("event", "month", "dealer", "time", "seq").iter_rows():
            dealer = self.alias.get(named, named)
            if event == "close":
                found[month, dealer] = Closing(month, dealer, time, seq)
            else:
                found.pop((month, dealer), None)
        return found

    def closing(self, month: str, dealer: str | None) -> Closing | None:
        """The closing that holds for a dealer's month, or for the whole store's (None)."""
        return self.closings.get((month, dealer)) or self.closings.get((month, None))

    @property
    def next(self) -> int:
        """The number of the next event."""
        return int(self.events["seq"].max() or 0) + 1  # type: ignore[arg-type]

    def with_event(self, entry: Mapping[str, Any]) -> "State":
        """What it would be after one event more."""
        return State(pl.concat([self.events, frame([entry]).select(self.events.columns)]))


def held(batches: pl.DataFrame) -> pl.DataFrame:
    """A row for each form and dealer that batches hold, with the fields of `COVER`."""
    return batches.explode("covers", empty_as_null=False, keep_nulls=False).unnest("covers")


def of_dealer(batches: pl.DataFrame, dealer: str | None) -> pl.DataFrame:
    """The batches that hold rows of a dealer, or all."""
    if dealer is None:
        return batches
    return batches.filter(pl.col("covers").list.eval(pl.element().struct.field("dealer")).list.contains(dealer))


def frame(entries: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Events as a frame; what is not said of one is empty."""
    empty: dict[str, Any] = dict.fromkeys(SCHEMA)
    return pl.DataFrame([empty | dict(entry) for entry in entries], schema=SCHEMA)
