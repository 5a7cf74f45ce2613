"""Times `kpicli ingest` of one table in its containers: `python -m tests.bench.containers [--rows N] [--rounds N]`."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from tests.containers import jsp_html, xls, xlsx

from .harness import KPICLI, Command, Promise, measure, ratio, show
from .sheets import table

WRITERS = {"xlsx": xlsx, "HTML named .xls": jsp_html, "true .xls": xls}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), arguments.rows, arguments.rounds)


def run(folder: Path, rows: int, rounds: int) -> None:
    store = folder / "store"
    content = {"客流": list(table("visits", rows))}
    commands = [
        Command(
            name,
            [KPICLI, "ingest", write(str(folder / f"{number}.xls"), content), "--store", store],
            lambda: shutil.rmtree(store, ignore_errors=True),
        )
        for number, (name, write) in enumerate(WRITERS.items())
    ]
    measured = measure(commands, rounds)
    promises = [Promise(f"{name} / xlsx", ratio(measured, name, "xlsx"), 3) for name in list(WRITERS)[1:]]
    show(f"Ingest: one sheet of {rows:,} rows in three containers", measured, promises)


if __name__ == "__main__":
    main()
