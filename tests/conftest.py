"""What all tests share: no network, no writing outside a test's folder, and the sample data read once."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

import kpicli
from kpicli.pipeline.ingest import Ingested
from kpicli.read import Limits, ReaderPool
from kpicli.workspace import Workspace

SAMPLES = Path(__file__).parents[1] / "sample_data"
TODAY = date(2026, 11, 1)
NOW = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs in an empty folder, without settings from outside."""
    monkeypatch.chdir(tmp_path)
    for name in ("KPICLI_WORKSPACE", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def readers() -> Iterator[ReaderPool]:
    """Reading processes shared by all tests: starting them takes longer than most tests."""
    with ReaderPool(2, Limits()) as pool:
        yield pool


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory, readers: ReaderPool) -> tuple[Workspace, Ingested]:
    """A store with all sample exports, and the account of reading them. Not to be written to."""
    workspace = kpicli.open_workspace(store=tmp_path_factory.mktemp("sample") / "store")
    return workspace, kpicli.ingest(workspace, [SAMPLES], now=NOW, readers=readers)
