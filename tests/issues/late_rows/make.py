"""After the month was closed one row changes, one leaves it and one is new."""

from tests.conftest import NOW, TODAY

import kpicli
from kpicli.workspace import Workspace

RUNS = [["input.csv"], ["later.csv"]]


def between(workspace: Workspace) -> None:
    kpicli.close(workspace, "2026-10", today=TODAY, now=NOW)
