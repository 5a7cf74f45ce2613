"""Times reading and adding one month beside five years of history.

`python -m tests.bench.history [--months N] [--rows N] [--rounds N]`, started in the project root.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import tempfile
from datetime import date
from functools import partial
from pathlib import Path

import kpicli

from .harness import KPICLI, Command, Promise, measure, ratio, show
from .sheets import MONTH, table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--months", type=int, default=60)
    parser.add_argument("--rows", type=int, default=10_000, help="visits a month")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), arguments.months, arguments.rows, arguments.rounds)


def run(folder: Path, months: int, rows: int, rounds: int) -> None:
    """Report the month before the last from stores with more and less before it; add the last to copies of them."""
    *past, following = [write_month(folder, number, number - months + 1, rows) for number in range(months + 1)]
    every = f"{months} months"
    stores = {every: past, "the last two": past[-2:], "the last month": past[-1:], "nothing": []}
    for name, files in stores.items():
        kpicli.ingest(kpicli.open_workspace(store=folder / name), files)
    commands = [
        Command(f"report, {name}", [KPICLI, "report", "--month", f"{MONTH:%Y-%m}", "--store", folder / name, "--json"])
        for name in stores
        if name != "nothing"
    ]
    copy = folder / "copy"
    commands += [
        Command(f"ingest, {name}", [KPICLI, "ingest", following, "--store", copy], partial(renew, copy, folder / name))
        for name in (every, "nothing")
    ]
    measured = measure(commands, rounds)
    promises = [
        Promise("report: all / last month", ratio(measured, f"report, {every}", "report, the last month"), 1.3),
        Promise("ingest one more: all / nothing", ratio(measured, f"ingest, {every}", "ingest, nothing"), 1.5),
    ]
    show(f"History: stores of {months} and fewer months of {rows:,} visits", measured, promises)
    print("\nA report compares with the month before: with the last month alone there is only one month to read.")


def write_month(folder: Path, number: int, later: int, rows: int) -> Path:
    """Write the visits of a month so much later than the benchmark's own; `number` keeps the months' rows apart."""
    years, months = divmod(MONTH.month - 1 + later, 12)
    month = date(MONTH.year + years, months + 1, 1)
    path = folder / f"{month:%Y-%m}.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        csv.writer(stream).writerows(table("visits", rows, month, number * rows))
    return path


def renew(copy: Path, store: Path) -> None:
    """Make the copy what the store is; a store without batches is no folder."""
    shutil.rmtree(copy, ignore_errors=True)
    if store.exists():
        shutil.copytree(store, copy)


if __name__ == "__main__":
    main()
