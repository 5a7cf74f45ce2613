"""Somebody deletes a file of the store."""

from pathlib import Path


def damage(store: Path) -> None:
    next(store.glob("visits/*/*.parquet")).unlink()
