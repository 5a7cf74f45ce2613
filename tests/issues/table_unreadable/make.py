"""The table's log was copied in part."""

from pathlib import Path


def damage(store: Path) -> None:
    entry = next(store.glob("visits/_delta_log/*0.json"))
    entry.write_bytes(entry.read_bytes()[:100])
