"""Times `kpicli ingest` of four large workbooks against scripts that only read them.

`python -m tests.bench.ingest [--rows N] [--rounds N] [--skip-pandas]`, started in the project root.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

from .harness import KPICLI, PYTHON, Command, Promise, measure, ratio, show
from .sheets import write_all

_READ = """
def read(path):
    return fastexcel.read_excel(path).load_sheet(0, header_row=None, skip_rows=0, dtypes="string").to_polars()
"""
ONE_BY_ONE = f"""
import sys, fastexcel
{_READ}
frames = [read(path) for path in sys.argv[1:]]
"""
TWO_THREADS = f"""
import sys, fastexcel
from concurrent.futures import ThreadPoolExecutor
{_READ}
with ThreadPoolExecutor(2) as threads:
    frames = list(threads.map(read, sys.argv[1:]))
"""
PANDAS = """
import sys, pandas
frames = [pandas.read_excel(path, engine="openpyxl") for path in sys.argv[1:]]
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000, help="rows of each workbook")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--skip-pandas", action="store_true", help="it takes minutes")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), arguments.rows, arguments.rounds, skip_pandas=arguments.skip_pandas)


def run(folder: Path, rows: int, rounds: int, *, skip_pandas: bool) -> None:
    files = write_all(folder / "exports", rows)
    store, paths = folder / "store", list(files.values())

    def no_store() -> None:
        shutil.rmtree(store, ignore_errors=True)

    commands = [
        Command("kpicli ingest", [KPICLI, "ingest", *paths, "--store", store], no_store),
        Command("fastexcel, one by one", [PYTHON, "-c", ONE_BY_ONE, *paths]),
        Command("fastexcel, two threads", [PYTHON, "-c", TWO_THREADS, *paths]),
        Command("kpicli ingest, visits alone", [KPICLI, "ingest", files["visits"], "--store", store], no_store),
    ]
    if not skip_pandas:
        commands.append(Command("pandas with openpyxl", [PYTHON, "-c", PANDAS, *paths], rounds=1))
    measured = measure(commands, rounds)
    peak = measured["kpicli ingest, visits alone"].peak
    promises = [
        Promise("kpicli / fastexcel one by one", ratio(measured, "kpicli ingest", "fastexcel, one by one"), 2.5),
        Promise("kpicli / fastexcel two threads", ratio(measured, "kpicli ingest", "fastexcel, two threads"), 2, 1.5),
        Promise("pandas / kpicli", ratio(measured, "pandas with openpyxl", "kpicli ingest"), 8, 10, at_least=True),
        Promise("peak memory, visits alone", peak, 400, unit="MB"),
    ]
    show(f"Ingest: four workbooks of {rows:,} rows", measured, promises)
    print(f"\nkpicli stored {stored(paths, folder / 'checked'):,} of {4 * rows:,} rows.")


def stored(paths: list[Path], store: Path) -> int:
    """How many rows one more ingest stores: a fast one that loses rows is no fast one."""
    argv: list[str | Path] = [KPICLI, "ingest", *paths, "--store", store, "--json"]
    answer = json.loads(subprocess.run(argv, check=True, capture_output=True).stdout)
    return int(answer["stored"])


if __name__ == "__main__":
    main()
