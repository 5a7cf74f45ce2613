from pathlib import Path


def make(folder: Path) -> list[Path]:
    (folder / "input.csv").write_text("Prénom,Arrivé\n", encoding="latin-1")
    return [folder / "input.csv"]
