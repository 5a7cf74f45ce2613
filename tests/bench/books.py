"""Times a month's report by all books beside one book alone.

`python -m tests.bench.books [--rows N] [--rounds N]`, started in the project root.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from pathlib import Path

import kpicli

from .harness import KPICLI, Command, Promise, measure, ratio, show
from .sheets import MONTH, table

FORMS = ("visits", "intentions", "test_drives", "invoices")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000, help="rows of each form")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), arguments.rows, arguments.rounds)


def run(folder: Path, rows: int, rounds: int) -> None:
    """Report one month by consultant, by one book and by all."""
    files = []
    for form in FORMS:
        path = folder / f"{form}.csv"
        with path.open("w", encoding="utf-8-sig", newline="") as stream:
            csv.writer(stream).writerows(table(form, rows))
        files.append(path)
    kpicli.ingest(kpicli.open_workspace(store=folder / "store"), files)
    line = [KPICLI, "report", "--month", f"{MONTH:%Y-%m}", "--by", "consultant", "--store", folder / "store", "--json"]
    measured = measure([Command("buick", [*line, "--book", "buick"]), Command("all", [*line, "--book", "all"])], rounds)
    promises = [Promise("all books / buick alone", ratio(measured, "all", "buick"), 1.5)]
    show(f"Books: one month of {rows:,} rows of each form, by consultant", measured, promises)


if __name__ == "__main__":
    main()
