"""A file of the store was copied in part."""

from pathlib import Path


def damage(store: Path) -> None:
    file = next(store.glob("visits/*/*.parquet"))
    file.write_bytes(file.read_bytes()[:100])
