"""Times the start of `kpicli`: `python -m tests.bench.startup [--rounds N]`, started in the project root."""

from __future__ import annotations

import argparse

from .harness import KPICLI, PYTHON, Command, Promise, measure, ratio, show

BARE_TYPER = """
import typer

app = typer.Typer()

@app.command()
def hello(name: str) -> None:
    print(name)

app()
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=21)
    rounds = parser.parse_args().rounds
    commands = [
        Command("kpicli --help", [KPICLI, "--help"]),
        Command("bare typer --help", [PYTHON, "-c", BARE_TYPER, "--help"]),
        Command("kpicli --version", [KPICLI, "--version"]),
        Command("python -c pass", [PYTHON, "-c", "pass"]),
    ]
    measured = measure(commands, rounds)
    promises = [
        Promise("kpicli --help / bare typer --help", ratio(measured, "kpicli --help", "bare typer --help"), 1.3),
        Promise("kpicli --version / python -c pass", ratio(measured, "kpicli --version", "python -c pass"), 3),
    ]
    show("Start", measured, promises)


if __name__ == "__main__":
    main()
