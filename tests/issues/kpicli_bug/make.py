from pathlib import Path
from typing import NoReturn

import pytest


def make(folder: Path) -> list[Path]:
    (folder / "input.csv").write_text("日期,来店性质\n2026-10-03,首次\n", encoding="utf-8")
    return [folder / "input.csv"]


def spoil(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("kpicli.pipeline.ingest.recognise", _fails)


def _fails(*_: object) -> NoReturn:
    raise RuntimeError("联系电话 19900000001")  # what may hold personal data is not passed on
