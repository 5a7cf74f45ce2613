"""Another program deletes a row."""

from pathlib import Path

from deltalake import DeltaTable


def damage(store: Path) -> None:
    DeltaTable(store / "visits").delete("visit_no = 'KL1'")
