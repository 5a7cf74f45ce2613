"""Three workbooks of one month, where two files are few."""

from pathlib import Path

import pytest


def spoil(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("kpicli.store.health._MANY", 2)


def damage(store: Path) -> None:
    """Nothing: many files are no harm."""
