from pathlib import Path

LIMITS = {"seconds": 0}


def make(folder: Path) -> list[Path]:
    lines = "2026-10-03,首次\n" * 500_000  # enough to be busy with for a moment
    (folder / "input.csv").write_text(f"日期,来店性质\n{lines}", encoding="utf-8")
    return [folder / "input.csv"]
