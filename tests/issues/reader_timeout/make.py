from pathlib import Path

LIMITS = {"seconds": 0}


def make(folder: Path) -> list[Path]:
    (folder / "input.csv").write_text("日期,来店性质\n2026-10-03,首次\n", encoding="utf-8")
    return [folder / "input.csv"]
