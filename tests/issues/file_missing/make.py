from pathlib import Path


def make(folder: Path) -> list[Path]:
    return [folder / "input.csv"]
