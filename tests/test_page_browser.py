"""The page in a real browser: nothing goes wrong, nothing is fetched, nothing is cut off, and everybody can read it."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from kpicli.pipeline.ingest import Ingested
from kpicli.workspace import Workspace
from tests.test_cli import (
    call,
    shared_readers,  # noqa: F401 - a fixture: it works by being here
)

Sample = tuple[Workspace, Ingested]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PACKAGES = ("playwright-core@1.65.1", "axe-core@4.14.1")
LOOK = Path(__file__).parent / "browser" / "look.mjs"


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with the packages that drive the browser, and the browser."""
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    npm = shutil.which("npm")
    if not (browser and npm and shutil.which("node")):
        pytest.skip("needs Chromium, node and npm")
    folder = tmp_path_factory.mktemp("tools")
    fetched = subprocess.run(
        [npm, "install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", *PACKAGES],
        cwd=folder,
        capture_output=True,
        check=False,
        timeout=300,
    )
    if fetched.returncode:
        pytest.skip("npm cannot fetch playwright-core and axe-core")
    shutil.copy(LOOK, folder)
    return folder, browser


@pytest.mark.long
def test_the_page_in_a_browser(sample: Sample, tools: tuple[Path, str]) -> None:
    pages = {
        "closed.html": ("--as-of", "2026-11-01"),
        "running.html": ("--as-of", "2026-10-15", "--lang", "en"),
    }
    for name, words in pages.items():
        ended = call(
            "report", "--month", "2026-10", "--store", sample[0].store, "--format", "html", "--out", name, *words
        )
        assert ended.code == 0, ended.err
    folder, browser = tools
    axe = folder / "node_modules" / "axe-core" / "axe.min.js"
    looked = subprocess.run(
        ["node", "look.mjs", browser, axe, *(Path(name).resolve() for name in pages)],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=400,
    )
    assert looked.returncode == 0, looked.stderr
    told = json.loads(looked.stdout)
    assert told["found"] == []
    assert 2 <= told["sheets"] <= 5
