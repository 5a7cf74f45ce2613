"""What became of the customers first met in a month: stage by stage, with days, and the way back to the month's counts.

A customer is known by phone, within a dealer; rows without a usable phone cannot be followed and are told apart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

import polars as pl

from kpicli.catalogue import DIMENSIONS, Book, Catalogue, Funnel, Stage
from kpicli.measure import Rows, events, first_days
from kpicli.periods import Period


@dataclass(frozen=True)
class Followed:
    """The customers of one group, and how far they came."""

    size: int
    counts: Mapping[str, int | None]
    """Stage → customers who reached it."""
    median_days: Mapping[str, float | None]
    """Stage → days from the stage before, of those who took both in this order."""
    lost: int
    """Who left without buying."""
    running: int
    """Who neither bought nor left, and may still do either."""


@dataclass(frozen=True)
class Bridge:
    """From a stage's count in the month to the cohort's: each line is added to what is above it."""

    period: int
    """As the month counts it."""
    carried_in: int
    """Of customers first met in earlier months; taken off, so never above zero but for returned sales."""
    elsewhere: int
    """Of customers first met this month, but not at the top of the funnel; taken off."""
    unidentified: int
    """Of rows without a usable phone; taken off."""
    repeats: int
    """Of one customer more than once, and sales taken back; taken off."""
    later: int
    """Customers of the cohort who came here after the month; below zero where a window ends before it."""
    cohort: int
    """As the cohort counts it; of the others, the sum."""

    @property
    def lines(self) -> dict[str, int]:
        """The lines in their order."""
        return {name: getattr(self, name) for name in (*_TAKEN_OFF, "later")}


_TAKEN_OFF = ("carried_in", "elsewhere", "unidentified", "repeats")


@dataclass(frozen=True)
class Cohort:
    """The customers first met in a month."""

    until: date
    """The day up to which they were followed."""
    within: int | None
    """Of how many days each was followed; None for all."""
    whole: Followed
    by: Mapping[str, Mapping[str, Followed]]
    """Dimension → group → its customers, by what the first record says of them."""
    bridges: Mapping[str, Bridge]
    """Stage → how its two counts hang together."""


def cohort(
    catalogue: Catalogue,
    book: Book,
    funnel: Funnel,
    source: Rows,
    month: Period,
    until: date,
    *,
    by: Sequence[str] = (),
    within: int | None = None,
    dealer: str | None = None,
) -> Cohort:
    """Follow the customers who were first met in a month: who stand at the top of the funnel, with no earlier record.

    They are followed up to `until`, or `within` so many days of the first of them. `by` are columns.
    """
    chain = funnel.chain
    after = Period(month.label, month.start, max(month.end, until + timedelta(days=1)))
    found = events(catalogue, book, source, after, funnel.measures, dealer=dealer)
    forms = {book.measures[key].form: None for key in funnel.measures}
    firsts = first_days(source, [catalogue.forms[key] for key in forms], after, dealer).collect()
    frames = dict(zip(found, pl.collect_all(list(found.values())), strict=True))
    stages = {stage.key: _of_stage(stage, book, frames).filter(pl.col("day") <= until) for stage in chain}
    people = _people(stages[chain[0].key], firsts, month)
    for stage in chain:
        people = people.join(_reached(stages[stage.key], people, within), on=["dealer", "person"], how="left")
        people = people.rename({"net": stage.key, "reached": f"{stage.key} day"})
    left = frames[funnel.lost].filter(pl.col("day") <= until) if funnel.lost else frames[chain[0].measures[0]].clear()
    gone = left.select("dealer", "person").drop_nulls().unique().with_columns(lost=pl.lit(True))
    people = people.join(gone, on=["dealer", "person"], how="left").with_columns(pl.col("lost").fill_null(False))
    ended = pl.lit(within is not None) & (pl.col("first_day") + timedelta(days=within or 0) < until)
    people = people.with_columns(ended=ended)
    return Cohort(
        until=until,
        within=within,
        whole=_followed(people, chain),
        by={
            dimension: {
                str(name): _followed(part, chain)
                for (name,), part in sorted(people.group_by(dimension), key=lambda entry: str(entry[0][0]))
                if name is not None
            }
            for dimension in by
        },
        bridges={stage.key: _bridge(stages[stage.key], people, firsts, month, stage.key) for stage in chain},
    )


def _of_stage(stage: Stage, book: Book, frames: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """The events of a stage; ``once`` names the measure that counts a customer once, and is null for the others."""
    return pl.concat(
        frames[key].with_columns(once=pl.lit(None if book.measures[key].additive else key, pl.String))
        for key in stage.measures
    )


def _people(top: pl.DataFrame, firsts: pl.DataFrame, month: Period) -> pl.DataFrame:
    """The cohort: ``dealer``, ``person``, ``first_day`` and the other dimensions of the earliest record at the top."""
    there = top.filter(pl.col("day") < month.end, pl.col("person").is_not_null())
    earliest = there.sort("day", maintain_order=True).unique(["dealer", "person"], keep="first", maintain_order=True)
    met = firsts.filter(pl.col("first_day") >= month.start)
    return earliest.select(*DIMENSIONS, "person").join(met, on=["dealer", "person"])


def _reached(stage: pl.DataFrame, people: pl.DataFrame, within: int | None) -> pl.DataFrame:
    """How often each of the cohort came to a stage, less what was taken back, and when first."""
    own = stage.join(people.select("dealer", "person", "first_day"), on=["dealer", "person"])
    if within is not None:
        own = own.filter(pl.col("day") <= pl.col("first_day") + timedelta(days=within))
    return own.group_by("dealer", "person").agg(
        pl.col("value").sum().alias("net"), pl.col("day").min().alias("reached")
    )


def _came(key: str) -> pl.Expr:
    return (pl.col(key) > 0).fill_null(False)


def _followed(people: pl.DataFrame, chain: Sequence[Stage]) -> Followed:
    won = _came(chain[-1].key)
    counts: dict[str, int | None] = {stage.key: people.filter(_came(stage.key)).height for stage in chain}
    medians = {}
    for before, stage in pairwise(chain):
        both = people.filter(_came(before.key), _came(stage.key))
        days = (both[f"{stage.key} day"] - both[f"{before.key} day"]).dt.total_days()
        middle = days.filter(days >= 0).median()
        medians[stage.key] = float(middle) if isinstance(middle, int | float) else None
    lost = people.filter(~won, "lost").height
    running = people.filter(~won, ~pl.col("lost"), ~pl.col("ended")).height
    return Followed(people.height, counts, medians, lost, running)


def _bridge(stage: pl.DataFrame, people: pl.DataFrame, firsts: pl.DataFrame, month: Period, key: str) -> Bridge:
    inside = stage.filter(pl.col("day") < month.end)
    cohort_of = people.select("dealer", "person").with_columns(mine=pl.lit(True))
    told = inside.join(firsts, on=["dealer", "person"], how="left").join(cohort_of, on=["dealer", "person"], how="left")
    kind = (
        pl.when(pl.col("person").is_null())
        .then(pl.lit("unidentified"))
        .when(pl.col("mine"))
        .then(pl.lit("mine"))
        .when(pl.col("first_day") < month.start)
        .then(pl.lit("carried_in"))
        .otherwise(pl.lit("elsewhere"))
    )
    told = told.with_columns(kind=kind)
    every = told.filter(pl.col("once").is_null()).group_by("kind").agg(n=pl.col("value").sum().cast(pl.Int64))
    single = (
        told.filter(pl.col("once").is_not_null())
        .unique(["once", "who"])
        .group_by("kind")
        .agg(n=pl.len().cast(pl.Int64))
    )
    counts = dict(pl.concat([every, single]).group_by("kind").agg(pl.col("n").sum()).iter_rows())
    net = told.filter(pl.col("mine")).group_by("dealer", "person").agg(pl.col("value").sum())
    customers = net.filter(pl.col("value") > 0).height
    final = people.filter(_came(key)).height
    return Bridge(
        period=sum(counts.values()),
        carried_in=-counts.get("carried_in", 0),
        elsewhere=-counts.get("elsewhere", 0),
        unidentified=-counts.get("unidentified", 0),
        repeats=customers - counts.get("mine", 0),
        later=final - customers,
        cohort=final,
    )
