"""What all tests share: no network, no writing outside a test's folder, and the sample data read once."""

import os
import pickle
import sys
import tomllib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

import pytest
import typer

import kpicli
from kpicli.catalogue import Catalogue
from kpicli.loading import load
from kpicli.pipeline.ingest import Ingested
from kpicli.read import Limits, ReaderPool
from kpicli.workspace import Workspace

SAMPLES = Path(__file__).parents[1] / "sample_data"
TODAY = date(2026, 11, 1)
NOW = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
"""The processes that tests start, some hundred, do not each compile kpicli anew."""


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs in an empty folder, without settings from outside."""
    monkeypatch.chdir(tmp_path)
    for name in ("KPICLI_WORKSPACE", "KPICLI_LANG", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session", autouse=True)
def _made_once() -> Iterator[None]:
    """What thousands of commands have in common is made once: their parser, and what the shipped definitions say."""
    shipped = cache(load)
    parse = tomllib.loads
    parsed = cache(lambda text: pickle.dumps(parse(text)))

    def loaded(folder: Path | None = None) -> Catalogue:
        return shipped() if folder is None else load(folder)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kpicli.workspace.load", loaded)
        patch.setattr("tomllib.loads", lambda text: pickle.loads(parsed(text)))
        patch.setattr("typer.main.get_command", cache(typer.main.get_command))
        yield


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
