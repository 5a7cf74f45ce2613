import os
from pathlib import Path


def make(folder: Path) -> list[Path]:
    os.mkfifo(folder / "input.csv")
    return [folder / "input.csv"]
