"""A page of a hundred thousand cells, and no memory to speak of."""

from pathlib import Path

LIMITS = {"memory_mib": 1}


def make(folder: Path) -> list[Path]:
    (folder / "input.html").write_text(f"<table>{'<tr><td>2026-10-03</td></tr>' * 100_000}</table>")
    return [folder / "input.html"]
