"""Times a month's report of one dealer, and of all by dealer, from the store of a large group.

`python -m tests.bench.group [--dealers N] [--months N] [--rows N] [--rounds N] [--store DIR]`, started in the project
root. The store is built once and kept where `--store` says; its rows are made up here and put in through `Store`, as
one export of all dealers a month, but for the last month, which every dealer sends by itself.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from kpicli.catalogue import Form
from kpicli.identify import identify
from kpicli.loading import load
from kpicli.periods import Month
from kpicli.store import Plan, Source, Store, schema

from .harness import KPICLI, Command, measure, show
from .sheets import MONTH

FORMS = load().forms
SHARES = {"visits": 1.0, "intentions": 0.6, "test_drives": 0.3, "invoices": 0.2, "followups": 1.0}
"""Rows of each form to one visit."""


@dataclass(frozen=True)
class Size:
    """How large the group is."""

    dealers: int
    months: int
    rows: int
    """Visits of a dealer in a month."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dealers", type=int, default=1_000)
    parser.add_argument("--months", type=int, default=60)
    parser.add_argument("--rows", type=int, default=40, help="visits of a dealer in a month")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--store", type=Path, help="keep the store here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = arguments.store or Path(folder, "store")
        if not store.exists():
            build(store, Size(arguments.dealers, arguments.months, arguments.rows))
        run(store, arguments.rounds)


def run(store: Path, rounds: int) -> None:
    """Report last month and the one before, for one dealer and for all."""
    months = [MONTH, (MONTH - timedelta(days=1)).replace(day=1)]
    commands = []
    for month in months:
        words = [KPICLI, "report", "--month", f"{month:%Y-%m}", "--store", store, "--json"]
        commands += [
            Command(f"{month:%Y-%m}, one dealer", [*words, "--dealer", _dealer(0)]),
            Command(f"{month:%Y-%m}, all by dealer", [*words, "--by", "dealer"]),
        ]
    measured = measure(commands, rounds)
    held = Store(store)
    rows = sum(held.versions(form).select(pl.len()).collect().item() for form in FORMS.values())
    files = {key: held.files(key) for key in FORMS}
    live, size = (sum(frame[name].sum() if name else frame.height for frame in files.values()) for name in ("", "size"))
    show(
        f"A group: {len(held.dealers())} dealers, {rows:,} rows in {live:,} files of {size / 1e6:,.0f} MB", measured, []
    )
    print("\nFiles that a report may open (the month, the month before, and what a history is looked for in):")
    for month in months:
        for name, dealer in (("one dealer", _dealer(0)), ("all", None)):
            print(f"  {month:%Y-%m}, {name}: {_touched(files, month, dealer)}")


def _touched(files: dict[str, pl.DataFrame], month: date, dealer: str | None) -> str:
    before = Month.of(month).previous
    counts = []
    for frame in files.values():
        mine = frame if dealer is None else frame.filter((pl.col("dealer") == dealer).fill_null(True))
        both = mine.filter(pl.col("month").is_between(pl.lit(str(before)), pl.lit(f"{month:%Y-%m}")))
        counts.append((both.height, mine.height))
    return f"{sum(n for n, _ in counts):,} of the two months, {sum(n for _, n in counts):,} of all months"


def build(place: Path, size: Size) -> None:
    """Fill a store."""
    store, start = Store(place), time.perf_counter()
    months = list(_months(size.months))
    for number, month in enumerate(months):
        if month != months[-1]:
            _put(store, month, range(size.dealers), size, number)
        else:
            for dealer in range(size.dealers):
                _put(store, month, range(dealer, dealer + 1), size, number)
    print(f"built in {time.perf_counter() - start:.0f} s")


def _put(store: Store, month: date, dealers: range, size: Size, number: int) -> None:
    source = Source(
        "", f"{month:%Y-%m}.xlsx", f"{number:04x}{dealers.start:04x}" * 8, None, datetime(2026, 11, 1, tzinfo=UTC)
    )
    frames = {key: _rows(FORMS[key], month, dealers, round(size.rows * share)) for key, share in SHARES.items()}
    identified = {key: identify(FORMS[key], frame)[0].rows for key, frame in frames.items()}

    def step() -> None:
        plans: list[Plan] = [store.plan(FORMS[key], rows, source) for key, rows in identified.items()]
        store.commit(source, plans, [])

    store.write(step)


def _rows(form: Form, month: date, dealers: range, each: int) -> pl.DataFrame:
    """Rows of one form and month: each with a number of its own, a day, and customers that come back."""
    number = pl.int_range(pl.len(), dtype=pl.Int64)
    dealer = pl.Series("dealer", [_dealer(n) for n in dealers], pl.String)
    frame = pl.DataFrame({"dealer": dealer}).join(pl.DataFrame({"n": range(each)}), how="cross")
    seed = hash((form.key, month, dealers.start)) & 0xFFFF
    mixed = (number * 2_654_435_761 + seed) % 1_000_003
    values = {
        key: (pl.lit(month) + pl.duration(days=mixed % 28)).cast(pl.Date)
        if column.type == "date" and key == form.date
        else pl.format(f"{form.key[:2]}{month:%y%m}{{}}", "n")
        if key in form.keys[0]
        else pl.concat_str([pl.lit("139"), (mixed % 100_000 + 10_000_000).cast(pl.String)])
        if column.type == "phone"
        else pl.concat_str([pl.lit("顾问"), (mixed % 12).cast(pl.String)])
        if column.type == "staff"
        else pl.lit(list(column.values.values())).list.get(mixed % len(column.values))
        if column.values
        else None
        for key, column in form.columns.items()
        if key != "dealer"
    }
    types = schema(form)
    return (
        frame.with_columns(
            value.cast(types[key]).alias(key) if value is not None else pl.lit(None, types[key]).alias(key)
            for key, value in values.items()
        )
        .with_columns(sheet=pl.lit("S"), table=pl.lit(0), row=number + 2)
        .drop("n")
    )


def _months(count: int) -> Iterator[date]:
    for later in range(1 - count, 1):
        years, months = divmod(MONTH.month - 1 + later, 12)
        yield date(MONTH.year + years, months + 1, 1)


def _dealer(number: int) -> str:
    return f"SH{number:04d}"


if __name__ == "__main__":
    main()
