from pathlib import Path


def make(folder: Path) -> list[Path]:
    (folder / "~$input.xlsx").write_text("who has it open")
    return [folder]
