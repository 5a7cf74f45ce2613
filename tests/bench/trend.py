"""Times twelve months of trend beside a month's report, and beside pandas doing the same group-by over the same rows.

`python -m tests.bench.trend [--months N] [--rows N] [--rounds N]`, started in the project root.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import kpicli

from .harness import KPICLI, PYTHON, Command, Promise, measure, ratio, show
from .history import write_month
from .sheets import MONTH

KEYS = ("traffic", "showroom_visits", "showroom_customers")
PANDAS = """
import json, sys, pandas
columns = ["日期", "接触方式", "联系电话"]
files = sys.argv[1:]
read = lambda path: pandas.read_csv(path, usecols=columns, dtype={"联系电话": "string"}, parse_dates=["日期"])
rows = pandas.concat(map(read, files), ignore_index=True)
rows["month"] = rows["日期"].dt.strftime("%Y-%m")
came = rows[rows["接触方式"] == "来店"].groupby("month")
customers = came["联系电话"].nunique() + came["联系电话"].agg(lambda phones: phones.isna().sum())
found = [rows.groupby("month").size(), came.size(), customers]
print(json.dumps([series.tail(12).tolist() for series in found]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--months", type=int, default=24)
    parser.add_argument("--rows", type=int, default=10_000, help="visits a month")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), arguments.months, arguments.rows, arguments.rounds)


def run(folder: Path, months: int, rows: int, rounds: int) -> None:
    """Follow three numbers over the last year, each beside the year before; pandas reads the exports themselves."""
    store = folder / "store"
    files = [write_month(folder, number, number - months + 1, rows) for number in range(months)]
    kpicli.ingest(kpicli.open_workspace(store=store), files)
    last = ["--month", f"{MONTH:%Y-%m}", "--store", store, "--json"]
    commands = [
        Command("report", [KPICLI, "report", *last]),
        Command("trend", [KPICLI, "trend", *KEYS, *last]),
        Command("trend of the league", [KPICLI, "trend", *last]),
        Command("pandas", [PYTHON, "-c", PANDAS, *files]),
    ]
    told = json.loads(subprocess.run(commands[1].argv, check=True, capture_output=True).stdout)
    values = [[point["value"] for point in series["points"]] for series in told["series"]]
    assert values == json.loads(subprocess.run(commands[3].argv, check=True, capture_output=True).stdout)
    measured = measure(commands, rounds)
    promises = [
        Promise("trend / report", ratio(measured, "trend", "report"), 1.3),
        Promise("trend / pandas", ratio(measured, "trend", "pandas"), 1.2),
    ]
    show(f"Trend: 12 of {months} months of {rows:,} visits", measured, promises)


if __name__ == "__main__":
    main()
