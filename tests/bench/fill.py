"""Times filling a template with many repeated rows beside openpyxl's load and save of the result.

`python -m tests.bench.fill [--rows N] [--rounds N]`, started in the project root.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.test_fill import rich

from .harness import Command, Promise, measure, ratio, show

_FILL = """
import sys
from pathlib import Path
from kpicli.fill import fill
from tests.test_fill import said
fill(Path(sys.argv[1]), Path(sys.argv[2]), said(int(sys.argv[3])))
"""
_AGAIN = """
import sys, warnings
from openpyxl import load_workbook
warnings.simplefilter("ignore")
load_workbook(sys.argv[1]).save(sys.argv[2])
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), arguments.rows, arguments.rounds)


def run(folder: Path, rows: int, rounds: int) -> None:
    """Fill the tests' rich template, of half and of all the rows; load and save what came of it."""
    template, half, result, again = (folder / f"{name}.xlsx" for name in ("template", "half", "result", "again"))
    rich(template)
    commands = [
        Command(f"fill {rows // 2:,} rows", [sys.executable, "-c", _FILL, template, half, str(rows // 2)]),
        Command(f"fill {rows:,} rows", [sys.executable, "-c", _FILL, template, result, str(rows)]),
        Command("openpyxl, load and save", [sys.executable, "-c", _AGAIN, result, again]),
    ]
    measured = measure(commands, rounds)
    promises = [
        Promise("fill / openpyxl", ratio(measured, f"fill {rows:,} rows", "openpyxl, load and save"), 1.5),
        Promise("twice the rows", ratio(measured, f"fill {rows:,} rows", f"fill {rows // 2:,} rows"), 2.2),
    ]
    show(f"Template: {rows:,} repeated rows of seven cells, two formulas each", measured, promises)


if __name__ == "__main__":
    main()
