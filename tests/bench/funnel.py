"""Times the funnel of a month beside its report, in a store with five years of history.

`python -m tests.bench.funnel [--months N] [--rows N] [--rounds N]`, started in the project root.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import kpicli

from .harness import KPICLI, Command, Promise, measure, ratio, show
from .history import write_month
from .sheets import MONTH


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--months", type=int, default=60)
    parser.add_argument("--rows", type=int, default=10_000, help="visits a month")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), arguments.months, arguments.rows, arguments.rounds)


def run(folder: Path, months: int, rows: int, rounds: int) -> None:
    """Report the last month, show its league, follow its customers, and hold its records against each other."""
    store = folder / "store"
    files = [write_month(folder, number, number - months + 1, rows) for number in range(months)]
    kpicli.ingest(kpicli.open_workspace(store=store), files)
    last = ["--month", f"{MONTH:%Y-%m}", "--store", store, "--json"]
    commands = [
        Command("report", [KPICLI, "report", *last]),
        Command("funnel --consultant", [KPICLI, "funnel", "--consultant", *last]),
        Command("funnel --cohort", [KPICLI, "funnel", "--cohort", *last]),
        Command("funnel --check", [KPICLI, "funnel", "--check", "--allow-findings", *last]),
    ]
    measured = measure(commands, rounds)
    promises = [Promise("league / report", ratio(measured, "funnel --consultant", "report"), 1.5)]
    show(f"Funnel: {months} months of {rows:,} visits", measured, promises)


if __name__ == "__main__":
    main()
