"""The rows as they count: of all versions of a row that batches hold, the one that stands."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from kpicli.catalogue import Form
from kpicli.identify import CONTENT
from kpicli.store.journal import State

ROW = ("dealer", "key")
"""What makes versions those of one row."""
PLACE = ("dealer", "key", "month")
"""What makes versions those of one row in one month."""
_ABOVE = 1 << 40


def latest(versions: pl.LazyFrame, form: Form, state: State) -> pl.LazyFrame:
    """The version that counts of each row in each month, tombstones included, with its batch's ``order``.

    What a corrected copy says of a row known by its content alone goes before everything: exports that were not
    corrected keep coming.
    """
    above = pl.when(pl.col("corrects") & pl.col("key").str.starts_with(CONTENT)).then(_ABOVE).otherwise(0)
    weighed = versions.join(state.of(form.key).lazy(), on="batch").with_columns(order=pl.col("order") + above)
    return weighed.filter(pl.col("order") == pl.col("order").max().over(PLACE)).drop("corrects")


def standing(versions: pl.LazyFrame, form: Form, state: State) -> pl.LazyFrame:
    """The rows that count, with their batch's ``order``: no tombstones, nothing that a later whole truth leaves out."""
    rows = latest(versions, form, state).filter(~pl.col("gone"))
    truths = state.covers(form.key).filter("truth")
    if truths.is_empty():
        return rows
    spans = truths.lazy().select("dealer", "since", "until", above="order")
    inside = rows.select(*PLACE, "order", day=day(form)).join(spans, on="dealer")
    hidden = inside.filter(pl.col("day").is_between("since", "until"), pl.col("order") < pl.col("above"))
    return rows.join(hidden, on=list(PLACE), how="anti")


@dataclass(frozen=True)
class Difference:
    """What became of the rows of a form between two moments."""

    new: pl.DataFrame
    changed: pl.DataFrame
    """As they are now, with what they were under ``…_was``."""
    removed: pl.DataFrame
    columns: Mapping[str, int]
    """Column → in how many of the changed rows it differs."""


def difference(form: Form, was: pl.DataFrame, now: pl.DataFrame) -> Difference:
    """Compare the rows that count at two moments by their content."""
    both = now.join(was, on=ROW, suffix="_was")
    differs = {name: pl.col(name).ne_missing(pl.col(f"{name}_was")) for name in form.content}
    changed = both.filter(pl.any_horizontal(differs.values()))
    columns = changed.select(test.sum().alias(name) for name, test in differs.items()).row(0, named=True)
    return Difference(
        now.join(was, on=ROW, how="anti"),
        changed,
        was.join(now, on=ROW, how="anti"),
        {name: count for name, count in columns.items() if count},
    )


def day(form: Form) -> pl.Expr:
    """The day (or month) that a row belongs to, as the text that the journal knows."""
    return pl.col(form.date).cast(pl.String)
