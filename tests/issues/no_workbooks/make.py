from pathlib import Path


def make(folder: Path) -> list[Path]:
    (folder / "readme.md").write_text("no table")
    return [folder]
