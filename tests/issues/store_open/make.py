"""Somebody lets others read the store."""

from pathlib import Path


def damage(store: Path) -> None:
    store.chmod(0o755)
