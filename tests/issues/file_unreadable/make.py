"""A file where a folder should be: permissions would not keep root from reading."""

from pathlib import Path


def make(folder: Path) -> list[Path]:
    (folder / "folder").write_text("no folder")
    return [folder / "folder" / "input.csv"]
